/* presence_in: what the ways of finding presence share: rows on their way to the fold. */
#ifndef LIUKE_PRESENCE_IN_H
#define LIUKE_PRESENCE_IN_H
#include "store/events/groups.h"
#include "store/events/presence.h"

enum { PRESENCE_BITS_MAX = 448, PRESENCE_WORDS = PRESENCE_BITS_MAX / 64 };       /* periods and the one before */

/* Rows of people as they are found, handed to the fold when a batch is full. */
typedef struct PresenceRows {
    const PresencePlan *plan;
    PresenceFold *to;
    size_t    matchers, bits, words, n, cap, batch;
    size_t    first;             /* row of the person at hand */
    uint32_t *root, *gid;        /* gid: number of the row's group */
    uint64_t *seen[PRESENCE_MATCHERS];   /* row i's words at i * words */
    Groups    groups;
    uint32_t *row_of;            /* by gid: row + 1, of the person at hand or stale */
    size_t    n_row_of;
    uint8_t  *kind;              /* the groups' values, as they are handed over */
    uint64_t *value;
    uint32_t *order, *start;     /* rows by group */
    size_t    n_start;
    uint64_t *col;               /* by period */
    size_t    bytes;             /* of all that, as the run was told */
} PresenceRows;
/* Zeroed but for these; memory comes with the first row. */
void   presence_rows_open(const PresencePlan *, PresenceFold *to, PresenceRows *ret);
void   presence_rows_done(PresenceRows *);
Status presence_rows_person(PresenceRows *) MUST_USE;     /* the next person begins; a full batch goes */
/* The person's row of this group, made when new. key: NULL without groups. */
Status presence_rows_of(PresenceRows *, uint32_t root, const GroupKey *, size_t *ret) MUST_USE;
Status presence_rows_at(PresenceRows *, uint32_t root, uint32_t gid, size_t *ret) MUST_USE;   /* gid: of .groups */
Status presence_rows_flush(PresenceRows *) MUST_USE;      /* what is there, however little */
static inline void presence_rows_set(PresenceRows *r, size_t row, uint32_t mask, size_t bit)
{
    for (; mask; mask &= mask - 1)
        r->seen[__builtin_ctz(mask)][row * r->words + bit / 64] |= UINT64_C(1) << bit % 64;
}

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
/* Of n runs the stretch in which each begins, counted from `first` and -1 outside the `count` from there; and whether
 * its events may lie in a later one, too. No start is before the clock's base, nor past what at[] covers. */
void   presence_place(const PresenceClock *, size_t first, size_t count, const int64_t *start, const uint32_t *length,
    size_t n, int32_t *ret_stretch, uint8_t *ret_cross);

typedef enum PresenceKind { PRESENCE_BEST, PRESENCE_PLAIN, PRESENCE_AVX512 } PresenceKind;
/* For tests: use this way of counting and transposing, for the whole process. false: the machine does not have it. */
bool   presence_use(PresenceKind);
#endif
