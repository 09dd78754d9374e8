/* Of any bytes: the reader agrees with a slow one that follows the grammar, by every way of scanning; what it
 * takes is written and read again the same; every node lies inside the text. */
#include <math.h>
#include <string.h>
#include "base/json.h"
#include "base/json_index.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

FUZZ_SEEDS(
    S_INIT("{\"batch\":[{\"type\":\"track\",\"userId\":\"u1\",\"event\":\"Signed Up\","
           "\"properties\":{\"plan\":\"free\",\"n\":1.5e3},"
           "\"context\":{\"ip\":null,\"active\":true,\"library\":{\"name\":\"x\",\"version\":\"3.1.0\"}},"
           "\"timestamp\":\"2026-11-21T23:15:58.643Z\"}],\"sentAt\":\"2026-11-21T23:15:58.647Z\"}"),
    S_INIT("[1,-0,0.1,1e23,9223372036854775807,-9223372036854775808,9223372036854775808,1e308,1e309,5e-324]"),
    S_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u4f60\\ud83d\\ude00\\ud800\\udc00\\ud800x\""),
    S_INIT("{\"留客\":[\"你好，世界\",\"😀\",\"é\"]}"), S_INIT(" [ { } , [ ] , true , false , null ] \r\n\t"),
    S_INIT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
           "]]]]]]]]]]]]]]]]]]]]]]]]"),
    S_INIT("{\"a\":1,\"a\":{\"b\":[1,{\"c\":\"d\"}]}}"), S_INIT("{}"), S_INIT(""));

/* ---- the slow reader: true when the grammar and the limits take it */
typedef struct Slow { const char *p, *end; int depth; } Slow;
static char now(const Slow *s) { return s->p < s->end ? *s->p : 0; }
static void white(Slow *s) { while (s->p < s->end && memchr(" \t\r\n", *s->p, 4)) s->p++; }
static bool takes(Slow *s, char c)
{
    if (s->p == s->end || *s->p != c) return false;
    s->p++;
    return true;
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c) { return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f'); }
static bool string(Slow *s)
{
    if (!takes(s, '"')) return false;
    while (s->p < s->end && *s->p != '"') {
        if ((unsigned char)*s->p < 0x20) return false;
        if (*s->p++ != '\\') continue;
        char c = now(s);
        if (!c || !strchr("\"\\/bfnrtu", c)) return false;
        s->p++;
        for (int i = 0; c == 'u' && i < 4; i++, s->p++) if (!is_hex(now(s))) return false;
    }
    return takes(s, '"');
}
static bool digits(Slow *s)
{
    const char *from = s->p;
    while (is_digit(now(s))) s->p++;
    return s->p > from;
}
static bool number(Slow *s)
{
    const char *from = s->p;
    (void)takes(s, '-');
    if (now(s) == '0') s->p++;
    else if (!digits(s)) return false;
    if (takes(s, '.') && !digits(s)) return false;
    if ((now(s) | 32) == 'e') {
        s->p++;
        if (!takes(s, '+')) (void)takes(s, '-');
        if (!digits(s)) return false;
    }
    size_t n = (size_t)(s->p - from);
    char *z = malloc(n + 1);
    FUZZ_CHECK(z);
    memcpy(z, from, n);
    z[n] = 0;
    bool finite = isfinite(strtod(z, NULL));
    free(z);
    return finite;
}
static bool word(Slow *s, Str w)
{
    if ((size_t)(s->end - s->p) < w.n || memcmp(s->p, w.p, w.n) != 0) return false;
    s->p += w.n;
    return true;
}
static bool value(Slow *s);
static bool container(Slow *s, bool object)
{
    bool good = s->depth++ < JSON_DEPTH_MAX;
    s->p++;
    white(s);
    if (good && takes(s, object ? '}' : ']')) { s->depth--; return true; }
    while (good) {
        white(s);
        if (object) {
            good = string(s);
            white(s);
            good = good && takes(s, ':');
        }
        good = good && value(s);
        if (!good || !takes(s, ',')) break;
    }
    s->depth--;
    return good && takes(s, object ? '}' : ']');
}
static bool value(Slow *s)
{
    white(s);
    char c = now(s);
    bool good = c == '{' || c == '[' ? container(s, c == '{') : c == '"' ? string(s) : c == 't' ? word(s, S("true"))
              : c == 'f' ? word(s, S("false")) : c == 'n' ? word(s, S("null")) : number(s);
    white(s);
    return good;
}
static bool slow_takes(Str text)
{
    Slow s = { .p = text.p, .end = text.p + text.n };
    return utf8_good(text) == text.n && value(&s) && s.p == s.end;
}

static Str written(Cx *cx, const JsonNode *node)
{
    Buf b = buf_new(cx->arena, 4 << 20);
    JsonW w = { .b = &b };
    jsonw_node(&w, node);
    FUZZ_CHECK(!b.bad);
    return buf_str(&b);
}
static void check_nodes(const JsonNode *all, Str text)
{
    for (uint32_t i = 0; i < all->skip; i++) {
        const JsonNode *n = &all[i];
        FUZZ_CHECK(n->skip >= 1 && i + n->skip <= all->skip && n->len >= 1);
        FUZZ_CHECK(n->at < text.n && n->len <= text.n - n->at);
        if (n->kind == JSON_STR) FUZZ_CHECK(utf8_good(n->s) == n->s.n && n->s.n <= n->len);
        if (n->kind == JSON_DOUBLE) FUZZ_CHECK(isfinite(n->d));
    }
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const JsonIndexKind kinds[] = { JSON_INDEX_PLAIN, JSON_INDEX_SSE2, JSON_INDEX_AVX2,
                                            JSON_INDEX_AVX512 };
    Str text = { (const char *)data, size }, first = { 0 };
    Cx cx = fuzz_cx();
    bool good = slow_takes(text);
    for (size_t k = 0; k < COUNT(kinds); k++) {
        const JsonNode *n, *again;
        if (!json_index_use(kinds[k])) continue;
        Status st = json_parse(&cx, text, &n);
        FUZZ_CHECK(st == (good ? ST_OK : ST_INVALID));
        if (st != ST_OK) {
            FUZZ_CHECK(cx.why.msg == MSG_bad_json && cx.why.params[0].value >= 1 && cx.why.params[1].value >= 1);
            continue;
        }
        check_nodes(n, text);
        Str out = written(&cx, n);
        if (first.p) FUZZ_CHECK(str_eq(out, first));
        first = out;
        FUZZ_CHECK(json_parse(&cx, out, &again) == ST_OK);
        FUZZ_CHECK(str_eq(out, written(&cx, again)));
    }
    return 0;
}
