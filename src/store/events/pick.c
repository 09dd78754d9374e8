#include "store/events/pick.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct Ways {
    void   (*names)(const uint8_t *names, size_t words, const uint8_t *chosen, unsigned top, uint64_t *ret);
    size_t (*places)(const uint64_t *bits, size_t words, uint32_t at, uint32_t *ret);
} Ways;

static void names_plain(const uint8_t *names, size_t words, const uint8_t *chosen, unsigned top, uint64_t *ret)
{
    (void)top;
    for (size_t w = 0; w < words; w++, names += 64) {
        uint64_t bits = 0;
        for (unsigned i = 0; i < 64; i++) bits |= (uint64_t)chosen[names[i]] << i;
        ret[w] = bits;
    }
}
static size_t places_plain(const uint64_t *bits, size_t words, uint32_t at, uint32_t *ret)
{
    uint32_t *to = ret;
    for (size_t w = 0; w < words; w++, at += 64) {
        uint64_t rest = bits[w];
        if (rest == UINT64_MAX) {
            for (uint32_t i = 0; i < 64; i++) to[i] = at + i;
            to += 64;
        } else {
            for (; rest; rest &= rest - 1) *to++ = at + (uint32_t)__builtin_ctzll(rest);
        }
    }
    return (size_t)(to - ret);
}
#if defined(__x86_64__)
/* A name is two halves: the high one says which of 16 tables, each a register, holds the low one's answer. */
#define AVX2 __attribute__((target("avx2")))
AVX2 static uint64_t half_avx2(const uint8_t *names, const uint8_t *chosen, unsigned top)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)names), any = _mm256_setzero_si256();
    __m256i low = _mm256_and_si256(v, _mm256_set1_epi8(15));
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
    for (unsigned t = 0; t * 16 < top; t++) {
        __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(chosen + t * 16)));
        __m256i here = _mm256_cmpeq_epi8(high, _mm256_set1_epi8((char)t));
        any = _mm256_or_si256(any, _mm256_and_si256(here, _mm256_shuffle_epi8(table, low)));
    }
    return (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(any, 7));
}
AVX2 static void names_avx2(const uint8_t *names, size_t words, const uint8_t *chosen, unsigned top, uint64_t *ret)
{
    for (size_t w = 0; w < words; w++, names += 64)
        ret[w] = half_avx2(names, chosen, top) | half_avx2(names + 32, chosen, top) << 32;
}
#define AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512vbmi,popcnt")))
AVX512 static void names_avx512(const uint8_t *names, size_t words, const uint8_t *chosen, unsigned top, uint64_t *ret)
{
    const __m512i first = _mm512_loadu_si512(chosen), second = _mm512_loadu_si512(chosen + 64);
    const __m512i third = _mm512_loadu_si512(chosen + 128), fourth = _mm512_loadu_si512(chosen + 192);
    for (size_t w = 0; w < words; w++, names += 64) {
        __m512i v = _mm512_loadu_si512(names), found = _mm512_permutex2var_epi8(first, v, second);
        if (top > 128) {
            __m512i upper = _mm512_permutex2var_epi8(third, v, fourth);
            found = _mm512_mask_mov_epi8(found, _mm512_movepi8_mask(v), upper);
        }
        ret[w] = _mm512_test_epi8_mask(found, found);
    }
}
AVX512 static size_t places_avx512(const uint64_t *bits, size_t words, uint32_t at, uint32_t *ret)
{
    const __m512i step = _mm512_set1_epi32(16);
    __m512i place = _mm512_add_epi32(_mm512_set1_epi32((int)at),
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    uint32_t *to = ret;
    for (size_t w = 0; w < words; w++)
        for (unsigned k = 0; k < 64; k += 16) {
            __mmask16 m = (__mmask16)(bits[w] >> k);
            _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(m, place));
            to += __builtin_popcount(m);
            place = _mm512_add_epi32(place, step);
        }
    return (size_t)(to - ret);
}
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("popcnt");
}
#endif

static bool ways_of(PickKind kind, Ways *ret)
{
#if defined(__x86_64__)
    if ((kind == PICK_BEST || kind == PICK_AVX512) && has_avx512()) {
        *ret = (Ways){ names_avx512, places_avx512 };
        return true;
    }
    if ((kind == PICK_BEST || kind == PICK_AVX2) && __builtin_cpu_supports("avx2")) {
        *ret = (Ways){ names_avx2, places_plain };
        return true;
    }
#endif
    *ret = (Ways){ names_plain, places_plain };
    return kind == PICK_BEST || kind == PICK_PLAIN;
}
static _Atomic int chosen_kind = PICK_BEST;
bool pick_use(PickKind kind)
{
    Ways w;
    if (!ways_of(kind, &w)) return false;
    chosen_kind = (int)kind;
    return true;
}
void pick_names(const uint8_t *names, size_t n, const uint8_t *chosen, unsigned top, uint64_t *ret_bits)
{
    Ways ways;
    uint8_t last[64] = { 0 };
    (void)ways_of((PickKind)chosen_kind, &ways);
    ways.names(names, n / 64, chosen, top, ret_bits);
    if (n % 64 == 0) return;
    memcpy(last, names + n / 64 * 64, n % 64);
    ways.names(last, 1, chosen, top, &ret_bits[n / 64]);
    ret_bits[n / 64] &= (UINT64_C(1) << n % 64) - 1;
}
size_t pick_places(const uint64_t *bits, size_t words, uint32_t at, uint32_t *ret)
{
    Ways ways;
    (void)ways_of((PickKind)chosen_kind, &ways);
    return ways.places(bits, words, at, ret);
}
