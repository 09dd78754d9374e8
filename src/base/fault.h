/* fault: the test seam for failing the n-th operation of a kind.
 *
 * Compiled in by -Dfault=true; in a normal build fault_hit() is the constant false.
 * Armed counters are process-wide and atomic. FAULT_AGAIN makes tx_run() throw a
 * finished run away and start over. */
#ifndef LIUKE_FAULT_H
#define LIUKE_FAULT_H
#include "base/base.h"

typedef enum FaultKind {
    FAULT_ALLOC, FAULT_DB, FAULT_AGAIN, FAULT_WRITE, FAULT_SYNC, FAULT_RENAME, FAULT_SEND,
    FAULT_KINDS_
} FaultKind;
#ifdef LIUKE_FAULT
bool fault_hit(FaultKind);
void fault_arm(FaultKind, long countdown);    /* fails the (countdown+1)-th from now; -1: off */
bool fault_fired(FaultKind);
#else
#define fault_hit(k) false
#endif
#endif
