/* query_stickiness: how many people were there in exactly k periods of the grid, and in k or more. */
#ifndef LIUKE_QUERY_STICKINESS_H
#define LIUKE_QUERY_STICKINESS_H
#include "store/events/groups.h"
#include "store/events/presence.h"
#include "store/events/query.h"

typedef struct StickinessCell { size_t periods; bool or_more; const QueryGroup *group; } StickinessCell;
typedef struct StickinessQuery {
    QueryScope scope;
    int64_t  first;              /* a time in the first period */
    size_t   n;                  /* periods, up to ASK_PERIODS_MAX */
    Matcher  event;
    bool     count_events;       /* count.events is wanted, at the price of a look at every one; else it may be -1 */
    const StickinessCell *cell; PeopleSet *people;
} StickinessQuery;
typedef struct StickinessTable {
    QueryGroup group;
    int64_t people;
    const int64_t *exactly, *or_more;                      /* n each: [k - 1] of k periods */
} StickinessTable;
typedef struct StickinessAnswer {
    QueryCount count;
    size_t   n;
    const int64_t *starts;       /* n + 1 */
    const StickinessTable *tables; size_t n_tables;        /* one; with a breakdown most people first, "other" last */
} StickinessAnswer;
Status query_stickiness_run(Cx *, const Snapshot *, const StickinessQuery *, StickinessAnswer *ret) MUST_USE;
#endif
