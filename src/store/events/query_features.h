/* query_features: which features are used: by how many of the active people, how often, and do they come back to them.
 *
 * A feature is a value of one slot (the event's name, or a property) of the events that `event` takes. Adoption: its
 * people of all active ones. Frequency: uses of a person in a period in which she used it at all. Retention: of the
 * person's periods with a use whose next period is finished, so many had one there too. */
#ifndef LIUKE_QUERY_FEATURES_H
#define LIUKE_QUERY_FEATURES_H
#include "store/events/groups.h"
#include "store/events/query.h"

/* The people who used a feature; or the active ones who did not. */
typedef struct FeaturesCell { const QueryGroup *feature; bool without; } FeaturesCell;
typedef struct FeaturesQuery {
    QueryScope scope;            /* its breakdown is not looked at; breakdown_limit: rows, and little-used ones */
    int64_t  first;              /* a time in the first period */
    size_t   n;                  /* periods, up to ASK_PERIODS_MAX */
    Matcher  active, event;
    ScanSlot feature;
    double   little;             /* adoption below which a feature is little used; 0: 0.05 */
    const FeaturesCell *cell; PeopleSet *people;
} FeaturesQuery;
typedef struct FeaturesRow {
    QueryGroup feature;
    int64_t people, uses, periods;           /* periods: of all its people together */
    int64_t of, back;            /* of so many of these that have a finished one after them, so many were followed */
    double  adoption, frequency, retention;  /* 0 where there is nothing to divide by */
} FeaturesRow;
typedef struct FeaturesAnswer {
    QueryCount count;
    size_t   n;
    const int64_t *starts;       /* n + 1 */
    int64_t  active;             /* people with an event that `active` takes */
    size_t   features;           /* all there are */
    const FeaturesRow *rows;   size_t n_rows;              /* most people first, at equal numbers by text */
    const FeaturesRow *little; size_t n_little;            /* fewest people first, so many as rows at most */
} FeaturesAnswer;
Status query_features_run(Cx *, const Snapshot *, const FeaturesQuery *, FeaturesAnswer *ret) MUST_USE;
#endif
