/* ask_in: a question decoded. */
#ifndef LIUKE_ASK_IN_H
#define LIUKE_ASK_IN_H
#include "store/events/ask_rig_test.h"
#include "store/events/selector.h"

enum { ASK_COUNT, ASK_PEOPLE };
enum { ASK_RECURRING, ASK_FIRST_TIME };
typedef struct AskMatcher { Str name; const JsonNode *props; } AskMatcher;
typedef struct AskFilter { Str prop; int op; const JsonNode *value; } AskFilter;
typedef struct AskIn {
    int kind, measure, period, mode, week_start;
    AskMatcher event, start_event, return_event;
    Str from, to, first_interval, timezone;
    int64_t intervals;
    List filter;
    bool had_event, had_start, had_return, had_week_start, had_intervals;
} AskIn;
typedef struct AskQuestion {
    AskIn    in;
    const Zone *zone;
    int      week_start;
    int64_t  from, to;
    const int64_t *starts;
    size_t   n;
    Selector sel;
    Where    event[2], filter;   /* of the matchers; of all */
} AskQuestion;
/* zone: the product's, for a question that names none. */
Status ask_decode(Cx *, Str question, Str zone, AskQuestion *ret) MUST_USE;
#endif
