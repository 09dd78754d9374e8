/* Files as they really are: a byte-order mark, other encodings, personal columns, thousands of bad rows. */
#include "tests/api/api_world.h"
#include "base/limits.h"
#include "domain/import/import.h"
#include <stdio.h>
#include <string.h>

static const char map[] = "map=time%3Dt,event%3De,user%3Du";
static void begin(World *w, const char *query, Str file)
{
    char path[500];
    snprintf(path, sizeof path, "/api/1/imports?%s", query);
    call(w, .method = "POST", .path = path, .raw = { file.p, file.n < IMPORT_FIRST_BYTES ?
        file.n : IMPORT_FIRST_BYTES }, .staff = true);
}
static int64_t number(const JsonNode *o, const char *key)
{
    const JsonNode *v = json_get(o, str_z(key));
    return v && v->kind == JSON_INT ? v->i : -1;
}
/* All of it, as often as it takes; how many rows were told as rejected. */
static int64_t feed(World *w, const char *query, Str file)
{
    int64_t at = 0, rejected = 0;
    char path[120];
    begin(w, query, file);
    expect(w, 201, "imp_");
    Str id = arena_str(w->cx->arena, json_str_of(json_get(world_node(w, NULL), S("id"))));
    Cx *own = w->cx, one = *w->cx;
    one.arena = arena_new(64 << 20);
    w->cx = &one;
    for (int rounds = 0; at < (int64_t)file.n; rounds++) {
        assert_in_range(rounds, 0, 100);
        arena_reset(one.arena);
        snprintf(path, sizeof path, "/api/1/imports/%s/rows?at=%lld&last=true", id.p, (long long)at);
        call(w, .method = "POST", .path = path, .raw = { file.p + at, file.n - (size_t)at }, .staff = true);
        expect(w, 200, "\"import\"");
        rejected += json_get(world_node(w, NULL), S("rejects"))->n;
        at = number(json_get(world_node(w, NULL), S("import")), "done");
    }
    w->res.still = arena_str(own->arena, world_body(w));
    arena_free(one.arena);
    w->cx = own;
    return rejected;
}
typedef struct Seen { Cx *cx; const Keys *keys; Buf text, sealed; } Seen;
static Status see(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Seen *s = arg;
    Str plain;
    (void)pos;
    if (e->kind != ENTRY_EVENT) return ST_OK;
    buf_add(&s->text, e->event.name);
    for (size_t i = 0; i < e->event.n_props; i++) {
        buf_addc(&s->text, '|');
        buf_add(&s->text, e->event.props[i].name);
        buf_addc(&s->text, '=');
        if (e->event.props[i].kind == PROP_STR) buf_add(&s->text, e->event.props[i].s);
        if (e->event.props[i].kind == PROP_INT) buf_i64(&s->text, e->event.props[i].i);
    }
    buf_addz(&s->text, "|\n");
    if (e->event.sealed.n == 0) return ST_OK;
    ok(keys_open_sealed(s->cx, s->keys, S("log|sealed"), e->event.sealed, &plain));
    buf_add(&s->sealed, plain);
    return ST_OK;
}
static Seen look(World *w)
{
    Seen s = { .cx = w->cx, .keys = w->app.keys, .text = buf_new(w->cx->arena, 1 << 20),
        .sealed = buf_new(w->cx->arena, 1 << 20) };
    int64_t next;
    Cx *cx = w->cx;
    ok(events_read(cx, w->app.events, 0, see, &s, &next));
    buf_addc(&s.text, 0);
    buf_addc(&s.sealed, 0);
    return s;
}

API(personal_columns_are_sealed_beside_the_event)
{
    char query[300];
    snprintf(query, sizeof query, "source=s&name=p.csv&format=csv&%s,prop.plan%%3Dplan,prop.ip%%3Daddr,"
        "prop.copy%%3Dplan", map);
    Str file = S("t,e,u,E-Mail,手机号,姓名,addr,plan,contact,order\r\n2023-01-01,Buy,u1,li@example.cn,13800138000,李雷,"
        "198.51.100.7,pro,"
                 "13900139000,12345678901\r\n");
    assert_int_equal(feed(w, query, file), 0);
    Seen s = look(w);
    assert_string_equal(s.text.p, "Buy|plan=pro|copy=pro|contact=[phone]|order=12345678901|\n");
    assert_string_equal(s.sealed.p, "{\"E-Mail\":\"li@example.cn\",\"手机号\":\"13800138000\",\"姓名\":\"李雷\","
        "\"ip\":\"198.51.100.7\"}");
    snprintf(query, sizeof query, "source=n&name=p.ndjson&format=ndjson&%s,props%%3Dnone", map);
    assert_int_equal(feed(w, query, S("\xef\xbb\xbf{\"t\":\"2023-01-01\",\"e\":\"Mail a@b.cc\",\"u\":\"u1\","
        "\"email\":\"li@example.cn\",\"x\":1}\n")), 0);
    Seen all = look(w);
    assert_non_null(strstr(all.text.p, "\nMail [email]|\n"));
    assert_int_equal(all.sealed.n, s.sealed.n);
}
API(thousands_of_bad_rows_are_all_told_over_several_replies)
{
    enum { BAD = 30000 };
    char query[200];
    Buf b = buf_new(w->cx->arena, 2 << 20);
    buf_addz(&b, "t,e,u\n");
    for (int i = 0; i < BAD; i++) buf_addz(&b, "yesterday,<Read>,u\n");
    buf_addz(&b, "2023-01-01,Read,u\n");
    snprintf(query, sizeof query, "source=s&name=bad.csv&format=csv&%s", map);
    assert_int_equal(feed(w, query, buf_str(&b)), BAD);
    expect(w, 200, "\"rejected\":30000");
    assert_int_equal(world_events(w), 1);
    snprintf(query, sizeof query, "source=c&name=bad.txt&format=columns&columns=t,e,u&%s", map);
    Str rows = { b.p, b.n };
    for (size_t i = 0; i < b.n; i++) if (b.p[i] == ',') b.p[i] = ' ';
    assert_int_equal(feed(w, query, rows), BAD + 1);
    assert_int_equal(world_events(w), 2);
}
API(what_is_not_utf_8_is_a_bad_row_and_never_a_broken_import)
{
    char query[200];
    snprintf(query, sizeof query, "source=s&name=g.txt&format=columns&columns=t,e,u&%s", map);
    assert_int_equal(feed(w, query, S("2023-01-01 \xb6\xc1 u1\n2023-01-01 Read u1\n2023-01-01 Re\x01""ad u1\n")), 2);
    assert_int_equal(world_events(w), 1);
    static const char *const bad[] = { "source=%ff", "source=s&columns=%fe,b", "source=s&name=%ff" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(query, sizeof query, "format=csv&%s&%s", bad[i], map);
        begin(w, query, S("t,e,u\n"));
        expect(w, 400, "bad_encoding_row");
    }
}
API(a_time_may_be_said_once_for_all_rows)
{
    assert_int_equal(feed(w, "source=z&name=z.csv&format=csv&map=time%3Dt,event%3De,user%3Du",
        S("t,e,u\n0000-06-01,Read,u1\n0001-01-02,Read,u1\n")), 1);
    assert_int_equal(world_events(w), 1);
    assert_int_equal(feed(w, "source=s&name=c.csv&format=csv&map=time%3D'2023-01-01',event%3De,user%3Du",
        S("e,u\nRead,u1\n")), 0);
    assert_int_equal(world_events(w), 2);
}
API(a_file_known_under_another_map_says_so_and_nothing_goes_into_liukes_own_source)
{
    char query[200];
    Cx *cx = w->cx;
    snprintf(query, sizeof query, "source=s&name=f.csv&format=csv&%s", map);
    assert_int_equal(feed(w, query, S("t,e,u\n2023-01-01,Read,u1\n")), 0);
    begin(w, "source=s&name=f.csv&format=csv&map=time%3Dt,event%3De,anon%3Du", S("t,e,u\n2023-01-01,Read,u1\n"));
    expect(w, 409, "\"code\":\"import_other_map\"");
    (void)cx;
}
