/* killfs: a process in front of a file layer: it can be killed at any change, and its syncs can be left out by kind.
 *
 * Killed is not a power cut: what was written stays in the kernel, synced or not, and the next process goes on
 * from there. One killfs at a time; any thread may call it. */
#ifndef LIUKE_KILLFS_H
#define LIUKE_KILLFS_H
#include "base/fs.h"

/* Every place of the store that syncs, told apart by path and by what happened before. */
typedef enum KillSync {
    SYNC_GROUP,          /* a commit */
    SYNC_SETTLED,        /* the last log file at a start */
    SYNC_NEW_FILE,       /* the log folder, after a log file got its name */
    SYNC_START_NAMES,    /* the log folder at a start */
    SYNC_STORE_NAME,     /* the parent, after the store's folder was made */
    SYNC_LOG_NAME,       /* the store's folder, after the log's was made */
    SYNC_IDS, SYNC_IDS_NAME, SYNC_MANIFEST, SYNC_MANIFEST_NAME,
    SYNC_ZEROS,          /* of a log file prepared ahead: for speed only, nothing relies on it */
    SYNC_SEGMENT, SYNC_ACTORS, SYNC_MAP, SYNC_MAP_NAME,
    SYNC_STATE_NAME,     /* the store's folder, after any other file of the state got its name */
    SYNC_OTHER,
    SYNC_KINDS_
} KillSync;
extern const char *const killfs_names[SYNC_KINDS_];

Fs   killfs_new(Fs below);
void killfs_start(bool opening);   /* alive again; opening: until killfs_start(false) a start is under way */
void killfs_stop_after(long n);                  /* dead at the change after n more (it does not happen); -1: off */
void killfs_leave_out(KillSync);                 /* SYNC_KINDS_: none */
/* How often something was relied on before a name was durable: a log file removed before the name of its keys'
 * file was, a manifest put in place before the names of the state's files were. The disk below keeps the order of
 * names within a folder, which POSIX does not promise. */
long killfs_early(void);
long killfs_count(KillSync);                     /* how many were asked for since killfs_new() */
#endif
