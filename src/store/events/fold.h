/* fold: a question as a walk over each person's chosen events in time order.
 *
 * The scan calls person() once for each person that has a chosen event, with all of them, by time (equal
 * times in log order, except between actors that a join brought together since: no file keeps that).
 * The same fold answers for everybody (scan_fold) and for one person (scan_person). Each thread has a fold of its own,
 * made by fork(); merge() adds another's result to this one's, in no fixed order of people. A question's state embeds
 * Fold as its first member. */
#ifndef LIUKE_FOLD_H
#define LIUKE_FOLD_H
#include "base/base.h"

/* One slot of the chosen events: kind is a PropKind. Values as in BlockProp: 0/1, the int64, the double's bits; a
 * text's number in ScanPlan.texts (equal texts, equal numbers, in all threads); a list as the number of its JSON
 * text. */
typedef struct FoldCol { const uint8_t *kind; const uint64_t *value; } FoldCol;
typedef struct Span {
    uint32_t root;               /* the person */
    size_t   n;
    const int64_t  *time;
    const uint32_t *mask;        /* of each event, never 0 */
    const FoldCol  *cols;        /* one for each slot of the plan */
} Span;
typedef struct Fold Fold;
struct Fold {
    void   (*person)(Fold *, const Span *);
    Status (*fork)(Cx *, const Fold *, Fold **ret);       /* an empty one of the same question, on the heap */
    void   (*merge)(Fold *, Fold *from);
    void   (*done)(Fold *);      /* frees what fork() made */
    /* set by person() or merge() when it cannot go on: NO_MEM or LIMITED; the scan stops */
    Status  st;
};
typedef struct Grid { size_t n; const int64_t *starts; } Grid;           /* n periods by their starts (n + 1 numbers) */
/* The period that holds t, looking from period i on (times ascend); n: past the end. t is not before the grid. */
static inline size_t fold_period(const Grid *g, size_t i, int64_t t)
{
    while (i < g->n && t >= g->starts[i + 1]) i++;
    return i;
}
#endif
