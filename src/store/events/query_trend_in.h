/* query_trend_in: what the ways of answering a trend share. Used by query_trend only. */
#ifndef LIUKE_QUERY_TREND_IN_H
#define LIUKE_QUERY_TREND_IN_H
#include "store/events/query_trend.h"
#include "store/events/tally.h"

/* Everything but people: events are counted as they lie. */
bool   query_trend_counts(const TrendQuery *);
Status query_trend_by_tally(Cx *, const Snapshot *, const TrendQuery *, const Grid *, TrendAnswer *ret) MUST_USE;
/* Only people: from bits of who was seen when. */
bool   query_trend_people(const TrendQuery *);
Status query_trend_by_presence(Cx *, const Snapshot *, const TrendQuery *, const Grid *, TrendAnswer *ret) MUST_USE;
/* SUM, MEAN, MIN or MAX of the values. */
Number query_trend_number(const TallyValue *, TrendMeasure);
/* Values of the formulas at one place of a line, from those of the series there. */
void   query_trend_formulas(const TrendQuery *, Number *values, size_t line_size, size_t at);
/* values [line][group][period], all none. */
Status query_trend_room(Cx *, const TrendQuery *, const Grid *, size_t groups, Number **ret) MUST_USE;
#endif
