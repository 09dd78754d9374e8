/* Trends against a count by hand over the same random events, through flushes, merges, joins and late events. */
#include "store/events/query_trend_in.h"
#include "store/events/state_rig_test.h"
#include <math.h>
#include <stdio.h>

enum { EVENTS = 3000, ACTORS = 40, DAYS = 12, PLANS = 9 };
static const int64_t START = 1709251200000, DAY = 86400000;    /* 2024-03-01 */

typedef struct Happened { uint64_t actor; int64_t time; bool buy; int plan; int price; bool whole; } Happened;
typedef struct Log { Happened e[EVENTS]; size_t n; uint64_t joined_to[ACTORS + 1]; } Log;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}
static void put(Cx *cx, Rig *r, const Happened *h)
{
    char plan[20];
    snprintf(plan, sizeof plan, "计划%d", h->plan);
    Prop props[] = { { .name = S("plan"), .kind = PROP_STR, .s = str_z(plan) }, { .name = S("price") } };
    props[1].kind = h->whole ? PROP_INT : PROP_DOUBLE;
    if (h->whole) props[1].i = h->price;
    else props[1].d = h->price + 0.25;
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .actor = rig_key(h->actor),
        .name = h->buy ? S("buy") : S("看"), .time = h->time, .received = h->time, .props = props,
        .n_props = h->plan ? 2 : 0 } };
    if (!h->plan) e.event.props = NULL;
    rig_append(cx, r, &e, 1);
}
static void fill(Cx *cx, Rig *r, Log *l, uint64_t seed)
{
    for (uint64_t i = 0; i < EVENTS; i++) {
        uint64_t d = mix(seed + i * 7);
        Happened h = { .actor = d % ACTORS + 1, .time = START + (int64_t)(mix(d) % DAYS) * DAY +
            (int64_t)(d % 5) * 1000,
            .buy = d % 3 == 0, .plan = (int)(mix(d + 1) % (d % 2 ? 2 : PLANS)), .price = (int)(d % 50),
                .whole = d % 4 != 1 };
        l->e[l->n++] = h;
        put(cx, r, &h);
        if (i % 700 == 699) ok(rig_flush(cx, r));
        if (i % 500 == 99) {
            uint64_t anon = d % ACTORS + 1, user = mix(d + 5) % ACTORS + 1;
            if (anon == user || l->joined_to[anon] || l->joined_to[user]) continue;
            bool used = false;
            for (uint64_t a = 1; a <= ACTORS; a++) used |= l->joined_to[a] == anon;
            if (used) continue;
            l->joined_to[anon] = user;
            Entry e = { .kind = ENTRY_JOIN, .join = { .id = (int64_t)i + 1, .anon = rig_key(anon),
                .user = rig_key(user),
                .time = h.time, .trust = TRUST_SECRET } };
            rig_append(cx, r, &e, 1);
        }
    }
}
static uint64_t person(const Log *l, uint64_t actor) { return l->joined_to[actor] ? l->joined_to[actor] : actor; }
typedef struct Want { int64_t events, people; double sum, min, max; int64_t n; double values[EVENTS]; } Want;
/* group -1: all; -2: those whose plan is none of the kept */
static void want(const Log *l, bool buy, int64_t from, int64_t to, int group, const bool *kept, Want *w)
{
    bool seen[ACTORS + 1] = { 0 };
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < l->n; i++) {
        const Happened *h = &l->e[i];
        if (h->buy != buy || h->time < from || h->time >= to) continue;
        if (group >= 0 && h->plan != group) continue;
        if (group == -2 && kept[h->plan]) continue;
        w->events++;
        w->people += !seen[person(l, h->actor)];
        seen[person(l, h->actor)] = true;
        if (!h->plan) continue;
        double v = h->price + (h->whole ? 0 : 0.25);
        if (w->n == 0 || v < w->min) w->min = v;
        if (w->n == 0 || v > w->max) w->max = v;
        size_t at = (size_t)w->n++;
        for (; at && w->values[at - 1] > v; at--) w->values[at] = w->values[at - 1];
        w->values[at] = v;
        w->sum += v;
    }
}
static double number(const Number *n) { return n->kind == NUMBER_INT ? (double)n->i : n->d; }
static void same(const Number *n, bool has, double v)
{
    assert_int_equal(n->kind != NUMBER_NONE, has);
    if (has && fabs(number(n) - v) > 1e-9 * (1 + fabs(v))) print_error("%f, want %f\n", number(n), v);
    if (has) assert_true(fabs(number(n) - v) <= 1e-9 * (1 + fabs(v)));
}
static const TrendMeasure measures[] = { TREND_COUNT, TREND_PEOPLE, TREND_PER_PERSON, TREND_SUM, TREND_MEAN, TREND_MIN,
    TREND_MAX, TREND_PERCENTILE };
static TrendQuery question(const Zone *zone, ScanTexts *texts)
{
    TrendQuery q = { .scope = { .zone = zone, .week_start = 1, .period = PERIOD_DAY, .texts = texts }, .from = START,
        .to = START + DAYS * DAY };
    for (size_t i = 0; i < COUNT(measures); i++)
        q.series[q.n_series++] = (TrendSeries){ .event = { .name = S("buy") }, .measure = measures[i],
            .prop = S("price"),
            .percentile = 75 };
    return q;
}
static void check_cell(const TrendAnswer *a, size_t g, size_t at, const Want *w)
{
    size_t line = a->n_groups * (a->grid.n + 1), i = g * (a->grid.n + 1) + at;
    same(&a->values[0 * line + i], true, (double)w->events);
    same(&a->values[1 * line + i], true, (double)w->people);
    same(&a->values[2 * line + i], w->people > 0, w->people ? (double)w->events / (double)w->people : 0);
    same(&a->values[3 * line + i], true, w->sum);
    same(&a->values[4 * line + i], w->n > 0, w->n ? w->sum / (double)w->n : 0);
    same(&a->values[5 * line + i], w->n > 0, w->min);
    same(&a->values[6 * line + i], w->n > 0, w->max);
    same(&a->values[7 * line + i], w->n > 0, w->n ? w->values[(w->n * 3 + 3) / 4 - 1] : 0);
}
static int plan_of(Str text) { return text.n ? text.p[text.n - 1] - '0' : 0; }
static void check(const Log *l, const TrendAnswer *a, bool broken_down)
{
    bool kept[PLANS] = { 0 };
    Want *w = calloc(1, sizeof *w);
    for (size_t g = 0; g < a->n_groups; g++)
        if (broken_down && !a->groups[g].other) kept[plan_of(a->groups[g].value[0])] = true;
    for (size_t g = 0; g < a->n_groups; g++)
        for (size_t at = 0; at <= a->grid.n; at++) {
            int group = !broken_down ? -1 : a->groups[g].other ? -2 : plan_of(a->groups[g].value[0]);
            want(l, true, at < a->grid.n ? a->grid.starts[at] : START, at < a->grid.n ? a->grid.starts[at + 1] :
                START + DAYS * DAY, group, kept, w);
            check_cell(a, g, at, w);
        }
    free(w);
}
static void ask(Cx *cx, Rig *r, const TrendQuery *q, TrendAnswer *ret)
{
    Snapshot snap;
    ok(snapshot_take(cx, r->s, &snap));
    ok(query_trend_run(cx, &snap, q, ret));
    snapshot_done(cx, &snap);
}
TEST(every_measure_of_a_trend_equals_a_count_by_hand)
{
    Rig r;
    const Zone *utc;
    ScanTexts *texts;
    TrendAnswer a;
    Log *l = calloc(1, sizeof *l);
    ok(zone_get(cx, S("UTC"), &utc));
    for (uint64_t seed = 1; seed <= 3; seed++) {
        *l = (Log){ 0 };
        rig_open(cx, &r, test_dir());
        fill(cx, &r, l, seed * 1000003);
        ok(scan_texts_new(cx, &texts));
        TrendQuery q = question(utc, texts);
        ask(cx, &r, &q, &a);
        assert_int_equal(a.grid.n, DAYS);
        check(l, &a, false);
        q.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("plan") };
        q.scope.n_breakdown = 1;
        ask(cx, &r, &q, &a);
        assert_int_equal(a.n_groups, PLANS);
        check(l, &a, true);
        q.scope.breakdown_limit = 3;
        ask(cx, &r, &q, &a);
        assert_int_equal(a.n_groups, 4);
        assert_true(a.groups[3].other);
        check(l, &a, true);
        q.scope.breakdown_limit = 1;                       /* more groups at once than are kept: totals first */
        ask(cx, &r, &q, &a);
        assert_int_equal(a.n_groups, 2);
        check(l, &a, true);
        while (rig_merge(cx, &r) == ST_OK) { }
        ask(cx, &r, &q, &a);
        check(l, &a, true);
        scan_texts_done(texts);
        rig_done(&r);
        test_remove(test_dir());
        arena_reset(cx->arena);
    }
    free(l);
}
/* The ways that do not walk: counts and sums as events lie, people from bits. Each must say what the walk does. */
static void agree(const TrendAnswer *a, const TrendAnswer *b)
{
    assert_int_equal(a->n_groups, b->n_groups);
    assert_int_equal(a->n_lines, b->n_lines);
    for (size_t g = 0; g < a->n_groups; g++) {
        assert_int_equal(a->groups[g].other, b->groups[g].other);
        for (size_t i = 0; i < QUERY_BREAKDOWNS; i++)
            assert_true(str_eq(a->groups[g].value[i], b->groups[g].value[i]));
    }
    for (size_t i = 0; i < a->n_lines * a->n_groups * (a->grid.n + 1); i++) {
        assert_int_equal(a->values[i].kind != NUMBER_NONE, b->values[i].kind != NUMBER_NONE);
        if (a->values[i].kind) same(&a->values[i], true, number(&b->values[i]));
    }
}
TEST(quick_ways_and_the_walk_agree)
{
    static const TrendMeasure counts[] = { TREND_COUNT, TREND_SUM, TREND_MEAN, TREND_MIN, TREND_MAX };
    Rig r;
    const Zone *zone;
    ScanTexts *texts;
    TrendAnswer quick, walk;
    Log *l = calloc(1, sizeof *l);
    Formula f;
    ok(zone_get(cx, S("America/New_York"), &zone));
    rig_open(cx, &r, test_dir());
    fill(cx, &r, l, 424242);
    ok(scan_texts_new(cx, &texts));
    ok(formula_read(cx, S("A - B / 2"), S("f"), 2, &f));
    for (int round = 0; round < 24; round++) {
        bool people = round & 1;
        PeopleSet set;
        TrendCell cell = { .period = 0 };
        TrendQuery q = { .scope = { .zone = zone, .period = round % 3 ? PERIOD_DAY : PERIOD_WEEK, .week_start = 1,
            .texts = texts }, .from = START + round * 3600000, .to = START + DAYS * DAY, .formulas = { &f },
                .n_formulas = 1 };
        q.series[q.n_series++] = (TrendSeries){ .event = { .name = S("buy") }, .measure = people ? TREND_PEOPLE :
            TREND_COUNT };
        for (size_t k = 0; k < 2; k++)
            q.series[q.n_series++] = (TrendSeries){ .event = { .any = true }, .prop = S("price"), .measure = people ?
                TREND_PEOPLE : counts[(size_t)round / 2 % 5] };
        q.scope.breakdown[0] = (ScanSlot){ .kind = round / 2 % 3 == 1 ? SLOT_NAME : SLOT_PROP, .name = S("plan") };
        q.scope.breakdown[1] = (ScanSlot){ .kind = SLOT_PROP, .name = S("price") };
        q.scope.n_breakdown = (size_t)round / 4 % 3;
        q.scope.breakdown_limit = round % 2 ? 4 : 2;
        ask(cx, &r, &q, &quick);
        ok(people_set_new(cx, ACTORS * 2, &set));
        q.cell = &cell;
        q.people = &set;
        if (q.scope.n_breakdown) cell.group = &quick.groups[0];
        ask(cx, &r, &q, &walk);                            /* with a cell it walks */
        agree(&quick, &walk);
        people_set_done(&set);
        if (round == 11) while (rig_merge(cx, &r) == ST_OK) { }
    }
    scan_texts_done(texts);
    rig_done(&r);
    free(l);
}
TEST(formulas_and_the_people_behind_a_number)
{
    Rig r;
    const Zone *utc;
    ScanTexts *texts;
    TrendAnswer a;
    Formula f, bad;
    Log *l = calloc(1, sizeof *l);
    Want *w = calloc(1, sizeof *w);
    ok(zone_get(cx, S("UTC"), &utc));
    rig_open(cx, &r, test_dir());
    fill(cx, &r, l, 77);
    ok(scan_texts_new(cx, &texts));
    TrendQuery q = { .scope = { .zone = utc, .week_start = 1, .period = PERIOD_WEEK, .texts = texts }, .from = START,
        .to = START + DAYS * DAY, .series = { { .event = { .name = S("buy") } }, { .event = { .any = true } } },
            .n_series = 2 };
    ok(formula_read(cx, S("100 * a / (B - 0) + -1"), S("f"), 2, &f));
    q.formulas[q.n_formulas++] = &f;
    ask(cx, &r, &q, &a);
    assert_int_equal(a.n_lines, 3);
    for (size_t i = 0; i <= a.grid.n; i++) {
        double buys = number(&a.values[i]), all = number(&a.values[a.grid.n + 1 + i]);
        same(&a.values[2 * (a.grid.n + 1) + i], all > 0, all > 0 ? 100 * buys / all - 1 : 0);
    }
    Snapshot snap;
    PeopleSet people;
    TrendCell cell = { .series = 0, .period = 1 };
    ok(snapshot_take(cx, r.s, &snap));
    ok(people_set_new(cx, ACTORS + 1, &people));
    q.cell = &cell;
    q.people = &people;
    ok(query_trend_run(cx, &snap, &q, &a));
    want(l, true, a.grid.starts[1], a.grid.starts[2], -1, NULL, w);
    assert_int_equal(people_set_count(&people), w->people);
    assert_int_equal(a.values[1].i, w->people ? a.values[1].i : 0);
    people_set_done(&people);
    snapshot_done(cx, &snap);
    static const char *const wrong[] = { "", "A B", "C", "A +", "(A", "A)", "1e5", "1.", "A / / B", "A % B", "中", "-" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_equal(formula_read(cx, str_z(wrong[i]), S("formulas[0]"), 2, &bad), ST_INVALID);
        assert_string_equal(cx->why.field, "formulas[0]");
    }
    double v;
    ok(formula_read(cx, S("A / B"), S("f"), 2, &f));
    assert_false(formula_value(&f, (double[]){ 1, 0 }, (bool[]){ true, true }, &v));
    assert_false(formula_value(&f, (double[]){ 1, 2 }, (bool[]){ true, false }, &v));
    assert_true(formula_value(&f, (double[]){ 1, 4 }, (bool[]){ true, true }, &v) && v == 0.25);
    scan_texts_done(texts);
    rig_done(&r);
    free(l);
    free(w);
}
TEST(sums_of_integers_are_exact_and_of_doubles_compensated)
{
    (void)cx;
    TallyValue t = TALLY_NOTHING, d = TALLY_NOTHING;
    for (int i = 0; i < 3; i++) tally_add_value(&t, PROP_INT, (uint64_t)INT64_MAX);
    for (int i = 0; i < 2; i++) tally_add_value(&t, PROP_INT, (uint64_t)-INT64_MAX);
    assert_int_equal(query_trend_number(&t, TREND_SUM).kind, NUMBER_INT);
    assert_int_equal(query_trend_number(&t, TREND_SUM).i, INT64_MAX);
    assert_int_equal(query_trend_number(&t, TREND_MIN).i, -INT64_MAX);
    const double parts[] = { 1, 1e100, 1, -1e100 };
    for (size_t i = 0; i < COUNT(parts); i++) {
        uint64_t bits;
        memcpy(&bits, &parts[i], sizeof bits);
        tally_add_value(&d, PROP_DOUBLE, bits);
    }
    assert_true(query_trend_number(&d, TREND_SUM).d == 2.0);
    tally_add(&d, &t);
    assert_int_equal(tally_numbers(&d), 9);
}
