#include "store/events/column_pack.h"
#include "store/events/le.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
enum { LANES = 8, STEPS = COLUMN_GROUP / LANES, STEP_BYTES = LANES * 4 };

/* ---- plain ---- */

/* Not unrolled: where there is no AVX2 a small program is worth more. */
static void pack_plain(const uint32_t *v, uint32_t base, unsigned w, char *to)
{
    uint32_t mask = w == 32 ? UINT32_MAX : (1U << w) - 1;
    memset(to, 0, (size_t)w * STEP_BYTES);
    for (unsigned i = 0; i < COLUMN_GROUP; i++) {
        unsigned bit = i / LANES * w, shift = bit % 32;
        char *at = to + bit / 32 * STEP_BYTES + i % LANES * 4;
        uint64_t x = (uint64_t)((v[i] - base) & mask) << shift;
        le_put32(at, le_get32(at) | (uint32_t)x);
        if (shift + w > 32) le_put32(at + STEP_BYTES, (uint32_t)(x >> 32));
    }
}
static void unpack_plain(const char *from, unsigned w, uint32_t base, uint32_t *ret)
{
    uint32_t mask = w == 32 ? UINT32_MAX : (1U << w) - 1;
    for (unsigned i = 0; i < COLUMN_GROUP; i++) {
        unsigned bit = i / LANES * w, shift = bit % 32;
        const char *at = from + bit / 32 * STEP_BYTES + i % LANES * 4;
        uint64_t x = w ? le_get32(at) : 0;
        if (shift + w > 32) x |= (uint64_t)le_get32(at + STEP_BYTES) << 32;
        ret[i] = ((uint32_t)(x >> shift) & mask) + base;
    }
}
static void unpack8_plain(const char *from, unsigned w, uint8_t base, uint8_t *ret)
{
    uint32_t wide[COLUMN_GROUP];
    unpack_plain(from, w, base, wide);
    for (unsigned i = 0; i < COLUMN_GROUP; i++) ret[i] = (uint8_t)wide[i];
}
static void sum_plain(const ColumnSum *s)
{
    const uint32_t *delta = s->delta;
    int64_t *time = s->time;
    for (uint32_t r = 0; r < s->runs; r++) {
        uint32_t t = s->start[r];
        *time++ = s->base + t;
        for (uint32_t k = s->first[r] + 1; k < s->first[r + 1]; k++) *time++ = s->base + (t += *delta++);
    }
}
static size_t common_plain(const ColumnCommon *c, const uint8_t *code, const uint8_t *others, uint8_t *ret)
{
    size_t taken = 0;
    for (unsigned i = 0; i < COLUMN_GROUP; i++) {
        bool other = code[i] == c->other;
        ret[i] = other ? others[taken] : c->of[code[i] & 15];
        taken += other;
    }
    return taken;
}
#define EXTENT(type) \
    type min = v[0], max = v[0]; \
    uint32_t changes = 0; \
    for (size_t i = 1; i < n; i++) { \
        min = v[i] < min ? v[i] : min; \
        max = v[i] > max ? v[i] : max; \
        changes += v[i] != v[i - 1]; \
    } \
    return (ColumnExtent){ min, max, changes }
static ColumnExtent extent_plain(const uint64_t *v, size_t n) { EXTENT(uint64_t); }
static ColumnExtent extent32_plain(const uint32_t *v, size_t n) { EXTENT(uint32_t); }
static void planes_plain(const char *const *plane, const uint8_t *bit, unsigned planes, size_t from, size_t n,
    uint64_t *ret)
{
    for (size_t i = from; i < n; i++) ret[i] = 0;
    for (unsigned k = 0; k < planes; k++)
        for (size_t i = from; i < n; i++) ret[i] |= (uint64_t)((uint8_t)plane[k][i / 8] >> i % 8 & 1) << bit[k];
}
#if defined(__x86_64__)

/* ---- AVX2 ---- */

typedef uint32_t V8 __attribute__((vector_size(STEP_BYTES)));
/* w is a constant wherever these are used, so that each shift of the unrolled loop is one. */
INLINE void pack_width(const uint32_t *v, uint32_t base, const unsigned w, char *to)
{
    const uint32_t mask = w == 32 ? UINT32_MAX : (1U << w) - 1;
    V8 word = { 0 };
#pragma GCC unroll 32
    for (unsigned k = 0; k < STEPS; k++) {
        const unsigned shift = k * w % 32;
        V8 x;
        memcpy(&x, v + k * LANES, sizeof x);
        x = (x - base) & mask;
        word |= x << shift;
        if (shift + w < 32) continue;
        memcpy(to + k * w / 32 * STEP_BYTES, &word, sizeof word);
        word = shift + w > 32 ? x >> (32 - shift) : x ^ x;
    }
}
INLINE void unpack_width(const char *from, const unsigned w, uint32_t base, uint32_t *ret)
{
    const uint32_t mask = w == 32 ? UINT32_MAX : (1U << w) - 1;
#pragma GCC unroll 32
    for (unsigned k = 0; k < STEPS; k++) {
        const unsigned shift = k * w % 32;
        V8 x, next;
        memcpy(&x, from + k * w / 32 * STEP_BYTES, sizeof x);
        x >>= shift;
        if (shift + w > 32) {
            memcpy(&next, from + (k * w / 32 + 1) * STEP_BYTES, sizeof next);
            x |= next << (32 - shift);
        }
        x = (x & mask) + base;
        memcpy(ret + k * LANES, &x, sizeof x);
    }
}
#define WIDTHS_8(W) W(1) W(2) W(3) W(4) W(5) W(6) W(7) W(8)
#define WIDTHS(W) WIDTHS_8(W) W(9) W(10) W(11) W(12) W(13) W(14) W(15) W(16) W(17) W(18) W(19) W(20) W(21) W(22) \
    W(23) W(24) W(25) W(26) W(27) W(28) W(29) W(30) W(31) W(32)
INLINE void pack_any(const uint32_t *v, uint32_t base, unsigned w, char *to)
{
    switch (w) {
#define W(n) case n: pack_width(v, base, n, to); return;
        WIDTHS(W)
#undef W
    default: return;
    }
}
INLINE void unpack_any(const char *from, unsigned w, uint32_t base, uint32_t *ret)
{
    switch (w) {
#define W(n) case n: unpack_width(from, n, base, ret); return;
        WIDTHS(W)
#undef W
    default: for (unsigned i = 0; i < COLUMN_GROUP; i++) ret[i] = base;
    }
}

#define AVX2 __attribute__((target("avx2")))
AVX2 static void pack_avx2(const uint32_t *v, uint32_t base, unsigned w, char *to) { pack_any(v, base, w, to); }
AVX2 static void unpack_avx2(const char *from, unsigned w, uint32_t base, uint32_t *ret)
{
    unpack_any(from, w, base, ret);
}
AVX2 static ColumnExtent extent32_avx2(const uint32_t *v, size_t n) { EXTENT(uint32_t); }
/* Four steps at a time: their bytes beside each other in each lane, then lane by lane put in order. */
AVX2 INLINE void unpack8_width(const char *from, const unsigned w, uint8_t base, uint8_t *ret)
{
    const __m256i mask = _mm256_set1_epi32((int)((1U << w) - 1)), plus = _mm256_set1_epi8((char)base);
    const __m256i in_lane = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
                                             0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i lanes = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
#pragma GCC unroll 8
    for (unsigned k = 0; k < STEPS; k += 4) {
        __m256i four = _mm256_setzero_si256();
#pragma GCC unroll 4
        for (unsigned j = 0; j < 4; j++) {
            const unsigned word = (k + j) * w / 32, shift = (k + j) * w % 32;
            __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(from + word * STEP_BYTES));
            x = _mm256_srli_epi32(x, (int)shift);
            if (shift + w > 32) {
                __m256i next = _mm256_loadu_si256((const __m256i *)(const void *)(from + (word + 1) * STEP_BYTES));
                x = _mm256_or_si256(x, _mm256_slli_epi32(next, (int)(32 - shift)));
            }
            four = _mm256_or_si256(four, _mm256_slli_epi32(_mm256_and_si256(x, mask), (int)(8 * j)));
        }
        four = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(four, in_lane), lanes);
        _mm256_storeu_si256((__m256i *)(void *)(ret + k * LANES), _mm256_add_epi8(four, plus));
    }
}
AVX2 static void unpack8_avx2(const char *from, unsigned w, uint8_t base, uint8_t *ret)
{
    switch (w) {
#define W(n) case n: unpack8_width(from, n, base, ret); return;
        WIDTHS_8(W)
#undef W
    default: memset(ret, base, COLUMN_GROUP);
    }
}

/* ---- AVX-512 ---- */

#define AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx512vpopcntdq,avx512vbmi2,bmi,popcnt")))
AVX512 static ColumnExtent extent_avx512(const uint64_t *v, size_t n) { EXTENT(uint64_t); }
enum { WIDE = 16, HEADS_EVENTS = 32768 };
/* Each lane: the sum of it and all below. */
AVX512 INLINE __m512i sums(__m512i x)
{
    const __m512i zero = _mm512_setzero_si512();
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, WIDE - 1));
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, WIDE - 2));
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, WIDE - 4));
    return _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, WIDE - 8));
}
AVX512 INLINE void put_times(int64_t *to, __m512i t, __m512i base, __mmask16 in)
{
    __m512i low = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(t));
    __m512i high = _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(t, 1));
    _mm512_mask_storeu_epi64(to, (__mmask8)in, _mm512_add_epi64(low, base));
    _mm512_mask_storeu_epi64(to + 8, (__mmask8)(in >> 8), _mm512_add_epi64(high, base));
}
/* One sum over all differences, and for each run what must be added to it: heads[] has a bit where a run begins. */
AVX512 static void sum_heads(const ColumnSum *s, const uint16_t *heads, uint32_t n)
{
    const __m512i below = _mm512_setr_epi32(1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 8191, 16383, 32767,
        65535), last = _mm512_set1_epi32(WIDE - 1), base = _mm512_set1_epi64(s->base), one = _mm512_set1_epi32(1);
    __m512i sum = _mm512_setzero_si512(), before = sum;   /* the sum so far, the offset of the run so far: all lanes */
    const uint32_t *delta = s->delta, *start = s->start;
    for (uint32_t at = 0; at < n; at += WIDE) {
        unsigned m = heads[at / WIDE], count = (unsigned)__builtin_popcount(m);
        __mmask16 in = (__mmask16)(n - at < WIDE ? (1U << (n - at)) - 1 : UINT16_MAX);
        __m512i x = _mm512_maskz_expand_epi32((__mmask16)~m, _mm512_loadu_si512(delta));
        x = _mm512_add_epi32(sums(_mm512_maskz_mov_epi32(in, x)), sum);
        __m512i offset = _mm512_sub_epi32(_mm512_maskz_loadu_epi32((__mmask16)((1U << count) - 1), start),
                                          _mm512_maskz_compress_epi32((__mmask16)m, x));
        __m512i run = _mm512_popcnt_epi32(_mm512_and_si512(_mm512_set1_epi32((int)m), below));
        offset = _mm512_permutexvar_epi32(_mm512_sub_epi32(run, one), offset);
        offset = _mm512_mask_mov_epi32(offset, _mm512_testn_epi32_mask(run, run), before);
        put_times(s->time + at, _mm512_add_epi32(x, offset), base, in);
        sum = _mm512_permutexvar_epi32(last, x);
        before = _mm512_permutexvar_epi32(last, offset);
        delta += WIDE - count;
        start += count;
    }
}
AVX512 static void sum_avx512(const ColumnSum *s)
{
    uint16_t heads[HEADS_EVENTS / WIDE + 1];
    uint32_t from = s->first[0], n = s->first[s->runs] - from;
    if (n > HEADS_EVENTS) {
        sum_plain(s);
        return;
    }
    memset(heads, 0, (n / WIDE + 1) * sizeof *heads);
    for (uint32_t r = 0; r < s->runs; r++) {
        uint32_t at = s->first[r] - from;
        heads[at / WIDE] = (uint16_t)(heads[at / WIDE] | 1U << at % WIDE);
    }
    sum_heads(s, heads, n);
}
AVX512 static size_t common_avx512(const ColumnCommon *c, const uint8_t *code, const uint8_t *others, uint8_t *ret)
{
    const __m512i of = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)c->of));
    const __m512i other = _mm512_set1_epi8((char)c->other), low = _mm512_set1_epi8(15);
    size_t taken = 0;
    for (unsigned i = 0; i < COLUMN_GROUP; i += 64) {
        __m512i x = _mm512_loadu_si512(code + i);
        __mmask64 m = _mm512_cmpeq_epi8_mask(x, other);
        x = _mm512_shuffle_epi8(of, _mm512_and_si512(x, low));
        x = _mm512_mask_expand_epi8(x, m, _mm512_loadu_si512(others + taken));
        _mm512_storeu_si512(ret + i, x);
        taken += (size_t)__builtin_popcountll(m);
    }
    return taken;
}
AVX512 static void planes_avx512(const char *const *plane, const uint8_t *bit, unsigned planes, size_t n, uint64_t *ret)
{
    __m512i bits[64];
    for (unsigned k = 0; k < planes; k++) bits[k] = _mm512_set1_epi64((int64_t)(UINT64_C(1) << bit[k]));
    for (size_t i = 0; i + 8 <= n; i += 8) {
        __m512i v = _mm512_setzero_si512();
        for (unsigned k = 0; k < planes; k++) v = _mm512_mask_or_epi64(v, (__mmask8)plane[k][i / 8], v, bits[k]);
        _mm512_storeu_si512(ret + i, v);
    }
    planes_plain(plane, bit, planes, n / 8 * 8, n, ret);
}
#endif

static ColumnPackKind chosen;                               /* a test's wish; COLUMN_PACK_BEST: what the machine has */
static bool has(ColumnPackKind kind)
{
#if defined(__x86_64__)
    if (kind == COLUMN_PACK_AVX2) return __builtin_cpu_supports("avx2");
    if (kind == COLUMN_PACK_AVX512)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512vbmi2") &&
            __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
    return true;
#else
    return kind <= COLUMN_PACK_PLAIN;
#endif
}
bool column_pack_use(ColumnPackKind kind)
{
    if (!has(kind)) return false;
    chosen = kind;
    return true;
}
static bool at_least(ColumnPackKind kind) { return chosen == COLUMN_PACK_BEST ? has(kind) : chosen >= kind; }
#if defined(__x86_64__)
#define WITH(kind, call) if (at_least(kind)) { call; return; }
#else
#define WITH(kind, call)
#endif
void column_pack(const uint32_t *v, uint32_t base, unsigned w, char *to)
{
    WITH(COLUMN_PACK_AVX2, pack_avx2(v, base, w, to))
    pack_plain(v, base, w, to);
}
void column_unpack(const char *from, unsigned w, uint32_t base, uint32_t *ret)
{
    WITH(COLUMN_PACK_AVX2, unpack_avx2(from, w, base, ret))
    unpack_plain(from, w, base, ret);
}
void column_unpack8(const char *from, unsigned w, uint8_t base, uint8_t *ret)
{
    WITH(COLUMN_PACK_AVX2, unpack8_avx2(from, w, base, ret))
    unpack8_plain(from, w, base, ret);
}
ColumnExtent column_extent(const uint64_t *v, size_t n)
{
#if defined(__x86_64__)
    if (at_least(COLUMN_PACK_AVX512)) return extent_avx512(v, n);
#endif
    return extent_plain(v, n);
}
ColumnExtent column_extent32(const uint32_t *v, size_t n)
{
#if defined(__x86_64__)
    if (at_least(COLUMN_PACK_AVX2)) return extent32_avx2(v, n);
#endif
    return extent32_plain(v, n);
}
size_t column_common(const ColumnCommon *c, const uint8_t *code, const uint8_t *others, uint8_t *ret)
{
#if defined(__x86_64__)
    if (at_least(COLUMN_PACK_AVX512)) return common_avx512(c, code, others, ret);
#endif
    return common_plain(c, code, others, ret);
}
void column_sum(const ColumnSum *s)
{
    WITH(COLUMN_PACK_AVX512, sum_avx512(s))
    sum_plain(s);
}
void column_planes(const char *const *plane, const uint8_t *bit, unsigned planes, size_t n, uint64_t *ret)
{
    WITH(COLUMN_PACK_AVX512, planes_avx512(plane, bit, planes, n, ret))
    planes_plain(plane, bit, planes, 0, n, ret);
}
