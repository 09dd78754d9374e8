#include "store/events/frame.h"
#include "store/events/le.h"
#include <xxhash.h>

/* size 24 · kind 255 · version 2 · 0 0, as the eight bytes of a seal's start */
static const char mark[8] = { FRAME_SEAL, 0, 0, 0, (char)0xff, 2, 0, 0 };
enum { AT_SIZE = 8, AT_N = 12, AT_CHECK = 16, ENTRY_MIN = 8 };

static uint64_t check_of(const char *entries, size_t size, int64_t pos)
{
    return XXH3_64bits_withSeed(entries, size + AT_CHECK, (XXH64_hash_t)pos);
}
void frame_seal(char *entries, size_t size, uint32_t n, int64_t pos)
{
    char *seal = entries + size;
    memcpy(seal, mark, sizeof mark);
    le_put32(seal + AT_SIZE, (uint32_t)size);
    le_put32(seal + AT_N, n);
    le_put64(seal + AT_CHECK, check_of(entries, size, pos));
}
/* Where the seal stands, by the lengths of the entries before it. */
static FrameIs seal_at(Str bytes, size_t *ret)
{
    size_t at = 0;
    for (;;) {
        if (at > LOG_GROUP_MAX) return FRAME_DAMAGED;
        if (bytes.n - at < 8) return FRAME_SHORT;
        if (memcmp(bytes.p + at, mark, sizeof mark) == 0) break;
        size_t size = le_get32(bytes.p + at);
        if (size == 0 && at == 0) return FRAME_NONE;
        if (size < ENTRY_MIN || size > LOG_FRAME_MAX) return FRAME_DAMAGED;
        if (size > bytes.n - at) return FRAME_SHORT;
        at += size;
    }
    *ret = at;
    return bytes.n - at < FRAME_SEAL ? FRAME_SHORT : FRAME_WHOLE;
}
FrameIs frame_get(Str bytes, int64_t pos, Frame *ret)
{
    size_t at;
    FrameIs is = seal_at(bytes, &at);
    if (is != FRAME_WHOLE) return is;
    const char *seal = bytes.p + at;
    size_t size = le_get32(seal + AT_SIZE);
    *ret = (Frame){ .pos = pos + (int64_t)at - (int64_t)size, .end = pos + (int64_t)at + FRAME_SEAL,
        .n = le_get32(seal + AT_N) };
    if (size > at) return size <= LOG_GROUP_MAX && ret->pos >= 0 ? FRAME_INSIDE : FRAME_DAMAGED;
    if (size < at || le_get64(seal + AT_CHECK) != check_of(bytes.p, size, pos)) return FRAME_DAMAGED;
    ret->entries = (Str){ bytes.p, size };
    return FRAME_WHOLE;
}
bool frame_find(Str bytes, size_t from, int64_t pos, size_t *ret_seal, int64_t *ret_pos)
{
    if (from > bytes.n) return false;
    const char *seal = memmem(bytes.p + from, bytes.n - from, mark, sizeof mark);
    if (!seal || (size_t)(bytes.p + bytes.n - seal) < FRAME_SEAL) return false;
    *ret_seal = (size_t)(seal - bytes.p);
    *ret_pos = pos + (int64_t)*ret_seal - (int64_t)le_get32(seal + AT_SIZE);
    return true;
}
