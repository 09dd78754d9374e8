/* segment: an immutable file of one UTC month's events, sorted by (person, time, log order), in columns.
 *
 * Drawn in docs/storage.md. The person of a row is the root its actor had when the file was written; the actor is kept
 * beside it, so that joins and undos since then can be followed. Blocks of about 16k events are cut between people (a
 * person past the cap goes on in the next) and begin with their runs: session-like stretches of one person, which
 * answer much without a look at an event. Columns, dictionaries, directory and header carry a checksum; reading checks
 * each before its first use, and bounds inside even then: damage is IO and marks the segment, never a crash. Numbers of
 * people are turned into sort keys that put people of one lane (number mod 16) side by side. Message ids, the client's
 * clocks, sealed bytes and explicit nulls are not kept; received is kept to the second. */
#ifndef LIUKE_SEGMENT_H
#define LIUKE_SEGMENT_H
#include "store/events/column.h"
#include "store/events/dict.h"
#include "store/events/manifest.h"
#include <pthread.h>

enum { SEGMENT_BLOCK = 16384, SEGMENT_BLOCK_MAX = 32768 };
static inline uint32_t segment_key(uint32_t root) { return root >> 4 | root << 28; }
static inline uint32_t segment_root(uint32_t key) { return key << 4 | key >> 28; }
int32_t segment_month(int64_t time);                      /* year * 12 + month - 1, UTC */

Status segment_name(Cx *, const char *dir, int64_t id, const char **ret) MUST_USE;

typedef struct Origin { uint16_t source; uint8_t trust, flags; } Origin;
typedef struct BlockInfo {
    uint64_t at, check;
    int64_t  min, max;           /* event times */
    uint32_t length, head, n, n_people, n_runs, first_key, last_key;
    uint8_t  flags;              /* EVENT_* of all its events together */
} BlockInfo;
typedef struct Segment {
    _Atomic int  refs;
    _Atomic bool damaged, obsolete;      /* obsolete: the file goes with the last reference */
    ManifestSegment info;
    char     name[32], *path;
    int64_t  log_pos, received;  /* received: of the newest event */
    uint64_t moves;
    Fs       fs;
    FsFile  *file;
    Str      map;
    Str     *names, *props;
    uint32_t n_names, n_props, n_origins, n_blocks, n_name_uses, n_prop_uses;
    Origin  *origins;
    uint64_t *name_uses, *prop_uses;     /* source << 32 | number */
    BlockInfo *blocks;
    struct SegmentDict *dicts;           /* loaded on first use, under lock */
    _Atomic uint64_t *checked;   /* a bit for each column of each block: its checksum has been found good */
    uint32_t checked_words;      /* of a block */
    pthread_mutex_t lock;
    char    *names_heap, *props_heap;
} Segment;
/* Damage, a foreign or a missing file give a Segment with .damaged set and no blocks; only NO_MEM fails. One
 * reference. */
Status   segment_open(Cx *, Fs, const char *dir, const ManifestSegment *, Segment **ret) MUST_USE;
Segment *segment_ref(Segment *);
void     segment_done(Cx *, Segment *);                   /* NULL is fine */
bool     segment_prop(const Segment *, Str name, uint32_t *ret);
/* lives as long as the segment */
Status   segment_dict(Cx *, Segment *, uint32_t prop, const Str **ret, size_t *ret_n) MUST_USE;

/* The first level of a block. A run is a session-like stretch of one person's events. */
enum { SEGMENT_MASK_OTHER = 63 };   /* bit b < 63: events of name number b of the segment; 63: any name from 63 on */
typedef struct BlockRuns {
    uint32_t  n;                 /* in order of (person, time) */
    uint32_t *person_first;      /* n_people + 1: a person's first run */
    uint32_t *first;             /* n + 1: a run's first event */
    int64_t  *start;             /* exact time of the first event */
    uint32_t *length;            /* last event <= start + length (ms, rounded up) */
    uint64_t *mask;
} BlockRuns;

/* One block, decoded column by column as asked; its arrays are reused from block to block. */
typedef struct Block {
    Segment  *seg;
    uint32_t  index, n, n_people;
    uint32_t *key, *first;       /* n_people, and n_people + 1: a person's first event */
    int64_t  *time, *received;
    uint32_t *name, *origin, *actor;
    uint8_t  *name8;             /* after segment_block_names8() */
    uint64_t  mask_skip;         /* set by the caller: bits of masks it does not ask for, which may then be zero */
    BlockRuns runs;
    /* segment_block.c's own */
    Column    deltas, names;
    uint64_t  has_times[2], has_names[2], has_names8[2];   /* a bit for each group of 256 events */
    uint32_t *start, *delta;
    struct Room { void *p; size_t size; } rooms[16];
} Block;
Status segment_block(Cx *, Segment *, uint32_t index, Block *) MUST_USE;       /* runs, and the time of every event */
/* key, first and runs, without decoding a single event's time or name. */
Status segment_block_runs(Cx *, Segment *, uint32_t index, Block *, BlockRuns *ret) MUST_USE;
bool   segment_block_plain(const Block *, uint8_t hide);   /* no event of the block has one of these EVENT_* flags */
/* Of events [from, to), in whole groups of 256; cheap to ask again for a group that is there. */
Status segment_block_times(Cx *, Block *, uint32_t from, uint32_t to) MUST_USE;
/* The times of the events of one run, at most SEGMENT_RUN_FEW of them, into ret: for a few runs here and there, whose
 * groups are not worth decoding. */
enum { SEGMENT_RUN_FEW = 64 };
Status segment_block_run_times(Cx *, Block *, uint32_t run, int64_t *ret) MUST_USE;
Status segment_block_names_of(Cx *, Block *, uint32_t from, uint32_t to) MUST_USE;     /* name, not origin */
/* name8 instead of name; NOT_FOUND: the segment has more than 256 names. */
Status segment_block_names8(Cx *, Block *, uint32_t from, uint32_t to) MUST_USE;
Status segment_block_names(Cx *, Block *) MUST_USE;       /* name, origin of every event */
Status segment_block_actors(Cx *, Block *) MUST_USE;
Status segment_block_received(Cx *, Block *) MUST_USE;    /* also all times */
/* The properties a block has, ascending; up to max. */
size_t segment_block_props(const Block *, uint32_t *ret, size_t max);
void   segment_block_done(Block *);

/* One property of a block, decoded: kind and value of each event; 0 (PROP_NULL) where it has none.
 * value: 0/1, the int64, the double's bits, a text's code, or the number of a list. */
typedef struct BlockProp {
    uint8_t  *kind;
    uint64_t *value;
    uint32_t *code;              /* segment_block_codes() */
    uint32_t *first, n_pieces;   /* segment_block_pieces() */
    Str      *local;             /* texts of this block alone: codes below n_local; the others are of the dictionary */
    char     *local_heap;
    uint32_t  n_local, n_items, n_lists;
    uint32_t *items, *list_first;        /* codes of list items; n_lists + 1 */
    const Str *dict;
    size_t    n_dict;
    struct Room rooms[4];
} BlockProp;
static inline Str segment_text(const BlockProp *p, uint64_t code)
{
    return code < p->n_local ? p->local[code] : p->dict[code - p->n_local];
}
/* NOT_FOUND: no event of the block has it. segment_prop_done() frees. */
Status segment_block_prop(Cx *, Block *, uint32_t prop, BlockProp *ret) MUST_USE;
/* The same three ways into a BlockProp that is zero or was used before: its memory is used again, nothing is allocated
 * from block to block. Free it once, at the end, also after an error. */
Status segment_block_values(Cx *, Block *, uint32_t prop, BlockProp *) MUST_USE;
/* Where all values are texts: .code of each event, UINT32_MAX where it has none, and no kind and value; else code is
 * NULL, and as segment_block_values(). */
enum { SEGMENT_NO_CODE = -1 };
Status segment_block_codes(Cx *, Block *, uint32_t prop, BlockProp *) MUST_USE;
/* Where it is stored as runs of equal values: kind[i] and value[i] hold for events first[i] to first[i + 1], for
 * n_pieces pieces that fill the block. NOT_FOUND also where it is not stored so (or has lists). */
Status segment_block_pieces(Cx *, Block *, uint32_t prop, BlockProp *) MUST_USE;
void   segment_prop_done(BlockProp *);
/* The value of event i, its name unset; items: room for the longest list. Slices of the segment and of *p. */
Prop   segment_value(const BlockProp *p, uint32_t i, Str *items);
size_t segment_longest_list(const BlockProp *);

/* All properties of a block at once, to have its events back one by one. */
typedef struct BlockEvents { Block *b; BlockProp *props; uint32_t *ids; size_t n; } BlockEvents;
Status segment_events(Cx *, Block *, BlockEvents *ret) MUST_USE;   /* and all other columns of the block */
void   segment_events_done(BlockEvents *);
/* All but the actor's key, in cx->arena; texts are slices of the segment and of the BlockEvents. */
Status segment_event(Cx *, const BlockEvents *, uint32_t i, Event *ret) MUST_USE;
#endif
