/* Two browsers at once. */
#include "tests/api/api_world.h"
#include "domain/message/message.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static int64_t count(World *w, Sql sql)
{
    int64_t n = -1;
    Cx *cx = w->cx;
    ok(db_i64(cx, sql, NO_BINDS, &n));
    records_done(cx);
    return n;
}
typedef struct Browser { World w; char body[100]; pthread_barrier_t *start; } Browser;
static void ask_code(World *w, const char *email, char body[100])
{
    char form[100];
    Cx *cx = w->cx;
    snprintf(form, sizeof form, "email=%s", email);
    call(w, .method = "POST", .path = "/join", .body = form, .type = "application/x-www-form-urlencoded");
    Str b = world_body(w);
    const char *at = memmem(b.p, b.n, "value=\"cod_", 11);
    assert_non_null(at);
    char id[20];
    snprintf(id, sizeof id, "%.17s", at + 7);
    ok(message_keep_as_test(cx, 100));
    call(w, .method = "GET", .path = "/api/1/mails", .staff = true);
    Str text = json_str_of(json_get(json_first(world_node(w, "items")), S("text")));
    for (size_t i = 0, run = 0; i < text.n; i++) {
        run = text.p[i] >= '0' && text.p[i] <= '9' ? run + 1 : 0;
        if (run == 6) snprintf(body, 100, "id=%s&code=%.6s&policy=1", id, text.p + i - 5);
        if (run == 6) return;
    }
    assert_true(false);
}
static void *finish(void *arg)
{
    Browser *b = arg;
    pthread_barrier_wait(b->start);
    call(&b->w, .method = "POST", .path = "/join/code", .body = b->body, .type = "application/x-www-form-urlencoded");
    return NULL;
}
/* Both codes, or one twice, at the same moment. */
static void together(World *w, Browser two[2])
{
    pthread_t threads[2];
    Cx cx[2];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    for (int i = 0; i < 2; i++) {
        cx[i] = *w->cx;
        cx[i].arena = arena_new(16 << 20);
        two[i].w = *w;
        two[i].w.cx = &cx[i];
        two[i].start = &start;
        assert_int_equal(pthread_create(&threads[i], NULL, finish, &two[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        records_done(&cx[i]);
        arena_free(cx[i].arena);
    }
    pthread_barrier_destroy(&start);
}
API(two_codes_of_one_new_address_at_once_are_one_person_and_tell_of_one)
{
    enum { ROUNDS = 10 };
    Browser two[2];
    for (int i = 0; i < ROUNDS; i++) {
        char email[40];
        snprintf(email, sizeof email, "a%d%%40b.cc", i);
        for (int k = 0; k < 2; k++) {
            ask_code(w, email, two[k].body);
            w->cx->now += 1000;
        }
        together(w, two);
        assert_int_equal(two[0].w.res.code, 200);
        assert_int_equal(two[1].w.res.code, 200);
    }
    assert_int_equal(count(w, SQL("SELECT count(*) FROM person")), ROUNDS);
    assert_int_equal(count(w, SQL("SELECT count(*) FROM outbox")), 2 * ROUNDS);
    /* both tell of the same user */
    assert_int_equal(count(w, (Sql){ "SELECT count(DISTINCT json_extract(body, '$.user')) FROM outbox",
        "SELECT count(DISTINCT body::json->>'user') FROM outbox" }), ROUNDS);
}
API(one_code_sent_twice_at_once_works_once)
{
    Browser two[2];
    ask_code(w, "a%40b.cc", two[0].body);
    memcpy(two[1].body, two[0].body, sizeof two[1].body);
    together(w, two);
    assert_int_equal(two[0].w.res.code + two[1].w.res.code, 600);
    assert_int_equal(count(w, SQL("SELECT count(*) FROM outbox")), 1);
}
API(a_page_that_names_nobody_turns_nobody_away)
{
    call(w, .method = "POST", .path = "/join", .body = "email=a%40b.cc&anonymous_id=null",
        .type = "application/x-www-form-urlencoded");
    expect(w, 200, "one-time-code");
}
