#include "domain/people/people.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/scrub.h"
#include <string.h>

static Str bytes16(const uint8_t *p) { return (Str){ (const char *)p, 16 }; }
static Str actor_bytes(const Hash128 *a) { return (Str){ (const char *)a, sizeof *a }; }

Hash128 people_root(const Keys *keys, int64_t id)
{
    char text[ID_TEXT_MAX + 1];
    size_t n = id_text("per", id, text);
    return keys_actor(keys, S("user"), (Str){ text, n });     /* as if the product had named the person by this id */
}
void people_email_blind(const Keys *keys, Str email, uint8_t ret[16]) { keys_blind(keys, S("email"), email, ret); }
Status people_email_clean(Cx *cx, Str in, Str *ret)
{
    Str s = str_trim(in);
    if (s.n == 0) return refuse(cx, ST_INVALID, S("email"), MSG_required, NO_PARAMS);
    if (s.n > EMAIL_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("email"), MSG_too_long, PARAMS({ .name = "max", .value = EMAIL_BYTES_MAX }));
    if (!scrub_email_is(s)) return refuse(cx, ST_INVALID, S("email"), MSG_bad_email, NO_PARAMS);
    char *p = arena_get(cx->arena, s.n + 1);
    if (!p) return fail(cx, ST_NO_MEM, "people_email_clean");
    for (size_t i = 0; i < s.n; i++) p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
    *ret = (Str){ p, s.n };
    return ST_OK;
}
Str people_email_mask(Cx *cx, Str email)
{
    Str rest = email, local = str_cut(&rest, '@');
    Buf b = buf_new(cx->arena, 300);
    size_t first = 1;
    while (first < local.n && ((unsigned char)local.p[first] & 0xc0) == 0x80) first++;
    if (local.n) buf_add(&b, (Str){ local.p, first });
    buf_addz(&b, "***@");
    buf_add(&b, rest);
    return buf_str(&b);
}
static Status field_ad(Cx *cx, const char *kind, int64_t person, Str *ret)
{
    Buf b = buf_new(cx->arena, 80);
    buf_addz(&b, "person_field|");
    buf_addz(&b, kind);
    buf_addc(&b, '|');
    buf_i64(&b, person);
    *ret = buf_str(&b);
    return b.bad ? fail(cx, ST_NO_MEM, "field_ad") : ST_OK;
}
Status people_draft(Cx *cx, const Keys *keys, Str email, Str lang, Str form, PersonDraft *ret)
{
    PersonDraft d = { .id = id_new(cx), .lang = lang, .form = form };
    Str ad;
    TRY(field_ad(cx, "email", d.id, &ad));
    TRY(keys_seal(cx, keys, ad, email, &d.email_sealed));
    people_email_blind(keys, email, d.email_blind);
    d.root = people_root(keys, d.id);
    *ret = d;
    return ST_OK;
}
void people_draft_known(const Cx *cx, const Keys *keys, int64_t id, Str lang, Str form, PersonDraft *ret)
{
    *ret = (PersonDraft){ .id = id ? id : id_new(cx), .lang = lang, .form = form };
    ret->root = people_root(keys, ret->id);
}
static Status add_email(Cx *cx, const PersonDraft *d)
{
    Status st = db_run(cx, SQL("INSERT INTO person_field(person, kind, sealed, blind, proven, changed) VALUES "
                               "($1, 'email', $2, $3, $4, $4)"),
                       BINDS(b_i64(d->id), b_bytes(d->email_sealed), b_bytes(bytes16(d->email_blind)), b_i64(cx->now)));
    if (st == ST_CONFLICT) return refuse(cx, ST_CONFLICT, S("email"), MSG_taken, NO_PARAMS);
    return st;
}
Status people_add(Cx *cx, const PersonDraft *d, Person *ret)
{
    TRY(db_run(cx, SQL("INSERT INTO person(id, state, created, lang, form) VALUES ($1, $2, $3, $4, $5)"),
               BINDS(b_i64(d->id), b_i64(PERSON_ACTIVE), b_i64(cx->now), b_str(d->lang), b_str(d->form))));
    if (d->email_sealed.n) TRY(add_email(cx, d));
    TRY(people_actor_add(cx, d->id, d->root));
    *ret = (Person){ .id = d->id, .state = PERSON_ACTIVE, .created = cx->now, .lang = d->lang, .form = d->form };
    return ST_OK;
}
Status people_by_email(Cx *cx, const uint8_t blind[16], int64_t *ret)
{
    return db_i64(cx, SQL("SELECT person FROM person_field WHERE kind = 'email' AND blind = $1"),
        BINDS(b_bytes(bytes16(blind))), ret);
}
Status people_actor_add(Cx *cx, int64_t id, Hash128 actor)
{
    return db_run(cx, SQL("INSERT INTO person_actor(actor, person, since) VALUES ($1, $2, $3) ON CONFLICT "
                          "(actor) DO NOTHING"),
                  BINDS(b_bytes(actor_bytes(&actor)), b_i64(id), b_i64(cx->now)));
}
Status people_field_seal(Cx *cx, const Keys *keys, int64_t id, FieldDraft *f)
{
    Str ad;
    TRY(field_ad(cx, f->kind, id, &ad));
    return keys_seal(cx, keys, ad, f->value, &f->sealed);
}
/* Is the address another record's? Then this one keeps it without an index. */
static Status index_of(Cx *cx, int64_t id, const FieldDraft *f, Bind *ret)
{
    int64_t holder = id;
    *ret = b_null();
    if (!f->indexed) return ST_OK;
    Status st = db_i64(cx, SQL("SELECT person FROM person_field WHERE kind = $1 AND blind = $2"),
                       BINDS(b_str(str_z(f->kind)), b_bytes(bytes16(f->blind))), &holder);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    if (holder == id) *ret = b_bytes(bytes16(f->blind));
    return ST_OK;
}
Status people_field_put(Cx *cx, int64_t id, const FieldDraft *f)
{
    Bind blind;
    TRY(index_of(cx, id, f, &blind));
    return db_run(cx, SQL("INSERT INTO person_field(person, kind, sealed, blind, proven, changed)"
                          " VALUES ($1, $2, $3, $4, 0, $5)"
                          " ON CONFLICT (person, kind) DO UPDATE SET sealed = excluded.sealed, blind = excluded.blind,"
                          " changed = excluded.changed"
                          " WHERE person_field.proven = 0 AND person_field.changed <= excluded.changed"),
                  BINDS(b_i64(id), b_str(str_z(f->kind)), b_bytes(f->sealed), blind, b_i64(f->changed)));
}
Status people_by_actor(Cx *cx, Hash128 actor, int64_t *ret)
{
    return db_i64(cx, SQL("SELECT person FROM person_actor WHERE actor = $1"), BINDS(b_bytes(actor_bytes(&actor))),
        ret);
}
static Status person_row(Rows *r, Person *p)
{
    *p = (Person){ .id = rows_i64(r, 0), .state = (PersonState)rows_i64(r, 1), .created = rows_i64(r, 2) };
    TRY(rows_keep(r, 3, &p->lang));
    return rows_keep(r, 4, &p->form);
}
Status people_get(Cx *cx, int64_t id, Person *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT id, state, created, lang, form FROM person WHERE id = $1"), BINDS(b_i64(id)), &r));
    Status st = rows_next(r);
    if (st == ST_NOT_FOUND) return refuse(cx, ST_NOT_FOUND, S("id"), MSG_not_found, NO_PARAMS);
    TRY(st);
    return person_row(r, ret);
}
Status people_list(Cx *cx, int64_t before, size_t limit, const Person **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    Person *all = ARENA_MANY(cx->arena, Person, limit);
    size_t n = 0;
    Status st = ST_OK;

    if (!all) return fail(cx, ST_NO_MEM, "people_list");
    TRY(rows_open(cx, SQL("SELECT id, state, created, lang, form FROM person WHERE id < $1 ORDER BY id DESC "
                          "LIMIT $2"),
                  BINDS(b_i64(before ? before : INT64_MAX), b_i64((int64_t)limit)), &r));
    while (n < limit && (st = rows_next(r)) == ST_OK) TRY(person_row(r, &all[n++]));
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret = all;
    *ret_n = n;
    return ST_OK;
}
enum { FIELDS_MAX = 64 };
static Status field_row(Cx *cx, const Keys *keys, int64_t id, Rows *r, PersonField *f)
{
    Str ad, sealed;
    *f = (PersonField){ .proven = rows_i64(r, 2), .changed = rows_i64(r, 3) };
    TRY(rows_keep(r, 0, &f->kind));
    TRY(rows_keep(r, 1, &sealed));
    TRY(field_ad(cx, f->kind.p, id, &ad));
    return keys_open_sealed(cx, keys, ad, sealed, &f->value);
}
Status people_fields(Cx *cx, const Keys *keys, int64_t id, const PersonField **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    PersonField *all = ARENA_MANY(cx->arena, PersonField, FIELDS_MAX);
    size_t n = 0;
    Status st = ST_OK;

    if (!all) return fail(cx, ST_NO_MEM, "people_fields");
    TRY(rows_open(cx, SQL("SELECT kind, sealed, proven, changed FROM person_field WHERE person = $1 ORDER BY "
                          "kind LIMIT 64"),
                  BINDS(b_i64(id)), &r));
    while (n < FIELDS_MAX && (st = rows_next(r)) == ST_OK) TRY(field_row(cx, keys, id, r, &all[n++]));
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret = all;
    *ret_n = n;
    return ST_OK;
}
