#include "store/events/fold_bits.h"
#include "base/arena.h"
#include "store/events/breakdown.h"
#include <string.h>

/* Past so many bytes of rows a thread only ranks the values. */
enum { TABLES_BYTES = 24 << 20, WORDS_MAX = 8 };

typedef struct Table { int64_t people, *values; } Table;
/* What threads share, read only. */
typedef struct Shared {
    const FoldBits *q;
    size_t    words;
    bool      keyed, second;
    const GroupKey *kept;
    size_t    n_kept, cell_table;
    bool      wants_people;
} Shared;
typedef struct Counter {
    PresenceFold fold;
    const Shared *s;
    Groups    groups;
    Table    *tables;            /* by group; in the second run one more, the others */
    size_t    n_tables, cap, bytes;
    bool      ranks, several, any;
    uint32_t  root;
    uint64_t  other[WORDS_MAX];  /* the person's bits of other values */
    bool      has_other;
    uint64_t *room;              /* columns or-ed */
    size_t    room_words;
} Counter;

static Status take_bytes(Counter *c, ptrdiff_t n)
{
    TRY(scan_bytes(NULL, c->s->q->scope->run, n));
    c->bytes = (size_t)((ptrdiff_t)c->bytes + n);
    return ST_OK;
}
static void only_rank(Counter *c)
{
    c->ranks = true;
    for (size_t i = 0; i < c->n_tables; i++) {
        mem_free(c->tables[i].values);
        c->tables[i].values = NULL;
    }
}
static Status table_at(Counter *c, size_t i, Table **ret)
{
    size_t size = c->s->q->n_values * sizeof(int64_t);
    if (i >= c->cap) {
        size_t cap = i + 1 > 2 * c->cap ? i + 1 : 2 * c->cap;
        TRY(take_bytes(c, (ptrdiff_t)((cap - c->cap) * sizeof *c->tables)));
        Table *more = mem_grow(c->tables, cap * sizeof *more);
        if (!more) return ST_NO_MEM;
        memset(more + c->cap, 0, (cap - c->cap) * sizeof *more);
        c->tables = more;
        c->cap = cap;
    }
    if (i >= c->n_tables) c->n_tables = i + 1;
    *ret = &c->tables[i];
    if (c->ranks || (*ret)->values) return ST_OK;
    if (c->s->keyed && !c->s->second && c->bytes + size > TABLES_BYTES) {
        only_rank(c);
        return ST_OK;
    }
    TRY(take_bytes(c, (ptrdiff_t)size));
    (*ret)->values = mem_get(size);
    return (*ret)->values ? ST_OK : ST_NO_MEM;
}
/* Any period of the grid, not only the time before it. */
static bool seen(const Shared *s, const uint64_t *bits)
{
    uint64_t any = bits[0] & ~(uint64_t)s->q->before;
    for (size_t w = 1; w < s->words; w++) any |= bits[w];
    return any != 0;
}
static Status count(Counter *c, size_t table, const uint64_t *bits)
{
    Table *t;
    TRY(table_at(c, table, &t));
    t->people++;
    if (!c->ranks) c->s->q->row(c->s->q, bits, t->values);
    return ST_OK;
}
static void into_people(const Counter *c, uint32_t root, size_t table, const uint64_t *bits)
{
    const FoldBits *q = c->s->q;
    if (!c->s->wants_people || table != c->s->cell_table || root >= q->people->n || !q->in(q, bits)) return;
    __atomic_fetch_or(&q->people->bits[root / 64], UINT64_C(1) << (root % 64), __ATOMIC_RELAXED);
}
static Status other_end(Counter *c)
{
    if (!c->has_other) return ST_OK;
    c->has_other = false;
    if (!seen(c->s, c->other)) return ST_OK;
    into_people(c, c->root, c->s->n_kept, c->other);
    return count(c, c->s->n_kept, c->other);
}
static Status group_of(Counter *c, const GroupKey *key, uint32_t *ret)
{
    size_t cap = c->groups.cap, n_slots = c->groups.n_slots;
    TRY(groups_add(&c->groups, key, ret));
    return take_bytes(c,
        (ptrdiff_t)((c->groups.cap - cap) * sizeof *key + (c->groups.n_slots - n_slots) * sizeof(uint32_t)));
}
static Status add_row(Counter *c, const PresenceBatch *b, size_t i)
{
    const Shared *s = c->s;
    const uint64_t *bits = b->seen[0] + i * b->words;
    uint32_t group = 0;
    bool counts = seen(s, bits);
    if (c->any && c->root == b->root[i]) c->several = true;
    else TRY(other_end(c));
    c->any = true;
    c->root = b->root[i];
    if (!counts && !s->second) return ST_OK;
    if (s->keyed) {
        GroupKey key = groups_key_at(b->group, s->q->scope->n_breakdown, i);
        TRY(group_of(c, &key, &group));
    }
    if (s->second && group >= s->n_kept) {
        if (!c->has_other) memset(c->other, 0, sizeof c->other);
        for (size_t w = 0; w < s->words; w++) c->other[w] |= bits[w];
        c->has_other = true;
        return ST_OK;
    }
    if (!counts) return ST_OK;
    into_people(c, c->root, group, bits);
    return count(c, group, bits);
}
static void take_rows(PresenceFold *fold, const PresenceBatch *b)
{
    for (size_t i = 0; fold->st == ST_OK && i < b->n; i++) fold->st = add_row((Counter *)fold, b, i);
}
static Status add_columns(Counter *c, const PresenceBatch *b)
{
    const FoldBits *q = c->s->q;
    size_t words = ((b->n + 63) / 64 + PRESENCE_PAD - 1) / PRESENCE_PAD * PRESENCE_PAD;
    Table *t;
    if (words > c->room_words) {
        mem_free(c->room);
        c->room_words = 0;
        c->room = mem_get(words * sizeof *c->room);
        if (!c->room) return ST_NO_MEM;
        c->room_words = words;
    }
    const uint64_t *any = c->room;
    TRY(table_at(c, 0, &t));
    memset(c->room, 0, words * sizeof *c->room);
    for (size_t p = q->before; p < q->grid.n + q->before; p++)
        for (size_t w = 0; w < words; w++) c->room[w] |= b->col[0][p][w];
    presence_count(any, &any, 1, words, &t->people);
    q->columns(q, b->col[0], words, t->values);
    return ST_OK;
}
static void take_columns(PresenceFold *fold, const PresenceBatch *b)
{
    if (fold->st == ST_OK) fold->st = add_columns((Counter *)fold, b);
}
static Status merge_tables(Counter *c, Counter *from)
{
    TRY(other_end(from));
    c->several |= from->several;
    if (from->ranks && !c->ranks) only_rank(c);
    for (size_t i = 0; i < from->n_tables; i++) {
        uint32_t group = (uint32_t)i;
        Table *to;
        if (from->tables[i].people == 0) continue;
        if (c->s->keyed && !c->s->second) TRY(group_of(c, &from->groups.keys[i], &group));
        TRY(table_at(c, group, &to));
        to->people += from->tables[i].people;
        for (size_t k = 0; !c->ranks && k < c->s->q->n_values; k++) to->values[k] += from->tables[i].values[k];
    }
    return ST_OK;
}
static void merge(PresenceFold *fold, PresenceFold *from) { fold->st = merge_tables((Counter *)fold, (Counter *)from); }
static void done(PresenceFold *fold)
{
    Counter *c = (Counter *)fold;
    (void)!take_bytes(c, -(ptrdiff_t)c->bytes);
    for (size_t i = 0; i < c->n_tables; i++) mem_free(c->tables[i].values);
    mem_free(c->tables);
    mem_free(c->room);
    groups_done(&c->groups);
    mem_free(c);
}
static Status counter_new(Cx *cx, const Shared *s, Counter **ret);
static Status fork(Cx *cx, const PresenceFold *fold, PresenceFold **ret)
{
    Counter *c;
    TRY(counter_new(cx, ((const Counter *)fold)->s, &c));
    *ret = &c->fold;
    return ST_OK;
}
static Status counter_new(Cx *cx, const Shared *s, Counter **ret)
{
    Counter *c = mem_get(sizeof *c);
    uint32_t g;
    Status st = ST_OK;
    if (!c) return fail(cx, ST_NO_MEM, "bits: a thread");
    bool by_period = !s->keyed && !s->wants_people;
    c->fold = (PresenceFold){ .rows = by_period ? take_columns : take_rows, .fork = fork, .merge = merge, .done = done,
        .by_period = by_period };
    c->s = s;
    for (size_t i = 0; st == ST_OK && s->second && i < s->n_kept; i++) st = groups_add(&c->groups, &s->kept[i], &g);
    if (st != ST_OK) {
        done(&c->fold);
        return fail(cx, st, "bits: a thread");
    }
    *ret = c;
    return ST_OK;
}

/* ---- a run, and perhaps a second ---- */

typedef struct Run { Shared s; Selector sel; ScanCount count; Counter *c; Breakdown kept; } Run;
static void run_close(Run *r)
{
    if (r->c) r->c->fold.done(&r->c->fold);
    r->c = NULL;
}
static Status run_once(Cx *cx, const Snapshot *snap, Run *r)
{
    const FoldBits *q = r->s.q;
    const QueryScope *scope = q->scope;
    PresencePlan plan = { .sel = &r->sel, .grid = &q->grid, .before = q->before, .count_events = q->count_events,
        .groups = scope->breakdown, .n_groups = scope->n_breakdown, .texts = scope->texts, .who = scope->who,
        .run = scope->run };
    run_close(r);
    TRY(counter_new(cx, &r->s, &r->c));
    TRY(presence_fold(cx, snap, &plan, &r->c->fold, &r->count));
    Status st = other_end(r->c);
    return st == ST_OK || st == ST_LIMITED ? st : fail(cx, st, "bits: the tables");
}
static Status keep(Cx *cx, Run *r)
{
    const Counter *c = r->c;
    int64_t *people = mem_get((c->n_tables + 1) * sizeof *people);
    if (!people) return fail(cx, ST_NO_MEM, "bits: %zu values", c->n_tables);
    for (size_t i = 0; i < c->n_tables; i++) people[i] = c->tables[i].people;
    Status st = breakdown_keep(cx, r->s.q->scope, c->groups.keys, people, c->n_tables, &r->kept);
    mem_free(people);
    if (st != ST_OK) return st;
    GroupKey *keys = ARENA_MANY(cx->arena, GroupKey, r->kept.n + 1);
    if (!keys) return fail(cx, ST_NO_MEM, "bits: the kept values");
    for (size_t i = 0; i < r->kept.n; i++) keys[i] = c->groups.keys[r->kept.group[i]];
    r->s.kept = keys;
    r->s.n_kept = r->kept.n;
    return ST_OK;
}
static Status run_keyed(Cx *cx, const Snapshot *snap, Run *r)
{
    const FoldBits *q = r->s.q;
    TRY(run_once(cx, snap, r));
    TRY(keep(cx, r));
    bool rest = r->c->n_tables > r->kept.n;
    if (!q->people && !r->c->ranks && !(rest && r->c->several)) return ST_OK;
    if (q->people && !q->cell) return refuse(cx, ST_INVALID, S("cell.group"), MSG_required, NO_PARAMS);
    r->s.second = true;
    r->s.wants_people = q->people != NULL;
    r->s.cell_table = SIZE_MAX;                            /* none, until it is found */
    for (size_t i = 0; q->people && i < r->kept.n; i++)
        if (breakdown_same(q->scope, q->cell, &r->kept.text[i])) r->s.cell_table = i;
    if (q->people && q->cell->other) r->s.cell_table = r->kept.n;
    return run_once(cx, snap, r);
}

/* ---- the answer ---- */

static Status table_of(Cx *cx, const Run *r, size_t i, FoldBitsTable *ret)
{
    int64_t *values = ARENA_MANY(cx->arena, int64_t, r->s.q->n_values + 1);
    if (!values) return fail(cx, ST_NO_MEM, "bits: the answer");
    ret->values = values;
    if (i >= r->c->n_tables) return ST_OK;
    ret->people = r->c->tables[i].people;
    if (r->c->tables[i].values) memcpy(values, r->c->tables[i].values, r->s.q->n_values * sizeof *values);
    return ST_OK;
}
/* After one run those not kept are added up: nobody has several of them. */
static Status others_of(Cx *cx, const Run *r, FoldBitsTable *ret)
{
    int64_t *values = ARENA_MANY(cx->arena, int64_t, r->s.q->n_values + 1);
    if (!values) return fail(cx, ST_NO_MEM, "bits: the answer");
    ret->values = values;
    for (size_t i = 0; i < r->c->n_tables; i++) {
        const Table *t = &r->c->tables[i];
        bool kept = t->people == 0;
        for (size_t k = 0; k < r->kept.n; k++) kept |= r->kept.group[k] == i;
        if (kept) continue;
        ret->people += t->people;
        for (size_t k = 0; k < r->s.q->n_values; k++) values[k] += t->values[k];
    }
    return ST_OK;
}
static Status answer(Cx *cx, const Run *r, FoldBitsAnswer *ret)
{
    FoldBitsTable *tables = ARENA_MANY(cx->arena, FoldBitsTable, r->kept.n + 2);
    if (!tables) return fail(cx, ST_NO_MEM, "bits: the answer");
    *ret = (FoldBitsAnswer){ .count = r->count, .tables = tables, .n = 1 };
    if (!r->s.keyed) return table_of(cx, r, 0, &tables[0]);
    for (ret->n = 0; ret->n < r->kept.n; ret->n++) {
        TRY(table_of(cx, r, r->s.second ? ret->n : r->kept.group[ret->n], &tables[ret->n]));
        tables[ret->n].group = r->kept.text[ret->n];
    }
    FoldBitsTable *other = &tables[ret->n];
    TRY(r->s.second ? table_of(cx, r, r->kept.n, other) : others_of(cx, r, other));
    other->group.other = true;
    ret->n += other->people > 0;
    return ST_OK;
}
Status fold_bits_run(Cx *cx, const Snapshot *snap, const FoldBits *q, FoldBitsAnswer *ret)
{
    size_t bits = q->grid.n + q->before;
    Run r = { .s = { .q = q, .words = (bits + 63) / 64, .keyed = q->scope->n_breakdown > 0 },
        .sel = { .matchers = { *q->event }, .n_matchers = 1, .filter = q->scope->filter, .hide = QUERY_HIDE } };
    if (r.s.words > WORDS_MAX) return fail(cx, ST_BUG, "bits: %zu periods", bits);
    r.s.wants_people = q->people && !r.s.keyed;
    Status st = r.s.keyed ? run_keyed(cx, snap, &r) : run_once(cx, snap, &r);
    if (st == ST_OK) st = answer(cx, &r, ret);
    run_close(&r);
    return st;
}
