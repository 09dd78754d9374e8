/* presence: in which periods each person was seen. Retention, unique people, lifecycle and stickiness ask no more
 * of a person than that, so they fold over bits instead of events.
 *
 * Bit p of matcher m's words of a row: the person has an event that matcher m takes in period p of the grid. With a
 * group a row is a pair of person and value: bits of the events that carry that value. Rows come in batches, in one of
 * two forms, as the fold likes: row by row (all rows of a person together), or period by period. Cheapest way that
 * gives exact bits, chosen here: runs of segments where the question names no property or one that is constant in the
 * run, events where not; kept bitmaps where the same (name, day) is asked again. */
#ifndef LIUKE_PRESENCE_H
#define LIUKE_PRESENCE_H
#include "store/events/scan.h"

enum { PRESENCE_MATCHERS = 4, PRESENCE_BATCH = 4096, PRESENCE_GROUPS = 3 };
typedef struct PresencePlan {
    const Selector  *sel;        /* at most PRESENCE_MATCHERS */
    const Grid      *grid;
    bool before;                 /* period 0 is not starts[0]..: an extra first bit says "any time before the grid";
                                    then period p of the grid is bit p + 1 */
    bool count_events;           /* the count's events are wanted, at the price of a look at every event */
    const ScanSlot  *groups; size_t n_groups;              /* at most PRESENCE_GROUPS; 0: rows are people */
    ScanTexts       *texts;
    const PeopleSet *who;
    ScanRun *run;
    int      threads;
} PresencePlan;
typedef struct PresenceBatch {
    size_t n, words;             /* rows: about PRESENCE_BATCH at most; words of 64 bits for a row and matcher */
    const uint32_t *root;
    const FoldCol  *group;       /* one for each of n_groups, a value a row */
    const uint64_t *seen[PRESENCE_MATCHERS];               /* row i's words at i * words; no row is empty */
    /* With by_period instead of seen: row i's bit of period p is bit i % 64 of word i / 64 of col[m][p]. So many whole
     * words as rows need, made up to a multiple of PRESENCE_PAD by zeros. All rows of a batch carry the same group
     * (group's value 0), a person's rows do not stand together, and rows may be empty. Where a group has few rows at
     * hand they come row by row even so: col[0] is NULL then. Without groups that never happens. */
    const uint64_t *const *col[PRESENCE_MATCHERS];
} PresenceBatch;
enum { PRESENCE_PAD = 8 };
typedef struct PresenceFold PresenceFold;
struct PresenceFold {
    void   (*rows)(PresenceFold *, const PresenceBatch *);
    Status (*fork)(Cx *, const PresenceFold *, PresenceFold **ret);        /* as of Fold */
    void   (*merge)(PresenceFold *, PresenceFold *from);
    void   (*done)(PresenceFold *);
    bool    by_period;           /* which form rows() takes */
    Status  st;
};
/* Counted are people (and events) with something in the grid, not before it. ret->events is -1 where runs or bitmaps
 * answered and nobody looked at single events, unless count_events asks for it. */
Status presence_fold(Cx *, const Snapshot *, const PresencePlan *, PresenceFold *, ScanCount *ret) MUST_USE;

/* 64 rows of 64 bits, rows `step` words apart, to 64 columns: bit i of ret[c] is bit c of row i. */
void   presence_transpose(const uint64_t *rows, size_t step, uint64_t ret[64]);
/* Adds to ret[k], for k below n, how many bits a and b[k] share in so many words (a multiple of PRESENCE_PAD). */
void   presence_count(const uint64_t *a, const uint64_t *const *b, size_t n, size_t words, int64_t *ret);
#endif
