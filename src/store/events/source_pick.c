#include "store/events/source.h"
#include "base/arena.h"
#include "store/events/pick.h"
#include <string.h>

enum { BLIND = 15, GROUP = COLUMN_GROUP, GROUPS = SEGMENT_BLOCK_MAX / COLUMN_GROUP, GROUP_WORDS = COLUMN_GROUP / 64 };
typedef struct Groups { bool on[GROUPS + 1]; } Groups;     /* the last one is always off */
/* The people and events of the block that the range holds. */
typedef struct Part { uint32_t people, people_end, from, to; size_t word, word_end; bool whole_time; } Part;

static Status room(Cx *cx, Source *s, const Part *at)
{
    struct Picks *p = &s->picks;
    uint32_t n = at->to - at->from + PICK_PAST, people = at->people_end - at->people + 1;
    if (people > p->cap_people) {
        mem_free(p->first);
        p->cap_people = 0;
        p->first = mem_get(people * sizeof *p->first);
        if (!p->first) return fail(cx, ST_NO_MEM, "scan: a block's people");
        p->cap_people = people;
    }
    if (n <= p->cap) return ST_OK;
    mem_free(p->index), mem_free(p->mask), mem_free(p->room);
    p->cap = 0;
    p->index = mem_get(n * sizeof *p->index);
    p->mask = mem_get(n * sizeof *p->mask);
    p->room = mem_get(n * sizeof *p->room);
    bool good = p->index && p->mask && p->room;
    for (size_t k = 0; k < s->plan->n_slots; k++) {
        mem_free(p->kind[k]), mem_free(p->value[k]);
        p->kind[k] = mem_get(n);
        p->value[k] = mem_get(n * sizeof *p->value[k]);
        good &= p->kind[k] && p->value[k];
    }
    if (!good) return fail(cx, ST_NO_MEM, "scan: a block's events");
    p->cap = n;
    return ST_OK;
}
/* The first person whose key is not below. */
static uint32_t person_at(const Block *b, uint64_t key)
{
    uint32_t lo = 0, hi = b->n_people;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->key[mid] < key) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}
static Part part_of(const Source *s)
{
    const Block *b = &s->block;
    const BlockInfo *info = &s->seg->blocks[b->index];
    Part at = { .people = person_at(b, s->key_first), .people_end = person_at(b, (uint64_t)s->key_last + 1),
        .whole_time = info->min >= s->plan->from && info->max < s->plan->to };
    at.from = b->first[at.people];
    at.to = b->first[at.people_end];
    at.word = at.from / 64;
    at.word_end = (at.to + 63) / 64;
    return at;
}

/* ---- groups that can hold a chosen event ---- */

static void note_runs(const Source *s, const Part *at, uint32_t first, uint32_t end, Groups *g)
{
    const BlockRuns *r = &s->block.runs;
    uint64_t wanted = s->block.mask_skip == UINT64_MAX ? 0 : s->sel.runs;
    for (uint32_t i = first; i < end; i++) {
        bool in = !wanted || (r->mask[i] & wanted);
        if (!at->whole_time) in &= r->start[i] < s->plan->to && r->start[i] + (int64_t)r->length[i] >= s->plan->from;
        uint32_t k = r->first[i] / GROUP, last = (r->first[i + 1] - 1) / GROUP;
        for (; k <= last; k++) g->on[k] |= in;
    }
}
static void note_people(const Source *s, const Part *at, Groups *g)
{
    const uint32_t *first = s->block.runs.person_first;
    const PeopleSet *who = s->plan->who;
    if (!who || s->sel.moved) {                            /* moved: anybody's events may stand here */
        note_runs(s, at, first[at->people], first[at->people_end], g);
        return;
    }
    for (uint32_t p = at->people; p < at->people_end; p++)
        if (people_set_has(who, segment_root(s->block.key[p]))) note_runs(s, at, first[p], first[p + 1], g);
}
/* Where runs rule nearly nothing out, looking at them only costs. */
static void note_groups(Source *s, const Part *at, Groups *g)
{
    uint32_t from = at->from / GROUP, n = (at->to + GROUP - 1) / GROUP - from, on = 0;
    bool all = at->whole_time && !s->plan->who && (s->sel.every || s->blind);
    if (s->blind) s->blind--;
    memset(g->on + from, all, n);
    g->on[from + n] = false;
    if (all) return;
    note_people(s, at, g);
    for (uint32_t k = from; k < from + n; k++) on += g->on[k];
    if (on * 20 > n * 19 && !s->sel.every) s->blind = BLIND;
}
/* The next stretch of groups that are on, as events within the part; false: none. */
static bool stretch(const Groups *g, const Part *at, uint32_t *from, uint32_t *to)
{
    uint32_t end = (at->to + GROUP - 1) / GROUP, k = *to / GROUP;
    while (k < end && !g->on[k]) k++;
    if (k >= end) return false;
    *from = k * GROUP;
    while (g->on[k]) k++;
    *to = k * GROUP;
    return true;
}

/* ---- which events ---- */

static Status names(Cx *cx, Source *s, uint32_t from, uint32_t to)
{
    Block *b = &s->block;
    if (to > b->n) to = b->n;
    return s->seg->n_names <= UINT8_MAX + 1 ? segment_block_names8(cx, b, from, to)
        : segment_block_names_of(cx, b, from, to);
}
static void bits_of_names(const Source *s, uint32_t from, uint32_t to, SelectorBits *bits)
{
    const Block *b = &s->block;
    if (to > b->n) to = b->n;
    if (s->sel.every) {
        for (size_t w = from / 64; w < (to + 63) / 64; w++) bits->w[w] = UINT64_MAX;
        return;
    }
    if (s->seg->n_names <= UINT8_MAX + 1) {
        pick_names(b->name8 + from, to - from, s->sel.chosen, s->seg->n_names, bits->w + from / 64);
        return;
    }
    for (uint32_t i = from; i < to; i++)
        bits->w[i / 64] |= (uint64_t)(s->sel.name_mask[b->name[i]] != 0) << (i % 64);
}
static Status drop_hidden(Cx *cx, Source *s, const Part *at, SelectorBits *bits)
{
    Block *b = &s->block;
    bool hides = s->sel.hides && !segment_block_plain(b, s->plan->sel->sel->hide);
    if (hides || s->plan->sel->origins) TRY(segment_block_names(cx, b));
    for (size_t w = at->word; hides && w < at->word_end; w++)
        for (uint64_t rest = bits->w[w]; rest; rest &= rest - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(rest);
            if (!s->sel.origin_shown[b->origin[w * 64 + bit]]) bits->w[w] &= ~(UINT64_C(1) << bit);
        }
    return ST_OK;
}
static void cut_edges(const Part *at, SelectorBits *bits)
{
    bits->w[at->word] &= UINT64_MAX << at->from % 64;
    if (at->to % 64) bits->w[at->word_end - 1] &= (UINT64_C(1) << at->to % 64) - 1;
}
static Status choose(Cx *cx, Source *s, const Part *at, SelectorBits *bits)
{
    const SelectorPlan *sel = s->plan->sel;
    bool want = !s->sel.every || !s->sel.equal || s->plan->names || sel->filter || sel->needs;
    Groups g;
    note_groups(s, at, &g);
    memset(bits->w + at->word, 0, (at->word_end - at->word) * sizeof *bits->w);
    for (uint32_t from, to = at->from / GROUP * GROUP; stretch(&g, at, &from, &to);) {
        if (want) TRY(names(cx, s, from, to));
        bits_of_names(s, from, to, bits);
    }
    cut_edges(at, bits);
    return drop_hidden(cx, s, at, bits);
}
/* The times of the groups that hold one. */
static Status times(Cx *cx, Source *s, const Part *at, const SelectorBits *bits)
{
    uint32_t first = UINT32_MAX, k = at->from / GROUP, end = (at->to + GROUP - 1) / GROUP;
    for (; k <= end; k++) {
        uint64_t any = 0;
        for (size_t w = (size_t)k * GROUP_WORDS; k < end && w < ((size_t)k + 1) * GROUP_WORDS; w++)
            if (w >= at->word && w < at->word_end) any |= bits->w[w];
        if (any && first == UINT32_MAX) first = k;
        if (any || first == UINT32_MAX) continue;
        uint32_t to = k * GROUP < s->block.n ? k * GROUP : s->block.n;
        TRY(segment_block_times(cx, &s->block, first * GROUP, to));
        first = UINT32_MAX;
    }
    return ST_OK;
}

/* ---- side by side ---- */

static bool narrow(const Source *s) { return s->seg->n_names <= UINT8_MAX + 1; }
static void fill_masks(Source *s)
{
    struct Picks *p = &s->picks;
    const Block *b = &s->block;
    const uint32_t *of = s->sel.name_mask;
    if (s->sel.equal) for (uint32_t j = 0; j < p->n; j++) p->mask[j] = s->sel.any;
    else if (narrow(s)) for (uint32_t j = 0; j < p->n; j++) p->mask[j] = of[b->name8[p->index[j]]];
    else for (uint32_t j = 0; j < p->n; j++) p->mask[j] = of[b->name[p->index[j]]];
}
static void drop_late_and_early(Source *s)
{
    struct Picks *p = &s->picks;
    uint32_t kept = 0;
    for (uint32_t j = 0; j < p->n; j++) {
        int64_t t = s->block.time[p->index[j]];
        p->index[kept] = p->index[j];
        kept += (t >= s->plan->from) & (t < s->plan->to);
    }
    p->n = kept;
}
static void drop_unmasked(struct Picks *p)
{
    uint32_t kept = 0;
    for (uint32_t j = 0; j < p->n; j++) {
        p->index[kept] = p->index[j];
        p->mask[kept] = p->mask[j];
        kept += p->mask[j] != 0;
    }
    p->n = kept;
}
/* Of each person's events, what belongs to somebody else or is of nobody wanted goes, or all but that. */
static void drop_others(Source *s, const Part *at)
{
    struct Picks *p = &s->picks;
    const Block *b = &s->block;
    const PeopleSet *who = s->plan->who;
    uint32_t j = 0, kept = 0;
    for (uint32_t i = at->people; i < at->people_end; i++) {
        uint32_t root = segment_root(b->key[i]), end = b->first[i + 1];
        bool wanted = !who || people_set_has(who, root);
        for (; j < p->n && p->index[j] < end; j++) {
            uint32_t now = s->sel.moved ? joins_root(s->plan->people, b->actor[p->index[j]]) : root;
            bool keep = s->only_moved ? now != root && (!who || people_set_has(who, now)) : wanted && now == root;
            p->index[kept] = p->index[j];
            p->mask[kept] = p->mask[j];
            kept += keep;
        }
    }
    p->n = kept;
}
/* Where each person's begin, and their times. */
static void part_people(Source *s, const Part *at)
{
    struct Picks *p = &s->picks;
    const uint32_t *first = s->block.first, *index = p->index;
    const int64_t *time = s->block.time;
    uint32_t j = 0, n = p->n;
    p->time = p->room;
    p->index[n] = UINT32_MAX;
    for (uint32_t i = at->people; i < at->people_end; i++) {
        uint32_t end = first[i + 1];
        p->first[i - at->people] = j;
        for (; index[j] < end; j++) p->room[j] = time[index[j]];
    }
    p->first[at->people_end - at->people] = n;
}
static void part_all(Source *s, const Part *at)
{
    s->picks.time = s->block.time + at->from;              /* as they lie in the block */
    for (uint32_t i = at->people; i <= at->people_end; i++) s->picks.first[i - at->people] =
        s->block.first[i] - at->from;
}
/* Every event of the part, without a look at any. */
static bool takes_all(const Source *s, const Part *at)
{
    const SourcePlan *plan = s->plan;
    bool hides = s->sel.hides && !segment_block_plain(&s->block, plan->sel->sel->hide);
    return s->sel.every && s->sel.equal && at->whole_time && !hides && !plan->sel->filter && !plan->sel->needs &&
        !plan->who && !s->sel.moved && !plan->n_slots && !plan->index;
}
static Status pick_all(Cx *cx, Source *s, const Part *at)
{
    TRY(segment_block_times(cx, &s->block, at->from, at->to));
    s->picks.n = at->to - at->from;
    fill_masks(s);
    part_all(s, at);
    return ST_OK;
}
static Status pick_some(Cx *cx, Source *s, const Part *at)
{
    struct Picks *p = &s->picks;
    const SelectorPlan *sel = s->plan->sel;
    SelectorBits bits;
    TRY(choose(cx, s, at, &bits));
    TRY(times(cx, s, at, &bits));
    p->n = (uint32_t)pick_places(bits.w + at->word, at->word_end - at->word, (uint32_t)at->word * 64, p->index);
    if (!at->whole_time && p->n) drop_late_and_early(s);
    if (p->n == 0) return ST_OK;
    if (s->sel.moved) TRY(segment_block_actors(cx, &s->block));
    fill_masks(s);
    if (sel->filter || sel->needs) {
        TRY(selector_blocks_where(cx, &s->sel, &bits, at->word, at->word_end, p->index, p->n, p->mask));
        drop_unmasked(p);
    }
    if (s->sel.moved || s->plan->who) drop_others(s, at);
    if (p->n == at->to - at->from) part_all(s, at);
    else part_people(s, at);
    return p->n ? source_slots(cx, s) : ST_OK;
}
Status source_pick(Cx *cx, Source *s)
{
    struct Picks *p = &s->picks;
    Part at = part_of(s);
    p->n = 0;
    p->person = p->people = p->people_end = at.people;
    if (at.from == at.to) return ST_OK;
    TRY(room(cx, s, &at));
    TRY(takes_all(s, &at) ? pick_all(cx, s, &at) : pick_some(cx, s, &at));
    if (p->n) p->people_end = at.people_end;
    return ST_OK;
}
