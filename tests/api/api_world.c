#include "tests/api/api_world.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], visitor[24];   /* each world's visitor has an address, and so a rate limit, of their own */
static int worlds;
static void events_start(World *w)
{
    Cx *cx = w->cx;
    char *dir = arena_get(cx->arena, 100);
    snprintf(dir, 100, "%s/events", folder);
    ok(events_open(cx, &(EventsConfig){ .fs = fs_posix(), .dir = dir, .quiet = true }, &w->app.events));
    ok(import_sessions_new(cx, w->app.events, &w->app.imports));
    ok(asks_new(cx, 1 << 20, &w->app.asks));
    ok(ingest_new(cx, w->app.events, w->app.keys, w->app.sources, &w->app.ingest));
    ok(live_start(cx, &w->app));
}
static void events_stop(World *w)
{
    live_stop(&w->app);
    ingest_free(w->app.ingest);
    import_sessions_free(w->app.imports);
    asks_free(w->app.asks);
    events_close(w->app.events);
}
typedef struct Adding { SourceDraft draft; Source source; } Adding;
static Status add_tx(Cx *cx, void *arg)
{
    Adding *a = arg;
    return source_add(cx, &a->draft, &a->source);
}
void world_open(World *w, Cx *cx)
{
    char key[100];
    Str recovery;
    Adding a = { .draft = { .name = S("web"), .kind = SOURCE_WEB, .consent = CONSENT_ASSUMED,
        .consent_reason = S("tests") } };

    *w = (World){ .cx = cx };
    snprintf(visitor, sizeof visitor, "198.51.100.%d", ++worlds % 250);
    snprintf(folder, sizeof folder, "/tmp/liuke-api-%d-XXXXXX", (int)getpid());
    assert_non_null(mkdtemp(folder));
    snprintf(key, sizeof key, "%s/liuke.key", folder);
    ok(crypto_start(cx));
    ok(keys_open(cx, key, true, &w->app.keys, &recovery));
    ok(source_cache_new(cx, &w->app.sources));
    ok(source_draft_keys(cx, &a.draft));
    ok(tx_run(cx, add_tx, &a));
    ok(source_cache_load(cx, w->app.sources));
    w->pk = arena_str(cx->arena, a.draft.public_key);
    w->sk = arena_str(cx->arena, a.draft.secret_key);
    crypto_sha256(S("admin"), w->app.admin_hash);
    w->app.product = S("一页书");
    w->app.zone = S("Asia/Shanghai");
    events_start(w);
    w->http = (HttpConfig){ .app = &w->app, .records = cx->records, .lang = LANG_EN, .who = api_who };
    w->http.tables = api_tables(&w->http.n_tables);
}
void world_close(World *w)
{
    events_stop(w);
    source_cache_free(w->app.sources);
    keys_close(w->app.keys);
    test_remove(folder);
}
void world_again(World *w)
{
    events_stop(w);
    events_start(w);
}
static const Route *route_of(const World *w, Str method, Str path)
{
    for (size_t t = 0; t < w->http.n_tables; t++)
        for (size_t i = 0; i < w->http.tables[t].n; i++) {
            const Route *r = &w->http.tables[t].routes[i];
            if (str_is(method, r->method) && str_is(path, r->path)) return r;
        }
    return NULL;
}
static void header(Header *all, size_t *n, const char *name, Str value)
{
    all[(*n)++] = (Header){ str_z(name), value };
}
static void serve(World *w, const Req *rq)
{
    WorldFault *f = w->fault;
#ifdef LIUKE_FAULT
    if (f) fault_arm(f->kind, f->at);
#endif
    http_serve(w->cx, &w->http, rq, &w->res);
    records_done(w->cx);
#ifdef LIUKE_FAULT
    if (f) f->fired = fault_fired(f->kind);
    if (f) fault_arm(f->kind, -1);
#endif
    (void)f;
}
void world_call(World *w, Call c)
{
    Cx *cx = w->cx;
    Header headers[8];
    Buf auth = buf_new(cx->arena, 300);
    Req rq = { .app = &w->app, .method = str_z(c.method), .path = str_z(c.path), .body = c.raw.p ?
        c.raw : str_z(c.body),
               .headers = headers, .addr = c.addr ? str_z(c.addr) : S("203.0.113.9"), .lang = LANG_EN };
    char raw[200], coded[300];

    rq.query = rq.path;
    rq.path = str_cut(&rq.query, '?');
    if (str_starts(rq.path, S("/join"))) rq.addr = str_z(visitor);
    if (c.key) {
        int n = snprintf(raw, sizeof raw, "%s:", c.key);
        sodium_bin2base64(coded, sizeof coded, (unsigned char *)raw, (size_t)n, sodium_base64_VARIANT_ORIGINAL);
        buf_addz(&auth, "Basic ");
        buf_addz(&auth, coded);
        header(headers, &rq.n_headers, "Authorization", buf_str(&auth));
    } else if (c.staff) {
        header(headers, &rq.n_headers, "Authorization", S("Bearer admin"));
    }
    header(headers, &rq.n_headers, "Host", S("localhost"));
    if (c.type) header(headers, &rq.n_headers, "Content-Type", str_z(c.type));
    if (c.encoding) header(headers, &rq.n_headers, "Content-Encoding", str_z(c.encoding));
    if (c.origin) header(headers, &rq.n_headers, "Origin", str_z(c.origin));
    if (c.agent) header(headers, &rq.n_headers, "User-Agent", str_z(c.agent));
    if (c.match) header(headers, &rq.n_headers, "If-Match", str_z(c.match));
    serve(w, &rq);
    const Route *rt = route_of(w, rq.method, rq.path);
    if (rt && rt->gives && w->res.code == (rt->gives_code ? rt->gives_code : 200))
        ok(shape_check(cx, rt->gives, world_body(w)));
}
Str world_body(const World *w) { return w->res.still.p ? w->res.still : buf_str(&w->res.body); }
void world_expect(World *w, int code, const char *part)
{
    Str b = world_body(w);
    if (w->res.code == code && (!*part || (b.n && memmem(b.p, b.n, part, strlen(part))))) return;
    print_error("got %d %.*s, want %d %s\n", w->res.code, (int)b.n, b.p ? b.p : "", code, part);
    assert_true(false);
}
const JsonNode *world_node(World *w, const char *key)
{
    const JsonNode *o;
    Cx *cx = w->cx;
    ok(json_parse(cx, world_body(w), &o));
    return key ? json_get(o, str_z(key)) : o;
}
int64_t world_events(World *w)
{
    EventsStats s = { 0 };
    Cx *cx = w->cx;
    ok(events_stats(cx, w->app.events, &s));
    return s.events;
}
