#include "store/events/ask.h"
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
/* What the state knows to be missing, and the damaged files of the log. */
static Status add_log(Cx *cx, Events *e, Answer *a)
{
    const Str *log;
    size_t n;
    TRY(events_missing(cx, e, &log, &n));
    if (n == 0) return ST_OK;
    Str *all = ARENA_MANY(cx->arena, Str, a->n_missing + n);
    if (!all) return fail(cx, ST_NO_MEM, "ask: what is missing");
    for (size_t i = 0; i < a->n_missing; i++) all[i] = a->missing[i];
    for (size_t i = 0; i < n; i++) all[a->n_missing + i] = log[i];
    a->missing = all;
    a->n_missing += n;
    return ST_OK;
}
Status ask_run(Cx *cx, Events *e, Str question, Answer *ret)
{
    Answer a;
    TRY(ask_state(cx, events_state(e), question, &a));
    TRY(add_log(cx, e, &a));
    *ret = a;
    return ST_OK;
}
