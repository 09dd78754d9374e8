#include "domain/audience/question_of.h"
#include "base/arena.h"
#include "base/limits.h"

static const int64_t DAY_MS = 86400000;
static QueryScope *scope(Question *q) { return &q->funnel.q.scope; }

/* [n, unit]: a month is 30 days. */
static Status read_window(Cx *cx, const JsonNode *v, const char *field, int64_t *ret)
{
    static const struct { const char *name; int64_t ms; } units[] = { { "second", 1000 }, { "minute", 60000 },
        { "hour", 3600000 }, { "day", 86400000 }, { "week", 604800000 }, { "month", INT64_C(2592000000) } };
    const JsonNode *n = v->kind == JSON_ARRAY && v->n == 2 ? json_first(v) : NULL;
    Str unit = n ? json_str_of(json_next(n)) : (Str){ 0 };
    int64_t ms = 0;
    for (size_t i = 0; i < COUNT(units); i++) if (str_is(unit, units[i].name)) ms = units[i].ms;
    if (!n || n->kind != JSON_INT || n->i < 1 || ms == 0 || n->i > FUNNEL_DAYS_MAX * DAY_MS / ms)
        return refuse(cx, ST_INVALID, str_z(field), MSG_window_wrong, PARAMS({ "max", FUNNEL_DAYS_MAX, { 0 } }));
    *ret = n->i * ms;
    return ST_OK;
}
static bool given(const JsonNode *v) { return v && v->kind != JSON_NULL; }
static Status read_steps(Cx *cx, Question *q)
{
    const FunnelIn *in = &q->in.funnel;
    const StepIn *list = in->steps.p;
    FunnelStepSpec *steps = ARENA_MANY(cx->arena, FunnelStepSpec, in->steps.n);
    if (!steps) return fail(cx, ST_NO_MEM, "funnel: steps");
    q->funnel.q.steps = steps;
    q->funnel.q.n_steps = in->steps.n;
    for (size_t i = 0; i < in->steps.n; i++) {
        char field[QUESTION_PATH];
        MatcherIn m = { list[i].name, list[i].props, list[i].where };
        TRY(question_matcher(cx, q, question_path(field, "steps", i, ""), &m, &steps[i].event));
        steps[i].optional = list[i].optional;
        question_path(field, "steps", i, ".window");
        if (given(list[i].window)) TRY(read_window(cx, list[i].window, field, &steps[i].window));
    }
    return ST_OK;
}
static Status read_exclusions(Cx *cx, Question *q)
{
    const FunnelIn *in = &q->in.funnel;
    const ExclusionIn *list = in->exclusions.p;
    FunnelExclusion *all = ARENA_MANY(cx->arena, FunnelExclusion, in->exclusions.n + 1);
    if (!all) return fail(cx, ST_NO_MEM, "funnel: exclusions");
    q->funnel.q.exclusions = all;
    q->funnel.q.n_exclusions = in->exclusions.n;
    for (size_t i = 0; i < in->exclusions.n; i++) {
        char field[QUESTION_PATH];
        TRY(question_matcher(cx, q, question_path(field, "exclusions", i, ".event"), &list[i].event, &all[i].event));
        all[i].from_step = (size_t)list[i].from_step;
        all[i].to_step = (size_t)list[i].to_step;
    }
    return ST_OK;
}
static Status read_touch(Cx *cx, Str text, FunnelQuery *f)
{
    int64_t step;
    if (text.n == 0 || str_is(text, "first_touch")) f->touch = FUNNEL_FIRST_TOUCH;
    else if (str_is(text, "last_touch")) f->touch = FUNNEL_LAST_TOUCH;
    else if (str_is(text, "all_events")) f->touch = FUNNEL_ALL_EVENTS;
    else if (str_starts(text, S("step:")) && str_i64((Str){ text.p + 5, text.n - 5 }, &step) && step >= 0 &&
             (size_t)step < f->n_steps) {
        f->touch = FUNNEL_AT_STEP;
        f->touch_step = (size_t)step;
    } else {
        return refuse(cx, ST_INVALID, S("attribution"), MSG_not_one_of,
            PARAMS({ "names", 0, S("first_touch, last_touch, all_events, step:0, step:1 …") }));
    }
    return ST_OK;
}
static Status read_cell(Cx *cx, Question *q)
{
    const FunnelCellIn *in = &q->in.funnel.cell;
    const QueryGroup *group = question_cell_group(q, &in->group);
    if (in->had_bin && !q->in.funnel.had_convert) return question_refuse(cx, "cell.bin", MSG_required);
    if (in->step >= (int64_t)q->funnel.q.n_steps) return question_refuse(cx, "cell.step", MSG_not_found);
    q->funnel.cell = (FunnelCell){ .who = in->had_bin ? FUNNEL_TIME : in->lost ? FUNNEL_LOST : FUNNEL_REACHED,
        .step = (size_t)in->step };
    if (group) q->funnel.cell.group = *group;
    q->wants_people = true;
    return ST_OK;
}
static Status read(Cx *cx, Question *q)
{
    const FunnelIn *in = &q->in.funnel;
    FunnelQuery *f = &q->funnel.q;
    f->window = 14 * DAY_MS;
    f->order = (FunnelOrder)in->order;
    f->entries = in->count == 1;
    f->times = true;
    f->convert = in->had_convert;
    f->from_step = (size_t)in->time_to_convert.from_step;
    f->to_step = (size_t)in->time_to_convert.to_step;
    f->bins = (size_t)in->time_to_convert.bins;
    f->hold = in->hold;
    if (given(in->window)) TRY(read_window(cx, in->window, "window", &f->window));
    TRY(question_time(cx, q, in->from, "from", &f->from));
    TRY(question_time(cx, q, in->to, "to", &f->to));
    if (f->from > f->to) return question_refuse(cx, "to", MSG_empty_range);
    f->to += f->to < INT64_MAX;                            /* inclusive here, exclusive in the engine */
    TRY(read_steps(cx, q));
    TRY(read_exclusions(cx, q));
    TRY(read_touch(cx, in->attribution, f));
    q->from = f->from;
    q->to = f->to + f->window;
    return in->had_cell ? read_cell(cx, q) : ST_OK;
}
/* A bin's bounds are known when the histogram is. */
static Status find_bin(Cx *cx, const Snapshot *snap, Question *q)
{
    const FunnelCellIn *in = &q->in.funnel.cell;
    const FunnelRow *row = NULL;
    FunnelAnswer a;
    q->funnel.q.cell = NULL;
    TRY(query_funnel_run(cx, snap, &q->funnel.q, &a));
    for (size_t i = 0; i < a.n && !row; i++)
        if (question_same_group(q, &a.rows[i].group, &q->funnel.cell.group)) row = &a.rows[i];
    if (!row || (size_t)in->bin + 1 >= row->n_bins) return question_refuse(cx, "cell.bin", MSG_not_found);
    q->funnel.cell.low = (int64_t)row->bins[in->bin].from_ms;
    q->funnel.cell.high = (size_t)in->bin + 2 == row->n_bins ? INT64_MAX : (int64_t)row->bins[in->bin + 1].from_ms;
    return ST_OK;
}
static Status run(Cx *cx, const Snapshot *snap, Question *q)
{
    FunnelQuery *f = &q->funnel.q;
    if (q->wants_people && q->in.funnel.cell.had_bin) TRY(find_bin(cx, snap, q));
    if (q->wants_people) {
        f->cell = &q->funnel.cell;
        f->people = &q->behind_set;
    }
    TRY(query_funnel_run(cx, snap, f, &q->funnel.a));
    q->count = q->funnel.a.count;
    return ST_OK;
}
static void write_steps(JsonW *w, const Question *q, const FunnelRow *row)
{
    const StepIn *list = q->in.funnel.steps.p;
    int64_t first = row->steps[0].people;
    jsonw_key(w, S("steps"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < q->funnel.a.n_steps; i++) {
        const FunnelStep *s = &row->steps[i];
        jsonw_open(w, '{');
        question_key_str(w, S("name"), list[i].name);
        question_key_i64(w, S("people"), s->people);
        if (first) jsonw_key(w, S("share")), jsonw_double(w, (double)s->people / (double)first);
        if (s->timed) {
            jsonw_key(w, S("average_seconds")), jsonw_double(w, s->average_ms / 1000);
            jsonw_key(w, S("median_seconds")), jsonw_double(w, s->median_ms / 1000);
        }
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void write_times(JsonW *w, const FunnelRow *row)
{
    question_key_i64(w, S("converted"), row->converted);
    if (row->converted) jsonw_key(w, S("average_seconds")), jsonw_double(w, row->average_ms / 1000);
    jsonw_key(w, S("bins"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < row->n_bins; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("from_seconds")), jsonw_double(w, row->bins[i].from_ms / 1000);
        question_key_i64(w, S("people"), row->bins[i].people);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void write(JsonW *w, const Question *q)
{
    const FunnelAnswer *a = &q->funnel.a;
    jsonw_key(w, S("rows"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n; i++) {
        jsonw_open(w, '{');
        question_write_group(w, q, &a->rows[i].group);
        write_steps(w, q, &a->rows[i]);
        if (q->funnel.q.convert) write_times(w, &a->rows[i]);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static Msg definition(const Question *q)
{
    static const Msg of[] = { MSG_define_funnel_ordered, MSG_define_funnel_strict, MSG_define_funnel_unordered };
    return of[q->funnel.q.order];
}
const QuestionForm question_funnel = { .shape = &question_funnel_shape, .common = offsetof(FunnelIn, c), .read = read,
    .run = run, .write = write, .definition = definition, .scope = scope };
