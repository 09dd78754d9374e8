#include "store/events/segment_in.h"
#include "base/arena.h"
#include <string.h>

enum { ROOM_KIND, ROOM_VALUE, ROOM_CODE, ROOM_PIECES };
enum { KINDS = PROP_LIST + 1, LIST_MAX = 1 << 20, ITEMS_MAX = 64 << 20 };

void segment_prop_done(BlockProp *p)
{
    mem_free(p->local);
    mem_free(p->local_heap);
    mem_free(p->items);
    mem_free(p->list_first);
    for (size_t i = 0; i < COUNT(p->rooms); i++) mem_free(p->rooms[i].p);
    *p = (BlockProp){ 0 };
}
/* Empty again, but for the rooms. */
static void prop_reset(BlockProp *p)
{
    BlockProp next = { 0 };
    memcpy(next.rooms, p->rooms, sizeof next.rooms);
    memset(p->rooms, 0, sizeof p->rooms);
    segment_prop_done(p);
    *p = next;
}
static Status bad_prop(Cx *cx, const Block *b) { return segment_broken(cx, b->seg, "a property"); }

/* How the kinds of a column stand in the block, before any value. */
typedef struct Kinds {
    uint8_t set, form;           /* set: which there are, a bit each; what is stored is the rank of one in it */
    uint8_t of_rank[8];
    Column  column;              /* of each event, or of each name */
    size_t  names;
} Kinds;
static bool kinds_open(Str *s, const Block *b, Kinds *ret)
{
    uint32_t names;
    unsigned n = 0;
    *ret = (Kinds){ 0 };
    if (!column_get_u8(s, &ret->form) || !column_get_u8(s, &ret->set) || ret->set == 0 || ret->set >> KINDS)
        return false;
    for (unsigned kind = 0; kind < KINDS; kind++) if (ret->set >> kind & 1) ret->of_rank[n++] = (uint8_t)kind;
    if (ret->form == KINDS_EACH) return column_open(s, b->n, &ret->column);
    if (ret->form != KINDS_BY_NAME || !column_get_u32(s, &names) || names > b->seg->n_names) return false;
    ret->names = names;
    return column_open(s, names, &ret->column);
}
static inline bool kinds_one(const Kinds *k) { return !(k->set & (k->set - 1)); }
static Status ranks_by_name(Cx *cx, Block *b, const Kinds *k, uint8_t *kind)
{
    uint8_t *of_name = mem_get(k->names + 1), most = 0;
    if (!of_name) return fail(cx, ST_NO_MEM, "segment: kinds");
    Status st = column_read8(&k->column, 0, k->names, of_name) ? ST_OK : bad_prop(cx, b);
    bool narrow = b->seg->n_names <= UINT8_MAX + 1;
    if (st == ST_OK) st = narrow ? segment_block_names8(cx, b, 0, b->n) : segment_block_names_of(cx, b, 0, b->n);
    for (uint32_t i = 0; st == ST_OK && i < b->n; i++) {
        uint32_t name = narrow ? b->name8[i] : b->name[i];
        most |= name >= k->names;
        kind[i] = of_name[name < k->names ? name : 0];
    }
    mem_free(of_name);
    return st == ST_OK && most ? bad_prop(cx, b) : st;
}
static Status kinds_read(Cx *cx, Block *b, const Kinds *k, uint8_t *kind, size_t *count)
{
    uint8_t wrong = 0, ranks = (uint8_t)__builtin_popcount(k->set);
    size_t of_rank[8] = { 0 };
    if (kinds_one(k)) {
        memset(kind, k->of_rank[0], b->n);
        count[k->of_rank[0]] = b->n;
        return ST_OK;
    }
    if (k->form == KINDS_BY_NAME) TRY(ranks_by_name(cx, b, k, kind));
    else if (!column_read8(&k->column, 0, b->n, kind)) return bad_prop(cx, b);
    for (uint32_t i = 0; i < b->n; i++) {
        wrong |= kind[i] >= ranks;
        of_rank[kind[i] & 7]++;
        kind[i] = k->of_rank[kind[i] & 7];
    }
    for (unsigned r = 0; r < ranks; r++) count[k->of_rank[r]] = of_rank[r];
    return wrong ? bad_prop(cx, b) : ST_OK;
}

/* ---- values ---- */

static void scale_back(unsigned k, uint64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double d = (double)column_zagzig(v[i]) / segment_scale(k);
        memcpy(&v[i], &d, sizeof d);
    }
}
/* The values of one plain kind as they stand, one after another: open, and how to mend what is read. */
typedef struct Dense { Column column; uint8_t kind, scale; } Dense;
static bool dense_open(Str *s, uint8_t kind, size_t n, Dense *ret)
{
    *ret = (Dense){ .kind = kind };
    if (kind == PROP_DOUBLE && (!column_get_u8(s, &ret->scale) ||
        (ret->scale > DOUBLES_SCALE_MAX && ret->scale != DOUBLES_RAW))) return false;
    return column_open(s, n, &ret->column);
}
static bool dense_mend(const Dense *d, uint64_t *v, size_t n)
{
    uint64_t most = 0;
    if (d->kind == PROP_INT) for (size_t i = 0; i < n; i++) v[i] ^= UINT64_C(1) << 63;
    if (d->kind == PROP_DOUBLE && d->scale != DOUBLES_RAW) scale_back(d->scale, v, n);
    if (d->kind == PROP_BOOL) for (size_t i = 0; i < n; i++) most |= v[i];
    return most <= 1;
}
/* Put the dense values of one kind where its events stand. Branchless: a value more may be read, never used. */
static void scatter(BlockProp *p, uint32_t n, uint8_t kind, const uint64_t *dense)
{
    for (uint32_t i = 0, at = 0; i < n; i++) {
        bool is = p->kind[i] == kind;
        p->value[i] = is ? dense[at] : p->value[i];
        at += is;
    }
}
static Status read_plain(Cx *cx, const Block *b, BlockProp *p, Str *s, uint8_t kind, size_t n, uint64_t *v)
{
    Dense d;
    uint64_t *to = n == b->n ? p->value : v;
    if (n == 0) return ST_OK;
    if (!dense_open(s, kind, n, &d) || !column_read(&d.column, 0, n, to) || !dense_mend(&d, to, n))
        return bad_prop(cx, b);
    if (to == v) scatter(p, b->n, kind, v);
    return ST_OK;
}
/* Lists' lengths become places in the codes; *ret_items: of all lists together. */
static Status read_lists(Cx *cx, const Block *b, BlockProp *p, Str *s, size_t n, uint64_t *v, size_t *ret_items)
{
    uint64_t total = 0;
    *ret_items = 0;
    if (n == 0) return ST_OK;
    if (!column_get(s, n, v)) return segment_broken(cx, b->seg, "a list");
    p->list_first = mem_get((n + 1) * sizeof *p->list_first);
    if (!p->list_first) return fail(cx, ST_NO_MEM, "segment: lists");
    p->n_lists = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        if (v[i] > LIST_MAX || total > ITEMS_MAX) return segment_broken(cx, b->seg, "a list");
        p->list_first[i] = (uint32_t)total;
        total += v[i];
        v[i] = i;
    }
    p->list_first[n] = (uint32_t)total;
    scatter(p, b->n, PROP_LIST, v);
    *ret_items = total;
    return ST_OK;
}
/* The tables that codes point into, and the codes' column. */
static Status open_texts(Cx *cx, Block *b, BlockProp *p, Str *s, uint32_t prop, size_t n_codes, Column *ret)
{
    uint32_t n;
    if (!column_get_u32(s, &p->n_local) || p->n_local > n_codes) return segment_broken(cx, b->seg, "texts");
    if (p->n_local) {
        p->local = mem_get(p->n_local * sizeof *p->local);
        if (!p->local) return fail(cx, ST_NO_MEM, "segment: texts");
        TRY(column_get_texts(cx, s, p->n_local, SEGMENT_TEXTS_MAX, p->local, &p->local_heap));
    }
    TRY(segment_dict(cx, b->seg, prop, &p->dict, &p->n_dict));
    if (!column_get_u32(s, &n) || n != n_codes || !column_open(s, n, ret)) return segment_broken(cx, b->seg, "texts");
    return ST_OK;
}
static bool codes_hold(const BlockProp *p, const uint32_t *code, size_t n)
{
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) most = code[i] > most ? code[i] : most;
    return n == 0 || most < p->n_local + p->n_dict;
}
static Status read_texts(Cx *cx, Block *b, BlockProp *p, Str *s, uint32_t prop, size_t n_codes)
{
    Column codes;
    TRY(open_texts(cx, b, p, s, prop, n_codes, &codes));
    p->items = mem_get(n_codes * sizeof *p->items);
    if (!p->items) return fail(cx, ST_NO_MEM, "segment: texts");
    return column_read32(&codes, 0, n_codes, p->items) && codes_hold(p, p->items, n_codes) ? ST_OK
        : segment_broken(cx, b->seg, "texts");
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
static uint32_t *code_room(BlockProp *p, size_t n)
{
    return segment_room(&p->rooms[ROOM_CODE], (n + 1) * sizeof(uint32_t));
}
/* Texts alone: codes of those that there are, to their places. */
static Status read_codes(Cx *cx, Block *b, BlockProp *p, Str *s, uint32_t prop, size_t n)
{
    Column codes;
    TRY(open_texts(cx, b, p, s, prop, n, &codes));
    uint32_t *code = code_room(p, b->n), *dense = n == b->n ? code : segment_room(&b->rooms[SEGMENT_SCRATCH],
        (n + 1) * sizeof *dense);
    if (!code || !dense) return fail(cx, ST_NO_MEM, "segment: texts");
    if (!column_read32(&codes, 0, n, dense) || !codes_hold(p, dense, n)) return segment_broken(cx, b->seg, "texts");
    p->code = code;
    if (n == b->n) return ST_OK;
    for (uint32_t i = 0, at = 0; i < b->n; i++) {
        bool is = p->kind[i] == PROP_STR;
        code[i] = is ? dense[at] : (uint32_t)SEGMENT_NO_CODE;
        at += is;
    }
    return ST_OK;
}
static Status prop_room(Cx *cx, BlockProp *p, size_t n)
{
    p->kind = segment_room(&p->rooms[ROOM_KIND], n);
    p->value = segment_room(&p->rooms[ROOM_VALUE], n * sizeof *p->value);
    return p->kind && p->value ? ST_OK : fail(cx, ST_NO_MEM, "segment: a property");
}
static Status read_all(Cx *cx, Block *b, BlockProp *p, Str *s, uint32_t prop, const size_t *count)
{
    size_t n_items;
    uint64_t *v = segment_room(&b->rooms[SEGMENT_SCRATCH], (b->n + 1) * sizeof *v);
    if (!v) return fail(cx, ST_NO_MEM, "segment: a property");
    if (count[PROP_NULL]) memset(p->value, 0, b->n * sizeof *p->value);
    for (uint8_t kind = PROP_BOOL; kind <= PROP_DOUBLE; kind++) TRY(read_plain(cx, b, p, s, kind, count[kind], v));
    TRY(read_lists(cx, b, p, s, count[PROP_LIST], v, &n_items));
    if (count[PROP_STR] + n_items == 0) return ST_OK;
    TRY(read_texts(cx, b, p, s, prop, count[PROP_STR] + n_items));
    part_texts(b, p);
    return ST_OK;
}
static Status read_prop(Cx *cx, Block *b, uint32_t prop, bool codes, BlockProp *p)
{
    Str s;
    Kinds k;
    size_t count[KINDS] = { 0 };
    TRY(segment_column(cx, b, BLOCK_PROPS + prop, &s));
    TRY(prop_room(cx, p, b->n));
    if (!kinds_open(&s, b, &k)) return bad_prop(cx, b);
    TRY(kinds_read(cx, b, &k, p->kind, count));
    if (codes && count[PROP_STR] && count[PROP_STR] + count[PROP_NULL] == b->n)
        return read_codes(cx, b, p, &s, prop, count[PROP_STR]);
    return read_all(cx, b, p, &s, prop, count);
}
Status segment_block_values(Cx *cx, Block *b, uint32_t prop, BlockProp *p)
{
    prop_reset(p);
    return segment_note(b->seg, read_prop(cx, b, prop, false, p));
}
Status segment_block_codes(Cx *cx, Block *b, uint32_t prop, BlockProp *p)
{
    prop_reset(p);
    Status st = segment_note(b->seg, read_prop(cx, b, prop, true, p));
    if (p->code) {
        p->kind = NULL;
        p->value = NULL;
    }
    return st;
}
Status segment_block_prop(Cx *cx, Block *b, uint32_t prop, BlockProp *ret)
{
    *ret = (BlockProp){ 0 };
    Status st = segment_block_values(cx, b, prop, ret);
    if (st != ST_OK) segment_prop_done(ret);
    return st;
}

/* ---- pieces ---- */

/* Runs of one column, expanded to (value, first event): what pieces are made of. */
typedef struct Steps { uint64_t *value; uint32_t *first; uint32_t n; } Steps;
static Status steps_read(Cx *cx, const Block *b, const Column *c, struct Room *room, Steps *ret)
{
    size_t n = column_n_runs(c) + 1;
    ret->value = segment_room(room, n * (sizeof *ret->value + sizeof *ret->first));
    if (!ret->value) return fail(cx, ST_NO_MEM, "segment: pieces");
    ret->first = (uint32_t *)(void *)(ret->value + n);
    return column_runs(c, ret->value, ret->first, &ret->n) ? ST_OK : bad_prop(cx, b);
}
static bool in_runs(const Column *c) { return c->form == COLUMN_ONE || c->form == COLUMN_RUNS; }
/* Pieces of kinds, within those of `kind` cut into pieces of values, which count only events of that kind. */
static bool pieces_cut(BlockProp *p, const Kinds *k, const Steps *kinds, const Steps *values, uint8_t kind)
{
    uint32_t n = 0, at = 0, v = 0;
    for (uint32_t i = 0; i < kinds->n; i++) {
        if (kinds->value[i] >= (unsigned)__builtin_popcount(k->set)) return false;
        uint8_t is = k->of_rank[kinds->value[i]];
        for (uint32_t from = kinds->first[i], end = kinds->first[i + 1]; from < end; n++) {
            uint32_t left = end - from;
            p->first[n] = from;
            p->kind[n] = is;
            p->value[n] = is == kind && v < values->n ? values->value[v] : 0;
            if (is == kind) {
                if (v == values->n) return false;
                left = left < values->first[v + 1] - at ? left : values->first[v + 1] - at;
                at += left;
                v += at == values->first[v + 1];
            }
            from += left;
        }
    }
    p->n_pieces = n;
    p->first[n] = kinds->first[kinds->n];
    return v == values->n;
}
static Status pieces_of(Cx *cx, Block *b, BlockProp *p, const Kinds *k, const Dense *d)
{
    Steps kinds, values;
    struct Room spare = { 0 };
    TRY(steps_read(cx, b, &k->column, &b->rooms[SEGMENT_SCRATCH], &kinds));
    Status st = steps_read(cx, b, &d->column, &spare, &values);
    size_t n = (size_t)kinds.n + column_n_runs(&d->column) + 1;
    if (st == ST_OK) st = prop_room(cx, p, n);
    p->first = segment_room(&p->rooms[ROOM_PIECES], (n + 1) * sizeof *p->first);
    if (st == ST_OK && !p->first) st = fail(cx, ST_NO_MEM, "segment: pieces");
    bool texts = d->kind == PROP_STR;
    for (uint32_t i = 0; st == ST_OK && texts && i < values.n; i++)
        if (values.value[i] >= p->n_local + p->n_dict) st = bad_prop(cx, b);
    if (st == ST_OK && ((!texts && !dense_mend(d, values.value, values.n)) ||
        !pieces_cut(p, k, &kinds, &values, d->kind))) st = bad_prop(cx, b);
    mem_free(spare.p);
    return st;
}
/* How many events have one of the kinds that is not null: the kind's values are that many. */
static Status count_kind(Cx *cx, Block *b, const Kinds *k, size_t *ret)
{
    Steps s;
    TRY(steps_read(cx, b, &k->column, &b->rooms[SEGMENT_SCRATCH], &s));
    *ret = 0;
    for (uint32_t i = 0; i < s.n; i++)
        if (s.value[i] < 8 && k->of_rank[s.value[i]] != PROP_NULL) *ret += s.first[i + 1] - s.first[i];
    return ST_OK;
}
static Status read_pieces(Cx *cx, Block *b, uint32_t prop, BlockProp *p)
{
    Str s;
    Kinds k;
    Dense d = { .kind = 0 };
    size_t n;
    TRY(segment_column(cx, b, BLOCK_PROPS + prop, &s));
    if (!kinds_open(&s, b, &k)) return bad_prop(cx, b);
    uint8_t some = k.set & (uint8_t)~(1U << PROP_NULL);
    if (k.form != KINDS_EACH || !in_runs(&k.column) || some == 0 || some & (some - 1) || some >> PROP_LIST & 1)
        return ST_NOT_FOUND;
    uint8_t kind = (uint8_t)__builtin_ctz(some);
    TRY(count_kind(cx, b, &k, &n));
    if (n == 0) return bad_prop(cx, b);
    if (kind == PROP_STR) TRY(open_texts(cx, b, p, &s, prop, n, &d.column));
    else if (!dense_open(&s, kind, n, &d)) return bad_prop(cx, b);
    d.kind = kind;
    return in_runs(&d.column) ? pieces_of(cx, b, p, &k, &d) : ST_NOT_FOUND;
}
Status segment_block_pieces(Cx *cx, Block *b, uint32_t prop, BlockProp *p)
{
    prop_reset(p);
    return segment_note(b->seg, read_pieces(cx, b, prop, p));
}
