/* Bodies that no honest client sends, and the ones that careless clients do. */
#include "tests/api/api_world.h"
#include "base/limits.h"
#include "flow/traits.h"
#include <stdio.h>
#include <string.h>

static void batch(World *w, const char *body)
{
    call(w, .method = "POST", .path = "/v1/batch", .body = body, .key = w->pk.p);
}
typedef struct Seen { Buf text; int64_t time; Str sealed; Cx *cx; } Seen;
static Status see(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Seen *s = arg;
    (void)cx; (void)pos;
    if (e->kind != ENTRY_EVENT) return ST_OK;
    s->time = e->event.time;
    if (e->event.sealed.n) s->sealed = arena_str(s->cx->arena, e->event.sealed);
    buf_add(&s->text, e->event.name);
    for (size_t i = 0; i < e->event.n_props; i++) {
        buf_addc(&s->text, '|');
        buf_add(&s->text, e->event.props[i].name);
        buf_addc(&s->text, '=');
        if (e->event.props[i].kind == PROP_STR) buf_add(&s->text, e->event.props[i].s);
        if (e->event.props[i].kind == PROP_INT) buf_i64(&s->text, e->event.props[i].i);
    }
    buf_addz(&s->text, "|\n");
    return ST_OK;
}
static Seen look(World *w)
{
    Seen s = { .text = buf_new(w->cx->arena, 1 << 20), .cx = w->cx };
    int64_t next;
    Cx *cx = w->cx;
    ok(events_read(cx, w->app.events, 0, see, &s, &next));
    buf_addc(&s.text, 0);
    return s;
}
static int times(const char *text, const char *part)
{
    int n = 0;
    while ((text = strstr(text, part))) n++, text++;
    return n;
}

API(a_list_where_an_object_belongs_is_named)
{
    static const char *const bad[][2] = {
        { "\"type\":\"page\",\"properties\":[\"a\",1]", "properties" }, { "\"type\":\"screen\",\"properties\":\"x\"",
            "properties" },
        { "\"type\":\"track\",\"event\":\"E\",\"context\":[1,2,3]", "context" },
        { "\"type\":\"track\",\"event\":\"E\",\"context\":7", "context" },
        { "\"type\":\"identify\",\"traits\":[true]", "traits" },
        { "\"type\":\"identify\",\"context\":{\"traits\":[5]}", "context.traits" },
    };
    char body[400];
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(body, sizeof body, "{\"batch\":[{\"userId\":\"u\",%s}]}", bad[i][0]);
        batch(w, body);
        snprintf(body, sizeof body, "\"code\":\"wrong_type\",\"field\":\"%s\"", bad[i][1]);
        expect(w, 200, body);
    }
    assert_int_equal(world_events(w), 0);
    batch(w, "{\"batch\":[{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\","
        "\"context\":{\"campaign\":[\"x\"],\"page\":[1],\"library\":3}}],\"context\":[9]}");
    expect(w, 200, "{\"success\":true}");
    assert_int_equal(world_events(w), 1);
}
API(a_time_from_another_world_is_set_aside)
{
    static const char *const odd[] = {
        "\"timestamp\":9223372036854775807,\"sentAt\":1",
        "\"timestamp\":-9223372036854775808,\"sentAt\":9223372036854775807",
        "\"timestamp\":1e300", "\"timestamp\":253402300800000,\"sentAt\":1",
        "\"timestamp\":\"9999-12-31T23:59:59Z\",\"sentAt\":\"1970-01-01T00:00:01Z\"",
        "\"timestamp\":true,\"sentAt\":{}",
            "\"timestamp\":\"0000-01-01T00:00:00Z\",\"sentAt\":\"0000-01-01T00:00:00Z\"" };
    char body[300];
    for (size_t i = 0; i < COUNT(odd); i++) {
        snprintf(body, sizeof body, "{\"batch\":[{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",%s}],"
        "\"sentAt\":\"garbage\"}", odd[i]);
        batch(w, body);
        expect(w, 200, "{\"success\":true}");
        assert_int_equal(look(w).time, INT64_C(1000) * TEST_NOW_SECONDS);
    }
    batch(w, "{\"batch\":[{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"timestamp\":1699990000000.5}],"
        "\"sentAt\":1699999999000}");
    expect(w, 200, "{\"success\":true}");
    assert_int_equal(look(w).time, INT64_C(1699990000000) + INT64_C(1000) * TEST_NOW_SECONDS - INT64_C(1699999999000));
    batch(w, "{\"batch\":[{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\","
        "\"timestamp\":\"0001-01-01T00:00:00Z\",\"sentAt\":\"2023-11-15T20:00:00Z\"},"
             "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"timestamp\":\"1969-07-20T20:17:00Z\"}]}");
    expect(w, 200, "{\"success\":true}");
    Cx *cx = w->cx;
    ok(events_flush(cx, w->app.events));
    world_again(w);
    assert_int_equal(world_events(w), (int64_t)COUNT(odd) + 3);
}
API(a_name_given_twice_is_one_property_and_the_events_own_context_wins)
{
    batch(w, "{\"context\":{\"os\":{\"name\":\"Linux\",\"version\":\"6\"},\"campaign\":{\"source\":\"old\","
        "\"medium\":\"mail\"},"
             "\"library\":{\"name\":\"outer\",\"version\":\"2\"},\"locale\":\"en\"},\"batch\":["
             "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"a.b\":1,\"a\":{\"b\":2},"
             "\"c\":3,\"c\":4,\"$subnet\":\"1.2.3.0\"},"
             "\"context\":{\"os\":{\"name\":\"iOS\"},\"campaign\":{\"source\":\"new\"},"
             "\"library\":{\"name\":\"inner\"}}}]}");
    expect(w, 200, "{\"success\":true}");
    Seen s = look(w);
    static const char *const once[] = { "|a.b=2|", "|c=4|", "|context.os.name=iOS|", "|context.os.version=6|",
        "|$utm_source=new|",
        "|$utm_medium=mail|", "|$lib=inner|", "|$lib_version=2|", "|$locale=en|", "|$subnet=203.0.113.0|" };
    for (size_t i = 0; i < COUNT(once); i++) {
        char name[60];
        snprintf(name, sizeof name, "%.*s", (int)(strchr(once[i], '=') - once[i]) + 1, once[i]);
        assert_non_null(strstr(s.text.p, once[i]));
        assert_int_equal(times(s.text.p, name), 1);
    }
}
API(traits_win_over_those_of_the_context_and_an_envelopes_consent_counts)
{
    call(w, .method = "POST", .path = "/v1/identify", .key = w->sk.p, .body =
        "{\"userId\":\"u\",\"traits\":{\"plan\":\"pro\"},\"context\":{\"traits\":{\"plan\":\"free\",\"level\":3}}}");
    expect(w, 200, "success");
    Seen s = look(w);
    assert_non_null(strstr(s.text.p, "|plan=pro|"));
    assert_non_null(strstr(s.text.p, "|level=3|"));
    assert_int_equal(times(s.text.p, "|plan="), 1);
    call(w, .method = "POST", .path = "/api/1/sources", .staff = true,
        .body = "{\"name\":\"shop\",\"consent\":\"ask\"}");
    expect(w, 201, "\"secret_key\"");
    Str pk = arena_str(w->cx->arena, json_str_of(json_get(world_node(w, NULL), S("public_key"))));
    call(w, .method = "POST", .path = "/v1/batch", .key = pk.p, .body =
        "{\"context\":{\"consent\":{\"categoryPreferences\":{\"analytics\":true}}},"
        "\"batch\":[{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\","
        "\"context\":{\"locale\":\"zh\"}},{\"type\":\"track\",\"event\":\"F\",\"userId\":\"u\","
        "\"context\":{\"consent\":{\"analytics\":false}}}]}");
    expect(w, 200, "\"unconsented\":1");
    assert_int_equal(world_events(w), 2);
}
API(addresses_leave_names_too_and_nested_personal_members_go)
{
    batch(w, "{\"batch\":[{\"type\":\"track\",\"event\":\"Mail li@example.cn sent\","
        "\"userId\":\"li@example.cn\",\"properties\":"
             "{\"li@example.cn\":1,\"call 13800138000\":2,\"form\":{\"first_name\":\"李雷\",\"plan\":\"pro\"},"
             "\"x\":{\"ip\":\"198.51.100.7\"}}}]}");
    expect(w, 200, "{\"success\":true}");
    Seen s = look(w);
    assert_non_null(strstr(s.text.p, "Mail [email] sent|"));
    assert_non_null(strstr(s.text.p, "|[email]=1|"));
    assert_non_null(strstr(s.text.p, "|call [phone]=2|"));
    assert_non_null(strstr(s.text.p, "|form.plan=pro|"));
    assert_null(strstr(s.text.p, "李雷"));
    assert_null(strstr(s.text.p, "198.51"));
}
API(a_deep_object_too_large_to_keep_refuses_its_event_only)
{
    Buf b = buf_new(w->cx->arena, 1 << 20);
    buf_addz(&b, "{\"batch\":[{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"l\":[{\"x\":\"");
    for (int i = 0; i < 9000; i++) buf_addc(&b, 'x');
    buf_addz(&b, "\"}]}},{\"type\":\"track\",\"event\":\"F\",\"userId\":\"u\"}]}");
    call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
    expect(w, 200, "\"code\":\"too_long\",\"field\":\"l\"");
    assert_int_equal(world_events(w), 1);
}
API(an_empty_batch_is_fine_and_a_batch_of_2500_bad_ones_names_what_fits_in_a_reply)
{
    batch(w, "{\"batch\":[]}");
    expect(w, 200, "{\"success\":true}");
    Buf b = buf_new(w->cx->arena, 2 << 20);
    buf_addz(&b, "{\"batch\":[");
    for (int i = 0; i < INGEST_BATCH_EVENTS; i++) {
        buf_addz(&b, i ? ",{\"messageId\":\"" : "{\"messageId\":\"");
        for (int k = 0; k < 150; k++) buf_addc(&b, 'm');
        buf_addz(&b, "\",\"type\":\"nope\"}");
    }
    buf_addz(&b, "]}");
    call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
    expect(w, 200, "\"index\":0");
    expect(w, 200, "\"rejected_total\":2500");
    assert_in_range(world_body(w).n, 1, HTTP_REPLY_MAX);
}
API(a_long_name_past_the_sources_limit_is_refused_like_a_short_one)
{
    Buf b = buf_new(w->cx->arena, 2 << 20);
    for (int from = 0; from < SOURCE_EVENT_NAMES; from += 1000) {
        b.n = 0;
        buf_addz(&b, "{\"batch\":[");
        for (int i = from; i < from + 1000; i++) {
            buf_addz(&b, i > from ? ",{\"type\":\"track\",\"userId\":\"u\","
            "\"event\":\"E" : "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E");
            buf_i64(&b, i);
            buf_addz(&b, "\"}");
        }
        buf_addz(&b, "]}");
        call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
        expect(w, 200, "{\"success\":true}");
    }
    b.n = 0;
    buf_addz(&b, "{\"batch\":[{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E1\"},{\"type\":\"track\","
        "\"userId\":\"u\",\"event\":\"");
    for (int i = 0; i < 60; i++) buf_addz(&b, "长");
    buf_addz(&b, "\"}]}");
    call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
    expect(w, 200, "\"rejected\":[{\"index\":1,\"messageId\":\"\",\"code\":\"event_names\"");
    assert_int_equal(world_events(w), SOURCE_EVENT_NAMES + 1);
    b.n = 0;                                             /* as many names past it as a batch holds: no harm in it */
    buf_addz(&b, "{\"batch\":[");
    for (int i = 0; i < INGEST_BATCH_EVENTS; i++) {
        buf_addz(&b, i ? ",{\"type\":\"track\",\"userId\":\"u\",\"event\":\"New" : "{\"type\":\"track\","
        "\"userId\":\"u\",\"event\":\"New");
        buf_i64(&b, i);
        buf_addz(&b, "\",\"properties\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8}}");
    }
    buf_addz(&b, "]}");
    call(w, .method = "POST", .path = "/v1/batch", .raw = buf_str(&b), .key = w->pk.p);
    expect(w, 200, "\"rejected_total\":2500");
}
API(one_trait_too_large_to_keep_does_not_stop_the_others)
{
    Buf b = buf_new(w->cx->arena, 1 << 20);
    buf_addz(&b, "{\"userId\":\"u1\",\"traits\":{\"email\":\"li@example.cn\",\"address\":{\"street\":\"");
    for (int i = 0; i < 9000; i++) buf_addc(&b, 'x');
    buf_addz(&b, "\"}}}");
    call(w, .method = "POST", .path = "/v1/identify", .key = w->sk.p, .raw = buf_str(&b));
    expect(w, 200, "success");
    Cx *cx = w->cx;
    ok(traits_step(cx, w->app.events, w->app.keys));
    records_done(cx);
    int64_t n = 0;
    ok(db_i64(cx, SQL("SELECT count(*) FROM person_field"), NO_BINDS, &n));
    records_done(cx);
    assert_int_equal(n, 1);
}
