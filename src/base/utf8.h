/* utf8: is this UTF-8 (RFC 3629: nothing overlong, no surrogates, at most U+10FFFF)?
 *
 * Cost: about 10 GB/s of ASCII and 2 GB/s of Chinese a core. */
#ifndef LIUKE_UTF8_H
#define LIUKE_UTF8_H
#include "base/base.h"

size_t utf8_char(Str);                        /* bytes of the character s starts with, 1..4; 0: none, or not valid */
size_t utf8_multi(Str);                       /* bytes of valid characters past ASCII that s starts with */
size_t utf8_good(Str);                        /* bytes of the longest valid beginning; s.n: all of it */
size_t utf8_put(uint32_t code, char ret[4]);  /* 1..4 bytes of a code point; the caller keeps it in range */
#endif
