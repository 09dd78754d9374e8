/* Retention, lifecycle and stickiness by hand: a worked example, the published cases, boundaries, days of 23 and
 * 25 hours,
 * late joins, periods that go on, means; and identities that hold for any events. */
#include "base/limits.h"
#include "store/events/query_features.h"
#include "store/events/query_lifecycle.h"
#include "store/events/query_retention.h"
#include "store/events/query_stickiness.h"
#include "store/events/presence_key_test.h"

static void put(Cx *cx, Rig *r, uint64_t who, const char *name, const char *time)
{
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .actor = rig_key(who), .name = str_z(name) } };
    assert_true(clock_parse(str_z(time), &e.event.time));
    e.event.received = e.event.time;
    rig_append(cx, r, &e, 1);
}
static void put_days(Cx *cx, Rig *r, uint64_t who, const char *name, const char *month, const char *clock,
    const int *days, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char time[40];
        snprintf(time, sizeof time, "%s-%02dT%sZ", month, days[i], clock);
        put(cx, r, who, name, time);
    }
}
#define DAYS(who, name, month, clock, ...) put_days(cx, &r, who, name, month, clock, LIST(int, __VA_ARGS__))
static RetentionQuery query(Cx *cx, const char *zone, const char *first, size_t n)
{
    RetentionQuery q = { .n = n, .start = { .any = true }, .back = { .any = true }, .scope = { .period = PERIOD_DAY } };
    ok(zone_get(cx, str_z(zone), &q.scope.zone));
    assert_true(zone_parse(q.scope.zone, str_z(first), &q.first));
    return q;
}
static RetentionAnswer asked(Cx *cx, Rig *r, const RetentionQuery *q)
{
    Snapshot snap;
    RetentionAnswer a;
    ok(snapshot_take(cx, r->s, &snap));
    ok(query_retention_run(cx, &snap, q, &a));
    snapshot_done(cx, &snap);
    assert_int_equal(a.n_tables, 1);
    return a;
}
static void same(const RetentionAnswer *a, const int64_t *want, size_t n)
{
    assert_int_equal(query_retention_row(a, a->n), n);
    for (size_t i = 0; i < n; i++) {
        if (a->tables[0].cells[i] != want[i]) print_error("cell %zu\n", i);
        assert_int_equal(a->tables[0].cells[i], want[i]);
    }
}
#define EXPECT(q, ...) do { RetentionAnswer a_ = asked(cx, &r, (q)); same(&a_, LIST(int64_t, __VA_ARGS__)); } while (0)

TEST(the_worked_example_comes_out_as_by_hand)
{
    static const uint32_t twos[] = { 2, 2 };
    Rig r;
    rig_open(cx, &r, test_dir());
    DAYS(1, "open", "2024-03", "12:00:00", 1, 2, 4);
    DAYS(2, "open", "2024-03", "12:00:00", 1, 3);
    DAYS(3, "open", "2024-03", "12:00:00", 1);
    DAYS(4, "open", "2024-03", "12:00:00", 2, 3, 5);
    DAYS(5, "open", "2024-03", "12:00:00", 3);
    RetentionQuery q = query(cx, "UTC", "2024-03-01", 5);
    EXPECT(&q, 3, 1, 1, 1, 0, 2, 1, 1, 1, 3, 0, 1, 1, 0, 1);
    q.measure = RETENTION_ON_OR_AFTER;
    EXPECT(&q, 3, 2, 2, 1, 0, 2, 2, 2, 1, 3, 1, 1, 1, 0, 1);
    q.mode = RETENTION_FIRST_TIME;
    EXPECT(&q, 3, 2, 2, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0);
    q.measure = RETENTION_ON;
    EXPECT(&q, 3, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0);
    q.from_event = true;
    EXPECT(&q, 3, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0);
    q.from_event = false, q.brackets = twos, q.n_brackets = 2;
    EXPECT(&q, 3, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    rig_done(&r);
}
TEST(published_retention_cases_come_out)
{
    Rig r;
    const char *dir = test_dir();
    Entry join = { .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(9), .user = rig_key(1) } };
    rig_open(cx, &r, dir);
    DAYS(1, "$pageview", "2020-06", "05:00:00", 10, 11, 12, 15, 16);
    DAYS(9, "$pageview", "2020-06", "09:00:00", 15);       /* the other name of person 1 */
    DAYS(2, "$pageview", "2020-06", "05:00:00", 11, 12, 13, 16);
    rig_append(cx, &r, &join, 1);
    RetentionQuery q = query(cx, "UTC", "2020-06-10", 11);
    q.start = q.back = (Matcher){ .name = S("$pageview") };
    EXPECT(&q, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 2, 2, 1, 0, 1, 2, 0, 0, 0, 0, 2, 1, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 1, 0,
        0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    rig_done(&r);
    rig_open(cx, &r, dir);
    put(cx, &r, 1, "$pageview", "2020-06-10T23:00:00Z");
    put(cx, &r, 1, "$pageview", "2020-06-11T01:00:00Z");
    put(cx, &r, 1, "$pageview", "2020-06-11T23:00:00Z");
    put(cx, &r, 2, "$pageview", "2020-06-11T01:00:00Z");
    put(cx, &r, 2, "$pageview", "2020-06-11T23:00:00Z");
    put(cx, &r, 2, "$pageview", "2020-06-12T02:00:00Z");
    q = query(cx, "UTC", "2020-06-10", 3);
    q.from_event = true;
    EXPECT(&q, 1, 1, 0, 1, 1, 0);
    rig_done(&r);
}
TEST(published_lifecycle_and_stickiness_cases_come_out)
{
    static const int64_t states[LIFECYCLE_STATES][8] = { { 1, 0, 0, 1, 0, 0, 0, 0 }, { 1, 1, 0, 0, 0, 0, 0, 0 },
        { 1, 0, 0, 1, 0, 1, 0, 1 }, { 0, 2, 1, 0, 2, 0, 1, 0 } };
    static const int64_t sticks[10] = { 0, 0, 0, 0, 1, 0, 0, 0, 1, 0 };
    const char *dir = test_dir();
    Rig r;
    Snapshot snap;
    LifecycleAnswer life;
    StickinessAnswer stick;
    RetentionQuery q = query(cx, "UTC", "2020-01-12", 8);
    rig_open(cx, &r, dir);
    DAYS(1, "$pageview", "2020-01", "12:00:00", 11, 12, 13, 15, 17, 19);
    DAYS(2, "$pageview", "2020-01", "12:00:00", 9, 12);
    DAYS(3, "$pageview", "2020-01", "12:00:00", 12);
    DAYS(4, "$pageview", "2020-01", "12:00:00", 15);
    ok(snapshot_take(cx, r.s, &snap));
    LifecycleQuery asks = { .scope = q.scope, .first = q.first, .n = 8, .event = { .name = S("$pageview") } };
    ok(query_lifecycle_run(cx, &snap, &asks, &life));
    for (size_t s = 0; s < LIFECYCLE_STATES; s++)
        for (size_t i = 0; i < 8; i++) assert_int_equal(life.tables[0].state[s][i], states[s][i]);
    snapshot_done(cx, &snap);
    rig_done(&r);
    rig_open(cx, &r, dir);
    DAYS(1, "$pageview", "2020-01", "12:00:00", 11, 12, 13, 14, 15, 16, 17, 18, 19);
    DAYS(1, "$pageleave", "2020-01", "12:00:00", 11, 12, 20);
    DAYS(2, "$pageview", "2020-01", "12:00:00", 11, 13, 15, 17, 19);
    ok(snapshot_take(cx, r.s, &snap));
    q = query(cx, "UTC", "2020-01-11", 10);
    StickinessQuery sticky = { .scope = q.scope, .first = q.first, .n = 10, .event = { .name = S("$pageview") } };
    ok(query_stickiness_run(cx, &snap, &sticky, &stick));
    for (size_t i = 0; i < 10; i++) assert_int_equal(stick.tables[0].exactly[i], sticks[i]);
    assert_int_equal(stick.tables[0].or_more[0], 2);
    assert_int_equal(stick.tables[0].or_more[5], 1);
    snapshot_done(cx, &snap);
    rig_done(&r);
}
TEST(days_of_23_and_25_hours_are_days_and_a_window_is_24_hours)
{
    Rig r;
    const char *dir = test_dir();
    rig_open(cx, &r, dir);   /* New York, 10 March 2024: 23 hours, from 05:00Z to 04:00Z */
    put(cx, &r, 1, "open", "2024-03-10T05:00:00Z");        /* its first moment */
    put(cx, &r, 1, "open", "2024-03-11T03:59:59Z");        /* its last: the same day */
    put(cx, &r, 2, "open", "2024-03-10T04:59:59Z");        /* the day before */
    put(cx, &r, 2, "open", "2024-03-11T04:00:00Z");        /* the day after */
    RetentionQuery q = query(cx, "America/New_York", "2024-03-09", 3);
    EXPECT(&q, 1, 0, 1, 1, 0, 1);
    q.from_event = true;                                   /* 23:59 to 00:00 two days on: 24 hours of 23:00, 04:00 */
    EXPECT(&q, 1, 1, 0, 1, 0, 0);
    rig_done(&r);
    rig_open(cx, &r, dir);                                 /* 3 November 2024: 25 hours, from 04:00Z to 05:00Z */
    put(cx, &r, 1, "open", "2024-11-03T04:00:00Z");
    put(cx, &r, 1, "open", "2024-11-04T04:59:59Z");        /* still that day, yet 24 hours later */
    q = query(cx, "America/New_York", "2024-11-03", 2);
    EXPECT(&q, 1, 0, 0);
    q.from_event = true;
    EXPECT(&q, 1, 1, 0);
    rig_done(&r);
}
TEST(a_window_runs_past_the_grid_and_hours_are_those_of_the_zone)
{
    Rig r;
    rig_open(cx, &r, test_dir());
    put(cx, &r, 1, "open", "2024-03-02T20:40:00Z");        /* 02:10 of 3 March in India */
    put(cx, &r, 1, "open", "2024-03-03T20:35:00Z");        /* 23:55 h later, 24 full local hours */
    RetentionQuery q = query(cx, "Asia/Kolkata", "2024-03-02", 2);
    q.from_event = true;
    EXPECT(&q, 0, 0, 1);
    q.n = 3;
    EXPECT(&q, 0, 0, 0, 1, 1, 0);
    put(cx, &r, 2, "open", "2024-03-02T12:00:00Z");        /* 17:30 of 2 March */
    put(cx, &r, 2, "open", "2024-03-03T20:00:00Z");        /* 32 hours later, on 4 March: after the grid's end */
    q.n = 2;
    EXPECT(&q, 1, 1, 1);
    rig_done(&r);
}
TEST(unfinished_periods_are_marked_and_left_out_of_means)
{
    Rig r;
    rig_open(cx, &r, test_dir());
    for (uint64_t i = 0; i < 150; i++)
        put(cx, &r, i, "open", i < 100 ? "2023-11-13T09:00:00Z" : "2023-11-14T09:00:00Z");
    for (uint64_t i = 0; i < 30; i++) put(cx, &r, i, "open", "2023-11-14T10:00:00Z");
    for (uint64_t i = 100; i < 120; i++) put(cx, &r, i, "open", "2023-11-15T10:00:00Z");
    for (uint64_t i = 0; i < 10; i++) put(cx, &r, i, "open", "2023-11-15T10:00:00Z");
    put(cx, &r, 100, "open", "2023-11-16T01:00:00Z");
    RetentionQuery q = query(cx, "UTC", "2023-11-13", 4);
    q.mode = RETENTION_FIRST_TIME;
    assert_true(clock_parse(S("2023-11-16T01:30:00Z"), &cx->now));         /* three days have ended */
    RetentionAnswer a = asked(cx, &r, &q);
    same(&a, LIST(int64_t, 100, 30, 10, 0, 50, 20, 1, 0, 0, 0));
    assert_int_equal(a.count.finished, 3);
    for (size_t i = 0; i < 4; i++) assert_int_equal(a.finished[i], 3 - i);
    const RetentionMean *mean = a.tables[0].mean;
    assert_int_equal(mean[0].of, 150);
    assert_true(mean[1].of == 150 && mean[1].back == 50);  /* 33.3 % */
    assert_true(mean[2].of == 100 && mean[2].back == 10);  /* 10 %, not 10 of 150 */
    assert_int_equal(mean[3].of, 0);
    q.from_event = true;                                   /* a row's windows end a day after its last start's day */
    a = asked(cx, &r, &q);
    assert_int_equal(a.finished[0], 2);
    assert_int_equal(a.finished[1], 1);
    assert_int_equal(a.finished[2], 1);
    assert_int_equal(a.finished[3], 0);
    rig_done(&r);
}
TEST(an_alias_after_the_fact_and_a_first_event_that_does_not_match)
{
    Rig r;
    Prop plan = { .name = S("plan"), .kind = PROP_STR, .s = S("pro") };
    Where pro = { .kind = WHERE_PRED, .pred = { .prop = S("plan"), .op = OP_IS, .value = plan } };
    Entry join = { .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(2), .user = rig_key(1) } };
    rig_open(cx, &r, test_dir());
    put(cx, &r, 1, "signup", "2024-01-02T01:00:00Z");
    put(cx, &r, 2, "signup", "2024-01-01T01:00:00Z");
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .actor = rig_key(1), .name = S("signup"), .props = &plan,
        .n_props = 1 } };
    assert_true(clock_parse(S("2024-01-03T00:00:00Z"), &e.event.time));    /* on the boundary */
    rig_append(cx, &r, &e, 1);
    RetentionQuery q = query(cx, "UTC", "2024-01-01", 3);
    q.start.where = &pro;
    q.mode = RETENTION_FIRST_TIME;
    EXPECT(&q, 0, 0, 0, 0, 0, 1);
    q.start.any = false, q.start.name = S("signup");
    q.mode = RETENTION_FIRST_EVER;
    EXPECT(&q, 0, 0, 0, 0, 0, 0);
    q.start.where = NULL;
    EXPECT(&q, 1, 0, 0, 1, 1, 0);
    rig_append(cx, &r, &join, 1);
    EXPECT(&q, 1, 1, 1, 0, 0, 0);
    rig_done(&r);
}
TEST(what_cannot_be_asked_is_refused_and_says_why)
{
    static const uint32_t none[] = { 0 }, many[] = { 100, 81 };
    Rig r;
    Snapshot snap;
    RetentionAnswer a;
    PeopleSet people = { 0, NULL };
    rig_open(cx, &r, test_dir());
    ok(snapshot_take(cx, r.s, &snap));
    RetentionQuery good = query(cx, "UTC", "2024-01-01", RETENTION_PERIODS_MAX), q = good;
    ok(query_retention_run(cx, &snap, &q, &a));
    q.n++;
    assert_int_equal(query_retention_run(cx, &snap, &q, &a), ST_INVALID);
    assert_string_equal(cx->why.field, "intervals");
    q = good, q.brackets = none, q.n_brackets = 1;
    assert_int_equal(query_retention_run(cx, &snap, &q, &a), ST_INVALID);
    assert_string_equal(cx->why.field, "brackets");
    q.brackets = many, q.n_brackets = 2;
    assert_int_equal(query_retention_run(cx, &snap, &q, &a), ST_INVALID);
    q = good, q.people = &people, q.cell = &(RetentionCell){ .row = 100, .column = 80 };
    assert_int_equal(query_retention_run(cx, &snap, &q, &a), ST_INVALID);
    assert_string_equal(cx->why.field, "cell.column");
    q.cell = &(RetentionCell){ .row = 100, .column = 79 };
    ok(query_retention_run(cx, &snap, &q, &a));
    snapshot_done(cx, &snap);
    rig_done(&r);
}

/* ---- what holds for any events ---- */

static void identities(Cx *cx, World *w)
{
    static const uint32_t ones[] = { 1, 1, 1, 1, 1 };
    RetentionQuery q = query(cx, "Asia/Shanghai", "2024-03-05", 1 + world_rnd(w, 20));
    q.start = (Matcher){ .name = S("view") };
    if (world_rnd(w, 2)) q.back.any = false, q.back.name = S("buy");
    q.mode = (RetentionMode)world_rnd(w, 2);
    q.from_event = world_rnd(w, 3) == 0;
    RetentionAnswer on = asked(cx, &w->rig, &q);
    q.measure = RETENTION_ON_OR_AFTER;
    RetentionAnswer after = asked(cx, &w->rig, &q);
    int64_t members = 0;
    for (size_t i = 0; i < q.n; i++) {
        const int64_t *x = on.tables[0].cells + query_retention_row(&on, i), *y = after.tables[0].cells +
            query_retention_row(&on, i);
        size_t last = q.n - 1 - i;
        assert_int_equal(x[0], y[0]);                      /* column 0 is the cohort, whatever is measured */
        assert_int_equal(x[last], y[last]);
        for (size_t k = 1; k <= last; k++) assert_true(x[k] <= y[k] && y[k] <= x[0] && (k == 1 || y[k] <= y[k - 1]));
        members += x[0];
    }
    if (q.mode == RETENTION_FIRST_TIME || q.from_event) assert_int_equal(members, on.tables[0].people);   /* disjoint */
    assert_true(members >= on.tables[0].people);
    q.measure = RETENTION_ON, q.brackets = ones, q.n_brackets = COUNT(ones);
    RetentionAnswer single = asked(cx, &w->rig, &q);       /* brackets of one period each: period by period */
    for (size_t i = 0; i < q.n; i++)
        for (size_t k = 0; k <= COUNT(ones) && i + k < q.n; k++)
            assert_int_equal(single.tables[0].cells[i * single.columns + k],
                on.tables[0].cells[query_retention_row(&on, i) + k]);
}
/* The events once more, last first: answers stay as they are. */
static void twice_and_backwards(Cx *cx, World *w, Rig *back)
{
    RetentionQuery q = query(cx, "Asia/Shanghai", "2024-03-05", 15);
    q.start = (Matcher){ .name = S("view") };
    for (int mode = 0; mode < 2; mode++)
        for (int window = 0; window < 2; window++) {
            q.mode = (RetentionMode)mode, q.from_event = window;
            RetentionAnswer a = asked(cx, &w->rig, &q), b = asked(cx, back, &q);
            same(&b, a.tables[0].cells, query_retention_row(&a, a.n));
        }
}
TEST(identities_hold_for_any_events)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        World w = { .x = seed * UINT64_C(0x2545F4914F6CDD1D), .actors = 50, .days = 40 };
        Rig back;
        char other[200];
        const char *dir = test_dir();
        snprintf(other, sizeof other, "%s/other", dir);
        Fs fs = fs_posix();
        ok(fs.ops->mkdir(cx, fs.self, other));
        rig_open(cx, &w.rig, dir);
        for (int step = 0; step < 4; step++) {
            world_step(cx, &w, 40);
            for (int i = 0; i < 6; i++) {
                identities(cx, &w);
                arena_reset(cx->arena);
            }
        }
        rig_open(cx, &back, other);
        for (size_t i = 0; i < w.rig.n; i++) {             /* joins and flags first, in their order */
            Entry e;
            size_t used;
            ok(entry_get(cx, (Str){ w.rig.log[i].p, w.rig.log[i].n }, &e, &used));
            if (e.kind != ENTRY_EVENT) rig_append(cx, &back, &e, 1);
            arena_reset(cx->arena);
        }
        for (int again = 0; again < 2; again++)
            for (size_t i = w.n; i-- > 0;) {
                Entry e = { .kind = ENTRY_EVENT, .event = w.events[i]->e };
                rig_append(cx, &back, &e, 1);
            }
        twice_and_backwards(cx, &w, &back);
        rig_done(&back);
        world_done(&w);
    }
}

/* ---- memory that is not there ---- */

TEST(a_question_that_runs_out_of_memory_says_so_and_leaks_nothing)
{
    World w = { .x = 77, .actors = 12, .days = 20 };
    rig_open(cx, &w.rig, test_dir());
    world_step(cx, &w, 25);
    for (int kind = 0; kind < 7; kind++) {
        bool through = false;
        for (long nth = 0; !through; nth++) {
            Cx own = test_cx();
            Snapshot snap;
            RetentionAnswer a;
            LifecycleAnswer life;
            StickinessAnswer stick;
            ok(snapshot_take(&own, w.rig.s, &snap));
            RetentionQuery q = query(&own, "UTC", "2024-03-01", 6);
            if (kind == 1) q.value = S("price"), q.from_event = true;
            if (kind == 2) q.aggregate_by = S("path"), q.from_event = true;
            if (kind >= 3)
                q.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("path") }, q.scope.n_breakdown = 1,
                q.scope.breakdown_limit = 2;
            ok(scan_texts_new(&own, &q.scope.texts));
            LifecycleQuery asks = { .scope = q.scope, .first = q.first, .n = 5, .event = { .any = true } };
            StickinessQuery sticky = { .scope = q.scope, .first = q.first, .n = 5, .event = { .any = true } };
            FeaturesQuery features = { .scope = q.scope, .first = q.first, .n = 5, .active = { .any = true },
                .event = { .any = true }, .feature = { .kind = SLOT_PROP, .name = S("path") } };
            FeaturesAnswer matrix;
            fault_arm(FAULT_ALLOC, nth);
            Status st = kind == 4 ? query_lifecycle_run(&own, &snap, &asks, &life) :
                kind == 5 ? query_stickiness_run(&own, &snap, &sticky, &stick) :
                kind == 6 ? query_features_run(&own, &snap, &features, &matrix) :
                query_retention_run(&own, &snap, &q, &a);
            through = !fault_fired(FAULT_ALLOC);
            fault_arm(FAULT_ALLOC, -1);
            assert_int_equal(st, through ? ST_OK : ST_NO_MEM);
            scan_texts_done(q.scope.texts);
            snapshot_done(&own, &snap);
            arena_free(own.arena);
        }
    }
    world_done(&w);
}
