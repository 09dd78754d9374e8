#include "store/events/fold_retention.h"
#include "base/arena.h"
#include <stdlib.h>
#include <string.h>

/* A value (and breakdown) as far as it is known. Behind it in memory: start and back strips, hits, sums. */
typedef struct Unit {
    int64_t first, first_in;     /* start of all time, and of the grid; INT64_MAX: none */
    int64_t named, misnamed;     /* first_ever: first start, and first event of the name that is none */
    bool    counts;              /* in the cell whose people are wanted */
} Unit;
typedef struct Units {
    Fold      fold;
    const FoldRetentionSpec *spec;
    FoldRetentionPhase phase;
    const struct Units *known;   /* a fork's: phases after the first, read only */
    Groups    groups;
    char     *units;
    size_t    size, cap, bytes;  /* bytes of one unit; units there is room for; bytes taken */
} Units;

static uint64_t *start_of(const Units *u, Unit *x) { (void)u; return (uint64_t *)(void *)(x + 1); }
static uint64_t *back_of(const Units *u, Unit *x) { return start_of(u, x) + u->spec->words; }
static uint32_t *hits_of(const Units *u, Unit *x) { return (uint32_t *)(void *)(back_of(u, x) + u->spec->words); }
static size_t hits_bytes(const FoldRetentionSpec *s)
{
    return s->q->min_occurrences > 1 ? (s->grid.n * sizeof(uint32_t) + 15) / 16 * 16 : 0;
}
static size_t head_bytes(const FoldRetentionSpec *s)       /* a multiple of 16: sums follow */
{
    return (sizeof(Unit) + 2 * s->words * sizeof(uint64_t) + 15) / 16 * 16;
}
static FoldRetentionSum *sums_of(const Units *u, Unit *x)
{
    return (FoldRetentionSum *)(void *)((char *)x + head_bytes(u->spec) + hits_bytes(u->spec));
}
static Unit *unit_at(const Units *u, uint32_t i) { return (Unit *)(void *)(u->units + i * u->size); }
static Status room(Units *u)
{
    Cx scratch = { .arena = NULL };
    if (u->groups.n <= u->cap) return ST_OK;
    size_t cap = u->groups.n * 2 + 64, more = (cap - u->cap) * (u->size + 2 * sizeof *u->groups.keys);
    TRY(scan_bytes(&scratch, u->spec->run, (ptrdiff_t)more));
    u->bytes += more;
    char *units = mem_grow(u->units, cap * u->size);
    if (!units) return ST_NO_MEM;
    memset(units + u->cap * u->size, 0, (cap - u->cap) * u->size);
    u->units = units;
    u->cap = cap;
    return ST_OK;
}
static Status unit_of(Units *u, const GroupKey *key, Unit **ret)
{
    size_t before = u->groups.n;
    uint32_t i;
    TRY(groups_add(&u->groups, key, &i));
    TRY(room(u));
    *ret = unit_at(u, i);
    if (u->groups.n > before) **ret = (Unit){ INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, false };
    return ST_OK;
}
static void least(int64_t *to, int64_t v) { if (v < *to) *to = v; }
static void add_back(const Units *u, Unit *x, size_t p, uint8_t kind, uint64_t value)
{
    const FoldRetentionSpec *s = u->spec;
    if (!hits_bytes(s) || ++hits_of(u, x)[p] >= s->q->min_occurrences) back_of(u, x)[p / 64] |= UINT64_C(1) << (p % 64);
    if (s->q->value.n) fold_retention_sum(&sums_of(u, x)[s->grid.n + p], kind, value);
}
typedef struct Seen { int64_t time; uint32_t mask; uint8_t kind; uint64_t value; size_t period; } Seen;
static void collect(const Units *u, Unit *x, const Seen *e)
{
    const FoldRetentionSpec *s = u->spec;
    bool start = e->mask & FOLD_RETENTION_START;
    if (start) least(&x->first, e->time);
    if (e->mask & FOLD_RETENTION_NAME) least(start ? &x->named : &x->misnamed, e->time);
    if (e->time < s->grid.starts[0] || e->period >= s->grid.n) return;
    if (start && e->period < s->q->n) {
        least(&x->first_in, e->time);
        start_of(u, x)[e->period / 64] |= UINT64_C(1) << (e->period % 64);
    }
    if (s->q->from_event) return;
    if (start && s->q->value.n) fold_retention_sum(&sums_of(u, x)[e->period], e->kind, e->value);
    if (e->mask & FOLD_RETENTION_BACK) add_back(u, x, e->period, e->kind, e->value);
}
/* When the unit's only row began; false: it is in none. */
static bool began(const FoldRetentionSpec *s, const Unit *x, int64_t *ret)
{
    *ret = s->q->mode == RETENTION_RECURRING ? x->first_in : x->first;
    if (s->q->mode == RETENTION_FIRST_EVER && x->misnamed < x->named) return false;
    return *ret >= s->grid.starts[0] && *ret < s->grid.starts[s->q->n];
}
static void in_window(const Units *u, Unit *x, const Unit *known, const Seen *e)
{
    const FoldRetentionSpec *s = u->spec;
    int64_t anchor;
    if (!began(s, known, &anchor) || e->time < anchor) return;
    size_t row = fold_period(&s->grid, 0, anchor);
    int64_t hours = fold_retention_hour(s, e->time) - fold_retention_hour(s, anchor);
    size_t p = row + (size_t)(hours / fold_retention_window(s));
    if (p >= s->grid.n) return;
    if (e->mask & FOLD_RETENTION_START && p == row && s->q->value.n)
        fold_retention_sum(&sums_of(u, x)[p], e->kind, e->value);
    if (e->mask & FOLD_RETENTION_BACK) add_back(u, x, p, e->kind, e->value);
}
static void into_people(const Units *u, uint32_t root, const Unit *known, const Seen *e)
{
    const FoldRetentionSpec *s = u->spec;
    if (!known->counts || !(e->mask & FOLD_RETENTION_START) || root >= s->people->n) return;
    if (e->time < s->grid.starts[0] || e->period != s->q->cell->row) return;
    __atomic_fetch_or(&s->people->bits[root / 64], UINT64_C(1) << (root % 64), __ATOMIC_RELAXED);
}
/* The value's key: itself, then the breakdown's. */
static GroupKey key_at(const FoldRetentionSpec *s, const FoldCol *cols, size_t i)
{
    size_t n_keys = s->q->scope.n_breakdown, by = n_keys + (s->q->value.n > 0);
    GroupKey rest = groups_key_at(cols, n_keys, i), ret = { .kind = { cols[by].kind[i] },
        .value = { cols[by].value[i] } };
    for (size_t k = 0; k < n_keys; k++) {
        ret.kind[k + 1] = rest.kind[k];
        ret.value[k + 1] = rest.value[k];
    }
    return ret;
}
static Status take(Units *u, const Span *span)
{
    const FoldRetentionSpec *s = u->spec;
    size_t period = 0, n_keys = s->q->scope.n_breakdown;
    bool sums = s->q->value.n > 0;
    for (size_t i = 0; i < span->n; i++) {
        GroupKey key = key_at(s, span->cols, i);
        Seen e = { .time = span->time[i], .mask = span->mask[i] };
        Unit *x;
        if (key.kind[0] == PROP_NULL) continue;
        if (e.time >= s->grid.starts[0]) period = fold_period(&s->grid, period, e.time);
        e.period = period;
        if (sums) e.kind = span->cols[n_keys].kind[i], e.value = span->cols[n_keys].value[i];
        TRY(unit_of(u, &key, &x));
        const Units *known = u->known ? u->known : u;
        uint32_t at = (uint32_t)(((char *)x - u->units) / (ptrdiff_t)u->size);
        if (at >= known->groups.n) continue;               /* cannot be: the same snapshot */
        if (u->phase == FOLD_RETENTION_COLLECT) collect(u, x, &e);
        else if (u->phase == FOLD_RETENTION_WINDOWS) in_window(u, x, unit_at(known, at), &e);
        else into_people(u, span->root, unit_at(known, at), &e);
    }
    return ST_OK;
}
static void person(Fold *fold, const Span *s) { fold->st = take((Units *)fold, s); }
static void unit_merge(const Units *u, Unit *to, const Units *from_u, Unit *from)
{
    const FoldRetentionSpec *s = u->spec;
    least(&to->first, from->first);
    least(&to->first_in, from->first_in);
    least(&to->named, from->named);
    least(&to->misnamed, from->misnamed);
    for (size_t w = 0; w < s->words; w++) {
        start_of(u, to)[w] |= start_of(from_u, from)[w];
        back_of(u, to)[w] |= back_of(from_u, from)[w];
    }
    for (size_t p = 0; hits_bytes(s) && p < s->grid.n; p++) {
        uint32_t n = hits_of(u, to)[p] += hits_of(from_u, from)[p];
        if (n >= s->q->min_occurrences) back_of(u, to)[p / 64] |= UINT64_C(1) << (p % 64);
    }
    for (size_t p = 0; s->q->value.n && p < 2 * s->grid.n; p++)
        fold_retention_sum_add(&sums_of(u, to)[p], &sums_of(from_u, from)[p]);
}
static void merge(Fold *fold, Fold *from_fold)
{
    Units *to = (Units *)fold, *from = (Units *)from_fold;
    if (to->phase == FOLD_RETENTION_PEOPLE) return;
    for (uint32_t i = 0; i < from->groups.n; i++) {
        Unit *x;
        fold->st = unit_of(to, &from->groups.keys[i], &x);
        if (fold->st != ST_OK) return;
        unit_merge(to, x, from, unit_at(from, i));
    }
}
static void done(Fold *fold)
{
    Units *u = (Units *)fold;
    Cx scratch = { .arena = NULL };
    if (u->bytes && scan_bytes(&scratch, u->spec->run, -(ptrdiff_t)u->bytes) != ST_OK) { /* never for fewer */ }
    groups_done(&u->groups);
    mem_free(u->units);
    mem_free(u);
}
/* In a later phase a fork numbers the units as they are known. */
static Status know(Units *u, const Units *known)
{
    u->known = known;
    u->phase = known->phase;
    for (uint32_t i = 0; i < known->groups.n; i++) {
        Unit *x;
        TRY(unit_of(u, &known->groups.keys[i], &x));
    }
    return ST_OK;
}
static Status fork(Cx *cx, const Fold *fold, Fold **ret)
{
    const Units *u = (const Units *)fold;
    Fold *made;
    TRY(fold_retention_units(cx, u->spec, &made));
    if (u->phase != FOLD_RETENTION_COLLECT && know((Units *)made, u) != ST_OK) {
        done(made);
        return fail(cx, ST_NO_MEM, "retention: the values");
    }
    *ret = made;
    return ST_OK;
}
Status fold_retention_units(Cx *cx, const FoldRetentionSpec *spec, Fold **ret)
{
    Units *u = mem_get(sizeof *u);
    if (!u) return fail(cx, ST_NO_MEM, "retention: a thread");
    u->fold = (Fold){ .person = person, .fork = fork, .merge = merge, .done = done };
    u->spec = spec;
    u->groups.n_keys = 1 + spec->q->scope.n_breakdown;
    u->size = head_bytes(spec) + hits_bytes(spec) + (spec->q->value.n ?
        2 * spec->grid.n * sizeof(FoldRetentionSum) : 0);
    *ret = &u->fold;
    return ST_OK;
}
/* start: room for a strip. */
static bool strip_of(const Units *u, Unit *x, uint64_t *start, FoldRetentionStrip *ret)
{
    const FoldRetentionSpec *s = u->spec;
    int64_t at;
    *ret = (FoldRetentionStrip){ start_of(u, x), back_of(u, x), s->q->value.n ? sums_of(u, x) : NULL };
    if (s->q->mode == RETENTION_RECURRING && !s->q->from_event) return true;
    if (!began(s, x, &at)) return false;
    size_t row = fold_period(&s->grid, 0, at);
    memset(start, 0, s->words * sizeof *start);
    start[row / 64] = UINT64_C(1) << (row % 64);
    ret->start = start;
    return true;
}
static bool same_key(const GroupKey *a, const GroupKey *b, size_t n)
{
    for (size_t i = 0; i < n; i++) if (a->kind[i] != b->kind[i] || a->value[i] != b->value[i]) return false;
    return true;
}
/* The breakdown's part of a unit's key. */
static GroupKey rest_of(const GroupKey *k)
{
    GroupKey ret = { .kind = { k->kind[1], k->kind[2] }, .value = { k->value[1], k->value[2] } };
    return ret;
}
static bool in_cell_table(const FoldRetentionSpec *s, const GroupKey *unit)
{
    GroupKey rest = rest_of(unit);
    size_t i = 0;
    if (!s->keyed) return true;
    while (i < s->n_kept && !same_key(&s->kept[i], &rest, s->q->scope.n_breakdown)) i++;
    return i == s->cell_table;
}
void fold_retention_units_phase(Fold *fold, FoldRetentionPhase phase)
{
    Units *u = (Units *)fold;
    uint64_t start[FOLD_RETENTION_WORDS];
    FoldRetentionStrip strip;
    const RetentionCell *cell = u->spec->q->cell;
    u->phase = phase;
    for (uint32_t i = 0; phase == FOLD_RETENTION_PEOPLE && i < u->groups.n; i++) {
        Unit *x = unit_at(u, i);
        x->counts = in_cell_table(u->spec, &u->groups.keys[i]) && strip_of(u, x, start, &strip) &&
            fold_retention_in(u->spec, &strip, cell->row, cell->column);
    }
}
typedef struct Order { uint64_t value; uint32_t unit, kind; } Order;
static int by_value(const void *a, const void *b)
{
    const Order *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return x->unit < y->unit ? -1 : x->unit > y->unit;
}
/* A value's units side by side, as a person's: each value has a number of its own. */
Status fold_retention_units_count(Fold *fold, FoldRetentionCounter *c)
{
    Units *u = (Units *)fold;
    size_t n = u->groups.n;
    Status st = ST_OK;
    Order *order = mem_get((n + 1) * sizeof *order);
    if (!order) return ST_NO_MEM;
    for (uint32_t i = 0; i < n; i++)
        order[i] = (Order){ u->groups.keys[i].value[0], i, u->groups.keys[i].kind[0] };
    qsort(order, n, sizeof *order, by_value);
    uint32_t value = 0;
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        uint64_t start[FOLD_RETENTION_WORDS];
        FoldRetentionStrip strip;
        GroupKey rest = rest_of(&u->groups.keys[order[i].unit]);
        value += i && (order[i].value != order[i - 1].value || order[i].kind != order[i - 1].kind);
        uint32_t group = 0;
        if (!strip_of(u, unit_at(u, order[i].unit), start, &strip)) continue;
        if (u->spec->keyed) st = fold_retention_group(c, &rest, &group);
        if (st == ST_OK) st = fold_retention_add(c, value, group, &strip);
    }
    mem_free(order);
    return st == ST_OK ? fold_retention_end(c) : st;
}
