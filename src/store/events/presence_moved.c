#include "store/events/presence_moved.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/state_in.h"

void presence_moved_done(PresenceMoved *m)
{
    if (!m || --m->refs > 0) return;
    mem_free(m->rows);
    mem_free(m->people);
    mem_free(m);
}
static bool grow(void *p, size_t *cap, size_t size)
{
    size_t n = *cap ? *cap * 2 : 256;
    void **at = p, *bigger = mem_grow(*at, n * size);
    if (!bigger) return false;
    *at = bigger;
    *cap = n;
    return true;
}
static Status add_person(Cx *cx, PresenceMoved *m, const Block *b, const PeopleView *v, uint32_t p)
{
    if (m->n + (b->first[p + 1] - b->first[p]) > PRESENCE_MOVED_MAX) return ST_NOT_FOUND;
    if (m->n_people == 0 || m->people[m->n_people - 1] != b->key[p]) {
        if (m->n_people == m->cap_people && !grow(&m->people, &m->cap_people, sizeof *m->people))
            return fail(cx, ST_NO_MEM, "presence: moved people");
        m->people[m->n_people++] = b->key[p];
    }
    for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) {
        if (m->n == m->cap && !grow(&m->rows, &m->cap, sizeof *m->rows))
            return fail(cx, ST_NO_MEM, "presence: events of moved people");
        m->rows[m->n++] = (PresenceMovedRow){ .time = b->time[i], .key = segment_key(joins_root(v, b->actor[i])),
            .name = b->name[i], .flags = b->seg->origins[b->origin[i]].flags };
    }
    return ST_OK;
}
static bool has_moved(const Block *b, const PeopleView *v, uint32_t p)
{
    uint32_t root = segment_root(b->key[p]), last = b->actor[b->first[p]];
    if (joins_root(v, last) != root) return true;
    for (uint32_t i = b->first[p] + 1; i < b->first[p + 1]; i++) {
        if (b->actor[i] == last) continue;
        last = b->actor[i];
        if (joins_root(v, last) != root) return true;
    }
    return false;
}
static bool known(const PresenceMoved *m, uint32_t key) { return m->n_people && m->people[m->n_people - 1] == key; }
static Status add_part(Cx *cx, PresenceMoved *m, Block *b, const PeopleView *v, uint32_t p)
{
    TRY(segment_block_times(cx, b, 0, b->n));
    TRY(segment_block_names(cx, b));
    TRY(segment_block_actors(cx, b));
    return add_person(cx, m, b, v, p);
}
/* A person cut in two by the end of a block: all parts move when one does, also those already passed. */
static Status add_earlier(Cx *cx, PresenceMoved *m, const Block *of, const PeopleView *v)
{
    Block b = { .mask_skip = UINT64_MAX };
    BlockRuns runs;
    Status st = ST_OK;
    uint32_t i = of->index;
    while (i > 0 && of->seg->blocks[i - 1].last_key == of->key[0]) i--;
    for (; st == ST_OK && i < of->index; i++) {
        st = segment_block_runs(cx, of->seg, i, &b, &runs);
        if (st == ST_OK) st = add_part(cx, m, &b, v, b.n_people - 1);
    }
    segment_block_done(&b);
    return st;
}
static Status one_block(Cx *cx, PresenceMoved *m, Block *b, const PeopleView *v)
{
    TRY(segment_block_actors(cx, b));
    for (uint32_t p = 0; p < b->n_people; p++) {
        bool goes_on = p == 0 && known(m, b->key[0]);
        if (!goes_on && !has_moved(b, v, p)) continue;
        if (p == 0 && !goes_on) TRY(add_earlier(cx, m, b, v));
        TRY(add_part(cx, m, b, v, p));
    }
    return ST_OK;
}
static Status find_moved(Cx *cx, Segment *s, const PeopleView *v, PresenceMoved *m)
{
    Block b = { .mask_skip = UINT64_MAX };
    BlockRuns runs;
    Status st = ST_OK;
    for (uint32_t i = 0; st == ST_OK && i < s->n_blocks; i++) {
        st = segment_block_runs(cx, s, i, &b, &runs);
        if (st == ST_OK) st = one_block(cx, m, &b, v);
    }
    segment_block_done(&b);
    return st;
}
Status presence_moved_of(Cx *cx, PresenceKeep *keep, Segment *s, const PeopleView *v, PresenceMoved **ret)
{
    *ret = keep ? presence_keep_moved(keep, s->info.id, v->moves) : NULL;
    if (*ret) return ST_OK;
    PresenceMoved *m = mem_get(sizeof *m);
    if (!m) return fail(cx, ST_NO_MEM, "presence: moved people");
    *m = (PresenceMoved){ .refs = 1, .segment = s->info.id, .moves = v->moves };
    Status st = find_moved(cx, s, v, m);
    if (st != ST_OK) {
        presence_moved_done(m);
        return st;
    }
    if (keep) presence_keep_add_moved(keep, m);
    *ret = m;
    return ST_OK;
}
Status presence_nobody_moved(Cx *cx, const Snapshot *snap, Segment *s)
{
    PresenceMoved *m = NULL;
    TRY(presence_moved_of(cx, snap->state->presence, s, snap->people, &m));
    bool nobody = m->n_people == 0;
    presence_moved_done(m);
    return nobody ? ST_OK : ST_NOT_FOUND;
}
