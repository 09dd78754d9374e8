/* jobs: the threads that work without a request, started and stopped as one. */
#ifndef LIUKE_JOBS_H
#define LIUKE_JOBS_H
#include "main/instance.h"

typedef struct Jobs Jobs;
Status jobs_start(Cx *, Instance *, Jobs **ret) MUST_USE;
void   jobs_stop(Jobs *);                    /* finishes the step in hand */
#endif
