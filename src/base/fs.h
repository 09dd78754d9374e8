/* fs: the file layer that everything durable goes through.
 *
 * Production uses fs_posix(); the crash ring puts a simulation behind the same
 * table that keeps written and synced bytes apart and, at a "power cut", drops or tears any
 * unsynced suffix and forgets renames and new names whose directory was not synced.
 * Calls return ST_OK or IO with the reason (NOT_FOUND for a missing file); the faults sit in
 * fs_posix(): FAULT_WRITE where space is needed (a failed write leaves the first half of its bytes,
 * as a full disk may; truncate, create, mkdir), FAULT_SYNC, FAULT_RENAME (also unlink).
 * After a failed sync nobody knows what is on the disk: the kernel may count the pages as clean,
 * so a second sync that succeeds proves nothing. Give the file up.
 * Any thread may call; two threads may use one FsFile, except to close it. */
#ifndef LIUKE_FS_H
#define LIUKE_FS_H
#include "base/base.h"

typedef struct FsFile FsFile;
typedef enum FsMode { FS_READ, FS_WRITE, FS_CREATE } FsMode;    /* FS_CREATE: new, must not exist, mode 0600 */
typedef struct FsOps FsOps;
typedef struct Fs { const FsOps *ops; void *self; } Fs;
typedef Status FsEach(Cx *, void *arg, Str name);
struct FsOps {
    Status (*open)(Cx *, void *self, const char *path, FsMode, FsFile **ret);
    void   (*close)(FsFile *);
    Status (*pwrite)(Cx *, FsFile *, Str, int64_t at);           /* all of it or IO */
    Status (*pread)(Cx *, FsFile *, void *, size_t n, int64_t at, size_t *ret_n);   /* short only at the end */
    Status (*sync)(Cx *, FsFile *);                              /* fdatasync */
    Status (*size)(Cx *, FsFile *, int64_t *ret);
    Status (*truncate)(Cx *, FsFile *, int64_t size);
    Status (*rename)(Cx *, void *self, const char *from, const char *to);
    Status (*unlink)(Cx *, void *self, const char *path);
    Status (*mkdir)(Cx *, void *self, const char *path);         /* OK when it is there */
    Status (*sync_dir)(Cx *, void *self, const char *path);
    /* Files and directories but . and .., bytewise sorted, as they were when it began: each may unlink.
     * Stops at the first Status that is not OK and returns it. Memory: names live in cx->arena. */
    Status (*list)(Cx *, void *self, const char *path, FsEach *, void *arg);
    Status (*map)(Cx *, FsFile *, const void **ret, size_t *ret_n);   /* the size now, read-only; unmap it */
    void   (*unmap)(FsFile *, const void *, size_t);
};
Fs     fs_posix(void);
/* Write a whole small file so that after a power cut the old or the new contents stand:
 * path.tmp, write, sync, rename, sync of the directory. After an error either may stand. */
Status fs_replace(Cx *, Fs, const char *dir, const char *name, Str contents) MUST_USE;
/* In the arena, a NUL after it. IO past max. */
Status fs_read_all(Cx *, Fs, const char *path, size_t max, Str *ret) MUST_USE;
/* dir/name and suffix ("" for none), in the arena. */
Status fs_path(Cx *, const char *dir, const char *name, const char *suffix, const char **ret) MUST_USE;
#endif
