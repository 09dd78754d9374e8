/* Who somebody is: sign-up by a code, the outbox, mails, settings, signing in, and personal traits. */
#include "tests/fault/fault_flow.h"
#include "base/limits.h"
#include "domain/message/message.h"
#include "flow/outbox.h"
#include "flow/traits.h"
#include "job/mail_job.h"
#include "net/http_client.h"
#include "store/records/setting.h"
#include "tests/smtp_fake.h"
#include <stdio.h>
#include <string.h>

/* --- sign-up --- */

#define FORM "application/x-www-form-urlencoded"
static Status join_start(World *w)
{
    return flow_http(w, .method = "POST", .path = "/join", .body = "email=Li%40Example.CN&anonymous_id=a1",
        .type = FORM);
}
/* Nobody waits for a code that he was told could not be sent. */
static void code_is_sent(World *w, bool done)
{
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM identity_code")), done);
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM mail")), done);
}
FLOW(a_code_is_sent_once_or_not, .act = join_start, .check = code_is_sent)

static char code_id[24], digits[8];
static void code_sent(World *w)
{
    Cx *cx = w->cx;
    call(w, .method = "POST", .path = "/v1/track", .key = w->pk.p,
        .body = "{\"event\":\"Viewed\",\"anonymousId\":\"a1\",\"messageId\":\"v1\"}");
    expect(w, 200, "success");
    assert_int_equal(join_start(w), ST_OK);
    const char *at = memmem(world_body(w).p, world_body(w).n, "value=\"cod_", 11);
    assert_non_null(at);
    snprintf(code_id, sizeof code_id, "%.17s", at + 7);
    ok(message_keep_as_test(cx, 10));
    call(w, .method = "GET", .path = "/api/1/mails", .staff = true);
    Str text = json_str_of(json_get(json_first(world_node(w, "items")), S("text")));
    for (size_t i = 0, run = 0; i < text.n && run < 6; i++) {
        run = text.p[i] >= '0' && text.p[i] <= '9' ? run + 1 : 0;
        if (run == 6) snprintf(digits, sizeof digits, "%.6s", text.p + i - 5);
    }
    assert_int_equal(strlen(digits), 6);
}
static Status join_finish(World *w)
{
    char body[100];
    snprintf(body, sizeof body, "id=%s&code=%.3s+%s&policy=1&analytics=1", code_id, digits, digits + 3);
    return flow_http(w, .method = "POST", .path = "/join/code", .body = body, .type = FORM);
}
static void person_is_born(World *w, bool done)
{
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM person")), done);
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM person_field")), done);
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM person_actor")) > 0, done);
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM consent WHERE granted = 1")), done * 2);
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM outbox")), done);
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM identity_code WHERE used > 0")), done);
}
FLOW(a_person_is_born_whole_or_the_code_stays_good, .before = code_sent, .act = join_finish, .check = person_is_born)

/* --- the outbox --- */

static void person_born(World *w)
{
    code_sent(w);
    assert_int_equal(join_finish(w), ST_OK);
}
static Status outbox_told(World *w)
{
    flow_arm(w);
    Status st = flow_disarm(w, outbox_step(w->cx, w->app.events, w->app.keys, 1));
    records_done(w->cx);
    return st == ST_NOT_FOUND ? ST_OK : st;
}
static bool joined(World *w)
{
    Hash128 root = events_root(w->app.events, keys_actor(w->app.keys, S("anon"), S("a1"))), own;
    int64_t id = flow_count(w, SQL("SELECT id FROM person"));
    own = keys_actor(w->app.keys, S("anon"), S("a1"));
    return id && (root.a != own.a || root.b != own.b);
}
static void outbox_is_told(World *w, bool done)
{
    int64_t rows = flow_count(w, SQL("SELECT count(*) FROM outbox")), events = world_events(w);
    assert_true(rows == 0 || (!done && rows == 1));
    assert_true(events == 2 || (rows == 1 && events == 1));   /* gone from the outbox only when in the log */
    assert_int_equal(joined(w), events == 2);
}
FLOW(the_outbox_tells_the_log_once, .before = person_born, .act = outbox_told, .check = outbox_is_told)

/* --- personal traits of a trusted identify --- */

static void identified(World *w)
{
    call(w, .method = "POST", .path = "/v1/identify", .key = w->sk.p, .body =
        "{\"userId\":\"u1\",\"messageId\":\"i1\",\"traits\":{\"email\":\"li@example.cn\",\"name\":\"李雷\","
        "\"plan\":\"pro\"}}");
    expect(w, 200, "success");
}
static Status traits_moved(World *w)
{
    flow_arm(w);
    Status st = flow_disarm(w, traits_step(w->cx, w->app.events, w->app.keys));
    records_done(w->cx);
    return st == ST_NOT_FOUND ? ST_OK : st;
}
static void traits_are_moved(World *w, bool done)
{
    int64_t people = flow_count(w, SQL("SELECT count(*) FROM person")),
        fields = flow_count(w, SQL("SELECT count(*) FROM person_field"));
    assert_true(people == 1 || (!done && people == 0));
    assert_int_equal(fields, people * 2);
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM position WHERE pos > 0")), people);   /* with its effect */
}
FLOW(personal_traits_are_moved_once, .before = identified, .act = traits_moved, .check = traits_are_moved)

/* --- mails --- */

static SmtpFake server;
static void mail_waits(World *w)
{
    static const char *const local[] = { "127.0.0.1" };
    Cx *cx = w->cx;
    assert_int_equal(join_start(w), ST_OK);
    ok(net_start(cx, &(NetConfig){ local, COUNT(local) }));
    server = smtp_fake();
    smtp_fake_start(&server);
}
static void mail_over(World *w)
{
    (void)w;
    smtp_fake_stop(&server);
    net_stop();
    assert_in_range(server.taken, 1, 2);   /* at least once: who could not write down that it went, sends again */
}
static Status mail_sent(World *w)
{
    int sent;
    MailJob job = { .keys = w->app.keys, .server = { .host = S("127.0.0.1"), .port = server.port, .timeout_ms = 2000 },
        .from = S("hi@liuke.example"), .from_name = S("留客") };
    w->cx->now += MAIL_LEASE_MS;                           /* past the lease, or the pause, of the last try */
    flow_arm(w);
    Status st = flow_disarm(w, mail_job_run(w->cx, &job, &sent));
    records_done(w->cx);
    /* A job that met a server in trouble did its work: the mail waits. */
    if (st == ST_OK && flow_count(w, SQL("SELECT count(*) FROM mail WHERE state = 2")) == 0)
        return fail(w->cx, ST_IO, "not sent");
    return st;
}
static void mail_is_sent(World *w, bool done)
{
    int64_t n = flow_count(w, SQL("SELECT count(*) FROM mail WHERE state = 2"));
    assert_true(n == 1 || (!done && n == 0 && flow_count(w, SQL("SELECT count(*) FROM mail WHERE state = 1")) == 1));
    if (n) assert_true(server.taken >= 1);                 /* never marked sent unsent */
}
FLOW(a_mail_is_sent, .before = mail_waits, .act = mail_sent, .check = mail_is_sent, .after = mail_over)

/* --- settings, and who may come in --- */

static Status set_tx(Cx *cx, void *arg)
{
    (void)arg;
    TRY(setting_put(cx, S("product"), S("新名字")));
    return setting_put(cx, S("zone"), S("Asia/Tokyo"));
}
static Status settings_changed(World *w)
{
    flow_arm(w);
    Status st = flow_disarm(w, tx_run(w->cx, set_tx, NULL));
    records_done(w->cx);
    return st;
}
static void settings_are_changed(World *w, bool done)
{
    assert_int_equal(flow_count(w, SQL("SELECT count(*) FROM setting WHERE value = '新名字' OR value = 'Asia/Tokyo'")),
        done * 2);
}
FLOW(settings_change_together, .act = settings_changed, .check = settings_are_changed)

static Status sign_in(World *w)
{
    Status st = flow_http(w, .method = "POST", .path = "/api/1/session", .body = "{\"token\":\"admin\"}");
    bool cookie = false;
    for (size_t i = 0; i < w->res.n_headers; i++) cookie |= str_is(w->res.headers[i].name, "Set-Cookie");
    assert_int_equal(cookie, st == ST_OK);
    return st;
}
static void nothing(World *w, bool done) { (void)w; (void)done; }
FLOW(signing_in_gives_the_cookie_or_an_error, .act = sign_in, .check = nothing)
