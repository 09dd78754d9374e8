#include "store/events/presence_in.h"
#include "base/arena.h"
#include <string.h>

enum { GROUP_BATCH = 16 * PRESENCE_BATCH, FIRST_ROWS = 256, FEW_ROWS = 64, ROW_BITS = 64 };

void presence_rows_open(const PresencePlan *plan, PresenceFold *to, PresenceRows *ret)
{
    size_t bits = plan->grid->n + plan->before;
    *ret = (PresenceRows){ .plan = plan, .to = to, .matchers = plan->sel->n_matchers, .bits = bits,
        .words = (bits + 63) / 64, .groups = { .n_keys = plan->n_groups },
        .batch = to->by_period && plan->n_groups ? GROUP_BATCH : PRESENCE_BATCH };
}
/* A fold has no Cx: what is wrong with memory is said by whoever scans. */
static Status count_bytes(PresenceRows *r, ptrdiff_t more)
{
    Cx cx = { .arena = NULL };
    TRY(scan_bytes(&cx, r->plan->run, more));
    r->bytes = (size_t)((ptrdiff_t)r->bytes + more);
    return ST_OK;
}
void presence_rows_done(PresenceRows *r)
{
    if (!r->plan) return;
    (void)!count_bytes(r, -(ptrdiff_t)r->bytes);
    mem_free(r->root);
    mem_free(r->gid);
    for (size_t m = 0; m < PRESENCE_MATCHERS; m++) mem_free(r->seen[m]);
    groups_done(&r->groups);
    mem_free(r->row_of);
    mem_free(r->kind);
    mem_free(r->value);
    mem_free(r->order);
    mem_free(r->start);
    mem_free(r->col);
    *r = (PresenceRows){ 0 };
}
static bool grow(void *p, size_t n, size_t size)
{
    void **at = p, *bigger = mem_grow(*at, n * size);
    if (bigger) *at = bigger;
    return bigger != NULL;
}
/* Rows are made up to whole words of rows, so that they can be turned. */
static Status more_rows(PresenceRows *r)
{
    size_t cap = r->cap ? r->cap * 2 : FIRST_ROWS, keys = r->plan->n_groups;
    size_t row = 3 * sizeof(uint32_t) + r->matchers * r->words * sizeof(uint64_t) + keys * 9;
    TRY(count_bytes(r, (ptrdiff_t)((cap - r->cap) * row)));
    if (!grow(&r->root, cap, sizeof *r->root) || !grow(&r->gid, cap, sizeof *r->gid) ||
        !grow(&r->order, cap, sizeof *r->order)) return ST_NO_MEM;
    if (keys && (!grow(&r->kind, cap * keys, 1) || !grow(&r->value, cap * keys, sizeof *r->value))) return ST_NO_MEM;
    for (size_t m = 0; m < r->matchers; m++) {
        if (!grow(&r->seen[m], cap * r->words, sizeof *r->seen[m])) return ST_NO_MEM;
        memset(r->seen[m] + r->cap * r->words, 0, (cap - r->cap) * r->words * sizeof *r->seen[m]);
    }
    r->cap = cap;
    return ST_OK;
}
static Status room_of(PresenceRows *r, uint32_t gid)
{
    size_t n = r->n_row_of ? r->n_row_of * 2 : FIRST_ROWS;
    if (gid < r->n_row_of) return ST_OK;
    while (n <= gid) n *= 2;
    TRY(count_bytes(r, (ptrdiff_t)((n - r->n_row_of) * (sizeof *r->row_of + sizeof(GroupKey) + 2 * sizeof(uint32_t)))));
    if (!grow(&r->row_of, n, sizeof *r->row_of)) return ST_NO_MEM;
    memset(r->row_of + r->n_row_of, 0, (n - r->n_row_of) * sizeof *r->row_of);
    r->n_row_of = n;
    return ST_OK;
}
static Status new_row(PresenceRows *r, uint32_t root, uint32_t gid, size_t *ret)
{
    if (r->n == r->cap) TRY(more_rows(r));
    r->root[r->n] = root;
    r->gid[r->n] = gid;
    *ret = r->n++;
    return ST_OK;
}
Status presence_rows_of(PresenceRows *r, uint32_t root, const GroupKey *key, size_t *ret)
{
    uint32_t gid = 0;
    if (key) TRY(groups_add(&r->groups, key, &gid));
    return presence_rows_at(r, root, gid, ret);
}
Status presence_rows_at(PresenceRows *r, uint32_t root, uint32_t gid, size_t *ret)
{
    if (r->n > r->first && r->gid[r->n - 1] == gid) {      /* mostly the one before */
        *ret = r->n - 1;
        return ST_OK;
    }
    TRY(room_of(r, gid));
    size_t row = r->row_of[gid];
    if (row > r->first && row <= r->n && r->gid[row - 1] == gid) {
        *ret = row - 1;
        return ST_OK;
    }
    TRY(new_row(r, root, gid, ret));
    r->row_of[gid] = (uint32_t)*ret + 1;
    return ST_OK;
}
Status presence_rows_person(PresenceRows *r)
{
    if (r->n >= r->batch) TRY(presence_rows_flush(r));
    r->first = r->n;
    return ST_OK;
}

/* ---- handing over ---- */

static void by_row(PresenceRows *r)
{
    FoldCol group[PRESENCE_GROUPS] = { { 0 } };
    PresenceBatch b = { .n = r->n, .words = r->words, .root = r->root, .group = group };
    for (size_t k = 0; k < r->plan->n_groups; k++) {
        group[k] = (FoldCol){ r->kind + k * r->cap, r->value + k * r->cap };
        for (size_t i = 0; i < r->n; i++) {
            const GroupKey *key = &r->groups.keys[r->gid[i]];
            r->kind[k * r->cap + i] = key->kind[k];
            r->value[k * r->cap + i] = key->value[k];
        }
    }
    for (size_t m = 0; m < r->matchers; m++) b.seen[m] = r->seen[m];
    r->to->rows(r->to, &b);
}
/* Rows order[0..n) of matcher m, turned: bit p's words at p * stride of ret. */
static void turn(const PresenceRows *r, size_t m, const uint32_t *order, size_t n, size_t stride, uint64_t *ret)
{
    uint64_t rows[ROW_BITS * PRESENCE_WORDS], cols[ROW_BITS];
    for (size_t i = 0; i < n; i += ROW_BITS) {
        size_t left = n - i < ROW_BITS ? n - i : ROW_BITS;
        for (size_t k = 0; k < left; k++)
            memcpy(rows + k * r->words, r->seen[m] + order[i + k] * r->words, r->words * sizeof *rows);
        memset(rows + left * r->words, 0, (ROW_BITS - left) * r->words * sizeof *rows);
        for (size_t w = 0; w < r->words; w++) {
            presence_transpose(rows + w, r->words, cols);
            for (size_t c = 0; c < ROW_BITS && w * 64 + c < r->bits; c++)
                ret[(w * 64 + c) * stride + i / ROW_BITS] = cols[c];
        }
    }
}
/* The rows order[0..n), all of one group. */
static void by_period(PresenceRows *r, const uint32_t *order, size_t n)
{
    FoldCol group[PRESENCE_GROUPS] = { { 0 } };
    const uint64_t *cols[PRESENCE_MATCHERS][PRESENCE_BITS_MAX];
    uint32_t roots[PRESENCE_BATCH];
    size_t stride = ((n + 63) / 64 + PRESENCE_PAD - 1) / PRESENCE_PAD * PRESENCE_PAD;
    PresenceBatch b = { .n = n, .words = r->words, .root = roots, .group = group };
    memset(r->col, 0, r->matchers * r->bits * stride * sizeof *r->col);
    for (size_t i = 0; i < n; i++) roots[i] = r->root[order[i]];
    for (size_t m = 0; m < r->matchers; m++) {
        turn(r, m, order, n, stride, r->col + m * r->bits * stride);
        for (size_t p = 0; p < r->bits; p++) cols[m][p] = r->col + (m * r->bits + p) * stride;
        b.col[m] = cols[m];
    }
    for (size_t k = 0; k < r->plan->n_groups; k++) {
        const GroupKey *key = &r->groups.keys[r->gid[order[0]]];
        group[k] = (FoldCol){ &key->kind[k], &key->value[k] };
    }
    r->to->rows(r->to, &b);
}
static void few_rows(PresenceRows *r, const uint32_t *order, size_t n)
{
    FoldCol group[PRESENCE_GROUPS] = { { 0 } };
    uint32_t roots[FEW_ROWS];
    uint8_t kinds[PRESENCE_GROUPS][FEW_ROWS];
    uint64_t values[PRESENCE_GROUPS][FEW_ROWS];
    PresenceBatch b = { .n = n, .words = r->words, .root = roots, .group = group };
    for (size_t m = 0; m < r->matchers; m++) {
        b.seen[m] = r->col + m * FEW_ROWS * r->words;
        for (size_t i = 0; i < n; i++)
            memcpy(r->col + (m * FEW_ROWS + i) * r->words, r->seen[m] + order[i] * r->words, r->words * 8);
    }
    for (size_t i = 0; i < n; i++) roots[i] = r->root[order[i]];
    for (size_t k = 0; k < r->plan->n_groups; k++) {
        const GroupKey *key = &r->groups.keys[r->gid[order[0]]];
        for (size_t i = 0; i < n; i++) kinds[k][i] = key->kind[k], values[k][i] = key->value[k];
        group[k] = (FoldCol){ kinds[k], values[k] };
    }
    r->to->rows(r->to, &b);
}
static Status sort_groups(PresenceRows *r)
{
    if (r->n_start < r->groups.n + 2) {
        if (!grow(&r->start, r->groups.n + 2, sizeof *r->start)) return ST_NO_MEM;
        r->n_start = r->groups.n + 2;
    }
    memset(r->start, 0, (r->groups.n + 2) * sizeof *r->start);
    for (size_t i = 0; i < r->n; i++) r->start[r->gid[i] + 2]++;
    for (size_t g = 0; g < r->groups.n; g++) r->start[g + 1] += r->start[g];
    for (size_t i = 0; i < r->n; i++) r->order[r->start[r->gid[i] + 1]++] = (uint32_t)i;
    return ST_OK;
}
static Status by_periods(PresenceRows *r)
{
    size_t words = r->matchers * r->bits * (PRESENCE_BATCH / 64);
    if (!r->col) {
        TRY(count_bytes(r, (ptrdiff_t)(words * sizeof *r->col)));
        if (!(r->col = mem_get(words * sizeof *r->col))) return ST_NO_MEM;
    }
    if (r->plan->n_groups) TRY(sort_groups(r));
    else for (size_t i = 0; i < r->n; i++) r->order[i] = (uint32_t)i;
    for (size_t i = 0, end; i < r->n && r->to->st == ST_OK; i = end) {
        for (end = i; end < r->n && end - i < PRESENCE_BATCH && r->gid[r->order[end]] == r->gid[r->order[i]];) end++;
        if (r->plan->n_groups && end - i < FEW_ROWS) few_rows(r, r->order + i, end - i);
        else by_period(r, r->order + i, end - i);
    }
    return ST_OK;
}
Status presence_rows_flush(PresenceRows *r)
{
    if (r->n == 0) return ST_OK;
    if (r->to->by_period) TRY(by_periods(r));
    else by_row(r);
    for (size_t m = 0; m < r->matchers; m++) memset(r->seen[m], 0, r->n * r->words * sizeof *r->seen[m]);
    r->n = r->first = 0;
    return r->to->st;
}
