/* state_rig: a State driven by a test without a log: entries go in as chunks, manifests are kept in memory.
 * Its own memory does not meet the faults. */
#ifndef LIUKE_STATE_RIG_H
#define LIUKE_STATE_RIG_H
#include "store/events/ask_rig_test.h"
#include "store/events/state.h"
#include "tests/test.h"
#include <stdlib.h>
#include <string.h>

typedef struct Rig {
    EventsConfig c;
    State   *s;
    Manifest m;                  /* segments on the heap */
    int64_t  pos;
    struct RigChunk { char *p; size_t n; int64_t pos; } *log;     /* all of it, to replay from */
    size_t   n, cap;
} Rig;
static inline void rig_replay(Cx *cx, Rig *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->log[i].pos < r->m.flushed) continue;
        char *copy = calloc(1, r->log[i].n);
        memcpy(copy, r->log[i].p, r->log[i].n);
        ok(state_reserve(cx, r->s, r->log[i].n));
        state_chunk(r->s, r->log[i].pos, r->log[i].pos + (int64_t)r->log[i].n, copy, r->log[i].n);
    }
}
static inline void rig_open(Cx *cx, Rig *r, const char *dir)
{
    *r = (Rig){ .c = { .fs = fs_posix(), .dir = dir, .quiet = true, .tail_bytes = 1 << 28 } };
    ok(state_open(cx, &r->c, &r->m, &r->s));
}
static inline void rig_reopen(Cx *cx, Rig *r)
{
    state_close(r->s);
    ok(state_open(cx, &r->c, &r->m, &r->s));
    rig_replay(cx, r);
}
static inline void rig_done(Rig *r)
{
    state_close(r->s);
    for (size_t i = 0; i < r->n; i++) free(r->log[i].p);
    free(r->log);
    free(r->m.segments);
    *r = (Rig){ 0 };
}
static inline void rig_append(Cx *cx, Rig *r, const Entry *e, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += entry_size(&e[i]);
    char *p = calloc(1, bytes), *end = p;
    for (size_t i = 0; i < n; i++) end = entry_put(end, &e[i]);
    if (r->n == r->cap) r->log = realloc(r->log, (r->cap = r->cap ? r->cap * 2 : 64) * sizeof *r->log);
    r->log[r->n++] = (struct RigChunk){ p, bytes, r->pos };
    char *copy = calloc(1, bytes);
    memcpy(copy, p, bytes);
    ok(state_reserve(cx, r->s, bytes));
    state_chunk(r->s, r->pos, r->pos + (int64_t)bytes, copy, bytes);
    r->pos += (int64_t)bytes + 16;
}
static inline void rig_commit(Cx *cx, Rig *r, const Manifest *next)
{
    ManifestSegment *segments = calloc(next->n + 1, sizeof *segments);
    if (next->n) memcpy(segments, next->segments, next->n * sizeof *segments);
    free(r->m.segments);
    r->m = *next;
    r->m.segments = segments;
    state_commit(cx, r->s, next);
}
static inline Status rig_flush(Cx *cx, Rig *r)
{
    Manifest next;
    TRY(state_flush(cx, r->s, &next));
    rig_commit(cx, r, &next);
    return ST_OK;
}
static inline Status rig_merge(Cx *cx, Rig *r)
{
    Manifest next;
    TRY(state_merge(cx, r->s, &next));
    rig_commit(cx, r, &next);
    return ST_OK;
}
static inline Hash128 rig_key(uint64_t i)
{
    return (Hash128){ i * UINT64_C(0x9E3779B97F4A7C15) + 1, i ^ UINT64_C(0x123456789ABCDEF) };
}
#endif
