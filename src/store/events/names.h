/* names: how many event and property names each source has used, against the limits.
 *
 * Names are remembered as 64-bit hashes; what a batch adds is taken back when the batch is refused. Any thread. */
#ifndef LIUKE_NAMES_H
#define LIUKE_NAMES_H
#include "store/events/events.h"

typedef struct Names Names;
typedef enum NameKind { NAME_EVENT, NAME_PROP, NAME_KINDS_ } NameKind;
Names *names_new(void);                                   /* NULL: no memory */
void   names_free(Names *);
/* LIMITED event_names or prop_names with the name as field (then nothing of it is remembered), NO_MEM. */
Status names_take(Cx *, Names *, const Entry *, size_t n) MUST_USE;
/* What is already stored: no limit. */
Status names_know(Cx *, Names *, NameKind, uint16_t source, Str name) MUST_USE;
#endif
