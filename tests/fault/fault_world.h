/* fault_world: a World that costs little to begin with, because every step of a flow that may fail gets one of its own.
 *
 * The folder is copied from one made once (records migrated, the source "web", its key file), in memory where the
 * machine has /dev/shm, so that syncs cost nothing; SQLite only. */
#ifndef LIUKE_FAULT_WORLD_H
#define LIUKE_FAULT_WORLD_H
#include "tests/api/api_world.h"

void fault_world_open(World *);           /* w->cx is the world's own */
void fault_world_close(World *);
void fault_world_events(World *, bool open);          /* close or open what world_again() opens and closes */
/* All of it from the files on, as a start does; w->cx stays. On an error nothing stays open. */
Status fault_world_start(World *) MUST_USE;
void fault_world_stop(World *);
#endif
