#include "store/events/scan_in.h"
#include "base/arena.h"
#include <string.h>

static Status room(Cx *cx, ScanMerge *m, size_t n)
{
    size_t cap = m->cap ? m->cap : 256;
    if (n <= m->cap) return ST_OK;
    while (cap < n) cap *= 2;
    int64_t *time = mem_grow(m->time, cap * sizeof *time);
    if (time) m->time = time;
    uint32_t *mask = mem_grow(m->mask, cap * sizeof *mask);
    if (mask) m->mask = mask;
    bool good = time && mask;
    for (size_t k = 0; k < m->plan->n_slots; k++) {
        uint8_t *kind = mem_grow(m->kind[k], cap);
        if (kind) m->kind[k] = kind;
        uint64_t *value = mem_grow(m->value[k], cap * sizeof *value);
        if (value) m->value[k] = value;
        good &= kind && value;
    }
    if (!good) return fail(cx, ST_NO_MEM, "scan: a person's events");
    m->cap = cap;
    return ST_OK;
}
/* Mostly a few: a call of memcpy() for each would cost more than they do. */
static inline void copy_few(ScanMerge *m, const Source *s)
{
    int64_t *time = m->time + m->n;
    uint32_t *mask = m->mask + m->n;
    for (size_t i = 0; i < s->n; i++) time[i] = s->time[i], mask[i] = s->mask[i];
}
static Status gather(Cx *cx, ScanMerge *m, const Source *s)
{
    if (m->n + s->n > m->cap) TRY(room(cx, m, m->n + s->n));
    copy_few(m, s);
    for (size_t k = 0; k < m->plan->n_slots; k++) {
        memcpy(m->kind[k] + m->n, s->kind[k], s->n);
        memcpy(m->value[k] + m->n, s->value[k], s->n * sizeof *m->value[k]);
    }
    m->n += s->n;
    return ST_OK;
}
/* values: as many as there are rows, put into the rows' order. */
static void permute(const Row *rows, size_t n, uint64_t *values, uint8_t *kinds, Row *room)
{
    uint64_t *v = (uint64_t *)(void *)room;
    uint8_t *c = (uint8_t *)(v + n);
    for (size_t i = 0; i < n; i++) v[i] = values[rows[i].slot], c[i] = kinds[rows[i].slot];
    memcpy(values, v, n * sizeof *v);
    memcpy(kinds, c, n);
}
/* Spans are sorted already and months apart, so that mostly there is nothing to do. */
static Status into_order(Cx *cx, ScanMerge *m)
{
    size_t n = m->n, i = 1;
    while (i < n && m->time[i - 1] <= m->time[i]) i++;
    if (i >= n) return ST_OK;
    Row *rows = mem_get(2 * n * sizeof *rows);
    if (!rows) return fail(cx, ST_NO_MEM, "scan: a person's events");
    for (i = 0; i < n; i++) rows[i] = (Row){ .time = m->time[i], .mask = m->mask[i], .slot = (uint32_t)i };
    tail_sort(rows, n, rows + n);
    for (i = 0; i < n; i++) m->time[i] = rows[i].time, m->mask[i] = rows[i].mask;
    for (size_t k = 0; k < m->plan->n_slots; k++) permute(rows, n, m->value[k], m->kind[k], rows + n);
    mem_free(rows);
    return ST_OK;
}

/* ---- one person's span ---- */

static Status trait_room(Cx *cx, ScanMerge *m, size_t k, size_t n)
{
    uint8_t *kind = mem_grow(m->trait_kind[k], n);
    if (kind) m->trait_kind[k] = kind;
    uint64_t *value = mem_grow(m->trait_value[k], n * sizeof *value);
    if (value) m->trait_value[k] = value;
    return kind && value ? ST_OK : fail(cx, ST_NO_MEM, "scan: a trait");
}
static Status fill_traits(Cx *cx, ScanMerge *m, uint32_t root, size_t n, FoldCol *cols)
{
    size_t cap = n > m->cap_trait ? n * 2 : m->cap_trait;
    for (size_t k = 0; k < m->plan->n_slots; k++) {
        const TraitColumn *t = &m->traits[k];
        if (m->plan->slots[k].kind != SLOT_TRAIT) continue;
        if (cap > m->cap_trait) TRY(trait_room(cx, m, k, cap));
        size_t at = m->one ? 0 : root;
        memset(m->trait_kind[k], at < t->n ? t->kind[at] : PROP_NULL, n);
        for (size_t i = 0; i < n; i++) m->trait_value[k][i] = at < t->n ? t->value[at] : 0;
        cols[k] = (FoldCol){ m->trait_kind[k], m->trait_value[k] };
    }
    m->cap_trait = cap;
    return ST_OK;
}
static Status limited(Cx *cx, Status st)
{
    if (st == ST_LIMITED) return refuse(cx, st, S("memory"), MSG_question_memory, NO_PARAMS);
    return fail(cx, st, "scan: a fold could not go on");
}
static Status person(Cx *cx, ScanMerge *m, const Span *all, const uint8_t *const kind[],
    const uint64_t *const value[])
{
    FoldCol cols[SCAN_SLOTS];
    Span s = *all;
    size_t before = 0;
    while (before < s.n && s.time[before] < m->plan->count_from) before++;
    if (joins_flags(m->snap->people, s.root) & SCAN_LEFT_OUT) {
        m->count.left_out += before < s.n;
        return ST_OK;
    }
    for (size_t k = 0; k < m->plan->n_slots; k++) cols[k] = (FoldCol){ kind[k], value[k] };
    if (m->plan->n_slots) TRY(fill_traits(cx, m, s.root, s.n, cols));
    s.cols = cols;
    m->count.events += (int64_t)(s.n - before);
    m->count.people += before < s.n;
    m->fold->person(m->fold, &s);
    return m->fold->st == ST_OK ? ST_OK : limited(cx, m->fold->st);
}

/* ---- out of the sources ---- */

/* The key of a source's person; past all keys when it has no more. */
static inline uint64_t key_of(const Source *s) { return s->done ? UINT64_C(1) << 32 : s->key; }
static inline Status step(Cx *cx, ScanMerge *m, size_t i)
{
    Source *s = &m->sources.p[i];
    if (!source_step(s)) TRY(source_next(cx, s));
    m->keys[i] = key_of(s);
    return ST_OK;
}
/* Nobody else has this person, and its own stream not in the next block either: the span is all there is. */
static Status one_alone(Cx *cx, ScanMerge *m, size_t i)
{
    const Source *s = &m->sources.p[i];
    Span span = { .root = segment_root(s->key), .n = s->n, .time = s->time, .mask = s->mask };
    TRY(person(cx, m, &span, s->kind, s->value));
    return step(cx, m, i);
}
static Status one_of_many(Cx *cx, ScanMerge *m, uint64_t key)
{
    m->n = 0;
    for (size_t i = 0; i < m->sources.n; i++)
        while (m->keys[i] == key) {
            TRY(gather(cx, m, &m->sources.p[i]));
            TRY(step(cx, m, i));
        }
    TRY(into_order(cx, m));
    Span span = { .root = segment_root((uint32_t)key), .n = m->n, .time = m->time, .mask = m->mask };
    return person(cx, m, &span, (const uint8_t *const *)m->kind, (const uint64_t *const *)m->value);
}
/* The next person; *ret false: there is none. */
static Status one_person(Cx *cx, ScanMerge *m, bool *ret)
{
    uint64_t least = UINT64_C(1) << 32;
    size_t at = 0, same = 0;
    for (size_t i = 0; i < m->sources.n; i++) {
        uint64_t key = m->keys[i];
        same = key < least ? 1 : same + (key == least);
        at = key < least ? i : at;
        least = key < least ? key : least;
    }
    *ret = least >> 32 == 0;
    if (!*ret) return ST_OK;
    return same == 1 && source_more(&m->sources.p[at]) ? one_alone(cx, m, at) : one_of_many(cx, m, least);
}
Status scan_merge_open(Cx *cx, ScanMerge *m, const SourcePlan *part, const ScanInput *in)
{
    TRY(source_work_open(cx, &m->work));
    TRY(scan_sources(cx, m->snap, part, in, &m->work, &m->sources));
    m->keys = mem_get((m->sources.n + 1) * sizeof *m->keys);
    return m->keys ? ST_OK : fail(cx, ST_NO_MEM, "scan: sources");
}
Status scan_merge_range(Cx *cx, ScanMerge *m, uint32_t key_first, uint32_t key_last, const _Atomic bool *quit)
{
    TRY(scan_sources_range(cx, &m->sources, key_first, key_last));
    for (size_t i = 0; i < m->sources.n; i++) m->keys[i] = key_of(&m->sources.p[i]);
    for (bool more = true; more && !*quit;) TRY(one_person(cx, m, &more));
    return ST_OK;
}
void scan_merge_done(ScanMerge *m)
{
    scan_sources_done(&m->sources);
    mem_free(m->keys);
    mem_free(m->time);
    mem_free(m->mask);
    for (size_t k = 0; k < SCAN_SLOTS; k++) {
        mem_free(m->kind[k]);
        mem_free(m->value[k]);
        mem_free(m->trait_kind[k]);
        mem_free(m->trait_value[k]);
    }
    source_work_done(&m->work);
}
