#include "tests/crash/sqlite_vfs.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGIONS_MAX = 64 };
/* One file's locks and shared memory, for as long as a connection has it open. */
typedef struct Node {
    struct Node *next;
    char  path[200];
    int   users, shared;                          /* shared: connections with a lock of any level */
    bool  reserved, pending, exclusive, dirty, skipped;
    char *region[REGIONS_MAX];
    int   shm_shared[SQLITE_SHM_NLOCK];
    bool  shm_exclusive[SQLITE_SHM_NLOCK];
} Node;
struct SqliteVfs {
    sqlite3_vfs vfs;
    sqlite3_vfs *system;                          /* for the clock and random bytes */
    char  name[32];
    Fs    fs;
    Node *nodes;
    long  syncs, at, more;
    bool  skip;
    pthread_mutex_t lock;
};
typedef struct File {
    sqlite3_file base;
    SqliteVfs *v;
    FsFile *f;
    Node   *node;
    int     level;
    bool    new_name;                             /* its directory is to be synced with its first sync */
    unsigned shm_shared, shm_exclusive;           /* bits of the locks this connection holds */
} File;

static File *of(sqlite3_file *f) { return (File *)f; }
static SqliteVfs *vfs_of(sqlite3_vfs *v) { return v->pAppData; }

static Node *node_get(SqliteVfs *v, const char *path)
{
    Node *n = v->nodes;
    while (n && strcmp(n->path, path) != 0) n = n->next;
    if (!n) {
        n = calloc(1, sizeof *n);
        if (!n) abort();
        snprintf(n->path, sizeof n->path, "%s", path);
        n->next = v->nodes;
        v->nodes = n;
    }
    n->users++;
    return n;
}
static void node_drop(SqliteVfs *v, Node *n)
{
    if (--n->users) return;
    for (Node **at = &v->nodes; *at; at = &(*at)->next)
        if (*at == n) {
            *at = n->next;
            break;
        }
    for (int i = 0; i < REGIONS_MAX; i++) free(n->region[i]);
    free(n);
}
static int file_close(sqlite3_file *base)
{
    File *f = of(base);
    f->v->fs.ops->close(f->f);
    pthread_mutex_lock(&f->v->lock);
    node_drop(f->v, f->node);
    pthread_mutex_unlock(&f->v->lock);
    return SQLITE_OK;
}
static int file_read(sqlite3_file *base, void *to, int n, sqlite3_int64 at)
{
    Cx cx = { 0 };
    size_t got;
    if (of(base)->v->fs.ops->pread(&cx, of(base)->f, to, (size_t)n, at, &got) != ST_OK) return SQLITE_IOERR_READ;
    if (got == (size_t)n) return SQLITE_OK;
    memset((char *)to + got, 0, (size_t)n - got);
    return SQLITE_IOERR_SHORT_READ;
}
static int file_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 at)
{
    Cx cx = { 0 };
    of(base)->node->dirty = true;
    Status st = of(base)->v->fs.ops->pwrite(&cx, of(base)->f, (Str){ from, (size_t)n }, at);
    return st == ST_OK ? SQLITE_OK : SQLITE_IOERR_WRITE;
}
static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    Cx cx = { 0 };
    of(base)->node->dirty = true;
    return of(base)->v->fs.ops->truncate(&cx, of(base)->f, size) == ST_OK ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}
/* True for the one to leave out. */
static bool count_sync(SqliteVfs *v)
{
    v->syncs++;
    if (v->at == 0 || --v->at) return false;
    if (v->skip) crashfs_skip_sync(v->fs, 1);
    crashfs_stop_after(v->fs, v->more + !v->skip);    /* a sync that is made counts as a change */
    return v->skip;
}
static Status sync_dir_of(SqliteVfs *v, const char *path)
{
    Cx cx = { 0 };
    char dir[200];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    slash[slash == dir] = 0;
    (void)count_sync(v);
    return v->fs.ops->sync_dir(&cx, v->fs.self, dir);
}
static int file_sync(sqlite3_file *base, int flags)
{
    Cx cx = { 0 };
    File *f = of(base);
    (void)flags;
    if (f->node->dirty) f->node->skipped = count_sync(f->v);
    else if (f->node->skipped) crashfs_skip_sync(f->v->fs, 1);    /* saying it again counts as the same sync */
    f->node->dirty = false;
    if (f->v->fs.ops->sync(&cx, f->f) != ST_OK) return SQLITE_IOERR_FSYNC;
    if (!f->new_name) return SQLITE_OK;
    f->new_name = false;
    return sync_dir_of(f->v, f->node->path) == ST_OK ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}
static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    Cx cx = { 0 };
    int64_t n;
    if (of(base)->v->fs.ops->size(&cx, of(base)->f, &n) != ST_OK) return SQLITE_IOERR_FSTAT;
    *ret = n;
    return SQLITE_OK;
}
static int lock_to(File *f, int want)
{
    Node *n = f->node;
    if (f->level >= want) return SQLITE_OK;
    if (want == SQLITE_LOCK_SHARED) {
        if (n->pending || n->exclusive) return SQLITE_BUSY;
        n->shared++;
    } else if (want == SQLITE_LOCK_RESERVED) {
        if (n->reserved) return SQLITE_BUSY;
        n->reserved = true;
    } else {
        if (f->level < SQLITE_LOCK_PENDING && n->pending) return SQLITE_BUSY;
        if (f->level < SQLITE_LOCK_RESERVED && n->reserved) return SQLITE_BUSY;
        n->pending = n->reserved = true;
        f->level = SQLITE_LOCK_PENDING;
        if (n->shared > 1) return SQLITE_BUSY;
        n->exclusive = true;
    }
    f->level = want;
    return SQLITE_OK;
}
static int file_lock(sqlite3_file *base, int want)
{
    pthread_mutex_lock(&of(base)->v->lock);
    int rc = lock_to(of(base), want);
    pthread_mutex_unlock(&of(base)->v->lock);
    return rc;
}
static int file_unlock(sqlite3_file *base, int to)
{
    File *f = of(base);
    Node *n = f->node;
    pthread_mutex_lock(&f->v->lock);
    if (f->level > to) {
        if (f->level > SQLITE_LOCK_SHARED) n->reserved = false;
        if (f->level >= SQLITE_LOCK_PENDING) n->pending = n->exclusive = false;
        if (to == SQLITE_LOCK_NONE) n->shared--;
        f->level = to;
    }
    pthread_mutex_unlock(&f->v->lock);
    return SQLITE_OK;
}
static int file_reserved(sqlite3_file *base, int *ret)
{
    *ret = of(base)->node->reserved;
    return SQLITE_OK;
}
static int file_control(sqlite3_file *base, int op, void *arg)
{
    (void)base; (void)op; (void)arg;
    return SQLITE_NOTFOUND;
}
static int file_sector(sqlite3_file *base) { (void)base; return 4096; }
static int file_device(sqlite3_file *base) { (void)base; return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret)
{
    Node *n = of(base)->node;
    int rc = SQLITE_OK;
    if (region >= REGIONS_MAX) return SQLITE_IOERR_SHMSIZE;
    pthread_mutex_lock(&of(base)->v->lock);
    if (!n->region[region] && extend) n->region[region] = calloc(1, (size_t)size);
    if (!n->region[region] && extend) rc = SQLITE_NOMEM;
    *ret = n->region[region];
    pthread_mutex_unlock(&of(base)->v->lock);
    return rc;
}
static int shm_take(File *f, int slot, bool exclusive)
{
    Node *n = f->node;
    unsigned bit = 1u << slot;
    if (n->shm_exclusive[slot] && !(f->shm_exclusive & bit)) return SQLITE_BUSY;
    if (exclusive) {
        if (n->shm_shared[slot] > ((f->shm_shared & bit) != 0)) return SQLITE_BUSY;
        n->shm_exclusive[slot] = true;
        f->shm_exclusive |= bit;
    } else if (!(f->shm_shared & bit)) {
        n->shm_shared[slot]++;
        f->shm_shared |= bit;
    }
    return SQLITE_OK;
}
static void shm_give(File *f, int slot)
{
    unsigned bit = 1u << slot;
    if (f->shm_exclusive & bit) f->node->shm_exclusive[slot] = false;
    if (f->shm_shared & bit) f->node->shm_shared[slot]--;
    f->shm_exclusive &= ~bit;
    f->shm_shared &= ~bit;
}
static int shm_lock(sqlite3_file *base, int first, int n, int flags)
{
    File *f = of(base);
    int rc = SQLITE_OK, i = first;
    unsigned shared = f->shm_shared, exclusive = f->shm_exclusive;
    pthread_mutex_lock(&f->v->lock);
    if (flags & SQLITE_SHM_UNLOCK) for (; i < first + n; i++) shm_give(f, i);
    else for (; i < first + n && rc == SQLITE_OK; i++) rc = shm_take(f, i, flags & SQLITE_SHM_EXCLUSIVE);
    if (rc != SQLITE_OK)                          /* all of them or none */
        for (i = first; i < first + n; i++) if (!((shared | exclusive) >> i & 1)) shm_give(f, i);
    pthread_mutex_unlock(&f->v->lock);
    return rc;
}
static void shm_barrier(sqlite3_file *base)
{
    pthread_mutex_lock(&of(base)->v->lock);
    pthread_mutex_unlock(&of(base)->v->lock);
}
static int shm_unmap(sqlite3_file *base, int drop)
{
    File *f = of(base);
    (void)drop;                                   /* the memory goes with the last connection */
    pthread_mutex_lock(&f->v->lock);
    for (int i = 0; i < SQLITE_SHM_NLOCK; i++) shm_give(f, i);
    pthread_mutex_unlock(&f->v->lock);
    return SQLITE_OK;
}
static const sqlite3_io_methods methods = {
    .iVersion = 2, .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate,
    .xSync = file_sync, .xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved, .xFileControl = file_control, .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device, .xShmMap = shm_map, .xShmLock = shm_lock, .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

static int vfs_open(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    SqliteVfs *v = vfs_of(base);
    File *f = of(file);
    Cx cx = { 0 };
    bool created = false;
    f->base.pMethods = NULL;
    if (!path) return SQLITE_CANTOPEN;
    Status st = v->fs.ops->open(&cx, v->fs.self, path, flags & SQLITE_OPEN_READONLY ? FS_READ : FS_WRITE, &f->f);
    if (st == ST_NOT_FOUND && flags & SQLITE_OPEN_CREATE) {
        st = v->fs.ops->open(&cx, v->fs.self, path, FS_CREATE, &f->f);
        created = st == ST_OK;
    }
    if (st != ST_OK) return SQLITE_CANTOPEN;
    pthread_mutex_lock(&v->lock);
    *f = (File){ .base = { &methods }, .v = v, .f = f->f, .node = node_get(v, path) };
    pthread_mutex_unlock(&v->lock);
    f->new_name = created && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL);
    if (ret_flags) *ret_flags = flags;
    return SQLITE_OK;
}
static int vfs_delete(sqlite3_vfs *base, const char *path, int sync_dir)
{
    SqliteVfs *v = vfs_of(base);
    Cx cx = { 0 };
    Status st = v->fs.ops->unlink(&cx, v->fs.self, path);
    if (st == ST_NOT_FOUND) return SQLITE_IOERR_DELETE_NOENT;
    if (st == ST_OK && sync_dir) st = sync_dir_of(v, path);
    return st == ST_OK ? SQLITE_OK : SQLITE_IOERR_DELETE;
}
static int vfs_access(sqlite3_vfs *base, const char *path, int flags, int *ret)
{
    (void)flags;
    *ret = crashfs_exists(vfs_of(base)->fs, path);
    return SQLITE_OK;
}
static int vfs_full(sqlite3_vfs *base, const char *path, int n, char *ret)
{
    (void)base;
    snprintf(ret, (size_t)n, "%s", path);
    return SQLITE_OK;
}
static sqlite3_vfs *system_of(sqlite3_vfs *v) { return vfs_of(v)->system; }
static int vfs_random(sqlite3_vfs *v, int n, char *to) { return system_of(v)->xRandomness(system_of(v), n, to); }
static int vfs_sleep(sqlite3_vfs *v, int us) { return system_of(v)->xSleep(system_of(v), us); }
static int vfs_time(sqlite3_vfs *v, double *ret) { return system_of(v)->xCurrentTime(system_of(v), ret); }
static int vfs_error(sqlite3_vfs *v, int n, char *to) { (void)v; (void)n; (void)to; return 0; }

SqliteVfs *sqlite_vfs_new(Fs fs)
{
    static int made;
    SqliteVfs *v = calloc(1, sizeof *v);
    if (!v) abort();
    v->fs = fs;
    v->system = sqlite3_vfs_find(NULL);
    pthread_mutex_init(&v->lock, NULL);
    snprintf(v->name, sizeof v->name, "crash-%d", ++made);
    v->vfs = (sqlite3_vfs){
        .iVersion = 1, .szOsFile = sizeof(File), .mxPathname = 190, .zName = v->name, .pAppData = v,
        .xOpen = vfs_open, .xDelete = vfs_delete, .xAccess = vfs_access, .xFullPathname = vfs_full,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep, .xCurrentTime = vfs_time, .xGetLastError = vfs_error,
    };
    if (sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK) abort();
    return v;
}
void sqlite_vfs_free(SqliteVfs *v)
{
    sqlite3_vfs_unregister(&v->vfs);
    pthread_mutex_destroy(&v->lock);
    free(v);
}
const char *sqlite_vfs_name(const SqliteVfs *v) { return v->name; }
long sqlite_vfs_syncs(const SqliteVfs *v) { return v->syncs; }
void sqlite_vfs_stop_at_sync(SqliteVfs *v, long nth, bool skip, long more)
{
    v->at = nth;
    v->skip = skip;
    v->more = more;
}
