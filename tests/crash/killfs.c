#include "tests/crash/killfs.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { OPEN_MAX = 64 };
static struct {
    Fs below;
    pthread_mutex_t lock;
    struct { FsFile *f; char path[120]; } files[OPEN_MAX];
    char named[120];             /* the last name that was made */
    bool dead, opening, ids_loose, state_loose;
    long early;
    long left, counts[SYNC_KINDS_];
    KillSync out;
} k = { .lock = PTHREAD_MUTEX_INITIALIZER, .left = -1, .out = SYNC_KINDS_ };

const char *const killfs_names[SYNC_KINDS_] = { "group", "settled", "new file", "start names", "store name",
    "log name", "ids",
    "ids name", "manifest", "manifest name", "zeros", "segment", "actors", "map",
    "map name", "state name", "other" };

static bool ends(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}
static bool state_file(const char *p)
{
    return !ends(p, ".tmp") && (strstr(p, "/seg-") || strstr(p, "/map-") || strstr(p, "/actors"));
}
static Status alive(Cx *cx, bool change)
{
    pthread_mutex_lock(&k.lock);
    if (change && k.left == 0) k.dead = true;
    if (change && k.left > 0) k.left--;
    bool dead = k.dead;
    pthread_mutex_unlock(&k.lock);
    return dead ? fail(cx, ST_IO, "the process is dead") : ST_OK;
}
static void named(const char *path)
{
    pthread_mutex_lock(&k.lock);
    snprintf(k.named, sizeof k.named, "%s", path);
    pthread_mutex_unlock(&k.lock);
}
static bool left_out(KillSync kind)
{
    pthread_mutex_lock(&k.lock);
    k.counts[kind]++;
    bool out = k.out == kind;
    pthread_mutex_unlock(&k.lock);
    return out;
}
static KillSync kind_of_file(FsFile *f)
{
    KillSync kind = SYNC_OTHER;
    pthread_mutex_lock(&k.lock);
    for (size_t i = 0; i < OPEN_MAX; i++) {
        const char *p = k.files[i].path;
        if (k.files[i].f != f) continue;
        if (ends(p, "next.tmp")) kind = SYNC_ZEROS;
        else if (ends(p, ".ids.tmp")) kind = SYNC_IDS;
        else if (ends(p, "manifest.tmp")) kind = SYNC_MANIFEST;
        else if (strstr(p, "/seg-")) kind = SYNC_SEGMENT;
        else if (strstr(p, "/actors")) kind = SYNC_ACTORS;
        else if (strstr(p, "/map-")) kind = SYNC_MAP;
        else if (strstr(p, "wal-")) kind = k.opening ? SYNC_SETTLED : SYNC_GROUP;
    }
    pthread_mutex_unlock(&k.lock);
    return kind;
}
static KillSync kind_of_dir(const char *path)
{
    pthread_mutex_lock(&k.lock);
    bool log = ends(path, "/log");
    KillSync kind = k.opening && log ? SYNC_START_NAMES : log ? ends(k.named, ".ids") ? SYNC_IDS_NAME : SYNC_NEW_FILE :
        ends(k.named, "/manifest") ? SYNC_MANIFEST_NAME : ends(k.named, "/log") ? SYNC_LOG_NAME :
        ends(k.named, "/events") ? SYNC_STORE_NAME : strstr(k.named, "/map-") ? SYNC_MAP_NAME :
        ends(path, "/events") ? SYNC_STATE_NAME : SYNC_OTHER;
    pthread_mutex_unlock(&k.lock);
    return kind;
}

static Status kill_open(Cx *cx, void *self, const char *path, FsMode mode, FsFile **ret)
{
    (void)self;
    TRY(alive(cx, mode == FS_CREATE));
    TRY(k.below.ops->open(cx, k.below.self, path, mode, ret));
    if (mode == FS_CREATE) named(path);
    k.state_loose |= mode == FS_CREATE && state_file(path);
    pthread_mutex_lock(&k.lock);
    for (size_t i = 0; i < OPEN_MAX; i++) {
        if (k.files[i].f) continue;
        k.files[i].f = *ret;
        snprintf(k.files[i].path, sizeof k.files[i].path, "%s", path);
        break;
    }
    pthread_mutex_unlock(&k.lock);
    return ST_OK;
}
static void kill_close(FsFile *f)
{
    pthread_mutex_lock(&k.lock);
    for (size_t i = 0; i < OPEN_MAX; i++) if (k.files[i].f == f) k.files[i].f = NULL;
    pthread_mutex_unlock(&k.lock);
    k.below.ops->close(f);
}
static Status kill_pwrite(Cx *cx, FsFile *f, Str s, int64_t at)
{
    TRY(alive(cx, true));
    return k.below.ops->pwrite(cx, f, s, at);
}
static Status kill_pread(Cx *cx, FsFile *f, void *to, size_t n, int64_t at, size_t *ret_n)
{
    TRY(alive(cx, false));
    return k.below.ops->pread(cx, f, to, n, at, ret_n);
}
static Status kill_sync(Cx *cx, FsFile *f)
{
    TRY(alive(cx, true));
    return left_out(kind_of_file(f)) ? ST_OK : k.below.ops->sync(cx, f);
}
static Status kill_size(Cx *cx, FsFile *f, int64_t *ret) { return k.below.ops->size(cx, f, ret); }
static Status kill_truncate(Cx *cx, FsFile *f, int64_t size)
{
    TRY(alive(cx, true));
    return k.below.ops->truncate(cx, f, size);
}
static Status kill_rename(Cx *cx, void *self, const char *from, const char *to)
{
    (void)self;
    TRY(alive(cx, true));
    named(to);
    TRY(k.below.ops->rename(cx, k.below.self, from, to));
    k.early += k.state_loose && ends(to, "/manifest");
    k.ids_loose |= ends(to, ".ids");
    k.state_loose |= state_file(to);
    return ST_OK;
}
static Status kill_unlink(Cx *cx, void *self, const char *path)
{
    (void)self;
    TRY(alive(cx, true));
    TRY(k.below.ops->unlink(cx, k.below.self, path));
    k.early += k.ids_loose && ends(path, ".log");
    return ST_OK;
}
static Status kill_mkdir(Cx *cx, void *self, const char *path)
{
    (void)self;
    TRY(alive(cx, true));
    named(path);
    return k.below.ops->mkdir(cx, k.below.self, path);
}
static Status kill_sync_dir(Cx *cx, void *self, const char *path)
{
    (void)self;
    TRY(alive(cx, true));
    if (left_out(kind_of_dir(path))) return ST_OK;
    if (ends(path, "/log")) k.ids_loose = false;
    else k.state_loose = false;
    return k.below.ops->sync_dir(cx, k.below.self, path);
}
static Status kill_list(Cx *cx, void *self, const char *path, FsEach *each, void *arg)
{
    (void)self;
    TRY(alive(cx, false));
    return k.below.ops->list(cx, k.below.self, path, each, arg);
}
static Status kill_map(Cx *cx, FsFile *f, const void **ret, size_t *ret_n)
{
    return k.below.ops->map(cx, f, ret, ret_n);
}
static void kill_unmap(FsFile *f, const void *p, size_t n) { k.below.ops->unmap(f, p, n); }

Fs killfs_new(Fs below)
{
    static const FsOps ops = {
        .open = kill_open, .close = kill_close, .pwrite = kill_pwrite, .pread = kill_pread, .sync = kill_sync,
        .size = kill_size, .truncate = kill_truncate, .rename = kill_rename, .unlink = kill_unlink,
        .mkdir = kill_mkdir, .sync_dir = kill_sync_dir, .list = kill_list, .map = kill_map, .unmap = kill_unmap,
    };
    k.below = below;
    memset(k.files, 0, sizeof k.files);
    memset(k.counts, 0, sizeof k.counts);
    k.named[0] = 0;
    k.dead = k.ids_loose = k.state_loose = false;
    k.left = -1;
    k.early = 0;
    return (Fs){ .ops = &ops };
}
void killfs_start(bool opening)
{
    pthread_mutex_lock(&k.lock);
    k.dead = false;
    k.opening = opening;
    pthread_mutex_unlock(&k.lock);
}
void killfs_stop_after(long n)
{
    pthread_mutex_lock(&k.lock);
    k.left = n;
    pthread_mutex_unlock(&k.lock);
}
void killfs_leave_out(KillSync kind) { k.out = kind; }
long killfs_early(void) { return k.early; }
long killfs_count(KillSync kind) { return k.counts[kind]; }
