/* Of any bytes as a segment file, its checksums taken on trust: opening it and reading every column and event
 * ends, stays
 * inside, and what is given out is in the order that scans rely on. */
#include <string.h>
#include "base/arena.h"
#include "store/events/segment_in.h"
#include "tests/fuzz/fuzz.h"

FUZZ_SEEDS(S_INIT(""), S_INIT(SEGMENT_MAGIC));

/* ---- the bytes as the only file there is ---- */

static Str disk;
static Status mem_open(Cx *cx, void *self, const char *path, FsMode mode, FsFile **ret)
{
    (void)cx; (void)self; (void)path; (void)mode;
    *ret = (FsFile *)(void *)&disk;
    return ST_OK;
}
static void mem_close(FsFile *f) { (void)f; }
static Status mem_map(Cx *cx, FsFile *f, const void **ret, size_t *ret_n)
{
    (void)cx; (void)f;
    *ret = disk.p;
    *ret_n = disk.n;
    return ST_OK;
}
static void mem_unmap(FsFile *f, const void *p, size_t n) { (void)f; (void)p; (void)n; }

static void look_at(const Str s, size_t *sum)
{
    for (size_t i = 0; i < s.n; i++) *sum += (unsigned char)s.p[i];
}
static void read_events(Cx *cx, Block *b)
{
    BlockEvents events;
    size_t sum = 0;
    if (segment_events(cx, b, &events) != ST_OK) return;
    for (uint32_t i = 0; i < b->n && i < 300; i++) {
        Event e;
        if (segment_event(cx, &events, i, &e) != ST_OK) break;
        look_at(e.name, &sum);
        for (size_t k = 0; k < e.n_props; k++) {
            look_at(e.props[k].name, &sum);
            if (e.props[k].kind == PROP_STR) look_at(e.props[k].s, &sum);
            for (size_t l = 0; e.props[k].kind == PROP_LIST && l < e.props[k].list.n; l++)
                look_at(e.props[k].list.p[l], &sum);
        }
    }
    segment_events_done(&events);
    FUZZ_CHECK(sum != SIZE_MAX);
}
static void check_order(const Segment *s, const Block *b)
{
    const BlockInfo *info = &s->blocks[b->index];
    FUZZ_CHECK(b->first[0] == 0 && b->first[b->n_people] == b->n);
    for (uint32_t p = 0; p < b->n_people; p++) {
        FUZZ_CHECK(b->first[p] < b->first[p + 1] && (p == 0 || b->key[p - 1] < b->key[p]));
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) {
            FUZZ_CHECK(b->time[i] >= info->min && b->time[i] <= info->max);
            FUZZ_CHECK(i == b->first[p] || b->time[i - 1] <= b->time[i]);
        }
    }
}
/* What is read of a block without its events. */
static void check_runs(Cx *cx, Segment *s, uint32_t index, Block *b)
{
    BlockRuns r;
    const BlockInfo *info = &s->blocks[index];
    if (segment_block_runs(cx, s, index, b, &r) != ST_OK) return;
    FUZZ_CHECK(r.first[0] == 0 && r.first[r.n] == b->n && r.person_first[0] == 0 && r.person_first[b->n_people] == r.n);
    for (uint32_t p = 0; p < b->n_people; p++)
        for (uint32_t i = r.person_first[p]; i < r.person_first[p + 1]; i++) {
            FUZZ_CHECK(r.first[i] < r.first[i + 1] && r.start[i] >= info->min && r.start[i] <= info->max);
            FUZZ_CHECK(i == r.person_first[p] || r.start[i - 1] <= r.start[i]);
        }
    uint32_t from = b->n / 3, to = b->n - b->n / 4;
    if (segment_block_times(cx, b, from, to) == ST_OK)
        for (uint32_t i = from; i < to; i++) FUZZ_CHECK(b->time[i] >= info->min && b->time[i] <= info->max);
    if (segment_block_names_of(cx, b, from, to) == ST_OK)
        for (uint32_t i = from; i < to; i++) FUZZ_CHECK(b->name[i] < s->n_names);
    if (segment_block_names8(cx, b, from, to) == ST_OK)
        for (uint32_t i = from; i < to; i++) FUZZ_CHECK(b->name8[i] < s->n_names);
}
static void check_prop(Cx *cx, Block *b, uint32_t prop)
{
    BlockProp p = { 0 };
    size_t sum = 0;
    if (segment_block_codes(cx, b, prop, &p) == ST_OK && p.code)
        for (uint32_t i = 0; i < b->n; i++)
            if (p.code[i] != (uint32_t)SEGMENT_NO_CODE) look_at(segment_text(&p, p.code[i]), &sum);
    if (segment_block_pieces(cx, b, prop, &p) == ST_OK) {
        FUZZ_CHECK(p.first[0] == 0 && p.first[p.n_pieces] == b->n);
        for (uint32_t i = 0; i < p.n_pieces; i++) {
            FUZZ_CHECK(p.first[i] < p.first[i + 1] && p.kind[i] < PROP_LIST);
            if (p.kind[i] == PROP_STR) look_at(segment_text(&p, p.value[i]), &sum);
        }
    }
    segment_prop_done(&p);
    FUZZ_CHECK(sum != SIZE_MAX);
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const FsOps ops = { .open = mem_open, .close = mem_close, .map = mem_map, .unmap = mem_unmap };
    Cx cx = fuzz_cx();
    Segment *s;
    Block b = { 0 };
    segment_unchecked = true;
    disk = (Str){ (const char *)data, size };
    ManifestSegment info = { .id = 1 };
    if (segment_open(&cx, (Fs){ .ops = &ops }, "x", &info, &s) != ST_OK) return 0;
    for (uint32_t i = 0; i < s->n_blocks && i < 20; i++) {
        check_runs(&cx, s, i, &b);
        if (segment_block(&cx, s, i, &b) != ST_OK) continue;
        check_order(s, &b);
        read_events(&cx, &b);
        for (uint32_t k = 0; k < s->n_props && k < 20; k++) check_prop(&cx, &b, k);
    }
    segment_block_done(&b);
    segment_done(&cx, s);
    return 0;
}
