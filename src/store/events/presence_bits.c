#include "store/events/presence_in.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- plain ---- */

static void transpose_plain(const uint64_t *rows, size_t step, uint64_t ret[64])
{
    static const uint64_t masks[] = { UINT64_C(0x00000000FFFFFFFF), UINT64_C(0x0000FFFF0000FFFF),
        UINT64_C(0x00FF00FF00FF00FF), UINT64_C(0x0F0F0F0F0F0F0F0F), UINT64_C(0x3333333333333333),
        UINT64_C(0x5555555555555555) };
    for (size_t i = 0; i < 64; i++) ret[i] = rows[i * step];
    for (unsigned k = 0, half = 32; half; k++, half /= 2)
        for (unsigned at = 0; at < 64; at += 2 * half)
            for (unsigned i = at; i < at + half; i++) {
                uint64_t swap = (ret[i] >> half ^ ret[i + half]) & masks[k];
                ret[i] ^= swap << half;
                ret[i + half] ^= swap;
            }
}
static void count_plain(const uint64_t *a, const uint64_t *const *b, size_t n, size_t words, int64_t *ret)
{
    for (size_t k = 0; k < n; k++) {
        int64_t shared = 0;
        for (size_t w = 0; w < words; w++) shared += __builtin_popcountll(a[w] & b[k][w]);
        ret[k] += shared;
    }
}
static void place_plain(const PresenceClock *c, size_t first, size_t count, const int64_t *start,
    const uint32_t *length, size_t n, int32_t *ret_stretch, uint8_t *ret_cross)
{
    for (size_t i = 0; i < n; i++) {
        size_t e = presence_clock_at(c, start[i]);
        ret_cross[i] = start[i] + (int64_t)length[i] >= c->ends[e];
        ret_stretch[i] = e - first < count ? (int32_t)(e - first) : -1;
    }
}
#if defined(__x86_64__)

/* ---- AVX-512 ---- */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,gfni,avx512vpopcntdq")))
/* Eight rows, byte c of each: 8 by 8 bits, turned by multiplying with a diagonal from both sides. */
AVX512 static void transpose_avx512(const uint64_t *rows, size_t step, uint64_t ret[64])
{
    const __m512i bytes = _mm512_set_epi8(63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6,
        61, 53, 45, 37, 29, 21, 13, 5, 60, 52, 44, 36, 28, 20, 12, 4,
        59, 51, 43, 35, 27, 19, 11, 3, 58, 50, 42, 34, 26, 18, 10, 2,
        57, 49, 41, 33, 25, 17, 9, 1, 56, 48, 40, 32, 24, 16, 8, 0);
    const __m512i turned = _mm512_set_epi8(7, 15, 23, 31, 39, 47, 55, 63, 6, 14, 22, 30, 38, 46, 54, 62,
        5, 13, 21, 29, 37, 45, 53, 61, 4, 12, 20, 28, 36, 44, 52, 60,
        3, 11, 19, 27, 35, 43, 51, 59, 2, 10, 18, 26, 34, 42, 50, 58,
        1, 9, 17, 25, 33, 41, 49, 57, 0, 8, 16, 24, 32, 40, 48, 56);
    const __m512i diagonal = _mm512_set1_epi64((long long)UINT64_C(0x8040201008040201));
    uint64_t part[8][8];                                   /* of eight rows: columns 8c to 8c + 7, a byte each */
    for (unsigned r = 0; r < 8; r++) {
        uint64_t v[8];
        for (unsigned i = 0; i < 8; i++) v[i] = rows[(r * 8 + i) * step];
        __m512i x = _mm512_permutexvar_epi8(turned, _mm512_loadu_si512(v));    /* word c: byte c of each row,
                                                                                     the last row's first */
        x = _mm512_gf2p8affine_epi64_epi8(diagonal, x, 0);
        _mm512_storeu_si512(part[r], x);
    }
    for (unsigned c = 0; c < 8; c++) {
        uint64_t v[8];
        for (unsigned r = 0; r < 8; r++) v[r] = part[r][c];
        _mm512_storeu_si512(ret + c * 8, _mm512_permutexvar_epi8(bytes, _mm512_loadu_si512(v)));
    }
}
AVX512 static void count_avx512(const uint64_t *a, const uint64_t *const *b, size_t n, size_t words, int64_t *ret)
{
    for (size_t k = 0; k < n; k++) {
        __m512i sum = _mm512_setzero_si512();
        for (size_t w = 0; w < words; w += PRESENCE_PAD) {
            __m512i both = _mm512_and_si512(_mm512_loadu_si512(a + w), _mm512_loadu_si512(b[k] + w));
            sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(both));
        }
        ret[k] += _mm512_reduce_add_epi64(sum);
    }
}
/* Without optimisation gcc 12's gathers are macros that convert a mask's sign. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
AVX512 static void place_avx512(const PresenceClock *c, size_t first, size_t count, const int64_t *start,
    const uint32_t *length, size_t n, int32_t *ret_stretch, uint8_t *ret_cross)
{
    const __m512i base = _mm512_set1_epi64(c->base);
    const __m256i one = _mm256_set1_epi32(1), from = _mm256_set1_epi32((int)first), all = _mm256_set1_epi32((int)count);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m512i t = _mm512_loadu_si512(start + i);
        __m512i last = _mm512_add_epi64(t, _mm512_cvtepu32_epi64(_mm256_loadu_si256((const void *)(length + i))));
        __m512i granule = _mm512_srli_epi64(_mm512_sub_epi64(t, base), c->shift);
        __m256i e = _mm512_i64gather_epi32(granule, c->at, 4);
        __m512i end = _mm512_i32gather_epi64(e, c->ends, 8);
        for (__mmask8 past; (past = _mm512_cmpge_epi64_mask(t, end)) != 0;) {
            e = _mm256_mask_add_epi32(e, past, e, one);
            end = _mm512_mask_i32gather_epi64(end, past, e, c->ends, 8);
        }
        __m256i stretch = _mm256_sub_epi32(e, from);
        __mmask8 in = _mm256_cmplt_epu32_mask(stretch, all);
        stretch = _mm256_mask_mov_epi32(_mm256_set1_epi32(-1), in, stretch);
        _mm256_storeu_si256((void *)(ret_stretch + i), stretch);
        _mm_storel_epi64((void *)(ret_cross + i),
            _mm_maskz_set1_epi8((__mmask16)_mm512_cmpge_epi64_mask(last, end), 1));
    }
    place_plain(c, first, count, start + i, length + i, n - i, ret_stretch + i, ret_cross + i);
}
#pragma GCC diagnostic pop
#endif

static PresenceKind chosen;                                /* a test's wish */
static bool has(PresenceKind kind)
{
#if defined(__x86_64__)
    if (kind == PRESENCE_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
            __builtin_cpu_supports("gfni") && __builtin_cpu_supports("avx512vpopcntdq");
#endif
    return kind <= PRESENCE_PLAIN;
}
bool presence_use(PresenceKind kind)
{
    if (!has(kind)) return false;
    chosen = kind;
    return true;
}
static bool wide(void) { return chosen == PRESENCE_BEST ? has(PRESENCE_AVX512) : chosen == PRESENCE_AVX512; }
void presence_transpose(const uint64_t *rows, size_t step, uint64_t ret[64])
{
#if defined(__x86_64__)
    if (wide()) {
        transpose_avx512(rows, step, ret);
        return;
    }
#endif
    transpose_plain(rows, step, ret);
}
void presence_count(const uint64_t *a, const uint64_t *const *b, size_t n, size_t words, int64_t *ret)
{
#if defined(__x86_64__)
    if (wide()) {
        count_avx512(a, b, n, words, ret);
        return;
    }
#endif
    count_plain(a, b, n, words, ret);
}
void presence_place(const PresenceClock *c, size_t first, size_t count, const int64_t *start, const uint32_t *length,
    size_t n, int32_t *ret_stretch, uint8_t *ret_cross)
{
#if defined(__x86_64__)
    if (wide()) {
        place_avx512(c, first, count, start, length, n, ret_stretch, ret_cross);
        return;
    }
#endif
    place_plain(c, first, count, start, length, n, ret_stretch, ret_cross);
}
