#include "store/events/presence_cols.h"
#include "store/events/presence_moved.h"
#include "store/events/scan_in.h"
#include "store/events/state_in.h"
#include "base/arena.h"
#include "base/limits.h"
#include <string.h>

_Static_assert((int)PRESENCE_PIECE == (int)PRESENCE_BATCH, "a piece is a batch");
enum { THREADS = 2, EVENTS_A_THREAD = 50000, WORKER_ARENA = 64 << 20, SHARES = 8,
       WORDS = PRESENCE_PIECE_WORDS };

/* One event of the tail or of somebody who has moved, come down to what it says. */
typedef struct Mark { uint32_t piece; uint16_t slot, bit; uint8_t mask; } Mark;
typedef struct Marks { Mark *p; size_t n, cap; size_t *first; } Marks;          /* first: by piece */
/* What the threads of one question share. */
typedef struct Cols {
    const Snapshot *snap;
    const PresencePlan *plan;
    PresenceKeep *keep;
    size_t    matchers, column_of[PRESENCE_MATCHERS];      /* those that ask the same share a column */
    const Matcher *asked[PRESENCE_MATCHERS];
    size_t    stretches, bits;
    const int64_t *ends;
    PresenceClock clock;         /* of the grid */
    PresencePart *parts;
    PresenceMoved **moved;       /* of each part; NULL: nobody */
    size_t    n_parts, made;     /* made: bytes of columns made for this question */
    uint32_t  pieces;            /* of each lane */
    uint64_t *may, *left_out;    /* by place: who is asked for; of those, whom their flags hide. NULL: all; nobody */
    Marks     marks;
    size_t    scratch;           /* columns that are not kept */
    int64_t   events;
    _Atomic uint32_t next;       /* piece to be taken */
    uint32_t  share;             /* so many at a time */
    _Atomic bool quit;
    _Atomic int  failed;         /* first thread to fail, + 1 */
} Cols;

/* ---- time ---- */

static size_t stretch_of(const Cols *q, int64_t t)
{
    const Grid *g = q->plan->grid;
    if (t < g->starts[0]) return 0;
    return t >= g->starts[g->n] ? q->stretches - 1 : presence_clock_at(&q->clock, t);
}
/* The bit of a stretch; false: it is not asked for. */
static bool bit_of(const Cols *q, size_t stretch, size_t *ret)
{
    if (stretch + 1 >= q->stretches || (stretch == 0 && !q->plan->before)) return false;
    *ret = stretch - !q->plan->before;
    return true;
}

/* ---- segments ---- */

static Status find_columns(Cx *cx, Cols *q, PresencePart *part, size_t m, int64_t first, int64_t last)
{
    part->cols[m] = ARENA_MANY(cx->arena, PresenceCol *, part->n);
    part->made[m] = ARENA_MANY(cx->arena, bool, part->n);
    if (!part->cols[m] || !part->made[m]) return fail(cx, ST_NO_MEM, "presence: columns");
    for (size_t e = 0; e < part->n; e++) {
        size_t at = part->first + e;
        int64_t from = at ? q->ends[at - 1] : INT64_MIN;
        PresenceKey key = { .segment = part->seg->info.id, .name = part->name[m], .hide = part->hide,
            .from = from > first ? from : first, .to = q->ends[at] <= last ? q->ends[at] : last + 1 };
        part->cols[m][e] = q->keep ? presence_keep_find(q->keep, &key) : NULL;
        if (part->cols[m][e]) continue;
        part->build |= UINT32_C(1) << m;
        if (q->keep) part->cols[m][e] = presence_col_new(&key, q->pieces, q->made);
        part->made[m][e] = part->cols[m][e];
        if (part->cols[m][e]) q->made += part->cols[m][e]->bytes;
        else q->scratch++;
    }
    return ST_OK;
}
static Status open_part(Cx *cx, Cols *q, Segment *s)
{
    PresencePart *part = &q->parts[q->n_parts];
    Status st = presence_part(cx, s, q->plan, q->ends, q->asked, q->matchers, part);
    if (st == ST_NOT_FOUND) return ST_OK;
    TRY(st);
    q->n_parts++;
    for (size_t m = 0; m < q->matchers; m++)
        if (part->name[m] != (uint32_t)PRESENCE_NO_NAME) TRY(find_columns(cx, q, part, m, part->begin, part->last));
    if (s->moves == q->snap->people->moves) return ST_OK;
    return presence_moved_of(cx, q->keep, s, q->snap->people, &q->moved[q->n_parts - 1]);
}
static Status open_parts(Cx *cx, Cols *q)
{
    const SegmentSet *set = q->snap->set;
    q->parts = ARENA_MANY(cx->arena, PresencePart, set->n);
    q->moved = ARENA_MANY(cx->arena, PresenceMoved *, set->n);
    if (!q->parts || !q->moved) return fail(cx, ST_NO_MEM, "presence: %zu segments", set->n);
    for (size_t i = 0; i < set->n; i++)
        if (!set->segs[i]->damaged && set->segs[i]->n_blocks) TRY(open_part(cx, q, set->segs[i]));
    return ST_OK;
}
/* good: what was made is whole. */
static void close_parts(Cols *q, bool good)
{
    for (size_t i = 0; i < q->n_parts; i++) {
        PresencePart *part = &q->parts[i];
        for (size_t m = 0; m < q->matchers; m++)
            for (size_t e = 0; part->cols[m] && part->made[m] && e < part->n; e++) {
                if (good && part->made[m][e]) presence_keep_add(q->keep, part->cols[m][e]);
                presence_col_done(part->cols[m][e]);
            }
        presence_moved_done(q->moved[i]);
    }
}

/* ---- people ---- */

static inline uint32_t piece_of(const Cols *q, uint32_t key)
{
    return (key >> PRESENCE_LANE_SHIFT) * q->pieces + presence_low(key) / PRESENCE_PIECE;
}
static inline void set_place(const Cols *q, uint64_t *words, uint32_t root)
{
    uint32_t key = segment_key(root), slot = presence_low(key) % PRESENCE_PIECE;
    words[(size_t)piece_of(q, key) * WORDS + slot / 64] |= UINT64_C(1) << slot % 64;
}
static Status who_may(Cx *cx, Cols *q)
{
    const PeopleView *v = q->snap->people;
    size_t words = (size_t)PRESENCE_LANES * q->pieces * WORDS;
    uint32_t n = v->n < q->snap->actors ? v->n : q->snap->actors, hidden = 0;
    for (uint32_t i = 0; i < n; i++) hidden |= v->flags[i] & SCAN_LEFT_OUT;
    if (!hidden && !q->plan->who) return ST_OK;
    q->may = mem_get(words * sizeof *q->may);
    q->left_out = mem_get(words * sizeof *q->left_out);
    if (!q->may || !q->left_out) return fail(cx, ST_NO_MEM, "presence: a set of people");
    const PeopleSet *who = q->plan->who;
    if (!who) memset(q->may, 0xff, words * sizeof *q->may);
    for (size_t w = 0; who && w < (who->n + 63) / 64; w++)
        for (uint64_t rest = who->bits[w]; rest; rest &= rest - 1) {
            uint32_t root = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(rest);
            if (root < q->snap->actors) set_place(q, q->may, root);
        }
    for (uint32_t i = 0; hidden && i < n; i++) if (v->flags[i] & SCAN_LEFT_OUT) set_place(q, q->left_out, i);
    for (size_t w = 0; w < words; w++) {
        q->left_out[w] &= q->may[w];
        q->may[w] &= ~q->left_out[w];
    }
    return ST_OK;
}

/* ---- single events ---- */

static Status mark(Cx *cx, Cols *q, uint32_t key, int64_t time, uint32_t mask)
{
    Marks *a = &q->marks;
    size_t bit;
    if (!mask || !bit_of(q, stretch_of(q, time), &bit)) return ST_OK;
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 4096;
        Mark *p = mem_grow(a->p, cap * sizeof *p);
        if (!p) return fail(cx, ST_NO_MEM, "presence: %zu single events", cap);
        a->p = p;
        a->cap = cap;
    }
    a->p[a->n++] = (Mark){ .piece = piece_of(q, key), .slot = (uint16_t)(presence_low(key) % PRESENCE_PIECE),
        .bit = (uint16_t)bit, .mask = (uint8_t)mask };
    return ST_OK;
}
static Status mark_moved(Cx *cx, Cols *q)
{
    for (size_t i = 0; i < q->n_parts; i++) {
        const PresencePart *part = &q->parts[i];
        const PresenceMoved *moved = q->moved[i];
        for (size_t k = 0; moved && k < moved->n; k++) {
            const PresenceMovedRow *r = &moved->rows[k];
            uint32_t mask = 0;
            if (r->flags & part->hide) continue;
            for (size_t m = 0; m < q->matchers; m++)
                mask |= (uint32_t)(part->name[m] == (uint32_t)PRESENCE_ANY_NAME || part->name[m] == r->name) << m;
            TRY(mark(cx, q, r->key, r->time, mask));
        }
    }
    return ST_OK;
}
static Status mark_tail(Cx *cx, Cols *q)
{
    uint32_t any = 0, number[PRESENCE_MATCHERS];
    bool known[PRESENCE_MATCHERS];
    for (size_t m = 0; m < q->matchers; m++) {
        any |= (uint32_t)q->asked[m]->any << m;
        known[m] = !q->asked[m]->any && snapshot_name(q->snap, q->asked[m]->name, &number[m]);
    }
    for (int which = 0; which < 2; which++) {
        size_t left = q->snap->rows[which];
        for (const TailPage *p = left ? q->snap->tail[which]->first : NULL; left; p = left ? p->next : NULL) {
            size_t n = left < TAIL_PAGE ? left : TAIL_PAGE;
            for (const TailRow *r = p->rows; r < p->rows + n; r++) {
                uint32_t mask = any;
                if (r->flags & q->plan->sel->hide) continue;
                for (size_t m = 0; m < q->matchers; m++) mask |= (uint32_t)(known[m] && number[m] == r->name) << m;
                TRY(mark(cx, q, segment_key(joins_root(q->snap->people, r->actor)), r->time, mask));
            }
            left -= n;
            TRY(scan_watch(cx, q->plan->run, (int64_t)n));
        }
    }
    return ST_OK;
}
static Status sort_marks(Cx *cx, Cols *q)
{
    size_t pieces = (size_t)PRESENCE_LANES * q->pieces;
    Marks *a = &q->marks;
    if (a->n == 0) return ST_OK;
    Mark *sorted = mem_get(a->n * sizeof *sorted);
    a->first = mem_get((pieces + 2) * sizeof *a->first);
    if (!sorted || !a->first) {
        mem_free(sorted);
        return fail(cx, ST_NO_MEM, "presence: %zu single events", a->n);
    }
    for (size_t i = 0; i < a->n; i++) a->first[a->p[i].piece + 2]++;
    for (size_t i = 0; i < pieces; i++) a->first[i + 2] += a->first[i + 1];
    for (size_t i = 0; i < a->n; i++) sorted[a->first[a->p[i].piece + 1]++] = a->p[i];
    mem_free(a->p);
    a->p = sorted;
    return ST_OK;
}

/* ---- a thread ---- */

typedef struct Worker {
    Cols     *q;
    int       number;
    PresenceFold *fold;
    ScanCount count;
    PresenceRuns *runs;          /* of each part */
    uint64_t ***at, ***to;       /* of part and matcher: words of each stretch, to read and to write */
    uint64_t *scratch, *nobody, *nowhere, *out, *rows;
    const uint64_t *col[PRESENCE_MATCHERS][PRESENCE_BITS_MAX];
    uint64_t  seen[WORDS];       /* anybody seen in the grid, hidden ones too */
    uint32_t  root[PRESENCE_BATCH];
    Cx        cx;
    Status    st;
    pthread_t thread;
} Worker;

static uint64_t **words_of(Worker *w, uint64_t ***all, size_t part, size_t m)
{
    return all[part * w->q->matchers + m];
}
/* Where the columns of this piece are; those not kept begin empty. */
static void point_columns(Worker *w, uint32_t lane, uint32_t piece)
{
    const Cols *q = w->q;
    uint64_t *next = w->scratch;
    memset(w->scratch, 0, q->scratch * WORDS * sizeof *w->scratch);
    for (size_t i = 0; i < q->n_parts; i++)
        for (size_t m = 0; m < q->matchers; m++) {
            const PresencePart *part = &q->parts[i];
            uint64_t **at = words_of(w, w->at, i, m), **to = words_of(w, w->to, i, m);
            for (size_t e = 0; part->cols[m] && e < part->n; e++) {
                if (part->cols[m][e]) at[e] = presence_col_piece(part->cols[m][e], lane, piece);
                else at[e] = next, next += WORDS;
                to[e] = !part->cols[m][e] || part->made[m][e] ? at[e] : w->nowhere;
                if (!at[e]) at[e] = w->nobody;
            }
        }
}
static Status build_piece(Worker *w, uint32_t lo, uint32_t hi)
{
    const Cols *q = w->q;
    for (size_t i = 0; i < q->n_parts; i++) {
        uint64_t **to[PRESENCE_MATCHERS] = { NULL };
        if (!q->parts[i].build) continue;
        for (size_t m = 0; m < q->matchers; m++)
            if (q->parts[i].build >> m & 1) to[m] = words_of(w, w->to, i, m);
        TRY(presence_runs_piece(&w->cx, &w->runs[i], lo, hi, to));
    }
    return ST_OK;
}
/* Places of the part's columns that are not to be believed. */
static bool moved_places(const PresenceMoved *moved, uint32_t lo, uint32_t hi, uint64_t not[WORDS])
{
    size_t a = 0, b = moved ? moved->n_people : 0, i;
    while (a < b) {
        size_t mid = (a + b) / 2;
        if (moved->people[mid] < lo) a = mid + 1;
        else b = mid;
    }
    memset(not, 0, WORDS * sizeof *not);
    for (i = a; moved && i < moved->n_people && moved->people[i] <= hi; i++)
        not[(moved->people[i] - lo) / 64] |= UINT64_C(1) << (moved->people[i] - lo) % 64;
    return i > a;
}
static uint64_t *out_of(Worker *w, size_t m, size_t bit)
{
    uint64_t *out = w->out + (m * w->q->bits + bit) * WORDS;
    if (w->col[m][bit] != out) {
        memcpy(out, w->col[m][bit], WORDS * sizeof *out);
        w->col[m][bit] = out;
    }
    return out;
}
static void add_part(Worker *w, size_t i, uint32_t lo, uint32_t hi)
{
    const Cols *q = w->q;
    const PresencePart *part = &q->parts[i];
    uint64_t not[WORDS];
    bool moved = moved_places(q->moved[i], lo, hi, not);
    for (size_t m = 0; m < q->matchers; m++)
        for (size_t e = 0; part->cols[m] && e < part->n; e++) {
            size_t bit;
            const uint64_t *in = words_of(w, w->at, i, m)[e];
            if (!bit_of(q, part->first + e, &bit) || in == w->nobody) continue;
            if (w->col[m][bit] == w->nobody && !moved) {
                w->col[m][bit] = in;
                continue;
            }
            uint64_t *out = out_of(w, m, bit);
            for (size_t k = 0; k < WORDS; k++) out[k] |= in[k] & ~not[k];
        }
}
static bool add_marks(Worker *w, uint32_t at)
{
    const Marks *a = &w->q->marks;
    if (!a->first) return false;
    for (size_t i = a->first[at]; i < a->first[at + 1]; i++)
        for (uint32_t mask = a->p[i].mask; mask; mask &= mask - 1)
            out_of(w, (size_t)__builtin_ctz(mask), a->p[i].bit)[a->p[i].slot / 64] |= UINT64_C(1) << a->p[i].slot % 64;
    return a->first[at] < a->first[at + 1];
}
static void count_people(Worker *w, uint32_t at)
{
    const Cols *q = w->q;
    memset(w->seen, 0, sizeof w->seen);
    for (size_t m = 0; m < q->matchers; m++)
        for (size_t bit = q->plan->before; bit < q->bits; bit++)
            for (size_t k = 0; w->col[m][bit] != w->nobody && k < WORDS; k++) w->seen[k] |= w->col[m][bit][k];
    for (size_t k = 0; k < WORDS; k++) {
        uint64_t may = q->may ? q->may[(size_t)at * WORDS + k] : UINT64_MAX;
        w->count.people += __builtin_popcountll(w->seen[k] & may);
        if (q->left_out) w->count.left_out += __builtin_popcountll(w->seen[k] & q->left_out[(size_t)at * WORDS + k]);
    }
}
/* Nobody but those who may be counted. */
static void leave_out(Worker *w, uint32_t at)
{
    const Cols *q = w->q;
    const uint64_t *may = q->may ? q->may + (size_t)at * WORDS : NULL;
    uint64_t all = UINT64_MAX;
    for (size_t k = 0; may && k < WORDS; k++) all &= may[k];
    if (all == UINT64_MAX) return;
    for (size_t m = 0; m < q->matchers; m++)
        for (size_t bit = 0; bit < q->bits; bit++) {
            if (w->col[m][bit] == w->nobody) continue;
            uint64_t *out = out_of(w, m, bit);
            for (size_t k = 0; k < WORDS; k++) out[k] &= may[k];
        }
}

/* ---- to the fold ---- */

static void give_columns(Worker *w, uint32_t n)
{
    const Cols *q = w->q;
    PresenceBatch b = { .n = n, .words = (q->bits + 63) / 64, .root = w->root };
    for (size_t m = 0; m < q->plan->sel->n_matchers; m++) b.col[m] = w->col[q->column_of[m]];
    w->fold->rows(w->fold, &b);
}
/* 64 people's columns, as rows of those who have any. */
static size_t turn(Worker *w, size_t k, size_t n, uint32_t *root)
{
    const Cols *q = w->q;
    size_t words = (q->bits + 63) / 64;
    uint64_t alive = 0, in[64], out[64];
    for (size_t m = 0; m < q->matchers; m++)
        for (size_t bit = 0; bit < q->bits; bit++) alive |= w->col[m][bit][k];
    for (size_t m = 0; alive && m < q->matchers; m++)
        for (size_t word = 0; word < words; word++) {
            uint64_t *to = w->rows + m * PRESENCE_BATCH * words + n * words + word;
            for (size_t c = 0; c < 64; c++) in[c] = word * 64 + c < q->bits ? w->col[m][word * 64 + c][k] : 0;
            presence_transpose(in, 1, out);
            for (uint64_t rest = alive; rest; rest &= rest - 1, to += words) *to = out[__builtin_ctzll(rest)];
        }
    for (uint64_t rest = alive; rest; rest &= rest - 1) root[n++] = w->root[k * 64 + (size_t)__builtin_ctzll(rest)];
    return n;
}
static void give_rows(Worker *w)
{
    const Cols *q = w->q;
    size_t words = (q->bits + 63) / 64, n = 0;
    uint32_t root[PRESENCE_BATCH];
    for (size_t k = 0; k < WORDS; k++) n = turn(w, k, n, root);
    PresenceBatch b = { .n = n, .words = words, .root = root };
    for (size_t m = 0; m < q->plan->sel->n_matchers; m++)
        b.seen[m] = w->rows + q->column_of[m] * PRESENCE_BATCH * words;
    if (n) w->fold->rows(w->fold, &b);
}
static Status one_piece(Worker *w, uint32_t at)
{
    const Cols *q = w->q;
    uint32_t lane = at / q->pieces, piece = at % q->pieces, lo = lane << PRESENCE_LANE_SHIFT | piece * PRESENCE_PIECE;
    uint32_t hi = lo + PRESENCE_PIECE - 1;
    point_columns(w, lane, piece);
    TRY(build_piece(w, lo, hi));
    for (size_t m = 0; m < q->matchers; m++) for (size_t bit = 0; bit < q->bits; bit++) w->col[m][bit] = w->nobody;
    for (size_t i = 0; i < q->n_parts; i++) add_part(w, i, lo, hi);
    add_marks(w, at);
    count_people(w, at);
    leave_out(w, at);
    for (uint32_t i = 0; i < PRESENCE_PIECE; i++) w->root[i] = segment_root(lo + i);
    if (w->fold->by_period) give_columns(w, PRESENCE_PIECE);
    else give_rows(w);
    if (w->fold->st == ST_LIMITED) return refuse(&w->cx, ST_LIMITED, S("memory"), MSG_question_memory, NO_PARAMS);
    return w->fold->st == ST_OK ? ST_OK : fail(&w->cx, w->fold->st, "presence: a fold could not go on");
}
static Status all_pieces(Worker *w)
{
    Cols *q = w->q;
    uint32_t pieces = PRESENCE_LANES * q->pieces, at;
    while (!q->quit && (at = atomic_fetch_add(&q->next, q->share)) < pieces)
        for (uint32_t i = at; i < at + q->share && i < pieces && !q->quit; i++) {
            TRY(one_piece(w, i));
            TRY(scan_watch(&w->cx, q->plan->run, q->events / pieces));
        }
    return ST_OK;
}
static void *work(void *arg)
{
    Worker *w = arg;
    int none = 0;
    w->st = all_pieces(w);
    if (w->st == ST_OK) return NULL;
    atomic_compare_exchange_strong(&w->q->failed, &none, w->number + 1);
    w->q->quit = true;
    return NULL;
}

/* ---- all of them ---- */

static Status pointers(Cx *cx, Worker *w)
{
    const Cols *q = w->q;
    size_t n = q->n_parts * q->matchers;
    w->at = ARENA_MANY(w->cx.arena, uint64_t **, n);
    w->to = ARENA_MANY(w->cx.arena, uint64_t **, n);
    if (!w->at || !w->to) return fail(cx, ST_NO_MEM, "presence: a thread");
    for (size_t i = 0; i < n; i++) {
        w->at[i] = ARENA_MANY(w->cx.arena, uint64_t *, q->parts[i / q->matchers].n);
        w->to[i] = ARENA_MANY(w->cx.arena, uint64_t *, q->parts[i / q->matchers].n);
        if (!w->at[i] || !w->to[i]) return fail(cx, ST_NO_MEM, "presence: a thread");
    }
    return ST_OK;
}
static Status worker_open(Cx *cx, Worker *w, Cols *q, const PresenceFold *fold, int number)
{
    size_t columns = q->matchers * q->bits, row_words = q->matchers * ((q->bits + 63) / 64);
    *w = (Worker){ .q = q, .number = number };
    w->cx = (Cx){ .arena = arena_new(WORKER_ARENA), .now = cx->now, .request = cx->request };
    w->scratch = mem_get((q->scratch + 2) * WORDS * sizeof *w->scratch);
    w->out = mem_get(columns * WORDS * sizeof *w->out);
    w->rows = fold->by_period ? NULL : mem_get(row_words * PRESENCE_BATCH * sizeof *w->rows);
    w->runs = mem_get((q->n_parts + 1) * sizeof *w->runs);
    if (!w->cx.arena || !w->scratch || !w->out || !w->runs || (!w->rows && !fold->by_period))
        return fail(cx, ST_NO_MEM, "presence: a thread");
    w->nobody = w->scratch + q->scratch * WORDS;
    w->nowhere = w->nobody + WORDS;
    for (size_t i = 0; i < q->n_parts; i++) w->runs[i].part = &q->parts[i];
    TRY(pointers(cx, w));
    return fold->fork(cx, fold, &w->fold);
}
static void worker_done(Worker *w)
{
    if (w->fold) w->fold->done(w->fold);
    for (size_t i = 0; w->runs && i < w->q->n_parts; i++) presence_runs_done(&w->runs[i]);
    mem_free(w->runs);
    mem_free(w->scratch);
    mem_free(w->out);
    mem_free(w->rows);
    arena_free(w->cx.arena);
}
static Status run(Cx *cx, Worker **workers, int n)
{
    int started = 1;
    for (; started < n; started++)
        if (pthread_create(&workers[started]->thread, NULL, work, workers[started]) != 0) break;
    work(workers[0]);
    for (int i = started; i < n; i++) work(workers[i]);
    for (int i = 1; i < started; i++) pthread_join(workers[i]->thread, NULL);
    int first = workers[0]->q->failed;
    if (first == 0) return ST_OK;
    cx->why = workers[first - 1]->cx.why;
    return workers[first - 1]->st;
}
static Status collect(Cx *cx, const Worker *w, PresenceFold *fold, ScanCount *ret)
{
    fold->merge(fold, w->fold);
    ret->people += w->count.people;
    ret->left_out += w->count.left_out;
    if (fold->st == ST_LIMITED) return refuse(cx, ST_LIMITED, S("memory"), MSG_question_memory, NO_PARAMS);
    return fold->st == ST_OK ? ST_OK : fail(cx, fold->st, "presence: a fold could not go on");
}
static Status with_threads(Cx *cx, Cols *q, PresenceFold *fold, ScanCount *ret)
{
    Worker *workers[THREADS] = { NULL };
    int most = q->plan->threads ? q->plan->threads : q->events > EVENTS_A_THREAD ? THREADS : 1, n = 0;
    Status st = ST_OK;
    if (most > THREADS) most = THREADS;
    q->share = PRESENCE_LANES * q->pieces / ((uint32_t)most * SHARES) + 1;
    for (; st == ST_OK && n < most; n++) {
        workers[n] = mem_get(sizeof *workers[n]);
        st = workers[n] ? worker_open(cx, workers[n], q, fold, n) : fail(cx, ST_NO_MEM, "presence: a thread");
        if (!workers[n]) break;
    }
    if (st == ST_OK) st = run(cx, workers, n);
    for (int i = 0; st == ST_OK && i < n; i++) st = collect(cx, workers[i], fold, ret);
    for (int i = 0; i < n; i++) {
        worker_done(workers[i]);
        mem_free(workers[i]);
    }
    return st;
}
static bool same_matcher(const Matcher *a, const Matcher *b)
{
    return a->any == b->any && (a->any || str_eq(a->name, b->name));
}
static Status open_cols(Cx *cx, Cols *q)
{
    const Grid *g = q->plan->grid;
    const Selector *sel = q->plan->sel;
    for (size_t m = 0; m < sel->n_matchers; m++) {
        size_t k = 0;
        while (k < q->matchers && !same_matcher(q->asked[k], &sel->matchers[m])) k++;
        if (k == q->matchers) q->asked[q->matchers++] = &sel->matchers[m];
        q->column_of[m] = k;
    }
    q->stretches = g->n + 2;
    q->bits = g->n + q->plan->before;
    q->pieces = presence_pieces(q->snap->actors);
    TRY(presence_ends(cx, g, &q->ends));
    TRY(presence_clock(cx, g, q->ends, g->starts[0], g->starts[g->n] - 1, &q->clock));
    TRY(open_parts(cx, q));
    for (size_t i = 0; i < q->n_parts; i++) q->events += q->parts[i].seg->info.events;
    if (q->plan->run) q->plan->run->of += q->events + (int64_t)(q->snap->rows[0] + q->snap->rows[1]);
    TRY(who_may(cx, q));
    TRY(mark_moved(cx, q));
    TRY(mark_tail(cx, q));
    return sort_marks(cx, q);
}
static Status once(Cx *cx, const Snapshot *snap, const PresencePlan *plan, PresenceFold *fold, ScanCount *ret)
{
    Cols q = { .snap = snap, .plan = plan, .keep = snap->state->presence };
    Status st = open_cols(cx, &q);
    if (st == ST_OK && q.pieces) st = with_threads(cx, &q, fold, ret);
    close_parts(&q, st == ST_OK);
    mem_free(q.may);
    mem_free(q.left_out);
    mem_free(q.marks.p);
    mem_free(q.marks.first);
    return st;
}
Status presence_by_columns(Cx *cx, const Snapshot *snap, const PresencePlan *plan, PresenceFold *fold, ScanCount *ret)
{
    if (plan->n_groups || plan->sel->filter || plan->count_events) return ST_NOT_FOUND;
    for (size_t m = 0; m < plan->sel->n_matchers; m++) if (plan->sel->matchers[m].where) return ST_NOT_FOUND;
    for (;;) {
        size_t damaged = scan_damaged(snap);
        *ret = (ScanCount){ .events = -1 };
        Status st = once(cx, snap, plan, fold, ret);
        if (st != ST_IO || scan_damaged(snap) == damaged) return st;
    }
}
