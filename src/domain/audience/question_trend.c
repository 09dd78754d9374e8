#include "domain/audience/question_of.h"
#include "base/limits.h"

static const char *const MEASURES[] = { "count", "people", "per_person", "sum", "mean", "min", "max", "percentile" };

static QueryScope *scope(Question *q) { return &q->trend.q.scope; }
static Status read_series(Cx *cx, Question *q, const char *field, const SeriesIn *in, TrendSeries *ret)
{
    char path[QUESTION_PATH];
    *ret = (TrendSeries){ .measure = (TrendMeasure)in->measure, .prop = in->prop, .percentile = in->percentile };
    if (ret->measure >= TREND_SUM && in->prop.n == 0)
        return question_refuse(cx, question_inside(path, field, "prop"), MSG_required);
    if (ret->measure == TREND_PERCENTILE && !(in->percentile > 0))
        return question_refuse(cx, question_inside(path, field, "percentile"), MSG_required);
    return question_matcher(cx, q, question_inside(path, field, "event"), &in->event, &ret->event);
}
static Status read_all_series(Cx *cx, Question *q)
{
    const TrendIn *in = &q->in.trend;
    TrendQuery *t = &q->trend.q;
    const SeriesIn *list = in->series.p;
    if (in->series.n == 0) {
        if (!in->had_event) return question_refuse(cx, "event", MSG_required);
        SeriesIn one = { in->event, in->measure, in->prop, { 0 }, in->percentile };
        t->n_series = 1;
        return read_series(cx, q, "", &one, &t->series[0]);
    }
    t->n_series = in->series.n;
    for (size_t i = 0; i < in->series.n; i++) {
        char field[QUESTION_PATH];
        TRY(read_series(cx, q, question_path(field, "series", i, ""), &list[i], &t->series[i]));
    }
    return ST_OK;
}
static Status read(Cx *cx, Question *q)
{
    const TrendIn *in = &q->in.trend;
    TrendQuery *t = &q->trend.q;
    const Str *formulas = in->formulas.p;
    TRY(question_time(cx, q, in->from, "from", &t->from));
    TRY(question_time(cx, q, in->to, "to", &t->to));
    if (t->from >= t->to) return question_refuse(cx, "to", MSG_empty_range);
    TRY(read_all_series(cx, q));
    for (size_t i = 0; i < in->formulas.n; i++) {
        char field[QUESTION_PATH];
        TRY(formula_read(cx, formulas[i], str_z(question_path(field, "formulas", i, "")), t->n_series,
            &q->trend.formulas[i]));
        t->formulas[t->n_formulas++] = &q->trend.formulas[i];
    }
    q->from = t->from;
    q->to = t->to;
    if (!in->had_cell) return ST_OK;
    q->trend.cell = (TrendCell){ .series = (size_t)in->cell.series, .period = in->cell.had_period ?
        (size_t)in->cell.period : ASK_PERIODS_MAX + 1, .group = question_cell_group(q, &in->cell.group) };
    q->wants_people = true;
    return ST_OK;
}
static Status run(Cx *cx, const Snapshot *snap, Question *q)
{
    TrendQuery *t = &q->trend.q;
    if (q->wants_people) {
        size_t n;
        const int64_t *starts;
        TRY(zone_grid(cx, t->scope.zone, t->scope.period, t->scope.week_start, t->from, t->to, ASK_PERIODS_MAX, &starts,
            &n));
        if (!q->in.trend.cell.had_period) q->trend.cell.period = n;
        t->cell = &q->trend.cell;
        t->people = &q->behind_set;
    }
    TRY(query_trend_run(cx, snap, t, &q->trend.a));
    q->count = q->trend.a.count;
    q->starts = q->trend.a.grid.starts;
    q->n = q->trend.a.grid.n;
    return ST_OK;
}
static void write_number(JsonW *w, const Number *n)
{
    if (n->kind == NUMBER_INT) jsonw_i64(w, n->i);
    else if (n->kind == NUMBER_DOUBLE) jsonw_double(w, n->d);
    else jsonw_null(w);
}
static void write_values(JsonW *w, Str key, const Number *v, size_t n)
{
    jsonw_key(w, key);
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) write_number(w, &v[i]);
    jsonw_close(w, ']');
}
static Str line_name(const Question *q, size_t line)
{
    const SeriesIn *list = q->in.trend.series.p;
    const Str *formulas = q->in.trend.formulas.p;
    size_t n = q->trend.q.n_series;
    if (line >= n) return formulas[line - n];
    if (q->in.trend.series.n && list[line].name.n) return list[line].name;
    return q->trend.q.series[line].event.name;
}
static void write(JsonW *w, const Question *q)
{
    const TrendAnswer *a = &q->trend.a;
    size_t width = a->grid.n + 1;
    write_values(w, S("values"), a->values, a->n_groups ? a->grid.n : 0);
    jsonw_key(w, S("lines"));
    jsonw_open(w, '[');
    for (size_t line = 0; line < a->n_lines; line++)
        for (size_t g = 0; g < a->n_groups; g++) {
            const Number *v = a->values + (line * a->n_groups + g) * width;
            jsonw_open(w, '{');
            question_key_str(w, S("name"), line_name(q, line));
            question_key_str(w, S("measure"), str_z(line < q->trend.q.n_series ?
                MEASURES[q->trend.q.series[line].measure] : "formula"));
            question_write_group(w, q, &a->groups[g]);
            write_values(w, S("values"), v, a->grid.n);
            jsonw_key(w, S("total"));
            write_number(w, &v[a->grid.n]);
            jsonw_close(w, '}');
        }
    jsonw_close(w, ']');
}
static Msg definition(const Question *q)
{
    const TrendQuery *t = &q->trend.q;
    if (t->n_series > 1 || t->series[0].measure > TREND_PEOPLE) return MSG_define_trend;
    return t->series[0].measure == TREND_COUNT ? MSG_define_trend_count : MSG_define_trend_people;
}
const QuestionForm question_trend = { .shape = &question_trend_shape, .common = offsetof(TrendIn, c), .read = read,
    .run = run, .write = write, .definition = definition, .scope = scope };
