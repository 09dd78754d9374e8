/* What a scan costs, in nanoseconds of processor time for each event stored: scan-bench [millions [folder [part of a
 * name]]].
 * 90 days in three months, 85 events a person in sessions, 50 names of which 4 are a funnel's, country fixed for a
 * person, a URL that varies, a price on purchases. One thread unless it says otherwise; a folder is used again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/events/bulk.h"
#include "store/events/query.h"
#include "store/events/scan.h"

enum { RUNS = 15, A_PERSON = 85, NAMES = 50, URLS = 400, DAYS = 90 };
static const int64_t START = INT64_C(1704067200000), DAY = 86400000;
static uint64_t dice = 88172645463325252;
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

/* ---- the log ---- */

static const char *const COUNTRIES[] = { "CN", "CN", "CN", "US", "JP", "DE", "BR", "IN" };
typedef struct Fill { Bulk *b; uint32_t names[NAMES], country, url, price; ManifestMark mark; } Fill;
/* Half of all are page views; the funnel's four are names 1 to 4, together one in twelve. */
static uint32_t name_of(void)
{
    uint64_t x = rnd(48);
    return x < 24 ? 0 : x < 28 ? 1 + (uint32_t)(x - 24) : 5 + (uint32_t)rnd(NAMES - 5);
}
static void session(Cx *cx, Fill *f, uint32_t actor, uint64_t who)
{
    char url[32];
    int64_t t = START + (int64_t)rnd(DAYS) * DAY + (int64_t)rnd((uint64_t)DAY);
    for (uint64_t n = 1 + rnd(16); n; n--, t += (int64_t)rnd(120000)) {
        uint32_t name = name_of();
        must(cx, bulk_row(cx, f->b, t, actor, f->names[name]), "row");
        must(cx, bulk_text(cx, f->b, f->country, str_z(COUNTRIES[who % COUNT(COUNTRIES)])), "country");
        snprintf(url, sizeof url, "/p/%" PRIu64, rnd(URLS) * rnd(URLS) / URLS);
        must(cx, bulk_text(cx, f->b, f->url, str_z(url)), "url");
        if (name == 4) must(cx, bulk_value(cx, f->b, f->price, PROP_INT, rnd(500)), "price");
    }
}
static void fill(Cx *cx, Events *ev, int64_t events)
{
    Fill f = { 0 };
    char name[32];
    BulkConfig c = { .import = 1, .source = 1, .trust = TRUST_SECRET };
    uint64_t people = (uint64_t)events / A_PERSON;
    must(cx, bulk_open(cx, ev, &c, &f.b, &f.mark), "bulk");
    for (uint32_t i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "event %u", i);
        must(cx, bulk_name(cx, f.b, str_z(name), &f.names[i]), "name");
    }
    must(cx, bulk_prop(cx, f.b, S("country"), &f.country), "prop");
    must(cx, bulk_prop(cx, f.b, S("url"), &f.url), "prop");
    must(cx, bulk_prop(cx, f.b, S("price"), &f.price), "prop");
    for (uint64_t i = 0; i < people * 10; i++) {
        uint64_t who = rnd(people);
        uint32_t actor;
        must(cx, bulk_actor(cx, f.b, (Hash128){ who * UINT64_C(0x9E3779B97F4A7C15) + 1, who }, &actor), "actor");
        session(cx, &f, actor, who);
        ManifestMark durable;
        f.mark.done++;
        if (bulk_full(f.b)) must(cx, bulk_commit(cx, f.b, &f.mark, &durable), "commit");
        if (i % 1000 == 0) arena_reset(cx->arena);
    }
    ManifestMark durable;
    if (bulk_rows(f.b)) must(cx, bulk_commit(cx, f.b, &f.mark, &durable), "commit");
    must(cx, bulk_wait(cx, f.b, &durable), "wait");
    bulk_close(f.b);
    Status st;
    while ((st = events_merge(cx, ev)) == ST_OK) arena_reset(cx->arena);
    must(cx, st, "merge");
}

/* ---- folds ---- */

typedef struct Sum { Fold fold; uint64_t sum; size_t n_slots; } Sum;
static void sum_person(Fold *f, const Span *s)
{
    Sum *m = (Sum *)f;
    uint64_t sum = s->n + (uint64_t)s->time[0] + s->mask[s->n - 1];
    for (size_t k = 0; k < m->n_slots; k++) for (size_t i = 0; i < s->n; i++) sum += s->cols[k].value[i];
    m->sum += sum;
}
/* Four steps in order within a day, as a funnel walks: the deepest step reached. */
static void funnel_person(Fold *f, const Span *s)
{
    Sum *m = (Sum *)f;
    int64_t began[5] = { 0, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN };
    int deepest = 0;
    for (size_t i = 0; i < s->n; i++) {
        int step = __builtin_ctz(s->mask[i]);
        int64_t t = step == 0 ? s->time[i] : began[step];
        bool in = step == 0 || (t != INT64_MIN && s->time[i] - t <= DAY);
        began[step + 1] = in ? t : began[step + 1];
        deepest = in && step + 1 > deepest ? step + 1 : deepest;
    }
    m->sum += (uint64_t)deepest;
}
static Status sum_fork(Cx *cx, const Fold *f, Fold **ret)
{
    Sum *s = mem_get(sizeof *s);
    if (!s) return fail(cx, ST_NO_MEM, "bench");
    *s = *(const Sum *)f;
    *ret = &s->fold;
    return ST_OK;
}
static void sum_merge(Fold *to, Fold *from) { ((Sum *)to)->sum += ((Sum *)from)->sum; }
static void sum_done(Fold *f) { mem_free(f); }
static Sum sum_of(size_t n_slots)
{
    return (Sum){ { sum_person, sum_fork, sum_merge, sum_done, ST_OK }, 0, n_slots };
}

/* ---- questions ---- */

typedef struct Ask {
    const char *label;
    Selector sel;
    ScanSlot slots[2];
    size_t   n_slots;
    bool     funnel;
    int64_t  from;
} Ask;
static const Where COUNTRY = { .kind = WHERE_PRED, .pred = { S_INIT("country"), OP_IS, { .kind = PROP_STR,
    .s = S_INIT("CN") } } };
static const Where URL = { .kind = WHERE_PRED, .pred = { S_INIT("url"), OP_IS, { .kind = PROP_STR,
    .s = S_INIT("/p/5") } } };
static const Where PRICE = { .kind = WHERE_PRED, .pred = { S_INIT("price"), OP_GT, { .kind = PROP_INT, .i = 100 } } };
#define ANY { .any = true }
#define NAME(i) { .name = S_INIT("event " #i) }
static const Ask ASKS[] = {
    { "all events", { { ANY }, 1, NULL, QUERY_HIDE }, .from = INT64_MIN },
    { "all events, last week", { { ANY }, 1, NULL, QUERY_HIDE },
        .from = INT64_C(1704067200000) + 83 * INT64_C(86400000) },
    { "page views and any", { { ANY, NAME(0) }, 2, NULL, QUERY_HIDE }, .from = INT64_MIN },
    { "funnel, 4 of 50 names", { { NAME(1), NAME(2), NAME(3), NAME(4) }, 4, NULL, QUERY_HIDE }, .funnel = true,
        .from = INT64_MIN },
    { "funnel, price over 100", { { NAME(1), NAME(2), NAME(3), { .name = S_INIT("event 4"), .where = &PRICE } }, 4,
        NULL,
        QUERY_HIDE }, .funnel = true, .from = INT64_MIN },
    { "all, country is CN", { { ANY }, 1, &COUNTRY, QUERY_HIDE }, .from = INT64_MIN },
    { "all, url is /p/5", { { ANY }, 1, &URL, QUERY_HIDE }, .from = INT64_MIN },
    { "all, their names", { { ANY }, 1, NULL, QUERY_HIDE }, { { SLOT_NAME, S_INIT(""), NULL } }, 1, .from = INT64_MIN },
    { "all, url and country", { { ANY }, 1, NULL, QUERY_HIDE }, { { SLOT_PROP, S_INIT("url"), NULL },
        { SLOT_PROP, S_INIT("country"), NULL } }, 2, .from = INT64_MIN },
    { "purchases, their price", { { NAME(4) }, 1, NULL, QUERY_HIDE }, { { SLOT_PROP, S_INIT("price"), NULL } }, 1,
        .from = INT64_MIN },
};
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
static int by_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static void question(Cx *cx, Events *ev, const Ask *a, int threads, int64_t events)
{
    int64_t cpu[RUNS], wall[RUNS];
    ScanCount count;
    uint64_t sum = 0;
    for (int i = 0; i < RUNS; i++) {
        Snapshot snap;
        ScanTexts *texts;
        Sum fold = sum_of(a->n_slots);
        if (a->funnel) fold.fold.person = funnel_person;
        must(cx, snapshot_take(cx, events_state(ev), &snap), "snapshot");
        must(cx, scan_texts_new(cx, &texts), "texts");
        ScanPlan plan = { .sel = &a->sel, .slots = a->slots, .n_slots = a->n_slots, .texts = texts, .from = a->from,
            .to = INT64_MAX, .count_from = a->from, .threads = threads };
        int64_t c = cpu_us(), w = clock_mono_us();
        must(cx, scan_fold(cx, &snap, &plan, &fold.fold, &count), a->label);
        cpu[i] = cpu_us() - c;
        wall[i] = clock_mono_us() - w;
        sum = fold.sum;
        scan_texts_done(texts);
        snapshot_done(cx, &snap);
        arena_reset(cx->arena);
    }
    qsort(cpu, RUNS, sizeof *cpu, by_i64);
    qsort(wall, RUNS, sizeof *wall, by_i64);
    printf("%-26s %d  %7.2f ns/event  %8.1f ms  (%" PRId64 " events, %" PRId64 " people, %" PRIx64 ")\n", a->label,
        threads, (double)cpu[0] * 1000 / (double)events, (double)wall[0] / 1000, count.events, count.people,
        sum);
}
static void one_person(Cx *cx, Events *ev)
{
    static const Selector views = { { NAME(0), { .name = S_INIT("event 4"), .where = &PRICE } }, 2, NULL, QUERY_HIDE };
    Snapshot snap;
    Sum fold = sum_of(0);
    ScanPlan plan = { .sel = &views, .from = INT64_MIN, .to = INT64_MAX };
    must(cx, snapshot_take(cx, events_state(ev), &snap), "snapshot");
    int64_t c = cpu_us();
    enum { TIMES = 2000 };
    for (int i = 0; i < TIMES; i++) {
        must(cx, scan_person(cx, &snap, &plan, (uint32_t)rnd(snap.actors), &fold.fold), "person");
        arena_reset(cx->arena);
    }
    printf("%-26s    %7.2f us/person\n", "one person", (double)(cpu_us() - c) / TIMES);
    snapshot_done(cx, &snap);
}
static void all_questions(Cx *cx, Events *ev, const char *only)
{
    EventsStats st;
    must(cx, events_stats(cx, ev, &st), "stats");
    printf("%" PRId64 " events, %" PRId64 " people, %" PRId64 " in the tail, %" PRId64 " segments, %.2f bytes an "
        "event\n",
        st.events, st.people, st.tail_events, st.segments,
        (double)st.segment_bytes / (double)(st.events - st.tail_events));
    for (size_t i = 0; i < COUNT(ASKS); i++)
        if (strstr(ASKS[i].label, only)) question(cx, ev, &ASKS[i], 1, st.events);
    for (size_t i = 0; i < COUNT(ASKS); i++)
        if (ASKS[i].funnel && strstr(ASKS[i].label, only)) question(cx, ev, &ASKS[i], 2, st.events);
    if (strstr("one person", only)) one_person(cx, ev);
}
/* A twentieth as many more events, in the order of arrival, into the tail; then one in a hundred people becomes
 * another. */
static void more_events(Cx *cx, Events *ev, int64_t n, uint64_t people)
{
    enum { BATCH = 1000 };
    static Entry e[BATCH];
    static char names[BATCH][32];
    for (int64_t done = 0; done < n; done += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            uint64_t who = rnd(people);
            snprintf(names[i], sizeof names[i], "event %u", name_of());
            e[i] = (Entry){ .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .name = str_z(names[i]),
                .actor = { who * UINT64_C(0x9E3779B97F4A7C15) + 1, who },
                .time = START + 89 * DAY + (int64_t)rnd((uint64_t)DAY) } };
        }
        must(cx, events_append_wait(cx, ev, e, BATCH, NULL), "append");
        arena_reset(cx->arena);
    }
}
static void join_people(Cx *cx, Events *ev, uint64_t people)
{
    for (uint64_t i = 0; i < people / 100; i++) {
        uint64_t a = rnd(people), b = rnd(people);
        Entry e = { .kind = ENTRY_JOIN, .join = { .id = (int64_t)i + 1, .trust = TRUST_SECRET,
            .anon = { a * UINT64_C(0x9E3779B97F4A7C15) + 1, a }, .user = { b * UINT64_C(0x9E3779B97F4A7C15) + 1,
                b } } };
        must(cx, events_append(cx, ev, &e, 1, NULL, NULL, NULL), "join");
        if (i % 100 == 0) arena_reset(cx->arena);
    }
    Entry flag = { .kind = ENTRY_FLAG, .flag = { .actor = { 1, 1 } } };
    must(cx, events_append_wait(cx, ev, &flag, 1, NULL), "flag");
}
int main(int argc, char **argv)
{
    double millions = argc > 1 ? strtod(argv[1], NULL) : 4;
    const char *dir = argc > 2 ? argv[2] : "/tmp/liuke-scan-bench", *only = argc > 3 ? argv[3] : "";
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = clock_now() };
    EventsConfig c = { .fs = fs_posix(), .dir = dir, .quiet = true, .tail_bytes = 512U << 20 };
    Events *ev;
    EventsStats st;
    must(&cx, events_open(&cx, &c, &ev), "open");
    must(&cx, events_stats(&cx, ev, &st), "stats");
    if (st.events == 0) fill(&cx, ev, (int64_t)(millions * 1e6));
    all_questions(&cx, ev, only);
    if (argc > 4) {
        uint64_t people = (uint64_t)(millions * 1e6) / A_PERSON;
        printf("\nwith a tail\n");
        more_events(&cx, ev, 1000000, people);
        all_questions(&cx, ev, only);
        must(&cx, events_flush(&cx, ev), "flush");
        printf("\nwith one in a hundred people moved\n");
        join_people(&cx, ev, people);
        all_questions(&cx, ev, only);
    }
    events_close(ev);
    arena_free(cx.arena);
    return 0;
}
