#include "store/events/fold_trend_rig_test.h"
#include "base/arena.h"

static void trend_person(Fold *fold, const Span *s)
{
    FoldTrend *f = (FoldTrend *)fold;
    size_t p = 0, last = SIZE_MAX;
    for (size_t i = 0; i < s->n; i++) {
        if (s->time[i] < f->grid->starts[0]) continue;
        p = fold_period(f->grid, p, s->time[i]);
        if (p == f->grid->n) return;
        f->values[p] += !f->people || p != last;
        last = p;
    }
}
static Status trend_fork(Cx *cx, const Fold *fold, Fold **ret)
{
    FoldTrend *f = mem_get(sizeof *f);
    if (f) *f = *(const FoldTrend *)fold;
    if (f) f->values = mem_get((f->grid->n + 1) * sizeof *f->values);
    if (!f || !f->values) {
        mem_free(f);
        return fail(cx, ST_NO_MEM, "trend: %zu periods", ((const FoldTrend *)fold)->grid->n);
    }
    *ret = &f->fold;
    return ST_OK;
}
static void trend_merge(Fold *fold, Fold *from)
{
    FoldTrend *f = (FoldTrend *)fold, *o = (FoldTrend *)from;
    for (size_t i = 0; i < f->grid->n; i++) f->values[i] += o->values[i];
}
static void trend_done(Fold *fold)
{
    mem_free(((FoldTrend *)fold)->values);
    mem_free(fold);
}
FoldTrend fold_trend(const Grid *grid, bool people, int64_t *values)
{
    return (FoldTrend){ { trend_person, trend_fork, trend_merge, trend_done, ST_OK }, grid, people, values };
}
