/* segment_writer: segments written: event by event, row by row with numbers, or in whole stretches of another
 * segment. */
#ifndef LIUKE_SEGMENT_WRITER_H
#define LIUKE_SEGMENT_WRITER_H
#include "store/events/segment.h"

typedef struct SegmentPlan {
    int64_t id, log_pos;         /* log_pos: where the first of its events stood, for the order of files */
    int32_t month, level;
    uint64_t moves;              /* of the people map its roots come from */
} SegmentPlan;
typedef struct SegmentWriter SegmentWriter;
Status segment_begin(Cx *, Fs, const char *dir, const SegmentPlan *, SegmentWriter **ret) MUST_USE;
/* In order of (segment_key(person), time, log). Memory: one block and the dictionaries, within fixed budgets. */
Status segment_add(Cx *, SegmentWriter *, uint32_t person, uint32_t actor, const Event *) MUST_USE;
/* The same with numbers in place of names: what these gave for this writer. A text's code is NOT_FOUND where the
 * dictionary has no room for it: then it goes as a text. */
Status segment_number_name(Cx *, SegmentWriter *, Str, uint32_t *ret) MUST_USE;
Status segment_number_origin(Cx *, SegmentWriter *, Origin, uint32_t *ret) MUST_USE;
Status segment_number_prop(Cx *, SegmentWriter *, Str, uint32_t *ret) MUST_USE;
Status segment_number_text(Cx *, SegmentWriter *, uint32_t prop, Str, uint32_t *ret) MUST_USE;
/* kind: a PropKind. value: 0/1, the int64, the double's bits; a text's code when coded, else the text is texts[0]; of a
 * list how many texts. */
typedef struct SegmentCell { uint32_t prop; uint8_t kind; bool coded; uint64_t value; const Str *texts; } SegmentCell;
typedef struct SegmentRow {
    uint32_t person, actor, name, origin;
    int64_t  time, received;
    const SegmentCell *cells; size_t n_cells;
} SegmentRow;
Status segment_add_row(Cx *, SegmentWriter *, const SegmentRow *) MUST_USE;
/* Whole stretches of another segment, its names and texts turned into this writer's numbers once. segment_copy_block()
 * decodes all of a block, which segment_copy_of() gives; a stretch is events of one of its people, in their order,
 * given to
 * this person. */
typedef struct SegmentCopy SegmentCopy;
Status segment_copy_new(Cx *, SegmentWriter *, Segment *from, SegmentCopy **ret) MUST_USE;
Status segment_copy_block(Cx *, SegmentCopy *, uint32_t index) MUST_USE;
const Block *segment_copy_of(const SegmentCopy *);
Status segment_copy_add(Cx *, SegmentCopy *, uint32_t person, uint32_t from, uint32_t to) MUST_USE;
/* Event i as a row for the same writer, person not set; everything in cx->arena. */
Status segment_copy_row(Cx *, SegmentCopy *, uint32_t i, SegmentRow *ret) MUST_USE;
void   segment_copy_done(SegmentCopy *);                  /* NULL is fine */
/* written and synced, not its directory entry */
Status segment_end(Cx *, SegmentWriter *, ManifestSegment *ret) MUST_USE;
void   segment_drop(Cx *, SegmentWriter *);               /* frees; a file not ended goes. NULL is fine */
#endif
