#include "tests/test.h"
#include "store/events/seen.h"

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}
static Hash128 key_of(uint64_t i) { return (Hash128){ mix(i * 2 + 1), mix(i * 2) }; }

TEST(what_was_seen_is_found_and_nothing_else_at_no_more_than_22_bytes_a_key)
{
    (void)cx;
    enum { N = 300000 };
    Seen *s = seen_new();
    assert_non_null(s);
    assert_false(seen_has(s, key_of(1)));
    for (uint64_t i = 0; i < N; i += 2) {
        seen_prefetch(s, key_of(i));
        assert_false(seen_has(s, key_of(i)));
        assert_true(seen_add(s, key_of(i)));
        assert_true(seen_add(s, key_of(i / 4 * 2)));               /* again */
    }
    for (uint64_t i = 0; i < N; i++) assert_int_equal(seen_has(s, key_of(i)), i % 2 == 0);
    assert_int_equal(seen_count(s), N / 2);
    assert_true(seen_bytes(s) < (size_t)N / 2 * 22);
    assert_true(seen_bytes(s) > (size_t)N / 2 * 10);
    seen_free(s);
}
TEST(keys_that_share_half_of_their_bits_are_not_taken_for_one)
{
    (void)cx;
    Seen *s = seen_new();
    assert_non_null(s);
    assert_true(seen_add(s, (Hash128){ 0, 0 }));                   /* all zero is a key like another */
    assert_true(seen_has(s, (Hash128){ 0, 0 }));
    for (uint64_t bit = 0; bit < 64; bit++) {
        assert_false(seen_has(s, (Hash128){ 0, UINT64_C(1) << bit }));
        if (bit < 10 || bit >= 48) assert_false(seen_has(s, (Hash128){ UINT64_C(1) << bit, 0 }));
    }
    for (uint64_t i = 1; i < 5000; i++) assert_true(seen_add(s, (Hash128){ i << 48, 7 }));     /* all of one bucket */
    for (uint64_t i = 1; i < 5000; i++) assert_true(seen_has(s, (Hash128){ i << 48, 7 }));
    assert_false(seen_has(s, (Hash128){ UINT64_C(5000) << 48, 7 }));
    seen_free(s);
}
#ifdef LIUKE_FAULT
TEST(a_set_that_cannot_grow_keeps_what_it_has)
{
    (void)cx;
    bool fired = true;
    for (long n = 0; fired; n++) {
        Seen *s = seen_new();
        assert_non_null(s);
        uint64_t i = 0;
        fault_arm(FAULT_ALLOC, n);
        while (i < 9000 && seen_add(s, (Hash128){ mix(i) & ~UINT64_C(1023), mix(i + 9) })) i++;
        fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_true(fired || i == 9000);
        for (uint64_t k = 0; k < i; k++) assert_true(seen_has(s, (Hash128){ mix(k) & ~UINT64_C(1023), mix(k + 9) }));
        assert_int_equal(seen_count(s), i);
        seen_free(s);
    }
}
#endif
