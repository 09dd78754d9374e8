#include "store/events/column.h"
#include <string.h>
#include <zstd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored files are little-endian and read in place");

enum { GROUP = 256, LANES = 8, STEPS = GROUP / LANES };
enum { FORM_ONE, FORM_PACKED, FORM_RUNS };                  /* stored */
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
bool column_get_u32(Str *bytes, uint32_t *ret)
{
    Str s;
    if (!column_skip(bytes, sizeof *ret, &s)) return false;
    memcpy(ret, s.p, sizeof *ret);
    return true;
}
bool column_get_u64(Str *bytes, uint64_t *ret)
{
    Str s;
    if (!column_skip(bytes, sizeof *ret, &s)) return false;
    memcpy(ret, s.p, sizeof *ret);
    return true;
}

/* One full group: value i stands in lane i % 8, step i / 8; every lane is a bit string of 32 * width bits. */
static void lanes_put(const uint32_t *v, unsigned w, uint32_t *to)
{
    memset(to, 0, (size_t)w * LANES * sizeof *to);
    for (unsigned k = 0; k < STEPS; k++) {
        unsigned word = k * w / 32, shift = k * w % 32;
        for (unsigned lane = 0; lane < LANES; lane++) to[word * LANES + lane] |= v[k * LANES + lane] << shift;
        if (shift + w <= 32) continue;
        for (unsigned lane = 0; lane < LANES; lane++)
            to[(word + 1) * LANES + lane] |= v[k * LANES + lane] >> (32 - shift);
    }
}
static void lanes_get(const uint32_t *from, unsigned w, uint32_t *v)
{
    uint32_t mask = w == 32 ? UINT32_MAX : (1U << w) - 1;
    for (unsigned k = 0; k < STEPS; k++) {
        unsigned word = k * w / 32, shift = k * w % 32;
        const uint32_t *in = from + word * LANES;
        uint32_t *out = v + k * LANES;
        if (shift + w <= 32)
            for (unsigned lane = 0; lane < LANES; lane++) out[lane] = (in[lane] >> shift) & mask;
        else
            for (unsigned lane = 0; lane < LANES; lane++)
                out[lane] = ((in[lane] >> shift) | (in[lane + LANES] << (32 - shift))) & mask;
    }
}
static void group_put(Buf *b, const uint64_t *v, uint64_t base, unsigned w)
{
    uint32_t part[GROUP], out[GROUP];
    for (unsigned done = 0; done < w; done += 32) {          /* past 32 bits: the low half, then the high */
        unsigned bits = w - done < 32 ? w - done : 32;
        for (size_t i = 0; i < GROUP; i++) part[i] = (uint32_t)((v[i] - base) >> done);
        lanes_put(part, bits, out);
        buf_add(b, (Str){ (const char *)out, (size_t)bits * LANES * sizeof *out });
    }
}
/* What does not fill a group is packed one after another, so that short columns stay short. */
static void rest_put(Buf *b, const uint64_t *v, size_t n, uint64_t base, unsigned w)
{
    size_t bytes = (n * w + 7) / 8;
    unsigned char *to = buf_room(b, bytes);
    if (!to) return;
    memset(to, 0, bytes);
    for (size_t i = 0, bit = 0; i < n; i++)
        for (unsigned k = 0; k < w; k++, bit++)
            to[bit / 8] = (unsigned char)(to[bit / 8] | (((v[i] - base) >> k & 1) << (bit % 8)));
}
static void packed_put(Buf *b, const uint64_t *v, size_t n)
{
    uint64_t min = n ? v[0] : 0, max = min;
    for (size_t i = 1; i < n; i++) {
        if (v[i] < min) min = v[i];
        if (v[i] > max) max = v[i];
    }
    unsigned w = column_bits(max - min);
    buf_addc(b, (char)w);
    column_put_u64(b, min);
    size_t i = 0;
    for (; n - i >= GROUP; i += GROUP) group_put(b, v + i, min, w);
    rest_put(b, v + i, n - i, min, w);
}
static size_t packed_bytes(size_t n, unsigned w) { return n / GROUP * (w * 32U) + (n % GROUP * w + 7) / 8; }

typedef struct Packed { Str bytes; size_t left; uint64_t base; unsigned w; } Packed;
static bool packed_open(Str *bytes, size_t n, Packed *ret)
{
    Str head;
    *ret = (Packed){ .left = n };
    if (!column_skip(bytes, 1, &head) || !column_get_u64(bytes, &ret->base)) return false;
    ret->w = (unsigned char)head.p[0];
    return ret->w <= 64 && column_skip(bytes, packed_bytes(n, ret->w), &ret->bytes);
}
static uint64_t rest_one(const char *p, size_t bytes, size_t bit, unsigned w)
{
    uint64_t v = 0, more = 0;
    size_t at = bit / 8, n = bytes - at < 8 ? bytes - at : 8;
    unsigned shift = (unsigned)(bit % 8);
    memcpy(&v, p + at, n);
    v >>= shift;
    if (shift + w > 64) {
        memcpy(&more, p + at + 8, 1);
        v |= more << (64 - shift);
    }
    return w == 64 ? v : v & ((UINT64_C(1) << w) - 1);
}
/* The next at most 256 values without the base; how many. */
static size_t packed_next(Packed *p, uint64_t *ret)
{
    uint32_t in[GROUP + LANES], out[GROUP];
    size_t n = p->left < GROUP ? p->left : GROUP;
    p->left -= n;
    if (n < GROUP || p->w == 0) {
        for (size_t i = 0; i < n; i++) ret[i] = p->w ? rest_one(p->bytes.p, p->bytes.n, i * p->w, p->w) : 0;
        return n;
    }
    for (unsigned done = 0; done < p->w; done += 32) {
        unsigned bits = p->w - done < 32 ? p->w - done : 32;
        memcpy(in, p->bytes.p, (size_t)bits * LANES * sizeof *in);
        p->bytes.p += (size_t)bits * LANES * sizeof *in;
        p->bytes.n -= (size_t)bits * LANES * sizeof *in;
        lanes_get(in, bits, out);
        if (done) for (size_t i = 0; i < GROUP; i++) ret[i] |= (uint64_t)out[i] << 32;
        else for (size_t i = 0; i < GROUP; i++) ret[i] = out[i];
    }
    return n;
}
static size_t runs_count(const uint64_t *v, size_t n)
{
    size_t runs = n > 0;
    for (size_t i = 1; i < n; i++) runs += v[i] != v[i - 1];
    return runs;
}
static bool runs_put(Buf *b, const uint64_t *v, size_t n, size_t runs)
{
    uint64_t *value = mem_get(runs * 2 * sizeof *value), *length = value + runs;
    if (!value) return false;
    for (size_t i = 0, r = 0, end; i < n; i = end, r++) {
        for (end = i + 1; end < n && v[end] == v[i]; end++) { }
        value[r] = v[i];
        length[r] = end - i;
    }
    buf_addc(b, FORM_RUNS);
    column_put_u32(b, (uint32_t)runs);
    packed_put(b, value, runs);
    packed_put(b, length, runs);
    mem_free(value);
    return true;
}
void column_put(Buf *b, const uint64_t *v, size_t n)
{
    size_t runs = runs_count(v, n);
    uint64_t min = n ? v[0] : 0, max = min;
    if (runs <= 1) {
        buf_addc(b, FORM_ONE);
        column_put_u64(b, min);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        if (v[i] < min) min = v[i];
        if (v[i] > max) max = v[i];
    }
    unsigned w = column_bits(max - min);
    size_t in_runs = runs * (w + column_bits(n / runs) + 2) / 8 + 22;
    if (in_runs < packed_bytes(n, w)) {
        if (!runs_put(b, v, n, runs)) b->bad = true;
        return;
    }
    buf_addc(b, FORM_PACKED);
    packed_put(b, v, n);
}
/* Where decoded values go: one of the two. */
typedef struct Out { uint64_t *v64; uint32_t *v32; } Out;
static bool out_fill(Out o, size_t at, size_t n, uint64_t v)
{
    if (o.v64) for (size_t i = 0; i < n; i++) o.v64[at + i] = v;
    else if (v > UINT32_MAX) return false;
    else for (size_t i = 0; i < n; i++) o.v32[at + i] = (uint32_t)v;
    return true;
}
static bool packed_get(Str *bytes, size_t n, Out o)
{
    Packed p;
    uint64_t group[GROUP], wide = 0;
    if (!packed_open(bytes, n, &p)) return false;
    for (size_t at = 0; at < n;) {
        size_t k = packed_next(&p, group);
        if (o.v64) for (size_t i = 0; i < k; i++) o.v64[at + i] = group[i] + p.base;
        else for (size_t i = 0; i < k; i++) {
            wide |= group[i] + p.base;
            o.v32[at + i] = (uint32_t)(group[i] + p.base);
        }
        at += k;
    }
    return wide <= UINT32_MAX;
}
static bool runs_get(Str *bytes, size_t n, Out o)
{
    Packed value, length;
    uint64_t v[GROUP], len[GROUP];
    uint32_t runs;
    size_t at = 0;
    if (!column_get_u32(bytes, &runs) || runs > n) return false;
    if (!packed_open(bytes, runs, &value) || !packed_open(bytes, runs, &length)) return false;
    for (size_t done = 0; done < runs;) {
        size_t k = packed_next(&value, v);
        (void)packed_next(&length, len);
        for (size_t i = 0; i < k; i++) {
            uint64_t count = len[i] + length.base;
            if (count > n - at || !out_fill(o, at, count, v[i] + value.base)) return false;
            at += count;
        }
        done += k;
    }
    return at == n;
}
static bool any_get(Str *bytes, size_t n, Out o)
{
    Str form;
    uint64_t v;
    if (!column_skip(bytes, 1, &form)) return false;
    switch (form.p[0]) {
    case FORM_ONE: return column_get_u64(bytes, &v) && out_fill(o, 0, n, v);
    case FORM_PACKED: return packed_get(bytes, n, o);
    case FORM_RUNS: return runs_get(bytes, n, o);
    default: return false;
    }
}
bool column_get(Str *bytes, size_t n, uint64_t *ret) { return any_get(bytes, n, (Out){ .v64 = ret }); }
bool column_get32(Str *bytes, size_t n, uint32_t *ret) { return any_get(bytes, n, (Out){ .v32 = ret }); }

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
