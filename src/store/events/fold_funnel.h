/* fold_funnel: how far each person comes through steps, and how fast.
 *
 * Bits 0 .. n - 1 of an event's mask are the steps, bits n .. the exclusions; a strict funnel also sees events with
 * another bit alone, which only stand between. A level is a number of steps: level 2 is held by an attempt whose last
 * step is step 1. Ordered: each level holds its latest attempt (by entry); an event takes the attempt of the level
 * before it a step on when the window still holds it; an event serves one step of one attempt. What a person reached
 * is the deepest level ever, with the events of the first attempt that got there.
 * Events of one instant have no order: their steps are taken from low to high, each event once in an attempt;
 * "between" means after one instant and before another. */
#ifndef LIUKE_FOLD_FUNNEL_H
#define LIUKE_FOLD_FUNNEL_H
#include "base/limits.h"
#include "store/events/groups.h"
#include "store/events/scan.h"

typedef enum FunnelOrder { FUNNEL_ORDERED, FUNNEL_STRICT, FUNNEL_UNORDERED } FunnelOrder;
typedef struct FunnelRules {
    size_t      n;
    FunnelOrder order;
    int64_t     window;          /* ms from the entry, inclusive */
    int64_t     to;              /* entries lie before it */
    int64_t     step_window[FUNNEL_STEPS_MAX];             /* ms from the step before it, inclusive; 0: none */
    bool        by_step;         /* one of them is set: then a level's attempt takes its latest event, not its first */
    uint32_t    optional;        /* steps that may be left out, never step 0 */
    uint32_t    spoils[FUNNEL_EXCLUSIONS_MAX];             /* by exclusion: bit L spoils the attempts at level L */
    size_t      n_spoils;
} FunnelRules;
typedef struct FunnelEvents { size_t n; const int64_t *time; const uint32_t *mask; } FunnelEvents;
/* did: the steps taken; unordered: as many low bits as steps were, at[k] being the k-th in time. */
typedef struct FunnelReach {
    uint8_t  level;              /* 0: never entered */
    bool     excluded;
    uint32_t did;
    uint32_t at[FUNNEL_STEPS_MAX];                         /* the event of each step of did */
} FunnelReach;

/* The deepest attempt. room: a byte for each event where the order is UNORDERED. */
void fold_funnel_walk(const FunnelRules *, const FunnelEvents *, uint8_t *room, FunnelReach *ret);
void fold_funnel_walk_any(const FunnelRules *, const FunnelEvents *, uint8_t *room, FunnelReach *ret);
/* Every entry, one after another: it ends when it is complete, when its time is over, at an exclusion (then it is
 * not told of) and, when strict, at an event that is no step of it. A first step while one is under way is none. */
typedef void FunnelEntry(void *arg, const FunnelReach *);
void fold_funnel_entries(const FunnelRules *, const FunnelEvents *, FunnelEntry *, void *arg);

typedef enum FunnelTouch { FUNNEL_FIRST_TOUCH, FUNNEL_LAST_TOUCH, FUNNEL_ALL_EVENTS, FUNNEL_AT_STEP } FunnelTouch;
/* The people behind a number: who took the step; who came to it but did not; whose time from one step to another (see
 * FunnelWants) is at least low and below high ms. */
typedef enum FunnelWho { FUNNEL_REACHED, FUNNEL_LOST, FUNNEL_TIME } FunnelWho;
typedef struct FunnelPick { FunnelWho who; size_t step; uint32_t group; int64_t low, high; } FunnelPick;
typedef struct FunnelWants {
    FunnelRules rules;
    bool        entries;         /* count entries, not people */
    bool        times;           /* from each step to the next, of all who took both */
    bool        convert;         /* from one step to another */
    size_t      from_step, to_step;
    size_t      n_keys;          /* breakdown: the first columns */
    FunnelTouch touch;
    size_t      touch_step;
    bool        hold;            /* the column after them: the same in all steps */
    uint64_t    empty;           /* number of the empty text: is no value */
    const GroupKey *keep; size_t n_keep;       /* with keep set, these are groups 0 .. and all others group n_keep */
    const FunnelPick *pick;
    uint32_t    n_roots;         /* of pick: roots are below it */
    ScanRun    *run;
} FunnelWants;

/* Times of one step, in no order; group is NULL without a breakdown. */
/* high: of long windows only */
typedef struct FunnelTimes { size_t n, cap; uint32_t *ms, *high, *group; } FunnelTimes;
typedef struct FunnelPart { size_t n, cap; int64_t *time; uint32_t *mask, *at; } FunnelPart;
typedef struct FunnelValue { uint64_t value; uint32_t kind, i; } FunnelValue;
typedef struct FoldFunnel {
    Fold        fold;
    const FunnelWants *wants;
    int64_t     plain[FUNNEL_STEPS_MAX + 1];   /* people by the deepest level, where nothing else was asked */
    Groups      groups;
    size_t      cap_groups;
    int64_t    *people;          /* of group g and step s at g * n + s */
    FunnelTimes times[FUNNEL_STEPS_MAX];       /* [s]: from the step before s; [0]: from from_step to to_step */
    PeopleSet   picked;
    size_t      bytes;           /* told to the run */
    FunnelPart  outer, inner;    /* a person's events of one value */
    uint8_t    *room; size_t cap_room;
    FunnelValue *classes, *values; size_t cap_classes, cap_values;
    uint32_t   *loose; size_t cap_loose;
} FoldFunnel;
/* wants lives as long. done() frees it, and what fork() made of it. */
Status  fold_funnel_init(Cx *, FoldFunnel *, const FunnelWants *) MUST_USE;
int64_t fold_funnel_people(const FoldFunnel *, size_t group, size_t step);
size_t  fold_funnel_groups(const FoldFunnel *);            /* 1 without a breakdown */
int64_t fold_funnel_ms(const FunnelTimes *, size_t i);

/* The parts' own. Room for n in an array (a pointer's address); false: fold.st says why. */
bool    fold_funnel_room(FoldFunnel *, void *array, size_t *cap, size_t n, size_t each);
bool    fold_funnel_part_room(FoldFunnel *, FunnelPart *, size_t n);
int     fold_funnel_by_value(const void *, const void *);  /* of two FunnelValues, for qsort() */
bool    fold_funnel_better(const Span *, const FunnelReach *, const FunnelReach *than);
/* A person's events (part NULL: all of them), held by one value where that is asked: tells of the deepest clean
 * attempt, if any, or of every entry. */
void    fold_funnel_held(FoldFunnel *, const Span *, const FunnelPart *, FunnelEntry *, void *arg);
#endif
