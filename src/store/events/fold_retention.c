#include "store/events/fold_retention.h"
#include "base/arena.h"
#include "store/events/pairs.h"
#include <string.h>

/* Past so many bytes of tables a thread only ranks the values; the second run has tables for the kept ones. */
enum { TABLES_BYTES = 24 << 20 };

static bool bit(const uint64_t *w, size_t i) { return w[i / 64] >> (i % 64) & 1; }
static void set(uint64_t *w, size_t i) { w[i / 64] |= UINT64_C(1) << (i % 64); }
/* The next bit at i or after; n: none below n. */
static size_t next(const uint64_t *w, size_t i, size_t n)
{
    while (i < n) {
        uint64_t rest = w[i / 64] >> (i % 64);
        if (rest) {
            i += (size_t)__builtin_ctzll(rest);
            return i < n ? i : n;
        }
        i = (i / 64 + 1) * 64;
    }
    return n;
}
static bool none(const uint64_t *w, size_t words)
{
    uint64_t any = 0;
    for (size_t i = 0; i < words; i++) any |= w[i];
    return any == 0;
}

/* ---- sums ---- */

/* Neumaier's: what an addition rounds away is kept. */
static void add_part(FoldRetentionSum *s, double v)
{
    double sum = s->part + v;
    double larger = s->part < 0 ? -s->part : s->part, other = v < 0 ? -v : v;
    s->lost += larger >= other ? (s->part - sum) + v : (v - sum) + s->part;
    s->part = sum;
}
void fold_retention_sum(FoldRetentionSum *s, uint8_t kind, uint64_t value)
{
    double d;
    if (kind == PROP_INT) {
        s->whole += (int64_t)value;
    } else if (kind == PROP_DOUBLE) {
        memcpy(&d, &value, sizeof d);
        add_part(s, d);
    } else {
        return;
    }
    s->n++;
}
void fold_retention_sum_add(FoldRetentionSum *s, const FoldRetentionSum *from)
{
    if (from->n == 0) return;
    s->whole += from->whole;
    if (from->part != 0) add_part(s, from->part);
    s->lost += from->lost;
    s->n += from->n;
}

/* ---- a counter and its tables ---- */

static size_t stride(const FoldRetentionSpec *s) { return s->triangle ? s->words * 64 : s->columns; }
static size_t cell_bytes(const FoldRetentionSpec *s) { return s->q->n * stride(s) * sizeof(uint32_t); }
static size_t sum_bytes(const FoldRetentionSpec *s)
{
    return s->q->value.n ? s->q->n * s->columns * sizeof(FoldRetentionSum) : 0;
}
static size_t room_bytes(const FoldRetentionSpec *s)
{
    return s->triangle ? 2 * PAIRS_BATCH * s->words * sizeof(uint64_t) : 0;
}
static Status take_bytes(FoldRetentionCounter *c, size_t n)
{
    Cx scratch = { .arena = NULL };
    if (n == 0) return ST_OK;
    TRY(scan_bytes(&scratch, c->spec->run, (ptrdiff_t)n));
    c->bytes += n;
    return ST_OK;
}
void fold_retention_table_free(FoldRetentionTable *t)
{
    mem_free(t->cells);
    mem_free(t->sums);
    mem_free(t->room);
    t->cells = NULL, t->sums = NULL, t->room = NULL;
}
/* Too many values for a table each: they are only ranked from now on. */
static void only_rank(FoldRetentionCounter *c)
{
    c->ranks = true;
    for (size_t i = 0; i < c->n_tables; i++) fold_retention_table_free(&c->tables[i]);
}
static Status table_fill(FoldRetentionCounter *c, FoldRetentionTable *t)
{
    const FoldRetentionSpec *s = c->spec;
    TRY(take_bytes(c, cell_bytes(s) + sum_bytes(s) + room_bytes(s)));
    t->cells = mem_get(cell_bytes(s));
    if (sum_bytes(s)) t->sums = mem_get(sum_bytes(s));
    if (room_bytes(s)) t->room = mem_get(room_bytes(s));
    return t->cells && (t->sums || !sum_bytes(s)) && (t->room || !room_bytes(s)) ? ST_OK : ST_NO_MEM;
}
static Status table_at(FoldRetentionCounter *c, size_t i, FoldRetentionTable **ret)
{
    const FoldRetentionSpec *s = c->spec;
    if (i >= c->cap) {
        size_t cap = i + 1 > 2 * c->cap ? i + 1 : 2 * c->cap;
        TRY(take_bytes(c, (cap - c->cap) * sizeof *c->tables));
        FoldRetentionTable *more = mem_grow(c->tables, cap * sizeof *more);
        if (!more) return ST_NO_MEM;
        memset(more + c->cap, 0, (cap - c->cap) * sizeof *more);
        c->tables = more;
        c->cap = cap;
    }
    if (i >= c->n_tables) c->n_tables = i + 1;
    *ret = &c->tables[i];
    if ((*ret)->cells || c->ranks) return ST_OK;
    if (s->keyed && !s->second && c->bytes + cell_bytes(s) + sum_bytes(s) > TABLES_BYTES) {
        only_rank(c);
        return ST_OK;
    }
    return table_fill(c, *ret);
}
Status fold_retention_open(FoldRetentionCounter *c, const FoldRetentionSpec *spec)
{
    uint32_t g;
    *c = (FoldRetentionCounter){ .spec = spec };
    if (spec->keyed) c->met = mem_get(FOLD_RETENTION_MET * sizeof *c->met);
    Status st = !spec->keyed || c->met ? ST_OK : ST_NO_MEM;
    for (size_t i = 0; st == ST_OK && spec->second && i < spec->n_kept; i++)
        st = groups_add(&c->groups, &spec->kept[i], &g);
    if (st != ST_OK) fold_retention_done(c);
    return st;
}
void fold_retention_done(FoldRetentionCounter *c)
{
    Cx scratch = { .arena = NULL };
    for (size_t i = 0; i < c->n_tables; i++) fold_retention_table_free(&c->tables[i]);
    mem_free(c->tables);
    mem_free(c->other);
    mem_free(c->met);
    groups_done(&c->groups);
    if (c->bytes && scan_bytes(&scratch, c->spec->run, -(ptrdiff_t)c->bytes) != ST_OK) { /* never for fewer */ }
    *c = (FoldRetentionCounter){ .spec = c->spec };
}

/* ---- strips into cells ---- */

static void count_room(const FoldRetentionSpec *s, FoldRetentionTable *t)
{
    if (t->n_room == 0) return;
    pairs_add(t->cells, s->q->n, t->n_room, t->room, t->room + PAIRS_BATCH * s->words);
    t->n_room = 0;
}
/* Only the last return matters to "or after": the cells up to it are counted when they are read. */
static void last_only(uint64_t *back, size_t words)
{
    bool found = false;
    for (size_t w = words; w-- > 0;) {
        if (!found && back[w]) {
            back[w] = UINT64_C(1) << (63 - __builtin_clzll(back[w]));
            found = true;
        } else {
            back[w] = 0;
        }
    }
}
static void into_room(const FoldRetentionSpec *s, FoldRetentionTable *t, const uint64_t *start, const uint64_t *back)
{
    uint64_t *to = t->room + t->n_room * s->words, *to_back = to + PAIRS_BATCH * s->words;
    for (size_t w = 0; w < s->words; w++) {
        to[w] = start[w];
        to_back[w] = back[w];
    }
    if (s->q->measure == RETENTION_ON_OR_AFTER) last_only(to_back, s->words);
    if (++t->n_room == PAIRS_BATCH) count_room(s, t);
}
/* How far the columns of row i reach. */
static size_t reach(const FoldRetentionSpec *s, size_t i)
{
    size_t end = i + 1;
    if (s->triangle) return s->grid.n;
    for (size_t b = 0; b < s->q->n_brackets; b++) end += s->q->brackets[b];
    return end < s->grid.n ? end : s->grid.n;
}
static void into_brackets(const FoldRetentionSpec *s, FoldRetentionTable *t, const uint64_t *start,
    const uint64_t *back)
{
    const RetentionQuery *q = s->q;
    for (size_t i = next(start, 0, q->n); i < q->n; i = next(start, i + 1, q->n)) {
        uint32_t *row = t->cells + i * s->columns;
        size_t last = reach(s, i), from = i + 1, p = next(back, from, last);
        row[0]++;
        for (size_t b = 0; b < q->n_brackets && p < last; b++) {
            size_t end = from + q->brackets[b];
            if (p < from) p = next(back, from, last);
            row[b + 1] += q->measure == RETENTION_ON_OR_AFTER ? p < last : p < end;
            from = end;
        }
    }
}
static void into_cells(const FoldRetentionSpec *s, FoldRetentionTable *t, const uint64_t *start, const uint64_t *back)
{
    if (s->triangle) into_room(s, t, start, back);
    else into_brackets(s, t, start, back);
}
static size_t column_end(const FoldRetentionSpec *s, size_t k, size_t from)
{
    return s->triangle ? from + 1 : from + s->q->brackets[k - 1];
}
static void into_sums(const FoldRetentionSpec *s, FoldRetentionTable *t, const FoldRetentionStrip *strip)
{
    const RetentionQuery *q = s->q;
    const FoldRetentionSum *of_start = strip->sums, *of_back = strip->sums + s->grid.n;
    FoldRetentionSum column[RETENTION_PERIODS_MAX + 1];
    for (size_t i = next(strip->start, 0, q->n); i < q->n; i = next(strip->start, i + 1, q->n)) {
        size_t from = i + 1, n = s->triangle ? s->columns - i : s->columns;
        FoldRetentionSum *to = t->sums + i * s->columns;
        if (s->triangle && q->measure == RETENTION_ON) {
            fold_retention_sum_add(&to[0], &of_start[i]);
            for (size_t p = next(strip->back, from, s->grid.n); p < s->grid.n; p = next(strip->back, p + 1, s->grid.n))
                fold_retention_sum_add(&to[p - i], &of_back[p]);
            continue;
        }
        memset(column, 0, n * sizeof *column);
        for (size_t k = 1; k < n; k++) {
            size_t end = column_end(s, k, from);
            for (size_t p = next(strip->back, from, end); p < end; p = next(strip->back, p + 1, end))
                fold_retention_sum_add(&column[k], &of_back[p]);
            from = end;
        }
        if (q->measure == RETENTION_ON_OR_AFTER)
            for (size_t k = n - 1; k > 1; k--) fold_retention_sum_add(&column[k - 1], &column[k]);
        column[0] = of_start[i];
        for (size_t k = 0; k < n; k++) fold_retention_sum_add(&to[k], &column[k]);
    }
}
/* Of the values that have no table of their own a person counts once: a start's returns under any one of them. */
static Status into_other(FoldRetentionCounter *c, const FoldRetentionStrip *strip)
{
    const FoldRetentionSpec *s = c->spec;
    size_t n = s->q->n;
    FoldRetentionTable *t;
    if (!c->other) {
        TRY(take_bytes(c, n * s->words * sizeof *c->other));
        c->other = mem_get(n * s->words * sizeof *c->other);
        if (!c->other) return ST_NO_MEM;
    }
    TRY(table_at(c, s->n_kept, &t));
    for (size_t i = next(strip->start, 0, n); i < n; i = next(strip->start, i + 1, n)) {
        uint64_t *back = c->other + i * s->words;
        if (!bit(c->other_start, i)) memset(back, 0, s->words * sizeof *back);
        for (size_t w = 0; w < s->words; w++) back[w] |= strip->back[w];
        set(c->other_start, i);
    }
    if (t->sums) into_sums(s, t, strip);
    return ST_OK;
}
static Status other_end(FoldRetentionCounter *c)
{
    const FoldRetentionSpec *s = c->spec;
    FoldRetentionTable *t;
    if (!c->other || none(c->other_start, s->words)) return ST_OK;
    TRY(table_at(c, s->n_kept, &t));
    t->units++;
    for (size_t i = next(c->other_start, 0, s->q->n); i < s->q->n; i = next(c->other_start, i + 1, s->q->n)) {
        uint64_t start[FOLD_RETENTION_WORDS] = { 0 };
        set(start, i);
        into_cells(s, t, start, c->other + i * s->words);
    }
    memset(c->other_start, 0, sizeof c->other_start);
    return ST_OK;
}
bool fold_retention_in(const FoldRetentionSpec *s, const FoldRetentionStrip *strip, size_t i, size_t k)
{
    size_t last = reach(s, i), from = i + 1, end;
    if (!bit(strip->start, i) || k == 0) return bit(strip->start, i);
    if (s->triangle) {
        from = i + k;
        end = from + 1;
    } else {
        for (size_t b = 0; b + 1 < k; b++) from += s->q->brackets[b];
        end = from + s->q->brackets[k - 1];
    }
    if (s->q->measure == RETENTION_ON_OR_AFTER || end > last) end = last;
    return from < end && next(strip->back, from, end) < end;
}
static void into_people(FoldRetentionCounter *c, uint32_t root, size_t table, const FoldRetentionStrip *strip)
{
    const FoldRetentionSpec *s = c->spec;
    if (root >= s->people->n || table != s->cell_table) return;
    if (fold_retention_in(s, strip, s->q->cell->row, s->q->cell->column))
        __atomic_fetch_or(&s->people->bits[root / 64], UINT64_C(1) << (root % 64), __ATOMIC_RELAXED);
}
static bool same_key(const GroupKey *a, const GroupKey *b)
{
    uint64_t differ = 0;
    for (size_t i = 0; i < GROUPS_KEYS; i++)
        differ |= (a->value[i] ^ b->value[i]) | (uint64_t)(a->kind[i] ^ b->kind[i]);
    return differ == 0;
}
Status fold_retention_group(FoldRetentionCounter *c, const GroupKey *key, uint32_t *ret)
{
    size_t cap = c->groups.cap, n_slots = c->groups.n_slots;
    FoldRetentionMet *met = &c->met[fold_retention_place(key->value[0], key->value[1], key->value[2])];
    if (met->is && same_key(&met->key, key)) {
        *ret = met->group;
        return ST_OK;
    }
    TRY(groups_add(&c->groups, key, ret));
    *met = (FoldRetentionMet){ *key, *ret, true };
    return take_bytes(c, (c->groups.cap - cap) * sizeof *key + (c->groups.n_slots - n_slots) * sizeof *c->groups.slots);
}
Status fold_retention_add(FoldRetentionCounter *c, uint32_t root, uint32_t group, const FoldRetentionStrip *strip)
{
    const FoldRetentionSpec *s = c->spec;
    FoldRetentionTable *t;
    if (none(strip->start, s->words)) return ST_OK;
    if (c->any && c->root == root) c->several = true;
    else TRY(other_end(c));
    c->any = true;
    c->root = root;
    if (s->second && group > s->n_kept) group = (uint32_t)s->n_kept;
    if (s->people) into_people(c, root, group, strip);
    if (s->second && group == s->n_kept) return into_other(c, strip);
    if (group < c->n_tables && c->tables[group].cells) t = &c->tables[group];
    else TRY(table_at(c, group, &t));
    t->units++;
    if (c->ranks) return ST_OK;
    into_cells(s, t, strip->start, strip->back);
    if (t->sums) into_sums(s, t, strip);
    return ST_OK;
}
/* Column k counted; "or after" as the last return, which is what the cells of strips hold. */
static void columns_row(const FoldRetentionSpec *s, uint32_t *row, size_t i, const FoldRetentionColumns *c)
{
    int64_t n[RETENTION_PERIODS_MAX + 1] = { 0 };
    size_t last = s->q->n;
    presence_count(c->start[i], &c->start[i], 1, c->words, &n[i]);
    presence_count(c->start[i], c->back + i + 1, last - i - 1, c->words, n + i + 1);
    for (size_t j = i; j < last; j++)
        row[j] += (uint32_t)(j > i && s->q->measure == RETENTION_ON_OR_AFTER ? n[j] - n[j + 1] : n[j]);
}
static void or_into(uint64_t *to, const uint64_t *from, size_t words)
{
    for (size_t w = 0; w < words; w++) to[w] |= from[w];
}
static void columns_brackets(const FoldRetentionSpec *s, uint32_t *row, size_t i, const FoldRetentionColumns *c)
{
    int64_t n = 0;
    size_t to = reach(s, i);
    const uint64_t *any = c->room;
    presence_count(c->start[i], &c->start[i], 1, c->words, &n);
    row[0] += (uint32_t)n;
    memset(c->room, 0, c->words * sizeof *c->room);
    for (size_t b = s->q->n_brackets; b-- > 0; to -= s->q->brackets[b]) {
        if (s->q->measure == RETENTION_ON) memset(c->room, 0, c->words * sizeof *c->room);
        for (size_t p = to - s->q->brackets[b]; p < to; p++) or_into(c->room, c->back[p], c->words);
        n = 0;
        presence_count(c->start[i], &any, 1, c->words, &n);
        row[b + 1] += (uint32_t)n;
    }
}
Status fold_retention_columns(FoldRetentionCounter *counter, const FoldRetentionColumns *c)
{
    const FoldRetentionSpec *s = counter->spec;
    FoldRetentionTable *t;
    const uint64_t *any = c->room;
    TRY(table_at(counter, 0, &t));
    memset(c->room, 0, c->words * sizeof *c->room);
    for (size_t i = 0; i < s->q->n; i++) or_into(c->room, c->start[i], c->words);
    presence_count(any, &any, 1, c->words, &t->units);
    for (size_t i = 0; i < s->q->n; i++) {
        uint32_t *row = t->cells + i * stride(s);
        if (s->triangle) columns_row(s, row, i, c);
        else columns_brackets(s, row, i, c);
    }
    return ST_OK;
}
Status fold_retention_end(FoldRetentionCounter *c)
{
    TRY(other_end(c));
    c->any = false;
    for (size_t i = 0; i < c->n_tables; i++) if (c->tables[i].room) count_room(c->spec, &c->tables[i]);
    return ST_OK;
}
static void cells_add(const FoldRetentionSpec *s, FoldRetentionTable *to, const FoldRetentionTable *from)
{
    for (size_t i = 0; i < s->q->n * stride(s); i++) to->cells[i] += from->cells[i];
    for (size_t i = 0; to->sums && i < s->q->n * s->columns; i++) fold_retention_sum_add(&to->sums[i], &from->sums[i]);
}
Status fold_retention_merge(FoldRetentionCounter *c, const FoldRetentionCounter *from)
{
    const FoldRetentionSpec *s = c->spec;
    c->several |= from->several;
    if (from->ranks && !c->ranks) only_rank(c);
    for (size_t i = 0; i < from->n_tables; i++) {
        const FoldRetentionTable *t = &from->tables[i];
        uint32_t group = (uint32_t)i;
        FoldRetentionTable *to;
        if (t->units == 0) continue;
        if (s->keyed && !s->second) TRY(fold_retention_group(c, &from->groups.keys[i], &group));
        TRY(table_at(c, group, &to));
        to->units += t->units;
        if (!c->ranks) cells_add(s, to, t);
    }
    return ST_OK;
}
Status fold_retention_table_add(FoldRetentionCounter *c, FoldRetentionTable *to, const FoldRetentionTable *from)
{
    if (!to->cells) TRY(table_fill(c, to));
    to->units += from->units;
    cells_add(c->spec, to, from);
    return ST_OK;
}
int64_t fold_retention_cell(const FoldRetentionSpec *s, const FoldRetentionTable *t, size_t i, size_t k)
{
    int64_t n = 0;
    if (!s->triangle) return t->cells[i * s->columns + k];
    const uint32_t *row = t->cells + i * s->words * 64;
    if (k == 0 || s->q->measure == RETENTION_ON) return row[i + k];
    for (size_t j = i + k; j < s->q->n; j++) n += row[j];
    return n;
}
