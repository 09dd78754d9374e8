/* json: strict RFC 8259 in, and a streaming writer that cannot forget a comma.
 *
 * In: json_parse() checks the whole text once and leaves a flat array of nodes in
 * document order, strings as slices of the text where they hold no escape. Walking is
 * by json_get() and json_next(). A parsed document stays inside the module that parsed it.
 *
 * Policy (tests hold each): depth at most JSON_DEPTH_MAX, values and keys at most JSON_NODES_MAX,
 * text at most JSON_TEXT_MAX; integers that fit int64 are exact (-0 is 0), other numbers become the
 * nearest double, past double's range is an error, below its smallest is zero; of duplicate
 * keys the last counts (own routes refuse them, see shape.h); a lone surrogate escape
 * becomes U+FFFD; "\u0000" is a NUL byte in the string; raw text must be valid UTF-8,
 * without a byte-order mark; white space is space, tab, CR and LF, and may be around anything.
 * Memory: nodes (32 bytes each) and unescaped strings live in cx->arena, slices as long as the text.
 * Cost: docs/decisions/002-json.md. */
#ifndef LIUKE_JSON_H
#define LIUKE_JSON_H
#include "base/buf.h"

typedef enum JsonKind {
    JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STR, JSON_ARRAY, JSON_OBJECT
} JsonKind;

/* An object's children are key (JSON_STR), value, key, value ...; an array's its items. */
typedef struct JsonNode {
    uint8_t  kind;
    bool     inexact;            /* JSON_DOUBLE written as an integer past int64 */
    uint32_t skip;               /* nodes from here to the next sibling */
    uint32_t at, len;            /* where it stands in the text, quotes and braces included */
    union {
        bool b; int64_t i; double d; Str s;
        uint32_t n;              /* JSON_ARRAY items, JSON_OBJECT members; of no other kind */
    };
} JsonNode;

/* INVALID: bad_json with params line, column (both from 1, a column is a character) where the text stops
 * being JSON; too_large with max past JSON_TEXT_MAX; too_many with max past JSON_NODES_MAX. Or NO_MEM. */
Status json_parse(Cx *, Str text, const JsonNode **ret) MUST_USE;
const JsonNode *json_get(const JsonNode *object, Str key);        /* NULL: absent, or not an object */
Str   json_str_of(const JsonNode *);                              /* empty for NULL or another kind */
const JsonNode *json_first(const JsonNode *);                     /* first child; NULL when there is none */
static inline const JsonNode *json_next(const JsonNode *n) { return n + n->skip; }

typedef struct JsonW { Buf *b; bool comma; } JsonW;
void jsonw_open(JsonW *, char brace);          /* '{' or '[' */
void jsonw_close(JsonW *, char brace);         /* '}' or ']' */
void jsonw_key(JsonW *, Str);
void jsonw_str(JsonW *, Str);                  /* invalid UTF-8 becomes U+FFFD; '<' is escaped */
void jsonw_i64(JsonW *, int64_t);
void jsonw_double(JsonW *, double);            /* not finite: null */
void jsonw_bool(JsonW *, bool);
void jsonw_null(JsonW *);
void jsonw_id(JsonW *, const char *prefix, int64_t);
void jsonw_time(JsonW *, int64_t ms);          /* RFC 3339 UTC with ms */
void jsonw_node(JsonW *, const JsonNode *);    /* a parsed value again */
#endif
