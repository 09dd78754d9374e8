/* json_index: where the tokens of a JSON text stand, found 64 bytes at a time.
 *
 * The first of the reader's two steps, json.c's own business. It finds, without a branch for each
 * byte, the position of every quote, brace, bracket, comma and colon outside strings, of the
 * first byte of every other run (numbers, words, rubbish), and inside strings of every backslash that
 * starts an escape. So a string's end is the token after its start, unless that is a backslash.
 * It also refuses what may stand nowhere: control bytes and bytes that are not UTF-8. Such a byte
 * ends the text (.limit), and the second step, which meets the end too early, says where.
 *
 * Tokens come in windows; the buffer is small enough to stay in the first cache. */
#ifndef LIUKE_JSON_INDEX_H
#define LIUKE_JSON_INDEX_H
#include "base/base.h"

enum {
    JSON_INDEX_WINDOW = 2048,                 /* bytes of text indexed at a time */
    JSON_INDEX_AHEAD  = 16,                   /* tokens that may be looked at before json_index_more() */
    JSON_INDEX_ROOM   = JSON_INDEX_WINDOW + 2 * JSON_INDEX_AHEAD + 64
};
typedef enum JsonIndexKind {
    JSON_INDEX_BEST, JSON_INDEX_PLAIN, JSON_INDEX_SSE2, JSON_INDEX_AVX2, JSON_INDEX_AVX512
} JsonIndexKind;

typedef struct JsonIndex {
    const char *text;
    uint32_t n, limit;                        /* limit: n, or where the first impossible byte stands */
    uint32_t at;                              /* text is indexed up to here */
    uint32_t utf8;                            /* what is not ASCII has been checked up to here */
    uint64_t in_string, escaped, in_run;      /* carried from block to block: all ones or zero, bit 0, bit 0 */
    uint32_t count;                           /* of token[] */
    uint32_t token[JSON_INDEX_ROOM];          /* rising; at the text's end JSON_INDEX_AHEAD times .limit */
} JsonIndex;

void json_index_start(JsonIndex *, Str text);
/* Keep the tokens from `from` on, as the first, and add at least JSON_INDEX_AHEAD more. */
void json_index_more(JsonIndex *, const uint32_t *from);
/* For tests: use this way of scanning, for the whole process. false: the machine does not have it. */
bool json_index_use(JsonIndexKind);
#endif
