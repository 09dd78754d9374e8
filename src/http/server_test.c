#include "http/peer_test.h"
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/limits.h"

static Reply r;
static const char none_zh[] =
    "{\"error\":{\"code\":\"not_found\",\"field\":null,\"params\":{},\"message\":\"没有找到\"}}";

static void wait_for(_Atomic int *what, int n)
{
    for (int64_t until = clock_mono() + 10000; *what < n && clock_mono() < until;) usleep(1000);
    assert_true(*what >= n);
}
static void get(int fd, const char *path)
{
    char request[300];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    peer_put(fd, request);
}
static void get_reply(int fd, const char *path, int code)
{
    get(fd, path);
    peer_reply(fd, &r);
    if (r.code != code) print_error("%s: %d %s\n", path, r.code, r.body);
    assert_int_equal(r.code, code);
}

/* --- documents on the wire --- */

TEST(errors_carry_a_request_id_and_pages_their_policies)
{
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    get_reply(fd, "/none?lang=zh", 404);
    assert_string_equal(r.body, none_zh);
    assert_memory_equal(peer_header(&r, "x-request-id"), "req_", 4);
    assert_string_equal(peer_header(&r, "content-type"), "application/json");
    get_reply(fd, "/status/9", 500);
    assert_null(strstr(r.body, "secret"));
    get_reply(fd, "/html", 200);
    assert_non_null(strstr(peer_header(&r, "content-security-policy"), "script-src 'self'"));
    assert_string_equal(peer_header(&r, "referrer-policy"), "strict-origin-when-cross-origin");
    assert_string_equal(peer_header(&r, "x-content-type-options"), "nosniff");
    assert_null(peer_header(&r, "x-worse"));
    assert_null(peer_header(&r, "strict-transport-security"));
    get_reply(fd, "/metrics", 200);
    assert_non_null(strstr(r.body, "liuke_http_requests_total{code=\"4xx\"}"));
    assert_non_null(strstr(r.body, "liuke_http_connections 1"));
    assert_non_null(strstr(r.body, "liuke_queue_depth{queue=\"db\"}"));
    get_reply(fd, "/healthz", 200);
    close(fd);
    peer_stop(h);
}
TEST(head_sends_the_headers_of_get_and_no_body)
{
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    peer_put(fd, "HEAD /people/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    char head[2048] = { 0 };
    assert_true(recv(fd, head, sizeof head - 1, 0) > 0);
    assert_memory_equal(head, "HTTP/1.1 200", 12);
    assert_non_null(strstr(head, "Content-Length: "));
    assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
    get_reply(fd, "/hello", 200);             /* nothing of a body was left on the way */
    close(fd);
    peer_stop(h);
}
TEST(a_tracker_of_any_origin_may_post_and_read_the_reply)
{
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    peer_put(fd, "OPTIONS /v1/batch HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n"
                 "Access-Control-Request-Method: POST\r\n\r\n");
    peer_reply(fd, &r);
    assert_int_equal(r.code, 204);
    assert_string_equal(peer_header(&r, "access-control-allow-origin"), "*");
    assert_string_equal(peer_header(&r, "access-control-max-age"), "86400");
    peer_put(fd, "POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    peer_reply(fd, &r);
    assert_int_equal(r.code, 200);
    assert_string_equal(peer_header(&r, "access-control-allow-origin"), "*");
    assert_string_equal(peer_header(&r, "access-control-expose-headers"), "Retry-After");
    assert_null(peer_header(&r, "access-control-allow-credentials"));
    close(fd);
    static const char big[] = "POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n";
    peer_once(http_port(h), big, sizeof big - 1, &r);
    assert_int_equal(r.code, 413);
    assert_string_equal(r.body, "{\"success\":false}");
    assert_string_equal(peer_header(&r, "access-control-allow-origin"), "*");
    peer_stop(h);
}

/* --- addresses and rates --- */

TEST(a_rate_holds_per_client_and_says_when_to_come_back)
{
    static const char *const proxies[] = { "127.0.0.0/8" };
    HttpConfig cf = peer_config();
    cf.proxies = proxies;
    cf.n_proxies = 1;
    Http *h = peer_server(cx, cf);
    int fd = peer_open(http_port(h));
    for (int client = 1; client <= 2; client++)
        for (int i = 0; i < 4; i++) {
            char request[200];
            snprintf(request, sizeof request, "GET /rated HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.1.%d.%d\r\n\r\n",
                     getpid() & 255, client);
            peer_put(fd, request);
            peer_reply(fd, &r);
            assert_int_equal(r.code, i < 3 ? 200 : 429);
        }
    assert_string_equal(peer_header(&r, "retry-after"), "20");
    close(fd);
    peer_stop(h);
}
TEST(only_a_trusted_proxy_says_who_the_client_is)
{
    static const char *const trusted[] = { "127.0.0.1", "10.0.0.0/8", "2001:db8::/32" };
    static const struct { const char *header, *addr; } cases[] = {
        { "X-Forwarded-For: 192.0.2.7", "192.0.2.7" }, { "X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.2.3.4", "192.0.2.7" },
        { "X-Forwarded-For: 192.0.2.7:1234", "192.0.2.7" }, { "X-Forwarded-For: [2001:db9::1]:443", "2001:db9::1" },
        { "X-Forwarded-For: 2001:db9::1, 2001:db8::5", "2001:db9::1" }, { "X-Forwarded-For: nonsense", "127.0.0.1" },
        { "X-Forwarded-For: 10.9.9.9", "10.9.9.9" }, { "X-Forwarded-For: ", "127.0.0.1" }, { "A: b", "127.0.0.1" },
    };
    for (int with = 1; with >= 0; with--) {
        HttpConfig cf = peer_config();
        cf.proxies = trusted;
        cf.n_proxies = with ? COUNT(trusted) : 0;
        Http *h = peer_server(cx, cf);
        int fd = peer_open(http_port(h));
        for (size_t i = 0; i < COUNT(cases); i++) {
            char request[300], want[100];
            snprintf(request, sizeof request,
                "GET /people/1 HTTP/1.1\r\nHost: x\r\n%s\r\nX-Forwarded-Proto: https\r\n\r\n",
                     cases[i].header);
            snprintf(want, sizeof want, "\"addr\":\"%s\",\"tls\":%s", with ? cases[i].addr : "127.0.0.1",
                     with ? "true" : "false");
            peer_put(fd, request);
            peer_reply(fd, &r);
            if (!strstr(r.body, want)) print_error("%s: %s, want %s\n", cases[i].header, r.body, want);
            assert_non_null(strstr(r.body, want));
            assert_int_equal(peer_header(&r, "strict-transport-security") != NULL, with);
        }
        close(fd);
        peer_stop(h);
    }
}
TEST(a_proxy_that_is_no_address_or_a_port_that_is_taken_does_not_start)
{
    static const char *const bad[] = { "10.0.0.0/33", "x", "", "10.0.0.0/", "10.0.0.0/-1", "1.2.3", "::/129",
        "1.2.3.4/a" };
    HttpConfig cf = peer_config();
    Http *h, *other;
    for (size_t i = 0; i < COUNT(bad); i++) {
        cf.proxies = &bad[i];
        cf.n_proxies = 1;
        assert_int_equal(http_start(cx, &cf, &h), ST_INVALID);
        assert_int_equal(cx->why.msg, MSG_bad_proxy);
        assert_string_equal(cx->why.field, "trusted_proxies");
    }
    h = peer_server(cx, peer_config());
    cf = peer_config();
    cf.port = http_port(h);
    assert_int_equal(http_start(cx, &cf, &other), ST_CONFLICT);
    assert_int_equal(cx->why.msg, MSG_address_taken);
    cf.bind = "nowhere";
    assert_int_equal(http_start(cx, &cf, &other), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_bad_address);
    peer_stop(h);
}

/* --- queues --- */

enum { MANY = QUEUE_CPU_MAX + 40 };
TEST(hashing_has_one_thread_a_short_queue_and_then_429)
{
    Http *h = peer_server(cx, peer_config());
    int fd[MANY], refused = 0;
    the_app.hold = true;
    for (int i = 0; i < MANY; i++) {
        fd[i] = peer_open(http_port(h));
        get(fd[i], "/cpu");
        if (i == 0) wait_for(&the_app.started, 1);
    }
    usleep(300000);                           /* all have arrived */
    assert_int_equal(the_app.started, 1);
    int other = peer_open(http_port(h));      /* other queues do not notice */
    get_reply(other, "/hello", 200);
    get_reply(other, "/people/1", 200);
    close(other);
    the_app.hold = false;
    for (int i = 0; i < MANY; i++) {
        peer_reply(fd[i], &r);
        if (r.code == 429) {
            refused++;
            assert_non_null(peer_header(&r, "retry-after"));
            assert_non_null(strstr(r.body, "\"code\":\"limited\""));
        } else {
            assert_int_equal(r.code, 200);
        }
        close(fd[i]);
    }
    assert_int_equal(refused, MANY - QUEUE_CPU_MAX - 1);
    peer_stop(h);
}
TEST(a_full_queue_answers_503_and_says_when_to_come_back)
{
    HttpConfig cf = peer_config();
    Http *h = peer_server(cx, cf);
    enum { ASKS = QUEUE_ASK_MAX + 2 + 5 };
    int fd[ASKS], refused = 0;
    the_app.hold = true;
    for (int i = 0; i < ASKS; i++) {
        fd[i] = peer_open(http_port(h));
        get(fd[i], "/ask");
        if (i < 2) wait_for(&the_app.started, i + 1);
    }
    usleep(300000);
    the_app.hold = false;
    for (int i = 0; i < ASKS; i++) {
        peer_reply(fd[i], &r);
        if (r.code != 503) continue;
        refused++;
        assert_string_equal(peer_header(&r, "retry-after"), "1");
        assert_non_null(strstr(r.body, "\"code\":\"overloaded\""));
    }
    for (int i = 0; i < ASKS; i++) close(fd[i]);
    assert_int_equal(refused, 5);
    peer_stop(h);
}
TEST(a_client_that_leaves_ends_its_question_and_drops_what_it_queued)
{
    Http *h = peer_server(cx, peer_config());
    int fd[4];
    the_app.hold = true;
    for (int i = 0; i < 4; i++) {
        fd[i] = peer_open(http_port(h));
        get(fd[i], "/ask");
        if (i < 2) wait_for(&the_app.started, i + 1);
    }
    usleep(200000);                           /* two run, two wait */
    close(fd[3]);
    usleep(200000);
    close(fd[0]);
    close(fd[1]);
    wait_for(&the_app.gone, 2);
    wait_for(&the_app.started, 3);            /* the one that still waits is run ... */
    the_app.hold = false;
    peer_reply(fd[2], &r);
    assert_int_equal(r.code, 200);
    assert_int_equal(the_app.started, 3);     /* ... and the one that left is not */
    close(fd[2]);
    peer_stop(h);
}

/* --- streams --- */

TEST(a_large_download_is_pulled_piece_by_piece)
{
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    get_reply(fd, "/download", 200);
    assert_int_equal(r.n, 5 << 20);
    assert_false(r.cut);
    wait_for(&the_app.dropped, 1);            /* after its last byte is sent: the client may see that first */
    assert_int_equal(the_app.dropped, 1);
    get_reply(fd, "/hello", 200);             /* the connection lives on */
    close(fd);
    peer_stop(h);
}
TEST(a_client_that_leaves_a_stream_is_noticed_though_nothing_is_sent)
{
    Http *h = peer_server(cx, peer_config());
    int fd[20];
    for (int i = 0; i < 20; i++) get(fd[i] = peer_open(http_port(h)), "/events");
    wait_for(&the_app.started, 20);
    usleep(50000);
    for (int i = 0; i < 10; i++) close(fd[i]);
    wait_for(&the_app.dropped, 10);
    assert_int_equal(peer_tell(), 10);
    for (int i = 10; i < 20; i++) close(fd[i]);
    wait_for(&the_app.dropped, 20);
    peer_stop(h);
}
static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}
/* Everyone gets everything, and other requests are not held up. */
TEST(a_thousand_event_streams_are_cheap)
{
    enum { STREAMS = 1000, ROUNDS = 10 };
    static int fd[STREAMS];
    static char in[65536];
    Http *h = peer_server(cx, peer_config());
    for (int i = 0; i < STREAMS; i++) get(fd[i] = peer_open(http_port(h)), "/events");
    wait_for(&the_app.started, STREAMS);
    int other = peer_open(http_port(h));
    int64_t worst = 0;
    double before = cpu_seconds();
    for (int k = 0; k < ROUNDS; k++) {
        assert_int_equal(peer_tell(), STREAMS);
        int64_t from = clock_mono();
        get_reply(other, "/hello", 200);
        if (clock_mono() - from > worst) worst = clock_mono() - from;
        usleep(100000);
    }
    double cpu = cpu_seconds() - before;
    for (int i = 0; i < STREAMS; i++) {
        size_t n = 0, events = 0;
        while (events < ROUNDS) {
            ssize_t m = recv(fd[i], in + n, sizeof in - 1 - n, 0);
            assert_true(m > 0);
            in[n += (size_t)m] = 0;
            events = 0;
            for (const char *p = in; (p = strstr(p, "data: {")) != NULL; p++) events++;
        }
        assert_int_equal(events, ROUNDS);
        close(fd[i]);
    }
    printf("  1,000 streams, 10 events each: %.2f s of a core, another request waited %d ms at most\n", cpu,
        (int)worst);
    assert_true(cpu < 8);                     /* a spin would take both cores for the whole second and more */
    assert_true(worst < 2000);
    wait_for(&the_app.dropped, STREAMS);
    close(other);
    peer_stop(h);
}
/* The waker runs while streams come and go: after drop() returned nobody wakes, before it everybody may. */
static _Atomic bool telling;
static void *tell_on(void *arg)
{
    (void)arg;
    while (telling) peer_tell();
    return NULL;
}
TEST(waking_a_stream_while_its_client_leaves_is_safe)
{
    Http *h = peer_server(cx, peer_config());
    pthread_t waker;
    telling = true;
    assert_int_equal(pthread_create(&waker, NULL, tell_on, NULL), 0);
    for (int i = 0; i < 300; i++) {
        int fd = peer_open(http_port(h));
        get(fd, "/events");
        char some[200];
        if (i % 3) assert_true(recv(fd, some, sizeof some, 0) > 0);
        close(fd);
    }
    wait_for(&the_app.started, 200);
    for (int i = 0; i < 5000 && the_app.dropped < the_app.started; i++) usleep(1000);
    telling = false;
    pthread_join(waker, NULL);
    peer_stop(h);
    assert_int_equal(the_app.dropped, the_app.started);
}
