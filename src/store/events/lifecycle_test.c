/* Lifecycle and stickiness against SQL over the same random events, with breakdowns and the people behind a number. */
#include "store/events/breakdown.h"
#include "store/events/presence_key_test.h"
#include "store/events/query_lifecycle.h"
#include "store/events/query_stickiness.h"
#include <sqlite3.h>

typedef struct Asked {
    QueryScope scope;
    WorldAsk ask;
    Str      props[2];
    sqlite3 *db;
    const Snapshot *snap;
    int64_t  first;
    size_t   n;
    LifecycleAnswer life;
    StickinessAnswer stick;
} Asked;

static sqlite3_stmt *rows(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *ret;
    if (sqlite3_prepare_v2(db, sql, -1, &ret, NULL) != SQLITE_OK) print_error("%s\n%s\n", sqlite3_errmsg(db), sql);
    assert_non_null(ret);
    return ret;
}
static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) print_error("%s\n%s\n", why, sql);
    assert_null(why);
}
static void text_of(const Event *e, Str name, char *to, size_t room)
{
    Prop v = world_value(e, name);
    to[0] = 0;
    if (v.kind == PROP_STR) snprintf(to, room, "%.*s", (int)v.s.n, v.s.n ? v.s.p : "");
    if (v.kind == PROP_BOOL) snprintf(to, room, "%s", v.b ? "true" : "false");
    if (v.kind == PROP_INT) snprintf(to, room, "%lld", (long long)v.i);
    if (v.kind == PROP_DOUBLE) snprintf(to, room, "%.17g", v.d);
}
/* e (u, t, v): matching events of visible people. p (i, lo, hi): periods, -1 the one before the grid. */
static void put(Asked *k, const World *w)
{
    run(k->db, "CREATE TABLE e (u INT, t INT, v TEXT); CREATE TABLE p (i INT, lo INT, hi INT); CREATE TABLE tab (v "
        "TEXT, n INT);"
        "BEGIN");
    sqlite3_stmt *s = rows(k->db, "INSERT INTO e VALUES (?,?,?)");
    for (size_t i = 0; i < w->n; i++) {
        const WorldEvent *e = w->events[i];
        uint32_t root = world_root(k->snap, e->actor);
        char v[300] = "", one[100];
        if (!world_mask(&k->ask, &e->e, root) || joins_flags(k->snap->people, root) & SCAN_LEFT_OUT) continue;
        for (size_t b = 0; b < k->scope.n_breakdown; b++) {
            text_of(&e->e, k->props[b], one, sizeof one);
            snprintf(v + strlen(v), sizeof v - strlen(v), "%s%s", b ? "\x1f" : "", one);
        }
        sqlite3_reset(s);
        sqlite3_bind_int64(s, 1, root);
        sqlite3_bind_int64(s, 2, e->e.time);
        sqlite3_bind_text(s, 3, v, -1, SQLITE_TRANSIENT);
        assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    }
    sqlite3_finalize(s);
    s = rows(k->db, "INSERT INTO p VALUES (?,?,?)");
    int64_t t = zone_floor(k->scope.zone, k->scope.period, k->scope.week_start, k->first);
    t = zone_floor(k->scope.zone, k->scope.period, k->scope.week_start, t - 1);
    for (int64_t i = -1; i < (int64_t)k->n; i++) {
        int64_t next = zone_next(k->scope.zone, k->scope.period, k->scope.week_start, t);
        if (i >= 0) assert_int_equal(t, k->life.starts[i]);
        if (i >= 0) assert_int_equal(t, k->stick.starts[i]);
        sqlite3_reset(s);
        sqlite3_bind_int64(s, 1, i), sqlite3_bind_int64(s, 2, t), sqlite3_bind_int64(s, 3, next);
        assert_int_equal(sqlite3_step(s), SQLITE_DONE);
        t = next;
    }
    sqlite3_finalize(s);
    run(k->db, "COMMIT");
}
static const char RANKED[] = "SELECT v, count(DISTINCT u) FROM e JOIN p ON t >= lo AND t < hi WHERE i >= ? "
    "GROUP BY v ORDER BY 2 DESC, v";
/* tab: which table a value's people are in. The others of a person are one value of theirs. */
static size_t ranked(Asked *k, int from)
{
    size_t limit = breakdown_limit(&k->scope), n = 0;
    run(k->db, "DELETE FROM tab");
    sqlite3_stmt *s = rows(k->db, RANKED), *add = rows(k->db, "INSERT INTO tab VALUES (?,?)");
    sqlite3_bind_int(s, 1, from);
    for (; sqlite3_step(s) == SQLITE_ROW; n++) {
        sqlite3_reset(add);
        sqlite3_bind_text(add, 1, (const char *)sqlite3_column_text(s, 0), -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(add, 2, (int64_t)(k->scope.n_breakdown && n >= limit ? limit : n));
        assert_int_equal(sqlite3_step(add), SQLITE_DONE);
    }
    sqlite3_finalize(s);
    sqlite3_finalize(add);
    if (!k->scope.n_breakdown) return 1;
    return n > limit ? limit + 1 : n;
}
static void same_group(const Asked *k, const QueryGroup *g, size_t table)
{
    char got[300] = "";
    if (!k->scope.n_breakdown) return;
    assert_int_equal(g->other, table == breakdown_limit(&k->scope));
    if (g->other) return;
    for (size_t i = 0; i < k->scope.n_breakdown; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? "\x1f" : "", (int)g->value[i].n,
            g->value[i].n ? g->value[i].p : "");
    sqlite3_stmt *s = rows(k->db, "SELECT v FROM tab WHERE n = ?");
    sqlite3_bind_int64(s, 1, (int64_t)table);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal(got, (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
}
/* a (u, i): active in the period, of the table's values. */
static void active(Asked *k, size_t table, int from)
{
    char sql[400];
    bool other = k->scope.n_breakdown && table == breakdown_limit(&k->scope);
    snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS a; DROP TABLE IF EXISTS b; CREATE TABLE b AS SELECT u, t FROM e "
        "WHERE v %s "
        "(SELECT v FROM tab WHERE n %s %zu); CREATE TABLE a AS SELECT DISTINCT u, i FROM b JOIN p ON t >= lo AND t < "
            "hi "
        "WHERE i >= %d", other ? "NOT IN" : "IN", other ? "<" : "=", table, from);
    run(k->db, sql);
}
static const char *const STATES[] = {
    "SELECT DISTINCT u FROM a WHERE i = ?1 AND NOT EXISTS (SELECT 1 FROM b WHERE b.u = a.u AND b.t < (SELECT lo FROM p "
        "WHERE i = ?1))",
    "SELECT DISTINCT u FROM a WHERE i = ?1 AND EXISTS (SELECT 1 FROM a y WHERE y.u = a.u AND y.i = ?1 - 1)",
    "SELECT DISTINCT u FROM a WHERE i = ?1 AND NOT EXISTS (SELECT 1 FROM a y WHERE y.u = a.u AND y.i = ?1 - 1) AND "
        "EXISTS "
        "(SELECT 1 FROM b WHERE b.u = a.u AND b.t < (SELECT lo FROM p WHERE i = ?1))",
    "SELECT DISTINCT u FROM a WHERE i = ?1 - 1 AND NOT EXISTS (SELECT 1 FROM a y WHERE y.u = a.u AND y.i = ?1)",
};
static int64_t people_of(Asked *k, const char *sql, int64_t i, const PeopleSet *people)
{
    int64_t n = 0;
    sqlite3_stmt *s = rows(k->db, sql);
    sqlite3_bind_int64(s, 1, i);
    for (; sqlite3_step(s) == SQLITE_ROW; n++)
        if (people) assert_true(people_set_has(people, (uint32_t)sqlite3_column_int64(s, 0)));
    sqlite3_finalize(s);
    if (people) assert_int_equal(people_set_count(people), n);
    return n;
}
static void same_life(Cx *cx, World *w, Asked *k, const LifecycleQuery *q)
{
    assert_int_equal(k->life.n_tables, ranked(k, -1));
    for (size_t t = 0; t < k->life.n_tables; t++) {
        const LifecycleTable *got = &k->life.tables[t];
        same_group(k, &got->group, t);
        active(k, t, -1);
        assert_int_equal(got->people, people_of(k, "SELECT DISTINCT u FROM a WHERE ?1 >= 0", 0, NULL));
        for (size_t i = 0; i < k->n; i++)
            for (size_t s = 0; s < LIFECYCLE_STATES; s++) {
                int64_t want = people_of(k, STATES[s], (int64_t)i, NULL);
                if (got->state[s][i] != want)
                    print_error("state %zu of period %zu/%zu, table %zu/%zu, %zu properties: %lld, "
                    "SQL %lld\n", s, i, k->n, t, k->life.n_tables, k->scope.n_breakdown, (long long)got->state[s][i],
                    (long long)want);
                assert_int_equal(got->state[s][i], want);
            }
        for (size_t i = 0; i < k->n; i++) {
            int64_t there = got->state[LIFECYCLE_NEW][i] + got->state[LIFECYCLE_RETURNING][i] +
                got->state[LIFECYCLE_RESURRECTING][i];
            assert_int_equal(there, people_of(k, "SELECT u FROM a WHERE i = ?1", (int64_t)i, NULL));
        }
        LifecycleCell cell = { world_rnd(w, k->n), (LifecycleState)world_rnd(w, LIFECYCLE_STATES), &got->group };
        PeopleSet people;
        LifecycleAnswer again;
        ok(people_set_new(cx, (uint32_t)w->actors, &people));
        LifecycleQuery asks = *q;
        asks.cell = &cell, asks.people = &people;
        ok(query_lifecycle_run(cx, k->snap, &asks, &again));
        people_of(k, STATES[cell.state], (int64_t)cell.period, &people);
        assert_int_equal(again.tables[t].state[cell.state][cell.period], people_set_count(&people));
        people_set_done(&people);
    }
}
static void same_stick(Cx *cx, World *w, Asked *k, const StickinessQuery *q)
{
    static const char exactly[] = "SELECT u FROM a GROUP BY u HAVING count(*) = ?1";
    static const char or_more[] = "SELECT u FROM a GROUP BY u HAVING count(*) >= ?1";
    assert_int_equal(k->stick.n_tables, ranked(k, 0));
    for (size_t t = 0; t < k->stick.n_tables; t++) {
        const StickinessTable *got = &k->stick.tables[t];
        same_group(k, &got->group, t);
        active(k, t, 0);
        int64_t sum = 0;
        for (size_t i = 0; i < k->n; i++) {
            assert_int_equal(got->exactly[i], people_of(k, exactly, (int64_t)i + 1, NULL));
            assert_int_equal(got->or_more[i], people_of(k, or_more, (int64_t)i + 1, NULL));
            sum += got->exactly[i];
        }
        assert_int_equal(sum, got->people);
        StickinessCell cell = { 1 + world_rnd(w, k->n < 4 ? k->n : 4), world_rnd(w, 2), &got->group };
        PeopleSet people;
        StickinessAnswer again;
        ok(people_set_new(cx, (uint32_t)w->actors, &people));
        StickinessQuery asks = *q;
        asks.cell = &cell, asks.people = &people;
        ok(query_stickiness_run(cx, k->snap, &asks, &again));
        people_of(k, cell.or_more ? or_more : exactly, (int64_t)cell.periods, &people);
        people_set_done(&people);
    }
}
static void random_question(Cx *cx, World *w, Asked *k)
{
    static const char *const zones[] = { "UTC", "Asia/Shanghai", "America/New_York", "Asia/Kolkata" };
    static const char *const props[] = { "path", "price", "paid" };
    QueryScope *s = &k->scope;
    ok(zone_get(cx, str_z(zones[world_rnd(w, COUNT(zones))]), &s->zone));
    s->period = (Period)world_rnd(w, 4);
    s->week_start = (int)world_rnd(w, 2);
    k->first = INT64_C(1709251200000) + ((int64_t)world_rnd(w, (uint64_t)w->days) - 12) * 86400000;
    k->n = 1 + world_rnd(w, world_rnd(w, 6) ? 14 : 150);
    world_ask(cx, w, 1, false, &k->ask);
    k->ask.sel.hide = QUERY_HIDE;
    s->filter = k->ask.sel.filter;
    if (k->ask.asks_who) s->who = &k->ask.who;
    s->n_breakdown = world_rnd(w, 2) ? 0 : 1 + world_rnd(w, 2);
    size_t first = world_rnd(w, 3);
    for (size_t i = 0; i < s->n_breakdown; i++) {
        k->props[i] = str_z(props[(first + i) % COUNT(props)]);
        s->breakdown[i] = (ScanSlot){ .kind = SLOT_PROP, .name = k->props[i] };
    }
    s->breakdown_limit = world_rnd(w, 3) ? 1 + world_rnd(w, 6) : 0;
}
static void ask_once(Cx *cx, World *w)
{
    Asked k = { .n = 0 };
    Snapshot snap;
    ok(snapshot_take(cx, w->rig.s, &snap));
    k.snap = &snap;
    random_question(cx, w, &k);
    ok(scan_texts_new(cx, &k.scope.texts));
    assert_int_equal(sqlite3_open(":memory:", &k.db), SQLITE_OK);
    LifecycleQuery life = { .scope = k.scope, .first = k.first, .n = k.n, .event = k.ask.sel.matchers[0] };
    StickinessQuery stick = { .scope = k.scope, .first = k.first, .n = k.n, .event = k.ask.sel.matchers[0] };
    ok(query_lifecycle_run(cx, &snap, &life, &k.life));
    ok(query_stickiness_run(cx, &snap, &stick, &k.stick));
    put(&k, w);
    same_life(cx, w, &k, &life);
    same_stick(cx, w, &k, &stick);
    sqlite3_close(k.db);
    scan_texts_done(k.scope.texts);
    world_ask_done(&k.ask);
    snapshot_done(cx, &snap);
}
TEST(lifecycle_and_stickiness_agree_with_sql_on_random_events)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        World w = { .x = seed * UINT64_C(0x9E3779B97F4A7C15), .actors = 60, .days = 50 };
        rig_open(cx, &w.rig, test_dir());
        for (int step = 0; step < 4; step++) {
            world_step(cx, &w, 40);
            for (int i = 0; i < 6; i++) {
                ask_once(cx, &w);
                arena_reset(cx->arena);
            }
        }
        world_done(&w);
    }
}
