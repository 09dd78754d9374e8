/* state_fake: what state_fake.c adds to state.h. */
#ifndef LIUKE_STATE_FAKE_H
#define LIUKE_STATE_FAKE_H
#include "store/events/state.h"

typedef void StateFakeEach(void *arg, const EntryHead *);
/* segments, then the tail; nobody appends */
Status state_fake_each(Cx *, Events *, StateFakeEach *, void *arg) MUST_USE;
#endif
