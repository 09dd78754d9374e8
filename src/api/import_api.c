/* import_api: files piece by piece, so that a terminal and a browser can both show progress, stop and go on. */
#include "api/list.h"
#include "base/id.h"
#include "base/limits.h"
#include "flow/import.h"

static void import_out(JsonW *w, const Import *m)
{
    jsonw_open(w, '{');
    jsonw_key(w, S("id"));       jsonw_id(w, "imp", m->id);
    jsonw_key(w, S("name"));     jsonw_str(w, m->name);
    jsonw_key(w, S("format"));   jsonw_str(w, m->format);
    jsonw_key(w, S("done"));     jsonw_i64(w, m->done);
    jsonw_key(w, S("kept"));     jsonw_i64(w, m->kept);
    jsonw_key(w, S("rejected")); jsonw_i64(w, m->rejected);
    jsonw_close(w, '}');
}
static const Field import_fields[] = {
    { .key = "id", .type = F_ID, .prefix = "imp", .required = true },
    { .key = "name", .type = F_STR, .required = true },
    { .key = "format", .type = F_STR, .required = true },
    { .key = "done", .type = F_I64, .required = true,
        .doc = "bytes of the file that are taken in: the next piece begins there" },
    { .key = "kept", .type = F_I64, .required = true },
    { .key = "rejected", .type = F_I64, .required = true },
};
static const Shape import_shape = { .name = "import", .fields = import_fields, .n = COUNT(import_fields),
    .size = sizeof(Import) };
static const Field list_fields[] = { { .key = "items", .type = F_LIST, .item = F_OBJECT, .of = &import_shape,
    .required = true }, { .key = "next", .type = F_STR } };
static const Shape list_shape = { .name = "import_list", .fields = list_fields, .n = COUNT(list_fields), .size = 32 };
static const Field reject_fields[] = {
    { .key = "line", .type = F_I64, .required = true }, { .key = "at", .type = F_I64, .required = true },
    { .key = "code", .type = F_STR, .required = true },
    { .key = "field", .type = F_STR, .required = true }, { .key = "message", .type = F_STR, .required = true },
    { .key = "raw", .type = F_STR, .required = true },
};
static const Shape reject_shape = { .name = "import_reject", .fields = reject_fields, .n = COUNT(reject_fields),
    .size = 128 };
static const Field rows_fields[] = {
    { .key = "import", .type = F_OBJECT, .of = &import_shape, .required = true },
    { .key = "durable", .type = F_I64, .required = true,
        .doc = "bytes of the file that are stored for good; the rest is with the last piece, or after ten quiet "
               "seconds" },
    { .key = "kept", .type = F_I64, .required = true },
    { .key = "repeated", .type = F_I64, .required = true, .doc = "rows that had been imported before" },
    { .key = "rejects", .type = F_LIST, .item = F_OBJECT, .of = &reject_shape, .required = true },
};
static const Shape rows_shape = { .name = "import_rows", .fields = rows_fields, .n = COUNT(rows_fields), .size = 256 };

static ImportDeps deps_of(const Req *rq)
{
    return (ImportDeps){ .events = rq->app->events, .keys = rq->app->keys, .imports = rq->app->imports };
}
static Status post_import(Cx *cx, const Req *rq, Res *rs)
{
    ImportSpec spec = { .source = req_query(cx, rq, "source"), .name = req_query(cx, rq, "name"),
        .format = req_query(cx, rq, "format"),
                        .map = req_query(cx, rq, "map"), .columns = req_query(cx, rq, "columns"), .first = rq->body,
                        .as_new = str_is(req_query(cx, rq, "as_new"), "true") };
    Import m;

    ImportDeps deps = deps_of(rq);
    TRY(flow_import_begin(cx, &deps, &spec, &m));
    TRY(source_cache_load(cx, rq->app->sources));
    import_out(res_json(cx, rs, 201), &m);
    return ST_OK;
}
static Status post_rows(Cx *cx, const Req *rq, Res *rs)
{
    int64_t id, at;
    ImportResult r;
    ImportDeps deps = deps_of(rq);

    if (!id_parse(rq->params[0], "imp", &id)) return refuse(cx, ST_INVALID, S("id"), MSG_bad_id, NO_PARAMS);
    if (!str_i64(req_query(cx, rq, "at"), &at)) return refuse(cx, ST_INVALID, S("at"), MSG_required, NO_PARAMS);
    TRY(zone_get(cx, rq->app->zone, &deps.zone));
    cx->lang = rq->lang;
    TRY(flow_import_rows(cx, &deps, id, at, rq->body, str_is(req_query(cx, rq, "last"), "true"), &r));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("import"));   import_out(w, &r.import);
    jsonw_key(w, S("durable"));  jsonw_i64(w, r.durable);
    jsonw_key(w, S("kept"));     jsonw_i64(w, (int64_t)r.kept);
    jsonw_key(w, S("repeated")); jsonw_i64(w, (int64_t)r.repeated);
    jsonw_key(w, S("rejects"));  jsonw_open(w, '[');
    for (size_t i = 0; i < r.n_rejects; i++) {
        const ImportReject *j = &r.rejects[i];
        jsonw_open(w, '{');
        jsonw_key(w, S("line"));    jsonw_i64(w, j->line);
        jsonw_key(w, S("at"));      jsonw_i64(w, j->at);
        jsonw_key(w, S("code"));    jsonw_str(w, str_z(msg_code(j->code)));
        jsonw_key(w, S("field"));   jsonw_str(w, j->field);
        jsonw_key(w, S("message")); jsonw_str(w, j->message);
        jsonw_key(w, S("raw"));     jsonw_str(w, (Str){ j->raw.p, j->raw.n < IMPORT_RAW_BYTES ?
            j->raw.n : IMPORT_RAW_BYTES });
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_close(w, '}');
    return ST_OK;
}
static Status get_imports(Cx *cx, const Req *rq, Res *rs)
{
    const Import *all;
    size_t n, limit;
    int64_t before;
    TRY(list_limit(cx, rq, &limit));
    TRY(list_after(cx, rq, INT64_MAX, &before));
    TRY(import_list(cx, before, limit, &all, &n));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items")); jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) import_out(w, &all[i]);
    jsonw_close(w, ']');
    list_next(w, n == limit, n ? all[n - 1].id : 0);
    jsonw_close(w, '}');
    return ST_OK;
}
const Route import_routes[] = {
    { "GET", "/api/1/imports", get_imports, .may = MAY_STAFF, .queue = Q_DB, .gives = &list_shape,
        .doc = "files imported so far, newest first" },
    { "POST", "/api/1/imports", post_import, .may = MAY_STAFF, .queue = Q_DB, .body_max = IMPORT_FIRST_BYTES,
        .gives = &import_shape, .gives_code = 201,
      .doc = "begin or go on with a file; the body is its first 64 KiB" },
    { "POST", "/api/1/imports/{id}/rows", post_rows, .may = MAY_STAFF, .queue = Q_DB, .body_max = IMPORT_PIECE_BYTES,
        .gives = &rows_shape,
      .doc = "the next piece of the file, from byte ?at=" },
};
const size_t import_routes_n = COUNT(import_routes);
