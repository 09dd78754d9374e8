#include "http/turn.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

enum { PEM_BYTES_MAX = 1 << 20, BACKLOG = 4096 };
static const int workers_usual[QUEUES_] = { [Q_DB] = 16, [Q_CPU] = 1, [Q_ASK] = 2, [Q_NET] = 4 };
static const char no_mem_text[] = "{\"error\":{\"code\":\"no_mem\",\"field\":null,\"params\":{},\"message\":\"\"}}";

static Status bad_address(Cx *cx, int port)
{
    if (errno == EADDRINUSE)
        return refuse(cx, ST_CONFLICT, S("bind"), MSG_address_taken, PARAMS({ .name = "port", .value = port }));
    (void)fail(cx, ST_IO, "listen: %s", strerror(errno));
    return refuse(cx, ST_INVALID, S("bind"), MSG_bad_address, NO_PARAMS);
}
static Status listen_on(Cx *cx, const HttpConfig *cf, int *ret)
{
    struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)cf->port) };
    struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)cf->port) };
    const char *bind_to = cf->bind ? cf->bind : "127.0.0.1";
    bool v6 = inet_pton(AF_INET6, bind_to, &a6.sin6_addr) == 1;
    int on = 1;
    errno = EINVAL;
    if ((!v6 && inet_pton(AF_INET, bind_to, &a4.sin_addr) != 1) || cf->port < 0 || cf->port > 65535)
        return bad_address(cx, cf->port);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return bad_address(cx, cf->port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);     /* accepted sockets inherit it */
    const struct sockaddr *sa = v6 ? (const struct sockaddr *)&a6 : (const struct sockaddr *)&a4;
    if (bind(fd, sa, v6 ? sizeof a6 : sizeof a4) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return bad_address(cx, cf->port);
    }
    *ret = fd;
    return ST_OK;
}
/* A file that only its owner may open, in a folder that only its owner may enter; accepting checks once more. */
static Status listen_unix(Cx *cx, const char *path, int *ret)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof a.sun_path) return fail(cx, ST_INVALID, "the socket's path is too long: %s", path);
    memcpy(a.sun_path, path, strlen(path));
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(cx, ST_IO, "socket: %s", strerror(errno));
    if (bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 || chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        close(fd);
        return fail(cx, ST_IO, "listen on %s: %s", path, strerror(why));
    }
    *ret = fd;
    return ST_OK;
}
static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0) return 0;
    if (a.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)(void *)&a)->sin6_port);
    return ntohs(((struct sockaddr_in *)(void *)&a)->sin_port);
}
static Status read_pem(Cx *cx, Str field, const char *path, char **ret)
{
    Str text;
    if (fs_read_all(cx, fs_posix(), path, PEM_BYTES_MAX, &text) != ST_OK)
        return refuse(cx, ST_INVALID, field, MSG_tls_missing, NO_PARAMS);
    if (!(*ret = mem_get(text.n + 1))) return fail(cx, ST_NO_MEM, "a PEM file");
    memcpy(*ret, text.p, text.n);
    return ST_OK;
}
static Status read_tls(Cx *cx, Http *h)
{
    const HttpConfig *cf = &h->cf;
    if (!cf->tls_cert && !cf->tls_key) return ST_OK;
    if (!cf->tls_cert || !cf->tls_key)
        return refuse(cx, ST_INVALID, cf->tls_cert ? S("tls_key") : S("tls_cert"), MSG_tls_both, NO_PARAMS);
    TRY(read_pem(cx, S("tls_cert"), cf->tls_cert, &h->cert));
    TRY(read_pem(cx, S("tls_key"), cf->tls_key, &h->key));
    h->tls = true;
    return ST_OK;
}
static Status open_queues(Cx *cx, Http *h)
{
    for (Queue q = Q_DB; q < QUEUES_; q++)
        TRY(queue_open(cx, q, h->cf.workers[q] > 0 ? h->cf.workers[q] : workers_usual[q], &h->jobs[q]));
    return ST_OK;
}
static Status open_all(Cx *cx, Http *h)
{
    int fd;
    TRY(routes_check(cx, h->cf.tables, h->cf.n_tables));
    TRY(proxy_open(cx, h->cf.proxies, h->cf.n_proxies, &h->proxies));
    TRY(read_tls(cx, h));
    h->no_mem = MHD_create_response_from_buffer(sizeof no_mem_text - 1, (void *)(uintptr_t)no_mem_text,
        MHD_RESPMEM_PERSISTENT);
    if (!h->no_mem) return fail(cx, ST_NO_MEM, "the reply that needs no memory");
    MHD_add_response_header(h->no_mem, "Content-Type", "application/json");
    MHD_add_response_header(h->no_mem, "Retry-After", "1");
    TRY(open_queues(cx, h));
    TRY(h->cf.unix_path ? listen_unix(cx, h->cf.unix_path, &fd) : listen_on(cx, &h->cf, &fd));
    h->port = h->cf.unix_path ? 0 : port_of(fd);
    for (int i = 0, n = h->cf.threads > 0 ? h->cf.threads : 2; i < n && i < HTTP_THREADS_MAX; i++) {
        h->n_loops = i + 1;
        TRY(loop_open(cx, h, i, i == 0 ? fd : -1));
    }
    for (int i = 0; i < h->n_loops; i++) TRY(loop_start(cx, &h->loops[i]));
    return ST_OK;
}
static void wake_all(Http *h, Stage stage)
{
    atomic_store(&h->stage, (int)stage);
    for (int i = 0; i < h->n_loops; i++) {
        atomic_store(&h->loops[i].asleep, true);
        loop_wake(&h->loops[i]);
    }
}
/* Wait for every loop to end by itself, at most until the time given. */
static bool join_by(Http *h, int64_t until)
{
    for (int i = 0; i < h->n_loops; i++) {
        Loop *l = &h->loops[i];
        int64_t left = until - clock_mono();
        struct timespec ts;
        if (!l->running) continue;
        clock_gettime(CLOCK_REALTIME, &ts);
        ts.tv_sec += left > 0 ? left / 1000 : 0;
        ts.tv_nsec += left > 0 ? left % 1000 * 1000000 : 0;
        if (ts.tv_nsec >= 1000000000) {
            ts.tv_sec++;
            ts.tv_nsec -= 1000000000;
        }
        if (pthread_timedjoin_np(l->thread, NULL, &ts) != 0) return false;
        l->running = false;
    }
    return true;
}
void http_stop(Http *h, int64_t ms)
{
    if (!h) return;
    int64_t from = clock_mono();
    wake_all(h, STAGE_DRAIN);
    bool clean = join_by(h, from + ms);
    if (!clean) wake_all(h, STAGE_FORCE);
    for (Queue q = Q_DB; q < QUEUES_; q++)
        if (h->jobs[q]) queue_close(h->jobs[q]);
    for (int i = 0; i < h->n_loops; i++) {
        if (h->loops[i].running) pthread_join(h->loops[i].thread, NULL);
        loop_close(&h->loops[i]);
    }
    for (Queue q = Q_DB; q < QUEUES_; q++)
        if (h->jobs[q]) queue_free(h->jobs[q]);
    if (h->no_mem) MHD_destroy_response(h->no_mem);
    mem_free(h->cert);
    mem_free(h->key);
    LOG(LOG_INFO, "http_stopped", { "ms", clock_mono() - from, { 0 } }, { "clean", clean, { 0 } });
    mem_free(h);
}
Status http_start(Cx *cx, const HttpConfig *cf, Http **ret)
{
    Http *h = mem_get(sizeof *h);
    if (!h) return fail(cx, ST_NO_MEM, "the server");
    h->cf = *cf;
    Status st = open_all(cx, h);
    if (st == ST_OK) {
        *ret = h;
        return ST_OK;
    }
    Why why = cx->why;
    http_stop(h, 0);
    cx->why = why;
    return st;
}
int http_port(const Http *h) { return h->port; }
