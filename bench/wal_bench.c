/* wal_bench: how many events a second the log makes durable and compares with its window, beside a bare loop of
 * pwrite and
 * fdatasync of the same bytes on the same disk. Its state drops what it gets. One line a figure.
 *
 *     wal-bench DIR [SECONDS]       each figure takes so long (default 0.4) */
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/events/entry.h"
#include "store/events/frame.h"
#include "store/events/wal.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS_MAX = 2, WAITING = 256 };
static double seconds = 0.4;

static Status reserve(Cx *cx, void *arg, size_t n) { (void)cx; (void)arg; (void)n; return ST_OK; }
static void chunk(void *arg, int64_t pos, int64_t end, char *bytes, size_t n)
{
    (void)arg; (void)pos; (void)end; (void)n;
    mem_free(bytes);
}
/* About 400 bytes stored, as the events of measured log figures are. */
static Event sample(uint64_t id)
{
    static const char url[] = "https://shop.example/products/4711?from=search&page=2&sort=price&ref=newsletter-2026-11";
    static const Prop props[] = {
        { .name = S_INIT("page.url"), .kind = PROP_STR, .s = { url, sizeof url - 1 } },
        { .name = S_INIT("page.title"), .kind = PROP_STR, .s = S_INIT("留客 · 商品详情页") },
        { .name = S_INIT("page.referrer"), .kind = PROP_STR, .s = { url, sizeof url - 1 } },
        { .name = S_INIT("price"), .kind = PROP_DOUBLE, .d = 129.5 },
        { .name = S_INIT("quantity"), .kind = PROP_INT, .i = 3 },
        { .name = S_INIT("device"), .kind = PROP_STR, .s = S_INIT("iPhone 15 Pro") },
        { .name = S_INIT("country"), .kind = PROP_STR, .s = S_INIT("CN") },
        { .name = S_INIT("member"), .kind = PROP_BOOL, .b = true },
    };
    return (Event){ .source = 1, .trust = TRUST_PUBLIC, .actor = { id % 5000 * 0x9e3779b97f4a7c15u, id % 5000 },
        .message = { id * 0x9e3779b97f4a7c15u, id * 0xd6e8feb86659fd93u }, .name = S("Product Viewed"),
        .time = 1700000000000 + (int64_t)id, .received = 1700000000100 + (int64_t)id, .props = props,
            .n_props = COUNT(props) };
}
typedef struct Caller { Wal *w; size_t per_call; uint64_t first; int64_t until; int64_t events,
    cpu_ns; sem_t room; } Caller;
static void done(void *arg, Status st)
{
    if (st != ST_OK) abort();
    sem_post(arg);
}
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
/* Keeps at most WAITING calls unanswered, as that many connections would. */
static void *call(void *arg)
{
    Caller *c = arg;
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = clock_now() };
    Entry *e = mem_get(c->per_call * sizeof *e);
    if (!cx.arena || !e) abort();
    int64_t began = cpu_ns();
    while (clock_mono_us() < c->until) {
        for (size_t i = 0; i < c->per_call; i++) e[i] = (Entry){ .kind = ENTRY_EVENT, .event = sample(c->first++) };
        while (sem_wait(&c->room) != 0 && errno == EINTR) { }
        arena_reset(cx.arena);
        if (wal_append(&cx, c->w, e, c->per_call, NULL, done, &c->room) == ST_OK) c->events += (int64_t)c->per_call;
        else sem_post(&c->room);
    }
    c->cpu_ns = cpu_ns() - began;
    for (int i = 0; i < WAITING; i++) while (sem_wait(&c->room) != 0 && errno == EINTR) { }
    mem_free(e);
    arena_free(cx.arena);
    return NULL;
}
static double rate(Wal *w, size_t per_call, int threads, double *ret_ns)
{
    static uint64_t first = 1;
    Caller c[THREADS_MAX];
    pthread_t t[THREADS_MAX];
    int64_t began = clock_mono_us(), events = 0, ns = 0;
    for (int i = 0; i < threads; i++) {
        c[i] = (Caller){ .w = w, .per_call = per_call, .first = first, .until = began + (int64_t)(seconds * 1e6) };
        first += UINT64_C(1) << 40;
        sem_init(&c[i].room, 0, WAITING);
        if (pthread_create(t + i, NULL, call, c + i) != 0) abort();
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(t[i], NULL);
        events += c[i].events;
        ns += c[i].cpu_ns;
        sem_destroy(&c[i].room);
    }
    *ret_ns = (double)ns / (double)events;
    return (double)events * 1e6 / (double)(clock_mono_us() - began);
}
/* The bound: the same bytes, nothing else, into a file of zeros. */
static double bare(const char *dir, size_t bytes)
{
    char path[4096], *p = mem_get(bytes);
    const size_t size = 64 << 20;
    snprintf(path, sizeof path, "%s/bare", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    char *zeros = mem_get(1 << 20);
    if (fd < 0 || !p || !zeros) abort();
    for (size_t at = 0; at < size; at += 1 << 20) if (pwrite(fd, zeros, 1 << 20, (off_t)at) < 0) abort();
    if (fdatasync(fd) != 0) abort();
    memset(p, 7, bytes);
    int64_t began = clock_mono_us(), n = 0, took;
    for (size_t at = 0;; n++, at = at + 2 * bytes > size ? 0 : at + bytes) {
        if (pwrite(fd, p, bytes, (off_t)at) < 0 || fdatasync(fd) != 0) abort();
        if ((took = clock_mono_us() - began) > (int64_t)(seconds * 1e6)) break;
    }
    close(fd);
    unlink(path);
    mem_free(p);
    mem_free(zeros);
    return (double)n * 1e6 / (double)took;
}
int main(int argc, char **argv)
{
    static const size_t per_call[] = { 1, 10, 100 };
    if (argc < 2) return fprintf(stderr, "wal-bench DIR [SECONDS]\n"), 2;
    if (argc > 2) seconds = strtod(argv[2], NULL);
    Cx cx = { .arena = arena_new(CX_ARENA_MAX), .now = clock_now() };
    char dir[4096];
    Wal *w;
    Event one = sample(1);
    size_t size = entry_size(&(Entry){ .kind = ENTRY_EVENT, .event = one });
    if (!cx.arena) return 1;
    snprintf(dir, sizeof dir, "%s/wal-bench", argv[1]);
    if (wal_open(&cx, &(WalConfig){ .fs = fs_posix(), .dir = dir, .reserve = reserve, .chunk = chunk }, &w) != ST_OK)
        return fprintf(stderr, "wal_bench: %s\n", cx.why.log), 1;
    printf("an event is %zu bytes; x: against a bare pwrite + fdatasync of one call's bytes, one after the other\n",
        size);
    for (size_t i = 0; i < COUNT(per_call); i++)
        for (int threads = 1; threads <= THREADS_MAX; threads++) {
            double ns, bound = bare(argv[1], per_call[i] * size + FRAME_SEAL) * (double)per_call[i];
            double got = rate(w, per_call[i], threads, &ns);
            printf("%3zu a call, %d thread%s %10.0f events/s  %6.1f x  %5.0f ns of the caller's core an event\n",
                per_call[i], threads, threads > 1 ? "s" : " ", got, got / bound, ns);
        }
    wal_close(w);
    arena_free(cx.arena);
    return 0;
}
