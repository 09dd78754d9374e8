/* buf: bytes under construction, born with a maximum.
 *
 * A failed append (no memory, or past max) sets .bad and makes every later one a
 * no-op, so that the check happens once, at the end. */
#ifndef LIUKE_BUF_H
#define LIUKE_BUF_H
#include "base/arena.h"

typedef struct Buf { Arena *a; char *p; size_t n, cap, max; bool bad; } Buf;

Buf  buf_new(Arena *, size_t max);            /* grows in the arena; NULL arena: on the heap, buf_done() it */
void buf_done(Buf *);                         /* frees a heap Buf; nothing for an arena's */
void buf_add(Buf *, Str);
void buf_addc(Buf *, char);
void buf_addz(Buf *, const char *);
void buf_i64(Buf *, int64_t);
void buf_double(Buf *, double);               /* shortest text that reads back the same */
void buf_hex(Buf *, Str);                     /* two lower-case digits a byte */
void buf_msg(Buf *, Lang, const Why *);       /* the message, {params} filled: plain text, escape it for its sink */
void *buf_room(Buf *, size_t n) MUST_USE;     /* n bytes at the end, counted as added; NULL: bad */
Str  buf_str(const Buf *);
#endif
