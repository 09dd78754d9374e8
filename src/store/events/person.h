/* person: one person's actors and history out of the state, for a person's page and for export. */
#ifndef LIUKE_PERSON_H
#define LIUKE_PERSON_H
#include "store/events/state.h"

/* Not known, or joined to nothing: the actor itself. */
Hash128 person_root(State *, Hash128 actor);
/* The root first; in cx->arena. */
Status  person_actors(Cx *, State *, Hash128 root, const Hash128 **ret, size_t *ret_n) MUST_USE;
/* Newest first, before a time, at most limit (no event of an erased person). Cost: the tail is walked, of each segment
 * the blocks that hold the person are decoded. Memory: cx->arena, texts too. */
Status  person_timeline(Cx *, State *, Hash128 root, int64_t before, size_t limit, const Event **ret,
    size_t *ret_n) MUST_USE;
#endif
