/* presence_ask: random questions about a presence_world, and whether one event is asked for, naively. */
#ifndef LIUKE_PRESENCE_ASK_H
#define LIUKE_PRESENCE_ASK_H
#include "store/events/presence_world_test.h"

typedef struct WorldAsk {
    Selector sel;
    Where    where[WORLD_WHERES];
    size_t   n_where;
    ScanSlot slots[GROUPS_KEYS + 1]; size_t n_slots;
    PeopleSet who, some;
    bool     asks_who;
    Str      in[2];
} WorldAsk;
static inline void world_pred(World *w, WorldAsk *a, Pred *p)
{
    static const char *const props[] = { "country", "country", "path", "price", "paid", "$event", "missing" };
    *p = (Pred){ .prop = str_z(props[world_rnd(w, COUNT(props))]), .op = (Op)world_rnd(w, OP_IN + 1) };
    if (p->op == OP_CONTAINS || str_is(p->prop, "country"))
        p->value = (Prop){ .kind = PROP_STR, .s = str_z(WORLD_COUNTRIES[world_rnd(w, COUNT(WORLD_COUNTRIES))]) };
    else if (str_is(p->prop, "path")) p->value = (Prop){ .kind = PROP_STR, .s = S("/p/3") };
    else if (str_is(p->prop, "$event")) p->value = (Prop){ .kind = PROP_STR, .s = S("buy") };
    else if (str_is(p->prop, "paid")) p->value = (Prop){ .kind = PROP_BOOL, .b = world_rnd(w, 2) };
    else p->value = (Prop){ .kind = PROP_INT, .i = (int64_t)world_rnd(w, 3) };
    if (p->op != OP_IN) return;
    a->in[0] = S("CN"), a->in[1] = S("/p/2");
    p->value = (Prop){ .kind = PROP_LIST, .list = { a->in, 2 } };
}
static inline const Where *world_where(World *w, WorldAsk *a, int depth)
{
    size_t at = a->n_where, kids = 1 + world_rnd(w, 2);
    uint64_t kind = world_rnd(w, depth ? 6 : 4);
    a->n_where += 1 + kids;
    assert_true(a->n_where <= COUNT(a->where));
    if (kind < 3) {
        a->where[at].kind = WHERE_PRED;
        world_pred(w, a, &a->where[at].pred);
    } else if (kind == 3) {
        a->where[at] = (Where){ .kind = WHERE_PEOPLE, .people = &a->some };
    } else {
        a->where[at] = (Where){ .kind = (WhereKind)world_rnd(w, 3), .kids = &a->where[at + 1], .n = kids };
        if (a->where[at].kind == WHERE_NOT) a->where[at].n = 1;
        for (size_t k = 0; k < kids; k++) a->where[at + 1 + k] = *world_where(w, a, depth - 1);
    }
    return &a->where[at];
}
static inline void world_set(Cx *cx, World *w, PeopleSet *ret)
{
    ok(people_set_new(cx, (uint32_t)w->actors, ret));
    for (int i = 0; i < w->actors; i++) if (world_rnd(w, 3)) people_set_add(ret, (uint32_t)i);
}
/* plain: names alone. */
static inline void world_ask(Cx *cx, World *w, size_t matchers, bool plain, WorldAsk *ret)
{
    *ret = (WorldAsk){ .sel = { .n_matchers = 1 + world_rnd(w, matchers) } };
    ret->sel.hide = world_rnd(w, 4) ? EVENT_SERVICE | EVENT_TEST | EVENT_BOT : 0;
    world_set(cx, w, &ret->who);
    world_set(cx, w, &ret->some);
    ret->asks_who = world_rnd(w, 4) == 0;
    for (size_t m = 0; m < ret->sel.n_matchers; m++) {
        Matcher *q = &ret->sel.matchers[m];
        *q = (Matcher){ .any = world_rnd(w, 4) == 0, .name = str_z(WORLD_NAMES[world_rnd(w, COUNT(WORLD_NAMES))]) };
        if (world_rnd(w, 9) == 0) q->name = world_rnd(w, 2) ? S("n20") : S("nobody did it");
        if (!plain && world_rnd(w, 3) == 0) q->where = world_where(w, ret, 2);
    }
    if (!plain && world_rnd(w, 3)) ret->sel.filter = world_where(w, ret, 2);
}
static inline void world_ask_done(WorldAsk *a)
{
    people_set_done(&a->who);
    people_set_done(&a->some);
}
static inline Prop world_value(const Event *e, Str name)
{
    if (str_is(name, "$event")) return (Prop){ .kind = PROP_STR, .s = e->name };
    for (size_t i = 0; i < e->n_props; i++) if (str_eq(e->props[i].name, name)) return e->props[i];
    return (Prop){ .kind = PROP_NULL };
}
static inline bool world_holds(const Where *q, const Event *e, uint32_t root)
{
    Prop v;
    switch (q->kind) {
    case WHERE_ALL:
        for (size_t k = 0; k < q->n; k++) if (!world_holds(&q->kids[k], e, root)) return false;
        return true;
    case WHERE_ANY:
        for (size_t k = 0; k < q->n; k++) if (world_holds(&q->kids[k], e, root)) return true;
        return false;
    case WHERE_NOT: return !world_holds(q->kids, e, root);
    case WHERE_PEOPLE: return people_set_has(q->people, root);
    case WHERE_PRED:
        v = world_value(e, q->pred.prop);
        return selector_holds(&q->pred, v.kind == PROP_NULL ? NULL : &v);
    }
    return false;
}
static inline uint32_t world_mask(const WorldAsk *a, const Event *e, uint32_t root)
{
    uint32_t mask = 0;
    if (e->flags & a->sel.hide) return 0;
    if (a->asks_who && !people_set_has(&a->who, root)) return 0;
    if (a->sel.filter && !world_holds(a->sel.filter, e, root)) return 0;
    for (size_t m = 0; m < a->sel.n_matchers; m++) {
        const Matcher *q = &a->sel.matchers[m];
        if (!q->any && !str_eq(q->name, e->name)) continue;
        if (!q->where || world_holds(q->where, e, root)) mask |= UINT32_C(1) << m;
    }
    return mask;
}
#endif
