/* How fast questions are over generated events, and how many bytes an event takes: scan_bench [millions [folder]].
 * 12 names, sessions of a few events, country and plan per person, price on purchases, 90 days. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/events/ask.h"

enum { BATCH = 2000, RUNS = 5, PEOPLE_PER_MILLION = 12000 };
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
static const char *const NAMES[] = { "view", "view", "view", "view", "search", "add", "like", "share", "buy", "login",
    "logout", "signup", "help", "settings" };
static const char *const COUNTRIES[] = { "CN", "CN", "CN", "US", "JP", "DE", "BR", "IN" };

/* One person's session: the store is given what a busy day looks like, person after person by chance. */
static size_t session(Entry *e, Prop *props, size_t room, uint64_t people, int64_t day)
{
    uint64_t who = rnd(people), n = 1 + rnd(16);
    int64_t t = day + (int64_t)rnd(86400000);
    if (n > room) n = room;
    for (uint64_t i = 0; i < n; i++, t += (int64_t)rnd(120000)) {
        Prop *p = props + 3 * i;
        const char *name = NAMES[rnd(sizeof NAMES / sizeof *NAMES)];
        p[0] = (Prop){ .name = S("country"), .kind = PROP_STR, .s = str_z(COUNTRIES[who % 8]) };
        p[1] = (Prop){ .name = S("path"), .kind = PROP_STR };
        static char paths[500][32];
        uint64_t path = rnd(500) * rnd(500) / 500;
        snprintf(paths[path], sizeof paths[path], "/p/%" PRIu64, path);
        p[1].s = str_z(paths[path]);
        p[2] = (Prop){ .name = S("price"), .kind = PROP_DOUBLE, .d = (double)rnd(50000) / 100 };
        e[i] = (Entry){ .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .name = str_z(name),
            .time = t,
            .received = t + (int64_t)rnd(2000), .props = p, .n_props = strcmp(name, "buy") == 0 ? 3 : 2 } };
        e[i].event.actor = (Hash128){ who * UINT64_C(0x9E3779B97F4A7C15) + 1, who };
    }
    return n;
}
static void fill(Cx *cx, Events *ev, int64_t events, uint64_t people)
{
    static Entry e[BATCH];
    static Prop props[BATCH * 3];
    int64_t start = INT64_C(1704067200000);
    for (int64_t done = 0; done < events;) {
        size_t n = 0;
        int64_t day = start + done * 90 / events * 86400000;
        while (n < BATCH) n += session(e + n, props + 3 * n, BATCH - n, people, day);
        must(cx, events_append_wait(cx, ev, e, n, NULL), "append");
        done += (int64_t)n;
        arena_reset(cx->arena);
    }
}
static int by_us(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static void question(Cx *cx, Events *ev, const char *label, const char *json, int64_t events)
{
    int64_t us[RUNS];
    Answer a = { 0 };
    for (int i = 0; i < RUNS; i++) {
        must(cx, ask_run(cx, ev, str_z(json), &a), label);
        us[i] = a.us;
    }
    qsort(us, RUNS, sizeof *us, by_us);
    printf("%-34s %8.1f ms  %7.1f M events/s  (read %" PRId64 ", people %" PRId64 ")\n", label,
        (double)us[RUNS / 2] / 1000, (double)events / (double)us[RUNS / 2], a.events_read, a.people);
    arena_reset(cx->arena);
}
int main(int argc, char **argv)
{
    double millions = argc > 1 ? strtod(argv[1], NULL) : 5;
    const char *dir = argc > 2 ? argv[2] : "/tmp/liuke-scan-bench";
    int64_t events = (int64_t)(millions * 1e6), t0 = clock_mono_us();
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = clock_now() };
    EventsConfig c = { .fs = fs_posix(), .dir = dir, .quiet = true, .tail_bytes = 512U << 20 };
    Events *ev;
    EventsStats st;
    must(&cx, events_open(&cx, &c, &ev), "open");
    must(&cx, events_stats(&cx, ev, &st), "stats");
    if (st.events == 0) fill(&cx, ev, events, (uint64_t)(millions * PEOPLE_PER_MILLION));
    printf("append %.1f s\n", (double)(clock_mono_us() - t0) / 1e6);
    for (int pass = 0; pass < 2; pass++) {
        must(&cx, events_stats(&cx, ev, &st), "stats");
        printf("%" PRId64 " events, %" PRId64 " people, %" PRId64 " in the tail, %" PRId64 " segments, %.2f bytes "
            "an event\n",
            st.events, st.people, st.tail_events, st.segments,
            (double)st.segment_bytes / (double)(st.events - st.tail_events));
        question(&cx, ev, "trend, all events by day",
            "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{},\"from\":\"2024-01-01\","
            "\"to\":\"2024-04-01\"}", st.events);
        question(&cx, ev, "people by day, country is CN",
            "{\"kind\":\"trend\",\"period\":\"day\",\"measure\":\"people\","
            "\"event\":{},\"from\":\"2024-01-01\",\"to\":\"2024-04-01\",\"filter\":[{\"prop\":\"country\","
            "\"op\":\"is\","
            "\"value\":\"CN\"}]}", st.events);
        question(&cx, ev, "trend, buy and price over 100",
            "{\"kind\":\"trend\",\"period\":\"day\",\"event\":{\"name\":\"buy\"},"
            "\"from\":\"2024-01-01\",\"to\":\"2024-04-01\",\"filter\":[{\"prop\":\"price\",\"op\":\"gt\","
            "\"value\":100}]}", st.events);
        question(&cx, ev, "retention 90 x 90, any event",
            "{\"kind\":\"retention\",\"period\":\"day\",\"first_interval\":\"2024-01-01\","
            "\"intervals\":90,\"start_event\":{},\"return_event\":{}}", st.events);
        question(&cx, ev, "first time by week, signup to buy",
            "{\"kind\":\"retention\",\"period\":\"week\",\"mode\":\"first_time\","
            "\"first_interval\":\"2024-01-01\",\"intervals\":13,\"start_event\":{\"name\":\"signup\"},"
            "\"return_event\":{\"name\":\"buy\"}}", st.events);
        if (pass) break;
        t0 = clock_mono_us();
        must(&cx, events_flush(&cx, ev), "flush");
        int64_t flushed = clock_mono_us();
        Status merged;
        while ((merged = events_merge(&cx, ev)) == ST_OK) arena_reset(cx.arena);
        must(&cx, merged, "merge");
        printf("flush %.2f s, merge %.2f s\n", (double)(flushed - t0) / 1e6, (double)(clock_mono_us() - flushed) / 1e6);
    }
    events_close(ev);
    arena_free(cx.arena);
    return 0;
}
