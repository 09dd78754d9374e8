/* Paths and sequences. */
#include "domain/audience/question_of.h"
#include "base/arena.h"
#include "base/limits.h"
#include <string.h>

static QueryScope *scope(Question *q) { return &q->paths.q.scope; }
/* A cell of paths names its nodes as the answer does: "2_/pricing", "3_/about". */
static Status read_cell(Cx *cx, Question *q, const Str *nodes)
{
    const PathsIn *in = &q->in.paths;
    Str *items = ARENA_MANY(cx->arena, Str, in->cell.n + 1);
    if (!items) return fail(cx, ST_NO_MEM, "paths: a cell");
    q->paths.cell = (PathsCell){ .items = items, .n = in->cell.n };
    q->paths.q.cell = &q->paths.cell;
    q->wants_people = true;
    if (q->kind == QUESTION_SEQUENCES) {
        memcpy(items, nodes, in->cell.n * sizeof *items);
        return ST_OK;
    }
    if (in->cell.n != 2) return question_refuse(cx, "cell", MSG_required);
    for (size_t i = 0; i < 2; i++) {
        Str rest = nodes[i], number = str_cut(&rest, '_');
        int64_t at;
        if (!str_i64(number, &at) || at < 1 || at > PATHS_DEPTH_MAX) return question_refuse(cx, "cell", MSG_not_found);
        if (i == 0) q->paths.cell.position = (size_t)at;
        items[i] = rest;
    }
    return ST_OK;
}
static Status read_item(Cx *cx, Question *q)
{
    const PathsIn *in = &q->in.paths;
    PathsQuery *p = &q->paths.q;
    if (in->item.kind == 1) return ST_OK;
    if (in->item.prop.n == 0) return question_refuse(cx, "item.prop", MSG_required);
    p->prop = in->item.prop;
    p->item = (Matcher){ .any = in->item.event.n == 0, .name = in->item.event };
    p->url = (PathUrl){ .drop_query = in->drop_query, .drop_fragment = in->drop_query, .ids = in->mask_ids,
        .patterns = in->mask.p, .n_patterns = in->mask.n };
    return ST_OK;
}
static Status read(Cx *cx, Question *q)
{
    const PathsIn *in = &q->in.paths;
    PathsQuery *p = &q->paths.q;
    TRY(question_time(cx, q, in->from, "from", &p->from));
    TRY(question_time(cx, q, in->to, "to", &p->to));
    if (p->from > p->to) return question_refuse(cx, "to", MSG_empty_range);
    p->to += p->to < INT64_MAX;                            /* inclusive here, exclusive in the engine */
    p->start = in->start_point;
    p->end = in->end_point;
    p->gap = in->session_gap * 60000;
    p->depth = (size_t)in->depth;
    p->limit = (size_t)in->limit;
    q->from = p->from;
    q->to = p->to;
    TRY(read_item(cx, q));
    if (q->kind == QUESTION_SEQUENCES) {
        if (!in->had_after) return question_refuse(cx, "after", MSG_required);
        TRY(question_matcher(cx, q, "after", &in->after, &q->paths.after));
        p->after = &q->paths.after;
    } else if (in->had_after) {
        return question_refuse(cx, "after", MSG_unknown_field);
    }
    return in->cell.n ? read_cell(cx, q, in->cell.p) : ST_OK;
}
static Status run(Cx *cx, const Snapshot *snap, Question *q)
{
    if (q->wants_people) q->paths.q.people = &q->behind_set;
    TRY(query_paths_run(cx, snap, &q->paths.q, &q->paths.a));
    q->count = q->paths.a.count;
    return ST_OK;
}
static void write_node(JsonW *w, size_t position, Str item)
{
    char text[PROP_TEXT_BYTES_MAX + 24];
    Buf b = { .p = text, .cap = sizeof text, .max = sizeof text };
    buf_i64(&b, (int64_t)position);
    buf_addc(&b, '_');
    buf_add(&b, item);
    jsonw_str(w, buf_str(&b));
}
static void write_edges(JsonW *w, const PathsAnswer *a)
{
    jsonw_key(w, S("edges"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n_edges; i++) {
        const PathsStep *e = &a->edges[i];
        jsonw_open(w, '{');
        jsonw_key(w, S("source")), write_node(w, e->position, e->source);
        jsonw_key(w, S("target")), write_node(w, e->position + 1, e->target);
        question_key_i64(w, S("value"), e->value);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void write_sequences(JsonW *w, const PathsAnswer *a)
{
    jsonw_key(w, S("sequences"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n_sequences; i++) {
        const PathsSequence *s = &a->sequences[i];
        jsonw_open(w, '{');
        jsonw_key(w, S("items"));
        jsonw_open(w, '[');
        for (size_t k = 0; k < s->n; k++) jsonw_str(w, s->items[k]);
        jsonw_close(w, ']');
        question_key_i64(w, S("people"), s->people);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void write(JsonW *w, const Question *q)
{
    const PathsAnswer *a = &q->paths.a;
    if (q->kind == QUESTION_PATHS) write_edges(w, a);
    else write_sequences(w, a);
    question_key_i64(w, S("all"), (int64_t)a->all);
    question_key_i64(w, S("total"), a->total);
}
void question_paths_case(JsonW *w, const Question *q)
{
    const PathsAnswer *a = &q->paths.a;
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n_edges; i++) {
        jsonw_open(w, '[');
        write_node(w, a->edges[i].position, a->edges[i].source);
        write_node(w, a->edges[i].position + 1, a->edges[i].target);
        jsonw_i64(w, a->edges[i].value);
        jsonw_close(w, ']');
    }
    jsonw_close(w, ']');
}
static Msg definition(const Question *q) { return q->kind == QUESTION_PATHS ? MSG_define_paths : MSG_define_sequences; }
const QuestionForm question_paths = { .shape = &question_paths_shape, .common = offsetof(PathsIn, c), .read = read,
    .run = run, .write = write, .definition = definition, .scope = scope };
