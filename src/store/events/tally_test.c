/* Tallies against a naive walk over the same random events. */
#include "store/events/presence_key_test.h"
#include "store/events/tally.h"
#include <math.h>

typedef struct Cell { char key[WORLD_KEY]; size_t matcher, period; int64_t events; long double sum; double min, max;
    int64_t numbers; } Cell;
typedef struct Cells { Cell *p; size_t n, cap; } Cells;
static Cell *cell_of(Cells *c, const char *key, size_t matcher, size_t period)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->p[i].matcher == matcher && c->p[i].period == period && strcmp(c->p[i].key, key) == 0) return &c->p[i];
    if (c->n == c->cap) c->p = realloc(c->p, (c->cap = c->cap ? c->cap * 2 : 64) * sizeof *c->p);
    c->p[c->n] = (Cell){ .matcher = matcher, .period = period, .min = (double)INFINITY, .max = -(double)INFINITY };
    snprintf(c->p[c->n].key, sizeof c->p[0].key, "%s", key);
    return &c->p[c->n++];
}
static void cell_add(Cell *c, const Prop *v)
{
    double d = v->kind == PROP_INT ? (double)v->i : v->kind == PROP_DOUBLE ? v->d : (double)NAN;
    c->events++;
    if (isnan(d)) return;
    c->sum += v->kind == PROP_INT ? (long double)v->i : (long double)v->d;
    c->numbers++;
    c->min = d < c->min ? d : c->min;
    c->max = d > c->max ? d : c->max;
}
static void naive(Cx *cx, World *w, const Snapshot *snap, const Grid *g, const WorldAsk *a, size_t groups,
    Cells *ret, ScanCount *ret_count)
{
    PeopleSet counted;
    ok(people_set_new(cx, (uint32_t)w->actors, &counted));
    *ret = (Cells){ 0 };
    *ret_count = (ScanCount){ 0 };
    for (size_t i = 0; i < w->n; i++) {
        const Event *e = &w->events[i]->e;
        uint32_t root = world_root(snap, w->events[i]->actor), mask = world_mask(a, e, root);
        bool hidden = joins_flags(snap->people, root) & SCAN_LEFT_OUT, fresh;
        char key[WORLD_KEY];
        if (!mask || e->time < g->starts[0] || e->time >= g->starts[g->n]) continue;
        fresh = !people_set_has(&counted, root);
        people_set_add(&counted, root);
        if (hidden) ret_count->left_out += fresh;
        else ret_count->people += fresh, ret_count->events++;
        if (hidden) continue;
        world_key_of(a, groups, e, key);
        Prop v = world_value(e, S("price"));
        for (size_t m = 0; m < a->sel.n_matchers; m++)
            if (mask >> m & 1) cell_add(cell_of(ret, key, m, fold_period(g, 0, e->time)), &v);
    }
    people_set_done(&counted);
}
static void key_of(const Tally *t, ScanTexts *texts, size_t groups, size_t g, char key[WORLD_KEY])
{
    key[0] = 0;
    for (size_t k = 0; k < groups; k++)
        world_key_got(key, texts, t->groups.keys[g].kind[k], t->groups.keys[g].value[k]);
}
static void same_cell(const Cell *want, int64_t events, const TallyValue *v)
{
    assert_int_equal(events, want->events);
    if (!v) return;
    assert_int_equal(tally_numbers(v), want->numbers);
    double sum = tally_sum(v), whole = (double)v->whole_min;
    assert_true(fabs(sum - (double)want->sum) <= 1e-9 * fabs(sum));
    if (!want->numbers) return;
    assert_true((v->n_whole && whole < v->min ? whole : v->min) == want->min);
    whole = (double)v->whole_max;
    assert_true((v->n_whole && whole > v->max ? whole : v->max) == want->max);
}
static void same(const Tally *t, ScanTexts *texts, size_t groups, Cells *want)
{
    size_t cells = 0;
    for (size_t g = 0; g < t->groups.n; g++) {
        char key[WORLD_KEY];
        key_of(t, texts, groups, g, key);
        for (size_t m = 0; m < t->matchers; m++)
            for (size_t p = 0; p < t->periods; p++) {
                size_t at = tally_at(t, g, m, p);
                if (!t->events[at]) continue;
                same_cell(cell_of(want, key, m, p), t->events[at], t->values ? &t->values[at] : NULL);
                cells++;
            }
    }
    assert_int_equal(cells, want->n);
}
static void ask(Cx *cx, World *w, size_t groups, bool plain, bool value)
{
    static const ScanSlot price = { .kind = SLOT_PROP, .name = S_INIT("price") };
    WorldAsk a;
    Snapshot snap;
    Grid grid;
    Cells want;
    ScanCount count, got;
    Tally t;
    TallyPlan plan = { .grid = &grid, .n_groups = groups, .value = value ? &price : NULL,
        .threads = (int)world_rnd(w, 3) };
    world_ask(cx, w, TALLY_MATCHERS, plain, &a);
    world_slots(w, &a, groups);
    world_grid(cx, w, &grid);
    plan.sel = &a.sel, plan.groups = a.slots, plan.who = a.asks_who ? &a.who : NULL;
    ok(snapshot_take(cx, w->rig.s, &snap));
    naive(cx, w, &snap, &grid, &a, groups, &want, &count);
    ok(scan_texts_new(cx, &plan.texts));
    ok(tally_run(cx, &snap, &plan, &t, &got));
    same(&t, plan.texts, groups, &want);
    assert_int_equal(got.events, count.events);
    assert_int_equal(got.people, count.people);
    assert_int_equal(got.left_out, count.left_out);
    tally_done(&t);
    scan_texts_done(plan.texts);
    free(want.p);
    snapshot_done(cx, &snap);
    world_ask_done(&a);
}
static void walk_worlds(Cx *cx, uint64_t seed, int steps, bool plain, bool value)
{
    static World w;
    w = (World){ .x = seed * 7919 + 77, .actors = 40, .days = 60 };
    rig_open(cx, &w.rig, test_dir());
    for (int i = 0; i < w.actors; i++) {
        Entry e = { .kind = ENTRY_EVENT, .event = world_event(&w, i, INT64_C(1704067200000), 1)->e };
        rig_append(cx, &w.rig, &e, 1);
    }
    for (int i = 0; i < steps; i++) {
        world_step(cx, &w, 30);
        for (size_t groups = 0; groups <= 3; groups++) ask(cx, &w, groups, plain, value);
        arena_reset(cx->arena);
    }
    world_done(&w);
}
TEST(tallies_by_names_are_what_a_naive_walk_counts) { walk_worlds(cx, 1, 25, true, false); }
TEST(tallies_with_filters_are_what_a_naive_walk_counts) { walk_worlds(cx, 2, 25, false, false); }
TEST(tallies_of_values_are_what_a_naive_walk_sums) { walk_worlds(cx, 3, 20, false, true); }

TEST(sums_are_exact_for_ints_and_compensated_for_doubles)
{
    TallyValue v = { .min = (double)INFINITY, .max = -(double)INFINITY, .whole_min = INT64_MAX,
        .whole_max = INT64_MIN };
    static const double doubles[] = { 1e100, 1, -1e100, 0.5 };
    (void)cx;
    for (int i = 0; i < 3; i++) tally_add_value(&v, PROP_INT, (uint64_t)INT64_MAX);
    for (int i = 0; i < 3; i++) tally_add_value(&v, PROP_INT, (uint64_t)-INT64_MAX);
    tally_add_value(&v, PROP_INT, 7);
    for (size_t i = 0; i < COUNT(doubles); i++) {
        uint64_t bits;
        memcpy(&bits, &doubles[i], sizeof bits);
        tally_add_value(&v, PROP_DOUBLE, bits);
    }
    tally_add_value(&v, PROP_BOOL, 1);
    assert_true(tally_sum(&v) == 8.5);
    assert_int_equal(tally_numbers(&v), 11);
}
