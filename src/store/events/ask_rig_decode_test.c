#include "store/events/ask_rig_in_test.h"
#include "base/arena.h"
#include "base/limits.h"
#include <string.h>

enum { EVENT_PREDS_MAX = (SELECTOR_PREDS - ASK_FILTERS_MAX) / 2 };      /* of one of two events */

static const char *const KINDS[] = { "trend", "retention", NULL }, *const MEASURES[] = { "count", "people", NULL };
static const char *const PERIODS[] = { "hour", "day", "week", "month", NULL }, *const MODES[] = { "recurring",
    "first_time", NULL };
static const char *const WEEKS[] = { "sunday", "monday", NULL };
/* as enum Op */
static const char *const OPS[] = { "is", "is_not", "contains", "lt", "le", "gt", "ge", "set", "not_set", NULL };

static const Field matcher_fields[] = {
    FIELD(AskMatcher, name, F_STR, .max = EVENT_NAME_BYTES_MAX, .doc = "name of the event; left out: any event"),
    FIELD(AskMatcher, props, F_ANY, .doc = "an object: each of these properties has this value"),
};
static const Shape matcher_shape = SHAPE("ask_event", AskMatcher, matcher_fields);
static const Field filter_fields[] = {
    FIELD(AskFilter, prop, F_STR, .required = true, .min = 1, .max = PROP_NAME_BYTES_MAX,
        .doc = "name of an event property"),
    FIELD(AskFilter, op, F_ENUM, .required = true, .names = OPS,
        .doc = "comparisons do not cross kinds; a missing property is null"),
    FIELD(AskFilter, value, F_ANY, .doc = "text, number, true, false or null"),
};
static const Shape filter_shape = SHAPE("ask_filter", AskFilter, filter_fields);
static const Field ask_fields[] = {
    FIELD(AskIn, kind, F_ENUM, .required = true, .names = KINDS, .doc = "what is asked"),
    FIELD(AskIn, period, F_ENUM, .required = true, .names = PERIODS, .doc = "the step of the time axis"),
    FIELD(AskIn, event, F_OBJECT, .of = &matcher_shape, .was = offsetof(AskIn, had_event),
        .doc = "trend: the event counted"),
    FIELD(AskIn, measure, F_ENUM, .names = MEASURES, .doc = "trend: events, or different people"),
    FIELD(AskIn, from, F_STR, .max = 40, .doc = "trend: date or time, inclusive; local to the time zone"),
    FIELD(AskIn, to, F_STR, .max = 40, .doc = "trend: date or time, exclusive"),
    FIELD(AskIn, first_interval, F_STR, .max = 40, .doc = "retention: a date or time in the first period"),
    FIELD(AskIn, intervals, F_I64, .min = 1, .max = RETENTION_PERIODS_MAX, .was = offsetof(AskIn, had_intervals),
        .doc = "retention: number of periods"),
    FIELD(AskIn, mode, F_ENUM, .names = MODES,
        .doc = "retention: a row for every period with a start, or only for the first start of all time"),
    FIELD(AskIn, start_event, F_OBJECT, .of = &matcher_shape, .was = offsetof(AskIn, had_start),
        .doc = "retention: what makes a member of a row"),
    FIELD(AskIn, return_event, F_OBJECT, .of = &matcher_shape, .was = offsetof(AskIn, had_return),
        .doc = "retention: what counts as coming back"),
    FIELD(AskIn, timezone, F_STR, .max = 64, .doc = "IANA name; left out: the product's"),
    FIELD(AskIn, week_start, F_ENUM, .names = WEEKS, .was = offsetof(AskIn, had_week_start), .doc = "left out: monday"),
    FIELD(AskIn, filter, F_LIST, .item = F_OBJECT, .of = &filter_shape, .max = ASK_FILTERS_MAX,
        .doc = "every event must meet all of these"),
};
const Shape ask_shape = SHAPE("ask", AskIn, ask_fields);

static Status wrong(Cx *cx, Str field, const char *want)
{
    return refuse(cx, ST_INVALID, field, MSG_wrong_type, PARAMS({ "want", 0, str_z(want) }));
}
static Status value_of(Cx *cx, Str field, const JsonNode *v, Prop *ret)
{
    *ret = (Prop){ .kind = PROP_NULL };
    if (!v) return ST_OK;
    switch ((JsonKind)v->kind) {
    case JSON_NULL:   return ST_OK;
    case JSON_BOOL:   ret->kind = PROP_BOOL, ret->b = v->b; return ST_OK;
    case JSON_INT:    ret->kind = PROP_INT, ret->i = v->i; return ST_OK;
    case JSON_DOUBLE: ret->kind = PROP_DOUBLE, ret->d = v->d; return ST_OK;
    case JSON_STR:    ret->kind = PROP_STR, ret->s = v->s; return ST_OK;
    default:          return wrong(cx, field, "text, number, true, false, null");
    }
}
static Status pred_of(Cx *cx, Str field, Str prop, Op op, const JsonNode *value, Where *ret)
{
    Prop v;
    TRY(value_of(cx, field, value, &v));
    if (op == OP_CONTAINS && v.kind != PROP_STR) return wrong(cx, field, "text");
    if (op >= OP_LT && op <= OP_GE && v.kind != PROP_STR && v.kind != PROP_INT && v.kind != PROP_DOUBLE)
        return wrong(cx, field, "text, number");
    *ret = (Where){ .kind = WHERE_PRED, .pred = { .prop = prop, .op = op, .value = v } };
    return ST_OK;
}
static Status all_of(Cx *cx, size_t n, Str field, size_t max, Where *ret, Where **ret_kids)
{
    if (n > max) return refuse(cx, ST_INVALID, field, MSG_too_many, PARAMS({ "max", (int64_t)max, { 0 } }));
    *ret_kids = ARENA_MANY(cx->arena, Where, n + 1);
    *ret = (Where){ .kind = WHERE_ALL, .kids = *ret_kids, .n = n };
    return *ret_kids ? ST_OK : fail(cx, ST_NO_MEM, "ask: %zu conditions", n);
}
static Status field_of(Cx *cx, const char *a, Str b, Str *ret)
{
    Buf f = buf_new(cx->arena, 4096);
    buf_addz(&f, a);
    buf_add(&f, b);
    *ret = buf_str(&f);
    return f.bad ? fail(cx, ST_NO_MEM, "ask: a field's name") : ST_OK;
}
static Status matcher_add(Cx *cx, AskQuestion *q, const char *at, const AskMatcher *m)
{
    Where *where = &q->event[q->sel.n_matchers], *kids;
    Matcher *to = &q->sel.matchers[q->sel.n_matchers++];
    Str field, whole;
    *to = (Matcher){ .any = m->name.n == 0, .name = m->name };
    TRY(field_of(cx, at, S(".props"), &field));
    if (!m->props || m->props->kind == JSON_NULL) return ST_OK;
    if (m->props->kind != JSON_OBJECT) return wrong(cx, field, "object");
    TRY(all_of(cx, m->props->n, field, EVENT_PREDS_MAX, where, &kids));
    to->where = where;
    TRY(field_of(cx, at, S(".props."), &field));
    const JsonNode *key = json_first(m->props);
    for (uint32_t i = 0; i < m->props->n; i++) {
        const JsonNode *value = json_next(key);
        Buf b = buf_new(cx->arena, JSON_TEXT_MAX);
        buf_add(&b, field);
        buf_add(&b, key->s);
        if (b.bad) return fail(cx, ST_NO_MEM, "ask: a field's name");
        whole = buf_str(&b);
        TRY(pred_of(cx, whole, key->s, OP_IS, value, &kids[i]));
        key = json_next(value);
    }
    return ST_OK;
}
static Status filters_add(Cx *cx, AskQuestion *q, const List *filter)
{
    const AskFilter *f = filter->p;
    Where *kids;
    if (filter->n == 0) return ST_OK;
    TRY(all_of(cx, filter->n, S("filter"), ASK_FILTERS_MAX, &q->filter, &kids));
    q->sel.filter = &q->filter;
    for (size_t i = 0; i < filter->n; i++) {
        Buf b = buf_new(cx->arena, 64);
        buf_addz(&b, "filter[");
        buf_i64(&b, (int64_t)i);
        buf_addz(&b, "].value");
        if (b.bad) return fail(cx, ST_NO_MEM, "ask: a field's name");
        TRY(pred_of(cx, buf_str(&b), f[i].prop, (Op)f[i].op, f[i].value, &kids[i]));
    }
    return ST_OK;
}
static Status needs(Cx *cx, bool has, Str field)
{
    return has ? ST_OK : refuse(cx, ST_INVALID, field, MSG_required, NO_PARAMS);
}
static Status time_of(Cx *cx, const Zone *z, Str text, Str field, int64_t *ret)
{
    TRY(needs(cx, text.n > 0, field));
    return zone_parse(z, text, ret) ? ST_OK : refuse(cx, ST_INVALID, field, MSG_bad_time, NO_PARAMS);
}
static Status decode_trend(Cx *cx, AskQuestion *q)
{
    TRY(needs(cx, q->in.had_event, S("event")));
    TRY(time_of(cx, q->zone, q->in.from, S("from"), &q->from));
    TRY(time_of(cx, q->zone, q->in.to, S("to"), &q->to));
    if (q->from >= q->to) return refuse(cx, ST_INVALID, S("to"), MSG_empty_range, NO_PARAMS);
    TRY(zone_grid(cx, q->zone, (Period)q->in.period, q->week_start, q->from, q->to, ASK_PERIODS_MAX, &q->starts,
        &q->n));
    return matcher_add(cx, q, "event", &q->in.event);
}
static Status decode_retention(Cx *cx, AskQuestion *q)
{
    int64_t t;
    TRY(needs(cx, q->in.had_intervals, S("intervals")));
    TRY(needs(cx, q->in.had_start, S("start_event")));
    TRY(needs(cx, q->in.had_return, S("return_event")));
    TRY(time_of(cx, q->zone, q->in.first_interval, S("first_interval"), &t));
    q->n = (size_t)q->in.intervals;
    int64_t *starts = ARENA_MANY(cx->arena, int64_t, q->n + 1);
    if (!starts) return fail(cx, ST_NO_MEM, "ask: the grid");
    starts[0] = zone_floor(q->zone, (Period)q->in.period, q->week_start, t);
    for (size_t i = 0; i < q->n; i++)
        starts[i + 1] = zone_next(q->zone, (Period)q->in.period, q->week_start, starts[i]);
    q->starts = starts;
    q->from = q->in.mode == ASK_FIRST_TIME ? INT64_MIN : starts[0];
    q->to = starts[q->n];
    TRY(matcher_add(cx, q, "start_event", &q->in.start_event));
    return matcher_add(cx, q, "return_event", &q->in.return_event);
}
Status ask_decode(Cx *cx, Str question, Str zone, AskQuestion *ret)
{
    *ret = (AskQuestion){ .sel = { .hide = EVENT_SERVICE | EVENT_TEST | EVENT_BOT } };
    TRY(shape_take(cx, &ask_shape, question, &ret->in));
    TRY(zone_get(cx, ret->in.timezone.n ? ret->in.timezone : zone, &ret->zone));
    ret->week_start = ret->in.had_week_start ? ret->in.week_start : 1;
    TRY(ret->in.kind == ASK_TREND ? decode_trend(cx, ret) : decode_retention(cx, ret));
    return filters_add(cx, ret, &ret->in.filter);
}
