#include "domain/message/message.h"
#include "base/html.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/scrub.h"
#include <string.h>

static Status ad_of(Cx *cx, const char *column, int64_t id, Str *ret)
{
    Buf b = buf_new(cx->arena, 64);
    buf_addz(&b, "mail|");
    buf_addz(&b, column);
    buf_addc(&b, '|');
    buf_i64(&b, id);
    if (b.bad) return fail(cx, ST_NO_MEM, "no memory for a mail");
    *ret = buf_str(&b);
    return ST_OK;
}
static Status seal(Cx *cx, const Keys *keys, const char *column, int64_t id, Str plain, Str *ret)
{
    Str ad;
    TRY(ad_of(cx, column, id, &ad));
    return keys_seal(cx, keys, ad, plain, ret);
}
static Status unseal(Cx *cx, const Keys *keys, const char *column, int64_t id, Str *text)
{
    Str ad;
    TRY(ad_of(cx, column, id, &ad));
    return keys_open_sealed(cx, keys, ad, *text, text);
}
void message_to_index(const Keys *keys, Str email, uint8_t ret[16])
{
    char lower[EMAIL_BYTES_MAX];
    size_t n = email.n < sizeof lower ? email.n : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)(email.p[i] >= 'A' && email.p[i] <= 'Z' ? email.p[i] + ('a' - 'A') : email.p[i]);
    keys_blind(keys, S("mail.to"), (Str){ lower, n }, ret);
}
static Status check(Cx *cx, const MailDraft *d)
{
    if (d->to.n > EMAIL_BYTES_MAX || !scrub_email_is(d->to))
        return refuse(cx, ST_INVALID, S("email"), MSG_bad_email, NO_PARAMS);
    if (d->subject.n > MAIL_SUBJECT_MAX)
        return refuse(cx, ST_INVALID, S("subject"), MSG_too_long, PARAMS({ .name = "max",
            .value = MAIL_SUBJECT_MAX }));
    if (d->text.n > MAIL_BYTES_MAX || d->html.n > MAIL_BYTES_MAX - d->text.n)
        return refuse(cx, ST_INVALID, S("text"), MSG_too_large, PARAMS({ .name = "max", .value = MAIL_BYTES_MAX }));
    return ST_OK;
}
Status message_mail_prepare(Cx *cx, const Keys *keys, const MailDraft *d, MailRow *ret)
{
    MailRow m = { .id = id_new(cx), .person = d->person, .created = cx->now, .kind = d->kind,
        .expires = d->expires ? d->expires : INT64_MAX, .lang = d->lang == LANG_ZH ? S("zh") : S("en") };

    TRY(check(cx, d));
    message_to_index(keys, d->to, m.to_index);
    TRY(seal(cx, keys, "to", m.id, d->to, &m.to));
    TRY(seal(cx, keys, "subject", m.id, d->subject, &m.subject));
    TRY(seal(cx, keys, "text", m.id, d->text, &m.text));
    TRY(seal(cx, keys, "html", m.id, d->html, &m.html));
    *ret = m;
    return ST_OK;
}
Status message_mail_add(Cx *cx, const MailRow *m)
{
    return db_run(cx, SQL("INSERT INTO mail(id, person, kind, lang, to_index, to_box, subject, plain, html, state,"
                          " tries, next_at, lease, expires, code, reason, answer, created)"
                          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 0, $10, 0, $11, 0, '', '', $10)"),
                  BINDS(b_i64(m->id), m->person ? b_i64(m->person) : b_null(), b_str(m->kind), b_str(m->lang),
                        b_bytes((Str){ (const char *)m->to_index, sizeof m->to_index }), b_bytes(m->to),
                        b_bytes(m->subject), b_bytes(m->text), b_bytes(m->html), b_i64(m->created),
                            b_i64(m->expires)));
}
Status message_erase(Cx *cx, int64_t person, const uint8_t to_index[16])
{
    return db_run(cx, SQL("DELETE FROM mail WHERE person = $1 OR to_index = $2"),
                  BINDS(b_i64(person), b_bytes((Str){ (const char *)to_index, 16 })));
}

/* --- the mail with a sign-up code --- */

static Str words(Cx *cx, const CodeMail *c, Msg msg)
{
    Buf b = buf_new(cx->arena, MAIL_SUBJECT_MAX);
    Why why = { .msg = msg, .n_params = 2, .params = { { .name = "product", .text = c->product },
                                                       { .name = "minutes", .value = CODE_MINUTES } } };
    buf_msg(&b, c->lang, &why);
    return b.bad ? (Str){ 0 } : buf_str(&b);
}
static void paragraph(Html *h, Str text)
{
    HTML_RAW(h, "<p style=\"margin:0 0 12px\">");
    html_text(h, text);
    HTML_RAW(h, "</p>\n");
}
static Str code_html(Cx *cx, const CodeMail *c, const Str part[3])
{
    Buf b = buf_new(cx->arena, 4096);
    Html h = { &b };

    HTML_RAW(&h, "<!doctype html>\n<html lang=\"");
    html_attr(&h, c->lang == LANG_ZH ? S("zh-CN") : S("en"));
    HTML_RAW(&h, "\"><head><meta charset=\"utf-8\"><title>");
    html_text(&h, c->product);
    HTML_RAW(&h, "</title></head>\n<body style=\"font-family:sans-serif;font-size:16px;line-height:1.6\">\n");
    paragraph(&h, part[0]);
    HTML_RAW(&h, "<p style=\"margin:0 0 12px;font-size:30px;font-weight:bold;letter-spacing:6px\">");
    html_text(&h, c->code);
    HTML_RAW(&h, "</p>\n");
    paragraph(&h, part[1]);
    paragraph(&h, part[2]);
    HTML_RAW(&h, "<p style=\"margin:24px 0 0;color:#666\">");
    html_text(&h, c->product);
    HTML_RAW(&h, "</p>\n</body></html>\n");
    return b.bad ? (Str){ 0 } : buf_str(&b);
}
static Str code_text(Cx *cx, const CodeMail *c, const Str part[3])
{
    Buf b = buf_new(cx->arena, 4096);
    buf_add(&b, part[0]);
    buf_addz(&b, "\n\n    ");
    buf_add(&b, c->code);
    buf_addz(&b, "\n\n");
    buf_add(&b, part[1]);
    buf_addc(&b, '\n');
    buf_add(&b, part[2]);
    buf_addz(&b, "\n\n-- \n");
    buf_add(&b, c->product);
    buf_addc(&b, '\n');
    return b.bad ? (Str){ 0 } : buf_str(&b);
}
/* A name goes into a header: on one line. */
static bool is_name(Str s)
{
    for (size_t i = 0; i < s.n; i++) if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f) return false;
    return s.n > 0;
}
Status message_code_draft(Cx *cx, const CodeMail *c, MailDraft *ret)
{
    if (!is_name(c->product)) return refuse(cx, ST_INVALID, S("product"), MSG_bad_text, NO_PARAMS);
    if (c->product.n > NAME_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("product"), MSG_too_long, PARAMS({ .name = "max", .value = NAME_BYTES_MAX }));
    Str part[3] = { words(cx, c, MSG_code_mail_code), words(cx, c, MSG_code_mail_valid), words(cx, c,
        MSG_code_mail_not_you) };
    MailDraft d = { .to = c->to, .kind = S("signup_code"), .lang = c->lang, .person = c->person,
        .subject = words(cx, c, MSG_code_mail_subject), .text = code_text(cx, c, part), .html = code_html(cx, c,
            part),
        .expires = cx->now + CODE_MINUTES * INT64_C(60000) };
    if (!part[0].p || !part[1].p || !part[2].p || !d.subject.p || !d.text.p || !d.html.p)
        return fail(cx, ST_NO_MEM, "no memory for a mail");
    *ret = d;
    return ST_OK;
}
Status message_code_mail(Cx *cx, const Keys *keys, const CodeMail *c, MailRow *ret)
{
    MailDraft d;
    TRY(message_code_draft(cx, c, &d));
    return message_mail_prepare(cx, keys, &d, ret);
}

/* --- taking --- */

typedef struct Take { int64_t now, lease; MailTaken mail; } Take;
/* Due mails that are of no more use, or were taken again and again and never settled. */
static Status give_up(Cx *cx, int64_t now)
{
    return db_run(cx, SQL("UPDATE mail SET state = 3, settled = $1, lease = 0, subject = NULL, plain = NULL,"
                          " html = NULL, reason = CASE WHEN expires <= $1 THEN $2 ELSE $3 END"
                          " WHERE id IN (SELECT id FROM mail WHERE state = 1 AND next_at <= $1"
                          " AND (expires <= $1 OR tries >= $4) LIMIT 100)"),
                  BINDS(b_i64(now), b_str(str_z(msg_code(MSG_mail_expired))),
                      b_str(str_z(msg_code(MSG_mail_gave_up))),
                        b_i64(MAIL_TRIES_MAX)));
}
static Status take_tx(Cx *cx, void *arg)
{
    Take *t = arg;
    MailTaken *m = &t->mail;
    TRY(give_up(cx, t->now));
    {
        AUTO_ROWS r = NULL;
        TRY(rows_open(cx, SQL("SELECT id, tries, expires, to_box, subject, plain, html FROM mail WHERE state = 1"
                              " AND next_at <= $1 AND expires > $1 AND tries < $2 ORDER BY next_at, id LIMIT 1"),
                      BINDS(b_i64(t->now), b_i64(MAIL_TRIES_MAX)), &r));
        TRY(rows_next(r));
        *m = (MailTaken){ .id = rows_i64(r, 0), .tries = (int)rows_i64(r, 1) + 1, .expires = rows_i64(r, 2),
            .lease = t->lease };
        TRY(rows_keep(r, 3, &m->to));
        TRY(rows_keep(r, 4, &m->subject));
        TRY(rows_keep(r, 5, &m->text));
        TRY(rows_keep(r, 6, &m->html));
    }
    return db_run(cx, SQL("UPDATE mail SET lease = $2, next_at = $3, tries = tries + 1 WHERE id = $1"),
                  BINDS(b_i64(m->id), b_i64(t->lease), b_i64(t->now + MAIL_LEASE_MS)));
}
static Status unseal_all(Cx *cx, const Keys *keys, MailTaken *m)
{
    TRY(unseal(cx, keys, "to", m->id, &m->to));
    TRY(unseal(cx, keys, "subject", m->id, &m->subject));
    TRY(unseal(cx, keys, "text", m->id, &m->text));
    return unseal(cx, keys, "html", m->id, &m->html);
}
/* A run that only gives mails up must keep that, so "nothing due" is no failure of the transaction. */
static Status take_or_none_tx(Cx *cx, void *arg)
{
    Take *t = arg;
    Status st = take_tx(cx, arg);
    if (st != ST_NOT_FOUND) return st;
    t->mail.id = 0;
    return ST_OK;
}
Status message_take_due(Cx *cx, const Keys *keys, MailTaken *ret)
{
    Take t = { .now = cx->now, .lease = id_new(cx) };
    MailState state;

    TRY(tx_run(cx, take_or_none_tx, &t));
    if (t.mail.id == 0) return ST_NOT_FOUND;
    Status st = unseal_all(cx, keys, &t.mail);
    if (st == ST_IO) {
        t.mail.to = (Str){ 0 };
        TRY(message_settle(cx, &t.mail, &(MailOutcome){ .reason = MSG_mail_damaged }, &state));
        return fail(cx, ST_IO, "mail %lld cannot be opened", (long long)t.mail.id);
    }
    TRY(st);
    *ret = t.mail;
    return ST_OK;
}

/* --- settling --- */

int64_t message_retry_ms(int64_t id, int tries)
{
    int64_t ms = MAIL_RETRY_MS;
    for (int i = 1; i < tries && ms < MAIL_RETRY_MAX_MS; i++) ms *= 2;
    if (ms > MAIL_RETRY_MAX_MS) ms = MAIL_RETRY_MAX_MS;
    /* spread by the mail and the try, so that what failed together does not come back together */
    uint64_t mix = ((uint64_t)id + (uint64_t)tries) * UINT64_C(0x9e3779b97f4a7c15);
    return ms + ms / 1000 * ((int64_t)(mix >> 40) % 201 - 100);
}
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}
static bool begins(Str s, size_t at, Str word)
{
    if (word.n == 0 || s.n - at < word.n || (at && is_word(s.p[at - 1]))) return false;
    for (size_t i = 0; i < word.n; i++) {
        char a = s.p[at + i], b = word.p[i];
        if (a >= 'A' && a <= 'Z') a = (char)(a + ('a' - 'A'));
        if (b >= 'A' && b <= 'Z') b = (char)(b + ('a' - 'A'));
        if (a != b) return false;
    }
    return at + word.n == s.n || !is_word(s.p[at + word.n]);
}
/* Servers like to say whom they do not know: "user zhang unknown". */
static Status scrub(Cx *cx, Str answer, Str to, Str *ret)
{
    Str local = str_cut(&to, '@'), tagged = local, plain = str_cut(&tagged, '+'), text;
    int n;

    TRY(scrub_text(cx, answer, &text, &n));
    Buf b = buf_new(cx->arena, 9 * (MAIL_ANSWER_BYTES_MAX + 1));
    for (size_t i = 0; i < text.n;) {
        Str found = begins(text, i, local) ? local : begins(text, i, plain) ? plain : (Str){ 0 };
        buf_add(&b, found.n ? S("[user]") : (Str){ text.p + i, 1 });
        i += found.n ? found.n : 1;
    }
    if (b.bad) return fail(cx, ST_NO_MEM, "no memory for an answer");
    *ret = b.n ? buf_str(&b) : S("");
    return ST_OK;
}
typedef struct Settle { const MailTaken *m; MailState state; int64_t now, next_at; int code; Str reason, answer;
int64_t n; } Settle;
static Status settle_tx(Cx *cx, void *arg)
{
    Settle *s = arg;
    if (s->state == MAIL_QUEUED)
        return db_run_count(cx, SQL("UPDATE mail SET next_at = $3, lease = 0, code = $4, reason = $5, answer = $6"
                                    " WHERE id = $1 AND lease = $2 AND state = 1"),
                            BINDS(b_i64(s->m->id), b_i64(s->m->lease), b_i64(s->next_at), b_i64(s->code),
                                  b_str(s->reason), b_str(s->answer)), &s->n);
    /* what was sent was sent, whoever holds the lease by now */
    return db_run_count(cx,
        SQL("UPDATE mail SET state = $3, settled = $4, lease = 0, code = $5, reason = $6, answer = $7,"
                                " subject = NULL, plain = NULL, html = NULL"
                                " WHERE id = $1 AND ((lease = $2 AND state = 1) OR ($3 = 2 AND state <> 2))"),
                        BINDS(b_i64(s->m->id), b_i64(s->m->lease), b_i64(s->state), b_i64(s->now), b_i64(s->code),
                              b_str(s->reason), b_str(s->answer)), &s->n);
}
Status message_settle(Cx *cx, const MailTaken *m, const MailOutcome *o, MailState *ret)
{
    Settle s = { .m = m, .now = cx->now, .code = o->code, .state = o->sent ? MAIL_SENT : MAIL_FAILED,
        .reason = o->sent ? S("") : str_z(msg_code(o->reason)), .next_at = cx->now + message_retry_ms(m->id,
            m->tries) };

    if (!o->sent && o->retry && m->tries < MAIL_TRIES_MAX && s.next_at < m->expires) s.state = MAIL_QUEUED;
    TRY(scrub(cx, o->answer, m->to, &s.answer));
    TRY(tx_run(cx, settle_tx, &s));
    if (s.n == 0) return ST_NOT_FOUND;
    *ret = s.state;
    return ST_OK;
}

/* --- test mails, and the delivery log --- */

static Status keep_tx(Cx *cx, void *arg)
{
    return db_run(cx, SQL("UPDATE mail SET state = 4, settled = $1 WHERE id IN (SELECT id FROM mail WHERE state = 1"
                          " AND next_at <= $1 ORDER BY next_at, id LIMIT $2)"), BINDS(b_i64(cx->now),
                              b_i64(*(int64_t *)arg)));
}
Status message_keep_as_test(Cx *cx, size_t limit)
{
    int64_t n = (int64_t)limit;
    return tx_run(cx, keep_tx, &n);
}
static Status read_view(Cx *cx, Rows *r, MailView *v)
{
    v->id = rows_i64(r, 0);
    v->created = rows_i64(r, 1);
    TRY(rows_keep(r, 2, &v->kind));
    TRY(rows_keep(r, 3, &v->lang));
    TRY(rows_keep(r, 4, &v->to));
    TRY(rows_keep(r, 5, &v->subject));
    TRY(rows_keep(r, 6, &v->text));
    TRY(rows_keep(r, 7, &v->html));
    (void)cx;
    return ST_OK;
}
Status message_test_outbox(Cx *cx, const Keys *keys, int64_t before, size_t limit, const MailView **ret,
    size_t *ret_n)
{
    if (limit > LIST_LIMIT_MAX) limit = LIST_LIMIT_MAX;
    MailView *list = ARENA_MANY(cx->arena, MailView, limit + 1);
    AUTO_ROWS r = NULL;
    size_t n = 0;
    Status st;

    if (!list) return fail(cx, ST_NO_MEM, "no memory for a list of mails");
    TRY(rows_open(cx, SQL("SELECT id, created, kind, lang, to_box, subject, plain, html FROM mail"
                          " WHERE state = 4 AND id < $1 ORDER BY id DESC LIMIT $2"),
                  BINDS(b_i64(before ? before : INT64_MAX), b_i64((int64_t)limit)), &r));
    while ((st = rows_next(r)) == ST_OK) TRY(read_view(cx, r, &list[n++]));
    if (st != ST_NOT_FOUND) return st;
    for (size_t i = 0; i < n; i++) {
        TRY(unseal(cx, keys, "to", list[i].id, &list[i].to));
        TRY(unseal(cx, keys, "subject", list[i].id, &list[i].subject));
        TRY(unseal(cx, keys, "text", list[i].id, &list[i].text));
        TRY(unseal(cx, keys, "html", list[i].id, &list[i].html));
    }
    *ret = list;
    *ret_n = n;
    return ST_OK;
}
Status message_mail_status(Cx *cx, int64_t id, MailStatus *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT id, created, settled, next_at, state, tries, code, kind, reason, answer FROM mail"
                          " WHERE id = $1"),
                  BINDS(b_i64(id)), &r));
    TRY(rows_next(r));
    MailStatus s = { .id = rows_i64(r, 0), .created = rows_i64(r, 1), .settled = rows_i64(r, 2),
        .next_at = rows_i64(r, 3),
        .state = (MailState)rows_i64(r, 4), .tries = (int)rows_i64(r, 5), .code = (int)rows_i64(r, 6) };
    TRY(rows_keep(r, 7, &s.kind));
    TRY(rows_keep(r, 8, &s.reason));
    TRY(rows_keep(r, 9, &s.answer));
    *ret = s;
    return ST_OK;
}
