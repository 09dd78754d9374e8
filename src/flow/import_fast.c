#include "flow/import_fast.h"
#include "base/arena.h"
#include "base/limits.h"
#include "base/scrub.h"
#include "store/events/dict.h"
#include <string.h>
#include <xxhash.h>

enum { COLS_MAX = EVENT_PROPS_MAX, LAST_BYTES = 48, NAMES = 256, TEXTS_BYTES = 256 << 20 };

typedef struct Value { uint8_t kind; uint64_t bits; } Value;
/* A cell and what it is for; cell -1: a constant of the map. */
typedef struct Col {
    MapTarget target;
    int       cell;
    Str       constant;
    uint32_t  prop;
    char      last[LAST_BYTES]; size_t last_n;             /* the cell of the row before, and its value */
    Value     value;
} Col;
typedef struct Name { Str text; uint32_t number; } Name;
/* Texts of ids ↔ actors: to compare a short text is cheaper than the keyed hash and the store's own lookup. */
typedef struct Ids { Dict texts; uint32_t *actors; size_t cap; } Ids;
struct ImportFast {
    const Keys *keys;
    ImportSession *s;
    Col    cols[COLS_MAX]; size_t n;
    size_t n_cells;
    Name   names[NAMES];
    Ids    users, anons;
    char   day[11]; int64_t day_ms;                        /* the date of the row before, and its midnight */
    Value  values[COLS_MAX];
};

/* ---- what the columns are for ---- */

static Status clean_prop(Cx *cx, ImportSession *s, Str name, uint32_t *ret, bool *ret_plain)
{
    Str clean;
    int n;
    *ret_plain = false;
    if (name.n == 0 || name.n > PROP_NAME_BYTES_MAX || import_row_personal(name)) return ST_OK;
    for (size_t i = 0; i < name.n; i++) if ((unsigned char)name.p[i] < 0x20) return ST_OK;
    TRY(scrub_text(cx, name, &clean, &n));
    if (n) return ST_OK;
    Status st = bulk_prop(cx, s->bulk, name, ret);
    *ret_plain = st == ST_OK;
    return st == ST_LIMITED ? ST_OK : st;
}
static bool add_col(ImportFast *f, Col c)
{
    if (f->n == COLS_MAX) return false;
    f->cols[f->n++] = c;
    return true;
}
static Status add_item(Cx *cx, ImportFast *f, const MapItem *item, int cell, bool *plain)
{
    Col c = { .target = item->target, .cell = cell, .constant = item->column };
    *plain = true;
    if (item->target == MAP_PROP) TRY(clean_prop(cx, f->s, item->prop, &c.prop, plain));
    *plain = *plain && add_col(f, c);
    return ST_OK;
}
static Status add_rest(Cx *cx, ImportFast *f, Str name, int cell, bool *plain)
{
    Col c = { .target = MAP_PROP, .cell = cell };
    TRY(clean_prop(cx, f->s, name, &c.prop, plain));
    *plain = *plain && add_col(f, c);
    return ST_OK;
}
static Status add_all(Cx *cx, ImportFast *f, const ImportMap *m, const Str *names, size_t n, bool *plain)
{
    *plain = true;
    for (size_t k = 0; k < m->n && *plain; k++)
        if (m->items[k].constant) TRY(add_item(cx, f, &m->items[k], -1, plain));
    for (size_t i = 0; i < n && *plain; i++) {
        bool mapped = false;
        for (size_t k = 0; k < m->n && *plain; k++) {
            if (m->items[k].constant || !str_eq(m->items[k].column, names[i])) continue;
            mapped = true;
            TRY(add_item(cx, f, &m->items[k], (int)i, plain));
        }
        if (*plain && !mapped && !m->no_props) TRY(add_rest(cx, f, names[i], (int)i, plain));
    }
    return ST_OK;
}
Status import_fast_new(Cx *cx, const Keys *keys, ImportSession *s, const ImportMap *m, const Str *names, size_t n,
    ImportFast **ret)
{
    bool plain;
    ImportFast *f = ARENA_NEW(s->arena, ImportFast);
    *ret = NULL;
    if (!f) return fail(cx, ST_NO_MEM, "import");
    f->keys = keys;
    f->s = s;
    f->n_cells = n;
    TRY(add_all(cx, f, m, names, n, &plain));
    for (size_t i = 0; i < f->n; i++) {                    /* the map may stand on another's stack */
        Str *c = &f->cols[i].constant;
        if (f->cols[i].cell >= 0 || c->n == 0) continue;
        *c = arena_str(s->arena, *c);
        if (!c->p) return fail(cx, ST_NO_MEM, "import");
    }
    if (plain) *ret = f;
    return ST_OK;
}
static void ids_done(Ids *ids)
{
    dict_done(&ids->texts);
    mem_free(ids->actors);
    *ids = (Ids){ 0 };
}
void import_fast_done(ImportFast *f)
{
    if (!f) return;
    ids_done(&f->users);
    ids_done(&f->anons);
}

/* ---- cells ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static int two(const char *p) { return (p[0] - '0') * 10 + p[1] - '0'; }
/* 2026-05-01T12:34:56[.789]Z, the form that is read without a look at the calendar; a space for the T too. */
static bool utc_time(ImportFast *f, Str s, int64_t *ret)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    int64_t ms = 0;
    if ((s.n != 20 && s.n != 24) || s.p[s.n - 1] != 'Z') return false;
    for (size_t i = 0; i < 19; i++)
        if (form[i] == 'd' ? !is_digit(s.p[i]) : s.p[i] != form[i] && !(i == 10 && s.p[i] == ' ')) return false;
    if (s.n == 24) {
        if (s.p[19] != '.' || !is_digit(s.p[20]) || !is_digit(s.p[21]) || !is_digit(s.p[22])) return false;
        ms = two(s.p + 20) * 10 + s.p[22] - '0';
    }
    if (memcmp(f->day, s.p, 10) != 0) {
        char text[21];
        memcpy(text, s.p, 10);
        memcpy(text + 10, "T00:00:00Z", 11);
        if (!clock_parse((Str){ text, 20 }, &f->day_ms)) return false;
        memcpy(f->day, s.p, 10);
    }
    int h = two(s.p + 11), m = two(s.p + 14), sec = two(s.p + 17);
    if (h > 23 || m > 59 || sec > 59) return false;
    *ret = f->day_ms + ((h * 60 + m) * INT64_C(60) + sec) * 1000 + ms;
    return true;
}
static bool time_cell(ImportFast *f, Str s, int64_t *ret)
{
    int64_t n;
    if (s.n > 8 && s.n < 19 && is_digit(s.p[0]) && str_i64(s, &n)) {     /* as the general way reads them */
        *ret = n < INT64_C(100000000000) ? n * 1000 : n;
        return n > 0 && n < INT64_C(100000000000000);
    }
    return utc_time(f, s, ret);
}
/* Whole: 12. Decimal: 12.50, exact because both parts are (Clinger 1990). What else begins like a number the general
 * way decides. */
static Status number_cell(Str s, Value *ret)
{
    static const double tens[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    size_t i = s.p[0] == '-', digits = 0, after = 0;
    size_t first = i;
    int64_t v = 0;
    bool point = false, other = false;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (is_digit(c)) {
            v = v * 10 + (c - '0');
            after += point;
            if (++digits > 15) return ST_NOT_FOUND;
        } else if (c == '.' && !point) {
            point = true;
        } else {
            other = true;
            break;
        }
    }
    if (other) return memchr(s.p, '.', s.n) ? ST_NOT_FOUND : ST_CONFLICT;          /* CONFLICT: text */
    if (digits == 0 || (point && (after == 0 || first == s.n || s.p[first] == '.'))) return ST_NOT_FOUND;
    if (s.p[first] == '0' && digits > 1 && !(point && s.p[first + 1] == '.'))
        return point || first ? ST_NOT_FOUND : ST_CONFLICT;        /* a code with zeros before it: text */
    if (s.p[0] == '-' && v == 0) return ST_NOT_FOUND;
    if (!point && s.n == 11 && s.p[0] == '1') return ST_NOT_FOUND;                 /* perhaps a mobile's */
    if (s.p[0] == '-') v = -v;
    *ret = (Value){ PROP_INT, (uint64_t)v };
    if (!point) return ST_OK;
    double d = (double)v / tens[after];
    ret->kind = PROP_DOUBLE;
    memcpy(&ret->bits, &d, sizeof d);
    return ST_OK;
}
static Status value_cell(Cx *cx, Col *c, Str s, Value *ret)
{
    Str clean;
    int n = 0;
    if (s.n == c->last_n && s.n <= LAST_BYTES && (s.n == 0 || memcmp(c->last, s.p, s.n) == 0)) {
        *ret = s.n ? c->value : (Value){ PROP_NULL, 0 };
        return ST_OK;
    }
    Status st = ST_CONFLICT;
    *ret = (Value){ PROP_NULL, 0 };
    if (s.n && (is_digit(s.p[0]) || s.p[0] == '-')) st = number_cell(s, ret);
    else if (s.n && (s.p[0] == '+' || s.p[0] == '.')) return ST_NOT_FOUND;
    if (st == ST_NOT_FOUND) return st;
    if (st == ST_CONFLICT && s.n) {
        if (s.n > PROP_TEXT_BYTES_MAX) return ST_NOT_FOUND;
        TRY(scrub_text(cx, s, &clean, &n));
        if (n) return ST_NOT_FOUND;
        ret->kind = PROP_STR;
    }
    c->last_n = s.n <= LAST_BYTES ? s.n : SIZE_MAX;
    if (s.n && s.n <= LAST_BYTES) memcpy(c->last, s.p, s.n);
    c->value = *ret;
    return ST_OK;
}
static Status name_cell(Cx *cx, ImportFast *f, Str cell, uint32_t *ret)
{
    Str s = str_trim(cell), clean;
    int n;
    if (s.n == 0 || s.n > EVENT_NAME_BYTES_MAX) return ST_NOT_FOUND;
    Name *at = &f->names[XXH3_64bits(s.p, s.n) % NAMES];
    if (str_eq(at->text, s)) {
        *ret = at->number;
        return ST_OK;
    }
    if (str_is(s, "$identify")) return ST_NOT_FOUND;       /* who keeps traits must hear of it */
    for (size_t i = 0; i < s.n; i++) if ((unsigned char)s.p[i] < 0x20) return ST_NOT_FOUND;
    TRY(scrub_text(cx, s, &clean, &n));
    if (n) return ST_NOT_FOUND;
    Status st = bulk_name(cx, f->s->bulk, s, ret);
    if (st == ST_LIMITED) return ST_NOT_FOUND;
    TRY(st);
    *at = (Name){ arena_str(f->s->arena, s), *ret };
    return at->text.p ? ST_OK : fail(cx, ST_NO_MEM, "import: a name");
}
static Status actor_cell(Cx *cx, ImportFast *f, Ids *ids, const char *kind, Str s, uint32_t *ret)
{
    uint32_t number;
    Hash128 key;
    if (dict_find(&ids->texts, s, &number)) {
        *ret = ids->actors[number];
        return ST_OK;
    }
    if (ingest_actor(cx, f->keys, kind, s, S("user"), &key) != ST_OK) return ST_NOT_FOUND;
    TRY(bulk_actor(cx, f->s->bulk, key, ret));
    if (ids->texts.bytes + ids->texts.n * 32 > TEXTS_BYTES) ids_done(ids);         /* begin again: they come in runs */
    if (ids->texts.n == ids->cap) {
        size_t cap = ids->cap ? ids->cap * 2 : 1024;
        uint32_t *actors = mem_grow(ids->actors, cap * sizeof *actors);
        if (!actors) return fail(cx, ST_NO_MEM, "import: %zu ids", cap);
        ids->actors = actors;
        ids->cap = cap;
    }
    TRY(dict_add(cx, &ids->texts, s, &number));
    ids->actors[number] = *ret;
    return ST_OK;
}

/* ---- a row ---- */

typedef struct Taken { int64_t time; bool timed, named; uint32_t name; Str user, anon; } Taken;

static Str cell_of(const Col *c, const Str *cells) { return c->cell < 0 ? c->constant : cells[c->cell]; }
static Status take_cell(Cx *cx, ImportFast *f, size_t i, Str cell, Taken *t)
{
    Col *c = &f->cols[i];
    switch (c->target) {
    case MAP_TIME:  t->timed = true; return time_cell(f, cell, &t->time) ? ST_OK : ST_NOT_FOUND;
    case MAP_EVENT: t->named = true; return name_cell(cx, f, cell, &t->name);
    case MAP_USER:  t->user = str_trim(cell); return ST_OK;
    case MAP_ANON:  t->anon = str_trim(cell); return ST_OK;
    case MAP_PROP:  return value_cell(cx, c, cell, &f->values[i]);
    case MAP_TARGETS_: break;
    }
    return ST_NOT_FOUND;
}
static Status put_values(Cx *cx, ImportFast *f, const Str *cells)
{
    for (size_t i = 0; i < f->n; i++) {
        const Col *c = &f->cols[i];
        const Value *v = &f->values[i];
        if (c->target != MAP_PROP || v->kind == PROP_NULL) continue;
        if (v->kind == PROP_STR) TRY(bulk_text(cx, f->s->bulk, c->prop, cell_of(c, cells)));
        else TRY(bulk_value(cx, f->s->bulk, c->prop, v->kind, v->bits));
    }
    return ST_OK;
}
Status import_fast_row(Cx *cx, ImportFast *f, const Str *cells, size_t n)
{
    Taken t = { 0 };
    uint32_t actor;
    if (n != f->n_cells) return ST_NOT_FOUND;
    for (size_t i = 0; i < f->n; i++) TRY(take_cell(cx, f, i, cell_of(&f->cols[i], cells), &t));
    if (!t.timed || !t.named || t.time > cx->now || t.time < INGEST_TIME_FIRST) return ST_NOT_FOUND;
    if (t.user.n && t.anon.n && !import_session_joined(f->s, t.anon, t.user)) return ST_NOT_FOUND;
    bool known = t.user.n > 0;
    TRY(actor_cell(cx, f, known ? &f->users : &f->anons, known ? "user" : "anon", known ? t.user : t.anon, &actor));
    TRY(bulk_row(cx, f->s->bulk, t.time, actor, t.name));
    return put_values(cx, f, cells);
}
