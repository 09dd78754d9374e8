/* audience_bench: what a segment's count and one person's rule cost.
 *
 *     audience_bench FOLDER [EVENTS]     an events folder; where it holds nothing, so many events are made in it
 *                                        (1,000,000; 50 a person, 52 names, 90 days, 30 % joined to a known id)
 *
 * Prints, for several expressions, the median of 9 counts of everybody (ms, and processor ms) and the mean of 2,000
 * people asked one by one (µs of processor time). The figures that are held to bounds are the engine bench's. */
#include "base/arena.h"
#include "base/limits.h"
#include "domain/audience/audience.h"
#include "store/events/state.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 1000, NAMES = 52, A_PERSON = 50, ROUNDS = 9, ASKED = 2000 };
static const int64_t NOW = INT64_C(1767225600000), DAY = 86400000;     /* 2026-01-01 */

static void must(const Cx *cx, Status st, const char *what)
{
    if (st == ST_OK || st == ST_NOT_FOUND) return;
    fprintf(stderr, "audience_bench: %s: %s [%s] %s\n", what, status_name(st), cx->why.field, cx->why.log);
    exit(1);
}
static uint64_t rnd(uint64_t below)
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (x >> 11) % below;
}
static Hash128 key(uint64_t i) { return (Hash128){ i * UINT64_C(0x9E3779B97F4A7C15) + 1, i ^ 0x5bd1e995 }; }
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- made events ---- */

static char names[NAMES][24];
static void one_event(Entry *e, Prop *p, uint64_t people)
{
    static const char *const plans[] = { "free", "pro", "team" };
    uint64_t who = rnd(people), name = rnd(4) ? rnd(6) : rnd(NAMES);
    bool identify = rnd(A_PERSON) == 0;
    bool anonymous = who % 10 < 3 && rnd(3) == 0;
    size_t n = 0;
    p[n++] = (Prop){ .name = S("path"), .kind = PROP_STR, .s = str_z(names[rnd(NAMES)]) };
    if (identify) p[n++] = (Prop){ .name = S("plan"), .kind = PROP_STR, .s = str_z(plans[rnd(3)]) };
    if (name == 1) p[n++] = (Prop){ .name = S("price"), .kind = PROP_DOUBLE, .d = (double)rnd(20000) / 100 };
    *e = (Entry){ .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .time = NOW -
        (int64_t)rnd((uint64_t)(90 * DAY)), .actor = key(anonymous ? people + who : who), .props = p, .n_props = n,
        .name = identify ? S("$identify") : str_z(names[name]) } };
    e->event.received = e->event.time;
}
static void make(Cx *cx, Events *ev, int64_t n)
{
    static Entry e[BATCH];
    static Prop p[BATCH][4];
    uint64_t people = (uint64_t)n / A_PERSON + 1;
    for (int64_t done = 0; done < n; done += BATCH, arena_reset(cx->arena)) {
        for (size_t i = 0; i < BATCH; i++) one_event(&e[i], p[i], people);
        must(cx, events_append_wait(cx, ev, e, BATCH, NULL), "append");
    }
    for (uint64_t i = 0; i < people; i++, arena_reset(cx->arena)) {
        Entry j = { .kind = ENTRY_JOIN, .join = { .id = (int64_t)i + 1, .anon = key(people + i), .user = key(i),
            .trust = TRUST_SECRET } };
        if (i % 10 < 3) must(cx, events_append_wait(cx, ev, &j, 1, NULL), "join");
    }
    must(cx, events_flush(cx, ev), "flush");
    while (events_merge(cx, ev) == ST_OK) arena_reset(cx->arena);
    for (size_t i = 0; i < BATCH; i++) one_event(&e[i], p[i], people);      /* and a tail */
    must(cx, events_append_wait(cx, ev, e, BATCH, NULL), "append");
}

/* ---- asked ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, by_size);
    return v[ROUNDS / 2];
}
typedef struct Cost { double wall, cpu, person; size_t people; } Cost;
static Cost ask(Cx *cx, const Snapshot *snap, const Audience *a)
{
    double wall[ROUNDS], cpu[ROUNDS];
    Cost c = { 0 };
    Cx own = { .arena = arena_new(CX_ARENA_MAX), .now = cx->now };
    for (int i = 0; i < ROUNDS; i++) {
        PeopleSet all;
        int64_t t0 = clock_mono_us();
        double c0 = cpu_ms();
        must(&own, audience_everyone(&own, snap, a, cx->now, NULL, &all), "everyone");
        wall[i] = (double)(clock_mono_us() - t0) / 1e3;
        cpu[i] = cpu_ms() - c0;
        c.people = people_set_count(&all);
        people_set_done(&all);
        arena_reset(own.arena);
    }
    c.wall = median(wall), c.cpu = median(cpu);
    double c0 = cpu_ms();
    for (int i = 0; i < ASKED; i++) {
        bool holds;
        uint32_t root = joins_root(snap->people, (uint32_t)rnd(snap->actors));
        must(&own, audience_person(&own, snap, a, cx->now, root, &holds), "person");
        arena_reset(own.arena);
    }
    c.person = (cpu_ms() - c0) * 1e3 / ASKED;
    arena_free(own.arena);
    return c;
}
static const char *const TEXTS[] = {
    "{\"did\":{\"event\":\"event 1\",\"times\":{\"ge\":3},\"within\":[30,\"day\"]}}",
    ("{\"all\":[{\"trait\":\"plan\",\"op\":\"is\",\"value\":\"pro\"},{\"did\":{\"event\":\"event 1\",\"where\":{"
        "\"prop\":\"price\",\"op\":\"ge\",\"value\":100},\"times\":{\"ge\":2},\"within\":[30,\"day\"]}},{\"not\":"
        "{\"did\":{\"event\":\"event 2\",\"within\":[7,\"day\"]}}}]}"),
    ("{\"sequence\":{\"steps\":[{\"event\":\"event 2\"},{\"event\":\"event 3\"},{\"event\":\"event 1\"}],\"span\":"
        "[1,\"day\"],\"within\":[30,\"day\"]}}"),
    "{\"trait\":\"plan\",\"op\":\"is\",\"value\":\"pro\"}",
    "{\"last_seen\":{\"before\":[3,\"day\"]}}",
    "{\"silent\":{\"usual\":3}}",
};
static void bench(Cx *cx, const Snapshot *snap)
{
    AudienceScope scope = { .week_start = 1 };
    must(cx, zone_get(cx, S("Asia/Shanghai"), &scope.zone), "zone");
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        const Audience *a;
        must(cx, audience_parse(cx, &scope, str_z(TEXTS[i]), "expression", AUDIENCE_OF_PEOPLE, &a), TEXTS[i]);
        Cost c = ask(cx, snap, a);
        printf("%.60s\n    %zu people, count %.1f ms (%.1f of processor), one %.1f us\n", TEXTS[i], c.people, c.wall,
            c.cpu, c.person);
    }
}
int main(int argc, char **argv)
{
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = NOW };
    Events *ev;
    EventsStats s = { 0 };
    Snapshot snap;
    if (argc < 2 || !cx.arena) return fprintf(stderr, "audience_bench FOLDER [EVENTS]\n"), 2;
    for (size_t i = 0; i < NAMES; i++) snprintf(names[i], sizeof names[i], "event %zu", i);
    must(&cx, events_open(&cx, &(EventsConfig){ .fs = fs_posix(), .dir = argv[1], .quiet = true,
        .tail_bytes = (size_t)4 << 30 }, &ev), argv[1]);
    must(&cx, events_stats(&cx, ev, &s), "stats");
    if (s.events == 0) make(&cx, ev, argc > 2 ? strtoll(argv[2], NULL, 10) : 1000000);
    must(&cx, events_stats(&cx, ev, &s), "stats");
    printf("%lld events, %lld people, %lld segments, %lld in the tail\n", (long long)s.events, (long long)s.people,
        (long long)s.segments, (long long)s.tail_events);
    if (s.newest) cx.now = s.newest;
    int64_t t0 = clock_mono_us();
    must(&cx, snapshot_take(&cx, events_state(ev), &snap), "snapshot");
    printf("snapshot %.2f ms\n", (double)(clock_mono_us() - t0) / 1e3);
    bench(&cx, &snap);
    snapshot_done(&cx, &snap);
    events_close(ev);
    arena_free(cx.arena);
    return 0;
}
