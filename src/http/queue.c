#include "http/turn.h"
#include <string.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"

/* One bounded queue and its threads. First in, first out, one deadline for all: the head is always the next to
 * expire. */
struct Jobs {
    Queue queue;
    pthread_mutex_t lock;
    pthread_cond_t some;
    Turn *head, *tail;
    size_t n, max;
    int64_t wait_ms;
    bool closed;
    pthread_t threads[HTTP_THREADS_MAX];
    int n_threads;
};
static const struct { size_t max; int64_t wait_ms; } limits[QUEUES_] = {
    [Q_DB] = { QUEUE_DB_MAX, QUEUE_WAIT_MS }, [Q_CPU] = { QUEUE_CPU_MAX, QUEUE_WAIT_MS },
    [Q_ASK] = { QUEUE_ASK_MAX, ASK_WAIT_MS }, [Q_NET] = { QUEUE_NET_MAX, QUEUE_WAIT_MS },
};
#define PER_QUEUE(kind, name, help) { [Q_DB] = METRIC(kind, name, "queue=\"db\"", help), \
    [Q_CPU] = METRIC(kind, name, "queue=\"cpu\"", help), [Q_ASK] = METRIC(kind, name, "queue=\"ask\"", help), \
    [Q_NET] = METRIC(kind, name, "queue=\"net\"", help) }
static Metric depth[QUEUES_] = PER_QUEUE(METRIC_GAUGE, "liuke_queue_depth", "requests that wait for a thread");
static Metric waited[QUEUES_] = PER_QUEUE(METRIC_HISTOGRAM, "liuke_queue_wait_seconds",
    "time a request waited for a thread");
static Metric shed[QUEUES_] = PER_QUEUE(METRIC_COUNTER, "liuke_queue_shed_total",
    "requests refused: queue full or too late");
static Metric left[QUEUES_] = PER_QUEUE(METRIC_COUNTER, "liuke_queue_left_total",
    "requests dropped: their client had gone");

static Turn *take_head(Jobs *j)
{
    Turn *t = j->head;
    j->head = t->next;
    if (!j->head) j->tail = NULL;
    t->next = NULL;
    j->n--;
    metric_add(&depth[j->queue], -1);
    return t;
}
static void answer(Turn *t, Status st)
{
    serve_end(&t->serve, &t->rq, &t->rs, st);
    turn_done(t);
}
static Status busy(Cx *cx)
{
    return refuse(cx, ST_BUSY, S(""), MSG_overloaded, PARAMS({ .name = "seconds", .value = 1 }));
}
static void run(Jobs *j, Turn *t)
{
    metric_us(&waited[j->queue], clock_mono_us() - t->queued_us);
    if (atomic_load(&t->serve.gone)) {
        metric_add(&left[j->queue], 1);
        answer(t, refuse(&t->cx, ST_BUSY, S(""), MSG_busy, NO_PARAMS));
    } else if (turn_run(t)) {
        turn_done(t);
    }
}
static void *worker(void *arg)
{
    Jobs *j = arg;
    pthread_mutex_lock(&j->lock);
    while (true) {
        while (!j->head && !j->closed) pthread_cond_wait(&j->some, &j->lock);
        if (!j->head) break;
        Turn *t = take_head(j);
        pthread_mutex_unlock(&j->lock);
        run(j, t);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}
Status queue_open(Cx *cx, Queue queue, int threads, Jobs **ret)
{
    Jobs *j = mem_get(sizeof *j);
    if (!j) return fail(cx, ST_NO_MEM, "a queue");
    j->queue = queue;
    j->max = limits[queue].max;
    j->wait_ms = limits[queue].wait_ms;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->some, NULL);
    metric_add(&depth[queue], 0);             /* shows from the first scrape on */
    metric_add(&shed[queue], 0);
    for (int i = 0; i < threads && i < HTTP_THREADS_MAX; i++) {
        int rc = pthread_create(&j->threads[i], NULL, worker, j);
        if (rc != 0) {
            queue_close(j);
            queue_free(j);
            return fail(cx, ST_NO_MEM, "thread: %s", strerror(rc));
        }
        j->n_threads = i + 1;
    }
    *ret = j;
    return ST_OK;
}
Status queue_push(Jobs *j, Turn *t)
{
    t->queued_us = clock_mono_us();
    t->deadline = t->queued_us / 1000 + j->wait_ms;
    pthread_mutex_lock(&j->lock);
    bool full = j->n >= j->max, closed = j->closed;
    if (!full && !closed) {
        t->next = NULL;
        if (j->tail) j->tail->next = t;
        else j->head = t;
        j->tail = t;
        j->n++;
        metric_add(&depth[j->queue], 1);
        pthread_cond_signal(&j->some);
    }
    pthread_mutex_unlock(&j->lock);
    if (closed) return refuse(&t->cx, ST_BUSY, S(""), MSG_stopping, NO_PARAMS);
    if (!full) return ST_OK;
    metric_add(&shed[j->queue], 1);
    if (j->queue == Q_CPU) return refuse(&t->cx, ST_LIMITED, S(""), MSG_limited, NO_PARAMS);
    return busy(&t->cx);
}
void queue_expire(Jobs *j, int64_t now)
{
    pthread_mutex_lock(&j->lock);
    while (j->head && j->head->deadline <= now) {
        Turn *t = take_head(j);
        metric_add(&shed[j->queue], 1);
        answer(t, busy(&t->cx));
    }
    pthread_mutex_unlock(&j->lock);
}
void queue_close(Jobs *j)
{
    pthread_mutex_lock(&j->lock);
    j->closed = true;
    while (j->head) {
        Turn *t = take_head(j);
        answer(t, refuse(&t->cx, ST_BUSY, S(""), MSG_stopping, NO_PARAMS));
    }
    pthread_cond_broadcast(&j->some);
    pthread_mutex_unlock(&j->lock);
    for (int i = 0; i < j->n_threads; i++) pthread_join(j->threads[i], NULL);
    j->n_threads = 0;
}
void queue_free(Jobs *j)
{
    pthread_cond_destroy(&j->some);
    pthread_mutex_destroy(&j->lock);
    mem_free(j);
}
