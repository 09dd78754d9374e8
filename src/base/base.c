#include "base/base.h"
#include <string.h>

Str str_z(const char *z) { return z ? (Str){ z, strlen(z) } : (Str){ 0 }; }
/* Names are short: two overlapping words are compared in less time than memcmp() is called. */
static bool same_words(const char *a, const char *b, size_t n)
{
    uint64_t a1, a2, b1, b2;
    memcpy(&a1, a, 8), memcpy(&a2, a + n - 8, 8);
    memcpy(&b1, b, 8), memcpy(&b2, b + n - 8, 8);
    return ((a1 ^ b1) | (a2 ^ b2)) == 0;
}
static bool same_halves(const char *a, const char *b, size_t n)
{
    uint32_t a1, a2, b1, b2;
    memcpy(&a1, a, 4), memcpy(&a2, a + n - 4, 4);
    memcpy(&b1, b, 4), memcpy(&b2, b + n - 4, 4);
    return ((a1 ^ b1) | (a2 ^ b2)) == 0;
}
bool str_eq(Str a, Str b)
{
    if (a.n != b.n) return false;
    if (a.n > 16) return memcmp(a.p, b.p, a.n) == 0;
    if (a.n >= 8) return same_words(a.p, b.p, a.n);
    if (a.n >= 4) return same_halves(a.p, b.p, a.n);
    for (size_t i = 0; i < a.n; i++) if (a.p[i] != b.p[i]) return false;
    return true;
}
bool str_is(Str s, const char *z) { return str_eq(s, str_z(z)); }
bool str_starts(Str s, Str pre) { return s.n >= pre.n && str_eq((Str){ s.p, pre.n }, pre); }

int str_cmp(Str a, Str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}
static bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
Str str_trim(Str s)
{
    while (s.n && space(s.p[s.n - 1])) s.n--;
    while (s.n && space(*s.p)) { s.p++; s.n--; }
    return s;
}
Str str_cut(Str *rest, char at)
{
    const char *e = rest->n ? memchr(rest->p, at, rest->n) : NULL;
    Str head = *rest;
    if (!e) { *rest = (Str){ 0 }; return head; }
    head.n = (size_t)(e - head.p);
    *rest = (Str){ e + 1, rest->n - head.n - 1 };
    return head;
}
bool str_i64(Str s, int64_t *ret)
{
    bool minus = s.n && *s.p == '-';
    uint64_t v = 0, most = (uint64_t)INT64_MAX + minus;
    if (minus) { s.p++; s.n--; }
    if (s.n == 0) return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || v > (most - digit) / 10) return false;
        v = v * 10 + digit;
    }
    *ret = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}
const char *status_name(Status st)
{
    static const char *const names[] = { "OK", "INVALID", "UNKNOWN_WHO", "DENIED", "NOT_FOUND", "CONFLICT",
                                         "LIMITED", "BUSY", "NO_MEM", "IO", "BUG" };
    _Static_assert(COUNT(names) == ST_MAX_, "a name for every Status");
    return names[st];
}
