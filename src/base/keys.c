#include "base/crypto.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/limits.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROOT = 32, FORMAT = 1, VERSION = 1, HEADER = 2,
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    /* recovery text: 60 digits of 5 bits = 4 bits version, 256 bits key, 40 bits checksum */
    RECOVERY_DIGITS = 60, RECOVERY_GROUP = 5, RECOVERY_VERSION = 1, RECOVERY_SUM = 5
};
struct Keys {
    uint8_t field[32], index[32];
    uint8_t actor[crypto_shorthash_siphashx24_KEYBYTES], message[crypto_shorthash_siphashx24_KEYBYTES];
    uint64_t id;
};
_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32 && crypto_kdf_KEYBYTES == ROOT, "32 bytes each");

/* The key file. */

static const Str KEY_FILE = S_INIT("key_file");
static void split_path(const char *path, Str *dir, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    *dir = !slash ? S(".") : slash == path ? S("/") : (Str){ path, (size_t)(slash - path) };
}
/* Never over a file that is there: a lost key is lost data. */
static Status root_write(Cx *cx, const char *path, const uint8_t root[ROOT])
{
    Str dir;
    const char *name;
    if (access(path, F_OK) == 0) return refuse(cx, ST_CONFLICT, KEY_FILE, MSG_key_exists, NO_PARAMS);
    split_path(path, &dir, &name);
    dir = arena_str(cx->arena, dir);
    if (!dir.p) return fail(cx, ST_NO_MEM, "key file");
    return fs_replace(cx, fs_posix(), dir.p, name, (Str){ (const char *)root, ROOT });
}
static Status root_take(Cx *cx, int fd, const char *path, uint8_t root[ROOT])
{
    struct stat st;
    ssize_t n;
    if (fstat(fd, &st) != 0) return fail(cx, ST_IO, "stat %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size != ROOT)
        return refuse(cx, ST_INVALID, KEY_FILE, MSG_key_size, PARAMS({ .name = "bytes", .value = ROOT }));
    if (st.st_mode & 077) return refuse(cx, ST_INVALID, KEY_FILE, MSG_key_exposed, NO_PARAMS);
    do n = pread(fd, root, ROOT, 0); while (n < 0 && errno == EINTR);
    return n == ROOT ? ST_OK : fail(cx, ST_IO, "read %s", path);
}
static Status root_read(Cx *cx, const char *path, uint8_t root[ROOT])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return refuse(cx, ST_NOT_FOUND, KEY_FILE, MSG_key_missing, NO_PARAMS);
    if (fd < 0) return fail(cx, ST_IO, "open %s: %s", path, strerrorname_np(errno));
    Status st = root_take(cx, fd, path, root);
    close(fd);
    return st;
}
static const char DIGITS[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";      /* Crockford: no I, L, O, U */
static void recovery_sum(const uint8_t *head, uint8_t ret[RECOVERY_SUM])
{
    uint8_t full[crypto_generichash_BYTES];
    crypto_generichash(full, sizeof full, head, 1 + ROOT, (const uint8_t *)"liuke recovery", 14);
    memcpy(ret, full, RECOVERY_SUM);
}
/* bytes: 4 bits nothing, 4 bits version, key, sum; that is 304 bits, the top 4 of them zero. */
static void recovery_bytes(const uint8_t root[ROOT], uint8_t bytes[1 + ROOT + RECOVERY_SUM])
{
    bytes[0] = RECOVERY_VERSION;
    memcpy(bytes + 1, root, ROOT);
    recovery_sum(bytes, bytes + 1 + ROOT);
}
static Status recovery_text(Cx *cx, const uint8_t root[ROOT], Str *ret)
{
    enum { GROUPS = RECOVERY_DIGITS / RECOVERY_GROUP };
    uint8_t bytes[1 + ROOT + RECOVERY_SUM];
    char *p = arena_raw(cx->arena, RECOVERY_DIGITS + GROUPS), *to = p;
    if (!p) return fail(cx, ST_NO_MEM, "recovery text");
    recovery_bytes(root, bytes);
    for (unsigned i = 0; i < RECOVERY_DIGITS; i++) {
        unsigned v = 0;
        for (unsigned bit = 4 + 5 * i; bit < 9 + 5 * i; bit++) v = v << 1 | (bytes[bit / 8] >> (7 - bit % 8) & 1);
        if (i && i % RECOVERY_GROUP == 0) *to++ = '-';
        *to++ = DIGITS[v];
    }
    *to = 0;
    sodium_memzero(bytes, sizeof bytes);
    *ret = (Str){ p, (size_t)(to - p) };
    return ST_OK;
}
static int digit_of(char c)                       /* what a hand writes: lower case, O for 0, I or l for 1 */
{
    if (c >= 'a' && c <= 'z') c = (char)(c - 32);
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const char *at = c ? strchr(DIGITS, c) : NULL;
    return at ? (int)(at - DIGITS) : -1;
}
static bool recovery_parse(Str text, uint8_t bytes[1 + ROOT + RECOVERY_SUM])
{
    unsigned bit = 4;
    memset(bytes, 0, 1 + ROOT + RECOVERY_SUM);
    for (size_t i = 0; i < text.n; i++) {
        int v = digit_of(text.p[i]);
        if (v < 0 && text.p[i] && strchr("- \t\r\n", text.p[i])) continue;
        if (v < 0 || bit == 4 + 5 * RECOVERY_DIGITS) return false;
        for (int k = 4; k >= 0; k--, bit++)
            bytes[bit / 8] = (uint8_t)(bytes[bit / 8] | (v >> k & 1) << (7 - bit % 8));
    }
    uint8_t sum[RECOVERY_SUM];
    recovery_sum(bytes, sum);
    bool whole = bit == 4 + 5 * RECOVERY_DIGITS && bytes[0] == RECOVERY_VERSION;
    return whole && memcmp(sum, bytes + 1 + ROOT, sizeof sum) == 0;
}
Status keys_recovery(Cx *cx, const char *path, Str *ret)
{
    uint8_t root[ROOT];
    Status st = root_read(cx, path, root);
    if (st == ST_OK) st = recovery_text(cx, root, ret);
    sodium_memzero(root, sizeof root);
    return st;
}
Status keys_recover(Cx *cx, const char *path, Str recovery)
{
    uint8_t bytes[1 + ROOT + RECOVERY_SUM];
    Status st = recovery_parse(recovery, bytes) ? root_write(cx, path, bytes + 1)
                                                : refuse(cx, ST_INVALID, S("recovery"), MSG_bad_recovery, NO_PARAMS);
    sodium_memzero(bytes, sizeof bytes);
    return st;
}

/* What is derived from it. */

static Keys *derive(const uint8_t root[ROOT])
{
    uint8_t id[crypto_kdf_BYTES_MIN];
    Keys *k = fault_hit(FAULT_ALLOC) ? NULL : sodium_malloc(sizeof *k);     /* locked, guarded, not in core dumps */
    if (!k) return NULL;
    crypto_kdf_derive_from_key(k->field, sizeof k->field, VERSION, "lk-field", root);
    crypto_kdf_derive_from_key(k->index, sizeof k->index, 1, "lk-index", root);
    crypto_kdf_derive_from_key(k->actor, sizeof k->actor, 1, "lk-actor", root);
    crypto_kdf_derive_from_key(k->message, sizeof k->message, 1, "lk-messg", root);
    crypto_kdf_derive_from_key(id, sizeof id, 1, "lk-keyid", root);
    memcpy(&k->id, id, sizeof k->id);
    sodium_mprotect_readonly(k);
    return k;
}
static Status root_make(Cx *cx, const char *path, uint8_t root[ROOT], Str *ret_recovery)
{
    Str text;
    randombytes_buf(root, ROOT);
    TRY(recovery_text(cx, root, &text));          /* first: a key that nobody can write down is not made */
    TRY(root_write(cx, path, root));
    *ret_recovery = text;
    return ST_OK;
}
Status keys_open(Cx *cx, const char *path, bool create, Keys **ret, Str *ret_recovery)
{
    uint8_t root[ROOT];
    Str recovery = { 0 };
    Status st = root_read(cx, path, root);
    if (st == ST_NOT_FOUND && create) st = root_make(cx, path, root, &recovery);
    Keys *k = st == ST_OK ? derive(root) : NULL;
    sodium_memzero(root, sizeof root);
    if (st != ST_OK) return st;
    if (!k) return fail(cx, ST_NO_MEM, "keys");
    *ret = k;
    *ret_recovery = recovery;
    return ST_OK;
}
void keys_close(Keys *k) { sodium_free(k); }
uint64_t keys_id(const Keys *k) { return k->id; }

/* Sealed: format, key version, nonce, ciphertext and tag. The first two are authenticated with the rest. */

static Status whole_ad(Cx *cx, uint8_t version, Str ad, Str *ret)
{
    char *p = arena_raw(cx->arena, HEADER + ad.n);
    if (!p) return fail(cx, ST_NO_MEM, "seal");
    p[0] = FORMAT;
    p[1] = (char)version;
    if (ad.n) memcpy(p + HEADER, ad.p, ad.n);
    *ret = (Str){ p, HEADER + ad.n };
    return ST_OK;
}
Status keys_seal(Cx *cx, const Keys *k, Str ad, Str plain, Str *ret)
{
    Str full = { 0 };
    TRY(whole_ad(cx, VERSION, ad, &full));
    uint8_t *p = plain.n > SIZE_MAX / 2 ? NULL : arena_raw(cx->arena, KEYS_SEAL_EXTRA + plain.n);
    if (!p) return fail(cx, ST_NO_MEM, "seal");
    p[0] = FORMAT;
    p[1] = VERSION;
    randombytes_buf(p + HEADER, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(p + HEADER + NONCE, NULL, (const uint8_t *)plain.p, plain.n,
                                               (const uint8_t *)full.p, full.n, NULL, p + HEADER, k->field);
    *ret = (Str){ (const char *)p, KEYS_SEAL_EXTRA + plain.n };
    return ST_OK;
}
Status keys_open_sealed(Cx *cx, const Keys *k, Str ad, Str sealed, Str *ret)
{
    _Static_assert(KEYS_SEAL_EXTRA == HEADER + NONCE + TAG, "the header says how much sealing adds");
    const uint8_t *p = (const uint8_t *)sealed.p;
    Str full = { 0 };
    if (sealed.n < KEYS_SEAL_EXTRA) return fail(cx, ST_IO, "sealed value: cut short");
    if (p[0] != FORMAT || p[1] != VERSION)
        return fail(cx, ST_IO, "sealed value: unknown format %d or key version %d", p[0], p[1]);
    TRY(whole_ad(cx, p[1], ad, &full));
    size_t n = sealed.n - KEYS_SEAL_EXTRA;
    uint8_t *out = arena_raw(cx->arena, n + 1);
    if (!out) return fail(cx, ST_NO_MEM, "unseal");
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, p + HEADER + NONCE, n + TAG,
                                                   (const uint8_t *)full.p, full.n, p + HEADER, k->field) != 0)
        return fail(cx, ST_IO, "sealed value: damaged, moved, or sealed with another key");
    out[n] = 0;
    *ret = (Str){ (const char *)out, n };
    return ST_OK;
}
/* Lengths stand before names, so that ("ab", "c") and ("a", "bc") differ. */
void keys_blind(const Keys *k, Str index, Str value, uint8_t ret[16])
{
    crypto_generichash_state st;
    uint64_t n = index.n;
    crypto_generichash_init(&st, k->index, sizeof k->index, 16);
    crypto_generichash_update(&st, (const uint8_t *)&n, sizeof n);
    crypto_generichash_update(&st, (const uint8_t *)index.p, index.n);
    crypto_generichash_update(&st, (const uint8_t *)value.p, value.n);
    crypto_generichash_final(&st, ret, 16);
    sodium_memzero(&st, sizeof st);
}
/* SipHash takes one piece: the usual input is put together on the stack, a longer one is first
 * cut down to a digest, under a first byte that no usual input has. */
static Hash128 short_hash(const uint8_t key[16], Str head, Str text)
{
    uint8_t in[ID_BYTES_MAX + 64];
    size_t n = 1 + head.n;
    Hash128 h;
    assert(head.n < 64 - crypto_hash_sha256_BYTES);
    in[0] = (uint8_t)head.n;
    if (head.n) memcpy(in + 1, head.p, head.n);
    if (text.n <= sizeof in - n) {
        if (text.n) memcpy(in + n, text.p, text.n);
        n += text.n;
    } else {
        in[0] |= 0x80;
        crypto_sha256(text, in + n);
        n += crypto_hash_sha256_BYTES;
    }
    crypto_shorthash_siphashx24((uint8_t *)&h, in, n, key);
    return h;
}
Hash128 keys_actor(const Keys *k, Str kind, Str id) { return short_hash(k->actor, kind, id); }
Hash128 keys_message(const Keys *k, int64_t source, Str message_id)
{
    return short_hash(k->message, (Str){ (const char *)&source, sizeof source }, message_id);
}
