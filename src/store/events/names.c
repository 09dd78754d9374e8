#include "store/events/names.h"
#include "base/arena.h"
#include "base/limits.h"
#include <pthread.h>
#include <xxhash.h>

typedef struct Set { uint64_t *slots; size_t n, n_slots; } Set;          /* 0: empty */
struct Names {
    pthread_mutex_t lock;
    Set       sets[NAME_KINDS_];
    uint16_t *count[NAME_KINDS_];                          /* by source */
};
enum { SOURCES = UINT16_MAX + 1 };
static const uint16_t LIMITS[NAME_KINDS_] = { SOURCE_EVENT_NAMES, SOURCE_PROP_NAMES };

Names *names_new(void)
{
    Names *t = mem_get(sizeof *t);
    if (!t) return NULL;
    pthread_mutex_init(&t->lock, NULL);
    for (int k = 0; k < NAME_KINDS_; k++) t->count[k] = mem_get(SOURCES * sizeof *t->count[k]);
    if (t->count[NAME_EVENT] && t->count[NAME_PROP]) return t;
    names_free(t);
    return NULL;
}
void names_free(Names *t)
{
    if (!t) return;
    for (int k = 0; k < NAME_KINDS_; k++) {
        mem_free(t->sets[k].slots);
        mem_free(t->count[k]);
    }
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}
static uint64_t name_hash(uint16_t source, Str name)
{
    uint64_t h = XXH3_64bits_withSeed(name.p, name.n, source);
    return h ? h : 1;
}
static uint64_t *slot_of(const Set *s, uint64_t h)
{
    size_t i = (size_t)h & (s->n_slots - 1);
    while (s->slots[i] && s->slots[i] != h) i = (i + 1) & (s->n_slots - 1);
    return s->slots + i;
}
static Status set_reach(Cx *cx, Set *s, size_t more)
{
    size_t n = s->n_slots ? s->n_slots : 256;
    while ((s->n + more) * 2 > n) n *= 2;
    if (n == s->n_slots) return ST_OK;
    Set bigger = { .slots = mem_get(n * sizeof *bigger.slots), .n = s->n, .n_slots = n };
    if (!bigger.slots) return fail(cx, ST_NO_MEM, "names: %zu slots", n);
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i]) *slot_of(&bigger, s->slots[i]) = s->slots[i];
    mem_free(s->slots);
    *s = bigger;
    return ST_OK;
}
/* What this batch added, newest first, to be taken back in that order: then every probe chain is as it was. */
typedef struct Added { struct Added *next; NameKind kind; uint16_t source; uint64_t hash; } Added;
static void take_back(Names *t, const Added *a)
{
    for (; a; a = a->next) {
        *slot_of(&t->sets[a->kind], a->hash) = 0;
        t->sets[a->kind].n--;
        t->count[a->kind][a->source]--;
    }
}
static Status take_one(Cx *cx, Names *t, NameKind kind, uint16_t source, Str name, Added **added)
{
    static const Msg said[NAME_KINDS_] = { MSG_event_names, MSG_prop_names };
    uint64_t h = name_hash(source, name), *slot = slot_of(&t->sets[kind], h);
    if (*slot) return ST_OK;
    if (t->count[kind][source] >= LIMITS[kind])
        return refuse(cx, ST_LIMITED, name, said[kind], PARAMS({ "max", LIMITS[kind], { 0 } }));
    Added *a = ARENA_NEW(cx->arena, Added);
    if (!a) return fail(cx, ST_NO_MEM, "names: a new one");
    *a = (Added){ *added, kind, source, h };
    *added = a;
    *slot = h;
    t->sets[kind].n++;
    t->count[kind][source]++;
    return ST_OK;
}
/* The names this call has met last, by length and ends: events of a batch mostly carry the same ones, and to compare
 * a short text is cheaper than to hash it. */
typedef struct Met { Str name; uint16_t source; } Met;
enum { MET = 64 };
static bool met(Met all[MET], uint16_t source, Str name)
{
    unsigned first = name.n ? (unsigned char)name.p[0] : 0, last = name.n ? (unsigned char)name.p[name.n - 1] : 0;
    Met *m = all + ((unsigned)name.n * 7 + first + last * 3) % MET;
    if (m->source == source && m->name.p && str_eq(m->name, name)) return true;
    *m = (Met){ name, source };
    return false;
}
static Status take_event(Cx *cx, Names *t, const Event *e, Met seen[MET], Added **added)
{
    TRY(take_one(cx, t, NAME_EVENT, e->source, e->name, added));
    for (size_t i = 0; i < e->n_props; i++)
        if (!met(seen, e->source, e->props[i].name))
            TRY(take_one(cx, t, NAME_PROP, e->source, e->props[i].name, added));
    return ST_OK;
}
/* Room for all of them first: sets must not be rebuilt half-way, see take_back(). */
static Status take_all(Cx *cx, Names *t, const Entry *entries, size_t n)
{
    size_t props = 0;
    Added *added = NULL;
    Met seen[MET] = { 0 };
    for (size_t i = 0; i < n; i++) if (entries[i].kind == ENTRY_EVENT) props += entries[i].event.n_props;
    TRY(set_reach(cx, &t->sets[NAME_EVENT], n));
    TRY(set_reach(cx, &t->sets[NAME_PROP], props));
    for (size_t i = 0; i < n; i++) {
        if (entries[i].kind != ENTRY_EVENT) continue;
        Status st = take_event(cx, t, &entries[i].event, seen, &added);
        if (st == ST_OK) continue;
        take_back(t, added);
        return st;
    }
    return ST_OK;
}
Status names_take(Cx *cx, Names *t, const Entry *entries, size_t n)
{
    pthread_mutex_lock(&t->lock);
    Status st = take_all(cx, t, entries, n);
    pthread_mutex_unlock(&t->lock);
    return st;
}
Status names_know(Cx *cx, Names *t, NameKind kind, uint16_t source, Str name)
{
    uint64_t h = name_hash(source, name);
    pthread_mutex_lock(&t->lock);
    Status st = set_reach(cx, &t->sets[kind], 1);
    uint64_t *slot = st == ST_OK ? slot_of(&t->sets[kind], h) : NULL;
    if (slot && !*slot) {
        *slot = h;
        t->sets[kind].n++;
        t->count[kind][source]++;
    }
    pthread_mutex_unlock(&t->lock);
    return st;
}
