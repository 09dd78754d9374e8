/* Paths through the whole store: the worked case, plain SQL over the same random events, and the forms by hand. */
#include "store/events/query_paths.h"
#include "store/events/case_rig_test.h"
#include "store/events/query_rig_test.h"

enum { MINUTE = 60000 };
static const int64_t START = INT64_C(1704067200000);

static void is_url(const PathUrl *u, const char *from, const char *to)
{
    char room[200];
    assert_str(path_url(u, str_z(from), room), to);
}
TEST(addresses_of_one_page_become_one)
{
    static const Str patterns[] = { S_INIT("/shop/*/item"), S_INIT("人/*") };
    PathUrl plain = { 0 }, bare = { .drop_query = true, .drop_fragment = true }, ids = { .ids = true },
        masked = { .patterns = patterns, .n_patterns = 2, .drop_query = true };
    (void)cx;
    is_url(&plain, "/", "/");
    is_url(&plain, "", "");
    is_url(&plain, "/a/", "/a");
    is_url(&plain, "/a//", "/a/");
    is_url(&plain, "/a/?q=1/", "/a/?q=1");
    is_url(&plain, "https://x.example/", "https://x.example");
    is_url(&bare, "/a/?q=/b#c", "/a");
    is_url(&bare, "/a#c?d", "/a");
    is_url(&bare, "?q", "");
    is_url(&bare, "https://x.example?q", "https://x.example");
    is_url(&ids, "https://x.example:8080/book/7/页/0017?n=7", "https://x.example:8080/book/*/页/*?n=7");
    is_url(&ids, "/u/123e4567-e89b-12d3-a456-426614174000/", "/u/*");
    is_url(&ids, "/deadbeefdeadbeef/feed/beef1/7a", "/deadbeefdeadbeef/feed/beef1/7a");
    is_url(&masked, "/shop/42/item/43?x", "/shop/*/item/43");
    is_url(&masked, "/shop/42/else", "/shop/42/else");
    is_url(&masked, "https://a.b/人/小明", "https://a.b/人/*");
    is_url(&masked, "/shop", "/shop");
}

/* ---- the worked case ---- */

TEST(the_worked_case_of_paths_comes_out)
{
    const JsonNode *c = case_read(cx, "### path-url"), *q = json_get(c, S("query")), *want = json_get(c, S("expected"));
    Rig r;
    rig_open(cx, &r, test_dir());
    case_load(cx, &r, c);
    for (int flushed = 0; flushed < 2; flushed++) {
        PathsQuery ask = { .prop = json_str_of(json_get(json_get(q, S("item")), S("prop"))),
            .item.name = json_str_of(json_get(json_get(q, S("item")), S("event"))),
            .from = case_time(json_get(q, S("from"))), .to = case_time(json_get(q, S("to"))) + 1 };
        const JsonNode *row = json_first(want);
        Snapshot snap;
        PathsAnswer a;
        ok(snapshot_take(cx, r.s, &snap));
        ok(scan_texts_new(cx, &ask.scope.texts));
        ok(query_paths_run(cx, &snap, &ask, &a));
        assert_int_equal(a.n_edges, want->n);
        for (size_t i = 0; i < a.n_edges; i++, row = json_next(row)) {
            const JsonNode *n = json_first(row);
            char node[100];
            snprintf(node, sizeof node, "%zu_%.*s", a.edges[i].position, (int)a.edges[i].source.n, a.edges[i].source.p);
            assert_str(json_str_of(n), node);
            n = json_next(n);
            snprintf(node, sizeof node, "%zu_%.*s", a.edges[i].position + 1, (int)a.edges[i].target.n,
                a.edges[i].target.p);
            assert_str(json_str_of(n), node);
            assert_int_equal(json_next(n)->i, a.edges[i].value);
        }
        scan_texts_done(ask.scope.texts);
        snapshot_done(cx, &snap);
        ok(flushed ? ST_OK : rig_flush(cx, &r));
    }
    rig_done(&r);
}

/* ---- the same in SQL ---- */

static const char WAYS[] =
    "WITH e AS (SELECT p.root, e.time, %s AS item FROM event e JOIN person p ON p.actor = e.actor WHERE e.time >= "
    "%lld AND "
    "e.time < %lld AND %s), g AS (SELECT *, coalesce(time - lag(time) OVER (PARTITION BY root ORDER BY time) > %lld, "
    "0) AS cut "
    "FROM e), s AS (SELECT *, sum(cut) OVER (PARTITION BY root ORDER BY time) AS session FROM g), m AS (SELECT *, "
    "lag(item) OVER "
    "(PARTITION BY root, session ORDER BY time) AS before FROM s), r AS (SELECT root, session, item, row_number() "
    "OVER (PARTITION "
    "BY root, session ORDER BY time) AS i FROM m WHERE before IS NOT item), a AS (SELECT root, session, min(i) AS "
    "first FROM r "
    "WHERE %s GROUP BY 1, 2), b AS (SELECT root, session, first, (SELECT min(i) FROM r WHERE r.root = a.root AND "
    "r.session = "
    "a.session AND %s) AS last FROM a), c AS (SELECT root, session, first, last FROM b WHERE last IS NOT NULL), w AS "
    "(SELECT "
    "r.root, r.item, i - %s + 1 AS i FROM r JOIN c USING (root, session) WHERE i >= %s AND i <= %s) ";
typedef struct Asked { PathsQuery q; char ways[3000], sql[4000]; } Asked;
static void random_question(World *w, Asked *a)
{
    static const char *const urls[] = { "/", "/a", "/价格", "/b?x=1" }, *const names[] = { "view", "加入", "pay" };
    bool prop = world_rnd(w, 2);
    int ends = (int)world_rnd(w, 4);
    size_t depth = ends == 3 ? PATHS_DEPTH_MAX : 2 + world_rnd(w, 5);
    const char *start = prop ? urls[world_rnd(w, 4)] : names[world_rnd(w, 3)], *end = prop ? urls[world_rnd(w, 4)] :
        names[world_rnd(w, 3)];
    char at[60], to[100], first[80] = "first", last[80];
    *a = (Asked){ .q = { .scope.texts = w->texts, .from = START + (int64_t)world_rnd(w, 3) * 86400000, .depth = depth,
        .gap = (int64_t)(1 + world_rnd(w, 20)) * 60 * MINUTE, .limit = 1 + world_rnd(w, 40) } };
    a->q.to = a->q.from + (int64_t)(1 + world_rnd(w, 7)) * 86400000;
    if (prop) a->q.prop = S("url"), a->q.item.any = true;
    snprintf(at, sizeof at, ends & 1 ? "item = '%s'" : "1", start);
    snprintf(to, sizeof to, ends & 2 ? "item = '%s' AND i >= first + %d" : "1", end, ends & 1);
    if (ends & 1) a->q.start = str_z(start);
    if (ends & 2) a->q.end = str_z(end);
    if (ends == 2) snprintf(first, sizeof first, "max(1, last - %zu + 1)", depth);
    if (ends & 2) snprintf(last, sizeof last, "last");
    else snprintf(last, sizeof last, "first + %zu - 1", depth);
    snprintf(a->ways, sizeof a->ways, WAYS, prop ? "CASE WHEN length(url) > 1 THEN rtrim(url, '/') ELSE url "
        "END" : "name",
        (long long)a->q.from, (long long)a->q.to, prop ? "1" : "name NOT LIKE '$%'", (long long)a->q.gap, at, to, first,
        first, last);
}
static const char EDGES[] = "%s SELECT count(*) AS n FROM w x JOIN w y ON x.root = y.root AND x.way = y.way AND y.i "
    "= x.i + 1 "
    "GROUP BY x.i, x.item, y.item ORDER BY n DESC, x.i || '_' || x.item, (x.i + 1) || '_' || y.item";
static void ask_edges(Cx *cx, World *w)
{
    int64_t want[2000];
    Asked a;
    PathsAnswer got;
    random_question(w, &a);
    char *tail = strstr(a.ways, "SELECT r.root, r.item"), ways[3100];      /* a way is a person's session */
    assert_non_null(tail);
    snprintf(ways, sizeof ways, "%.*sSELECT r.session AS way, "
        "%s", (int)(tail - a.ways), a.ways, tail + strlen("SELECT "));
    snprintf(a.sql, sizeof a.sql, EDGES, ways);
    size_t n = world_numbers(w, a.sql, want, COUNT(want));
    ok(query_paths_run(cx, &w->snap, &a.q, &got));
    if (got.all != n) print_error("%zu edges, SQL says %zu\n%s\n", got.all, n, a.sql);
    assert_int_equal(got.all, n);
    assert_int_equal(got.n_edges, n < a.q.limit ? n : a.q.limit);
    for (size_t i = 0; i < got.n_edges; i++) {
        const PathsStep *e = &got.edges[i];
        int64_t people;
        PathsCell cell = { .position = e->position, .items = (const Str[]){ e->source, e->target }, .n = 2 };
        PeopleSet set;
        PathsQuery q = a.q;
        if (e->value != want[i]) print_error("edge %zu: %lld, SQL says %lld\n%s\n", i, (long long)e->value,
            (long long)want[i], a.sql);
        assert_int_equal(e->value, want[i]);
        snprintf(a.sql, sizeof a.sql, "%s SELECT count(DISTINCT x.root) FROM w x JOIN w y ON x.root = y.root AND "
            "x.way = y.way AND "
            "y.i = x.i + 1 WHERE x.i = %zu AND x.item = '%.*s' AND y.item = "
            "'%.*s'", ways, e->position, (int)e->source.n,
            e->source.p, (int)e->target.n, e->target.p);
        world_numbers(w, a.sql, &people, 1);
        ok(people_set_new(cx, w->snap.actors, &set));
        q.cell = &cell, q.people = &set;
        if (i % 8 == 0) {
            PathsAnswer again;
            ok(query_paths_run(cx, &w->snap, &q, &again));
            assert_int_equal(people_set_count(&set), people);
        }
        people_set_done(&set);
    }
}
/* What came after the first time, as lists. */
static void ask_sequences(Cx *cx, World *w)
{
    int64_t want[2000];
    Matcher after = { .name = S("加入") };
    PathsAnswer got;
    size_t depth = 1 + world_rnd(w, 4);
    char sql[2000];
    PathsQuery q = { .scope.texts = w->texts, .from = START, .to = START + INT64_C(9) * 86400000, .depth = depth,
        .after = &after, .limit = PATHS_EDGES_MAX };
    snprintf(sql, sizeof sql, "WITH e AS (SELECT p.root, e.time, e.name FROM event e JOIN person p ON p.actor = "
        "e.actor "
        "WHERE e.time >= %lld AND e.time < %lld), f AS (SELECT root, min(time) AS since FROM e WHERE name = '加入' GROUP "
        "BY root), k AS (SELECT root, name, row_number() OVER (PARTITION BY root ORDER BY time) AS i FROM e JOIN f "
        "USING "
        "(root) WHERE time > since AND name NOT LIKE '$%%') SELECT count(*) AS n FROM f LEFT JOIN k a ON a.root = "
        "f.root "
        "AND a.i = 1 LEFT JOIN k b ON b.root = f.root AND b.i = 2 AND %zu > 1 LEFT JOIN k c ON c.root = f.root AND "
        "c.i = 3 "
        "AND %zu > 2 LEFT JOIN k d ON d.root = f.root AND d.i = 4 AND %zu > 3 GROUP BY a.name, b.name, c.name, d.name "
        "ORDER BY n DESC", (long long)q.from, (long long)q.to, depth, depth, depth);
    size_t n = world_numbers(w, sql, want, COUNT(want));
    ok(query_paths_run(cx, &w->snap, &q, &got));
    if (got.n_sequences != n) print_error("%s\n", sql);
    assert_int_equal(got.n_sequences, n);
    for (size_t i = 0; i < n; i++) {
        PathsCell cell = { .items = got.sequences[i].items, .n = got.sequences[i].n };
        PathsAnswer again;
        PeopleSet set;
        assert_int_equal(got.sequences[i].people, want[i]);
        if (i % 8) continue;
        ok(people_set_new(cx, w->snap.actors, &set));
        q.cell = &cell, q.people = &set;
        ok(query_paths_run(cx, &w->snap, &q, &again));
        assert_int_equal(people_set_count(&set), want[i]);
        people_set_done(&set);
        q.cell = NULL;
    }
}
TEST(paths_agree_with_plain_sql_through_joins_undos_and_late_events)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        World w;
        world_open(cx, &w, seed);
        w.distinct = true;
        for (int round = 0; round < 5; round++) {
            world_live(cx, &w, 80);
            for (int i = 0; i < 6; i++) ask_edges(cx, &w);
            ask_sequences(cx, &w);
            world_asked(cx, &w);
            arena_reset(cx->arena);
        }
        world_done(&w);
    }
}

/* ---- by hand ---- */

typedef struct Hand { Rig r; PathsQuery q; } Hand;
static void hand_open(Cx *cx, Hand *h, const char *names)
{
    *h = (Hand){ .q = { .from = 0, .to = INT64_C(1) << 40 } };
    rig_open(cx, &h->r, test_dir());
    ok(scan_texts_new(cx, &h->q.scope.texts));
    for (int64_t t = 1; *names; names++, t++) {            /* a letter a minute; a blank is an hour */
        Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .actor = rig_key(1), .name = { names, 1 } } };
        e.event.time = e.event.received = t * MINUTE;
        if (*names == ' ') t += 60;
        else rig_append(cx, &h->r, &e, 1);
    }
}
static PathsAnswer hand_ask(Cx *cx, Hand *h)
{
    Snapshot snap;
    PathsAnswer a;
    ok(snapshot_take(cx, h->r.s, &snap));
    ok(query_paths_run(cx, &snap, &h->q, &a));
    snapshot_done(cx, &snap);
    return a;
}
static void hand_done(Hand *h)
{
    scan_texts_done(h->q.scope.texts);
    rig_done(&h->r);
}
/* Edges as "1a>2b ", sorted as the answer is. */
static void edges_are(Cx *cx, Hand *h, const char *want)
{
    PathsAnswer a = hand_ask(cx, h);
    Buf b = buf_new(cx->arena, 10000);
    for (size_t i = 0; i < a.n_edges; i++) {
        if (i) buf_addc(&b, ' ');
        buf_i64(&b, (int64_t)a.edges[i].position), buf_add(&b, a.edges[i].source), buf_addz(&b, ">"), buf_add(&b,
            a.edges[i].target);
    }
    assert_str(buf_str(&b), want);
}
TEST(ways_begin_and_end_where_asked)
{
    Hand h;
    hand_open(cx, &h, "xabbcdeafg a");
    edges_are(cx, &h, "1x>a 2a>b 3b>c 4c>d");
    h.q.depth = 3;
    edges_are(cx, &h, "1x>a 2a>b");
    h.q.start = S("a");
    edges_are(cx, &h, "1a>b 2b>c");
    h.q.start = S(""), h.q.end = S("d");
    edges_are(cx, &h, "1b>c 2c>d");
    h.q.end = S("a");
    edges_are(cx, &h, "1x>a");
    h.q.start = S("a"), h.q.end = S("g"), h.q.depth = 5;
    edges_are(cx, &h, "1a>b 2b>... 3...>f 4f>g");
    h.q.depth = 4;
    edges_are(cx, &h, "1a>b 2b>... 3...>g");
    h.q.depth = 20;
    edges_are(cx, &h, "1a>b 2b>c 3c>d 4d>e 5e>a 6a>f 7f>g");
    h.q.start = S("a"), h.q.end = S("a");
    edges_are(cx, &h, "1a>b 2b>c 3c>d 4d>e 5e>a");
    h.q.start = S("nothing"), h.q.end = S("");
    edges_are(cx, &h, "");
    hand_done(&h);
}
TEST(a_session_ends_after_more_than_the_gap)
{
    Hand h;
    hand_open(cx, &h, "ab");
    h.q.gap = MINUTE;
    edges_are(cx, &h, "1a>b");
    h.q.gap = MINUTE - 1;
    edges_are(cx, &h, "");
    h.q.start = S("a");
    edges_are(cx, &h, "");
    h.q.gap = MINUTE;
    edges_are(cx, &h, "1a>b");
    hand_done(&h);
}
TEST(paths_say_what_is_wrong_with_them)
{
    Hand h;
    PathsAnswer a;
    Snapshot snap;
    hand_open(cx, &h, "a");
    ok(snapshot_take(cx, h.r.s, &snap));
#define REFUSED(name) do { assert_int_equal(query_paths_run(cx, &snap, &q, &a), ST_INVALID); \
    assert_string_equal(cx->why.field, name); } while (0)
    PathsQuery q = h.q;
    q.depth = 1;
    REFUSED("depth");
    q.depth = PATHS_DEPTH_MAX + 1;
    REFUSED("depth");
    q.depth = PATHS_DEPTH_MAX;
    ok(query_paths_run(cx, &snap, &q, &a));
    q.limit = PATHS_EDGES_MAX + 1;
    REFUSED("limit");
    q = h.q, q.to = q.from;
    REFUSED("to");
    snapshot_done(cx, &snap);
    hand_done(&h);
}
TEST(every_failed_allocation_of_paths_is_told_and_nothing_leaks)
{
    for (int form = 0; form < 3; form++) {
        Hand h;
        Matcher after = { .name = S("a") };
        hand_open(cx, &h, "abcabdabe abcabd abcabc");
        if (form == 1) h.q.after = &after;
        if (form == 2) h.q.prop = S("$event"), h.q.item.any = true;
        for (int n = 0;; n++) {
            Snapshot snap;
            PathsAnswer a;
            ok(snapshot_take(cx, h.r.s, &snap));
            scan_texts_done(h.q.scope.texts);
            ok(scan_texts_new(cx, &h.q.scope.texts));
            fault_arm(FAULT_ALLOC, n);
            Status st = query_paths_run(cx, &snap, &h.q, &a);
            bool fired = fault_fired(FAULT_ALLOC);
            fault_arm(FAULT_ALLOC, -1);
            snapshot_done(cx, &snap);
            assert_int_equal(st, fired ? ST_NO_MEM : ST_OK);
            if (!fired) break;
        }
        hand_done(&h);
    }
}
TEST(paths_ask_for_memory_before_they_take_it)
{
    Hand h;
    ScanRun run = { .bytes_max = 3000 };
    PathsAnswer a;
    Snapshot snap;
    hand_open(cx, &h, "abcabdabe");
    h.q.scope.run = &run;
    ok(snapshot_take(cx, h.r.s, &snap));
    assert_int_equal(query_paths_run(cx, &snap, &h.q, &a), ST_LIMITED);
    assert_string_equal(cx->why.field, "memory");
    run.bytes_max = 0;
    ok(query_paths_run(cx, &snap, &h.q, &a));
    snapshot_done(cx, &snap);
    hand_done(&h);
}
