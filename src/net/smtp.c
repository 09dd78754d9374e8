#include "net/smtp.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/scrub.h"
#include "base/utf8.h"
#include "net/easy.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- what is refused before a connection is made --- */

static bool is_line(Str s)
{
    for (size_t i = 0; i < s.n; i++) if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f) return false;
    return true;
}
static bool is_ascii(Str s)
{
    for (size_t i = 0; i < s.n; i++) if ((unsigned char)s.p[i] >= 0x80) return false;
    return true;
}
static Status bad(Cx *cx, const char *field, Msg msg) { return refuse(cx, ST_INVALID, str_z(field), msg, NO_PARAMS); }
static Status check_address(Cx *cx, const char *field, Str s)
{
    if (s.n > EMAIL_BYTES_MAX || !is_line(s) || !is_ascii(s) || !scrub_email_is(s)) return bad(cx, field,
        MSG_bad_email);
    return ST_OK;
}
static Status check_line(Cx *cx, const char *field, Str s, size_t max)
{
    if (s.n > max)
        return refuse(cx, ST_INVALID, str_z(field), MSG_too_long, PARAMS({ .name = "max", .value = (int64_t)max }));
    return is_line(s) ? ST_OK : bad(cx, field, MSG_bad_text);
}
static bool is_message_id(Str s)
{
    if (s.n < 5 || s.n > 250 || *s.p != '<' || s.p[s.n - 1] != '>' || !is_line(s) || !is_ascii(s)) return false;
    Str right = { s.p + 1, s.n - 2 }, left = str_cut(&right, '@');
    return left.n && right.n && !memchr(s.p, ' ', s.n) && !memchr(right.p, '@', right.n) && !memchr(right.p, '>',
        right.n);
}
static bool is_host(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '.' && c != ':') return false;
    }
    return s.n <= GUARD_HOST_MAX;
}
static Status check(Cx *cx, const SmtpServer *s, const Mail *m)
{
    TRY(check_address(cx, "from", m->from));
    TRY(check_address(cx, "to", m->to));
    if (m->reply_to.n) TRY(check_address(cx, "reply_to", m->reply_to));
    TRY(check_line(cx, "from_name", m->from_name, NAME_BYTES_MAX));
    TRY(check_line(cx, "subject", m->subject, MAIL_SUBJECT_MAX));
    if (!is_message_id(m->message_id)) return bad(cx, "message_id", MSG_bad_text);
    if (m->text.n + m->html.n > MAIL_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("text"), MSG_too_large, PARAMS({ .name = "max", .value = MAIL_BYTES_MAX }));
    if (m->text.n + m->html.n == 0) return bad(cx, "text", MSG_required);
    if ((m->text.n && memchr(m->text.p, 0, m->text.n)) || (m->html.n && memchr(m->html.p, 0, m->html.n)))
        return bad(cx, "text", MSG_bad_text);
    if (s->host.n == 0 || !is_host(s->host)) return bad(cx, "host", MSG_bad_text);
    if (!is_host(s->helo)) return bad(cx, "helo", MSG_bad_text);
    TRY(check_line(cx, "user", s->user, NAME_BYTES_MAX));
    TRY(check_line(cx, "password", s->password, NAME_BYTES_MAX));
    if (s->port < 1 || s->port > 65535)
        return refuse(cx, ST_INVALID, S("port"), MSG_out_of_range,
                      PARAMS({ .name = "min", .value = 1 }, { .name = "max", .value = 65535 }));
    return ST_OK;
}

/* --- headers --- */

static void add_base64(Buf *b, Str s)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.n; i += 3) {
        size_t n = s.n - i < 3 ? s.n - i : 3;
        unsigned v = 0;
        for (size_t k = 0; k < 3; k++) v = v << 8 | (k < n ? (unsigned char)s.p[i + k] : 0u);
        for (size_t k = 0; k < 4; k++) buf_addc(b, k <= n ? digit[v >> (18 - 6 * k) & 63] : '=');
    }
}
/* RFC 2047: words of at most 75 characters, cut between characters, one a line. */
static void add_words(Buf *b, Str s)
{
    enum { WORD = 45 };                       /* 60 in base 64, and 12 around it */
    while (s.n) {
        size_t n = s.n < WORD ? s.n : WORD;
        while (n > 1 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80) n--;
        buf_addz(b, "=?UTF-8?B?");
        add_base64(b, (Str){ s.p, n });
        buf_addz(b, "?=");
        s = (Str){ s.p + n, s.n - n };
        if (s.n) buf_addz(b, "\r\n ");
    }
}
static bool is_plain(Str s)
{
    return is_ascii(s) && s.n <= 60 && !(s.n > 1 && memmem(s.p, s.n, "=?", 2));
}
static void add_quoted(Buf *b, Str s)
{
    buf_addc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\') buf_addc(b, '\\');
        buf_addc(b, s.p[i]);
    }
    buf_addc(b, '"');
}
static void add_date(Buf *b, int64_t now)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char t[32];
    int64_t day = now / 86400000 - (now % 86400000 < 0);

    clock_rfc3339(now, t);                    /* 2026-11-22T14:05:00.123Z */
    int month = (t[5] - '0') * 10 + t[6] - '0';
    buf_add(b, (Str){ days + 3 * ((day % 7 + 11) % 7), 3 });    /* day 0 was a Thursday */
    buf_addz(b, ", ");
    buf_add(b, (Str){ t + 8, 2 });
    buf_addc(b, ' ');
    buf_add(b, (Str){ months + 3 * (month - 1), 3 });
    buf_addc(b, ' ');
    buf_add(b, (Str){ t, 4 });
    buf_addc(b, ' ');
    buf_add(b, (Str){ t + 11, 8 });
    buf_addz(b, " +0000");
}
static Status put(Cx *cx, Easy *e, Buf *b)
{
    buf_addc(b, 0);
    if (b->bad) return fail(cx, ST_NO_MEM, "no memory for a mail header");
    TRY(easy_header(cx, e, b->p));
    b->n = 0;
    return ST_OK;
}
static Status add_headers(Cx *cx, Easy *e, const Mail *m)
{
    Buf b = buf_new(cx->arena, 4096);

    buf_addz(&b, "Date: ");
    add_date(&b, cx->now);
    TRY(put(cx, e, &b));
    buf_addz(&b, "From: ");
    if (m->from_name.n && is_plain(m->from_name)) add_quoted(&b, m->from_name);
    else add_words(&b, m->from_name);
    buf_addz(&b, m->from_name.n ? "\r\n <" : "<");
    buf_add(&b, m->from);
    buf_addc(&b, '>');
    TRY(put(cx, e, &b));
    buf_addz(&b, "To: <");
    buf_add(&b, m->to);
    buf_addc(&b, '>');
    TRY(put(cx, e, &b));
    buf_addz(&b, "Subject: ");
    if (is_plain(m->subject)) buf_add(&b, m->subject);
    else add_words(&b, m->subject);
    TRY(put(cx, e, &b));
    buf_addz(&b, "Message-ID: ");
    buf_add(&b, m->message_id);
    TRY(put(cx, e, &b));
    if (m->reply_to.n) {
        buf_addz(&b, "Reply-To: <");
        buf_add(&b, m->reply_to);
        buf_addc(&b, '>');
        TRY(put(cx, e, &b));
    }
    TRY(easy_header(cx, e, "Auto-Submitted: auto-generated"));
    TRY(easy_header(cx, e, "Content-Type: multipart/alternative"));
    EASY_SET(cx, e, CURLOPT_HTTPHEADER, e->headers);
    return ST_OK;
}

/* --- body --- */

/* Every line end becomes CRLF: libcurl neither converts nor stuffs the dot after a bare LF. */
static Status to_crlf(Cx *cx, Str s, Str *ret)
{
    Buf b = buf_new(cx->arena, 2 * s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n') continue;
        if (s.p[i] == '\n' || s.p[i] == '\r') buf_addz(&b, "\r\n");
        else buf_addc(&b, s.p[i]);
    }
    if (b.bad) return fail(cx, ST_NO_MEM, "no memory for a mail");
    *ret = buf_str(&b);
    return ST_OK;
}
static Status add_part(Cx *cx, curl_mime *mime, Str body, const char *type)
{
    Str lines;
    if (body.n == 0) return ST_OK;
    TRY(to_crlf(cx, body, &lines));
    curl_mimepart *p = curl_mime_addpart(mime);
    if (!p || curl_mime_data(p, lines.p, lines.n) != CURLE_OK || curl_mime_type(p, type) != CURLE_OK ||
        curl_mime_encoder(p, is_ascii(body) ? "quoted-printable" : "base64") != CURLE_OK)
        return fail(cx, ST_NO_MEM, "no memory for a mail");
    return ST_OK;
}

/* --- the conversation --- */

enum { GOODBYE_SECONDS = 3 };
typedef struct Talk {
    CURL  *curl;
    char   text[MAIL_ANSWER_BYTES_MAX];
    size_t n;
    int    code;                 /* of the answer in text */
    bool   data;                 /* 354 was said: what follows is about the mail */
    bool   ended;                /* text is a whole answer: the next line begins another */
    int    answers;
    size_t bytes;
} Talk;
static int code_of(const char *p, size_t n)
{
    int code = 0;
    if (n < 3) return 0;
    for (int i = 0; i < 3; i++) {
        if (p[i] < '0' || p[i] > '9') return 0;
        code = code * 10 + p[i] - '0';
    }
    return n > 3 && p[3] != ' ' && p[3] != '-' && p[3] != '\r' && p[3] != '\n' ? 0 : code;
}
/* Keeps the last answer; a refusal is never followed by another but the one to QUIT, which has nothing to say. */
static size_t take_line(char *p, size_t size, size_t n, void *arg)
{
    Talk *t = arg;
    int code = code_of(p, n);
    (void)size;                               /* always 1 */
    t->bytes += n;
    if (t->bytes > NET_HEADER_BYTES_MAX) return 0;
    if (code == 221) return n;
    if (t->ended || t->answers == 0) {
        t->n = 0;
        t->answers++;
    }
    if (code) t->code = code;
    /* Only QUIT follows a refusal as a rule, and libcurl lets no other limit end that. */
    if (code >= 400) (void)curl_easy_setopt(t->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)GOODBYE_SECONDS);
    if (code == 354) t->data = true;
    t->ended = !(n > 3 && p[3] == '-');
    for (size_t i = 0; i < n && t->n < sizeof t->text; i++) {
        if (p[i] == '\r' || p[i] == '\n') continue;
        t->text[t->n++] = p[i];
    }
    if (!t->ended && t->n < sizeof t->text) t->text[t->n++] = ' ';
    return n;
}
/* Valid UTF-8 without control characters, at most MAIL_ANSWER_BYTES_MAX, cut between characters. */
static Status clean(Cx *cx, Str s, Str *ret)
{
    Buf b = buf_new(cx->arena, MAIL_ANSWER_BYTES_MAX);
    for (size_t i = 0; i < s.n;) {
        size_t len = utf8_char((Str){ s.p + i, s.n - i });
        Str c = len ? (Str){ s.p + i, len } : S("\xef\xbf\xbd");
        if (len == 1 && ((unsigned char)*c.p < ' ' || *c.p == 0x7f)) c = S(" ");
        if (b.n + c.n > MAIL_ANSWER_BYTES_MAX) break;
        buf_add(&b, c);
        i += len ? len : 1;
    }
    if (b.bad) return fail(cx, ST_NO_MEM, "no memory for an answer");
    *ret = str_trim(buf_str(&b));
    return ST_OK;
}

/* RFC 3463's detail of a permanent refusal, from "550 5.1.1 ..." or "550-5.1.1 ...". */
static Msg refusal_of(Str text)
{
    static const struct { const char *detail; Msg reason; } known[] = {
        { "5.1.1", MSG_mail_no_such_box }, { "5.1.2", MSG_mail_no_such_box }, { "5.1.3", MSG_mail_no_such_box },
        { "5.1.6", MSG_mail_no_such_box }, { "5.1.10", MSG_mail_no_such_box }, { "5.2.1", MSG_mail_no_such_box },
        { "5.4.4", MSG_mail_no_such_box }, { "5.2.2", MSG_mail_box_full },
    };
    if (text.n < 5) return MSG_mail_rejected;
    Str rest = { text.p + 4, text.n - 4 }, detail = str_cut(&rest, ' ');
    for (size_t i = 0; i < COUNT(known); i++) if (str_is(detail, known[i].detail)) return known[i].reason;
    return MSG_mail_rejected;
}
static bool is_tls(CURLcode code)
{
    return code == CURLE_USE_SSL_FAILED || code == CURLE_PEER_FAILED_VERIFICATION ||
        code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CIPHER;
}
static void classify(CURLcode code, const Talk *t, SmtpReply *r)
{
    bool about_mail = t->data || code == CURLE_SEND_ERROR;
    r->retry = true;
    if (is_tls(code)) r->reason = MSG_mail_tls;
    else if (code == CURLE_OPERATION_TIMEDOUT) r->reason = MSG_mail_timeout;
    else if (t->code >= 400 && t->code < 500) r->reason = MSG_mail_later;
    else if (code == CURLE_LOGIN_DENIED) r->reason = MSG_mail_login;
    else if (t->code >= 500 && t->code < 600) {
        r->reason = about_mail ? refusal_of(r->text) : MSG_mail_settings;
        r->retry = !about_mail;
    } else r->reason = MSG_mail_unreachable;
}
static Status say_why(Cx *cx, const Easy *e, CURLcode code, const Talk *t, SmtpReply *r)
{
    bool answered = t->code >= 400;
    if (code == CURLE_OUT_OF_MEMORY) return fail(cx, ST_NO_MEM, "no memory to send a mail");
    TRY(clean(cx, answered ? (Str){ t->text, t->n } : str_z(easy_why(e, code)), &r->text));
    r->code = answered ? t->code : 0;
    classify(code, t, r);
    return fail(cx, ST_IO, "%s: mail not taken: %d %s", e->target->host, r->code, msg_code(r->reason));
}

/* --- putting it together --- */

static Status url_of(Cx *cx, const SmtpServer *s, const GuardTarget *t, Str *ret)
{
    char own[256] = "localhost";
    Str helo = s->helo;
    bool six = strchr(t->host, ':') != NULL;
    Buf b = buf_new(cx->arena, 1024);

    if (helo.n == 0) {
        if (gethostname(own, sizeof own - 1) != 0 || !own[0] || !is_host(str_z(own))) memcpy(own, "localhost", 10);
        helo = str_z(own);
    }
    buf_addz(&b, s->tls == SMTP_TLS_IMPLICIT ? "smtps://" : "smtp://");
    if (six) buf_addc(&b, '[');
    buf_addz(&b, t->host);
    if (six) buf_addc(&b, ']');
    buf_addc(&b, ':');
    buf_i64(&b, t->port);
    buf_addc(&b, '/');
    buf_add(&b, helo);
    buf_addc(&b, 0);
    if (b.bad) return fail(cx, ST_NO_MEM, "no memory for a mail");
    *ret = (Str){ b.p, b.n - 1 };
    return ST_OK;
}
static Status set_text(Cx *cx, Easy *e, CURLoption option, Str s)
{
    if (s.n == 0) return ST_OK;
    Str z = arena_str(cx->arena, s);
    if (!z.p) return fail(cx, ST_NO_MEM, "no memory for a mail");
    EASY_SET(cx, e, option, z.p);
    return ST_OK;
}
static Status set_server(Cx *cx, Easy *e, const SmtpServer *s)
{
    Str url;
    TRY(url_of(cx, s, e->target, &url));
    EASY_SET(cx, e, CURLOPT_URL, url.p);
    EASY_SET(cx, e, CURLOPT_USE_SSL, (long)(s->tls == SMTP_TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    EASY_SET(cx, e, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)MAIL_SECONDS_MAX);
    TRY(set_text(cx, e, CURLOPT_CAINFO, s->ca_file));
    TRY(set_text(cx, e, CURLOPT_USERNAME, s->user));
    if (s->user.n) TRY(set_text(cx, e, CURLOPT_PASSWORD, s->password));
    return ST_OK;
}
typedef struct Parts { curl_mime *mime; struct curl_slist *to; } Parts;
static void parts_done(Parts *p)
{
    curl_mime_free(p->mime);
    curl_slist_free_all(p->to);
}
static Status set_mail(Cx *cx, Easy *e, const Mail *m, Parts *p)
{
    Str to = arena_str(cx->arena, m->to);
    p->mime = curl_mime_init(e->curl);
    if (!to.p || !p->mime || !(p->to = curl_slist_append(NULL, to.p))) return fail(cx, ST_NO_MEM,
        "no memory for a mail");
    TRY(set_text(cx, e, CURLOPT_MAIL_FROM, m->from));
    EASY_SET(cx, e, CURLOPT_MAIL_RCPT, p->to);
    TRY(add_headers(cx, e, m));
    TRY(add_part(cx, p->mime, m->text, "text/plain; charset=utf-8"));
    TRY(add_part(cx, p->mime, m->html, "text/html; charset=utf-8"));
    EASY_SET(cx, e, CURLOPT_MIMEPOST, p->mime);
    return ST_OK;
}
static Status deliver(Cx *cx, Easy *e, SmtpReply *ret)
{
    Talk talk = { .curl = e->curl };
    curl_socket_t fd = CURL_SOCKET_BAD;

    EASY_SET(cx, e, CURLOPT_HEADERFUNCTION, take_line);
    EASY_SET(cx, e, CURLOPT_HEADERDATA, &talk);
    CURLcode code = fault_hit(FAULT_SEND) ? CURLE_COULDNT_CONNECT : curl_easy_perform(e->curl);
    /* The handle's end says QUIT and waits for an answer of no interest: with nothing to read it does not. */
    if (curl_easy_getinfo(e->curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
        shutdown(fd, SHUT_RD);
    if (code == CURLE_OK && fault_hit(FAULT_SEND)) {       /* the answer to the last dot is lost */
        code = CURLE_RECV_ERROR;
        talk = (Talk){ .data = true };
    }
    if (code != CURLE_OK) return say_why(cx, e, code, &talk, ret);
    TRY(clean(cx, (Str){ talk.text, talk.n }, &ret->text));
    *ret = (SmtpReply){ .code = talk.code, .text = ret->text, .reason = MSG_ok };
    return ST_OK;
}
Status smtp_send(Cx *cx, const SmtpServer *s, const Mail *m, SmtpReply *ret)
{
    int64_t most = MAIL_SECONDS_MAX * INT64_C(1000);
    int64_t deadline = clock_mono() + (s->timeout_ms > 0 && s->timeout_ms < most ? s->timeout_ms : most);
    GuardTarget target;
    AUTO(parts_done) Parts parts = { 0 };
    AUTO_EASY e = { 0 };

    *ret = (SmtpReply){ .reason = MSG_mail_settings };
    TRY(check(cx, s, m));
    ret->retry = true;
    ret->reason = MSG_mail_unreachable;
    Status st = guard_resolve(cx, s->host, s->port, deadline, &target);
    if (st == ST_DENIED) {
        ret->reason = MSG_net_private;
        return refuse(cx, ST_DENIED, S("host"), MSG_net_private, NO_PARAMS);
    }
    if (st == ST_IO || st == ST_BUSY) return fail(cx, ST_IO, "the mail server's name does not resolve");
    TRY(st);
    TRY(easy_open(cx, &target, "smtp,smtps", deadline, &e));
    TRY(set_server(cx, &e, s));
    TRY(set_mail(cx, &e, m, &parts));
    return deliver(cx, &e, ret);
}
