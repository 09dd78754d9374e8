/* fold_retention: who comes back in which later period. */
#ifndef LIUKE_FOLD_RETENTION_H
#define LIUKE_FOLD_RETENTION_H
#include "store/events/fold.h"

enum { FOLD_START = 1, FOLD_RETURN = 2 };                  /* bits of the masks */
/* values: n + (n - 1) + ... + 1, row after row, zero at first. Column 0 of row i: people with a start in period i (of
 * first_time: whose first start over all times is there); column k: those of them with a return in period i + k. */
typedef struct FoldRetention {
    Fold     fold;
    const Grid *grid;
    bool     first_time;
    int64_t *values;
} FoldRetention;
FoldRetention fold_retention(const Grid *, bool first_time, int64_t *values);
#endif
