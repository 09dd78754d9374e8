/* bulk_in: a batch of rows, and how it becomes segments. Used by bulk only. */
#ifndef LIUKE_BULK_IN_H
#define LIUKE_BULK_IN_H
#include "store/events/bulk.h"
#include "store/events/state_in.h"

enum { BULK_ROWS = 2 << 20, BULK_BYTES = 112 << 20 };
/* A row in words: its time (two), actor, name, all its words, then its cells: the property << 8 | BULK_WIDE | the
 * kind, and the value: a text's is its number in texts. A row so is one or two lines of the cache, in whatever order
 * rows are taken. */
enum { ROW_TIME, ROW_ACTOR = 2, ROW_NAME, ROW_WORDS, ROW_HEAD, BULK_WIDE = 1 << 7, CELL_WORDS_MAX = 3 };
typedef struct BulkCol {
    Dict      texts;
    size_t    row, at;           /* the row that had it last, from 1, and where */
} BulkCol;
typedef struct BulkBatch {
    uint32_t *words;
    size_t    n_words, cap, row, n, bytes;   /* row: where the last begins */
    BulkCol  *cols;
    size_t    n_cols;
    Hash128  *keys;              /* of the messages in it */
    size_t    n_keys, cap_keys;
    int64_t   received;
    ManifestMark mark;
} BulkBatch;
static inline int64_t bulk_row_time(const uint32_t *row)
{
    return (int64_t)((uint64_t)row[ROW_TIME + 1] << 32 | row[ROW_TIME]);
}
void   bulk_batch_done(BulkBatch *);
Status bulk_batch_key(Cx *, BulkBatch *, Hash128) MUST_USE;

typedef struct BulkWrite {
    Events *events;
    State  *state;
    const BulkConfig *config;
    const Dict *names, *props;   /* guarded by lock: the filling thread adds to them */
    pthread_mutex_t *lock;
} BulkWrite;
/* Sorted, written, synced, and made to count. */
Status bulk_write(Cx *, const BulkWrite *, BulkBatch *) MUST_USE;
#endif
