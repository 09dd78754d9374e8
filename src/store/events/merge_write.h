/* merge_write: several segments of a month into one, people as they are now.
 *
 * Streams sorted by (person, time, log order) are merged a stretch at a time, column by column. What belongs to another
 * person than its segment says is gathered first and is one more stream. Memory: a block of each segment, and those
 * gathered, up to MERGE_ASIDE_BYTES. */
#ifndef LIUKE_MERGE_WRITE_H
#define LIUKE_MERGE_WRITE_H
#include "store/events/segment_writer.h"
#include "store/events/snapshot.h"

enum { MERGE_ASIDE_BYTES = 512 << 20 };
Status merge_write(Cx *, const Snapshot *in, SegmentWriter *) MUST_USE;
#endif
