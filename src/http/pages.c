#include "http/serve.h"
#include "base/limits.h"
#include "base/metric.h"

Status http_healthz(Cx *cx, const Req *rq, Res *rs)
{
    (void)cx; (void)rq;
    res_bytes(rs, 200, "application/json", S("{\"status\":\"ok\"}"));
    return ST_OK;
}
Status http_metrics(Cx *cx, const Req *rq, Res *rs)
{
    (void)rq;
    res_bytes(rs, 200, "text/plain; version=0.0.4; charset=utf-8", S(""));
    rs->still = (Str){ 0 };
    rs->body = buf_new(cx->arena, HTTP_REPLY_MAX);
    metric_write(&rs->body);
    return ST_OK;
}
Status http_openapi(Cx *cx, const Req *rq, Res *rs)
{
    const Serve *s = rq->own;
    openapi_write(res_json(cx, rs, 200), s->cf->tables, s->cf->n_tables, S("/"));
    return ST_OK;
}
