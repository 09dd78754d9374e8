/* pool: connections that are lent to one Cx at a time. Private to this folder. */
#ifndef LIUKE_POOL_H
#define LIUKE_POOL_H
#include <pthread.h>
#include "store/records/engine.h"

typedef struct Pool { pthread_mutex_t lock; pthread_cond_t back; Db *free; } Pool;

void   pool_start(Pool *);
void   pool_stop(Pool *);
void   pool_give(Pool *, Db *);                   /* also the first time */
/* The connection given back last, for its warm caches; BUSY after RECORDS_WAIT_MS. */
Status pool_take(Cx *, Pool *, Db **ret) MUST_USE;
#endif
