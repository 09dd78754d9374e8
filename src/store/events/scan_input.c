#include "store/events/scan_in.h"
#include "base/arena.h"
#include <string.h>

enum { PAGE_BYTES = 1 << 20, ASIDE_BYTES_MAX = 512 << 20 };

static Status values_room(Cx *cx, const SourcePlan *plan, ScanRows *r)
{
    if (r->cap <= r->cap_values) return ST_OK;
    uint8_t *kind = mem_grow(r->kind, r->cap * plan->n_slots);
    if (kind) r->kind = kind;
    uint64_t *value = mem_grow(r->value, r->cap * plan->n_slots * sizeof *value);
    if (value) r->value = value;
    if (!kind || !value) return fail(cx, ST_NO_MEM, "scan: values of %zu rows", r->cap);
    r->cap_values = r->cap;
    return ST_OK;
}
/* Its values, where there are any, are the caller's to fill in, at its slot. */
static Status row_add(Cx *cx, const SourcePlan *plan, ScanRows *r, const Row *row)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 4096;
        if (cap * sizeof *r->p > ASIDE_BYTES_MAX) return fail(cx, ST_NO_MEM, "scan: too many rows to sort");
        Row *p = mem_grow(r->p, cap * sizeof *p);
        if (!p) return fail(cx, ST_NO_MEM, "scan: %zu rows", cap);
        r->p = p;
        r->cap = cap;
    }
    if (plan->n_slots) TRY(values_room(cx, plan, r));
    r->p[r->n] = *row;
    r->p[r->n].slot = (uint32_t)r->n;
    r->n++;
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
    mem_free(r->kind);
    mem_free(r->value);
    *r = (ScanRows){ 0 };
}
void scan_input_done(ScanInput *in)
{
    rows_done(&in->tail);
    rows_done(&in->aside);
}
/* ---- the tail ---- */

typedef struct TailWork {
    const Snapshot   *snap;
    const SourcePlan *plan;
    uint32_t *named, n, any;     /* by the tail's number of a name: who takes it */
    bool      values;            /* slots need the event itself */
    const uint32_t *only;
    SourceWork work, entry;
} TailWork;
static Status tail_names(Cx *cx, TailWork *t)
{
    const Selector *sel = t->plan->sel->sel;
    uint32_t number[SELECTOR_MATCHERS];
    bool known[SELECTOR_MATCHERS];
    for (size_t m = 0; m < sel->n_matchers; m++) {
        known[m] = !sel->matchers[m].any && snapshot_name(t->snap, sel->matchers[m].name, &number[m]);
        if (sel->matchers[m].any) t->any |= UINT32_C(1) << m;
        if (known[m] && number[m] >= t->n) t->n = number[m] + 1;
    }
    t->named = mem_get((t->n + 1) * sizeof *t->named);
    if (!t->named) return fail(cx, ST_NO_MEM, "scan: %u names", t->n);
    for (size_t m = 0; m < sel->n_matchers; m++) if (known[m]) t->named[number[m]] |= UINT32_C(1) << m;
    for (size_t k = 0; k < t->plan->n_slots; k++) t->values |= t->plan->slots[k].kind != SLOT_TRAIT;
    return ST_OK;
}
static Status row_values(Cx *cx, SourceWork *w, const SourcePlan *plan, const Event *e, ScanRows *to, uint32_t slot)
{
    for (size_t k = 0; k < plan->n_slots; k++) {
        size_t at = (size_t)slot * plan->n_slots + k;
        TRY(source_slot_event(cx, w, plan, k, e, &to->kind[at], &to->value[at]));
    }
    return ST_OK;
}
static Status tail_row(Cx *cx, TailWork *t, const TailRow *r, ScanRows *ret)
{
    const SourcePlan *plan = t->plan;
    uint32_t root = joins_root(plan->people, r->actor), key = segment_key(root);
    uint32_t mask = (r->name < t->n ? t->named[r->name] : 0) | t->any;
    Entry e;
    size_t used;
    if (r->time < plan->from || r->time >= plan->to || (t->only && key != *t->only)) return ST_OK;
    if ((r->flags & plan->sel->sel->hide) || (plan->who && !people_set_has(plan->who, root))) return ST_OK;
    if (mask && ((mask & plan->sel->needs) || t->values)) {
        arena_reset(t->entry.scratch.arena);
        Status st = entry_get(&t->entry.scratch, (Str){ r->at, r->size }, &e, &used);
        if (st != ST_OK) return fail(cx, st, "tail: %s", t->entry.scratch.why.log);
        mask = selector_event(plan->sel, &e.event, root, mask);
    }
    if (!mask) return ST_OK;
    TRY(row_add(cx, plan, ret, &(Row){ .time = r->time, .at = r->at, .key = key, .size = r->size, .actor = r->actor,
        .mask = mask }));
    return t->values ? row_values(cx, &t->work, plan, &e.event, ret, (uint32_t)ret->n - 1) : ST_OK;
}
static Status tail_rows(Cx *cx, TailWork *t, int which, ScanRows *ret)
{
    size_t left = t->snap->rows[which];
    /* Past its own rows a snapshot reads nothing, not even a link: the next page may be hung on at this moment. */
    for (const TailPage *p = left ? t->snap->tail[which]->first : NULL; left; p = left ? p->next : NULL) {
        size_t n = left < TAIL_PAGE ? left : TAIL_PAGE;
        for (size_t i = 0; i < n; i++) TRY(tail_row(cx, t, &p->rows[i], ret));
        left -= n;
        TRY(scan_watch(cx, t->plan->run, (int64_t)n));
    }
    return ST_OK;
}
static Status tail_input(Cx *cx, const Snapshot *snap, const SourcePlan *plan, const uint32_t *only, ScanRows *ret)
{
    TailWork t = { .snap = snap, .plan = plan, .only = only };
    Status st = source_work_open(cx, &t.work);
    if (st == ST_OK) st = source_work_open(cx, &t.entry);
    if (st == ST_OK) st = tail_names(cx, &t);
    if (st == ST_OK) st = tail_rows(cx, &t, 0, ret);
    if (st == ST_OK) st = tail_rows(cx, &t, 1, ret);
    source_work_done(&t.work);
    source_work_done(&t.entry);
    mem_free(t.named);
    return st == ST_OK ? rows_sort(cx, ret) : st;
}

/* ---- moved people ---- */

typedef struct Aside {
    ScanRows *rows;
    const uint32_t *only;
    bool      whole;
    BlockEvents events;          /* of block `index` of `of` */
    Block    *of;
    uint32_t  index;
    const Snapshot *snap;
    SourceWork work, entry;
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
    arena_reset(a->entry.scratch.arena);
    Status st = segment_event(&a->entry.scratch, &a->events, i, &e.event);
    if (st != ST_OK) return fail(cx, st, "moved: %s", a->entry.scratch.why.log);
    e.event.actor = snapshot_key(a->snap, b->actor[i]);
    row->size = (uint32_t)entry_size(&e);
    char *to = aside_room(a->rows, row->size);
    if (!to) return fail(cx, ST_NO_MEM, "scan: too many events of moved people");
    entry_put(to, &e);
    row->at = to;
    return ST_OK;
}
static Status aside_add(Cx *cx, void *arg, Source *s, uint32_t i, uint32_t root)
{
    Aside *a = arg;
    const struct Picks *p = &s->picks;
    size_t n_slots = s->plan->n_slots;
    uint32_t event = p->index[i];
    Row row = { .time = p->time[i], .key = segment_key(root), .actor = s->block.actor[event], .mask = p->mask[i] };
    if (a->only && row.key != *a->only) return ST_OK;
    if (a->whole) TRY(aside_whole(cx, a, &s->block, event, &row));
    TRY(row_add(cx, s->plan, a->rows, &row));
    for (size_t k = 0; k < n_slots; k++) {
        size_t at = (a->rows->n - 1) * n_slots + k;
        a->rows->kind[at] = p->kind[k][i];
        a->rows->value[at] = p->value[k][i];
    }
    return ST_OK;
}
static Status aside_segment(Cx *cx, const SourcePlan *plan, Segment *seg, Aside *a)
{
    if (seg->damaged || seg->moves == plan->people->moves || seg->info.last < plan->from ||
        seg->info.first >= plan->to) return ST_OK;
    Status st = source_moved(cx, plan, &a->work, seg, aside_add, a);
    segment_events_done(&a->events);
    a->of = NULL;
    return st;
}
static Status aside_input(Cx *cx, const Snapshot *snap, const SourcePlan *plan, bool whole, const uint32_t *only,
    ScanRows *ret)
{
    Aside a = { .rows = ret, .whole = whole, .only = only, .snap = snap };
    TRY(source_work_open(cx, &a.work));
    Status st = source_work_open(cx, &a.entry);
    for (size_t i = 0; st == ST_OK && i < snap->set->n; i++) st = aside_segment(cx, plan, snap->set->segs[i], &a);
    source_work_done(&a.work);
    source_work_done(&a.entry);
    return st == ST_OK ? rows_sort(cx, ret) : st;
}
Status scan_input(Cx *cx, const Snapshot *snap, const SourcePlan *plan, bool whole, const uint32_t *only,
    ScanInput *ret)
{
    *ret = (ScanInput){ 0 };
    Status st = tail_input(cx, snap, plan, only, &ret->tail);
    if (st == ST_OK) st = aside_input(cx, snap, plan, whole, only, &ret->aside);
    if (st != ST_OK) scan_input_done(ret);
    return st;
}

/* ---- streams ---- */

static SourceRows rows_of(const ScanRows *r) { return (SourceRows){ r->p, r->n, r->kind, r->value }; }
static Status open_all(Cx *cx, const Snapshot *snap, const SourcePlan *plan, const ScanInput *in, SourceWork *work,
    ScanSources *ret)
{
    SourceRows aside = rows_of(&in->aside), tail = rows_of(&in->tail);
    source_rows(&ret->p[ret->n++], plan, &aside);
    for (size_t i = 0; i < snap->set->n; i++) {
        Segment *seg = snap->set->segs[i];
        if (seg->damaged || seg->info.last < plan->from || seg->info.first >= plan->to) continue;
        TRY(source_segment(cx, &ret->p[ret->n], plan, work, seg));
        ret->n++;
    }
    source_rows(&ret->p[ret->n++], plan, &tail);
    return ST_OK;
}
Status scan_sources(Cx *cx, const Snapshot *snap, const SourcePlan *plan, const ScanInput *in, SourceWork *work,
    ScanSources *ret)
{
    *ret = (ScanSources){ .p = mem_get((snap->set->n + 2) * sizeof *ret->p) };
    if (!ret->p) return fail(cx, ST_NO_MEM, "scan: sources");
    Status st = open_all(cx, snap, plan, in, work, ret);
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
Status scan_sources_range(Cx *cx, ScanSources *s, uint32_t key_first, uint32_t key_last)
{
    for (size_t i = 0; i < s->n; i++) TRY(source_range(cx, &s->p[i], key_first, key_last));
    return ST_OK;
}
