#include "base/utf8.h"
#include <assert.h>
#include <string.h>

static bool tail(unsigned char c) { return (c & 0xc0) == 0x80; }
size_t utf8_char(Str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n == 0) return 0;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    if (p[0] < 0xe0) return s.n >= 2 && tail(p[1]) ? 2 : 0;
    if (p[0] < 0xf0) {
        if (s.n < 3 || !tail(p[1]) || !tail(p[2])) return 0;
        return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ? 0 : 3;
    }
    if (s.n < 4 || !tail(p[1]) || !tail(p[2]) || !tail(p[3])) return 0;
    return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}
/* Leads e1..ec, ee and ef take any two continuations: nearly all of Chinese. */
static bool plain_three(const unsigned char *p)
{
    return (p[0] & 0xf0) == 0xe0 && p[0] != 0xe0 && p[0] != 0xed && tail(p[1]) && tail(p[2]);
}
size_t utf8_multi(Str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    for (size_t n; i < s.n && p[i] >= 0x80; i += n) {
        n = s.n - i >= 3 && plain_three(p + i) ? 3 : utf8_char((Str){ s.p + i, s.n - i });
        if (n == 0) break;
    }
    return i;
}
static size_t ascii_run(const char *p, size_t n)
{
    size_t i = 0;
    for (uint64_t w; n - i >= 8; i += 8) {
        memcpy(&w, p + i, 8);
        if (w & UINT64_C(0x8080808080808080)) break;
    }
    while (i < n && (unsigned char)p[i] < 0x80) i++;
    return i;
}
size_t utf8_good(Str s)
{
    size_t i = 0;
    while (i < s.n) {
        size_t n = ascii_run(s.p + i, s.n - i);
        n += utf8_multi((Str){ s.p + i + n, s.n - i - n });
        if (n == 0) break;
        i += n;
    }
    return i;
}
size_t utf8_put(uint32_t c, char ret[4])
{
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    assert(c <= 0x10ffff && (c < 0xd800 || c > 0xdfff));
    for (size_t i = n; i-- > 1; c >>= 6) ret[i] = (char)(0x80 | (c & 63));
    ret[0] = (char)(lead[n] | c);
    return n;
}
