/* tally_in: what the ways of counting share: tables. */
#ifndef LIUKE_TALLY_IN_H
#define LIUKE_TALLY_IN_H
#include "store/events/tally.h"

Status tally_open(Cx *, const TallyPlan *, Tally *ret) MUST_USE;
/* Cells of so many groups. NO_MEM or LIMITED, without a why. */
Status tally_room(Tally *, size_t groups) MUST_USE;
/* Groups in which nothing was counted are left out. Likewise. */
Status tally_merge(Tally *, const Tally *from) MUST_USE;
/* The same as tally_run(), for counts. NOT_FOUND: another way must be taken. */
Status tally_by_blocks(Cx *, const Snapshot *, const TallyPlan *, Tally *ret, ScanCount *ret_count) MUST_USE;
#endif
