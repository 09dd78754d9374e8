/* batch: one call's entries, encoded as they are told, so that an event of many alike never exists as a struct.
 *
 * Events of a batch are mostly alike: a later one is told as the differences from an earlier, its model. Give what was
 * told to events_append_batch(), once. Memory: in the arena of the Cx, the caller's slices are not kept but for those
 * of whole entries, whose names are looked at once more at the end. */
#ifndef LIUKE_BATCH_H
#define LIUKE_BATCH_H
#include "store/events/events.h"

typedef struct BatchItem {
    Hash128  message;            /* zero: not checked for sameness */
    uint32_t at, model;          /* where it stands; which of .whole it is or is like; UINT32_MAX: it is no event */
} BatchItem;
typedef struct Batch {
    char      *p; size_t n, cap;                 /* the entries, one behind the other */
    BatchItem *items; size_t n_items, cap_items;
    Entry     *whole; uint32_t *whole_at; size_t n_whole, cap_whole;   /* events told whole, and names besides */
    Str        name;             /* of the last event with a name that is not its model's */
} Batch;

Status batch_start(Cx *, size_t entries, size_t bytes, Batch *ret) MUST_USE;    /* about so many; it grows */
/* INVALID too_many properties, too_large past LOG_FRAME_MAX; BUG an entry of no kind. ret_model (may be NULL): for
 * batch_like(), where it is an event. */
Status batch_add(Cx *, Batch *, const Entry *, uint32_t *ret_model) MUST_USE;
/* An event with the source, trust, flags and time of receipt of model, without anything sealed. e->props are only the
 * values that differ from the model's, the i-th in place of its which[i]-th, which rising; names are not looked at. */
Status batch_like(Cx *, Batch *, uint32_t model, const Event *e, const uint8_t *which) MUST_USE;
#endif
