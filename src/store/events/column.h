/* column: arrays of numbers and of texts as bytes, and back. Drawn in docs/storage.md.
 *
 * Numbers are kept as the cheapest of three forms: one value; bits above a base, packed in groups
 * of 256 with 8 lanes of 32 bits side by side (one kernel serves all widths, and a vector register holds
 * one step of it); or runs. Texts are lengths and bytes, squeezed by zstd where that saves something.
 * Reading takes from the front of *bytes and checks every length: false means damaged. */
#ifndef LIUKE_COLUMN_H
#define LIUKE_COLUMN_H
#include "base/buf.h"

void column_put(Buf *, const uint64_t *, size_t n);
bool column_get(Str *bytes, size_t n, uint64_t *ret) MUST_USE;
bool column_get32(Str *bytes, size_t n, uint32_t *ret) MUST_USE;     /* false also for a value past 32 bits */

void column_put_texts(Buf *, const Str *, size_t n);
/* Slices of *ret_heap, which is the caller's to mem_free(); at most max bytes of text. */
Status column_get_texts(Cx *, Str *bytes, size_t n, size_t max, Str *ret, char **ret_heap) MUST_USE;

/* The small fixed fields around columns, little end first. */
void column_put_u32(Buf *, uint32_t);
void column_put_u64(Buf *, uint64_t);
bool column_get_u32(Str *bytes, uint32_t *ret) MUST_USE;
bool column_get_u64(Str *bytes, uint64_t *ret) MUST_USE;
bool column_skip(Str *bytes, size_t n, Str *ret) MUST_USE;           /* ret: the n bytes */

static inline unsigned column_bits(uint64_t v) { return v ? 64 - (unsigned)__builtin_clzll(v) : 0; }
static inline uint64_t column_zigzag(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }
static inline int64_t  column_zagzig(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }
#endif
