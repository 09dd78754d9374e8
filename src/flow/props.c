#include "flow/props.h"
#include "base/limits.h"
#include "base/scrub.h"
#include <string.h>

static Status room(Cx *cx, Props *ps, Str name)
{
    if (ps->n == EVENT_PROPS_MAX)
        return refuse(cx, ST_INVALID, name, MSG_too_many, PARAMS({ .name = "max", .value = EVENT_PROPS_MAX }));
    if (ps->n < ps->cap) return ST_OK;
    size_t cap = ps->cap ? ps->cap * 2 : 32;
    Prop *p = arena_raw(cx->arena, cap * sizeof *p);       /* at most EVENT_PROPS_MAX * 2 */
    const JsonNode **from = arena_raw(cx->arena, cap * sizeof(JsonNode *));
    if (!p || !from) return fail(cx, ST_NO_MEM, "props");
    if (ps->n) memcpy(p, ps->p, ps->n * sizeof *p);
    if (ps->n) memcpy(from, ps->from, ps->n * sizeof(JsonNode *));
    ps->p = p;
    ps->from = from;
    ps->cap = cap;
    return ST_OK;
}
static Status check_name(Cx *cx, Str name)
{
    if (name.n > PROP_NAME_BYTES_MAX)
        return refuse(cx, ST_INVALID, name, MSG_too_long, PARAMS({ .name = "max", .value = PROP_NAME_BYTES_MAX }));
    unsigned low = 0;
    for (size_t i = 0; i < name.n; i++) low |= (unsigned char)name.p[i] < 0x20;       /* no branch: made into vectors */
    if (low) return refuse(cx, ST_INVALID, name, MSG_bad_text, NO_PARAMS);
    return name.n ? ST_OK : refuse(cx, ST_INVALID, S("properties"), MSG_required, NO_PARAMS);
}
void props_layer(Props *ps) { ps->layer = ps->n; }
/* A name is stored in plain as well. */
static Status clean_name(Cx *cx, Props *ps, Str in, Str *ret)
{
    int n;
    TRY(check_name(cx, in));
    TRY(scrub_text(cx, in, ret, &n));
    ps->scrubbed += n;
    return ST_OK;
}
static bool maybe_seen(Props *ps, Str name)
{
    uint64_t h = name.n;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (unsigned char)name.p[i]) * UINT64_C(0x100000001b3);
    uint64_t *word = &ps->seen[h >> 62], bit = UINT64_C(1) << (h >> 56 & 63);
    bool seen = *word & bit;
    *word |= bit;
    return seen;
}
Status props_add(Cx *cx, Props *ps, Str name, Prop value)
{
    TRY(clean_name(cx, ps, name, &name));
    value.name = name;
    if (maybe_seen(ps, name))
        for (size_t i = 0; i < ps->n; i++) {
            if (!str_eq(ps->p[i].name, name)) continue;
            ps->repeated = true;
            if (i >= ps->layer) ps->p[i] = value;
            return ST_OK;
        }
    TRY(room(cx, ps, name));
    ps->from[ps->n] = ps->node;
    ps->p[ps->n++] = value;
    return ST_OK;
}
static Status clean(Cx *cx, Props *ps, Str name, Str in, Str *ret)
{
    int n;
    if (in.n > PROP_TEXT_BYTES_MAX)
        return refuse(cx, ST_INVALID, name, MSG_too_long, PARAMS({ .name = "max", .value = PROP_TEXT_BYTES_MAX }));
    TRY(scrub_text(cx, in, ret, &n));
    ps->scrubbed += n;
    return ST_OK;
}
static Status text(Cx *cx, Props *ps, Str name, Str value, Prop *ret)
{
    ret->kind = PROP_STR;
    return clean(cx, ps, name, value, &ret->s);
}
Status props_add_str(Cx *cx, Props *ps, Str name, Str value)
{
    Prop p;
    TRY(text(cx, ps, name, value, &p));
    return props_add(cx, ps, name, p);
}
static Status as_text(Cx *cx, Props *ps, Str name, const JsonNode *v, Prop *ret)
{
    Buf b = buf_new(cx->arena, (size_t)v->len * 6 + 64);       /* an escape is at most six times what it stands for */
    JsonW w = { .b = &b };
    jsonw_node(&w, v);
    return b.bad ? fail(cx, ST_NO_MEM, "props") : text(cx, ps, name, buf_str(&b), ret);
}
static Status item_text(Cx *cx, Props *ps, Str name, const JsonNode *v, Str *ret)
{
    if (v->kind == JSON_STR) return clean(cx, ps, name, v->s, ret);
    Buf b = buf_new(cx->arena, 64);
    JsonW w = { .b = &b };
    jsonw_node(&w, v);
    if (b.bad) return fail(cx, ST_NO_MEM, "props");
    *ret = buf_str(&b);
    return ST_OK;
}
/* A list of plain values is a list of strings; one that holds objects or lists is kept as JSON text. */
static Status list(Cx *cx, Props *ps, Str name, const JsonNode *v, Prop *ret)
{
    const JsonNode *item = json_first(v);

    if (v->n > PROP_LIST_MAX)
        return refuse(cx, ST_INVALID, name, MSG_too_many, PARAMS({ .name = "max", .value = PROP_LIST_MAX }));
    Str *all = ARENA_MANY(cx->arena, Str, (size_t)v->n);
    if (!all) return fail(cx, ST_NO_MEM, "props");
    for (size_t i = 0; i < v->n; i++, item = json_next(item)) {
        if (item->kind >= JSON_ARRAY) return as_text(cx, ps, name, v, ret);
        TRY(item_text(cx, ps, name, item, &all[i]));
    }
    ret->kind = PROP_LIST;
    ret->list.p = all;
    ret->list.n = v->n;
    return ST_OK;
}
Status props_value(Cx *cx, Props *ps, Str name, const JsonNode *v, Prop *ret)
{
    ret->kind = PROP_NULL;
    switch ((JsonKind)v->kind) {
    case JSON_NULL:   return ST_OK;
    case JSON_BOOL:   ret->kind = PROP_BOOL;   ret->b = v->b; return ST_OK;
    case JSON_INT:    ret->kind = PROP_INT;    ret->i = v->i; return ST_OK;
    case JSON_DOUBLE: ret->kind = PROP_DOUBLE; ret->d = v->d; return ST_OK;
    case JSON_STR:    return text(cx, ps, name, v->s, ret);
    case JSON_ARRAY:  return list(cx, ps, name, v, ret);
    case JSON_OBJECT: break;
    }
    return as_text(cx, ps, name, v, ret);
}
static Status add_value(Cx *cx, Props *ps, Str name, const JsonNode *v)
{
    Prop p;
    if (v->kind == JSON_NULL) return ST_OK;               /* missing and null are the same */
    TRY(props_value(cx, ps, name, v, &p));
    ps->node = v;
    Status st = props_add(cx, ps, name, p);
    ps->node = NULL;
    return st;
}
static Status join_name(Cx *cx, Str prefix, Str key, Str *ret)
{
    *ret = key;
    if (prefix.n == 0) return ST_OK;
    char *p = arena_raw(cx->arena, prefix.n + key.n + 1);
    if (!p) return fail(cx, ST_NO_MEM, "props");
    memcpy(p, prefix.p, prefix.n);
    p[prefix.n] = '.';
    if (key.n) memcpy(p + prefix.n + 1, key.p, key.n);
    *ret = (Str){ p, prefix.n + 1 + key.n };
    return ST_OK;
}
/* recursion ends at PROP_DEPTH_MAX */
static Status walk(Cx *cx, Props *ps, Str prefix, const JsonNode *object, int depth)
{
    const JsonNode *key = json_first(object);
    Str name;

    for (size_t i = 0; i < object->n; i++) {
        const JsonNode *v = json_next(key);
        if (ps->unwanted && ps->unwanted(key->s)) {
            key = json_next(v);
            continue;
        }
        TRY(join_name(cx, prefix, key->s, &name));
        if (v->kind == JSON_OBJECT && depth < PROP_DEPTH_MAX) TRY(walk(cx, ps, name, v, depth + 1));
        else TRY(add_value(cx, ps, name, v));
        key = json_next(v);
    }
    return ST_OK;
}
Status props_add_node(Cx *cx, Props *ps, Str name, const JsonNode *v)
{
    return v->kind == JSON_OBJECT ? walk(cx, ps, name, v, 2) : add_value(cx, ps, name, v);
}
bool props_has(const Props *ps, Str name)
{
    for (size_t i = 0; i < ps->n; i++)
        if (str_eq(ps->p[i].name, name)) return true;
    return false;
}
