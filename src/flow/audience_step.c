#include "flow/audience_step.h"
#include "base/arena.h"
#include "base/id.h"
#include "base/limits.h"
#include "domain/audience/audience_saved.h"
#include "flow/outbox.h"
#include "store/events/state.h"
#include <stdlib.h>
#include <string.h>

enum { STEP_ENTRIES = 20000, TX_CHANGES = 500 };

/* ---- changes ---- */

/* A stay to begin or to end. tell: the log hears of it. */
typedef struct Change { AudienceStay stay; const AudienceSaved *of; bool enter, tell; } Change;
typedef struct Changes { Change *p; size_t n, cap; } Changes;
static Status change_add(Cx *cx, Changes *c, const Change *one)
{
    if (c->n == c->cap) {
        size_t cap = c->cap * 2 + 256;
        Change *p = mem_grow(c->p, cap * sizeof *p);
        if (!p) return fail(cx, ST_NO_MEM, "segments: changes");
        c->p = p;
        c->cap = cap;
    }
    c->p[c->n++] = *one;
    return ST_OK;
}
static Status tell(Cx *cx, const Change *c)
{
    char id[ID_TEXT_MAX + 1];
    OutboxFact facts[] = { { "segment", { id, id_text(AUDIENCE_PREFIX, c->of->id, id) } }, { "name", c->of->name } };
    return outbox_add(cx, &(OutboxNote){ .user = c->stay.actor, .flags = EVENT_SERVICE, .facts = facts,
        .n_facts = COUNT(facts), .event = c->enter ? S("$segment_entered") : S("$segment_left") });
}
static Status apply(Cx *cx, const Change *c)
{
    bool changed;
    TRY(c->enter ? audience_enter(cx, &c->stay, &changed) : audience_leave(cx, &c->stay, &changed));
    if (!changed) return ST_OK;
    TRY(audience_told(cx, c->of->id, c->of->version, c->enter ? 1 : -1, 0));
    return c->tell ? tell(cx, c) : ST_OK;
}
typedef struct Lot { const Change *p; size_t n; int64_t next; const AudienceSaved *counted; } Lot;
static Status lot_tx(Cx *cx, void *arg)
{
    const Lot *l = arg;
    for (size_t i = 0; i < l->n; i++) TRY(apply(cx, &l->p[i]));
    if (l->counted) TRY(audience_told(cx, l->counted->id, l->counted->version, 0, cx->now));
    if (l->next < 0) return ST_OK;
    return db_run(cx, SQL("INSERT INTO position(consumer, pos) VALUES ('audience', $1)"
                          " ON CONFLICT (consumer) DO UPDATE SET pos = excluded.pos"), BINDS(b_i64(l->next)));
}
/* In lots; what makes all of it count (position, time of the count) stands in the last one. */
static Status write(Cx *cx, const Changes *c, int64_t next, const AudienceSaved *counted)
{
    for (size_t i = 0;; i += TX_CHANGES) {
        bool last = c->n - i <= TX_CHANGES;
        Lot l = { .p = c->p + i, .n = last ? c->n - i : TX_CHANGES, .next = last ? next : -1,
            .counted = last ? counted : NULL };
        TRY(tx_run(cx, lot_tx, &l));
        if (last) return ST_OK;
    }
}

/* ---- a segment as a whole ---- */

typedef struct Count {
    Cx *cx;
    const Snapshot *snap;
    const AudienceSaved *of;
    PeopleSet now, seen;         /* who is in it; whose stay is open already */
    Changes changes;
} Count;
static bool erased(const Snapshot *snap, uint32_t root) { return joins_flags(snap->people, root) & PERSON_ERASED; }
/* An open stay: it goes on, ends, or is now another root's. */
static Status stay_look(Count *c, const AudienceStay *s)
{
    uint32_t actor = UINT32_MAX, root;
    bool known = snapshot_actor(c->snap, s->actor, &actor);
    root = known ? joins_root(c->snap->people, actor) : UINT32_MAX;
    bool in = known && people_set_has(&c->now, root), told = c->of->counted > 0;
    if (in && root == actor) {
        people_set_add(&c->seen, root);
        return ST_OK;
    }
    Change leave = { .stay = *s, .of = c->of, .tell = told && !in && known && !erased(c->snap, root) };
    leave.stay.gone = c->cx->now;
    TRY(change_add(c->cx, &c->changes, &leave));
    if (!in) return ST_OK;
    Change moved = { .stay = *s, .of = c->of, .enter = true };
    moved.stay.actor = snapshot_key(c->snap, root);
    return change_add(c->cx, &c->changes, &moved);
}
static Status stays_look(Count *c)
{
    Hash128 after;
    bool first = true;
    for (;;) {
        const AudienceStay *some;
        size_t n;
        TRY(audience_people(c->cx, c->of->id, first ? NULL : &after, 2000, &some, &n));
        for (size_t i = 0; i < n; i++) TRY(stay_look(c, &some[i]));
        if (n == 0) return ST_OK;
        after = some[n - 1].actor;
        first = false;
    }
}
static Status newcomers(Count *c)
{
    people_set_minus(&c->now, &c->seen);
    for (uint32_t i = 0; i < c->now.n; i++) {
        if (!people_set_has(&c->now, i)) continue;
        Change enter = { .of = c->of, .enter = true, .tell = c->of->counted > 0, .stay = { .audience = c->of->id,
            .actor = snapshot_key(c->snap, i), .entered = c->cx->now } };
        TRY(change_add(c->cx, &c->changes, &enter));
    }
    return ST_OK;
}
static Status count_open(Count *c, const AudienceScope *scope)
{
    AudienceScope own = *scope;
    const Audience *a;
    own.self = c->of->id;
    int64_t at = c->of->kind == AUDIENCE_FROZEN ? c->of->created : c->cx->now;
    TRY(audience_parse(c->cx, &own, c->of->expression, "expression", AUDIENCE_OF_PEOPLE, &a));
    TRY(audience_everyone(c->cx, c->snap, a, at, NULL, &c->now));
    return people_set_new(c->cx, c->now.n, &c->seen);
}
static Status count(Cx *cx, Events *ev, const AudienceScope *scope, const AudienceSaved *of)
{
    Snapshot snap;
    Count c = { .cx = cx, .snap = &snap, .of = of };
    TRY(snapshot_take(cx, events_state(ev), &snap));
    Status st = count_open(&c, scope);
    if (st == ST_OK) st = stays_look(&c);
    if (st == ST_OK) st = newcomers(&c);
    if (st == ST_INVALID || st == ST_CONFLICT) st = ST_OK;      /* cannot be read any more: its people stay */
    snapshot_done(cx, &snap);
    if (st == ST_OK) st = write(cx, &c.changes, -1, of);
    people_set_done(&c.now);
    people_set_done(&c.seen);
    mem_free(c.changes.p);
    return st;
}

/* ---- whoever the log speaks of ---- */

typedef struct Step {
    Cx     *cx;
    Hash128 actors[AUDIENCE_STEP_PEOPLE + 2];    /* an entry is about two at most */
    size_t  n;
    int64_t seen, from, next;
    bool    parted;              /* a join was undone */
    uint32_t roots[AUDIENCE_STEP_PEOPLE + 2];
    size_t  n_roots;
    Snapshot snap;
    const AudienceSaved *live; size_t n_live;
    const AudienceStay *stays; size_t n_stays;   /* open ones, in order */
    bool   *holds;               /* of each root and live segment */
    Changes changes;
} Step;
static void about(Step *s, Hash128 actor)
{
    bool same = s->n && s->actors[s->n - 1].a == actor.a && s->actors[s->n - 1].b == actor.b;
    if (!same) s->actors[s->n++] = actor;
}
static Status collect(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Step *s = arg;
    (void)cx; (void)pos;
    if (s->n >= AUDIENCE_STEP_PEOPLE || ++s->seen > STEP_ENTRIES) return ST_NOT_FOUND;
    switch (e->kind) {
    case ENTRY_EVENT:
        if (!(e->event.flags & EVENT_SERVICE)) about(s, e->event.actor);
        break;
    case ENTRY_JOIN:
        about(s, e->join.anon);
        about(s, e->join.user);
        break;
    case ENTRY_UNJOIN:
        s->parted = true;
        break;
    case ENTRY_FLAG:
        about(s, e->flag.actor);
        break;
    }
    return ST_OK;
}
static int by_key(const void *a, const void *b) { return memcmp(a, b, sizeof(Hash128)); }
static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}
static int by_stay(const void *a, const void *b)
{
    const AudienceStay *x = a, *y = b;
    int c = memcmp(&x->actor, &y->actor, sizeof x->actor);
    return c ? c : (x->audience > y->audience) - (x->audience < y->audience);
}
static size_t keep_unique(void *all, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
    char *p = all;
    size_t kept = 0;
    if (n) qsort(p, n, size, cmp);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || cmp(p + (kept - 1) * size, p + i * size) != 0) memmove(p + kept++ * size, p + i * size, size);
    return kept;
}
/* The people the actors are of, and all their open stays. */
static Status people_find(Step *s)
{
    Hash128 *keys = ARENA_MANY(s->cx->arena, Hash128, 2 * s->n + 1);
    AudienceStay *stays;
    uint32_t number;
    size_t n = 0;
    if (!keys) return fail(s->cx, ST_NO_MEM, "segments: people");
    for (size_t i = 0; i < s->n; i++) {
        if (!snapshot_actor(&s->snap, s->actors[i], &number)) continue;
        s->roots[s->n_roots++] = joins_root(s->snap.people, number);
        keys[n++] = s->actors[i];
        keys[n++] = snapshot_key(&s->snap, s->roots[s->n_roots - 1]);
    }
    s->n_roots = keep_unique(s->roots, s->n_roots, sizeof *s->roots, by_number);
    n = keep_unique(keys, n, sizeof *keys, by_key);
    TRY(audience_stays(s->cx, keys, n, &s->stays, &s->n_stays));
    stays = ARENA_MANY(s->cx->arena, AudienceStay, s->n_stays + 1);
    if (!stays) return fail(s->cx, ST_NO_MEM, "segments: stays");
    if (s->n_stays) memcpy(stays, s->stays, s->n_stays * sizeof *stays);
    if (s->n_stays) qsort(stays, s->n_stays, sizeof *stays, by_stay);
    s->stays = stays;
    return ST_OK;
}
static Status people_ask(Step *s, const AudienceScope *scope)
{
    Str *texts = ARENA_MANY(s->cx->arena, Str, s->n_live + 1);
    bool *bad = ARENA_MANY(s->cx->arena, bool, s->n_live + 1);
    const Audience *all;
    s->holds = ARENA_MANY(s->cx->arena, bool, s->n_live * s->n_roots + 1);
    if (!texts || !bad || !s->holds) return fail(s->cx, ST_NO_MEM, "segments: people");
    for (size_t i = 0; i < s->n_live; i++) texts[i] = s->live[i].expression;
    TRY(audience_parse_many(s->cx, scope, texts, s->n_live, &all, bad));
    for (size_t i = 0; i < s->n_roots; i++)
        TRY(audience_person_each(s->cx, &s->snap, all, s->cx->now, s->roots[i], s->holds + i * s->n_live));
    return ST_OK;
}
static const AudienceStay *stay_of(const Step *s, int64_t audience, Hash128 actor)
{
    AudienceStay key = { .audience = audience, .actor = actor };
    return s->n_stays ? bsearch(&key, s->stays, s->n_stays, sizeof key, by_stay) : NULL;
}
static Status person_compare(Step *s, size_t i)
{
    Hash128 actor = snapshot_key(&s->snap, s->roots[i]);
    for (size_t k = 0; k < s->n_live; k++) {
        const AudienceSaved *of = &s->live[k];
        bool holds = s->holds[i * s->n_live + k], told = of->counted > 0;
        const AudienceStay *open = stay_of(s, of->id, actor);
        if (holds == (open != NULL)) continue;
        Change c = { .of = of, .enter = holds, .tell = told && !erased(&s->snap, s->roots[i]), .stay = {
            .audience = of->id, .actor = actor, .entered = s->cx->now, .gone = s->cx->now } };
        TRY(change_add(s->cx, &s->changes, &c));
    }
    return ST_OK;
}
/* The stay of an actor that is now somebody else's: the other one's begins where it began, and it ends unheard. */
static Status stay_move(Step *s, const AudienceStay *stay)
{
    uint32_t actor;
    size_t k = 0;
    if (!snapshot_actor(&s->snap, stay->actor, &actor)) return ST_OK;
    uint32_t root = joins_root(s->snap.people, actor);
    if (root == actor) return ST_OK;
    while (k < s->n_live && s->live[k].id != stay->audience) k++;
    uint32_t *at = bsearch(&root, s->roots, s->n_roots, sizeof root, by_number);
    if (k == s->n_live || !at) return ST_OK;      /* a frozen one keeps its people by their first name */
    Change leave = { .of = &s->live[k], .stay = *stay }, enter = leave;
    leave.stay.gone = s->cx->now;
    TRY(change_add(s->cx, &s->changes, &leave));
    if (!s->holds[(size_t)(at - s->roots) * s->n_live + k]) return ST_OK;
    enter.enter = true;
    enter.stay.actor = snapshot_key(&s->snap, root);
    return change_add(s->cx, &s->changes, &enter);
}
static Status look(Step *s, const AudienceScope *scope)
{
    TRY(audience_live(s->cx, &s->live, &s->n_live));
    if (!s->n_live) return ST_OK;
    TRY(people_find(s));
    TRY(people_ask(s, scope));
    for (size_t i = 0; i < s->n_stays; i++) TRY(stay_move(s, &s->stays[i]));     /* first: what moves is no newcomer */
    for (size_t i = 0; i < s->n_roots; i++) TRY(person_compare(s, i));
    return ST_OK;
}
static Status parted_tx(Cx *cx, void *arg)
{
    (void)arg;
    return audience_recount(cx);
}
static Status follow(Step *s, Events *ev, const AudienceScope *scope)
{
    Cx *cx = s->cx;
    Status st = db_i64(cx, SQL("SELECT pos FROM position WHERE consumer = 'audience'"), NO_BINDS, &s->from);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    TRY(events_read_heads(cx, ev, s->from, collect, s, &s->next));
    events_keep_from(ev, s->from);
    if (s->next == s->from) return ST_NOT_FOUND;
    if (s->parted) TRY(tx_run(cx, parted_tx, NULL));
    s->n = keep_unique(s->actors, s->n, sizeof *s->actors, by_key);
    TRY(snapshot_take(cx, events_state(ev), &s->snap));
    st = look(s, scope);
    snapshot_done(cx, &s->snap);
    if (st == ST_OK) st = write(cx, &s->changes, s->next, NULL);
    mem_free(s->changes.p);
    return st;
}
Status audience_step(Cx *cx, Events *ev, const AudienceScope *scope)
{
    AudienceSaved due;
    Status st = audience_due(cx, cx->now - AUDIENCE_REFRESH_MS, &due);
    if (st == ST_OK) return count(cx, ev, scope, &due);
    if (st != ST_NOT_FOUND) return st;
    Step *s = ARENA_NEW(cx->arena, Step);
    if (!s) return fail(cx, ST_NO_MEM, "segments: step");
    s->cx = cx;
    return follow(s, ev, scope);
}
