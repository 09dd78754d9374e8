#include "base/json_index.h"
#include "base/utf8.h"
#include <assert.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* One bit for each of 64 bytes. ctrl: below 0x20, white space too; high: not ASCII. */
typedef struct Block { uint64_t quote, back, op, space, ctrl, high; } Block;
typedef Block Classify(const char *p);
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
#define AVX2 __attribute__((target("avx2,bmi")))
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
INLINE void put_tokens(JsonIndex *ix, uint64_t bits)
{
    uint32_t *to = ix->token + ix->count;
    unsigned n = (unsigned)__builtin_popcountll(bits);
    const uint64_t TOP = UINT64_C(1) << 63;                 /* counting the zeros of zero is undefined */
    ix->count += n;
    /* Eight at a time whether there are as many or not: a loop of unknown length costs a mispredicted branch. */
    for (unsigned i = 0; i < n; i += 8, to += 8)
        for (unsigned j = 0; j < 8; j++, bits &= bits - 1) to[j] = ix->at + (unsigned)__builtin_ctzll(bits | TOP);
}
/* p: the 64 bytes at ix->at, or a padded copy of the text's last ones. */
INLINE void index_block(JsonIndex *ix, const char *p, Classify *classify)
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
    put_tokens(ix, tokens);
}
INLINE void index_window(JsonIndex *ix, Classify *classify)
{
    uint32_t end = ix->n - ix->at > JSON_INDEX_WINDOW ? ix->at + JSON_INDEX_WINDOW : ix->n;
    for (; end - ix->at >= 64 && ix->limit == ix->n; ix->at += 64) index_block(ix, ix->text + ix->at, classify);
    if (ix->at == end || ix->limit != ix->n) return;
    char last[64];
    memset(last, ' ', sizeof last);
    memcpy(last, ix->text + ix->at, end - ix->at);
    index_block(ix, last, classify);
    ix->at = end;
}
static void window_plain(JsonIndex *ix) { index_window(ix, classify_plain); }
#if defined(__x86_64__)
static void window_sse2(JsonIndex *ix) { index_window(ix, classify_sse2); }
AVX2 static void window_avx2(JsonIndex *ix) { index_window(ix, classify_avx2); }
#endif

static JsonIndexKind chosen;                                /* a test's wish; JSON_INDEX_BEST: what the machine has */
static bool has(JsonIndexKind kind)
{
#if defined(__x86_64__)
    return kind != JSON_INDEX_AVX2 || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"));
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
#if defined(__x86_64__)
    if (chosen == JSON_INDEX_PLAIN) window_plain(ix);
    else if (chosen == JSON_INDEX_SSE2 || !has(JSON_INDEX_AVX2)) window_sse2(ix);
    else window_avx2(ix);
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
