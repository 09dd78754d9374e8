/* wal_in: what wal.c (append, commit), wal_open.c (recovery) and wal_tidy.c share; nobody else includes it. */
#ifndef LIUKE_WAL_IN_H
#define LIUKE_WAL_IN_H
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/dedupe.h"
#include "store/events/wal.h"
#include "store/events/walread.h"
#include <pthread.h>

typedef struct WalFile {
    int64_t start, end;          /* end: where its frames end */
    int64_t newest;              /* when its newest entry was appended, ms */
    int64_t ids;                 /* message keys in it */
    bool full;                   /* nothing is written to it any more */
    bool has_ids;                /* its file of keys is there */
    bool window;                 /* its keys are in memory */
    bool gone;                   /* the log file is deleted, the keys still count */
    bool damaged, renamed;
} WalFile;
typedef struct WalDone { EventsDone *done; void *arg; } WalDone;
typedef struct WalGroup {
    char *p; size_t n, cap;      /* entries; FRAME_SEAL bytes more fit */
    WalDone *dones; size_t n_dones, cap_dones;
    uint32_t entries;
    int64_t ids, same, newest;
} WalGroup;

struct Wal {
    WalConfig c;
    char *dir;
    pthread_t log, ahead;
    bool has_log, has_ahead;
    pthread_mutex_t tidying;     /* one wal_tidy() at a time */
    pthread_mutex_t lock;        /* all from here to the next line of this kind */
    pthread_cond_t  work, moved, tidy;
    WalGroup open;
    Dedupe  *ids;
    WalFile *files; size_t n_files, cap_files;   /* ascending; the last is written to unless full */
    size_t   hint;               /* bytes a group will need, by the last one */
    int64_t  durable, flushed, keep, quarantined, now;
    size_t   prepared;           /* bytes of zeros in next.tmp; 0: it is not there */
    size_t   last_size;          /* of the current file, for the next one's */
    int64_t  began;              /* ms of clock_mono(): the current file */
    bool     idle, stop, nudged;
    /* the log's thread only (and open and close) */
    Arena   *arena;
    FsFile  *cur;
    size_t   cur_zeros;          /* bytes of the current file that were written before */
    int64_t  end;                /* where the next frame goes */
};

/* "wal-<16 hex digits>" and suffix, in the arena: .log, .log.damaged, .ids */
Status wal_path(Cx *, const Wal *, int64_t start, const char *suffix, const char **ret) MUST_USE;
void   wal_ids_name(int64_t start, char ret[32]);
Status wal_log_path(Cx *, const Wal *, const WalFile *, const char **ret) MUST_USE;
Status wal_add_file(Cx *, Wal *, WalFile) MUST_USE;               /* at the end of the list; the lock is held */
void   wal_nudge(Wal *);                                          /* there is something to tidy; the lock is held */
void   wal_damaged(Wal *, int64_t start);                         /* counts it once; takes the lock */
bool   wal_key(const EntryHead *, Hash128 *ret);                  /* false: nothing to compare */
Status wal_recover(Cx *, Wal *) MUST_USE;
Status wal_prepare(Cx *, Wal *, size_t bytes) MUST_USE;           /* next.tmp */
#endif
