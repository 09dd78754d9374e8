#include "base/limits.h"
#include "base/shape.h"

static void pair(JsonW *w, const char *key, const char *text)
{
    jsonw_key(w, str_z(key));
    jsonw_str(w, str_z(text));
}
static void pair_i64(JsonW *w, const char *key, int64_t v)
{
    jsonw_key(w, str_z(key));
    jsonw_i64(w, v);
}
static void type(JsonW *w, const char *name, bool or_null)
{
    jsonw_key(w, S("type"));
    if (or_null) jsonw_open(w, '[');
    jsonw_str(w, str_z(name));
    if (!or_null) return;
    jsonw_str(w, S("null"));
    jsonw_close(w, ']');
}
/* A schema counts characters, we count bytes: the largest stays true, of the least only what every text of
 * so many bytes has. */
static void text(JsonW *w, const Field *f, bool or_null)
{
    type(w, "string", or_null);
    if (f->min > 0) pair_i64(w, "minLength", (f->min + 3) / 4);
    pair_i64(w, "maxLength", f->max ? f->max : SHAPE_TEXT_MAX);
}
static void number(JsonW *w, const Field *f, const char *name, bool or_null)
{
    type(w, name, or_null);
    if (f->min == 0 && f->max == 0) return;
    pair_i64(w, "minimum", f->min);
    if (f->max) pair_i64(w, "maximum", f->max);
}
static void id(JsonW *w, const Field *f, bool or_null)
{
    char pattern[64];
    Buf b = { .p = pattern, .cap = sizeof pattern, .max = sizeof pattern };
    type(w, "string", or_null);
    buf_addc(&b, '^');
    buf_addz(&b, f->prefix);
    buf_addz(&b, "_[0-9A-Za-z]{13}$");
    jsonw_key(w, S("pattern"));
    jsonw_str(w, buf_str(&b));
}
static void names(JsonW *w, const Field *f, bool or_null)
{
    type(w, "string", or_null);
    jsonw_key(w, S("enum"));
    jsonw_open(w, '[');
    for (int i = 0; f->names[i]; i++) jsonw_str(w, str_z(f->names[i]));
    if (or_null) jsonw_null(w);
    jsonw_close(w, ']');
}
static void reference(JsonW *w, const Shape *of)
{
    char at[128];
    Buf b = { .p = at, .cap = sizeof at, .max = sizeof at };
    buf_addz(&b, "#/components/schemas/");
    buf_addz(&b, of->name);
    jsonw_key(w, S("$ref"));
    jsonw_str(w, buf_str(&b));
}
static void object(JsonW *w, const Field *f, bool or_null)
{
    if (!or_null) {
        reference(w, f->of);
        return;
    }
    jsonw_key(w, S("anyOf"));
    jsonw_open(w, '[');
    jsonw_open(w, '{');
    reference(w, f->of);
    jsonw_close(w, '}');
    jsonw_open(w, '{');
    type(w, "null", false);
    jsonw_close(w, '}');
    jsonw_close(w, ']');
}
static void schema(JsonW *w, const Field *f, FieldType as, bool or_null);
static void list(JsonW *w, const Field *f, bool or_null)
{
    Field item = *f;
    item.min = item.max = 0;
    type(w, "array", or_null);
    jsonw_key(w, S("items"));
    jsonw_open(w, '{');
    schema(w, &item, f->item, false);
    jsonw_close(w, '}');
    if (f->min > 0) pair_i64(w, "minItems", f->min);
    pair_i64(w, "maxItems", f->max ? f->max : SHAPE_LIST_MAX);
}
static void schema(JsonW *w, const Field *f, FieldType as, bool or_null)
{
    switch (as) {
    case F_STR:    text(w, f, or_null); break;
    case F_I64:    number(w, f, "integer", or_null); break;
    case F_DOUBLE: number(w, f, "number", or_null); break;
    case F_BOOL:   type(w, "boolean", or_null); break;
    case F_TIME:   type(w, "string", or_null); pair(w, "format", "date-time"); break;
    case F_ID:     id(w, f, or_null); break;
    case F_ENUM:   names(w, f, or_null); break;
    case F_OBJECT: object(w, f, or_null); break;
    case F_LIST:   list(w, f, or_null); break;
    case F_ANY:    break;                     /* a schema without words takes anything */
    }
}
static void required(JsonW *w, const Shape *shape)
{
    size_t n = 0;
    for (size_t i = 0; i < shape->n; i++) n += shape->fields[i].required;
    if (n == 0) return;
    jsonw_key(w, S("required"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < shape->n; i++)
        if (shape->fields[i].required) jsonw_str(w, str_z(shape->fields[i].key));
    jsonw_close(w, ']');
}
void shape_schema(JsonW *w, const Shape *shape)
{
    jsonw_open(w, '{');
    type(w, "object", false);
    jsonw_key(w, S("properties"));
    jsonw_open(w, '{');
    for (size_t i = 0; i < shape->n; i++) {
        const Field *f = &shape->fields[i];
        jsonw_key(w, str_z(f->key));
        jsonw_open(w, '{');
        schema(w, f, f->type, !f->required);
        if (f->doc) pair(w, "description", f->doc);
        jsonw_close(w, '}');
    }
    jsonw_close(w, '}');
    required(w, shape);
    jsonw_key(w, S("additionalProperties"));
    jsonw_bool(w, shape->open);
    jsonw_close(w, '}');
}
