/* audience_api: segments: their expressions, how many people they are, who came when. */
#include "api/event_out.h"
#include "api/list.h"
#include "api/people_api.h"
#include "base/id.h"
#include "base/limits.h"
#include "domain/audience/audience_saved.h"
#include "store/events/state.h"

/* ---- shapes ---- */

typedef struct SegmentIn { Str name; int kind; const JsonNode *expression; } SegmentIn;
#define NAME_FIELD FIELD(SegmentIn, name, F_STR, .min = 1, .max = NAME_BYTES_MAX, .required = true)
#define EXPRESSION_FIELD FIELD(SegmentIn, expression, F_ANY, .required = true, \
    .doc = "who is meant: docs/guide/en/audience.md")
static const Field segment_in_fields[] = { NAME_FIELD, EXPRESSION_FIELD,
    FIELD(SegmentIn, kind, F_ENUM, .names = audience_sorts, .doc = "live, when left out: people come and go by "
        "themselves; frozen: who is meant now, for good") };
static const Shape segment_in = SHAPE("segment_in", SegmentIn, segment_in_fields);
static const Field segment_edit_fields[] = { NAME_FIELD, EXPRESSION_FIELD };
static const Shape segment_edit = SHAPE("segment_edit", SegmentIn, segment_edit_fields);
static const Field preview_in_fields[] = { EXPRESSION_FIELD };
static const Shape preview_in = SHAPE("segment_preview_in", SegmentIn, preview_in_fields);

typedef struct SegmentOut {
    int64_t id, version, created, changed, people, counted;
    Str name, kind;
    const JsonNode *expression;
} SegmentOut;
static const Field segment_fields[] = {
    FIELD(SegmentOut, id, F_ID, .prefix = AUDIENCE_PREFIX, .required = true),
    FIELD(SegmentOut, name, F_STR, .required = true),
    FIELD(SegmentOut, kind, F_STR, .required = true),
    FIELD(SegmentOut, expression, F_ANY, .required = true),
    FIELD(SegmentOut, version, F_I64, .required = true, .doc = "for If-Match"),
    FIELD(SegmentOut, created, F_TIME, .required = true),
    FIELD(SegmentOut, changed, F_TIME, .required = true),
    FIELD(SegmentOut, people, F_I64, .required = true),
    FIELD(SegmentOut, counted, F_TIME, .doc = "when all people were last looked at; null: not yet, soon"),
};
static const Shape segment_shape = SHAPE("segment", SegmentOut, segment_fields);
typedef struct ListOut { List items; Str next; } ListOut;
static const Field list_fields[] = {
    FIELD(ListOut, items, F_LIST, .item = F_OBJECT, .of = &segment_shape, .required = true),
    FIELD(ListOut, next, F_STR),
};
static const Shape list_shape = SHAPE("segment_list", ListOut, list_fields);
typedef struct PreviewOut { int64_t people, known; double ms; } PreviewOut;
static const Field preview_fields[] = {
    FIELD(PreviewOut, people, F_I64, .required = true, .doc = "who is meant, now"),
    FIELD(PreviewOut, known, F_I64, .required = true, .doc = "of so many, without those left out of analysis"),
    FIELD(PreviewOut, ms, F_DOUBLE, .required = true, .doc = "how long it took"),
};
static const Shape preview_shape = SHAPE("segment_preview", PreviewOut, preview_fields);
typedef struct MemberOut { Str person; int64_t entered; } MemberOut;
static const Field member_fields[] = {
    FIELD(MemberOut, person, F_STR, .required = true, .doc = "for /api/1/people/{id}"),
    FIELD(MemberOut, entered, F_TIME, .required = true),
};
static const Shape member_shape = SHAPE("segment_person", MemberOut, member_fields);
static const Field members_fields[] = {
    FIELD(ListOut, items, F_LIST, .item = F_OBJECT, .of = &member_shape, .required = true),
    FIELD(ListOut, next, F_STR),
};
static const Shape members_shape = SHAPE("segment_people", ListOut, members_fields);
typedef struct StayOut { int64_t segment, entered, left; Str name; } StayOut;
static const Field stay_fields[] = {
    FIELD(StayOut, segment, F_ID, .prefix = AUDIENCE_PREFIX, .required = true),
    FIELD(StayOut, name, F_STR, .required = true),
    FIELD(StayOut, entered, F_TIME, .required = true),
    FIELD(StayOut, left, F_TIME, .doc = "null: still there"),
};
static const Shape stay_shape = SHAPE("segment_stay", StayOut, stay_fields);
static const Field stays_fields[] = {
    FIELD(ListOut, items, F_LIST, .item = F_OBJECT, .of = &stay_shape, .required = true, .doc = "newest first"),
    FIELD(ListOut, next, F_STR),
};
static const Shape stays_shape = SHAPE("segment_stays", ListOut, stays_fields);

/* ---- in and out ---- */

static Status scope_of(Cx *cx, const Req *rq, int64_t self, AudienceScope *ret)
{
    AudienceScope s = { .week_start = 1, .self = self };
    TRY(zone_get(cx, rq->app->zone, &s.zone));
    *ret = s;
    return ST_OK;
}
static Status id_of(Cx *cx, const Req *rq, int64_t *ret)
{
    if (id_parse(rq->params[0], AUDIENCE_PREFIX, ret)) return ST_OK;
    return refuse(cx, ST_INVALID, S("id"), MSG_bad_id, NO_PARAMS);
}
/* "3", with or without the quotes of an entity tag. */
static Status version_of(Cx *cx, const Req *rq, int64_t *ret)
{
    Str s = str_trim(req_header(rq, "If-Match"));
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"') s.p++, s.n -= 2;
    if (s.n == 0) return refuse(cx, ST_INVALID, S("If-Match"), MSG_required, NO_PARAMS);
    if (str_i64(s, ret)) return ST_OK;
    return refuse(cx, ST_CONFLICT, S("If-Match"), MSG_segment_changed, NO_PARAMS);
}
/* The expression checked, and as one text. */
static Status draft_of(Cx *cx, const Req *rq, const SegmentIn *in, AudienceDraft *d)
{
    AudienceScope scope;
    const Audience *a;
    Buf b = buf_new(cx->arena, 2 * (size_t)AUDIENCE_TEXT_MAX);
    JsonW w = { .b = &b };
    TRY(scope_of(cx, rq, d->id, &scope));
    if (in->expression->len > AUDIENCE_TEXT_MAX)
        return refuse(cx, ST_INVALID, S("expression"), MSG_too_large,
            PARAMS({ .name = "max", .value = AUDIENCE_TEXT_MAX }));
    TRY(audience_parse_node(cx, &scope, in->expression, "expression", AUDIENCE_OF_PEOPLE, &a));
    audience_names(a, &d->names, &d->n_names);
    jsonw_node(&w, in->expression);
    if (b.bad) return fail(cx, ST_NO_MEM, "segment: expression");
    d->name = str_trim(in->name);
    d->expression = buf_str(&b);
    if (d->name.n) return ST_OK;
    return refuse(cx, ST_INVALID, S("name"), MSG_required, NO_PARAMS);
}
static Status out(Cx *cx, JsonW *w, const AudienceSaved *a)
{
    const JsonNode *expression;
    TRY(json_parse(cx, a->expression, &expression));
    jsonw_open(w, '{');
    jsonw_key(w, S("id"));         jsonw_id(w, AUDIENCE_PREFIX, a->id);
    jsonw_key(w, S("name"));       jsonw_str(w, a->name);
    jsonw_key(w, S("kind"));       jsonw_str(w, str_z(audience_sorts[a->kind - 1]));
    jsonw_key(w, S("expression")); jsonw_node(w, expression);
    jsonw_key(w, S("version"));    jsonw_i64(w, a->version);
    jsonw_key(w, S("created"));    jsonw_time(w, a->created);
    jsonw_key(w, S("changed"));    jsonw_time(w, a->changed);
    jsonw_key(w, S("people"));     jsonw_i64(w, a->members);
    jsonw_key(w, S("counted"));
    if (a->counted > 1) jsonw_time(w, a->counted);
    else jsonw_null(w);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status reply(Cx *cx, Res *rs, int code, int64_t id)
{
    AudienceSaved a;
    Buf tag = buf_new(cx->arena, 32);
    TRY(audience_get(cx, id, &a));
    buf_addc(&tag, '"');
    buf_i64(&tag, a.version);
    buf_addc(&tag, '"');
    res_header(cx, rs, "ETag", buf_str(&tag));
    return out(cx, res_json(cx, rs, code), &a);
}

/* ---- handlers ---- */

static Status get_segments(Cx *cx, const Req *rq, Res *rs)
{
    const AudienceSaved *all;
    size_t limit, n;
    int64_t before;
    TRY(list_limit(cx, rq, &limit));
    TRY(list_after(cx, rq, INT64_MAX, &before));
    TRY(audience_list(cx, before, limit, &all, &n));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) TRY(out(cx, w, &all[i]));
    jsonw_close(w, ']');
    list_next(w, n == limit, n ? all[n - 1].id : 0);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status get_segment(Cx *cx, const Req *rq, Res *rs)
{
    int64_t id;
    TRY(id_of(cx, rq, &id));
    return reply(cx, rs, 200, id);
}
static Status add_tx(Cx *cx, void *arg) { return audience_add(cx, arg); }
static Status post_segment(Cx *cx, const Req *rq, Res *rs)
{
    const SegmentIn *in = rq->in;
    AudienceDraft d = { .id = id_new(cx), .kind = (AudienceSort)(in->kind + 1) };
    TRY(draft_of(cx, rq, in, &d));
    TRY(tx_run(cx, add_tx, &d));
    return reply(cx, rs, 201, d.id);
}
static Status change_tx(Cx *cx, void *arg) { return audience_change(cx, arg); }
static Status put_segment(Cx *cx, const Req *rq, Res *rs)
{
    AudienceDraft d = { 0 };
    TRY(id_of(cx, rq, &d.id));
    TRY(version_of(cx, rq, &d.version));
    TRY(draft_of(cx, rq, rq->in, &d));
    TRY(tx_run(cx, change_tx, &d));
    return reply(cx, rs, 200, d.id);
}
static Status drop_tx(Cx *cx, void *arg)
{
    const AudienceDraft *d = arg;
    return audience_drop(cx, d->id, d->version);
}
static Status delete_segment(Cx *cx, const Req *rq, Res *rs)
{
    AudienceDraft d = { 0 };
    TRY(id_of(cx, rq, &d.id));
    TRY(version_of(cx, rq, &d.version));
    TRY(tx_run(cx, drop_tx, &d));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_close(w, '}');
    return ST_OK;
}
static Status preview(Cx *cx, const Req *rq, const Audience *a, PreviewOut *ret)
{
    Snapshot snap;
    PeopleSet known = { 0 }, people = { 0 };
    ScanRun run = { .deadline = clock_mono() + AUDIENCE_PREVIEW_MS };
    int64_t start = clock_mono_us();
    TRY(snapshot_take(cx, events_state(rq->app->events), &snap));
    Status st = audience_known(cx, &snap, a, &known);
    if (st == ST_OK) st = audience_everyone(cx, &snap, a, cx->now, &run, &people);
    if (st == ST_OK)
        *ret = (PreviewOut){ .people = (int64_t)people_set_count(&people),
            .known = (int64_t)people_set_count(&known) };
    ret->ms = (double)(clock_mono_us() - start) / 1000;
    people_set_done(&known);
    people_set_done(&people);
    snapshot_done(cx, &snap);
    return st;
}
static Status post_preview(Cx *cx, const Req *rq, Res *rs)
{
    const SegmentIn *in = rq->in;
    AudienceScope scope;
    const Audience *a;
    PreviewOut p = { 0 };
    TRY(scope_of(cx, rq, 0, &scope));
    TRY(audience_parse_node(cx, &scope, in->expression, "expression", AUDIENCE_OF_PEOPLE, &a));
    TRY(preview(cx, rq, a, &p));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("people")); jsonw_i64(w, p.people);
    jsonw_key(w, S("known"));  jsonw_i64(w, p.known);
    jsonw_key(w, S("ms"));     jsonw_double(w, p.ms);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status get_people(Cx *cx, const Req *rq, Res *rs)
{
    const AudienceStay *all;
    AudienceSaved a;
    Hash128 after;
    size_t limit, n;
    int64_t id;
    Str text = req_query(cx, rq, "after");
    TRY(id_of(cx, rq, &id));
    TRY(list_limit(cx, rq, &limit));
    if (text.n && !event_out_parse(text, &after)) return refuse(cx, ST_INVALID, S("after"), MSG_bad_cursor, NO_PARAMS);
    TRY(audience_get(cx, id, &a));
    TRY(audience_people(cx, id, text.n ? &after : NULL, limit, &all, &n));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("person"));  event_out_person(w, rq->app, all[i].actor);
        jsonw_key(w, S("entered")); jsonw_time(w, all[i].entered);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_key(w, S("next"));
    if (n == limit) event_out_person(w, rq->app, all[n - 1].actor);
    else jsonw_null(w);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status get_stays(Cx *cx, const Req *rq, Res *rs)
{
    const AudienceStay *all;
    const Hash128 *actors;
    PersonRef ref;
    size_t n, n_actors;
    TRY(people_api_find(cx, rq->app, rq->params[0], &ref));
    TRY(events_actors(cx, rq->app->events, ref.root, &actors, &n_actors));
    TRY(audience_history(cx, actors, n_actors, &all, &n));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("segment")); jsonw_id(w, AUDIENCE_PREFIX, all[i].audience);
        jsonw_key(w, S("name"));    jsonw_str(w, all[i].name);
        jsonw_key(w, S("entered")); jsonw_time(w, all[i].entered);
        jsonw_key(w, S("left"));
        if (all[i].gone) jsonw_time(w, all[i].gone);
        else jsonw_null(w);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    list_next(w, false, 0);
    jsonw_close(w, '}');
    return ST_OK;
}

const Route audience_routes[] = {
    { "GET", "/api/1/segments", get_segments, .may = MAY_STAFF, .queue = Q_DB, .gives = &list_shape,
        .doc = "segments, newest first" },
    { "POST", "/api/1/segments", post_segment, .may = MAY_STAFF, .queue = Q_DB, .takes = &segment_in,
        .gives = &segment_shape, .gives_code = 201, .doc = "make a segment; its people are counted at once after" },
    { "POST", "/api/1/segments/preview", post_preview, .may = MAY_STAFF, .queue = Q_ASK, .takes = &preview_in,
        .gives = &preview_shape, .doc = "how many people an expression means, now" },
    { "GET", "/api/1/segments/{id}", get_segment, .may = MAY_STAFF, .queue = Q_DB, .gives = &segment_shape,
        .doc = "one segment" },
    { "PUT", "/api/1/segments/{id}", put_segment, .may = MAY_STAFF, .queue = Q_DB, .takes = &segment_edit,
        .gives = &segment_shape, .doc = "change it; If-Match: its version" },
    { "DELETE", "/api/1/segments/{id}", delete_segment, .may = MAY_STAFF, .queue = Q_DB,
        .doc = "remove it with its history; If-Match: its version" },
    { "GET", "/api/1/segments/{id}/people", get_people, .may = MAY_STAFF, .queue = Q_DB, .gives = &members_shape,
        .doc = "who is in it, and since when" },
    { "GET", "/api/1/people/{id}/segments", get_stays, .may = MAY_STAFF, .queue = Q_DB, .gives = &stays_shape,
        .doc = "a person's stays in segments, newest first" },
};
const size_t audience_routes_n = COUNT(audience_routes);
