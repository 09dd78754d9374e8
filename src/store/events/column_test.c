#include "store/events/column.h"
#include "tests/test.h"
#include <string.h>

enum { N_MAX = 3000 };
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x;
}
static void round_trip(const uint64_t *v, size_t n)
{
    static uint64_t got[N_MAX];
    static uint32_t got32[N_MAX];
    bool small = true;
    Buf b = buf_new(NULL, 1 << 20);
    column_put(&b, v, n);
    assert_false(b.bad);
    Str s = buf_str(&b);
    assert_true(column_get(&s, n, got));
    assert_int_equal(s.n, 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(got[i] == v[i]);
        small &= v[i] <= UINT32_MAX;
    }
    s = buf_str(&b);
    assert_true(column_get32(&s, n, got32) == small || n == 0);
    for (size_t i = 0; small && i < n; i++) assert_int_equal(got32[i], v[i]);
    for (size_t cut = 0; n && cut < b.n; cut += 1 + b.n / 50) {        /* cut short: refused, never read past */
        char *copy = mem_get(cut);
        memcpy(copy, b.p, cut);
        s = (Str){ copy, cut };
        assert_false(column_get(&s, n, got));
        mem_free(copy);
    }
    buf_done(&b);
}
TEST(numbers_of_every_width_and_length_come_back)
{
    static uint64_t v[N_MAX];
    static const size_t lengths[] = { 0, 1, 2, 255, 256, 257, 512, 700, N_MAX };
    uint64_t x = 88172645463325252U;
    (void)cx;
    for (unsigned w = 0; w <= 64; w++)
        for (size_t l = 0; l < COUNT(lengths); l++) {
            uint64_t base = w < 60 ? next_random(&x) >> 4 : 0;
            for (size_t i = 0; i < lengths[l]; i++) v[i] = base + (w ? next_random(&x) >> (64 - w) : 0);
            round_trip(v, lengths[l]);
        }
}
static void bytes_round_trip(const uint8_t *v, size_t n, bool common)
{
    static uint8_t got[N_MAX];
    static uint32_t got32[N_MAX];
    Column c;
    Buf b = buf_new(NULL, 1 << 20);
    column_put8(&b, v, n);
    Str s = buf_str(&b);
    assert_true(column_open(&s, n, &c));
    assert_int_equal(s.n, 0);
    if (common) assert_int_equal(c.form, COLUMN_COMMON);
    assert_true(column_read8(&c, 0, n, got));
    assert_memory_equal(got, v, n);
    for (size_t from = 0; from < n; from += 256)
        for (size_t to = from + 256;; to += 512) {
            if (to > n) to = n;
            assert_true(column_read8(&c, from, to, got));
            assert_memory_equal(got, v + from, to - from);
            assert_true(column_read32(&c, from, to, got32));
            for (size_t i = from; i < to; i++) assert_int_equal(got32[i - from], v[i]);
            if (to == n) break;
        }
    for (size_t at = 0; at < b.n; at++) {                  /* any answer, no crash: the sanitizers watch */
        b.p[at] = (char)(b.p[at] ^ 1 << at % 8);
        s = buf_str(&b);
        if (column_open(&s, n, &c)) (void)!column_read8(&c, 0, n, got);
        b.p[at] = (char)(b.p[at] ^ 1 << at % 8);
    }
    buf_done(&b);
}
TEST(bytes_of_uneven_frequency_come_back)
{
    static uint8_t v[N_MAX];
    uint64_t x = 88172645463325252U;
    (void)cx;
    for (size_t n = 1; n <= N_MAX; n += 1 + n / 2)
        for (unsigned often = 0; often < 10; often++) {
            for (size_t i = 0; i < n; i++)
                v[i] = (uint8_t)(next_random(&x) % 10 < often ? 200 + next_random(&x) % 3 : next_random(&x) % 60);
            bytes_round_trip(v, n, n >= 600 && often > 6);
        }
    for (size_t n = 256; n <= 1024; n += 256) {
        for (size_t i = 0; i < n; i++) v[i] = i % 9 ? 7 : (uint8_t)i;
        bytes_round_trip(v, n, true);
    }
}
TEST(runs_come_back_and_are_small)
{
    static uint64_t v[N_MAX];
    (void)cx;
    for (size_t i = 0; i < N_MAX; i++) v[i] = i / 500 * 1000000007;
    round_trip(v, N_MAX);
    Buf b = buf_new(NULL, 1 << 20);
    column_put(&b, v, N_MAX);
    assert_true(b.n < 100);
    buf_done(&b);
}
TEST(a_run_that_claims_too_much_is_damage)
{
    static uint64_t v[600], got[600];
    (void)cx;
    for (size_t i = 0; i < 600; i++) v[i] = i / 200;
    Buf b = buf_new(NULL, 1 << 20);
    column_put(&b, v, 600);
    for (size_t at = 0; at < b.n; at++)
        for (int bit = 0; bit < 8; bit++) {
            b.p[at] = (char)(b.p[at] ^ (1 << bit));
            Str s = buf_str(&b);
            (void)!column_get(&s, 600, got);                          /* any answer, no crash: the sanitizers watch */
            b.p[at] = (char)(b.p[at] ^ (1 << bit));
        }
    buf_done(&b);
}
TEST(texts_come_back_squeezed)
{
    static const Str texts[] = { S_INIT("广东省"), S_INIT(""), S_INIT("😀"), S_INIT("https://example.com/a"),
        S_INIT("https://example.com/a/very/long/path/that/repeats/itself/repeats/itself/repeats/itself") };
    Str got[COUNT(texts)], s;
    char *heap;
    Buf b = buf_new(NULL, 1 << 20);
    column_put_texts(&b, texts, COUNT(texts));
    s = buf_str(&b);
    ok(column_get_texts(cx, &s, COUNT(texts), 1000, got, &heap));
    for (size_t i = 0; i < COUNT(texts); i++) assert_true(str_eq(got[i], texts[i]));
    mem_free(heap);
    s = buf_str(&b);
    assert_int_equal(column_get_texts(cx, &s, COUNT(texts), 20, got, &heap), ST_IO);
    for (size_t at = 0; at < b.n; at++) {
        b.p[at] = (char)(b.p[at] ^ 0x11);
        s = buf_str(&b);
        if (column_get_texts(cx, &s, COUNT(texts), 1000, got, &heap) == ST_OK) mem_free(heap);
        b.p[at] = (char)(b.p[at] ^ 0x11);
    }
    buf_done(&b);
}
TEST(no_memory_in_a_column_is_said)
{
    static const Str texts[] = { S_INIT("a"), S_INIT("bb") };
    static uint64_t v[600];
    (void)cx;
    for (size_t i = 0; i < 600; i++) v[i] = i / 200;
    for (long n = 0;; n++) {
        Buf b = buf_new(NULL, 1 << 20);
        fault_arm(FAULT_ALLOC, n);
        column_put(&b, v, 600);
        column_put_texts(&b, texts, COUNT(texts));
        bool fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_int_equal(b.bad, fired);
        buf_done(&b);
        if (!fired) break;
    }
}
