#include "store/events/asks.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TICK_MS = 20, NAME_BYTES = 64, PARAM_BYTES = 96 };

typedef struct Waiter {
    struct Waiter *next;
    const AsksCaller *caller;
} Waiter;
/* A failure outlives the arena its texts stood in. */
typedef struct Failure { Why why; char text[PARAMS_MAX][PARAM_BYTES]; } Failure;
/* One computation, held by all who wait for it and by the list of kept answers. */
typedef struct Job {
    struct Job *next;            /* under way, or kept: newest use first */
    int      refs;
    char    *key; size_t key_n;
    int64_t  version, began, until;
    Waiter  *waiters;
    ScanRun  run;
    bool     over;
    Status   st;
    Failure  failure;
    char    *text; size_t n;
} Job;
struct Asks {
    pthread_mutex_t lock;
    pthread_cond_t  over, busy;  /* a job is over; the watcher has something to watch */
    pthread_t       watcher;
    bool            end;
    Job    *running, *kept;
    size_t  kept_bytes, kept_max;
};

static void job_done(Job *j)
{
    if (--j->refs > 0) return;
    mem_free(j->key);
    mem_free(j->text);
    mem_free(j);
}
static bool is_gone(const Waiter *w) { return w->caller->gone && w->caller->gone(w->caller->arg); }
/* Nobody is told when a client leaves, so somebody has to look. */
static void look_round(Asks *a)
{
    for (Job *j = a->running; j; j = j->next) {
        bool wanted = false;
        for (const Waiter *w = j->waiters; w; w = w->next) wanted |= !is_gone(w);
        if (!wanted) j->run.stop = true;
    }
    pthread_cond_broadcast(&a->over);            /* whoever is gone need not wait for the others' answer */
}
static void tick(Asks *a)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += TICK_MS * 1000000L;
    if (t.tv_nsec >= 1000000000L) t.tv_nsec -= 1000000000L, t.tv_sec++;
    (void)pthread_cond_timedwait(&a->busy, &a->lock, &t);
}
static void *watch(void *arg)
{
    Asks *a = arg;
    pthread_mutex_lock(&a->lock);
    while (!a->end) {
        if (a->running) tick(a);
        else pthread_cond_wait(&a->busy, &a->lock);
        look_round(a);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}
Status asks_new(Cx *cx, size_t kept_bytes, Asks **ret)
{
    Asks *a = mem_get(sizeof *a);
    if (!a) return fail(cx, ST_NO_MEM, "asks");
    a->kept_max = kept_bytes;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->over, NULL);
    pthread_cond_init(&a->busy, NULL);
    if (pthread_create(&a->watcher, NULL, watch, a) == 0) {
        *ret = a;
        return ST_OK;
    }
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->over);
    pthread_cond_destroy(&a->busy);
    mem_free(a);
    return fail(cx, ST_NO_MEM, "asks: a thread");
}
void asks_free(Asks *a)
{
    if (!a) return;
    pthread_mutex_lock(&a->lock);
    a->end = true;
    pthread_cond_signal(&a->busy);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->watcher, NULL);
    for (Job *j = a->kept, *next; j; j = next) {
        next = j->next;
        job_done(j);
    }
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->over);
    pthread_cond_destroy(&a->busy);
    mem_free(a);
}

/* ---- lists of jobs ---- */

static bool is_same(const Job *j, const AsksQuestion *q)
{
    return j->version == q->version && j->key_n == q->key.n && memcmp(j->key, q->key.p, q->key.n) == 0;
}
static Job *unlink_job(Job **at)
{
    Job *j = *at;
    *at = j->next;
    j->next = NULL;
    return j;
}
static size_t job_bytes(const Job *j) { return sizeof *j + j->key_n + j->n; }
static void forget(Asks *a, Job **at)
{
    a->kept_bytes -= job_bytes(*at);
    job_done(unlink_job(at));
}
/* An older version of the same question will never be asked for again, one whose time is over neither. */
static Job *kept_for(Asks *a, const AsksQuestion *q, int64_t now)
{
    Job *ret = NULL;
    for (Job **at = &a->kept; *at;) {
        Job *j = *at;
        bool same = j->key_n == q->key.n && memcmp(j->key, q->key.p, q->key.n) == 0;
        if (same && (j->version != q->version || (j->until && now >= j->until) || q->fresh)) {
            forget(a, at);
            continue;
        }
        if (same) ret = unlink_job(at);
        else at = &j->next;
    }
    if (!ret) return NULL;
    ret->next = a->kept;
    a->kept = ret;
    ret->refs++;
    return ret;
}
static void keep(Asks *a, Job *j)
{
    size_t bytes = job_bytes(j);
    if (j->st != ST_OK || bytes > a->kept_max / 4) return;
    j->refs++;
    j->next = a->kept;
    a->kept = j;
    a->kept_bytes += bytes;
    while (a->kept_bytes > a->kept_max) {
        Job **last = &a->kept;
        while ((*last)->next) last = &(*last)->next;
        forget(a, last);
    }
}
static Job *running_for(const Asks *a, const AsksQuestion *q)
{
    for (Job *j = a->running; j; j = j->next) if (!j->run.stop && is_same(j, q)) return j;
    return NULL;
}

/* ---- one question ---- */

static Status job_new(Cx *cx, Asks *a, const AsksQuestion *q, Job **ret)
{
    Job *j = mem_get(sizeof *j);
    char *key = j ? mem_get(q->key.n) : NULL;
    if (!key) {
        mem_free(j);
        return fail(cx, ST_NO_MEM, "asks: a question");
    }
    if (q->key.n) memcpy(key, q->key.p, q->key.n);
    *j = (Job){ .refs = 1, .key = key, .key_n = q->key.n, .version = q->version, .began = clock_mono(),
        .next = a->running };
    j->run.deadline = q->deadline_ms ? j->began + q->deadline_ms : 0;
    a->running = j;
    pthread_cond_signal(&a->busy);
    *ret = j;
    return ST_OK;
}
static void failure_put(Failure *f, const Why *why)
{
    f->why = *why;
    for (size_t i = 0; i < why->n_params; i++) {
        Str *text = &f->why.params[i].text;
        size_t n = text->n < PARAM_BYTES ? text->n : PARAM_BYTES;
        if (!text->p) continue;
        memcpy(f->text[i], text->p, n);
        *text = (Str){ f->text[i], n };
    }
}
static Status failure_get(Cx *cx, const Failure *f)
{
    cx->why = f->why;
    for (size_t i = 0; i < f->why.n_params; i++) {
        Str text = f->why.params[i].text;
        if (text.p) cx->why.params[i].text = arena_str(cx->arena, text);
    }
    return cx->why.st;
}
static void job_compute(Cx *cx, Asks *a, Job *j, const AsksQuestion *q)
{
    AsksAnswer got = { 0 };
    Status st = q->work(cx, q->arg, &j->run, &got);
    char *text = st == ST_OK ? mem_get(got.text.n) : NULL;
    if (st == ST_OK && !text) st = fail(cx, ST_NO_MEM, "asks: an answer of %zu bytes", got.text.n);
    pthread_mutex_lock(&a->lock);
    j->st = st;
    if (st == ST_OK) {
        if (got.text.n) memcpy(text, got.text.p, got.text.n);
        j->text = text;
        j->n = got.text.n;
        j->until = got.until;
    } else {
        failure_put(&j->failure, &cx->why);
    }
    j->over = true;
    for (Job **at = &a->running; *at; at = &(*at)->next)
        if (*at == j) {
            (void)unlink_job(at);
            break;
        }
    keep(a, j);
    pthread_cond_broadcast(&a->over);
    pthread_mutex_unlock(&a->lock);
}
static void waiter_drop(Job *j, const Waiter *w)
{
    for (Waiter **at = &j->waiters; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            return;
        }
}
static Status stopped(Cx *cx) { return refuse(cx, ST_LIMITED, (Str){ 0 }, MSG_question_stopped, NO_PARAMS); }
/* The lock is held. A job that somebody waits for is only stopped for all of them. */
static Status wait_for(Cx *cx, Asks *a, const Job *j, const Waiter *me)
{
    while (!j->over && !is_gone(me)) pthread_cond_wait(&a->over, &a->lock);
    return j->over ? ST_OK : stopped(cx);
}
static Status take(Cx *cx, const Job *j, AsksAnswer *ret)
{
    if (j->st != ST_OK) return failure_get(cx, &j->failure);
    *ret = (AsksAnswer){ .text = arena_str(cx->arena, (Str){ j->text, j->n }), .until = j->until };
    return ret->text.p || j->n == 0 ? ST_OK : fail(cx, ST_NO_MEM, "asks: an answer of %zu bytes", j->n);
}
/* Joins the same question under way, or begins it; the lock is held. */
static Status job_for(Cx *cx, Asks *a, const AsksQuestion *q, Waiter *me, Job **ret, bool *ret_mine)
{
    Job *j = running_for(a, q);
    *ret_mine = !j;
    if (!j) TRY(job_new(cx, a, q, &j));
    j->refs++;
    me->next = j->waiters;
    j->waiters = me;
    *ret = j;
    return *ret_mine ? ST_OK : wait_for(cx, a, j, me);
}
Status asks_run(Cx *cx, Asks *a, const AsksQuestion *q, const AsksCaller *caller, AsksAnswer *ret, bool *ret_kept)
{
    Waiter me = { .caller = caller };
    bool mine = false;
    Status st = ST_OK;
    pthread_mutex_lock(&a->lock);
    Job *j = kept_for(a, q, cx->now);
    *ret_kept = j != NULL;
    if (!j) st = job_for(cx, a, q, &me, &j, &mine);
    pthread_mutex_unlock(&a->lock);
    if (mine && st == ST_OK) job_compute(cx, a, j, q);
    if (st == ST_OK) st = take(cx, j, ret);
    pthread_mutex_lock(&a->lock);
    if (j) waiter_drop(j, &me);
    if (j && mine) job_done(j);
    if (j) job_done(j);
    pthread_mutex_unlock(&a->lock);
    return st;
}

/* ---- looking after them ---- */

Status asks_list(Cx *cx, Asks *a, const AsksState **ret, size_t *ret_n)
{
    pthread_mutex_lock(&a->lock);
    size_t n = 0, i = 0;
    for (const Job *j = a->running; j; j = j->next) n++;
    AsksState *s = ARENA_MANY(cx->arena, AsksState, n + 1);
    for (Job *j = a->running; s && j; j = j->next, i++) {
        s[i] = (AsksState){ .done = j->run.done, .of = j->run.of, .ms = clock_mono() - j->began };
        for (const Waiter *w = j->waiters; w; w = w->next) {
            s[i].callers++;
            if (w->caller->name.n) s[i].name = arena_str(cx->arena, w->caller->name);
        }
    }
    pthread_mutex_unlock(&a->lock);
    *ret = s;
    *ret_n = n;
    return s ? ST_OK : fail(cx, ST_NO_MEM, "asks: %zu of them", n);
}
bool asks_stop(Asks *a, Str name)
{
    bool found = false;
    pthread_mutex_lock(&a->lock);
    for (Job *j = a->running; j; j = j->next)
        for (const Waiter *w = j->waiters; w; w = w->next)
            if (name.n && str_eq(w->caller->name, name)) j->run.stop = found = true;
    pthread_mutex_unlock(&a->lock);
    return found;
}
