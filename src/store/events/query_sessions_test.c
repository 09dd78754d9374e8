/* Sessions and pages through the whole store: plain SQL over the same random events, and the rules by hand. */
#include "store/events/query_sessions.h"
#include "store/events/query_rig_test.h"

static const int64_t START = INT64_C(1704067200000), DAY = 86400000, MINUTE = 60000;

/* ---- the same in SQL ---- */

static const char SESSIONS[] =
    "WITH e AS (SELECT p.root, e.time, e.name, e.item, CASE WHEN length(url) > 1 THEN rtrim(url, '/') ELSE url END "
    "AS url "
    "FROM event e JOIN person p ON p.actor = e.actor WHERE e.time < %lld), g AS (SELECT *, coalesce(time - lag(time) "
    "OVER "
    "(PARTITION BY root ORDER BY time) > %lld, 1) AS cut FROM e), n AS (SELECT *, sum(cut) OVER (PARTITION BY root "
    "ORDER BY "
    "time) AS session FROM g), f AS (SELECT root, session, item FROM n WHERE cut), s AS (SELECT n.root, n.session, "
    "min(time) AS "
    "since, max(time) AS until, count(*) AS events, sum(name = 'view') AS views, f.item FROM n JOIN f USING (root, "
    "session) "
    "GROUP BY n.root, n.session, f.item HAVING since >= %lld AND since < %lld) ";
static void with_of(char *to, size_t size, int64_t gap, int64_t from, int64_t until)
{
    snprintf(to, size, SESSIONS, (long long)(until + DAY), (long long)gap, (long long)from, (long long)until);
}
static void ask_sessions(Cx *cx, World *w)
{
    char with[1200], sql[2000];
    int64_t want[6];
    const Zone *utc;
    ok(zone_get(cx, S("UTC"), &utc));
    SessionsQuery q = { .scope = { .texts = w->texts, .zone = utc, .period = PERIOD_DAY },
        .from = START + (int64_t)world_rnd(w, 4) * DAY, .gap = (int64_t)(1 + world_rnd(w, 40)) * 15 * MINUTE,
        .view.name = S("view") };
    SessionsAnswer a;
    q.to = q.from + (int64_t)(1 + world_rnd(w, 6)) * DAY;
    ok(query_sessions_run(cx, &w->snap, &q, &a));
    with_of(with, sizeof with, q.gap, q.from, q.to);
    snprintf(sql, sizeof sql, "%s SELECT count(DISTINCT root) FROM s UNION ALL SELECT count(*) FROM s UNION ALL SELECT "
        "total(events) FROM s UNION ALL SELECT total(views) FROM s UNION ALL SELECT count(*) FROM s WHERE views = 1 "
        "UNION ALL "
        "SELECT total(until - since) FROM s", with);
    assert_int_equal(world_numbers(w, sql, want, 6), 6);
    const SessionsRow *r = &a.rows[0];
    const int64_t got[] = { r->people, r->sessions, r->events, r->views, r->bounces, r->length_ms };
    for (size_t i = 0; i < 6; i++) {
        if (got[i] != want[i]) print_error("number %zu: %lld, SQL says %lld\n%s\n", i, (long long)got[i],
            (long long)want[i], sql);
        assert_int_equal(got[i], want[i]);
    }
    int64_t all = 0;
    for (size_t p = 0; p < a.n_periods; p++) {
        int64_t one;
        snprintf(sql, sizeof sql, "%s SELECT count(*) FROM s WHERE since >= %lld AND since < %lld", with,
            (long long)a.starts[p], (long long)a.starts[p + 1]);
        world_numbers(w, sql, &one, 1);
        assert_int_equal(r->by_period[p], one);
        all += one;
    }
    assert_int_equal(all, r->sessions);
}
/* By the first event's value: the rows kept, and all others as one, in which a person counts once. */
static void ask_by_value(Cx *cx, World *w)
{
    char with[1200], sql[3000];
    int64_t want[40];
    SessionsQuery q = { .scope = { .texts = w->texts, .n_breakdown = 1, .breakdown_limit = 1 + world_rnd(w, 4) },
        .from = START, .to = START + 6 * DAY, .gap = (int64_t)(1 + world_rnd(w, 40)) * 15 * MINUTE,
            .view.name = S("view") };
    SessionsAnswer a;
    q.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("item") };
    ok(query_sessions_run(cx, &w->snap, &q, &a));
    with_of(with, sizeof with, q.gap, q.from, q.to);
    snprintf(sql, sizeof sql, "%s, t AS (SELECT item, count(DISTINCT root) AS people, count(*) AS n FROM s GROUP BY "
        "item ORDER BY "
        "people DESC, coalesce(CAST(item AS TEXT), '') LIMIT %zu) SELECT x FROM (SELECT row_number() OVER () AS i, 0 "
        "AS k, people "
        "AS x FROM t UNION ALL SELECT row_number() OVER () AS i, 1 AS k, n AS x FROM t) ORDER BY i, k", with,
        q.scope.breakdown_limit);
    size_t n = world_numbers(w, sql, want, COUNT(want));
    size_t kept = a.n - (a.n && a.rows[a.n - 1].group.other);
    assert_int_equal(kept * 2, n);
    for (size_t i = 0; i < a.n; i++) {
        SessionsCell cell = { .group = a.rows[i].group };
        PeopleSet set;
        SessionsAnswer again;
        if (i < kept) {
            assert_int_equal(a.rows[i].people, want[2 * i]);
            assert_int_equal(a.rows[i].sessions, want[2 * i + 1]);
        }
        ok(people_set_new(cx, w->snap.actors, &set));
        q.cell = &cell, q.people = &set;
        ok(query_sessions_run(cx, &w->snap, &q, &again));
        assert_int_equal(people_set_count(&set), a.rows[i].people);
        people_set_done(&set);
        q.cell = NULL;
    }
    if (kept == a.n) return;
    snprintf(sql, sizeof sql, "%s, t AS (SELECT item FROM s GROUP BY item ORDER BY count(DISTINCT root) DESC, "
        "coalesce(CAST(item AS "
        "TEXT), '') LIMIT %zu) SELECT count(DISTINCT root) FROM s WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.item IS "
        "s.item) UNION "
        "ALL SELECT count(*) FROM s WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.item IS "
        "s.item)", with, q.scope.breakdown_limit);
    world_numbers(w, sql, want, 2);
    assert_int_equal(a.rows[kept].people, want[0]);
    assert_int_equal(a.rows[kept].sessions, want[1]);
}
static void ask_pages(Cx *cx, World *w)
{
    static const char PAGES[] = "%s, v AS (SELECT n.root, n.session, n.url, n.time, row_number() OVER (PARTITION BY "
        "n.root, "
        "n.session ORDER BY time) AS i, row_number() OVER (PARTITION BY n.root, n.session ORDER BY time DESC) AS "
        "back FROM n JOIN "
        "s USING (root, session) WHERE n.name = 'view'), p AS (SELECT url, count(*) AS a, count(DISTINCT root) AS b, "
        "sum(i = 1) "
        "AS c, sum(back = 1) AS d, sum(i = 1 AND back = 1) AS e FROM v GROUP BY url) SELECT x FROM (SELECT a, url, 0 "
        "AS k, a AS x "
        "FROM p UNION ALL SELECT a, url, 1, b FROM p UNION ALL SELECT a, url, 2, c FROM p UNION ALL SELECT a, url, "
        "3, d FROM p "
        "UNION ALL SELECT a, url, 4, e FROM p) ORDER BY a DESC, url, k";
    char with[1200], sql[3000];
    int64_t want[100];
    PagesQuery q = { .scope.texts = w->texts, .from = START + DAY, .to = START + 7 * DAY, .prop = S("url"),
        .gap = (int64_t)(1 + world_rnd(w, 40)) * 15 * MINUTE, .view.name = S("view") };
    PagesAnswer a;
    ok(query_pages_run(cx, &w->snap, &q, &a));
    with_of(with, sizeof with, q.gap, q.from, q.to);
    snprintf(sql, sizeof sql, PAGES, with);
    size_t n = world_numbers(w, sql, want, COUNT(want));
    assert_int_equal(a.n * 5, n);
    for (size_t i = 0; i < a.n; i++) {
        const PagesRow *r = &a.rows[i];
        const int64_t got[] = { r->views, r->people, r->entered, r->left, r->bounced };
        for (size_t k = 0; k < 5; k++) {
            if (got[k] != want[5 * i + k]) print_error("row %zu number %zu: %lld, SQL says %lld\n%s\n", i, k,
                (long long)got[k], (long long)want[5 * i + k], sql);
            assert_int_equal(got[k], want[5 * i + k]);
        }
        PagesCell cell = { .who = PAGES_VIEWED, .page = r->page };
        PeopleSet set;
        PagesAnswer again;
        ok(people_set_new(cx, w->snap.actors, &set));
        q.cell = &cell, q.people = &set;
        ok(query_pages_run(cx, &w->snap, &q, &again));
        assert_int_equal(people_set_count(&set), r->people);
        people_set_done(&set);
        q.cell = NULL;
    }
}
TEST(sessions_and_pages_agree_with_plain_sql_through_joins_undos_and_late_events)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        World w;
        world_open(cx, &w, seed);
        w.distinct = true;
        for (int round = 0; round < 5; round++) {
            world_live(cx, &w, 80);
            for (int i = 0; i < 3; i++) ask_sessions(cx, &w), ask_by_value(cx, &w), ask_pages(cx, &w);
            world_asked(cx, &w);
            arena_reset(cx->arena);
        }
        world_done(&w);
    }
}

/* ---- by hand ---- */

static void add(Cx *cx, Rig *r, uint64_t who, const char *name, int64_t minute, const char *url, double active)
{
    Prop p[] = { { .name = S("url"), .kind = PROP_STR, .s = str_z(url) }, { .name = S("active"), .kind = PROP_DOUBLE,
        .d = active } };
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .actor = rig_key(who), .name = str_z(name),
        .time = START + minute * MINUTE, .received = START, .props = url ? p : p + 1, .n_props = url ? 2 : 1 } };
    rig_append(cx, r, &e, 1);
}
typedef struct Hand { Rig r; PagesQuery q; Snapshot snap; } Hand;
static void hand_open(Cx *cx, Hand *h)
{
    *h = (Hand){ .q = { .from = START, .to = START + DAY, .prop = S("url"), .view.name = S("view"),
        .click.name = S("click"),
        .dwell.name = S("leave"), .measure = S("active") } };
    rig_open(cx, &h->r, test_dir());
    ok(scan_texts_new(cx, &h->q.scope.texts));
}
static PagesAnswer hand_ask(Cx *cx, Hand *h)
{
    PagesAnswer a;
    ok(snapshot_take(cx, h->r.s, &h->snap));
    ok(query_pages_run(cx, &h->snap, &h->q, &a));
    snapshot_done(cx, &h->snap);
    return a;
}
static void hand_done(Hand *h)
{
    scan_texts_done(h->q.scope.texts);
    rig_done(&h->r);
}
TEST(clicks_and_dwell_belong_to_the_page_they_name_or_the_last_one)
{
    Hand h;
    hand_open(cx, &h);
    add(cx, &h.r, 1, "view", 1, "/a", 0), add(cx, &h.r, 1, "click", 2, NULL, 0), add(cx, &h.r, 1, "click", 3, NULL, 0);
    add(cx, &h.r, 1, "leave", 4, NULL, 2.5), add(cx, &h.r, 1, "view", 5, "/b", 0), add(cx, &h.r, 1, "leave", 6, "/a/",
        1);
    add(cx, &h.r, 1, "view", 7, "/a", 0), add(cx, &h.r, 1, "click", 8, "/a", 0);
    add(cx, &h.r, 2, "click", 1, NULL, 0), add(cx, &h.r, 2, "leave", 2, NULL, 9);           /* no page yet */
    PagesAnswer a = hand_ask(cx, &h);
    assert_int_equal(a.n, 2);
    assert_str(a.rows[0].page, "/a");
    assert_int_equal(a.rows[0].views, 2);
    assert_int_equal(a.rows[0].clicks, 3);
    assert_int_equal(a.rows[0].clicked, 2);
    assert_int_equal(a.rows[0].measured, 2);
    assert_true(a.rows[0].sum == 3.5);
    assert_int_equal(a.rows[0].entered, 1);
    assert_int_equal(a.rows[0].left, 1);
    assert_int_equal(a.rows[1].entered + a.rows[1].left + a.rows[1].clicks, 0);
    hand_done(&h);
}
TEST(a_session_counts_where_it_begins_and_as_a_whole)
{
    Hand h;
    hand_open(cx, &h);
    add(cx, &h.r, 1, "view", -10, "/a", 0), add(cx, &h.r, 1, "view", 5, "/b", 0);           /* began the day before */
    add(cx, &h.r, 2, "view", 24 * 60 - 1, "/c", 0), add(cx, &h.r, 2, "view", 24 * 60 + 1, "/d", 0);
    add(cx, &h.r, 3, "view", 24 * 60, "/e", 0);                                             /* begins after it */
    PagesAnswer a = hand_ask(cx, &h);
    assert_int_equal(a.n, 2);
    assert_str(a.rows[0].page, "/c");
    assert_str(a.rows[1].page, "/d");
    hand_done(&h);
}
TEST(every_failed_allocation_of_sessions_and_pages_is_told_and_nothing_leaks)
{
    for (int pages = 0; pages < 2; pages++) {
        Hand h;
        hand_open(cx, &h);
        for (int i = 0; i < 12; i++) add(cx, &h.r, (uint64_t)i, "view", i, i % 2 ? "/a" : "/b", 1);
        for (int n = 0;; n++) {
            SessionsQuery s = { .from = START, .to = START + DAY, .view.name = S("view"), .scope = { .n_breakdown = 1,
                .breakdown_limit = 1 } };
            SessionsAnswer got;
            PagesAnswer a;
            s.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("url") };
            ok(snapshot_take(cx, h.r.s, &h.snap));
            scan_texts_done(h.q.scope.texts);
            ok(scan_texts_new(cx, &h.q.scope.texts));
            s.scope.texts = h.q.scope.texts;
            fault_arm(FAULT_ALLOC, n);
            Status st = pages ? query_pages_run(cx, &h.snap, &h.q, &a) : query_sessions_run(cx, &h.snap, &s, &got);
            bool fired = fault_fired(FAULT_ALLOC);
            fault_arm(FAULT_ALLOC, -1);
            snapshot_done(cx, &h.snap);
            assert_int_equal(st, fired ? ST_NO_MEM : ST_OK);
            if (!fired) break;
        }
        hand_done(&h);
    }
}
