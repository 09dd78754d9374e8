/* fold_findings: each person's story into how many did what early, and how many of them stayed. */
#ifndef LIUKE_FOLD_FINDINGS_H
#define LIUKE_FOLD_FINDINGS_H
#include "store/events/query_findings.h"

enum { FOLD_FINDINGS_LEVELS = 6, FOLD_FINDINGS_KEYS = 2 };
/* did and stayed: people, by level. times and days (bit d: day d): of the person at hand; days 0: she did not. */
typedef struct FoldFindingsTally {
    int64_t  did[FOLD_FINDINGS_LEVELS], stayed[FOLD_FINDINGS_LEVELS];
    uint64_t days;
    uint32_t times;
} FoldFindingsTally;
/* Whose people are wanted. key: as in groups. */
typedef struct FoldFindingsWanted { GroupKey key; size_t level; } FoldFindingsWanted;
typedef struct FoldFindings {
    Fold     fold;
    const FindingsQuery *q;
    const Grid *grid;            /* days from the one that holds q->from on, stay_to + 1 after the last start's */
    int64_t  now;
    const FoldFindingsWanted *wanted;            /* NULL: nobody */
    Groups   groups;             /* name, value; value of kind PROP_NULL: the name alone */
    FoldFindingsTally *tallies;  /* by group */
    uint32_t *touched;
    size_t   cap, n_touched, bytes;
    int64_t  people, stayed, unfinished;
} FoldFindings;
/* grid, wanted: live until done. fold_findings_done() also after a failure. */
Status fold_findings_run(Cx *, const Snapshot *, const FindingsQuery *, const Grid *, const FoldFindingsWanted *,
    FoldFindings *ret, ScanCount *ret_count) MUST_USE;
void   fold_findings_done(FoldFindings *);
FindingsLevel fold_findings_level(size_t);       /* below FOLD_FINDINGS_LEVELS */
#endif
