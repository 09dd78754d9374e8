#include "store/events/segment_write.h"
#include <stdlib.h>
#include <xxhash.h>

enum { RUN_GAP_BITS = 21, LENGTH_BITS = 6, LENGTH_SHIFT_MAX = 16, RUN_COST_BITS = 32, MASK_BITS = 64 };

static void put_people(Filling *f, Buf *b)
{
    uint32_t *v = f->part[0];
    for (uint32_t i = 0; i < f->n_people; i++) v[i] = f->key[i] - (i ? f->key[i - 1] : 0);
    column_put32(b, v, f->n_people);
    column_put32(b, f->runs_of, f->n_people);
}

/* ---- runs ---- */

/* Differences of up to so many bits in the cheapest way: some bits for each, and the few that need more apart. */
static size_t cost_inside(const size_t of_bits[33], unsigned most, unsigned place)
{
    size_t all = 0, past = 0, best;
    for (unsigned bits = 0; bits <= most; bits++) all += of_bits[bits];
    best = all * most;
    for (unsigned bits = most; bits-- > 0 && past <= all / 8;) {
        past += of_bits[bits + 1];
        size_t cost = all * bits + past * (place + most - bits);
        best = cost < best ? cost : best;
    }
    return best;
}
/* The width past which a gap ends a run, so that differences and what stands for a run are smallest together. Not more
 * than half an hour: a run that spans days would tell nothing. */
static unsigned best_width(const Filling *f, unsigned start_bits)
{
    size_t of_bits[33] = { 0 }, best = SIZE_MAX, runs = f->n - f->n_people;
    unsigned ret = 0;
    for (uint32_t i = 1; i < f->n; i++) of_bits[column_bits(f->gap[i])]++;
    for (uint32_t p = 1; p < f->n_people; p++) of_bits[column_bits(f->gap[f->first[p]])]--;
    for (unsigned bits = 0; bits <= RUN_GAP_BITS; bits++) {
        runs -= of_bits[bits];
        size_t cost = cost_inside(of_bits, bits, column_bits(f->n)) + runs * (start_bits + RUN_COST_BITS);
        if (cost >= best) continue;
        best = cost;
        ret = bits;
    }
    return ret;
}
/* Times of a block are less than a month apart: 32 bits hold a difference. Between people it means nothing. */
static void find_gaps(Filling *f)
{
    for (uint32_t i = 1; i < f->n; i++) f->gap[i] = (uint32_t)((uint64_t)f->time[i] - (uint64_t)f->time[i - 1]);
    f->gap[0] = 0;
}
static size_t cut_person(Filling *f, uint32_t p, uint64_t limit, size_t deltas)
{
    uint32_t runs = f->n_runs;
    f->run_first[f->n_runs++] = f->first[p];
    for (uint32_t i = f->first[p] + 1; i < f->first[p + 1]; i++) {
        bool apart = f->gap[i] >= limit;
        f->run_first[f->n_runs] = i;
        f->delta[deltas] = f->gap[i];
        f->n_runs += apart;
        deltas += !apart;
    }
    f->runs_of[p] = f->n_runs - runs;
    return deltas;
}
static void cut_runs(Filling *f)
{
    uint64_t limit = UINT64_C(1) << best_width(f, column_bits((uint64_t)f->max - (uint64_t)f->min));
    size_t deltas = 0;
    f->n_runs = 0;
    for (uint32_t p = 0; p < f->n_people; p++) deltas = cut_person(f, p, limit, deltas);
    f->run_first[f->n_runs] = f->n;
}
static void put_runs(Filling *f, Buf *b)
{
    const uint32_t *first = f->run_first;
    uint32_t *v = f->part[0], most = 0;
    unsigned shift;
    for (uint32_t r = 0; r < f->n_runs; r++) v[r] = first[r + 1] - first[r];
    column_put32(b, v, f->n_runs);
    for (uint32_t r = 0; r < f->n_runs; r++) v[r] = (uint32_t)((uint64_t)f->time[first[r]] - (uint64_t)f->min);
    column_put32(b, v, f->n_runs);
    for (uint32_t r = 0; r < f->n_runs; r++) {
        v[r] = (uint32_t)((uint64_t)f->time[first[r + 1] - 1] - (uint64_t)f->time[first[r]]);
        most = v[r] > most ? v[r] : most;
    }
    shift = column_bits(most) > LENGTH_BITS ? column_bits(most) - LENGTH_BITS : 0;
    if (shift > LENGTH_SHIFT_MAX) shift = LENGTH_SHIFT_MAX;
    for (uint32_t r = 0; r < f->n_runs; r++) v[r] = (uint32_t)(((uint64_t)v[r] + (UINT64_C(1) << shift) - 1) >> shift);
    buf_addc(b, (char)shift);
    column_put32(b, v, f->n_runs);
}
/* Of one name: how many runs have it, and what it takes to write the gaps between them, in bytes or in half bytes. */
typedef struct Few { uint32_t runs, bytes, halves, next; uint8_t *p; uint32_t n, more; } Few;
static uint64_t find_masks(Filling *f, Few of[MASK_BITS])
{
    const uint32_t *first = f->run_first;
    uint64_t all = 0;
    for (uint32_t r = 0; r < f->n_runs; r++) {
        uint64_t m = 0;
        for (uint32_t i = first[r]; i < first[r + 1]; i++)
            m |= UINT64_C(1) << (f->name[i] < SEGMENT_MASK_OTHER ? f->name[i] : SEGMENT_MASK_OTHER);
        f->mask[r] = m;
        all |= m;
        for (; m; m &= m - 1) {
            Few *w = &of[__builtin_ctzll(m)];
            uint32_t gap = r - w->next;
            w->runs++;
            w->bytes += 1 + gap / MASK_GAP_MORE;
            w->halves += 1 + gap / MASK_HALF_MORE;
            w->next = r + 1;
        }
    }
    return all;
}
static void put_dense(const Filling *f, Buf *b, unsigned bit)
{
    uint8_t *to = buf_room(b, (f->n_runs + 7) / 8);
    if (!to) return;
    memset(to, 0, (f->n_runs + 7) / 8);
    for (uint32_t r = 0; r < f->n_runs; r++) to[r / 8] = (uint8_t)(to[r / 8] | (f->mask[r] >> bit & 1) << r % 8);
}
static void few_add(Few *w, uint32_t run)
{
    uint32_t gap = run - w->next;
    for (; gap >= w->more; gap -= w->more) w->p[w->n++] = (uint8_t)w->more;
    w->p[w->n++] = (uint8_t)gap;
    w->next = run + 1;
}
static void few_put(Buf *b, const Few *w)
{
    unsigned length = w->n | (w->more == MASK_HALF_MORE ? MASK_HALVES : 0);
    buf_addc(b, (char)length), buf_addc(b, (char)(length >> 8));
    if (w->more == MASK_GAP_MORE) buf_add(b, (Str){ (const char *)w->p, w->n });
    else for (uint32_t i = 0; i < w->n; i += 2) buf_addc(b, (char)(w->p[i] | (i + 1 < w->n ? w->p[i + 1] : 0) << 4));
}
static void put_few(Filling *f, Buf *b, uint64_t few, Few of[MASK_BITS])
{
    uint8_t *room = (uint8_t *)f->part[1];   /* a gap is a byte here; there is one for each event at most */
    for (uint64_t left = few; left; left &= left - 1) {
        Few *w = &of[__builtin_ctzll(left)];
        bool halves = w->halves / 2 < w->bytes;
        w->more = halves ? MASK_HALF_MORE : MASK_GAP_MORE;
        w->next = 0;
        w->p = room;
        room += halves ? w->halves : w->bytes;
    }
    for (uint32_t r = 0; r < f->n_runs; r++)
        for (uint64_t m = f->mask[r] & few; m; m &= m - 1) few_add(&of[__builtin_ctzll(m)], r);
    for (uint64_t left = few; left; left &= left - 1) few_put(b, &of[__builtin_ctzll(left)]);
}
/* Many runs: a bit for each. Few: the gaps between them. */
static void put_masks(Filling *f, Buf *b)
{
    Few of[MASK_BITS] = { { 0 } };
    uint64_t all = find_masks(f, of), dense = 0;
    for (unsigned bit = 0; bit < MASK_BITS; bit++) {
        uint32_t few = of[bit].halves / 2 < of[bit].bytes ? of[bit].halves / 2 : of[bit].bytes;
        if (of[bit].runs && few + 2 >= (f->n_runs + 7) / 8) dense |= UINT64_C(1) << bit;
    }
    column_put_u64(b, all);
    column_put_u64(b, dense);
    for (uint64_t left = dense; left; left &= left - 1) put_dense(f, b, (unsigned)__builtin_ctzll(left));
    put_few(f, b, all & ~dense, of);
}

/* ---- events ---- */

static void put_actors(Filling *f, Buf *b)
{
    for (uint32_t p = 0; p < f->n_people; p++) {
        uint32_t root = segment_root(f->key[p]);
        for (uint32_t i = f->first[p]; i < f->first[p + 1]; i++) {
            uint32_t apart = f->actor[i] - root;
            f->part[0][i] = apart << 1 ^ (0 - (apart >> 31));
        }
    }
    column_put32(b, f->part[0], f->n);
}
static void put_names(Filling *f, Buf *b)
{
    uint8_t *small = (uint8_t *)f->part[0];
    if (f->n_names > UINT8_MAX + 1) {
        column_put32(b, f->name, f->n);
        return;
    }
    for (uint32_t i = 0; i < f->n; i++) small[i] = (uint8_t)f->name[i];
    column_put8(b, small, f->n);
}
/* Live events are received soon after their time, imported ones all at once: whichever form is shorter. */
static void put_received(Filling *f, Buf *b)
{
    size_t from = b->n, after;
    buf_addc(b, RECEIVED_AFTER);
    for (uint32_t i = 0; i < f->n; i++)
        f->wide[0][i] = column_zigzag((int64_t)((uint64_t)f->received[i] - (uint64_t)f->time[i]) / 1000);
    column_put(b, f->wide[0], f->n);
    after = b->n - from;
    if (b->bad || after < f->n / 16) return;
    buf_addc(b, RECEIVED_ABSOLUTE);
    for (uint32_t i = 0; i < f->n; i++) f->wide[0][i] = column_zigzag(f->received[i] / 1000);
    column_put(b, f->wide[0], f->n);
    if (b->bad) return;
    if (b->n - from - after < after) {
        memmove(b->p + from, b->p + from + after, b->n - from - after);
        b->n -= after;
    } else {
        b->n = from + after;
    }
}

/* ---- properties ---- */

static bool scaled(const uint64_t *v, size_t n, double scale, uint64_t *ret)
{
    for (size_t i = 0; i < n; i++) {
        double d, much;
        memcpy(&d, &v[i], sizeof d);
        much = d * scale;
        if (!(much > -9e15 && much < 9e15)) return false;
        int64_t whole = (int64_t)(much < 0 ? much - 0.5 : much + 0.5);
        if (segment_bits_of((double)whole / scale) != v[i]) return false;      /* also -0.0 */
        ret[i] = column_zigzag(whole);
    }
    return true;
}
static void put_doubles(Filling *f, Buf *b, const uint64_t *v, size_t n)
{
    for (unsigned k = 0; k <= DOUBLES_SCALE_MAX; k++) {
        if (!scaled(v, n, segment_scale(k), f->wide[1])) continue;
        buf_addc(b, (char)k);
        column_put(b, f->wide[1], n);
        return;
    }
    buf_addc(b, (char)DOUBLES_RAW);
    column_put(b, v, n);
}
/* The values of one kind, one after another; the build's own where it has no other kind. */
static const uint64_t *of_kind(Filling *f, const Build *p, uint8_t kind, size_t *ret_n)
{
    size_t n = 0;
    if (p->kinds == 1U << kind) {
        *ret_n = p->n;
        return p->value;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        f->wide[0][n] = p->value[i];
        n += p->kind[i] == kind;
    }
    *ret_n = n;
    return f->wide[0];
}
/* Whether all events of a name have the same kind: then one for each name says it all. */
static bool ranks_by_name(const Filling *f, const uint32_t *rank, uint32_t *of_name)
{
    bool ret = true;
    for (uint32_t i = 0; i < f->n_names; i++) of_name[i] = UINT32_MAX;
    for (uint32_t i = 0; i < f->n; i++) of_name[f->name[i]] = rank[i];
    for (uint32_t i = 0; i < f->n; i++) ret &= of_name[f->name[i]] == rank[i];
    for (uint32_t i = 0; i < f->n_names; i++) of_name[i] = of_name[i] == UINT32_MAX ? 0 : of_name[i];
    return ret;
}
static void put_kinds(Filling *f, Buf *b, const Build *p)
{
    uint32_t *rank = f->part[0], *of_name = f->part[1], of_kind[PROP_LIST + 1], changes = 0;
    uint8_t set = (uint8_t)(p->kinds | (p->n < f->n));     /* PROP_NULL is 0 */
    buf_addc(b, KINDS_EACH);
    buf_addc(b, (char)set);
    if (!(set & (set - 1))) {
        buf_addc(b, COLUMN_ONE);
        column_put_u64(b, 0);
        return;
    }
    for (unsigned k = 0; k <= PROP_LIST; k++) of_kind[k] = (uint32_t)__builtin_popcount(set & ((1U << k) - 1));
    memset(rank, 0, f->n * sizeof *rank);
    for (uint32_t i = 0; i < p->n; i++) rank[p->row[i]] = of_kind[p->kind[i]];
    for (uint32_t i = 1; i < f->n; i++) changes += rank[i] != rank[i - 1];
    size_t each = f->n < changes * 16 ? f->n : changes * 16;               /* bits, about */
    if (f->n_names + 128 >= each || b->bad || !ranks_by_name(f, rank, of_name)) {
        column_put32(b, rank, f->n);
        return;
    }
    b->p[b->n - 2] = KINDS_BY_NAME;
    column_put_u32(b, f->n_names);
    column_put32(b, of_name, f->n_names);
}
static uint32_t code_of(uint64_t code, uint32_t n_local)
{
    return code & SEGMENT_LOCAL ? (uint32_t)(code & ~(uint64_t)SEGMENT_LOCAL) : (uint32_t)code + n_local;
}
/* Codes of texts and of lists' items, in the order of events. */
static void put_texts(Buf *b, const Build *p, size_t n, uint32_t *codes)
{
    uint32_t n_local = (uint32_t)p->local.n;
    size_t at = 0, item = 0;
    if (n == p->n && n_local == 0 && p->items.n == 0)
        for (; at < n; at++) codes[at] = (uint32_t)p->value[at];
    else for (uint32_t i = 0; i < p->n; i++) {
        if (p->kind[i] == PROP_STR) codes[at++] = code_of(p->value[i], n_local);
        if (p->kind[i] != PROP_LIST) continue;
        for (uint64_t k = 0; k < p->value[i]; k++) codes[at++] = code_of(p->items.p[item++], n_local);
    }
    column_put_u32(b, n_local);
    if (n_local) column_put_texts(b, p->local.texts, n_local);
    column_put_u32(b, (uint32_t)n);
    column_put32(b, codes, n);
}
static size_t count_texts(const Build *p)
{
    size_t n = 0;
    if (p->kinds == 1U << PROP_STR) return p->n;
    for (uint32_t i = 0; i < p->n; i++) n += p->kind[i] == PROP_STR;
    return n + p->items.n;
}
/* Kinds of all events of the block, then the values kind by kind: PROP_BOOL, INT, DOUBLE, lists, texts. */
static void put_prop(Filling *f, Buf *b, const Build *p)
{
    const uint64_t *v;
    size_t n;
    put_kinds(f, b, p);
    if (p->kinds >> PROP_BOOL & 1) v = of_kind(f, p, PROP_BOOL, &n), column_put(b, v, n);
    if (p->kinds >> PROP_INT & 1) {
        v = of_kind(f, p, PROP_INT, &n);
        for (size_t i = 0; i < n; i++) f->wide[0][i] = v[i] ^ UINT64_C(1) << 63;  /* order of the signed */
        column_put(b, f->wide[0], n);
    }
    if (p->kinds >> PROP_DOUBLE & 1) v = of_kind(f, p, PROP_DOUBLE, &n), put_doubles(f, b, v, n);
    if (p->kinds >> PROP_LIST & 1) v = of_kind(f, p, PROP_LIST, &n), column_put(b, v, n);
    if ((n = count_texts(p)) == 0) return;
    uint32_t *codes = n <= SEGMENT_BLOCK_MAX ? f->part[0] : mem_get(n * sizeof *codes);
    if (codes) put_texts(b, p, n, codes);
    else b->bad = true;
    if (codes != f->part[0]) mem_free(codes);
}

static void column_end(const Buf *b, ColumnInfo *c, uint32_t id, size_t *from)
{
    if (b->bad) return;
    *c = (ColumnInfo){ .id = id, .at = (uint32_t)*from, .length = (uint32_t)(b->n - *from),
        .check = XXH3_64bits(b->p + *from, b->n - *from) };
    *from = b->n;
}
static int by_prop(const void *a, const void *b)
{
    uint32_t x = ((const Build *)a)->prop, y = ((const Build *)b)->prop;
    return (x > y) - (x < y);
}
void segment_pack(Filling *f, Buf *b, ColumnInfo *cols)
{
    size_t at = b->n;
    find_gaps(f);
    cut_runs(f);
    put_people(f, b), column_end(b, &cols[0], BLOCK_PEOPLE, &at);
    put_runs(f, b), column_end(b, &cols[1], BLOCK_RUNS, &at);
    put_masks(f, b), column_end(b, &cols[2], BLOCK_MASKS, &at);
    column_put32(b, f->delta, f->n - f->n_runs), column_end(b, &cols[3], BLOCK_DELTAS, &at);
    put_actors(f, b), column_end(b, &cols[4], BLOCK_ACTORS, &at);
    put_names(f, b), column_end(b, &cols[5], BLOCK_NAMES, &at);
    column_put32(b, f->origin, f->n), column_end(b, &cols[6], BLOCK_ORIGINS, &at);
    put_received(f, b), column_end(b, &cols[7], BLOCK_RECEIVED, &at);
    if (f->n_builds) qsort(f->builds, f->n_builds, sizeof *f->builds, by_prop);
    for (uint32_t i = 0; i < f->n_builds; i++) {
        put_prop(f, b, &f->builds[i]);
        column_end(b, &cols[BLOCK_FIXED + i], BLOCK_PROPS + f->builds[i].prop, &at);
    }
}
