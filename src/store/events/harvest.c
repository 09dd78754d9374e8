#include "store/events/harvest.h"
#include "base/arena.h"
#include "store/events/scan_in.h"
#include <string.h>

/* ---- the plan ---- */

static bool asks_head(const SelectorNode *n)
{
    if (!n) return false;
    if (n->kind == WHERE_PRED) return n->prop < 0;
    for (size_t k = 0; n->kind != WHERE_PEOPLE && k < n->n; k++) if (asks_head(&n->kids[k])) return true;
    return false;
}
Status harvest_plan(Cx *cx, const Snapshot *snap, const ScanPlan *plan, bool expands, HarvestPlan *ret)
{
    *ret = (HarvestPlan){ .people = snap->people, .expands = expands };
    TRY(scan_wants(cx, snap, plan, &ret->source, &ret->sel));
    ret->source.sel = &ret->sel;
    for (size_t k = 0; k < plan->n_slots; k++)
        if (plan->slots[k].kind == SLOT_TRAIT || ret->source.slot_prop[k] < SELECTOR_EVENT) return ST_NOT_FOUND;
    memset(ret->sel.valued, 0, ret->sel.n_props * sizeof *ret->sel.valued);   /* pieces will do for us */
    ret->heads = asks_head(ret->sel.filter);
    for (size_t m = 0; m < plan->sel->n_matchers; m++) ret->heads |= asks_head(ret->sel.where[m]);
    for (size_t k = 0; k < plan->n_slots; k++) ret->heads |= ret->source.slot_prop[k] == SELECTOR_EVENT;
    return ST_OK;
}
Status harvest_open(Cx *cx, const HarvestPlan *plan, const PresencePart *part, Groups *groups, SourceWork *work,
    Harvest *ret)
{
    *ret = (Harvest){ .plan = plan, .part = part, .groups = groups, .work = work };
    return selector_blocks_open(cx, &plan->sel, plan->people, part->seg, &ret->sel);
}
void harvest_done(Harvest *h)
{
    selector_blocks_done(&h->sel);
    segment_block_done(&h->block);
    for (size_t k = 0; k < GROUPS_KEYS; k++) mem_free(h->number_of[k]);
    mem_free(h->group_of);
    mem_free(h->stretch_of);
    mem_free(h->cross);
    mem_free(h->first);
    mem_free(h->from);
    mem_free(h->to);
    mem_free(h->mask);
    mem_free(h->gid);
    mem_free(h->stretch);
    *h = (Harvest){ 0 };
}
uint32_t harvest_block_from(const Segment *s, uint32_t key)
{
    uint32_t a = 0, b = s->n_blocks;
    while (a < b) {
        uint32_t mid = a + (b - a) / 2;
        if (s->blocks[mid].last_key < key) a = mid + 1;
        else b = mid;
    }
    return a;
}
uint32_t harvest_person_from(const Block *b, uint32_t key)
{
    uint32_t lo = 0, hi = b->n_people;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->key[mid] < key) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

/* ---- a block ---- */

static bool room(void *p, size_t n, size_t size)
{
    void **at = p, *bigger = mem_grow(*at, n * size);
    if (bigger) *at = bigger;
    return bigger != NULL;
}
static Status more_picks(Cx *cx, Harvest *h, uint32_t need)
{
    uint32_t cap = h->cap ? h->cap : 4096;
    if (need <= h->cap) return ST_OK;
    while (cap < need) cap *= 2;
    if (!room(&h->from, cap, sizeof *h->from) || !room(&h->to, cap, sizeof *h->to) ||
        !room(&h->mask, cap, sizeof *h->mask) || !room(&h->gid, cap, sizeof *h->gid) ||
        !room(&h->stretch, cap, sizeof *h->stretch)) return fail(cx, ST_NO_MEM, "harvest: %u picks", cap);
    h->cap = cap;
    return ST_OK;
}
/* Bits of runs' masks that are looked at. */
static uint64_t bits_wanted(const PresencePart *part)
{
    uint64_t bits = 0;
    for (size_t m = 0; m < part->matchers; m++) if (part->name[m] != (uint32_t)PRESENCE_ANY_NAME) bits |= part->bits[m];
    return bits;
}
Status harvest_block(Cx *cx, Harvest *h, uint32_t index)
{
    if (h->open && h->index == index) return ST_OK;
    h->open = false;
    h->block.mask_skip = ~bits_wanted(h->part);
    TRY(segment_block_runs(cx, h->part->seg, index, &h->block, &h->runs));
    selector_blocks_at(&h->sel, &h->block);
    h->plain = segment_block_plain(&h->block, h->plan->sel.sel->hide);
    h->steady = h->plain && !h->plan->heads;
    for (size_t k = 0; h->steady && k < h->plan->sel.n_props; k++) {
        const BlockProp *p;
        bool pieces;
        TRY(selector_blocks_look(cx, &h->sel, k, &p, &pieces));
        h->steady = !p || pieces;
    }
    if (h->block.n_people >= h->cap_people) {
        if (!room(&h->first, h->block.n_people + 1, sizeof *h->first)) return fail(cx, ST_NO_MEM, "harvest: people");
        h->cap_people = h->block.n_people + 1;
    }
    TRY(more_picks(cx, h, h->block.n + 1));
    if (h->runs.n > h->cap_runs) {
        if (!room(&h->stretch_of, h->runs.n, sizeof *h->stretch_of) || !room(&h->cross, h->runs.n, 1))
            return fail(cx, ST_NO_MEM, "harvest: runs");
        h->cap_runs = h->runs.n;
    }
    presence_place(&h->part->clock, h->part->first, h->part->n, h->runs.start, h->runs.length, h->runs.n,
        h->stretch_of, h->cross);
    h->n = h->person = h->end = 0;
    h->open = true;
    h->index = index;
    return ST_OK;
}
Status harvest_names(Cx *cx, Harvest *h, uint32_t from, uint32_t to)
{
    Status st = segment_block_names8(cx, &h->block, from, to);
    return st == ST_NOT_FOUND ? segment_block_names_of(cx, &h->block, from, to) : st;
}

/* ---- picks ---- */

/* Where a run is in each property's pieces; runs ascend. */
enum { PROPS = SELECTOR_PREDS + SELECTOR_MORE };
typedef struct Steady { size_t n; uint32_t at[PROPS]; const BlockProp *props[PROPS]; } Steady;
static Status steady_open(Cx *cx, Harvest *h, Steady *ret)
{
    ret->n = 0;
    for (size_t k = 0; h->steady && k < h->plan->sel.n_props; k++) {
        const BlockProp *p;
        bool pieces;
        TRY(selector_blocks_look(cx, &h->sel, k, &p, &pieces));
        if (p && pieces) ret->at[ret->n] = 0, ret->props[ret->n++] = p;
    }
    return ST_OK;
}
static bool steady_in(Steady *s, uint32_t from, uint32_t to)
{
    for (size_t k = 0; k < s->n; k++) {
        const uint32_t *first = s->props[k]->first;
        uint32_t c = s->at[k];
        while (first[c + 1] <= from) c++;
        s->at[k] = c;
        if (to > first[c + 1]) return false;
    }
    return true;
}
static inline void pick(Harvest *h, uint32_t from, uint32_t to, uint32_t mask, size_t stretch)
{
    h->from[h->n] = from;
    h->to[h->n] = to;
    h->mask[h->n] = mask;
    h->stretch[h->n] = (uint16_t)stretch;
    h->n += mask != 0;
}
static Status pick_events(Cx *cx, Harvest *h, uint32_t run, bool cross, size_t stretch)
{
    const PresencePart *part = h->part;
    uint32_t from = h->runs.first[run], to = h->runs.first[run + 1];
    int64_t few[SEGMENT_RUN_FEW];
    const int64_t *time = few;
    if (cross && to - from <= SEGMENT_RUN_FEW) {
        TRY(segment_block_run_times(cx, &h->block, run, few));
    } else if (cross) {
        TRY(segment_block_times(cx, &h->block, from, to));
        time = h->block.time + from;
    }
    TRY(harvest_names(cx, h, from, to));
    if (!h->plain || h->plan->sel.origins) TRY(segment_block_names(cx, &h->block));
    for (uint32_t i = from; i < to; i++) {
        uint32_t mask = h->sel.name_mask[harvest_name(h, i)];
        if (cross) stretch = presence_clock_at(&part->clock, time[i - from]) - part->first;
        if (!h->plain && !h->sel.origin_shown[h->block.origin[i]]) mask = 0;
        pick(h, i, i + 1, stretch < part->n ? mask : 0, stretch);
    }
    return ST_OK;
}
/* Matchers that may take an event of the run; *ret_sure: each of them takes one, as far as the name goes. */
static inline uint32_t named(const PresencePart *part, uint64_t run, bool *ret_sure)
{
    uint32_t mask = 0;
    *ret_sure = true;
    for (size_t m = 0; m < part->matchers; m++) {
        bool any = part->name[m] == (uint32_t)PRESENCE_ANY_NAME;
        bool may = any || (run & part->bits[m]);
        mask |= (uint32_t)may << m;
        *ret_sure &= !may || any || part->name[m] < SEGMENT_MASK_OTHER;
    }
    return mask;
}
static Status pick_runs(Cx *cx, Harvest *h, uint32_t run, uint32_t end, Steady *steady)
{
    const PresencePart *part = h->part;
    const BlockRuns *runs = &h->runs;
    bool expands = h->plan->expands, may_whole = h->steady;
    for (; run < end; run++) {
        bool sure;
        uint32_t mask = named(part, runs->mask[run], &sure), from = runs->first[run], to = runs->first[run + 1];
        if (!mask) continue;
        bool cross = h->cross[run];
        if (!cross && h->stretch_of[run] < 0) continue;
        if (may_whole && !cross && (sure || expands) && steady_in(steady, from, to))
            pick(h, from, to, mask, (size_t)h->stretch_of[run]);
        else
            TRY(pick_events(cx, h, run, cross, (size_t)h->stretch_of[run]));
    }
    return ST_OK;
}
/* What conditions leave of the picks; of a whole run its first event stands for all. */
static Status apply_where(Cx *cx, Harvest *h)
{
    const SelectorPlan *sel = &h->plan->sel;
    SelectorBits bits;
    uint32_t kept = 0, p = 0, people = h->end - h->person;
    if (h->n == 0 || (!sel->needs && !sel->filter)) return ST_OK;
    size_t from = h->from[0] / 64, to = h->from[h->n - 1] / 64 + 1;
    memset(bits.w + from, 0, (to - from) * sizeof *bits.w);
    for (uint32_t k = 0; k < h->n; k++) bits.w[h->from[k] / 64] |= UINT64_C(1) << h->from[k] % 64;
    if (sel->people && h->sel.moved) TRY(segment_block_actors(cx, &h->block));
    TRY(selector_blocks_where(cx, &h->sel, &bits, from, to, h->from, h->n, h->mask));
    for (uint32_t k = 0; k < h->n; k++) {
        for (; p < people && h->first[p + 1] <= k; p++) h->first[p + 1] = kept;
        h->from[kept] = h->from[k];
        h->to[kept] = h->to[k];
        h->mask[kept] = h->mask[k];
        h->stretch[kept] = h->stretch[k];
        kept += h->mask[k] != 0;
    }
    for (; p < people; p++) h->first[p + 1] = kept;
    h->n = kept;
    return ST_OK;
}

/* ---- groups ---- */

static Status text_value(Cx *cx, Harvest *h, size_t k, Str text, uint64_t *ret)
{
    Prop p = { .name = h->plan->source.slots[k].name, .kind = PROP_STR, .s = text };
    Event e = { .props = &p, .n_props = 1, .name = text };
    uint8_t kind;
    return source_slot_event(cx, h->work, &h->plan->source, k, &e, &kind, ret);
}
/* A text of a dictionary (or a name) is looked up once for each thread and segment. */
static Status text_number(Cx *cx, Harvest *h, size_t k, size_t i, size_t n, Str text, uint64_t *ret)
{
    if (!h->number_of[k] && !(h->number_of[k] = mem_get((n + 1) * sizeof *h->number_of[k])))
        return fail(cx, ST_NO_MEM, "harvest: %zu texts", n);
    if (h->number_of[k][i] == 0) {
        TRY(text_value(cx, h, k, text, ret));
        if (*ret < UINT32_MAX - 1) h->number_of[k][i] = (uint32_t)*ret + 1;
        return ST_OK;
    }
    *ret = h->number_of[k][i] - 1;
    return ST_OK;
}
static Status value_of(Cx *cx, Harvest *h, size_t k, const BlockProp *p, uint32_t i, uint8_t *kind, uint64_t *value)
{
    uint64_t code = p->code ? p->code[i] : p->value[i];
    bool text = p->code ? p->code[i] != (uint32_t)SEGMENT_NO_CODE : p->kind[i] == PROP_STR;
    *kind = text ? PROP_STR : p->code ? PROP_NULL : p->kind[i];
    *value = *kind == PROP_NULL ? 0 : code;
    if (text && code >= p->n_local)
        return text_number(cx, h, k, code - p->n_local, p->n_dict, p->dict[code - p->n_local], value);
    if (text) return text_value(cx, h, k, p->local[code], value);
    if (*kind != PROP_LIST) return ST_OK;
    Prop list = segment_value(p, i, h->sel.items);
    list.name = h->plan->source.slots[k].name;
    Event e = { .props = &list, .n_props = 1 };
    return source_slot_event(cx, h->work, &h->plan->source, k, &e, kind, value);
}
static bool same_key(const GroupKey *a, const GroupKey *b)
{
    for (size_t k = 0; k < GROUPS_KEYS; k++) if (a->kind[k] != b->kind[k] || a->value[k] != b->value[k]) return false;
    return true;
}
typedef struct Slot { const BlockProp *p; bool pieces, name; uint32_t at; } Slot;
static Status slot_value(Cx *cx, Harvest *h, size_t k, Slot *s, uint32_t event, uint8_t *kind, uint64_t *value)
{
    const Segment *seg = h->part->seg;
    if (s->name) {
        uint32_t name = harvest_name(h, event);
        *kind = PROP_STR;
        return text_number(cx, h, k, name, seg->n_names, seg->names[name], value);
    }
    if (!s->p) return ST_OK;
    if (!s->pieces) return value_of(cx, h, k, s->p, event, kind, value);
    while (s->p->first[s->at + 1] <= event) s->at++;
    return value_of(cx, h, k, s->p, s->at, kind, value);
}
static Status add_group(Cx *cx, Harvest *h, const GroupKey *key, uint32_t *ret)
{
    if (!h->has_last || !same_key(key, &h->last)) {
        if (groups_add(h->groups, key, &h->last_gid) != ST_OK) return fail(cx, ST_NO_MEM, "harvest: a group");
        h->last = *key;
        h->has_last = true;
    }
    *ret = h->last_gid;
    return ST_OK;
}
static Status slots_open(Cx *cx, Harvest *h, Slot slots[GROUPS_KEYS])
{
    const SourcePlan *plan = &h->plan->source;
    for (size_t k = 0; k < plan->n_slots; k++) {
        slots[k] = (Slot){ .name = plan->slot_prop[k] == SELECTOR_EVENT };
        if (!slots[k].name)
            TRY(selector_blocks_look(cx, &h->sel, (size_t)plan->slot_prop[k], &slots[k].p, &slots[k].pieces));
    }
    return ST_OK;
}
static Status group_at(Cx *cx, Harvest *h, Slot *slots, uint32_t event, uint32_t *ret)
{
    GroupKey key = { { 0 }, { 0 } };
    for (size_t k = 0; k < h->plan->source.n_slots; k++)
        TRY(slot_value(cx, h, k, &slots[k], event, &key.kind[k], &key.value[k]));
    return add_group(cx, h, &key, ret);
}
/* One property, in pieces: as many looks as there are pieces. */
static Status groups_of_pieces(Cx *cx, Harvest *h, Slot *s)
{
    uint32_t end = 0, gid = 0;
    for (uint32_t i = 0; i < h->n; i++) {
        if (h->from[i] >= end) {
            TRY(group_at(cx, h, s, h->from[i], &gid));
            end = s->p->first[s->at + 1];
        }
        h->gid[i] = gid;
    }
    return ST_OK;
}
/* One property of texts: a look at each text of the dictionary. */
static Status groups_of_codes(Cx *cx, Harvest *h, Slot *s)
{
    const BlockProp *p = s->p;
    if (!h->group_of && !(h->group_of = mem_get((p->n_dict + 1) * sizeof *h->group_of)))
        return fail(cx, ST_NO_MEM, "harvest: %zu texts", p->n_dict);
    for (uint32_t i = 0; i < h->n; i++) {
        uint32_t code = p->code[h->from[i]], at = code - p->n_local;
        if (code == (uint32_t)SEGMENT_NO_CODE) at = (uint32_t)p->n_dict;
        bool kept = code >= p->n_local;
        if (kept && h->group_of[at]) {
            h->gid[i] = h->group_of[at] - 1;
            continue;
        }
        TRY(group_at(cx, h, s, h->from[i], &h->gid[i]));
        if (kept) h->group_of[at] = h->gid[i] + 1;
    }
    return ST_OK;
}
static Status give_groups(Cx *cx, Harvest *h)
{
    Slot slots[GROUPS_KEYS] = { { 0 } };
    uint32_t gid;
    size_t n = h->plan->source.n_slots;
    if (h->n == 0) return ST_OK;
    TRY(slots_open(cx, h, slots));
    if (n == 0 || (n == 1 && !slots[0].name && !slots[0].p)) {
        TRY(group_at(cx, h, slots, 0, &gid));
        for (uint32_t i = 0; i < h->n; i++) h->gid[i] = gid;
        return ST_OK;
    }
    if (n == 1 && slots[0].pieces) return groups_of_pieces(cx, h, slots);
    if (n == 1 && slots[0].p && slots[0].p->code) return groups_of_codes(cx, h, slots);
    for (uint32_t i = 0; i < h->n; i++) TRY(group_at(cx, h, slots, h->from[i], &h->gid[i]));
    return ST_OK;
}
Status harvest_people(Cx *cx, Harvest *h, uint32_t person, uint32_t end)
{
    Steady steady;
    TRY(steady_open(cx, h, &steady));
    h->n = 0;
    h->person = person;
    h->end = end;
    h->first[0] = 0;
    for (uint32_t p = person; p < end; p++) {
        TRY(pick_runs(cx, h, h->runs.person_first[p], h->runs.person_first[p + 1], &steady));
        h->first[p - person + 1] = h->n;
    }
    TRY(apply_where(cx, h));
    return give_groups(cx, h);
}
