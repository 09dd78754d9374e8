#include "flow/ingest_plan.h"
#include "base/limits.h"
#include <string.h>

/* What a value must be to fit. An empty text is often as good as none, so it is a kind of its own. */
typedef enum Fit { FIT_NULL, FIT_BOOL, FIT_NUMBER, FIT_TEXT, FIT_EMPTY, FIT_LIST, FIT_OBJECT, FIT_INTO } Fit;
enum { PLANS = 128, STEPS_MAX = 200, TEXT_MAX = 8192 };

typedef struct Step {
    Str      key;
    uint32_t n;                  /* FIT_INTO: members of the object, whose steps follow */
    uint16_t prop, member;       /* where the value goes; the last of either: nowhere */
    uint8_t  fit;
} Step;
typedef struct Plan {
    uint64_t signature;
    bool     secret, subnet;     /* of the envelope it was learnt under */
    Str      path_type, type;    /* of the path, and of the event itself */
    IngestType kind;
    uint32_t n_members, n_steps, n_props;
    Step    *steps;
    Str     *names;              /* of the properties */
    bool    *constant;           /* the property is env->subnet */
    uint32_t agent;              /* which property the browser's name is, or n_props */
    size_t   next;               /* the plan that fitted after this one, the last time */
    /* The first event of the call that fitted: what later ones are told by. */
    uint64_t call;
    uint32_t model;
    Event    first;
    Str      raw_name;
    const JsonNode **values;     /* n_props of them, and one for nowhere */
} Plan;
struct IngestPlans {
    Plan    *plans[PLANS];       /* by signature */
    uint64_t seen[PLANS];        /* a shape is learnt when it comes a second time */
    size_t   last;               /* the plan that fitted last */
    uint64_t call;
    const JsonNode *values[EVENT_PROPS_MAX + 1];
};

IngestPlans *ingest_plan_new(void) { return mem_get(sizeof(IngestPlans)); }
void ingest_plan_free(IngestPlans *ps)
{
    if (!ps) return;
    for (size_t i = 0; i < PLANS; i++) mem_free(ps->plans[i]);
    mem_free(ps);
}
void ingest_plan_begin(IngestPlans *ps) { ps->call++; }

/* ---- which plan ---- */

static Fit fit_of(const JsonNode *v)
{
    static const uint8_t fits[] = { [JSON_NULL] = FIT_NULL, [JSON_BOOL] = FIT_BOOL, [JSON_INT] = FIT_NUMBER,
        [JSON_DOUBLE] = FIT_NUMBER, [JSON_STR] = FIT_TEXT, [JSON_ARRAY] = FIT_LIST, [JSON_OBJECT] = FIT_OBJECT };
    return v->kind == JSON_STR && v->s.n == 0 ? FIT_EMPTY : (Fit)fits[v->kind];
}
static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}
/* Of the keys and kinds of all members; recursion ends at JSON_DEPTH_MAX. */
static uint64_t sign(const JsonNode *object, uint64_t h)
{
    const JsonNode *k = object + 1;
    for (uint32_t i = 0; i < object->n; i++) {
        const JsonNode *v = k + 1;
        uint64_t head = 0, tail = 0;
        size_t n = k->s.n < 8 ? k->s.n : 8;
        if (n) memcpy(&head, k->s.p, n), memcpy(&tail, k->s.p + k->s.n - n, n);
        h = mix(mix(h, head + k->s.n), tail ^ (uint64_t)fit_of(v) << 56);
        if (v->kind == JSON_OBJECT) h = sign(v, h);
        k = v + v->skip;
    }
    return mix(h, object->n);
}
static uint64_t signature_of(const IngestEnvelope *env, const JsonNode *event)
{
    Str type = json_str_of(json_get(event, S("type")));
    uint64_t h = mix(type.n * 4 + (env->trust >= TRUST_SECRET) * 2u + (env->subnet.n > 0), env->type.n);
    if (type.n) h = mix(h, (unsigned char)type.p[0]);
    return sign(event, h);
}
/* Step by step: the values of the properties go to values, what stands at the top to *it. */
static bool fits(const Plan *p, const IngestEnvelope *env, const JsonNode *event, IngestItem *it,
    const JsonNode **values)
{
    if (event->kind != JSON_OBJECT || event->n != p->n_members || p->secret != (env->trust >= TRUST_SECRET) ||
        p->subnet != (env->subnet.n > 0) || !str_eq(p->path_type, env->type)) return false;
    const JsonNode *k = event + 1;
    *it = (IngestItem){ 0 };
    for (const Step *s = p->steps, *end = s + p->n_steps; s < end; s++) {
        const JsonNode *v = k + 1;
        if (!str_eq(k->s, s->key)) return false;
        if (s->fit == FIT_INTO) {
            if (v->kind != JSON_OBJECT || v->n != s->n) return false;
            k = v + 1;
        } else {
            if (fit_of(v) != s->fit) return false;
            k = v + v->skip;
        }
        values[s->prop] = v;
        it->of[s->member] = v;
    }
    return str_eq(json_str_of(it->of[INGEST_TYPE]), p->type);
}

/* ---- learning ---- */

typedef struct Learning { const IngestRead *r; Step *steps; size_t n, text; bool bad; } Learning;
static uint16_t prop_of(const Learning *l, const JsonNode *v)
{
    for (size_t i = 0; i < l->r->props.n; i++) if (l->r->props.from[i] == v) return (uint16_t)i;
    return (uint16_t)l->r->props.n;
}
static uint16_t member_of(const Learning *l, const JsonNode *v)
{
    for (size_t i = 0; i < INGEST_MEMBERS_; i++) if (l->r->item.of[i] == v) return (uint16_t)i;
    return INGEST_MEMBERS_;
}
/* An object that gave no property itself is entered also where nothing in it did: another time something may.
 * Recursion ends at JSON_DEPTH_MAX. */
static void learn_members(Learning *l, const JsonNode *object)
{
    const JsonNode *k = object + 1;
    for (uint32_t i = 0; i < object->n && !l->bad; i++) {
        const JsonNode *v = k + 1;
        Step s = { .key = k->s, .prop = prop_of(l, v), .member = member_of(l, v), .fit = (uint8_t)fit_of(v) };
        bool into = v->kind == JSON_OBJECT && s.prop == l->r->props.n;
        if (into) s.fit = FIT_INTO, s.n = v->n;
        l->text += k->s.n;
        l->bad = l->n == STEPS_MAX || l->text > TEXT_MAX;
        if (l->bad) return;
        l->steps[l->n++] = s;
        if (into) learn_members(l, v);
        k = v + v->skip;
    }
}
/* Is what became of the event a matter of its keys and kinds alone? */
static bool regular(const IngestEnvelope *env, const IngestRead *r)
{
    const JsonNode *ctx = r->item.of[INGEST_CONTEXT], *ip = json_get(ctx, S("ip"));
    bool simple = r->type == INGEST_T_TRACK || r->type == INGEST_T_PAGE || r->type == INGEST_T_SCREEN;
    bool sealed = env->trust >= TRUST_SECRET && r->n && r->entries[r->n - 1].event.sealed.n;
    return simple && r->n == 1 && !env->context && !r->props.repeated && !sealed && (!ip || ip->kind == JSON_NULL);
}
/* One block of heap: the plan, then its arrays, then its texts. */
static Plan *build(const IngestEnvelope *env, const Learning *l, const JsonNode *event)
{
    const IngestRead *r = l->r;
    Str type = json_str_of(r->item.of[INGEST_TYPE]);
    size_t n = r->props.n, text = l->text + env->type.n + type.n;
    for (size_t i = 0; i < n; i++) text += r->props.p[i].name.n;
    size_t arrays = l->n * sizeof(Step) + n * sizeof(Str) + (n + 1) * sizeof(JsonNode *) + n;
    Plan *p = mem_get(sizeof *p + arrays + text);
    if (!p) return NULL;
    p->steps = (Step *)(void *)(p + 1);
    p->names = (Str *)(void *)(p->steps + l->n);
    p->values = (const JsonNode **)(void *)(p->names + n);
    p->constant = (bool *)(p->values + n + 1);
    char *to = (char *)(p->constant + n);
#define KEEP(ret, s) do { \
        Str s_ = (s); \
        if (s_.n) memcpy(to, s_.p, s_.n); \
        (ret) = (Str){ to, s_.n }; \
        to += s_.n; \
    } while (0)
    KEEP(p->path_type, env->type);
    KEEP(p->type, type);
    for (size_t i = 0; i < l->n; i++) {
        p->steps[i] = l->steps[i];
        KEEP(p->steps[i].key, l->steps[i].key);
    }
    for (size_t i = 0; i < n; i++) {
        KEEP(p->names[i], r->props.p[i].name);
        p->constant[i] = !r->props.from[i];
    }
#undef KEEP
    p->secret = env->trust >= TRUST_SECRET;
    p->subnet = env->subnet.n > 0;
    p->kind = r->type;
    p->n_members = event->n;
    p->n_steps = (uint32_t)l->n;
    p->n_props = p->agent = (uint32_t)n;
    for (size_t i = 0; i < n; i++) if (str_is(p->names[i], "$user_agent")) p->agent = (uint32_t)i;
    return p;
}
/* The only property that no value of the event gave is the subnet. */
static bool only_subnet(const Props *ps)
{
    for (size_t i = 0; i < ps->n; i++)
        if (!ps->from[i] && !str_eq(ps->p[i].name, INGEST_SUBNET)) return false;
    return true;
}
static Status learn(Cx *cx, IngestPlans *ps, const IngestEnvelope *env, const JsonNode *event, const IngestRead *r,
    uint64_t signature)
{
    size_t at = signature % PLANS;
    if (!regular(env, r) || !only_subnet(&r->props)) return ST_OK;
    if (ps->seen[at] != signature) {
        ps->seen[at] = signature;
        return ST_OK;
    }
    Learning l = { .r = r, .steps = ARENA_MANY(cx->arena, Step, STEPS_MAX) };
    if (!l.steps) return fail(cx, ST_NO_MEM, "ingest: a plan");
    learn_members(&l, event);
    if (l.bad) return ST_OK;
    Plan *p = build(env, &l, event);
    if (!p) return fail(cx, ST_NO_MEM, "ingest: a plan");
    p->signature = signature;
    p->next = at;
    mem_free(ps->plans[at]);
    ps->plans[at] = p;
    return ST_OK;
}

/* ---- reading by a plan ---- */

/* The same value again becomes the same property again. */
static bool same_value(const char *text, const JsonNode *a, const JsonNode *b)
{
    if (a->kind != b->kind) return false;
    switch ((JsonKind)a->kind) {
    case JSON_NULL:   return true;
    case JSON_BOOL:   return a->b == b->b;
    case JSON_INT:    return a->i == b->i;
    case JSON_DOUBLE: return memcmp(&a->d, &b->d, sizeof a->d) == 0;
    case JSON_STR:    return str_eq(a->s, b->s);
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return a->len == b->len && memcmp(text + a->at, text + b->at, a->len) == 0;
}
typedef struct Reading {
    IngestPlans *ps;
    const IngestEnvelope *env;
    Plan *plan;
    IngestItem item;
    Event e;
    bool kept;
} Reading;
/* Everything but the properties. What the first of the call said in the same words need not be understood again. */
static Status head(Cx *cx, Reading *r)
{
    const Plan *p = r->plan;
    const JsonNode **v = r->ps->values;
    bool first = p->call != r->ps->call;
    r->e = (Event){ .source = (uint16_t)r->env->source->number, .trust = r->env->trust, .flags = r->env->flags };
    if (!first && str_eq(json_str_of(r->item.of[INGEST_EVENT]), p->raw_name)) r->e.name = p->first.name;
    TRY(ingest_event_head(cx, r->env, p->kind, &r->item, &r->e, &r->kept));
    bool same_agent = !first && (p->agent == p->n_props || same_value(r->env->text, v[p->agent], p->values[p->agent]));
    if (same_agent) r->e.flags = p->first.flags;
    else if (ingest_event_bot(r->env, r->item.of[INGEST_CONTEXT])) r->e.flags |= EVENT_BOT;
    return ST_OK;
}
static Status add_like(Cx *cx, Reading *r, Batch *b)
{
    const Plan *p = r->plan;
    const JsonNode **v = r->ps->values;
    Prop changed[EVENT_PROPS_MAX];
    uint8_t which[EVENT_PROPS_MAX];
    Props work = { 0 };
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_props; i++) {
        if (p->constant[i] || same_value(r->env->text, v[i], p->values[i])) continue;
        TRY(props_value(cx, &work, p->names[i], v[i], &changed[n]));
        which[n++] = (uint8_t)i;
    }
    r->e.props = changed;
    r->e.n_props = n;
    return batch_like(cx, b, p->model, &r->e, which);
}
static Status whole_props(Cx *cx, Reading *r)
{
    const Plan *p = r->plan;
    Props work = { 0 };
    Prop *props = arena_raw(cx->arena, p->n_props * sizeof *props);
    if (!props) return fail(cx, ST_NO_MEM, "ingest: %u properties", p->n_props);
    for (uint32_t i = 0; i < p->n_props; i++) {
        if (p->constant[i]) props[i] = (Prop){ .kind = PROP_STR, .s = r->env->subnet };
        else TRY(props_value(cx, &work, p->names[i], r->ps->values[i], &props[i]));
        props[i].name = p->names[i];
    }
    r->e.props = props;
    r->e.n_props = p->n_props;
    return ingest_event_seal_addr(cx, r->env, &r->e.sealed);
}
static Status add_whole(Cx *cx, Reading *r, Batch *b)
{
    Plan *p = r->plan;
    uint32_t model;
    TRY(batch_add(cx, b, &(Entry){ .kind = ENTRY_EVENT, .event = r->e }, &model));
    if (p->call == r->ps->call) return ST_OK;
    p->call = r->ps->call;
    p->model = model;
    p->first = r->e;
    p->raw_name = json_str_of(r->item.of[INGEST_EVENT]);
    memcpy(p->values, r->ps->values, p->n_props * sizeof(JsonNode *));
    return ST_OK;
}
static Status read_plan(Cx *cx, Reading *r, Batch *b, IngestAdded *ret)
{
    const Plan *p = r->plan;
    *ret = (IngestAdded){ 0 };
    TRY(head(cx, r));
    if (!r->kept) return ST_OK;
    bool seals = r->env->trust < TRUST_SECRET && r->env->addr.n;
    bool like = p->call == r->ps->call && r->e.flags == p->first.flags && !seals;
    if (!like) TRY(whole_props(cx, r));
    ret->n = 1;
    ret->sealed = r->e.sealed.n > 0;
    return like ? add_like(cx, r, b) : add_whole(cx, r, b);
}
static Status read_plain(Cx *cx, const IngestEnvelope *env, const JsonNode *event, Batch *b, IngestRead *r,
    IngestAdded *ret)
{
    *ret = (IngestAdded){ 0 };
    TRY(ingest_event_read(cx, env, event, r));
    ret->whole = true;
    for (size_t i = 0; i < r->n; i++) TRY(batch_add(cx, b, &r->entries[i], NULL));
    ret->n = r->n;
    ret->sealed = env->trust < TRUST_SECRET && r->n && r->entries[r->n - 1].event.sealed.n;
    return ST_OK;
}
static Plan *guess(IngestPlans *ps, size_t at, Reading *r, const JsonNode *event)
{
    Plan *p = ps->plans[at];
    return p && fits(p, r->env, event, &r->item, ps->values) ? p : NULL;
}
Status ingest_plan_add(Cx *cx, IngestPlans *ps, const IngestEnvelope *env, const JsonNode *event, Batch *b,
    IngestAdded *ret)
{
    Reading r = { .ps = ps, .env = env };
    IngestRead plain;
    uint64_t signature = 0;
    bool usual = event->kind == JSON_OBJECT && event->n && event->len <= INGEST_EVENT_BYTES && !env->context;
    Plan *last = ps->plans[ps->last];
    size_t at = last ? last->next : 0;

    if (usual && !(r.plan = guess(ps, at, &r, event))) {
        signature = signature_of(env, event);
        at = signature % PLANS;
        r.plan = guess(ps, at, &r, event);
    }
    if (r.plan) {
        if (last) last->next = at;
        ps->last = at;
        Status st = read_plan(cx, &r, b, ret);
        if (st != ST_INVALID && st != ST_LIMITED) return st;     /* refused: the plain way says why */
    }
    TRY(read_plain(cx, env, event, b, &plain, ret));
    return usual && !r.plan ? learn(cx, ps, env, event, &plain, signature) : ST_OK;
}
