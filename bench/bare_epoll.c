/* bare_epoll: the least that answers a POST: reads whole requests by Content-Length, answers a fixed 200, understands
 * nothing. What the real server is measured against, in the same run on the same machine.
 *
 *     bare_epoll [-t THREADS] [-p PORT]      prints "port N", runs until killed */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 20, FIRST_ROOM = 64 << 10, THREADS_MAX = 64, EVENTS = 256 };
typedef struct Conn { int fd; size_t n, cap; char *b; } Conn;

static const char reply[] =
    "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 14:05:00 GMT\r\nContent-Type: application/json\r\n"
    "X-Content-Type-Options: nosniff\r\nContent-Length: 16\r\n\r\n{\"success\":true}";

/* Bytes of the first whole request in b, 0 when it is not whole yet. */
static size_t whole(const char *b, size_t n)
{
    const char *end = memmem(b, n, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - b) + 4, length = 0;
    for (const char *p = b; p < end; p = (const char *)memchr(p, '\n', head - (size_t)(p - b)) + 1)
        if (strncasecmp(p, "Content-Length:", 15) == 0) length = strtoul(p + 15, NULL, 10);
    return n >= head + length ? head + length : 0;
}
static int serve(Conn *c)
{
    if (c->cap - c->n < FIRST_ROOM / 2 && c->cap < ROOM) {
        char *b = realloc(c->b, c->cap ? c->cap * 2 : FIRST_ROOM);
        if (!b) return -1;
        c->cap = c->cap ? c->cap * 2 : FIRST_ROOM;
        c->b = b;
    }
    ssize_t got = recv(c->fd, c->b + c->n, c->cap - c->n, MSG_DONTWAIT);
    if (got <= 0) return -1;
    c->n += (size_t)got;
    for (size_t one; (one = whole(c->b, c->n)) != 0;) {
        if (send(c->fd, reply, sizeof reply - 1, MSG_NOSIGNAL) < 0) return -1;
        memmove(c->b, c->b + one, c->n - one);
        c->n -= one;
    }
    return 0;
}
static void *loop(void *arg)
{
    int ep = *(int *)arg;
    struct epoll_event events[EVENTS];
    for (;;) {
        int n = epoll_wait(ep, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            Conn *c = events[i].data.ptr;
            if (serve(c) == 0) continue;
            close(c->fd);
            free(c->b);
            free(c);
        }
    }
    return NULL;
}
static int listen_on(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    socklen_t n = sizeof a;
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0) return -1;
    printf("port %d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}
int main(int argc, char **argv)
{
    int threads = 2, port = 0, opt, ep[THREADS_MAX];
    while ((opt = getopt(argc, argv, "t:p:")) != -1) {
        if (opt == 't') threads = (int)strtol(optarg, NULL, 10);
        else if (opt == 'p') port = (int)strtol(optarg, NULL, 10);
        else return 2;
    }
    int fd = listen_on(port);
    if (fd < 0 || threads < 1 || threads > THREADS_MAX) {
        perror("bare_epoll");
        return 1;
    }
    for (int i = 0; i < threads; i++) {
        pthread_t id;
        ep[i] = epoll_create1(EPOLL_CLOEXEC);
        if (ep[i] < 0 || pthread_create(&id, NULL, loop, &ep[i]) != 0) return 1;
    }
    for (int i = 0;; i = (i + 1) % threads) {
        Conn *c = calloc(1, sizeof *c);
        if (!c || (c->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) return 1;
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
        epoll_ctl(ep[i], EPOLL_CTL_ADD, c->fd, &e);
    }
}
