/* query_lifecycle: who was there in each period, and in which state.
 *
 * Of the people with a matching event in period i: new (their first such event ever is in it), returning (also there in
 * the period before), resurrecting (neither). Dormant: there in the period before, not in this one. The period
 * before the
 * grid is read too. new + returning + resurrecting = there in i; returning + dormant = there in i - 1. With a
 * breakdown by
 * a property a person and value is looked at as a person by itself would be. */
#ifndef LIUKE_QUERY_LIFECYCLE_H
#define LIUKE_QUERY_LIFECYCLE_H
#include "store/events/groups.h"
#include "store/events/presence.h"
#include "store/events/query.h"

typedef enum LifecycleState { LIFECYCLE_NEW, LIFECYCLE_RETURNING, LIFECYCLE_RESURRECTING, LIFECYCLE_DORMANT,
    LIFECYCLE_STATES } LifecycleState;
typedef struct LifecycleCell { size_t period; LifecycleState state; const QueryGroup *group; } LifecycleCell;
typedef struct LifecycleQuery {
    QueryScope scope;
    int64_t  first;              /* a time in the first period */
    size_t   n;                  /* periods, up to ASK_PERIODS_MAX */
    Matcher  event;
    bool     count_events;       /* count.events is wanted, at the price of a look at every one; else it may be -1 */
    const LifecycleCell *cell; PeopleSet *people;
} LifecycleQuery;
typedef struct LifecycleTable {
    QueryGroup group;
    int64_t people;              /* with an event in the grid or in the period before it */
    const int64_t *state[LIFECYCLE_STATES];                /* n each, none negative */
} LifecycleTable;
typedef struct LifecycleAnswer {
    QueryCount count;
    size_t   n;
    const int64_t *starts;       /* n + 1 */
    const LifecycleTable *tables; size_t n_tables;         /* one; with a breakdown most people first, "other" last */
} LifecycleAnswer;
Status query_lifecycle_run(Cx *, const Snapshot *, const LifecycleQuery *, LifecycleAnswer *ret) MUST_USE;
#endif
