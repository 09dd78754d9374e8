#include "domain/consent/consent.h"
#include <string.h>

enum { CONSENTS_MAX = 200 };

Status consent_add(Cx *cx, const Consent *c)
{
    return db_run(cx, SQL("INSERT INTO consent(id, person, purpose, granted, policy, text_hash, wording, form, "
                          "lang, client)"
                          " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
                  BINDS(b_i64(c->id), b_i64(c->person), b_str(c->purpose), b_i64(c->granted), b_str(c->policy),
                        b_bytes((Str){ (const char *)c->text_hash, 32 }), b_str(c->wording), b_str(c->form),
                        b_str(c->lang),
                        b_bytes((Str){ (const char *)c->client, 16 })));
}
static Status row(Rows *r, Consent *c)
{
    *c = (Consent){ .id = rows_i64(r, 0), .person = rows_i64(r, 1), .granted = rows_i64(r, 3) != 0 };
    TRY(rows_keep(r, 2, &c->purpose));
    TRY(rows_keep(r, 4, &c->policy));
    Str hash = rows_bytes(r, 5);
    if (hash.n == 32) memcpy(c->text_hash, hash.p, 32);
    TRY(rows_keep(r, 6, &c->wording));
    TRY(rows_keep(r, 7, &c->form));
    return rows_keep(r, 8, &c->lang);
}
Status consent_list(Cx *cx, int64_t person, const Consent **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    Consent *all = ARENA_MANY(cx->arena, Consent, CONSENTS_MAX);
    size_t n = 0;
    Status st = ST_OK;

    if (!all) return fail(cx, ST_NO_MEM, "consent_list");
    TRY(rows_open(cx, SQL("SELECT id, person, purpose, granted, policy, text_hash, wording, form, lang FROM consent"
                          " WHERE person = $1 ORDER BY id DESC LIMIT 200"), BINDS(b_i64(person)), &r));
    while (n < CONSENTS_MAX && (st = rows_next(r)) == ST_OK) TRY(row(r, &all[n++]));
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret = all;
    *ret_n = n;
    return ST_OK;
}
Status consent_holds(Cx *cx, int64_t person, Str purpose, bool *ret)
{
    int64_t granted = 0;
    Status st = db_i64(cx, SQL("SELECT granted FROM consent WHERE person = $1 AND purpose = $2 ORDER BY id DESC "
                               "LIMIT 1"),
                       BINDS(b_i64(person), b_str(purpose)), &granted);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret = st == ST_OK && granted;
    return ST_OK;
}
