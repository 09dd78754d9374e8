#include "base/zone_file.h"
#include "base/clock.h"
#include <string.h>

enum { HEAD = 44, TYPE = 6, OFFSET_MAX = 26 * 3600, FIRST_RULE_YEAR = 1800, RULE_YEARS = 403 };
#define FIRST_AT (-(INT64_C(1) << 40))            /* some files begin at the big bang */

typedef struct Counts { size_t isut, isstd, leap, time, type, chars; } Counts;

static int64_t be(const char *p, size_t n)        /* signed, big-endian */
{
    uint64_t v = ((unsigned char)*p & 0x80) ? UINT64_MAX : 0;
    while (n--) v = v << 8 | (unsigned char)*p++;
    return (int64_t)v;
}
static bool read_counts(Str s, Counts *c)
{
    size_t *const to[] = { &c->isut, &c->isstd, &c->leap, &c->time, &c->type, &c->chars };
    if (s.n < HEAD || memcmp(s.p, "TZif", 4) != 0) return false;
    for (size_t i = 0; i < COUNT(to); i++) {
        int64_t v = be(s.p + 20 + 4 * i, 4);
        if (v < 0 || v > 65536) return false;
        *to[i] = (size_t)v;
    }
    return c->type > 0 && c->type <= 256;
}
static size_t body_bytes(const Counts *c, size_t wide)
{
    return c->time * (wide + 1) + c->type * TYPE + c->chars + c->leap * (wide + 4) + c->isstd + c->isut;
}
/* Keeps only real changes, in order; a second one at the same instant takes the first one's place. */
static bool push(ZoneChanges *z, int64_t at, int64_t off)
{
    if (off < -OFFSET_MAX || off > OFFSET_MAX || at > -FIRST_AT) return false;
    if (at <= FIRST_AT) {
        z->off[0] = (int32_t)off;
        return z->n == 1;
    }
    if (z->n > 1 && at < z->at[z->n - 1]) return false;
    if (z->n > 1 && at == z->at[z->n - 1]) z->n--;
    if (off == z->off[z->n - 1]) return true;
    if (z->n == ZONE_CHANGES_MAX) return false;
    z->at[z->n] = at;
    z->off[z->n++] = (int32_t)off;
    return true;
}
static bool read_body(const char *p, const Counts *c, size_t wide, ZoneChanges *z)
{
    const char *types = p + c->time * (wide + 1);
    z->n = 1;
    z->at[0] = INT64_MIN;
    z->off[0] = (int32_t)be(types, 4);
    if (z->off[0] < -OFFSET_MAX || z->off[0] > OFFSET_MAX) return false;
    for (size_t i = 0; i < c->time; i++) {
        unsigned char type = (unsigned char)p[c->time * wide + i];
        if (type >= c->type || !push(z, be(p + i * wide, wide), be(types + type * TYPE, 4))) return false;
    }
    return true;
}

/* The footer: a POSIX TZ string, as "CET-1CEST,M3.5.0,M10.5.0/3". */

typedef struct When { char kind; int month, week, day; int64_t time; } When;    /* kind M, J, or 0 for a plain day */
typedef struct Rule { int64_t std, dst; bool has_dst; When start, end; } Rule;

static bool take(Str *s, char c)
{
    if (s->n == 0 || *s->p != c) return false;
    *s = (Str){ s->p + 1, s->n - 1 };
    return true;
}
static bool take_number(Str *s, int max, int *ret)
{
    int v = 0;
    size_t n = 0;
    while (n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9') v = v * 10 + (s->p[n++] - '0');
    *s = (Str){ s->p + n, s->n - n };
    *ret = v;
    return n > 0 && v <= max;
}
static bool take_abbreviation(Str *s)
{
    bool quoted = take(s, '<');
    size_t n = 0;
    while (n < s->n) {
        char c = s->p[n];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool sign = c == '+' || c == '-' || (c >= '0' && c <= '9');
        if (!letter && !(quoted && sign)) break;
        n++;
    }
    *s = (Str){ s->p + n, s->n - n };
    return n >= 3 && (!quoted || take(s, '>'));
}
static bool take_seconds(Str *s, int hours_max, int64_t *ret)      /* [+-]hh[:mm[:ss]] */
{
    int h, m = 0, sec = 0;
    bool minus = take(s, '-');
    if (!minus) (void)take(s, '+');
    if (!take_number(s, hours_max, &h)) return false;
    if (take(s, ':') && (!take_number(s, 59, &m) || (take(s, ':') && !take_number(s, 59, &sec)))) return false;
    *ret = (int64_t)(h * 3600 + m * 60 + sec) * (minus ? -1 : 1);
    return true;
}
static bool take_when(Str *s, When *w)
{
    *w = (When){ .time = 7200 };
    if (!take(s, ',')) return false;
    if (take(s, 'M')) {
        w->kind = 'M';
        if (!take_number(s, 12, &w->month) || !take(s, '.') || !take_number(s, 5, &w->week) || !take(s, '.') ||
            !take_number(s, 6, &w->day) || w->month == 0 || w->week == 0)
            return false;
    } else {
        if (take(s, 'J')) w->kind = 'J';
        if (!take_number(s, 365, &w->day) || (w->kind && w->day == 0)) return false;
    }
    return !take(s, '/') || take_seconds(s, 167, &w->time);
}
static bool read_rule(Str s, Rule *r)
{
    *r = (Rule){ 0 };
    if (!take_abbreviation(&s) || !take_seconds(&s, 24, &r->std)) return false;
    r->std = -r->std;                             /* POSIX counts west */
    if (s.n == 0) return true;
    r->has_dst = true;
    r->dst = r->std + 3600;
    if (!take_abbreviation(&s)) return false;
    if (s.n && *s.p != ',') {
        if (!take_seconds(&s, 24, &r->dst)) return false;
        r->dst = -r->dst;
    }
    return take_when(&s, &r->start) && take_when(&s, &r->end) && s.n == 0;
}
static int64_t when_local(const When *w, int year)                /* seconds on the wall clock since 1970 */
{
    int64_t day;
    if (w->kind == 'M') {
        int64_t first = clock_days(year, w->month, 1), after = clock_days(year, w->month + 1, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7;
        day = first + (w->day - weekday + 7) % 7 + 7 * (w->week - 1);
        if (day >= after) day -= 7;               /* week 5 is the last one */
    } else {
        bool leap = clock_days(year + 1, 1, 1) - clock_days(year, 1, 1) == 366;
        day = clock_days(year, 1, 1) + w->day - (w->kind == 'J' && (!leap || w->day < 60));
    }
    return day * 86400 + w->time;
}
/* A rule of two dates, year by year; in the south summer ends before it starts. */
static bool unroll(ZoneChanges *z, const Rule *r)
{
    int64_t last = z->n > 1 ? z->at[z->n - 1] : INT64_MIN;
    int year = z->n > 1 ? clock_civil(last * 1000).year : FIRST_RULE_YEAR;
    for (int y = year; y < year + RULE_YEARS; y++) {
        int64_t start = when_local(&r->start, y) - r->std, end = when_local(&r->end, y) - r->dst;
        for (int i = 0; i < 2; i++) {
            bool is_start = (start < end) == (i == 0);
            int64_t at = is_start ? start : end;
            if (at > last && !push(z, at, is_start ? r->dst : r->std)) return false;
        }
    }
    z->repeats = clock_days(year + RULE_YEARS - 1, 1, 1) * 86400;
    return true;
}
static bool apply_footer(Str s, ZoneChanges *z)
{
    Rule r;
    if (!take(&s, '\n')) return false;
    s = str_cut(&s, '\n');
    if (s.n == 0) return true;
    if (!read_rule(s, &r)) return false;
    if (r.has_dst) return unroll(z, &r);
    if (z->n == 1) z->off[0] = (int32_t)r.std;
    return true;                                  /* else the last change in the file already says it */
}
bool zone_file_read(Str s, ZoneChanges *ret)
{
    Counts c;
    size_t wide = 4;
    ret->repeats = 0;
    if (!read_counts(s, &c)) return false;
    bool old = s.p[4] == 0;
    if (!old) {
        size_t skip = HEAD + body_bytes(&c, 4);
        if (s.n < skip || !read_counts((Str){ s.p + skip, s.n - skip }, &c)) return false;
        s = (Str){ s.p + skip, s.n - skip };
        wide = 8;
    }
    if (c.leap || s.n - HEAD < body_bytes(&c, wide)) return false;
    s = (Str){ s.p + HEAD, s.n - HEAD };
    if (!read_body(s.p, &c, wide, ret)) return false;
    size_t n = body_bytes(&c, wide);
    return old || apply_footer((Str){ s.p + n, s.n - n }, ret);
}
