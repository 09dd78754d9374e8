#include "store/events/state_in.h"
#include "store/events/presence_keep.h"
#include "base/arena.h"
#include <stdio.h>
#include <string.h>

enum { TAIL_BYTES = 64 << 20, TAIL_MAX_TIMES = 4, AHEAD_BYTES = 1024 };

/* ---- sets of segments ---- */

SegmentSet *state_set_new(size_t n)
{
    SegmentSet *set = mem_get(sizeof *set + n * sizeof *set->segs);
    if (set) set->refs = 1;
    return set;
}
static bool before(const Segment *a, const Segment *b)
{
    if (a->info.month != b->info.month) return a->info.month < b->info.month;
    return a->log_pos != b->log_pos ? a->log_pos < b->log_pos : a->info.id < b->info.id;
}
void state_set_add(SegmentSet *set, Segment *s)
{
    size_t i = set->n++;
    for (; i > 0 && before(s, set->segs[i - 1]); i--) set->segs[i] = set->segs[i - 1];
    set->segs[i] = s;
}
void state_set_done(Cx *cx, SegmentSet *set)
{
    if (!set || --set->refs > 0) return;
    for (size_t i = 0; i < set->n; i++) segment_done(cx, set->segs[i]);
    mem_free(set);
}
Status state_manifest(Cx *cx, const State *s, const SegmentSet *set, Manifest *ret)
{
    *ret = (Manifest){ .flushed = s->flushed, .next_id = s->next_id, .map_id = s->map_id,
        .actors = actors_counted(s->actors), .n = set->n };
    ret->segments = ARENA_MANY(cx->arena, ManifestSegment, set->n);
    ret->marks = ARENA_MANY(cx->arena, ManifestMark, s->n_marks + 1);
    ret->ids = ARENA_MANY(cx->arena, ManifestIds, s->n_ids + 1);
    if (!ret->segments || !ret->marks || !ret->ids) return fail(cx, ST_NO_MEM, "manifest: %zu segments", set->n);
    if (s->n_ids) memcpy(ret->ids, s->ids, s->n_ids * sizeof *ret->ids);
    ret->n_ids = s->n_ids;
    for (size_t i = 0; i < set->n; i++) ret->segments[i] = set->segs[i]->info;
    for (size_t i = 0; i < s->n_marks; i++)
        if (!s->change.has_mark || s->marks[i].import != s->change.mark.import)
            ret->marks[ret->n_marks++] = s->marks[i];
    if (s->change.has_mark) ret->marks[ret->n_marks++] = s->change.mark;
    return ST_OK;
}

/* ---- opening and closing ---- */

static Status open_map(Cx *cx, State *s)
{
    char name[32];
    const char *path;
    if (s->map_id == 0) return ST_OK;
    snprintf(name, sizeof name, "map-%lld", (long long)s->map_id);
    TRY(fs_path(cx, s->dir, name, "", &path));
    FsFile *f;
    const void *p;
    size_t n;
    TRY(s->fs.ops->open(cx, s->fs.self, path, FS_READ, &f));
    Status st = s->fs.ops->map(cx, f, &p, &n);
    if (st == ST_OK) {
        st = joins_load(cx, s->joins, (Str){ p, n });
        s->fs.ops->unmap(f, p, n);
    }
    s->fs.ops->close(f);
    s->map_changes = joins_changes(s->joins);
    return st;
}
/* Without the map people would fall apart and the erased come back: that is not an answer with a gap but a wrong
 * one. */
static Status need_map(Cx *cx, State *s)
{
    Status st = open_map(cx, s);
    if (st == ST_NOT_FOUND || st == ST_IO)
        return fail(cx, ST_IO, "%s/map-%lld (joins and flags of people) is missing or damaged: restore it from a "
            "backup", s->dir, (long long)s->map_id);
    return st;
}
static Status open_segments(Cx *cx, State *s, const Manifest *m)
{
    s->set = state_set_new(m->n);
    if (!s->set) return fail(cx, ST_NO_MEM, "state: %zu segments", m->n);
    for (size_t i = 0; i < m->n; i++) {
        Segment *seg;
        TRY(segment_open(cx, s->fs, s->dir, &m->segments[i], &seg));
        state_set_add(s->set, seg);
    }
    return ST_OK;
}
typedef struct Tidy { const State *s; const Manifest *m; } Tidy;
static bool in_use(const Tidy *t, Str name, int64_t id)
{
    if (str_starts(name, S("map-"))) return id == t->m->map_id;
    for (size_t i = 0; i < t->m->n_ids; i++) if (t->m->ids[i].id == id) return str_starts(name, S("ids-"));
    for (size_t i = 0; i < t->m->n; i++) if (t->m->segments[i].id == id) return true;
    return false;
}
/* Files that an earlier manifest named or a crash left. Those numbered next_id and above are made anew when their turn
 * comes; and beside a manifest that says nothing nothing is removed: it may be the manifest that was lost. */
static Status tidy(Cx *cx, void *arg, Str name)
{
    const Tidy *t = arg;
    Str id = name;
    int64_t n;
    const char *path;
    if (str_starts(name, S("seg-")) && name.n > 8 && memcmp(name.p + name.n - 4, ".lks", 4) == 0) id.n -= 4;
    else if (!str_starts(name, S("map-")) && !str_starts(name, S("ids-"))) return ST_OK;
    bool half = str_starts(name, S("ids-")) && name.n > 8 && memcmp(name.p + name.n - 4, ".tmp", 4) == 0;
    id.p += 4, id.n -= half ? 8 : 4;
    if (!str_i64(id, &n) || n >= t->m->next_id || (!half && in_use(t, name, n))) return ST_OK;
    Str z = arena_str(cx->arena, name);
    if (!z.p) return fail(cx, ST_NO_MEM, "tidy");
    TRY(fs_path(cx, t->s->dir, z.p, "", &path));
    Status st = t->s->fs.ops->unlink(cx, t->s->fs.self, path);
    return st == ST_NOT_FOUND ? ST_OK : st;
}
static Status open_parts(Cx *cx, State *s, const Manifest *m)
{
    s->joins = joins_new();
    s->limits = names_new();
    s->cur = tail_new(m->flushed);
    if (!s->joins || !s->limits || !s->cur) return fail(cx, ST_NO_MEM, "state");
    TRY(actors_open(cx, s->fs, s->dir, m->actors, &s->actors));
    TRY(need_map(cx, s));
    TRY(open_segments(cx, s, m));
    return s->fs.ops->list(cx, s->fs.self, s->dir, tidy, &(Tidy){ s, m });
}
static char *heap_text(const char *z)
{
    char *p = mem_get(strlen(z) + 1);
    return p ? memcpy(p, z, strlen(z) + 1) : NULL;
}
Status state_open(Cx *cx, const EventsConfig *c, const Manifest *m, State **ret)
{
    State *s = mem_get(sizeof *s);
    if (!s) return fail(cx, ST_NO_MEM, "state");
    pthread_mutex_init(&s->queue, NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->limits_lock, NULL);
    s->fs = c->fs;
    s->tail_max = (c->tail_bytes ? c->tail_bytes : TAIL_BYTES) * TAIL_MAX_TIMES;
    s->waiting_end = &s->waiting;
    s->flushed = m->flushed;
    s->next_id = m->next_id > 0 ? m->next_id : 1;
    s->map_id = m->map_id;
    s->n_marks = m->n_marks;
    s->marks = mem_get((m->n_marks + 1) * sizeof *s->marks);
    if (s->marks && m->n_marks) memcpy(s->marks, m->marks, m->n_marks * sizeof *s->marks);
    s->n_ids = m->n_ids;
    s->ids = mem_get((m->n_ids + 1) * sizeof *s->ids);
    if (s->ids && m->n_ids) memcpy(s->ids, m->ids, m->n_ids * sizeof *s->ids);
    s->presence = presence_keep_new();
    s->dir = heap_text(c->dir);
    s->zone = c->zone ? heap_text(c->zone) : NULL;
    bool room = s->dir && s->marks && s->ids && s->presence && (s->zone || !c->zone);
    Status st = room ? open_parts(cx, s, m) : fail(cx, ST_NO_MEM, "state: names");
    if (st != ST_OK) state_close(s);
    else *ret = s;
    return st;
}
static void free_chunks(Chunk *c)
{
    for (Chunk *next; c; c = next) {
        next = c->next;
        tail_chunk_free(c);
    }
}
void state_close(State *s)
{
    Cx cx = { 0 };                                         /* nobody is told any more */
    if (!s) return;
    state_abandon(&cx, s);
    free_chunks(s->waiting);
    free_chunks(s->todo);
    free_chunks(s->spare);
    presence_keep_free(s->presence);
    tail_done(s->old);
    tail_done(s->cur);
    state_set_done(&cx, s->set);
    joins_view_done(s->view);
    joins_free(s->joins);
    actors_close(s->actors);
    names_free(s->limits);
    dict_done(&s->names);
    mem_free(s->marks);
    mem_free(s->ids);
    mem_free(s->dir);
    mem_free(s->zone);
    pthread_mutex_destroy(&s->queue);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->limits_lock);
    mem_free(s);
}

/* ---- what the log hands over ---- */

Status state_reserve(Cx *cx, State *s, size_t bytes)
{
    Status st = ST_OK;
    if (s->bytes + bytes > s->tail_max) return fail(cx, ST_BUSY, "the tail holds %zu bytes", (size_t)s->bytes);
    pthread_mutex_lock(&s->queue);
    if (!s->spare && !(s->spare = mem_get(sizeof *s->spare))) st = fail(cx, ST_NO_MEM, "state: a chunk");
    pthread_mutex_unlock(&s->queue);
    return st;
}
void state_chunk(State *s, int64_t pos, int64_t end, char *bytes, size_t n)
{
    pthread_mutex_lock(&s->queue);
    Chunk *c = s->spare;
    if (!c) __builtin_trap();                              /* not reserved: a mistake of ours */
    s->spare = NULL;
    *c = (Chunk){ .pos = pos, .end = end, .bytes = bytes, .n = n };
    *s->waiting_end = c;
    s->waiting_end = &c->next;
    s->bytes += n;
    pthread_mutex_unlock(&s->queue);
}
size_t state_tail_bytes(const State *s) { return s->bytes; }
int64_t state_commits(const State *s) { return s->commits; }

static Status index_event(Cx *cx, State *s, const EntryHead *h)
{
    const Event *e = &h->event;
    if (e->time < STATE_TIME_MIN || e->time > STATE_TIME_MAX) {      /* refused at append: not from there */
        s->damaged++;
        return ST_OK;
    }
    TailRow r = { .time = e->time, .at = h->bytes.p, .size = (uint32_t)h->size, .source = e->source, .trust = e->trust,
        .flags = e->flags };
    TRY(actors_number(cx, s->actors, e->actor, &r.actor));
    TRY(dict_add(cx, &s->names, e->name, &r.name));
    size_t had = s->cur->bytes;
    TRY(tail_add(cx, s->cur, &r));
    s->bytes += s->cur->bytes - had;
    if (e->received > s->cur->received) s->cur->received = e->received;
    return ST_OK;
}
static Status index_other(Cx *cx, State *s, Str bytes)
{
    Entry e;
    size_t used;
    uint32_t a, b;
    TRY(entry_get(cx, bytes, &e, &used));
    switch (e.kind) {
    case ENTRY_EVENT: return ST_OK;
    case ENTRY_JOIN:
        TRY(actors_number(cx, s->actors, e.join.anon, &a));
        TRY(actors_number(cx, s->actors, e.join.user, &b));
        return joins_add(cx, s->joins, &e.join, a, b);
    case ENTRY_UNJOIN:
        joins_undo(s->joins, e.unjoin.join);
        return ST_OK;
    case ENTRY_FLAG:
        TRY(actors_number(cx, s->actors, e.flag.actor, &a));
        return joins_flag(cx, s->joins, a, e.flag.set, e.flag.clear);
    }
    return ST_OK;
}
/* Each entry is taken in whole or not at all, so that a failure can be gone on from. */
static Status index_chunk(Cx *cx, State *s, Chunk *c)
{
    while (s->todo_at < c->n) {
        EntryHead h;
        EntryRun run = { .left = { c->bytes + s->todo_at, c->n - s->todo_at }, .before = s->todo_at };
        if (!entry_next(&run, &h)) {                       /* the log's checksums were right: only a bug can do this */
            s->damaged++;
            break;
        }
        __builtin_prefetch(h.bytes.p + AHEAD_BYTES);       /* the chunk is long out of the cache */
        if (h.kind == ENTRY_EVENT) TRY(index_event(cx, s, &h));
        else if (h.kind != ENTRY_FORM) TRY(index_other(cx, s, h.bytes));
        s->todo_at += h.size;
    }
    return ST_OK;
}
Status state_index(Cx *cx, State *s)
{
    Chunk **end = &s->todo;
    while (*end) end = &(*end)->next;
    pthread_mutex_lock(&s->queue);
    *end = s->waiting;
    s->waiting = NULL;
    s->waiting_end = &s->waiting;
    pthread_mutex_unlock(&s->queue);
    while (s->todo) {
        Chunk *c = s->todo;
        TRY(index_chunk(cx, s, c));
        s->todo = c->next;
        s->todo_at = 0;
        c->next = s->cur->chunks;
        s->cur->chunks = c;
        s->cur->bytes += c->n;
        s->cur->end = c->end;
    }
    return ST_OK;
}
Status state_view(Cx *cx, State *s, PeopleView **ret)
{
    if (!s->view || s->view->changes != joins_changes(s->joins)) {
        PeopleView *v;
        TRY(joins_view(cx, s->joins, &v));
        joins_view_done(s->view);
        s->view = v;
    }
    *ret = joins_view_ref(s->view);
    return ST_OK;
}

/* ---- names ---- */

static Status know_chunk(Cx *cx, State *s, const Chunk *c)
{
    Cx own = { .arena = arena_new(1 << 20) };
    Status st = own.arena ? ST_OK : fail(cx, ST_NO_MEM, "names: replay");
    EntryRun run = entry_run((Str){ c->bytes, c->n });
    EntryHead h;
    while (st == ST_OK && entry_next(&run, &h)) {
        Entry e;
        size_t used;
        st = entry_get(&own, h.bytes, &e, &used);
        if (st != ST_OK) break;
        if (e.kind == ENTRY_EVENT) st = names_know(&own, s->limits, NAME_EVENT, e.event.source, e.event.name);
        for (size_t i = 0; st == ST_OK && e.kind == ENTRY_EVENT && i < e.event.n_props; i++)
            st = names_know(&own, s->limits, NAME_PROP, e.event.source, e.event.props[i].name);
        arena_reset(own.arena);
    }
    if (own.arena && st != ST_OK) cx->why = own.why;
    arena_free(own.arena);
    return st == ST_IO ? ST_OK : st;                       /* counted where it is indexed */
}
static Status know_list(Cx *cx, State *s, const Chunk *c)
{
    for (; c; c = c->next) TRY(know_chunk(cx, s, c));
    return ST_OK;
}
static Status know_segment(Cx *cx, State *s, const Segment *seg)
{
    for (uint32_t i = 0; i < seg->n_name_uses; i++) {
        uint32_t name = (uint32_t)seg->name_uses[i];
        if (name < seg->n_names)
            TRY(names_know(cx, s->limits, NAME_EVENT, (uint16_t)(seg->name_uses[i] >> 32), seg->names[name]));
    }
    for (uint32_t i = 0; i < seg->n_prop_uses; i++) {
        uint32_t prop = (uint32_t)seg->prop_uses[i];
        if (prop < seg->n_props)
            TRY(names_know(cx, s->limits, NAME_PROP, (uint16_t)(seg->prop_uses[i] >> 32), seg->props[prop]));
    }
    return ST_OK;
}
/* What is stored and what the log replayed before the first append: whatever came later has passed through here. */
static Status know_stored(Cx *cx, State *s)
{
    pthread_mutex_lock(&s->lock);
    pthread_mutex_lock(&s->queue);
    Status st = know_list(cx, s, s->waiting);
    if (st == ST_OK) st = know_list(cx, s, s->todo);
    if (st == ST_OK && s->old) st = know_list(cx, s, s->old->chunks);
    if (st == ST_OK) st = know_list(cx, s, s->cur->chunks);
    for (size_t i = 0; st == ST_OK && i < s->set->n; i++) st = know_segment(cx, s, s->set->segs[i]);
    pthread_mutex_unlock(&s->queue);
    pthread_mutex_unlock(&s->lock);
    return st;
}
Status state_names(Cx *cx, State *s, const Entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (entries[i].kind == ENTRY_EVENT &&
            (entries[i].event.time < STATE_TIME_MIN || entries[i].event.time > STATE_TIME_MAX))
            return refuse(cx, ST_INVALID, S("time"), MSG_bad_time, NO_PARAMS);
    pthread_mutex_lock(&s->limits_lock);
    Status st = s->limits_ready ? ST_OK : know_stored(cx, s);
    s->limits_ready = st == ST_OK;
    pthread_mutex_unlock(&s->limits_lock);
    return st == ST_OK ? names_take(cx, s->limits, entries, n) : st;
}

/* ---- what is there ---- */

static int64_t people_of(const State *s, const PeopleView *v)
{
    int64_t n = (int64_t)actors_count(s->actors);
    for (uint32_t i = 0; i < v->n && i < actors_count(s->actors); i++) n -= v->root[i] != i;
    return n;
}
static void add_segments(const State *s, EventsStats *ret)
{
    for (size_t i = 0; i < s->set->n; i++) {
        const Segment *seg = s->set->segs[i];
        if (ret->events == 0 || seg->info.first < ret->oldest) ret->oldest = seg->info.first;
        if (ret->events == 0 || seg->info.last > ret->newest) ret->newest = seg->info.last;
        ret->events += seg->info.events;
        ret->segment_bytes += seg->info.bytes;
        ret->quarantined += seg->damaged;
    }
    ret->segments += (int64_t)s->set->n;
}
static void add_tail(const Tail *t, EventsStats *ret)
{
    size_t left = t ? t->n : 0;
    for (const TailPage *p = t ? t->first : NULL; p && left; p = p->next)
        for (size_t i = 0; i < TAIL_PAGE && left; i++, left--) {
            if (ret->events == 0 || p->rows[i].time < ret->oldest) ret->oldest = p->rows[i].time;
            if (ret->events == 0 || p->rows[i].time > ret->newest) ret->newest = p->rows[i].time;
            ret->events++;
            ret->tail_events++;
        }
}
Status state_stats(Cx *cx, State *s, EventsStats *ret)
{
    PeopleView *v;
    pthread_mutex_lock(&s->lock);
    Status st = state_index(cx, s);
    if (st == ST_OK) st = state_view(cx, s, &v);
    if (st == ST_OK) {
        ret->events = ret->tail_events = ret->segments = ret->segment_bytes = ret->quarantined = 0;
        add_segments(s, ret);
        add_tail(s->old, ret);
        add_tail(s->cur, ret);
        ret->actors = (int64_t)actors_count(s->actors);
        ret->people = people_of(s, v);
        ret->quarantined += actors_damaged(s->actors);
        joins_view_done(v);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}
