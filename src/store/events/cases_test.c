/* The definitions of retention held to worked cases, to identities that hold for any events, and to a real event
 * log whose every
 * cell is also computed in plain SQL. */
#include "base/csv.h"
#include "base/limits.h"
#include "store/events/ask_rig_test.h"
#include "store/events/state_rig_test.h"
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* ---- cases out of the reference file: JSON between "```json" and "```" under a heading "### ret-…" ---- */

static Hash128 user_key(Str user)
{
    uint64_t h = 1469598103934665603U;
    for (size_t i = 0; i < user.n; i++) h = (h ^ (uint8_t)user.p[i]) * 1099511628211U;
    return (Hash128){ h, ~h };
}
static void add_people(Cx *cx, Rig *r, const JsonNode *people)
{
    int64_t id = 0;
    const JsonNode *p = people ? json_first(people) : NULL;
    for (uint32_t i = 0; p && i < people->n; i++, p = json_next(p)) {
        const JsonNode *ids = json_get(p, S("distinct_ids")), *d = json_first(ids);
        Str main_id = json_str_of(d);
        for (uint32_t k = 0; k < ids->n; k++, d = json_next(d)) {
            Entry e = { .kind = ENTRY_JOIN, .join = { .id = ++id, .trust = TRUST_SECRET } };
            e.join.anon = user_key(json_str_of(d));
            e.join.user = user_key(main_id);
            if (k) rig_append(cx, r, &e, 1);
        }
    }
}
static void add_case_events(Cx *cx, Rig *r, const JsonNode *events)
{
    const JsonNode *n = json_first(events);
    for (uint32_t i = 0; i < events->n; i++, n = json_next(n)) {
        Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET } };
        e.event.actor = user_key(json_str_of(json_get(n, S("user"))));
        e.event.name = json_str_of(json_get(n, S("event")));
        assert_true(clock_parse(json_str_of(json_get(n, S("time"))), &e.event.time));
        e.event.received = e.event.time;
        rig_append(cx, r, &e, 1);
    }
}
/* The case's query is our question but for its kind and for what its format leaves out. */
static Str question_of(Cx *cx, const JsonNode *query)
{
    Buf b = buf_new(cx->arena, 1 << 16);
    JsonW w = { .b = &b };
    bool week = json_get(query, S("week_start")), zone = json_get(query, S("timezone"));
    jsonw_open(&w, '{');
    jsonw_key(&w, S("kind")), jsonw_str(&w, S("retention"));
    if (!week) jsonw_key(&w, S("week_start")), jsonw_str(&w, S("sunday"));
    if (!zone) jsonw_key(&w, S("timezone")), jsonw_str(&w, S("UTC"));
    const JsonNode *key = json_first(query);
    for (uint32_t i = 0; i < query->n; i++) {
        const JsonNode *value = json_next(key);
        if (!str_is(key->s, "measure")) jsonw_key(&w, key->s), jsonw_node(&w, value);
        key = json_next(value);
    }
    jsonw_close(&w, '}');
    assert_false(b.bad);
    return buf_str(&b);
}
static void expect_rows(const Answer *a, const JsonNode *rows, bool column_0_only)
{
    const JsonNode *row = json_first(rows);
    size_t at = 0;
    assert_int_equal(rows->n, a->n);
    for (uint32_t i = 0; i < rows->n; i++, row = json_next(row)) {
        const JsonNode *cell = json_first(row);
        assert_int_equal(row->n, a->n - i);
        for (uint32_t k = 0; k < row->n; k++, cell = json_next(cell), at++)
            if (k == 0 || !column_0_only) assert_int_equal(a->values[at], cell->i);
    }
}
static void run_case(Cx *cx, Str text)
{
    const JsonNode *c;
    Rig r;
    Answer a;
    ok(json_parse(cx, text, &c));
    const JsonNode *query = json_get(c, S("query"));
    bool rolling = json_get(query, S("measure")) != NULL;
    rig_open(cx, &r, test_dir());
    add_people(cx, &r, json_get(c, S("people")));
    add_case_events(cx, &r, json_get(c, S("events")));
    for (int i = 0; i < 2; i++) {
        ok(ask_state(cx, r.s, question_of(cx, query), &a));
        /* "on or after" is not asked here: its cohorts are the same */
        expect_rows(&a, json_get(c, S("expected")), rolling);
        ok(i == 0 ? rig_flush(cx, &r) : ST_OK);
    }
    rig_done(&r);
}
TEST(the_reference_cases_of_retention_come_out)
{
    static const char *const ids[] = { "### ret-day-recurring", "### ret-rolling", "### ret-first-time" };
    Str all;
    ok(fs_read_all(cx, fs_posix(), test_shared("stats/retention-analytics.md"), 1 << 20, &all));
    for (size_t i = 0; i < COUNT(ids); i++) {
        const char *p = strstr(all.p, ids[i]), *from = p ? strstr(p, "```json\n") : NULL, *end = from ?
            strstr(from + 8, "```") : NULL;
        assert_non_null(end);
        run_case(cx, (Str){ from + 8, (size_t)(end - from - 8) });
    }
}

/* ---- zones and weeks by hand ---- */

static void add_at(Cx *cx, Rig *r, uint64_t who, const char *time)
{
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .actor = rig_key(who), .name = S("open") } };
    assert_true(clock_parse(str_z(time), &e.event.time));
    e.event.received = e.event.time;
    rig_append(cx, r, &e, 1);
}
static void expect(Cx *cx, Rig *r, const char *rest, const int64_t *want, size_t n)
{
    Answer a;
    Buf b = buf_new(cx->arena, 4096);
    buf_addz(&b, "{\"kind\":\"retention\",\"start_event\":{\"name\":\"open\"},\"return_event\":{\"name\":\"open\"},");
    buf_addz(&b, rest);
    buf_addz(&b, "}");
    ok(ask_state(cx, r->s, buf_str(&b), &a));
    assert_int_equal(a.n * (a.n + 1) / 2, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(a.values[i], want[i]);
}
#define EXPECT(rest, ...) expect(cx, &r, rest, LIST(int64_t, __VA_ARGS__))
TEST(whose_day_it_is_decides)
{
    Rig r;
    rig_open(cx, &r, test_dir());
    add_at(cx, &r, 1, "2024-03-01T15:59:59.999Z");         /* 1 March, 23:59:59.999 in Shanghai */
    add_at(cx, &r, 1, "2024-03-01T16:00:00Z");             /* 2 March there */
    EXPECT("\"period\":\"day\",\"first_interval\":\"2024-03-01\",\"intervals\":2,\"timezone\":\"UTC\"", 1, 0, 0);
    EXPECT("\"period\":\"day\",\"first_interval\":\"2024-03-01\",\"intervals\":2,\"timezone\":\"Asia/Shanghai\"", 1, 1,
        1);
    rig_done(&r);
}
TEST(days_of_23_and_25_hours_are_one_day)
{
    Rig r;
    rig_open(cx, &r, test_dir());
    add_at(cx, &r, 1, "2024-03-10T05:00:00Z");             /* New York: midnight of the day that loses an hour */
    add_at(cx, &r, 1, "2024-03-11T03:59:59Z");             /* its last second, 23 h later */
    add_at(cx, &r, 1, "2024-03-11T04:00:00Z");             /* the next day */
    EXPECT("\"period\":\"day\",\"first_interval\":\"2024-03-10\",\"intervals\":2,\"timezone\":\"America/New_York\"", 1,
        1, 1);
    add_at(cx, &r, 2, "2024-11-03T04:00:00Z");             /* the day of 25 h */
    add_at(cx, &r, 2, "2024-11-04T04:59:59Z");
    EXPECT("\"period\":\"day\",\"first_interval\":\"2024-11-03\",\"intervals\":2,\"timezone\":\"America/New_York\"", 1,
        0, 0);
    rig_done(&r);
}
TEST(weeks_begin_when_asked_and_months_are_of_the_calendar)
{
    Rig r;
    rig_open(cx, &r, test_dir());
    add_at(cx, &r, 1, "2024-03-03T12:00:00Z");             /* a Sunday */
    add_at(cx, &r, 1, "2024-03-04T12:00:00Z");
    EXPECT("\"period\":\"week\",\"first_interval\":\"2024-03-03\",\"intervals\":2,\"week_start\":\"sunday\","
        "\"timezone\":\"UTC\"", 1, 0, 0);
    EXPECT("\"period\":\"week\",\"first_interval\":\"2024-03-03\",\"intervals\":2,\"week_start\":\"monday\","
        "\"timezone\":\"UTC\"", 1, 1, 1);
    add_at(cx, &r, 2, "2024-01-31T23:59:59Z");
    add_at(cx, &r, 2, "2024-02-29T23:59:59Z");
    EXPECT("\"period\":\"month\",\"first_interval\":\"2024-01-15\",\"intervals\":3,\"timezone\":\"UTC\"", 1, 1, 0, 1,
        0, 1);
    rig_done(&r);
}

/* ---- identities that hold for any events ---- */

static uint64_t dice;
static uint64_t rnd(uint64_t below)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return (dice >> 11) % below;
}
static Entry random_open(void)
{
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .actor = rig_key(rnd(25)), .name = rnd(2) ?
        S("open") : S("buy") } };
    e.event.time = INT64_C(1704067200000) + (int64_t)rnd(12 * 24) * 3600000;
    e.event.received = e.event.time;
    return e;
}
static const char EITHER[] = "{\"kind\":\"retention\",\"period\":\"day\",\"first_interval\":\"2024-01-02\","
    "\"intervals\":8,\"mode\":\"%s\","
    "\"timezone\":\"UTC\",\"start_event\":{\"name\":\"open\"},\"return_event\":{\"name\":\"buy\"}}";
static Answer either(Cx *cx, State *s, const char *mode)
{
    char text[400];
    Answer a;
    snprintf(text, sizeof text, EITHER, mode);
    ok(ask_state(cx, s, str_z(text), &a));
    return a;
}
static void same_answer(const Answer *a, const Answer *b)
{
    for (size_t i = 0; i < a->n * (a->n + 1) / 2; i++) assert_int_equal(a->values[i], b->values[i]);
}
TEST(retention_keeps_its_identities)
{
    enum { N = 120 };
    for (uint64_t seed = 1; seed <= 5; seed++) {
        Rig r, back;
        Entry e[N];
        const char *dir = test_dir();
        char other[200];
        dice = seed * 77777;
        snprintf(other, sizeof other, "%s/other", dir);
        Fs fs = fs_posix();
        ok(fs.ops->mkdir(cx, fs.self, other));
        rig_open(cx, &r, dir);
        rig_open(cx, &back, other);
        for (int i = 0; i < N; i++) e[i] = random_open();
        rig_append(cx, &r, e, N);
        for (int i = N; i-- > 0;) rig_append(cx, &back, &e[i], 1);
        Answer rec = either(cx, r.s, "recurring"), first = either(cx, r.s, "first_time"),
            turned = either(cx, back.s, "recurring");
        same_answer(&rec, &turned);                        /* the order of input does not matter */
        int64_t newcomers = 0;
        for (size_t i = 0, at = 0; i < rec.n; at += rec.n - i++) {
            newcomers += first.values[at];
            for (size_t k = 0; k < rec.n - i; k++) {
                assert_true(rec.values[at + k] <= rec.values[at]);
                /* the newcomers of a day are among its people */
                assert_true(first.values[at + k] <= rec.values[at + k]);
            }
        }
        assert_true(newcomers <= first.people);            /* rows of first_time are disjoint */
        rig_append(cx, &r, e, N);
        Answer twice = either(cx, r.s, "recurring");
        same_answer(&rec, &twice);                         /* a second event of the kind changes nothing */
        rig_done(&r);
        rig_done(&back);
        arena_reset(cx->arena);
    }
}
TEST(joining_two_people_gives_the_union_at_once_and_undoing_gives_both_back)
{
    for (int flushed = 0; flushed < 3; flushed++) {        /* joined before, after, and with the events in a segment */
        Rig r, one;
        const char *dir = test_dir();
        char other[200];
        snprintf(other, sizeof other, "%s/other", dir);
        Fs fs = fs_posix();
        ok(fs.ops->mkdir(cx, fs.self, other));
        rig_open(cx, &r, dir);
        rig_open(cx, &one, other);
        dice = 999;
        Entry join = { .kind = ENTRY_JOIN, .join = { .id = 7, .anon = rig_key(3), .user = rig_key(4) } };
        Entry undo = { .kind = ENTRY_UNJOIN, .unjoin = { .id = 8, .join = 7 } };
        if (flushed == 0) rig_append(cx, &r, &join, 1);
        for (int i = 0; i < 150; i++) {
            Entry e = random_open();
            rig_append(cx, &r, &e, 1);
            if (e.event.actor.a == rig_key(3).a) e.event.actor = rig_key(4);
            rig_append(cx, &one, &e, 1);
        }
        if (flushed == 2) ok(rig_flush(cx, &r));
        Answer apart = either(cx, r.s, "recurring");
        if (flushed) rig_append(cx, &r, &join, 1);
        Answer joined = either(cx, r.s, "recurring"), want = either(cx, one.s, "recurring");
        same_answer(&joined, &want);
        assert_int_equal(joined.people, want.people);
        rig_append(cx, &r, &undo, 1);
        Answer again = either(cx, r.s, "recurring");
        assert_int_equal(again.people, joined.people + 1);
        if (flushed) same_answer(&again, &apart);
        rig_done(&r);
        rig_done(&one);
    }
}

/* ---- a real log: through the whole store, every cell against SQL ---- */


typedef struct Load {
    Events  *e;
    sqlite3 *db;
    sqlite3_stmt *insert;
    Entry    entries[500];
    Prop     props[500][3];
    size_t   n;
    int64_t  rows;
} Load;
static void sql_run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) print_error("%s\n%s\n", why, sql);
    assert_null(why);
}
static void send(Cx *cx, Load *l)
{
    if (l->n) ok(events_append_wait(cx, l->e, l->entries, l->n, NULL));
    l->n = 0;
}
/* timestamp, eventType, contentId, personId, sessionId, userAgent, userRegion, userCountry; slices live until sent */
static void take_row(Load *l, const CsvRow *row)
{
    int64_t seconds;
    assert_false(row->bad);
    assert_int_equal(row->n, 8);
    if (!str_i64(row->cells[0], &seconds)) return;         /* the heading */
    Prop *p = l->props[l->n];
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .flags = EVENT_IMPORT,
        .actor = user_key(row->cells[3]),
        .name = row->cells[1], .time = seconds * 1000, .received = INT64_C(1700000000000), .props = p, .n_props = 3 } };
    p[0] = (Prop){ .name = S("content"), .kind = PROP_STR, .s = row->cells[2] };
    p[1] = (Prop){ .name = S("country"), .kind = row->cells[7].n ? PROP_STR : PROP_NULL, .s = row->cells[7] };
    p[2] = (Prop){ .name = S("agent"), .kind = row->cells[5].n ? PROP_STR : PROP_NULL, .s = row->cells[5] };
    l->entries[l->n++] = e;
    sqlite3_bind_text(l->insert, 1, row->cells[3].p, (int)row->cells[3].n, SQLITE_TRANSIENT);
    sqlite3_bind_text(l->insert, 2, row->cells[1].p, (int)row->cells[1].n, SQLITE_TRANSIENT);
    sqlite3_bind_int64(l->insert, 3, seconds);
    sqlite3_bind_text(l->insert, 4, row->cells[7].n ? row->cells[7].p : NULL, (int)row->cells[7].n, SQLITE_TRANSIENT);
    assert_int_equal(sqlite3_step(l->insert), SQLITE_DONE);
    sqlite3_reset(l->insert);
    l->rows++;
}
static void load_file(Cx *cx, Load *l, const char *path)
{
    enum { ROOM = 16 << 20 };
    char *text = mem_get(ROOM);
    gzFile f = gzopen(path, "rb");
    assert_true(text && f);
    int n = gzread(f, text, ROOM);
    assert_true(n > 0 && n < ROOM);
    gzclose(f);
    Cx own = test_cx();
    Csv *csv = csv_new(own.arena, ',');
    Str rest = { text, (size_t)n };
    for (size_t used; rest.n; rest.p += used, rest.n -= used) {
        CsvRow row;
        if (csv_next(&own, csv, rest, (int64_t)(rest.p - text), true, &used, &row) != ST_OK) break;
        take_row(l, &row);
        if (l->n < COUNT(l->entries)) continue;
        send(cx, l);
        arena_reset(cx->arena);
        if (l->rows % 20000 == 0) ok(events_flush(cx, l->e));
    }
    send(cx, l);
    arena_free(own.arena);
    mem_free(text);
}
static int cell(void *arg, int n, char **values, char **names)
{
    int64_t *cells = arg, row = 0, column = 0;                  /* cells[0]: how many periods */
    (void)n, (void)names;
    assert_true(str_i64(str_z(values[0]), &row) && str_i64(str_z(values[1]), &column));
    int64_t at = 1 + row * cells[0] - row * (row - 1) / 2 + column;
    assert_true(row >= 0 && column >= 0 && row + column < cells[0]);
    assert_true(str_i64(str_z(values[2]), &cells[at]));
    return 0;
}
/* number: of a second t's period, as SQL */
typedef struct Table { const char *period, *first, *number; int n; } Table;
static Answer table_asked(Cx *cx, Load *l, const Table *t, const char *mode, const char *name)
{
    char text[600];
    Answer a;
    snprintf(text, sizeof text, "{\"kind\":\"retention\",\"period\":\"%s\",\"first_interval\":\"%s\","
        "\"intervals\":%d,\"mode\":\"%s\",\"timezone\":\"UTC\","
        "\"start_event\":{\"name\":\"VIEW\"},\"return_event\":{%s}}", t->period, t->first, t->n, mode, name);
    ok(ask_run(cx, l->e, str_z(text), &a));
    return a;
}
/* Every cell: people with a VIEW in one period and any event (or a LIKE) in the other. */
static void check_table(Cx *cx, Load *l, const Table *t, bool first_time, bool like)
{
    static int64_t cells[1 + RETENTION_PERIODS_MAX * (RETENTION_PERIODS_MAX + 1) / 2];
    char sql[1500], *why = NULL;
    Answer a = table_asked(cx, l, t, first_time ? "first_time" : "recurring", like ? "\"name\":\"LIKE\"" : "");
    memset(cells, 0, sizeof cells);
    cells[0] = t->n;
    snprintf(sql, sizeof sql, "CREATE TEMP TABLE s AS SELECT DISTINCT person, %s AS i FROM ev WHERE name = 'VIEW' %s;"
        "CREATE TEMP TABLE r AS SELECT DISTINCT person, %s AS i FROM ev %s; CREATE INDEX rp ON r (person)", t->number,
        first_time ? "AND NOT EXISTS (SELECT 1 FROM ev b WHERE b.person = ev.person AND b.name = 'VIEW' AND b.t < "
            "ev.t)" : "", t->number,
        like ? "WHERE name = 'LIKE'" : "");
    sql_run(l->db, sql);
    snprintf(sql, sizeof sql, "SELECT i, 0, count(*) FROM s WHERE i >= 0 AND i < %d GROUP BY i UNION ALL "
        "SELECT s.i, r.i - s.i, count(*) FROM s JOIN r USING (person) WHERE r.i > s.i AND s.i >= 0 AND r.i < %d "
        "GROUP BY s.i, r.i", t->n, t->n);
    if (sqlite3_exec(l->db, sql, cell, cells, &why) != SQLITE_OK) print_error("%s\n", why);
    assert_null(why);
    sql_run(l->db, "DROP TABLE s; DROP TABLE r");
    int64_t sum = 0;
    for (size_t i = 0; i < a.n * (a.n + 1) / 2; i++) {
        assert_int_equal(a.values[i], cells[1 + i]);
        sum += a.values[i];
    }
    assert_true(sum > 100);
}
static const Table TABLES[] = {
    { "day", "2016-03-14", "(t / 86400 - 16874)", 180 }, { "day", "2016-09-01", "(t / 86400 - 17045)", 180 },
    { "week", "2016-03-14", "((t / 86400 - 16874) / 7)", 51 },
    { "month", "2016-03-01", "(strftime('%Y', t, 'unixepoch') * 12 + strftime('%m', t, 'unixepoch') - 2016 * 12 - 3)",
        12 },
};
static void published_figures(Cx *cx, Load *l)
{
    static const int64_t active[] = { 209, 835, 886, 992, 1070, 930, 869, 747, 606, 539, 654, 723 };
    static const int64_t new_people[] = { 209, 659, 276, 230, 173, 81, 84, 49, 31, 31, 26, 46 };
    Answer a;
    ok(ask_run(cx, l->e, S("{\"kind\":\"trend\",\"period\":\"month\",\"measure\":\"people\",\"event\":{},"
        "\"from\":\"2016-03-01\",\"to\":\"2017-03-01\","
        "\"timezone\":\"UTC\"}"), &a));
    assert_int_equal(a.people, 1895);
    assert_int_equal(a.events_read, 72312);
    for (size_t i = 0; i < 12; i++) assert_int_equal(a.values[i], active[i]);
    ok(ask_run(cx, l->e, S("{\"kind\":\"retention\",\"period\":\"month\",\"mode\":\"first_time\","
        "\"first_interval\":\"2016-03-01\",\"intervals\":12,"
        "\"timezone\":\"UTC\",\"start_event\":{},\"return_event\":{}}"), &a));
    for (size_t i = 0, at = 0; i < 12; at += 12 - i++) assert_int_equal(a.values[at], new_people[i]);
}
/* Back on day 1, 7 and 30 exactly, over all first days: windows of 180 days that overlap by 30. */
static void published_returns(Cx *cx, Load *l)
{
    static const char *const firsts[] = { "2016-03-14", "2016-08-11", "2017-01-08" };
    static const size_t days[] = { 1, 7, 30 };
    int64_t back[COUNT(days)] = { 0 };
    for (size_t f = 0; f < COUNT(firsts); f++) {
        char text[400];
        Answer a;
        snprintf(text, sizeof text, "{\"kind\":\"retention\",\"period\":\"day\",\"mode\":\"first_time\","
            "\"first_interval\":\"%s\",\"intervals\":180,"
            "\"timezone\":\"UTC\",\"start_event\":{},\"return_event\":{}}", firsts[f]);
        ok(ask_run(cx, l->e, str_z(text), &a));
        for (size_t i = 0, at = 0; i < 150; at += 180 - i++)
            for (size_t d = 0; d < COUNT(days); d++) back[d] += a.values[at + days[d]];
    }
    assert_int_equal(back[0], 236);
    assert_int_equal(back[1], 172);
    assert_int_equal(back[2], 138);
}
static void filtered_count(Cx *cx, Load *l)
{
    sqlite3_stmt *s;
    Answer a;
    ok(ask_run(cx, l->e, S("{\"kind\":\"trend\",\"period\":\"month\",\"event\":{\"name\":\"VIEW\"},"
        "\"from\":\"2016-03-01\",\"to\":\"2017-03-01\","
        "\"timezone\":\"UTC\",\"filter\":[{\"prop\":\"country\",\"op\":\"is\",\"value\":\"BR\"},"
        "{\"prop\":\"agent\",\"op\":\"contains\",\"value\":\"Mac\"}]}"), &a));
    assert_int_equal(sqlite3_prepare_v2(l->db, "SELECT count(*) FROM ev WHERE name = 'VIEW' AND country = 'BR'", -1,
        &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_true(a.events_read > 0 && a.events_read < sqlite3_column_int64(s, 0));
    sqlite3_finalize(s);
}
TEST(a_year_of_a_real_product_agrees_with_sql_in_every_cell)
{
    static Load l;
    const char *path = test_shared("data/events/deskdrop_users_interactions.csv.gz");
    EventsConfig c = { .fs = fs_posix(), .dir = test_dir(), .quiet = true };
    EventsStats st;
    l = (Load){ .n = 0 };
    ok(events_open(cx, &c, &l.e));
    assert_int_equal(sqlite3_open(":memory:", &l.db), SQLITE_OK);
    sql_run(l.db, "CREATE TABLE ev (person TEXT, name TEXT, t INT, country TEXT); CREATE INDEX evp ON ev (person, t)");
    assert_int_equal(sqlite3_prepare_v2(l.db, "INSERT INTO ev VALUES (?, ?, ?, ?)", -1, &l.insert, NULL), SQLITE_OK);
    load_file(cx, &l, path);
    assert_int_equal(l.rows, 72312);
    published_figures(cx, &l);                             /* part of it still in the tail */
    ok(events_flush(cx, l.e));
    while (events_merge(cx, l.e) == ST_OK) arena_reset(cx->arena);
    ok(events_stats(cx, l.e, &st));
    assert_int_equal(st.events, 72312);
    assert_int_equal(st.people, 1895);
    printf("  %lld segments, %.2f bytes an event\n", (long long)st.segments,
        (double)st.segment_bytes / (double)st.events);
    published_figures(cx, &l);
    published_returns(cx, &l);
    filtered_count(cx, &l);
    for (size_t i = 0; i < COUNT(TABLES); i++) {
        check_table(cx, &l, &TABLES[i], false, false);
        check_table(cx, &l, &TABLES[i], true, i % 2);
        arena_reset(cx->arena);
    }
    sqlite3_finalize(l.insert);
    sqlite3_close(l.db);
    events_close(l.e);
}
