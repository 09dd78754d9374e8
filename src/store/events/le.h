/* le: little-endian numbers and varints at any address, for every stored form here.
 *
 * Cur reads bounded bytes and keeps a sticky .bad, so that a decoder checks once, at the end. */
#ifndef LIUKE_LE_H
#define LIUKE_LE_H
#include "base/crypto.h"
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "stored numbers are little-endian and read in place: this needs byte swapping here"
#endif

static inline uint16_t le_get16(const char *p) { uint16_t v; memcpy(&v, p, sizeof v); return v; }
static inline uint32_t le_get32(const char *p) { uint32_t v; memcpy(&v, p, sizeof v); return v; }
static inline uint64_t le_get64(const char *p) { uint64_t v; memcpy(&v, p, sizeof v); return v; }
static inline Hash128  le_get128(const char *p) { Hash128 v; memcpy(&v, p, sizeof v); return v; }
static inline char *le_put16(char *p, uint16_t v) { memcpy(p, &v, sizeof v); return p + sizeof v; }
static inline char *le_put32(char *p, uint32_t v) { memcpy(p, &v, sizeof v); return p + sizeof v; }
static inline char *le_put64(char *p, uint64_t v) { memcpy(p, &v, sizeof v); return p + sizeof v; }
static inline char *le_put128(char *p, Hash128 v) { memcpy(p, &v, sizeof v); return p + sizeof v; }

/* LEB128: seven bits a byte, the low ones first; 1 to 10 bytes. */
static inline size_t le_varint_size(uint64_t v) { return (size_t)(70 - __builtin_clzll(v | 1)) / 7; }
static inline char *le_put_varint(char *p, uint64_t v)
{
    for (; v >= 128; v >>= 7) *p++ = (char)(v | 128);
    *p++ = (char)v;
    return p;
}
/* Signed numbers near zero as small unsigned ones: 0, -1, 1, -2 ... */
static inline uint64_t le_zigzag(uint64_t v) { return v << 1 ^ (0 - (v >> 63)); }
static inline uint64_t le_unzigzag(uint64_t v) { return v >> 1 ^ (0 - (v & 1)); }

typedef struct Cur { const char *p, *end; bool bad; } Cur;
static inline Str cur_bytes(Cur *c, uint64_t n)
{
    if (n > (uint64_t)(c->end - c->p)) {
        c->bad = true;
        c->p = c->end;
        return (Str){ c->p, 0 };
    }
    Str s = { c->p, (size_t)n };
    c->p += n;
    return s;
}
static inline uint8_t cur_u8(Cur *c) { Str s = cur_bytes(c, 1); return s.n ? (uint8_t)*s.p : 0; }
static inline uint64_t cur_u64(Cur *c) { Str s = cur_bytes(c, 8); return s.n ? le_get64(s.p) : 0; }
static inline uint64_t cur_varint(Cur *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; c->p < c->end; shift += 7) {
        uint64_t b = (uint8_t)*c->p++;
        if (shift == 63 && b > 1) break;          /* past 64 bits */
        v |= (b & 127) << shift;
        if (b < 128) return v;
    }
    c->bad = true;
    c->p = c->end;
    return 0;
}
static inline Str cur_text(Cur *c) { uint64_t n = cur_varint(c); return cur_bytes(c, n); }
#endif
