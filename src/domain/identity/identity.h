/* identity: proofs that somebody holds an address; so far codes sent by e-mail.
 *
 * A code has CODE_DIGITS digits, lives CODE_MINUTES and CODE_TRIES_MAX tries, and is stored as a keyed hash bound
 * to its row. Whether an address is known never shows in an answer. Limits per address and per client are counted
 * over the rows of the last hour.
 *
 * Tables:  identity_code (nobody else reads or writes it). */
#ifndef LIUKE_IDENTITY_H
#define LIUKE_IDENTITY_H
#include "base/crypto.h"
#include "store/records/records.h"

typedef struct CodeDraft {
    int64_t id;
    char    digits[8];           /* to be sent; never stored */
    Str     sealed;              /* the address */
    uint8_t address[16], hash[16], client[16];
    Hash128 anon;                /* zero: none */
} CodeDraft;
/* Outside the transaction. client: the address it came from. */
Status identity_code_draft(Cx *, const Keys *, Str email, Str client, Hash128 anon, CodeDraft *ret) MUST_USE;
/* In a transaction. LIMITED "email" or "" code_wait when too many were sent. */
Status identity_code_add(Cx *, const CodeDraft *) MUST_USE;

/* over: expired, used, too many tries, or no such code */
typedef enum CodeAnswer { CODE_RIGHT, CODE_WRONG, CODE_OVER } CodeAnswer;
typedef struct CodeProof { CodeAnswer answer; Str sealed; Hash128 anon; int64_t tries_left; } CodeProof;
/* In a transaction that must be committed whatever the answer is, for a wrong try counts. hash of
 * identity_code_hash(). A right one stays good until it is used. */
Status identity_code_try(Cx *, int64_t id, const uint8_t hash[16], CodeProof *ret) MUST_USE;
/* In the transaction of what the code was for, after it was tried. INVALID "code" code_over: somebody used it first. */
Status identity_code_use(Cx *, int64_t id) MUST_USE;
void   identity_code_hash(const Keys *, int64_t id, Str digits, uint8_t ret[16]);
Status identity_code_open(Cx *, const Keys *, int64_t id, Str sealed, Str *ret_email) MUST_USE;
#endif
