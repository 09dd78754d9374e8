#include "tests/api/api_world.h"
#include <stdio.h>
#include <string.h>

API(no_route_of_the_team_opens_without_the_token)
{
    for (size_t t = 0; t < w->http.n_tables; t++)
        for (size_t i = 0; i < w->http.tables[t].n; i++) {
            const Route *r = &w->http.tables[t].routes[i];
            if (r->may == PUBLIC) continue;
            call(w, .method = r->method, .path = r->path, .body = strcmp(r->method, "GET") ? "{}" : NULL);
            expect(w, 401, "\"code\":\"unknown_who\"");
        }
}
API(the_console_and_its_files_are_served)
{
    static const char *const files[][2] = { { "/console", "<main" }, { "/console/app.js", "hashchange" },
        { "/console/base.js", "fetch" }, { "/console/insight.js", "retention" }, { "/console/lists.js", "EventSource" },
        { "/console/text.js", "留存" },
                                            { "/console/style.css", "--accent" }, { "/join.css", "input" },
                                                { "/join", "type=\"email\"" } };
    for (size_t i = 0; i < COUNT(files); i++) {
        call(w, .method = "GET", .path = files[i][0]);
        expect(w, 200, files[i][1]);
    }
    call(w, .method = "GET", .path = "/");
    expect(w, 302, "");
}
API(signing_in_gives_a_cookie_that_opens_the_console_and_no_more)
{
    call(w, .method = "POST", .path = "/api/1/session", .body = "{\"token\":\"wrong\"}");
    expect(w, 401, "\"code\":\"bad_token\"");
    call(w, .method = "POST", .path = "/api/1/session", .body = "{\"token\":\"admin\"}");
    expect(w, 200, "{\"ok\":true}");
    bool found = false;
    for (size_t i = 0; i < w->res.n_headers; i++)
        found |= str_is(w->res.headers[i].name, "Set-Cookie") && memmem(w->res.headers[i].value.p,
            w->res.headers[i].value.n, "HttpOnly; SameSite=Strict", 25);
    assert_true(found);
    call(w, .method = "GET", .path = "/api/1/session");
    expect(w, 200, "{\"ok\":false}");
    call(w, .method = "GET", .path = "/api/1/session", .staff = true);
    expect(w, 200, "{\"ok\":true}");
}
API(names_are_offered_by_how_often_they_come)
{
    call(w, .method = "GET", .path = "/api/1/names", .staff = true);
    expect(w, 200, "{\"events\":[],\"props\":[],\"sampled\":0}");
    for (int i = 0; i < 3; i++) {
        call(w, .method = "POST", .path = "/v1/track", .key = w->pk.p, .body = i
            ? "{\"event\":\"Often\",\"anonymousId\":\"a1\",\"properties\":{\"plan\":\"pro\"}}"
            : "{\"event\":\"Seldom\",\"anonymousId\":\"a2\"}");
        expect(w, 200, "success");
    }
    call(w, .method = "GET", .path = "/api/1/names", .staff = true);
    expect(w, 200, "\"events\":[{\"name\":\"Often\",\"count\":2},{\"name\":\"Seldom\",\"count\":1}]");
    expect(w, 200, "{\"name\":\"plan\",\"count\":2}");
    expect(w, 200, "\"sampled\":3}");
}
API(a_visitor_has_a_timeline_before_leaving_anything)
{
    call(w, .method = "POST", .path = "/v1/track", .key = w->pk.p,
        .body = "{\"event\":\"Viewed\",\"anonymousId\":\"a1\"}");
    expect(w, 200, "success");
    Hash128 actor = keys_actor(w->app.keys, S("anon"), S("a1"));
    char path[120];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/api/1/people/vis_%016llx%016llx%s", (unsigned long long)actor.a,
                 (unsigned long long)actor.b, i ? "/timeline" : "");
        call(w, .method = "GET", .path = path, .staff = true);
        expect(w, 200, i ? "\"name\":\"Viewed\"" : "\"known\":false");
    }
    call(w, .method = "GET", .path = "/api/1/people/nobody", .staff = true);
    expect(w, 400, "\"code\":\"bad_id\"");
}
API(the_openapi_document_names_every_route)
{
    call(w, .method = "GET", .path = "/api/1/openapi.json");
    expect(w, 200, "\"openapi\":\"3.1");
    for (size_t t = 0; t < w->http.n_tables; t++)
        for (size_t i = 0; i < w->http.tables[t].n; i++) expect(w, 200, w->http.tables[t].routes[i].path);
}
/* "/api/1/people/{id}" with something in each brace */
static const char *filled(World *w, const char *path)
{
    Buf b = buf_new(w->cx->arena, 300);
    for (const char *p = path; *p; p++) {
        if (*p != '{') {
            buf_addc(&b, *p);
            continue;
        }
        buf_addz(&b, "x");
        p = strchr(p, '}');
    }
    buf_addc(&b, 0);
    return b.p;
}
API(every_route_answers_nonsense_with_a_clear_refusal_or_its_page_and_never_breaks)
{
    static const char *const bodies[] = { "", "{}", "[]", "{\"a\":", "email=x&code=1", "\xff\xfe" };
    for (size_t t = 0; t < w->http.n_tables; t++)
        for (size_t i = 0; i < w->http.tables[t].n; i++)
            for (size_t k = 0; k < COUNT(bodies); k++) {
                const Route *r = &w->http.tables[t].routes[i];
                bool get = strcmp(r->method, "GET") == 0;
                call(w, .method = r->method, .path = filled(w, r->path), .body = get ? NULL : bodies[k], .staff = true);
                if (w->res.code >= 500 || w->res.code < 200)
                    print_error("%s %s: %d\n", r->method, r->path, w->res.code);
                assert_in_range(w->res.code, 200, 499);
                if (get) break;
            }
}
