#include "store/events/scan_in.h"
#include "base/arena.h"
#include <string.h>

enum { PAGE_BYTES = 1 << 20, ASIDE_BYTES_MAX = 512 << 20 };

static Status row_add(Cx *cx, ScanRows *r, const Row *row)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 4096;
        if (cap * sizeof *r->p > ASIDE_BYTES_MAX) return fail(cx, ST_NO_MEM, "scan: too many rows to sort");
        Row *p = mem_grow(r->p, cap * sizeof *p);
        if (!p) return fail(cx, ST_NO_MEM, "scan: %zu rows", cap);
        r->p = p;
        r->cap = cap;
    }
    r->p[r->n++] = *row;
    return ST_OK;
}
static Status rows_sort(Cx *cx, ScanRows *r)
{
    Row *room = mem_get(r->n * sizeof *room);
    if (!room) return fail(cx, ST_NO_MEM, "scan: %zu rows to sort", r->n);
    tail_sort(r->p, r->n, room);
    mem_free(room);
    return ST_OK;
}
static void rows_done(ScanRows *r)
{
    for (Chunk *c = r->bytes, *next; c; c = next) {
        next = c->next;
        tail_chunk_free(c);
    }
    mem_free(r->p);
    *r = (ScanRows){ 0 };
}
void scan_input_done(ScanInput *in)
{
    rows_done(&in->tail);
    rows_done(&in->aside);
}
static Status tail_rows(Cx *cx, const Snapshot *snap, int which, const SourcePlan *plan, SelectorTail *t, ScanRows *ret)
{
    size_t left = snap->rows[which];
    /* Past its own rows a snapshot reads nothing, not even a link: the next page may be hung on at this moment. */
    for (const TailPage *p = left ? snap->tail[which]->first : NULL; left; p = left ? p->next : NULL)
        for (size_t i = 0; i < TAIL_PAGE && left; i++, left--) {
            const TailRow *r = &p->rows[i];
            uint8_t code;
            if (r->time < plan->from || r->time >= plan->to) continue;
            Status st = selector_row(plan->sel, t, r, &code);
            if (st != ST_OK) return fail(cx, st, "tail: %s", t->scratch.why.log);
            if (!code) continue;
            uint32_t key = segment_key(joins_root(plan->people, r->actor));
            TRY(row_add(cx, ret, &(Row){ .time = r->time, .at = r->at, .key = key, .size = r->size, .actor = r->actor,
                .code = code }));
        }
    return ST_OK;
}
static Status tail_input(Cx *cx, const Snapshot *snap, const SourcePlan *plan, ScanRows *ret)
{
    SelectorTail t;
    TRY(selector_tail(cx, plan->sel, snap, &t));
    Status st = tail_rows(cx, snap, 0, plan, &t, ret);
    if (st == ST_OK) st = tail_rows(cx, snap, 1, plan, &t, ret);
    selector_tail_done(&t);
    return st == ST_OK ? rows_sort(cx, ret) : st;
}

/* ---- moved people ---- */

typedef struct Aside {
    ScanRows *rows;
    bool      whole;
    BlockEvents events;          /* of block `index` of `of` */
    Block    *of;
    uint32_t  index;
    const Snapshot *snap;
    Cx        scratch;
} Aside;
static char *aside_room(ScanRows *r, size_t n)
{
    if (!r->bytes || r->bytes->n - r->bytes_used < n) {
        size_t size = n > PAGE_BYTES ? n : PAGE_BYTES;
        if (r->bytes_all + size > ASIDE_BYTES_MAX) return NULL;
        Chunk *c = mem_get(sizeof *c);
        char *bytes = c ? mem_get(size) : NULL;
        if (!bytes) {
            mem_free(c);
            return NULL;
        }
        *c = (Chunk){ .next = r->bytes, .bytes = bytes, .n = size };
        r->bytes = c;
        r->bytes_used = 0;
        r->bytes_all += size;
    }
    r->bytes_used += n;
    return r->bytes->bytes + r->bytes_used - n;
}
static Status aside_whole(Cx *cx, Aside *a, Block *b, uint32_t i, Row *row)
{
    Entry e = { .kind = ENTRY_EVENT };
    if (a->of != b || a->index != b->index) {
        segment_events_done(&a->events);
        a->of = NULL;
        TRY(segment_events(cx, b, &a->events));
        a->of = b;
        a->index = b->index;
    }
    arena_reset(a->scratch.arena);
    Status st = segment_event(&a->scratch, &a->events, i, &e.event);
    if (st != ST_OK) return fail(cx, st, "moved: %s", a->scratch.why.log);
    e.event.actor = snapshot_key(a->snap, b->actor[i]);
    row->size = (uint32_t)entry_size(&e);
    char *to = aside_room(a->rows, row->size);
    if (!to) return fail(cx, ST_NO_MEM, "scan: too many events of moved people");
    entry_put(to, &e);
    row->at = to;
    return ST_OK;
}
static Status aside_add(Cx *cx, void *arg, Block *b, uint32_t i, uint8_t code, uint32_t root)
{
    Aside *a = arg;
    Row row = { .time = b->time[i], .key = segment_key(root), .actor = b->actor[i], .code = code };
    if (a->whole) TRY(aside_whole(cx, a, b, i, &row));
    return row_add(cx, a->rows, &row);
}
static Status aside_segment(Cx *cx, const SourcePlan *plan, Segment *seg, Aside *a)
{
    if (seg->damaged || seg->moves == plan->people->moves) return ST_OK;
    Status st = source_moved(cx, plan, seg, aside_add, a);
    segment_events_done(&a->events);
    a->of = NULL;
    return st;
}
static Status aside_input(Cx *cx, const Snapshot *snap, const SourcePlan *plan, bool whole, ScanRows *ret)
{
    Aside a = { .rows = ret, .whole = whole, .snap = snap, .scratch = { .arena = arena_new(8 << 20) } };
    Status st = a.scratch.arena ? ST_OK : fail(cx, ST_NO_MEM, "scan: scratch");
    for (size_t i = 0; st == ST_OK && i < snap->set->n; i++) st = aside_segment(cx, plan, snap->set->segs[i], &a);
    arena_free(a.scratch.arena);
    return st == ST_OK ? rows_sort(cx, ret) : st;
}
Status scan_input(Cx *cx, const Snapshot *snap, const SourcePlan *plan, bool whole, ScanInput *ret)
{
    *ret = (ScanInput){ 0 };
    Status st = tail_input(cx, snap, plan, &ret->tail);
    if (st == ST_OK) st = aside_input(cx, snap, plan, whole, &ret->aside);
    if (st != ST_OK) scan_input_done(ret);
    return st;
}

/* ---- streams ---- */

static Status open_all(Cx *cx, const Snapshot *snap, const SourcePlan *plan, const ScanInput *in, ScanSources *ret)
{
    source_rows(&ret->p[ret->n++], plan, in->aside.p, in->aside.n);
    for (size_t i = 0; i < snap->set->n; i++) {
        Segment *seg = snap->set->segs[i];
        if (seg->damaged || seg->info.last < plan->from || seg->info.first >= plan->to) continue;
        Status st = source_segment(cx, &ret->p[ret->n], plan, seg);
        if (st != ST_OK) return st;
        ret->n++;
    }
    source_rows(&ret->p[ret->n++], plan, in->tail.p, in->tail.n);
    for (size_t i = 0; i < ret->n; i++) TRY(source_next(cx, &ret->p[i]));
    return ST_OK;
}
Status scan_sources(Cx *cx, const Snapshot *snap, const SourcePlan *plan, const ScanInput *in, ScanSources *ret)
{
    *ret = (ScanSources){ .p = mem_get((snap->set->n + 2) * sizeof *ret->p) };
    if (!ret->p) return fail(cx, ST_NO_MEM, "scan: sources");
    Status st = open_all(cx, snap, plan, in, ret);
    if (st != ST_OK) scan_sources_done(ret);
    return st;
}
void scan_sources_done(ScanSources *s)
{
    for (size_t i = 0; i < s->n; i++) source_done(&s->p[i]);
    mem_free(s->p);
    *s = (ScanSources){ 0 };
}
size_t scan_damaged(const Snapshot *snap)
{
    size_t n = 0;
    for (size_t i = 0; i < snap->set->n; i++) n += snap->set->segs[i]->damaged;
    return n;
}
