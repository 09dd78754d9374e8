#include "store/events/person.h"
#include "store/events/scan.h"

Hash128 events_root(Events *e, Hash128 actor) { return person_root(events_state(e), actor); }
Status events_actors(Cx *cx, Events *e, Hash128 root, const Hash128 **ret, size_t *ret_n)
{
    return person_actors(cx, events_state(e), root, ret, ret_n);
}
Status events_timeline(Cx *cx, Events *e, Hash128 root, int64_t before, size_t limit, const Event **ret, size_t *ret_n)
{
    return person_timeline(cx, events_state(e), root, before, limit, ret, ret_n);
}
typedef struct Each { EventsRow *each; void *arg; const Snapshot *snap; } Each;
static Status each_row(Cx *cx, void *arg, uint32_t root, uint32_t actor, const Event *event)
{
    const Each *e = arg;
    (void)actor;
    return e->each(cx, e->arg, snapshot_key(e->snap, root), event);
}
Status events_scan(Cx *cx, Events *e, int64_t from, int64_t to, EventsRow *each, void *arg)
{
    Snapshot snap;
    TRY(snapshot_take(cx, events_state(e), &snap));
    Status st = scan_rows(cx, &snap, from, to, true, each_row, &(Each){ each, arg, &snap });
    snapshot_done(cx, &snap);
    return st;
}
