#include "domain/source/source.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/limits.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

const char *const source_kinds[] = { "web", "app", "server", "import", "liuke", NULL };
const char *const source_consents[] = { "ask", "assumed", "off", NULL };

Status source_draft_keys(Cx *cx, SourceDraft *d)
{
    Buf pk = buf_new(cx->arena, 64), sk = buf_new(cx->arena, 64);

    buf_addz(&pk, "pk_");
    buf_add(&pk, crypto_token(cx->arena, 18));
    buf_addz(&sk, "sk_");
    buf_add(&sk, crypto_token(cx->arena, 24));
    if (pk.bad || sk.bad || pk.n < 20 || sk.n < 20) return fail(cx, ST_NO_MEM, "source_draft_keys");
    d->public_key = buf_str(&pk);
    d->secret_key = buf_str(&sk);
    crypto_sha256(d->secret_key, d->secret_hash);
    return ST_OK;
}
static Status check(Cx *cx, const SourceDraft *d)
{
    if (d->name.n == 0) return refuse(cx, ST_INVALID, S("name"), MSG_required, NO_PARAMS);
    if (d->name.n > NAME_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("name"), MSG_too_long, PARAMS({ .name = "max", .value = NAME_BYTES_MAX }));
    if (d->consent == CONSENT_ASSUMED && d->consent_reason.n == 0)
        return refuse(cx, ST_INVALID, S("consent_reason"), MSG_required, NO_PARAMS);
    return ST_OK;
}
Status source_add(Cx *cx, const SourceDraft *d, Source *ret)
{
    int64_t last = 0;

    TRY(check(cx, d));
    TRY(db_i64(cx, SQL("SELECT coalesce(max(number), 0) FROM source"), NO_BINDS, &last));
    if (last >= SOURCES_MAX)
        return refuse(cx, ST_LIMITED, S("source"), MSG_too_many, PARAMS({ .name = "max", .value = SOURCES_MAX }));
    Source s = { .id = id_new(cx), .created = cx->now, .number = (int)last + 1, .kind = d->kind, .consent = d->consent,
                 .test = d->test, .name = d->name, .consent_reason = d->consent_reason, .public_key = d->public_key };
    Status st = db_run(cx, SQL("INSERT INTO source(id, number, name, kind, consent, consent_reason, test, archived,"
                               " public_key, secret_hash, created) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, "
                               "$9, $10)"),
                       BINDS(b_i64(s.id), b_i64(s.number), b_str(s.name), b_i64(s.kind), b_i64(s.consent),
                           b_str(s.consent_reason),
                             b_i64(s.test), b_str(s.public_key), b_bytes((Str){ (const char *)d->secret_hash, 32 }),
                                 b_i64(s.created)));
    if (st == ST_CONFLICT) return refuse(cx, ST_CONFLICT, S("name"), MSG_taken, NO_PARAMS);
    TRY(st);
    *ret = s;
    return ST_OK;
}

#define COLUMNS "id, number, name, kind, consent, consent_reason, test, archived, public_key, created"
static Status row(Rows *r, Source *s)
{
    *s = (Source){ .id = rows_i64(r, 0), .number = (int)rows_i64(r, 1), .kind = (SourceKind)rows_i64(r, 3),
                   .consent = (SourceConsent)rows_i64(r, 4), .test = rows_i64(r, 6) != 0,
                   .archived = rows_i64(r, 7) != 0,
                   .created = rows_i64(r, 9) };
    TRY(rows_keep(r, 2, &s->name));
    TRY(rows_keep(r, 5, &s->consent_reason));
    return rows_keep(r, 8, &s->public_key);
}
Status source_ensure(Cx *cx, const SourceDraft *d, Source *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM source WHERE name = $1"), BINDS(b_str(d->name)), &r));
    Status st = rows_next(r);
    if (st == ST_OK) return row(r, ret);
    if (st != ST_NOT_FOUND) return st;
    rows_done(&r);
    return source_add(cx, d, ret);
}
Status source_get(Cx *cx, int64_t id, Source *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM source WHERE id = $1"), BINDS(b_i64(id)), &r));
    Status st = rows_next(r);
    if (st == ST_NOT_FOUND) return refuse(cx, ST_NOT_FOUND, S("id"), MSG_not_found, NO_PARAMS);
    TRY(st);
    return row(r, ret);
}
Status source_list(Cx *cx, const Source **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    Source *all = ARENA_MANY(cx->arena, Source, SOURCES_MAX);
    size_t n = 0;
    Status st = ST_OK;

    if (!all) return fail(cx, ST_NO_MEM, "source_list");
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM source ORDER BY number LIMIT 1000"), NO_BINDS, &r));
    while (n < SOURCES_MAX && (st = rows_next(r)) == ST_OK) TRY(row(r, &all[n++]));
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret = all;
    *ret_n = n;
    return ST_OK;
}

/* The cache: an immutable table, replaced whole. Old tables stay until the end: changes are rare, readers take no
 * lock. */
typedef struct Keyed { Source source; uint8_t secret_hash[32]; } Keyed;
typedef struct Table { struct Table *older; Arena *arena; Keyed *all; size_t n; } Table;
/* Sources added since the table was read; found there first once it is read again. */
struct SourceRoom { SourceRoom *next; Arena *arena; Keyed k; };
struct SourceCache { _Atomic(Table *) table; _Atomic(SourceRoom *) added; pthread_mutex_t loading; };

Status source_cache_new(Cx *cx, SourceCache **ret)
{
    SourceCache *c = mem_get(sizeof *c);
    if (!c) return fail(cx, ST_NO_MEM, "source_cache_new");
    pthread_mutex_init(&c->loading, NULL);
    *ret = c;
    return ST_OK;
}
static void table_free(Table *t)
{
    for (Table *older; t; t = older) {
        older = t->older;
        arena_free(t->arena);
        mem_free(t);
    }
}
void source_cache_free(SourceCache *c)
{
    if (!c) return;
    table_free(atomic_load(&c->table));
    for (SourceRoom *r = atomic_load(&c->added), *next; r; r = next) {
        next = r->next;
        source_cache_drop(r);
    }
    pthread_mutex_destroy(&c->loading);
    mem_free(c);
}
static Status keep_texts(Cx *cx, Arena *a, Source *s)
{
    Str *text[] = { &s->name, &s->consent_reason, &s->public_key };
    for (size_t i = 0; i < COUNT(text); i++) {
        *text[i] = arena_str(a, *text[i]);
        if (!text[i]->p) return fail(cx, ST_NO_MEM, "source cache");
    }
    return ST_OK;
}
static Status keep_row(Cx *cx, Arena *a, Rows *r, Keyed *k)
{
    TRY(row(r, &k->source));
    Str hash = rows_bytes(r, 10);
    if (hash.n == 32) memcpy(k->secret_hash, hash.p, 32);
    return keep_texts(cx, a, &k->source);
}
Status source_cache_room(Cx *cx, const SourceDraft *d, SourceRoom **ret)
{
    SourceRoom *r = mem_get(sizeof *r);
    if (!r || !(r->arena = arena_new(16 << 10))) {
        mem_free(r);
        return fail(cx, ST_NO_MEM, "source cache");
    }
    r->k.source = (Source){ .name = d->name, .consent_reason = d->consent_reason, .public_key = d->public_key };
    memcpy(r->k.secret_hash, d->secret_hash, sizeof r->k.secret_hash);
    Status st = keep_texts(cx, r->arena, &r->k.source);
    if (st == ST_OK) *ret = r;
    else source_cache_drop(r);
    return st;
}
void source_cache_put(SourceCache *c, SourceRoom *r, const Source *s)
{
    Source own = r->k.source;
    r->k.source = *s;
    r->k.source.name = own.name;
    r->k.source.consent_reason = own.consent_reason;
    r->k.source.public_key = own.public_key;
    r->next = atomic_load(&c->added);
    while (!atomic_compare_exchange_weak(&c->added, &r->next, r)) {}
}
void source_cache_drop(SourceRoom *r)
{
    if (!r) return;
    arena_free(r->arena);
    mem_free(r);
}
static Status fill(Cx *cx, Table *t)
{
    AUTO_ROWS r = NULL;
    Status st;
    t->all = ARENA_MANY(t->arena, Keyed, SOURCES_MAX);
    if (!t->all) return fail(cx, ST_NO_MEM, "source cache");
    TRY(rows_open(cx, SQL("SELECT " COLUMNS ", secret_hash FROM source ORDER BY number LIMIT 1000"), NO_BINDS, &r));
    while ((st = rows_next(r)) == ST_OK && t->n < SOURCES_MAX) TRY(keep_row(cx, t->arena, r, &t->all[t->n++]));
    return st == ST_NOT_FOUND ? ST_OK : st;
}
Status source_cache_load(Cx *cx, SourceCache *c)
{
    Table *t = mem_get(sizeof *t);
    if (!t || !(t->arena = arena_new(1 << 20))) {
        mem_free(t);
        return fail(cx, ST_NO_MEM, "source cache");
    }
    pthread_mutex_lock(&c->loading);
    Status st = fill(cx, t);
    if (st == ST_OK) {
        t->older = atomic_load(&c->table);
        atomic_store(&c->table, t);
    }
    pthread_mutex_unlock(&c->loading);
    if (st != ST_OK) table_free(t);
    return st;
}
static bool has_key(const Keyed *k, Str key, const uint8_t hash[32], bool secret)
{
    if (!secret) return str_eq(k->source.public_key, key);
    return crypto_same((Str){ (const char *)k->secret_hash, 32 }, (Str){ (const char *)hash, 32 });
}
const Source *source_by_key(SourceCache *c, Str key, bool *ret_secret)
{
    Table *t = atomic_load(&c->table);
    uint8_t hash[32];
    bool secret = str_starts(key, S("sk_"));

    if (key.n == 0) return NULL;
    if (secret) crypto_sha256(key, hash);
    const Keyed *k = NULL;
    for (size_t i = 0; t && i < t->n && !k; i++) if (has_key(&t->all[i], key, hash, secret)) k = &t->all[i];
    for (const SourceRoom *r = k ? NULL : atomic_load(&c->added); r && !k; r = r->next)
        if (has_key(&r->k, key, hash, secret)) k = &r->k;
    if (!k) return NULL;
    *ret_secret = secret;
    return k->source.archived ? NULL : &k->source;
}
const Source *source_by_number(SourceCache *c, int number)
{
    Table *t = atomic_load(&c->table);
    if (t && number > 0 && (size_t)number <= t->n) return &t->all[number - 1].source;
    for (const SourceRoom *r = atomic_load(&c->added); r; r = r->next)
        if (r->k.source.number == number) return &r->k.source;
    return NULL;
}
