/* bulk_ids: the files of message ids of imports: which rows of a source were read before. Used by bulk only.
 *
 * A batch's keys are written as ids-<number> (the form of dedupe.h's files) and synced before the manifest that names
 * the file, which is the one that counts the batch and its mark: so a key counts if its row does. Small files are taken
 * into the next one. A source's file goes when newer ones hold DEDUPE_IDS keys and it is older than DEDUPE_HOURS. */
#ifndef LIUKE_BULK_IDS_H
#define LIUKE_BULK_IDS_H
#include "store/events/bulk_in.h"
#include "store/events/seen.h"

/* All that count, of one source. IO when one is missing or damaged: without it rows would count twice. */
Status bulk_ids_load(Cx *, State *, uint16_t source, Seen *) MUST_USE;
/* The batch's keys in a file, and which files count with the manifest that is to be. Nothing when it has none. */
Status bulk_ids_store(Cx *, State *, uint16_t source, BulkBatch *, Manifest *) MUST_USE;
#endif
