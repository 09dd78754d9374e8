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
Status source_slot_text(Cx *cx, SourceWork *w, const SourcePlan *plan, size_t k, Str s, uint64_t *ret)
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
    case PROP_STR:    return source_slot_text(cx, w, plan, k, p->s, value);
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

/* ---- of a block ---- */

/* A text of the dictionary, or a name, is looked up once for each thread and segment. */
static Status text_number(Cx *cx, Source *s, size_t k, size_t n_texts, size_t i, Str text, uint64_t *ret)
{
    if (!s->codes[k]) s->codes[k] = mem_get((n_texts + 1) * sizeof *s->codes[k]);
    if (!s->codes[k]) return fail(cx, ST_NO_MEM, "scan: %zu texts", n_texts);
    if (!s->codes[k][i]) {
        TRY(source_slot_text(cx, s->work, s->plan, k, text, ret));
        s->codes[k][i] = *ret + 1;
    }
    *ret = s->codes[k][i] - 1;
    return ST_OK;
}
static Status head_block(Cx *cx, Source *s, size_t k, uint32_t i, uint8_t *kind, uint64_t *value)
{
    const Block *b = &s->block;
    const Origin *o = &s->seg->origins[b->origin[i]];
    int32_t prop = s->plan->slot_prop[k];
    *kind = prop == SELECTOR_EVENT ? PROP_STR : PROP_INT;
    *value = prop == SELECTOR_SOURCE ? o->source : o->trust;
    if (prop != SELECTOR_EVENT) return ST_OK;
    return text_number(cx, s, k, s->seg->n_names, b->name[i], s->seg->names[b->name[i]], value);
}
static Status slot_block(Cx *cx, Source *s, size_t k, uint32_t i, uint8_t *kind, uint64_t *value)
{
    const BlockProp *p;
    *kind = PROP_NULL;
    *value = 0;
    if (s->plan->slots[k].kind == SLOT_TRAIT) return ST_OK;
    if (s->plan->slot_prop[k] < 0) return head_block(cx, s, k, i, kind, value);
    TRY(selector_blocks_prop(cx, &s->sel, s->plan->slot_prop[k], &p));
    if (!p) return ST_OK;
    if (p->kind[i] == PROP_STR && p->value[i] >= p->n_local) {
        size_t code = p->value[i] - p->n_local;
        *kind = PROP_STR;
        return text_number(cx, s, k, p->n_dict, code, p->dict[code], value);
    }
    Prop v = segment_value(p, i, s->sel.items);
    return number_of(cx, s->work, s->plan, k, &v, kind, value);
}
Status source_slots_block(Cx *cx, Source *s, uint32_t i, uint8_t *kind, uint64_t *value)
{
    for (size_t k = 0; k < s->plan->n_slots; k++) TRY(slot_block(cx, s, k, i, &kind[k], &value[k]));
    return ST_OK;
}
