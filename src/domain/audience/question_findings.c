#include "domain/audience/question_of.h"
#include "base/limits.h"

enum { EARLY_DAYS = 7, STAY_FROM = 8, STAY_TO = 14 };
static QueryScope *scope(Question *q) { return &q->findings.q.scope; }
static uint32_t or_else(bool had, int64_t v, uint32_t usual) { return had ? (uint32_t)v : usual; }
static Status read_cell(Question *q, const FindingsCellIn *in)
{
    q->findings.cell = (FindingsCell){ .row = { .event = in->event, .value = in->value, .valued = in->had_value,
        .level = { .days = in->days > 0, .least = (uint32_t)(in->days > 0 ? in->days : in->times) } },
        .did = !in->without, .stayed = !in->left };
    if (q->findings.cell.row.level.least == 0) q->findings.cell.row.level.least = 1;
    q->findings.q.cell = &q->findings.cell;
    q->wants_people = true;
    return ST_OK;
}
static Status read(Cx *cx, Question *q)
{
    const FindingsIn *in = &q->in.findings;
    FindingsQuery *f = &q->findings.q;
    TRY(question_time(cx, q, in->from, "from", &f->from));
    TRY(question_time(cx, q, in->to, "to", &f->to));
    if (f->from >= f->to) return question_refuse(cx, "to", MSG_empty_range);
    f->early = or_else(in->had_early, in->early, EARLY_DAYS);
    f->stay_from = or_else(in->had_stay_from, in->stay_from, STAY_FROM);
    f->stay_to = or_else(in->had_stay_to, in->stay_to, STAY_TO);
    f->from_event = in->window == 1;
    f->min_people = in->min_people;
    f->min_support = in->min_support;
    q->from = f->from;
    q->to = INT64_MAX;
    q->findings.slot = (ScanSlot){ .kind = SLOT_PROP, .name = in->prop };
    if (in->prop.n) f->prop = &q->findings.slot;
    TRY(question_matcher(cx, q, "start_event", &in->start_event, &f->start));
    TRY(question_matcher(cx, q, "return_event", &in->return_event, &f->back));
    TRY(question_matcher(cx, q, "event", &in->event, &f->event));
    return in->had_cell ? read_cell(q, &in->cell) : ST_OK;
}
static Status run(Cx *cx, const Snapshot *snap, Question *q)
{
    if (q->wants_people) q->findings.q.people = &q->behind_set;
    TRY(query_findings_run(cx, snap, &q->findings.q, &q->findings.a));
    q->count = q->findings.a.count;
    return ST_OK;
}
static void key_double(JsonW *w, Str key, double v) { jsonw_key(w, key), jsonw_double(w, v); }
static void write_row(JsonW *w, const FindingsRow *r)
{
    jsonw_open(w, '{');
    question_key_str(w, S("event"), r->event);
    if (r->valued) question_key_str(w, S("value"), r->value);
    question_key_i64(w, r->level.days ? S("days") : S("times"), r->level.least);
    question_key_i64(w, S("did"), r->did);
    question_key_i64(w, S("did_stayed"), r->did_stayed);
    question_key_i64(w, S("without"), r->without);
    question_key_i64(w, S("without_stayed"), r->without_stayed);
    key_double(w, S("support"), r->support);
    key_double(w, S("share_did"), r->shares.share[0]);
    key_double(w, S("share_without"), r->shares.share[1]);
    key_double(w, S("difference"), r->shares.difference);
    key_double(w, S("low"), r->shares.low);
    key_double(w, S("high"), r->shares.high);
    key_double(w, S("lift"), r->shares.lift);
    key_double(w, S("q"), r->q);
    jsonw_close(w, '}');
}
static void write(JsonW *w, const Question *q)
{
    const FindingsAnswer *a = &q->findings.a;
    question_key_i64(w, S("stories"), a->people);
    question_key_i64(w, S("stayed"), a->stayed);
    question_key_i64(w, S("unfinished"), a->unfinished);
    question_key_i64(w, S("candidates"), (int64_t)a->candidates);
    question_key_i64(w, S("looks"), (int64_t)a->looks);
    question_key_i64(w, S("found"), (int64_t)a->found);
    jsonw_key(w, S("rows"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n_rows; i++) write_row(w, &a->rows[i]);
    jsonw_close(w, ']');
}
static Msg definition(const Question *q)
{
    (void)q;
    return MSG_define_findings;
}
const QuestionForm question_findings = { .shape = &question_findings_shape, .common = offsetof(FindingsIn, c),
    .read = read, .run = run, .write = write, .definition = definition, .scope = scope };
