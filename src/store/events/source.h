/* source: one sorted stream of people's chosen events: a segment, or rows sorted in memory (the tail, those moved
 * aside).
 *
 * Each step gives one person's next span in time order. A segment is walked block by block: its runs say which groups
 * of 256 events can hold a chosen one, only these are decoded, and the chosen ones are put side by side, so that a
 * person's span is a slice. A person of a segment whose events now belong to somebody else gives only those that stay;
 * source_moved() finds the others. */
#ifndef LIUKE_SOURCE_H
#define LIUKE_SOURCE_H
#include "store/events/scan.h"
#include "store/events/selector_in.h"

typedef struct SourcePlan {
    const SelectorPlan *sel;
    const ScanSlot   *slots; size_t n_slots;
    int32_t           slot_prop[SCAN_SLOTS];               /* of sel's properties, or SELECTOR_x; unused of a trait */
    /* wanted: names by a slot; where events stand, by scan_rows() */
    bool              names, index;
    ScanTexts        *texts;
    ScanRun          *run;
    const PeopleView *people;
    const PeopleSet  *who;
    int64_t  from, to;           /* event time, to exclusive */
} SourcePlan;
/* What one thread needs to turn values into numbers. */
typedef struct SourceWork { Cx scratch; } SourceWork;
Status source_work_open(Cx *, SourceWork *) MUST_USE;
void   source_work_done(SourceWork *);
/* The value of slot k of a single event. */
Status source_slot_event(Cx *, SourceWork *, const SourcePlan *, size_t k, const Event *, uint8_t *ret_kind,
    uint64_t *ret_value) MUST_USE;

/* Rows sorted by key and time; kinds and values of row r at r->slot * n_slots. */
typedef struct SourceRows { const Row *p; size_t n; const uint8_t *kind; const uint64_t *value; } SourceRows;
typedef struct Source {
    const SourcePlan *plan;
    SourceWork *work;
    uint32_t  key_first, key_last;       /* of people, both inclusive */
    bool      done;
    /* the current span: events of this person */
    uint32_t  key;
    size_t    n;
    const int64_t  *time;
    const uint32_t *mask, *index;        /* index: in block or rows */
    const uint8_t  *kind[SCAN_SLOTS];
    const uint64_t *value[SCAN_SLOTS];
    /* a segment */
    Segment  *seg;
    SelectorBlocks sel;
    Block     block;
    bool      loaded, only_moved;        /* only_moved: the picks are what others own now */
    uint8_t   blind;             /* so many blocks more, groups are not chosen by runs: nearly all were on */
    uint32_t  next_block;
    uint64_t *codes[SCAN_SLOTS]; /* of each text of the dictionary (name) the number + 1; 0: not asked for yet */
    /* of the block, the chosen events of people [people, people_end), side by side */
    struct Picks {
        uint32_t  person, people, people_end, n, cap, cap_people;
        uint32_t *first, *index, *mask;  /* first: of each person, and the end */
        int64_t  *room;
        const int64_t *time;             /* in the room, or as they lie in the block */
        uint8_t  *kind[SCAN_SLOTS];
        uint64_t *value[SCAN_SLOTS];
    } picks;
    /* rows */
    SourceRows rows;
    size_t    at;
} Source;
/* Before the first source_range(). */
Status source_segment(Cx *, Source *, const SourcePlan *, SourceWork *, Segment *) MUST_USE;
void   source_rows(Source *, const SourcePlan *, const SourceRows *);
/* People of these keys next, stepped to the first of them; cheap when they follow those it had. */
Status source_range(Cx *, Source *, uint32_t key_first, uint32_t key_last) MUST_USE;
void   source_done(Source *);
Status source_next(Cx *, Source *) MUST_USE;              /* .done: no more of the range */

/* More people of the same block follow. */
static inline bool source_more(const Source *s) { return s->seg && s->picks.person < s->picks.people_end; }
static inline void source_span(Source *s, uint32_t key, size_t from, size_t n)
{
    const struct Picks *p = &s->picks;
    s->key = key;
    s->n = n;
    s->time = p->time + from;
    s->mask = p->mask + from;
    s->index = p->index + from;
    for (size_t k = 0; k < s->plan->n_slots; k++) {
        s->kind[k] = p->kind[k] + from;
        s->value[k] = p->value[k] + from;
    }
}
/* source_next() where the next person is of the same block; false: it must be called. */
static inline bool source_step(Source *s)
{
    struct Picks *p = &s->picks;
    while (p->person < p->people_end) {
        uint32_t i = p->person++ - p->people, from = p->first[i], n = p->first[i + 1] - from;
        if (n == 0) continue;
        source_span(s, s->block.key[i + p->people], from, n);
        return true;
    }
    return false;
}

/* Each chosen event of a segment that belongs to another person than the segment says: pick i of the source. */
typedef Status SourceMoved(Cx *, void *arg, Source *, uint32_t i, uint32_t root);
Status source_moved(Cx *, const SourcePlan *, SourceWork *, Segment *, SourceMoved *, void *arg) MUST_USE;

/* source_pick.c: the picks of the block that is loaded. */
Status source_pick(Cx *, Source *) MUST_USE;
/* source_slot.c: the slots of the picks; traits are left alone. */
Status source_slots(Cx *, Source *) MUST_USE;
#endif
