#include "store/records/sqlite.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"

/* A caller's wait, on its own stack. */
typedef struct Job Job;
struct Job { Job *next; Cx *cx; TxFn *fn; void *arg; Status st; bool done; pthread_cond_t answered; };
struct SqliteWriter {
    SqliteDb       *db;
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  work;
    Job            *first, **last;
    bool            stop;
    Cx              cx;                           /* for what belongs to no single caller */
};
/* The transactions of one COMMIT. lost: SQLite gave up the whole of it. */
typedef struct Group { Job *first, **last; int n; bool lost; } Group;

/* Some errors (a full disk, no memory) end the outer transaction, and with it the work of every caller before. */
static bool still_open(const SqliteDb *db) { return !sqlite3_get_autocommit(db->h); }
static void undo(Cx *cx, SqliteDb *db, Group *g)
{
    Why why = cx->why;                            /* what went wrong first is what the caller is told */
    if (!still_open(db) || sqlite3_exec(db->h, "ROLLBACK TO job", NULL, NULL, NULL) != SQLITE_OK) g->lost = true;
    cx->why = why;
}
static Status run_once(SqliteDb *db, Job *j, Group *g)
{
    TRY(sqlite_order(j->cx, db, "SAVEPOINT job"));
    Status st = tx_call(j->cx, &db->base, j->fn, j->arg);
    if (st == ST_OK && !still_open(db)) st = fail(j->cx, ST_BUG, "a TxFn ended its transaction");
    if (st == ST_OK) st = sqlite_order(j->cx, db, "RELEASE job");
    if (st == ST_OK) return ST_OK;
    undo(j->cx, db, g);
    if (!g->lost) sqlite3_exec(db->h, "RELEASE job", NULL, NULL, NULL);   /* an empty savepoint: harmless if it stays */
    return st;
}
static void run_job(SqliteDb *db, Job *j, Group *g)
{
    j->st = ST_BUSY;
    for (int i = 0; i < TX_RUNS_MAX && j->st == ST_BUSY && !g->lost; i++) j->st = run_once(db, j, g);
    j->next = NULL;
    *g->last = j;
    g->last = &j->next;
    g->n++;
}
static Job *take(SqliteWriter *w, bool wait)
{
    pthread_mutex_lock(&w->lock);
    while (wait && !w->first && !w->stop) pthread_cond_wait(&w->work, &w->lock);
    Job *j = w->first;
    if (j && !(w->first = j->next)) w->last = &w->first;
    pthread_mutex_unlock(&w->lock);
    return j;
}
/* Nobody waits for company: a group is whoever came while the last one was being committed. */
static void run_group(SqliteWriter *w, Job *j, Group *g)
{
    int64_t until = clock_mono_us() + TX_GROUP_WAIT_US;
    for (; j; j = g->lost || g->n == TX_GROUP_MAX || clock_mono_us() > until ? NULL : take(w, false))
        run_job(w->db, j, g);
}
static Status commit(SqliteWriter *w)
{
    Status st = sqlite_order(&w->cx, w->db, "COMMIT");
    if (st == ST_OK) tx_committed();
    return st;
}
/* Also those whose function failed: they may have seen what the others had written and now have not. */
static void fail_group(SqliteWriter *w, Group *g, bool but_last)
{
    for (Job *j = g->first; j; j = j->next) {
        if (but_last && !j->next && j->st != ST_OK) break;
        j->st = fail(j->cx, ST_BUSY, "the group was not committed: %.150s", w->cx.why.log);
    }
}
static void answer(SqliteWriter *w, const Group *g)
{
    pthread_mutex_lock(&w->lock);
    for (Job *j = g->first, *next; j; j = next) {
        next = j->next;                           /* its stack may be gone right after */
        j->done = true;
        pthread_cond_signal(&j->answered);
    }
    pthread_mutex_unlock(&w->lock);
}
static void *writer_thread(void *arg)
{
    SqliteWriter *w = arg;
    for (Job *j; (j = take(w, true));) {
        Group g = { .last = &g.first };
        Status st = sqlite_order(&w->cx, w->db, "BEGIN IMMEDIATE");
        if (st == ST_OK) run_group(w, j, &g);
        else {
            j->next = NULL;
            g.first = j;
        }
        if (st == ST_OK && !g.lost) st = commit(w);
        if (still_open(w->db)) sqlite3_exec(w->db->h, "ROLLBACK", NULL, NULL, NULL);
        if (g.lost) st = fail(&w->cx, ST_BUSY, "SQLite rolled back the transaction of another caller");
        if (st != ST_OK) fail_group(w, &g, g.lost);
        answer(w, &g);
    }
    return NULL;
}
Status sqlite_writer_start(Cx *cx, SqliteDb *db, SqliteWriter **ret)
{
    SqliteWriter *w = mem_get(sizeof *w);
    if (!w) return fail(cx, ST_NO_MEM, "records writer");
    w->db = db;
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    if (pthread_create(&w->thread, NULL, writer_thread, w) != 0) {
        mem_free(w);
        return fail(cx, ST_NO_MEM, "records writer thread");
    }
    *ret = w;
    return ST_OK;
}
void sqlite_writer_stop(SqliteWriter *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}
Status sqlite_writer_run(Cx *cx, TxFn *fn, void *arg)
{
    SqliteWriter *w = ((Sqlite *)cx->records)->writer;
    Job j = { .cx = cx, .fn = fn, .arg = arg };
    pthread_cond_init(&j.answered, NULL);
    pthread_mutex_lock(&w->lock);
    *w->last = &j;
    w->last = &j.next;
    pthread_cond_signal(&w->work);
    while (!j.done) pthread_cond_wait(&j.answered, &w->lock);
    pthread_mutex_unlock(&w->lock);
    pthread_cond_destroy(&j.answered);
    return j.st;
}
