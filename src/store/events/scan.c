#include "store/events/scan_in.h"
#include "base/arena.h"
#include <pthread.h>

enum { THREADS = 2, EVENTS_A_THREAD = 50000, WORKER_ARENA = 64 << 20, RANGES = 64 };

/* What the threads of one scan share. */
typedef struct Scan {
    const Snapshot *snap;
    const ScanPlan *plan;
    SelectorPlan sel;
    SourcePlan   all;            /* for everybody */
    TraitColumn  traits[SCAN_SLOTS];
    ScanInput    in;
    int      n_workers;
    uint32_t n_ranges;
    uint64_t edges[RANGES + 1];  /* of the ranges of keys: each begins there and ends before the next */
    _Atomic bool quit;
    _Atomic int  first;          /* of the threads to fail, + 1 */
} Scan;
/* One thread: ranges of keys [next, end) of the scan's, of which others may take the last ones. */
typedef struct Worker {
    Scan     *scan;
    int       number;
    _Atomic uint64_t ranges;     /* next << 32 | end */
    ScanMerge merge;
    Cx        cx;
    Status    st;
    pthread_t thread;
} Worker;

/* One of the ranges a thread has left: for itself the first, for others the last; false: none. */
static bool take_range(Worker *w, bool own, uint32_t *ret)
{
    uint64_t was = w->ranges, next;
    do {
        uint32_t first = (uint32_t)(was >> 32), end = (uint32_t)was;
        if (first == end) return false;
        *ret = own ? first : end - 1;
        next = own ? (uint64_t)(first + 1) << 32 | end : (uint64_t)first << 32 | (end - 1);
    } while (!atomic_compare_exchange_weak(&w->ranges, &was, next));
    return true;
}
static bool next_range(Worker *w, uint32_t *ret)
{
    Worker *all = w - w->number;
    if (take_range(w, true, ret)) return true;
    for (int i = 0; i < w->scan->n_workers; i++) if (take_range(&all[i], false, ret)) return true;
    return false;
}
static Status walk(Worker *w)
{
    uint32_t range;
    const Scan *scan = w->scan;
    TRY(scan_merge_open(&w->cx, &w->merge, &scan->all, &scan->in));
    while (!scan->quit && next_range(w, &range))
        TRY(scan_merge_range(&w->cx, &w->merge, (uint32_t)scan->edges[range],
            (uint32_t)(scan->edges[range + 1] - 1), &scan->quit));
    return ST_OK;
}
static void *work(void *arg)
{
    Worker *w = arg;
    int none = 0;
    w->st = walk(w);
    if (w->st == ST_OK) return NULL;
    atomic_compare_exchange_strong(&w->scan->first, &none, w->number + 1);
    w->scan->quit = true;
    return NULL;
}
static Status worker_open(Cx *cx, Worker *w, Scan *scan, const Fold *fold, int i)
{
    uint64_t n = (uint64_t)scan->n_workers, first = (uint64_t)i * scan->n_ranges / n;
    *w = (Worker){ .scan = scan, .number = i, .ranges = first << 32 | ((uint64_t)i + 1) * scan->n_ranges / n };
    w->merge = (ScanMerge){ .snap = scan->snap, .plan = scan->plan, .traits = scan->traits };
    w->cx = (Cx){ .arena = arena_new(WORKER_ARENA), .now = cx->now, .request = cx->request };
    if (!w->cx.arena) return fail(cx, ST_NO_MEM, "scan: a thread");
    return fold->fork(cx, fold, &w->merge.fold);
}
static void worker_done(Worker *w)
{
    if (w->merge.fold) w->merge.fold->done(w->merge.fold);
    scan_merge_done(&w->merge);
    arena_free(w->cx.arena);
}
static Status run(Cx *cx, Worker *workers, int n)
{
    int started = 1;
    for (; started < n; started++)
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) break;
    work(&workers[0]);
    for (int i = started; i < n; i++) work(&workers[i]);
    for (int i = 1; i < started; i++) pthread_join(workers[i].thread, NULL);
    int first = workers[0].scan->first;
    if (first == 0) return ST_OK;
    cx->why = workers[first - 1].cx.why;
    return workers[first - 1].st;
}
static Status collect(Cx *cx, const Worker *w, Fold *fold, ScanCount *ret)
{
    fold->merge(fold, w->merge.fold);
    ret->events += w->merge.count.events;
    ret->people += w->merge.count.people;
    ret->left_out += w->merge.count.left_out;
    if (fold->st == ST_LIMITED) return refuse(cx, ST_LIMITED, S("memory"), MSG_question_memory, NO_PARAMS);
    return fold->st == ST_OK ? ST_OK : fail(cx, fold->st, "scan: a fold could not go on");
}
static int64_t events_of(const Snapshot *snap, const ScanPlan *plan)
{
    int64_t events = (int64_t)(snap->rows[0] + snap->rows[1]);
    for (size_t i = 0; i < snap->set->n; i++) {
        const ManifestSegment *s = &snap->set->segs[i]->info;
        if (s->last >= plan->from && s->first < plan->to) events += s->events;
    }
    return events;
}
/* Ranges begin where a block of the largest segment does, so that few blocks go over an edge. */
static void set_ranges(Scan *scan)
{
    const SegmentSet *set = scan->snap->set;
    const Segment *most = NULL;
    uint64_t want = scan->n_workers == 1 ? 1 : RANGES;
    for (size_t i = 0; i < set->n; i++) if (!most || set->segs[i]->n_blocks > most->n_blocks) most = set->segs[i];
    scan->n_ranges = 0;
    for (uint64_t i = 0; i < want; i++) {
        uint64_t edge = i * (UINT64_C(1) << 32) / want;
        if (i && most && most->n_blocks >= want) edge = most->blocks[i * most->n_blocks / want].first_key;
        if (i == 0 || edge > scan->edges[scan->n_ranges - 1]) scan->edges[scan->n_ranges++] = edge;
    }
    scan->edges[scan->n_ranges] = UINT64_C(1) << 32;
}
static Status with_threads(Cx *cx, Scan *scan, Fold *fold, ScanCount *ret)
{
    Worker workers[THREADS] = { { 0 } };
    Status st = ST_OK;
    int opened = 0, n = scan->n_workers;
    set_ranges(scan);
    for (; st == ST_OK && opened < n; opened++) st = worker_open(cx, &workers[opened], scan, fold, opened);
    if (st == ST_OK) st = run(cx, workers, n);
    for (int i = 0; st == ST_OK && i < n; i++) st = collect(cx, &workers[i], fold, ret);
    for (int i = 0; i < opened; i++) worker_done(&workers[i]);
    return st;
}
Status scan_wants(Cx *cx, const Snapshot *snap, const ScanPlan *plan, SourcePlan *ret, SelectorPlan *ret_sel)
{
    if (plan->n_slots > SCAN_SLOTS) return fail(cx, ST_BUG, "scan: %zu slots", plan->n_slots);
    TRY(selector_plan(cx, plan->sel, ret_sel));
    *ret = (SourcePlan){ .sel = ret_sel, .slots = plan->slots, .n_slots = plan->n_slots, .texts = plan->texts,
        .run = plan->run, .people = snap->people, .who = plan->who, .from = plan->from, .to = plan->to };
    for (size_t k = 0; k < plan->n_slots; k++) {
        ret->slot_prop[k] = SELECTOR_EVENT;
        if (plan->slots[k].kind == SLOT_PROP)
            TRY(selector_plan_prop(cx, ret_sel, plan->slots[k].name, &ret->slot_prop[k]));
        ret->names |= plan->slots[k].kind != SLOT_TRAIT && ret->slot_prop[k] == SELECTOR_EVENT;
    }
    return ST_OK;
}
static Status with_traits(Cx *cx, Scan *scan)
{
    for (size_t k = 0; k < scan->plan->n_slots; k++)
        if (scan->plan->slots[k].kind == SLOT_TRAIT)
            TRY(scan_trait_slot(cx, scan->snap, &scan->plan->slots[k], scan->plan->texts, scan->plan->run,
                &scan->traits[k]));
    return ST_OK;
}
static Status scan_once(Cx *cx, const Snapshot *snap, const ScanPlan *plan, Fold *fold, ScanCount *ret)
{
    Scan scan = { .snap = snap, .plan = plan };
    int64_t events = events_of(snap, plan);
    int most = plan->threads ? plan->threads : events > EVENTS_A_THREAD ? THREADS : 1;
    scan.n_workers = most < THREADS ? most : THREADS;
    TRY(scan_wants(cx, snap, plan, &scan.all, &scan.sel));
    if (plan->run) plan->run->of += events;
    Status st = with_traits(cx, &scan);
    if (st == ST_OK) st = scan_input(cx, snap, &scan.all, false, NULL, &scan.in);
    if (st == ST_OK) st = with_threads(cx, &scan, fold, ret);
    scan_input_done(&scan.in);
    for (size_t k = 0; k < SCAN_SLOTS; k++) scan_trait_done(&scan.traits[k]);
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
