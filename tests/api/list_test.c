/* Lists in pages: nothing twice, nothing left out. */
#include "tests/api/api_world.h"
#include <stdio.h>
#include <string.h>

/* Reads a list to its end; how many items, each with a different value of key. */
static int pages(World *w, const char *path, int limit, const char *key)
{
    char next[64] = "", url[300], seen[400] = { 0 };
    int n = 0;
    for (int rounds = 0; rounds < 60; rounds++) {
        snprintf(url, sizeof url, "%s?limit=%d%s%s", path, limit, *next ? "&after=" : "", next);
        call(w, .method = "GET", .path = url, .staff = true);
        expect(w, 200, "\"items\"");
        const JsonNode *items = json_get(world_node(w, NULL), S("items")), *item = json_first(items);
        assert_in_range(items->n, 0, limit);
        for (uint32_t i = 0; item && i < items->n; i++, item = json_next(item), n++) {
            const JsonNode *props = json_get(item, S("props")), *v = json_get(props ? props : item, str_z(key));
            assert_non_null(v);
            if (v->kind != JSON_INT) continue;
            assert_in_range(v->i, 0, sizeof seen - 1);
            assert_int_equal(seen[v->i]++, 0);
        }
        Str more = json_str_of(json_get(world_node(w, NULL), S("next")));
        if (more.n == 0) return n;
        snprintf(next, sizeof next, "%.*s", (int)more.n, more.p);
    }
    return -1;
}
API(a_timeline_of_many_events_in_one_moment_is_read_whole)
{
    enum { EVENTS = 130 };
    char path[100];
    for (int i = 0; i < EVENTS; i++) {                   /* three moments; a hundred in one of them */
        char body[200];
        snprintf(body, sizeof body, "{\"event\":\"E\",\"anonymousId\":\"a1\","
        "\"timestamp\":\"2023-11-0%dT00:00:00Z\",\"properties\":{\"n\":%d}}",
            i < 100 ? 2 : i < 120 ? 1 : 3, i);
        call(w, .method = "POST", .path = "/v1/track", .key = w->pk.p, .body = body);
        expect(w, 200, "success");
    }
    Hash128 actor = keys_actor(w->app.keys, S("anon"), S("a1"));
    snprintf(path, sizeof path, "/api/1/people/vis_%016llx%016llx/timeline", (unsigned long long)actor.a,
        (unsigned long long)actor.b);
    static const int limits[] = { 7, 13, 65, 130, 200 };
    for (size_t i = 0; i < COUNT(limits); i++) assert_int_equal(pages(w, path, limits[i], "n"), EVENTS);
    Cx *cx = w->cx;
    ok(events_flush(cx, w->app.events));
    assert_int_equal(pages(w, path, 7, "n"), EVENTS);
    snprintf(path + strlen(path), 20, "?after=1.x");
    call(w, .method = "GET", .path = path, .staff = true);
    expect(w, 400, "\"code\":\"bad_cursor\"");
}
API(imports_and_mails_come_in_pages)
{
    for (int i = 0; i < 7; i++) {
        char path[200];
        snprintf(path, sizeof path, "/api/1/imports?source=s&name=f%d.csv&format=csv&map=time%%3Dt,event%%3De,"
        "user%%3Du", i);
        char file[40];
        snprintf(file, sizeof file, "t,e,u\n2023-01-0%d,E,u\n", i + 1);
        call(w, .method = "POST", .path = path, .raw = str_z(file), .staff = true);
        expect(w, 201, "imp_");
    }
    assert_int_equal(pages(w, "/api/1/imports", 3, "name"), 7);
    static const char *const lists[] = { "/api/1/imports", "/api/1/mails", "/api/1/people" };
    for (size_t i = 0; i < COUNT(lists); i++) {
        char path[100];
        snprintf(path, sizeof path, "%s?limit=201", lists[i]);
        call(w, .method = "GET", .path = path, .staff = true);
        expect(w, 400, "\"field\":\"limit\"");
        snprintf(path, sizeof path, "%s?after=x", lists[i]);
        call(w, .method = "GET", .path = path, .staff = true);
        expect(w, 400, "\"code\":\"bad_cursor\"");
    }
}
