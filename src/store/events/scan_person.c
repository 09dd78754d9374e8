#include "store/events/scan_in.h"

static Status with_traits(Cx *cx, const Snapshot *snap, const ScanPlan *plan, uint32_t root, TraitColumn *ret)
{
    for (size_t k = 0; k < plan->n_slots; k++)
        if (plan->slots[k].kind == SLOT_TRAIT)
            TRY(scan_trait_person(cx, snap, &plan->slots[k], plan->texts, root, &ret[k]));
    return ST_OK;
}
/* person() is called last of all: whatever fails has not touched the fold. */
static Status once(Cx *cx, const Snapshot *snap, const ScanPlan *plan, uint32_t root, Fold *fold)
{
    static const _Atomic bool never = false;
    TraitColumn traits[SCAN_SLOTS] = { { 0 } };
    ScanMerge m = { .snap = snap, .plan = plan, .traits = traits, .one = true, .fold = fold };
    ScanInput in = { 0 };
    SelectorPlan sel;
    SourcePlan part;
    TRY(scan_wants(cx, snap, plan, &part, &sel));
    uint32_t key = segment_key(root);
    Status st = with_traits(cx, snap, plan, root, traits);
    if (st == ST_OK) st = scan_input(cx, snap, &part, false, &key, &in);
    if (st == ST_OK) st = scan_merge_open(cx, &m, &part, &in);
    if (st == ST_OK) st = scan_merge_range(cx, &m, key, key, &never);
    scan_merge_done(&m);
    scan_input_done(&in);
    for (size_t k = 0; k < SCAN_SLOTS; k++) scan_trait_done(&traits[k]);
    return st;
}
Status scan_person(Cx *cx, const Snapshot *snap, const ScanPlan *plan, uint32_t root, Fold *fold)
{
    for (;;) {
        size_t damaged = scan_damaged(snap);
        Status st = once(cx, snap, plan, root, fold);
        if (st != ST_IO || scan_damaged(snap) == damaged) return st;
    }
}
