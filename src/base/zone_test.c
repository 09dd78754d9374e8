#include "tests/test.h"
#include "base/clock.h"
#include "base/fs.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const zones[] = {
    "Asia/Shanghai", "UTC", "America/New_York", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Asia/Kolkata",
    "Asia/Kathmandu", "Australia/Lord_Howe", "Australia/Sydney", "America/Sao_Paulo", "America/St_Johns",
    "America/Havana", "Pacific/Apia", "Asia/Beirut", "Africa/Casablanca", "America/Nuuk", "Asia/Gaza",
    "Pacific/Chatham", "Africa/Cairo",
    "America/Santiago", "Asia/Tehran", "Antarctica/Troll", "Africa/Monrovia", "EST5EDT",
    "America/Argentina/ComodRivadavia",
};
static const Zone *zone(Cx *cx, const char *name)
{
    const Zone *z = NULL;
    ok(zone_get(cx, str_z(name), &z));
    return z;
}
static int64_t at(const char *text)               /* an instant, checked */
{
    int64_t ms;
    if (!clock_parse(str_z(text), &ms)) {
        print_error("not a time: %s\n", text);
        assert_true(false);
    }
    return ms;
}
static void assert_at(int64_t got, const char *want)
{
    char text[32];
    clock_rfc3339(got, text);
    if (got != at(want)) print_error("got %s, want %s\n", text, want);
    assert_true(got == at(want));
}
static uint64_t seed = 1;
static int64_t between(int64_t low, int64_t high) /* a fixed pseudo-random row */
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((seed >> 16) % (uint64_t)(high - low));
}

/* The C library reads the same files with other code. It runs in a child, since TZ is the whole process's. */
static bool same_as_libc(const Zone *z, time_t s)
{
    struct tm tm;
    Civil c = zone_civil(z, s * INT64_C(1000) + 999);
    if (!localtime_r(&s, &tm)) return false;
    bool same = c.year == tm.tm_year + 1900 && c.month == tm.tm_mon + 1 && c.day == tm.tm_mday &&
                c.hour == tm.tm_hour && c.minute == tm.tm_min && c.second == tm.tm_sec && c.weekday == tm.tm_wday &&
                zone_offset(z, s * INT64_C(1000)) == tm.tm_gmtoff;
    if (!same)
        print_error("%s at %lld: %d-%d-%d %d:%d:%d, libc %d-%d-%d %d:%d:%d\n", zone_name(z).p, (long long)s, c.year,
                    c.month, c.day, c.hour, c.minute, c.second, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                    tm.tm_hour, tm.tm_min, tm.tm_sec);
    return same;
}
/* Back from the wall clock: of two instants with one wall time libc may take either, we the first. */
static bool back_as_libc(const Zone *z, time_t s)
{
    struct tm tm, again;
    Civil c = zone_civil(z, s * INT64_C(1000));
    time_t ours = (time_t)(zone_ms(z, c) / 1000);
    if (!localtime_r(&s, &tm) || !localtime_r(&ours, &again)) return false;
    tm.tm_isdst = -1;
    time_t theirs = mktime(&tm);
    bool same = ours <= theirs && ours <= s && tm.tm_hour == again.tm_hour && tm.tm_min == again.tm_min &&
                tm.tm_mday == again.tm_mday && tm.tm_year == again.tm_year;
    if (!same)
        print_error("%s back from %lld: %lld, libc %lld\n", zone_name(z).p, (long long)s, (long long)ours,
                    (long long)theirs);
    return same;
}
static void child_compare(const Zone *z, const char *name)
{
    setenv("TZ", name, 1);
    tzset();
    for (int i = 0; i < 2000; i++) {
        time_t any = (time_t)between(-3786825600, 19880899200);           /* 1850 to 2600 */
        time_t near = (time_t)between(0, 2524608000);                     /* 1970 to 2050 */
        if (!same_as_libc(z, any) || !same_as_libc(z, near) || !back_as_libc(z, near)) _exit(1);
    }
    _exit(0);
}
TEST(civil_time_in_every_zone_is_what_the_c_library_says)
{
    for (size_t i = 0; i < COUNT(zones); i++) {
        const Zone *z = zone(cx, zones[i]);
        int status;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) child_compare(z, zones[i]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        seed += i;
    }
}
TEST(the_rule_of_the_footer_holds_for_ever)
{
    const Zone *z = zone(cx, "America/New_York");
    for (int year = 2200; year < 9900; year += 83) {
        char text[40];
        snprintf(text, sizeof text, "%04d-07-01T12:00:00Z", year);
        assert_int_equal(zone_offset(z, at(text)), -4 * 3600);
        text[6] = '1';
        assert_int_equal(zone_offset(z, at(text)), -5 * 3600);
        for (Period p = PERIOD_HOUR; p <= PERIOD_MONTH; p++) {
            int64_t from = zone_floor(z, p, 1, at(text)), to = zone_next(z, p, 1, at(text));
            Civil c = zone_civil(z, from);
            assert_true(from <= at(text) && to > at(text) && c.minute == 0 && c.second == 0);
            assert_true(zone_floor(z, p, 1, from) == from && zone_floor(z, p, 1, to) == to);
        }
    }
    for (Period p = PERIOD_HOUR; p <= PERIOD_MONTH; p++) {
        assert_true(zone_floor(z, p, 0, INT64_MIN) == INT64_MIN && zone_next(z, p, 0, INT64_MAX) == INT64_MAX);
        assert_true(zone_floor(z, p, 0, INT64_MAX) > INT64_MAX - 32 * INT64_C(86400000));
    }
}
static void day_is(Cx *cx, const char *name, const char *inside, const char *from, const char *to)
{
    const Zone *z = zone(cx, name);
    assert_at(zone_floor(z, PERIOD_DAY, 1, at(inside)), from);
    assert_at(zone_next(z, PERIOD_DAY, 1, at(inside)), to);
    assert_at(zone_floor(z, PERIOD_DAY, 1, at(from)), from);
    assert_true(zone_next(z, PERIOD_DAY, 1, at(from) - 1) == at(from));
    assert_true(zone_floor(z, PERIOD_DAY, 1, at(to) - 1) == at(from));
}
TEST(days_have_the_hours_that_their_zone_gave_them)
{
    day_is(cx, "Asia/Shanghai", "2023-11-14T22:13:20Z", "2023-11-14T16:00:00Z", "2023-11-15T16:00:00Z");
    /* 23 h */
    day_is(cx, "America/New_York", "2024-03-10T12:00:00Z", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z");
    /* 25 h */
    day_is(cx, "America/New_York", "2024-11-03T12:00:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z");
    /* begins at 01:00 */
    day_is(cx, "America/Sao_Paulo", "2018-11-04T05:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z");
    /* 23:00 comes twice */
    day_is(cx, "America/Sao_Paulo", "2018-02-18T02:30:00Z", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z");
    /* no midnight */
    day_is(cx, "Asia/Beirut", "2022-03-27T10:00:00Z", "2022-03-26T22:00:00Z", "2022-03-27T21:00:00Z");
    /* 24.5 h */
    day_is(cx, "Australia/Lord_Howe", "2024-04-06T20:00:00Z", "2024-04-06T13:00:00Z", "2024-04-07T13:30:00Z");
    /* 23.5 h */
    day_is(cx, "Australia/Lord_Howe", "2024-10-05T20:00:00Z", "2024-10-05T13:30:00Z", "2024-10-06T13:00:00Z");
    /* 29 December */
    day_is(cx, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z");
    /* then the 31st */
    day_is(cx, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z");
    /* midnight twice */
    day_is(cx, "America/Havana", "2024-11-03T04:30:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z");
    /* 00:01 fell back to 23:01: the new day had begun and stays */
    day_is(cx, "America/St_Johns", "2010-11-07T03:00:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z");
    day_is(cx, "Asia/Kathmandu", "2024-01-01T00:00:00Z", "2023-12-31T18:15:00Z", "2024-01-01T18:15:00Z");
}
TEST(hours_align_to_the_local_clock_and_come_twice_when_it_is_set_back)
{
    const Zone *z = zone(cx, "Asia/Kolkata");
    assert_at(zone_floor(z, PERIOD_HOUR, 1, at("2024-01-01T00:29:59.999Z")), "2023-12-31T23:30:00Z");
    assert_at(zone_next(z, PERIOD_HOUR, 1, at("2024-01-01T00:29:59.999Z")), "2024-01-01T00:30:00Z");
    z = zone(cx, "America/New_York");             /* 01:00 comes twice, 05:00Z and 06:00Z */
    assert_at(zone_floor(z, PERIOD_HOUR, 1, at("2024-11-03T05:59:00Z")), "2024-11-03T05:00:00Z");
    assert_at(zone_floor(z, PERIOD_HOUR, 1, at("2024-11-03T06:01:00Z")), "2024-11-03T06:00:00Z");
    z = zone(cx, "Australia/Lord_Howe");          /* 02:00 (15:00Z) back to 01:30, forward to 02:30 (15:30Z) */
    assert_at(zone_floor(z, PERIOD_HOUR, 1, at("2024-04-06T14:59:00Z")), "2024-04-06T14:00:00Z");
    assert_at(zone_next(z, PERIOD_HOUR, 1, at("2024-04-06T14:59:00Z")), "2024-04-06T15:00:00Z");
    assert_at(zone_floor(z, PERIOD_HOUR, 1, at("2024-04-06T15:10:00Z")), "2024-04-06T15:00:00Z");
    assert_at(zone_next(z, PERIOD_HOUR, 1, at("2024-04-06T15:10:00Z")), "2024-04-06T15:30:00Z");
    assert_at(zone_floor(z, PERIOD_HOUR, 1, at("2024-10-05T15:45:00Z")), "2024-10-05T15:30:00Z");
    assert_at(zone_next(z, PERIOD_HOUR, 1, at("2024-10-05T15:45:00Z")), "2024-10-05T16:00:00Z");
}
TEST(weeks_and_months_begin_at_local_midnight)
{
    const Zone *z = zone(cx, "Asia/Shanghai");
    /* Sunday evening */
    assert_at(zone_floor(z, PERIOD_WEEK, 1, at("2023-11-19T15:59:59Z")), "2023-11-12T16:00:00Z");
    assert_at(zone_next(z, PERIOD_WEEK, 1, at("2023-11-19T15:59:59Z")), "2023-11-19T16:00:00Z");
    assert_at(zone_floor(z, PERIOD_WEEK, 0, at("2023-11-19T15:59:59Z")), "2023-11-18T16:00:00Z");
    /* 1 March there */
    assert_at(zone_floor(z, PERIOD_MONTH, 1, at("2024-02-29T16:00:00Z")), "2024-02-29T16:00:00Z");
    assert_at(zone_floor(z, PERIOD_MONTH, 1, at("2024-02-29T15:59:59Z")), "2024-01-31T16:00:00Z");
    assert_at(zone_next(z, PERIOD_MONTH, 1, at("2023-12-05T00:00:00Z")), "2023-12-31T16:00:00Z");
    z = zone(cx, "America/New_York");
    assert_at(zone_floor(z, PERIOD_MONTH, 1, at("2024-03-31T12:00:00Z")), "2024-03-01T05:00:00Z");
    assert_at(zone_next(z, PERIOD_MONTH, 1, at("2024-03-31T12:00:00Z")), "2024-04-01T04:00:00Z");
    assert_at(zone_floor(z, PERIOD_WEEK, 1, at("2024-03-10T12:00:00Z")), "2024-03-04T05:00:00Z");
    assert_at(zone_next(z, PERIOD_WEEK, 1, at("2024-03-10T12:00:00Z")), "2024-03-11T04:00:00Z");      /* 167 h */
    assert_at(zone_floor(z, PERIOD_WEEK, 1, at("1969-12-30T00:00:00Z")), "1969-12-29T05:00:00Z");
}
/* Minute by minute over a window, with nothing but offsets: the day, week or month of an instant is that
 * of the greatest local time so far; an hour ends when the local clock shows another one or its alignment changes. */
static int64_t label_of(Period p, int week_start, int64_t local)
{
    int64_t day = local / 86400 - (local % 86400 < 0);
    Civil c = clock_civil_of(local);
    if (p == PERIOD_DAY) return day;
    if (p == PERIOD_WEEK) return (day + 4 - week_start + 7000) / 7;
    return c.year * 12 + c.month;
}
static void walk(const Zone *z, Period p, int week_start, int64_t from, int64_t to)
{
    int64_t start = INT64_MIN, label = INT64_MIN, seen = INT64_MIN;
    for (int64_t s = from, last_local = INT64_MIN; s < to; s += 60) {
        int64_t local = s + zone_offset(z, s * 1000), now;
        if (p == PERIOD_HOUR) {
            bool shifted = seen != INT64_MIN && (local - last_local - 60) % 3600 != 0;
            if (label == INT64_MIN) label = 0;
            now = label + (local % 3600 == 0 || shifted);
        } else {
            now = label_of(p, week_start, local > seen ? local : seen);
        }
        if (seen != INT64_MIN && now != label) {
            assert_true(start == INT64_MIN || zone_next(z, p, week_start, start) == s * 1000);
            start = s * 1000;
        }
        label = now;
        if (local > seen) seen = local;
        last_local = local;
        if (start == INT64_MIN) continue;
        if (zone_floor(z, p, week_start, s * 1000) != start) print_error("%s at %lld\n", zone_name(z).p, (long long)s);
        assert_true(zone_floor(z, p, week_start, s * 1000) == start);
        assert_true(zone_next(z, p, week_start, s * 1000 + 59999) > s * 1000 + 59999);
    }
}
TEST(periods_are_what_a_walk_minute_by_minute_finds)
{
    static const struct { const char *zone, *around; } windows[] = {
        { "America/Sao_Paulo", "2018-11-04T00:00:00Z" }, { "America/Sao_Paulo", "2018-02-18T00:00:00Z" },
        { "Asia/Beirut", "2022-03-27T00:00:00Z" }, { "Asia/Beirut", "2022-10-30T00:00:00Z" },
        { "Australia/Lord_Howe", "2024-04-07T00:00:00Z" }, { "Australia/Lord_Howe", "2024-10-06T00:00:00Z" },
        { "Pacific/Apia", "2011-12-30T00:00:00Z" }, { "America/St_Johns", "2010-11-07T00:00:00Z" },
        { "America/St_Johns", "2010-03-14T00:00:00Z" }, { "America/Havana", "2024-11-03T00:00:00Z" },
        { "Africa/Casablanca", "2026-02-15T00:00:00Z" }, { "Asia/Pyongyang", "2018-05-04T00:00:00Z" },
        { "Pacific/Kwajalein", "1993-08-21T00:00:00Z" }, { "America/Caracas", "2016-05-01T00:00:00Z" },
        { "Antarctica/Troll", "2030-03-31T00:00:00Z" }, { "Europe/Dublin", "2090-10-29T00:00:00Z" },
    };
    for (size_t i = 0; i < COUNT(windows); i++) {
        const Zone *z = zone(cx, windows[i].zone);
        int64_t mid = at(windows[i].around) / 1000;
        for (Period p = PERIOD_HOUR; p <= PERIOD_DAY; p++) walk(z, p, 1, mid - 3 * 86400, mid + 3 * 86400);
        walk(z, PERIOD_WEEK, (int)(i % 2), mid - 9 * 86400, mid + 9 * 86400);
        walk(z, PERIOD_MONTH, 1, mid - 33 * 86400, mid + 33 * 86400);
    }
}
TEST(a_grid_holds_every_period_once_and_finds_each_instant)
{
    const int64_t *grid;
    size_t n;
    for (size_t i = 0; i < COUNT(zones); i++) {
        const Zone *z = zone(cx, zones[i]);
        int64_t from = between(0, 1700000000) * 1000 + 123, to = from + between(1, 200 * 86400) * 1000;
        for (Period p = PERIOD_HOUR; p <= PERIOD_MONTH; p++) {
            ok(zone_grid(cx, z, p, 1, from, to, 5000, &grid, &n));
            assert_true(grid[0] <= from && grid[n] >= to && (n == 1 || (grid[1] > from && grid[n - 1] < to)));
            for (size_t k = 0; k < n; k++)
                assert_true(grid[k] < grid[k + 1] && zone_floor(z, p, 1, grid[k + 1] - 1) == grid[k]);
            for (int k = 0; k < 200; k++) {
                int64_t ms = between(from, to), j = zone_grid_at(grid, n, ms);
                assert_true(j >= 0 && j < (int64_t)n && grid[j] <= ms && ms < grid[j + 1]);
            }
            assert_true(zone_grid_at(grid, n, grid[0]) == 0 && zone_grid_at(grid, n, grid[n] - 1) == (int64_t)n - 1);
            assert_true(zone_grid_at(grid, n, grid[0] - 1) == -1 && zone_grid_at(grid, n, grid[n]) == (int64_t)n);
        }
    }
    const Zone *z = zone(cx, "Pacific/Apia");     /* three days of December, of which one was skipped */
    ok(zone_grid(cx, z, PERIOD_DAY, 1, at("2011-12-29T10:00:00Z"), at("2011-12-31T10:00:00Z"), 2, &grid, &n));
    assert_int_equal(n, 2);
    assert_int_equal(zone_grid(cx, z, PERIOD_DAY, 1, at("2011-12-29T10:00:00Z"), at("2011-12-31T10:00:01Z"), 2,
                               &grid, &n), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_many);
    assert_int_equal(zone_grid(cx, z, PERIOD_HOUR, 1, INT64_MIN, INT64_MAX, 400, &grid, &n), ST_INVALID);
    ok(zone_grid(cx, z, PERIOD_DAY, 1, 5, 5, 0, &grid, &n));
    assert_int_equal(n, 0);
}
TEST(local_text_is_an_instant_in_its_zone)
{
    static const struct { const char *zone, *text, *want; } cases[] = {
        { "Asia/Shanghai", "2020-06-10", "2020-06-09T16:00:00Z" },
        { "Asia/Shanghai", "2020-06-10T05:00", "2020-06-09T21:00:00Z" },
        { "Asia/Shanghai", "2020-06-10T05:00:00.250Z", "2020-06-10T05:00:00.250Z" },
        { "Asia/Shanghai", "2020-06-10T05:00:00.250", "2020-06-09T21:00:00.250Z" },
        { "Asia/Shanghai", "2020-06-10T05:00-05:00", "2020-06-10T10:00:00Z" },
        { "America/New_York", "2024-03-10T02:30:00.5", "2024-03-10T07:00:00Z" },      /* skipped: the jump */
        { "America/New_York", "2024-11-03T01:30:00.5", "2024-11-03T05:30:00.500Z" },  /* twice: the first */
        { "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z" },
        { "Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00:00Z" },
    };
    int64_t ms = 42;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(zone_parse(zone(cx, cases[i].zone), str_z(cases[i].text), &ms));
        assert_at(ms, cases[i].want);
    }
    assert_false(zone_parse(zone(cx, "UTC"), S("2020-06-31"), &ms));
    assert_int_equal(zone_ms(zone(cx, "Asia/Shanghai"), (Civil){ .year = 2024, .month = 13, .day = 1 }),
                     at("2024-12-31T16:00:00Z"));
}
TEST(a_name_that_is_no_zone_is_refused_and_so_is_a_way_out_of_the_folder)
{
    static const char *const bad[] = {
        "", "Asia/Nowhere", "asia/shanghai ", "../zoneinfo/UTC", "Asia/../UTC", "/usr/share/zoneinfo/UTC", "Asia",
        "Asia/", "zone.tab",
        "tzdata.zi", "right/Asia/Shanghai", "北京", ".", "Asia/Shanghai\n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    const Zone *z = NULL;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(zone_get(cx, str_z(bad[i]), &z), ST_INVALID);
        assert_int_equal(cx->why.msg, MSG_unknown_zone);
        assert_string_equal(cx->why.field, "timezone");
    }
    assert_int_equal(zone_get(cx, (Str){ "UTC\0x", 5 }, &z), ST_INVALID);
    assert_null(z);
}
/* Files of our own making. */
static void put_head(Buf *b, char version, unsigned times, unsigned types)
{
    unsigned counts[6] = { 0, 0, 0, times, types, 4 };
    buf_add(b, S("TZif"));
    buf_addc(b, version);
    for (int i = 0; i < 15; i++) buf_addc(b, 0);
    for (size_t i = 0; i < COUNT(counts); i++)
        for (int shift = 24; shift >= 0; shift -= 8) buf_addc(b, (char)(counts[i] >> shift));
}
static void put_be(Buf *b, int64_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) buf_addc(b, (char)((uint64_t)v >> (8 * i)));
}
static Buf made_zone(Cx *cx, const char *footer)  /* +1 h from 2000 on, UTC before, then the footer */
{
    Buf b = buf_new(cx->arena, 4096);
    put_head(&b, '2', 0, 1);
    buf_add(&b, S("\0\0\0\0\0\0UTC\0"));
    put_head(&b, '2', 1, 2);
    put_be(&b, 946684800, 8);
    buf_addc(&b, 1);
    buf_add(&b, S("\0\0\0\0\0\0"));
    put_be(&b, 3600, 4);
    buf_add(&b, S("\0\0"));
    buf_add(&b, S("UTC\0"));
    buf_addc(&b, '\n');
    buf_addz(&b, footer);
    buf_addc(&b, '\n');
    return b;
}
static Status load_made(Cx *cx, const char *dir, Str bytes, const Zone **ret)
{
    static int n;
    char name[32];
    snprintf(name, sizeof name, "made%d", n++);
    ok(fs_replace(cx, fs_posix(), dir, name, bytes));
    return zone_get(cx, str_z(name), ret);
}
TEST(a_zone_file_cut_or_bent_anywhere_is_refused_or_followed_but_never_read_past)
{
    const char *dir = test_dir();
    const Zone *z;
    Buf b = made_zone(cx, "CET-1CEST,M3.5.0,M10.5.0/3");
    size_t head = b.n - strlen("\nCET-1CEST,M3.5.0,M10.5.0/3\n");
    zone_start(dir);
    ok(load_made(cx, dir, buf_str(&b), &z));
    assert_int_equal(zone_offset(z, at("1999-12-31T23:59:59Z")), 0);
    assert_int_equal(zone_offset(z, at("2024-01-01")), 3600);
    assert_int_equal(zone_offset(z, at("2024-07-01")), 7200);
    for (size_t n = 0; n <= head; n++) assert_int_equal(load_made(cx, dir, (Str){ b.p, n }, &z), ST_INVALID);
    for (size_t i = 0; i < b.n; i++) {
        char was = b.p[i];
        b.p[i] = (char)(was ^ (1 << (i % 8)));
        Status st = load_made(cx, dir, buf_str(&b), &z);
        assert_true(st == ST_OK || st == ST_INVALID);
        if (st == ST_OK) (void)zone_floor(z, PERIOD_MONTH, 1, at("2050-01-01"));
        b.p[i] = was;
    }
    zone_start("/usr/share/zoneinfo");
}
TEST(footers_of_every_form_are_understood)
{
    static const struct { const char *footer, *when; int offset; } good[] = {
        { "<+0330>-3:30", "2050-01-01", 3600 },   /* the file's last change says it */
        { "XXX5YYY,J60/0,J300", "2024-03-01T04:59:59Z", -5 * 3600 },
        { "XXX5YYY,J60/0,J300", "2024-03-01T05:00:00Z", -4 * 3600 },
        { "XXX5YYY,J59/0,J300", "2024-02-28T05:00:00Z", -4 * 3600 },
        { "XXX5YYY,J60/0,J300", "2023-03-01T05:00:00Z", -4 * 3600 },
        { "XXX5YYY,59/0,300", "2024-02-29T05:00:00Z", -4 * 3600 },
        { "XXX5YYY,59/0,300", "2024-02-29T04:59:59Z", -5 * 3600 },
        { "EST5EDT,0/0,J365/25", "2055-01-01T05:00:00Z", -4 * 3600 },
        { "EST5EDT,0/0,J365/25", "2055-01-01T04:59:59Z", -4 * 3600 }, { "IST-1GMT0,M10.5.0,M3.5.0/1", "2050-01-01", 0 },
        { "IST-1GMT0,M10.5.0,M3.5.0/1", "2050-07-01", 3600 },
        { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2025-03-30T00:59:59Z", -7200 },
        { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2025-03-30T01:00:00Z", -3600 },
        { "AAA-10:30BBB-11,M10.1.0,M4.1.0", "2050-01-01", 11 * 3600 },
    };
    static const char *const bad[] = {
        "X", "XX5", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M0.5.0,M10.5.0", "CET-1CEST,J0,M10.5.0", "CET-1CEST,J366,M10.5.0", "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-25",
        "CET-1CEST,M3.5.0,M10.5.0x", "<CET-1", "CET-1:60", ",",
    };
    const char *dir = test_dir();
    const Zone *z;
    Buf b;
    zone_start(dir);
    for (size_t i = 0; i < COUNT(good); i++) {
        b = made_zone(cx, good[i].footer);
        ok(load_made(cx, dir, buf_str(&b), &z));
        if (zone_offset(z, at(good[i].when)) != good[i].offset) print_error("%s %s\n", good[i].footer, good[i].when);
        assert_int_equal(zone_offset(z, at(good[i].when)), good[i].offset);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        b = made_zone(cx, bad[i]);
        if (load_made(cx, dir, buf_str(&b), &z) == ST_OK) print_error("accepted: %s\n", bad[i]);
        assert_int_equal(load_made(cx, dir, buf_str(&b), &z), ST_INVALID);
    }
    b = buf_new(cx->arena, 4096);                 /* version 1: four bytes a time, no footer */
    put_head(&b, 0, 1, 2);
    put_be(&b, 946684800, 4);
    buf_add(&b, S("\1\0\0\0\0\0\0\0\0\x1c\x20\0\0UTC\0"));
    ok(load_made(cx, dir, buf_str(&b), &z));
    assert_int_equal(zone_offset(z, at("2024-07-01")), 7200);
    zone_start("/usr/share/zoneinfo");
}
static const char *const fresh[] = { "Europe/Paris", "Asia/Tokyo", "Africa/Lagos", "America/Lima", "Asia/Seoul" };
static void *get_zones(void *arg)
{
    Cx cx = test_cx();
    const Zone **got = arg;
    for (size_t i = 0; i < COUNT(fresh); i++)
        if (zone_get(&cx, str_z(fresh[i]), &got[i]) != ST_OK) got[i] = NULL;
    arena_free(cx.arena);
    return NULL;
}
TEST(threads_share_one_zone_of_a_name)
{
    pthread_t t[4];
    const Zone *got[4][COUNT(fresh)];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, get_zones, got[i]), 0);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    for (int i = 0; i < 4; i++)
        for (size_t k = 0; k < COUNT(fresh); k++) {
            assert_str(zone_name(got[i][k]), fresh[k]);
            assert_ptr_equal(got[i][k], got[0][k]);
        }
    (void)cx;
}
#ifdef LIUKE_FAULT
TEST(a_zone_that_cannot_be_loaded_for_want_of_memory_loads_later)
{
    const Zone *z = NULL;
    for (long n = 0;; n++) {
        fault_arm(FAULT_ALLOC, n);
        Status st = zone_get(cx, S("Indian/Christmas"), &z);
        bool fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        if (!fired) break;
        assert_int_equal(st, ST_NO_MEM);
        assert_null(z);
        assert_in_range(n, 0, 20);
    }
    assert_int_equal(zone_offset(z, 0), 7 * 3600);
}
#endif
