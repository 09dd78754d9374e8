/* Funnels through the whole store: the worked cases, plain SQL over the same random events, and the options by hand. */
#include "store/events/query_funnel.h"
#include "store/events/case_rig_test.h"
#include "store/events/query_rig_test.h"

enum { DAY = 86400000 };

/* ---- worked cases ---- */

static int64_t window_of(const JsonNode *w)
{
    static const struct { const char *unit; int64_t ms; } units[] = { { "second", 1000 }, { "minute", 60000 },
        { "hour", 3600000 }, { "day", DAY }, { "week", 7 * DAY }, { "month", INT64_C(30) * DAY } };
    const JsonNode *n = json_first(w);
    for (size_t i = 0; i < COUNT(units); i++)
        if (str_is(json_str_of(json_next(n)), units[i].unit)) return n->i * units[i].ms;
    assert_true(false);
    return 0;
}
typedef struct Case { FunnelQuery q; FunnelStepSpec steps[5]; FunnelExclusion exclusions[2]; } Case;
static void read_query(const JsonNode *n, Case *c)
{
    const JsonNode *steps = json_get(n, S("steps")), *s = json_first(steps), *x = json_get(n, S("exclusions"));
    const JsonNode *breakdown = json_get(n, S("breakdown"));
    Str order = json_str_of(json_get(n, S("order")));
    *c = (Case){ .q = { .times = true, .n_steps = steps->n, .window = window_of(json_get(n, S("window"))),
        .from = case_time(json_get(n, S("from"))), .to = case_time(json_get(n, S("to"))) + 1 } };
    c->q.steps = c->steps, c->q.exclusions = c->exclusions;
    c->q.order = str_is(order, "strict") ? FUNNEL_STRICT : str_is(order, "unordered") ?
        FUNNEL_UNORDERED : FUNNEL_ORDERED;
    for (uint32_t i = 0; i < steps->n; i++, s = json_next(s))
        c->steps[i].event.name = json_str_of(json_get(s, S("name")));
    if (x) {
        const JsonNode *first = json_first(x);
        c->q.n_exclusions = 1;
        c->exclusions[0] = (FunnelExclusion){ .event.name = json_str_of(json_get(json_get(first, S("event")),
            S("name"))),
            .from_step = (size_t)json_get(first, S("from_step"))->i, .to_step = (size_t)json_get(first,
                S("to_step"))->i };
    }
    if (breakdown) {
        c->q.scope.n_breakdown = 1;
        c->q.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = json_str_of(json_get(breakdown, S("prop"))) };
        assert_str(json_str_of(json_get(breakdown, S("attribution"))), "last_touch");
        c->q.touch = FUNNEL_LAST_TOUCH;
    }
}
static double number_of(const JsonNode *n) { return n->kind == JSON_INT ? (double)n->i : n->d; }
static void same_row(const FunnelRow *row, size_t n_steps, const JsonNode *want)
{
    const JsonNode *counts = json_get(want, S("counts")), *n = json_first(counts);
    const JsonNode *average = json_get(want, S("avg_seconds")), *median = json_get(want, S("median_seconds"));
    assert_int_equal(counts->n, n_steps);
    for (uint32_t i = 0; i < counts->n; i++, n = json_next(n)) assert_int_equal(row->steps[i].people, n->i);
    n = average ? json_first(average) : NULL;
    for (uint32_t i = 1; n && i <= average->n; i++, n = json_next(n))
        assert_true(row->steps[i].average_ms == number_of(n) * 1000);
    n = median ? json_first(median) : NULL;
    for (uint32_t i = 1; n && i <= median->n; i++, n = json_next(n))
        assert_true(row->steps[i].median_ms == number_of(n) * 1000);
}
/* Exactly the people named in "reached" are behind each step. */
static void same_people(Cx *cx, const Snapshot *snap, FunnelQuery q, const QueryGroup *group, const JsonNode *want)
{
    const JsonNode *reached = json_get(want, S("reached")), *key = reached ? json_first(reached) : NULL;
    FunnelAnswer a;
    for (uint32_t i = 0; key && i < reached->n; i++) {
        FunnelCell cell = { .who = FUNNEL_REACHED, .step = i, .group = *group };
        const JsonNode *ids = json_next(key), *id = json_first(ids);
        PeopleSet people;
        ok(people_set_new(cx, snap->actors, &people));
        q.cell = &cell, q.people = &people;
        ok(query_funnel_run(cx, snap, &q, &a));
        assert_int_equal(people_set_count(&people), ids->n);
        for (uint32_t k = 0; k < ids->n; k++, id = json_next(id)) {
            uint32_t root;
            assert_true(snapshot_actor(snap, case_user(json_str_of(id)), &root));
            assert_true(people_set_has(&people, root));
        }
        people_set_done(&people);
        key = json_next(ids);
    }
}
static void same_answer(Cx *cx, const Snapshot *snap, const Case *c, const FunnelAnswer *a, const JsonNode *want)
{
    const JsonNode *key = json_first(want);
    if (!c->q.scope.n_breakdown) {
        assert_int_equal(a->n, 1);
        same_row(&a->rows[0], a->n_steps, want);
        same_people(cx, snap, c->q, &a->rows[0].group, want);
        return;
    }
    assert_int_equal(a->n, want->n);
    for (uint32_t i = 0; i < want->n; i++) {
        const JsonNode *value = json_next(key);
        size_t at = 0;
        while (at < a->n && !str_eq(a->rows[at].group.value[0], key->s)) at++;
        assert_true(at < a->n);
        same_row(&a->rows[at], a->n_steps, value);
        same_people(cx, snap, c->q, &a->rows[at].group, value);
        key = json_next(value);
    }
}
TEST(the_worked_cases_of_funnels_come_out)
{
    static const char *const ids[] = { "### fun-times", "### fun-strict", "### fun-unordered", "### fun-exclusion",
        "### fun-attr-last" };
    for (size_t i = 0; i < COUNT(ids); i++) {
        const JsonNode *n = case_read(cx, ids[i]);
        Rig r;
        Case c;
        rig_open(cx, &r, test_dir());
        case_load(cx, &r, n);
        read_query(json_get(n, S("query")), &c);
        for (int flushed = 0; flushed < 2; flushed++) {
            Snapshot snap;
            FunnelAnswer a;
            ok(snapshot_take(cx, r.s, &snap));
            ok(scan_texts_new(cx, &c.q.scope.texts));
            ok(query_funnel_run(cx, &snap, &c.q, &a));
            same_answer(cx, &snap, &c, &a, json_get(n, S("expected")));
            scan_texts_done(c.q.scope.texts);
            snapshot_done(cx, &snap);
            ok(flushed ? ST_OK : rig_flush(cx, &r));
        }
        rig_done(&r);
    }
}

/* ---- the same in SQL: all chains of events, grown one step at a time ---- */

static const char CHAINS[] =
    "WITH RECURSIVE e AS (SELECT p.root, e.time, e.item, CASE e.name WHEN 'view' THEN 0 WHEN '加入' THEN 1 WHEN 'pay' "
    "THEN "
    "2 END AS step FROM event e JOIN person p ON p.actor = e.actor WHERE e.name IN ('view', '加入', 'pay') AND time >= "
    "%lld),"
    "chain AS (SELECT root, time AS entry, time, 0 AS step, item FROM e WHERE step = 0 AND time < %lld UNION "
    "SELECT c.root, c.entry, e.time, e.step, c.item FROM chain c JOIN e ON e.root = c.root AND e.step = c.step + 1 "
    "AND e.time "
    ">= c.time AND e.time - c.entry <= %lld AND e.time - c.time <= %lld%s) ";
typedef struct Asked { FunnelQuery q; FunnelStepSpec steps[3]; char with[2000], sql[3000]; } Asked;
static void random_question(World *w, Asked *a, const char *same_item)
{
    static const char *const names[] = { "view", "加入", "pay" };
    int64_t from = INT64_C(1704067200000) + (int64_t)world_rnd(w, 5) * DAY, own = world_rnd(w, 2) ? DAY / 3 : 0;
    *a = (Asked){ .q = { .scope.texts = w->texts, .n_steps = 3, .window = (int64_t)(1 + world_rnd(w, 12)) * DAY / 4,
        .from = from, .to = from + (int64_t)(1 + world_rnd(w, 8)) * DAY, .times = world_rnd(w, 2) } };
    a->q.steps = a->steps;
    for (size_t i = 0; i < 3; i++)
        a->steps[i] = (FunnelStepSpec){ .event.name = str_z(names[i]), .window = i ? own : 0 };
    snprintf(a->with, sizeof a->with, CHAINS, (long long)a->q.from, (long long)a->q.to, (long long)a->q.window,
        (long long)(own ? own : INT64_MAX / 2), same_item);
}
static void same_people_behind(Cx *cx, World *w, FunnelQuery q, const FunnelRow *row)
{
    for (size_t s = 0; s < 3; s++)
        for (int lost = 0; lost < 2; lost++) {
            FunnelCell cell = { .who = lost ? FUNNEL_LOST : FUNNEL_REACHED, .step = s, .group = row->group };
            int64_t want = lost ? (s ? row->steps[s - 1].people - row->steps[s].people : 0) : row->steps[s].people;
            PeopleSet people;
            FunnelAnswer a;
            ok(people_set_new(cx, w->snap.actors, &people));
            q.cell = &cell, q.people = &people;
            ok(query_funnel_run(cx, &w->snap, &q, &a));
            assert_int_equal(people_set_count(&people), want);
            people_set_done(&people);
        }
}
static void ask_plain(Cx *cx, World *w)
{
    static const char *const same[] = { "", " AND e.item = c.item" };
    bool hold = world_rnd(w, 2);
    Asked a;
    FunnelAnswer got;
    int64_t want[3];
    random_question(w, &a, same[hold]);
    if (hold) a.q.hold = S("item");
    snprintf(a.sql, sizeof a.sql, "%s SELECT count(DISTINCT root) FROM (SELECT 0 AS s UNION SELECT 1 UNION SELECT 2) "
        "LEFT JOIN "
        "chain ON step = s%s GROUP BY s ORDER BY s", a.with, hold ? " AND item IS NOT NULL" : "");
    assert_int_equal(world_numbers(w, a.sql, want, 3), 3);
    ok(query_funnel_run(cx, &w->snap, &a.q, &got));
    for (size_t s = 0; s < 3; s++) {
        if (got.rows[0].steps[s].people != want[s]) print_error("%s\n", a.sql);
        assert_int_equal(got.rows[0].steps[s].people, want[s]);
        if (s) assert_true(want[s] <= want[s - 1]);
    }
    same_people_behind(cx, w, a.q, &got.rows[0]);
}
/* all_events: as many chains of each value, missing being one; rows by people, then by text; the rest together. */
static void ask_by_value(Cx *cx, World *w)
{
    Asked a;
    FunnelAnswer got;
    int64_t want[100], rest[3];
    size_t limit = 1 + world_rnd(w, 4);
    random_question(w, &a, " AND e.item IS c.item");
    a.q.scope.n_breakdown = 1;
    a.q.scope.breakdown_limit = limit;
    a.q.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("item") };
    a.q.touch = FUNNEL_ALL_EVENTS;
    ok(query_funnel_run(cx, &w->snap, &a.q, &got));
    snprintf(a.sql, sizeof a.sql, "%s SELECT n FROM (SELECT item, step, count(DISTINCT root) AS n, "
        "max(count(DISTINCT root)) OVER "
        "(PARTITION BY item) AS top FROM chain GROUP BY item, step) ORDER BY top DESC, coalesce(CAST(item AS TEXT), "
        "''), step",
        a.with);
    size_t n = world_numbers(w, a.sql, want, COUNT(want)), at = 0;
    for (size_t i = 0; i < got.n && i < limit; i++)
        for (size_t s = 0; s < 3 && got.rows[i].steps[s].people; s++, at++) {
            assert_true(at < n);
            if (got.rows[i].steps[s].people != want[at]) print_error("%s\n", a.sql);
            assert_int_equal(got.rows[i].steps[s].people, want[at]);
        }
    assert_int_equal(got.n > limit, at < n);
    for (size_t i = 0; i < got.n; i++) same_people_behind(cx, w, a.q, &got.rows[i]);
    if (got.n <= limit) return;
    assert_true(got.rows[limit].group.other);              /* a person with two of the others counts once */
    snprintf(a.sql, sizeof a.sql, "%s, top AS (SELECT item FROM chain WHERE step = 0 GROUP BY item ORDER BY "
        "count(DISTINCT root) "
        "DESC, coalesce(CAST(item AS TEXT), '') LIMIT %zu) SELECT count(DISTINCT root) FROM (SELECT 0 AS s UNION "
        "SELECT 1 UNION "
        "SELECT 2) LEFT JOIN chain c ON step = s AND NOT EXISTS (SELECT 1 FROM top t WHERE t.item IS c.item) GROUP "
        "BY s ORDER "
        "BY s", a.with, limit);
    assert_int_equal(world_numbers(w, a.sql, rest, 3), 3);
    for (size_t s = 0; s < 3; s++) assert_int_equal(got.rows[limit].steps[s].people, rest[s]);
}
static void ask_by_touch(Cx *cx, World *w)
{
    Asked a;
    FunnelAnswer got;
    int64_t want[100];
    bool last = world_rnd(w, 2);
    random_question(w, &a, "");
    a.q.scope.n_breakdown = 1;
    a.q.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("item") };
    a.q.touch = last ? FUNNEL_LAST_TOUCH : FUNNEL_FIRST_TOUCH;
    ok(query_funnel_run(cx, &w->snap, &a.q, &got));
    /* of one moment's values any may be the first: ask only where that is no question */
    snprintf(a.sql, sizeof a.sql, "%s SELECT count(*) FROM e x JOIN e y ON x.root = y.root AND x.time = y.time AND "
        "x.item <> y.item "
        "WHERE x.time < %lld", a.with, (long long)(a.q.to + a.q.window));
    world_numbers(w, a.sql, want, 1);
    if (want[0]) return;
    snprintf(a.sql, sizeof a.sql, "%s, touch AS (SELECT root, item, %s(time) FROM e WHERE item IS NOT NULL AND time "
        "< %lld GROUP BY "
        "root), c AS (SELECT DISTINCT root, step FROM chain), r AS (SELECT t.item, c.step, count(*) AS n FROM c LEFT "
        "JOIN "
        "touch t USING (root) GROUP BY 1, 2) SELECT n FROM (SELECT n, item, step, max(n) OVER (PARTITION BY item) AS "
        "top "
        "FROM r) ORDER BY top DESC, coalesce(CAST(item AS TEXT), ''), step", a.with, last ? "max" : "min",
        (long long)(a.q.to + a.q.window));
    size_t n = world_numbers(w, a.sql, want, COUNT(want)), at = 0;
    for (size_t i = 0; i < got.n; i++)
        for (size_t s = 0; s < 3 && got.rows[i].steps[s].people; s++, at++) {
            assert_true(at < n);
            if (got.rows[i].steps[s].people != want[at]) print_error("%s\n", a.sql);
            assert_int_equal(got.rows[i].steps[s].people, want[at]);
        }
    assert_int_equal(at, n);
}
TEST(funnels_agree_with_plain_sql_through_joins_undos_and_late_events)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        World w;
        world_open(cx, &w, seed);
        for (int round = 0; round < 5; round++) {
            world_live(cx, &w, 60);
            for (int i = 0; i < 4; i++) {
                ask_plain(cx, &w);
                ask_by_value(cx, &w);
                ask_by_touch(cx, &w);
            }
            world_asked(cx, &w);
            arena_reset(cx->arena);
        }
        world_done(&w);
    }
}

/* ---- by hand ---- */

typedef struct Hand { Rig r; FunnelQuery q; FunnelStepSpec steps[4]; Snapshot snap; } Hand;
static void hand_open(Cx *cx, Hand *h, const char *const *names, size_t n)
{
    *h = (Hand){ .q = { .n_steps = n, .window = 3600000, .from = 0, .to = INT64_C(10) * DAY } };
    h->q.steps = h->steps;
    for (size_t i = 0; i < n; i++) h->steps[i].event.name = str_z(names[i]);
    rig_open(cx, &h->r, test_dir());
    ok(scan_texts_new(cx, &h->q.scope.texts));
}
static void hand_done(Hand *h)
{
    scan_texts_done(h->q.scope.texts);
    rig_done(&h->r);
}
static void hand_add(Cx *cx, Hand *h, uint64_t who, const char *name, int64_t seconds, const char *item)
{
    Prop p = { .name = S("item"), .kind = PROP_STR, .s = str_z(item) };
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .actor = rig_key(who), .name = str_z(name),
        .time = seconds * 1000, .received = seconds * 1000, .props = &p, .n_props = item ? 1 : 0 } };
    rig_append(cx, &h->r, &e, 1);
}
static FunnelAnswer hand_ask(Cx *cx, Hand *h)
{
    FunnelAnswer a;
    ok(snapshot_take(cx, h->r.s, &h->snap));
    ok(query_funnel_run(cx, &h->snap, &h->q, &a));
    snapshot_done(cx, &h->snap);
    return a;
}
TEST(times_to_convert_fall_into_bins)
{
    static const char *const names[] = { "one", "two" };
    static const int64_t took[] = { 2220, 2220, 82800 };
    Hand h;
    hand_open(cx, &h, names, 2);
    h.q.window = INT64_C(60) * DAY;                        /* longer than 32 bits of ms */
    for (size_t i = 0; i < COUNT(took); i++)
        hand_add(cx, &h, i, "one", 100, NULL), hand_add(cx, &h, i, "two", 100 + took[i], NULL);
    h.q.convert = true, h.q.from_step = 0, h.q.to_step = 1;
    FunnelRow row = hand_ask(cx, &h).rows[0];
    assert_int_equal(row.n_bins, 3);
    assert_true(row.bins[0].from_ms == 2220000 && row.bins[1].from_ms == 42510000 && row.bins[2].from_ms == 82800000);
    assert_int_equal(row.bins[0].people, 2);
    assert_int_equal(row.bins[1].people, 0);
    assert_int_equal(row.bins[2].people, 1);
    assert_true(row.average_ms == 29080000);
    h.q.bins = 5;
    assert_int_equal(hand_ask(cx, &h).rows[0].n_bins, 6);
    h.q.bins = 0;
    hand_add(cx, &h, 9, "one", 100, NULL), hand_add(cx, &h, 9, "two", 100 + 59 * 86400, NULL);
    assert_true(hand_ask(cx, &h).rows[0].bins[0].from_ms == 2220000);
    assert_true(hand_ask(cx, &h).rows[0].average_ms == (2 * 2220000.0 + 82800000 + 59.0 * DAY) / 4);
    hand_done(&h);
}
TEST(the_people_of_a_bin_can_be_had)
{
    static const char *const names[] = { "one", "two" };
    FunnelCell cell = { .who = FUNNEL_TIME, .low = 60000, .high = 120000 };
    PeopleSet people;
    Hand h;
    hand_open(cx, &h, names, 2);
    for (uint64_t i = 0; i < 10; i++)
        hand_add(cx, &h, i, "one", 0, NULL), hand_add(cx, &h, i, "two", (int64_t)i * 20, NULL);
    h.q.from_step = 0, h.q.to_step = 1;
    ok(people_set_new(cx, 64, &people));
    h.q.cell = &cell, h.q.people = &people;
    (void)hand_ask(cx, &h);
    assert_int_equal(people_set_count(&people), 3);        /* 60, 80, 100 seconds */
    people_set_done(&people);
    hand_done(&h);
}
TEST(holding_a_property_takes_any_one_value_that_converts)
{
    static const char *const names[] = { "view", "buy" };
    Hand h;
    hand_open(cx, &h, names, 2);
    h.q.hold = S("item");
    hand_add(cx, &h, 1, "view", 1, "a"), hand_add(cx, &h, 1, "view", 2, "b"), hand_add(cx, &h, 1, "buy", 3, "b");
    hand_add(cx, &h, 2, "view", 1, "a"), hand_add(cx, &h, 2, "buy", 2, "b");
    hand_add(cx, &h, 3, "view", 1, NULL), hand_add(cx, &h, 3, "buy", 2, NULL);
    FunnelAnswer a = hand_ask(cx, &h);
    assert_int_equal(a.rows[0].steps[0].people, 2);
    assert_int_equal(a.rows[0].steps[1].people, 1);
    h.q.entries = true;
    hand_add(cx, &h, 4, "view", 1, "a"), hand_add(cx, &h, 4, "view", 2, "b");
    hand_add(cx, &h, 4, "buy", 3, "a"), hand_add(cx, &h, 4, "buy", 4, "b");
    a = hand_ask(cx, &h);
    assert_int_equal(a.rows[0].steps[0].people, 3 + 2);
    assert_int_equal(a.rows[0].steps[1].people, 1 + 2);
    hand_done(&h);
}
TEST(events_of_other_values_stand_between_the_steps_of_a_strict_funnel)
{
    static const char *const names[] = { "view", "buy" };
    Hand h;
    hand_open(cx, &h, names, 2);
    h.q.hold = S("item");
    h.q.order = FUNNEL_STRICT;
    hand_add(cx, &h, 1, "view", 1, "a"), hand_add(cx, &h, 1, "view", 2, "b"), hand_add(cx, &h, 1, "buy", 3, "a");
    hand_add(cx, &h, 2, "view", 1, "a"), hand_add(cx, &h, 2, "buy", 3, "a");
    FunnelAnswer a = hand_ask(cx, &h);
    assert_int_equal(a.rows[0].steps[0].people, 2);
    assert_int_equal(a.rows[0].steps[1].people, 1);
    hand_done(&h);
}
TEST(the_value_at_a_step_counts_only_who_came_there)
{
    static const char *const names[] = { "view", "buy" };
    Hand h;
    hand_open(cx, &h, names, 2);
    h.q.scope.n_breakdown = 1;
    h.q.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("item") };
    h.q.touch = FUNNEL_AT_STEP, h.q.touch_step = 1;
    hand_add(cx, &h, 1, "view", 1, "a"), hand_add(cx, &h, 1, "buy", 2, "b");
    hand_add(cx, &h, 2, "view", 1, "c");
    FunnelAnswer a = hand_ask(cx, &h);
    assert_int_equal(a.n, 1);
    assert_str(a.rows[0].group.value[0], "b");
    assert_int_equal(a.rows[0].steps[0].people, 1);
    assert_int_equal(a.rows[0].steps[1].people, 1);
    hand_done(&h);
}
TEST(a_funnel_says_what_is_wrong_with_it)
{
    static const char *const names[] = { "one", "two" };
    static FunnelStepSpec many[FUNNEL_STEPS_MAX + 1];
    FunnelExclusion x = { .event.name = S("x"), .from_step = 1, .to_step = 1 };
    FunnelAnswer a;
    Hand h;
    hand_open(cx, &h, names, 2);
    ok(snapshot_take(cx, h.r.s, &h.snap));
#define REFUSED(name) do { assert_int_equal(query_funnel_run(cx, &h.snap, &q, &a), ST_INVALID); \
    assert_string_equal(cx->why.field, name); } while (0)
    FunnelQuery q = h.q;
    q.steps = many, q.n_steps = FUNNEL_STEPS_MAX + 1;
    REFUSED("steps");
    q.n_steps = FUNNEL_STEPS_MAX;
    ok(query_funnel_run(cx, &h.snap, &q, &a));
    q.n_steps = 0;
    REFUSED("steps");
    q = h.q, q.exclusions = &x, q.n_exclusions = 1;
    REFUSED("exclusions");
    q = h.q, q.convert = true, q.from_step = 1, q.to_step = 2;
    REFUSED("time_to_convert");
    q = h.q, q.to = q.from;
    REFUSED("to");
    h.steps[0].optional = true, q = h.q;
    REFUSED("optional");
    snapshot_done(cx, &h.snap);
    hand_done(&h);
}
TEST(a_funnel_asks_for_memory_before_it_takes_it)
{
    static const char *const names[] = { "one", "two" };
    Hand h;
    FunnelAnswer a;
    ScanRun run = { .bytes_max = 700 };
    hand_open(cx, &h, names, 2);
    for (uint64_t i = 0; i < 200; i++) hand_add(cx, &h, i, "one", 1, NULL), hand_add(cx, &h, i, "two", 2, NULL);
    ok(snapshot_take(cx, h.r.s, &h.snap));
    h.q.times = true, h.q.scope.run = &run;
    assert_int_equal(query_funnel_run(cx, &h.snap, &h.q, &a), ST_LIMITED);
    assert_string_equal(cx->why.field, "memory");
    assert_int_equal(run.bytes, 0);
    run.bytes_max = 0;
    ok(query_funnel_run(cx, &h.snap, &h.q, &a));
    assert_int_equal(run.bytes, 0);
    assert_int_equal(a.rows[0].steps[1].timed, 200);
    snapshot_done(cx, &h.snap);
    hand_done(&h);
}
TEST(every_failed_allocation_of_a_funnel_is_told_and_nothing_leaks)
{
    static const char *const names[] = { "one", "two" };
    Hand h;
    hand_open(cx, &h, names, 2);
    for (uint64_t i = 0; i < 20; i++)
        hand_add(cx, &h, i, "one", 1, i % 2 ? "a" : "b"), hand_add(cx, &h, i, "two", 2, "a");
    ok(snapshot_take(cx, h.r.s, &h.snap));
    h.q.times = h.q.convert = true, h.q.to_step = 1, h.q.hold = S("item");
    h.q.scope.n_breakdown = 1, h.q.scope.breakdown_limit = 1;
    h.q.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("item") };
    h.q.touch = FUNNEL_ALL_EVENTS;
    for (int n = 0;; n++) {
        FunnelAnswer a;
        scan_texts_done(h.q.scope.texts);
        ok(scan_texts_new(cx, &h.q.scope.texts));
        fault_arm(FAULT_ALLOC, n);
        Status st = query_funnel_run(cx, &h.snap, &h.q, &a);
        bool fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        if (!fired) {
            ok(st);
            break;
        }
        assert_int_equal(st, ST_NO_MEM);
    }
    snapshot_done(cx, &h.snap);
    hand_done(&h);
}
