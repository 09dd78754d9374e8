/* bulk_in: a batch of rows, and how it becomes segments. Used by bulk only. */
#ifndef LIUKE_BULK_IN_H
#define LIUKE_BULK_IN_H
#include "store/events/bulk.h"
#include "store/events/state_in.h"

enum { BULK_ROWS = 2 << 20, BULK_BYTES = 192 << 20, BULK_FIRST_ROWS = 4096 };
/* One property: of each row its kind and value; a text's value is its number in texts. */
typedef struct BulkCol {
    bool      used;              /* in this batch */
    size_t    n;                 /* rows filled in; the others are null */
    uint8_t  *kind;
    uint64_t *value;
    size_t    cap;
    Dict      texts;
    Str       last; uint32_t last_code;      /* mostly the next is the same */
} BulkCol;
typedef struct BulkBatch {
    size_t    n, cap, bytes;
    int64_t  *time;
    uint32_t *actor, *name;
    BulkCol  *cols;
    size_t    n_cols;
    int64_t   received;
    ManifestMark mark;
} BulkBatch;
void   bulk_batch_clear(BulkBatch *);            /* keeps its memory */
void   bulk_batch_done(BulkBatch *);

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
