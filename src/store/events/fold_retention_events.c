#include "store/events/fold_retention.h"
#include "base/arena.h"
#include <stdlib.h>
#include <string.h>

enum { SLOTS_KEPT = 1024 };      /* emptied for each person */

/* One thread's walk over people whose question asks more than presence. */
typedef struct Walk {
    Fold      fold;
    FoldRetentionCounter c;
    FoldRetentionUnit unit;
    uint64_t *order;             /* the span's events by group: group << 32 | event */
    size_t    cap;
    Groups    groups;            /* of the span */
} Walk;

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}
static Status order_room(Walk *w, size_t n)
{
    if (n <= w->cap) return ST_OK;
    uint64_t *more = mem_grow(w->order, 2 * n * sizeof *more);
    if (!more) return ST_NO_MEM;
    w->order = more;
    w->cap = 2 * n;
    return ST_OK;
}
static bool same_group(const FoldCol *cols, size_t n, size_t a, size_t b)
{
    for (size_t k = 0; k < n; k++)
        if (cols[k].value[a] != cols[k].value[b] || cols[k].kind[a] != cols[k].kind[b]) return false;
    return true;
}
/* The span's events group by group, each in time order. */
static Status order(Walk *w, const Span *s)
{
    size_t n_keys = w->c.spec->q->scope.n_breakdown;
    bool sorted = true;
    uint32_t group = 0;
    TRY(order_room(w, s->n));
    for (size_t i = 0; i < s->n; i++) {
        if (n_keys && !(i && same_group(s->cols, n_keys, i - 1, i))) {
            GroupKey key = groups_key_at(s->cols, n_keys, i);
            TRY(groups_add(&w->groups, &key, &group));
        }
        w->order[i] = (uint64_t)group << 32 | i;
        if (i && w->order[i] < w->order[i - 1]) sorted = false;
    }
    if (!sorted) qsort(w->order, s->n, sizeof *w->order, by_number);
    return ST_OK;
}
static Status take_unit(Walk *w, const Span *s, const uint64_t *order, size_t n)
{
    const FoldRetentionSpec *spec = w->c.spec;
    size_t value = spec->q->scope.n_breakdown;             /* its slot */
    bool sums = spec->q->value.n > 0;
    FoldRetentionUnit *u = &w->unit;
    FoldRetentionStrip strip;
    fold_retention_unit_start(u);
    for (size_t k = 0; k < n; k++) {
        size_t i = (uint32_t)order[k];
        if (!fold_retention_unit_event(u, s->time[i], s->mask[i], sums ? s->cols[value].kind[i] : PROP_NULL,
            sums ? s->cols[value].value[i] : 0)) break;
    }
    if (!fold_retention_unit_end(u, &strip)) return ST_OK;
    uint32_t group = 0;
    if (spec->keyed) TRY(fold_retention_group(&w->c, &w->groups.keys[order[0] >> 32], &group));
    return fold_retention_add(&w->c, s->root, group, &strip);
}
static Status take_span(Walk *w, const Span *s)
{
    size_t n_keys = w->groups.n_keys;
    if (w->groups.n_slots > SLOTS_KEPT) groups_done(&w->groups);
    w->groups.n_keys = n_keys;
    w->groups.n = 0;
    if (w->groups.n_slots) memset(w->groups.slots, 0, w->groups.n_slots * sizeof *w->groups.slots);
    TRY(order(w, s));
    for (size_t i = 0, end; i < s->n; i = end) {
        for (end = i + 1; end < s->n && w->order[end] >> 32 == w->order[i] >> 32;) end++;
        TRY(take_unit(w, s, w->order + i, end - i));
    }
    return ST_OK;
}
static void person(Fold *fold, const Span *s) { fold->st = take_span((Walk *)fold, s); }
static void done(Fold *fold)
{
    Walk *w = (Walk *)fold;
    fold_retention_done(&w->c);
    fold_retention_unit_done(&w->unit);
    groups_done(&w->groups);
    mem_free(w->order);
    mem_free(w);
}
static void merge(Fold *fold, Fold *from)
{
    Walk *to = (Walk *)fold, *w = (Walk *)from;
    fold->st = fold_retention_end(&w->c);
    if (fold->st == ST_OK) fold->st = fold_retention_merge(&to->c, &w->c);
}
static Status fork(Cx *cx, const Fold *fold, Fold **ret)
{
    return fold_retention_events(cx, ((const Walk *)fold)->c.spec, ret);
}
Status fold_retention_events(Cx *cx, const FoldRetentionSpec *spec, Fold **ret)
{
    Walk *w = mem_get(sizeof *w);
    if (!w) return fail(cx, ST_NO_MEM, "retention: a thread");
    w->fold = (Fold){ .person = person, .fork = fork, .merge = merge, .done = done };
    w->groups.n_keys = spec->q->scope.n_breakdown;
    w->c.spec = spec;
    if (fold_retention_unit_open(&w->unit, spec) != ST_OK || fold_retention_open(&w->c, spec) != ST_OK) {
        done(&w->fold);
        return fail(cx, ST_NO_MEM, "retention: a thread");
    }
    *ret = &w->fold;
    return ST_OK;
}
FoldRetentionCounter *fold_retention_events_counter(Fold *fold) { return &((Walk *)fold)->c; }
