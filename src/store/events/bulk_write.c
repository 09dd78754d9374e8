#include "store/events/bulk_in.h"
#include "store/events/segment_writer.h"
#include "base/arena.h"
#include <string.h>

enum { DIGIT = 11, BINS = 1 << DIGIT, WORD = 64 };

/* ---- the order of a segment: month, person, time, row ---- */

typedef struct Place { uint64_t key; uint32_t row; } Place;      /* key: month << 32 | the person's */

static void sort_pass(const Place *from, Place *to, size_t n, unsigned shift)
{
    size_t at[BINS] = { 0 }, sum = 0;
    for (size_t i = 0; i < n; i++) at[from[i].key >> shift & (BINS - 1)]++;
    for (size_t k = 0; k < BINS; k++) {
        size_t here = at[k];
        at[k] = sum;
        sum += here;
    }
    for (size_t i = 0; i < n; i++) to[at[from[i].key >> shift & (BINS - 1)]++] = from[i];
}
/* Stable; only digits that differ cost a pass. In which of the two the result is. */
static Place *sort_places(Place *a, Place *b, size_t n)
{
    uint64_t any = 0, all = UINT64_MAX;
    for (size_t i = 0; i < n; i++) any |= a[i].key, all &= a[i].key;
    for (unsigned shift = 0; shift < WORD; shift += DIGIT) {
        if (!((any ^ all) >> shift & (BINS - 1))) continue;
        sort_pass(a, b, n, shift);
        Place *t = a;
        a = b;
        b = t;
    }
    return a;
}
/* Rows of one person, mostly in order of time already: halves are merged, so that no order is slow. */
static void merge_halves(Place *p, size_t mid, size_t n, Place *room, const int64_t *time)
{
    size_t i = 0, k = mid, at = 0;
    if (time[p[mid - 1].row] <= time[p[mid].row]) return;
    memcpy(room, p, mid * sizeof *p);
    while (i < mid && k < n) p[at++] = time[room[i].row] <= time[p[k].row] ? room[i++] : p[k++];
    memcpy(p + at, room + i, (mid - i) * sizeof *p);
}
static void sort_times(Place *p, size_t n, Place *room, const int64_t *time)
{
    if (n < 2) return;
    size_t i = 1;
    while (i < n && time[p[i - 1].row] <= time[p[i].row]) i++;
    if (i == n) return;
    sort_times(p, n / 2, room, time);
    sort_times(p + n / 2, n - n / 2, room, time);
    merge_halves(p, n / 2, n, room, time);
}
static void in_order(const BulkBatch *b, const PeopleView *people, Place *a, Place *room, Place **ret)
{
    for (size_t i = 0; i < b->n; i++)
        a[i] = (Place){ (uint64_t)((uint32_t)segment_month(b->time[i]) ^ 1U << 31) << 32 |
            segment_key(joins_root(people, b->actor[i])), (uint32_t)i };
    Place *p = sort_places(a, room, b->n);
    room = p == a ? room : a;
    for (size_t i = 0, end; i < b->n; i = end) {
        for (end = i + 1; end < b->n && p[end].key == p[i].key; end++) { }
        sort_times(p + i, end - i, room, b->time);
    }
    *ret = p;
}

/* ---- rows as events ---- */

typedef struct Rows {
    const BulkWrite *w;
    const BulkBatch *b;
    const Str *names, *props;    /* by number */
    const uint32_t *used; size_t n_used;
    Prop *values;
} Rows;
static Str *copy_texts(Cx *cx, const BulkWrite *w, const Dict *d)
{
    pthread_mutex_lock(w->lock);
    Str *ret = ARENA_MANY(cx->arena, Str, d->n + 1);
    if (ret && d->n) memcpy(ret, d->texts, d->n * sizeof *ret);    /* the texts themselves never move */
    pthread_mutex_unlock(w->lock);
    return ret;
}
static Status rows_open(Cx *cx, const BulkWrite *w, const BulkBatch *b, Rows *ret)
{
    uint32_t *used = ARENA_MANY(cx->arena, uint32_t, b->n_cols + 1);
    *ret = (Rows){ .w = w, .b = b, .names = copy_texts(cx, w, w->names), .props = copy_texts(cx, w, w->props),
        .used = used, .values = ARENA_MANY(cx->arena, Prop, b->n_cols + 1) };
    if (!ret->names || !ret->props || !used || !ret->values) return fail(cx, ST_NO_MEM, "bulk: names");
    for (uint32_t i = 0; i < b->n_cols; i++) if (b->cols[i].used) used[ret->n_used++] = i;
    return ST_OK;
}
static void row_event(const Rows *r, uint32_t i, Event *ret)
{
    const BulkBatch *b = r->b;
    const BulkConfig *c = r->w->config;
    *ret = (Event){ .source = c->source, .trust = c->trust, .flags = c->flags, .name = r->names[b->name[i]],
        .time = b->time[i], .received = b->received, .props = r->values };
    for (size_t k = 0; k < r->n_used; k++) {
        const BulkCol *col = &b->cols[r->used[k]];
        if (i >= col->n || col->kind[i] == PROP_NULL) continue;
        Prop *p = &r->values[ret->n_props++];
        *p = (Prop){ .name = r->props[r->used[k]], .kind = col->kind[i] };
        if (p->kind == PROP_STR) p->s = col->texts.texts[col->value[i]];
        else if (p->kind == PROP_BOOL) p->b = col->value[i] != 0;
        else p->i = (int64_t)col->value[i];              /* of a double the bits */
    }
}
static Status write_month(Cx *cx, const Rows *r, const SegmentPlan *plan, const Place *p, size_t n, Segment **ret)
{
    State *s = r->w->state;
    SegmentWriter *w;
    ManifestSegment info;
    Event e;
    TRY(segment_begin(cx, s->fs, s->dir, plan, &w));
    Status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        row_event(r, p[i].row, &e);
        st = segment_add(cx, w, segment_root((uint32_t)p[i].key), r->b->actor[p[i].row], &e);
    }
    if (st == ST_OK) st = segment_end(cx, w, &info);
    segment_drop(cx, w);
    TRY(st);
    TRY(segment_open(cx, s->fs, s->dir, &info, ret));
    if (!(*ret)->damaged) return ST_OK;
    segment_done(cx, *ret);
    return fail(cx, ST_IO, "bulk: what was just written does not read back");
}

/* ---- a batch ---- */

typedef struct Batch {
    const BulkWrite *w;
    BulkBatch  *b;
    PeopleView *people;
    int64_t     log_pos;
    uint32_t    actors;
    SegmentSet *written;
} Batch;
static Status view(Cx *cx, Batch *t)
{
    State *s = t->w->state;
    pthread_mutex_lock(&s->lock);
    Status st = state_view(cx, s, &t->people);
    t->log_pos = s->cur->end;
    t->actors = actors_count(s->actors);
    pthread_mutex_unlock(&s->lock);
    return st;
}
static size_t month_end(const Place *p, size_t n, size_t i)
{
    size_t end = i;
    while (end < n && p[end].key >> 32 == p[i].key >> 32) end++;
    return end;
}
static Status write_months(Cx *cx, Batch *t, const Place *p)
{
    size_t n = t->b->n, months = 0;
    Rows rows;
    TRY(rows_open(cx, t->w, t->b, &rows));
    for (size_t i = 0; i < n; i = month_end(p, n, i)) months++;
    t->written = state_set_new(months);
    if (!t->written) return fail(cx, ST_NO_MEM, "bulk: a set");
    for (size_t i = 0, end; i < n; i = end) {
        Segment *seg;
        end = month_end(p, n, i);
        SegmentPlan plan = { .id = t->w->state->next_id++, .log_pos = t->log_pos,
            .month = segment_month(t->b->time[p[i].row]), .moves = t->people->moves };
        TRY(write_month(cx, &rows, &plan, p + i, end - i, &seg));
        state_set_add(t->written, seg);
    }
    return ST_OK;
}
static Status write_sorted(Cx *cx, Batch *t)
{
    Place *a = mem_get((t->b->n + 1) * sizeof *a), *room = mem_get((t->b->n + 1) * sizeof *room), *p;
    Status st = a && room ? ST_OK : fail(cx, ST_NO_MEM, "bulk: %zu rows to sort", t->b->n);
    if (st == ST_OK) {
        in_order(t->b, t->people, a, room, &p);
        st = write_months(cx, t, p);
    }
    mem_free(a);
    mem_free(room);
    return st;
}
static Status room_for_mark(Cx *cx, State *s)
{
    ManifestMark *more = mem_grow(s->marks, (s->n_marks + 1) * sizeof *more);
    if (!more) return fail(cx, ST_NO_MEM, "bulk: marks");
    s->marks = more;
    return ST_OK;
}
static Status next_set(Cx *cx, State *s, const SegmentSet *written)
{
    SegmentSet *set = s->change.set = state_set_new(s->set->n + written->n);
    if (!set) return fail(cx, ST_NO_MEM, "bulk: a set");
    for (size_t i = 0; i < s->set->n; i++) state_set_add(set, segment_ref(s->set->segs[i]));
    for (size_t i = 0; i < written->n; i++) state_set_add(set, segment_ref(written->segs[i]));
    return ST_OK;
}
/* The next manifest: as events_change() wants it, one change at a time. */
static Status change(Cx *cx, State *s, void *arg, Manifest *ret)
{
    Batch *t = arg;
    if (s->change.kind != CHANGE_NONE) return fail(cx, ST_BUG, "bulk: a change is under way");
    pthread_mutex_lock(&s->lock);
    Status st = room_for_mark(cx, s);
    uint32_t counted = actors_counted(s->actors);
    uint32_t actors = t->actors > counted ? t->actors : counted;
    if (st == ST_OK)
        s->change = (Change){ .kind = CHANGE_BULK, .map_id = s->map_id, .has_mark = true, .mark = t->b->mark,
            .actors = actors };
    pthread_mutex_unlock(&s->lock);
    TRY(st);
    st = next_set(cx, s, t->written);
    if (st == ST_OK) st = actors_write(cx, s->actors, actors);
    if (st == ST_OK) st = s->fs.ops->sync_dir(cx, s->fs.self, s->dir);
    if (st == ST_OK) st = state_manifest(cx, s, s->change.set, ret);
    if (st != ST_OK) state_abandon(cx, s);
    else ret->actors = actors;
    return st;
}
Status bulk_write(Cx *cx, const BulkWrite *w, BulkBatch *b)
{
    Batch t = { .w = w, .b = b };
    TRY(view(cx, &t));
    Status st = write_sorted(cx, &t);
    if (st == ST_OK) st = events_change(cx, w->events, change, &t);
    state_set_done(cx, t.written);
    joins_view_done(t.people);
    return st;
}
