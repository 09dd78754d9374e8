#include "tests/test.h"
#include "base/limits.h"
#include "flow/ingest_plan.h"
#include "store/events/entry.h"
#include <stdio.h>
#include <string.h>

static uint64_t seed;
static unsigned dice(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}
/* ---- events of any shape ---- */

static void any_value(Buf *b, int depth);
static void any_members(Buf *b, unsigned n, int depth)
{
    static const char *const keys[] = { "title", "price", "n", "email", "$url", "计划", "a", "a.b", "a@b.example", "name",
        "category", "13812345678", "phone", "path", "search", "", "t\\u006fp", "$user_agent" };
    unsigned from = dice(COUNT(keys));
    buf_addc(b, '{');
    for (unsigned i = 0; i < n; i++) {
        if (i) buf_addc(b, ',');
        buf_addc(b, '"');
        buf_addz(b, keys[(from + i) % COUNT(keys)]);
        buf_addz(b, "\":");
        any_value(b, depth + 1);
    }
    buf_addc(b, '}');
}
static void any_value(Buf *b, int depth)
{
    static const char *const plain[] = { "null", "true", "false", "0", "-12", "12.5", "1e3", "9007199254740993", "\"\"",
        "\"The Little Prince\"", "\"mail a@b.example or +8613812345678\"", "\"\\u7559\\u5ba2 🎉\"", "\"x\"", "[]",
        "[1,\"a\",null]", "[{\"a\":1}]" };
    unsigned pick = dice(COUNT(plain) + 3);
    if (pick < COUNT(plain)) buf_addz(b, plain[pick]);
    else if (depth < 6) any_members(b, dice(3), depth);
    else buf_addz(b, "{\"deep\":\"\"}");
}
static void any_context(Buf *b)
{
    buf_addc(b, '{');
    if (dice(2)) buf_addz(b, "\"page\":{\"path\":\"/7\",\"url\":\"https://shop.example/7\",\"title\":\"\"},");
    if (dice(3) == 0) buf_addz(b, "\"page\":{\"path\":7,\"search\":\"?q\",\"referrer\":\"r\"},");
    if (dice(3) == 0) buf_addz(b, "\"campaign\":{\"name\":\"autumn\",\"source\":\"x\",\"o\":{}},");
    if (dice(3) == 0) buf_addz(b, dice(2) ? "\"userAgent\":\"Mozilla/5.0\"," : "\"userAgent\":\"Googlebot/2.1\",");
    if (dice(5) == 0) buf_addz(b, dice(2) ? "\"ip\":\"0.0.0.0\"," : "\"ip\":\"203.0.113.9\",");
    if (dice(3) == 0) buf_addz(b, "\"library\":{\"name\":\"analytics.js\",\"version\":\"1\"},");
    if (dice(4) == 0) buf_addz(b, "\"traits\":{\"email\":\"a@b.example\",\"plan\":\"pro\"},");
    if (dice(4) == 0) buf_addz(b, dice(2) ? "\"consent\":{\"analytics\":true}," : "\"consent\":{\"analytics\":false},");
    if (dice(4) == 0) buf_addz(b, "\"screen\":{\"width\":100,\"more\":{\"even\":{\"more\":1}}},");
    if (dice(9) == 0) buf_addz(b, "\"groupId\":7,");
    buf_addz(b, "\"locale\":");
    buf_addz(b, dice(6) ? "\"zh-CN\"}" : dice(2) ? "null}" : "{\"a\":1}}");
}
static void any_event(Buf *b, unsigned id)
{
    static const char *const types[] = { "track", "track", "track", "page", "screen", "identify", "group", "alias",
        "x" };
    static const char *const names[] = { "Opened", "Closed", " Opened ", "mail a@b.example", "", "计划" };
    char text[64];
    buf_addz(b, "{\"type\":\"");
    buf_addz(b, types[dice(COUNT(types))]);
    if (dice(8)) {
        buf_addz(b, "\",\"event\":\"");
        buf_addz(b, names[dice(COUNT(names))]);
    }
    snprintf(text, sizeof text, "\",\"messageId\":\"m-%u\"", id);
    buf_addz(b, text);
    snprintf(text, sizeof text, dice(20) ? ",\"anonymousId\":\"v-%u\"" : ",\"anonymousId\":\"null\"", dice(9));
    if (dice(9)) buf_addz(b, text);
    if (dice(4) == 0) buf_addz(b, dice(2) ? ",\"userId\":\"u-1\"" : ",\"userId\":77");
    if (dice(2)) buf_addz(b, dice(2) ? ",\"timestamp\":\"2023-11-14T22:13:15.643Z\"" : ",\"timestamp\":1699999999999");
    if (dice(4) == 0) buf_addz(b, ",\"sentAt\":\"2023-11-14T22:13:19Z\",\"channel\":\"browser\"");
    if (dice(9) == 0) buf_addz(b, ",\"name\":\"Home\",\"previousId\":\"p\",\"groupId\":\"g\"");
    buf_addz(b, ",\"properties\":");
    any_members(b, dice(6), 0);
    if (dice(5)) {
        buf_addz(b, ",\"context\":");
        any_context(b);
    }
    buf_addc(b, '}');
}

/* ---- read in both ways ---- */

static bool same_value(const Prop *a, const Prop *b)
{
    switch ((PropKind)a->kind) {
    case PROP_NULL:   return true;
    case PROP_BOOL:   return a->b == b->b;
    case PROP_INT:    return a->i == b->i;
    case PROP_DOUBLE: return memcmp(&a->d, &b->d, 8) == 0;
    case PROP_STR:    return str_eq(a->s, b->s);
    case PROP_LIST:   break;
    }
    for (size_t i = 0; i < a->list.n && a->list.n == b->list.n; i++)
        if (!str_eq(a->list.p[i], b->list.p[i])) return false;
    return a->list.n == b->list.n;
}
static void assert_same(const Event *a, const Event *b)
{
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->trust, b->trust);
    assert_int_equal(a->flags, b->flags);
    assert_memory_equal(&a->actor, &b->actor, sizeof a->actor);
    assert_memory_equal(&a->message, &b->message, sizeof a->message);
    assert_true(str_eq(a->name, b->name));
    assert_true((a->sealed.n > 0) == (b->sealed.n > 0));
    assert_int_equal(a->time, b->time);
    assert_int_equal(a->received, b->received);
    assert_int_equal(a->claimed, b->claimed);
    assert_int_equal(a->sent, b->sent);
    assert_int_equal(a->n_props, b->n_props);
    for (size_t i = 0; i < a->n_props; i++) {
        assert_true(str_eq(a->props[i].name, b->props[i].name) && a->props[i].kind == b->props[i].kind);
        assert_true(same_value(a->props + i, b->props + i));
    }
}
typedef struct World { Keys *keys; Source source; IngestPlans *plans; size_t like, whole, refused, dropped; } World;
static Entry entry_at(Cx *cx, const Batch *b, size_t i)
{
    Entry e;
    size_t used;
    size_t end = i + 1 < b->n_items ? b->items[i + 1].at : b->n;
    ok(entry_get(cx, (Str){ b->p + b->items[i].at, end - b->items[i].at }, &e, &used));
    assert_int_equal(used, end - b->items[i].at);
    return e;
}
/* What the batch holds from entry `from` on is what the plain way makes of the event. */
static void check_one(Cx *cx, World *w, IngestEnvelope *env, const JsonNode *node, Batch *b)
{
    IngestRead plain;
    IngestAdded added;
    size_t from = b->n_items;
    Status want = ingest_event_read(cx, env, node, &plain);
    Why why = cx->why;
    Status st = ingest_plan_add(cx, w->plans, env, node, b, &added);
    assert_int_equal(st, want);
    if (st != ST_OK) {
        assert_true(st == ST_INVALID && !added.whole);
        assert_int_equal(cx->why.msg, why.msg);
        assert_string_equal(cx->why.field, why.field);
        assert_int_equal(b->n_items, from);
        w->refused++;
        return;
    }
    assert_int_equal(added.n, plain.n);
    assert_int_equal(b->n_items, from + plain.n);
    w->dropped += plain.n == 0;
    for (size_t i = 0; i < plain.n; i++) {
        Entry got = entry_at(cx, b, from + i);
        assert_int_equal(got.kind, plain.entries[i].kind);
        if (got.kind != ENTRY_EVENT) continue;
        assert_same(&got.event, &plain.entries[i].event);
        assert_memory_equal(&b->items[from + i].message, &got.event.message, sizeof(Hash128));
        bool like = b->whole_at[b->items[from + i].model] != b->items[from + i].at;
        w->like += like, w->whole += !like;
        if (added.sealed) env->addr = (Str){ 0 };
    }
}
/* One call of n events, made of few seeds so that shapes come again. */
static void one_call(Cx *cx, World *w, IngestEnvelope env, unsigned n, unsigned shapes, uint64_t salt)
{
    Cx own = test_cx();
    Buf b = buf_new(own.arena, 1 << 20);
    const JsonNode *body;
    Batch batch;
    buf_addc(&b, '[');
    for (unsigned i = 0; i < n; i++) {
        if (i) buf_addc(&b, ',');
        uint64_t kept = seed;
        seed = salt + kept % shapes;
        for (int k = 0; k < 3; k++) (void)dice(2);
        any_event(&b, i);
        seed = kept;
        (void)dice(2);
    }
    buf_addc(&b, ']');
    ok(json_parse(&own, buf_str(&b), &body));
    env.text = b.p;
    env.bytes = b.n;
    ingest_plan_begin(w->plans);
    ok(batch_start(&own, n, 0, &batch));
    const JsonNode *e = json_first(body);
    for (unsigned i = 0; i < n; i++, e = json_next(e)) check_one(&own, w, &env, e, &batch);
    arena_free(own.arena);
    (void)cx;
}
static void world_open(Cx *cx, World *w)
{
    const char *path;
    Str recovery;
    ok(crypto_start(cx));
    ok(fs_path(cx, test_dir(), "key", "", &path));
    *w = (World){ .source = { .id = 7, .number = 3, .consent = CONSENT_OFF } };
    ok(keys_open(cx, path, true, &w->keys, &recovery));
    w->plans = ingest_plan_new();
    assert_non_null(w->plans);
}
static void world_close(World *w)
{
    ingest_plan_free(w->plans);
    keys_close(w->keys);
}
TEST(what_an_event_becomes_does_not_depend_on_what_came_before_it)
{
    World w;
    world_open(cx, &w);
    for (unsigned round = 0; round < 400; round++) {
        bool secret = dice(2);
        IngestEnvelope env = { .keys = w.keys, .source = &w.source, .trust = secret ? TRUST_SECRET : TRUST_PUBLIC,
            .type = dice(3) ? S("") : S("page"), .sent = dice(2) ? INT64_C(1700000000000) : 0,
            .user_agent = dice(3) ? S("Mozilla/5.0") : S("a spider") };
        if (!secret && dice(4)) env.addr = S("203.0.113.9"), env.subnet = S("203.0.113.0");
        w.source.consent = dice(4) ? CONSENT_OFF : CONSENT_ASK;
        one_call(cx, &w, env, 1 + dice(40), 1 + dice(12), round / 8);
    }
    world_close(&w);
    print_message("  %zu like another, %zu whole, %zu refused, %zu dropped\n", w.like, w.whole, w.refused, w.dropped);
    assert_true(w.like > 500 && w.whole > 1000 && w.refused > 100 && w.dropped > 10);
}
TEST(a_plan_sees_every_change_of_shape)
{
#define LIKE(type, rest) "{\"type\":\"" type "\",\"event\":" rest "}"
    static const char *const events[] = {
        LIKE("track", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1,\"b\":\"t\",\"o\":{\"c\":true}}"),
        LIKE("track", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1,\"b\":\"t\",\"o\":{\"d\":true}}"),
        LIKE("track", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1,\"b\":\"t\",\"o\":{}}"),
        LIKE("track", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1,\"b\":\"t\",\"o\":[]}"),
        LIKE("track", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1,\"b\":null,\"o\":{\"c\":true}}"),
        LIKE("track", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1,\"b\":\"\",\"o\":{\"c\":true}}"),
        LIKE("track", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1.5,\"b\":\"s\",\"o\":{\"c\":false}}"),
        LIKE("track", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1,\"b\":\"t\",\"o\":{\"c\":true}},\"z\":1"),
        LIKE("screen", "\"x\",\"userId\":\"u\",\"properties\":{\"a\":1,\"b\":\"t\",\"o\":{\"c\":true}}"),
        LIKE("track", "\"y\",\"userId\":12,\"properties\":{\"a\":1,\"b\":\"t\",\"o\":{\"c\":true}}"),
        LIKE("track", "\"y\",\"userId\":\"null\",\"properties\":{\"a\":1,\"b\":\"t\",\"o\":{\"c\":true}}"),
        LIKE("track", "\"y\",\"userId\":\"u\",\"properties\":{\"a\":1,\"a\":\"t\",\"o\":{\"c\":true}}"),
        "{}", "7", "[]", "\"track\"", "null",
    };
#undef LIKE
    World w;
    world_open(cx, &w);
    Buf b = buf_new(cx->arena, 1 << 20);
    const JsonNode *body;
    Batch batch;
    unsigned n = 600;
    buf_addc(&b, '[');
    for (unsigned i = 0; i < n; i++) {
        if (i) buf_addc(&b, ',');
        buf_addz(&b, events[dice(COUNT(events))]);
    }
    buf_addc(&b, ']');
    ok(json_parse(cx, buf_str(&b), &body));
    IngestEnvelope env = { .keys = w.keys, .source = &w.source, .trust = TRUST_SECRET, .text = b.p, .bytes = b.n };
    ingest_plan_begin(w.plans);
    ok(batch_start(cx, n, 0, &batch));
    const JsonNode *e = json_first(body);
    for (unsigned i = 0; i < n; i++, e = json_next(e)) check_one(cx, &w, &env, e, &batch);
    world_close(&w);
    assert_true(w.like > 200);
}
TEST(too_long_a_value_is_refused_by_a_plan_as_without_one)
{
    World w;
    world_open(cx, &w);
    Buf b = buf_new(cx->arena, 1 << 20);
    const JsonNode *body;
    Batch batch;
    buf_addc(&b, '[');
    for (size_t i = 0; i < 8; i++) {
        buf_addz(&b, i ? ",{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\",\"properties\":{\"a\":\""
                       : "{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\",\"properties\":{\"a\":\"");
        for (size_t k = 0; k < PROP_TEXT_BYTES_MAX - 4 + i; k++) buf_addc(&b, 'x');
        buf_addz(&b, "\"}}");
    }
    buf_addc(&b, ']');
    ok(json_parse(cx, buf_str(&b), &body));
    IngestEnvelope env = { .keys = w.keys, .source = &w.source, .trust = TRUST_SECRET, .text = b.p, .bytes = b.n };
    ingest_plan_begin(w.plans);
    ok(batch_start(cx, 8, 0, &batch));
    const JsonNode *e = json_first(body);
    for (unsigned i = 0; i < 8; i++, e = json_next(e)) check_one(cx, &w, &env, e, &batch);
    world_close(&w);
    assert_int_equal(w.refused, 3);
    assert_true(w.like >= 2);
}
