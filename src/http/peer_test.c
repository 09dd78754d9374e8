#include "http/peer_test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/limits.h"

struct App the_app;

/* --- a committer --- */

static struct { pthread_mutex_t lock; pthread_cond_t some; Later *list[20000]; size_t n; bool stop; pthread_t thread; }
    commits = { .lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER };

static void sleep_us(int us)
{
    struct timespec ts = { us / 1000000, us % 1000000 * 1000L };
    nanosleep(&ts, NULL);
}
static void *committer(void *arg)
{
    static _Thread_local Later *group[COUNT(commits.list)];
    (void)arg;
    pthread_mutex_lock(&commits.lock);
    while (!commits.stop || commits.n) {
        while (!commits.n && !commits.stop) pthread_cond_wait(&commits.some, &commits.lock);
        size_t n = commits.n;
        memcpy(group, commits.list, n * sizeof *group);
        commits.n = 0;
        pthread_mutex_unlock(&commits.lock);
        if (the_app.commit_us) sleep_us(the_app.commit_us);
        for (size_t i = 0; i < n; i++) later_done(group[i], ST_OK);
        pthread_mutex_lock(&commits.lock);
    }
    pthread_mutex_unlock(&commits.lock);
    return NULL;
}
static void commit_later(Later *l)
{
    pthread_mutex_lock(&commits.lock);
    assert_true(commits.n < COUNT(commits.list));
    commits.list[commits.n++] = l;
    pthread_cond_signal(&commits.some);
    pthread_mutex_unlock(&commits.lock);
}

/* --- routes --- */

static Status hello(Cx *cx, const Req *rq, Res *rs)
{
    (void)cx;
    rq->app->runs++;
    res_bytes(rs, 200, "application/json", S("{\"hello\":true}"));
    return ST_OK;
}
static Status log_it(Cx *cx, const Req *rq, Res *rs)
{
    Later *later;
    rq->app->runs++;
    TRY(res_later(cx, rs, &later));
    res_bytes(rs, 200, "application/json", S("{\"success\":true}"));
    if (str_is(rq->query, "now")) later_done(later, ST_OK);
    else if (str_is(rq->query, "broken")) later_done(later, ST_IO);
    else commit_later(later);
    return ST_OK;
}
static Status echo(Cx *cx, const Req *rq, Res *rs)
{
    rq->app->runs++;
    Str copy = arena_str(cx->arena, rq->body);
    if (!copy.p) return fail(cx, ST_NO_MEM, "echo");
    res_bytes(rs, 200, "application/octet-stream", copy);
    return ST_OK;
}
static Status person(Cx *cx, const Req *rq, Res *rs)
{
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("id"));
    jsonw_str(w, rq->params[0]);
    jsonw_key(w, S("q"));
    jsonw_str(w, req_query(cx, rq, "q"));
    jsonw_key(w, S("addr"));
    jsonw_str(w, rq->addr);
    jsonw_key(w, S("tls"));
    jsonw_bool(w, rq->tls);
    jsonw_key(w, S("cookie"));
    jsonw_str(w, req_cookie(rq, "sid"));
    jsonw_close(w, '}');
    return ST_OK;
}
static Status slow(Cx *cx, const Req *rq, Res *rs)
{
    rq->app->runs++;
    rq->app->started++;
    for (int i = 0; rq->app->hold && i < 10000; i++) {
        if (req_gone(rq)) {
            rq->app->gone++;
            return refuse(cx, ST_BUSY, S(""), MSG_busy, NO_PARAMS);
        }
        sleep_us(1000);
    }
    return hello(cx, rq, rs);
}
static Status failing(Cx *cx, const Req *rq, Res *rs)
{
    int64_t st = 0;
    (void)rs;
    (void)str_i64(rq->params[0], &st);
    if (st == ST_OK) res_bytes(rs, 200, "text/plain", S("fine"));
    else if (st >= ST_NO_MEM) return fail(cx, (Status)st, "secret detail");
    return (Status)st;
}
static Status html(Cx *cx, const Req *rq, Res *rs)
{
    Html *h = res_html(cx, rs, 200);
    (void)rq;
    HTML_RAW(h, "<p>");
    html_text(h, S("<你好>"));
    res_header(cx, rs, "X-Bad", S("a\r\nX-Worse: b"));
    return ST_OK;
}
static Status big(Cx *cx, const Req *rq, Res *rs)
{
    JsonW *w = res_json(cx, rs, 200);
    (void)rq;
    jsonw_open(w, '[');
    for (int i = 0; i < HTTP_REPLY_MAX / 8; i++) jsonw_i64(w, 1234567);
    jsonw_close(w, ']');
    return ST_OK;
}
typedef struct Counting { struct App *app; int64_t left; } Counting;
static int64_t count_pull(void *arg, char *to, size_t max)
{
    Counting *c = arg;
    if (c->left == 0) return -1;
    size_t n = (size_t)c->left < max ? (size_t)c->left : max;
    memset(to, 'x', n);
    c->left -= (int64_t)n;
    return (int64_t)n;
}
static void count_drop(void *arg)
{
    Counting *c = arg;
    c->app->dropped++;
    free(c);
}
static Status download(Cx *cx, const Req *rq, Res *rs)
{
    Counting *c = malloc(sizeof *c);
    assert_non_null(c);
    *c = (Counting){ rq->app, 5 << 20 };
    Status st = res_stream(cx, rs, "application/octet-stream", count_pull, c, count_drop, NULL);
    if (st != ST_OK) free(c);
    return st;
}
/* An event stream: peer_tell() says something to all that are open. */
enum { TICKERS = 2000 };
typedef struct Ticker { struct App *app; Stream *stream; int due; } Ticker;
static struct { pthread_mutex_t lock; Ticker *list[TICKERS]; } tickers = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int64_t tick_pull(void *arg, char *to, size_t max)
{
    static const char event[] = "data: {\"n\":1}\n\n";
    Ticker *t = arg;
    int64_t n = 0;
    pthread_mutex_lock(&tickers.lock);
    if (t->due && max >= sizeof event) {
        t->due--;
        n = sizeof event - 1;
        memcpy(to, event, (size_t)n);
    }
    pthread_mutex_unlock(&tickers.lock);
    return n;
}
static void tick_drop(void *arg)
{
    Ticker *t = arg;
    pthread_mutex_lock(&tickers.lock);
    for (int i = 0; i < TICKERS; i++) if (tickers.list[i] == t) tickers.list[i] = NULL;
    pthread_mutex_unlock(&tickers.lock);
    t->app->dropped++;
    free(t);
}
static Status events(Cx *cx, const Req *rq, Res *rs)
{
    Ticker *t = calloc(1, sizeof *t);
    int i = 0;
    assert_non_null(t);
    t->app = rq->app;
    Status st = res_stream(cx, rs, "text/event-stream", tick_pull, t, tick_drop, &t->stream);
    if (st != ST_OK) {
        free(t);
        return st;
    }
    pthread_mutex_lock(&tickers.lock);
    while (i < TICKERS && tickers.list[i]) i++;
    assert_in_range(i, 0, TICKERS - 1);
    tickers.list[i] = t;
    pthread_mutex_unlock(&tickers.lock);
    rq->app->started++;
    return ST_OK;
}
int peer_tell(void)
{
    int n = 0;
    pthread_mutex_lock(&tickers.lock);
    for (int i = 0; i < TICKERS; i++) {
        if (!tickers.list[i]) continue;
        tickers.list[i]->due++;
        stream_wake(tickers.list[i]->stream);
        n++;
    }
    pthread_mutex_unlock(&tickers.lock);
    return n;
}
typedef struct NameIn { Str name; } NameIn;
static const Field name_fields[] = { FIELD(NameIn, name, F_STR, .max = 200, .required = true) };
static const Shape name_in = SHAPE("name_in", NameIn, name_fields);
typedef struct NameOut { Str name; int64_t length; } NameOut;
static const Field name_out_fields[] = { FIELD(NameOut, name, F_STR, .required = true), FIELD(NameOut, length, F_I64) };
static const Shape name_out = SHAPE("name_out", NameOut, name_out_fields);
static Status name(Cx *cx, const Req *rq, Res *rs)
{
    const NameIn *in = rq->in;
    JsonW *w = res_json(cx, rs, 201);
    jsonw_open(w, '{');
    jsonw_key(w, S("name"));
    jsonw_str(w, in->name);
    jsonw_key(w, S("length"));
    jsonw_i64(w, (int64_t)in->name.n);
    jsonw_close(w, '}');
    return ST_OK;
}
static void other_problem(Cx *cx, const Req *rq, Res *rs, Status st)
{
    (void)cx; (void)rq; (void)st;
    res_bytes(rs, rs->code, "application/json", S("{\"success\":false}"));
}
static const Route routes[] = {
    { "GET", "/hello", hello, .may = PUBLIC, .queue = Q_LOOP, .doc = "says hello" },
    { "POST", "/log", log_it, .may = PUBLIC, .queue = Q_LOG, .body_max = 500000 },
    { "POST", "/echo", echo, .may = PUBLIC, .queue = Q_LOOP, .body_max = 100000 },
    { "PUT", "/echo", echo, .may = PUBLIC, .queue = Q_DB, .body_max = 100000 },
    { "GET", "/people/{id}", person, .may = PUBLIC, .queue = Q_DB, .doc = "one person" },
    { "GET", "/people/{id}/events/{event}", person, .may = PUBLIC, .queue = Q_LOOP },
    { "GET", "/db", slow, .may = PUBLIC, .queue = Q_DB },
    { "GET", "/cpu", slow, .may = PUBLIC, .queue = Q_CPU },
    { "GET", "/ask", slow, .may = PUBLIC, .queue = Q_ASK },
    { "GET", "/status/{st}", failing, .may = PUBLIC, .queue = Q_DB },
    { "GET", "/admin", hello, .may = 2 | 4, .queue = Q_LOOP },
    { "GET", "/html", html, .may = PUBLIC, .queue = Q_LOOP },
    { "GET", "/big", big, .may = PUBLIC, .queue = Q_LOOP },
    { "GET", "/download", download, .may = PUBLIC, .queue = Q_DB },
    { "GET", "/events", events, .may = PUBLIC, .queue = Q_LOOP },
    { "POST", "/names", name, .may = PUBLIC, .queue = Q_DB, .takes = &name_in, .gives = &name_out, .gives_code = 201 },
    { "POST", "/v1/batch", echo, .may = PUBLIC, .queue = Q_LOOP, .cors = true, .problem = other_problem },
    { "GET", "/rated", hello, .may = PUBLIC, .queue = Q_LOOP, .rate = 3, .rate_seconds = 60 },
    { "GET", "/healthz", http_healthz, .may = PUBLIC, .queue = Q_LOOP },
    { "GET", "/metrics", http_metrics, .may = PUBLIC, .queue = Q_LOOP },
    { "GET", "/api/1/openapi.json", http_openapi, .may = PUBLIC, .queue = Q_LOOP },
};
static const RouteTable tables[] = { { routes, COUNT(routes) } };

HttpConfig peer_config(void)
{
    return (HttpConfig){ .bind = "127.0.0.1", .threads = 2, .tables = tables, .n_tables = 1, .app = &the_app,
        .lang = LANG_EN };
}
Http *peer_server(Cx *cx, HttpConfig cf)
{
    Http *h = NULL;
    the_app = (struct App){ .commit_us = 200 };
    pthread_mutex_lock(&commits.lock);
    commits.stop = false;
    pthread_mutex_unlock(&commits.lock);
    assert_int_equal(pthread_create(&commits.thread, NULL, committer, NULL), 0);
    ok(http_start(cx, &cf, &h));
    return h;
}
void peer_stop(Http *h) { peer_stop_within(h, 5000); }
void peer_stop_within(Http *h, int ms)
{
    http_stop(h, ms);
    pthread_mutex_lock(&commits.lock);
    commits.stop = true;
    pthread_cond_broadcast(&commits.some);    /* a test that failed leaves one behind */
    pthread_mutex_unlock(&commits.lock);
    pthread_join(commits.thread, NULL);
}

/* --- the client --- */

int peer_open(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
        .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval tv = { .tv_sec = 20 };
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}
void peer_send(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t m = send(fd, bytes, n, MSG_NOSIGNAL);
        if (m < 0 && (errno == EPIPE || errno == ECONNRESET)) return;      /* refused already: the reply tells */
        assert_true(m > 0);
        bytes += m;
        n -= (size_t)m;
    }
}
void peer_put(int fd, const char *text) { peer_send(fd, text, strlen(text)); }

static int get(int fd)                        /* the next byte, -1 at the end */
{
    unsigned char c;
    ssize_t m = recv(fd, &c, 1, 0);
    return m == 1 ? c : -1;
}
static bool read_n(int fd, char *to, size_t n)
{
    while (n) {
        ssize_t m = recv(fd, to, n, 0);
        if (m <= 0) return false;
        to += m;
        n -= (size_t)m;
    }
    return true;
}
static bool read_line(int fd, char *to, size_t max)
{
    size_t n = 0;
    for (int c; (c = get(fd)) >= 0;) {
        if (n + 1 < max) to[n++] = (char)c;
        if (c == '\n') {
            to[n] = 0;
            return true;
        }
    }
    to[n] = 0;
    return false;
}
static void read_chunks(int fd, Reply *r)
{
    char line[64];
    while (read_line(fd, line, sizeof line)) {
        size_t n = strtoul(line, NULL, 16);
        static char piece[1 << 20];
        assert_true(n <= sizeof piece);
        if (n && !read_n(fd, piece, n)) break;
        if (r->n + n <= sizeof r->body) memcpy(r->body + r->n, piece, n);
        r->n += n;
        if (!read_line(fd, line, sizeof line)) break;
        if (n == 0) return;
    }
    r->cut = true;
}
const char *peer_header(const Reply *r, const char *name)
{
    static char value[1024];
    size_t n = strlen(name);
    for (const char *p = r->head; (p = strstr(p, "\r\n")) != NULL;) {
        p += 2;
        if (strncasecmp(p, name, n) != 0 || p[n] != ':') continue;
        snprintf(value, sizeof value, "%.*s", (int)strcspn(p + n + 2, "\r"), p + n + 2);
        return value;
    }
    return NULL;
}
void peer_reply(int fd, Reply *r)
{
    size_t at = 0;
    r->code = 0;
    r->n = 0;
    r->head[0] = 0;
    r->cut = r->closed = false;
    while (read_line(fd, r->head + at, sizeof r->head - at)) {
        size_t n = strlen(r->head + at);
        at += n;
        if (n == 2 && strncmp(r->head, "HTTP/1.1 100", 12) == 0) at = 0;
        else if (n == 2) break;
    }
    if (sscanf(r->head, "HTTP/1.1 %d", &r->code) != 1) return;
    const char *coding = peer_header(r, "transfer-encoding");
    if (coding && strcmp(coding, "chunked") == 0) {
        read_chunks(fd, r);
    } else {
        const char *length = peer_header(r, "content-length");
        size_t n = length ? strtoul(length, NULL, 10) : 0;
        assert_true(n < sizeof r->body);
        r->cut = !read_n(fd, r->body, n);
        r->n = n;
    }
    if (r->n < sizeof r->body) r->body[r->n] = 0;
}
/* Reads on: some refusals of the library's own come with bytes past their length. */
bool peer_closed(int fd, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char waste[4096];
    while (poll(&p, 1, ms) == 1)
        if (recv(fd, waste, sizeof waste, MSG_DONTWAIT) <= 0) return true;
    return false;
}
void peer_once(int port, const char *bytes, size_t n, Reply *r)
{
    int fd = peer_open(port);
    peer_send(fd, bytes, n);
    peer_reply(fd, r);
    r->closed = peer_closed(fd, 300);
    close(fd);
}
