#include "base/scrub.h"
#include "base/buf.h"
#include <string.h>

enum { PHONE_FEWEST = 7, LOCAL_PART_MAX = 64 };

static bool digit(char c) { return c >= '0' && c <= '9'; }
static bool alnum(char c) { return digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c & 0x80); }
/* RFC 5321 atext and the dot, without what separates values in a URL or a sentence. */
static bool local_char(char c) { return alnum(c) || (c && strchr(".!#$*+-^_`{|}~", c)); }
static bool domain_char(char c) { return alnum(c) || c == '.' || c == '-'; }

/* Could there be anything to take out? An '@' or '%' stands in every address, PHONE_FEWEST digits in every number. Most
 * texts are a word or two long: two overlapping words, where the bytes in both count twice, which only asks for a
 * closer look too often. */
typedef uint8_t Bytes __attribute__((vector_size(16)));
typedef uint64_t Words __attribute__((vector_size(16)));
static bool suspicious_words(const char *first, const char *last)
{
    Words w;
    memcpy(&w, first, 8);
    memcpy((char *)&w + 8, last, 8);
    Bytes c = (Bytes)w, digits = (Bytes)(c - '0' < 10) & 1, ats = (Bytes)((c == '@') | (c == '%'));
    Words d = (Words)digits, a = (Words)ats;
    uint64_t sum = (d[0] + d[1]) * UINT64_C(0x0101010101010101) >> 56;      /* at most 16 */
    return (a[0] | a[1]) != 0 || sum >= PHONE_FEWEST;
}
static bool suspicious(Str s)
{
    unsigned digits = 0, ats = 0;
    if (s.n >= 8 && s.n <= 16) return suspicious_words(s.p, s.p + s.n - 8);
    for (size_t i = 0; i < s.n; i++) {         /* branch-free: the compiler makes vectors of it */
        unsigned char c = (unsigned char)s.p[i];
        digits += (unsigned char)(c - '0') < 10;
        ats += (c == '@') | (c == '%');
    }
    return ats || digits >= PHONE_FEWEST;
}

typedef struct Span { size_t from, to; } Span;

/* The address around an '@' that stands at [at, after): the longest local part before it, a domain with a dot
 * behind it. */
static bool email_around(Str s, size_t least, size_t at, size_t after, Span *ret)
{
    size_t from = at, to = after;
    while (from > least && at - from < LOCAL_PART_MAX && local_char(s.p[from - 1])) from--;
    if (from > least + 2 && from < at && s.p[from - 1] == '%') from += 2;        /* %3Dname: the escape's digits */
    while (to < s.n && domain_char(s.p[to])) to++;
    while (to > after && (s.p[to - 1] == '.' || s.p[to - 1] == '-')) to--;
    const char *dot = memrchr(s.p + after, '.', to - after);
    if (from >= at || !dot || dot == s.p + after || s.p + to - dot < 3) return false;
    *ret = (Span){ from, to };
    return true;
}
/* Digits from i on, single separators between them allowed: how many, and where they end. */
static size_t digits_at(Str s, size_t i, char out[24], size_t *ret_end)
{
    size_t n = 0;
    while (i < s.n && n < 24) {
        if (digit(s.p[i])) out[n++] = s.p[i++];
        else if (n && (s.p[i] == ' ' || s.p[i] == '-') && i + 1 < s.n && digit(s.p[i + 1])) i++;
        else break;
    }
    *ret_end = i;
    return n;
}
static bool mobile(const char *d, size_t n)
{
    if (n == 13 && memcmp(d, "86", 2) == 0) d += 2, n -= 2;
    if (n == 15 && memcmp(d, "0086", 4) == 0) d += 4, n -= 4;
    return n == 11 && d[0] == '1' && d[1] >= '3';
}
static bool phone_at(Str s, size_t i, Span *ret)
{
    char d[24];
    size_t from = i, end, plus = s.p[i] == '+' ? 1 : i + 3 <= s.n && memcmp(s.p + i, "%2B", 3) == 0 ? 3 : 0;
    size_t n = digits_at(s, i + plus, d, &end);
    if (!(plus ? n >= 8 && n <= 15 : mobile(d, n))) return false;
    *ret = (Span){ from, end };
    return true;
}
static bool find_phone(Str s, size_t i, Span *ret)
{
    bool starts = digit(s.p[i]) || s.p[i] == '+' || s.p[i] == '%';
    bool inside = i > 0 && digit(s.p[i - 1]);     /* in the middle of a longer number */
    return starts && !inside && phone_at(s, i, ret);
}
static bool find_email(Str s, size_t least, size_t i, Span *ret)
{
    if (s.p[i] == '@') return email_around(s, least, i, i + 1, ret);
    return s.p[i] == '%' && i + 3 <= s.n && memcmp(s.p + i, "%40", 3) == 0 && email_around(s, least, i, i + 3, ret);
}
Status scrub_text(Cx *cx, Str s, Str *ret, int *ret_n)
{
    int n = 0;
    size_t done = 0;
    Span hit;
    Buf b = buf_new(cx->arena, s.n * 2 + 16);

    for (size_t i = suspicious(s) ? 0 : s.n; i < s.n; i++) {
        bool email = find_email(s, done, i, &hit);
        if (!email && !find_phone(s, i, &hit)) continue;
        buf_add(&b, (Str){ s.p + done, hit.from - done });
        buf_add(&b, email ? S("[email]") : S("[phone]"));
        done = hit.to;
        i = hit.to - 1;
        n++;
    }
    if (n) buf_add(&b, (Str){ s.p + done, s.n - done });
    if (b.bad) return fail(cx, ST_NO_MEM, "scrub_text");
    *ret = n ? buf_str(&b) : s;
    *ret_n = n;
    return ST_OK;
}
bool scrub_email_is(Str s)
{
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    Span hit;
    size_t i = at ? (size_t)(at - s.p) : 0;
    return at && s.n <= 254 && s.p[0] != '.' && at[-(i > 0)] != '.' && email_around(s, 0, i, i + 1, &hit)
        && hit.from == 0 && hit.to == s.n && !memmem(s.p, s.n, "..", 2);
}
