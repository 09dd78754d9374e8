#include "store/events/selector_in.h"
#include "base/arena.h"
#include <string.h>

enum { PROP_UNREAD, PROP_VALUES, PROP_PIECES, PROP_NONE };
enum { NOT_KNOWN, KNOWN_NO, KNOWN_YES };
typedef SelectorBits Bits;
/* The tree is asked about these words of the block. */
typedef struct Words { size_t from, to; } Words;

Status selector_blocks_open(Cx *cx, const SelectorPlan *plan, const PeopleView *view, Segment *seg,
    SelectorBlocks *ret)
{
    SelectorBlocks s = { .plan = plan, .view = view, .seg = seg, .moved = seg->moves != view->moves,
        .every = true, .equal = true };
    s.name_mask = mem_get((seg->n_names + 1) * sizeof *s.name_mask);
    s.origin_shown = mem_get(seg->n_origins + 1);
    s.ids = mem_get((plan->n_props + 1) * sizeof *s.ids);
    s.props = mem_get((plan->n_props + 1) * sizeof *s.props);
    s.state = mem_get(plan->n_props + 1);
    s.known = mem_get((plan->n_preds + 1) * sizeof *s.known);
    if (!s.name_mask || !s.origin_shown || !s.ids || !s.props || !s.state || !s.known) {
        selector_blocks_done(&s);
        return fail(cx, ST_NO_MEM, "selector: a segment");
    }
    for (uint32_t i = 0; i < seg->n_names; i++) {
        uint32_t mask = s.name_mask[i] = selector_name(plan->sel, seg->names[i]);
        if (mask && s.any) s.equal &= mask == s.any;
        s.any |= mask;
        s.every &= mask != 0;
        if (mask) s.runs |= UINT64_C(1) << (i < SEGMENT_MASK_OTHER ? i : SEGMENT_MASK_OTHER);
        if (i < sizeof s.chosen) s.chosen[i] = mask != 0;
    }
    for (uint32_t i = 0; i < seg->n_origins; i++) {
        s.origin_shown[i] = !(seg->origins[i].flags & plan->sel->hide);
        s.hides |= !s.origin_shown[i];
    }
    for (size_t i = 0; i < plan->n_props; i++) {
        uint32_t id;
        s.ids[i] = segment_prop(seg, plan->props[i], &id) ? (int64_t)id : -1;
    }
    *ret = s;
    return ST_OK;
}
void selector_blocks_at(SelectorBlocks *s, Block *b)
{
    s->block = b;
    memset(s->state, PROP_UNREAD, s->plan->n_props);
}
void selector_blocks_done(SelectorBlocks *s)
{
    if (!s->plan) return;
    for (size_t i = 0; s->props && i < s->plan->n_props; i++) segment_prop_done(&s->props[i]);
    for (size_t i = 0; s->known && i < s->plan->n_preds; i++) mem_free(s->known[i]);
    mem_free(s->name_mask);
    mem_free(s->origin_shown);
    mem_free(s->ids);
    mem_free(s->props);
    mem_free(s->state);
    mem_free(s->known);
    mem_free(s->items);
    *s = (SelectorBlocks){ 0 };
}

/* ---- properties ---- */

static Status room_for_items(Cx *cx, SelectorBlocks *s, size_t n)
{
    if (n <= s->cap_items) return ST_OK;
    Str *items = mem_grow(s->items, n * sizeof *items);
    if (!items) return fail(cx, ST_NO_MEM, "selector: a list");
    s->items = items;
    s->cap_items = n;
    return ST_OK;
}
/* Of a property that is only compared, runs of equal values do where there are some. */
static Status read_prop(Cx *cx, SelectorBlocks *s, size_t k)
{
    Status st = ST_NOT_FOUND;
    if (s->state[k] != PROP_UNREAD) return ST_OK;
    s->state[k] = PROP_NONE;
    if (s->ids[k] < 0) return ST_OK;
    if (!s->plan->valued[k]) st = segment_block_pieces(cx, s->block, (uint32_t)s->ids[k], &s->props[k]);
    if (st == ST_OK) {
        s->state[k] = PROP_PIECES;
        return ST_OK;
    }
    if (st == ST_NOT_FOUND) st = segment_block_codes(cx, s->block, (uint32_t)s->ids[k], &s->props[k]);
    if (st == ST_NOT_FOUND) return ST_OK;
    TRY(st);
    s->state[k] = PROP_VALUES;
    return room_for_items(cx, s, segment_longest_list(&s->props[k]));
}
Status selector_blocks_prop(Cx *cx, SelectorBlocks *s, int32_t prop, const BlockProp **ret)
{
    TRY(read_prop(cx, s, (size_t)prop));
    *ret = s->state[prop] == PROP_VALUES ? &s->props[prop] : NULL;
    return ST_OK;
}
Status selector_blocks_look(Cx *cx, SelectorBlocks *s, size_t prop, const BlockProp **ret, bool *ret_pieces)
{
    TRY(read_prop(cx, s, prop));
    *ret = s->state[prop] == PROP_NONE ? NULL : &s->props[prop];
    *ret_pieces = s->state[prop] == PROP_PIECES;
    return ST_OK;
}
Prop selector_blocks_value(const SelectorBlocks *s, const BlockProp *p, uint32_t i)
{
    if (!p->code) return segment_value(p, i, s->items);
    if (p->code[i] == (uint32_t)SEGMENT_NO_CODE) return (Prop){ .kind = PROP_NULL };
    return (Prop){ .kind = PROP_STR, .s = segment_text(p, p->code[i]) };
}

/* ---- one predicate ---- */

#define EACH_BIT(bit, word) \
    for (uint64_t rest_ = (word), bit = 0; rest_ && (bit = (uint64_t)__builtin_ctzll(rest_), true); rest_ &= rest_ - 1)
static Status verdicts(Cx *cx, SelectorBlocks *s, const SelectorNode *n, size_t count, uint8_t **ret)
{
    if (!s->known[n->number]) s->known[n->number] = mem_get(count + 1);
    *ret = s->known[n->number];
    return *ret ? ST_OK : fail(cx, ST_NO_MEM, "selector: %zu texts", count);
}
static bool takes_head(const SelectorBlocks *s, const SelectorNode *n, uint32_t code)
{
    const Origin *o = n->prop == SELECTOR_EVENT ? NULL : &s->seg->origins[code];
    Prop v = { .kind = PROP_INT };
    if (!o) v.kind = PROP_STR, v.s = s->seg->names[code];
    else v.i = n->prop == SELECTOR_SOURCE ? o->source : o->trust;
    return selector_takes(n, &v);
}
/* By name or origin: what the event itself does not decide. */
static Status head_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, Words at, const Bits *in, Bits *out)
{
    const Block *b = s->block;
    bool name = n->prop == SELECTOR_EVENT;
    uint8_t *known;
    TRY(verdicts(cx, s, n, name ? s->seg->n_names : s->seg->n_origins, &known));
    for (size_t w = at.from; w < at.to; w++) {
        uint64_t kept = 0;
        EACH_BIT(bit, in->w[w]) {
            size_t i = w * 64 + bit;
            uint32_t c = !name ? b->origin[i] : b->name8 ? b->name8[i] : b->name[i];
            if (known[c] == NOT_KNOWN) known[c] = takes_head(s, n, c) ? KNOWN_YES : KNOWN_NO;
            kept |= (uint64_t)(known[c] == KNOWN_YES) << bit;
        }
        out->w[w] = kept;
    }
    return ST_OK;
}
/* A text of the dictionary is compared once for each thread and segment. */
static bool takes_text(const SelectorNode *n, const BlockProp *p, uint64_t code, uint8_t *known)
{
    uint8_t *seen = code >= p->n_local ? &known[code - p->n_local] : NULL;
    if (seen && *seen != NOT_KNOWN) return *seen == KNOWN_YES;
    Prop v = { .kind = PROP_STR, .s = segment_text(p, code) };
    bool takes = selector_takes(n, &v);
    if (seen) *seen = takes ? KNOWN_YES : KNOWN_NO;
    return takes;
}
static bool takes_value(const SelectorNode *n, const BlockProp *p, uint32_t i, uint8_t *known, Str *items)
{
    if (p->kind[i] == PROP_STR) return takes_text(n, p, p->value[i], known);
    Prop v = segment_value(p, i, items);
    return selector_takes(n, &v);
}
static void codes_block(const SelectorNode *n, const BlockProp *p, bool null, uint8_t *known, Words at, const Bits *in,
    Bits *out)
{
    for (size_t w = at.from; w < at.to; w++) {
        uint64_t kept = 0;
        EACH_BIT(bit, in->w[w]) {
            uint32_t code = p->code[w * 64 + bit];
            bool takes = code == (uint32_t)SEGMENT_NO_CODE ? null : takes_text(n, p, code, known);
            kept |= (uint64_t)takes << bit;
        }
        out->w[w] = kept;
    }
}
static void values_block(const SelectorNode *n, const BlockProp *p, uint8_t *known, Str *items, Words at,
    const Bits *in, Bits *out)
{
    for (size_t w = at.from; w < at.to; w++) {
        uint64_t kept = 0;
        EACH_BIT(bit, in->w[w]) kept |= (uint64_t)takes_value(n, p, (uint32_t)(w * 64 + bit), known, items) << bit;
        out->w[w] = kept;
    }
}
/* Ones at [from, to). */
static void set_range(Bits *b, size_t from, size_t to)
{
    if (from >= to) return;
    uint64_t first = UINT64_MAX << from % 64, last = UINT64_MAX >> (63 - (to - 1) % 64);
    if (from / 64 == (to - 1) / 64) {
        b->w[from / 64] |= first & last;
        return;
    }
    b->w[from / 64] |= first;
    for (size_t w = from / 64 + 1; w < (to - 1) / 64; w++) b->w[w] = UINT64_MAX;
    b->w[(to - 1) / 64] |= last;
}
static void pieces_block(const SelectorNode *n, const BlockProp *p, uint8_t *known, Str *items, Words at,
    const Bits *in, Bits *out)
{
    Bits yes;
    memset(yes.w + at.from, 0, (at.to - at.from) * sizeof *yes.w);
    for (uint32_t i = 0; i < p->n_pieces; i++) {
        size_t from = p->first[i], to = p->first[i + 1];
        if (to <= at.from * 64 || from >= at.to * 64) continue;
        if (from < at.from * 64) from = at.from * 64;
        if (to > at.to * 64) to = at.to * 64;
        if (takes_value(n, p, i, known, items)) set_range(&yes, from, to);
    }
    for (size_t w = at.from; w < at.to; w++) out->w[w] = in->w[w] & yes.w[w];
}
static Status pred_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, Words at, const Bits *in, Bits *out)
{
    static const Prop missing = { .kind = PROP_NULL };
    uint8_t *known;
    if (n->prop < 0) return head_block(cx, s, n, at, in, out);
    TRY(read_prop(cx, s, (size_t)n->prop));
    const BlockProp *p = &s->props[n->prop];
    bool null = selector_takes(n, &missing);
    if (s->state[n->prop] == PROP_NONE) {
        for (size_t w = at.from; w < at.to; w++) out->w[w] = null ? in->w[w] : 0;
        return ST_OK;
    }
    TRY(verdicts(cx, s, n, p->n_dict, &known));
    if (s->state[n->prop] == PROP_PIECES) pieces_block(n, p, known, s->items, at, in, out);
    else if (p->code) codes_block(n, p, null, known, at, in, out);
    else values_block(n, p, known, s->items, at, in, out);
    return ST_OK;
}

/* ---- trees ---- */

/* Of the events in `in`, those of the people wanted. */
static void people_block(const SelectorBlocks *s, const PeopleSet *set, Words at, const Bits *in, Bits *out)
{
    const Block *b = s->block;
    Bits yes;
    memset(yes.w + at.from, 0, (at.to - at.from) * sizeof *yes.w);
    for (uint32_t p = 0; p < b->n_people; p++) {
        uint32_t from = b->first[p], to = b->first[p + 1];
        if (to <= at.from * 64 || from >= at.to * 64) continue;
        if (from < at.from * 64) from = (uint32_t)at.from * 64;
        if (to > at.to * 64) to = (uint32_t)at.to * 64;
        if (!s->moved && people_set_has(set, segment_root(b->key[p]))) set_range(&yes, from, to);
        for (uint32_t i = from; s->moved && i < to; i++)
            yes.w[i / 64] |= (uint64_t)people_set_has(set, joins_root(s->view, b->actor[i])) << (i % 64);
    }
    for (size_t w = at.from; w < at.to; w++) out->w[w] = in->w[w] & yes.w[w];
}
static Status node_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, Words at, const Bits *in, Bits *out);
static void copy_words(Bits *to, const Bits *from, Words at)
{
    if (to != from) memcpy(to->w + at.from, from->w + at.from, (at.to - at.from) * sizeof *to->w);
}
static Status any_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, Words at, const Bits *in, Bits *out)
{
    Bits rest, taken, all;
    copy_words(&rest, in, at);
    memset(all.w + at.from, 0, (at.to - at.from) * sizeof *all.w);
    for (size_t k = 0; k < n->n; k++) {
        TRY(node_block(cx, s, &n->kids[k], at, &rest, &taken));
        for (size_t w = at.from; w < at.to; w++) all.w[w] |= taken.w[w], rest.w[w] &= ~taken.w[w];
    }
    copy_words(out, &all, at);
    return ST_OK;
}
static Status node_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, Words at, const Bits *in, Bits *out)
{
    Bits taken;
    switch (n->kind) {
    case WHERE_PRED: return pred_block(cx, s, n, at, in, out);
    case WHERE_ANY:  return any_block(cx, s, n, at, in, out);
    case WHERE_PEOPLE:
        people_block(s, n->people, at, in, out);
        return ST_OK;
    case WHERE_ALL:
        copy_words(out, in, at);
        for (size_t k = 0; k < n->n; k++) TRY(node_block(cx, s, &n->kids[k], at, out, out));
        return ST_OK;
    case WHERE_NOT:
        TRY(node_block(cx, s, n->kids, at, in, &taken));
        for (size_t w = at.from; w < at.to; w++) out->w[w] = in->w[w] & ~taken.w[w];
        return ST_OK;
    }
    return ST_OK;
}
static bool has(const Bits *b, uint32_t i) { return b->w[i / 64] >> (i % 64) & 1; }
static Status filter_block(Cx *cx, SelectorBlocks *s, Words at, const Bits *in, const uint32_t *index, size_t n,
    uint32_t *mask)
{
    Bits out;
    TRY(node_block(cx, s, s->plan->filter, at, in, &out));
    for (size_t j = 0; j < n; j++) mask[j] = has(&out, index[j]) ? mask[j] : 0;
    return ST_OK;
}
static Status matcher_block(Cx *cx, SelectorBlocks *s, size_t m, Words at, const uint32_t *index, size_t n,
    uint32_t *mask)
{
    Bits in, out;
    uint32_t bit = UINT32_C(1) << m, any = 0;
    memset(in.w + at.from, 0, (at.to - at.from) * sizeof *in.w);
    for (size_t j = 0; j < n; j++) {
        in.w[index[j] / 64] |= (uint64_t)((mask[j] & bit) != 0) << (index[j] % 64);
        any |= mask[j] & bit;
    }
    if (!any) return ST_OK;
    TRY(node_block(cx, s, s->plan->where[m], at, &in, &out));
    for (size_t j = 0; j < n; j++) mask[j] &= has(&out, index[j]) ? UINT32_MAX : ~bit;
    return ST_OK;
}
Status selector_blocks_where(Cx *cx, SelectorBlocks *s, const SelectorBits *bits, size_t from, size_t to,
    const uint32_t *index, size_t n, uint32_t *mask)
{
    const SelectorPlan *plan = s->plan;
    Words at = { from, to };
    if (plan->filter) TRY(filter_block(cx, s, at, bits, index, n, mask));
    for (size_t m = 0; m < plan->sel->n_matchers; m++)
        if ((s->any >> m & 1) && plan->where[m]) TRY(matcher_block(cx, s, m, at, index, n, mask));
    return ST_OK;
}
