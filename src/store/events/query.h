/* query: what every question shares. */
#ifndef LIUKE_QUERY_H
#define LIUKE_QUERY_H
#include "base/clock.h"
#include "store/events/groups.h"
#include "store/events/scan.h"

enum { QUERY_HIDE = EVENT_SERVICE | EVENT_TEST | EVENT_BOT, QUERY_BREAKDOWNS = 3 };
typedef struct QueryScope {
    const Zone      *zone;
    int              week_start; /* 0 Sunday, 1 Monday */
    Period           period;
    const Where     *filter;     /* of every event, before anything else; NULL: none */
    const PeopleSet *who;        /* NULL: everybody */
    ScanRun         *run;
    ScanTexts       *texts;      /* the question's; its caller frees it after writing the answer */
    ScanSlot         breakdown[QUERY_BREAKDOWNS]; size_t n_breakdown;
    size_t           breakdown_limit;     /* values kept, by number of people (ties: by text); the others are one more
                                             row, "other"; 0: 25 */
} QueryScope;
/* What every answer says beside its numbers. */
typedef struct QueryCount {
    int64_t events, people, left_out;
    size_t  finished;            /* how many of its periods have ended by cx->now */
} QueryCount;
/* A breakdown row's key as texts, for people to read: "" for a missing value, "0" for the number 0, "true". */
typedef struct QueryGroup { Str value[QUERY_BREAKDOWNS]; bool other; } QueryGroup;
Status query_group(Cx *, const QueryScope *, const GroupKey *, QueryGroup *ret) MUST_USE;
/* The people behind one number: each <Kind>Query has `const <Kind>Cell *cell` (which row, column, step, group …) and a
 * PeopleSet *people; with both set, running it also puts the roots counted in that cell into the set. */
#endif
