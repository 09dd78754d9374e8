/* page_api: the console's files and the hosted sign-up page, which works without JavaScript. */
#include "api/app.h"
#include "api/files.h"
#include "base/id.h"
#include "flow/signup.h"
#include <string.h>

/* The files of web/console, embedded by the build (tools/embed_files.sh). */
static const struct {
    Str path;
    const char *name, *type;
} files[] = {
    { S_INIT("/console"), "index.html", "text/html; charset=utf-8" },
    { S_INIT("/console/app.js"), "app.js", "text/javascript; charset=utf-8" },
    { S_INIT("/console/base.js"), "base.js", "text/javascript; charset=utf-8" },
    { S_INIT("/console/insight.js"), "insight.js", "text/javascript; charset=utf-8" },
    { S_INIT("/console/lists.js"), "lists.js", "text/javascript; charset=utf-8" },
    { S_INIT("/console/text.js"), "text.js", "text/javascript; charset=utf-8" },
    { S_INIT("/console/style.css"), "style.css", "text/css; charset=utf-8" },
    { S_INIT("/join.css"), "join.css", "text/css; charset=utf-8" },
};
/* Stricter than the server's own policy: nothing inline, and no script at all on the hosted page. */
#define POLICY(more) "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; " \
    "form-action 'self'; frame-ancestors 'none'" more
static void lock_console(Cx *cx, Res *rs)
{
    res_header(cx, rs, "Content-Security-Policy", S(POLICY("; script-src 'self'; connect-src 'self'")));
}
static Html *page(Cx *cx, Res *rs, int code)
{
    Html *h = res_html(cx, rs, code);
    if (rs->n_headers == 0) res_header(cx, rs, "Content-Security-Policy", S(POLICY("")));
    return h;
}
/* The reply of a step that cannot be done twice: got ready before it. */
static Status ready(Cx *cx, Res *rs)
{
    enum { PAGE = 16 << 10 };    /* more than a page of the form takes */
    (void)page(cx, rs, 200);
    return res_room(cx, rs, PAGE);
}
static Status get_file(Cx *cx, const Req *rq, Res *rs)
{
    size_t i = 0;
    while (i < COUNT(files) && !str_eq(files[i].path, rq->path)) i++;
    const EmbeddedFile *f = i < COUNT(files) ? files_find(files[i].name) : NULL;
    if (!f) return fail(cx, ST_BUG, "a page's file is not embedded");
    res_bytes(rs, 200, files[i].type, f->bytes);
    res_header(cx, rs, "Cache-Control", S("no-cache"));
    if (i == 0) lock_console(cx, rs);
    return ST_OK;
}
static Status get_root(Cx *cx, const Req *rq, Res *rs)
{
    (void)rq;
    res_bytes(rs, 302, "text/plain", S(""));
    res_header(cx, rs, "Location", S("/console"));
    return ST_OK;
}

/* The hosted form. Two steps, one page: the address, then the code with the consents. */
static const char POLICY_VERSION[] = "1";
typedef struct Words {
    Str title, lead, email, send, code, code_hint, finish, policy, analytics, sent, done, done_hint, again;
} Words;
static const Words words[LANGS_] = {
    [LANG_ZH] = { S_INIT("注册或登录"), S_INIT("只需一个邮箱，验证码登录，不用记密码。"), S_INIT("邮箱"), S_INIT("发送验证码"), S_INIT("验证码"),
                  S_INIT("6 位数字，10 分钟内有效"), S_INIT("完成"), S_INIT("我已阅读并同意隐私政策"),
                  S_INIT("允许统计我的使用情况，用来改进产品（可随时撤回）"), S_INIT("验证码已发到你的邮箱，没收到请看垃圾邮件。"), S_INIT("完成了"),
                  S_INIT("你已登录，可以关闭本页。"), S_INIT("换一个邮箱或重新发送") },
    [LANG_EN] = { S_INIT("Sign up or sign in"), S_INIT("Just an e-mail address and a code; no password to remember."),
        S_INIT("E-mail"), S_INIT("Send the code"),
                  S_INIT("Code"), S_INIT("6 digits, valid for 10 minutes"), S_INIT("Finish"),
                  S_INIT("I have read and agree to the privacy policy"),
                  S_INIT("Count how I use the product, to make it better (you can take this back at any time)"),
                  S_INIT("The code is on its way; look into the spam folder if it does not arrive."), S_INIT("Done"),
                  S_INIT("You are signed in and can close this page."), S_INIT("Use another address, or send "
                                                            "again") },
};
static void head(Html *h, const Req *rq, Str title)
{
    HTML_RAW(h, "<!doctype html><html lang=\"");
    html_attr(h, rq->lang == LANG_ZH ? S("zh-CN") : S("en"));
    HTML_RAW(h, "\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, "
                "initial-scale=1\">"
                "<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\"><link "
                "rel=\"stylesheet\" href=\"/join.css\"><title>");
    html_text(h, title);
    HTML_RAW(h, " · ");
    html_text(h, rq->app->product);
    HTML_RAW(h, "</title></head><body><main><p class=\"product\">");
    html_text(h, rq->app->product);
    HTML_RAW(h, "</p><h1>");
    html_text(h, title);
    HTML_RAW(h, "</h1>");
}
static void foot(Html *h) { HTML_RAW(h, "</main></body></html>"); }
static void error_out(Html *h, Cx *cx, const Req *rq, const Why *why)
{
    Buf text = buf_new(cx->arena, 600);
    if (!why) return;
    buf_msg(&text, rq->lang, why);
    HTML_RAW(h, "<p class=\"error\" role=\"alert\" id=\"error\">");
    html_text(h, buf_str(&text));
    HTML_RAW(h, "</p>");
}
static Status email_page(Cx *cx, const Req *rq, Res *rs, int code, Str email, Str anon, const Why *why)
{
    const Words *t = &words[rq->lang];
    Html *h = page(cx, rs, code);
    head(h, rq, t->title);
    HTML_RAW(h, "<p class=\"lead\">");
    html_text(h, t->lead);
    HTML_RAW(h, "</p><form method=\"post\" action=\"/join\"><input type=\"hidden\" name=\"anonymous_id\" value=\"");
    html_attr(h, anon);
    HTML_RAW(h, "\"><label for=\"email\">");
    html_text(h, t->email);
    HTML_RAW(h, "</label><input id=\"email\" name=\"email\" type=\"email\" inputmode=\"email\" "
                "autocomplete=\"email\" required autofocus maxlength=\"254\" value=\"");
    html_attr(h, email);
    HTML_RAW(h, "\">");
    error_out(h, cx, rq, why);
    HTML_RAW(h, "<button>");
    html_text(h, t->send);
    HTML_RAW(h, "</button></form>");
    foot(h);
    return ST_OK;
}
static void consent_out(Html *h, const char *name, Str text, bool required)
{
    HTML_RAW(h, "<label class=\"check\"><input type=\"checkbox\" value=\"1\" name=\"");
    html_attr(h, str_z(name));
    if (required) HTML_RAW(h, "\" required> <span>");
    else HTML_RAW(h, "\"> <span>");
    html_text(h, text);
    HTML_RAW(h, "</span></label>");
}
static Status code_page(Cx *cx, const Req *rq, Res *rs, int code, Str id, const Why *why)
{
    const Words *t = &words[rq->lang];
    Html *h = page(cx, rs, code);
    head(h, rq, t->title);
    HTML_RAW(h, "<p class=\"lead\">");
    html_text(h, t->sent);
    HTML_RAW(h, "</p><form method=\"post\" action=\"/join/code\"><input type=\"hidden\" name=\"id\" value=\"");
    html_attr(h, id);
    HTML_RAW(h, "\"><label for=\"code\">");
    html_text(h, t->code);
    HTML_RAW(h, "</label><input id=\"code\" name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" "
                "pattern=\"[0-9 ]{6,7}\" required autofocus maxlength=\"7\">"
                "<p class=\"hint\">");
    html_text(h, t->code_hint);
    HTML_RAW(h, "</p>");
    error_out(h, cx, rq, why);
    consent_out(h, "policy", t->policy, true);
    consent_out(h, "analytics", t->analytics, false);
    HTML_RAW(h, "<button>");
    html_text(h, t->finish);
    HTML_RAW(h, "</button></form><p class=\"hint\"><a href=\"/join\">");
    html_text(h, t->again);
    HTML_RAW(h, "</a></p>");
    foot(h);
    return ST_OK;
}
static Status get_join(Cx *cx, const Req *rq, Res *rs)
{
    return email_page(cx, rq, rs, 200, S(""), req_query(cx, rq, "anonymous_id"), NULL);
}
/* What the visitor can mend is shown on the page; the rest goes the way of every error. */
static bool mendable(Status st) { return st == ST_INVALID || st == ST_LIMITED || st == ST_CONFLICT; }
static int code_for(Status st) { return st == ST_LIMITED ? 429 : 400; }

static Status post_join(Cx *cx, const Req *rq, Res *rs)
{
    Str email = req_form(cx, rq, "email"), anon = req_form(cx, rq, "anonymous_id");
    char text[ID_TEXT_MAX + 1];
    int64_t id;
    SignupStart in = { .email = email, .anon = anon, .client = rq->addr, .product = rq->app->product };
    cx->lang = rq->lang;
    TRY(ready(cx, rs));
    Status st = signup_start(cx, rq->app->keys, &in, &id);
    if (mendable(st)) {
        Why why = cx->why;
        return email_page(cx, rq, rs, code_for(st), email, anon, &why);
    }
    TRY(st);
    return code_page(cx, rq, rs, 200, (Str){ text, id_text("cod", id, text) }, NULL);
}
static Str digits_only(Cx *cx, Str s)
{
    Buf b = buf_new(cx->arena, 16);
    for (size_t i = 0; i < s.n && b.n < 8; i++) if (s.p[i] != ' ') buf_addc(&b, s.p[i]);
    return buf_str(&b);
}
static Status post_code(Cx *cx, const Req *rq, Res *rs)
{
    const Words *t = &words[rq->lang];
    Str id = req_form(cx, rq, "id");
    const SignupConsent consents[] = { { S("policy"), t->policy, req_form(cx, rq, "policy").n > 0 },
                                       { S("analytics"), t->analytics, req_form(cx, rq, "analytics").n > 0 } };
    SignupFinish in = { .digits = digits_only(cx, req_form(cx, rq, "code")), .client = rq->addr, .form = S("join"),
        .policy = str_z(POLICY_VERSION),
                        .policy_text = t->policy, .consents = consents, .n_consents = COUNT(consents) };
    Person p;
    bool born;

    cx->lang = rq->lang;
    if (!id_parse(id, "cod", &in.code)) return refuse(cx, ST_INVALID, S("id"), MSG_bad_id, NO_PARAMS);
    TRY(ready(cx, rs));
    Status st = signup_finish(cx, rq->app->keys, &in, &p, &born);
    if (mendable(st)) {
        Why why = cx->why;
        return code_page(cx, rq, rs, code_for(st), id, &why);
    }
    TRY(st);
    Html *h = page(cx, rs, 200);
    head(h, rq, t->done);
    HTML_RAW(h, "<p class=\"lead\">");
    html_text(h, t->done_hint);
    HTML_RAW(h, "</p>");
    foot(h);
    return ST_OK;
}

#define FILE_ROUTE(p, what) { "GET", p, get_file, .may = PUBLIC, .queue = Q_LOOP, .doc = what }
const Route page_routes[] = {
    { "GET", "/", get_root, .may = PUBLIC, .queue = Q_LOOP, .doc = "to the console" },
    FILE_ROUTE("/console", "the console's page"),
    FILE_ROUTE("/console/app.js", "the console's frame: signing in, which page"),
    FILE_ROUTE("/console/base.js", "what the console's pages share"),
    FILE_ROUTE("/console/insight.js", "the console's trend and retention"),
    FILE_ROUTE("/console/lists.js", "the console's live events, people, sources and mails"),
    FILE_ROUTE("/console/text.js", "the console's words"),
    FILE_ROUTE("/console/style.css", "the console's looks"),
    FILE_ROUTE("/join.css", "the hosted page's looks"),
    { "GET", "/join", get_join, .may = PUBLIC, .queue = Q_LOOP, .doc = "the hosted sign-up page" },
    { "POST", "/join", post_join, .may = PUBLIC, .queue = Q_DB, .body_max = 8192, .rate = 30, .rate_seconds = 60,
        .doc = "ask for a code by e-mail" },
    { "POST", "/join/code", post_code, .may = PUBLIC, .queue = Q_DB, .body_max = 8192, .rate = 30, .rate_seconds = 60,
        .doc = "prove the address with the code" },
};
const size_t page_routes_n = COUNT(page_routes);
