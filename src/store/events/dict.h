/* dict: texts ↔ dense numbers in order of first appearance, on the heap. */
#ifndef LIUKE_DICT_H
#define LIUKE_DICT_H
#include "base/base.h"

typedef struct DictPage DictPage;
typedef struct Dict {
    Str      *texts;             /* n of them; they never move */
    size_t    n, cap, bytes;
    uint32_t *slots;
    size_t    n_slots;
    DictPage *pages;
} Dict;                          /* all zero: empty */
Status dict_add(Cx *, Dict *, Str, uint32_t *ret) MUST_USE;    /* its number, a new one where there is none */
bool   dict_find(const Dict *, Str, uint32_t *ret);
void   dict_done(Dict *);        /* frees; empty again */
#endif
