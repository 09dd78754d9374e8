#include "store/events/segment_in.h"
#include "base/arena.h"
#include "store/events/column.h"
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* No event is further away than this (year 100,000), and no file spans more than a month. */
static const int64_t TIME_MAX = INT64_C(1) << 52, MONTH_MS = INT64_C(31) * 86400000;
struct SegmentDict { uint64_t at, check, n, length; Str *texts; char *heap; };

#ifdef LIUKE_FAULT
bool segment_unchecked;
#endif
bool segment_check_is(Str s, uint64_t check) { return segment_unchecked || XXH3_64bits(s.p, s.n) == check; }
Status segment_broken(Cx *cx, const Segment *s, const char *what)
{
    return fail(cx, ST_IO, "%s: %s is damaged", s->name, what);
}

int32_t segment_month(int64_t time)
{
    int64_t days = time / 86400000 - (time % 86400000 < 0);
    days += 719468;                                        /* civil from days, years begin in March */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    return (int32_t)(year * 12 + month - 1);
}

/* ---- opening ---- */

static void unload(Segment *s)
{
    for (uint32_t i = 0; s->dicts && i < s->n_props; i++) {
        mem_free(s->dicts[i].texts);
        mem_free(s->dicts[i].heap);
    }
    mem_free(s->dicts);
    mem_free(s->names);
    mem_free(s->props);
    mem_free(s->names_heap);
    mem_free(s->props_heap);
    mem_free(s->origins);
    mem_free(s->name_uses);
    mem_free(s->prop_uses);
    mem_free(s->blocks);
    mem_free((void *)s->checked);
    s->dicts = NULL;
    s->names = s->props = NULL;
    s->names_heap = s->props_heap = NULL;
    s->origins = NULL;
    s->name_uses = s->prop_uses = NULL;
    s->blocks = NULL;
    s->checked = NULL;
    s->n_blocks = s->n_names = s->n_props = s->n_origins = s->n_name_uses = s->n_prop_uses = 0;
}
static Status get_count(Cx *cx, Segment *s, Str *dir, uint32_t *ret)
{
    /* a column can stand for many equal items in few bytes: the bound is what no writer reaches */
    return column_get_u32(dir, ret) && *ret <= 16 << 20 ? ST_OK : segment_broken(cx, s, "the directory");
}
static Status get_texts(Cx *cx, Segment *s, Str *dir, Str **ret, uint32_t *ret_n, char **ret_heap)
{
    uint32_t n;
    TRY(get_count(cx, s, dir, &n));
    *ret = mem_get(n * sizeof **ret);
    if (!*ret) return fail(cx, ST_NO_MEM, "segment: names");
    TRY(column_get_texts(cx, dir, n, SEGMENT_TEXTS_MAX, *ret, ret_heap));
    *ret_n = n;
    return ST_OK;
}
static Status get_set(Cx *cx, Segment *s, Str *dir, uint64_t **ret, uint32_t *ret_n)
{
    uint32_t n;
    TRY(get_count(cx, s, dir, &n));
    *ret = mem_get(n * sizeof **ret);
    if (!*ret) return fail(cx, ST_NO_MEM, "segment: a table");
    if (!column_get(dir, n, *ret)) return segment_broken(cx, s, "the directory");
    *ret_n = n;
    return ST_OK;
}
static Status get_origins(Cx *cx, Segment *s, Str *dir)
{
    uint64_t *v = NULL;
    Status st = get_set(cx, s, dir, &v, &s->n_origins);
    if (st == ST_OK && !(s->origins = mem_get(s->n_origins * sizeof *s->origins)))
        st = fail(cx, ST_NO_MEM, "segment: origins");
    for (uint32_t i = 0; st == ST_OK && i < s->n_origins; i++)
        s->origins[i] = (Origin){ (uint16_t)(v[i] >> 16), (uint8_t)(v[i] >> 8), (uint8_t)v[i] };
    mem_free(v);
    return st;
}
#define GET_FIELD(dir, v, items, count, field, type) do { \
        if (!column_get(dir, count, v)) return segment_broken(cx, s, "the directory"); \
        for (size_t i_ = 0; i_ < (count); i_++) (items)[i_].field = (type)(v)[i_]; } while (0)
static Status get_dicts(Cx *cx, Segment *s, Str *dir, uint64_t *v)
{
    GET_FIELD(dir, v, s->dicts, s->n_props, n, uint64_t);
    GET_FIELD(dir, v, s->dicts, s->n_props, at, uint64_t);
    GET_FIELD(dir, v, s->dicts, s->n_props, length, uint64_t);
    GET_FIELD(dir, v, s->dicts, s->n_props, check, uint64_t);
    for (uint32_t i = 0; i < s->n_props; i++)
        if (s->dicts[i].at > s->map.n || s->dicts[i].length > s->map.n - s->dicts[i].at ||
            s->dicts[i].n > SEGMENT_DICT_MAX)
            return segment_broken(cx, s, "the directory");
    return ST_OK;
}
static bool block_holds(const Segment *s, const BlockInfo *b, const BlockInfo *before)
{
    return b->min >= -TIME_MAX && b->max <= TIME_MAX && b->min <= b->max && b->max - b->min <= MONTH_MS &&
        b->at <= s->map.n && b->length <= s->map.n - b->at && b->head <= b->length &&
        b->head % sizeof(ColumnInfo) == 0 && b->n > 0 && b->n <= SEGMENT_BLOCK_MAX && b->n_people > 0 &&
        b->n_people <= b->n_runs && b->n_runs <= b->n && b->first_key <= b->last_key &&
        (!before || b->first_key >= before->last_key);
}
static Status checks_room(Cx *cx, Segment *s, uint32_t n)
{
    size_t most = 0;
    for (uint32_t i = 0; i < n; i++) most = s->blocks[i].head > most ? s->blocks[i].head : most;
    s->checked_words = (uint32_t)(most / sizeof(ColumnInfo) / 64 + 1);
    if (!(s->checked = mem_get((size_t)n * s->checked_words * sizeof *s->checked)))
        return fail(cx, ST_NO_MEM, "segment: %u blocks", n);
    return ST_OK;
}
static Status get_blocks(Cx *cx, Segment *s, Str *dir, uint64_t *v, uint32_t n)
{
    GET_FIELD(dir, v, s->blocks, n, at, uint64_t);
    GET_FIELD(dir, v, s->blocks, n, length, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, head, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, n, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, n_people, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, n_runs, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, first_key, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, last_key, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, min, int64_t);
    GET_FIELD(dir, v, s->blocks, n, max, int64_t);
    GET_FIELD(dir, v, s->blocks, n, flags, uint8_t);
    GET_FIELD(dir, v, s->blocks, n, check, uint64_t);
    for (uint32_t i = 0; i < n; i++)
        if (!block_holds(s, &s->blocks[i], i ? &s->blocks[i - 1] : NULL)) return segment_broken(cx, s, "the directory");
    TRY(checks_room(cx, s, n));
    s->n_blocks = n;
    return ST_OK;
}
static Status get_directory(Cx *cx, Segment *s, Str dir, uint32_t n_blocks)
{
    TRY(get_texts(cx, s, &dir, &s->names, &s->n_names, &s->names_heap));
    TRY(get_texts(cx, s, &dir, &s->props, &s->n_props, &s->props_heap));
    s->dicts = mem_get(s->n_props * sizeof *s->dicts);
    if (!s->dicts) return fail(cx, ST_NO_MEM, "segment: dictionaries");
    TRY(get_origins(cx, s, &dir));
    TRY(get_set(cx, s, &dir, &s->name_uses, &s->n_name_uses));
    TRY(get_set(cx, s, &dir, &s->prop_uses, &s->n_prop_uses));
    s->blocks = mem_get(n_blocks * sizeof *s->blocks);
    uint64_t *v = mem_get((n_blocks > s->n_props ? n_blocks : s->n_props) * sizeof *v);
    Status st = s->blocks && v ? get_dicts(cx, s, &dir, v) : fail(cx, ST_NO_MEM, "segment: %u blocks", n_blocks);
    if (st == ST_OK) st = get_blocks(cx, s, &dir, v, n_blocks);
    mem_free(v);
    return st;
}
static Status load(Cx *cx, Segment *s)
{
    SegmentHead h;
    const void *p;
    size_t n;
    TRY(s->fs.ops->open(cx, s->fs.self, s->path, FS_READ, &s->file));
    TRY(s->fs.ops->map(cx, s->file, &p, &n));
    s->map = (Str){ p, n };
    if (n < sizeof h) return segment_broken(cx, s, "the header");
    memcpy(&h, p, sizeof h);
    if (memcmp(h.magic, SEGMENT_MAGIC, sizeof h.magic) != 0 || h.version != SEGMENT_VERSION ||
        !segment_check_is((Str){ p, offsetof(SegmentHead, check) }, h.check) ||
            !segment_check_is((Str){ p, offsetof(SegmentHead, check) }, s->info.check))
        return segment_broken(cx, s, "the header");
    if (h.dir_at > n || h.dir_length > n - h.dir_at || h.n_blocks > n / sizeof(ColumnInfo) ||
        !segment_check_is((Str){ s->map.p + h.dir_at, h.dir_length }, h.dir_check)) return segment_broken(cx, s,
            "the directory");
    s->log_pos = h.log_pos;
    s->received = h.received;
    s->moves = h.moves;
    return get_directory(cx, s, (Str){ s->map.p + h.dir_at, h.dir_length }, h.n_blocks);
}
static Status alloc(Cx *cx, Fs fs, const char *dir, const ManifestSegment *info, Segment **ret)
{
    const char *path;
    TRY(segment_name(cx, dir, info->id, &path));
    Segment *s = mem_get(sizeof *s);
    if (s) s->path = mem_get(strlen(path) + 1);
    if (!s || !s->path) {
        mem_free(s);
        return fail(cx, ST_NO_MEM, "segment");
    }
    memcpy(s->path, path, strlen(path) + 1);
    snprintf(s->name, sizeof s->name, "seg-%lld.lks", (long long)info->id);
    pthread_mutex_init(&s->lock, NULL);
    s->refs = 1;
    s->fs = fs;
    s->info = *info;
    *ret = s;
    return ST_OK;
}
Status segment_open(Cx *cx, Fs fs, const char *dir, const ManifestSegment *info, Segment **ret)
{
    Segment *s;
    TRY(alloc(cx, fs, dir, info, &s));
    Status st = load(cx, s);
    if (st == ST_NO_MEM) {
        segment_done(cx, s);
        return st;
    }
    if (st != ST_OK) {
        unload(s);
        s->damaged = true;
    }
    *ret = s;
    return ST_OK;
}
Segment *segment_ref(Segment *s)
{
    s->refs++;
    return s;
}
void segment_done(Cx *cx, Segment *s)
{
    if (!s || --s->refs > 0) return;
    unload(s);
    if (s->map.n) s->fs.ops->unmap(s->file, s->map.p, s->map.n);
    if (s->file) s->fs.ops->close(s->file);
    Why why = cx->why;
    if (s->obsolete) (void)s->fs.ops->unlink(cx, s->fs.self, s->path);    /* else the next start does */
    cx->why = why;
    pthread_mutex_destroy(&s->lock);
    mem_free(s->path);
    mem_free(s);
}
bool segment_prop(const Segment *s, Str name, uint32_t *ret)
{
    for (uint32_t i = 0; i < s->n_props; i++) {
        if (!str_eq(s->props[i], name)) continue;
        *ret = i;
        return true;
    }
    return false;
}
static Status dict_load(Cx *cx, Segment *s, struct SegmentDict *d)
{
    Str bytes = { s->map.p + d->at, d->length };
    if (d->texts || d->n == 0) return ST_OK;
    if (!segment_check_is(bytes, d->check)) return segment_broken(cx, s, "a dictionary");
    Str *texts = mem_get(d->n * sizeof *texts);
    if (!texts) return fail(cx, ST_NO_MEM, "segment: a dictionary");
    Status st = column_get_texts(cx, &bytes, d->n, SEGMENT_TEXTS_MAX, texts, &d->heap);
    if (st == ST_OK) d->texts = texts;
    else mem_free(texts);
    return st;
}
Status segment_dict(Cx *cx, Segment *s, uint32_t prop, const Str **ret, size_t *ret_n)
{
    struct SegmentDict *d = &s->dicts[prop];
    pthread_mutex_lock(&s->lock);
    Status st = dict_load(cx, s, d);
    *ret = d->texts;
    *ret_n = st == ST_OK ? d->n : 0;
    pthread_mutex_unlock(&s->lock);
    return segment_note(s, st);
}
