#include "store/events/segment_write.h"
#include "base/arena.h"

enum { STRETCH = 1024 };        /* a block's budgets are looked at so often */
static const uint32_t NO_CODE = UINT32_MAX;

/* A dictionary's codes in the writer's; not all of them may have found room there. */
typedef struct TextMap { uint32_t *code; bool whole; } TextMap;
struct SegmentCopy {
    SegmentWriter *w;
    Segment   *seg;
    Block      b;
    uint32_t  *name, *origin, *prop;     /* by this segment's numbers */
    TextMap   *texts;            /* by property */
    uint32_t  *ids;              /* of the block's properties */
    BlockProp *props;
    size_t     n_ids;
};

void segment_copy_done(SegmentCopy *c)
{
    if (!c) return;
    for (uint32_t i = 0; i < c->seg->n_props; i++) {
        if (c->texts) mem_free(c->texts[i].code);
        if (c->props) segment_prop_done(&c->props[i]);
    }
    segment_block_done(&c->b);
    mem_free(c->name);
    mem_free(c->origin);
    mem_free(c->prop);
    mem_free(c->texts);
    mem_free(c->ids);
    mem_free(c->props);
    mem_free(c);
}
static Status number_all(Cx *cx, SegmentCopy *c)
{
    const Segment *s = c->seg;
    SegmentWriter *w = c->w;
    for (uint32_t i = 0; i < s->n_names; i++) TRY(segment_number_name(cx, w, s->names[i], &c->name[i]));
    for (uint32_t i = 0; i < s->n_origins; i++) TRY(segment_number_origin(cx, w, s->origins[i], &c->origin[i]));
    for (uint32_t i = 0; i < s->n_props; i++) TRY(segment_number_prop(cx, w, s->props[i], &c->prop[i]));
    for (uint32_t i = 0; i < s->n_name_uses; i++) {
        uint64_t pair = s->name_uses[i];
        if ((uint32_t)pair >= s->n_names) return segment_broken(cx, s, "the directory");
        TRY(segment_write_use(cx, &w->name_uses, pair >> 32 << 32 | c->name[(uint32_t)pair]));
    }
    for (uint32_t i = 0; i < s->n_prop_uses; i++) {
        uint64_t pair = s->prop_uses[i];
        if ((uint32_t)pair >= s->n_props) return segment_broken(cx, s, "the directory");
        TRY(segment_write_use(cx, &w->prop_uses, pair >> 32 << 32 | c->prop[(uint32_t)pair]));
    }
    if (s->received > w->received) w->received = s->received;
    return ST_OK;
}
Status segment_copy_new(Cx *cx, SegmentWriter *w, Segment *from, SegmentCopy **ret)
{
    SegmentCopy *c = mem_get(sizeof *c);
    if (!c) return fail(cx, ST_NO_MEM, "segment: a copy");
    *c = (SegmentCopy){ .w = w, .seg = from };
    c->name = mem_get(from->n_names * sizeof *c->name);
    c->origin = mem_get(from->n_origins * sizeof *c->origin);
    c->prop = mem_get(from->n_props * sizeof *c->prop);
    c->texts = mem_get(from->n_props * sizeof *c->texts);
    c->ids = mem_get(from->n_props * sizeof *c->ids);
    c->props = mem_get(from->n_props * sizeof *c->props);
    Status st = c->name && c->origin && c->prop && c->texts && c->ids && c->props
        ? segment_note(from, number_all(cx, c)) : fail(cx, ST_NO_MEM, "segment: a copy");
    if (st != ST_OK) segment_copy_done(c);
    else *ret = c;
    return st;
}
const Block *segment_copy_of(const SegmentCopy *c) { return &c->b; }

/* All texts of a dictionary, once: every one of them stands in some event. */
static Status map_texts(Cx *cx, SegmentCopy *c, uint32_t prop)
{
    TextMap *m = &c->texts[prop];
    const Str *texts;
    size_t n;
    if (m->code) return ST_OK;
    TRY(segment_dict(cx, c->seg, prop, &texts, &n));
    uint32_t *code = mem_get(n * sizeof *code);
    if (!code) return fail(cx, ST_NO_MEM, "segment: codes");
    m->code = code;
    m->whole = true;
    for (size_t i = 0; i < n; i++) {
        Status st = segment_number_text(cx, c->w, c->prop[prop], texts[i], &code[i]);
        if (st == ST_NOT_FOUND) {
            code[i] = NO_CODE;
            m->whole = false;
        } else if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}
static Status read_block(Cx *cx, SegmentCopy *c, uint32_t index)
{
    c->b.mask_skip = UINT64_MAX;
    TRY(segment_block(cx, c->seg, index, &c->b));
    TRY(segment_block_names(cx, &c->b));
    TRY(segment_block_actors(cx, &c->b));
    TRY(segment_block_received(cx, &c->b));
    c->n_ids = segment_block_props(&c->b, c->ids, c->seg->n_props);
    for (size_t k = 0; k < c->n_ids; k++) {
        TRY(segment_block_codes(cx, &c->b, c->ids[k], &c->props[k]));
        if (c->props[k].n_dict) TRY(map_texts(cx, c, c->ids[k]));
    }
    return ST_OK;
}
Status segment_copy_block(Cx *cx, SegmentCopy *c, uint32_t index) { return read_block(cx, c, index); }

/* ---- a stretch ---- */

static Status text_to(Cx *cx, SegmentCopy *c, size_t k, Build *to, uint64_t code, uint64_t *ret)
{
    const BlockProp *p = &c->props[k];
    uint32_t got = code < p->n_local ? NO_CODE : c->texts[c->ids[k]].code[code - p->n_local];
    if (got == NO_CODE) TRY(segment_write_text(cx, c->w, to, segment_text(p, code), &got));
    *ret = got;
    return ST_OK;
}
/* Texts alone, all of the dictionary: no branch for each. */
static uint32_t copy_codes(const SegmentCopy *c, size_t k, Build *to, uint32_t from, uint32_t n, uint32_t row)
{
    const uint32_t *code = c->props[k].code + from, *map = c->texts[c->ids[k]].code;
    uint32_t at = to->n;
    for (uint32_t i = 0; i < n; i++) {
        bool has = code[i] != (uint32_t)SEGMENT_NO_CODE;
        to->row[at] = row + i;
        to->kind[at] = PROP_STR;
        to->value[at] = map[has ? code[i] : 0];
        at += has;
    }
    to->kinds = (uint8_t)(to->kinds | (at > to->n) << PROP_STR);
    return at;
}
static Status copy_list(Cx *cx, SegmentCopy *c, size_t k, Build *to, uint64_t list)
{
    const BlockProp *p = &c->props[k];
    for (uint32_t i = p->list_first[list]; i < p->list_first[list + 1]; i++) {
        Str text = segment_text(p, p->items[i]);
        TRY(segment_write_items(cx, c->w, to, &text, 1));
    }
    return ST_OK;
}
static Status copy_each(Cx *cx, SegmentCopy *c, size_t k, Build *to, uint32_t from, uint32_t n, uint32_t row)
{
    const BlockProp *p = &c->props[k];
    uint32_t at = to->n;
    for (uint32_t i = from; i < from + n; i++) {
        uint8_t kind = p->code ? p->code[i] == (uint32_t)SEGMENT_NO_CODE ? PROP_NULL : PROP_STR : p->kind[i];
        to->row[at] = row + i - from;
        to->kind[at] = kind;
        to->value[at] = p->code ? p->code[i] : p->value[i];
        if (kind == PROP_STR) TRY(text_to(cx, c, k, to, to->value[at], &to->value[at]));
        if (kind == PROP_LIST) {
            uint64_t list = p->value[i];
            TRY(copy_list(cx, c, k, to, list));
            to->value[at] = p->list_first[list + 1] - p->list_first[list];
        }
        to->kinds = (uint8_t)(to->kinds | (kind != PROP_NULL) << kind);
        at += kind != PROP_NULL;
    }
    to->n = at;
    return ST_OK;
}
static Status copy_prop(Cx *cx, SegmentCopy *c, size_t k, uint32_t from, uint32_t n, uint32_t row)
{
    const BlockProp *p = &c->props[k];
    const TextMap *m = &c->texts[c->ids[k]];
    Build *to;
    TRY(segment_write_build(cx, c->w, c->prop[c->ids[k]], n, &to));
    uint32_t before = to->n;
    if (p->code && p->n_local == 0 && p->n_dict && m->whole) to->n = copy_codes(c, k, to, from, n, row);
    else TRY(copy_each(cx, c, k, to, from, n, row));
    c->w->payload += (size_t)(to->n - before) * 16;
    return ST_OK;
}
static void copy_fixed(SegmentCopy *c, uint32_t key, uint32_t from, uint32_t n)
{
    SegmentWriter *w = c->w;
    Filling *f = &w->f;
    const Block *b = &c->b;
    uint32_t at = f->n;
    if (at == 0) f->min = f->max = b->time[from];
    if (f->n_people == 0 || w->last_key != key) {
        f->key[f->n_people] = w->last_key = key;
        f->first[f->n_people++] = at;
    }
    memcpy(f->time + at, b->time + from, n * sizeof *f->time);
    memcpy(f->received + at, b->received + from, n * sizeof *f->received);
    memcpy(f->actor + at, b->actor + from, n * sizeof *f->actor);
    for (uint32_t i = 0; i < n; i++) f->name[at + i] = c->name[b->name[from + i]];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t origin = f->origin[at + i] = c->origin[b->origin[from + i]];
        f->flags = (uint8_t)(f->flags | w->origins.p[origin]);
    }
    if (b->time[from] < f->min) f->min = b->time[from];
    if (b->time[from + n - 1] > f->max) f->max = b->time[from + n - 1];
    f->n += n;
    w->events += n;
}
Status segment_copy_add(Cx *cx, SegmentCopy *c, uint32_t person, uint32_t from, uint32_t to)
{
    uint32_t key = segment_key(person);
    while (from < to) {
        TRY(segment_write_open(cx, c->w, key));
        uint32_t n = to - from, row = c->w->f.n;
        if (n > SEGMENT_BLOCK_MAX - row) n = SEGMENT_BLOCK_MAX - row;
        if (n > STRETCH) n = STRETCH;
        for (size_t k = 0; k < c->n_ids; k++) TRY(copy_prop(cx, c, k, from, n, row));
        copy_fixed(c, key, from, n);
        from += n;
    }
    return ST_OK;
}

/* ---- one event apart ---- */

static Status own_texts(Cx *cx, const BlockProp *p, const uint32_t *codes, size_t n, const Str **ret)
{
    Str *texts = ARENA_MANY(cx->arena, Str, n);
    if (!texts) return fail(cx, ST_NO_MEM, "segment: a list");
    for (uint32_t i = 0; i < n; i++)
        if (!(texts[i] = arena_str(cx->arena, segment_text(p, codes[i]))).p)
            return fail(cx, ST_NO_MEM, "segment: a text");
    *ret = texts;
    return ST_OK;
}
static Status cell_of(Cx *cx, SegmentCopy *c, size_t k, uint32_t i, SegmentCell *ret)
{
    const BlockProp *p = &c->props[k];
    *ret = (SegmentCell){ .prop = c->prop[c->ids[k]], .kind = p->code ? PROP_STR : p->kind[i],
        .value = p->code ? p->code[i] : p->value[i] };
    if (ret->kind == PROP_LIST) {
        uint32_t first = p->list_first[ret->value], n = p->list_first[ret->value + 1] - first;
        ret->value = n;
        return own_texts(cx, p, p->items + first, n, &ret->texts);
    }
    if (ret->kind != PROP_STR) return ST_OK;
    uint32_t code = (uint32_t)ret->value, known = code < p->n_local ? NO_CODE
        : c->texts[c->ids[k]].code[code - p->n_local];
    ret->coded = known != NO_CODE;
    ret->value = known;
    return ret->coded ? ST_OK : own_texts(cx, p, &code, 1, &ret->texts);
}
Status segment_copy_row(Cx *cx, SegmentCopy *c, uint32_t i, SegmentRow *ret)
{
    const Block *b = &c->b;
    size_t n = 0;
    SegmentCell *cells = ARENA_MANY(cx->arena, SegmentCell, c->n_ids);
    if (!cells) return fail(cx, ST_NO_MEM, "segment: an event");
    for (size_t k = 0; k < c->n_ids; k++) {
        const BlockProp *p = &c->props[k];
        if (p->code ? p->code[i] == (uint32_t)SEGMENT_NO_CODE : p->kind[i] == PROP_NULL) continue;
        TRY(cell_of(cx, c, k, i, &cells[n++]));
    }
    *ret = (SegmentRow){ .actor = b->actor[i], .name = c->name[b->name[i]], .origin = c->origin[b->origin[i]],
        .time = b->time[i], .received = b->received[i], .cells = cells, .n_cells = n };
    return ST_OK;
}
