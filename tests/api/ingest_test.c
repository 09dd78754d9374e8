#include "tests/api/api_world.h"
#include "base/limits.h"
#include "flow/outbox.h"
#include "flow/traits.h"
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static void batch(World *w, const char *body)
{
    call(w, .method = "POST", .path = "/v1/batch", .body = body, .key = w->pk.p);
}
static const char good[] = "{\"batch\":[{\"type\":\"track\",\"event\":\"Signed "
                           "Up\",\"anonymousId\":\"a1\",\"messageId\":\"m1\",\"properties\":{\"plan\":\"free\"}}]}";

API(an_event_is_kept_once_however_often_it_is_sent)
{
    for (int i = 0; i < 3; i++) {
        batch(w, good);
        expect(w, 200, "{\"success\":true}");
    }
    assert_int_equal(world_events(w), 1);
    world_again(w);
    batch(w, good);
    expect(w, 200, "{\"success\":true}");
    assert_int_equal(world_events(w), 1);
}
API(every_way_of_giving_the_key_works_and_a_wrong_one_is_refused)
{
    char body[300], path[200];
    static const char event[] = "\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"a\"";
    snprintf(body, sizeof body, "{%s,\"writeKey\":\"%s\"}", event, w->pk.p);
    call(w, .method = "POST", .path = "/v1/track", .body = body);
    expect(w, 200, "success");
    snprintf(path, sizeof path, "/beacon/v1/batch?writeKey=%s", w->pk.p);
    call(w, .method = "POST", .path = path, .body = good, .type = "text/plain");
    expect(w, 200, "success");
    call(w, .method = "POST", .path = "/v1/batch", .body = good, .key = w->sk.p);
    expect(w, 200, "success");
    call(w, .method = "POST", .path = "/v1/batch", .body = good);
    expect(w, 401, "\"code\":\"bad_key\"");
    call(w, .method = "POST", .path = "/v1/batch", .body = good, .key = "pk_nobody");
    expect(w, 401, "\"code\":\"bad_key\"");
    call(w, .method = "POST", .path = "/v1/track", .body = body, .key = w->sk.p);
    expect(w, 401, "\"code\":\"key_mismatch\"");
    assert_int_equal(world_events(w), 2);               /* m1 once, the nameless one once */
}
API(one_bad_event_is_named_and_refused_and_the_rest_is_kept)
{
    batch(w, "{\"batch\":[{\"type\":\"track\",\"event\":\"A\",\"anonymousId\":\"a\"},"
             "{\"type\":\"track\",\"anonymousId\":\"a\",\"messageId\":\"bad\"},"
             "{\"type\":\"track\",\"event\":\"B\",\"anonymousId\":\"a\"}]}");
    expect(w, 200, "\"rejected\":[{\"index\":1,\"messageId\":\"bad\",\"code\":\"required\",\"field\":\"event\"");
    assert_int_equal(world_events(w), 2);
    call(w, .method = "GET", .path = "/api/1/refusals", .staff = true);
    expect(w, 200, "\"code\":\"required\"");
    expect(w, 200, "\"count\":1");
}
API(bad_events_each_get_a_clear_reason)
{
    static const char *const bad[][3] = {
        { "{\"event\":\"E\",\"anonymousId\":\"a\"}", "required", "type" },
        { "{\"type\":\"buy\",\"event\":\"E\",\"anonymousId\":\"a\"}", "not_one_of", "type" },
        { "{\"type\":\"track\",\"event\":\"E\"}", "required", "userId" },
        { "{\"type\":\"track\",\"event\":\"  \",\"userId\":\"u\"}", "required", "event" },
        { "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"null\"}", "placeholder_id", "userId" },
        { "{\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"[object "
          "Object]\"}", "placeholder_id", "anonymousId" },
        { "{\"type\":\"track\",\"event\":\"E\",\"userId\":{\"a\":1}}", "wrong_type", "userId" },
        { "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"a\\u0001b\"}", "bad_text", "userId" },
        { "{\"type\":\"group\",\"userId\":\"u\"}", "required", "groupId" },
        { "{\"type\":\"alias\",\"userId\":\"u\"}", "required", "previousId" },
        { "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":[1]}", "wrong_type", "properties" },
        { "7", "wrong_type", "batch" },
    };
    char body[400];
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(body, sizeof body, "{\"batch\":[%s]}", bad[i][0]);
        batch(w, body);
        snprintf(body, sizeof body, "\"code\":\"%s\",\"field\":\"%s\"", bad[i][1], bad[i][2]);
        expect(w, 200, body);
    }
    static const char *const none[] = { "", "[]", "{}", "{\"batch\":1}", "{\"batch\":[", "\"x\"" };
    for (size_t i = 0; i < COUNT(none); i++) {
        batch(w, none[i]);
        expect(w, 400, "\"success\":false");
    }
    assert_int_equal(world_events(w), 0);
}
API(limits_are_kept_at_their_edges)
{
    Buf b = buf_new(w->cx->arena, 1 << 20);
    for (size_t extra = 0; extra < 2; extra++) {        /* an event name of 200 and of 201 bytes */
        b.n = 0;
        buf_addz(&b, "{\"batch\":[{\"type\":\"track\",\"userId\":\"u\",\"event\":\"");
        for (size_t i = 0; i < 200 + extra; i++) buf_addc(&b, 'x');
        buf_addz(&b, "\"}]}");
        call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
        expect(w, 200, extra ? "\"code\":\"too_long\",\"field\":\"event\"" : "{\"success\":true}");
    }
    b.n = 0;
    buf_addz(&b, "{\"batch\":[{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Big\",\"properties\":{\"a\":\"");
    for (size_t i = 0; i < 33000; i++) buf_addc(&b, 'x');
    buf_addz(&b, "\"}},{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Small\"}]}");
    call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
    expect(w, 200, "\"index\":0");
    assert_int_equal(world_events(w), 2);
    while (b.n < 512000) buf_addc(&b, ' ');
    call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
    expect(w, 200, "");
    buf_addc(&b, ' ');
    call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
    assert_in_range(w->res.code, 400, 413);
}
API(a_gzip_body_under_a_wrong_type_is_read_all_the_same)
{
    static unsigned char packed[4096];
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)good;
    z.avail_in = sizeof good - 1;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    call(w, .method = "POST", .path = "/v1/batch", .raw = { (char *)packed, z.total_out }, .key = w->pk.p,
        .encoding = "gzip",
         .type = "application/x-www-form-urlencoded");
    deflateEnd(&z);
    expect(w, 200, "{\"success\":true}");
    assert_int_equal(world_events(w), 1);
}
static Status newest(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    (void)cx; (void)pos;
    if (e->kind == ENTRY_EVENT) *(int64_t *)arg = e->event.time;
    return ST_OK;
}
static int64_t last_time(World *w)
{
    int64_t t = 0, next;
    Cx *cx = w->cx;
    ok(events_read(cx, w->app.events, 0, newest, &t, &next));
    return t;
}
API(a_wrong_clock_is_corrected_by_when_it_says_it_sent)
{
    enum { NOW = TEST_NOW_SECONDS };                    /* 2023-11-14T22:13:20Z */
    static const struct { const char *fields; int64_t at; } cases[] = {
        { "\"timestamp\":\"2023-11-14T21:13:20Z\",\"sentAt\":\"2023-11-14T21:13:30Z\"", NOW - 10 },   /* an hour slow */
        /* most of a day fast */
        { "\"timestamp\":\"2023-11-15T21:00:00Z\",\"sentAt\":\"2023-11-15T21:00:05Z\"", NOW - 5 },
        /* more than a day fast */
        { "\"timestamp\":\"2023-11-16T22:13:20Z\",\"sentAt\":\"2023-11-16T22:13:30Z\"", NOW },
        { "\"timestamp\":\"2020-01-01T00:00:00Z\"", 1577836800 },   /* history keeps its time */
        { "\"originalTimestamp\":\"2023-11-14T22:00:00Z\",\"sentAt\":\"2023-11-14T22:13:20Z\"", NOW - 800 },
        { "\"timestamp\":\"yesterday\"", NOW }, { "\"timestamp\":1699999000000", 1699999000 },
    };
    char body[400];
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(body, sizeof body, "{\"batch\":[{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",%s}]}",
            cases[i].fields);
        batch(w, body);
        expect(w, 200, "{\"success\":true}");
        assert_int_equal(last_time(w), cases[i].at * 1000);
    }
}
typedef struct Seen { Cx *cx; const Keys *keys; Buf text; int events, joins; } Seen;
static Status see(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Seen *s = arg;
    (void)cx; (void)pos;
    s->events += e->kind == ENTRY_EVENT;
    s->joins += e->kind == ENTRY_JOIN;
    if (e->kind != ENTRY_EVENT) return ST_OK;
    buf_add(&s->text, e->event.name);
    for (size_t i = 0; i < e->event.n_props; i++) {
        buf_addc(&s->text, '|');
        buf_add(&s->text, e->event.props[i].name);
        buf_addc(&s->text, '=');
        if (e->event.props[i].kind == PROP_STR) buf_add(&s->text, e->event.props[i].s);
        if (e->event.props[i].kind == PROP_INT) buf_i64(&s->text, e->event.props[i].i);
    }
    buf_addc(&s->text, '\n');
    return ST_OK;
}
static Seen look(World *w)
{
    Seen s = { .text = buf_new(w->cx->arena, 1 << 20) };
    int64_t next;
    Cx *cx = w->cx;
    ok(events_read(cx, w->app.events, 0, see, &s, &next));
    buf_addc(&s.text, 0);
    return s;
}
API(personal_traits_leave_the_event_and_addresses_leave_texts)
{
    call(w, .method = "POST", .path = "/v1/identify", .key = w->sk.p, .body =
         "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"traits\":{\"email\":\"li@example.cn\",\"phone\":\"13800138000\","
         "\"name\":\"李雷\",\"plan\":\"pro\",\"age\":7}}");
    expect(w, 200, "success");
    call(w, .method = "POST", .path = "/v1/page", .key = w->pk.p, .body =
         "{\"anonymousId\":\"a1\",\"properties\":{\"url\":\"https://x.cn/?m=li%40example.cn\",\"q\":\"打 "
         "138-0013-8000\"},"
         "\"context\":{\"page\":{\"referrer\":\"https://s.cn/?q=li@example.cn\"}}}");
    expect(w, 200, "success");
    Seen s = look(w);
    assert_int_equal(s.joins, 1);
    assert_null(strstr(s.text.p, "example.cn"));
    assert_null(strstr(s.text.p, "0138"));
    assert_null(strstr(s.text.p, "李雷"));
    assert_non_null(strstr(s.text.p, "|plan=pro|age=7"));
    assert_non_null(strstr(s.text.p, "$url=https://x.cn/?m=[email]"));
    assert_non_null(strstr(s.text.p, "q=打 [phone]"));
    assert_non_null(strstr(s.text.p, "$referrer=https://s.cn/?q=[email]"));
}
static Status sealed_ones(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Seen *s = arg;
    Str plain;
    (void)pos;
    if (e->kind != ENTRY_EVENT) return ST_OK;
    s->events++;
    if (e->event.sealed.n == 0) return ST_OK;
    ok(keys_open_sealed(s->cx, s->keys, S("log|sealed"), e->event.sealed, &plain));
    assert_str(plain, "{\"ip\":\"203.0.113.9\"}");
    s->joins = s->joins * 10 + s->events;                  /* which of the events had it */
    return ST_OK;
}
API(the_address_is_sealed_once_a_request_beside_its_first_event)
{
    Seen s = { .cx = w->cx, .keys = w->app.keys };
    int64_t next;
    Cx *cx = w->cx;
    batch(w, "{\"batch\":[{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\",\"context\":{\"ip\":\"0.0.0.0\"}},"
             "{\"type\":\"track\",\"userId\":\"u\"},"
             "{\"type\":\"track\",\"event\":\"B\",\"userId\":\"u\"},"
             "{\"type\":\"track\",\"event\":\"C\",\"userId\":\"u\"}]}");
    batch(w, good);
    ok(events_read(cx, w->app.events, 0, sealed_ones, &s, &next));
    assert_int_equal(s.events, 4);
    assert_int_equal(s.joins, 24);                         /* A asked not to; B has it, C goes without; the next one */
}
API(objects_flatten_and_numbers_keep_their_kind)
{
    batch(w, "{\"context\":{\"os\":{\"name\":\"iOS\"}}"
             ",\"batch\":[{\"type\":\"track\",\"event\":\"Buy\",\"userId\":42,\"properties\":"
             "{\"id\":9223372036854775807,\"cart\":{\"a\":{\"b\":{\"c\":1}}},\"gone\":null}"
             ",\"context\":{\"locale\":\"zh-CN\"}}]}");
    expect(w, 200, "{\"success\":true}");
    Seen s = look(w);
    assert_non_null(strstr(s.text.p, "|id=9223372036854775807|"));
    assert_non_null(strstr(s.text.p, "|cart.a.b={\"c\":1}|"));
    assert_non_null(strstr(s.text.p, "|$locale=zh-CN"));
    assert_non_null(strstr(s.text.p, "|context.os.name=iOS"));
    assert_null(strstr(s.text.p, "gone"));
}
API(without_consent_nothing_is_kept_where_a_source_asks_first)
{
    call(w, .method = "POST", .path = "/api/1/sources", .staff = true,
        .body = "{\"name\":\"shop\",\"consent\":\"ask\"}");
    expect(w, 201, "\"secret_key\"");
    Str key = arena_str(w->cx->arena, json_str_of(json_get(world_node(w, NULL), S("public_key"))));
    static const char *const bodies[] = {
        "{\"event\":\"E\",\"anonymousId\":\"a\"}",
        "{\"event\":\"E\",\"anonymousId\":\"a\",\"context\":"
            "{\"consent\":{\"categoryPreferences\":{\"analytics\":false}}}}",
        "{\"event\":\"E\",\"anonymousId\":\"a\",\"context\":"
            "{\"consent\":{\"categoryPreferences\":{\"analytics\":true}}}}",
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        call(w, .method = "POST", .path = "/v1/track", .key = key.p, .body = bodies[i]);
        expect(w, 200, i == 2 ? "{\"success\":true}" : "\"unconsented\":1");
        assert_int_equal(world_events(w), i == 2);
    }
}
static void settle(World *w)
{
    Cx *cx = w->cx;
    Status st = traits_step(cx, w->app.events, w->app.keys);
    assert_true(st == ST_OK || st == ST_NOT_FOUND);
    st = outbox_step(cx, w->app.events, w->app.keys, 1);
    assert_true(st == ST_OK || st == ST_NOT_FOUND);
    records_done(cx);
}
API(a_trusted_identify_makes_a_record_with_sealed_traits_and_a_public_one_does_not)
{
    call(w, .method = "POST", .path = "/v1/track", .key = w->pk.p, .body = "{\"event\":\"Seen\",\"userId\":\"u1\"}");
    expect(w, 200, "success");
    call(w, .method = "POST", .path = "/v1/identify", .key = w->pk.p,
         .body = "{\"userId\":\"u1\",\"traits\":{\"email\":\"forged@example.cn\"}}");
    expect(w, 200, "success");
    settle(w);
    call(w, .method = "POST", .path = "/api/1/people/find", .staff = true, .body = "{\"email\":\"forged@example.cn\"}");
    expect(w, 200, "\"items\":[]");
    static const char *const told[] = {
        "{\"timestamp\":\"2023-11-14T20:00Z\",\"userId\":\"u1\",\"traits\":{\"email\":\"Li@Example.cn\",\"n\":1}}",
        "{\"userId\":\"u1\",\"traits\":{\"email\":\"old@example.cn\"},\"timestamp\":\"2023-11-14T10:00:00Z\"}",
        "{\"userId\":\"u2\",\"traits\":{\"email\":\"li@example.cn\"}}" };
    for (size_t i = 0; i < COUNT(told); i++) {
        call(w, .method = "POST", .path = "/v1/identify", .key = w->sk.p, .body = told[i]);
        expect(w, 200, "success");
        settle(w);
        settle(w);                                      /* and again changes nothing */
    }
    call(w, .method = "GET", .path = "/api/1/people", .staff = true);
    assert_int_equal(world_node(w, "items")->n, 2);
    call(w, .method = "POST", .path = "/api/1/people/find", .staff = true, .body = "{\"email\":\"li@example.cn\"}");
    expect(w, 200, "\"form\":\"identify\",\"email\":\"l***@example.cn\"");
    Str person = json_str_of(json_get(json_first(world_node(w, "items")), S("id")));
    char path[100];
    snprintf(path, sizeof path, "/api/1/people/%.*s/timeline", (int)person.n, person.p);
    call(w, .method = "GET", .path = path, .staff = true);
    expect(w, 200, "\"name\":\"Seen\"");                /* the older record holds the address, with its past */
    call(w, .method = "POST", .path = "/api/1/people/find", .staff = true, .body = "{\"email\":\"old@example.cn\"}");
    expect(w, 200, "\"items\":[]");                     /* told later, but of an earlier time */
}
API(past_a_sources_limit_of_names_only_events_with_a_new_one_are_refused)
{
    for (int k = 0; k < 4; k++) {
        Buf b = buf_new(w->cx->arena, 1 << 20);
        buf_addz(&b, "{\"batch\":[");
        for (int i = 0; i < SOURCE_EVENT_NAMES / 4; i++) {
            if (i) buf_addc(&b, ',');
            buf_addz(&b, "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E");
            buf_i64(&b, k * 1000 + i);
            buf_addz(&b, "\"}");
        }
        buf_addz(&b, "]}");
        call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
        expect(w, 200, "{\"success\":true}");
    }
    batch(w, "{\"batch\":[{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E1\"},"
             "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"One More\"},"
             "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E2\"}]}");
    expect(w, 200, "\"rejected\":[{\"index\":1,\"messageId\":\"\",\"code\":\"event_names\"");
    assert_int_equal(world_events(w), SOURCE_EVENT_NAMES + 2);
}
API(settings_always_name_the_key_and_an_unknown_key_is_plain_404)
{
    char path[100];
    snprintf(path, sizeof path, "/v1/projects/%s/settings", w->pk.p);
    call(w, .method = "GET", .path = path);
    expect(w, 200, "\"apiHost\":\"localhost/v1\",\"protocol\":\"http\"");
    expect(w, 200, w->pk.p);
    call(w, .method = "GET", .path = "/v1/projects/pk_nobody/settings");
    expect(w, 404, "unknown write key");
    snprintf(path, sizeof path, "/v1/projects/%s/settings", w->sk.p);
    call(w, .method = "GET", .path = path);
    expect(w, 404, "unknown write key");                /* a secret key never goes back out */
    snprintf(path, sizeof path, "/sourceConfig/?p=npm&v=3&writeKey=%s", w->pk.p);
    call(w, .method = "GET", .path = path);
    expect(w, 200, "\"destinations\":[]");
}
