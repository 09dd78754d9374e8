#include "store/events/fold_funnel.h"

#define NEVER (INT64_MIN / 2)
typedef struct Attempt {
    int64_t  entry, last;        /* NEVER: none */
    uint32_t did;
    bool     excluded;
    uint32_t at[FUNNEL_STEPS_MAX];
} Attempt;
typedef struct Walk {
    const FunnelRules  *r;
    const FunnelEvents *e;
    Attempt  level[FUNNEL_STEPS_MAX + 1];
    Attempt  best;
    uint8_t  best_level;
} Walk;

static bool usable(const FunnelRules *r, const Attempt *a, size_t step, int64_t t)
{
    int64_t own = r->step_window[step];
    return a->entry != NEVER && t - a->entry <= r->window && (own == 0 || a->did == 0 || t - a->last <= own);
}
/* The level whose attempt a step continues: the one before it, and those behind steps that may be left out. The
 * latest clean attempt wins, of equals the one with more steps; SIZE_MAX: none. */
static size_t level_before(const Walk *w, size_t step, int64_t t)
{
    size_t ret = SIZE_MAX;
    for (size_t p = step + 1; p-- > 0;) {
        const Attempt *a = &w->level[p], *old = ret == SIZE_MAX ? NULL : &w->level[ret];
        if (usable(w->r, a, step, t) && (!old || (!a->excluded && (old->excluded || a->entry > old->entry)))) ret = p;
        if (p == 0 || !(w->r->optional >> (p - 1) & 1)) break;
    }
    return ret;
}
static bool has_event(const Attempt *a, uint32_t i)
{
    for (uint32_t rest = a->did; rest; rest &= rest - 1) if (a->at[__builtin_ctz(rest)] == i) return true;
    return false;
}
static void take_step(Walk *w, uint32_t i, size_t step)
{
    int64_t t = w->e->time[i];
    size_t p = level_before(w, step, t);
    if (p == SIZE_MAX) return;
    const Attempt *from = &w->level[p];
    Attempt *to = &w->level[step + 1], next;
    bool again = to->entry == from->entry;
    if ((again && !w->r->by_step) || has_event(from, i)) return;
    next = *from;
    next.excluded |= again && to->excluded;
    next.last = t;
    next.did |= UINT32_C(1) << step;
    next.at[step] = i;
    if (!next.excluded || again) *to = next;
    if (step + 1 > w->best_level || (step + 1 == w->best_level && w->best.excluded)) {
        w->best = next;
        w->best_level = (uint8_t)(step + 1);
    }
}
static bool went_on(const Walk *w, size_t level)
{
    for (size_t p = level + 1; p <= w->r->n; p++) {
        if (w->level[p].entry == w->level[level].entry) return true;
        if (!(w->r->optional >> (p - 1) & 1)) return false;
    }
    return false;
}
static void spoil(Walk *w, uint32_t exclusions, int64_t t)
{
    uint32_t levels = 0;
    for (size_t x = 0; x < w->r->n_spoils; x++) if (exclusions >> x & 1) levels |= w->r->spoils[x];
    for (; levels; levels &= levels - 1) {
        size_t p = (size_t)__builtin_ctz(levels);
        Attempt *a = &w->level[p];
        if (a->entry == NEVER || a->excluded || a->last >= t || t - a->entry > w->r->window || went_on(w, p)) continue;
        a->excluded = true;
        if (w->best_level == p && w->best.last < t && t - w->best.entry <= w->r->window) w->best.excluded = true;
    }
}
static void begin_instant(Walk *w, int64_t t)
{
    w->level[0].entry = t < w->r->to ? t : NEVER;
}
static void end_instant(Walk *w, uint32_t mask, int64_t t)
{
    if (w->r->n_spoils) spoil(w, mask >> w->r->n, t);
    if (w->r->order == FUNNEL_STRICT)
        for (size_t s = 0; s < w->r->n; s++) if (!(mask >> s & 1)) w->level[s + 1].entry = NEVER;
}
static uint32_t steps_of(const Walk *w, uint32_t mask) { return mask & ((UINT32_C(1) << w->r->n) - 1); }
static void one_event(Walk *w, uint32_t i)
{
    uint32_t mask = w->e->mask[i];
    for (uint32_t rest = steps_of(w, mask); rest;) {
        size_t step = 31 - (size_t)__builtin_clz(rest);
        take_step(w, i, step);
        rest ^= UINT32_C(1) << step;
    }
    end_instant(w, mask, w->e->time[i]);
}
/* Events of one instant with a step, those of fewer and lower steps first: their order in the log says nothing. */
static void mixed_step(Walk *w, size_t from, size_t to, size_t step)
{
    uint32_t done = 0, next;
    do {
        next = UINT32_MAX;
        for (size_t i = from; i < to; i++) {
            uint32_t mask = steps_of(w, w->e->mask[i]);
            if (mask >> step & 1 && mask > done && mask < next) next = mask;
        }
        for (size_t i = from; next != UINT32_MAX && i < to; i++)
            if (steps_of(w, w->e->mask[i]) == next) take_step(w, (uint32_t)i, step);
        done = next;
    } while (next != UINT32_MAX);
}
static void mixed_events(Walk *w, size_t from, size_t to)
{
    uint32_t all = 0;
    for (size_t i = from; i < to; i++) all |= w->e->mask[i];
    for (uint32_t rest = steps_of(w, all); rest; rest &= rest - 1)
        mixed_step(w, from, to, (size_t)__builtin_ctz(rest));
    end_instant(w, all, w->e->time[from]);
}
static bool all_same(const uint32_t *mask, size_t n)
{
    for (size_t i = 1; i < n; i++) if (mask[i] != mask[0]) return false;
    return true;
}
void fold_funnel_walk(const FunnelRules *r, const FunnelEvents *e, uint8_t *room, FunnelReach *ret)
{
    Walk w;
    *ret = (FunnelReach){ 0 };
    if (r->order == FUNNEL_UNORDERED) {
        fold_funnel_walk_any(r, e, room, ret);
        return;
    }
    w.r = r, w.e = e, w.best_level = 0;
    for (size_t p = 0; p <= r->n; p++) w.level[p].entry = NEVER, w.level[p].did = 0, w.level[p].excluded = false;
    for (size_t i = 0, j; i < e->n && w.level[r->n].entry == NEVER; i = j) {
        for (j = i + 1; j < e->n && e->time[j] == e->time[i];) j++;
        begin_instant(&w, e->time[i]);
        if (j - i > 1 && !all_same(e->mask + i, j - i)) mixed_events(&w, i, j);
        else for (size_t k = i; k < j; k++) one_event(&w, (uint32_t)k);
    }
    if (!w.best_level) return;
    ret->level = w.best_level;
    ret->excluded = w.best.excluded;
    ret->did = w.best.did;
    for (uint32_t rest = ret->did; rest; rest &= rest - 1) {
        int step = __builtin_ctz(rest);
        ret->at[step] = w.best.at[step];
    }
}
