#include "store/events/fold.h"
#include "base/limits.h"

enum { WORDS = (RETENTION_PERIODS_MAX + 63) / 64 };
typedef struct Marks { uint64_t w[WORDS]; } Marks;         /* a bit a period */

static void mark(Marks *m, size_t i) { m->w[i / 64] |= UINT64_C(1) << (i % 64); }
/* The next marked period at i or after; n: none. */
static size_t next_mark(const Marks *m, size_t i, size_t n)
{
    while (i < n) {
        uint64_t rest = m->w[i / 64] >> (i % 64);
        if (rest) return i + (size_t)__builtin_ctzll(rest);
        i = (i / 64 + 1) * 64;
    }
    return n;
}
/* rows have n, n - 1 ... columns */
static int64_t *row_of(Fold *f, size_t i) { return f->values + i * f->grid->n - i * (i - 1) / 2; }
static void add_row(Fold *f, size_t i, const Marks *back)
{
    int64_t *row = row_of(f, i);
    size_t n = f->grid->n;
    row[0]++;
    for (size_t p = next_mark(back, i + 1, n); p < n; p = next_mark(back, p + 1, n)) row[p - i]++;
}
void fold_retention(Fold *f, const int64_t *times, const uint8_t *codes, size_t n)
{
    const Grid *g = f->grid;
    Marks start = { { 0 } }, back = { { 0 } };
    bool started = false;
    size_t p = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_start = codes[i] & FOLD_START;
        if (times[i] < g->starts[0]) {
            if (is_start && f->first_time) return;         /* born before the grid: in no row */
            continue;
        }
        p = fold_period(g, p, times[i]);
        if (p == g->n) break;
        if (is_start && !(f->first_time && started)) mark(&start, p);
        started |= is_start;
        if (codes[i] & FOLD_RETURN) mark(&back, p);
    }
    for (size_t i = next_mark(&start, 0, g->n); i < g->n; i = next_mark(&start, i + 1, g->n)) add_row(f, i, &back);
}
