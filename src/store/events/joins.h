/* joins: which actors are one person, and what is said of them. A projection of the log's joins, undos and flags.
 *
 * A join hangs one actor under another (anon → user); a person is a tree named by its root. Undoing takes the one link
 * away, whatever hangs below keeps hanging. A join is refused (and the actor marked shared) when the actor belongs to
 * somebody else, has itself been a user and the join is not trusted, or the user has its public joins full.
 * DIR/map-<id> is the whole of it, checked, written anew by a flush when something changed.
 * One thread at a time; a PeopleView is immutable and may be read by any. */
#ifndef LIUKE_JOINS_H
#define LIUKE_JOINS_H
#include "base/buf.h"
#include "store/events/events.h"

typedef struct Joins Joins;
Joins   *joins_new(void);                                 /* NULL: no memory */
void     joins_free(Joins *);
Status   joins_load(Cx *, Joins *, Str file) MUST_USE;    /* IO: damaged */
void     joins_save(const Joins *, Buf *);
/* Replaying one again changes nothing. Only memory can fail, and then nothing happened. */
Status   joins_add(Cx *, Joins *, const Join *, uint32_t anon, uint32_t user) MUST_USE;
void     joins_undo(Joins *, int64_t join);
Status   joins_flag(Cx *, Joins *, uint32_t actor, uint8_t set, uint8_t clear) MUST_USE;
uint64_t joins_changes(const Joins *);                    /* grows with every change of what joins_save() writes */

typedef struct JoinsCount { int64_t effective, refused, shared; } JoinsCount;
JoinsCount joins_count(const Joins *);

/* The map as it stood. Actors at n and above are their own root without flags. */
typedef struct PeopleView {
    _Atomic int refs;
    uint32_t  n;
    uint64_t  moves;             /* effective joins and undos so far: equal moves, equal roots */
    uint64_t  changes;
    uint32_t *root;
    uint8_t  *flags;             /* by root: PERSON_* of all its actors together */
    uint64_t *link;              /* every pair ever joined, undone ones too: anon << 32 | user */
    size_t    n_link;
} PeopleView;
Status   joins_view(Cx *, const Joins *, PeopleView **ret) MUST_USE;      /* one reference; cost: a step an actor */
PeopleView *joins_view_ref(PeopleView *);
void     joins_view_done(PeopleView *);                   /* NULL is fine */
static inline uint32_t joins_root(const PeopleView *v, uint32_t a) { return a < v->n ? v->root[a] : a; }
static inline uint8_t  joins_flags(const PeopleView *v, uint32_t root) { return root < v->n ? v->flags[root] : 0; }
#endif
