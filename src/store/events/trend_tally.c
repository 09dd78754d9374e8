#include "store/events/query_trend_in.h"
#include "base/arena.h"
#include "store/events/breakdown.h"
#include "store/events/tally.h"
#include <string.h>

bool query_trend_counts(const TrendQuery *q)
{
    Str prop = { 0 };
    for (size_t i = 0; i < q->n_series; i++) {
        const TrendSeries *s = &q->series[i];
        if (s->measure == TREND_PEOPLE || s->measure == TREND_PER_PERSON ||
            s->measure == TREND_PERCENTILE) return false;
        if (s->measure == TREND_COUNT) continue;
        if (prop.n && !str_eq(prop, s->prop)) return false;
        prop = s->prop;
    }
    return q->n_series <= TALLY_MATCHERS;
}
typedef struct Part { int64_t events; TallyValue value; } Part;
static void part_add(Part *to, const Tally *t, size_t at)
{
    to->events += t->events[at];
    if (t->values) tally_add(&to->value, &t->values[at]);
}
static Number number(double d) { return (Number){ .kind = NUMBER_DOUBLE, .d = d }; }
static Number whole(int64_t i) { return (Number){ .kind = NUMBER_INT, .i = i }; }
static Number sum_of(const TallyValue *v)
{
    if (v->n == 0 && v->whole <= INT64_MAX && v->whole >= INT64_MIN) return whole((int64_t)v->whole);
    double d = tally_sum(v);
    return __builtin_isfinite(d) ? number(d) : (Number){ .kind = NUMBER_NONE };
}
Number query_trend_number(const TallyValue *v, TrendMeasure m)
{
    int64_t n = tally_numbers(v);
    if (m == TREND_SUM) return sum_of(v);
    if (n == 0) return (Number){ .kind = NUMBER_NONE };
    if (m == TREND_MEAN) return number(tally_sum(v) / (double)n);
    if (v->n == 0) return whole(m == TREND_MIN ? v->whole_min : v->whole_max);
    double least = v->n_whole && (double)v->whole_min < v->min ? (double)v->whole_min : v->min;
    double most = v->n_whole && (double)v->whole_max > v->max ? (double)v->whole_max : v->max;
    return number(m == TREND_MIN ? least : most);
}
static Number part_number(const Part *p, TrendMeasure m)
{
    return m == TREND_COUNT ? whole(p->events) : query_trend_number(&p->value, m);
}
/* Line k of one group, or of all groups that are in none of the kept ones, with its total behind it. */
static void put_line(const TrendQuery *q, const Tally *t, const bool *kept, size_t group, size_t k, Number *to)
{
    Part total = { .value = TALLY_NOTHING };
    for (size_t p = 0; p < t->periods; p++) {
        Part here = { .value = TALLY_NOTHING };
        for (size_t g = kept ? 0 : group; g < (kept ? t->groups.n : group + 1); g++)
            if (!kept || !kept[g]) part_add(&here, t, tally_at(t, g, k, p));
        to[p] = part_number(&here, q->series[k].measure);
        total.events += here.events;
        tally_add(&total.value, &here.value);
    }
    to[t->periods] = part_number(&total, q->series[k].measure);
}
static int64_t events_of(const Tally *t, size_t group)
{
    int64_t ret = 0;
    for (size_t k = 0; k < t->matchers && ret == 0; k++)
        for (size_t p = 0; p < t->periods; p++) ret += t->events[tally_at(t, group, k, p)];
    return ret;
}
static Status keep(Cx *cx, const TrendQuery *q, const Tally *t, Breakdown *ret, bool **ret_kept)
{
    int64_t *events = ARENA_MANY(cx->arena, int64_t, t->groups.n + 1);
    bool *kept = ARENA_MANY(cx->arena, bool, t->groups.n + 1);
    if (!events || !kept) return fail(cx, ST_NO_MEM, "trend: %zu groups", t->groups.n);
    for (size_t g = 0; g < t->groups.n; g++) events[g] = events_of(t, g);
    TRY(breakdown_keep(cx, &q->scope, t->groups.keys, events, t->groups.n, ret));
    for (size_t i = 0; i < ret->n; i++) kept[ret->group[i]] = true;
    *ret_kept = kept;
    return ST_OK;
}
static bool any_left(const Tally *t, const bool *kept)
{
    for (size_t g = 0; g < t->groups.n; g++) if (!kept[g] && events_of(t, g)) return true;
    return false;
}
static Status fill(Cx *cx, const TrendQuery *q, const Grid *grid, const Tally *t, TrendAnswer *ret)
{
    Breakdown b = { 0 };
    static const bool none = false;                        /* all groups there are: at most the one */
    bool *kept = NULL, broken = q->scope.n_breakdown > 0;
    if (broken) TRY(keep(cx, q, t, &b, &kept));
    bool other = broken && any_left(t, kept);
    size_t n = broken ? b.n + other : 1, width = grid->n + 1, line = n * width;
    QueryGroup *texts = ARENA_MANY(cx->arena, QueryGroup, n + 1);
    Number *values;
    if (!texts) return fail(cx, ST_NO_MEM, "trend: %zu groups", n);
    TRY(query_trend_room(cx, q, grid, n, &values));
    for (size_t g = 0; g < n; g++) {
        bool rest = other && g == b.n;
        if (broken) texts[g] = rest ? (QueryGroup){ .other = true } : b.text[g];
        for (size_t k = 0; k < q->n_series; k++)
            put_line(q, t, rest ? kept : broken ? NULL : &none, broken && !rest ? b.group[g] : 0, k,
                values + k * line + g * width);
        for (size_t p = 0; p < width; p++) query_trend_formulas(q, values, line, g * width + p);
    }
    ret->groups = texts;
    ret->n_groups = n;
    ret->values = values;
    return ST_OK;
}
Status query_trend_by_tally(Cx *cx, const Snapshot *snap, const TrendQuery *q, const Grid *grid, TrendAnswer *ret)
{
    Selector sel = { .filter = q->scope.filter, .hide = QUERY_HIDE };
    ScanSlot value = { .kind = SLOT_PROP };
    TallyPlan plan = { .sel = &sel, .grid = grid, .groups = q->scope.breakdown, .n_groups = q->scope.n_breakdown,
        .texts = q->scope.texts, .who = q->scope.who, .run = q->scope.run };
    Tally t;
    ScanCount count;
    for (size_t i = 0; i < q->n_series; i++) {
        sel.matchers[sel.n_matchers++] = q->series[i].event;
        if (q->series[i].measure == TREND_COUNT) continue;
        value.name = q->series[i].prop;
        plan.value = &value;
    }
    Status st = tally_run(cx, snap, &plan, &t, &count);
    if (st == ST_OK) st = fill(cx, q, grid, &t, ret);
    tally_done(&t);
    ret->count = (QueryCount){ .events = count.events, .people = count.people, .left_out = count.left_out };
    return st;
}
