#include "store/events/fold_retention.h"
#include "base/arena.h"
#include <string.h>

typedef struct Rows {
    PresenceFold fold;
    FoldRetentionCounter c;
    bool      before, same;      /* presence's first bit is the time before the grid; a start is a return */
    uint64_t *room;              /* by period: columns */
    size_t    room_words;
    uint32_t *group;             /* row by row: each row's */
    size_t    group_rows;
} Rows;

/* ---- row by row: with a breakdown, or when people are wanted ---- */

/* A row's words as a strip's: without the bit of the time before. */
static void strip_words(const Rows *r, const uint64_t *from, size_t from_words, uint64_t *to)
{
    size_t words = r->c.spec->words;
    if (!r->before) {
        memcpy(to, from, words * sizeof *to);
        return;
    }
    for (size_t w = 0; w < words; w++)
        to[w] = from[w] >> 1 | (w + 1 < from_words ? from[w + 1] << 63 : 0);
}
static void first_only(uint64_t *start, size_t words)
{
    bool found = false;
    for (size_t w = 0; w < words; w++) {
        start[w] = found ? 0 : start[w] & -start[w];
        found |= start[w] != 0;
    }
}
/* No start past the last row, where more periods are looked at than there are rows. */
static void cut(const FoldRetentionSpec *s, uint64_t *start)
{
    size_t n = s->q->n;
    if (s->grid.n == n) return;
    if (n % 64) start[n / 64] &= (UINT64_C(1) << n % 64) - 1;
    for (size_t w = (n + 63) / 64; w < s->words; w++) start[w] = 0;
}
static Status add_row(Rows *r, const PresenceBatch *b, size_t i)
{
    const FoldRetentionSpec *s = r->c.spec;
    uint64_t first[FOLD_RETENTION_WORDS], later[FOLD_RETENTION_WORDS];
    FoldRetentionStrip strip = { b->seen[0] + i * b->words, b->seen[r->same ? 0 : 1] + i * b->words, NULL };
    if (r->before || s->grid.n > s->q->n) {
        if (r->before && strip.start[0] & 1) return ST_OK; /* first started before the grid */
        strip_words(r, strip.start, b->words, first);
        if (s->q->mode != RETENTION_RECURRING) first_only(first, s->words);
        cut(s, first);
        strip_words(r, strip.back, b->words, later);
        strip.start = first, strip.back = later;
    }
    return fold_retention_add(&r->c, b->root[i], s->keyed ? r->group[i] : 0, &strip);
}
static Status group_room(Rows *r, size_t n)
{
    if (n <= r->group_rows) return ST_OK;
    uint32_t *more = mem_grow(r->group, n * sizeof *more);
    if (!more) return ST_NO_MEM;
    r->group = more;
    r->group_rows = n;
    return ST_OK;
}
/* Mostly there is one value, met lately. */
static Status groups_of(Rows *r, const PresenceBatch *b)
{
    size_t n_keys = r->c.spec->q->scope.n_breakdown;
    TRY(group_room(r, b->n));
    for (size_t i = 0; i < b->n; i++) {
        uint64_t value = b->group[0].value[i];
        const FoldRetentionMet *met = &r->c.met[fold_retention_place(value, 0, 0)];
        if (n_keys == 1 && met->is && met->key.value[0] == value && met->key.kind[0] == b->group[0].kind[i]) {
            r->group[i] = met->group;
            continue;
        }
        GroupKey key = groups_key_at(b->group, n_keys, i);
        TRY(fold_retention_group(&r->c, &key, &r->group[i]));
    }
    return ST_OK;
}
static void take_rows(PresenceFold *fold, const PresenceBatch *b)
{
    Rows *r = (Rows *)fold;
    if (fold->st == ST_OK && r->c.spec->keyed) fold->st = groups_of(r, b);
    for (size_t i = 0; fold->st == ST_OK && i < b->n; i++) fold->st = add_row(r, b, i);
}

/* ---- period by period ---- */

/* Of each person's starts only the first, and none of those who started before the grid. */
static void first_columns(const uint64_t *const *col, size_t n, size_t words, uint64_t *room, const uint64_t **ret)
{
    uint64_t *seen = room + n * words;
    memcpy(seen, col[0], words * sizeof *seen);
    for (size_t p = 0; p < n; p++) {
        uint64_t *first = room + p * words;
        for (size_t w = 0; w < words; w++) {
            first[w] = col[p + 1][w] & ~seen[w];
            seen[w] |= col[p + 1][w];
        }
        ret[p] = first;
    }
}
/* Back in the period or in a later one. */
static void later_columns(const uint64_t *const *col, size_t n, size_t words, uint64_t *room, const uint64_t **ret)
{
    for (size_t p = n; p-- > 0;) {
        uint64_t *later = room + p * words;
        for (size_t w = 0; w < words; w++) later[w] = col[p][w] | (p + 1 < n ? later[words + w] : 0);
        ret[p] = later;
    }
}
static Status column_room(Rows *r, size_t words)
{
    if (words <= r->room_words) return ST_OK;
    mem_free(r->room);
    r->room_words = 0;
    r->room = mem_get((2 * r->c.spec->grid.n + 2) * words * sizeof *r->room);
    if (!r->room) return ST_NO_MEM;
    r->room_words = words;
    return ST_OK;
}
static Status columns(Rows *r, const PresenceBatch *b)
{
    const FoldRetentionSpec *s = r->c.spec;
    const uint64_t *start[FOLD_RETENTION_BITS], *back[FOLD_RETENTION_BITS];
    size_t n = s->grid.n, words = ((b->n + 63) / 64 + PRESENCE_PAD - 1) / PRESENCE_PAD * PRESENCE_PAD;
    FoldRetentionColumns c = { .start = start, .back = b->col[r->same ? 0 : 1] + r->before, .words = words };
    TRY(column_room(r, words));
    c.room = r->room + (2 * n + 1) * words;
    if (!r->before) c.start = b->col[0];
    else first_columns(b->col[0], n, words, r->room, start);
    if (s->triangle && s->q->measure == RETENTION_ON_OR_AFTER) {
        later_columns(c.back, n, words, r->room + (n + 1) * words, back);
        c.back = back;
    }
    return fold_retention_columns(&r->c, &c);
}
static void take_columns(PresenceFold *fold, const PresenceBatch *b) { fold->st = columns((Rows *)fold, b); }

static void done(PresenceFold *fold)
{
    Rows *r = (Rows *)fold;
    fold_retention_done(&r->c);
    mem_free(r->room);
    mem_free(r->group);
    mem_free(r);
}
static void merge(PresenceFold *fold, PresenceFold *from)
{
    Rows *to = (Rows *)fold, *r = (Rows *)from;
    fold->st = fold_retention_end(&r->c);
    if (fold->st == ST_OK) fold->st = fold_retention_merge(&to->c, &r->c);
}
static Status fork(Cx *cx, const PresenceFold *fold, PresenceFold **ret)
{
    return fold_retention_rows(cx, ((const Rows *)fold)->c.spec, ret);
}
static bool same_matcher(const Matcher *a, const Matcher *b)
{
    return a->any == b->any && str_eq(a->name, b->name) && a->where == b->where;
}
bool fold_retention_rows_same(const RetentionQuery *q) { return same_matcher(&q->start, &q->back); }
Status fold_retention_rows(Cx *cx, const FoldRetentionSpec *spec, PresenceFold **ret)
{
    Rows *r = mem_get(sizeof *r);
    if (!r) return fail(cx, ST_NO_MEM, "retention: a thread");
    bool by_period = !spec->keyed && !spec->people;
    r->fold = (PresenceFold){ .rows = by_period ? take_columns : take_rows, .fork = fork, .merge = merge, .done = done,
        .by_period = by_period };
    r->before = spec->q->mode != RETENTION_RECURRING;
    r->same = fold_retention_rows_same(spec->q);
    if (fold_retention_open(&r->c, spec) != ST_OK) {
        mem_free(r);
        return fail(cx, ST_NO_MEM, "retention: a thread");
    }
    *ret = &r->fold;
    return ST_OK;
}
FoldRetentionCounter *fold_retention_rows_counter(PresenceFold *fold) { return &((Rows *)fold)->c; }
