#include "http/turn.h"
#include <string.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/metric.h"

static Metric requests[] = {
    METRIC(METRIC_COUNTER, "liuke_http_requests_total", "code=\"2xx\"", "requests answered"),
    METRIC(METRIC_COUNTER, "liuke_http_requests_total", "code=\"3xx\"", "requests answered"),
    METRIC(METRIC_COUNTER, "liuke_http_requests_total", "code=\"4xx\"", "requests answered"),
    METRIC(METRIC_COUNTER, "liuke_http_requests_total", "code=\"5xx\"", "requests answered"),
};
static Metric seconds = METRIC(METRIC_HISTOGRAM, "liuke_http_request_seconds", "",
                               "from a request's headers to the end of its reply");

/* --- the pool --- */

void turn_free(Turn *t)
{
    arena_free(t->cx.arena);
    mem_free(t->body);
    mem_free(t);
}
static Turn *pool_take(Loop *l)
{
    Turn *t = l->pool;
    if (t) {
        l->pool = t->next;
        l->n_pool--;
        return t;
    }
    t = mem_get(sizeof *t);
    if (!t) return NULL;
    t->cx.arena = arena_new(CX_ARENA_MAX);
    if (t->cx.arena) return t;
    mem_free(t);
    return NULL;
}
static void pool_give(Loop *l, Turn *t)
{
    if (l->n_pool >= TURNS_KEPT) {
        turn_free(t);
        return;
    }
    Arena *arena = t->cx.arena;
    char *body = t->body;
    size_t cap = t->body_cap;
    if (cap > BODY_KEPT) {
        mem_free(body);
        body = NULL;
        cap = 0;
    }
    arena_reset(arena);
    *t = (Turn){ .next = l->pool, .body = body, .body_cap = cap };
    t->cx.arena = arena;
    l->pool = t;
    l->n_pool++;
}
void turn_pool_free(Loop *l)
{
    for (Turn *t = l->pool, *next; t; t = next) {
        next = t->next;
        turn_free(t);
    }
    for (StillReply *s = l->still; s < l->still + STILL_REPLIES; s++)
        if (s->mhd) MHD_destroy_response(s->mhd);
}
static Turn *turn_new(Conn *c)
{
    Loop *l = c->loop;
    Turn *t = pool_take(l);
    if (!t) return NULL;
    t->next = NULL;
    t->loop = l;
    t->conn = c;
    t->mhd = c->mhd;
    t->done = (Wake){ .turn = t };
    t->woken = (Wake){ .turn = t, .of_stream = true };
    t->cx.now = clock_now();
    t->cx.records = l->http->cf.records;
    t->cx.request = id_new(&t->cx);
    t->started_us = clock_mono_us();
    t->serve.cf = &l->http->cf;
    t->serve.cx = &t->cx;
    t->serve.turn = t;
    t->rq.app = l->http->cf.app;
    t->rq.tls = l->http->tls;
    t->rq.lang = t->cx.lang = l->http->cf.lang;
    t->rq.own = t->rs.own = &t->serve;
    return t;
}
/* The library refused this one itself. After some refusals it would read on, and take the body for a request. */
static void break_off(Conn *c)
{
    c->broken = c->linger = c->slow = true;
    shutdown(c->fd, SHUT_RDWR);
}
/* The request is over, one way or another. Who still holds the Turn frees it: later_done(), or the loop at its Wake. */
static void turn_end(Turn *t)
{
    Loop *l = t->loop;
    Later *later = t->rs.later;
    Stream *stream = t->rs.stream;
    if (t->conn) {
        loop_watch(t->conn, false);
        t->conn->turn = NULL;
        t->conn->since = l->now;
        t->conn->linger = t->conn->linger || t->linger;
        if (t->state == TURN_NEW) break_off(t->conn);
        t->conn = NULL;
    }
    if (stream && stream->drop) stream->drop(stream->state);
    if (t->state == TURN_REPLYING && t->rs.code >= 200 && t->rs.code < 600) {
        metric_add(&requests[t->rs.code / 100 - 2], 1);
        metric_us(&seconds, clock_mono_us() - t->started_us);
    }
    if (t->state == TURN_WAITING && later) l->n_later -= t->serve.route->queue == Q_LOG;
    if (t->state == TURN_WAITING && later && atomic_fetch_add(&later->left, LATER_LEFT) > 0) return;
    bool listed = t->state == TURN_WAITING || (stream && atomic_exchange(&stream->woken, true));
    if (listed) t->dead = true;
    else pool_give(l, t);
}

/* --- the reply --- */

static void add(struct MHD_Response *r, const char *name, const char *value)
{
    MHD_add_response_header(r, name, value);
}
static void add_common(Turn *t, struct MHD_Response *r)
{
    const Route *rt = t->serve.route;
    if (t->rs.type.n) add(r, "Content-Type", t->rs.type.p);
    add(r, "X-Content-Type-Options", "nosniff");
    if (rt && rt->cors) {
        add(r, "Access-Control-Allow-Origin", "*");
        add(r, "Access-Control-Expose-Headers", "Retry-After");
    }
    if (t->rq.tls) add(r, "Strict-Transport-Security", "max-age=31536000");
}
static bool sets(const Res *rs, const char *name)
{
    for (size_t i = 0; i < rs->n_headers; i++)
        if (req_same(rs->headers[i].name, name)) return true;
    return false;
}
static void add_page(Turn *t, struct MHD_Response *r)
{
    if (!str_starts(t->rs.type, S("text/html"))) return;
    if (!sets(&t->rs, "content-security-policy"))
        add(r, "Content-Security-Policy", "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    if (!sets(&t->rs, "referrer-policy")) add(r, "Referrer-Policy", "strict-origin-when-cross-origin");
}
static int64_t pull(void *arg, uint64_t pos, char *to, size_t max);

static struct MHD_Response *fresh_reply(Turn *t)
{
    enum { BLOCK = 4096 };
    Res *rs = &t->rs;
    Str body = rs->still.p ? rs->still : buf_str(&rs->body);
    char id[ID_TEXT_MAX + 1];
    struct MHD_Response *r = rs->stream ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, pull, t, NULL)
        : MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_PERSISTENT);
    if (!r) return NULL;
    add_common(t, r);
    add_page(t, r);
    for (size_t i = 0; i < rs->n_headers; i++) add(r, rs->headers[i].name.p, rs->headers[i].value.p);
    id_text("req", t->cx.request, id);
    add(r, "X-Request-Id", id);
    if (t->close) add(r, "Connection", "close");
    return r;
}
/* A short plain reply without headers of its own is made once and sent again and again: what ingest answers. */
static struct MHD_Response *still_reply(Turn *t)
{
    Res *rs = &t->rs;
    Loop *l = t->loop;
    Str body = rs->still.p ? rs->still : buf_str(&rs->body);
    bool cors = t->serve.route && t->serve.route->cors;
    if (rs->stream || rs->n_headers || rs->code != 200 || body.n > STILL_BYTES || t->close ||
        rs->type.n >= STILL_BYTES) return NULL;
    for (StillReply *s = l->still; s < l->still + STILL_REPLIES; s++)
        if (s->mhd && s->n == body.n && s->cors == cors && s->tls == t->rq.tls && str_is(rs->type, s->type) &&
            memcmp(s->bytes, body.p, body.n) == 0) return s->mhd;
    if (str_starts(rs->type, S("text/html"))) return NULL;
    StillReply *s = &l->still[l->next_still++ % STILL_REPLIES];
    if (s->mhd) MHD_destroy_response(s->mhd);
    *s = (StillReply){ .n = body.n, .cors = cors, .tls = t->rq.tls };
    if (rs->type.n) memcpy(s->type, rs->type.p, rs->type.n);
    if (body.n) memcpy(s->bytes, body.p, body.n);
    s->mhd = MHD_create_response_from_buffer(body.n, s->bytes, MHD_RESPMEM_MUST_COPY);
    if (s->mhd) add_common(t, s->mhd);
    return s->mhd;
}
static enum MHD_Result send_reply(Turn *t)
{
    t->close = t->close || atomic_load_explicit(&t->loop->http->stage, memory_order_relaxed) != STAGE_RUN;
    struct MHD_Response *shared = still_reply(t), *r = shared ? shared : fresh_reply(t);
    bool own = r && !shared;
    t->state = TURN_REPLYING;
    t->conn->since = t->loop->now;
    if (!r) r = t->loop->http->no_mem;
    enum MHD_Result rc = MHD_queue_response(t->mhd, r == t->loop->http->no_mem ? 503 : (unsigned)t->rs.code, r);
    if (own) MHD_destroy_response(r);
    return rc;
}
static int64_t pull(void *arg, uint64_t pos, char *to, size_t max)
{
    Turn *t = arg;
    Stream *s = t->rs.stream;
    (void)pos;
    t->loop->steps++;
    if (atomic_load(&t->serve.gone)) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (atomic_load(&t->loop->http->stage) != STAGE_RUN) return MHD_CONTENT_READER_END_OF_STREAM;
    int64_t n = s->pull(s->state, to, max);
    t->conn->since = t->loop->now;
    if (n > 0) return n;
    if (n < 0) return n == -1 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
    s->asleep = true;
    loop_watch(t->conn, true);
    MHD_suspend_connection(t->mhd);
    return 0;
}

/* --- steps --- */

bool turn_run(Turn *t)
{
    Status st = serve_run(&t->serve, &t->rq, &t->rs);
    if (st == ST_OK && t->rs.later) {
        Later *later = t->rs.later;
        if (atomic_fetch_sub(&later->left, 1) != 1) return false;
        st = later->st;
    }
    t->rs.later = NULL;
    serve_end(&t->serve, &t->rq, &t->rs, st);
    return true;
}
void turn_done(Turn *t) { loop_push(t->loop, &t->done); }

void turn_ready(Turn *t)
{
    if (t->dead) {
        pool_give(t->loop, t);
        return;
    }
    Later *later = t->rs.later;
    t->rs.later = NULL;
    if (later) {
        t->loop->n_later -= t->serve.route->queue == Q_LOG;
        serve_end(&t->serve, &t->rq, &t->rs, later->st);
    }
    t->state = TURN_DONE;
    if (!t->suspended) return;                /* the library asks for it at its next run */
    t->suspended = false;
    loop_watch(t->conn, false);
    MHD_resume_connection(t->mhd);
}
void turn_stream(Turn *t)
{
    if (t->dead) {
        pool_give(t->loop, t);
        return;
    }
    Stream *s = t->rs.stream;
    atomic_store(&s->woken, false);
    if (!s->asleep) return;
    s->asleep = false;
    MHD_resume_connection(t->mhd);
}
static enum MHD_Result refuse_now(Turn *t, Status st)
{
    t->close = true;
    t->linger = t->length.n || t->chunked;
    serve_end(&t->serve, &t->rq, &t->rs, st);
    return send_reply(t);
}
/* The headers are here, the body is not: the last moment at which a body can be refused unread. */
static enum MHD_Result begin(Turn *t, const char *method, const char *version)
{
    int64_t n = 0;
    t->state = TURN_BODY;
    t->conn->since = t->loop->now;
    Status st = head_read(t, method, version);
    if (st != ST_OK) return refuse_now(t, st);
    bool body = t->chunked || (t->length.n && !str_is(t->length, "0"));
    st = serve_match(&t->serve, &t->rq, &t->rs);
    if (st == ST_OK && atomic_load(&t->loop->http->stage) == STAGE_FORCE)
        st = refuse(&t->cx, ST_BUSY, S(""), MSG_stopping, NO_PARAMS);
    if (st != ST_OK && body) return refuse_now(t, st);
    t->early = st;
    t->body_max = t->serve.route ? serve_body_max(t->serve.route) : 0;
    if (t->length.n && (!str_i64(t->length, &n) || (uint64_t)n > t->body_max))
        return refuse_now(t, refuse(&t->cx, ST_INVALID, S(""), MSG_too_large,
                                    PARAMS({ .name = "max", .value = (int64_t)t->body_max })));
    t->announced = (size_t)n;
    return MHD_YES;
}
/* The library cannot answer in the middle of a body, so this goes straight to the socket; over TLS it only closes. */
static enum MHD_Result refuse_raw(Turn *t, Status st)
{
    Buf b = buf_new(t->cx.arena, 4096);
    serve_end(&t->serve, &t->rq, &t->rs, st);
    Str body = t->rs.still.p ? t->rs.still : buf_str(&t->rs.body);
    buf_addz(&b, "HTTP/1.1 ");
    buf_i64(&b, t->rs.code);
    buf_addz(&b, t->rs.code == 408 ? " Request Timeout" : t->rs.code == 413 ? " Content Too Large" : " Refused");
    buf_addz(&b, "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ");
    buf_i64(&b, (int64_t)body.n);
    buf_addz(&b, "\r\n\r\n");
    buf_add(&b, body);
    if (!b.bad && !t->loop->http->tls) (void)send(t->conn->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    t->linger = true;
    return MHD_NO;
}
void turn_slow(Conn *c)
{
    static const char bare[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    c->slow = true;
    if (c->turn && c->turn->state <= TURN_BODY)
        (void)refuse_raw(c->turn, refuse(&c->turn->cx, ST_INVALID, S(""), MSG_request_timeout, NO_PARAMS));
    else if (!c->turn && c->fresh && !c->loop->http->tls)
        (void)send(c->fd, bare, sizeof bare - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(c->fd, SHUT_RDWR);
}
static enum MHD_Result dispatch(Turn *t)
{
    if (t->early != ST_OK) serve_end(&t->serve, &t->rq, &t->rs, t->early);
    if (t->early != ST_OK || !t->serve.route) return send_reply(t);   /* no route: OPTIONS, answered by serve_match() */
    Queue q = t->serve.route->queue;
    Status st = body_finish(t);
    if (st == ST_OK && q == Q_LOG && t->loop->n_later >= QUEUE_LOG_MAX / t->loop->http->n_loops)
        st = refuse(&t->cx, ST_BUSY, S(""), MSG_overloaded, PARAMS({ .name = "seconds", .value = 1 }));
    if (st == ST_OK && q != Q_LOOP && q != Q_LOG) {
        loop_watch(t->conn, true);
        t->state = TURN_WAITING;
        st = queue_push(t->loop->http->jobs[q], t);
        if (st == ST_OK) {
            t->suspended = true;
            MHD_suspend_connection(t->mhd);
            return MHD_YES;
        }
        loop_watch(t->conn, false);
    }
    if (st != ST_OK) {
        serve_end(&t->serve, &t->rq, &t->rs, st);
        return send_reply(t);
    }
    if (turn_run(t)) return send_reply(t);
    t->state = TURN_WAITING;                  /* not suspended: that costs three system calls a request */
    t->loop->n_later++;
    return MHD_YES;
}

/* --- the library's callbacks, all on the loop's thread --- */

static Conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}
static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **state)
{
    Loop *l = arg;
    Turn *t = *state;
    (void)url;
    l->steps++;
    if (!t) return conn_of(mhd) && conn_of(mhd)->broken ? MHD_NO : MHD_queue_response(mhd, 503, l->http->no_mem);
    switch (t->state) {
    case TURN_NEW: return begin(t, method, version);
    case TURN_BODY: break;
    case TURN_WAITING: l->steps--; return MHD_YES;
    case TURN_DONE: return send_reply(t);
    case TURN_REPLYING: return MHD_YES;
    }
    if (*n == 0) return dispatch(t);
    Status st = body_add(t, data, *n);
    *n = 0;
    return st == ST_OK ? MHD_YES : refuse_raw(t, st);
}
/* We read queries ourselves. The library's 0.9 line would make an entry of each parameter, and having no room for the
 * thousandth it answers, forgets that it has, and waits for ever. It has found the '?' before it asks us, so it
 * now finds
 * nothing behind it. The memory is its own parse buffer. */
static void hide_query(const char *uri)
{
    const char *query = MHD_VERSION < 0x01000000 ? strchr(uri, '?') : NULL;
    if (query && query[1]) ((char *)(uintptr_t)query)[1] = 0;
}
static void *on_line(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    Conn *c = conn_of(mhd);
    Turn *t = c && uri && !c->broken ? turn_new(c) : NULL;
    (void)arg;
    if (!t) return NULL;
    t->uri_at = uri;
    t->uri = arena_str(t->cx.arena, str_z(uri));
    hide_query(uri);
    if (!t->uri.p) {
        pool_give(c->loop, t);
        return NULL;
    }
    c->turn = t;
    c->loop->steps++;
    c->fresh = false;
    c->since = c->loop->now;
    return t;
}
static void on_completed(void *arg, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode why)
{
    Loop *l = arg;
    Turn *t = *state;
    (void)mhd; (void)why;
    *state = NULL;
    l->steps++;
    if (t) turn_end(t);
}
static size_t on_unescape(void *arg, struct MHD_Connection *mhd, char *z)
{
    (void)arg; (void)mhd;
    return strlen(z);                         /* we undo percent-encoding ourselves, after splitting */
}
static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode what)
{
    Loop *l = arg;
    l->steps++;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        Conn *c = *context;
        *context = NULL;
        if (c) loop_gone(c);
        return;
    }
    *context = loop_came(l, mhd);
}

static void quiet(void *arg, const char *fmt, va_list ap) { (void)arg; (void)fmt; (void)ap; }

Status turn_daemon(Cx *cx, Loop *l)
{
    enum { STRICT = 1, POOL_BYTES = 16 << 10 };
    Http *h = l->http;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | (h->tls ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem options[] = {
        { MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)quiet, NULL },
        { MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, NULL },
#if MHD_VERSION >= 0x01000000                  /* before, strictness hangs up without a word: head.c says why */
        { MHD_OPTION_CLIENT_DISCIPLINE_LVL, STRICT, NULL },
#endif
        { MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_line, l },
        { MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)on_unescape, l },
        { MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, l },
        { MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, l },
        { h->tls ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, 0, h->key },
        { h->tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, h->cert },
        { MHD_OPTION_END, 0, NULL },
    };
    l->mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_request, l, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (l->mhd) return ST_OK;
    if (h->tls) return refuse(cx, ST_INVALID, S("tls_cert"), MSG_tls_bad, NO_PARAMS);
    return fail(cx, ST_IO, "the HTTP library did not start");
}
