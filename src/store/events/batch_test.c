#include "tests/test.h"
#include "base/limits.h"
#include "store/events/batch.h"
#include "store/events/entry.h"
#include <string.h>

static uint64_t seed;
static uint64_t dice(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % n;
}
static const Str words[] = { S_INIT(""), S_INIT("a"), S_INIT("留客 🎉"),
    S_INIT("https://shop.example/book/7?q=%E4%B9%A6") };
static Prop any_value(Str name)
{
    Prop p = { .name = name, .kind = (uint8_t)dice(PROP_LIST + 1) };
    switch ((PropKind)p.kind) {
    case PROP_NULL:   break;
    case PROP_BOOL:   p.b = dice(2); break;
    case PROP_INT:    p.i = dice(3) ? (int64_t)dice(1000) - 500 : INT64_MIN; break;
    case PROP_DOUBLE: p.d = (double)dice(1000) / 8; break;
    case PROP_STR:    p.s = words[dice(COUNT(words))]; break;
    case PROP_LIST:
        p.list.p = words;
        p.list.n = dice(COUNT(words) + 1);
        break;
    }
    return p;
}
static bool same_prop(const Prop *a, const Prop *b)
{
    Entry x = { .kind = ENTRY_EVENT, .event = { .props = a, .n_props = 1 } }, y = x;
    y.event.props = b;
    char p[2000], q[2000];
    size_t n = entry_size(&x);
    return n == entry_size(&y) && n < sizeof p && entry_put(p, &x) == p + n && entry_put(q, &y) == q + n &&
        memcmp(p, q, n) == 0;
}
static void assert_same(const Event *a, const Event *b)
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
enum { PROPS = 20, EVENTS = 60 };
static const Str prop_names[PROPS] = { S_INIT("a"), S_INIT("b"), S_INIT("c"), S_INIT("d"), S_INIT("e"), S_INIT("f"),
    S_INIT("g"), S_INIT("h"), S_INIT("价格"), S_INIT("j"), S_INIT("k"), S_INIT("l"), S_INIT("m"), S_INIT("n"),
    S_INIT("o"), S_INIT("p"), S_INIT("q"), S_INIT("r"), S_INIT("s"), S_INIT("t") };
static int64_t any_time(void) { return dice(4) ? 1700000000000 + (int64_t)dice(100000) : dice(2) ? 0 : INT64_MIN; }
static Event any_event(Cx *cx, size_t n_props)
{
    Prop *props = arena_get(cx->arena, (n_props + 1) * sizeof *props);
    for (size_t i = 0; i < n_props; i++) props[i] = any_value(prop_names[i]);
    Event e = { .source = (uint16_t)dice(9), .trust = (uint8_t)dice(3), .flags = (uint8_t)dice(8),
        .actor = { dice(99), dice(99) }, .message = { dice(3), dice(3) }, .name = words[dice(COUNT(words))],
        .time = any_time(), .received = 1700000000000, .claimed = any_time(), .sent = any_time(),
        .props = props, .n_props = n_props };
    if (dice(3) == 0) e.claimed = e.time;
    if (dice(3) == 0) e.sealed = S("sealed");
    return e;
}
/* The event that is told, as one like model with some values changed: all of it in *ret, the differences in *told. */
static void any_like(Cx *cx, const Event *model, Event *ret, Event *told, uint8_t which[PROPS])
{
    Event other = any_event(cx, model->n_props);
    Prop *all = arena_get(cx->arena, (model->n_props + 1) * sizeof *all);
    Prop *changed = arena_get(cx->arena, (model->n_props + 1) * sizeof *changed);
    size_t n = 0;
    uint64_t often = dice(4);
    for (size_t i = 0; i < model->n_props; i++) {
        bool differs = often && dice(often) == 0;
        all[i] = differs ? other.props[i] : model->props[i];
        if (differs) which[n] = (uint8_t)i, changed[n++] = all[i];
    }
    *ret = other;
    ret->source = model->source;
    ret->trust = model->trust;
    ret->flags = model->flags;
    ret->sealed = (Str){ 0 };
    ret->props = all;
    *told = *ret;
    told->props = changed;
    told->n_props = n;
}
/* Random events, some whole and some like an earlier one; what was meant, in order. */
static void any_batch(Cx *cx, Batch *b, Event want[EVENTS])
{
    uint32_t models[EVENTS];
    size_t n_models = 0;
    ok(batch_start(cx, dice(EVENTS), dice(5000), b));
    for (size_t i = 0; i < EVENTS; i++) {
        uint8_t which[PROPS];
        Event told;
        if (n_models == 0 || dice(4) == 0) {
            want[i] = any_event(cx, dice(PROPS + 1));
            ok(batch_add(cx, b, &(Entry){ .kind = ENTRY_EVENT, .event = want[i] }, &models[n_models++]));
            continue;
        }
        uint32_t m = models[dice(n_models)];
        any_like(cx, &b->whole[m].event, &want[i], &told, which);
        ok(batch_like(cx, b, m, &told, which));
    }
}
TEST(events_told_by_their_differences_come_back_whole)
{
    for (seed = 1; seed < 200; seed++) {
        Cx own = test_cx();
        Event want[EVENTS];
        Batch b;
        uint64_t from = seed;
        any_batch(&own, &b, want);
        EntryRun run = entry_run((Str){ b.p, b.n });
        for (size_t i = 0; i < EVENTS; i++) {
            EntryHead h;
            Entry got;
            size_t used;
            assert_int_equal(b.items[i].at, run.before);
            assert_true(entry_next(&run, &h));
            ok(entry_get(&own, h.bytes, &got, &used));
            assert_int_equal(used, h.size);
            assert_same(&got.event, &want[i]);
        }
        assert_int_equal(run.left.n, 0);
        arena_free(own.arena);
        seed = from;
    }
}
TEST(a_cut_or_moved_entry_like_another_is_found_damaged)
{
    Prop p = { .name = S("p"), .kind = PROP_STR, .s = S("one") }, q = { .kind = PROP_STR, .s = S("two") };
    Event e = { .source = 1, .name = S("x"), .received = 5, .time = 5, .props = &p, .n_props = 1 }, like = e;
    Batch b;
    EntryHead h;
    uint32_t m;
    like.props = &q;
    ok(batch_start(cx, 2, 0, &b));
    ok(batch_add(cx, &b, &(Entry){ .kind = ENTRY_EVENT, .event = e }, &m));
    ok(batch_like(cx, &b, m, &like, (uint8_t[]){ 0 }));
    size_t at = b.items[1].at;
    for (size_t n = at; n < b.n; n++) {
        EntryRun run = { .left = { b.p + at, n - at }, .before = at };
        assert_false(entry_next(&run, &h));
    }
    for (size_t back = 0; back < 300; back++) {
        entry_like_move(b.p + at, back);
        EntryRun run = { .left = { b.p + at, b.n - at }, .before = at };
        assert_int_equal(entry_next(&run, &h), back == at);
    }
    entry_like_move(b.p + at, at);
    EntryRun alone = entry_run((Str){ b.p + at, b.n - at });      /* its model is not before it */
    assert_false(entry_next(&alone, &h));
    entry_form(b.p);
    EntryRun run = entry_run((Str){ b.p, b.n });
    assert_true(entry_next(&run, &h) && h.kind == ENTRY_FORM);
    assert_true(entry_next(&run, &h) && h.kind == ENTRY_EVENT && h.event.n_props == 1);
}
TEST(a_batch_has_its_limits)
{
    Event e = { .source = 1, .name = S("x"), .sealed = { arena_get(cx->arena, LOG_FRAME_MAX), LOG_FRAME_MAX } };
    Entry entry = { .kind = ENTRY_EVENT, .event = e };
    Batch b;
    assert_non_null(e.sealed.p);
    ok(batch_start(cx, 1, 0, &b));
    assert_int_equal(batch_add(cx, &b, &entry, NULL), ST_INVALID);
    entry.event.sealed.n -= entry_size(&entry) - LOG_FRAME_MAX;
    ok(batch_add(cx, &b, &entry, NULL));
    assert_int_equal(b.n, LOG_FRAME_MAX);
    assert_int_equal(batch_like(cx, &b, 0, &(Event){ .name = S("x") }, NULL), ST_INVALID);
    ok(batch_start(cx, 1, 0, &b));
    Prop props[EVENT_PROPS_MAX + 1] = { 0 };
    entry.event = (Event){ .props = props, .n_props = EVENT_PROPS_MAX + 1 };
    assert_int_equal(batch_add(cx, &b, &entry, NULL), ST_INVALID);
    assert_int_equal(batch_add(cx, &b, &(Entry){ .kind = ENTRY_FORM }, NULL), ST_BUG);
    assert_int_equal(b.n_items, 0);
}
