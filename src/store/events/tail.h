/* tail: the events that no segment holds yet, as the log wrote them, with an index of rows.
 *
 * Rows are only ever added behind what a reader has seen, in pages that never move: a reader keeps a reference and
 * how many
 * rows there were, and needs no lock. A flush takes a whole tail at once (what it needs besides is kept in it). */
#ifndef LIUKE_TAIL_H
#define LIUKE_TAIL_H
#include "store/events/joins.h"

typedef struct TailRow {
    int64_t     time;
    const char *at;              /* the entry's bytes */
    uint32_t    size, actor, name;       /* name: number in the state's dictionary */
    uint16_t    source;
    uint8_t     trust, flags;
} TailRow;
enum { TAIL_PAGE = 4096 };
typedef struct TailPage { struct TailPage *next; TailRow rows[TAIL_PAGE]; } TailPage;
typedef struct Chunk { struct Chunk *next; int64_t pos, end; char *bytes; size_t n; } Chunk;
typedef struct Tail {
    _Atomic int refs;
    Chunk    *chunks;
    TailPage *first, *last;
    size_t    n, bytes;          /* bytes: of chunks and pages */
    int64_t   start, end;        /* log positions */
    int64_t   received;          /* of the newest event */
    /* set when it is taken for a flush: everything as of end */
    PeopleView *people;
    uint32_t  actors;
    Buf       map;               /* empty: as in the map file there is */
    uint64_t  changes;
} Tail;
Tail  *tail_new(int64_t start);                           /* NULL: no memory. One reference */
Tail  *tail_ref(Tail *);
void   tail_done(Tail *);                                 /* NULL is fine */
Status tail_add(Cx *, Tail *, const TailRow *) MUST_USE;
void   tail_chunk_free(Chunk *);

/* One event to be sorted into the order of people. */
typedef struct Row {
    int64_t     time;
    const char *at;
    uint32_t    key, size, actor;
    int32_t     month;
    uint32_t    mask, slot;      /* the scan's: of its selector, and where its values stand */
} Row;
/* Stable, by (month, key, time). room: as many rows again. Cost: up to 9 passes of counting sort. */
void   tail_sort(Row *, size_t n, Row *room);
#endif
