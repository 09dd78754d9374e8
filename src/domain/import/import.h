/* import: which files were read into the log, and how far.
 *
 * A file is known by the hash of its first 64 KiB (or of all of it, while it is shorter): read again it brings
 * nothing new, grown it brings the rest, and a changed beginning is a conflict until the caller says it is a new
 * file. `done` is the
 * offset after the last row whose event is durable.
 *
 * Tables:  import (nobody else reads or writes it). */
#ifndef LIUKE_IMPORT_H
#define LIUKE_IMPORT_H
#include "store/records/records.h"

enum { IMPORT_FIRST_BYTES = 65536 };
typedef struct Import {
    int64_t id, source, changed;
    Str     name, format, map;
    Str     head;   /* names of the columns, as the file's first row or the caller gave them; empty: not read yet */
    uint8_t hash[32]; int64_t hashed;
    int64_t done, line, kept, rejected;
} Import;
/* newest first, at most 200 */
Status import_of_source(Cx *, int64_t source, const Import **ret, size_t *ret_n) MUST_USE;
Status import_add(Cx *, const Import *) MUST_USE;                      /* in a transaction */
Status import_save(Cx *, const Import *) MUST_USE;   /* in a transaction: all but id, source, name */
Status import_get(Cx *, int64_t id, Import *ret) MUST_USE;
/* newest first, those with a smaller id than before; limit at most 200 */
Status import_list(Cx *, int64_t before, size_t limit, const Import **ret, size_t *ret_n) MUST_USE;
#endif
