#include "flow/import_fast.h"
#include "base/arena.h"
#include "base/limits.h"
#include "base/scrub.h"
#include "flow/import_ids.h"
#include <string.h>
#include <xxhash.h>

enum { COLS_MAX = EVENT_PROPS_MAX, LAST_BYTES = 48, NAMES = 256, GROUP = 16, SHORT = 16, SHORTS = 64 };

/* code: of a text, its number in the batch */
typedef struct Value { uint8_t kind; uint64_t bits; } Value;
/* A text of less than 16 bytes, which most columns of few texts have, and its length in the last byte. */
typedef struct ShortText { uint64_t a, b; uint32_t code; bool known; } ShortText;
/* A cell and what it is for; cell -1: a constant of the map. */
typedef struct Col {
    MapTarget target;
    int       cell;
    Str       constant;
    uint32_t  prop;
    char      last[LAST_BYTES]; size_t last_n;             /* the cell of the row before, and its value */
    Value     value;
    ShortText shorts[SHORTS];
} Col;
typedef struct Name { Str text; uint32_t number; } Name;
/* A row of the group. who: the user or the visitor. */
typedef struct Row {
    ImportFastRow row;
    int64_t  time;
    uint64_t hash;
    Hash128  message;
    Str      who, anon, message_id;
    uint32_t name;
    bool     known, timed, named;
    Value   *values;             /* by column */
} Row;
struct ImportFast {
    const Keys *keys;
    ImportSession *s;
    Col   *cols; size_t n;
    size_t n_cells;
    Name   names[NAMES];
    ImportIds users, anons;
    char   day[11]; int64_t day_ms;                        /* the date of the row before, and its midnight */
    Row    rows[GROUP]; size_t first, n_rows;
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
    f->cols = ARENA_MANY(s->arena, Col, COLS_MAX);
    if (!f->cols) return fail(cx, ST_NO_MEM, "import");
    TRY(add_all(cx, f, m, names, n, &plain));
    for (size_t i = 0; i < f->n; i++) {                    /* the map may stand on another's stack */
        Str *c = &f->cols[i].constant;
        if (f->cols[i].cell >= 0 || c->n == 0) continue;
        *c = arena_str(s->arena, *c);
        if (!c->p) return fail(cx, ST_NO_MEM, "import");
    }
    for (size_t i = 0; i < GROUP; i++) {
        f->rows[i].values = ARENA_MANY(s->arena, Value, f->n);
        if (!f->rows[i].values) return fail(cx, ST_NO_MEM, "import");
    }
    if (plain) *ret = f;
    return ST_OK;
}
void import_fast_done(ImportFast *f)
{
    if (!f) return;
    import_ids_done(&f->users);
    import_ids_done(&f->anons);
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
/* A text the batch has was found to be harmless when it came first. */
static Status text_code(Cx *cx, ImportFast *f, const Col *c, Str s, uint32_t *ret)
{
    Str clean;
    int n;
    if (bulk_text_find(f->s->bulk, c->prop, s, ret)) return ST_OK;
    if (s.n > PROP_TEXT_BYTES_MAX) return ST_NOT_FOUND;
    TRY(scrub_text(cx, s, &clean, &n));
    return n ? ST_NOT_FOUND : bulk_text_number(cx, f->s->bulk, c->prop, s, ret);
}
static Status text_cell(Cx *cx, ImportFast *f, Col *c, Str s, Value *ret)
{
    uint32_t code;
    char text[SHORT] = { 0 };
    uint64_t a, b;
    *ret = (Value){ PROP_STR, 0 };
    if (s.n >= SHORT) {
        TRY(text_code(cx, f, c, s, &code));
        ret->bits = code;
        return ST_OK;
    }
    memcpy(text, s.p, s.n);
    text[SHORT - 1] = (char)s.n;
    memcpy(&a, text, sizeof a);
    memcpy(&b, text + sizeof a, sizeof b);
    ShortText *t = &c->shorts[((a ^ b * 31) * UINT64_C(0x9E3779B97F4A7C15)) >> 58];
    if (!t->known || t->a != a || t->b != b) {
        TRY(text_code(cx, f, c, s, &code));
        *t = (ShortText){ a, b, code, true };
    }
    ret->bits = t->code;
    return ST_OK;
}
static Status value_cell(Cx *cx, ImportFast *f, Col *c, Str s, Value *ret)
{
    *ret = (Value){ PROP_NULL, 0 };
    if (s.n == 0) return ST_OK;
    if (s.n == c->last_n && memcmp(c->last, s.p, s.n) == 0) {
        *ret = c->value;
        return ST_OK;
    }
    Status st = ST_CONFLICT;
    if (is_digit(s.p[0]) || s.p[0] == '-') st = number_cell(s, ret);
    else if (s.p[0] == '+' || s.p[0] == '.') return ST_NOT_FOUND;
    if (st == ST_CONFLICT) st = text_cell(cx, f, c, s, ret);
    TRY(st);
    c->last_n = s.n <= LAST_BYTES ? s.n : SIZE_MAX;
    if (s.n <= LAST_BYTES) memcpy(c->last, s.p, s.n);
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
static Status actor_of(Cx *cx, ImportFast *f, const Row *r, uint32_t *ret)
{
    ImportIds *ids = r->known ? &f->users : &f->anons;
    Hash128 key;
    if (import_ids_find(ids, r->hash, r->who, ret)) return ST_OK;
    if (ingest_actor(cx, f->keys, r->known ? "user" : "anon", r->who, S("user"), &key) != ST_OK) return ST_NOT_FOUND;
    TRY(bulk_actor(cx, f->s->bulk, key, ret));
    return import_ids_add(cx, ids, r->hash, r->who, *ret);
}

/* ---- a row ---- */

static Str cell_of(const Col *c, const Str *cells) { return c->cell < 0 ? c->constant : cells[c->cell]; }
static Status read_cell(Cx *cx, ImportFast *f, size_t i, Str cell, Row *r)
{
    switch (f->cols[i].target) {
    case MAP_TIME:  r->timed = true; return time_cell(f, cell, &r->time) ? ST_OK : ST_NOT_FOUND;
    case MAP_EVENT: r->named = true; return name_cell(cx, f, cell, &r->name);
    case MAP_USER:  r->who = str_trim(cell); return ST_OK;
    case MAP_ANON:  r->anon = str_trim(cell); return ST_OK;
    case MAP_MESSAGE: r->message_id = str_trim(cell); return ST_OK;
    case MAP_PROP:  return value_cell(cx, f, &f->cols[i], cell, &r->values[i]);
    case MAP_TARGETS_: break;
    }
    return ST_NOT_FOUND;
}
void import_fast_piece(ImportFast *f)
{
    f->first = f->n_rows = 0;
    for (size_t i = 0; i < f->n; i++) {
        f->cols[i].last_n = SIZE_MAX;
        memset(f->cols[i].shorts, 0, sizeof f->cols[i].shorts);
    }
}
bool import_fast_full(const ImportFast *f) { return f->n_rows == GROUP; }
static void look_ahead(ImportFast *f, Row *r)
{
    r->known = r->who.n > 0;
    if (!r->known) {
        r->who = r->anon;
        r->anon = (Str){ 0 };
    }
    r->hash = import_ids_hash(r->who);
    import_ids_soon(r->known ? &f->users : &f->anons, r->hash);
    if (r->message_id.n == 0) return;
    r->message = import_session_message(f->s, r->message_id);
    bulk_message_soon(f->s->bulk, r->message);
}
Status import_fast_row(Cx *cx, ImportFast *f, const ImportFastRow *row, const Str *cells, size_t n)
{
    Row *r = &f->rows[f->n_rows];
    if (n != f->n_cells) return ST_NOT_FOUND;
    *r = (Row){ .row = *row, .values = r->values };
    for (size_t i = 0; i < f->n; i++) TRY(read_cell(cx, f, i, cell_of(&f->cols[i], cells), r));
    if (!r->timed || !r->named || r->time > cx->now || r->time < INGEST_TIME_FIRST) return ST_NOT_FOUND;
    if (r->message_id.n > MESSAGE_ID_BYTES_MAX) return ST_NOT_FOUND;
    look_ahead(f, r);
    f->n_rows++;
    return ST_OK;
}
static Status put(Cx *cx, ImportFast *f, const Row *r, uint32_t actor)
{
    Bulk *b = f->s->bulk;
    TRY(bulk_row(cx, b, r->time, actor, r->name));
    for (size_t i = 0; i < f->n; i++) {
        const Value *v = &r->values[i];
        if (f->cols[i].target != MAP_PROP || v->kind == PROP_NULL) continue;
        TRY(bulk_value(cx, b, f->cols[i].prop, v->kind, v->bits));
    }
    return r->message_id.n ? bulk_message_add(cx, b, r->message) : ST_OK;
}
Status import_fast_take(Cx *cx, ImportFast *f, ImportFastRow *ret, bool *ret_repeated)
{
    uint32_t actor;
    if (f->first == f->n_rows) {
        f->first = f->n_rows = 0;
        return ST_CONFLICT;
    }
    const Row *r = &f->rows[f->first++];
    *ret = r->row;
    *ret_repeated = r->message_id.n && bulk_message_seen(f->s->bulk, r->message);
    if (*ret_repeated) return ST_OK;
    if (r->anon.n && !import_session_joined(f->s, r->anon, r->who)) return ST_NOT_FOUND;
    TRY(actor_of(cx, f, r, &actor));
    return put(cx, f, r, actor);
}
