#include "store/events/groups.h"
#include "base/arena.h"
#include "store/events/events.h"
#include <string.h>
#include <xxhash.h>

enum { SLOTS_FIRST = 64 };

static GroupKey plain(const Groups *g, const GroupKey *k)
{
    GroupKey ret = { { 0 }, { 0 } };
    for (size_t i = 0; i < (g->n_keys ? g->n_keys : GROUPS_KEYS); i++) {
        double d;
        ret.kind[i] = k->kind[i];
        ret.value[i] = k->value[i];
        if (k->kind[i] != PROP_DOUBLE) continue;
        memcpy(&d, &k->value[i], sizeof d);
        if (!(d >= -0x1p63 && d < 0x1p63) || (double)(int64_t)d != d) continue;
        ret.kind[i] = PROP_INT;
        ret.value[i] = (uint64_t)(int64_t)d;
    }
    return ret;
}
static bool same(const GroupKey *a, const GroupKey *b)
{
    for (size_t i = 0; i < GROUPS_KEYS; i++) if (a->kind[i] != b->kind[i] || a->value[i] != b->value[i]) return false;
    return true;
}
static uint32_t *slot_of(const Groups *g, const GroupKey *k)
{
    uint64_t h = XXH3_64bits(k->value, sizeof k->value) + k->kind[0] + k->kind[1] * 31U + k->kind[2] * 961U;
    size_t i = (size_t)h & (g->n_slots - 1);
    while (g->slots[i] && !same(&g->keys[g->slots[i] - 1], k)) i = (i + 1) & (g->n_slots - 1);
    return g->slots + i;
}
static Status grow(Groups *g)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : SLOTS_FIRST / 2;
        GroupKey *keys = mem_grow(g->keys, cap * sizeof *keys);
        if (!keys) return ST_NO_MEM;
        g->keys = keys;
        g->cap = cap;
    }
    if (g->n < g->n_slots / 2) return ST_OK;
    size_t n = g->n_slots ? g->n_slots * 2 : SLOTS_FIRST;
    uint32_t *slots = mem_get(n * sizeof *slots);
    if (!slots) return ST_NO_MEM;
    mem_free(g->slots);
    g->slots = slots;
    g->n_slots = n;
    for (uint32_t i = 0; i < g->n; i++) *slot_of(g, &g->keys[i]) = i + 1;
    return ST_OK;
}
Status groups_add(Groups *g, const GroupKey *key, uint32_t *ret)
{
    GroupKey k = plain(g, key);
    uint32_t *slot = g->n_slots ? slot_of(g, &k) : NULL;
    if (!slot || *slot == 0) {
        TRY(grow(g));
        g->keys[g->n] = k;
        slot = slot_of(g, &k);
        *slot = (uint32_t)++g->n;
    }
    *ret = *slot - 1;
    return ST_OK;
}
uint32_t groups_find(const Groups *g, const GroupKey *key)
{
    GroupKey k = plain(g, key);
    return g->n_slots ? *slot_of(g, &k) - 1 : UINT32_MAX;      /* an empty slot holds 0 */
}
GroupKey groups_key_at(const FoldCol *cols, size_t n_keys, size_t i)
{
    GroupKey k = { { 0 }, { 0 } };
    for (size_t c = 0; c < n_keys; c++) {
        k.kind[c] = cols[c].kind[i];
        k.value[c] = cols[c].value[i];
    }
    return k;
}
void groups_done(Groups *g)
{
    mem_free(g->keys);
    mem_free(g->slots);
    *g = (Groups){ 0 };
}
