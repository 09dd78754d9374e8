#include "tests/test.h"
#include "store/records/engine.h"
#include "store/records/migrate.h"
#include "tests/crash/sqlite_vfs.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* Three versions, so that power also goes in the middle of a migration. The tally's page comes before all that the
 * entries have: each transaction begins with it, and a page of an older log that is read again shows. */
static const Migration list[] = {
    { 1, "tally", S_INIT("CREATE TABLE tally(n BIGINT NOT NULL, touched BIGINT NOT NULL) STRICT;"
                         "INSERT INTO tally(n, touched) VALUES (0, 0)") },
    { 2, "entry", S_INIT("CREATE TABLE entry(id BIGINT PRIMARY KEY, body BYTES NOT NULL) STRICT") },
    { 3, "mark", S_INIT("ALTER TABLE entry ADD COLUMN mark BIGINT; CREATE INDEX entry_mark ON entry(mark)") },
};
enum { LIVES = 3, ENTRIES = 60, BODY_MAX = 9000, THREADS = 4, APART = 1000 };

typedef struct World {
    Fs fs;
    SqliteVfs *vfs;
    RecordsConfig config;
    uint64_t random;
    int64_t version, acked, touched;              /* what was acknowledged; version -1: nothing yet */
} World;

static uint64_t roll(World *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 11) % below;
}
static World world_new(Cx *cx, uint64_t seed)
{
    World w = { .fs = crashfs_new(seed), .random = seed * 0x9e3779b97f4a7c15u + 1, .version = -1 };
    w.vfs = sqlite_vfs_new(w.fs);
    w.config = (RecordsConfig){ .sqlite = "/data/records.db", .sqlite_vfs = sqlite_vfs_name(w.vfs), .readers = 1 };
    ok(w.fs.ops->mkdir(cx, w.fs.self, "/data"));
    ok(w.fs.ops->sync_dir(cx, w.fs.self, "/"));
    return w;
}
static void world_free(World *w)
{
    sqlite_vfs_free(w->vfs);
    crashfs_free(w->fs);
}
static Str body_of(Cx *cx, int64_t id)
{
    size_t n = (size_t)(id * 7919 % BODY_MAX);
    char *p = arena_raw(cx->arena, n + 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = (char)(id + (int64_t)(i / 64));
    return (Str){ p, n };
}
static Status entry_tx(Cx *cx, void *arg)
{
    int64_t id = *(int64_t *)arg;
    TRY(db_run(cx, SQL("INSERT INTO entry(id, body, mark) VALUES ($1, $2, $1 % 7)"),
               BINDS(b_i64(id), b_bytes(body_of(cx, id)))));
    return db_run(cx, SQL("UPDATE tally SET n = n + 1"), NO_BINDS);
}
static Status touch_tx(Cx *cx, void *arg)
{
    (void)arg;
    return db_run(cx, SQL("UPDATE tally SET touched = touched + 1"), NO_BINDS);
}
/* Many small checkpoints, so that the write-ahead log starts over again and again. */
static Status often_tx(Cx *cx, void *arg)
{
    AUTO_ROWS r = NULL;
    (void)arg;
    return rows_open(cx, SQL("PRAGMA wal_autocheckpoint = 40"), NO_BINDS, &r);
}
static bool life_begin(Cx *cx, World *w)
{
    if (records_open_with(cx, &w->config, list, w->version < 0 ? 0 : (size_t)w->version, &cx->records) != ST_OK)
        return false;
    if (w->version < 0) w->version = 0;
    for (; w->version < (int64_t)COUNT(list); w->version++)
        if (migrate_run(cx, list, (size_t)w->version + 1) != ST_OK) return false;
    return tx_run(cx, often_tx, NULL) == ST_OK;
}
static void life_end(Cx *cx)
{
    records_done(cx);
    records_close(cx->records);
    cx->records = NULL;
}
/* Entries one after another, now and then a touch of one page, until one is not acknowledged. */
static void write_entries(Cx *cx, World *w, int n)
{
    for (int64_t id = w->acked + 1; n--; id++) {
        while (roll(w, 2)) {
            if (tx_run(cx, touch_tx, NULL) != ST_OK) return;
            w->touched++;
        }
        if (tx_run(cx, entry_tx, &id) != ST_OK) return;
        w->acked = id;
        arena_reset(cx->arena);
    }
}
static bool is_sound(Cx *cx)
{
    AUTO_ROWS r = NULL;
    return rows_open(cx, SQL("PRAGMA integrity_check"), NO_BINDS, &r) == ST_OK && rows_next(r) == ST_OK
        && str_is(rows_str(r, 0), "ok");
}
/* The newest migration in the file, before records_open() would add to it; -1: none. */
static int64_t version_found(const World *w)
{
    sqlite3 *h = NULL;
    sqlite3_stmt *st = NULL;
    int64_t n = -1;
    sqlite3_open_v2(w->config.sqlite, &h, SQLITE_OPEN_READWRITE, w->config.sqlite_vfs);
    if (sqlite3_prepare_v2(h, "SELECT coalesce(max(number), 0) FROM schema_migration", -1, &st, NULL) == SQLITE_OK
        && sqlite3_step(st) == SQLITE_ROW) n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(h);
    return n;
}
/* How many entries there are, each as it was written, and the tally that goes with them; -1: they are wrong. */
static int64_t read_entries(Cx *cx, int64_t *ret_touched)
{
    AUTO_ROWS r = NULL;
    int64_t k = 0, n;
    Status st;
    if (rows_open(cx, SQL("SELECT id, body, mark FROM entry ORDER BY id"), NO_BINDS, &r) != ST_OK) return -1;
    for (; (st = rows_next(r)) == ST_OK; k++) {
        int64_t id = rows_i64(r, 0);
        if (!str_eq(rows_bytes(r, 1), body_of(cx, id)) || rows_i64(r, 2) != id % 7) return -1;
    }
    if (st != ST_NOT_FOUND || db_i64(cx, SQL("SELECT n FROM tally"), NO_BINDS, &n) != ST_OK) return -1;
    if (db_i64(cx, SQL("SELECT touched FROM tally"), NO_BINDS, ret_touched) != ST_OK) return -1;
    return n == k ? k : -1;
}
static bool as_acked(int64_t found, int64_t acked) { return found == acked || found == acked + 1; }
static bool open_whole(Cx *cx, World *w)
{
    int64_t version = version_found(w);
    return version >= w->version && version <= w->version + 1
        && records_open_with(cx, &w->config, list, COUNT(list), &cx->records) == ST_OK && is_sound(cx);
}
/* Power is back: is exactly the acknowledged prefix there, and at most the one in flight beyond it? */
static bool held(Cx *cx, World *w)
{
    int64_t k = -1, last = -1, touched = -1;
    bool good = open_whole(cx, w) && (k = read_entries(cx, &touched)) >= 0
        && db_i64(cx, SQL("SELECT coalesce(max(id), 0) FROM entry"), NO_BINDS, &last) == ST_OK && last == k
        && as_acked(k, w->acked) && as_acked(touched, w->touched);
    life_end(cx);
    w->version = COUNT(list);
    w->acked = k;
    w->touched = touched;
    arena_reset(cx->arena);
    return good;
}
/* Half of the time the program still runs when the power goes, half of the time it has ended by itself. */
static void cut(Cx *cx, World *w, CrashMode mode)
{
    bool ended = roll(w, 2);
    if (ended) life_end(cx);
    crashfs_cut(w->fs, mode);
    if (!ended) life_end(cx);
}
static bool survives(Cx *cx, uint64_t seed, int64_t *entries)
{
    World w = world_new(cx, seed);
    bool good = true;
    for (int life = 0; good && life < LIVES; life++) {
        crashfs_stop_after(w.fs, (long)roll(&w, life == 0 ? 600 : 300));
        if (life_begin(cx, &w)) write_entries(cx, &w, ENTRIES);
        cut(cx, &w, (CrashMode)roll(&w, CRASH_ANY + 1));
        good = held(cx, &w);
    }
    *entries += w.acked;
    world_free(&w);
    return good;
}
static int64_t seeds(int64_t few)
{
    const char *more = getenv("LIUKE_CRASH_SEEDS");
    int64_t n;
    return more && str_i64(str_z(more), &n) ? n : few;
}
TEST(the_records_hold_exactly_what_was_acknowledged_after_any_power_cut)
{
    int64_t entries = 0, n = seeds(200);
    for (int64_t seed = 1; seed <= n; seed++) {
        bool good = survives(cx, (uint64_t)seed, &entries);
        if (!good) print_error("seed %d: acknowledged and kept differ\n", (int)seed);
        assert_true(good);
    }
    print_message("  %d seeds, %d entries\n", (int)n, (int)entries);
    assert_true(entries > n * 20);
}

typedef struct Writer { const Cx *of; int64_t first, acked; } Writer;
static void *writes(void *arg)
{
    Writer *me = arg;
    Cx cx = test_cx();
    cx.records = me->of->records;
    for (int64_t id = me->first + 1; id <= me->first + ENTRIES && tx_run(&cx, entry_tx, &id) == ST_OK; id++) {
        me->acked = id - me->first;
        arena_reset(cx.arena);
    }
    arena_free(cx.arena);
    return NULL;
}
static bool all_held(Cx *cx, World *w, const Writer *by)
{
    int64_t touched, n, last;
    bool good = open_whole(cx, w) && read_entries(cx, &touched) >= 0;
    for (int i = 0; good && i < THREADS; i++)
        good = db_i64(cx, SQL("SELECT count(*) FROM entry WHERE id > $1 AND id < $2"),
                      BINDS(b_i64(by[i].first), b_i64(by[i].first + APART)), &n) == ST_OK
            && db_i64(cx, SQL("SELECT coalesce(max(id), $1) FROM entry WHERE id > $1 AND id < $2"),
                      BINDS(b_i64(by[i].first), b_i64(by[i].first + APART)), &last) == ST_OK
            && last == by[i].first + n && as_acked(n, by[i].acked);
    life_end(cx);
    arena_reset(cx->arena);
    return good;
}
static bool group_survives(Cx *cx, uint64_t seed, int64_t *entries)
{
    World w = world_new(cx, seed);
    pthread_t thread[THREADS];
    Writer by[THREADS];
    assert_true(life_begin(cx, &w));
    crashfs_stop_after(w.fs, (long)roll(&w, 500));
    for (int i = 0; i < THREADS; i++) {
        by[i] = (Writer){ .of = cx, .first = i * APART };
        assert_int_equal(pthread_create(&thread[i], NULL, writes, &by[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        *entries += by[i].acked;
    }
    cut(cx, &w, (CrashMode)roll(&w, CRASH_ANY + 1));
    bool good = all_held(cx, &w, by);
    world_free(&w);
    return good;
}
TEST(every_caller_of_a_group_finds_what_it_was_told)
{
    int64_t entries = 0, n = seeds(100);
    for (int64_t seed = 1; seed <= n; seed++) {
        bool good = group_survives(cx, (uint64_t)seed, &entries);
        if (!good) print_error("seed %d: acknowledged and kept differ\n", (int)seed);
        assert_true(good);
    }
    print_message("  %d seeds, %d entries\n", (int)n, (int)entries);
    assert_true(entries > n * 20);
}

/* With the nth sync made or left out and the power gone soon after: is a difference found? */
static bool noticed(Cx *cx, long nth, bool skip, uint64_t seed)
{
    World w = world_new(cx, seed);
    sqlite_vfs_stop_at_sync(w.vfs, nth, skip, (long)roll(&w, roll(&w, 2) ? 8 : 60));
    if (life_begin(cx, &w)) write_entries(cx, &w, ENTRIES / 3);
    cut(cx, &w, roll(&w, 2) ? CRASH_SECTORS : (CrashMode)roll(&w, CRASH_ANY + 1));
    bool good = held(cx, &w);
    world_free(&w);
    return !good;
}
/* Those that make the empty file are left aside: nothing has been acknowledged that could be lost. */
TEST(leaving_out_any_one_sync_is_noticed)
{
    int unnoticed = 0, tries = 0;
    World w = world_new(cx, 1);
    ok(records_open_with(cx, &w.config, list, 0, &cx->records));
    long made = sqlite_vfs_syncs(w.vfs);
    life_end(cx);
    world_free(&w);
    w = world_new(cx, 1);
    assert_true(life_begin(cx, &w));
    write_entries(cx, &w, ENTRIES / 3);
    long syncs = sqlite_vfs_syncs(w.vfs);
    life_end(cx);
    world_free(&w);
    for (long nth = made + 1; nth <= syncs; nth++) {
        uint64_t seed = 1;
        while (seed <= 4000 && !noticed(cx, nth, true, seed)) seed++;
        if (seed > 4000) print_error("sync %d is not missed\n", (int)nth);
        assert_false(noticed(cx, nth, false, seed));  /* it is the sync that makes the difference */
        unnoticed += seed > 4000;
        tries += (int)seed;
    }
    print_message("  %d syncs, %d tries\n", (int)(syncs - made), tries);
    assert_in_range(syncs - made, 20, 200);
    assert_int_equal(unnoticed, 0);
}
