/* fold: a question as a walk over each person's chosen events in time order.
 *
 * The scan calls person() once for each person that has such an event; codes[i] is the selector's code of the event
 * at times[i], never 0. Each thread has a Fold of its own, merge() adds another's result to this one's. The
 * grid is n periods by their starts (n + 1 numbers); results are plain counts. */
#ifndef LIUKE_FOLD_H
#define LIUKE_FOLD_H
#include "base/base.h"

typedef struct Grid { size_t n; const int64_t *starts; } Grid;
typedef struct Fold {
    void (*person)(struct Fold *, const int64_t *times, const uint8_t *codes, size_t n);
    const Grid *grid;
    int64_t *values;             /* n_values, zero at first */
    size_t   n_values;
    bool     first_time;         /* retention: only a person's first start ever counts */
} Fold;
enum { FOLD_START = 1, FOLD_RETURN = 2 };                  /* retention's codes */

/* values: n. Events; people with an event in the period. */
void fold_trend_count(Fold *, const int64_t *times, const uint8_t *codes, size_t n);
void fold_trend_people(Fold *, const int64_t *times, const uint8_t *codes, size_t n);
/* values: n + (n - 1) + ... + 1, row after row. Column 0 of row i: people with a start in period i (of first_time:
 * whose first
 * start over all times is there); column k: those of them with a return in period i + k. */
void fold_retention(Fold *, const int64_t *times, const uint8_t *codes, size_t n);
/* The period that holds t, looking from period i on (times ascend); n: past the end. t is not before the grid. */
static inline size_t fold_period(const Grid *g, size_t i, int64_t t)
{
    while (i < g->n && t >= g->starts[i + 1]) i++;
    return i;
}
#endif
