/* Retention against the same question in SQL over the same random events: every mode, measure, window, bracket,
 * breakdown,
 * values, the people behind a cell; then its identities, the published cases, and days that are not 24 hours long. */
#include "base/limits.h"
#include "store/events/ask_rig_test.h"
#include "store/events/breakdown.h"
#include "store/events/presence_key_test.h"
#include "store/events/query_retention.h"
#include <limits.h>
#include <math.h>
#include <sqlite3.h>

enum { SQL_BYTES = 1 << 14, NONE = 1 << 20 };

typedef struct Asked {
    RetentionQuery q;
    WorldAsk ask;                /* start, back and start's name as matchers */
    uint32_t brackets[6];
    Str      props[2];
    sqlite3 *db;
    const Snapshot *snap;
    RetentionAnswer a;
    size_t   periods, reach;     /* looked at; past a row */
} Asked;

static void sql_run(sqlite3 *db, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void sql_run(sqlite3 *db, const char *fmt, ...)
{
    static char sql[SQL_BYTES];
    char *why = NULL;
    va_list ap;
    va_start(ap, fmt);
    assert_true(vsnprintf(sql, sizeof sql, fmt, ap) < (int)sizeof sql);
    va_end(ap);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) print_error("%s\n%s\n", why, sql);
    assert_null(why);
}
static sqlite3_stmt *sql_rows(sqlite3 *db, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static sqlite3_stmt *sql_rows(sqlite3 *db, const char *fmt, ...)
{
    static char sql[SQL_BYTES];
    sqlite3_stmt *ret;
    va_list ap;
    va_start(ap, fmt);
    assert_true(vsnprintf(sql, sizeof sql, fmt, ap) < (int)sizeof sql);
    va_end(ap);
    if (sqlite3_prepare_v2(db, sql, -1, &ret, NULL) != SQLITE_OK) print_error("%s\n%s\n", sqlite3_errmsg(db), sql);
    assert_non_null(ret);
    return ret;
}

/* ---- the events, as rows ---- */

static void text_of(const Event *e, Str name, char *to, size_t room)
{
    Prop v = world_value(e, name);
    to[0] = 0;
    if (v.kind == PROP_STR) snprintf(to, room, "%.*s", (int)v.s.n, v.s.n ? v.s.p : "");
    if (v.kind == PROP_BOOL) snprintf(to, room, "%s", v.b ? "true" : "false");
    if (v.kind == PROP_INT) snprintf(to, room, "%lld", (long long)v.i);
    if (v.kind == PROP_DOUBLE) snprintf(to, room, "%.17g", v.d);
}
static void put_event(Asked *k, sqlite3_stmt *s, const WorldEvent *e, int seq)
{
    const RetentionQuery *q = &k->q;
    uint32_t root = world_root(k->snap, e->actor), mask = world_mask(&k->ask, &e->e, root);
    char v[300] = "", one[100];
    int64_t off = zone_offset(q->scope.zone, e->e.time) * INT64_C(1000), hour = 3600000;
    if (!mask || joins_flags(k->snap->people, root) & SCAN_LEFT_OUT) return;
    for (size_t i = 0; i < q->scope.n_breakdown; i++) {
        text_of(&e->e, k->props[i], one, sizeof one);
        snprintf(v + strlen(v), sizeof v - strlen(v), "%s%s", i ? "\x1f" : "", one);
    }
    Prop value = world_value(&e->e, q->value), by = world_value(&e->e, q->aggregate_by);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    sqlite3_bind_int(s, 1, seq);
    sqlite3_bind_int64(s, 2, root);
    sqlite3_bind_int64(s, 3, e->e.time);
    for (int b = 0; b < 3; b++) sqlite3_bind_int(s, 4 + b, mask >> b & 1);
    sqlite3_bind_text(s, 7, v, -1, SQLITE_TRANSIENT);
    if (!q->aggregate_by.n) sqlite3_bind_int64(s, 8, root);
    else if (by.kind != PROP_NULL) text_of(&e->e, q->aggregate_by, one, sizeof one), sqlite3_bind_text(s, 8, one, -1,
        SQLITE_TRANSIENT);
    if (value.kind == PROP_INT) sqlite3_bind_double(s, 9, (double)value.i);
    if (value.kind == PROP_DOUBLE) sqlite3_bind_double(s, 9, value.d);
    sqlite3_bind_int64(s, 10, (e->e.time + off) / hour * hour - off);
    assert_int_equal(sqlite3_step(s), SQLITE_DONE);
}
static void put_events(Asked *k, const World *w)
{
    sqlite3_stmt *s;
    sql_run(k->db, "CREATE TABLE e (seq INT, u INT, t INT, start INT, back INT, named INT, v TEXT, k, val REAL, h INT);"
        "CREATE TABLE grid (i INT, lo INT, hi INT); CREATE TABLE col (c INT, lo INT, hi INT); CREATE TABLE tab (v "
            "TEXT, n INT);"
        "BEGIN");
    s = sql_rows(k->db, "INSERT INTO e VALUES (?,?,?,?,?,?,?,?,?,?)");
    for (size_t i = 0; i < w->n; i++) put_event(k, s, w->events[i], (int)i);
    sqlite3_finalize(s);
    sql_run(k->db, "DELETE FROM e WHERE k IS NULL; COMMIT");
}
static void put_grid(Asked *k)
{
    const RetentionQuery *q = &k->q;
    int64_t t = k->a.starts[0];
    for (size_t i = 0; i < k->periods; i++) {
        int64_t next = zone_next(q->scope.zone, q->scope.period, q->scope.week_start, t);
        sql_run(k->db, "INSERT INTO grid VALUES (%zu, %lld, %lld)", i, (long long)t, (long long)next);
        if (i < q->n) assert_int_equal(k->a.starts[i + 1], next);
        t = next;
    }
    for (size_t c = 1, lo = 1; c < k->a.columns; c++) {
        size_t size = q->n_brackets ? q->brackets[c - 1] : 1, hi = lo + size - 1;
        if (q->measure == RETENTION_ON_OR_AFTER) hi = q->n_brackets ? k->reach : (size_t)NONE;
        sql_run(k->db, "INSERT INTO col VALUES (%zu, %zu, %zu)", c, lo, hi);
        lo += size;
    }
}

/* ---- the answer in SQL ---- */

/* s: members (k, v, i, t, h); r: returns (k, v, j, x, m) in columns' numbering: period, or row and window; z:
 * column 0's
 * values. */
static void by_sql(Asked *k)
{
    static const int hours[] = { 1, 24, 168, 720 };
    const RetentionQuery *q = &k->q;
    long long first = k->a.starts[0], last = k->a.starts[q->n], window = hours[q->scope.period] * 3600000LL;
    unsigned least = q->min_occurrences ? q->min_occurrences : 1;
    const char *order = q->aggregate_by.n ? "t, start DESC" : "t, seq";
    if (q->mode == RETENTION_FIRST_EVER)
        sql_run(k->db, "CREATE TABLE f AS SELECT k, v, t, h FROM (SELECT *, row_number() OVER (PARTITION BY k, v "
            "ORDER BY %s) "
            "AS n FROM e WHERE named) WHERE n = 1 AND start", order);
    else if (q->mode == RETENTION_FIRST_TIME || q->from_event)
        sql_run(k->db, "CREATE TABLE f AS SELECT k, v, t, h FROM (SELECT *, row_number() OVER (PARTITION BY k, v "
            "ORDER BY t, "
            "seq) AS n FROM e WHERE start AND t >= %lld) WHERE n = 1", q->mode == RETENTION_RECURRING ?
                first : LLONG_MIN);
    else
        sql_run(k->db, "CREATE TABLE f AS SELECT k, v, t, h FROM e WHERE start");
    sql_run(k->db, "CREATE TABLE s AS SELECT DISTINCT k, v, i, %s FROM f JOIN grid ON t >= lo AND t < hi WHERE t < "
        "%lld",
        q->from_event ? "t, h" : "0 AS t, 0 AS h", last);
    if (q->from_event)
        sql_run(k->db, "CREATE TABLE w AS SELECT e.*, s.i + (e.h - s.h) / %lld AS j, s.i FROM e JOIN s USING (k, v) "
            "WHERE e.t >= s.t", window);
    else
        sql_run(k->db, "CREATE TABLE w AS SELECT e.*, g.i AS j, g.i FROM e JOIN grid g ON t >= lo AND t < hi");
    sql_run(k->db, "CREATE TABLE r AS SELECT k, v, j, count(*) AS c, total(val) AS x, count(val) AS m FROM w WHERE "
        "back "
        "AND j < %zu GROUP BY k, v, j HAVING c >= %u", k->periods, least);
    sql_run(k->db, "CREATE TABLE z AS SELECT k, v, i, total(val) AS x, count(val) AS m FROM w WHERE start AND j = i "
        "GROUP BY k, v, i; CREATE INDEX rk ON r (k, v); CREATE INDEX zk ON z (k, v)");
}
static size_t width(const RetentionAnswer *a, size_t i) { return a->triangle ? a->columns - i : a->columns; }
static void same_cells(Asked *k, size_t table)
{
    const RetentionTable *t = &k->a.tables[table];
    size_t n = query_retention_row(&k->a, k->a.n);
    int64_t *want = calloc(n + 1, sizeof *want), *values = calloc(n + 1, sizeof *values);
    double *sums = calloc(n + 1, sizeof *sums);
    sqlite3_stmt *s = sql_rows(k->db, "SELECT s.i, 0, count(DISTINCT s.k), total(z.x), total(z.m) FROM s JOIN tab "
        "USING (v) "
        "LEFT JOIN z USING (k, v, i) WHERE tab.n = %zu GROUP BY s.i UNION ALL "
        "SELECT s.i, col.c, count(DISTINCT s.k), total(r.x), total(r.m) FROM s JOIN tab USING (v) JOIN r USING (k, "
            "v) JOIN col "
        "ON r.j BETWEEN s.i + col.lo AND s.i + col.hi WHERE tab.n = %zu GROUP BY s.i, col.c", table, table);
    while (sqlite3_step(s) == SQLITE_ROW) {
        size_t i = (size_t)sqlite3_column_int64(s, 0), c = (size_t)sqlite3_column_int64(s, 1);
        if (c >= width(&k->a, i)) continue;
        want[query_retention_row(&k->a, i) + c] = sqlite3_column_int64(s, 2);
        sums[query_retention_row(&k->a, i) + c] = sqlite3_column_double(s, 3);
        values[query_retention_row(&k->a, i) + c] = (int64_t)sqlite3_column_double(s, 4);
    }
    sqlite3_finalize(s);
    for (size_t i = 0; i < n; i++) {
        if (t->cells[i] != want[i])
            print_error("mode %d measure %d 24h %d brackets %zu by '%s' breakdown %zu table %zu/%zu "
            "cell %zu: %lld, SQL %lld\n", (int)k->q.mode, (int)k->q.measure, k->q.from_event, k->q.n_brackets,
            k->q.aggregate_by.n ? k->q.aggregate_by.p : "", k->q.scope.n_breakdown, table, k->a.n_tables, i,
            (long long)t->cells[i], (long long)want[i]);
        assert_int_equal(t->cells[i], want[i]);
        if (!k->q.value.n) continue;
        assert_int_equal(t->values[i], values[i]);
        assert_true(fabs(t->sums[i] - sums[i]) <= 1e-9 * (fabs(sums[i]) + 1));
    }
    free(want), free(values), free(sums);
}
/* The kept values are those with the most people, in that order; all others are of the last table. */
static void same_values(Asked *k)
{
    size_t limit = breakdown_limit(&k->q.scope), n = 0, values = 0;
    sqlite3_stmt *s = sql_rows(k->db, "SELECT v, count(DISTINCT k) FROM s GROUP BY v ORDER BY 2 DESC, v");
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *v = (const char *)sqlite3_column_text(s, 0);
        size_t table = k->q.scope.n_breakdown && values >= limit ? limit : values;
        values++;
        sql_run(k->db, "INSERT INTO tab VALUES ('%s', %zu)", v, table);
        assert_true(table < k->a.n_tables);
        const RetentionTable *t = &k->a.tables[table];
        n = table + 1;
        assert_int_equal(t->group.other, table == limit && k->q.scope.n_breakdown);
        if (t->group.other) continue;
        char got[300] = "";
        for (size_t i = 0; i < k->q.scope.n_breakdown; i++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? "\x1f" : "", (int)t->group.value[i].n,
                t->group.value[i].n ? t->group.value[i].p : "");
        assert_string_equal(got, v);
        assert_int_equal(t->people, sqlite3_column_int64(s, 1));
    }
    sqlite3_finalize(s);
    assert_int_equal(k->a.n_tables, k->q.scope.n_breakdown || n ? n : 1);
}
static void same_people(Cx *cx, World *w, Asked *k)
{
    if (k->a.n_tables == 0) return;
    size_t table = world_rnd(w, k->a.n_tables), row = world_rnd(w, k->a.n), column = world_rnd(w, width(&k->a, row));
    for (size_t i = 0; i < 20 && !k->a.tables[table].cells[query_retention_row(&k->a, row) + column]; i++) {
        row = world_rnd(w, k->a.n);                        /* rather a cell that has people */
        column = world_rnd(w, width(&k->a, row));
    }
    RetentionCell cell = { .row = row, .column = column, .group = &k->a.tables[table].group };
    RetentionAnswer again;
    PeopleSet people;
    ok(people_set_new(cx, (uint32_t)w->actors, &people));
    RetentionQuery q = k->q;
    q.cell = &cell;
    q.people = &people;
    ok(query_retention_run(cx, k->snap, &q, &again));
    assert_int_equal(again.n_tables, k->a.n_tables);
    sql_run(k->db, "CREATE TABLE c AS SELECT DISTINCT s.k, s.v FROM s JOIN tab USING (v) %s WHERE tab.n = %zu AND "
        "s.i = %zu",
        column ? "JOIN r USING (k, v) JOIN col ON r.j BETWEEN s.i + col.lo AND s.i + col.hi" : "", table, row);
    if (column) sql_run(k->db, "DROP TABLE c; CREATE TABLE c AS SELECT DISTINCT s.k, s.v FROM s JOIN tab USING (v) "
        "JOIN r USING (k, v) JOIN col ON r.j BETWEEN s.i + col.lo AND s.i + col.hi WHERE tab.n = %zu AND s.i = %zu "
        "AND col.c = %zu", table, row, column);
    size_t n = 0;
    sqlite3_stmt *s = sql_rows(k->db, k->q.aggregate_by.n
        ? "SELECT DISTINCT u FROM e JOIN c USING (k, v) JOIN grid ON t >= lo AND t < hi WHERE start AND i = %zu"
        : "SELECT DISTINCT k FROM c WHERE %zu >= 0", row);
    for (; sqlite3_step(s) == SQLITE_ROW; n++)
        assert_true(people_set_has(&people, (uint32_t)sqlite3_column_int64(s, 0)));
    sqlite3_finalize(s);
    assert_int_equal(people_set_count(&people), n);
    if (!k->q.aggregate_by.n)
        assert_int_equal(n, k->a.tables[table].cells[query_retention_row(&k->a, row) + column]);
    for (size_t t = 0; t < again.n_tables; t++)
        for (size_t i = 0; i < query_retention_row(&again, again.n); i++)
            assert_int_equal(again.tables[t].cells[i], k->a.tables[t].cells[i]);
    people_set_done(&people);
}

/* ---- random questions ---- */

static void random_shape(World *w, Asked *k)
{
    static const Period periods[] = { PERIOD_HOUR, PERIOD_DAY, PERIOD_DAY, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH };
    RetentionQuery *q = &k->q;
    q->scope.period = periods[world_rnd(w, COUNT(periods))];
    q->scope.week_start = (int)world_rnd(w, 2);
    q->first = INT64_C(1709251200000) + ((int64_t)world_rnd(w, (uint64_t)w->days) - 12) * 86400000;
    q->n = 1 + world_rnd(w, q->scope.period == PERIOD_DAY && world_rnd(w, 4) == 0 ? RETENTION_PERIODS_MAX : 14);
    q->mode = (RetentionMode)world_rnd(w, 3);
    q->measure = (RetentionMeasure)world_rnd(w, 2);
    if (world_rnd(w, 3) == 0) q->n_brackets = 1 + world_rnd(w, COUNT(k->brackets));
    for (size_t b = 0; b < q->n_brackets; b++) k->reach += k->brackets[b] = (uint32_t)(1 + world_rnd(w, 5));
    q->brackets = k->brackets;
    k->periods = q->n + k->reach;
    q->from_event = world_rnd(w, 3) == 0;
    if (world_rnd(w, 4) == 0) q->min_occurrences = (uint32_t)(1 + world_rnd(w, 3));
    if (world_rnd(w, 4) == 0) q->value = S("price");
    if (world_rnd(w, 4) == 0) q->aggregate_by = S("path");
    q->count_events = world_rnd(w, 2);
}
static void random_breakdown(World *w, Asked *k)
{
    static const char *const props[] = { "path", "price", "paid" };
    QueryScope *s = &k->q.scope;
    s->n_breakdown = world_rnd(w, 2) ? 0 : 1 + world_rnd(w, 2);
    size_t first = world_rnd(w, 3);
    for (size_t i = 0; i < s->n_breakdown; i++) {
        k->props[i] = str_z(props[(first + i) % COUNT(props)]);
        s->breakdown[i] = (ScanSlot){ .kind = SLOT_PROP, .name = k->props[i] };
    }
    s->breakdown_limit = world_rnd(w, 3) ? 1 + world_rnd(w, 6) : 0;
}
/* First ever differs from first time only where the start asks for more than a name. */
static void random_events(Cx *cx, World *w, Asked *k)
{
    world_ask(cx, w, 1, false, &k->ask);
    Selector *sel = &k->ask.sel;
    sel->hide = QUERY_HIDE;
    sel->n_matchers = 2;
    sel->matchers[1] = (Matcher){ .any = world_rnd(w, 2),
        .name = str_z(WORLD_NAMES[world_rnd(w, COUNT(WORLD_NAMES))]) };
    if (world_rnd(w, 3) == 0) sel->matchers[1] = sel->matchers[0];
    k->q.start = sel->matchers[0];
    k->q.back = sel->matchers[1];
    k->q.scope.filter = sel->filter;
    if (k->ask.asks_who) k->q.scope.who = &k->ask.who;
    if (k->q.mode != RETENTION_FIRST_EVER) return;
    sel->matchers[2] = sel->matchers[0];
    sel->matchers[2].where = NULL;
    sel->n_matchers = 3;
}
static void ask_once(Cx *cx, World *w)
{
    static const char *const zones[] = { "UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe",
        "Asia/Kolkata" };
    Asked k = { .reach = 0 };
    Snapshot snap;
    ScanRun run = { .done = 0 };
    ok(snapshot_take(cx, w->rig.s, &snap));
    k.snap = &snap;
    ok(zone_get(cx, str_z(zones[world_rnd(w, COUNT(zones))]), &k.q.scope.zone));
    random_shape(w, &k);
    random_breakdown(w, &k);
    random_events(cx, w, &k);
    k.q.scope.run = &run;
    ok(scan_texts_new(cx, &k.q.scope.texts));
    assert_int_equal(sqlite3_open(":memory:", &k.db), SQLITE_OK);
    size_t bytes = run.bytes;
    ok(query_retention_run(cx, &snap, &k.q, &k.a));
    assert_true(run.bytes >= bytes);
    put_events(&k, w);
    put_grid(&k);
    by_sql(&k);
    same_values(&k);
    for (size_t t = 0; t < k.a.n_tables; t++) same_cells(&k, t);
    same_people(cx, w, &k);
    sqlite3_close(k.db);
    scan_texts_done(k.q.scope.texts);
    world_ask_done(&k.ask);
    snapshot_done(cx, &snap);
}
TEST(retention_agrees_with_sql_on_random_events)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        World w = { .x = seed * UINT64_C(0x9E3779B97F4A7C15), .actors = 60, .days = 50 };
        rig_open(cx, &w.rig, test_dir());
        for (int step = 0; step < 5; step++) {
            world_step(cx, &w, 40);
            for (int i = 0; i < 8; i++) {
                ask_once(cx, &w);
                arena_reset(cx->arena);
            }
        }
        world_done(&w);
    }
}
/* So many events that two threads share them: their tables are put together. */
TEST(retention_of_two_threads_agrees_with_sql)
{
    World w = { .x = 4711, .actors = 3000, .days = 50 };
    rig_open(cx, &w.rig, test_dir());
    for (int step = 0; step < 8 || w.n < 60000; step++) world_step(cx, &w, 1200);
    for (int i = 0; i < 12; i++) {
        ask_once(cx, &w);
        arena_reset(cx->arena);
    }
    world_done(&w);
}
