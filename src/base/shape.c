#include "base/shape.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include <assert.h>
#include <math.h>
#include <string.h>

/* Where we are, for the error's field: a chain on the stack, written out only when something is wrong. */
typedef struct Path { const struct Path *up; Str key; int64_t index; } Path;      /* key.p NULL: an item */

static void add_cut(Buf *b, Str s)
{
    size_t left = b->max - b->n;
    buf_add(b, (Str){ s.p, s.n < left ? s.n : left });
}
static void write_path(Buf *b, const Path *path)
{
    if (!path) return;
    write_path(b, path->up);
    if (path->key.p) {
        if (b->n) add_cut(b, S("."));
        add_cut(b, path->key);
        return;
    }
    add_cut(b, S("["));
    buf_i64(b, path->index);
    add_cut(b, S("]"));
}
static Status refuse_at(Cx *cx, const Path *path, Msg msg, const Param *params, size_t n)
{
    char field[2 * sizeof cx->why.field];     /* refuse() cuts it */
    Buf b = { .p = field, .cap = sizeof field, .max = sizeof field };
    write_path(&b, path);
    return refuse(cx, ST_INVALID, buf_str(&b), msg, params, n);
}
static Status wrong_type(Cx *cx, const Path *path, Msg want)
{
    return refuse_at(cx, path, MSG_wrong_type, PARAMS({ .name = "want", .text = str_z(msg_text(want, cx->lang)) }));
}
static Status past_max(Cx *cx, const Path *path, Msg msg, int64_t max)
{
    return refuse_at(cx, path, msg, PARAMS({ .name = "max", .value = max }));
}
static Status below_min(Cx *cx, const Path *path, Msg msg, int64_t min)
{
    return refuse_at(cx, path, msg, PARAMS({ .name = "min", .value = min }));
}

static bool has_control(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) return true;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0) return true;     /* U+0080 .. U+009F */
    }
    return false;
}
static Status take_str(Cx *cx, const Field *f, const JsonNode *node, const Path *path, void *to)
{
    int64_t max = f->max ? f->max : SHAPE_TEXT_MAX;
    if (node->kind != JSON_STR) return wrong_type(cx, path, MSG_want_text);
    if ((int64_t)node->s.n > max) return past_max(cx, path, MSG_too_long, max);
    if ((int64_t)node->s.n < f->min) return below_min(cx, path, MSG_too_short, f->min);
    if (has_control(node->s)) return refuse_at(cx, path, MSG_bad_text, NO_PARAMS);
    *(Str *)to = node->s;
    return ST_OK;
}
typedef struct Range { int64_t min, max; } Range;
static Range range_of(const Field *f)
{
    if (f->min == 0 && f->max == 0) return (Range){ INT64_MIN, INT64_MAX };
    return (Range){ f->min, f->max ? f->max : INT64_MAX };
}
static Status outside(Cx *cx, const Path *path, Range r)
{
    return refuse_at(cx, path, MSG_out_of_range,
                     PARAMS({ .name = "min", .value = r.min }, { .name = "max", .value = r.max }));
}
static Status take_i64(Cx *cx, const Field *f, const JsonNode *node, const Path *path, void *to)
{
    const double EXACT = 9007199254740992.0;                /* 2^53: past it a double is no certain integer */
    Range r = range_of(f);
    int64_t v;
    if (node->kind == JSON_INT) v = node->i;
    else if (node->kind != JSON_DOUBLE) return wrong_type(cx, path, MSG_want_integer);
    else if (node->inexact) return outside(cx, path, r);
    else if (fabs(node->d) > EXACT || node->d != trunc(node->d)) return wrong_type(cx, path, MSG_want_integer);
    else v = (int64_t)node->d;
    if (v < r.min || v > r.max) return outside(cx, path, r);
    *(int64_t *)to = v;
    return ST_OK;
}
static Status take_double(Cx *cx, const Field *f, const JsonNode *node, const Path *path, void *to)
{
    Range r = range_of(f);
    if (node->kind != JSON_INT && node->kind != JSON_DOUBLE) return wrong_type(cx, path, MSG_want_number);
    double v = node->kind == JSON_INT ? (double)node->i : node->d;
    bool bounded = f->min || f->max;
    if (bounded && (v < (double)r.min || (f->max && v > (double)r.max))) return outside(cx, path, r);
    *(double *)to = v;
    return ST_OK;
}
static Status take_bool(Cx *cx, const JsonNode *node, const Path *path, void *to)
{
    if (node->kind != JSON_BOOL) return wrong_type(cx, path, MSG_want_bool);
    *(bool *)to = node->b;
    return ST_OK;
}
static Status take_time(Cx *cx, const JsonNode *node, const Path *path, void *to)
{
    if (node->kind != JSON_STR) return wrong_type(cx, path, MSG_want_text);
    return clock_parse(node->s, to) ? ST_OK : refuse_at(cx, path, MSG_bad_time, NO_PARAMS);
}
static Status take_id(Cx *cx, const Field *f, const JsonNode *node, const Path *path, void *to)
{
    if (node->kind != JSON_STR) return wrong_type(cx, path, MSG_want_text);
    return id_parse(node->s, f->prefix, to) ? ST_OK : refuse_at(cx, path, MSG_bad_id, NO_PARAMS);
}
static Status take_enum(Cx *cx, const Field *f, const JsonNode *node, const Path *path, void *to)
{
    assert(f->names);
    if (node->kind != JSON_STR) return wrong_type(cx, path, MSG_want_text);
    for (int i = 0; f->names[i]; i++)
        if (str_is(node->s, f->names[i])) {
            *(int *)to = i;
            return ST_OK;
        }
    Buf b = buf_new(cx->arena, 4096);
    for (int i = 0; f->names[i]; i++) {
        if (i) buf_addz(&b, cx->lang == LANG_ZH ? "、" : ", ");
        buf_addz(&b, f->names[i]);
    }
    if (b.bad) return fail(cx, ST_NO_MEM, "shape: no memory to name what %s may be", f->key);
    return refuse_at(cx, path, MSG_not_one_of, PARAMS({ .name = "names", .text = buf_str(&b) }));
}

static Status take_shape(Cx *, const Shape *, const JsonNode *, const Path *, void *);
static Status take_list(Cx *, const Field *, const JsonNode *, const Path *, void *);
/* `as` is the field's own type, or its item type. */
static Status take_value(Cx *cx, const Field *f, FieldType as, const JsonNode *node, const Path *path, void *to)
{
    switch (as) {
    case F_STR:    return take_str(cx, f, node, path, to);
    case F_I64:    return take_i64(cx, f, node, path, to);
    case F_DOUBLE: return take_double(cx, f, node, path, to);
    case F_BOOL:   return take_bool(cx, node, path, to);
    case F_TIME:   return take_time(cx, node, path, to);
    case F_ID:     return take_id(cx, f, node, path, to);
    case F_ENUM:   return take_enum(cx, f, node, path, to);
    case F_OBJECT: return take_shape(cx, f->of, node, path, to);
    case F_LIST:   return take_list(cx, f, node, path, to);
    case F_ANY:    *(const JsonNode **)to = node; return ST_OK;
    }
    return fail(cx, ST_BUG, "shape: field %s has no type", f->key);
}
static size_t item_size(const Field *f)
{
    static const size_t sizes[] = { [F_STR] = sizeof(Str), [F_I64] = sizeof(int64_t), [F_DOUBLE] = sizeof(double),
        [F_BOOL] = sizeof(bool), [F_TIME] = sizeof(int64_t), [F_ID] = sizeof(int64_t), [F_ENUM] = sizeof(int),
        [F_ANY] = sizeof(const JsonNode *) };
    assert(f->item != F_LIST);
    return f->item == F_OBJECT ? f->of->size : sizes[f->item];
}
static Status take_list(Cx *cx, const Field *f, const JsonNode *node, const Path *path, void *to)
{
    int64_t max = f->max ? f->max : SHAPE_LIST_MAX;
    size_t size = item_size(f);
    Field item = *f;                          /* the bounds are the list's */
    item.min = item.max = 0;
    if (node->kind != JSON_ARRAY) return wrong_type(cx, path, MSG_want_list);
    if (node->n > max) return past_max(cx, path, MSG_too_many, max);
    if (node->n < f->min) return below_min(cx, path, MSG_too_few, f->min);
    char *all = arena_get(cx->arena, node->n * size);
    if (!all) return fail(cx, ST_NO_MEM, "shape: no memory for %u of %s", node->n, f->key);
    const JsonNode *kid = node + 1;
    for (uint32_t i = 0; i < node->n; i++, kid = json_next(kid)) {
        Path here = { .up = path, .index = i };
        TRY(take_value(cx, &item, f->item, kid, &here, all + i * size));
    }
    *(List *)to = (List){ .p = all, .n = node->n };
    return ST_OK;
}

static size_t find_field(const Shape *shape, Str key)
{
    size_t i = 0;
    while (i < shape->n && !str_is(key, shape->fields[i].key)) i++;
    return i;
}
/* Give each field its value, or refuse a key. given[]: NULL where absent; the null of a key given as null. */
static Status sort_keys(Cx *cx, const Shape *shape, const JsonNode *object, const Path *path, const JsonNode **given)
{
    const JsonNode *key = object + 1;
    for (uint32_t i = 0; i < object->n; i++, key = json_next(key + 1)) {
        Path here = { .up = path, .key = key->s };
        size_t f = find_field(shape, key->s);
        if (f < shape->n) {
            if (given[f] && !shape->open) return refuse_at(cx, &here, MSG_duplicate_field, NO_PARAMS);
            given[f] = key + 1;
        } else if (!shape->open) return refuse_at(cx, &here, MSG_unknown_field, NO_PARAMS);
    }
    return ST_OK;
}
/* Recursion is bounded by the reader's JSON_DEPTH_MAX. */
static Status take_shape(Cx *cx, const Shape *shape, const JsonNode *node, const Path *path, void *ret)
{
    const JsonNode *given[SHAPE_FIELDS_MAX] = { 0 };
    assert(shape->n <= SHAPE_FIELDS_MAX);
    if (node->kind != JSON_OBJECT) return wrong_type(cx, path, MSG_want_object);
    TRY(sort_keys(cx, shape, node, path, given));
    for (size_t i = 0; i < shape->n; i++) {
        const Field *f = &shape->fields[i];
        Path here = { .up = path, .key = str_z(f->key) };
        bool there = given[i] && given[i]->kind != JSON_NULL;
        if (there) TRY(take_value(cx, f, f->type, given[i], &here, (char *)ret + f->at));
        else if (f->required) return refuse_at(cx, &here, MSG_required, NO_PARAMS);
        if (there && f->was) *((bool *)ret + f->was) = true;
    }
    return ST_OK;
}
Status shape_take_node(Cx *cx, const Shape *shape, const JsonNode *node, void *ret)
{
    memset(ret, 0, shape->size);
    return take_shape(cx, shape, node, NULL, ret);
}
Status shape_take(Cx *cx, const Shape *shape, Str json, void *ret)
{
    const JsonNode *node;
    memset(ret, 0, shape->size);
    TRY(json_parse(cx, json, &node));
    return take_shape(cx, shape, node, NULL, ret);
}
Status shape_check(Cx *cx, const Shape *shape, Str json)
{
    void *thrown_away = arena_get(cx->arena, shape->size);
    if (!thrown_away) return fail(cx, ST_NO_MEM, "shape: no memory to check a %s", shape->name);
    return shape_take(cx, shape, json, thrown_away);
}
