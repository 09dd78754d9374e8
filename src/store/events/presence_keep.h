/* presence_keep: bitmaps of people kept from question to question, in bounded memory.
 *
 * A column says who of a segment's people has an event of one name (or any) within a stretch of time. A segment
 * never changes, so a column is right for as long as it is kept: whoever has since moved to another person is masked
 * out when it is used. People stand in the order of their keys: lane after lane, each in pieces of PRESENCE_PIECE. */
#ifndef LIUKE_PRESENCE_KEEP_H
#define LIUKE_PRESENCE_KEEP_H
#include "store/events/segment.h"

enum { PRESENCE_PIECE = 4096, PRESENCE_PIECE_WORDS = PRESENCE_PIECE / 64, PRESENCE_LANES = 16, PRESENCE_LANE_SHIFT = 28,
       PRESENCE_NO_NAME = -2, PRESENCE_ANY_NAME = -1 };
static inline uint32_t presence_low(uint32_t key) { return key & ((UINT32_C(1) << PRESENCE_LANE_SHIFT) - 1); }
/* Pieces of each lane, for people's numbers below n. */
static inline uint32_t presence_pieces(uint32_t n)
{
    return (uint32_t)(((uint64_t)n + PRESENCE_LANES * PRESENCE_PIECE - 1) / (PRESENCE_LANES * PRESENCE_PIECE));
}

typedef struct PresenceKey {
    int64_t  segment;
    int64_t  from, to;           /* as much of the stretch as the segment can hold */
    uint32_t name;               /* number in the segment, or PRESENCE_ANY_NAME */
    uint32_t hide;               /* EVENT_* that hide an event, as far as the segment has such */
} PresenceKey;
typedef struct PresenceCol {
    struct PresenceCol *chain, *newer, *older;
    _Atomic int refs;
    PresenceKey key;
    uint32_t pieces;             /* of each lane */
    size_t   bytes;
    uint64_t words[];            /* lane, piece, word */
} PresenceCol;
/* NULL past the column's pieces: nobody. */
static inline uint64_t *presence_col_piece(PresenceCol *c, uint32_t lane, uint32_t piece)
{
    return piece < c->pieces ? c->words + ((size_t)lane * c->pieces + piece) * PRESENCE_PIECE_WORDS : NULL;
}

typedef struct PresenceKeep PresenceKeep;
PresenceKeep *presence_keep_new(void);                     /* NULL: no memory. The functions below take any thread */
void   presence_keep_free(PresenceKeep *);                 /* NULL is fine; columns that are held outlive it */
/* A reference, or NULL: not kept. */
PresenceCol *presence_keep_find(PresenceKeep *, const PresenceKey *);
/* An empty column to be filled by its one holder, not yet found by others; NULL: it would not be kept, or no memory.
 * so_far: bytes of those made before for the same question. */
PresenceCol *presence_col_new(const PresenceKey *, uint32_t pieces, size_t so_far);
void   presence_keep_add(PresenceKeep *, PresenceCol *);   /* filled: now it may be found; the reference stays */
void   presence_col_done(PresenceCol *);                   /* NULL is fine */
size_t presence_keep_bytes(PresenceKeep *);
/* Of a segment's moved people only the latest are kept (presence_moved.h); a reference, or NULL. */
struct PresenceMoved *presence_keep_moved(PresenceKeep *, int64_t segment, uint64_t moves);
void   presence_keep_add_moved(PresenceKeep *, struct PresenceMoved *);
#endif
