/* selector: event name and property predicates, turning events into small codes.
 *
 * Bit m of an event's code says that matcher m takes it; 0: nobody asks for it. Filters hold for all matchers.
 * Over a block
 * it runs column by column and decodes only the properties it names; a text is compared once for each entry of a
 * dictionary, not for each event.
 *
 * Comparisons do not cross kinds (numbers are one kind, whole or not); a missing property is null. is_not is the
 * contrary of is.
 * contains: part of a text, or one item of a list. lt le gt ge: numbers, or texts bytewise. */
#ifndef LIUKE_SELECTOR_H
#define LIUKE_SELECTOR_H
#include "store/events/snapshot.h"

enum { SELECTOR_MATCHERS = 8, SELECTOR_PREDS = 64 };
typedef enum Op { OP_IS, OP_IS_NOT, OP_CONTAINS, OP_LT, OP_LE, OP_GT, OP_GE, OP_SET, OP_NOT_SET } Op;
typedef struct Pred {
    Str     prop;
    Op      op;
    Prop    value;               /* name unused; null, bool, int, double or text */
    uint8_t bits;                /* the matchers that need it */
} Pred;
typedef struct Selector {
    struct Matcher { bool any; Str name; } matchers[SELECTOR_MATCHERS];
    size_t  n_matchers;
    Pred    preds[SELECTOR_PREDS];
    size_t  n_preds;
    uint8_t hide;                /* events with one of these EVENT_* flags get code 0 */
} Selector;

bool selector_holds(const Pred *, const Prop *);          /* NULL: missing */

/* For the events of one segment: what does not change from block to block. Memory: the caller's arena. */
typedef struct SelectorSegment { const uint8_t *name_bits,
    *origin_bits; const int64_t *prop; uint8_t any; } SelectorSegment;
Status selector_segment(Cx *, const Selector *, const Segment *, SelectorSegment *ret) MUST_USE;
/* Codes of all events of the block; *ret_any: all of them or-ed. */
Status selector_block(Cx *, const Selector *, const SelectorSegment *, Block *, uint8_t *code,
    uint8_t *ret_any) MUST_USE;

/* For rows of the tail. */
typedef struct SelectorTail {
    uint32_t name[SELECTOR_MATCHERS];
    bool     known[SELECTOR_MATCHERS];
    Cx       scratch;
} SelectorTail;
Status selector_tail(Cx *, const Selector *, const Snapshot *, SelectorTail *ret) MUST_USE;
Status selector_row(const Selector *, SelectorTail *, const TailRow *, uint8_t *ret) MUST_USE;     /* why in scratch */
void   selector_tail_done(SelectorTail *);
#endif
