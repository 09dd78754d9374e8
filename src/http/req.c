#include "http/serve.h"
#include <string.h>
#include "base/limits.h"

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
bool req_same(Str s, const char *z)
{
    for (size_t i = 0; i < s.n; i++)
        if (z[i] == 0 || lower(s.p[i]) != lower(z[i])) return false;
    return z[s.n] == 0;
}
Str req_header(const Req *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_headers; i++)
        if (req_same(rq->headers[i].name, name)) return rq->headers[i].value;
    return (Str){ 0 };
}
static int hex(char c)
{
    c = lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
bool req_decode(Cx *cx, Str s, bool plus, Str *ret)
{
    char *to = arena_raw(cx->arena, s.n + 1);
    size_t n = 0;
    if (!to) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int hi = s.n - i > 2 ? hex(s.p[i + 1]) : -1, lo = hi >= 0 ? hex(s.p[i + 2]) : -1;
            if (hi < 0 || lo < 0) return false;
            c = (char)(hi << 4 | lo);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (c == 0) return false;
        to[n++] = c;
    }
    to[n] = 0;
    *ret = (Str){ to, n };
    return true;
}
/* A % without two hex digits behind it, or with those of NUL. */
static bool bad_escape(Str s, size_t i)
{
    if (s.p[i] != '%') return false;
    return s.n - i < 3 || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0 || (s.p[i + 1] == '0' && s.p[i + 2] == '0');
}
/* Blanks and control characters cannot be in an address, nor can damaged escapes. */
Status req_check_uri(Cx *cx, Str s)
{
    size_t pairs = 1;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        pairs += c == '&';
        if (c <= 0x20 || c == 0x7f || c == '#' || c == '\\' || bad_escape(s, i))
            return refuse(cx, ST_INVALID, S("url"), MSG_bad_request, NO_PARAMS);
    }
    if (pairs <= HTTP_QUERY_MAX) return ST_OK;
    return refuse(cx, ST_INVALID, S("query"), MSG_too_many, PARAMS({ .name = "max", .value = HTTP_QUERY_MAX }));
}
/* Without a copy where there is nothing to undo. */
static bool decode(Cx *cx, Str raw, Str *ret)
{
    *ret = raw;
    bool plain = raw.n == 0 || (!memchr(raw.p, '%', raw.n) && !memchr(raw.p, '+', raw.n));
    return plain || req_decode(cx, raw, true, ret);
}
/* The value of a name in "a=1&b=2"; the first one counts. */
static Str pair_of(Cx *cx, Str rest, const char *name)
{
    Str ret, key;
    for (int n = 0; rest.n && n < HTTP_QUERY_MAX; n++) {
        Str value = str_cut(&rest, '&'), raw = str_cut(&value, '=');
        if (!decode(cx, raw, &key) || !str_is(key, name)) continue;
        if (value.n == 0) return S("");
        return decode(cx, value, &ret) ? ret : (Str){ 0 };
    }
    return (Str){ 0 };
}
Str req_query(Cx *cx, const Req *rq, const char *name) { return pair_of(cx, rq->query, name); }
Str req_form(Cx *cx, const Req *rq, const char *name) { return pair_of(cx, rq->body, name); }
Str req_cookie(const Req *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        Str rest = rq->headers[i].value;
        if (!req_same(rq->headers[i].name, "cookie")) continue;
        while (rest.n) {
            Str value = str_trim(str_cut(&rest, ';')), key = str_cut(&value, '=');
            if (!str_is(key, name)) continue;
            if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
                value = (Str){ value.p + 1, value.n - 2 };
            return value.p ? value : S("");
        }
    }
    return (Str){ 0 };
}
bool req_gone(const Req *rq)
{
    const Serve *s = rq->own;
    return s && atomic_load_explicit(&s->gone, memory_order_relaxed);
}
/* "zh", "zh-CN", "en-GB" */
static bool lang_of(Str tag, Lang *ret)
{
    if (tag.n > 2 && tag.p[2] != '-') return false;
    tag.n = tag.n < 2 ? 0 : 2;
    if (req_same(tag, "zh")) *ret = LANG_ZH;
    else if (req_same(tag, "en")) *ret = LANG_EN;
    else return false;
    return true;
}
/* The weight as thousandths: "q=0.85" is 850; a damaged one counts as 0. */
static int weight(Str params)
{
    int q = 0, unit = 100;
    Str p = str_trim(params);
    if (p.n == 0) return 1000;
    if (!str_starts(p, S("q=")) || p.n < 3) return 0;
    if (p.p[2] == '1') return 1000;
    for (size_t i = 4; i < p.n && i < 7 && p.p[i] >= '0' && p.p[i] <= '9'; i++, unit /= 10) q += (p.p[i] - '0') * unit;
    return q;
}
Lang req_lang(Cx *cx, const Req *rq, Lang otherwise)
{
    Lang lang;
    Str asked = rq->query.n ? req_query(cx, rq, "lang") : (Str){ 0 };
    if (asked.n && lang_of(asked, &lang)) return lang;
    Str rest = req_header(rq, "accept-language");
    int best = 0;
    while (rest.n) {
        Str params = str_cut(&rest, ','), tag = str_trim(str_cut(&params, ';'));
        int q = weight(params);
        if (q > best && lang_of(tag, &lang)) {
            best = q;
            otherwise = lang;
        }
    }
    return otherwise;
}
