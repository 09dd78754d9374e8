#include "store/events/breakdown.h"
#include "base/arena.h"
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 25, SCRATCH = 1 << 20 };

typedef struct Kept { int64_t people; uint32_t group; QueryGroup text; } Kept;
/* The best ones so far, best first. */
typedef struct Best { const QueryScope *scope; Kept *kept; size_t n, max; } Best;

size_t breakdown_limit(const QueryScope *s) { return s->breakdown_limit ? s->breakdown_limit : LIMIT; }
static int text_cmp(size_t n, const QueryGroup *a, const QueryGroup *b)
{
    for (size_t i = 0; i < n; i++) {
        int c = str_cmp(a->value[i], b->value[i]);
        if (c) return c;
    }
    return 0;
}
bool breakdown_same(const QueryScope *s, const QueryGroup *a, const QueryGroup *b)
{
    return a->other == b->other && (a->other || text_cmp(s->n_breakdown, a, b) == 0);
}
/* At equal texts of different kinds the one met first. */
static bool better(const Best *b, const Kept *x, const Kept *y)
{
    if (x->people != y->people) return x->people > y->people;
    return text_cmp(b->scope->n_breakdown, &x->text, &y->text) < 0;
}
/* Comes to its place; the last one falls out. scratch: for texts that are not kept. */
static Status offer(Cx *cx, Cx *scratch, Best *b, const GroupKey *key, int64_t people, uint32_t group)
{
    Kept k = { .people = people, .group = group };
    size_t at = b->n;
    if (at == b->max && people < b->kept[at - 1].people) return ST_OK;
    arena_reset(scratch->arena);
    if (query_group(scratch, b->scope, key, &k.text) != ST_OK) return fail(cx, ST_NO_MEM, "breakdown: a value");
    while (at > 0 && better(b, &k, &b->kept[at - 1])) at--;
    if (at == b->max) return ST_OK;
    TRY(query_group(cx, b->scope, key, &k.text));
    if (b->n < b->max) b->n++;
    memmove(b->kept + at + 1, b->kept + at, (b->n - 1 - at) * sizeof *b->kept);
    b->kept[at] = k;
    return ST_OK;
}
static int more_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}
/* So many people have the one at the limit: whoever has fewer is not even looked at. */
static Status least(Cx *cx, const int64_t *people, size_t n, size_t limit, int64_t *ret)
{
    *ret = 1;
    if (n <= limit) return ST_OK;
    int64_t *sorted = mem_get(n * sizeof *sorted);
    if (!sorted) return fail(cx, ST_NO_MEM, "breakdown: %zu values", n);
    memcpy(sorted, people, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, more_first);
    if (sorted[limit - 1] > 1) *ret = sorted[limit - 1];
    mem_free(sorted);
    return ST_OK;
}
static Status keep(Cx *cx, Cx *scratch, Best *b, const GroupKey *keys, const int64_t *people, size_t n)
{
    int64_t from;
    TRY(least(cx, people, n, b->max, &from));
    for (size_t i = 0; i < n; i++)
        if (people[i] > from) TRY(offer(cx, scratch, b, &keys[i], people[i], (uint32_t)i));
    for (size_t i = 0; i < n; i++)
        if (people[i] == from) TRY(offer(cx, scratch, b, &keys[i], people[i], (uint32_t)i));
    return ST_OK;
}
Status breakdown_keep(Cx *cx, const QueryScope *s, const GroupKey *keys, const int64_t *people, size_t n,
    Breakdown *ret)
{
    size_t max = breakdown_limit(s);
    Best b = { .scope = s, .max = n < max ? n : max };
    Cx scratch = { .arena = arena_new(SCRATCH), .now = cx->now };
    uint32_t *group = ARENA_MANY(cx->arena, uint32_t, b.max + 1);
    QueryGroup *text = ARENA_MANY(cx->arena, QueryGroup, b.max + 1);
    b.kept = ARENA_MANY(cx->arena, Kept, b.max + 1);
    Status st = scratch.arena && group && text && b.kept ? ST_OK : fail(cx, ST_NO_MEM, "breakdown: its values");
    if (st == ST_OK && b.max) st = keep(cx, &scratch, &b, keys, people, n);
    arena_free(scratch.arena);
    if (st != ST_OK) return st;
    for (size_t i = 0; i < b.n; i++) {
        group[i] = b.kept[i].group;
        text[i] = b.kept[i].text;
    }
    *ret = (Breakdown){ b.n, group, text };
    return ST_OK;
}
