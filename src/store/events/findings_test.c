/* Findings: a world worked by hand, a planted effect among noise, bounds. */
#include "base/clock.h"
#include "base/limits.h"
#include "store/events/query_findings.h"
#include "store/events/state_rig_test.h"
#include <math.h>
#include <stdio.h>

enum { HOUR = 3600000, DAY = 24 * HOUR };
static const int64_t T0 = INT64_C(1704067200000);          /* 2024-01-01 UTC, a Monday */
static const ScanSlot PLAN = { .kind = SLOT_PROP, .name = { "plan", 4 } };

static void put(Cx *cx, Rig *r, int who, const char *name, int day, int hour, const char *plan)
{
    Prop p = { .name = S("plan"), .kind = PROP_STR, .s = str_z(plan ? plan : "") };
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .actor = rig_key((uint64_t)who),
        .name = str_z(name), .time = T0 + (int64_t)day * DAY + (int64_t)hour * HOUR } };
    e.event.received = e.event.time;
    e.event.props = &p;
    e.event.n_props = plan != NULL;
    rig_append(cx, r, &e, 1);
}
/* Day 5 and 6 are those to stay, days 0 to 2 the early ones. */
static void small_world(Cx *cx, Rig *r)
{
    rig_open(cx, r, test_dir());
    put(cx, r, 0, "signup", 0, 10, NULL);
    put(cx, r, 0, "share", 0, 11, "专业版");
    put(cx, r, 0, "share", 2, 1, "专业版");
    put(cx, r, 0, "visit", 5, 12, NULL);
    put(cx, r, 1, "signup", 0, 23, NULL);
    put(cx, r, 1, "share", 1, 0, "free");
    put(cx, r, 1, "visit", 6, 23, NULL);
    put(cx, r, 2, "visit", 7, 12, NULL);                   /* late: before what came before it */
    put(cx, r, 2, "share", 3, 1, "专业版");
    put(cx, r, 2, "share", 3, 2, "专业版");
    put(cx, r, 2, "signup", 1, 1, NULL);
    ok(rig_flush(cx, r));
    put(cx, r, 3, "share", 0, 9, NULL);                    /* before the story */
    put(cx, r, 3, "signup", 0, 10, NULL);
    put(cx, r, 3, "visit", 5, 9, NULL);
    put(cx, r, 4, "signup", 0, 0, NULL);
    put(cx, r, 4, "share", 3, 0, NULL);                    /* not early */
    put(cx, r, 4, "visit", 7, 0, NULL);                    /* too late */
    put(cx, r, 5, "signup", 0, 0, NULL);
    put(cx, r, 5, "visit", 1, 0, NULL);
    put(cx, r, 6, "share", 0, 5, NULL);                    /* at the very moment of the start */
    put(cx, r, 6, "signup", 0, 5, NULL);
    put(cx, r, 7, "signup", 0, 0, NULL);
    put(cx, r, 8, "signup", 9, 0, NULL);
    put(cx, r, 9, "signup", 0, 0, NULL);
    put(cx, r, 9, "signup", 8, 0, NULL);
    put(cx, r, 9, "visit", 13, 0, NULL);
    put(cx, r, 10, "share", 1, 0, NULL);                   /* no story */
}
static FindingsQuery query(Cx *cx, ScanTexts *texts)
{
    FindingsQuery q = { .scope = { .texts = texts }, .from = T0, .to = T0 + 10 * DAY, .start = { .name = S("signup") },
        .back = { .name = S("visit") }, .event = { .any = true }, .early = 3, .stay_from = 5, .stay_to = 6,
        .min_people = 2, .q_most = 1 };
    ok(zone_get(cx, S("UTC"), &q.scope.zone));
    cx->now = T0 + 10 * DAY;
    return q;
}
static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-9)) print_error("got %.12g, want %.12g\n", got, want);
    assert_true(fabs(got - want) < 1e-9);
}
static void same_row(const FindingsRow *r, const char *event, const char *value, FindingsLevel level, int64_t did,
    int64_t did_stayed, int64_t without, int64_t without_stayed)
{
    assert_str(r->event, event);
    assert_str(r->value, value ? value : "");
    assert_int_equal(r->valued, value != NULL);
    assert_int_equal(r->level.days, level.days);
    assert_int_equal(r->level.least, level.least);
    assert_int_equal(r->did, did);
    assert_int_equal(r->did_stayed, did_stayed);
    assert_int_equal(r->without, without);
    assert_int_equal(r->without_stayed, without_stayed);
    near(r->support, (double)did / (double)(did + without));
    near(r->shares.share[0], (double)did_stayed / (double)did);
}
typedef struct Small { Rig rig; Snapshot snap; ScanTexts *texts; FindingsQuery q; } Small;
static void small_open(Cx *cx, Small *s)
{
    small_world(cx, &s->rig);
    ok(snapshot_take(cx, s->rig.s, &s->snap));
    ok(scan_texts_new(cx, &s->texts));
    s->q = query(cx, s->texts);
}
static void small_done(Cx *cx, Small *s)
{
    scan_texts_done(s->texts);
    snapshot_done(cx, &s->snap);
    rig_done(&s->rig);
}
TEST(findings_of_a_small_world_are_those_counted_by_hand)
{
    Small s;
    FindingsAnswer a;
    small_open(cx, &s);
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.people, 9);
    assert_int_equal(a.stayed, 4);
    assert_int_equal(a.unfinished, 1);
    assert_int_equal(a.candidates, 1);
    assert_int_equal(a.looks, 2);                          /* 4 did it once, 2 twice, 1 on two days */
    assert_int_equal(a.found, 1);
    assert_int_equal(a.n_rows, 1);
    same_row(&a.rows[0], "share", NULL, (FindingsLevel){ false, 2 }, 2, 2, 7, 2);
    near(a.rows[0].shares.p, 21. / 126);                   /* of 126 ways to be the 4 who stay, 21 hold both */
    near(a.rows[0].q, 26. / 126);                          /* once: (20 + 1 + 5) / 126, less than twice 21 / 126 */
    near(a.rows[0].shares.lift, 3.5);
    near(a.rows[0].shares.low, -0.03320226882920485);      /* once: -0.0681 */
    near(a.rows[0].shares.high, 0.9177810759959433);
    s.q.q_most = 0;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.n_rows, 0);
    assert_int_equal(a.looks, 2);
    s.q.min_people = 0;                                    /* 30 */
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.looks, 0);
    small_done(cx, &s);
}
TEST(findings_look_at_values_and_at_what_is_kept)
{
    Small s;
    FindingsAnswer a;
    small_open(cx, &s);
    s.q.prop = &PLAN;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.candidates, 3);
    assert_int_equal(a.looks, 4);
    assert_int_equal(a.n_rows, 2);
    const FindingsRow *pro = a.rows[0].valued ? &a.rows[0] : &a.rows[1];
    same_row(pro, "share", "专业版", (FindingsLevel){ false, 1 }, 2, 2, 7, 2);   /* at equal bounds the lower level */
    s.q.scope.breakdown_limit = 1;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.n_rows, 1);
    assert_int_equal(a.found, 2);
    s.q.min_support = 0.3;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.looks, 1);
    s.q.prop = NULL;
    s.q.keep_start = s.q.keep_back = true;
    s.q.min_people = 1;
    s.q.min_support = 0;
    s.q.scope.breakdown_limit = 0;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.candidates, 3);
    assert_int_equal(a.n_rows, 2);                         /* visit; all did signup: nobody to compare with */
    s.q.event = (Matcher){ .name = S("visit") };
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.n_rows, 1);
    same_row(&a.rows[0], "visit", NULL, (FindingsLevel){ false, 1 }, 1, 0, 8, 4);
    small_done(cx, &s);
}
TEST(days_of_a_finding_are_the_zone_s_or_24_hours_and_must_have_ended)
{
    Small s;
    FindingsAnswer a;
    small_open(cx, &s);
    s.q.from_event = true;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.stayed, 3);                         /* 3 came an hour before day 5 */
    same_row(&a.rows[0], "share", NULL, (FindingsLevel){ false, 1 }, 4, 3, 5, 0);
    cx->now = T0 + 16 * DAY;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.unfinished, 0);
    assert_int_equal(a.people, 10);
    cx->now = T0 + 16 * DAY - 1;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.unfinished, 1);
    s.q.from_event = false;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.unfinished, 1);
    cx->now = T0 + 16 * DAY;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.unfinished, 0);
    ok(zone_get(cx, S("America/New_York"), &s.q.scope.zone));
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    assert_int_equal(a.stayed, 3);                         /* 2 began a day earlier there, and came on day 7 */
    small_done(cx, &s);
}
static void cell(Cx *cx, Small *s, FindingsRow row, bool did, bool stayed, unsigned want)
{
    FindingsAnswer a;
    FindingsCell c = { row, did, stayed };
    PeopleSet people;
    size_t n = 0;
    ok(people_set_new(cx, 64, &people));
    s->q.cell = &c, s->q.people = &people;
    ok(query_findings_run(cx, &s->snap, &s->q, &a));
    for (int i = 0; i < 11; i++) {
        uint32_t number;
        assert_true(snapshot_actor(&s->snap, rig_key((uint64_t)i), &number));
        assert_int_equal(people_set_has(&people, joins_root(s->snap.people, number)), want >> i & 1);
        n += want >> i & 1;
    }
    assert_int_equal(people_set_count(&people), n);
    people_set_done(&people);
    s->q.cell = NULL, s->q.people = NULL;
}
TEST(the_people_behind_a_finding_are_those_it_counts)
{
    Small s;
    FindingsRow share = { .event = S("share"), .level = { false, 1 } };
    FindingsRow none = { .event = S("不存在"), .level = { true, 3 } };
    small_open(cx, &s);
    cell(cx, &s, share, true, true, 0x7);
    cell(cx, &s, share, true, false, 1 << 6);
    cell(cx, &s, share, false, true, 1 << 3);
    cell(cx, &s, share, false, false, 1 << 4 | 1 << 5 | 1 << 7 | 1 << 9);
    cell(cx, &s, none, true, true, 0);
    cell(cx, &s, none, false, true, 0xF);
    share.level = (FindingsLevel){ true, 2 };
    cell(cx, &s, share, true, true, 1);
    s.q.prop = &PLAN;
    share = (FindingsRow){ .event = S("share"), .valued = true, .value = S("专业版"), .level = { false, 2 } };
    cell(cx, &s, share, true, true, 0x5);
    share.value = S("none");
    cell(cx, &s, share, true, true, 0);
    cell(cx, &s, share, false, true, 0xF);
    small_done(cx, &s);
}
static void refused(Cx *cx, const Small *s, const FindingsQuery *q, const char *field)
{
    FindingsAnswer a;
    assert_int_equal(query_findings_run(cx, &s->snap, q, &a), ST_INVALID);
    assert_string_equal(cx->why.field, field);
}
TEST(findings_refuse_what_cannot_be_asked)
{
    Small s;
    FindingsAnswer a;
    FindingsCell c = { .row = { .event = S("share"), .level = { false, 4 } } };
    PeopleSet people = { 0 };
    small_open(cx, &s);
    FindingsQuery q = s.q;
    q.early = 0, refused(cx, &s, &q, "early");
    q.early = FINDINGS_EARLY_MAX + 1, refused(cx, &s, &q, "early");
    q.early = 6, refused(cx, &s, &q, "stay_from");
    q = s.q, q.stay_to = 4, refused(cx, &s, &q, "stay_to");
    q.stay_to = FINDINGS_STAY_MAX + 1, refused(cx, &s, &q, "stay_to");
    q = s.q, q.to = q.from + (int64_t)(ASK_PERIODS_MAX + 1) * DAY, refused(cx, &s, &q, "period");
    q = s.q, q.cell = &c, q.people = &people, refused(cx, &s, &q, "cell.level");
    q = s.q, q.to = q.from;
    ok(query_findings_run(cx, &s.snap, &q, &a));
    assert_int_equal(a.people + (int64_t)a.n_rows, 0);
    q = s.q, q.early = FINDINGS_EARLY_MAX, q.stay_from = q.stay_to = FINDINGS_STAY_MAX;
    q.to = q.from + (int64_t)ASK_PERIODS_MAX * DAY;
    cx->now = q.to + (int64_t)200 * DAY;
    ok(query_findings_run(cx, &s.snap, &q, &a));
    assert_int_equal(a.people, 10);
    assert_int_equal(a.stayed, 0);
    small_done(cx, &s);
}
TEST(findings_fail_cleanly_at_every_allocation_and_give_memory_back)
{
    Small s;
    FindingsAnswer a;
    PeopleSet people;
    FindingsCell c = { .row = { .event = S("share"), .valued = true, .value = S("free"), .level = { false, 1 } },
        .did = true, .stayed = true };
    ScanRun run = { 0 };
    bool fired = true;
    long n = 0;
    small_open(cx, &s);
    ok(people_set_new(cx, 64, &people));
    s.q.prop = &PLAN, s.q.cell = &c, s.q.people = &people, s.q.scope.run = &run;
    ok(query_findings_run(cx, &s.snap, &s.q, &a));
    size_t kept = run.bytes;                               /* of the texts */
    for (; fired; n++) {
        arena_reset(cx->arena);
        fault_arm(FAULT_ALLOC, n);
        Status st = query_findings_run(cx, &s.snap, &s.q, &a);
        fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_int_equal(st, fired ? ST_NO_MEM : ST_OK);
        assert_int_equal(run.bytes, kept);
    }
    assert_true(n > 20);
    assert_int_equal(people_set_count(&people), 1);
    run.bytes_max = kept + 1000;
    assert_int_equal(query_findings_run(cx, &s.snap, &s.q, &a), ST_LIMITED);
    assert_int_equal(cx->why.msg, MSG_question_memory);
    assert_int_equal(run.bytes, kept);
    people_set_done(&people);
    small_done(cx, &s);
}

/* ---- a planted effect ---- */

enum { PEOPLE = 2400, NOISE = 20, EACH = 80 };
typedef struct Plant { uint64_t x; int64_t did[2], stayed[2], all; } Plant;
static double chance(Plant *p)
{
    p->x ^= p->x << 13, p->x ^= p->x >> 7, p->x ^= p->x << 17;
    return (double)(p->x >> 11) * 0x1p-53;
}
static void person(Cx *cx, Rig *r, Plant *p, int who)
{
    static char names[NOISE][16];
    Entry e[EACH];
    size_t n = 0;
    int64_t start = T0 + (int64_t)(chance(p) * 10 * DAY);
    bool invites = chance(p) < 0.3, fails = chance(p) < 0.2;
    bool stays = chance(p) < 0.4 + 0.2 * invites - 0.2 * fails;
    Event plain = { .source = 1, .trust = TRUST_SECRET, .actor = rig_key((uint64_t)who), .name = S("signup"),
        .time = start, .received = start };
    e[n++] = (Entry){ .kind = ENTRY_EVENT, .event = plain };
    for (int i = 0; i < NOISE; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        int times = chance(p) < 0.5 ? 1 + (int)(chance(p) * 4) : 0;
        plain.name = str_z(names[i]);
        for (; times > 0 && n < EACH - 3; times--) {
            plain.time = start + (int64_t)(chance(p) * 6 * DAY);
            e[n++] = (Entry){ .kind = ENTRY_EVENT, .event = plain };
        }
    }
    plain.time = start + HOUR;
    plain.name = S("邀请");
    if (invites) e[n++] = (Entry){ .kind = ENTRY_EVENT, .event = plain };
    plain.name = S("error");
    if (fails) e[n++] = (Entry){ .kind = ENTRY_EVENT, .event = plain };
    plain.name = S("visit"), plain.time = start + 10 * DAY;
    if (stays) e[n++] = (Entry){ .kind = ENTRY_EVENT, .event = plain };
    rig_append(cx, r, e, n);
    p->did[0] += invites, p->did[1] += fails, p->all += stays;
    p->stayed[0] += invites && stays, p->stayed[1] += fails && stays;
}
static void planted(Cx *cx, uint64_t seed)
{
    Rig r;
    Snapshot snap;
    ScanTexts *texts;
    FindingsAnswer a;
    Plant p = { .x = seed * UINT64_C(0x9E3779B97F4A7C15) };
    rig_open(cx, &r, test_dir());
    for (int i = 0; i < PEOPLE; i++) {
        person(cx, &r, &p, i);
        if (i == PEOPLE / 2) ok(rig_flush(cx, &r));
        arena_reset(cx->arena);
    }
    ok(snapshot_take(cx, r.s, &snap));
    ok(scan_texts_new(cx, &texts));
    FindingsQuery q = query(cx, texts);
    q.early = 7, q.stay_from = 8, q.stay_to = 14, q.min_people = 0, q.q_most = 0, q.to = T0 + 11 * DAY;
    cx->now = T0 + 30 * (int64_t)DAY;
    ok(query_findings_run(cx, &snap, &q, &a));
    assert_true(a.count.events > 50000);                   /* so two threads */
    assert_int_equal(a.people, PEOPLE);
    assert_int_equal(a.stayed, p.all);
    assert_int_equal(a.candidates, NOISE + 2);
    assert_int_equal(a.looks, NOISE * 5 + 2);              /* nobody did noise five times */
    assert_int_equal(a.n_rows, 2);
    for (size_t i = 0; i < 2; i++) {
        size_t k = str_is(a.rows[i].event, "error");
        same_row(&a.rows[i], k ? "error" : "邀请", NULL, (FindingsLevel){ false, 1 }, p.did[k], p.stayed[k],
            PEOPLE - p.did[k], p.all - p.stayed[k]);
        assert_true(k ? a.rows[i].shares.high < 0 : a.rows[i].shares.low > 0);
        assert_true(k ? a.rows[i].shares.low < -0.2 && a.rows[i].shares.high > -0.2
                      : a.rows[i].shares.low < 0.2 && a.rows[i].shares.high > 0.2);
        assert_true(a.rows[i].q < 1e-6);
    }
    assert_true(!str_eq(a.rows[0].event, a.rows[1].event));
    assert_true(shares_strength(&a.rows[0].shares) >= shares_strength(&a.rows[1].shares));
    scan_texts_done(texts);
    snapshot_done(cx, &snap);
    rig_done(&r);
}
TEST(a_planted_effect_is_found_and_noise_is_not_told)
{
    for (uint64_t seed = 1; seed <= 3; seed++) planted(cx, seed);
}
