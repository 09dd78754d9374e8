#include "store/events/scan_in.h"
#include "store/events/segment_writer.h"
#include "store/events/state_in.h"
#include "base/arena.h"
#include <stdio.h>
#include <string.h>

enum { MAP_BYTES_MAX = 1 << 30, AHEAD_ROWS = 6, AHEAD_BYTES = 512, LINE = 64 };

/* ---- taking the tail ---- */

static Status rotate(Cx *cx, State *s)
{
    Tail *old = s->cur;
    if (old->end == old->start) return ST_NOT_FOUND;
    Tail *next = tail_new(old->end);
    Status st = next ? state_view(cx, s, &old->people) : fail(cx, ST_NO_MEM, "flush: a tail");
    old->changes = joins_changes(s->joins);
    old->map = buf_new(NULL, MAP_BYTES_MAX);
    if (st == ST_OK && old->changes != s->map_changes) {
        joins_save(s->joins, &old->map);
        if (old->map.bad) st = fail(cx, ST_NO_MEM, "flush: the map of joins");
    }
    if (st != ST_OK) {
        joins_view_done(old->people);
        old->people = NULL;
        buf_done(&old->map);
        tail_done(next);
        return st;
    }
    old->actors = actors_count(s->actors);
    s->old = old;
    s->cur = next;
    return ST_OK;
}
static Status take_tail(Cx *cx, State *s)
{
    pthread_mutex_lock(&s->lock);
    Status st = s->change.kind != CHANGE_NONE ? fail(cx, ST_BUG, "flush: a change is under way") : state_index(cx, s);
    if (st == ST_OK && !s->old) st = rotate(cx, s);
    pthread_mutex_unlock(&s->lock);
    return st;
}
static Status sorted_rows(Cx *cx, const Tail *t, Row **ret)
{
    Row *rows = mem_get((2 * t->n + 1) * sizeof *rows);
    size_t n = 0;
    if (!rows) return fail(cx, ST_NO_MEM, "flush: %zu rows", t->n);
    for (const TailPage *p = t->first; n < t->n; p = p->next)
        for (size_t i = 0; i < TAIL_PAGE && n < t->n; i++) {
            const TailRow *r = &p->rows[i];
            rows[n++] = (Row){ .time = r->time, .at = r->at, .size = r->size, .actor = r->actor,
                .key = segment_key(joins_root(t->people, r->actor)), .month = segment_month(r->time) };
        }
    tail_sort(rows, n, rows + n);
    *ret = rows;
    return ST_OK;
}

/* ---- writing ---- */

/* Sorted by person, the rows stand all over the tail. */
static void fetch(const Row *r)
{
    size_t n = r->size < AHEAD_BYTES ? r->size : AHEAD_BYTES;
    for (size_t at = 0; at < n; at += LINE) __builtin_prefetch(r->at + at);
}
static Status add_row(Cx *cx, SegmentWriter *w, Cx *scratch, const Row *r)
{
    Entry e;
    size_t used;
    arena_reset(scratch->arena);
    Status st = entry_get(scratch, (Str){ r->at, r->size }, &e, &used);
    if (st != ST_OK) return fail(cx, st, "flush: %s", scratch->why.log);
    return segment_add(cx, w, segment_root(r->key), r->actor, &e.event);
}
/* The rows of one month, into a segment that is opened again at once: a commit must not fail. */
static Status write_month(Cx *cx, State *s, const SegmentPlan *plan, Cx *scratch, const Row *rows, size_t n,
    Segment **ret)
{
    SegmentWriter *w;
    ManifestSegment info;
    TRY(segment_begin(cx, s->fs, s->dir, plan, &w));
    Status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        if (i + AHEAD_ROWS < n) fetch(&rows[i + AHEAD_ROWS]);
        st = add_row(cx, w, scratch, &rows[i]);
    }
    if (st == ST_OK) st = segment_end(cx, w, &info);
    segment_drop(cx, w);
    TRY(st);
    TRY(segment_open(cx, s->fs, s->dir, &info, ret));
    if (!(*ret)->damaged) return ST_OK;
    segment_done(cx, *ret);
    return fail(cx, ST_IO, "flush: what was just written does not read back");
}
static size_t month_end(const Row *rows, size_t n, size_t i)
{
    size_t end = i;
    while (end < n && rows[end].month == rows[i].month) end++;
    return end;
}
static Status write_months(Cx *cx, State *s, const Row *rows, SegmentSet *set)
{
    const Tail *t = s->old;
    Cx scratch = { .arena = arena_new(8 << 20) };
    Status st = scratch.arena ? ST_OK : fail(cx, ST_NO_MEM, "flush: scratch");
    for (size_t i = 0, end; st == ST_OK && i < t->n; i = end) {
        Segment *seg;
        end = month_end(rows, t->n, i);
        SegmentPlan plan = { .id = s->next_id++, .log_pos = t->start, .month = rows[i].month,
            .moves = t->people->moves };
        st = write_month(cx, s, &plan, &scratch, rows + i, end - i, &seg);
        if (st == ST_OK) state_set_add(set, seg);
    }
    arena_free(scratch.arena);
    return st;
}
static Status write_map(Cx *cx, State *s)
{
    char name[32];
    Str map = buf_str(&s->old->map);
    if (map.n == 0) return ST_OK;
    s->change.map_id = s->next_id++;
    snprintf(name, sizeof name, "map-%lld", (long long)s->change.map_id);
    return fs_replace(cx, s->fs, s->dir, name, map);
}
static size_t months(const Row *rows, size_t n)
{
    size_t ret = 0;
    for (size_t i = 0; i < n; i++) ret += i == 0 || rows[i].month != rows[i - 1].month;
    return ret;
}
static Status write_all(Cx *cx, State *s, const Row *rows)
{
    SegmentSet *set = s->change.set = state_set_new(s->set->n + months(rows, s->old->n));
    if (!set) return fail(cx, ST_NO_MEM, "flush: a set");
    for (size_t i = 0; i < s->set->n; i++) state_set_add(set, segment_ref(s->set->segs[i]));
    TRY(write_months(cx, s, rows, set));
    TRY(actors_write(cx, s->actors, s->old->actors));
    TRY(write_map(cx, s));
    return s->fs.ops->sync_dir(cx, s->fs.self, s->dir);
}
Status state_flush(Cx *cx, State *s, Manifest *ret)
{
    Row *rows;
    TRY(take_tail(cx, s));
    TRY(sorted_rows(cx, s->old, &rows));
    s->change = (Change){ .kind = CHANGE_FLUSH, .map_id = s->map_id };
    Status st = write_all(cx, s, rows);
    mem_free(rows);
    if (st == ST_OK) st = state_manifest(cx, s, s->change.set, ret);
    if (st != ST_OK) {
        state_abandon(cx, s);
        return st;
    }
    ret->flushed = s->old->end;
    /* an import may have brought more */
    uint32_t counted = actors_counted(s->actors);
    ret->actors = s->old->actors > counted ? s->old->actors : counted;
    ret->map_id = s->change.map_id;
    return ST_OK;
}

/* ---- making it count, or not ---- */

static void drop_file(Cx *cx, State *s, const char *kind, int64_t id)
{
    char name[32];
    const char *path;
    Why why = cx->why;
    snprintf(name, sizeof name, "%s-%lld", kind, (long long)id);
    if (id && fs_path(cx, s->dir, name, "", &path) == ST_OK) (void)s->fs.ops->unlink(cx, s->fs.self, path);
    cx->why = why;                                         /* what stays is tidied at the next start */
}
static void commit_flush(Cx *cx, State *s)
{
    Tail *old = s->old;
    actors_commit(s->actors, old->actors);
    if (s->change.map_id != s->map_id) drop_file(cx, s, "map", s->map_id);
    s->map_id = s->change.map_id;
    s->map_changes = old->changes;
    s->flushed = old->end;
    s->bytes -= old->bytes;
    s->old = NULL;
    tail_done(old);
}
/* Room was made for it when the batch was written. */
static void commit_mark(State *s)
{
    size_t i = 0;
    while (i < s->n_marks && s->marks[i].import != s->change.mark.import) i++;
    s->marks[i] = s->change.mark;
    s->n_marks += i == s->n_marks;
    actors_commit(s->actors, s->change.actors);
}
static bool has_ids(const Manifest *m, int64_t id)
{
    for (size_t i = 0; i < m->n_ids; i++) if (m->ids[i].id == id) return true;
    return false;
}
/* Room was made for the one that may be new. */
static void commit_ids(Cx *cx, State *s, const Manifest *m)
{
    for (size_t i = 0; i < s->n_ids; i++) if (!has_ids(m, s->ids[i].id)) drop_file(cx, s, "ids", s->ids[i].id);
    if (m->n_ids) memcpy(s->ids, m->ids, m->n_ids * sizeof *s->ids);
    s->n_ids = m->n_ids;
}
void state_commit(Cx *cx, State *s, const Manifest *m)
{
    pthread_mutex_lock(&s->lock);
    SegmentSet *before = s->set;
    s->commits++;
    s->set = s->change.set;
    if (s->change.kind == CHANGE_FLUSH) commit_flush(cx, s);
    if (s->change.has_mark) commit_mark(s);
    commit_ids(cx, s, m);
    for (size_t i = 0; i < s->change.n_gone; i++) {
        s->change.gone[i]->obsolete = true;
        segment_done(cx, s->change.gone[i]);
    }
    mem_free(s->change.gone);
    s->change = (Change){ 0 };
    state_set_done(cx, before);
    pthread_mutex_unlock(&s->lock);
}
/* The files stay: a manifest that failed half-way may name them. Their numbers are not used again, so that the
 * next start
 * after a flush that worked tidies them away. */
void state_abandon(Cx *cx, State *s)
{
    if (s->change.kind == CHANGE_NONE) return;
    pthread_mutex_lock(&s->lock);
    state_set_done(cx, s->change.set);
    for (size_t i = 0; i < s->change.n_gone; i++) segment_done(cx, s->change.gone[i]);
    mem_free(s->change.gone);
    s->change = (Change){ 0 };
    pthread_mutex_unlock(&s->lock);
}
