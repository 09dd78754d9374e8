#include "main/caller.h"
#include "base/json.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REPLY_MAX = 64 << 20 };
struct Caller {
    Instance in;
    HttpConfig http;
    bool own;                    /* the folder is open in this process */
    CURL *curl;
    char socket[1100];
};
static Status use_socket(Cx *cx, Caller *c, const Config *config)
{
    snprintf(c->socket, sizeof c->socket, "%s/liuke.sock", config->data);
    c->curl = curl_easy_init();
    return c->curl ? ST_OK : fail(cx, ST_NO_MEM, "caller");
}
Status caller_open(Cx *cx, const Config *config, Caller **ret)
{
    Caller *c = arena_get(cx->arena, sizeof *c);
    if (!c) return fail(cx, ST_NO_MEM, "caller");
    Status st = instance_open(cx, config, &c->in);
    if (st == ST_CONFLICT) TRY(use_socket(cx, c, config));
    else TRY(st);
    c->own = st == ST_OK;
    c->http = (HttpConfig){ .app = &c->in.app, .records = c->in.records, .lang = cx->lang, .who = api_owner,
        .done = records_done };
    c->http.tables = api_tables(&c->http.n_tables);
    *ret = c;
    return ST_OK;
}
Status caller_open_known(Cx *cx, const Config *config, Caller **ret)
{
    if (access(config->data, F_OK) == 0) return caller_open(cx, config, ret);
    return refuse(cx, ST_NOT_FOUND, S("data"), MSG_no_folder,
        PARAMS({ .name = "folder", .text = str_z(config->data) }));
}
void caller_close(Caller *c)
{
    if (c->own) instance_close(&c->in);
    if (c->curl) curl_easy_cleanup(c->curl);
}
static size_t collect(char *p, size_t size, size_t n, void *arg)
{
    Buf *b = arg;
    buf_add(b, (Str){ p, size * n });
    return b->bad ? 0 : size * n;
}
static Status over_socket(Cx *cx, Caller *c, const char *method, Str path, Str body, CallerReply *ret)
{
    Buf url = buf_new(cx->arena, 10000), reply = buf_new(cx->arena, REPLY_MAX);
    char lang[32];
    long code = 0;

    buf_addz(&url, "http://liuke");
    buf_add(&url, path);
    buf_addc(&url, 0);
    if (url.bad) return fail(cx, ST_NO_MEM, "caller");
    snprintf(lang, sizeof lang, "Accept-Language: %s", cx->lang == LANG_ZH ? "zh" : "en");
    struct curl_slist *headers = curl_slist_append(NULL, lang);
    headers = curl_slist_append(headers, "Content-Type:");   /* none: JSON here, a file's bytes there */
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    curl_easy_setopt(c->curl, CURLOPT_URL, url.p);
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
    if (body.p) {
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.p);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    }
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &reply);
    CURLcode rc = curl_easy_perform(c->curl);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code);
    curl_slist_free_all(headers);
    if (rc != CURLE_OK)
        return fail(cx, ST_IO, "the running server does not answer on %s: %s", c->socket, curl_easy_strerror(rc));
    *ret = (CallerReply){ .code = (int)code, .body = buf_str(&reply) };
    return ST_OK;
}
const App *caller_app(const Caller *c) { return c->own ? &c->in.app : NULL; }
static size_t to_file(char *p, size_t size, size_t n, void *arg) { return fwrite(p, size, n, arg); }
Status caller_download(Cx *cx, Caller *c, Str path, FILE *to)
{
    Buf url = buf_new(cx->arena, 10000);
    long code = 0;

    buf_addz(&url, "http://liuke");
    buf_add(&url, path);
    buf_addc(&url, 0);
    if (url.bad) return fail(cx, ST_NO_MEM, "caller");
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    curl_easy_setopt(c->curl, CURLOPT_URL, url.p);
    curl_easy_setopt(c->curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, to_file);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, to);
    CURLcode rc = curl_easy_perform(c->curl);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code);
    if (rc == CURLE_OK) return ST_OK;
    return fail(cx, ST_IO, "the running server answered %ld: %s", code, curl_easy_strerror(rc));
}
static void in_process(Cx *cx, Caller *c, const char *method, Str path, Str body, CallerReply *ret)
{
    Str query = path;
    Res rs = { 0 };
    Req rq = { .app = &c->in.app, .method = str_z(method), .path = str_cut(&query, '?'), .body = body,
        .lang = cx->lang, .addr = S("127.0.0.1") };
    rq.query = query;
    cx->records = c->in.records;
    http_serve(cx, &c->http, &rq, &rs);
    *ret = (CallerReply){ .code = rs.code, .body = rs.still.p ? rs.still : buf_str(&rs.body) };
}
/* The error document back into a Status, so that a command complains alike whichever way it asked. */
static Status refused(Cx *cx, const CallerReply *rep)
{
    static const struct { int code; Status st; } map[] = { { 400, ST_INVALID }, { 401, ST_UNKNOWN_WHO },
        { 403, ST_DENIED }, { 404, ST_NOT_FOUND },
                                                           { 409, ST_CONFLICT }, { 429, ST_LIMITED },
                                                               { 503, ST_BUSY } };
    const JsonNode *o;
    Status st = ST_IO;
    for (size_t i = 0; i < COUNT(map); i++) if (map[i].code == rep->code) st = map[i].st;
    if (json_parse(cx, rep->body, &o) != ST_OK) return fail(cx, st, "the server answered %d", rep->code);
    const JsonNode *e = json_get(o, S("error"));
    Str field = json_str_of(json_get(e, S("field"))), message = json_str_of(json_get(e, S("message")));
    (void)refuse(cx, st, field, (Msg)st, NO_PARAMS);
    snprintf(cx->why.log, sizeof cx->why.log, "%.*s", (int)message.n, message.p ? message.p : "");
    return st;
}
Status caller_call(Cx *cx, Caller *c, const char *method, Str path, Str body, CallerReply *ret)
{
    CallerReply rep;
    if (c->own) in_process(cx, c, method, path, body, &rep);
    else TRY(over_socket(cx, c, method, path, body, &rep));
    if (rep.code < 200 || rep.code > 299) return refused(cx, &rep);
    *ret = rep;
    return ST_OK;
}
