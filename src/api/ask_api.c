/* ask_api: questions about behaviour. */
#include "api/app.h"
#include "store/events/ask.h"

static Status post_ask(Cx *cx, const Req *rq, Res *rs)
{
    Answer a;
    TRY(ask_run(cx, rq->app->events, rq->body, &a));
    ask_write(res_json(cx, rs, 200), &a);
    return ST_OK;
}
const Route ask_routes[] = {
    { "POST", "/api/1/ask", post_ask, .may = MAY_STAFF, .queue = Q_ASK, .gives = &ask_answer_shape,
        .doc = "ask a question about behaviour" },
};
const size_t ask_routes_n = COUNT(ask_routes);
