#include "store/events/presence_cols.h"
#include "store/events/presence_moved.h"
#include "base/arena.h"
#include <string.h>

enum { GRANULES_MAX = 1 << 16 };

static unsigned granule(const Grid *g, int64_t span)
{
    int64_t least = INT64_MAX;
    unsigned shift = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->starts[i + 1] - g->starts[i] < least) least = g->starts[i + 1] - g->starts[i];
    while (INT64_C(2) << shift <= least && shift < 61) shift++;
    while (span >> shift >= GRANULES_MAX) shift++;
    return shift;
}
Status presence_clock(Cx *cx, const Grid *g, const int64_t *ends, int64_t first, int64_t last, PresenceClock *ret)
{
    unsigned shift = granule(g, last - first);
    size_t n = (size_t)((last - first) >> shift) + 1, e = 0;
    int32_t *at = ARENA_MANY(cx->arena, int32_t, n);
    if (!at) return fail(cx, ST_NO_MEM, "presence: a table of times");
    for (size_t i = 0; i < n; i++) {
        while (first + ((int64_t)i << shift) >= ends[e]) e++;
        at[i] = (int32_t)e;
    }
    *ret = (PresenceClock){ .ends = ends, .base = first, .shift = shift, .at = at };
    return ST_OK;
}
Status presence_ends(Cx *cx, const Grid *g, const int64_t **ret)
{
    int64_t *ends = ARENA_MANY(cx->arena, int64_t, g->n + 2);
    if (!ends) return fail(cx, ST_NO_MEM, "presence: a grid");
    memcpy(ends, g->starts, (g->n + 1) * sizeof *ends);
    ends[g->n + 1] = INT64_MAX;
    *ret = ends;
    return ST_OK;
}
static void times_of(const Segment *s, int64_t *ret_first, int64_t *ret_last)
{
    *ret_first = INT64_MAX;
    *ret_last = INT64_MIN;
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        if (s->blocks[i].min < *ret_first) *ret_first = s->blocks[i].min;
        if (s->blocks[i].max > *ret_last) *ret_last = s->blocks[i].max;
    }
}
static uint32_t name_in(const Segment *s, const Matcher *m)
{
    if (m->any) return (uint32_t)PRESENCE_ANY_NAME;
    for (uint32_t i = 0; i < s->n_names; i++) if (str_eq(s->names[i], m->name)) return i;
    return (uint32_t)PRESENCE_NO_NAME;
}
static uint64_t mask_bits(uint32_t name)
{
    if (name == (uint32_t)PRESENCE_ANY_NAME) return UINT64_MAX;
    return UINT64_C(1) << (name < SEGMENT_MASK_OTHER ? name : SEGMENT_MASK_OTHER);
}
Status presence_part(Cx *cx, Segment *s, const PresencePlan *plan, const int64_t *ends, const Matcher *const *asked,
    size_t matchers, PresencePart *ret)
{
    size_t past = plan->grid->n + 1;
    uint8_t flags = 0;
    *ret = (PresencePart){ .seg = s, .matchers = matchers };
    times_of(s, &ret->begin, &ret->last);
    TRY(presence_clock(cx, plan->grid, ends, ret->begin, ret->last, &ret->clock));
    size_t from = presence_clock_at(&ret->clock, ret->begin), to = presence_clock_at(&ret->clock, ret->last) + 1;
    if (from == 0 && !plan->before) from = 1;
    if (to > past) to = past;
    if (from >= to) return ST_NOT_FOUND;
    ret->first = from;
    ret->n = to - from;
    for (uint32_t i = 0; i < s->n_blocks; i++) flags |= s->blocks[i].flags;
    ret->hide = flags & plan->sel->hide;
    for (size_t m = 0; m < matchers; m++) {
        ret->name[m] = name_in(s, asked[m]);
        if (ret->name[m] != (uint32_t)PRESENCE_NO_NAME) ret->bits[m] = mask_bits(ret->name[m]);
    }
    return ST_OK;
}
Status presence_parts(Cx *cx, const Snapshot *snap, const PresencePlan *plan, PresenceParts *ret)
{
    const Matcher *asked[SELECTOR_MATCHERS];
    const SegmentSet *set = snap->set;
    *ret = (PresenceParts){ .p = ARENA_MANY(cx->arena, PresencePart, set->n) };
    if (!ret->p) return fail(cx, ST_NO_MEM, "presence: %zu segments", set->n);
    if (plan->sel->n_matchers > PRESENCE_PART_MATCHERS) return ST_NOT_FOUND;
    for (size_t m = 0; m < plan->sel->n_matchers; m++) asked[m] = &plan->sel->matchers[m];
    TRY(presence_ends(cx, plan->grid, &ret->ends));
    for (size_t i = 0; i < set->n; i++) {
        Segment *s = set->segs[i];
        if (s->damaged || s->n_blocks == 0) continue;
        Status st = presence_part(cx, s, plan, ret->ends, asked, plan->sel->n_matchers, &ret->p[ret->n]);
        if (st == ST_NOT_FOUND) continue;
        TRY(st);
        ret->n++;
        ret->events += s->info.events;
        if (s->moves != snap->people->moves) TRY(presence_nobody_moved(cx, snap, s));
    }
    return ST_OK;
}
