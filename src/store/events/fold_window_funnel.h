/* fold_window_funnel: how many of n conditions one run of events meets in order within a window, as ClickHouse's
 * windowFunnel defines it: pairs (event, condition) sorted by time, then condition. Pure: no fold, no store. */
#ifndef LIUKE_FOLD_WINDOW_FUNNEL_H
#define LIUKE_FOLD_WINDOW_FUNNEL_H
#include "base/base.h"

enum { FOLD_WINDOW_CONDITIONS = 32 };
/* DEDUPLICATION: a condition met a second time ends the search (the first condition never: it starts anew). ORDER: an
 * event that meets none, once the first was met, or a condition before its turn ends it. INCREASE: times must grow.
 * ONCE: an event serves one condition of a chain. */
typedef enum WindowMode { WINDOW_DEDUPLICATION = 1, WINDOW_ORDER = 2, WINDOW_INCREASE = 4, WINDOW_ONCE = 8 } WindowMode;

/* Bit c of an event's mask: it meets condition c; 0 matters to ORDER alone. Times ascend, window is inclusive.
 * The level reached, 0 .. n. Memory: none. Cost: events × conditions; with ONCE more for events of one time. */
unsigned fold_window_funnel(size_t n_conditions, int64_t window, unsigned modes, size_t n, const int64_t *time,
    const uint32_t *mask);
#endif
