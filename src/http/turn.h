/* turn: inside the server. One Turn is one request on a connection, from its first line to the last byte of its reply.
 *
 *   NEW → BODY → (WAITING → DONE) → REPLYING → pooled again
 *
 * A loop is one thread around one daemon of the library. Conns and Turns belong to their loop's thread; other threads
 * reach a Turn only between its push on a queue and loop_push(), and by the atomics below.
 *
 * Memory: an idle connection has no Turn. Turns are pooled by their loop with their arena's first block and a body
 * buffer. */
#ifndef LIUKE_HTTP_TURN_H
#define LIUKE_HTTP_TURN_H
#include <microhttpd.h>
#include <pthread.h>
#include "http/proxy.h"
#include "http/serve.h"

typedef struct Loop Loop;
typedef struct Conn Conn;

/* What other threads push on a loop; the pusher of the first one wakes it. */
typedef struct Wake { struct Wake *next; Turn *turn; bool of_stream; } Wake;

typedef enum TurnState { TURN_NEW, TURN_BODY, TURN_WAITING, TURN_DONE, TURN_REPLYING } TurnState;
struct Turn {
    Turn *next;                               /* in the pool or a queue */
    Loop *loop;
    Conn *conn;
    struct MHD_Connection *mhd;
    TurnState state;
    bool close;                               /* no further request on this connection */
    bool linger;                              /* the client may still be sending: read on after the reply */
    bool suspended;                           /* in the library, while a queue has it */
    bool dead;                                /* ended, but its Wake is still on the loop's list */
    Cx cx;
    Serve serve;
    Req rq;
    Res rs;
    Wake done, woken;
    Str uri;                                  /* as it came, in the arena */
    const char *uri_at;                       /* where it stood in the library's memory */
    Str encoding, length;                     /* Content-Encoding, Content-Length */
    bool chunked;
    Status early;                             /* refused at its headers, answered when it is complete */
    char *body; size_t body_n, body_cap, body_max, announced;
    int64_t started_us, queued_us, deadline;  /* deadline: ms of clock_mono(), while queued */
};

typedef enum WatchKind { WATCH_LIBRARY, WATCH_WAKE, WATCH_LISTEN, WATCH_CONN, WATCH_LINGER } WatchKind;
struct Conn {
    WatchKind kind;                           /* first: what an epoll event points at */
    Conn *prev, *next;
    Loop *loop;
    struct MHD_Connection *mhd;
    Turn *turn;
    int fd;
    bool watched, fresh, slow;                /* fresh: no request yet; slow: given up */
    bool linger;
    bool broken;                              /* the library answered by itself: nothing more is taken from it */
    int64_t since;                            /* ms: of the last step forward */
    Ip ip;
    bool trusted;                             /* a proxy whose word counts */
    char addr[IP_TEXT_MAX]; size_t addr_n;
};
typedef struct Linger { WatchKind kind; struct Linger *next; int fd; int64_t until, bytes; } Linger;
typedef struct Handed { struct Handed *next; int fd; struct sockaddr_storage addr; } Handed;

typedef struct Jobs Jobs;
enum { HTTP_THREADS_MAX = 64, TURNS_KEPT = 256, BODY_KEPT = 64 << 10, STILL_REPLIES = 16, STILL_BYTES = 64 };
typedef struct StillReply {
    struct MHD_Response *mhd;
    char type[STILL_BYTES];
    char bytes[STILL_BYTES];
    size_t n;
    bool cors, tls;
} StillReply;

typedef enum Stage { STAGE_RUN, STAGE_DRAIN, STAGE_FORCE } Stage;
struct Loop {
    Http *http;
    struct MHD_Daemon *mhd;
    pthread_t thread;
    bool running;
    int ep, ev, listen;                       /* listen: -1 in all but the first */
    _Atomic bool asleep;
    _Atomic(Wake *) pushed;
    _Atomic(Handed *) handed;
    _Atomic int n_conns;
    Conn *conns;
    Linger *lingers;
    Turn *pool;
    int n_pool;
    int64_t now, ticked, forced;
    StillReply still[STILL_REPLIES];
    unsigned next_still;
    int n_later;                              /* LOG requests under way */
    unsigned steps;                           /* calls by the library that moved something */
    int settled;                              /* rounds without work since draining began */
    bool drained, paused;
};
struct Http {
    HttpConfig cf;
    ProxySet proxies;
    int port, n_loops;
    Loop loops[HTTP_THREADS_MAX];
    Jobs *jobs[QUEUES_];
    struct MHD_Response *no_mem;              /* the reply that needs no memory */
    char *cert, *key;
    bool tls;
    _Atomic int stage;
    _Atomic bool closed;                      /* the listening socket is: nothing more will be handed over */
};

/* loop.c */
Status loop_open(Cx *, Http *, int index, int listen_fd) MUST_USE;
Status loop_start(Cx *, Loop *) MUST_USE;
void   loop_close(Loop *);
void   loop_wake(Loop *);
void   loop_push(Loop *, Wake *);             /* any thread */
void   loop_watch(Conn *, bool on);           /* tell the Turn when its client leaves */
Conn  *loop_came(Loop *, struct MHD_Connection *);         /* NULL: no memory, its requests get 503 */
void   loop_gone(Conn *);
/* turn.c */
Status turn_daemon(Cx *, Loop *) MUST_USE;    /* starts the library with its callbacks */
bool   turn_run(Turn *);                      /* the handler; false: later_done() will end it. The queue's thread */
void   turn_done(Turn *);                     /* any thread: the reply is ready */
void   turn_ready(Turn *);                    /* the loop's: after turn_done() */
void   turn_stream(Turn *);                   /* the loop's: after stream_wake() */
void   turn_free(Turn *);
void   turn_pool_free(Loop *);
void   turn_slow(Conn *);                     /* too slow: say so and close */
/* head.c: method, address, headers into rq; what the library lets through and HTTP does not is refused */
Status head_read(Turn *, const char *method, const char *version) MUST_USE;
/* body.c */
Status body_add(Turn *, const char *p, size_t n) MUST_USE;
Status body_finish(Turn *) MUST_USE;          /* undoes gzip; rq->body */
Status body_decode(Cx *, Str encoding, Str packed, size_t max, Str *ret) MUST_USE;
/* queue.c */
Status queue_open(Cx *, Queue, int threads, Jobs **ret) MUST_USE;
Status queue_push(Jobs *, Turn *) MUST_USE;    /* BUSY, or LIMITED where hashing is asked too often */
void   queue_expire(Jobs *, int64_t now);      /* answers what has waited too long */
void   queue_close(Jobs *);                   /* refuse what waits, join the threads */
void   queue_free(Jobs *);                    /* when nothing pushes any more */
#endif
