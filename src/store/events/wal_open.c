#include "store/events/wal_in.h"
#include <string.h>

/* ---- which files there are ---- */

/* "wal-<16 hex>" and what follows, or false. */
static bool name_parse(Str name, int64_t *ret_start, Str *ret_suffix)
{
    uint64_t v = 0;
    if (name.n < 20 || !str_starts(name, S("wal-"))) return false;
    for (size_t i = 4; i < 20; i++) {
        char c = name.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
        v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret_start = (int64_t)v;
    *ret_suffix = (Str){ name.p + 20, name.n - 20 };
    return *ret_start >= 0;
}
typedef struct Listing { Wal *w; const char *stale[64]; size_t n_stale; } Listing;
static Status note_stale(Cx *cx, Listing *l, Str name)
{
    if (l->n_stale == COUNT(l->stale)) return ST_OK;              /* the next start takes the rest */
    Str copy = arena_str(cx->arena, name);
    if (!copy.p) return fail(cx, ST_NO_MEM, "list of log files");
    l->stale[l->n_stale++] = copy.p;
    return ST_OK;
}
/* Names come sorted, so that .ids, .log and .log.damaged of one position stand together. */
static Status note_file(Cx *cx, void *arg, Str name)
{
    Listing *l = arg;
    Wal *w = l->w;
    Str suffix;
    int64_t start;
    if (name.n > 4 && str_eq((Str){ name.p + name.n - 4, 4 }, S(".tmp"))) return note_stale(cx, l, name);
    if (!name_parse(name, &start, &suffix)) return ST_OK;
    bool ids = str_is(suffix, ".ids"), log = str_is(suffix, ".log"), damaged = str_is(suffix, ".log.damaged");
    if (!ids && !log && !damaged) return ST_OK;
    WalFile *f = w->n_files ? w->files + w->n_files - 1 : NULL;
    if (!f || f->start != start) {
        TRY(wal_add_file(cx, w, (WalFile){ .start = start, .end = start, .gone = true }));
        f = w->files + w->n_files - 1;
    }
    if (ids) f->has_ids = true;
    else f->gone = false;
    if (log) f->renamed = false;
    if (damaged && !f->damaged) {
        f->damaged = f->renamed = true;
        w->quarantined++;
    }
    return ST_OK;
}
static Status list_files(Cx *cx, Wal *w)
{
    Listing l = { .w = w };
    TRY(w->c.fs.ops->list(cx, w->c.fs.self, w->dir, note_file, &l));
    for (size_t i = 0; i < l.n_stale; i++) {
        const char *path;
        TRY(fs_path(cx, w->dir, l.stale[i], "", &path));
        TRY(w->c.fs.ops->unlink(cx, w->c.fs.self, path));
    }
    for (size_t i = 0; i + 1 < w->n_files; i++) w->files[i].full = true;
    return ST_OK;
}

/* ---- the window ---- */

static Status add_keys(Cx *cx, void *arg, const Hash128 *keys, size_t n)
{
    Wal *w = arg;
    for (size_t i = 0; i < n; i++) {
        if (i + 8 < n) dedupe_prefetch(w->ids, keys[i + 8]);
        if (dedupe_add(w->ids, keys[i]) == DEDUPE_NO_MEM) return fail(cx, ST_NO_MEM, "window of message ids");
    }
    return ST_OK;
}
/* From the newest file back until both limits of the window are passed. A file of keys that is missing or
 * damaged is made again from the log: wal_recover reads that one from its start. */
static Status load_window(Cx *cx, Wal *w)
{
    int64_t sum = 0, newest = cx->now;
    for (size_t i = w->n_files; i-- > 0;) {
        WalFile *f = w->files + i;
        char name[32];
        f->window = sum < w->c.window_ids || newest >= cx->now - DEDUPE_HOURS * INT64_C(3600000);
        f->newest = cx->now;                      /* until something better is known */
        if (!f->has_ids) continue;
        DedupeFile d = { 0 };
        wal_ids_name(f->start, name);
        Status st = dedupe_read(cx, w->c.fs, w->dir, name, f->window ? add_keys : NULL, w, &d);
        if (st == ST_IO || st == ST_NOT_FOUND) {
            f->has_ids = false;
            if (f->gone) w->quarantined++;        /* nothing to make it from */
            continue;
        }
        TRY(st);
        f->ids = d.n;
        f->newest = newest = d.newest;
        sum += d.n;
    }
    return ST_OK;
}

/* ---- replay ---- */

static Status replay(Cx *cx, Wal *w, const Frame *f)
{
    TRY(w->c.reserve(cx, w->c.arg, f->entries.n));
    char *copy = mem_get(f->entries.n);
    if (!copy) return fail(cx, ST_NO_MEM, "a frame of %zu", f->entries.n);
    memcpy(copy, f->entries.p, f->entries.n);
    w->c.chunk(w->c.arg, f->pos, f->end, copy, f->entries.n);
    return ST_OK;
}
/* A frame whose check holds and whose entries do not is one of another version or a defect: treated as damage. */
static bool entries_fine(Str bytes, int64_t *newest)
{
    EntryRun run = entry_run(bytes);
    EntryHead h;
    while (run.left.n) {
        if (!entry_next(&run, &h)) return false;
        if (h.kind == ENTRY_EVENT && h.event.received > *newest) *newest = h.event.received;
    }
    return true;
}
static Status keys_of(Cx *cx, Wal *w, WalFile *f, Str bytes)
{
    EntryRun run = entry_run(bytes);
    EntryHead h;
    Hash128 key;
    while (entry_next(&run, &h))
        if (wal_key(&h, &key)) {
            f->ids++;
            TRY(add_keys(cx, w, &key, 1));
        }
    return ST_OK;
}
/* last: where the last frame began, or -1 */
typedef struct Scan { WalRead r; WalFile *f; int64_t last; bool hurt; } Scan;
static Status scan_frames(Cx *cx, Wal *w, Scan *s)
{
    int64_t newest = 0;
    for (;;) {
        Frame frame;
        Status st = walread_next(cx, &s->r, &frame);
        if (st == ST_NOT_FOUND) {
            int64_t bad = s->r.pos;
            FrameIs is = s->r.is;
            if ((st = walread_resync(cx, &s->r)) == ST_NOT_FOUND) {
                s->r.is = is;
                s->r.pos = bad;
                break;
            }
            s->hurt = true;
            TRY(st);
            continue;
        }
        TRY(st);
        if (!entries_fine(frame.entries, &newest)) {
            s->hurt = true;
            continue;
        }
        if (frame.pos >= w->c.flushed) TRY(replay(cx, w, &frame));
        if (s->f->window && !s->f->has_ids) TRY(keys_of(cx, w, s->f, frame.entries));
        s->last = frame.pos;
        s->f->end = frame.end;
    }
    if (newest) s->f->newest = newest;
    return ST_OK;
}
/* The kernel may hold as clean what it once failed to write, and a killed process may not have synced: what was read
 * is made durable before anything relies on it. Every earlier frame was synced before the last one was begun. */
static Status settle(Cx *cx, Wal *w, const WalFile *f, int64_t last)
{
    const FsOps *ops = w->c.fs.ops;
    size_t n = last < 0 ? 0 : (size_t)(f->end - last), got;
    if (n) {
        char *copy = mem_get(n);
        if (!copy) return fail(cx, ST_NO_MEM, "the last frame");
        Status st = ops->pread(cx, w->cur, copy, n, last - f->start, &got);
        if (st == ST_OK && got != n) st = fail(cx, ST_IO, "the last frame is gone");
        if (st == ST_OK) st = ops->pwrite(cx, w->cur, (Str){ copy, n }, last - f->start);
        mem_free(copy);
        TRY(st);
    }
    return ops->sync(cx, w->cur);
}
/* The last file: is it written on, or does another begin? What stands behind the end is (part of) one group that
 * was never acknowledged. It needs no zeros over it: its seal names a position before whatever is written next. */
static Status settle_last(Cx *cx, Wal *w, Scan *s)
{
    int64_t size;
    const char *path;
    WalFile *f = s->f;
    TRY(wal_log_path(cx, w, f, &path));
    TRY(w->c.fs.ops->open(cx, w->c.fs.self, path, FS_WRITE, &w->cur));
    TRY(w->c.fs.ops->size(cx, w->cur, &size));
    TRY(settle(cx, w, f, s->last));
    w->cur_zeros = w->last_size = (size_t)size;
    w->end = f->end;
    if (s->r.broken) w->end = f->start + size;    /* acknowledged frames may stand where it cannot be read */
    f->full = s->hurt || s->r.broken || f->damaged || w->c.flushed > w->end;
    if (!f->full) return ST_OK;
    if (w->end == f->start) w->end = f->start + (size ? size : 1);  /* the next needs a name of its own */
    w->c.fs.ops->close(w->cur);
    w->cur = NULL;
    return ST_OK;
}
static Status scan_file(Cx *cx, Wal *w, size_t i)
{
    Scan s = { .f = w->files + i, .last = -1 };
    bool last = i + 1 == w->n_files;
    int64_t limit = last ? INT64_MAX : w->files[i + 1].start, from = s.f->start;
    const char *path;
    if ((s.f->has_ids || !s.f->window) && w->c.flushed > from) from = w->c.flushed;
    if (s.f->gone || (!last && from >= limit)) {
        s.f->full = true;
        s.f->end = last ? s.f->start : limit;
        if (last) w->end = s.f->start + 1;
        return ST_OK;
    }
    s.f->end = from;
    TRY(wal_log_path(cx, w, s.f, &path));
    TRY(walread_open(cx, w->c.fs, path, s.f->start, from, limit, &s.r));
    Status st = scan_frames(cx, w, &s);
    if (st == ST_OK && last) st = settle_last(cx, w, &s);
    if (!last && s.f->end < limit) s.hurt = true;                  /* something is missing before the next file */
    if (s.hurt || s.r.broken) wal_damaged(w, s.f->start);
    walread_close(&s.r);
    return st;
}
/* The folders' own names, and those of files that a killed process may not have made durable. */
static Status make_folders(Cx *cx, Wal *w)
{
    const FsOps *ops = w->c.fs.ops;
    const char *parent;
    const char *slash = strrchr(w->c.dir, '/');
    Str up = !slash ? S(".") : slash == w->c.dir ? S("/") : (Str){ w->c.dir, (size_t)(slash - w->c.dir) };
    parent = arena_str(cx->arena, up).p;
    if (!parent) return fail(cx, ST_NO_MEM, "the log's folder");
    TRY(ops->mkdir(cx, w->c.fs.self, w->c.dir));
    TRY(ops->sync_dir(cx, w->c.fs.self, parent));
    TRY(ops->mkdir(cx, w->c.fs.self, w->dir));
    TRY(ops->sync_dir(cx, w->c.fs.self, w->c.dir));
    return ops->sync_dir(cx, w->c.fs.self, w->dir);
}
Status wal_recover(Cx *cx, Wal *w)
{
    TRY(make_folders(cx, w));
    TRY(list_files(cx, w));
    TRY(load_window(cx, w));
    w->now = cx->now;
    for (size_t i = 0; i < w->n_files; i++) TRY(scan_file(cx, w, i));
    if (w->end < w->c.flushed) w->end = w->c.flushed;
    w->durable = w->end;
    return w->n_files ? ST_OK : wal_prepare(cx, w, 1 << 20);
}
