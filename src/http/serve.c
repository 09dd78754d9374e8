#include "http/serve.h"
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"

static const int code_of[] = { [ST_OK] = 200, [ST_INVALID] = 400, [ST_UNKNOWN_WHO] = 401, [ST_DENIED] = 403,
    [ST_NOT_FOUND] = 404, [ST_CONFLICT] = 409, [ST_LIMITED] = 429, [ST_BUSY] = 503, [ST_NO_MEM] = 503,
    [ST_IO] = 500, [ST_BUG] = 500 };
_Static_assert(COUNT(code_of) == ST_MAX_, "an HTTP code for every Status");
enum { RETRY_SECONDS = 1, MESSAGE_MAX = 1024 };

/* What HTTP itself has a number for. */
static int code_for(const Why *why, Status st)
{
    if (st != ST_INVALID) return code_of[st];
    switch (why->msg) {
    case MSG_bad_method:        return 405;
    case MSG_request_timeout:   return 408;
    case MSG_too_large:         return 413;
    case MSG_url_too_long:      return 414;
    case MSG_bad_type:
    case MSG_bad_encoding:      return 415;
    case MSG_headers_too_large: return 431;
    default:                    return code_of[st];
    }
}
size_t serve_body_max(const Route *rt)
{
    if (rt->body_max) return rt->body_max;
    return strcmp(rt->method, "GET") == 0 ? 0 : HTTP_BODY_MAX;
}

/* --- before the handler --- */

enum { PREFLIGHT_SECONDS = 86400 };
static const char preflight_headers[] =
    "Authorization, Content-Type, X-Retry-Count, AnonymousId, SentAt, Rsa-Recovered, Rsa-Retry-Attempt, "
    "Rsa-Since-Last-Attempt, Rsa-Since-First-Attempt, Rsa-Retry-Reason";

static void options(Cx *cx, Res *rs, const Found *f)
{
    res_bytes(rs, 204, NULL, S(""));
    res_header(cx, rs, "Allow", f->allow);
    if (!f->cors) return;
    res_header(cx, rs, "Access-Control-Allow-Origin", S("*"));
    res_header(cx, rs, "Access-Control-Allow-Methods", S("GET, POST, OPTIONS"));
    res_header(cx, rs, "Access-Control-Allow-Headers", str_z(preflight_headers));
    res_header(cx, rs, "Access-Control-Max-Age", S("86400"));
}
Status serve_match(Serve *s, Req *rq, Res *rs)
{
    Cx *cx = s->cx;
    Found f;
    rq->lang = cx->lang = req_lang(cx, rq, s->cf->lang);
    Status st = routes_find(cx, s->cf->tables, s->cf->n_tables, rq, &f);
    s->route = f.route;
    if (st != ST_OK) {
        if (f.allow.p && str_eq(rq->method, S("OPTIONS"))) {
            options(cx, rs, &f);
            return ST_OK;
        }
        if (f.allow.p) res_header(cx, rs, "Allow", f.allow);
        return st;
    }
    if (f.route->rate && rq->addr.n && !rate_take(f.route, rq->addr, clock_mono())) {
        int wait = f.route->rate_seconds / (f.route->rate > 0 ? f.route->rate : 1);
        Buf b = buf_new(cx->arena, 32);
        buf_i64(&b, wait > 0 ? wait : 1);
        res_header(cx, rs, "Retry-After", buf_str(&b));
        return refuse(cx, ST_LIMITED, S(""), MSG_limited, NO_PARAMS);
    }
    return ST_OK;
}
static Status allowed(Cx *cx, const Route *rt, const Req *rq)
{
    unsigned may = rt->may & ~(unsigned)PUBLIC;
    if (!may) return ST_OK;
    if (!rq->who) return refuse(cx, ST_UNKNOWN_WHO, S(""), MSG_unknown_who, NO_PARAMS);
    if (may & ~rq->may) return refuse(cx, ST_DENIED, S(""), MSG_denied, NO_PARAMS);
    return ST_OK;
}
/* A form of another site can post text/plain without asking; what is decoded as JSON must say that it is JSON. */
static Status check_type(Cx *cx, const Route *rt, const Req *rq)
{
    Str rest = req_header(rq, "content-type");
    if (!rest.p || rt->cors) return ST_OK;
    Str type = str_trim(str_cut(&rest, ';'));
    if (req_same(type, "application/json")) return ST_OK;
    return refuse(cx, ST_INVALID, S("content-type"), MSG_bad_type, NO_PARAMS);
}
static Status decode(Cx *cx, const Route *rt, Req *rq)
{
    if (!rt->takes) return ST_OK;
    void *in = arena_get(cx->arena, rt->takes->size);
    if (!in) return fail(cx, ST_NO_MEM, "the decoded body");
    TRY(check_type(cx, rt, rq));
    TRY(shape_take(cx, rt->takes, rq->body, in));
    rq->in = in;
    return ST_OK;
}
bool serve_starved(const Serve *s) { return arena_failures(s->cx->arena) > s->failures; }
static Status run(Serve *s, Req *rq, Res *rs)
{
    Cx *cx = s->cx;
    const Route *rt = s->route;
    if (s->cf->who) TRY(s->cf->who(cx, rq));
    TRY(allowed(cx, rt, rq));
    TRY(decode(cx, rt, rq));
    if (serve_starved(s)) return fail(cx, ST_NO_MEM, "a request");
    Status st = rt->run(cx, rq, rs);
    return st != ST_OK && serve_starved(s) ? fail(cx, ST_NO_MEM, "a request that was not understood whole") : st;
}
Status serve_run(Serve *s, Req *rq, Res *rs)
{
    Status st = run(s, rq, rs);
    if (s->cf->done) s->cf->done(s->cx);
    return st;
}

/* --- after the handler --- */

static void params_out(JsonW *w, const Why *why)
{
    jsonw_key(w, S("params"));
    jsonw_open(w, '{');
    for (const Param *p = why->params; p < why->params + why->n_params; p++) {
        jsonw_key(w, str_z(p->name));
        if (p->text.p) jsonw_str(w, p->text);
        else jsonw_i64(w, p->value);
    }
    jsonw_close(w, '}');
}
static void house_problem(Cx *cx, const Req *rq, Res *rs)
{
    const Why *why = &cx->why;
    Buf text = buf_new(cx->arena, MESSAGE_MAX);
    JsonW *w = res_json(cx, rs, rs->code);

    buf_msg(&text, rq->lang, why);
    jsonw_open(w, '{');
    jsonw_key(w, S("error"));
    jsonw_open(w, '{');
    jsonw_key(w, S("code"));
    jsonw_str(w, str_z(msg_code(why->msg)));
    jsonw_key(w, S("field"));
    if (why->field[0]) jsonw_str(w, str_z(why->field));
    else jsonw_null(w);
    params_out(w, why);
    jsonw_key(w, S("message"));
    jsonw_str(w, buf_str(&text));
    jsonw_close(w, '}');
    jsonw_close(w, '}');
    rs->body.bad = rs->body.bad || text.bad;
}
/* Ours to know, not the client's: it hears a general message and finds the request's id in a header. */
static void hush(Cx *cx, Status st)
{
    if (cx->why.st != st) cx->why = (Why){ .st = st, .msg = (Msg)st };
    if (st != ST_NO_MEM && st != ST_IO && st != ST_BUG) return;
    log_why(LOG_ERROR, "http_request_failed", cx);
    cx->why = (Why){ .st = st, .msg = (Msg)st };
}
static void drop_reply(Res *rs)
{
    size_t keep = 0;
    for (size_t i = 0; i < rs->n_headers; i++)            /* Allow, Retry-After, WWW-Authenticate say why */
        if (req_same(rs->headers[i].name, "allow") || req_same(rs->headers[i].name, "retry-after") ||
            req_same(rs->headers[i].name, "www-authenticate")) rs->headers[keep++] = rs->headers[i];
    rs->n_headers = keep;
    rs->body = (Buf){ 0 };
    rs->still = (Str){ 0 };
}
/* Of a handler that said OK. Not before later_done(): until then somebody else holds what is in the arena. */
static Status check_reply(Serve *s, const Res *rs)
{
    const Route *rt = s->route;
    if (serve_starved(s)) return fail(s->cx, ST_NO_MEM, "a reply that is not whole");
    if (rs->body.bad) return fail(s->cx, ST_NO_MEM, "the reply is past %d bytes or memory is out", HTTP_REPLY_MAX);
    if (!rs->code && rt) return fail(s->cx, ST_BUG, "%s %s left no reply", rt->method, rt->path);
    return ST_OK;
}
static bool has(const Res *rs, const char *name)
{
    for (size_t i = 0; i < rs->n_headers; i++)
        if (req_same(rs->headers[i].name, name)) return true;
    return false;
}
static void problem(Serve *s, const Req *rq, Res *rs, Status st)
{
    static const char last_words[] = "{\"error\":{\"code\":\"no_mem\",\"field\":null,\"params\":{},\"message\":\"\"}}";
    Cx *cx = s->cx;
    hush(cx, st);
    drop_reply(rs);
    rs->code = code_for(&cx->why, st);
    int code = rs->code;
    if (s->route && s->route->problem) s->route->problem(cx, rq, rs, st);
    else house_problem(cx, rq, rs);
    if (code == 405 || code == 408 || code == 413 || code == 414 || code == 415 || code == 431) rs->code = code;
    if ((rs->code == 429 || rs->code == 503) && !has(rs, "retry-after"))
        res_header(cx, rs, "Retry-After", st == ST_LIMITED ? S("10") : S("1"));
    if (!rs->body.bad) return;
    rs->n_headers = 0;
    res_bytes(rs, code_of[ST_NO_MEM], "application/json", str_z(last_words));
}
void serve_end(Serve *s, const Req *rq, Res *rs, Status st)
{
    if (st == ST_OK) st = check_reply(s, rs);
    if (st != ST_OK && rs->stream) {
        if (rs->stream->drop) rs->stream->drop(rs->stream->state);
        rs->stream = NULL;
    }
    if (st != ST_OK) problem(s, rq, rs, st);
}
