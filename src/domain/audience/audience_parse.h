/* audience_parse: what the parser's files share: where it stands, and how it says what is wrong. */
#ifndef LIUKE_AUDIENCE_PARSE_H
#define LIUKE_AUDIENCE_PARSE_H
#include "domain/audience/audience_in.h"

/* Where we are: a chain on the stack, written out only when something is wrong. key.p NULL: an item. */
typedef struct ParsePath { const struct ParsePath *up; Str key; int64_t index; } ParsePath;
typedef struct Parse {
    Cx       *cx;
    Audience *a;
    AudienceSpeaks speaks;
    int       depth, terms;
    const int64_t *chain; size_t n_chain;        /* the segments being read, the outermost first */
} Parse;
Status audience_parse_refuse(Parse *, const ParsePath *, Msg, const Param *, size_t) MUST_USE;
/* The shape's error with the path of the object before its field. */
Status audience_parse_shape(Parse *, const Shape *, const JsonNode *, const ParsePath *, void *ret) MUST_USE;
Status audience_parse_want(Parse *, const ParsePath *, Msg want) MUST_USE;   /* wrong_type */
/* An expression over events as a Where; NULL node: *ret is NULL. */
Status audience_parse_where(Parse *, const JsonNode *, const ParsePath *, const Where **ret) MUST_USE;
/* {"did":{…}} and its like. */
Status audience_parse_behaviour(Parse *, Str word, const JsonNode *, const ParsePath *, AudienceNode *ret) MUST_USE;
#endif
