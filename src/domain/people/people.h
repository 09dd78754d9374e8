/* people: who has left their information, and what they left, sealed.
 *
 * A row is born by the first proof of an address; a visitor who left nothing has none. A person is known to
 * the behaviour store by its root actor, which people_root() derives from the id. Personal fields are sealed with
 * additional data "person_field|<kind>|<person>"; the e-mail address has a blind index for exact search. Every
 * change of a
 * row is in a transaction of the caller; sealing happens before it.
 *
 * Tables:  person, person_field, person_actor (nobody else reads or writes them).
 * Memory:  every Str in a returned value lives in cx->arena. */
#ifndef LIUKE_PEOPLE_H
#define LIUKE_PEOPLE_H
#include "base/crypto.h"
#include "store/records/records.h"

typedef enum PersonState { PERSON_ACTIVE = 1, PERSON_GONE = 2 } PersonState;     /* stored */
typedef struct Person { int64_t id; PersonState state; int64_t created; Str lang, form; } Person;
typedef struct PersonField { Str kind; Str value; int64_t proven, changed; } PersonField;   /* value: opened */

/* What a new person starts with: made outside the transaction. */
typedef struct PersonDraft {
    int64_t id;
    Str     lang, form;
    Str     email_sealed;
    uint8_t email_blind[16];
    Hash128 root;
} PersonDraft;
Status people_draft(Cx *, const Keys *, Str email, Str lang, Str form, PersonDraft *ret) MUST_USE;
/* The same without an address, for whom the product names: id 0 makes a new one, another is kept. */
void   people_draft_known(const Cx *, const Keys *, int64_t id, Str lang, Str form, PersonDraft *ret);
/* In a transaction. CONFLICT "email" taken: somebody proved it first. */
Status people_add(Cx *, const PersonDraft *, Person *ret) MUST_USE;
Status people_by_email(Cx *, const uint8_t blind[16], int64_t *ret_id) MUST_USE;   /* NOT_FOUND: nobody */
Status people_get(Cx *, int64_t id, Person *ret) MUST_USE;
/* Newest first, ids below `before` (0: from the newest). */
Status people_list(Cx *, int64_t before, size_t limit, const Person **ret, size_t *ret_n) MUST_USE;
Status people_fields(Cx *, const Keys *, int64_t id, const PersonField **ret, size_t *ret_n) MUST_USE;

/* A field that nobody has proved. seal: outside the transaction, value into sealed. put: in it; an older change
 * than what stands there
 * is dropped, a proven value stays, and an address that another record holds loses its index. */
typedef struct FieldDraft { const char *kind; Str value,
    sealed; int64_t changed; bool indexed; uint8_t blind[16]; } FieldDraft;
Status people_field_seal(Cx *, const Keys *, int64_t id, FieldDraft *) MUST_USE;
Status people_field_put(Cx *, int64_t id, const FieldDraft *) MUST_USE;

/* Which record an actor belongs to. In a transaction; an actor that has an owner keeps it. */
Status people_actor_add(Cx *, int64_t id, Hash128 actor) MUST_USE;
Status people_by_actor(Cx *, Hash128 actor, int64_t *ret_id) MUST_USE;             /* NOT_FOUND: a visitor */

Hash128 people_root(const Keys *, int64_t id);
void    people_email_blind(const Keys *, Str email, uint8_t ret[16]);   /* email as people_email_clean() left it */
/* Trimmed, lower case ASCII; INVALID "email" bad_email, too_long. */
Status  people_email_clean(Cx *, Str in, Str *ret) MUST_USE;
/* "z***@example.com": what is shown until somebody asks for the whole. */
Str     people_email_mask(Cx *, Str email);
#endif
