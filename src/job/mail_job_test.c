#include "tests/records_world.h"
#include "tests/smtp_fake.h"
#include "base/limits.h"
#include "job/mail_job.h"
#include "net/http_client.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Keys *keys;
static void start(Cx *cx)
{
    static const char *const local[] = { "127.0.0.1" };
    static char path[] = "/tmp/liuke-mail-key-XXXXXX";
    Str recovery;
    if (keys) return;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    ok(crypto_start(cx));
    ok(keys_open(cx, path, true, &keys, &recovery));
    unlink(path);
    ok(net_start(cx, &(NetConfig){ local, COUNT(local) }));
}
__attribute__((destructor)) static void end(void)
{
    keys_close(keys);
    if (keys) net_stop();
}
static MailJob job_for(const SmtpFake *f)
{
    return (MailJob){ .keys = keys, .server = { .host = S("127.0.0.1"), .port = f->port, .timeout_ms = 2000 },
        .from = S("hi@liuke.example"), .from_name = S("留客") };
}
static Status add_tx(Cx *cx, void *arg) { return message_mail_add(cx, arg); }
static int64_t add(Cx *cx, const char *to)
{
    MailRow m;
    MailDraft d = { .to = str_z(to), .kind = S("test"), .subject = S("s"), .text = S("t") };
    start(cx);
    ok(message_mail_prepare(cx, keys, &d, &m));
    ok(tx_run(cx, add_tx, &m));
    return m.id;
}
static MailStatus status_of(Cx *cx, int64_t id)
{
    MailStatus s = { 0 };
    ok(message_mail_status(cx, id, &s));
    return s;
}

BOTH(what_is_due_is_sent_and_marked_sent)
{
    SmtpFake f = smtp_fake();
    int64_t a = add(cx, "a@shop.example"), b = add(cx, "b@shop.example");
    int sent;
    smtp_fake_start(&f);
    MailJob job = job_for(&f);
    ok(mail_job_run(cx, &job, &sent));
    assert_int_equal(sent, 2);
    ok(mail_job_run(cx, &job, &sent));
    assert_int_equal(sent, 0);
    smtp_fake_stop(&f);
    assert_int_equal(f.taken, 2);
    assert_true(status_of(cx, a).state == MAIL_SENT && status_of(cx, b).state == MAIL_SENT);
    assert_str(status_of(cx, a).answer, "250 2.0.0 queued");
    assert_non_null(strstr(f.seen, "RCPT TO:<a@shop.example>"));
}
BOTH(a_run_sends_no_more_than_its_share)
{
    SmtpFake f = smtp_fake();
    int sent;
    for (int i = 0; i < MAIL_RUN_MAX + 1; i++) add(cx, "a@shop.example");
    smtp_fake_start(&f);
    MailJob job = job_for(&f);
    ok(mail_job_run(cx, &job, &sent));
    assert_int_equal(sent, MAIL_RUN_MAX);
    ok(mail_job_run(cx, &job, &sent));
    assert_int_equal(sent, 1);
    smtp_fake_stop(&f);
}
BOTH(a_refused_mail_fails_with_its_reason_and_the_next_is_tried)
{
    SmtpFake f = smtp_fake();
    int64_t a = add(cx, "nobody@shop.example"), b = add(cx, "b@shop.example");
    int sent;
    f.rcpt = "550 5.1.1 <nobody@shop.example> nobody is unknown\r\n";
    smtp_fake_start(&f);
    MailJob job = job_for(&f);
    ok(mail_job_run(cx, &job, &sent));
    smtp_fake_stop(&f);
    assert_int_equal(sent, 0);
    MailStatus s = status_of(cx, a);
    assert_true(s.state == MAIL_FAILED && s.code == 550 && s.tries == 1);
    assert_str(s.reason, "mail_no_such_box");
    assert_str(s.answer, "550 5.1.1 <[email]> [user] is unknown");
    assert_int_equal(status_of(cx, b).state, MAIL_FAILED);
}
BOTH(a_server_in_trouble_costs_one_try_and_is_asked_again_later)
{
    SmtpFake f = smtp_fake();
    int64_t a = add(cx, "a@shop.example"), b = add(cx, "b@shop.example");
    int sent;
    smtp_fake_start(&f);
    MailJob job = job_for(&f);
    smtp_fake_stop(&f);                                    /* nobody listens */
    ok(mail_job_run(cx, &job, &sent));
    assert_int_equal(sent, 0);
    MailStatus s = status_of(cx, a);
    assert_true(s.state == MAIL_QUEUED && s.tries == 1 && s.next_at > cx->now);
    assert_str(s.reason, "mail_unreachable");
    assert_int_equal(status_of(cx, b).tries, 0);
    cx->now = s.next_at;
    f = smtp_fake();
    smtp_fake_start(&f);
    job = job_for(&f);
    ok(mail_job_run(cx, &job, &sent));
    smtp_fake_stop(&f);
    assert_int_equal(sent, 2);
    assert_int_equal(status_of(cx, a).state, MAIL_SENT);
}
BOTH(a_relay_that_is_not_listed_is_told_and_loses_no_mail)
{
    SmtpFake f = smtp_fake();
    int64_t a = add(cx, "a@shop.example");
    int sent;
    MailJob job = job_for(&f);
    job.server.host = S("127.0.0.2");
    job.server.port = 25;
    ok(mail_job_run(cx, &job, &sent));
    assert_int_equal(status_of(cx, a).state, MAIL_QUEUED);
    assert_str(status_of(cx, a).reason, "net_private");
    job = job_for(&f);
    job.server.port = 25;
    job.from = S("no address");                            /* a setting that can be put right */
    cx->now = status_of(cx, a).next_at;
    ok(mail_job_run(cx, &job, &sent));
    assert_int_equal(status_of(cx, a).state, MAIL_QUEUED);
    assert_str(status_of(cx, a).reason, "mail_settings");
}
BOTH(without_a_server_mails_wait_for_staff_to_read)
{
    int64_t a = add(cx, "a@shop.example");
    const MailView *list;
    size_t n;
    int sent;
    MailJob job = { .keys = keys };
    ok(mail_job_run(cx, &job, &sent));
    assert_int_equal(sent, 0);
    assert_int_equal(status_of(cx, a).state, MAIL_TEST);
    ok(message_test_outbox(cx, keys, 0, 10, &list, &n));
    assert_int_equal(n, 1);
}

enum { SENDERS = 3, MAILS = 12 };
typedef struct Sender { Cx cx; MailJob job; int sent; } Sender;
static void *send_all(void *arg)
{
    Sender *s = arg;
    for (int round = 0; round < 30; round++) {
        int sent;
        Status st = mail_job_run(&s->cx, &s->job, &sent);
        s->sent += sent;
        if (st == ST_OK && sent == 0) break;
    }
    return NULL;
}
BOTH(senders_side_by_side_send_each_mail_once)
{
    SmtpFake f = smtp_fake();
    Sender sender[SENDERS] = { 0 };
    pthread_t thread[SENDERS];
    int sent = 0;
    for (int i = 0; i < MAILS; i++) add(cx, "a@shop.example");
    smtp_fake_start(&f);
    for (int i = 0; i < SENDERS; i++) {
        sender[i] = (Sender){ .cx = world_records_cx(cx), .job = job_for(&f) };
        sender[i].job.server.timeout_ms = 20000;           /* the fake serves one at a time */
        assert_int_equal(pthread_create(&thread[i], NULL, send_all, &sender[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(thread[i], NULL);
        world_records_cx_done(&sender[i].cx);
        sent += sender[i].sent;
    }
    smtp_fake_stop(&f);
    int64_t left;
    ok(db_i64(cx, SQL("SELECT count(*) FROM mail WHERE state <> 2"), NO_BINDS, &left));
    assert_int_equal(left, 0);
    assert_int_equal(sent, MAILS);
    assert_int_equal(f.taken, MAILS);
}
#ifdef LIUKE_FAULT
static int count(const char *in, Str what)
{
    int n = 0;
    for (const char *p = in; (p = memmem(p, strlen(p), what.p, what.n)); p += what.n) n++;
    return n;
}
/* Fail the n-th of a kind while one mail goes out; then let the job go on until it is sent. */
static void survive(Cx *cx, FaultKind kind, int most_taken)
{
    bool hit = true;
    for (long n = 0; hit; n++) {
        SmtpFake f = smtp_fake();
        int64_t id = add(cx, "a@shop.example");
        int sent = 0, rounds = 0;
        smtp_fake_start(&f);
        MailJob job = job_for(&f);
        fault_arm(kind, n);
        Status st = mail_job_run(cx, &job, &sent);
        hit = fault_fired(kind);
        fault_arm(kind, -1);
        MailStatus s = status_of(cx, id);
        assert_true(s.state == MAIL_QUEUED || s.state == MAIL_SENT);
        if (s.state == MAIL_SENT) assert_int_equal(f.taken, 1);            /* never marked sent unsent */
        if (!hit || kind == FAULT_AGAIN) assert_true(st == ST_OK && s.state == MAIL_SENT);
        while (s.state != MAIL_SENT && rounds++ < 5) {                     /* never lost */
            cx->now = s.next_at;
            ok(mail_job_run(cx, &job, &sent));
            s = status_of(cx, id);
        }
        assert_int_equal(s.state, MAIL_SENT);
        smtp_fake_stop(&f);
        assert_true(f.taken >= 1 && f.taken <= most_taken);
        /* every time under the same name */
        const char *name = strstr(f.seen, "Message-ID: <mail_");
        assert_non_null(name);
        assert_int_equal(count(f.seen, (Str){ name, strcspn(name, "\r") }), count(f.seen, S("Message-ID:")));
        assert_true(n < 200);
    }
}
BOTH(failing_at_any_point_loses_no_mail_and_marks_none_sent_unsent)
{
    start(cx);
    survive(cx, FAULT_SEND, 2);
    survive(cx, FAULT_DB, 2);
    survive(cx, FAULT_AGAIN, 1);
    survive(cx, FAULT_ALLOC, 2);
}
#endif
