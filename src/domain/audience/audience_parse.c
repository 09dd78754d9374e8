#include "domain/audience/audience_parse.h"
#include "base/arena.h"
#include "base/id.h"
#include "domain/audience/audience_saved.h"
#include <string.h>

/* ---- what is wrong, and where ---- */

static void path_write(Buf *b, const ParsePath *path)
{
    if (!path) return;
    path_write(b, path->up);
    if (path->key.p) {
        if (b->n && path->key.n) buf_addc(b, '.');
        buf_add(b, path->key);
        return;
    }
    buf_addc(b, '[');
    buf_i64(b, path->index);
    buf_addc(b, ']');
}
/* A field longer than a Why holds loses its beginning: its end is what is wrong. */
static Str path_text(Cx *cx, const ParsePath *path, Str field)
{
    enum { LONGEST = sizeof cx->why.field - 1 };
    Buf b = buf_new(cx->arena, 64 << 10);
    path_write(&b, path);
    if (field.n) {
        if (b.n && field.p[0] != '[') buf_addc(&b, '.');
        buf_add(&b, field);
    }
    Str s = b.bad ? field : buf_str(&b);
    while (s.n > LONGEST || (s.n && ((unsigned char)*s.p & 0xc0) == 0x80)) s.p++, s.n--;
    return s;
}
Status audience_parse_refuse(Parse *p, const ParsePath *path, Msg msg, const Param *params, size_t n)
{
    return refuse(p->cx, ST_INVALID, path_text(p->cx, path, (Str){ 0 }), msg, params, n);
}
Status audience_parse_want(Parse *p, const ParsePath *path, Msg want)
{
    return audience_parse_refuse(p, path, MSG_wrong_type,
        PARAMS({ .name = "want", .text = str_z(msg_text(want, p->cx->lang)) }));
}
static Status past_max(Parse *p, const ParsePath *path, Msg msg, int64_t max)
{
    return audience_parse_refuse(p, path, msg, PARAMS({ .name = "max", .value = max }));
}
Status audience_parse_shape(Parse *p, const Shape *shape, const JsonNode *node, const ParsePath *path, void *ret)
{
    char field[sizeof p->cx->why.field];
    Status st = shape_take_node(p->cx, shape, node, ret);
    if (st != ST_INVALID) return st;
    Why why = p->cx->why;
    memcpy(field, why.field, sizeof field);
    return refuse(p->cx, st, path_text(p->cx, path, str_z(field)), why.msg, why.params, why.n_params);
}

/* ---- predicates ---- */

static const char *const OPS[] = { [OP_IS] = "is", [OP_IS_NOT] = "is_not", [OP_CONTAINS] = "contains",
    [OP_LT] = "lt", [OP_LE] = "le", [OP_GT] = "gt", [OP_GE] = "ge", [OP_SET] = "set", [OP_NOT_SET] = "not_set",
    [OP_IN] = "in", NULL };
typedef struct PredIn { Str name; int op; const JsonNode *value; bool had_value; } PredIn;
#define PRED_FIELDS(word, what) \
    { .key = word, .type = F_STR, .at = offsetof(PredIn, name), .required = true, .min = 1, \
        .max = PROP_NAME_BYTES_MAX, .doc = what }, \
    FIELD(PredIn, op, F_ENUM, .names = OPS, .required = true, .doc = "comparisons do not cross kinds"), \
    FIELD(PredIn, value, F_ANY, .was = offsetof(PredIn, had_value), \
        .doc = "text, number, true or false; op in: a list of texts; set and not_set: none")
static const Field prop_fields[] = { PRED_FIELDS("prop", "an event's property") };
static const Shape prop_shape = SHAPE("audience_prop", PredIn, prop_fields);
static const Field trait_fields[] = { PRED_FIELDS("trait", "a person's trait, as it is now") };
static const Shape trait_shape = SHAPE("audience_trait", PredIn, trait_fields);

static Status scalar_take(Parse *p, const JsonNode *v, const ParsePath *path, Prop *ret)
{
    switch ((JsonKind)v->kind) {
    case JSON_NULL:   *ret = (Prop){ .kind = PROP_NULL }; return ST_OK;
    case JSON_BOOL:   *ret = (Prop){ .kind = PROP_BOOL, .b = v->b }; return ST_OK;
    case JSON_INT:    *ret = (Prop){ .kind = PROP_INT, .i = v->i }; return ST_OK;
    case JSON_DOUBLE: *ret = (Prop){ .kind = PROP_DOUBLE, .d = v->d }; return ST_OK;
    case JSON_STR:
        if (v->s.n > PROP_TEXT_BYTES_MAX) return past_max(p, path, MSG_too_long, PROP_TEXT_BYTES_MAX);
        *ret = (Prop){ .kind = PROP_STR, .s = v->s };
        return ST_OK;
    default:
        return audience_parse_want(p, path, MSG_want_value);
    }
}
static Status texts_take(Parse *p, const JsonNode *v, const ParsePath *path, Prop *ret)
{
    Prop one;
    if (v->kind != JSON_ARRAY) return audience_parse_want(p, path, MSG_want_list);
    if (v->n > AUDIENCE_VALUES_MAX) return past_max(p, path, MSG_too_many, AUDIENCE_VALUES_MAX);
    if (v->n == 0) return audience_parse_refuse(p, path, MSG_too_few, PARAMS({ .name = "min", .value = 1 }));
    Str *all = ARENA_MANY(p->cx->arena, Str, v->n);
    if (!all) return fail(p->cx, ST_NO_MEM, "audience: %u values", v->n);
    const JsonNode *item = json_first(v);
    for (uint32_t i = 0; i < v->n; i++, item = json_next(item)) {
        ParsePath here = { .up = path, .index = i };
        if (item->kind != JSON_STR) return audience_parse_want(p, &here, MSG_want_text);
        TRY(scalar_take(p, item, &here, &one));
        all[i] = one.s;
    }
    *ret = (Prop){ .kind = PROP_LIST, .list = { all, v->n } };
    return ST_OK;
}
static Status value_take(Parse *p, const PredIn *in, const ParsePath *path, Prop *ret)
{
    bool none = in->op == OP_SET || in->op == OP_NOT_SET, is = in->op == OP_IS || in->op == OP_IS_NOT;
    if (!in->value) {                             /* left out, or null, which {"op":"is"} may be compared with */
        *ret = (Prop){ .kind = PROP_NULL };
        return none || is ? ST_OK : audience_parse_refuse(p, path, MSG_required, NO_PARAMS);
    }
    if (none) return audience_parse_refuse(p, path, MSG_audience_no_value, NO_PARAMS);
    if (in->op == OP_IN) return texts_take(p, in->value, path, ret);
    TRY(scalar_take(p, in->value, path, ret));
    if (is) return ST_OK;
    if (in->op == OP_CONTAINS)
        return ret->kind == PROP_STR ? ST_OK : audience_parse_want(p, path, MSG_want_text);
    bool ordered = ret->kind == PROP_INT || ret->kind == PROP_DOUBLE || ret->kind == PROP_STR;
    return ordered ? ST_OK : audience_parse_want(p, path, MSG_want_ordered);
}
static Status pred_take(Parse *p, const Shape *shape, const JsonNode *node, const ParsePath *path, Pred *ret)
{
    PredIn in;
    ParsePath value = { .up = path, .key = S("value") };
    TRY(audience_parse_shape(p, shape, node, path, &in));
    *ret = (Pred){ .prop = in.name, .op = (Op)in.op };
    return value_take(p, &in, &value, &ret->value);
}

/* ---- the tree ---- */

typedef Status WordFn(Parse *, const JsonNode *whole, const JsonNode *value, const ParsePath *, AudienceNode *ret);
static Status node_take(Parse *, const JsonNode *, const ParsePath *, AudienceNode *ret);

static Status kids_take(Parse *p, const JsonNode *list, const ParsePath *path, AudienceNode *ret)
{
    if (list->kind != JSON_ARRAY) return audience_parse_want(p, path, MSG_want_list);
    if (list->n > AUDIENCE_TERMS_MAX) return past_max(p, path, MSG_too_many, AUDIENCE_TERMS_MAX);
    ret->kids = ARENA_MANY(p->cx->arena, AudienceNode, list->n + 1);
    if (!ret->kids) return fail(p->cx, ST_NO_MEM, "audience: %u terms", list->n);
    const JsonNode *item = json_first(list);
    for (; ret->n < list->n; item = json_next(item), ret->n++) {
        ParsePath here = { .up = path, .index = (int64_t)ret->n };
        TRY(node_take(p, item, &here, &ret->kids[ret->n]));
        ret->speaks |= ret->kids[ret->n].speaks;
    }
    return ST_OK;
}
/* A whole expression: a list stands for all of its items. */
static Status whole_take(Parse *p, const JsonNode *node, const ParsePath *path, AudienceNode *ret)
{
    if (node->kind != JSON_ARRAY) return node_take(p, node, path, ret);
    ret->kind = AUDIENCE_ALL;
    return kids_take(p, node, path, ret);
}
static Status all_take(Parse *p, const JsonNode *whole, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    ParsePath here = { .up = path, .key = S("all") };
    (void)whole;
    ret->kind = AUDIENCE_ALL;
    return kids_take(p, value, &here, ret);
}
static Status any_take(Parse *p, const JsonNode *whole, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    ParsePath here = { .up = path, .key = S("any") };
    (void)whole;
    ret->kind = AUDIENCE_ANY;
    TRY(kids_take(p, value, &here, ret));
    if (ret->n) return ST_OK;
    return audience_parse_refuse(p, &here, MSG_too_few, PARAMS({ .name = "min", .value = 1 }));
}
static Status not_take(Parse *p, const JsonNode *whole, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    ParsePath here = { .up = path, .key = S("not") };
    (void)whole;
    ret->kind = AUDIENCE_NOT;
    ret->kids = ARENA_NEW(p->cx->arena, AudienceNode);
    if (!ret->kids) return fail(p->cx, ST_NO_MEM, "audience: not");
    ret->n = 1;
    TRY(node_take(p, value, &here, ret->kids));
    ret->speaks = ret->kids->speaks;
    return ST_OK;
}
static Status prop_take(Parse *p, const JsonNode *whole, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    (void)value;
    ret->kind = AUDIENCE_PROP;
    ret->speaks = AUDIENCE_OF_EVENTS;
    return pred_take(p, &prop_shape, whole, path, &ret->pred);
}
static Status trait_add(Parse *p, Str name, size_t *ret)
{
    Audience *a = p->a;
    for (*ret = 0; *ret < a->n_traits; ++*ret) if (str_eq(a->traits[*ret], name)) return ST_OK;
    if (a->n_traits == a->traits_cap) {
        size_t cap = a->traits_cap * 2 + 8;
        Str *all = ARENA_MANY(p->cx->arena, Str, cap);
        if (!all) return fail(p->cx, ST_NO_MEM, "audience: traits");
        if (a->n_traits) memcpy(all, a->traits, a->n_traits * sizeof *all);
        a->traits = all;
        a->traits_cap = cap;
    }
    a->traits[a->n_traits++] = name;
    return ST_OK;
}
static Status trait_take(Parse *p, const JsonNode *whole, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    (void)value;
    ret->kind = AUDIENCE_TRAIT;
    ret->speaks = AUDIENCE_OF_PEOPLE;
    TRY(pred_take(p, &trait_shape, whole, path, &ret->pred));
    return trait_add(p, ret->pred.prop, &ret->trait);
}
static Status names_refuse(Parse *p, const ParsePath *path, const char *const *names)
{
    Buf b = buf_new(p->cx->arena, 8 << 10);
    for (size_t i = 0; names[i]; i++) {
        if (i) buf_addz(&b, p->cx->lang == LANG_ZH ? "、" : ", ");
        buf_addz(&b, names[i]);
    }
    if (b.bad) return fail(p->cx, ST_NO_MEM, "audience: names");
    return audience_parse_refuse(p, path, MSG_not_one_of, PARAMS({ .name = "names", .text = buf_str(&b) }));
}
static Status flag_take(Parse *p, const JsonNode *whole, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    static const char *const names[] = { "staff", "bot", "no_analytics", "no_personalisation", NULL };
    static const uint8_t flags[] = { PERSON_STAFF, PERSON_BOT, PERSON_NO_ANALYTICS, PERSON_NO_PERSONALISATION };
    ParsePath here = { .up = path, .key = S("flag") };
    size_t i = 0;
    (void)whole;
    if (value->kind != JSON_STR) return audience_parse_want(p, &here, MSG_want_text);
    while (names[i] && !str_is(value->s, names[i])) i++;
    if (!names[i]) return names_refuse(p, &here, names);
    ret->kind = AUDIENCE_FLAG;
    ret->speaks = AUDIENCE_OF_PEOPLE;
    ret->flag = flags[i];
    p->a->reach |= flags[i] & SCAN_LEFT_OUT;
    return ST_OK;
}

/* ---- segments inside of segments ---- */

static Status name_add(Parse *p, int64_t id)
{
    Audience *a = p->a;
    if (p->n_chain) return ST_OK;                 /* not its own word */
    for (size_t i = 0; i < a->n_names; i++) if (a->names[i] == id) return ST_OK;
    if (!a->names) a->names = ARENA_MANY(p->cx->arena, int64_t, AUDIENCE_TERMS_MAX);
    if (!a->names) return fail(p->cx, ST_NO_MEM, "audience: names");
    a->names[a->n_names++] = id;                  /* no more than there are terms */
    return ST_OK;
}
static Status cycle(Parse *p, const ParsePath *path, Str name)
{
    return refuse(p->cx, ST_CONFLICT, path_text(p->cx, path, (Str){ 0 }), MSG_segment_cycle,
        PARAMS({ .name = "name", .text = name }));
}
/* A live segment is read in its place, with the word "in" of this one as its path: its own text was fine once. */
static Status live_take(Parse *p, int64_t id, Str text, const ParsePath *path, AudienceNode *ret)
{
    int64_t chain[AUDIENCE_NEST_MAX + 1];
    const JsonNode *node;
    if (p->n_chain == AUDIENCE_NEST_MAX) return past_max(p, path, MSG_too_deep, AUDIENCE_NEST_MAX);
    if (p->n_chain) memcpy(chain, p->chain, p->n_chain * sizeof *chain);
    Parse inner = *p;
    chain[inner.n_chain++] = id;
    inner.chain = chain;
    inner.depth = 0;
    TRY(json_parse(p->cx, text, &node));
    Status st = whole_take(&inner, node, path, ret);
    ret->speaks = AUDIENCE_OF_PEOPLE;             /* also of everybody */
    p->terms = inner.terms;
    return st;
}
static Status in_take(Parse *p, const JsonNode *whole, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    ParsePath here = { .up = path, .key = S("in") };
    AudienceSaved saved;
    int64_t id;
    (void)whole;
    if (value->kind != JSON_STR) return audience_parse_want(p, &here, MSG_want_text);
    if (!id_parse(value->s, AUDIENCE_PREFIX, &id)) return audience_parse_refuse(p, &here, MSG_bad_id, NO_PARAMS);
    Status st = p->cx->records ? audience_get(p->cx, id, &saved) : ST_NOT_FOUND;
    if (st == ST_NOT_FOUND) return audience_parse_refuse(p, &here, MSG_segment_unknown, NO_PARAMS);
    TRY(st);
    if (id == p->a->scope.self) return cycle(p, &here, saved.name);
    for (size_t i = 0; i < p->n_chain; i++) if (p->chain[i] == id) return cycle(p, &here, saved.name);
    TRY(name_add(p, id));
    if (saved.kind == AUDIENCE_LIVE) return live_take(p, id, saved.expression, &here, ret);
    ret->kind = AUDIENCE_MEMBERS;
    ret->speaks = AUDIENCE_OF_PEOPLE;
    ret->list = id;
    return ST_OK;
}

/* ---- words ---- */

static WordFn behaviour_take;
/* whole: the term's fields stand beside its word */
static const struct Word { const char *key; WordFn *take; uint8_t speaks; bool whole; } words[] = {
    { "all", all_take, AUDIENCE_OF_BOTH, false }, { "any", any_take, AUDIENCE_OF_BOTH, false },
    { "not", not_take, AUDIENCE_OF_BOTH, false }, { "prop", prop_take, AUDIENCE_OF_EVENTS, true },
    { "trait", trait_take, AUDIENCE_OF_PEOPLE, true }, { "in", in_take, AUDIENCE_OF_PEOPLE, false },
    { "did", behaviour_take, AUDIENCE_OF_PEOPLE, false }, { "first", behaviour_take, AUDIENCE_OF_PEOPLE, false },
    { "last", behaviour_take, AUDIENCE_OF_PEOPLE, false }, { "sequence", behaviour_take, AUDIENCE_OF_PEOPLE, false },
    { "silent", behaviour_take, AUDIENCE_OF_PEOPLE, false },
    { "first_seen", behaviour_take, AUDIENCE_OF_PEOPLE, false },
    { "last_seen", behaviour_take, AUDIENCE_OF_PEOPLE, false }, { "flag", flag_take, AUDIENCE_OF_PEOPLE, false },
};
static Status behaviour_take(Parse *p, const JsonNode *whole, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    Str word = json_first(whole)->s;
    ParsePath here = { .up = path, .key = word };
    ret->kind = AUDIENCE_BEHAVIOUR;
    ret->speaks = AUDIENCE_OF_PEOPLE;
    return audience_parse_behaviour(p, word, value, &here, ret);
}
static const struct Word *word_of(Str key)
{
    for (size_t i = 0; i < COUNT(words); i++) if (str_is(key, words[i].key)) return &words[i];
    return NULL;
}
static const AudienceTerm *term_of(const Parse *p, Str key)
{
    const AudienceScope *s = &p->a->scope;
    for (size_t i = 0; i < s->n_terms; i++) if (str_is(key, s->terms[i].name)) return &s->terms[i];
    return NULL;
}
static Status term_take(Parse *p, const AudienceTerm *term, const JsonNode *value, const ParsePath *path,
    AudienceNode *ret)
{
    ParsePath here = { .up = path, .key = str_z(term->name) };
    void *in = arena_get(p->cx->arena, term->takes->size);
    if (!in) return fail(p->cx, ST_NO_MEM, "audience: %s", term->name);
    ret->kind = AUDIENCE_TERM;
    ret->speaks = AUDIENCE_OF_PEOPLE;
    ret->term = term;
    ret->in = in;
    p->a->timed |= term->timed;
    return audience_parse_shape(p, term->takes, value, &here, in);
}
static Status word_refuse(Parse *p, const JsonNode *node, const ParsePath *path)
{
    const char *names[COUNT(words) + AUDIENCE_NOUNS_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < COUNT(words); i++) if (words[i].speaks & p->speaks) names[n++] = words[i].key;
    if (p->speaks & AUDIENCE_OF_PEOPLE)
        for (size_t i = 0; i < p->a->scope.n_terms && i < AUDIENCE_NOUNS_MAX; i++)
            names[n++] = p->a->scope.terms[i].name;
    names[n] = NULL;
    ParsePath here = { .up = path, .key = node->n ? json_first(node)->s : (Str){ 0 } };
    return names_refuse(p, node->n ? &here : path, names);
}
/* A term is known by one of its keys; those beside it belong to it, or are too many. */
static Status one_key(Parse *p, const JsonNode *node, const ParsePath *path)
{
    const JsonNode *key = json_next(json_next(json_first(node)));
    if (node->n == 1) return ST_OK;
    ParsePath here = { .up = path, .key = key->s };
    bool same = str_eq(key->s, json_first(node)->s);
    return audience_parse_refuse(p, &here, same ? MSG_duplicate_field : MSG_unknown_field, NO_PARAMS);
}
static Status speaks_check(Parse *p, const ParsePath *path, Str key, uint8_t speaks)
{
    ParsePath here = { .up = path, .key = key };
    if (speaks & p->speaks) return ST_OK;
    return audience_parse_refuse(p, &here, speaks == AUDIENCE_OF_EVENTS ? MSG_audience_of_people :
        MSG_audience_of_events, NO_PARAMS);
}
static Status term_find(Parse *p, const JsonNode *node, const ParsePath *path, AudienceNode *ret)
{
    const JsonNode *key = json_first(node);
    const struct Word *w = NULL;
    const AudienceTerm *t = NULL;
    uint32_t i = 0;
    for (; i < node->n && !w && !t; i++, key = json_next(json_next(key))) {
        w = word_of(key->s);
        if (w && i && !w->whole) w = NULL;        /* {"prop":…,"in":…} is about prop */
        t = w || i ? NULL : term_of(p, key->s);
        if (w || t) break;
    }
    if (!w && !t) return word_refuse(p, node, path);
    TRY(speaks_check(p, path, key->s, w ? w->speaks : AUDIENCE_OF_PEOPLE));
    if (t || !w->whole) TRY(one_key(p, node, path));
    return w ? w->take(p, node, json_next(key), path, ret) : term_take(p, t, json_next(key), path, ret);
}
static Status node_take(Parse *p, const JsonNode *node, const ParsePath *path, AudienceNode *ret)
{
    if (node->kind != JSON_OBJECT) return audience_parse_want(p, path, MSG_want_object);
    if (++p->depth > AUDIENCE_DEPTH_MAX) return past_max(p, path, MSG_too_deep, AUDIENCE_DEPTH_MAX);
    if (++p->terms > AUDIENCE_TERMS_MAX) return past_max(p, path, MSG_too_many, AUDIENCE_TERMS_MAX);
    TRY(term_find(p, node, path, ret));
    p->depth--;
    return ST_OK;
}
Status audience_parse_where(Parse *p, const JsonNode *node, const ParsePath *path, const Where **ret)
{
    AudienceNode tree = { 0 };
    *ret = NULL;
    if (!node) return ST_OK;
    AudienceSpeaks outer = p->speaks;
    int depth = p->depth;
    p->speaks = AUDIENCE_OF_EVENTS;
    p->depth = 0;
    TRY(whole_take(p, node, path, &tree));
    p->speaks = outer;
    p->depth = depth;
    Where *w = ARENA_NEW(p->cx->arena, Where);
    if (!w) return fail(p->cx, ST_NO_MEM, "audience: where");
    TRY(audience_where(p->cx, &tree, NULL, NULL, w));
    *ret = w;
    return ST_OK;
}

/* ---- whole ---- */

Status audience_parse_node(Cx *cx, const AudienceScope *scope, const JsonNode *node, const char *field,
    AudienceSpeaks speaks, const Audience **ret)
{
    Audience *a = ARENA_NEW(cx->arena, Audience);
    if (!a) return fail(cx, ST_NO_MEM, "audience");
    a->scope = *scope;
    Parse p = { .cx = cx, .a = a, .speaks = speaks };
    ParsePath path = { .key = str_z(field) };
    TRY(whole_take(&p, node, &path, &a->root));
    TRY(audience_plan(cx, a));
    for (size_t i = 0; i < a->n_behaviours; i++) a->timed |= behaviour_timed(a->behaviours[i]);
    *ret = a;
    return ST_OK;
}
Status audience_parse(Cx *cx, const AudienceScope *scope, Str json, const char *field, AudienceSpeaks speaks,
    const Audience **ret)
{
    const JsonNode *node;
    if (json.n > AUDIENCE_TEXT_MAX)
        return refuse(cx, ST_INVALID, str_z(field), MSG_too_large,
            PARAMS({ .name = "max", .value = AUDIENCE_TEXT_MAX }));
    TRY(json_parse(cx, json, &node));
    return audience_parse_node(cx, scope, node, field, speaks, ret);
}
static Status one_of_many(Cx *cx, Audience *a, Str json, AudienceNode *ret)
{
    Parse p = { .cx = cx, .a = a, .speaks = AUDIENCE_OF_PEOPLE };
    const JsonNode *node;
    TRY(json_parse(cx, json, &node));
    a->reach = 0;
    return whole_take(&p, node, NULL, ret);
}
Status audience_parse_many(Cx *cx, const AudienceScope *scope, const Str *json, size_t n, const Audience **ret,
    bool *ret_bad)
{
    Audience *a = ARENA_NEW(cx->arena, Audience);
    AudienceNode *kids = ARENA_MANY(cx->arena, AudienceNode, n + 1);
    if (a) a->reaches = ARENA_MANY(cx->arena, uint8_t, n + 1);
    if (!a || !kids || !a->reaches) return fail(cx, ST_NO_MEM, "audiences");
    a->scope = *scope;
    a->root = (AudienceNode){ .kind = AUDIENCE_ALL, .kids = kids, .n = n, .speaks = AUDIENCE_OF_PEOPLE };
    for (size_t i = 0; i < n; i++) {
        Status st = one_of_many(cx, a, json[i], &kids[i]);
        ret_bad[i] = st == ST_INVALID || st == ST_CONFLICT;
        if (st != ST_OK && !ret_bad[i]) return st;
        if (ret_bad[i]) kids[i] = (AudienceNode){ .kind = AUDIENCE_ANY };        /* nobody */
        a->reaches[i] = a->reach;
        a->n_names = 0;
    }
    TRY(audience_plan(cx, a));
    *ret = a;
    return ST_OK;
}
bool audience_timed(const Audience *a) { return a->timed; }
void audience_names(const Audience *a, const int64_t **ret, size_t *ret_n)
{
    *ret = a->names;
    *ret_n = a->n_names;
}
