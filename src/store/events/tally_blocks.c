#include "store/events/harvest.h"
#include "base/arena.h"
#include "store/events/scan_in.h"
#include "store/events/tally_in.h"
#include <string.h>

enum { THREADS = 2, EVENTS_A_THREAD = 50000, WORKER_ARENA = 64 << 20 };

typedef struct Asked {
    const Snapshot  *snap;
    const TallyPlan *plan;
    HarvestPlan   harvest;
    SourcePlan    tail;          /* with all groups */
    SelectorPlan  tail_sel;
    PresenceParts parts;
    ScanInput     in;
    bool          by_name;       /* the one group is the event's name */
    size_t        words;         /* of a set of people */
    _Atomic uint32_t next;       /* block, of all parts' together */
    _Atomic bool  quit;
    _Atomic int   failed;
} Asked;
typedef struct Worker {
    Asked    *q;
    int       number;
    Tally     table;
    Harvest  *harvests;          /* of each part */
    uint32_t **group_of;         /* of each part, by name */
    uint32_t **hist;             /* of each part: period, one of two, name: events. NULL: counted one by one */
    SourceWork work;
    uint64_t *seen, *left_out;   /* by root */
    uint32_t  one_group;         /* without groups */
    int64_t   events;
    Cx        cx;
    Status    st;
    pthread_t thread;
} Worker;

/* ---- a block ---- */

static inline void add(Tally *t, size_t group, uint32_t mask, size_t period, int64_t n)
{
    for (; mask; mask &= mask - 1) t->events[tally_at(t, group, (size_t)__builtin_ctz(mask), period)] += n;
}
static int64_t by_names(Worker *w, const Harvest *h, const uint32_t *group_of, uint32_t i, bool counts)
{
    Tally *t = &w->table;
    size_t period = h->part->first + h->stretch[i] - 1, group = h->gid[i];
    uint32_t wanted = h->mask[i], first = h->from[i], end = h->to[i];
    int64_t n = 0;
    for (uint32_t k = first; k < end; k++) {
        uint32_t name = harvest_name(h, k), mask = h->sel.name_mask[name] & wanted;
        n += mask != 0;
        if (counts && mask == 1) t->events[tally_at(t, group_of ? group_of[name] : group, 0, period)]++;
        else if (counts && mask) add(t, group_of ? group_of[name] : group, mask, period, 1);
    }
    return n;
}
/* Every event of a run may count; what nobody asked for is left out in the end. Two tables by turns, so that an event
 * need not wait for the one of the same name before it. */
static int64_t into_hist(const Harvest *h, uint32_t *hist, uint32_t i)
{
    uint32_t k = h->from[i], end = h->to[i], names = h->part->seg->n_names;
    uint32_t *a = hist + (size_t)h->stretch[i] * 2 * names, *b = a + names;
    const uint8_t *name = h->block.name8;
    for (; k + 2 <= end; k += 2) a[name[k]]++, b[name[k + 1]]++;
    if (k < end) a[name[k]]++;
    return h->to[i] - h->from[i];
}
static void add_hist(Worker *w, size_t part)
{
    const Harvest *h = &w->harvests[part];
    uint32_t names = h->part->seg->n_names;
    for (size_t e = 0; e < h->part->n; e++)
        for (uint32_t name = 0; name < names; name++) {
            const uint32_t *cell = w->hist[part] + e * 2 * names + name;
            int64_t n = (int64_t)cell[0] + cell[names];
            if (n == 0 || !h->sel.name_mask[name]) continue;
            add(&w->table, w->q->by_name ? w->group_of[part][name] : w->one_group, 1, h->part->first + e - 1, n);
            w->events += n;
        }
}
static bool any_name(const PresencePart *part, uint32_t mask)
{
    for (; mask; mask &= mask - 1) if (part->name[__builtin_ctz(mask)] != (uint32_t)PRESENCE_ANY_NAME) return false;
    return true;
}
static Status take_pick(Worker *w, size_t part, uint32_t i, bool counts, int64_t *ret)
{
    Harvest *h = &w->harvests[part];
    if (w->hist[part] && counts) {
        TRY(harvest_names(&w->cx, h, h->from[i], h->to[i]));
        *ret = into_hist(h, w->hist[part], i);
        return ST_OK;
    }
    if (!w->q->by_name && any_name(h->part, h->mask[i])) {
        *ret = h->to[i] - h->from[i];
        if (counts) add(&w->table, h->gid[i], h->mask[i], h->part->first + h->stretch[i] - 1, *ret);
        return ST_OK;
    }
    TRY(harvest_names(&w->cx, h, h->from[i], h->to[i]));
    *ret = by_names(w, h, w->group_of[part], i, counts);
    return ST_OK;
}
static Status room_for_groups(Worker *w)
{
    Status st = w->table.groups.n > w->table.room ? tally_room(&w->table, w->table.groups.n) : ST_OK;
    if (st == ST_LIMITED) return refuse(&w->cx, ST_LIMITED, S("memory"), MSG_question_memory, NO_PARAMS);
    return st == ST_OK ? ST_OK : fail(&w->cx, st, "tally: groups");
}
static inline void put(uint64_t *set, uint32_t root) { set[root / 64] |= UINT64_C(1) << root % 64; }
static Status one_block(Worker *w, size_t part, uint32_t index)
{
    const Asked *q = w->q;
    Harvest *h = &w->harvests[part];
    TRY(harvest_block(&w->cx, h, index));
    TRY(harvest_people(&w->cx, h, 0, h->block.n_people));
    TRY(room_for_groups(w));
    for (uint32_t p = 0; p < h->block.n_people; p++) {
        uint32_t root = segment_root(h->block.key[p]);
        bool hidden = joins_flags(q->snap->people, root) & SCAN_LEFT_OUT;
        int64_t all = 0, n;
        if (h->first[p] == h->first[p + 1] || (q->plan->who && !people_set_has(q->plan->who, root))) continue;
        for (uint32_t i = h->first[p]; i < h->first[p + 1]; i++) {
            TRY(take_pick(w, part, i, !hidden, &n));
            all += n;
        }
        if (all && root < q->snap->actors) put(hidden ? w->left_out : w->seen, root);
        if (!hidden && !w->hist[part]) w->events += all;
    }
    return scan_watch(&w->cx, q->plan->run, h->block.n);
}
static Status all_blocks(Worker *w)
{
    Asked *q = w->q;
    uint32_t first = 0;
    for (size_t part = 0; part < q->parts.n; part++) {     /* each goes through all numbers, and takes its own */
        uint32_t n = q->parts.p[part].seg->n_blocks;
        for (uint32_t at = q->next; at < first + n && !q->quit; at = q->next)
            if (atomic_compare_exchange_weak(&q->next, &at, at + 1)) TRY(one_block(w, part, at - first));
        first += n;
        if (w->hist[part]) add_hist(w, part);
    }
    return ST_OK;
}
static void *work(void *arg)
{
    Worker *w = arg;
    int none = 0;
    w->st = all_blocks(w);
    if (w->st == ST_OK) return NULL;
    atomic_compare_exchange_strong(&w->q->failed, &none, w->number + 1);
    w->q->quit = true;
    return NULL;
}

/* ---- the tail ---- */

static Status take_tail(Cx *cx, Worker *w)
{
    const Asked *q = w->q;
    const ScanRows *r = &q->in.tail;
    const Grid *g = q->plan->grid;
    size_t keys = q->plan->n_groups;
    for (size_t i = 0; i < r->n; i++) {
        const Row *row = &r->p[i];
        uint32_t root = segment_root(row->key), group;
        GroupKey k = { { 0 }, { 0 } };
        bool hidden = joins_flags(q->snap->people, root) & SCAN_LEFT_OUT;
        put(hidden ? w->left_out : w->seen, root);
        if (hidden) continue;
        for (size_t c = 0; c < keys; c++) k.kind[c] = r->kind[row->slot * keys + c];
        for (size_t c = 0; c < keys; c++) k.value[c] = r->value[row->slot * keys + c];
        if (groups_add(&w->table.groups, &k, &group) != ST_OK) return fail(cx, ST_NO_MEM, "tally: a group");
        TRY(room_for_groups(w));
        add(&w->table, group, row->mask, (size_t)zone_grid_at(g->starts, g->n, row->time), 1);
        w->events++;
    }
    return ST_OK;
}

/* ---- all of them ---- */

static Status name_groups(Cx *cx, Worker *w, size_t part)
{
    const Segment *s = w->q->parts.p[part].seg;
    uint32_t *of = w->group_of[part] = mem_get((s->n_names + 1) * sizeof *of);
    if (!of) return fail(cx, ST_NO_MEM, "tally: names");
    for (uint32_t i = 0; i < s->n_names; i++) {
        GroupKey key = { { PROP_STR }, { 0 } };
        Event e = { .name = s->names[i] };
        if (!selector_name(w->q->plan->sel, s->names[i])) continue;
        TRY(source_slot_event(cx, &w->work, &w->q->tail, 0, &e, &key.kind[0], &key.value[0]));
        if (groups_add(&w->table.groups, &key, &of[i]) != ST_OK) return fail(cx, ST_NO_MEM, "tally: a group");
    }
    return ST_OK;
}
/* One matcher whose events a run's mask is sure of, and no group but the name. A part has fewer events than 2^32. */
static Status hist_open(Cx *cx, Worker *w, size_t part)
{
    const PresencePart *p = &w->q->parts.p[part];
    const TallyPlan *plan = w->q->plan;
    bool sure = p->name[0] == (uint32_t)PRESENCE_ANY_NAME || p->name[0] < SEGMENT_MASK_OTHER;
    if (plan->sel->n_matchers != 1 || (plan->n_groups && !w->q->by_name) || p->seg->n_names > UINT8_MAX + 1 || !sure ||
        p->seg->info.events > UINT32_MAX) return ST_OK;
    w->hist[part] = mem_get(p->n * 2 * p->seg->n_names * sizeof **w->hist);
    return w->hist[part] ? ST_OK : fail(cx, ST_NO_MEM, "tally: names");
}
static Status worker_open(Cx *cx, Worker *w, Asked *q, int number)
{
    *w = (Worker){ .q = q, .number = number };
    TRY(tally_open(cx, q->plan, &w->table));
    w->cx = (Cx){ .arena = arena_new(WORKER_ARENA), .now = cx->now, .request = cx->request };
    w->harvests = mem_get((q->parts.n + 1) * sizeof *w->harvests);
    w->group_of = mem_get((q->parts.n + 1) * sizeof *w->group_of);
    w->hist = mem_get((q->parts.n + 1) * sizeof *w->hist);
    w->seen = mem_get(q->words * sizeof *w->seen);
    w->left_out = mem_get(q->words * sizeof *w->left_out);
    if (!w->cx.arena || !w->harvests || !w->group_of || !w->hist || !w->seen || !w->left_out)
        return fail(cx, ST_NO_MEM, "tally: a thread");
    TRY(source_work_open(cx, &w->work));
    for (size_t i = 0; i < q->parts.n; i++) {
        TRY(harvest_open(cx, &q->harvest, &q->parts.p[i], &w->table.groups, &w->work, &w->harvests[i]));
        if (q->by_name) TRY(name_groups(cx, w, i));
        TRY(hist_open(cx, w, i));
    }
    if (q->plan->n_groups == 0 && groups_add(&w->table.groups, &(GroupKey){ { 0 }, { 0 } }, &w->one_group) != ST_OK)
        return fail(cx, ST_NO_MEM, "tally: a group");
    return room_for_groups(w);
}
static void worker_done(Worker *w)
{
    for (size_t i = 0; w->harvests && i < w->q->parts.n; i++) harvest_done(&w->harvests[i]);
    for (size_t i = 0; w->group_of && i < w->q->parts.n; i++) mem_free(w->group_of[i]);
    for (size_t i = 0; w->hist && i < w->q->parts.n; i++) mem_free(w->hist[i]);
    tally_done(&w->table);
    source_work_done(&w->work);
    mem_free(w->harvests);
    mem_free(w->group_of);
    mem_free(w->hist);
    mem_free(w->seen);
    mem_free(w->left_out);
    arena_free(w->cx.arena);
}
static Status run(Cx *cx, Worker *workers, int n)
{
    int started = 1;
    for (; started < n; started++)
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) break;
    work(&workers[0]);
    for (int i = started; i < n; i++) work(&workers[i]);
    for (int i = 1; i < started; i++) pthread_join(workers[i].thread, NULL);
    int first = workers[0].q->failed;
    if (first == 0) return ST_OK;
    cx->why = workers[first - 1].cx.why;
    return workers[first - 1].st;
}
static Status collect(Cx *cx, Worker *workers, int n, Tally *ret, ScanCount *ret_count)
{
    const Asked *q = workers[0].q;
    for (int i = 0; i < n; i++) {
        Status st = tally_merge(ret, &workers[i].table);
        if (st == ST_LIMITED) return refuse(cx, ST_LIMITED, S("memory"), MSG_question_memory, NO_PARAMS);
        if (st != ST_OK) return fail(cx, st, "tally: a table");
        ret_count->events += workers[i].events;
        for (size_t k = 0; i && k < q->words; k++) {
            workers[0].seen[k] |= workers[i].seen[k];
            workers[0].left_out[k] |= workers[i].left_out[k];
        }
    }
    for (size_t k = 0; k < q->words; k++) {
        ret_count->people += __builtin_popcountll(workers[0].seen[k]);
        ret_count->left_out += __builtin_popcountll(workers[0].left_out[k]);
    }
    return ST_OK;
}
static Status with_threads(Cx *cx, Asked *q, Tally *ret, ScanCount *ret_count)
{
    Worker workers[THREADS] = { { 0 } };
    int most = q->plan->threads ? q->plan->threads : q->parts.events > EVENTS_A_THREAD ? THREADS : 1, n = 0;
    Status st = ST_OK;
    if (most > THREADS) most = THREADS;
    for (; st == ST_OK && n < most; n++) st = worker_open(cx, &workers[n], q, n);
    if (st == ST_OK) st = run(cx, workers, n);
    if (st == ST_OK) st = take_tail(cx, &workers[0]);
    if (st == ST_OK) st = collect(cx, workers, n, ret, ret_count);
    for (int i = 0; i < n; i++) worker_done(&workers[i]);
    return st;
}
static Status once(Cx *cx, const Snapshot *snap, const TallyPlan *plan, Tally *ret, ScanCount *ret_count)
{
    const Grid *g = plan->grid;
    Asked q = { .snap = snap, .plan = plan, .words = snap->actors / 64 + 1,
        .by_name = plan->n_groups == 1 && plan->groups[0].kind == SLOT_NAME };
    ScanPlan scan = { .sel = plan->sel, .slots = plan->groups, .n_slots = q.by_name ? 0 : plan->n_groups,
        .texts = plan->texts, .who = plan->who, .from = g->starts[0], .to = g->starts[g->n],
        .count_from = g->starts[0], .run = plan->run };
    PresencePlan parts = { .sel = plan->sel, .grid = g };
    TRY(harvest_plan(cx, snap, &scan, true, &q.harvest));
    TRY(presence_parts(cx, snap, &parts, &q.parts));
    scan.n_slots = plan->n_groups;
    TRY(scan_wants(cx, snap, &scan, &q.tail, &q.tail_sel));
    TRY(scan_input(cx, snap, &q.tail, false, NULL, &q.in));
    if (plan->run) plan->run->of += q.parts.events;
    Status st = with_threads(cx, &q, ret, ret_count);
    scan_input_done(&q.in);
    return st;
}
Status tally_by_blocks(Cx *cx, const Snapshot *snap, const TallyPlan *plan, Tally *ret, ScanCount *ret_count)
{
    if (plan->value) return ST_NOT_FOUND;
    for (;;) {
        size_t damaged = scan_damaged(snap);
        TRY(tally_open(cx, plan, ret));
        *ret_count = (ScanCount){ 0 };
        Status st = once(cx, snap, plan, ret, ret_count);
        if (st == ST_OK) return ST_OK;
        if (st != ST_IO || scan_damaged(snap) == damaged) {
            if (st == ST_NOT_FOUND) tally_done(ret);
            return st;
        }
        tally_done(ret);
    }
}
