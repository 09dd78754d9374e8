/* query_trend: how often, how much, by how many people, period by period.
 *
 * Up to TREND_SERIES_MAX series, each an event and a measure, and formulas over them; broken down by up to three
 * values of the event or its person. Integers add up exactly; doubles with Neumaier's compensation; percentiles are
 * exact, the
 * smallest value that at least p of 100 do not exceed (nearest rank). Values that are no numbers are left out. */
#ifndef LIUKE_QUERY_TREND_H
#define LIUKE_QUERY_TREND_H
#include "base/limits.h"
#include "store/events/formula.h"
#include "store/events/query.h"

enum { TREND_SERIES_MAX = TREND_LINES_MAX, TREND_FORMULAS_MAX = TREND_LINES_MAX };
typedef enum TrendMeasure {
    TREND_COUNT, TREND_PEOPLE, TREND_PER_PERSON,          /* events; people; events a person */
    TREND_SUM, TREND_MEAN, TREND_MIN, TREND_MAX, TREND_PERCENTILE        /* of a property */
} TrendMeasure;
typedef struct TrendSeries {
    Matcher event;
    TrendMeasure measure;
    Str     prop;                /* from SUM on */
    double  percentile;          /* 0 < p <= 100 */
} TrendSeries;
/* period n: the whole range; group NULL: the only one */
typedef struct TrendCell { size_t series, period; const QueryGroup *group; } TrendCell;
typedef struct TrendQuery {
    QueryScope  scope;
    int64_t     from, to;        /* to exclusive */
    TrendSeries series[TREND_SERIES_MAX]; size_t n_series;
    const Formula *formulas[TREND_FORMULAS_MAX]; size_t n_formulas;
    const TrendCell *cell;
    PeopleSet  *people;
} TrendQuery;
typedef enum NumberKind { NUMBER_NONE, NUMBER_INT, NUMBER_DOUBLE } NumberKind;
typedef struct Number { uint8_t kind; union { int64_t i; double d; }; } Number;
typedef struct TrendAnswer {
    Grid    grid;
    size_t  n_groups;            /* 1 without a breakdown */
    const QueryGroup *groups;
    size_t  n_lines;             /* series, then formulas */
    const Number *values;        /* [line][group][period], n + 1 a group: the last is the whole range */
    QueryCount count;
} TrendAnswer;
Status query_trend_run(Cx *, const Snapshot *, const TrendQuery *, TrendAnswer *ret) MUST_USE;
#endif
