#include "store/events/fold_paths.h"
#include "base/arena.h"
#include <string.h>
#include <xxhash.h>

enum { ITEM_BITS = PATH_ITEM_BITS, SLOTS_FIRST = 1024 };
#define ITEM_MAX ((UINT32_C(1) << ITEM_BITS) - 1)

/* ---- memory ---- */

static bool stop(FoldPaths *f, Status st)
{
    if (f->fold.st == ST_OK) f->fold.st = st;
    return false;
}
static bool take_bytes(FoldPaths *f, size_t bytes)
{
    Status st = scan_bytes(NULL, f->wants->run, (ptrdiff_t)bytes);
    if (st != ST_OK) return stop(f, st);
    f->bytes += bytes;
    return true;
}
static void give_bytes(FoldPaths *f, size_t bytes)
{
    Status st = scan_bytes(NULL, f->wants->run, -(ptrdiff_t)bytes);     /* cannot fail */
    (void)st;
    f->bytes -= bytes;
}
static bool room_for(FoldPaths *f, uint32_t **array, size_t *cap, size_t n)
{
    size_t to = *cap ? *cap : SLOTS_FIRST;
    if (n <= *cap) return true;
    while (to < n) to *= 2;
    if (!take_bytes(f, (to - *cap) * sizeof **array)) return false;
    uint32_t *p = mem_grow(*array, to * sizeof *p);
    if (!p) return stop(f, ST_NO_MEM);
    memset(p + *cap, 0, (to - *cap) * sizeof *p);
    *array = p;
    *cap = to;
    return true;
}

static inline bool item_of(FoldPaths *f, const Span *s, size_t i, uint32_t *ret)
{
    Status st = path_item(&f->items, s->cols[0].kind[i], s->cols[0].value[i], ret);
    return st == ST_OK || stop(f, st);
}

/* ---- edges ---- */

static uint64_t key_of(uint32_t position, uint32_t source, uint32_t target)
{
    return (uint64_t)position << 2 * ITEM_BITS | (uint64_t)source << ITEM_BITS | target;
}
uint32_t fold_paths_position(uint64_t key) { return (uint32_t)(key >> 2 * ITEM_BITS); }
uint32_t fold_paths_source(uint64_t key) { return key >> ITEM_BITS & ITEM_MAX; }
uint32_t fold_paths_target(uint64_t key) { return key & ITEM_MAX; }
static PathsEdge *edge_slot(PathsEdge *edges, size_t cap, uint64_t key)
{
    size_t i = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (cap - 1);
    while (edges[i].n && edges[i].key != key) i = (i + 1) & (cap - 1);
    return edges + i;
}
static bool grow_edges(FoldPaths *f)
{
    size_t cap = f->cap_edges ? 2 * f->cap_edges : SLOTS_FIRST;
    if (!take_bytes(f, cap * sizeof *f->edges)) return false;
    PathsEdge *edges = mem_get(cap * sizeof *edges);
    if (!edges) return stop(f, ST_NO_MEM);
    for (size_t i = 0; i < f->cap_edges; i++)
        if (f->edges[i].n) *edge_slot(edges, cap, f->edges[i].key) = f->edges[i];
    mem_free(f->edges);
    give_bytes(f, f->cap_edges * sizeof *edges);
    f->edges = edges;
    f->cap_edges = cap;
    return true;
}
static void add_edge(FoldPaths *f, uint64_t key, int64_t n)
{
    if (2 * f->n_edges >= f->cap_edges && !grow_edges(f)) return;
    PathsEdge *e = edge_slot(f->edges, f->cap_edges, key);
    f->n_edges += e->n == 0;
    e->key = key;
    e->n += n;
}
static void add_way(FoldPaths *f, uint32_t root, const uint32_t *items, size_t n)
{
    const PathsPick *p = f->wants->pick;
    for (size_t i = 0; i + 1 < n; i++) {
        add_edge(f, key_of((uint32_t)i + 1, items[i], items[i + 1]), 1);
        if (p && p->position == i + 1 && p->items[0] == items[i] && p->items[1] == items[i + 1])
            people_set_add(&f->picked, root);
    }
}
/* One session's items: what lies between the ends asked for, cut to the depth. */
static void end_session(FoldPaths *f, uint32_t root, size_t n)
{
    const PathsWants *w = f->wants;
    uint32_t *way = f->way, cut[PATHS_DEPTH_MAX];
    size_t first = 0, last, half = w->depth / 2, k = 0;
    if (w->from != PATH_ITEM_NONE) {
        while (first < n && way[first] != w->from) first++;
        if (first == n) return;
    }
    if (w->to == PATH_ITEM_NONE) {
        add_way(f, root, way + first, n - first < w->depth ? n - first : w->depth);
        return;
    }
    last = first + (w->from != PATH_ITEM_NONE);
    while (last < n && way[last] != w->to) last++;
    if (last == n) return;
    way += first, n = last + 1 - first;
    if (n > w->depth && w->from != PATH_ITEM_NONE) {
        for (size_t i = 0; i < half; i++) cut[k++] = way[i];
        cut[k++] = w->dots;
        for (size_t i = n - (w->depth - half - 1); i < n; i++) cut[k++] = way[i];
        way = cut, n = k;
    } else if (n > w->depth) {
        way += n - w->depth, n = w->depth;
    }
    add_way(f, root, way, n);
}
static void edges_person(Fold *fold, const Span *s)
{
    FoldPaths *f = (FoldPaths *)fold;
    int64_t last = 0;
    size_t n = 0;
    if (!room_for(f, &f->way, &f->cap_way, s->n)) return;
    for (size_t i = 0; i < s->n; i++) {
        uint32_t item;
        if (!item_of(f, s, i, &item)) return;
        if (item == PATH_ITEM_NONE) continue;
        if (n && s->time[i] - last > f->wants->gap) end_session(f, s->root, n), n = 0;
        last = s->time[i];
        if (n == 0 || f->way[n - 1] != item) f->way[n++] = item;
    }
    if (n) end_session(f, s->root, n);
}
/* From a name on, and no end: nothing before it is looked at, after the depth only where the session ends. */
static void marked_person(Fold *fold, const Span *s)
{
    FoldPaths *f = (FoldPaths *)fold;
    const PathsWants *w = f->wants;
    uint32_t way[PATHS_DEPTH_MAX], item;
    for (size_t i = 0; i < s->n;) {
        size_t n = 0;
        int64_t last;
        while (i < s->n && !(s->mask[i] & 2)) i++;
        if (i == s->n) return;
        for (last = s->time[i]; i < s->n; i++) {
            if (!item_of(f, s, i, &item)) return;
            if (item == PATH_ITEM_NONE) continue;
            if (s->time[i] - last > w->gap) break;
            last = s->time[i];
            if (n < w->depth && (n == 0 || way[n - 1] != item)) way[n++] = item;
        }
        add_way(f, s->root, way, n);
    }
}

/* ---- sequences ---- */

static size_t row_size(const FoldPaths *f)
{
    return (sizeof(PathsRow) + f->wants->depth * sizeof(uint32_t) + 7) & ~(size_t)7;
}
PathsRow *fold_paths_row(const FoldPaths *f, size_t i) { return (PathsRow *)(void *)(f->rows + i * row_size(f)); }
static uint32_t *row_slot(const FoldPaths *f, const uint32_t *items, size_t n)
{
    size_t i = (size_t)XXH3_64bits(items, n * sizeof *items) & (f->cap_slots - 1);
    for (; f->slots[i]; i = (i + 1) & (f->cap_slots - 1)) {
        const PathsRow *r = fold_paths_row(f, f->slots[i] - 1);
        if (r->length == n && memcmp(r->items, items, n * sizeof *items) == 0) break;
    }
    return f->slots + i;
}
static bool grow_rows(FoldPaths *f)
{
    size_t cap = f->cap_rows ? 2 * f->cap_rows : SLOTS_FIRST / 2, size = row_size(f);
    if (!take_bytes(f, (cap - f->cap_rows) * (size + 2 * sizeof *f->slots))) return false;
    char *rows = mem_grow(f->rows, cap * size);
    if (rows) f->rows = rows;
    uint32_t *slots = rows ? mem_get(2 * cap * sizeof *slots) : NULL;
    if (!slots) return stop(f, ST_NO_MEM);
    mem_free(f->slots);
    f->slots = slots;
    f->cap_slots = 2 * cap;
    f->cap_rows = cap;
    for (uint32_t i = 0; i < f->n_rows; i++) {
        const PathsRow *r = fold_paths_row(f, i);
        *row_slot(f, r->items, r->length) = i + 1;
    }
    return true;
}
static void add_row(FoldPaths *f, const uint32_t *items, size_t n, int64_t people)
{
    if (f->n_rows == f->cap_rows && !grow_rows(f)) return;
    uint32_t *slot = row_slot(f, items, n);
    if (!*slot) {
        PathsRow *r = fold_paths_row(f, f->n_rows);
        r->n = 0;
        r->length = (uint32_t)n;
        memcpy(r->items, items, n * sizeof *items);
        *slot = (uint32_t)++f->n_rows;
    }
    fold_paths_row(f, *slot - 1)->n += people;
}
static void sequences_person(Fold *fold, const Span *s)
{
    FoldPaths *f = (FoldPaths *)fold;
    const PathsPick *p = f->wants->pick;
    uint32_t way[PATHS_DEPTH_MAX] = { 0 }, item;
    size_t i = 0, n = 0;
    while (i < s->n && !(s->mask[i] & 2)) i++;
    if (i == s->n) return;
    for (i++; i < s->n && n < f->wants->depth; i++) {
        if (!(s->mask[i] & 1)) continue;
        if (!item_of(f, s, i, &item)) return;
        if (item != PATH_ITEM_NONE) way[n++] = item;
    }
    add_row(f, way, n, 1);
    if (p && p->n == n && memcmp(p->items, way, n * sizeof *way) == 0) people_set_add(&f->picked, s->root);
}

/* ---- fork, merge, done ---- */

static void done(Fold *fold)
{
    FoldPaths *f = (FoldPaths *)fold;
    give_bytes(f, f->bytes);
    people_set_done(&f->picked);
    path_item_all_done(&f->items);
    mem_free(f->way);
    mem_free(f->edges);
    mem_free(f->slots);
    mem_free(f->rows);
}
static void forked_done(Fold *fold)
{
    done(fold);
    mem_free(fold);
}
static Status fork_of(Cx *cx, const Fold *fold, Fold **ret)
{
    const FoldPaths *f = (const FoldPaths *)fold;
    FoldPaths *made = mem_get(sizeof *made);
    if (!made) return fail(cx, ST_NO_MEM, "paths");
    Status st = fold_paths_init(cx, made, f->wants);
    made->fold.done = forked_done;
    if (st == ST_OK) *ret = &made->fold;
    else forked_done(&made->fold);
    return st;
}
static void merge(Fold *fold, Fold *other)
{
    FoldPaths *f = (FoldPaths *)fold, *from = (FoldPaths *)other;
    for (size_t i = 0; i < from->cap_edges && f->fold.st == ST_OK; i++)
        if (from->edges[i].n) add_edge(f, from->edges[i].key, from->edges[i].n);
    for (size_t i = 0; i < from->n_rows && f->fold.st == ST_OK; i++) {
        const PathsRow *r = fold_paths_row(from, i);
        add_row(f, r->items, r->length, r->n);
    }
    if (f->wants->pick) people_set_or(&f->picked, &from->picked);
}
Status fold_paths_init(Cx *cx, FoldPaths *f, const PathsWants *w)
{
    bool marked = w->marked && w->to == PATH_ITEM_NONE;
    *f = (FoldPaths){ .wants = w, .fold = { .fork = fork_of, .merge = merge, .done = done } };
    f->fold.person = w->sequences ? sequences_person : marked ? marked_person : edges_person;
    TRY(path_item_all_init(cx, &f->items, w->texts, w->run, &w->url, w->names));
    return w->pick ? people_set_new(cx, w->n_roots, &f->picked) : ST_OK;
}
