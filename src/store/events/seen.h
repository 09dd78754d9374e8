/* seen: which message ids of a source imports have read, as a set that only grows: 12 to 16 bytes a key.
 *
 * Of a key, which is a hash of 128 bits, 90 are compared: among 40 million the chance that any two that differ are
 * taken for one is below 10^-12. Kept in files by bulk_ids.h. One thread at a time. */
#ifndef LIUKE_SEEN_H
#define LIUKE_SEEN_H
#include "base/crypto.h"

typedef struct Seen Seen;
Seen   *seen_new(void);                          /* NULL: no memory */
void    seen_free(Seen *);                       /* NULL is fine */
bool    seen_has(const Seen *, Hash128);
bool    seen_add(Seen *, Hash128);               /* false: no memory. One that is there adds nothing */
void    seen_prefetch(const Seen *, Hash128);
int64_t seen_count(const Seen *);
size_t  seen_bytes(const Seen *);
#endif
