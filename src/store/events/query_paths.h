/* query_paths: the ways people take through a product (fold_paths.h says how they are made). Two forms: edges between
 * neighbours of all sessions' ways, or what people do after an event, as whole sequences. */
#ifndef LIUKE_QUERY_PATHS_H
#define LIUKE_QUERY_PATHS_H
#include "store/events/fold_paths.h"
#include "store/events/query.h"

/* Whose people are wanted: of the edge from items[0] at a position to items[1] at the next; or of a sequence. */
typedef struct PathsCell { size_t position; const Str *items; size_t n; } PathsCell;
typedef struct PathsQuery {
    QueryScope scope;            /* no breakdown */
    Str        prop;             /* items are this property of events that item takes; empty: names of events */
    Matcher    item;             /* with prop */
    PathUrl    url;              /* with prop */
    int64_t    from, to;
    Str        start, end;       /* items where ways begin and end; empty: none; made like any other */
    int64_t    gap;              /* ms; 0: 30 minutes */
    size_t     depth;            /* items of a way, 2 .. PATHS_DEPTH_MAX; 0: 5; of a sequence 1 .. */
    size_t     limit;            /* edges or sequences, up to PATHS_EDGES_MAX; 0: 50 */
    const Matcher *after;        /* set: sequences */
    const PathsCell *cell;
    PeopleSet *people;
} PathsQuery;

typedef struct PathsStep { Str source, target; size_t position; int64_t value; } PathsStep;   /* value: ways with it */
/* n 0: nothing came after */
typedef struct PathsSequence { const Str *items; size_t n; int64_t people; } PathsSequence;
/* By value, then source and target as they read with their positions ("1_/" …); sequences by people, then items.
 * all: how many there are without the limit; total: the sum of their values. */
typedef struct PathsAnswer {
    QueryCount count;
    const PathsStep *edges; size_t n_edges;
    const PathsSequence *sequences; size_t n_sequences;
    size_t all;
    int64_t total;
} PathsAnswer;
/* INVALID with the field at fault. LIMITED "memory". Items live in scope.texts. */
Status query_paths_run(Cx *, const Snapshot *, const PathsQuery *, PathsAnswer *ret) MUST_USE;
#endif
