#include "store/events/fold_retention.h"
#include "base/arena.h"
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
static int64_t *row_of(FoldRetention *f, size_t i) { return f->values + i * f->grid->n - i * (i - 1) / 2; }
static void add_row(FoldRetention *f, size_t i, const Marks *back)
{
    int64_t *row = row_of(f, i);
    size_t n = f->grid->n;
    row[0]++;
    for (size_t p = next_mark(back, i + 1, n); p < n; p = next_mark(back, p + 1, n)) row[p - i]++;
}
static void retention_person(Fold *fold, const Span *s)
{
    FoldRetention *f = (FoldRetention *)fold;
    const Grid *g = f->grid;
    Marks start = { { 0 } }, back = { { 0 } };
    bool started = false;
    size_t p = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool is_start = s->mask[i] & FOLD_START;
        if (s->time[i] < g->starts[0]) {
            if (is_start && f->first_time) return;         /* born before the grid: in no row */
            continue;
        }
        p = fold_period(g, p, s->time[i]);
        if (p == g->n) break;
        if (is_start && !(f->first_time && started)) mark(&start, p);
        started |= is_start;
        if (s->mask[i] & FOLD_RETURN) mark(&back, p);
    }
    for (size_t i = next_mark(&start, 0, g->n); i < g->n; i = next_mark(&start, i + 1, g->n)) add_row(f, i, &back);
}
static size_t values_of(const FoldRetention *f) { return f->grid->n * (f->grid->n + 1) / 2; }
static Status retention_fork(Cx *cx, const Fold *fold, Fold **ret)
{
    FoldRetention *f = mem_get(sizeof *f);
    if (f) *f = *(const FoldRetention *)fold;
    if (f) f->values = mem_get((values_of(f) + 1) * sizeof *f->values);
    if (!f || !f->values) {
        mem_free(f);
        return fail(cx, ST_NO_MEM, "retention: its values");
    }
    *ret = &f->fold;
    return ST_OK;
}
static void retention_merge(Fold *fold, Fold *from)
{
    FoldRetention *f = (FoldRetention *)fold, *o = (FoldRetention *)from;
    for (size_t i = 0; i < values_of(f); i++) f->values[i] += o->values[i];
}
static void retention_done(Fold *fold)
{
    mem_free(((FoldRetention *)fold)->values);
    mem_free(fold);
}
FoldRetention fold_retention(const Grid *grid, bool first_time, int64_t *values)
{
    return (FoldRetention){ { retention_person, retention_fork, retention_merge, retention_done, ST_OK }, grid,
        first_time, values };
}
