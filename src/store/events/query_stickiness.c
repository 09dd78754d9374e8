#include "store/events/query_stickiness.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/fold_bits.h"
#include <string.h>

static size_t periods(const FoldBits *q, const uint64_t *bits)
{
    size_t n = 0;
    for (size_t w = 0; w < (q->grid.n + 63) / 64; w++) n += (size_t)__builtin_popcountll(bits[w]);
    return n;
}
static void count_row(const FoldBits *q, const uint64_t *bits, int64_t *values) { values[periods(q, bits) - 1]++; }
/* 64 people at once: their numbers of periods as sums of single bits, a place of the number a word. */
static void count_columns(const FoldBits *q, const uint64_t *const *col, size_t words, int64_t *values)
{
    enum { PLACES = 10 };
    int64_t people[1 << PLACES] = { 0 };                   /* by number of periods */
    for (size_t w = 0; w < words; w++) {
        uint64_t place[64] = { 0 }, number[64];
        for (size_t p = 0; p < q->grid.n; p++) {
            uint64_t carry = col[p][w];
            for (size_t k = 0; carry && k < PLACES; k++) {
                uint64_t both = place[k] & carry;
                place[k] ^= carry;
                carry = both;
            }
        }
        presence_transpose(place, 1, number);
        for (size_t i = 0; i < 64; i++) people[number[i]]++;
    }
    for (size_t k = 1; k <= q->grid.n; k++) values[k - 1] += people[k];
}
static bool in_cell(const FoldBits *q, const uint64_t *bits)
{
    const StickinessCell *cell = q->arg;
    size_t n = periods(q, bits);
    return cell->or_more ? n >= cell->periods : n == cell->periods;
}
static Status check(Cx *cx, const StickinessQuery *q)
{
    if (q->n < 1 || q->n > ASK_PERIODS_MAX)
        return refuse(cx, ST_INVALID, S("intervals"), MSG_out_of_range, PARAMS({ "min", 1, { 0 } },
            { "max", ASK_PERIODS_MAX, { 0 } }));
    if (q->cell && q->people && (q->cell->periods < 1 || q->cell->periods > q->n))
        return refuse(cx, ST_INVALID, S("cell.periods"), MSG_out_of_range, PARAMS({ "min", 1, { 0 } },
            { "max", (int64_t)q->n, { 0 } }));
    return ST_OK;
}
static Status answer(Cx *cx, const StickinessQuery *q, const int64_t *starts, const FoldBitsAnswer *a,
    StickinessAnswer *ret)
{
    StickinessTable *tables = ARENA_MANY(cx->arena, StickinessTable, a->n + 1);
    if (!tables) return fail(cx, ST_NO_MEM, "stickiness: the answer");
    for (size_t t = 0; t < a->n; t++) {
        int64_t *or_more = ARENA_MANY(cx->arena, int64_t, q->n), sum = 0;
        if (!or_more) return fail(cx, ST_NO_MEM, "stickiness: the answer");
        for (size_t k = q->n; k-- > 0;) or_more[k] = sum += a->tables[t].values[k];
        tables[t] = (StickinessTable){ a->tables[t].group, a->tables[t].people, a->tables[t].values, or_more };
    }
    *ret = (StickinessAnswer){ .count = { .events = a->count.events, .people = a->count.people,
        .left_out = a->count.left_out }, .n = q->n, .starts = starts, .tables = tables, .n_tables = a->n };
    while (ret->count.finished < q->n && starts[ret->count.finished + 1] <= cx->now) ret->count.finished++;
    return ST_OK;
}
Status query_stickiness_run(Cx *cx, const Snapshot *snap, const StickinessQuery *q, StickinessAnswer *ret)
{
    const QueryScope *s = &q->scope;
    FoldBitsAnswer a;
    TRY(check(cx, q));
    int64_t *starts = ARENA_MANY(cx->arena, int64_t, q->n + 1);
    if (!starts) return fail(cx, ST_NO_MEM, "stickiness: the grid");
    starts[0] = zone_floor(s->zone, s->period, s->week_start, q->first);
    for (size_t i = 0; i < q->n; i++) starts[i + 1] = zone_next(s->zone, s->period, s->week_start, starts[i]);
    FoldBits f = { .scope = s, .event = &q->event, .grid = { q->n, starts }, .count_events = q->count_events,
        .n_values = q->n, .row = count_row, .columns = count_columns, .in = in_cell, .arg = q->cell,
        .cell = q->cell ? q->cell->group : NULL, .people = q->cell ? q->people : NULL };
    TRY(fold_bits_run(cx, snap, &f, &a));
    return answer(cx, q, starts, &a, ret);
}
