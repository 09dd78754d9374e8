/* query_findings: what those who stay did early that those who leave did not.
 *
 *     story     of a person: begins with her first `start` event in [from, to); day 0 holds it. Only stories whose day
 *               stay_to has ended by cx->now count. No event before the start's time is looked at
 *     stayed    there is a `back` event in one of the days stay_from .. stay_to
 *     look      a name of the events that `event` takes (with prop also each value of it under each name), and a level:
 *               done at least once, 2, 3, 5 times, on at least 2, 3 days, within days 0 .. early - 1. Who did is
 *               compared with who did not: the shares that stayed, their difference, its interval (shares.h)
 *     left out  events that `start` or `back` take, unless kept; a matcher of any event leaves out nothing
 *     told      of the looks that are large enough (min_people on both sides, min_support) those whose q, over these
 *               looks, is at most q_most and whose interval is on one side of zero; of each name (and value) the level
 *               with the strongest bound alone. Large enough does not look at who stayed, so that q stays right
 *
 * A difference is no cause: a finding is what an experiment should test. Interval: of the one look, not of the many.
 * Memory: some 130 bytes a name (and value) and thread, within scope.run. Cost: as the feature matrix. */
#ifndef LIUKE_QUERY_FINDINGS_H
#define LIUKE_QUERY_FINDINGS_H
#include "store/events/query.h"
#include "store/events/shares.h"

/* Done at least so often, or on so many days: (1, 2, 3, 5 times; 2, 3 days). */
typedef struct FindingsLevel { bool days; uint32_t least; } FindingsLevel;
typedef struct FindingsRow {
    Str      event, value;
    bool     valued;             /* false: of the event with any value, or none */
    FindingsLevel level;
    int64_t  did, did_stayed, without, without_stayed;     /* people */
    double   support;            /* did of all */
    Shares   shares;             /* did against without */
    double   q;
} FindingsRow;
/* People of a row: did it or not, and stayed or not. Of the row only what names it is looked at: event, value, valued
 * and level; it need not have been told. */
typedef struct FindingsCell { FindingsRow row; bool did, stayed; } FindingsCell;
typedef struct FindingsQuery {
    QueryScope scope;            /* its period and breakdown are not looked at; breakdown_limit: rows */
    int64_t  from, to;           /* up to ASK_PERIODS_MAX days */
    Matcher  start, back, event;
    bool     keep_start, keep_back;
    bool     from_event;         /* days: 24 hours each from the start event on; else the zone's days */
    const ScanSlot *prop;        /* NULL: names alone */
    uint32_t early;              /* 1 .. FINDINGS_EARLY_MAX */
    uint32_t stay_from, stay_to; /* early <= stay_from <= stay_to <= FINDINGS_STAY_MAX */
    int64_t  min_people;         /* 0: 30 */
    double   min_support;        /* 0: 0.01 */
    double   q_most;             /* 0: 0.05; 1 or more: every look that is large enough is told, sure or not */
    const FindingsCell *cell; PeopleSet *people;
} FindingsQuery;
typedef struct FindingsAnswer {
    QueryCount count;            /* finished: 0 */
    int64_t  people, stayed;     /* stories that count */
    int64_t  unfinished;         /* stories that do not yet */
    size_t   candidates;         /* names (and values) met */
    size_t   looks;              /* large enough: q is over so many */
    size_t   found;              /* findings there are; rows may be fewer */
    const FindingsRow *rows; size_t n_rows;      /* strongest bound first, at equal bounds by text */
} FindingsAnswer;
/* INVALID with .field early, stay_from, stay_to, cell.level; period: too many days. */
Status query_findings_run(Cx *, const Snapshot *, const FindingsQuery *, FindingsAnswer *ret) MUST_USE;
#endif
