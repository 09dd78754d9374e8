#include "store/events/person.h"
#include "base/arena.h"
#include "store/events/state_in.h"
#include <stdlib.h>
#include <string.h>

Hash128 person_root(State *s, Hash128 actor)
{
    Cx cx = { 0 };                                         /* only memory can fail: then what is indexed has to do */
    uint32_t number;
    PeopleView *v;
    pthread_mutex_lock(&s->lock);
    (void)!state_index(&cx, s);
    if (actors_find(s->actors, actor, &number) && state_view(&cx, s, &v) == ST_OK) {
        actor = actors_key(s->actors, joins_root(v, number));
        joins_view_done(v);
    }
    pthread_mutex_unlock(&s->lock);
    return actor;
}
/* Numbers of all actors whose root this is, the root first. */
static Status members(Cx *cx, const PeopleView *v, uint32_t root, uint32_t **ret, size_t *ret_n)
{
    size_t n = 1;
    for (size_t i = 0; i < v->n_link; i++) n += joins_root(v, (uint32_t)(v->link[i] >> 32)) == root;
    uint32_t *all = ARENA_MANY(cx->arena, uint32_t, n), k = 0;
    if (!all) return fail(cx, ST_NO_MEM, "person: %zu actors", n);
    all[k++] = root;
    for (size_t i = 0; i < v->n_link; i++) {
        uint32_t a = (uint32_t)(v->link[i] >> 32);
        bool known = joins_root(v, a) != root;             /* an actor may have been joined, parted and joined again */
        for (size_t m = 0; m < k && !known; m++) known = all[m] == a;
        if (!known) all[k++] = a;
    }
    *ret = all;
    *ret_n = k;
    return ST_OK;
}
Status person_actors(Cx *cx, State *s, Hash128 root, const Hash128 **ret, size_t *ret_n)
{
    Snapshot snap;
    uint32_t number, *all;
    size_t n = 0;
    TRY(snapshot_take(cx, s, &snap));
    Status st = snapshot_actor(&snap, root, &number) ? members(cx, snap.people, number, &all, &n) : ST_OK;
    Hash128 *keys = st == ST_OK ? ARENA_MANY(cx->arena, Hash128, n + 1) : NULL;
    if (st == ST_OK && !keys) st = fail(cx, ST_NO_MEM, "person: %zu actors", n);
    if (st == ST_OK) {
        keys[0] = root;                                    /* also when nothing was ever heard of it */
        for (size_t i = 1; i < n; i++) keys[i] = snapshot_key(&snap, all[i]);
        *ret = keys;
        *ret_n = n ? n : 1;
    }
    snapshot_done(cx, &snap);
    return st;
}

/* ---- timeline ---- */

/* The newest events so far, newest first. */
typedef struct Timeline { Event *p; size_t n,
    limit; int64_t before; uint32_t root; const Snapshot *snap; Cx *cx; } Timeline;
static bool room_for(const Timeline *t, int64_t time)
{
    return time < t->before && (t->n < t->limit || time > t->p[t->n - 1].time);
}
static bool keep_text(Cx *cx, Str *s)
{
    *s = arena_str(cx->arena, *s);
    return s->p != NULL;
}
static bool keep_prop(Cx *cx, Prop *p)
{
    if (!keep_text(cx, &p->name)) return false;
    if (p->kind == PROP_STR) return keep_text(cx, &p->s);
    if (p->kind != PROP_LIST) return true;
    Str *items = ARENA_MANY(cx->arena, Str, p->list.n);
    for (size_t i = 0; items && i < p->list.n; i++) {
        items[i] = p->list.p[i];
        if (!keep_text(cx, &items[i])) return false;
    }
    p->list.p = items;
    return items != NULL;
}
/* A copy that outlives the snapshot, put where its time belongs. */
static Status keep(Timeline *t, const Event *e)
{
    Event copy = *e;
    Prop *props = ARENA_MANY(t->cx->arena, Prop, e->n_props);
    bool fine = props && keep_text(t->cx, &copy.name);
    for (size_t i = 0; fine && i < e->n_props; i++) {
        props[i] = e->props[i];
        fine = keep_prop(t->cx, &props[i]);
    }
    if (!fine) return fail(t->cx, ST_NO_MEM, "person: an event");
    copy.props = props;
    copy.sealed = (Str){ 0 };
    size_t i = t->n < t->limit ? t->n++ : t->n - 1;
    for (; i > 0 && t->p[i - 1].time < copy.time; i--) t->p[i] = t->p[i - 1];
    t->p[i] = copy;
    return ST_OK;
}
static Status from_tail(Timeline *t, int which)
{
    size_t left = t->snap->rows[which], used;
    for (const TailPage *p = left ? t->snap->tail[which]->first : NULL; left; p = left ? p->next : NULL)
        for (size_t i = 0; i < TAIL_PAGE && left; i++, left--) {
            const TailRow *r = &p->rows[i];
            Entry e;
            if (joins_root(t->snap->people, r->actor) != t->root || !room_for(t, r->time)) continue;
            TRY(entry_get(t->cx, (Str){ r->at, r->size }, &e, &used));
            TRY(keep(t, &e.event));
        }
    return ST_OK;
}
static Status from_block(Timeline *t, Block *b, uint32_t person)
{
    BlockEvents events;
    bool open = false;
    Status st = ST_OK;
    for (uint32_t i = b->first[person + 1]; st == ST_OK && i-- > b->first[person];) {
        Event e;
        if (joins_root(t->snap->people, b->actor[i]) != t->root || !room_for(t, b->time[i])) continue;
        if (!open) st = segment_events(t->cx, b, &events);
        open = open || st == ST_OK;
        if (st == ST_OK) st = segment_event(t->cx, &events, i, &e);
        if (st != ST_OK) break;
        e.actor = snapshot_key(t->snap, b->actor[i]);
        st = keep(t, &e);
    }
    if (open) segment_events_done(&events);
    return st;
}
/* The blocks that may hold a key: they are sorted, a person may go over several. */
static Status from_key(Timeline *t, Segment *s, Block *b, uint32_t key)
{
    uint32_t lo = 0, hi = s->n_blocks;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (s->blocks[mid].last_key < key) lo = mid + 1;
        else hi = mid;
    }
    for (; lo < s->n_blocks && s->blocks[lo].first_key <= key; lo++) {
        if (s->blocks[lo].min >= t->before) continue;
        TRY(segment_block(t->cx, s, lo, b));
        TRY(segment_block_actors(t->cx, b));
        for (uint32_t p = 0; p < b->n_people && b->key[p] <= key; p++)
            if (b->key[p] == key) TRY(from_block(t, b, p));
    }
    return ST_OK;
}
/* Under whom the person's events may stand: whoever was ever joined to one of its actors, directly or through
 * others. */
static Status keys_of(Cx *cx, const PeopleView *v, uint32_t root, uint32_t **ret, size_t *ret_n)
{
    uint32_t *all;
    size_t n;
    TRY(members(cx, v, root, &all, &n));
    size_t cap = n + v->n_link;
    uint32_t *more = ARENA_MANY(cx->arena, uint32_t, cap);
    if (!more) return fail(cx, ST_NO_MEM, "person: keys");
    memcpy(more, all, n * sizeof *more);
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t i = 0; i < v->n_link; i++) {
            uint32_t anon = (uint32_t)(v->link[i] >> 32), user = (uint32_t)v->link[i];
            bool from = false, to = false;
            for (size_t k = 0; k < n; k++) from |= more[k] == anon, to |= more[k] == user;
            if (!from || to) continue;                     /* events go up the links only */
            more[n++] = user;
            grew = true;
        }
    }
    *ret = more;
    *ret_n = n;
    return ST_OK;
}
static Status timeline(Cx *cx, Timeline *t, Block *b)
{
    uint32_t *keys;
    size_t n;
    TRY(keys_of(cx, t->snap->people, t->root, &keys, &n));
    TRY(from_tail(t, 1));
    TRY(from_tail(t, 0));
    for (size_t i = t->snap->set->n; i-- > 0;) {
        Segment *s = t->snap->set->segs[i];
        if (s->damaged || s->info.first >= t->before || (t->n == t->limit && s->info.last <= t->p[t->n - 1].time))
            continue;
        for (size_t k = 0; k < n; k++) {
            Status st = from_key(t, s, b, segment_key(keys[k]));
            /* damage is told by the stats and by answers */
            if (st != ST_OK && !(st == ST_IO && s->damaged)) return st;
        }
    }
    return ST_OK;
}
Status person_timeline(Cx *cx, State *s, Hash128 root, int64_t before, size_t limit, const Event **ret, size_t *ret_n)
{
    Snapshot snap;
    Block b = { 0 };
    TRY(snapshot_take(cx, s, &snap));
    Timeline t = { .limit = limit, .before = before, .snap = &snap, .cx = cx, .p = ARENA_MANY(cx->arena, Event,
        limit + 1) };
    Status st = t.p ? ST_OK : fail(cx, ST_NO_MEM, "person: %zu events", limit);
    bool known = limit && snapshot_actor(&snap, root, &t.root) && !(joins_flags(snap.people, t.root) & PERSON_ERASED);
    if (st == ST_OK && known) st = timeline(cx, &t, &b);
    segment_block_done(&b);
    snapshot_done(cx, &snap);
    *ret = t.p;
    *ret_n = t.n;
    return st;
}
