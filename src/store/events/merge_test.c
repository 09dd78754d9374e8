#include "store/events/scan.h"
#include "store/events/state_rig_test.h"
#include "base/crypto.h"
#include <stdio.h>
#include <xxhash.h>

/* Whatever segments are merged, and whoever has been joined or parted since: the same events, of the same people,
 * in the
 * same order, to the byte. */
enum { CHUNK = 2000 };
static uint64_t dice = 7;
static uint64_t rnd(uint64_t below)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (dice >> 33) % below;
}
static char long_text[8][400];
static size_t props_of(uint64_t i, Prop p[6])
{
    static const Str tags[] = { S_INIT("a"), S_INIT("标签"), S_INIT("") };
    static char pages[64][16];
    size_t n = 0;
    uint64_t page = rnd(64);
    snprintf(pages[page], sizeof pages[page], "/p/%d", (int)page);
    p[n++] = (Prop){ .name = S("page"), .kind = PROP_STR, .s = str_z(pages[page]) };
    p[n++] = (Prop){ .name = S("plan"), .kind = PROP_STR, .s = i % 7 < 3 ? S("free") : S("pro") };
    if (i % 5 == 0) p[n++] = (Prop){ .name = S("n"), .kind = PROP_INT, .i = (int64_t)rnd(1000) - 500 };
    if (i % 3 == 0) p[n++] = (Prop){ .name = S("note"), .kind = PROP_STR, .s = { long_text[rnd(8)], 300 + rnd(100) } };
    if (i % 4 == 1) {
        p[n] = (Prop){ .name = S("tags"), .kind = PROP_LIST };
        p[n].list.p = tags;
        p[n++].list.n = rnd(4);
    }
    /* a second one */
    if (i % 11 == 0) p[n++] = (Prop){ .name = S("n"), .kind = PROP_DOUBLE, .d = (double)rnd(100) / 8 };
    return n;
}
static void add(Cx *cx, Rig *r, uint64_t from, uint64_t n, uint64_t actors)
{
    static Entry e[CHUNK];
    static Prop props[CHUNK][6];
    static const char *const names[] = { "open", "买", "x", "close" };
    for (uint64_t i = 0; i < n; i++) {
        Entry *to = &e[i % CHUNK];
        *to = (Entry){ .kind = ENTRY_EVENT, .event = { .source = (uint16_t)(1 + rnd(3)), .trust = (uint8_t)rnd(4),
            .flags = rnd(40) ? 0 : EVENT_BOT, .actor = rig_key(rnd(actors)), .name = str_z(names[rnd(4)]),
            .time = INT64_C(1704067200000) + (int64_t)((from + i) * 7919 % 99991) * 20000,
                .props = props[i % CHUNK] } };
        to->event.received = to->event.time + (int64_t)rnd(rnd(10) ? 1000 : 100000000);
        to->event.n_props = props_of(from + i, props[i % CHUNK]);
        if (i % CHUNK == CHUNK - 1 || i + 1 == n) rig_append(cx, r, e, i % CHUNK + 1);
    }
}
static void join(Cx *cx, Rig *r, int64_t id, uint64_t anon, uint64_t user)
{
    Entry e = { .kind = ENTRY_JOIN, .join = { .id = id, .anon = rig_key(anon), .user = rig_key(user),
        .trust = TRUST_SECRET } };
    rig_append(cx, r, &e, 1);
}
typedef struct Seen { XXH3_state_t *hash; int64_t n; uint32_t key; int64_t time; } Seen;
static void seen_bytes(Seen *s, const void *p, size_t n) { XXH3_64bits_update(s->hash, p, n); }
static void seen_text(Seen *s, Str t)
{
    seen_bytes(s, &t.n, sizeof t.n);
    if (t.n) seen_bytes(s, t.p, t.n);
}
static Status see(Cx *cx, void *arg, uint32_t root, uint32_t actor, const Event *e)
{
    Seen *s = arg;
    (void)cx;
    assert_true(segment_key(root) > s->key || (segment_key(root) == s->key && e->time >= s->time));
    *s = (Seen){ s->hash, s->n + 1, segment_key(root), e->time };
    int64_t fixed[] = { root, actor, e->time, e->received, e->source, e->trust, e->flags, (int64_t)e->n_props };
    seen_bytes(s, fixed, sizeof fixed);
    seen_bytes(s, &e->actor, sizeof e->actor);
    seen_text(s, e->name);
    uint64_t all = 0;                                      /* properties come in any order */
    for (size_t i = 0; i < e->n_props; i++) {
        const Prop *p = &e->props[i];
        uint64_t h = XXH3_64bits_withSeed(p->name.p, p->name.n, p->kind);
        if (p->kind == PROP_STR) h = XXH3_64bits_withSeed(p->s.p, p->s.n, h);
        else if (p->kind == PROP_LIST)
            for (size_t k = 0; k < p->list.n; k++) h = XXH3_64bits_withSeed(p->list.p[k].p, p->list.p[k].n, h);
        else h = XXH3_64bits_withSeed(&p->i, sizeof p->i, h);
        all += h;
    }
    seen_bytes(s, &all, sizeof all);
    return ST_OK;
}
static uint64_t all_of(Cx *cx, Rig *r, int64_t want)
{
    Snapshot snap;
    Seen s = { .hash = XXH3_createState() };
    XXH3_64bits_reset(s.hash);
    ok(snapshot_take(cx, r->s, &snap));
    ok(scan_rows(cx, &snap, INT64_MIN, INT64_MAX, false, see, &s));
    snapshot_done(cx, &snap);
    assert_int_equal(s.n, want);
    uint64_t ret = XXH3_64bits_digest(s.hash);
    XXH3_freeState(s.hash);
    arena_reset(cx->arena);
    return ret;
}
static void merges_keep_all(Cx *cx, uint64_t each, uint64_t actors)
{
    enum { PARTS = 5 };
    Rig r;
    rig_open(cx, &r, test_dir());
    for (size_t i = 0; i < COUNT(long_text); i++) memset(long_text[i], 'a' + (int)i, sizeof long_text[i]);
    for (uint64_t k = 0; k < PARTS; k++) {
        add(cx, &r, k * each, each, actors);
        if (k == 1) join(cx, &r, 1, 1, 2);
        if (k == 3) join(cx, &r, 2, 3, 4);
        ok(rig_flush(cx, &r));
    }
    join(cx, &r, 3, 5, 2);
    join(cx, &r, 4, 7, 6);
    Entry undo = { .kind = ENTRY_UNJOIN, .unjoin = { .id = 5, .join = 2 } };
    rig_append(cx, &r, &undo, 1);
    uint64_t before = all_of(cx, &r, (int64_t)(each * PARTS));
    assert_int_equal(r.m.n, PARTS);
    while (rig_merge(cx, &r) == ST_OK) { }
    assert_int_equal(r.m.n, 1);
    assert_true(all_of(cx, &r, (int64_t)(each * PARTS)) == before);
    rig_reopen(cx, &r);
    assert_true(all_of(cx, &r, (int64_t)(each * PARTS)) == before);
    EventsStats stats = { 0 };
    ok(state_stats(cx, r.s, &stats));
    assert_int_equal(stats.events, each * PARTS);
    rig_done(&r);
}
TEST(a_merge_keeps_every_event_of_many_people) { merges_keep_all(cx, 6000, 3000); }
TEST(a_merge_keeps_every_event_of_few_people_with_many) { merges_keep_all(cx, 19000, 9); }
TEST(a_merge_keeps_every_event_of_one_person_past_a_block) { merges_keep_all(cx, 12000, 1); }
