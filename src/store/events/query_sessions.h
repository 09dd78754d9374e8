/* query_sessions: visits, and the pages looked at in them.
 *
 * A session is a stretch of one person's events of any kind without a gap longer than `gap`. It counts where it begins
 * inside [from, to), as a whole: it is followed past to for a day. Its breakdown is that of its first event. A view is
 * an event that `view` takes; a session of exactly one is a bounce. */
#ifndef LIUKE_QUERY_SESSIONS_H
#define LIUKE_QUERY_SESSIONS_H
#include "store/events/path_item.h"
#include "store/events/query.h"

typedef struct SessionsCell { QueryGroup group; bool bounced; } SessionsCell;
typedef struct SessionsQuery {
    QueryScope scope;
    int64_t    from, to;
    int64_t    gap;              /* ms; 0: 30 minutes */
    Matcher    view;
    const SessionsCell *cell; PeopleSet *people;
} SessionsQuery;
typedef struct SessionsRow {
    QueryGroup group;
    int64_t people, sessions, events, views, bounces;
    int64_t length_ms;           /* of all together: from a session's first event to its last */
    const int64_t *by_period;    /* sessions by the period they begin in */
} SessionsRow;
/* Rows by people; the last is "other", if any: a person of two of the others is in it once. */
typedef struct SessionsAnswer {
    QueryCount count;
    size_t   n_periods;
    const int64_t *starts;       /* n_periods + 1 */
    size_t   n;
    SessionsRow *rows;
} SessionsAnswer;
Status query_sessions_run(Cx *, const Snapshot *, const SessionsQuery *, SessionsAnswer *ret) MUST_USE;

/* What of a page's people is wanted. */
typedef enum PagesWho { PAGES_VIEWED, PAGES_ENTERED, PAGES_LEFT, PAGES_BOUNCED, PAGES_CLICKED } PagesWho;
typedef struct PagesCell { PagesWho who; Str page; QueryGroup group; } PagesCell;
typedef struct PagesQuery {
    QueryScope scope;            /* a breakdown of up to two */
    int64_t    from, to, gap;
    Matcher    view;
    Str        prop;             /* of a view: its page */
    PathUrl    url;
    Matcher    click;            /* belongs to the page in its own prop, else to the one looked at last */
    Matcher    dwell;            /* as click; its measure is a number: how long the page was looked at (or how far) */
    Str        measure;          /* empty: not asked */
    size_t     limit;            /* rows, up to PATHS_EDGES_MAX; 0: 50 */
    const PagesCell *cell; PeopleSet *people;
} PagesQuery;
/* left: sessions whose last view it is; clicked: views with a click before the next; measured: numbers added up. */
typedef struct PagesRow {
    Str     page;
    QueryGroup group;
    int64_t people, views, entered, left, bounced, clicks, clicked, measured;
    double  sum;
} PagesRow;
/* Rows by views, then page, then group; all: how many there are without the limit. */
typedef struct PagesAnswer { QueryCount count; size_t n, all; PagesRow *rows; } PagesAnswer;
Status query_pages_run(Cx *, const Snapshot *, const PagesQuery *, PagesAnswer *ret) MUST_USE;
#endif
