/* world_each: every event of a store by its id, whichever state it has. state_fake.c and state_real.c each have one. */
#ifndef LIUKE_STATE_FAKE_H
#define LIUKE_STATE_FAKE_H
#include "store/events/state.h"

/* The id is the second half of the message key, and the property "id" where that is not kept. */
typedef void WorldEach(void *arg, uint64_t id);
Status world_each(Cx *, Events *, WorldEach *, void *arg) MUST_USE;   /* segments, then the tail; nobody appends */
/* Is anon the user's? A state without joins says yes. */
bool world_joined(Events *, Hash128 anon, Hash128 user);
#endif
