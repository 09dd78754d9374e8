#include "store/events/query_retention.h"
#include "base/arena.h"
#include "store/events/breakdown.h"
#include "store/events/fold_retention.h"
#include <string.h>

/* A question under way. Exactly one of rows, events, units is in use. */
typedef struct Run {
    const Snapshot *snap;
    const RetentionQuery *q;
    FoldRetentionSpec spec;
    Selector  sel;
    ScanSlot  slots[SCAN_SLOTS];
    size_t    n_slots, n_starts;
    int64_t   from, to;
    ScanCount count;
    PresenceFold *rows;
    Fold     *events, *units;
    FoldRetentionCounter of_units, *c;
    Breakdown kept;              /* with a breakdown */
    PeopleSet *people;
} Run;

static Status range(Cx *cx, Str field, int64_t min, int64_t max)
{
    return refuse(cx, ST_INVALID, field, MSG_out_of_range, PARAMS({ "min", min, { 0 } }, { "max", max, { 0 } }));
}
static Status check(Cx *cx, const RetentionQuery *q)
{
    uint64_t sizes = 0;
    if (q->n < 1 || q->n > RETENTION_PERIODS_MAX) return range(cx, S("intervals"), 1, RETENTION_PERIODS_MAX);
    for (size_t b = 0; b < q->n_brackets; b++) {
        if (q->brackets[b] < 1) return range(cx, S("brackets"), 1, RETENTION_PERIODS_MAX);
        sizes += q->brackets[b];
        if (sizes > RETENTION_PERIODS_MAX) return range(cx, S("brackets"), 1, RETENTION_PERIODS_MAX);
    }
    if (q->aggregate_by.n && q->scope.n_breakdown > GROUPS_KEYS - 1)
        return refuse(cx, ST_INVALID, S("breakdown"), MSG_too_many, PARAMS({ "max", GROUPS_KEYS - 1, { 0 } }));
    return ST_OK;
}

/* ---- what is read ---- */

static size_t reach(const RetentionQuery *q)               /* periods past a row that its columns look at */
{
    size_t n = 0;
    for (size_t b = 0; b < q->n_brackets; b++) n += q->brackets[b];
    return n;
}
static Status make_grid(Cx *cx, Run *r)
{
    const RetentionQuery *q = r->q;
    const QueryScope *s = &q->scope;
    size_t n = q->n + reach(q);
    int64_t *starts = ARENA_MANY(cx->arena, int64_t, n + 1);
    if (!starts) return fail(cx, ST_NO_MEM, "retention: the grid");
    starts[0] = zone_floor(s->zone, s->period, s->week_start, q->first);
    for (size_t i = 0; i < n; i++) starts[i + 1] = zone_next(s->zone, s->period, s->week_start, starts[i]);
    r->spec = (FoldRetentionSpec){ .q = q, .grid = { n, starts }, .words = (n + 63) / 64, .triangle = !q->n_brackets,
        .columns = q->n_brackets ? q->n_brackets + 1 : q->n, .keyed = s->n_breakdown > 0, .run = s->run };
    r->from = q->mode == RETENTION_RECURRING ? starts[0] : INT64_MIN;
    r->to = starts[n];
    for (size_t i = 0; q->from_event && i < q->n; i++) {   /* windows that begin at an event run past the grid */
        size_t windows = q->n_brackets ? reach(q) + 1 : q->n - i;
        int64_t end = starts[i + 1] + (int64_t)windows * fold_retention_window(&r->spec);
        if (end > r->to) r->to = end;
    }
    return ST_OK;
}
static void make_selector(Run *r)
{
    const RetentionQuery *q = r->q;
    const QueryScope *s = &q->scope;
    r->sel = (Selector){ .matchers = { q->start, q->back }, .n_matchers = 2, .filter = s->filter, .hide = QUERY_HIDE };
    if (q->mode == RETENTION_FIRST_EVER) {
        r->sel.matchers[r->sel.n_matchers] = q->start;
        r->sel.matchers[r->sel.n_matchers++].where = NULL;
    }
    for (size_t i = 0; i < s->n_breakdown; i++) r->slots[r->n_slots++] = s->breakdown[i];
    if (q->value.n) r->slots[r->n_slots++] = (ScanSlot){ .kind = SLOT_PROP, .name = q->value };
    if (q->aggregate_by.n) r->slots[r->n_slots++] = (ScanSlot){ .kind = SLOT_PROP, .name = q->aggregate_by };
}
/* Whether a person was there in a period is all that is asked. */
static bool only_presence(const RetentionQuery *q)
{
    return !q->from_event && q->min_occurrences <= 1 && !q->value.n && !q->aggregate_by.n &&
        !(q->mode == RETENTION_FIRST_EVER && q->start.where);
}

/* ---- a walk ---- */

static Status walk(Cx *cx, Run *r, Fold *fold)
{
    const QueryScope *s = &r->q->scope;
    ScanPlan plan = { .sel = &r->sel, .slots = r->slots, .n_slots = r->n_slots, .texts = s->texts, .who = s->who,
        .from = r->from, .to = r->to, .count_from = r->spec.grid.starts[0], .run = s->run };
    return scan_fold(cx, r->snap, &plan, fold, &r->count);
}
static Status walk_rows(Cx *cx, Run *r)
{
    const QueryScope *s = &r->q->scope;
    PresencePlan plan = { .grid = &r->spec.grid, .before = r->q->mode != RETENTION_RECURRING, .groups = s->breakdown,
        .n_groups = s->n_breakdown, .texts = s->texts, .who = s->who, .run = s->run,
        .count_events = r->q->count_events };
    Selector sel = r->sel;
    sel.n_matchers = fold_retention_rows_same(r->q) ? 1 : 2;
    plan.sel = &sel;
    TRY(fold_retention_rows(cx, &r->spec, &r->rows));
    TRY(presence_fold(cx, r->snap, &plan, r->rows, &r->count));
    r->c = fold_retention_rows_counter(r->rows);
    return ST_OK;
}
static Status walk_events(Cx *cx, Run *r)
{
    TRY(fold_retention_events(cx, &r->spec, &r->events));
    TRY(walk(cx, r, r->events));
    r->c = fold_retention_events_counter(r->events);
    return ST_OK;
}
/* Values are collected once, whatever is then counted of them. */
static Status walk_units(Cx *cx, Run *r)
{
    ScanCount again;
    if (r->units) return ST_OK;
    TRY(fold_retention_units(cx, &r->spec, &r->units));
    TRY(walk(cx, r, r->units));
    if (!r->q->from_event) return ST_OK;
    again = r->count;
    fold_retention_units_phase(r->units, FOLD_RETENTION_WINDOWS);
    TRY(walk(cx, r, r->units));
    r->count = again;
    return ST_OK;
}
static Status out_of_memory(Cx *cx, Status st)
{
    return st == ST_OK || st == ST_LIMITED ? st : fail(cx, st, "retention: the tables");
}
static Status count_units(Cx *cx, Run *r)
{
    PeopleSet *people = r->spec.people;
    TRY(walk_units(cx, r));
    r->spec.people = NULL;                                 /* a counter's "people" are values here */
    r->c = &r->of_units;
    Status st = fold_retention_open(r->c, &r->spec);
    if (st == ST_OK) st = fold_retention_units_count(r->units, r->c);
    r->spec.people = people;
    return out_of_memory(cx, st);
}
static Status people_of_units(Cx *cx, Run *r)
{
    ScanCount count = r->count;
    fold_retention_units_phase(r->units, FOLD_RETENTION_PEOPLE);
    TRY(walk(cx, r, r->units));
    r->count = count;
    return ST_OK;
}
static void run_close(Run *r)
{
    if (r->rows) r->rows->done(r->rows);
    if (r->events) r->events->done(r->events);
    if (r->of_units.spec) fold_retention_done(&r->of_units);
    r->rows = NULL;
    r->events = NULL;
    r->c = NULL;
}
static Status run_once(Cx *cx, Run *r)
{
    run_close(r);
    if (r->q->aggregate_by.n) return count_units(cx, r);
    TRY(only_presence(r->q) ? walk_rows(cx, r) : walk_events(cx, r));
    return out_of_memory(cx, fold_retention_end(r->c));
}

/* ---- with a breakdown ---- */

static Status keep_values(Cx *cx, Run *r)
{
    const FoldRetentionCounter *c = r->c;
    GroupKey *keys;
    int64_t *people = mem_get((c->n_tables + 1) * sizeof *people);
    if (!people) return fail(cx, ST_NO_MEM, "retention: %zu values", c->n_tables);
    for (size_t i = 0; i < c->n_tables; i++) people[i] = c->tables[i].units;
    Status st = breakdown_keep(cx, &r->q->scope, c->groups.keys, people, c->n_tables, &r->kept);
    mem_free(people);
    if (st != ST_OK) return st;
    keys = ARENA_MANY(cx->arena, GroupKey, r->kept.n + 1);
    if (!keys) return fail(cx, ST_NO_MEM, "retention: the kept values");
    for (size_t i = 0; i < r->kept.n; i++) keys[i] = c->groups.keys[r->kept.group[i]];
    r->spec.kept = keys;
    r->spec.n_kept = r->kept.n;
    return ST_OK;
}
static size_t values_met(const FoldRetentionCounter *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_tables; i++) n += c->tables[i].units > 0;
    return n;
}
static Status find_cell(Cx *cx, Run *r)
{
    const RetentionCell *cell = r->q->cell;
    if (!cell->group) return refuse(cx, ST_INVALID, S("cell.group"), MSG_required, NO_PARAMS);
    for (size_t i = 0; i < r->kept.n; i++)
        if (breakdown_same(&r->q->scope, cell->group, &r->kept.text[i])) r->spec.cell_table = i;
    if (cell->group->other) r->spec.cell_table = r->kept.n;
    return ST_OK;
}
static Status run_keyed(Cx *cx, Run *r)
{
    TRY(run_once(cx, r));
    TRY(keep_values(cx, r));
    bool rest = values_met(r->c) > r->kept.n;
    if (!r->people && !r->c->ranks && !(rest && r->c->several)) return ST_OK;
    r->spec.second = true;
    r->spec.people = r->people;
    r->spec.cell_table = SIZE_MAX;                         /* none, until it is found */
    if (r->people) TRY(find_cell(cx, r));
    return run_once(cx, r);
}

/* ---- the answer ---- */

/* The periods that columns 1..k cover. */
static size_t span(const RetentionQuery *q, size_t k)
{
    size_t n = 0;
    if (!q->n_brackets) return k;
    for (size_t b = 0; b < k; b++) n += q->brackets[b];
    return n;
}
static bool finished(const Run *r, size_t i, size_t k, int64_t now)
{
    const int64_t *starts = r->spec.grid.starts;
    size_t n = span(r->q, k);
    if (r->q->from_event && k > 0)
        return starts[i + 1] + (int64_t)(n + 1) * fold_retention_window(&r->spec) <= now;
    return starts[i + n + 1] <= now;
}
static size_t columns(const RetentionAnswer *a, size_t i) { return a->triangle ? a->columns - i : a->columns; }
static Status answer_finished(Cx *cx, const Run *r, RetentionAnswer *a)
{
    size_t *done = ARENA_MANY(cx->arena, size_t, a->n);
    if (!done) return fail(cx, ST_NO_MEM, "retention: the answer");
    for (size_t i = 0; i < a->n; i++)
        while (done[i] < columns(a, i) && finished(r, i, done[i], cx->now)) done[i]++;
    a->finished = done;
    while (a->count.finished < a->n && a->starts[a->count.finished + 1] <= cx->now) a->count.finished++;
    return ST_OK;
}
static void mean_of(const RetentionAnswer *a, const RetentionTable *t, size_t k, RetentionMean *ret)
{
    FoldRetentionSum sum = { 0 };
    for (size_t i = 0; i < a->n; i++) {
        size_t at = query_retention_row(a, i);
        if (k >= a->finished[i]) continue;
        ret->of += t->cells[at];
        ret->back += t->cells[at + k];
        if (!t->sums) continue;
        FoldRetentionSum one = { .part = t->sums[at + k], .n = t->values[at + k] };
        fold_retention_sum_add(&sum, &one);
        ret->values += one.n;
    }
    ret->sum = sum.part + sum.lost;
}
static Status answer_table(Cx *cx, const Run *r, const FoldRetentionTable *t, RetentionAnswer *a, RetentionTable *ret)
{
    const FoldRetentionSpec *s = &r->spec;
    size_t n = query_retention_row(a, a->n);
    int64_t *cells = ARENA_MANY(cx->arena, int64_t, n + 1), *values = NULL;
    RetentionMean *mean = ARENA_MANY(cx->arena, RetentionMean, a->columns);
    double *sums = NULL;
    if (r->q->value.n) {
        sums = ARENA_MANY(cx->arena, double, n + 1);
        values = ARENA_MANY(cx->arena, int64_t, n + 1);
    }
    if (!cells || !mean || (r->q->value.n && (!sums || !values))) return fail(cx, ST_NO_MEM, "retention: the answer");
    for (size_t i = 0; t->cells && i < a->n; i++)
        for (size_t k = 0; k < columns(a, i); k++) {
            size_t at = query_retention_row(a, i) + k;
            cells[at] = fold_retention_cell(s, t, i, k);
            if (!sums) continue;
            const FoldRetentionSum *sum = &t->sums[i * s->columns + k];
            sums[at] = (double)sum->whole + sum->part + sum->lost;
            values[at] = sum->n;
        }
    ret->people = t->units, ret->cells = cells, ret->sums = sums, ret->values = values, ret->mean = mean;
    for (size_t k = 0; k < a->columns; k++) mean_of(a, ret, k, &mean[k]);
    return ST_OK;
}
/* The first run has a table for every value: those not kept are added up. */
static Status others(Run *r, FoldRetentionTable *ret)
{
    for (size_t i = 0; i < r->c->n_tables; i++) {
        bool kept = false;
        for (size_t k = 0; k < r->kept.n; k++) kept |= r->kept.group[k] == i;
        if (!kept && r->c->tables[i].units) TRY(fold_retention_table_add(r->c, ret, &r->c->tables[i]));
    }
    return ST_OK;
}
static Status answer_keyed(Cx *cx, Run *r, RetentionAnswer *a, RetentionTable *tables)
{
    FoldRetentionTable none = { 0 }, rest = { 0 };
    const FoldRetentionCounter *c = r->c;
    Status st = ST_OK;
    for (size_t i = 0; i < r->kept.n; i++) {
        size_t at = r->spec.second ? i : r->kept.group[i];
        TRY(answer_table(cx, r, at < c->n_tables ? &c->tables[at] : &none, a, &tables[a->n_tables]));
        tables[a->n_tables++].group = r->kept.text[i];
    }
    if (!r->spec.second) st = out_of_memory(cx, others(r, &rest));
    const FoldRetentionTable *other = !r->spec.second ? &rest : r->kept.n < c->n_tables ? &c->tables[r->kept.n] : &none;
    if (st == ST_OK && other->units) {
        tables[a->n_tables].group.other = true;
        st = answer_table(cx, r, other, a, &tables[a->n_tables++]);
    }
    fold_retention_table_free(&rest);
    return st;
}
static Status answer(Cx *cx, Run *r, RetentionAnswer *ret)
{
    RetentionAnswer a = { .n = r->q->n, .starts = r->spec.grid.starts, .columns = r->spec.columns,
        .triangle = r->spec.triangle,
        .count = { .events = r->count.events, .people = r->count.people, .left_out = r->count.left_out } };
    RetentionTable *tables = ARENA_MANY(cx->arena, RetentionTable, r->kept.n + 1);
    FoldRetentionTable none = { 0 };
    if (!tables) return fail(cx, ST_NO_MEM, "retention: the answer");
    TRY(answer_finished(cx, r, &a));
    if (r->spec.keyed) {
        TRY(answer_keyed(cx, r, &a, tables));
    } else {
        TRY(answer_table(cx, r, r->c->n_tables ? &r->c->tables[0] : &none, &a, &tables[0]));
        a.n_tables = 1;
    }
    a.tables = tables;
    *ret = a;
    return ST_OK;
}
static Status check_cell(Cx *cx, const Run *r)
{
    const RetentionCell *c = r->q->cell;
    size_t columns = r->spec.triangle ? r->spec.columns - (c->row < r->q->n ? c->row : 0) : r->spec.columns;
    if (c->row >= r->q->n) return range(cx, S("cell.row"), 0, (int64_t)r->q->n - 1);
    return c->column < columns ? ST_OK : range(cx, S("cell.column"), 0, (int64_t)columns - 1);
}
static Status run(Cx *cx, Run *r, RetentionAnswer *ret)
{
    if (r->people) TRY(check_cell(cx, r));
    if (r->spec.keyed) {
        TRY(run_keyed(cx, r));
    } else {
        r->spec.people = r->people;
        TRY(run_once(cx, r));
    }
    if (r->people && r->units) TRY(people_of_units(cx, r));
    return answer(cx, r, ret);
}
Status query_retention_run(Cx *cx, const Snapshot *snap, const RetentionQuery *q, RetentionAnswer *ret)
{
    Run r = { .snap = snap, .q = q, .people = q->cell ? q->people : NULL };
    TRY(check(cx, q));
    TRY(make_grid(cx, &r));
    make_selector(&r);
    Status st = run(cx, &r, ret);
    run_close(&r);
    if (r.units) r.units->done(r.units);
    return st;
}
