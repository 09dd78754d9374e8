/* selector: what a question asks of single events: names and predicates over properties, turning events into small
 * masks.
 *
 * Bit m of an event's mask says that matcher m takes it; 0: nobody asks for it, the event is not even looked at. The
 * filter holds for all matchers. Over a block it runs column by column and decodes only the properties it names; a
 * text is compared once for each entry of a dictionary, not for each event.
 *
 * Comparisons do not cross kinds (numbers are one kind, whole or not); a missing property is null. is_not is the
 * contrary of is. contains: part of a text, or one item of a list. lt le gt ge: numbers, or texts bytewise. */
#ifndef LIUKE_SELECTOR_H
#define LIUKE_SELECTOR_H
#include "store/events/people_set.h"
#include "store/events/snapshot.h"

enum { SELECTOR_MATCHERS = 32, SELECTOR_PREDS = 256, SELECTOR_DEPTH = 16 };
typedef enum Op { OP_IS, OP_IS_NOT, OP_CONTAINS, OP_LT, OP_LE, OP_GT, OP_GE, OP_SET, OP_NOT_SET, OP_IN } Op;
typedef struct Pred {
    Str     prop;                /* "$event": the event's name; "$source": the number of its source; "$trust" */
    Op      op;
    Prop    value;               /* name unused; null, bool, int, double or text; OP_IN: a list of texts */
} Pred;
/* A tree over one event. WHERE_PEOPLE: the event's person is in the set. */
typedef enum WhereKind { WHERE_ALL, WHERE_ANY, WHERE_NOT, WHERE_PRED, WHERE_PEOPLE } WhereKind;
typedef struct Where {
    WhereKind kind;
    const struct Where *kids; size_t n;      /* ALL, ANY: n; NOT: one */
    Pred pred;
    const PeopleSet *people;
} Where;
typedef struct Matcher { bool any; Str name; const Where *where; } Matcher;     /* where NULL: by name alone */
typedef struct Selector {
    Matcher matchers[SELECTOR_MATCHERS];
    size_t  n_matchers;
    const Where *filter;         /* NULL: none */
    uint8_t hide;                /* events with one of these EVENT_* flags get mask 0 */
} Selector;
bool selector_holds(const Pred *, const Prop *);          /* NULL: missing */
/* … block and row functions: the scan's own */
#endif
