/* pick: the inner loops that find the chosen events of a block, in what the machine has; every way gives the same. */
#ifndef LIUKE_PICK_H
#define LIUKE_PICK_H
#include "base/base.h"

typedef enum PickKind { PICK_BEST, PICK_PLAIN, PICK_AVX2, PICK_AVX512 } PickKind;
/* Bit i of word w: chosen[names[64 w + i]] is not 0. n: of names, the last word's other bits are 0. top: names are
 * below it; chosen has 256 entries of 0 or 1. */
void   pick_names(const uint8_t *names, size_t n, const uint8_t *chosen, unsigned top, uint64_t *ret_bits);
/* Places of the ones, `at` being the first bit's; PICK_PAST more may be written past them. Returns how many. */
enum { PICK_PAST = 64 };
size_t pick_places(const uint64_t *bits, size_t words, uint32_t at, uint32_t *ret);
/* For tests: use this way, for the whole process. false: the machine does not have it. */
bool   pick_use(PickKind);
#endif
