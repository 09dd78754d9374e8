#include "base/json_index.h"
#include "base/utf8.h"
#include <assert.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* One bit for each of 64 bytes. ctrl: below 0x20, white space too; high: not ASCII. */
typedef struct Block { uint64_t quote, back, op, space, ctrl, high; } Block;
/* A way of scanning: the bits of 64 bytes; and their positions, `at` being the first byte's, written to `to` with up
 * to 32 more that mean nothing. Returns how many there are. */
typedef Block Classify(const char *p);
typedef uint32_t Put(uint32_t *to, uint32_t at, uint64_t bits);
#define INLINE static inline __attribute__((always_inline))

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
/* The high bit of each byte of w that is zero; exact, unlike the shorter forms with a borrow. */
INLINE uint64_t zeros(uint64_t w) { return ~(((w & EACH(0x7f)) + EACH(0x7f)) | w | EACH(0x7f)); }
/* The high bits of 8 bytes as 8 neighbouring bits, the first byte lowest. */
INLINE uint64_t gather(uint64_t high) { return ((high >> 7) * UINT64_C(0x0102040810204080)) >> 56; }
INLINE Block classify_plain(const char *p)
{
    Block b = { 0 };
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t w, folded;
        memcpy(&w, p + i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        w = __builtin_bswap64(w);
#endif
        folded = w | EACH(0x20);                            /* [ ] become { } */
        b.quote |= gather(zeros(w ^ EACH('"'))) << i;
        b.back |= gather(zeros(w ^ EACH('\\'))) << i;
        b.op |= gather(zeros(folded ^ EACH('{')) | zeros(folded ^ EACH('}')) |
                       zeros(w ^ EACH(',')) | zeros(w ^ EACH(':'))) << i;
        b.space |= gather(zeros(w ^ EACH(' '))) << i;
        b.ctrl |= gather(zeros(w & EACH(0xe0))) << i;
        b.high |= gather(w & EACH(0x80)) << i;
    }
    return b;
}
INLINE unsigned low_zeros(uint64_t bits) { return (unsigned)__builtin_ctzll(bits | UINT64_C(1) << 63); }
/* Eight at a time whether there are as many or not: a loop of unknown length costs a mispredicted branch. The
 * barrier keeps the compiler from gathering them in a vector first, which takes longer. */
#define PUT_EIGHT(low_zeros) \
    unsigned n = (unsigned)__builtin_popcountll(bits); \
    for (unsigned i = 0; i < n; i += 8, to += 8) \
        for (unsigned j = 0; j < 8; j++, bits &= bits - 1) { \
            to[j] = at + (unsigned)low_zeros(bits); \
            __asm__ volatile("" ::: "memory"); \
        } \
    return n
INLINE uint32_t put_plain(uint32_t *to, uint32_t at, uint64_t bits) { PUT_EIGHT(low_zeros); }
#if defined(__x86_64__)
INLINE uint64_t bits16(__m128i v) { return (uint64_t)(uint32_t)_mm_movemask_epi8(v); }
INLINE Block classify_sse2(const char *p)
{
    Block b = { 0 };
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
        __m128i op = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')), _mm_cmpeq_epi8(folded, _mm_set1_epi8('}'))),
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(',')), _mm_cmpeq_epi8(v, _mm_set1_epi8(':'))));
        b.quote |= bits16(_mm_cmpeq_epi8(v, _mm_set1_epi8('"'))) << i;
        b.back |= bits16(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))) << i;
        b.op |= bits16(op) << i;
        b.space |= bits16(_mm_cmpeq_epi8(v, _mm_set1_epi8(' '))) << i;
        b.ctrl |= bits16(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v)) << i;
        b.high |= bits16(v) << i;
    }
    return b;
}
#define AVX2 __attribute__((target("avx2,bmi,popcnt")))
AVX2 INLINE uint64_t bits32(__m256i v) { return (uint32_t)_mm256_movemask_epi8(v); }
AVX2 INLINE Block classify_avx2(const char *p)
{
    Block b = { 0 };
    for (unsigned i = 0; i < 64; i += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(p + i));
        __m256i folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
        __m256i op = _mm256_or_si256(
            _mm256_or_si256(_mm256_cmpeq_epi8(folded, _mm256_set1_epi8('{')),
                            _mm256_cmpeq_epi8(folded, _mm256_set1_epi8('}'))),
            _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(',')), _mm256_cmpeq_epi8(v, _mm256_set1_epi8(':'))));
        b.quote |= bits32(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'))) << i;
        b.back |= bits32(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'))) << i;
        b.op |= bits32(op) << i;
        b.space |= bits32(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(' '))) << i;
        b.ctrl |= bits32(_mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v)) << i;
        b.high |= bits32(v) << i;
    }
    return b;
}
AVX2 INLINE uint32_t put_avx2(uint32_t *to, uint32_t at, uint64_t bits) { PUT_EIGHT(_tzcnt_u64); }
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi2,bmi,popcnt")))
AVX512 INLINE uint64_t bits64(__m512i v, char byte) { return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(byte)); }
AVX512 INLINE Block classify_avx512(const char *p)
{
    __m512i v = _mm512_loadu_si512(p), folded = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
    return (Block){
        .quote = bits64(v, '"'), .back = bits64(v, '\\'), .space = bits64(v, ' '),
        .op = bits64(folded, '{') | bits64(folded, '}') | bits64(v, ',') | bits64(v, ':'),
        .ctrl = _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20)), .high = _mm512_movepi8_mask(v),
    };
}
AVX512 INLINE void put16(uint32_t *to, uint32_t at, __m128i offsets)
{
    __m512i v = _mm512_add_epi32(_mm512_cvtepu8_epi32(offsets), _mm512_set1_epi32((int)at));
    _mm512_storeu_si512(to, v);
}
AVX512 INLINE uint32_t put_avx512(uint32_t *to, uint32_t at, uint64_t bits)
{
    static const char each[64] = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
        48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
    };
    unsigned n = (unsigned)__builtin_popcountll(bits);
    __m512i offsets = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(each));
    put16(to, at, _mm512_castsi512_si128(offsets));
    put16(to + 16, at, _mm512_extracti32x4_epi32(offsets, 1));
    if (__builtin_expect(n > 32, 0)) {
        put16(to + 32, at, _mm512_extracti32x4_epi32(offsets, 2));
        put16(to + 48, at, _mm512_extracti32x4_epi32(offsets, 3));
    }
    return n;
}
#endif

/* Bits of the bytes that a backslash before them escapes. Backslashes are few: one step for each. */
INLINE uint64_t find_escaped(JsonIndex *ix, uint64_t back)
{
    uint64_t escaped = ix->escaped;
    ix->escaped = 0;
    for (back &= ~escaped; back; ) {
        uint64_t bit = back & -back;
        escaped |= bit << 1;
        ix->escaped = bit >> 63;
        back &= ~(bit | bit << 1);
    }
    return escaped;
}
/* Each bit becomes the parity of itself and those below. */
INLINE uint64_t parity(uint64_t x)
{
    for (unsigned by = 1; by < 64; by *= 2) x ^= x << by;
    return x;
}
/* The bit of the first byte that can be in no JSON text, or 0. */
static uint64_t find_control(const JsonIndex *ix, uint64_t ctrl, uint64_t in_string)
{
    uint64_t bad = ctrl & in_string;
    for (uint64_t rest = ctrl & ~in_string; rest; rest &= rest - 1) {
        char c = ix->text[ix->at + (unsigned)__builtin_ctzll(rest)];
        if (c != '\n' && c != '\r' && c != '\t') bad |= rest & -rest;
    }
    return bad & -bad;
}
static uint64_t find_not_utf8(JsonIndex *ix, uint64_t high)
{
    while (high) {
        uint32_t at = ix->at + (unsigned)__builtin_ctzll(high);
        if (at >= ix->utf8) ix->utf8 = at + (uint32_t)utf8_multi((Str){ ix->text + at, ix->n - at });
        uint32_t done = ix->utf8 - ix->at;
        if (done >= 64) return 0;                           /* what is wrong there is the next block's */
        if (ix->utf8 < ix->n && (unsigned char)ix->text[ix->utf8] >= 0x80) return UINT64_C(1) << done;
        high &= UINT64_MAX << done;
    }
    return 0;
}
/* p: the 64 bytes at ix->at, or a padded copy of the text's last ones. */
INLINE void index_block(JsonIndex *ix, const char *p, Classify *classify, Put *put)
{
    Block b = classify(p);
    uint64_t escaped = 0, starts = 0, bad = 0;
    if (__builtin_expect((b.back | ix->escaped) != 0, 0)) {
        escaped = find_escaped(ix, b.back);
        starts = b.back & ~escaped;
    }
    uint64_t quote = b.quote & ~escaped;
    uint64_t in_string = parity(quote) ^ ix->in_string;     /* with the first quote, without the last */
    ix->in_string = 0 - (in_string >> 63);
    uint64_t run = ~(b.op | b.space | b.ctrl | quote);
    uint64_t first = run & ~(run << 1 | ix->in_run);
    ix->in_run = run >> 63;
    uint64_t tokens = quote | (starts & in_string) | ((b.op | first) & ~in_string);
    if (__builtin_expect(b.ctrl != 0, 0)) bad = find_control(ix, b.ctrl, in_string);
    if (b.high) {
        uint64_t not_utf8 = find_not_utf8(ix, b.high);
        if (not_utf8 && (bad == 0 || not_utf8 < bad)) bad = not_utf8;
    }
    if (__builtin_expect(bad != 0, 0)) {
        ix->limit = ix->at + (unsigned)__builtin_ctzll(bad);
        tokens &= bad - 1;
    }
    ix->count += put(ix->token + ix->count, ix->at, tokens);
}
INLINE void index_window(JsonIndex *ix, Classify *classify, Put *put)
{
    uint32_t end = ix->n - ix->at > JSON_INDEX_WINDOW ? ix->at + JSON_INDEX_WINDOW : ix->n;
    for (; end - ix->at >= 64 && ix->limit == ix->n; ix->at += 64) index_block(ix, ix->text + ix->at, classify, put);
    if (ix->at == end || ix->limit != ix->n) return;
    char last[64];
    memset(last, ' ', sizeof last);
    memcpy(last, ix->text + ix->at, end - ix->at);
    index_block(ix, last, classify, put);
    ix->at = end;
}
static void window_plain(JsonIndex *ix) { index_window(ix, classify_plain, put_plain); }
#if defined(__x86_64__)
static void window_sse2(JsonIndex *ix) { index_window(ix, classify_sse2, put_plain); }
AVX2 static void window_avx2(JsonIndex *ix) { index_window(ix, classify_avx2, put_avx2); }
AVX512 static void window_avx512(JsonIndex *ix) { index_window(ix, classify_avx512, put_avx512); }
#endif

static JsonIndexKind chosen;                                /* a test's wish; JSON_INDEX_BEST: what the machine has */
static bool has(JsonIndexKind kind)
{
#if defined(__x86_64__)
    bool bits = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
    if (kind == JSON_INDEX_AVX2) return bits && __builtin_cpu_supports("avx2");
    if (kind == JSON_INDEX_AVX512)
        return bits && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2");
    return true;
#else
    return kind <= JSON_INDEX_PLAIN;
#endif
}
bool json_index_use(JsonIndexKind kind)
{
    if (!has(kind)) return false;
    chosen = kind;
    return true;
}
static void window(JsonIndex *ix)
{
    JsonIndexKind kind = chosen;
#if defined(__x86_64__)
    if (kind == JSON_INDEX_BEST)
        kind = has(JSON_INDEX_AVX512) ? JSON_INDEX_AVX512 : has(JSON_INDEX_AVX2) ? JSON_INDEX_AVX2 : JSON_INDEX_SSE2;
    if (kind == JSON_INDEX_AVX512) window_avx512(ix);
    else if (kind == JSON_INDEX_AVX2) window_avx2(ix);
    else if (kind == JSON_INDEX_SSE2) window_sse2(ix);
    else window_plain(ix);
#else
    window_plain(ix);
#endif
}
void json_index_start(JsonIndex *ix, Str text)
{
    assert(text.n < UINT32_MAX - JSON_INDEX_WINDOW);
    ix->text = text.p;                                      /* not token[], which is large */
    ix->n = ix->limit = (uint32_t)text.n;
    ix->at = ix->utf8 = ix->count = 0;
    ix->in_string = ix->escaped = ix->in_run = 0;
}
void json_index_more(JsonIndex *ix, const uint32_t *from)
{
    uint32_t kept = (uint32_t)(ix->token + ix->count - from);
    assert(from >= ix->token && kept <= JSON_INDEX_AHEAD);
    memmove(ix->token, from, kept * sizeof *from);
    ix->count = kept;
    while (ix->count < kept + JSON_INDEX_AHEAD && ix->at < ix->n && ix->limit == ix->n) window(ix);
    if (ix->at < ix->n && ix->limit == ix->n) return;
    for (unsigned i = 0; i < JSON_INDEX_AHEAD; i++) ix->token[ix->count++] = ix->limit;
}
