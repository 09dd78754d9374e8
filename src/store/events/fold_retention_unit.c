#include "store/events/fold_retention.h"
#include "base/arena.h"
#include <string.h>

enum { HOUR = 3600000 };

int64_t fold_retention_hour(const FoldRetentionSpec *s, int64_t time)
{
    int64_t past = (time + zone_offset(s->q->scope.zone, time) * INT64_C(1000)) % HOUR;
    return time - (past < 0 ? past + HOUR : past);
}
int64_t fold_retention_window(const FoldRetentionSpec *s)
{
    static const int64_t hours[] = { 1, 24, 7 * 24, 30 * 24 };
    return hours[s->q->scope.period] * HOUR;
}
Status fold_retention_unit_open(FoldRetentionUnit *u, const FoldRetentionSpec *spec)
{
    size_t n = spec->grid.n;
    *u = (FoldRetentionUnit){ .spec = spec };
    if (spec->q->min_occurrences > 1) {
        u->hits = mem_get(n * sizeof *u->hits);
        if (!u->hits) return ST_NO_MEM;
    }
    if (spec->q->value.n) {
        u->sums = mem_get(2 * n * sizeof *u->sums);
        if (!u->sums) return ST_NO_MEM;
    }
    return ST_OK;
}
void fold_retention_unit_done(FoldRetentionUnit *u)
{
    mem_free(u->hits);
    mem_free(u->sums);
}
void fold_retention_unit_start(FoldRetentionUnit *u)
{
    size_t n = u->low < u->high ? u->high - u->low : 0, all = u->spec->grid.n;
    memset(u->start, 0, sizeof u->start);
    memset(u->back, 0, sizeof u->back);
    if (n && u->hits) memset(u->hits + u->low, 0, n * sizeof *u->hits);
    if (n && u->sums) {
        memset(u->sums + u->low, 0, n * sizeof *u->sums);
        memset(u->sums + all + u->low, 0, n * sizeof *u->sums);
    }
    u->low = all;
    u->high = u->period = u->row = 0;
    u->started = u->named = u->out = false;
}
static void touch(FoldRetentionUnit *u, size_t p)
{
    if (p < u->low) u->low = p;
    if (p >= u->high) u->high = p + 1;
}
static void came_back(FoldRetentionUnit *u, size_t p, uint8_t kind, uint64_t value)
{
    touch(u, p);
    if (!u->hits || ++u->hits[p] >= u->spec->q->min_occurrences) u->back[p / 64] |= UINT64_C(1) << (p % 64);
    if (u->sums) fold_retention_sum(&u->sums[u->spec->grid.n + p], kind, value);
}
static void start_at(FoldRetentionUnit *u, size_t p)
{
    u->start[p / 64] |= UINT64_C(1) << (p % 64);
    u->started = true;
}
static bool in_calendar(FoldRetentionUnit *u, int64_t time, uint32_t mask, uint8_t kind, uint64_t value)
{
    const FoldRetentionSpec *s = u->spec;
    size_t p = u->period = fold_period(&s->grid, u->period, time);
    if (p == s->grid.n) return false;
    if (mask & FOLD_RETENTION_START && p < s->q->n) {
        if (s->q->mode == RETENTION_RECURRING || !u->started) start_at(u, p);
        touch(u, p);
        if (u->sums) fold_retention_sum(&u->sums[p], kind, value);
    }
    if (mask & FOLD_RETENTION_BACK) came_back(u, p, kind, value);
    return true;
}
static bool in_windows(FoldRetentionUnit *u, int64_t time, uint32_t mask, uint8_t kind, uint64_t value)
{
    const FoldRetentionSpec *s = u->spec;
    if (!u->started) {
        if (!(mask & FOLD_RETENTION_START)) return true;
        u->row = fold_period(&s->grid, u->period, time);
        if (u->row >= s->q->n) return false;
        start_at(u, u->row);
        u->anchor = fold_retention_hour(s, time);
    }
    size_t k = (size_t)((fold_retention_hour(s, time) - u->anchor) / fold_retention_window(s)), p = u->row + k;
    if (p >= s->grid.n) return false;
    touch(u, p);
    if (mask & FOLD_RETENTION_START && k == 0 && u->sums) fold_retention_sum(&u->sums[p], kind, value);
    if (mask & FOLD_RETENTION_BACK) came_back(u, p, kind, value);
    return true;
}
bool fold_retention_unit_event(FoldRetentionUnit *u, int64_t time, uint32_t mask, uint8_t kind, uint64_t value)
{
    const FoldRetentionSpec *s = u->spec;
    if (s->q->mode == RETENTION_FIRST_EVER && !u->named && mask & FOLD_RETENTION_NAME) {
        u->named = true;
        u->out = !(mask & FOLD_RETENTION_START);
    }
    if (time < s->grid.starts[0]) u->out |= mask & FOLD_RETENTION_START && s->q->mode != RETENTION_RECURRING;
    if (u->out) return false;
    if (time < s->grid.starts[0]) return true;
    return s->q->from_event ? in_windows(u, time, mask, kind, value) : in_calendar(u, time, mask, kind, value);
}
bool fold_retention_unit_end(const FoldRetentionUnit *u, FoldRetentionStrip *ret)
{
    *ret = (FoldRetentionStrip){ u->start, u->back, u->sums };
    return u->started && !u->out;
}
