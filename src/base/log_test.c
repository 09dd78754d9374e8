#include "tests/test.h"
#include "base/clock.h"
#include "base/log.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int ends[2];
static char line[8192];

static void log_to_pipe(LogLevel least)
{
    assert_int_equal(pipe(ends), 0);
    log_start(ends[1], least);
}
/* What follows the time, which is checked here. */
static Str read_line(void)
{
    int64_t at = 0;
    ssize_t n = read(ends[0], line, sizeof line);
    assert_true(n > 36 && line[n - 1] == '\n' && memchr(line, '\n', (size_t)n) == line + n - 1);
    assert_true(strncmp(line, "{\"time\":\"", 9) == 0 && clock_parse((Str){ line + 9, 24 }, &at));
    assert_true(clock_now() - at < 60000);
    return (Str){ line + 35, (size_t)n - 36 };
}
static void log_back(void)
{
    log_start(STDERR_FILENO, LOG_INFO);
    close(ends[0]);
    close(ends[1]);
}
TEST(a_log_line_is_json_whatever_is_in_it)
{
    log_to_pipe(LOG_INFO);
    LOG(LOG_INFO, "start", { .key = "port", .value = INT64_MIN }, { .key = "v", .text = S("a\"b\\c\n\x01\x7f 留客 😀") });
    assert_str(read_line(), "\"level\":\"info\",\"event\":\"start\",\"port\":-9223372036854775808,"
                            "\"v\":\"a\\\"b\\\\c\\u000a\\u0001\\u007f 留客 😀\"}");
    LOG(LOG_ERROR, "x", { .key = "v", .text = S("\xff|\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80|\xe7\x95") },
        { .key = "e", .text = S("") });
    assert_str(read_line(), "\"level\":\"error\",\"event\":\"x\",\"v\":\"\\ufffd|\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|"
                            "\\ufffd\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\",\"e\":\"\"}");
    log_line(LOG_WARN, "none", NULL, 0);
    assert_str(read_line(), "\"level\":\"warn\",\"event\":\"none\"}");
    LOG(LOG_DEBUG, "quiet", { .key = "n", .value = 1 });
    LOG(LOG_INFO, "loud", { .key = "n", .value = 1 });
    assert_str(read_line(), "\"level\":\"info\",\"event\":\"loud\",\"n\":1}");
    log_back();
    (void)cx;
}
TEST(a_line_too_long_is_cut_and_stays_json)
{
    static char text[5000];
    memset(text, 'x', sizeof text);
    log_to_pipe(LOG_INFO);
    for (size_t skip = 0; skip < 12; skip++) {
        memcpy(text + 4000 + skip, "留", 3);
        LOG(LOG_INFO, "long", { .key = "a", .text = { text, 4003 + skip } }, { .key = "b", .text = { text, 60 } },
            { .key = "c", .value = 7 });
        Str got = read_line();
        assert_true(got.n < 4096 && got.p[got.n - 1] == '}' && got.p[got.n - 2] == '"');
        int quotes = 0;
        for (size_t i = 0; i < got.n; i++) quotes += got.p[i] == '"';
        assert_int_equal(quotes % 2, 0);
        memset(text, 'x', sizeof text);
    }
    LOG(LOG_INFO, "many", { .key = "a", .text = { text, 3900 } }, { .key = "b", .text = { text, 200 } },
        { .key = "c", .value = 7 });
    Str got = read_line();
    assert_true(str_eq((Str){ got.p + got.n - 2, 2 }, S("\"}")));
    log_back();
    (void)cx;
}
TEST(a_reason_is_logged_with_its_request_but_never_with_a_key_the_caller_made_up)
{
    log_to_pipe(LOG_INFO);
    cx->request = 1;
    (void)!fail(cx, ST_IO, "disk \"a\"");
    log_why(LOG_ERROR, "failed", cx);
    assert_str(read_line(), "\"level\":\"error\",\"event\":\"failed\",\"request\":\"req_0000000000001\","
                            "\"status\":\"IO\",\"code\":\"io\",\"why\":\"disk \\\"a\\\"\"}");
    cx->request = 0;
    (void)!refuse(cx, ST_INVALID, S("consents[1].purpose"), MSG_required, NO_PARAMS);
    log_why(LOG_INFO, "refused", cx);
    assert_str(read_line(), "\"level\":\"info\",\"event\":\"refused\",\"status\":\"INVALID\","
                            "\"code\":\"required\",\"field\":\"consents[1].purpose\"}");
    (void)!refuse(cx, ST_INVALID, S("zhang"), MSG_unknown_field, NO_PARAMS);
    log_why(LOG_INFO, "refused", cx);
    assert_str(read_line(), "\"level\":\"info\",\"event\":\"refused\",\"status\":\"INVALID\","
                            "\"code\":\"unknown_field\"}");
    (void)!refuse(cx, ST_INVALID, S("traits.li@example.com"), MSG_too_long, NO_PARAMS);
    log_why(LOG_INFO, "refused", cx);
    assert_str(read_line(), "\"level\":\"info\",\"event\":\"refused\",\"status\":\"INVALID\",\"code\":\"too_long\"}");
    log_back();
}
