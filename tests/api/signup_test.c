#include "tests/api/api_world.h"
#include "domain/message/message.h"
#include "flow/outbox.h"
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
static void form(World *w, const char *path, const char *body)
{
    call(w, .method = "POST", .path = path, .body = body, .type = "application/x-www-form-urlencoded");
}
/* The hidden id of the page just shown. */
static Str code_id(World *w)
{
    Str b = world_body(w);
    const char *at = memmem(b.p, b.n, "value=\"cod_", 11);
    assert_non_null(at);
    return arena_str(w->cx->arena, (Str){ at + 7, 17 });
}
/* The six digits of the newest mail in the test outbox. */
static void mailed(World *w, char ret[8])
{
    Cx *cx = w->cx;
    ok(message_keep_as_test(cx, 100));
    call(w, .method = "GET", .path = "/api/1/mails", .staff = true);
    expect(w, 200, "\"kind\":\"signup_code\"");
    Str text = json_str_of(json_get(json_first(world_node(w, "items")), S("text")));
    for (size_t i = 0, run = 0; i < text.n; i++) {
        run = text.p[i] >= '0' && text.p[i] <= '9' ? run + 1 : 0;
        if (run == 6 && (i + 1 == text.n || text.p[i + 1] < '0' || text.p[i + 1] > '9')) {
            memcpy(ret, text.p + i - 5, 6);
            ret[6] = 0;
            return;
        }
    }
    assert_true(false);
}
static void finish(World *w, Str id, const char *code, const char *more)
{
    char body[200];
    snprintf(body, sizeof body, "id=%.*s&code=%s%s", (int)id.n, id.p, code, more);
    form(w, "/join/code", body);
}
static void tell(World *w)
{
    Cx *cx = w->cx;
    ok(outbox_step(cx, w->app.events, w->app.keys, 1));
    records_done(cx);
}

API(a_person_is_born_by_a_code_with_its_consents_its_past_and_an_event)
{
    char code[8], path[100];
    call(w, .method = "POST", .path = "/v1/track", .key = w->pk.p,
        .body = "{\"event\":\"Viewed\",\"anonymousId\":\"a1\"}");
    expect(w, 200, "success");
    form(w, "/join", "email=Li%40Example.CN&anonymous_id=a1");
    expect(w, 200, "autocomplete=\"one-time-code\"");
    Str id = code_id(w);
    mailed(w, code);
    assert_int_equal(count(w, SQL("SELECT count(*) FROM person")), 0);
    finish(w, id, code, "&policy=1&analytics=1");
    expect(w, 200, "You are signed in");
    assert_int_equal(count(w, SQL("SELECT count(*) FROM person")), 1);
    assert_int_equal(count(w, SQL("SELECT count(*) FROM consent WHERE granted = 1")), 2);
    assert_int_equal(count(w, SQL("SELECT count(*) FROM outbox")), 1);
    tell(w);
    assert_int_equal(count(w, SQL("SELECT count(*) FROM outbox")), 0);
    call(w, .method = "POST", .path = "/api/1/people/find", .staff = true, .body = "{\"email\":\" li@example.cn \"}");
    expect(w, 200, "\"email\":\"l***@example.cn\"");
    Str person = json_str_of(json_get(json_first(world_node(w, "items")), S("id")));
    snprintf(path, sizeof path, "/api/1/people/%.*s", (int)person.n, person.p);
    call(w, .method = "GET", .path = path, .staff = true);
    expect(w, 200, "\"purpose\":\"policy\",\"granted\":true");
    snprintf(path, sizeof path, "/api/1/people/%.*s/timeline", (int)person.n, person.p);
    call(w, .method = "GET", .path = path, .staff = true);
    expect(w, 200, "\"name\":\"$signup\"");
    expect(w, 200, "\"name\":\"Viewed\"");                      /* the anonymous past is this person's */
}
API(a_wrong_code_counts_and_five_close_it)
{
    char code[8];
    form(w, "/join", "email=a%40b.cc");
    Str id = code_id(w);
    mailed(w, code);
    const char *wrong = strcmp(code, "000000") ? "000000" : "111111";
    for (int left = 4; left > 0; left--) {
        char part[40];
        finish(w, id, wrong, "&policy=1");
        snprintf(part, sizeof part, "%d tries left", left);
        expect(w, 400, part);
    }
    finish(w, id, wrong, "&policy=1");
    expect(w, 400, "no longer valid");
    finish(w, id, code, "&policy=1");
    expect(w, 400, "no longer valid");
    assert_int_equal(count(w, SQL("SELECT count(*) FROM person")), 0);
}
API(a_code_works_once_and_a_known_address_signs_in_to_the_same_person)
{
    char code[8];
    for (int i = 0; i < 2; i++) {
        form(w, "/join", "email=a%40b.cc");
        Str id = code_id(w);
        mailed(w, code);
        finish(w, id, code, "&policy=1");
        expect(w, 200, "You are signed in");
        finish(w, id, code, "&policy=1");
        expect(w, 400, "no longer valid");
        w->cx->now += 60000;
    }
    assert_int_equal(count(w, SQL("SELECT count(*) FROM person")), 1);
}
API(without_the_policy_nobody_is_born_and_the_code_stays_good)
{
    char code[8];
    form(w, "/join", "email=a%40b.cc");
    Str id = code_id(w);
    mailed(w, code);
    finish(w, id, code, "&analytics=1");
    expect(w, 400, "agree to the privacy policy");
    assert_int_equal(count(w, SQL("SELECT count(*) FROM person")), 0);
    finish(w, id, code, "&policy=1");
    expect(w, 200, "You are signed in");
    assert_int_equal(count(w, SQL("SELECT count(*) FROM consent WHERE granted = 0 AND purpose = 'analytics'")), 1);
}
API(bad_addresses_are_named_and_too_many_codes_are_refused)
{
    static const char *const bad[] = { "email=", "email=a", "email=a%40b", "", "email=a%40b.cc%0d%0aBcc%3a+x%40y.zz" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        form(w, "/join", bad[i]);
        expect(w, 400, "id=\"error\"");
    }
    for (int i = 0; i < 6; i++) {
        form(w, "/join", "email=a%40b.cc");
        expect(w, i < 5 ? 200 : 429, i < 5 ? "one-time-code" : "too many codes");
    }
    assert_int_equal(count(w, SQL("SELECT count(*) FROM mail")), 5);
}
API(an_old_code_is_over)
{
    char code[8];
    form(w, "/join", "email=a%40b.cc");
    Str id = code_id(w);
    mailed(w, code);
    w->cx->now += 11 * 60000;
    finish(w, id, code, "&policy=1");
    expect(w, 400, "no longer valid");
}
API(the_page_speaks_chinese_where_it_is_asked_to)
{
    call(w, .method = "GET", .path = "/join?lang=zh");
    expect(w, 200, "发送验证码");
    call(w, .method = "GET", .path = "/join?anonymous_id=%22%3E%3Cscript%3E");
    expect(w, 200, "value=\"&quot;&gt;&lt;script&gt;\"");
}
