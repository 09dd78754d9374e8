#include "net/http_client.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "net/easy.h"
#include <string.h>
#include <strings.h>

Status net_start(Cx *cx, const NetConfig *config)
{
    TRY(guard_allow(cx, config->allow, config->n_allow));
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) return fail(cx, ST_NO_MEM, "libcurl does not start");
    return ST_OK;
}
void net_stop(void) { curl_global_cleanup(); }

/* One call, over all its redirects. */
typedef struct Trip {
    Cx *cx;
    const HttpCall *call;
    CURLU  *url;
    bool    as_get, foreign;     /* a redirect has changed the method; has left the first origin */
    int64_t deadline;
    size_t  max, header_bytes;
    Buf     body;
    bool    too_large;
    HttpReply reply;
    Str     next;                /* where a redirect leads; empty: this was the last */
} Trip;
typedef struct Part { char *p; } Part;
static void part_done(Part *p) { curl_free(p->p); }
static void trip_done(Trip *t) { curl_url_cleanup(t->url); }

static bool is_token(Str s)
{
    static const char more[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) continue;
        if (c == 0 || !strchr(more, c)) return false;
    }
    return s.n > 0;
}
static bool is_value(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f) return false;
    return true;
}
static bool is_ascii(Str s)
{
    for (size_t i = 0; i < s.n; i++) if ((unsigned char)s.p[i] >= 0x80) return false;
    return true;
}
static bool name_is(Str s, const char *name) { return s.n == strlen(name) && strncasecmp(s.p, name, s.n) == 0; }
static Status check(Cx *cx, const HttpCall *c)
{
    if (!is_token(c->method) || c->method.n > 20) return refuse(cx, ST_INVALID, S("method"), MSG_bad_text, NO_PARAMS);
    for (size_t i = 0; i < c->n_headers; i++) {
        const HttpHeader *h = &c->headers[i];
        if (!is_token(h->name) || !is_value(h->value) || name_is(h->name, "Content-Length") ||
            name_is(h->name, "Transfer-Encoding"))
            return refuse(cx, ST_INVALID, S("headers"), MSG_bad_text, NO_PARAMS);
    }
    return ST_OK;
}
static Status bad_url(Cx *cx) { return refuse(cx, ST_INVALID, S("url"), MSG_bad_url, NO_PARAMS); }
static Status parse_url(Cx *cx, Str text, CURLU *ret)
{
    if (text.n == 0 || text.n > HTTP_URL_MAX || memchr(text.p, 0, text.n)) return bad_url(cx);
    Str z = arena_str(cx->arena, text);       /* libcurl wants a NUL after it */
    if (!z.p) return fail(cx, ST_NO_MEM, "no memory for a url");
    CURLUcode code = curl_url_set(ret, CURLUPART_URL, z.p, CURLU_DISALLOW_USER);
    if (code == CURLUE_OUT_OF_MEMORY) return fail(cx, ST_NO_MEM, "no memory for a url");
    return code ? bad_url(cx) : ST_OK;
}
static Status url_part(Cx *cx, CURLU *u, CURLUPart what, unsigned flags, Part *ret)
{
    CURLUcode code = curl_url_get(u, what, &ret->p, flags);
    if (code == CURLUE_OUT_OF_MEMORY) return fail(cx, ST_NO_MEM, "no memory for a url");
    return code ? bad_url(cx) : ST_OK;
}
/* The host as it will be looked up, without brackets, judged. A name must be in ASCII (xn--...): libcurl would convert
 * it by the process's locale, which is C. */
static Status aim(Trip *t, GuardTarget *ret)
{
    AUTO(part_done) Part scheme = { 0 }, host = { 0 }, port = { 0 };
    int64_t number = 0;

    TRY(url_part(t->cx, t->url, CURLUPART_SCHEME, 0, &scheme));
    if (strcmp(scheme.p, "http") != 0 && strcmp(scheme.p, "https") != 0) return bad_url(t->cx);
    TRY(url_part(t->cx, t->url, CURLUPART_HOST, 0, &host));
    TRY(url_part(t->cx, t->url, CURLUPART_PORT, CURLU_DEFAULT_PORT, &port));
    Str name = str_z(host.p);
    if (!is_ascii(name) || !str_i64(str_z(port.p), &number)) return bad_url(t->cx);
    if (name.n > 2 && *name.p == '[') name = (Str){ name.p + 1, name.n - 2 };
    return guard_resolve(t->cx, name, (int)number, t->deadline, ret);
}

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
    Trip *t = arg;
    (void)size;                               /* always 1 */
    if (t->body.n + n > t->max) {
        t->too_large = true;
        return 0;
    }
    buf_add(&t->body, (Str){ p, n });
    return t->body.bad ? 0 : n;
}
static size_t take_header(char *p, size_t size, size_t n, void *arg)
{
    Trip *t = arg;
    (void)p; (void)size;
    t->header_bytes += n;
    if (t->header_bytes <= NET_HEADER_BYTES_MAX) return n;
    t->too_large = true;
    return 0;
}
static bool goes_abroad(Str name)
{
    return name_is(name, "Accept") || name_is(name, "Accept-Language") || name_is(name, "Content-Type");
}
static Status add_headers(Trip *t, Easy *e)
{
    Cx *cx = t->cx;
    bool typed = t->as_get, named = false;

    for (size_t i = 0; i < t->call->n_headers; i++) {
        const HttpHeader *h = &t->call->headers[i];
        bool type = name_is(h->name, "Content-Type");
        if ((t->foreign && !goes_abroad(h->name)) || (type && t->as_get)) continue;
        typed = typed || type;
        named = named || name_is(h->name, "User-Agent");
        Buf b = buf_new(cx->arena, h->name.n + h->value.n + 3);
        buf_add(&b, h->name);
        buf_addz(&b, h->value.n ? ": " : ";");    /* libcurl's spelling of an empty value */
        buf_add(&b, h->value);
        buf_addc(&b, 0);
        if (b.bad) return fail(cx, ST_NO_MEM, "no memory for a header");
        TRY(easy_header(cx, e, b.p));
    }
    if (!typed) TRY(easy_header(cx, e, "Content-Type:"));  /* else libcurl would call every body a form */
    TRY(easy_header(cx, e, "Expect:"));
    EASY_SET(cx, e, CURLOPT_HTTPHEADER, e->headers);
    if (!named) EASY_SET(cx, e, CURLOPT_USERAGENT, easy_version().p);
    return ST_OK;
}
static Status set_method(Trip *t, Easy *e)
{
    Cx *cx = t->cx;
    const HttpCall *c = t->call;

    if (str_is(c->method, "HEAD")) {
        EASY_SET(cx, e, CURLOPT_NOBODY, 1L);
        return ST_OK;
    }
    if (t->as_get || (str_is(c->method, "GET") && c->body.n == 0)) return ST_OK;
    Str method = arena_str(cx->arena, c->method);
    if (!method.p) return fail(cx, ST_NO_MEM, "no memory for a method");
    if (c->body.n || str_is(c->method, "POST") || str_is(c->method, "PUT") || str_is(c->method, "PATCH")) {
        EASY_SET(cx, e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.n);
        EASY_SET(cx, e, CURLOPT_POSTFIELDS, c->body.n ? c->body.p : "");
    }
    EASY_SET(cx, e, CURLOPT_CUSTOMREQUEST, method.p);
    return ST_OK;
}
static Status why_failed(Trip *t, const Easy *e, CURLcode code)
{
    Cx *cx = t->cx;
    if (t->too_large || code == CURLE_FILESIZE_EXCEEDED)
        return refuse(cx, ST_LIMITED, S("url"), MSG_net_too_large, PARAMS({ .name = "max", .value = (int64_t)t->max }));
    if (e->strayed) return refuse(cx, ST_DENIED, S("url"), MSG_net_private, NO_PARAMS);
    if (code == CURLE_OPERATION_TIMEDOUT) return refuse(cx, ST_BUSY, S("url"), MSG_net_timeout, NO_PARAMS);
    if (code == CURLE_OUT_OF_MEMORY || t->body.bad) return fail(cx, ST_NO_MEM, "no memory for a reply");
    return fail(cx, ST_IO, "%s: %s", e->target->host, easy_why(e, code));
}
static Status keep_reply(Trip *t, Easy *e)
{
    long code = 0;
    curl_off_t after = 0;
    char *type = NULL, *next = NULL;

    curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(e->curl, CURLINFO_RETRY_AFTER, &after);
    curl_easy_getinfo(e->curl, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(e->curl, CURLINFO_REDIRECT_URL, &next);
    t->reply = (HttpReply){ .code = (int)code, .body = buf_str(&t->body), .retry_after = after > 0 ? after : 0 };
    if (type) {
        t->reply.content_type = arena_str(t->cx->arena, str_z(type));
        if (!t->reply.content_type.p) return fail(t->cx, ST_NO_MEM, "no memory for a reply");
    }
    t->next = (Str){ 0 };
    if (!next || t->call->no_redirects || code == 300) return ST_OK;
    t->next = arena_str(t->cx->arena, str_z(next));
    return t->next.p ? ST_OK : fail(t->cx, ST_NO_MEM, "no memory for a redirect");
}
static Status one_hop(Trip *t)
{
    Cx *cx = t->cx;
    GuardTarget target;
    AUTO_EASY e = { 0 };

    TRY(aim(t, &target));
    TRY(easy_open(cx, &target, "http,https", t->deadline, &e));
    EASY_SET(cx, &e, CURLOPT_CURLU, t->url);
    EASY_SET(cx, &e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    EASY_SET(cx, &e, CURLOPT_WRITEFUNCTION, take_body);
    EASY_SET(cx, &e, CURLOPT_WRITEDATA, t);
    EASY_SET(cx, &e, CURLOPT_HEADERFUNCTION, take_header);
    EASY_SET(cx, &e, CURLOPT_HEADERDATA, t);
    EASY_SET(cx, &e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->max);
    TRY(set_method(t, &e));
    TRY(add_headers(t, &e));
    t->body = buf_new(cx->arena, t->max);
    t->header_bytes = 0;
    if (fault_hit(FAULT_SEND)) return fail(cx, ST_IO, "%s: fault before sending", target.host);
    CURLcode code = curl_easy_perform(e.curl);
    if (code != CURLE_OK) return why_failed(t, &e, code);
    if (fault_hit(FAULT_SEND)) return fail(cx, ST_IO, "%s: fault after sending: the answer is lost", target.host);
    return keep_reply(t, &e);
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart what, unsigned flags)
{
    AUTO(part_done) Part x = { 0 }, y = { 0 };
    return curl_url_get(a, what, &x.p, flags) == CURLUE_OK && curl_url_get(b, what, &y.p, flags) == CURLUE_OK &&
           strcasecmp(x.p, y.p) == 0;
}
static Status turn(Trip *t)
{
    Cx *cx = t->cx;
    AUTO(part_done) Part from = { 0 }, to = { 0 };
    CURLU *next = curl_url();
    int code = t->reply.code;

    if (!next) return fail(cx, ST_NO_MEM, "no memory for a redirect");
    CURLU *old = t->url;
    t->url = next;                            /* trip_done() frees it, whatever happens here */
    Status st = parse_url(cx, t->next, next);
    if (st == ST_OK) {
        t->foreign = t->foreign || !same_part(old, next, CURLUPART_SCHEME, 0) ||
                     !same_part(old, next, CURLUPART_HOST, 0) ||
                     !same_part(old, next, CURLUPART_PORT, CURLU_DEFAULT_PORT);
        st = url_part(cx, old, CURLUPART_SCHEME, 0, &from);
    }
    curl_url_cleanup(old);
    TRY(st);
    TRY(url_part(cx, next, CURLUPART_SCHEME, 0, &to));
    if (strcmp(from.p, "https") == 0 && strcmp(to.p, "https") != 0)
        return fail(cx, ST_IO, "a redirect from https to %s", to.p);
    if (code == 303 || ((code == 301 || code == 302) && str_is(t->call->method, "POST")))
        t->as_get = !str_is(t->call->method, "HEAD");
    return ST_OK;
}
static Status run(Trip *t)
{
    TRY(parse_url(t->cx, t->call->url, t->url));
    for (int hop = 0;; hop++) {
        TRY(one_hop(t));
        if (t->next.n == 0) return ST_OK;
        if (hop == NET_REDIRECTS_MAX)
            return refuse(t->cx, ST_LIMITED, S("url"), MSG_net_redirects,
                          PARAMS({ .name = "max", .value = NET_REDIRECTS_MAX }));
        TRY(turn(t));
    }
}
Status http_call(Cx *cx, const HttpCall *call, HttpReply *ret)
{
    int64_t start = clock_mono_us(), most = NET_SECONDS_MAX * INT64_C(1000);
    AUTO(trip_done) Trip t = { .cx = cx, .call = call, .max = NET_REPLY_BYTES_MAX };

    TRY(check(cx, call));
    if (call->max_bytes && call->max_bytes < t.max) t.max = call->max_bytes;
    t.deadline = clock_mono() + (call->timeout_ms > 0 && call->timeout_ms < most ? call->timeout_ms : most);
    t.url = curl_url();
    if (!t.url) return fail(cx, ST_NO_MEM, "no memory for a url");
    TRY(run(&t));
    t.reply.us = clock_mono_us() - start;
    *ret = t.reply;
    return ST_OK;
}
