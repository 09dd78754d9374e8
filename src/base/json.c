/* The second step of the reader: from the token positions of json_index.h to nodes.
 * One loop, no recursion; the index's refill is the only place that makes room for nodes. */
#include "base/json.h"
#include "base/json_index.h"
#include "base/json_number.h"
#include "base/limits.h"
#include "base/utf8.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define RARE __attribute__((noinline, cold))
#define LIKELY(e) __builtin_expect(!!(e), 1)

enum { LOOK = 8 };                            /* tokens a step may look at before it asks again */

typedef struct Frame { uint32_t node, n; bool object; } Frame;
typedef struct Parse {
    Cx *cx;
    const char *text;
    JsonNode *nodes;
    uint32_t cap, depth;
    Status st;                                /* why a step gave no Cur */
    Frame frame[JSON_DEPTH_MAX + 1];          /* [0] is around the whole text */
    JsonIndex ix;
} Parse;
/* What the loop keeps in registers: the next token, the next free node. .t NULL: failed, see .st. */
typedef struct Cur { const uint32_t *t; JsonNode *out; } Cur;

static const bool ends_scalar[256] = { [' '] = 1, ['\t'] = 1, ['\n'] = 1, ['\r'] = 1, [','] = 1, [':'] = 1,
                                       ['['] = 1, [']'] = 1, ['{'] = 1, ['}'] = 1 };

INLINE char char_at(const Parse *p, uint32_t at) { return LIKELY(at < p->ix.limit) ? p->text[at] : 0; }
INLINE bool scalar_ends(const Parse *p, uint32_t at)
{
    return at >= p->ix.limit || ends_scalar[(unsigned char)p->text[at]];
}
RARE static Cur bad_at(Parse *p, uint32_t at)
{
    int64_t line = 1, column = 1;
    for (uint32_t i = 0; i < at; i++) {
        if (p->text[i] == '\n') { line++; column = 1; }
        else if (((unsigned char)p->text[i] & 0xc0) != 0x80) column++;
    }
    p->st = refuse(p->cx, ST_INVALID, S(""), MSG_bad_json,
                   PARAMS({ .name = "line", .value = line }, { .name = "column", .value = column }));
    return (Cur){ 0 };
}
RARE static Cur no_memory(Parse *p)
{
    p->st = fail(p->cx, ST_NO_MEM, "json: no memory for %u bytes of text", p->ix.n);
    return (Cur){ 0 };
}

static Status too_many(Cx *cx)
{
    return refuse(cx, ST_INVALID, S(""), MSG_too_many, PARAMS({ .name = "max", .value = JSON_NODES_MAX }));
}
/* Room for `need` nodes more. A first guess of a node for 8 bytes suits the tracking API; a second one is
 * made from what the text so far needed, so that a third is rare. */
static Cur make_room(Parse *p, Cur c, uint32_t need)
{
    uint32_t used = p->nodes ? (uint32_t)(c.out - p->nodes) : 0;
    if (used + need <= p->cap) return c;
    if (used > JSON_NODES_MAX) {
        p->st = too_many(p->cx);
        return (Cur){ 0 };
    }
    uint64_t most = JSON_NODES_MAX + JSON_INDEX_ROOM;
    uint64_t cap = used ? (uint64_t)used * 9 / 8 * p->ix.n / p->ix.at : p->ix.n / 8;
    if (cap < used + used / 2) cap = used + used / 2;
    if (p->ix.at >= p->ix.n) cap = used;      /* nothing comes after this window */
    cap += need;
    if (cap > most) cap = most;
    JsonNode *nodes = arena_raw(p->cx->arena, cap * sizeof *nodes);
    if (!nodes) return no_memory(p);
    if (used) memcpy(nodes, p->nodes, used * sizeof *nodes);
    p->nodes = nodes;
    p->cap = (uint32_t)cap;
    c.out = nodes + used;
    return c;
}
/* At least LOOK tokens ahead, and a node free for each token there is. */
static __attribute__((noinline)) Cur look(Parse *p, Cur c)
{
    json_index_more(&p->ix, c.t);
    c.t = p->ix.token;
    return make_room(p, c, p->ix.count);
}
INLINE Cur ahead(Parse *p, Cur c)
{
    return LIKELY(p->ix.token + p->ix.count - c.t >= LOOK) ? c : look(p, c);
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) return -1;
        v = v * 16 + digit;
    }
    return v;
}
/* *p stands after "\u" and moves past what was taken: 4 digits, or 10 bytes of a pair. -1: not hex. */
static int64_t take_u(const char **p, const char *end)
{
    int first = end - *p >= 4 ? hex4(*p) : -1, second;
    if (first < 0) return -1;
    *p += 4;
    if (first < 0xd800 || first > 0xdfff) return first;
    if (first > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return 0xfffd;
    second = hex4(*p + 2);
    if (second < 0xdc00 || second > 0xdfff) return 0xfffd;
    *p += 6;
    return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}
/* Copy the inside of a string without its escapes. The copy's end, or NULL with *from at the bad escape. */
static char *unescape(const char **from, const char *end, char *to)
{
    static const char plain[128] = { ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f',
                                     ['n'] = '\n', ['r'] = '\r', ['t'] = '\t' };
    const char *p = *from;
    while (p < end) {
        const char *back = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((back ? back : end) - p);
        memcpy(to, p, run);
        to += run;
        p += run;
        if (!back) break;
        *from = back;
        char c = back[1];                     /* a closing quote follows, so there is one */
        p = back + 2;
        if (c == 'u') {
            int64_t code = take_u(&p, end);
            if (code < 0) return NULL;
            to += utf8_put((uint32_t)code, to);
        } else if ((unsigned char)c < 128 && plain[(unsigned char)c]) *to++ = plain[(unsigned char)c];
        else return NULL;
    }
    return to;
}
/* The closing quote of the string that opens at `open`, or the limit: the index may not have come there yet. */
static uint32_t close_of(const Parse *p, uint32_t open)
{
    uint32_t i = open + 1;
    while (i < p->ix.limit && p->text[i] != '"') i += p->text[i] == '\\' ? 2 : 1;
    return i < p->ix.limit ? i : p->ix.limit;
}
/* A string with escapes: tokens [0] its quote, [1] its first backslash. */
static __attribute__((noinline)) Cur take_escaped(Parse *p, Cur c)
{
    uint32_t open = *c.t, close = close_of(p, open);
    if (close == p->ix.limit) return bad_at(p, close);
    const char *from = p->text + open + 1;
    char *to = arena_raw(p->cx->arena, close - open), *end;
    if (!to) return no_memory(p);
    if (!(end = unescape(&from, p->text + close, to))) return bad_at(p, (uint32_t)(from - p->text));
    *c.out = (JsonNode){ .kind = JSON_STR, .skip = 1, .at = open, .len = close + 1 - open,
                         .s = { to, (size_t)(end - to) } };
    c.out++;
    do {
        c.t++;
        c = ahead(p, c);
        if (!c.t) return c;
    } while (*c.t < close && *c.t < p->ix.limit);
    if (char_at(p, *c.t) != '"') return bad_at(p, *c.t);   /* a control byte inside, found only now */
    c.t++;
    return ahead(p, c);
}
/* tokens [0]: a quote, [1]: its closing quote unless the string has escapes */
INLINE Cur take_string(Parse *p, Cur c)
{
    uint32_t open = c.t[0], close = c.t[1];
    char end = char_at(p, close);
    if (!LIKELY(end == '"')) return end == '\\' ? take_escaped(p, c) : bad_at(p, close);
    *c.out = (JsonNode){ .kind = JSON_STR, .skip = 1, .at = open, .len = close + 1 - open,
                         .s = { p->text + open + 1, close - open - 1 } };
    return (Cur){ c.t + 2, c.out + 1 };
}
INLINE Cur take_key(Parse *p, Cur c)
{
    if (!LIKELY(char_at(p, *c.t) == '"')) return bad_at(p, *c.t);
    c = take_string(p, c);
    if (!c.t) return c;
    return LIKELY(char_at(p, *c.t) == ':') ? (Cur){ c.t + 1, c.out } : bad_at(p, *c.t);
}
static Cur take_number(Parse *p, Cur c)
{
    uint32_t at = *c.t;
    const char *end = p->text + at;
    Status st = json_number(p->cx, &end, p->text + p->ix.limit, c.out);
    uint32_t stop = (uint32_t)(end - p->text);
    if (st == ST_NO_MEM) return no_memory(p);
    if (st != ST_OK) return bad_at(p, stop);
    if (!scalar_ends(p, stop)) return bad_at(p, stop);
    c.out->at = at;
    c.out->len = stop - at;
    return (Cur){ c.t + 1, c.out + 1 };
}
static Cur take_word(Parse *p, Cur c, Str word, JsonNode node)
{
    uint32_t at = *c.t, i = 0;
    while (i < word.n && char_at(p, at + i) == word.p[i]) i++;
    if (i < word.n || !scalar_ends(p, at + i)) return bad_at(p, at + i);
    node.skip = 1;
    node.at = at;
    node.len = i;
    *c.out = node;
    return (Cur){ c.t + 1, c.out + 1 };
}
static Cur take_scalar(Parse *p, Cur c)
{
    switch (char_at(p, *c.t)) {
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        return take_number(p, c);
    case 't': return take_word(p, c, S("true"), (JsonNode){ .kind = JSON_BOOL, .b = true });
    case 'f': return take_word(p, c, S("false"), (JsonNode){ .kind = JSON_BOOL });
    case 'n': return take_word(p, c, S("null"), (JsonNode){ .kind = JSON_NULL });
    default: return bad_at(p, *c.t);
    }
}
INLINE Cur open_container(Parse *p, Cur c, bool object, Frame *f)
{
    if (p->depth == JSON_DEPTH_MAX) return bad_at(p, *c.t);
    p->frame[p->depth++] = *f;
    *f = (Frame){ .node = (uint32_t)(c.out - p->nodes), .object = object };
    *c.out = (JsonNode){ .kind = object ? JSON_OBJECT : JSON_ARRAY, .at = *c.t };
    return (Cur){ c.t + 1, c.out + 1 };
}
INLINE void close_container(Parse *p, Cur c, Frame *f)
{
    JsonNode *node = p->nodes + f->node;
    node->n = f->n;
    node->skip = (uint32_t)(c.out - node);
    node->len = *c.t + 1 - node->at;
    *f = p->frame[--p->depth];
}
/* After a value: close what closes here. Leaves the token after a comma, or after the whole text's last brace. */
INLINE Cur take_ends(Parse *p, Cur c, Frame *f)
{
    while (p->depth) {
        char end = char_at(p, *c.t);
        f->n++;
        if (end == ',') return (Cur){ c.t + 1, c.out };
        if (end != (f->object ? '}' : ']')) return bad_at(p, *c.t);
        close_container(p, c, f);
        c.t++;
        c = ahead(p, c);
        if (!c.t) return c;
    }
    return c;
}
static Cur take_text(Parse *p, Cur c)
{
    Frame f = { 0 };
    do {
        c = ahead(p, c);
        if (c.t && f.object) c = take_key(p, c);
        if (!c.t) return c;
        char first = char_at(p, *c.t);
        if (LIKELY(first == '"')) c = take_string(p, c);
        else if (first == '{' || first == '[') {
            c = open_container(p, c, first == '{', &f);
            if (!c.t) return c;
            if (char_at(p, *c.t) != (f.object ? '}' : ']')) continue;
            close_container(p, c, &f);
            c.t++;
        } else c = take_scalar(p, c);
        if (!c.t) return c;
        c = take_ends(p, c, &f);
    } while (c.t && p->depth);
    return c;
}
Status json_parse(Cx *cx, Str text, const JsonNode **ret)
{
    Parse p;
    if (text.n > JSON_TEXT_MAX)
        return refuse(cx, ST_INVALID, S(""), MSG_too_large, PARAMS({ .name = "max", .value = JSON_TEXT_MAX }));
    p.cx = cx;
    p.text = text.p;
    p.nodes = NULL;
    p.cap = p.depth = 0;
    json_index_start(&p.ix, text);
    Cur c = take_text(&p, (Cur){ .t = p.ix.token });
    if (!c.t) return p.st;
    if (*c.t != p.ix.n) {                     /* something after it */
        (void)bad_at(&p, *c.t);
        return p.st;
    }
    if (p.nodes->skip > JSON_NODES_MAX) return too_many(cx);
    *ret = p.nodes;
    return ST_OK;
}

const JsonNode *json_first(const JsonNode *node)
{
    return node && (node->kind == JSON_ARRAY || node->kind == JSON_OBJECT) && node->n ? node + 1 : NULL;
}
const JsonNode *json_get(const JsonNode *object, Str key)
{
    const JsonNode *found = NULL, *k;
    if (!object || object->kind != JSON_OBJECT) return NULL;
    k = object + 1;
    for (uint32_t i = 0; i < object->n; i++, k = json_next(k + 1))
        if (str_eq(k->s, key)) found = k + 1;
    return found;
}
Str json_str_of(const JsonNode *node) { return node && node->kind == JSON_STR ? node->s : (Str){ 0 }; }
