/* mail_api: the test outbox: what would have been sent, had a mail server been set. */
#include "api/list.h"
#include "domain/message/message.h"

static const Field mail_fields[] = {
    { .key = "id", .type = F_ID, .prefix = "mai", .required = true },
    { .key = "created", .type = F_TIME, .required = true },
    { .key = "kind", .type = F_STR, .required = true },
    { .key = "to", .type = F_STR, .required = true },
    { .key = "subject", .type = F_STR, .required = true },
    { .key = "text", .type = F_STR, .required = true },
};
static const Shape mail_shape = { .name = "mail", .fields = mail_fields, .n = COUNT(mail_fields),
    .size = sizeof(MailView) };
static const Field list_fields[] = {
    { .key = "items", .type = F_LIST, .item = F_OBJECT, .of = &mail_shape, .required = true },
    { .key = "next", .type = F_STR },
};
static const Shape list_shape = { .name = "mail_list", .fields = list_fields, .n = COUNT(list_fields), .size = 32 };

static Status get_mails(Cx *cx, const Req *rq, Res *rs)
{
    const MailView *all;
    size_t n, limit;
    int64_t before;

    TRY(list_limit(cx, rq, &limit));
    TRY(list_after(cx, rq, 0, &before));
    TRY(message_test_outbox(cx, rq->app->keys, before, limit, &all, &n));
    JsonW *w = res_json(cx, rs, 200);
    jsonw_open(w, '{');
    jsonw_key(w, S("items"));
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, S("id"));      jsonw_id(w, "mai", all[i].id);
        jsonw_key(w, S("created")); jsonw_time(w, all[i].created);
        jsonw_key(w, S("kind"));    jsonw_str(w, all[i].kind);
        jsonw_key(w, S("to"));      jsonw_str(w, all[i].to);
        jsonw_key(w, S("subject")); jsonw_str(w, all[i].subject);
        jsonw_key(w, S("text"));    jsonw_str(w, all[i].text);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    list_next(w, n == limit, n ? all[n - 1].id : 0);
    jsonw_close(w, '}');
    return ST_OK;
}
const Route mail_routes[] = {
    { "GET", "/api/1/mails", get_mails, .may = MAY_STAFF, .queue = Q_DB, .gives = &list_shape,
      .doc = "mails kept in the test outbox, newest first" },
};
const size_t mail_routes_n = COUNT(mail_routes);
