/* scan: the one loop over a snapshot. People in the order of their keys, each with all chosen events in time order,
 * merged from segments, the tail, and what has moved to them from others since segments were written.
 *
 * A segment found damaged on the way is left out and the scan begins again without it. */
#ifndef LIUKE_SCAN_H
#define LIUKE_SCAN_H
#include "store/events/fold.h"
#include "store/events/selector.h"
#include <stdatomic.h>

enum { SCAN_LEFT_OUT = PERSON_ERASED | PERSON_NO_ANALYTICS | PERSON_STAFF | PERSON_BOT, SCAN_SLOTS = 8 };

/* Texts met by a scan ↔ numbers, shared by its threads; a slot's map() may change a text first (URL normalising). */
typedef struct ScanTexts ScanTexts;
Status scan_texts_new(Cx *, ScanTexts **ret) MUST_USE;
void   scan_texts_done(ScanTexts *);
Str    scan_text(ScanTexts *, uint64_t code);             /* lives as long; any thread */
Status scan_text_code(Cx *, ScanTexts *, Str, uint64_t *ret) MUST_USE;   /* its number, made when new */

typedef enum SlotKind { SLOT_PROP, SLOT_NAME, SLOT_TRAIT } SlotKind;
/* A value wanted of each chosen event. PROP also knows "$event", "$source", "$trust", as predicates do. TRAIT: the
 * person's trait as it is now (latest by event time), the same for all. */
typedef struct ScanSlot {
    SlotKind kind;
    Str      name;               /* of the property or trait */
    Status (*map)(Cx *, Str, Str *ret);                   /* NULL: as it is */
} ScanSlot;

/* How a question is watched and bounded; may be shared by several scans of one question. All but stop are its own. */
typedef struct ScanRun {
    _Atomic bool    stop;        /* set by anybody: the scan ends with LIMITED question_stopped within about 20 ms */
    _Atomic int64_t done, of;    /* events looked at so far, and in all: for a progress bar */
    int64_t deadline;            /* clock_mono() ms; past it LIMITED "time" question_time; 0: none */
    size_t  bytes_max;           /* folds ask it before they grow: see scan_bytes(); 0: ASK_BYTES_MAX */
    _Atomic size_t bytes;
} ScanRun;
/* A fold takes so many bytes more (negative: gives back). LIMITED "memory" question_memory past the bound, and nothing
 * is taken. run may be NULL; cx, too, for folds: of a LIMITED in Fold.st the scan says the same. */
Status scan_bytes(Cx *, ScanRun *, ptrdiff_t bytes) MUST_USE;

typedef struct ScanPlan {
    const Selector  *sel;
    const ScanSlot  *slots; size_t n_slots;
    ScanTexts       *texts;      /* needed when a slot can be a text */
    const PeopleSet *who;        /* only these people; NULL: all */
    int64_t  from, to;           /* event time, to exclusive */
    int64_t  count_from;         /* events and people are counted from here on */
    ScanRun *run;                /* NULL: neither watched nor bounded */
    int      threads;            /* 0: by the number of events */
} ScanPlan;
/* left_out: people with chosen events whose flags hide them */
typedef struct ScanCount { int64_t events, people, left_out; } ScanCount;
Status scan_fold(Cx *, const Snapshot *, const ScanPlan *, Fold *, ScanCount *ret) MUST_USE;
/* The same fold over this one person. Cost: the parts of the blocks that hold the person. */
Status scan_person(Cx *, const Snapshot *, const ScanPlan *, uint32_t root, Fold *) MUST_USE;

/* Latest value by event time of a trait of every person (from $identify events, trust honoured), by root; cached with
 * the snapshot's segments. kind PROP_NULL: none. */
typedef struct TraitColumn { uint32_t n; uint8_t *kind; uint64_t *value; ScanTexts *texts; } TraitColumn;
Status scan_trait(Cx *, const Snapshot *, Str name, ScanTexts *, ScanRun *, TraitColumn *ret) MUST_USE;
void   scan_trait_done(TraitColumn *);

/* Whole events, person after person in the order of keys; NOT_FOUND from each stops. Erased people are skipped
 * when hide_erased is set. Slices live during the call. */
typedef Status ScanRow(Cx *, void *arg, uint32_t root, uint32_t actor, const Event *);
Status scan_rows(Cx *, const Snapshot *, int64_t from, int64_t to, bool hide_erased, ScanRow *, void *arg) MUST_USE;
#endif
