/* people_set: a set of people as bits by the number of their root, as of one PeopleView. */
#ifndef LIUKE_PEOPLE_SET_H
#define LIUKE_PEOPLE_SET_H
#include "base/base.h"

typedef struct PeopleSet { uint32_t n; uint64_t *bits; } PeopleSet;      /* heap; roots at n and above are not in it */
Status people_set_new(Cx *, uint32_t n, PeopleSet *ret) MUST_USE;        /* empty, room for roots below n */
void   people_set_done(PeopleSet *);
static inline bool people_set_has(const PeopleSet *s, uint32_t root)
{
    return root < s->n && (s->bits[root >> 6] >> (root & 63) & 1);
}
static inline void people_set_add(PeopleSet *s, uint32_t root)           /* root < n */
{
    s->bits[root >> 6] |= UINT64_C(1) << (root & 63);
}
void   people_set_and(PeopleSet *to, const PeopleSet *);
void   people_set_or(PeopleSet *to, const PeopleSet *);                  /* of equal n */
void   people_set_minus(PeopleSet *to, const PeopleSet *);
size_t people_set_count(const PeopleSet *);
#endif
