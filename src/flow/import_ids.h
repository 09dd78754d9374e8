/* import_ids: texts of ids → numbers of actors: to look a text up is cheaper than its keyed hash and the store's table.
 *
 * A slot is half a line of the cache and holds a text of up to 23 bytes itself, so that a look, asked for ahead,
 * waits for nothing. Past IDS_BYTES it begins again: ids come in runs. Used by import_fast only. */
#ifndef LIUKE_IMPORT_IDS_H
#define LIUKE_IMPORT_IDS_H
#include "base/base.h"

typedef struct ImportIds { struct ImportId *slots; size_t n, cap, bytes; } ImportIds;      /* all zero: empty */
uint64_t import_ids_hash(Str);
void   import_ids_soon(const ImportIds *, uint64_t hash);        /* it will be looked for */
bool   import_ids_find(const ImportIds *, uint64_t hash, Str, uint32_t *ret);
Status import_ids_add(Cx *, ImportIds *, uint64_t hash, Str, uint32_t actor) MUST_USE;     /* one that is not there */
void   import_ids_done(ImportIds *);             /* frees; empty again */
#endif
