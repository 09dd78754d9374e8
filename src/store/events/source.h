/* source: one sorted stream of people's chosen events: a segment, or rows sorted in memory (the tail, those moved
 * aside).
 *
 * Each step gives one person's next span in time order. A person of a segment whose events now belong to somebody
 * else gives
 * only those that stay; source_moved() finds the others. */
#ifndef LIUKE_SOURCE_H
#define LIUKE_SOURCE_H
#include "store/events/selector.h"

typedef struct SourcePlan {
    const Selector   *sel;
    const PeopleView *people;
    int64_t  from, to;           /* event time, to exclusive */
    uint32_t key_first, key_last;        /* of people, both inclusive */
    bool     whole;              /* .index is wanted, to have events back */
} SourcePlan;
typedef struct Source {
    const SourcePlan *plan;
    bool      done;
    uint32_t  key;               /* the current span: events of this person */
    size_t    n;
    const int64_t *time;
    const uint8_t *code;
    uint32_t *index;             /* of each event in block or rows */
    /* a segment */
    Segment  *seg;
    bool      moved;             /* people of it may have moved */
    SelectorSegment in;
    Block     block;
    uint32_t  next_block, person;
    uint8_t   any, *codes;       /* codes: of the block */
    bool      all;               /* every event of the block is chosen, and in range */
    /* rows */
    const Row *rows;
    size_t    n_rows, at;
    /* room for the span */
    int64_t  *out_time;
    uint8_t  *out_code;
    size_t    cap;
} Source;
Status source_segment(Cx *, Source *, const SourcePlan *, Segment *) MUST_USE;     /* before the first step */
void   source_rows(Source *, const SourcePlan *, const Row *, size_t n);           /* sorted by key and time */
Status source_next(Cx *, Source *) MUST_USE;              /* .done: no more */
void   source_done(Source *);

/* Each chosen event of a segment that belongs to another person than the segment says. */
typedef Status SourceMoved(Cx *, void *arg, Block *, uint32_t i, uint8_t code, uint32_t root);
Status source_moved(Cx *, const SourcePlan *, Segment *, SourceMoved *, void *arg) MUST_USE;
#endif
