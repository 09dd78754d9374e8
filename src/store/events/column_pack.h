/* column_pack: the inner loops of columns: groups of 256 numbers as bits and back, and sums of differences.
 *
 * A group of width w is 32 w bytes: value i stands in lane i mod 8 at step i / 8, each lane a string of 32 w bits.
 * One loop for each width, in what the machine has; every way gives the same. No bounds are checked here. */
#ifndef LIUKE_COLUMN_PACK_H
#define LIUKE_COLUMN_PACK_H
#include "base/base.h"

enum { COLUMN_GROUP = 256 };
typedef enum ColumnPackKind { COLUMN_PACK_BEST, COLUMN_PACK_PLAIN, COLUMN_PACK_AVX2,
    COLUMN_PACK_AVX512 } ColumnPackKind;

/* v less base, the low w bits of it (0 to 32). */
void column_pack(const uint32_t *v, uint32_t base, unsigned w, char *to);
/* Sums wrap at 32 bits. */
void column_unpack(const char *from, unsigned w, uint32_t base, uint32_t *ret);
void column_unpack8(const char *from, unsigned w, uint8_t base, uint8_t *ret);     /* w at most 8 */

/* 256 numbers: of[code], or where a code is `other` the next of others, COLUMN_OTHERS_PAST bytes of which may be
 * read past
 * what is taken. How many are taken. */
enum { COLUMN_OTHERS_PAST = 64 };
typedef struct ColumnCommon { uint8_t of[16], other; } ColumnCommon;
size_t column_common(const ColumnCommon *, const uint8_t *code, const uint8_t *others, uint8_t *ret);

/* Least and most, and how many differ from the one before; n at least 1. */
typedef struct ColumnExtent { uint64_t min, max; size_t changes; } ColumnExtent;
ColumnExtent column_extent(const uint64_t *v, size_t n);
ColumnExtent column_extent32(const uint32_t *v, size_t n);

/* Runs of a block and what lies between: run r begins with event first[r] at start[r], each event after it is delta
 * later. delta: of the first run's second event on, COLUMN_SUM_PAST numbers may be read past its end. time: n numbers
 * from the first run's first event on, base added; sums wrap at 32 bits. */
enum { COLUMN_SUM_PAST = 16 };
typedef struct ColumnSum { const uint32_t *first, *start,
    *delta; uint32_t runs; int64_t base; int64_t *time; } ColumnSum;
void column_sum(const ColumnSum *);
/* Planes of single bits, n of each, 8 to a byte: plane k sets bit[k] of the numbers where it has ones, others are
 * zero. */
void column_planes(const char *const *plane, const uint8_t *bit, unsigned planes, size_t n, uint64_t *ret);
/* For tests: use this way, for the whole process. false: the machine does not have it. */
bool column_pack_use(ColumnPackKind);
#endif
