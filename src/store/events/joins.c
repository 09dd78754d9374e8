#include "store/events/joins.h"
#include "base/limits.h"
#include "store/events/column.h"
#include <stdatomic.h>
#include <string.h>
#include <xxhash.h>

enum { MARK_USER = 1, MARK_SHARED = 2 };                   /* stored */
enum { JOIN_STANDS = 1, JOIN_UNDONE = 2 };                 /* stored */
static const uint32_t NOBODY = UINT32_MAX, MAP_MAGIC = 0x31504d4c;       /* "LMP1" */

typedef struct Link { int64_t id, time; uint32_t anon, user; uint8_t trust, state; } Link;
typedef struct Mark { uint32_t parent; uint16_t public_joins; uint8_t mark, flags; } Mark;      /* one an actor */

struct Joins {
    Link    *links;
    size_t   n_links, cap_links;
    uint32_t *slots;                                       /* by join id: link + 1 */
    size_t   n_slots;
    Mark    *marks;
    uint32_t n_marks;
    uint64_t moves, changes;
    int64_t  refused;
};

Joins *joins_new(void) { return mem_get(sizeof(Joins)); }
void joins_free(Joins *j)
{
    if (!j) return;
    mem_free(j->links);
    mem_free(j->slots);
    mem_free(j->marks);
    mem_free(j);
}
uint64_t joins_changes(const Joins *j) { return j->changes; }
JoinsCount joins_count(const Joins *j)
{
    JoinsCount c = { .refused = j->refused };
    for (size_t i = 0; i < j->n_links; i++) c.effective += j->links[i].state == JOIN_STANDS;
    for (uint32_t i = 0; i < j->n_marks; i++) c.shared += (j->marks[i].mark & MARK_SHARED) != 0;
    return c;
}
static Status marks_reach(Cx *cx, Joins *j, uint32_t actor)
{
    if (actor < j->n_marks) return ST_OK;
    uint64_t want = (uint64_t)actor + 1 + actor / 4 + 256;
    uint32_t n = want > UINT32_MAX ? UINT32_MAX : (uint32_t)want;
    Mark *marks = mem_grow(j->marks, (size_t)n * sizeof *marks);
    if (!marks) return fail(cx, ST_NO_MEM, "joins: marks of %u actors", n);
    for (uint32_t i = j->n_marks; i < n; i++) marks[i] = (Mark){ .parent = NOBODY };
    j->marks = marks;
    j->n_marks = n;
    return ST_OK;
}
static uint32_t *slot_of(const Joins *j, int64_t id)
{
    size_t i = (size_t)(((uint64_t)id * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (j->n_slots - 1);
    while (j->slots[i] && j->links[j->slots[i] - 1].id != id) i = (i + 1) & (j->n_slots - 1);
    return j->slots + i;
}
static Status links_reach(Cx *cx, Joins *j)
{
    if (j->n_links == j->cap_links) {
        size_t cap = j->cap_links ? j->cap_links * 2 : 64;
        Link *links = mem_grow(j->links, cap * sizeof *links);
        if (!links) return fail(cx, ST_NO_MEM, "joins: %zu links", cap);
        j->links = links;
        j->cap_links = cap;
    }
    if (j->n_links < j->n_slots / 2) return ST_OK;
    size_t n = j->n_slots ? j->n_slots * 2 : 128;
    uint32_t *slots = mem_get(n * sizeof *slots);
    if (!slots) return fail(cx, ST_NO_MEM, "joins: %zu slots", n);
    mem_free(j->slots);
    j->slots = slots;
    j->n_slots = n;
    for (uint32_t i = 0; i < j->n_links; i++) *slot_of(j, j->links[i].id) = i + 1;
    return ST_OK;
}
static uint32_t root_of(const Joins *j, uint32_t a)
{
    while (a < j->n_marks && j->marks[a].parent != NOBODY) a = j->marks[a].parent;
    return a;
}
static bool may_join(const Joins *j, const Join *in, uint32_t anon, uint32_t user)
{
    const Mark *a = &j->marks[anon], *u = &j->marks[user];
    if (a->parent != NOBODY || root_of(j, user) == anon) return false;
    if (in->trust >= TRUST_SECRET) return true;
    return !(a->mark & MARK_USER) && u->public_joins < JOINS_PUBLIC_MAX;
}
Status joins_add(Cx *cx, Joins *j, const Join *in, uint32_t anon, uint32_t user)
{
    TRY(marks_reach(cx, j, anon > user ? anon : user));
    TRY(links_reach(cx, j));
    Mark *a = &j->marks[anon], *u = &j->marks[user];
    uint32_t *slot = slot_of(j, in->id);
    if (*slot || a->parent == user || anon == user) return ST_OK;         /* done before, or nothing to do */
    j->changes++;
    bool may = may_join(j, in, anon, user);
    u->mark |= MARK_USER;
    if (!may) {
        a->mark |= MARK_SHARED;
        j->refused++;
        return ST_OK;
    }
    if (in->trust < TRUST_SECRET) u->public_joins++;
    a->parent = user;
    j->links[j->n_links] = (Link){ in->id, in->time, anon, user, in->trust, JOIN_STANDS };
    *slot = (uint32_t)++j->n_links;
    j->moves++;
    return ST_OK;
}
void joins_undo(Joins *j, int64_t join)
{
    uint32_t *slot = j->n_slots ? slot_of(j, join) : NULL;
    Link *l = slot && *slot ? &j->links[*slot - 1] : NULL;
    if (!l || l->state != JOIN_STANDS) return;
    l->state = JOIN_UNDONE;
    j->marks[l->anon].parent = NOBODY;
    if (l->trust < TRUST_SECRET) j->marks[l->user].public_joins--;
    j->moves++;
    j->changes++;
}
Status joins_flag(Cx *cx, Joins *j, uint32_t actor, uint8_t set, uint8_t clear)
{
    TRY(marks_reach(cx, j, actor));
    uint8_t now = (uint8_t)((j->marks[actor].flags | set) & ~clear);
    if (now == j->marks[actor].flags) return ST_OK;
    j->marks[actor].flags = now;
    j->changes++;
    return ST_OK;
}

/* The file: magic, marks, links, moves, changes, refused, then marks, links, and the check of all before it. */
void joins_save(const Joins *j, Buf *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->n_marks; i++) n += (j->marks[i].mark | j->marks[i].flags) != 0;
    column_put_u32(b, MAP_MAGIC);
    column_put_u32(b, n);
    column_put_u64(b, j->n_links);
    column_put_u64(b, j->moves);
    column_put_u64(b, j->changes);
    column_put_u64(b, (uint64_t)j->refused);
    for (uint32_t i = 0; i < j->n_marks; i++) {
        if (!(j->marks[i].mark | j->marks[i].flags)) continue;
        column_put_u32(b, i);
        column_put_u32(b, (uint32_t)(j->marks[i].mark | j->marks[i].flags << 8));
    }
    for (size_t i = 0; i < j->n_links; i++) {
        const Link *l = &j->links[i];
        column_put_u64(b, (uint64_t)l->id);
        column_put_u64(b, (uint64_t)l->time);
        column_put_u32(b, l->anon);
        column_put_u32(b, l->user);
        column_put_u32(b, (uint32_t)(l->trust | l->state << 8));
    }
    column_put_u64(b, b->bad ? 0 : XXH3_64bits(b->p, b->n));
}
static Status damaged(Cx *cx) { return fail(cx, ST_IO, "the map of joins and flags is damaged"); }
static Status load_marks(Cx *cx, Joins *j, Str *s, uint32_t n)
{
    uint32_t actor, mark;
    for (uint32_t i = 0; i < n; i++) {
        if (!column_get_u32(s, &actor) || !column_get_u32(s, &mark) || actor >= UINT32_MAX - 1) return damaged(cx);
        TRY(marks_reach(cx, j, actor));
        j->marks[actor].mark = (uint8_t)mark;
        j->marks[actor].flags = (uint8_t)(mark >> 8);
    }
    return ST_OK;
}
static Status load_link(Cx *cx, Joins *j, Str *s)
{
    uint64_t id, time;
    uint32_t anon, user, state;
    if (!column_get_u64(s, &id) || !column_get_u64(s, &time) || !column_get_u32(s, &anon) ||
        !column_get_u32(s, &user) ||
        !column_get_u32(s, &state) || anon >= UINT32_MAX - 1 || user >= UINT32_MAX - 1) return damaged(cx);
    TRY(marks_reach(cx, j, anon > user ? anon : user));
    TRY(links_reach(cx, j));
    uint32_t *slot = slot_of(j, (int64_t)id);
    Link l = { (int64_t)id, (int64_t)time, anon, user, (uint8_t)state, (uint8_t)(state >> 8) };
    if (*slot) return damaged(cx);
    if (l.state == JOIN_STANDS) {
        if (j->marks[anon].parent != NOBODY || root_of(j, user) == anon) return damaged(cx);
        j->marks[anon].parent = user;
        if (l.trust < TRUST_SECRET) j->marks[user].public_joins++;
    }
    j->links[j->n_links] = l;
    *slot = (uint32_t)++j->n_links;
    return ST_OK;
}
Status joins_load(Cx *cx, Joins *j, Str file)
{
    uint32_t magic, n_marks;
    uint64_t n_links, refused, check;
    Str s = file, end = { file.p + file.n - 8, 8 };
    if (file.n < 48 || !column_get_u64(&end, &check) || check != XXH3_64bits(file.p, file.n - 8)) return damaged(cx);
    if (!column_get_u32(&s, &magic) || magic != MAP_MAGIC || !column_get_u32(&s, &n_marks) ||
        !column_get_u64(&s, &n_links) ||
        !column_get_u64(&s, &j->moves) || !column_get_u64(&s, &j->changes) ||
            !column_get_u64(&s, &refused)) return damaged(cx);
    j->refused = (int64_t)refused;
    TRY(load_marks(cx, j, &s, n_marks));
    for (uint64_t i = 0; i < n_links; i++) TRY(load_link(cx, j, &s));
    return s.n == 8 ? ST_OK : damaged(cx);
}

Status joins_view(Cx *cx, const Joins *j, PeopleView **ret)
{
    PeopleView *v = mem_get(sizeof *v);
    if (!v) return fail(cx, ST_NO_MEM, "people");
    v->refs = 1;
    v->n = j->n_marks;
    v->n_link = j->n_links;
    v->moves = j->moves;
    v->changes = j->changes;
    v->root = mem_get((size_t)v->n * sizeof *v->root);
    v->flags = mem_get(v->n);
    v->link = mem_get(v->n_link * sizeof *v->link);
    if (!v->root || !v->flags || !v->link) {
        joins_view_done(v);
        return fail(cx, ST_NO_MEM, "people: a view of %u actors", j->n_marks);
    }
    for (uint32_t i = 0; i < v->n; i++) {
        v->root[i] = root_of(j, i);
        v->flags[v->root[i]] |= j->marks[i].flags;
    }
    for (size_t i = 0; i < v->n_link; i++) v->link[i] = (uint64_t)j->links[i].anon << 32 | j->links[i].user;
    *ret = v;
    return ST_OK;
}
PeopleView *joins_view_ref(PeopleView *v)
{
    v->refs++;
    return v;
}
void joins_view_done(PeopleView *v)
{
    if (!v || --v->refs > 0) return;
    mem_free(v->root);
    mem_free(v->flags);
    mem_free(v->link);
    mem_free(v);
}
