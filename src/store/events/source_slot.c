#include "store/events/source.h"
#include "base/arena.h"
#include "base/json.h"
#include "store/events/scan_in.h"
#include <string.h>

enum { SCRATCH_MAX = 8 << 20, LIST_TEXT_MAX = 4 << 20 };

Status source_work_open(Cx *cx, SourceWork *w)
{
    w->scratch = (Cx){ .arena = arena_new(SCRATCH_MAX), .now = cx->now };
    return w->scratch.arena ? ST_OK : fail(cx, ST_NO_MEM, "scan: scratch");
}
void source_work_done(SourceWork *w)
{
    arena_free(w->scratch.arena);
    *w = (SourceWork){ 0 };
}
static Status slot_text(Cx *cx, SourceWork *w, const SourcePlan *plan, size_t k, Str s, uint64_t *ret)
{
    if (plan->slots[k].map) {
        arena_reset(w->scratch.arena);
        Status st = plan->slots[k].map(&w->scratch, s, &s);
        if (st != ST_OK) {
            cx->why = w->scratch.why;
            return st;
        }
    }
    return scan_text_take(cx, plan->texts, plan->run, s, ret);
}
static Status list_number(Cx *cx, SourceWork *w, const SourcePlan *plan, const Prop *p, uint64_t *ret)
{
    arena_reset(w->scratch.arena);
    Buf b = buf_new(w->scratch.arena, LIST_TEXT_MAX);
    JsonW j = { .b = &b };
    jsonw_open(&j, '[');
    for (size_t i = 0; i < p->list.n; i++) jsonw_str(&j, p->list.p[i]);
    jsonw_close(&j, ']');
    if (b.bad) return fail(cx, ST_NO_MEM, "scan: a list");
    return scan_text_take(cx, plan->texts, plan->run, buf_str(&b), ret);
}
static Status number_of(Cx *cx, SourceWork *w, const SourcePlan *plan, size_t k, const Prop *p, uint8_t *kind,
    uint64_t *value)
{
    *kind = p->kind;
    *value = 0;
    switch ((PropKind)p->kind) {
    case PROP_NULL:   return ST_OK;
    case PROP_BOOL:   *value = p->b; return ST_OK;
    case PROP_INT:    *value = (uint64_t)p->i; return ST_OK;
    case PROP_DOUBLE: memcpy(value, &p->d, sizeof *value); return ST_OK;
    case PROP_STR:    return slot_text(cx, w, plan, k, p->s, value);
    case PROP_LIST:   return list_number(cx, w, plan, p, value);
    }
    return ST_OK;
}
Status source_slot_event(Cx *cx, SourceWork *w, const SourcePlan *plan, size_t k, const Event *e, uint8_t *ret_kind,
    uint64_t *ret_value)
{
    const ScanSlot *slot = &plan->slots[k];
    Prop p = slot->kind == SLOT_TRAIT ? (Prop){ .kind = PROP_NULL } : selector_value(e, slot->name, plan->slot_prop[k]);
    return number_of(cx, w, plan, k, &p, ret_kind, ret_value);
}

/* ---- of picks ---- */

/* A text of the dictionary, or a name, is looked up once for each thread and segment. */
static Status text_number(Cx *cx, Source *s, size_t k, size_t i, Str text, uint64_t *ret)
{
    uint64_t *seen = &s->codes[k][i];
    if (*seen == 0) {
        TRY(slot_text(cx, s->work, s->plan, k, text, ret));
        *seen = *ret + 1;
    }
    *ret = *seen - 1;
    return ST_OK;
}
static Status codes_room(Cx *cx, Source *s, size_t k, size_t n)
{
    if (!s->codes[k]) s->codes[k] = mem_get((n + 1) * sizeof *s->codes[k]);
    return s->codes[k] ? ST_OK : fail(cx, ST_NO_MEM, "scan: %zu texts", n);
}
static Status slot_names(Cx *cx, Source *s, size_t k)
{
    struct Picks *p = &s->picks;
    const Block *b = &s->block;
    TRY(codes_room(cx, s, k, s->seg->n_names));
    memset(p->kind[k], PROP_STR, p->n);
    for (uint32_t j = 0; j < p->n; j++) {
        uint32_t name = s->seg->n_names <= UINT8_MAX + 1 ? b->name8[p->index[j]] : b->name[p->index[j]];
        p->value[k][j] = s->codes[k][name] - 1;
        if (p->value[k][j] == UINT64_MAX) TRY(text_number(cx, s, k, name, s->seg->names[name], &p->value[k][j]));
    }
    return ST_OK;
}
static void slot_origins(Source *s, size_t k)
{
    struct Picks *p = &s->picks;
    bool source = s->plan->slot_prop[k] == SELECTOR_SOURCE;
    memset(p->kind[k], PROP_INT, p->n);
    for (uint32_t j = 0; j < p->n; j++) {
        const Origin *o = &s->seg->origins[s->block.origin[p->index[j]]];
        p->value[k][j] = source ? o->source : o->trust;
    }
}
static Status slot_value(Cx *cx, Source *s, size_t k, const BlockProp *b, uint32_t j)
{
    struct Picks *p = &s->picks;
    uint32_t i = p->index[j];
    uint64_t text = b->code ? b->code[i] : b->value[i];
    bool is_text = b->code ? b->code[i] != (uint32_t)SEGMENT_NO_CODE : b->kind[i] == PROP_STR;
    if (is_text && text >= b->n_local) {
        text -= b->n_local;
        p->kind[k][j] = PROP_STR;
        return text_number(cx, s, k, text, b->dict[text], &p->value[k][j]);
    }
    Prop v = selector_blocks_value(&s->sel, b, i);
    return number_of(cx, s->work, s->plan, k, &v, &p->kind[k][j], &p->value[k][j]);
}
static Status slot_prop(Cx *cx, Source *s, size_t k)
{
    struct Picks *p = &s->picks;
    const BlockProp *b;
    TRY(selector_blocks_prop(cx, &s->sel, s->plan->slot_prop[k], &b));
    if (!b) {
        memset(p->kind[k], PROP_NULL, p->n);
        memset(p->value[k], 0, p->n * sizeof *p->value[k]);
        return ST_OK;
    }
    TRY(codes_room(cx, s, k, b->n_dict));
    for (uint32_t j = 0; j < p->n; j++) TRY(slot_value(cx, s, k, b, j));
    return ST_OK;
}
Status source_slots(Cx *cx, Source *s)
{
    for (size_t k = 0; k < s->plan->n_slots; k++) {
        int32_t prop = s->plan->slot_prop[k];
        if (s->plan->slots[k].kind == SLOT_TRAIT) continue;
        if (prop == SELECTOR_EVENT) TRY(slot_names(cx, s, k));
        else if (prop < 0) slot_origins(s, k);
        else TRY(slot_prop(cx, s, k));
    }
    return ST_OK;
}
