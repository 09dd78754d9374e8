#include "base/json.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"
#include <assert.h>
#include <math.h>

static void value(JsonW *w)
{
    if (w->comma) buf_addc(w->b, ',');
    w->comma = true;
}
void jsonw_open(JsonW *w, char brace)
{
    assert(brace == '{' || brace == '[');
    value(w);
    buf_addc(w->b, brace);
    w->comma = false;
}
void jsonw_close(JsonW *w, char brace)
{
    assert(brace == '}' || brace == ']');
    buf_addc(w->b, brace);
    w->comma = true;
}
static bool goes_plain(unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<'; }
static void escape(Buf *b, unsigned char c)
{
    static const char letter[32] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };
    if (c == '"' || c == '\\') {
        buf_addc(b, '\\');
        buf_addc(b, (char)c);
    } else if (c < 32 && letter[c]) {
        buf_addc(b, '\\');
        buf_addc(b, letter[c]);
    } else {
        char byte = (char)c;
        buf_add(b, S("\\u00"));
        buf_hex(b, (Str){ &byte, 1 });
    }
}
static void quoted(Buf *b, Str s)
{
    buf_addc(b, '"');
    while (s.n) {
        size_t n = 0;
        while (n < s.n && goes_plain((unsigned char)s.p[n])) n++;
        n += utf8_multi((Str){ s.p + n, s.n - n });
        buf_add(b, (Str){ s.p, n });
        s.p += n;
        s.n -= n;
        if (n || s.n == 0) continue;
        if ((unsigned char)*s.p < 0x80) escape(b, (unsigned char)*s.p);
        else buf_add(b, S("\xef\xbf\xbd"));
        s.p++;
        s.n--;
    }
    buf_addc(b, '"');
}
void jsonw_key(JsonW *w, Str key)
{
    value(w);
    quoted(w->b, key);
    buf_addc(w->b, ':');
    w->comma = false;
}
void jsonw_str(JsonW *w, Str s)
{
    value(w);
    quoted(w->b, s);
}
void jsonw_i64(JsonW *w, int64_t v)
{
    value(w);
    buf_i64(w->b, v);
}
void jsonw_double(JsonW *w, double v)
{
    value(w);
    if (v == 0 && signbit(v)) buf_add(w->b, S("-0.0"));      /* "-0" would be read as the integer 0 */
    else if (isfinite(v)) buf_double(w->b, v);
    else buf_add(w->b, S("null"));
}
void jsonw_bool(JsonW *w, bool v)
{
    value(w);
    buf_addz(w->b, v ? "true" : "false");
}
void jsonw_null(JsonW *w)
{
    value(w);
    buf_add(w->b, S("null"));
}
void jsonw_id(JsonW *w, const char *prefix, int64_t id)
{
    char text[ID_TEXT_MAX + 1];
    jsonw_str(w, (Str){ text, id_text(prefix, id, text) });
}
void jsonw_time(JsonW *w, int64_t ms)
{
    char text[32];
    clock_rfc3339(ms, text);
    jsonw_str(w, str_z(text));
}
static void scalar(JsonW *w, const JsonNode *n)
{
    switch ((JsonKind)n->kind) {
    case JSON_BOOL:   jsonw_bool(w, n->b); break;
    case JSON_INT:    jsonw_i64(w, n->i); break;
    case JSON_DOUBLE: jsonw_double(w, n->d); break;
    case JSON_STR:    jsonw_str(w, n->s); break;
    case JSON_NULL: case JSON_ARRAY: case JSON_OBJECT: jsonw_null(w); break;
    }
}
/* Depth is bounded by the reader's JSON_DEPTH_MAX. */
void jsonw_node(JsonW *w, const JsonNode *node)
{
    bool object = node->kind == JSON_OBJECT;
    if (!object && node->kind != JSON_ARRAY) {
        scalar(w, node);
        return;
    }
    jsonw_open(w, object ? '{' : '[');
    const JsonNode *kid = node + 1;
    for (uint32_t i = 0; i < node->n; i++, kid = json_next(kid)) {
        if (object) jsonw_key(w, (kid++)->s);
        jsonw_node(w, kid);
    }
    jsonw_close(w, object ? '}' : ']');
}
