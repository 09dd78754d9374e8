/* shares: two shares compared: by how much they differ, how sure that is, and the same for many of them at once.
 *
 *     interval  of the difference, 95 %: Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, 873-890,
 *               method 10). With l, u the bounds of Wilson's interval of each share p = x / n,
 *                   l, u = (2 x + z² -+ z √(z² + 4 x (1 - p))) / (2 (n + z²)),     z = 1.959964
 *                   low  = p1 - p2 - √((p1 - l1)² + (u2 - p2)²)
 *                   high = p1 - p2 + √((u1 - p1)² + (p2 - l2)²)
 *     p         two-sided, of no difference: the z-test with the pooled share where all four expected numbers are 5 or
 *               more, else Fisher's exact test: the chance of all tables that are no likelier than this one
 *     q         Benjamini and Hochberg (JRSS B 57, 1995, 289-300): of what is told up to q, at most the share q is
 *               expected to be false */
#ifndef LIUKE_SHARES_H
#define LIUKE_SHARES_H
#include "base/base.h"

typedef struct Shares {
    double share[2], difference, low, high;
    double lift;                 /* first / second; 0 where the second is 0 */
    double p;
    bool   exact;                /* p is Fisher's */
} Shares;
/* x of n each, 0 <= x <= n, 1 <= n < 2^31. Cost: 100 ns; Fisher's some √(n1 + n2) steps. */
Shares shares_compare(int64_t x1, int64_t n1, int64_t x2, int64_t n2);
/* How far from zero the whole interval is, on either side; below 0: zero is inside, so deep. */
double shares_strength(const Shares *);
typedef struct SharesLook { double p; size_t which; } SharesLook;
void   shares_adjust(SharesLook *, size_t n);    /* p to q; sorted by it afterwards. In place, n log n */
#endif
