#include "store/events/query_trend_in.h"
#include "base/arena.h"
#include "store/events/breakdown.h"
#include "store/events/presence.h"
#include <string.h>

bool query_trend_people(const TrendQuery *q)
{
    for (size_t i = 0; i < q->n_series; i++) if (q->series[i].measure != TREND_PEOPLE) return false;
    return q->n_series <= PRESENCE_MATCHERS;
}
/* people [group][series][periods + 1]: the last is the whole range. */
typedef struct PeopleFold {
    PresenceFold fold;
    size_t   periods, series, n_keys;
    ScanRun *run;
    Groups   groups;
    int64_t *people;
    size_t   room, bytes;
} PeopleFold;
static int64_t *people_at(const PeopleFold *f, size_t group)
{
    return f->people + group * f->series * (f->periods + 1);
}
static bool reach(PeopleFold *f, size_t groups)
{
    size_t per = f->series * (f->periods + 1), cap = f->room ? f->room : 1;
    if (groups <= f->room) return true;
    while (cap < groups) cap *= 2;
    size_t more = (cap - f->room) * per * sizeof *f->people;
    f->fold.st = scan_bytes(NULL, f->run, (ptrdiff_t)more);
    int64_t *p = f->fold.st == ST_OK ? mem_grow(f->people, cap * per * sizeof *p) : NULL;
    if (f->fold.st == ST_OK) f->bytes += more;
    if (f->fold.st == ST_OK && !p) f->fold.st = ST_NO_MEM;
    if (!p) return false;
    memset(p + f->room * per, 0, (cap - f->room) * per * sizeof *p);
    f->people = p;
    f->room = cap;
    return true;
}
static bool group_of(PeopleFold *f, const PresenceBatch *b, size_t i, uint32_t *ret)
{
    *ret = 0;
    if (f->n_keys) {
        GroupKey key = groups_key_at(b->group, f->n_keys, i);
        f->fold.st = groups_add(&f->groups, &key, ret);
    }
    return f->fold.st == ST_OK && reach(f, (size_t)*ret + 1);
}
static void by_row(PeopleFold *f, const PresenceBatch *b)
{
    uint32_t group;
    for (size_t i = 0; i < b->n; i++) {
        if (!group_of(f, b, i, &group)) return;
        for (size_t k = 0; k < f->series; k++) {
            int64_t *to = people_at(f, group) + k * (f->periods + 1);
            uint64_t any = 0;
            for (size_t w = 0; w < b->words; w++) {
                uint64_t bits = b->seen[k][i * b->words + w];
                any |= bits;
                for (; bits; bits &= bits - 1) to[w * 64 + (size_t)__builtin_ctzll(bits)]++;
            }
            to[f->periods] += any != 0;
        }
    }
}
static void by_column(PeopleFold *f, const PresenceBatch *b)
{
    uint32_t group;
    size_t words = (b->n + 63) / 64;
    if (!group_of(f, b, 0, &group)) return;
    for (size_t k = 0; k < f->series; k++) {
        int64_t *to = people_at(f, group) + k * (f->periods + 1);
        for (size_t w = 0; w < words; w++) {
            uint64_t any = 0;
            for (size_t p = 0; p < f->periods; p++) {
                uint64_t bits = b->col[k][p][w];
                any |= bits;
                to[p] += __builtin_popcountll(bits);
            }
            to[f->periods] += __builtin_popcountll(any);
        }
    }
}
static void rows(PresenceFold *fold, const PresenceBatch *b)
{
    PeopleFold *f = (PeopleFold *)fold;
    if (b->n == 0) return;
    if (b->col[0]) by_column(f, b);
    else by_row(f, b);
}
static void merge(PresenceFold *fold, PresenceFold *other)
{
    PeopleFold *f = (PeopleFold *)fold;
    const PeopleFold *from = (const PeopleFold *)other;
    size_t n = f->n_keys ? from->groups.n : from->room > 0, per = f->series * (f->periods + 1);
    for (size_t g = 0; g < n; g++) {
        uint32_t to = 0;
        if (f->n_keys) f->fold.st = groups_add(&f->groups, &from->groups.keys[g], &to);
        if (f->fold.st != ST_OK || !reach(f, (size_t)to + 1)) return;
        for (size_t i = 0; i < per; i++) people_at(f, to)[i] += people_at(from, g)[i];
    }
}
static void fold_free(PeopleFold *f)
{
    Status st = scan_bytes(NULL, f->run, -(ptrdiff_t)f->bytes);            /* giving back does not fail */
    (void)st;
    groups_done(&f->groups);
    mem_free(f->people);
}
static void done(PresenceFold *fold)
{
    fold_free((PeopleFold *)fold);
    mem_free(fold);
}
static PeopleFold fold_new(const TrendQuery *, size_t periods, size_t n_keys);
static Status fork(Cx *cx, const PresenceFold *fold, PresenceFold **ret)
{
    const PeopleFold *of = (const PeopleFold *)fold;
    PeopleFold *f = mem_get(sizeof *f);
    if (!f) return fail(cx, ST_NO_MEM, "trend: a thread");
    *f = (PeopleFold){ .fold = of->fold, .periods = of->periods, .series = of->series, .n_keys = of->n_keys,
        .run = of->run };
    *ret = &f->fold;
    return ST_OK;
}
static PeopleFold fold_new(const TrendQuery *q, size_t periods, size_t n_keys)
{
    return (PeopleFold){ .fold = { .rows = rows, .fork = fork, .merge = merge, .done = done, .by_period = true },
        .periods = periods, .series = q->n_series, .n_keys = n_keys, .run = q->scope.run };
}
static Status see(Cx *cx, const Snapshot *snap, const TrendQuery *q, const Grid *grid, const Where *filter,
    PeopleFold *f, ScanCount *count)
{
    Selector sel = { .filter = filter, .hide = QUERY_HIDE };
    PresencePlan plan = { .sel = &sel, .grid = grid, .groups = q->scope.breakdown, .n_groups = f->n_keys,
        .texts = q->scope.texts, .who = q->scope.who, .run = q->scope.run };
    for (size_t i = 0; i < q->n_series; i++) sel.matchers[sel.n_matchers++] = q->series[i].event;
    return presence_fold(cx, snap, &plan, &f->fold, count);
}

/* ---- whoever is in none of the kept groups ---- */

static Status value_pred(Cx *cx, const QueryScope *s, const GroupKey *key, size_t i, Pred *ret)
{
    *ret = (Pred){ .prop = s->breakdown[i].kind == SLOT_NAME ? S("$event") : s->breakdown[i].name, .op = OP_IS };
    ret->value.kind = key->kind[i];
    switch (key->kind[i]) {
    case PROP_NULL:   return ST_OK;
    case PROP_BOOL:   ret->value.b = key->value[i] != 0; return ST_OK;
    case PROP_INT:    ret->value.i = (int64_t)key->value[i]; return ST_OK;
    case PROP_DOUBLE: memcpy(&ret->value.d, &key->value[i], sizeof ret->value.d); return ST_OK;
    case PROP_STR:    ret->value.s = scan_text(s->texts, key->value[i]); return ST_OK;
    default:          return fail(cx, ST_CONFLICT, "trend: a list as a value");
    }
}
/* Not (one of them): a filter under which only the other values are left. CONFLICT: they cannot be said so. */
static Status others(Cx *cx, const TrendQuery *q, const PeopleFold *f, const Breakdown *b, const Where **ret)
{
    const QueryScope *s = &q->scope;
    Where *groups = ARENA_MANY(cx->arena, Where, b->n + 1), *preds = ARENA_MANY(cx->arena, Where,
        b->n * s->n_breakdown + 1);
    Where *top = ARENA_MANY(cx->arena, Where, 4);
    if (!groups || !preds || !top) return fail(cx, ST_NO_MEM, "trend: the other groups");
    for (size_t i = 0; i < s->n_breakdown; i++)
        if (s->breakdown[i].kind == SLOT_TRAIT || s->breakdown[i].map)
            return fail(cx, ST_CONFLICT, "trend: a value that is not the event's");
    for (size_t g = 0; g < b->n; g++) {
        groups[g] = (Where){ .kind = WHERE_ALL, .kids = preds + g * s->n_breakdown, .n = s->n_breakdown };
        for (size_t i = 0; i < s->n_breakdown; i++) {
            Where *w = &preds[g * s->n_breakdown + i];
            w->kind = WHERE_PRED;
            TRY(value_pred(cx, s, &f->groups.keys[b->group[g]], i, &w->pred));
        }
    }
    top[0] = (Where){ .kind = WHERE_ALL, .kids = top + 1, .n = s->filter ? 2 : 1 };
    top[1] = (Where){ .kind = WHERE_NOT, .kids = top + 3, .n = 1 };
    if (s->filter) top[2] = *s->filter;
    top[3] = (Where){ .kind = WHERE_ANY, .kids = groups, .n = b->n };
    *ret = top;
    return ST_OK;
}

/* ---- the answer ---- */

static void put(const TrendQuery *q, const PeopleFold *f, size_t group, size_t at, size_t line, Number *values)
{
    size_t width = f->periods + 1;
    for (size_t k = 0; k < q->n_series; k++)
        for (size_t p = 0; p < width; p++) {
            int64_t n = group < f->room ? people_at(f, group)[k * width + p] : 0;
            values[k * line + at * width + p] = (Number){ .kind = NUMBER_INT, .i = n };
        }
    for (size_t p = 0; p < width; p++) query_trend_formulas(q, values, line, at * width + p);
}
static int64_t people_of(const PeopleFold *f, size_t group)
{
    int64_t ret = 0;
    for (size_t k = 0; k < f->series && ret == 0; k++) ret = people_at(f, group)[k * (f->periods + 1) + f->periods];
    return ret;
}
static Status fill_groups(Cx *cx, const Snapshot *snap, const TrendQuery *q, const Grid *grid, const PeopleFold *f,
    TrendAnswer *ret)
{
    Breakdown b;
    ScanCount ignored;
    const Where *filter;
    PeopleFold rest = fold_new(q, grid->n, 0);
    int64_t *people = ARENA_MANY(cx->arena, int64_t, f->groups.n + 1);
    if (!people) return fail(cx, ST_NO_MEM, "trend: %zu groups", f->groups.n);
    for (size_t g = 0; g < f->groups.n; g++) people[g] = people_of(f, g);
    TRY(breakdown_keep(cx, &q->scope, f->groups.keys, people, f->groups.n, &b));
    bool other = f->groups.n > b.n;
    Status st = ST_OK;
    if (other) {
        TRY(others(cx, q, f, &b, &filter));
        st = see(cx, snap, q, grid, filter, &rest, &ignored);
    }
    size_t n = b.n + other, line = n * (grid->n + 1);
    QueryGroup *texts = ARENA_MANY(cx->arena, QueryGroup, n + 1);
    Number *values = NULL;
    if (st == ST_OK && !texts) st = fail(cx, ST_NO_MEM, "trend: %zu groups", n);
    if (st == ST_OK) st = query_trend_room(cx, q, grid, n, &values);
    for (size_t g = 0; st == ST_OK && g < n; g++) {
        texts[g] = g < b.n ? b.text[g] : (QueryGroup){ .other = true };
        put(q, g < b.n ? f : &rest, g < b.n ? b.group[g] : 0, g, line, values);
    }
    fold_free(&rest);
    ret->groups = texts;
    ret->n_groups = n;
    ret->values = values;
    return st;
}
static Status fill_one(Cx *cx, const TrendQuery *q, const Grid *grid, const PeopleFold *f, TrendAnswer *ret)
{
    Number *values;
    QueryGroup *text = ARENA_NEW(cx->arena, QueryGroup);
    if (!text) return fail(cx, ST_NO_MEM, "trend");
    TRY(query_trend_room(cx, q, grid, 1, &values));
    put(q, f, 0, 0, grid->n + 1, values);
    ret->groups = text;
    ret->n_groups = 1;
    ret->values = values;
    return ST_OK;
}
Status query_trend_by_presence(Cx *cx, const Snapshot *snap, const TrendQuery *q, const Grid *grid, TrendAnswer *ret)
{
    ScanCount count;
    PeopleFold f = fold_new(q, grid->n, q->scope.n_breakdown);
    Status st = see(cx, snap, q, grid, q->scope.filter, &f, &count);
    if (st == ST_OK)
        st = q->scope.n_breakdown ? fill_groups(cx, snap, q, grid, &f, ret) : fill_one(cx, q, grid, &f, ret);
    fold_free(&f);
    ret->count = (QueryCount){ .events = count.events, .people = count.people, .left_out = count.left_out };
    return st;
}
