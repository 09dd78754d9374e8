/* A state that answers nothing: it keeps entries as they come and writes them to files with the syncs and the care that
 * state.h asks for. The crash ring of the log and the manifest runs on it, so that it tests these alone. */
#include "base/arena.h"
#include "base/fs.h"
#include "store/events/le.h"
#include "store/events/state.h"
#include "tests/crash/state_fake.h"
#include <pthread.h>
#include <stdio.h>

enum { CHUNKS = 100000, FULL = 1 << 20, MERGE_AT = 3 };
typedef struct Chunk { char *p; size_t n; int64_t end; } Chunk;
struct State {
    Fs fs;
    const char *dir;
    pthread_mutex_t lock;
    Chunk *tail; size_t n, taken, bytes;          /* taken: chunks that the flush under way has written */
    ManifestSegment rows[1000]; Manifest m;
    size_t merged;                                /* rows that the merge under way replaces */
};

static Status seg_path(Cx *cx, State *s, int64_t id, const char **ret)
{
    char name[40];
    snprintf(name, sizeof name, "seg-%lld.lks", (long long)id);
    return fs_path(cx, s->dir, name, "", ret);
}
static void keep(State *s, const Manifest *m)
{
    s->m = *m;
    if (m->n) memmove(s->rows, m->segments, m->n * sizeof *m->segments);
    s->m.segments = s->rows;
}
static Status drop_unnamed(Cx *cx, void *arg, Str name)
{
    State *s = arg;
    const char *path;
    int64_t id;
    if (!str_starts(name, S("seg-")) || !str_i64((Str){ name.p + 4, name.n - 8 }, &id)) return ST_OK;
    for (size_t i = 0; i < s->m.n; i++) if (s->rows[i].id == id) return ST_OK;
    TRY(seg_path(cx, s, id, &path));
    return s->fs.ops->unlink(cx, s->fs.self, path);
}
Status state_open(Cx *cx, const EventsConfig *c, const Manifest *m, State **ret)
{
    State *s = mem_get(sizeof *s);
    if (!s) return fail(cx, ST_NO_MEM, "fake");
    s->fs = c->fs;
    s->dir = c->dir;
    s->tail = mem_get(CHUNKS * sizeof *s->tail);
    pthread_mutex_init(&s->lock, NULL);
    keep(s, m);
    Status st = s->tail ? s->fs.ops->list(cx, s->fs.self, s->dir, drop_unnamed, s) : fail(cx, ST_NO_MEM, "fake");
    if (st != ST_OK) state_close(s);
    else *ret = s;
    return st;
}
void state_close(State *s)
{
    for (size_t i = 0; i < s->n; i++) mem_free(s->tail[i].p);
    mem_free(s->tail);
    mem_free(s);
}
Status state_reserve(Cx *cx, State *s, size_t bytes)
{
    pthread_mutex_lock(&s->lock);
    bool full = s->n == CHUNKS || s->bytes + bytes > FULL;
    pthread_mutex_unlock(&s->lock);
    return full ? fail(cx, ST_BUSY, "fake: full") : ST_OK;
}
void state_chunk(State *s, int64_t pos, int64_t end, char *bytes, size_t n)
{
    (void)pos;
    pthread_mutex_lock(&s->lock);
    s->tail[s->n++] = (Chunk){ bytes, n, end };
    s->bytes += n;
    pthread_mutex_unlock(&s->lock);
}
size_t state_tail_bytes(const State *s)
{
    State *own = (State *)(uintptr_t)s;
    pthread_mutex_lock(&own->lock);
    size_t n = s->bytes;
    pthread_mutex_unlock(&own->lock);
    return n;
}
int64_t state_commits(const State *s)
{
    (void)s;
    return 0;
}
Status state_names(Cx *cx, State *s, const Entry *e, size_t n) { (void)cx; (void)s; (void)e; (void)n; return ST_OK; }

static Status write_segment(Cx *cx, State *s, const char *path, const Chunk *c, size_t n, int64_t *ret_bytes)
{
    FsFile *f;
    int64_t at = 0;
    TRY(s->fs.ops->open(cx, s->fs.self, path, FS_CREATE, &f));
    Status st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        st = s->fs.ops->pwrite(cx, f, (Str){ c[i].p, c[i].n }, at);
        at += (int64_t)c[i].n;
    }
    if (st == ST_OK) st = s->fs.ops->sync(cx, f);
    s->fs.ops->close(f);
    *ret_bytes = at;
    return st == ST_OK ? s->fs.ops->sync_dir(cx, s->fs.self, s->dir) : st;
}
static Status make_segment(Cx *cx, State *s, const Chunk *c, size_t n, size_t replaces, Manifest *ret)
{
    const char *path;
    int64_t bytes;
    Manifest m = s->m;
    TRY(seg_path(cx, s, m.next_id, &path));
    Status st = s->fs.ops->unlink(cx, s->fs.self, path);           /* a try that failed */
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    TRY(write_segment(cx, s, path, c, n, &bytes));
    m.segments = ARENA_MANY(cx->arena, ManifestSegment, m.n + 1);
    if (!m.segments) return fail(cx, ST_NO_MEM, "fake");
    m.n -= replaces;
    if (m.n) memcpy(m.segments, s->rows + replaces, m.n * sizeof *m.segments);
    m.segments[m.n++] = (ManifestSegment){ .id = m.next_id++, .bytes = bytes };
    *ret = m;
    return ST_OK;
}
Status state_flush(Cx *cx, State *s, Manifest *ret)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n;
    pthread_mutex_unlock(&s->lock);
    if (n == 0) return ST_NOT_FOUND;
    TRY(make_segment(cx, s, s->tail, n, 0, ret));
    ret->flushed = s->tail[n - 1].end;
    s->taken = n;
    return ST_OK;
}
static Status segment_bytes(Cx *cx, State *s, int64_t id, Chunk *ret)
{
    const char *path;
    Str text;
    TRY(seg_path(cx, s, id, &path));
    TRY(fs_read_all(cx, s->fs, path, 1 << 24, &text));
    *ret = (Chunk){ (char *)(uintptr_t)text.p, text.n, 0 };
    return ST_OK;
}
Status state_merge(Cx *cx, State *s, Manifest *ret)
{
    Chunk c[MERGE_AT];
    if (s->m.n < MERGE_AT) return ST_NOT_FOUND;
    for (size_t i = 0; i < MERGE_AT; i++) TRY(segment_bytes(cx, s, s->rows[i].id, c + i));
    TRY(make_segment(cx, s, c, MERGE_AT, MERGE_AT, ret));
    s->merged = MERGE_AT;
    return ST_OK;
}
void state_commit(Cx *cx, State *s, const Manifest *m)
{
    const char *path;
    for (size_t i = 0; i < s->merged; i++)
        if (seg_path(cx, s, s->rows[i].id, &path) == ST_OK) (void)!s->fs.ops->unlink(cx, s->fs.self, path);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->taken; i++) {
        s->bytes -= s->tail[i].n;
        mem_free(s->tail[i].p);
    }
    memmove(s->tail, s->tail + s->taken, (s->n - s->taken) * sizeof *s->tail);
    s->n -= s->taken;
    pthread_mutex_unlock(&s->lock);
    s->taken = s->merged = 0;
    keep(s, m);
}
void state_abandon(Cx *cx, State *s) { (void)cx; s->taken = s->merged = 0; }

static void each_of(Str bytes, WorldEach *each, void *arg)
{
    EntryRun run = entry_run(bytes);
    EntryHead h;
    while (entry_next(&run, &h))
        if (h.kind == ENTRY_EVENT) each(arg, h.event.message.b);
}
Status world_each(Cx *cx, Events *e, WorldEach *each, void *arg)
{
    State *s = events_state(e);
    for (size_t i = 0; i < s->m.n; i++) {
        Chunk c;
        TRY(segment_bytes(cx, s, s->rows[i].id, &c));
        each_of((Str){ c.p, c.n }, each, arg);
    }
    for (size_t i = 0; i < s->n; i++) each_of((Str){ s->tail[i].p, s->tail[i].n }, each, arg);
    return ST_OK;
}
bool world_joined(Events *e, Hash128 anon, Hash128 user) { (void)e; (void)anon; (void)user; return true; }
static void count_event(void *arg, uint64_t id) { *(int64_t *)arg += id != 0; }
Status state_stats(Cx *cx, State *s, EventsStats *ret)
{
    (void)cx;
    ret->segments = (int64_t)s->m.n;
    ret->tail_events = 0;
    for (size_t i = 0; i < s->n; i++) each_of((Str){ s->tail[i].p, s->tail[i].n }, count_event, &ret->tail_events);
    return ST_OK;
}
