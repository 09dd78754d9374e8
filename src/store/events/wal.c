#include "base/clock.h"
#include "base/metric.h"
#include "store/events/wal_in.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static Metric commits = METRIC(METRIC_COUNTER, "liuke_log_commits_total", "", "groups made durable");
static Metric failures = METRIC(METRIC_COUNTER, "liuke_log_failures_total", "", "groups that could not be written");
static Metric entries = METRIC(METRIC_COUNTER, "liuke_log_entries_total", "", "entries made durable");
static Metric bytes = METRIC(METRIC_COUNTER, "liuke_log_bytes_total", "", "bytes of the frames made durable");
static Metric seconds = METRIC(METRIC_HISTOGRAM, "liuke_log_commit_seconds", "", "write and sync of one group");
static Metric duplicates = METRIC(METRIC_COUNTER, "liuke_log_duplicates_total", "", "events dropped as repeats");

enum { GROUP_FIRST = 4096, DONES_FIRST = 64, TIDY_SECONDS = 60 };

Status wal_path(Cx *cx, const Wal *w, int64_t start, const char *suffix, const char **ret)
{
    char name[32];
    snprintf(name, sizeof name, "wal-%016llx", (unsigned long long)start);
    return fs_path(cx, w->dir, name, suffix, ret);
}
void wal_ids_name(int64_t start, char ret[32])
{
    snprintf(ret, 32, "wal-%016llx.ids", (unsigned long long)start);
}
Status wal_log_path(Cx *cx, const Wal *w, const WalFile *f, const char **ret)
{
    return wal_path(cx, w, f->start, f->renamed ? ".log.damaged" : ".log", ret);
}
Status wal_add_file(Cx *cx, Wal *w, WalFile f)
{
    if (w->n_files == w->cap_files) {
        size_t cap = w->cap_files ? w->cap_files * 2 : 16;
        WalFile *p = mem_grow(w->files, cap * sizeof *p);
        if (!p) return fail(cx, ST_NO_MEM, "list of log files");
        w->files = p;
        w->cap_files = cap;
    }
    w->files[w->n_files++] = f;
    return ST_OK;
}
void wal_nudge(Wal *w)
{
    w->nudged = true;
    pthread_cond_signal(&w->tidy);
}
void wal_damaged(Wal *w, int64_t start)
{
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->n_files; i++) {
        if (w->files[i].start != start || w->files[i].damaged) continue;
        w->files[i].damaged = true;
        w->quarantined++;
        wal_nudge(w);
    }
    pthread_mutex_unlock(&w->lock);
}
bool wal_key(const EntryHead *h, Hash128 *ret)
{
    *ret = h->event.message;
    return h->kind == ENTRY_EVENT && (ret->a | ret->b) != 0;
}

/* ---- the open group; the lock is held ---- */

static void group_drop(WalGroup *g)
{
    mem_free(g->p);
    mem_free(g->dones);
    *g = (WalGroup){ 0 };
}
static Status group_room(Cx *cx, Wal *w, size_t n)
{
    WalGroup *g = &w->open;
    size_t need = g->n + n + FRAME_SEAL;
    if (g->n_dones >= QUEUE_LOG_MAX || (g->n && g->n + n > LOG_GROUP_MAX))
        return fail(cx, ST_BUSY, "log queue is full");
    if (need > g->cap) {
        size_t cap = g->cap ? g->cap * 2 : w->hint > GROUP_FIRST ? w->hint : GROUP_FIRST;
        char *p = mem_grow(g->p, cap < need ? need : cap);
        if (!p) return fail(cx, ST_NO_MEM, "log group of %zu", need);
        g->p = p;
        g->cap = cap < need ? need : cap;
    }
    if (g->n_dones == g->cap_dones) {
        size_t cap = g->cap_dones ? g->cap_dones * 2 : DONES_FIRST;
        WalDone *p = mem_grow(g->dones, cap * sizeof *p);
        if (!p) return fail(cx, ST_NO_MEM, "log callers");
        g->dones = p;
        g->cap_dones = cap;
    }
    return ST_OK;
}
/* Takes the keys of entries out of the window again. */
static void forget(Wal *w, Str all)
{
    EntryRun run = entry_run(all);
    EntryHead h;
    Hash128 key;
    while (entry_next(&run, &h))
        if (wal_key(&h, &key)) dedupe_remove(w->ids, key);
}
static bool has_key(const BatchItem *i) { return (i->message.a | i->message.b) != 0; }
/* Which of the batch are repeats; the keys of the others are in the window then. */
static Status find_same(Cx *cx, Wal *w, const Batch *b, bool *same, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_items; i++) {
        DedupeIs is = has_key(b->items + i) ? dedupe_add(w->ids, b->items[i].message) : DEDUPE_NEW;
        if (is == DEDUPE_NO_MEM) {
            while (i-- > 0) if (!same[i] && has_key(b->items + i)) dedupe_remove(w->ids, b->items[i].message);
            return fail(cx, ST_NO_MEM, "window of message ids");
        }
        same[i] = is == DEDUPE_SAME;
        n += same[i];
    }
    *ret_n = n;
    return ST_OK;
}
/* moved: by model, where it stands now; UINT32_MAX: nowhere. */
static void copy_new(WalGroup *g, const Batch *b, const bool *same, uint32_t *moved)
{
    enum { WANTED = 1 };
    for (size_t m = 0; m < b->n_whole; m++) moved[m] = 0;
    for (size_t i = 0; i < b->n_items; i++)
        if (!same[i] && b->items[i].model != UINT32_MAX) moved[b->items[i].model] = WANTED;
    for (size_t i = 0; i < b->n_items; i++) {
        const BatchItem *item = b->items + i;
        size_t end = i + 1 < b->n_items ? b->items[i + 1].at : b->n, size = end - item->at;
        bool event = item->model != UINT32_MAX, whole = event && b->whole_at[item->model] == item->at;
        if (same[i] && !(whole && moved[item->model] == WANTED)) continue;
        char *to = memcpy(g->p + g->n, b->p + item->at, size);
        if (whole && same[i]) entry_form(to);     /* dropped, but others are told by it */
        if (whole) moved[item->model] = (uint32_t)g->n;
        else if (event) entry_like_move(to, g->n - moved[item->model]);
        g->n += size;
        g->entries++;
    }
}
static Status group_add(Cx *cx, Wal *w, const Batch *b, bool *same, uint32_t *moved)
{
    WalGroup *g = &w->open;
    size_t n_same;
    TRY(find_same(cx, w, b, same, &n_same));
    if (n_same == 0) {
        if (b->n) memcpy(g->p + g->n, b->p, b->n);
        g->n += b->n;
        g->entries += (uint32_t)b->n_items;
    } else copy_new(g, b, same, moved);
    for (size_t i = 0; i < b->n_items; i++) g->ids += !same[i] && has_key(b->items + i);
    g->same += (int64_t)n_same;
    if (cx->now > g->newest) g->newest = cx->now;
    return ST_OK;
}

/* ---- append ---- */

static Status append_locked(Cx *cx, Wal *w, const Batch *b, bool *same, uint32_t *moved, WalDone done)
{
    if (w->stop) return fail(cx, ST_BUSY, "the log is closing");
    TRY(group_room(cx, w, b->n));
    TRY(group_add(cx, w, b, same, moved));
    w->open.dones[w->open.n_dones++] = done;
    if (w->idle) pthread_cond_signal(&w->work);
    return ST_OK;
}
Status wal_append_batch(Cx *cx, Wal *w, const Batch *b, bool *ret_same, EventsDone *done, void *arg)
{
    bool *same = ret_same ? ret_same : arena_raw(cx->arena, b->n_items * sizeof *same);
    uint32_t *moved = arena_raw(cx->arena, b->n_whole * sizeof *moved);
    if (!same || !moved) return fail(cx, ST_NO_MEM, "%zu entries", b->n_items);
    for (size_t i = 0; i < b->n_items; i++)      /* all on their way before the first is looked at */
        if (has_key(b->items + i)) dedupe_prefetch(w->ids, b->items[i].message);
    pthread_mutex_lock(&w->lock);
    Status st = append_locked(cx, w, b, same, moved, (WalDone){ done, arg });
    pthread_mutex_unlock(&w->lock);
    return st;
}
Status wal_append(Cx *cx, Wal *w, const Entry *e, size_t n, bool *ret_same, EventsDone *done, void *arg)
{
    Batch b;
    TRY(batch_start(cx, n, 0, &b));
    for (size_t i = 0; i < n; i++) TRY(batch_add(cx, &b, e + i, NULL));
    return wal_append_batch(cx, w, &b, ret_same, done, arg);
}

/* ---- the log's thread ---- */

/* next.tmp where it was prepared; else an empty file that grows as it is written. */
static Status new_file(Cx *cx, Wal *w)
{
    const FsOps *ops = w->c.fs.ops;
    const char *path, *next;
    TRY(wal_path(cx, w, w->end, ".log", &path));
    TRY(fs_path(cx, w->dir, "next.tmp", "", &next));
    pthread_mutex_lock(&w->lock);
    size_t zeros = w->prepared;
    pthread_mutex_unlock(&w->lock);
    if (zeros) {
        Status st = ops->rename(cx, w->c.fs.self, next, path);
        pthread_mutex_lock(&w->lock);
        w->prepared = 0;                          /* only now may the other thread make the next next.tmp */
        pthread_mutex_unlock(&w->lock);
        TRY(st);
        TRY(ops->open(cx, w->c.fs.self, path, FS_WRITE, &w->cur));
    } else {
        Status st = ops->unlink(cx, w->c.fs.self, path);         /* one that was given up at this very position */
        if (st != ST_OK && st != ST_NOT_FOUND) return st;
        TRY(ops->open(cx, w->c.fs.self, path, FS_CREATE, &w->cur));
    }
    w->cur_zeros = zeros;
    return ops->sync_dir(cx, w->c.fs.self, w->dir);
}
/* What is in the current file stays there; nothing more is written to it. */
static void close_file(Wal *w)
{
    if (!w->cur) return;
    w->c.fs.ops->close(w->cur);
    w->cur = NULL;
    pthread_mutex_lock(&w->lock);
    WalFile *f = w->n_files ? w->files + w->n_files - 1 : NULL;
    if (f && !f->full && f->end > f->start) f->full = true;
    else if (f && !f->full) w->n_files--;                        /* it holds nothing: the next takes its name */
    wal_nudge(w);
    pthread_mutex_unlock(&w->lock);
}
static Status begin_file(Cx *cx, Wal *w)
{
    Status st = new_file(cx, w);
    pthread_mutex_lock(&w->lock);
    if (st == ST_OK) st = wal_add_file(cx, w, (WalFile){ .start = w->end, .end = w->end, .window = true });
    w->began = clock_mono();
    wal_nudge(w);
    pthread_mutex_unlock(&w->lock);
    if (st != ST_OK && w->cur) {
        w->c.fs.ops->close(w->cur);
        w->cur = NULL;
    }
    return st;
}
static Status room_in_file(Cx *cx, Wal *w, size_t need)
{
    if (!w->cur) return begin_file(cx, w);
    pthread_mutex_lock(&w->lock);
    const WalFile *f = w->files + w->n_files - 1;
    size_t used = (size_t)(w->end - f->start);
    w->last_size = w->cur_zeros > used ? w->cur_zeros : used;
    bool fits = used == 0 || used + need <= w->cur_zeros || (!w->prepared && used + need <= w->c.file_bytes);
    if (used + need > w->cur_zeros / 2 && !w->prepared) wal_nudge(w);
    pthread_mutex_unlock(&w->lock);
    if (fits) return ST_OK;
    close_file(w);
    return begin_file(cx, w);
}
static Status write_group(Cx *cx, Wal *w, WalGroup *g)
{
    const FsOps *ops = w->c.fs.ops;
    size_t n = g->n + FRAME_SEAL;
    TRY(w->c.reserve(cx, w->c.arg, g->n));
    TRY(room_in_file(cx, w, n));
    frame_seal(g->p, g->n, g->entries, w->end);
    int64_t started = clock_mono_us();
    pthread_mutex_lock(&w->lock);
    int64_t start = w->files[w->n_files - 1].start;
    pthread_mutex_unlock(&w->lock);
    Status st = ops->pwrite(cx, w->cur, (Str){ g->p, n }, w->end - start);
    if (st == ST_OK) st = ops->sync(cx, w->cur);
    if (st != ST_OK) {
        close_file(w);                            /* nobody knows what of it is on the disk: go on elsewhere */
        return st;
    }
    metric_us(&seconds, clock_mono_us() - started);
    metric_add(&commits, 1);
    metric_add(&entries, g->entries);
    metric_add(&bytes, (int64_t)n);
    return ST_OK;
}
/* Written and synced: first the questions see it, then consumers, then its callers are told. */
static void hand_on(Wal *w, WalGroup *g)
{
    int64_t pos = w->end, end = pos + (int64_t)g->n + FRAME_SEAL;
    char *p = g->p, *fit = g->cap - g->n > g->n / 4 ? mem_grow(p, g->n) : NULL;
    g->p = NULL;
    w->c.chunk(w->c.arg, pos, end, fit ? fit : p, g->n);
    w->end = end;
    pthread_mutex_lock(&w->lock);
    w->hint = g->n + g->n / 4;
    WalFile *f = w->files + w->n_files - 1;
    f->end = w->durable = end;
    f->ids += g->ids;
    if (g->newest > f->newest) f->newest = g->newest;
    if (g->newest > w->now) w->now = g->newest;
    pthread_cond_broadcast(&w->moved);
    pthread_mutex_unlock(&w->lock);
}
static void tell(WalGroup *g, Status st)
{
    metric_add(&duplicates, st == ST_OK ? g->same : 0);
    for (size_t i = 0; i < g->n_dones; i++) g->dones[i].done(g->dones[i].arg, st);
    group_drop(g);
}
/* The group that filled meanwhile may repeat events of the failed one: it fails with it, and nothing of either was
 * written. */
static void give_up(Wal *w, WalGroup *g, Status st)
{
    pthread_mutex_lock(&w->lock);
    WalGroup next = w->open;
    w->open = (WalGroup){ 0 };
    forget(w, (Str){ g->p, g->n });
    forget(w, (Str){ next.p, next.n });
    pthread_mutex_unlock(&w->lock);
    metric_add(&failures, 1);
    tell(g, st);
    tell(&next, st);
}
static bool take(Wal *w, WalGroup *ret)
{
    pthread_mutex_lock(&w->lock);
    while (!w->open.n_dones && !w->stop) {
        w->idle = true;
        pthread_cond_wait(&w->work, &w->lock);
        w->idle = false;
    }
    *ret = w->open;
    w->open = (WalGroup){ 0 };
    pthread_mutex_unlock(&w->lock);
    return ret->n_dones > 0;
}
static void *log_run(void *arg)
{
    Wal *w = arg;
    Cx cx = { .arena = w->arena };
    WalGroup g;
    pthread_setname_np(pthread_self(), "log");
    while (take(w, &g)) {
        arena_reset(cx.arena);
        Status st = g.n ? write_group(&cx, w, &g) : ST_OK;      /* only repeats: what they repeat is durable by now */
        if (st != ST_OK) {
            give_up(w, &g, st);
            continue;
        }
        if (g.n) hand_on(w, &g);
        tell(&g, ST_OK);
    }
    group_drop(&g);                               /* room made for a call that then failed */
    return NULL;
}

/* ---- the other thread: what must not make a commit wait ---- */

static struct timespec in_ms(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    return t;
}
static bool tidy_due(Wal *w)
{
    struct timespec until = in_ms(TIDY_SECONDS * INT64_C(1000));
    int r = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->nudged && !w->stop && r != ETIMEDOUT) r = pthread_cond_timedwait(&w->tidy, &w->lock, &until);
    w->nudged = false;
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return !stop;
}
static void *ahead_run(void *arg)
{
    Wal *w = arg;
    Cx cx = { .arena = arena_new(CX_ARENA_MAX) };
    pthread_setname_np(pthread_self(), "log-ahead");
    while (tidy_due(w)) {
        cx.now = clock_now();
        if (cx.arena) arena_reset(cx.arena);
        else cx.arena = arena_new(CX_ARENA_MAX);
        if (cx.arena) (void)!wal_tidy(&cx, w);    /* what failed is tried again a minute later */
    }
    arena_free(cx.arena);
    return NULL;
}

/* ---- open and close ---- */

static Status threads_start(Cx *cx, Wal *w)
{
    w->has_log = pthread_create(&w->log, NULL, log_run, w) == 0;
    if (!w->has_log) return fail(cx, ST_NO_MEM, "the log's thread");
    if (w->c.quiet) return ST_OK;
    w->has_ahead = pthread_create(&w->ahead, NULL, ahead_run, w) == 0;
    return w->has_ahead ? ST_OK : fail(cx, ST_NO_MEM, "the log's second thread");
}
static Status set_up(Cx *cx, Wal *w, const WalConfig *c)
{
    size_t n = strlen(c->dir) + sizeof "/log";
    w->dir = mem_get(n);
    w->ids = dedupe_new();
    w->arena = arena_new(1 << 20);
    if (!w->dir || !w->ids || !w->arena) return fail(cx, ST_NO_MEM, "the log");
    snprintf(w->dir, n, "%s/log", c->dir);
    TRY(wal_recover(cx, w));
    return threads_start(cx, w);
}
Status wal_open(Cx *cx, const WalConfig *c, Wal **ret)
{
    Wal *w = mem_get(sizeof *w);
    pthread_condattr_t a;
    if (!w) return fail(cx, ST_NO_MEM, "the log");
    w->c = *c;
    w->flushed = c->flushed;
    if (!w->c.file_bytes) w->c.file_bytes = LOG_FILE_BYTES;
    if (!w->c.window_ids) w->c.window_ids = DEDUPE_IDS;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->tidying, NULL);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->moved, &a);
    pthread_cond_init(&w->tidy, &a);
    pthread_condattr_destroy(&a);
    Status st = set_up(cx, w, c);
    if (st != ST_OK) {
        wal_close(w);
        return st;
    }
    *ret = w;
    return ST_OK;
}
void wal_stop(Wal *w)
{
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->work);
    pthread_cond_broadcast(&w->tidy);
    pthread_cond_broadcast(&w->moved);
    pthread_mutex_unlock(&w->lock);
    if (w->has_log) pthread_join(w->log, NULL);
    if (w->has_ahead) pthread_join(w->ahead, NULL);
    w->has_log = w->has_ahead = false;
}
void wal_close(Wal *w)
{
    if (!w) return;
    wal_stop(w);
    if (w->cur) w->c.fs.ops->close(w->cur);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->moved);
    pthread_cond_destroy(&w->tidy);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->tidying);
    dedupe_free(w->ids);
    arena_free(w->arena);
    mem_free(w->files);
    mem_free(w->dir);
    mem_free(w);
}

/* ---- reading ---- */

/* The file that holds position *from, or the next one behind it. */
static bool file_for(Wal *w, int64_t *from, int64_t *ret_limit, WalFile *ret)
{
    bool found = false;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->n_files && !found; i++) {
        const WalFile *f = w->files + i;
        int64_t end = i + 1 < w->n_files ? w->files[i + 1].start : f->end;
        if (f->gone || end <= *from || f->start >= w->durable) continue;
        *ret = *f;
        *ret_limit = end < w->durable ? end : w->durable;
        found = *ret_limit > *from;
    }
    pthread_mutex_unlock(&w->lock);
    if (found && *from < ret->start) *from = ret->start;
    return found;
}
typedef struct Reading { Wal *w; EventsEach *each; void *arg; Cx own; int64_t pos; bool heads; } Reading;
/* Entries of one frame from r->pos on. own's arena holds one entry at a time, so that the caller's cannot overflow. */
static Status give_frame(Cx *cx, Reading *r, const Frame *f)
{
    EntryRun run = entry_run(f->entries);
    while (run.left.n) {
        Entry e;
        EntryHead h;
        size_t used;
        int64_t pos = f->pos + (int64_t)run.before;
        if (!entry_next(&run, &h)) return fail(cx, ST_IO, "log at %lld: damaged", (long long)pos);
        if (pos < r->pos || h.kind == ENTRY_FORM) continue;
        h.event.n_props = r->heads ? 0 : h.event.n_props;
        e = (Entry){ .kind = ENTRY_EVENT, .event = h.event };
        arena_reset(r->own.arena);
        if (h.kind != ENTRY_EVENT || !r->heads) {
            Status st = entry_get(&r->own, h.bytes, &e, &used);
            if (st != ST_OK) return fail(cx, st, "log at %lld: %s", (long long)pos, r->own.why.log);
        }
        TRY(r->each(cx, r->arg, pos, &e));
        r->pos = pos + (int64_t)h.size;
    }
    r->pos = f->end;
    return ST_OK;
}
static Status give_file(Cx *cx, Reading *r, const WalFile *f, WalRead *in)
{
    for (;;) {
        Frame frame;
        Status st = walread_next(cx, in, &frame);
        if (st == ST_OK) {
            TRY(give_frame(cx, r, &frame));
            continue;
        }
        if (st != ST_NOT_FOUND) return st;
        if (in->broken) return fail(cx, ST_IO, "log at %lld cannot be read", (long long)in->pos);
        if (in->pos >= in->limit) break;
        st = walread_resync(cx, in);
        if (st == ST_NO_MEM) return st;
        wal_damaged(r->w, f->start);
        if (st == ST_NOT_FOUND) break;
        r->pos = in->pos;
    }
    return ST_OK;
}
/* NOT_FOUND: each said so; anything else is the caller's to return. */
static Status give_next(Cx *cx, Reading *r, const WalFile *f, int64_t limit)
{
    const char *path;
    WalRead in;
    TRY(wal_log_path(&r->own, r->w, f, &path));
    Status st = walread_open(&r->own, r->w->c.fs, path, f->start, r->pos, limit, &in);
    if (st != ST_OK) return fail(cx, ST_IO, "%s", r->own.why.log);
    st = give_file(cx, r, f, &in);
    walread_close(&in);
    if (st == ST_OK) r->pos = limit;
    return st;
}
static Status read_from(Cx *cx, Wal *w, int64_t from, bool heads, EventsEach *each, void *arg, int64_t *ret_next)
{
    Reading r = { .w = w, .each = each, .arg = arg, .own = *cx, .pos = from, .heads = heads };
    WalFile f;
    int64_t limit, tried = -1;
    Status st = ST_OK;
    r.own.arena = arena_new(CX_ARENA_MAX);
    if (!r.own.arena) return fail(cx, ST_NO_MEM, "reading the log");
    while (st == ST_OK && file_for(w, &r.pos, &limit, &f)) {
        arena_reset(r.own.arena);
        st = give_next(cx, &r, &f, limit);
        if (st != ST_IO || tried == f.start) continue;
        tried = f.start;                          /* it may just have been renamed or removed: look again, once */
        st = ST_OK;
    }
    arena_free(r.own.arena);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret_next = r.pos;
    return ST_OK;
}

Status wal_read(Cx *cx, Wal *w, int64_t from, EventsEach *each, void *arg, int64_t *ret_next)
{
    return read_from(cx, w, from, false, each, arg, ret_next);
}
Status wal_read_heads(Cx *cx, Wal *w, int64_t from, EventsEach *each, void *arg, int64_t *ret_next)
{
    return read_from(cx, w, from, true, each, arg, ret_next);
}

/* ---- what others ask ---- */

int64_t wal_end(Wal *w)
{
    pthread_mutex_lock(&w->lock);
    int64_t end = w->durable;
    pthread_mutex_unlock(&w->lock);
    return end;
}
bool wal_wait(Wal *w, int64_t past, int64_t timeout_ms)
{
    struct timespec until = in_ms(timeout_ms);
    int r = 0;
    pthread_mutex_lock(&w->lock);
    while (w->durable <= past && !w->stop && r != ETIMEDOUT) r = pthread_cond_timedwait(&w->moved, &w->lock, &until);
    bool moved = w->durable > past;
    pthread_mutex_unlock(&w->lock);
    return moved;
}
void wal_keep_from(Wal *w, int64_t pos)
{
    pthread_mutex_lock(&w->lock);
    w->keep = pos;
    pthread_mutex_unlock(&w->lock);
}
void wal_flushed(Wal *w, int64_t pos)
{
    pthread_mutex_lock(&w->lock);
    w->flushed = pos;
    wal_nudge(w);
    pthread_mutex_unlock(&w->lock);
}
Status wal_missing(Cx *cx, Wal *w, const Str **ret, size_t *ret_n)
{
    size_t n = 0;
    pthread_mutex_lock(&w->lock);
    Str *names = ARENA_MANY(cx->arena, Str, w->n_files);
    bool good = names != NULL;
    for (size_t i = 0; good && i < w->n_files; i++) {
        char name[40];
        if (!w->files[i].damaged) continue;
        snprintf(name, sizeof name, "log/wal-%016llx.log", (unsigned long long)w->files[i].start);
        names[n] = arena_str(cx->arena, str_z(name));
        good = names[n++].p != NULL;
    }
    pthread_mutex_unlock(&w->lock);
    if (!good) return fail(cx, ST_NO_MEM, "what the log lacks");
    *ret = names;
    *ret_n = n;
    return ST_OK;
}
void wal_stats(Wal *w, EventsStats *ret)
{
    pthread_mutex_lock(&w->lock);
    ret->log_bytes = 0;
    for (size_t i = 0; i < w->n_files; i++)
        if (!w->files[i].gone) ret->log_bytes += w->files[i].end - w->files[i].start;
    ret->window_ids = dedupe_count(w->ids);
    ret->quarantined += w->quarantined;
    pthread_mutex_unlock(&w->lock);
}
