/* serve: inside the server. From a Req to a Res without a socket; what both the loops and http_serve() go through. */
#ifndef LIUKE_HTTP_SERVE_H
#define LIUKE_HTTP_SERVE_H
#include <semaphore.h>
#include <stdatomic.h>
#include "http/http.h"

typedef struct Turn Turn;
/* Who serves a Req: Req.own, Res.own. failures: the arena's before it. */
typedef struct Serve {
    const HttpConfig *cf; Cx *cx; const Route *route; Turn *turn; size_t failures; _Atomic bool gone;
} Serve;

/* Did the arena give nothing since the request began? Getters and writers need not say so each: such a request is
 * neither the caller's fault nor well answered, and does not begin what cannot be undone. */
bool   serve_starved(const Serve *);

enum { LATER_LEFT = 16 };                     /* added to .left: the connection is gone, later_done() frees the Turn */
struct Later { _Atomic int left; Status st; Turn *turn; sem_t sem; };
struct Stream {
    StreamPull *pull;
    void *state;
    void (*drop)(void *);
    Turn *turn;                               /* NULL in-process */
    _Atomic bool woken;                       /* its Wake is on the loop's list */
    bool asleep;                              /* suspended until woken */
};

/* routes.c. NOT_FOUND; or INVALID bad_method with *ret_allow the methods there are, as text in cx->arena. */
typedef struct Found { const Route *route; Str allow; bool cors; } Found;
Status routes_find(Cx *, const RouteTable *, size_t n, Req *, Found *ret) MUST_USE;

/* req.c */
bool   req_decode(Cx *, Str, bool plus, Str *ret);         /* percent-encoding undone; false: damaged, NUL, no memory */
Status req_check_uri(Cx *, Str) MUST_USE;
Lang   req_lang(Cx *, const Req *, Lang otherwise);
bool   req_same(Str, const char *lower);                   /* ASCII, any case */

Status serve_match(Serve *, Req *, Res *) MUST_USE;   /* route, params, language, rate. A complete reply: res->code */
Status serve_run(Serve *, Req *, Res *) MUST_USE;          /* who, may, decode, handler */
void   serve_end(Serve *, const Req *, Res *, Status);     /* the error document, or the reply's common headers */
size_t serve_body_max(const Route *);

/* rate.c: token buckets by route and client; a table of fixed size that forgets the quietest. True: one more is
 * fine. */
bool   rate_take(const Route *, Str addr, int64_t now);
#endif
