/* fold_sessions: a person's events cut into sessions, and what each adds to the rows of its values.
 *
 * Bits of a mask: 1 a view, 2 a click, 4 a measure; an event with another bit alone only belongs to a session. Columns:
 * the breakdown, then, for pages, the page and the measure. Rows are groups: of the breakdown, or of a page with it. */
#ifndef LIUKE_FOLD_SESSIONS_H
#define LIUKE_FOLD_SESSIONS_H
#include "store/events/query_sessions.h"

enum { SESSIONS_VIEW = 1, SESSIONS_CLICK = 2, SESSIONS_MEASURE = 4 };
typedef enum SessionsNumber { SESSIONS_PEOPLE, SESSIONS_VIEWS, SESSIONS_BOUNCES, SESSIONS_COUNT, SESSIONS_EVENTS,
    SESSIONS_LENGTH, SESSIONS_ENTERED, SESSIONS_LEFT, SESSIONS_CLICKS, SESSIONS_CLICKED, SESSIONS_MEASURED,
    SESSIONS_NUMBERS } SessionsNumber;
typedef struct SessionsWants {
    bool       pages;
    int64_t    from, to, gap;
    const Grid *grid;            /* of sessions; NULL: none */
    size_t     n_keys;
    bool       measured;
    const PathUrl *url;
    uint64_t   empty;            /* number of the empty text: no value */
    const GroupKey *keep; size_t n_keep;       /* with keep set, these are groups 0 .. and all others group n_keep */
    const GroupKey *pick;        /* whose people are wanted: of the row with this key (NULL: of group n_keep), */
    bool       picks;            /* with this number going up */
    SessionsNumber picked;
    uint32_t   n_roots;
    ScanTexts *texts;
    ScanRun   *run;
} SessionsWants;
typedef struct SessionsTotal {
    int64_t  n[SESSIONS_NUMBERS];
    double   sum, rest;          /* of measures: what was lost is kept */
    uint64_t person;             /* the last one counted */
} SessionsTotal;
typedef struct FoldSessions {
    Fold     fold;
    const SessionsWants *wants;
    Groups   groups;
    SessionsTotal *rows;
    int64_t *periods;            /* of row r and period p at r * grid->n + p */
    size_t   n_rows, cap;
    uint64_t person;
    PathItems items;
    PeopleSet people;
    size_t   bytes;
} FoldSessions;
Status fold_sessions_init(Cx *, FoldSessions *, const SessionsWants *) MUST_USE;
#endif
