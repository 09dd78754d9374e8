/* engine_parts: what the bench needs to do to a data folder's events that no command does, while no server runs on it.
 *
 *     engine_parts settle FOLDER/events        flush the tail and merge until nothing is due
 *     engine_parts merge FILE.csv FOLDER [N]   the first N events of a generated file, flushed by the half million;
 *                                              then merge until nothing is due
 *     engine_parts recover FILE.csv FOLDER N   N events in the tail, closed without a flush, opened again
 *     engine_parts rule FOLDER/events JSON NOW an audience at that time (ms): of everybody, and of one person each
 *
 * Prints one line of JSON. Message ids are left out: the window of ids is not what is measured here. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "domain/audience/audience.h"
#include "store/events/events.h"
#include "store/events/snapshot.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(Cx *cx, Status st, const char *what)
{
    if (st == ST_OK || st == ST_NOT_FOUND) return;
    fprintf(stderr, "engine_parts: %s: %s %s\n", what, status_name(st), cx->why.log);
    exit(1);
}
static double since(int64_t us) { return (double)(clock_mono_us() - us) / 1e6; }
static Events *open_folder(Cx *cx, const char *dir, size_t tail)
{
    Events *ev;
    must(cx, events_open(cx, &(EventsConfig){ .fs = fs_posix(), .dir = dir, .quiet = true, .tail_bytes = tail }, &ev),
        dir);
    return ev;
}
static double merge_all(Cx *cx, Events *ev)
{
    int64_t t0 = clock_mono_us();
    Status st;
    while ((st = events_merge(cx, ev)) == ST_OK) arena_reset(cx->arena);
    must(cx, st, "merge");
    return since(t0);
}
static void tell(Cx *cx, Events *ev)
{
    EventsStats s = { 0 };
    must(cx, events_stats(cx, ev, &s), "stats");
    printf("\"events\":%" PRId64 ",\"tail_events\":%" PRId64 ",\"segments\":%" PRId64 ",\"segment_bytes\":%" PRId64
        ",\"people\":%" PRId64 "}\n", s.events, s.tail_events, s.segments, s.segment_bytes, s.people);
}
static void settle(Cx *cx, const char *dir)
{
    Events *ev = open_folder(cx, dir, 0);
    int64_t t0 = clock_mono_us();
    must(cx, events_flush(cx, ev), "flush");
    double flushed = since(t0);
    printf("{\"flush_s\":%.3f,\"merge_s\":%.3f,", flushed, merge_all(cx, ev));
    tell(cx, ev);
    events_close(ev);
}

/* --- events of a generated file --- */

enum { BATCH = 1000, FLUSH_EVERY = 500000, CELLS = 11, PROPS = 5 };
enum { MESSAGE, TIME, EVENT, USER, ANON, URL, PRICE, CHANNEL, COUNTRY, DEVICE, SEQ };
typedef struct Copy {
    Events *to;
    Entry   batch[BATCH];
    Prop    props[BATCH][PROPS];
    char    lines[BATCH][512];
    size_t  n;
    int64_t done, flush_every;
    double  flush_s, append_s;
} Copy;
static void hand_over(Cx *cx, Copy *c)
{
    int64_t t0 = clock_mono_us();
    if (c->n) must(cx, events_append_wait(cx, c->to, c->batch, c->n, NULL), "append");
    c->append_s += since(t0);
    c->done += (int64_t)c->n;
    c->n = 0;
    arena_reset(cx->arena);
    if (!c->flush_every || c->done % c->flush_every) return;
    t0 = clock_mono_us();
    must(cx, events_flush(cx, c->to), "flush");
    c->flush_s += since(t0);
}
/* Any two hashes will do: ids are not looked up here. */
static Hash128 actor_of(Str id)
{
    uint64_t a = UINT64_C(14695981039346656037), b = UINT64_C(0x9E3779B97F4A7C15);
    for (size_t i = 0; i < id.n; i++) {
        a = (a ^ (uint8_t)id.p[i]) * UINT64_C(1099511628211);
        b = (b + (uint8_t)id.p[i]) * UINT64_C(0xD6E8FEB86659FD93);
    }
    return (Hash128){ a, b };
}
static void add_line(Cx *cx, Copy *c, const char *line)
{
    static const Str names[] = { S_INIT("url"), S_INIT("price"), S_INIT("channel"), S_INIT("country"),
        S_INIT("device") };
    Str cells[CELLS], rest = { c->lines[c->n], strcspn(line, "\n") };
    Entry *e = &c->batch[c->n];
    Prop *p = c->props[c->n];
    memcpy(c->lines[c->n], line, rest.n);
    for (int i = 0; i < CELLS; i++) cells[i] = str_cut(&rest, ',');
    *e = (Entry){ .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .name = cells[EVENT],
        .props = p } };
    if (!clock_parse(cells[TIME], &e->event.time)) exit(1);
    e->event.received = e->event.claimed = e->event.time;
    e->event.actor = actor_of(cells[USER].n ? cells[USER] : cells[ANON]);
    for (int i = 0; i < PROPS; i++) {
        if (cells[URL + i].n == 0) continue;
        *p = (Prop){ .name = names[i], .kind = PROP_STR, .s = cells[URL + i] };
        if (URL + i == PRICE) *p = (Prop){ .name = names[i], .kind = PROP_DOUBLE, .d = strtod(cells[PRICE].p, NULL) };
        p++;
    }
    e->event.n_props = (size_t)(p - e->event.props);
    if (++c->n == BATCH) hand_over(cx, c);
}
static void add_file(Cx *cx, Copy *c, const char *path, int64_t n)
{
    static char line[512];
    FILE *f = fopen(path, "r");
    if (!f || !fgets(line, sizeof line, f)) {
        perror(path);
        exit(1);
    }
    while (n-- > 0 && fgets(line, sizeof line, f)) add_line(cx, c, line);
    hand_over(cx, c);
    fclose(f);
}
static void merge(Cx *cx, const char *path, const char *dir, int64_t n)
{
    static Copy c;
    c.flush_every = FLUSH_EVERY;
    c.to = open_folder(cx, dir, (size_t)4 << 30);
    add_file(cx, &c, path, n);
    must(cx, events_flush(cx, c.to), "flush");
    printf("{\"copied\":%" PRId64 ",\"append_s\":%.3f,\"flush_s\":%.3f,\"merge_s\":%.3f,", c.done, c.append_s,
        c.flush_s, merge_all(cx, c.to));
    tell(cx, c.to);
    events_close(c.to);
}
static void recover(Cx *cx, const char *path, const char *dir, int64_t n)
{
    static Copy c;
    c.to = open_folder(cx, dir, (size_t)8 << 30);
    add_file(cx, &c, path, n);
    events_close(c.to);
    int64_t t0 = clock_mono_us();
    Events *ev = open_folder(cx, dir, (size_t)8 << 30);
    printf("{\"copied\":%" PRId64 ",\"recover_s\":%.3f,", c.done, since(t0));
    tell(cx, ev);
    events_close(ev);
}
/* --- an audience: of everybody, and of one person --- */

enum { ASKED = 20000, ROUNDS = 9, SECONDS_MOST = 5 };
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
/* Everybody known, spread over the numbers: some of the many come often, some once. */
static size_t some_people(Cx *cx, const Snapshot *snap, const Audience *a, uint32_t *ret)
{
    PeopleSet all;
    must(cx, audience_known(cx, snap, a, &all), "people");
    size_t n = 0, known = people_set_count(&all), every = known > ASKED ? known / ASKED : 1, i = 0;
    for (uint32_t root = 0; root < all.n && n < ASKED; root++)
        if (people_set_has(&all, root) && i++ % every == 0) ret[n++] = root;
    people_set_done(&all);
    return n;
}
static void rule(Cx *cx, const char *dir, const char *json, int64_t now)
{
    static uint32_t who[ASKED];
    static double us[ASKED];
    double count_ms[ROUNDS];
    size_t yes = 0, counted = 0;
    AudienceScope scope = { .week_start = 1 };
    const Audience *a;
    Events *ev = open_folder(cx, dir, 0);
    Snapshot snap;
    cx->now = now;
    must(cx, zone_get(cx, S("UTC"), &scope.zone), "zone");
    must(cx, audience_parse(cx, &scope, str_z(json), "expression", AUDIENCE_OF_PEOPLE, &a), "audience");
    must(cx, snapshot_take(cx, events_state(ev), &snap), "snapshot");
    for (int r = 0; r < ROUNDS; r++) {
        PeopleSet set;
        int64_t t0 = clock_mono_us();
        must(cx, audience_everyone(cx, &snap, a, now, NULL, &set), "everyone");
        counted = people_set_count(&set);
        count_ms[r] = since(t0) * 1e3;
        people_set_done(&set);
    }
    size_t n = some_people(cx, &snap, a, who);
    Cx one = { .arena = arena_new(CX_ARENA_MAX), .now = now };
    size_t done = 0;
    for (int64_t began = clock_mono_us(); done < n && since(began) < SECONDS_MOST; done++) {
        bool holds;
        int64_t t0 = clock_mono_us();
        must(&one, audience_person(&one, &snap, a, now, who[done * 7919 % n], &holds), "person");
        us[done] = since(t0) * 1e6;
        yes += holds;
        arena_reset(one.arena);
    }
    qsort(us, done, sizeof *us, by_value);
    qsort(count_ms, ROUNDS, sizeof *count_ms, by_value);
    printf("{\"asked\":%zu,\"of\":%zu,\"yes\":%zu,\"median_us\":%.1f,\"p99_us\":%.1f,", done, n, yes, us[done / 2],
        us[done * 99 / 100]);
    printf("\"counted\":%zu,\"count_ms\":%.2f,", counted, count_ms[ROUNDS / 2]);
    tell(cx, ev);
    arena_free(one.arena);
    snapshot_done(cx, &snap);
    events_close(ev);
}
int main(int argc, char **argv)
{
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = clock_now() };
    int64_t n = argc > 4 ? strtoll(argv[4], NULL, 10) : INT64_MAX;
    if (!cx.arena) return 1;
    if (argc == 3 && strcmp(argv[1], "settle") == 0) settle(&cx, argv[2]);
    else if (argc == 5 && strcmp(argv[1], "rule") == 0) rule(&cx, argv[2], argv[3], n);
    else if (argc >= 4 && strcmp(argv[1], "merge") == 0) merge(&cx, argv[2], argv[3], n);
    else if (argc == 5 && strcmp(argv[1], "recover") == 0) recover(&cx, argv[2], argv[3], n);
    else return fprintf(stderr, "engine_parts settle FOLDER, rule FOLDER JSON NOW, merge|recover FILE FOLDER [N]\n"), 2;
    arena_free(cx.arena);
    return 0;
}
