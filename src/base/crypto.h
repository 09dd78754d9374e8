/* crypto: libsodium under the names this program thinks in. No primitive of our own.
 *
 * One Keys holds what liuke.key opens: field keys (versioned), index keys, actor key.
 * Sealing is XChaCha20-Poly1305 with additional data "table|column|row"; a sealed value
 * starts with a format byte and the key version, so that keys can rotate. */
#ifndef LIUKE_CRYPTO_H
#define LIUKE_CRYPTO_H
#include "base/buf.h"

typedef struct Hash128 { uint64_t a, b; } Hash128;
typedef struct Keys Keys;

Status crypto_start(Cx *) MUST_USE;                       /* once, before anything else here */
/* Read the 32-byte key file, or make it (mode 0600) when create is set: then recovery gets a
 * text to print once, which keys_recover() turns into the file again. INVALID when it is not
 * 32 bytes or others may read it. */
Status keys_open(Cx *, const char *path, bool create, Keys **ret, Str *ret_recovery) MUST_USE;
Status keys_recover(Cx *, const char *path, Str recovery) MUST_USE;
void   keys_close(Keys *);                                /* wipes */
uint64_t keys_id(const Keys *);                           /* stored in the data folder; a mismatch refuses to start */

Status keys_seal(Cx *, const Keys *, Str ad, Str plain, Str *ret) MUST_USE;
Status keys_open_sealed(Cx *, const Keys *, Str ad, Str sealed, Str *ret) MUST_USE;  /* IO: damaged or not ours */
/* Blind index: keyed hash of (index name, value) for exact search, 16 bytes. */
void   keys_blind(const Keys *, Str index, Str value, uint8_t ret[16]);
Hash128 keys_actor(const Keys *, Str kind, Str id);       /* SipHash-2-4-128 keyed; kind "user" or "anon" */
Hash128 keys_message(const Keys *, int64_t source, Str message_id);

Status crypto_password_hash(Cx *, Str password, Str *ret) MUST_USE;   /* argon2id 19 MiB t=2 p=1: CPU queue only */
bool   crypto_password_is(Str password, Str hash);
void   crypto_random(void *, size_t n);
Str    crypto_token(Arena *, size_t bytes);               /* random, base64url; .p NULL: no memory */
void   crypto_sha256(Str, uint8_t ret[32]);
bool   crypto_same(Str, Str);                             /* constant time in the contents */
#endif
