/* arena: memory that dies with its Cx, and the few heap calls for what lives longer.
 *
 * An arena grows in blocks up to a hard cap and is not thread safe. The allocation
 * fault sits here, in both kinds, because an arena asks malloc too seldom. */
#ifndef LIUKE_ARENA_H
#define LIUKE_ARENA_H
#include "base/base.h"

Arena *arena_new(size_t cap);                 /* NULL: no memory. arena_free() it. */
Arena *arena_new_sized(size_t cap, size_t first);   /* whose first block, kept by arena_reset(), has that size */
void   arena_free(Arena *);                   /* NULL is fine */
void   arena_reset(Arena *);                  /* empty again; keeps its first block */
void  *arena_get(Arena *, size_t n) MUST_USE; /* zeroed, 16-byte aligned; NULL past cap or on failure */
void  *arena_raw(Arena *, size_t n) MUST_USE; /* the same, not zeroed */
size_t arena_used(const Arena *);             /* bytes given out since new or reset, for budgets */
size_t arena_failures(const Arena *);         /* how often it gave NULL since then: whoever answers can say so once */
Str    arena_str(Arena *, Str);               /* a copy, NUL after it; .p == NULL on failure */

#define ARENA_NEW(a, T)       ((T *)arena_get((a), sizeof(T)))
#define ARENA_MANY(a, T, n) ((T *)((size_t)(n) > SIZE_MAX / sizeof(T) ? NULL : arena_get((a), (size_t)(n) * sizeof(T))))

/* The heap, for what a request does not own. Both can be made to fail by fault.h. */
void *mem_get(size_t n) MUST_USE;             /* zeroed; NULL on failure */
void *mem_grow(void *, size_t n) MUST_USE;    /* realloc: not zeroed; NULL leaves the old one alone */
void  mem_free(void *);
#endif
