/* fold_retention: who started when and came back when, counted into tables.
 *
 * Whatever a retention asks, each unit (a person; a person and a breakdown's value; a value that is counted instead of
 * people) comes down to two strips of bits: the periods in which it started and those in which it came back. A counter
 * is one thread's tables of such strips, one table for each value of the breakdown.
 *
 *     presence rows (fold_retention_rows.c) ┐
 *     a person's events (.._events.c)       ├→ strips → counter → merged → query_retention.c
 *     values instead of people (.._units.c) ┘
 *
 * A breakdown keeps the values with the most people; the others are one more table in which a person counts once,
 * however many such values it has. That takes a second run when a person may have several, or when there are too many
 * values for a table each: the first then only ranks them. */
#ifndef LIUKE_FOLD_RETENTION_H
#define LIUKE_FOLD_RETENTION_H
#include "base/limits.h"
#include "store/events/query_retention.h"

/* Periods looked at: with brackets, and with windows that begin at an event, also some past the last row's. */
enum { FOLD_RETENTION_BITS = 2 * RETENTION_PERIODS_MAX, FOLD_RETENTION_WORDS = (FOLD_RETENTION_BITS + 63) / 64 };

/* Whole numbers exact, doubles with their rounding errors kept beside them. */
__extension__ typedef __int128 FoldRetentionWhole;
typedef struct FoldRetentionSum { FoldRetentionWhole whole; double part, lost; int64_t n; } FoldRetentionSum;
void fold_retention_sum(FoldRetentionSum *, uint8_t kind, uint64_t value);           /* not a number: nothing */
void fold_retention_sum_add(FoldRetentionSum *, const FoldRetentionSum *);

/* What all threads share. */
typedef struct FoldRetentionSpec {
    const RetentionQuery *q;
    Grid     grid;               /* all periods looked at */
    size_t   words, columns;     /* of a strip; of row 0 */
    bool     triangle, keyed;    /* row i has columns - i; units carry a breakdown's value */
    const GroupKey *kept;        /* second run: the values with a table of their own */
    size_t   n_kept;
    bool     second;
    ScanRun *run;
    PeopleSet *people;           /* of the cell wanted; NULL: none. Threads set bits together */
    size_t   cell_table;         /* its table in the second run; n_kept: other */
} FoldRetentionSpec;

typedef struct FoldRetentionTable {
    int64_t   units;             /* in any row */
    uint32_t *cells;             /* triangle: [i][i + k], pairs_words(n) * 64 a row; else [i][k], columns a row */
    FoldRetentionSum *sums;      /* [i][k], columns a row; NULL: none asked */
    uint64_t *room;              /* strips not yet counted: starts of PAIRS_BATCH units, then their returns */
    size_t    n_room;
} FoldRetentionTable;
enum { FOLD_RETENTION_MET = 128 };
typedef struct FoldRetentionMet { GroupKey key; uint32_t group; bool is; } FoldRetentionMet;
static inline size_t fold_retention_place(uint64_t first, uint64_t second, uint64_t third)
{
    uint64_t h = (first ^ second << 20 ^ third << 40) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(h / (UINT64_MAX / FOLD_RETENTION_MET + 1));
}
typedef struct FoldRetentionCounter {
    const FoldRetentionSpec *spec;
    Groups    groups;
    FoldRetentionMet *met;       /* FOLD_RETENTION_MET values met lately, in the place of their hash */
    FoldRetentionTable *tables;  /* by group; in the second run one more, the others */
    size_t    n_tables, cap, bytes;
    bool      ranks;             /* too many values: only .units is right */
    bool      several;           /* a person had several values */
    uint32_t  root;              /* whose strips came last */
    bool      any;
    /* the person's strips among the other values: each start's returns */
    uint64_t *other, other_start[FOLD_RETENTION_WORDS];
} FoldRetentionCounter;
/* One unit's strips. sums: of the period by start events, then by returns, grid.n each; NULL when none are asked. */
typedef struct FoldRetentionStrip { const uint64_t *start, *back; const FoldRetentionSum *sums; } FoldRetentionStrip;

/* Of all these a Status other than OK (NO_MEM, LIMITED) has no why, and the counter is of no more use. */
Status fold_retention_open(FoldRetentionCounter *, const FoldRetentionSpec *) MUST_USE;
void   fold_retention_done(FoldRetentionCounter *);
/* The number of a breakdown's value. */
Status fold_retention_group(FoldRetentionCounter *, const GroupKey *, uint32_t *ret) MUST_USE;
/* A person's strips come one after the other. group: 0 without a breakdown. */
Status fold_retention_add(FoldRetentionCounter *, uint32_t root, uint32_t group, const FoldRetentionStrip *) MUST_USE;
/* Many people at once, without a breakdown, sums and a cell: bit r of start[p] is whether person r started in period p.
 * back: of a triangle "or after" whether she came back in p or later. words: a multiple of PRESENCE_PAD. */
typedef struct FoldRetentionColumns {
    const uint64_t *const *start, *const *back;            /* by period, grid.n each */
    size_t    words;
    uint64_t *room;              /* words */
} FoldRetentionColumns;
Status fold_retention_columns(FoldRetentionCounter *, const FoldRetentionColumns *) MUST_USE;
Status fold_retention_end(FoldRetentionCounter *) MUST_USE;                /* before it is merged or read */
Status fold_retention_merge(FoldRetentionCounter *, const FoldRetentionCounter *from) MUST_USE;    /* both ended */
/* to: empty, or of this counter's spec; free it before the counter. */
Status fold_retention_table_add(FoldRetentionCounter *, FoldRetentionTable *to,
    const FoldRetentionTable *from) MUST_USE;
void   fold_retention_table_free(FoldRetentionTable *);
int64_t fold_retention_cell(const FoldRetentionSpec *, const FoldRetentionTable *, size_t i, size_t k);
/* Is the strip counted in column k of row i? */
bool   fold_retention_in(const FoldRetentionSpec *, const FoldRetentionStrip *, size_t i, size_t k);

/* One unit's events in time order into its strip. */
enum { FOLD_RETENTION_START = 1, FOLD_RETENTION_BACK = 2, FOLD_RETENTION_NAME = 4 };   /* NAME: first_ever's */
typedef struct FoldRetentionUnit {
    const FoldRetentionSpec *spec;
    uint64_t start[FOLD_RETENTION_WORDS], back[FOLD_RETENTION_WORDS];
    FoldRetentionSum *sums;
    uint32_t *hits;              /* returns of each period, where one is not enough */
    size_t    period, row, low, high;    /* hits and sums from low to high may be other than 0 */
    bool      started, named, out;
    int64_t   anchor;
} FoldRetentionUnit;
Status fold_retention_unit_open(FoldRetentionUnit *, const FoldRetentionSpec *) MUST_USE;          /* NO_MEM, no why */
void   fold_retention_unit_done(FoldRetentionUnit *);
void   fold_retention_unit_start(FoldRetentionUnit *);
/* false: what follows cannot matter. */
bool   fold_retention_unit_event(FoldRetentionUnit *, int64_t time, uint32_t mask, uint8_t kind, uint64_t value);
bool   fold_retention_unit_end(const FoldRetentionUnit *, FoldRetentionStrip *ret);      /* false: it is in no row */
int64_t fold_retention_hour(const FoldRetentionSpec *, int64_t time);      /* start of its local hour */
int64_t fold_retention_window(const FoldRetentionSpec *);                  /* ms of a window that begins at an event */

/* What makes strips; *ret on the heap, its done() frees it. */
bool   fold_retention_rows_same(const RetentionQuery *);   /* a start is a return: presence needs one matcher */
Status fold_retention_rows(Cx *, const FoldRetentionSpec *, PresenceFold **ret) MUST_USE;
FoldRetentionCounter *fold_retention_rows_counter(PresenceFold *);
Status fold_retention_events(Cx *, const FoldRetentionSpec *, Fold **ret) MUST_USE;
FoldRetentionCounter *fold_retention_events_counter(Fold *);

/* Values counted instead of people. Events of one come from many people in no order of time, so a walk collects what
 * does not depend on it, a second (24h) the returns from the anchors the first found, a third the people of a cell. */
typedef enum FoldRetentionPhase { FOLD_RETENTION_COLLECT, FOLD_RETENTION_WINDOWS,
    FOLD_RETENTION_PEOPLE } FoldRetentionPhase;
Status fold_retention_units(Cx *, const FoldRetentionSpec *, Fold **ret) MUST_USE;
/* The same units, for another walk. PEOPLE: of those that count in the spec's cell. */
void   fold_retention_units_phase(Fold *, FoldRetentionPhase);
Status fold_retention_units_count(Fold *, FoldRetentionCounter *) MUST_USE;           /* of all units; no why */
#endif
