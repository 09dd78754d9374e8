/* entry: the stored form of one Entry inside a frame of the log (drawn in docs/storage.md).
 *
 * A frame is a run of entries and a seal (store/events/frame.h); each entry begins with its own length, names
 * inline, so that it can be read without anything else. Decoding checks every length: a damaged entry is IO, never a
 * crash. Walking a run: for (s = run; s.n; s.p += h.size, s.n -= h.size) if (!entry_head(s, &h)) damaged. */
#ifndef LIUKE_ENTRY_H
#define LIUKE_ENTRY_H
#include "store/events/events.h"

/* Bytes entry_put() will write. */
size_t entry_size(const Entry *);               /* 0: no such kind */
char  *entry_put(char *to, const Entry *);       /* returns the end */
/* The entry at the start of bytes; props and lists in cx->arena, everything else slices. *ret_used: its length. */
Status entry_get(Cx *, Str bytes, Entry *ret, size_t *ret_used) MUST_USE;
/* Of an event all but the properties (event.props unset, n_props set) and where they stand, of others kind and size:
 * no allocation, no copy. */
typedef struct EntryHead { EntryKind kind; Event event; Str props; size_t size; } EntryHead;
bool   entry_head(Str bytes, EntryHead *ret);    /* false: damaged */
/* The n properties in head.props, in cx->arena. */
Status entry_props(Cx *, Str bytes, size_t n, const Prop **ret) MUST_USE;
#endif
