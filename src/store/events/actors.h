/* actors: the 128-bit key of every actor seen ↔ a dense number, in order of first appearance.
 *
 * Numbers exist only inside one node's engine and never change: segments hold them. DIR/actors is append-only, one
 * checked frame of keys a flush; how much of it counts is said by the manifest, so what a crash left behind it is
 * written over. A damaged frame keeps its numbers and loses its keys: those actors, seen again, get new numbers.
 * One thread at a time, but actors_key() may be called by any thread for numbers below a count it has seen. */
#ifndef LIUKE_ACTORS_H
#define LIUKE_ACTORS_H
#include "store/events/events.h"

typedef struct Actors Actors;
Status   actors_open(Cx *, Fs, const char *dir, int64_t counted, Actors **ret) MUST_USE;
void     actors_close(Actors *);                          /* NULL is fine */
uint32_t actors_count(const Actors *);
uint32_t actors_counted(const Actors *);                  /* as the manifest says: in the file, committed */
bool     actors_damaged(const Actors *);                  /* some keys were lost */
Hash128  actors_key(const Actors *, uint32_t number);
bool     actors_find(const Actors *, Hash128, uint32_t *ret);
Status   actors_number(Cx *, Actors *, Hash128, uint32_t *ret) MUST_USE;   /* a new one where there is none */
/* Append and sync the keys up to a number; they count once actors_commit() was told so. Any thread, one at a time. */
Status   actors_write(Cx *, Actors *, uint32_t upto) MUST_USE;
void     actors_commit(Actors *, uint32_t upto);
#endif
