#include "domain/identity/identity.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/limits.h"
#include <string.h>

static const int64_t HOUR_MS = 3600000;

static Str bytes16(const uint8_t *p) { return (Str){ (const char *)p, 16 }; }
static Status code_ad(Cx *cx, int64_t id, Str *ret)
{
    Buf b = buf_new(cx->arena, 60);
    buf_addz(&b, "identity_code|sealed|");
    buf_i64(&b, id);
    *ret = buf_str(&b);
    return b.bad ? fail(cx, ST_NO_MEM, "code_ad") : ST_OK;
}
void identity_code_hash(const Keys *keys, int64_t id, Str digits, uint8_t ret[16])
{
    char text[40];
    size_t n = digits.n < 16 ? digits.n : 16;
    memcpy(text, &id, sizeof id);
    if (n) memcpy(text + sizeof id, digits.p, n);
    keys_blind(keys, S("code"), (Str){ text, sizeof id + n }, ret);
}
/* Even over all codes: the few values past the last whole million are drawn again. */
static void draw(char digits[8])
{
    uint32_t v;
    do crypto_random(&v, sizeof v); while (v >= UINT32_MAX / 1000000 * 1000000);
    v %= 1000000;
    for (int i = CODE_DIGITS; i-- > 0; v /= 10) digits[i] = (char)('0' + v % 10);
    digits[CODE_DIGITS] = 0;
}
Status identity_code_draft(Cx *cx, const Keys *keys, Str email, Str client, Hash128 anon, CodeDraft *ret)
{
    CodeDraft d = { .id = id_new(cx), .anon = anon };
    Str ad;
    draw(d.digits);
    TRY(code_ad(cx, d.id, &ad));
    TRY(keys_seal(cx, keys, ad, email, &d.sealed));
    keys_blind(keys, S("email"), email, d.address);
    keys_blind(keys, S("client"), client, d.client);
    identity_code_hash(keys, d.id, str_z(d.digits), d.hash);
    *ret = d;
    return ST_OK;
}
/* Ids hold the time they were made in, so "the last hour" is a range of ids. */
static int64_t id_from(int64_t ms) { return (ms - 1577836800000) << 22; }

Status identity_code_add(Cx *cx, const CodeDraft *d)
{
    int64_t of_address, of_client, since = id_from(cx->now - HOUR_MS);
    TRY(db_i64(cx, SQL("SELECT count(*) FROM identity_code WHERE address = $1 AND id > $2"),
        BINDS(b_bytes(bytes16(d->address)), b_i64(since)), &of_address));
    TRY(db_i64(cx, SQL("SELECT count(*) FROM identity_code WHERE client = $1 AND id > $2"),
        BINDS(b_bytes(bytes16(d->client)), b_i64(since)), &of_client));
    if (of_address >= CODE_PER_ADDRESS_HOUR) return refuse(cx, ST_LIMITED, S("email"), MSG_code_wait, NO_PARAMS);
    if (of_client >= CODE_PER_IP_HOUR) return refuse(cx, ST_LIMITED, S(""), MSG_code_wait, NO_PARAMS);
    bool anon = d->anon.a || d->anon.b;
    return db_run(cx, SQL("INSERT INTO identity_code(id, address, sealed, hash, client, anon, tries, expires, used)"
                          " VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 0)"),
                  BINDS(b_i64(d->id), b_bytes(bytes16(d->address)), b_bytes(d->sealed), b_bytes(bytes16(d->hash)),
                      b_bytes(bytes16(d->client)),
                        anon ? b_bytes((Str){ (const char *)&d->anon, sizeof d->anon }) : b_null(),
                            b_i64(cx->now + CODE_MINUTES * INT64_C(60000))));
}
typedef struct CodeRow { int64_t tries, expires, used; Str hash, sealed, anon; } CodeRow;
static Status code_row(Cx *cx, int64_t id, CodeRow *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT tries, expires, used, hash, sealed, anon FROM identity_code WHERE id = $1"),
        BINDS(b_i64(id)), &r));
    TRY(rows_next(r));
    *ret = (CodeRow){ .tries = rows_i64(r, 0), .expires = rows_i64(r, 1), .used = rows_i64(r, 2) };
    TRY(rows_keep(r, 3, &ret->hash));
    TRY(rows_keep(r, 4, &ret->sealed));
    return rows_null(r, 5) ? ST_OK : rows_keep(r, 5, &ret->anon);
}
Status identity_code_try(Cx *cx, int64_t id, const uint8_t hash[16], CodeProof *ret)
{
    CodeRow c;
    CodeProof p = { .answer = CODE_OVER };
    Status st = code_row(cx, id, &c);

    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    bool open = st == ST_OK && !c.used && c.expires > cx->now && c.tries < CODE_TRIES_MAX;
    if (open) {
        bool right = crypto_same(c.hash, bytes16(hash));
        p.answer = right ? CODE_RIGHT : CODE_WRONG;
        p.tries_left = CODE_TRIES_MAX - c.tries - 1;
        p.sealed = c.sealed;
        if (c.anon.n == sizeof p.anon) memcpy(&p.anon, c.anon.p, sizeof p.anon);
        if (!right) TRY(db_run(cx, SQL("UPDATE identity_code SET tries = tries + 1 WHERE id = $1"), BINDS(b_i64(id))));
    }
    *ret = p;
    return ST_OK;
}
Status identity_code_use(Cx *cx, int64_t id)
{
    int64_t n;
    TRY(db_run_count(cx, SQL("UPDATE identity_code SET used = $2 WHERE id = $1 AND used = 0 AND expires > $2"),
        BINDS(b_i64(id), b_i64(cx->now)), &n));
    return n ? ST_OK : refuse(cx, ST_INVALID, S("code"), MSG_code_over, NO_PARAMS);
}
Status identity_code_open(Cx *cx, const Keys *keys, int64_t id, Str sealed, Str *ret)
{
    Str ad;
    TRY(code_ad(cx, id, &ad));
    return keys_open_sealed(cx, keys, ad, sealed, ret);
}
