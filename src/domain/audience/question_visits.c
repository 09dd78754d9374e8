/* Sessions, and the pages looked at in them. */
#include "domain/audience/question_of.h"
#include "base/limits.h"

static QueryScope *sessions_scope(Question *q) { return &q->sessions.q.scope; }
static QueryScope *pages_scope(Question *q) { return &q->pages.q.scope; }
static Status read_range(Cx *cx, Question *q, const VisitsIn *in, int64_t *from, int64_t *to)
{
    TRY(question_time(cx, q, in->from, "from", from));
    TRY(question_time(cx, q, in->to, "to", to));
    if (*from >= *to) return question_refuse(cx, "to", MSG_empty_range);
    q->from = *from;
    q->to = INT64_MAX;
    q->wants_people = in->had_cell;
    return ST_OK;
}
/* What is a view, where the question does not say. */
static MatcherIn or_name(bool had, const MatcherIn *in, Str name) { return had ? *in : (MatcherIn){ .name = name }; }
static Status sessions_read(Cx *cx, Question *q)
{
    const VisitsIn *in = &q->in.visits;
    SessionsQuery *s = &q->sessions.q;
    MatcherIn view = or_name(in->had_event, &in->event, S("$pageview"));
    TRY(read_range(cx, q, in, &s->from, &s->to));
    s->gap = in->session_gap * 60000;
    TRY(question_matcher(cx, q, "event", &view, &s->view));
    if (!in->had_cell) return ST_OK;
    const QueryGroup *group = question_cell_group(q, &in->cell.group);
    q->sessions.cell = (SessionsCell){ .bounced = in->cell.who == PAGES_BOUNCED };
    if (group) q->sessions.cell.group = *group;
    s->cell = &q->sessions.cell;
    return ST_OK;
}
static Status pages_read(Cx *cx, Question *q)
{
    const VisitsIn *in = &q->in.visits;
    PagesQuery *p = &q->pages.q;
    MatcherIn view = or_name(in->had_event, &in->event, S("$pageview"));
    TRY(read_range(cx, q, in, &p->from, &p->to));
    p->gap = in->session_gap * 60000;
    p->prop = in->prop.n ? in->prop : S("$path");
    p->url = (PathUrl){ .drop_query = in->drop_query, .drop_fragment = in->drop_query, .ids = in->mask_ids };
    p->limit = (size_t)in->limit;
    TRY(question_matcher(cx, q, "event", &view, &p->view));
    if (in->had_click) TRY(question_matcher(cx, q, "click", &in->click, &p->click));
    if (in->had_dwell) TRY(question_matcher(cx, q, "dwell", &in->dwell, &p->dwell));
    p->measure = in->measure;
    if (!in->had_cell) return ST_OK;
    const QueryGroup *group = question_cell_group(q, &in->cell.group);
    q->pages.cell = (PagesCell){ .who = (PagesWho)in->cell.who, .page = in->cell.page };
    if (group) q->pages.cell.group = *group;
    p->cell = &q->pages.cell;
    return ST_OK;
}
static Status sessions_run(Cx *cx, const Snapshot *snap, Question *q)
{
    if (q->wants_people) q->sessions.q.people = &q->behind_set;
    TRY(query_sessions_run(cx, snap, &q->sessions.q, &q->sessions.a));
    q->count = q->sessions.a.count;
    q->starts = q->sessions.a.starts;
    q->n = q->sessions.a.n_periods;
    return ST_OK;
}
static Status pages_run(Cx *cx, const Snapshot *snap, Question *q)
{
    if (q->wants_people) q->pages.q.people = &q->behind_set;
    TRY(query_pages_run(cx, snap, &q->pages.q, &q->pages.a));
    q->count = q->pages.a.count;
    return ST_OK;
}
static void key_share(JsonW *w, Str key, double of, int64_t by)
{
    if (by) jsonw_key(w, key), jsonw_double(w, of / (double)by);
}
static void sessions_write(JsonW *w, const Question *q)
{
    const SessionsAnswer *a = &q->sessions.a;
    jsonw_key(w, S("rows"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n; i++) {
        const SessionsRow *r = &a->rows[i];
        jsonw_open(w, '{');
        question_write_group(w, q, &r->group);
        question_key_i64(w, S("people"), r->people);
        question_key_i64(w, S("sessions"), r->sessions);
        question_key_i64(w, S("events"), r->events);
        question_key_i64(w, S("views"), r->views);
        question_key_i64(w, S("bounces"), r->bounces);
        key_share(w, S("bounce_rate"), (double)r->bounces, r->sessions);
        key_share(w, S("views_per_session"), (double)r->views, r->sessions);
        key_share(w, S("average_seconds"), (double)r->length_ms / 1000, r->sessions);
        question_write_ints(w, S("values"), r->by_period, a->n_periods);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void pages_write(JsonW *w, const Question *q)
{
    const PagesAnswer *a = &q->pages.a;
    jsonw_key(w, S("rows"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n; i++) {
        const PagesRow *r = &a->rows[i];
        jsonw_open(w, '{');
        question_key_str(w, S("page"), r->page);
        question_write_group(w, q, &r->group);
        question_key_i64(w, S("people"), r->people);
        question_key_i64(w, S("views"), r->views);
        question_key_i64(w, S("entered"), r->entered);
        question_key_i64(w, S("left"), r->left);
        question_key_i64(w, S("bounced"), r->bounced);
        key_share(w, S("bounce_rate"), (double)r->bounced, r->entered);
        key_share(w, S("exit_rate"), (double)r->left, r->views);
        question_key_i64(w, S("clicks"), r->clicks);
        key_share(w, S("click_rate"), (double)r->clicked, r->views);
        key_share(w, S("average"), r->sum, r->measured);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    question_key_i64(w, S("all"), (int64_t)a->all);
}
static Msg sessions_definition(const Question *q)
{
    (void)q;
    return MSG_define_sessions;
}
static Msg pages_definition(const Question *q)
{
    (void)q;
    return MSG_define_pages;
}
const QuestionForm question_sessions = { .shape = &question_sessions_shape, .common = offsetof(VisitsIn, c),
    .read = sessions_read, .run = sessions_run, .write = sessions_write, .definition = sessions_definition,
    .scope = sessions_scope };
const QuestionForm question_pages = { .shape = &question_pages_shape, .common = offsetof(VisitsIn, c),
    .read = pages_read, .run = pages_run, .write = pages_write, .definition = pages_definition, .scope = pages_scope };
