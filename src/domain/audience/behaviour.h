/* behaviour: terms that look at a person's events: what the person did, first, last, in order, or stopped doing.
 *
 * Each is decided by one walk over the person's chosen events in time order; the same walk serves everybody's scan
 * and one person's. */
#ifndef LIUKE_BEHAVIOUR_H
#define LIUKE_BEHAVIOUR_H
#include "base/limits.h"
#include "domain/audience/audience.h"

typedef struct AudienceWindow {
    int64_t within, before;      /* ms back from now; 0: not given */
    int64_t periods;             /* of the calendar, today's included; 0: not given */
    Period  period;
    int64_t from, to;            /* INT64_MIN and INT64_MAX where open */
} AudienceWindow;
typedef struct AudienceRange { int64_t from, to; } AudienceRange;      /* event time, to exclusive */
AudienceRange behaviour_range(const AudienceScope *, const AudienceWindow *, int64_t now);

typedef enum BehaviourKind {
    BEHAVIOUR_DID, BEHAVIOUR_FIRST, BEHAVIOUR_LAST, BEHAVIOUR_SEQUENCE, BEHAVIOUR_SILENT
} BehaviourKind;
typedef struct BehaviourMatch { bool any; Str name, text; const Where *where; } BehaviourMatch;   /* text: where's */
typedef struct Behaviour {
    BehaviourKind  kind;
    bool           none;         /* what holds of a person without any such event */
    BehaviourMatch match[AUDIENCE_STEPS_MAX]; size_t n;    /* DID: the event, and with n = 2 the one it is since */
    uint32_t       bit[AUDIENCE_STEPS_MAX];                /* of each match, in its scan */
    AudienceWindow window;
    int64_t        times_min, times_max;
    int64_t        days_min, days_max;
    bool           with_days, with_sum, since_first;
    Str            sum;          /* property */
    size_t         slot;         /* of it, in its scan */
    bool           above, below, over, under;              /* ge, le, gt, lt of the sum are given */
    double         ge, le, gt, lt;
    int64_t        span;         /* SEQUENCE: ms from the first step to the last; INT64_MAX: none */
    double         usual;        /* SILENT: so many usual gaps */
    int64_t        at_least;     /* SILENT: ms */
} Behaviour;
/* One person's chosen events, all of them up to now: does it hold? Never asked without an event: that is `none`. */
bool   behaviour_holds(const Behaviour *, const AudienceScope *, AudienceRange, int64_t now, const Span *);
bool   behaviour_timed(const Behaviour *);       /* may change with the clock alone */
/* The earliest event time it needs. */
int64_t behaviour_from(const Behaviour *, AudienceRange);
#endif
