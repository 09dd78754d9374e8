#include "store/events/merge_write.h"
#include "store/events/state_in.h"

/* so many files; an older one joins when it is at most so many times the newer */
enum { MERGE_AT = 4, MERGE_GROWTH = 2 };

/* The newest files of a month that are worth one: from the end of the log backwards, as long as each older one is
 * not much
 * bigger than all newer together. Each event is rewritten about log(size) times. Damaged files stay as they are. */
static size_t worth(const SegmentSet *set, size_t first, size_t end)
{
    int64_t events = 0;
    size_t n = 0;
    for (size_t i = end; i-- > first; n++) {
        const Segment *s = set->segs[i];
        if (s->damaged || (n && s->info.events > events * MERGE_GROWTH && n >= MERGE_AT)) break;
        if (n && s->info.events > events * MERGE_GROWTH * MERGE_AT) break;
        events += s->info.events;
    }
    return n >= MERGE_AT ? n : 0;
}
static bool find_due(const SegmentSet *set, size_t *ret_first, size_t *ret_n)
{
    for (size_t i = 0, end; i < set->n; i = end) {
        for (end = i; end < set->n && set->segs[end]->info.month == set->segs[i]->info.month; end++) { }
        size_t n = worth(set, i, end);
        if (n == 0) continue;
        *ret_first = end - n;
        *ret_n = n;
        return true;
    }
    return false;
}
/* The chosen segments alone, with people as they are now. */
static Status inputs(Cx *cx, State *s, Snapshot *all, size_t *ret_first, size_t *ret_n, Snapshot *ret)
{
    TRY(snapshot_take(cx, s, all));
    if (!find_due(all->set, ret_first, ret_n)) {
        snapshot_done(cx, all);
        return ST_NOT_FOUND;
    }
    SegmentSet *set = state_set_new(*ret_n);
    if (!set) {
        snapshot_done(cx, all);
        return fail(cx, ST_NO_MEM, "merge: a set");
    }
    for (size_t i = 0; i < *ret_n; i++) state_set_add(set, segment_ref(all->set->segs[*ret_first + i]));
    *ret = (Snapshot){ .state = s, .set = set, .people = joins_view_ref(all->people) };
    return ST_OK;
}
static Status write_merged(Cx *cx, State *s, const Snapshot *in, Segment **ret)
{
    SegmentPlan plan = { .id = s->next_id++, .log_pos = in->set->segs[0]->log_pos,
        .month = in->set->segs[0]->info.month,
        .level = 1, .moves = in->people->moves };
    SegmentWriter *w;
    ManifestSegment info;
    int64_t events = 0;
    for (size_t i = 0; i < in->set->n; i++) events += in->set->segs[i]->info.events;
    TRY(segment_begin(cx, s->fs, s->dir, &plan, &w));
    Status st = merge_write(cx, in, w);
    if (st == ST_OK) st = segment_end(cx, w, &info);
    segment_drop(cx, w);
    TRY(st);
    if (info.events != events)
        return fail(cx, ST_BUG, "merge: %lld events in, %lld out", (long long)events, (long long)info.events);
    TRY(segment_open(cx, s->fs, s->dir, &info, ret));
    if (!(*ret)->damaged) return ST_OK;
    segment_done(cx, *ret);
    return fail(cx, ST_IO, "merge: what was just written does not read back");
}
static Status next_set(Cx *cx, State *s, const Snapshot *all, size_t first, size_t n, Segment *merged)
{
    Change *c = &s->change;
    c->set = state_set_new(all->set->n - n + 1);
    c->gone = mem_get(n * sizeof *c->gone);
    if (!c->set || !c->gone) {
        segment_done(cx, merged);
        return fail(cx, ST_NO_MEM, "merge: a set");
    }
    for (size_t i = 0; i < all->set->n; i++) {
        Segment *seg = segment_ref(all->set->segs[i]);
        if (i >= first && i < first + n) c->gone[c->n_gone++] = seg;
        else state_set_add(c->set, seg);
    }
    state_set_add(c->set, merged);
    return ST_OK;
}
Status state_merge(Cx *cx, State *s, Manifest *ret)
{
    Snapshot all, in;
    size_t first, n;
    Segment *merged;
    if (s->change.kind != CHANGE_NONE) return fail(cx, ST_BUG, "merge: a change is under way");
    TRY(inputs(cx, s, &all, &first, &n, &in));
    s->change = (Change){ .kind = CHANGE_MERGE, .map_id = s->map_id };
    Status st = write_merged(cx, s, &in, &merged);
    if (st == ST_OK) st = next_set(cx, s, &all, first, n, merged);
    if (st == ST_OK) st = s->fs.ops->sync_dir(cx, s->fs.self, s->dir);
    if (st == ST_OK) st = state_manifest(cx, s, s->change.set, ret);
    snapshot_done(cx, &in);
    snapshot_done(cx, &all);
    if (st != ST_OK) {
        state_abandon(cx, s);
        return st;
    }
    return ST_OK;
}
