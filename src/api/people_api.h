/* people_api: which person a path means. */
#ifndef LIUKE_PEOPLE_API_H
#define LIUKE_PEOPLE_API_H
#include "api/app.h"

/* known: there is a record, id is its */
typedef struct PersonRef { bool known; int64_t id; Hash128 root; } PersonRef;
/* per_… is a record; vis_… a root or any other actor, which may belong to a record. INVALID "id" bad_id. */
Status people_api_find(Cx *, const App *, Str text, PersonRef *ret) MUST_USE;
#endif
