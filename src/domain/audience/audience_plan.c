#include "base/arena.h"
#include "domain/audience/audience_in.h"
#include "store/events/query.h"

/* ---- conditions on events ---- */

static Status where_kids(Cx *cx, const AudienceNode *node, AudienceSetOf *people, void *arg, Where *ret)
{
    Where *kids = ARENA_MANY(cx->arena, Where, node->n + 1);
    if (!kids) return fail(cx, ST_NO_MEM, "audience: where");
    for (size_t i = 0; i < node->n; i++) TRY(audience_where(cx, &node->kids[i], people, arg, &kids[i]));
    ret->kids = kids;
    ret->n = node->n;
    return ST_OK;
}
Status audience_where(Cx *cx, const AudienceNode *node, AudienceSetOf *people, void *arg, Where *ret)
{
    *ret = (Where){ .kind = WHERE_PEOPLE };
    if (node->speaks == AUDIENCE_OF_PEOPLE) {
        if (!people) return fail(cx, ST_BUG, "audience: a person's term among an event's");
        return people(cx, arg, node, &ret->people);
    }
    if (node->kind == AUDIENCE_PROP) {
        *ret = (Where){ .kind = WHERE_PRED, .pred = node->pred };
        return ST_OK;
    }
    ret->kind = node->kind == AUDIENCE_ALL ? WHERE_ALL : node->kind == AUDIENCE_ANY ? WHERE_ANY : WHERE_NOT;
    return where_kids(cx, node, people, arg, ret);
}

/* ---- behaviours share scans ---- */

static bool same_match(const Matcher *m, Str text, const BehaviourMatch *b)
{
    return m->any == b->any && str_eq(m->name, b->name) && str_eq(text, b->text);
}
typedef struct Planned { AudienceScan *scan; Str texts[SELECTOR_MATCHERS]; } Planned;     /* texts: of the matchers */
static bool bit_of(Planned *p, const BehaviourMatch *b, uint32_t *ret)
{
    Selector *sel = &p->scan->sel;
    size_t i = 0;
    while (i < sel->n_matchers && !same_match(&sel->matchers[i], p->texts[i], b)) i++;
    if (i == SELECTOR_MATCHERS) return false;
    if (i == sel->n_matchers) {
        sel->matchers[sel->n_matchers++] = (Matcher){ .any = b->any, .name = b->name, .where = b->where };
        p->texts[i] = b->text;
    }
    *ret = UINT32_C(1) << i;
    return true;
}
static bool slot_of(AudienceScan *s, Behaviour *b)
{
    size_t i = 0;
    if (!b->with_sum) return true;
    while (i < s->n_slots && !str_eq(s->slots[i].name, b->sum)) i++;
    if (i == SCAN_SLOTS) return false;
    if (i == s->n_slots) s->slots[s->n_slots++] = (ScanSlot){ .kind = SLOT_PROP, .name = b->sum };
    b->slot = i;
    return true;
}
/* All of it, or nothing and false: what a try left in the scan is not asked for by anybody then. */
static bool fits(Planned *p, Behaviour *b)
{
    for (size_t i = 0; i < b->n; i++) if (!bit_of(p, &b->match[i], &b->bit[i])) return false;
    return slot_of(p->scan, b);
}
static void scan_begin(Audience *a, Planned *p, size_t first)
{
    p->scan = &a->scans[a->n_scans++];
    *p->scan = (AudienceScan){ .first = first, .end = first, .sel = { .hide = QUERY_HIDE } };
}
Status audience_plan(Cx *cx, Audience *a)
{
    Planned p = { 0 };
    if (!a->n_behaviours) return ST_OK;
    a->scans = ARENA_MANY(cx->arena, AudienceScan, a->n_behaviours);       /* each takes one at least */
    if (!a->scans) return fail(cx, ST_NO_MEM, "audience: scans");
    scan_begin(a, &p, 0);
    for (size_t i = 0; i < a->n_behaviours; i++) {
        if (!fits(&p, a->behaviours[i])) {
            scan_begin(a, &p, i);
            if (!fits(&p, a->behaviours[i])) return fail(cx, ST_BUG, "audience: a term too large for a scan");
        }
        p.scan->end = i + 1;
    }
    return ST_OK;
}
