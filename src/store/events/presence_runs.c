#include "store/events/presence_cols.h"
#include "base/arena.h"
#include <string.h>

void presence_runs_done(PresenceRuns *r)
{
    segment_block_done(&r->block);
    mem_free(r->stretch);
    mem_free(r->cross);
    mem_free(r->pending);
    *r = (PresenceRuns){ 0 };
}

/* ---- a block ---- */

static bool room(void *p, uint32_t n, size_t size)
{
    void **at = p, *bigger = mem_grow(*at, n * size);
    if (bigger) *at = bigger;
    return bigger != NULL;
}
static Status open_block(Cx *cx, PresenceRuns *r, uint32_t index)
{
    const PresencePart *part = r->part;
    uint64_t bits = 0;
    if (r->open && r->index == index) return ST_OK;
    r->open = false;
    for (size_t m = 0; m < part->matchers; m++)
        if (part->name[m] != (uint32_t)PRESENCE_ANY_NAME && (part->build >> m & 1)) bits |= part->bits[m];
    r->block.mask_skip = ~bits;
    TRY(segment_block_runs(cx, part->seg, index, &r->block, &r->runs));
    if (r->runs.n > r->cap_stretch) {
        if (!room(&r->stretch, r->runs.n, sizeof *r->stretch) || !room(&r->cross, r->runs.n, 1))
            return fail(cx, ST_NO_MEM, "presence: runs");
        r->cap_stretch = r->runs.n;
    }
    presence_place(&part->clock, part->first, part->n, r->runs.start, r->runs.length, r->runs.n, r->stretch, r->cross);
    r->open = true;
    r->index = index;
    return ST_OK;
}
static Status later(Cx *cx, PresenceRuns *r, uint32_t run, uint32_t slot)
{
    if (r->n_pending == r->cap_pending) {
        uint32_t cap = r->cap_pending ? r->cap_pending * 2 : 256;
        if (!room(&r->pending, cap, sizeof *r->pending)) return fail(cx, ST_NO_MEM, "presence: runs to look at");
        r->cap_pending = cap;
    }
    r->pending[r->n_pending++] = (struct PresencePending){ run, slot };
    return ST_OK;
}
static inline void set(uint64_t *words, uint32_t slot) { words[slot / 64] |= UINT64_C(1) << slot % 64; }

/* ---- single events: of runs that cross, of names beyond a mask, of blocks with hidden events ---- */

static void set_event(const PresenceRuns *r, int64_t time, uint32_t name, uint32_t slot, uint64_t **const *to)
{
    const PresencePart *part = r->part;
    size_t e = presence_clock_at(&part->clock, time) - part->first;
    if (e >= part->n) return;
    for (size_t m = 0; m < part->matchers; m++)
        if (to[m] && (part->name[m] == (uint32_t)PRESENCE_ANY_NAME || part->name[m] == name)) set(to[m][e], slot);
}
/* Names of these events, where any is asked for. */
static Status read_names(Cx *cx, PresenceRuns *r, uint32_t from, uint32_t to)
{
    bool named = false;
    for (size_t m = 0; m < r->part->matchers; m++) named |= r->part->name[m] != (uint32_t)PRESENCE_ANY_NAME;
    if (!named) return ST_OK;
    Status st = segment_block_names8(cx, &r->block, from, to);
    return st == ST_NOT_FOUND ? segment_block_names_of(cx, &r->block, from, to) : st;
}
static inline uint32_t name_at(const PresenceRuns *r, uint32_t i)
{
    return r->block.name8 ? r->block.name8[i] : r->block.name ? r->block.name[i] : 0;
}
/* Nothing that an event of the run could add. */
static bool settled(const PresenceRuns *r, uint32_t run, uint32_t slot, uint64_t **const *to)
{
    const PresencePart *part = r->part;
    size_t last = presence_clock_at(&part->clock, r->runs.start[run]);
    int64_t end = r->runs.start[run] + (int64_t)r->runs.length[run];
    size_t e = last;
    while (end >= part->clock.ends[last]) last++;
    for (; e <= last; e++) {
        if (e - part->first >= part->n) continue;
        for (size_t m = 0; m < part->matchers; m++)
            if (to[m] && (part->name[m] == (uint32_t)PRESENCE_ANY_NAME || (r->runs.mask[run] & part->bits[m])) &&
                !(to[m][e - part->first][slot / 64] >> slot % 64 & 1)) return false;
    }
    return true;
}
static Status look_at(Cx *cx, PresenceRuns *r, uint64_t **const *to)
{
    for (uint32_t k = 0; k < r->n_pending; k++) {
        uint32_t run = r->pending[k].run, from = r->runs.first[run], end = r->runs.first[run + 1];
        if (settled(r, run, r->pending[k].slot, to)) continue;
        int64_t few[SEGMENT_RUN_FEW];
        const int64_t *time = few;
        if (end - from <= SEGMENT_RUN_FEW) {
            TRY(segment_block_run_times(cx, &r->block, run, few));
        } else {
            TRY(segment_block_times(cx, &r->block, from, end));
            time = r->block.time + from;
        }
        TRY(read_names(cx, r, from, end));
        for (uint32_t i = from; i < end; i++) set_event(r, time[i - from], name_at(r, i), r->pending[k].slot, to);
    }
    r->n_pending = 0;
    return ST_OK;
}
static Status by_event(Cx *cx, PresenceRuns *r, uint32_t person, uint32_t end, uint32_t lo, uint64_t **const *to)
{
    Block *b = &r->block;
    TRY(segment_block_times(cx, b, b->first[person], b->first[end]));
    TRY(segment_block_names(cx, b));
    for (uint32_t p = person; p < end; p++)
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++)
            if (!(r->part->seg->origins[b->origin[i]].flags & r->part->hide))
                set_event(r, b->time[i], b->name[i], b->key[p] - lo, to);
    return ST_OK;
}

/* ---- runs ---- */

/* One matcher is by far the most frequent question. */
static Status one_matcher(Cx *cx, PresenceRuns *r, uint32_t person, uint32_t end, uint32_t lo, size_t m, uint64_t **to)
{
    const PresencePart *part = r->part;
    bool any = part->name[m] == (uint32_t)PRESENCE_ANY_NAME, sure = part->bits[m] >> SEGMENT_MASK_OTHER == 0 || any;
    uint64_t bits = part->bits[m];
    for (uint32_t p = person; p < end; p++) {
        uint32_t slot = r->block.key[p] - lo;
        uint64_t bit = UINT64_C(1) << slot % 64;
        for (uint32_t i = r->runs.person_first[p]; i < r->runs.person_first[p + 1]; i++) {
            if (!any && !(r->runs.mask[i] & bits)) continue;
            if (r->cross[i] || !sure) TRY(later(cx, r, i, slot));
            else if (r->stretch[i] >= 0) to[r->stretch[i]][slot / 64] |= bit;
        }
    }
    return ST_OK;
}
static Status many_matchers(Cx *cx, PresenceRuns *r, uint32_t person, uint32_t end, uint32_t lo, uint64_t **const *to)
{
    const PresencePart *part = r->part;
    uint64_t wanted = 0;
    for (size_t m = 0; m < part->matchers; m++) if (to[m]) wanted |= part->bits[m];
    for (uint32_t p = person; p < end; p++) {
        uint32_t slot = r->block.key[p] - lo;
        for (uint32_t i = r->runs.person_first[p]; i < r->runs.person_first[p + 1]; i++) {
            uint64_t mask = r->runs.mask[i] | UINT64_C(1) << SEGMENT_MASK_OTHER;
            if (!(mask & wanted)) continue;
            if (r->cross[i]) {
                TRY(later(cx, r, i, slot));
                continue;
            }
            if (r->stretch[i] < 0) continue;
            bool unsure = false;
            for (size_t m = 0; m < part->matchers; m++) {
                bool any = part->name[m] == (uint32_t)PRESENCE_ANY_NAME;
                if (!to[m] || !(any || (r->runs.mask[i] & part->bits[m]))) continue;
                if (any || part->name[m] < SEGMENT_MASK_OTHER) set(to[m][r->stretch[i]], slot);
                else unsure = true;
            }
            if (unsure) TRY(later(cx, r, i, slot));
        }
    }
    return ST_OK;
}
static Status some_people(Cx *cx, PresenceRuns *r, uint32_t person, uint32_t end, uint32_t lo, uint64_t **const *to)
{
    size_t built = 0, m = 0;
    for (size_t k = 0; k < r->part->matchers; k++) if (to[k]) built++, m = k;
    if (person == end || built == 0) return ST_OK;
    if (!segment_block_plain(&r->block, (uint8_t)r->part->hide)) return by_event(cx, r, person, end, lo, to);
    if (built == 1) TRY(one_matcher(cx, r, person, end, lo, m, to[m]));
    else TRY(many_matchers(cx, r, person, end, lo, to));
    return look_at(cx, r, to);
}
static uint32_t first_block(const Segment *s, uint32_t lo)
{
    uint32_t a = 0, b = s->n_blocks;
    while (a < b) {
        uint32_t mid = a + (b - a) / 2;
        if (s->blocks[mid].last_key < lo) a = mid + 1;
        else b = mid;
    }
    return a;
}
static uint32_t person_from(const Block *b, uint32_t key)
{
    uint32_t lo = 0, hi = b->n_people;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->key[mid] < key) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}
Status presence_runs_piece(Cx *cx, PresenceRuns *r, uint32_t lo, uint32_t hi, uint64_t **const *to)
{
    const Segment *s = r->part->seg;
    for (uint32_t i = first_block(s, lo); i < s->n_blocks && s->blocks[i].first_key <= hi; i++) {
        TRY(open_block(cx, r, i));
        uint32_t person = person_from(&r->block, lo), end = person;
        end = hi == UINT32_MAX ? r->block.n_people : person_from(&r->block, hi + 1);
        TRY(some_people(cx, r, person, end, lo, to));
    }
    return ST_OK;
}
