/* One property the same in all steps: a funnel of its own for each of a person's values. */
#include "store/events/fold_funnel.h"
#include "store/events/events.h"
#include <stdlib.h>
#include <string.h>

typedef struct Mapped { const uint32_t *at; FunnelEntry *tell; void *arg; } Mapped;
typedef struct Deepest { const Span *s; FunnelReach r; } Deepest;

bool fold_funnel_part_room(FoldFunnel *f, FunnelPart *p, size_t n)
{
    size_t cap = p->cap;
    if (!fold_funnel_room(f, &p->time, &cap, n, sizeof *p->time)) return false;
    cap = p->cap;
    if (!fold_funnel_room(f, &p->mask, &cap, n, sizeof *p->mask)) return false;
    return fold_funnel_room(f, &p->at, &p->cap, n, sizeof *p->at);
}
int fold_funnel_by_value(const void *a, const void *b)
{
    const FunnelValue *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}
/* The deeper one; of equals the one that was there earlier, by its last step, then the one before it … */
bool fold_funnel_better(const Span *s, const FunnelReach *r, const FunnelReach *than)
{
    if (r->level != than->level) return r->level > than->level;
    for (size_t k = FUNNEL_STEPS_MAX; k-- > 0;) {
        bool has = r->did >> k & 1, had = than->did >> k & 1;
        if (has != had) return has;
        if (has && s->time[r->at[k]] != s->time[than->at[k]]) return s->time[r->at[k]] < s->time[than->at[k]];
    }
    return false;
}
static void mapped(void *arg, const FunnelReach *r)
{
    const Mapped *m = arg;
    FunnelReach to = *r;
    for (uint32_t rest = r->did; m->at && rest; rest &= rest - 1) {
        int k = __builtin_ctz(rest);
        to.at[k] = m->at[r->at[k]];
    }
    m->tell(m->arg, &to);
}
static void deepest(void *arg, const FunnelReach *r)
{
    Deepest *d = arg;
    if (fold_funnel_better(d->s, r, &d->r)) d->r = *r;
}
static void one_part(FoldFunnel *f, const FunnelEvents *e, const uint32_t *at, FunnelEntry *tell, void *arg)
{
    const FunnelRules *r = &f->wants->rules;
    Mapped m = { at, tell, arg };
    FunnelReach reach;
    if (f->wants->entries) {
        fold_funnel_entries(r, e, mapped, &m);
        return;
    }
    if (r->order == FUNNEL_UNORDERED && !fold_funnel_room(f, &f->room, &f->cap_room, e->n, 1)) return;
    fold_funnel_walk(r, e, f->room, &reach);
    if (reach.level && !reach.excluded) mapped(&m, &reach);
}

/* ---- the events of one value ---- */

typedef struct Held {
    FunnelEvents e;
    const uint32_t *at;          /* places in the span; NULL: the same */
    uint32_t exclusions;         /* bits of the mask */
    size_t   n_values, n_loose;  /* loose: exclusions without a value, which spoil attempts of every value */
} Held;

static void add_event(FoldFunnel *f, const Held *h, size_t i, uint32_t mask)
{
    FunnelPart *p = &f->inner;
    p->time[p->n] = h->e.time[i];
    p->mask[p->n] = mask;
    p->at[p->n++] = h->at ? h->at[i] : (uint32_t)i;
}
/* What is left out between two events still stands between them, where the funnel is strict. */
static void add_break(FoldFunnel *f, const Held *h, size_t before, size_t i)
{
    size_t k = before + 1;
    while (k < i && h->e.time[k] == h->e.time[before]) k++;
    if (k < i && h->e.time[k] < h->e.time[i]) add_event(f, h, k, 0);
}
static void fill(FoldFunnel *f, const Held *h, const FunnelValue *v, size_t n)
{
    int64_t until = h->e.time[v[n - 1].i] + f->wants->rules.window;
    size_t low = 0, high = h->n_loose, before = v[0].i;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (f->loose[mid] < v[0].i) low = mid + 1;
        else high = mid;
    }
    f->inner.n = 0;
    for (size_t k = 0; k < n || (low < h->n_loose && h->e.time[f->loose[low]] <= until);) {
        bool own = k < n && (low == h->n_loose || v[k].i < f->loose[low]);
        size_t i = own ? v[k++].i : f->loose[low++];
        if (f->wants->rules.order == FUNNEL_STRICT) add_break(f, h, before, i);
        add_event(f, h, i, own ? h->e.mask[i] : h->e.mask[i] & h->exclusions);
        before = i;
    }
}
/* 1.0 is 1 */
static FunnelValue value_of(uint8_t kind, uint64_t value, size_t i)
{
    double d;
    memcpy(&d, &value, sizeof d);
    if (kind == PROP_DOUBLE && d >= -0x1p63 && d < 0x1p63 && (double)(int64_t)d == d)
        return (FunnelValue){ (uint64_t)(int64_t)d, PROP_INT, (uint32_t)i };
    return (FunnelValue){ value, kind, (uint32_t)i };
}
static bool sort_values(FoldFunnel *f, const Span *s, Held *h)
{
    const FoldCol *c = &s->cols[f->wants->n_keys];
    if (!fold_funnel_room(f, &f->values, &f->cap_values, h->e.n, sizeof *f->values) ||
        !fold_funnel_room(f, &f->loose, &f->cap_loose, h->e.n, sizeof *f->loose)) return false;
    for (size_t i = 0; i < h->e.n; i++) {
        size_t at = h->at ? h->at[i] : i;
        if (c->kind[at] == PROP_NULL || (c->kind[at] == PROP_STR && c->value[at] == f->wants->empty)) {
            if (h->e.mask[i] & h->exclusions) f->loose[h->n_loose++] = (uint32_t)i;
            continue;
        }
        f->values[h->n_values++] = value_of(c->kind[at], c->value[at], i);
    }
    qsort(f->values, h->n_values, sizeof *f->values, fold_funnel_by_value);
    return fold_funnel_part_room(f, &f->inner, 2 * h->e.n);
}
void fold_funnel_held(FoldFunnel *f, const Span *s, const FunnelPart *part, FunnelEntry *tell, void *arg)
{
    const FunnelWants *w = f->wants;
    Held h = { .e = { s->n, s->time, s->mask } };
    Deepest best = { .s = s };
    if (part) h.e = (FunnelEvents){ part->n, part->time, part->mask }, h.at = part->at;
    if (!w->hold) {
        one_part(f, &h.e, h.at, tell, arg);
        return;
    }
    h.exclusions = ((UINT32_C(1) << w->rules.n_spoils) - 1) << w->rules.n;
    if (!sort_values(f, s, &h)) return;
    for (size_t i = 0, j; i < h.n_values; i = j) {
        const FunnelValue *v = f->values + i;
        for (j = i + 1; j < h.n_values && f->values[j].kind == v->kind && f->values[j].value == v->value;) j++;
        fill(f, &h, v, j - i);
        FunnelEvents e = { f->inner.n, f->inner.time, f->inner.mask };
        if (w->entries) one_part(f, &e, f->inner.at, tell, arg);
        else one_part(f, &e, f->inner.at, deepest, &best);
    }
    if (best.r.level) tell(arg, &best.r);
}
