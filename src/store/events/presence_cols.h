/* presence_cols: who was seen, name by name and stretch of time by stretch, out of the runs of segments. */
#ifndef LIUKE_PRESENCE_COLS_H
#define LIUKE_PRESENCE_COLS_H
#include "store/events/presence_in.h"
#include "store/events/presence_keep.h"

/* Stretches of time: 0 is all before the grid, i + 1 its period i, n + 1 all past it. A segment's times are looked up
 * by granules no longer than the shortest period, so that there is a step more at most. */
typedef struct PresenceClock {
    const int64_t *ends;         /* of each stretch, the last INT64_MAX */
    int64_t  base;
    unsigned shift;
    const int32_t *at;           /* of granules from base on: the stretch in which one begins */
} PresenceClock;
static inline size_t presence_clock_at(const PresenceClock *c, int64_t t)
{
    size_t e = (size_t)c->at[(uint64_t)(t - c->base) >> c->shift];
    while (t >= c->ends[e]) e++;
    return e;
}
/* What a question wants of one segment. Matchers are columns' here: those that ask the same share one. */
typedef struct PresencePart {
    Segment *seg;
    PresenceClock clock;
    size_t   first, n;           /* stretches: those that are asked for and that it may hold */
    size_t   matchers;
    uint32_t hide;
    uint32_t name[PRESENCE_MATCHERS];    /* number in the segment, PRESENCE_ANY_NAME, or PRESENCE_NO_NAME */
    uint64_t bits[PRESENCE_MATCHERS];    /* of runs' masks: it may have such an event */
    uint32_t build;              /* matchers with columns to be made */
    PresenceCol **cols[PRESENCE_MATCHERS];      /* of each stretch; NULL: not kept */
    bool    *made[PRESENCE_MATCHERS];           /* of each: this question makes it */
} PresencePart;
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

/* The same as presence_fold(), for questions that name no property. NOT_FOUND: another way must be taken. */
Status presence_by_columns(Cx *, const Snapshot *, const PresencePlan *, PresenceFold *, ScanCount *ret) MUST_USE;
#endif
