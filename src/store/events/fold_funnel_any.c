/* Steps in any order: a queue of events for each step, and a window that slides over all of them. */
#include "store/events/fold_funnel.h"

#define NONE UINT32_MAX
#define NEVER (INT64_MIN / 2)
typedef struct Queues {
    const FunnelRules  *r;
    const FunnelEvents *e;
    uint8_t  *step;              /* that each event so far was put to */
    uint32_t  front[FUNNEL_STEPS_MAX];         /* the earliest event within the window, or NONE */
    int64_t   last[FUNNEL_STEPS_MAX];
    size_t    n;                 /* queues that are not empty */
} Queues;

static void let_go(Queues *q, size_t now)
{
    int64_t t = q->e->time[now];
    for (size_t s = 0; s < q->r->n; s++) {
        uint32_t i = q->front[s];
        if (i == NONE || t - q->e->time[i] <= q->r->window) continue;
        while (i < now && (q->step[i] != s || t - q->e->time[i] > q->r->window)) i++;
        q->front[s] = i < now ? i : NONE;
        q->n -= i >= now;
    }
}
/* To the step that waits longest for one: an event serves one step. */
static void put(Queues *q, uint32_t i)
{
    size_t to = SIZE_MAX;
    int64_t least = INT64_MAX;
    for (uint32_t rest = q->e->mask[i] & ((UINT32_C(1) << q->r->n) - 1); rest; rest &= rest - 1) {
        size_t s = (size_t)__builtin_ctz(rest);
        int64_t last = q->front[s] == NONE ? NEVER : q->last[s];
        if (last < least) least = last, to = s;
    }
    q->step[i] = to == SIZE_MAX ? UINT8_MAX : (uint8_t)to;
    if (to == SIZE_MAX) return;
    q->last[to] = q->e->time[i];
    if (q->front[to] != NONE) return;
    q->front[to] = i;
    q->n++;
}
static void put_all(Queues *q, size_t from, size_t to)
{
    if (to - from == 1) {
        put(q, (uint32_t)from);
        return;
    }
    for (int choices = 0; choices <= (int)q->r->n; choices++)        /* who has least choice goes first */
        for (size_t i = from; i < to; i++)
            if (__builtin_popcount(q->e->mask[i] & ((UINT32_C(1) << q->r->n) - 1)) == choices) put(q, (uint32_t)i);
}
static void note(const Queues *q, FunnelReach *ret)
{
    size_t n = 0;
    int64_t first = INT64_MAX;
    for (size_t s = 0; s < q->r->n; s++)
        if (q->front[s] != NONE && q->e->time[q->front[s]] < first) first = q->e->time[q->front[s]];
    if (first >= q->r->to) return;
    for (size_t s = 0; s < q->r->n; s++) {
        if (q->front[s] == NONE) continue;
        size_t at = n++;
        for (; at > 0 && q->e->time[ret->at[at - 1]] > q->e->time[q->front[s]]; at--) ret->at[at] = ret->at[at - 1];
        ret->at[at] = q->front[s];
    }
    ret->level = (uint8_t)n;
    ret->did = (UINT32_C(1) << n) - 1;
}
void fold_funnel_walk_any(const FunnelRules *r, const FunnelEvents *e, uint8_t *room, FunnelReach *ret)
{
    Queues q = { .r = r, .e = e, .step = room };
    *ret = (FunnelReach){ 0 };
    for (size_t s = 0; s < r->n; s++) q.front[s] = NONE;
    for (size_t i = 0, j; i < e->n && ret->level < r->n; i = j) {
        uint32_t all = e->mask[i];
        for (j = i + 1; j < e->n && e->time[j] == e->time[i]; j++) all |= e->mask[j];
        let_go(&q, i);
        put_all(&q, i, j);
        if (q.n > ret->level) note(&q, ret);
        if (!(all >> r->n & ((UINT32_C(1) << r->n_spoils) - 1))) continue;
        for (size_t s = 0; s < r->n; s++) q.front[s] = NONE;
        q.n = 0;
        put_all(&q, i, j);
    }
}
