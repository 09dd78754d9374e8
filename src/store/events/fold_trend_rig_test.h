/* fold_trend: events, or people with an event, by period. */
#ifndef LIUKE_FOLD_TREND_H
#define LIUKE_FOLD_TREND_H
#include "store/events/fold.h"

typedef struct FoldTrend {
    Fold     fold;
    const Grid *grid;
    bool     people;
    int64_t *values;             /* n, zero at first */
} FoldTrend;
FoldTrend fold_trend(const Grid *, bool people, int64_t *values);
#endif
