/* frame: one commit of the log: a run of entries and a seal that makes them count (drawn in docs/storage.md).
 *
 * The check covers every entry and the position, so that old bytes, bytes of another file and zeros never count. A
 * frame whose seal does not hold was never acknowledged. The seal stands at the end so that the entries can be handed
 * on as they lie in memory; it begins with eight bytes that no entry begins with and UTF-8 text cannot contain, so
 * that the next whole frame can be found behind a damaged one. */
#ifndef LIUKE_FRAME_H
#define LIUKE_FRAME_H
#include "base/limits.h"
#include "store/events/entry.h"

enum { FRAME_SEAL = 24, FRAME_MAX = LOG_GROUP_MAX + FRAME_SEAL };
typedef enum FrameIs {
    FRAME_WHOLE,
    FRAME_INSIDE,                /* bytes begins at a later entry of a frame that begins at ret->pos (not checked) */
    FRAME_SHORT,                 /* what is there may be the start of one: more bytes are needed */
    FRAME_NONE,                  /* zeros: nothing was written here */
    FRAME_DAMAGED
} FrameIs;
typedef struct Frame { int64_t pos, end; Str entries; uint32_t n; } Frame;   /* end: where the next begins */

void    frame_seal(char *entries, size_t size, uint32_t n, int64_t pos);     /* writes FRAME_SEAL bytes after them */
FrameIs frame_get(Str bytes, int64_t pos, Frame *ret);                       /* bytes stand at position pos */
/* Offset of the first seal at or after from, and where its frame would begin; false: there is none. */
bool    frame_find(Str bytes, size_t from, int64_t pos, size_t *ret_seal, int64_t *ret_pos);
#endif
