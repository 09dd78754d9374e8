#include "tests/test.h"
#include "base/fs.h"
#include "base/limits.h"
#include "store/events/bulk_ids.h"
#include <stdio.h>
#include <string.h>

enum { ACTORS = 60, ROWS = 4000 };
static const int64_t MARCH = 1709251200000, DAY = 86400000;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}
static Hash128 actor_of(uint64_t i) { return (Hash128){ 77, mix(i) % ACTORS + 1 }; }
/* Over four months, out of order, with many equal times. */
static int64_t time_of(uint64_t i)
{
    return MARCH + (int64_t)(mix(i * 3 + 1) % 110) * DAY + (int64_t)(mix(i) % 4) * 1000;
}
static EventsConfig config(const char *dir) { return (EventsConfig){ .fs = fs_posix(), .dir = dir, .quiet = true }; }

static Status put_row(Cx *cx, Bulk *b, uint64_t i)
{
    uint32_t actor, name, plan, price, nr;
    char text[40];
    int n = snprintf(text, sizeof text, "方案 %d ✨", (int)(mix(i) % 7));
    TRY(bulk_name(cx, b, i % 3 ? S("看") : S("buy"), &name));
    TRY(bulk_prop(cx, b, S("plan"), &plan));
    TRY(bulk_prop(cx, b, S("price"), &price));
    TRY(bulk_prop(cx, b, S("nr"), &nr));
    TRY(bulk_actor(cx, b, actor_of(i), &actor));
    TRY(bulk_row(cx, b, time_of(i), actor, name));
    double d = (double)i / 4;
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    if (i % 2) TRY(bulk_text(cx, b, plan, (Str){ text, (size_t)n }));
    if (i % 3 == 0) TRY(bulk_value(cx, b, price, PROP_DOUBLE, bits));
    return bulk_value(cx, b, nr, PROP_INT, i);
}
/* Rows [from, to), a batch after so many. The mark's done is the number of rows. */
static Status put_rows(Cx *cx, Bulk *b, uint64_t from, uint64_t to, uint64_t batch, ManifestMark *durable)
{
    for (uint64_t i = from; i < to; i++) {
        TRY(put_row(cx, b, i));
        if ((i + 1) % batch && i + 1 < to) continue;
        ManifestMark m = { .import = 5, .done = (int64_t)i + 1, .kept = (int64_t)i + 1 };
        TRY(bulk_commit(cx, b, &m, durable));
    }
    return bulk_wait(cx, b, durable);
}

typedef struct Seen { bool row[ROWS]; size_t n; uint64_t last_person; int64_t last_time; } Seen;
static Status see(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    Seen *s = arg;
    static const Prop missing;
    const Prop *plan = NULL, *price = NULL, *nr = &missing;
    (void)cx;
    for (size_t i = 0; i < e->n_props; i++) {
        if (str_is(e->props[i].name, "plan")) plan = &e->props[i];
        if (str_is(e->props[i].name, "price")) price = &e->props[i];
        if (str_is(e->props[i].name, "nr")) nr = &e->props[i];
    }
    assert_true(nr->kind == PROP_INT && nr->i >= 0 && nr->i < ROWS);
    uint64_t i = (uint64_t)nr->i;
    assert_false(s->row[i]);
    s->row[i] = true;
    char text[40];
    snprintf(text, sizeof text, "方案 %d ✨", (int)(mix(i) % 7));
    assert_true(i % 2 ? plan && str_is(plan->s, text) : !plan);
    assert_true(i % 3 == 0 ? price && price->kind == PROP_DOUBLE && price->d == (double)i / 4 : !price);
    assert_true(str_is(e->name, i % 3 ? "看" : "buy"));
    assert_int_equal(e->time, time_of(i));
    assert_int_equal(e->actor.b, actor_of(i).b);
    assert_int_equal(e->flags, EVENT_IMPORT);
    if (s->n && s->last_person == root.b) assert_true(e->time >= s->last_time);
    s->last_person = root.b;
    s->last_time = e->time;
    s->n++;
    return ST_OK;
}
static size_t rows_seen(Cx *cx, Events *e)
{
    Seen *s = ARENA_NEW(cx->arena, Seen);
    assert_non_null(s);
    ok(events_scan(cx, e, INT64_MIN, INT64_MAX, see, s));
    return s->n;
}
static Status open_bulk(Cx *cx, Events *e, Bulk **ret, ManifestMark *mark)
{
    BulkConfig c = { .import = 5, .source = 3, .trust = TRUST_SECRET, .flags = EVENT_IMPORT };
    return bulk_open(cx, e, &c, ret, mark);
}
TEST(a_bulk_of_rows_is_there_once_in_order_of_person_and_time_also_after_a_restart_and_a_merge)
{
    EventsConfig c = config(test_dir());
    Events *e;
    Bulk *b;
    ManifestMark mark, durable;
    ok(events_open(cx, &c, &e));
    ok(open_bulk(cx, e, &b, &mark));
    assert_int_equal(mark.done, 0);
    ok(put_rows(cx, b, 0, 1500, 400, &durable));
    assert_int_equal(durable.done, 1500);
    assert_int_equal(rows_seen(cx, e), 1500);
    ok(put_rows(cx, b, 1500, 1600, 1, &durable));          /* a batch a row */
    for (uint64_t i = 1600; i < 1700; i++) ok(put_row(cx, b, i));
    bulk_close(b);                                         /* never handed over: forgotten */
    assert_int_equal(rows_seen(cx, e), 1600);
    events_close(e);
    ok(events_open(cx, &c, &e));
    ok(open_bulk(cx, e, &b, &mark));
    assert_int_equal(mark.done, 1600);
    assert_int_equal(mark.kept, 1600);
    ok(put_rows(cx, b, 1600, ROWS, 700, &durable));
    while (events_merge(cx, e) == ST_OK) arena_reset(cx->arena);
    assert_int_equal(rows_seen(cx, e), ROWS);
    EventsStats s;
    ok(events_stats(cx, e, &s));
    assert_int_equal(s.actors, ACTORS);
    bulk_close(b);
    events_close(e);
}
static Entry live(uint64_t i)
{
    return (Entry){ .kind = ENTRY_EVENT, .event = { .source = 1, .actor = { 78, i }, .message = { 4, i },
        .name = S("看"), .time = MARCH, .received = MARCH } };
}
static Status count(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    (void)cx, (void)root, (void)e;
    ++*(size_t *)arg;
    return ST_OK;
}
/* Actors are numbered for the log and for imports in turn; joins made between and after are followed. */
TEST(bulk_log_flush_and_joins_go_together_in_any_order)
{
    EventsConfig c = config(test_dir());
    Events *e;
    Bulk *b;
    ManifestMark mark;
    size_t want = 0, n = 0;
    uint64_t next = 1, row = 0;
    ok(events_open(cx, &c, &e));
    ok(open_bulk(cx, e, &b, &mark));
    for (int round = 0; round < 40; round++) {
        uint64_t dice = mix((uint64_t)round + 99) % 4;
        for (int k = 0; k < 10; k++, want++) ok(put_row(cx, b, row++ % ROWS));
        for (int k = 0; k < 5; k++, want++) ok(events_append_wait(cx, e, (Entry[]){ live(next++) }, 1, NULL));
        if (dice == 0) ok(events_flush(cx, e));
        if (dice == 1) ok(events_append_wait(cx, e, (Entry[]){ { .kind = ENTRY_JOIN, .join = { .id = 1000 + round,
            .anon = { 78, next - 1 }, .user = actor_of((uint64_t)round), .time = MARCH, .trust = TRUST_SECRET } } },
            1, NULL));
        ok(bulk_commit(cx, b, &(ManifestMark){ .import = 5, .done = round + 1 }, &mark));
        ok(bulk_wait(cx, b, &mark));
        if (dice == 2) {
            bulk_close(b);
            events_close(e);
            ok(events_open(cx, &c, &e));
            ok(open_bulk(cx, e, &b, &mark));
            assert_int_equal(mark.done, round + 1);
        }
        if (dice == 3) while (events_merge(cx, e) == ST_OK) { }
        n = 0;
        ok(events_scan(cx, e, INT64_MIN, INT64_MAX, count, &n));
        assert_int_equal(n, want);
        arena_reset(cx->arena);
    }
    bulk_close(b);
    events_close(e);
}
/* Messages: row i has that of i % of. The mark's kept is the number of rows that were no repeats. */
static Hash128 message_of(uint64_t i) { return (Hash128){ mix(i) * 31, mix(i + 5) }; }
static Status put_messages(Cx *cx, Bulk *b, uint64_t from, uint64_t to, uint64_t of, ManifestMark *mark)
{
    ManifestMark m = *mark;
    TRY(bulk_messages(cx, b));
    for (uint64_t i = from; i < to; i++) {
        m.done = (int64_t)i + 1;
        bulk_message_soon(b, message_of(i % of));
        if (!bulk_message_seen(b, message_of(i % of))) {
            TRY(put_row(cx, b, i));
            TRY(bulk_message_add(cx, b, message_of(i % of)));
            m.kept++;
        }
        if ((i + 1) % 50 == 0 || i + 1 == to) TRY(bulk_commit(cx, b, &m, mark));
    }
    return bulk_wait(cx, b, mark);
}
typedef struct IdsFiles { size_t n; char last[40]; } IdsFiles;
static Status count_ids(Cx *cx, void *arg, Str name)
{
    IdsFiles *f = arg;
    (void)cx;
    if (!str_starts(name, S("ids-"))) return ST_OK;
    f->n++;
    snprintf(f->last, sizeof f->last, "%.*s", (int)name.n, name.p);
    return ST_OK;
}
static IdsFiles ids_files(Cx *cx, const char *dir)
{
    IdsFiles f = { 0 };
    Fs fs = fs_posix();
    ok(fs.ops->list(cx, fs.self, dir, count_ids, &f));
    return f;
}
TEST(a_bulk_knows_messages_of_its_source_across_batches_imports_and_restarts)
{
    EventsConfig c = config(test_dir());
    Events *e;
    Bulk *b;
    ManifestMark mark;
    ok(events_open(cx, &c, &e));
    ok(open_bulk(cx, e, &b, &mark));
    ok(put_messages(cx, b, 0, 1500, 1000, &mark));
    assert_int_equal(mark.kept, 1000);
    bulk_close(b);
    events_close(e);
    assert_in_range(ids_files(cx, c.dir).n, 1, 6);         /* not one for each of 20 batches */
    ok(events_open(cx, &c, &e));
    for (uint16_t source = 3; source < 5; source++) {      /* another import of the source; one of another source */
        BulkConfig other = { .import = 6 + source, .source = source, .trust = TRUST_SECRET, .flags = EVENT_IMPORT };
        ok(bulk_open(cx, e, &other, &b, &mark));
        ok(bulk_messages(cx, b));
        for (uint64_t i = 0; i < 1000; i++) assert_int_equal(bulk_message_seen(b, message_of(i)), source == 3);
        assert_false(bulk_message_seen(b, message_of(1000)));
        bulk_close(b);
    }
    while (events_merge(cx, e) == ST_OK) { }
    assert_int_equal(rows_seen(cx, e), 1000);
    events_close(e);
}
TEST(a_damaged_file_of_messages_is_named_and_everything_else_still_works)
{
    EventsConfig c = config(test_dir());
    Events *e;
    Bulk *b;
    ManifestMark mark;
    char path[400];
    ok(events_open(cx, &c, &e));
    ok(open_bulk(cx, e, &b, &mark));
    ok(put_messages(cx, b, 0, 50, 50, &mark));
    bulk_close(b);
    events_close(e);
    IdsFiles f = ids_files(cx, c.dir);
    assert_int_equal(f.n, 1);
    snprintf(path, sizeof path, "%s/%s", c.dir, f.last);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 100, SEEK_SET), 0);
    assert_int_not_equal(fputc('!', file), EOF);
    assert_int_equal(fclose(file), 0);
    ok(events_open(cx, &c, &e));
    ok(open_bulk(cx, e, &b, &mark));
    assert_int_equal(bulk_messages(cx, b), ST_IO);
    assert_non_null(strstr(cx->why.log, f.last));
    ok(put_rows(cx, b, 50, 60, 10, &mark));
    assert_int_equal(rows_seen(cx, e), 60);
    bulk_close(b);
    events_close(e);
}
TEST(a_file_of_messages_goes_when_newer_ones_hold_the_window_and_it_is_old)
{
    EventsConfig c = config(test_dir());
    enum { HOUR = 3600000 };
    int64_t now = MARCH, old = now - (DEDUPE_HOURS + 1) * (int64_t)HOUR;
    Events *e;
    ok(events_open(cx, &c, &e));
    for (int young = 0; young < 2; young++) {
        BulkBatch batch = { .received = now };
        ManifestIds ids[8] = { { 90, 3, 1, young ? now - HOUR : old }, { 91, 4, 1, old }, { 92, 3, DEDUPE_IDS - 1,
            old } };
        Manifest m = { .ids = ids, .n_ids = 3, .next_id = 100 };
        ok(bulk_batch_key(cx, &batch, message_of(1)));
        ok(bulk_ids_store(cx, events_state(e), 3, &batch, &m));
        assert_int_equal(m.n_ids, 3 + young);
        assert_int_equal(m.ids[0].id, young ? 90 : 91);
        assert_int_equal(m.ids[m.n_ids - 2].id, 92);
        assert_int_equal(m.ids[m.n_ids - 1].n, 1);
        bulk_batch_done(&batch);
    }
    events_close(e);
}
#ifdef LIUKE_FAULT
/* What failed is told, what is durable stays, and the import goes on from its mark. */
static void fail_each(Cx *cx, FaultKind kind, long step)
{
    bool fired = true;
    for (long n = 0; fired; n += step) {
        EventsConfig c = config(test_dir());
        Events *e;
        Bulk *b = NULL;
        ManifestMark mark = { 0 }, durable = { 0 };
        test_remove(c.dir);
        ok(events_open(cx, &c, &e));
        fault_arm(kind, n);
        Status st = open_bulk(cx, e, &b, &mark);
        if (st == ST_OK) st = put_rows(cx, b, 0, 300, 100, &durable);
        fired = fault_fired(kind);
        fault_arm(kind, -1);
        bulk_close(b);
        events_close(e);
        ok(events_open(cx, &c, &e));
        ok(open_bulk(cx, e, &b, &mark));
        assert_true(mark.done >= durable.done);
        if (!fired) assert_int_equal(st, ST_OK);
        assert_int_equal(rows_seen(cx, e), mark.done);
        ok(put_rows(cx, b, (uint64_t)mark.done, 300, 100, &durable));
        assert_int_equal(rows_seen(cx, e), 300);
        bulk_close(b);
        events_close(e);
        arena_reset(cx->arena);
    }
}
/* A message counts if its row does: 150 of them, each twice, a batch apart. */
static void fail_messages(Cx *cx, FaultKind kind, long step)
{
    bool fired = true;
    for (long n = 0; fired; n += step) {
        EventsConfig c = config(test_dir());
        Events *e;
        Bulk *b = NULL;
        ManifestMark mark = { 0 };
        test_remove(c.dir);
        ok(events_open(cx, &c, &e));
        fault_arm(kind, n);
        Status st = open_bulk(cx, e, &b, &mark);
        if (st == ST_OK) st = put_messages(cx, b, 0, 300, 150, &mark);
        fired = fault_fired(kind);
        fault_arm(kind, -1);
        if (!fired) assert_int_equal(st, ST_OK);
        bulk_close(b);
        events_close(e);
        ok(events_open(cx, &c, &e));
        ok(open_bulk(cx, e, &b, &mark));
        assert_int_equal(rows_seen(cx, e), mark.kept);
        ok(put_messages(cx, b, (uint64_t)mark.done, 300, 150, &mark));
        assert_int_equal(rows_seen(cx, e), 150);
        bulk_close(b);
        events_close(e);
        arena_reset(cx->arena);
    }
}
TEST(any_failing_write_of_a_bulk_with_messages_keeps_each_once) { fail_messages(cx, FAULT_WRITE, 1); }
TEST(any_failing_sync_of_a_bulk_with_messages_keeps_each_once) { fail_messages(cx, FAULT_SYNC, 1); }
TEST(any_failing_rename_of_a_bulk_with_messages_keeps_each_once) { fail_messages(cx, FAULT_RENAME, 1); }
TEST(any_failing_allocation_of_a_bulk_with_messages_keeps_each_once) { fail_messages(cx, FAULT_ALLOC, 13); }
TEST(any_failing_write_of_a_bulk_loses_whole_batches_or_nothing) { fail_each(cx, FAULT_WRITE, 1); }
TEST(any_failing_sync_of_a_bulk_loses_whole_batches_or_nothing) { fail_each(cx, FAULT_SYNC, 1); }
TEST(any_failing_rename_of_a_bulk_loses_whole_batches_or_nothing) { fail_each(cx, FAULT_RENAME, 1); }
TEST(any_failing_allocation_of_a_bulk_loses_whole_batches_or_nothing) { fail_each(cx, FAULT_ALLOC, 7); }
#endif
