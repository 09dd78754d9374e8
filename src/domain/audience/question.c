#include "domain/audience/question_of.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/state_in.h"
#include <string.h>

static const char *const WEEKS[] = { "sunday", "monday" }, *const PERIODS[] = { "hour", "day", "week", "month" };
static const QuestionForm *const forms[QUESTION_KINDS_] = {
    [QUESTION_TREND] = &question_trend, [QUESTION_RETENTION] = &question_retention,
    [QUESTION_FUNNEL] = &question_funnel, [QUESTION_LIFECYCLE] = &question_lifecycle,
    [QUESTION_STICKINESS] = &question_stickiness, [QUESTION_FEATURES] = &question_features,
    [QUESTION_FINDINGS] = &question_findings, [QUESTION_SESSIONS] = &question_sessions,
    [QUESTION_PAGES] = &question_pages,
    [QUESTION_PATHS] = &question_paths, [QUESTION_SEQUENCES] = &question_paths,
};
static const QuestionForm *form_of(const Question *q) { return forms[q->kind]; }
static const CommonIn *common_of(const Question *q)
{
    return (const CommonIn *)(const void *)((const char *)&q->in + form_of(q)->common);
}

/* ---- reading ---- */

static void put(char to[QUESTION_PATH], size_t *at, const char *text)
{
    for (; *text && *at + 1 < QUESTION_PATH; text++) to[(*at)++] = *text;
    to[*at] = 0;
}
const char *question_path(char to[QUESTION_PATH], const char *before, size_t i, const char *after)
{
    char digits[24];
    size_t at = 0, n = sizeof digits;
    digits[--n] = 0;
    do digits[--n] = (char)('0' + i % 10); while (i /= 10);
    put(to, &at, before);
    put(to, &at, "[");
    put(to, &at, digits + n);
    put(to, &at, "]");
    put(to, &at, after);
    return to;
}
const char *question_inside(char to[QUESTION_PATH], const char *object, const char *field)
{
    size_t at = 0;
    put(to, &at, object);
    if (*object) put(to, &at, ".");
    put(to, &at, field);
    return to;
}

Status question_refuse(Cx *cx, const char *field, Msg msg)
{
    return refuse(cx, ST_INVALID, str_z(field), msg, NO_PARAMS);
}
Status question_time(Cx *cx, const Question *q, Str text, const char *field, int64_t *ret)
{
    return zone_parse(q->scope.zone, text, ret) ? ST_OK : question_refuse(cx, field, MSG_bad_time);
}
const QueryGroup *question_cell_group(Question *q, const GroupIn *in)
{
    const Str *values = in->values.p;
    if (in->values.n == 0 && !in->other) return NULL;
    q->cell_group = (QueryGroup){ .other = in->other };
    for (size_t i = 0; i < in->values.n && i < QUERY_BREAKDOWNS; i++) q->cell_group.value[i] = values[i];
    return &q->cell_group;
}
Status question_matcher(Cx *cx, Question *q, const char *field, const MatcherIn *in, Matcher *ret)
{
    char path[QUESTION_PATH];
    *ret = (Matcher){ .any = in->name.n == 0, .name = in->name };
    bool props = in->props && in->props->kind != JSON_NULL, where = in->where && in->where->kind != JSON_NULL;
    if (!props && !where) return ST_OK;
    if (q->n_wheres == QUESTION_MATCHERS)
        return refuse(cx, ST_INVALID, str_z(field), MSG_too_many, PARAMS({ "max", QUESTION_MATCHERS, { 0 } }));
    QuestionWhere *w = &q->wheres[q->n_wheres++];
    *w = (QuestionWhere){ .to = ret, .props = props ? in->props : NULL };
    if (props && in->props->kind != JSON_OBJECT)
        return refuse(cx, ST_INVALID, str_z(question_inside(path, field, "props")), MSG_wrong_type, PARAMS({ "want", 0,
            S("object") }));
    question_inside(path, field, "where");
    return where ? audience_parse_node(cx, &q->scope, in->where, path, AUDIENCE_OF_EVENTS, &w->where) : ST_OK;
}
static Status read_breakdown(Cx *cx, const CommonIn *c, QueryScope *s)
{
    static const SlotKind kinds[] = { SLOT_PROP, SLOT_TRAIT, SLOT_NAME };
    const BreakdownIn *b = c->breakdown.p;
    s->n_breakdown = c->breakdown.n;
    s->breakdown_limit = c->had_limit ? (size_t)c->breakdown_limit : 0;
    for (size_t i = 0; i < c->breakdown.n; i++) {
        if (b[i].type != 2 && b[i].prop.n == 0) return question_refuse(cx, "breakdown[].prop", MSG_required);
        s->breakdown[i] = (ScanSlot){ .kind = kinds[b[i].type], .name = b[i].prop };
    }
    return ST_OK;
}
static Status read_common(Cx *cx, Question *q)
{
    const CommonIn *c = common_of(q);
    QueryScope *s = form_of(q)->scope(q);
    if (c->timezone.n) TRY(zone_get(cx, c->timezone, &q->scope.zone));
    if (c->had_week_start) q->scope.week_start = c->week_start;
    q->period = (Period)c->period;
    s->zone = q->scope.zone;
    s->week_start = q->scope.week_start;
    s->period = q->period;
    TRY(read_breakdown(cx, c, s));
    if (c->filter && c->filter->kind != JSON_NULL)
        TRY(audience_parse_node(cx, &q->scope, c->filter, "filter", AUDIENCE_OF_BOTH, &q->filter));
    if (c->people && c->people->kind != JSON_NULL)
        TRY(audience_parse_node(cx, &q->scope, c->people, "people", AUDIENCE_OF_PEOPLE, &q->people));
    return ST_OK;
}
static Status kind_of(Cx *cx, const JsonNode *doc, QuestionKind *ret)
{
    Str kind = doc->kind == JSON_OBJECT ? json_str_of(json_get(doc, S("kind"))) : (Str){ 0 };
    Buf all = buf_new(cx->arena, 400);
    if (kind.n == 0) return question_refuse(cx, "kind", MSG_required);
    for (int i = 0; i < QUESTION_KINDS_; i++) {
        if (!forms[i]) continue;
        if (str_is(kind, question_kinds[i])) {
            *ret = (QuestionKind)i;
            return ST_OK;
        }
        if (all.n) buf_addz(&all, ", ");
        buf_addz(&all, question_kinds[i]);
    }
    return refuse(cx, ST_INVALID, S("kind"), MSG_not_one_of, PARAMS({ "names", 0, buf_str(&all) }));
}
Status question_read(Cx *cx, const AudienceScope *scope, Str json, Question **ret)
{
    const JsonNode *doc;
    Question *q = ARENA_NEW(cx->arena, Question);
    *ret = q;
    if (!q) return fail(cx, ST_NO_MEM, "question");
    q->scope = *scope;
    q->lang = cx->lang;
    TRY(json_parse(cx, json, &doc));
    TRY(kind_of(cx, doc, &q->kind));
    TRY(shape_take_node(cx, form_of(q)->shape, doc, &q->in));
    TRY(read_common(cx, q));
    return form_of(q)->read(cx, q);
}

/* ---- asking ---- */

static Status value_of(Cx *cx, const JsonNode *v, Prop *ret)
{
    *ret = (Prop){ .kind = PROP_NULL };
    switch ((JsonKind)v->kind) {
    case JSON_NULL:   return ST_OK;
    case JSON_BOOL:   ret->kind = PROP_BOOL, ret->b = v->b; return ST_OK;
    case JSON_INT:    ret->kind = PROP_INT, ret->i = v->i; return ST_OK;
    case JSON_DOUBLE: ret->kind = PROP_DOUBLE, ret->d = v->d; return ST_OK;
    case JSON_STR:    ret->kind = PROP_STR, ret->s = v->s; return ST_OK;
    default: return refuse(cx, ST_INVALID, S("props"), MSG_wrong_type,
        PARAMS({ "want", 0, S("text, number, true, false, null") }));
    }
}
/* {"plan":"free"}: each of them has this value; and the expression beside it. */
static Status where_of(Cx *cx, QuestionWhere *w, const Where **ret)
{
    size_t n = (w->props ? w->props->n : 0) + (w->filter.where != NULL);
    Where *kids = ARENA_MANY(cx->arena, Where, n + 1), *all = ARENA_NEW(cx->arena, Where);
    const JsonNode *key = w->props ? json_first(w->props) : NULL;
    if (!kids || !all) return fail(cx, ST_NO_MEM, "question: conditions");
    *all = (Where){ .kind = WHERE_ALL, .kids = kids };
    for (uint32_t i = 0; key && i < w->props->n; i++) {
        const JsonNode *v = json_next(key);
        kids[all->n] = (Where){ .kind = WHERE_PRED, .pred = { .prop = key->s, .op = OP_IS } };
        TRY(value_of(cx, v, &kids[all->n++].pred.value));
        key = json_next(v);
    }
    if (w->filter.where) kids[all->n++] = *w->filter.where;
    *ret = all->n ? all : NULL;
    return ST_OK;
}
static Status resolve(Cx *cx, const Snapshot *snap, ScanRun *run, Question *q)
{
    for (size_t i = 0; i < q->n_wheres; i++) {
        QuestionWhere *w = &q->wheres[i];
        if (w->where) TRY(audience_filter(cx, snap, w->where, cx->now, run, &w->filter));
        TRY(where_of(cx, w, &w->to->where));
    }
    return ST_OK;
}
/* Only people that the filter and the question's people both leave. */
static Status choose_people(Cx *cx, const Snapshot *snap, ScanRun *run, Question *q)
{
    QueryScope *s = form_of(q)->scope(q);
    if (q->filter) TRY(audience_filter(cx, snap, q->filter, cx->now, run, &q->filtered));
    if (q->people) TRY(audience_everyone(cx, snap, q->people, cx->now, run, &q->people_set));
    s->filter = q->filtered.where;
    s->who = q->people ? &q->people_set : q->filtered.who;
    if (q->people && q->filtered.who) people_set_and(&q->people_set, q->filtered.who);
    return ST_OK;
}
static Status add_missing(Cx *cx, const Snapshot *snap, Question *q)
{
    Str *missing = ARENA_MANY(cx->arena, Str, snap->set->n + 1);
    if (!missing) return fail(cx, ST_NO_MEM, "question: what is missing");
    for (size_t i = 0; i < snap->set->n; i++) {
        const Segment *s = snap->set->segs[i];
        if (!s->damaged || s->info.last < q->from || s->info.first >= q->to) continue;
        missing[q->n_missing] = arena_str(cx->arena, str_z(s->name));
        if (!missing[q->n_missing++].p) return fail(cx, ST_NO_MEM, "question: what is missing");
    }
    if (actors_damaged(snap->state->actors)) missing[q->n_missing++] = S("actors");
    q->missing = missing;
    return ST_OK;
}
Status question_missing(Cx *cx, Question *q, const Str *more, size_t n)
{
    Str *all = ARENA_MANY(cx->arena, Str, q->n_missing + n + 1);
    if (!all) return fail(cx, ST_NO_MEM, "question: what is missing");
    for (size_t i = 0; i < q->n_missing; i++) all[i] = q->missing[i];
    for (size_t i = 0; i < n; i++) all[q->n_missing + i] = more[i];
    q->missing = all;
    q->n_missing += n;
    return ST_OK;
}
static Status find_behind(Cx *cx, const Snapshot *snap, Question *q)
{
    Hash128 *keys = ARENA_MANY(cx->arena, Hash128, QUESTION_BEHIND);
    if (!keys) return fail(cx, ST_NO_MEM, "question: people");
    q->behind = keys;
    q->behind_all = people_set_count(&q->behind_set);
    for (uint32_t root = 0; root < q->behind_set.n && q->n_behind < QUESTION_BEHIND; root++)
        if (people_set_has(&q->behind_set, root)) keys[q->n_behind++] = snapshot_key(snap, root);
    return ST_OK;
}
Status question_run(Cx *cx, const Snapshot *snap, ScanRun *run, Question *q)
{
    QueryScope *s = form_of(q)->scope(q);
    TRY(scan_texts_new(cx, &q->texts));
    s->texts = q->texts;
    s->run = run;
    TRY(resolve(cx, snap, run, q));
    TRY(choose_people(cx, snap, run, q));
    if (q->wants_people) TRY(people_set_new(cx, snap->actors, &q->behind_set));
    TRY(form_of(q)->run(cx, snap, q));
    q->received = snap->received;
    q->now = cx->now;
    TRY(add_missing(cx, snap, q));
    return q->wants_people ? find_behind(cx, snap, q) : ST_OK;
}
void question_done(Question *q)
{
    if (!q) return;
    for (size_t i = 0; i < q->n_wheres; i++) audience_filter_done(&q->wheres[i].filter);
    audience_filter_done(&q->filtered);
    people_set_done(&q->people_set);
    people_set_done(&q->behind_set);
    scan_texts_done(q->texts);
    q->texts = NULL;
}
int64_t question_until(const Question *q)
{
    if (q->filter || q->people) return q->now + ASK_KEEP_MS;          /* windows that end now move with it */
    return q->count.finished < q->n ? q->starts[q->count.finished + 1] : 0;
}

/* ---- writing ---- */

void question_key_i64(JsonW *w, Str key, int64_t v) { jsonw_key(w, key), jsonw_i64(w, v); }
void question_key_str(JsonW *w, Str key, Str v) { jsonw_key(w, key), jsonw_str(w, v); }
void question_write_ints(JsonW *w, Str key, const int64_t *v, size_t n)
{
    jsonw_key(w, key);
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) jsonw_i64(w, v[i]);
    jsonw_close(w, ']');
}
bool question_same_group(const Question *q, const QueryGroup *a, const QueryGroup *b)
{
    bool same = a->other == b->other;
    for (size_t i = 0; i < common_of(q)->breakdown.n && !a->other; i++) same = same && str_eq(a->value[i], b->value[i]);
    return same;
}
void question_write_group(JsonW *w, const Question *q, const QueryGroup *g)
{
    size_t n = common_of(q)->breakdown.n;
    if (n == 0) return;
    jsonw_key(w, S("group"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n && !g->other; i++) jsonw_str(w, g->value[i]);
    jsonw_close(w, ']');
    jsonw_key(w, S("other")), jsonw_bool(w, g->other);
}
static void write_axis(JsonW *w, const Question *q)
{
    question_key_str(w, S("period"), str_z(PERIODS[q->period]));
    jsonw_key(w, S("starts"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < q->n; i++) jsonw_time(w, q->starts[i]);
    jsonw_close(w, ']');
    jsonw_key(w, S("end")), jsonw_time(w, q->starts[q->n]);
    question_key_i64(w, S("finished"), (int64_t)q->count.finished);
    jsonw_key(w, S("partial_last")), jsonw_bool(w, q->starts[q->n] > q->now);
}
static void write_behind(JsonW *w, const Question *q)
{
    static const char digits[] = "0123456789abcdef";
    if (!q->wants_people) return;
    question_key_i64(w, S("behind"), (int64_t)q->behind_all);
    jsonw_key(w, S("behind_people"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < q->n_behind; i++) {
        char text[36] = "vis_";
        for (int k = 0; k < 16; k++) {
            text[4 + k] = digits[q->behind[i].a >> (60 - 4 * k) & 15];
            text[20 + k] = digits[q->behind[i].b >> (60 - 4 * k) & 15];
        }
        jsonw_str(w, (Str){ text, sizeof text });
    }
    jsonw_close(w, ']');
}
void question_write(JsonW *w, const Question *q, int64_t us)
{
    jsonw_open(w, '{');
    question_key_str(w, S("kind"), str_z(question_kinds[q->kind]));
    question_key_str(w, S("definition"), str_z(msg_text(form_of(q)->definition(q), q->lang)));
    question_key_str(w, S("timezone"), zone_name(q->scope.zone));
    question_key_str(w, S("week_start"), str_z(WEEKS[q->scope.week_start]));
    if (q->n) write_axis(w, q);
    form_of(q)->write(w, q);
    if (q->count.events >= 0) question_key_i64(w, S("events_read"), q->count.events);
    question_key_i64(w, S("people"), q->count.people);
    question_key_i64(w, S("left_out"), q->count.left_out);
    write_behind(w, q);
    if (q->received) jsonw_key(w, S("until")), jsonw_time(w, q->received);
    jsonw_key(w, S("missing"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < q->n_missing; i++) jsonw_str(w, q->missing[i]);
    jsonw_close(w, ']');
    jsonw_key(w, S("ms")), jsonw_double(w, (double)us / 1000);
    jsonw_close(w, '}');
}
