/* entry: the stored form of one Entry inside a frame of the log (drawn in docs/storage.md).
 *
 * A frame is a run of entries and a seal (store/events/frame.h); each entry begins with its own length. An event
 * stands whole, names inline, or as one like an earlier event of its run, its model: then it has its own actor, times
 * and changed values, and says how far back the model stands. Decoding checks every length: a damaged entry is IO,
 * never a crash. */
#ifndef LIUKE_ENTRY_H
#define LIUKE_ENTRY_H
#include "store/events/events.h"

/* Stored, the log's own: an event that was dropped as a repeat and is still a model. Nobody outside is given one. */
#define ENTRY_FORM ((EntryKind)6)

/* Bytes entry_put() will write: whole. */
size_t entry_size(const Entry *);               /* 0: no such kind */
char  *entry_put(char *to, const Entry *);       /* returns the end */
/* An event like model, which stands whole so many bytes back. It has the model's source, trust, flags and time of
 * receipt, and nothing sealed; e->props are the values that differ, the i-th in place of the model's which[i]-th,
 * which rising (names are the model's). */
size_t entry_like_size(const Event *model, const Event *e);
char  *entry_like_put(char *to, size_t back, const Event *model, const Event *e, const uint8_t *which);
void   entry_like_move(char *like, size_t back);  /* the model stands elsewhere now */
void   entry_form(char *whole);                   /* no event any more, only a model */

/* Of an event all but the properties (event.props unset, n_props set) and where they stand, of others kind and size:
 * no allocation, no copy. changed: what differs from props, for an event like another. */
typedef struct EntryHead { EntryKind kind; Event event; Str bytes, props, changed; size_t size; } EntryHead;
/* Entries back to back, from the first on: models stand before those like them. */
typedef struct EntryRun { Str left; size_t before; } EntryRun;
static inline EntryRun entry_run(Str bytes) { return (EntryRun){ .left = bytes }; }
bool   entry_next(EntryRun *, EntryHead *ret);   /* false: the end, or damage where something is left */
/* The entry at the start of bytes, which entry_next() has given: what stands before it is still there. props and lists
 * in cx->arena, everything else slices. *ret_used: its length. */
Status entry_get(Cx *, Str bytes, Entry *ret, size_t *ret_used) MUST_USE;
/* The properties of such a head, in cx->arena. */
Status entry_props(Cx *, const EntryHead *, const Prop **ret) MUST_USE;
#endif
