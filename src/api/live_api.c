/* live_api: what happens now, as server-sent events.
 *
 * One thread waits for the log to grow and wakes the open streams; each stream reads the log itself from where it
 * is, so a slow reader slows nobody. One whose place is no longer in the log goes on at its end. */
#include "api/event_out.h"
#include "base/limits.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { STREAMS_MAX = 2000, LIVE_PROPS = 8, LIVE_TEXT = 200, LINE_MAX_BYTES = 4096 };
typedef struct Watch {
    App    *app;
    Stream *stream;
    int64_t pos;
    int64_t beat;                /* clock_mono() of the last byte */
    char    line[LINE_MAX_BYTES * 4];
    size_t  n, at;
    struct Watch *next;
} Watch;
struct Live { pthread_t thread; pthread_mutex_t lock; Watch *watches; int n; atomic_bool stop; };

typedef struct Filling { Watch *w; } Filling;
static Status add_line(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Watch *w = ((Filling *)arg)->w;
    (void)pos;
    if (e->kind != ENTRY_EVENT) return ST_OK;
    if (w->n + LINE_MAX_BYTES > sizeof w->line) return ST_NOT_FOUND;     /* the rest next time */
    Buf b = buf_new(cx->arena, LINE_MAX_BYTES);
    JsonW j = { .b = &b };
    buf_addz(&b, "data: ");
    event_out_event(&j, w->app, &e->event, LIVE_PROPS, LIVE_TEXT);
    buf_addz(&b, "\n\n");
    if (b.bad) return ST_OK;                                              /* too large to show */
    memcpy(w->line + w->n, b.p, b.n);
    w->n += b.n;
    return ST_OK;
}
static void refill(Watch *w)
{
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = clock_now() };
    Filling f = { .w = w };
    w->n = w->at = 0;
    if (!cx.arena) return;
    if (events_read(&cx, w->app->events, w->pos, add_line, &f, &w->pos) != ST_OK) w->pos = events_end(w->app->events);
    arena_free(cx.arena);
}
static int64_t pull(void *state, char *to, size_t max)
{
    Watch *w = state;
    int64_t now = clock_mono();
    if (w->at == w->n) refill(w);
    if (w->at == w->n && now - w->beat > 15000) {
        memcpy(w->line, ": still here\n\n", 14);
        w->n = 14;
    }
    size_t n = w->n - w->at < max ? w->n - w->at : max;
    if (n == 0) return 0;
    memcpy(to, w->line + w->at, n);
    w->at += n;
    w->beat = now;
    return (int64_t)n;
}
static void drop(void *state)
{
    Watch *w = state, **at;
    Live *live = w->app->live;
    pthread_mutex_lock(&live->lock);
    for (at = &live->watches; *at && *at != w; at = &(*at)->next) {}
    if (*at) {
        *at = w->next;
        live->n--;
    }
    pthread_mutex_unlock(&live->lock);
    mem_free(w);
}
static Status get_live(Cx *cx, const Req *rq, Res *rs)
{
    Live *live = rq->app->live;
    Watch *w = mem_get(sizeof *w);
    Stream *stream;

    if (!w) return fail(cx, ST_NO_MEM, "live");
    w->app = rq->app;
    w->pos = events_end(rq->app->events);
    w->beat = clock_mono();
    w->n = 14;
    memcpy(w->line, ": still here\n\n", 14);
    pthread_mutex_lock(&live->lock);
    bool full = live->n >= STREAMS_MAX;
    Status st = full ? ST_LIMITED : res_stream(cx, rs, "text/event-stream", pull, w, drop, &stream);
    if (st == ST_OK) {
        w->stream = stream;
        w->next = live->watches;
        live->watches = w;
        live->n++;
    }
    pthread_mutex_unlock(&live->lock);
    if (st != ST_OK) mem_free(w);
    return full ? refuse(cx, ST_LIMITED, S(""), MSG_overloaded, PARAMS({ .name = "seconds", .value = 5 })) : st;
}
static void *watch_log(void *arg)
{
    App *app = arg;
    Live *live = app->live;
    int64_t past = events_end(app->events);
    while (!live->stop) {
        bool news = events_wait(app->events, past, 500);
        past = events_end(app->events);
        pthread_mutex_lock(&live->lock);
        for (Watch *w = live->watches; w; w = w->next)
            if (news || clock_mono() - w->beat > 15000) stream_wake(w->stream);
        pthread_mutex_unlock(&live->lock);
    }
    return NULL;
}
Status live_start(Cx *cx, App *app)
{
    Live *live = mem_get(sizeof *live);
    if (!live) return fail(cx, ST_NO_MEM, "live_start");
    pthread_mutex_init(&live->lock, NULL);
    app->live = live;
    if (pthread_create(&live->thread, NULL, watch_log, app) == 0) return ST_OK;
    mem_free(live);
    app->live = NULL;
    return fail(cx, ST_IO, "cannot start the live thread");
}
void live_stop(App *app)
{
    if (!app->live) return;
    app->live->stop = true;
    pthread_join(app->live->thread, NULL);
    pthread_mutex_destroy(&app->live->lock);
    mem_free(app->live);
    app->live = NULL;
}
const Route live_routes[] = {
    { "GET", "/api/1/live", get_live, .may = MAY_STAFF, .queue = Q_LOOP, .doc = "new events as server-sent events" },
};
const size_t live_routes_n = COUNT(live_routes);
