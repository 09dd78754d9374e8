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
static bool check_is(Str s, uint64_t check) { return segment_unchecked || XXH3_64bits(s.p, s.n) == check; }
static Status broken(Cx *cx, const Segment *s, const char *what)
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
    s->dicts = NULL;
    s->names = s->props = NULL;
    s->names_heap = s->props_heap = NULL;
    s->origins = NULL;
    s->name_uses = s->prop_uses = NULL;
    s->blocks = NULL;
    s->n_blocks = s->n_names = s->n_props = s->n_origins = s->n_name_uses = s->n_prop_uses = 0;
}
static Status get_count(Cx *cx, Segment *s, Str *dir, uint32_t *ret)
{
    /* a column can stand for many equal items in few bytes: the bound is what no writer reaches */
    return column_get_u32(dir, ret) && *ret <= 16 << 20 ? ST_OK : broken(cx, s, "the directory");
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
    if (!column_get(dir, n, *ret)) return broken(cx, s, "the directory");
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
        if (!column_get(dir, count, v)) return broken(cx, s, "the directory"); \
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
            return broken(cx, s, "the directory");
    return ST_OK;
}
static Status get_blocks(Cx *cx, Segment *s, Str *dir, uint64_t *v, uint32_t n)
{
    GET_FIELD(dir, v, s->blocks, n, at, uint64_t);
    GET_FIELD(dir, v, s->blocks, n, length, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, head, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, n, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, n_people, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, first_key, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, last_key, uint32_t);
    GET_FIELD(dir, v, s->blocks, n, min, int64_t);
    GET_FIELD(dir, v, s->blocks, n, max, int64_t);
    GET_FIELD(dir, v, s->blocks, n, check, uint64_t);
    for (uint32_t i = 0; i < n; i++) {
        const BlockInfo *b = &s->blocks[i];
        if (b->min < -TIME_MAX || b->max > TIME_MAX || b->min > b->max || b->max - b->min > MONTH_MS ||
            b->at > s->map.n || b->length > s->map.n - b->at || b->head > b->length || b->head % sizeof(ColumnInfo) ||
            b->n == 0 || b->n > SEGMENT_BLOCK_MAX || b->n_people == 0 || b->n_people > b->n ||
                b->first_key > b->last_key ||
            (i && b->first_key < b[-1].last_key))
            return broken(cx, s, "the directory");
    }
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
    if (n < sizeof h) return broken(cx, s, "the header");
    memcpy(&h, p, sizeof h);
    if (memcmp(h.magic, SEGMENT_MAGIC, sizeof h.magic) != 0 || h.version != SEGMENT_VERSION ||
        !check_is((Str){ p, offsetof(SegmentHead, check) }, h.check) ||
            !check_is((Str){ p, offsetof(SegmentHead, check) }, s->info.check))
        return broken(cx, s, "the header");
    if (h.dir_at > n || h.dir_length > n - h.dir_at || h.n_blocks > n / sizeof(ColumnInfo) ||
        !check_is((Str){ s->map.p + h.dir_at, h.dir_length }, h.dir_check)) return broken(cx, s, "the directory");
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
    if (!check_is(bytes, d->check)) return broken(cx, s, "a dictionary");
    Str *texts = mem_get(d->n * sizeof *texts);
    if (!texts) return fail(cx, ST_NO_MEM, "segment: a dictionary");
    Status st = column_get_texts(cx, &bytes, d->n, SEGMENT_TEXTS_MAX, texts, &d->heap);
    if (st == ST_OK) d->texts = texts;
    else mem_free(texts);
    return st;
}
static Status note(Segment *s, Status st)
{
    if (st == ST_IO) s->damaged = true;
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
    return note(s, st);
}

/* ---- a block ---- */

enum { ROOM_KEY, ROOM_FIRST, ROOM_TIME, ROOM_RECEIVED, ROOM_NAME, ROOM_ORIGIN, ROOM_ACTOR, ROOM_SCRATCH };
static void *room(Block *b, int which, size_t n)
{
    struct Room *r = &b->rooms[which];
    if (r->size >= n) return r->p;
    mem_free(r->p);
    r->size = 0;
    r->p = mem_get(n);
    if (r->p) r->size = n;
    return r->p;
}
void segment_block_done(Block *b)
{
    for (size_t i = 0; i < COUNT(b->rooms); i++) mem_free(b->rooms[i].p);
    *b = (Block){ 0 };
}
static ColumnInfo column_at(const Block *b, size_t i)
{
    ColumnInfo c;
    memcpy(&c, b->seg->map.p + b->seg->blocks[b->index].at + i * sizeof c, sizeof c);
    return c;
}
static Status column(Cx *cx, const Block *b, uint32_t id, Str *ret)
{
    const BlockInfo *info = &b->seg->blocks[b->index];
    size_t lo = 0, hi = info->head / sizeof(ColumnInfo);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (column_at(b, mid).id < id) lo = mid + 1;
        else hi = mid;
    }
    if (lo == info->head / sizeof(ColumnInfo)) return ST_NOT_FOUND;
    ColumnInfo c = column_at(b, lo);
    if (c.id != id) return ST_NOT_FOUND;
    if (c.at > info->length || c.length > info->length - c.at) return broken(cx, b->seg, "a block");
    *ret = (Str){ b->seg->map.p + info->at + c.at, c.length };
    return check_is(*ret, c.check) ? ST_OK : broken(cx, b->seg, "a column");
}
static Status needed(Cx *cx, const Block *b, uint32_t id, Str *ret)
{
    Status st = column(cx, b, id, ret);
    return st == ST_NOT_FOUND ? broken(cx, b->seg, "a block") : st;
}
static Status read_people(Cx *cx, Block *b, const BlockInfo *info)
{
    Str s;
    b->key = room(b, ROOM_KEY, b->n_people * sizeof *b->key);
    b->first = room(b, ROOM_FIRST, (b->n_people + 1) * sizeof *b->first);
    if (!b->key || !b->first) return fail(cx, ST_NO_MEM, "segment: people");
    TRY(needed(cx, b, COLUMN_PEOPLE, &s));
    if (!column_get32(&s, b->n_people, b->key) || !column_get32(&s, b->n_people, b->first))
        return broken(cx, b->seg, "people");
    uint64_t key = 0, at = 0;
    for (uint32_t i = 0; i < b->n_people; i++) {
        uint32_t count = b->first[i];
        if ((i && b->key[i] == 0) || count == 0 || (key += b->key[i]) > UINT32_MAX) return broken(cx, b->seg, "people");
        b->key[i] = (uint32_t)key;
        b->first[i] = (uint32_t)at;
        at += count;
        if (at > b->n) return broken(cx, b->seg, "people");
    }
    b->first[b->n_people] = (uint32_t)at;
    return at == b->n && b->key[0] == info->first_key && key == info->last_key ? ST_OK : broken(cx, b->seg, "people");
}
typedef struct Runs { const uint64_t *length, *start, *delta; size_t run, d, n_runs, n_deltas; uint64_t left; } Runs;
/* Deltas are bounded before, and a month is short: sums cannot wrap. */
static bool person_times(Runs *r, uint64_t runs, int64_t min, int64_t max, int64_t *time, uint32_t n)
{
    uint32_t i = 0;
    for (; runs; runs--, r->run++) {
        uint64_t length = r->length[r->run], span = (uint64_t)(max - min), t = r->start[r->run];
        if (length == 0 || length > n - i || length - 1 > r->n_deltas - r->d || t > span) return false;
        if (i && time[i - 1] > min + (int64_t)t) return false;
        time[i++] = min + (int64_t)t;
        for (uint64_t k = 1; k < length; k++) time[i++] = min + (int64_t)(t += r->delta[r->d++]);
        if (t > span) return false;
    }
    return i == n;
}
static Status read_times(Cx *cx, Block *b, const BlockInfo *info)
{
    Str s;
    uint64_t *per = room(b, ROOM_SCRATCH, (b->n_people + 2 * (size_t)b->n) * sizeof *per), total = 0;
    b->time = room(b, ROOM_TIME, b->n * sizeof *b->time);
    if (!per || !b->time) return fail(cx, ST_NO_MEM, "segment: times");
    TRY(needed(cx, b, COLUMN_TIME, &s));
    if (!column_get(&s, b->n_people, per)) return broken(cx, b->seg, "times");
    for (uint32_t i = 0; i < b->n_people; i++)
        if (per[i] == 0 || per[i] > b->n || (total += per[i]) > b->n) return broken(cx, b->seg, "times");
    uint64_t *length = per + b->n_people, *start = length + total, *delta = start + total;
    size_t n_deltas = b->n - total;
    if (!column_get(&s, total, length) || !column_get(&s, total, start) || !column_get(&s, n_deltas, delta))
        return broken(cx, b->seg, "times");
    Runs r = { .length = length, .start = start, .delta = delta, .n_runs = total, .n_deltas = n_deltas };
    uint64_t wide = 0, span = (uint64_t)(info->max - info->min);
    for (size_t i = 0; i < n_deltas; i++) wide |= delta[i] > span;
    bool good = !wide;
    for (uint32_t p = 0; good && p < b->n_people; p++)
        good = person_times(&r, per[p], info->min, info->max, b->time + b->first[p], b->first[p + 1] - b->first[p]);
    return good ? ST_OK : broken(cx, b->seg, "times");
}
static Status read_actors(Cx *cx, Block *b)
{
    Str s;
    uint32_t *actor = room(b, ROOM_ACTOR, b->n * sizeof *actor);
    uint64_t *v = room(b, ROOM_SCRATCH, b->n * sizeof *v);
    if (!actor || !v) return fail(cx, ST_NO_MEM, "segment: actors");
    TRY(needed(cx, b, COLUMN_ACTOR, &s));
    if (!column_get(&s, b->n, v)) return broken(cx, b->seg, "actors");
    for (uint32_t p = 0; p < b->n_people; p++) {
        uint64_t root = segment_root(b->key[p]);
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++)
            actor[i] = (uint32_t)(root + (uint64_t)column_zagzig(v[i]));
    }
    b->actor = actor;
    return ST_OK;
}
static Status block_open(Cx *cx, Block *b, const BlockInfo *info)
{
    if (!check_is((Str){ b->seg->map.p + info->at, info->head }, info->check)) return broken(cx, b->seg, "a block");
    TRY(read_people(cx, b, info));
    return read_times(cx, b, info);
}
Status segment_block(Cx *cx, Segment *s, uint32_t index, Block *b)
{
    const BlockInfo *info = &s->blocks[index];
    b->seg = s;
    b->index = index;
    b->n = info->n;
    b->n_people = info->n_people;
    b->received = NULL;
    b->name = b->origin = b->actor = NULL;
    return note(s, block_open(cx, b, info));
}
Status segment_block_actors(Cx *cx, Block *b) { return b->actor ? ST_OK : note(b->seg, read_actors(cx, b)); }
static Status read_codes(Cx *cx, Block *b, uint32_t id, int which, uint32_t below, uint32_t **ret)
{
    Str s;
    uint32_t *v = room(b, which, b->n * sizeof *v), most = 0;
    if (!v) return fail(cx, ST_NO_MEM, "segment: codes");
    TRY(needed(cx, b, id, &s));
    if (!column_get32(&s, b->n, v)) return broken(cx, b->seg, "codes");
    for (uint32_t i = 0; i < b->n; i++) most = v[i] > most ? v[i] : most;
    *ret = v;
    return most < below ? ST_OK : broken(cx, b->seg, "codes");
}
Status segment_block_names(Cx *cx, Block *b)
{
    if (b->name && b->origin) return ST_OK;
    Status st = read_codes(cx, b, COLUMN_NAME, ROOM_NAME, b->seg->n_names, &b->name);
    if (st == ST_OK) st = read_codes(cx, b, COLUMN_ORIGIN, ROOM_ORIGIN, b->seg->n_origins, &b->origin);
    return note(b->seg, st);
}
static Status read_received(Cx *cx, Block *b)
{
    Str s, form;
    uint64_t *v = room(b, ROOM_RECEIVED, b->n * sizeof *v);
    if (!v) return fail(cx, ST_NO_MEM, "segment: received");
    TRY(needed(cx, b, COLUMN_RECEIVED, &s));
    if (!column_skip(&s, 1, &form) || !column_get(&s, b->n, v)) return broken(cx, b->seg, "received");
    for (uint32_t i = 0; i < b->n; i++)
        v[i] = (uint64_t)column_zagzig(v[i]) * 1000 + (form.p[0] == RECEIVED_APART ? (uint64_t)b->time[i] : 0);
    b->received = (int64_t *)v;
    return ST_OK;
}
Status segment_block_received(Cx *cx, Block *b) { return note(b->seg, read_received(cx, b)); }
size_t segment_block_props(const Block *b, uint32_t *ret, size_t max)
{
    size_t n = 0, cols = b->seg->blocks[b->index].head / sizeof(ColumnInfo);
    for (size_t i = 0; i < cols && n < max; i++) {
        uint32_t id = column_at(b, i).id;
        if (id >= COLUMN_PROPS && id - COLUMN_PROPS < b->seg->n_props) ret[n++] = id - COLUMN_PROPS;
    }
    return n;
}

/* ---- a property of a block ---- */

void segment_prop_done(BlockProp *p)
{
    mem_free(p->kind);
    mem_free(p->value);
    mem_free(p->local);
    mem_free(p->local_heap);
    mem_free(p->items);
    mem_free(p->list_first);
    *p = (BlockProp){ 0 };
}
static bool doubles(Str *s, size_t n, uint64_t *v)
{
    Str form;
    if (!column_skip(s, 1, &form) || !column_get(s, n, v)) return false;
    unsigned k = (unsigned char)form.p[0];
    if (k == DOUBLES_RAW) return true;
    if (k > DOUBLES_SCALE_MAX) return false;
    for (size_t i = 0; i < n; i++) {
        double d = (double)column_zagzig(v[i]) / segment_scale(k);
        memcpy(&v[i], &d, sizeof d);
    }
    return true;
}
/* Put the dense values of one kind where its events stand. */
static void scatter(BlockProp *p, uint32_t n, uint8_t kind, const uint64_t *dense)
{
    for (uint32_t i = 0, at = 0; i < n; i++) if (p->kind[i] == kind) p->value[i] = dense[at++];
}
static Status read_plain(Cx *cx, const Block *b, BlockProp *p, Str *s, const size_t *count, uint64_t *v)
{
    if (count[PROP_BOOL]) {
        if (!column_get(s, count[PROP_BOOL], v)) return broken(cx, b->seg, "a property");
        for (size_t i = 0; i < count[PROP_BOOL]; i++) if (v[i] > 1) return broken(cx, b->seg, "a property");
        scatter(p, b->n, PROP_BOOL, v);
    }
    if (count[PROP_INT]) {
        if (!column_get(s, count[PROP_INT], v)) return broken(cx, b->seg, "a property");
        for (size_t i = 0; i < count[PROP_INT]; i++) v[i] ^= UINT64_C(1) << 63;
        scatter(p, b->n, PROP_INT, v);
    }
    if (count[PROP_DOUBLE]) {
        if (!doubles(s, count[PROP_DOUBLE], v)) return broken(cx, b->seg, "a property");
        scatter(p, b->n, PROP_DOUBLE, v);
    }
    return ST_OK;
}
/* Lists' lengths become places in the codes; *ret_codes: of all string events and list items. */
static Status read_lists(Cx *cx, const Block *b, BlockProp *p, Str *s, size_t n, uint64_t *v, size_t *ret_items)
{
    uint64_t total = 0;
    *ret_items = 0;
    if (n == 0) return ST_OK;
    if (!column_get(s, n, v)) return broken(cx, b->seg, "a list");
    p->list_first = mem_get((n + 1) * sizeof *p->list_first);
    if (!p->list_first) return fail(cx, ST_NO_MEM, "segment: lists");
    p->n_lists = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        if (v[i] > 1 << 20 || total > 64 << 20) return broken(cx, b->seg, "a list");
        p->list_first[i] = (uint32_t)total;
        total += v[i];
        v[i] = i;
    }
    p->list_first[n] = (uint32_t)total;
    scatter(p, b->n, PROP_LIST, v);
    *ret_items = total;
    return ST_OK;
}
static Status read_texts(Cx *cx, Block *b, BlockProp *p, Str *s, uint32_t prop, size_t n_codes)
{
    uint32_t n;
    if (!column_get_u32(s, &p->n_local) || p->n_local > n_codes) return broken(cx, b->seg, "texts");
    p->local = mem_get(p->n_local * sizeof *p->local);
    if (!p->local) return fail(cx, ST_NO_MEM, "segment: texts");
    if (p->n_local) TRY(column_get_texts(cx, s, p->n_local, SEGMENT_TEXTS_MAX, p->local, &p->local_heap));
    TRY(segment_dict(cx, b->seg, prop, &p->dict, &p->n_dict));
    if (!column_get_u32(s, &n) || n != n_codes) return broken(cx, b->seg, "texts");
    p->items = mem_get(n * sizeof *p->items);
    if (!p->items) return fail(cx, ST_NO_MEM, "segment: texts");
    if (!column_get32(s, n, p->items)) return broken(cx, b->seg, "texts");
    for (uint32_t i = 0; i < n; i++) if (p->items[i] >= p->n_local + p->n_dict) return broken(cx, b->seg, "texts");
    return ST_OK;
}
/* Codes stand in the order of events, a list's items together: part them. */
static void part_texts(const Block *b, BlockProp *p)
{
    uint32_t at = 0, kept = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        if (p->kind[i] == PROP_STR) p->value[i] = p->items[at++];
        if (p->kind[i] != PROP_LIST) continue;
        uint32_t l = (uint32_t)p->value[i], n = p->list_first[l + 1] - p->list_first[l];
        memmove(p->items + kept, p->items + at, n * sizeof *p->items);
        at += n;
        kept += n;
    }
    p->n_items = kept;
}
static Status read_prop(Cx *cx, Block *b, uint32_t prop, BlockProp *p)
{
    Str s;
    size_t count[PROP_LIST + 1] = { 0 }, n_items;
    TRY(column(cx, b, COLUMN_PROPS + prop, &s));
    uint64_t *v = room(b, ROOM_SCRATCH, b->n * sizeof *v);
    p->kind = mem_get(b->n);
    p->value = mem_get(b->n * sizeof *p->value);
    if (!v || !p->kind || !p->value) return fail(cx, ST_NO_MEM, "segment: a property");
    if (!column_get(&s, b->n, v)) return broken(cx, b->seg, "a property");
    for (uint32_t i = 0; i < b->n; i++) {
        if (v[i] > PROP_LIST) return broken(cx, b->seg, "a property");
        p->kind[i] = (uint8_t)v[i];
        count[v[i]]++;
    }
    TRY(read_plain(cx, b, p, &s, count, v));
    TRY(read_lists(cx, b, p, &s, count[PROP_LIST], v, &n_items));
    if (count[PROP_STR] + n_items == 0) return ST_OK;
    TRY(read_texts(cx, b, p, &s, prop, count[PROP_STR] + n_items));
    part_texts(b, p);
    return ST_OK;
}
Status segment_block_prop(Cx *cx, Block *b, uint32_t prop, BlockProp *ret)
{
    *ret = (BlockProp){ 0 };
    Status st = read_prop(cx, b, prop, ret);
    if (st != ST_OK) segment_prop_done(ret);
    return note(b->seg, st);
}
