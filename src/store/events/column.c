#include "store/events/column.h"
#include "store/events/le.h"
#include <string.h>
#include <zstd.h>

enum { GROUP = COLUMN_GROUP, APART_SAMPLE = 16, APART_LESS = 2, COMMON_BITS = 3 };
enum { TEXTS_PLAIN, TEXTS_ZSTD, ZSTD_LEVEL = 3 };           /* the first two stored */

void column_put_u32(Buf *b, uint32_t v) { buf_add(b, (Str){ (const char *)&v, sizeof v }); }
void column_put_u64(Buf *b, uint64_t v) { buf_add(b, (Str){ (const char *)&v, sizeof v }); }
bool column_skip(Str *bytes, size_t n, Str *ret)
{
    if (n > bytes->n) return false;
    *ret = (Str){ bytes->p, n };
    bytes->p += n;
    bytes->n -= n;
    return true;
}
bool column_get_u8(Str *bytes, uint8_t *ret)
{
    Str s;
    if (!column_skip(bytes, 1, &s)) return false;
    *ret = (uint8_t)s.p[0];
    return true;
}
bool column_get_u32(Str *bytes, uint32_t *ret)
{
    Str s;
    if (!column_skip(bytes, sizeof *ret, &s)) return false;
    *ret = le_get32(s.p);
    return true;
}
bool column_get_u64(Str *bytes, uint64_t *ret)
{
    Str s;
    if (!column_skip(bytes, sizeof *ret, &s)) return false;
    *ret = le_get64(s.p);
    return true;
}
static inline uint64_t low_bits(unsigned w) { return w == 64 ? UINT64_MAX : (UINT64_C(1) << w) - 1; }

/* ---- writing ---- */

/* What is written: one of the two. */
typedef struct In { const uint64_t *v64; const uint32_t *v32; } In;
static inline uint64_t in_at(In in, size_t i) { return in.v64 ? in.v64[i] : in.v32[i]; }
static inline In in_from(In in, size_t i)
{
    return in.v64 ? (In){ .v64 = in.v64 + i } : (In){ .v32 = in.v32 + i };
}
static void group_put(In in, uint64_t base, unsigned w, char *to)
{
    uint32_t part[GROUP];
    if (in.v32) {
        column_pack(in.v32, (uint32_t)base, w, to);
        return;
    }
    for (unsigned done = 0; done < w; done += 32) {          /* past 32 bits: the low half, then the high */
        unsigned bits = w - done < 32 ? w - done : 32;
        for (size_t i = 0; i < GROUP; i++) part[i] = (uint32_t)((in.v64[i] - base) >> done);
        column_pack(part, 0, bits, to);
        to += GROUP / 8 * bits;
    }
}
/* What does not fill a group is packed one after another, so that short columns stay short. */
static void rest_put(In in, size_t n, uint64_t base, unsigned w, char *to)
{
    uint64_t word = 0;
    unsigned used = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t v = (in_at(in, i) - base) & low_bits(w);
        word |= v << used;
        used += w;
        if (used < 64) continue;
        to = le_put64(to, word);
        used -= 64;
        word = used ? v >> (w - used) : 0;
    }
    for (; used > 0; used = used < 8 ? 0 : used - 8, word >>= 8) *to++ = (char)word;
}
static size_t packed_bytes(size_t n, unsigned w) { return n / GROUP * (w * 32U) + (n % GROUP * w + 7) / 8; }
static void packed_put(Buf *b, In in, size_t n, uint64_t base, unsigned w)
{
    buf_addc(b, (char)w);
    column_put_u64(b, base);
    char *to = buf_room(b, packed_bytes(n, w));
    if (!to || w == 0) return;
    size_t i = 0;
    for (; n - i >= GROUP; i += GROUP, to += (size_t)w * 32) group_put(in_from(in, i), base, w, to);
    rest_put(in_from(in, i), n - i, base, w, to);
}
typedef struct Extent { uint64_t min, max; size_t runs; } Extent;
static Extent extent_of(In in, size_t n)
{
    if (n == 0) return (Extent){ 0, 0, 0 };
    ColumnExtent e = in.v32 ? column_extent32(in.v32, n) : column_extent(in.v64, n);
    return (Extent){ e.min, e.max, e.changes + 1 };
}
static void small_put(Buf *b, const uint64_t *v, size_t n)
{
    Extent e = extent_of((In){ .v64 = v }, n);
    packed_put(b, (In){ .v64 = v }, n, e.min, column_bits(e.max - e.min));
}
static bool runs_put(Buf *b, In in, size_t n, size_t runs)
{
    uint64_t *value = mem_get(runs * 2 * sizeof *value), *length = value + runs;
    if (!value) return false;
    for (size_t i = 0, r = 0, end; i < n; i = end, r++) {
        value[r] = in_at(in, i);
        for (end = i + 1; end < n && in_at(in, end) == value[r]; end++) { }
        length[r] = end - i;
    }
    buf_addc(b, COLUMN_RUNS);
    column_put_u32(b, (uint32_t)runs);
    small_put(b, value, runs);
    small_put(b, length, runs);
    mem_free(value);
    return true;
}
/* The width that is cheapest when values past it are kept apart, and how many these are. */
static unsigned apart_width(const size_t of_bits[65], unsigned w, unsigned place, size_t n, size_t *ret_apart)
{
    size_t best = n * w, past = 0;
    unsigned ret = w;
    *ret_apart = 0;
    for (unsigned bits = w; bits-- > 0;) {
        past += of_bits[bits + 1];
        size_t cost = n * bits + past * (place + w - bits) + 8 * 24;
        if (cost >= best || past > n / 8) continue;
        best = cost;
        ret = bits;
        *ret_apart = past;
    }
    return ret;
}
static void count_bits(In in, size_t n, size_t step, uint64_t min, size_t of_bits[65])
{
    memset(of_bits, 0, 65 * sizeof *of_bits);
    for (size_t i = 0; i < n; i += step) of_bits[column_bits(in_at(in, i) - min)]++;
}
/* A look at some tells mostly that there is nothing to gain. */
static unsigned apart_wanted(In in, size_t n, uint64_t min, unsigned w, size_t *ret_apart)
{
    size_t of_bits[65], step = n / (APART_SAMPLE * APART_SAMPLE), past = 0;
    *ret_apart = 0;
    if (w <= APART_LESS || n < APART_SAMPLE) return w;
    step = step ? step : 1;
    count_bits(in, n, step, min, of_bits);
    for (unsigned bits = w; bits > w - APART_LESS; bits--) past += of_bits[bits];
    if (past * 8 > n / step) return w;
    if (step > 1) count_bits(in, n, 1, min, of_bits);
    return apart_width(of_bits, w, column_bits(n), n, ret_apart);
}
static bool apart_put(Buf *b, In in, size_t n, uint64_t min, unsigned w, size_t apart)
{
    uint64_t *more = mem_get(apart * 2 * sizeof *more), *place = more + apart;
    if (!more) return false;
    for (size_t i = 0, k = 0; i < n; i++) {
        uint64_t v = in_at(in, i) - min;
        if (v <= low_bits(w)) continue;
        more[k] = v >> w;
        place[k++] = i;
    }
    buf_addc(b, COLUMN_APART);
    column_put_u32(b, (uint32_t)apart);
    packed_put(b, in, n, min, w);
    small_put(b, more, apart);
    small_put(b, place, apart);
    mem_free(more);
    return true;
}
static void put(Buf *b, In in, size_t n)
{
    Extent e = extent_of(in, n);
    if (e.runs <= 1) {
        buf_addc(b, COLUMN_ONE);
        column_put_u64(b, e.min);
        return;
    }
    size_t apart = 0;
    unsigned all = column_bits(e.max - e.min), w = apart_wanted(in, n, e.min, all, &apart);
    size_t in_runs = e.runs * (all + column_bits(n / e.runs) + 2) / 8 + 22;
    size_t packed = packed_bytes(n, w) + apart * (all - w + column_bits(n)) / 8;
    if (in_runs < packed) {
        if (!runs_put(b, in, n, e.runs)) b->bad = true;
    } else if (apart) {
        if (!apart_put(b, in, n, e.min, w, apart)) b->bad = true;
    } else {
        buf_addc(b, COLUMN_PACKED);
        packed_put(b, in, n, e.min, w);
    }
}
void column_put(Buf *b, const uint64_t *v, size_t n) { put(b, (In){ .v64 = v }, n); }
void column_put32(Buf *b, const uint32_t *v, size_t n) { put(b, (In){ .v32 = v }, n); }

/* The most frequent bytes as codes of w bits, the last code for all others; *ret_others: how many these are. */
static void common_find(const uint32_t count[256], unsigned w, ColumnCommon *ret, uint8_t code[256], size_t *ret_others)
{
    bool taken[256] = { 0 };
    *ret = (ColumnCommon){ .other = (uint8_t)((1U << w) - 1) };
    memset(code, ret->other, 256);
    for (unsigned k = 0; k < ret->other; k++) {
        unsigned best = 0;
        while (taken[best]) best++;
        for (unsigned v = 0; v < 256; v++) if (!taken[v] && count[v] > count[best]) best = v;
        taken[best] = true;
        ret->of[k] = (uint8_t)best;
        code[best] = (uint8_t)k;
    }
    *ret_others = 0;
    for (unsigned v = 0; v < 256; v++) *ret_others += code[v] == ret->other ? count[v] : 0;
}
static bool common_put(Buf *b, const uint8_t *v, size_t n, unsigned w, const uint32_t count[256])
{
    ColumnCommon c;
    uint8_t code[256];
    size_t others, k = 0;
    uint32_t *codes = mem_get(2 * n * sizeof *codes), *rest = codes + n;
    if (!codes) return false;
    common_find(count, w, &c, code, &others);
    buf_addc(b, COLUMN_COMMON);
    column_put_u32(b, (uint32_t)others);
    buf_add(b, (Str){ (const char *)c.of, sizeof c.of });
    char *before = buf_room(b, n / GROUP * 2 + 2);
    for (size_t i = 0; i < n && before; i++) {
        if (i % GROUP == 0) before = le_put16(before, (uint16_t)k);
        codes[i] = code[v[i]];
        rest[k] = v[i];
        k += codes[i] == c.other;
    }
    if (before && n % GROUP == 0) le_put16(before, (uint16_t)k);
    packed_put(b, (In){ .v32 = codes }, n, 0, w);
    Extent e = extent_of((In){ .v32 = rest }, others);
    packed_put(b, (In){ .v32 = rest }, others, e.min, column_bits(e.max - e.min));
    mem_free(codes);
    return true;
}
void column_put8(Buf *b, const uint8_t *v, size_t n)
{
    uint32_t count[256] = { 0 }, changes = 0, most = 0;
    for (size_t i = 0; i < n; i++) count[v[i]]++;
    for (size_t i = 1; i < n; i++) changes += v[i] != v[i - 1];
    for (unsigned x = 0; x < 256; x++) most = count[x] ? x : most;
    unsigned all = column_bits(most), best = 0;
    size_t cost = n * all - n / 4;
    for (unsigned w = 1; w <= COMMON_BITS && w < all; w++) {
        ColumnCommon c;
        uint8_t code[256];
        size_t others;
        common_find(count, w, &c, code, &others);
        if (n * w + others * all >= cost) continue;
        cost = n * w + others * all;
        best = w;
    }
    if (best && n >= GROUP && (size_t)changes * (all + column_bits(n)) > cost) {
        if (!common_put(b, v, n, best, count)) b->bad = true;
        return;
    }
    uint32_t *wide = mem_get(n * sizeof *wide);
    for (size_t i = 0; wide && i < n; i++) wide[i] = v[i];
    if (wide) column_put32(b, wide, n);
    else b->bad = true;
    mem_free(wide);
}

/* ---- opening ---- */

static bool packed_open(Str *bytes, size_t n, Packed *ret)
{
    uint8_t w;
    Str s;
    *ret = (Packed){ .n = n };
    if (!column_get_u8(bytes, &w) || w > 64 || !column_get_u64(bytes, &ret->base) ||
        !column_skip(bytes, packed_bytes(n, w), &s)) return false;
    ret->w = w;
    ret->at = s.p;
    ret->bytes = s.n;
    return true;
}
static bool common_open(Str *bytes, size_t n, uint32_t others, Column *ret)
{
    Str of, before;
    if (others > n || !column_skip(bytes, sizeof ret->common.of, &of) || !column_skip(bytes, n / GROUP * 2 + 2,
        &before) ||
        !packed_open(bytes, n, &ret->value) || !packed_open(bytes, others, &ret->more)) return false;
    memcpy(ret->common.of, of.p, sizeof ret->common.of);
    ret->common.other = (uint8_t)((1U << (ret->value.w & 7)) - 1);
    ret->before = before.p;
    return ret->value.base == 0 && ret->value.w >= 1 && ret->value.w <= COMMON_BITS;
}
bool column_open(Str *bytes, size_t n, Column *ret)
{
    uint8_t form;
    uint32_t k;
    *ret = (Column){ .n = n };
    if (!column_get_u8(bytes, &form)) return false;
    ret->form = (ColumnForm)form;
    switch (form) {
    case COLUMN_ONE: return column_get_u64(bytes, &ret->value.base);
    case COLUMN_PACKED: return packed_open(bytes, n, &ret->value);
    case COLUMN_RUNS:
        return column_get_u32(bytes, &k) && k <= n && packed_open(bytes, k, &ret->value) &&
            packed_open(bytes, k, &ret->more);
    case COLUMN_APART:
        return column_get_u32(bytes, &k) && k <= n && packed_open(bytes, n, &ret->value) &&
            packed_open(bytes, k, &ret->more) && packed_open(bytes, k, &ret->place);
    case COLUMN_COMMON: return column_get_u32(bytes, &k) && common_open(bytes, n, k, ret);
    default: return false;
    }
}

/* ---- reading ---- */

/* Where decoded values go: one of the three. */
typedef struct Out { uint64_t *v64; uint32_t *v32; uint8_t *v8; uint64_t most; } Out;
static inline Out out_64(uint64_t *p) { return (Out){ .v64 = p, .most = UINT64_MAX }; }
static inline Out out_32(uint32_t *p) { return (Out){ .v32 = p, .most = UINT32_MAX }; }
static inline Out out_8(uint8_t *p) { return (Out){ .v8 = p, .most = UINT8_MAX }; }
static bool out_fill(Out o, size_t at, size_t n, uint64_t v)
{
    if (v > o.most) return false;
    if (o.v64) for (size_t i = 0; i < n; i++) o.v64[at + i] = v;
    else if (o.v32) for (size_t i = 0; i < n; i++) o.v32[at + i] = (uint32_t)v;
    else memset(o.v8 + at, (int)v, n);
    return true;
}
static inline void out_set(Out o, size_t at, uint64_t v)
{
    if (o.v64) o.v64[at] = v;
    else if (o.v32) o.v32[at] = (uint32_t)v;
    else o.v8[at] = (uint8_t)v;
}
static inline uint64_t out_at(Out o, size_t at) { return o.v64 ? o.v64[at] : o.v32 ? o.v32[at] : o.v8[at]; }
/* One number of the last, incomplete group. */
static inline uint64_t rest_one(const char *p, size_t bytes, size_t bit, unsigned w)
{
    uint64_t v = 0, more = 0;
    size_t at = bit / 8;
    unsigned shift = (unsigned)(bit % 8);
    if (bytes - at >= 8) v = le_get64(p + at);
    else memcpy(&v, p + at, bytes - at);
    v >>= shift;
    if (shift + w > 64) {
        memcpy(&more, p + at + 8, 1);
        v |= more << (64 - shift);
    }
    return v & low_bits(w);
}
static void group_64(const char *p, unsigned w, uint64_t base, uint64_t *ret)
{
    uint32_t low[GROUP], high[GROUP];
    column_unpack(p, w < 32 ? w : 32, 0, low);
    if (w <= 32) {
        for (size_t i = 0; i < GROUP; i++) ret[i] = base + low[i];
        return;
    }
    column_unpack(p + GROUP / 8 * 32, w - 32, 0, high);
    for (size_t i = 0; i < GROUP; i++) ret[i] = base + (low[i] | (uint64_t)high[i] << 32);
}
/* Values that may not fit: as 64 bits first. */
static bool group_narrow(const char *p, unsigned w, uint64_t base, Out o, size_t at)
{
    uint64_t v[GROUP], all = 0;
    group_64(p, w, base, v);
    for (size_t i = 0; i < GROUP; i++) {
        all |= v[i];
        out_set(o, at + i, v[i]);
    }
    return all <= o.most;
}
static bool fits(const Packed *p, uint64_t most)
{
    return p->w < 64 && p->base <= most && low_bits(p->w) <= most - p->base;
}
static bool packed_rest(const Packed *p, size_t first, Out o, size_t at)
{
    const char *rest = p->at + first / GROUP * p->w * 32;
    size_t bytes = p->bytes - (size_t)(rest - p->at);
    uint64_t all = 0;
    for (size_t i = 0; first + i < p->n; i++) {
        uint64_t v = p->base + (p->w ? rest_one(rest, bytes, i * p->w, p->w) : 0);
        all |= v;
        out_set(o, at + i, v);
    }
    return all <= o.most;
}
bool column_one(const Column *c, size_t i, uint64_t *ret)
{
    const Packed *p = &c->value;
    size_t full = p->n / GROUP * GROUP;
    *ret = p->base;
    if (c->form == COLUMN_ONE) return true;
    if (c->form != COLUMN_PACKED || p->w > 32) return false;
    if (p->w == 0) return true;
    if (i >= full) {
        size_t before = full / 8 * p->w;
        *ret += rest_one(p->at + before, p->bytes - before, (i - full) * p->w, p->w);
        return true;
    }
    size_t bit = i % GROUP / 8 * p->w, shift = bit % 32;                    /* column_pack.h says where it stands */
    const char *at = p->at + i / GROUP * p->w * 32 + bit / 32 * 32 + i % 8 * 4;
    uint64_t v = le_get32(at);
    if (shift + p->w > 32) v |= (uint64_t)le_get32(at + 32) << 32;
    *ret += v >> shift & low_bits(p->w);
    return true;
}
/* Values [from, to) to places at and on; from and to as column_read() wants them. */
static bool packed_read(const Packed *p, size_t from, size_t to, Out o, size_t at)
{
    const char *bytes = p->at + from / GROUP * p->w * 32;
    bool fit = fits(p, o.most);
    for (; from + GROUP <= to; from += GROUP, at += GROUP, bytes += (size_t)p->w * 32) {
        if (o.v64) group_64(bytes, p->w, p->base, o.v64 + at);
        else if (fit && o.v32) column_unpack(bytes, p->w, (uint32_t)p->base, o.v32 + at);
        else if (fit) column_unpack8(bytes, p->w, (uint8_t)p->base, o.v8 + at);
        else if (!group_narrow(bytes, p->w, p->base, o, at)) return false;
    }
    return from == to || packed_rest(p, from, o, at);
}
/* The next at most 256 values of a part that belongs to others: runs, places. */
static size_t part_next(const Packed *p, size_t done, uint64_t *ret)
{
    size_t n = p->n - done < GROUP ? p->n - done : GROUP;
    return packed_read(p, done, done + n, out_64(ret), 0) ? n : 0;
}
static bool runs_read(const Column *c, size_t from, size_t to, Out o)
{
    uint64_t value[GROUP], length[GROUP];
    size_t at = 0;
    for (size_t done = 0, k; done < c->value.n && at < to; done += k) {
        k = part_next(&c->value, done, value);
        (void)part_next(&c->more, done, length);
        for (size_t i = 0; i < k && at < to; at += length[i++]) {
            if (length[i] > c->n - at) return false;
            size_t first = at > from ? at : from, end = at + length[i] < to ? at + length[i] : to;
            if (first < end && !out_fill(o, first - from, end - first, value[i])) return false;
        }
    }
    return at >= to;
}
static bool apart_read(const Column *c, size_t from, size_t to, Out o)
{
    uint64_t more[GROUP], place[GROUP];
    if (!packed_read(&c->value, from, to, o, 0)) return false;
    for (size_t done = 0, k; done < c->more.n; done += k) {
        k = part_next(&c->more, done, more);
        (void)part_next(&c->place, done, place);
        for (size_t i = 0; i < k; i++) {
            if (place[i] < from || place[i] >= to) continue;
            uint64_t v = out_at(o, place[i] - from) + (c->value.w < 64 ? more[i] << c->value.w : 0);
            if (v > o.most) return false;
            out_set(o, place[i] - from, v);
        }
    }
    return true;
}
/* The others from this one on, a group's worth at least where there are as many: two groups that hold them. */
typedef struct Others { uint8_t p[2 * GROUP + COLUMN_OTHERS_PAST]; size_t first, n; } Others;
static bool others_read(const Packed *p, size_t from, Others *o)
{
    size_t first = from / GROUP * GROUP, end = first + 2 * GROUP < p->n ? first + 2 * GROUP : p->n;
    if (o->n && o->first == first) return true;
    o->first = first;
    o->n = end - first;
    return packed_read(p, first, end, out_8(o->p), 0);
}
static bool common_group(const Column *c, size_t at, Others *o, uint8_t *ret)
{
    uint8_t code[GROUP] = { 0 };
    size_t n = c->n - at < GROUP ? c->n - at : GROUP, from = le_get16(c->before + at / GROUP * 2), others = 0;
    if (!packed_read(&c->value, at, at + n, out_8(code), 0)) return false;
    for (size_t i = 0; i < n; i++) others += code[i] == c->common.other;
    if (from > c->more.n || others > c->more.n - from || (others && !others_read(&c->more, from, o))) return false;
    (void)column_common(&c->common, code, others ? o->p + (from - o->first) : o->p, ret);
    return true;
}
static bool common_read(const Column *c, size_t from, size_t to, Out out)
{
    Others o;
    uint8_t v[GROUP];
    o.n = 0;
    memset(o.p, 0, sizeof o.p);
    for (size_t at = from; at < to; at += GROUP) {
        size_t n = to - at < GROUP ? to - at : GROUP;
        if (!common_group(c, at, &o, v)) return false;
        if (out.v8) memcpy(out.v8 + at - from, v, n);
        else for (size_t i = 0; i < n; i++) out_set(out, at - from + i, v[i]);
    }
    return true;
}
static bool any_read(const Column *c, size_t from, size_t to, Out o)
{
    switch (c->form) {
    case COLUMN_ONE: return out_fill(o, 0, to - from, c->value.base);
    case COLUMN_PACKED: return packed_read(&c->value, from, to, o, 0);
    case COLUMN_RUNS: return runs_read(c, from, to, o);
    case COLUMN_APART: return apart_read(c, from, to, o);
    case COLUMN_COMMON: return common_read(c, from, to, o);
    }
    return false;
}
bool column_read(const Column *c, size_t from, size_t to, uint64_t *ret) { return any_read(c, from, to, out_64(ret)); }
bool column_read32(const Column *c, size_t from, size_t to, uint32_t *ret)
{
    return any_read(c, from, to, out_32(ret));
}
bool column_read8(const Column *c, size_t from, size_t to, uint8_t *ret) { return any_read(c, from, to, out_8(ret)); }
bool column_get(Str *bytes, size_t n, uint64_t *ret)
{
    Column c;
    return column_open(bytes, n, &c) && column_read(&c, 0, n, ret);
}
bool column_get32(Str *bytes, size_t n, uint32_t *ret)
{
    Column c;
    return column_open(bytes, n, &c) && column_read32(&c, 0, n, ret);
}
bool column_runs(const Column *c, uint64_t *value, uint32_t *first, uint32_t *ret_runs)
{
    size_t at = 0, n = column_n_runs(c);
    if (c->form == COLUMN_ONE) {
        value[0] = c->value.base;
        first[0] = 0;
        first[n] = (uint32_t)c->n;
        *ret_runs = (uint32_t)n;
        return true;
    }
    if (c->form != COLUMN_RUNS || c->n > UINT32_MAX || !packed_read(&c->value, 0, n, out_64(value), 0) ||
        !packed_read(&c->more, 0, n, out_32(first), 0)) return false;
    for (size_t r = 0; r < n; r++) {
        uint32_t length = first[r];
        if (length == 0 || length > c->n - at) return false;
        first[r] = (uint32_t)at;
        at += length;
    }
    first[n] = (uint32_t)at;
    *ret_runs = (uint32_t)n;
    return at == c->n;
}

/* ---- texts ---- */

static void squeeze(Buf *b, const char *plain, size_t n)
{
    size_t bound = ZSTD_compressBound(n), got;
    char *to = mem_get(bound);
    if (!to) {
        b->bad = true;
        return;
    }
    got = n < 64 ? n : ZSTD_compress(to, bound, plain, n, ZSTD_LEVEL);
    bool saves = !ZSTD_isError(got) && got < n;
    buf_addc(b, saves ? TEXTS_ZSTD : TEXTS_PLAIN);
    column_put_u32(b, (uint32_t)n);
    column_put_u32(b, (uint32_t)(saves ? got : n));
    buf_add(b, saves ? (Str){ to, got } : (Str){ plain, n });
    mem_free(to);
}
void column_put_texts(Buf *b, const Str *texts, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) total += texts[i].n;
    uint64_t *lengths = mem_get(n * sizeof *lengths);
    char *plain = mem_get(total), *end = plain;
    if (lengths && plain && total <= UINT32_MAX) {
        for (size_t i = 0; i < n; i++) {
            lengths[i] = texts[i].n;
            if (texts[i].n) memcpy(end, texts[i].p, texts[i].n);
            end += texts[i].n;
        }
        column_put(b, lengths, n);
        squeeze(b, plain, total);
    } else {
        b->bad = true;
    }
    mem_free(lengths);
    mem_free(plain);
}
static Status texts_plain(Cx *cx, Str *bytes, size_t max, char **ret, size_t *ret_n)
{
    uint32_t n, stored;
    Str form, data;
    if (!column_skip(bytes, 1, &form) || !column_get_u32(bytes, &n) || !column_get_u32(bytes, &stored) ||
        !column_skip(bytes, stored, &data) || n > max || (form.p[0] == TEXTS_PLAIN && stored != n))
        return fail(cx, ST_IO, "texts: damaged lengths");
    char *to = mem_get(n);
    if (!to) return fail(cx, ST_NO_MEM, "texts: %u bytes", n);
    if (form.p[0] == TEXTS_PLAIN) {
        if (n) memcpy(to, data.p, n);
    } else if (ZSTD_decompress(to, n, data.p, data.n) != n) {
        mem_free(to);
        return fail(cx, ST_IO, "texts: damaged bytes");
    }
    *ret = to;
    *ret_n = n;
    return ST_OK;
}
static bool texts_cut(char *p, size_t size, const uint64_t *lengths, size_t n, Str *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (lengths[i] > size) return false;
        ret[i] = (Str){ p, lengths[i] };
        p += lengths[i];
        size -= lengths[i];
    }
    return size == 0;
}
Status column_get_texts(Cx *cx, Str *bytes, size_t n, size_t max, Str *ret, char **ret_heap)
{
    char *plain = NULL;
    size_t size;
    uint64_t *lengths = mem_get(n * sizeof *lengths);
    if (!lengths) return fail(cx, ST_NO_MEM, "texts: %zu lengths", n);
    Status st = column_get(bytes, n, lengths) ? texts_plain(cx, bytes, max, &plain, &size)
                                              : fail(cx, ST_IO, "texts: damaged lengths");
    if (st == ST_OK && !texts_cut(plain, size, lengths, n, ret))
        st = fail(cx, ST_IO, "texts: lengths and bytes differ");
    mem_free(lengths);
    if (st == ST_OK) *ret_heap = plain;
    else mem_free(plain);
    return st;
}
