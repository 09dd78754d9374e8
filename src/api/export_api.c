/* export_api: every event as NDJSON, streamed while it is read.
 *
 * A scan pushes and a reply pulls: between them stands a thread that scans into a pair of sockets. A slow reader
 * stops the
 * thread when the pair is full; a reader that leaves ends it at its next row. Thread and reply both hold the
 * Export; the
 * last of them frees it. */
#include "api/event_out.h"
#include "base/limits.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXPORTS_MAX = 4 };
static atomic_int running;
typedef struct Export {
    App    *app;
    Stream *stream;
    int64_t from, to;
    int     in, out;             /* the thread's end, the reply's end */
    pthread_mutex_t lock;        /* stream is told only while the reply lives */
    bool    gone;
    atomic_bool broken;          /* the scan ended early */
    atomic_int refs;
    Cx      cx, rows;            /* of the scan, and of one row at a time */
} Export;

static void let_go(Export *x)
{
    if (atomic_fetch_sub(&x->refs, 1) != 1) return;
    pthread_mutex_destroy(&x->lock);
    arena_free(x->cx.arena);
    arena_free(x->rows.arena);
    mem_free(x);
    atomic_fetch_sub(&running, 1);
}
static void tell(Export *x)
{
    pthread_mutex_lock(&x->lock);
    if (!x->gone) stream_wake(x->stream);
    pthread_mutex_unlock(&x->lock);
}
static bool put(Export *x, Str s)
{
    while (s.n) {
        ssize_t n = send(x->in, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        s = (Str){ s.p + n, s.n - (size_t)n };
        tell(x);
    }
    return true;
}
static Status row(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    Export *x = arg;
    Buf b = buf_new(x->rows.arena, 1 << 20);
    JsonW w = { .b = &b };
    (void)root;
    event_out_event(&w, x->app, e, EVENT_PROPS_MAX, PROP_TEXT_BYTES_MAX);
    buf_addc(&b, '\n');
    if (b.bad) return fail(cx, ST_NO_MEM, "export");
    bool read_on = put(x, buf_str(&b));
    arena_reset(x->rows.arena);
    return read_on ? ST_OK : ST_NOT_FOUND;
}
static void *scan(void *arg)
{
    Export *x = arg;
    if (events_scan(&x->cx, x->app->events, x->from, x->to, row, x) != ST_OK) atomic_store(&x->broken, true);
    close(x->in);
    tell(x);
    let_go(x);
    return NULL;
}
static int64_t pull(void *state, char *to, size_t max)
{
    Export *x = state;
    ssize_t n = read(x->out, to, max);
    if (n > 0) return n;
    if (n == 0) return atomic_load(&x->broken) ? -2 : -1;      /* cut off, so that nobody takes a part for all of it */
    return errno == EAGAIN || errno == EINTR ? 0 : -2;
}
static void drop(void *state)
{
    Export *x = state;
    pthread_mutex_lock(&x->lock);
    x->gone = true;
    pthread_mutex_unlock(&x->lock);
    close(x->out);
    let_go(x);
}
void export_wait(void)
{
    while (atomic_load(&running)) usleep(10000);
}
static Status time_of(Cx *cx, const Req *rq, const char *name, int64_t otherwise, int64_t *ret)
{
    const Zone *z;
    Str text = req_query(cx, rq, name);
    *ret = otherwise;
    if (text.n == 0) return ST_OK;
    TRY(zone_get(cx, rq->app->zone, &z));
    return zone_parse(z, text, ret) ? ST_OK : refuse(cx, ST_INVALID, str_z(name), MSG_bad_time, NO_PARAMS);
}
static Status start_scan(Cx *cx, Export *x)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    atomic_fetch_add(&x->refs, 1);
    bool started = pthread_create(&thread, &attr, scan, x) == 0;
    pthread_attr_destroy(&attr);
    if (started) return ST_OK;
    atomic_fetch_sub(&x->refs, 1);
    close(x->in);
    return fail(cx, ST_BUSY, "no thread for an export");
}
static Status open_export(Cx *cx, const Req *rq, Export *x)
{
    int ends[2];
    x->in = x->out = -1;
    x->app = rq->app;
    x->cx = x->rows = (Cx){ .now = cx->now };
    x->cx.arena = arena_new(CX_ARENA_MAX);
    x->rows.arena = arena_new(CX_ARENA_MAX);
    if (!x->cx.arena || !x->rows.arena) return fail(cx, ST_NO_MEM, "export");
    TRY(time_of(cx, rq, "from", INT64_MIN, &x->from));
    TRY(time_of(cx, rq, "to", INT64_MAX, &x->to));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail(cx, ST_IO, "socketpair");
    x->out = ends[0];
    x->in = ends[1];
    return fcntl(x->out, F_SETFL, O_NONBLOCK) == 0 ? ST_OK : fail(cx, ST_IO, "fcntl");
}
static Status get_export(Cx *cx, const Req *rq, Res *rs)
{
    if (atomic_fetch_add(&running, 1) >= EXPORTS_MAX) {
        atomic_fetch_sub(&running, 1);
        return refuse(cx, ST_LIMITED, S(""), MSG_overloaded, PARAMS({ .name = "seconds", .value = 30 }));
    }
    Export *x = mem_get(sizeof *x);
    if (!x) {
        atomic_fetch_sub(&running, 1);
        return fail(cx, ST_NO_MEM, "export");
    }
    pthread_mutex_init(&x->lock, NULL);
    atomic_init(&x->refs, 1);
    Status st = open_export(cx, rq, x);
    if (st == ST_OK) st = res_stream(cx, rs, "application/x-ndjson", pull, x, drop, &x->stream);
    if (st != ST_OK) {
        if (x->in >= 0) close(x->in);
        if (x->out >= 0) close(x->out);
        let_go(x);
        return st;
    }
    st = start_scan(cx, x);
    if (st == ST_OK) return ST_OK;
    rs->stream = NULL;
    drop(x);
    return st;
}
const Route export_routes[] = {
    { "GET", "/api/1/export", get_export, .may = MAY_STAFF, .queue = Q_ASK, .doc = "every event as NDJSON, "
                                                            "?from= and ?to= in the product's zone" },
};
const size_t export_routes_n = COUNT(export_routes);
