#include "http/peer_test.h"
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/limits.h"

static Reply r;

typedef struct Raw { const char *what, *bytes; size_t n; int code; } Raw;
#define RAW(what, code, lit) { what, lit, sizeof(lit) - 1, code }
#define POST "POST /echo HTTP/1.1\r\nHost: x\r\n"
#define GET "GET /hello HTTP/1.1\r\nHost: x\r\n"

/* Each is refused with a status, and the connection closed. */
static const Raw refused[] = {
    RAW("two different Content-Length", 400, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456"),
    RAW("two equal Content-Length", 400, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n12345"),
    RAW("a list of lengths", 400, POST "Content-Length: 5, 5\r\n\r\n12345"),
    RAW("a bad length before a second request", 400,
        POST "Content-Length: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a length with a sign", 400, POST "Content-Length: +5\r\n\r\n12345"),
    RAW("a negative length", 400, POST "Content-Length: -5\r\n\r\n12345"),
    RAW("a length in hex", 400, POST "Content-Length: 0x5\r\n\r\n12345"),
    RAW("a length past 64 bits", 413, POST "Content-Length: 99999999999999999999999\r\n\r\n12345"),
    RAW("an empty length", 400, POST "Content-Length:\r\n\r\n12345"),
    RAW("Content-Length with Transfer-Encoding", 400,
        POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"),
    RAW("Transfer-Encoding with Content-Length", 400,
        POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\n12345\r\n0\r\n\r\n"),
    RAW("Transfer-Encoding: xchunked", 400, POST "Transfer-Encoding: xchunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"),
    RAW("Transfer-Encoding: gzip, chunked", 400,
        POST "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"),
    RAW("Transfer-Encoding: chunked, identity", 400, POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    RAW("two Transfer-Encodings", 400,
        POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n5\r\n12345\r\n0\r\n\r\n"),
    RAW("chunked in HTTP/1.0", 400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    RAW("a chunk size that is no number", 400, POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n12345\r\n0\r\n\r\n"),
    RAW("a chunk size with a sign", 400, POST "Transfer-Encoding: chunked\r\n\r\n-5\r\n12345\r\n0\r\n\r\n"),
    RAW("a chunk size with 0x", 400, POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\n12345\r\n0\r\n\r\n"),
    RAW("a chunk size past 64 bits", 413,
        POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n12345\r\n0\r\n\r\n"),
    RAW("a chunk longer than said", 400, POST "Transfer-Encoding: chunked\r\n\r\n3\r\n12345\r\n0\r\n\r\n"),
    RAW("bare LF after the request line", 400, "GET /hello HTTP/1.1\nHost: x\r\n\r\n"),
    RAW("bare LF after a header", 400, "GET /hello HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"),
    RAW("bare LF after the last header", 400, "GET /hello HTTP/1.1\r\nHost: x\r\nA: b\n\r\n"),
    RAW("bare LF as the empty line", 400, "GET /hello HTTP/1.1\r\nHost: x\r\n\n"),
    RAW("bare LF everywhere", 400, "GET /hello HTTP/1.1\nHost: x\n\n"),
    RAW("two Hosts", 400, "GET /hello HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    RAW("two equal Hosts", 400, "GET /hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
    RAW("no Host", 400, "GET /hello HTTP/1.1\r\nA: b\r\n\r\n"),
    RAW("no header at all", 400, "GET /hello HTTP/1.1\r\n\r\n"),
    RAW("a Host with a slash", 400, "GET /hello HTTP/1.1\r\nHost: x/y\r\n\r\n"),
    RAW("a Host with a user", 400, "GET /hello HTTP/1.1\r\nHost: a@x\r\n\r\n"),
    RAW("a Host with a blank", 400, "GET /hello HTTP/1.1\r\nHost: x y\r\n\r\n"),
    RAW("NUL in a value", 400, GET "A: b\0c\r\n\r\n"),
    RAW("NUL at the end of a value", 400, GET "A: b\0\r\n\r\n"),
    RAW("NUL in a name", 400, GET "A\0B: b\r\n\r\n"),
    RAW("NUL in the path", 400, "GET /hello\0x HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("CR in a value", 400, GET "A: b\rc\r\n\r\n"),
    RAW("CR before CR LF", 400, GET "A: b\r\r\n\r\n"),
    RAW("a control character in a value", 400, GET "A: b\1c\r\n\r\n"),
    RAW("a folded line", 400, GET "A: b\r\n c\r\nB: d\r\n\r\n"),
    RAW("a folded last line", 400, GET "A: b\r\n\tc\r\n\r\n"),
    RAW("a folded first line", 400, "GET /hello HTTP/1.1\r\n Host: x\r\n\r\n"),
    RAW("a blank before the colon", 400, GET "A : b\r\n\r\n"),
    RAW("a tab before the colon", 400, GET "A\t: b\r\n\r\n"),
    RAW("Content-Length with a blank before the colon", 400, POST "Content-Length : 5\r\n\r\n12345"),
    RAW("an empty name", 400, GET ": b\r\n\r\n"),
    RAW("a header without a colon", 400, GET "Abc\r\n\r\n"),
    RAW("a name with a bracket", 400, GET "A[b]: c\r\n\r\n"),
    RAW("two blanks in the request line", 400, "GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("two blanks before the version", 400, "GET /hello  HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a blank in the path", 400, "GET /hel lo HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a tab in the request line", 400, "GET\t/hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a method that is no word", 400, "G{T /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("no path", 400, "GET HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a path without a slash", 400, "GET hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a star", 400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("another host in the address", 400, "GET http://y/hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a longer host in the address", 400, "GET http://xy/hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a user in the address", 400, "GET http://x@y/hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("another scheme", 400, "GET ftp://x/hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("CONNECT", 400, "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("HTTP/2.0", 505, "GET /hello HTTP/2.0\r\nHost: x\r\n\r\n"),
    RAW("HTTP/1.11", 400, "GET /hello HTTP/1.11\r\nHost: x\r\n\r\n"),
    RAW("http/1.1", 400, "GET /hello http/1.1\r\nHost: x\r\n\r\n"),
    RAW("a body that is too large", 413, POST "Content-Length: 100001\r\n\r\n"),
    RAW("a body where none is expected", 413, GET "Content-Length: 1\r\n\r\nx"),
    RAW("a chunked body where none is expected", 413, GET "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
};
/* Each is refused by the address alone; the connection may live on. */
static const Raw bad_addresses[] = {
    RAW("% at the end", 400, "GET /hello% HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("%2 at the end", 400, "GET /hello%2 HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("%zz", 400, "GET /people/%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("%00", 400, "GET /people/a%00b HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("%zz in the query", 400, "GET /people/a?q=%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a fragment", 400, "GET /hello#x HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a backslash", 400, "GET /hello\\x HTTP/1.1\r\nHost: x\r\n\r\n"),
};
static const Raw fine[] = {
    RAW("the plain request", 200, GET "\r\n"),
    RAW("no blank after the colon", 200, "GET /hello HTTP/1.1\r\nHost:x\r\n\r\n"),
    RAW("blanks and tabs around values", 200, "GET /hello HTTP/1.1\r\nHost: \t x \t\r\nA:  b  \r\n\r\n"),
    RAW("an empty value", 200, GET "A:\r\nB: \r\nC: c\r\n\r\n"),
    RAW("bytes past ASCII in a value", 200, GET "A: \xe4\xbd\xa0\r\n\r\n"),
    RAW("the whole address", 200, "GET http://x/hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("a port", 200, "GET /hello HTTP/1.1\r\nHost: x:8080\r\n\r\n"),
    RAW("an IPv6 host", 200, "GET /hello HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"),
    RAW("a query", 200, "GET /hello?a=b&c=%41&d HTTP/1.1\r\nHost: x\r\n\r\n"),
    RAW("HTTP/1.0 without Host", 200, "GET /hello HTTP/1.0\r\n\r\n"),
    RAW("a body in chunks", 200,
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n00A\r\n1234567890\r\n0\r\n\r\n"),
    RAW("chunks with a trailer", 200, POST "Transfer-Encoding: Chunked\r\n\r\n5\r\n12345\r\n0\r\nX: y\r\n\r\n"),
    RAW("a body of nothing", 200, POST "Content-Length: 0\r\n\r\n"),
    RAW("a cookie", 200, GET "Cookie: a=b; c=d\r\nCookie: e\r\n\r\n"),
};
/* From 1.0 on the library hangs up without a word on a request line that it cannot read at all. */
static bool hangs_up(const Raw *raw)
{
    static const char *const those[] = { "NUL in the path", "a tab in the request line" };
    for (size_t i = 0; i < COUNT(those); i++) if (strcmp(raw->what, those[i]) == 0) return MHD_VERSION >= 0x01000000;
    return false;
}
static void check(int port, const Raw *raw)
{
    peer_once(port, raw->bytes, raw->n, &r);
    if (r.code == 0 && r.closed && hangs_up(raw)) return;
    if (r.code != raw->code) print_error("%s: got %d %s, want %d\n", raw->what, r.code, r.body, raw->code);
    assert_int_equal(r.code, raw->code);
}
TEST(what_is_no_proper_request_is_refused_and_the_connection_closed)
{
    Http *h = peer_server(cx, peer_config());
    for (size_t i = 0; i < COUNT(refused); i++) {
        check(http_port(h), &refused[i]);
        if (!r.closed) print_error("%s: the connection lives on\n", refused[i].what);
        assert_true(r.closed);
    }
    assert_int_equal(the_app.runs, 0);
    peer_stop(h);
}
TEST(an_address_with_bad_escapes_is_refused_by_name)
{
    Http *h = peer_server(cx, peer_config());
    for (size_t i = 0; i < COUNT(bad_addresses); i++) {
        check(http_port(h), &bad_addresses[i]);
        assert_non_null(strstr(r.body, "\"code\":\"bad_request\",\"field\":\"url\""));
    }
    assert_int_equal(the_app.runs, 0);
    peer_stop(h);
}
TEST(what_is_a_proper_request_is_served_however_oddly_it_is_written)
{
    Http *h = peer_server(cx, peer_config());
    for (size_t i = 0; i < COUNT(fine); i++) check(http_port(h), &fine[i]);
    peer_stop(h);
}
TEST(the_same_rules_hold_when_a_request_arrives_byte_by_byte)
{
    Http *h = peer_server(cx, peer_config());
    for (size_t i = 0; i < COUNT(refused); i += 7) {
        int fd = peer_open(http_port(h));
        for (size_t k = 0; k < refused[i].n; k++) {
            peer_send(fd, refused[i].bytes + k, 1);
            usleep(200);
        }
        peer_reply(fd, &r);
        if (r.code != refused[i].code) print_error("%s: got %d\n", refused[i].what, r.code);
        assert_int_equal(r.code, refused[i].code);
        close(fd);
    }
    peer_stop(h);
}
/* The second of two requests in one packet is held to the rules as the first is. */
TEST(pipelined_requests_are_answered_in_order_and_checked_one_by_one)
{
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    peer_put(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                 "POST /log HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nthree"
                 "GET /hello HTTP/1.1\r\nHost: x\nA: b\r\n\r\n");
    peer_reply(fd, &r);
    assert_string_equal(r.body, "one");
    peer_reply(fd, &r);
    assert_string_equal(r.body, "{\"success\":true}");
    peer_reply(fd, &r);
    assert_string_equal(r.body, "three");
    peer_reply(fd, &r);
    assert_int_equal(r.code, 400);
    assert_true(peer_closed(fd, 1000));
    close(fd);
    peer_stop(h);
}
TEST(nothing_that_follows_a_chunked_body_is_read_as_a_request)
{
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    peer_put(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
                 "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_reply(fd, &r);
    assert_int_equal(r.code, 200);
    const char *connection = peer_header(&r, "connection");
    if (connection) {                         /* the library before 1.0 */
        assert_string_equal(connection, "close");
        assert_true(peer_closed(fd, 1000));
        assert_int_equal(the_app.runs, 1);
    }
    close(fd);
    peer_stop(h);
}
static size_t repeat(char *to, const char *piece, size_t times)
{
    size_t n = strlen(piece);
    for (size_t i = 0; i < times; i++) memcpy(to + i * n, piece, n);
    to[times * n] = 0;
    return times * n;
}
TEST(headers_and_addresses_have_limits_that_are_just_reached_and_just_passed)
{
    static char long_text[64 << 10], request[80 << 10];
    static const struct { const char *piece; size_t times; int code; const char *where; } cases[] = {
        { "A: b\r\n", HTTP_HEADERS_MAX - 1, 200, "headers" }, { "A: b\r\n", HTTP_HEADERS_MAX, 431, "headers" },
        { "x", HTTP_HEADER_BYTES_MAX - 7, 200, "value" }, { "x", HTTP_HEADER_BYTES_MAX - 5, 431, "value" },
        { "x", 40000, 431, "value" }, { "x", HTTP_URL_MAX - 10, 404, "url" }, { "x", HTTP_URL_MAX + 1, 414, "url" },
        { "x", 40000, 414, "url" }, { "&a", HTTP_QUERY_MAX - 1, 200, "query" },
        { "&a", HTTP_QUERY_MAX, 400, "query" }, { "&a", 200, 400, "query" }, { "A: b\r\n", 10000, 431, "headers" },
    };
    Http *h = peer_server(cx, peer_config());
    for (size_t i = 0; i < COUNT(cases); i++) {
        repeat(long_text, cases[i].piece, cases[i].times);
        const char *w = cases[i].where;
        int n = snprintf(request, sizeof request, "GET /hello%s%s%s HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n",
                         strcmp(w, "url") == 0 ? "/" : "", strcmp(w, "query") == 0 ? "?" : "",
                         strcmp(w, "url") == 0 || strcmp(w, "query") == 0 ? long_text : "",
                         strcmp(w, "value") == 0 ? "A: " : "", w[0] == 'h' || w[0] == 'v' ? long_text : "",
                         strcmp(w, "value") == 0 ? "\r\n" : "");
        assert_in_range(n, 1, (int)sizeof request - 1);
        peer_once(http_port(h), request, (size_t)n, &r);
        if (r.code != cases[i].code)
            print_error("%zu × %s in %s: got %d\n", cases[i].times, cases[i].piece, w, r.code);
        assert_int_equal(r.code, cases[i].code);
    }
    peer_stop(h);
}
/* The reply must reach the client although it never stops sending: no reset on its way. */
TEST(a_body_over_the_limit_is_refused_before_it_is_sent)
{
    static char body[300000];
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    memset(body, 'x', sizeof body);
    peer_put(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n");
    peer_reply(fd, &r);
    assert_int_equal(r.code, 413);
    assert_non_null(strstr(r.body, "\"code\":\"too_large\",\"field\":null,\"params\":{\"max\":100000}"));
    close(fd);
    fd = peer_open(http_port(h));
    peer_put(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    peer_send(fd, body, sizeof body);
    peer_send(fd, body, sizeof body);
    peer_reply(fd, &r);
    assert_int_equal(r.code, 413);
    close(fd);
    fd = peer_open(http_port(h));             /* in chunks nobody says how much will come */
    peer_put(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n");
    peer_send(fd, body, sizeof body);
    peer_put(fd, "\r\n0\r\n\r\n");
    peer_reply(fd, &r);
    assert_int_equal(r.code, 413);
    close(fd);
    assert_int_equal(the_app.runs, 0);
    peer_stop(h);
}
TEST(a_body_just_at_the_limit_is_taken_and_expect_is_answered)
{
    static char body[100000];
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    for (size_t i = 0; i < sizeof body; i++) body[i] = (char)('a' + i % 26);
    peer_put(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n");
    peer_send(fd, body, sizeof body);
    peer_reply(fd, &r);
    assert_int_equal(r.code, 200);
    assert_int_equal(r.n, sizeof body);
    assert_memory_equal(r.body, body, sizeof body);
    peer_put(fd, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    peer_send(fd, body, sizeof body);
    peer_reply(fd, &r);
    assert_int_equal(r.code, 200);
    assert_memory_equal(r.body, body, sizeof body);
    close(fd);
    peer_stop(h);
}
