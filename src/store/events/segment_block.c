#include "store/events/segment_in.h"
#include "base/arena.h"
#include <string.h>

enum { ROOM_KEY, ROOM_FIRST, ROOM_TIME, ROOM_RECEIVED, ROOM_NAME, ROOM_ORIGIN, ROOM_ACTOR,
       ROOM_PERSON_FIRST = SEGMENT_SCRATCH + 1, ROOM_RUN_FIRST, ROOM_RUN_START, ROOM_START, ROOM_LENGTH, ROOM_MASK,
           ROOM_DELTA, ROOM_NAME8 };
enum { GROUP = COLUMN_GROUP };

void *segment_room(struct Room *r, size_t n)
{
    if (r->size >= n && r->p) return r->p;
    mem_free(r->p);
    r->size = 0;
    r->p = mem_get(n);
    if (r->p) r->size = n;
    return r->p;
}
static void *room(Block *b, int which, size_t n) { return segment_room(&b->rooms[which], n); }
void segment_block_done(Block *b)
{
    for (size_t i = 0; i < COUNT(b->rooms); i++) mem_free(b->rooms[i].p);
    *b = (Block){ 0 };
}

/* ---- columns ---- */

static ColumnInfo column_at(const Block *b, size_t i)
{
    ColumnInfo c;
    memcpy(&c, b->seg->map.p + b->seg->blocks[b->index].at + i * sizeof c, sizeof c);
    return c;
}
/* Once for an open segment: what has been found good stays so, the file is never written to. */
static bool good(const Block *b, size_t i, Str bytes, uint64_t check)
{
    _Atomic uint64_t *word = &b->seg->checked[(size_t)b->index * b->seg->checked_words + i / 64];
    uint64_t bit = UINT64_C(1) << i % 64;
    if (*word & bit) return true;
    if (!segment_check_is(bytes, check)) return false;
    *word |= bit;
    return true;
}
Status segment_column(Cx *cx, const Block *b, uint32_t id, Str *ret)
{
    const BlockInfo *info = &b->seg->blocks[b->index];
    size_t lo = 0, n = info->head / sizeof(ColumnInfo), hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (column_at(b, mid).id < id) lo = mid + 1;
        else hi = mid;
    }
    if (lo == n) return ST_NOT_FOUND;
    ColumnInfo c = column_at(b, lo);
    if (c.id != id) return ST_NOT_FOUND;
    if (c.at > info->length || c.length > info->length - c.at) return segment_broken(cx, b->seg, "a block");
    *ret = (Str){ b->seg->map.p + info->at + c.at, c.length };
    return good(b, lo, *ret, c.check) ? ST_OK : segment_broken(cx, b->seg, "a column");
}
static Status needed(Cx *cx, const Block *b, uint32_t id, Str *ret)
{
    Status st = segment_column(cx, b, id, ret);
    return st == ST_NOT_FOUND ? segment_broken(cx, b->seg, "a block") : st;
}
size_t segment_block_props(const Block *b, uint32_t *ret, size_t max)
{
    size_t n = 0, cols = b->seg->blocks[b->index].head / sizeof(ColumnInfo);
    for (size_t i = 0; i < cols && n < max; i++) {
        uint32_t id = column_at(b, i).id;
        if (id >= BLOCK_PROPS && id - BLOCK_PROPS < b->seg->n_props) ret[n++] = id - BLOCK_PROPS;
    }
    return n;
}
bool segment_block_plain(const Block *b, uint8_t hide) { return !(b->seg->blocks[b->index].flags & hide); }

/* ---- people and runs ---- */

static Status read_people(Cx *cx, Block *b, const BlockInfo *info)
{
    Str s;
    BlockRuns *r = &b->runs;
    b->key = room(b, ROOM_KEY, b->n_people * sizeof *b->key);
    b->first = room(b, ROOM_FIRST, (b->n_people + 1) * sizeof *b->first);
    r->person_first = room(b, ROOM_PERSON_FIRST, (b->n_people + 1) * sizeof *r->person_first);
    if (!b->key || !b->first || !r->person_first) return fail(cx, ST_NO_MEM, "segment: people");
    TRY(needed(cx, b, BLOCK_PEOPLE, &s));
    if (!column_get32(&s, b->n_people, b->key) || !column_get32(&s, b->n_people, r->person_first))
        return segment_broken(cx, b->seg, "people");
    uint64_t key = 0, at = 0;
    for (uint32_t i = 0; i < b->n_people; i++) {
        uint32_t runs = r->person_first[i];
        if ((i && b->key[i] == 0) || runs == 0 || (key += b->key[i]) > UINT32_MAX)
            return segment_broken(cx, b->seg, "people");
        b->key[i] = (uint32_t)key;
        r->person_first[i] = (uint32_t)at;
        at += runs;
    }
    r->person_first[b->n_people] = r->n;
    return at == r->n && b->key[0] == info->first_key && key == info->last_key ? ST_OK
        : segment_broken(cx, b->seg, "people");
}
static Status runs_room(Cx *cx, Block *b)
{
    BlockRuns *r = &b->runs;
    r->first = room(b, ROOM_RUN_FIRST, (r->n + 1) * sizeof *r->first);
    r->start = room(b, ROOM_RUN_START, r->n * sizeof *r->start);
    r->length = room(b, ROOM_LENGTH, r->n * sizeof *r->length);
    r->mask = room(b, ROOM_MASK, (r->n + 1) * sizeof *r->mask);
    b->start = room(b, ROOM_START, r->n * sizeof *b->start);
    return r->first && r->start && r->length && r->mask && b->start ? ST_OK : fail(cx, ST_NO_MEM, "segment: runs");
}
static bool runs_first(Block *b)
{
    BlockRuns *r = &b->runs;
    uint32_t at = 0, least = 1;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t n = r->first[i];
        if (n > b->n - at) return false;
        least = n < least ? n : least;
        r->first[i] = at;
        at += n;
    }
    r->first[r->n] = at;
    for (uint32_t p = 0; p <= b->n_people; p++) b->first[p] = r->first[r->person_first[p]];
    return at == b->n && least;
}
/* Within a person they ascend: what goes back does so at a person's first. */
static bool runs_times(Block *b, const BlockInfo *info, uint8_t shift)
{
    BlockRuns *r = &b->runs;
    uint32_t most = 0, longest = 0, back = 0, span = (uint32_t)(info->max - info->min);
    for (uint32_t i = 0; i < r->n; i++) {
        most = b->start[i] > most ? b->start[i] : most;
        longest = r->length[i] > longest ? r->length[i] : longest;
        r->start[i] = info->min + b->start[i];
        r->length[i] <<= shift;
    }
    for (uint32_t i = 1; i < r->n; i++) back += b->start[i] < b->start[i - 1];
    for (uint32_t p = 1; p < b->n_people; p++) back -= b->start[r->person_first[p]] < b->start[r->person_first[p] - 1];
    return most <= span && longest <= UINT32_MAX >> shift && back == 0;
}
static Status read_runs(Cx *cx, Block *b, const BlockInfo *info)
{
    Str s;
    uint8_t shift;
    BlockRuns *r = &b->runs;
    TRY(runs_room(cx, b));
    TRY(needed(cx, b, BLOCK_RUNS, &s));
    if (!column_get32(&s, r->n, r->first) || !runs_first(b) || !column_get32(&s, r->n, b->start) ||
        !column_get_u8(&s, &shift) || shift > 31 || !column_get32(&s, r->n, r->length) || !runs_times(b, info, shift))
        return segment_broken(cx, b->seg, "runs");
    return ST_OK;
}
/* Gaps of a byte, or of half a byte, between the runs that have the bit. Branchless: what would stand past the end goes
 * into one word behind it. */
static inline __attribute__((always_inline)) bool gaps_mask(const uint8_t *p, uint32_t gaps, const bool halves,
    uint64_t bit,
    uint32_t n, uint64_t *mask)
{
    const uint32_t more = halves ? MASK_HALF_MORE : MASK_GAP_MORE;
    uint32_t at = 0;
    for (uint32_t i = 0; i < gaps; i++) {
        uint32_t gap = halves ? (uint32_t)p[i / 2] >> i % 2 * 4 & 15 : p[i];
        bool is = gap != more;
        at += gap;
        mask[at < n ? at : n] |= is ? bit : 0;
        at += is;
    }
    return at <= n;
}
static bool few_planes(Str s, uint64_t few, uint64_t wanted, uint32_t n, uint64_t *mask)
{
    for (; few; few &= few - 1) {
        uint64_t bit = few & -few;
        uint8_t low, high;
        Str part;
        if (!column_get_u8(&s, &low) || !column_get_u8(&s, &high)) return false;
        uint32_t length = low | (uint32_t)high << 8, gaps = length & ~(uint32_t)MASK_HALVES;
        bool halves = length & MASK_HALVES;
        if (!column_skip(&s, halves ? (gaps + 1) / 2 : gaps, &part)) return false;
        if (!(wanted & bit)) continue;
        const uint8_t *p = (const uint8_t *)part.p;
        if (!(halves ? gaps_mask(p, gaps, true, bit, n, mask) : gaps_mask(p, gaps, false, bit, n, mask))) return false;
    }
    return true;
}
/* Two sets of planes: names of many runs as a bit for each run, those of few as gaps between these. */
static bool read_planes(Str s, uint64_t wanted, uint32_t n, uint64_t *mask)
{
    uint64_t all, dense;
    const char *planes[64];
    uint8_t bits[64];
    unsigned n_planes = 0;
    Str part;
    if (!column_get_u64(&s, &all) || !column_get_u64(&s, &dense) || dense & ~all) return false;
    for (uint64_t left = dense; left; left &= left - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(left);
        if (!column_skip(&s, (n + 7) / 8, &part)) return false;
        if (!(wanted >> bit & 1)) continue;
        planes[n_planes] = part.p;
        bits[n_planes++] = (uint8_t)bit;
    }
    column_planes(planes, bits, n_planes, n, mask);
    return few_planes(s, all & ~dense, wanted, n, mask);
}
static Status read_masks(Cx *cx, Block *b)
{
    Str s;
    if (b->mask_skip == UINT64_MAX) {
        memset(b->runs.mask, 0, b->runs.n * sizeof *b->runs.mask);
        return ST_OK;
    }
    TRY(needed(cx, b, BLOCK_MASKS, &s));
    return read_planes(s, ~b->mask_skip, b->runs.n, b->runs.mask) ? ST_OK : segment_broken(cx, b->seg, "masks");
}
static Status block_open(Cx *cx, Block *b, const BlockInfo *info)
{
    Str head = { b->seg->map.p + info->at, info->head };
    if (!segment_check_is(head, info->check)) return segment_broken(cx, b->seg, "a block");
    TRY(read_people(cx, b, info));
    TRY(read_runs(cx, b, info));
    return read_masks(cx, b);
}
Status segment_block_runs(Cx *cx, Segment *s, uint32_t index, Block *b, BlockRuns *ret)
{
    const BlockInfo *info = &s->blocks[index];
    b->seg = s;
    b->index = index;
    b->n = info->n;
    b->n_people = info->n_people;
    b->runs = (BlockRuns){ .n = info->n_runs };
    b->received = b->time = NULL;
    b->name = b->origin = b->actor = NULL;
    b->name8 = NULL;
    b->delta = NULL;
    memset(b->has_times, 0, sizeof b->has_times);
    memset(b->has_names, 0, sizeof b->has_names);
    memset(b->has_names8, 0, sizeof b->has_names8);
    TRY(segment_note(s, block_open(cx, b, info)));
    *ret = b->runs;
    return ST_OK;
}
Status segment_block(Cx *cx, Segment *s, uint32_t index, Block *b)
{
    BlockRuns runs;
    TRY(segment_block_runs(cx, s, index, b, &runs));
    return segment_block_times(cx, b, 0, b->n);
}

/* ---- groups of 256 events ---- */

/* Narrows [*from, *to) to whole groups that are not there yet, and notes them; false: all are. */
static bool lacking(uint64_t has[2], uint32_t n, uint32_t *from, uint32_t *to)
{
    uint32_t first = *from / GROUP, end = *to / GROUP + (*to % GROUP != 0);
    while (first < end && has[first / 64] >> first % 64 & 1) first++;
    while (end > first && has[(end - 1) / 64] >> (end - 1) % 64 & 1) end--;
    if (first == end) return false;
    for (uint32_t g = first; g < end; g++) has[g / 64] |= UINT64_C(1) << g % 64;
    *from = first * GROUP;
    *to = end * GROUP < n ? end * GROUP : n;
    return true;
}
static uint32_t run_of(const BlockRuns *r, uint32_t event)
{
    uint32_t lo = 0, hi = r->n;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (r->first[mid] <= event) lo = mid;
        else hi = mid;
    }
    return lo;
}
static uint32_t person_of(const Block *b, uint32_t run)
{
    uint32_t lo = 0, hi = b->n_people;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->runs.person_first[mid] <= run) lo = mid;
        else hi = mid;
    }
    return lo;
}
static uint64_t packed_most(const Packed *p)
{
    return p->w > 32 || p->base > UINT32_MAX ? UINT32_MAX : p->base + (UINT64_C(1) << p->w) - 1;
}
static uint64_t delta_most(const Column *c)
{
    if (c->form == COLUMN_PACKED) return packed_most(&c->value);
    if (c->form != COLUMN_APART || c->value.w > 32 || packed_most(&c->more) > UINT32_MAX >> c->value.w)
        return UINT32_MAX;
    return packed_most(&c->value) + (packed_most(&c->more) << c->value.w);
}
/* What was summed up must ascend within a person, stay in the block's bounds, and no sum may have wrapped. */
static bool in_order(const Block *b, uint32_t from, uint32_t to, int64_t max)
{
    const BlockRuns *r = &b->runs;
    uint64_t most = delta_most(&b->deltas);
    uint32_t p = person_of(b, from), next = r->person_first[p + 1];
    for (uint32_t i = from; i < to; i++) {
        uint32_t n = r->first[i + 1] - r->first[i];
        int64_t last = b->time[r->first[i + 1] - 1];
        if ((n - 1) * most + b->start[i] > UINT32_MAX) {
            uint64_t sum = b->start[i];
            for (uint32_t k = r->first[i] - i; k < r->first[i + 1] - 1 - i; k++) sum += b->delta[k];
            if (sum > UINT32_MAX) return false;
        }
        if (last > max || last - r->start[i] > r->length[i]) return false;
        if (i + 1 == next) next = ++p < b->n_people ? r->person_first[p + 1] : UINT32_MAX;
        else if (r->start[i + 1] < last) return false;
    }
    return true;
}
static Status open_times(Cx *cx, Block *b)
{
    Str s;
    uint32_t n = b->n - b->runs.n;
    b->time = room(b, ROOM_TIME, b->n * sizeof *b->time);
    uint32_t *delta = room(b, ROOM_DELTA, (n + COLUMN_SUM_PAST) * sizeof *delta);
    if (!b->time || !delta) return fail(cx, ST_NO_MEM, "segment: times");
    TRY(needed(cx, b, BLOCK_DELTAS, &s));
    if (!column_open(&s, n, &b->deltas)) return segment_broken(cx, b->seg, "times");
    b->delta = delta;
    return ST_OK;
}
/* Of the runs that stand in these events, whole. */
static Status read_times(Cx *cx, Block *b, uint32_t from, uint32_t to)
{
    const BlockRuns *r = &b->runs;
    const BlockInfo *info = &b->seg->blocks[b->index];
    if (!b->delta) TRY(open_times(cx, b));
    uint32_t run = run_of(r, from), end = run_of(r, to - 1) + 1, n = b->n - r->n;
    uint32_t first = r->first[run] - run, last = r->first[end] - end;      /* of the differences */
    uint32_t lo = first / GROUP * GROUP, hi = last + (GROUP - last % GROUP) % GROUP;
    if (hi > n) hi = n;
    if (first < last && !column_read32(&b->deltas, lo, hi, b->delta + lo)) return segment_broken(cx, b->seg, "times");
    column_sum(&(ColumnSum){ .first = r->first + run, .start = b->start + run, .delta = b->delta + first,
        .runs = end - run, .base = info->min, .time = b->time + r->first[run] });
    return in_order(b, run, end, info->max) ? ST_OK : segment_broken(cx, b->seg, "times");
}
Status segment_block_times(Cx *cx, Block *b, uint32_t from, uint32_t to)
{
    if (from >= to || !lacking(b->has_times, b->n, &from, &to)) return ST_OK;
    Status st = segment_note(b->seg, read_times(cx, b, from, to));
    if (st != ST_OK) memset(b->has_times, 0, sizeof b->has_times);
    return st;
}
static bool below(const Column *c, uint32_t n)
{
    return c->form == COLUMN_PACKED && c->value.w < 32 && c->value.base < n &&
        c->value.base + (UINT64_C(1) << c->value.w) <= n;
}
static Status run_times(Cx *cx, Block *b, uint32_t run, int64_t *ret)
{
    const BlockRuns *r = &b->runs;
    uint32_t from = r->first[run], n = r->first[run + 1] - from;
    uint64_t delta, sum = 0;
    if (!b->delta) TRY(open_times(cx, b));
    ret[0] = r->start[run];
    for (uint32_t k = 1; k < n; k++) {
        if (!column_one(&b->deltas, from - run + k - 1, &delta)) {
            TRY(segment_block_times(cx, b, from, from + n));
            memcpy(ret, b->time + from, n * sizeof *ret);
            return ST_OK;
        }
        sum += delta;
        if (delta > UINT32_MAX || sum > r->length[run]) return segment_broken(cx, b->seg, "times");
        ret[k] = ret[0] + (int64_t)sum;
    }
    return ret[n - 1] <= b->seg->blocks[b->index].max ? ST_OK : segment_broken(cx, b->seg, "times");
}
Status segment_block_run_times(Cx *cx, Block *b, uint32_t run, int64_t *ret)
{
    return segment_note(b->seg, run_times(cx, b, run, ret));
}
static Status open_names(Cx *cx, Block *b)
{
    Str s;
    TRY(needed(cx, b, BLOCK_NAMES, &s));
    return column_open(&s, b->n, &b->names) ? ST_OK : segment_broken(cx, b->seg, "names");
}
static Status read_names(Cx *cx, Block *b, uint32_t from, uint32_t to)
{
    uint32_t most = 0;
    b->name = room(b, ROOM_NAME, b->n * sizeof *b->name);
    if (!b->name) return fail(cx, ST_NO_MEM, "segment: names");
    TRY(open_names(cx, b));
    if (!column_read32(&b->names, from, to, b->name + from)) return segment_broken(cx, b->seg, "names");
    if (below(&b->names, b->seg->n_names)) return ST_OK;
    for (uint32_t i = from; i < to; i++) most = b->name[i] > most ? b->name[i] : most;
    return most < b->seg->n_names ? ST_OK : segment_broken(cx, b->seg, "names");
}
Status segment_block_names_of(Cx *cx, Block *b, uint32_t from, uint32_t to)
{
    if (from >= to || !lacking(b->has_names, b->n, &from, &to)) return ST_OK;
    Status st = segment_note(b->seg, read_names(cx, b, from, to));
    if (st != ST_OK) memset(b->has_names, 0, sizeof b->has_names);
    return st;
}
static Status read_names8(Cx *cx, Block *b, uint32_t from, uint32_t to)
{
    uint8_t most = 0;
    b->name8 = room(b, ROOM_NAME8, b->n);
    if (!b->name8) return fail(cx, ST_NO_MEM, "segment: names");
    TRY(open_names(cx, b));
    if (!column_read8(&b->names, from, to, b->name8 + from)) return segment_broken(cx, b->seg, "names");
    if (below(&b->names, b->seg->n_names)) return ST_OK;
    for (uint32_t i = from; i < to; i++) most = b->name8[i] > most ? b->name8[i] : most;
    return most < b->seg->n_names ? ST_OK : segment_broken(cx, b->seg, "names");
}
Status segment_block_names8(Cx *cx, Block *b, uint32_t from, uint32_t to)
{
    if (b->seg->n_names > UINT8_MAX + 1) return ST_NOT_FOUND;
    if (from >= to || !lacking(b->has_names8, b->n, &from, &to)) return ST_OK;
    Status st = segment_note(b->seg, read_names8(cx, b, from, to));
    if (st != ST_OK) memset(b->has_names8, 0, sizeof b->has_names8);
    return st;
}

/* ---- the other columns ---- */

static Status read_origins(Cx *cx, Block *b)
{
    Str s;
    uint32_t *v = room(b, ROOM_ORIGIN, b->n * sizeof *v), most = 0;
    if (!v) return fail(cx, ST_NO_MEM, "segment: origins");
    TRY(needed(cx, b, BLOCK_ORIGINS, &s));
    if (!column_get32(&s, b->n, v)) return segment_broken(cx, b->seg, "origins");
    for (uint32_t i = 0; i < b->n; i++) most = v[i] > most ? v[i] : most;
    if (most >= b->seg->n_origins) return segment_broken(cx, b->seg, "origins");
    b->origin = v;
    return ST_OK;
}
Status segment_block_names(Cx *cx, Block *b)
{
    TRY(segment_block_names_of(cx, b, 0, b->n));
    return b->origin ? ST_OK : segment_note(b->seg, read_origins(cx, b));
}
/* Zigzag of the difference to the person's root. */
static Status read_actors(Cx *cx, Block *b)
{
    Str s;
    uint32_t *v = room(b, ROOM_ACTOR, b->n * sizeof *v);
    if (!v) return fail(cx, ST_NO_MEM, "segment: actors");
    TRY(needed(cx, b, BLOCK_ACTORS, &s));
    if (!column_get32(&s, b->n, v)) return segment_broken(cx, b->seg, "actors");
    for (uint32_t p = 0; p < b->n_people; p++) {
        uint32_t root = segment_root(b->key[p]);
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) v[i] = root + (v[i] >> 1 ^ (0 - (v[i] & 1)));
    }
    b->actor = v;
    return ST_OK;
}
Status segment_block_actors(Cx *cx, Block *b) { return b->actor ? ST_OK : segment_note(b->seg, read_actors(cx, b)); }
static Status read_received(Cx *cx, Block *b)
{
    Str s;
    uint8_t form;
    uint64_t *v = room(b, ROOM_RECEIVED, b->n * sizeof *v);
    if (!v) return fail(cx, ST_NO_MEM, "segment: received");
    TRY(needed(cx, b, BLOCK_RECEIVED, &s));
    if (!column_get_u8(&s, &form) || !column_get(&s, b->n, v)) return segment_broken(cx, b->seg, "received");
    for (uint32_t i = 0; i < b->n; i++)
        v[i] = (uint64_t)column_zagzig(v[i]) * 1000 + (form == RECEIVED_AFTER ? (uint64_t)b->time[i] : 0);
    b->received = (int64_t *)v;
    return ST_OK;
}
Status segment_block_received(Cx *cx, Block *b)
{
    TRY(segment_block_times(cx, b, 0, b->n));
    return b->received ? ST_OK : segment_note(b->seg, read_received(cx, b));
}
