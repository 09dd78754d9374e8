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
#endif
