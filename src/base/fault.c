#include "base/fault.h"

#ifdef LIUKE_FAULT
#include <stdatomic.h>

static _Atomic long countdown[FAULT_KINDS_];      /* 0: off, n: the n-th from now fails */
static _Atomic bool fired[FAULT_KINDS_];

void fault_arm(FaultKind k, long n)
{
    fired[k] = false;
    countdown[k] = n + 1;
}
bool fault_fired(FaultKind k) { return fired[k]; }
bool fault_hit(FaultKind k)
{
    if (countdown[k] == 0 || atomic_fetch_sub(&countdown[k], 1) != 1) return false;
    fired[k] = true;
    return true;
}
#else
typedef int fault_is_off;                         /* a file must not be empty */
#endif
