#include "store/events/fold_sessions.h"
#include "base/arena.h"
#include <math.h>
#include <string.h>

enum { ROWS_FIRST = 32 };

/* ---- rows ---- */

static bool stop(FoldSessions *f, Status st)
{
    if (f->fold.st == ST_OK) f->fold.st = st;
    return false;
}
static Status room(FoldSessions *f, size_t n)
{
    size_t cap = f->cap ? f->cap : ROWS_FIRST, periods = f->wants->grid ? f->wants->grid->n : 0;
    if (n <= f->cap) return ST_OK;
    while (cap < n) cap *= 2;
    size_t more = (cap - f->cap) * (sizeof *f->rows + periods * sizeof *f->periods + 2 * sizeof(GroupKey));
    TRY(scan_bytes(NULL, f->wants->run, (ptrdiff_t)more));
    f->bytes += more;
    SessionsTotal *rows = mem_grow(f->rows, cap * sizeof *rows);
    if (rows) f->rows = rows;
    int64_t *by = rows && periods ? mem_grow(f->periods, cap * periods * sizeof *by) : NULL;
    if (by) f->periods = by;
    if (!rows || (periods && !by)) return ST_NO_MEM;
    memset(rows + f->cap, 0, (cap - f->cap) * sizeof *rows);
    if (by) memset(by + f->cap * periods, 0, (cap - f->cap) * periods * sizeof *by);
    f->cap = cap;
    return ST_OK;
}
static Status row_of(FoldSessions *f, const GroupKey *key, uint32_t *ret)
{
    const SessionsWants *w = f->wants;
    GroupKey k = *key;
    for (size_t i = 0; i < w->n_keys; i++)
        if (k.kind[i] == PROP_STR && k.value[i] == w->empty) k.kind[i] = PROP_NULL, k.value[i] = 0;
    TRY(groups_add(&f->groups, &k, ret));
    if (w->keep && *ret > w->n_keep) *ret = (uint32_t)w->n_keep;
    TRY(room(f, *ret + 1));
    if (*ret >= f->n_rows) f->n_rows = *ret + 1;
    return ST_OK;
}
static bool is_picked(const FoldSessions *f, uint32_t row)
{
    const SessionsWants *w = f->wants;
    return w->pick ? groups_find(&f->groups, w->pick) == row : row == w->n_keep;
}
static void count(FoldSessions *f, uint32_t root, uint32_t row, SessionsNumber which, int64_t n)
{
    SessionsTotal *t = &f->rows[row];
    t->n[which] += n;
    if (t->person != f->person && (!f->wants->pages || which == SESSIONS_VIEWS))
        t->person = f->person, t->n[SESSIONS_PEOPLE]++;
    if (f->wants->picks && which == f->wants->picked && is_picked(f, row)) people_set_add(&f->people, root);
}
/* Neumaier's sum. */
static void add(SessionsTotal *t, double x)
{
    double sum = t->sum + x;
    t->rest += fabs(t->sum) >= fabs(x) ? (t->sum - sum) + x : (x - sum) + t->sum;
    t->sum = sum;
}

/* ---- one session ---- */

typedef struct Visit {
    const Span *s;
    size_t  first, end;
    int64_t views;
    uint32_t entry, now;         /* rows of the first page and of the one looked at; UINT32_MAX: none yet */
    bool    clicked;
} Visit;

static void plain_session(FoldSessions *f, const Visit *v)
{
    const Span *s = v->s;
    const Grid *g = f->wants->grid;
    GroupKey key = groups_key_at(s->cols, f->wants->n_keys, v->first);
    uint32_t row, root = s->root;
    int64_t views = 0;
    Status st = row_of(f, &key, &row);
    if (st != ST_OK) {
        stop(f, st);
        return;
    }
    for (size_t i = v->first; i < v->end; i++) views += s->mask[i] & SESSIONS_VIEW;
    if (g) f->periods[row * g->n + (size_t)zone_grid_at(g->starts, g->n, s->time[v->first])]++;
    count(f, root, row, SESSIONS_COUNT, 1);
    count(f, root, row, SESSIONS_EVENTS, (int64_t)(v->end - v->first));
    count(f, root, row, SESSIONS_LENGTH, s->time[v->end - 1] - s->time[v->first]);
    if (views) count(f, root, row, SESSIONS_VIEWS, views);
    if (views == 1) count(f, root, row, SESSIONS_BOUNCES, 1);
}
/* The row of the page that event i names; UINT32_MAX: it names none. */
static bool page_of(FoldSessions *f, const Visit *v, size_t i, uint32_t *ret)
{
    size_t n = f->wants->n_keys;
    const FoldCol *c = &v->s->cols[n];
    GroupKey key = groups_key_at(v->s->cols, n, v->first);
    uint32_t item;
    *ret = UINT32_MAX;
    Status st = path_item(&f->items, c->kind[i], c->value[i], &item);
    if (st == ST_OK && item != PATH_ITEM_NONE) {
        key.kind[n] = PROP_STR;
        key.value[n] = item;
        st = row_of(f, &key, ret);
    }
    return st == ST_OK || stop(f, st);
}
static void measure(FoldSessions *f, const Visit *v, size_t i, uint32_t row)
{
    const FoldCol *c = &v->s->cols[f->wants->n_keys + 1];
    double d;
    memcpy(&d, &c->value[i], sizeof d);
    if (c->kind[i] == PROP_INT) d = (double)(int64_t)c->value[i];
    else if (c->kind[i] != PROP_DOUBLE) return;
    add(&f->rows[row], d);
    count(f, v->s->root, row, SESSIONS_MEASURED, 1);
}
static bool page_event(FoldSessions *f, Visit *v, size_t i)
{
    uint32_t mask = v->s->mask[i], own, root = v->s->root;
    if (!(mask & (SESSIONS_VIEW | SESSIONS_CLICK | SESSIONS_MEASURE))) return true;
    if (!page_of(f, v, i, &own)) return false;
    if (mask & SESSIONS_VIEW && own != UINT32_MAX) {
        v->now = own;
        v->clicked = false;
        if (v->views++ == 0) v->entry = own;
        count(f, root, own, SESSIONS_VIEWS, 1);
    }
    uint32_t row = own == UINT32_MAX ? v->now : own;
    if (row == UINT32_MAX) return true;
    if (mask & SESSIONS_CLICK) {
        count(f, root, row, SESSIONS_CLICKS, 1);
        if (row == v->now && !v->clicked) v->clicked = true, count(f, root, row, SESSIONS_CLICKED, 1);
    }
    if (mask & SESSIONS_MEASURE && f->wants->measured) measure(f, v, i, row);
    return true;
}
static void page_session(FoldSessions *f, Visit *v)
{
    uint32_t root = v->s->root;
    v->entry = v->now = UINT32_MAX;
    for (size_t i = v->first; i < v->end; i++) if (!page_event(f, v, i)) return;
    if (v->views == 0) return;
    count(f, root, v->entry, SESSIONS_ENTERED, 1);
    count(f, root, v->now, SESSIONS_LEFT, 1);
    if (v->views == 1) count(f, root, v->entry, SESSIONS_BOUNCES, 1);
}
static void person(Fold *fold, const Span *s)
{
    FoldSessions *f = (FoldSessions *)fold;
    const SessionsWants *w = f->wants;
    f->person++;
    for (size_t i = 0, j; i < s->n && s->time[i] < w->to; i = j) {
        Visit v = { .s = s, .first = i };
        for (j = i + 1; j < s->n && s->time[j] - s->time[j - 1] <= w->gap;) j++;
        v.end = j;
        if (s->time[i] < w->from) continue;
        if (w->pages) page_session(f, &v);
        else plain_session(f, &v);
    }
}

/* ---- fork, merge, done ---- */

static void done(Fold *fold)
{
    FoldSessions *f = (FoldSessions *)fold;
    Status given = scan_bytes(NULL, f->wants->run, -(ptrdiff_t)f->bytes);      /* cannot fail */
    (void)given;
    path_item_all_done(&f->items);
    groups_done(&f->groups);
    people_set_done(&f->people);
    mem_free(f->rows);
    mem_free(f->periods);
}
static void forked_done(Fold *fold)
{
    done(fold);
    mem_free(fold);
}
static Status fork_of(Cx *cx, const Fold *fold, Fold **ret)
{
    const FoldSessions *f = (const FoldSessions *)fold;
    FoldSessions *made = mem_get(sizeof *made);
    if (!made) return fail(cx, ST_NO_MEM, "sessions");
    Status st = fold_sessions_init(cx, made, f->wants);
    made->fold.done = forked_done;
    if (st == ST_OK) *ret = &made->fold;
    else forked_done(&made->fold);
    return st;
}
static void merge(Fold *fold, Fold *other)
{
    FoldSessions *f = (FoldSessions *)fold, *from = (FoldSessions *)other;
    size_t periods = f->wants->grid ? f->wants->grid->n : 0;
    for (uint32_t r = 0; r < from->n_rows && f->fold.st == ST_OK; r++) {
        uint32_t to = r;
        bool kept = f->wants->keep != NULL;
        Status st = kept ? room(f, r + 1) : row_of(f, &from->groups.keys[r], &to);
        if (st != ST_OK) {
            stop(f, st);
            return;
        }
        if (to >= f->n_rows) f->n_rows = to + 1;
        for (size_t k = 0; k < SESSIONS_NUMBERS; k++) f->rows[to].n[k] += from->rows[r].n[k];
        add(&f->rows[to], from->rows[r].sum);
        f->rows[to].rest += from->rows[r].rest;
        for (size_t p = 0; p < periods; p++) f->periods[to * periods + p] += from->periods[r * periods + p];
    }
    if (f->wants->picks) people_set_or(&f->people, &from->people);
}
Status fold_sessions_init(Cx *cx, FoldSessions *f, const SessionsWants *w)
{
    *f = (FoldSessions){ .wants = w, .fold = { person, fork_of, merge, done, ST_OK } };
    f->groups.n_keys = w->n_keys + w->pages;
    TRY(path_item_all_init(cx, &f->items, w->texts, w->run, w->url, false));
    for (size_t i = 0; w->keep && i < w->n_keep; i++) {
        uint32_t g;
        if (groups_add(&f->groups, &w->keep[i], &g) != ST_OK) return fail(cx, ST_NO_MEM, "sessions: groups");
    }
    return w->picks ? people_set_new(cx, w->n_roots, &f->people) : ST_OK;
}
