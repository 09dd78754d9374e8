/* segment_api: the Segment tracking API (and what RudderStack's clients add to it) at /v1/. */
#include "api/app.h"
#include "base/limits.h"
#include <sodium.h>
#include <string.h>

/* "Basic base64(key:)", with or without the colon; or "Bearer key". Empty: there is none. */
static Status header_key(Cx *cx, const Req *rq, Str *ret)
{
    Str h = req_header(rq, "Authorization"), scheme = str_cut(&h, ' ');
    size_t n;

    h = str_trim(h);
    *ret = str_is(scheme, "Bearer") ? h : (Str){ 0 };
    if (!str_is(scheme, "Basic") || h.n > 512) return ST_OK;
    char *out = arena_get(cx->arena, h.n + 1);
    if (!out) return fail(cx, ST_NO_MEM, "a write key");       /* not "wrong key": clients drop events for that */
    if (sodium_base642bin((unsigned char *)out, h.n, h.p, h.n, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return ST_OK;
    Str pair = { out, n };
    *ret = str_cut(&pair, ':');
    return ST_OK;
}
static void problem(Cx *cx, const Req *rq, Res *rs, Status st)
{
    static const int codes[] = { [ST_OK] = 200, [ST_INVALID] = 400, [ST_UNKNOWN_WHO] = 401, [ST_DENIED] = 403,
        [ST_NOT_FOUND] = 404,
        [ST_CONFLICT] = 409, [ST_LIMITED] = 429, [ST_BUSY] = 503, [ST_NO_MEM] = 503, [ST_IO] = 500, [ST_BUG] = 500 };
    Why why = cx->why.st == st ? cx->why : (Why){ .st = st, .msg = (Msg)st };
    Buf text = buf_new(cx->arena, 600);

    buf_msg(&text, rq->lang, &why);
    JsonW *w = res_json(cx, rs, codes[st]);
    jsonw_open(w, '{');
    jsonw_key(w, S("success")); jsonw_bool(w, false);
    jsonw_key(w, S("code"));    jsonw_str(w, str_z(msg_code(why.msg)));
    jsonw_key(w, S("field"));
    if (why.field[0]) jsonw_str(w, str_z(why.field)); else jsonw_null(w);
    jsonw_key(w, S("message")); jsonw_str(w, buf_str(&text));
    jsonw_close(w, '}');
    if (st == ST_LIMITED || st == ST_BUSY || st == ST_NO_MEM) res_header(cx, rs, "Retry-After", S("2"));
}
static Str head_of(Str s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80) n--;
    return (Str){ s.p, n };
}
/* As many as fit: the events that were good are being kept, so the reply must not fail for its size. */
static void refused_out(Cx *cx, const Req *rq, JsonW *w, const IngestResult *r)
{
    enum { ROOM = HTTP_REPLY_MAX - (8 << 10) };
    jsonw_key(w, S("rejected_total"));
    jsonw_i64(w, (int64_t)r->n_refused);
    jsonw_key(w, S("rejected"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < r->n_refused && w->b->n < ROOM; i++) {
        const IngestRefusal *f = &r->refused[i];
        Buf text = buf_new(cx->arena, 600);
        buf_msg(&text, rq->lang, &f->why);
        jsonw_open(w, '{');
        jsonw_key(w, S("index"));     jsonw_i64(w, (int64_t)f->index);
        jsonw_key(w, S("messageId")); jsonw_str(w, head_of(f->message_id, MESSAGE_ID_BYTES_MAX));
        jsonw_key(w, S("code"));      jsonw_str(w, str_z(msg_code(f->why.msg)));
        jsonw_key(w, S("field"));     jsonw_str(w, str_z(f->why.field));
        jsonw_key(w, S("error"));     jsonw_str(w, buf_str(&text));
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void durable(void *arg, Status st) { later_done(arg, st); }

static Status take(Cx *cx, const Req *rq, Res *rs, const char *type, bool batch)
{
    IngestCall call = { .type = str_z(type), .batch = batch, .body = rq->body, .addr = rq->addr,
                        .user_agent = req_header(rq, "User-Agent"), .sent_at = req_header(rq, "SentAt") };
    IngestResult r;
    Later *later;

    TRY(header_key(cx, rq, &call.key));
    if (call.key.n == 0) call.key = req_query(cx, rq, "writeKey");
    TRY(res_later(cx, rs, &later));
    TRY(ingest_run(cx, rq->app->ingest, &call, &r, durable, later));
    if (r.n_refused == 0 && r.unconsented == 0) {
        res_bytes(rs, 200, "application/json", S("{\"success\":true}"));
        return ST_OK;
    }
    bool none = !batch && r.n_refused;            /* a single event that was refused is a bad request */
    JsonW *w = res_json(cx, rs, none ? 400 : 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("success")); jsonw_bool(w, !none);
    if (r.unconsented) {
        jsonw_key(w, S("unconsented"));           /* counted, and dropped for want of consent */
        jsonw_i64(w, (int64_t)r.unconsented);
    }
    if (r.n_refused) refused_out(cx, rq, w, &r);
    jsonw_close(w, '}');
    return ST_OK;
}
static Status post_batch(Cx *cx, const Req *rq, Res *rs)    { return take(cx, rq, rs, "", true); }
static Status post_track(Cx *cx, const Req *rq, Res *rs)    { return take(cx, rq, rs, "track", false); }
static Status post_identify(Cx *cx, const Req *rq, Res *rs) { return take(cx, rq, rs, "identify", false); }
static Status post_page(Cx *cx, const Req *rq, Res *rs)     { return take(cx, rq, rs, "page", false); }
static Status post_screen(Cx *cx, const Req *rq, Res *rs)   { return take(cx, rq, rs, "screen", false); }
static Status post_group(Cx *cx, const Req *rq, Res *rs)    { return take(cx, rq, rs, "group", false); }
static Status post_alias(Cx *cx, const Req *rq, Res *rs)    { return take(cx, rq, rs, "alias", false); }
static Status post_drop(Cx *cx, const Req *rq, Res *rs)
{
    (void)cx; (void)rq;
    res_bytes(rs, 200, "application/json", S("{\"success\":true}"));
    return ST_OK;
}

static const Source *known(const Req *rq, Str key)
{
    bool secret = false;
    const Source *s = source_by_key(rq->app->sources, key, &secret);
    return s && !secret ? s : NULL;
}
/* analytics-next takes its key and host from here, not from load(): an answer without apiKey would make it send
 * nameless events. */
static Status get_settings(Cx *cx, const Req *rq, Res *rs)
{
    const Source *s = known(rq, rq->params[0]);
    if (!s) {
        res_bytes(rs, 404, "text/plain; charset=utf-8", S("unknown write key"));
        return ST_OK;
    }
    Str url = rq->app->public_url, host = url;
    if (url.n == 0) host = req_header(rq, "Host");
    else if (str_starts(url, S("https://"))) host = (Str){ url.p + 8, url.n - 8 };
    else if (str_starts(url, S("http://"))) host = (Str){ url.p + 7, url.n - 7 };
    bool tls = url.n ? str_starts(url, S("https://")) : rq->tls;
    Buf api = buf_new(cx->arena, 600);
    buf_add(&api, host);
    buf_addz(&api, "/v1");
    if (api.bad) return refuse(cx, ST_INVALID, S("Host"), MSG_too_long, PARAMS({ .name = "max", .value = 590 }));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("integrations")); jsonw_open(w, '{');
    jsonw_key(w, S("Segment.io")); jsonw_open(w, '{');
    jsonw_key(w, S("apiKey"));   jsonw_str(w, s->public_key);
    jsonw_key(w, S("apiHost"));  jsonw_str(w, buf_str(&api));
    jsonw_key(w, S("protocol")); jsonw_str(w, tls ? S("https") : S("http"));
    jsonw_key(w, S("addBundledMetadata")); jsonw_bool(w, true);
    jsonw_key(w, S("unbundledIntegrations")); jsonw_open(w, '['); jsonw_close(w, ']');
    jsonw_key(w, S("maybeBundledConfigIds")); jsonw_open(w, '{'); jsonw_close(w, '}');
    jsonw_close(w, '}'); jsonw_close(w, '}');
    jsonw_key(w, S("plan")); jsonw_open(w, '{'); jsonw_close(w, '}');
    jsonw_key(w, S("enabledMiddleware")); jsonw_open(w, '{'); jsonw_close(w, '}');
    jsonw_key(w, S("metrics")); jsonw_open(w, '{');
    jsonw_key(w, S("sampleRate")); jsonw_i64(w, 0); jsonw_close(w, '}');
    jsonw_key(w, S("remotePlugins")); jsonw_open(w, '['); jsonw_close(w, ']');
    jsonw_key(w, S("legacyVideoPluginsEnabled")); jsonw_bool(w, false);
    jsonw_close(w, '}');
    res_header(cx, rs, "Cache-Control", S("public, max-age=300"));
    return ST_OK;
}
static Status get_source_config(Cx *cx, const Req *rq, Res *rs)
{
    Str key = req_query(cx, rq, "writeKey");
    if (key.n == 0) TRY(header_key(cx, rq, &key));
    const Source *s = known(rq, key);
    if (!s) return refuse(cx, ST_UNKNOWN_WHO, S("writeKey"), MSG_bad_key, NO_PARAMS);
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("source")); jsonw_open(w, '{');
    jsonw_key(w, S("id"));          jsonw_id(w, "src", s->id);
    jsonw_key(w, S("name"));        jsonw_str(w, s->name);
    jsonw_key(w, S("writeKey"));    jsonw_str(w, s->public_key);
    jsonw_key(w, S("enabled"));     jsonw_bool(w, true);
    jsonw_key(w, S("workspaceId")); jsonw_str(w, S("liuke"));
    jsonw_key(w, S("config")); jsonw_open(w, '{');
    jsonw_key(w, S("statsCollection")); jsonw_open(w, '{');
    jsonw_key(w, S("errors"));  jsonw_open(w, '{'); jsonw_key(w, S("enabled")); jsonw_bool(w, false); jsonw_close(w,
        '}');
    jsonw_key(w, S("metrics")); jsonw_open(w, '{'); jsonw_key(w, S("enabled")); jsonw_bool(w, false); jsonw_close(w,
        '}');
    jsonw_close(w, '}'); jsonw_close(w, '}');
    jsonw_key(w, S("destinations")); jsonw_open(w, '['); jsonw_close(w, ']');
    jsonw_close(w, '}');
    jsonw_key(w, S("consentManagementMetadata")); jsonw_open(w, '{'); jsonw_close(w, '}');
    jsonw_close(w, '}');
    return ST_OK;
}

#define TRACK(p, fn, what) \
    { "POST", p, fn, .may = PUBLIC, .queue = Q_LOG, .body_max = INGEST_BATCH_BYTES, .cors = true, .problem = problem, \
      .doc = what }
#define DROP(p) \
    { "POST", p, post_drop, .may = PUBLIC, .queue = Q_LOOP, .body_max = INGEST_BATCH_BYTES, .cors = true, \
      .problem = problem, .doc = "a client's own metrics, answered and dropped" }
const Route segment_routes[] = {
    TRACK("/v1/batch", post_batch, "a batch of events"),
    TRACK("/v1/b", post_batch, "a batch of events"),
    TRACK("/v1/import", post_batch, "a batch of events"),
    TRACK("/beacon/v1/batch", post_batch, "a batch of events, key in the query"),
    TRACK("/v1/track", post_track, "one event"),       TRACK("/v1/t", post_track, "one event"),
    TRACK("/v1/identify", post_identify, "who a visitor is"), TRACK("/v1/i", post_identify, "who a visitor is"),
    TRACK("/v1/page", post_page, "a page seen"),       TRACK("/v1/p", post_page, "a page seen"),
    TRACK("/v1/screen", post_screen, "a screen seen"), TRACK("/v1/s", post_screen, "a screen seen"),
    TRACK("/v1/group", post_group, "a person's group"), TRACK("/v1/g", post_group, "a person's group"),
    TRACK("/v1/alias", post_alias, "two ids of one person"), TRACK("/v1/a", post_alias, "two ids of one person"),
    DROP("/v1/m"), DROP("/rsaMetrics"), DROP("/rsaRequest"),
    { "GET", "/v1/projects/{key}/settings", get_settings, .may = PUBLIC, .queue = Q_LOOP, .cors = true,
        .problem = problem,
      .doc = "settings of a source for analytics.js" },
    { "GET", "/sourceConfig/", get_source_config, .may = PUBLIC, .queue = Q_LOOP, .cors = true, .problem = problem,
      .doc = "settings of a source for RudderStack's client" },
    { "GET", "/sourceConfig", get_source_config, .may = PUBLIC, .queue = Q_LOOP, .cors = true, .problem = problem,
      .doc = "settings of a source for RudderStack's client" },
};
const size_t segment_routes_n = COUNT(segment_routes);
