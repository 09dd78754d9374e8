/* source_api: sources with their keys, and what their events were refused for. */
#include "api/app.h"
#include "base/limits.h"

typedef struct SourceIn { Str name, consent_reason; int kind, consent; bool test; } SourceIn;
/* the first of source_kinds: the rest is made by liuke */
static const char *const kinds[] = { "web", "app", "server", NULL };
static const Field source_in_fields[] = {
    FIELD(SourceIn, name, F_STR, .min = 1, .max = NAME_BYTES_MAX, .required = true, .doc = "what the team calls it"),
    FIELD(SourceIn, kind, F_ENUM, .names = kinds, .doc = "what sends the events; web when absent"),
    FIELD(SourceIn, consent, F_ENUM, .names = source_consents,
        .doc = "whether people are asked first; ask when absent"),
    FIELD(SourceIn, consent_reason, F_STR, .max = 500, .doc = "why consent is assumed"),
    FIELD(SourceIn, test, F_BOOL, .doc = "its events are test data"),
};
static const Shape source_in = SHAPE("source_in", SourceIn, source_in_fields);

typedef struct SourceOut { int64_t id; Str name, kind, consent, consent_reason, public_key, secret_key; int64_t number,
    created; bool test, archived; } SourceOut;
static const Field source_out_fields[] = {
    FIELD(SourceOut, id, F_ID, .prefix = "src", .required = true),
    FIELD(SourceOut, number, F_I64, .required = true),
    FIELD(SourceOut, name, F_STR, .required = true),
    FIELD(SourceOut, kind, F_STR, .required = true),
    FIELD(SourceOut, consent, F_STR, .required = true),
    FIELD(SourceOut, consent_reason, F_STR, .required = true),
    FIELD(SourceOut, test, F_BOOL, .required = true),
    FIELD(SourceOut, archived, F_BOOL, .required = true),
    FIELD(SourceOut, public_key, F_STR, .required = true, .doc = "goes into pages and apps; can only write events"),
    FIELD(SourceOut, secret_key, F_STR, .doc = "shown once, when the source is made; for the product's server"),
    FIELD(SourceOut, created, F_TIME, .required = true),
};
static const Shape source_out = SHAPE("source", SourceOut, source_out_fields);

typedef struct SourceList { List items; Str next; } SourceList;
static const Field source_list_fields[] = {
    FIELD(SourceList, items, F_LIST, .item = F_OBJECT, .of = &source_out, .required = true),
    FIELD(SourceList, next, F_STR),
};
static const Shape source_list_shape = SHAPE("source_list", SourceList, source_list_fields);

static void out(JsonW *w, const Source *s, Str secret)
{
    jsonw_open(w, '{');
    jsonw_key(w, S("id"));       jsonw_id(w, "src", s->id);
    jsonw_key(w, S("number"));   jsonw_i64(w, s->number);
    jsonw_key(w, S("name"));     jsonw_str(w, s->name);
    jsonw_key(w, S("kind"));     jsonw_str(w, str_z(source_kinds[s->kind - 1]));
    jsonw_key(w, S("consent"));  jsonw_str(w, str_z(source_consents[s->consent - 1]));
    jsonw_key(w, S("consent_reason")); jsonw_str(w, s->consent_reason);
    jsonw_key(w, S("test"));     jsonw_bool(w, s->test);
    jsonw_key(w, S("archived")); jsonw_bool(w, s->archived);
    jsonw_key(w, S("public_key")); jsonw_str(w, s->public_key);
    if (secret.n) { jsonw_key(w, S("secret_key")); jsonw_str(w, secret); }
    jsonw_key(w, S("created"));  jsonw_time(w, s->created);
    jsonw_close(w, '}');
}
typedef struct Adding { SourceDraft draft; Source source; } Adding;
static Status add_tx(Cx *cx, void *arg)
{
    Adding *a = arg;
    return source_add(cx, &a->draft, &a->source);
}
/* The secret key is shown this once: nothing may fail after the commit, neither the reply nor the cache. */
static Status add(Cx *cx, const Req *rq, Res *rs, Adding *a)
{
    enum { REPLY = 16 << 10 };
    SourceRoom *room;

    TRY(res_room(cx, rs, REPLY));
    TRY(source_cache_room(cx, &a->draft, &room));
    Status st = tx_run(cx, add_tx, a);
    if (st == ST_OK) source_cache_put(rq->app->sources, room, &a->source);
    else source_cache_drop(room);
    TRY(st);
    out(res_json(cx, rs, 201), &a->source, a->draft.secret_key);
    return ST_OK;
}
static Status post_source(Cx *cx, const Req *rq, Res *rs)
{
    const SourceIn *in = rq->in;
    Adding a = { .draft = { .name = str_trim(in->name), .consent_reason = in->consent_reason,
        .kind = (SourceKind)(in->kind + 1),
                            .consent = (SourceConsent)(in->consent + 1), .test = in->test } };

    TRY(source_draft_keys(cx, &a.draft));
    return add(cx, rq, rs, &a);
}
static Status get_sources(Cx *cx, const Req *rq, Res *rs)
{
    const Source *all;
    size_t n;

    (void)rq;
    TRY(source_list(cx, &all, &n));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) out(w, &all[i], (Str){ 0 });
    jsonw_close(w, ']');
    jsonw_key(w, S("next")); jsonw_null(w);
    jsonw_close(w, '}');
    return ST_OK;
}

typedef struct RefusalOut { int64_t at, source; Str code, field, event, message; } RefusalOut;
static const Field refusal_fields[] = {
    FIELD(RefusalOut, at, F_TIME, .required = true), FIELD(RefusalOut, source, F_I64, .required = true),
    FIELD(RefusalOut, code, F_STR, .required = true), FIELD(RefusalOut, field, F_STR, .required = true),
    FIELD(RefusalOut, event, F_STR, .required = true), FIELD(RefusalOut, message, F_STR, .required = true),
};
static const Shape refusal_shape = SHAPE("refusal", RefusalOut, refusal_fields);
typedef struct CountOut { int64_t source, count; Str code, message; } CountOut;
static const Field count_fields[] = {
    FIELD(CountOut, source, F_I64, .required = true), FIELD(CountOut, code, F_STR, .required = true),
    FIELD(CountOut, message, F_STR, .required = true), FIELD(CountOut, count, F_I64, .required = true),
};
static const Shape count_shape = SHAPE("refusal_count", CountOut, count_fields);
typedef struct RefusalsOut { List counts, items; } RefusalsOut;
static const Field refusals_fields[] = {
    FIELD(RefusalsOut, counts, F_LIST, .item = F_OBJECT, .of = &count_shape, .required = true,
        .doc = "since the start"),
    FIELD(RefusalsOut, items, F_LIST, .item = F_OBJECT, .of = &refusal_shape, .required = true,
        .doc = "the newest, newest first"),
};
static const Shape refusals_shape = SHAPE("refusals", RefusalsOut, refusals_fields);

static Status get_refusals(Cx *cx, const Req *rq, Res *rs)
{
    const IngestNote *notes;
    const IngestCount *counts;
    size_t n_notes, n_counts;

    TRY(ingest_notes(cx, rq->app->ingest, &notes, &n_notes));
    TRY(ingest_counts(cx, rq->app->ingest, &counts, &n_counts));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("counts")); jsonw_open(w, '[');
    for (size_t i = 0; i < n_counts; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("source"));  jsonw_i64(w, counts[i].source);
        jsonw_key(w, S("code"));    jsonw_str(w, str_z(msg_code(counts[i].code)));
        jsonw_key(w, S("message")); jsonw_str(w, str_z(msg_text(counts[i].code, rq->lang)));
        jsonw_key(w, S("count"));   jsonw_i64(w, counts[i].n);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_key(w, S("items")); jsonw_open(w, '[');
    for (size_t i = 0; i < n_notes; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("at"));      jsonw_time(w, notes[i].at);
        jsonw_key(w, S("source"));  jsonw_i64(w, notes[i].source);
        jsonw_key(w, S("code"));    jsonw_str(w, str_z(msg_code(notes[i].code)));
        jsonw_key(w, S("message")); jsonw_str(w, str_z(msg_text(notes[i].code, rq->lang)));
        jsonw_key(w, S("field"));   jsonw_str(w, notes[i].field);
        jsonw_key(w, S("event"));   jsonw_str(w, notes[i].event);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_close(w, '}');
    return ST_OK;
}

const Route source_routes[] = {
    { "POST", "/api/1/sources", post_source, .may = MAY_STAFF, .queue = Q_DB, .takes = &source_in,
        .gives = &source_out, .gives_code = 201,
      .doc = "add a source; the reply holds its secret key, this once" },
    { "GET", "/api/1/sources", get_sources, .may = MAY_STAFF, .queue = Q_DB, .gives = &source_list_shape,
        .doc = "all sources" },
    { "GET", "/api/1/refusals", get_refusals, .may = MAY_STAFF, .queue = Q_LOOP, .gives = &refusals_shape,
      .doc = "which events were refused, and why" },
};
const size_t source_routes_n = COUNT(source_routes);
