#include "tests/test.h"
#include "base/clock.h"
#include <string.h>

TEST(times_are_read_in_every_form_that_clients_send)
{
    static const struct { const char *text; int64_t ms; } good[] = {
        { "2023-11-14T22:13:20Z", 1700000000000 }, { "2023-11-14T22:13:20.5Z", 1700000000500 },
        { "2023-11-14t22:13:20.123456789z", 1700000000123 }, { "2023-11-14 22:13:20,007", 1700000000007 },
        { "2023-11-15T06:13:20+08:00", 1700000000000 }, { "2023-11-15T06:13:20.001+0800", 1700000000001 },
        { "2023-11-15T06:13:20+08", 1700000000000 }, { "2023-11-14T16:43:20-05:30", 1700000000000 },
        { "2023-11-14T22:13", 1699999980000 }, { "2023-11-14", 1699920000000 }, { "1970-01-01T00:00:00Z", 0 },
        { "1969-12-31T23:59:59.999Z", -1 }, { "2016-12-31T23:59:60Z", 1483228800000 }, { "2024-02-29", 1709164800000 },
        { "0000-01-01T00:00:00Z", -62167219200000 }, { "9999-12-31T23:59:59.999Z", 253402300799999 },
    };
    (void)cx;
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t ms = 42;
        if (!clock_parse(str_z(good[i].text), &ms) || ms != good[i].ms) print_error("%s\n", good[i].text);
        assert_true(ms == good[i].ms);
    }
}
TEST(what_is_not_a_time_is_refused)
{
    static const char *const bad[] = {
        "", "2023", "2023-11", "2023-11-14T", "2023-11-14T22", "2023-11-14T22:13:", "2023-11-14T22:13:20.",
        "2023-11-14T22:13:20.Z",
        "2023-02-29", "2100-02-29", "2023-13-01", "2023-00-01", "2023-01-00", "2023-04-31", "2023-11-14T24:00:00Z",
        "2023-11-14T22:60:00Z", "2023-11-14T22:13:61Z", "2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20+08:60",
        "2023-11-14T22:13:20+8", "2023-11-14T22:13:20Zx", " 2023-11-14", "2023-11-14 ", "2023-11-14Z", "+2023-11-14",
        "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:60Z", "２０２３-11-14", "2023-11-14T22:13:20+08:", "2023-1-4",
        "1700000000",
    };
    int64_t ms = 42;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (clock_parse(str_z(bad[i]), &ms)) {
            print_error("accepted: %s\n", bad[i]);
            assert_true(false);
        }
    assert_false(clock_parse((Str){ "2023-11-14T22:13:20\0Z", 21 }, &ms));
    assert_true(ms == 42);
    (void)cx;
}
TEST(a_time_is_written_so_that_it_reads_back_and_no_number_overflows_the_text)
{
    char text[32];
    for (int64_t ms = -62167219200000, back; ms <= 253402300799999; ms += 86399999 * INT64_C(997)) {
        clock_rfc3339(ms, text);
        assert_true(clock_parse(str_z(text), &back));
        assert_true(back == ms);
    }
    clock_rfc3339(INT64_MAX, text);
    assert_str(str_z(text), "+292278994-08-17T07:12:55.807Z");
    clock_rfc3339(INT64_MIN, text);
    assert_str(str_z(text), "-292275055-05-16T16:47:04.192Z");
    clock_rfc3339(1700000000000, text);
    assert_str(str_z(text), "2023-11-14T22:13:20.000Z");
    (void)cx;
}
TEST(days_and_civil_dates_agree_over_800_years_one_day_at_a_time)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int year = 1600, month = 1, day = 1, weekday = 6;     /* 1600-01-01 was a Saturday */
    for (int64_t d = -135140; year < 2400; d++, weekday = (weekday + 1) % 7) {
        Civil c = clock_civil(d * 86400000 + 86399999);
        assert_true(c.year == year && c.month == month && c.day == day && c.weekday == weekday);
        assert_true(c.hour == 23 && c.minute == 59 && c.second == 59);
        assert_true(clock_days(year, month, day) == d);
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (++day > lengths[month - 1] + (leap && month == 2)) day = 1, month++;
        if (month > 12) month = 1, year++;
    }
    assert_true(clock_days(2024, 14, 1) == clock_days(2025, 2, 1));
    assert_true(clock_days(2024, 0, 1) == clock_days(2023, 12, 1));
    assert_true(clock_days(2024, -11, 0) == clock_days(2022, 12, 31));
    (void)cx;
}
