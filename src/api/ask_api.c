/* ask_api: questions about behaviour. */
#include "api/app.h"
#include "base/limits.h"
#include "domain/audience/question.h"
#include "store/events/snapshot.h"

enum { ANSWER_BYTES = 64 << 20, KEY_BYTES = HTTP_BODY_MAX + 200 };
typedef struct Asked { const App *app; Str json; } Asked;
/* The product's zone and week, where a question does not say its own. */
static Status scope_of(Cx *cx, const App *app, AudienceScope *ret)
{
    *ret = (AudienceScope){ .week_start = 1 };
    return zone_get(cx, app->zone, &ret->zone);
}
static Status answer(Cx *cx, const Snapshot *snap, const Asked *a, ScanRun *run, Question **q, AsksAnswer *ret)
{
    AudienceScope scope;
    int64_t start = clock_mono_us();
    Buf b = buf_new(cx->arena, ANSWER_BYTES);
    JsonW w = { .b = &b };
    const Str *damaged;
    size_t n;
    TRY(scope_of(cx, a->app, &scope));
    TRY(question_read(cx, &scope, a->json, q));
    TRY(question_run(cx, snap, run, *q));
    TRY(events_missing(cx, a->app->events, &damaged, &n));
    TRY(question_missing(cx, *q, damaged, n));
    question_write(&w, *q, clock_mono_us() - start);
    if (b.bad) return fail(cx, ST_NO_MEM, "ask: the answer");
    *ret = (AsksAnswer){ .text = buf_str(&b), .until = question_until(*q) };
    return ST_OK;
}
static Status work(Cx *cx, void *arg, ScanRun *run, AsksAnswer *ret)
{
    const Asked *a = arg;
    Snapshot snap;
    Question *q = NULL;
    TRY(snapshot_take(cx, events_state(a->app->events), &snap));
    Status st = answer(cx, &snap, a, run, &q, ret);
    question_done(q);
    snapshot_done(cx, &snap);
    return st;
}
static bool is_gone(const void *arg) { return req_gone(arg); }
/* Equal questions of callers with the same language. Whatever else an answer depends on is in the version. */
static Status key_of(Cx *cx, const Req *rq, Str *ret)
{
    Buf b = buf_new(cx->arena, KEY_BYTES);
    buf_i64(&b, rq->lang);
    buf_addc(&b, ' ');
    buf_add(&b, rq->app->zone);
    buf_addc(&b, ' ');
    buf_add(&b, rq->body);
    *ret = buf_str(&b);
    return b.bad ? fail(cx, ST_NO_MEM, "ask: the question") : ST_OK;
}
static Status post_ask(Cx *cx, const Req *rq, Res *rs)
{
    Asked asked = { rq->app, rq->body };
    AsksQuestion q = { .version = events_version(rq->app->events), .work = work, .arg = &asked,
        .deadline_ms = ASK_SECONDS_MAX * 1000, .fresh = str_is(req_query(cx, rq, "fresh"), "true") };
    AsksCaller caller = { .name = req_query(cx, rq, "run"), .gone = is_gone, .arg = rq };
    AsksAnswer got;
    bool kept;
    cx->lang = rq->lang;
    TRY(key_of(cx, rq, &q.key));
    TRY(asks_run(cx, rq->app->asks, &q, &caller, &got, &kept));
    res_bytes(rs, 200, "application/json", got.text);
    if (kept) res_header(cx, rs, "X-Kept", S("true"));
    return ST_OK;
}
static Status get_runs(Cx *cx, const Req *rq, Res *rs)
{
    const AsksState *all;
    size_t n;
    TRY(asks_list(cx, rq->app->asks, &all, &n));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("name"));    jsonw_str(w, all[i].name);
        jsonw_key(w, S("done"));    jsonw_i64(w, all[i].done);
        jsonw_key(w, S("of"));      jsonw_i64(w, all[i].of);
        jsonw_key(w, S("ms"));      jsonw_i64(w, all[i].ms);
        jsonw_key(w, S("callers")); jsonw_i64(w, all[i].callers);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_close(w, '}');
    return ST_OK;
}
static Status delete_run(Cx *cx, const Req *rq, Res *rs)
{
    if (!asks_stop(rq->app->asks, rq->params[0])) return refuse(cx, ST_NOT_FOUND, S("name"), MSG_not_found, NO_PARAMS);
    res_bytes(rs, 204, "application/json", S(""));
    return ST_OK;
}
typedef struct RunOut { Str name; int64_t done, of, ms, callers; } RunOut;
static const Field run_fields[] = {
    FIELD(RunOut, name, F_STR, .required = true, .doc = "the ?run= of one who asked; may be empty"),
    FIELD(RunOut, done, F_I64, .required = true, .doc = "events looked at"),
    FIELD(RunOut, of, F_I64, .required = true, .doc = "of so many; 0: not known yet"),
    FIELD(RunOut, ms, F_I64, .required = true, .doc = "since it began"),
    FIELD(RunOut, callers, F_I64, .required = true, .doc = "who wait for the answer"),
};
static const Shape run_shape = SHAPE("ask_run", RunOut, run_fields);
typedef struct RunsOut { List items; } RunsOut;
static const Field runs_fields[] = { FIELD(RunsOut, items, F_LIST, .item = F_OBJECT, .of = &run_shape,
    .required = true) };
static const Shape runs_shape = SHAPE("ask_runs", RunsOut, runs_fields);

/* Names to offer in a question: those of a sample, since a list of all is not worth reading every event. */
enum { SAMPLE_EVENTS = 100000, SAMPLE_DAYS = 30, NAMES_MAX = 300 };
typedef struct NameOut { Str name; int64_t count; } NameOut;
typedef struct NameList { NameOut all[NAMES_MAX]; size_t n; } NameList;
typedef struct Sample { NameList events, props; int64_t n; } Sample;

static Status count_name(Cx *cx, NameList *l, Str name)
{
    size_t i = 0;
    while (i < l->n && !str_eq(l->all[i].name, name)) i++;
    if (i == NAMES_MAX) return ST_OK;
    if (i == l->n) {
        Str kept = arena_str(cx->arena, name);
        if (!kept.p) return fail(cx, ST_NO_MEM, "names");
        l->all[l->n++] = (NameOut){ .name = kept };
    }
    l->all[i].count++;
    for (; i && l->all[i].count > l->all[i - 1].count; i--) {     /* kept by count: the usual ones are found first */
        NameOut one = l->all[i];
        l->all[i] = l->all[i - 1];
        l->all[i - 1] = one;
    }
    return ST_OK;
}
static Status look(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    Sample *s = arg;
    (void)root;
    if (e->flags & (EVENT_SERVICE | EVENT_TEST | EVENT_BOT)) return ST_OK;
    TRY(count_name(cx, &s->events, e->name));
    for (size_t i = 0; i < e->n_props; i++) TRY(count_name(cx, &s->props, e->props[i].name));
    return ++s->n < SAMPLE_EVENTS ? ST_OK : ST_NOT_FOUND;
}
static void names_out(JsonW *w, Str key, const NameList *l)
{
    jsonw_key(w, key);
    jsonw_open(w, '[');
    for (size_t i = 0; i < l->n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("name"));  jsonw_str(w, l->all[i].name);
        jsonw_key(w, S("count")); jsonw_i64(w, l->all[i].count);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static Status get_names(Cx *cx, const Req *rq, Res *rs)
{
    static const int64_t day = 86400000;
    Sample *s = ARENA_NEW(cx->arena, Sample);

    if (!s) return fail(cx, ST_NO_MEM, "names");
    TRY(events_scan(cx, rq->app->events, cx->now - SAMPLE_DAYS * day, cx->now + day, look, s));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    names_out(w, S("events"), &s->events);
    names_out(w, S("props"), &s->props);
    jsonw_key(w, S("sampled")); jsonw_i64(w, s->n);
    jsonw_close(w, '}');
    return ST_OK;
}
static const Field name_fields[] = {
    FIELD(NameOut, name, F_STR, .required = true),
    FIELD(NameOut, count, F_I64, .required = true, .doc = "in the sample"),
};
static const Shape name_shape = SHAPE("sampled_name", NameOut, name_fields);
typedef struct NamesOut { List events, props; int64_t sampled; } NamesOut;
static const Field names_fields[] = {
    FIELD(NamesOut, events, F_LIST, .item = F_OBJECT, .of = &name_shape, .required = true),
    FIELD(NamesOut, props, F_LIST, .item = F_OBJECT, .of = &name_shape, .required = true),
    FIELD(NamesOut, sampled, F_I64, .required = true, .doc = "events looked at"),
};
static const Shape names_shape = SHAPE("sampled_names", NamesOut, names_fields);

/* What all answers have; each kind has more, see the guide. */
typedef struct AnswerOut { Str kind, definition, timezone, week_start; int64_t events_read, people, left_out;
    } AnswerOut;
static const Field answer_fields[] = {
    FIELD(AnswerOut, kind, F_STR, .required = true, .doc = "as asked"),
    FIELD(AnswerOut, definition, F_STR, .required = true, .doc = "what the numbers mean, in the caller's language"),
    FIELD(AnswerOut, timezone, F_STR, .required = true, .doc = "the zone whose days these are"),
    FIELD(AnswerOut, week_start, F_STR, .required = true, .doc = "first day of a week"),
    FIELD(AnswerOut, events_read, F_I64,
        .doc = "events that matched inside the range; left out where nobody had to look at single events"),
    FIELD(AnswerOut, people, F_I64, .required = true, .doc = "people they belong to"),
    FIELD(AnswerOut, left_out, F_I64, .required = true,
        .doc = "people left out: erased, without consent to analysis, staff, bots"),
};
static const Shape answer_shape = SHAPE_OPEN("ask_answer", AnswerOut, answer_fields);
const Route ask_routes[] = {
    { "POST", "/api/1/ask", post_ask, .may = MAY_STAFF, .queue = Q_ASK, .gives = &answer_shape,
        .doc = "ask a question about behaviour; ?run= names it for /api/1/ask/runs, ?fresh=true computes it anew" },
    { "GET", "/api/1/ask/runs", get_runs, .may = MAY_STAFF, .queue = Q_DB, .gives = &runs_shape,
        .doc = "questions being answered now, with how far they are" },
    { "DELETE", "/api/1/ask/runs/{name}", delete_run, .may = MAY_STAFF, .queue = Q_DB, .gives_code = 204,
        .doc = "stop a question, for all who wait for it" },
    { "GET", "/api/1/names", get_names, .may = MAY_STAFF, .queue = Q_ASK, .gives = &names_shape,
        .doc = "names of events and properties in a sample of the last 30 days, the most frequent first" },
};
const size_t ask_routes_n = COUNT(ask_routes);
