#include "store/events/query_lifecycle.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/fold_bits.h"
#include <string.h>

/* Bits of a person: any time before, the period before the grid, then the grid's. */
enum { LEAD = 2, WORDS = (ASK_PERIODS_MAX + LEAD + 63) / 64 };

static void each(const uint64_t *bits, size_t words, int64_t *values)
{
    for (size_t w = 0; w < words; w++)
        for (uint64_t rest = bits[w]; rest; rest &= rest - 1) values[w * 64 + (size_t)__builtin_ctzll(rest)]++;
}
/* Period i of the grid at bit i: now, and the one before. */
static void states(const uint64_t *bits, size_t n, uint64_t ret[LIFECYCLE_STATES][WORDS])
{
    size_t words = (n + 63) / 64, from = (n + LEAD + 63) / 64;
    bool born = bits[0] & 3;                               /* before the grid */
    for (size_t w = 0; w < words; w++) {
        uint64_t next = w + 1 < from ? bits[w + 1] : 0;
        uint64_t now = bits[w] >> 2 | next << 62, before = bits[w] >> 1 | next << 63;
        uint64_t all = n - w * 64 < 64 ? (UINT64_C(1) << (n - w * 64)) - 1 : UINT64_MAX;
        ret[LIFECYCLE_NEW][w] = born ? 0 : now & -now;
        ret[LIFECYCLE_RETURNING][w] = now & before;
        ret[LIFECYCLE_RESURRECTING][w] = now & ~before & ~ret[LIFECYCLE_NEW][w];
        ret[LIFECYCLE_DORMANT][w] = before & ~now & all;
        born |= now != 0;
    }
}
static void count_row(const FoldBits *q, const uint64_t *bits, int64_t *values)
{
    size_t n = q->grid.n - 1;
    uint64_t state[LIFECYCLE_STATES][WORDS];
    states(bits, n, state);
    for (size_t s = 0; s < LIFECYCLE_STATES; s++) each(state[s], (n + 63) / 64, values + s * n);
}
static void count_columns(const FoldBits *q, const uint64_t *const *col, size_t words, int64_t *values)
{
    size_t n = q->grid.n - 1;
    uint64_t known[512];                                   /* who had been there, as far as these words */
    for (size_t at = 0, some; at < words; at += some) {
        some = words - at < COUNT(known) ? words - at : COUNT(known);
        for (size_t w = 0; w < some; w++) known[w] = col[0][at + w] | col[1][at + w];
        for (size_t i = 0; i < n; i++) {
            const uint64_t *now = col[i + LEAD] + at, *before = col[i + 1] + at;
            const uint64_t *with[] = { now, before, known };
            int64_t shared[3] = { 0 }, there = 0;
            presence_count(now, with, COUNT(with), some, shared);
            presence_count(before, &before, 1, some, &there);
            values[LIFECYCLE_NEW * n + i] += shared[0] - shared[2];
            values[LIFECYCLE_RETURNING * n + i] += shared[1];
            values[LIFECYCLE_RESURRECTING * n + i] += shared[2] - shared[1];
            values[LIFECYCLE_DORMANT * n + i] += there - shared[1];
            for (size_t w = 0; w < some; w++) known[w] |= now[w];
        }
    }
}
static bool in_cell(const FoldBits *q, const uint64_t *bits)
{
    const LifecycleCell *cell = q->arg;
    uint64_t state[LIFECYCLE_STATES][WORDS];
    states(bits, q->grid.n - 1, state);
    return fold_bits_has(state[cell->state], cell->period);
}
static Status check(Cx *cx, const LifecycleQuery *q)
{
    if (q->n < 1 || q->n > ASK_PERIODS_MAX)
        return refuse(cx, ST_INVALID, S("intervals"), MSG_out_of_range, PARAMS({ "min", 1, { 0 } },
            { "max", ASK_PERIODS_MAX, { 0 } }));
    if (q->cell && q->people && (q->cell->period >= q->n || q->cell->state >= LIFECYCLE_STATES))
        return refuse(cx, ST_INVALID, S("cell.period"), MSG_out_of_range, PARAMS({ "min", 0, { 0 } },
            { "max", (int64_t)q->n - 1, { 0 } }));
    return ST_OK;
}
static Status answer(Cx *cx, const LifecycleQuery *q, const int64_t *starts, const FoldBitsAnswer *a,
    LifecycleAnswer *ret)
{
    LifecycleTable *tables = ARENA_MANY(cx->arena, LifecycleTable, a->n + 1);
    if (!tables) return fail(cx, ST_NO_MEM, "lifecycle: the answer");
    for (size_t t = 0; t < a->n; t++) {
        tables[t].group = a->tables[t].group;
        tables[t].people = a->tables[t].people;
        for (size_t s = 0; s < LIFECYCLE_STATES; s++) tables[t].state[s] = a->tables[t].values + s * q->n;
    }
    *ret = (LifecycleAnswer){ .count = { .events = a->count.events, .people = a->count.people,
        .left_out = a->count.left_out }, .n = q->n, .starts = starts, .tables = tables, .n_tables = a->n };
    while (ret->count.finished < q->n && starts[ret->count.finished + 1] <= cx->now) ret->count.finished++;
    return ST_OK;
}
Status query_lifecycle_run(Cx *cx, const Snapshot *snap, const LifecycleQuery *q, LifecycleAnswer *ret)
{
    const QueryScope *s = &q->scope;
    FoldBitsAnswer a;
    TRY(check(cx, q));
    int64_t *starts = ARENA_MANY(cx->arena, int64_t, q->n + LEAD);
    if (!starts) return fail(cx, ST_NO_MEM, "lifecycle: the grid");
    starts[1] = zone_floor(s->zone, s->period, s->week_start, q->first);
    starts[0] = zone_floor(s->zone, s->period, s->week_start, starts[1] - 1);
    for (size_t i = 1; i <= q->n; i++) starts[i + 1] = zone_next(s->zone, s->period, s->week_start, starts[i]);
    FoldBits f = { .scope = s, .event = &q->event, .grid = { q->n + 1, starts }, .before = true,
        .count_events = q->count_events, .n_values = LIFECYCLE_STATES * q->n, .row = count_row,
        .columns = count_columns,
        .in = in_cell, .arg = q->cell, .cell = q->cell ? q->cell->group : NULL, .people = q->cell ? q->people : NULL };
    TRY(fold_bits_run(cx, snap, &f, &a));
    return answer(cx, q, starts + 1, &a, ret);
}
