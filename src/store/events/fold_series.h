/* fold_series: the fold of a trend: for each series, group and period how many events, how many people, how much.
 *
 * Groups are numbered as they are met, or given beforehand: then whatever is not among them counts as one group more,
 * the other, in which a person counts once whichever values they had. */
#ifndef LIUKE_FOLD_SERIES_H
#define LIUKE_FOLD_SERIES_H
#include "store/events/groups.h"
#include "store/events/query_trend.h"

/* What a sum is made of: exact in the integers, compensated in the doubles (Neumaier 1974). */
typedef struct Total {
    __extension__ __int128 whole;
    double  part, rest;
    int64_t n;                   /* values */
    double  min, max;
    int64_t i_min, i_max;        /* of the integers among them */
    bool    any_double, any_int;
} Total;
void   total_add(Total *, uint8_t kind, uint64_t value);  /* kinds that are no number change nothing */
void   total_join(Total *, const Total *);
Number total_sum(const Total *);
Number total_mean(const Total *);
Number total_least(const Total *);
Number total_most(const Total *);

typedef struct SeriesCell {
    int64_t  events, people;
    uint32_t last;               /* root + 1 of the person counted last */
    Total   *total;              /* from TREND_SUM on */
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
void series_begin(SeriesFold *, const SeriesPlan *);
void series_done(SeriesFold *);
static inline size_t series_width(const SeriesPlan *p) { return p->totals_only ? 1 : p->grid.n + 1; }
static inline SeriesCell *series_cell(const SeriesFold *f, size_t group, size_t series, size_t at)
{
    return f->cells + (group * f->plan->n_series + series) * series_width(f->plan) + at;
}
#endif
