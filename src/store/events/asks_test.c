#include "store/events/asks.h"
#include "base/clock.h"
#include "tests/test.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Slow { _Atomic int runs; _Atomic bool go, gone; Status st; int64_t until; } Slow;
static Status slow(Cx *cx, void *arg, ScanRun *run, AsksAnswer *ret)
{
    Slow *s = arg;
    s->runs++;
    run->of = 100;
    while (!s->go && !run->stop) {
        run->done = 50;
        usleep(1000);
    }
    if (run->stop) return refuse(cx, ST_LIMITED, S(""), MSG_question_stopped, NO_PARAMS);
    if (s->st != ST_OK) return refuse(cx, s->st, S("from"), MSG_too_long, PARAMS({ "max", 7, S("x") }));
    *ret = (AsksAnswer){ .text = S("42"), .until = s->until };
    return ST_OK;
}
static bool is_gone(const void *arg) { return ((const Slow *)arg)->gone; }
typedef struct Asking { Asks *a; Slow *s; Slow *me; const char *name; Status st; bool kept; Str text; Cx cx;
    pthread_t t; } Asking;
static void *asking(void *arg)
{
    Asking *k = arg;
    AsksAnswer got = { 0 };
    AsksQuestion q = { .key = S("how many"), .version = 1, .work = slow, .arg = k->s };
    AsksCaller caller = { .name = str_z(k->name), .gone = is_gone, .arg = k->me };
    k->st = asks_run(&k->cx, k->a, &q, &caller, &got, &k->kept);
    k->text = got.text;
    return NULL;
}
static void start(Asking *k, Asks *a, Slow *s, Slow *me, const char *name)
{
    *k = (Asking){ .a = a, .s = s, .me = me, .name = name, .cx = test_cx() };
    assert_int_equal(pthread_create(&k->t, NULL, asking, k), 0);
}
static void end(Asking *k)
{
    pthread_join(k->t, NULL);
}
static void wait_callers(Cx *cx, Asks *a, int callers)
{
    const AsksState *s;
    size_t n;
    for (int64_t until = clock_mono() + 10000; clock_mono() < until; usleep(1000)) {
        ok(asks_list(cx, a, &s, &n));
        if (n == 1 && s[0].callers == callers) return;
        if (n == 0 && callers == 0) return;
    }
    assert_true(false);
}
TEST(the_same_question_at_once_is_computed_once_and_kept_until_the_data_changes)
{
    Asks *a;
    Slow s = { 0 }, me[3] = { { 0 } };
    Asking k[3];
    ok(asks_new(cx, 1 << 20, &a));
    for (int i = 0; i < 3; i++) start(&k[i], a, &s, &me[i], i ? "" : "mine");
    wait_callers(cx, a, 3);
    const AsksState *list;
    size_t n;
    ok(asks_list(cx, a, &list, &n));
    assert_str(list[0].name, "mine");
    assert_int_equal(list[0].of, 100);
    s.go = true;
    for (int i = 0; i < 3; i++) {
        end(&k[i]);
        assert_int_equal(k[i].st, ST_OK);
        assert_str(k[i].text, "42");
        arena_free(k[i].cx.arena);
    }
    assert_int_equal(s.runs, 1);
    AsksAnswer got;
    bool kept;
    AsksQuestion q = { .key = S("how many"), .version = 1, .work = slow, .arg = &s };
    AsksCaller nobody = { 0 };
    ok(asks_run(cx, a, &q, &nobody, &got, &kept));
    assert_true(kept);
    assert_int_equal(s.runs, 1);
    q.version = 2;
    s.until = cx->now + 10;
    ok(asks_run(cx, a, &q, &nobody, &got, &kept));
    assert_false(kept);
    ok(asks_run(cx, a, &q, &nobody, &got, &kept));
    assert_true(kept);
    cx->now += 10;                                         /* its time is over */
    ok(asks_run(cx, a, &q, &nobody, &got, &kept));
    assert_false(kept);
    q.fresh = true;
    ok(asks_run(cx, a, &q, &nobody, &got, &kept));
    assert_false(kept);
    assert_int_equal(s.runs, 4);
    asks_free(a);
}
TEST(work_stops_when_nobody_waits_any_more_and_not_before)
{
    Asks *a;
    Slow s = { 0 }, me[2] = { { 0 } };
    Asking k[2];
    ok(asks_new(cx, 1 << 20, &a));
    for (int i = 0; i < 2; i++) {
        start(&k[i], a, &s, &me[i], "");
        wait_callers(cx, a, i + 1);
    }
    me[1].gone = true;                                     /* the one that waits for the other's work */
    end(&k[1]);
    assert_int_equal(k[1].st, ST_LIMITED);
    assert_int_equal(k[1].cx.why.msg, MSG_question_stopped);
    wait_callers(cx, a, 1);
    me[0].gone = true;
    end(&k[0]);
    assert_int_equal(k[0].st, ST_LIMITED);
    wait_callers(cx, a, 0);
    assert_int_equal(s.runs, 1);
    for (int i = 0; i < 2; i++) arena_free(k[i].cx.arena);
    start(&k[0], a, &s, &s, "named");
    wait_callers(cx, a, 1);
    assert_false(asks_stop(a, S("another")));
    assert_true(asks_stop(a, S("named")));
    end(&k[0]);
    assert_int_equal(k[0].st, ST_LIMITED);
    arena_free(k[0].cx.arena);
    asks_free(a);
}
TEST(a_failure_reaches_all_who_wait_and_is_not_kept)
{
    Asks *a;
    Slow s = { .st = ST_INVALID }, me[2] = { { 0 } };
    Asking k[2];
    ok(asks_new(cx, 1 << 20, &a));
    for (int i = 0; i < 2; i++) {
        start(&k[i], a, &s, &me[i], "");
        wait_callers(cx, a, i + 1);
    }
    s.go = true;
    for (int i = 0; i < 2; i++) {
        end(&k[i]);
        assert_int_equal(k[i].st, ST_INVALID);
        assert_string_equal(k[i].cx.why.field, "from");
        assert_int_equal(k[i].cx.why.params[0].value, 7);
        assert_str(k[i].cx.why.params[0].text, "x");
        arena_free(k[i].cx.arena);
    }
    s.st = ST_OK;
    AsksAnswer got;
    bool kept;
    ok(asks_run(cx, a, &(AsksQuestion){ .key = S("how many"), .version = 1, .work = slow, .arg = &s },
        &(AsksCaller){ 0 },
        &got, &kept));
    assert_int_equal(s.runs, 2);
    asks_free(a);
}
static Status big(Cx *cx, void *arg, ScanRun *run, AsksAnswer *ret)
{
    char *p = arena_get(cx->arena, 1000);
    (void)arg, (void)run;
    if (!p) return fail(cx, ST_NO_MEM, "big");
    *ret = (AsksAnswer){ .text = { p, 1000 } };
    return ST_OK;
}
TEST(kept_answers_have_a_bound_and_the_oldest_go)
{
    Asks *a;
    AsksAnswer got;
    bool kept;
    ok(asks_new(cx, 10000, &a));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 50; i++) {
            char key[20];
            snprintf(key, sizeof key, "q%d", i);
            ok(asks_run(cx, a, &(AsksQuestion){ .key = str_z(key), .version = 1, .work = big }, &(AsksCaller){ 0 },
                &got,
                &kept));
            assert_false(kept);                            /* fifty of them do not fit */
        }
    ok(asks_run(cx, a, &(AsksQuestion){ .key = S("q49"), .version = 1, .work = big }, &(AsksCaller){ 0 }, &got, &kept));
    assert_true(kept);
    assert_int_equal(got.text.n, 1000);
    asks_free(a);
}
