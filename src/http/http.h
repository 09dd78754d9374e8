/* http: requests in, responses out, one table of routes. Knows no domain.
 *
 * The table is the single source of permissions, queues, rate limits, body limits, request and reply
 * shapes, and so of the OpenAPI document. A handler decodes nothing and encodes one reply: the router has
 * matched, guarded and decoded before it runs. No socket thread waits: a route names the queue it runs on.
 *
 *   LOOP  on the socket's thread, answers at once          LOG  on the socket's thread, answered by later_done()
 *   DB, CPU, ASK, NET  on that queue's threads, may wait
 *
 * Memory: a Req and everything in it lives until the reply is built; the reply's body in cx->arena until it is sent. */
#ifndef LIUKE_HTTP_H
#define LIUKE_HTTP_H
#include "base/html.h"
#include "base/shape.h"

typedef enum Queue { Q_LOOP, Q_LOG, Q_DB, Q_CPU, Q_ASK, Q_NET, QUEUES_ } Queue;
typedef struct App App;                      /* what handlers work on; the api layer says what it is */
typedef struct Header { Str name, value; } Header;
enum { REQ_PARAMS_MAX = 4, RES_HEADERS_MAX = 16 };

typedef struct Req {
    App     *app;
    Str      method, path, query, body;      /* query: raw, without '?'; body: decoded from gzip */
    Str      params[REQ_PARAMS_MAX];         /* of the path, decoded, in order: "/api/1/people/{id}" */
    const Header *headers; size_t n_headers;
    Str      addr;                           /* the client's, after trusted proxies */
    bool     tls;
    Lang     lang;                           /* ?lang=, then Accept-Language, then the product's */
    int64_t  who;                            /* 0: nobody we know */
    unsigned may;                            /* what they may do */
    const void *in;                          /* the struct of route->takes */
    void    *own;                            /* the server's own */
} Req;
Str  req_header(const Req *, const char *name);            /* any case; .p NULL: absent */
Str  req_query(Cx *, const Req *, const char *name);       /* decoded; .p NULL: absent */
Str  req_cookie(const Req *, const char *name);
Str  req_form(Cx *, const Req *, const char *name);         /* of an application/x-www-form-urlencoded body; decoded */
bool req_gone(const Req *);                  /* nobody waits for the reply any more: stop working. Any thread, cheap. */

typedef struct Later Later;
typedef struct Stream Stream;
typedef struct Res {
    int     code;
    Str     type;                            /* Content-Type */
    Buf     body;
    Str     still;                           /* set: this instead of body; static or arena memory */
    JsonW   json;
    Html    html;
    Header  headers[RES_HEADERS_MAX]; size_t n_headers;
    Later  *later;
    Stream *stream;
    void   *own;                             /* the server's own */
    size_t  used;                            /* arena bytes the request took, set by http_serve() */
} Res;
JsonW *res_json(Cx *, Res *, int code);
Html  *res_html(Cx *, Res *, int code);
/* Before what cannot be done twice: a res_json() or res_html() of at most n bytes after it needs no memory. */
Status res_room(Cx *, Res *, size_t n) MUST_USE;
void   res_bytes(Res *, int code, const char *type, Str still);
void   res_header(Cx *, Res *, const char *name, Str value);      /* CR, LF, NUL: dropped with a log line */
/* LOG routes: the reply already in *rs is sent when later_done() says OK; another Status becomes the error document.
 * later_done() is called once, from any thread, also before the handler has returned; never when the handler returns
 * another Status than OK. */
Status res_later(Cx *, Res *, Later **ret) MUST_USE;
void   later_done(Later *, Status);
/* A reply pulled piece by piece (large downloads, event streams). pull fills at most max bytes: > 0 written, 0 nothing
 * yet (stream_wake() asks again), -1 the end, -2 broken. drop is called once, also when the client leaves or
 * the handler fails after this; when res_stream() itself fails, state stays the caller's. */
typedef int64_t StreamPull(void *state, char *to, size_t max);
Status res_stream(Cx *, Res *, const char *type, StreamPull *, void *state, void (*drop)(void *),
    Stream **ret) MUST_USE;
void   stream_wake(Stream *);                /* any thread, until drop was called */

typedef Status Handler(Cx *, const Req *, Res *);
typedef void Problem(Cx *, const Req *, Res *, Status);    /* writes another protocol's error document */
enum { PUBLIC = 1u << 0 };                   /* anyone; the other bits are the api's */
typedef struct Route {
    const char *method, *path;
    Handler    *run;
    unsigned    may;                         /* PUBLIC, or every bit the caller needs; never 0 */
    Queue       queue;
    const Shape *takes, *gives;              /* takes: decoded into rq->in; NULL: the handler reads rq->body itself */
    int         gives_code;                  /* 0: 200 */
    size_t      body_max;                    /* 0: HTTP_BODY_MAX, none for GET */
    int         rate, rate_seconds;          /* requests per client address; 0: unlimited */
    bool        cors;                        /* any origin, no credentials: protocol routes */
    Problem    *problem;                     /* NULL: the house's */
    const char *doc;                         /* one line, English, for the OpenAPI document */
} Route;
typedef struct RouteTable { const Route *routes; size_t n; } RouteTable;

typedef struct HttpConfig {
    const char *bind; int port;              /* port 0: any free one */
    const char *unix_path;                   /* set: this socket instead, only for this process's own user and root */
    int         threads;                     /* socket threads; 0: 2 */
    int         workers[QUEUES_];            /* 0: DB 16, CPU 1, ASK 2, NET 4 */
    const char *tls_cert, *tls_key;          /* PEM files; both or none */
    const char *const *proxies; size_t n_proxies;   /* trusted: addresses or CIDR ranges */
    const RouteTable *tables; size_t n_tables;
    App        *app;
    Records    *records;                     /* given to every Cx */
    Lang        lang;
    struct { int header, body, reply, idle; } ms;   /* patience; 0: base/limits.h */
    Status    (*who)(Cx *, Req *);   /* sets who and may; runs on the route's queue, PUBLIC routes too; may be NULL */
    void      (*done)(Cx *);                 /* at the end of every Cx (records_done) */
} HttpConfig;
typedef struct Http Http;
Status http_start(Cx *, const HttpConfig *, Http **ret) MUST_USE;   /* BUG: a route without .may, or two that collide */
int    http_port(const Http *);
/* Stop taking connections, answer what is in flight (at most ms), end streams, join every thread. */
void   http_stop(Http *, int64_t ms);

/* In-process, without a socket: what a connection would do with this request, waiting included; who and may are taken
 * from the Req where the config has no who(). Always leaves a complete response; an error is
 * {"error":{"code","field","params","message"}}. A stream is pulled until it ends or has nothing yet. */
void   http_serve(Cx *, const HttpConfig *, const Req *, Res *);
Status routes_check(Cx *, const RouteTable *, size_t n) MUST_USE;
/* The OpenAPI 3.1 document of the tables. */
void   openapi_write(JsonW *, const RouteTable *, size_t n, Str server_url);
Handler http_healthz, http_metrics, http_openapi;          /* for the api's tables: LOOP routes */
#endif
