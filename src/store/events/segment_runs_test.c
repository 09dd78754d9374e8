#include "store/events/segment_writer.h"
#include "store/events/state_rig_test.h"
#include <stdio.h>
#include <string.h>

/* Segments written by hand, so that every event is known: what runs, groups, pieces and codes say of them. */
enum { N = 40000, NAMES = 80 };
static const int64_t START = INT64_C(1704067200000);
typedef struct Known { uint32_t person, actor, name; int64_t time, received; uint8_t flags; int plan, page,
    price; } Known;
static Known known[N];
static uint64_t dice = 1;
static uint64_t rnd(uint64_t below)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (dice >> 33) % below;
}
static void make_known(uint32_t names, uint32_t long_person)
{
    int64_t t = 0;
    uint32_t person = 0;
    int plan = 0;
    for (int i = 0; i < N; i++) {
        bool next = i == 0 || rnd(person == long_person ? 100000 : 40) == 0;
        if (next) person = segment_root(segment_key(person) + 1 + (uint32_t)rnd(3)), t = START + (int64_t)rnd(86400000);
        else t += (int64_t)(rnd(9) == 0 ? rnd(3600000 * 5) : rnd(4) == 0 ? 0 : rnd(60000));
        if (next) plan = (int)rnd(3);
        if (t > START + INT64_C(30) * 86400000) t = START + INT64_C(30) * 86400000;
        known[i] = (Known){ .person = person, .actor = rnd(10) ? person : person + 7, .name = (uint32_t)(rnd(names) *
            rnd(names) / names), .time = t, .received = t + (int64_t)rnd(1000) + (rnd(50) ? 0 : INT64_C(86400000)),
            .flags = rnd(5000) ? 0 : EVENT_TEST, .plan = plan, .page = (int)rnd(300) };
        known[i].price = known[i].name == 3 ? (int)rnd(10000) : -1;
    }
}
static void event_of(const Known *k, Event *e, Prop p[4], char text[4][40])
{
    static const char *const plans[] = { "free", "pro", "" };
    snprintf(text[0], 40, "name %u", k->name);
    snprintf(text[1], 40, "/page/%d", k->page);
    *e = (Event){ .source = 1, .trust = TRUST_SECRET, .flags = k->flags, .name = str_z(text[0]), .time = k->time,
        .received = k->received, .props = p };
    p[e->n_props++] = (Prop){ .name = S("page"), .kind = PROP_STR, .s = str_z(text[1]) };
    if (k->plan < 2) p[e->n_props++] = (Prop){ .name = S("plan"), .kind = PROP_STR, .s = str_z(plans[k->plan]) };
    if (k->price >= 0) p[e->n_props++] = (Prop){ .name = S("price"), .kind = PROP_DOUBLE, .d = k->price / 100.0 };
}
static Segment *write_known(Cx *cx, const char *dir)
{
    SegmentPlan plan = { .id = 1, .month = segment_month(START) };
    SegmentWriter *w;
    ManifestSegment info;
    Segment *ret;
    ok(segment_begin(cx, fs_posix(), dir, &plan, &w));
    for (int i = 0; i < N; i++) {
        Event e;
        Prop p[4];
        char text[4][40];
        event_of(&known[i], &e, p, text);
        ok(segment_add(cx, w, known[i].person, known[i].actor, &e));
    }
    ok(segment_end(cx, w, &info));
    segment_drop(cx, w);
    assert_int_equal(info.events, N);
    ok(segment_open(cx, fs_posix(), dir, &info, &ret));
    assert_false(ret->damaged);
    return ret;
}
static uint64_t bit_of(uint32_t name)
{
    return UINT64_C(1) << (name < SEGMENT_MASK_OTHER ? name : SEGMENT_MASK_OTHER);
}
static void check_runs(const Block *b, const BlockRuns *r, const Known *k)
{
    assert_int_equal(r->person_first[b->n_people], r->n);
    assert_int_equal(r->first[r->n], b->n);
    for (uint32_t p = 0; p < b->n_people; p++) {
        assert_int_equal(b->first[p], r->first[r->person_first[p]]);
        assert_true(r->person_first[p] < r->person_first[p + 1]);
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) assert_int_equal(segment_root(b->key[p]), k[i].person);
    }
    for (uint32_t i = 0; i < r->n; i++) {
        uint64_t mask = 0;
        assert_true(r->first[i] < r->first[i + 1]);
        assert_int_equal(r->start[i], k[r->first[i]].time);
        for (uint32_t e = r->first[i]; e < r->first[i + 1]; e++) {
            assert_int_equal(k[e].person, k[r->first[i]].person);
            assert_true(k[e].time <= r->start[i] + r->length[i]);
            for (uint32_t n = 0; n < b->seg->n_names; n++) {
                char name[40];
                snprintf(name, sizeof name, "name %u", k[e].name);
                if (str_eq(b->seg->names[n], str_z(name))) mask |= bit_of(n);
            }
        }
        assert_int_equal(r->mask[i], mask);
    }
}
static void check_groups(Cx *cx, Block *b, const Known *k)
{
    for (int step = 0; step < 60; step++) {
        uint32_t from = (uint32_t)rnd(b->n + 1), to = from + (uint32_t)rnd(step < 50 ? 700 : b->n);
        if (to > b->n) to = b->n;
        ok(segment_block_times(cx, b, from, to));
        ok(segment_block_names_of(cx, b, from, to));
        ok(segment_block_names8(cx, b, from, to));
        for (uint32_t i = from; i < to; i++) {
            char name[40];
            snprintf(name, sizeof name, "name %u", k[i].name);
            assert_int_equal(b->time[i], k[i].time);
            assert_true(str_eq(b->seg->names[b->name[i]], str_z(name)));
            assert_int_equal(b->name8[i], b->name[i]);
        }
    }
}
static void check_plain(const Block *b, const Known *k)
{
    bool test = false;
    for (uint32_t i = 0; i < b->n; i++) test |= k[i].flags != 0;
    assert_int_equal(segment_block_plain(b, EVENT_TEST | EVENT_BOT), !test);
    assert_true(segment_block_plain(b, EVENT_BOT));
}
static void check_rest(Cx *cx, Block *b, const Known *k)
{
    BlockEvents events;
    ok(segment_events(cx, b, &events));
    for (uint32_t i = 0; i < b->n; i++) {
        Event e, want;
        Prop p[4];
        char text[4][40];
        event_of(&k[i], &want, p, text);
        ok(segment_event(cx, &events, i, &e));
        assert_int_equal(b->actor[i], k[i].actor);
        assert_int_equal(e.time, want.time);
        assert_int_equal(e.flags, want.flags);
        assert_true(e.received <= want.received && e.received > want.received - 1000);
        assert_int_equal(e.n_props, want.n_props);
        for (size_t j = 0; j < e.n_props; j++) {
            size_t other = 0;
            while (!str_eq(want.props[other].name, e.props[j].name)) assert_true(++other < want.n_props);
            assert_int_equal(e.props[j].kind, want.props[other].kind);
            if (e.props[j].kind == PROP_STR) assert_true(str_eq(e.props[j].s, want.props[other].s));
            else assert_true(e.props[j].d == want.props[other].d);
        }
        if (i % 500 == 0) arena_reset(cx->arena);
    }
    segment_events_done(&events);
}
/* The three ways of reading a property say the same. */
static void check_prop(Cx *cx, Block *b, const char *name, bool in_pieces, BlockProp *codes, BlockProp *pieces)
{
    BlockProp p;
    uint32_t prop;
    assert_true(segment_prop(b->seg, str_z(name), &prop));
    ok(segment_block_prop(cx, b, prop, &p));
    ok(segment_block_codes(cx, b, prop, codes));
    Status st = segment_block_pieces(cx, b, prop, pieces);
    assert_int_equal(st, in_pieces ? ST_OK : ST_NOT_FOUND);
    for (uint32_t i = 0; i < b->n; i++)
        if (codes->code)
            assert_int_equal(codes->code[i], p.kind[i] ? p.value[i] : UINT32_MAX);
        else
            assert_true(codes->kind[i] == p.kind[i] && codes->value[i] == p.value[i]);
    assert_int_equal(codes->code != NULL, name[1] != 'r');
    if (in_pieces) {
        assert_int_equal(pieces->first[0], 0);
        assert_int_equal(pieces->first[pieces->n_pieces], b->n);
        for (uint32_t k = 0; k < pieces->n_pieces; k++)
            for (uint32_t i = pieces->first[k]; i < pieces->first[k + 1]; i++)
                assert_true(p.kind[i] == pieces->kind[k] && p.value[i] == pieces->value[k]);
        assert_true(pieces->n_pieces < b->n / 5);
    }
    segment_prop_done(&p);
}
static void check_segment(Cx *cx, Segment *s)
{
    const Known *k = known;
    Block b = { 0 };
    BlockProp codes = { 0 }, pieces = { 0 };
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        BlockRuns r;
        ok(segment_block_runs(cx, s, i, &b, &r));
        assert_null(b.time);
        check_runs(&b, &r, k);
        check_plain(&b, k);
        check_groups(cx, &b, k);
        check_prop(cx, &b, "plan", true, &codes, &pieces);
        check_prop(cx, &b, "page", false, &codes, &pieces);
        check_prop(cx, &b, "price", false, &codes, &pieces);
        check_rest(cx, &b, k);
        b.mask_skip = ~(uint64_t)6;
        ok(segment_block_runs(cx, s, i, &b, &r));
        for (uint32_t run = 0; run < r.n; run++) {
            uint64_t asked = r.mask[run] & 6, all = 0;
            for (uint32_t e = r.first[run]; e < r.first[run + 1]; e++) {
                ok(segment_block_names_of(cx, &b, e, e + 1));
                all |= bit_of(b.name[e]);
            }
            assert_int_equal(asked, all & 6);
        }
        b.mask_skip = 0;
        k += b.n;
    }
    assert_true(k == known + N);
    segment_prop_done(&codes);
    segment_prop_done(&pieces);
    segment_block_done(&b);
}
TEST(runs_groups_and_pieces_say_what_the_events_say)
{
    static const ColumnPackKind ways[] = { COLUMN_PACK_PLAIN, COLUMN_PACK_AVX2, COLUMN_PACK_BEST };
    for (size_t i = 0; i < COUNT(ways); i++) {
        if (!column_pack_use(ways[i])) continue;
        make_known(i == 0 ? NAMES : 12, i == 1 ? 16 : UINT32_MAX);
        Segment *s = write_known(cx, test_dir());
        check_segment(cx, s);
        segment_done(cx, s);
        arena_reset(cx->arena);
    }
    column_pack_use(COLUMN_PACK_BEST);
}
TEST(an_event_given_by_numbers_is_the_same_as_one_given_by_names)
{
    SegmentPlan plan = { .id = 2, .month = segment_month(START) };
    SegmentWriter *w;
    ManifestSegment info;
    Segment *s;
    const char *dir = test_dir();
    static char long_text[600];
    memset(long_text, 'x', sizeof long_text);
    Str tags[] = { S("a"), S("标签") }, big = { long_text, sizeof long_text };
    uint32_t name, origin, plan_prop, tag_prop, big_prop, code;
    ok(segment_begin(cx, fs_posix(), dir, &plan, &w));
    ok(segment_number_name(cx, w, S("open"), &name));
    ok(segment_number_origin(cx, w, (Origin){ 7, TRUST_SESSION, EVENT_BOT }, &origin));
    ok(segment_number_prop(cx, w, S("plan"), &plan_prop));
    ok(segment_number_prop(cx, w, S("tags"), &tag_prop));
    ok(segment_number_prop(cx, w, S("big"), &big_prop));
    ok(segment_number_text(cx, w, plan_prop, S("pro"), &code));
    assert_int_equal(segment_number_text(cx, w, big_prop, big, &code), ST_NOT_FOUND);
    for (int i = 0; i < 300; i++) {
        SegmentCell cells[] = { { .prop = plan_prop, .kind = PROP_STR, .coded = true, .value = 0 },
            { .prop = tag_prop, .kind = PROP_LIST, .value = (uint64_t)(i % 3), .texts = tags },
            { .prop = big_prop, .kind = PROP_STR, .texts = &big } };
        ok(segment_add_row(cx, w, &(SegmentRow){ .person = 16, .actor = 17, .name = name, .origin = origin,
            .time = START + i, .received = START + 60000, .cells = cells, .n_cells = COUNT(cells) }));
    }
    ok(segment_end(cx, w, &info));
    segment_drop(cx, w);
    ok(segment_open(cx, fs_posix(), dir, &info, &s));
    Block b = { 0 };
    BlockEvents events;
    ok(segment_block(cx, s, 0, &b));
    ok(segment_events(cx, &b, &events));
    for (uint32_t i = 0; i < 300; i++) {
        Event e;
        ok(segment_event(cx, &events, i, &e));
        assert_true(e.time == START + i && e.source == 7 && e.trust == TRUST_SESSION && e.flags == EVENT_BOT);
        assert_true(e.n_props == 3 && str_eq(e.name, S("open")) && str_eq(e.props[0].s, S("pro")));
        assert_int_equal(e.props[1].list.n, i % 3);
        for (size_t k = 0; k < i % 3; k++) assert_true(str_eq(e.props[1].list.p[k], tags[k]));
        assert_true(str_eq(e.props[2].s, big));
    }
    segment_events_done(&events);
    segment_block_done(&b);
    segment_done(cx, s);
}
