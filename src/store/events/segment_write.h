/* segment_write: a writer of segments inside: the block that it fills, and its columns as bytes. */
#ifndef LIUKE_SEGMENT_WRITE_H
#define LIUKE_SEGMENT_WRITE_H
#include "store/events/segment_in.h"
#include "store/events/segment_writer.h"
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
    uint32_t key[SEGMENT_BLOCK_MAX + 1], first[SEGMENT_BLOCK_MAX + 1];   /* of each person; first[n_people] is n */
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
enum { SEGMENT_RECENT = 32 };
/* What the n-th property of the event before was: events of one person are mostly alike, so is the text. */
typedef struct Recent { uint32_t prop; bool known, coded; uint32_t code; Str text; } Recent;
/* A small set, in order of first use, and where each stands. */
typedef struct Uses { uint64_t *p; size_t n, cap; uint32_t *slots; size_t n_slots; uint32_t last; } Uses;

struct SegmentWriter {
    Fs       fs;
    FsFile  *file;
    const SegmentPlan plan;
    char    *path;
    int64_t  at, events, first, last, received;
    uint32_t last_key;
    size_t   payload, dict_bytes;
    Dict     names, props;
    Dict    *dicts;              /* by property */
    uint32_t *build_of;          /* by property: build + 1 */
    uint32_t *name_source;       /* by name: the source it was last used by, + 1 */
    size_t   cap_props, cap_build_of, cap_builds, cap_name_source;
    Recent   recent[SEGMENT_RECENT];
    Uses     origins, name_uses, prop_uses;
    BlockInfo *blocks;
    size_t   n_blocks, cap_blocks;
    bool     ended;
    Buf      out;
    Filling  f;
};
/* The columns at the end of b, with their places in cols (BLOCK_FIXED + n_builds of them). b.bad: no memory. */
void segment_pack(Filling *, Buf *b, ColumnInfo *cols);
/* Room for an event of this person: the block before may end here. */
Status segment_write_open(Cx *, SegmentWriter *, uint32_t key) MUST_USE;
/* The property's values of this block, with room for n more. */
Status segment_write_build(Cx *, SegmentWriter *, uint32_t prop, uint32_t n, Build **ret) MUST_USE;
/* A text's code in this block: the dictionary's, or one of SEGMENT_LOCAL. */
Status segment_write_text(Cx *, SegmentWriter *, Build *, Str, uint32_t *ret) MUST_USE;
Status segment_write_items(Cx *, SegmentWriter *, Build *, const Str *, uint64_t n) MUST_USE;     /* of a list */
Status segment_write_use(Cx *, Uses *, uint64_t pair) MUST_USE;
static inline uint64_t segment_bits_of(double d) { uint64_t v; memcpy(&v, &d, sizeof v); return v; }
#endif
