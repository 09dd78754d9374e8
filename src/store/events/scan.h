/* scan: the one loop over a snapshot. People in the order of their keys, each with all chosen events in time order,
 * merged from segments, the tail, and what has moved to them from others since segments were written.
 *
 * A segment found damaged on the way is left out and the scan begins again without it. */
#ifndef LIUKE_SCAN_H
#define LIUKE_SCAN_H
#include "store/events/fold.h"
#include "store/events/selector.h"

enum { SCAN_LEFT_OUT = PERSON_ERASED | PERSON_NO_ANALYTICS | PERSON_STAFF | PERSON_BOT };
typedef struct ScanPlan {
    const Selector *sel;
    int64_t from, to;            /* event time, to exclusive */
    int64_t count_from;          /* events and people are counted from here on */
    int     threads;             /* 0: by the number of events */
} ScanPlan;
/* left_out: people with chosen events whose flags hide them */
typedef struct ScanCount { int64_t events, people, left_out; } ScanCount;
/* fold.values are added to. Memory: heap, given back. */
Status scan_fold(Cx *, const Snapshot *, const ScanPlan *, Fold *, ScanCount *ret) MUST_USE;

/* Whole events, person after person in the order of keys; NOT_FOUND from each stops. Erased people are skipped
 * when hide_erased is
 * set. Slices live during the call. */
typedef Status ScanRow(Cx *, void *arg, uint32_t root, uint32_t actor, const Event *);
Status scan_rows(Cx *, const Snapshot *, int64_t from, int64_t to, bool hide_erased, ScanRow *, void *arg) MUST_USE;
#endif
