#include "store/events/pairs.h"
#include <assert.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
/* So many rows go into counters of a byte before these are emptied into the cells. */
enum { BYTE_ROWS = 255 };

/* A row's pairs with bit i of its a. */
static void row_plain(uint32_t *cells, size_t words, size_t i, const uint64_t *b)
{
    uint32_t *row = cells + i * words * 64;
    uint64_t after = b[i / 64] & (UINT64_MAX - 1) << (i % 64);
    row[i]++;
    for (size_t v = i / 64;;) {
        for (; after; after &= after - 1) row[v * 64 + (unsigned)__builtin_ctzll(after)]++;
        if (++v == words) return;
        after = b[v];
    }
}
static void add_plain(uint32_t *cells, size_t bits, size_t rows, const uint64_t *a, const uint64_t *b)
{
    size_t words = pairs_words(bits);
    for (size_t r = 0; r < rows; r++, a += words, b += words)
        for (size_t w = 0; w < words; w++)
            for (uint64_t rest = a[w]; rest; rest &= rest - 1)
                row_plain(cells, words, w * 64 + (unsigned)__builtin_ctzll(rest), b);
}

#if defined(__x86_64__)
/* ---- a row at a time: b's bits as a mask over a row of byte counters ---- */

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

AVX2 INLINE __m256i spread32(uint32_t bits)                 /* a byte of ones for each bit that is set */
{
    const __m256i from = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i v = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), from);
    return _mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit);
}
AVX2 INLINE void empty_avx2(uint32_t *cells, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        __m256i *to = (__m256i *)(void *)(cells + i);
        __m256i v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(bytes + i)));
        _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), v));
    }
    memset(bytes, 0, n);
}
AVX2 INLINE void row_avx2(uint8_t *bytes, size_t words, const uint64_t *a, const uint64_t *b)
{
    __m256i ones[PAIRS_WORDS * 2];
    for (size_t v = 0; v < words; v++) {
        ones[2 * v] = spread32((uint32_t)b[v]);
        ones[2 * v + 1] = spread32((uint32_t)(b[v] >> 32));
    }
    for (size_t w = 0; w < words; w++)
        for (uint64_t rest = a[w]; rest; rest &= rest - 1) {
            size_t i = w * 64 + (size_t)_tzcnt_u64(rest);
            uint8_t *row = bytes + i * words * 64;
            uint8_t own = row[i];
            for (size_t v = 2 * w; v < 2 * words; v++) {
                __m256i *to = (__m256i *)(void *)(row + v * 32);
                _mm256_storeu_si256(to, _mm256_sub_epi8(_mm256_loadu_si256(to), ones[v]));
            }
            row[i] = (uint8_t)(own + 1);
        }
}
AVX2 static void add_avx2(uint32_t *cells, size_t bits, size_t rows, const uint64_t *a, const uint64_t *b)
{
    _Alignas(32) uint8_t bytes[PAIRS_BITS * PAIRS_BITS];
    size_t words = pairs_words(bits), n = bits * words * 64;
    memset(bytes, 0, n);
    for (size_t left = rows; left;) {
        size_t now = left < BYTE_ROWS ? left : BYTE_ROWS;
        left -= now;
        for (; now; now--, a += words, b += words) row_avx2(bytes, words, a, b);
        empty_avx2(cells, bytes, n);
    }
}
/* ---- 512 rows turned on their side: a word holds one bit of 64 rows ---- */

#define TURN __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vpopcntdq,gfni,bmi,popcnt")))
enum { TILES = PAIRS_BATCH / 64 };

/* The 64 x 64 bits of 8 rows in each of v: a byte of each row to one place, 8 x 8 bits turned there. */
TURN INLINE __m512i turn8(__m512i v)
{
    static const uint8_t place[64] = {
        56, 48, 40, 32, 24, 16, 8, 0, 57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2,
        59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 28, 20, 12, 4, 61, 53, 45, 37, 29, 21, 13, 5,
        62, 54, 46, 38, 30, 22, 14, 6, 63, 55, 47, 39, 31, 23, 15, 7
    };
    v = _mm512_permutexvar_epi8(_mm512_loadu_si512(place), v);
    return _mm512_gf2p8affine_epi64_epi8(_mm512_set1_epi64((long long)0x8040201008040201), v, 0);
}
/* v[g]: rows 8g to 8g + 7. to[x], 64 words: bit x of each row. */
TURN INLINE void turn64(const __m512i v[8], uint64_t *to)
{
    __m512i t[8], u[8];
    for (int g = 0; g < 8; g++) t[g] = turn8(v[g]);
    for (int g = 0; g < 4; g++) {
        u[g] = _mm512_unpacklo_epi8(t[2 * g], t[2 * g + 1]);
        u[g + 4] = _mm512_unpackhi_epi8(t[2 * g], t[2 * g + 1]);
    }
    for (int h = 0; h < 2; h++) {
        __m512i lo0 = _mm512_unpacklo_epi16(u[4 * h], u[4 * h + 1]), hi0 = _mm512_unpackhi_epi16(u[4 * h],
            u[4 * h + 1]);
        __m512i lo1 = _mm512_unpacklo_epi16(u[4 * h + 2], u[4 * h + 3]);
        __m512i hi1 = _mm512_unpackhi_epi16(u[4 * h + 2], u[4 * h + 3]);
        __m512i q[4] = { _mm512_unpacklo_epi32(lo0, lo1), _mm512_unpackhi_epi32(lo0, lo1),
            _mm512_unpacklo_epi32(hi0, hi1), _mm512_unpackhi_epi32(hi0, hi1) };
        /* lane l of q[k]: words 16 l + 8 h + 2 k and the next */
        __m512i e0 = _mm512_shuffle_i64x2(q[0], q[1], 0x44), e1 = _mm512_shuffle_i64x2(q[2], q[3], 0x44);
        __m512i f0 = _mm512_shuffle_i64x2(q[0], q[1], 0xEE), f1 = _mm512_shuffle_i64x2(q[2], q[3], 0xEE);
        _mm512_storeu_si512(to + 8 * h, _mm512_shuffle_i64x2(e0, e1, 0x88));
        _mm512_storeu_si512(to + 16 + 8 * h, _mm512_shuffle_i64x2(e0, e1, 0xDD));
        _mm512_storeu_si512(to + 32 + 8 * h, _mm512_shuffle_i64x2(f0, f1, 0x88));
        _mm512_storeu_si512(to + 48 + 8 * h, _mm512_shuffle_i64x2(f0, f1, 0xDD));
    }
}
/* 8 rows of `words` words from p: word w of each. */
TURN INLINE __m512i rows8(const uint64_t *p, size_t words, size_t w)
{
    if (words == 1) return _mm512_loadu_si512(p);
    if (words == 2) {
        const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
        __m512i from = _mm512_add_epi64(even, _mm512_set1_epi64((long long)w));
        return _mm512_permutex2var_epi64(_mm512_loadu_si512(p), from, _mm512_loadu_si512(p + 8));
    }
    p += w;
    return _mm512_setr_epi64((long long)p[0], (long long)p[3], (long long)p[6], (long long)p[9], (long long)p[12],
        (long long)p[15], (long long)p[18], (long long)p[21]);
}
typedef uint64_t Tiles[TILES][PAIRS_BITS];
TURN INLINE void turn(Tiles to, size_t words, const uint64_t *p)
{
    for (size_t t = 0; t < TILES; t++)
        for (size_t w = 0; w < words; w++) {
            __m512i v[8];
            for (size_t g = 0; g < 8; g++) v[g] = rows8(p + (t * 64 + g * 8) * words, words, w);
            turn64(v, to[t] + w * 64);
        }
}
TURN INLINE void count_turned(uint32_t *cells, size_t bits, size_t words, Tiles a, Tiles b)
{
    for (size_t at = 0; at < bits; at += 8) {
        __m512i v[TILES];
        for (size_t t = 0; t < TILES; t++) v[t] = _mm512_load_si512(b[t] + at);
        size_t last = at + 8 < bits ? at + 8 : bits;
        for (size_t i = 0; i < last; i++) {
            __m256i *to = (__m256i *)(void *)(cells + i * words * 64 + at);
            __m512i sum = _mm512_setzero_si512();
            for (size_t t = 0; t < TILES; t++) {
                __m512i both = _mm512_and_si512(v[t], _mm512_set1_epi64((long long)a[t][i]));
                sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(both));
            }
            _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), _mm512_cvtepi64_epi32(sum)));
        }
    }
}
/* The cells [i][i] count a alone. */
TURN INLINE void count_batch(uint32_t *cells, size_t bits, size_t words, const uint64_t *a, const uint64_t *b)
{
    _Alignas(64) Tiles ta, tb;
    uint32_t own[PAIRS_BITS];
    turn(ta, words, a);
    turn(tb, words, b);
    for (size_t i = 0; i < bits; i++) {
        own[i] = cells[i * words * 64 + i];
        for (size_t t = 0; t < TILES; t++) own[i] += (uint32_t)_mm_popcnt_u64(ta[t][i]);
    }
    count_turned(cells, bits, words, ta, tb);
    for (size_t i = 0; i < bits; i++) cells[i * words * 64 + i] = own[i];
}
TURN INLINE void turned(uint32_t *cells, size_t bits, size_t words, size_t rows, const uint64_t *a, const uint64_t *b)
{
    uint64_t rest[2][PAIRS_BATCH * PAIRS_WORDS];
    for (; rows >= PAIRS_BATCH; rows -= PAIRS_BATCH, a += PAIRS_BATCH * words, b += PAIRS_BATCH * words)
        count_batch(cells, bits, words, a, b);
    if (rows == 0) return;
    size_t n = rows * words * sizeof *a;
    memcpy(rest[0], a, n);
    memcpy(rest[1], b, n);
    for (size_t k = 0; k < 2; k++) memset(rest[k] + rows * words, 0, (PAIRS_BATCH - rows) * words * sizeof *a);
    count_batch(cells, bits, words, rest[0], rest[1]);
}
TURN static void add_turned(uint32_t *cells, size_t bits, size_t rows, const uint64_t *a, const uint64_t *b)
{
    size_t words = pairs_words(bits);
    if (words == 1) turned(cells, bits, 1, rows, a, b);
    else if (words == 2) turned(cells, bits, 2, rows, a, b);
    else turned(cells, bits, 3, rows, a, b);
}
#endif

static PairsKind chosen;
static bool has(PairsKind kind)
{
#if defined(__x86_64__)
    if (kind == PAIRS_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
    if (kind == PAIRS_TURNED)
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi") &&
            __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("gfni");
    return true;
#else
    return kind <= PAIRS_PLAIN;
#endif
}
bool pairs_use(PairsKind kind)
{
    if (!has(kind)) return false;
    chosen = kind;
    return true;
}
static size_t bits_in(const uint64_t *p, size_t words)
{
    size_t n = 0;
    for (size_t w = 0; w < words; w++) n += (size_t)__builtin_popcountll(p[w]);
    return n;
}
/* Every 16th row tells how many pairs there may be: few are counted sooner one by one (3 cycles each) than all. */
static PairsKind best(size_t bits, size_t rows, const uint64_t *a, const uint64_t *b)
{
    size_t words = pairs_words(bits), pairs = 0, looked = 0;
    bool turned = has(PAIRS_TURNED);
    if (rows < 48 || !(turned || has(PAIRS_AVX2))) return PAIRS_PLAIN;
    for (size_t r = 0; r < rows; r += 16, looked++)
        pairs += bits_in(a + r * words, words) * (1 + bits_in(b + r * words, words));
    size_t cost = turned ? PAIRS_BATCH * (2 + bits * bits / 600) : rows * (20 + bits * bits / 500);
    return 3 * pairs * rows < looked * cost ? PAIRS_PLAIN : turned ? PAIRS_TURNED : PAIRS_AVX2;
}
void pairs_add(uint32_t *cells, size_t bits, size_t rows, const uint64_t *a, const uint64_t *b)
{
    assert(bits > 0 && bits <= PAIRS_BITS);
    PairsKind kind = chosen == PAIRS_BEST ? best(bits, rows, a, b) : chosen;
#if defined(__x86_64__)
    if (kind == PAIRS_AVX2) add_avx2(cells, bits, rows, a, b);
    if (kind == PAIRS_TURNED) add_turned(cells, bits, rows, a, b);
#endif
    if (kind <= PAIRS_PLAIN) add_plain(cells, bits, rows, a, b);
}
