#include "store/events/query_paths.h"
#include "base/arena.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 30 * 60000, DEPTH = 5, LIMIT = 50, POSITION_TEXT = 12 };

static Status past(Cx *cx, Str field, int64_t min, int64_t max)
{
    return refuse(cx, ST_INVALID, field, MSG_out_of_range, PARAMS({ "min", min, { 0 } }, { "max", max, { 0 } }));
}
static Status check(Cx *cx, const PathsQuery *q)
{
    if (q->to <= q->from) return refuse(cx, ST_INVALID, S("to"), MSG_empty_range, NO_PARAMS);
    if (q->depth && (q->depth < (q->after ? 1 : 2) || q->depth > PATHS_DEPTH_MAX))
        return past(cx, S("depth"), q->after ? 1 : 2, PATHS_DEPTH_MAX);
    if (q->limit > PATHS_EDGES_MAX) return past(cx, S("limit"), 1, PATHS_EDGES_MAX);
    if (q->url.n_patterns > PATHS_PATTERNS_MAX)
        return refuse(cx, ST_INVALID, S("mask"), MSG_too_many, PARAMS({ "max", PATHS_PATTERNS_MAX, { 0 } }));
    if (q->gap < 0) return past(cx, S("session_gap"), 1, INT64_MAX);
    if (!q->scope.texts) return fail(cx, ST_BUG, "paths: nowhere to keep texts");
    return ST_OK;
}
/* The number of an item as somebody wrote it. */
static Status item_number(Cx *cx, const PathsQuery *q, Str s, uint32_t *ret)
{
    uint64_t code;
    *ret = PATH_ITEM_NONE;
    if (s.n == 0) return ST_OK;
    if (q->prop.n) {
        char *room = arena_raw(cx->arena, s.n);
        if (!room) return fail(cx, ST_NO_MEM, "paths");
        s = path_url(&q->url, s, room);
    }
    TRY(scan_text_code(cx, q->scope.texts, s, &code));
    *ret = (uint32_t)code;
    return ST_OK;
}
static Status pick_of(Cx *cx, const PathsQuery *q, PathsPick *ret)
{
    const PathsCell *c = q->cell;
    *ret = (PathsPick){ .position = (uint32_t)c->position, .n = (uint32_t)c->n };
    if (c->n > PATHS_DEPTH_MAX || (!q->after && c->n != 2))
        return past(cx, S("cell"), q->after ? 0 : 2, q->after ? PATHS_DEPTH_MAX : 2);
    for (size_t i = 0; i < c->n; i++) {
        uint64_t code;                                     /* an item of an answer is as it should be already */
        TRY(scan_text_code(cx, q->scope.texts, c->items[i], &code));
        ret->items[i] = (uint32_t)code;
    }
    return ST_OK;
}
static Status wants_of(Cx *cx, const PathsQuery *q, PathsWants *w)
{
    uint64_t dots;
    *w = (PathsWants){ .sequences = q->after, .names = q->prop.n == 0, .url = q->url, .gap = q->gap ? q->gap : GAP,
        .depth = q->depth ? q->depth : DEPTH, .texts = q->scope.texts, .run = q->scope.run };
    TRY(item_number(cx, q, q->start, &w->from));
    TRY(item_number(cx, q, q->end, &w->to));
    TRY(scan_text_code(cx, q->scope.texts, S("..."), &dots));
    w->dots = (uint32_t)dots;
    w->marked = w->names && q->start.n;
    return ST_OK;
}
static Status selector_of(Cx *cx, const PathsQuery *q, Selector **ret)
{
    Selector *sel = ARENA_NEW(cx->arena, Selector);
    if (!sel) return fail(cx, ST_NO_MEM, "paths");
    sel->filter = q->scope.filter;
    sel->hide = QUERY_HIDE;
    sel->n_matchers = 1;
    sel->matchers[0] = q->prop.n ? q->item : (Matcher){ .any = true };
    if (q->after) sel->matchers[sel->n_matchers++] = *q->after;
    else if (q->prop.n == 0 && q->start.n) sel->matchers[sel->n_matchers++] = (Matcher){ .name = q->start };
    *ret = sel;
    return ST_OK;
}

/* ---- the largest ---- */

typedef struct Ranked { ScanTexts *texts; int64_t n; uint64_t key; const PathsRow *row; } Ranked;

/* As the nodes read: "10_" comes before "2_". */
static int compare_nodes(ScanTexts *texts, uint32_t p, uint32_t a, uint32_t q, uint32_t b)
{
    char x[POSITION_TEXT], y[POSITION_TEXT];
    if (p == q) return str_cmp(scan_text(texts, a), scan_text(texts, b));
    snprintf(x, sizeof x, "%u_", p);
    snprintf(y, sizeof y, "%u_", q);
    return strcmp(x, y);
}
static int by_value(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    uint32_t p = fold_paths_position(x->key), q = fold_paths_position(y->key);
    if (x->n != y->n) return x->n > y->n ? -1 : 1;
    int order = compare_nodes(x->texts, p, fold_paths_source(x->key), q, fold_paths_source(y->key));
    return order ? order : compare_nodes(x->texts, p + 1, fold_paths_target(x->key), q + 1, fold_paths_target(y->key));
}
static int by_people(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->n != y->n) return x->n > y->n ? -1 : 1;
    for (size_t i = 0; i < x->row->length && i < y->row->length; i++) {
        int order = str_cmp(scan_text(x->texts, x->row->items[i]), scan_text(y->texts, y->row->items[i]));
        if (order) return order;
    }
    return (x->row->length > y->row->length) - (x->row->length < y->row->length);
}
/* Keeps the first k of n, in order, in time for n: a heap whose top is the last of them. */
static void sift(Ranked *r, size_t n, size_t i, int (*order)(const void *, const void *))
{
    for (size_t kid; (kid = 2 * i + 1) < n; i = kid) {
        Ranked t = r[i];
        if (kid + 1 < n && order(&r[kid + 1], &r[kid]) > 0) kid++;
        if (order(&r[kid], &t) <= 0) return;
        r[i] = r[kid], r[kid] = t;
    }
}
typedef struct Top { Ranked *r; size_t n, k; int (*order)(const void *, const void *); } Top;
static void offer(Top *t, const Ranked *x)
{
    if (t->n < t->k) {
        t->r[t->n++] = *x;
        if (t->n == t->k) for (size_t i = t->n / 2; i-- > 0;) sift(t->r, t->n, i, t->order);
        return;
    }
    if (t->order(x, &t->r[0]) >= 0) return;
    t->r[0] = *x;
    sift(t->r, t->n, 0, t->order);
}
static Status write_edges(Cx *cx, const Top *t, PathsAnswer *ret)
{
    PathsStep *steps = ARENA_MANY(cx->arena, PathsStep, t->n + 1);
    if (!steps) return fail(cx, ST_NO_MEM, "paths: %zu edges", t->n);
    for (size_t i = 0; i < t->n; i++)
        steps[i] = (PathsStep){ .source = scan_text(t->r[i].texts, fold_paths_source(t->r[i].key)),
            .target = scan_text(t->r[i].texts, fold_paths_target(t->r[i].key)),
            .position = fold_paths_position(t->r[i].key), .value = t->r[i].n };
    ret->edges = steps;
    ret->n_edges = t->n;
    return ST_OK;
}
static Status write_sequences(Cx *cx, const Top *t, PathsAnswer *ret)
{
    PathsSequence *all = ARENA_MANY(cx->arena, PathsSequence, t->n + 1);
    if (!all) return fail(cx, ST_NO_MEM, "paths: %zu sequences", t->n);
    for (size_t i = 0; i < t->n; i++) {
        const PathsRow *row = t->r[i].row;
        Str *items = ARENA_MANY(cx->arena, Str, row->length + 1);
        if (!items) return fail(cx, ST_NO_MEM, "paths: a sequence");
        for (size_t k = 0; k < row->length; k++) items[k] = scan_text(t->r[i].texts, row->items[k]);
        all[i] = (PathsSequence){ .items = items, .n = row->length, .people = row->n };
    }
    ret->sequences = all;
    ret->n_sequences = t->n;
    return ST_OK;
}
static Status rank(Cx *cx, const PathsQuery *q, const FoldPaths *f, PathsAnswer *ret)
{
    Top top = { .k = q->limit ? q->limit : LIMIT, .order = q->after ? by_people : by_value };
    top.r = ARENA_MANY(cx->arena, Ranked, top.k);
    if (!top.r) return fail(cx, ST_NO_MEM, "paths");
    for (size_t i = 0; i < f->cap_edges; i++) {
        Ranked x = { .texts = q->scope.texts, .n = f->edges[i].n, .key = f->edges[i].key };
        if (x.n) ret->all++, ret->total += x.n, offer(&top, &x);
    }
    for (size_t i = 0; i < f->n_rows; i++) {
        Ranked x = { .texts = q->scope.texts, .row = fold_paths_row(f, i) };
        x.n = x.row->n;
        ret->all++, ret->total += x.n, offer(&top, &x);
    }
    qsort(top.r, top.n, sizeof *top.r, top.order);
    return q->after ? write_sequences(cx, &top, ret) : write_edges(cx, &top, ret);
}
Status query_paths_run(Cx *cx, const Snapshot *snap, const PathsQuery *q, PathsAnswer *ret)
{
    ScanSlot slot = { .kind = q->prop.n ? SLOT_PROP : SLOT_NAME, .name = q->prop };
    ScanPlan plan = { .slots = &slot, .n_slots = 1, .texts = q->scope.texts, .who = q->scope.who, .from = q->from,
        .to = q->to, .count_from = q->from, .run = q->scope.run };
    PathsWants wants;
    PathsPick pick;
    FoldPaths fold;
    Selector *sel;
    ScanCount count = { 0 };
    *ret = (PathsAnswer){ 0 };
    TRY(check(cx, q));
    TRY(wants_of(cx, q, &wants));
    TRY(selector_of(cx, q, &sel));
    if (q->cell && q->people) {
        TRY(pick_of(cx, q, &pick));
        wants.pick = &pick;
        wants.n_roots = q->people->n;
    }
    plan.sel = sel;
    Status st = fold_paths_init(cx, &fold, &wants);
    if (st == ST_OK) st = scan_fold(cx, snap, &plan, &fold.fold, &count);
    if (st == ST_OK) st = rank(cx, q, &fold, ret);
    if (st == ST_OK && wants.pick) people_set_or(q->people, &fold.picked);
    fold.fold.done(&fold.fold);
    ret->count = (QueryCount){ .events = count.events, .people = count.people, .left_out = count.left_out };
    return st;
}
