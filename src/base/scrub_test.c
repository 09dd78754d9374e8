#include "tests/test.h"
#include "base/scrub.h"
#include <stdio.h>

TEST(addresses_and_phones_leave_the_text_and_ids_stay)
{
    static const char *const want[][2] = {
        { "", "" },
        { "no personal value here, order 4711 of 2026-11-22", "no personal value here, order 4711 of 2026-11-22" },
        { "mail a.b+c@example.com now", "mail [email] now" },
        { "https://x.cn/?q=li%40example.cn&p=1", "https://x.cn/?q=[email]&p=1" },
        { "https://x.cn/?u%3Dli%40example.cn", "https://x.cn/?u%3D[email]" },
        { "a@b", "a@b" }, { "@example.com", "@example.com" }, { "x@y.z", "x@y.z" }, { "x@y.zz.", "[email]." },
        { "张三@例子.中国", "[email]" },
        { "打 13800138000 找我", "打 [phone] 找我" },
        { "138 0013 8000", "[phone]" }, { "138-0013-8000", "[phone]" },
        { "+8613800138000", "[phone]" }, { "0086 138 0013 8000", "[phone]" }, { "8613800138000", "[phone]" },
        { "tel=%2B14155550100&x", "tel=[phone]&x" }, { "+1 415 555 0100", "[phone]" },
        { "12800138000", "12800138000" },                            /* no such prefix */
        { "138001380001", "138001380001" }, { "1700000000000", "1700000000000" },
        { "7243816138001380005", "7243816138001380005" },            /* a 64-bit id */
        { "a1@b.cc,c@d.ee", "[email],[email]" },
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        Str got;
        int n;
        ok(scrub_text(cx, str_z(want[i][0]), &got, &n));
        assert_str(got, want[i][1]);
        assert_int_equal(n > 0, !str_is(got, want[i][0]));
    }
}
TEST(whatever_stands_at_whatever_place_of_a_text_of_any_length_is_found)
{
    static const char *const hidden[][2] = { { "a@b.cc", "[email]" }, { "a%40b.cc", "[email]" },
        { "13800138000", "[phone]" }, { "+4930123456", "[phone]" } };
    char text[64], want[64];
    for (size_t k = 0; k < COUNT(hidden); k++)
        for (int before = 0; before < 24; before++)
            for (int after = 0; after < 24; after++) {
                Str got;
                int n;
                snprintf(text, sizeof text, "%.*s%s%.*s", before, "                        ", hidden[k][0], after,
                    "                        ");
                snprintf(want, sizeof want, "%.*s%s%.*s", before, "                        ", hidden[k][1], after,
                    "                        ");
                ok(scrub_text(cx, str_z(text), &got, &n));
                assert_str(got, want);
                assert_int_equal(n, 1);
            }
}
TEST(an_email_address_is_all_of_the_text_or_it_is_none)
{
    static const char *const good[] = { "a@b.cc", "a.b+c@example.co.uk", "张三@例子.中国" };
    static const char *const bad[] = { "", "@", "a@", "@b.cc", "a@b", "a b@c.dd", "a@b.cc ", "a@b..cc", ".a@b.cc",
        "a.@b.cc",
                                       "a@b.c", "a@@b.cc", "a@b.cc>", "<a@b.cc", "a@b.cc\n" };
    for (size_t i = 0; i < COUNT(good); i++) assert_true(scrub_email_is(str_z(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(scrub_email_is(str_z(bad[i])));
    (void)cx;
}
