#include "store/events/segment_in.h"
#include "base/arena.h"
#include "store/events/column.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { CELLS_MAX = 4 << 20, PAYLOAD_MAX = 8 << 20, BLOCK_BYTES_MAX = 256 << 20, DIR_BYTES_MAX = 512 << 20 };
enum { RECENT = 32 };
static const uint32_t LOCAL = 1U << 31;   /* a text of the block, until its end says how many there are */

typedef struct Codes { uint32_t *p; size_t n, cap; } Codes;
/* One property of the block being filled: its events in order, then for lists their items. */
typedef struct Build {
    uint32_t  prop, n, cap;
    uint32_t *row;
    uint8_t  *kind;
    uint64_t *value;             /* of a list: how many items */
    Codes     texts;             /* of the string events and list items, in order */
    Dict      local;
    Str       last; uint32_t last_code;      /* the text added last: of one person the next is mostly the same */
} Build;
/* What the n-th property of the event before was: events of one person are mostly alike. */
typedef struct Recent { uint32_t prop; uint16_t source; bool known; } Recent;
typedef struct DictPlace { uint64_t at, check; uint32_t n, length; } DictPlace;
typedef struct Uses { uint64_t *p; size_t n, cap; } Uses;  /* a small set, in order of first use */

struct SegmentWriter {
    Fs       fs;
    FsFile  *file;
    const SegmentPlan plan;
    char    *path;
    int64_t  at, events, first, last, received;
    uint32_t n, n_people, last_key;
    uint32_t key[SEGMENT_BLOCK_MAX], count[SEGMENT_BLOCK_MAX];
    int64_t  time[SEGMENT_BLOCK_MAX], got[SEGMENT_BLOCK_MAX];
    uint32_t actor[SEGMENT_BLOCK_MAX], name[SEGMENT_BLOCK_MAX], origin[SEGMENT_BLOCK_MAX];
    uint64_t scratch[3 * SEGMENT_BLOCK_MAX + 1];
    size_t   payload, dict_bytes;
    Dict     names, props;
    Dict    *dicts;              /* by property */
    uint32_t *build_of;          /* by property: build + 1 */
    size_t   cap_props, cap_build_of;
    Build   *builds;
    size_t   n_builds, cap_builds;
    Recent   recent[RECENT];
    Uses     origins, name_uses, prop_uses;
    BlockInfo *blocks;
    size_t   n_blocks, cap_blocks;
    bool     ended;
};

Status segment_name(Cx *cx, const char *dir, int64_t id, const char **ret)
{
    char name[32];
    snprintf(name, sizeof name, "seg-%lld.lks", (long long)id);
    return fs_path(cx, dir, name, "", ret);
}
static Status grow(Cx *cx, void **p, size_t *cap, size_t need, size_t size)
{
    size_t n = *cap ? *cap : 16;
    if (need <= *cap) return ST_OK;
    while (n < need) n *= 2;
    void *bigger = mem_grow(*p, n * size);
    if (!bigger) return fail(cx, ST_NO_MEM, "segment: %zu items", n);
    memset((char *)bigger + *cap * size, 0, (n - *cap) * size);
    *p = bigger;
    *cap = n;
    return ST_OK;
}
#define GROW(cx, p, cap, need) grow(cx, (void **)&(p), &(cap), need, sizeof *(p))

static Status create(Cx *cx, SegmentWriter *w, const char *path)
{
    Status st = w->fs.ops->open(cx, w->fs.self, path, FS_CREATE, &w->file);
    if (st == ST_OK) return ST_OK;
    Status gone = w->fs.ops->unlink(cx, w->fs.self, path);      /* what a crash left: no manifest names it */
    return gone == ST_OK ? w->fs.ops->open(cx, w->fs.self, path, FS_CREATE, &w->file) : st;
}
Status segment_begin(Cx *cx, Fs fs, const char *dir, const SegmentPlan *plan, SegmentWriter **ret)
{
    const char *path;
    TRY(segment_name(cx, dir, plan->id, &path));
    SegmentWriter *w = mem_get(sizeof *w);
    if (!w) return fail(cx, ST_NO_MEM, "segment: a writer");
    memcpy((void *)(uintptr_t)&w->plan, plan, sizeof *plan);
    w->fs = fs;
    w->at = sizeof(SegmentHead);
    w->path = mem_get(strlen(path) + 1);
    Status st = w->path ? create(cx, w, path) : fail(cx, ST_NO_MEM, "segment: path");
    if (st != ST_OK) {
        segment_drop(cx, w);
        return st;
    }
    memcpy(w->path, path, strlen(path) + 1);
    *ret = w;
    return ST_OK;
}
static void build_done(Build *b)
{
    mem_free(b->row);
    mem_free(b->kind);
    mem_free(b->value);
    mem_free(b->texts.p);
    dict_done(&b->local);
}
void segment_drop(Cx *cx, SegmentWriter *w)
{
    if (!w) return;
    Why why = cx->why;
    if (w->file) w->fs.ops->close(w->file);
    if (w->file && !w->ended) (void)w->fs.ops->unlink(cx, w->fs.self, w->path);
    cx->why = why;
    for (size_t i = 0; i < w->cap_builds; i++) build_done(&w->builds[i]);
    for (size_t i = 0; i < w->cap_props; i++) dict_done(&w->dicts[i]);
    dict_done(&w->names);
    dict_done(&w->props);
    mem_free(w->dicts);
    mem_free(w->build_of);
    mem_free(w->builds);
    mem_free(w->origins.p);
    mem_free(w->name_uses.p);
    mem_free(w->prop_uses.p);
    mem_free(w->blocks);
    mem_free(w->path);
    mem_free(w);
}

/* The last entry used is usually the one wanted; the sets hold a few dozen pairs. */
static Status use(Cx *cx, Uses *u, uint64_t v, uint32_t *ret)
{
    for (size_t i = u->n; i-- > 0;) {
        if (u->p[i] != v) continue;
        *ret = (uint32_t)i;
        return ST_OK;
    }
    TRY(GROW(cx, u->p, u->cap, u->n + 1));
    u->p[u->n] = v;
    *ret = (uint32_t)u->n++;
    return ST_OK;
}
static Status code_of(Cx *cx, SegmentWriter *w, Build *b, Str s, uint32_t *ret)
{
    Dict *d = &w->dicts[b->prop];
    if (dict_find(d, s, ret)) return ST_OK;
    w->payload += s.n + sizeof(Str);
    if (s.n > SEGMENT_TEXT_MAX || d->n >= SEGMENT_DICT_MAX || d->bytes + s.n > SEGMENT_DICT_BYTES ||
        w->dict_bytes + s.n > SEGMENT_DICTS_BYTES) {
        TRY(dict_add(cx, &b->local, s, ret));
        *ret |= LOCAL;
        return ST_OK;
    }
    TRY(dict_add(cx, d, s, ret));
    w->dict_bytes += s.n;
    return ST_OK;
}
static Status text_add(Cx *cx, SegmentWriter *w, Build *b, Str s)
{
    TRY(GROW(cx, b->texts.p, b->texts.cap, b->texts.n + 1));
    uint32_t *code = &b->texts.p[b->texts.n];
    if (b->last.p && str_eq(b->last, s)) *code = b->last_code;
    else TRY(code_of(cx, w, b, s, code));
    b->texts.n++;
    const Dict *d = *code & LOCAL ? &b->local : &w->dicts[b->prop];
    b->last = d->texts[*code & ~LOCAL];
    b->last_code = *code;
    return ST_OK;
}
static Status build_grow(Cx *cx, Build *b)
{
    size_t cap = b->cap ? b->cap * 2 : 64;
    if (b->n < b->cap) return ST_OK;
    uint32_t *row = mem_grow(b->row, cap * sizeof *row);
    if (row) b->row = row;
    uint8_t *kind = mem_grow(b->kind, cap);
    if (kind) b->kind = kind;
    uint64_t *value = mem_grow(b->value, cap * sizeof *value);
    if (value) b->value = value;
    if (!row || !kind || !value) return fail(cx, ST_NO_MEM, "segment: a property's values");
    b->cap = (uint32_t)cap;
    return ST_OK;
}
static Status build_for(Cx *cx, SegmentWriter *w, Str name, Build **ret)
{
    uint32_t prop;
    TRY(dict_add(cx, &w->props, name, &prop));
    TRY(GROW(cx, w->build_of, w->cap_build_of, (size_t)prop + 1));
    TRY(GROW(cx, w->dicts, w->cap_props, (size_t)prop + 1));
    if (w->build_of[prop] == 0) {
        TRY(GROW(cx, w->builds, w->cap_builds, w->n_builds + 1));
        w->builds[w->n_builds].prop = prop;
        w->build_of[prop] = (uint32_t)++w->n_builds;
    }
    *ret = &w->builds[w->build_of[prop] - 1];
    return ST_OK;
}
static uint64_t bits_of(double d)
{
    uint64_t v;
    memcpy(&v, &d, sizeof v);
    return v;
}
static Status build_at(Cx *cx, SegmentWriter *w, uint16_t source, size_t nth, Str name, Build **ret)
{
    Recent *r = nth < RECENT ? &w->recent[nth] : NULL;
    uint32_t used;
    if (r && r->known && r->source == source && w->build_of[r->prop] && str_eq(w->props.texts[r->prop], name)) {
        *ret = &w->builds[w->build_of[r->prop] - 1];
        return ST_OK;
    }
    TRY(build_for(cx, w, name, ret));
    TRY(use(cx, &w->prop_uses, (uint64_t)source << 32 | (*ret)->prop, &used));
    if (r) *r = (Recent){ (*ret)->prop, source, true };
    return ST_OK;
}
static Status prop_add(Cx *cx, SegmentWriter *w, uint16_t source, size_t nth, const Prop *p)
{
    Build *b;
    uint64_t value = 0;
    TRY(build_at(cx, w, source, nth, p->name, &b));
    /* of two of a name the first counts */
    if (p->kind == PROP_NULL || (b->n && b->row[b->n - 1] == w->n)) return ST_OK;
    TRY(build_grow(cx, b));
    switch ((PropKind)p->kind) {
    case PROP_NULL:   break;
    case PROP_BOOL:   value = p->b; break;
    case PROP_INT:    value = (uint64_t)p->i; break;
    case PROP_DOUBLE: value = bits_of(p->d); break;
    case PROP_STR:    TRY(text_add(cx, w, b, p->s)); break;
    case PROP_LIST:
        value = p->list.n;
        for (size_t i = 0; i < p->list.n; i++) TRY(text_add(cx, w, b, p->list.p[i]));
        break;
    }
    b->row[b->n] = w->n;
    b->kind[b->n] = p->kind;
    b->value[b->n++] = value;
    w->payload += 16;
    return ST_OK;
}

/* ---- the columns of a full block ---- */

static void put_people(SegmentWriter *w, Buf *b)
{
    uint64_t *v = w->scratch;
    for (uint32_t i = 0; i < w->n_people; i++) v[i] = w->key[i] - (i ? w->key[i - 1] : 0);
    column_put(b, v, w->n_people);
    for (uint32_t i = 0; i < w->n_people; i++) v[i] = w->count[i];
    column_put(b, v, w->n_people);
}
/* The width of the deltas inside runs that makes deltas and starts of runs smallest together. */
static unsigned best_width(const SegmentWriter *w, unsigned start_bits)
{
    size_t of_bits[65] = { 0 }, best = SIZE_MAX, small = 0, gaps = w->n - w->n_people;
    unsigned ret = 0;
    for (uint32_t p = 0, i = 0; p < w->n_people; i += w->count[p++])
        for (uint32_t k = 1; k < w->count[p]; k++)
            of_bits[column_bits((uint64_t)w->time[i + k] - (uint64_t)w->time[i + k - 1])]++;
    for (unsigned bits = 0; bits <= 64; bits++) {
        small += of_bits[bits];
        size_t cost = small * bits + (gaps - small) * (start_bits + 4);
        if (cost >= best) continue;
        best = cost;
        ret = bits;
    }
    return ret;
}
/* Runs: how many each person has, how many events each holds, where each starts; and the deltas inside. */
static void put_times(SegmentWriter *w, Buf *b, int64_t min, int64_t max)
{
    unsigned width = best_width(w, column_bits((uint64_t)max - (uint64_t)min));
    uint64_t *length = w->scratch, *start = length + SEGMENT_BLOCK_MAX, *delta = start + SEGMENT_BLOCK_MAX;
    size_t runs = 0, deltas = 0;
    uint64_t *per_person = mem_get(w->n_people * sizeof *per_person);
    if (!per_person) {
        b->bad = true;
        return;
    }
    for (uint32_t p = 0, i = 0; p < w->n_people; p++)
        for (uint32_t k = 0; k < w->count[p]; k++, i++) {
            uint64_t gap = k ? (uint64_t)w->time[i] - (uint64_t)w->time[i - 1] : 0;
            if (k == 0 || column_bits(gap) > width) {
                start[runs] = (uint64_t)w->time[i] - (uint64_t)min;
                length[runs++] = 1;
                per_person[p]++;
                continue;
            }
            length[runs - 1]++;
            delta[deltas++] = gap;
        }
    column_put(b, per_person, w->n_people);
    column_put(b, length, runs);
    column_put(b, start, runs);
    column_put(b, delta, deltas);
    mem_free(per_person);
}
static void put_actors(SegmentWriter *w, Buf *b)
{
    for (uint32_t p = 0, i = 0; p < w->n_people; p++)
        for (uint32_t k = 0; k < w->count[p]; k++, i++)
            w->scratch[i] = column_zigzag((int64_t)w->actor[i] - (int64_t)segment_root(w->key[p]));
    column_put(b, w->scratch, w->n);
}
static void put_u32s(SegmentWriter *w, Buf *b, const uint32_t *v)
{
    for (uint32_t i = 0; i < w->n; i++) w->scratch[i] = v[i];
    column_put(b, w->scratch, w->n);
}
/* Live events are received soon after their time, imported ones all at once: whichever form is shorter. */
static void put_received(SegmentWriter *w, Buf *b)
{
    size_t from = b->n, apart;
    buf_addc(b, RECEIVED_APART);
    for (uint32_t i = 0; i < w->n; i++)
        w->scratch[i] = column_zigzag((int64_t)((uint64_t)w->got[i] - (uint64_t)w->time[i]) / 1000);
    column_put(b, w->scratch, w->n);
    apart = b->n - from;
    if (b->bad) return;
    buf_addc(b, RECEIVED_ABSOLUTE);
    for (uint32_t i = 0; i < w->n; i++) w->scratch[i] = column_zigzag(w->got[i] / 1000);
    column_put(b, w->scratch, w->n);
    if (b->bad) return;
    if (b->n - from - apart < apart) {
        memmove(b->p + from, b->p + from + apart, b->n - from - apart);
        b->n -= apart;
    } else {
        b->n = from + apart;
    }
}
static void put_doubles(Buf *b, uint64_t *v, size_t n)
{
    for (unsigned k = 0; k <= DOUBLES_SCALE_MAX; k++) {
        size_t i = 0;
        for (; i < n; i++) {
            double d, scaled;
            memcpy(&d, &v[i], sizeof d);
            scaled = d * segment_scale(k);
            if (!(scaled > -9e15 && scaled < 9e15)) break;
            int64_t whole = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
            if (bits_of((double)whole / segment_scale(k)) != v[i]) break;       /* also -0.0 */
        }
        if (i < n) continue;
        for (i = 0; i < n; i++) {
            double d;
            memcpy(&d, &v[i], sizeof d);
            d *= segment_scale(k);
            v[i] = column_zigzag((int64_t)(d < 0 ? d - 0.5 : d + 0.5));
        }
        buf_addc(b, (char)k);
        column_put(b, v, n);
        return;
    }
    buf_addc(b, (char)DOUBLES_RAW);
    column_put(b, v, n);
}
static size_t of_kind(const Build *p, uint8_t kind, uint64_t *ret)
{
    size_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) if (p->kind[i] == kind) ret[n++] = p->value[i];
    return n;
}
/* Kinds of all events of the block, then the values kind by kind: PROP_BOOL, INT, DOUBLE, texts, lists. */
static void put_prop(SegmentWriter *w, Buf *b, const Build *p)
{
    uint64_t *v = w->scratch;
    size_t n;
    memset(v, 0, w->n * sizeof *v);
    for (uint32_t i = 0; i < p->n; i++) v[p->row[i]] = p->kind[i];
    column_put(b, v, w->n);
    if ((n = of_kind(p, PROP_BOOL, v))) column_put(b, v, n);
    n = of_kind(p, PROP_INT, v);
    for (size_t i = 0; i < n; i++) v[i] ^= UINT64_C(1) << 63;                   /* order of the signed */
    if (n) column_put(b, v, n);
    if ((n = of_kind(p, PROP_DOUBLE, v))) put_doubles(b, v, n);
    if ((n = of_kind(p, PROP_LIST, v))) column_put(b, v, n);
    if (p->texts.n == 0) return;
    uint64_t *codes = mem_get(p->texts.n * sizeof *codes);
    if (!codes) {
        b->bad = true;
        return;
    }
    for (size_t i = 0; i < p->texts.n; i++)
        codes[i] = p->texts.p[i] & LOCAL ? p->texts.p[i] & ~LOCAL : p->texts.p[i] + p->local.n;
    column_put_u32(b, (uint32_t)p->local.n);
    if (p->local.n) column_put_texts(b, p->local.texts, p->local.n);
    column_put_u32(b, (uint32_t)p->texts.n);
    column_put(b, codes, p->texts.n);
    mem_free(codes);
}

/* ---- block, directory, file ---- */

static void column_end(const Buf *b, ColumnInfo *c, uint32_t id, size_t from)
{
    if (b->bad) return;
    *c = (ColumnInfo){ .id = id, .at = (uint32_t)from, .length = (uint32_t)(b->n - from),
        .check = XXH3_64bits(b->p + from, b->n - from) };
}
static int by_prop(const void *a, const void *b)
{
    uint32_t x = ((const Build *)a)->prop, y = ((const Build *)b)->prop;
    return (x > y) - (x < y);
}
static void put_fixed(SegmentWriter *w, Buf *b, ColumnInfo *cols, const BlockInfo *info)
{
    size_t from = b->n;
    put_people(w, b), column_end(b, &cols[0], COLUMN_PEOPLE, from), from = b->n;
    put_times(w, b, info->min, info->max), column_end(b, &cols[1], COLUMN_TIME, from), from = b->n;
    put_actors(w, b), column_end(b, &cols[2], COLUMN_ACTOR, from), from = b->n;
    put_u32s(w, b, w->name), column_end(b, &cols[3], COLUMN_NAME, from), from = b->n;
    put_u32s(w, b, w->origin), column_end(b, &cols[4], COLUMN_ORIGIN, from), from = b->n;
    put_received(w, b), column_end(b, &cols[5], COLUMN_RECEIVED, from);
}
static Status block_write(Cx *cx, SegmentWriter *w, Buf *b)
{
    BlockInfo *info = &w->blocks[w->n_blocks];
    size_t n_cols = 6 + w->n_builds, head = n_cols * sizeof(ColumnInfo);
    *info = (BlockInfo){ .at = (uint64_t)w->at, .head = (uint32_t)head, .n = w->n, .n_people = w->n_people,
        .min = w->time[0],
        .max = w->time[0], .first_key = w->key[0], .last_key = w->key[w->n_people - 1] };
    for (uint32_t i = 1; i < w->n; i++) {
        if (w->time[i] < info->min) info->min = w->time[i];
        if (w->time[i] > info->max) info->max = w->time[i];
    }
    ColumnInfo *cols = mem_get(head);
    void *room = cols ? buf_room(b, head) : NULL;
    if (room) {
        put_fixed(w, b, cols, info);
        if (w->n_builds) qsort(w->builds, w->n_builds, sizeof *w->builds, by_prop);
        for (size_t i = 0; i < w->n_builds; i++) {
            size_t from = b->n;
            put_prop(w, b, &w->builds[i]);
            column_end(b, &cols[6 + i], COLUMN_PROPS + w->builds[i].prop, from);
        }
    }
    Status st = room && !b->bad ? ST_OK : fail(cx, ST_NO_MEM, "segment: a block");
    if (st == ST_OK) {
        memcpy(b->p, cols, head);
        info->check = XXH3_64bits(cols, head);
        info->length = (uint32_t)b->n;
        st = w->fs.ops->pwrite(cx, w->file, buf_str(b), w->at);
    }
    mem_free(cols);
    return st;
}
static void block_reset(SegmentWriter *w)
{
    for (size_t i = 0; i < w->n_builds; i++) {
        Build *b = &w->builds[i];
        w->build_of[b->prop] = 0;
        b->n = 0;
        b->texts.n = 0;
        b->last = (Str){ 0 };                              /* perhaps of the local ones */
        dict_done(&b->local);
    }
    w->n_builds = 0;
    w->n = w->n_people = 0;
    w->payload = 0;
}
static Status block_end(Cx *cx, SegmentWriter *w)
{
    if (w->n == 0) return ST_OK;
    TRY(GROW(cx, w->blocks, w->cap_blocks, w->n_blocks + 1));
    Buf b = buf_new(NULL, BLOCK_BYTES_MAX);
    Status st = block_write(cx, w, &b);
    w->at += (int64_t)b.n;
    buf_done(&b);
    TRY(st);
    w->n_blocks++;
    block_reset(w);
    return ST_OK;
}
static bool block_full(const SegmentWriter *w, uint32_t key)
{
    if (w->n == 0) return false;
    if (w->n == SEGMENT_BLOCK_MAX || w->payload > PAYLOAD_MAX || ((size_t)w->n + 1) * w->n_builds > CELLS_MAX)
        return true;
    return w->n >= SEGMENT_BLOCK && w->last_key != key;
}
Status segment_add(Cx *cx, SegmentWriter *w, uint32_t person, uint32_t actor, const Event *e)
{
    uint32_t key = segment_key(person), used;
    if (block_full(w, key)) TRY(block_end(cx, w));
    TRY(dict_add(cx, &w->names, e->name, &w->name[w->n]));
    TRY(use(cx, &w->name_uses, (uint64_t)e->source << 32 | w->name[w->n], &used));
    TRY(use(cx, &w->origins, (uint64_t)e->source << 16 | (uint64_t)e->trust << 8 | e->flags, &w->origin[w->n]));
    for (size_t i = 0; i < e->n_props; i++) TRY(prop_add(cx, w, e->source, i, &e->props[i]));
    if (w->n_people == 0 || w->key[w->n_people - 1] != key) {
        w->key[w->n_people] = key;
        w->count[w->n_people++] = 0;
    }
    w->count[w->n_people - 1]++;
    w->last_key = key;
    w->time[w->n] = e->time;
    w->got[w->n] = e->received;
    w->actor[w->n++] = actor;
    if (w->events == 0 || e->time < w->first) w->first = e->time;
    if (w->events == 0 || e->time > w->last) w->last = e->time;
    if (e->received > w->received) w->received = e->received;
    w->events++;
    return ST_OK;
}

static Status dict_write(Cx *cx, SegmentWriter *w, Dict *d, DictPlace *ret)
{
    Buf b = buf_new(NULL, SEGMENT_TEXTS_MAX);
    if (d->n) column_put_texts(&b, d->texts, d->n);
    *ret = (DictPlace){ .at = (uint64_t)w->at, .n = (uint32_t)d->n, .length = (uint32_t)b.n,
        .check = XXH3_64bits(b.p, b.n) };
    Status st = b.bad ? fail(cx, ST_NO_MEM, "segment: a dictionary") : ST_OK;
    if (st == ST_OK && b.n) st = w->fs.ops->pwrite(cx, w->file, buf_str(&b), w->at);
    w->at += (int64_t)b.n;
    buf_done(&b);
    return st;
}
static void put_texts(Buf *b, const Dict *d)
{
    column_put_u32(b, (uint32_t)d->n);
    column_put_texts(b, d->texts, d->n);
}
static void put_set(Buf *b, const Uses *u)
{
    column_put_u32(b, (uint32_t)u->n);
    column_put(b, u->p, u->n);
}
/* One column of the directory: the same field of every block or dictionary. */
#define PUT_FIELD(b, v, items, count, field) do { \
        for (size_t i_ = 0; i_ < (count); i_++) (v)[i_] = (uint64_t)(items)[i_].field; \
        column_put(b, v, count); } while (0)
static void put_directory(const SegmentWriter *w, Buf *b, const DictPlace *dicts, uint64_t *v)
{
    size_t n = w->props.n;
    put_texts(b, &w->names);
    put_texts(b, &w->props);
    put_set(b, &w->origins);
    put_set(b, &w->name_uses);
    put_set(b, &w->prop_uses);
    PUT_FIELD(b, v, dicts, n, n);
    PUT_FIELD(b, v, dicts, n, at);
    PUT_FIELD(b, v, dicts, n, length);
    PUT_FIELD(b, v, dicts, n, check);
    n = w->n_blocks;
    PUT_FIELD(b, v, w->blocks, n, at);
    PUT_FIELD(b, v, w->blocks, n, length);
    PUT_FIELD(b, v, w->blocks, n, head);
    PUT_FIELD(b, v, w->blocks, n, n);
    PUT_FIELD(b, v, w->blocks, n, n_people);
    PUT_FIELD(b, v, w->blocks, n, first_key);
    PUT_FIELD(b, v, w->blocks, n, last_key);
    PUT_FIELD(b, v, w->blocks, n, min);
    PUT_FIELD(b, v, w->blocks, n, max);
    PUT_FIELD(b, v, w->blocks, n, check);
}
static Status head_write(Cx *cx, SegmentWriter *w, const Buf *dir, SegmentHead *h)
{
    memcpy(h->magic, SEGMENT_MAGIC, sizeof h->magic);
    h->version = SEGMENT_VERSION;
    h->n_blocks = (uint32_t)w->n_blocks;
    h->month = w->plan.month;
    h->level = w->plan.level;
    h->id = w->plan.id;
    h->log_pos = w->plan.log_pos;
    h->moves = w->plan.moves;
    h->events = w->events;
    h->first = w->first;
    h->last = w->last;
    h->received = w->received;
    h->dir_at = (uint64_t)w->at;
    h->dir_length = dir->n;
    h->dir_check = XXH3_64bits(dir->p, dir->n);
    h->check = XXH3_64bits(h, offsetof(SegmentHead, check));
    TRY(w->fs.ops->pwrite(cx, w->file, buf_str(dir), w->at));
    w->at += (int64_t)dir->n;
    TRY(w->fs.ops->pwrite(cx, w->file, (Str){ (const char *)h, sizeof *h }, 0));
    return w->fs.ops->sync(cx, w->file);
}
Status segment_end(Cx *cx, SegmentWriter *w, ManifestSegment *ret)
{
    SegmentHead h = { .version = 0 };
    TRY(block_end(cx, w));
    DictPlace *dicts = mem_get((w->props.n + 1) * sizeof *dicts);
    size_t most = w->n_blocks > w->props.n ? w->n_blocks : w->props.n;
    uint64_t *v = mem_get((most + 1) * sizeof *v);
    Buf dir = buf_new(NULL, DIR_BYTES_MAX);
    Status st = dicts && v ? ST_OK : fail(cx, ST_NO_MEM, "segment: the directory");
    for (uint32_t i = 0; st == ST_OK && i < w->props.n; i++) st = dict_write(cx, w, &w->dicts[i], &dicts[i]);
    if (st == ST_OK) put_directory(w, &dir, dicts, v);
    if (st == ST_OK && dir.bad) st = fail(cx, ST_NO_MEM, "segment: the directory");
    if (st == ST_OK) st = head_write(cx, w, &dir, &h);
    mem_free(dicts);
    mem_free(v);
    buf_done(&dir);
    TRY(st);
    w->ended = true;
    *ret = (ManifestSegment){ .id = h.id, .month = h.month, .level = h.level, .events = h.events, .bytes = w->at,
        .first = h.first, .last = h.last, .check = h.check };
    return ST_OK;
}
