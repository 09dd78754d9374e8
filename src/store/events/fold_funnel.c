#include "store/events/fold_funnel.h"
#include "base/arena.h"
#include "store/events/events.h"
#include <stdlib.h>
#include <string.h>

#define NEVER (INT64_MIN / 2)

/* ---- memory: asked of the question's run before it grows ---- */

bool fold_funnel_room(FoldFunnel *f, void *array, size_t *cap, size_t n, size_t each)
{
    void *old, *p;
    size_t to = *cap ? *cap * 2 : 64;
    if (n <= *cap) return true;
    while (to < n) to *= 2;
    memcpy(&old, array, sizeof old);
    Status st = scan_bytes(NULL, f->wants->run, (ptrdiff_t)((to - *cap) * each));
    if (st == ST_OK) {
        f->bytes += (to - *cap) * each;
        p = mem_grow(old, to * each);
        if (p) {
            memcpy(array, &p, sizeof p);
            *cap = to;
            return true;
        }
        st = ST_NO_MEM;
    }
    if (f->fold.st == ST_OK) f->fold.st = st;
    return false;
}
static bool room_of(FoldFunnel *f, FunnelTimes *t)
{
    size_t cap = t->cap;
    if (t->n < cap) return true;
    if (f->wants->n_keys && !fold_funnel_room(f, &t->group, &cap, cap + 1, sizeof *t->group)) return false;
    cap = t->cap;
    if (f->wants->rules.window > UINT32_MAX && !fold_funnel_room(f, &t->high, &cap, cap + 1, sizeof *t->high))
        return false;
    return fold_funnel_room(f, &t->ms, &t->cap, t->cap + 1, sizeof *t->ms);
}
static void add_time(FoldFunnel *f, FunnelTimes *t, uint32_t group, int64_t ms)
{
    if (!room_of(f, t)) return;
    t->ms[t->n] = (uint32_t)ms;
    if (t->high) t->high[t->n] = (uint32_t)(ms >> 32);
    if (t->group) t->group[t->n] = group;
    t->n++;
}
int64_t fold_funnel_ms(const FunnelTimes *t, size_t i) { return t->ms[i] | (t->high ? (int64_t)t->high[i] << 32 : 0); }

/* ---- groups ---- */

static bool group_of(FoldFunnel *f, const GroupKey *key, uint32_t *ret)
{
    const FunnelWants *w = f->wants;
    size_t n = f->groups.n;
    GroupKey k = *key;
    for (size_t i = 0; i < w->n_keys; i++)
        if (k.kind[i] == PROP_STR && k.value[i] == w->empty) k.kind[i] = PROP_NULL, k.value[i] = 0;
    Status st = groups_add(&f->groups, &k, ret);
    if (st == ST_OK && f->groups.n > n) {
        st = scan_bytes(NULL, w->run, 2 * sizeof k);
        if (st == ST_OK) f->bytes += 2 * sizeof k;
    }
    if (st != ST_OK) {
        if (f->fold.st == ST_OK) f->fold.st = st;
        return false;
    }
    return true;
}
static uint32_t kept(const FunnelWants *w, uint32_t group)
{
    return w->keep && group > w->n_keep ? (uint32_t)w->n_keep : group;
}
static int64_t *row_of(FoldFunnel *f, uint32_t group)
{
    size_t n = f->wants->rules.n, old = f->cap_groups;
    if (!fold_funnel_room(f, &f->people, &f->cap_groups, group + 1, n * sizeof *f->people)) return NULL;
    memset(f->people + old * n, 0, (f->cap_groups - old) * n * sizeof *f->people);
    return f->people + group * n;
}
static bool no_value(const FunnelWants *w, const FoldCol *c, size_t i)
{
    return c->kind[i] == PROP_NULL || (c->kind[i] == PROP_STR && c->value[i] == w->empty);
}
static bool has_value(const FunnelWants *w, const Span *s, size_t i)
{
    for (size_t k = 0; k < w->n_keys; k++) if (!no_value(w, &s->cols[k], i)) return true;
    return false;
}
/* The event whose value counts: of those with a step, the first or last that has one. */
static size_t touched(const FunnelWants *w, const Span *s)
{
    uint32_t steps = (UINT32_C(1) << w->rules.n) - 1;
    bool first = w->touch == FUNNEL_FIRST_TOUCH;
    for (size_t i = 0; i < s->n; i++) {
        size_t at = first ? i : s->n - 1 - i;
        if (s->mask[at] & steps && has_value(w, s, at)) return at;
    }
    return SIZE_MAX;
}
static size_t touched_step(const FunnelWants *w, const Span *s, const FunnelReach *r)
{
    size_t ret = SIZE_MAX;
    for (uint32_t rest = r->did; rest; rest &= rest - 1) {
        size_t at = r->at[__builtin_ctz(rest)];
        if (!has_value(w, s, at)) continue;
        ret = at;
        if (w->touch == FUNNEL_FIRST_TOUCH) return ret;
    }
    return ret;
}

/* ---- what one person, or one entry, adds ---- */

typedef struct Telling { FoldFunnel *f; const Span *s; uint32_t group; bool fixed; } Telling;

static bool picked(const FunnelWants *w, const Span *s, uint32_t group, const FunnelReach *r)
{
    const FunnelPick *p = w->pick;
    uint32_t both = UINT32_C(1) << w->from_step | UINT32_C(1) << w->to_step;
    if (p->group != group) return false;
    if (p->who == FUNNEL_REACHED) return r->did >> p->step & 1;
    if (p->who == FUNNEL_LOST) {
        size_t before = p->step;
        while (before > 0 && w->rules.optional >> (before - 1) & 1) before--;
        return p->step > 0 && !(r->did >> p->step & 1) && r->did >> (before ? before - 1 : 0) & 1;
    }
    if ((r->did & both) != both) return false;
    int64_t ms = s->time[r->at[w->to_step]] - s->time[r->at[w->from_step]];
    return ms >= p->low && ms < p->high;
}
static void add_times(FoldFunnel *f, const Span *s, uint32_t group, const FunnelReach *r)
{
    const FunnelWants *w = f->wants;
    uint32_t both = UINT32_C(1) << w->from_step | UINT32_C(1) << w->to_step;
    size_t before = 0;
    for (size_t k = 1; w->times && k < w->rules.n; k++) {
        if (!(r->did >> k & 1)) continue;
        add_time(f, &f->times[k], group, s->time[r->at[k]] - s->time[r->at[before]]);
        before = k;
    }
    if (w->convert && (r->did & both) == both)
        add_time(f, &f->times[0], group, s->time[r->at[w->to_step]] - s->time[r->at[w->from_step]]);
}
static void add_reach(FoldFunnel *f, const Span *s, uint32_t group, const FunnelReach *r)
{
    int64_t *row = row_of(f, group);
    if (!row) return;
    for (uint32_t rest = r->did; rest; rest &= rest - 1) row[__builtin_ctz(rest)]++;
    if (f->wants->times || f->wants->convert) add_times(f, s, group, r);
    if (f->wants->pick && picked(f->wants, s, group, r)) people_set_add(&f->picked, s->root);
}
static void tell(void *arg, const FunnelReach *r)
{
    const Telling *t = arg;
    const FunnelWants *w = t->f->wants;
    uint32_t group = t->group;
    GroupKey none = { { 0 }, { 0 } }, key;
    size_t at = SIZE_MAX;
    if (!t->fixed && w->n_keys) {
        if (w->touch == FUNNEL_AT_STEP) {
            if (!(r->did >> w->touch_step & 1)) return;
            at = r->at[w->touch_step];
        } else {
            at = w->entries ? touched_step(w, t->s, r) : touched(w, t->s);
        }
        key = at == SIZE_MAX ? none : groups_key_at(t->s->cols, w->n_keys, at);
        if (!group_of(t->f, &key, &group)) return;
        group = kept(w, group);
    }
    add_reach(t->f, t->s, group, r);
}

/* ---- every step carries the same values ---- */

static bool part_of_class(FoldFunnel *f, const Span *s, const FunnelValue *v, size_t n)
{
    if (!fold_funnel_part_room(f, &f->outer, n)) return false;
    for (size_t i = 0; i < n; i++) {
        f->outer.at[i] = v[i].i;
        f->outer.time[i] = s->time[v[i].i];
        f->outer.mask[i] = s->mask[v[i].i];
    }
    f->outer.n = n;
    return true;
}
typedef struct Deepest { const Span *s; FunnelReach r; } Deepest;

static void deepest(void *arg, const FunnelReach *r)
{
    Deepest *d = arg;
    if (fold_funnel_better(d->s, r, &d->r)) d->r = *r;
}
static void all_events(FoldFunnel *f, const Span *s)
{
    const FunnelWants *w = f->wants;
    Telling t = { .f = f, .s = s, .fixed = true };
    Deepest rest = { .s = s };
    if (!fold_funnel_room(f, &f->classes, &f->cap_classes, s->n, sizeof *f->classes)) return;
    for (size_t i = 0; i < s->n; i++) {
        GroupKey key = groups_key_at(s->cols, w->n_keys, i);
        uint32_t group = 0;
        if (!group_of(f, &key, &group)) return;
        f->classes[i] = (FunnelValue){ group, 0, (uint32_t)i };
    }
    qsort(f->classes, s->n, sizeof *f->classes, fold_funnel_by_value);
    for (size_t i = 0, j; i < s->n; i = j) {
        const FunnelValue *v = f->classes + i;
        for (j = i + 1; j < s->n && f->classes[j].value == v->value;) j++;
        if (!part_of_class(f, s, v, j - i)) return;
        t.group = kept(w, (uint32_t)v->value);
        bool one_of_rest = w->keep && !w->entries && t.group == w->n_keep;
        if (one_of_rest) fold_funnel_held(f, s, &f->outer, deepest, &rest);
        else fold_funnel_held(f, s, &f->outer, tell, &t);
    }
    t.group = (uint32_t)w->n_keep;
    if (rest.r.level) tell(&t, &rest.r);
}

/* ---- a person ---- */

/* One step of the latest attempts; true: taken. */
static inline uint32_t plain_step(const FunnelRules *r, int64_t *entry, size_t step, int64_t t)
{
    int64_t e = entry[step], old = entry[step + 1];
    bool in = t - e <= r->window;
    entry[step + 1] = in ? e : old;
    return (uint32_t)in << step;
}
/* Events of one instant, gone over again from low steps to high: that takes back nothing of what they did before. */
static uint32_t plain_instant(const FunnelRules *r, int64_t *entry, const Span *s, size_t i)
{
    int64_t t = s->time[i];
    uint32_t mask = s->mask[i], got = 0;
    while (i > 0 && s->time[i - 1] == t) mask |= s->mask[--i];
    for (; mask; mask &= mask - 1) got |= plain_step(r, entry, (size_t)__builtin_ctz(mask), t);
    return got;
}
/* How far, where each event is of one step at most: only the entry of each level's latest attempt is kept. */
typedef struct Plain {
    uint32_t got;                /* steps taken: low bits */
    bool     many;               /* some event is of several steps: nothing here is right */
    size_t   at;                 /* the event that took the last of them first, */
    int64_t  entry;              /* and when that attempt began */
} Plain;
static inline __attribute__((always_inline)) Plain plain_walk(const FunnelRules *r, const Span *s, bool where)
{
    int64_t entry[FUNNEL_STEPS_MAX + 1], before = NEVER, began = NEVER;
    uint32_t got = 0, many = 0, last = UINT32_C(1) << (r->n - 1);
    size_t at = 0;
    for (size_t k = 0; k <= r->n; k++) entry[k] = NEVER;
    for (size_t i = 0; i < s->n && !(got & last); i++) {
        int64_t t = s->time[i];
        uint32_t mask = s->mask[i], had = got;
        size_t step = (size_t)__builtin_ctz(mask);
        many |= mask & (mask - 1);
        entry[0] = t < r->to ? t : NEVER;
        int64_t e = entry[step];
        got |= plain_step(r, entry, step, t);
        if (__builtin_expect(t == before, 0)) got |= plain_instant(r, entry, s, i);
        before = t;
        if (!where) continue;
        at = got != had ? i : at;
        began = got != had ? e : began;
    }
    return (Plain){ .got = got, .many = many != 0, .at = at, .entry = began };
}
/* The events of the attempt: a walk from its entry to where it got to. Nothing before it can matter to it. */
static void plain_events(const FunnelRules *r, const Span *s, const Plain *p, FunnelReach *ret)
{
    size_t from = p->at, to = p->at + 1;
    bool alone = (from == 0 || s->time[from - 1] != s->time[from]) && (to == s->n || s->time[to] != s->time[from]);
    if (!alone) from = 0, to = s->n;                       /* of one instant: who was first is not known here */
    while (alone && from > 0 && s->time[from - 1] >= p->entry) from--;
    fold_funnel_walk(r, &(FunnelEvents){ to - from, s->time + from, s->mask + from }, NULL, ret);
    for (size_t k = 0; k < ret->level; k++) ret->at[k] += (uint32_t)from;
}
static bool needs_events(const FunnelWants *w)
{
    return w->times || w->convert || (w->n_keys && w->touch == FUNNEL_AT_STEP) ||
        (w->pick && w->pick->who == FUNNEL_TIME);
}
static bool is_plain(const FunnelWants *w)
{
    const FunnelRules *r = &w->rules;
    return r->order == FUNNEL_ORDERED && !r->optional && !r->by_step && !r->n_spoils && !w->entries && !w->hold &&
        (!w->n_keys || w->touch != FUNNEL_ALL_EVENTS);
}
static void plain_person(Fold *fold, const Span *s)
{
    FoldFunnel *f = (FoldFunnel *)fold;
    const FunnelWants *w = f->wants;
    Telling t = { .f = f, .s = s };
    FunnelReach reach;
    bool where = needs_events(w);
    Plain p = where ? plain_walk(&w->rules, s, true) : plain_walk(&w->rules, s, false);
    if (__builtin_expect(p.many, 0)) {
        fold_funnel_walk(&w->rules, &(FunnelEvents){ s->n, s->time, s->mask }, NULL, &reach);
        if (reach.level) tell(&t, &reach);
        return;
    }
    if (!p.got) return;
    reach.level = (uint8_t)(32 - __builtin_clz(p.got));
    if (!w->n_keys && !w->pick && (!where || reach.level == 1)) {
        f->plain[reach.level]++;
        return;
    }
    reach.excluded = false;
    reach.did = p.got;
    reach.at[0] = (uint32_t)p.at;
    if (reach.level > 1 && where) plain_events(&w->rules, s, &p, &reach);
    tell(&t, &reach);
}
static void person(Fold *fold, const Span *s)
{
    FoldFunnel *f = (FoldFunnel *)fold;
    const FunnelWants *w = f->wants;
    Telling t = { .f = f, .s = s };
    if (w->n_keys && w->touch == FUNNEL_ALL_EVENTS) all_events(f, s);
    else fold_funnel_held(f, s, NULL, tell, &t);
}

/* ---- fork, merge, done ---- */

static void done(Fold *fold)
{
    FoldFunnel *f = (FoldFunnel *)fold;
    if (!f) return;
    Status given = scan_bytes(NULL, f->wants->run, -(ptrdiff_t)f->bytes);   /* cannot fail */
    (void)given;
    groups_done(&f->groups);
    people_set_done(&f->picked);
    for (size_t s = 0; s < FUNNEL_STEPS_MAX; s++) {
        mem_free(f->times[s].ms);
        mem_free(f->times[s].high);
        mem_free(f->times[s].group);
    }
    mem_free(f->people);
    mem_free(f->outer.time), mem_free(f->outer.mask), mem_free(f->outer.at);
    mem_free(f->inner.time), mem_free(f->inner.mask), mem_free(f->inner.at);
    mem_free(f->room);
    mem_free(f->classes);
    mem_free(f->values);
    mem_free(f->loose);
}
static void forked_done(Fold *fold)
{
    done(fold);
    mem_free(fold);
}
static Status fork_of(Cx *cx, const Fold *fold, Fold **ret)
{
    const FoldFunnel *f = (const FoldFunnel *)fold;
    FoldFunnel *made = mem_get(sizeof *made);
    if (!made) return fail(cx, ST_NO_MEM, "funnel");
    Status st = fold_funnel_init(cx, made, f->wants);
    made->fold.done = forked_done;
    if (st == ST_OK) *ret = &made->fold;
    else forked_done(&made->fold);
    return st;
}
static void merge_times(FoldFunnel *f, FunnelTimes *to, const FunnelTimes *from, const uint32_t *group)
{
    for (size_t i = 0; i < from->n && f->fold.st == ST_OK; i++)
        add_time(f, to, from->group ? group[from->group[i]] : 0, fold_funnel_ms(from, i));
}
static void merge(Fold *fold, Fold *other)
{
    FoldFunnel *f = (FoldFunnel *)fold, *from = (FoldFunnel *)other;
    const FunnelWants *w = f->wants;
    size_t n = fold_funnel_groups(from);
    uint32_t *group = mem_get((n + 1) * sizeof *group);
    if (!group && f->fold.st == ST_OK) f->fold.st = ST_NO_MEM;
    for (size_t g = 0; group && g < n && f->fold.st == ST_OK; g++) {
        if (!w->n_keys || w->keep) group[g] = (uint32_t)g;
        else if (!group_of(f, &from->groups.keys[g], &group[g])) break;
        int64_t *row = g < from->cap_groups ? row_of(f, group[g]) : NULL;
        for (size_t s = 0; row && s < w->rules.n; s++) row[s] += from->people[g * w->rules.n + s];
    }
    for (size_t p = 0; p <= w->rules.n; p++) f->plain[p] += from->plain[p];
    for (size_t s = 0; group && s < w->rules.n; s++) merge_times(f, &f->times[s], &from->times[s], group);
    if (w->pick) people_set_or(&f->picked, &from->picked);
    mem_free(group);
}
Status fold_funnel_init(Cx *cx, FoldFunnel *f, const FunnelWants *wants)
{
    *f = (FoldFunnel){ .wants = wants };
    f->fold = (Fold){ .person = is_plain(wants) ? plain_person : person, .fork = fork_of, .merge = merge,
        .done = done };
    f->groups.n_keys = wants->n_keys;
    for (size_t i = 0; wants->keep && i < wants->n_keep; i++) {
        uint32_t g;
        if (groups_add(&f->groups, &wants->keep[i], &g) != ST_OK) return fail(cx, ST_NO_MEM, "funnel: groups");
    }
    return wants->pick ? people_set_new(cx, wants->n_roots, &f->picked) : ST_OK;
}
int64_t fold_funnel_people(const FoldFunnel *f, size_t group, size_t step)
{
    size_t n = f->wants->rules.n;
    int64_t ret = group < f->cap_groups ? f->people[group * n + step] : 0;
    for (size_t p = step + 1; p <= n; p++) ret += f->plain[p];
    return ret;
}
size_t fold_funnel_groups(const FoldFunnel *f)
{
    if (f->wants->keep) return f->wants->n_keep + 1;
    return f->wants->n_keys ? f->groups.n : 1;
}
