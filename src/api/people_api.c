/* people_api: people and visitors with their timelines, for the team. Personal values are masked. */
#include "api/people_api.h"
#include "api/event_out.h"
#include "api/list.h"
#include "base/id.h"
#include "base/limits.h"
#include "domain/consent/consent.h"
#include "domain/people/people.h"

Status people_api_find(Cx *cx, const App *app, Str text, PersonRef *ret)
{
    PersonRef p = { 0 };
    if (id_parse(text, "per", &p.id)) {
        p.known = true;
        p.root = events_root(app->events, people_root(app->keys, p.id));
        *ret = p;
        return ST_OK;
    }
    if (!event_out_parse(text, &p.root)) return refuse(cx, ST_INVALID, S("id"), MSG_bad_id, NO_PARAMS);
    p.root = events_root(app->events, p.root);
    Status st = people_by_actor(cx, p.root, &p.id);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    p.known = st == ST_OK;
    *ret = p;
    return ST_OK;
}
static void fields_out(Cx *cx, JsonW *w, const PersonField *f, size_t n)
{
    jsonw_key(w, S("fields"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("kind"));   jsonw_str(w, f[i].kind);
        jsonw_key(w, S("masked")); jsonw_str(w, str_is(f[i].kind, "email") ?
            people_email_mask(cx, f[i].value) : S("***"));
        jsonw_key(w, S("proven")); if (f[i].proven) jsonw_time(w, f[i].proven); else jsonw_null(w);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void consents_out(JsonW *w, const Consent *c, size_t n)
{
    jsonw_key(w, S("consents"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("at"));      jsonw_time(w, id_time(c[i].id));
        jsonw_key(w, S("purpose")); jsonw_str(w, c[i].purpose);
        jsonw_key(w, S("granted")); jsonw_bool(w, c[i].granted);
        jsonw_key(w, S("policy"));  jsonw_str(w, c[i].policy);
        jsonw_key(w, S("wording")); jsonw_str(w, c[i].wording);
        jsonw_key(w, S("form"));    jsonw_str(w, c[i].form);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static Status get_person(Cx *cx, const Req *rq, Res *rs)
{
    PersonRef ref;
    Person p = { 0 };
    const PersonField *fields = NULL;
    const Consent *consents = NULL;
    size_t n_fields = 0, n_consents = 0;

    TRY(people_api_find(cx, rq->app, rq->params[0], &ref));
    if (ref.known) {
        TRY(people_get(cx, ref.id, &p));
        TRY(people_fields(cx, rq->app->keys, ref.id, &fields, &n_fields));
        TRY(consent_list(cx, ref.id, &consents, &n_consents));
    }
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("id"));
    if (ref.known) jsonw_id(w, "per", ref.id); else event_out_person(w, rq->app, ref.root);
    jsonw_key(w, S("known"));   jsonw_bool(w, ref.known);
    jsonw_key(w, S("created")); if (ref.known) jsonw_time(w, p.created); else jsonw_null(w);
    jsonw_key(w, S("form"));    jsonw_str(w, p.form);
    fields_out(cx, w, fields, n_fields);
    consents_out(w, consents, n_consents);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status get_timeline(Cx *cx, const Req *rq, Res *rs)
{
    PersonRef ref;
    const Event *all;
    ListPlace at, next;
    size_t limit, n, from = 0;

    TRY(list_limit(cx, rq, &limit));
    TRY(list_place(cx, rq, &at));
    TRY(people_api_find(cx, rq->app, rq->params[0], &ref));
    int64_t before = at.time == INT64_MAX ? at.time : at.time + 1;
    TRY(events_timeline(cx, rq->app->events, ref.root, before, limit + (size_t)at.given + 1, &all, &n));
    while (from < n && from < (size_t)at.given && all[from].time == at.time) from++;
    size_t end = n - from > limit ? from + limit : n;
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    for (size_t i = from; i < end; i++) event_out_event(w, rq->app, &all[i], EVENT_PROPS_MAX, PROP_TEXT_BYTES_MAX);
    jsonw_close(w, ']');
    next = (ListPlace){ .time = end ? all[end - 1].time : 0 };
    for (size_t i = end; i-- > 0 && all[i].time == next.time; ) next.given++;
    list_place_next(w, end < n, next);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status person_row(Cx *cx, JsonW *w, const App *app, const Person *p)
{
    const PersonField *f;
    size_t n;
    TRY(people_fields(cx, app->keys, p->id, &f, &n));
    jsonw_open(w, '{');
    jsonw_key(w, S("id"));      jsonw_id(w, "per", p->id);
    jsonw_key(w, S("created")); jsonw_time(w, p->created);
    jsonw_key(w, S("form"));    jsonw_str(w, p->form);
    jsonw_key(w, S("email"));
    Str email = { 0 };
    for (size_t i = 0; i < n; i++) if (str_is(f[i].kind, "email")) email = people_email_mask(cx, f[i].value);
    jsonw_str(w, email);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status get_people(Cx *cx, const Req *rq, Res *rs)
{
    const Person *all;
    size_t limit, n;
    int64_t before;

    TRY(list_limit(cx, rq, &limit));
    TRY(list_after(cx, rq, 0, &before));
    TRY(people_list(cx, before, limit, &all, &n));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) TRY(person_row(cx, w, rq->app, &all[i]));
    jsonw_close(w, ']');
    list_next(w, n == limit, n ? all[n - 1].id : 0);
    jsonw_close(w, '}');
    return ST_OK;
}
typedef struct FindIn { Str email; } FindIn;
static const Field find_fields[] = { FIELD(FindIn, email, F_STR, .min = 1, .max = EMAIL_BYTES_MAX, .required = true,
    .doc = "the whole address") };
static const Shape find_in = SHAPE("people_find", FindIn, find_fields);
/* A POST, so that the address stands in no URL and no log of a proxy. */
static Status post_find(Cx *cx, const Req *rq, Res *rs)
{
    const FindIn *in = rq->in;
    uint8_t blind[16];
    Str email;
    int64_t id;
    Person p;

    TRY(people_email_clean(cx, in->email, &email));
    people_email_blind(rq->app->keys, email, blind);
    Status st = people_by_email(cx, blind, &id);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    if (st == ST_OK) {
        TRY(people_get(cx, id, &p));
        TRY(person_row(cx, w, rq->app, &p));
    }
    jsonw_close(w, ']');
    list_next(w, false, 0);
    jsonw_close(w, '}');
    return ST_OK;
}

static const Field field_fields[] = { { .key = "kind", .type = F_STR, .required = true },
    { .key = "masked", .type = F_STR, .required = true },
                                      { .key = "proven", .type = F_TIME } };
static const Shape field_shape = { .name = "person_field", .fields = field_fields, .n = COUNT(field_fields),
    .size = 64 };
static const Field consent_fields[] = {
    { .key = "at", .type = F_TIME, .required = true }, { .key = "purpose", .type = F_STR, .required = true },
    { .key = "granted", .type = F_BOOL, .required = true },
    { .key = "policy", .type = F_STR, .required = true }, { .key = "wording", .type = F_STR, .required = true },
        { .key = "form", .type = F_STR, .required = true } };
static const Shape consent_shape = { .name = "consent", .fields = consent_fields, .n = COUNT(consent_fields),
    .size = 128 };
static const Field person_fields[] = {
    { .key = "id", .type = F_STR, .required = true,
        .doc = "per_… of somebody who left their information, vis_… of a visitor" },
    { .key = "known", .type = F_BOOL, .required = true }, { .key = "created", .type = F_TIME },
    { .key = "form", .type = F_STR, .required = true },
    { .key = "fields", .type = F_LIST, .item = F_OBJECT, .of = &field_shape, .required = true },
    { .key = "consents", .type = F_LIST, .item = F_OBJECT, .of = &consent_shape, .required = true } };
static const Shape person_shape = { .name = "person", .fields = person_fields, .n = COUNT(person_fields), .size = 128 };
static const Field row_fields[] = { { .key = "id", .type = F_ID, .prefix = "per", .required = true },
    { .key = "created", .type = F_TIME, .required = true },
                                    { .key = "form", .type = F_STR, .required = true },
                                        { .key = "email", .type = F_STR, .required = true, .doc = "masked" } };
static const Shape row_shape = { .name = "person_row", .fields = row_fields, .n = COUNT(row_fields), .size = 64 };
static const Field list_fields[] = { { .key = "items", .type = F_LIST, .item = F_OBJECT, .of = &row_shape,
    .required = true }, { .key = "next", .type = F_STR } };
static const Shape list_shape = { .name = "person_list", .fields = list_fields, .n = COUNT(list_fields), .size = 32 };
static const Field timeline_fields[] = { { .key = "items", .type = F_LIST, .item = F_OBJECT, .of = &event_out_shape,
    .required = true }, { .key = "next", .type = F_STR } };
static const Shape timeline_shape = { .name = "timeline", .fields = timeline_fields, .n = COUNT(timeline_fields),
    .size = 32 };

const Route people_routes[] = {
    { "GET", "/api/1/people", get_people, .may = MAY_STAFF, .queue = Q_DB, .gives = &list_shape,
        .doc = "people, newest first" },
    { "POST", "/api/1/people/find", post_find, .may = MAY_STAFF, .queue = Q_DB, .takes = &find_in,
        .gives = &list_shape, .doc = "find by exact e-mail address" },
    { "GET", "/api/1/people/{id}", get_person, .may = MAY_STAFF, .queue = Q_DB, .gives = &person_shape,
        .doc = "one person or visitor" },
    { "GET", "/api/1/people/{id}/timeline", get_timeline, .may = MAY_STAFF, .queue = Q_ASK, .gives = &timeline_shape,
        .doc = "a person's events, newest first" },
};
const size_t people_routes_n = COUNT(people_routes);
