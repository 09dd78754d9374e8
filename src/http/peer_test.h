/* peer_test: the other end of the wire for the tests of http: a raw client, and a server with one route of each
 * kind. */
#ifndef LIUKE_HTTP_PEER_TEST_H
#define LIUKE_HTTP_PEER_TEST_H
#include "http/http.h"
#include "tests/test.h"

/* A committer as the log has one: what was handed to it is answered in groups. */
struct App { int commit_us; _Atomic int runs, dropped, started, gone; _Atomic bool hold; };

typedef struct Reply { int code; char head[8192]; char body[1 << 20]; size_t n; bool closed, cut; } Reply;

extern struct App the_app;
HttpConfig peer_config(void);                 /* the routes below, two threads, any port */
Http *peer_server(Cx *, HttpConfig);
void  peer_stop(Http *);
void  peer_stop_within(Http *, int ms);
int   peer_tell(void);                        /* one event to every open /events; how many there are */

int   peer_open(int port);
void  peer_send(int fd, const char *bytes, size_t n);      /* asserts that all of it went out */
void  peer_put(int fd, const char *text);
/* One reply off the connection; Content-Length, chunked, or until it is closed. code 0: closed without any. */
void  peer_reply(int fd, Reply *);
bool  peer_closed(int fd, int ms);            /* does the other side close within this time? */
/* Open, send, read one reply, then see whether the connection was closed. */
void  peer_once(int port, const char *bytes, size_t n, Reply *);
const char *peer_header(const Reply *, const char *name);  /* its value, static; NULL: absent */
#endif
