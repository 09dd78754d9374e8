#include "store/events/source.h"
#include "base/arena.h"
#include "store/events/scan_in.h"

Status source_segment(Cx *cx, Source *s, const SourcePlan *plan, SourceWork *work, Segment *seg)
{
    *s = (Source){ .plan = plan, .work = work, .seg = seg, .done = true };
    TRY(selector_blocks_open(cx, plan->sel, plan->people, seg, &s->sel));
    return ST_OK;
}
void source_rows(Source *s, const SourcePlan *plan, const SourceRows *rows)
{
    *s = (Source){ .plan = plan, .rows = *rows, .done = true };
}
void source_done(Source *s)
{
    struct Picks *p = &s->picks;
    selector_blocks_done(&s->sel);
    segment_block_done(&s->block);
    mem_free(p->first);
    mem_free(p->index);
    mem_free(p->mask);
    mem_free(p->room);
    for (size_t k = 0; k < SCAN_SLOTS; k++) {
        mem_free(p->kind[k]);
        mem_free(p->value[k]);
        mem_free(s->codes[k]);
    }
    *s = (Source){ .done = true };
}

/* ---- rows ---- */

static Status rows_room(Cx *cx, Source *s, size_t n)
{
    struct Picks *p = &s->picks;
    uint32_t cap = p->cap ? p->cap : 64;
    if (n <= p->cap) return ST_OK;
    while (cap < n) cap *= 2;
    uint32_t *index = mem_grow(p->index, cap * sizeof *index);
    if (index) p->index = index;
    uint32_t *mask = mem_grow(p->mask, cap * sizeof *mask);
    if (mask) p->mask = mask;
    int64_t *time = mem_grow(p->room, cap * sizeof *time);
    if (time) p->room = time;
    bool good = index && mask && time;
    for (size_t k = 0; k < s->plan->n_slots; k++) {
        uint8_t *kind = mem_grow(p->kind[k], cap);
        if (kind) p->kind[k] = kind;
        uint64_t *value = mem_grow(p->value[k], cap * sizeof *value);
        if (value) p->value[k] = value;
        good &= kind && value;
    }
    if (!good) return fail(cx, ST_NO_MEM, "scan: a person's events");
    p->cap = cap;
    return ST_OK;
}
static void rows_range(Source *s)
{
    const Row *rows = s->rows.p;
    size_t lo = 0, hi = s->rows.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (rows[mid].key < s->key_first) lo = mid + 1;
        else hi = mid;
    }
    s->at = lo;
}
static Status rows_next(Cx *cx, Source *s)
{
    const Row *rows = s->rows.p;
    struct Picks *p = &s->picks;
    size_t n = 0, n_slots = s->plan->n_slots;
    if (s->at == s->rows.n || rows[s->at].key > s->key_last) {
        s->done = true;
        return ST_OK;
    }
    uint32_t key = rows[s->at].key;
    while (s->at + n < s->rows.n && rows[s->at + n].key == key) n++;
    TRY(rows_room(cx, s, n));
    for (size_t i = 0; i < n; i++) {
        const Row *r = &rows[s->at + i];
        p->room[i] = r->time;
        p->mask[i] = r->mask;
        p->index[i] = (uint32_t)(s->at + i);
        for (size_t k = 0; k < n_slots; k++) {
            p->kind[k][i] = s->rows.kind[r->slot * n_slots + k];
            p->value[k][i] = s->rows.value[r->slot * n_slots + k];
        }
    }
    p->time = p->room;
    s->at += n;
    source_span(s, key, 0, n);
    return ST_OK;
}

/* ---- a segment ---- */

static Status load(Cx *cx, Source *s, uint32_t index)
{
    BlockRuns runs;
    s->loaded = false;
    s->block.mask_skip = s->sel.every || s->blind ? UINT64_MAX : ~s->sel.runs;
    TRY(segment_block_runs(cx, s->seg, index, &s->block, &runs));
    selector_blocks_at(&s->sel, &s->block);
    s->loaded = true;
    return ST_OK;
}
/* The next block with chosen events of people of the range; NOT_FOUND: none. */
static Status next_picks(Cx *cx, Source *s)
{
    while (s->next_block < s->seg->n_blocks) {
        const BlockInfo *b = &s->seg->blocks[s->next_block];
        if (b->first_key > s->key_last) return ST_NOT_FOUND;
        /* a block that goes over the edge of two ranges is counted in the first of them */
        if (b->first_key >= s->key_first && !s->only_moved) TRY(scan_watch(cx, s->plan->run, b->n));
        else TRY(scan_watch(cx, s->plan->run, 0));
        s->next_block++;
        if (!s->sel.any || b->max < s->plan->from || b->min >= s->plan->to) continue;
        TRY(load(cx, s, s->next_block - 1));
        TRY(source_pick(cx, s));
        if (s->picks.n) return ST_OK;
    }
    return ST_NOT_FOUND;
}
static Status segment_next(Cx *cx, Source *s)
{
    while (!source_step(s)) {
        Status st = next_picks(cx, s);
        s->done = st == ST_NOT_FOUND;
        if (s->done) return ST_OK;
        TRY(st);
    }
    return ST_OK;
}
Status source_next(Cx *cx, Source *s) { return s->seg ? segment_next(cx, s) : rows_next(cx, s); }
static Status segment_range(Cx *cx, Source *s)
{
    const BlockInfo *b = s->loaded ? &s->seg->blocks[s->block.index] : NULL;
    uint32_t lo = 0, hi = s->seg->n_blocks;
    s->picks.person = s->picks.people_end = 0;
    if (b && b->first_key < s->key_first && s->key_first <= b->last_key) {         /* the rest of it */
        s->next_block = s->block.index + 1;
        return source_pick(cx, s);
    }
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->seg->blocks[mid].last_key < s->key_first) lo = mid + 1;
        else hi = mid;
    }
    s->next_block = lo;
    return ST_OK;
}
Status source_range(Cx *cx, Source *s, uint32_t key_first, uint32_t key_last)
{
    s->key_first = key_first;
    s->key_last = key_last;
    s->done = false;
    if (s->seg) TRY(segment_range(cx, s));
    else rows_range(s);
    return source_next(cx, s);
}

/* ---- what others own now ---- */

static Status moved_all(Cx *cx, Source *s, SourceMoved *each, void *arg)
{
    Status st = source_range(cx, s, 0, UINT32_MAX);
    while (st == ST_OK && !s->done) {
        for (uint32_t i = 0; st == ST_OK && i < s->n; i++) {
            uint32_t pick = (uint32_t)(s->index - s->picks.index) + i;
            st = each(cx, arg, s, pick, joins_root(s->plan->people, s->block.actor[s->index[i]]));
        }
        if (st == ST_OK) st = source_next(cx, s);
    }
    return st;
}
Status source_moved(Cx *cx, const SourcePlan *plan, SourceWork *work, Segment *seg, SourceMoved *each, void *arg)
{
    Source s;
    if (seg->moves == plan->people->moves) return ST_OK;
    TRY(source_segment(cx, &s, plan, work, seg));
    s.only_moved = true;
    Status st = moved_all(cx, &s, each, arg);
    source_done(&s);
    return st;
}
