/* load: a closed-loop client: so many keep-alive connections, each sends its next request when it has its reply.
 *
 *     load -p PORT [-c CONNECTIONS] [-t THREADS] [-s SECONDS | -n REQUESTS] [-u PATH] [-b BODY_FILE]
 *          [-H "Name: value"]... [-w SECONDS]
 *
 * Each "@@@@@@@@@@@@@@@@" (16 signs) in the body becomes another number each time, so that no two messages share an id;
 * each "################" one of 100,000 numbers: visitors come back.
 * -w: seconds at the start that do not count. When time is up every request under way is still waited for. Prints one
 * line: requests counted, errors, per second, p50 and p99 in ms, and how many were answered 200 in all. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HOLES_MAX = 10000, HOLE = 16, VISITORS = 100000, THREADS_MAX = 64, EVENTS = 256, LATE_SECONDS = 10,
    REPLY_MAX = 16384, SLOTS = 200000, SLOT_US = 10 };
typedef struct Conn { int fd; size_t sent, got; int64_t from; char *out, in[REPLY_MAX]; } Conn;
typedef struct Job {
    int index, n_conns;
    int64_t requests, errors, worst, good;
    uint64_t next, random;
    uint32_t slots[SLOTS];                    /* latencies, 10 µs each */
    pthread_t thread;
} Job;
static struct {
    int port, conns, threads;
    double seconds, warm;
    int64_t total;
    const char *path;
    char headers[4096];
    char *request;
    size_t n, holes[HOLES_MAX], n_holes, who[HOLES_MAX], n_who;
    int64_t from, until, late;                /* late: what is not answered by then never will be */
    _Atomic int64_t left;
    uint32_t seed;
} o = { .conns = 256, .threads = 1, .seconds = 3, .warm = 0.5, .path = "/", .total = -1 };

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}
static void die(const char *what)
{
    perror(what);
    exit(1);
}
static void put_hex(char *to, uint64_t v)
{
    static const char digits[] = "0123456789abcdef";
    for (int d = HOLE - 1; d >= 0; d--, v >>= 4) to[d] = digits[v & 15];
}
static void fill(Job *j, char *request)
{
    for (size_t i = 0; i < o.n_holes; i++)
        put_hex(request + o.holes[i], (uint64_t)o.seed << 40 | (uint64_t)j->index << 34 | j->next++);
    for (size_t i = 0; i < o.n_who; i++) {
        j->random = j->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        put_hex(request + o.who[i], (j->random >> 33) % VISITORS);
    }
}
/* Send what fits; the rest when the socket takes more. */
static void push(Conn *c)
{
    while (c->sent < o.n) {
        ssize_t n = send(c->fd, c->out + c->sent, o.n - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0) return;
        c->sent += (size_t)n;
    }
}
static bool start(Job *j, Conn *c)
{
    if (o.total >= 0 && atomic_fetch_sub(&o.left, 1) <= 0) return false;
    c->from = now_ns();
    if (c->from >= o.until) return false;
    fill(j, c->out);
    c->sent = c->got = 0;
    push(c);
    return true;
}
static size_t whole(const Conn *c)
{
    const char *end = memmem(c->in, c->got, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - c->in) + 4, length = 0;
    for (const char *p = c->in; p < end; p = (const char *)memchr(p, '\n', head - (size_t)(p - c->in)) + 1)
        if (strncasecmp(p, "Content-Length:", 15) == 0) length = strtoul(p + 15, NULL, 10);
    return c->got >= head + length ? head + length : 0;
}
static void count(Job *j, const Conn *c)
{
    int64_t t = now_ns(), us = (t - c->from) / 1000, slot = us / SLOT_US;
    bool good = strncmp(c->in, "HTTP/1.1 200", 12) == 0;
    j->good += good;
    if (!good) {
        if (!j->errors++) fprintf(stderr, "load: %.*s\n", (int)(c->got < 300 ? c->got : 300), c->in);
    }
    if (t < o.from || t > o.until) return;
    j->requests++;
    if (us > j->worst) j->worst = us;
    j->slots[slot < SLOTS ? slot : SLOTS - 1]++;
}
static void *run(void *arg)
{
    Job *j = arg;
    int ep = epoll_create1(0), open = 0;
    Conn *conns = calloc((size_t)j->n_conns, sizeof *conns);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)o.port),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    for (int i = 0; i < j->n_conns; i++) {
        Conn *c = &conns[i];
        int on = 1;
        if (!(c->out = malloc(o.n))) die("memory");
        memcpy(c->out, o.request, o.n);
        if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0)
            die("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
        epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
        open += start(j, c);
    }
    while (open > 0 && now_ns() < o.late) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(ep, events, EVENTS, 100);
        for (int i = 0; i < n; i++) {
            Conn *c = events[i].data.ptr;
            push(c);
            if (!(events[i].events & EPOLLIN)) continue;
            ssize_t got = recv(c->fd, c->in + c->got, REPLY_MAX - c->got, MSG_DONTWAIT);
            if (got < 0) continue;
            if (got == 0) {
                j->errors++;
                open--;
                close(c->fd);
                continue;
            }
            c->got += (size_t)got;
            if (!whole(c)) continue;
            count(j, c);
            if (!start(j, c)) open--;
        }
    }
    j->errors += open;                        /* never answered */
    return NULL;
}
static size_t find_holes(const char *sign, size_t from, size_t at[HOLES_MAX])
{
    size_t n = 0;
    for (char *p = o.request + from; (p = memmem(p, o.n - (size_t)(p - o.request), sign, HOLE)) != NULL; p += HOLE) {
        if (n == HOLES_MAX) die("too many signs in the body");
        at[n++] = (size_t)(p - o.request);
    }
    return n;
}
static void prepare(const char *body_file)
{
    static char body[4 << 20];
    size_t n = 0;
    if (body_file) {
        FILE *f = fopen(body_file, "rb");
        if (!f) die(body_file);
        n = fread(body, 1, sizeof body, f);
        fclose(f);
    }
    size_t room = n + 8192;
    if (!(o.request = malloc(room))) die("memory");
    int head = snprintf(o.request, room, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%zu\r\n\r\n", n ? "POST" : "GET",
        o.path,
                        o.port, o.headers, n ? "Content-Type: application/json\r\nContent-Length: " : "X-Length: ", n);
    memcpy(o.request + head, body, n);
    o.n = (size_t)head + n;
    o.n_holes = find_holes("@@@@@@@@@@@@@@@@", (size_t)head, o.holes);
    o.n_who = find_holes("################", (size_t)head, o.who);
}
static double percentile(const Job *jobs, int64_t requests, double share)
{
    int64_t seen = 0;
    for (int s = 0; s < SLOTS; s++) {
        for (int i = 0; i < o.threads; i++) seen += jobs[i].slots[s];
        if ((double)seen >= share * (double)requests) return s * SLOT_US / 1000.0;
    }
    return SLOTS * SLOT_US / 1000.0;
}
static const char *options(int argc, char **argv)
{
    const char *body = NULL;
    int opt;
    size_t at = 0;
    while ((opt = getopt(argc, argv, "p:c:t:s:n:u:b:H:w:")) != -1)
        switch (opt) {
        case 'p': o.port = (int)strtol(optarg, NULL, 10); break;
        case 'c': o.conns = (int)strtol(optarg, NULL, 10); break;
        case 't': o.threads = (int)strtol(optarg, NULL, 10); break;
        case 's': o.seconds = strtod(optarg, NULL); break;
        case 'n': o.total = strtoll(optarg, NULL, 10); break;
        case 'u': o.path = optarg; break;
        case 'b': body = optarg; break;
        case 'w': o.warm = strtod(optarg, NULL); break;
        case 'H': at += (size_t)snprintf(o.headers + at, sizeof o.headers - at, "%s\r\n", optarg); break;
        default: exit(2);
        }
    if (o.port <= 0 || o.conns < 1 || o.threads < 1 || o.threads > THREADS_MAX || at >= sizeof o.headers) exit(2);
    return body;
}
int main(int argc, char **argv)
{
    prepare(options(argc, argv));
    Job *jobs = calloc((size_t)o.threads, sizeof *jobs);
    if (!jobs) die("memory");
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    o.seed = (uint32_t)(ts.tv_nsec >> 6 ^ ts.tv_sec) & 0xffffff;
    o.left = o.total;
    int64_t start_ns = now_ns();
    if (o.total >= 0) o.warm = 0;
    o.from = start_ns + (int64_t)(o.warm * 1e9);
    o.until = o.total >= 0 ? INT64_MAX : o.from + (int64_t)(o.seconds * 1e9);
    o.late = o.total >= 0 ? INT64_MAX : o.until + LATE_SECONDS * INT64_C(1000000000);
    for (int i = 0; i < o.threads; i++) {
        jobs[i].index = i;
        jobs[i].n_conns = o.conns / o.threads + (i < o.conns % o.threads);
        if (pthread_create(&jobs[i].thread, NULL, run, &jobs[i]) != 0) die("thread");
    }
    int64_t requests = 0, errors = 0, worst = 0, good = 0;
    for (int i = 0; i < o.threads; i++) {
        pthread_join(jobs[i].thread, NULL);
        requests += jobs[i].requests;
        errors += jobs[i].errors;
        good += jobs[i].good;
        if (jobs[i].worst > worst) worst = jobs[i].worst;
    }
    int64_t end = now_ns();
    double took = (double)((end < o.until ? end : o.until) - o.from) / 1e9;
    printf("requests %lld errors %lld rate %.0f p50_ms %.2f p99_ms %.2f max_ms %.2f good %lld\n", (long long)requests,
           (long long)errors, (double)requests / took, percentile(jobs, requests, 0.5),
           percentile(jobs, requests, 0.99),
           (double)worst / 1000, (long long)good);
    return errors != 0;
}
