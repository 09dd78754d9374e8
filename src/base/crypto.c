#include "base/crypto.h"
#include <sodium.h>
#include <string.h>

enum { PASSWORD_MEMORY = 19 << 20, PASSWORD_PASSES = 2, TOKEN_MAX = 1024 };

Status crypto_start(Cx *cx) { return sodium_init() < 0 ? fail(cx, ST_BUG, "libsodium does not start") : ST_OK; }
void crypto_random(void *to, size_t n) { randombytes_buf(to, n); }
void crypto_sha256(Str s, uint8_t ret[32]) { crypto_hash_sha256(ret, (const uint8_t *)s.p, s.n); }
bool crypto_same(Str a, Str b) { return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0); }

Str crypto_token(Arena *a, size_t bytes)
{
    if (bytes > TOKEN_MAX) return (Str){ 0 };
    uint8_t raw[TOKEN_MAX];
    size_t n = sodium_base64_encoded_len(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *p = arena_raw(a, n);
    if (!p) return (Str){ 0 };
    randombytes_buf(raw, bytes);
    sodium_bin2base64(p, n, raw, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(raw, bytes);
    return (Str){ p, n - 1 };
}
Status crypto_password_hash(Cx *cx, Str password, Str *ret)
{
    char *p = arena_get(cx->arena, crypto_pwhash_argon2id_STRBYTES);
    const char *text = password.n ? password.p : "";
    if (!p || crypto_pwhash_argon2id_str(p, text, password.n, PASSWORD_PASSES, PASSWORD_MEMORY) != 0)
        return fail(cx, ST_NO_MEM, "password hash");
    *ret = str_z(p);
    return ST_OK;
}
bool crypto_password_is(Str password, Str hash)
{
    char z[crypto_pwhash_argon2id_STRBYTES] = { 0 };
    if (hash.n == 0 || hash.n >= sizeof z) return false;
    memcpy(z, hash.p, hash.n);
    return crypto_pwhash_argon2id_str_verify(z, password.n ? password.p : "", password.n) == 0;
}
