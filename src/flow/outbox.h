/* outbox: what a transaction wants the behaviour store to hear of, and the step that tells it.
 *
 * A row is written in the transaction of its cause; outbox_step() appends rows to the log in order of id and
 * deletes them
 * once they are durable. A row told twice (a crash between the two) counts once: its message key is made from its id.
 *
 * Tables:  outbox (nobody else reads or writes it). */
#ifndef LIUKE_OUTBOX_H
#define LIUKE_OUTBOX_H
#include "base/json.h"
#include "store/events/events.h"
#include "store/records/records.h"

typedef struct OutboxFact { const char *key; Str text; } OutboxFact;   /* a property of the event; never personal */
typedef struct OutboxNote {
    int64_t person;
    Hash128 user, anon;          /* root actor; anon zero: nothing to join */
    Str     event;               /* empty: only the join */
    uint8_t flags;               /* EVENT_SERVICE without consent to analysis */
    const OutboxFact *facts; size_t n_facts;
} OutboxNote;
/* In a transaction. */
Status outbox_add(Cx *, const OutboxNote *) MUST_USE;
/* One step: at most 200 rows. NOT_FOUND: nothing waits. source: number of liuke's own source. */
Status outbox_step(Cx *, Events *, const Keys *, int source) MUST_USE;
#endif
