/* Lifecycle and stickiness. */
#include "domain/audience/question_of.h"
#include "base/limits.h"

static QueryScope *lifecycle_scope(Question *q) { return &q->lifecycle.q.scope; }
static QueryScope *stickiness_scope(Question *q) { return &q->stickiness.q.scope; }
static Status cell_wrong(Cx *cx, const char *field, int64_t min, int64_t max)
{
    return refuse(cx, ST_INVALID, str_z(field), MSG_out_of_range, PARAMS({ "min", min, { 0 } }, { "max", max, { 0 } }));
}
static Status read_both(Cx *cx, Question *q, Matcher *event, int64_t *first)
{
    const CycleIn *in = &q->in.cycle;
    q->from = INT64_MIN;
    q->to = INT64_MAX;
    q->wants_people = in->had_cell;
    TRY(question_time(cx, q, in->first_interval, "first_interval", first));
    return question_matcher(cx, q, "event", &in->event, event);
}
static Status lifecycle_read(Cx *cx, Question *q)
{
    const CycleIn *in = &q->in.cycle;
    LifecycleQuery *l = &q->lifecycle.q;
    TRY(read_both(cx, q, &l->event, &l->first));
    l->n = (size_t)in->intervals;
    if (!in->had_cell) return ST_OK;
    if (in->cell.row >= LIFECYCLE_STATES) return cell_wrong(cx, "cell.row", 0, LIFECYCLE_STATES - 1);
    q->lifecycle.cell = (LifecycleCell){ (size_t)in->cell.period, (LifecycleState)in->cell.row,
        question_cell_group(q, &in->cell.group) };
    l->cell = &q->lifecycle.cell;
    return ST_OK;
}
static Status stickiness_read(Cx *cx, Question *q)
{
    const CycleIn *in = &q->in.cycle;
    StickinessQuery *s = &q->stickiness.q;
    TRY(read_both(cx, q, &s->event, &s->first));
    s->n = (size_t)in->intervals;
    if (!in->had_cell) return ST_OK;
    if (in->cell.row < 1 || in->cell.row > in->intervals) return cell_wrong(cx, "cell.row", 1, in->intervals);
    q->stickiness.cell = (StickinessCell){ (size_t)in->cell.row, in->cell.or_more,
        question_cell_group(q, &in->cell.group) };
    s->cell = &q->stickiness.cell;
    return ST_OK;
}
static Status lifecycle_run(Cx *cx, const Snapshot *snap, Question *q)
{
    if (q->wants_people) q->lifecycle.q.people = &q->behind_set;
    TRY(query_lifecycle_run(cx, snap, &q->lifecycle.q, &q->lifecycle.a));
    q->count = q->lifecycle.a.count;
    q->starts = q->lifecycle.a.starts;
    q->n = q->lifecycle.a.n;
    return ST_OK;
}
static Status stickiness_run(Cx *cx, const Snapshot *snap, Question *q)
{
    if (q->wants_people) q->stickiness.q.people = &q->behind_set;
    TRY(query_stickiness_run(cx, snap, &q->stickiness.q, &q->stickiness.a));
    q->count = q->stickiness.a.count;
    q->starts = q->stickiness.a.starts;
    q->n = q->stickiness.a.n;
    return ST_OK;
}
static void lifecycle_write(JsonW *w, const Question *q)
{
    static const Str names[LIFECYCLE_STATES] = { S_INIT("new"), S_INIT("returning"), S_INIT("resurrecting"),
        S_INIT("dormant") };
    const LifecycleAnswer *a = &q->lifecycle.a;
    jsonw_key(w, S("lines"));
    jsonw_open(w, '[');
    for (size_t t = 0; t < a->n_tables; t++) {
        jsonw_open(w, '{');
        question_write_group(w, q, &a->tables[t].group);
        question_key_i64(w, S("people"), a->tables[t].people);
        for (size_t i = 0; i < LIFECYCLE_STATES; i++) question_write_ints(w, names[i], a->tables[t].state[i], a->n);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void stickiness_write(JsonW *w, const Question *q)
{
    const StickinessAnswer *a = &q->stickiness.a;
    jsonw_key(w, S("lines"));
    jsonw_open(w, '[');
    for (size_t t = 0; t < a->n_tables; t++) {
        jsonw_open(w, '{');
        question_write_group(w, q, &a->tables[t].group);
        question_key_i64(w, S("people"), a->tables[t].people);
        question_write_ints(w, S("exactly"), a->tables[t].exactly, a->n);
        question_write_ints(w, S("or_more"), a->tables[t].or_more, a->n);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static Msg lifecycle_definition(const Question *q)
{
    (void)q;
    return MSG_define_lifecycle;
}
static Msg stickiness_definition(const Question *q)
{
    (void)q;
    return MSG_define_stickiness;
}
const QuestionForm question_lifecycle = { .shape = &question_cycle_shape, .common = offsetof(CycleIn, c),
    .read = lifecycle_read, .run = lifecycle_run, .write = lifecycle_write, .definition = lifecycle_definition,
    .scope = lifecycle_scope };
const QuestionForm question_stickiness = { .shape = &question_cycle_shape, .common = offsetof(CycleIn, c),
    .read = stickiness_read, .run = stickiness_run, .write = stickiness_write, .definition = stickiness_definition,
    .scope = stickiness_scope };
