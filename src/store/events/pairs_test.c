#include "store/events/pairs.h"
#include "tests/test.h"
#include <string.h>

enum { ROWS = 1400 };
static const PairsKind KINDS[] = { PAIRS_PLAIN, PAIRS_AVX2, PAIRS_TURNED, PAIRS_BEST };
static uint64_t dice = 88172645463325252u;
static uint64_t rnd(void)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return dice * UINT64_C(0x2545F4914F6CDD1D);
}
/* share: of 16 bits how many are set */
static void fill(uint64_t *to, size_t bits, size_t rows, uint64_t share)
{
    size_t words = pairs_words(bits);
    memset(to, 0, rows * words * sizeof *to);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < bits; i++)
            if (rnd() >> 60 < share) to[r * words + i / 64] |= UINT64_C(1) << (i % 64);
}
static void count(uint32_t *cells, size_t bits, size_t rows, const uint64_t *a, const uint64_t *b)
{
    size_t words = pairs_words(bits);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < bits; i++)
            for (size_t j = i; j < bits; j++)
                cells[i * words * 64 + j] += (a[r * words + i / 64] >> (i % 64) & 1) &&
                    (i == j || (b[r * words + j / 64] >> (j % 64) & 1));
}
static void same_every_way(size_t bits, size_t rows, const uint64_t *a, const uint64_t *b)
{
    static uint32_t before[PAIRS_BITS * PAIRS_BITS], want[PAIRS_BITS * PAIRS_BITS], got[PAIRS_BITS * PAIRS_BITS];
    size_t words = pairs_words(bits);
    for (size_t i = 0; i < bits * words * 64; i++) before[i] = (uint32_t)rnd();
    memcpy(want, before, sizeof want);
    count(want, bits, rows, a, b);
    for (size_t way = 0; way < COUNT(KINDS); way++) {
        if (!pairs_use(KINDS[way])) continue;
        memcpy(got, before, sizeof got);
        pairs_add(got, bits, rows, a, b);
        for (size_t i = 0; i < bits; i++)
            for (size_t j = i; j < bits; j++)
                assert_int_equal(got[i * words * 64 + j], want[i * words * 64 + j]);
    }
}
TEST(every_way_of_counting_pairs_gives_the_same_numbers)
{
    static const size_t bits_of[] = { 1, 7, 8, 63, 64, 65, 90, 128, 129, 180, 192 };
    static const size_t rows_of[] = { 0, 1, 31, 64, 255, 256, 511, 512, 513, 1024, ROWS };
    static uint64_t a[ROWS * PAIRS_WORDS], b[ROWS * PAIRS_WORDS];
    for (size_t k = 0; k < COUNT(bits_of); k++)
        for (size_t m = 0; m < COUNT(rows_of); m++) {
            fill(a, bits_of[k], rows_of[m], k + m == 8 ? 16 : rnd() >> 60);
            fill(b, bits_of[k], rows_of[m], k + m == 8 ? 16 : rnd() >> 60);
            same_every_way(bits_of[k], rows_of[m], a, b);
        }
    assert_true(pairs_use(PAIRS_BEST));
    (void)cx;
}
