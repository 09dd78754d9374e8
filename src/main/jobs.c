#include "main/jobs.h"
#include "base/log.h"
#include "flow/import.h"
#include "flow/audience_step.h"
#include "flow/outbox.h"
#include "flow/traits.h"
#include "job/mail_job.h"
#include "main/demo.h"
#include <pthread.h>
#include <time.h>

/* One step of a job: NOT_FOUND when there was nothing to do. */
typedef Status JobStep(Cx *, Instance *);
typedef struct Job { const char *name; JobStep *step; int pause_ms; } Job;
static Status tell_log(Cx *cx, Instance *in)
{
    return outbox_step(cx, in->app.events, in->app.keys, in->own_source);
}
static Status move_traits(Cx *cx, Instance *in)
{
    return traits_step(cx, in->app.events, in->app.keys);
}
static Status keep_segments(Cx *cx, Instance *in)
{
    AudienceScope scope = { .week_start = 1 };
    TRY(zone_get(cx, in->app.zone, &scope.zone));
    return audience_step(cx, in->app.events, &scope);
}
/* Without a mail server what is due becomes a test mail, for the team to read. */
static Status send_mail(Cx *cx, Instance *in)
{
    int sent = 0;
    TRY(mail_job_run(cx, &in->mail, &sent));
    return sent ? ST_OK : ST_NOT_FOUND;
}
static Status store_imports(Cx *cx, Instance *in) { return import_sessions_step(cx, in->app.imports); }
static Status play_demo(Cx *cx, Instance *in) { return in->demo_source ? demo_step(cx, in) : ST_NOT_FOUND; }
static const Job all[] = {
    { "outbox", tell_log, 200 },
    { "traits", move_traits, 300 },
    { "segments", keep_segments, 200 },
    { "mail", send_mail, 500 },
    { "imports", store_imports, 2000 },
    { "demo", play_demo, 1500 },
};
struct Jobs {
    Instance *in;
    pthread_t threads[COUNT(all)];
    size_t n;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
};
typedef struct Start { Jobs *jobs; const Job *job; } Start;

static bool rest(Jobs *j, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) { until.tv_sec++; until.tv_nsec -= 1000000000; }
    pthread_mutex_lock(&j->lock);
    if (!j->stop && ms) pthread_cond_timedwait(&j->wake, &j->lock, &until);
    bool stop = j->stop;
    pthread_mutex_unlock(&j->lock);
    return !stop;
}
static void *run(void *arg)
{
    Start s = *(Start *)arg;
    Cx cx = { .arena = arena_new(64 << 20), .records = s.jobs->in->records, .lang = s.jobs->in->lang };
    int pause = 0;

    mem_free(arg);
    while (cx.arena && rest(s.jobs, pause)) {
        cx.now = clock_now();
        Status st = s.job->step(&cx, s.jobs->in);
        records_done(&cx);
        if (st != ST_OK && st != ST_NOT_FOUND) log_why(LOG_ERROR, s.job->name, &cx);
        arena_reset(cx.arena);
        pause = st == ST_OK ? 0 : st == ST_NOT_FOUND ? s.job->pause_ms : 5000;
    }
    arena_free(cx.arena);
    return NULL;
}
static Status start_one(Cx *cx, Jobs *j, const Job *job)
{
    Start *s = mem_get(sizeof *s);
    if (!s) return fail(cx, ST_NO_MEM, "jobs");
    *s = (Start){ .jobs = j, .job = job };
    if (pthread_create(&j->threads[j->n], NULL, run, s) == 0) {
        j->n++;
        return ST_OK;
    }
    mem_free(s);
    return fail(cx, ST_IO, "cannot start job %s", job->name);
}
Status jobs_start(Cx *cx, Instance *in, Jobs **ret)
{
    pthread_condattr_t mono;
    Jobs *j = mem_get(sizeof *j);
    if (!j) return fail(cx, ST_NO_MEM, "jobs");
    j->in = in;
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &mono);
    pthread_condattr_destroy(&mono);
    for (const Job *job = all; job < all + COUNT(all); job++) {
        Status st = start_one(cx, j, job);
        if (st == ST_OK) continue;
        jobs_stop(j);
        return st;
    }
    *ret = j;
    return ST_OK;
}
void jobs_stop(Jobs *j)
{
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_broadcast(&j->wake);
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < j->n; i++) pthread_join(j->threads[i], NULL);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    mem_free(j);
}
