#include "http/serve.h"
#include <string.h>
#include "base/limits.h"
#include "base/log.h"

/* What res_room() made, or another reply that is given up, serves again. */
static Buf body_again(Cx *cx, const Buf *was)
{
    Buf b = buf_new(cx->arena, HTTP_REPLY_MAX);
    if (was->a != cx->arena) return b;
    b.p = was->p;
    b.cap = was->cap;
    return b;
}
Status res_room(Cx *cx, Res *rs, size_t n)
{
    rs->body = body_again(cx, &rs->body);
    if (!buf_room(&rs->body, n) || serve_starved(rs->own)) return fail(cx, ST_NO_MEM, "room for a reply");
    rs->body.n = 0;
    return ST_OK;
}
JsonW *res_json(Cx *cx, Res *rs, int code)
{
    rs->code = code;
    rs->type = S("application/json");
    rs->still = (Str){ 0 };
    rs->body = body_again(cx, &rs->body);
    rs->json = (JsonW){ .b = &rs->body };
    return &rs->json;
}
Html *res_html(Cx *cx, Res *rs, int code)
{
    rs->code = code;
    rs->type = S("text/html; charset=utf-8");
    rs->still = (Str){ 0 };
    rs->body = body_again(cx, &rs->body);
    rs->html = (Html){ .b = &rs->body };
    return &rs->html;
}
void res_bytes(Res *rs, int code, const char *type, Str still)
{
    rs->code = code;
    rs->type = str_z(type);
    rs->still = still.p ? still : S("");
    rs->body = (Buf){ 0 };
}
static bool clean(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == 0) return false;
    return true;
}
void res_header(Cx *cx, Res *rs, const char *name, Str value)
{
    if (!clean(value) || !clean(str_z(name)) || rs->n_headers == RES_HEADERS_MAX) {
        LOG(LOG_ERROR, "http_header_dropped", { "request", cx->request, { 0 } }, { "header", 0, str_z(name) });
        return;
    }
    Header h = { str_z(name), arena_str(cx->arena, value) };
    if (h.value.p) rs->headers[rs->n_headers++] = h;
    else rs->body.bad = true;                 /* no memory: the reply becomes 503 */
}
Status res_later(Cx *cx, Res *rs, Later **ret)
{
    Serve *s = rs->own;
    if (rs->later) return fail(cx, ST_BUG, "res_later() twice");
    if (!(rs->later = ARENA_NEW(cx->arena, Later))) return fail(cx, ST_NO_MEM, "res_later");
    rs->later->turn = s->turn;
    atomic_store(&rs->later->left, 2);
    if (!s->turn) sem_init(&rs->later->sem, 0, 0);
    *ret = rs->later;
    return ST_OK;
}
Status res_stream(Cx *cx, Res *rs, const char *type, StreamPull *pull, void *state, void (*drop)(void *), Stream **ret)
{
    Serve *s = rs->own;
    if (rs->stream) return fail(cx, ST_BUG, "res_stream() twice");
    Stream *st = ARENA_NEW(cx->arena, Stream);
    if (!st) return fail(cx, ST_NO_MEM, "res_stream");
    *st = (Stream){ .pull = pull, .state = state, .drop = drop, .turn = s->turn };
    res_bytes(rs, rs->code ? rs->code : 200, type, S(""));
    rs->stream = st;
    if (ret) *ret = st;
    return ST_OK;
}
