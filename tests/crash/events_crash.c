/* The event store over a file layer whose power is cut at random moments: while appending, rolling a log file,
 * saving keys, flushing, replacing the manifest, merging, removing old files. After each cut exactly the acknowledged
 * events are there, once, and their repeats are recognised; what was not acknowledged is there whole or not at all. */
#include "tests/test.h"
#include "base/clock.h"
#include "store/events/state.h"
#include "tests/crash/crashfs.h"
#include "tests/crash/killfs.h"
#include "tests/crash/state_fake.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS = 600, JOINS = 200, CALL_MAX = 8, LIVES = 4, STEPS = 40 };
typedef enum Fate { UNSENT, REFUSED, MAYBE, ACKED } Fate;
typedef struct World {
    Fs disk, fs;                 /* fs: the process's way to the disk */
    uint64_t row;
    Events *e;
    int64_t now;
    uint64_t next;               /* the first id never sent */
    Fate fate[IDS];
    uint16_t call[IDS];          /* in which call it was sent last: a call is there whole or not at all */
    uint16_t calls;
    int seen[IDS], read[IDS];
    bool joined[JOINS];          /* acknowledged */
    const char *wrong;           /* the first rule that did not hold */
    char what[120];
} World;

static size_t pick(World *w, size_t below)
{
    w->row = w->row * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((w->row >> 33) % below);
}
static void wrong(World *w, const char *rule, uint64_t id)
{
    if (w->wrong) return;
    w->wrong = rule;
    snprintf(w->what, sizeof w->what, "%s (event %llu)", rule, (unsigned long long)id);
}
static Entry event(Cx *cx, const World *w, uint64_t id)
{
    static const char plan[] = "专业版 🎁 with some more text to fill the file";
    Prop *props = ARENA_MANY(cx->arena, Prop, 2);
    assert_non_null(props);
    props[0] = (Prop){ .name = S("套餐"), .kind = PROP_STR, .s = { plan, sizeof plan - 1 } };
    props[1] = (Prop){ .name = S("id"), .kind = PROP_INT, .i = (int64_t)id };
    return (Entry){ .kind = ENTRY_EVENT, .event = { .source = 1, .actor = { 1, id % 7 }, .message = { 3, id },
        .name = S("购买"), .time = w->now - 5, .received = w->now, .props = props, .n_props = 2 } };
}
static Status open_store(Cx *cx, World *w)
{
    EventsConfig c = { .fs = w->fs, .dir = "/data/events", .quiet = true, .log_file_bytes = 8192 };
    w->e = NULL;
    arena_reset(cx->arena);
    killfs_start(true);
    Status st = events_open(cx, &c, &w->e);
    if (st == ST_OK) killfs_start(false);
    return st;
}

/* ---- a life: random calls until the power goes ---- */

static void append(Cx *cx, World *w)
{
    Entry e[CALL_MAX];
    bool same[CALL_MAX] = { false };
    uint64_t ids[CALL_MAX];
    size_t n = 1 + pick(w, CALL_MAX);
    for (size_t i = 0; i < n; i++) {
        bool old = w->next > 1 && pick(w, 4) == 0;
        if (!old && w->next == IDS) return;
        ids[i] = old ? 1 + pick(w, w->next - 1) : w->next++;
        e[i] = event(cx, w, ids[i]);
    }
    Status st = events_append_wait(cx, w->e, e, n, same);
    w->calls++;
    for (size_t i = 0; i < n; i++) {
        uint64_t id = ids[i];
        bool twice = false;
        for (size_t k = 0; k < i; k++) twice |= ids[k] == id;
        if (st != ST_OK) {
            if (w->fate[id] != ACKED && w->fate[id] != MAYBE) w->fate[id] = MAYBE, w->call[id] = w->calls;
            continue;
        }
        if (w->fate[id] == ACKED && !same[i]) wrong(w, "an acknowledged event was taken again", id);
        if (w->fate[id] == UNSENT && same[i] && !twice) wrong(w, "a new event was called a repeat", id);
        w->fate[id] = ACKED;
    }
}
static Hash128 anon_of(size_t i) { return (Hash128){ 7, i }; }
static Hash128 user_of(size_t i) { return (Hash128){ 8, i / 3 }; }
static void join(Cx *cx, World *w)
{
    size_t i = pick(w, JOINS);
    Entry e = { .kind = ENTRY_JOIN, .join = { .id = (int64_t)i + 1, .anon = anon_of(i), .user = user_of(i),
        .time = w->now } };
    if (events_append_wait(cx, w->e, &e, 1, NULL) == ST_OK) w->joined[i] = true;
}
static Status note_end(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    World *w = arg;
    (void)cx;
    (void)pos;
    if (e->kind != ENTRY_EVENT) return ST_OK;
    w->read[e->event.message.b]++;
    return ST_OK;
}
static void live(Cx *cx, World *w)
{
    for (int i = 0; i < STEPS; i++) {
        arena_reset(cx->arena);
        cx->now = w->now += 1 + (int64_t)pick(w, 1000);
        size_t what = pick(w, 20);
        if (what == 0) (void)!events_flush(cx, w->e);
        else if (what == 1) (void)!events_merge(cx, w->e);
        else if (what == 2) events_keep_from(w->e, events_end(w->e));
        else if (what == 3 && pick(w, 3) == 0) w->now += 8 * INT64_C(86400000);
        else if (what == 4) join(cx, w);
        else append(cx, w);
    }
}

/* ---- after the cut ---- */

static void count(void *arg, uint64_t id)
{
    World *w = arg;
    if (id == 0 || id >= IDS) wrong(w, "an event nobody sent", id);
    else w->seen[id]++;
}
static void check_calls(World *w)
{
    for (uint64_t a = 1; a < w->next; a++)
        for (uint64_t b = a + 1; b < w->next && b < a + 2 * CALL_MAX; b++)
            if (w->fate[a] == MAYBE && w->fate[b] == MAYBE && w->call[a] == w->call[b] && w->seen[a] != w->seen[b])
                wrong(w, "part of a call is there", a);
}
static void check(Cx *cx, World *w)
{
    memset(w->seen, 0, sizeof w->seen);
    memset(w->read, 0, sizeof w->read);
    EventsStats st;
    int64_t next;
    arena_reset(cx->arena);
    if (world_each(cx, w->e, count, w) != ST_OK) wrong(w, "a segment cannot be read", 0);
    if (events_read(cx, w->e, 0, note_end, w, &next) != ST_OK) wrong(w, "the log cannot be read", 0);
    if (events_stats(cx, w->e, &st) != ST_OK || st.quarantined) wrong(w, "a file was called damaged", 0);
    for (uint64_t id = 1; id < w->next; id++) {
        if (w->fate[id] == ACKED && w->seen[id] == 0) wrong(w, "an acknowledged event is lost", id);
        if (w->seen[id] > 1 || w->read[id] > 1) wrong(w, "an event is there twice", id);
    }
    for (size_t i = 0; i < JOINS; i++)
        if (w->joined[i] && !world_joined(w->e, anon_of(i), user_of(i))) wrong(w, "an acknowledged join is lost", i);
    check_calls(w);
    for (uint64_t id = 1; id < w->next; id++) if (w->fate[id] == MAYBE) w->fate[id] = w->seen[id] ? ACKED : UNSENT;
}
static void start_and_check(Cx *cx, World *w)
{
    killfs_stop_after(-1);
    if (open_store(cx, w) == ST_OK) check(cx, w);
    else wrong(w, "it does not open", 0);
}
/* The power goes, or the process is killed; then it starts again. */
static void one_life(Cx *cx, World *w)
{
    bool killed = pick(w, 3) == 0;
    long at = (long)pick(w, pick(w, 4) ? 150 : 30);
    if (killed) killfs_stop_after(at);
    else crashfs_stop_after(w->disk, at);
    if (open_store(cx, w) == ST_OK) live(cx, w);
    if (killed) killfs_stop_after(0);
    else crashfs_cut(w->disk, (CrashMode)pick(w, 5));
    events_close(w->e);
    crashfs_stop_after(w->disk, -1);
    start_and_check(cx, w);
    if (pick(w, 2)) {
        crashfs_cut(w->disk, CRASH_LOSE);         /* what a start found is there for good */
        events_close(w->e);
        start_and_check(cx, w);
    }
    events_close(w->e);
}
static void lives(Cx *cx, World *w, uint64_t seed, KillSync out)
{
    *w = (World){ .disk = crashfs_new(seed), .row = seed * 2654435761u + 1, .now = cx->now, .next = 1 };
    w->fs = killfs_new(w->disk);
    killfs_start(false);
    killfs_leave_out(SYNC_KINDS_);
    ok(w->fs.ops->mkdir(cx, w->fs.self, "/data"));
    ok(w->fs.ops->sync_dir(cx, w->fs.self, "/"));
    killfs_leave_out(out);
    for (int life = 0; life < LIVES && !w->wrong; life++) one_life(cx, w);
    killfs_leave_out(SYNC_KINDS_);
    if (killfs_early()) wrong(w, "a name was relied on before it was durable", 0);
    crashfs_free(w->disk);
}
static long rounds(long few, long many)
{
    const char *l = getenv("LIUKE_LONG");
    return l && *l ? many : few;
}
TEST(after_any_power_cut_exactly_what_was_acknowledged_is_there)
{
    World *w = mem_get(sizeof *w);
    int acked = 0;
    assert_non_null(w);
    for (long seed = 1; seed <= rounds(300, 20000); seed++) {
        lives(cx, w, (uint64_t)seed, SYNC_KINDS_);
        if (w->wrong) print_error("seed %ld: %s\n", seed, w->what);
        assert_null(w->wrong);
        for (int i = 0; i < IDS; i++) acked += w->fate[i] == ACKED;
    }
    assert_true(acked > 3000);
    mem_free(w);
}
/* Leaves out one kind of sync after the other. Each must be missed by some seed, or it is there for nothing. */
TEST(without_any_one_sync_something_is_lost)
{
    World *w = mem_get(sizeof *w);
    bool bad = false;
    assert_non_null(w);
    for (int kind = 0; kind < SYNC_KINDS_; kind++) {
        if (kind == SYNC_ZEROS || kind == SYNC_OTHER) continue;
        long seed = 1, most = 3000, asked = 0;
        for (; seed <= most; seed++) {
            lives(cx, w, (uint64_t)seed, (KillSync)kind);
            if (w->wrong) break;
            asked += killfs_count((KillSync)kind);
            if (seed == 50 && asked == 0) break;                   /* this state has no such file */
        }
        bool none = asked == 0 && !w->wrong && (kind == SYNC_ACTORS || kind == SYNC_MAP || kind == SYNC_MAP_NAME);
        if (w->wrong) printf("  without \"%s\", seed %ld: %s\n", killfs_names[kind], seed, w->what);
        else if (none) printf("  there is no \"%s\" here\n", killfs_names[kind]);
        else print_error("nothing misses the sync \"%s\"\n", killfs_names[kind]);
        bad |= !w->wrong && !none;
    }
    mem_free(w);
    assert_false(bad);
}
