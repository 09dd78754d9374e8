/* The event store's own state, read by the scan that exports are made with. */
#include "tests/crash/state_fake.h"

typedef struct Each { WorldEach *each; void *arg; } Each;
static Status one(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    const Each *to = arg;
    (void)cx;
    (void)root;
    uint64_t id = 0;
    for (size_t i = 0; i < e->n_props; i++) if (str_is(e->props[i].name, "id")) id = (uint64_t)e->props[i].i;
    to->each(to->arg, id);
    return ST_OK;
}
Status world_each(Cx *cx, Events *e, WorldEach *each, void *arg)
{
    return events_scan(cx, e, INT64_MIN, INT64_MAX, one, &(Each){ each, arg });
}
bool world_joined(Events *e, Hash128 anon, Hash128 user)
{
    Hash128 a = events_root(e, anon), b = events_root(e, user);
    return a.a == b.a && a.b == b.b;
}
