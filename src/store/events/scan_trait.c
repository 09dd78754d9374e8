#include "store/events/scan_in.h"
#include "base/arena.h"

/* The threads share the columns: a person is one thread's. */
typedef struct TraitFold { Fold fold; TraitColumn *to; bool one; } TraitFold;

/* What was said with trust counts before what anybody could say; among equals the latest. */
static void trait_person(Fold *f, const Span *s)
{
    TraitFold *t = (TraitFold *)f;
    const FoldCol *value = &s->cols[0], *trust = &s->cols[1];
    size_t best = s->n - 1;
    for (size_t i = s->n; i-- > 0;) {
        if (trust->value[i] == TRUST_PUBLIC) continue;
        best = i;
        break;
    }
    size_t at = t->one ? 0 : s->root;
    if (at >= t->to->n) return;
    t->to->kind[at] = value->kind[best];
    t->to->value[at] = value->value[best];
}
static Status trait_fork(Cx *cx, const Fold *f, Fold **ret)
{
    TraitFold *t = mem_get(sizeof *t);
    if (!t) return fail(cx, ST_NO_MEM, "trait");
    *t = *(const TraitFold *)f;
    *ret = &t->fold;
    return ST_OK;
}
static void trait_merge(Fold *to, Fold *from) { (void)to, (void)from; }
static void trait_free(Fold *f) { mem_free(f); }

typedef struct TraitAsk { Where where; Selector sel; ScanSlot slots[2]; ScanPlan plan; } TraitAsk;
static void ask(TraitAsk *a, const ScanSlot *slot, ScanTexts *texts, ScanRun *run)
{
    a->where = (Where){ .kind = WHERE_PRED, .pred = { .prop = slot->name, .op = OP_SET } };
    a->sel = (Selector){ .matchers = { { .name = S("$identify"), .where = &a->where } }, .n_matchers = 1,
        .hide = EVENT_SERVICE | EVENT_TEST | EVENT_BOT };
    a->slots[0] = (ScanSlot){ SLOT_PROP, slot->name, slot->map };
    a->slots[1] = (ScanSlot){ SLOT_PROP, S("$trust"), NULL };
    a->plan = (ScanPlan){ .sel = &a->sel, .slots = a->slots, .n_slots = 2, .texts = texts, .from = INT64_MIN,
        .to = INT64_MAX, .run = run };
}
static TraitFold fold_into(TraitColumn *c, bool one)
{
    return (TraitFold){ { trait_person, trait_fork, trait_merge, trait_free, ST_OK }, c, one };
}
static Status column(Cx *cx, uint32_t n, ScanTexts *texts, TraitColumn *ret)
{
    *ret = (TraitColumn){ .n = n, .kind = mem_get(n + 1), .value = mem_get(((size_t)n + 1) * sizeof *ret->value),
        .texts = texts };
    if (ret->kind && ret->value) return ST_OK;
    scan_trait_done(ret);
    return fail(cx, ST_NO_MEM, "a trait of %u people", n);
}
Status scan_trait_slot(Cx *cx, const Snapshot *snap, const ScanSlot *slot, ScanTexts *texts, ScanRun *run,
    TraitColumn *ret)
{
    TraitAsk a;
    ScanCount count;
    TraitColumn c;
    ask(&a, slot, texts, run);
    TRY(column(cx, snap->actors, texts, &c));
    TraitFold f = fold_into(&c, false);
    Status st = scan_fold(cx, snap, &a.plan, &f.fold, &count);
    if (st == ST_OK) *ret = c;
    else scan_trait_done(&c);
    return st;
}
Status scan_trait(Cx *cx, const Snapshot *snap, Str name, ScanTexts *texts, ScanRun *run, TraitColumn *ret)
{
    return scan_trait_slot(cx, snap, &(ScanSlot){ SLOT_TRAIT, name, NULL }, texts, run, ret);
}
void scan_trait_done(TraitColumn *c)
{
    mem_free(c->kind);
    mem_free(c->value);
    *c = (TraitColumn){ 0 };
}
Status scan_trait_person(Cx *cx, const Snapshot *snap, const ScanSlot *slot, ScanTexts *texts, uint32_t root,
    TraitColumn *ret)
{
    TraitAsk a;
    TraitColumn c;
    ask(&a, slot, texts, NULL);
    TRY(column(cx, 1, texts, &c));
    TraitFold f = fold_into(&c, true);
    Status st = scan_person(cx, snap, &a.plan, root, &f.fold);
    if (st == ST_OK) *ret = c;
    else scan_trait_done(&c);
    return st;
}
