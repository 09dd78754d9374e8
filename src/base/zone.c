#include "base/clock.h"
#include "base/fs.h"
#include "base/zone_file.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

/* Offsets are found without a search: slot[] says, for each 2^22 s (48 days), which change holds at its
 * start; from there it is a step or two. */
enum {
    SLOT_BITS = 22, NAME_MAX_BYTES = 64, FILE_MAX_BYTES = 1 << 18,
    DAY = 86400, CLEAR = 2 * DAY, OFFSET_MOST = 26 * 3600
};
#define AT_NEVER (INT64_MAX / 4)                  /* past every time, and no overflow when an offset is added */

struct Zone {
    Zone    *next;
    int64_t  repeats;                             /* as in ZoneChanges, AT_NEVER where nothing repeats */
    int64_t  slot_first;
    size_t   n, n_slots;
    int64_t *at;                                  /* n + 1: the last is AT_NEVER */
    int32_t *off;
    uint16_t *slot;
    char     name[NAME_MAX_BYTES + 1];
};
static _Atomic(Zone *) all;                       /* only ever pushed to */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static const char *zone_dir = "/usr/share/zoneinfo";
static const Str TIMEZONE = S_INIT("timezone");

void zone_start(const char *dir) { zone_dir = dir; }
Str zone_name(const Zone *z) { return str_z(z->name); }

static Zone *find(Str name)
{
    for (Zone *z = atomic_load(&all); z; z = z->next)
        if (str_is(name, z->name)) return z;
    return NULL;
}
static bool name_ok(Str s)
{
    if (s.n == 0 || s.n > NAME_MAX_BYTES || *s.p == '/' || str_starts(s, S("right/"))) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == 0 || !strchr("_+-/", c))) return false;
    }
    return true;
}
static Zone *zone_make(Str name, const ZoneChanges *c)
{
    int64_t first = c->n > 1 ? c->at[1] : 0, last = c->n > 1 ? c->at[c->n - 1] : 0;
    if (first < INT64_C(-5000000000)) first = INT64_C(-5000000000);   /* the year 1811: nothing is before it */
    size_t slots = last < first ? 1 : (size_t)((last - first) >> SLOT_BITS) + 1;
    size_t at = (sizeof(Zone) + 15) & ~(size_t)15, off = at + (c->n + 1) * sizeof(int64_t);
    size_t slot = off + c->n * sizeof(int32_t);
    if (slots > 65536) return NULL;
    char *p = mem_get(slot + slots * sizeof(uint16_t));
    Zone *z = (void *)p;
    if (!z) return NULL;
    z->at = (void *)(p + at);
    z->off = (void *)(p + off);
    z->slot = (void *)(p + slot);
    z->n = c->n;
    z->n_slots = slots;
    z->slot_first = first;
    z->repeats = c->repeats ? c->repeats : AT_NEVER;
    memcpy(z->at, c->at, c->n * sizeof *z->at);
    memcpy(z->off, c->off, c->n * sizeof *z->off);
    memcpy(z->name, name.p, name.n);
    z->at[z->n] = AT_NEVER;
    for (size_t i = 0, k = 0; i < slots; i++) {
        while (z->at[k + 1] <= first + ((int64_t)i << SLOT_BITS)) k++;
        z->slot[i] = (uint16_t)k;
    }
    return z;
}
static Status unknown(Cx *cx) { return refuse(cx, ST_INVALID, TIMEZONE, MSG_unknown_zone, NO_PARAMS); }
static Status read_file(Cx *cx, Str name, ZoneChanges *c)
{
    Str bytes;
    const char *path;
    struct stat st;
    Str z = arena_str(cx->arena, name);
    if (!z.p) return fail(cx, ST_NO_MEM, "time zone");
    TRY(fs_path(cx, zone_dir, z.p, "", &path));
    bool there = stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX_BYTES;
    if (!there && str_is(name, "UTC")) {
        c->n = 1;
        c->at[0] = INT64_MIN;
        c->off[0] = 0;
        c->repeats = 0;
        return ST_OK;
    }
    if (!there) return unknown(cx);
    TRY(fs_read_all(cx, fs_posix(), path, FILE_MAX_BYTES, &bytes));
    return zone_file_read(bytes, c) ? ST_OK : unknown(cx);
}
static Status load(Cx *cx, Str name, const Zone **ret)
{
    ZoneChanges *c = mem_get(sizeof *c);
    if (!c) return fail(cx, ST_NO_MEM, "time zone");
    Status st = read_file(cx, name, c);
    Zone *z = st == ST_OK ? zone_make(name, c) : NULL;
    mem_free(c);
    if (st != ST_OK) return st;
    if (!z) return fail(cx, ST_NO_MEM, "time zone");
    z->next = atomic_load(&all);
    atomic_store(&all, z);                        /* only under the lock */
    *ret = z;
    return ST_OK;
}
Status zone_get(Cx *cx, Str name, const Zone **ret)
{
    if (!name_ok(name)) return unknown(cx);
    const Zone *z = find(name);
    if (z) {
        *ret = z;
        return ST_OK;
    }
    pthread_mutex_lock(&loading);
    z = find(name);
    Status st = z ? ST_OK : load(cx, name, &z);
    pthread_mutex_unlock(&loading);
    if (st == ST_OK) *ret = z;
    return st;
}

/* From here on times are seconds, and those past z->repeats are moved back by whole periods of 400
 * years, which are whole weeks, months and years. */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static int64_t back(const Zone *z, int64_t s)
{
    return s < z->repeats ? 0 : ((s - z->repeats) / ZONE_PERIOD + 1) * ZONE_PERIOD;
}
static size_t change_at(const Zone *z, int64_t s)
{
    size_t k = 0;
    if (s >= z->slot_first) {
        uint64_t i = (uint64_t)(s - z->slot_first) >> SLOT_BITS;
        k = z->slot[i < z->n_slots ? i : z->n_slots - 1];
    }
    while (s >= z->at[k + 1]) k++;
    return k;
}
/* The first instant whose local seconds are not below want. */
static int64_t first_at(const Zone *z, int64_t want)
{
    int64_t moved = back(z, want);
    want -= moved;
    size_t k = change_at(z, want - OFFSET_MOST);  /* in every earlier one local time stays below want */
    while (z->at[k + 1] + z->off[k] <= want) k++;
    int64_t s = want - z->off[k];
    return (k && s < z->at[k] ? z->at[k] : s) + moved;
}
int zone_offset(const Zone *z, int64_t ms)
{
    int64_t s = floor_div(ms, 1000);
    return z->off[change_at(z, s - back(z, s))];
}
Civil zone_civil(const Zone *z, int64_t ms)
{
    int64_t s = floor_div(ms, 1000);
    return clock_civil_of(s + z->off[change_at(z, s - back(z, s))]);
}
static int64_t civil_seconds(Civil c)
{
    return clock_days(c.year, c.month, c.day) * DAY + c.hour * 3600 + c.minute * 60 + c.second;
}
int64_t zone_ms(const Zone *z, Civil c) { return first_at(z, civil_seconds(c)) * 1000; }

/* The local day (since 1970-01-01) that begins the period of a local day, and the period after it. */
static int64_t period_day(Period p, int week_start, int64_t day)
{
    if (p == PERIOD_DAY) return day;
    if (p == PERIOD_WEEK) return day - ((day + 4 - week_start) % 7 + 7) % 7;
    Civil c = clock_civil_of(day * DAY);
    return day - c.day + 1;
}
static int64_t period_day_after(Period p, int64_t first)
{
    if (p == PERIOD_DAY) return first + 1;
    if (p == PERIOD_WEEK) return first + 7;
    Civil c = clock_civil_of(first * DAY);
    return clock_days(c.year, c.month + 1, 1);
}
static int64_t to_ms(int64_t s)
{
    return s < INT64_MIN / 1000 ? INT64_MIN : s > INT64_MAX / 1000 ? INT64_MAX : s * 1000;
}
typedef struct Span { int64_t from, to; } Span;

/* Where a change of offset lets local time fall back over a midnight, the new day has begun already;
 * a period that begins and ends in one jump is none. */
static Span day_span(const Zone *z, Period p, int week_start, int64_t s, size_t k)
{
    int64_t first = period_day(p, week_start, floor_div(s + z->off[k], DAY)), after = period_day_after(p, first);
    Span span = { first * DAY - z->off[k], after * DAY - z->off[k] };
    if ((k == 0 || span.from - CLEAR > z->at[k]) && span.to + CLEAR < z->at[k + 1]) return span;
    span = (Span){ first_at(z, first * DAY), first_at(z, after * DAY) };
    while (span.to <= s) {
        after = period_day_after(p, after);
        span = (Span){ span.to, first_at(z, after * DAY) };
    }
    return span;
}
static Span hour_span(const Zone *z, int64_t s, size_t k)
{
    int64_t from = s - ((s + z->off[k]) % 3600 + 3600) % 3600, to = from + 3600;
    for (; k && z->at[k] > from; k--)
        if ((z->off[k] - z->off[k - 1]) % 3600) {
            from = z->at[k];
            break;
        }
    k = change_at(z, s);
    for (; z->at[k + 1] < to; k++)
        if ((z->off[k + 1] - z->off[k]) % 3600) {
            to = z->at[k + 1];
            break;
        }
    return (Span){ from, to };
}
static Span span_at(const Zone *z, Period p, int week_start, int64_t ms)
{
    int64_t s = floor_div(ms, 1000), moved = back(z, s);
    s -= moved;
    size_t k = change_at(z, s);
    Span span = p == PERIOD_HOUR ? hour_span(z, s, k) : day_span(z, p, week_start, s, k);
    return (Span){ to_ms(span.from + moved), to_ms(span.to + moved) };
}
int64_t zone_floor(const Zone *z, Period p, int week_start, int64_t ms) { return span_at(z, p, week_start, ms).from; }
int64_t zone_next(const Zone *z, Period p, int week_start, int64_t ms) { return span_at(z, p, week_start, ms).to; }

Status zone_grid(Cx *cx, const Zone *z, Period p, int week_start, int64_t from, int64_t to, size_t max,
                 const int64_t **ret, size_t *ret_n)
{
    size_t n = 0;
    int64_t start = zone_floor(z, p, week_start, from);
    for (int64_t at = start; from < to && at < to && n <= max; n++) at = zone_next(z, p, week_start, at);
    if (n > max)
        return refuse(cx, ST_INVALID, S("period"), MSG_too_many, PARAMS({ .name = "max", .value = (int64_t)max }));
    int64_t *grid = ARENA_MANY(cx->arena, int64_t, n + 1);
    if (!grid) return fail(cx, ST_NO_MEM, "grid of %zu periods", n);
    grid[0] = start;
    for (size_t i = 0; i < n; i++) grid[i + 1] = zone_next(z, p, week_start, grid[i]);
    *ret = grid;
    *ret_n = n;
    return ST_OK;
}
int64_t zone_grid_at(const int64_t *grid, size_t n, int64_t ms)
{
    if (ms < grid[0]) return -1;
    if (ms >= grid[n]) return (int64_t)n;
    size_t i = (size_t)((double)(ms - grid[0]) / (double)(grid[n] - grid[0]) * (double)n);
    if (i >= n) i = n - 1;
    while (ms < grid[i]) i--;
    while (ms >= grid[i + 1]) i++;
    return (int64_t)i;
}
bool zone_parse(const Zone *z, Str text, int64_t *ret)
{
    ClockText t;
    int64_t ms;
    if (!clock_parse(text, &ms) || !clock_read(text, &t)) return false;
    if (!t.zoned) {
        int64_t local = civil_seconds(t.civil);
        ms = zone_ms(z, t.civil);
        bool skipped = floor_div(ms, 1000) + zone_offset(z, ms) != local;
        if (!skipped) ms += t.ms;
    }
    *ret = ms;
    return true;
}
