#include "api/list.h"
#include "base/limits.h"

enum { GIVEN_MAX = 10000 };
Status list_limit(Cx *cx, const Req *rq, size_t *ret)
{
    Str text = req_query(cx, rq, "limit");
    int64_t n = LIST_LIMIT_DEFAULT;
    if (text.n && (!str_i64(text, &n) || n < 1 || n > LIST_LIMIT_MAX))
        return refuse(cx, ST_INVALID, S("limit"), MSG_out_of_range, PARAMS({ .name = "min", .value = 1 },
            { .name = "max", .value = LIST_LIMIT_MAX }));
    *ret = (size_t)n;
    return ST_OK;
}
Status list_after(Cx *cx, const Req *rq, int64_t otherwise, int64_t *ret)
{
    Str text = req_query(cx, rq, "after");
    *ret = otherwise;
    if (text.n && !str_i64(text, ret)) return refuse(cx, ST_INVALID, S("after"), MSG_bad_cursor, NO_PARAMS);
    return ST_OK;
}
void list_next(JsonW *w, bool more, int64_t cursor)
{
    Buf b = { .a = w->b->a, .max = 32 };
    jsonw_key(w, S("next"));
    if (!more) {
        jsonw_null(w);
        return;
    }
    buf_i64(&b, cursor);
    jsonw_str(w, buf_str(&b));
}
Status list_place(Cx *cx, const Req *rq, ListPlace *ret)
{
    Str text = req_query(cx, rq, "after"), given = text, time = str_cut(&given, '.');
    ListPlace p = { .time = INT64_MAX };
    bool good = text.n == 0 || (str_i64(time, &p.time) && str_i64(given, &p.given) && p.given >= 0 &&
        p.given <= GIVEN_MAX);
    if (!good) return refuse(cx, ST_INVALID, S("after"), MSG_bad_cursor, NO_PARAMS);
    *ret = p;
    return ST_OK;
}
void list_place_next(JsonW *w, bool more, ListPlace p)
{
    Buf b = { .a = w->b->a, .max = 64 };
    jsonw_key(w, S("next"));
    if (!more || p.given > GIVEN_MAX) {
        jsonw_null(w);
        return;
    }
    buf_i64(&b, p.time);
    buf_addc(&b, '.');
    buf_i64(&b, p.given);
    jsonw_str(w, buf_str(&b));
}
