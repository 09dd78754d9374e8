#include "job/mail_job.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"

/* Stable for a mail, whoever sends it and how often. */
static Status message_id_of(Cx *cx, int64_t id, Str from, Str *ret)
{
    char text[ID_TEXT_MAX + 1];
    Str domain = from;
    Buf b = buf_new(cx->arena, 300);

    str_cut(&domain, '@');
    id_text("mail", id, text);
    buf_addc(&b, '<');
    buf_addz(&b, text);
    buf_addc(&b, '@');
    buf_add(&b, domain.n ? domain : S("localhost"));
    buf_addc(&b, '>');
    if (b.bad) return fail(cx, ST_NO_MEM, "no memory for a mail");
    *ret = buf_str(&b);
    return ST_OK;
}
/* Trouble that the next mail would meet as well. */
static bool is_servers(Msg reason)
{
    return reason == MSG_mail_unreachable || reason == MSG_mail_timeout || reason == MSG_mail_tls ||
           reason == MSG_mail_login || reason == MSG_mail_settings || reason == MSG_net_private;
}
/* A wrong sender is the settings' fault, and they can be put right; anything else that is refused here cannot. */
static MailOutcome outcome_of(const Cx *cx, Status st, const SmtpReply *r)
{
    MailOutcome o = { .sent = st == ST_OK, .retry = r->retry, .code = r->code, .reason = r->reason,
        .answer = r->text };
    if (st == ST_INVALID) {
        bool mails = str_is(S("to"), cx->why.field) || str_is(S("text"), cx->why.field) || str_is(S("subject"),
            cx->why.field);
        o = (MailOutcome){ .retry = !mails, .reason = mails ? MSG_mail_rejected : MSG_mail_settings };
    }
    return o;
}
/* NOT_FOUND: nothing is due. *ret_stop: leave the rest for later. */
static Status run_one(Cx *cx, const MailJob *job, int *ret_sent, bool *ret_stop)
{
    MailTaken m;
    SmtpReply reply;
    MailState state;

    TRY(message_take_due(cx, job->keys, &m));
    Mail mail = { .from = job->from, .from_name = job->from_name, .reply_to = job->reply_to,
        .to = m.to, .subject = m.subject, .text = m.text, .html = m.html };
    TRY(message_id_of(cx, m.id, job->from, &mail.message_id));
    Status st = smtp_send(cx, &job->server, &mail, &reply);
    if (st == ST_NO_MEM) return st;           /* nothing was decided: due again when the lease ends */
    MailOutcome o = outcome_of(cx, st, &reply);
    *ret_stop = !o.sent && is_servers(o.reason);
    *ret_sent += o.sent;
    st = message_settle(cx, &m, &o, &state);
    return st == ST_NOT_FOUND ? ST_OK : st;   /* another has taken it over meanwhile */
}
Status mail_job_run(Cx *cx, const MailJob *job, int *ret_sent)
{
    int64_t start = clock_mono();
    bool stop = false;
    Status st = ST_OK;

    *ret_sent = 0;
    if (job->server.host.n == 0) return message_keep_as_test(cx, MAIL_RUN_MAX);
    for (int i = 0; i < MAIL_RUN_MAX && !stop && st == ST_OK; i++) {
        /* Each mail has a Cx of its own: memory that ends with it, and a clock that went on. */
        Cx one = *cx;
        one.now = cx->now + (clock_mono() - start);
        one.db = NULL;
        one.arena = arena_new(CX_ARENA_MAX);
        if (!one.arena) return fail(cx, ST_NO_MEM, "no memory to send mail");
        st = run_one(&one, job, ret_sent, &stop);
        records_done(&one);
        cx->why = one.why;
        cx->why.n_params = 0;                 /* their text dies with the arena */
        arena_free(one.arena);
    }
    return st == ST_NOT_FOUND ? ST_OK : st;
}
