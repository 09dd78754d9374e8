/* wal: the log. Files DIR/wal-<position>.log of frames, group commit, recovery, the window of message keys.
 *
 * Callers encode outside the lock and copy into the open group under it; the log's one thread takes whole groups:
 * write, sync, hand the group's memory on (chunk), call the callers back. While one is being written the next fills,
 * and nothing waits when there is no load. Position p of a file that starts at s is its byte p - s; a file's log
 * ends where the next file begins, so that a group that failed is given up by beginning a new file, never synced
 * again. A damaged file is renamed *.log.damaged and still read as far as it can be. */
#ifndef LIUKE_WAL_H
#define LIUKE_WAL_H
#include "base/fs.h"
#include "store/events/batch.h"

typedef struct Wal Wal;
typedef struct WalConfig {
    Fs          fs;
    const char *dir;             /* made when missing; its parent is there */
    int64_t     flushed;         /* what is before it is replayed to nobody */
    size_t      file_bytes;      /* 0: LOG_FILE_BYTES */
    int64_t     window_ids;      /* 0: DEDUPE_IDS */
    bool        quiet;           /* only the log's thread; wal_tidy() is called by hand */
    /* Where committed entries go, as state_reserve() and state_chunk(). */
    Status    (*reserve)(Cx *, void *arg, size_t bytes);
    void      (*chunk)(void *arg, int64_t pos, int64_t end, char *bytes, size_t n);
    void       *arg;
} WalConfig;

/* Recovers: finds the end, replays what is not flushed, loads the window. */
Status  wal_open(Cx *, const WalConfig *, Wal **ret) MUST_USE;
void    wal_stop(Wal *);   /* commits what waits, ends the threads; the rest can still be called */
void    wal_close(Wal *);                        /* stops too; NULL is fine */
/* As in events.h. done also gets BUSY or NO_MEM when reserve() said so. */
Status  wal_append(Cx *, Wal *, const Entry *, size_t n, bool *ret_same, EventsDone *, void *arg) MUST_USE;
Status  wal_append_batch(Cx *, Wal *, const Batch *, bool *ret_same, EventsDone *, void *arg) MUST_USE;
Status  wal_read(Cx *, Wal *, int64_t from, EventsEach *, void *arg, int64_t *ret_next) MUST_USE;
Status  wal_read_heads(Cx *, Wal *, int64_t from, EventsEach *, void *arg, int64_t *ret_next) MUST_USE;
int64_t wal_end(Wal *);
bool    wal_wait(Wal *, int64_t past, int64_t timeout_ms);
void    wal_keep_from(Wal *, int64_t pos);       /* nothing may go before this was called */
void    wal_flushed(Wal *, int64_t pos);         /* the manifest now says so */
/* The slow things: zeros for the next file, key files of full files, keys past the window, files past their time. */
Status  wal_tidy(Cx *, Wal *) MUST_USE;
/* Names of the files found damaged: what stood in the damaged part is in no answer. In the arena. */
Status  wal_missing(Cx *, Wal *, const Str **ret, size_t *ret_n) MUST_USE;
void    wal_stats(Wal *, EventsStats *ret);      /* log_bytes, window_ids, adds to quarantined */
#endif
