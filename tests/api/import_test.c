#include "tests/api/api_world.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 300000 };
/* A whole file, unpacked when it is gzip; the heap's. */
static Str load(const char *path)
{
    gzFile f = gzopen(path, "rb");
    assert_non_null(f);
    size_t n = 0, cap = 32 << 20;
    char *p = malloc(cap);
    int got;
    while ((got = gzread(f, p + n, (unsigned)(cap - n))) > 0) n += (size_t)got;
    gzclose(f);
    return (Str){ p, n };
}
static Str begin(World *w, const char *query, Str file)
{
    char path[900];
    snprintf(path, sizeof path, "/api/1/imports?%s", query);
    call(w, .method = "POST", .path = path, .raw = { file.p, file.n < 65536 ? file.n : 65536 }, .staff = true);
    expect(w, 201, "\"id\":\"imp_");
    return arena_str(w->cx->arena, json_str_of(json_get(world_node(w, NULL), S("id"))));
}
typedef struct Sum { int64_t kept, repeated, rejected, at; } Sum;
static int64_t number(const JsonNode *o, const char *key)
{
    const JsonNode *v = json_get(o, str_z(key));
    return v && v->kind == JSON_INT ? v->i : -1;
}
/* Piece by piece to the end, each in an arena of its own. */
static Sum feed(World *w, Str id, Str file, int64_t at, size_t most)
{
    Cx *own = w->cx, one = *w->cx;
    Sum s = { .at = at };
    one.arena = arena_new(64 << 20);
    w->cx = &one;
    while (s.at < (int64_t)file.n && most--) {
        char path[120];
        arena_reset(one.arena);
        size_t n = file.n - (size_t)s.at < PIECE ? file.n - (size_t)s.at : PIECE;
        snprintf(path, sizeof path, "/api/1/imports/%s/rows?at=%lld%s", id.p, (long long)s.at,
            (size_t)s.at + n == file.n ? "&last=true" : "");
        call(w, .method = "POST", .path = path, .raw = { file.p + s.at, n }, .staff = true);
        expect(w, 200, "\"import\"");
        const JsonNode *o = world_node(w, NULL);
        s.kept += number(o, "kept");
        s.repeated += number(o, "repeated");
        s.rejected += json_get(o, S("rejects"))->n;
        s.at = number(json_get(o, S("import")), "done");
    }
    w->res.still = arena_str(own->arena, world_body(w));            /* the last reply outlives its arena */
    arena_free(one.arena);
    w->cx = own;
    return s;
}
static const char deskdrop[] = "source=deskdrop&name=users.csv&format=csv&map=time%3Dtimestamp,"
                               "event%3DeventType,user%3DpersonId";

API(deskdrop_imports_every_event_once_and_again_brings_nothing)
{
    Str file = load(test_shared("data/events/deskdrop_users_interactions.csv.gz"));
    Str id = begin(w, deskdrop, file);
    Sum s = feed(w, id, file, 0, 1000);
    assert_int_equal(s.kept, 72312);
    assert_int_equal(s.rejected, 0);
    assert_int_equal(world_events(w), 72312);
    EventsStats st;
    Cx *cx = w->cx;
    ok(events_stats(cx, w->app.events, &st));
    assert_int_equal(st.people, 1895);
    Str again = begin(w, deskdrop, file);
    assert_true(str_eq(again, id));
    assert_int_equal(number(world_node(w, NULL), "done"), (int64_t)file.n);
    free((char *)(uintptr_t)file.p);
}
API(a_piece_sent_again_adds_nothing_and_one_from_elsewhere_is_told_where_to_go_on)
{
    Str file = S("t,e,u\n2023-01-01,A,u1\n2023-01-01,A,u1\n2023-01-02,B,u2\n");
    Str id = begin(w, "source=s&name=f.csv&format=csv&map=time%3Dt,event%3De,user%3Du", file);
    assert_int_equal(feed(w, id, file, 0, 100).kept, 3);            /* two equal rows are two events */
    assert_int_equal(world_events(w), 3);
    char path[120];
    snprintf(path, sizeof path, "/api/1/imports/%s/rows?at=0", id.p);
    call(w, .method = "POST", .path = path, .raw = file, .staff = true);
    expect(w, 409, "\"code\":\"import_place\"");
    Str grown = S("t,e,u\n2023-01-01,A,u1\n2023-01-01,A,u1\n2023-01-02,B,u2\n2023-01-03,C,u3\n");
    Str same = begin(w, "source=s&name=f.csv&format=csv&map=time%3Dt,event%3De,user%3Du", grown);
    assert_true(str_eq(same, id));
    assert_int_equal(feed(w, id, grown, (int64_t)file.n, 100).kept, 1);
    call(w, .method = "POST", .path = "/api/1/imports?source=s&name=f.csv&format=csv&map=time%3Dt,event%3De,"
                                      "user%3Du", .raw = S("x,e,u\n1,2,3\n"), .staff = true);
    expect(w, 409, "\"code\":\"import_changed\"");
    begin(w, "source=s&name=f.csv&format=csv&as_new=true&map=time%3Dt,event%3De,user%3Du", S("t,e,u\n1,2,3\n"));
    assert_int_equal(world_events(w), 4);
}
API(bad_rows_are_named_with_their_line_and_the_rest_is_kept)
{
    Str file = S("t,e,u,n\r\n2023-01-01,A,u1,1\r\nyesterday,A,u1,1\r\n2023-01-01,,u1,1\r\n2023-01-01,A,null,"
                 "1\r\n2023-01-01,A,u1\r\n2999-01-01,A,u1,1\r\n"
                 "2023-01-01,\"A \"\"B\"\"\",u1,\"1,5\"");
    Str id = begin(w, "source=s&name=f.csv&format=csv&map=time%3Dt,event%3De,user%3Du", file);
    Sum s = feed(w, id, file, 0, 100);
    assert_int_equal(s.kept, 2);
    assert_int_equal(s.rejected, 5);
    expect(w, 200, "\"line\":3");
    static const char *const codes[] = { "bad_time", "required", "placeholder_id", "row_cells", "future_time" };
    for (size_t i = 0; i < COUNT(codes); i++) expect(w, 200, codes[i]);
}
API(a_bad_map_says_which_part)
{
    static const char *const bad[][3] = {
        { "map=time%3Dt,event%3De", "bad_map", "user=" }, { "map=time%3Dt,event%3De,user%3Du,"
                                                            "what%3Dx", "bad_map", "what=x" },
        { "map=", "bad_map", "time=" } };
    char path[200];
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(path, sizeof path, "/api/1/imports?source=s&name=f&format=csv&%s", bad[i][0]);
        call(w, .method = "POST", .path = path, .raw = S("t,e,u\n"), .staff = true);
        expect(w, 400, bad[i][1]);
        expect(w, 400, bad[i][2]);
    }
    call(w, .method = "POST", .path = "/api/1/imports?source=s&name=f&format=xls&map=time%3Dt", .raw = S("t"),
        .staff = true);
    expect(w, 400, "bad_format");
    call(w, .method = "POST", .path = "/api/1/imports?source=s&name=f&format=csv&map=time%3Dt,event%3De,"
                                      "user%3Du", .raw = S(""), .staff = true);
    expect(w, 400, "empty_file");
}
API(cdnow_and_the_access_log_import_exactly)
{
    Str file = load(test_shared("data/clv/CDNOW_sample.txt"));
    Str id = begin(w, "source=cdnow&name=CDNOW_sample.txt&format=columns&columns=master,sample,date,cds,dollars"
                      "&map=time%3Ddate,event%3D'purchase',user%3Dmaster", file);
    Sum s = feed(w, id, file, 0, 1000);
    assert_int_equal(s.kept, 6919);
    assert_int_equal(s.rejected, 0);
    free((char *)(uintptr_t)file.p);
    file = load(test_shared("data/events/apache_access_2015-05.log.gz"));
    id = begin(w, "source=site&name=access.log&format=access", file);
    s = feed(w, id, file, 0, 1000);
    assert_int_equal(s.kept, 10000);
    assert_int_equal(s.rejected, 0);
    EventsStats st;
    Cx *cx = w->cx;
    ok(events_stats(cx, w->app.events, &st));
    assert_int_equal(st.events, 16919);
    assert_int_equal(st.people, 2357 + 1753);
    free((char *)(uintptr_t)file.p);
}
API(ndjson_keeps_kinds_and_nested_objects)
{
    Str file = S("{\"at\":1672531200,\"what\":\"Buy\",\"who\":\"u1\",\"price\":1.5,\"cart\":{\"n\":2}"
                 "}\n\n{\"at\":\"2023-01-01T08:00:00+08:00\",\"what\":\"Buy\",\"who\":2}\n{\"at\":1}\n[1]\n");
    Str id = begin(w, "source=n&name=f.ndjson&format=ndjson&map=time%3Dat,event%3Dwhat,user%3Dwho", file);
    Sum s = feed(w, id, file, 0, 10);
    assert_int_equal(s.kept, 2);
    assert_int_equal(s.rejected, 2);
}
/* A row's message counts once in a source: in the short way, in the general one, in the log's, and between them. */
API(a_message_counts_once_in_its_source_whatever_way_its_row_goes)
{
    static const char query[] = "source=%s&name=%s&format=csv&map=time%%3Dt,event%%3De,user%%3Du,message%%3Dm";
    static const struct { const char *source, *name, *rows; int64_t kept, repeated, rejected; } files[] = {
        /* a rejected row's message is free for the one that is mended; an empty one is none */
        { "s", "a.csv", "2023-01-01,A,u1,,m1\n2023-01-01,A,u1,,m1\n2023-01-01,A,u1,,\n2023-01-01,A,u1,,\n"
            "2023-01-01,A,null,,m2\n2023-01-01,A,u1,,m2\nno,A,u1,,m3\n2023-01-01,A,u2,,\"m\"\"3\"\n"
            "2023-01-01,A,u2,,\"m\"\"3\"\n2023-01-01,A,u2, , m1 \n", 5, 3, 2 },
        { "s", "b.csv", "2023-01-01,A,u9,,m1\n2023-01-01,A,u9,x@y.cc,m2\n2023-01-01,A,u9,x@y.cc,m4\n"
            "2023-01-01,A,u9,x@y.cc,m4\n2023-01-01,A,u9,,m4\n", 1, 4, 0 },
        { "other", "c.csv", "2023-01-01,A,u1,,m1\n2023-01-01,A,u1,,m4\n", 2, 0, 0 },
    };
    int64_t all = 0;
    for (size_t i = 0; i < COUNT(files); i++) {
        char text[900], path[300];
        int n = snprintf(text, sizeof text, "t,e,u,email,m\n%s", files[i].rows);
        snprintf(path, sizeof path, query, files[i].source, files[i].name);
        Str file = { text, (size_t)n };
        Sum s = feed(w, begin(w, path, file), file, 0, 100);
        assert_int_equal(s.kept, files[i].kept);
        assert_int_equal(s.repeated, files[i].repeated);
        assert_int_equal(s.rejected, files[i].rejected);
        all += s.kept;
        assert_int_equal(world_events(w), all);
    }
}
API(two_files_of_a_source_with_messages_are_read_one_after_the_other)
{
    Str file = S("t,e,u,m\n2023-01-01,A,u1,m1\n2023-01-02,A,u1,m2\n");
    char path[120];
    Str id[2];
    for (int i = 0; i < 2; i++) {
        char query[200];
        snprintf(query, sizeof query, "source=s&name=%d.csv&format=csv&as_new=true&map=time%%3Dt,event%%3De,user%%3Du,"
            "message%%3Dm", i);
        id[i] = begin(w, query, file);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/api/1/imports/%s/rows?at=0", id[i].p);
        call(w, .method = "POST", .path = path, .raw = file, .staff = true);
        if (i) expect(w, 409, "\"code\":\"import_reading\"");
        else expect(w, 200, "\"kept\":2");
    }
    snprintf(path, sizeof path, "/api/1/imports/%s/rows?at=%zu&last=true", id[0].p, file.n);
    call(w, .method = "POST", .path = path, .raw = { "2023-01-03,A,u1,m2\n", 19 }, .staff = true);
    expect(w, 200, "\"repeated\":1");
    assert_int_equal(feed(w, id[1], file, 0, 10).repeated, 2);
}
