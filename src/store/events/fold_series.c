#include "store/events/fold_series.h"
#include <string.h>

/* ---- cells ---- */

static void *room(SeriesFold *f, size_t bytes)
{
    Cx cx = { 0 };
    f->fold.st = scan_bytes(&cx, f->plan->run, (ptrdiff_t)bytes);
    void *p = f->fold.st == ST_OK ? mem_get(bytes) : NULL;
    if (f->fold.st == ST_OK) f->bytes += bytes;
    if (f->fold.st == ST_OK && !p) f->fold.st = ST_NO_MEM;
    return p;
}
static size_t group_cells(const SeriesPlan *p) { return p->n_series * series_width(p); }
static bool reach(SeriesFold *f, size_t groups)
{
    size_t per = group_cells(f->plan), cap = f->cap_groups ? f->cap_groups : 1;
    if (groups <= f->n_groups) return true;
    while (cap < groups) cap *= 2;
    if (cap > f->cap_groups) {
        SeriesCell *cells = room(f, cap * per * sizeof *cells);
        if (!cells) return false;
        memset(cells, 0, cap * per * sizeof *cells);
        if (f->n_groups) memcpy(cells, f->cells, f->n_groups * per * sizeof *cells);
        mem_free(f->cells);
        f->cells = cells;
        f->cap_groups = cap;
    }
    f->n_groups = groups;
    return true;
}
static bool total_of(SeriesFold *f, SeriesCell *c)
{
    if (c->total) return true;
    c->total = room(f, sizeof *c->total);
    if (c->total) *c->total = TALLY_NOTHING;
    return c->total != NULL;
}
static bool value_add(SeriesFold *f, SeriesCell *c, const TrendSeries *s, uint8_t kind, uint64_t value)
{
    if (kind != PROP_INT && kind != PROP_DOUBLE) return true;
    if (s->measure == TREND_PERCENTILE) {
        double d = (double)(int64_t)value;
        if (kind == PROP_DOUBLE) memcpy(&d, &value, sizeof d);
        if (c->n_values == c->cap_values) {
            size_t cap = c->cap_values ? c->cap_values * 2 : 16;
            double *p = room(f, cap * sizeof *p);
            if (!p) return false;
            if (c->n_values) memcpy(p, c->values, c->n_values * sizeof *p);
            mem_free(c->values);
            c->values = p;
            c->cap_values = cap;
        }
        c->values[c->n_values++] = d;
        return true;
    }
    if (!total_of(f, c)) return false;
    tally_add_value(c->total, kind, value);
    return true;
}
static bool event_into(SeriesFold *f, const Span *s, size_t i, size_t group, size_t series, size_t at)
{
    SeriesCell *c = series_cell(f, group, series, at);
    const TrendSeries *t = &f->plan->series[series];
    c->events++;
    c->people += c->last != s->root + 1;
    c->last = s->root + 1;
    if (t->measure < TREND_SUM) return true;
    const FoldCol *col = &s->cols[f->plan->slot_of[series]];
    return value_add(f, c, t, col->kind[i], col->value[i]);
}
/* Adds it where groups are as they are met; else the number of the given one, or of the other. */
static bool group_of(SeriesFold *f, const Span *s, size_t i, uint32_t *ret)
{
    const SeriesPlan *p = f->plan;
    *ret = 0;
    if (p->n_keys) {
        GroupKey key = groups_key_at(s->cols, p->n_keys, i);
        if (p->fixed) *ret = groups_find(p->fixed, &key);
        else f->fold.st = groups_add(&f->groups, &key, ret);
        if (p->fixed && *ret == UINT32_MAX) *ret = (uint32_t)p->fixed->n;
    }
    if (f->fold.st == ST_OK && p->groups_max && *ret >= p->groups_max) f->fold.st = ST_CONFLICT;
    return f->fold.st == ST_OK && reach(f, (size_t)*ret + 1);
}
static void series_person(Fold *fold, const Span *s)
{
    SeriesFold *f = (SeriesFold *)fold;
    const SeriesPlan *p = f->plan;
    size_t period = 0, width = series_width(p);
    uint32_t group;
    for (size_t i = 0; i < s->n; i++) {
        period = fold_period(&p->grid, period, s->time[i]);
        if (!group_of(f, s, i, &group)) return;
        for (size_t k = 0; k < p->n_series; k++) {
            if (!(s->mask[i] >> k & 1)) continue;
            if (!event_into(f, s, i, group, k, width - 1)) return;
            if (width > 1 && !event_into(f, s, i, group, k, period)) return;
        }
    }
}
static bool cell_join(SeriesFold *f, SeriesCell *c, const SeriesCell *from, const TrendSeries *s)
{
    c->events += from->events;
    c->people += from->people;
    for (size_t i = 0; i < from->n_values; i++) {
        uint64_t bits;
        memcpy(&bits, &from->values[i], sizeof bits);
        if (!value_add(f, c, s, PROP_DOUBLE, bits)) return false;
    }
    if (from->total && !total_of(f, c)) return false;
    if (from->total) tally_add(c->total, from->total);
    return true;
}
static void series_merge(Fold *fold, Fold *other)
{
    SeriesFold *f = (SeriesFold *)fold, *from = (SeriesFold *)other;
    size_t width = series_width(f->plan);
    for (size_t g = 0; g < from->n_groups; g++) {
        uint32_t to = (uint32_t)g;
        if (f->plan->n_keys && !f->plan->fixed) f->fold.st = groups_add(&f->groups, &from->groups.keys[g], &to);
        if (f->fold.st != ST_OK || !reach(f, (size_t)to + 1)) return;
        for (size_t k = 0; k < f->plan->n_series; k++)
            for (size_t at = 0; at < width; at++)
                if (!cell_join(f, series_cell(f, to, k, at), series_cell(from, g, k, at), &f->plan->series[k])) return;
    }
}
static Status series_fork(Cx *cx, const Fold *fold, Fold **ret)
{
    SeriesFold *f = mem_get(sizeof *f);
    if (!f) return fail(cx, ST_NO_MEM, "trend: a thread");
    fold_series_begin(f, ((const SeriesFold *)fold)->plan);
    *ret = &f->fold;
    return ST_OK;
}
static void series_free(Fold *fold)
{
    fold_series_done((SeriesFold *)fold);
    mem_free(fold);
}
void fold_series_begin(SeriesFold *f, const SeriesPlan *plan)
{
    *f = (SeriesFold){ .fold = { .person = series_person, .fork = series_fork, .merge = series_merge,
        .done = series_free }, .plan = plan };
}
void fold_series_done(SeriesFold *f)
{
    Cx cx = { 0 };
    for (size_t i = 0; i < f->n_groups * group_cells(f->plan); i++) {
        mem_free(f->cells[i].total);
        mem_free(f->cells[i].values);
    }
    mem_free(f->cells);
    groups_done(&f->groups);
    Status st = scan_bytes(&cx, f->plan->run, -(ptrdiff_t)f->bytes);      /* giving back does not fail */
    (void)st;
    *f = (SeriesFold){ .plan = f->plan };
}
