/* ask_api: questions about behaviour. */
#include "api/app.h"
#include "base/limits.h"
#include "store/events/ask.h"

static Status post_ask(Cx *cx, const Req *rq, Res *rs)
{
    Answer a;
    TRY(ask_run(cx, rq->app->events, rq->body, &a));
    ask_write(res_json(cx, rs, 200), &a);
    return ST_OK;
}

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

const Route ask_routes[] = {
    { "POST", "/api/1/ask", post_ask, .may = MAY_STAFF, .queue = Q_ASK, .gives = &ask_answer_shape,
        .doc = "ask a question about behaviour" },
    { "GET", "/api/1/names", get_names, .may = MAY_STAFF, .queue = Q_ASK, .gives = &names_shape,
        .doc = "names of events and properties in a sample of the last 30 days, the most frequent first" },
};
const size_t ask_routes_n = COUNT(ask_routes);
