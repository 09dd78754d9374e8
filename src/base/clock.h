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
int64_t clock_days(int year, int month, int day);     /* since 1970-01-01, proleptic Gregorian; month and day may overflow */
Civil   clock_civil(int64_t ms);                      /* in UTC */

/* ISO 8601 with or without ms and zone ("Z", "+08:00", "+0800"; none: UTC), date alone, fraction of any
 * length (cut to ms), years 0000..9999. All of the text or false. */
bool    clock_parse(Str, int64_t *ret);
void    clock_rfc3339(int64_t ms, char ret[32]);      /* "2026-11-22T14:05:00.123Z" */
typedef struct ClockText { Civil civil; int ms, offset; bool zoned; } ClockText;   /* offset: s east, 0 if not zoned */
bool    clock_read(Str, ClockText *ret);              /* the same text, not yet put on the time line */

typedef struct Zone Zone;
typedef enum Period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH } Period;

/* INVALID "timezone" unknown_zone for a name tzdata does not have (also for "../x"). */
Status  zone_get(Cx *, Str name, const Zone **ret) MUST_USE;
Str     zone_name(const Zone *);
int     zone_offset(const Zone *, int64_t ms);        /* seconds east of UTC */
Civil   zone_civil(const Zone *, int64_t ms);
/* The first instant whose local time is not before this civil time: a time that DST skips is the jump itself,
 * one that happens twice is the first. */
int64_t zone_ms(const Zone *, Civil);
/* Start of the period that holds ms, and of the next. week_start 0 = Sunday, 1 = Monday. */
int64_t zone_floor(const Zone *, Period, int week_start, int64_t ms);
int64_t zone_next(const Zone *, Period, int week_start, int64_t ms);
/* Parse "2020-06-10", "2020-06-10T05:00" as local time in the zone; text with its own zone as that. */
bool    zone_parse(const Zone *, Str, int64_t *ret);
#endif
