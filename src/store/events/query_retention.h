/* query_retention: of those who started in a period, how many came back in the periods after it.
 *
 *     row i, column 0   the cohort: people with a start event in period i (first_time: whose first start of all time
 *                       is there; first_ever: and that was their first event of that name at all)
 *     column k          of these, those with a return in period i + k; on_or_after: or in a later one of the grid.
 *                       A return in period i itself never counts
 *     brackets          column b: with a return in any of the sizes[b] periods that follow bracket b - 1's; these run
 *                       past the grid's end
 *     24h               one row a person: that of the first start in the grid. Column k: a return k windows after that
 *                       start, a window being 1, 24, 168 or 720 hours (hour, day, week, month), times counted from full
 *                       local hours
 *     min_occurrences   only periods with so many returns count as one
 *     aggregate_by      values of this property are counted instead of people, from events that carry it
 *     breakdown         a table for each value, of people's events that carry it: the return must have the start's
 *     value             and the sum of this property over the start events (column 0) and the returns of each cell */
#ifndef LIUKE_QUERY_RETENTION_H
#define LIUKE_QUERY_RETENTION_H
#include "store/events/groups.h"
#include "store/events/presence.h"
#include "store/events/query.h"

typedef enum RetentionMode { RETENTION_RECURRING, RETENTION_FIRST_TIME, RETENTION_FIRST_EVER } RetentionMode;
typedef enum RetentionMeasure { RETENTION_ON, RETENTION_ON_OR_AFTER } RetentionMeasure;
/* group NULL: the only one */
typedef struct RetentionCell { size_t row, column; const QueryGroup *group; } RetentionCell;
typedef struct RetentionQuery {
    QueryScope scope;
    int64_t  first;              /* a time in the first period */
    size_t   n;                  /* periods, up to RETENTION_PERIODS_MAX */
    RetentionMode    mode;
    RetentionMeasure measure;
    Matcher  start, back;
    const uint32_t *brackets; size_t n_brackets;           /* sizes, together up to RETENTION_PERIODS_MAX; 0: none */
    uint32_t min_occurrences;    /* 0: 1 */
    bool     from_event;         /* 24h */
    bool     count_events;       /* count.events is wanted, at the price of a look at every one; else it may be -1 */
    Str      aggregate_by, value;                          /* empty: none */
    const RetentionCell *cell; PeopleSet *people;   /* of values: people with a start event in the row's period */
} RetentionQuery;

typedef struct RetentionMean { int64_t of, back; double sum; int64_t values; } RetentionMean;
typedef struct RetentionTable {
    QueryGroup group;
    int64_t people;              /* in any row */
    const int64_t *cells;        /* row after row */
    const double  *sums;         /* of value, the same shape; NULL: none asked */
    const int64_t *values;       /* how many values each sum is made of: sum / values is their mean */
    /* of each column, over the rows whose column is finished: of their people, so many came */
    const RetentionMean *mean;
} RetentionTable;
typedef struct RetentionAnswer {
    QueryCount count;
    size_t   n;
    const int64_t *starts;       /* n + 1 */
    size_t   columns;            /* of row 0; row i has columns - i, with brackets as many */
    bool     triangle;
    const size_t *finished;      /* of row i: so many of its columns cannot change any more (but by late events; and
                                    on_or_after by returns in later periods) */
    const RetentionTable *tables; size_t n_tables;         /* one; with a breakdown most people first, "other" last */
} RetentionAnswer;
/* INVALID with .field for what cannot be asked. */
Status query_retention_run(Cx *, const Snapshot *, const RetentionQuery *, RetentionAnswer *ret) MUST_USE;
/* Where row i begins in cells; n: their number. */
static inline size_t query_retention_row(const RetentionAnswer *a, size_t i)
{
    return i * a->columns - (a->triangle ? i * (i - 1) / 2 : 0);
}
#endif
