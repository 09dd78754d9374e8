/* traits: personal traits of trusted identify calls move from the log's sealed part into sealed records.
 *
 * A consumer of the log: its position is a row in the records, written in the transaction of its effect. The first
 * trusted
 * identify of a user makes the person's record (form "identify"); only e-mail, phone, name and the like are kept
 * here, everything
 * else stands in the event. An address that another record holds stays with that one: here it is kept without an index.
 *
 * Tables:  position, its own row. */
#ifndef LIUKE_TRAITS_H
#define LIUKE_TRAITS_H
#include "store/events/events.h"
#include "store/records/records.h"

/* One step: at most 64 such calls. NOT_FOUND: nothing new in the log. */
Status traits_step(Cx *, Events *, const Keys *) MUST_USE;
#endif
