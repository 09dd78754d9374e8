#include "store/events/selector.h"
#include "base/arena.h"
#include <string.h>

static bool text_in(Str s, Str part) { return part.n == 0 || (s.n && memmem(s.p, s.n, part.p, part.n)); }
static bool is_number(uint8_t kind) { return kind == PROP_INT || kind == PROP_DOUBLE; }
/* A long double holds every int64 and every double exactly. */
static long double number_of(const Prop *p) { return p->kind == PROP_INT ? (long double)p->i : (long double)p->d; }
static bool same(const Prop *a, const Prop *b)
{
    if (is_number(a->kind) && is_number(b->kind)) return number_of(a) == number_of(b);
    if (a->kind != b->kind) return false;
    switch ((PropKind)a->kind) {
    case PROP_NULL: return true;
    case PROP_BOOL: return a->b == b->b;
    case PROP_STR:  return str_eq(a->s, b->s);
    default:        return false;
    }
}
static bool contains(const Prop *p, const Prop *v)
{
    if (v->kind != PROP_STR) return false;
    if (p->kind == PROP_STR) return text_in(p->s, v->s);
    for (size_t i = 0; p->kind == PROP_LIST && i < p->list.n; i++) if (str_eq(p->list.p[i], v->s)) return true;
    return false;
}
static bool in_order(Op op, int c) { return op == OP_LT ? c < 0 : op == OP_LE ? c <= 0 : op == OP_GT ? c > 0 : c >= 0; }
static bool ordered(Op op, const Prop *p, const Prop *v)
{
    if (p->kind == PROP_STR && v->kind == PROP_STR) return in_order(op, str_cmp(p->s, v->s));
    if (!is_number(p->kind) || !is_number(v->kind)) return false;
    long double a = number_of(p), b = number_of(v);
    if (!(a <= b) && !(a >= b)) return false;
    return in_order(op, (a > b) - (a < b));
}
bool selector_holds(const Pred *q, const Prop *p)
{
    static const Prop missing = { .kind = PROP_NULL };
    if (!p) p = &missing;
    switch (q->op) {
    case OP_IS:       return same(p, &q->value);
    case OP_IS_NOT:   return !same(p, &q->value);
    case OP_CONTAINS: return contains(p, &q->value);
    case OP_SET:      return p->kind != PROP_NULL;
    case OP_NOT_SET:  return p->kind == PROP_NULL;
    default:          return ordered(q->op, p, &q->value);
    }
}

/* ---- blocks of segments ---- */

Status selector_segment(Cx *cx, const Selector *sel, const Segment *s, SelectorSegment *ret)
{
    uint8_t *names = ARENA_MANY(cx->arena, uint8_t, s->n_names + 1), *origins = ARENA_MANY(cx->arena, uint8_t,
        s->n_origins + 1);
    int64_t *props = ARENA_MANY(cx->arena, int64_t, sel->n_preds + 1);
    uint8_t any = 0;
    if (!names || !origins || !props) return fail(cx, ST_NO_MEM, "selector");
    for (uint32_t i = 0; i < s->n_names; i++) {
        for (size_t m = 0; m < sel->n_matchers; m++)
            if (sel->matchers[m].any || str_eq(sel->matchers[m].name, s->names[i]))
                names[i] = (uint8_t)(names[i] | 1 << m);
        any |= names[i];
    }
    for (uint32_t i = 0; i < s->n_origins; i++) origins[i] = s->origins[i].flags & sel->hide ? 0 : UINT8_MAX;
    for (size_t i = 0; i < sel->n_preds; i++) {
        uint32_t prop;
        props[i] = segment_prop(s, sel->preds[i].prop, &prop) ? (int64_t)prop : -1;
    }
    *ret = (SelectorSegment){ names, origins, props, any };
    return ST_OK;
}
static void drop_where_missing(const Pred *q, uint8_t *code, size_t n)
{
    if (!selector_holds(q, NULL)) for (size_t i = 0; i < n; i++) code[i] &= (uint8_t)~q->bits;
}
/* known: by code of a text, 0 not compared yet, 1 no, 2 yes. */
static void drop_where_not(const Pred *q, const BlockProp *p, uint8_t *code, uint32_t n, uint8_t *known, Str *items)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!(code[i] & q->bits)) continue;
        bool text = p->kind[i] == PROP_STR, holds;
        if (text && known[p->value[i]]) {
            holds = known[p->value[i]] == 2;
        } else {
            Prop v = segment_value(p, i, items);
            holds = selector_holds(q, &v);
            if (text) known[p->value[i]] = holds ? 2 : 1;
        }
        if (!holds) code[i] &= (uint8_t)~q->bits;
    }
}
static Status pred_block(Cx *cx, const Pred *q, uint32_t prop, Block *b, uint8_t *code)
{
    BlockProp p;
    Status st = segment_block_prop(cx, b, prop, &p);
    if (st == ST_NOT_FOUND) {
        drop_where_missing(q, code, b->n);
        return ST_OK;
    }
    TRY(st);
    uint8_t *known = mem_get(p.n_local + p.n_dict);
    Str *items = mem_get(segment_longest_list(&p) * sizeof *items);
    if (known && items) drop_where_not(q, &p, code, b->n, known, items);
    else st = fail(cx, ST_NO_MEM, "selector: a property");
    mem_free(known);
    mem_free(items);
    segment_prop_done(&p);
    return st;
}
Status selector_block(Cx *cx, const Selector *sel, const SelectorSegment *in, Block *b, uint8_t *code, uint8_t *ret_any)
{
    uint8_t any = 0;
    TRY(segment_block_names(cx, b));
    for (uint32_t i = 0; i < b->n; i++) {
        code[i] = in->name_bits[b->name[i]] & in->origin_bits[b->origin[i]];
        any |= code[i];
    }
    for (size_t k = 0; k < sel->n_preds && any; k++) {
        const Pred *q = &sel->preds[k];
        if (!(any & q->bits)) continue;
        if (in->prop[k] < 0) drop_where_missing(q, code, b->n);
        else TRY(pred_block(cx, q, (uint32_t)in->prop[k], b, code));
        any = 0;
        for (uint32_t i = 0; i < b->n; i++) any |= code[i];
    }
    *ret_any = any;
    return ST_OK;
}

/* ---- rows of the tail ---- */

Status selector_tail(Cx *cx, const Selector *sel, const Snapshot *snap, SelectorTail *ret)
{
    *ret = (SelectorTail){ 0 };
    for (size_t m = 0; m < sel->n_matchers; m++)
        ret->known[m] = !sel->matchers[m].any && snapshot_name(snap, sel->matchers[m].name, &ret->name[m]);
    ret->scratch = (Cx){ .arena = arena_new(8 << 20), .now = cx->now };
    return ret->scratch.arena ? ST_OK : fail(cx, ST_NO_MEM, "selector: scratch");
}
void selector_tail_done(SelectorTail *t)
{
    arena_free(t->scratch.arena);
    t->scratch.arena = NULL;
}
static uint8_t code_of_props(const Selector *sel, const Event *e, uint8_t code)
{
    for (size_t k = 0; k < sel->n_preds && code; k++) {
        const Pred *q = &sel->preds[k];
        const Prop *p = NULL;
        for (size_t i = 0; i < e->n_props && !p; i++)
            if (str_eq(e->props[i].name, q->prop) && e->props[i].kind != PROP_NULL) p = &e->props[i];
        if ((code & q->bits) && !selector_holds(q, p)) code &= (uint8_t)~q->bits;
    }
    return code;
}
Status selector_row(const Selector *sel, SelectorTail *t, const TailRow *r, uint8_t *ret)
{
    uint8_t code = 0, needs = 0;
    Entry e;
    size_t used;
    *ret = 0;
    if (r->flags & sel->hide) return ST_OK;
    for (size_t m = 0; m < sel->n_matchers; m++)
        if (sel->matchers[m].any || (t->known[m] && t->name[m] == r->name)) code = (uint8_t)(code | 1 << m);
    for (size_t k = 0; k < sel->n_preds; k++) needs |= sel->preds[k].bits;
    if (code & needs) {
        arena_reset(t->scratch.arena);
        TRY(entry_get(&t->scratch, (Str){ r->at, r->size }, &e, &used));
        code = code_of_props(sel, &e.event, code);
    }
    *ret = code;
    return ST_OK;
}
