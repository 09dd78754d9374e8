#include "tests/test.h"
#include "base/json.h"
#include "base/json_index.h"
#include "base/limits.h"
#include "base/utf8.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const JsonIndexKind KINDS[] = { JSON_INDEX_PLAIN, JSON_INDEX_SSE2, JSON_INDEX_AVX2, JSON_INDEX_AVX512,
                                       JSON_INDEX_BEST };

static Str rewritten(Cx *cx, const JsonNode *node)
{
    Buf b = buf_new(cx->arena, 4 << 20);
    JsonW w = { .b = &b };
    jsonw_node(&w, node);
    assert_false(b.bad);
    return buf_str(&b);
}
/* The text parsed and written again: "" for what is refused. The copy ends where its memory does, so that
 * ASan sees a look past it. */
static Str again(Cx *cx, Str text)
{
    const JsonNode *node = NULL;
    char *exact = malloc(text.n ? text.n : 1);
    assert_non_null(exact);
    if (text.n) memcpy(exact, text.p, text.n);
    Status st = json_parse(cx, (Str){ exact, text.n }, &node);
    Str out = st == ST_OK ? rewritten(cx, node) : (Str){ 0 };
    free(exact);
    if (st != ST_OK) {
        assert_int_equal(st, ST_INVALID);
        assert_null(node);
    }
    return out;
}
#define assert_again(text, want) assert_str(again(cx, S(text)), want)
#define refuses(text) assert_str(again(cx, S(text)), "")

/* ---- the policy of json.h, a line each */

TEST(json_goes_64_deep_and_not_65)
{
    char t[2 * JSON_DEPTH_MAX + 2];
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(t, '[', (size_t)depth);
        memset(t + depth, ']', (size_t)depth);
        Str out = again(cx, (Str){ t, (size_t)(2 * depth) });
        assert_int_equal(out.n, depth <= JSON_DEPTH_MAX ? 2 * depth : 0);
    }
    assert_int_equal(cx->why.msg, MSG_bad_json);
    assert_int_equal(cx->why.params[1].value, JSON_DEPTH_MAX + 1);
}
TEST(json_integers_are_exact_up_to_int64)
{
    assert_again("[9223372036854775807,-9223372036854775808,0,-0,-1]",
                 "[9223372036854775807,-9223372036854775808,0,0,-1]");
    const JsonNode *n;
    ok(json_parse(cx, S("[9223372036854775808,-9223372036854775809,12345678901234567890123]"), &n));
    n = json_first(n);
    for (int i = 0; i < 3; i++, n = json_next(n)) assert_true(n->kind == JSON_DOUBLE && n->inexact);
    ok(json_parse(cx, S("[1e2,1.0,-0.0]"), &n));
    n = json_first(n);
    for (int i = 0; i < 3; i++, n = json_next(n)) assert_true(n->kind == JSON_DOUBLE && !n->inexact);
}
TEST(json_numbers_become_the_nearest_double)
{
    static const struct { const char *text; double want; } cases[] = {
        { "0.1", 0.1 }, { "-0.1", -0.1 }, { "12.50", 12.5 }, { "1e22", 1e22 }, { "1e23", 1e23 }, { "1E+2", 100 },
        { "9007199254740993", 9007199254740993.0 }, { "9007199254740993.0", 9007199254740992.0 },
        { "9007199254740992.9999999999999999999", 9007199254740992.0 },
        { "1.7976931348623157e308", DBL_MAX }, { "1.7976931348623158e308", DBL_MAX },
        { "5e-324", 4.94065645841247e-324 },
        { "2.4703282292062328e-324", 4.94065645841247e-324 }, { "1e-400", 0 }, { "0e999999999999999999999", 0 },
        { "0.000000000000000000000000000000000001", 1e-36 }, { "2.2250738585072011e-308", 2.2250738585072011e-308 },
        { "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899", M_PI },
        { "100000000000000000000000000000000000000000000000000000000000000000000000000000000e-80", 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const JsonNode *n;
        ok(json_parse(cx, str_z(cases[i].text), &n));
        double got = n->kind == JSON_INT ? (double)n->i : n->d;
        if (got != cases[i].want) print_error("%s: got %a, want %a\n", cases[i].text, got, cases[i].want);
        assert_true(got == cases[i].want);
    }
    const JsonNode *n;
    ok(json_parse(cx, S("-0.0"), &n));
    assert_true(signbit(n->d));
}
TEST(json_numbers_agree_with_strtod_on_random_digits)
{
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        char t[64];
        const JsonNode *n;
        uint64_t r[3];
        for (int j = 0; j < 3; j++) { seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17; r[j] = seed; }
        snprintf(t, sizeof t, "%llu.%llue%d", (unsigned long long)(r[0] >> (r[2] & 63)),
                 (unsigned long long)(r[1] >> (r[2] >> 6 & 63)), (int)(r[2] >> 20 & 63) - 32);
        ok(json_parse(cx, str_z(t), &n));
        if (n->d != strtod(t, NULL)) print_error("%s\n", t);
        assert_true(n->d == strtod(t, NULL));
        if (i % 1000 == 0) arena_reset(cx->arena);
    }
}
TEST(json_past_the_range_of_doubles_is_an_error_where_the_number_stands)
{
    refuses("[1, 1e309]");
    assert_int_equal(cx->why.params[1].value, 5);
    refuses("-1e99999999999999999999");
    refuses("1.7976931348623159e308");
}
TEST(json_of_duplicate_keys_the_last_counts)
{
    const JsonNode *n;
    ok(json_parse(cx, S("{\"a\":1,\"b\":2,\"a\":{\"x\":[]},\"c\":3}"), &n));
    assert_int_equal(n->n, 4);
    assert_int_equal(json_get(n, S("a"))->kind, JSON_OBJECT);
    assert_true(json_get(n, S("c"))->i == 3);
    assert_null(json_get(n, S("d")));
    assert_null(json_get(json_get(n, S("b")), S("d")));
    assert_null(json_get(NULL, S("d")));
    assert_null(json_first(json_get(n, S("c"))));
    assert_null(json_first(json_get(json_get(n, S("a")), S("x"))));
    assert_str(json_str_of(json_get(n, S("c"))), "");
}
TEST(json_lone_surrogates_become_the_replacement_character)
{
    assert_again("\"\\ud800\"", "\"\xef\xbf\xbd\"");
    assert_again("\"\\udc00x\"", "\"\xef\xbf\xbdx\"");
    assert_again("\"\\ud83d\\u0041\"", "\"\xef\xbf\xbd" "A\"");
    assert_again("\"\\ud83d\\ud83d\\ude00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
    assert_again("\"\\ud83d\\n\\ude00\"", "\"\xef\xbf\xbd\\n\xef\xbf\xbd\"");
    assert_again("\"\\uD83D\\uDE00\\u4f60\"", "\"😀你\"");
    refuses("\"\\ud83d\\u00g0\"");
    refuses("\"\\u12\"");
}
TEST(json_escaped_nul_is_a_byte_and_a_raw_one_is_refused)
{
    const JsonNode *n;
    ok(json_parse(cx, S("\"a\\u0000b\""), &n));
    assert_int_equal(n->s.n, 3);
    assert_memory_equal(n->s.p, "a\0b", 3);
    refuses("\"a\0b\"");
    refuses("\0");
    refuses("[1\0]");
    refuses("\"\x1f\"");
    refuses("[1,\x0c 2]");
    assert_again("\"\x7f\"", "\"\x7f\"");
}
TEST(json_text_must_be_utf8_without_a_byte_order_mark)
{
    static const char *const bad[] = { "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                       "\xe4\xbd", "\xff", "\x80", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xc1\xbf",
                                           "\xf0\x9f\x98" };
    for (size_t i = 0; i < COUNT(bad); i++)
        for (size_t at = 0; at < 140; at++) {
            char t[200];
            int n = snprintf(t, sizeof t, "\"%*s%s%s\"", (int)at, "", bad[i], i & 1 ? "" : "好");
            assert_str(again(cx, (Str){ t, (size_t)n }), "");
            assert_int_equal(cx->why.params[1].value, 2 + at);
        }
    assert_again("\"é你😀\xf4\x8f\xbf\xbf\xee\x80\x80\"", "\"é你😀\xf4\x8f\xbf\xbf\xee\x80\x80\"");
    refuses("\xef\xbb\xbf{}");
    assert_int_equal(cx->why.params[1].value, 1);
}
TEST(json_white_space_is_four_bytes_and_may_be_around_anything)
{
    assert_again(" \t\r\n{ \"a\" : [ 1 , true ,\tfalse\r\n, null ] , \"b\" : { } , \"c\":[ ] } \n",
                 "{\"a\":[1,true,false,null],\"b\":{},\"c\":[]}");
    refuses("[1,\x0b" "2]");
    refuses("[1,\xc2\xa0" "2]");
}
TEST(json_text_past_its_largest_size_or_number_of_values_is_refused_by_name)
{
    enum { MORE = JSON_NODES_MAX + 3000 };
    const JsonNode *n = NULL;
    assert_int_equal(json_parse(cx, (Str){ "", (size_t)JSON_TEXT_MAX + 1 }, &n), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_large);
    assert_int_equal(cx->why.params[0].value, JSON_TEXT_MAX);
    char *t = malloc(2 * MORE + 2);
    assert_non_null(t);
    for (int values = JSON_NODES_MAX - 1; values < MORE; values += values < JSON_NODES_MAX ? 1 : 2900) {
        t[0] = '[';
        for (int i = 0; i < values; i++) memcpy(t + 1 + 2 * i, "7,", 2);
        t[2 * values] = ']';
        Status st = json_parse(cx, (Str){ t, (size_t)(2 * values + 1) }, &n);
        assert_int_equal(st, values + 1 <= JSON_NODES_MAX ? ST_OK : ST_INVALID);
        if (st != ST_OK) assert_int_equal(cx->why.msg, MSG_too_many);
        arena_reset(cx->arena);
    }
    free(t);
}

/* ---- errors and shapes */

TEST(json_errors_say_line_and_column_in_characters)
{
    static const struct { const char *text; int line, column; } cases[] = {
        { "", 1, 1 }, { "  ", 1, 3 }, { "{", 1, 2 }, { "[1,]", 1, 4 }, { "[1 2]", 1, 4 }, { "{\"a\" 1}", 1, 6 },
        { "{\"a\":}", 1, 6 }, { "{\"a\":1,}", 1, 8 }, { "{1:2}", 1, 2 }, { "[\"你好\" x]", 1, 7 },
        { "{\n \"a\": tru }", 2, 10 }, { "[01]", 1, 3 }, { "[1.]", 1, 4 }, { "[-]", 1, 3 }, { "[1e+]", 1, 5 },
        { "nulll", 1, 5 }, { "\"abc", 1, 5 }, { "\"a\\x\"", 1, 3 }, { "[]]", 1, 3 }, { "[}", 1, 2 },
        { "{\"a\":1]", 1, 7 }, { "\n\n  'a'", 3, 3 }, { "[1]\n\n2", 3, 1 }, { "[\"a\nb\"]", 1, 4 },
        { "+1", 1, 1 }, { "\\", 1, 1 }, { "[1\\\"]", 1, 3 }, { "[1\"a\"]", 1, 3 }, { "\"a\"\\", 1, 4 },
        { "\"\\", 1, 3 }, { "\"a\\\"", 1, 5 }, { "NaN", 1, 1 }, { "[\"a\",\n\"b\\u12x4\"]", 2, 3 },
    };
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        if (!json_index_use(KINDS[k])) continue;
        for (size_t i = 0; i < COUNT(cases); i++) {
            assert_str(again(cx, str_z(cases[i].text)), "");
            const Param *p = cx->why.params;
            if (p[0].value != cases[i].line || p[1].value != cases[i].column)
                print_error("%s: %d:%d\n", cases[i].text, (int)p[0].value, (int)p[1].value);
            assert_int_equal(cx->why.msg, MSG_bad_json);
            assert_int_equal(p[0].value, cases[i].line);
            assert_int_equal(p[1].value, cases[i].column);
        }
    }
}
TEST(json_nodes_say_where_they_stand_and_how_far_the_next_is)
{
    Str text = S(" {\"a\": [1, \"x\\ty\", {}], \"bc\":-2.5e1 }");
    static const struct { JsonKind kind; uint32_t skip; const char *slice; } want[] = {
        { JSON_OBJECT, 8, "{\"a\": [1, \"x\\ty\", {}], \"bc\":-2.5e1 }" }, { JSON_STR, 1, "\"a\"" },
        { JSON_ARRAY, 4, "[1, \"x\\ty\", {}]" }, { JSON_INT, 1, "1" }, { JSON_STR, 1, "\"x\\ty\"" },
        { JSON_OBJECT, 1, "{}" }, { JSON_STR, 1, "\"bc\"" }, { JSON_DOUBLE, 1, "-2.5e1" },
    };
    const JsonNode *n;
    ok(json_parse(cx, text, &n));
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_int_equal(n[i].kind, want[i].kind);
        assert_int_equal(n[i].skip, want[i].skip);
        assert_str(((Str){ text.p + n[i].at, n[i].len }), want[i].slice);
    }
    assert_ptr_equal(n[1].s.p, text.p + 3);                 /* a slice, no copy */
    assert_str(n[4].s, "x\ty");
}
/* A text whose every kind of token and escape comes to stand at every place of a block and a window. */
TEST(json_reads_the_same_at_every_offset_and_by_every_way_of_scanning)
{
    enum { PAD = 2300 };
    static const char part[] = "{\"k\\\\\":\"\\\\\\\"\\u4f60好\\/\",\"\":[true,null,-12.75,{}],"
                               "\"x\":\"\\\\\",\"😀\":[[],\"\\\\\\\\\"]}";
    static const char want[] = "{\"k\\\\\":\"\\\\\\\"你好/\",\"\":[true,null,-12.75,{}],"
                               "\"x\":\"\\\\\",\"😀\":[[],\"\\\\\\\\\"]}";
    char *t = malloc(PAD + sizeof part);
    assert_non_null(t);
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        if (!json_index_use(KINDS[k])) continue;
        for (size_t pad = 0; pad < PAD; pad += pad == 130 ? JSON_INDEX_WINDOW - 230 : 1) {
            memset(t, pad & 1 ? '\n' : ' ', pad);
            memcpy(t + pad, part, sizeof part - 1);
            assert_str(again(cx, (Str){ t, pad + sizeof part - 1 }), want);
            arena_reset(cx->arena);
        }
    }
    free(t);
}
TEST(json_strings_longer_than_windows_and_full_of_escapes)
{
    enum { N = 20000 };
    char *t = malloc(N + 2);
    assert_non_null(t);
    for (int way = 0; way < 4; way++) {
        const JsonNode *n;
        const char *unit = way == 0 ? "xy" : way == 1 ? "\\n" : way == 2 ? "\\\\" : "\\\"";
        t[0] = t[N + 1] = '"';
        for (int i = 0; i < N; i += 2) memcpy(t + 1 + i, unit, 2);
        ok(json_parse(cx, (Str){ t, N + 2 }, &n));
        assert_int_equal(n->s.n, way == 0 ? N : N / 2);
        char c = way == 1 ? '\n' : way == 2 ? '\\' : '"';
        for (size_t i = 0; way && i < n->s.n; i++) assert_int_equal(n->s.p[i], c);
        t[N] = way ? '\\' : '\n';                           /* an escaped end, a raw line end */
        t[N - 1] = 'x';
        assert_int_equal(json_parse(cx, (Str){ t, N + 2 }, &n), ST_INVALID);
        t[1] = '\\';
        t[2] = 'n';
        t[N] = 1;                                           /* found after the escapes were undone */
        assert_int_equal(json_parse(cx, (Str){ t, N + 2 }, &n), ST_INVALID);
        assert_int_equal(cx->why.params[1].value, N + 1);
    }
    free(t);
}
static uint64_t step(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}
TEST(json_every_way_of_scanning_agrees_on_broken_text)
{
    static const char part[] = "{\"id\":\"a\\\"b\",\"n\":[1,2.5,-3e2,true,null],"
                               "\"文\":{\"x\":\"\\u4f60\\ud83d\\ude00\"}, \"t\":\"2026\"},\n";
    static const char edit[] = "\"\\{}[]:, \n1e.\x01\x80\xe4";
    uint64_t seed = 42;
    char t[3 * sizeof part];
    for (int round = 0; round < 4000; round++) {
        size_t n = 0, used = 1 + step(&seed) % 3;
        for (size_t i = 0; i < used; i++, n += sizeof part - 1) memcpy(t + n, part, sizeof part - 1);
        n -= 2;
        for (uint64_t edits = step(&seed) % 3; edits; edits--)
            t[step(&seed) % n] = edit[step(&seed) % (sizeof edit - 1)];
        Str first = { 0 };
        Why why = { 0 };
        for (size_t k = 0; k < COUNT(KINDS); k++) {
            if (!json_index_use(KINDS[k])) continue;
            cx->why = (Why){ 0 };
            Str got = again(cx, (Str){ t, n });
            if (k == 0) { first = got; why = cx->why; }
            assert_true(str_eq(first, got));
            for (int i = 0; i < 2; i++) assert_true(why.params[i].value == cx->why.params[i].value);
        }
        arena_reset(cx->arena);
    }
}
#ifdef LIUKE_FAULT
TEST(json_without_memory_says_so_and_never_more)
{
    Str text = S("{\"a\":\"x\\ny\",\"b\":[1e300,"
                 "0.1234567890123456789012345678901234567890123456789012345678901234567890]}");
    long n = 0;
    for (bool fired = true; fired; n++) {
        const JsonNode *node = NULL;
        fault_arm(FAULT_ALLOC, n);
        Status st = json_parse(cx, text, &node);
        fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_int_equal(st, fired ? ST_NO_MEM : ST_OK);
        if (fired) assert_null(node);
    }
    assert_int_equal(n - 1, 3);                             /* nodes, one string, one long number */
}
#endif

/* ---- the public cases */

static int n_cases[3];
static void suite_case(Cx *cx, const char *name, Str text)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    const char *kind = strchr("yni", base[0]);
    assert_true(kind && *kind && base[1] == '_');
    n_cases[kind - "yni"]++;
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        if (!json_index_use(KINDS[k])) continue;
        const JsonNode *n;
        Status st = json_parse(cx, text, &n);
        if (base[0] == 'y' ? st != ST_OK : base[0] == 'n' ? st != ST_INVALID : st != ST_OK && st != ST_INVALID)
            print_error("%s: %s\n", base, status_name(st));
        assert_true(st == ST_OK || st == ST_INVALID);
        if (base[0] == 'y') assert_int_equal(st, ST_OK);
        if (base[0] == 'n') assert_int_equal(st, ST_INVALID);
        if (st == ST_OK) {                                  /* and what is accepted survives a round */
            Str once = rewritten(cx, n);
            assert_true(str_eq(again(cx, once), once));
        }
    }
    arena_reset(cx->arena);
}
static void read_all(gzFile f, char *to, size_t n) { assert_int_equal(gzread(f, to, (unsigned)n), n); }
TEST(json_holds_all_318_public_parsing_cases)
{
    enum { BIG = 1 << 20 };
    gzFile f = gzopen(test_shared("data/json_parsing.tar.gz"), "rb");
    char head[512], *body = malloc(BIG);
    assert_true(f && body);
    for (;;) {
        read_all(f, head, sizeof head);
        if (head[0] == 0) break;
        size_t size = strtoul(head + 124, NULL, 8), padded = (size + 511) / 512 * 512;
        assert_true(padded <= BIG);
        read_all(f, body, padded);
        if (head[156] != '0' && head[156] != 0) continue;
        head[100] = 0;
        char *exact = malloc(size ? size : 1);              /* ASan sees a look past it */
        assert_non_null(exact);
        memcpy(exact, body, size);
        suite_case(cx, head, (Str){ exact, size });
        free(exact);
    }
    assert_int_equal(n_cases[0] + n_cases[1] + n_cases[2], 318);
    assert_true(n_cases[0] > 90 && n_cases[1] > 180 && n_cases[2] > 30);
    gzclose(f);
    free(body);
}

/* ---- the writer */

TEST(json_is_written_with_its_commas_and_escapes)
{
    Buf b = buf_new(cx->arena, 4096);
    JsonW w = { .b = &b };
    jsonw_open(&w, '{');
    jsonw_key(&w, S("a\"<"));
    jsonw_open(&w, '[');
    jsonw_i64(&w, INT64_MIN);
    jsonw_double(&w, 0.1);
    jsonw_double(&w, -0.0);
    jsonw_double(&w, NAN);
    jsonw_double(&w, -INFINITY);
    jsonw_bool(&w, true);
    jsonw_null(&w);
    jsonw_open(&w, '[');
    jsonw_close(&w, ']');
    jsonw_close(&w, ']');
    jsonw_key(&w, S("t"));
    jsonw_time(&w, TEST_NOW_SECONDS * INT64_C(1000));
    jsonw_key(&w, S("id"));
    jsonw_id(&w, "per", 1);
    jsonw_close(&w, '}');
    assert_str(buf_str(&b), "{\"a\\\"\\u003c\":[-9223372036854775808,0.1,-0.0,null,null,true,null,[]],"
                            "\"t\":\"2023-11-14T22:13:20.000Z\",\"id\":\"per_0000000000001\"}");
}
TEST(json_is_written_safe_whatever_the_bytes)
{
    Buf b = buf_new(cx->arena, 4096);
    JsonW w = { .b = &b };
    jsonw_str(&w, S("\0\x1f\b\f\n\r\t\\/\x7f</script>你\xe4\xbd😀\xff\xc0\xaf"));
    assert_str(buf_str(&b), "\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\\/\x7f\\u003c/script>你\xef\xbf\xbd\xef\xbf\xbd😀"
                            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    b.max = b.n + 3;
    jsonw_str(&w, S("does not fit"));
    assert_true(b.bad);
}
TEST(utf8_counts_whole_characters_only)
{
    assert_int_equal(utf8_good(S("abcdefghi你好😀")), 19);
    assert_int_equal(utf8_good(S("abcdefghi你好\xf0\x9f\x98")), 15);
    assert_int_equal(utf8_good(S("")), 0);
    assert_int_equal(utf8_multi(S("你a")), 3);
    assert_int_equal(utf8_char(S("")), 0);
    for (uint32_t c = 0; c < 0x110000; c++) {
        char t[4];
        if (c == 0xd800) c = 0xe000;
        size_t n = utf8_put(c, t);
        assert_int_equal(utf8_char((Str){ t, n }), n);
        if (n > 1) assert_int_equal(utf8_char((Str){ t, n - 1 }), 0);
    }
    (void)cx;
}
