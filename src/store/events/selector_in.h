/* selector_in: a selector made ready for a scan, over single events and over the blocks of segments. */
#ifndef LIUKE_SELECTOR_IN_H
#define LIUKE_SELECTOR_IN_H
#include "store/events/selector.h"

enum { SELECTOR_EVENT = -1, SELECTOR_SOURCE = -2, SELECTOR_TRUST = -3 };     /* in place of a property's number */
typedef struct SelectorNode {
    WhereKind kind;
    const struct SelectorNode *kids; size_t n;
    const Pred *pred;
    int32_t  prop;               /* of the plan's properties, or SELECTOR_x */
    uint32_t number;             /* of the predicate, for what is kept for each segment */
    const Str *in; size_t n_in;  /* OP_IN, sorted */
    const PeopleSet *people;
} SelectorNode;
typedef struct SelectorPlan {
    const Selector *sel;
    const SelectorNode *filter, *where[SELECTOR_MATCHERS];               /* NULL: none */
    uint32_t needs;              /* matchers that a name alone does not decide */
    bool     people, origins;    /* a set of people, an origin is asked for */
    Str     *props;              /* different properties asked for, SELECTOR_PREDS + SELECTOR_MORE at most */
    bool    *valued;             /* of each: set by selector_plan_prop(), its values are wanted */
    size_t   n_props, n_preds;
} SelectorPlan;
enum { SELECTOR_MORE = 16 };
/* INVALID "filter" past SELECTOR_PREDS or SELECTOR_DEPTH. Memory: cx->arena, slices of the selector. */
Status selector_plan(Cx *, const Selector *, SelectorPlan *ret) MUST_USE;
/* The number of one more property, or SELECTOR_x. BUG past SELECTOR_MORE. */
Status selector_plan_prop(Cx *, SelectorPlan *, Str name, int32_t *ret) MUST_USE;
/* What an event of this name is taken by when only the name is looked at. */
uint32_t selector_name(const Selector *, Str name);
/* named: of the matchers in it, those that take the event. */
uint32_t selector_event(const SelectorPlan *, const Event *, uint32_t root, uint32_t named);
Prop   selector_value(const Event *, Str name, int32_t prop);   /* of the event; kind PROP_NULL: missing */
bool   selector_takes(const SelectorNode *, const Prop *);      /* a WHERE_PRED */

/* A bit for each event of a block. */
enum { SELECTOR_WORDS = SEGMENT_BLOCK_MAX / 64 };
typedef struct SelectorBits { uint64_t w[SELECTOR_WORDS]; } SelectorBits;
/* One thread's way through the blocks of one segment. */
typedef struct SelectorBlocks {
    const SelectorPlan *plan;
    const PeopleView *view;
    Segment  *seg;
    bool      moved;             /* people of it may have moved */
    uint32_t *name_mask, any;    /* by name; all of them or-ed */
    bool      every, equal;      /* every name is asked for; all that are asked for have the mask any */
    uint64_t  runs;              /* of runs' masks, the bits asked for */
    uint8_t   chosen[256];       /* 1: a name asked for; of segments with at most so many names */
    uint8_t  *origin_shown;
    bool      hides;             /* some origin is hidden */
    int64_t  *ids;               /* of the plan's properties in the segment; -1: none */
    /* by predicate, of each text of the dictionary (name, origin): 0 not compared yet, 1, 2 */
    uint8_t **known;
    /* the block looked at */
    Block    *block;
    BlockProp *props;
    uint8_t  *state;             /* of each property: not decoded, there, none */
    Str      *items;
    size_t    cap_items;
} SelectorBlocks;
Status selector_blocks_open(Cx *, const SelectorPlan *, const PeopleView *, Segment *, SelectorBlocks *ret) MUST_USE;
void   selector_blocks_done(SelectorBlocks *);
/* Another block, or the same one decoded anew. */
void   selector_blocks_at(SelectorBlocks *, Block *);
/* Of the n events at index[], whose names give mask[], what filter and conditions leave; mask 0: nothing. Names (and
 * origins, actors, where asked for) of these events are decoded. bits: of these events, within words [from, to). */
Status selector_blocks_where(Cx *, SelectorBlocks *, const SelectorBits *, size_t from, size_t to,
    const uint32_t *index,
    size_t n, uint32_t *mask) MUST_USE;
/* A property of the block, until the next; NULL: no event has it. Its values are in .code when that is not NULL. */
Status selector_blocks_prop(Cx *, SelectorBlocks *, int32_t prop, const BlockProp **ret) MUST_USE;
/* The same, in pieces where it is stored so and nobody asked for its values beforehand; *ret_pieces says which. */
Status selector_blocks_look(Cx *, SelectorBlocks *, size_t prop, const BlockProp **ret, bool *ret_pieces) MUST_USE;
Prop   selector_blocks_value(const SelectorBlocks *, const BlockProp *, uint32_t i);    /* of event i */
#endif
