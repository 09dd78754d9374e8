#include "tests/test.h"
#include "base/fs.h"
#include "store/events/ask_rig_test.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const Prop plan[] = { { .name = S_INIT("计划"), .kind = PROP_STR, .s = S_INIT("专业版 ✨") } };
static Entry event(uint64_t id)
{
    return (Entry){ .kind = ENTRY_EVENT, .event = { .source = 1, .actor = { 9, id % 50 + 1 }, .message = { 4, id },
        .name = S("登录"),
        .time = 1700000000000 + (int64_t)id, .received = 1700000000000 + (int64_t)id, .props = plan, .n_props = 1 } };
}
static EventsConfig config(const char *dir)
{
    return (EventsConfig){ .fs = fs_posix(), .dir = dir, .quiet = true, .log_file_bytes = 8192 };
}
static Status count_row(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    (void)cx;
    (void)root;
    assert_true(str_eq(e->name, S("登录")) && e->n_props == 1 && str_eq(e->props[0].s, S("专业版 ✨")));
    ++*(size_t *)arg;
    return ST_OK;
}
static size_t rows(Cx *cx, Events *e)
{
    size_t n = 0;
    ok(events_scan(cx, e, INT64_MIN, INT64_MAX, count_row, &n));
    return n;
}
static Status put(Cx *cx, Events *e, uint64_t first, uint64_t n)
{
    Entry batch[100];
    for (uint64_t i = 0; i < n; i++) batch[i] = event(first + i);
    return events_append_wait(cx, e, batch, n, NULL);
}

TEST(events_are_there_after_append_flush_merge_and_restart_in_any_order)
{
    EventsConfig c = config(test_dir());
    Events *e;
    uint64_t n = 0;
    ok(events_open(cx, &c, &e));
    assert_int_equal(rows(cx, e), 0);
    ok(events_flush(cx, e));                      /* nothing to do */
    assert_int_equal(events_merge(cx, e), ST_NOT_FOUND);
    for (int round = 0; round < 12; round++) {
        arena_reset(cx->arena);
        ok(put(cx, e, n + 1, 100));
        n += 100;
        assert_int_equal(rows(cx, e), n);
        if (round % 2) ok(events_flush(cx, e));
        ok(put(cx, e, 1, 50));                    /* repeats */
        assert_int_equal(rows(cx, e), n);
        if (round % 3 == 0) {
            events_close(e);
            ok(events_open(cx, &c, &e));
        }
        Status st;
        while ((st = events_merge(cx, e)) == ST_OK) { }
        assert_int_equal(st, ST_NOT_FOUND);
        assert_int_equal(rows(cx, e), n);
    }
    EventsStats s;
    ok(events_stats(cx, e, &s));
    assert_int_equal(s.events, n);
    assert_int_equal(s.window_ids, n);
    assert_int_equal(s.quarantined, 0);
    assert_true(s.segments > 0 && s.log_bytes > 0);
    events_close(e);
}
/* Each failure in turn; afterwards everything acknowledged is there once, and what was not can be sent again. */
static void fail_each(Cx *cx, FaultKind kind, long step)
{
    long n = 0;
    for (bool fired = true; fired; n += step) {
        EventsConfig c = config(test_dir());
        Events *e = NULL;
        arena_reset(cx->arena);
        fault_arm(kind, n);
        Status st = events_open(cx, &c, &e);
        for (uint64_t i = 0; st == ST_OK && i < 6; i++) {
            (void)!put(cx, e, i * 10 + 1, 10);
            if (i % 2) (void)!events_flush(cx, e);
            if (i % 2) (void)!events_merge(cx, e);
        }
        fired = fault_fired(kind);
        fault_arm(kind, -1);
        if (st != ST_OK) ok(events_open(cx, &c, &e));
        ok(put(cx, e, 1, 60));
        assert_int_equal(rows(cx, e), 60);
        ok(events_flush(cx, e));
        assert_int_equal(rows(cx, e), 60);
        events_close(e);
        ok(events_open(cx, &c, &e));
        assert_int_equal(rows(cx, e), 60);
        events_close(e);
    }
    assert_true(n > 5 * step);
}
TEST(a_failed_write_anywhere_in_the_store_loses_and_doubles_nothing) { fail_each(cx, FAULT_WRITE, 1); }
TEST(a_failed_sync_anywhere_in_the_store_loses_and_doubles_nothing) { fail_each(cx, FAULT_SYNC, 1); }
TEST(a_failed_rename_anywhere_in_the_store_loses_and_doubles_nothing) { fail_each(cx, FAULT_RENAME, 1); }
TEST(a_failed_allocation_anywhere_in_the_store_loses_and_doubles_nothing) { fail_each(cx, FAULT_ALLOC, 3); }

/* ---- with its threads ---- */

typedef struct Feeder { Events *e; uint64_t first; _Atomic int busy; } Feeder;
static void *feed(void *arg)
{
    Feeder *f = arg;
    Cx cx = test_cx();
    for (uint64_t i = 0; i < 100; i++) {
        Status st;
        while ((st = put(&cx, f->e, f->first + i * 20, 20)) == ST_BUSY) f->busy++;
        assert_int_equal(st, ST_OK);
        arena_reset(cx.arena);
    }
    arena_free(cx.arena);
    return NULL;
}
TEST(a_small_tail_is_flushed_and_merged_behind_two_callers_and_a_reader)
{
    EventsConfig c = config(test_dir());
    pthread_t t[2];
    c.quiet = false;
    c.tail_bytes = 20000;
    Feeder f[2] = { { .first = 1 }, { .first = 2001 } };
    Events *e;
    ok(events_open(cx, &c, &e));
    for (int i = 0; i < 2; i++) {
        f[i].e = e;
        assert_int_equal(pthread_create(t + i, NULL, feed, f + i), 0);
    }
    for (size_t n = 0, was = 0; n < 4000; was = n) {
        arena_reset(cx->arena);
        n = rows(cx, e);
        assert_true(n >= was && n <= 4000);
        (void)!events_wait(e, events_end(e), 5);
    }
    for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
    EventsStats s;
    ok(events_stats(cx, e, &s));
    assert_int_equal(s.events, 4000);
    assert_true(s.segments > 0);
    events_close(e);
    ok(events_open(cx, &c, &e));
    assert_int_equal(rows(cx, e), 4000);
    events_close(e);
}
TEST(an_answer_names_the_damaged_file_of_the_log_it_lacks_events_of)
{
    static const char question[] = "{\"kind\":\"trend\",\"period\":\"month\",\"from\":\"2023-11-01\","
                                   "\"to\":\"2023-12-01\",\"event\":{}}";
    EventsConfig c = config(test_dir());
    char path[200], byte = 0x5a;
    Answer a;
    Events *e;
    ok(events_open(cx, &c, &e));
    for (uint64_t i = 0; i < 5; i++) ok(put(cx, e, 1 + i, 1));
    ok(ask_run(cx, e, str_z(question), &a));
    assert_int_equal(a.n_missing, 0);
    assert_int_equal(a.values[0], 5);
    events_close(e);
    snprintf(path, sizeof path, "%s/log/wal-%016x.log", c.dir, 0);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 150, SEEK_SET), 0);
    assert_int_equal(fwrite(&byte, 1, 1, f), 1);
    fclose(f);
    ok(events_open(cx, &c, &e));
    ok(ask_run(cx, e, str_z(question), &a));
    assert_true(a.values[0] < 5);
    assert_int_equal(a.n_missing, 1);
    assert_str(a.missing[0], "log/wal-0000000000000000.log");
    events_close(e);
}
