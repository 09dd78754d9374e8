/* ask_rig: trends and retentions asked of a store in one line, for the store's own tests; the product's questions
 * are domain/audience/question.h.
 *
 * A question is JSON, its answer a struct.
 *
 *   {"kind":"trend","event":{"name":"Signed Up","props":{"plan":"free"}},"measure":"count"|"people","period":"day",
 *    "from":"2026-01-01","to":"2026-02-01","timezone":"Asia/Shanghai","week_start":"monday","filter":[…]}
 *   {"kind":"retention","period":"day","first_interval":"2026-01-01","intervals":14,"mode":"recurring"|"first_time",
 *    "start_event":{…},"return_event":{…},"timezone":…,"week_start":…,"filter":[…]}
 *
 * A filter is [{"prop":"country","op":"is"|"is_not"|"contains"|"lt"|"le"|"gt"|"ge"|"set"|"not_set","value":…}],
 * all must hold.
 * from is inclusive, to exclusive, both local to the time zone where they do not say their own. Comparisons do not
 * cross kinds; a
 * missing property is null. Left out: measure count, mode recurring, the product's time zone, Monday; an event without
 * a name is any event. */
#ifndef LIUKE_ASK_H
#define LIUKE_ASK_H
#include "base/shape.h"
#include "store/events/state.h"

extern const Shape ask_shape;

typedef enum AskKind { ASK_TREND, ASK_RETENTION } AskKind;
typedef struct Answer {
    AskKind kind;
    Period  period;
    const Zone *zone;
    int     week_start;
    size_t  n;                   /* periods */
    const int64_t *starts;       /* n + 1: start of each period, and the end of the last */
    const int64_t *values;       /* trend: n; retention: row i has n - i columns, one row after another */
    int64_t events_read, people; /* that matched the filter inside the range */
    int64_t left_out;            /* people excluded by flags (erased, consent, staff, bots) */
    int64_t until;               /* received time of the newest event in the snapshot; 0: there is none */
    bool    partial_last;        /* the last period has not ended by cx->now */
    int64_t us;
    const Str *missing; size_t n_missing;   /* quarantined files the answer lacks */
    /* periods that have ended by cx->now: the cell (i, k) of a retention is final when i + k < finished */
    size_t  finished;
    Str     definition;          /* in the language of the Cx that asked */
} Answer;
Status ask_run(Cx *, Events *, Str question, Answer *ret) MUST_USE;
Status ask_state(Cx *, State *, Str question, Answer *ret) MUST_USE;
#endif
