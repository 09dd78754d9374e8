#include "store/events/selector_in.h"
#include "base/arena.h"
#include <string.h>

enum { WORDS = SEGMENT_BLOCK_MAX / 64 };                   /* a bit for each event of a block */
enum { PROP_UNREAD, PROP_THERE, PROP_NONE };
typedef struct Bits { uint64_t w[WORDS]; } Bits;

Status selector_blocks_open(Cx *cx, const SelectorPlan *plan, const PeopleView *view, Segment *seg,
    SelectorBlocks *ret)
{
    SelectorBlocks s = { .plan = plan, .view = view, .seg = seg, .moved = seg->moves != view->moves };
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
    for (uint32_t i = 0; i < seg->n_names; i++) s.any |= s.name_mask[i] = selector_name(plan->sel, seg->names[i]);
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
static void forget_block(SelectorBlocks *s)
{
    for (size_t i = 0; s->props && s->state && i < s->plan->n_props; i++) {
        if (s->state[i] == PROP_THERE) segment_prop_done(&s->props[i]);
        s->state[i] = PROP_UNREAD;
    }
    s->block = NULL;
}
void selector_blocks_done(SelectorBlocks *s)
{
    if (!s->plan) return;
    forget_block(s);
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
static Status room_for_items(Cx *cx, SelectorBlocks *s, size_t n)
{
    if (n <= s->cap_items) return ST_OK;
    Str *items = mem_grow(s->items, n * sizeof *items);
    if (!items) return fail(cx, ST_NO_MEM, "selector: a list");
    s->items = items;
    s->cap_items = n;
    return ST_OK;
}
Status selector_blocks_prop(Cx *cx, SelectorBlocks *s, int32_t prop, const BlockProp **ret)
{
    size_t k = (size_t)prop;
    if (s->state[k] == PROP_UNREAD && s->ids[k] < 0) s->state[k] = PROP_NONE;
    if (s->state[k] == PROP_UNREAD) {
        Status st = segment_block_prop(cx, s->block, (uint32_t)s->ids[k], &s->props[k]);
        if (st != ST_OK && st != ST_NOT_FOUND) return st;
        s->state[k] = st == ST_OK ? PROP_THERE : PROP_NONE;
        if (st == ST_OK) TRY(room_for_items(cx, s, segment_longest_list(&s->props[k])));
    }
    *ret = s->state[k] == PROP_THERE ? &s->props[k] : NULL;
    return ST_OK;
}

/* ---- one predicate ---- */

static Status verdicts(Cx *cx, SelectorBlocks *s, const SelectorNode *n, size_t count, uint8_t **ret)
{
    if (!s->known[n->number]) s->known[n->number] = mem_get(count + 1);
    *ret = s->known[n->number];
    return *ret ? ST_OK : fail(cx, ST_NO_MEM, "selector: %zu texts", count);
}
static bool takes_origin(const SelectorBlocks *s, const SelectorNode *n, uint32_t origin)
{
    const Origin *o = &s->seg->origins[origin];
    Prop v = { .kind = PROP_INT, .i = n->prop == SELECTOR_SOURCE ? o->source : o->trust };
    return selector_takes(n, &v);
}
/* By name or origin: what the event itself does not decide. */
static Status head_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, const Bits *in, Bits *out)
{
    bool name = n->prop == SELECTOR_EVENT;
    const uint32_t *code = name ? s->block->name : s->block->origin;
    uint8_t *known;
    TRY(verdicts(cx, s, n, name ? s->seg->n_names : s->seg->n_origins, &known));
    for (size_t w = 0; w < (s->block->n + 63) / 64; w++) {
        uint64_t kept = 0;
        for (uint64_t rest = in->w[w]; rest; rest &= rest - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(rest);
            uint32_t c = code[w * 64 + bit];
            if (!known[c]) {
                Prop v = { .kind = PROP_STR, .s = name ? s->seg->names[c] : S("") };
                known[c] = (name ? selector_takes(n, &v) : takes_origin(s, n, c)) ? 2 : 1;
            }
            kept |= (uint64_t)(known[c] == 2) << bit;
        }
        out->w[w] = kept;
    }
    return ST_OK;
}
static bool takes_value(const SelectorNode *n, const BlockProp *p, uint32_t i, uint8_t *known, Str *items)
{
    bool kept_text = p->kind[i] == PROP_STR && p->value[i] >= p->n_local;
    uint8_t *seen = kept_text ? &known[p->value[i] - p->n_local] : NULL;
    if (seen && *seen) return *seen == 2;
    Prop v = segment_value(p, i, items);
    bool takes = selector_takes(n, &v);
    if (seen) *seen = takes ? 2 : 1;
    return takes;
}
static Status pred_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, const Bits *in, Bits *out)
{
    static const Prop missing = { .kind = PROP_NULL };
    const BlockProp *p;
    uint8_t *known = NULL;
    if (n->prop < 0) return head_block(cx, s, n, in, out);
    TRY(selector_blocks_prop(cx, s, n->prop, &p));
    bool null = selector_takes(n, &missing);
    if (p) TRY(verdicts(cx, s, n, p->n_dict, &known));
    for (size_t w = 0; w < (s->block->n + 63) / 64; w++) {
        uint64_t kept = 0;
        for (uint64_t rest = in->w[w]; p && rest; rest &= rest - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(rest);
            kept |= (uint64_t)takes_value(n, p, (uint32_t)(w * 64 + bit), known, s->items) << bit;
        }
        out->w[w] = p ? kept : null ? in->w[w] : 0;
    }
    return ST_OK;
}

/* ---- trees ---- */

/* Of the events in `in`, those of the people wanted. */
static void people_block(const SelectorBlocks *s, const PeopleSet *set, const Bits *in, Bits *out)
{
    const Block *b = s->block;
    if (in != out) *out = *in;
    for (uint32_t p = 0; p < b->n_people; p++) {
        uint32_t root = segment_root(b->key[p]);
        bool has = people_set_has(set, root);
        if (has && !s->moved) continue;
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) {
            if (s->moved) has = people_set_has(set, joins_root(s->view, b->actor[i]));
            if (!has) out->w[i / 64] &= ~(UINT64_C(1) << (i % 64));
        }
    }
}
static Status node_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, const Bits *in, Bits *out);
static Status any_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, const Bits *in, Bits *out)
{
    Bits rest = *in, taken, all = { { 0 } };
    for (size_t k = 0; k < n->n; k++) {
        TRY(node_block(cx, s, &n->kids[k], &rest, &taken));
        for (size_t w = 0; w < (s->block->n + 63) / 64; w++) all.w[w] |= taken.w[w], rest.w[w] &= ~taken.w[w];
    }
    *out = all;
    return ST_OK;
}
static Status node_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, const Bits *in, Bits *out)
{
    Bits taken;
    switch (n->kind) {
    case WHERE_PRED: return pred_block(cx, s, n, in, out);
    case WHERE_ANY:  return any_block(cx, s, n, in, out);
    case WHERE_PEOPLE:
        people_block(s, n->people, in, out);
        return ST_OK;
    case WHERE_ALL:
        if (in != out) *out = *in;
        for (size_t k = 0; k < n->n; k++) TRY(node_block(cx, s, &n->kids[k], out, out));
        return ST_OK;
    case WHERE_NOT:
        TRY(node_block(cx, s, n->kids, in, &taken));
        for (size_t w = 0; w < (s->block->n + 63) / 64; w++) out->w[w] = in->w[w] & ~taken.w[w];
        return ST_OK;
    }
    return ST_OK;
}
/* Of the events with one of these bits, those that the tree does not take lose them. */
static Status tree_block(Cx *cx, SelectorBlocks *s, const SelectorNode *n, uint32_t bits, uint32_t *mask)
{
    Bits in = { { 0 } }, out;
    uint64_t any = 0;
    for (uint32_t i = 0; i < s->block->n; i++) in.w[i / 64] |= (uint64_t)((mask[i] & bits) != 0) << (i % 64);
    for (size_t w = 0; w < (s->block->n + 63) / 64; w++) any |= in.w[w];
    if (!any) return ST_OK;
    TRY(node_block(cx, s, n, &in, &out));
    for (uint32_t i = 0; i < s->block->n; i++)
        mask[i] &= (out.w[i / 64] >> (i % 64) & 1) ? UINT32_MAX : ~bits;
    return ST_OK;
}
Status selector_blocks_mask(Cx *cx, SelectorBlocks *s, Block *b, uint32_t *mask, uint32_t *ret_any)
{
    const SelectorPlan *plan = s->plan;
    uint32_t any = 0;
    forget_block(s);
    s->block = b;
    TRY(segment_block_names(cx, b));
    if (plan->people && s->moved) TRY(segment_block_actors(cx, b));
    for (uint32_t i = 0; i < b->n; i++) {
        mask[i] = s->origin_shown[b->origin[i]] ? s->name_mask[b->name[i]] : 0;
        any |= mask[i];
    }
    if (any && plan->filter) TRY(tree_block(cx, s, plan->filter, UINT32_MAX, mask));
    for (size_t m = 0; m < plan->sel->n_matchers; m++)
        if ((any >> m & 1) && plan->where[m]) TRY(tree_block(cx, s, plan->where[m], UINT32_C(1) << m, mask));
    any = 0;
    for (uint32_t i = 0; i < b->n; i++) any |= mask[i];
    *ret_any = any;
    return ST_OK;
}
