#include "store/events/query_trend.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/fold_series.h"
#include "store/events/query_trend_in.h"
#include <stdlib.h>
#include <string.h>

enum { BREAKDOWN_DEFAULT = 25, GROUPS_AT_ONCE = 8 };

typedef struct Work {
    const TrendQuery *q;
    const Snapshot *snap;
    Selector   sel;
    ScanSlot   slots[QUERY_BREAKDOWNS + TREND_SERIES_MAX];
    ScanPlan   scan;
    SeriesPlan plan;
    SeriesFold fold;
    ScanCount  count;
    const QueryGroup *texts;     /* of the answer's groups */
    size_t     behind;           /* the one whose people are wanted */
    uint32_t  *order;            /* the answer's groups as groups of the fold */
    size_t     n_order;
    bool       other;            /* one more: whatever is not among them */
    Groups     fixed;
} Work;

static size_t slot_for(Work *w, Str prop)
{
    for (size_t i = w->plan.n_keys; i < w->scan.n_slots; i++) if (str_eq(w->slots[i].name, prop)) return i;
    w->slots[w->scan.n_slots] = (ScanSlot){ .kind = SLOT_PROP, .name = prop };
    return w->scan.n_slots++;
}
static Status prepare(Cx *cx, Work *w)
{
    const TrendQuery *q = w->q;
    const QueryScope *s = &q->scope;
    TRY(zone_grid(cx, s->zone, s->period, s->week_start, q->from, q->to, ASK_PERIODS_MAX, &w->plan.grid.starts,
        &w->plan.grid.n));
    w->plan.series = q->series;
    w->plan.n_series = q->n_series;
    w->plan.n_keys = s->n_breakdown;
    w->plan.run = s->run;
    w->sel = (Selector){ .filter = s->filter, .hide = QUERY_HIDE };
    w->scan = (ScanPlan){ .sel = &w->sel, .slots = w->slots, .texts = s->texts, .who = s->who, .from = q->from,
        .to = q->to, .count_from = q->from, .run = s->run };
    for (size_t i = 0; i < s->n_breakdown; i++) w->slots[w->scan.n_slots++] = s->breakdown[i];
    for (size_t i = 0; i < q->n_series; i++) {
        w->sel.matchers[w->sel.n_matchers++] = q->series[i].event;
        if (q->series[i].measure >= TREND_SUM) w->plan.slot_of[i] = slot_for(w, q->series[i].prop);
    }
    return ST_OK;
}
static Status scan(Cx *cx, Work *w)
{
    fold_series_done(&w->fold);
    fold_series_begin(&w->fold, &w->plan);
    return scan_fold(cx, w->snap, &w->scan, &w->fold.fold, &w->count);
}

/* ---- which groups ---- */

typedef struct Ranked { uint32_t group; int64_t people, events; QueryGroup texts; } Ranked;
static int by_people(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->people != y->people) return x->people > y->people ? -1 : 1;
    for (size_t i = 0; i < QUERY_BREAKDOWNS; i++) {
        int c = str_cmp(x->texts.value[i], y->texts.value[i]);
        if (c) return c;
    }
    return x->group < y->group ? -1 : x->group > y->group;
}
/* By the first series, by the others where it has nothing: people where people are counted, else events. */
static int64_t rank_of(const Work *w, size_t group)
{
    size_t last = series_width(&w->plan) - 1;
    bool events = query_trend_counts(w->q);
    int64_t ret = 0;
    for (size_t k = 0; k < w->plan.n_series && ret == 0; k++) {
        const SeriesCell *c = series_cell(&w->fold, group, k, last);
        ret = events ? c->events : c->people;
    }
    return ret;
}
static Status rank(Cx *cx, Work *w, Ranked **ret)
{
    Ranked *r = ARENA_MANY(cx->arena, Ranked, w->fold.groups.n + 1);
    if (!r) return fail(cx, ST_NO_MEM, "trend: %zu groups", w->fold.groups.n);
    for (size_t i = 0; i < w->fold.groups.n; i++) {
        r[i] = (Ranked){ .group = (uint32_t)i, .people = rank_of(w, i) };
        TRY(query_group(cx, &w->q->scope, &w->fold.groups.keys[i], &r[i].texts));
    }
    qsort(r, w->fold.groups.n, sizeof *r, by_people);
    *ret = r;
    return ST_OK;
}
/* The largest groups become the only ones, and everything is counted again: a person of two small groups is one of the
 * other, which no sum of theirs tells. */
static Status narrow(Cx *cx, Work *w, const Ranked *r, size_t keep)
{
    uint32_t number;
    for (size_t i = 0; i < keep; i++)
        if (groups_add(&w->fixed, &w->fold.groups.keys[r[i].group], &number) != ST_OK)
            return fail(cx, ST_NO_MEM, "trend: groups");
    w->fixed.n_keys = w->plan.n_keys;
    fold_series_done(&w->fold);                                 /* by the plan that it was made by */
    w->plan.fixed = &w->fixed;
    w->plan.totals_only = false;
    w->plan.groups_max = 0;
    w->other = true;
    return scan(cx, w);
}
static Status find_groups(Cx *cx, Work *w, const QueryGroup **ret)
{
    size_t limit = w->q->scope.breakdown_limit ? w->q->scope.breakdown_limit : BREAKDOWN_DEFAULT;
    Ranked *r;
    TRY(rank(cx, w, &r));
    size_t n = w->fold.groups.n, keep = n < limit ? n : limit;
    if (n > limit || w->plan.totals_only) TRY(narrow(cx, w, r, keep));
    w->n_order = keep + (w->other && w->fold.n_groups > keep);
    w->order = ARENA_MANY(cx->arena, uint32_t, w->n_order + 1);
    QueryGroup *texts = ARENA_MANY(cx->arena, QueryGroup, w->n_order + 1);
    if (!w->order || !texts) return fail(cx, ST_NO_MEM, "trend: %zu groups", keep);
    for (size_t i = 0; i < w->n_order; i++) {
        w->order[i] = w->other ? (uint32_t)i : r[i].group;
        texts[i] = i < keep ? r[i].texts : (QueryGroup){ .other = true };
    }
    *ret = texts;
    return ST_OK;
}
static Status no_groups(Cx *cx, Work *w, const QueryGroup **ret)
{
    QueryGroup *one = ARENA_NEW(cx->arena, QueryGroup);
    w->order = ARENA_MANY(cx->arena, uint32_t, 1);
    if (!one || !w->order) return fail(cx, ST_NO_MEM, "trend");
    w->order[0] = 0;
    w->n_order = 1;
    *ret = one;
    return ST_OK;
}
static Status count_all(Cx *cx, Work *w, const QueryGroup **ret)
{
    size_t limit = w->q->scope.breakdown_limit ? w->q->scope.breakdown_limit : BREAKDOWN_DEFAULT;
    w->plan.groups_max = w->plan.n_keys ? limit * GROUPS_AT_ONCE : 0;
    Status st = scan(cx, w);
    if (st == ST_CONFLICT) {
        fold_series_done(&w->fold);
        w->plan.totals_only = true;
        w->plan.groups_max = 0;
        st = scan(cx, w);
    }
    TRY(st);
    return w->plan.n_keys ? find_groups(cx, w, ret) : no_groups(cx, w, ret);
}

/* ---- numbers ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static Number percentile(SeriesCell *c, double p)
{
    if (c->n_values == 0) return (Number){ .kind = NUMBER_NONE };
    qsort(c->values, c->n_values, sizeof *c->values, by_value);
    double exact = p / 100 * (double)c->n_values;
    size_t rank = (size_t)exact;
    if ((double)rank < exact) rank++;                      /* nearest rank: the first at or above p of 100 */
    if (rank == 0) rank = 1;
    return (Number){ .kind = NUMBER_DOUBLE, .d = c->values[rank - 1] };
}
static Number whole(int64_t i) { return (Number){ .kind = NUMBER_INT, .i = i }; }
static Number number_of(SeriesCell *c, const TrendSeries *s)
{
    const TallyValue *t = c->total ? c->total : &TALLY_NOTHING;
    switch (s->measure) {
    case TREND_COUNT:      return whole(c->events);
    case TREND_PEOPLE:     return whole(c->people);
    case TREND_PER_PERSON:
        if (c->people == 0) return (Number){ .kind = NUMBER_NONE };
        return (Number){ .kind = NUMBER_DOUBLE, .d = (double)c->events / (double)c->people };
    case TREND_SUM:
    case TREND_MEAN:
    case TREND_MIN:
    case TREND_MAX:        return query_trend_number(t, s->measure);
    case TREND_PERCENTILE: return percentile(c, s->percentile);
    }
    return (Number){ .kind = NUMBER_NONE };
}
static double as_double(const Number *n) { return n->kind == NUMBER_INT ? (double)n->i : n->d; }
void query_trend_formulas(const TrendQuery *q, Number *values, size_t line_size, size_t at)
{
    double v[TREND_SERIES_MAX] = { 0 };
    bool has[TREND_SERIES_MAX] = { 0 };
    for (size_t k = 0; k < q->n_series; k++) {
        const Number *n = &values[k * line_size + at];
        has[k] = n->kind != NUMBER_NONE;
        if (has[k]) v[k] = as_double(n);
    }
    for (size_t k = 0; k < q->n_formulas; k++) {
        Number *to = &values[(q->n_series + k) * line_size + at];
        *to = (Number){ .kind = NUMBER_NONE };
        double d;
        if (formula_value(q->formulas[k], v, has, &d)) *to = (Number){ .kind = NUMBER_DOUBLE, .d = d };
    }
}
Status query_trend_room(Cx *cx, const TrendQuery *q, const Grid *grid, size_t groups, Number **ret)
{
    size_t n = (q->n_series + q->n_formulas) * groups * (grid->n + 1);
    *ret = ARENA_MANY(cx->arena, Number, n + 1);
    return *ret ? ST_OK : fail(cx, ST_NO_MEM, "trend: %zu values", n);
}
static Status fill(Cx *cx, Work *w, TrendAnswer *ret)
{
    const TrendQuery *q = w->q;
    size_t width = w->plan.grid.n + 1, line = w->n_order * width;
    Number *values;
    TRY(query_trend_room(cx, q, &w->plan.grid, w->n_order, &values));
    for (size_t g = 0; g < w->n_order; g++)
        for (size_t at = 0; at < width; at++) {
            for (size_t k = 0; k < q->n_series; k++) {
                SeriesCell none = { 0 };
                SeriesCell *c = w->order[g] < w->fold.n_groups ? series_cell(&w->fold, w->order[g], k, at) : &none;
                values[k * line + g * width + at] = number_of(c, &q->series[k]);
            }
            query_trend_formulas(q, values, line, g * width + at);
        }
    ret->values = values;
    return ST_OK;
}

/* ---- the people behind a number ---- */

typedef struct Behind { Fold fold; const Work *w; PeopleSet *people; } Behind;
static bool in_group(const Work *w, const Span *s, size_t i)
{
    if (w->plan.n_keys == 0) return true;
    GroupKey key = groups_key_at(s->cols, w->plan.n_keys, i);
    const Groups *g = w->other ? &w->fixed : &w->fold.groups;
    uint32_t found = groups_find(g, &key);
    if (found == UINT32_MAX) found = (uint32_t)g->n;
    return w->order[w->behind] == found;
}
static void behind_person(Fold *fold, const Span *s)
{
    Behind *b = (Behind *)fold;
    const TrendCell *cell = b->w->q->cell;
    const Grid *g = &b->w->plan.grid;
    int64_t from = cell->period < g->n ? g->starts[cell->period] : g->starts[0];
    int64_t to = cell->period < g->n ? g->starts[cell->period + 1] : g->starts[g->n];
    for (size_t i = 0; i < s->n; i++) {
        if (!(s->mask[i] >> cell->series & 1) || s->time[i] < from || s->time[i] >= to || !in_group(b->w, s, i))
            continue;
        people_set_add(b->people, s->root);
        return;
    }
}
static Status behind_fork(Cx *cx, const Fold *fold, Fold **ret)
{
    Behind *b = mem_get(sizeof *b);
    if (!b) return fail(cx, ST_NO_MEM, "trend: people");
    *b = *(const Behind *)fold;
    *ret = &b->fold;
    return ST_OK;
}
static void behind_merge(Fold *to, Fold *from) { (void)to, (void)from; }
static void behind_done(Fold *fold) { mem_free(fold); }
static bool same_group(const QueryGroup *a, const QueryGroup *b)
{
    bool same = a->other == b->other;
    for (size_t i = 0; i < QUERY_BREAKDOWNS; i++) same = same && str_eq(a->value[i], b->value[i]);
    return same;
}
static Status behind(Cx *cx, Work *w)
{
    ScanCount ignored;
    Behind b = { .fold = { .person = behind_person, .fork = behind_fork, .merge = behind_merge,
        .done = behind_done }, .w = w, .people = w->q->people };
    const TrendCell *cell = w->q->cell;
    while (cell->group && w->behind < w->n_order && !same_group(cell->group, &w->texts[w->behind])) w->behind++;
    if (w->behind == w->n_order || cell->series >= w->q->n_series || cell->period > w->plan.grid.n)
        return refuse(cx, ST_INVALID, S("cell"), MSG_not_found, NO_PARAMS);
    ScanPlan one = w->scan;
    one.threads = 1;
    return scan_fold(cx, w->snap, &one, &b.fold, &ignored);
}
static void work_done(Work *w)
{
    fold_series_done(&w->fold);
    groups_done(&w->fixed);
}
static Status by_walk(Cx *cx, Work *w, TrendAnswer *ret)
{
    w->fold.plan = &w->plan;
    Status st = count_all(cx, w, &ret->groups);
    w->texts = ret->groups;
    if (st == ST_OK) st = fill(cx, w, ret);
    if (st == ST_OK && w->q->cell) st = behind(cx, w);
    work_done(w);
    ret->n_groups = w->n_order;
    ret->count = (QueryCount){ .events = w->count.events, .people = w->count.people, .left_out = w->count.left_out };
    return st;
}
/* The first and the last period may reach past the range. */
static Status cut_grid(Cx *cx, const Work *w, Grid *ret)
{
    const Grid *g = &w->plan.grid;
    int64_t *starts = ARENA_MANY(cx->arena, int64_t, g->n + 1);
    if (!starts) return fail(cx, ST_NO_MEM, "trend: the grid");
    memcpy(starts, g->starts, (g->n + 1) * sizeof *starts);
    starts[0] = w->q->from;
    starts[g->n] = w->q->to;
    *ret = (Grid){ g->n, starts };
    return ST_OK;
}
/* CONFLICT: what is left of a breakdown cannot be said as a condition; the walk counts it all the same. */
static Status quick_way(Cx *cx, const Work *w, TrendAnswer *ret)
{
    const TrendQuery *q = w->q;
    bool counts = query_trend_counts(q);
    Grid grid;
    if (q->cell || (!counts && !query_trend_people(q))) return ST_CONFLICT;
    TRY(cut_grid(cx, w, &grid));
    if (counts) return query_trend_by_tally(cx, w->snap, q, &grid, ret);
    return query_trend_by_presence(cx, w->snap, q, &grid, ret);
}
Status query_trend_run(Cx *cx, const Snapshot *snap, const TrendQuery *q, TrendAnswer *ret)
{
    Work w = { .q = q, .snap = snap };
    *ret = (TrendAnswer){ 0 };
    TRY(prepare(cx, &w));
    Status st = quick_way(cx, &w, ret);
    if (st == ST_CONFLICT) st = by_walk(cx, &w, ret);
    TRY(st);
    ret->grid = w.plan.grid;
    ret->n_lines = q->n_series + q->n_formulas;
    while (ret->count.finished < ret->grid.n && ret->grid.starts[ret->count.finished + 1] <= cx->now)
        ret->count.finished++;
    return ST_OK;
}
