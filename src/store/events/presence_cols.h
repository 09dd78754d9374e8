/* presence_cols: who was seen, name by name and stretch of time by stretch, out of the runs of segments. */
#ifndef LIUKE_PRESENCE_COLS_H
#define LIUKE_PRESENCE_COLS_H
#include "store/events/presence_in.h"
#include "store/events/presence_keep.h"

enum { PRESENCE_PART_MATCHERS = 8 };
/* What a question wants of one segment. Matchers are columns' here: those that ask the same share one. */
typedef struct PresencePart {
    Segment *seg;
    PresenceClock clock;
    size_t   first, n;           /* stretches: those that are asked for and that it may hold */
    int64_t  begin, last;        /* times of its first and last event */
    size_t   matchers;
    uint32_t hide;               /* EVENT_* that hide an event, as far as the segment has such */
    uint32_t name[PRESENCE_PART_MATCHERS];    /* number in the segment, PRESENCE_ANY_NAME, or PRESENCE_NO_NAME */
    uint64_t bits[PRESENCE_PART_MATCHERS];    /* of runs' masks: it may have such an event */
    uint32_t build;              /* matchers with columns to be made */
    PresenceCol **cols[PRESENCE_MATCHERS];      /* of each stretch; NULL: not kept */
    bool    *made[PRESENCE_MATCHERS];           /* of each: this question makes it */
} PresencePart;
/* Of a plan grid, before and the selector's hide are looked at. Memory: cx->arena. NOT_FOUND: nothing in its time. */
Status presence_part(Cx *, Segment *, const PresencePlan *, const int64_t *ends, const Matcher *const *asked,
    size_t matchers, PresencePart *ret) MUST_USE;
Status presence_ends(Cx *, const Grid *, const int64_t **ret) MUST_USE;
Status presence_clock(Cx *, const Grid *, const int64_t *ends, int64_t first, int64_t last,
    PresenceClock *ret) MUST_USE;
/* All segments in the grid's time. NOT_FOUND: in one of them people have moved, or there are too many matchers. */
typedef struct PresenceParts { PresencePart *p; size_t n; const int64_t *ends; int64_t events; } PresenceParts;
Status presence_parts(Cx *, const Snapshot *, const PresencePlan *, PresenceParts *ret) MUST_USE;

/* One thread's way through one segment. */
typedef struct PresenceRuns {
    const PresencePart *part;
    Block     block;
    BlockRuns runs;
    bool      open;              /* block is block `index` */
    uint32_t  index, n_pending, cap_pending, cap_stretch;
    int32_t  *stretch;           /* of each run of the block, counted from part->first; -1: not asked for */
    uint8_t  *cross;             /* of each: its events may lie in more than that one */
    struct PresencePending { uint32_t run, slot; } *pending;
} PresenceRuns;
void   presence_runs_done(PresenceRuns *);
/* Bits of the people with keys from lo to hi, both of one piece that begins with key `from`: to[m][stretch] are a
 * piece's words. Matchers not to be built have to[m] NULL. */
Status presence_runs_piece(Cx *, PresenceRuns *, uint32_t lo, uint32_t hi, uint64_t **const *to) MUST_USE;

/* The same as presence_fold(), by runs and events as one property or the other needs. NOT_FOUND: likewise. */
Status presence_by_picks(Cx *, const Snapshot *, const PresencePlan *, PresenceFold *, ScanCount *ret) MUST_USE;
/* The same as presence_fold(), for questions that name no property. NOT_FOUND: another way must be taken. */
Status presence_by_columns(Cx *, const Snapshot *, const PresencePlan *, PresenceFold *, ScanCount *ret) MUST_USE;
#endif
