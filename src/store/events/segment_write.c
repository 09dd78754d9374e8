#include "store/events/segment_write.h"
#include "base/arena.h"
#include <stdio.h>
#include <xxhash.h>

enum { CELLS_MAX = 4 << 20, PAYLOAD_MAX = 8 << 20, BLOCK_BYTES_MAX = 256 << 20, DIR_BYTES_MAX = 512 << 20 };
enum { USES_FIRST = 64 };
typedef struct DictPlace { uint64_t at, check; uint32_t n, length; } DictPlace;

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
    w->out = buf_new(NULL, BLOCK_BYTES_MAX);
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
    mem_free(b->items.p);
    dict_done(&b->local);
}
static void uses_done(Uses *u)
{
    mem_free(u->p);
    mem_free(u->slots);
}
void segment_drop(Cx *cx, SegmentWriter *w)
{
    if (!w) return;
    Why why = cx->why;
    if (w->file) w->fs.ops->close(w->file);
    if (w->file && !w->ended) (void)w->fs.ops->unlink(cx, w->fs.self, w->path);
    cx->why = why;
    for (size_t i = 0; i < w->cap_builds; i++) build_done(&w->f.builds[i]);
    for (size_t i = 0; i < w->cap_props; i++) dict_done(&w->dicts[i]);
    dict_done(&w->names);
    dict_done(&w->props);
    mem_free(w->dicts);
    mem_free(w->build_of);
    mem_free(w->name_source);
    mem_free(w->f.builds);
    uses_done(&w->origins);
    uses_done(&w->name_uses);
    uses_done(&w->prop_uses);
    mem_free(w->blocks);
    mem_free(w->path);
    buf_done(&w->out);
    mem_free(w);
}

/* ---- numbers ---- */

static uint32_t *use_slot(const Uses *u, uint64_t v)
{
    size_t i = (size_t)(v * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (u->n_slots - 1);
    while (u->slots[i] && u->p[u->slots[i] - 1] != v) i = (i + 1) & (u->n_slots - 1);
    return u->slots + i;
}
static Status uses_grow(Cx *cx, Uses *u)
{
    TRY(GROW(cx, u->p, u->cap, u->n + 1));
    if (u->n < u->n_slots / 2) return ST_OK;
    size_t n = u->n_slots ? u->n_slots * 2 : USES_FIRST;
    uint32_t *slots = mem_get(n * sizeof *slots);
    if (!slots) return fail(cx, ST_NO_MEM, "segment: %zu numbers", n);
    mem_free(u->slots);
    u->slots = slots;
    u->n_slots = n;
    for (uint32_t i = 0; i < u->n; i++) *use_slot(u, u->p[i]) = i + 1;
    return ST_OK;
}
static Status use_new(Cx *cx, Uses *u, uint64_t v, uint32_t *ret)
{
    uint32_t *slot = u->n_slots ? use_slot(u, v) : NULL;
    if (!slot || *slot == 0) {
        TRY(uses_grow(cx, u));
        u->p[u->n++] = v;
        slot = use_slot(u, v);
        *slot = (uint32_t)u->n;
    }
    u->last = *ret = *slot - 1;
    return ST_OK;
}
static inline Status use(Cx *cx, Uses *u, uint64_t v, uint32_t *ret)
{
    if (u->n && u->p[u->last] == v) {
        *ret = u->last;
        return ST_OK;
    }
    return use_new(cx, u, v, ret);
}
Status segment_number_name(Cx *cx, SegmentWriter *w, Str name, uint32_t *ret)
{
    TRY(dict_add(cx, &w->names, name, ret));
    w->f.n_names = (uint32_t)w->names.n;
    return ST_OK;
}
Status segment_number_origin(Cx *cx, SegmentWriter *w, Origin o, uint32_t *ret)
{
    return use(cx, &w->origins, (uint64_t)o.source << 16 | (uint64_t)o.trust << 8 | o.flags, ret);
}
Status segment_number_prop(Cx *cx, SegmentWriter *w, Str name, uint32_t *ret)
{
    uint32_t prop;
    TRY(dict_add(cx, &w->props, name, &prop));
    TRY(GROW(cx, w->build_of, w->cap_build_of, (size_t)prop + 1));
    TRY(GROW(cx, w->dicts, w->cap_props, (size_t)prop + 1));
    *ret = prop;
    return ST_OK;
}
Status segment_number_text(Cx *cx, SegmentWriter *w, uint32_t prop, Str s, uint32_t *ret)
{
    Dict *d = &w->dicts[prop];
    if (dict_find(d, s, ret)) return ST_OK;
    if (s.n > SEGMENT_TEXT_MAX || d->n >= SEGMENT_DICT_MAX || d->bytes + s.n > SEGMENT_DICT_BYTES ||
        w->dict_bytes + s.n > SEGMENT_DICTS_BYTES) return ST_NOT_FOUND;
    TRY(dict_add(cx, d, s, ret));
    w->dict_bytes += s.n;
    w->payload += s.n + sizeof(Str);
    return ST_OK;
}

/* ---- the end of a block ---- */

static Status block_write(Cx *cx, SegmentWriter *w, Buf *b)
{
    Filling *f = &w->f;
    size_t head = (BLOCK_FIXED + (size_t)f->n_builds) * sizeof(ColumnInfo);
    ColumnInfo *cols = mem_get(head);
    void *room = cols ? buf_room(b, head) : NULL;
    f->first[f->n_people] = f->n;
    if (room) segment_pack(f, b, cols);
    Status st = room && !b->bad ? ST_OK : fail(cx, ST_NO_MEM, "segment: a block");
    if (st == ST_OK) {
        memcpy(b->p, cols, head);
        w->blocks[w->n_blocks] = (BlockInfo){ .at = (uint64_t)w->at, .check = XXH3_64bits(cols, head), .min = f->min,
            .max = f->max, .length = (uint32_t)b->n, .head = (uint32_t)head, .n = f->n, .n_people = f->n_people,
            .n_runs = f->n_runs, .first_key = f->key[0], .last_key = f->key[f->n_people - 1], .flags = f->flags };
        st = w->fs.ops->pwrite(cx, w->file, buf_str(b), w->at);
    }
    mem_free(cols);
    return st;
}
static void block_reset(SegmentWriter *w)
{
    Filling *f = &w->f;
    if (w->n_blocks == 1 || f->min < w->first) w->first = f->min;
    if (w->n_blocks == 1 || f->max > w->last) w->last = f->max;
    for (size_t i = 0; i < f->n_builds; i++) {
        Build *b = &f->builds[i];
        w->build_of[b->prop] = 0;
        b->n = 0;
        b->kinds = 0;
        b->items.n = 0;
        if (b->local.n) dict_done(&b->local);
    }
    f->n_builds = f->n = f->n_people = 0;
    f->flags = 0;
    w->payload = 0;
}
static Status block_end(Cx *cx, SegmentWriter *w)
{
    if (w->f.n == 0) return ST_OK;
    TRY(GROW(cx, w->blocks, w->cap_blocks, w->n_blocks + 1));
    w->out.n = 0;
    w->out.bad = false;
    Status st = block_write(cx, w, &w->out);
    TRY(st);
    w->at += (int64_t)w->out.n;
    w->n_blocks++;
    block_reset(w);
    return ST_OK;
}

/* ---- an event into the block ---- */

Status segment_write_text(Cx *cx, SegmentWriter *w, Build *b, Str s, uint32_t *ret)
{
    Status st = segment_number_text(cx, w, b->prop, s, ret);
    if (st != ST_NOT_FOUND) return st;
    size_t before = b->local.bytes;
    TRY(dict_add(cx, &b->local, s, ret));
    if (b->local.bytes > before) w->payload += s.n + sizeof(Str);
    *ret |= SEGMENT_LOCAL;
    return ST_OK;
}
static Status build_grow(Cx *cx, Build *b, uint32_t need)
{
    size_t cap = b->cap ? b->cap * 2 : 64;
    while (cap < need) cap *= 2;
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
static Status build_new(Cx *cx, SegmentWriter *w, uint32_t prop)
{
    TRY(GROW(cx, w->f.builds, w->cap_builds, (size_t)w->f.n_builds + 1));
    w->f.builds[w->f.n_builds].prop = prop;
    w->f.builds[w->f.n_builds].source = -1;
    w->build_of[prop] = ++w->f.n_builds;
    return ST_OK;
}
static inline Status build_for(Cx *cx, SegmentWriter *w, uint32_t prop, uint32_t n, Build **ret)
{
    if (w->build_of[prop] == 0) TRY(build_new(cx, w, prop));
    Build *b = *ret = &w->f.builds[w->build_of[prop] - 1];
    return b->cap - b->n >= n ? ST_OK : build_grow(cx, b, b->n + n);
}
Status segment_write_build(Cx *cx, SegmentWriter *w, uint32_t prop, uint32_t n, Build **ret)
{
    return build_for(cx, w, prop, n, ret);
}
Status segment_write_use(Cx *cx, Uses *u, uint64_t pair)
{
    uint32_t used;
    return use(cx, u, pair, &used);
}
/* Pairs of source and name, source and property: the last source of each is looked at first. */
static Status use_prop(Cx *cx, SegmentWriter *w, Build *b, uint16_t source)
{
    uint32_t used;
    TRY(use(cx, &w->prop_uses, (uint64_t)source << 32 | b->prop, &used));
    b->source = source;
    return ST_OK;
}
static inline Status use_name(Cx *cx, SegmentWriter *w, uint16_t source, uint32_t name)
{
    uint32_t used;
    if (name < w->cap_name_source && w->name_source[name] == source + 1U) return ST_OK;
    TRY(GROW(cx, w->name_source, w->cap_name_source, (size_t)name + 1));
    TRY(use(cx, &w->name_uses, (uint64_t)source << 32 | name, &used));
    w->name_source[name] = source + 1U;
    return ST_OK;
}
Status segment_write_items(Cx *cx, SegmentWriter *w, Build *b, const Str *texts, uint64_t n)
{
    TRY(GROW(cx, b->items.p, b->items.cap, b->items.n + n));
    for (uint64_t i = 0; i < n; i++) {
        TRY(segment_write_text(cx, w, b, texts[i], &b->items.p[b->items.n]));
        b->items.n++;
    }
    return ST_OK;
}
static Status cell_add(Cx *cx, SegmentWriter *w, uint16_t source, const SegmentCell *c)
{
    Build *b;
    uint64_t value = c->value;
    TRY(build_for(cx, w, c->prop, 1, &b));
    if (b->source != source) TRY(use_prop(cx, w, b, source));
    /* of two of a name the first counts */
    if (c->kind == PROP_NULL || (b->n && b->row[b->n - 1] == w->f.n)) return ST_OK;
    if (c->kind == PROP_LIST) TRY(segment_write_items(cx, w, b, c->texts, c->value));
    if (c->kind == PROP_STR && !c->coded) {
        uint32_t code;
        TRY(segment_write_text(cx, w, b, c->texts[0], &code));
        value = code;
    }
    b->row[b->n] = w->f.n;
    b->kind[b->n] = c->kind;
    b->kinds = (uint8_t)(b->kinds | 1U << c->kind);
    b->value[b->n++] = value;
    w->payload += 16;
    return ST_OK;
}
Status segment_write_open(Cx *cx, SegmentWriter *w, uint32_t key)
{
    const Filling *f = &w->f;
    if (f->n == 0 || (f->n < SEGMENT_BLOCK && w->payload <= PAYLOAD_MAX)) return ST_OK;
    bool full = f->n == SEGMENT_BLOCK_MAX || w->payload > PAYLOAD_MAX || ((size_t)f->n + 1) * f->n_builds > CELLS_MAX;
    return full || w->last_key != key ? block_end(cx, w) : ST_OK;
}
static void row_close(SegmentWriter *w, uint32_t key, const SegmentRow *r)
{
    Filling *f = &w->f;
    if (f->n == 0) f->min = f->max = r->time;
    if (f->n_people == 0 || w->last_key != key) {
        f->key[f->n_people] = w->last_key = key;
        f->first[f->n_people++] = f->n;
    }
    f->time[f->n] = r->time;
    f->received[f->n] = r->received;
    f->actor[f->n] = r->actor;
    f->name[f->n] = r->name;
    f->origin[f->n] = r->origin;
    f->flags = (uint8_t)(f->flags | w->origins.p[r->origin]);
    if (r->time < f->min) f->min = r->time;
    if (r->time > f->max) f->max = r->time;
    if (r->received > w->received) w->received = r->received;
    f->n++;
    w->events++;
}
Status segment_add_row(Cx *cx, SegmentWriter *w, const SegmentRow *r)
{
    uint32_t key = segment_key(r->person);
    uint16_t source = (uint16_t)(w->origins.p[r->origin] >> 16);
    TRY(segment_write_open(cx, w, key));
    TRY(use_name(cx, w, source, r->name));
    for (size_t i = 0; i < r->n_cells; i++) TRY(cell_add(cx, w, source, &r->cells[i]));
    row_close(w, key, r);
    return ST_OK;
}
static inline bool same(Str a, Str b) { return a.n == b.n && memcmp(a.p, b.p, a.n) == 0; }
/* What the event before had in the same place is tried first. */
static Status recent_prop(Cx *cx, SegmentWriter *w, size_t nth, Str name, Recent **ret)
{
    Recent *r = &w->recent[nth < SEGMENT_RECENT ? nth : SEGMENT_RECENT - 1];
    *ret = r;
    if (r->known && same(w->props.texts[r->prop], name)) return ST_OK;
    *r = (Recent){ 0 };
    TRY(segment_number_prop(cx, w, name, &r->prop));
    r->known = true;
    return ST_OK;
}
static Status recent_text(Cx *cx, SegmentWriter *w, Recent *r, Str s, SegmentCell *c)
{
    c->texts = NULL;
    if (!r->coded || !same(r->text, s)) {
        r->coded = false;
        Status st = segment_number_text(cx, w, r->prop, s, &r->code);
        if (st == ST_NOT_FOUND) return ST_OK;
        TRY(st);
        r->coded = true;
        r->text = w->dicts[r->prop].texts[r->code];
    }
    c->coded = true;
    c->value = r->code;
    return ST_OK;
}
static Status prop_add(Cx *cx, SegmentWriter *w, uint16_t source, size_t nth, const Prop *p)
{
    Recent *r;
    TRY(recent_prop(cx, w, nth, p->name, &r));
    SegmentCell c = { .prop = r->prop, .kind = p->kind };
    switch ((PropKind)p->kind) {
    case PROP_NULL:   break;
    case PROP_BOOL:   c.value = p->b; break;
    case PROP_INT:    c.value = (uint64_t)p->i; break;
    case PROP_DOUBLE: c.value = segment_bits_of(p->d); break;
    case PROP_STR:
        TRY(recent_text(cx, w, r, p->s, &c));
        c.texts = &p->s;
        break;
    case PROP_LIST:
        c.value = p->list.n;
        c.texts = p->list.p;
        break;
    }
    return cell_add(cx, w, source, &c);
}
Status segment_add(Cx *cx, SegmentWriter *w, uint32_t person, uint32_t actor, const Event *e)
{
    uint32_t key = segment_key(person);
    SegmentRow r = { .person = person, .actor = actor, .time = e->time, .received = e->received };
    TRY(segment_write_open(cx, w, key));
    TRY(segment_number_name(cx, w, e->name, &r.name));
    TRY(use_name(cx, w, e->source, r.name));
    TRY(segment_number_origin(cx, w, (Origin){ e->source, e->trust, e->flags }, &r.origin));
    for (size_t i = 0; i < e->n_props; i++) TRY(prop_add(cx, w, e->source, i, &e->props[i]));
    row_close(w, key, &r);
    return ST_OK;
}

/* ---- the file's other parts ---- */

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
    PUT_FIELD(b, v, w->blocks, n, n_runs);
    PUT_FIELD(b, v, w->blocks, n, first_key);
    PUT_FIELD(b, v, w->blocks, n, last_key);
    PUT_FIELD(b, v, w->blocks, n, min);
    PUT_FIELD(b, v, w->blocks, n, max);
    PUT_FIELD(b, v, w->blocks, n, flags);
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
