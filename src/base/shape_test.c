#include "tests/test.h"
#include "base/limits.h"
#include "base/shape.h"
#include <string.h>

typedef struct Inner { Str purpose; bool granted; int64_t at; } Inner;
static const Field inner_fields[] = {
    FIELD(Inner, purpose, F_STR, .min = 2, .max = 10, .required = true),
    FIELD(Inner, granted, F_BOOL),
    FIELD(Inner, at, F_TIME, .doc = "when"),
};
static const Shape inner = SHAPE("inner", Inner, inner_fields);
static const char *const colours[] = { "red", "green", "蓝", NULL };

typedef struct Outer {
    Str name;
    int64_t age, any_int, person;
    double price, ratio;
    bool yes, has_age;
    int colour;
    Inner one;
    List consents, tags, kinds, ids;
    const JsonNode *extra;
} Outer;
static const Field outer_fields[] = {
    FIELD(Outer, name, F_STR, .max = 20, .required = true, .doc = "its \"name\""),
    FIELD(Outer, age, F_I64, .max = 150, .was = offsetof(Outer, has_age)),
    FIELD(Outer, any_int, F_I64),
    FIELD(Outer, person, F_ID, .prefix = "per"),
    FIELD(Outer, price, F_DOUBLE),
    FIELD(Outer, ratio, F_DOUBLE, .min = -1, .max = 1),
    FIELD(Outer, yes, F_BOOL),
    FIELD(Outer, colour, F_ENUM, .names = colours),
    FIELD(Outer, one, F_OBJECT, .of = &inner),
    FIELD(Outer, consents, F_LIST, .item = F_OBJECT, .of = &inner, .min = 1, .max = 3),
    FIELD(Outer, tags, F_LIST, .item = F_STR),
    FIELD(Outer, kinds, F_LIST, .item = F_ENUM, .names = colours),
    FIELD(Outer, ids, F_LIST, .item = F_ID, .prefix = "per"),
    FIELD(Outer, extra, F_ANY),
};
static const Shape outer = SHAPE("outer", Outer, outer_fields);
static const Shape outer_open = SHAPE_OPEN("outer_open", Outer, outer_fields);

TEST(a_shape_fills_a_struct_from_every_type)
{
    Outer o;
    ok(shape_take(cx, &outer, S("{\"name\":\"小明\\n\\t\",\"age\":0,\"any_int\":-9223372036854775808,"
        "\"person\":\"per_0000000000001\",\"price\":3,\"ratio\":-0.5,\"yes\":true,\"colour\":\"蓝\","
        "\"one\":{\"purpose\":\"ads\",\"granted\":true,\"at\":\"2023-11-14T22:13:20Z\"},"
        "\"consents\":[{\"purpose\":\"a1\"},{\"purpose\":\"b2\",\"granted\":true}],\"tags\":[\"x\",\"\"],"
        "\"kinds\":[\"green\",\"red\"],\"ids\":[],\"extra\":{\"k\":[1]}}"), &o));
    assert_str(o.name, "小明\n\t");
    assert_true(o.has_age && o.age == 0 && o.any_int == INT64_MIN && o.person == 1 && o.yes && o.colour == 2);
    assert_true(o.price == 3.0 && o.ratio == -0.5);
    assert_true(o.one.granted && o.one.at == TEST_NOW_SECONDS * INT64_C(1000));
    assert_int_equal(o.consents.n, 2);
    const Inner *c = o.consents.p;
    assert_str(c[0].purpose, "a1");
    assert_str(c[1].purpose, "b2");
    assert_true(!c[0].granted && c[1].granted);
    assert_int_equal(o.tags.n, 2);
    assert_str(((const Str *)o.tags.p)[0], "x");
    assert_int_equal(((const int *)o.kinds.p)[0], 1);
    assert_int_equal(o.ids.n, 0);
    assert_true(json_get(o.extra, S("k"))->n == 1);
}
TEST(a_shape_takes_null_for_absent_and_leaves_zero)
{
    Outer o;
    memset(&o, 0x55, sizeof o);
    ok(shape_take(cx, &outer, S("{\"name\":\"x\",\"age\":null,\"one\":null,\"consents\":null,\"extra\":null}"), &o));
    assert_true(!o.has_age && o.age == 0 && o.one.purpose.n == 0 && o.consents.n == 0 && !o.extra && !o.person);
    ok(shape_take(cx, &outer, S("{\"name\":\"x\",\"any_int\":3.0}"), &o));
    assert_true(o.any_int == 3);
}

static const struct Bad { const char *json; Msg msg; const char *field, *en, *zh; } bads[] = {
    { "[]", MSG_wrong_type, "", "must be an object", "应为 对象" },
    { "{}", MSG_required, "name", "required", "必填" },
    { "{\"name\":null}", MSG_required, "name", "required", "必填" },
    { "{\"name\":\"a\",\"nam\":1}", MSG_unknown_field, "nam", "there is no such field", "没有这个字段" },
    { "{\"name\":\"a\",\"name\":\"b\"}", MSG_duplicate_field, "name", "given twice", "字段重复" },
    { "{\"name\":null,\"name\":\"b\"}", MSG_duplicate_field, "name", "given twice", "字段重复" },
    { "{\"name\":1}", MSG_wrong_type, "name", "must be text", "应为 文字" },
    { "{\"name\":\"123456789012345678901\"}", MSG_too_long, "name", "at most 20 bytes", "最多 20 字节" },
    { "{\"name\":\"七个汉字二十一\"}", MSG_too_long, "name", "at most 20 bytes", "最多 20 字节" },
    { "{\"name\":\"a\\u0000\"}", MSG_bad_text, "name", "has control characters that are not allowed",
      "含有不允许的控制字符" },
    { "{\"name\":\"a\\r\\n\"}", MSG_bad_text, "name", NULL, NULL },
    { "{\"name\":\"\x7f\"}", MSG_bad_text, "name", NULL, NULL },
    { "{\"name\":\"\\u0085\"}", MSG_bad_text, "name", NULL, NULL },
    { "{\"name\":\"a\",\"age\":151}", MSG_out_of_range, "age", "must be between 0 and 150", "应在 0 到 150 之间" },
    { "{\"name\":\"a\",\"age\":-1}", MSG_out_of_range, "age", NULL, NULL },
    { "{\"name\":\"a\",\"age\":1.5}", MSG_wrong_type, "age", "must be an integer", "应为 整数" },
    { "{\"name\":\"a\",\"age\":1e300}", MSG_wrong_type, "age", NULL, NULL },
    { "{\"name\":\"a\",\"age\":\"1\"}", MSG_wrong_type, "age", NULL, NULL },
    { "{\"name\":\"a\",\"any_int\":9223372036854775808}", MSG_out_of_range, "any_int",
      "must be between -9223372036854775808 and 9223372036854775807", NULL },
    { "{\"name\":\"a\",\"ratio\":1.01}", MSG_out_of_range, "ratio", "must be between -1 and 1", NULL },
    { "{\"name\":\"a\",\"ratio\":-1.01}", MSG_out_of_range, "ratio", NULL, NULL },
    { "{\"name\":\"a\",\"price\":\"1\"}", MSG_wrong_type, "price", "must be a number", "应为 数字" },
    { "{\"name\":\"a\",\"yes\":1}", MSG_wrong_type, "yes", "must be true or false", "应为 true 或 false" },
    { "{\"name\":\"a\",\"person\":1}", MSG_wrong_type, "person", NULL, NULL },
    { "{\"name\":\"a\",\"person\":\"src_0000000000001\"}", MSG_bad_id, "person", "not a proper id", "不是正确的编号" },
    { "{\"name\":\"a\",\"colour\":\"Red\"}", MSG_not_one_of, "colour", "must be one of: red, green, 蓝",
      "只能是：red、green、蓝" },
    { "{\"name\":\"a\",\"colour\":0}", MSG_wrong_type, "colour", NULL, NULL },
    { "{\"name\":\"a\",\"one\":[]}", MSG_wrong_type, "one", NULL, NULL },
    { "{\"name\":\"a\",\"one\":{}}", MSG_required, "one.purpose", NULL, NULL },
    { "{\"name\":\"a\",\"one\":{\"purpose\":\"p\"}}", MSG_too_short, "one.purpose", "at least 2 bytes", "至少 2 字节" },
    { "{\"name\":\"a\",\"one\":{\"purpose\":\"ok\",\"at\":\"yesterday\"}}", MSG_bad_time, "one.at", NULL, NULL },
    { "{\"name\":\"a\",\"consents\":{}}", MSG_wrong_type, "consents", "must be a list", "应为 列表" },
    { "{\"name\":\"a\",\"consents\":[]}", MSG_too_few, "consents", "at least 1 items", "至少 1 项" },
    { "{\"name\":\"a\",\"consents\":[1,2,3,4]}", MSG_too_many, "consents", "at most 3 items", "最多 3 项" },
    { "{\"name\":\"a\",\"consents\":[{\"purpose\":\"ok\"},{\"purpose\":7}]}", MSG_wrong_type, "consents[1].purpose",
      "must be text", NULL },
    { "{\"name\":\"a\",\"consents\":[{\"purpose\":\"ok\",\"x\":1}]}", MSG_unknown_field, "consents[0].x", NULL, NULL },
    { "{\"name\":\"a\",\"consents\":[null]}", MSG_wrong_type, "consents[0]", NULL, NULL },
    { "{\"name\":\"a\",\"tags\":[\"x\",null]}", MSG_wrong_type, "tags[1]", NULL, NULL },
    { "{\"name\":\"a\",\"tags\":[\"x\\u0007\"]}", MSG_bad_text, "tags[0]", NULL, NULL },
    { "{\"name\":\"a\",\"kinds\":[\"red\",\"pink\"]}", MSG_not_one_of, "kinds[1]", NULL, NULL },
    { "{\"name\":\"a\",\"ids\":[\"per_\"]}", MSG_bad_id, "ids[0]", NULL, NULL },
    { "{\"name\":\"a\",}", MSG_bad_json, "", "not proper JSON (line 1, column 13)", NULL },
    { "", MSG_bad_json, "", NULL, "不是正确的 JSON（第 1 行第 1 列）" },
    { "{\"name\":\"a\",\"一个长得要命的名字一个长得要命的名字一个长得要命的名字\":1}", MSG_unknown_field,
      "一个长得要命的名字一个长得要命的名字一个长得要", NULL, NULL },
};
static void says(Cx *cx, const char *want)
{
    Buf b = buf_new(cx->arena, 1000);
    if (!want) return;
    buf_msg(&b, cx->lang, &cx->why);
    assert_str(buf_str(&b), want);
}
TEST(a_shape_names_the_field_and_the_limit_of_what_is_wrong_in_both_languages)
{
    for (size_t i = 0; i < COUNT(bads); i++)
        for (Lang lang = 0; lang < LANGS_; lang++) {
            Outer o;
            cx->lang = lang;
            Status st = shape_take(cx, &outer, str_z(bads[i].json), &o);
            if (st != ST_INVALID || cx->why.msg != bads[i].msg || strcmp(cx->why.field, bads[i].field) != 0)
                print_error("%s: %s %s [%s]\n", bads[i].json, status_name(st), msg_code(cx->why.msg), cx->why.field);
            assert_int_equal(st, ST_INVALID);
            assert_int_equal(cx->why.msg, bads[i].msg);
            assert_string_equal(cx->why.field, bads[i].field);
            says(cx, lang == LANG_EN ? bads[i].en : bads[i].zh);
            assert_int_equal(shape_check(cx, &outer, str_z(bads[i].json)), ST_INVALID);
        }
}
TEST(a_shape_bounds_text_and_lists_that_name_no_bound)
{
    Outer o;
    Buf b = buf_new(cx->arena, 1 << 20);
    buf_addz(&b, "{\"name\":\"a\",\"tags\":[\"");
    size_t head = b.n;
    for (int i = 0; i < SHAPE_TEXT_MAX; i++) buf_addc(&b, 'x');
    buf_addz(&b, "\"]}");
    ok(shape_take(cx, &outer, buf_str(&b), &o));
    b.n -= 3;
    buf_addz(&b, "x\"]}");
    assert_int_equal(shape_take(cx, &outer, buf_str(&b), &o), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_long);
    assert_string_equal(cx->why.field, "tags[0]");
    b.n = head - 1;
    for (int i = 0; i <= SHAPE_LIST_MAX; i++) buf_addz(&b, i ? ",\"\"" : "\"\"");
    buf_addz(&b, "]}");
    assert_int_equal(shape_take(cx, &outer, buf_str(&b), &o), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_many);
    assert_int_equal(cx->why.params[0].value, SHAPE_LIST_MAX);
}
TEST(an_open_shape_passes_over_what_it_does_not_know_and_takes_the_last_of_a_key)
{
    Outer o;
    ok(shape_take(cx, &outer_open, S("{\"x\":{\"y\":1},\"name\":\"a\",\"x\":2,\"name\":\"b\"}"), &o));
    assert_str(o.name, "b");
    ok(shape_check(cx, &outer_open, S("{\"x\":1,\"name\":\"a\"}")));
    assert_int_equal(shape_check(cx, &outer, S("{\"x\":1,\"name\":\"a\"}")), ST_INVALID);
    assert_int_equal(shape_check(cx, &outer_open, S("{\"x\":1}")), ST_INVALID);
}
TEST(a_shape_describes_itself_as_json_schema)
{
    Buf b = buf_new(cx->arena, 1 << 16);
    JsonW w = { .b = &b };
    shape_schema(&w, &inner);
    assert_str(buf_str(&b), "{\"type\":\"object\",\"properties\":{"
        "\"purpose\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":10},"
        "\"granted\":{\"type\":[\"boolean\",\"null\"]},"
        "\"at\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\",\"description\":\"when\"}},"
        "\"required\":[\"purpose\"],\"additionalProperties\":false}");
    b.n = 0;
    w.comma = false;
    shape_schema(&w, &outer_open);
    const JsonNode *n, *props;
    ok(json_parse(cx, buf_str(&b), &n));
    props = json_get(n, S("properties"));
    assert_int_equal(props->n, COUNT(outer_fields));
    assert_true(json_get(n, S("additionalProperties"))->b);
    static const struct { const char *key, *want; } wants[] = {
        { "name", "{\"type\":\"string\",\"maxLength\":20,\"description\":\"its \\\"name\\\"\"}" },
        { "age", "{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"maximum\":150}" },
        { "any_int", "{\"type\":[\"integer\",\"null\"]}" },
        { "person", "{\"type\":[\"string\",\"null\"],\"pattern\":\"^per_[0-9A-Za-z]{13}$\"}" },
        { "ratio", "{\"type\":[\"number\",\"null\"],\"minimum\":-1,\"maximum\":1}" },
        { "colour", "{\"type\":[\"string\",\"null\"],\"enum\":[\"red\",\"green\",\"蓝\",null]}" },
        { "one", "{\"anyOf\":[{\"$ref\":\"#/components/schemas/inner\"},{\"type\":\"null\"}]}" },
        { "consents", "{\"type\":[\"array\",\"null\"],\"items\":{\"$ref\":\"#/components/schemas/inner\"},"
                      "\"minItems\":1,\"maxItems\":3}" },
        { "tags", "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\",\"maxLength\":65536},"
                  "\"maxItems\":1000}" },
        { "extra", "{}" },
    };
    for (size_t i = 0; i < COUNT(wants); i++) {
        const JsonNode *p = json_get(props, str_z(wants[i].key));
        assert_str(((Str){ b.p + p->at, p->len }), wants[i].want);
    }
}
#ifdef LIUKE_FAULT
TEST(a_shape_without_memory_says_so)
{
    static const char json[] = "{\"name\":\"\\t\",\"consents\":[{\"purpose\":\"ab\"}],"
                               "\"tags\":[\"\"],\"colour\":\"x\"}";
    long n = 0;
    Status st = ST_NO_MEM;
    for (; st != ST_INVALID; n++) {
        Outer o;
        fault_arm(FAULT_ALLOC, n);
        st = shape_take(cx, &outer, str_z(json), &o);
        bool fired = fault_fired(FAULT_ALLOC);
        fault_arm(FAULT_ALLOC, -1);
        assert_int_equal(st, fired ? ST_NO_MEM : ST_INVALID);
        assert_true(n < 20);
    }
    assert_int_equal(cx->why.msg, MSG_not_one_of);
    assert_true(n > 3);
}
#endif
