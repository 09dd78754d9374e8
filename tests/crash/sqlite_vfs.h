/* sqlite_vfs: SQLite on the file system whose power can be cut (crashfs.h).
 *
 * It does what SQLite's own unix layer does: the same calls in the same order, the directory synced with the first
 * sync of a new journal or write-ahead log, and it promises no more of the device (POWERSAFE_OVERWRITE). File
 * locks and the write-ahead log's shared memory are in this process's heap and gone when the last connection
 * closes, as shared memory is after a power cut: what the log holds is found again by reading it.
 * Not here: temporary files (a statement may not need to keep more than 64 KiB of old pages). */
#ifndef LIUKE_SQLITE_VFS_H
#define LIUKE_SQLITE_VFS_H
#include "tests/crash/crashfs.h"

typedef struct SqliteVfs SqliteVfs;

SqliteVfs  *sqlite_vfs_new(Fs);                   /* a crashfs; registered with SQLite under a name of its own */
void        sqlite_vfs_free(SqliteVfs *);         /* after every connection is closed */
const char *sqlite_vfs_name(const SqliteVfs *);
/* Syncs so far that had something to do: of a file written to since its last one, of a directory. */
long        sqlite_vfs_syncs(const SqliteVfs *);
/* After the nth such sync from now the power goes during the change after `more` others. With skip that sync does
 * nothing, nor do its repetitions before the file is written to again. */
void        sqlite_vfs_stop_at_sync(SqliteVfs *, long nth, bool skip, long more);
#endif
