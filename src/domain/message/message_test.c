#include "tests/records_world.h"
#include "base/id.h"
#include "base/limits.h"
#include "domain/message/message.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Keys *keys;
static void start(Cx *cx)
{
    static char path[] = "/tmp/liuke-message-key-XXXXXX";
    Str recovery;
    if (keys) return;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    ok(crypto_start(cx));
    ok(keys_open(cx, path, true, &keys, &recovery));
    unlink(path);
}
__attribute__((destructor)) static void end(void) { keys_close(keys); }

static const CodeMail code = { .to = S_INIT("Zhang+x@shop.example"), .code = S_INIT("314159"),
    .product = S_INIT("留客 <b>"), .lang = LANG_ZH };
static Status add_tx(Cx *cx, void *arg) { return message_mail_add(cx, arg); }
static MailRow add(Cx *cx, const CodeMail *c)
{
    MailRow m;
    start(cx);
    ok(message_code_mail(cx, keys, c, &m));
    ok(tx_run(cx, add_tx, &m));
    return m;
}
static MailStatus status_of(Cx *cx, int64_t id)
{
    MailStatus s = { 0 };
    ok(message_mail_status(cx, id, &s));
    return s;
}
static bool has(Str s, const char *what) { return memmem(s.p, s.n, what, strlen(what)) != NULL; }

TEST(the_code_mail_says_what_it_must_in_both_languages)
{
    CodeMail c = code;
    MailDraft d;
    ok(message_code_draft(cx, &c, &d));
    assert_str(d.subject, "留客 <b> 验证码");
    assert_str(d.kind, "signup_code");
    assert_true(has(d.text, "您的验证码是：\n\n    314159\n\n10 分钟内有效") && has(d.text, "-- \n留客 <b>\n"));
    assert_true(has(d.html, "<html lang=\"zh-CN\">") && has(d.html, ">314159</p>") && has(d.html, "留客 &lt;b&gt;"));
    assert_false(has(d.html, "留客 <b>") || has(d.text, "{") || has(d.html, "{"));
    assert_int_equal(d.expires, cx->now + 10 * 60000);
    c.lang = LANG_EN;
    ok(message_code_draft(cx, &c, &d));
    assert_str(d.subject, "Your code for 留客 <b>");
    assert_true(has(d.text, "good for 10 minutes") && has(d.html, "<html lang=\"en\">"));
    c.product = S("a\r\nBcc: x@y.example");
    assert_int_equal(message_code_draft(cx, &c, &d), ST_INVALID);
    assert_string_equal(cx->why.field, "product");
    c.product = S("");
    assert_int_equal(message_code_draft(cx, &c, &d), ST_INVALID);
}
TEST(a_draft_past_its_limits_is_refused)
{
    static char big[MAIL_BYTES_MAX + 1];
    MailRow m;
    start(cx);
    memset(big, 'a', sizeof big);
    MailDraft d = { .to = S("a@b.example"), .kind = S("k"), .subject = S("s"), .text = { big, MAIL_BYTES_MAX } };
    ok(message_mail_prepare(cx, keys, &d, &m));
    d.html = S("x");
    assert_int_equal(message_mail_prepare(cx, keys, &d, &m), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_large);
    d = (MailDraft){ .to = S("a@b.example"), .kind = S("k"), .subject = { big, MAIL_SUBJECT_MAX + 1 } };
    assert_int_equal(message_mail_prepare(cx, keys, &d, &m), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_too_long);
    d = (MailDraft){ .to = S("a@b.example\nx"), .kind = S("k") };
    assert_int_equal(message_mail_prepare(cx, keys, &d, &m), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_bad_email);
}
TEST(tries_double_up_to_a_limit_and_do_not_come_in_step)
{
    int64_t sum = 0;
    bool differ = false;
    (void)cx;
    for (int tries = 1; tries < MAIL_TRIES_MAX; tries++) {
        int64_t plain = (int64_t)MAIL_RETRY_MS << (tries - 1), most = MAIL_RETRY_MAX_MS;
        if (plain > most) plain = most;
        for (int64_t id = 1; id < 200; id++) {
            int64_t ms = message_retry_ms(id, tries);
            assert_true(ms >= plain * 9 / 10 && ms <= plain * 11 / 10);
            differ = differ || ms != message_retry_ms(id + 1, tries);
        }
        sum += plain;
    }
    assert_true(differ);
    assert_true(sum > INT64_C(12) * 3600 * 1000 && sum < INT64_C(72) * 3600 * 1000);
    assert_true(message_retry_ms(1, 1000000) <= MAIL_RETRY_MAX_MS * INT64_C(11) / 10);
}
static bool in_table(Cx *cx, const char *word)
{
    AUTO_ROWS r = NULL;
    Status st;
    bool found = false;
    ok(rows_open(cx, SQL("SELECT kind, lang, reason, answer, to_index, to_box, subject, plain, html FROM mail"),
        NO_BINDS, &r));
    while ((st = rows_next(r)) == ST_OK)
        for (int i = 0; i < 9; i++) found = found || has(i < 4 ? rows_str(r, i) : rows_bytes(r, i), word);
    return found;
}
BOTH(a_mail_is_sealed_taken_once_and_settled)
{
    MailRow row = add(cx, &code);
    MailTaken m, other;
    MailState state;
    static const char *const plain[] = { "Zhang", "zhang", "shop.example", "314159", "验证码" };
    for (size_t i = 0; i < COUNT(plain); i++) assert_false(in_table(cx, plain[i]));
    ok(message_take_due(cx, keys, &m));
    assert_int_equal(m.id, row.id);
    assert_int_equal(m.tries, 1);
    assert_str(m.to, "Zhang+x@shop.example");
    assert_true(has(m.subject, "验证码") && has(m.text, "314159") && has(m.html, "314159"));
    assert_int_equal(message_take_due(cx, keys, &other), ST_NOT_FOUND);
    MailOutcome o = { .sent = true, .code = 250, .answer = S("250 2.0.0 ok for <zhang+x@shop.example> ZHANG") };
    ok(message_settle(cx, &m, &o, &state));
    assert_int_equal(state, MAIL_SENT);
    MailStatus s = status_of(cx, m.id);
    assert_int_equal(s.state, MAIL_SENT);
    assert_int_equal(s.settled, cx->now);
    assert_str(s.answer, "250 2.0.0 ok for <[email]> [user]");
    int64_t left;
    ok(db_i64(cx, SQL("SELECT count(*) FROM mail WHERE subject IS NULL AND plain IS NULL AND html IS NULL"),
        NO_BINDS, &left));
    assert_int_equal(left, 1);
    assert_int_equal(message_settle(cx, &m, &o, &state), ST_NOT_FOUND);
}
BOTH(a_lease_that_ends_gives_the_mail_to_another)
{
    MailRow row = add(cx, &code);
    MailTaken first, second;
    MailState state;
    int64_t start_at = cx->now;
    ok(message_take_due(cx, keys, &first));
    cx->now = start_at + MAIL_LEASE_MS - 1;
    assert_int_equal(message_take_due(cx, keys, &second), ST_NOT_FOUND);
    cx->now = start_at + MAIL_LEASE_MS;
    ok(message_take_due(cx, keys, &second));
    assert_true(second.id == row.id && second.tries == 2 && second.lease != first.lease);
    /* the first may not undo what the second does, unless it did send */
    MailOutcome o = { .retry = true, .reason = MSG_mail_timeout };
    assert_int_equal(message_settle(cx, &first, &o, &state), ST_NOT_FOUND);
    o.sent = true;
    ok(message_settle(cx, &first, &o, &state));
    assert_int_equal(status_of(cx, row.id).state, MAIL_SENT);
    o.sent = false;
    assert_int_equal(message_settle(cx, &second, &o, &state), ST_NOT_FOUND);
    assert_int_equal(status_of(cx, row.id).state, MAIL_SENT);
}
BOTH(a_permanent_refusal_stops_and_a_passing_one_comes_back)
{
    MailRow hard = add(cx, &code);
    MailTaken m;
    MailState state;
    ok(message_take_due(cx, keys, &m));
    MailOutcome o = { .code = 550, .reason = MSG_mail_no_such_box, .answer = S("550 5.1.1 no zhang here") };
    ok(message_settle(cx, &m, &o, &state));
    assert_int_equal(state, MAIL_FAILED);
    MailStatus s = status_of(cx, hard.id);
    assert_true(s.state == MAIL_FAILED && s.code == 550);
    assert_str(s.reason, "mail_no_such_box");
    assert_str(s.answer, "550 5.1.1 no [user] here");

    MailRow soft = add(cx, &code);
    ok(message_take_due(cx, keys, &m));
    assert_int_equal(m.id, soft.id);
    o = (MailOutcome){ .retry = true, .code = 451, .reason = MSG_mail_later };
    ok(message_settle(cx, &m, &o, &state));
    assert_int_equal(state, MAIL_QUEUED);
    s = status_of(cx, soft.id);
    assert_int_equal(s.next_at, cx->now + message_retry_ms(soft.id, 1));
    cx->now = s.next_at - 1;
    assert_int_equal(message_take_due(cx, keys, &m), ST_NOT_FOUND);
    cx->now++;
    ok(message_take_due(cx, keys, &m));
    assert_int_equal(m.tries, 2);
}
BOTH(a_mail_ends_with_its_use_or_after_its_last_try)
{
    MailRow late = add(cx, &code);
    MailTaken m;
    MailState state;
    cx->now += CODE_MINUTES * 60000 - 1000;
    ok(message_take_due(cx, keys, &m));
    MailOutcome o = { .retry = true, .code = 451, .reason = MSG_mail_later };
    ok(message_settle(cx, &m, &o, &state));                /* the next try would come too late */
    assert_int_equal(state, MAIL_FAILED);
    assert_str(status_of(cx, late.id).reason, "mail_later");

    MailRow asleep = add(cx, &code);
    cx->now += CODE_MINUTES * 60000;
    assert_int_equal(message_take_due(cx, keys, &m), ST_NOT_FOUND);
    assert_int_equal(status_of(cx, asleep.id).state, MAIL_FAILED);
    assert_str(status_of(cx, asleep.id).reason, "mail_expired");

    MailDraft d = { .to = S("a@b.example"), .kind = S("k"), .subject = S("s"), .text = S("t"), .lang = LANG_EN };
    MailRow row;
    ok(message_mail_prepare(cx, keys, &d, &row));
    ok(tx_run(cx, add_tx, &row));
    for (int i = 1; i <= MAIL_TRIES_MAX; i++) {
        ok(message_take_due(cx, keys, &m));
        ok(message_settle(cx, &m, &o, &state));
        assert_int_equal(state, i < MAIL_TRIES_MAX ? MAIL_QUEUED : MAIL_FAILED);
        cx->now += 5 * 3600 * 1000;
    }
    /* and one whose every taker died */
    ok(message_mail_prepare(cx, keys, &d, &row));
    ok(tx_run(cx, add_tx, &row));
    for (int i = 1; i <= MAIL_TRIES_MAX; i++) {
        ok(message_take_due(cx, keys, &m));
        cx->now += MAIL_LEASE_MS;
    }
    assert_int_equal(message_take_due(cx, keys, &m), ST_NOT_FOUND);
    assert_str(status_of(cx, row.id).reason, "mail_gave_up");
}
static Status damage_tx(Cx *cx, void *arg)
{
    (void)arg;
    return db_run(cx, SQL("UPDATE mail SET plain = to_box"), NO_BINDS);
}
BOTH(a_mail_that_cannot_be_opened_is_told_and_does_not_block_the_next)
{
    MailRow bad = add(cx, &code), good = add(cx, &code);
    MailTaken m;
    ok(message_take_due(cx, keys, &m));
    assert_int_equal(m.id, bad.id);                        /* the older first */
    cx->now += MAIL_LEASE_MS;
    ok(tx_run(cx, damage_tx, NULL));                       /* another column's box is not this one's */
    assert_int_equal(message_take_due(cx, keys, &m), ST_IO);
    assert_int_equal(message_take_due(cx, keys, &m), ST_IO);
    assert_int_equal(message_take_due(cx, keys, &m), ST_NOT_FOUND);
    assert_str(status_of(cx, bad.id).reason, "mail_damaged");
    assert_str(status_of(cx, good.id).reason, "mail_damaged");
}
BOTH(test_mails_are_readable_in_pages_newest_first)
{
    int64_t ids[5];
    const MailView *list;
    MailTaken m;
    size_t n;
    for (int i = 0; i < 5; i++) ids[i] = add(cx, &code).id;
    ok(message_test_outbox(cx, keys, 0, 10, &list, &n));
    assert_int_equal(n, 0);
    ok(message_keep_as_test(cx, 4));
    ok(message_test_outbox(cx, keys, 0, 3, &list, &n));
    assert_int_equal(n, 3);
    assert_int_equal(list[0].id, ids[3]);
    assert_str(list[0].to, "Zhang+x@shop.example");
    assert_true(has(list[0].text, "314159") && has(list[0].subject, "验证码") && str_is(list[0].lang, "zh"));
    ok(message_test_outbox(cx, keys, list[2].id, 3, &list, &n));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].id, ids[0]);
    ok(message_take_due(cx, keys, &m));                    /* a test mail is never sent */
    assert_int_equal(m.id, ids[4]);
    assert_int_equal(message_take_due(cx, keys, &m), ST_NOT_FOUND);
}
static Status erase_tx(Cx *cx, void *arg)
{
    uint8_t to[16];
    message_to_index(keys, S("zhang+X@shop.example"), to);
    return message_erase(cx, *(int64_t *)arg, to);
}
BOTH(erasing_takes_a_person_s_mails_and_those_to_the_address)
{
    CodeMail c = code;
    int64_t n, person = 42;
    add(cx, &c);
    c.to = S("other@shop.example");
    add(cx, &c);
    c.person = person;
    add(cx, &c);
    ok(tx_run(cx, erase_tx, &person));
    ok(db_i64(cx, SQL("SELECT count(*) FROM mail"), NO_BINDS, &n));
    assert_int_equal(n, 1);
}

enum { TAKERS = 4, MAILS = 40 };
typedef struct Taker { Cx cx; int64_t ids[MAILS]; int n; Status st; } Taker;
static void *take_all(void *arg)
{
    Taker *t = arg;
    MailTaken m;
    for (int idle = 0; idle < 20 && t->n < MAILS;) {
        t->st = message_take_due(&t->cx, keys, &m);
        if (t->st == ST_OK) t->ids[t->n++] = m.id;
        else if (t->st == ST_NOT_FOUND) break;
        else if (t->st == ST_BUSY) idle++;                 /* crossed too often: later */
        else break;
    }
    return NULL;
}
BOTH(no_two_takers_get_the_same_mail)
{
    Taker taker[TAKERS] = { 0 };
    pthread_t thread[TAKERS];
    int64_t seen[TAKERS * MAILS];
    int n = 0;
    for (int i = 0; i < MAILS; i++) add(cx, &code);
    for (int i = 0; i < TAKERS; i++) {
        taker[i].cx = world_records_cx(cx);
        assert_int_equal(pthread_create(&thread[i], NULL, take_all, &taker[i]), 0);
    }
    for (int i = 0; i < TAKERS; i++) {
        pthread_join(thread[i], NULL);
        world_records_cx_done(&taker[i].cx);
        assert_true(taker[i].st == ST_NOT_FOUND || taker[i].st == ST_BUSY || taker[i].n == MAILS);
        for (int k = 0; k < taker[i].n; k++) {
            for (int j = 0; j < n; j++) assert_true(seen[j] != taker[i].ids[k]);
            seen[n++] = taker[i].ids[k];
        }
    }
    MailTaken m;
    while (message_take_due(cx, keys, &m) == ST_OK) n++;
    assert_int_equal(n, MAILS);
}
#ifdef LIUKE_FAULT
static void survive(Cx *cx, FaultKind kind)
{
    for (long n = 0;; n++) {
        MailRow row;
        MailTaken m = { 0 };
        MailState state;
        fault_arm(kind, n);
        Status st = message_code_mail(cx, keys, &code, &row);
        if (st == ST_OK) st = tx_run(cx, add_tx, &row);
        bool added = st == ST_OK;
        if (st == ST_OK) st = message_take_due(cx, keys, &m);
        MailOutcome o = { .sent = true, .code = 250, .answer = S("250 fine") };
        if (st == ST_OK) st = message_settle(cx, &m, &o, &state);
        bool hit = fault_fired(kind);
        fault_arm(kind, -1);
        if (kind == FAULT_AGAIN || !hit) assert_int_equal(st, ST_OK);
        /* never lost, and sent only when it was said so */
        if (added) {
            MailStatus s = status_of(cx, row.id);
            assert_true(st == ST_OK ? s.state == MAIL_SENT : s.state == MAIL_QUEUED);
            cx->now += MAIL_LEASE_MS;
            if (st != ST_OK) {
                ok(message_take_due(cx, keys, &m));
                assert_int_equal(m.id, row.id);
                ok(message_settle(cx, &m, &o, &state));
            }
        }
        if (!hit) break;
        assert_true(n < 1000);
    }
}
BOTH(failing_at_any_point_loses_no_mail_and_marks_none_sent_unsent)
{
    start(cx);
    survive(cx, FAULT_DB);
    survive(cx, FAULT_AGAIN);
    survive(cx, FAULT_ALLOC);
}
#endif
