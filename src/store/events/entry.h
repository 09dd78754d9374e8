/* entry: the stored form of one Entry inside a frame of the log (drawn in docs/storage.md).
 *
 * A frame's payload is a run of entries, each with its own length, names inline, so that a frame can be
 * read without anything else. Decoding checks every length: a damaged entry is IO, never a crash. */
#ifndef LIUKE_ENTRY_H
#define LIUKE_ENTRY_H
#include "store/events/events.h"

/* Bytes entry_put() will write. */
size_t entry_size(const Entry *);
char  *entry_put(char *to, const Entry *);       /* returns the end */
/* The entry at the start of bytes; props and lists in cx->arena, everything else slices. *ret_used: its length. */
Status entry_get(Cx *, Str bytes, Entry *ret, size_t *ret_used) MUST_USE;
/* Only the fixed part (kind, time, actor, name ...) and where the properties stand: no allocation. */
typedef struct EntryHead { EntryKind kind; Event event; Str props; size_t size; } EntryHead;   /* event.props unset */
bool   entry_head(Str bytes, EntryHead *ret);    /* false: damaged */
#endif
