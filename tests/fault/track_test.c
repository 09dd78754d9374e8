/* What comes in and what is asked: the tracking API, sources, imports, questions. */
#include "tests/fault/fault_flow.h"
#include <stdio.h>
#include <string.h>

/* --- tracking --- */

static Status send_batch(World *w)
{
    return flow_http(w, .method = "POST", .path = "/v1/batch", .key = w->pk.p, .body =
        "{\"batch\":[{\"type\":\"track\",\"event\":\"Signed Up\",\"anonymousId\":\"a1\",\"messageId\":\"m1\","
        "\"properties\":"
        "{\"plan\":\"free\",\"tags\":[\"a\",\"b\"],\"n\":3,\"cart\":{\"id\":7}}},"
        "{\"type\":\"track\",\"anonymousId\":\"a1\",\"messageId\":\"nameless\"},"
        "{\"type\":\"page\",\"anonymousId\":\"a1\",\"messageId\":\"m2\","
        "\"properties\":{\"url\":\"https://x.cn/?m=li%40example.cn\"}},"
        "{\"type\":\"track\",\"event\":\"Paid\",\"userId\":\"u1\",\"messageId\":\"m3\","
        "\"properties\":{\"amount\":12.5}}]}");
}
static void batch_is_there(World *w, bool done)
{
    int64_t n = world_events(w);
    if (n != 3 && (done || n != 0)) print_error("%lld events of 3\n", (long long)n);
    assert_true(n == 3 || (!done && n == 0));
    if (!done) return;
    assert_int_equal(send_batch(w), ST_OK);                /* and again: the same events */
    assert_int_equal(world_events(w), 3);
}
FLOW(a_batch_is_kept_whole_and_once, .act = send_batch, .check = batch_is_there)

static Hash128 actor(World *w, const char *kind, const char *id)
{
    return keys_actor(w->app.keys, str_z(kind), str_z(id));
}
static bool joined(World *w)
{
    Hash128 a = events_root(w->app.events, actor(w, "anon", "a1")), u = events_root(w->app.events,
        actor(w, "user", "u1"));
    return a.a == u.a && a.b == u.b;
}
static Status send_identify(World *w)
{
    return flow_http(w, .method = "POST", .path = "/v1/identify", .key = w->sk.p, .body =
        "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"messageId\":\"i1\","
        "\"traits\":{\"email\":\"li@example.cn\",\"name\":\"李雷\","
        "\"plan\":\"pro\"},\"context\":{\"ip\":\"203.0.113.7\"}}");
}
static void identity_is_there(World *w, bool done)
{
    int64_t n = world_events(w);
    assert_true(n == 1 || (!done && n == 0));
    assert_int_equal(joined(w), n == 1);                   /* the join and its event: one frame */
}
FLOW(an_identify_joins_and_tells_or_neither, .act = send_identify, .check = identity_is_there)

/* --- sources --- */

static Status add_source(World *w)
{
    return flow_http(w, .method = "POST", .path = "/api/1/sources", .staff = true,
        .body = "{\"name\":\"shop\",\"consent\":\"assumed\",\"consent_reason\":\"tests\"}");
}
static void source_is_there(World *w, bool done)
{
    int64_t n = flow_count(w, SQL("SELECT count(*) FROM source"));
    assert_int_equal(n, done ? 2 : 1);   /* its secret key is shown once: an error means there is none */
    if (!done) return;
    call(w, .method = "GET", .path = "/api/1/sources", .staff = true);
    expect(w, 200, "\"name\":\"shop\"");
    Str key = json_str_of(json_get(json_next(json_first(world_node(w, "items"))), S("public_key")));
    key = arena_str(w->cx->arena, key);
    int64_t before = world_events(w);
    call(w, .method = "POST", .path = "/v1/track", .key = key.p, .body = "{\"event\":\"E\",\"anonymousId\":\"a\"}");
    expect(w, 200, "success");                             /* its key is taken */
    assert_int_equal(world_events(w), before + 1);
}
FLOW(a_source_is_added_with_its_keys_or_not, .act = add_source, .check = source_is_there)

/* --- imports --- */

static const char rows[] = "when,what,who,note,price\n2023-01-02,open,u1,\"say \"\"hi\"\""
    "\",1\n2023-01-03,open,u2,b,12.5\n"
    ",open,u3,no time,\n2023-02-03,buy,u1,li@example.cn,3\n2023-02-03,buy,u1,li@example.cn,3\n";
static const char import_path[] = "/api/1/imports?source=crm&name=%E6%97%A7.csv&format=csv&"
    "map=time%3Dwhen,event%3Dwhat,user%3Dwho";
static Status begin_import(World *w)
{
    return flow_http(w, .method = "POST", .path = import_path, .body = rows, .staff = true);
}
static void import_is_there(World *w, bool done)
{
    int64_t n = flow_count(w, SQL("SELECT count(*) FROM import")),
        s = flow_count(w, SQL("SELECT count(*) FROM source"));
    assert_true(n == 1 || (!done && n == 0));
    assert_int_equal(s, n + 1);
    assert_int_equal(flow_count(w, SQL("SELECT coalesce(sum(done + kept + rejected), 0) FROM import")), 0);
}
FLOW(an_import_begins_once, .act = begin_import, .check = import_is_there)

static void import_begun(World *w) { assert_int_equal(begin_import(w), ST_OK); }
/* From where it stands, as the command line does. */
static Status import_rows(World *w)
{
    WorldFault *fault = w->fault;
    char path[100];
    w->fault = NULL;
    call(w, .method = "POST", .path = import_path, .body = rows, .staff = true);
    expect(w, 201, "\"id\":\"imp_");
    const JsonNode *m = world_node(w, NULL);
    Str id = json_str_of(json_get(m, S("id")));
    int64_t at = json_get(m, S("done"))->i;
    w->fault = fault;
    if (at == sizeof rows - 1) return ST_OK;               /* nothing is left to send */
    snprintf(path, sizeof path, "/api/1/imports/%.*s/rows?at=%lld&last=true", (int)id.n, id.p, (long long)at);
    return flow_http(w, .method = "POST", .path = path, .body = rows + at, .staff = true);
}
static void rows_are_there(World *w, bool done)
{
    int64_t events = world_events(w), at = flow_count(w, SQL("SELECT done FROM import"));
    if (events != 4 && (done || events))
        print_error("%lld events of 4, %lld bytes\n", (long long)events, (long long)at);
    assert_true(events == 4 || (!done && events == 0));
    assert_true(at == sizeof rows - 1 || (!done && at == 0));
    if (at) assert_int_equal(events, 4);                   /* journalled only when durable */
    if (at) assert_int_equal(flow_count(w, SQL("SELECT kept * 10 + rejected FROM import")), 41);
}
FLOW(rows_are_imported_once, .before = import_begun, .act = import_rows, .check = rows_are_there)

/* --- questions and lists: an answer is the right one or an error --- */

static void some_events(World *w)
{
    static const char *const days[] = { "2023-11-01T01:00:00Z", "2023-11-02T01:00:00Z", "2023-11-05T01:00:00Z" };
    char body[300];
    Cx *cx = w->cx;
    assert_int_equal(begin_import(w), ST_OK);
    assert_int_equal(import_rows(w), ST_OK);
    for (int i = 0; i < 6; i++) {
        snprintf(body, sizeof body, "{\"batch\":[{\"type\":\"track\",\"event\":\"%s\",\"userId\":\"u%d\","
            "\"messageId\":\"m%d\",\"timestamp\":\"%s\","
                 "\"properties\":{\"plan\":\"p%d\"}}]}", i % 2 ? "Open" : "Buy", i % 3, i, days[i / 2], i);
        call(w, .method = "POST", .path = "/v1/batch", .key = w->sk.p, .body = body);
        expect(w, 200, "success");
        if (i == 3) ok(events_flush(cx, w->app.events));
    }
    assert_int_equal(flow_http(w, .method = "POST", .path = "/join", .body = "email=li%40example.cn&anonymous_id=a1",
        .type = "application/x-www-form-urlencoded"), ST_OK);
}
static const struct { const char *method, *path, *body; } readings[] = {
    { "POST", "/api/1/ask", "{\"kind\":\"trend\",\"event\":{\"name\":\"Open\",\"props\":{\"plan\":\"p1\"}},"
        "\"measure\":\"people\",\"period\":\"day\","
      "\"from\":\"2023-11-01\",\"to\":\"2023-11-10\",\"timezone\":\"Asia/Shanghai\","
      "\"filter\":[{\"prop\":\"plan\",\"op\":\"is_not\",\"value\":\"x\"}]}" },
    { "POST", "/api/1/ask", "{\"kind\":\"retention\",\"period\":\"day\",\"first_interval\":\"2023-11-01\","
        "\"intervals\":5,\"mode\":\"recurring\","
      "\"start_event\":{\"name\":\"Buy\"},\"return_event\":{\"name\":\"Open\"}}" },
    { "GET", "/api/1/stats", NULL }, { "GET", "/api/1/sources", NULL }, { "GET", "/api/1/imports?limit=5", NULL },
    { "GET", "/api/1/people", NULL }, { "GET", "/api/1/refusals", NULL }, { "GET", "/api/1/mails", NULL },
    { "POST", "/api/1/people/find", "{\"email\":\"li@example.cn\"}" },
    { "GET", "/join?anonymous_id=a%201&lang=zh", NULL }, { "GET", "/api/1/openapi.json", NULL },
    { "GET", "/console", NULL },
    { "GET", "/v1/projects/PK/settings", NULL }, { "GET", "/sourceConfig/?writeKey=PK", NULL },
    { "GET", "/healthz", NULL },
    { "GET", "/api/1/people/VIS", NULL }, { "GET", "/api/1/people/VIS/timeline?limit=3", NULL },
};
static size_t reading;
static char right[1 << 20];              /* the body without the fault */
static size_t n_right;
/* What differs from call to call: how long it took. */
static size_t body_of(World *w, char *to)
{
    Str b = world_body(w);
    const char *us = b.n ? memmem(b.p, b.n, ",\"ms\":", 6) : NULL;
    size_t n = us ? (size_t)(us - b.p) : b.n;
    assert_true(n < sizeof right);
    if (n) memcpy(to, b.p, n);
    return n;
}
static Status read_it(World *w)
{
    char path[200];
    const char *p = readings[reading].path, *pk = strstr(p, "PK"), *vis = strstr(p, "VIS");
    Hash128 u = actor(w, "user", "u1");
    if (pk) snprintf(path, sizeof path, "%.*s%s%s", (int)(pk - p), p, w->pk.p, pk + 2);
    else if (vis) snprintf(path, sizeof path, "%.*svis_%016llx%016llx%s", (int)(vis - p), p, (unsigned long long)u.a,
                           (unsigned long long)u.b, vis + 3);
    else snprintf(path, sizeof path, "%s", p);
    return flow_http(w, .method = readings[reading].method, .path = path, .body = readings[reading].body,
        .staff = true);
}
static void read_once(World *w)
{
    some_events(w);
    assert_int_equal(read_it(w), ST_OK);
    n_right = body_of(w, right);
}
static void same(const char *got, size_t n)
{
    bool is = n == n_right && memcmp(got, right, n) == 0;
    if (!is) print_error("%.*s\nis not\n", (int)(n < 500 ? n : 500), got);
    if (!is) print_error("%.*s\n", (int)(n_right < 500 ? n_right : 500), right);
    assert_true(is);
}
static void read_right(World *w, bool done)
{
    static char got[sizeof right];
    if (!done) return;
    assert_int_equal(read_it(w), ST_OK);
    size_t n = body_of(w, got);
    same(got, n);
}
/* The reply under the fault itself, when it said 200. */
static Status read_act(World *w)
{
    static char got[sizeof right];
    bool faulty = w->fault != NULL;
    Status st = read_it(w);
    if (st != ST_OK || !faulty) return st;
    size_t n = body_of(w, got);
    same(got, n);
    return st;
}
TEST(what_is_read_is_right_or_an_error)
{
    (void)cx;
    for (reading = 0; reading < COUNT(readings); reading++) {
        printf("  %s\n", readings[reading].path);
        flow_run(&(Flow){ .before = read_once, .act = read_act, .check = read_right });
    }
}
