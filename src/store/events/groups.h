/* groups: combinations of up to three values ↔ dense numbers 0, 1, 2 …, for breakdowns.
 *
 * A combination is compared by kind and value (texts by their number in one ScanTexts, so across folds of one
 * question).
 * Doubles that are whole equal the int. */
#ifndef LIUKE_GROUPS_H
#define LIUKE_GROUPS_H
#include "store/events/fold.h"

enum { GROUPS_KEYS = 3 };
typedef struct GroupKey { uint8_t kind[GROUPS_KEYS]; uint64_t value[GROUPS_KEYS]; } GroupKey;
/* zero: empty */
typedef struct Groups { GroupKey *keys; size_t n, cap, n_keys; uint32_t *slots; size_t n_slots; } Groups;
Status groups_add(Groups *, const GroupKey *, uint32_t *ret) MUST_USE;   /* NO_MEM without a why: for folds */
uint32_t groups_find(const Groups *, const GroupKey *);     /* UINT32_MAX: it is not there */
GroupKey groups_key_at(const FoldCol *cols, size_t n_keys, size_t i);    /* of event or row i */
void   groups_done(Groups *);
#endif
