/* scan_in: what the ways of scanning share: a plan made ready, the streams to merge, values as numbers. */
#ifndef LIUKE_SCAN_IN_H
#define LIUKE_SCAN_IN_H
#include "store/events/scan.h"
#include "store/events/source.h"

/* The number of a text, its memory taken from the run's when it is new. Any thread. */
Status scan_text_take(Cx *, ScanTexts *, ScanRun *, Str, uint64_t *ret) MUST_USE;
/* LIMITED question_stopped or question_time when it is so; counts events looked at. run may be NULL. */
Status scan_watch(Cx *, ScanRun *, int64_t events) MUST_USE;

/* The plan as the sources take it, for everybody. Memory: cx->arena. */
Status scan_wants(Cx *, const Snapshot *, const ScanPlan *, SourcePlan *ret, SelectorPlan *ret_sel) MUST_USE;

/* scan_trait() of a slot, texts changed by its map(); of one person alone, at [0]. */
Status scan_trait_slot(Cx *, const Snapshot *, const ScanSlot *, ScanTexts *, ScanRun *, TraitColumn *ret) MUST_USE;
Status scan_trait_person(Cx *, const Snapshot *, const ScanSlot *, ScanTexts *, uint32_t root,
    TraitColumn *ret) MUST_USE;

/* Rows in memory, sorted; whole events of moved people are kept as entries, too. */
typedef struct ScanRows {
    Row *p; size_t n, cap;
    uint8_t *kind; uint64_t *value; size_t cap_values;    /* of row r at r->slot * n_slots */
    Chunk *bytes; size_t bytes_used, bytes_all;
} ScanRows;
typedef struct ScanInput { ScanRows tail, aside; } ScanInput;
/* only: of the person with this key; NULL: of all. */
Status scan_input(Cx *, const Snapshot *, const SourcePlan *, bool whole, const uint32_t *only,
    ScanInput *ret) MUST_USE;
void   scan_input_done(ScanInput *);

typedef struct ScanSources { Source *p; size_t n; } ScanSources;
/* In log order. Plan and work live as long. */
Status scan_sources(Cx *, const Snapshot *, const SourcePlan *, const ScanInput *, SourceWork *,
    ScanSources *ret) MUST_USE;
/* All of them stepped to the first person of the range. */
Status scan_sources_range(Cx *, ScanSources *, uint32_t key_first, uint32_t key_last) MUST_USE;
void   scan_sources_done(ScanSources *);
size_t scan_damaged(const Snapshot *);

/* One person after another out of the sources, into a fold. One thread's. */
typedef struct ScanMerge {
    const Snapshot *snap;
    const ScanPlan *plan;
    const TraitColumn *traits;   /* one a slot, empty where it asks for none */
    bool      one;               /* traits of the one person there is, else by root */
    Fold     *fold;
    SourceWork work;
    ScanSources sources;
    uint64_t *keys;              /* of each source, the person it stands at */
    ScanCount count;
    /* a person's events when they come from several sources */
    int64_t  *time;
    uint32_t *mask;
    uint8_t  *kind[SCAN_SLOTS];
    uint64_t *value[SCAN_SLOTS];
    size_t    n, cap;
    /* a trait, for each event the same */
    uint8_t  *trait_kind[SCAN_SLOTS];
    uint64_t *trait_value[SCAN_SLOTS];
    size_t    cap_trait;
} ScanMerge;
/* Sources are opened; scan_merge_range() then walks one range of keys after another. quit: set by another thread when
 * it is all in vain. */
Status scan_merge_open(Cx *, ScanMerge *, const SourcePlan *, const ScanInput *) MUST_USE;
Status scan_merge_range(Cx *, ScanMerge *, uint32_t key_first, uint32_t key_last, const _Atomic bool *quit) MUST_USE;
void   scan_merge_done(ScanMerge *);
#endif
