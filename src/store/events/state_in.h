/* state_in: what the files behind state.h share. Order of locks: lock, then queue. */
#ifndef LIUKE_STATE_IN_H
#define LIUKE_STATE_IN_H
#include "store/events/actors.h"
#include "store/events/dict.h"
#include "store/events/names.h"
#include "store/events/snapshot.h"
#include <pthread.h>

/* Years 1 to 9999: outside no segment could hold an event. */
#define STATE_TIME_MIN (-INT64_C(62135596800000))
#define STATE_TIME_MAX INT64_C(253402300799999)
enum { CHANGE_NONE, CHANGE_FLUSH, CHANGE_MERGE, CHANGE_BULK };
/* What a flush or merge has written and nobody uses yet. */
typedef struct Change {
    int         kind;
    SegmentSet *set;             /* the next one, every segment referenced */
    Segment   **gone;            /* merged away, heap */
    size_t      n_gone;
    int64_t     map_id;
    bool        has_mark;        /* a batch of an import: */
    ManifestMark mark;
    uint32_t    actors;
} Change;
struct State {
    Fs     fs;
    char  *dir, *zone;           /* zone: the product's; NULL: UTC */
    size_t tail_max;             /* refuse room past it */
    _Atomic size_t bytes;        /* of chunks waiting and tails not flushed */
    _Atomic int64_t commits;
    _Atomic int64_t next_id;     /* of files: taken by whoever writes one, never given back */

    pthread_mutex_t queue;       /* what the log has handed over; never held for long */
    Chunk *waiting, **waiting_end, *spare;

    pthread_mutex_t lock;        /* all that follows but limits */
    Chunk *todo;                 /* taken from the queue; indexed up to todo_at */
    size_t todo_at;
    Actors *actors;
    Joins  *joins;
    Dict    names;
    PeopleView *view;            /* the latest asked for */
    Tail   *old, *cur;           /* old: being flushed, or to be again */
    SegmentSet *set;
    struct PresenceKeep *presence;       /* has a lock of its own; NULL: nothing is kept */
    int64_t flushed, map_id;
    ManifestMark *marks; size_t n_marks;
    ManifestIds *ids; size_t n_ids;      /* message ids of imports; room for one more in a change */
    uint64_t map_changes;        /* joins_changes() in the map file */
    int64_t damaged;             /* entries of the log that made no sense */
    Change  change;

    pthread_mutex_t limits_lock;
    Names  *limits;
    bool    limits_ready;        /* names replayed from the log are in */
};
/* Index everything the log has handed over. The lock is held. */
Status state_index(Cx *, State *) MUST_USE;
Status state_view(Cx *, State *, PeopleView **ret) MUST_USE;      /* of now, a reference; the lock is held */
SegmentSet *state_set_new(size_t n);                       /* room for n; NULL: no memory */
void   state_set_add(SegmentSet *, Segment *);             /* takes the reference; keeps the order */
void   state_set_done(Cx *, SegmentSet *);
/* The manifest of the set as it will be, in the arena. */
Status state_manifest(Cx *, const State *, const SegmentSet *, Manifest *ret) MUST_USE;
#endif
