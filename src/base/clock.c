#include "base/clock.h"
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
int64_t clock_now(void) { return read_us(CLOCK_REALTIME) / 1000; }
int64_t clock_mono(void) { return read_us(CLOCK_MONOTONIC) / 1000; }
int64_t clock_mono_us(void) { return read_us(CLOCK_MONOTONIC); }

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Years are counted from March here, so that the leap day is the last of its year: then the days
 * before month m are (153 m + 2) / 5, and 400 years are always 146,097 days. */
int64_t clock_days(int year, int month, int day)
{
    int64_t m = (int64_t)month - 3;
    int64_t y = year + floor_div(m, 12);
    m -= floor_div(m, 12) * 12;
    int64_t era = floor_div(y, 400), yoe = y - era * 400;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + (153 * m + 2) / 5 + day - 719469;
}
Civil clock_civil_of(int64_t s)
{
    int64_t days = floor_div(s, 86400), rest = s - days * 86400;
    int64_t z = days + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;
    int64_t week = (days + 4) % 7;
    return (Civil){
        .year = (int)(yoe + era * 400 + (m >= 10)), .month = (int)(m < 10 ? m + 3 : m - 9),
        .day = (int)(doy - (153 * m + 2) / 5 + 1), .hour = (int)(rest / 3600), .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60), .weekday = (int)(week < 0 ? week + 7 : week),
    };
}
Civil clock_civil(int64_t ms) { return clock_civil_of(floor_div(ms, 1000)); }

static char *put(char *p, int v, int digits)
{
    for (int i = digits; i-- > 0; v /= 10) p[i] = (char)('0' + v % 10);
    return p + digits;
}
void clock_rfc3339(int64_t ms, char ret[32])
{
    Civil c = clock_civil(ms);
    int year = c.year < 0 ? -c.year : c.year, digits = 4;
    char *p = ret;
    for (int most = 9999; year > most; most = most * 10 + 9) digits++;
    if (c.year < 0 || digits > 4) *p++ = c.year < 0 ? '-' : '+';
    p = put(p, year, digits);
    const struct { char before; int v; } parts[] = {
        { '-', c.month }, { '-', c.day }, { 'T', c.hour }, { ':', c.minute }, { ':', c.second },
    };
    for (size_t i = 0; i < COUNT(parts); i++) {
        *p++ = parts[i].before;
        p = put(p, parts[i].v, 2);
    }
    *p++ = '.';
    p = put(p, (int)((ms % 1000 + 1000) % 1000), 3);
    memcpy(p, "Z", 2);
}
/* Exactly so many digits, at most max. */
static bool take_digits(Str *s, int digits, int max, int *ret)
{
    int v = 0;
    if (s->n < (size_t)digits) return false;
    for (int i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = (Str){ s->p + digits, s->n - (size_t)digits };
    *ret = v;
    return v <= max;
}
static bool take_any(Str *s, const char *of)
{
    if (s->n == 0 || *s->p == 0 || !strchr(of, *s->p)) return false;
    *s = (Str){ s->p + 1, s->n - 1 };
    return true;
}
static bool take_date(Str *s, Civil *c)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (!take_digits(s, 4, 9999, &c->year) || !take_any(s, "-") || !take_digits(s, 2, 12, &c->month) ||
        !take_any(s, "-") || !take_digits(s, 2, 31, &c->day) || c->month == 0 || c->day == 0)
        return false;
    bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);
    return c->day <= lengths[c->month - 1] + (leap && c->month == 2);
}
static bool take_time(Str *s, ClockText *t)       /* a leap second, :60, is the second after :59 */
{
    if (!take_digits(s, 2, 23, &t->civil.hour) || !take_any(s, ":") || !take_digits(s, 2, 59, &t->civil.minute))
        return false;
    if (!take_any(s, ":")) return true;
    if (!take_digits(s, 2, 60, &t->civil.second)) return false;
    if (!take_any(s, ".,")) return true;
    if (s->n == 0 || *s->p < '0' || *s->p > '9') return false;
    for (int unit = 100, digit; s->n && *s->p >= '0' && *s->p <= '9'; unit /= 10) {
        if (!take_digits(s, 1, 9, &digit)) return false;
        t->ms += digit * unit;
    }
    return true;
}
static bool take_zone(Str *s, ClockText *t)
{
    int hours, minutes = 0;
    if (s->n == 0) return true;
    t->zoned = true;
    if (take_any(s, "Zz")) return true;
    bool west = *s->p == '-';
    if (!take_any(s, "+-") || !take_digits(s, 2, 23, &hours)) return false;
    if (s->n && (take_any(s, ":"), !take_digits(s, 2, 59, &minutes))) return false;
    t->offset = (hours * 60 + minutes) * (west ? -60 : 60);
    return true;
}
bool clock_read(Str s, ClockText *ret)
{
    ClockText t = { 0 };
    if (!take_date(&s, &t.civil)) return false;
    if (s.n && (!take_any(&s, "Tt ") || !take_time(&s, &t) || !take_zone(&s, &t))) return false;
    if (s.n) return false;
    t.civil.weekday = (int)((clock_days(t.civil.year, t.civil.month, t.civil.day) + 4 + 7 * INT64_C(200000)) % 7);
    *ret = t;
    return true;
}
bool clock_parse(Str s, int64_t *ret)
{
    static const int64_t first = -62167219200000, last = 253402300799999;   /* years 0000 and 9999 */
    ClockText t;
    if (!clock_read(s, &t)) return false;
    int64_t day = clock_days(t.civil.year, t.civil.month, t.civil.day);
    int64_t second = t.civil.hour * 3600 + t.civil.minute * 60 + t.civil.second - t.offset;
    int64_t ms = (day * 86400 + second) * 1000 + t.ms;
    if (ms < first || ms > last) return false;
    *ret = ms;
    return true;
}
