/* list: the parameters that every list takes: ?limit= and ?after=, and the cursor it gives back. */
#ifndef LIUKE_LIST_H
#define LIUKE_LIST_H
#include "api/app.h"

Status list_limit(Cx *, const Req *, size_t *ret) MUST_USE;      /* INVALID "limit" outside 1..LIST_LIMIT_MAX */
Status list_after(Cx *, const Req *, int64_t otherwise, int64_t *ret) MUST_USE;   /* INVALID "after" bad_cursor */
void   list_next(JsonW *, bool more, int64_t cursor);            /* "next": the cursor, or null */

/* A cursor in time: events of one ms may stand on two pages, so it says how many of them were given. */
typedef struct ListPlace { int64_t time, given; } ListPlace;
Status list_place(Cx *, const Req *, ListPlace *ret) MUST_USE;   /* absent: INT64_MAX, 0 */
void   list_place_next(JsonW *, bool more, ListPlace);
#endif
