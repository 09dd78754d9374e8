#include "base/json_number.h"
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static bool digit(const char *p, const char *end) { return p < end && (unsigned char)(*p - '0') <= 9; }

/* The process keeps this one locale: strtod() itself would follow whoever calls setlocale(). */
static locale_t c_locale(void)
{
    static _Atomic(locale_t) kept;
    locale_t l = atomic_load(&kept), none = (locale_t)0;
    if (l || !(l = newlocale(LC_ALL_MASK, "C", none))) return l;
    if (atomic_compare_exchange_strong(&kept, &none, l)) return l;
    freelocale(l);
    return none;                              /* another thread was first: its locale */
}
static Status slow_double(Cx *cx, Str text, double *ret)
{
    char small[64], *z = small;
    locale_t l = c_locale();
    if (text.n >= sizeof small) z = arena_raw(cx->arena, text.n + 1);
    if (!l || !z) return ST_NO_MEM;
    memcpy(z, text.p, text.n);
    z[text.n] = 0;
    *ret = strtod_l(z, NULL, l);
    return isfinite(*ret) ? ST_OK : ST_INVALID;
}
/* Clinger's fast case: both parts are exact doubles, so one operation rounds once. */
static bool fast_double(uint64_t whole, int64_t exp, double *ret)
{
    static const double ten[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (FLT_EVAL_METHOD != 0 || whole > UINT64_C(1) << DBL_MANT_DIG || exp < -22 || exp > 22) return false;
    *ret = exp < 0 ? (double)whole / ten[-exp] : (double)whole * ten[exp];
    return true;
}
typedef struct Digits { uint64_t v; int64_t n; } Digits;      /* n: digits that count, v: right up to 19 of them */
static const char *take_digits(const char *p, const char *end, Digits *d)
{
    for (; digit(p, end); p++) {
        if (d->n < 19) d->v = d->v * 10 + (uint64_t)(*p - '0');
        if (d->v) d->n++;
    }
    return p;
}
/* *at is past the whole part; first is where the number starts. */
static __attribute__((noinline)) Status take_double(Cx *cx, const char *first, const char **at, const char *end,
                                                    Digits d, JsonNode *ret)
{
    const char *p = *at;
    bool whole = true, minus = false;
    int64_t exp = 0, moved = 0;
    double v = 0;
    if (p < end && *p == '.') {
        const char *point = ++p;
        *at = p;
        if (!digit(p, end)) return ST_INVALID;
        p = take_digits(p, end, &d);
        moved = p - point;
        whole = false;
    }
    if (p < end && (*p | 32) == 'e') {
        p++;
        if (p < end && (*p == '-' || *p == '+')) minus = *p++ == '-';
        *at = p;
        if (!digit(p, end)) return ST_INVALID;
        for (; digit(p, end); p++) if (exp < 100000) exp = exp * 10 + (*p - '0');
        whole = false;
    }
    *at = first;
    if (d.n > 19 || !fast_double(d.v, (minus ? -exp : exp) - moved, &v))
        TRY(slow_double(cx, (Str){ first, (size_t)(p - first) }, &v));
    else if (*first == '-') v = -v;
    *at = p;
    *ret = (JsonNode){ .kind = JSON_DOUBLE, .inexact = whole, .skip = 1, .d = v };
    return ST_OK;
}
Status json_number(Cx *cx, const char **at, const char *end, JsonNode *ret)
{
    const char *first = *at, *p = first;
    bool minus = *p == '-';
    Digits d = { 0 };
    p += minus;
    *at = p;
    if (!digit(p, end)) return ST_INVALID;
    *at = p + 1;
    if (*p == '0' && digit(p + 1, end)) return ST_INVALID;      /* no leading zeros */
    p = take_digits(p, end, &d);
    *at = p;
    if ((p < end && (*p == '.' || (*p | 32) == 'e')) || d.n > 19 || d.v > (uint64_t)INT64_MAX + minus)
        return take_double(cx, first, at, end, d, ret);
    *ret = (JsonNode){ .kind = JSON_INT, .skip = 1, .i = minus ? (int64_t)(0 - d.v) : (int64_t)d.v };
    return ST_OK;
}
