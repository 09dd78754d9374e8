#include "store/events/column_pack.h"
#include "tests/test.h"
#include <string.h>

/* Every way the machine has must give what these few lines say. */
static const ColumnPackKind ways[] = { COLUMN_PACK_PLAIN, COLUMN_PACK_AVX2, COLUMN_PACK_AVX512, COLUMN_PACK_BEST };
static uint64_t dice = 88172645463325252U;
static uint64_t next_random(void)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return dice;
}
static void pack_slowly(const uint32_t *v, uint32_t base, unsigned w, unsigned char *to)
{
    memset(to, 0, (size_t)w * 32);
    for (unsigned i = 0; i < COLUMN_GROUP; i++)
        for (unsigned k = 0; k < w; k++) {
            unsigned bit = i / 8 * w + k, at = (bit / 32 * 8 + i % 8) * 4 + bit % 32 / 8;
            to[at] = (unsigned char)(to[at] | ((v[i] - base) >> k & 1) << bit % 8);
        }
}
TEST(groups_of_every_width_are_packed_alike_in_every_way)
{
    static char bytes[33 * 32], want[33 * 32];
    uint32_t v[COLUMN_GROUP], got[COLUMN_GROUP];
    (void)cx;
    for (size_t k = 0; k < COUNT(ways); k++) {
        if (!column_pack_use(ways[k])) continue;
        for (unsigned w = 0; w <= 32; w++) {
            uint32_t base = (uint32_t)next_random(), mask = w == 32 ? UINT32_MAX : (1U << w) - 1;
            for (size_t i = 0; i < COLUMN_GROUP; i++) v[i] = base + ((uint32_t)next_random() & mask);
            memset(bytes, 0x5a, sizeof bytes);
            column_pack(v, base, w, bytes);
            pack_slowly(v, base, w, (unsigned char *)want);
            assert_memory_equal(bytes, want, (size_t)w * 32);
            assert_int_equal(bytes[w * 32], 0x5a);
            column_unpack(bytes, w, base, got);
            assert_memory_equal(got, v, sizeof v);
            for (size_t i = 0; i < COLUMN_GROUP; i++) v[i] |= ~mask;   /* more than w bits: the low ones count */
            column_pack(v, 0, w, bytes);
            column_unpack(bytes, w, 0, got);
            for (size_t i = 0; i < COLUMN_GROUP; i++) assert_int_equal(got[i], v[i] & mask);
        }
    }
}
TEST(small_groups_become_bytes_alike_in_every_way)
{
    static char bytes[8 * 32];
    uint32_t v[COLUMN_GROUP];
    uint8_t got[COLUMN_GROUP + 1];
    (void)cx;
    for (size_t k = 0; k < COUNT(ways); k++) {
        if (!column_pack_use(ways[k])) continue;
        for (unsigned w = 0; w <= 8; w++) {
            uint8_t base = (uint8_t)next_random();
            for (size_t i = 0; i < COLUMN_GROUP; i++) v[i] = (uint32_t)next_random() & ((1U << w) - 1);
            column_pack(v, 0, w, bytes);
            got[COLUMN_GROUP] = 0x5a;
            column_unpack8(bytes, w, base, got);
            assert_int_equal(got[COLUMN_GROUP], 0x5a);
            for (size_t i = 0; i < COLUMN_GROUP; i++) assert_int_equal(got[i], (uint8_t)(v[i] + base));
        }
    }
}
static void sum_once(uint32_t runs, unsigned length_max, uint32_t delta_max)
{
    enum { EVENTS = 40000 };
    static uint32_t first[EVENTS + 1], start[EVENTS], delta[EVENTS + COLUMN_SUM_PAST];
    static int64_t want[EVENTS], got[EVENTS + 1];
    uint32_t n = 0, d = 0, offset = (uint32_t)(next_random() % 1000);
    int64_t base = -5000000000;
    for (uint32_t r = 0; r < runs; r++) {
        first[r] = offset + n;
        start[r] = (uint32_t)next_random();
        uint32_t t = start[r], length = 1 + (uint32_t)(next_random() % length_max);
        for (uint32_t k = 0; k < length; k++) {
            if (k) t += delta[d++] = (uint32_t)(next_random() % delta_max);
            want[n++] = base + t;
        }
    }
    first[runs] = offset + n;
    for (uint32_t i = 0; i < COLUMN_SUM_PAST; i++) delta[d + i] = UINT32_MAX;
    got[n] = 42;
    column_sum(&(ColumnSum){ .first = first, .start = start, .delta = delta, .runs = runs, .base = base, .time = got });
    assert_memory_equal(got, want, n * sizeof *got);
    assert_int_equal(got[n], 42);
}
TEST(differences_of_runs_are_summed_alike_in_every_way)
{
    (void)cx;
    for (size_t k = 0; k < COUNT(ways); k++) {
        if (!column_pack_use(ways[k])) continue;
        for (uint32_t runs = 1; runs < 70; runs++) {
            sum_once(runs, 1, 100);
            sum_once(runs, 2, 100000);
            sum_once(runs, 40, UINT32_MAX);
            sum_once(runs, 300, 131072);
        }
        sum_once(1, 39000, 100000);
        sum_once(35000, 1, 2);
    }
}
static void planes_once(unsigned n_planes, size_t n)
{
    enum { BYTES = 40 };
    static char plane[64][BYTES];
    const char *planes[64];
    uint8_t bit[64];
    uint64_t got[8 * BYTES + 1];
    for (unsigned p = 0; p < n_planes; p++) {
        planes[p] = plane[p];
        bit[p] = (uint8_t)(63 - p);
        for (size_t i = 0; i < BYTES; i++) plane[p][i] = (char)next_random();
    }
    got[n] = 42;
    column_planes(planes, bit, n_planes, n, got);
    assert_int_equal(got[n], 42);
    for (size_t i = 0; i < n; i++) {
        for (unsigned p = 0; p < n_planes; p++)
            assert_int_equal(got[i] >> (63 - p) & 1, (unsigned char)plane[p][i / 8] >> i % 8 & 1);
        if (n_planes < 64) assert_int_equal(got[i] << n_planes, 0);
    }
}
TEST(planes_become_masks_alike_in_every_way)
{
    (void)cx;
    for (size_t k = 0; k < COUNT(ways); k++) {
        if (!column_pack_use(ways[k])) continue;
        for (unsigned n_planes = 0; n_planes <= 64; n_planes += 1 + n_planes / 5)
            for (size_t n = 0; n <= 300; n += 1 + n / 7) planes_once(n_planes, n);
    }
}
TEST(common_bytes_and_others_come_together_alike_in_every_way)
{
    uint8_t code[COLUMN_GROUP], others[COLUMN_GROUP + COLUMN_OTHERS_PAST], got[COLUMN_GROUP + 1];
    (void)cx;
    for (size_t k = 0; k < COUNT(ways); k++) {
        if (!column_pack_use(ways[k])) continue;
        for (unsigned w = 1; w <= 3; w++)
            for (unsigned often = 1; often < 6; often++) {
                ColumnCommon c = { .other = (uint8_t)((1U << w) - 1) };
                for (size_t i = 0; i < sizeof c.of; i++) c.of[i] = (uint8_t)next_random();
                for (size_t i = 0; i < COLUMN_GROUP; i++)
                    code[i] = (uint8_t)(next_random() % 6 < often ? c.other : next_random() % c.other);
                for (size_t i = 0; i < sizeof others; i++) others[i] = (uint8_t)next_random();
                got[COLUMN_GROUP] = 0x5a;
                size_t taken = column_common(&c, code, others, got), want = 0;
                for (size_t i = 0; i < COLUMN_GROUP; i++)
                    assert_int_equal(got[i], code[i] == c.other ? others[want++] : c.of[code[i]]);
                assert_int_equal(taken, want);
                assert_int_equal(got[COLUMN_GROUP], 0x5a);
            }
    }
}
TEST(extents_are_found_alike_in_every_way)
{
    static uint64_t v[1000];
    static uint32_t v32[1000];
    (void)cx;
    for (size_t k = 0; k < COUNT(ways); k++) {
        if (!column_pack_use(ways[k])) continue;
        for (size_t n = 1; n <= COUNT(v); n += 1 + n / 3) {
            ColumnExtent e = { UINT64_MAX, 0, 0 }, e32 = e;
            for (size_t i = 0; i < n; i++) {
                v[i] = next_random() % 3 && i ? v[i - 1] : next_random();
                v32[i] = (uint32_t)v[i];
                e.min = v[i] < e.min ? v[i] : e.min;
                e.max = v[i] > e.max ? v[i] : e.max;
                e.changes += i && v[i] != v[i - 1];
                e32.min = v32[i] < e32.min ? v32[i] : e32.min;
                e32.max = v32[i] > e32.max ? v32[i] : e32.max;
                e32.changes += i && v32[i] != v32[i - 1];
            }
            ColumnExtent got = column_extent(v, n), got32 = column_extent32(v32, n);
            assert_memory_equal(&got, &e, sizeof e);
            assert_memory_equal(&got32, &e32, sizeof e32);
        }
    }
}
