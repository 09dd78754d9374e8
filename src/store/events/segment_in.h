/* segment_in: the stored layout that the writer and the reader of segments share. */
#ifndef LIUKE_SEGMENT_IN_H
#define LIUKE_SEGMENT_IN_H
#include "store/events/segment.h"

#ifdef LIUKE_FAULT
/* the fuzz target's: it cannot make checksums, and what stands behind them must hold, too */
extern bool segment_unchecked;
#else
#define segment_unchecked false
#endif
#define SEGMENT_MAGIC "LKSEG1\r\n"
enum { SEGMENT_VERSION = 3 };
typedef struct SegmentHead {
    char     magic[8];
    uint32_t version, n_blocks;
    int32_t  month, level;
    int64_t  id, events, first, last, received, log_pos;
    uint64_t moves, dir_at, dir_length, dir_check, spare[2];
    uint64_t check;              /* XXH3 of all before it; stored in the manifest too */
} SegmentHead;
_Static_assert(sizeof(SegmentHead) == 128, "stored");

/* A block begins with its table of columns. */
typedef struct ColumnInfo { uint32_t id, at, length, spare; uint64_t check; } ColumnInfo;
_Static_assert(sizeof(ColumnInfo) == 24, "stored");
enum { BLOCK_PEOPLE = 1, BLOCK_RUNS, BLOCK_MASKS, BLOCK_DELTAS, BLOCK_ACTORS, BLOCK_NAMES, BLOCK_ORIGINS,
    BLOCK_RECEIVED,
       BLOCK_FIXED = BLOCK_RECEIVED, BLOCK_PROPS = 16 };
enum { KINDS_EACH, KINDS_BY_NAME };
/* Planes of masks: what is said of few runs stands as gaps, a byte or half a byte each; these go on. */
enum { MASK_GAP_MORE = 255, MASK_HALF_MORE = 15, MASK_HALVES = 1 << 15 };
enum { DOUBLES_SCALE_MAX = 4, DOUBLES_RAW = 255 };
enum { RECEIVED_AFTER, RECEIVED_ABSOLUTE };
enum { SEGMENT_TEXT_MAX = 256, SEGMENT_DICT_MAX = 65536, SEGMENT_DICT_BYTES = 2 << 20, SEGMENT_DICTS_BYTES = 32 << 20,
       SEGMENT_TEXTS_MAX = 256 << 20 };
static inline double segment_scale(unsigned k)
{
    static const double scales[] = { 1, 10, 100, 1000, 10000 };
    return scales[k];
}

/* What the reading files share. A column's bytes, its checksum found good: NOT_FOUND where the block has none. */
Status segment_column(Cx *, const Block *, uint32_t id, Str *ret) MUST_USE;
Status segment_broken(Cx *, const Segment *, const char *what);
static inline Status segment_note(Segment *s, Status st)          /* damage marks the segment */
{
    if (st == ST_IO) s->damaged = true;
    return st;
}
bool   segment_check_is(Str, uint64_t check);
enum { SEGMENT_SCRATCH = 7 };       /* of Block.rooms: anybody's, for one call */
void  *segment_room(struct Room *, size_t n);             /* what was in it is lost when it grows; NULL: no memory */
#endif
