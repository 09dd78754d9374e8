#include "tests/test.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "store/events/le.h"
#include "store/events/wal.h"
#include "store/events/walread.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a state that counts, and callers ---- */

typedef struct Sink { _Atomic int64_t events, frames, end; _Atomic int refuse; } Sink;
static Status sink_reserve(Cx *cx, void *arg, size_t n)
{
    Sink *s = arg;
    (void)n;
    return s->refuse ? fail(cx, ST_BUSY, "full") : ST_OK;
}
static void sink_chunk(void *arg, int64_t pos, int64_t end, char *bytes, size_t n)
{
    Sink *s = arg;
    EntryHead h;
    EntryRun run = entry_run((Str){ bytes, n });
    assert_true(pos >= s->end && end == pos + (int64_t)n + FRAME_SEAL);
    while (run.left.n) {
        assert_true(entry_next(&run, &h));
        s->events += h.kind != ENTRY_FORM;
    }
    s->frames++;
    s->end = end;
    mem_free(bytes);
}
static WalConfig config(const char *dir, Sink *s)
{
    *s = (Sink){ 0 };
    return (WalConfig){ .fs = fs_posix(), .dir = dir, .quiet = true, .reserve = sink_reserve, .chunk = sink_chunk,
        .arg = s };
}
typedef struct Wait { pthread_mutex_t lock; pthread_cond_t cond; Status st; bool done; } Wait;
static void wake(void *arg, Status st)
{
    Wait *w = arg;
    pthread_mutex_lock(&w->lock);
    w->st = st;
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}
static Status put(Cx *cx, Wal *w, const Entry *e, size_t n, bool *same)
{
    Wait wait = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, ST_OK, false };
    TRY(wal_append(cx, w, e, n, same, wake, &wait));
    pthread_mutex_lock(&wait.lock);
    while (!wait.done) pthread_cond_wait(&wait.cond, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    return wait.st;
}
static Entry event(uint64_t id, const char *name)
{
    return (Entry){ .kind = ENTRY_EVENT, .event = { .source = 1, .actor = { 5, id }, .message = { 77, id },
        .name = str_z(name),
        .time = 1700000000000, .received = 1700000000000 + (int64_t)id } };
}
static Status put_one(Cx *cx, Wal *w, uint64_t id, bool *same)
{
    Entry e = event(id, "打开 📖");
    return put(cx, w, &e, 1, same);
}
/* ---- reading back ---- */

typedef struct Seen { uint64_t ids[4096]; int64_t pos[4096]; size_t n, stop; } Seen;
static Status see(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Seen *s = arg;
    (void)cx;
    if (s->stop && s->n == s->stop) return ST_NOT_FOUND;
    s->pos[s->n] = pos;
    s->ids[s->n++] = e->event.message.b;
    return ST_OK;
}
static Seen *all(Cx *cx, Wal *w)
{
    Seen *s = ARENA_NEW(cx->arena, Seen);
    int64_t next;
    assert_non_null(s);
    ok(wal_read(cx, w, 0, see, s, &next));
    assert_int_equal(next, s->n ? wal_end(w) : next);
    return s;
}
static const char *log_file(Cx *cx, const char *dir, int64_t start, const char *suffix)
{
    const char *path;
    char name[64];
    snprintf(name, sizeof name, "log/wal-%016llx", (unsigned long long)start);
    ok(fs_path(cx, dir, name, suffix, &path));
    return path;
}
static void poke(const char *path, int64_t at, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, p, n, at), n);
    close(fd);
}
static bool there(const char *path) { return access(path, F_OK) == 0; }

TEST(what_was_appended_is_read_back_in_order_and_after_a_restart)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    ok(wal_open(cx, &c, &w));
    assert_int_equal(wal_end(w), 0);
    for (uint64_t i = 1; i <= 20; i++) ok(put_one(cx, w, i, NULL));
    Entry batch[50];
    for (size_t i = 0; i < COUNT(batch); i++) batch[i] = event(21 + i, "批量");
    ok(put(cx, w, batch, COUNT(batch), NULL));
    ok(put(cx, w, NULL, 0, NULL));
    assert_int_equal(sink.events, 70);
    for (int round = 0; round < 2; round++) {
        Seen *s = all(cx, w);
        assert_int_equal(s->n, 70);
        for (size_t i = 0; i < s->n; i++) assert_int_equal(s->ids[i], i + 1);
        assert_int_equal(wal_end(w), sink.end);
        wal_close(w);
        c = config(c.dir, &sink);
        ok(wal_open(cx, &c, &w));
        assert_int_equal(sink.events, 70);
    }
    ok(put_one(cx, w, 71, NULL));
    wal_close(w);
    c = config(c.dir, &sink);
    c.flushed = 1;                                /* inside the first frame: only whole frames behind it are replayed */
    ok(wal_open(cx, &c, &w));
    assert_int_equal(sink.events, 70);
    wal_close(w);
}
TEST(reading_goes_on_from_any_entry_and_an_entry_that_stopped_it_comes_again)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    Entry batch[40];
    int64_t next;
    ok(wal_open(cx, &c, &w));
    for (size_t i = 0; i < COUNT(batch); i++) batch[i] = event(i + 1, "x");
    ok(put(cx, w, batch, 10, NULL));
    ok(put(cx, w, batch + 10, 30, NULL));
    Seen *s = all(cx, w);
    for (size_t i = 0; i < 40; i++) {
        Seen *part = ARENA_NEW(cx->arena, Seen);
        assert_non_null(part);
        ok(wal_read(cx, w, s->pos[i], see, part, &next));
        assert_int_equal(part->n, 40 - i);
        assert_int_equal(part->ids[0], i + 1);
        memset(part, 0, sizeof *part);
        part->stop = 3;
        ok(wal_read(cx, w, s->pos[i], see, part, &next));
        assert_int_equal(next, i + 3 < 40 ? s->pos[i + 3] : wal_end(w));
        arena_reset(cx->arena);
        s = all(cx, w);
    }
    ok(wal_read(cx, w, wal_end(w), see, s, &next));
    assert_int_equal(next, wal_end(w));
    assert_false(wal_wait(w, wal_end(w), 10));
    assert_true(wal_wait(w, wal_end(w) - 1, 10));
    wal_close(w);
}
typedef struct Heads { int events, joins; } Heads;
static Status see_head(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Heads *h = arg;
    (void)cx; (void)pos;
    if (e->kind == ENTRY_JOIN) {
        assert_int_equal(e->join.anon.b, 2);
        h->joins++;
        return ST_OK;
    }
    assert_int_equal(e->event.n_props, 0);
    assert_str(e->event.name, "x");
    assert_str(e->event.sealed, "secret");
    assert_int_equal(e->event.actor.b, ++h->events);
    return ST_OK;
}
TEST(reading_heads_gives_everything_but_the_properties)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    Heads h = { 0 };
    int64_t next;
    Prop p[2] = { { .name = S("a"), .kind = PROP_INT, .i = 7 }, { .name = S("b"), .kind = PROP_STR, .s = S("中文") } };
    Entry batch[4] = { event(1, "x"), event(2, "x"), { .kind = ENTRY_JOIN, .join = { .anon = { 1, 2 } } },
        event(3, "x") };
    for (size_t i = 0; i < COUNT(batch); i++) {
        if (batch[i].kind != ENTRY_EVENT) continue;
        batch[i].event.props = p;
        batch[i].event.n_props = i % 3;
        batch[i].event.sealed = S("secret");
    }
    ok(wal_open(cx, &c, &w));
    ok(put(cx, w, batch, COUNT(batch), NULL));
    ok(wal_read_heads(cx, w, 0, see_head, &h, &next));
    assert_int_equal(next, wal_end(w));
    assert_int_equal(h.events * 10 + h.joins, 31);
    wal_close(w);
}
TEST(a_repeat_is_dropped_in_a_batch_across_calls_and_across_restarts)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    bool same[4] = { true, true, true, true };
    Entry batch[] = { event(1, "a"), event(2, "b"), event(1, "c"), { .kind = ENTRY_JOIN, .join = { .id = 9 } } };
    ok(wal_open(cx, &c, &w));
    ok(put(cx, w, batch, 4, same));
    assert_true(!same[0] && !same[1] && same[2] && !same[3]);
    assert_int_equal(sink.events, 3);
    ok(put(cx, w, batch, 4, same));
    assert_true(same[0] && same[1] && same[2] && !same[3]);
    batch[0].event.message = (Hash128){ 0 };      /* no key: never the same */
    ok(put(cx, w, batch, 1, same));
    ok(put(cx, w, batch, 1, same));
    assert_false(same[0]);
    wal_close(w);
    config(c.dir, &sink);
    ok(wal_open(cx, &c, &w));
    ok(put_one(cx, w, 2, same));
    assert_true(same[0]);
    ok(put_one(cx, w, 3, same));
    assert_false(same[0]);
    EventsStats st = { 0 };
    wal_stats(w, &st);
    assert_int_equal(st.window_ids, 3);
    wal_close(w);
}
TEST(files_roll_and_their_keys_are_saved_and_loaded_or_made_again)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    bool same;
    c.file_bytes = 4096;
    ok(wal_open(cx, &c, &w));
    for (uint64_t i = 1; i <= 400; i++) {
        ok(put_one(cx, w, i, NULL));
        if (i % 10 == 0) ok(wal_tidy(cx, w));
    }
    ok(wal_tidy(cx, w));
    Seen *s = all(cx, w);
    assert_int_equal(s->n, 400);
    assert_true(there(log_file(cx, c.dir, 0, ".ids")));
    wal_close(w);
    assert_int_equal(unlink(log_file(cx, c.dir, 0, ".ids")), 0);        /* one is missing, another damaged */
    char name[64] = "";
    for (int64_t at = 1; at < 8192 && !name[0]; at++)
        if (there(log_file(cx, c.dir, at, ".ids")))
            snprintf(name, sizeof name, "%s", strrchr(log_file(cx, c.dir, at, ".ids"), '/') + 1);
    assert_true(name[0]);
    const char *path;
    ok(fs_path(cx, c.dir, "log/", name, &path));
    poke(path, 60, "\xff\xff", 2);
    config(c.dir, &sink);
    ok(wal_open(cx, &c, &w));
    assert_int_equal(sink.events, 400);
    for (uint64_t i = 1; i <= 400; i++) {
        ok(put_one(cx, w, i, &same));
        assert_true(same);
    }
    ok(wal_tidy(cx, w));
    assert_true(there(log_file(cx, c.dir, 0, ".ids")));
    EventsStats st = { 0 };
    wal_stats(w, &st);
    assert_int_equal(st.window_ids, 400);
    assert_int_equal(st.quarantined, 0);
    wal_close(w);
}
TEST(the_window_moves_on_by_age_and_number_and_files_go_when_flushed_passed_and_old)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    bool same;
    const int64_t day = 86400000;
    c.file_bytes = 4096;
    c.window_ids = 100;
    ok(wal_open(cx, &c, &w));
    for (uint64_t i = 1; i <= 300; i++) ok(put_one(cx, w, i, NULL));
    ok(wal_tidy(cx, w));
    ok(put_one(cx, w, 1, &same));
    assert_true(same);                            /* 100 newer ones, but not a day old */
    cx->now += day + 1;
    ok(put_one(cx, w, 301, NULL));
    ok(wal_tidy(cx, w));
    ok(put_one(cx, w, 1, &same));
    assert_false(same);
    ok(put_one(cx, w, 250, &same));
    assert_true(same);                            /* a day old, but among the last 100 */
    cx->now += 8 * day;
    wal_flushed(w, wal_end(w));
    ok(wal_tidy(cx, w));
    assert_true(there(log_file(cx, c.dir, 0, ".log")));      /* nobody said what consumers have passed */
    wal_keep_from(w, wal_end(w));
    ok(wal_tidy(cx, w));
    assert_false(there(log_file(cx, c.dir, 0, ".log")));
    assert_false(there(log_file(cx, c.dir, 0, ".ids")));
    Seen *s = all(cx, w);
    assert_true(s->n > 0 && s->n < 302);
    c.flushed = wal_end(w);
    wal_close(w);
    config(c.dir, &sink);
    ok(wal_open(cx, &c, &w));                     /* keys outlive their log files */
    ok(put_one(cx, w, 250, &same));
    assert_true(same);
    wal_close(w);
}
TEST(a_torn_end_is_forgotten_and_written_over)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    bool same;
    ok(wal_open(cx, &c, &w));
    for (uint64_t i = 1; i <= 5; i++) ok(put_one(cx, w, i, NULL));
    int64_t end = wal_end(w);
    Entry big[20];
    for (size_t i = 0; i < COUNT(big); i++) big[i] = event(100 + i, "torn");
    ok(put(cx, w, big, COUNT(big), NULL));
    int64_t after = wal_end(w);
    wal_close(w);
    for (int64_t at = end; at < after; at += 7) {
        poke(log_file(cx, c.dir, 0, ".log"), at, "\xee\x11", 2);
        config(c.dir, &sink);
        ok(wal_open(cx, &c, &w));
        assert_int_equal(wal_end(w), end);
        assert_int_equal(sink.events, 5);
        ok(put_one(cx, w, 6, &same));
        assert_false(same);
        EventsStats st = { 0 };
        wal_stats(w, &st);
        assert_int_equal(st.quarantined, 0);
        wal_close(w);
        config(c.dir, &sink);
        ok(wal_open(cx, &c, &w));
        assert_int_equal(sink.events, 6);
        wal_close(w);
        char zeros[4096] = { 0 };
        poke(log_file(cx, c.dir, 0, ".log"), end, zeros, (size_t)(after - end));
        config(c.dir, &sink);
        ok(wal_open(cx, &c, &w));
        ok(put(cx, w, big, COUNT(big), NULL));
        assert_int_equal(wal_end(w), after);
        wal_close(w);
    }
}
TEST(damage_in_the_middle_is_named_counted_and_read_around)
{
    static const char *const how[] = { "flipped", "zeros" };
    for (size_t k = 0; k < COUNT(how); k++) {
        Sink sink;
        WalConfig c = config(test_dir(), &sink);
        Wal *w;
        bool same;
        ok(wal_open(cx, &c, &w));
        for (uint64_t i = 1; i <= 10; i++) ok(put_one(cx, w, i, NULL));
        Seen *s = all(cx, w);
        int64_t end = wal_end(w);
        wal_close(w);
        char bytes[16] = { 0 };
        if (k == 0) memset(bytes, 0x5a, sizeof bytes);
        poke(log_file(cx, c.dir, 0, ".log"), s->pos[4] + (k ? 0 : 20), bytes, sizeof bytes);
        for (int round = 0; round < 3; round++) {
            config(c.dir, &sink);
            ok(wal_open(cx, &c, &w));
            assert_int_equal(sink.events, round ? 10 : 9);
            assert_int_equal(wal_end(w), end + (round ? end / 10 : 0));
            EventsStats st = { 0 };
            wal_stats(w, &st);
            assert_int_equal(st.quarantined, 1);
            s = all(cx, w);
            assert_int_equal(s->n, round ? 10 : 9);
            assert_int_equal(s->ids[4], 6);
            ok(put_one(cx, w, 11, &same));        /* goes into a file of its own */
            assert_int_equal(same, round > 0);
            ok(wal_tidy(cx, w));
            assert_true(there(log_file(cx, c.dir, 0, ".log.damaged")));
            assert_false(there(log_file(cx, c.dir, 0, ".log")));
            assert_true(there(log_file(cx, c.dir, end, ".log")));
            wal_close(w);
        }
    }
}
TEST(damage_that_only_a_reader_meets_is_counted_too)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    ok(wal_open(cx, &c, &w));
    for (uint64_t i = 1; i <= 10; i++) ok(put_one(cx, w, i, NULL));
    Seen *s = all(cx, w);
    poke(log_file(cx, c.dir, 0, ".log"), s->pos[2] + 9, "\xff", 1);
    poke(log_file(cx, c.dir, 0, ".log"), s->pos[9] + 9, "\xff", 1);
    s = all(cx, w);
    assert_int_equal(s->n, 8);
    assert_int_equal(s->ids[2], 4);
    EventsStats st = { 0 };
    wal_stats(w, &st);
    assert_int_equal(st.quarantined, 1);
    wal_close(w);
}
/* Each failure in turn: what was not acknowledged may be sent again, what was is there once. */
static void fail_each(Cx *cx, FaultKind kind, long step)
{
    long n = 0, fired = 1;
    for (; fired; n += step) {
        Sink sink;
        WalConfig c = config(test_dir(), &sink);
        Wal *w = NULL;
        bool acked[31] = { false }, same;
        c.file_bytes = 2048;
        arena_reset(cx->arena);
        fault_arm(kind, n);
        Status st = wal_open(cx, &c, &w);
        for (uint64_t i = 1; st == ST_OK && i <= 30; i++) {
            acked[i] = put_one(cx, w, i, NULL) == ST_OK;
            if (i % 7 == 0) (void)!wal_tidy(cx, w);
        }
        fired = fault_fired(kind);
        fault_arm(kind, -1);
        assert_true(st == ST_OK || (fired && w == NULL));
        if (st != ST_OK) ok(wal_open(cx, &c, &w));
        for (uint64_t i = 1; i <= 30; i++) {
            ok(put_one(cx, w, i, &same));
            assert_int_equal(same, acked[i]);
        }
        for (int round = 0; round < 2; round++) {
            Seen *s = all(cx, w);
            bool got[31] = { false };
            assert_int_equal(s->n, 30);
            for (size_t i = 0; i < s->n; i++) {
                assert_false(got[s->ids[i]]);
                got[s->ids[i]] = true;
            }
            wal_close(w);
            if (round == 1) break;
            config(c.dir, &sink);
            ok(wal_open(cx, &c, &w));
            assert_int_equal(sink.events, 30);
        }
    }
    assert_true(n > 3 * step);
}
TEST(a_failed_write_loses_nothing_and_repeats_nothing) { fail_each(cx, FAULT_WRITE, 1); }
TEST(a_failed_sync_loses_nothing_and_repeats_nothing) { fail_each(cx, FAULT_SYNC, 1); }
TEST(a_failed_rename_loses_nothing_and_repeats_nothing) { fail_each(cx, FAULT_RENAME, 1); }
TEST(a_failed_allocation_loses_nothing_and_repeats_nothing) { fail_each(cx, FAULT_ALLOC, 1); }

/* A full disk: nothing that needs space succeeds until there is some. */
static _Atomic int disk_full;
static Status full_write(Cx *cx, FsFile *f, Str s, int64_t at)
{
    return disk_full ? fail(cx, ST_IO, "ENOSPC") : fs_posix().ops->pwrite(cx, f, s, at);
}
static Status full_open(Cx *cx, void *self, const char *path, FsMode mode, FsFile **ret)
{
    return disk_full > 1 && mode == FS_CREATE ? fail(cx, ST_IO, "ENOSPC") : fs_posix().ops->open(cx, self, path, mode,
        ret);
}
TEST(a_full_disk_refuses_everything_and_forgets_nothing_and_goes_on_when_there_is_space)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    FsOps full = *c.fs.ops;
    Wal *w;
    bool same;
    full.pwrite = full_write;
    full.open = full_open;
    c.fs.ops = &full;
    c.file_bytes = 2048;
    ok(wal_open(cx, &c, &w));
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 1; i <= 20; i++) ok(put_one(cx, w, round * 20 + i, NULL));
        for (int how = 1; how <= 2; how++) {
            disk_full = how;                      /* first writes fail, then new files too */
            for (uint64_t i = 0; i < 5; i++) {
                assert_int_equal(put_one(cx, w, 1000 + i, NULL), ST_IO);
                assert_int_equal(put_one(cx, w, round * 20 + 1, &same), ST_OK);   /* a repeat of what is durable */
                assert_true(same);
                assert_true(wal_tidy(cx, w) != ST_BUG);
            }
        }
        disk_full = 0;
        ok(wal_tidy(cx, w));
    }
    Seen *s = all(cx, w);
    assert_int_equal(s->n, 60);
    wal_close(w);
    config(c.dir, &sink);
    ok(wal_open(cx, &c, &w));
    assert_int_equal(sink.events, 60);
    ok(put_one(cx, w, 1000, &same));
    assert_false(same);
    wal_close(w);
}
TEST(a_full_tail_refuses_the_group_and_takes_it_later)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    bool same;
    ok(wal_open(cx, &c, &w));
    sink.refuse = 1;
    assert_int_equal(put_one(cx, w, 1, NULL), ST_BUSY);
    sink.refuse = 0;
    ok(put_one(cx, w, 1, &same));
    assert_false(same);
    wal_close(w);
}
TEST(more_than_a_frame_or_an_event_may_hold_is_refused_by_name)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    char *text = arena_get(cx->arena, LOG_FRAME_MAX);
    Prop props[EVENT_PROPS_MAX + 1] = { 0 };
    assert_non_null(text);
    ok(wal_open(cx, &c, &w));
    Entry e = event(1, "");
    e.event.sealed = (Str){ text, LOG_FRAME_MAX };
    assert_int_equal(put(cx, w, &e, 1, NULL), ST_INVALID);
    assert_string_equal(cx->why.field, "batch");
    e.event.sealed.n = LOG_FRAME_MAX - entry_size(&(Entry){ .kind = ENTRY_EVENT, .event = event(1, "").event }) - 3;
    assert_int_equal(entry_size(&e), LOG_FRAME_MAX);
    ok(put(cx, w, &e, 1, NULL));
    e = event(2, "");
    e.event.props = props;
    e.event.n_props = COUNT(props);
    assert_int_equal(put(cx, w, &e, 1, NULL), ST_INVALID);
    assert_string_equal(cx->why.field, "properties");
    e.event.n_props--;
    ok(put(cx, w, &e, 1, NULL));
    Seen *s = all(cx, w);
    assert_int_equal(s->n, 2);
    wal_close(w);
}

/* ---- two callers at once ---- */

enum { CALLS = 400, PER_CALL = 5 };
typedef struct Caller { Wal *w; uint64_t first, step; int window; _Atomic int done, failed; } Caller;
static void called(void *arg, Status st)
{
    Caller *c = arg;
    if (st != ST_OK) c->failed++;
    c->done++;
}
static void *call(void *arg)
{
    Caller *c = arg;
    Cx cx = test_cx();
    for (uint64_t i = 0; i < CALLS; i++) {
        Entry e[PER_CALL];
        for (uint64_t k = 0; k < PER_CALL; k++) e[k] = event(c->first + (i * PER_CALL + k) * c->step, "同时");
        while (c->window && (int)i - c->done >= c->window) sched_yield();
        while (wal_append(&cx, c->w, e, PER_CALL, NULL, called, c) != ST_OK) sched_yield();
        arena_reset(cx.arena);
    }
    arena_free(cx.arena);
    return NULL;
}
/* Slow enough that the two threads meet over next.tmp. */
static Status slow_rename(Cx *cx, void *self, const char *from, const char *to)
{
    usleep(1000);
    return fs_posix().ops->rename(cx, self, from, to);
}
static Status slow_create(Cx *cx, void *self, const char *path, FsMode mode, FsFile **ret)
{
    if (mode == FS_CREATE) usleep(3000);
    return fs_posix().ops->open(cx, self, path, mode, ret);
}
static void two_callers(Cx *cx, uint64_t first_b, uint64_t step, size_t want)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    FsOps slow = *c.fs.ops;
    slow.rename = slow_rename;
    slow.open = slow_create;
    c.fs.ops = &slow;
    pthread_t t[2];
    c.file_bytes = 4096;   /* many files, prepared by the other thread while this one takes them */
    c.quiet = false;
    Caller callers[2] = { { .first = 1, .step = step, .window = 4 }, { .first = first_b, .step = step } };
    Wal *w;
    ok(wal_open(cx, &c, &w));
    for (int i = 0; i < 2; i++) {
        callers[i].w = w;
        assert_int_equal(pthread_create(t + i, NULL, call, callers + i), 0);
    }
    for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
    while (callers[0].done + callers[1].done < 2 * CALLS) sched_yield();
    assert_int_equal(callers[0].failed + callers[1].failed, 0);
    Seen *s = all(cx, w);
    assert_int_equal(s->n, want);
    assert_int_equal(sink.events, want);
    assert_true(sink.frames <= 2 * CALLS);
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n; i++) sum += s->ids[i];
    assert_int_equal(sum, want * (want + 1) / 2);
    wal_close(w);
    config(c.dir, &sink);
    ok(wal_open(cx, &c, &w));
    assert_int_equal(sink.events, want);
    wal_close(w);
}
TEST(two_threads_append_and_every_event_is_there_once) { two_callers(cx, 2, 2, (size_t)2 * CALLS * PER_CALL); }
TEST(two_threads_append_the_same_and_each_event_is_there_once) { two_callers(cx, 1, 1, (size_t)CALLS * PER_CALL); }
TEST(a_close_commits_what_waits)
{
    Sink sink;
    WalConfig c = config(test_dir(), &sink);
    Caller caller = { .first = 1, .step = 1 };
    ok(wal_open(cx, &c, &caller.w));
    call(&caller);
    wal_close(caller.w);
    assert_int_equal(caller.done, CALLS);
    assert_int_equal(sink.events, CALLS * PER_CALL);
}
TEST(an_empty_folder_stays_small)
{
    Sink sink;
    struct stat st;
    WalConfig c = config(test_dir(), &sink);
    Wal *w;
    const char *path;
    ok(wal_open(cx, &c, &w));
    ok(fs_path(cx, c.dir, "log/next.tmp", "", &path));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    ok(put_one(cx, w, 1, NULL));
    assert_false(there(path));
    assert_int_equal(stat(log_file(cx, c.dir, 0, ".log"), &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    wal_close(w);
}
/* ---- a batch whose models are repeats ---- */

static Status put_batch(Cx *cx, Wal *w, const Batch *b, bool *same)
{
    Wait wait = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, ST_OK, false };
    TRY(wal_append_batch(cx, w, b, same, wake, &wait));
    pthread_mutex_lock(&wait.lock);
    while (!wait.done) pthread_cond_wait(&wait.cond, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    return wait.st;
}
static Status see_whole(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    (void)cx; (void)pos;
    uint64_t id = e->event.message.b;
    Seen *s = arg;
    s->ids[s->n++] = id;
    assert_int_equal(e->event.n_props, 2);
    assert_true(str_is(e->event.props[0].name, "shape") && e->event.props[0].i == (int64_t)id / 100);
    assert_true(str_is(e->event.props[1].name, "id") && e->event.props[1].i == (int64_t)id);
    return ST_OK;
}
/* Ids from 1 on in batches of 3 shapes; which of them come twice, is the bits of again. */
static void tell(Cx *cx, Batch *b, uint64_t n, uint32_t again, bool first)
{
    uint32_t model[4] = { 0 };
    bool known[4] = { 0 };
    ok(batch_start(cx, n, 0, b));
    for (uint64_t i = 0; i < n; i++) {
        if (first && !(again >> i & 1)) continue;
        uint64_t shape = i % 3, id = shape * 100 + i + 1;
        Prop props[2] = { { .name = S("shape"), .kind = PROP_INT, .i = (int64_t)(id / 100) },
            { .name = S("id"), .kind = PROP_INT, .i = (int64_t)id } };
        Entry e = event(id, "x");
        e.event.received = 1700000000000;
        e.event.props = known[shape] ? props + 1 : arena_get(cx->arena, sizeof props);
        e.event.n_props = known[shape] ? 1 : 2;
        if (!known[shape]) memcpy((Prop *)(uintptr_t)e.event.props, props, sizeof props);
        if (known[shape]) ok(batch_like(cx, b, model[shape], &e.event, (uint8_t[]){ 1 }));
        else ok(batch_add(cx, b, &e, &model[shape]));
        known[shape] = true;
    }
}
TEST(of_a_batch_the_repeats_are_dropped_and_the_others_stay_what_they_are)
{
    enum { N = 7 };
    const char *root = test_dir();
    for (uint32_t again = 0; again < 1U << N; again++) {
        Cx own = test_cx();
        Sink sink;
        char dir[512];
        snprintf(dir, sizeof dir, "%s/%u", root, again);
        WalConfig c = config(dir, &sink);
        Wal *w;
        Batch b;
        bool same[N];
        int64_t next;
        Seen *s = ARENA_NEW(own.arena, Seen);
        assert_non_null(s);
        ok(wal_open(&own, &c, &w));
        tell(&own, &b, N, again, true);
        ok(put_batch(&own, w, &b, NULL));
        tell(&own, &b, N, again, false);
        ok(put_batch(&own, w, &b, same));
        for (unsigned i = 0; i < N; i++) assert_int_equal(same[i], again >> i & 1);
        wal_close(w);
        c = config(dir, &sink);
        ok(wal_open(&own, &c, &w));
        ok(wal_read(&own, w, 0, see_whole, s, &next));
        assert_int_equal(s->n, N);
        assert_int_equal(next, wal_end(w));
        EventsStats stats = { 0 };
        wal_stats(w, &stats);
        assert_int_equal(stats.window_ids, N);
        wal_close(w);
        arena_free(own.arena);
    }
}
