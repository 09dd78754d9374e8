#include "domain/audience/audience_saved.h"
#include "base/id.h"
#include "base/limits.h"
#include "store/events/state_rig_test.h"
#include "tests/records_world.h"
#include <stdio.h>

static AudienceScope scope(Cx *cx)
{
    AudienceScope s = { .week_start = 1 };
    ok(zone_get(cx, S("Asia/Shanghai"), &s.zone));
    return s;
}
static void bad(Cx *cx, AudienceSpeaks speaks, const char *json, const char *field, const char *code)
{
    AudienceScope s = scope(cx);
    const Audience *a;
    Status st = audience_parse(cx, &s, str_z(json), "filter", speaks, &a);
    bool same = st == ST_INVALID && strcmp(cx->why.field, field) == 0 && strcmp(msg_code(cx->why.msg), code) == 0;
    if (!same) print_error("%s\n%s %s [%s] %s\n", json, status_name(st), msg_code(cx->why.msg), cx->why.field,
        cx->why.log);
    assert_true(same);
}
static const Audience *good(Cx *cx, AudienceSpeaks speaks, const char *json)
{
    AudienceScope s = scope(cx);
    const Audience *a;
    Status st = audience_parse(cx, &s, str_z(json), "filter", speaks, &a);
    if (st != ST_OK) print_error("%s\n", json);
    ok(st);
    return a;
}
TEST(what_is_wrong_in_an_expression_is_named_by_its_path)
{
    static const struct { const char *json, *field, *code; } table[] = {
        { "7", "filter", "wrong_type" },
        { "{}", "filter", "not_one_of" },
        { "{\"dud\":{}}", "filter.dud", "not_one_of" },
        { "{\"all\":[{\"any\":[]}]}", "filter.all[0].any", "too_few" },
        { "{\"all\":{}}", "filter.all", "wrong_type" },
        { "{\"all\":[],\"any\":[]}", "filter.any", "unknown_field" },
        { "{\"all\":[],\"all\":[]}", "filter.all", "duplicate_field" },
        { "{\"not\":[]}", "filter.not", "wrong_type" },
        { "{\"all\":[{\"trait\":\"a\",\"op\":\"set\"},{\"did\":{\"times\":{\"ge\":\"3\"}}}]}",
            "filter.all[1].did.times.ge", "wrong_type" },
        { "[{\"trait\":\"a\",\"op\":\"set\"},{\"did\":{\"times\":{\"ge\":-1}}}]", "filter[1].did.times.ge",
            "out_of_range" },
        { "{\"did\":{\"times\":{}}}", "filter.did.times", "not_one_of" },
        { "{\"did\":{\"times\":{\"ge\":3,\"eq\":3}}}", "filter.did.times.ge", "audience_exclude" },
        { "{\"did\":{\"times\":{\"ge\":3,\"le\":2}}}", "filter.did.times.le", "out_of_range" },
        { "{\"did\":{\"within\":30}}", "filter.did.within", "audience_span" },
        { "{\"did\":{\"within\":[30,\"month\"]}}", "filter.did.within", "audience_span" },
        { "{\"did\":{\"within\":[0,\"day\"]}}", "filter.did.within[0]", "out_of_range" },
        { "{\"did\":{\"within\":[3661,\"day\"]}}", "filter.did.within[0]", "out_of_range" },
        { "{\"did\":{\"within\":[3,\"day\"],\"calendar\":[3,\"day\"]}}", "filter.did.calendar", "audience_exclude" },
        { "{\"did\":{\"within\":[3,\"day\"],\"before\":[72,\"hour\"]}}", "filter.did.before", "empty_range" },
        { "{\"did\":{\"from\":\"2026-02-01\",\"to\":\"2026-02-01\"}}", "filter.did.to", "empty_range" },
        { "{\"did\":{\"from\":\"yesterday\"}}", "filter.did.from", "bad_time" },
        { "{\"did\":{\"sum\":{\"ge\":1}}}", "filter.did.sum.prop", "required" },
        { "{\"did\":{\"sum\":{\"prop\":\"p\"}}}", "filter.did.sum", "not_one_of" },
        { "{\"did\":{\"since\":{}}}", "filter.did.since", "not_one_of" },
        { "{\"did\":{\"where\":{\"trait\":\"a\",\"op\":\"set\"}}}", "filter.did.where.trait", "audience_of_events" },
        { "{\"did\":{\"where\":[{\"prop\":\"a\",\"op\":\"is\",\"value\":[1]}]}}", "filter.did.where[0].value",
            "wrong_type" },
        { "{\"did\":{\"where\":{\"any\":[{\"prop\":\"a\",\"op\":\"near\"}]}}}", "filter.did.where.any[0].op",
            "not_one_of" },
        { "{\"did\":{\"what\":1}}", "filter.did.what", "unknown_field" },
        { "{\"prop\":\"a\",\"op\":\"set\"}", "filter.prop", "audience_of_people" },
        { "{\"trait\":\"a\",\"op\":\"lt\",\"value\":true}", "filter.value", "wrong_type" },
        { "{\"trait\":\"a\",\"op\":\"contains\",\"value\":1}", "filter.value", "wrong_type" },
        { "{\"trait\":\"a\",\"op\":\"set\",\"value\":1}", "filter.value", "audience_no_value" },
        { "{\"trait\":\"a\",\"op\":\"gt\"}", "filter.value", "required" },
        { "{\"trait\":\"a\",\"op\":\"in\",\"value\":[]}", "filter.value", "too_few" },
        { "{\"trait\":\"a\",\"op\":\"in\",\"value\":[\"x\",2]}", "filter.value[1]", "wrong_type" },
        { "{\"trait\":\"\",\"op\":\"set\"}", "filter.trait", "too_short" },
        { "{\"trait\":\"a\"}", "filter.op", "required" },
        { "{\"trait\":\"a\",\"op\":\"set\",\"who\":1}", "filter.who", "unknown_field" },
        { "{\"flag\":\"erased\"}", "filter.flag", "not_one_of" },
        { "{\"in\":\"per_0000000000000\"}", "filter.in", "bad_id" },
        { "{\"in\":\"seg_0000000000001\"}", "filter.in", "segment_unknown" },
        { "{\"in\":[\"seg_0000000000001\"]}", "filter.in", "wrong_type" },
        { "{\"first_seen\":{\"event\":\"a\"}}", "filter.first_seen.event", "unknown_field" },
        { "{\"sequence\":{\"steps\":[{}]}}", "filter.sequence.steps", "too_few" },
        { "{\"sequence\":{\"steps\":[{},{},{},{},{},{},{},{},{}]}}", "filter.sequence.steps", "too_many" },
        { "{\"sequence\":{\"steps\":[{},{\"event\":\"\"}]}}", "filter.sequence.steps[1].event", "too_short" },
        { "{\"silent\":{}}", "filter.silent.usual", "required" },
        { "{\"silent\":{\"usual\":0.5}}", "filter.silent.usual", "out_of_range" },
        { "{\"silent\":{\"usual\":2,\"at_least\":\"7\"}}", "filter.silent.at_least", "audience_span" },
    };
    for (size_t i = 0; i < COUNT(table); i++)
        bad(cx, AUDIENCE_OF_PEOPLE, table[i].json, table[i].field, table[i].code);
    bad(cx, AUDIENCE_OF_EVENTS, "[{\"did\":{}}]", "filter[0].did", "audience_of_events");
}
TEST(the_examples_of_the_guide_are_good)
{
    static const char *const people[] = {
        "{\"all\":[{\"trait\":\"plan\",\"op\":\"is\",\"value\":\"pro\"},{\"did\":{\"event\":\"Purchase\","
            "\"times\":{\"ge\":3},\"within\":[30,\"day\"]}}]}",
        "[]", "{\"all\":[]}", "{\"first_seen\":{\"within\":[7,\"day\"]}}", "{\"last_seen\":{\"before\":[30,\"day\"]}}",
        "{\"flag\":\"staff\"}", "{\"trait\":\"plan\",\"op\":\"is\",\"value\":null}",
        "{\"did\":{\"event\":\"Purchase\",\"where\":{\"prop\":\"price\",\"op\":\"ge\",\"value\":100},\"times\":"
            "{\"ge\":2},\"within\":[90,\"day\"]}}",
        "{\"did\":{\"event\":\"Purchase\",\"sum\":{\"prop\":\"price\",\"ge\":1000},\"since\":{\"last\":{\"event\":"
            "\"Trial Started\"}}}}",
        "{\"first\":{\"event\":\"Signed Up\",\"calendar\":[1,\"week\"]}}",
        "{\"sequence\":{\"steps\":[{\"event\":\"View\"},{\"event\":\"Cart\"},{\"event\":\"Purchase\"}],\"span\":"
            "[1,\"day\"],\"within\":[30,\"day\"]}}",
        "{\"silent\":{\"usual\":3,\"at_least\":[7,\"day\"]}}",
        "{\"last\":{\"event\":\"Visit\",\"within\":[60,\"day\"],\"before\":[30,\"day\"]}}",
        "{\"did\":{\"from\":\"2026-11-01\",\"to\":\"2026-12-01\",\"days\":{\"ge\":3}}}",
    };
    for (size_t i = 0; i < COUNT(people); i++) (void)good(cx, AUDIENCE_OF_PEOPLE, people[i]);
    (void)good(cx, AUDIENCE_OF_EVENTS, "{\"any\":[{\"prop\":\"country\",\"op\":\"in\",\"value\":[\"CN\",\"SG\"]},"
        "{\"prop\":\"price\",\"op\":\"gt\",\"value\":100}]}");
    assert_true(audience_timed(good(cx, AUDIENCE_OF_PEOPLE, "{\"not\":{\"did\":{\"within\":[1,\"day\"]}}}")));
    assert_false(audience_timed(good(cx, AUDIENCE_OF_PEOPLE, "{\"did\":{\"from\":\"2026-11-01\"}}")));
}
static void nested(char *to, size_t size, int depth)
{
    size_t n = 0;
    for (int i = 1; i < depth; i++) n += (size_t)snprintf(to + n, size - n, "{\"not\":");
    n += (size_t)snprintf(to + n, size - n, "{\"all\":[]}");
    for (int i = 1; i < depth; i++) n += (size_t)snprintf(to + n, size - n, "}");
}
TEST(depth_terms_values_and_text_have_limits)
{
    static char text[AUDIENCE_TEXT_MAX + 20];
    nested(text, sizeof text, AUDIENCE_DEPTH_MAX);
    (void)good(cx, AUDIENCE_OF_PEOPLE, text);
    nested(text, sizeof text, AUDIENCE_DEPTH_MAX + 1);
    bad(cx, AUDIENCE_OF_PEOPLE, text, "filter.not.not.not.not.not.not.not.not.not.not", "too_deep");
    for (int more = 0; more < 2; more++) {
        size_t n = (size_t)snprintf(text, sizeof text, "[{\"all\":[]}");
        for (int i = 1; i < AUDIENCE_TERMS_MAX + more; i++) n += (size_t)snprintf(text + n, sizeof text - n,
            ",{\"all\":[]}");
        snprintf(text + n, sizeof text - n, "]");
        if (more) bad(cx, AUDIENCE_OF_PEOPLE, text, "filter", "too_many");
        else (void)good(cx, AUDIENCE_OF_PEOPLE, text);
    }
    memset(text, ' ', sizeof text);
    text[sizeof text - 1] = 0;
    bad(cx, AUDIENCE_OF_PEOPLE, text, "filter", "too_large");
}

/* ---- a small world of people ---- */

static void event(Cx *cx, Rig *r, uint64_t actor, const char *name, int64_t time, const char *plan)
{
    Prop p = { .name = S("plan"), .kind = PROP_STR, .s = str_z(plan) };
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .actor = rig_key(actor),
        .time = time, .received = time, .name = str_z(name), .props = &p, .n_props = plan ? 1 : 0 } };
    rig_append(cx, r, &e, 1);
}
static uint32_t root_of(const Snapshot *snap, uint64_t actor)
{
    uint32_t n;
    assert_true(snapshot_actor(snap, rig_key(actor), &n));
    return joins_root(snap->people, n);
}
static bool holds(Cx *cx, const Snapshot *snap, const char *json, int64_t now)
{
    PeopleSet all;
    bool one;
    const Audience *a = good(cx, AUDIENCE_OF_PEOPLE, json);
    ok(audience_person(cx, snap, a, now, root_of(snap, 1), &one));
    ok(audience_everyone(cx, snap, a, now, NULL, &all));
    assert_int_equal(people_set_has(&all, root_of(snap, 1)), one);
    people_set_done(&all);
    return one;
}
TEST(a_window_s_borders_are_where_the_guide_says)
{
    const int64_t hour = 3600000, t = INT64_C(1704038400000);     /* midnight, 2024-01-01 in Shanghai */
    Rig r;
    Snapshot s;
    rig_open(cx, &r, test_dir());
    event(cx, &r, 1, "open", t, NULL);
    ok(snapshot_take(cx, r.s, &s));
    assert_false(holds(cx, &s, "{\"did\":{}}", t - 1));
    assert_true(holds(cx, &s, "{\"did\":{}}", t));
    assert_true(holds(cx, &s, "{\"did\":{\"within\":[60,\"minute\"]}}", t + hour - 1));
    assert_false(holds(cx, &s, "{\"did\":{\"within\":[60,\"minute\"]}}", t + hour));
    assert_false(holds(cx, &s, "{\"did\":{\"before\":[1,\"hour\"]}}", t + hour - 1));
    assert_true(holds(cx, &s, "{\"did\":{\"before\":[1,\"hour\"]}}", t + hour));
    assert_true(holds(cx, &s, "{\"did\":{\"calendar\":[1,\"day\"]}}", t + 24 * hour - 1));
    assert_false(holds(cx, &s, "{\"did\":{\"calendar\":[1,\"day\"]}}", t + 24 * hour));
    assert_true(holds(cx, &s, "{\"did\":{\"calendar\":[2,\"day\"]}}", t + 24 * hour));
    assert_true(holds(cx, &s, "{\"did\":{\"calendar\":[1,\"month\"]}}", t + 31 * 24 * hour - 1));
    assert_false(holds(cx, &s, "{\"did\":{\"calendar\":[1,\"month\"]}}", t + 31 * 24 * hour));
    assert_true(holds(cx, &s, "{\"did\":{\"from\":\"2024-01-01\"}}", t));
    assert_false(holds(cx, &s, "{\"did\":{\"to\":\"2024-01-01\"}}", t));
    assert_true(holds(cx, &s, "{\"did\":{\"to\":\"2024-01-01T00:00:00.001\"}}", t));
    snapshot_done(cx, &s);
    rig_done(&r);
}
TEST(a_filter_is_split_into_who_and_where)
{
    Rig r;
    Snapshot snap;
    AudienceFilter f;
    rig_open(cx, &r, test_dir());
    event(cx, &r, 1, "$identify", 1000, "pro");
    event(cx, &r, 2, "$identify", 1000, "free");
    event(cx, &r, 3, "open", 1000, "pro");
    ok(snapshot_take(cx, r.s, &snap));
    ok(audience_filter(cx, &snap, good(cx, AUDIENCE_OF_BOTH, "[{\"trait\":\"plan\",\"op\":\"is\",\"value\":\"pro\"}]"),
        9000, NULL, &f));
    assert_null(f.where);
    assert_true(people_set_has(f.who, root_of(&snap, 1)));
    assert_int_equal(people_set_count(f.who), 1);
    audience_filter_done(&f);
    ok(audience_filter(cx, &snap, good(cx, AUDIENCE_OF_BOTH, "[{\"trait\":\"plan\",\"op\":\"is\",\"value\":\"pro\"},"
        "{\"prop\":\"a\",\"op\":\"set\"}]"), 9000, NULL, &f));
    assert_int_equal(f.where->n, 1);
    assert_int_equal(f.where->kids[0].kind, WHERE_PRED);
    assert_int_equal(people_set_count(f.who), 1);
    audience_filter_done(&f);
    ok(audience_filter(cx, &snap, good(cx, AUDIENCE_OF_BOTH, "{\"any\":[{\"trait\":\"plan\",\"op\":\"is\",\"value\":"
        "\"pro\"},{\"not\":{\"prop\":\"a\",\"op\":\"set\"}}]}"), 9000, NULL, &f));
    assert_null(f.who);
    assert_int_equal(f.where->kids[0].kind, WHERE_ANY);
    assert_int_equal(f.where->kids[0].kids[0].kind, WHERE_PEOPLE);
    assert_int_equal(people_set_count(f.where->kids[0].kids[0].people), 1);
    audience_filter_done(&f);
    ok(audience_filter(cx, &snap, good(cx, AUDIENCE_OF_EVENTS, "[]"), 9000, NULL, &f));
    assert_null(f.who);
    assert_null(f.where);
    audience_filter_done(&f);
    snapshot_done(cx, &snap);
    rig_done(&r);
}
/* A noun of the test's own: people whose number is even. */
typedef struct EvenIn { int64_t by; } EvenIn;
static const Field even_fields[] = { FIELD(EvenIn, by, F_I64, .required = true, .min = 1, .max = 9) };
static const Shape even_shape = SHAPE("even", EvenIn, even_fields);
static Status even_everyone(Cx *cx, const Snapshot *snap, const void *in, int64_t now, PeopleSet *ret)
{
    (void)cx, (void)snap, (void)now;
    for (uint32_t i = 0; i < ret->n; i++) if (i % (uint32_t)((const EvenIn *)in)->by == 0) people_set_add(ret, i);
    return ST_OK;
}
static Status even_person(Cx *cx, const Snapshot *snap, const void *in, int64_t now, uint32_t root, bool *ret)
{
    (void)cx, (void)snap, (void)now;
    *ret = root % (uint32_t)((const EvenIn *)in)->by == 0;
    return ST_OK;
}
TEST(another_noun_adds_a_term)
{
    static const AudienceTerm term = { "even", &even_shape, true, even_everyone, even_person };
    AudienceScope s = scope(cx);
    const Audience *a;
    Rig r;
    Snapshot snap;
    PeopleSet all;
    bool one;
    s.terms = &term, s.n_terms = 1;
    assert_int_equal(audience_parse(cx, &s, S("[{\"even\":{\"by\":10}}]"), "e", AUDIENCE_OF_PEOPLE, &a), ST_INVALID);
    assert_string_equal(cx->why.field, "e[0].even.by");
    ok(audience_parse(cx, &s, S("{\"not\":{\"even\":{\"by\":2}}}"), "e", AUDIENCE_OF_PEOPLE, &a));
    assert_true(audience_timed(a));
    rig_open(cx, &r, test_dir());
    for (uint64_t i = 0; i < 5; i++) event(cx, &r, i, "open", 1000, NULL);
    ok(snapshot_take(cx, r.s, &snap));
    ok(audience_everyone(cx, &snap, a, 9000, NULL, &all));
    for (uint32_t i = 0; i < 5; i++) {
        ok(audience_person(cx, &snap, a, 9000, i, &one));
        assert_int_equal(one, i % 2);
        assert_int_equal(people_set_has(&all, i), i % 2);
    }
    people_set_done(&all);
    snapshot_done(cx, &snap);
    rig_done(&r);
}

#ifdef LIUKE_FAULT
static Status all_of_it(Cx *cx, const Snapshot *snap)
{
    static const char text[] = "[{\"trait\":\"plan\",\"op\":\"is_not\",\"value\":\"x\"},{\"any\":[{\"did\":"
        "{\"where\":{\"prop\":\"plan\",\"op\":\"set\"},\"sum\":{\"prop\":\"plan\",\"ge\":0}}},"
        "{\"prop\":\"plan\",\"op\":\"set\"}]}]";
    AudienceScope s = { .week_start = 1 };
    AudienceFilter f;
    const Audience *a;
    PeopleSet all;
    bool one;
    TRY(zone_get(cx, S("Asia/Shanghai"), &s.zone));
    TRY(audience_parse(cx, &s, S("{\"not\":{\"did\":{\"within\":[1,\"day\"],\"where\":{\"prop\":\"plan\",\"op\":"
        "\"set\"}}}}"), "e", AUDIENCE_OF_PEOPLE, &a));
    TRY(audience_everyone(cx, snap, a, 9000, NULL, &all));
    people_set_done(&all);
    TRY(audience_parse(cx, &s, (Str){ text, sizeof text - 1 }, "e", AUDIENCE_OF_BOTH, &a));
    TRY(audience_filter(cx, snap, a, 9000, NULL, &f));
    audience_filter_done(&f);
    TRY(audience_parse(cx, &s, S("[{\"trait\":\"plan\",\"op\":\"is\",\"value\":\"pro\"},{\"did\":{}}]"), "e",
        AUDIENCE_OF_PEOPLE, &a));
    return audience_person(cx, snap, a, 9000, root_of(snap, 1), &one);
}
TEST(memory_that_is_not_there_is_said_and_nothing_is_lost)
{
    Rig r;
    Snapshot snap;
    bool fired = true;
    long n = 0;
    rig_open(cx, &r, test_dir());
    for (uint64_t i = 1; i < 4; i++) event(cx, &r, i, i == 2 ? "open" : "$identify", 1000, "pro");
    ok(rig_flush(cx, &r));
    event(cx, &r, 1, "open", 2000, "pro");
    ok(snapshot_take(cx, r.s, &snap));
    for (; fired; n++) {
        Cx own = test_cx();
        fault_arm(FAULT_ALLOC, n);
        Status st = all_of_it(&own, &snap);
        fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_int_equal(st, fired ? ST_NO_MEM : ST_OK);
        arena_free(own.arena);
    }
    assert_true(n > 30);
    snapshot_done(cx, &snap);
    rig_done(&r);
}
#endif

/* ---- segments ---- */

typedef struct Edit { AudienceDraft d; Status (*run)(Cx *, const AudienceDraft *); } Edit;
static Status edit_tx(Cx *cx, void *arg)
{
    Edit *e = arg;
    return e->run(cx, &e->d);
}
static Status drop(Cx *cx, const AudienceDraft *d) { return audience_drop(cx, d->id, d->version); }
static Status edit(Cx *cx, Status (*run)(Cx *, const AudienceDraft *), int64_t id, const char *name, const char *json,
    int64_t version, AudienceSort kind)
{
    AudienceScope s = scope(cx);
    const Audience *a;
    s.self = id;
    Edit e = { { .id = id, .version = version, .kind = kind, .name = str_z(name), .expression = str_z(json) }, run };
    TRY(audience_parse(cx, &s, e.d.expression, "expression", AUDIENCE_OF_PEOPLE, &a));
    audience_names(a, &e.d.names, &e.d.n_names);
    return tx_run(cx, edit_tx, &e);
}
static const char *in(Cx *cx, int64_t id)
{
    char text[ID_TEXT_MAX + 1];
    char *p = arena_get(cx->arena, 100);
    id_text("seg", id, text);
    snprintf(p, 100, "{\"all\":[{\"in\":\"%s\"}]}", text);
    return p;
}
BOTH(segments_are_named_versioned_and_free_of_cycles)
{
    int64_t a = id_new(cx), b = id_new(cx), c = id_new(cx);
    AudienceSaved s;
    const AudienceSaved *all;
    size_t n;
    ok(edit(cx, audience_add, a, "常客", "{\"all\":[]}", 0, AUDIENCE_LIVE));
    ok(edit(cx, audience_add, b, "B", in(cx, a), 0, AUDIENCE_LIVE));
    ok(edit(cx, audience_add, c, "C", in(cx, b), 0, AUDIENCE_LIVE));
    assert_int_equal(edit(cx, audience_add, id_new(cx), "B", "[]", 0, AUDIENCE_LIVE), ST_CONFLICT);
    assert_string_equal(cx->why.field, "name");
    assert_int_equal(edit(cx, audience_change, a, "常客", in(cx, c), 1, AUDIENCE_LIVE), ST_CONFLICT);
    assert_int_equal(cx->why.msg, MSG_segment_cycle);
    assert_string_equal(cx->why.field, "expression.all[0].in.all[0].in.all[0].in");
    assert_int_equal(edit(cx, audience_change, a, "常客", in(cx, a), 1, AUDIENCE_LIVE), ST_CONFLICT);
    assert_int_equal(edit(cx, drop, a, "", "[]", 1, AUDIENCE_LIVE), ST_CONFLICT);
    assert_int_equal(cx->why.msg, MSG_segment_in_use);
    ok(edit(cx, audience_change, b, "B2", "[]", 1, AUDIENCE_LIVE));
    assert_int_equal(edit(cx, audience_change, b, "B2", "[]", 1, AUDIENCE_LIVE), ST_CONFLICT);
    assert_int_equal(cx->why.msg, MSG_segment_changed);
    ok(edit(cx, drop, a, "", "[]", 1, AUDIENCE_LIVE));
    assert_int_equal(audience_get(cx, a, &s), ST_NOT_FOUND);
    ok(audience_get(cx, b, &s));
    assert_str(s.name, "B2");
    assert_int_equal(s.version, 2);
    ok(audience_list(cx, INT64_MAX, 10, &all, &n));
    assert_int_equal(n, 2);
    assert_str(all[0].name, "C");
    ok(audience_list(cx, all[0].id, 10, &all, &n));
    assert_int_equal(n, 1);
    assert_str(all[0].name, "B2");
}
/* What two edits at once would make, each fine by itself. */
static Status cross(Cx *cx, const AudienceDraft *d)
{
    AudienceDraft other = *d;
    other.names = &other.id;                      /* itself: the shortest cycle */
    other.n_names = 1;
    return audience_change(cx, &other);
}
BOTH(a_cycle_that_only_the_transaction_can_see_is_refused)
{
    int64_t a = id_new(cx);
    ok(edit(cx, audience_add, a, "A", "[]", 0, AUDIENCE_LIVE));
    assert_int_equal(edit(cx, cross, a, "A", "{\"all\":[]}", 1, AUDIENCE_LIVE), ST_CONFLICT);
    assert_int_equal(cx->why.msg, MSG_segment_cycle);
}
typedef struct Move { AudienceStay s; bool enter, changed; } Move;
static Status move_tx(Cx *cx, void *arg)
{
    Move *m = arg;
    return m->enter ? audience_enter(cx, &m->s, &m->changed) : audience_leave(cx, &m->s, &m->changed);
}
static bool moves(Cx *cx, int64_t segment, uint64_t actor, bool enter, int64_t at)
{
    Move m = { .s = { .audience = segment, .actor = rig_key(actor), .entered = at, .gone = at }, .enter = enter };
    ok(tx_run(cx, move_tx, &m));
    return m.changed;
}
static Status erase_tx(Cx *cx, void *arg) { return audience_erase(cx, arg, 1); }
BOTH(a_frozen_segment_keeps_its_people_and_stays_have_dates)
{
    int64_t id = id_new(cx);
    AudienceStay const *all;
    Rig r;
    Snapshot snap;
    PeopleSet set;
    bool one;
    size_t n;
    ok(edit(cx, audience_add, id, "F", "[]", 0, AUDIENCE_FROZEN));
    assert_true(moves(cx, id, 7, true, 5));
    assert_false(moves(cx, id, 7, true, 6));
    assert_true(moves(cx, id, 7, false, 9));
    assert_false(moves(cx, id, 7, false, 10));
    assert_true(moves(cx, id, 7, true, 11));
    assert_true(moves(cx, id, 8, true, 12));
    Hash128 who[20];
    for (uint64_t i = 0; i < 20; i++) who[i] = rig_key(i);
    ok(audience_stays(cx, who, 20, &all, &n));
    assert_int_equal(n, 2);
    ok(audience_history(cx, &who[7], 1, &all, &n));
    assert_int_equal(n, 2);
    assert_int_equal(all[0].entered, 11);
    assert_int_equal(all[0].gone, 0);
    assert_int_equal(all[1].entered, 5);
    assert_int_equal(all[1].gone, 9);

    rig_open(cx, &r, test_dir());
    for (uint64_t i = 7; i < 10; i++) event(cx, &r, i, "open", 1000, NULL);
    rig_append(cx, &r, &(Entry){ .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(8), .user = rig_key(9),
        .trust = TRUST_SECRET } }, 1);
    ok(snapshot_take(cx, r.s, &snap));
    const Audience *a = good(cx, AUDIENCE_OF_PEOPLE, in(cx, id));
    ok(audience_everyone(cx, &snap, a, 9000, NULL, &set));
    for (uint64_t i = 7; i < 10; i++) {           /* 8 is 9 by now */
        ok(audience_person(cx, &snap, a, 9000, root_of(&snap, i), &one));
        assert_true(one);
        assert_true(people_set_has(&set, root_of(&snap, i)));
    }
    assert_int_equal(people_set_count(&set), 2);
    people_set_done(&set);
    snapshot_done(cx, &snap);
    rig_done(&r);
    ok(tx_run(cx, erase_tx, &who[7]));
    ok(audience_history(cx, &who[7], 1, &all, &n));
    assert_int_equal(n, 0);
}
