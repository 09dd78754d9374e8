#include "store/events/bulk_ids.h"
#include "store/events/segment_writer.h"
#include "base/arena.h"
#include <string.h>

enum { DIGIT = 11, BINS = 1 << DIGIT, WORD = 64, MONTH_BITS = 31, AHEAD = 12, LINE = 16 };

/* ---- the order of a segment: month, person, time, row ---- */

/* key: month << 32 | the person's; ms: of the month, which is shorter than 2^32; at: the row's first word */
typedef struct Place { uint64_t key; uint32_t ms, at; } Place;

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
static void merge_halves(Place *p, size_t mid, size_t n, Place *room)
{
    size_t i = 0, k = mid, at = 0;
    if (p[mid - 1].ms <= p[mid].ms) return;
    memcpy(room, p, mid * sizeof *p);
    while (i < mid && k < n) p[at++] = room[i].ms <= p[k].ms ? room[i++] : p[k++];
    memcpy(p + at, room + i, (mid - i) * sizeof *p);
}
static void sort_times(Place *p, size_t n, Place *room)
{
    if (n < 2) return;
    size_t i = 1;
    while (i < n && p[i - 1].ms <= p[i].ms) i++;
    if (i == n) return;
    sort_times(p, n / 2, room);
    sort_times(p + n / 2, n - n / 2, room);
    merge_halves(p, n / 2, n, room);
}
/* The month of the row before: mostly the next one's too. */
typedef struct Month { int32_t month; int64_t first, last; } Month;
static Month month_of(int64_t time)
{
    Month m = { .month = segment_month(time), .first = time, .last = time };
    for (int64_t step = INT64_C(1) << MONTH_BITS; step; step >>= 1) {
        if (segment_month(m.first - step) == m.month) m.first -= step;
        if (segment_month(m.last + step) == m.month) m.last += step;
    }
    return m;
}
static void places(const BulkBatch *b, const PeopleView *people, Place *p)
{
    Month m = { .first = 1 };
    for (size_t at = 0; at < b->n_words; at += b->words[at + ROW_WORDS]) {
        const uint32_t *row = b->words + at;
        int64_t time = bulk_row_time(row);
        if (time < m.first || time > m.last) m = month_of(time);
        *p++ = (Place){ (uint64_t)((uint32_t)m.month ^ 1U << 31) << 32 |
            segment_key(joins_root(people, row[ROW_ACTOR])), (uint32_t)(time - m.first), (uint32_t)at };
    }
}
static void in_order(const BulkBatch *b, const PeopleView *people, Place *a, Place *room, Place **ret)
{
    places(b, people, a);
    Place *p = sort_places(a, room, b->n);
    room = p == a ? room : a;
    for (size_t i = 0, end; i < b->n; i = end) {
        for (end = i + 1; end < b->n && p[end].key == p[i].key; end++) { }
        sort_times(p + i, end - i, room);
    }
    *ret = p;
}

/* ---- rows into a segment ---- */

/* What the batch's numbers are in the segment being written, asked once each; 0: not yet. */
typedef struct Numbers { uint32_t *of; size_t n; } Numbers;
static const uint32_t AS_TEXT = UINT32_MAX;      /* the dictionary is full */
typedef struct Rows {
    const BulkWrite *w;
    const BulkBatch *b;
    const Str *names, *props;    /* by number */
    Numbers  name_of, prop_of, *code_of;
    SegmentCell *cells;
    uint32_t origin;
} Rows;
static Status copy_texts(Cx *cx, const BulkWrite *w, const Dict *d, const Str **ret, Numbers *ret_of)
{
    pthread_mutex_lock(w->lock);
    ret_of->n = d->n;
    Str *all = ARENA_MANY(cx->arena, Str, d->n + 1);
    if (all && d->n) memcpy(all, d->texts, d->n * sizeof *all);    /* the texts themselves never move */
    pthread_mutex_unlock(w->lock);
    ret_of->of = ARENA_MANY(cx->arena, uint32_t, ret_of->n + 1);
    *ret = all;
    return all && ret_of->of ? ST_OK : fail(cx, ST_NO_MEM, "bulk: names");
}
static Status rows_open(Cx *cx, const BulkWrite *w, const BulkBatch *b, Rows *ret)
{
    *ret = (Rows){ .w = w, .b = b, .cells = ARENA_MANY(cx->arena, SegmentCell, b->n_cols + 1),
        .code_of = ARENA_MANY(cx->arena, Numbers, b->n_cols + 1) };
    if (!ret->cells || !ret->code_of) return fail(cx, ST_NO_MEM, "bulk: columns");
    TRY(copy_texts(cx, w, w->names, &ret->names, &ret->name_of));
    TRY(copy_texts(cx, w, w->props, &ret->props, &ret->prop_of));
    for (size_t i = 0; i < b->n_cols; i++) {
        size_t n = b->cols[i].texts.n;
        ret->code_of[i] = (Numbers){ ARENA_MANY(cx->arena, uint32_t, n + 1), n };
        if (!ret->code_of[i].of) return fail(cx, ST_NO_MEM, "bulk: %zu texts", n);
    }
    return ST_OK;
}
static void forget(Numbers *n) { memset(n->of, 0, n->n * sizeof *n->of); }
static Status rows_begin(Cx *cx, Rows *r, SegmentWriter *w)
{
    const BulkConfig *c = r->w->config;
    forget(&r->name_of);
    forget(&r->prop_of);
    for (size_t i = 0; i < r->b->n_cols; i++) forget(&r->code_of[i]);
    return segment_number_origin(cx, w, (Origin){ c->source, c->trust, c->flags }, &r->origin);
}
static Status new_name(Cx *cx, Rows *r, SegmentWriter *w, uint32_t name)
{
    uint32_t number;
    TRY(segment_number_name(cx, w, r->names[name], &number));
    r->name_of.of[name] = number + 1;
    return ST_OK;
}
static Status new_prop(Cx *cx, Rows *r, SegmentWriter *w, uint32_t prop)
{
    uint32_t number;
    TRY(segment_number_prop(cx, w, r->props[prop], &number));
    r->prop_of.of[prop] = number + 1;
    return ST_OK;
}
static Status new_code(Cx *cx, Rows *r, SegmentWriter *w, uint32_t prop, uint64_t text)
{
    uint32_t code;
    Status st = segment_number_text(cx, w, r->prop_of.of[prop] - 1, r->b->cols[prop].texts.texts[text], &code);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    r->code_of[prop].of[text] = st == ST_OK ? code + 1 : AS_TEXT;
    return ST_OK;
}
static inline Status take_text(Cx *cx, Rows *r, SegmentWriter *w, uint32_t prop, SegmentCell *c)
{
    uint32_t *code = &r->code_of[prop].of[c->value];
    if (*code == 0) TRY(new_code(cx, r, w, prop, c->value));
    c->coded = *code != AS_TEXT;
    c->texts = &r->b->cols[prop].texts.texts[c->value];
    c->value = *code - 1;
    return ST_OK;
}
static inline Status put_row(Cx *cx, Rows *r, SegmentWriter *w, const Place *p)
{
    const uint32_t *row = r->b->words + p->at, *end = row + row[ROW_WORDS];
    uint32_t *name = &r->name_of.of[row[ROW_NAME]];
    if (*name == 0) TRY(new_name(cx, r, w, row[ROW_NAME]));
    SegmentRow e = { .person = segment_root((uint32_t)p->key), .actor = row[ROW_ACTOR], .name = *name - 1,
        .origin = r->origin, .time = bulk_row_time(row), .received = r->b->received, .cells = r->cells };
    for (const uint32_t *at = row + ROW_HEAD; at < end; ) {
        uint32_t prop = at[0] >> 8, kind = at[0] & (BULK_WIDE - 1);
        uint64_t value = at[0] & BULK_WIDE ? (uint64_t)at[2] << 32 | at[1] : at[1];
        at += at[0] & BULK_WIDE ? CELL_WORDS_MAX : CELL_WORDS_MAX - 1;
        if (kind == PROP_NULL) continue;
        if (r->prop_of.of[prop] == 0) TRY(new_prop(cx, r, w, prop));
        SegmentCell *c = &r->cells[e.n_cells++];
        *c = (SegmentCell){ .prop = r->prop_of.of[prop] - 1, .kind = (uint8_t)kind, .value = value };
        if (kind == PROP_STR) TRY(take_text(cx, r, w, prop, c));
    }
    return segment_add_row(cx, w, &e);
}
static Status put_rows(Cx *cx, Rows *r, SegmentWriter *w, const Place *p, size_t n)
{
    TRY(rows_begin(cx, r, w));
    for (size_t i = 0; i < n; i++) {
        const uint32_t *next = r->b->words + p[i + AHEAD < n ? i + AHEAD : i].at;
        __builtin_prefetch(next);
        __builtin_prefetch(next + LINE - 1);
        TRY(put_row(cx, r, w, &p[i]));
    }
    return ST_OK;
}
static Status write_month(Cx *cx, Rows *r, const SegmentPlan *plan, const Place *p, size_t n, Segment **ret)
{
    State *s = r->w->state;
    SegmentWriter *w;
    ManifestSegment info;
    TRY(segment_begin(cx, s->fs, s->dir, plan, &w));
    Status st = put_rows(cx, r, w, p, n);
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
            .month = segment_month(bulk_row_time(t->b->words + p[i].at)), .moves = t->people->moves };
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
    if (st == ST_OK) st = bulk_ids_store(cx, s, t->w->config->source, t->b, ret);
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
