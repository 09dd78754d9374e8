#include "store/events/source.h"
#include "base/arena.h"
#include "store/events/scan_in.h"

static Status room(Cx *cx, Source *s, size_t n)
{
    size_t cap = s->cap ? s->cap : 256;
    if (n <= s->cap) return ST_OK;
    while (cap < n) cap *= 2;
    int64_t *time = mem_grow(s->out_time, cap * sizeof *time);
    if (time) s->out_time = time;
    uint32_t *mask = mem_grow(s->out_mask, cap * sizeof *mask);
    if (mask) s->out_mask = mask;
    uint32_t *index = mem_grow(s->index, cap * sizeof *index);
    if (index) s->index = index;
    bool good = time && mask && index;
    for (size_t k = 0; k < s->plan->n_slots; k++) {
        uint8_t *kind = mem_grow(s->kind[k], cap);
        if (kind) s->kind[k] = kind;
        uint64_t *value = mem_grow(s->value[k], cap * sizeof *value);
        if (value) s->value[k] = value;
        good &= kind && value;
    }
    if (!good) return fail(cx, ST_NO_MEM, "scan: a person's events");
    s->cap = cap;
    return ST_OK;
}
Status source_segment(Cx *cx, Source *s, const SourcePlan *plan, SourceWork *work, Segment *seg)
{
    *s = (Source){ .plan = plan, .work = work, .seg = seg };
    Status st = selector_blocks_open(cx, plan->sel, plan->people, seg, &s->sel);
    if (st == ST_OK) st = room(cx, s, SEGMENT_BLOCK_MAX);
    if (st == ST_OK && !(s->masks = mem_get(SEGMENT_BLOCK_MAX * sizeof *s->masks)))
        st = fail(cx, ST_NO_MEM, "scan: a segment");
    if (st != ST_OK) source_done(s);
    return st;
}
void source_rows(Source *s, const SourcePlan *plan, const SourceRows *rows)
{
    size_t lo = 0, hi = rows->n;
    *s = (Source){ .plan = plan, .rows = *rows };
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (rows->p[mid].key < plan->key_first) lo = mid + 1;
        else hi = mid;
    }
    s->at = lo;
}
void source_done(Source *s)
{
    selector_blocks_done(&s->sel);
    segment_block_done(&s->block);
    mem_free(s->masks);
    mem_free(s->out_time);
    mem_free(s->out_mask);
    mem_free(s->index);
    for (size_t k = 0; k < SCAN_SLOTS; k++) {
        mem_free(s->kind[k]);
        mem_free(s->value[k]);
        mem_free(s->codes[k]);
    }
    *s = (Source){ .done = true };
}

static Status rows_next(Cx *cx, Source *s)
{
    const Row *rows = s->rows.p;
    size_t n = 0, n_slots = s->plan->n_slots;
    if (s->at == s->rows.n || rows[s->at].key > s->plan->key_last) {
        s->done = true;
        return ST_OK;
    }
    s->key = rows[s->at].key;
    while (s->at + n < s->rows.n && rows[s->at + n].key == s->key) n++;
    TRY(room(cx, s, n));
    for (size_t i = 0; i < n; i++) {
        const Row *r = &rows[s->at + i];
        s->out_time[i] = r->time;
        s->out_mask[i] = r->mask;
        s->index[i] = (uint32_t)(s->at + i);
        for (size_t k = 0; k < n_slots; k++) {
            s->kind[k][i] = s->rows.kind[r->slot * n_slots + k];
            s->value[k][i] = s->rows.value[r->slot * n_slots + k];
        }
    }
    s->at += n;
    s->n = n;
    s->time = s->out_time;
    s->mask = s->out_mask;
    return ST_OK;
}

static bool wanted(const SourcePlan *plan, const BlockInfo *b)
{
    return b->last_key >= plan->key_first && b->first_key <= plan->key_last && b->max >= plan->from &&
        b->min < plan->to;
}
static bool all_chosen(const Source *s)
{
    const BlockInfo *b = &s->seg->blocks[s->block.index];
    unsigned none = 0;
    if (b->min < s->plan->from || b->max >= s->plan->to) return false;
    for (uint32_t i = 0; i < s->block.n; i++) none |= s->masks[i] == 0;
    return !none;
}
/* The next block with chosen events; NOT_FOUND: none. */
static Status next_block(Cx *cx, Source *s)
{
    for (; s->next_block < s->seg->n_blocks; s->next_block++) {
        const BlockInfo *b = &s->seg->blocks[s->next_block];
        /* a block that goes over the edge of two threads' people is counted by the first of them */
        if (b->first_key >= s->plan->key_first && b->first_key <= s->plan->key_last)
            TRY(scan_watch(cx, s->plan->run, b->n));
        if (!wanted(s->plan, b)) continue;
        TRY(segment_block(cx, s->seg, s->next_block, &s->block));
        TRY(selector_blocks_mask(cx, &s->sel, &s->block, s->masks, &s->any));
        if (!s->any) continue;
        if (s->sel.moved) TRY(segment_block_actors(cx, &s->block));
        s->all = !s->sel.moved && !s->plan->whole && !s->plan->n_slots && all_chosen(s);
        s->next_block++;
        s->person = 0;
        return ST_OK;
    }
    return ST_NOT_FOUND;
}
/* Branchless: most blocks keep nearly all or nearly none. */
static size_t pick(const Source *s, uint32_t from, uint32_t to)
{
    const SourcePlan *plan = s->plan;
    const int64_t *time = s->block.time;
    size_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        s->out_time[n] = time[i];
        s->out_mask[n] = s->masks[i];
        s->index[n] = i;
        n += (s->masks[i] != 0) & (time[i] >= plan->from) & (time[i] < plan->to);
    }
    return n;
}
static size_t drop_moved(const Source *s, uint32_t root, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (joins_root(s->plan->people, s->block.actor[s->index[i]]) != root) continue;
        s->out_time[kept] = s->out_time[i];
        s->out_mask[kept] = s->out_mask[i];
        s->index[kept++] = s->index[i];
    }
    return kept;
}
static Status fill_slots(Cx *cx, Source *s)
{
    uint8_t kind[SCAN_SLOTS];
    uint64_t value[SCAN_SLOTS];
    for (size_t i = 0; s->plan->n_slots && i < s->n; i++) {
        TRY(source_slots_block(cx, s, s->index[i], kind, value));
        for (size_t k = 0; k < s->plan->n_slots; k++) s->kind[k][i] = kind[k], s->value[k][i] = value[k];
    }
    return ST_OK;
}
static Status span(Cx *cx, Source *s, uint32_t p)
{
    uint32_t from = s->block.first[p], to = s->block.first[p + 1];
    s->key = s->block.key[p];
    s->n = 0;
    if (s->plan->who && !people_set_has(s->plan->who, segment_root(s->key))) return ST_OK;
    if (s->all) {                                          /* as it lies in the block */
        s->n = to - from;
        s->time = s->block.time + from;
        s->mask = s->masks + from;
        return ST_OK;
    }
    s->n = pick(s, from, to);
    if (s->sel.moved) s->n = drop_moved(s, segment_root(s->key), s->n);
    s->time = s->out_time;
    s->mask = s->out_mask;
    return fill_slots(cx, s);
}
static Status segment_next(Cx *cx, Source *s)
{
    for (;;) {
        if (s->person == s->block.n_people) {
            Status st = next_block(cx, s);
            if (st == ST_NOT_FOUND) {
                s->done = true;
                return ST_OK;
            }
            TRY(st);
        }
        uint32_t p = s->person++;
        if (s->block.key[p] < s->plan->key_first) continue;
        if (s->block.key[p] > s->plan->key_last) {
            s->done = true;
            return ST_OK;
        }
        TRY(span(cx, s, p));
        if (s->n) return ST_OK;
    }
}
Status source_next(Cx *cx, Source *s) { return s->seg ? segment_next(cx, s) : rows_next(cx, s); }

static Status moved_block(Cx *cx, Source *s, SourceMoved *each, void *arg)
{
    const SourcePlan *plan = s->plan;
    const Block *b = &s->block;
    for (uint32_t p = 0; p < b->n_people; p++) {
        uint32_t root = segment_root(b->key[p]);
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) {
            uint32_t now = joins_root(plan->people, b->actor[i]), key = segment_key(now);
            if (now == root || !s->masks[i] || b->time[i] < plan->from || b->time[i] >= plan->to) continue;
            if (key < plan->key_first || key > plan->key_last) continue;
            if (plan->who && !people_set_has(plan->who, now)) continue;
            TRY(each(cx, arg, s, i, now));
        }
    }
    return ST_OK;
}
Status source_moved(Cx *cx, const SourcePlan *plan, SourceWork *work, Segment *seg, SourceMoved *each, void *arg)
{
    SourcePlan everybody = *plan;                          /* blocks are chosen by whom the events were with */
    Source s;
    Status st;
    if (seg->moves == plan->people->moves) return ST_OK;
    everybody.key_first = 0;
    everybody.key_last = UINT32_MAX;
    everybody.run = NULL;                                  /* counted when the segment itself is walked */
    TRY(source_segment(cx, &s, &everybody, work, seg));
    while ((st = next_block(cx, &s)) == ST_OK) {
        s.plan = plan;
        st = moved_block(cx, &s, each, arg);
        s.plan = &everybody;
        if (st == ST_OK) st = scan_watch(cx, plan->run, 0);
        if (st != ST_OK) break;
    }
    source_done(&s);
    return st == ST_NOT_FOUND ? ST_OK : st;
}
