/* crashfs: a file system in memory whose power can be cut.
 *
 * It stands behind base/fs.h like fs_posix(), and keeps for each file what was synced and
 * the writes and truncations since, for each directory the names that were synced and the creates, renames and
 * unlinks since. It promises no more than POSIX does: syncing a file does not make its name durable, two
 * files are written back in any order, and a rename from one directory to another may after a cut show both
 * names or none. Names resolve from "/"; a relative path counts from there too, and the root is
 * there from the start. A map is a copy of the contents at its time.
 *
 * Everything random comes from the seed. Any thread may call. Memory: its own, not the arena's, and
 * out of the allocation fault's reach, until crashfs_free(). */
#ifndef LIUKE_CRASHFS_H
#define LIUKE_CRASHFS_H
#include "base/fs.h"

typedef enum CrashMode {
    CRASH_LOSE,          /* nothing unsynced is left */
    CRASH_KEEP,          /* everything is left, as after kill -9 */
    CRASH_PREFIX,        /* of each file some first changes and one later write torn at any byte */
    CRASH_SECTORS,       /* each 512-byte sector, and the size, as of any moment since the sync */
    CRASH_ANY            /* one of these for each file and directory apart */
} CrashMode;             /* names: but for LOSE and KEEP, of each directory some first changes */

Fs   crashfs_new(uint64_t seed);
void crashfs_free(Fs);                        /* files still open are closed by close(), before */

/* The power goes and comes back. What was open before answers IO from now on; close it. */
void crashfs_cut(Fs, CrashMode);
/* The power goes during the change (write, truncate, sync, new or changed name) after n more: that one returns IO
 * and may or may not have happened; then everything returns IO until crashfs_cut(). -1: off. */
void crashfs_stop_after(Fs, long n);
long crashfs_changes(Fs);                     /* how many changes so far: the n worth trying */
/* The nth sync from now, of a file or directory (1 is the next), returns OK and does nothing. 0: off. */
void crashfs_skip_sync(Fs, long nth);
long crashfs_syncs(Fs);                       /* how many syncs so far */
bool crashfs_exists(Fs, const char *path);
#endif
