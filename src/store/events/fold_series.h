/* fold_series: the fold of a trend: for each series, group and period how many events, how many people, how much.
 *
 * Groups are numbered as they are met, or given beforehand: then whatever is not among them counts as one group more,
 * the other, in which a person counts once whichever values they had. */
#ifndef LIUKE_FOLD_SERIES_H
#define LIUKE_FOLD_SERIES_H
#include "store/events/query_trend.h"
#include "store/events/tally.h"

typedef struct SeriesCell {
    int64_t  events, people;
    uint32_t last;               /* root + 1 of the person counted last */
    TallyValue *total;           /* from TREND_SUM on */
    double  *values; size_t n_values, cap_values;         /* of a percentile */
} SeriesCell;
typedef struct SeriesPlan {
    const TrendSeries *series; size_t n_series;
    Grid    grid;
    size_t  n_keys;              /* the first slots are the keys; the property of series s is slot_of[s] */
    size_t  slot_of[TREND_SERIES_MAX];
    bool    totals_only;         /* no cells but the whole range's: to find the largest groups */
    const Groups *fixed;         /* NULL: groups as they are met */
    /* more than these: st becomes CONFLICT, to be asked again with totals_only; 0: any number */
    size_t  groups_max;
    ScanRun *run;
} SeriesPlan;
typedef struct SeriesFold {
    Fold     fold;
    const SeriesPlan *plan;
    Groups   groups;
    SeriesCell *cells;           /* [group][series][periods + 1] */
    size_t   n_groups, cap_groups;
    size_t   bytes;              /* taken from the run */
} SeriesFold;
void fold_series_begin(SeriesFold *, const SeriesPlan *);
void fold_series_done(SeriesFold *);
static inline size_t series_width(const SeriesPlan *p) { return p->totals_only ? 1 : p->grid.n + 1; }
static inline SeriesCell *series_cell(const SeriesFold *f, size_t group, size_t series, size_t at)
{
    return f->cells + (group * f->plan->n_series + series) * series_width(f->plan) + at;
}
#endif
