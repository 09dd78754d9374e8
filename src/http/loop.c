#include "http/turn.h"
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"

/* The library's own thread stalls when it waits before it has served what it already took: with exactly 128 or 256
 * clients in lock-step. Here it is run again while it has work, and a wake is ours: one for all that became ready. */
enum { TICK_MS = 250, DRAIN_MS = 5, SETTLED_ROUNDS = 3, EVENTS = 64, ROUNDS_MAX = 8, ACCEPTS_MAX = 64 };
enum { LINGER_MS = 2000, LINGER_BYTES = 4 << 20 };
static Metric connections = METRIC(METRIC_GAUGE, "liuke_http_connections", "", "open connections");

typedef enum Work { WORK_NONE, WORK_SOON, WORK_NOW } Work;
static const WatchKind library = WATCH_LIBRARY, waker = WATCH_WAKE, listener = WATCH_LISTEN;

static bool watch(int ep, int op, int fd, uint32_t events, const void *what)
{
    struct epoll_event e = { .events = events, .data.ptr = (void *)(uintptr_t)what };
    return epoll_ctl(ep, op, fd, &e) == 0;
}

/* --- from other threads --- */

void loop_wake(Loop *l)
{
    uint64_t one = 1;
    if (atomic_exchange(&l->asleep, false)) (void)!write(l->ev, &one, sizeof one);
}
void loop_push(Loop *l, Wake *w)
{
    w->next = atomic_load_explicit(&l->pushed, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&l->pushed, &w->next, w)) {}
    loop_wake(l);
}
static void hand_over(Loop *to, Handed *x)
{
    x->next = atomic_load_explicit(&to->handed, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&to->handed, &x->next, x)) {}
    loop_wake(to);
}

/* --- connections --- */

Conn *loop_came(Loop *l, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *from;
    Conn *c = mem_get(sizeof *c);
    if (!c) {
        atomic_fetch_sub(&l->n_conns, 1);     /* loop_gone() will not hear of it */
        return NULL;
    }
    *c = (Conn){ .kind = WATCH_CONN, .loop = l, .mhd = mhd, .fd = fd ? fd->connect_fd : -1, .fresh = true,
                 .since = l->now, .next = l->conns };
    from = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (from && from->client_addr) c->ip = proxy_ip(from->client_addr);
    c->addr_n = proxy_text(c->ip, c->addr);
    c->trusted = proxy_trusts(&l->http->proxies, c->ip);
    if (l->conns) l->conns->prev = c;
    l->conns = c;
    metric_add(&connections, 1);
    return c;
}
/* FIN is sent; a second descriptor keeps the socket, so that what the client still sends is read, not answered with a
 * reset that would destroy the reply on its way. */
static void linger(Loop *l, int fd)
{
    Linger *x = mem_get(sizeof *x);
    if (!x) return;
    *x = (Linger){ .kind = WATCH_LINGER, .fd = dup(fd), .until = l->now + LINGER_MS, .next = l->lingers };
    if (x->fd < 0 || !watch(l->ep, EPOLL_CTL_ADD, x->fd, EPOLLIN | EPOLLRDHUP, x)) {
        if (x->fd >= 0) close(x->fd);
        mem_free(x);
        return;
    }
    shutdown(x->fd, SHUT_WR);
    l->lingers = x;
}
void loop_gone(Conn *c)
{
    Loop *l = c->loop;
    loop_watch(c, false);
    if (c->linger && !l->http->tls) linger(l, c->fd);
    if (c->prev) c->prev->next = c->next;
    else l->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    mem_free(c);
    atomic_fetch_sub(&l->n_conns, 1);
    metric_add(&connections, -1);
}
void loop_watch(Conn *c, bool on)
{
    if (c->watched == on) return;
    c->watched = watch(c->loop->ep, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, c->fd, EPOLLRDHUP | EPOLLONESHOT, c) && on;
}
/* While a request waits, its Res is another thread's. */
static Stream *sleeping_stream(const Conn *c)
{
    Stream *s = c->turn && c->turn->state == TURN_REPLYING ? c->turn->rs.stream : NULL;
    return s && s->asleep ? s : NULL;
}
static void client_left(Conn *c)
{
    Stream *s = sleeping_stream(c);
    if (c->turn) atomic_store(&c->turn->serve.gone, true);
    if (!s) return;
    s->asleep = false;
    MHD_resume_connection(c->mhd);
}
static void linger_end(Loop *l, Linger *x)
{
    Linger **at = &l->lingers;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    close(x->fd);
    mem_free(x);
}
static void linger_read(Loop *l, Linger *x)
{
    char waste[16 << 10];
    ssize_t n;
    while ((n = recv(x->fd, waste, sizeof waste, MSG_DONTWAIT)) > 0)
        if ((x->bytes += n) > LINGER_BYTES) break;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    linger_end(l, x);
}

/* --- accepting: the first loop accepts for all --- */

static Loop *emptiest(Http *h)
{
    Loop *best = &h->loops[0];
    for (int i = 1; i < h->n_loops; i++)
        if (atomic_load(&h->loops[i].n_conns) < atomic_load(&best->n_conns)) best = &h->loops[i];
    return best;
}
static int open_connections(Http *h)
{
    int n = 0;
    for (int i = 0; i < h->n_loops; i++) n += atomic_load(&h->loops[i].n_conns);
    return n;
}
static socklen_t address_size(const struct sockaddr_storage *addr)
{
    switch (addr->ss_family) {
    case AF_UNIX:  return sizeof addr->ss_family;
    case AF_INET6: return sizeof(struct sockaddr_in6);
    default:       return sizeof(struct sockaddr_in);
    }
}
/* On a file's socket: the same user as this process, or root. */
static bool welcome(const Http *h, int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (!h->cf.unix_path) return true;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}
static void take_in(Loop *l, int fd, const struct sockaddr_storage *addr)
{
    socklen_t n = address_size(addr);
    int before = atomic_load(&l->n_conns);
    if (MHD_add_connection(l->mhd, fd, (const struct sockaddr *)addr, n) == MHD_NO &&
        before == atomic_load(&l->n_conns))
        atomic_fetch_sub(&l->n_conns, 1);
}
static void pause_accepting(Loop *l, bool on)
{
    if (l->paused == on || l->listen < 0) return;
    l->paused = on;
    watch(l->ep, on ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, l->listen, EPOLLIN, &listener);
}
/* False when there may be more. */
static bool accept_some(Loop *l)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage addr;
        socklen_t n = sizeof addr;
        if (open_connections(l->http) >= HTTP_CONNECTIONS_MAX) {
            pause_accepting(l, true);
            return true;
        }
        int fd = accept4(l->listen, (struct sockaddr *)&addr, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting(l, true);
            if (errno != EINTR && errno != ECONNABORTED) return true;
            continue;
        }
        if (!welcome(l->http, fd)) {
            close(fd);
            continue;
        }
        Loop *to = emptiest(l->http);
        atomic_fetch_add(&to->n_conns, 1);
        if (to == l) {
            take_in(l, fd, &addr);
            continue;
        }
        Handed *x = mem_get(sizeof *x);
        if (!x) {
            close(fd);
            atomic_fetch_sub(&to->n_conns, 1);
            continue;
        }
        *x = (Handed){ .fd = fd, .addr = addr };
        hand_over(to, x);
    }
    return false;
}

/* --- the loop --- */

static void take_handed(Loop *l)
{
    Handed *x = atomic_load_explicit(&l->handed, memory_order_relaxed) ? atomic_exchange(&l->handed, NULL) : NULL;
    while (x) {
        Handed *next = x->next;
        take_in(l, x->fd, &x->addr);
        mem_free(x);
        x = next;
    }
}
static void take_pushed(Loop *l)
{
    Wake *w = atomic_load_explicit(&l->pushed, memory_order_relaxed) ? atomic_exchange(&l->pushed, NULL) : NULL;
    Wake *first = NULL;
    while (w) {                               /* last in, first out: turn it round */
        Wake *next = w->next;
        w->next = first;
        first = w;
        w = next;
    }
    while (first) {
        Wake *next = first->next;
        if (first->of_stream) turn_stream(first->turn);
        else turn_ready(first->turn);
        first = next;
    }
}
static void on_event(Loop *l, const struct epoll_event *e)
{
    uint64_t count;
    switch (*(const WatchKind *)e->data.ptr) {
    case WATCH_LIBRARY: break;
    case WATCH_WAKE: (void)!read(l->ev, &count, sizeof count); break;
    case WATCH_LISTEN: (void)accept_some(l); break;
    case WATCH_CONN: client_left(e->data.ptr); break;
    case WATCH_LINGER: linger_read(l, e->data.ptr); break;
    }
}
static int64_t ms_or(int asked, int seconds) { return asked > 0 ? asked : (int64_t)seconds * 1000; }
static int64_t patience(const Conn *c)
{
    const HttpConfig *cf = &c->loop->http->cf;
    if (!c->turn && !c->fresh) return ms_or(cf->ms.idle, HTTP_IDLE_SECONDS);
    if (!c->turn || c->turn->state == TURN_NEW) return ms_or(cf->ms.header, HTTP_HEADER_SECONDS);
    if (c->turn->state == TURN_BODY) return ms_or(cf->ms.body, HTTP_BODY_SECONDS);
    if (c->turn->state == TURN_REPLYING && !sleeping_stream(c)) return ms_or(cf->ms.reply, HTTP_REPLY_SECONDS);
    return INT64_MAX;
}
static void tick(Loop *l)
{
    if (l->now - l->ticked < TICK_MS) return;
    l->ticked = l->now;
    for (Conn *c = l->conns; c; c = c->next)
        if (!c->slow && l->now - c->since > patience(c)) turn_slow(c);
    for (Linger *x = l->lingers, *next; x; x = next) {
        next = x->next;
        if (l->now >= x->until) linger_end(l, x);
    }
    if (l != &l->http->loops[0]) return;
    if (l->paused && open_connections(l->http) < HTTP_CONNECTIONS_MAX) pause_accepting(l, false);
    for (int q = 0; q < QUEUES_; q++)
        if (l->http->jobs[q]) queue_expire(l->http->jobs[q], l->now);
}
/* A request that waits for its commit counts as work to the library, which would run round and round over it. So with
 * any of those there is work as long as the last run moved something; what that may miss waits a millisecond. */
static Work work_left(const Loop *l, unsigned steps_before)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(l->mhd, &ms) != MHD_YES || ms != 0) return WORK_NONE;
    return l->n_later == 0 || l->steps != steps_before ? WORK_NOW : WORK_SOON;
}
static const int patience_of[] = { [WORK_NONE] = TICK_MS, [WORK_SOON] = 1, [WORK_NOW] = 0 };

/* Sleep until something happens. asleep is raised before the lists are looked at, so that whoever pushes sees one or
 * the other. */
static void wait_events(Loop *l, Work work)
{
    struct epoll_event events[EVENTS];
    atomic_store(&l->asleep, true);
    int at_most = l->drained && work == WORK_NONE ? DRAIN_MS : patience_of[work];
    bool listed = atomic_load(&l->pushed) || atomic_load(&l->handed);
    int n = epoll_wait(l->ep, events, EVENTS, listed ? 0 : at_most);
    atomic_store(&l->asleep, false);
    l->now = clock_mono();
    for (int i = 0; i < n; i++) on_event(l, &events[i]);
}

/* --- stopping --- */

static void hang_up_idle(Loop *l)
{
    for (Conn *c = l->conns; c; c = c->next)
        if (!c->turn && !c->slow) {
            c->slow = true;
            shutdown(c->fd, SHUT_RDWR);
        }
}
static void end_streams(Loop *l)
{
    for (Conn *c = l->conns; c; c = c->next) {
        Stream *s = sleeping_stream(c);
        if (!s) continue;
        s->asleep = false;
        MHD_resume_connection(c->mhd);
    }
}
/* True when this loop has nothing left to do. What the kernel has accepted is taken in and answered first. */
static bool drain(Loop *l, bool quiet)
{
    if (l->listen >= 0 && !l->drained) {
        pause_accepting(l, false);
        while (!accept_some(l)) {}
        watch(l->ep, EPOLL_CTL_DEL, l->listen, 0, &listener);
        close(l->listen);
        l->listen = -1;
        atomic_store(&l->http->closed, true);
    }
    l->drained = true;
    end_streams(l);
    if (!atomic_load(&l->http->closed) || atomic_load(&l->handed)) return false;
    l->settled = quiet ? l->settled + 1 : 0;
    if (l->settled >= SETTLED_ROUNDS) hang_up_idle(l);
    return !l->conns && !l->lingers;
}
/* Past the time allowed: whoever still sends or reads is cut off, whoever still waits for a commit is left. */
static bool force(Loop *l)
{
    enum { FLUSH_MS = 500 };
    bool waiting = false;
    if (!l->forced) l->forced = l->now;
    for (Conn *c = l->conns; c; c = c->next) {
        Turn *t = c->turn;
        if (t) atomic_store(&t->serve.gone, true);
        if (t && t->state == TURN_WAITING && t->serve.route->queue != Q_LOG) waiting = true;
        if (t && t->state <= TURN_BODY && !c->slow) turn_slow(c);
    }
    return !waiting && l->now - l->forced > FLUSH_MS;
}
static void *run(void *arg)
{
    Loop *l = arg;
    Work work = WORK_NONE;
    pthread_setname_np(pthread_self(), "http");
    for (int round = 0;; round = work == WORK_NOW ? round + 1 : 0) {
        unsigned before = l->steps;
        if (work != WORK_NOW || round % ROUNDS_MAX == 0) wait_events(l, work);
        take_handed(l);
        take_pushed(l);
        MHD_run(l->mhd);
        work = work_left(l, before);
        tick(l);
        int stage = atomic_load_explicit(&l->http->stage, memory_order_relaxed);
        if (stage != STAGE_RUN && drain(l, work != WORK_NOW && l->steps == before)) break;
        if (stage == STAGE_FORCE && force(l)) break;
    }
    return NULL;
}

/* --- opening and closing --- */

Status loop_open(Cx *cx, Http *h, int index, int listen_fd)
{
    Loop *l = &h->loops[index];
    l->http = h;
    l->listen = listen_fd;
    l->ep = l->ev = -1;
    l->now = clock_mono();
    TRY(turn_daemon(cx, l));
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    l->ep = epoll_create1(EPOLL_CLOEXEC);
    l->ev = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!i || l->ep < 0 || l->ev < 0 || !watch(l->ep, EPOLL_CTL_ADD, i->epoll_fd, EPOLLIN, &library) ||
        !watch(l->ep, EPOLL_CTL_ADD, l->ev, EPOLLIN, &waker) ||
        (listen_fd >= 0 && !watch(l->ep, EPOLL_CTL_ADD, listen_fd, EPOLLIN, &listener)))
        return fail(cx, ST_IO, "epoll: %s", strerror(errno));
    return ST_OK;
}
Status loop_start(Cx *cx, Loop *l)
{
    int rc = pthread_create(&l->thread, NULL, run, l);
    if (rc != 0) return fail(cx, ST_NO_MEM, "thread: %s", strerror(rc));
    l->running = true;
    return ST_OK;
}
static void resume_all(Loop *l)
{
    for (Conn *c = l->conns; c; c = c->next) {
        if ((c->turn && c->turn->suspended) || sleeping_stream(c)) MHD_resume_connection(c->mhd);
    }
}
/* After its thread has ended. */
void loop_close(Loop *l)
{
    take_pushed(l);
    take_handed(l);
    resume_all(l);
    if (l->mhd) MHD_stop_daemon(l->mhd);
    take_pushed(l);                           /* what ended while it was listed */
    while (l->lingers) linger_end(l, l->lingers);
    turn_pool_free(l);
    if (l->listen >= 0) close(l->listen);
    if (l->ep >= 0) close(l->ep);
    if (l->ev >= 0) close(l->ev);
}
