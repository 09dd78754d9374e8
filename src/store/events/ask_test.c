#include "base/limits.h"
#include "store/events/state_rig.h"
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
