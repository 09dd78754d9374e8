/* path_url: addresses that mean the same page become the same text. Pure; no memory. */
#ifndef LIUKE_PATH_URL_H
#define LIUKE_PATH_URL_H
#include "base/base.h"

/* A '/' at the end always goes, unless it is all there is. A pattern is a path with '*' for whole parts, as in
 * "/shop/" "*" "/item": in an address that begins with its parts those parts become '*'. ids: parts that are numbers,
 * or 16 and more hexadecimal digits and dashes with a digit among them, become '*', too. */
typedef struct PathUrl {
    bool drop_query, drop_fragment, ids;
    const Str *patterns; size_t n_patterns;
} PathUrl;
/* room: as many bytes as the text has. */
Str path_url(const PathUrl *, Str, char *room);
#endif
