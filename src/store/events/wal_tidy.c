#include "base/clock.h"
#include "store/events/wal_in.h"

enum { ZERO_PIECE = 256 << 10, ZERO_SYNC = 4 << 20, GROW = 4, RUSH_BYTES = 8 << 20, RUSH_PER_MS = 32 << 10 };
#define HOUR_MS INT64_C(3600000)

/* ---- zeros for the next file ---- */

/* Synced piece by piece, so that neither this nor the first commit into the file floods the disk. */
static Status zeros_write(Cx *cx, Wal *w, FsFile *f, size_t bytes)
{
    const FsOps *ops = w->c.fs.ops;
    size_t piece = bytes < ZERO_PIECE ? bytes : ZERO_PIECE, unsynced = 0;
    char *zeros = mem_get(piece);
    if (!zeros) return fail(cx, ST_NO_MEM, "zeros for the log");
    Status st = ST_OK;
    for (size_t at = 0; st == ST_OK && at < bytes; at += piece) {
        if (bytes - at < piece) piece = bytes - at;
        st = ops->pwrite(cx, f, (Str){ zeros, piece }, (int64_t)at);
        unsynced += piece;
        if (st != ST_OK || (unsynced < ZERO_SYNC && at + piece < bytes)) continue;
        st = ops->sync(cx, f);
        unsynced = 0;
    }
    mem_free(zeros);
    return st;
}
Status wal_prepare(Cx *cx, Wal *w, size_t bytes)
{
    const FsOps *ops = w->c.fs.ops;
    const char *next;
    FsFile *f;
    if (bytes > w->c.file_bytes) bytes = w->c.file_bytes;
    TRY(fs_path(cx, w->dir, "next.tmp", "", &next));
    Status st = ops->unlink(cx, w->c.fs.self, next);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    TRY(ops->open(cx, w->c.fs.self, next, FS_CREATE, &f));
    st = zeros_write(cx, w, f, bytes);
    ops->close(f);
    if (st != ST_OK) {
        Why why = cx->why;
        (void)ops->unlink(cx, w->c.fs.self, next);       /* gives a full disk its space back */
        cx->why = why;
        return st;
    }
    pthread_mutex_lock(&w->lock);
    w->prepared = bytes;
    pthread_mutex_unlock(&w->lock);
    return ST_OK;
}
/* Zeros spare small commits the change of the file's size. At this rate commits are large, and writing every byte twice
 * is what would hold them up: the file grows as it is written, until the rush is over. */
static bool rush(const Wal *w, size_t used)
{
    return used > RUSH_BYTES && (int64_t)used / RUSH_PER_MS > clock_mono() - w->began;
}
/* When the file in use is half full. Files grow four times from the first one's 1 MiB, so that an idle folder is
 * small. */
static Status prepare_next(Cx *cx, Wal *w)
{
    pthread_mutex_lock(&w->lock);
    const WalFile *f = w->n_files ? w->files + w->n_files - 1 : NULL;
    size_t used = f ? (size_t)(f->end - f->start) : 0, size = w->last_size;
    bool due = !w->prepared && (!f || ((f->full || used * 2 > size) && !rush(w, used)));
    pthread_mutex_unlock(&w->lock);
    return due ? wal_prepare(cx, w, size * GROW > 1 << 20 ? size * GROW : 1 << 20) : ST_OK;
}

/* ---- the files of keys ---- */

typedef struct Keys { Hash128 *p; size_t n, cap; } Keys;
static Status keys_add(Cx *cx, Keys *k, Str bytes)
{
    EntryRun run = entry_run(bytes);
    EntryHead h;
    Hash128 key;
    while (entry_next(&run, &h)) {
        if (!wal_key(&h, &key)) continue;
        if (k->n == k->cap) {
            size_t cap = k->cap ? k->cap * 2 : 4096;
            Hash128 *p = mem_grow(k->p, cap * sizeof *p);
            if (!p) return fail(cx, ST_NO_MEM, "%zu message ids", cap);
            k->p = p;
            k->cap = cap;
        }
        k->p[k->n++] = key;
    }
    return ST_OK;
}
static Status keys_read(Cx *cx, WalRead *r, Keys *k)
{
    for (;;) {
        Frame f;
        Status st = walread_next(cx, r, &f);
        if (st == ST_OK) st = keys_add(cx, k, f.entries);
        else if (st == ST_NOT_FOUND && r->pos < r->limit) st = walread_resync(cx, r);
        if (st == ST_NOT_FOUND) return ST_OK;
        TRY(st);
    }
}
static Status keys_save(Cx *cx, Wal *w, const WalFile *f)
{
    Keys k = { 0 };
    WalRead r;
    const char *path;
    char name[32];
    TRY(wal_log_path(cx, w, f, &path));
    TRY(walread_open(cx, w->c.fs, path, f->start, f->start, f->end, &r));
    Status st = keys_read(cx, &r, &k);
    walread_close(&r);
    wal_ids_name(f->start, name);
    if (st == ST_OK) st = dedupe_write(cx, w->c.fs, w->dir, name, k.p, k.n, f->newest);
    mem_free(k.p);
    return st;
}
static Status forget_keys(Cx *cx, void *arg, const Hash128 *keys, size_t n)
{
    Wal *w = arg;
    (void)cx;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < n; i++) dedupe_remove(w->ids, keys[i]);
    pthread_mutex_unlock(&w->lock);
    return ST_OK;
}

/* ---- one file after the other ---- */

static Status remove_one(Cx *cx, Wal *w, const char *path)
{
    Status st = w->c.fs.ops->unlink(cx, w->c.fs.self, path);
    return st == ST_NOT_FOUND ? ST_OK : st;
}
static Status rename_damaged(Cx *cx, Wal *w, WalFile *f)
{
    const char *from, *to;
    TRY(wal_path(cx, w, f->start, ".log", &from));
    TRY(wal_path(cx, w, f->start, ".log.damaged", &to));
    TRY(w->c.fs.ops->rename(cx, w->c.fs.self, from, to));
    f->renamed = true;
    return ST_OK;
}
/* What is due for a full file, f a copy of its row; ids_after: keys in newer files. */
static Status tidy_file(Cx *cx, Wal *w, WalFile *f, int64_t ids_after, bool may_go)
{
    const char *path;
    char name[32];
    if (f->damaged && !f->renamed && !f->gone) TRY(rename_damaged(cx, w, f));
    if (!f->has_ids && !f->gone) {
        TRY(keys_save(cx, w, f));
        f->has_ids = true;
    }
    if (f->window && ids_after >= w->c.window_ids && f->newest < cx->now - DEDUPE_HOURS * HOUR_MS) {
        DedupeFile d;
        wal_ids_name(f->start, name);
        TRY(dedupe_read(cx, w->c.fs, w->dir, name, forget_keys, w, &d));
        f->window = false;
    }
    if (may_go && !f->gone && !f->damaged && f->newest < cx->now - LOG_KEEP_DAYS * 24 * HOUR_MS) {
        TRY(wal_log_path(cx, w, f, &path));
        TRY(remove_one(cx, w, path));
        f->gone = true;
    }
    if (f->gone && !f->window) {
        TRY(wal_path(cx, w, f->start, ".ids", &path));
        TRY(remove_one(cx, w, path));
        f->has_ids = false;
    }
    return ST_OK;
}
/* The n-th full file's row; rows come in front of it only by this thread, behind it by the log's. */
static bool row_get(Wal *w, size_t i, WalFile *ret, int64_t *ret_after, bool *ret_may_go)
{
    bool found = false;
    pthread_mutex_lock(&w->lock);
    if (i < w->n_files && w->files[i].full) {
        found = true;
        *ret = w->files[i];
        *ret_after = 0;
        for (size_t k = i + 1; k < w->n_files; k++) *ret_after += w->files[k].ids;
        *ret_may_go = ret->end <= w->flushed && ret->end <= w->keep;
    }
    pthread_mutex_unlock(&w->lock);
    return found;
}
/* Puts the row back; a file of which nothing is left leaves the list. True: it stayed. */
static bool row_put(Wal *w, size_t i, WalFile f)
{
    bool stays = !f.gone || f.has_ids || f.window;
    pthread_mutex_lock(&w->lock);
    f.damaged |= w->files[i].damaged;             /* a reader may have found out meanwhile */
    w->files[i] = f;
    if (!stays) {
        w->n_files--;
        for (size_t k = i; k < w->n_files; k++) w->files[k] = w->files[k + 1];
    }
    pthread_mutex_unlock(&w->lock);
    return stays;
}
static Status tidy_files(Cx *cx, Wal *w)
{
    WalFile f;
    int64_t after;
    bool may_go;
    Status first = ST_OK;
    for (size_t i = 0; row_get(w, i, &f, &after, &may_go);) {
        Status st = tidy_file(cx, w, &f, after, may_go);
        if (row_put(w, i, f)) i++;
        if (first == ST_OK) first = st;
    }
    return first;
}
Status wal_tidy(Cx *cx, Wal *w)
{
    pthread_mutex_lock(&w->tidying);
    Status st = prepare_next(cx, w), files = tidy_files(cx, w);
    pthread_mutex_unlock(&w->tidying);
    return st != ST_OK ? st : files;
}
