/* Presence against a naive walk over the same random events, in every form and by every way. */
#include "store/events/presence_in.h"
#include "store/events/presence_key_test.h"

typedef struct Seen {
    uint32_t root;
    size_t   before;             /* row + 1 of the same root; 0: none */
    char     key[WORLD_KEY];
    uint64_t w[PRESENCE_MATCHERS][PRESENCE_WORDS];
} Seen;
typedef struct SeenSet { Seen *p; size_t n, cap, *newest; } SeenSet;       /* newest: row + 1 of a root, found last */
typedef struct Collect { PresenceFold fold; const WorldAsk *ask; ScanTexts *texts; size_t bits; SeenSet *got; } Collect;

static Seen *seen_add(SeenSet *s)
{
    if (s->n == s->cap) s->p = realloc(s->p, (s->cap = s->cap ? s->cap * 2 : 64) * sizeof *s->p);
    memset(&s->p[s->n], 0, sizeof *s->p);
    return &s->p[s->n++];
}
static int by_place(const void *a, const void *b)
{
    const Seen *x = a, *y = b;
    return x->root != y->root ? (x->root < y->root ? -1 : 1) : strcmp(x->key, y->key);
}
static void add_row(Collect *c, const PresenceBatch *b, size_t i)
{
    Seen s = { .root = b->root[i] };
    uint64_t any = 0;
    for (size_t m = 0; m < c->ask->sel.n_matchers; m++)
        for (size_t p = 0; p < c->bits; p++) {
            bool has = b->col[0] ? b->col[m][p][i / 64] >> i % 64 & 1
                : b->seen[m][i * b->words + p / 64] >> p % 64 & 1;
            s.w[m][p / 64] |= (uint64_t)has << p % 64;
            any |= has;
        }
    size_t at = b->col[0] ? 0 : i;
    assert_true(any);
    for (size_t k = 0; k < c->ask->n_slots; k++)
        world_key_got(s.key, c->texts, b->group[k].kind[at], b->group[k].value[at]);
    *seen_add(c->got) = s;
}
static void collect_rows(PresenceFold *f, const PresenceBatch *b)
{
    Collect *c = (Collect *)f;
    for (size_t i = 0; i < b->n; i += 64) {
        uint64_t alive = b->col[0] ? 0 : UINT64_MAX;
        for (size_t m = 0; b->col[0] && m < c->ask->sel.n_matchers; m++)
            for (size_t p = 0; p < c->bits; p++) alive |= b->col[m][p][i / 64];
        for (size_t k = i; k < b->n && k < i + 64; k++) if (alive >> (k - i) & 1) add_row(c, b, k);
    }
    for (size_t m = 0; b->col[0] && m < c->ask->sel.n_matchers; m++)       /* past the last row all is zero */
        for (size_t p = 0; p < c->bits; p++)
            for (size_t i = b->n; i < (b->n + 511) / 512 * 512; i++)
                assert_false(b->col[m][p][i / 64] >> i % 64 & 1);
}
static void collect_done(PresenceFold *f)
{
    Collect *c = (Collect *)f;
    free(c->got->p);
    free(c->got);
    free(c);
}
static Status collect_fork(Cx *cx, const PresenceFold *f, PresenceFold **ret)
{
    Collect *c = calloc(1, sizeof *c);
    (void)cx;
    *c = *(const Collect *)f;
    c->got = calloc(1, sizeof *c->got);
    *ret = &c->fold;
    return ST_OK;
}
static void collect_merge(PresenceFold *f, PresenceFold *from)
{
    SeenSet *add = ((Collect *)from)->got;
    for (size_t i = 0; i < add->n; i++) *seen_add(((Collect *)f)->got) = add->p[i];
}

typedef struct Want { SeenSet seen; ScanCount count; } Want;
static Seen *want_row(SeenSet *s, uint32_t root, const char *key)
{
    for (size_t i = s->newest[root]; i; i = s->p[i - 1].before)
        if (strcmp(s->p[i - 1].key, key) == 0) return &s->p[i - 1];
    Seen *r = seen_add(s);
    r->root = root;
    r->before = s->newest[root];
    s->newest[root] = s->n;
    snprintf(r->key, sizeof r->key, "%s", key);
    return r;
}
static bool hidden(const Snapshot *snap, uint32_t root) { return joins_flags(snap->people, root) & SCAN_LEFT_OUT; }
/* Who is counted, or left out: each once. */
static int64_t people_of(PeopleSet *set, uint32_t root)
{
    if (people_set_has(set, root)) return 0;
    people_set_add(set, root);
    return 1;
}
static void naive(Cx *cx, World *w, const Snapshot *snap, const PresencePlan *plan, const WorldAsk *a, Want *ret)
{
    const Grid *g = plan->grid;
    PeopleSet counted;
    ok(people_set_new(cx, (uint32_t)w->actors, &counted));
    *ret = (Want){ .seen.newest = calloc((size_t)w->actors, sizeof(size_t)) };
    for (size_t i = 0; i < w->n; i++) {
        const Event *e = &w->events[i]->e;
        uint32_t root = world_root(snap, w->events[i]->actor), mask = world_mask(a, e, root);
        char key[WORLD_KEY];
        bool before = e->time < g->starts[0];
        if (!mask || e->time >= g->starts[g->n] || (before && !plan->before)) continue;
        if (!before && hidden(snap, root)) ret->count.left_out += people_of(&counted, root);
        if (hidden(snap, root)) continue;
        if (!before) ret->count.events++, ret->count.people += people_of(&counted, root);
        world_key_of(a, a->n_slots, e, key);
        Seen *s = want_row(&ret->seen, root, key);
        size_t bit = before ? 0 : fold_period(g, 0, e->time) + plan->before;
        for (size_t m = 0; m < a->sel.n_matchers; m++) if (mask >> m & 1) s->w[m][bit / 64] |= UINT64_C(1) << bit % 64;
    }
    people_set_done(&counted);
}
static void same(SeenSet *got, SeenSet *want)
{
    if (got->n) qsort(got->p, got->n, sizeof *got->p, by_place);
    if (want->n) qsort(want->p, want->n, sizeof *want->p, by_place);
    for (size_t i = 0; i < got->n && i < want->n; i++) {
        assert_int_equal(got->p[i].root, want->p[i].root);
        assert_string_equal(got->p[i].key, want->p[i].key);
        assert_memory_equal(got->p[i].w, want->p[i].w, sizeof want->p[i].w);
    }
    assert_int_equal(got->n, want->n);
}
static void ask_once(Cx *cx, const Snapshot *snap, PresencePlan plan, const WorldAsk *a, Want *want, bool by_period)
{
    SeenSet got = { 0 };
    ScanCount count;
    ok(scan_texts_new(cx, &plan.texts));
    Collect c = { .fold = { .rows = collect_rows, .fork = collect_fork, .merge = collect_merge, .done = collect_done,
        .by_period = by_period }, .ask = a, .texts = plan.texts, .bits = plan.grid->n + plan.before, .got = &got };
    ok(presence_fold(cx, snap, &plan, &c.fold, &count));
    same(&got, &want->seen);
    assert_int_equal(count.people, want->count.people);
    assert_int_equal(count.left_out, want->count.left_out);
    if (plan.count_events || count.events >= 0) assert_int_equal(count.events, want->count.events);
    free(got.p);
    scan_texts_done(plan.texts);
}
/* groups: how many at most; plain: the question names no property. */
static void ask_some(Cx *cx, World *w, size_t groups, bool plain)
{
    WorldAsk a;
    Snapshot snap;
    Grid grid;
    Want want;
    world_ask(cx, w, PRESENCE_MATCHERS, plain, &a);
    world_slots(w, &a, groups ? 1 + world_rnd(w, groups) : 0);
    world_grid(cx, w, &grid);
    ok(snapshot_take(cx, w->rig.s, &snap));
    PresencePlan plan = { .sel = &a.sel, .grid = &grid, .before = world_rnd(w, 3) == 0,
        .count_events = world_rnd(w, 3) == 0,
        .groups = a.slots, .n_groups = a.n_slots, .who = a.asks_who ? &a.who : NULL, .threads = (int)world_rnd(w, 3) };
    if (grid.n + plan.before > PRESENCE_BITS_MAX) plan.before = false;
    naive(cx, w, &snap, &plan, &a, &want);
    for (int turn = 0; turn < 3; turn++) ask_once(cx, &snap, plan, &a, &want, turn % 2);     /* also what was kept */
    free(want.seen.p);
    free(want.seen.newest);
    snapshot_done(cx, &snap);
    world_ask_done(&a);
}
static void world_of(Cx *cx, World *w, uint64_t seed, int actors, int days)
{
    *w = (World){ .x = seed * 7919 + 12345, .actors = actors, .days = days };
    rig_open(cx, &w->rig, test_dir());
    for (int i = 0; i < actors; i++) {                     /* actor and number are the same */
        Entry e = { .kind = ENTRY_EVENT, .event = world_event(w, i, INT64_C(1704067200000), 1)->e };
        rig_append(cx, &w->rig, &e, 1);
    }
}
static void walk_worlds(Cx *cx, uint64_t seeds, int steps, size_t groups, bool plain)
{
    static World w;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        world_of(cx, &w, seed * 2 + plain, seed % 2 ? 40 : 300, 60);
        for (int i = 0; i < steps; i++) {
            world_step(cx, &w, 30);
            for (int k = 0; k < 3; k++) ask_some(cx, &w, groups, plain);
            arena_reset(cx->arena);
        }
        world_done(&w);
    }
}
TEST(presence_by_names_is_what_a_naive_walk_sees) { walk_worlds(cx, 4, 25, 0, true); }
TEST(presence_with_filters_is_what_a_naive_walk_sees) { walk_worlds(cx, 4, 20, 0, false); }
TEST(presence_by_groups_is_what_a_naive_walk_sees) { walk_worlds(cx, 3, 15, 1, true); }
TEST(presence_by_several_groups_with_filters_is_what_a_naive_walk_sees) { walk_worlds(cx, 3, 15, 3, false); }

/* More people than a piece of a lane holds, one of them with more events than a block, and joins behind the segment. */
TEST(presence_of_many_people_and_of_one_with_many_events)
{
    enum { PEOPLE = 70000, BUSY = 17, EVENTS = 40000, BATCH = 1000 };
    static World w;
    static Entry e[BATCH];
    w = (World){ .x = 5, .actors = PEOPLE, .days = 60 };
    rig_open(cx, &w.rig, test_dir());
    for (int i = 0; i < PEOPLE + EVENTS; i += BATCH) {
        for (int k = 0; k < BATCH; k++) {
            int actor = i + k < PEOPLE ? i + k : BUSY;
            int64_t t = INT64_C(1709251200000) + (actor == BUSY ?
                (i + k) * INT64_C(20000) : (i + k) % 50 * INT64_C(40000000));
            e[k] = (Entry){ .kind = ENTRY_EVENT, .event = world_event(&w, actor, t, 1)->e };
        }
        rig_append(cx, &w.rig, e, BATCH);
    }
    for (int turn = 0; turn < 2; turn++) {
        ok(rig_flush(cx, &w.rig));
        ask_some(cx, &w, 0, true);
        for (int i = 0; i < 300; i++) world_other(cx, &w);
        Entry join = { .kind = ENTRY_JOIN, .join = { .id = ++w.next, .anon = rig_key(turn == 1 ? BUSY : 3),
            .user = rig_key(turn == 1 ? 5 : BUSY), .trust = TRUST_SECRET } };
        rig_append(cx, &w.rig, &join, 1);
        ask_some(cx, &w, 0, true);
        world_session(cx, &w, BUSY);
    }
    world_done(&w);
}
TEST(every_way_of_turning_and_counting_bits_gives_the_same)
{
    uint64_t x = 99, rows[64 * 3], want[64], got[64], a[16], b[5][16];
    const uint64_t *cols[5];
    int64_t counts[5] = { 0 }, counted[5] = { 0 };
    (void)cx;
    for (size_t i = 0; i < COUNT(rows); i++) rows[i] = x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
    for (size_t i = 0; i < 16; i++) a[i] = rows[i] & rows[i + 16];
    for (size_t k = 0; k < 5; k++) {
        for (size_t i = 0; i < 16; i++) b[k][i] = rows[i + 20 * k];
        cols[k] = b[k];
    }
    assert_true(presence_use(PRESENCE_PLAIN));
    presence_transpose(rows + 1, 3, want);
    for (size_t i = 0; i < 64; i++)
        for (size_t c = 0; c < 64; c++) assert_int_equal(want[c] >> i & 1, rows[1 + 3 * i] >> c & 1);
    presence_count(a, cols, 5, 16, counts);
    assert_int_not_equal(counts[0], 0);
    if (presence_use(PRESENCE_AVX512)) {
        presence_transpose(rows + 1, 3, got);
        assert_memory_equal(got, want, sizeof want);
        presence_count(a, cols, 5, 16, counted);
        assert_memory_equal(counted, counts, sizeof counts);
    }
    assert_true(presence_use(PRESENCE_BEST));
}
TEST(every_way_of_placing_runs_gives_the_same)
{
    enum { RUNS = 1003, ENDS = 12 };
    static int64_t start[RUNS], ends[ENDS];
    static uint32_t length[RUNS];
    static int32_t at[64], want[RUNS], got[RUNS];
    static uint8_t crosses[RUNS], crossed[RUNS];
    uint64_t x = 7;
    (void)cx;
    for (size_t i = 0; i < ENDS; i++) ends[i] = i + 1 < ENDS ? -500 + (int64_t)i * 1000 : INT64_MAX;
    for (size_t coarse = 0; coarse < 2; coarse++) {        /* with granules of one period, and of several */
        PresenceClock c = { .ends = ends, .base = -1000, .shift = coarse ? 12 : 9, .at = at };
        for (size_t g = 0, e = 0; g < COUNT(at); g++) {
            while (c.base + ((int64_t)g << c.shift) >= ends[e]) e++;
            at[g] = (int32_t)e;
        }
        for (size_t i = 0; i < RUNS; i++) {
            x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
            start[i] = -1000 + (int64_t)(x >> 33) % 13000;
            if (i % 5 == 0) start[i] = ends[i % (ENDS - 1)];
            length[i] = (uint32_t)(x >> 20) % 1500 * (i % 3 > 0);
        }
        assert_true(presence_use(PRESENCE_PLAIN));
        presence_place(&c, 2, 7, start, length, RUNS, want, crosses);
        if (presence_use(PRESENCE_AVX512)) {
            presence_place(&c, 2, 7, start, length, RUNS, got, crossed);
            assert_memory_equal(got, want, sizeof want);
            assert_memory_equal(crossed, crosses, sizeof crosses);
        }
        assert_true(presence_use(PRESENCE_BEST));
    }
}
