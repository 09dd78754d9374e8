/* Findings against plain counting over random events: joins, undos, late events, hidden people, zones, values. */
#include "base/clock.h"
#include "store/events/presence_key_test.h"
#include "store/events/query_findings.h"
#include <math.h>

enum { DAY = 86400000, NAMES_MAX = 4000, LEVELS = 6, TEXT = 100 };
static const FindingsLevel ALL[LEVELS] = { { false, 1 }, { false, 2 }, { false, 3 }, { false, 5 }, { true, 2 },
    { true, 3 } };
typedef struct Seen { int64_t start; int day; bool finished, stayed; } Seen;
/* A candidate, and what each root did of it. */
typedef struct Model { char name[TEXT], value[TEXT]; bool valued; uint32_t times[64]; uint64_t days[64]; } Model;
static Model models[NAMES_MAX];
static size_t n_models;
static Seen seen[64];

static void text_of(const Prop *v, char ret[TEXT])
{
    ret[0] = 0;
    if (v->kind == PROP_STR) snprintf(ret, TEXT, "%.*s", (int)v->s.n, v->s.n ? v->s.p : "");
    if (v->kind == PROP_BOOL) snprintf(ret, TEXT, "%s", v->b ? "true" : "false");
    if (v->kind == PROP_INT) snprintf(ret, TEXT, "%lld", (long long)v->i);
    if (v->kind == PROP_DOUBLE) snprintf(ret, TEXT, "%g", v->d);
}
static Model *model_of(const char *name, const char *value, bool valued)
{
    for (size_t i = 0; i < n_models; i++)
        if (!strcmp(models[i].name, name) && !strcmp(models[i].value, value) && models[i].valued == valued)
            return &models[i];
    assert_true(n_models < NAMES_MAX);
    Model *m = &models[n_models++];
    *m = (Model){ .valued = valued };
    snprintf(m->name, TEXT, "%s", name);
    snprintf(m->value, TEXT, "%s", value);
    return m;
}
/* The day, counted by asking for its midnight, one after the other. */
static int day_of(const FindingsQuery *q, int64_t start, int64_t t)
{
    if (q->from_event) return (int)((t - start) / DAY);
    int64_t at = zone_floor(q->scope.zone, PERIOD_DAY, 0, start);
    int n = 0;
    for (;; n++) {
        at = zone_next(q->scope.zone, PERIOD_DAY, 0, at);
        if (t < at) return n;
    }
}
static int64_t day_end(const FindingsQuery *q, int64_t start, uint32_t day)
{
    if (q->from_event) return start + ((int64_t)day + 1) * DAY;
    int64_t at = zone_floor(q->scope.zone, PERIOD_DAY, 0, start);
    for (uint32_t i = 0; i <= day; i++) at = zone_next(q->scope.zone, PERIOD_DAY, 0, at);
    return at;
}
static void stories(const World *w, const Snapshot *snap, const WorldAsk *ask, const FindingsQuery *q, int64_t now)
{
    for (size_t i = 0; i < COUNT(seen); i++) seen[i] = (Seen){ .start = INT64_MAX };
    for (size_t k = 0; k < w->n; k++) {
        const Event *e = &w->events[k]->e;
        uint32_t root = world_root(snap, w->events[k]->actor);
        if (joins_flags(snap->people, root) & SCAN_LEFT_OUT || !(world_mask(ask, e, root) & 1)) continue;
        if (e->time >= q->from && e->time < q->to && e->time < seen[root].start) seen[root].start = e->time;
    }
    for (size_t i = 0; i < COUNT(seen); i++)
        if (seen[i].start != INT64_MAX) seen[i].finished = day_end(q, seen[i].start, q->stay_to) <= now;
}
static void early(const FindingsQuery *q, const Event *e, uint32_t root, uint32_t mask, int day)
{
    char name[TEXT], value[TEXT];
    Prop v = q->prop ? world_value(e, q->prop->name) : (Prop){ .kind = PROP_NULL };
    if (!(mask & 4) || day >= (int)q->early) return;
    if ((mask & 1 && !q->keep_start && !q->start.any) || (mask & 2 && !q->keep_back && !q->back.any)) return;
    text_of(&(Prop){ .kind = PROP_STR, .s = e->name }, name);
    text_of(&v, value);
    for (int valued = 0; valued <= (v.kind != PROP_NULL); valued++) {
        Model *m = model_of(name, valued ? value : "", valued);
        m->times[root]++;
        m->days[root] |= UINT64_C(1) << day;
    }
}
static void model(const World *w, const Snapshot *snap, const WorldAsk *ask, const FindingsQuery *q, int64_t now)
{
    n_models = 0;
    stories(w, snap, ask, q, now);
    for (size_t k = 0; k < w->n; k++) {
        const Event *e = &w->events[k]->e;
        uint32_t root = world_root(snap, w->events[k]->actor), mask = world_mask(ask, e, root);
        Seen *s = &seen[root];
        if (!s->finished || e->time < s->start) continue;
        int day = day_of(q, s->start, e->time);
        if (mask & 2 && day >= (int)q->stay_from && day <= (int)q->stay_to) s->stayed = true;
        early(q, e, root, mask, day);
    }
}
static bool did(const Model *m, size_t root, size_t level)
{
    uint32_t n = ALL[level].days ? (uint32_t)__builtin_popcountll(m->days[root]) : m->times[root];
    return n >= ALL[level].least;
}
typedef struct Counts { int64_t did, did_stayed, people, stayed, unfinished; } Counts;
static Counts count(const Model *m, size_t level)
{
    Counts c = { 0 };
    for (size_t i = 0; i < COUNT(seen); i++) {
        c.unfinished += seen[i].start != INT64_MAX && !seen[i].finished;
        if (!seen[i].finished) continue;
        c.people++;
        c.stayed += seen[i].stayed;
        if (!m || !did(m, i, level)) continue;
        c.did++;
        c.did_stayed += seen[i].stayed;
    }
    return c;
}
/* ---- the looks, sure ones and best ones, in the plainest way ---- */

typedef struct Look { size_t model, level; Shares s; double q; } Look;
static Look looks[NAMES_MAX * LEVELS];
static size_t n_looks;
static void look_at_all(const FindingsQuery *q)
{
    n_looks = 0;
    for (size_t i = 0; i < n_models; i++)
        for (size_t level = 0; level < LEVELS; level++) {
            Counts c = count(&models[i], level);
            if (c.did < q->min_people || c.people - c.did < q->min_people ||
                (double)c.did < q->min_support * (double)c.people) continue;
            looks[n_looks++] = (Look){ i, level, shares_compare(c.did_stayed, c.did, c.stayed - c.did_stayed,
                c.people - c.did), 1 };
        }
    for (size_t i = 0; i < n_looks; i++)         /* the least, over all p >= its own, of p m / (how many <= p) */
        for (size_t k = 0; k < n_looks; k++) {
            size_t rank = 0;
            if (looks[k].s.p < looks[i].s.p) continue;
            for (size_t j = 0; j < n_looks; j++) rank += looks[j].s.p <= looks[k].s.p;
            double v = looks[k].s.p * (double)n_looks / (double)rank;
            if (v < looks[i].q) looks[i].q = v;
        }
}
static const Look *best_of(const FindingsQuery *q, size_t m)
{
    const Look *best = NULL;
    for (size_t i = 0; i < n_looks; i++) {
        const Look *l = &looks[i];
        double strength = shares_strength(&l->s);
        if (l->model != m || l->q > q->q_most || (q->q_most < 1 && strength <= 0)) continue;
        if (!best || strength > shares_strength(&best->s)) best = l;
    }
    return best;
}
static void same_row(const FindingsQuery *q, const FindingsRow *r)
{
    char name[TEXT], value[TEXT];
    snprintf(name, sizeof name, "%.*s", (int)r->event.n, r->event.p);
    snprintf(value, sizeof value, "%.*s", (int)r->value.n, r->value.n ? r->value.p : "");
    Model *m = model_of(name, value, r->valued);
    const Look *l = best_of(q, (size_t)(m - models));
    assert_non_null(l);
    Counts c = count(m, l->level);
    assert_int_equal(r->level.days, ALL[l->level].days);
    assert_int_equal(r->level.least, ALL[l->level].least);
    assert_int_equal(r->did, c.did);
    assert_int_equal(r->did_stayed, c.did_stayed);
    assert_int_equal(r->without, c.people - c.did);
    assert_int_equal(r->without_stayed, c.stayed - c.did_stayed);
    assert_true(fabs(r->q - l->q) <= 1e-12);
    assert_true(r->support == (double)c.did / (double)c.people);
}
static size_t same_answer(const FindingsQuery *q, const FindingsAnswer *a)
{
    Counts c = count(NULL, 0);
    size_t found = 0, stronger = 0, limit = q->scope.breakdown_limit ? q->scope.breakdown_limit : 25;
    assert_int_equal(a->people, c.people);
    assert_int_equal(a->stayed, c.stayed);
    assert_int_equal(a->unfinished, c.unfinished);
    assert_int_equal(a->candidates, n_models);
    assert_int_equal(a->looks, n_looks);
    for (size_t i = 0; i < a->n_rows; i++) {
        same_row(q, &a->rows[i]);
        if (i == 0) continue;
        double before = shares_strength(&a->rows[i - 1].shares), now = shares_strength(&a->rows[i].shares);
        assert_true(before > now || (before == now && (str_cmp(a->rows[i - 1].event, a->rows[i].event) < 0 ||
            (str_eq(a->rows[i - 1].event, a->rows[i].event) && str_cmp(a->rows[i - 1].value, a->rows[i].value) <= 0))));
    }
    assert_int_equal(n_models, a->candidates);             /* no row was of something nobody did */
    for (size_t i = 0; i < n_models; i++) {
        const Look *l = best_of(q, i);
        found += l != NULL;
        stronger += l && a->n_rows && shares_strength(&l->s) > shares_strength(&a->rows[a->n_rows - 1].shares);
    }
    assert_int_equal(a->found, found);
    assert_int_equal(a->n_rows, found < limit ? found : limit);
    assert_true(a->n_rows == 0 || stronger < a->n_rows);
    return a->n_rows;
}
static void same_people(Cx *cx, World *w, const Snapshot *snap, FindingsQuery q)
{
    if (n_models == 0) return;
    const Model *m = &models[world_rnd(w, n_models)];
    size_t level = world_rnd(w, LEVELS), n = 0;
    FindingsCell cell = { .row = { .event = str_z(m->name), .value = str_z(m->value), .valued = m->valued,
        .level = ALL[level] }, .did = world_rnd(w, 2), .stayed = world_rnd(w, 2) };
    FindingsAnswer a;
    PeopleSet people;
    ok(people_set_new(cx, (uint32_t)w->actors, &people));
    q.cell = &cell, q.people = &people;
    ok(query_findings_run(cx, snap, &q, &a));
    for (uint32_t i = 0; i < COUNT(seen); i++) {
        bool in = seen[i].finished && did(m, i, level) == cell.did && seen[i].stayed == cell.stayed;
        assert_int_equal(people_set_has(&people, i), in);
        n += in;
    }
    assert_int_equal(people_set_count(&people), n);
    people_set_done(&people);
}
static size_t ask_once(Cx *cx, World *w)
{
    static const char *const zones[] = { "UTC", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe" };
    static const ScanSlot props[] = { { .kind = SLOT_PROP, .name = { "country", 7 } },
        { .kind = SLOT_PROP, .name = { "path", 4 } }, { .kind = SLOT_PROP, .name = { "paid", 4 } } };
    FindingsQuery q = { .min_people = 1 + (int64_t)world_rnd(w, 4), .min_support = (double)(1 + world_rnd(w, 9)) / 100,
        .q_most = world_rnd(w, 3) ? 1 : 0.5, .keep_start = world_rnd(w, 3) == 0, .keep_back = world_rnd(w, 3) == 0,
        .from_event = world_rnd(w, 2), .early = 1 + (uint32_t)world_rnd(w, 8) };
    FindingsAnswer a;
    WorldAsk ask;
    Snapshot snap;
    ok(snapshot_take(cx, w->rig.s, &snap));
    ok(zone_get(cx, str_z(zones[world_rnd(w, COUNT(zones))]), &q.scope.zone));
    q.stay_from = q.early + (uint32_t)world_rnd(w, 5);
    q.stay_to = q.stay_from + (uint32_t)world_rnd(w, 15);
    q.scope.breakdown_limit = world_rnd(w, 2) ? 200 : world_rnd(w, 6);
    q.from = INT64_C(1709251200000) - (int64_t)world_rnd(w, 10 * (uint64_t)DAY);
    q.to = q.from + 1 + (int64_t)world_rnd(w, 40 * (uint64_t)DAY);
    cx->now = q.to + (int64_t)world_rnd(w, 30 * (uint64_t)DAY) - 3 * (int64_t)DAY;
    if (world_rnd(w, 2)) q.prop = &props[world_rnd(w, COUNT(props))];
    world_ask(cx, w, 1, false, &ask);
    if (world_rnd(w, 4)) ask.sel.filter = NULL;
    if (world_rnd(w, 4)) ask.sel.matchers[0].where = NULL;
    ask.sel.hide = QUERY_HIDE;
    ask.sel.n_matchers = 3;
    ask.sel.matchers[1] = (Matcher){ .any = world_rnd(w, 3) == 0, .name = S("view") };
    ask.sel.matchers[2] = (Matcher){ .any = world_rnd(w, 4) != 0, .name = S("buy") };
    q.start = ask.sel.matchers[0], q.back = ask.sel.matchers[1], q.event = ask.sel.matchers[2];
    q.scope.filter = ask.sel.filter;
    if (ask.asks_who) q.scope.who = &ask.who;
    ok(scan_texts_new(cx, &q.scope.texts));
    ok(query_findings_run(cx, &snap, &q, &a));
    model(w, &snap, &ask, &q, cx->now);
    look_at_all(&q);
    size_t n = same_answer(&q, &a);
    same_people(cx, w, &snap, q);
    scan_texts_done(q.scope.texts);
    world_ask_done(&ask);
    snapshot_done(cx, &snap);
    return n;
}
TEST(findings_agree_with_plain_counting_on_random_events)
{
    size_t rows = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        World w = { .x = seed * UINT64_C(0x9E3779B97F4A7C15), .actors = 50, .days = 50 };
        rig_open(cx, &w.rig, test_dir());
        for (int step = 0; step < 4; step++) {
            world_step(cx, &w, 100);
            for (int i = 0; i < 8; i++) {
                rows += ask_once(cx, &w);
                arena_reset(cx->arena);
            }
        }
        world_done(&w);
    }
    assert_true(rows > 500);
}
