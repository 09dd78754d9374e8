#include "http/serve.h"
#include <string.h>

/* Does the path fit "/api/1/people/{id}/x"? What stands for {…} is one segment, not empty. */
static bool fits(const char *pattern, Str path, Str params[REQ_PARAMS_MAX])
{
    const char *p = path.p, *end = path.p + path.n;
    int n = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (p == end || *p++ != *pattern++) return false;
            continue;
        }
        const char *from = p;
        while (p < end && *p != '/') p++;
        if (p == from || n == REQ_PARAMS_MAX) return false;
        params[n++] = (Str){ from, (size_t)(p - from) };
        pattern += strcspn(pattern, "}") + 1;
    }
    return p == end;
}
static bool is_head(const Route *rt, Str method) { return str_eq(method, S("HEAD")) && strcmp(rt->method, "GET") == 0; }

static void allow_add(Buf *b, const char *method)
{
    if (b->n) buf_addz(b, ", ");
    buf_addz(b, method);
    if (strcmp(method, "GET") == 0) buf_addz(b, ", HEAD");
}
static Status no_method(Cx *cx, Buf *allow, Found *ret)
{
    buf_addz(allow, ", OPTIONS");
    if (allow->bad) return fail(cx, ST_NO_MEM, "the methods of a path");
    ret->allow = buf_str(allow);
    return refuse(cx, ST_INVALID, S(""), MSG_bad_method, NO_PARAMS);
}
/* The escapes were checked with the whole address. */
static Status params_decode(Cx *cx, Req *rq)
{
    for (int i = 0; i < REQ_PARAMS_MAX && rq->params[i].p; i++) {
        Str raw = rq->params[i];
        if (!memchr(raw.p, '%', raw.n)) continue;
        if (!req_decode(cx, raw, false, &rq->params[i])) return fail(cx, ST_NO_MEM, "a parameter of a path");
    }
    return ST_OK;
}
Status routes_find(Cx *cx, const RouteTable *tables, size_t n, Req *rq, Found *ret)
{
    Buf allow = buf_new(cx->arena, 256);
    *ret = (Found){ 0 };
    for (const RouteTable *t = tables; t < tables + n; t++)
        for (const Route *rt = t->routes; rt < t->routes + t->n; rt++) {
            Str params[REQ_PARAMS_MAX] = { { 0 } };
            if (!fits(rt->path, rq->path, params)) continue;
            ret->cors = ret->cors || rt->cors;
            if (str_is(rq->method, rt->method) || is_head(rt, rq->method)) {
                ret->route = rt;
                memcpy(rq->params, params, sizeof params);
                return params_decode(cx, rq);
            }
            allow_add(&allow, rt->method);
        }
    if (allow.n || allow.bad) return no_method(cx, &allow, ret);
    return refuse(cx, ST_NOT_FOUND, S(""), MSG_not_found, NO_PARAMS);
}
/* Two patterns collide when some path fits both. */
static bool collide(const char *a, const char *b)
{
    while (*a && *b) {
        if (*a == '{' || *b == '{') {
            a += strcspn(a, "/");
            b += strcspn(b, "/");
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}
static Status check_one(Cx *cx, const Route *rt)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
    size_t m = 0, braces = 0;
    if (!rt->method || !rt->path || !rt->run) return fail(cx, ST_BUG, "a route without method, path or handler");
    while (m < COUNT(methods) && strcmp(methods[m], rt->method) != 0) m++;
    if (m == COUNT(methods)) return fail(cx, ST_BUG, "%s %s: no such method", rt->method, rt->path);
    if (rt->path[0] != '/') return fail(cx, ST_BUG, "%s %s: a path begins with /", rt->method, rt->path);
    for (const char *p = rt->path; *p; p++) braces += *p == '{';
    if (braces > REQ_PARAMS_MAX) return fail(cx, ST_BUG, "%s %s: too many parameters", rt->method, rt->path);
    if (!rt->may) return fail(cx, ST_BUG, "%s %s says not who may call it", rt->method, rt->path);
    if ((unsigned)rt->queue >= QUEUES_) return fail(cx, ST_BUG, "%s %s: no such queue", rt->method, rt->path);
    return ST_OK;
}
static Status check_apart(Cx *cx, const Route *rt, const Route *others, size_t n)
{
    for (const Route *o = others; o < others + n; o++)
        if (strcmp(o->method, rt->method) == 0 && collide(o->path, rt->path))
            return fail(cx, ST_BUG, "%s %s and %s collide", rt->method, rt->path, o->path);
    return ST_OK;
}
Status routes_check(Cx *cx, const RouteTable *tables, size_t n)
{
    for (const RouteTable *t = tables; t < tables + n; t++)
        for (const Route *rt = t->routes; rt < t->routes + t->n; rt++) {
            TRY(check_one(cx, rt));
            for (const RouteTable *u = tables; u < t; u++) TRY(check_apart(cx, rt, u->routes, u->n));
            TRY(check_apart(cx, rt, t->routes, (size_t)(rt - t->routes)));
        }
    return ST_OK;
}
