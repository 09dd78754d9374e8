#include "http/turn.h"
#include <errno.h>
#include "base/limits.h"

static Status wait_later(Cx *cx, Later *l)
{
    if (atomic_fetch_sub(&l->left, 1) != 1)
        while (sem_wait(&l->sem) != 0 && errno == EINTR) {}
    if (l->st != ST_OK) cx->why = (Why){ .st = l->st, .msg = (Msg)l->st };
    return l->st;
}
/* What there is of a stream now, as the body. */
static Status pull_all(Cx *cx, Res *rs)
{
    enum { PIECE = 16 << 10 };
    Stream *st = rs->stream;
    Buf b = buf_new(cx->arena, CX_ARENA_MAX);
    for (int64_t n = 1; n > 0;) {
        char *to = buf_room(&b, PIECE);
        if (!to) return fail(cx, ST_NO_MEM, "a stream in-process");
        n = st->pull(st->state, to, PIECE);
        b.n -= PIECE - (n > 0 ? (size_t)n : 0);
    }
    if (st->drop) st->drop(st->state);
    rs->stream = NULL;
    rs->still = (Str){ 0 };
    rs->body = b;
    return ST_OK;
}
static Status read_body(Cx *cx, const Route *rt, Req *rq)
{
    size_t max = serve_body_max(rt);
    Str encoding = req_header(rq, "content-encoding");
    if (rq->body.n > max)
        return refuse(cx, ST_INVALID, S(""), MSG_too_large, PARAMS({ .name = "max", .value = (int64_t)max }));
    if (encoding.p) return body_decode(cx, encoding, rq->body, max, &rq->body);
    return ST_OK;
}
static Status serve(Serve *s, Req *rq, Res *rs)
{
    rq->lang = s->cx->lang = s->cf->lang;
    TRY(req_check_uri(s->cx, rq->path));
    TRY(req_check_uri(s->cx, rq->query));
    TRY(serve_match(s, rq, rs));
    if (!s->route) return ST_OK;              /* OPTIONS is answered already */
    TRY(read_body(s->cx, s->route, rq));
    Status st = serve_run(s, rq, rs);
    if (st == ST_OK && rs->later) st = wait_later(s->cx, rs->later);
    if (rs->later) sem_destroy(&rs->later->sem);
    if (st == ST_OK && rs->stream) st = pull_all(s->cx, rs);
    return st;
}
void http_serve(Cx *cx, const HttpConfig *cf, const Req *asked, Res *rs)
{
    Serve s = { .cf = cf, .cx = cx, .failures = arena_failures(cx->arena) };
    Req rq = *asked;
    size_t before = arena_used(cx->arena);

    rq.app = rq.app ? rq.app : cf->app;
    rq.own = &s;
    *rs = (Res){ .own = &s };
    cx->why = (Why){ 0 };
    if (cf->records) cx->records = cf->records;
    Status st = serve(&s, &rq, rs);
    serve_end(&s, &rq, rs, st);
    if (req_same(rq.method, "head")) rs->body.n = rs->still.n = 0;
    rs->own = NULL;
    rs->later = NULL;
    rs->used = arena_used(cx->arena) - before;
}
