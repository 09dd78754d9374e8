/* import_fast: the short way of a CSV row into a bulk: for rows in which nothing is unusual, as nearly all are.
 *
 * Whatever it does not know (a personal column, a value that has to be scrubbed, a form of time it does not read, any
 * error) it leaves to the general way of import_row.h, which decides: both give the same events. What is the same from
 * row to row is remembered: names, actors, the value of a column in the row before. */
#ifndef LIUKE_IMPORT_FAST_H
#define LIUKE_IMPORT_FAST_H
#include "flow/import_row.h"
#include "flow/import_session.h"

typedef struct ImportFast ImportFast;
/* *ret NULL: all rows of this file go the general way. Lives in the session's arena, but for what done() frees. */
Status import_fast_new(Cx *, const Keys *, ImportSession *, const ImportMap *, const Str *names, size_t n_names,
    ImportFast **ret) MUST_USE;
void   import_fast_done(ImportFast *);           /* NULL is fine */
/* NOT_FOUND: the general way, nothing was taken. */
Status import_fast_row(Cx *, ImportFast *, const Str *cells, size_t n) MUST_USE;
#endif
