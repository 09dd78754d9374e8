/* Of any bytes: a shape takes them or says why, in words that can be shown; what it takes keeps the bounds. */
#include <string.h>
#include "base/limits.h"
#include "base/shape.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

typedef struct Part { Str purpose; bool granted; int64_t at; } Part;
static const Field part_fields[] = {
    FIELD(Part, purpose, F_STR, .min = 2, .max = 10, .required = true), FIELD(Part, granted, F_BOOL),
    FIELD(Part, at, F_TIME),
};
static const Shape part = SHAPE("part", Part, part_fields);
static const char *const colours[] = { "red", "green", NULL };
typedef struct Whole {
    Str name;
    int64_t age, person;
    double price;
    int colour;
    Part one;
    List parts, tags, ids;
    const JsonNode *extra;
} Whole;
static const Field whole_fields[] = {
    FIELD(Whole, name, F_STR, .max = 20, .required = true), FIELD(Whole, age, F_I64, .max = 150),
    FIELD(Whole, person, F_ID, .prefix = "per"), FIELD(Whole, price, F_DOUBLE, .min = -1, .max = 1),
    FIELD(Whole, colour, F_ENUM, .names = colours), FIELD(Whole, one, F_OBJECT, .of = &part),
    FIELD(Whole, parts, F_LIST, .item = F_OBJECT, .of = &part, .max = 3), FIELD(Whole, tags, F_LIST, .item = F_STR),
    FIELD(Whole, ids, F_LIST, .item = F_ID, .prefix = "per"), FIELD(Whole, extra, F_ANY),
};
static const Shape closed = SHAPE("whole", Whole, whole_fields), open = SHAPE_OPEN("open", Whole, whole_fields);

FUZZ_SEEDS(
    S_INIT("{\"name\":\"小明\",\"age\":7,\"person\":\"per_0000000000001\",\"price\":-0.5,\"colour\":\"red\","
           "\"one\":{\"purpose\":\"ads\",\"granted\":true,\"at\":\"2026-11-22T14:05:00Z\"},"
           "\"parts\":[{\"purpose\":\"ab\"}],"
           "\"tags\":[\"x\",\"\"],\"ids\":[\"per_7ZZZZZZZZZZZZ\"],\"extra\":{\"k\":[1]}}"),
    S_INIT("{\"name\":\"\\u0000\",\"name\":null}"), S_INIT("{\"nom\":1}"), S_INIT("[]"),
    S_INIT("{\"name\":\"x\",\"parts\":[{\"purpose\":\"ab\"},{\"purpose\":\"a\"}]}"));

static void check_kept(const Whole *w)
{
    FUZZ_CHECK(w->name.n <= 20 && w->age >= 0 && w->age <= 150 && w->person >= 0 && w->price >= -1 && w->price <= 1);
    FUZZ_CHECK(w->colour == 0 || w->colour == 1);
    FUZZ_CHECK(w->parts.n <= 3 && w->tags.n <= SHAPE_LIST_MAX);
    const Part *p = w->parts.p;
    for (size_t i = 0; i < w->parts.n; i++) FUZZ_CHECK(p[i].purpose.n >= 2 && p[i].purpose.n <= 10);
    const Str *t = w->tags.p;
    for (size_t i = 0; i < w->tags.n; i++)
        FUZZ_CHECK(t[i].n <= SHAPE_TEXT_MAX && (!t[i].n || !memchr(t[i].p, 0, t[i].n)));
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Shape *const shapes[] = { &closed, &open };
    Str text = { (const char *)data, size };
    Cx cx = fuzz_cx();
    for (int i = 0; i < 4; i++) {
        Whole w;
        cx.lang = (Lang)(i & 1);
        Status st = shape_take(&cx, shapes[i / 2], text, &w);
        FUZZ_CHECK(st == ST_OK || st == ST_INVALID);
        if (st == ST_OK) check_kept(&w);
        else {
            Buf b = buf_new(cx.arena, 1000);
            Str field = str_z(cx.why.field);
            buf_msg(&b, cx.lang, &cx.why);
            FUZZ_CHECK(!b.bad && b.n && !memchr(b.p, '{', b.n) && utf8_good(field) == field.n);
        }
        FUZZ_CHECK(shape_check(&cx, shapes[i / 2], text) == st);
    }
    return 0;
}
