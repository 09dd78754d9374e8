#include "base/fs.h"
#include "base/arena.h"
#include "base/fault.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct FsFile { int fd; char path[]; };           /* path: for messages only, a rename leaves it stale */

static Status broke(Cx *cx, const char *what, const char *path)
{
    const char *name = strerrorname_np(errno);
    return fail(cx, errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s %s: %s", what, path, name ? name : "?");
}
static void disk_close(FsFile *f)
{
    if (!f) return;
    if (f->fd >= 0) close(f->fd);
    mem_free(f);
}
static Status is_file(Cx *cx, FsFile *f)          /* reading, open() takes directories too */
{
    struct stat st;
    if (fstat(f->fd, &st) != 0) return broke(cx, "stat", f->path);
    return S_ISDIR(st.st_mode) ? fail(cx, ST_IO, "open %s: EISDIR", f->path) : ST_OK;
}
static Status disk_open(Cx *cx, void *self, const char *path, FsMode mode, FsFile **ret)
{
    static const int flags[] = { [FS_READ] = O_RDONLY, [FS_WRITE] = O_RDWR, [FS_CREATE] = O_RDWR | O_CREAT | O_EXCL };
    size_t n = strlen(path) + 1;
    (void)self;
    if (mode == FS_CREATE && fault_hit(FAULT_WRITE)) return fail(cx, ST_IO, "create %s: fault", path);
    FsFile *f = mem_get(sizeof *f + n);
    if (!f) return fail(cx, ST_NO_MEM, "open %s", path);
    memcpy(f->path, path, n);
    do f->fd = open(path, flags[mode] | O_CLOEXEC, 0600); while (f->fd < 0 && errno == EINTR);
    Status st = f->fd < 0 ? broke(cx, "open", path) : is_file(cx, f);
    if (st == ST_OK) *ret = f;
    else disk_close(f);
    return st;
}
static Status disk_pwrite(Cx *cx, FsFile *f, Str s, int64_t at)
{
    bool fault = fault_hit(FAULT_WRITE);
    if (fault) s.n /= 2;                          /* as a full disk does: some of it arrives */
    while (s.n) {
        ssize_t n = pwrite(f->fd, s.p, s.n, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return broke(cx, "write", f->path);
        if (n == 0) return fail(cx, ST_IO, "write %s: nothing written", f->path);
        s.p += n;
        s.n -= (size_t)n;
        at += n;
    }
    return fault ? fail(cx, ST_IO, "write %s: fault", f->path) : ST_OK;
}
static Status disk_pread(Cx *cx, FsFile *f, void *to, size_t n, int64_t at, size_t *ret_n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t k = pread(f->fd, (char *)to + got, n - got, at + (int64_t)got);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return broke(cx, "read", f->path);
        if (k == 0) break;
        got += (size_t)k;
    }
    *ret_n = got;
    return ST_OK;
}
static Status disk_sync(Cx *cx, FsFile *f)
{
    if (fault_hit(FAULT_SYNC)) return fail(cx, ST_IO, "sync %s: fault", f->path);
    return fdatasync(f->fd) == 0 ? ST_OK : broke(cx, "sync", f->path);
}
static Status disk_size(Cx *cx, FsFile *f, int64_t *ret)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0) return broke(cx, "stat", f->path);
    *ret = st.st_size;
    return ST_OK;
}
static Status disk_truncate(Cx *cx, FsFile *f, int64_t size)
{
    int r;
    if (fault_hit(FAULT_WRITE)) return fail(cx, ST_IO, "truncate %s: fault", f->path);
    do r = ftruncate(f->fd, size); while (r < 0 && errno == EINTR);
    return r == 0 ? ST_OK : broke(cx, "truncate", f->path);
}
static Status disk_rename(Cx *cx, void *self, const char *from, const char *to)
{
    (void)self;
    if (fault_hit(FAULT_RENAME)) return fail(cx, ST_IO, "rename %s: fault", from);
    return rename(from, to) == 0 ? ST_OK : broke(cx, "rename", from);
}
static Status disk_unlink(Cx *cx, void *self, const char *path)
{
    (void)self;
    if (fault_hit(FAULT_RENAME)) return fail(cx, ST_IO, "unlink %s: fault", path);
    return unlink(path) == 0 ? ST_OK : broke(cx, "unlink", path);
}
static Status disk_mkdir(Cx *cx, void *self, const char *path)
{
    struct stat st;
    (void)self;
    if (fault_hit(FAULT_WRITE)) return fail(cx, ST_IO, "mkdir %s: fault", path);
    if (mkdir(path, 0700) == 0) return ST_OK;
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return ST_OK;
    return broke(cx, "mkdir", path);
}
static Status disk_sync_dir(Cx *cx, void *self, const char *path)
{
    (void)self;
    if (fault_hit(FAULT_SYNC)) return fail(cx, ST_IO, "sync %s: fault", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return broke(cx, "open", path);
    Status st = fsync(fd) == 0 ? ST_OK : broke(cx, "sync", path);
    close(fd);
    return st;
}
typedef struct Name { struct Name *next; Str text; } Name;
static Status names_read(Cx *cx, const char *path, Name **ret, size_t *ret_n)
{
    DIR *d = opendir(path);
    if (!d) return broke(cx, "open", path);
    Status st = ST_OK;
    struct dirent *e;
    errno = 0;
    while (st == ST_OK && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        Name *n = ARENA_NEW(cx->arena, Name);
        if (n) n->text = arena_str(cx->arena, str_z(e->d_name));
        if (!n || !n->text.p) {
            st = fail(cx, ST_NO_MEM, "list %s", path);
            break;
        }
        n->next = *ret;
        *ret = n;
        ++*ret_n;
        errno = 0;
    }
    if (st == ST_OK && errno) st = broke(cx, "list", path);
    closedir(d);
    return st;
}
static int by_bytes(const void *a, const void *b) { return str_cmp(*(const Str *)a, *(const Str *)b); }
static Status disk_list(Cx *cx, void *self, const char *path, FsEach *each, void *arg)
{
    Name *names = NULL;
    size_t n = 0, i = 0;
    (void)self;
    TRY(names_read(cx, path, &names, &n));
    Str *sorted = ARENA_MANY(cx->arena, Str, n);
    if (!sorted) return fail(cx, ST_NO_MEM, "list %s", path);
    for (; names; names = names->next) sorted[i++] = names->text;
    if (n) qsort(sorted, n, sizeof *sorted, by_bytes);
    for (i = 0; i < n; i++) TRY(each(cx, arg, sorted[i]));
    return ST_OK;
}
static Status disk_map(Cx *cx, FsFile *f, const void **ret, size_t *ret_n)
{
    int64_t size;
    TRY(disk_size(cx, f, &size));
    *ret_n = (size_t)size;
    *ret = "";                                    /* mmap refuses nothing */
    if (size == 0) return ST_OK;
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, f->fd, 0);
    if (p == MAP_FAILED) return broke(cx, "map", f->path);
    *ret = p;
    return ST_OK;
}
static void disk_unmap(FsFile *f, const void *p, size_t n)
{
    (void)f;
    if (n) munmap((void *)(uintptr_t)p, n);
}
Fs fs_posix(void)
{
    static const FsOps ops = {
        .open = disk_open, .close = disk_close, .pwrite = disk_pwrite, .pread = disk_pread, .sync = disk_sync,
        .size = disk_size, .truncate = disk_truncate, .rename = disk_rename, .unlink = disk_unlink,
        .mkdir = disk_mkdir, .sync_dir = disk_sync_dir, .list = disk_list, .map = disk_map, .unmap = disk_unmap,
    };
    return (Fs){ .ops = &ops };
}
Status fs_path(Cx *cx, const char *dir, const char *name, const char *suffix, const char **ret)
{
    size_t n = strlen(dir) + strlen(name) + strlen(suffix) + 2;
    char *p = arena_raw(cx->arena, n);
    if (!p) return fail(cx, ST_NO_MEM, "path of %s", name);
    snprintf(p, n, "%s/%s%s", dir, name, suffix);
    *ret = p;
    return ST_OK;
}
static Status write_new(Cx *cx, Fs fs, const char *path, Str contents)
{
    FsFile *f;
    TRY(fs.ops->open(cx, fs.self, path, FS_CREATE, &f));
    Status st = fs.ops->pwrite(cx, f, contents, 0);
    if (st == ST_OK) st = fs.ops->sync(cx, f);
    fs.ops->close(f);
    return st;
}
Status fs_replace(Cx *cx, Fs fs, const char *dir, const char *name, Str contents)
{
    const char *path, *tmp;
    TRY(fs_path(cx, dir, name, "", &path));
    TRY(fs_path(cx, dir, name, ".tmp", &tmp));
    Status st = fs.ops->unlink(cx, fs.self, tmp);        /* what a crash may have left */
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    st = write_new(cx, fs, tmp, contents);
    if (st == ST_OK) st = fs.ops->rename(cx, fs.self, tmp, path);
    if (st == ST_OK) return fs.ops->sync_dir(cx, fs.self, dir);
    Why why = cx->why;                            /* the first failure is the one to report */
    (void)fs.ops->unlink(cx, fs.self, tmp);
    cx->why = why;
    return st;
}
static Status read_open(Cx *cx, Fs fs, FsFile *f, const char *path, size_t max, Str *ret)
{
    int64_t size;
    size_t got;
    TRY(fs.ops->size(cx, f, &size));
    if ((uint64_t)size > max) return fail(cx, ST_IO, "%s: %lld bytes, at most %zu", path, (long long)size, max);
    char *p = arena_raw(cx->arena, (size_t)size + 1);
    if (!p) return fail(cx, ST_NO_MEM, "read %s", path);
    TRY(fs.ops->pread(cx, f, p, (size_t)size, 0, &got));
    p[got] = 0;
    *ret = (Str){ p, got };
    return ST_OK;
}
Status fs_read_all(Cx *cx, Fs fs, const char *path, size_t max, Str *ret)
{
    FsFile *f;
    TRY(fs.ops->open(cx, fs.self, path, FS_READ, &f));
    Status st = read_open(cx, fs, f, path, max, ret);
    fs.ops->close(f);
    return st;
}
