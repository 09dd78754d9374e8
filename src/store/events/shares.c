#include "store/events/shares.h"
#include <math.h>
#include <stdlib.h>

static const double Z = 1.959963984540054, EXPECTED_LEAST = 5, ALIKE = 1 + 1e-7;

static void wilson(double x, double n, double *ret_low, double *ret_high)
{
    double middle = 2 * x + Z * Z, half = Z * sqrt(Z * Z + 4 * x * (1 - x / n)), all = 2 * (n + Z * Z);
    *ret_low = (middle - half) / all;
    *ret_high = (middle + half) / all;
}
static double z_test(double x1, double n1, double x2, double n2)
{
    double pooled = (x1 + x2) / (n1 + n2);
    double z = (x1 / n1 - x2 / n2) / sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2));
    return erfc(fabs(z) * sqrt(0.5));
}
/* A table by its first number k, the margins given. */
typedef struct Margins { int64_t n1, n2, x, least, most, mode; } Margins;

static double step_up(const Margins *m, int64_t k)         /* likelihood of k + 1 ÷ that of k */
{
    return (double)(m->n1 - k) * (double)(m->x - k) / ((double)(k + 1) * (double)(m->n2 - m->x + k + 1));
}
/* Outwards from the mode, whose weight is 1: so nothing overflows, and what underflows does not matter. */
static double fisher(int64_t x1, int64_t n1, int64_t x2, int64_t n2)
{
    Margins m = { .n1 = n1, .n2 = n2, .x = x1 + x2 };
    m.least = m.x > n2 ? m.x - n2 : 0;
    m.most = m.x < n1 ? m.x : n1;
    m.mode = (n1 + 1) * (m.x + 1) / (n1 + n2 + 2);
    if (m.mode < m.least) m.mode = m.least;
    if (m.mode > m.most) m.mode = m.most;
    double seen = 1, all = 0, rare = 0, w = 1;
    for (int64_t k = m.mode; k < x1; k++) seen *= step_up(&m, k);
    for (int64_t k = m.mode; k > x1; k--) seen /= step_up(&m, k - 1);
    for (int64_t k = m.mode; k <= m.most && w > 0; k++) {
        all += w;
        if (w <= seen * ALIKE) rare += w;
        w *= step_up(&m, k);
    }
    w = 1;
    for (int64_t k = m.mode; k > m.least && w > 0; k--) {
        w /= step_up(&m, k - 1);
        all += w;
        if (w <= seen * ALIKE) rare += w;
    }
    return rare / all;
}
static double least_expected(double x1, double n1, double x2, double n2)
{
    double rows = n1 < n2 ? n1 : n2, yes = x1 + x2, no = n1 + n2 - yes;
    return rows * (yes < no ? yes : no) / (n1 + n2);
}
Shares shares_compare(int64_t x1, int64_t n1, int64_t x2, int64_t n2)
{
    double a = (double)x1, n = (double)n1, b = (double)x2, k = (double)n2, low[2], high[2];
    Shares s = { .share = { a / n, b / k }, .exact = least_expected(a, n, b, k) < EXPECTED_LEAST };
    wilson(a, n, &low[0], &high[0]);
    wilson(b, k, &low[1], &high[1]);
    s.difference = s.share[0] - s.share[1];
    s.low = s.difference - hypot(s.share[0] - low[0], high[1] - s.share[1]);
    s.high = s.difference + hypot(high[0] - s.share[0], s.share[1] - low[1]);
    if (x2) s.lift = s.share[0] / s.share[1];
    s.p = s.exact ? fisher(x1, n1, x2, n2) : z_test(a, n, b, k);
    return s;
}
double shares_strength(const Shares *s) { return fmax(s->low, -s->high); }

static int smaller_first(const void *a, const void *b)
{
    const SharesLook *x = a, *y = b;
    if (x->p != y->p) return x->p < y->p ? -1 : 1;
    return x->which < y->which ? -1 : x->which > y->which;
}
void shares_adjust(SharesLook *looks, size_t n)
{
    double least = 1;
    if (n) qsort(looks, n, sizeof *looks, smaller_first);
    for (size_t i = n; i-- > 0;) {
        double q = looks[i].p * (double)n / (double)(i + 1);
        if (q < least) least = q;
        looks[i].p = least;
    }
}
