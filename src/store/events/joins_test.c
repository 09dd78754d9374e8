#include "store/events/joins.h"
#include "base/limits.h"
#include "tests/test.h"

enum { A, B, C, D, N };
static int64_t next_id;
static int64_t join(Cx *cx, Joins *j, uint32_t anon, uint32_t user, uint8_t trust)
{
    Join in = { .id = ++next_id, .trust = trust };
    ok(joins_add(cx, j, &in, anon, user));
    return in.id;
}
static uint32_t root(Cx *cx, const Joins *j, uint32_t a)
{
    PeopleView *v;
    ok(joins_view(cx, j, &v));
    uint32_t r = joins_root(v, a);
    joins_view_done(v);
    return r;
}
TEST(an_anonymous_actor_joins_one_user_only_and_is_shared_after_that)
{
    Joins *j = joins_new();
    join(cx, j, A, B, TRUST_PUBLIC);
    assert_int_equal(root(cx, j, A), B);
    uint64_t changes = joins_changes(j);
    join(cx, j, A, B, TRUST_PUBLIC);                       /* the same again: nothing */
    assert_true(joins_changes(j) == changes);
    join(cx, j, A, C, TRUST_SECRET);
    assert_int_equal(root(cx, j, A), B);
    assert_int_equal(joins_count(j).shared, 1);
    assert_int_equal(joins_count(j).refused, 1);
    joins_free(j);
}
TEST(a_user_joins_another_only_with_trust)
{
    Joins *j = joins_new();
    join(cx, j, A, B, TRUST_PUBLIC);
    join(cx, j, B, C, TRUST_SESSION);                      /* B is a user: a public join would steal it */
    assert_int_equal(root(cx, j, A), B);
    join(cx, j, B, C, TRUST_SECRET);
    assert_int_equal(root(cx, j, A), C);
    join(cx, j, C, A, TRUST_LIUKE);                        /* a circle */
    assert_int_equal(root(cx, j, C), C);
    join(cx, j, D, D, TRUST_LIUKE);
    assert_int_equal(root(cx, j, D), D);
    joins_free(j);
}
TEST(undoing_a_join_in_the_middle_keeps_what_hangs_below)
{
    Joins *j = joins_new();
    join(cx, j, A, B, TRUST_PUBLIC);
    int64_t middle = join(cx, j, B, C, TRUST_SECRET);
    join(cx, j, C, D, TRUST_SECRET);
    assert_int_equal(root(cx, j, A), D);
    joins_undo(j, middle);
    assert_int_equal(root(cx, j, A), B);
    assert_int_equal(root(cx, j, C), D);
    joins_undo(j, middle);                                 /* twice, and one that never was */
    joins_undo(j, 999999);
    assert_int_equal(root(cx, j, B), B);
    join(cx, j, B, D, TRUST_SECRET);                       /* nobody's again: may be joined */
    assert_int_equal(root(cx, j, A), D);
    joins_free(j);
}
TEST(a_user_has_at_most_so_many_public_joins)
{
    Joins *j = joins_new();
    int64_t first = 0;
    for (uint32_t i = 0; i < JOINS_PUBLIC_MAX; i++) {
        int64_t id = join(cx, j, 100 + i, A, TRUST_PUBLIC);
        if (i == 0) first = id;
    }
    join(cx, j, 1000, A, TRUST_PUBLIC);
    assert_int_equal(root(cx, j, 1000), 1000);
    join(cx, j, 1001, A, TRUST_SECRET);
    assert_int_equal(root(cx, j, 1001), A);
    joins_undo(j, first);
    join(cx, j, 1002, A, TRUST_PUBLIC);
    assert_int_equal(root(cx, j, 1002), A);
    joins_free(j);
}
TEST(flags_of_all_actors_are_the_persons)
{
    Joins *j = joins_new();
    PeopleView *v;
    ok(joins_flag(cx, j, A, PERSON_STAFF, 0));
    ok(joins_flag(cx, j, B, PERSON_BOT | PERSON_ERASED, PERSON_ERASED));
    int64_t id = join(cx, j, A, B, TRUST_PUBLIC);
    ok(joins_view(cx, j, &v));
    assert_int_equal(joins_flags(v, B), PERSON_STAFF | PERSON_BOT);
    joins_view_done(v);
    joins_undo(j, id);
    ok(joins_view(cx, j, &v));
    assert_int_equal(joins_flags(v, B), PERSON_BOT);
    assert_int_equal(joins_flags(v, A), PERSON_STAFF);
    joins_view_done(v);
    joins_free(j);
}
TEST(a_map_comes_back_from_its_file_and_damage_is_seen)
{
    Joins *j = joins_new(), *back = joins_new();
    join(cx, j, A, B, TRUST_PUBLIC);
    joins_undo(j, join(cx, j, B, C, TRUST_SECRET));
    join(cx, j, A, D, TRUST_PUBLIC);
    ok(joins_flag(cx, j, D, PERSON_BOT, 0));
    Buf b = buf_new(NULL, 1 << 20), again = buf_new(NULL, 1 << 20);
    joins_save(j, &b);
    ok(joins_load(cx, back, buf_str(&b)));
    joins_save(back, &again);
    assert_true(str_eq(buf_str(&b), buf_str(&again)));
    assert_int_equal(root(cx, back, A), B);
    for (size_t i = 0; i < b.n; i++) {
        Joins *bad = joins_new();
        b.p[i] = (char)(b.p[i] ^ 4);
        assert_int_equal(joins_load(cx, bad, buf_str(&b)), ST_IO);
        assert_int_equal(joins_load(cx, bad, (Str){ b.p, i }), ST_IO);
        b.p[i] = (char)(b.p[i] ^ 4);
        joins_free(bad);
    }
    buf_done(&b);
    buf_done(&again);
    joins_free(j);
    joins_free(back);
}
TEST(no_memory_leaves_the_map_of_joins_as_it_was)
{
    for (long n = 0;; n++) {
        Joins *j = joins_new();
        Join in = { .id = 5, .trust = TRUST_PUBLIC };
        fault_arm(FAULT_ALLOC, n);
        Status st = joins_add(cx, j, &in, A, B);
        bool fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_int_equal(st, fired ? ST_NO_MEM : ST_OK);
        assert_int_equal(root(cx, j, A), fired ? A : B);
        ok(joins_add(cx, j, &in, A, B));
        assert_int_equal(root(cx, j, A), B);
        joins_free(j);
        if (!fired) break;
    }
}
