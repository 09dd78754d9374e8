/* harvest: the chosen events of a block, by person, with their stretch of time and their group, as few as will do.
 *
 * Where a run lies in one stretch, and every property that is asked about is the same in all of it, the whole run is
 * one pick: neither time nor name of an event in it is looked at. Of other runs each event is a pick of its own. */
#ifndef LIUKE_HARVEST_H
#define LIUKE_HARVEST_H
#include "store/events/presence_cols.h"
#include "store/events/source.h"

/* One question's, shared by its threads. */
typedef struct HarvestPlan {
    const PeopleView *people;
    SelectorPlan sel;
    SourcePlan source;           /* slots: the groups; none, where names are the group and the taker sees to them */
    bool heads;                  /* a condition on the name or origin of an event: no run stands for its events */
    bool expands;                /* the taker looks at the names in a whole run; else a run must be sure of them */
} HarvestPlan;
/* NOT_FOUND: a slot that is neither name nor property. Memory: cx->arena. */
Status harvest_plan(Cx *, const Snapshot *, const ScanPlan *, bool expands, HarvestPlan *ret) MUST_USE;

/* One thread's way through one segment. */
typedef struct Harvest {
    const HarvestPlan  *plan;
    const PresencePart *part;    /* of it seg, clock, first and n */
    Groups     *groups;          /* the thread's */
    SourceWork *work;
    SelectorBlocks sel;
    Block     block;
    BlockRuns runs;
    bool      open, plain, steady;       /* steady: all properties asked for stand in pieces */
    uint32_t  index;
    uint32_t  cap_runs;
    int32_t  *stretch_of;        /* of each run, as presence_place() says */
    uint8_t  *cross;
    uint32_t *number_of[GROUPS_KEYS];    /* of each text of a slot's dictionary (or name) its number + 1 */
    uint32_t *group_of;          /* of each text of the one slot's dictionary, and of none, the group + 1 */
    GroupKey  last; uint32_t last_gid; bool has_last;
    /* picks of people [person, end), side by side */
    uint32_t  n, cap, cap_people, person, end;
    uint32_t *first;             /* of each person, and the end */
    uint32_t *from, *to, *mask, *gid;    /* events [from, to) of the block; mask: matchers that take one of them */
    uint16_t *stretch;           /* counted from part->first */
} Harvest;
Status harvest_open(Cx *, const HarvestPlan *, const PresencePart *, Groups *, SourceWork *, Harvest *ret) MUST_USE;
void   harvest_done(Harvest *);
Status harvest_block(Cx *, Harvest *, uint32_t index) MUST_USE;           /* cheap for the block that is there */
Status harvest_people(Cx *, Harvest *, uint32_t person, uint32_t end) MUST_USE;
uint32_t harvest_person_from(const Block *, uint32_t key);                /* the first at or after it */
uint32_t harvest_block_from(const Segment *, uint32_t key);
static inline uint32_t harvest_name(const Harvest *h, uint32_t i)         /* of an event whose name was decoded */
{
    return h->block.name8 ? h->block.name8[i] : h->block.name[i];
}
Status harvest_names(Cx *, Harvest *, uint32_t from, uint32_t to) MUST_USE;
#endif
