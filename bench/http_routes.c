/* http_routes: our server with a LOOP and a LOG route and no log behind it: what HTTP alone costs.
 *
 *     http_routes [-t THREADS] [-c COMMIT_US]      prints "port N", runs until its input ends */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/limits.h"
#include "http/http.h"

enum { WAITING_MAX = 20000 };
static struct { pthread_mutex_t lock; pthread_cond_t some; Later *list[WAITING_MAX]; size_t n; long commit_us; }
    log_of = { .lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER };

static void *committer(void *arg)
{
    static Later *group[WAITING_MAX];
    (void)arg;
    pthread_mutex_lock(&log_of.lock);
    for (;;) {
        while (!log_of.n) pthread_cond_wait(&log_of.some, &log_of.lock);
        size_t n = log_of.n;
        for (size_t i = 0; i < n; i++) group[i] = log_of.list[i];
        log_of.n = 0;
        pthread_mutex_unlock(&log_of.lock);
        struct timespec ts = { 0, log_of.commit_us * 1000 };
        if (log_of.commit_us) nanosleep(&ts, NULL);
        for (size_t i = 0; i < n; i++) later_done(group[i], ST_OK);
        pthread_mutex_lock(&log_of.lock);
    }
    return NULL;
}
static Status on_loop(Cx *cx, const Req *rq, Res *rs)
{
    (void)cx; (void)rq;
    res_bytes(rs, 200, "application/json", S("{\"success\":true}"));
    return ST_OK;
}
static Status on_log(Cx *cx, const Req *rq, Res *rs)
{
    Later *later;
    TRY(on_loop(cx, rq, rs));
    TRY(res_later(cx, rs, &later));
    pthread_mutex_lock(&log_of.lock);
    if (log_of.n < WAITING_MAX) log_of.list[log_of.n++] = later;
    pthread_cond_signal(&log_of.some);
    pthread_mutex_unlock(&log_of.lock);
    return ST_OK;
}
static const Route routes[] = {
    { "POST", "/loop", on_loop, .may = PUBLIC, .queue = Q_LOOP, .body_max = INGEST_BATCH_BYTES },
    { "POST", "/log", on_log, .may = PUBLIC, .queue = Q_LOG, .body_max = INGEST_BATCH_BYTES },
    { "POST", "/db", on_loop, .may = PUBLIC, .queue = Q_DB, .body_max = INGEST_BATCH_BYTES },
};
int main(int argc, char **argv)
{
    static const RouteTable table = { routes, COUNT(routes) };
    HttpConfig cf = { .tables = &table, .n_tables = 1, .threads = 2, .lang = LANG_EN };
    Cx cx = { .arena = arena_new(CX_ARENA_MAX) };
    Http *http;
    pthread_t thread;
    int opt;
    log_of.commit_us = 300;
    while ((opt = getopt(argc, argv, "t:c:")) != -1) {
        if (opt == 't') cf.threads = (int)strtol(optarg, NULL, 10);
        else if (opt == 'c') log_of.commit_us = strtol(optarg, NULL, 10);
        else return 2;
    }
    if (pthread_create(&thread, NULL, committer, NULL) != 0 || http_start(&cx, &cf, &http) != ST_OK) return 1;
    printf("port %d\n", http_port(http));
    fflush(stdout);
    while (getchar() != EOF) {}
    http_stop(http, 2000);
    arena_free(cx.arena);
    return 0;
}
