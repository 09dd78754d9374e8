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
    bool     people;             /* a set of people is asked for */
    Str     *props;              /* different properties asked for, SELECTOR_PREDS + SELECTOR_MORE at most */
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

/* One thread's way through the blocks of one segment. */
typedef struct SelectorBlocks {
    const SelectorPlan *plan;
    const PeopleView *view;
    Segment  *seg;
    bool      moved;             /* people of it may have moved */
    uint32_t *name_mask, any;    /* any: all of them or-ed */
    uint8_t  *origin_shown;
    bool      hides;             /* some origin is hidden */
    int64_t  *ids;               /* of the plan's properties in the segment; -1: none */
    uint8_t **known;             /* by predicate, of each text of the dictionary (name, origin): 0 not compared yet, 1, 2 */
    /* the block looked at */
    Block    *block;
    BlockProp *props;
    uint8_t  *state;             /* of each property: not decoded, there, none */
    Str      *items;
    size_t    cap_items;
} SelectorBlocks;
Status selector_blocks_open(Cx *, const SelectorPlan *, const PeopleView *, Segment *, SelectorBlocks *ret) MUST_USE;
void   selector_blocks_done(SelectorBlocks *);
/* Masks of all events of the block; *ret_any: all of them or-ed. */
Status selector_blocks_mask(Cx *, SelectorBlocks *, Block *, uint32_t *mask, uint32_t *ret_any) MUST_USE;
/* A property of that block, until the next; NULL: no event has it. */
Status selector_blocks_prop(Cx *, SelectorBlocks *, int32_t prop, const BlockProp **ret) MUST_USE;
#endif
