/* json_number: a number's text becomes exactly its int64 or the nearest double. json.c's own business. */
#ifndef LIUKE_JSON_NUMBER_H
#define LIUKE_JSON_NUMBER_H
#include "base/json.h"

/* From *at (a digit or '-') below end: moves *at past the number and sets ret's kind, inexact, skip and
 * value. INVALID, with no reason said and *at where it goes wrong, when it is no number or past double's range. */
Status json_number(Cx *, const char **at, const char *end, JsonNode *ret) MUST_USE;
#endif
