/* demo: 一页书 (One Page), a small simulated reading app: four weeks of visitors up to now, then a trickle of live ones.
 *
 * Everything follows from a seed and the day, so starting again adds only what is new: events carry message keys. */
#ifndef LIUKE_DEMO_H
#define LIUKE_DEMO_H
#include "main/instance.h"

/* One step: the history, in pieces, then what happens now. NOT_FOUND: nothing for the moment. */
Status demo_step(Cx *, Instance *) MUST_USE;
#endif
