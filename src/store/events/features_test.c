/* The feature matrix against SQL over the same random events. */
#include "store/events/presence_key_test.h"
#include "store/events/query_features.h"
#include <sqlite3.h>

static sqlite3_stmt *rows(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *ret;
    if (sqlite3_prepare_v2(db, sql, -1, &ret, NULL) != SQLITE_OK) print_error("%s\n%s\n", sqlite3_errmsg(db), sql);
    assert_non_null(ret);
    return ret;
}
static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = rows(db, sql);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t ret = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return ret;
}
/* e: u, i the period, name ('' for none), act, used. */
static void put(sqlite3 *db, const World *w, const Snapshot *snap, const WorldAsk *ask, Str prop,
    const FeaturesAnswer *a)
{
    assert_int_equal(sqlite3_exec(db, "DROP TABLE IF EXISTS e; CREATE TABLE e (u INT, i INT, name TEXT, act INT, "
        "used INT)",
        NULL, NULL, NULL), SQLITE_OK);
    sqlite3_stmt *s = rows(db, "INSERT INTO e VALUES (?,?,?,?,?)");
    for (size_t k = 0; k < w->n; k++) {
        const WorldEvent *e = w->events[k];
        uint32_t root = world_root(snap, e->actor), mask = world_mask(ask, &e->e, root);
        int64_t i = zone_grid_at(a->starts, a->n, e->e.time);
        Prop v = world_value(&e->e, prop.n ? prop : S("$event"));
        if (!mask || joins_flags(snap->people, root) & SCAN_LEFT_OUT || i < 0 || i >= (int64_t)a->n) continue;
        sqlite3_reset(s);
        sqlite3_bind_int64(s, 1, root), sqlite3_bind_int64(s, 2, i);
        sqlite3_bind_text(s, 3, v.kind == PROP_STR ? v.s.p : "", v.kind == PROP_STR ? (int)v.s.n : 0, SQLITE_TRANSIENT);
        sqlite3_bind_int(s, 4, mask & 1), sqlite3_bind_int(s, 5, mask >> 1 & 1);
        assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    }
    sqlite3_finalize(s);
}
static const char MATRIX[] = "WITH d AS (SELECT DISTINCT u, i, name FROM e WHERE used) SELECT name, count(DISTINCT u), "
    "count(*), (SELECT count(*) FROM d WHERE d.name = e.name), (SELECT count(*) FROM d WHERE d.name = e.name AND d.i "
        "+ 1 < ?1), "
    "(SELECT count(*) FROM d JOIN d n ON n.u = d.u AND n.name = d.name AND n.i = d.i + 1 WHERE d.name = e.name AND "
        "d.i + 1 < ?1) "
    "FROM e WHERE used GROUP BY name ORDER BY 2 DESC, name";
static void same_rows(sqlite3 *db, const FeaturesQuery *q, const FeaturesAnswer *a)
{
    size_t n = 0, limit = q->scope.breakdown_limit ? q->scope.breakdown_limit : 25;
    int64_t active = number(db, "SELECT count(DISTINCT u) FROM e WHERE act"), little = 0;
    sqlite3_stmt *s = rows(db, MATRIX);
    assert_int_equal(a->active, active);
    sqlite3_bind_int64(s, 1, (int64_t)a->count.finished);
    for (; sqlite3_step(s) == SQLITE_ROW; n++) {
        little += (double)sqlite3_column_int64(s, 1) < q->little * (double)active;
        if (n >= limit) continue;
        const FeaturesRow *r = &a->rows[n];
        assert_true(n < a->n_rows);
        assert_str(r->feature.value[0], (const char *)sqlite3_column_text(s, 0));
        assert_int_equal(r->people, sqlite3_column_int64(s, 1));
        assert_int_equal(r->uses, sqlite3_column_int64(s, 2));
        assert_int_equal(r->periods, sqlite3_column_int64(s, 3));
        assert_int_equal(r->of, sqlite3_column_int64(s, 4));
        assert_int_equal(r->back, sqlite3_column_int64(s, 5));
        assert_true(r->frequency == (double)r->uses / (double)r->periods);
        assert_true(r->retention == (r->of ? (double)r->back / (double)r->of : 0));
        assert_true(r->adoption == (active ? (double)r->people / (double)active : 0));
    }
    sqlite3_finalize(s);
    assert_int_equal(a->features, n);
    assert_int_equal(a->n_rows, n < limit ? n : limit);
    assert_int_equal(a->n_little, (size_t)little < limit ? (size_t)little : limit);
    for (size_t i = 0; i < a->n_little; i++) {
        assert_true(a->little[i].adoption < q->little);
        assert_true(i == 0 || a->little[i].people >= a->little[i - 1].people);
    }
}
static void same_people(Cx *cx, World *w, sqlite3 *db, const Snapshot *snap, FeaturesQuery q, const FeaturesAnswer *a)
{
    if (a->n_rows == 0) return;
    FeaturesAnswer again;
    FeaturesCell cell = { &a->rows[world_rnd(w, a->n_rows)].feature, world_rnd(w, 2) };
    PeopleSet people;
    ok(people_set_new(cx, (uint32_t)w->actors, &people));
    q.cell = &cell, q.people = &people;
    ok(query_features_run(cx, snap, &q, &again));
    sqlite3_stmt *s = rows(db, cell.without
        ? "SELECT DISTINCT u FROM e WHERE act AND u NOT IN (SELECT u FROM e WHERE used AND name = ?)"
        : "SELECT DISTINCT u FROM e WHERE used AND name = ?");
    Str name = cell.feature->value[0];
    sqlite3_bind_text(s, 1, name.n ? name.p : "", (int)name.n, SQLITE_TRANSIENT);
    size_t n = 0;
    for (; sqlite3_step(s) == SQLITE_ROW; n++)
        assert_true(people_set_has(&people, (uint32_t)sqlite3_column_int64(s, 0)));
    sqlite3_finalize(s);
    assert_int_equal(people_set_count(&people), n);
    people_set_done(&people);
}
static void ask_once(Cx *cx, World *w, sqlite3 *db)
{
    FeaturesQuery q = { .n = 1 + world_rnd(w, 100), .little = 0.3 };
    FeaturesAnswer a;
    WorldAsk ask;
    Snapshot snap;
    bool path = world_rnd(w, 2);
    ok(snapshot_take(cx, w->rig.s, &snap));
    ok(zone_get(cx, world_rnd(w, 2) ? S("America/New_York") : S("Asia/Shanghai"), &q.scope.zone));
    q.scope.period = (Period)world_rnd(w, 4);
    q.scope.breakdown_limit = world_rnd(w, 2) ? 0 : 1 + world_rnd(w, 5);
    q.first = INT64_C(1709251200000) + ((int64_t)world_rnd(w, (uint64_t)w->days) - 12) * 86400000;
    cx->now = q.first + (int64_t)world_rnd(w, 40) * 86400000;
    world_ask(cx, w, 1, false, &ask);
    ask.sel.hide = QUERY_HIDE;
    ask.sel.n_matchers = 2;
    ask.sel.matchers[1] = (Matcher){ .any = world_rnd(w, 3) != 0, .name = S("view") };
    q.active = ask.sel.matchers[0], q.event = ask.sel.matchers[1];
    q.scope.filter = ask.sel.filter;
    if (ask.asks_who) q.scope.who = &ask.who;
    q.feature = path ? (ScanSlot){ .kind = SLOT_PROP, .name = S("path") } : (ScanSlot){ .kind = SLOT_NAME };
    ok(scan_texts_new(cx, &q.scope.texts));
    ok(query_features_run(cx, &snap, &q, &a));
    put(db, w, &snap, &ask, path ? S("path") : S(""), &a);
    same_rows(db, &q, &a);
    same_people(cx, w, db, &snap, q, &a);
    scan_texts_done(q.scope.texts);
    world_ask_done(&ask);
    snapshot_done(cx, &snap);
}
TEST(the_feature_matrix_agrees_with_sql_on_random_events)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        World w = { .x = seed * UINT64_C(0x9E3779B97F4A7C15), .actors = 50, .days = 50 };
        rig_open(cx, &w.rig, test_dir());
        for (int step = 0; step < 4; step++) {
            world_step(cx, &w, 40);
            for (int i = 0; i < 6; i++) {
                ask_once(cx, &w, db);
                arena_reset(cx->arena);
            }
        }
        world_done(&w);
    }
    sqlite3_close(db);
}
