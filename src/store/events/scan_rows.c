#include "store/events/scan_in.h"
#include "base/arena.h"

/* A stream and the place in its current span. */
typedef struct Stream { Source *s; size_t at; BlockEvents events; uint32_t index; bool open; } Stream;
typedef struct RowScan { const Snapshot *snap; Stream *streams; size_t n; Cx scratch; } RowScan;

static Status step(Cx *cx, Stream *t)
{
    if (++t->at < t->s->n) return ST_OK;
    t->at = 0;
    TRY(source_next(cx, t->s));
    if (t->open && (t->s->done || t->index != t->s->block.index)) {
        segment_events_done(&t->events);
        t->open = false;
    }
    return ST_OK;
}
static Stream *least(const RowScan *r)
{
    Stream *ret = NULL;
    for (Stream *t = r->streams; t < r->streams + r->n; t++) {
        if (t->s->done) continue;
        if (!ret || t->s->key < ret->s->key || (t->s->key == ret->s->key && t->s->time[t->at] < ret->s->time[ret->at]))
            ret = t;
    }
    return ret;
}
static Status event_of(Cx *cx, RowScan *r, Stream *t, uint32_t *ret_actor, Event *ret)
{
    uint32_t i = t->s->index[t->at];
    Status st;
    arena_reset(r->scratch.arena);
    if (t->s->seg) {
        if (!t->open) TRY(segment_events(cx, &t->s->block, &t->events));
        t->open = true;
        t->index = t->s->block.index;
        *ret_actor = t->s->block.actor[i];
        st = segment_event(&r->scratch, &t->events, i, ret);
        if (st == ST_OK) ret->actor = snapshot_key(r->snap, *ret_actor);
    } else {
        Entry e;
        size_t used;
        st = entry_get(&r->scratch, (Str){ t->s->rows.p[i].at, t->s->rows.p[i].size }, &e, &used);
        *ret_actor = t->s->rows.p[i].actor;
        *ret = e.event;
    }
    return st == ST_OK ? ST_OK : fail(cx, st, "%s", r->scratch.why.log);
}
static Status walk(Cx *cx, RowScan *r, bool hide_erased, ScanRow *each, void *arg)
{
    Event e;
    uint32_t actor;
    for (Stream *t; (t = least(r));) {
        uint32_t root = segment_root(t->s->key);
        if (!hide_erased || !(joins_flags(r->snap->people, root) & PERSON_ERASED)) {
            TRY(event_of(cx, r, t, &actor, &e));
            TRY(each(cx, arg, root, actor, &e));
        }
        TRY(step(cx, t));
    }
    return ST_OK;
}
static Status over_sources(Cx *cx, const Snapshot *snap, ScanSources *all, bool hide_erased, ScanRow *each, void *arg)
{
    RowScan r = { .snap = snap, .n = all->n, .streams = mem_get(all->n * sizeof *r.streams),
        .scratch = { .arena = arena_new(8 << 20) } };
    Status st = r.streams && r.scratch.arena ? ST_OK : fail(cx, ST_NO_MEM, "scan: streams");
    for (size_t i = 0; st == ST_OK && i < all->n; i++) r.streams[i].s = &all->p[i];
    if (st == ST_OK) st = scan_sources_range(cx, all, 0, UINT32_MAX);
    if (st == ST_OK) st = walk(cx, &r, hide_erased, each, arg);
    for (size_t i = 0; r.streams && i < all->n; i++) if (r.streams[i].open) segment_events_done(&r.streams[i].events);
    arena_free(r.scratch.arena);
    mem_free(r.streams);
    return st;
}
Status scan_rows(Cx *cx, const Snapshot *snap, int64_t from, int64_t to, bool hide_erased, ScanRow *each, void *arg)
{
    static const Selector everything = { .matchers = { { .any = true } }, .n_matchers = 1 };
    SelectorPlan sel;
    SourcePlan plan = { .sel = &sel, .people = snap->people, .from = from, .to = to, .index = true };
    SourceWork work;
    ScanInput in;
    ScanSources all;
    TRY(selector_plan(cx, &everything, &sel));
    TRY(scan_input(cx, snap, &plan, true, NULL, &in));
    Status st = source_work_open(cx, &work);
    if (st == ST_OK) st = scan_sources(cx, snap, &plan, &in, &work, &all);
    if (st == ST_OK) {
        st = over_sources(cx, snap, &all, hide_erased, each, arg);
        scan_sources_done(&all);
    }
    source_work_done(&work);
    scan_input_done(&in);
    return st == ST_NOT_FOUND ? ST_OK : st;
}
