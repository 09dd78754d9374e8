#include "store/events/scan_in.h"
#include "base/arena.h"
#include <pthread.h>
#include <string.h>

enum { THREADS = 2, EVENTS_A_THREAD = 50000, WORKER_ARENA = 64 << 20 };

/* One thread's part of the people. */
typedef struct Worker {
    const Snapshot  *snap;
    const ScanPlan  *plan;
    const ScanInput *in;
    SourcePlan part;
    Fold      fold;
    ScanCount count;
    Cx        cx;
    Status    st;
    pthread_t thread;
    int64_t  *time;              /* a person's events when they come from several sources */
    uint8_t  *code;
    size_t    n, cap;
} Worker;

static Status gather(Worker *w, const Source *s)
{
    if (w->n + s->n > w->cap) {
        size_t cap = (w->n + s->n) * 2;
        int64_t *time = mem_grow(w->time, cap * sizeof *time);
        if (time) w->time = time;
        uint8_t *code = mem_grow(w->code, cap);
        if (code) w->code = code;
        if (!time || !code) return fail(&w->cx, ST_NO_MEM, "scan: a person's events");
        w->cap = cap;
    }
    memcpy(w->time + w->n, s->time, s->n * sizeof *w->time);
    memcpy(w->code + w->n, s->code, s->n);
    w->n += s->n;
    return ST_OK;
}
/* Spans are sorted already and months apart, so that mostly there is nothing to do; else a stable merge of halves. */
static Status into_order(Worker *w)
{
    size_t n = w->n, i = 1;
    while (i < n && w->time[i - 1] <= w->time[i]) i++;
    if (i >= n) return ST_OK;
    Row *rows = mem_get(2 * n * sizeof *rows);
    if (!rows) return fail(&w->cx, ST_NO_MEM, "scan: a person's events");
    for (i = 0; i < n; i++) rows[i] = (Row){ .time = w->time[i], .code = w->code[i] };
    tail_sort(rows, n, rows + n);
    for (i = 0; i < n; i++) w->time[i] = rows[i].time, w->code[i] = rows[i].code;
    mem_free(rows);
    return ST_OK;
}
static void person(Worker *w, uint32_t key, const int64_t *time, const uint8_t *code, size_t n)
{
    size_t before = 0;
    while (before < n && time[before] < w->plan->count_from) before++;
    if (joins_flags(w->snap->people, segment_root(key)) & SCAN_LEFT_OUT) {
        w->count.left_out += before < n;
        return;
    }
    w->count.events += (int64_t)(n - before);
    w->count.people += before < n;
    w->fold.person(&w->fold, time, code, n);
}
/* Nobody else has this person, and its own stream not in the next block either: the span is all there is. */
static bool alone(const ScanSources *all, const Source *s)
{
    if (!s->seg || s->person == s->block.n_people) return false;
    for (size_t i = 0; i < all->n; i++)
        if (&all->p[i] != s && !all->p[i].done && all->p[i].key == s->key) return false;
    return true;
}
static Status one_person(Worker *w, ScanSources *all, Source *first)
{
    uint32_t key = first->key;
    if (alone(all, first)) {
        person(w, key, first->time, first->code, first->n);
        return source_next(&w->cx, first);
    }
    w->n = 0;
    for (Source *s = all->p; s < all->p + all->n; s++)
        while (!s->done && s->key == key) {
            TRY(gather(w, s));
            TRY(source_next(&w->cx, s));
        }
    TRY(into_order(w));
    person(w, key, w->time, w->code, w->n);
    return ST_OK;
}
static Source *least(const ScanSources *all)
{
    Source *ret = NULL;
    for (Source *s = all->p; s < all->p + all->n; s++)
        if (!s->done && (!ret || s->key < ret->key)) ret = s;
    return ret;
}
static void work(Worker *w)
{
    ScanSources all;
    w->st = scan_sources(&w->cx, w->snap, &w->part, w->in, &all);
    if (w->st != ST_OK) return;
    for (Source *s; w->st == ST_OK && (s = least(&all));) w->st = one_person(w, &all, s);
    scan_sources_done(&all);
}
static void *work_thread(void *arg)
{
    work(arg);
    return NULL;
}
static Status worker_open(Cx *cx, Worker *w, const Fold *fold, int i, int n)
{
    uint32_t step = UINT32_MAX / (uint32_t)n;
    w->part.key_first = (uint32_t)i * step + (i > 0);
    w->part.key_last = i + 1 == n ? UINT32_MAX : ((uint32_t)i + 1) * step;
    w->fold = *fold;
    w->fold.values = mem_get(fold->n_values * sizeof *w->fold.values);
    w->cx = (Cx){ .arena = arena_new(WORKER_ARENA), .now = cx->now, .request = cx->request };
    return w->fold.values && w->cx.arena ? ST_OK : fail(cx, ST_NO_MEM, "scan: a thread");
}
static void worker_done(Worker *w)
{
    mem_free(w->fold.values);
    mem_free(w->time);
    mem_free(w->code);
    arena_free(w->cx.arena);
}
static Status run(Cx *cx, Worker *workers, int n)
{
    int started = 1;
    for (; started < n; started++)
        if (pthread_create(&workers[started].thread, NULL, work_thread, &workers[started]) != 0) break;
    work(&workers[0]);
    for (int i = started; i < n; i++) work(&workers[i]);
    for (int i = 1; i < started; i++) pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < n; i++)
        if (workers[i].st != ST_OK) return fail(cx, workers[i].st, "%s", workers[i].cx.why.log);
    return ST_OK;
}
static void collect(const Worker *w, Fold *fold, ScanCount *ret)
{
    for (size_t i = 0; i < fold->n_values; i++) fold->values[i] += w->fold.values[i];
    ret->events += w->count.events;
    ret->people += w->count.people;
    ret->left_out += w->count.left_out;
}
static int threads_for(const Snapshot *snap, const ScanPlan *plan)
{
    int64_t events = (int64_t)(snap->rows[0] + snap->rows[1]);
    if (plan->threads) return plan->threads < THREADS ? plan->threads : THREADS;
    for (size_t i = 0; i < snap->set->n; i++) events += snap->set->segs[i]->info.events;
    return events > EVENTS_A_THREAD ? THREADS : 1;
}
static Status scan_once(Cx *cx, const Snapshot *snap, const ScanPlan *plan, Fold *fold, ScanCount *ret)
{
    Worker workers[THREADS] = { { 0 } };
    int n = threads_for(snap, plan);
    ScanInput in;
    SourcePlan all = { .sel = plan->sel, .people = snap->people, .from = plan->from, .to = plan->to,
        .key_last = UINT32_MAX };
    TRY(scan_input(cx, snap, &all, false, &in));
    Status st = ST_OK;
    for (int i = 0; i < n; i++) {
        workers[i] = (Worker){ .snap = snap, .plan = plan, .in = &in, .part = all };
        if (st == ST_OK) st = worker_open(cx, &workers[i], fold, i, n);
    }
    if (st == ST_OK) st = run(cx, workers, n);
    for (int i = 0; st == ST_OK && i < n; i++) collect(&workers[i], fold, ret);
    for (int i = 0; i < n; i++) worker_done(&workers[i]);
    scan_input_done(&in);
    return st;
}
Status scan_fold(Cx *cx, const Snapshot *snap, const ScanPlan *plan, Fold *fold, ScanCount *ret)
{
    for (;;) {
        size_t damaged = scan_damaged(snap);
        *ret = (ScanCount){ 0 };
        Status st = scan_once(cx, snap, plan, fold, ret);
        if (st != ST_IO || scan_damaged(snap) == damaged) return st;
    }
}
