#include "store/events/state_in.h"

static Status take(Cx *cx, State *s, Snapshot *ret)
{
    TRY(state_index(cx, s));
    *ret = (Snapshot){ .state = s, .actors = actors_count(s->actors) };
    TRY(state_view(cx, s, &ret->people));
    Tail *tails[2] = { s->old, s->cur };
    for (int i = 0; i < 2; i++) {
        if (!tails[i]) continue;
        ret->tail[i] = tail_ref(tails[i]);
        ret->rows[i] = tails[i]->n;
        if (tails[i]->received > ret->received) ret->received = tails[i]->received;
    }
    s->set->refs++;
    ret->set = s->set;
    for (size_t i = 0; i < s->set->n; i++)
        if (s->set->segs[i]->received > ret->received) ret->received = s->set->segs[i]->received;
    return ST_OK;
}
Status snapshot_take(Cx *cx, State *s, Snapshot *ret)
{
    pthread_mutex_lock(&s->lock);
    Status st = take(cx, s, ret);
    pthread_mutex_unlock(&s->lock);
    return st;
}
void snapshot_done(Cx *cx, Snapshot *snap)
{
    tail_done(snap->tail[0]);
    tail_done(snap->tail[1]);
    state_set_done(cx, snap->set);
    joins_view_done(snap->people);
    *snap = (Snapshot){ 0 };
}
bool snapshot_name(const Snapshot *snap, Str name, uint32_t *ret)
{
    pthread_mutex_lock(&snap->state->lock);
    bool found = dict_find(&snap->state->names, name, ret);
    pthread_mutex_unlock(&snap->state->lock);
    return found;
}
bool snapshot_actor(const Snapshot *snap, Hash128 key, uint32_t *ret)
{
    pthread_mutex_lock(&snap->state->lock);
    bool found = actors_find(snap->state->actors, key, ret);
    pthread_mutex_unlock(&snap->state->lock);
    return found;
}
Hash128 snapshot_key(const Snapshot *snap, uint32_t actor) { return actors_key(snap->state->actors, actor); }
