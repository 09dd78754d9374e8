#include "tests/test.h"
#include "store/events/dedupe.h"
#include <stdlib.h>

static uint64_t seed = 42;
static uint64_t next(void) { seed = seed * 6364136223846793005u + 1442695040888963407u; return seed >> 33; }

TEST(a_set_of_keys_agrees_with_a_plain_one_through_adds_and_removes)
{
    enum { KEYS = 20000, STEPS = 200000 };
    Dedupe *d = dedupe_new();
    bool *in = arena_get(cx->arena, KEYS);
    int64_t n = 0;
    assert_true(d && in);
    for (int i = 0; i < STEPS; i++) {
        size_t k = next() % KEYS;
        Hash128 key = { k * 1024, k + 1 };
        if (next() % 3) {
            assert_int_equal(dedupe_add(d, key), in[k] ? DEDUPE_SAME : DEDUPE_NEW);
            n += !in[k];
            in[k] = true;
        } else {
            dedupe_remove(d, key);
            n -= in[k];
            in[k] = false;
        }
        assert_int_equal(dedupe_count(d), n);
    }
    for (size_t k = 0; k < KEYS; k++)
        assert_int_equal(dedupe_add(d, (Hash128){ k * 1024, k + 1 }), in[k] ? DEDUPE_SAME : DEDUPE_NEW);
    dedupe_free(d);
}
TEST(keys_that_differ_in_one_half_are_not_the_same)
{
    (void)cx;
    Dedupe *d = dedupe_new();
    assert_non_null(d);
    assert_int_equal(dedupe_add(d, (Hash128){ 1, 0 }), DEDUPE_NEW);
    assert_int_equal(dedupe_add(d, (Hash128){ 0, 1 }), DEDUPE_NEW);
    assert_int_equal(dedupe_add(d, (Hash128){ 1, 1 }), DEDUPE_NEW);
    assert_int_equal(dedupe_add(d, (Hash128){ 1, 0 }), DEDUPE_SAME);
    dedupe_remove(d, (Hash128){ 9, 9 });
    assert_int_equal(dedupe_count(d), 3);
    dedupe_free(d);
}
TEST(a_set_that_cannot_grow_says_so_and_keeps_what_it_has)
{
    (void)cx;
    Dedupe *d = dedupe_new();
    assert_non_null(d);
    int refused = 0;
    for (uint64_t i = 1; i < 5000; i++) {
        fault_arm(FAULT_ALLOC, (long)(i % 3) - 1);
        DedupeIs is = dedupe_add(d, (Hash128){ i, i });
        fault_arm(FAULT_ALLOC, -1);
        if (is == DEDUPE_NO_MEM) refused++, is = dedupe_add(d, (Hash128){ i, i });
        assert_int_equal(is, DEDUPE_NEW);
    }
    assert_true(refused > 100);
    for (uint64_t i = 1; i < 5000; i++) assert_int_equal(dedupe_add(d, (Hash128){ i, i }), DEDUPE_SAME);
    dedupe_free(d);
}
