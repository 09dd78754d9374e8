#include "store/events/merge_write.h"
#include "base/arena.h"

/* A sorted stream: a segment, or rows that have been gathered. Its next event is of this person at this time. */
typedef struct Input {
    Segment     *seg;
    SegmentCopy *copy;
    const Block *b;
    bool     moved, open, done;  /* moved: some of its people may have; open: b holds a block */
    uint32_t next_block, person, at;
    const Row *rows;
    size_t   row, n_rows;
    uint32_t key;
    int64_t  time;
} Input;
typedef struct Merge {
    const PeopleView *people;
    SegmentWriter *w;
    Input  *in;                  /* of equal person and time the earlier comes first */
    size_t  n;
    Row    *rows;                /* gathered: .at is a SegmentRow in the arena */
    size_t  n_rows, cap_rows;
    Cx      aside;
} Merge;

static bool stays(const Merge *m, const Input *in, uint32_t i)
{
    return !in->moved || joins_root(m->people, in->b->actor[i]) == segment_root(in->key);
}

/* ---- what has moved ---- */

static Status gather_one(Cx *cx, Merge *m, Input *in, uint32_t i, uint32_t root)
{
    if (m->n_rows == m->cap_rows) {
        size_t cap = m->cap_rows ? m->cap_rows * 2 : 4096;
        Row *rows = mem_grow(m->rows, cap * sizeof *rows);
        if (!rows) return fail(cx, ST_NO_MEM, "merge: %zu rows of moved people", cap);
        m->rows = rows;
        m->cap_rows = cap;
    }
    SegmentRow *row = ARENA_NEW(m->aside.arena, SegmentRow);
    Status st = row ? segment_copy_row(&m->aside, in->copy, i, row) : ST_NO_MEM;
    if (st != ST_OK) return fail(cx, st, "merge: an event of a moved person");
    row->person = root;
    m->rows[m->n_rows++] = (Row){ .time = row->time, .key = segment_key(root), .at = (const char *)row };
    return ST_OK;
}
static bool any_moved(const Merge *m, const Block *b)
{
    uint32_t moved = 0;
    for (uint32_t p = 0; p < b->n_people; p++) {
        uint32_t root = segment_root(b->key[p]);
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) moved |= joins_root(m->people, b->actor[i]) ^ root;
    }
    return moved;
}
static Status gather_block(Cx *cx, Merge *m, Input *in, uint32_t index)
{
    TRY(segment_copy_block(cx, in->copy, index));
    for (uint32_t p = 0; p < in->b->n_people; p++) {
        uint32_t root = segment_root(in->b->key[p]);
        for (uint32_t i = in->b->first[p]; i < in->b->first[p + 1]; i++) {
            uint32_t now = joins_root(m->people, in->b->actor[i]);
            if (now != root) TRY(gather_one(cx, m, in, i, now));
        }
    }
    return ST_OK;
}
static Status gather(Cx *cx, Merge *m, Input *in)
{
    Block look = { .mask_skip = UINT64_MAX };
    Status st = ST_OK;
    for (uint32_t i = 0; st == ST_OK && i < in->seg->n_blocks; i++) {
        BlockRuns runs;
        st = segment_block_runs(cx, in->seg, i, &look, &runs);
        if (st == ST_OK) st = segment_block_actors(cx, &look);
        if (st == ST_OK && any_moved(m, &look)) st = gather_block(cx, m, in, i);
    }
    segment_block_done(&look);
    return st;
}
static Status sort_gathered(Cx *cx, Merge *m)
{
    Row *room = mem_get((m->n_rows + 1) * sizeof *room);
    if (!room) return fail(cx, ST_NO_MEM, "merge: %zu rows to sort", m->n_rows);
    tail_sort(m->rows, m->n_rows, room);
    mem_free(room);
    return ST_OK;
}

/* ---- streams ---- */

static void row_next(Input *in)
{
    in->done = in->row == in->n_rows;
    if (in->done) return;
    in->key = in->rows[in->row].key;
    in->time = in->rows[in->row].time;
}
/* From .at on to the next event that stays. */
static Status settle(Cx *cx, Merge *m, Input *in)
{
    for (;;) {
        while (in->open && in->person < in->b->n_people) {
            in->key = in->b->key[in->person];
            uint32_t end = in->b->first[in->person + 1];
            while (in->at < end && !stays(m, in, in->at)) in->at++;
            if (in->at < end) {
                in->time = in->b->time[in->at];
                return ST_OK;
            }
            in->person++;
        }
        in->done = in->next_block == in->seg->n_blocks;
        if (in->done) return ST_OK;
        TRY(segment_copy_block(cx, in->copy, in->next_block++));
        in->open = true;
        in->person = in->at = 0;
    }
}
static bool before(const Input *a, const Input *b) { return a->key != b->key ? a->key < b->key : a->time < b->time; }
/* The stream whose event is next, and the one after it; NULL: there is none. */
static void next_two(const Merge *m, Input **ret_first, Input **ret_second)
{
    Input *first = NULL, *second = NULL;
    for (Input *in = m->in; in < m->in + m->n; in++) {
        if (in->done) continue;
        if (!first || before(in, first)) second = first, first = in;
        else if (!second || before(in, second)) second = in;
    }
    *ret_first = first;
    *ret_second = second;
}
/* All of this person's events that come before the other stream's next. */
static Status take(Cx *cx, Merge *m, Input *in, const Input *other)
{
    if (!in->seg) {
        TRY(segment_add_row(cx, m->w, (const SegmentRow *)(const void *)in->rows[in->row++].at));
        row_next(in);
        return ST_OK;
    }
    uint32_t from = in->at, end = in->b->first[in->person + 1], to = from + 1;
    bool bound = other && other->key == in->key;
    int64_t until = !bound ? INT64_MAX : other > in ? other->time : other->time - 1;       /* the last it may have */
    if (!bound && !in->moved) to = end;
    while (to < end && in->b->time[to] <= until && stays(m, in, to)) to++;
    TRY(segment_copy_add(cx, in->copy, segment_root(in->key), from, to));
    in->at = to;
    return settle(cx, m, in);
}
static Status open_inputs(Cx *cx, Merge *m, const Snapshot *snap)
{
    for (size_t i = 0; i < snap->set->n; i++) {
        Input *in = &m->in[m->n++];
        *in = (Input){ .seg = snap->set->segs[i], .moved = snap->set->segs[i]->moves != m->people->moves };
        TRY(segment_copy_new(cx, m->w, in->seg, &in->copy));
        in->b = segment_copy_of(in->copy);
        if (in->moved) TRY(gather(cx, m, in));
    }
    TRY(sort_gathered(cx, m));
    m->in[0] = (Input){ .rows = m->rows, .n_rows = m->n_rows };
    row_next(&m->in[0]);
    for (size_t i = 1; i < m->n; i++) TRY(settle(cx, m, &m->in[i]));
    return ST_OK;
}
static Status merge_all(Cx *cx, Merge *m, const Snapshot *snap)
{
    Input *in, *other;
    TRY(open_inputs(cx, m, snap));
    for (next_two(m, &in, &other); in; next_two(m, &in, &other)) TRY(take(cx, m, in, other));
    return ST_OK;
}
Status merge_write(Cx *cx, const Snapshot *snap, SegmentWriter *w)
{
    Merge m = { .people = snap->people, .w = w, .n = 1, .in = mem_get((snap->set->n + 1) * sizeof *m.in),
        .aside = { .arena = arena_new(MERGE_ASIDE_BYTES), .now = cx->now } };
    Status st = m.in && m.aside.arena ? merge_all(cx, &m, snap) : fail(cx, ST_NO_MEM, "merge: streams");
    for (size_t i = 0; m.in && i < m.n; i++) segment_copy_done(m.in[i].copy);
    mem_free(m.in);
    mem_free(m.rows);
    arena_free(m.aside.arena);
    return st;
}
