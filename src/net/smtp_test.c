#include "tests/smtp_fake.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "net/smtp.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const local[] = { "127.0.0.1" };
static NetConfig allowing = { local, COUNT(local) };
static Mail mail(void)
{
    return (Mail){ .from = S("hi@liuke.example"), .from_name = S("留客"), .to = S("zhang@shop.example"),
        .subject = S("验证码"), .text = S("你好\n.dot\n123456\n"), .html = S("<p>你好</p>"),
        .message_id = S("<mail_1@liuke.example>") };
}

/* --- a real server: npm smtp-server, driven by tests/clients/smtp_server.mjs --- */

typedef struct Real { pid_t pid; int in, out; int port; char ca[128], seen[65536]; size_t n; } Real;

static bool wait_for(Real *r, const char *what)
{
    while (!strstr(r->seen, what)) {
        ssize_t got = read(r->out, r->seen + r->n, sizeof r->seen - 1 - r->n);
        if (got <= 0) return false;
        r->n += (size_t)got;
    }
    return true;
}
static void real_start(Real *r, const char *tls, bool login)
{
    int in[2], out[2];
    const char *dir = test_dir();
    if (access("tests/clients/node_modules/smtp-server/package.json", R_OK) != 0)
        test_skip("npm's smtp-server is not installed");
    memset(r, 0, sizeof *r);
    assert_int_equal(pipe(in) | pipe(out), 0);
    r->pid = fork();
    if (r->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);                         /* else it would never see the end of its input */
        close(out[0]);
        const char *all[12] = { "tools/node.sh", "tests/clients/smtp_server.mjs", "--tls", tls, "--dir", dir };
        if (login) memcpy(all + 6, (const char *const[]){ "--user", "liuke", "--password", "秘密 word" },
            4 * sizeof *all);
        execv(all[0], (char *const *)all);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    r->in = in[1];
    r->out = out[0];
    assert_true(wait_for(r, "listening") && wait_for(r, "}\n"));
    const char *port = strstr(r->seen, "\"port\":"), *ca = strstr(r->seen, "\"ca\":\"");
    r->port = (int)strtol(port + 7, NULL, 10);
    if (ca) snprintf(r->ca, sizeof r->ca, "%.*s", (int)strcspn(ca + 6, "\""), ca + 6);
}
static void real_stop(Real *r)
{
    int status;
    close(r->in);
    waitpid(r->pid, &status, 0);
    close(r->out);
}
static SmtpServer to_real(const Real *r, SmtpTls tls)
{
    return (SmtpServer){ .host = S("127.0.0.1"), .port = r->port, .tls = tls, .helo = S("liuke.example"),
        .ca_file = str_z(r->ca) };
}
static Status to(Cx *cx, const SmtpServer *s, const char *address, SmtpReply *ret)
{
    Mail m = mail();
    m.to = str_z(address);
    return smtp_send(cx, s, &m, ret);
}

TEST(a_real_server_takes_a_mail_as_it_was_meant)
{
    Real real;
    SmtpReply r;
    Mail m = mail();
    ok(net_start(cx, &allowing));
    real_start(&real, "none", false);
    SmtpServer s = to_real(&real, SMTP_TLS_NONE);
    m.reply_to = S("help@liuke.example");
    ok(smtp_send(cx, &s, &m, &r));
    assert_int_equal(r.code, 250);
    assert_false(r.retry);
    assert_int_equal(r.reason, MSG_ok);
    assert_non_null(memmem(r.text.p, r.text.n, "queued as LIUKE1", 16));
    assert_true(wait_for(&real, "\"raw\"") && wait_for(&real, "--\\r\\n\"}\n"));
    static const char *const want[] = { "\"from\":\"hi@liuke.example\"", "\"to\":[\"zhang@shop.example\"]",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\\r\\n", "From: =?UTF-8?B?55WZ5a6i?=\\r\\n <hi@liuke.example>\\r\\n",
        "To: <zhang@shop.example>\\r\\n", "Subject: =?UTF-8?B?6aqM6K+B56CB?=\\r\\n",
            "Message-ID: <mail_1@liuke.example>\\r\\n",
        "Reply-To: <help@liuke.example>\\r\\n", "Auto-Submitted: auto-generated\\r\\n", "Mime-Version: 1.0\\r\\n",
        "Content-Type: multipart/alternative; boundary=", "Content-Type: text/plain; charset=utf-8\\r\\n",
        "Content-Type: text/html; charset=utf-8\\r\\n", "PHA+5L2g5aW9PC9wPg==",
        "5L2g5aW9DQouZG90DQoxMjM0NTYNCg==" };                     /* the text, its lines ended by CRLF */
    for (size_t i = 0; i < COUNT(want); i++) {
        if (!strstr(real.seen, want[i])) print_error("missing: %s\nin %s\n", want[i], real.seen);
        assert_non_null(strstr(real.seen, want[i]));
    }
    real_stop(&real);
    net_stop();
}
TEST(lines_with_dots_and_bare_line_feeds_arrive_whole)
{
    Real real;
    SmtpReply r;
    Mail m = mail();
    ok(net_start(cx, &allowing));
    real_start(&real, "none", false);
    SmtpServer s = to_real(&real, SMTP_TLS_NONE);
    m.text = S(".\n.\r\n..two\r.end\n.\r\nQUIT\r\n");
    m.html = S("");
    m.subject = S("plain = ?");
    ok(smtp_send(cx, &s, &m, &r));
    assert_true(wait_for(&real, "\"raw\"") && wait_for(&real, "--\\r\\n\"}\n"));
    assert_non_null(strstr(real.seen, "\\r\\n\\r\\n.\\r\\n.\\r\\n..two\\r\\n.end\\r\\n.\\r\\nQUIT\\r\\n"));
    assert_non_null(strstr(real.seen, "Subject: plain = ?\\r\\n"));
    assert_null(strstr(real.seen, "text/html"));
    real_stop(&real);
    net_stop();
}
TEST(a_real_server_s_refusals_are_told_apart)
{
    static const struct { const char *to; int code; bool retry; Msg reason; } cases[] = {
        { "refuse@shop.example", 550, false, MSG_mail_no_such_box }, { "full@shop.example", 552, false,
            MSG_mail_box_full },
        { "busy@shop.example", 451, true, MSG_mail_later }, { "spam@shop.example", 554, false, MSG_mail_rejected },
        { "grey@shop.example", 451, true, MSG_mail_later }, { "drop@shop.example", 0, true, MSG_mail_unreachable },
    };
    Real real;
    SmtpReply r;
    ok(net_start(cx, &allowing));
    real_start(&real, "none", false);
    SmtpServer s = to_real(&real, SMTP_TLS_NONE);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(to(cx, &s, cases[i].to, &r), ST_IO);
        if (r.code != cases[i].code || r.reason != cases[i].reason)
            print_error("%s: %d %s %.*s\n", cases[i].to, r.code, msg_code(r.reason), (int)r.text.n, r.text.p);
        assert_int_equal(r.code, cases[i].code);
        assert_int_equal(r.retry, cases[i].retry);
        assert_int_equal(r.reason, cases[i].reason);
    }
    ok(to(cx, &s, "grey@shop.example", &r));
    assert_int_equal(to(cx, &s, "refuse@shop.example", &r), ST_IO);
    assert_true(str_starts(r.text, S("550 5.1.1 <refuse@shop.example>: there is no refuse here")));
    assert_null(strstr(cx->why.log, "refuse@"));            /* the log gets code and reason only */
    real_stop(&real);
    net_stop();
}
static void over_tls(Cx *cx, const char *name, SmtpTls tls)
{
    Real real;
    SmtpReply r;
    real_start(&real, name, true);
    SmtpServer s = to_real(&real, tls);
    s.user = S("liuke");
    s.password = S("秘密 word");
    ok(to(cx, &s, "zhang@shop.example", &r));
    assert_true(wait_for(&real, "\"secure\":true"));
    s.password = S("wrong");
    assert_int_equal(to(cx, &s, "zhang@shop.example", &r), ST_IO);
    assert_int_equal(r.code, 535);
    assert_int_equal(r.reason, MSG_mail_login);
    assert_true(r.retry);                                   /* nothing was said about this mail */
    s.ca_file = S("");                                      /* nobody vouches for the certificate */
    assert_int_equal(to(cx, &s, "zhang@shop.example", &r), ST_IO);
    assert_int_equal(r.reason, MSG_mail_tls);
    assert_true(r.retry);
    real_stop(&real);
}
TEST(starttls_and_login_work_and_their_failures_are_named)
{
    ok(net_start(cx, &allowing));
    over_tls(cx, "starttls", SMTP_TLS_STARTTLS);
    net_stop();
}
TEST(implicit_tls_and_login_work_and_their_failures_are_named)
{
    ok(net_start(cx, &allowing));
    over_tls(cx, "implicit", SMTP_TLS_IMPLICIT);
    net_stop();
}
TEST(without_tls_on_offer_nothing_is_sent_in_the_open)
{
    Real real;
    SmtpReply r;
    ok(net_start(cx, &allowing));
    real_start(&real, "none", true);
    SmtpServer s = to_real(&real, SMTP_TLS_STARTTLS);
    s.user = S("liuke");
    s.password = S("秘密 word");
    assert_int_equal(to(cx, &s, "zhang@shop.example", &r), ST_IO);
    assert_int_equal(r.reason, MSG_mail_tls);
    close(real.in);
    real.in = -1;
    while (wait_for(&real, "never")) { }                    /* read to its end */
    assert_null(strstr(real.seen, "\"login\""));
    assert_null(strstr(real.seen, "\"mail\""));
    real_stop(&real);
    net_stop();
}

/* --- a scripted server, for failures that a real one does not show --- */

/* Send one mail to the fake and stop it. */
static Status try_fake(Cx *cx, SmtpFake *f, SmtpReply *ret)
{
    smtp_fake_start(f);
    SmtpServer s = { .host = S("127.0.0.1"), .port = f->port, .timeout_ms = 700 };
    Mail m = mail();
    Status st = smtp_send(cx, &s, &m, ret);
    smtp_fake_stop(f);
    return st;
}
TEST(servers_that_fall_silent_or_silly_are_left_with_a_reason)
{
    SmtpReply r;
    static const struct { const char *what; size_t at; const char *says; int code; bool retry; Msg reason;
    } cases[] = {
        { "silent", offsetof(SmtpFake, greeting), NULL, 0, true, MSG_mail_timeout },
        { "hangs up", offsetof(SmtpFake, greeting), "!", 0, true, MSG_mail_unreachable },
        { "not smtp", offsetof(SmtpFake, greeting), "HTTP/1.1 400 Bad\r\n\r\n", 0, true, MSG_mail_timeout },
        { "closed for today", offsetof(SmtpFake, greeting), "421 4.3.2 later\r\n", 421, true, MSG_mail_later },
        { "does not want us", offsetof(SmtpFake, greeting), "554 5.7.1 you are listed\r\n", 554, true,
            MSG_mail_settings },
        { "endless", offsetof(SmtpFake, ehlo), "flood", 0, true, MSG_mail_unreachable },
        { "silent at rcpt", offsetof(SmtpFake, rcpt), NULL, 0, true, MSG_mail_timeout },
        { "unknown detail", offsetof(SmtpFake, rcpt), "550 no\r\n", 550, false, MSG_mail_rejected },
        { "shortest", offsetof(SmtpFake, rcpt), "550\r\n", 550, false, MSG_mail_rejected },
        { "lines", offsetof(SmtpFake, rcpt), "550-5.1.1 no such\r\n550 5.1.1 person\r\n", 550, false,
            MSG_mail_no_such_box },
        { "no data today", offsetof(SmtpFake, data), "451 4.3.0 disk\r\n", 451, true, MSG_mail_later },
        { "never data", offsetof(SmtpFake, data), "554 5.5.1 no\r\n", 554, false, MSG_mail_rejected },
        { "drops at data", offsetof(SmtpFake, data), "!", 0, true, MSG_mail_unreachable },
        { "silent at the dot", offsetof(SmtpFake, dot), NULL, 0, true, MSG_mail_timeout },
        { "drops at the dot", offsetof(SmtpFake, dot), "!", 0, true, MSG_mail_unreachable },
        { "later at the dot", offsetof(SmtpFake, dot), "452 4.2.2 full for now\r\n", 452, true, MSG_mail_later },
    };
    ok(net_start(cx, &allowing));
    for (size_t i = 0; i < COUNT(cases); i++) {
        SmtpFake f = smtp_fake();
        memcpy((char *)&f + cases[i].at, &cases[i].says, sizeof cases[i].says);
        Status st = try_fake(cx, &f, &r);
        if (st != ST_IO || r.code != cases[i].code || r.reason != cases[i].reason)
            print_error("%s: %s %d %s %.*s\n", cases[i].what, status_name(st), r.code, msg_code(r.reason),
                (int)r.text.n, r.text.p);
        assert_int_equal(st, ST_IO);
        assert_int_equal(r.code, cases[i].code);
        assert_int_equal(r.reason, cases[i].reason);
        assert_int_equal(r.retry, cases[i].retry);
        assert_true(r.text.n > 0 && r.text.n <= MAIL_ANSWER_BYTES_MAX);
    }
    net_stop();
}
TEST(a_mail_is_sent_once_taken_however_the_goodbye_goes)
{
    static const char *const byes[] = { NULL, "!", "500 what?\r\n", "250 ok\r\n" };
    SmtpReply r;
    ok(net_start(cx, &allowing));
    for (size_t i = 0; i < COUNT(byes); i++) {
        SmtpFake f = smtp_fake();
        f.quit = byes[i];
        int64_t start = clock_mono();
        ok(try_fake(cx, &f, &r));
        assert_int_equal(r.code, 250);
        assert_str(r.text, "250 2.0.0 queued");
        assert_true(clock_mono() - start < 2000);
        assert_non_null(strstr(f.seen, "QUIT\r\n"));
    }
    net_stop();
}
TEST(a_server_that_refuses_and_falls_silent_is_left_soon)
{
    SmtpReply r;
    SmtpFake f = smtp_fake();
    int64_t start = clock_mono();
    ok(net_start(cx, &allowing));
    f.rcpt = "550 5.1.1 no\r\n";
    f.quit = NULL;
    assert_int_equal(try_fake(cx, &f, &r), ST_IO);
    assert_int_equal(r.reason, MSG_mail_no_such_box);
    assert_true(clock_mono() - start < 6000);
    net_stop();
}
TEST(an_answer_is_kept_as_clean_text)
{
    SmtpReply r;
    SmtpFake f = smtp_fake();
    ok(net_start(cx, &allowing));
    f.rcpt = "550-5.1.1 caf\xe9 \x01\x1b[31m\r\n550 5.1.1 \xe7\x95\x99\r\n";
    assert_int_equal(try_fake(cx, &f, &r), ST_IO);
    assert_str(r.text, "550-5.1.1 caf\xef\xbf\xbd   [31m 550 5.1.1 \xe7\x95\x99");
    f = smtp_fake();
    char text[900] = "550 5.1.1 ";
    for (size_t i = strlen(text); i < 800; i += 3) memcpy(text + i, "客", 4);
    memcpy(text + strlen(text), "\r\n", 3);
    f.rcpt = text;
    assert_int_equal(try_fake(cx, &f, &r), ST_IO);
    assert_true(r.text.n <= MAIL_ANSWER_BYTES_MAX && r.text.n > MAIL_ANSWER_BYTES_MAX - 8);
    net_stop();
}

/* --- what is refused before anything is said --- */

TEST(headers_cannot_be_injected_into_a_mail)
{
    static const struct { size_t at; Str value; const char *field; Msg msg; } cases[] = {
        { offsetof(Mail, to), S_INIT("a@b.example\r\nBcc: x@y.example"), "to", MSG_bad_email },
        { offsetof(Mail, to), S_INIT("a@b.example>\nx"), "to", MSG_bad_email },
        { offsetof(Mail, to), S_INIT("a@b.example\0"), "to", MSG_bad_email },
        { offsetof(Mail, to), S_INIT("<a@b.example>"), "to", MSG_bad_email },
        { offsetof(Mail, to), S_INIT("a@b.example, c@d.example"), "to", MSG_bad_email },
        { offsetof(Mail, to), S_INIT("张@b.example"), "to", MSG_bad_email },
        { offsetof(Mail, to), S_INIT(""), "to", MSG_bad_email },
        { offsetof(Mail, from), S_INIT("a@b.example\r\n"), "from", MSG_bad_email },
        { offsetof(Mail, reply_to), S_INIT("a@b.example\nX: y"), "reply_to", MSG_bad_email },
        { offsetof(Mail, from_name), S_INIT("A\r\nBcc: x"), "from_name", MSG_bad_text },
        { offsetof(Mail, subject), S_INIT("A\nB"), "subject", MSG_bad_text },
        { offsetof(Mail, subject), S_INIT("A\rB"), "subject", MSG_bad_text },
        { offsetof(Mail, subject), S_INIT("A\0B"), "subject", MSG_bad_text },
        { offsetof(Mail, message_id), S_INIT("<a@b>\r\nX: y"), "message_id", MSG_bad_text },
        { offsetof(Mail, message_id), S_INIT("<a@b\r\n>"), "message_id", MSG_bad_text },
        { offsetof(Mail, message_id), S_INIT("a@b"), "message_id", MSG_bad_text },
        { offsetof(Mail, text), S_INIT("a\0b"), "text", MSG_bad_text },
    };
    SmtpServer s = { .host = S("127.0.0.1"), .port = 1 };
    SmtpReply r;
    ok(net_start(cx, &allowing));
    for (size_t i = 0; i < COUNT(cases); i++) {
        Mail m = mail();
        memcpy((char *)&m + cases[i].at, &cases[i].value, sizeof cases[i].value);
        assert_int_equal(smtp_send(cx, &s, &m, &r), ST_INVALID);
        assert_string_equal(cx->why.field, cases[i].field);
        assert_int_equal(cx->why.msg, cases[i].msg);
        assert_false(r.retry);
    }
    s.helo = S("x\r\nMAIL FROM:<a@b>");
    Mail m = mail();
    assert_int_equal(smtp_send(cx, &s, &m, &r), ST_INVALID);
    assert_string_equal(cx->why.field, "helo");
    net_stop();
}
static Str repeat(Cx *cx, const char *what, size_t n)
{
    Buf b = buf_new(cx->arena, n + 8);
    while (b.n < n) buf_addz(&b, what);
    assert_false(b.bad);
    return (Str){ b.p, n };
}
TEST(long_subjects_fold_and_too_long_ones_are_refused)
{
    SmtpServer s = { .host = S("127.0.0.1"), .port = 1 };
    SmtpReply r;
    Mail m = mail();
    ok(net_start(cx, &allowing));
    m.subject = repeat(cx, "留", MAIL_SUBJECT_MAX - 2);
    assert_int_equal(smtp_send(cx, &s, &m, &r), ST_IO);     /* good, and nobody listens on port 1 */
    assert_int_equal(r.reason, MSG_mail_unreachable);
    assert_true(r.retry);
    m.subject = repeat(cx, "a", MAIL_SUBJECT_MAX + 1);
    assert_int_equal(smtp_send(cx, &s, &m, &r), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_long);
    m = mail();
    m.text = repeat(cx, "a", MAIL_BYTES_MAX);
    assert_int_equal(smtp_send(cx, &s, &m, &r), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_large);
    m.text = m.html = S("");
    assert_int_equal(smtp_send(cx, &s, &m, &r), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_required);
    net_stop();
}
TEST(a_relay_on_a_private_address_must_be_listed)
{
    SmtpServer s = { .host = S("127.0.0.1"), .port = 1 };
    SmtpReply r;
    Mail m = mail();
    ok(net_start(cx, &(NetConfig){ 0 }));
    assert_int_equal(smtp_send(cx, &s, &m, &r), ST_DENIED);
    assert_int_equal(r.reason, MSG_net_private);
    assert_string_equal(cx->why.field, "host");
    net_stop();
}
#ifdef LIUKE_FAULT
TEST(every_failing_allocation_and_send_of_a_mail_is_told)
{
    static const FaultKind kinds[] = { FAULT_ALLOC, FAULT_SEND };
    ok(net_start(cx, &allowing));
    for (size_t k = 0; k < COUNT(kinds); k++) {
        long n = 0;
        for (;; n++) {
            Cx one = test_cx();
            SmtpFake f = smtp_fake();
            SmtpReply r;
            fault_arm(kinds[k], n);
            Status st = try_fake(&one, &f, &r);
            bool hit = fault_fired(kinds[k]);
            fault_arm(kinds[k], -1);
            assert_int_equal(st, !hit ? ST_OK : k == 0 ? ST_NO_MEM : ST_IO);
            assert_int_equal(r.retry, hit);
            if (k == 1) assert_int_equal(strstr(f.seen, "\n.\r\n") != NULL, n > 0);   /* the second: taken,
                answer lost */
            arena_free(one.arena);
            if (!hit) break;
        }
        assert_true(n >= (k == 0 ? 6 : 2));
    }
    net_stop();
}
#endif
