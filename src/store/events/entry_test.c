#include "tests/test.h"
#include "base/limits.h"
#include "store/events/entry.h"
#include <string.h>

static bool same_prop(const Prop *a, const Prop *b)
{
    if (!str_eq(a->name, b->name) || a->kind != b->kind) return false;
    switch ((PropKind)a->kind) {
    case PROP_NULL:   return true;
    case PROP_BOOL:   return a->b == b->b;
    case PROP_INT:    return a->i == b->i;
    case PROP_DOUBLE: return memcmp(&a->d, &b->d, sizeof a->d) == 0;
    case PROP_STR:    return str_eq(a->s, b->s);
    case PROP_LIST:   break;
    }
    if (a->list.n != b->list.n) return false;
    for (size_t i = 0; i < a->list.n; i++) if (!str_eq(a->list.p[i], b->list.p[i])) return false;
    return true;
}
static void assert_event(const Event *a, const Event *b)
{
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->trust, b->trust);
    assert_int_equal(a->flags, b->flags);
    assert_memory_equal(&a->actor, &b->actor, sizeof a->actor);
    assert_memory_equal(&a->message, &b->message, sizeof a->message);
    assert_true(str_eq(a->name, b->name));
    assert_true(str_eq(a->sealed, b->sealed));
    assert_int_equal(a->time, b->time);
    assert_int_equal(a->received, b->received);
    assert_int_equal(a->claimed, b->claimed);
    assert_int_equal(a->sent, b->sent);
    assert_int_equal(a->n_props, b->n_props);
    for (size_t i = 0; i < a->n_props; i++) assert_true(same_prop(a->props + i, b->props + i));
}
/* Encodes, decodes, compares, and finds every shorter piece of it damaged. */
static Str round_trip(Cx *cx, const Entry *e, Entry *ret)
{
    size_t n = entry_size(e), used;
    char *p = arena_raw(cx->arena, n);
    EntryHead h;
    assert_non_null(p);
    assert_ptr_equal(entry_put(p, e), p + n);
    ok(entry_get(cx, (Str){ p, n }, ret, &used));
    assert_int_equal(used, n);
    assert_int_equal(ret->kind, e->kind);
    EntryRun run = entry_run((Str){ p, n });
    assert_true(entry_next(&run, &h) && run.left.n == 0 && run.before == n);
    assert_int_equal(h.kind, e->kind);
    assert_int_equal(h.size, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(entry_get(cx, (Str){ p, i }, ret, &used), ST_IO);
    ok(entry_get(cx, (Str){ p, n }, ret, &used));
    return (Str){ p, n };
}
static const Str fruits[] = { S_INIT("苹果"), S_INIT(""), S_INIT("🍐🍊") };
static const Prop props[] = {
    { .name = S_INIT("计划"), .kind = PROP_STR, .s = S_INIT("专业版 🎉") },
    { .name = S_INIT("a.b.c"), .kind = PROP_NULL },
    { .name = S_INIT("yes"), .kind = PROP_BOOL, .b = true },
    { .name = S_INIT("no"), .kind = PROP_BOOL, .b = false },
    { .name = S_INIT("least"), .kind = PROP_INT, .i = INT64_MIN },
    { .name = S_INIT("most"), .kind = PROP_INT, .i = INT64_MAX },
    { .name = S_INIT("minus"), .kind = PROP_INT, .i = -1 },
    { .name = S_INIT("pi"), .kind = PROP_DOUBLE, .d = 3.14159 },
    { .name = S_INIT("-0"), .kind = PROP_DOUBLE, .d = -0.0 },
    { .name = S_INIT("list"), .kind = PROP_LIST, .list = { fruits, COUNT(fruits) } },
    { .name = S_INIT(""), .kind = PROP_LIST, .list = { fruits, 0 } },
    { .name = S_INIT("empty"), .kind = PROP_STR },
};

TEST(an_event_comes_back_with_its_four_times_its_properties_and_what_is_sealed)
{
    Entry e = { .kind = ENTRY_EVENT, .event = {
        .source = 1000, .trust = TRUST_SECRET, .flags = EVENT_IMPORT | EVENT_BOT, .actor = { 1, UINT64_MAX },
        .message = { 0, 7 },
        .name = S("注册完成 ✅"), .time = -62135596800000, .received = 1700000000123, .claimed = 1699999999999,
        .sent = 1700000000001, .props = props, .n_props = COUNT(props), .sealed = S("\x00\xff\x18 sealed") } }, got;
    round_trip(cx, &e, &got);
    assert_event(&got.event, &e.event);

    e.event = (Event){ .source = 1, .received = INT64_MIN, .time = INT64_MAX, .claimed = INT64_MIN, .sent = 1 };
    round_trip(cx, &e, &got);
    assert_event(&got.event, &e.event);
    e.event = (Event){ 0 };
    round_trip(cx, &e, &got);
    assert_event(&got.event, &e.event);
}
TEST(joins_unjoins_and_flags_come_back)
{
    Entry got, join = { .kind = ENTRY_JOIN, .join = { .id = INT64_MAX, .anon = { 1, 2 }, .user = { 3, 4 }, .time = -5,
        .trust = 2 } };
    Entry unjoin = { .kind = ENTRY_UNJOIN, .unjoin = { .id = 6, .join = INT64_MIN, .time = 8 } };
    Entry flag = { .kind = ENTRY_FLAG, .flag = { .actor = { 9, 10 }, .set = 255, .clear = 3, .time = 11 } };

    round_trip(cx, &join, &got);
    assert_memory_equal(&got.join.anon, &join.join.anon, sizeof(Hash128) * 2);
    assert_int_equal(got.join.id, INT64_MAX);
    assert_int_equal(got.join.time, -5);
    assert_int_equal(got.join.trust, 2);
    round_trip(cx, &unjoin, &got);
    assert_int_equal(got.unjoin.id, 6);
    assert_int_equal(got.unjoin.join, INT64_MIN);
    assert_int_equal(got.unjoin.time, 8);
    round_trip(cx, &flag, &got);
    assert_memory_equal(&got.flag.actor, &flag.flag.actor, sizeof(Hash128));
    assert_int_equal(got.flag.set, 255);
    assert_int_equal(got.flag.clear, 3);
    assert_int_equal(got.flag.time, 11);
}
TEST(the_most_an_event_may_hold_comes_back)
{
    char *text = arena_get(cx->arena, PROP_TEXT_BYTES_MAX);
    Str *list = ARENA_MANY(cx->arena, Str, PROP_LIST_MAX);
    Prop *many = ARENA_MANY(cx->arena, Prop, EVENT_PROPS_MAX);
    assert_true(text && list && many);
    memset(text, 'x', PROP_TEXT_BYTES_MAX);
    for (size_t i = 0; i < PROP_LIST_MAX; i++) list[i] = (Str){ text, i };
    for (size_t i = 0; i < EVENT_PROPS_MAX; i++) {
        many[i].name = (Str){ text, i % PROP_NAME_BYTES_MAX + 1 };
        many[i].kind = i ? PROP_STR : PROP_LIST;
        if (i) many[i].s = (Str){ text, 120 + i % 20 };
        else many[i].list.p = list, many[i].list.n = PROP_LIST_MAX;
    }
    many[9].s.n = PROP_TEXT_BYTES_MAX;
    Entry e = { .kind = ENTRY_EVENT, .event = { .name = { text, EVENT_NAME_BYTES_MAX }, .props = many,
        .n_props = EVENT_PROPS_MAX } };
    size_t n = entry_size(&e), used;
    char *p = arena_raw(cx->arena, n);
    Entry got;
    assert_non_null(p);
    assert_ptr_equal(entry_put(p, &e), p + n);
    ok(entry_get(cx, (Str){ p, n }, &got, &used));
    assert_event(&got.event, &e.event);
}
/* Any byte may be anything: the answer is an entry or IO, and never reads outside (the sanitizer watches the edges). */
/* IO when not every one of them can be read. */
static Status read_all(Cx *cx, Str bytes)
{
    EntryRun run = entry_run(bytes);
    EntryHead h;
    Entry got;
    size_t used;
    while (entry_next(&run, &h)) TRY(entry_get(cx, h.bytes, &got, &used));
    return run.left.n ? ST_IO : ST_OK;
}
TEST(a_damaged_entry_is_an_error_or_another_entry_but_never_a_crash)
{
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 3, .message = { 1, 2 }, .name = S("页面"), .time = 5,
        .received = 9,
        .claimed = 4, .sent = 5, .props = props, .n_props = COUNT(props), .sealed = S("s") } }, got;
    static const uint8_t which[] = { 1, 2, 9, 11 };
    Prop changed[] = { props[0], props[7], props[9], props[4] };
    Event like = { .message = { 3, 4 }, .name = S("y"), .time = 6, .claimed = 7, .sent = 8, .props = changed,
        .n_props = COUNT(changed) };
    Str s = round_trip(cx, &e, &got);
    size_t n = s.n + entry_like_size(&e.event, &like), bad = 0;
    char *both = arena_raw(cx->arena, n), *own = mem_get(n);
    assert_true(both && own);
    memcpy(both, s.p, s.n);
    assert_ptr_equal(entry_like_put(both + s.n, s.n, &e.event, &like, which), both + n);
    ok(read_all(cx, (Str){ both, n }));
    for (size_t i = 0; i < n; i++) {
        for (unsigned b = 0; b < 256; b += 5) {
            Cx each = test_cx();
            memcpy(own, both, n);
            own[i] = (char)b;
            Status st = read_all(&each, (Str){ own, n });
            assert_true(st == ST_OK || st == ST_IO);
            bad += st == ST_IO;
            arena_free(each.arena);
        }
    }
    mem_free(own);
    assert_true(bad > n);
}
TEST(no_memory_for_an_entry_is_said)
{
    Entry e = { .kind = ENTRY_EVENT, .event = { .name = S("x"), .props = props, .n_props = COUNT(props) } }, got;
    Str s = round_trip(cx, &e, &got);
    size_t used;
    long n = 0;
    for (;; n++) {
        fault_arm(FAULT_ALLOC, n);
        Status st = entry_get(cx, s, &got, &used);
        bool fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        if (!fired) break;
        assert_int_equal(st, ST_NO_MEM);
    }
    assert_true(n >= 3);
}
