/* segment_write: the block that a writer of segments fills, and its columns as bytes; segment_write.c's own. */
#ifndef LIUKE_SEGMENT_WRITE_H
#define LIUKE_SEGMENT_WRITE_H
#include "store/events/segment_in.h"
#include <string.h>

enum { SEGMENT_COLUMNS_MAX = BLOCK_FIXED };
/* A text of the block, until its end says how many of these there are. */
#define SEGMENT_LOCAL (UINT32_C(1) << 31)
typedef struct Codes { uint32_t *p; size_t n, cap; } Codes;
/* One property of the block being filled: its events in order, then for lists their items. */
typedef struct Build {
    uint32_t  prop, n, cap;
    int32_t   source;            /* of the event added last; -1: none yet */
    uint8_t   kinds;             /* which there are, a bit each */
    uint32_t *row;
    uint8_t  *kind;
    uint64_t *value;             /* of a text: its code; of a list: how many items */
    Codes     items;             /* codes of list items */
    Dict      local;
} Build;
/* A block in columns. What the encoding needs besides is in scratch. */
typedef struct Filling {
    uint32_t n, n_people, n_runs, n_names, n_builds;       /* n_names: of the segment so far */
    uint8_t  flags;
    int64_t  min, max;
    uint32_t key[SEGMENT_BLOCK_MAX + 1], first[SEGMENT_BLOCK_MAX + 1];         /* of each person; first[n_people] is n */
    int64_t  time[SEGMENT_BLOCK_MAX], received[SEGMENT_BLOCK_MAX];
    uint32_t actor[SEGMENT_BLOCK_MAX], name[SEGMENT_BLOCK_MAX], origin[SEGMENT_BLOCK_MAX];
    Build   *builds;
    /* scratch */
    uint32_t gap[SEGMENT_BLOCK_MAX], delta[SEGMENT_BLOCK_MAX + 1];
    uint32_t run_first[SEGMENT_BLOCK_MAX + 1], runs_of[SEGMENT_BLOCK_MAX];     /* runs_of: how many a person has */
    uint64_t mask[SEGMENT_BLOCK_MAX];                      /* of a run */
    uint32_t part[2][SEGMENT_BLOCK_MAX];
    uint64_t wide[2][SEGMENT_BLOCK_MAX];
} Filling;
/* The columns at the end of b, with their places in cols (BLOCK_FIXED + n_builds of them). b.bad: no memory. */
void segment_pack(Filling *, Buf *b, ColumnInfo *cols);
static inline uint64_t segment_bits_of(double d) { uint64_t v; memcpy(&v, &d, sizeof v); return v; }
#endif
