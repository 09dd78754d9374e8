/* presence_moved: of a segment, the people some of whose events now belong to somebody else, and all their events.
 *
 * Found once for each state of the people map, and kept with the columns: asking again costs nothing. */
#ifndef LIUKE_PRESENCE_MOVED_H
#define LIUKE_PRESENCE_MOVED_H
#include "store/events/presence_keep.h"
#include "store/events/snapshot.h"

typedef struct PresenceMovedRow {
    int64_t  time;
    uint32_t key, name;          /* key: of the person it is now with; name: number in the segment */
    uint8_t  flags;              /* EVENT_* */
} PresenceMovedRow;
typedef struct PresenceMoved {
    struct PresenceMoved *next;  /* the keep's */
    _Atomic int refs;
    int64_t  segment;
    uint64_t moves;
    size_t   n, cap, n_people, cap_people;
    PresenceMovedRow *rows;
    uint32_t *people;            /* keys in the segment, ascending */
} PresenceMoved;
/* A reference. NOT_FOUND: so many that looking at all events is better. */
Status presence_moved_of(Cx *, PresenceKeep *, Segment *, const PeopleView *, PresenceMoved **ret) MUST_USE;
/* NOT_FOUND: somebody has. */
Status presence_nobody_moved(Cx *, const Snapshot *, Segment *) MUST_USE;
void   presence_moved_done(PresenceMoved *);              /* NULL is fine */
#endif
