#include "flow/traits.h"
#include "base/json.h"
#include "base/limits.h"
#include "domain/people/people.h"
#include "flow/outbox.h"
#include <string.h>
#include <strings.h>

enum { STEP_CALLS = 64, STEP_ENTRIES = 20000, TRAITS_MAX = 16 };
typedef struct Call {
    Hash128 actor;
    int64_t time;
    Str sealed;
    PersonDraft person;
    FieldDraft fields[TRAITS_MAX]; size_t n;
} Call;
typedef struct Step { Cx *cx; const Keys *keys; Call calls[STEP_CALLS]; size_t n; int64_t seen, from, next; } Step;

static Status collect(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Step *s = arg;
    (void)cx; (void)pos;
    if (s->n == STEP_CALLS || ++s->seen > STEP_ENTRIES) return ST_NOT_FOUND;
    bool told = e->kind == ENTRY_EVENT && e->event.sealed.n && e->event.trust >= TRUST_SECRET &&
        str_is(e->event.name, "$identify");
    if (!told) return ST_OK;
    Call *c = &s->calls[s->n++];
    *c = (Call){ .actor = e->event.actor, .time = e->event.time, .sealed = arena_str(s->cx->arena, e->event.sealed) };
    return c->sealed.p ? ST_OK : fail(s->cx, ST_NO_MEM, "traits");
}
/* The words of other systems for the same thing. */
static const struct { const char *key, *kind; } kinds[] = {
    { "email", "email" }, { "$email", "email" }, { "mail", "email" },
    { "phone", "phone" }, { "$phone", "phone" }, { "mobile", "phone" }, { "tel", "phone" }, { "telephone", "phone" },
    { "phone_number", "phone" }, { "phonenumber", "phone" },
    { "name", "name" }, { "$name", "name" }, { "fullname", "name" }, { "full_name", "name" }, { "realname", "name" },
    { "real_name", "name" },
    { "firstname", "first_name" }, { "first_name", "first_name" }, { "lastname", "last_name" },
    { "last_name", "last_name" },
    { "nickname", "nickname" }, { "username", "username" }, { "user_name", "username" }, { "address", "address" },
    { "birthday", "birthday" }, { "birthdate", "birthday" }, { "birth_date", "birthday" }, { "dob", "birthday" },
    { "avatar", "avatar" },
    { "wechat", "wechat" }, { "weixin", "wechat" }, { "qq", "qq" },
};
static const char *kind_of(Str key)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (key.n == strlen(kinds[i].key) && strncasecmp(key.p, kinds[i].key, key.n) == 0) return kinds[i].kind;
    return NULL;
}
static Status value_of(Cx *cx, const JsonNode *v, Str *ret)
{
    Buf b = buf_new(cx->arena, (size_t)v->len * 6 + 64);
    JsonW w = { .b = &b };
    *ret = json_str_of(v);
    if (v->kind == JSON_STR) return ST_OK;
    jsonw_node(&w, v);
    *ret = buf_str(&b);
    return b.bad ? fail(cx, ST_NO_MEM, "traits") : ST_OK;
}
static bool has_kind(const Call *c, const char *kind)
{
    for (size_t i = 0; i < c->n; i++) if (strcmp(c->fields[i].kind, kind) == 0) return true;
    return false;
}
static Status add_field(Cx *cx, const Keys *keys, Call *c, const char *kind, const JsonNode *v)
{
    Str value;
    if (has_kind(c, kind) || c->n == TRAITS_MAX) return ST_OK;
    TRY(value_of(cx, v, &value));
    value = str_trim(value);
    if (value.n == 0 || value.n > PROP_TEXT_BYTES_MAX) return ST_OK;
    FieldDraft *f = &c->fields[c->n];
    *f = (FieldDraft){ .kind = kind, .value = value, .changed = c->time };
    if (strcmp(kind, "email") == 0) {
        Status st = people_email_clean(cx, value, &f->value);
        if (st != ST_OK && st != ST_INVALID) return st;
        f->indexed = st == ST_OK;
        if (f->indexed) people_email_blind(keys, f->value, f->blind);
    }
    c->n++;
    return ST_OK;
}
/* Everything that hashes or seals, before the transaction. The person's id must be known for it: whose the actor
 * is, or a new one. */
static Status prepare(Cx *cx, const Keys *keys, Call *c)
{
    const JsonNode *o, *key;
    Str open;
    int64_t known = 0;

    Status st = keys_open_sealed(cx, keys, S("log|sealed"), c->sealed, &open);
    if (st == ST_IO) return ST_OK;                           /* another key's: nothing to tell */
    TRY(st);
    TRY(json_parse(cx, open, &o));
    key = json_first(o);
    for (uint32_t i = 0; key && i < o->n; i++) {
        const JsonNode *v = json_next(key);
        const char *kind = kind_of(key->s);
        if (kind) TRY(add_field(cx, keys, c, kind, v));
        key = json_next(v);
    }
    st = people_by_actor(cx, c->actor, &known);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    people_draft_known(cx, keys, known, S(""), S("identify"), &c->person);
    for (size_t i = 0; i < c->n; i++) TRY(people_field_seal(cx, keys, c->person.id, &c->fields[i]));
    return ST_OK;
}
static Status apply(Cx *cx, const Call *c)
{
    int64_t known;
    Person p;
    if (c->n == 0) return ST_OK;
    Status st = people_by_actor(cx, c->actor, &known);
    if (st == ST_NOT_FOUND) {
        TRY(people_add(cx, &c->person, &p));
        TRY(people_actor_add(cx, c->person.id, c->actor));
        TRY(outbox_add(cx, &(OutboxNote){ .person = c->person.id, .user = c->person.root, .anon = c->actor }));
    } else if (st != ST_OK) {
        return st;
    } else if (known != c->person.id) {
        return fail(cx, ST_BUSY, "the record was born meanwhile");   /* sealed for another id: the step comes again */
    }
    for (size_t i = 0; i < c->n; i++) TRY(people_field_put(cx, c->person.id, &c->fields[i]));
    return ST_OK;
}
static Status step_tx(Cx *cx, void *arg)
{
    const Step *s = arg;
    for (size_t i = 0; i < s->n; i++) TRY(apply(cx, &s->calls[i]));
    return db_run(cx, SQL("INSERT INTO position(consumer, pos) VALUES ('traits', $1)"
                          " ON CONFLICT (consumer) DO UPDATE SET pos = excluded.pos"), BINDS(b_i64(s->next)));
}
Status traits_step(Cx *cx, Events *ev, const Keys *keys)
{
    Step *s = ARENA_NEW(cx->arena, Step);
    if (!s) return fail(cx, ST_NO_MEM, "traits");
    s->cx = cx;
    s->keys = keys;
    Status st = db_i64(cx, SQL("SELECT pos FROM position WHERE consumer = 'traits'"), NO_BINDS, &s->from);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    TRY(events_read_heads(cx, ev, s->from, collect, s, &s->next));
    events_keep_from(ev, s->from);
    if (s->next == s->from) return ST_NOT_FOUND;
    /* One after another: two calls of one new user must find the same record. */
    for (size_t i = 0; i < s->n; i++) {
        TRY(prepare(cx, keys, &s->calls[i]));
        for (size_t k = 0; k < i; k++)
            if (s->calls[k].actor.a == s->calls[i].actor.a && s->calls[k].actor.b == s->calls[i].actor.b &&
                s->calls[k].n) {
                s->calls[i].person = s->calls[k].person;
                for (size_t f = 0; f < s->calls[i].n; f++)
                    TRY(people_field_seal(cx, keys, s->calls[i].person.id, &s->calls[i].fields[f]));
                break;
            }
    }
    return tx_run(cx, step_tx, s);
}
