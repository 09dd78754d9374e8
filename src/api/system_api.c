/* system_api: signing in with the admin token, numbers about this server, health, metrics, the OpenAPI document. */
#include "api/app.h"
#include <string.h>

typedef struct SessionIn { Str token; } SessionIn;
static const Field session_fields[] = {
    FIELD(SessionIn, token, F_STR, .min = 1, .max = 100, .required = true,
        .doc = "the admin token printed at the first start"),
};
static const Shape session_in = SHAPE("session_in", SessionIn, session_fields);
static const Field done_fields[] = { { .key = "ok", .type = F_BOOL, .required = true } };
static const Shape done_shape = SHAPE("done", struct { bool ok; }, done_fields);

static bool admin(const App *app, Str token)
{
    uint8_t hash[32];
    if (token.n == 0) return false;
    crypto_sha256(token, hash);
    return crypto_same((Str){ (const char *)hash, 32 }, (Str){ (const char *)app->admin_hash, 32 });
}
/* A cookie is sent by the browser whoever made the page: a change must come from our own pages. */
static bool own_page(const Req *rq)
{
    Str origin = req_header(rq, "Origin"), host = req_header(rq, "Host");
    if (str_is(rq->method, "GET") || str_is(rq->method, "HEAD")) return true;
    if (origin.n == 0 || host.n == 0 || origin.n < host.n + 3) return false;
    return str_eq((Str){ origin.p + origin.n - host.n, host.n }, host) && memcmp(origin.p + origin.n - host.n - 3,
        "://", 3) == 0;
}
Status api_who(Cx *cx, Req *rq)
{
    Str h = req_header(rq, "Authorization");
    bool bearer = str_starts(h, S("Bearer "));
    Str cookie = bearer ? (Str){ 0 } : req_cookie(rq, "liuke_admin");

    (void)cx;
    if (bearer ? admin(rq->app, (Str){ h.p + 7, h.n - 7 }) : cookie.n && own_page(rq) && admin(rq->app, cookie)) {
        rq->who = 1;
        rq->may = MAY_STAFF;
    }
    return ST_OK;
}
Status api_owner(Cx *cx, Req *rq)
{
    (void)cx;
    rq->who = 1;
    rq->may = MAY_STAFF;
    return ST_OK;
}
static Status ok_out(Cx *cx, Res *rs, bool ok)
{
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("ok"));
    jsonw_bool(w, ok);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status cookie_out(Cx *cx, const Req *rq, Res *rs, Str value, const char *age)
{
    Buf b = buf_new(cx->arena, 400);
    buf_addz(&b, "liuke_admin=");
    buf_add(&b, value);
    buf_addz(&b, "; Path=/; HttpOnly; SameSite=Strict; Max-Age=");
    buf_addz(&b, age);
    if (rq->tls) buf_addz(&b, "; Secure");
    if (b.bad) return fail(cx, ST_NO_MEM, "cookie");
    res_header(cx, rs, "Set-Cookie", buf_str(&b));
    return ok_out(cx, rs, true);
}
static Status post_session(Cx *cx, const Req *rq, Res *rs)
{
    const SessionIn *in = rq->in;
    if (!admin(rq->app, str_trim(in->token))) return refuse(cx, ST_UNKNOWN_WHO, S("token"), MSG_bad_token, NO_PARAMS);
    return cookie_out(cx, rq, rs, str_trim(in->token), "2592000");
}
/* For a page that does not know yet: an answer, where any other route would refuse. */
static Status get_session(Cx *cx, const Req *rq, Res *rs) { return ok_out(cx, rs, rq->may & MAY_STAFF); }
static Status delete_session(Cx *cx, const Req *rq, Res *rs) { return cookie_out(cx, rq, rs, S(""), "0"); }

typedef struct StatsOut { int64_t events, actors, people, segments, segment_bytes, tail_events, log_bytes,
    quarantined; Str product, zone, oldest, newest; } StatsOut;
static const Field stats_fields[] = {
    FIELD(StatsOut, events, F_I64, .required = true), FIELD(StatsOut, actors, F_I64, .required = true),
    FIELD(StatsOut, people, F_I64, .required = true), FIELD(StatsOut, segments, F_I64, .required = true),
    FIELD(StatsOut, segment_bytes, F_I64, .required = true), FIELD(StatsOut, tail_events, F_I64, .required = true),
    FIELD(StatsOut, log_bytes, F_I64, .required = true), FIELD(StatsOut, quarantined, F_I64, .required = true,
        .doc = "damaged files set aside"),
    FIELD(StatsOut, product, F_STR, .required = true), FIELD(StatsOut, zone, F_STR, .required = true),
    FIELD(StatsOut, oldest, F_STR), FIELD(StatsOut, newest, F_STR),
};
static const Shape stats_shape = SHAPE("stats", StatsOut, stats_fields);
static Status get_stats(Cx *cx, const Req *rq, Res *rs)
{
    EventsStats s = { 0 };
    TRY(events_stats(cx, rq->app->events, &s));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("events"));        jsonw_i64(w, s.events);
    jsonw_key(w, S("actors"));        jsonw_i64(w, s.actors);
    jsonw_key(w, S("people"));        jsonw_i64(w, s.people);
    jsonw_key(w, S("segments"));      jsonw_i64(w, s.segments);
    jsonw_key(w, S("segment_bytes")); jsonw_i64(w, s.segment_bytes);
    jsonw_key(w, S("tail_events"));   jsonw_i64(w, s.tail_events);
    jsonw_key(w, S("log_bytes"));     jsonw_i64(w, s.log_bytes);
    jsonw_key(w, S("quarantined"));   jsonw_i64(w, s.quarantined);
    jsonw_key(w, S("product"));       jsonw_str(w, rq->app->product);
    jsonw_key(w, S("zone"));          jsonw_str(w, rq->app->zone);
    if (s.events) {
        jsonw_key(w, S("oldest")); jsonw_time(w, s.oldest);
        jsonw_key(w, S("newest")); jsonw_time(w, s.newest);
    }
    jsonw_close(w, '}');
    return ST_OK;
}
const Route system_routes[] = {
    { "GET", "/healthz", http_healthz, .may = PUBLIC, .queue = Q_LOOP, .doc = "is the server up" },
    { "GET", "/metrics", http_metrics, .may = MAY_STAFF, .queue = Q_LOOP, .doc = "metrics for Prometheus" },
    { "GET", "/api/1/openapi.json", http_openapi, .may = PUBLIC, .queue = Q_LOOP, .doc = "this document" },
    { "POST", "/api/1/session", post_session, .may = PUBLIC, .queue = Q_LOOP, .takes = &session_in,
        .gives = &done_shape,
      .rate = 10, .rate_seconds = 60, .doc = "sign in to the console with the admin token" },
    { "GET", "/api/1/session", get_session, .may = PUBLIC, .queue = Q_LOOP, .gives = &done_shape,
        .doc = "is the caller signed in to the console" },
    { "DELETE", "/api/1/session", delete_session, .may = PUBLIC, .queue = Q_LOOP, .gives = &done_shape,
        .doc = "sign out of the console" },
    { "GET", "/api/1/stats", get_stats, .may = MAY_STAFF, .queue = Q_ASK, .gives = &stats_shape,
        .doc = "what this server holds" },
};
const size_t system_routes_n = COUNT(system_routes);
