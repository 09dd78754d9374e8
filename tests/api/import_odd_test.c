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
typedef struct Seen { Cx *cx; const Keys *keys; Buf text, sealed; Hash128 skip, last; } Seen;       /* skip: a person */
static Status see(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    Seen *s = arg;
    (void)cx;
    if (root.a == s->skip.a && root.b == s->skip.b) return ST_OK;
    s->last = root;
    buf_add(&s->text, e->name);
    for (size_t i = 0; i < e->n_props; i++) {
        buf_addc(&s->text, '|');
        buf_add(&s->text, e->props[i].name);
        buf_addc(&s->text, '=');
        if (e->props[i].kind == PROP_STR) buf_add(&s->text, e->props[i].s);
        if (e->props[i].kind == PROP_INT) buf_i64(&s->text, e->props[i].i);
        if (e->props[i].kind == PROP_DOUBLE) buf_double(&s->text, e->props[i].d);
    }
    buf_addz(&s->text, "|\n");
    return ST_OK;
}
static Status see_sealed(Cx *cx, void *arg, int64_t pos, const Entry *e)
{
    Seen *s = arg;
    Str plain;
    (void)cx, (void)pos;
    if (e->kind != ENTRY_EVENT || e->event.sealed.n == 0) return ST_OK;
    ok(keys_open_sealed(s->cx, s->keys, S("log|sealed"), e->event.sealed, &plain));
    buf_add(&s->sealed, plain);
    return ST_OK;
}
static Seen look_past(World *w, Hash128 skip)
{
    Seen s = { .skip = skip, .cx = w->cx, .keys = w->app.keys, .text = buf_new(w->cx->arena, 1 << 20),
        .sealed = buf_new(w->cx->arena, 1 << 20) };
    int64_t next;
    Cx *cx = w->cx;
    ok(events_scan(cx, w->app.events, INT64_MIN, INT64_MAX, see, &s));
    ok(events_read(cx, w->app.events, 0, see_sealed, &s, &next));
    buf_addc(&s.text, 0);
    buf_addc(&s.sealed, 0);
    return s;
}
static Seen look(World *w) { return look_past(w, (Hash128){ 0 }); }

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
    assert_non_null(strstr(all.text.p, "Mail [email]|\n"));
    assert_int_equal(all.sealed.n, s.sealed.n);
}
/* Columns parted by spaces take the general way, commas the short one. */
API(the_short_way_of_a_csv_row_gives_the_events_of_the_general_one)
{
    static const char *const values[] = { "1", "-1", "0", "-0", "007", "-07", "1.5", "1.50", "-1.5", "-0.0", "0.1",
        "00.1", "5.", ".5", "+5", "1e5", "1.5e3", "1.2.3.4", "12345678901", "13800138000", "123456789012345678",
        "9223372036854775807", "9223372036854775808", "99999999999999999999", "0.30000000000000004", "123456789.123456",
        "1234567890.1234567", "2024-01-01", "-", "--1", "-abc", "abc", "a@b.cc", "x13800138000y", "中文✨", "true", "null",
        "1_000", "0x1f", "1,5" };
    static const char *const times[] = { "2023-01-01T01:02:03Z", "2023-01-01T01:02:03.004Z", "2023-01-02", "1672531200",
        "1672531200123", "20230103", "2023-01-01T24:00:00Z", "2023-02-30T00:00:00Z", "yesterday",
        "9999-01-01T00:00:00Z" };
    Buf csv = buf_new(w->cx->arena, 1 << 20), spaced = buf_new(w->cx->arena, 1 << 20);
    buf_addz(&csv, "t,e,u,v,again\n");
    for (size_t i = 0; i < COUNT(values) * COUNT(times); i++) {
        char row[200];
        const char *v = values[i % COUNT(values)], *t = times[i / COUNT(values)];
        const char *quote = strchr(v, ',') ? "\"" : "";
        snprintf(row, sizeof row, "%s,Read%zu,u1,%s%s%s,same\n", t, i % 5, quote, v, quote);
        buf_addz(&csv, row);
        snprintf(row, sizeof row, "%s Read%zu u2 %s same\n", t, i % 5, v);
        buf_addz(&spaced, row);
    }
    char query[300];
    snprintf(query, sizeof query, "source=short&name=a.csv&format=csv&%s", map);
    int64_t bad = feed(w, query, buf_str(&csv));
    Seen first = look(w);
    assert_int_equal(world_events(w) + bad, COUNT(values) * COUNT(times));
    snprintf(query, sizeof query, "source=long&name=a.txt&format=columns&columns=t,e,u,v,again&%s", map);
    assert_int_equal(feed(w, query, buf_str(&spaced)), bad);
    Seen second = look_past(w, first.last);
    assert_string_equal(first.text.p, second.text.p);
}
/* What a row takes is given back after it, not at the end of a piece. */
API(a_piece_full_of_rows_that_go_the_general_way_fits_in_memory)
{
    enum { ROWS = 60000 };
    Buf b = buf_new(w->cx->arena, 4 << 20);
    char query[200];
    buf_addz(&b, "t,e,u\n");
    for (int i = 0; i < ROWS; i++) buf_addz(&b, "2023-01-01,Read,u\n");         /* a date alone is not the short way */
    snprintf(query, sizeof query, "source=g&name=g.csv&format=csv&%s", map);
    assert_int_equal(feed(w, query, buf_str(&b)), 0);
    assert_int_equal(world_events(w), ROWS);
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
