/* query_funnel: how many people take steps one after another, where they are lost, and how long it takes.
 *
 * Entries lie inside [from, to); their windows are counted past its end. Ordered: see fold_funnel.h. Strict: no other
 * event of the person between two steps (the scope's filter comes first). Unordered: step k means that any k distinct
 * steps were done within one window. An exclusion between two steps spoils an attempt; a person whose deepest attempt
 * is spoilt is in no step, unless a clean one goes as deep. Unordered: an exclusion only ends what was done before. */
#ifndef LIUKE_QUERY_FUNNEL_H
#define LIUKE_QUERY_FUNNEL_H
#include "store/events/fold_funnel.h"
#include "store/events/query.h"

typedef struct FunnelStepSpec {
    Matcher event;
    bool    optional;            /* may be left out; not the first; not when unordered */
    int64_t window;              /* ms since the step before it, inclusive; 0: none; not when unordered */
} FunnelStepSpec;
/* Between steps from and to (0-based, from < to): on the way from having done from to having done to. */
typedef struct FunnelExclusion { Matcher event; size_t from_step, to_step; } FunnelExclusion;
/* Whose people are wanted. With a breakdown group says which row, as the answer named it. */
typedef struct FunnelCell { FunnelWho who; size_t step; int64_t low, high; QueryGroup group; } FunnelCell;
typedef struct FunnelQuery {
    QueryScope  scope;
    const FunnelStepSpec *steps; size_t n_steps;           /* up to FUNNEL_STEPS_MAX */
    const FunnelExclusion *exclusions; size_t n_exclusions;
    FunnelOrder order;
    int64_t     window;          /* ms since the entry, inclusive */
    int64_t     from, to;
    bool        entries;         /* count entries instead of people: one begins when none is under way */
    bool        times;           /* average and median from step to step */
    bool        convert;   /* time from one step to another, with a histogram of so many bins (0: by the people) */
    size_t      from_step, to_step, bins;
    FunnelTouch touch;           /* whose value of the breakdown counts: FIRST and LAST of all events with a step */
    size_t      touch_step;
    Str         hold;            /* a property whose value all steps share; empty: none */
    const FunnelCell *cell;
    PeopleSet  *people;
} FunnelQuery;

/* timed: people who took this step and one before it; average and median of the time from the latest of those. */
typedef struct FunnelStep { int64_t people, timed; double average_ms, median_ms; } FunnelStep;
typedef struct FunnelBin { double from_ms; int64_t people; } FunnelBin;
typedef struct FunnelRow {
    QueryGroup  group;
    FunnelStep  steps[FUNNEL_STEPS_MAX];
    int64_t     converted;
    double      average_ms;
    FunnelBin  *bins; size_t n_bins;           /* equally wide; the last begins at or above the longest time */
} FunnelRow;
/* Without a breakdown one row; with one the rows by people in step 0, the last being "other", if any. */
typedef struct FunnelAnswer { QueryCount count; size_t n_steps, n; FunnelRow *rows; } FunnelAnswer;

/* INVALID with the field at fault. LIMITED "memory" when its times or groups need too much. */
Status query_funnel_run(Cx *, const Snapshot *, const FunnelQuery *, FunnelAnswer *ret) MUST_USE;
#endif
