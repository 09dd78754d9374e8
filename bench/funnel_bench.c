/* What funnels and paths cost, in nanoseconds of processor time: funnel-bench [folder that scan-bench filled].
 * First the folds alone, for each event handed to them; then whole questions over the folder, for each event stored,
 * beside the same scan with a fold that does nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/events/query_funnel.h"
#include "store/events/query_paths.h"

enum { RUNS = 9, PEOPLE = 20000, MOST = 60 };
static const int64_t DAY = 86400000;
static uint64_t dice = 88172645463325252;
static uint64_t rnd(uint64_t below)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return (dice >> 11) % below;
}
static void must(Cx *cx, Status st, const char *what)
{
    if (st == ST_OK) return;
    fprintf(stderr, "%s: %s [%s] %s\n", what, status_name(st), cx->why.field, cx->why.log);
    exit(1);
}
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- folds alone ---- */

typedef struct People { int64_t *time; uint32_t *mask; size_t *first; } People;
static People people_of(void)
{
    People p = { malloc(PEOPLE * MOST * sizeof *p.time), malloc(PEOPLE * MOST * sizeof *p.mask),
        malloc((PEOPLE + 1) * sizeof *p.first) };
    size_t n = 0;
    if (!p.time || !p.mask || !p.first) exit(1);
    for (size_t i = 0; i < PEOPLE; i++) {
        p.first[i] = n;
        int64_t t = 0;
        for (uint64_t left = 1 + rnd(MOST - 1); left; left--) {
            p.time[n] = t += (int64_t)rnd(4 * 3600000);
            p.mask[n++] = UINT32_C(1) << rnd(4);
        }
    }
    p.first[PEOPLE] = n;
    return p;
}
static void fold_alone(Cx *cx, const People *p, const char *label, const FunnelWants *w)
{
    int64_t best = INT64_MAX;
    for (int run = 0; run < RUNS; run++) {
        FoldFunnel f;
        must(cx, fold_funnel_init(cx, &f, w), label);
        int64_t c = cpu_us();
        for (size_t i = 0; i < PEOPLE; i++) {
            Span s = { .root = (uint32_t)i, .n = p->first[i + 1] - p->first[i], .time = p->time + p->first[i],
                .mask = p->mask + p->first[i] };
            f.fold.person(&f.fold, &s);
        }
        c = cpu_us() - c;
        if (c < best) best = c;
        f.fold.done(&f.fold);
    }
    printf("%-32s %6.2f ns/event handed over\n", label, (double)best * 1000 / (double)p->first[PEOPLE]);
}
static void folds_alone(Cx *cx)
{
    People p = people_of();
    FunnelWants w = { .rules = { .n = 4, .window = DAY, .to = INT64_MAX } };
    fold_alone(cx, &p, "fold: ordered, counts", &w);
    w.times = true;
    fold_alone(cx, &p, "fold: ordered, times", &w);
    w.rules.order = FUNNEL_STRICT;
    fold_alone(cx, &p, "fold: strict, times", &w);
    w.rules.order = FUNNEL_UNORDERED;
    fold_alone(cx, &p, "fold: any order, times", &w);
    w.rules.order = FUNNEL_ORDERED, w.entries = true;
    fold_alone(cx, &p, "fold: entries, times", &w);
    free(p.time), free(p.mask), free(p.first);
}

/* ---- whole questions ---- */

static void none_person(Fold *f, const Span *s) { (void)f, (void)s; }
static Status none_fork(Cx *cx, const Fold *f, Fold **ret)
{
    *ret = mem_get(sizeof **ret);
    if (!*ret) return fail(cx, ST_NO_MEM, "bench");
    **ret = *f;
    return ST_OK;
}
static void none_merge(Fold *to, Fold *from) { (void)to, (void)from; }
static void none_done(Fold *f) { mem_free(f); }

typedef struct Ask { const char *label; const FunnelQuery *funnel; const PathsQuery *paths; const ScanPlan *plan; } Ask;
static void question(Cx *cx, const Snapshot *snap, const Ask *a, int64_t events)
{
    int64_t best = INT64_MAX, best_wall = INT64_MAX, result = 0;
    for (int run = 0; run < RUNS; run++) {
        ScanTexts *texts;
        must(cx, scan_texts_new(cx, &texts), "texts");
        int64_t c = cpu_us(), wall = clock_mono_us();
        if (a->funnel) {
            FunnelQuery q = *a->funnel;
            FunnelAnswer got;
            q.scope.texts = texts;
            must(cx, query_funnel_run(cx, snap, &q, &got), a->label);
            result = got.rows[0].steps[q.n_steps - 1].people;
        } else if (a->paths) {
            PathsQuery q = *a->paths;
            PathsAnswer got;
            q.scope.texts = texts;
            must(cx, query_paths_run(cx, snap, &q, &got), a->label);
            result = got.total;
        } else {
            Fold none = { none_person, none_fork, none_merge, none_done, ST_OK };
            ScanPlan plan = *a->plan;
            ScanCount count;
            plan.texts = texts;
            must(cx, scan_fold(cx, snap, &plan, &none, &count), a->label);
            result = count.events;
        }
        c = cpu_us() - c, wall = clock_mono_us() - wall;
        if (c < best) best = c;
        if (wall < best_wall) best_wall = wall;
        scan_texts_done(texts);
        arena_reset(cx->arena);
    }
    printf("%-32s %6.2f ns/event stored %8.1f ms  (%" PRId64 ")\n", a->label, (double)best * 1000 / (double)events,
        (double)best_wall / 1000, result);
}
static void questions(Cx *cx, const Snapshot *snap, int64_t events)
{
    static const FunnelStepSpec steps[] = { { .event.name = S_INIT("event 1") }, { .event.name = S_INIT("event 2") },
        { .event.name = S_INIT("event 3") }, { .event.name = S_INIT("event 4") } };
    static const Selector four = { .matchers = { { .name = S_INIT("event 1") }, { .name = S_INIT("event 2") },
        { .name = S_INIT("event 3") }, { .name = S_INIT("event 4") } }, .n_matchers = 4, .hide = QUERY_HIDE };
    static const Selector any = { .matchers = { { .any = true } }, .n_matchers = 1, .hide = QUERY_HIDE };
    static const ScanSlot name = { .kind = SLOT_NAME };
    static const Matcher after = { .name = S_INIT("event 1") };
    const ScanPlan plain = { .sel = &four, .from = 0, .to = INT64_MAX, .count_from = 0 }, names = { .sel = &any,
        .slots = &name, .n_slots = 1, .from = 0, .to = INT64_MAX, .count_from = 0 };
    FunnelQuery counts = { .steps = steps, .n_steps = 4, .window = DAY, .from = 0, .to = INT64_MAX / 2 };
    FunnelQuery times = counts, by = counts, hold = counts, strict = counts;
    times.times = true;
    by.scope.n_breakdown = 1, by.scope.breakdown[0] = (ScanSlot){ .kind = SLOT_PROP, .name = S("country") };
    hold.hold = S("country");
    strict.order = FUNNEL_STRICT;
    PathsQuery edges = { .from = 0, .to = INT64_MAX / 2 }, start = edges, sequences = edges, urls = edges;
    start.start = S("event 1");
    sequences.after = &after;
    urls.prop = S("url"), urls.item.name = S("event 0");
    const Ask asks[] = { { "scan: the four names", NULL, NULL, &plain }, { "funnel: counts", &counts, NULL, NULL },
        { "funnel: times", &times, NULL, NULL }, { "funnel: by country", &by, NULL, NULL },
        { "funnel: country held", &hold, NULL, NULL }, { "funnel: strict", &strict, NULL, NULL },
        { "scan: all names", NULL, NULL, &names }, { "paths: edges of names", NULL, &edges, NULL },
        { "paths: from a name", NULL, &start, NULL }, { "paths: 5 after a name", NULL, &sequences, NULL },
        { "paths: edges of addresses", NULL, &urls, NULL } };
    for (size_t i = 0; i < COUNT(asks); i++) question(cx, snap, &asks[i], events);
}
int main(int argc, char **argv)
{
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = clock_now() };
    EventsConfig c = { .fs = fs_posix(), .dir = argc > 1 ? argv[1] : "/tmp/liuke-scan-bench", .quiet = true };
    Events *ev;
    EventsStats st;
    Snapshot snap;
    folds_alone(&cx);
    must(&cx, events_open(&cx, &c, &ev), "open");
    must(&cx, events_stats(&cx, ev, &st), "stats");
    must(&cx, snapshot_take(&cx, events_state(ev), &snap), "snapshot");
    if (st.events) questions(&cx, &snap, st.events);
    snapshot_done(&cx, &snap);
    events_close(ev);
    arena_free(cx.arena);
    return 0;
}
