/* query_rig: a random world for tests of questions: the same events in the store (with joins, undos, late events,
 * flushes, merges and restarts) and in a SQLite table. */
#ifndef LIUKE_QUERY_RIG_H
#define LIUKE_QUERY_RIG_H
#include "store/events/query.h"
#include "store/events/state_rig_test.h"
#include <sqlite3.h>
#include <stdio.h>

enum { RIG_USERS = 12, RIG_ACTORS = 36 };      /* actors from RIG_USERS on are anonymous */
typedef struct World {
    Rig      rig;
    sqlite3 *db;
    uint64_t x;
    bool     distinct;                         /* no two events at one time */
    int64_t  seq, join[RIG_ACTORS];            /* a standing join's id; 0: none */
    int      user[RIG_ACTORS];
    Snapshot snap;
    ScanTexts *texts;
} World;

static inline uint64_t world_rnd(World *w, uint64_t below)
{
    w->x ^= w->x << 13, w->x ^= w->x >> 7, w->x ^= w->x << 17;
    return (w->x >> 11) % below;
}
static inline void world_sql(World *w, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(w->db, sql, NULL, NULL, &why) != SQLITE_OK) print_error("%s\n%s\n", why, sql);
    assert_null(why);
}
/* One number out of each row. */
static inline size_t world_numbers(World *w, const char *sql, int64_t *ret, size_t max)
{
    sqlite3_stmt *s;
    size_t n = 0;
    if (sqlite3_prepare_v2(w->db, sql, -1, &s, NULL) != SQLITE_OK) print_error("%s\n%s\n", sqlite3_errmsg(w->db), sql);
    assert_non_null(s);
    while (sqlite3_step(s) == SQLITE_ROW) {
        assert_true(n < max);
        ret[n++] = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return n;
}
static inline void world_open(Cx *cx, World *w, uint64_t seed)
{
    *w = (World){ .x = seed * 7919 + 1 };
    rig_open(cx, &w->rig, test_dir());
    assert_int_equal(sqlite3_open(":memory:", &w->db), SQLITE_OK);
    world_sql(w, "CREATE TABLE event (seq INTEGER, actor INTEGER, name TEXT, time INTEGER, item, url TEXT);"
        "CREATE TABLE person (actor INTEGER, root INTEGER)");
}
static inline void world_done(World *w)
{
    rig_done(&w->rig);
    sqlite3_close(w->db);
}
static inline void world_event(Cx *cx, World *w)
{
    static const char *const names[] = { "view", "加入", "pay", "other", "$page" };
    static const char *const urls[] = { "/", "/a", "/a/", "/价格", "/b?x=1" };
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET } };
    Prop props[2];
    char sql[300], item[20] = "NULL";
    int actor = (int)world_rnd(w, RIG_ACTORS);
    uint64_t which = world_rnd(w, 5);
    const char *name = names[world_rnd(w, COUNT(names))], *url = urls[world_rnd(w, COUNT(urls))];
    e.event.actor = rig_key((uint64_t)actor);
    e.event.name = str_z(name);
    e.event.time = INT64_C(1704067200000) + (int64_t)world_rnd(w, 40) * 86400000 / 4 + (int64_t)world_rnd(w,
        3) * 600000;
    if (w->distinct) e.event.time += w->seq;
    e.event.received = e.event.time;
    props[0] = (Prop){ .name = S("url"), .kind = PROP_STR, .s = str_z(url) };
    props[1] = (Prop){ .name = S("item"), .kind = PROP_STR, .s = S("b") };
    if (which == 1) props[1].s = S("c");
    if (which == 2) props[1].kind = PROP_INT, props[1].i = 7;
    if (which == 3) props[1].kind = PROP_DOUBLE, props[1].d = 7;
    if (which == 0 || which == 1) snprintf(item, sizeof item, "'%s'", which ? "c" : "b");
    if (which == 2 || which == 3) snprintf(item, sizeof item, "7");
    e.event.props = props;
    e.event.n_props = which == 4 ? 1 : 2;
    rig_append(cx, &w->rig, &e, 1);
    snprintf(sql, sizeof sql, "INSERT INTO event VALUES (%lld, %d, '%s', %lld, %s, '%s')", (long long)++w->seq, actor,
        name, (long long)e.event.time, item, url);
    world_sql(w, sql);
}
static inline void world_join(Cx *cx, World *w)
{
    int a = RIG_USERS + (int)world_rnd(w, RIG_ACTORS - RIG_USERS), u = (int)world_rnd(w, RIG_USERS);
    Entry e = { .kind = ENTRY_JOIN };
    w->seq++;
    if (w->join[a]) {
        e.kind = ENTRY_UNJOIN;
        e.unjoin = (Unjoin){ .id = w->seq, .join = w->join[a] };
        w->join[a] = 0;
    } else {
        e.join = (Join){ .id = w->seq, .anon = rig_key((uint64_t)a), .user = rig_key((uint64_t)u),
            .trust = TRUST_SECRET };
        w->join[a] = w->seq;
        w->user[a] = u;
    }
    rig_append(cx, &w->rig, &e, 1);
}
/* n more things happen; then both sides can be asked. world_asked() afterwards. */
static inline void world_live(Cx *cx, World *w, int n)
{
    char sql[100];
    for (int i = 0; i < n; i++) {
        if (world_rnd(w, 10) == 0) world_join(cx, w);
        else world_event(cx, w);
        if (world_rnd(w, 40) == 0) ok(rig_flush(cx, &w->rig));
        if (world_rnd(w, 150) == 0) rig_reopen(cx, &w->rig);
        if (world_rnd(w, 100) == 0) {
            Status st = rig_merge(cx, &w->rig);
            assert_true(st == ST_OK || st == ST_NOT_FOUND);
        }
    }
    world_sql(w, "DELETE FROM person");
    for (int a = 0; a < RIG_ACTORS; a++) {
        snprintf(sql, sizeof sql, "INSERT INTO person VALUES (%d, %d)", a, w->join[a] ? w->user[a] : a);
        world_sql(w, sql);
    }
    ok(snapshot_take(cx, w->rig.s, &w->snap));
    ok(scan_texts_new(cx, &w->texts));
}
static inline void world_asked(Cx *cx, World *w)
{
    snapshot_done(cx, &w->snap);
    scan_texts_done(w->texts);
}
#endif
