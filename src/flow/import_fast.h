/* import_fast: the short way of a CSV row into a bulk: for rows in which nothing is unusual, as nearly all are.
 *
 * Whatever it does not know (a personal column, a value that has to be scrubbed, a form of time it does not read, any
 * error) it leaves to the general way of import_row.h, which decides: both give the same events. What is the same from
 * row to row is remembered: names, actors, the value of a column in the row before. Rows go in groups: what the first
 * of them will look up is fetched into the cache while the others are read. */
#ifndef LIUKE_IMPORT_FAST_H
#define LIUKE_IMPORT_FAST_H
#include "flow/import_row.h"
#include "flow/import_session.h"

typedef struct ImportFast ImportFast;
/* *ret NULL: all rows of this file go the general way. Lives in the session's arena, but for what done() frees. */
Status import_fast_new(Cx *, const Keys *, ImportSession *, const ImportMap *, const Str *names, size_t n_names,
    ImportFast **ret) MUST_USE;
void   import_fast_done(ImportFast *);           /* NULL is fine */
/* raw: all bytes of the row, from which it can be read again; line: where it begins, at: in the file. */
typedef struct ImportFastRow { Str raw; int64_t line, at; } ImportFastRow;
void   import_fast_piece(ImportFast *);          /* a new piece: what stood in the one before is gone */
/* Into the group, which has room. The cells have to stay until it is taken. NOT_FOUND: the general way, after those
 * that wait. */
Status import_fast_row(Cx *, ImportFast *, const ImportFastRow *, const Str *cells, size_t n) MUST_USE;
bool   import_fast_full(const ImportFast *);
/* The first of the group into the bulk, unless its message was there before (*ret_repeated). NOT_FOUND: *ret has to go
 * the general way, now. CONFLICT: none waits. */
Status import_fast_take(Cx *, ImportFast *, ImportFastRow *ret, bool *ret_repeated) MUST_USE;
#endif
