/* asks: questions under way, and answers kept.
 *
 * The same question asked twice at once is computed once; an answer is kept until the data changes or its time is over.
 * Whoever waits may leave: the work stops when nobody is left who wants it. Any thread. */
#ifndef LIUKE_ASKS_H
#define LIUKE_ASKS_H
#include "store/events/scan.h"

typedef struct Asks Asks;
Status asks_new(Cx *, size_t kept_bytes, Asks **ret) MUST_USE;           /* kept_bytes 0: nothing is kept */
void   asks_free(Asks *);                        /* nobody is inside asks_run() any more; NULL is fine */

typedef struct AsksCaller {
    Str   name;                                  /* a name this caller gave to look after it; may be empty */
    bool (*gone)(const void *arg);               /* nobody waits for it any more; NULL: somebody always does */
    const void *arg;
} AsksCaller;
typedef struct AsksAnswer {
    Str     text;                                /* run(): in cx->arena. asks_run(): a copy in the caller's */
    int64_t until;                               /* ms: it may be used before; 0: for as long as the data stays */
} AsksAnswer;
/* Computes it, on the thread of the first who asks. */
typedef Status AsksWork(Cx *, void *arg, ScanRun *, AsksAnswer *ret);
typedef struct AsksQuestion {
    Str     key;                                 /* equal keys and versions, equal answers */
    int64_t version;                             /* of the data */
    AsksWork *work; void *arg;
    int64_t deadline_ms;                         /* how long the work may take; 0: no bound */
    bool    fresh;                               /* a kept answer is not used */
} AsksQuestion;
/* *ret_kept: it was there already. LIMITED question_stopped when stopped, or when the caller is gone. */
Status asks_run(Cx *, Asks *, const AsksQuestion *, const AsksCaller *, AsksAnswer *ret, bool *ret_kept) MUST_USE;

typedef struct AsksState { Str name; int64_t done, of, ms; int callers; } AsksState;   /* ms since it began */
/* Of all that run now; in cx->arena. */
Status asks_list(Cx *, Asks *, const AsksState **ret, size_t *ret_n) MUST_USE;
bool   asks_stop(Asks *, Str name);              /* by a caller's name, for all who wait for it; false: there is none */
#endif
