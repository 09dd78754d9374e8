#include "flow/outbox.h"
#include "base/id.h"
#include "base/limits.h"
#include <string.h>

enum { STEP_ROWS = 200, BODY_MAX = 16384, ENTRIES_A_ROW = 2 };

static void hash_out(JsonW *w, Str key, Hash128 h)
{
    Buf b = buf_new(w->b->a, 40);
    buf_hex(&b, (Str){ (const char *)&h, sizeof h });
    jsonw_key(w, key);
    jsonw_str(w, buf_str(&b));
    w->b->bad |= b.bad;
}
Status outbox_add(Cx *cx, const OutboxNote *n)
{
    Buf b = buf_new(cx->arena, BODY_MAX);
    JsonW w = { .b = &b };

    jsonw_open(&w, '{');
    jsonw_key(&w, S("event")); jsonw_str(&w, n->event);
    jsonw_key(&w, S("flags")); jsonw_i64(&w, n->flags);
    hash_out(&w, S("user"), n->user);
    if (n->anon.a || n->anon.b) hash_out(&w, S("anon"), n->anon);
    jsonw_key(&w, S("facts")); jsonw_open(&w, '{');
    for (size_t i = 0; i < n->n_facts; i++) {
        jsonw_key(&w, str_z(n->facts[i].key));
        jsonw_str(&w, n->facts[i].text);
    }
    jsonw_close(&w, '}');
    jsonw_close(&w, '}');
    if (b.bad) return fail(cx, ST_NO_MEM, "outbox_add");
    return db_run(cx, SQL("INSERT INTO outbox(id, person, kind, body, at) VALUES ($1, $2, 'event', $3, $4)"),
                  BINDS(b_i64(id_new(cx)), b_i64(n->person), b_str(buf_str(&b)), b_i64(cx->now)));
}

static bool hash_in(const JsonNode *v, Hash128 *ret)
{
    uint8_t raw[16] = { 0 };
    Str s = json_str_of(v);
    for (size_t i = 0; s.n == 32 && i < 32; i++) {
        const char *at = memchr("0123456789abcdef", s.p[i], 16);
        if (!at) return false;
        raw[i / 2] = (uint8_t)(raw[i / 2] << 4 | (at - "0123456789abcdef"));
    }
    memcpy(ret, raw, sizeof raw);
    return s.n == 32;
}
static Status facts_in(Cx *cx, const JsonNode *o, Event *e)
{
    const JsonNode *key = json_first(o);
    size_t n = o ? o->n : 0;
    Prop *p = ARENA_MANY(cx->arena, Prop, n);
    if (!p) return fail(cx, ST_NO_MEM, "outbox");
    for (size_t i = 0; i < n; i++, key = json_next(json_next(key)))
        p[i] = (Prop){ .name = key->s, .kind = PROP_STR, .s = json_str_of(json_next(key)) };
    e->props = p;
    e->n_props = n;
    return ST_OK;
}
/* The event's message key and the join's id come from the row's id: told again, both are the same. */
static Status entries_of(Cx *cx, const Keys *keys, int source, int64_t id, int64_t at, Str body,
    Entry ret[ENTRIES_A_ROW], size_t *ret_n)
{
    const JsonNode *o;
    char text[ID_TEXT_MAX + 1];
    Join j = { .id = id, .time = at, .trust = TRUST_LIUKE };
    size_t n = 0;

    TRY(json_parse(cx, body, &o));
    const JsonNode *flags = json_get(o, S("flags")), *anon = json_get(o, S("anon"));
    Event e = { .source = (uint16_t)source, .trust = TRUST_LIUKE, .flags = (uint8_t)(flags && flags->kind == JSON_INT ?
        flags->i : EVENT_SERVICE),
                .name = json_str_of(json_get(o, S("event"))), .time = at, .received = at };
    if (!hash_in(json_get(o, S("user")), &e.actor) || (anon && !hash_in(anon, &j.anon)))
        return fail(cx, ST_IO, "outbox row %lld is damaged", (long long)id);
    e.message = keys_message(keys, 0, (Str){ text, id_text("out", id, text) });
    TRY(facts_in(cx, json_get(o, S("facts")), &e));
    j.user = e.actor;
    if (anon) ret[n++] = (Entry){ .kind = ENTRY_JOIN, .join = j };
    if (e.name.n) ret[n++] = (Entry){ .kind = ENTRY_EVENT, .event = e };
    *ret_n = n;
    return ST_OK;
}
typedef struct Step {
    Entry entries[STEP_ROWS * ENTRIES_A_ROW]; size_t n;
    int64_t rows[STEP_ROWS]; size_t n_rows;
} Step;
static Status read_rows(Cx *cx, const Keys *keys, int source, Step *s)
{
    AUTO_ROWS r = NULL;
    Str body;
    Status st;

    TRY(rows_open(cx, SQL("SELECT id, body, at FROM outbox ORDER BY id LIMIT 200"), NO_BINDS, &r));
    while ((st = rows_next(r)) == ST_OK) {
        size_t n = 0;
        TRY(rows_keep(r, 1, &body));
        TRY(entries_of(cx, keys, source, rows_i64(r, 0), rows_i64(r, 2), body, s->entries + s->n, &n));
        s->n += n;
        s->rows[s->n_rows++] = rows_i64(r, 0);
    }
    return st == ST_NOT_FOUND ? ST_OK : st;
}
static Status done_tx(Cx *cx, void *arg)
{
    const Step *s = arg;
    /* One by one: a row with a smaller id may have been committed since, and must not go untold. */
    for (size_t i = 0; i < s->n_rows; i++)
        TRY(db_run(cx, SQL("DELETE FROM outbox WHERE id = $1"), BINDS(b_i64(s->rows[i]))));
    return ST_OK;
}
Status outbox_step(Cx *cx, Events *ev, const Keys *keys, int source)
{
    Step *s = ARENA_NEW(cx->arena, Step);
    if (!s) return fail(cx, ST_NO_MEM, "outbox");
    TRY(read_rows(cx, keys, source, s));
    if (s->n == 0) return ST_NOT_FOUND;
    TRY(events_append_wait(cx, ev, s->entries, s->n, NULL));
    return tx_run(cx, done_tx, s);
}
