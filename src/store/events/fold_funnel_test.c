/* The walk of funnels against models written from the definitions, over many small random lives; ClickHouse's
 * windowFunnel against a search through all chains. */
#include "store/events/fold_funnel.h"
#include "store/events/fold_window_funnel.h"
#include "tests/test.h"
#include <string.h>

enum { MOST = 14, N = 4 };
static uint64_t dice;
static uint64_t rnd(uint64_t below)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return (dice >> 11) % below;
}
typedef struct Life { size_t n; int64_t time[MOST]; uint32_t mask[MOST]; uint8_t room[MOST]; FunnelRules r; } Life;

static FunnelReach walk(Life *l)
{
    FunnelReach ret;
    fold_funnel_walk(&l->r, &(FunnelEvents){ l->n, l->time, l->mask }, l->room, &ret);
    return ret;
}
/* Random events; gaps of 0 where ties are wanted. bits: what a mask may hold; many: several of them. */
static Life random_life(size_t steps, unsigned bits, bool many, unsigned gap_from)
{
    Life l = { .n = rnd(MOST + 1), .r = { .n = steps, .window = (int64_t)rnd(12) + 2, .to = INT64_MAX / 2 } };
    int64_t t = 100;
    for (size_t i = 0; i < l.n; i++) {
        l.time[i] = t += (int64_t)(gap_from + rnd(4));
        l.mask[i] = UINT32_C(1) << rnd(bits);
        if (many && rnd(3) == 0) l.mask[i] |= UINT32_C(1) << rnd(bits);
    }
    if (rnd(2)) l.r.to = 100 + (int64_t)rnd(30);
    return l;
}
static void shuffle_ties(Life *l)
{
    for (size_t turn = 0; turn < 3 * l->n; turn++) {
        size_t i = rnd(l->n), j = i + 1;
        if (j >= l->n || l->time[i] != l->time[j]) continue;
        uint32_t m = l->mask[i];
        l->mask[i] = l->mask[j], l->mask[j] = m;
    }
}
static void show(const Life *l)
{
    print_error("order %d window %lld to %lld optional %x by step %d\n", l->r.order, (long long)l->r.window,
        (long long)l->r.to, l->r.optional, l->r.by_step);
    for (size_t i = 0; i < l->n; i++) print_error("  %lld %x\n", (long long)l->time[i], l->mask[i]);
}

/* ---- chains: is there a way from an entry through distinct events to step k at all? ---- */

static bool chain_from(const Life *l, size_t i, int64_t entry, size_t step, size_t k)
{
    if (step == k) return true;
    for (size_t s = step + 1; s <= k; s++) {
        for (size_t j = 0; j < l->n; j++) {
            int64_t own = l->r.step_window[s];
            if (j == i || l->time[j] < l->time[i] || !(l->mask[j] >> s & 1)) continue;
            if (l->time[j] - entry > l->r.window || (own && l->time[j] - l->time[i] > own)) continue;
            if (chain_from(l, j, entry, s, k)) return true;
        }
        if (!(l->r.optional >> s & 1)) break;
    }
    return false;
}
static unsigned deepest_chain(const Life *l)
{
    for (size_t k = l->r.n; k-- > 0;)
        for (size_t i = 0; i < l->n; i++)
            if (l->mask[i] & 1 && l->time[i] < l->r.to && chain_from(l, i, l->time[i], 0, k)) return (unsigned)k + 1;
    return 0;
}
TEST(an_ordered_funnel_goes_as_deep_as_any_chain_does)
{
    (void)cx;
    dice = 31;
    for (int turn = 0; turn < 30000; turn++) {
        Life l = random_life(2 + rnd(3), 4, false, rnd(2) ? 1 : 0);
        for (size_t s = 1; rnd(2) && s < l.r.n; s++)
            if (rnd(2)) l.r.step_window[s] = 1 + (int64_t)rnd(6), l.r.by_step = true;
        for (size_t s = 1; rnd(2) && s < l.r.n; s++) if (rnd(3) == 0) l.r.optional |= UINT32_C(1) << s;
        unsigned want = deepest_chain(&l), got = walk(&l).level;
        if (got != want) show(&l), print_error("got %u, want %u\n", got, want);
        assert_int_equal(got, want);
    }
}
TEST(a_step_that_repeats_needs_as_many_events)
{
    (void)cx;
    dice = 77;
    for (int turn = 0; turn < 10000; turn++) {             /* all steps alike: n events within the window */
        Life l = random_life(2 + rnd(3), 1, false, rnd(2) ? 1 : 0);
        for (size_t i = 0; i < l.n; i++) l.mask[i] = (UINT32_C(1) << l.r.n) - 1;
        unsigned want = 0;
        for (size_t i = 0; i < l.n; i++) {
            unsigned in = 0;
            for (size_t j = i; l.time[i] < l.r.to && j < l.n && l.time[j] - l.time[i] <= l.r.window; j++) in++;
            if (in > want) want = in;
        }
        if (want > l.r.n) want = (unsigned)l.r.n;
        if (walk(&l).level != want) show(&l);
        assert_int_equal(walk(&l).level, want);
    }
}

/* ---- the definition, as a recursion over what each level held after each instant ---- */

typedef struct Held { int64_t entry; bool excluded; int64_t times[N]; } Held;            /* entry 0: nothing */
typedef struct Moment { Held level[N + 1], best; size_t deepest; } Moment;

static void model_step(const Life *l, Moment *m, int64_t t, size_t step)
{
    Held from = m->level[step];
    if (step == 0) from = (Held){ .entry = t < l->r.to ? t : 0 };
    if (from.entry == 0 || t - from.entry > l->r.window || m->level[step + 1].entry == from.entry) return;
    from.times[step] = t;
    if (!from.excluded) m->level[step + 1] = from;
    if (step + 1 > m->deepest || (step + 1 == m->deepest && m->best.excluded)) m->best = from, m->deepest = step + 1;
}
static void model_exclude(const Life *l, Moment *m, int64_t t, size_t level)
{
    Held *h = &m->level[level];
    bool on = level < l->r.n && m->level[level + 1].entry == h->entry;
    if (h->entry == 0 || on || h->excluded || h->times[level - 1] >= t || t - h->entry > l->r.window) return;
    h->excluded = true;
    if (m->deepest == level && m->best.times[level - 1] < t && t - m->best.entry <= l->r.window)
        m->best.excluded = true;
}
/* Each instant's events have one step at most here. */
static Moment model_after(const Life *l, size_t n)
{
    if (n == 0) return (Moment){ 0 };
    size_t first = n - 1;
    while (first > 0 && l->time[first - 1] == l->time[n - 1]) first--;
    Moment m = model_after(l, first);
    uint32_t all = 0;
    if (m.level[l->r.n].entry) return m;                   /* it has converted: that is that */
    for (size_t i = first; i < n; i++) all |= l->mask[i];
    for (size_t s = 0; s < l->r.n; s++) if (all >> s & 1) model_step(l, &m, l->time[first], s);
    for (size_t x = 0; x < l->r.n_spoils; x++)
        for (size_t level = 1; all >> l->r.n >> x & 1 && level < l->r.n; level++)
            if (l->r.spoils[x] >> level & 1) model_exclude(l, &m, l->time[first], level);
    for (size_t s = 0; l->r.order == FUNNEL_STRICT && s < l->r.n; s++)
        if (!(all >> s & 1)) m.level[s + 1] = (Held){ 0 };
    return m;
}
TEST(exclusions_and_strict_order_are_as_defined_and_the_order_of_input_is_nothing)
{
    (void)cx;
    int excluded = 0, clean = 0;
    dice = 99;
    for (int turn = 0; turn < 40000; turn++) {
        size_t n = 2 + rnd(3), n_spoils = rnd(3);
        Life l = random_life(n, (unsigned)(n + n_spoils + rnd(2)), false, rnd(2) ? 1 : 0);
        l.r.n_spoils = n_spoils;
        l.r.order = rnd(2) ? FUNNEL_STRICT : FUNNEL_ORDERED;
        for (size_t x = 0; x < n_spoils; x++) {
            size_t from = rnd(n - 1), to = from + 1 + rnd(n - from - 1);
            for (size_t level = from + 1; level <= to; level++) l.r.spoils[x] |= UINT32_C(1) << level;
        }
        Moment want = model_after(&l, l.n);
        FunnelReach got = walk(&l);
        if (got.level != want.deepest || got.excluded != want.best.excluded) show(&l);
        assert_int_equal(got.level, want.deepest);
        assert_int_equal(got.excluded, want.best.excluded);
        for (size_t s = 0; s < got.level; s++) assert_int_equal(l.time[got.at[s]], want.best.times[s]);
        excluded += got.excluded;
        clean += l.r.n_spoils && got.level > 1 && !got.excluded;
        shuffle_ties(&l);
        FunnelReach turned = walk(&l);
        assert_int_equal(turned.level, got.level);
        assert_int_equal(turned.excluded, got.excluded);
    }
    assert_true(excluded > 1000 && clean > 1000);
}
TEST(strict_is_within_ordered_and_ordered_within_any_order)
{
    (void)cx;
    dice = 5;
    for (int turn = 0; turn < 20000; turn++) {
        Life l = random_life(2 + rnd(3), 6, true, rnd(2) ? 1 : 0);
        FunnelReach in[3];
        for (int order = 0; order < 3; order++) l.r.order = (FunnelOrder)order, in[order] = walk(&l);
        if (in[FUNNEL_STRICT].level > in[FUNNEL_ORDERED].level) show(&l);
        assert_true(in[FUNNEL_STRICT].level <= in[FUNNEL_ORDERED].level);
        bool one_each = true;   /* any order gives an event away before it knows what comes */
        for (size_t i = 0; i < l.n; i++) one_each &= __builtin_popcount(l.mask[i] & ((1U << l.r.n) - 1)) <= 1;
        if (one_each) assert_true(in[FUNNEL_ORDERED].level <= in[FUNNEL_UNORDERED].level);
        for (int order = 0; order < 3; order++) {
            assert_true(in[order].did < UINT32_C(1) << l.r.n);
            for (unsigned k = 1; k < in[order].level; k++)
                assert_true(l.time[in[order].at[k - 1]] <= l.time[in[order].at[k]]);
            if (in[order].level) assert_true(l.time[in[order].at[0]] < l.r.to);
        }
    }
}

/* ---- any order ---- */

static unsigned widest_window(const Life *l)
{
    unsigned ret = 0;
    for (size_t i = 0; i < l->n; i++) {
        uint32_t met = 0;
        int64_t spoilt = INT64_MAX;                        /* the first exclusion after the entry */
        if (l->time[i] >= l->r.to || !(l->mask[i] & ((1U << l->r.n) - 1))) continue;
        for (size_t j = 0; j < l->n; j++)
            if (l->mask[j] >> l->r.n & ((1U << l->r.n_spoils) - 1) && l->time[j] > l->time[i] && l->time[j] < spoilt)
                spoilt = l->time[j];
        for (size_t j = 0; j < l->n; j++)
            if (l->time[j] >= l->time[i] && l->time[j] - l->time[i] <= l->r.window && l->time[j] <= spoilt)
                met |= l->mask[j] & ((1U << l->r.n) - 1);
        unsigned n = (unsigned)__builtin_popcount(met);
        if (n > ret) ret = n;
    }
    return ret;
}
TEST(any_order_finds_the_window_with_most_steps)
{
    (void)cx;
    dice = 11;
    for (int turn = 0; turn < 30000; turn++) {
        size_t n = 2 + rnd(3);
        Life l = random_life(n, (unsigned)n + 2, false, rnd(2) ? 1 : 0);
        l.r.order = FUNNEL_UNORDERED;
        l.r.n_spoils = rnd(2);
        l.r.spoils[0] = 2;
        unsigned want = widest_window(&l), got = walk(&l).level;
        if (got != want) show(&l), print_error("got %u, want %u\n", got, want);
        assert_int_equal(got, want);
        shuffle_ties(&l);
        assert_int_equal(walk(&l).level, want);
    }
}

/* ---- by hand ---- */

#define LIFE(...) life((const int64_t[][2]){ __VA_ARGS__ }, sizeof((const int64_t[][2]){ __VA_ARGS__ }) / 16)
static Life life(const int64_t (*events)[2], size_t n)
{
    Life l = { .n = n, .r = { .n = 3, .window = 60, .to = 1000000 } };
    for (size_t i = 0; i < n; i++) l.time[i] = events[i][0], l.mask[i] = (uint32_t)events[i][1];
    return l;
}
TEST(a_window_is_inclusive_and_counts_past_the_last_entry)
{
    (void)cx;
    Life l = LIFE({ 100, 1 }, { 130, 2 }, { 160, 4 });
    assert_int_equal(walk(&l).level, 3);
    l.r.window = 59;
    assert_int_equal(walk(&l).level, 2);
    l.r.window = 60, l.r.to = 101;
    assert_int_equal(walk(&l).level, 3);
    l.r.to = 100;
    assert_int_equal(walk(&l).level, 0);
}
TEST(who_starts_again_after_the_window_has_converted)
{
    (void)cx;
    Life l = LIFE({ 100, 1 }, { 130, 2 }, { 200, 1 }, { 210, 2 }, { 220, 4 });
    FunnelReach r = walk(&l);
    assert_int_equal(r.level, 3);
    assert_int_equal(r.at[0], 2);
    Life again = LIFE({ 60, 1 }, { 90, 1 }, { 105, 2 }, { 135, 4 });            /* the latest first step counts */
    assert_int_equal(walk(&again).at[0], 1);
}
TEST(an_excluded_attempt_takes_the_person_out_unless_a_clean_one_goes_as_deep)
{
    (void)cx;
    Life l = LIFE({ 100, 1 }, { 110, 8 }, { 120, 2 });
    l.r.n_spoils = 1, l.r.spoils[0] = 2;                   /* between steps 0 and 1 */
    assert_true(walk(&l).excluded);
    Life late = LIFE({ 100, 1 }, { 161, 8 });
    late.r = l.r;
    assert_false(walk(&late).excluded);                    /* its window is over */
    Life rescued = LIFE({ 100, 1 }, { 110, 8 }, { 120, 2 }, { 130, 1 }, { 140, 2 });
    rescued.r = l.r;
    assert_false(walk(&rescued).excluded);
    assert_int_equal(walk(&rescued).at[0], 3);
    Life shallow = LIFE({ 100, 1 }, { 110, 8 }, { 120, 2 }, { 130, 1 });
    shallow.r = l.r;
    assert_true(walk(&shallow).excluded);
}
TEST(an_optional_step_may_be_left_out_and_is_counted_when_taken)
{
    (void)cx;
    Life l = LIFE({ 100, 1 }, { 110, 4 });
    l.r.optional = 2;
    assert_int_equal(walk(&l).did, 5);
    Life with = LIFE({ 100, 1 }, { 105, 2 }, { 110, 4 });
    with.r = l.r;
    assert_int_equal(walk(&with).did, 7);
}

/* ---- the fold keeps no attempts where it need not: what it adds up is what the walk finds ---- */

TEST(the_fold_counts_and_times_what_the_walk_finds)
{
    dice = 21;
    for (int turn = 0; turn < 20000; turn++) {
        Life l = random_life(2 + rnd(3), 4, rnd(4) == 0, rnd(2) ? 1 : 0);
        for (size_t i = 0; i < l.n; i++) if (!(l.mask[i] &= (1U << l.r.n) - 1)) l.mask[i] = 1;
        FunnelWants w = { .rules = l.r, .times = rnd(2), .convert = rnd(2), .from_step = 0, .to_step = l.r.n - 1 };
        FoldFunnel f;
        FunnelReach want = walk(&l);
        ok(fold_funnel_init(cx, &f, &w));
        f.fold.person(&f.fold, &(Span){ .n = l.n, .time = l.time, .mask = l.mask });
        ok(f.fold.st);
        for (size_t s = 0; s < l.r.n; s++) {
            bool timed = s > 0 && w.times && s < want.level;
            if (s > 0 || w.convert) timed |= s == 0 && want.level == l.r.n;
            if (fold_funnel_people(&f, 0, s) != (s < want.level) || f.times[s].n != timed) show(&l);
            assert_int_equal(fold_funnel_people(&f, 0, s), s < want.level);
            assert_int_equal(f.times[s].n, timed);
            size_t from = s ? s - 1 : 0, to = s ? s : l.r.n - 1;
            if (timed) assert_int_equal(fold_funnel_ms(&f.times[s], 0), l.time[want.at[to]] - l.time[want.at[from]]);
        }
        f.fold.done(&f.fold);
    }
}

/* What two threads find of half the people each is what one finds of all, in whatever order groups come up. */
static void hand_over(FoldFunnel *f, const Life *l, uint32_t root)
{
    uint8_t kind[MOST];
    uint64_t value[MOST];
    for (size_t i = 0; i < l->n; i++) kind[i] = PROP_INT, value[i] = (root * 7 + i / 5) % 5;
    FoldCol col = { kind, value };
    f->fold.person(&f->fold, &(Span){ .root = root, .n = l->n, .time = l->time, .mask = l->mask, .cols = &col });
}
static int64_t all_ms(const FunnelTimes *t, uint32_t group)
{
    int64_t ret = 0;
    for (size_t i = 0; i < t->n; i++) if (t->group[i] == group) ret += fold_funnel_ms(t, i) * 1000 + 1;
    return ret;
}
TEST(halves_of_the_people_merge_into_all_of_them)
{
    dice = 8;
    for (int turn = 0; turn < 300; turn++) {
        FunnelPick pick = { .who = FUNNEL_REACHED, .step = 1, .group = 0 };
        FunnelWants w = { .rules = { .n = 3, .window = turn % 2 ? 9 : INT64_C(1) << 40, .to = 1000 }, .n_keys = 1,
            .times = true, .touch = (FunnelTouch)rnd(3) };
        FoldFunnel whole, sum;
        Fold *half[2];
        if (turn % 3 == 0) w.pick = &pick, w.n_roots = 64;
        ok(fold_funnel_init(cx, &whole, &w));
        ok(fold_funnel_init(cx, &sum, &w));
        for (int h = 0; h < 2; h++) ok(sum.fold.fork(cx, &sum.fold, &half[h]));
        for (uint32_t root = 0; root < 40; root++) {
            Life l = random_life(3, 3, false, 0);
            if (l.n == 0) continue;                        /* nobody is handed over without events */
            hand_over(&whole, &l, root);
            hand_over((FoldFunnel *)half[rnd(2)], &l, root);
        }
        for (int h = 2; h-- > 0;) sum.fold.merge(&sum.fold, half[h]), half[h]->done(half[h]);
        assert_int_equal(sum.fold.st, ST_OK);
        assert_int_equal(sum.groups.n, whole.groups.n);
        for (uint32_t g = 0; g < whole.groups.n; g++) {
            uint32_t to = groups_find(&sum.groups, &whole.groups.keys[g]);
            for (size_t s = 0; s < 3; s++) {
                assert_int_equal(fold_funnel_people(&sum, to, s), fold_funnel_people(&whole, g, s));
                assert_int_equal(all_ms(&sum.times[s], to), all_ms(&whole.times[s], g));
            }
        }
        sum.fold.done(&sum.fold);
        whole.fold.done(&whole.fold);
    }
}

/* ---- entries ---- */

typedef struct Told { unsigned level[MOST + 1]; size_t n; } Told;
static void note_entry(void *arg, const FunnelReach *r)
{
    Told *t = arg;
    t->level[t->n++] = r->level;
}
static Told entries(const Life *l)
{
    Told t = { .n = 0 };
    fold_funnel_entries(&l->r, &(FunnelEvents){ l->n, l->time, l->mask }, note_entry, &t);
    return t;
}
#define ENTRIES(l, ...) do { Told t_ = entries(l); const unsigned want_[] = { __VA_ARGS__ }; \
    assert_int_equal(t_.n, COUNT(want_)); assert_memory_equal(t_.level, want_, sizeof want_); } while (0)
TEST(entries_come_one_after_another)
{
    (void)cx;
    Life l = LIFE({ 60, 1 }, { 90, 1 }, { 105, 2 }, { 135, 4 });
    ENTRIES(&l, 2);                                        /* a second first step changes nothing: too late at 135 */
    Life two = LIFE({ 1, 1 }, { 2, 2 }, { 3, 4 }, { 4, 1 }, { 5, 2 });
    ENTRIES(&two, 3, 2);
    two.r.n_spoils = 1, two.r.spoils[0] = 6;
    two.mask[4] = 8;
    ENTRIES(&two, 3);                                      /* an exclusion ends the second one unseen */
    Life strict = LIFE({ 1, 1 }, { 2, 16 }, { 3, 2 }, { 4, 1 }, { 5, 2 }, { 6, 4 });
    strict.r.order = FUNNEL_STRICT;
    ENTRIES(&strict, 1, 3);
    Life any = LIFE({ 1, 4 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 99, 1 });
    any.r.order = FUNNEL_UNORDERED;
    ENTRIES(&any, 3, 1, 1);
}
TEST(who_has_an_entry_is_in_the_funnel_and_no_entry_goes_deeper_than_the_person)
{
    (void)cx;
    dice = 13;
    for (int turn = 0; turn < 20000; turn++) {
        Life l = random_life(2 + rnd(3), 5, false, 1);
        l.r.order = rnd(2) ? FUNNEL_STRICT : FUNNEL_ORDERED;
        Told t = entries(&l);
        FunnelReach r = walk(&l);
        unsigned deepest = 0;
        for (size_t i = 0; i < t.n; i++) if (t.level[i] > deepest) deepest = t.level[i];
        assert_int_equal(t.n > 0, r.level > 0);
        assert_true(deepest <= r.level);
    }
}

/* ---- ClickHouse's windowFunnel ---- */

static unsigned level_of(const char *events, int64_t window, unsigned modes, const char *conditions)
{
    int64_t time[8];
    uint32_t mask[8];
    size_t n = 0, c = strlen(conditions);
    for (const char *p = events; *p; n++) {
        time[n] = 0;
        while (*p >= '0' && *p <= '9') time[n] = time[n] * 10 + (*p++ - '0');
        mask[n] = 0;
        for (size_t i = 0; i < c; i++) if (conditions[i] == *p) mask[n] |= UINT32_C(1) << i;
        p++;
    }
    return fold_window_funnel(c, window, modes, n, time, mask);
}
TEST(window_funnel_agrees_with_the_table_of_its_modes)
{
    (void)cx;
    assert_int_equal(level_of("0A10B20C", 9, 0, "ABC"), 1);
    assert_int_equal(level_of("0A10B20C", 10, 0, "ABC"), 2);
    assert_int_equal(level_of("0A10B20C", 19, 0, "ABC"), 2);
    assert_int_equal(level_of("0A10B20C", 20, 0, "ABC"), 3);
    assert_int_equal(level_of("0A50A55B65C", 10, 0, "ABC"), 2);
    assert_int_equal(level_of("0A50A55B65C", 20, 0, "ABC"), 3);
    assert_int_equal(level_of("0A1X2B3C", 100, 0, "ABC"), 3);
    assert_int_equal(level_of("0A1X2B3C", 100, WINDOW_ORDER, "ABC"), 1);
    assert_int_equal(level_of("0A1B2B3C", 100, 0, "ABC"), 3);
    assert_int_equal(level_of("0A1B2B3C", 100, WINDOW_DEDUPLICATION, "ABC"), 2);
    assert_int_equal(level_of("0A0B1C", 100, 0, "ABC"), 3);
    assert_int_equal(level_of("0A0B1C", 100, WINDOW_INCREASE, "ABC"), 1);
    assert_int_equal(level_of("0A1A", 100, 0, "AAA"), 3);
    assert_int_equal(level_of("0A1A", 100, WINDOW_ONCE, "AAA"), 2);
    assert_int_equal(level_of("0A1C2B3C", 100, 0, "ABC"), 3);
    assert_int_equal(level_of("0A1C2B3C", 100, WINDOW_ORDER, "ABC"), 1);
    assert_int_equal(level_of("0A5B11C", 10, 0, "ABC"), 2);
    assert_int_equal(level_of("0A5B10C", 10, 0, "ABC"), 3);
    assert_int_equal(level_of("", 10, 0, "ABC"), 0);
    assert_int_equal(level_of("0B", 10, WINDOW_ORDER | WINDOW_ONCE, "ABC"), 0);
}
static bool pair_chain(const Life *l, unsigned modes, size_t i, size_t c, int64_t anchor, uint32_t used)
{
    if (c + 1 == l->r.n) return true;
    for (size_t j = 0; j < l->n; j++) {
        if (l->time[j] < l->time[i] || !(l->mask[j] >> (c + 1) & 1) || l->time[j] - anchor > l->r.window) continue;
        if (modes & WINDOW_INCREASE && l->time[j] == l->time[i]) continue;
        if (modes & WINDOW_ONCE && used >> j & 1) continue;
        if (pair_chain(l, modes, j, c + 1, anchor, used | UINT32_C(1) << j)) return true;
    }
    return false;
}
TEST(window_funnel_goes_as_deep_as_any_chain_of_pairs)
{
    (void)cx;
    static const unsigned modes[] = { 0, WINDOW_INCREASE, WINDOW_ONCE, WINDOW_ONCE | WINDOW_INCREASE };
    dice = 3;
    for (int turn = 0; turn < 20000; turn++) {
        Life l = random_life(4, 4, true, rnd(3) ? 0 : 1);
        unsigned m = modes[rnd(4)], want = 0;
        bool simple = m != WINDOW_INCREASE;                /* a first condition at the same time hides an earlier one */
        for (unsigned k = 4; k > 0 && !want; k--) {
            l.r.n = k;
            for (size_t i = 0; i < l.n && !want; i++)
                if (l.mask[i] & 1 && pair_chain(&l, m, i, 0, l.time[i], UINT32_C(1) << i)) want = k;
        }
        l.r.n = 4;
        unsigned got = fold_window_funnel(4, l.r.window, m, l.n, l.time, l.mask);
        if (got != want && simple) show(&l), print_error("modes %u: got %u, want %u\n", m, got, want);
        if (simple) assert_int_equal(got, want);
        else assert_true(got <= want);
    }
}
