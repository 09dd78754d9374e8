/* fold_paths: the ways people take: from item to item within a session, or what follows an event.
 *
 * Items are texts by their numbers in ScanTexts: values of one property, or names of events without a leading '$'.
 * Bit 1 of a mask: the event where a way begins. Edges: a session ends where more than gap passes between two items;
 * equal neighbours are one; from is looked for first, then to after it, each at its first place in the session; of a
 * longer way the first depth items are taken, with to alone the last, with both as many from each end and "..." between
 * them. Sequences: the depth items after the person's first event with bit 1, as they come. */
#ifndef LIUKE_FOLD_PATHS_H
#define LIUKE_FOLD_PATHS_H
#include "base/limits.h"
#include "store/events/fold.h"
#include "store/events/path_item.h"

typedef struct PathsPick { uint32_t position, n, items[PATHS_DEPTH_MAX]; } PathsPick;    /* an edge: n 2 */
typedef struct PathsWants {
    bool       sequences, names;               /* names: items are names; else values, made one by url */
    PathUrl    url;
    int64_t    gap;
    size_t     depth;
    uint32_t   from, to, dots;                 /* items; PATH_ITEM_NONE: none; dots: "..." */
    bool       marked;                         /* bit 1 says where from is */
    const PathsPick *pick;                     /* whose people are wanted */
    uint32_t   n_roots;
    ScanTexts *texts;
    ScanRun   *run;
} PathsWants;

typedef struct PathsEdge { uint64_t key; int64_t n; } PathsEdge;           /* n 0: a free slot */
typedef struct PathsRow { int64_t n; uint32_t length, items[]; } PathsRow; /* with room for depth items */
typedef struct FoldPaths {
    Fold       fold;
    const PathsWants *wants;
    PathItems  items;
    uint32_t  *way; size_t cap_way;            /* items of one session */
    PathsEdge *edges; size_t n_edges, cap_edges;
    uint32_t  *slots; size_t cap_slots;        /* sequences: row + 1 */
    char      *rows; size_t n_rows, cap_rows;
    PeopleSet  picked;
    size_t     bytes;
} FoldPaths;
/* wants lives as long. done() frees it. */
Status fold_paths_init(Cx *, FoldPaths *, const PathsWants *) MUST_USE;
uint32_t fold_paths_position(uint64_t key);    /* of the source, from 1 */
uint32_t fold_paths_source(uint64_t key);
uint32_t fold_paths_target(uint64_t key);
PathsRow *fold_paths_row(const FoldPaths *, size_t i);
#endif
