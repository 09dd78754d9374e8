#include "tests/test.h"
#include "base/clock.h"
#include "net/guard.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage at = { 0 };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(443) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) memcpy(&at, &in, sizeof in);
    else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&at, &in6, sizeof in6);
    }
    return at;
}
static bool public(const char *text)
{
    struct sockaddr_storage at = address(text);
    return guard_is_public((struct sockaddr *)&at);
}
TEST(special_ranges_are_not_public_at_both_ends_and_their_neighbours_are)
{
    static const struct { const char *first, *last, *before, *after; } ranges[] = {
        { "0.0.0.0", "0.255.255.255", NULL, "1.0.0.0" },
        { "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0" },
        { "100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0" },
        { "127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0" },
        { "169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0" },
        { "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0" },
        { "192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0" },
        { "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0" },
        { "192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0" },
        { "198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0" },
        { "198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0" },
        { "203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0" },
        { "224.0.0.0", "255.255.255.255", "223.255.255.255", NULL },
        { "168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17" },
        { "::", "1fff:ffff::", NULL, "2003::" },                       /* all below global unicast */
        { "4000::", "ffff:ffff:ffff:ffff::", "3ffe::1", NULL },        /* fc00::/7, fe80::/10,
            ff00::/8 and what lies between */
        { "2001::", "2001:1ff:ffff::", NULL, "2001:200::" },
        { "2001:db8::", "2001:db8:ffff:ffff::1", "2001:db7:ffff::", "2001:db9::" },
        { "2002::", "2002:ffff::", "2001:ffff::", "2003::" },
        { "3fff::", "3fff:fff::1", "3ffe:ffff::", "3fff:1000::" },
    };
    (void)cx;
    for (size_t i = 0; i < COUNT(ranges); i++) {
        if (public(ranges[i].first) || public(ranges[i].last)) print_error("%s\n", ranges[i].first);
        assert_false(public(ranges[i].first));
        assert_false(public(ranges[i].last));
        if (ranges[i].before) assert_true(public(ranges[i].before));
        if (ranges[i].after) assert_true(public(ranges[i].after));
    }
    static const char *const more[] = { "::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1",
        "100::1", "::127.0.0.1" };
    for (size_t i = 0; i < COUNT(more); i++) assert_false(public(more[i]));
    assert_true(public("2606:4700:4700::1111"));
}
TEST(an_ipv4_address_in_ipv6_clothes_is_judged_as_what_it_is)
{
    (void)cx;
    assert_false(public("::ffff:127.0.0.1"));
    assert_false(public("::ffff:10.1.2.3"));
    assert_false(public("::ffff:169.254.169.254"));
    assert_true(public("::ffff:8.8.8.8"));
    assert_false(public("64:ff9b::10.0.0.1"));
    assert_false(public("64:ff9b::7f00:1"));
    assert_true(public("64:ff9b::8.8.8.8"));
    assert_false(public("64:ff9b:1::8.8.8.8"));            /* locally assigned translation */
    assert_false(public("2002:7f00:1::"));                 /* 6to4 */
}
static Status judge(Cx *cx, GuardTarget *t, const char *const *texts, size_t n)
{
    struct sockaddr_storage at[32];
    struct addrinfo list[32] = { 0 };
    for (size_t i = 0; i < n; i++) {
        at[i] = address(texts[i]);
        list[i] = (struct addrinfo){ .ai_family = at[i].ss_family, .ai_addr = (struct sockaddr *)&at[i],
            .ai_addrlen = at[i].ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6),
            .ai_next = i + 1 < n ? &list[i + 1] : NULL };
    }
    return guard_judge(cx, n ? list : NULL, t);
}
#define JUDGE(t, ...) judge(cx, (t), LIST(char *const, __VA_ARGS__))
TEST(one_private_address_among_public_ones_refuses_the_name)
{
    GuardTarget t = { .host = "mixed.example" };
    ok(guard_allow(cx, NULL, 0));
    ok(JUDGE(&t, "8.8.8.8", "2606:4700::1"));
    assert_int_equal(t.n, 2);
    assert_int_equal(JUDGE(&t, "8.8.8.8", "10.0.0.1"), ST_DENIED);
    assert_int_equal(cx->why.msg, MSG_net_private);
    assert_int_equal(JUDGE(&t, "10.0.0.1", "8.8.8.8"), ST_DENIED);
    assert_int_equal(JUDGE(&t, "8.8.8.8", "::1"), ST_DENIED);
    assert_int_equal(judge(cx, &t, NULL, 0), ST_IO);
    /* also behind more addresses than are kept */
    const char *many[20];
    for (size_t i = 0; i < 20; i++) many[i] = "8.8.8.8";
    ok(judge(cx, &t, many, 20));
    assert_int_equal(t.n, GUARD_ADDRESSES_MAX);
    many[19] = "192.168.1.1";
    assert_int_equal(judge(cx, &t, many, 20), ST_DENIED);
}
TEST(the_allow_list_takes_ranges_addresses_and_names)
{
    static const char *const list[] = { "10.1.0.0/16", "fd00::/8", "127.0.0.1", "Hooks.Example" };
    GuardTarget t = { .host = "a.example" };
    ok(guard_allow(cx, list, COUNT(list)));
    ok(JUDGE(&t, "10.1.255.255", "fd12::1", "127.0.0.1", "::ffff:10.1.0.1"));
    assert_int_equal(JUDGE(&t, "10.2.0.0"), ST_DENIED);
    assert_int_equal(JUDGE(&t, "127.0.0.2"), ST_DENIED);
    assert_int_equal(JUDGE(&t, "fc00::1"), ST_DENIED);
    snprintf(t.host, sizeof t.host, "%s", "hooks.example");
    ok(JUDGE(&t, "127.0.0.2", "192.168.0.1"));
    snprintf(t.host, sizeof t.host, "%s", "more.hooks.example");
    assert_int_equal(JUDGE(&t, "127.0.0.2"), ST_DENIED);
    ok(guard_allow(cx, (const char *const[]){ "0.0.0.0/0" }, 1));
    ok(JUDGE(&t, "127.0.0.1"));
    assert_int_equal(JUDGE(&t, "::1"), ST_DENIED);
    ok(guard_allow(cx, NULL, 0));
}
TEST(a_bad_allow_entry_is_named)
{
    static const char *const bad[] = { "", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::/129",
        "10.0.0", "300.1.1.1",
                                       "exa mple", "http://x.example", "10.0.0.0/8/8", "中文.example" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (guard_allow(cx, &bad[i], 1) != ST_INVALID) print_error("%s was taken\n", bad[i]);
        assert_int_equal(guard_allow(cx, &bad[i], 1), ST_INVALID);
        assert_int_equal(cx->why.msg, MSG_bad_range);
        assert_string_equal(cx->why.field, "net_allow");
        assert_str(cx->why.params[0].text, bad[i]);
    }
    const char *many[65];
    for (size_t i = 0; i < 65; i++) many[i] = "127.0.0.1";
    ok(guard_allow(cx, many, 64));
    assert_int_equal(guard_allow(cx, many, 65), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_many);
    ok(guard_allow(cx, NULL, 0));
}
TEST(resolving_refuses_local_names_and_odd_spellings_of_local_addresses)
{
    static const char *const local[] = { "localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1",
        "0", "::1", "::", "::ffff:7f00:1",
                                         "10.0.0.1", "169.254.169.254", "fe80::1%lo" };
    GuardTarget t;
    ok(guard_allow(cx, NULL, 0));
    for (size_t i = 0; i < COUNT(local); i++) {
        Status st = guard_resolve(cx, str_z(local[i]), 80, clock_mono() + 5000, &t);
        if (st != ST_DENIED) print_error("%s: %s %s\n", local[i], status_name(st), cx->why.log);
        assert_int_equal(st, ST_DENIED);
    }
    ok(guard_resolve(cx, S("8.8.8.8"), 443, clock_mono() + 5000, &t));
    assert_true(t.literal);
    struct sockaddr_storage at = address("8.8.8.8"), other = address("8.8.4.4");
    assert_true(guard_has(&t, (struct sockaddr *)&at));
    assert_false(guard_has(&t, (struct sockaddr *)&other));
    t.at[0].ss_family = AF_INET;
    ((struct sockaddr_in *)&t.at[0])->sin_port = htons(80);
    assert_false(guard_has(&t, (struct sockaddr *)&at));
}
TEST(resolving_gives_up_at_its_deadline_and_frees_itself_later)
{
    GuardTarget t;
    ok(guard_allow(cx, NULL, 0));
    for (int i = 0; i < 20; i++) {
        Status st = guard_resolve(cx, S("localhost"), 80, clock_mono() - 1, &t);
        assert_true(st == ST_BUSY || st == ST_DENIED);     /* DENIED: the answer was there first */
    }
    assert_int_equal(guard_resolve(cx, S(""), 80, clock_mono() + 5000, &t), ST_INVALID);
    assert_int_equal(guard_resolve(cx, S("x"), 0, clock_mono() + 5000, &t), ST_INVALID);
    assert_int_equal(guard_resolve(cx, S("x"), 65536, clock_mono() + 5000, &t), ST_INVALID);
    assert_int_equal(guard_resolve(cx, S("a\0b"), 80, clock_mono() + 5000, &t), ST_INVALID);
    assert_int_equal(guard_resolve(cx, S("no-such-host.invalid"), 80, clock_mono() + 5000, &t), ST_IO);
}
