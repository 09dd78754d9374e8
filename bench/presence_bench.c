/* How fast presence and tallies are over generated history: presence_bench [millions [folder]], 8 and /tmp by default.
 * 56 names, sessions of 8 events, 85 events a person over 90 days, every twelfth session at midnight; country constant
 * in a person, channel changing within sessions, url by event, price on some. Each question: the first run after
 * opening, then the best of some; user time of both threads; and what that comes to for 42 million events on two
 * cores. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/events/bulk.h"
#include "store/events/presence.h"
#include "store/events/snapshot.h"
#include "store/events/tally.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { RUNS = 7, DAYS = 90, A_PERSON = 85, NAMES = 56, URLS = 2500, HOUR = 3600000 };
static const int64_t START = INT64_C(1738368000000), DAY = 24 * HOUR;      /* 2025-02-01 */
static uint64_t dice = 88172645463325252U;
static uint64_t rnd(uint64_t below)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return (dice >> 11) % below;
}
static void must(Cx *cx, Status st, const char *what)
{
    if (st == ST_OK || st == ST_NOT_FOUND) return;
    fprintf(stderr, "%s: %s %s\n", what, status_name(st), cx->why.log);
    exit(1);
}

/* ---- history ---- */

typedef struct Ids { uint32_t name[NAMES], country, channel, url, price; } Ids;
static const char *const countries[] = { "CN", "CN", "CN", "US", "US", "JP", "DE", "BR", "IN", "FR" };
static const char *const channels[] = { "direct", "search", "email", "push", "ads", "social", "partner", "wechat" };
static void session(Cx *cx, Bulk *b, const Ids *ids, uint32_t person, uint32_t actor)
{
    static char urls[URLS][40];
    int64_t t = START + (int64_t)rnd(DAYS) * DAY + (int64_t)(rnd(12) + rnd(12)) * HOUR + (int64_t)rnd(HOUR);
    uint64_t n = 1 + rnd(15), channel = rnd(COUNT(channels));
    if (rnd(12) == 0) t -= t % DAY + (int64_t)rnd(HOUR / 3);
    for (uint64_t i = 0; i < n; i++, t += 300 + (int64_t)rnd(40000)) {
        uint64_t name = rnd(10) < 4 ? 0 : rnd(NAMES) * rnd(NAMES) / NAMES, url = rnd(URLS) * rnd(URLS) / URLS;
        must(cx, bulk_row(cx, b, t, actor, ids->name[name]), "row");
        if (person % 50)
            must(cx, bulk_text(cx, b, ids->country, str_z(countries[person % COUNT(countries)])), "country");
        if (rnd(16) == 0) channel = rnd(COUNT(channels));
        must(cx, bulk_text(cx, b, ids->channel, str_z(channels[channel])), "channel");
        snprintf(urls[url], sizeof urls[url], "https://shop.example/%" PRIu64, url * 7919);
        must(cx, bulk_text(cx, b, ids->url, str_z(urls[url])), "url");
        double price = (double)rnd(30000) / 100;
        uint64_t bits;
        memcpy(&bits, &price, sizeof bits);
        if (name && name < 4) must(cx, bulk_value(cx, b, ids->price, PROP_DOUBLE, bits), "price");
    }
}
static void fill(Cx *cx, Events *ev, int64_t events)
{
    Bulk *b;
    ManifestMark mark;
    Ids ids;
    uint32_t people = (uint32_t)(events / A_PERSON) + 1, *actors = calloc(people, sizeof *actors);
    must(cx, bulk_open(cx, ev, &(BulkConfig){ .import = 1, .source = 1, .trust = TRUST_SECRET }, &b, &mark), "bulk");
    for (int i = 0; i < NAMES; i++) {
        char name[32];
        snprintf(name, sizeof name, "name %d", i);
        must(cx, bulk_name(cx, b, str_z(name), &ids.name[i]), "name");
    }
    must(cx, bulk_prop(cx, b, S("country"), &ids.country), "prop");
    must(cx, bulk_prop(cx, b, S("channel"), &ids.channel), "prop");
    must(cx, bulk_prop(cx, b, S("url"), &ids.url), "prop");
    must(cx, bulk_prop(cx, b, S("price"), &ids.price), "prop");
    for (uint32_t i = 0; i < people; i++)
        must(cx, bulk_actor(cx, b, (Hash128){ i * UINT64_C(0x9E3779B97F4A7C15) + 1, i }, &actors[i]), "actor");
    for (int64_t done = 0; done < events; done += 8) {
        uint32_t person = (uint32_t)(rnd(people) * (rnd(3) ? people : rnd(people)) / people);
        session(cx, b, &ids, person, actors[person]);
        if (!bulk_full(b)) continue;
        mark = (ManifestMark){ .import = 1 };
        must(cx, bulk_commit(cx, b, &mark, &mark), "commit");
        arena_reset(cx->arena);
    }
    mark = (ManifestMark){ .import = 1 };
    must(cx, bulk_commit(cx, b, &mark, &mark), "commit");
    must(cx, bulk_wait(cx, b, &mark), "wait");
    bulk_close(b);
    free(actors);
}

/* ---- folds ---- */

typedef struct Triangle { PresenceFold fold; size_t n; int64_t *cells; } Triangle;
static void triangle_rows(PresenceFold *f, const PresenceBatch *b)
{
    Triangle *t = (Triangle *)f;
    size_t words = (b->n + 511) / 512 * 8;
    if (b->col[0]) {
        for (size_t i = 0; i < t->n; i++)
            presence_count(b->col[0][i], b->col[0] + i, t->n - i, words, t->cells + i * t->n);
        return;
    }
    for (size_t r = 0; r < b->n; r++) {
        uint8_t days[DAYS + 38];
        size_t n = 0;
        for (size_t w = 0; w < b->words; w++)
            for (uint64_t rest = b->seen[0][r * b->words + w]; rest; rest &= rest - 1)
                days[n++] = (uint8_t)(w * 64 + (size_t)__builtin_ctzll(rest));
        for (size_t i = 0; i < n; i++)
            for (size_t k = i; k < n; k++) t->cells[days[i] * t->n + (size_t)(days[k] - days[i])]++;
    }
}
static Status triangle_fork(Cx *cx, const PresenceFold *f, PresenceFold **ret)
{
    const Triangle *from = (const Triangle *)f;
    Triangle *t = calloc(1, sizeof *t);
    (void)cx;
    *t = (Triangle){ .fold = from->fold, .n = from->n, .cells = calloc(from->n * from->n, sizeof *t->cells) };
    *ret = &t->fold;
    return ST_OK;
}
static void triangle_merge(PresenceFold *f, PresenceFold *from)
{
    Triangle *t = (Triangle *)f;
    for (size_t i = 0; i < t->n * t->n; i++) t->cells[i] += ((Triangle *)from)->cells[i];
}
static void triangle_done(PresenceFold *f)
{
    free(((Triangle *)f)->cells);
    free(f);
}

/* ---- questions ---- */

typedef struct Ask {
    const char *label;
    const char *zone, *group, *prop, *value;
    bool by_row, tally, any, fresh;      /* fresh: other days each time, so that nothing kept helps */
} Ask;
static double user_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec * 1e3 + (double)u.ru_utime.tv_usec / 1e3;
}
static int64_t once(Cx *cx, const Snapshot *snap, const Ask *a, const Grid *grid)
{
    Where where = { .kind = WHERE_PRED };
    Selector sel = { .n_matchers = 1, .hide = EVENT_SERVICE | EVENT_TEST | EVENT_BOT };
    ScanSlot slot = { .kind = a->group && str_is(str_z(a->group), "$event") ? SLOT_NAME : SLOT_PROP };
    ScanTexts *texts;
    ScanCount count;
    int64_t sum = 0;
    must(cx, scan_texts_new(cx, &texts), "texts");
    slot.name = str_z(a->group);
    sel.matchers[0] = (Matcher){ .any = a->any, .name = S("name 0") };
    where.pred = (Pred){ .prop = str_z(a->prop), .op = OP_IS, .value = { .kind = PROP_STR, .s = str_z(a->value) } };
    if (a->prop) sel.filter = &where;
    if (a->tally) {
        Tally t;
        TallyPlan plan = { .sel = &sel, .grid = grid, .groups = &slot, .n_groups = a->group != NULL, .texts = texts };
        must(cx, tally_run(cx, snap, &plan, &t, &count), a->label);
        for (size_t i = 0; i < t.groups.n * t.matchers * t.periods; i++) sum += t.events[i];
        tally_done(&t);
    } else {
        PresencePlan plan = { .sel = &sel, .grid = grid, .groups = &slot, .n_groups = a->group != NULL,
            .texts = texts };
        Triangle t = { .fold = { .rows = triangle_rows, .fork = triangle_fork, .merge = triangle_merge,
            .done = triangle_done, .by_period = !a->by_row }, .n = grid->n };
        t.cells = calloc(t.n * t.n, sizeof *t.cells);
        must(cx, presence_fold(cx, snap, &plan, &t.fold, &count), a->label);
        for (size_t i = 0; i < t.n * t.n; i++) sum += t.cells[i];
        free(t.cells);
    }
    scan_texts_done(texts);
    return sum;
}
static void question(Cx *cx, Events *ev, const Ask *a, double events)
{
    const Zone *zone;
    const int64_t *starts;
    size_t n;
    int64_t sum = 0;
    double first = 0, best = 1e9, user = 1e9, first_user = 0;
    Snapshot snap;
    must(cx, zone_get(cx, str_z(a->zone ? a->zone : "UTC"), &zone), "zone");
    must(cx, zone_grid(cx, zone, PERIOD_DAY, 1, START, START + DAYS * DAY, 400, &starts, &n), "grid");
    Grid grid = { n < DAYS ? n : DAYS, starts };
    must(cx, snapshot_take(cx, events_state(ev), &snap), "snapshot");
    for (int i = 0; i < RUNS; i++) {
        int64_t t0 = clock_mono_us();
        double u0 = user_ms();
        int64_t *moved = ARENA_MANY(cx->arena, int64_t, n + 1);
        for (size_t k = 0; k <= n; k++) moved[k] = starts[k] + (a->fresh ? (i + 1) * 60000 : 0);
        sum = once(cx, &snap, a, &(Grid){ grid.n, moved });
        double ms = (double)(clock_mono_us() - t0) / 1e3, u = user_ms() - u0;
        if (i == 0) first = ms, first_user = u;
        if (ms < best) best = ms;
        if (u < user) user = u;
    }
    snapshot_done(cx, &snap);
    printf("%-38s first %7.1f ms (user %6.1f, 42M %6.1f)  then %7.1f ms (user %6.1f, %6.3f ns/event, 42M %6.1f)  "
        "%" PRId64 "\n", a->label, first, first_user, first_user / events * 42e6 / 2, best, user, user * 1e6 / events,
        user / events * 42e6 / 2, sum);
    arena_reset(cx->arena);
}
static const Ask asks[] = {
    { .label = "retention, plain" },
    { .label = "retention, plain, row by row", .by_row = true },
    { .label = "retention, any event", .any = true },
    { .label = "retention, fresh", .fresh = true },
    { .label = "retention, any event, fresh", .fresh = true, .any = true },
    { .label = "retention, New York", .zone = "America/New_York" },
    { .label = "retention by country (person)", .group = "country" },
    { .label = "retention, country = CN (person)", .prop = "country", .value = "CN" },
    { .label = "retention, channel = ads (varies)", .prop = "channel", .value = "ads" },
    { .label = "retention, url (varies by event)", .prop = "url", .value = "https://shop.example/7919" },
    { .label = "people by country, any event", .group = "country", .any = true, .by_row = true },
    { .label = "people by channel, any event", .group = "channel", .any = true, .by_row = true },
    { .label = "count by day and event", .tally = true, .group = "$event", .any = true },
    { .label = "count by day", .tally = true },
    { .label = "count by day, country = CN", .tally = true, .prop = "country", .value = "CN" },
    { .label = "count by day, channel = ads", .tally = true, .prop = "channel", .value = "ads" },
};
int main(int argc, char **argv)
{
    double millions = argc > 1 ? strtod(argv[1], NULL) : 8;
    const char *dir = argc > 2 ? argv[2] : "/tmp/liuke-presence-bench", *only = argc > 3 ? argv[3] : "";
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = clock_now() };
    EventsConfig c = { .fs = fs_posix(), .dir = dir, .quiet = true };
    Events *ev;
    EventsStats st;
    must(&cx, events_open(&cx, &c, &ev), "open");
    must(&cx, events_stats(&cx, ev, &st), "stats");
    if (st.events == 0) {
        int64_t t0 = clock_mono_us();
        fill(&cx, ev, (int64_t)(millions * 1e6));
        Status merged;
        while ((merged = events_merge(&cx, ev)) == ST_OK) arena_reset(cx.arena);
        must(&cx, merged, "merge");
        printf("filled in %.1f s\n", (double)(clock_mono_us() - t0) / 1e6);
        must(&cx, events_stats(&cx, ev, &st), "stats");
    }
    printf("%" PRId64 " events, %" PRId64 " people, %" PRId64 " segments, %.2f bytes an event\n", st.events, st.people,
        st.segments, (double)st.segment_bytes / (double)st.events);
    Snapshot snap;
    int64_t runs = 0;
    must(&cx, snapshot_take(&cx, events_state(ev), &snap), "snapshot");
    for (size_t i = 0; i < snap.set->n; i++)
        for (uint32_t b = 0; b < snap.set->segs[i]->n_blocks; b++) runs += snap.set->segs[i]->blocks[b].n_runs;
    snapshot_done(&cx, &snap);
    printf("%.2f events a run\n", (double)st.events / (double)runs);
    for (size_t i = 0; i < COUNT(asks); i++)
        if (strstr(asks[i].label, only)) question(&cx, ev, &asks[i], (double)st.events);
    events_close(ev);
    arena_free(cx.arena);
    return 0;
}
