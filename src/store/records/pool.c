#include "store/records/pool.h"
#include "base/limits.h"
#include <time.h>

void pool_start(Pool *p)
{
    pthread_condattr_t at;
    pthread_condattr_init(&at);
    pthread_condattr_setclock(&at, CLOCK_MONOTONIC);
    pthread_cond_init(&p->back, &at);
    pthread_condattr_destroy(&at);
    pthread_mutex_init(&p->lock, NULL);
    p->free = NULL;
}
void pool_stop(Pool *p)
{
    pthread_cond_destroy(&p->back);
    pthread_mutex_destroy(&p->lock);
}
void pool_give(Pool *p, Db *db)
{
    pthread_mutex_lock(&p->lock);
    db->next = p->free;
    p->free = db;
    pthread_cond_signal(&p->back);
    pthread_mutex_unlock(&p->lock);
}
Status pool_take(Cx *cx, Pool *p, Db **ret)
{
    struct timespec until;
    int late = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RECORDS_WAIT_MS / 1000;
    pthread_mutex_lock(&p->lock);
    while (!p->free && !late) late = pthread_cond_timedwait(&p->back, &p->lock, &until);
    Db *db = p->free;
    if (db) p->free = db->next;
    pthread_mutex_unlock(&p->lock);
    if (!db) return fail(cx, ST_BUSY, "no connection came free in %d ms", RECORDS_WAIT_MS);
    db->broken = ST_OK;
    *ret = db;
    return ST_OK;
}
