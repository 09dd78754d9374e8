/* bulk: history written straight into segments, beside the log: the files people import.
 *
 * Rows gather in memory column by column; a full batch is sorted and written as segments by a thread of its own while
 * the next one fills. A manifest makes a batch count together with the mark of how far its import has come, so that a
 * crash loses a whole batch or nothing of it, and the import goes on from its mark. Nothing of it passes through the
 * log: who reads the log does not hear of it.
 * One thread at a time; a Bulk is one import's. */
#ifndef LIUKE_BULK_H
#define LIUKE_BULK_H
#include "store/events/manifest.h"

typedef struct Bulk Bulk;
typedef struct BulkConfig { int64_t import; uint16_t source; uint8_t trust, flags; } BulkConfig;
/* *ret_mark: where the import stands; all zero but .import when nothing of it is stored. */
Status bulk_open(Cx *, Events *, const BulkConfig *, Bulk **ret, ManifestMark *ret_mark) MUST_USE;
void   bulk_close(Bulk *);       /* before events_close(). What was not handed over is forgotten. NULL is fine */

/* Numbers, the same for the life of the Bulk. LIMITED event_names / prop_names past the source's limit. */
Status bulk_name(Cx *, Bulk *, Str, uint32_t *ret) MUST_USE;
Status bulk_prop(Cx *, Bulk *, Str, uint32_t *ret) MUST_USE;
Status bulk_actor(Cx *, Bulk *, Hash128, uint32_t *ret) MUST_USE;

/* A new row, then its values; of two values for one property the last counts. Only NO_MEM can fail: then the row and
 * those before it are as they were, the import has to be opened anew. */
Status bulk_row(Cx *, Bulk *, int64_t time, uint32_t actor, uint32_t name) MUST_USE;
Status bulk_value(Cx *, Bulk *, uint32_t prop, uint8_t kind, uint64_t value) MUST_USE;  /* bool, int, double's bits */
Status bulk_text(Cx *, Bulk *, uint32_t prop, Str) MUST_USE;
/* A text's number within the batch being filled, for bulk_value() with PROP_STR: of one it has, and of any. */
bool   bulk_text_find(const Bulk *, uint32_t prop, Str, uint32_t *ret);
Status bulk_text_number(Cx *, Bulk *, uint32_t prop, Str, uint32_t *ret) MUST_USE;
/* For rows with message ids, once, before the first: what imports of the source have read of late is loaded. Each row
 * with one: was it there, then it is a repeat; else the row, and its key with it. IO: bulk_ids.h. */
Status bulk_messages(Cx *, Bulk *) MUST_USE;
bool   bulk_message_seen(const Bulk *, Hash128);
void   bulk_message_soon(const Bulk *, Hash128);               /* it will be asked for */
Status bulk_message_add(Cx *, Bulk *, Hash128) MUST_USE;       /* only NO_MEM, as above */

size_t bulk_rows(const Bulk *);  /* in the batch being filled */
bool   bulk_full(const Bulk *);  /* time to hand it over */

/* A whole event, without lists; its actor and names are looked up. LIMITED as above, then nothing was taken. */
Status bulk_event(Cx *, Bulk *, const Event *) MUST_USE;
Status bulk_mark(Cx *, Events *, int64_t import, ManifestMark *ret) MUST_USE;    /* where an import stands, as stored */

/* Hand the batch over; it counts with this mark. Waits for the batch before; *ret_durable is the newest mark that is
 * durable. What went wrong with an earlier batch is told here and by bulk_wait(): then all that was handed over since
 * the durable mark is lost and has to be read again. */
Status bulk_commit(Cx *, Bulk *, const ManifestMark *, ManifestMark *ret_durable) MUST_USE;
Status bulk_wait(Cx *, Bulk *, ManifestMark *ret_durable) MUST_USE;      /* until all is durable */
#endif
