/* source: one sorted stream of people's chosen events: a segment, or rows sorted in memory (the tail, those moved
 * aside).
 *
 * Each step gives one person's next span in time order. A person of a segment whose events now belong to somebody
 * else gives only those that stay; source_moved() finds the others. */
#ifndef LIUKE_SOURCE_H
#define LIUKE_SOURCE_H
#include "store/events/scan.h"
#include "store/events/selector_in.h"

typedef struct SourcePlan {
    const SelectorPlan *sel;
    const ScanSlot   *slots; size_t n_slots;
    int32_t           slot_prop[SCAN_SLOTS];               /* of sel's properties, or SELECTOR_x; unused of a trait */
    ScanTexts        *texts;
    ScanRun          *run;
    const PeopleView *people;
    const PeopleSet  *who;
    int64_t  from, to;           /* event time, to exclusive */
    uint32_t key_first, key_last;        /* of people, both inclusive */
    bool     whole;              /* .index is wanted, to have events back */
} SourcePlan;
/* What one thread needs to turn values into numbers. */
typedef struct SourceWork { Cx scratch; } SourceWork;
Status source_work_open(Cx *, SourceWork *) MUST_USE;
void   source_work_done(SourceWork *);
/* The value of slot k: of a single event; of a property as such. */
Status source_slot_event(Cx *, SourceWork *, const SourcePlan *, size_t k, const Event *, uint8_t *ret_kind,
    uint64_t *ret_value) MUST_USE;
Status source_slot_text(Cx *, SourceWork *, const SourcePlan *, size_t k, Str, uint64_t *ret) MUST_USE;

/* One value a row: kinds and values of row r at r * n_slots. */
typedef struct SourceRows { const Row *p; size_t n; const uint8_t *kind; const uint64_t *value; } SourceRows;
typedef struct Source {
    const SourcePlan *plan;
    SourceWork *work;
    bool      done;
    uint32_t  key;               /* the current span: events of this person */
    size_t    n;
    const int64_t  *time;
    const uint32_t *mask;
    uint32_t *index;             /* of each event in block or rows */
    uint8_t  *kind[SCAN_SLOTS];
    uint64_t *value[SCAN_SLOTS];
    /* a segment */
    Segment  *seg;
    SelectorBlocks sel;
    Block     block;
    uint32_t  next_block, person;
    uint32_t  any, *masks;       /* masks: of the block */
    bool      all;               /* every event of the block is chosen, and in range */
    uint64_t *codes[SCAN_SLOTS]; /* of each text of the dictionary (name) the number + 1; 0: not asked for yet */
    /* rows */
    SourceRows rows;
    size_t    at;
    /* room for the span */
    int64_t  *out_time;
    uint32_t *out_mask;
    size_t    cap;
} Source;
Status source_segment(Cx *, Source *, const SourcePlan *, SourceWork *, Segment *) MUST_USE;     /* before the first step */
void   source_rows(Source *, const SourcePlan *, const SourceRows *);      /* sorted by key and time */
Status source_next(Cx *, Source *) MUST_USE;              /* .done: no more */
void   source_done(Source *);
/* The slots of event i of the source's block, traits left alone. */
Status source_slots_block(Cx *, Source *, uint32_t i, uint8_t *kind, uint64_t *value) MUST_USE;

/* Each chosen event of a segment that belongs to another person than the segment says. */
typedef Status SourceMoved(Cx *, void *arg, Source *, uint32_t i, uint32_t root);
Status source_moved(Cx *, const SourcePlan *, SourceWork *, Segment *, SourceMoved *, void *arg) MUST_USE;
#endif
