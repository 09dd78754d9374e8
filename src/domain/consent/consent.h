/* consent: what a person agreed to or took back, word for word, append-only.
 *
 * A record holds the wording that was shown and the hash of the policy's text, so that it can be proved later what
 * was agreed to. The newest record of a purpose is what holds.
 *
 * Tables:  consent (nobody else reads or writes it). */
#ifndef LIUKE_CONSENT_H
#define LIUKE_CONSENT_H
#include "store/records/records.h"

typedef struct Consent {
    int64_t id, person;          /* the id holds the time */
    Str     purpose;             /* "policy", "analytics", "messages" */
    bool    granted;
    Str     policy;              /* version of the policy */
    Str     wording, form, lang;
    uint8_t text_hash[32];       /* SHA-256 of the policy's text */
    uint8_t client[16];          /* blind index of the address it came from */
} Consent;
/* In a transaction. */
Status consent_add(Cx *, const Consent *) MUST_USE;
/* All of a person, newest first, at most 200. */
Status consent_list(Cx *, int64_t person, const Consent **ret, size_t *ret_n) MUST_USE;
Status consent_holds(Cx *, int64_t person, Str purpose, bool *ret) MUST_USE;
#endif
