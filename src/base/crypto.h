/* crypto: libsodium under the names this program thinks in. No primitive of our own.
 *
 * One Keys holds what liuke.key opens: field keys (versioned), index keys, actor key.
 * Sealing is XChaCha20-Poly1305 with additional data "table|column|row"; a sealed value
 * starts with a format byte and the key version, so that keys can rotate.
 *
 * Today all keys are derived from the 32 bytes of the file by crypto_kdf, one context each:
 * lk-field (subkey number = field key version 1), lk-index, lk-actor, lk-messg, lk-keyid. What comes
 * later keeps that: a rotated field key is a random one of the next version, stored in the records wrapped by
 * a key derived as lk-wrap, and so are index keys, JWKS, the backup key and a data key per person;
 * old values are opened by the version in them. The actor and message keys never rotate: they name
 * what is stored.
 *
 * The recovery text is the file in 12 groups of 5 digits and letters (no I, L, O, U) with a
 * version and a 40-bit checksum; lower case, spaces and O/I/L typed for 0/1/1 are taken. */
#ifndef LIUKE_CRYPTO_H
#define LIUKE_CRYPTO_H
#include "base/buf.h"

typedef struct Hash128 { uint64_t a, b; } Hash128;
typedef struct Keys Keys;
enum { KEYS_SEAL_EXTRA = 42 };                            /* a sealed value is that much longer */

Status crypto_start(Cx *) MUST_USE;                       /* once, before anything else here */
/* Read the 32-byte key file, or make it (mode 0600) when it is missing and create is set: then recovery
 * gets a text to print once, which keys_recover() turns into the file again (else it is empty). Field "key_file":
 * INVALID key_size, key_exposed (others may read it), NOT_FOUND key_missing. */
Status keys_open(Cx *, const char *path, bool create, Keys **ret, Str *ret_recovery) MUST_USE;
/* The same text again, for who lost it and still has the file. */
Status keys_recovery(Cx *, const char *path, Str *ret) MUST_USE;
/* Field "recovery": INVALID bad_recovery; CONFLICT key_exists: a key file is never overwritten. */
Status keys_recover(Cx *, const char *path, Str recovery) MUST_USE;
void   keys_close(Keys *);                                /* wipes; NULL is fine */
uint64_t keys_id(const Keys *);                           /* stored in the data folder; a mismatch refuses to start */

Status keys_seal(Cx *, const Keys *, Str ad, Str plain, Str *ret) MUST_USE;
/* IO: damaged, not ours or from another place; a NUL after it. */
Status keys_open_sealed(Cx *, const Keys *, Str ad, Str sealed, Str *ret) MUST_USE;
/* Blind index: keyed hash of (index name, value) for exact search, 16 bytes. */
void   keys_blind(const Keys *, Str index, Str value, uint8_t ret[16]);
Hash128 keys_actor(const Keys *, Str kind, Str id);       /* SipHash-2-4-128 keyed; kind "user" or "anon", < 32 bytes */
Hash128 keys_message(const Keys *, int64_t source, Str message_id);

Status crypto_password_hash(Cx *, Str password, Str *ret) MUST_USE;   /* argon2id 19 MiB t=2 p=1: CPU queue only */
bool   crypto_password_is(Str password, Str hash);
void   crypto_random(void *, size_t n);
Str    crypto_token(Arena *, size_t bytes);               /* random, at most 1024, base64url; .p NULL: no memory */
void   crypto_sha256(Str, uint8_t ret[32]);
bool   crypto_same(Str, Str);                             /* constant time in the contents */
#endif
