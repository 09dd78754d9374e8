#include "tests/test.h"
#include "base/buf.h"
#include "base/id.h"
#include <stdio.h>
#include <string.h>

TEST(numbers_are_read_whole_or_not_at_all)
{
    int64_t v = 7;
    assert_true(str_i64(S("-9223372036854775808"), &v));
    assert_true(v == INT64_MIN);
    assert_true(str_i64(S("9223372036854775807"), &v));
    assert_true(v == INT64_MAX);
    static const char *const bad[] = { "", "-", "1x", " 1", "9223372036854775808", "-9223372036854775809", "+1" };
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(str_i64(str_z(bad[i]), &v));
    assert_true(v == INT64_MAX);
    (void)cx;
}
TEST(ids_rise_past_a_full_counter_and_a_clock_set_back)
{
    char text[ID_TEXT_MAX + 1];
    int64_t last = id_new(cx), id, back;
    for (int i = 0; i < 10000; i++, last = id) {
        if (i == 5000) cx->now -= 60000;
        id = id_new(cx);
        assert_true(id > last);
    }
    assert_str(((Str){ text, id_text("per", INT64_MAX, text) }), "per_7ZZZZZZZZZZZZ");
    assert_true(id_parse(str_z(text), "per", &back) && back == INT64_MAX);
    assert_true(id_parse(S("per_7zzzzzzzzzzzz"), "per", &back) && back == INT64_MAX);
    assert_true(id_parse(S("per_00000000000oI"), "per", &back) && back == 1);
    static const char *const bad[] = { "per_", "per_8ZZZZZZZZZZZZ", "pex_0000000000001", "per_00000000000U1",
        "per_00000000000001" };
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(id_parse(str_z(bad[i]), "per", &back));
}
TEST(a_buffer_past_its_maximum_goes_bad_and_stays_as_it_was)
{
    Buf b = buf_new(cx->arena, 5);
    buf_add(&b, S("1234"));
    buf_add(&b, S("56"));
    buf_addc(&b, '5');
    assert_true(b.bad);
    assert_str(buf_str(&b), "1234");
}
TEST(an_arena_stops_at_its_cap_and_starts_again_after_a_reset)
{
    Arena *a = arena_new(20000);
    for (int round = 0; round < 3; round++, arena_reset(a)) {
        size_t got = 0;
        while (arena_get(a, 100)) got += 112;
        assert_in_range(got, 16000, 20000);
        assert_int_equal(arena_used(a), got);
        assert_int_equal(arena_failures(a), 1);
    }
    arena_free(a);
    (void)cx;
}
TEST(an_arena_of_a_given_size_keeps_that_block_and_no_other)
{
    Arena *a = arena_new_sized(100000, 30000);
    char *first = arena_raw(a, 29000);
    assert_non_null(first);
    assert_non_null(arena_raw(a, 60000));
    assert_null(arena_raw(a, 60000));
    arena_reset(a);
    assert_ptr_equal(arena_raw(a, 29000), first);
    assert_null(arena_raw(a, 80000));
    arena_free(a);
    (void)cx;
}
TEST(a_message_has_its_parameters_and_a_long_field_is_cut_between_characters)
{
    Buf b = buf_new(cx->arena, 200);
    char field[100];
    memset(field, 'x', sizeof field);
    memcpy(field + 70, "留", 3);
    assert_int_equal(refuse(cx, ST_INVALID, (Str){ field, sizeof field }, MSG_out_of_range,
                            PARAMS({ .name = "min", .value = -1 }, { .name = "max", .text = S("many") })), ST_INVALID);
    buf_msg(&b, LANG_EN, &cx->why);
    assert_str(buf_str(&b), "must be between -1 and many");
    assert_int_equal(strlen(cx->why.field), 70);
}
TEST(doubles_are_written_short_and_read_back_the_same)
{
    Buf b = buf_new(cx->arena, 200);
    buf_double(&b, 0.1);
    buf_addc(&b, ' ');
    buf_double(&b, 1.0 / 3);
    buf_addc(&b, ' ');
    buf_double(&b, 5e-324);
    assert_str(buf_str(&b), "0.1 0.3333333333333333 4.94065645841247e-324");
}
