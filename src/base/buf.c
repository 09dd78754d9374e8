#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Buf buf_new(Arena *a, size_t max) { return (Buf){ .a = a, .max = max }; }
void buf_done(Buf *b)
{
    if (!b->a) mem_free(b->p);
    *b = (Buf){ .a = b->a, .max = b->max };
}
static bool grow(Buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap * 2 : 256;
    while (cap < need) cap *= 2;
    if (cap > b->max) cap = b->max;
    char *p = b->a ? arena_raw(b->a, cap) : mem_grow(b->p, cap);
    if (!p) return false;
    if (b->a && b->n) memcpy(p, b->p, b->n);
    b->p = p;
    b->cap = cap;
    return true;
}
void *buf_room(Buf *b, size_t n)
{
    if (b->bad || n > b->max - b->n || (b->n + n > b->cap && !grow(b, b->n + n))) {
        b->bad = true;
        return NULL;
    }
    b->n += n;
    return b->p + b->n - n;
}
void buf_add(Buf *b, Str s)
{
    if (s.n == 0) return;
    char *p = buf_room(b, s.n);
    if (p) memcpy(p, s.p, s.n);
}
void buf_addc(Buf *b, char c) { buf_add(b, (Str){ &c, 1 }); }
void buf_addz(Buf *b, const char *z) { buf_add(b, str_z(z)); }
void buf_i64(Buf *b, int64_t v)
{
    char t[24], *p = t + sizeof t;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do *--p = (char)('0' + u % 10); while (u /= 10);
    if (v < 0) *--p = '-';
    buf_add(b, (Str){ p, (size_t)(t + sizeof t - p) });
}
void buf_double(Buf *b, double v)
{
    char t[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(t, sizeof t, "%.*g", digits, v);
        if (strtod(t, NULL) == v) break;
    }
    buf_addz(b, t);
}
void buf_hex(Buf *b, Str s)
{
    static const char hex[] = "0123456789abcdef";
    char *p = buf_room(b, s.n * 2);
    for (size_t i = 0; p && i < s.n; i++) {
        p[2 * i] = hex[(unsigned char)s.p[i] >> 4];
        p[2 * i + 1] = hex[s.p[i] & 15];
    }
}
Str buf_str(const Buf *b) { return (Str){ b->p, b->n }; }
