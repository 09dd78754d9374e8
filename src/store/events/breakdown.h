/* breakdown: which values of a breakdown are kept: those with the most people, at equal numbers by their texts. */
#ifndef LIUKE_BREAKDOWN_H
#define LIUKE_BREAKDOWN_H
#include "store/events/groups.h"
#include "store/events/query.h"

typedef struct Breakdown { size_t n; const uint32_t *group; const QueryGroup *text; } Breakdown;
/* Of n keys with so many people each: the kept ones, best first; those with nobody never. *ret in cx->arena. Texts are
 * made only for what stands at the limit. */
Status breakdown_keep(Cx *, const QueryScope *, const GroupKey *keys, const int64_t *people, size_t n,
    Breakdown *ret) MUST_USE;
size_t breakdown_limit(const QueryScope *);
bool   breakdown_same(const QueryScope *, const QueryGroup *, const QueryGroup *);
#endif
