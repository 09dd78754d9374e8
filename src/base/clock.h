/* clock: the time now, RFC 3339 text, and civil time in IANA zones with DST.
 *
 * Zones come from the system's tzdata (TZif files, RFC 8536; the footer rule is applied
 * past the last transition). A Zone is loaded once, cached for the process, read by any thread. */
#ifndef LIUKE_CLOCK_H
#define LIUKE_CLOCK_H
#include "base/buf.h"

int64_t clock_now(void);                              /* ms UTC, the wall clock */
int64_t clock_mono(void);                             /* ms, never goes back */
int64_t clock_mono_us(void);

typedef struct Civil { int year, month, day, hour, minute, second, weekday; } Civil;  /* weekday 0 = Sunday */
int64_t clock_days(int year, int month, int day);     /* since 1970-01-01; month and day may overflow */
Civil   clock_civil(int64_t ms);                      /* in UTC */
Civil   clock_civil_of(int64_t seconds);              /* the same from whole seconds */

/* ISO 8601 with or without ms and zone ("Z", "+08:00", "+0800"; none: UTC), date alone, fraction of any
 * length (cut to ms), years 0000..9999. All of the text or false. */
bool    clock_parse(Str, int64_t *ret);
void    clock_rfc3339(int64_t ms, char ret[32]);      /* "2026-11-22T14:05:00.123Z" */
typedef struct ClockText { Civil civil; int ms, offset; bool zoned; } ClockText;   /* offset: s east, 0 if not zoned */
bool    clock_read(Str, ClockText *ret);              /* the same text, not yet put on the time line */

typedef struct Zone Zone;
typedef enum Period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH } Period;

/* Where tzdata lies, instead of /usr/share/zoneinfo; before other threads use zones. For tests. dir: static. */
void    zone_start(const char *dir);
/* INVALID "timezone" unknown_zone for a name tzdata does not have (also "../x" and right/...). UTC is always there. */
Status  zone_get(Cx *, Str name, const Zone **ret) MUST_USE;
Str     zone_name(const Zone *);
int     zone_offset(const Zone *, int64_t ms);        /* seconds east of UTC; 5 to 10 ns, no search */
Civil   zone_civil(const Zone *, int64_t ms);
/* The first instant whose local time is not before this civil time: a time that DST skips is the jump itself,
 * one that happens twice is the first. Month and day may overflow. */
int64_t zone_ms(const Zone *, Civil);

/* Periods are stretches of the time line without gaps, so that every event is in one.
 * A day, week or month begins at the first instant whose local time is not before its local midnight: 23, 24 or
 * 25 hours; where DST skips midnight, at the jump; a day that a zone skipped has no length and is not in the
 * line. An hour begins at each full local hour, also the second time it comes; a change of other than full hours
 * (Lord Howe) ends an hour early. week_start 0 = Sunday, 1 = Monday.
 * Cost: hour, day and week 10 to 25 ns, month 80 ns. For millions of events take a grid. */
int64_t zone_floor(const Zone *, Period, int week_start, int64_t ms);   /* start of the period that holds ms */
int64_t zone_next(const Zone *, Period, int week_start, int64_t ms);    /* start of the one after it, > ms */
/* The *ret_n periods that overlap [from, to) as their *ret_n + 1 boundaries: period i is [ret[i], ret[i + 1]),
 * ret[0] <= from, ret[*ret_n] >= to. INVALID "period" too_many past max periods. from >= to: 0 periods. */
Status  zone_grid(Cx *, const Zone *, Period, int week_start, int64_t from, int64_t to, size_t max,
                  const int64_t **ret, size_t *ret_n) MUST_USE;
/* The period of ms in such a grid: 0..n - 1; -1 before it, n at or after its end. A guess and a step: 3 ns. */
int64_t zone_grid_at(const int64_t *grid, size_t n, int64_t ms);

/* Parse "2020-06-10", "2020-06-10T05:00" as local time in the zone; text with its own zone as that. */
bool    zone_parse(const Zone *, Str, int64_t *ret);
#endif
