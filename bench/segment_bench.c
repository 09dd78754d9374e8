/* What an event costs in a segment, in bytes by column and in CPU time: segment-bench [millions [folder]].
 * One month, people with sessions of about eight events, 50 names and 1,000 pages of falling frequency, country and
 * device of a person, a price on some. CPU time of the process, ns an event; the best of a few rounds. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/arena.h"
#include "store/events/merge_write.h"
#include "store/events/segment_in.h"
#include "store/events/state_in.h"

enum { NAMES = 50, PAGES = 1000, ROUNDS = 5, EVENTS_A_PERSON = 27 };
static const int64_t START = INT64_C(1704067200000);
typedef struct Made { uint32_t person, actor; int64_t time, received; uint16_t name, page; uint8_t country,
    device; int price; } Made;
static Made *made;
static size_t n_made;
static char names[NAMES][24], pages[PAGES][40], countries[8][16], devices[4][16];

static uint64_t dice = 88172645463325252U;
static double unit(void)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return (double)(dice >> 11) / 9007199254740992.0;
}
static uint32_t rnd(uint32_t below) { return (uint32_t)(unit() * below); }
static uint32_t zipf(uint32_t n) { return (uint32_t)pow((double)n + 1, unit()) - 1; }      /* density about 1 / rank */
static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static void must(Cx *cx, Status st, const char *what)
{
    if (st == ST_OK) return;
    fprintf(stderr, "%s: %s %s\n", what, status_name(st), cx->why.log);
    exit(1);
}
static int by_time(const void *a, const void *b)
{
    int64_t x = ((const Made *)a)->time, y = ((const Made *)b)->time;
    return (x > y) - (x < y);
}
/* A person's month, into made: sessions by chance, some of them anonymous before a sign-up. */
static void make_person(uint32_t key)
{
    size_t from = n_made, sessions = 1 + rnd(2 * EVENTS_A_PERSON / 8);
    uint32_t person = segment_root(key), signup = rnd(10) ? UINT32_MAX : rnd(30);
    uint8_t country = (uint8_t)(zipf(8)), device = (uint8_t)rnd(4);
    for (size_t s = 0; s < sessions; s++) {
        uint32_t day = rnd(30), n = 1 + rnd(15);
        int64_t t = START + day * INT64_C(86400000) + rnd(86400000);
        for (uint32_t i = 0; i < n; i++, t += (int64_t)(-log(1 - unit()) * 30000)) {
            uint16_t name = (uint16_t)zipf(NAMES);
            made[n_made++] = (Made){ .person = person, .actor = day < signup && signup < 30 ? person + 100000 : person,
                .time = t,
                .received = t + 100 + rnd(500) + (rnd(50) ? 0 : rnd(86400000)), .name = name,
                .page = (uint16_t)zipf(PAGES), .country = country, .device = device,
                .price = name == 7 || name == 20 ? (int)(exp(unit() * 10)) : -1 };
        }
    }
    qsort(made + from, n_made - from, sizeof *made, by_time);
}
static void make(size_t events)
{
    made = calloc(events + 1000, sizeof *made);
    if (!made) exit(1);
    for (int i = 0; i < NAMES; i++) snprintf(names[i], sizeof names[i], "event %d", i);
    for (int i = 0; i < PAGES; i++) snprintf(pages[i], sizeof pages[i], "/shop/items/%d/view", i * 37);
    for (int i = 0; i < 8; i++) snprintf(countries[i], sizeof countries[i], "c%d", i);
    for (int i = 0; i < 4; i++) snprintf(devices[i], sizeof devices[i], "dev %d", i);
    for (uint32_t key = 1; n_made < events; key++) make_person(key);
}

/* ---- writing ---- */

static void add_event(Cx *cx, SegmentWriter *w, const Made *m)
{
    Prop p[4] = { { .name = S("country"), .kind = PROP_STR, .s = str_z(countries[m->country]) },
        { .name = S("device"), .kind = PROP_STR, .s = str_z(devices[m->device]) },
        { .name = S("page"), .kind = PROP_STR, .s = str_z(pages[m->page]) },
        { .name = S("price"), .kind = PROP_DOUBLE, .d = m->price / 100.0 } };
    Event e = { .source = 1, .trust = TRUST_SECRET, .name = str_z(names[m->name]), .time = m->time,
        .received = m->received, .props = p, .n_props = m->price >= 0 ? 4 : 3 };
    must(cx, segment_add(cx, w, m->person, m->actor, &e), "add");
}
typedef struct Numbers { uint32_t origin, name[NAMES], prop[4], page[PAGES], country[8], device[4]; } Numbers;
static void number_all(Cx *cx, SegmentWriter *w, Numbers *n)
{
    static const char *const props[] = { "country", "device", "page", "price" };
    must(cx, segment_number_origin(cx, w, (Origin){ 1, TRUST_SECRET, 0 }, &n->origin), "origin");
    for (int i = 0; i < NAMES; i++) must(cx, segment_number_name(cx, w, str_z(names[i]), &n->name[i]), "name");
    for (int i = 0; i < 4; i++) must(cx, segment_number_prop(cx, w, str_z(props[i]), &n->prop[i]), "prop");
    for (int i = 0; i < 8; i++)
        must(cx, segment_number_text(cx, w, n->prop[0], str_z(countries[i]), &n->country[i]), "text");
    for (int i = 0; i < 4; i++)
        must(cx, segment_number_text(cx, w, n->prop[1], str_z(devices[i]), &n->device[i]), "text");
    for (int i = 0; i < PAGES; i++)
        must(cx, segment_number_text(cx, w, n->prop[2], str_z(pages[i]), &n->page[i]), "text");
}
static void add_row(Cx *cx, SegmentWriter *w, const Numbers *n, const Made *m)
{
    double price = m->price / 100.0;
    SegmentCell c[4] = { { .prop = n->prop[0], .kind = PROP_STR, .coded = true, .value = n->country[m->country] },
        { .prop = n->prop[1], .kind = PROP_STR, .coded = true, .value = n->device[m->device] },
        { .prop = n->prop[2], .kind = PROP_STR, .coded = true, .value = n->page[m->page] },
        { .prop = n->prop[3], .kind = PROP_DOUBLE } };
    memcpy(&c[3].value, &price, sizeof price);
    must(cx, segment_add_row(cx, w, &(SegmentRow){ .person = m->person, .actor = m->actor, .name = n->name[m->name],
        .origin = n->origin, .time = m->time, .received = m->received, .cells = c, .n_cells = m->price >= 0 ? 4 : 3 }),
        "add");
}
static double write_all(Cx *cx, const char *dir, bool rows, ManifestSegment *ret)
{
    static Numbers numbers;
    SegmentPlan plan = { .id = 1, .month = segment_month(START) };
    SegmentWriter *w;
    double t = cpu();
    must(cx, segment_begin(cx, fs_posix(), dir, &plan, &w), "begin");
    if (rows) number_all(cx, w, &numbers);
    for (size_t i = 0; i < n_made; i++) {
        if (rows) add_row(cx, w, &numbers, &made[i]);
        else add_event(cx, w, &made[i]);
    }
    must(cx, segment_end(cx, w, ret), "end");
    segment_drop(cx, w);
    arena_reset(cx->arena);
    return cpu() - t;
}

/* ---- merging ---- */

/* The month in weeks, each a segment as flushes would leave it; some of the people of the first two have been joined
 * since when share says so. */
static double merge_once(Cx *cx, const char *dir, uint32_t moved, double *ret_bytes)
{
    enum { PARTS = 4 };
    static Numbers numbers;
    SegmentSet *set = state_set_new(PARTS);
    ManifestSegment info;
    SegmentWriter *w;
    for (int k = 0; k < PARTS; k++) {
        Segment *s;
        SegmentPlan plan = { .id = 10 + k, .month = segment_month(START) };
        must(cx, segment_begin(cx, fs_posix(), dir, &plan, &w), "begin");
        number_all(cx, w, &numbers);
        for (size_t i = 0; i < n_made; i++)
            if ((made[i].time - START) / (8 * INT64_C(86400000)) == k ||
                (k == PARTS - 1 && made[i].time - START > 32 * INT64_C(86400000)))
                add_row(cx, w, &numbers, &made[i]);
        must(cx, segment_end(cx, w, &info), "end");
        segment_drop(cx, w);
        must(cx, segment_open(cx, fs_posix(), dir, &info, &s), "open");
        s->obsolete = true;
        state_set_add(set, s);
    }
    uint32_t n = (segment_key(made[n_made - 1].person) << 4 | 15) + 100000;
    PeopleView people = { .n = n + 1, .moves = moved != 0, .root = calloc((size_t)n + 1, sizeof(uint32_t)) };
    if (!people.root) exit(1);
    for (uint32_t i = 0; i <= n; i++) people.root[i] = i;
    for (uint32_t k = 0; k < n_made; k++)
        people.root[made[k].actor] = moved && made[k].person % 1000 < moved ? made[k].person ^ 1 : made[k].person;
    Snapshot snap = { .set = set, .people = &people };
    SegmentPlan plan = { .id = 20, .month = segment_month(START) };
    double t = cpu();
    must(cx, segment_begin(cx, fs_posix(), dir, &plan, &w), "begin");
    must(cx, merge_write(cx, &snap, w), "merge");
    must(cx, segment_end(cx, w, &info), "end");
    t = cpu() - t;
    segment_drop(cx, w);
    if (info.events != (int64_t)n_made) exit(1);
    *ret_bytes = (double)info.bytes / (double)n_made;
    state_set_done(cx, set);
    free(people.root);
    arena_reset(cx->arena);
    return t;
}

/* ---- reading ---- */

typedef struct Reading { const char *what; double best; } Reading;
static void add_time(Reading *r, double t) { r->best = r->best == 0 || t < r->best ? t : r->best; }
static void read_once(Cx *cx, Segment *s, Reading *r)
{
    Block b = { 0 };
    BlockRuns runs;
    BlockProp p = { 0 };
    double t[10] = { 0 }, from;
#define TIMED(k, call) from = cpu(), must(cx, call, r[k].what), t[k] += cpu() - from
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        b.mask_skip = UINT64_MAX;
        TIMED(0, segment_block_runs(cx, s, i, &b, &runs));
        b.mask_skip = ~UINT64_C(8);
        TIMED(1, segment_block_runs(cx, s, i, &b, &runs));
        b.mask_skip = 0;
        TIMED(2, segment_block_runs(cx, s, i, &b, &runs));
        TIMED(3, segment_block_times(cx, &b, 0, b.n));
        TIMED(4, segment_block_names_of(cx, &b, 0, b.n));
        TIMED(5, segment_block_names8(cx, &b, 0, b.n));
        TIMED(6, segment_block_codes(cx, &b, 2, &p));
        TIMED(7, segment_block_pieces(cx, &b, 0, &p));
        TIMED(8, segment_block_values(cx, &b, 0, &p));
        TIMED(9, segment_block_values(cx, &b, 3, &p));
    }
#undef TIMED
    segment_prop_done(&p);
    segment_block_done(&b);
    for (int k = 0; k < 10; k++) add_time(&r[k], t[k]);
}
static void print_columns(const Segment *s)
{
    static const char *const fixed[] = { "", "people", "runs", "masks", "deltas", "actors", "names", "origins",
        "received" };
    uint64_t bytes[64] = { 0 }, heads = 0, runs = 0;
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        heads += s->blocks[i].head;
        runs += s->blocks[i].n_runs;
        for (uint32_t k = 0; k < s->blocks[i].head / sizeof(ColumnInfo); k++) {
            ColumnInfo c;
            memcpy(&c, s->map.p + s->blocks[i].at + k * sizeof c, sizeof c);
            if (c.id < COUNT(bytes)) bytes[c.id] += c.length;
        }
    }
    double n = (double)s->info.events;
    printf("%" PRId64 " events, %.2f a run, %.3f bytes an event: tables %.3f", s->info.events, n / (double)runs,
        (double)s->info.bytes / n, (double)heads / n);
    for (uint32_t id = 0; id < COUNT(bytes); id++) {
        if (bytes[id] == 0) continue;
        if (id < BLOCK_PROPS) printf(", %s %.3f", fixed[id], (double)bytes[id] / n);
        else printf(", %.*s %.3f", (int)s->props[id - BLOCK_PROPS].n, s->props[id - BLOCK_PROPS].p,
            (double)bytes[id] / n);
    }
    printf("\n");
}
int main(int argc, char **argv)
{
    Cx cx = { .arena = arena_new(64 << 20) };
    const char *dir = argc > 2 ? argv[2] : "/tmp";
    Reading r[] = { { "runs without masks", 0 }, { "runs, one name's masks", 0 }, { "runs, all masks", 0 },
        { "times", 0 },
        { "names, 32 bits", 0 }, { "names, 8 bits", 0 }, { "page as codes", 0 }, { "country as pieces", 0 },
        { "country as values", 0 }, { "price as values", 0 } };
    double events = 0, rows = 0;
    ManifestSegment info;
    Segment *s;
    make((size_t)((argc > 1 ? strtod(argv[1], NULL) : 2) * 1e6));
    for (int i = 0; i < ROUNDS; i++) {
        double t = write_all(&cx, dir, false, &info);
        events = i && events < t ? events : t;
        t = write_all(&cx, dir, true, &info);
        rows = i && rows < t ? rows : t;
    }
    must(&cx, segment_open(&cx, fs_posix(), dir, &info, &s), "open");
    for (int i = 0; i < ROUNDS; i++) read_once(&cx, s, r);
    print_columns(s);
    double n = (double)info.events / 1e9, bytes, merged = 0, moved = 0;
    for (int i = 0; i < 3; i++) {
        double t = merge_once(&cx, dir, 0, &bytes);
        merged = i && merged < t ? merged : t;
        t = merge_once(&cx, dir, 10, &bytes);
        moved = i && moved < t ? moved : t;
    }
    printf("%-26s %7.2f\n%-26s %7.2f   %.3f bytes\n", "merge of 4", merged / n, "the same, 1 % moved", moved / n,
        bytes);
    printf("%-26s %7.2f ns an event\n%-26s %7.2f\n", "write, by names", events / n, "write, by numbers", rows / n);
    for (size_t k = 0; k < COUNT(r); k++) printf("%-26s %7.3f\n", r[k].what, r[k].best / n);
    s->obsolete = true;
    segment_done(&cx, s);
    free(made);
    arena_free(cx.arena);
    return 0;
}
