#include "domain/audience/audience_trait.h"
#include "base/arena.h"
#include "base/json.h"
#include "store/events/query.h"
#include <string.h>

/* ---- values ---- */

/* A list stands as its JSON text. */
static Status list_of(Cx *cx, Str json, Prop *ret)
{
    const JsonNode *node;
    json = arena_str(cx->arena, json);
    if (!json.p) return fail(cx, ST_NO_MEM, "audience: a list");
    TRY(json_parse(cx, json, &node));
    size_t n = node->kind == JSON_ARRAY ? node->n : 0;
    Str *items = ARENA_MANY(cx->arena, Str, n + 1);
    if (!items) return fail(cx, ST_NO_MEM, "audience: a list");
    const JsonNode *item = json_first(node);
    for (size_t i = 0; i < n; i++, item = json_next(item)) items[i] = json_str_of(item);
    *ret = (Prop){ .kind = PROP_LIST, .list = { items, n } };
    return ST_OK;
}
static Prop number_of(uint8_t kind, uint64_t value)
{
    Prop p = { .kind = kind };
    if (kind == PROP_BOOL) p.b = value != 0;
    if (kind == PROP_INT) p.i = (int64_t)value;
    if (kind == PROP_DOUBLE) memcpy(&p.d, &value, sizeof p.d);
    return p;
}
static Status value_of(Cx *cx, ScanTexts *texts, uint8_t kind, uint64_t value, Prop *ret)
{
    if (kind == PROP_LIST) return list_of(cx, scan_text(texts, value), ret);
    if (kind == PROP_STR) *ret = (Prop){ .kind = kind, .s = scan_text(texts, value) };
    else *ret = number_of(kind, value);
    return ST_OK;
}

/* ---- everybody ---- */

/* What is known of a text: 0 nothing yet, 1 no, 2 yes. By its code, texts and lists apart. */
typedef struct Memo { uint8_t *known; size_t cap; } Memo;
static Status memo_reach(Cx *cx, Memo *m, uint64_t code)
{
    if (code < m->cap) return ST_OK;
    size_t cap = (size_t)code * 2 + 1024;
    uint8_t *known = mem_grow(m->known, cap);
    if (!known) return fail(cx, ST_NO_MEM, "audience: texts");
    memset(known + m->cap, 0, cap - m->cap);
    *m = (Memo){ known, cap };
    return ST_OK;
}
static Status text_holds(AudienceTraits *t, const Pred *pred, uint8_t kind, uint64_t code, Memo *m, bool *ret)
{
    Prop p;
    TRY(memo_reach(t->cx, m, code));
    if (!m->known[code]) {
        TRY(value_of(t->cx, t->texts, kind, code, &p));
        m->known[code] = selector_holds(pred, &p) ? 2 : 1;
    }
    *ret = m->known[code] == 2;
    return ST_OK;
}
static Status trait_read(AudienceTraits *t, size_t i)
{
    if (t->columns[i].kind) return ST_OK;
    if (!t->texts) TRY(scan_texts_new(t->cx, &t->texts));
    return scan_trait(t->cx, t->snap, t->names[i], t->texts, t->run, &t->columns[i]);
}
static Status column_holds(AudienceTraits *t, const Pred *pred, const TraitColumn *c, Memo memo[2], PeopleSet *to)
{
    bool none = selector_holds(pred, NULL), holds;
    for (uint32_t i = 0; i < to->n; i++) {
        uint8_t kind = i < c->n ? c->kind[i] : PROP_NULL;
        if (kind == PROP_NULL) holds = none;
        else if (kind == PROP_STR || kind == PROP_LIST)
            TRY(text_holds(t, pred, kind, c->value[i], &memo[kind == PROP_LIST], &holds));
        else {
            Prop p = number_of(kind, c->value[i]);
            holds = selector_holds(pred, &p);
        }
        if (holds) people_set_add(to, i);
    }
    return ST_OK;
}
Status audience_trait_open(Cx *cx, const Snapshot *snap, ScanRun *run, const Str *names, size_t n, AudienceTraits *ret)
{
    AudienceTraits t = { .cx = cx, .snap = snap, .run = run, .names = names, .n = n,
        .columns = ARENA_MANY(cx->arena, TraitColumn, n + 1) };
    if (!t.columns) return fail(cx, ST_NO_MEM, "audience: traits");
    *ret = t;
    return ST_OK;
}
Status audience_trait_everyone(AudienceTraits *t, size_t i, const Pred *pred, PeopleSet *to)
{
    Memo memo[2] = { { 0 } };
    TRY(trait_read(t, i));
    Status st = column_holds(t, pred, &t->columns[i], memo, to);
    mem_free(memo[0].known);
    mem_free(memo[1].known);
    return st;
}
void audience_trait_done(AudienceTraits *t)
{
    for (size_t i = 0; t->columns && i < t->n; i++) scan_trait_done(&t->columns[i]);
    scan_texts_done(t->texts);
}

/* ---- one person: the same rule as scan_trait() has ---- */

typedef struct OneFold { Fold fold; size_t n; struct { uint8_t kind; uint64_t value; } best[SCAN_SLOTS]; } OneFold;
/* Slot 0 is the trust. What was said with trust counts before what anybody could say; among equals the latest. */
static void one_person(Fold *fold, const Span *s)
{
    OneFold *f = (OneFold *)fold;
    for (size_t k = 0; k < f->n; k++) {
        const FoldCol *c = &s->cols[k + 1];
        bool any = false;
        for (size_t i = s->n; i-- > 0;) {
            bool trusted = s->cols[0].value[i] != TRUST_PUBLIC;
            if (c->kind[i] == PROP_NULL || (any && !trusted)) continue;
            f->best[k].kind = c->kind[i];
            f->best[k].value = c->value[i];
            any = true;
            if (trusted) break;
        }
    }
}
static Status some_of_person(Cx *cx, const Snapshot *snap, ScanTexts *texts, const Str *names, size_t n, uint32_t root,
    Prop *ret)
{
    static const Selector sel = { .matchers = { { .name = S_INIT("$identify") } }, .n_matchers = 1,
        .hide = QUERY_HIDE };
    ScanSlot slots[SCAN_SLOTS] = { { .kind = SLOT_PROP, .name = S("$trust") } };
    OneFold f = { .fold = { .person = one_person }, .n = n };
    ScanPlan plan = { .sel = &sel, .slots = slots, .n_slots = n + 1, .texts = texts, .from = INT64_MIN,
        .to = INT64_MAX };
    for (size_t i = 0; i < n; i++) slots[i + 1] = (ScanSlot){ .kind = SLOT_PROP, .name = names[i] };
    TRY(scan_person(cx, snap, &plan, root, &f.fold));
    for (size_t i = 0; i < n; i++) {
        TRY(value_of(cx, texts, f.best[i].kind, f.best[i].value, &ret[i]));
        if (ret[i].kind == PROP_STR) ret[i].s = arena_str(cx->arena, ret[i].s);      /* the texts go */
        if (ret[i].kind == PROP_STR && !ret[i].s.p) return fail(cx, ST_NO_MEM, "audience: a trait");
    }
    return ST_OK;
}
Status audience_trait_person(Cx *cx, const Snapshot *snap, const Str *names, size_t n, uint32_t root, Prop *ret)
{
    enum { AT_ONCE = SCAN_SLOTS - 1 };
    ScanTexts *texts;
    Status st = ST_OK;
    TRY(scan_texts_new(cx, &texts));
    for (size_t i = 0; st == ST_OK && i < n; i += AT_ONCE)
        st = some_of_person(cx, snap, texts, names + i, n - i < AT_ONCE ? n - i : AT_ONCE, root, ret + i);
    scan_texts_done(texts);
    return st;
}
