#include "store/events/people_set.h"
#include "base/arena.h"

static size_t words(const PeopleSet *s) { return ((size_t)s->n + 63) / 64; }
Status people_set_new(Cx *cx, uint32_t n, PeopleSet *ret)
{
    PeopleSet s = { .n = n };
    s.bits = mem_get((words(&s) + 1) * sizeof *s.bits);
    if (!s.bits) return fail(cx, ST_NO_MEM, "a set of %u people", n);
    *ret = s;
    return ST_OK;
}
void people_set_done(PeopleSet *s)
{
    mem_free(s->bits);
    *s = (PeopleSet){ 0 };
}
void people_set_and(PeopleSet *to, const PeopleSet *s)
{
    for (size_t i = 0; i < words(to); i++) to->bits[i] &= s->bits[i];
}
void people_set_or(PeopleSet *to, const PeopleSet *s)
{
    for (size_t i = 0; i < words(to); i++) to->bits[i] |= s->bits[i];
}
void people_set_minus(PeopleSet *to, const PeopleSet *s)
{
    for (size_t i = 0; i < words(to); i++) to->bits[i] &= ~s->bits[i];
}
size_t people_set_count(const PeopleSet *s)
{
    size_t n = 0;
    for (size_t i = 0; i < words(s); i++) n += (size_t)__builtin_popcountll(s->bits[i]);
    return n;
}
