#include "base/arena.h"
#include "domain/audience/audience_in.h"
#include "domain/audience/audience_trait.h"

/* ---- behaviour, by the same fold for everybody and for one ---- */

typedef struct BehaviourFold {
    Fold  fold;
    const Audience      *a;
    const AudienceScan  *scan;
    const AudienceRange *range;  /* of each behaviour of the expression */
    int64_t    now;
    PeopleSet *differ;           /* of each behaviour of the scan: for whom it is not as for people without events */
    bool      *holds;            /* instead of differ, of one person: by number of the behaviour */
} BehaviourFold;
static void fold_person(Fold *fold, const Span *s)
{
    BehaviourFold *f = (BehaviourFold *)fold;
    for (size_t i = f->scan->first; i < f->scan->end; i++) {
        const Behaviour *b = f->a->behaviours[i];
        bool holds = behaviour_holds(b, &f->a->scope, f->range[i], f->now, s);
        if (f->holds) f->holds[i] = holds;
        else if (holds != b->none) people_set_add(&f->differ[i - f->scan->first], s->root);
    }
}
static void fold_merge(Fold *to, Fold *from)
{
    BehaviourFold *t = (BehaviourFold *)to, *f = (BehaviourFold *)from;
    for (size_t i = 0; i < t->scan->end - t->scan->first; i++) people_set_or(&t->differ[i], &f->differ[i]);
}
static void fold_done(Fold *fold)
{
    BehaviourFold *f = (BehaviourFold *)fold;
    for (size_t i = 0; f->differ && i < f->scan->end - f->scan->first; i++) people_set_done(&f->differ[i]);
    mem_free(f->differ);
    mem_free(f);
}
static Status fold_new(Cx *cx, const BehaviourFold *like, uint32_t n, BehaviourFold **ret)
{
    BehaviourFold *f = mem_get(sizeof *f);
    if (!f) return fail(cx, ST_NO_MEM, "audience: a fold");
    *f = *like;
    size_t sets = f->scan->end - f->scan->first;
    f->differ = mem_get(sets * sizeof *f->differ);
    Status st = f->differ ? ST_OK : fail(cx, ST_NO_MEM, "audience: a fold");
    for (size_t i = 0; st == ST_OK && i < sets; i++) st = people_set_new(cx, n, &f->differ[i]);
    if (st == ST_OK) *ret = f;
    else fold_done(&f->fold);
    return st;
}
static Status fold_fork(Cx *cx, const Fold *like, Fold **ret)
{
    const BehaviourFold *l = (const BehaviourFold *)like;
    BehaviourFold *f;
    TRY(fold_new(cx, l, l->differ[0].n, &f));
    *ret = &f->fold;
    return ST_OK;
}
static const AudienceRange *ranges_of(Cx *cx, const Audience *a, int64_t now)
{
    AudienceRange *r = ARENA_MANY(cx->arena, AudienceRange, a->n_behaviours + 1);
    for (size_t i = 0; r && i < a->n_behaviours; i++)
        r[i] = behaviour_range(&a->scope, &a->behaviours[i]->window, now);
    return r;
}
static ScanPlan plan_of(const Audience *a, const AudienceScan *s, const AudienceRange *r, int64_t now)
{
    ScanPlan p = { .sel = &s->sel, .slots = s->slots, .n_slots = s->n_slots, .from = INT64_MAX, .to = now + 1 };
    for (size_t i = s->first; i < s->end; i++) {
        int64_t from = behaviour_from(a->behaviours[i], r[i]);
        if (from < p.from) p.from = from;
    }
    p.count_from = p.from;
    return p;
}

/* ---- everybody ---- */

typedef struct Everyone {
    Cx *cx;
    const Snapshot *snap;
    const Audience *a;
    int64_t    now;
    ScanRun   *run;
    PeopleSet  known;
    PeopleSet *behaviours;       /* of each */
    AudienceTraits traits;
} Everyone;

Status audience_known(Cx *cx, const Snapshot *snap, const Audience *a, PeopleSet *ret)
{
    uint32_t n = snap->actors;
    uint8_t hide = SCAN_LEFT_OUT & (uint8_t)~a->reach;
    TRY(people_set_new(cx, n, ret));
    for (uint32_t i = 0; i < n; i++)
        if (joins_root(snap->people, i) == i && !(joins_flags(snap->people, i) & hide)) people_set_add(ret, i);
    return ST_OK;
}
static Status copy_of(Cx *cx, const PeopleSet *s, PeopleSet *ret)
{
    TRY(people_set_new(cx, s->n, ret));
    people_set_or(ret, s);
    return ST_OK;
}
static Status scan_everyone(Everyone *e, const AudienceScan *s, const AudienceRange *r, ScanTexts *texts)
{
    ScanPlan plan = plan_of(e->a, s, r, e->now);
    BehaviourFold like = { .fold = { .person = fold_person, .fork = fold_fork, .merge = fold_merge,
        .done = fold_done }, .a = e->a, .scan = s, .range = r, .now = e->now }, *f;
    ScanCount count;
    plan.run = e->run;
    plan.texts = texts;
    TRY(fold_new(e->cx, &like, e->known.n, &f));
    Status st = scan_fold(e->cx, e->snap, &plan, &f->fold, &count);
    for (size_t i = s->first; st == ST_OK && i < s->end; i++) {
        PeopleSet *differ = &f->differ[i - s->first];
        if (e->a->behaviours[i]->none) {
            st = copy_of(e->cx, &e->known, &e->behaviours[i]);
            if (st == ST_OK) people_set_minus(&e->behaviours[i], differ);
        } else {
            e->behaviours[i] = *differ;
            *differ = (PeopleSet){ 0 };
        }
    }
    fold_done(&f->fold);
    return st;
}
static Status scans(Everyone *e)
{
    const AudienceRange *r = ranges_of(e->cx, e->a, e->now);
    ScanTexts *texts;
    e->behaviours = ARENA_MANY(e->cx->arena, PeopleSet, e->a->n_behaviours + 1);
    if (!r || !e->behaviours) return fail(e->cx, ST_NO_MEM, "audience: scans");
    if (!e->a->n_scans) return ST_OK;
    TRY(scan_texts_new(e->cx, &texts));           /* a property to be summed up may be a text here and there */
    Status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < e->a->n_scans; i++) st = scan_everyone(e, &e->a->scans[i], r, texts);
    scan_texts_done(texts);
    return st;
}
static Status node_everyone(Everyone *e, const AudienceNode *node, PeopleSet *ret);
static Status group_everyone(Everyone *e, const AudienceNode *node, PeopleSet *to)
{
    for (size_t i = 0; i < node->n; i++) {
        PeopleSet kid = { 0 };
        TRY(node_everyone(e, &node->kids[i], &kid));
        if (node->kind == AUDIENCE_ALL) people_set_and(to, &kid);
        else if (node->kind == AUDIENCE_ANY) people_set_or(to, &kid);
        else people_set_minus(to, &kid);
        people_set_done(&kid);
    }
    return ST_OK;
}
static void flag_everyone(const Everyone *e, uint8_t flag, PeopleSet *to)
{
    for (uint32_t i = 0; i < to->n; i++) if (joins_flags(e->snap->people, i) & flag) people_set_add(to, i);
}
static Status leaf_everyone(Everyone *e, const AudienceNode *node, PeopleSet *to)
{
    switch (node->kind) {
    case AUDIENCE_TRAIT:     return audience_trait_everyone(&e->traits, node->trait, &node->pred, to);
    case AUDIENCE_FLAG:      flag_everyone(e, node->flag, to); return ST_OK;
    case AUDIENCE_MEMBERS:   return audience_frozen(e->cx, e->snap, node->list, to);
    case AUDIENCE_BEHAVIOUR: people_set_or(to, &e->behaviours[node->behaviour]); return ST_OK;
    case AUDIENCE_TERM:      return node->term->everyone(e->cx, e->snap, node->in, e->now, to);
    default:                 return group_everyone(e, node, to);
    }
}
static Status node_everyone(Everyone *e, const AudienceNode *node, PeopleSet *ret)
{
    PeopleSet s;
    bool all = node->kind == AUDIENCE_ALL || node->kind == AUDIENCE_NOT;
    TRY(all ? copy_of(e->cx, &e->known, &s) : people_set_new(e->cx, e->known.n, &s));
    Status st = leaf_everyone(e, node, &s);
    if (st == ST_OK) *ret = s;
    else people_set_done(&s);
    return st;
}
static Status everyone_open(Everyone *e, Cx *cx, const Snapshot *snap, const Audience *a, int64_t now, ScanRun *run)
{
    *e = (Everyone){ .cx = cx, .snap = snap, .a = a, .now = now, .run = run };
    TRY(audience_known(cx, snap, a, &e->known));
    TRY(audience_trait_open(cx, snap, run, a->traits, a->n_traits, &e->traits));
    return scans(e);
}
static void everyone_done(Everyone *e)
{
    for (size_t i = 0; e->behaviours && i < e->a->n_behaviours; i++) people_set_done(&e->behaviours[i]);
    people_set_done(&e->known);
    audience_trait_done(&e->traits);
}
Status audience_everyone(Cx *cx, const Snapshot *snap, const Audience *a, int64_t now, ScanRun *run, PeopleSet *ret)
{
    Everyone e;
    PeopleSet s = { 0 };
    Status st = everyone_open(&e, cx, snap, a, now, run);
    if (st == ST_OK) st = node_everyone(&e, &a->root, &s);
    if (st == ST_OK) {
        people_set_and(&s, &e.known);
        *ret = s;
    }
    everyone_done(&e);
    return st;
}

/* ---- one person ---- */

typedef struct One {
    Cx *cx;
    const Snapshot *snap;
    const Audience *a;
    int64_t  now;
    uint32_t root;
    bool    *holds, *scanned;    /* of each behaviour, of each scan */
    bool     hidden;             /* the person's events are not looked at */
    Prop    *traits;             /* of each; NULL: not read yet */
    const AudienceRange *range;
} One;
static Status behaviour_one(One *o, size_t number, bool *ret)
{
    const Audience *a = o->a;
    size_t i = 0;
    while (number >= a->scans[i].end) i++;
    const AudienceScan *s = &a->scans[i];
    if (!o->scanned[i]) {
        BehaviourFold f = { .fold = { .person = fold_person }, .a = a, .scan = s, .range = o->range, .now = o->now,
            .holds = o->holds };
        ScanPlan plan = plan_of(a, s, o->range, o->now);
        for (size_t b = s->first; b < s->end; b++) o->holds[b] = a->behaviours[b]->none;
        if (!o->hidden) TRY(scan_person(o->cx, o->snap, &plan, o->root, &f.fold));
        o->scanned[i] = true;
    }
    *ret = o->holds[number];
    return ST_OK;
}
static Status trait_one(One *o, const AudienceNode *node, bool *ret)
{
    const Audience *a = o->a;
    if (!o->traits) {
        Prop *all = ARENA_MANY(o->cx->arena, Prop, a->n_traits);
        if (!all) return fail(o->cx, ST_NO_MEM, "audience: traits");
        if (!o->hidden) TRY(audience_trait_person(o->cx, o->snap, a->traits, a->n_traits, o->root, all));
        o->traits = all;
    }
    *ret = selector_holds(&node->pred, &o->traits[node->trait]);
    return ST_OK;
}
static Status node_one(One *o, const AudienceNode *node, bool *ret);
static Status group_one(One *o, const AudienceNode *node, bool *ret)
{
    bool stop = node->kind == AUDIENCE_ANY, kid = !stop;
    for (size_t i = 0; i < node->n && kid != stop; i++) TRY(node_one(o, &node->kids[i], &kid));
    *ret = kid;
    return ST_OK;
}
static Status node_one(One *o, const AudienceNode *node, bool *ret)
{
    switch (node->kind) {
    case AUDIENCE_TRAIT:     return trait_one(o, node, ret);
    case AUDIENCE_FLAG:      *ret = joins_flags(o->snap->people, o->root) & node->flag; return ST_OK;
    case AUDIENCE_MEMBERS:   return audience_frozen_has(o->cx, o->snap, node->list, o->root, ret);
    case AUDIENCE_BEHAVIOUR: return behaviour_one(o, node->behaviour, ret);
    case AUDIENCE_TERM:      return node->term->person(o->cx, o->snap, node->in, o->now, o->root, ret);
    case AUDIENCE_NOT:
        TRY(node_one(o, node->kids, ret));
        *ret = !*ret;
        return ST_OK;
    default:                 return group_one(o, node, ret);
    }
}
static Status one_open(Cx *cx, const Snapshot *snap, const Audience *a, int64_t now, uint32_t root, One *ret)
{
    One o = { .cx = cx, .snap = snap, .a = a, .now = now, .root = root };
    o.hidden = joins_flags(snap->people, root) & SCAN_LEFT_OUT;
    o.range = ranges_of(cx, a, now);
    o.holds = ARENA_MANY(cx->arena, bool, a->n_behaviours + a->n_scans + 1);
    if (!o.range || !o.holds) return fail(cx, ST_NO_MEM, "audience: one person");
    o.scanned = o.holds + a->n_behaviours;
    *ret = o;
    return ST_OK;
}
static bool is_known(const Snapshot *snap, uint32_t root, uint8_t reach)
{
    bool known = root < snap->actors && joins_root(snap->people, root) == root;
    return known && !(joins_flags(snap->people, root) & SCAN_LEFT_OUT & (uint8_t)~reach);
}
Status audience_person(Cx *cx, const Snapshot *snap, const Audience *a, int64_t now, uint32_t root, bool *ret)
{
    One o;
    *ret = false;
    if (!is_known(snap, root, a->reach)) return ST_OK;
    TRY(one_open(cx, snap, a, now, root, &o));
    return node_one(&o, &a->root, ret);
}
Status audience_person_each(Cx *cx, const Snapshot *snap, const Audience *a, int64_t now, uint32_t root, bool *ret)
{
    One o;
    TRY(one_open(cx, snap, a, now, root, &o));
    for (size_t i = 0; i < a->root.n; i++) {
        ret[i] = false;
        if (is_known(snap, root, a->reaches[i])) TRY(node_one(&o, &a->root.kids[i], &ret[i]));
    }
    return ST_OK;
}

/* ---- filters of questions ---- */

typedef struct Filter { Everyone e; PeopleSet *sets; size_t n; } Filter;
static Status set_of(Cx *cx, void *arg, const AudienceNode *node, const PeopleSet **ret)
{
    Filter *f = arg;
    (void)cx;
    TRY(node_everyone(&f->e, node, &f->sets[f->n]));
    people_set_and(&f->sets[f->n], &f->e.known);
    *ret = &f->sets[f->n++];
    return ST_OK;
}
/* What speaks of people alone narrows who is looked at; the rest is asked of each event. */
static Status split(Filter *f, const AudienceNode *node, const Where **ret_where, const PeopleSet **ret_who)
{
    Cx *cx = f->e.cx;
    const PeopleSet *set;
    PeopleSet *who = NULL;
    Where *kids = ARENA_MANY(cx->arena, Where, node->n + 2), *all = kids + node->n;
    size_t n = 0;
    if (!kids) return fail(cx, ST_NO_MEM, "audience: filter");
    for (size_t i = 0; i < node->n; i++) {
        const AudienceNode *kid = &node->kids[i];
        if (kid->speaks != AUDIENCE_OF_PEOPLE) {
            TRY(audience_where(cx, kid, set_of, f, &kids[n++]));
            continue;
        }
        TRY(set_of(cx, f, kid, &set));
        if (who) people_set_and(who, set);
        else who = &f->sets[f->n - 1];
    }
    *all = (Where){ .kind = WHERE_ALL, .kids = kids, .n = n };
    *ret_where = n ? all : NULL;
    *ret_who = who;
    return ST_OK;
}
static Status filter(Filter *f, AudienceFilter *ret)
{
    AudienceNode one = f->e.a->root, all = { .kind = AUDIENCE_ALL, .kids = &one, .n = 1, .speaks = one.speaks };
    f->sets = ARENA_MANY(f->e.cx->arena, PeopleSet, AUDIENCE_TERMS_MAX + 1);
    if (!f->sets) return fail(f->e.cx, ST_NO_MEM, "audience: filter");
    return split(f, one.kind == AUDIENCE_ALL ? &one : &all, &ret->where, &ret->who);
}
Status audience_filter(Cx *cx, const Snapshot *snap, const Audience *a, int64_t now, ScanRun *run,
    AudienceFilter *ret)
{
    Filter f = { .sets = NULL };
    AudienceFilter out = { 0 };
    Status st = everyone_open(&f.e, cx, snap, a, now, run);
    if (st == ST_OK) st = filter(&f, &out);
    everyone_done(&f.e);
    out.sets = f.sets;
    out.n_sets = f.n;
    if (st == ST_OK) *ret = out;
    else audience_filter_done(&out);
    return st;
}
void audience_filter_done(AudienceFilter *f)
{
    for (size_t i = 0; i < f->n_sets; i++) people_set_done(&f->sets[i]);
    *f = (AudienceFilter){ 0 };
}
