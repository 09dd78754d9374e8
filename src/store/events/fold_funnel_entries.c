/* Entries one after another: at most one is under way. */
#include "store/events/fold_funnel.h"

typedef struct Entries {
    const FunnelRules  *r;
    const FunnelEvents *e;
    FunnelEntry *tell;
    void    *arg;
    bool     open;
    int64_t  entry, last;
    FunnelReach now;
} Entries;

static void end(Entries *n)
{
    n->open = false;
    n->tell(n->arg, &n->now);
}
static bool may_take(const Entries *n, size_t step, int64_t t)
{
    int64_t own = n->r->step_window[step];
    if (own && t - n->last > own) return false;
    for (size_t s = n->now.level; s < step; s++) if (!(n->r->optional >> s & 1)) return false;
    return true;
}
/* The step that an event is of what is under way; n: none. */
static size_t next_step(const Entries *n, uint32_t steps, int64_t t)
{
    if (n->r->order == FUNNEL_UNORDERED) {
        uint32_t left = steps & ~n->now.did;               /* did: of the real steps here */
        return left ? (size_t)__builtin_ctz(left) : n->r->n;
    }
    for (size_t s = n->r->n; s-- > n->now.level;) if (steps >> s & 1 && may_take(n, s, t)) return s;
    return n->r->n;
}
static bool over(const Entries *n, int64_t t)
{
    if (t - n->entry > n->r->window) return true;
    if (!n->r->by_step) return false;
    for (size_t s = n->now.level; s < n->r->n; s++) {
        if (may_take(n, s, t)) return false;
        if (!(n->r->optional >> s & 1)) break;
    }
    return true;
}
static bool spoilt(const Entries *n, uint32_t exclusions, int64_t t)
{
    if (n->last >= t) return false;
    for (size_t x = 0; x < n->r->n_spoils; x++)
        if (exclusions >> x & 1 && (n->r->order == FUNNEL_UNORDERED || n->r->spoils[x] >> n->now.level & 1))
            return true;
    return false;
}
static void take(Entries *n, uint32_t i, size_t step)
{
    bool any = n->r->order == FUNNEL_UNORDERED;
    n->last = n->e->time[i];
    n->now.at[any ? n->now.level : step] = i;
    n->now.did |= UINT32_C(1) << step;
    n->now.level = (uint8_t)(any ? n->now.level + 1U : step + 1);
    if (n->now.level == n->r->n) end(n);
}
static void one_event(Entries *n, uint32_t i)
{
    int64_t t = n->e->time[i];
    uint32_t steps = n->e->mask[i] & ((UINT32_C(1) << n->r->n) - 1);
    if (n->open && over(n, t)) end(n);
    if (n->open) {
        size_t step = next_step(n, steps, t);
        if (step < n->r->n) {
            take(n, i, step);
            return;
        }
        if (spoilt(n, n->e->mask[i] >> n->r->n, t)) n->open = false;
        else if (n->r->order == FUNNEL_STRICT && t > n->last) end(n);
        else return;
    }
    if (t >= n->r->to || !(n->r->order == FUNNEL_UNORDERED ? steps : steps & 1)) return;
    n->open = true;
    n->entry = t;
    n->now = (FunnelReach){ 0 };
    take(n, i, n->r->order == FUNNEL_UNORDERED ? (size_t)__builtin_ctz(steps) : 0);
}
static void low_bits(void *arg, const FunnelReach *r)
{
    const Entries *outer = arg;
    FunnelReach turned = *r;
    turned.did = (UINT32_C(1) << r->level) - 1;
    outer->tell(outer->arg, &turned);
}
void fold_funnel_entries(const FunnelRules *r, const FunnelEvents *e, FunnelEntry *tell, void *arg)
{
    Entries caller = { .tell = tell, .arg = arg }, n = { .r = r, .e = e, .tell = tell, .arg = arg };
    if (r->order == FUNNEL_UNORDERED) n.tell = low_bits, n.arg = &caller;
    for (size_t i = 0, j; i < e->n; i = j) {
        for (j = i + 1; j < e->n && e->time[j] == e->time[i];) j++;
        if (j - i == 1) {
            one_event(&n, (uint32_t)i);
            continue;
        }
        for (size_t s = 0; s <= r->n; s++)                 /* of one instant: by their lowest step, others last */
            for (size_t k = i; k < j; k++) {
                uint32_t steps = e->mask[k] & ((UINT32_C(1) << r->n) - 1);
                if ((steps ? (size_t)__builtin_ctz(steps) : r->n) == s) one_event(&n, (uint32_t)k);
            }
    }
    if (n.open) end(&n);
}
