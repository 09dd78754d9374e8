#include "store/events/segment.h"
#include "base/limits.h"
#include "store/events/person.h"
#include "store/events/state_rig_test.h"
#include <stdio.h>
#include <string.h>

/* A few months, people, names, kinds of values: every part of a segment is used. */
static Entry some_event(int i, Prop *props)
{
    static const char *const names[] = { "open", "买", "x" };
    static const Str tags[] = { S_INIT("a"), S_INIT("标签") };
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = (uint16_t)(1 + i % 2), .trust = TRUST_SECRET,
        .actor = rig_key((uint64_t)(i * 7 % 13)),
        .name = str_z(names[i % 3]), .time = INT64_C(1704067200000) + (int64_t)(i * 7919 % 500) * 20000000,
            .n_props = 5, .props = props } };
    static char longs[16][400];
    memset(longs[i % 16], 'a' + i % 2, sizeof longs[0]);
    e.event.received = e.event.time + i;
    props[0] = (Prop){ .name = S("plan"), .kind = PROP_STR, .s = i % 4 ? S("free") : S("pro") };
    props[1] = (Prop){ .name = S("n"), .kind = PROP_INT, .i = i };
    props[2] = (Prop){ .name = S("price"), .kind = PROP_DOUBLE, .d = i / 4.0 };
    props[3] = (Prop){ .name = S("tags"), .kind = PROP_LIST };
    props[3].list.p = tags;
    props[3].list.n = (size_t)(i % 3);
    props[4] = (Prop){ .name = S("text"), .kind = PROP_STR, .s = { longs[i % 16], 300 } };
    return e;
}
static void add_events(Cx *cx, Rig *r, int from, int n)
{
    for (int i = from; i < from + n; i++) {
        Prop props[5];
        Entry e = some_event(i, props);
        rig_append(cx, r, &e, 1);
    }
}
static const char QUESTION[] = "{\"kind\":\"trend\",\"period\":\"month\",\"measure\":\"people\","
    "\"event\":{\"name\":\"open\"},"
    "\"from\":\"2023-12-01\",\"to\":\"2024-06-01\",\"filter\":[{\"prop\":\"plan\",\"op\":\"is\",\"value\":\"free\"},"
    "{\"prop\":\"n\",\"op\":\"ge\",\"value\":3},{\"prop\":\"price\",\"op\":\"lt\",\"value\":1000},"
    "{\"prop\":\"tags\",\"op\":\"is_not\",\"value\":\"a\"},{\"prop\":\"text\",\"op\":\"contains\",\"value\":\"aa\"}]}";
static const char COUNT_ALL[] = "{\"kind\":\"trend\",\"period\":\"month\",\"event\":{},\"from\":\"2023-12-01\","
    "\"to\":\"2024-06-01\"}";

/* ---- damage ---- */

static void read_file(const char *path, char *to, size_t max, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    *ret_n = fread(to, 1, max, f);
    fclose(f);
}
static void write_file(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}
typedef struct Good { int64_t all[8], some[8], january; } Good;
/* The answers are right, or say what they lack and lack just that. */
static bool answers_hold(Cx *cx, Rig *r, const Good *good, const char *name)
{
    Answer a, b;
    state_close(r->s);
    ok(state_open(cx, &r->c, &r->m, &r->s));
    ok(ask_state(cx, r->s, str_z(QUESTION), &a));
    ok(ask_state(cx, r->s, str_z(COUNT_ALL), &b));
    bool missing = b.n_missing > 0;
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(b.values[i], missing && i == 1 ? 0 : good->all[i]);
        if (a.n_missing == 0) assert_int_equal(a.values[i], good->some[i]);
        else assert_int_equal(a.values[i], i == 1 ? 0 : good->some[i]);
    }
    if (missing) assert_str(b.missing[0], name);
    if (a.n_missing) assert_str(a.missing[0], name);
    EventsStats st = { 0 };
    ok(state_stats(cx, r->s, &st));
    assert_int_equal(st.quarantined, a.n_missing || b.n_missing);
    return a.n_missing || b.n_missing;
}
static void damage_world(Cx *cx, Rig *r, const char *dir, Good *good, char path[300])
{
    Answer a, b;
    rig_open(cx, r, dir);
    add_events(cx, r, 0, 150);
    ok(rig_flush(cx, r));
    ok(ask_state(cx, r->s, str_z(QUESTION), &a));
    ok(ask_state(cx, r->s, str_z(COUNT_ALL), &b));
    assert_true(a.people > 2 && b.events_read == 150 && b.values[1] > 20);
    memcpy(good->some, a.values, a.n * sizeof *a.values);
    memcpy(good->all, b.values, b.n * sizeof *b.values);
    snprintf(path, 300, "%s/seg-1.lks", dir);
}
TEST(a_flipped_byte_anywhere_in_a_segment_is_found_or_does_no_harm)
{
    static char file[1 << 20];
    char path[300];
    size_t n, found = 0, tried = 0;
    Rig r;
    Good good = { { 0 }, { 0 }, 0 };
    damage_world(cx, &r, test_dir(), &good, path);
    read_file(path, file, sizeof file, &n);
    for (size_t at = 0; at < n; at += at < 300 || at + 400 > n ? 3 : 17) {
        file[at] = (char)(file[at] ^ (1 << at % 8));
        write_file(path, file, n);
        file[at] = (char)(file[at] ^ (1 << at % 8));
        found += answers_hold(cx, &r, &good, "seg-1.lks");
        tried++;
        arena_reset(cx->arena);
    }
    assert_true(found > tried / 2);                        /* the rest: columns that the two questions do not read */
    write_file(path, file, n);
    assert_false(answers_hold(cx, &r, &good, ""));
    rig_done(&r);
}
TEST(a_segment_cut_short_or_gone_is_named_and_the_rest_answers)
{
    static char file[1 << 20];
    char path[300];
    size_t n;
    Rig r;
    Good good = { { 0 }, { 0 }, 0 };
    damage_world(cx, &r, test_dir(), &good, path);
    read_file(path, file, sizeof file, &n);
    for (size_t cut = 0; cut < n; cut += 1 + n / 23) {
        write_file(path, file, cut);
        assert_true(answers_hold(cx, &r, &good, "seg-1.lks"));
    }
    assert_int_equal(remove(path), 0);
    assert_true(answers_hold(cx, &r, &good, "seg-1.lks"));
    rig_done(&r);
}
TEST(a_damaged_segment_stays_out_of_merges_and_in_the_manifest)
{
    static char file[1 << 20];
    char path[300];
    size_t n;
    Rig r;
    Good good = { { 0 }, { 0 }, 0 };
    Answer a;
    damage_world(cx, &r, test_dir(), &good, path);
    for (int k = 0; k < 5; k++) {
        add_events(cx, &r, 150 + 20 * k, 20);
        ok(rig_flush(cx, &r));
    }
    read_file(path, file, sizeof file, &n);
    file[40] ^= 1;
    write_file(path, file, n);
    rig_reopen(cx, &r);
    while (rig_merge(cx, &r) == ST_OK) { }
    bool kept = false;
    for (size_t i = 0; i < r.m.n; i++) kept |= r.m.segments[i].id == 1;
    assert_true(kept);
    ok(ask_state(cx, r.s, str_z(COUNT_ALL), &a));
    assert_int_equal(a.n_missing, 1);
    assert_int_equal(a.events_read, 250 - good.all[1]);
    file[40] ^= 1;                                         /* mended: everything is there again */
    write_file(path, file, n);
    rig_reopen(cx, &r);
    ok(ask_state(cx, r.s, str_z(COUNT_ALL), &a));
    assert_int_equal(a.events_read, 250);
    rig_done(&r);
}
TEST(lost_actor_keys_are_told_and_a_lost_map_refuses_to_start)
{
    static char file[1 << 16];
    char path[300];
    size_t n;
    Rig r;
    Answer a;
    const char *dir = test_dir();
    rig_open(cx, &r, dir);
    add_events(cx, &r, 0, 50);
    Entry join = { .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(1), .user = rig_key(2),
        .trust = TRUST_SECRET } };
    rig_append(cx, &r, &join, 1);
    ok(rig_flush(cx, &r));
    snprintf(path, sizeof path, "%s/actors", dir);
    read_file(path, file, sizeof file, &n);
    file[n - 3] ^= 1;
    write_file(path, file, n);
    state_close(r.s);
    ok(state_open(cx, &r.c, &r.m, &r.s));
    ok(ask_state(cx, r.s, str_z(COUNT_ALL), &a));
    assert_int_equal(a.events_read, 50);
    assert_int_equal(a.people, 12);
    assert_int_equal(a.n_missing, 1);
    assert_str(a.missing[0], "actors");
    snprintf(path, sizeof path, "%s/map-%d", dir, (int)r.m.map_id);
    read_file(path, file, sizeof file, &n);
    file[n / 2] ^= 1;
    write_file(path, file, n);
    state_close(r.s);
    assert_int_equal(state_open(cx, &r.c, &r.m, &r.s), ST_IO);
    assert_non_null(strstr(cx->why.log, "restore it"));
    r.s = NULL;
    rig_done(&r);
}

/* ---- many events of one person ---- */

TEST(a_person_may_fill_several_blocks)
{
    enum { N = 70000, CHUNK = 5000 };
    static Entry e[CHUNK];
    Rig r;
    Answer a;
    const Event *line;
    size_t n;
    rig_open(cx, &r, test_dir());
    for (int i = 0; i < N; i++) {
        e[i % CHUNK] = (Entry){ .kind = ENTRY_EVENT,
            .event = { .source = 1, .actor = rig_key(i % 10 ? 1 : (uint64_t)(2 + i % 90)), .name = S("open"),
            .time = INT64_C(1704067200000) + (int64_t)i * 1000 % 7200000, .received = INT64_C(1704067200000) } };
        if (i % CHUNK == CHUNK - 1) rig_append(cx, &r, e, CHUNK);
    }
    ok(rig_flush(cx, &r));
    ok(ask_state(cx, r.s, str_z("{\"kind\":\"trend\",\"period\":\"hour\",\"event\":{},\"from\":\"2024-01-01\","
        "\"to\":\"2024-01-01T02:00\"}"), &a));
    assert_int_equal(a.events_read, N);
    assert_int_equal(a.people, 10);
    assert_int_equal(a.values[0] + a.values[1], N);
    ok(person_timeline(cx, r.s, rig_key(1), INT64_MAX, 20, &line, &n));
    assert_int_equal(n, 20);
    for (size_t i = 1; i < n; i++) assert_true(line[i - 1].time >= line[i].time);
    assert_int_equal(line[0].time, INT64_C(1704067200000) + 7199000);
    rig_done(&r);
}

/* Texts too long for the segment's dictionary are numbered by block, and what the event before had is tried first:
 * runs of equal texts, changes, other orders and block ends must not mix. */
static char long_text[4][300];
static void odd_props(int i, Prop p[2])
{
    Prop note = { .name = S("note"), .kind = PROP_STR, .s = i / 3 % 8 < 4 ?
        (Str){ long_text[i / 3 % 4], 300 } : S("短") };
    Prop plan = { .name = S("plan"), .kind = PROP_STR, .s = i / 7 % 2 ? S("free") : S("pro") };
    p[0] = i % 5 ? note : plan;
    p[1] = i % 5 ? plan : note;
}
static void has_odd_props(const Event *e, int i)
{
    Prop want[2];
    odd_props(i, want);
    assert_int_equal(e->n_props, 2);
    for (int j = 0; j < 2; j++) {
        int w = str_eq(e->props[j].name, want[0].name) ? 0 : 1;
        assert_true(str_eq(e->props[j].name, want[w].name) && str_eq(e->props[j].s, want[w].s));
    }
}
TEST(long_and_repeated_texts_in_any_order_read_back_across_blocks)
{
    enum { N = 40000, CHUNK = 1000, LOOK = 2000 };
    static Entry e[CHUNK];
    static Prop p[CHUNK][2];
    Rig r;
    const Event *line;
    size_t n;
    for (int k = 0; k < 4; k++) memset(long_text[k], 'a' + k, sizeof long_text[k]);
    rig_open(cx, &r, test_dir());
    for (int i = 0; i < N; i++) {
        odd_props(i, p[i % CHUNK]);
        e[i % CHUNK] = (Entry){ .kind = ENTRY_EVENT, .event = { .source = (uint16_t)(1 + i / 11 % 2),
            .actor = rig_key(1),
            .name = S("open"), .time = INT64_C(1704067200000) + i, .received = INT64_C(1704067200000),
            .props = p[i % CHUNK], .n_props = 2 } };
        if (i % CHUNK == CHUNK - 1) rig_append(cx, &r, e, CHUNK);
    }
    ok(rig_flush(cx, &r));
    for (int end = N; end > 0; end -= LOOK) {
        ok(person_timeline(cx, r.s, rig_key(1), INT64_C(1704067200000) + end, LOOK, &line, &n));
        assert_int_equal(n, LOOK);
        for (int k = 0; k < LOOK; k++) has_odd_props(&line[k], end - 1 - k);
        arena_reset(cx->arena);
    }
    rig_done(&r);
}

/* ---- faults: whatever fails, the state answers as before and the next try works ---- */

static void still_right(Cx *cx, Rig *r, int64_t events)
{
    Answer a;
    ok(ask_state(cx, r->s, str_z(COUNT_ALL), &a));
    assert_int_equal(a.events_read, events);
    assert_int_equal(a.n_missing, 0);
}
static void flush_with_faults(Cx *cx, FaultKind kind)
{
    for (long n = 0;; n++) {
        Rig r;
        rig_open(cx, &r, test_dir());
        add_events(cx, &r, 0, 40);
        Entry join = { .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(1), .user = rig_key(2) } };
        rig_append(cx, &r, &join, 1);
        fault_arm(kind, n);
        Status st = rig_flush(cx, &r);
        bool fired = fault_fired(kind);
        fault_arm(kind, -1);
        if (!fired) assert_int_equal(st, ST_OK);
        still_right(cx, &r, 40);
        add_events(cx, &r, 40, 10);
        still_right(cx, &r, 50);
        ok(rig_flush(cx, &r));
        still_right(cx, &r, 50);
        rig_reopen(cx, &r);
        still_right(cx, &r, 50);
        rig_done(&r);
        arena_reset(cx->arena);
        if (!fired) return;
    }
}
TEST(a_flush_survives_the_nth_failure_of_memory) { flush_with_faults(cx, FAULT_ALLOC); }
TEST(a_flush_survives_the_nth_failed_write) { flush_with_faults(cx, FAULT_WRITE); }
TEST(a_flush_survives_the_nth_failed_sync) { flush_with_faults(cx, FAULT_SYNC); }
TEST(a_flush_survives_the_nth_failed_rename) { flush_with_faults(cx, FAULT_RENAME); }
static void merge_with_faults(Cx *cx, FaultKind kind)
{
    for (long n = 0;; n++) {
        Rig r;
        rig_open(cx, &r, test_dir());
        for (int k = 0; k < 5; k++) {
            add_events(cx, &r, 10 * k, 10);
            ok(rig_flush(cx, &r));
        }
        Entry join = { .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(1), .user = rig_key(2) } };
        rig_append(cx, &r, &join, 1);                      /* people moved since: gathered aside */
        fault_arm(kind, n);
        Status st = rig_merge(cx, &r);
        bool fired = fault_fired(kind);
        fault_arm(kind, -1);
        if (!fired) assert_int_equal(st, ST_OK);
        still_right(cx, &r, 50);
        Status again = rig_merge(cx, &r);
        assert_true(again == ST_OK || again == ST_NOT_FOUND);
        still_right(cx, &r, 50);
        rig_reopen(cx, &r);
        still_right(cx, &r, 50);
        rig_done(&r);
        arena_reset(cx->arena);
        if (!fired) return;
    }
}
TEST(a_merge_survives_the_nth_failure_of_memory) { merge_with_faults(cx, FAULT_ALLOC); }
TEST(a_merge_survives_the_nth_failed_write) { merge_with_faults(cx, FAULT_WRITE); }
TEST(a_merge_survives_the_nth_failed_sync) { merge_with_faults(cx, FAULT_SYNC); }
TEST(no_memory_in_a_question_is_said_and_the_next_one_works)
{
    Rig r;
    rig_open(cx, &r, test_dir());
    add_events(cx, &r, 0, 40);
    ok(rig_flush(cx, &r));
    add_events(cx, &r, 40, 20);
    Entry join = { .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(1), .user = rig_key(2) } };
    rig_append(cx, &r, &join, 1);
    for (long n = 0;; n++) {
        Answer a;
        const Event *line;
        size_t k;
        fault_arm(FAULT_ALLOC, n);
        Status st = ask_state(cx, r.s, str_z(QUESTION), &a);
        Status line_st = st == ST_OK ? person_timeline(cx, r.s, rig_key(2), INT64_MAX, 5, &line, &k) : ST_OK;
        bool fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_int_equal(st != ST_OK || line_st != ST_OK, fired);
        still_right(cx, &r, 60);
        arena_reset(cx->arena);
        if (!fired) break;
    }
    rig_done(&r);
}
TEST(no_memory_at_a_start_is_said)
{
    Rig r;
    rig_open(cx, &r, test_dir());
    add_events(cx, &r, 0, 40);
    Entry join = { .kind = ENTRY_JOIN, .join = { .id = 1, .anon = rig_key(1), .user = rig_key(2) } };
    rig_append(cx, &r, &join, 1);
    ok(rig_flush(cx, &r));
    for (long n = 0;; n++) {
        State *s = NULL;
        fault_arm(FAULT_ALLOC, n);
        Status st = state_open(cx, &r.c, &r.m, &s);
        bool fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_int_equal(st, fired ? ST_NO_MEM : ST_OK);
        state_close(s);
        if (!fired) break;
    }
    still_right(cx, &r, 40);
    rig_done(&r);
}

/* ---- limits of times and names ---- */

TEST(times_no_segment_could_hold_are_refused)
{
    static const int64_t bad[] = { INT64_MIN, INT64_MAX, -INT64_C(62135596800001), INT64_C(253402300800000) };
    static const int64_t good[] = { -INT64_C(62135596800000), 0, INT64_C(253402300799999) };
    Rig r;
    const Event *line;
    size_t n;
    rig_open(cx, &r, test_dir());
    for (size_t i = 0; i < COUNT(bad); i++) {
        Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .name = S("x"), .actor = rig_key(1),
            .time = bad[i] } };
        assert_int_equal(state_names(cx, r.s, &e, 1), ST_INVALID);
        assert_string_equal(cx->why.field, "time");
        rig_append(cx, &r, &e, 1);                         /* were it in a log nevertheless: left out, nothing breaks */
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .name = S("x"), .actor = rig_key(1),
            .time = good[i] } };
        ok(state_names(cx, r.s, &e, 1));
        rig_append(cx, &r, &e, 1);
    }
    ok(rig_flush(cx, &r));
    ok(person_timeline(cx, r.s, rig_key(1), INT64_MAX, 9, &line, &n));
    assert_int_equal(n, COUNT(good));
    for (size_t i = 0; i < n; i++) assert_int_equal(line[i].time, good[n - 1 - i]);
    rig_done(&r);
}

static Entry named(uint16_t source, const char *name)
{
    return (Entry){ .kind = ENTRY_EVENT, .event = { .source = source, .name = str_z(name), .actor = rig_key(1) } };
}
TEST(a_source_has_so_many_event_names_and_a_refused_batch_leaves_none)
{
    Rig r;
    char name[SOURCE_EVENT_NAMES + 10][24];
    rig_open(cx, &r, test_dir());
    for (int i = 0; i < SOURCE_EVENT_NAMES + 10; i++) snprintf(name[i], sizeof name[i], "name %d", i);
    for (int i = 0; i < SOURCE_EVENT_NAMES - 1; i++) {
        Entry e = named(1, name[i]);
        ok(state_names(cx, r.s, &e, 1));
        if (i % 500 == 0) rig_append(cx, &r, &e, 1);
    }
    Entry two[] = { named(1, name[SOURCE_EVENT_NAMES]), named(1, name[SOURCE_EVENT_NAMES + 1]) };
    assert_int_equal(state_names(cx, r.s, two, 2), ST_LIMITED);
    assert_string_equal(cx->why.field, name[SOURCE_EVENT_NAMES + 1]);
    assert_int_equal(cx->why.msg, MSG_event_names);
    ok(state_names(cx, r.s, two + 1, 1));   /* the last that fits: of the refused batch nothing was kept */
    assert_int_equal(state_names(cx, r.s, two, 1), ST_LIMITED);
    Entry known = named(1, name[0]), other = named(2, name[SOURCE_EVENT_NAMES]);
    ok(state_names(cx, r.s, &known, 1));
    ok(state_names(cx, r.s, &other, 1));
    rig_reopen(cx, &r);                                    /* only what was stored counts: four names */
    ok(state_names(cx, r.s, two, 2));
    rig_done(&r);
}
TEST(names_in_log_and_segments_count_after_a_restart)
{
    Rig r;
    char name[SOURCE_EVENT_NAMES + 1][24];
    rig_open(cx, &r, test_dir());
    for (int i = 0; i <= SOURCE_EVENT_NAMES; i++) snprintf(name[i], sizeof name[i], "name %d", i);
    for (int i = 0; i < SOURCE_EVENT_NAMES; i++) {
        Entry e = named(1, name[i]);
        e.event.time = i < 1000 ? 1 : INT64_C(1704067200000);
        rig_append(cx, &r, &e, 1);
        if (i == 1500) ok(rig_flush(cx, &r));
    }
    rig_reopen(cx, &r);
    Entry one_more = named(1, name[SOURCE_EVENT_NAMES]), old = named(1, name[3]);
    assert_int_equal(state_names(cx, r.s, &one_more, 1), ST_LIMITED);
    ok(state_names(cx, r.s, &old, 1));
    rig_done(&r);
}
