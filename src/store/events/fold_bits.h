/* fold_bits: questions that are one person's bits of periods counted into one row of numbers: lifecycle, stickiness.
 *
 * With a breakdown there is a row for each of the values that most people have in the grid; the rest are one more, in
 * which a person's other values are one: her bits of all of them together, counted once. That takes a second run
 * when a person
 * may have several, or when there are too many values for a row each. */
#ifndef LIUKE_FOLD_BITS_H
#define LIUKE_FOLD_BITS_H
#include "store/events/groups.h"
#include "store/events/presence.h"
#include "store/events/query.h"

typedef struct FoldBits FoldBits;
struct FoldBits {
    const QueryScope *scope;
    const Matcher *event;
    Grid     grid;
    bool     before, count_events;           /* as in PresencePlan */
    size_t   n_values;
    void   (*row)(const FoldBits *, const uint64_t *bits, int64_t *values);           /* adds one person's */
    /* The same for many people by period; words: a multiple of PRESENCE_PAD. */
    void   (*columns)(const FoldBits *, const uint64_t *const *col, size_t words, int64_t *values);
    bool   (*in)(const FoldBits *, const uint64_t *bits);  /* is she counted in the number whose people are wanted? */
    const void *arg;             /* theirs */
    const QueryGroup *cell;      /* of the number whose people are wanted, with a breakdown */
    PeopleSet *people;           /* NULL: not wanted */
};
typedef struct FoldBitsTable { QueryGroup group; int64_t people; const int64_t *values; } FoldBitsTable;
typedef struct FoldBitsAnswer { ScanCount count; const FoldBitsTable *tables; size_t n; } FoldBitsAnswer;
/* One table; with a breakdown most people first, "other" last. Memory: cx->arena. */
Status fold_bits_run(Cx *, const Snapshot *, const FoldBits *, FoldBitsAnswer *ret) MUST_USE;
static inline bool fold_bits_has(const uint64_t *bits, size_t i) { return bits[i / 64] >> (i % 64) & 1; }
#endif
