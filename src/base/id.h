/* id: numbers unique over all nodes, and their text form.
 *
 * 41 bits ms since 2020-01-01, 10 bits node, 12 bits counter: ids sort by time.
 * Text is a prefix, "_" and 13 Crockford base 32 digits ("per_0K3..."). */
#ifndef LIUKE_ID_H
#define LIUKE_ID_H
#include "base/base.h"

enum { ID_PREFIX_MAX = 7, ID_TEXT_MAX = ID_PREFIX_MAX + 1 + 13 };

void    id_start(int node);                   /* 0..1023, once, before the first id */
int64_t id_new(const Cx *);                   /* from cx->now; a full counter borrows the next ms. Any thread. */
int64_t id_time(int64_t id);                  /* the ms it was made in */
size_t  id_text(const char *prefix, int64_t id, char ret[ID_TEXT_MAX + 1]);   /* NUL-terminated; its length */
bool    id_parse(Str, const char *prefix, int64_t *ret);   /* also lower case and Crockford's look-alikes */
#endif
