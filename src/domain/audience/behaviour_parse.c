#include "base/arena.h"
#include "domain/audience/audience_parse.h"
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* ---- as JSON ---- */

typedef struct MatchIn { Str event; const JsonNode *where; } MatchIn;
typedef struct WindowIn { const JsonNode *within, *calendar, *before; Str from, to; } WindowIn;
typedef struct CountIn { int64_t ge, le, eq; bool had_ge, had_le, had_eq; } CountIn;
typedef struct SumIn { Str prop; double ge, le, gt, lt; bool had_ge, had_le, had_gt, had_lt; } SumIn;
typedef struct SinceIn { MatchIn first, last; bool had_first, had_last; } SinceIn;
typedef struct DidIn {
    MatchIn  match;
    WindowIn window;
    CountIn  times, days;
    SumIn    sum;
    SinceIn  since;
    bool     had_times, had_days, had_sum, had_since;
} DidIn;
typedef struct EdgeIn { MatchIn match; WindowIn window; } EdgeIn;      /* first, last */
typedef struct SequenceIn { const JsonNode *steps, *span; WindowIn window; } SequenceIn;
typedef struct SilentIn { MatchIn match; double usual; const JsonNode *at_least; } SilentIn;

#define MATCH_FIELDS(T, m) \
    { .key = "event", .type = F_STR, .at = offsetof(T, m event), .min = 1, .max = EVENT_NAME_BYTES_MAX, \
        .doc = "its name; left out: any event" }, \
    { .key = "where", .type = F_ANY, .at = offsetof(T, m where), .doc = "a condition on the event's properties" }
#define WINDOW_FIELDS(T) \
    { .key = "within", .type = F_ANY, .at = offsetof(T, window.within), \
        .doc = "[30,\"day\"]: so long back from now" }, \
    { .key = "calendar", .type = F_ANY, .at = offsetof(T, window.calendar), \
        .doc = "[7,\"day\"]: so many calendar periods of the product's zone, the present one included" }, \
    { .key = "before", .type = F_ANY, .at = offsetof(T, window.before), .doc = "[30,\"day\"]: longer ago than that" }, \
    { .key = "from", .type = F_STR, .at = offsetof(T, window.from), .max = 40, \
        .doc = "a date or time, included; local to the product's zone" }, \
    { .key = "to", .type = F_STR, .at = offsetof(T, window.to), .max = 40, .doc = "a date or time, not included" }
static const Field match_fields[] = { MATCH_FIELDS(MatchIn, ) };
static const Shape match_shape = SHAPE("audience_event", MatchIn, match_fields);
#define COUNT_FIELD(k, d) FIELD(CountIn, k, F_I64, .max = INT64_MAX, .was = offsetof(CountIn, had_##k), .doc = d)
static const Field count_fields[] = { COUNT_FIELD(ge, "so often or more"), COUNT_FIELD(le, "so often or less"),
    COUNT_FIELD(eq, "exactly so often") };
static const Shape count_shape = SHAPE("audience_count", CountIn, count_fields);
#define SUM_FIELD(k) FIELD(SumIn, k, F_DOUBLE, .was = offsetof(SumIn, had_##k))
static const Field sum_fields[] = {
    FIELD(SumIn, prop, F_STR, .required = true, .min = 1, .max = PROP_NAME_BYTES_MAX,
        .doc = "its numbers are added up; an event without one adds nothing"),
    SUM_FIELD(ge), SUM_FIELD(le), SUM_FIELD(gt), SUM_FIELD(lt),
};
static const Shape sum_shape = SHAPE("audience_sum", SumIn, sum_fields);
static const Field since_fields[] = {
    FIELD(SinceIn, first, F_OBJECT, .of = &match_shape, .was = offsetof(SinceIn, had_first)),
    FIELD(SinceIn, last, F_OBJECT, .of = &match_shape, .was = offsetof(SinceIn, had_last)),
};
static const Shape since_shape = SHAPE("audience_since", SinceIn, since_fields);
static const Field did_fields[] = {
    MATCH_FIELDS(DidIn, match.), WINDOW_FIELDS(DidIn),
    FIELD(DidIn, times, F_OBJECT, .of = &count_shape, .was = offsetof(DidIn, had_times),
        .doc = "how often; left out: at least once"),
    FIELD(DidIn, days, F_OBJECT, .of = &count_shape, .was = offsetof(DidIn, had_days),
        .doc = "on how many different calendar days"),
    FIELD(DidIn, sum, F_OBJECT, .of = &sum_shape, .was = offsetof(DidIn, had_sum)),
    FIELD(DidIn, since, F_OBJECT, .of = &since_shape, .was = offsetof(DidIn, had_since),
        .doc = "only what came after the person's first or last event of another kind"),
};
static const Shape did_shape = SHAPE("audience_did", DidIn, did_fields);
static const Field edge_fields[] = { MATCH_FIELDS(EdgeIn, match.), WINDOW_FIELDS(EdgeIn) };
static const Shape edge_shape = SHAPE("audience_edge", EdgeIn, edge_fields);
static const Field seen_fields[] = { WINDOW_FIELDS(EdgeIn) };
static const Shape seen_shape = SHAPE("audience_seen", EdgeIn, seen_fields);
static const Field sequence_fields[] = {
    FIELD(SequenceIn, steps, F_ANY, .required = true, .doc = "events in this order, others may come between"),
    FIELD(SequenceIn, span, F_ANY, .doc = "[7,\"day\"]: from the first step to the last at most so long"),
    WINDOW_FIELDS(SequenceIn),
};
static const Shape sequence_shape = SHAPE("audience_sequence", SequenceIn, sequence_fields);
static const Field silent_fields[] = {
    MATCH_FIELDS(SilentIn, match.),
    FIELD(SilentIn, usual, F_DOUBLE, .required = true, .min = 1, .max = 1000,
        .doc = "longer than so many times the person's usual gap between two active days"),
    FIELD(SilentIn, at_least, F_ANY, .doc = "[7,\"day\"]: and longer than that"),
};
static const Shape silent_shape = SHAPE("audience_silent", SilentIn, silent_fields);

/* ---- parts ---- */

static Status span_refuse(Parse *p, const ParsePath *path, const char *units)
{
    return audience_parse_refuse(p, path, MSG_audience_span, PARAMS({ .name = "units", .text = str_z(units) }));
}
/* [number, unit]: *ret_unit is its place in units. max: of each unit. */
static Status pair_take(Parse *p, const JsonNode *node, const ParsePath *path, const char *const *units,
    const int64_t *max, const char *said, int64_t *ret, size_t *ret_unit)
{
    size_t u = 0;
    if (node->kind != JSON_ARRAY || node->n != 2) return span_refuse(p, path, said);
    const JsonNode *n = json_first(node), *unit = json_next(n);
    if (n->kind != JSON_INT || unit->kind != JSON_STR) return span_refuse(p, path, said);
    while (units[u] && !str_is(unit->s, units[u])) u++;
    if (!units[u]) return span_refuse(p, path, said);
    ParsePath here = { .up = path, .index = 0 };
    if (n->i < 1 || n->i > max[u])
        return audience_parse_refuse(p, &here, MSG_out_of_range,
            PARAMS({ .name = "min", .value = 1 }, { .name = "max", .value = max[u] }));
    *ret = n->i;
    *ret_unit = u;
    return ST_OK;
}
static Status span_take(Parse *p, const JsonNode *node, const ParsePath *path, Str key, int64_t *ret)
{
    static const char *const units[] = { "minute", "hour", "day", "week", NULL };
    static const int64_t ms[] = { MINUTE, HOUR, DAY, 7 * (int64_t)DAY };
    static const int64_t max[] = { AUDIENCE_DAYS_MAX * INT64_C(1440), AUDIENCE_DAYS_MAX * INT64_C(24),
        AUDIENCE_DAYS_MAX, AUDIENCE_DAYS_MAX / 7 };
    ParsePath here = { .up = path, .key = key };
    int64_t n = 0;
    size_t u = 0;
    *ret = 0;
    if (!node) return ST_OK;
    TRY(pair_take(p, node, &here, units, max, "minute, hour, day, week", &n, &u));
    *ret = n * ms[u];
    return ST_OK;
}
static Status calendar_take(Parse *p, const JsonNode *node, const ParsePath *path, AudienceWindow *w)
{
    static const char *const units[] = { "hour", "day", "week", "month", NULL };
    static const int64_t max[] = { 24 * 62, 400, 104, 60 };
    ParsePath here = { .up = path, .key = S("calendar") };
    size_t u = 0;
    if (!node) return ST_OK;
    TRY(pair_take(p, node, &here, units, max, "hour, day, week, month", &w->periods, &u));
    w->period = (Period)u;
    return ST_OK;
}
static Status date_take(Parse *p, Str text, const ParsePath *path, Str key, int64_t *ret)
{
    ParsePath here = { .up = path, .key = key };
    if (!text.p || zone_parse(p->a->scope.zone, text, ret)) return ST_OK;
    return audience_parse_refuse(p, &here, MSG_bad_time, NO_PARAMS);
}
static Status exclude(Parse *p, const ParsePath *path, const char *a, const char *b)
{
    ParsePath here = { .up = path, .key = str_z(b) };
    return audience_parse_refuse(p, &here, MSG_audience_exclude,
        PARAMS({ .name = "a", .text = str_z(a) }, { .name = "b", .text = str_z(b) }));
}
static Status window_take(Parse *p, const WindowIn *in, const ParsePath *path, AudienceWindow *ret)
{
    AudienceWindow w = { .from = INT64_MIN, .to = INT64_MAX };
    if (in->within && in->calendar) return exclude(p, path, "within", "calendar");
    if (in->within && in->from.p) return exclude(p, path, "within", "from");
    if (in->calendar && in->from.p) return exclude(p, path, "calendar", "from");
    if (in->before && in->to.p) return exclude(p, path, "before", "to");
    TRY(span_take(p, in->within, path, S("within"), &w.within));
    TRY(span_take(p, in->before, path, S("before"), &w.before));
    TRY(calendar_take(p, in->calendar, path, &w));
    TRY(date_take(p, in->from, path, S("from"), &w.from));
    TRY(date_take(p, in->to, path, S("to"), &w.to));
    bool empty = (w.within && w.before >= w.within) || w.from >= w.to;
    ParsePath here = { .up = path, .key = w.before ? S("before") : S("to") };
    if (empty) return audience_parse_refuse(p, &here, MSG_empty_range, NO_PARAMS);
    *ret = w;
    return ST_OK;
}
static Status match_take(Parse *p, const MatchIn *in, const ParsePath *path, Behaviour *b)
{
    ParsePath here = { .up = path, .key = S("where") };
    BehaviourMatch *m = &b->match[b->n++];
    *m = (BehaviourMatch){ .any = !in->event.p, .name = in->event };
    TRY(audience_parse_where(p, in->where, &here, &m->where));
    if (!in->where) return ST_OK;
    Buf text = buf_new(p->cx->arena, 2 * (size_t)AUDIENCE_TEXT_MAX);
    JsonW w = { .b = &text };
    jsonw_node(&w, in->where);                    /* two equal ones share a matcher */
    m->text = buf_str(&text);
    return text.bad ? fail(p->cx, ST_NO_MEM, "audience: where") : ST_OK;
}
static Status count_take(Parse *p, const CountIn *in, const ParsePath *path, Str key, int64_t *min, int64_t *max)
{
    ParsePath here = { .up = path, .key = key };
    if (in->had_eq && in->had_ge) return exclude(p, &here, "eq", "ge");
    if (in->had_eq && in->had_le) return exclude(p, &here, "eq", "le");
    if (!in->had_eq && !in->had_ge && !in->had_le)
        return audience_parse_refuse(p, &here, MSG_not_one_of, PARAMS({ .name = "names", .text = S("ge, le, eq") }));
    *min = in->had_eq ? in->eq : in->had_ge ? in->ge : 0;
    *max = in->had_eq ? in->eq : in->had_le ? in->le : INT64_MAX;
    if (*min <= *max) return ST_OK;
    ParsePath le = { .up = &here, .key = S("le") };
    return audience_parse_refuse(p, &le, MSG_out_of_range,
        PARAMS({ .name = "min", .value = *min }, { .name = "max", .value = INT64_MAX }));
}
static Status sum_take(Parse *p, const SumIn *in, const ParsePath *path, Behaviour *b)
{
    ParsePath here = { .up = path, .key = S("sum") };
    if (in->had_ge && in->had_gt) return exclude(p, &here, "ge", "gt");
    if (in->had_le && in->had_lt) return exclude(p, &here, "le", "lt");
    if (!in->had_ge && !in->had_gt && !in->had_le && !in->had_lt)
        return audience_parse_refuse(p, &here, MSG_not_one_of,
            PARAMS({ .name = "names", .text = S("ge, gt, le, lt") }));
    b->with_sum = true;
    b->sum = in->prop;
    b->above = in->had_ge, b->ge = in->ge;
    b->over = in->had_gt, b->gt = in->gt;
    b->below = in->had_le, b->le = in->le;
    b->under = in->had_lt, b->lt = in->lt;
    return ST_OK;
}
static Status since_take(Parse *p, const SinceIn *in, const ParsePath *path, Behaviour *b)
{
    ParsePath here = { .up = path, .key = S("since") };
    if (in->had_first && in->had_last) return exclude(p, &here, "first", "last");
    if (!in->had_first && !in->had_last)
        return audience_parse_refuse(p, &here, MSG_not_one_of, PARAMS({ .name = "names", .text = S("first, last") }));
    ParsePath which = { .up = &here, .key = in->had_first ? S("first") : S("last") };
    b->since_first = in->had_first;
    return match_take(p, in->had_first ? &in->first : &in->last, &which, b);
}

/* ---- the terms ---- */

static Status did_take(Parse *p, const JsonNode *v, const ParsePath *path, Behaviour *b)
{
    DidIn in;
    TRY(audience_parse_shape(p, &did_shape, v, path, &in));
    b->kind = BEHAVIOUR_DID;
    b->times_min = 1;
    b->times_max = INT64_MAX;
    TRY(match_take(p, &in.match, path, b));
    TRY(window_take(p, &in.window, path, &b->window));
    if (in.had_times) TRY(count_take(p, &in.times, path, S("times"), &b->times_min, &b->times_max));
    if (in.had_days) TRY(count_take(p, &in.days, path, S("days"), &b->days_min, &b->days_max));
    if (in.had_sum) TRY(sum_take(p, &in.sum, path, b));
    if (in.had_since) TRY(since_take(p, &in.since, path, b));
    b->with_days = in.had_days;
    /* "times" that say more than "at least once" are said by who counts days or money, too */
    if (in.had_days && !in.had_times && b->days_min == 0) b->times_min = 0;
    bool nothing = !b->with_sum || (!(b->above && b->ge > 0) && !(b->over && b->gt >= 0) &&
        !(b->below && b->le < 0) && !(b->under && b->lt <= 0));
    b->none = b->times_min == 0 && (!b->with_days || b->days_min == 0) && nothing;
    return ST_OK;
}
static Status edge_take(Parse *p, const Shape *shape, const JsonNode *v, const ParsePath *path, Behaviour *b)
{
    EdgeIn in;
    TRY(audience_parse_shape(p, shape, v, path, &in));
    TRY(match_take(p, &in.match, path, b));
    return window_take(p, &in.window, path, &b->window);
}
static Status step_take(Parse *p, const JsonNode *v, const ParsePath *path, Behaviour *b)
{
    MatchIn in;
    TRY(audience_parse_shape(p, &match_shape, v, path, &in));
    return match_take(p, &in, path, b);
}
static Status sequence_take(Parse *p, const JsonNode *v, const ParsePath *path, Behaviour *b)
{
    SequenceIn in;
    ParsePath steps = { .up = path, .key = S("steps") };
    TRY(audience_parse_shape(p, &sequence_shape, v, path, &in));
    b->kind = BEHAVIOUR_SEQUENCE;
    if (in.steps->kind != JSON_ARRAY) return audience_parse_want(p, &steps, MSG_want_list);
    if (in.steps->n < 2) return audience_parse_refuse(p, &steps, MSG_too_few, PARAMS({ .name = "min", .value = 2 }));
    if (in.steps->n > AUDIENCE_STEPS_MAX)
        return audience_parse_refuse(p, &steps, MSG_too_many,
            PARAMS({ .name = "max", .value = AUDIENCE_STEPS_MAX }));
    const JsonNode *step = json_first(in.steps);
    for (uint32_t i = 0; i < in.steps->n; i++, step = json_next(step)) {
        ParsePath here = { .up = &steps, .index = i };
        TRY(step_take(p, step, &here, b));
    }
    TRY(span_take(p, in.span, path, S("span"), &b->span));
    if (!in.span) b->span = INT64_MAX;
    return window_take(p, &in.window, path, &b->window);
}
static Status silent_take(Parse *p, const JsonNode *v, const ParsePath *path, Behaviour *b)
{
    SilentIn in;
    TRY(audience_parse_shape(p, &silent_shape, v, path, &in));
    b->kind = BEHAVIOUR_SILENT;
    b->usual = in.usual;
    b->window = (AudienceWindow){ .from = INT64_MIN, .to = INT64_MAX };
    TRY(span_take(p, in.at_least, path, S("at_least"), &b->at_least));
    return match_take(p, &in.match, path, b);
}
static Status behaviour_take(Parse *p, Str word, const JsonNode *v, const ParsePath *path, Behaviour *b)
{
    bool first = str_is(word, "first") || str_is(word, "first_seen");
    bool seen = str_is(word, "first_seen") || str_is(word, "last_seen");
    if (str_is(word, "did")) return did_take(p, v, path, b);
    if (str_is(word, "sequence")) return sequence_take(p, v, path, b);
    if (str_is(word, "silent")) return silent_take(p, v, path, b);
    b->kind = first ? BEHAVIOUR_FIRST : BEHAVIOUR_LAST;
    return edge_take(p, seen ? &seen_shape : &edge_shape, v, path, b);
}
static Status room(Parse *p)
{
    Audience *a = p->a;
    if (a->n_behaviours < a->cap) return ST_OK;
    size_t cap = a->cap * 2 + 8;
    Behaviour **all = ARENA_MANY(p->cx->arena, Behaviour *, cap);
    if (!all) return fail(p->cx, ST_NO_MEM, "audience: behaviour");
    if (a->n_behaviours) memcpy(all, a->behaviours, a->n_behaviours * sizeof *all);
    a->behaviours = all;
    a->cap = cap;
    return ST_OK;
}
Status audience_parse_behaviour(Parse *p, Str word, const JsonNode *v, const ParsePath *path, AudienceNode *ret)
{
    Audience *a = p->a;
    Behaviour *b = ARENA_NEW(p->cx->arena, Behaviour);
    if (!b) return fail(p->cx, ST_NO_MEM, "audience: behaviour");
    TRY(room(p));
    TRY(behaviour_take(p, word, v, path, b));
    ret->behaviour = a->n_behaviours;
    a->behaviours[a->n_behaviours++] = b;
    return ST_OK;
}
