#include "flow/import_row.h"
#include "base/limits.h"
#include "base/scrub.h"
#include "flow/props.h"
#include <string.h>

const Str import_access_names[IMPORT_ACCESS_CELLS] = { S_INIT("ip"), S_INIT("ident"), S_INIT("user"), S_INIT("time"),
    S_INIT("method"), S_INIT("path"), S_INIT("status"),
                                     S_INIT("bytes"), S_INIT("referrer"), S_INIT("agent") };

static Status bad_map(Cx *cx, Str part)
{
    return refuse(cx, ST_INVALID, S("map"), MSG_bad_map, PARAMS({ .name = "part", .text = part }));
}
static Status map_item(Cx *cx, Str part, ImportMap *m)
{
    static const char *const names[] = { "time", "event", "user", "anon", "message" };
    Str value = part, key = str_trim(str_cut(&value, '='));
    MapItem item = { .target = MAP_TARGETS_, .column = str_trim(value) };

    if (str_is(key, "props")) {
        m->no_props = str_is(item.column, "none");
        return m->no_props || str_is(item.column, "rest") ? ST_OK : bad_map(cx, part);
    }
    for (int i = 0; i < MAP_PROP; i++) if (str_is(key, names[i])) item.target = (MapTarget)i;
    if (str_starts(key, S("prop.")) && key.n > 5) {
        item.target = MAP_PROP;
        item.prop = (Str){ key.p + 5, key.n - 5 };
    }
    if (item.target == MAP_TARGETS_ || item.column.n == 0 || m->n == MAP_TARGETS_MAX) return bad_map(cx, part);
    if (item.column.n >= 2 && item.column.p[0] == '\'' && item.column.p[item.column.n - 1] == '\'') {
        item.constant = true;
        item.column = (Str){ item.column.p + 1, item.column.n - 2 };
    }
    m->items[m->n++] = item;
    return ST_OK;
}
bool import_map_has(const ImportMap *m, MapTarget t)
{
    for (size_t i = 0; i < m->n; i++) if (m->items[i].target == t) return true;
    return false;
}
Status import_map_read(Cx *cx, Str text, Str format, ImportMap *ret)
{
    Str rest = text;
    *ret = (ImportMap){ 0 };
    if (text.n == 0 && str_is(format, "access"))
        rest = S("time=time,event='$pageview',anon=ip,prop.$path=path,prop.$referrer=referrer,"
                 "prop.$user_agent=agent");
    while (rest.n) {
        Str part = str_trim(str_cut(&rest, ','));
        if (part.n) TRY(map_item(cx, part, ret));
    }
    if (!import_map_has(ret, MAP_TIME)) return bad_map(cx, S("time="));
    if (!import_map_has(ret, MAP_EVENT)) return bad_map(cx, S("event="));
    if (!import_map_has(ret, MAP_USER) && !import_map_has(ret, MAP_ANON)) return bad_map(cx, S("user="));
    return ST_OK;
}

/* 17/May/2015:10:05:03 +0000 */
static bool access_time(Str s, int64_t *ret)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char iso[40];
    const char *at = NULL;
    if (s.n != 26 || s.p[2] != '/' || s.p[6] != '/' || s.p[11] != ':') return false;
    for (int i = 0; i < 36; i += 3) if (memcmp(months + i, s.p + 3, 3) == 0) at = months + i;
    if (!at) return false;
    int month = (int)(at - months) / 3 + 1;
    memcpy(iso, s.p + 7, 4);
    memcpy(iso + 4, (char[]){ '-', (char)('0' + month / 10), (char)('0' + month % 10), '-' }, 4);
    memcpy(iso + 8, s.p, 2);
    iso[10] = 'T';
    memcpy(iso + 11, s.p + 12, 8);
    memcpy(iso + 19, s.p + 21, 5);
    return clock_parse((Str){ iso, 24 }, ret);
}
static bool all_digits(Str s)
{
    for (size_t i = 0; i < s.n; i++) if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}
static Status time_of(Cx *cx, const ImportDeps *d, Str s, int64_t *ret)
{
    int64_t n;
    char iso[12];
    bool good;

    s = str_trim(s);
    if (s.n == 8 && all_digits(s) && (s.p[0] == '1' || s.p[0] == '2')) {
        memcpy(iso, (char[]){ s.p[0], s.p[1], s.p[2], s.p[3], '-', s.p[4], s.p[5], '-', s.p[6], s.p[7] }, 10);
        good = zone_parse(d->zone, (Str){ iso, 10 }, ret);
    } else if (str_i64(s, &n)) {
        good = n > 0 && n < INT64_C(100000000000000);
        *ret = n < INT64_C(100000000000) ? n * 1000 : n;        /* seconds until the year 5138, else ms */
    } else {
        good = zone_parse(d->zone, s, ret) || access_time(s, ret);
    }
    good = good && *ret >= INGEST_TIME_FIRST;
    return good ? ST_OK : refuse(cx, ST_INVALID, S("time"), MSG_bad_time, NO_PARAMS);
}

/* What a cell is: a number where it reads as one and would read back the same, else text. 64-bit ids stay exact. */
/* Eleven digits are a number like any other, unless they are a mobile's. */
static Status phone_or_number(Cx *cx, Props *ps, Str name, Str cell)
{
    int64_t i;
    int scrubbed;
    Str clean;
    TRY(scrub_text(cx, cell, &clean, &scrubbed));
    if (scrubbed == 0 && str_i64(cell, &i)) return props_add(cx, ps, name, (Prop){ .kind = PROP_INT, .i = i });
    return props_add_str(cx, ps, name, clean);
}
static Status cell_prop(Cx *cx, Props *ps, Str name, Str cell)
{
    int64_t i;
    const JsonNode *v;
    if (cell.n == 0) return ST_OK;                              /* missing and empty are the same in a file */
    if (cell.n == 11 && cell.p[0] == '1') return phone_or_number(cx, ps, name, cell);
    if (str_i64(cell, &i) && (cell.p[0] != '0' || cell.n == 1) && !(cell.p[0] == '-' && cell.n > 1 && cell.p[1] == '0'))
        return props_add(cx, ps, name, (Prop){ .kind = PROP_INT, .i = i });
    bool number = cell.n < 32 && (all_digits((Str){ cell.p + cell.n - 1, 1 })) && memchr(cell.p, '.', cell.n);
    Status st = number ? json_parse(cx, cell, &v) : ST_INVALID;
    if (st == ST_NO_MEM) return st;
    if (st == ST_OK && v->kind == JSON_DOUBLE)
        return props_add(cx, ps, name, (Prop){ .kind = PROP_DOUBLE, .d = v->d });
    return props_add_str(cx, ps, name, cell);
}
/* Columns that tell who somebody is, whatever way they are spelt: "Phone number", "phone_number", "手机号". */
bool import_row_personal(Str name)
{
    static const char *const names[] = { "ip", "ipaddress", "email", "emailaddress", "mail", "phone", "mobile",
        "mobilephone", "cellphone",
        "tel", "telephone", "phonenumber", "firstname", "lastname", "realname", "fullname", "username", "address",
        "birthday", "birthdate",
        "dateofbirth", "dob", "idcard", "idnumber", "avatar", "wechat", "weixin", "qq", "user", "邮箱", "电子邮箱", "邮件",
        "手机", "手机号",
        "手机号码", "电话", "电话号码", "联系电话", "姓名", "真实姓名", "昵称", "用户名", "地址", "收货地址", "生日", "出生日期", "身份证",
        "身份证号", "微信", "微信号" };
    char low[64];
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (memchr(" _-.$", c, 5)) continue;
        if (n == sizeof low) return false;
        low[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    for (size_t i = 0; i < COUNT(names); i++) if (str_is((Str){ low, n }, names[i])) return true;
    return false;
}
typedef struct Row { Event *e; Props ps; Str user, anon, message; bool timed; Buf personal; JsonW json; } Row;
/* Kept sealed beside the event, as a trusted call's personal traits are. */
static Status hide(Cx *cx, Row *row, Str name, Str text, const JsonNode *v)
{
    enum { PERSONAL_MAX = 64 << 10 };
    if (v ? v->kind == JSON_NULL : text.n == 0) return ST_OK;
    if (!row->personal.a) row->personal = buf_new(cx->arena, PERSONAL_MAX);
    row->json.b = &row->personal;
    if (row->personal.n == 0) jsonw_open(&row->json, '{');
    jsonw_key(&row->json, name);
    if (v) jsonw_node(&row->json, v);
    else jsonw_str(&row->json, text);
    if (!row->personal.bad) return ST_OK;
    return refuse(cx, ST_INVALID, name, MSG_too_long, PARAMS({ .name = "max", .value = PERSONAL_MAX }));
}
static Status use(Cx *cx, const ImportRowCx *rc, const MapItem *item, Str value, Row *row)
{
    switch (item->target) {
    case MAP_TIME:  row->timed = true; return time_of(cx, rc->deps, value, &row->e->time);
    case MAP_EVENT: row->e->name = str_trim(value); return ST_OK;
    case MAP_USER:  row->user = str_trim(value); return ST_OK;
    case MAP_ANON:  row->anon = str_trim(value); return ST_OK;
    case MAP_MESSAGE: row->message = str_trim(value); return ST_OK;
    case MAP_PROP:
        if (import_row_personal(item->prop)) return hide(cx, row, item->prop, value, NULL);
        return cell_prop(cx, &row->ps, item->prop, value);
    case MAP_TARGETS_: break;
    }
    return fail(cx, ST_BUG, "import map");
}
/* A row that names a visitor and a user says that they are one; a placeholder for a visitor says nothing. */
static Status both_ids(Cx *cx, const ImportRowCx *rc, const Row *row, ImportEvent *ret)
{
    Hash128 ignored;
    Status st = ingest_actor(cx, rc->deps->keys, "anon", row->anon, S("anon"), &ignored);
    if (st == ST_INVALID) return ST_OK;
    ret->anon = row->anon;
    ret->user = row->user;
    return st;
}
static Status finish(Cx *cx, const ImportRowCx *rc, Row *row, ImportEvent *ret)
{
    Event *e = row->e;
    Str name = e->name;
    int scrubbed;
    if (name.n == 0) return refuse(cx, ST_INVALID, S("event"), MSG_required, NO_PARAMS);
    if (name.n > EVENT_NAME_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("event"), MSG_too_long,
            PARAMS({ .name = "max", .value = EVENT_NAME_BYTES_MAX }));
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20) return refuse(cx, ST_INVALID, S("event"), MSG_bad_text, NO_PARAMS);
    TRY(scrub_text(cx, name, &e->name, &scrubbed));
    if (!row->timed) return refuse(cx, ST_INVALID, S("time"), MSG_required, NO_PARAMS);
    if (e->time > cx->now) return refuse(cx, ST_INVALID, S("time"), MSG_future_time, NO_PARAMS);
    if (row->message.n > MESSAGE_ID_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("message"), MSG_too_long,
            PARAMS({ .name = "max", .value = MESSAGE_ID_BYTES_MAX }));
    ret->message = row->message;
    bool known = row->user.n > 0;
    TRY(ingest_actor(cx, rc->deps->keys, known ? "user" : "anon", known ? row->user : row->anon, known ?
        S("user") : S("anon"), &e->actor));
    e->source = (uint16_t)rc->source;
    e->trust = TRUST_SECRET;
    e->flags = EVENT_IMPORT;
    e->received = cx->now;
    e->claimed = e->time;
    e->props = row->ps.p;
    e->n_props = row->ps.n;
    if (known && row->anon.n) TRY(both_ids(cx, rc, row, ret));
    if (row->personal.n == 0) return ST_OK;
    jsonw_close(&row->json, '}');
    if (row->personal.bad) return fail(cx, ST_NO_MEM, "import");
    return keys_seal(cx, rc->deps->keys, S("log|sealed"), buf_str(&row->personal), &e->sealed);
}
static bool mapped(const ImportMap *m, Str column)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->items[i].constant && str_eq(m->items[i].column, column)) return true;
    return false;
}
/* A column may have several targets. */
static Status use_cell(Cx *cx, const ImportRowCx *rc, Str column, Str cell, Row *row)
{
    for (size_t i = 0; i < rc->map->n; i++) {
        const MapItem *item = &rc->map->items[i];
        if (!item->constant && str_eq(item->column, column)) TRY(use(cx, rc, item, cell, row));
    }
    return ST_OK;
}
static Status constants(Cx *cx, const ImportRowCx *rc, Row *row)
{
    for (size_t i = 0; i < rc->map->n; i++)
        if (rc->map->items[i].constant) TRY(use(cx, rc, &rc->map->items[i], rc->map->items[i].column, row));
    return ST_OK;
}
Status import_row_cells(Cx *cx, const ImportRowCx *rc, const ImportCells *in, ImportEvent *ret)
{
    *ret = (ImportEvent){ 0 };
    Row row = { .e = &ret->e };

    if (in->n != in->n_names)
        return refuse(cx, ST_INVALID, S(""), MSG_row_cells, PARAMS({ .name = "want", .value = (int64_t)in->n_names },
            { .name = "got", .value = (int64_t)in->n }));
    TRY(constants(cx, rc, &row));
    for (size_t i = 0; i < in->n; i++) {
        Str name = in->names[i], cell = in->cells[i];
        if (mapped(rc->map, name)) TRY(use_cell(cx, rc, name, cell, &row));
        else if (rc->map->no_props) continue;
        else if (import_row_personal(name)) TRY(hide(cx, &row, name, cell, NULL));
        else TRY(cell_prop(cx, &row.ps, name, cell));
    }
    return finish(cx, rc, &row, ret);
}
static Status json_text(Cx *cx, const JsonNode *v, Str *ret)
{
    *ret = json_str_of(v);
    if (!v || v->kind == JSON_STR || v->kind == JSON_NULL) return ST_OK;
    if (v->kind >= JSON_ARRAY)
        return refuse(cx, ST_INVALID, S("row"), MSG_wrong_type, PARAMS({ .name = "want", .text = S("text") }));
    Buf b = buf_new(cx->arena, 64);
    JsonW w = { .b = &b };
    jsonw_node(&w, v);
    *ret = buf_str(&b);
    return b.bad ? fail(cx, ST_NO_MEM, "import") : ST_OK;
}
static Status use_member(Cx *cx, const ImportRowCx *rc, Str key, const JsonNode *v, Row *row)
{
    Str text;
    for (size_t i = 0; i < rc->map->n; i++) {
        const MapItem *item = &rc->map->items[i];
        if (item->constant || !str_eq(item->column, key)) continue;
        if (item->target == MAP_PROP && import_row_personal(item->prop)) TRY(hide(cx, row, item->prop, (Str){ 0 }, v));
        else if (item->target == MAP_PROP) TRY(props_add_node(cx, &row->ps, item->prop, v));
        else {
            TRY(json_text(cx, v, &text));
            TRY(use(cx, rc, item, text, row));
        }
    }
    return ST_OK;
}
Status import_row_json(Cx *cx, const ImportRowCx *rc, Str line, ImportEvent *ret)
{
    const JsonNode *o, *key;
    *ret = (ImportEvent){ 0 };
    Row row = { .e = &ret->e };

    TRY(json_parse(cx, line, &o));
    if (o->kind != JSON_OBJECT)
        return refuse(cx, ST_INVALID, S("row"), MSG_wrong_type, PARAMS({ .name = "want", .text = S("object") }));
    TRY(constants(cx, rc, &row));
    key = json_first(o);
    for (size_t i = 0; i < o->n; i++) {
        const JsonNode *v = json_next(key);
        if (mapped(rc->map, key->s)) TRY(use_member(cx, rc, key->s, v, &row));
        else if (!rc->map->no_props && import_row_personal(key->s)) TRY(hide(cx, &row, key->s, (Str){ 0 }, v));
        else if (!rc->map->no_props) TRY(props_add_node(cx, &row.ps, key->s, v));
        key = json_next(v);
    }
    return finish(cx, rc, &row, ret);
}

static bool take_quoted(Str *rest, Str *ret)
{
    size_t i = 1;
    if (rest->n == 0 || rest->p[0] != '"') return false;
    while (i < rest->n && rest->p[i] != '"') i += rest->p[i] == '\\' ? 2 : 1;
    if (i >= rest->n) return false;
    *ret = (Str){ rest->p + 1, i - 1 };
    *rest = str_trim((Str){ rest->p + i + 1, rest->n - i - 1 });
    return true;
}
static Str dash_is_empty(Str s) { return str_is(s, "-") ? (Str){ 0 } : s; }
Status import_row_access(Cx *cx, Str line, Str ret[IMPORT_ACCESS_CELLS])
{
    Str rest = str_trim(line), request, when;
    for (int i = 0; i < 3; i++) ret[i] = dash_is_empty(str_cut(&rest, ' '));
    if (rest.n < 2 || rest.p[0] != '[') goto bad;
    rest = (Str){ rest.p + 1, rest.n - 1 };
    when = str_cut(&rest, ']');
    rest = str_trim(rest);
    if (!take_quoted(&rest, &request)) goto bad;
    ret[3] = when;
    ret[4] = str_cut(&request, ' ');
    ret[5] = str_cut(&request, ' ');
    ret[6] = str_cut(&rest, ' ');
    ret[7] = dash_is_empty(str_cut(&rest, ' '));
    ret[8] = ret[9] = (Str){ 0 };
    if (rest.n && !take_quoted(&rest, &ret[8])) goto bad;
    /* Real logs have agents cut off in the middle: the last cell may lack its closing quote. */
    if (rest.n && rest.p[0] != '"') goto bad;
    if (rest.n && !take_quoted(&rest, &ret[9])) ret[9] = (Str){ rest.p + 1, rest.n - 1 };
    ret[8] = dash_is_empty(ret[8]);
    ret[9] = dash_is_empty(ret[9]);
    if (ret[0].n == 0 || !all_digits(ret[6])) goto bad;
    return ST_OK;
bad:
    return refuse(cx, ST_INVALID, S("row"), MSG_bad_access_line, NO_PARAMS);
}
