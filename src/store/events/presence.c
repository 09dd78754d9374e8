#include "store/events/presence_cols.h"
#include "base/arena.h"

/* ---- by events: a fold that folds ---- */

typedef struct Walk {
    Fold fold;
    const PresencePlan *plan;
    PresenceFold *to;
    PresenceRows rows;
} Walk;
static bool same_group(const FoldCol *cols, size_t n, size_t a, size_t b)
{
    for (size_t k = 0; k < n; k++)
        if (cols[k].value[a] != cols[k].value[b] || cols[k].kind[a] != cols[k].kind[b]) return false;
    return true;
}
static Status walk_person(Walk *w, const Span *s)
{
    const Grid *g = w->plan->grid;
    size_t p = 0, row = 0, last = SIZE_MAX;                /* last: an event of that row */
    TRY(presence_rows_person(&w->rows));
    for (size_t i = 0; i < s->n; i++) {
        bool before = s->time[i] < g->starts[0];
        if (before && !w->plan->before) continue;
        if (!before && (p = fold_period(g, p, s->time[i])) == g->n) break;
        if (last == SIZE_MAX || !same_group(s->cols, w->plan->n_groups, last, i)) {
            GroupKey key = groups_key_at(s->cols, w->plan->n_groups, i);
            TRY(presence_rows_of(&w->rows, s->root, w->plan->n_groups ? &key : NULL, &row));
        }
        last = i;
        presence_rows_set(&w->rows, row, s->mask[i], before ? 0 : p + w->plan->before);
    }
    return ST_OK;
}
static void person(Fold *f, const Span *s)
{
    if (f->st == ST_OK) f->st = walk_person((Walk *)f, s);
}
static void merge(Fold *f, Fold *from)
{
    Walk *w = (Walk *)f, *other = (Walk *)from;
    Status st = presence_rows_flush(&other->rows);
    if (st == ST_OK) {
        w->to->merge(w->to, other->to);
        st = w->to->st;
    }
    if (f->st == ST_OK) f->st = st;
}
static void done(Fold *f)
{
    Walk *w = (Walk *)f;
    presence_rows_done(&w->rows);
    w->to->done(w->to);
    mem_free(w);
}
static Status fork_walk(Cx *cx, const Fold *f, Fold **ret);
static Walk walk_of(const PresencePlan *plan, PresenceFold *to)
{
    Walk w = { .fold = { .person = person, .fork = fork_walk, .merge = merge, .done = done }, .plan = plan, .to = to };
    presence_rows_open(plan, to, &w.rows);
    return w;
}
static Status fork_walk(Cx *cx, const Fold *f, Fold **ret)
{
    const Walk *from = (const Walk *)f;
    PresenceFold *to;
    Walk *w = mem_get(sizeof *w);
    if (!w) return fail(cx, ST_NO_MEM, "presence: a walk");
    Status st = from->to->fork(cx, from->to, &to);
    if (st != ST_OK) {
        mem_free(w);
        return st;
    }
    *w = walk_of(from->plan, to);
    *ret = &w->fold;
    return ST_OK;
}
static Status by_events(Cx *cx, const Snapshot *snap, const PresencePlan *plan, PresenceFold *fold, ScanCount *ret)
{
    const Grid *g = plan->grid;
    ScanPlan scan = { .sel = plan->sel, .slots = plan->groups, .n_slots = plan->n_groups, .texts = plan->texts,
        .who = plan->who, .from = plan->before ? INT64_MIN : g->starts[0], .to = g->starts[g->n],
        .count_from = g->starts[0], .run = plan->run, .threads = plan->threads };
    Walk w = walk_of(plan, fold);
    Status st = scan_fold(cx, snap, &scan, &w.fold, ret);
    if (st == ST_OK) st = presence_rows_flush(&w.rows);
    presence_rows_done(&w.rows);
    return st;
}

Status presence_fold(Cx *cx, const Snapshot *snap, const PresencePlan *plan, PresenceFold *fold, ScanCount *ret)
{
    if (plan->sel->n_matchers > PRESENCE_MATCHERS || plan->n_groups > PRESENCE_GROUPS ||
        plan->grid->n + plan->before > PRESENCE_BITS_MAX) return fail(cx, ST_BUG, "presence: a plan past its bounds");
    *ret = (ScanCount){ 0 };
    if (plan->grid->n == 0) return ST_OK;
    Status st = presence_by_columns(cx, snap, plan, fold, ret);
    if (st == ST_NOT_FOUND) st = presence_by_picks(cx, snap, plan, fold, ret);
    return st == ST_NOT_FOUND ? by_events(cx, snap, plan, fold, ret) : st;
}
