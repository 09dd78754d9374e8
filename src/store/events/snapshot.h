/* snapshot: everything acknowledged before it was taken, held still by references; reading it needs no lock. */
#ifndef LIUKE_SNAPSHOT_H
#define LIUKE_SNAPSHOT_H
#include "store/events/segment.h"
#include "store/events/state.h"
#include "store/events/tail.h"

typedef struct SegmentSet { _Atomic int refs; size_t n; Segment *segs[]; } SegmentSet;   /* by (month, log order) */
typedef struct Snapshot {
    State      *state;
    Tail       *tail[2];         /* older first; NULL: none */
    size_t      rows[2];
    SegmentSet *set;
    PeopleView *people;
    uint32_t    actors;          /* numbers of people are below it */
    int64_t     received;        /* of the newest event */
} Snapshot;
/* Indexes what the log has handed over and nobody has read yet. */
Status snapshot_take(Cx *, State *, Snapshot *ret) MUST_USE;
void   snapshot_done(Cx *, Snapshot *);
/* The tail's number of an event name; false: the tail has no such event. */
bool   snapshot_name(const Snapshot *, Str name, uint32_t *ret);
Hash128 snapshot_key(const Snapshot *, uint32_t actor);
bool   snapshot_actor(const Snapshot *, Hash128, uint32_t *ret);
#endif
