#include "store/events/events.h"
#include "base/limits.h"
#include "store/events/batch.h"
#include "store/events/state.h"
#include "store/events/wal.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { TAIL_BYTES = 64 << 20, FLUSH_SECONDS = 600, RETRY_SECONDS = 5, ROOM_WAIT_MS = 10000, RUSH_MS = 4000,
    OWED_MAX = 32 };

struct Events {
    EventsConfig c;
    State *state;
    Wal   *wal;
    pthread_t worker;
    bool has_worker, opened;
    int64_t flushed;             /* by the last manifest */
    pthread_mutex_t flushing;    /* one flush or merge at a time; guards pending */
    Manifest pending;            /* could not be written, yet may stand on the disk: nothing else until it is */
    bool has_pending;
    int64_t rested;              /* the worker's: when it last had nothing to do, ms of clock_mono() */
    int owed;                    /* the worker's: flushes since it last merged */
    pthread_mutex_t lock;        /* guards the rest */
    pthread_cond_t  kick, room;
    bool kicked, stop;
};

State *events_state(Events *e) { return e->state; }
Status events_missing(Cx *cx, Events *e, const Str **ret, size_t *ret_n) { return wal_missing(cx, e->wal, ret, ret_n); }

static struct timespec in_ms(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    return t;
}

/* ---- flush and merge; e->flushing is held ---- */

static Status finish(Cx *cx, Events *e, const Manifest *m)
{
    TRY(manifest_write(cx, e->c.fs, e->c.dir, m));
    state_commit(cx, e->state, m);
    e->flushed = m->flushed;
    if (e->opened) wal_flushed(e->wal, m->flushed);
    pthread_mutex_lock(&e->lock);
    pthread_cond_broadcast(&e->room);
    pthread_mutex_unlock(&e->lock);
    return ST_OK;
}
static void pending_done(Events *e)
{
    mem_free(e->pending.segments);
    mem_free(e->pending.marks);
    mem_free(e->pending.ids);
    e->has_pending = false;
}
static Status finish_pending(Cx *cx, Events *e)
{
    if (!e->has_pending) return ST_OK;
    TRY(finish(cx, e, &e->pending));
    pending_done(e);
    return ST_OK;
}
static Status finish_new(Cx *cx, Events *e, const Manifest *next)
{
    e->pending = *next;
    e->pending.segments = mem_get(next->n * sizeof *next->segments);
    e->pending.marks = mem_get((next->n_marks + 1) * sizeof *next->marks);
    e->pending.ids = mem_get((next->n_ids + 1) * sizeof *next->ids);
    if (!e->pending.segments || !e->pending.marks || !e->pending.ids) {
        pending_done(e);
        state_abandon(cx, e->state);
        return fail(cx, ST_NO_MEM, "manifest of %zu segments", next->n);
    }
    if (next->n) memcpy(e->pending.segments, next->segments, next->n * sizeof *next->segments);
    if (next->n_marks) memcpy(e->pending.marks, next->marks, next->n_marks * sizeof *next->marks);
    if (next->n_ids) memcpy(e->pending.ids, next->ids, next->n_ids * sizeof *next->ids);
    e->has_pending = true;
    return finish_pending(cx, e);
}
Status events_settle(Cx *cx, Events *e)
{
    pthread_mutex_lock(&e->flushing);
    Status st = finish_pending(cx, e);
    pthread_mutex_unlock(&e->flushing);
    return st;
}
Status events_change(Cx *cx, Events *e, Status (*make)(Cx *, State *, void *, Manifest *), void *arg)
{
    Manifest next;
    pthread_mutex_lock(&e->flushing);
    Status st = finish_pending(cx, e);
    if (st == ST_OK) st = make(cx, e->state, arg, &next);
    if (st == ST_OK) st = finish_new(cx, e, &next);
    pthread_mutex_unlock(&e->flushing);
    return st;
}
static Status step(Cx *cx, Events *e, Status (*make)(Cx *, State *, Manifest *))
{
    Manifest next;
    TRY(finish_pending(cx, e));
    TRY(make(cx, e->state, &next));
    return finish_new(cx, e, &next);
}
Status events_flush(Cx *cx, Events *e)
{
    pthread_mutex_lock(&e->flushing);
    Status st = step(cx, e, state_flush);
    pthread_mutex_unlock(&e->flushing);
    if (st == ST_NOT_FOUND) st = ST_OK;
    return st == ST_OK && e->c.quiet && e->opened ? wal_tidy(cx, e->wal) : st;
}
Status events_merge(Cx *cx, Events *e)
{
    pthread_mutex_lock(&e->flushing);
    Status st = step(cx, e, state_merge);
    pthread_mutex_unlock(&e->flushing);
    return st;
}

/* ---- the background thread ---- */

/* Sleeps until there is something to do; false: the end. */
static bool work_due(Events *e, int64_t seconds)
{
    struct timespec until = in_ms(seconds * 1000);
    int r = 0;
    pthread_mutex_lock(&e->lock);
    while (!e->kicked && !e->stop && r != ETIMEDOUT) r = pthread_cond_timedwait(&e->kick, &e->lock, &until);
    e->kicked = false;
    bool go = !e->stop;
    pthread_mutex_unlock(&e->lock);
    return go;
}
static bool stopping(Events *e)
{
    pthread_mutex_lock(&e->lock);
    bool stop = e->stop;
    pthread_mutex_unlock(&e->lock);
    return stop;
}
/* One flush soon after the other means that events pour in: merging can wait, they cannot. */
static Status work(Events *e)
{
    Cx cx = { .arena = arena_new(CX_ARENA_MAX) };
    if (!cx.arena) return ST_NO_MEM;
    cx.now = clock_now();
    bool rush = clock_mono() - e->rested < RUSH_MS && e->owed < OWED_MAX;
    Status st = events_flush(&cx, e);
    if (!rush) e->owed = 0;
    else if (st == ST_OK) e->owed++;
    while (st == ST_OK && !rush && !stopping(e)) {
        arena_reset(cx.arena);
        st = events_merge(&cx, e);
    }
    arena_free(cx.arena);
    return st;
}
static void *worker_run(void *arg)
{
    Events *e = arg;
    int64_t pause = FLUSH_SECONDS;
    pthread_setname_np(pthread_self(), "flush");
    while (work_due(e, pause)) {
        Status st = work(e);
        pause = (st == ST_OK || st == ST_NOT_FOUND) && e->owed == 0 ? FLUSH_SECONDS : RETRY_SECONDS;
        e->rested = clock_mono();
    }
    return NULL;
}
static void kick(Events *e)
{
    pthread_mutex_lock(&e->lock);
    e->kicked = true;
    pthread_cond_signal(&e->kick);
    pthread_mutex_unlock(&e->lock);
}

/* ---- what the log calls, on its thread ---- */

static void wait_for_room(Events *e, int64_t ms)
{
    struct timespec until = in_ms(ms);
    pthread_mutex_lock(&e->lock);
    if (!e->stop) (void)pthread_cond_timedwait(&e->room, &e->lock, &until);
    pthread_mutex_unlock(&e->lock);
}
/* A full tail makes the log wait for the flush, the group behind it fill, and then callers be refused. */
static Status on_reserve(Cx *cx, void *arg, size_t n)
{
    Events *e = arg;
    int64_t end = clock_mono() + ROOM_WAIT_MS;
    for (;;) {
        Status st = state_reserve(cx, e->state, n);
        if (st != ST_BUSY) return st;
        if (!e->opened) {                         /* replay: nobody else is here to flush */
            TRY(events_flush(cx, e));
            return state_reserve(cx, e->state, n);
        }
        if (!e->has_worker || clock_mono() >= end) return st;
        kick(e);
        wait_for_room(e, 100);
    }
}
static void on_chunk(void *arg, int64_t pos, int64_t end, char *bytes, size_t n)
{
    Events *e = arg;
    state_chunk(e->state, pos, end, bytes, n);
    if (e->has_worker && state_tail_bytes(e->state) > e->c.tail_bytes) kick(e);
}

/* ---- open and close ---- */

static Status set_up(Cx *cx, Events *e)
{
    Manifest m;
    TRY(e->c.fs.ops->mkdir(cx, e->c.fs.self, e->c.dir));
    TRY(manifest_read(cx, e->c.fs, e->c.dir, &m));
    TRY(state_open(cx, &e->c, &m, &e->state));
    TRY(wal_open(cx, &(WalConfig){ .fs = e->c.fs, .dir = e->c.dir, .flushed = m.flushed,
        .file_bytes = e->c.log_file_bytes,
        .quiet = e->c.quiet, .reserve = on_reserve, .chunk = on_chunk, .arg = e }, &e->wal));
    e->opened = true;
    if (e->flushed) wal_flushed(e->wal, e->flushed);
    if (e->c.quiet) return ST_OK;
    e->has_worker = pthread_create(&e->worker, NULL, worker_run, e) == 0;
    return e->has_worker ? ST_OK : fail(cx, ST_NO_MEM, "the flush thread");
}
Status events_open(Cx *cx, const EventsConfig *c, Events **ret)
{
    size_t n = strlen(c->dir) + 1;
    Events *e = mem_get(sizeof *e + n);
    pthread_condattr_t a;
    if (!e) return fail(cx, ST_NO_MEM, "the event store");
    e->c = *c;
    e->c.dir = memcpy(e + 1, c->dir, n);
    if (!e->c.tail_bytes) e->c.tail_bytes = TAIL_BYTES;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->flushing, NULL);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->kick, &a);
    pthread_cond_init(&e->room, &a);
    pthread_condattr_destroy(&a);
    Status st = set_up(cx, e);
    if (st != ST_OK) {
        events_close(e);
        return st;
    }
    *ret = e;
    return ST_OK;
}
void events_close(Events *e)
{
    if (!e) return;
    if (e->wal) wal_stop(e->wal);                 /* first: what waits may need the flush thread to make room */
    pthread_mutex_lock(&e->lock);
    e->stop = true;
    pthread_cond_broadcast(&e->kick);
    pthread_cond_broadcast(&e->room);
    pthread_mutex_unlock(&e->lock);
    if (e->has_worker) pthread_join(e->worker, NULL);
    wal_close(e->wal);
    if (e->state) state_close(e->state);
    if (e->has_pending) pending_done(e);
    pthread_mutex_destroy(&e->flushing);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->kick);
    pthread_cond_destroy(&e->room);
    mem_free(e);
}

/* ---- the log's part of the face ---- */

Status events_append(Cx *cx, Events *e, const Entry *entries, size_t n, bool *ret_same, EventsDone *done, void *arg)
{
    TRY(state_names(cx, e->state, entries, n));
    return wal_append(cx, e->wal, entries, n, ret_same, done, arg);
}
Status events_append_batch(Cx *cx, Events *e, const Batch *b, bool *ret_same, EventsDone *done, void *arg)
{
    TRY(state_names(cx, e->state, b->whole, b->n_whole));
    return wal_append_batch(cx, e->wal, b, ret_same, done, arg);
}
Status events_names(Cx *cx, Events *e, const Entry *entries, size_t n)
{
    return state_names(cx, e->state, entries, n);
}
typedef struct Wait { pthread_mutex_t lock; pthread_cond_t cond; Status st; bool done; } Wait;
static void wake(void *arg, Status st)
{
    Wait *w = arg;
    pthread_mutex_lock(&w->lock);
    w->st = st;
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}
Status events_append_wait(Cx *cx, Events *e, const Entry *entries, size_t n, bool *ret_same)
{
    Wait w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, ST_OK, false };
    TRY(events_append(cx, e, entries, n, ret_same, wake, &w));
    pthread_mutex_lock(&w.lock);
    while (!w.done) pthread_cond_wait(&w.cond, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_mutex_destroy(&w.lock);
    pthread_cond_destroy(&w.cond);
    return w.st == ST_OK ? ST_OK : fail(cx, w.st, "the log could not be written");
}
Status events_read(Cx *cx, Events *e, int64_t from, EventsEach *each, void *arg, int64_t *ret_next)
{
    return wal_read(cx, e->wal, from, each, arg, ret_next);
}
Status events_read_heads(Cx *cx, Events *e, int64_t from, EventsEach *each, void *arg, int64_t *ret_next)
{
    return wal_read_heads(cx, e->wal, from, each, arg, ret_next);
}
int64_t events_end(Events *e) { return wal_end(e->wal); }
int64_t events_version(Events *e) { return (state_commits(e->state) << 44) + wal_end(e->wal); }
bool    events_wait(Events *e, int64_t past, int64_t timeout_ms) { return wal_wait(e->wal, past, timeout_ms); }
void    events_keep_from(Events *e, int64_t pos) { wal_keep_from(e->wal, pos); }
Status  events_stats(Cx *cx, Events *e, EventsStats *ret)
{
    EventsStats s = { 0 };
    TRY(state_stats(cx, e->state, &s));
    wal_stats(e->wal, &s);
    *ret = s;
    return ST_OK;
}
