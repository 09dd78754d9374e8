#include "store/events/query_features.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/breakdown.h"
#include <string.h>

enum { ACTIVE = 1, USE = 2, WORDS = (ASK_PERIODS_MAX + 63) / 64 };

typedef struct Feature {
    int64_t  people, uses, periods, of, back;
    uint64_t bits[WORDS];        /* of the person at hand, while she is in touched */
    bool     touched;
} Feature;
/* What threads share, read only. */
typedef struct Shared {
    const FeaturesQuery *q;
    Grid     grid;
    size_t   words, finished;
    const GroupKey *wanted;      /* the feature whose people are wanted; NULL: none */
    QueryScope names;            /* the question's with the feature as its breakdown */
} Shared;
typedef struct Walk {
    Fold     fold;
    const Shared *s;
    Groups   groups;
    Feature *features;           /* by group */
    uint32_t *touched;
    size_t   cap, n_touched, bytes;
    int64_t  active;
} Walk;

static Status room(Walk *w)
{
    if (w->groups.n <= w->cap) return ST_OK;
    size_t cap = w->groups.n * 2 + 64;
    size_t more = (cap - w->cap) * (sizeof *w->features + sizeof *w->touched + 2 * sizeof *w->groups.keys);
    TRY(scan_bytes(NULL, w->s->q->scope.run, (ptrdiff_t)more));
    w->bytes += more;
    Feature *features = mem_grow(w->features, cap * sizeof *features);
    if (features) w->features = features;
    uint32_t *touched = mem_grow(w->touched, cap * sizeof *touched);
    if (touched) w->touched = touched;
    if (!features || !touched) return ST_NO_MEM;
    memset(features + w->cap, 0, (cap - w->cap) * sizeof *features);
    w->cap = cap;
    return ST_OK;
}
static Status use(Walk *w, const GroupKey *key, uint32_t *ret)
{
    TRY(groups_add(&w->groups, key, ret));
    TRY(room(w));
    Feature *f = &w->features[*ret];
    if (f->touched) return ST_OK;
    f->touched = true;
    memset(f->bits, 0, sizeof f->bits);
    w->touched[w->n_touched++] = *ret;
    return ST_OK;
}
/* The person's periods of each feature into its numbers. */
static void person_end(Walk *w)
{
    size_t last = w->s->finished ? w->s->finished - 1 : 0; /* periods below have a finished one after them */
    for (size_t k = 0; k < w->n_touched; k++) {
        Feature *f = &w->features[w->touched[k]];
        f->people++;
        f->touched = false;
        for (size_t i = 0; i < w->s->words; i++) {
            uint64_t next = f->bits[i] >> 1 | (i + 1 < w->s->words ? f->bits[i + 1] << 63 : 0);
            uint64_t counts = last <= i * 64 ? 0 : UINT64_MAX;
            if (last > i * 64 && last < i * 64 + 64) counts = (UINT64_C(1) << (last - i * 64)) - 1;
            f->periods += __builtin_popcountll(f->bits[i]);
            f->of += __builtin_popcountll(f->bits[i] & counts);
            f->back += __builtin_popcountll(f->bits[i] & counts & next);
        }
    }
    w->n_touched = 0;
}
static void into_people(const Walk *w, uint32_t root, bool active)
{
    const FeaturesQuery *q = w->s->q;
    bool used = false;
    if (!w->s->wanted || root >= q->people->n) return;
    for (size_t k = 0; k < w->n_touched; k++) {
        const GroupKey *key = &w->groups.keys[w->touched[k]];
        used |= key->value[0] == w->s->wanted->value[0] && key->kind[0] == w->s->wanted->kind[0];
    }
    if (q->cell->without ? !used && active : used)
        __atomic_fetch_or(&q->people->bits[root / 64], UINT64_C(1) << (root % 64), __ATOMIC_RELAXED);
}
static Status take(Walk *w, const Span *s)
{
    const FoldCol *col = s->cols;
    size_t p = 0, last = SIZE_MAX;
    uint32_t feature = 0;
    bool active = false;
    for (size_t i = 0; i < s->n; i++) {
        active |= s->mask[i] & ACTIVE;
        if (!(s->mask[i] & USE)) continue;
        if (last == SIZE_MAX || col->value[last] != col->value[i] || col->kind[last] != col->kind[i]) {
            GroupKey key = groups_key_at(col, 1, i);
            TRY(use(w, &key, &feature));
        }
        last = i;
        p = fold_period(&w->s->grid, p, s->time[i]);
        w->features[feature].uses++;
        w->features[feature].bits[p / 64] |= UINT64_C(1) << (p % 64);
    }
    w->active += active;
    into_people(w, s->root, active);
    person_end(w);
    return ST_OK;
}
static void person(Fold *fold, const Span *s) { fold->st = take((Walk *)fold, s); }
static Status merge_walks(Walk *w, const Walk *from)
{
    w->active += from->active;
    for (uint32_t i = 0; i < from->groups.n; i++) {
        const Feature *f = &from->features[i];
        uint32_t group;
        TRY(groups_add(&w->groups, &from->groups.keys[i], &group));
        TRY(room(w));
        Feature *to = &w->features[group];
        to->people += f->people, to->uses += f->uses, to->periods += f->periods, to->of += f->of, to->back += f->back;
    }
    return ST_OK;
}
static void merge(Fold *fold, Fold *from) { fold->st = merge_walks((Walk *)fold, (const Walk *)from); }
static void walk_free(Walk *w)
{
    (void)!scan_bytes(NULL, w->s->q->scope.run, -(ptrdiff_t)w->bytes);
    groups_done(&w->groups);
    mem_free(w->features);
    mem_free(w->touched);
}
static void done(Fold *fold)
{
    walk_free((Walk *)fold);
    mem_free(fold);
}
static Walk walk_of(const Shared *s);
static Status fork(Cx *cx, const Fold *fold, Fold **ret)
{
    Walk *w = mem_get(sizeof *w);
    if (!w) return fail(cx, ST_NO_MEM, "features: a thread");
    *w = walk_of(((const Walk *)fold)->s);
    *ret = &w->fold;
    return ST_OK;
}
static Walk walk_of(const Shared *s)
{
    return (Walk){ .fold = { .person = person, .fork = fork, .merge = merge, .done = done }, .s = s,
        .groups = { .n_keys = 1 } };
}
static Status walk(Cx *cx, const Snapshot *snap, const Shared *s, Walk *w, ScanCount *ret)
{
    const FeaturesQuery *q = s->q;
    Selector sel = { .matchers = { q->active, q->event }, .n_matchers = 2, .filter = q->scope.filter,
        .hide = QUERY_HIDE };
    ScanPlan plan = { .sel = &sel, .slots = &q->feature, .n_slots = 1, .texts = q->scope.texts, .who = q->scope.who,
        .from = s->grid.starts[0], .to = s->grid.starts[s->grid.n], .count_from = s->grid.starts[0],
            .run = q->scope.run };
    return scan_fold(cx, snap, &plan, &w->fold, ret);
}

/* ---- the answer ---- */

static FeaturesRow row_of(const Feature *f, const QueryGroup *name, int64_t active)
{
    FeaturesRow r = { .feature = *name, .people = f->people, .uses = f->uses, .periods = f->periods, .of = f->of,
        .back = f->back };
    if (active) r.adoption = (double)f->people / (double)active;
    if (f->periods) r.frequency = (double)f->uses / (double)f->periods;
    if (f->of) r.retention = (double)f->back / (double)f->of;
    return r;
}
/* sign -1: those with the fewest people, and only if they are little used. */
static Status rows_of(Cx *cx, const Walk *w, int sign, double below, const FeaturesRow **ret, size_t *ret_n)
{
    size_t n = w->groups.n;
    Breakdown kept;
    int64_t most = 0, *rank = mem_get((n + 1) * sizeof *rank);
    if (!rank) return fail(cx, ST_NO_MEM, "features: %zu", n);
    for (size_t i = 0; i < n; i++) if (w->features[i].people > most) most = w->features[i].people;
    for (size_t i = 0; i < n; i++) {
        int64_t people = w->features[i].people;
        rank[i] = sign > 0 ? people : (double)people < below ? most - people + 1 : 0;
    }
    Status st = breakdown_keep(cx, &w->s->names, w->groups.keys, rank, n, &kept);
    mem_free(rank);
    if (st != ST_OK) return st;
    FeaturesRow *rows = ARENA_MANY(cx->arena, FeaturesRow, kept.n + 1);
    if (!rows) return fail(cx, ST_NO_MEM, "features: the answer");
    for (size_t i = 0; i < kept.n; i++) rows[i] = row_of(&w->features[kept.group[i]], &kept.text[i], w->active);
    *ret = rows;
    *ret_n = kept.n;
    return ST_OK;
}
static Status answer(Cx *cx, const Walk *w, const ScanCount *count, FeaturesAnswer *ret)
{
    const Shared *s = w->s;
    double little = s->q->little > 0 ? s->q->little : 0.05;
    *ret = (FeaturesAnswer){ .count = { count->events, count->people, count->left_out, s->finished }, .n = s->grid.n,
        .starts = s->grid.starts, .active = w->active, .features = w->groups.n };
    TRY(rows_of(cx, w, 1, 0, &ret->rows, &ret->n_rows));
    return rows_of(cx, w, -1, little * (double)w->active, &ret->little, &ret->n_little);
}
/* The value with the cell's text that has the most people: 1 and "1" read alike. */
static Status find_wanted(Cx *cx, const Walk *w, GroupKey *ret)
{
    const QueryGroup *want = w->s->q->cell->feature;
    int64_t best = 0;
    Cx scratch = { .arena = arena_new(CX_ARENA_MAX), .now = cx->now };
    Status st = scratch.arena ? ST_OK : fail(cx, ST_NO_MEM, "features: a name");
    for (size_t i = 0; st == ST_OK && i < w->groups.n; i++) {
        QueryGroup name;
        arena_reset(scratch.arena);
        if (query_group(&scratch, &w->s->names, &w->groups.keys[i], &name) != ST_OK)
            st = fail(cx, ST_NO_MEM, "features: a name");
        else if (w->features[i].people > best && breakdown_same(&w->s->names, &name, want))
            *ret = w->groups.keys[i], best = w->features[i].people;
    }
    arena_free(scratch.arena);
    return st;
}
static Status people(Cx *cx, const Snapshot *snap, Shared *s, const Walk *first)
{
    GroupKey wanted = { .kind = { UINT8_MAX } };           /* nobody has it */
    ScanCount count;
    if (!s->q->cell || !s->q->people) return ST_OK;
    TRY(find_wanted(cx, first, &wanted));
    s->wanted = &wanted;
    Walk w = walk_of(s);
    Status st = walk(cx, snap, s, &w, &count);
    walk_free(&w);
    s->wanted = NULL;
    return st;
}
Status query_features_run(Cx *cx, const Snapshot *snap, const FeaturesQuery *q, FeaturesAnswer *ret)
{
    const QueryScope *scope = &q->scope;
    Shared s = { .q = q, .words = (q->n + 63) / 64, .names = *scope };
    ScanCount count;
    if (q->n < 1 || q->n > ASK_PERIODS_MAX)
        return refuse(cx, ST_INVALID, S("intervals"), MSG_out_of_range, PARAMS({ "min", 1, { 0 } },
            { "max", ASK_PERIODS_MAX, { 0 } }));
    s.names.breakdown[0] = q->feature;
    s.names.n_breakdown = 1;
    int64_t *starts = ARENA_MANY(cx->arena, int64_t, q->n + 1);
    if (!starts) return fail(cx, ST_NO_MEM, "features: the grid");
    starts[0] = zone_floor(scope->zone, scope->period, scope->week_start, q->first);
    for (size_t i = 0; i < q->n; i++)
        starts[i + 1] = zone_next(scope->zone, scope->period, scope->week_start, starts[i]);
    while (s.finished < q->n && starts[s.finished + 1] <= cx->now) s.finished++;
    s.grid = (Grid){ q->n, starts };
    Walk w = walk_of(&s);
    Status st = walk(cx, snap, &s, &w, &count);
    if (st == ST_OK) st = answer(cx, &w, &count, ret);
    if (st == ST_OK) st = people(cx, snap, &s, &w);
    walk_free(&w);
    return st;
}
