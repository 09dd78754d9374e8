#include "store/events/tally_in.h"
#include "base/arena.h"
#include <math.h>
#include <string.h>

/* ---- sums ---- */

static const TallyValue NOTHING = { .min = (double)INFINITY, .max = -(double)INFINITY, .whole_min = INT64_MAX,
    .whole_max = INT64_MIN };

/* Neumaier: what the smaller of the two loses is kept apart. */
static void add_double(TallyValue *v, double d)
{
    double sum = v->sum + d;
    v->lost += fabs(v->sum) >= fabs(d) ? (v->sum - sum) + d : (d - sum) + v->sum;
    v->sum = sum;
}
void tally_add_value(TallyValue *v, uint8_t kind, uint64_t value)
{
    double d;
    if (kind == PROP_INT) {
        int64_t i = (int64_t)value;
        v->whole += i;
        v->n_whole++;
        if (i < v->whole_min) v->whole_min = i;
        if (i > v->whole_max) v->whole_max = i;
        return;
    }
    if (kind != PROP_DOUBLE) return;
    memcpy(&d, &value, sizeof d);
    if (isnan(d)) return;
    add_double(v, d);
    v->n++;
    if (d < v->min) v->min = d;
    if (d > v->max) v->max = d;
}
void tally_add(TallyValue *to, const TallyValue *v)
{
    to->whole += v->whole;
    add_double(to, v->sum);
    to->lost += v->lost;
    if (v->min < to->min) to->min = v->min;
    if (v->max > to->max) to->max = v->max;
    if (v->whole_min < to->whole_min) to->whole_min = v->whole_min;
    if (v->whole_max > to->whole_max) to->whole_max = v->whole_max;
    to->n_whole += v->n_whole;
    to->n += v->n;
}
int64_t tally_numbers(const TallyValue *v) { return v->n_whole + v->n; }
double tally_sum(const TallyValue *v)
{
    TallyValue all = *v;
    double high = (double)v->whole;
    if (isinf(v->sum)) return v->sum;
    add_double(&all, high);
    add_double(&all, (double)(v->whole - (TallyInt)high));
    return all.sum + all.lost;
}

/* ---- tables ---- */

static Status told(Tally *t, size_t more)
{
    Cx cx = { .arena = NULL };
    TRY(scan_bytes(&cx, t->run, (ptrdiff_t)more));
    t->bytes += more;
    return ST_OK;
}
static size_t cells(const Tally *t, size_t groups) { return groups * t->matchers * t->periods; }
Status tally_room(Tally *t, size_t need)
{
    if (need <= t->room) return ST_OK;
    size_t room = t->room ? t->room * 2 : 4, old = cells(t, t->room), n;
    while (room < need) room *= 2;
    n = cells(t, room);
    TRY(told(t, (n - old) * (sizeof *t->events + (t->values ? sizeof *t->values : 0)) +
                (room - t->room) * (sizeof(GroupKey) + 2 * sizeof(uint32_t))));
    int64_t *events = mem_grow(t->events, n * sizeof *events);
    if (!events) return ST_NO_MEM;
    t->events = events;
    memset(events + old, 0, (n - old) * sizeof *events);
    if (t->values) {
        TallyValue *values = mem_grow(t->values, n * sizeof *values);
        if (!values) return ST_NO_MEM;
        t->values = values;
        for (size_t i = old; i < n; i++) values[i] = NOTHING;
    }
    t->room = room;
    return ST_OK;
}
Status tally_open(Cx *cx, const TallyPlan *plan, Tally *ret)
{
    *ret = (Tally){ .periods = plan->grid->n, .matchers = plan->sel->n_matchers, .run = plan->run,
        .groups = { .n_keys = plan->n_groups } };
    if (plan->value && !(ret->values = mem_get(sizeof *ret->values))) return fail(cx, ST_NO_MEM, "tally: a table");
    return ST_OK;
}
void tally_done(Tally *t)
{
    Cx cx = { .arena = NULL };
    (void)!scan_bytes(&cx, t->run, -(ptrdiff_t)t->bytes);
    groups_done(&t->groups);
    mem_free(t->events);
    mem_free(t->values);
    *t = (Tally){ 0 };
}
static Status group_of(Tally *t, const GroupKey *key, uint32_t *ret)
{
    TRY(groups_add(&t->groups, key, ret));
    return tally_room(t, (size_t)*ret + 1);
}
static bool empty(const Tally *t, size_t group, size_t n)
{
    for (size_t i = 0; i < n; i++) if (t->events[group * n + i]) return false;
    return true;
}
Status tally_merge(Tally *to, const Tally *from)
{
    size_t n = cells(from, 1);
    for (size_t g = 0; g < from->groups.n; g++) {
        uint32_t at;
        if (empty(from, g, n)) continue;
        TRY(group_of(to, &from->groups.keys[g], &at));
        for (size_t i = 0; i < n; i++) to->events[at * n + i] += from->events[g * n + i];
        for (size_t i = 0; to->values && i < n; i++) tally_add(&to->values[at * n + i], &from->values[g * n + i]);
    }
    return ST_OK;
}

/* ---- by events: a fold ---- */

typedef struct Count { Fold fold; const TallyPlan *plan; Tally table; } Count;

static void add_event(Count *c, uint32_t mask, size_t group, size_t period, const FoldCol *value, size_t i)
{
    for (; mask; mask &= mask - 1) {
        size_t at = tally_at(&c->table, group, (size_t)__builtin_ctz(mask), period);
        c->table.events[at]++;
        if (value) tally_add_value(&c->table.values[at], value->kind[i], value->value[i]);
    }
}
static Status count_person(Count *c, const Span *s)
{
    const Grid *g = c->plan->grid;
    size_t p = 0, keys = c->plan->n_groups;
    const FoldCol *value = c->plan->value ? &s->cols[keys] : NULL;
    for (size_t i = 0; i < s->n; i++) {
        uint32_t group;
        GroupKey key = groups_key_at(s->cols, keys, i);
        p = fold_period(g, p, s->time[i]);
        TRY(group_of(&c->table, &key, &group));
        add_event(c, s->mask[i], group, p, value, i);
    }
    return ST_OK;
}
static void person(Fold *f, const Span *s)
{
    if (f->st == ST_OK) f->st = count_person((Count *)f, s);
}
static void merge(Fold *f, Fold *from)
{
    if (f->st == ST_OK) f->st = tally_merge(&((Count *)f)->table, &((Count *)from)->table);
}
static void done(Fold *f)
{
    tally_done(&((Count *)f)->table);
    mem_free(f);
}
static Status fork_count(Cx *cx, const Fold *f, Fold **ret)
{
    const Count *from = (const Count *)f;
    Count *c = mem_get(sizeof *c);
    if (!c) return fail(cx, ST_NO_MEM, "tally: a table");
    *c = (Count){ .fold = from->fold, .plan = from->plan };
    Status st = tally_open(cx, from->plan, &c->table);
    if (st != ST_OK) {
        mem_free(c);
        return st;
    }
    *ret = &c->fold;
    return ST_OK;
}
static Status by_events(Cx *cx, const Snapshot *snap, const TallyPlan *plan, Tally *ret, ScanCount *ret_count)
{
    ScanSlot slots[TALLY_GROUPS + 1] = { { 0 } };
    const Grid *g = plan->grid;
    ScanPlan scan = { .sel = plan->sel, .slots = slots, .texts = plan->texts, .who = plan->who, .from = g->starts[0],
        .to = g->starts[g->n], .count_from = g->starts[0], .run = plan->run, .threads = plan->threads };
    for (size_t k = 0; k < plan->n_groups; k++) slots[scan.n_slots++] = plan->groups[k];
    if (plan->value) slots[scan.n_slots++] = *plan->value;
    Count c = { .fold = { .person = person, .fork = fork_count, .merge = merge, .done = done }, .plan = plan };
    TRY(tally_open(cx, plan, &c.table));
    Status st = scan_fold(cx, snap, &scan, &c.fold, ret_count);
    *ret = c.table;
    return st;
}

Status tally_run(Cx *cx, const Snapshot *snap, const TallyPlan *plan, Tally *ret, ScanCount *ret_count)
{
    *ret = (Tally){ .periods = plan->grid->n, .matchers = plan->sel->n_matchers };
    *ret_count = (ScanCount){ 0 };
    if (plan->sel->n_matchers > TALLY_MATCHERS || plan->n_groups > TALLY_GROUPS)
        return fail(cx, ST_BUG, "tally: a plan past its bounds");
    if (plan->grid->n == 0) return ST_OK;
    Status st = tally_by_blocks(cx, snap, plan, ret, ret_count);
    return st == ST_NOT_FOUND ? by_events(cx, snap, plan, ret, ret_count) : st;
}
