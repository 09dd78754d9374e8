#include "tests/test.h"
#include "base/crypto.h"
#include "base/fs.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path;
static Keys *keys_new(Cx *cx, Str *ret_recovery)
{
    Keys *k = NULL;
    ok(crypto_start(cx));
    ok(fs_path(cx, test_dir(), "liuke.key", "", &path));
    ok(keys_open(cx, path, true, &k, ret_recovery));
    return k;
}
/* Keys of known bytes: what is derived from them may never change, or stored data is lost. */
static Keys *keys_known(Cx *cx)
{
    Keys *k = NULL;
    Str none;
    const char *dir = test_dir();
    ok(crypto_start(cx));
    ok(fs_replace(cx, fs_posix(), dir, "k", S("0123456789abcdefghijklmnopqrstuv")));
    ok(fs_path(cx, dir, "k", "", &path));
    ok(keys_open(cx, path, false, &k, &none));
    assert_int_equal(none.n, 0);
    return k;
}
TEST(a_key_file_is_made_once_and_its_recovery_text_makes_it_again)
{
    Str text, again, before, after;
    Keys *k = keys_new(cx, &text), *k2;
    struct stat st;
    uint64_t id = keys_id(k);
    keys_close(k);
    assert_int_equal(text.n, 60 + 11);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ok(keys_open(cx, path, true, &k, &again));
    assert_int_equal(again.n, 0);
    assert_true(keys_id(k) == id);
    keys_close(k);
    ok(keys_recovery(cx, path, &again));
    assert_true(str_eq(text, again));
    ok(fs_read_all(cx, fs_posix(), path, 32, &before));
    assert_int_equal(keys_recover(cx, path, text), ST_CONFLICT);
    unlink(path);
    assert_int_equal(keys_open(cx, path, false, &k, &again), ST_NOT_FOUND);

    char typed[200];                              /* as a hand would type it */
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        typed[n++] = c == '-' ? ' ' : c == '0' ? 'o' : c == '1' ? 'L' : c >= 'A' ? (char)(c + 32) : c;
    }
    typed[n++] = '\n';
    ok(keys_recover(cx, path, (Str){ typed, n }));
    ok(fs_read_all(cx, fs_posix(), path, 32, &after));
    assert_true(str_eq(before, after));
    ok(keys_open(cx, path, false, &k2, &again));
    assert_true(keys_id(k2) == id);
    keys_close(k2);
    keys_close(NULL);
}
TEST(no_single_slip_in_a_recovery_text_is_taken)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char text[80];
    Str made;
    keys_close(keys_new(cx, &made));
    unlink(path);
    memcpy(text, made.p, made.n);
    for (size_t i = 0; i < made.n; i++) {
        if (made.p[i] == '-') continue;
        for (const char *d = digits; *d; d++) {
            if (*d == made.p[i]) continue;
            text[i] = *d;
            assert_int_equal(keys_recover(cx, path, (Str){ text, made.n }), ST_INVALID);
        }
        text[i] = made.p[i];
        size_t j = i + 1 < made.n && made.p[i + 1] == '-' ? i + 2 : i + 1;
        if (j >= made.n || text[i] == text[j]) continue;
        text[i] = made.p[j];                      /* two neighbours swapped */
        text[j] = made.p[i];
        assert_int_equal(keys_recover(cx, path, (Str){ text, made.n }), ST_INVALID);
        text[i] = made.p[i];
        text[j] = made.p[j];
    }
    for (size_t n = 0; n < made.n; n++) assert_int_equal(keys_recover(cx, path, (Str){ text, n }), ST_INVALID);
    text[made.n] = '0';
    assert_int_equal(keys_recover(cx, path, (Str){ text, made.n + 1 }), ST_INVALID);
    assert_int_equal(keys_recover(cx, path, S("U")), ST_INVALID);
    assert_string_equal(cx->why.field, "recovery");
    assert_true(access(path, F_OK) != 0);
    ok(keys_recover(cx, path, made));
}
TEST(a_key_file_that_others_may_read_or_of_another_size_is_refused)
{
    Str text;
    Keys *k = keys_new(cx, &text), *none = NULL;
    keys_close(k);
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        chmod(path, 0600 | bit);
        assert_int_equal(keys_open(cx, path, true, &none, &text), ST_INVALID);
        assert_int_equal(cx->why.msg, MSG_key_exposed);
    }
    chmod(path, 0400);
    ok(keys_open(cx, path, true, &k, &text));
    keys_close(k);
    chmod(path, 0600);
    static const off_t sizes[] = { 0, 31, 33 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_int_equal(truncate(path, sizes[i]), 0);
        assert_int_equal(keys_open(cx, path, true, &none, &text), ST_INVALID);
        assert_int_equal(cx->why.msg, MSG_key_size);
        assert_string_equal(cx->why.field, "key_file");
    }
    assert_int_equal(keys_open(cx, test_dir(), true, &none, &text), ST_INVALID);
    assert_null(none);
}
TEST(a_sealed_value_opens_only_whole_with_its_key_and_in_its_place)
{
    static const char *const plains[] = { "", "a", "li@example.com", "张三 😀" };
    Str recovery, sealed, twin, got;
    Keys *k = keys_new(cx, &recovery), *other = keys_new(cx, &recovery);
    for (size_t i = 0; i < COUNT(plains); i++) {
        Str plain = str_z(plains[i]), ad = S("person|email|per_1");
        ok(keys_seal(cx, k, ad, plain, &sealed));
        ok(keys_seal(cx, k, ad, plain, &twin));
        assert_int_equal(sealed.n, plain.n + KEYS_SEAL_EXTRA);
        assert_false(str_eq(sealed, twin));
        assert_true(plain.n < 2 || !memmem(sealed.p, sealed.n, plain.p, plain.n));
        ok(keys_open_sealed(cx, k, ad, sealed, &got));
        assert_str(got, plains[i]);
        assert_int_equal(keys_open_sealed(cx, other, ad, sealed, &got), ST_IO);
        assert_int_equal(keys_open_sealed(cx, k, S("person|email|per_2"), sealed, &got), ST_IO);
        assert_int_equal(keys_open_sealed(cx, k, S(""), sealed, &got), ST_IO);
        for (size_t n = 0; n < sealed.n; n++)
            assert_int_equal(keys_open_sealed(cx, k, ad, (Str){ sealed.p, n }, &got), ST_IO);
        char *bent = (char *)(uintptr_t)arena_str(cx->arena, sealed).p;
        for (size_t bit = 0; bit < sealed.n * 8; bit++) {
            bent[bit / 8] = (char)(bent[bit / 8] ^ 1 << bit % 8);
            assert_int_equal(keys_open_sealed(cx, k, ad, (Str){ bent, sealed.n }, &got), ST_IO);
            bent[bit / 8] = (char)(bent[bit / 8] ^ 1 << bit % 8);
        }
    }
    assert_str(got, plains[COUNT(plains) - 1]);   /* written only on success */
    keys_close(k);
    keys_close(other);
}
static void hex_is(Cx *cx, const void *p, size_t n, const char *want)
{
    Buf b = buf_new(cx->arena, 200);
    buf_hex(&b, (Str){ p, n });
    assert_str(buf_str(&b), want);
}
TEST(derived_values_never_change_from_one_release_to_the_next)
{
    Keys *k = keys_known(cx);
    uint8_t blind[16];
    Hash128 h = keys_actor(k, S("user"), S("u1"));
    uint64_t id = keys_id(k);
    hex_is(cx, &h, sizeof h, "71338d0219e97b8e0e51040a4a8c6168");
    h = keys_message(k, 7, S("m1"));
    hex_is(cx, &h, sizeof h, "5a86a6ca9af59c3752956ca3f0fabfa6");
    keys_blind(k, S("email"), S("li@example.com"), blind);
    hex_is(cx, blind, sizeof blind, "16de37746de9bc080e7e083b9d2c9482");
    hex_is(cx, &id, sizeof id, "b97bb5dcc55d5e98");
    Buf b = buf_new(cx->arena, 200);
    Str got;
    static const char sealed[] =
        "010100070e151c232a31383f464d545b626970777e858c939aa1f2a8020a35a1"
        "68ae1a23ab903ad8c2a5ae45a20a8d41";
    for (const char *p = sealed; *p; p += 2) {
        const char pair[3] = { p[0], p[1] };
        buf_addc(&b, (char)strtoul(pair, NULL, 16));
    }
    ok(keys_open_sealed(cx, k, S("t|c|r"), buf_str(&b), &got));
    assert_str(got, "留客");
    keys_close(k);
}
TEST(hashes_of_different_pairs_differ_where_the_glued_texts_are_equal)
{
    static char longer[3000];
    uint8_t x[16], y[16];
    Keys *k = keys_known(cx);
    Hash128 a = keys_actor(k, S("user"), S("x")), b = keys_actor(k, S("use"), S("rx"));
    assert_true(a.a != b.a && a.b != b.b);
    keys_blind(k, S("ab"), S("c"), x);
    keys_blind(k, S("a"), S("bc"), y);
    assert_memory_not_equal(x, y, 16);
    a = keys_message(k, 1, S("m"));
    b = keys_message(k, 2, S("m"));
    assert_true(a.a != b.a && a.b != b.b);
    memset(longer, 'x', sizeof longer);
    Hash128 last = { 0 };
    for (size_t n = 0; n < sizeof longer; n++) {  /* every length, also past what fits the stack */
        Hash128 h = keys_actor(k, S("anon"), (Str){ longer, n });
        assert_true(h.a != last.a && h.b != last.b);
        last = h;
    }
    longer[2998] = 'y';
    a = keys_actor(k, S("anon"), (Str){ longer, 2999 });
    assert_true(a.a != last.a);
    keys_close(k);
}
TEST(a_password_is_known_by_its_hash_alone)
{
    Str h, twin;
    ok(crypto_start(cx));
    ok(crypto_password_hash(cx, S("hunter2 留客"), &h));
    ok(crypto_password_hash(cx, S("hunter2 留客"), &twin));
    assert_false(str_eq(h, twin));
    assert_true(str_starts(h, S("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_true(crypto_password_is(S("hunter2 留客"), h));
    assert_false(crypto_password_is(S("hunter2 留"), h));
    assert_false(crypto_password_is(S(""), h));
    assert_false(crypto_password_is(S("hunter2 留客"), (Str){ h.p, h.n - 1 }));
    assert_false(crypto_password_is(S("x"), S("")));
    static char big[300];
    assert_false(crypto_password_is(S("x"), (Str){ big, sizeof big }));
}
TEST(small_tools_do_what_they_say)
{
    uint8_t sum[32];
    ok(crypto_start(cx));
    crypto_sha256(S("abc"), sum);
    hex_is(cx, sum, sizeof sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(crypto_same(S("ab"), S("ab")) && crypto_same((Str){ 0 }, S("")));
    assert_false(crypto_same(S("ab"), S("ac")) || crypto_same(S("ab"), S("abc")) || crypto_same(S(""), S("a")));
    for (size_t n = 0; n <= 1024; n += 31) {
        Str t = crypto_token(cx->arena, n);
        assert_int_equal(t.n, (n * 4 + 2) / 3);
        for (size_t i = 0; i < t.n; i++) assert_false(strchr("+/=", t.p[i]));
    }
    assert_null(crypto_token(cx->arena, 1025).p);
    assert_false(str_eq(crypto_token(cx->arena, 16), crypto_token(cx->arena, 16)));
}
#ifdef LIUKE_FAULT
/* Keys come only with their recovery text, and a key file is never half. */
static void open_with_faults(Cx *cx, FaultKind kind)
{
    ok(crypto_start(cx));
    for (long n = 0;; n++) {
        Keys *k = NULL;
        Str text = { 0 }, got;
        ok(fs_path(cx, test_dir(), "liuke.key", "", &path));
        fault_arm(kind, n);
        Status st = keys_open(cx, path, true, &k, &text);
        bool fired = fault_fired(kind);
        fault_arm(kind, -1);
        assert_int_equal(st == ST_OK, k != NULL);
        assert_int_equal(st == ST_OK, text.n == 71);
        assert_true(fired ? st == ST_IO || st == ST_NO_MEM : st == ST_OK);
        if (access(path, F_OK) == 0) {
            ok(fs_read_all(cx, fs_posix(), path, 32, &got));
            assert_int_equal(got.n, 32);
        }
        keys_close(k);
        if (!fired) break;
        assert_in_range(n, 0, 20);
    }
}
TEST(a_key_file_is_whole_or_absent_whatever_fails)
{
    open_with_faults(cx, FAULT_WRITE);
    open_with_faults(cx, FAULT_SYNC);
    open_with_faults(cx, FAULT_RENAME);
    open_with_faults(cx, FAULT_ALLOC);
}
TEST(sealing_without_memory_says_so)
{
    Str recovery, sealed = { 0 }, got;
    Keys *k = keys_new(cx, &recovery);
    for (long n = 0; n < 2; n++) {
        fault_arm(FAULT_ALLOC, n);
        assert_int_equal(keys_seal(cx, k, S("a"), S("b"), &sealed), ST_NO_MEM);
    }
    fault_arm(FAULT_ALLOC, -1);
    ok(keys_seal(cx, k, S("a"), S("b"), &sealed));
    for (long n = 0; n < 2; n++) {
        fault_arm(FAULT_ALLOC, n);
        assert_int_equal(keys_open_sealed(cx, k, S("a"), sealed, &got), ST_NO_MEM);
    }
    fault_arm(FAULT_ALLOC, -1);
    keys_close(k);
}
#endif
