#include "store/events/ask_rig_in_test.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/fold_trend_rig_test.h"
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
/* What the state knows to be missing, and the damaged files of the log. */
static Status add_log(Cx *cx, Events *e, Answer *a)
{
    const Str *log;
    size_t n;
    TRY(events_missing(cx, e, &log, &n));
    if (n == 0) return ST_OK;
    Str *all = ARENA_MANY(cx->arena, Str, a->n_missing + n);
    if (!all) return fail(cx, ST_NO_MEM, "ask: what is missing");
    for (size_t i = 0; i < a->n_missing; i++) all[i] = a->missing[i];
    for (size_t i = 0; i < n; i++) all[a->n_missing + i] = log[i];
    a->missing = all;
    a->n_missing += n;
    return ST_OK;
}
Status ask_run(Cx *cx, Events *e, Str question, Answer *ret)
{
    Answer a;
    TRY(ask_state(cx, events_state(e), question, &a));
    TRY(add_log(cx, e, &a));
    *ret = a;
    return ST_OK;
}
