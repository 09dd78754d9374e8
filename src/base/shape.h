/* shape: what a JSON object must look like, said once.
 *
 * A Shape is a static table of fields with types, bounds and the offset of each in a C
 * struct. It decodes request bodies, checks replies in the tests, and becomes the
 * schema in the OpenAPI document. Unknown and duplicate keys are refused unless .open
 * (then unknown ones are passed over and the last of a key counts).
 *
 *     typedef struct CodeIn { Str email; } CodeIn;
 *     static const Field code_in_fields[] = {
 *         FIELD(CodeIn, email, F_STR, .max = 254, .required = true, .doc = "where the code goes"),
 *     };
 *     static const Shape code_in = SHAPE("code_in", CodeIn, code_in_fields);
 *
 * Target types: F_STR Str · F_I64, F_TIME, F_ID int64_t · F_DOUBLE double · F_BOOL bool ·
 * F_ENUM int (index in .names) · F_OBJECT the struct of .of · F_LIST List of .item ·
 * F_ANY const JsonNode *. An absent optional field leaves zero; .was is the offset of
 * a bool that tells absence from zero, where it matters. JSON null counts as absent, but not as an item of a
 * list. F_I64 also takes 3.0; text may hold \n and \t but no NUL or other control character.
 * Memory: what is decoded lives in cx->arena or the text. */
#ifndef LIUKE_SHAPE_H
#define LIUKE_SHAPE_H
#include "base/json.h"

typedef enum FieldType {
    F_STR, F_I64, F_DOUBLE, F_BOOL, F_TIME, F_ID, F_ENUM, F_OBJECT, F_LIST, F_ANY
} FieldType;
typedef struct List { const void *p; size_t n; } List;   /* p: an array of the item's target type */
typedef struct Shape Shape;
typedef struct Field {
    const char  *key;
    FieldType    type;
    size_t       at;             /* offset of the target */
    bool         required;
    size_t       was;            /* offset of a bool; 0: none */
    int64_t      min, max;       /* F_STR bytes, F_I64 and F_DOUBLE value, F_LIST items; max 0: SHAPE_TEXT_MAX,
                                  * the type's own largest, SHAPE_LIST_MAX; numbers with both 0 have no bounds */
    const char  *prefix;         /* F_ID */
    const char *const *names;    /* F_ENUM, NULL-terminated */
    const Shape *of;             /* F_OBJECT, and F_LIST of objects */
    FieldType    item;           /* F_LIST: not F_LIST again; bounded as a field with no bounds of its own is */
    const char  *doc;            /* English, for the OpenAPI document */
} Field;
struct Shape { const char *name; const Field *fields; size_t n, size; bool open; };
#define FIELD(T, member, ...) { .key = #member, .at = offsetof(T, member), .type = __VA_ARGS__ }   /* type first */
#define SHAPE(shape_name, T, table) { .name = shape_name, .fields = table, .n = COUNT(table), .size = sizeof(T) }
#define SHAPE_OPEN(shape_name, T, table) \
    { .name = shape_name, .fields = table, .n = COUNT(table), .size = sizeof(T), .open = true }

/* Decode into *ret (shape->size bytes, zeroed first). INVALID names the field by path,
 * like "consents[1].purpose": unknown_field, duplicate_field, required, wrong_type,
 * too_long, too_short, too_many, too_few, out_of_range, not_one_of, bad_time, bad_id, bad_text (NUL or control). */
Status shape_take(Cx *, const Shape *, Str json, void *ret) MUST_USE;
Status shape_take_node(Cx *, const Shape *, const JsonNode *, void *ret) MUST_USE;
/* Does this JSON text fit? For tests of replies: the same errors. What it decodes stays in the arena. */
Status shape_check(Cx *, const Shape *, Str json) MUST_USE;
/* The shape as a JSON Schema 2020-12 object; nested shapes as "$ref" under #/components/schemas/. */
void   shape_schema(JsonW *, const Shape *);
#endif
