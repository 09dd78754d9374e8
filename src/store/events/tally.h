/* tally: how many events, and sums of one of their values, by period, group of values and matcher.
 *
 * Whose an event is matters only for who is left out, so that blocks of segments are counted as they lie: times are
 * compared only where a stretch of events may cross from one period to the next, values are counted by their codes.
 * Sums of whole numbers are exact (128 bits), sums of doubles compensated (Neumaier). */
#ifndef LIUKE_TALLY_H
#define LIUKE_TALLY_H
#include "store/events/groups.h"
#include "store/events/scan.h"

enum { TALLY_MATCHERS = 8, TALLY_GROUPS = GROUPS_KEYS };
typedef struct TallyPlan {
    const Selector  *sel;        /* at most TALLY_MATCHERS; an event counts for each that takes it */
    const Grid      *grid;
    const ScanSlot  *groups; size_t n_groups;              /* at most TALLY_GROUPS */
    const ScanSlot  *value;      /* NULL: counts only */
    ScanTexts       *texts;
    const PeopleSet *who;
    ScanRun *run;
    int      threads;
} TallyPlan;
__extension__ typedef __int128 TallyInt;
/* The numbers among an event's values; other kinds and missing ones are in none of these. A NaN is no number. */
typedef struct TallyValue {
    TallyInt whole;              /* sum of the ints */
    double   sum, lost;          /* of the doubles, and what rounding took from it */
    double   min, max;           /* of the doubles; inf and -inf: there was none */
    int64_t  whole_min, whole_max;       /* INT64_MAX and INT64_MIN: there was none */
    int64_t  n_whole, n;         /* how many ints, doubles */
} TallyValue;
#define TALLY_NOTHING ((TallyValue){ .min = __builtin_inf(), .max = -__builtin_inf(), .whole_min = INT64_MAX, \
    .whole_max = INT64_MIN })
typedef struct Tally {
    size_t      periods, matchers;
    Groups      groups;          /* one empty key without groups, none where there are no events */
    int64_t    *events;          /* tally_at() */
    TallyValue *values;          /* the same places; NULL: none asked for */
    size_t      room, bytes;     /* groups there is room for; what the run was told */
    ScanRun    *run;
} Tally;
static inline size_t tally_at(const Tally *t, size_t group, size_t matcher, size_t period)
{
    return (group * t->matchers + matcher) * t->periods + period;
}
/* Memory: heap; tally_done(), also after a failure. LIMITED question_memory when there are too many groups. */
Status tally_run(Cx *, const Snapshot *, const TallyPlan *, Tally *ret, ScanCount *ret_count) MUST_USE;
void   tally_done(Tally *);
/* Of numbers of both kinds. Whole parts past 2^53 are rounded once, at the end. */
double tally_sum(const TallyValue *);
int64_t tally_numbers(const TallyValue *);
void   tally_add(TallyValue *to, const TallyValue *);     /* as if they had been one */
void   tally_add_value(TallyValue *, uint8_t kind, uint64_t value);        /* as in FoldCol */
#endif
