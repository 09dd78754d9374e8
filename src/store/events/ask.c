#include "store/events/ask_in.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/fold_trend.h"
#include "store/events/query_retention.h"
#include "store/events/scan.h"
#include "store/events/state_in.h"

static const Msg DEFINITIONS[2][2] = {
    { MSG_define_trend_count, MSG_define_trend_people },
    { MSG_define_retention_recurring, MSG_define_retention_first_time },
};
static Status add_missing(Cx *cx, const Snapshot *snap, const AskQuestion *q, Answer *ret)
{
    Str *missing = ARENA_MANY(cx->arena, Str, snap->set->n + 1);
    if (!missing) return fail(cx, ST_NO_MEM, "ask: what is missing");
    for (size_t i = 0; i < snap->set->n; i++) {
        const Segment *s = snap->set->segs[i];
        if (!s->damaged || s->info.last < q->from || s->info.first >= q->to) continue;
        missing[ret->n_missing] = arena_str(cx->arena, str_z(s->name));
        if (!missing[ret->n_missing++].p) return fail(cx, ST_NO_MEM, "ask: what is missing");
    }
    if (actors_damaged(snap->state->actors)) missing[ret->n_missing++] = S("actors");
    ret->missing = missing;
    return ST_OK;
}
static Status ask_trend(Cx *cx, const Snapshot *snap, const AskQuestion *q, ScanRun *run, const int64_t **ret_values,
    QueryCount *ret)
{
    Grid grid = { q->n, q->starts };
    int64_t *values = ARENA_MANY(cx->arena, int64_t, q->n + 1);
    ScanPlan plan = { .sel = &q->sel, .from = q->from, .to = q->to, .run = run, .count_from = q->from };
    ScanCount count;
    if (!values) return fail(cx, ST_NO_MEM, "ask: %zu values", q->n);
    FoldTrend trend = fold_trend(&grid, q->in.measure == ASK_PEOPLE, values);
    TRY(scan_fold(cx, snap, &plan, &trend.fold, &count));
    *ret = (QueryCount){ .events = count.events, .people = count.people, .left_out = count.left_out };
    *ret_values = values;
    return ST_OK;
}
static Status ask_retention(Cx *cx, const Snapshot *snap, const AskQuestion *q, ScanRun *run,
    const int64_t **ret_values, QueryCount *ret)
{
    RetentionQuery r = { .scope = { .zone = q->zone, .week_start = q->week_start, .period = (Period)q->in.period,
        .filter = q->sel.filter, .run = run }, .first = q->starts[0], .n = q->n, .count_events = true,
        .mode = q->in.mode == ASK_FIRST_TIME ? RETENTION_FIRST_TIME : RETENTION_RECURRING,
        .start = q->sel.matchers[0], .back = q->sel.matchers[1] };
    RetentionAnswer a;
    TRY(query_retention_run(cx, snap, &r, &a));
    *ret_values = a.tables[0].cells;
    *ret = a.count;
    return ST_OK;
}
static Status answer(Cx *cx, const Snapshot *snap, const AskQuestion *q, Answer *ret)
{
    ScanRun run = { .deadline = clock_mono() + ASK_SECONDS_MAX * 1000 };
    const int64_t *values;
    QueryCount count;
    TRY(q->in.kind == ASK_TREND ? ask_trend(cx, snap, q, &run, &values, &count) :
        ask_retention(cx, snap, q, &run, &values, &count));
    *ret = (Answer){ .kind = (AskKind)q->in.kind, .period = (Period)q->in.period, .zone = q->zone,
        .week_start = q->week_start,
        .n = q->n, .starts = q->starts, .values = values, .events_read = count.events, .people = count.people,
        .left_out = count.left_out, .until = snap->received, .partial_last = q->starts[q->n] > cx->now,
        .definition = str_z(msg_text(DEFINITIONS[q->in.kind][q->in.kind == ASK_TREND ? q->in.measure : q->in.mode],
            cx->lang)) };
    while (ret->finished < q->n && q->starts[ret->finished + 1] <= cx->now) ret->finished++;
    return add_missing(cx, snap, q, ret);
}
Status ask_state(Cx *cx, State *state, Str question, Answer *ret)
{
    int64_t start = clock_mono_us();
    AskQuestion q;
    Snapshot snap;
    TRY(ask_decode(cx, question, str_z(state->zone ? state->zone : "UTC"), &q));
    TRY(snapshot_take(cx, state, &snap));
    Status st = answer(cx, &snap, &q, ret);
    snapshot_done(cx, &snap);
    ret->us = clock_mono_us() - start;
    return st;
}

/* ---- as JSON ---- */

typedef struct MeanOut { int64_t of, back; double share; } MeanOut;
typedef struct RowOut { int64_t start; List values; } RowOut;
typedef struct AnswerOut {
    int kind, period, week_start;
    Str definition, timezone;
    List starts, values, rows, mean, missing;
    int64_t end, finished, events_read, people, left_out, until;
    bool partial_last;
    double ms;
} AnswerOut;
static const char *const KINDS[] = { "trend", "retention", NULL }, *const PERIODS[] = { "hour", "day", "week", "month",
    NULL };
static const char *const WEEKS[] = { "sunday", "monday", NULL };
static const Field mean_fields[] = {
    FIELD(MeanOut, of, F_I64, .required = true, .doc = "people of the rows whose period k has ended"),
    FIELD(MeanOut, back, F_I64, .required = true, .doc = "of these, back in it"),
    FIELD(MeanOut, share, F_DOUBLE, .doc = "back / of; left out when of is 0"),
};
static const Shape mean_shape = SHAPE("ask_mean", MeanOut, mean_fields);
static const Field row_fields[] = {
    FIELD(RowOut, start, F_TIME, .required = true, .doc = "start of the row's period"),
    FIELD(RowOut, values, F_LIST, .item = F_I64, .required = true,
        .doc = "column 0: people; column k: back in the k-th period after"),
};
static const Shape row_shape = SHAPE("ask_row", RowOut, row_fields);
static const Field answer_fields[] = {
    FIELD(AnswerOut, kind, F_ENUM, .names = KINDS, .required = true, .doc = "as asked"),
    FIELD(AnswerOut, period, F_ENUM, .names = PERIODS, .required = true, .doc = "as asked"),
    FIELD(AnswerOut, timezone, F_STR, .required = true, .doc = "the zone whose days these are"),
    FIELD(AnswerOut, week_start, F_ENUM, .names = WEEKS, .required = true, .doc = "first day of a week"),
    FIELD(AnswerOut, definition, F_STR, .required = true,
        .doc = "what the numbers mean, in the language of the request"),
    FIELD(AnswerOut, starts, F_LIST, .item = F_TIME, .max = 1000, .required = true, .doc = "start of each period"),
    FIELD(AnswerOut, end, F_TIME, .required = true, .doc = "end of the last period"),
    FIELD(AnswerOut, finished, F_I64, .required = true,
        .doc = "how many of the periods have ended: the others are partial"),
    FIELD(AnswerOut, partial_last, F_BOOL, .required = true, .doc = "the last period goes on"),
    FIELD(AnswerOut, values, F_LIST, .item = F_I64, .max = 1000, .doc = "trend: one a period"),
    FIELD(AnswerOut, rows, F_LIST, .item = F_OBJECT, .of = &row_shape, .max = 1000, .doc = "retention: one a period"),
    FIELD(AnswerOut, mean, F_LIST, .item = F_OBJECT, .of = &mean_shape, .max = 1000,
        .doc = "retention: column by column over finished periods"),
    FIELD(AnswerOut, events_read, F_I64, .required = true, .doc = "events that matched inside the range"),
    FIELD(AnswerOut, people, F_I64, .required = true, .doc = "people they belong to"),
    FIELD(AnswerOut, left_out, F_I64, .required = true,
        .doc = "people left out: erased, without consent to analysis, staff, bots"),
    FIELD(AnswerOut, until, F_TIME, .doc = "when the newest event known to this answer was received"),
    FIELD(AnswerOut, missing, F_LIST, .item = F_STR, .max = 100000, .required = true,
        .doc = "damaged files whose events this answer lacks"),
    FIELD(AnswerOut, ms, F_DOUBLE, .required = true, .doc = "how long it took"),
};
const Shape ask_answer_shape = SHAPE("ask_answer", AnswerOut, answer_fields);

static void key_str(JsonW *w, Str key, Str text) { jsonw_key(w, key), jsonw_str(w, text); }
static void key_i64(JsonW *w, Str key, int64_t v) { jsonw_key(w, key), jsonw_i64(w, v); }
static const int64_t *row_at(const Answer *a, size_t i) { return a->values + i * a->n - i * (i - 1) / 2; }
static void write_mean(JsonW *w, const Answer *a, size_t k)
{
    int64_t of = 0, back = 0;
    for (size_t i = 0; i + k < a->finished; i++) {
        of += row_at(a, i)[0];
        back += row_at(a, i)[k];
    }
    jsonw_open(w, '{');
    key_i64(w, S("of"), of);
    key_i64(w, S("back"), back);
    if (of) jsonw_key(w, S("share")), jsonw_double(w, (double)back / (double)of);
    jsonw_close(w, '}');
}
static void write_rows(JsonW *w, const Answer *a)
{
    jsonw_key(w, S("rows"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("start"));
        jsonw_time(w, a->starts[i]);
        jsonw_key(w, S("values"));
        jsonw_open(w, '[');
        for (size_t k = 0; k < a->n - i; k++) jsonw_i64(w, row_at(a, i)[k]);
        jsonw_close(w, ']');
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_key(w, S("mean"));
    jsonw_open(w, '[');
    for (size_t k = 0; k < a->finished; k++) write_mean(w, a, k);
    jsonw_close(w, ']');
}
static void write_axis(JsonW *w, const Answer *a)
{
    key_str(w, S("kind"), str_z(KINDS[a->kind]));
    key_str(w, S("period"), str_z(PERIODS[a->period]));
    key_str(w, S("timezone"), zone_name(a->zone));
    key_str(w, S("week_start"), str_z(WEEKS[a->week_start]));
    key_str(w, S("definition"), a->definition);
    jsonw_key(w, S("starts"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n; i++) jsonw_time(w, a->starts[i]);
    jsonw_close(w, ']');
    jsonw_key(w, S("end")), jsonw_time(w, a->starts[a->n]);
    key_i64(w, S("finished"), (int64_t)a->finished);
    jsonw_key(w, S("partial_last")), jsonw_bool(w, a->partial_last);
}
void ask_write(JsonW *w, const Answer *a)
{
    jsonw_open(w, '{');
    write_axis(w, a);
    if (a->kind == ASK_RETENTION) {
        write_rows(w, a);
    } else {
        jsonw_key(w, S("values"));
        jsonw_open(w, '[');
        for (size_t i = 0; i < a->n; i++) jsonw_i64(w, a->values[i]);
        jsonw_close(w, ']');
    }
    key_i64(w, S("events_read"), a->events_read);
    key_i64(w, S("people"), a->people);
    key_i64(w, S("left_out"), a->left_out);
    if (a->until) jsonw_key(w, S("until")), jsonw_time(w, a->until);
    jsonw_key(w, S("missing"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n_missing; i++) jsonw_str(w, a->missing[i]);
    jsonw_close(w, ']');
    jsonw_key(w, S("ms")), jsonw_double(w, (double)a->us / 1000);
    jsonw_close(w, '}');
}
