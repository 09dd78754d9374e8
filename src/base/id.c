#include "base/id.h"
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

static const int64_t EPOCH = 1577836800000;       /* 2020-01-01 */
static const char DIGITS[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static int64_t node;
static _Atomic int64_t tick;                      /* last ms << 12 | counter given out */

void id_start(int n)
{
    assert(n >= 0 && n < 1024);
    node = n;
}
int64_t id_new(const Cx *cx)
{
    assert(cx->now >= EPOCH);
    int64_t now = (cx->now - EPOCH) << 12, was = atomic_load(&tick), next;
    do next = now > was ? now : was + 1; while (!atomic_compare_exchange_weak(&tick, &was, next));
    return next >> 12 << 22 | node << 12 | (next & 4095);
}
int64_t id_time(int64_t id) { return (id >> 22) + EPOCH; }
size_t id_text(const char *prefix, int64_t id, char ret[ID_TEXT_MAX + 1])
{
    size_t n = strlen(prefix);
    assert(n <= ID_PREFIX_MAX);
    memcpy(ret, prefix, n);
    ret[n++] = '_';
    for (size_t i = 13; i-- > 0; id >>= 5) ret[n + i] = DIGITS[id & 31];
    ret[n + 13] = 0;
    return n + 13;
}
static int digit_of(char c)
{
    if (c >= 'a' && c <= 'z') c = (char)(c - 32);
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const char *at = c ? strchr(DIGITS, c) : NULL;
    return at ? (int)(at - DIGITS) : -1;
}
bool id_parse(Str s, const char *prefix, int64_t *ret)
{
    size_t n = strlen(prefix);
    uint64_t v = 0;
    if (s.n != n + 14 || memcmp(s.p, prefix, n) != 0 || s.p[n] != '_') return false;
    for (size_t i = n + 1; i < s.n; i++) {
        int d = digit_of(s.p[i]);
        if (d < 0 || (i == n + 1 && d > 7)) return false;    /* 63 bits in 65 */
        v = v << 5 | (unsigned)d;
    }
    *ret = (int64_t)v;
    return true;
}
