#include "base/limits.h"
#include "store/events/state_rig_test.h"
#include <pthread.h>
#include <string.h>

static Entry at_time(uint64_t who, const char *name, const char *time)
{
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .actor = rig_key(who),
        .name = str_z(name) } };
    assert_true(clock_parse(str_z(time), &e.event.time));
    e.event.received = e.event.time + 1000;
    return e;
}
static void values_are(const Answer *a, size_t n, const int64_t *want, size_t n_want)
{
    (void)n;
    for (size_t i = 0; i < n_want; i++)
        if (a->values[i] != want[i])
            print_error("value %zu: %lld, want %lld\n", i, (long long)a->values[i], (long long)want[i]);
    for (size_t i = 0; i < n_want; i++) assert_int_equal(a->values[i], want[i]);
}
#define VALUES(a, ...) values_are(a, (a)->n, LIST(int64_t, __VA_ARGS__))

/* The small worked example: u1 {1,2,4}, u2 {1,3}, u3 {1}, u4 {2,3,5}, u5 {3} of March 2024, hand-checked. */
static void worked_example(Cx *cx, Rig *r)
{
    static const struct { uint64_t who; const char *days; } people[] = { { 1, "124" }, { 2, "13" }, { 3, "1" },
        { 4, "235" }, { 5, "3" } };
    for (size_t i = 0; i < COUNT(people); i++)
        for (const char *d = people[i].days; *d; d++) {
            char time[] = "2024-03-00T12:00:00Z";
            time[9] = *d;
            Entry e = at_time(people[i].who, "open", time);
            rig_append(cx, r, &e, 1);
        }
}
static const char RECURRING[] = "{\"kind\":\"retention\",\"period\":\"day\",\"first_interval\":\"2024-03-01\","
    "\"intervals\":5,\"mode\":\"recurring\","
    "\"start_event\":{\"name\":\"open\"},\"return_event\":{\"name\":\"open\"}}";
static const char FIRST_TIME[] = "{\"kind\":\"retention\",\"period\":\"day\",\"first_interval\":\"2024-03-01\","
    "\"intervals\":5,\"mode\":\"first_time\","
    "\"start_event\":{\"name\":\"open\"},\"return_event\":{\"name\":\"open\"}}";
static const char TREND[] = "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{\"name\":\"open\"},"
    "\"from\":\"2024-03-01\",\"to\":\"2024-03-06\"}";
static void worked_answers(Cx *cx, Rig *r)
{
    Answer a;
    ok(ask_state(cx, r->s, str_z(RECURRING), &a));
    VALUES(&a, 3, 1, 1, 1, 0, 2, 1, 1, 1, 3, 0, 1, 1, 0, 1);
    assert_int_equal(a.people, 5);
    assert_int_equal(a.events_read, 10);
    ok(ask_state(cx, r->s, str_z(FIRST_TIME), &a));
    VALUES(&a, 3, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0);
    ok(ask_state(cx, r->s, str_z(TREND), &a));
    VALUES(&a, 3, 2, 3, 1, 1);
}
TEST(the_worked_example_is_right_in_tail_and_segments)
{
    Rig r;
    rig_open(cx, &r, test_dir());
    worked_example(cx, &r);
    worked_answers(cx, &r);
    ok(rig_flush(cx, &r));
    worked_answers(cx, &r);
    rig_reopen(cx, &r);
    worked_answers(cx, &r);
    rig_done(&r);
}

/* ---- what is asked wrongly, and what is answered ---- */

typedef struct Wrong { const char *json, *field; Msg msg; } Wrong;
static const Wrong WRONG[] = {
    { "{}", "kind", MSG_required },
    { "[]", "", MSG_wrong_type },
    { "{\"kind\":\"funnel\",\"period\":\"day\"}", "kind", MSG_not_one_of },
    { "{\"kind\":\"trend\",\"period\":\"day\"}", "event", MSG_required },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{}}", "from", MSG_required },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{},\"from\":\"soon\","
        "\"to\":\"2024-01-01\"}", "from", MSG_bad_time },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{},\"from\":\"2024-01-01\","
        "\"to\":\"2024-01-01\"}", "to", MSG_empty_range },
    { "{\"kind\":\"trend\",\"period\":\"hour\",\"event\":{},\"from\":\"2024-01-01\","
        "\"to\":\"2025-01-01\"}", "period", MSG_too_many },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{},\"from\":\"2024-01-01\",\"to\":\"2024-01-02\","
        "\"timezone\":\"../x\"}",
      "timezone", MSG_unknown_zone },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{\"props\":[]},\"from\":\"2024-01-01\",\"to\":\"2024-01-02\"}",
      "event.props", MSG_wrong_type },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{\"props\":{\"城市\":{}}},\"from\":\"2024-01-01\","
        "\"to\":\"2024-01-02\"}",
      "event.props.城市", MSG_wrong_type },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{},\"from\":\"2024-01-01\",\"to\":\"2024-01-02\","
      "\"filter\":[{\"prop\":\"a\",\"op\":\"lt\",\"value\":true}]}", "filter[0].value", MSG_wrong_type },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{},\"from\":\"2024-01-01\",\"to\":\"2024-01-02\","
      "\"filter\":[{\"prop\":\"a\",\"op\":\"contains\",\"value\":1}]}", "filter[0].value", MSG_wrong_type },
    { "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{},\"from\":\"2024-01-01\",\"to\":\"2024-01-02\",\"x\":1}", "x",
      MSG_unknown_field },
    { "{\"kind\":\"retention\",\"period\":\"day\",\"start_event\":{},\"return_event\":{},"
        "\"first_interval\":\"2024-01-01\"}",
      "intervals", MSG_required },
    { "{\"kind\":\"retention\",\"period\":\"day\",\"start_event\":{},\"return_event\":{},"
        "\"first_interval\":\"2024-01-01\","
      "\"intervals\":181}", "intervals", MSG_out_of_range },
    { "{\"kind\":\"retention\",\"period\":\"day\",\"start_event\":{},\"first_interval\":\"2024-01-01\","
        "\"intervals\":1}",
      "return_event", MSG_required },
};
TEST(a_wrong_question_names_its_field)
{
    Rig r;
    Answer a;
    rig_open(cx, &r, test_dir());
    for (size_t i = 0; i < COUNT(WRONG); i++) {
        assert_int_equal(ask_state(cx, r.s, str_z(WRONG[i].json), &a), ST_INVALID);
        if (strcmp(cx->why.field, WRONG[i].field) != 0 || cx->why.msg != WRONG[i].msg)
            print_error("%s\n", WRONG[i].json);
        assert_string_equal(cx->why.field, WRONG[i].field);
        assert_int_equal(cx->why.msg, WRONG[i].msg);
    }
    rig_done(&r);
}
TEST(an_empty_store_answers_with_zeros)
{
    Rig r;
    Answer a;
    rig_open(cx, &r, test_dir());
    ok(ask_state(cx, r.s, str_z(RECURRING), &a));
    VALUES(&a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(a.until, 0);
    assert_int_equal(rig_flush(cx, &r), ST_NOT_FOUND);
    assert_int_equal(rig_merge(cx, &r), ST_NOT_FOUND);
    rig_done(&r);
}
TEST(joins_and_flags_without_events_survive_a_flush)
{
    Rig r;
    Answer a;
    rig_open(cx, &r, test_dir());
    Entry join = { .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(1), .user = rig_key(2) } };
    Entry bot = { .kind = ENTRY_FLAG, .flag = { .actor = rig_key(5), .set = PERSON_BOT } };
    rig_append(cx, &r, &join, 1);
    rig_append(cx, &r, &bot, 1);
    ok(rig_flush(cx, &r));
    assert_int_equal(r.m.n, 0);
    rig_reopen(cx, &r);
    worked_example(cx, &r);
    ok(ask_state(cx, r.s, str_z(TREND), &a));
    assert_int_equal(a.people, 3);                         /* 1 and 2 are one, 5 is a bot */
    assert_int_equal(a.left_out, 1);
    rig_done(&r);
}

/* ---- many threads ---- */

enum { BUSY_APPENDS = 400, BUSY_BATCH = 20 };
typedef struct Busy { Events *e; _Atomic int64_t sent; _Atomic bool stop, bad; } Busy;
static void *busy_append(void *arg)
{
    Busy *b = arg;
    Cx cx = test_cx();
    for (int i = 0; i < BUSY_APPENDS && !b->bad; i++) {
        Entry e[BUSY_BATCH + 1];
        for (int k = 0; k < BUSY_BATCH; k++) {
            e[k] = at_time((uint64_t)(i * 31 + k * 7) % 97, "open", "2024-03-01T12:00:00Z");
            e[k].event.time += (int64_t)((i * BUSY_BATCH + k) % 40) * 86400000;
        }
        e[BUSY_BATCH] = (Entry){ .kind = ENTRY_JOIN, .join = { .id = i + 1, .anon = rig_key((uint64_t)i % 50),
            .user = rig_key(60 + (uint64_t)i % 30), .trust = TRUST_PUBLIC } };
        if (events_append_wait(&cx, b->e, e, COUNT(e), NULL) != ST_OK) b->bad = true;
        b->sent += BUSY_BATCH;
        arena_reset(cx.arena);
    }
    b->stop = true;
    arena_free(cx.arena);
    return NULL;
}
static void *busy_change(void *arg)
{
    Busy *b = arg;
    Cx cx = test_cx();
    while (!b->stop && !b->bad) {
        Status st = events_flush(&cx, b->e);
        if (st == ST_OK) st = events_merge(&cx, b->e);
        if (st != ST_OK && st != ST_NOT_FOUND) b->bad = true;
        arena_reset(cx.arena);
    }
    arena_free(cx.arena);
    return NULL;
}
static void *busy_ask(void *arg)
{
    Busy *b = arg;
    Cx cx = test_cx();
    while (!b->stop && !b->bad) {
        Answer a;
        const Event *line;
        size_t n;
        int64_t before = b->sent;
        Status st = ask_run(&cx, b->e, S("{\"kind\":\"trend\",\"period\":\"day\",\"event\":{},"
            "\"from\":\"2024-03-01\",\"to\":\"2024-05-01\"}"), &a);
        int64_t after = b->sent + BUSY_BATCH;
        if (st != ST_OK || a.events_read < before || a.events_read > after || a.n_missing) b->bad = true;
        Hash128 root = events_root(b->e, rig_key(3));
        if (events_timeline(&cx, b->e, root, INT64_MAX, 10, &line, &n) != ST_OK) b->bad = true;
        arena_reset(cx.arena);
    }
    arena_free(cx.arena);
    return NULL;
}
TEST(questions_flushes_merges_and_appends_run_side_by_side)
{
    Busy b = { .sent = 0 };
    EventsConfig c = { .fs = fs_posix(), .dir = test_dir(), .quiet = true };
    pthread_t threads[4];
    ok(events_open(cx, &c, &b.e));
    void *(*const runs[])(void *) = { busy_append, busy_change, busy_ask, busy_ask };
    for (size_t i = 0; i < COUNT(runs); i++) assert_int_equal(pthread_create(&threads[i], NULL, runs[i], &b), 0);
    for (size_t i = 0; i < COUNT(runs); i++) pthread_join(threads[i], NULL);
    assert_false(b.bad);
    events_close(b.e);
}
