#include "domain/audience/question_of.h"
#include "base/arena.h"
#include "base/limits.h"

static QueryScope *scope(Question *q) { return &q->retention.q.scope; }
static Status read_brackets(Cx *cx, const RetentionIn *in, RetentionQuery *r)
{
    const int64_t *sizes = in->brackets.p;
    int64_t sum = 0;
    uint32_t *ret = ARENA_MANY(cx->arena, uint32_t, in->brackets.n + 1);
    if (!ret) return fail(cx, ST_NO_MEM, "retention: brackets");
    for (size_t i = 0; i < in->brackets.n; i++) {
        char field[QUESTION_PATH];
        if (sizes[i] < 1 || (sum += sizes[i]) > RETENTION_PERIODS_MAX)
            return refuse(cx, ST_INVALID, str_z(question_path(field, "brackets", i, "")), MSG_out_of_range,
                PARAMS({ "min", 1, { 0 } }, { "max", RETENTION_PERIODS_MAX, { 0 } }));
        ret[i] = (uint32_t)sizes[i];
    }
    r->brackets = ret;
    r->n_brackets = in->brackets.n;
    return ST_OK;
}
static Status read(Cx *cx, Question *q)
{
    const RetentionIn *in = &q->in.retention;
    RetentionQuery *r = &q->retention.q;
    TRY(question_time(cx, q, in->first_interval, "first_interval", &r->first));
    r->n = (size_t)in->intervals;
    r->mode = (RetentionMode)in->mode;
    r->measure = (RetentionMeasure)in->measure;
    r->from_event = in->window == 1;
    r->min_occurrences = (uint32_t)in->min_occurrences;
    r->aggregate_by = in->aggregate_by;
    r->value = in->had_value ? in->value.prop : (Str){ 0 };
    TRY(read_brackets(cx, in, r));
    TRY(question_matcher(cx, q, "start_event", &in->start_event, &r->start));
    TRY(question_matcher(cx, q, "return_event", &in->return_event, &r->back));
    q->from = r->mode == RETENTION_RECURRING ? r->first : INT64_MIN;
    q->to = INT64_MAX;
    if (!in->had_cell) return ST_OK;
    q->retention.cell = (RetentionCell){ (size_t)in->cell.row, (size_t)in->cell.column,
        question_cell_group(q, &in->cell.group) };
    r->cell = &q->retention.cell;
    q->wants_people = true;
    return ST_OK;
}
static Status run(Cx *cx, const Snapshot *snap, Question *q)
{
    if (q->wants_people) q->retention.q.people = &q->behind_set;
    TRY(query_retention_run(cx, snap, &q->retention.q, &q->retention.a));
    q->count = q->retention.a.count;
    q->starts = q->retention.a.starts;
    q->n = q->retention.a.n;
    return ST_OK;
}
static size_t columns_of(const RetentionAnswer *a, size_t i) { return a->columns - (a->triangle ? i : 0); }
static void write_row(JsonW *w, const Question *q, const RetentionTable *t, size_t i)
{
    const RetentionAnswer *a = &q->retention.a;
    size_t at = query_retention_row(a, i), n = columns_of(a, i);
    jsonw_open(w, '{');
    jsonw_key(w, S("start")), jsonw_time(w, a->starts[i]);
    question_write_ints(w, S("values"), t->cells + at, n);
    question_key_i64(w, S("finished"), (int64_t)a->finished[i]);
    if (t->sums) {
        bool mean = q->in.retention.value.measure == 1;
        jsonw_key(w, S("amounts"));
        jsonw_open(w, '[');
        for (size_t k = 0; k < n; k++) {
            if (!mean) jsonw_double(w, t->sums[at + k]);
            else if (t->values[at + k]) jsonw_double(w, t->sums[at + k] / (double)t->values[at + k]);
            else jsonw_null(w);
        }
        jsonw_close(w, ']');
    }
    jsonw_close(w, '}');
}
static void write_mean(JsonW *w, const RetentionMean *m)
{
    jsonw_open(w, '{');
    question_key_i64(w, S("of"), m->of);
    question_key_i64(w, S("back"), m->back);
    if (m->of) jsonw_key(w, S("share")), jsonw_double(w, (double)m->back / (double)m->of);
    if (m->values) jsonw_key(w, S("amount")), jsonw_double(w, m->sum / (double)m->values);
    jsonw_close(w, '}');
}
static size_t columns_with_mean(const RetentionAnswer *a)
{
    size_t n = 0;
    while (n < a->columns && a->n && a->finished[0] > n) n++;
    return n;
}
static void write_table(JsonW *w, const Question *q, const RetentionTable *t)
{
    const RetentionAnswer *a = &q->retention.a;
    jsonw_key(w, S("rows"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n; i++) write_row(w, q, t, i);
    jsonw_close(w, ']');
    jsonw_key(w, S("mean"));
    jsonw_open(w, '[');
    for (size_t k = 0; k < columns_with_mean(a); k++) write_mean(w, &t->mean[k]);
    jsonw_close(w, ']');
}
static void write(JsonW *w, const Question *q)
{
    const RetentionAnswer *a = &q->retention.a;
    if (q->in.retention.c.breakdown.n == 0) {
        if (a->n_tables) write_table(w, q, &a->tables[0]);
        return;
    }
    jsonw_key(w, S("tables"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n_tables; i++) {
        jsonw_open(w, '{');
        question_write_group(w, q, &a->tables[i].group);
        question_key_i64(w, S("people"), a->tables[i].people);
        write_table(w, q, &a->tables[i]);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static Msg definition(const Question *q)
{
    const RetentionQuery *r = &q->retention.q;
    if (r->from_event) return MSG_define_retention_24h;
    if (r->n_brackets) return MSG_define_retention_brackets;
    if (r->measure == RETENTION_ON_OR_AFTER) return MSG_define_retention_on_or_after;
    return r->mode == RETENTION_RECURRING ? MSG_define_retention_recurring : r->mode == RETENTION_FIRST_TIME ?
        MSG_define_retention_first_time : MSG_define_retention_first_ever;
}
const QuestionForm question_retention = { .shape = &question_retention_shape, .common = offsetof(RetentionIn, c),
    .read = read, .run = run, .write = write, .definition = definition, .scope = scope };
