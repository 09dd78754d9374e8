#include "http/peer_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/limits.h"

static Res rs;
static char text[6 << 20];

static const char *body(void)
{
    Str s = rs.still.p ? rs.still : buf_str(&rs.body);
    assert_true(s.n < sizeof text);
    if (s.n) memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return text;
}
static const char *header(const char *name)
{
    for (size_t i = 0; i < rs.n_headers; i++)
        if (strcmp(rs.headers[i].name.p, name) == 0) return rs.headers[i].value.p;
    return NULL;
}
static void serve(Cx *cx, const HttpConfig *cf, Req rq, int code, const char *part)
{
    http_serve(cx, cf, &rq, &rs);
    if (rs.code != code || !strstr(body(), part)) print_error("got %d %s, want %d %s\n", rs.code, body(), code, part);
    assert_int_equal(rs.code, code);
    assert_non_null(strstr(body(), part));
}
static void get(Cx *cx, const HttpConfig *cf, const char *path, int code, const char *part)
{
    Str rest = str_z(path), p = str_cut(&rest, '?');
    serve(cx, cf, (Req){ .method = S("GET"), .path = p, .query = rest }, code, part);
}
TEST(a_request_without_a_socket_goes_the_same_way)
{
    HttpConfig cf = peer_config();
    the_app = (struct App){ 0 };
    get(cx, &cf, "/hello", 200, "{\"hello\":true}");
    get(cx, &cf, "/people/a%20b?q=%E4%BD%A0", 200, "{\"id\":\"a b\",\"q\":\"你\"");
    get(cx, &cf, "/people/1/events/2", 200, "\"id\":\"1\"");
    get(cx, &cf, "/people/", 404, "\"code\":\"not_found\"");
    get(cx, &cf, "/people/1/", 404, "\"code\":\"not_found\"");
    get(cx, &cf, "/people/a%2", 400, "\"code\":\"bad_request\",\"field\":\"url\"");
    get(cx, &cf, "/download", 200, "xxxx");
    assert_int_equal(rs.body.n, 5 << 20);
    assert_int_equal(the_app.dropped, 1);
    serve(cx, &cf, (Req){ .method = S("POST"), .path = S("/log"), .query = S("now") }, 200, "{\"success\":true}");
    serve(cx, &cf, (Req){ .method = S("POST"), .path = S("/log"), .query = S("broken") }, 500, "\"code\":\"io\"");
    assert_true(rs.used > 0);
}
TEST(a_body_is_decoded_by_its_shape_and_a_bad_one_named)
{
    static const struct { const char *body; int code; const char *part; } cases[] = {
        { "{\"name\":\"小明\"}", 201, "{\"name\":\"小明\",\"length\":6}" },
        { "{}", 400, "\"code\":\"required\",\"field\":\"name\"" },
        { "{\"name\":1}", 400, "\"code\":\"wrong_type\",\"field\":\"name\"" },
        { "{\"name\":\"a\",\"x\":1}", 400, "\"code\":\"unknown_field\",\"field\":\"x\"" },
        { "", 400, "\"code\":\"bad_json\",\"field\":null" },
    };
    HttpConfig cf = peer_config();
    for (size_t i = 0; i < COUNT(cases); i++)
        serve(cx, &cf, (Req){ .method = S("POST"), .path = S("/names"), .body = str_z(cases[i].body) }, cases[i].code,
              cases[i].part);
    static const Header form = { S_INIT("Content-Type"), S_INIT("text/plain") };
    static const Header json = { S_INIT("content-type"), S_INIT("Application/JSON; charset=utf-8") };
    Req rq = { .method = S("POST"), .path = S("/names"), .body = S("{\"name\":\"a\"}"), .headers = &form,
        .n_headers = 1 };
    serve(cx, &cf, rq, 415, "\"code\":\"bad_type\"");
    rq.headers = &json;
    serve(cx, &cf, rq, 201, "\"length\":1");
}
TEST(an_error_speaks_the_language_asked_for)
{
    static const struct { const char *query, *accept; const char *message; } cases[] = {
        { "", NULL, "not found" }, { "lang=zh", NULL, "没有找到" }, { "lang=en", "zh", "not found" },
        { "lang=fr", "zh", "没有找到" }, { "", "zh-CN,zh;q=0.9,en;q=0.8", "没有找到" },
        { "", "en;q=0.5, zh;q=0.7", "没有找到" }, { "", "fr, de;q=0.9", "not found" },
        { "", "zh;q=0", "not found" },
        { "", "zho", "not found" }, { "", ";;,,q=", "not found" }, { "", "EN-us, zh", "not found" },
    };
    HttpConfig cf = peer_config();
    for (size_t i = 0; i < COUNT(cases); i++) {
        Header h = { S("Accept-Language"), str_z(cases[i].accept) };
        serve(cx, &cf, (Req){ .method = S("GET"), .path = S("/none"), .query = str_z(cases[i].query), .headers = &h,
                              .n_headers = cases[i].accept != NULL }, 404, cases[i].message);
    }
}
TEST(every_status_has_its_http_code_and_details_of_ours_stay_here)
{
    static const struct { int code; const char *part; } want[] = {
        { 200, "fine" }, { 400, "\"invalid\"" }, { 401, "\"unknown_who\"" }, { 403, "\"denied\"" },
        { 404, "\"not_found\"" }, { 409, "\"conflict\"" }, { 429, "\"limited\"" }, { 503, "\"busy\"" },
        { 503, "\"no_mem\"" }, { 500, "\"io\"" }, { 500, "\"bug\"" } };
    HttpConfig cf = peer_config();
    assert_int_equal(COUNT(want), ST_MAX_);
    for (int st = 0; st < ST_MAX_; st++) {
        char path[32];
        snprintf(path, sizeof path, "/status/%d", st);
        get(cx, &cf, path, want[st].code, want[st].part);
        assert_null(strstr(body(), "secret"));
        assert_int_equal(header("Retry-After") != NULL, want[st].code == 429 || want[st].code == 503);
    }
}
TEST(a_route_lets_in_whom_its_may_names)
{
    HttpConfig cf = peer_config();
    Req rq = { .method = S("GET"), .path = S("/admin") };
    the_app = (struct App){ 0 };
    serve(cx, &cf, rq, 401, "unknown_who");
    rq.who = 7;
    rq.may = 2;
    serve(cx, &cf, rq, 403, "denied");
    assert_int_equal(the_app.runs, 0);
    rq.may = 2 | 4;
    serve(cx, &cf, rq, 200, "hello");
}
TEST(other_methods_are_405_with_what_is_allowed_and_options_answers_itself)
{
    HttpConfig cf = peer_config();
    serve(cx, &cf, (Req){ .method = S("DELETE"), .path = S("/echo") }, 405, "\"code\":\"bad_method\"");
    assert_string_equal(header("Allow"), "POST, PUT, OPTIONS");
    serve(cx, &cf, (Req){ .method = S("POST"), .path = S("/hello") }, 405, "bad_method");
    assert_string_equal(header("Allow"), "GET, HEAD, OPTIONS");
    serve(cx, &cf, (Req){ .method = S("OPTIONS"), .path = S("/hello") }, 204, "");
    assert_null(header("Access-Control-Allow-Origin"));
    serve(cx, &cf, (Req){ .method = S("OPTIONS"), .path = S("/none") }, 404, "not_found");
    serve(cx, &cf, (Req){ .method = S("HEAD"), .path = S("/hello") }, 200, "");
    assert_int_equal(rs.still.n, 0);
}
TEST(a_preflight_allows_what_the_trackers_send)
{
    HttpConfig cf = peer_config();
    serve(cx, &cf, (Req){ .method = S("OPTIONS"), .path = S("/v1/batch") }, 204, "");
    assert_string_equal(header("Access-Control-Allow-Origin"), "*");
    assert_string_equal(header("Access-Control-Allow-Methods"), "GET, POST, OPTIONS");
    assert_string_equal(header("Access-Control-Max-Age"), "86400");
    assert_string_equal(header("Access-Control-Allow-Headers"),
        "Authorization, Content-Type, X-Retry-Count, AnonymousId, SentAt, Rsa-Recovered, Rsa-Retry-Attempt, "
        "Rsa-Since-Last-Attempt, Rsa-Since-First-Attempt, Rsa-Retry-Reason");
}
TEST(another_protocol_writes_its_own_errors)
{
    static char big[HTTP_BODY_MAX + 1];
    HttpConfig cf = peer_config();
    serve(cx, &cf, (Req){ .method = S("POST"), .path = S("/v1/batch"), .body = { big, sizeof big } }, 413,
          "{\"success\":false}");
}
TEST(a_reply_past_the_maximum_or_past_the_memory_is_an_error_and_whole)
{
    HttpConfig cf = peer_config();
    get(cx, &cf, "/big", 503, "\"code\":\"no_mem\"");
    while (arena_get(cx->arena, 16)) {}
    get(cx, &cf, "/hello", 200, "hello");
    get(cx, &cf, "/html", 503, "{\"error\":{\"code\":\"no_mem\",\"field\":null,\"params\":{},\"message\":\"\"}}");
}
TEST(a_header_with_a_line_break_is_dropped)
{
    HttpConfig cf = peer_config();
    get(cx, &cf, "/html", 200, "<p>&lt;你好");
    assert_int_equal(rs.n_headers, 0);
}
static Status stub(Cx *cx, const Req *rq, Res *res) { (void)cx; (void)rq; (void)res; return ST_OK; }
static Status check(Cx *cx, const Route *rt, size_t n)
{
    return routes_check(cx, &(RouteTable){ rt, n }, 1);
}
TEST(a_table_with_a_route_that_says_not_who_may_or_that_collides_does_not_start)
{
    const Route fine[] = { { "GET", "/a/{x}", stub, .may = PUBLIC }, { "POST", "/a/b", stub, .may = PUBLIC },
                           { "GET", "/a/{x}/c", stub, .may = PUBLIC } };
    const Route nobody[] = { { "GET", "/a", stub, .queue = Q_DB } };
    const Route twice[] = { { "GET", "/a", stub, .may = PUBLIC }, { "GET", "/a", stub, .may = 2 } };
    const Route both[] = { { "GET", "/a/{x}", stub, .may = PUBLIC }, { "GET", "/a/b", stub, .may = PUBLIC } };
    const Route method[] = { { "FETCH", "/a", stub, .may = PUBLIC } };
    HttpConfig cf = { .bind = "127.0.0.1" };
    Http *h;
    RouteTable t = { nobody, 1 };
    ok(check(cx, fine, COUNT(fine)));
    assert_int_equal(check(cx, nobody, 1), ST_BUG);
    assert_non_null(strstr(cx->why.log, "GET /a says not who may call it"));
    assert_int_equal(check(cx, twice, 2), ST_BUG);
    assert_int_equal(check(cx, both, 2), ST_BUG);
    assert_int_equal(check(cx, method, 1), ST_BUG);
    cf.tables = &t;
    cf.n_tables = 1;
    assert_int_equal(http_start(cx, &cf, &h), ST_BUG);
}
static size_t gzip_of(const char *p, size_t n, char *to, size_t max)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)p;
    z.avail_in = (unsigned)n;
    z.next_out = (unsigned char *)to;
    z.avail_out = (unsigned)max;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = max - z.avail_out;
    deflateEnd(&z);
    return n;
}
static void post_gzip(Cx *cx, const char *encoding, Str packed, int code, const char *part)
{
    HttpConfig cf = peer_config();
    Header h = { S("Content-Encoding"), str_z(encoding) };
    serve(cx, &cf, (Req){ .method = S("POST"), .path = S("/echo"), .body = packed, .headers = &h, .n_headers = 1 },
        code,
          part);
}
TEST(a_gzip_body_is_undone_and_damage_bombs_and_excess_are_refused)
{
    static char plain[200000], packed[200000];
    size_t n = gzip_of("hello 你好", 12, packed, sizeof packed);
    post_gzip(cx, "gzip", (Str){ packed, n }, 200, "hello 你好");
    post_gzip(cx, "GZIP", (Str){ packed, n }, 200, "hello 你好");
    post_gzip(cx, "identity", S("abc"), 200, "abc");
    post_gzip(cx, "br", S("abc"), 415, "\"code\":\"bad_encoding\"");
    post_gzip(cx, "gzip, gzip", (Str){ packed, n }, 415, "bad_encoding");
    for (size_t cut = 0; cut < n; cut++) post_gzip(cx, "gzip", (Str){ packed, cut }, 415, "bad_encoding");
    packed[n] = 'x';
    post_gzip(cx, "gzip", (Str){ packed, n + 1 }, 415, "bad_encoding");
    packed[n - 5] ^= 1;                       /* the checksum */
    post_gzip(cx, "gzip", (Str){ packed, n }, 415, "bad_encoding");
    srand48(1);
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (char)('a' + lrand48() % 26);
    n = gzip_of(plain, 100000, packed, sizeof packed);
    post_gzip(cx, "gzip", (Str){ packed, n }, 200, "a");
    assert_int_equal(rs.still.n, 100000);
    n = gzip_of(plain, 100001, packed, sizeof packed);
    assert_in_range(n, 1, 100000);
    post_gzip(cx, "gzip", (Str){ packed, n }, 413, "\"max\":100000");
    memset(plain, 'a', sizeof plain);
    n = gzip_of(plain, 100000, packed, sizeof packed);     /* 100 times its size: within the maximum, and a bomb */
    post_gzip(cx, "gzip", (Str){ packed, n }, 413, "too_large");
    n = gzip_of(plain, 60000, packed, sizeof packed);      /* small things may repeat themselves */
    post_gzip(cx, "gzip", (Str){ packed, n }, 200, "aaaa");
}
TEST(the_openapi_document_names_every_route_and_shape)
{
    HttpConfig cf = peer_config();
    const JsonNode *doc;
    get(cx, &cf, "/api/1/openapi.json", 200, "\"openapi\":\"3.1.0\"");
    ok(json_parse(cx, buf_str(&rs.body), &doc));
    const JsonNode *paths = json_get(doc, S("paths"));
    for (const Route *rt = cf.tables->routes; rt < cf.tables->routes + cf.tables->n; rt++) {
        char method[8] = { 0 };
        for (size_t i = 0; rt->method[i]; i++) method[i] = (char)(rt->method[i] | 0x20);
        assert_non_null(json_get(json_get(paths, str_z(rt->path)), str_z(method)));
    }
    const JsonNode *schemas = json_get(json_get(doc, S("components")), S("schemas"));
    assert_non_null(json_get(schemas, S("name_in")));
    assert_non_null(json_get(schemas, S("name_out")));
    assert_non_null(json_get(schemas, S("Error")));
    const JsonNode *post = json_get(json_get(paths, S("/names")), S("post"));
    assert_non_null(json_get(json_get(post, S("responses")), S("201")));
    const JsonNode *admin = json_get(json_get(paths, S("/admin")), S("get"));
    assert_null(json_get(admin, S("security")));           /* the document's own: a token */
}
#ifdef LIUKE_FAULT
static void serve_with_faults(Cx *cx, Req rq, int fine)
{
    HttpConfig cf = peer_config();
    int n = 0;
    for (bool fired = true; fired && n < 1000; n++) {
        arena_reset(cx->arena);
        fault_arm(FAULT_ALLOC, n);
        http_serve(cx, &cf, &rq, &rs);
        fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        if (rs.code != fine) assert_int_equal(rs.code, 503);
        assert_true(fired || rs.code == fine);
        assert_true(rs.still.p || !rs.body.bad);
    }
    assert_in_range(n, 1, 999);
}
TEST(a_reply_is_whole_whichever_allocation_fails)
{
    static char packed[200];
    static const Header h = { S_INIT("Content-Encoding"), S_INIT("gzip") };
    size_t n = gzip_of("{\"name\":\"小明\"}", 17, packed, sizeof packed);
    serve_with_faults(cx, (Req){ .method = S("POST"), .path = S("/names"), .body = { packed, n }, .headers = &h,
                                 .n_headers = 1 }, 201);
    serve_with_faults(cx, (Req){ .method = S("POST"), .path = S("/log"), .query = S("now") }, 200);
    serve_with_faults(cx, (Req){ .method = S("GET"), .path = S("/people/%41"), .query = S("q=1&lang=zh") }, 200);
    serve_with_faults(cx, (Req){ .method = S("GET"), .path = S("/html") }, 200);
    serve_with_faults(cx, (Req){ .method = S("GET"), .path = S("/none") }, 404);
    serve_with_faults(cx, (Req){ .method = S("DELETE"), .path = S("/echo") }, 405);
}
#endif
