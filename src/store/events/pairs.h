/* pairs: of many rows that each have bits a and bits b, how many have bit i of a and bit j of b, for every i < j;
 * and how
 * many have bit i of a. That is all a retention table counts, when a bit is a period.
 *
 * Three ways of the same sum (pairs_test.c holds them equal), the cheapest for the machine and the rows at hand: bit by
 * bit; a row at a time, all of a start's counters at once; 512 rows at a time turned on their side, so that a counter's
 * share is an AND and a count of bits. Cycles a row at 90 bits with 10 starts: 134, 64, 14, the last with any rows. */
#ifndef LIUKE_PAIRS_H
#define LIUKE_PAIRS_H
#include "base/base.h"

enum { PAIRS_WORDS = 3, PAIRS_BITS = PAIRS_WORDS * 64, PAIRS_BATCH = 512 };
static inline size_t pairs_words(size_t bits) { return (bits + 63) / 64; }
/* Adds to cells, bits rows of pairs_words(bits) * 64 counters: [i][j] for i < j the pairs, [i][i] the rows with bit i
 * of a; [i][j] for j < i mean nothing. Row r's words stand at a + r * words, b + r * words; a bit at `bits` and above
 * is never set. Any number of rows. bits <= PAIRS_BITS. */
void pairs_add(uint32_t *cells, size_t bits, size_t rows, const uint64_t *a, const uint64_t *b);

typedef enum PairsKind { PAIRS_BEST, PAIRS_PLAIN, PAIRS_AVX2, PAIRS_TURNED } PairsKind;
bool pairs_use(PairsKind);       /* for tests and measurements; false: the machine cannot */
#endif
