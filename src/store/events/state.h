/* state: everything questions read: actors, joins, flags, the tail and the segments.
 *
 * The log hands over each committed group as one chunk of frames; indexing it (actor and name numbers)
 * is put off until somebody reads or the background thread has time, so that an acknowledgement never waits
 * for it. Snapshots are reference counted: readers never block the log, the flush or the merge. */
#ifndef LIUKE_STATE_H
#define LIUKE_STATE_H
#include "store/events/entry.h"
#include "store/events/manifest.h"

typedef struct State State;
/* One change of what counts at a time: make() says what the manifest becomes, as state_flush() does. */
Status events_change(Cx *, Events *, Status (*make)(Cx *, State *, void *arg, Manifest *ret), void *arg) MUST_USE;
/* A change whose manifest could not be written may count all the same: make sure that it does before anything relies
 * on what is stored. */
Status events_settle(Cx *, Events *) MUST_USE;
State *events_state(Events *);                   /* for what answers questions: ask, scan, timeline */
Status events_missing(Cx *, Events *, const Str **ret, size_t *ret_n) MUST_USE;   /* files of the log found damaged */
Status state_open(Cx *, const EventsConfig *, const Manifest *, State **ret) MUST_USE;
void   state_close(State *);

/* A committed run of entries, back to back as entry_next() walks them, n bytes; the first stands at log position
 * pos, the i-th byte at pos + i, and the next chunk begins at end or later (between them stands the frame's seal).
 * bytes is heap memory (mem_get) that becomes the state's. Chunks come in log order, from one thread at a time.
 * Room is asked for just before each commit, by the same thread: BUSY when the tail is full; it makes sure that the
 * state_chunk() of at most so many bytes that follows cannot fail. None follows when the commit fails: a reservation
 * lasts until the next one, they do not add up. */
Status state_reserve(Cx *, State *, size_t bytes) MUST_USE;
void   state_chunk(State *, int64_t pos, int64_t end, char *bytes, size_t n);
size_t state_tail_bytes(const State *);
int64_t state_commits(const State *);            /* how often state_commit() was called */

/* Name limits: would these names of this source be one too many? Called before the append, with what the batch
 * holds. INVALID "time" outside the years 1 to 9999. */
Status state_names(Cx *, State *, const Entry *, size_t n) MUST_USE;

/* Write the tail into new segments (synced) and say which manifest would make them count; state_commit() makes
 * readers use it after the caller has written that manifest, state_abandon() drops it when it was never tried to be
 * written. When writing it failed it may stand all the same: it is tried again until it succeeds, and state_close()
 * before that leaves the new segments' files alone; state_open() removes those that the manifest does not name. One
 * at a time. NOT_FOUND: nothing to do. */
Status state_flush(Cx *, State *, Manifest *ret_next) MUST_USE;
Status state_merge(Cx *, State *, Manifest *ret_next) MUST_USE;
void   state_commit(Cx *, State *, const Manifest *);
void   state_abandon(Cx *, State *);
Status state_stats(Cx *, State *, EventsStats *ret) MUST_USE;   /* fills what it knows */
#endif
