#include "store/events/harvest.h"
#include "base/arena.h"
#include "store/events/presence_moved.h"
#include "store/events/scan_in.h"
#include "store/events/state_in.h"

enum { THREADS = 2, EVENTS_A_THREAD = 50000, WORKER_ARENA = 64 << 20, SHARES = 16 };

typedef struct Asked {
    const Snapshot *snap;
    const PresencePlan *plan;
    HarvestPlan harvest;
    PresenceParts parts;
    ScanInput in;
    uint32_t  pieces;
    _Atomic uint32_t next;
    uint32_t  share;
    _Atomic bool quit;
    _Atomic int  failed;
} Asked;
/* One segment's people, one after another. */
typedef struct Stream {
    Harvest  h;
    uint32_t next_block, person, key;    /* person: of the block; key: of it */
    bool     done;
} Stream;
typedef struct Worker {
    Asked    *q;
    int       number;
    PresenceFold *fold;
    PresenceRows  rows;
    SourceWork    work;
    Stream   *streams;
    size_t    tail;              /* the next row of it */
    ScanCount count;
    Cx        cx;
    Status    st;
    pthread_t thread;
} Worker;

/* ---- one segment ---- */

/* The next person that has a pick, with a key up to hi. */
static Status stream_next(Worker *w, Stream *s, uint32_t lo, uint32_t hi)
{
    const Segment *seg = s->h.part->seg;
    for (;;) {
        while (s->person < s->h.end) {
            uint32_t p = s->person++ - s->h.person;
            if (s->h.first[p] == s->h.first[p + 1]) continue;
            s->key = s->h.block.key[s->h.person + p];
            return ST_OK;
        }
        if (s->next_block == seg->n_blocks || seg->blocks[s->next_block].first_key > hi) break;
        TRY(harvest_block(&w->cx, &s->h, s->next_block++));
        uint32_t from = harvest_person_from(&s->h.block, lo);
        uint32_t end = hi == UINT32_MAX ? s->h.block.n_people : harvest_person_from(&s->h.block, hi + 1);
        TRY(harvest_people(&w->cx, &s->h, from, end));
        s->person = from;
    }
    s->done = true;
    return ST_OK;
}
static Status stream_begin(Worker *w, Stream *s, uint32_t lo, uint32_t hi)
{
    s->next_block = harvest_block_from(s->h.part->seg, lo);
    s->person = s->h.end = 0;
    s->done = false;
    return stream_next(w, s, lo, hi);
}

/* ---- one person ---- */

static bool bit_of(const PresencePlan *plan, size_t stretch, size_t *ret)
{
    if (stretch == 0 && !plan->before) return false;
    *ret = stretch - !plan->before;
    return *ret < plan->grid->n + plan->before;
}
static Status set_bit(Worker *w, uint32_t root, uint32_t gid, uint32_t mask, size_t stretch, bool *seen)
{
    size_t bit, row;
    if (!bit_of(w->q->plan, stretch, &bit)) return ST_OK;
    TRY(presence_rows_at(&w->rows, root, gid, &row));
    presence_rows_set(&w->rows, row, mask, bit);
    *seen |= bit >= w->q->plan->before;
    return ST_OK;
}
static Status take_stream(Worker *w, Stream *s, uint32_t root, bool *seen)
{
    const Harvest *h = &s->h;
    uint32_t p = s->person - 1 - h->person;
    for (uint32_t i = h->first[p]; i < h->first[p + 1]; i++)
        TRY(set_bit(w, root, h->gid[i], h->mask[i], h->part->first + h->stretch[i], seen));
    return ST_OK;
}
static size_t stretch_at(const Grid *g, int64_t t)
{
    size_t lo = 0, hi = g->n + 1;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (g->starts[mid] <= t) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}
static Status take_tail(Worker *w, uint32_t key, bool hidden, bool *seen)
{
    const ScanRows *r = &w->q->in.tail;
    size_t keys = w->q->plan->n_groups;
    for (; w->tail < r->n && r->p[w->tail].key == key; w->tail++) {
        const Row *row = &r->p[w->tail];
        GroupKey k = { { 0 }, { 0 } };
        uint32_t gid;
        size_t stretch = stretch_at(w->q->plan->grid, row->time);
        for (size_t i = 0; i < keys; i++) {
            k.kind[i] = r->kind[row->slot * keys + i];
            k.value[i] = r->value[row->slot * keys + i];
        }
        *seen |= stretch > 0;
        if (hidden) continue;
        if (groups_add(&w->rows.groups, &k, &gid) != ST_OK) return fail(&w->cx, ST_NO_MEM, "presence: a group");
        TRY(set_bit(w, segment_root(key), gid, row->mask, stretch, seen));
    }
    return ST_OK;
}
static bool seen_hidden(const Stream *s)
{
    const Harvest *h = &s->h;
    uint32_t p = s->person - 1 - h->person;
    for (uint32_t i = h->first[p]; i < h->first[p + 1]; i++) if (h->part->first + h->stretch[i] > 0) return true;
    return false;
}
static Status one_person(Worker *w, uint32_t key, uint32_t lo, uint32_t hi)
{
    const Asked *q = w->q;
    uint32_t root = segment_root(key);
    bool wanted = !q->plan->who || people_set_has(q->plan->who, root), seen = false;
    bool hidden = joins_flags(q->snap->people, root) & SCAN_LEFT_OUT;
    TRY(presence_rows_person(&w->rows));
    for (size_t i = 0; i < q->parts.n; i++) {
        Stream *s = &w->streams[i];
        while (!s->done && s->key == key) {
            if (wanted && hidden) seen |= seen_hidden(s);
            else if (wanted) TRY(take_stream(w, s, root, &seen));
            TRY(stream_next(w, s, lo, hi));
        }
    }
    TRY(take_tail(w, key, hidden, &seen));                 /* its rows are of people wanted */
    w->count.left_out += seen && hidden;
    w->count.people += seen && !hidden;
    return ST_OK;
}
static Status one_piece(Worker *w, uint32_t at)
{
    const Asked *q = w->q;
    uint32_t lo = at / q->pieces << PRESENCE_LANE_SHIFT | at % q->pieces * PRESENCE_PIECE, hi = lo + PRESENCE_PIECE - 1;
    const ScanRows *tail = &q->in.tail;
    size_t a = 0, b = tail->n;
    while (a < b) {
        size_t mid = (a + b) / 2;
        if (tail->p[mid].key < lo) a = mid + 1;
        else b = mid;
    }
    w->tail = a;
    for (size_t i = 0; i < q->parts.n; i++) TRY(stream_begin(w, &w->streams[i], lo, hi));
    for (;;) {
        bool any = w->tail < tail->n && tail->p[w->tail].key <= hi;
        uint32_t key = any ? tail->p[w->tail].key : 0;
        for (size_t i = 0; i < q->parts.n; i++) {
            const Stream *s = &w->streams[i];
            if (s->done || (any && s->key >= key)) continue;
            key = s->key;
            any = true;
        }
        if (!any) return ST_OK;
        TRY(one_person(w, key, lo, hi));
    }
}
static Status all_pieces(Worker *w)
{
    Asked *q = w->q;
    uint32_t pieces = PRESENCE_LANES * q->pieces, at;
    while (!q->quit && (at = atomic_fetch_add(&q->next, q->share)) < pieces)
        for (uint32_t i = at; i < at + q->share && i < pieces && !q->quit; i++) {
            TRY(one_piece(w, i));
            TRY(scan_watch(&w->cx, q->plan->run, q->parts.events / pieces));
        }
    return presence_rows_flush(&w->rows);
}
static void *work(void *arg)
{
    Worker *w = arg;
    int none = 0;
    w->st = all_pieces(w);
    if (w->st == ST_OK) return NULL;
    if (w->st == ST_LIMITED && w->cx.why.st != ST_LIMITED)
        w->st = refuse(&w->cx, ST_LIMITED, S("memory"), MSG_question_memory, NO_PARAMS);
    if (w->cx.why.st != w->st) w->st = fail(&w->cx, w->st, "presence: a fold could not go on");
    atomic_compare_exchange_strong(&w->q->failed, &none, w->number + 1);
    w->q->quit = true;
    return NULL;
}

/* ---- all of them ---- */

static Status worker_open(Cx *cx, Worker *w, Asked *q, const PresenceFold *fold, int number)
{
    *w = (Worker){ .q = q, .number = number };
    w->cx = (Cx){ .arena = arena_new(WORKER_ARENA), .now = cx->now, .request = cx->request };
    w->streams = mem_get((q->parts.n + 1) * sizeof *w->streams);
    if (!w->cx.arena || !w->streams) return fail(cx, ST_NO_MEM, "presence: a thread");
    TRY(source_work_open(cx, &w->work));
    TRY(fold->fork(cx, fold, &w->fold));
    presence_rows_open(q->plan, w->fold, &w->rows);
    for (size_t i = 0; i < q->parts.n; i++)
        TRY(harvest_open(cx, &q->harvest, &q->parts.p[i], &w->rows.groups, &w->work, &w->streams[i].h));
    return ST_OK;
}
static void worker_done(Worker *w)
{
    presence_rows_done(&w->rows);
    for (size_t i = 0; w->streams && i < w->q->parts.n; i++) harvest_done(&w->streams[i].h);
    if (w->fold) w->fold->done(w->fold);
    source_work_done(&w->work);
    mem_free(w->streams);
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
    int first = workers[0].q->failed;
    if (first == 0) return ST_OK;
    cx->why = workers[first - 1].cx.why;
    return workers[first - 1].st;
}
static Status collect(Cx *cx, const Worker *w, PresenceFold *fold, ScanCount *ret)
{
    fold->merge(fold, w->fold);
    ret->people += w->count.people;
    ret->left_out += w->count.left_out;
    if (fold->st == ST_LIMITED) return refuse(cx, ST_LIMITED, S("memory"), MSG_question_memory, NO_PARAMS);
    return fold->st == ST_OK ? ST_OK : fail(cx, fold->st, "presence: a fold could not go on");
}
static Status with_threads(Cx *cx, Asked *q, PresenceFold *fold, ScanCount *ret)
{
    Worker workers[THREADS] = { { 0 } };
    int most = q->plan->threads ? q->plan->threads : q->parts.events > EVENTS_A_THREAD ? THREADS : 1, n = 0;
    Status st = ST_OK;
    if (most > THREADS) most = THREADS;
    q->share = PRESENCE_LANES * q->pieces / ((uint32_t)most * SHARES) + 1;
    for (; st == ST_OK && n < most; n++) st = worker_open(cx, &workers[n], q, fold, n);
    if (st == ST_OK) st = run(cx, workers, n);
    for (int i = 0; st == ST_OK && i < n; i++) st = collect(cx, &workers[i], fold, ret);
    for (int i = 0; i < n; i++) worker_done(&workers[i]);
    return st;
}
static Status once(Cx *cx, const Snapshot *snap, const PresencePlan *plan, PresenceFold *fold, ScanCount *ret)
{
    const Grid *g = plan->grid;
    Asked q = { .snap = snap, .plan = plan, .pieces = presence_pieces(snap->actors) };
    ScanPlan scan = { .sel = plan->sel, .slots = plan->groups, .n_slots = plan->n_groups, .texts = plan->texts,
        .who = plan->who, .from = plan->before ? INT64_MIN : g->starts[0], .to = g->starts[g->n],
        .count_from = g->starts[0], .run = plan->run };
    TRY(harvest_plan(cx, snap, &scan, false, &q.harvest));
    TRY(presence_parts(cx, snap, plan, &q.parts));
    TRY(scan_input(cx, snap, &q.harvest.source, false, NULL, &q.in));
    if (plan->run) plan->run->of += q.parts.events;
    Status st = q.pieces ? with_threads(cx, &q, fold, ret) : ST_OK;
    scan_input_done(&q.in);
    return st;
}
Status presence_by_picks(Cx *cx, const Snapshot *snap, const PresencePlan *plan, PresenceFold *fold, ScanCount *ret)
{
    if (plan->count_events) return ST_NOT_FOUND;
    for (;;) {
        size_t damaged = scan_damaged(snap);
        *ret = (ScanCount){ .events = -1 };
        Status st = once(cx, snap, plan, fold, ret);
        if (st != ST_IO || scan_damaged(snap) == damaged) return st;
    }
}
