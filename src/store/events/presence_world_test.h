/* presence_world: random events of a few people in a State, and the same kept beside it, to be walked naively.
 * Sessions across midnights of several zones, joins and undos behind segments, late events, hidden people and origins,
 * properties that are constant in a person, in a session or nowhere, more names than a run's mask has bits. */
#ifndef LIUKE_PRESENCE_WORLD_H
#define LIUKE_PRESENCE_WORLD_H
#include "base/clock.h"
#include "store/events/groups.h"
#include "store/events/scan.h"
#include "store/events/state_rig_test.h"
#include <stdio.h>

enum { WORLD_PROPS = 5, WORLD_WHERES = 256, WORLD_KEY = 160 };
typedef struct WorldEvent { Event e; Prop props[WORLD_PROPS]; char path[16]; int actor; } WorldEvent;
typedef struct World {
    uint64_t x;
    Rig      rig;
    int      actors, days;
    WorldEvent **events;         /* each apart, so that texts in them stay where they are */
    size_t   n, cap;
    int64_t  next, joins[4000];
    size_t   n_joins;
} World;
static const char *const WORLD_COUNTRIES[] = { "CN", "US", "JP", "中国", "" };
static const char *const WORLD_NAMES[] = { "view", "buy", "页面", "x", "login" };

static inline uint64_t world_rnd(World *w, uint64_t below)
{
    w->x ^= w->x << 13, w->x ^= w->x >> 7, w->x ^= w->x << 17;
    return (w->x >> 11) % below;
}
static inline void world_done(World *w)
{
    rig_done(&w->rig);
    for (size_t i = 0; i < w->n; i++) free(w->events[i]);
    free(w->events);
    w->events = NULL;
}
static inline void world_props(World *w, WorldEvent *e, uint64_t session)
{
    size_t n = 0;
    uint64_t moody = world_rnd(w, 30);
    if (moody != 1)
        e->props[n++] = (Prop){ .name = S("country"), .kind = PROP_STR,
            .s = str_z(WORLD_COUNTRIES[(moody ? (uint64_t)e->actor : session) % COUNT(WORLD_COUNTRIES)]) };
    if (world_rnd(w, 3)) {
        snprintf(e->path, sizeof e->path, "/p/%d", (int)world_rnd(w, 7));
        e->props[n++] = (Prop){ .name = S("path"), .kind = PROP_STR, .s = str_z(e->path) };
    }
    if (str_is(e->e.name, "buy") || world_rnd(w, 9) == 0) {
        Prop p = { .name = S("price"), .kind = PROP_INT, .i = (int64_t)world_rnd(w, 5) - 1 };
        if (world_rnd(w, 2)) p.kind = PROP_DOUBLE, p.d = (double)world_rnd(w, 9) / 4;
        if (world_rnd(w, 40) == 0) p.kind = PROP_BOOL, p.b = true;
        if (world_rnd(w, 40) == 0) p.kind = PROP_INT, p.i = INT64_MAX;
        e->props[n++] = p;
    }
    if (session % 3) e->props[n++] = (Prop){ .name = S("paid"), .kind = PROP_BOOL, .b = session % 2 };
    e->e.props = e->props;
    e->e.n_props = n;
}
static inline WorldEvent *world_event(World *w, int actor, int64_t time, uint64_t session)
{
    WorldEvent *e = calloc(1, sizeof *e);
    static char many[80][8];
    uint64_t k = world_rnd(w, 6 + (session % 7 == 0) * 80);
    if (k >= 6) snprintf(many[k - 6], sizeof many[0], "n%d", (int)k);
    e->actor = actor;
    e->e = (Event){ .source = (uint16_t)(1 + session % 3), .trust = TRUST_SECRET, .actor = rig_key((uint64_t)actor),
        .name = str_z(k < 6 ? WORLD_NAMES[k % COUNT(WORLD_NAMES)] : many[k - 6]), .time = time,
        .received = time + 500 };
    if (session % 19 == 0) e->e.flags = (uint8_t)(1 << world_rnd(w, 4));
    world_props(w, e, session);
    if (w->n == w->cap) w->events = realloc(w->events, (w->cap = w->cap ? w->cap * 2 : 256) * sizeof *w->events);
    return w->events[w->n++] = e;
}
/* A session near a midnight, on one, or anywhere; now and then all its events at one moment. */
static inline void world_session(Cx *cx, World *w, int actor)
{
    static const int64_t edges[] = { 0, 16, 5, 4, 23, 24, 11 };            /* midnights of zones, in UTC hours */
    int64_t hour = 3600000, day = INT64_C(1709251200000) + ((int64_t)world_rnd(w, (uint64_t)w->days) - 10) * 24 * hour;
    int64_t t = day + (int64_t)world_rnd(w, 24 * 3600000);
    uint64_t kind = world_rnd(w, 5), session = world_rnd(w, 1 << 20), n = 1 + world_rnd(w, 12);
    if (kind < 2) t = day + edges[world_rnd(w, COUNT(edges))] * hour - (int64_t)world_rnd(w, 1200000);
    if (kind == 2) t = day + edges[world_rnd(w, COUNT(edges))] * hour - (int64_t)world_rnd(w, 2);
    for (uint64_t i = 0; i < n; i++) {
        Entry e = { .kind = ENTRY_EVENT, .event = world_event(w, actor, t, session)->e };
        rig_append(cx, &w->rig, &e, 1);
        if (kind != 2 || i % 3 == 0) t += (int64_t)world_rnd(w, 240000);
    }
}
static inline void world_other(Cx *cx, World *w)
{
    Hash128 a = rig_key(world_rnd(w, (uint64_t)w->actors)), b = rig_key(world_rnd(w, (uint64_t)w->actors));
    Entry e = { .kind = ENTRY_JOIN, .join = { .id = ++w->next, .anon = a, .user = b, .trust = TRUST_SECRET } };
    uint64_t what = world_rnd(w, 5);
    if (what == 0 && w->n_joins)
        e = (Entry){ .kind = ENTRY_UNJOIN, .unjoin = { ++w->next, w->joins[world_rnd(w, w->n_joins)], 0 } };
    else if (what == 1)
        e = (Entry){ .kind = ENTRY_FLAG, .flag = { .actor = a, .set = (uint8_t)(1 << world_rnd(w, 5)),
            .clear = (uint8_t)world_rnd(w, 32) } };
    else if (w->n_joins < COUNT(w->joins))
        w->joins[w->n_joins++] = w->next;
    rig_append(cx, &w->rig, &e, 1);
}
/* So much happens, and then perhaps a flush, a merge or a restart. */
static inline void world_step(Cx *cx, World *w, int sessions)
{
    for (int i = 0; i < sessions; i++) {
        world_session(cx, w, (int)(world_rnd(w, (uint64_t)w->actors) * world_rnd(w, 100) / 99) % w->actors);
        if (world_rnd(w, 12) == 0) world_other(cx, w);
    }
    Status st = ST_OK;
    switch (world_rnd(w, 7)) {
    case 0: case 1: case 2: st = rig_flush(cx, &w->rig); break;
    case 3: st = rig_merge(cx, &w->rig); break;
    case 4: rig_reopen(cx, &w->rig); break;
    default: break;
    }
    assert_true(st == ST_OK || st == ST_NOT_FOUND);
}

/* ---- what a question asks, and whether one event is asked for ---- */

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
/* A group's key in words: whole doubles are ints. */
static inline void world_key_add(char *key, const Prop *v)
{
    size_t n = strlen(key), room = WORLD_KEY - n;
    int64_t whole = v->kind == PROP_DOUBLE && v->d == (double)(int64_t)v->d ? (int64_t)v->d : v->i;
    if (v->kind == PROP_STR) snprintf(key + n, room, "|s%.*s", (int)v->s.n, v->s.n ? v->s.p : "");
    else if (v->kind == PROP_BOOL) snprintf(key + n, room, "|b%d", v->b);
    else if (v->kind == PROP_INT || (v->kind == PROP_DOUBLE && v->d == (double)(int64_t)v->d))
        snprintf(key + n, room, "|i%lld", (long long)whole);
    else if (v->kind == PROP_DOUBLE) snprintf(key + n, room, "|d%.17g", v->d);
    else snprintf(key + n, room, "|");
}
static inline void world_key_got(char *key, ScanTexts *texts, uint8_t kind, uint64_t value)
{
    Prop v = { .kind = kind };
    if (kind == PROP_STR) v.s = scan_text(texts, value);
    else if (kind == PROP_BOOL) v.b = value != 0;
    else if (kind == PROP_INT) v.i = (int64_t)value;
    else if (kind == PROP_DOUBLE) memcpy(&v.d, &value, sizeof v.d);
    world_key_add(key, &v);
}
static inline void world_slots(World *w, WorldAsk *a, size_t n)
{
    static const char *const props[] = { "country", "path", "price", "paid", "missing", "country" };
    a->n_slots = n;
    for (size_t k = 0; k < n; k++) {
        a->slots[k] = (ScanSlot){ .kind = world_rnd(w, 6) ? SLOT_PROP : SLOT_NAME };
        if (a->slots[k].kind == SLOT_PROP) a->slots[k].name = str_z(props[world_rnd(w, COUNT(props))]);
    }
}
static inline void world_key_of(const WorldAsk *a, size_t n, const Event *e, char key[WORLD_KEY])
{
    key[0] = 0;
    for (size_t k = 0; k < n; k++) {
        Prop v = world_value(e, a->slots[k].kind == SLOT_NAME ? S("$event") : a->slots[k].name);
        world_key_add(key, &v);
    }
}
static inline uint32_t world_root(const Snapshot *snap, int actor)
{
    uint32_t number;
    assert_true(snapshot_actor(snap, rig_key((uint64_t)actor), &number));
    return joins_root(snap->people, number);
}
/* Periods of some zone and kind, somewhere among the events. */
static inline void world_grid(Cx *cx, World *w, Grid *ret)
{
    static const char *const zones[] = { "UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe",
        "Asia/Kolkata" };
    const Zone *zone;
    Period period = (Period)world_rnd(w, 4);
    int64_t hour = 3600000, day = (int64_t)world_rnd(w, (uint64_t)w->days) - 12, n_max = 400;
    int64_t start = INT64_C(1709251200000) + day * 24 * hour;
    int64_t length = (period == PERIOD_HOUR ? 150 : period == PERIOD_DAY ? 24 * 170 : 24 * 60) * hour;
    const int64_t *starts;
    size_t n;
    if (world_rnd(w, 3) == 0) period = PERIOD_DAY;
    ok(zone_get(cx, str_z(zones[world_rnd(w, COUNT(zones))]), &zone));
    ok(zone_grid(cx, zone, period, (int)world_rnd(w, 2), start, start + 1 + (int64_t)world_rnd(w, (uint64_t)length),
        (size_t)n_max, &starts, &n));
    *ret = (Grid){ n, starts };
}
#endif
