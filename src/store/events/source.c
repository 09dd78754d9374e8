#include "store/events/source.h"
#include "base/arena.h"

Status source_segment(Cx *cx, Source *s, const SourcePlan *plan, Segment *seg)
{
    *s = (Source){ .plan = plan, .seg = seg, .moved = seg->moves != plan->people->moves };
    TRY(selector_segment(cx, plan->sel, seg, &s->in));
    s->codes = mem_get(SEGMENT_BLOCK_MAX);
    s->cap = SEGMENT_BLOCK_MAX;
    s->out_time = mem_get(s->cap * sizeof *s->out_time);
    s->out_code = mem_get(s->cap);
    s->index = mem_get(s->cap * sizeof *s->index);
    if (s->codes && s->out_time && s->out_code && s->index) return ST_OK;
    source_done(s);
    return fail(cx, ST_NO_MEM, "scan: a segment");
}
void source_rows(Source *s, const SourcePlan *plan, const Row *rows, size_t n)
{
    size_t lo = 0, hi = n;
    *s = (Source){ .plan = plan, .rows = rows, .n_rows = n };
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (rows[mid].key < plan->key_first) lo = mid + 1;
        else hi = mid;
    }
    s->at = lo;
}
void source_done(Source *s)
{
    segment_block_done(&s->block);
    mem_free(s->codes);
    mem_free(s->out_time);
    mem_free(s->out_code);
    mem_free(s->index);
    *s = (Source){ .done = true };
}

static Status rows_room(Cx *cx, Source *s, size_t n)
{
    size_t cap = s->cap ? s->cap : 256;
    if (n <= s->cap) return ST_OK;
    while (cap < n) cap *= 2;
    int64_t *time = mem_grow(s->out_time, cap * sizeof *time);
    if (time) s->out_time = time;
    uint8_t *code = mem_grow(s->out_code, cap);
    if (code) s->out_code = code;
    uint32_t *index = mem_grow(s->index, cap * sizeof *index);
    if (index) s->index = index;
    if (!time || !code || !index) return fail(cx, ST_NO_MEM, "scan: a person's events");
    s->cap = cap;
    return ST_OK;
}
static Status rows_next(Cx *cx, Source *s)
{
    size_t n = 0;
    if (s->at == s->n_rows || s->rows[s->at].key > s->plan->key_last) {
        s->done = true;
        return ST_OK;
    }
    s->key = s->rows[s->at].key;
    while (s->at + n < s->n_rows && s->rows[s->at + n].key == s->key) n++;
    TRY(rows_room(cx, s, n));
    for (size_t i = 0; i < n; i++) {
        s->out_time[i] = s->rows[s->at + i].time;
        s->out_code[i] = s->rows[s->at + i].code;
        s->index[i] = (uint32_t)(s->at + i);
    }
    s->at += n;
    s->n = n;
    s->time = s->out_time;
    s->code = s->out_code;
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
    for (uint32_t i = 0; i < s->block.n; i++) none |= s->codes[i] == 0;
    return !none;
}
/* The next block with chosen events; NOT_FOUND: none. */
static Status next_block(Cx *cx, Source *s)
{
    for (; s->next_block < s->seg->n_blocks; s->next_block++) {
        if (!wanted(s->plan, &s->seg->blocks[s->next_block])) continue;
        TRY(segment_block(cx, s->seg, s->next_block, &s->block));
        TRY(selector_block(cx, s->plan->sel, &s->in, &s->block, s->codes, &s->any));
        if (!s->any) continue;
        if (s->moved) TRY(segment_block_actors(cx, &s->block));
        s->all = !s->moved && !s->plan->whole && all_chosen(s);
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
        s->out_code[n] = s->codes[i];
        s->index[n] = i;
        n += (s->codes[i] != 0) & (time[i] >= plan->from) & (time[i] < plan->to);
    }
    return n;
}
static size_t drop_moved(const Source *s, uint32_t root, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (joins_root(s->plan->people, s->block.actor[s->index[i]]) != root) continue;
        s->out_time[kept] = s->out_time[i];
        s->out_code[kept] = s->out_code[i];
        s->index[kept++] = s->index[i];
    }
    return kept;
}
static void span(Source *s, uint32_t p)
{
    uint32_t from = s->block.first[p], to = s->block.first[p + 1];
    s->key = s->block.key[p];
    if (s->all) {                                          /* as it lies in the block */
        s->n = to - from;
        s->time = s->block.time + from;
        s->code = s->codes + from;
        return;
    }
    s->n = pick(s, from, to);
    if (s->moved) s->n = drop_moved(s, segment_root(s->key), s->n);
    s->time = s->out_time;
    s->code = s->out_code;
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
        span(s, p);
        if (s->n) return ST_OK;
    }
}
Status source_next(Cx *cx, Source *s) { return s->seg ? segment_next(cx, s) : rows_next(cx, s); }

static Status moved_block(Cx *cx, Source *s, SourceMoved *each, void *arg)
{
    Block *b = &s->block;
    for (uint32_t p = 0; p < b->n_people; p++) {
        uint32_t root = segment_root(b->key[p]);
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) {
            uint32_t now = joins_root(s->plan->people, b->actor[i]);
            if (now == root || !s->codes[i] || b->time[i] < s->plan->from || b->time[i] >= s->plan->to) continue;
            TRY(each(cx, arg, b, i, s->codes[i], now));
        }
    }
    return ST_OK;
}
Status source_moved(Cx *cx, const SourcePlan *plan, Segment *seg, SourceMoved *each, void *arg)
{
    Source s;
    Status st;
    if (seg->moves == plan->people->moves) return ST_OK;
    TRY(source_segment(cx, &s, plan, seg));
    while ((st = next_block(cx, &s)) == ST_OK) {
        st = moved_block(cx, &s, each, arg);
        if (st != ST_OK) break;
    }
    source_done(&s);
    return st == ST_NOT_FOUND ? ST_OK : st;
}
