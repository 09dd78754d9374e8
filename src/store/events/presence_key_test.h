/* presence_key: groups of a presence_world as words, grids over it, and whom an event belongs to. */
#ifndef LIUKE_PRESENCE_KEY_H
#define LIUKE_PRESENCE_KEY_H
#include "store/events/presence_ask_test.h"

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
