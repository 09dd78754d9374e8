#include "base/log.h"
#include "main/commands.h"
#include "main/jobs.h"
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STOP_MS = 10000, PROXIES_MAX = 32 };

static size_t split(Cx *cx, const char *list, const char **ret, size_t max)
{
    Str rest = str_z(list);
    size_t n = 0;
    while (rest.n && n < max) {
        Str one = arena_str(cx->arena, str_trim(str_cut(&rest, ',')));
        if (one.n) ret[n++] = one.p;
    }
    return n;
}
static void greet(const Instance *in, int port)
{
    const Config *c = in->config;
    bool zh = in->lang == LANG_ZH;
    const char *scheme = c->tls_cert ? "https" : "http";
    printf(zh ? "liuke 已启动\n  控制台   %s://%s:%d/console\n  注册页   %s://%s:%d/join\n"
                "  上报地址 %s://%s:%d/v1/batch\n"
              : "liuke is up\n  console   %s://%s:%d/console\n  sign-up   %s://%s:%d/join\n"
                "  tracking  %s://%s:%d/v1/batch\n",
           scheme, c->bind, port, scheme, c->bind, port, scheme, c->bind, port);
    fflush(stdout);
}
/* The command line's door: a socket in the data folder, for the folder's owner. */
static Status start_local(Cx *cx, const HttpConfig *public, const char *data, Http **ret)
{
    HttpConfig hc = *public;
    char *path = arena_get(cx->arena, strlen(data) + 16);
    if (!path) return fail(cx, ST_NO_MEM, "serve");
    snprintf(path, strlen(data) + 16, "%s/liuke.sock", data);
    hc.unix_path = path;
    hc.tls_cert = hc.tls_key = NULL;
    hc.n_proxies = 0;
    hc.who = api_owner;
    hc.threads = 1;
    for (int q = 0; q < QUEUES_; q++) hc.workers[q] = 1;
    return http_start(cx, &hc, ret);
}
static Status serve_until(Cx *cx, Instance *in, const HttpConfig *hc, const sigset_t *stop)
{
    Http *http, *local;
    int sig;

    TRY(http_start(cx, hc, &http));
    Status st = start_local(cx, hc, in->config->data, &local);
    if (st == ST_OK) {
        greet(in, http_port(http));
        LOG(LOG_INFO, "started", { .key = "port", .value = http_port(http) });
        sigwait(stop, &sig);
        LOG(LOG_INFO, "stopping", { .key = "signal", .value = sig });
        http_stop(local, STOP_MS);
    }
    http_stop(http, STOP_MS);
    return st;
}
static Status run(Cx *cx, Instance *in, const sigset_t *stop)
{
    const Config *c = in->config;
    const char *proxies[PROXIES_MAX];
    Jobs *jobs = NULL;
    HttpConfig hc = { .bind = c->bind, .port = (int)c->port, .tls_cert = c->tls_cert, .tls_key = c->tls_key,
        .app = &in->app,
                      .records = in->records, .lang = in->lang, .who = api_who, .done = records_done,
                          .proxies = proxies };

    hc.tables = api_tables(&hc.n_tables);
    hc.n_proxies = split(cx, c->proxies, proxies, PROXIES_MAX);
    TRY(live_start(cx, &in->app));
    Status st = jobs_start(cx, in, &jobs);
    if (st == ST_OK) st = serve_until(cx, in, &hc, stop);
    export_wait();
    if (jobs) jobs_stop(jobs);
    live_stop(&in->app);
    return st;
}
/* The log's groups are large, freed at a flush and wanted again at once: given back to the kernel each time, every page
 * of the next one would be fetched and cleared anew. What is kept is bounded by the tail. */
static void tune_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
}
int command_serve(Cx *cx, const Config *c)
{
    Instance in;
    sigset_t stop;

    tune_memory();
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);         /* before any thread, so that only sigwait() sees them */
    if (instance_open(cx, c, &in) != ST_OK) return command_complain(cx, cx->lang);
    Status st = run(cx, &in, &stop);
    instance_close(&in);
    if (st != ST_OK) return command_complain(cx, cx->lang);
    log_line(LOG_INFO, "stopped", NULL, 0);
    return 0;
}
