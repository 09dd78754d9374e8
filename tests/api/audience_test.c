/* Segments through the API, and the job that keeps them. */
#include "base/limits.h"
#include "flow/audience_step.h"
#include "flow/outbox.h"
#include "tests/api/api_world.h"
#include <stdio.h>
#include <string.h>

static void settle(World *w)
{
    Cx *cx = w->cx;
    AudienceScope s = { .week_start = 1 };
    Status st;
    ok(zone_get(cx, w->app.zone, &s.zone));
    while ((st = audience_step(cx, w->app.events, &s)) == ST_OK) records_done(cx);
    records_done(cx);
    if (st != ST_NOT_FOUND) ok(st);
    while ((st = outbox_step(cx, w->app.events, w->app.keys, 1)) == ST_OK) records_done(cx);
    records_done(cx);
    if (st != ST_NOT_FOUND) ok(st);
}
static void track(World *w, const char *who, const char *event)
{
    char body[400], when[32];
    clock_rfc3339(w->cx->now, when);
    snprintf(body, sizeof body, "{\"event\":\"%s\",%s,\"timestamp\":\"%s\"}", event, who, when);
    call(w, .method = "POST", .path = "/v1/track", .key = w->sk.p, .body = body);
    expect(w, 200, "success");
}
static const char *make(World *w, const char *name, const char *kind, const char *expression)
{
    char body[1000], *path = arena_get(w->cx->arena, 60);
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"kind\":\"%s\",\"expression\":%s}", name, kind, expression);
    call(w, .method = "POST", .path = "/api/1/segments", .staff = true, .body = body);
    expect(w, 201, "\"version\":1");
    Str id = json_str_of(world_node(w, "id"));
    snprintf(path, 60, "/api/1/segments/%.*s", (int)id.n, id.p);
    return path;
}
static int64_t people(World *w, const char *path)
{
    call(w, .method = "GET", .path = path, .staff = true);
    expect(w, 200, "\"people\"");
    return world_node(w, "people")->i;
}
static const char *under(World *w, const char *path, const char *more)
{
    char *p = arena_get(w->cx->arena, 200);
    snprintf(p, 200, "%s%s", path, more);
    return p;
}
static const char *visitor(World *w, const char *kind, const char *id)
{
    Hash128 a = keys_actor(w->app.keys, str_z(kind), str_z(id));
    char *p = arena_get(w->cx->arena, 120);
    snprintf(p, 120, "/api/1/people/vis_%016llx%016llx", (unsigned long long)a.a, (unsigned long long)a.b);
    return p;
}
static const char BUYERS[] = "{\"did\":{\"event\":\"Purchase\",\"within\":[1,\"day\"]}}";

API(people_come_and_go_and_both_is_told)
{
    track(w, "\"userId\":\"u1\"", "Purchase");
    const char *path = make(w, "买家", "live", BUYERS);
    settle(w);
    assert_int_equal(people(w, path), 1);
    track(w, "\"userId\":\"u2\"", "Visit");
    settle(w);
    assert_int_equal(people(w, path), 1);
    w->cx->now += 1000;
    track(w, "\"userId\":\"u2\"", "Purchase");
    settle(w);
    assert_int_equal(people(w, path), 2);
    call(w, .method = "GET", .path = under(w, path, "/people?limit=1"), .staff = true);
    expect(w, 200, "\"next\":\"vis_");
    Str next = json_str_of(world_node(w, "next"));
    char more[100];
    snprintf(more, sizeof more, "/people?after=%.*s", (int)next.n, next.p);
    call(w, .method = "GET", .path = under(w, path, more), .staff = true);
    expect(w, 200, "\"next\":null");
    assert_int_equal(world_node(w, "items")->n, 1);
    call(w, .method = "GET", .path = under(w, visitor(w, "user", "u2"), "/timeline"), .staff = true);
    expect(w, 200, "$segment_entered");
    expect(w, 200, "买家");
    call(w, .method = "GET", .path = under(w, visitor(w, "user", "u1"), "/timeline"), .staff = true);
    assert_null(memmem(world_body(w).p, world_body(w).n, "$segment", 8));         /* it was there before the segment */
    w->cx->now += INT64_C(2) * 86400000;
    settle(w);
    assert_int_equal(people(w, path), 0);
    call(w, .method = "GET", .path = under(w, visitor(w, "user", "u2"), "/timeline"), .staff = true);
    expect(w, 200, "$segment_left");
    call(w, .method = "GET", .path = under(w, visitor(w, "user", "u2"), "/segments"), .staff = true);
    expect(w, 200, "\"left\":\"2023-11-16T22:13:21.000Z\"");
    expect(w, 200, "\"entered\":\"2023-11-14T22:13:21.000Z\"");
    settle(w);
    int64_t told = world_events(w);
    settle(w);                                    /* what it tells does not make it look again */
    assert_int_equal(world_events(w), told);
}
API(who_turns_out_to_be_somebody_keeps_the_time_they_came)
{
    Cx *cx = w->cx;
    const char *path = make(w, "B", "live", BUYERS);
    settle(w);
    track(w, "\"anonymousId\":\"a1\"", "Purchase");
    settle(w);
    assert_int_equal(people(w, path), 1);
    cx->now += 5000;
    Hash128 anon = keys_actor(w->app.keys, S("anon"), S("a1")), user = keys_actor(w->app.keys, S("user"), S("u1"));
    Entry e = { .kind = ENTRY_JOIN, .join = { .id = 77, .anon = anon, .user = user, .time = cx->now, .trust = 2 } };
    ok(events_append_wait(cx, w->app.events, &e, 1, NULL));
    settle(w);
    assert_int_equal(people(w, path), 1);
    call(w, .method = "GET", .path = under(w, path, "/people"), .staff = true);
    expect(w, 200, "\"entered\":\"2023-11-14T22:13:20.000Z\"");
    expect(w, 200, visitor(w, "user", "u1") + strlen("/api/1/people/"));
    call(w, .method = "GET", .path = under(w, visitor(w, "user", "u1"), "/timeline"), .staff = true);
    assert_null(memmem(world_body(w).p, world_body(w).n, "$segment_left", 13));
    cx->now += 5000;
    e = (Entry){ .kind = ENTRY_UNJOIN, .unjoin = { .id = 78, .join = 77, .time = cx->now } };
    ok(events_append_wait(cx, w->app.events, &e, 1, NULL));
    settle(w);
    assert_int_equal(people(w, path), 1);
    call(w, .method = "GET", .path = under(w, path, "/people"), .staff = true);
    expect(w, 200, visitor(w, "anon", "a1") + strlen("/api/1/people/"));
}
API(a_frozen_segment_stays_as_it_was)
{
    char text[300];
    track(w, "\"userId\":\"u1\"", "Purchase");
    const char *path = make(w, "F", "frozen", BUYERS);
    settle(w);
    track(w, "\"userId\":\"u2\"", "Purchase");
    w->cx->now += INT64_C(9) * 86400000;
    settle(w);
    assert_int_equal(people(w, path), 1);
    snprintf(text, sizeof text, "{\"expression\":{\"not\":{\"in\":\"%s\"}}}", path + strlen("/api/1/segments/"));
    call(w, .method = "POST", .path = "/api/1/segments/preview", .staff = true, .body = text);
    expect(w, 200, "{\"people\":1,\"known\":2,");
    call(w, .method = "PUT", .path = path, .staff = true, .match = "1", .body = "{\"name\":\"G\",\"expression\":[]}");
    expect(w, 400, "\"code\":\"segment_frozen\"");
    snprintf(text, sizeof text, "{\"name\":\"G\",\"expression\":%s}", BUYERS);
    call(w, .method = "PUT", .path = path, .staff = true, .match = "1", .body = text);
    expect(w, 200, "\"name\":\"G\"");
    settle(w);
    assert_int_equal(people(w, path), 1);
}
API(an_edit_needs_the_version_and_counts_again)
{
    char text[300];
    track(w, "\"userId\":\"u1\"", "Purchase");
    track(w, "\"userId\":\"u2\"", "Visit");
    const char *path = make(w, "A", "live", BUYERS);
    settle(w);
    static const char ALL[] = "{\"name\":\"A\",\"expression\":[]}";
    call(w, .method = "PUT", .path = path, .staff = true, .body = ALL);
    expect(w, 400, "\"field\":\"If-Match\"");
    call(w, .method = "PUT", .path = path, .staff = true, .match = "\"2\"", .body = ALL);
    expect(w, 409, "\"code\":\"segment_changed\"");
    call(w, .method = "PUT", .path = path, .staff = true, .match = "\"1\"", .body = ALL);
    expect(w, 200, "\"version\":2");
    settle(w);
    assert_int_equal(people(w, path), 2);
    snprintf(text, sizeof text, "{\"in\":\"%s\"}", path + strlen("/api/1/segments/"));
    const char *over = make(w, "over A", "live", text);
    settle(w);
    assert_int_equal(people(w, over), 2);
    snprintf(text, sizeof text, "{\"name\":\"A\",\"expression\":{\"not\":{\"in\":\"%s\"}}}",
        over + strlen("/api/1/segments/"));
    call(w, .method = "PUT", .path = path, .staff = true, .match = "2", .body = text);
    expect(w, 409, "\"code\":\"segment_cycle\"");
    expect(w, 409, "\"field\":\"expression.not.in");
    snprintf(text, sizeof text, "{\"name\":\"A\",\"expression\":%s}", BUYERS);
    call(w, .method = "PUT", .path = path, .staff = true, .match = "2", .body = text);
    expect(w, 200, "\"version\":3");
    settle(w);                                    /* whoever contains it is counted again, too */
    assert_int_equal(people(w, over), 1);
    call(w, .method = "DELETE", .path = path, .staff = true, .match = "3");
    expect(w, 409, "\"code\":\"segment_in_use\"");
    call(w, .method = "DELETE", .path = over, .staff = true, .match = "1");
    expect(w, 200, "{}");
    call(w, .method = "DELETE", .path = path, .staff = true, .match = "3");
    expect(w, 200, "{}");
    call(w, .method = "GET", .path = path, .staff = true);
    expect(w, 404, "\"code\":\"segment_unknown\"");
}
API(imported_history_is_counted)
{
    static const char file[] = "t,e,u\n2023-11-14T22:00:00Z,Purchase,u1\n2023-11-14T22:00:00Z,Visit,u2\n";
    char url[100];
    const char *path = make(w, "B", "live", BUYERS);
    settle(w);
    call(w, .method = "POST", .path = "/api/1/imports?source=s&name=f.csv&format=csv&map=time%3Dt,event%3De,user%3Du",
        .raw = str_z(file), .staff = true);
    expect(w, 201, "imp_");
    Str id = json_str_of(world_node(w, "id"));
    snprintf(url, sizeof url, "/api/1/imports/%.*s/rows?at=0&last=true", (int)id.n, id.p);
    call(w, .method = "POST", .path = url, .raw = str_z(file), .staff = true);
    expect(w, 200, "\"kept\":2");
    settle(w);
    assert_int_equal(people(w, path), 1);
}
#ifdef LIUKE_FAULT
/* One step with the n-th operation of a kind failing; was it met? */
static bool failing_step(World *w, FaultKind kind, long n)
{
    Cx own = world_records_cx(w->cx);
    AudienceScope s = { .week_start = 1 };
    Cx *cx = &own;
    own.now = w->cx->now;
    ok(zone_get(cx, w->app.zone, &s.zone));
    fault_arm(kind, n);
    (void)!audience_step(cx, w->app.events, &s);
    bool fired = fault_fired(kind);
    fault_arm(kind, -1);
    world_records_cx_done(&own);
    return fired;
}
API(a_step_that_fails_anywhere_comes_again_and_counts_once)
{
    static const FaultKind kinds[] = { FAULT_ALLOC, FAULT_DB, FAULT_AGAIN };
    const char *path = make(w, "B", "live", BUYERS);
    settle(w);
    for (size_t k = 0; k < COUNT(kinds); k++) {
        char who[40];
        snprintf(who, sizeof who, "\"userId\":\"u%zu\"", k);
        track(w, who, "Purchase");
        for (long n = 0; n < 400 && failing_step(w, kinds[k], n); n += 1 + n / 20) { }
        settle(w);
        assert_int_equal(people(w, path), (int64_t)k + 1);
        call(w, .method = "GET", .path = under(w, path, "/people"), .staff = true);
        assert_int_equal(world_node(w, "items")->n, k + 1);
    }
    assert_int_equal(world_events(w), 2 * (int64_t)COUNT(kinds));  /* a purchase and an entry each */
}
#endif
API(bad_segments_are_refused_by_the_place)
{
    static const struct { const char *body, *field, *code; } table[] = {
        { "{}", "name", "required" },
        { "{\"name\":\"  \",\"expression\":[]}", "name", "required" },
        { "{\"name\":\"x\"}", "expression", "required" },
        { "{\"name\":\"x\",\"expression\":null}", "expression", "required" },
        { "{\"name\":\"x\",\"expression\":7}", "expression", "wrong_type" },
        { "{\"name\":\"x\",\"kind\":\"warm\",\"expression\":[]}", "kind", "not_one_of" },
        { "{\"name\":\"x\",\"expression\":[{\"did\":{\"times\":{\"ge\":\"3\"}}}]}", "expression[0].did.times.ge",
            "wrong_type" },
        { "{\"name\":\"x\",\"expression\":{\"prop\":\"a\",\"op\":\"set\"}}", "expression.prop", "audience_of_people" },
        { "{\"name\":\"x\",\"expression\":{\"in\":\"seg_0000000000001\"}}", "expression.in", "segment_unknown" },
        { "{\"name\":\"taken\",\"expression\":[]}", "name", "segment_taken" },
    };
    (void)make(w, "taken", "live", "[]");
    for (size_t i = 0; i < COUNT(table); i++) {
        char want[200];
        call(w, .method = "POST", .path = "/api/1/segments", .staff = true, .body = table[i].body);
        snprintf(want, sizeof want, "{\"error\":{\"code\":\"%s\",\"field\":\"%s\"", table[i].code, table[i].field);
        expect(w, i + 1 < COUNT(table) ? 400 : 409, want);
    }
    static const char *const paths[] = { "/api/1/segments/x", "/api/1/segments/x/people", "/api/1/people/x/segments" };
    for (size_t i = 0; i < COUNT(paths); i++) {
        call(w, .method = "GET", .path = paths[i], .staff = true);
        expect(w, 400, "\"code\":\"bad_id\"");
    }
    call(w, .method = "GET", .path = "/api/1/segments");
    expect(w, 401, "");
    call(w, .method = "GET", .path = "/api/1/segments?limit=0", .staff = true);
    expect(w, 400, "\"field\":\"limit\"");
}
