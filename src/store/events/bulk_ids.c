#include "store/events/bulk_ids.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/dedupe.h"
#include <stdio.h>
#include <string.h>

enum { SMALL_KEYS = 256 << 10, NAME = 32 };

static Status lost(Cx *cx, const State *s, const char *name)
{
    return fail(cx, ST_IO, "%s/%s (message ids of imports) is missing or damaged: restore it from a backup, or import "
        "without message=", s->dir, name);
}
static Status read_ids(Cx *cx, const State *s, const ManifestIds *f, DedupeEach *each, void *arg)
{
    char name[NAME];
    DedupeFile got;
    snprintf(name, sizeof name, "ids-%lld", (long long)f->id);
    Status st = dedupe_read(cx, s->fs, s->dir, name, each, arg, &got);
    if (st == ST_IO || st == ST_NOT_FOUND) return lost(cx, s, name);
    TRY(st);
    return got.n == f->n ? ST_OK : lost(cx, s, name);
}
static Status add_seen(Cx *cx, void *arg, const Hash128 *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!seen_add(arg, keys[i])) return fail(cx, ST_NO_MEM, "message ids of imports");
    return ST_OK;
}
Status bulk_ids_load(Cx *cx, State *s, uint16_t source, Seen *seen)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n_ids;
    ManifestIds *all = ARENA_MANY(cx->arena, ManifestIds, n + 1);
    if (all && n) memcpy(all, s->ids, n * sizeof *all);
    pthread_mutex_unlock(&s->lock);
    if (!all) return fail(cx, ST_NO_MEM, "message ids of imports");
    for (size_t i = 0; i < n; i++) if (all[i].source == source) TRY(read_ids(cx, s, &all[i], add_seen, seen));
    return ST_OK;
}

static Status add_batch(Cx *cx, void *arg, const Hash128 *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) TRY(bulk_batch_key(cx, arg, keys[i]));
    return ST_OK;
}
/* Small files before it into this one. From the newest back: what is left is in order of size, so that there are few.
 * */
static Status take_small(Cx *cx, const State *s, uint16_t source, BulkBatch *b, Manifest *m)
{
    for (size_t i = m->n_ids; i-- > 0;) {
        ManifestIds f = m->ids[i];
        if (f.source != source) continue;
        if ((size_t)f.n > b->n_keys || b->n_keys + (size_t)f.n > SMALL_KEYS) return ST_OK;
        TRY(read_ids(cx, s, &f, add_batch, b));
        memmove(m->ids + i, m->ids + i + 1, (--m->n_ids - i) * sizeof *m->ids);
    }
    return ST_OK;
}
static void drop_old(Manifest *m, uint16_t source, int64_t now)
{
    int64_t newer = 0;
    size_t to = m->n_ids;
    for (size_t i = m->n_ids; i-- > 0;) {
        ManifestIds f = m->ids[i];
        bool old = f.source == source && newer >= DEDUPE_IDS && f.newest < now - DEDUPE_HOURS * INT64_C(3600000);
        if (f.source == source) newer += f.n;
        if (!old) m->ids[--to] = f;
    }
    m->n_ids -= to;
    memmove(m->ids, m->ids + to, m->n_ids * sizeof *m->ids);
}
static Status room(Cx *cx, State *s, size_t n)
{
    pthread_mutex_lock(&s->lock);
    ManifestIds *more = mem_grow(s->ids, n * sizeof *more);
    if (more) s->ids = more;
    pthread_mutex_unlock(&s->lock);
    return more ? ST_OK : fail(cx, ST_NO_MEM, "bulk: %zu files of message ids", n);
}
Status bulk_ids_store(Cx *cx, State *s, uint16_t source, BulkBatch *b, Manifest *m)
{
    char name[NAME];
    if (b->n_keys == 0) return ST_OK;
    TRY(room(cx, s, m->n_ids + 1));
    TRY(take_small(cx, s, source, b, m));
    ManifestIds f = { .id = s->next_id++, .source = source, .n = (int64_t)b->n_keys, .newest = b->received };
    snprintf(name, sizeof name, "ids-%lld", (long long)f.id);
    TRY(dedupe_write(cx, s->fs, s->dir, name, b->keys, b->n_keys, f.newest));
    m->next_id = s->next_id;
    m->ids[m->n_ids++] = f;
    drop_old(m, source, b->received);
    return ST_OK;
}
