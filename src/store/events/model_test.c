/* The engine against the same questions in plain SQL over the same random events: several sources, equal times,
 * late events,
 * properties of changing kinds, joins, undos, flags, with flushes, merges and restarts at random moments. */
#include "base/limits.h"
#include "store/events/person.h"
#include "store/events/scan.h"
#include "store/events/state_rig_test.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACTORS = 40, JOINS = 4000, TEXT = 4096 };
static const char *const NAMES[] = { "open", "页面浏览", "buy 😀", "Signed Up", "x" };
static const char *const PROPS[] = { "plan", "城市", "price", "tags", "long" };
static const char *const CITIES[] = { "北京", "上海", "广州", "", "北" };
static const char *const PLANS[] = { "free", "pro", "1", "true", "null" };

typedef struct World {
    uint64_t x;
    Rig      rig;
    sqlite3 *db;
    int64_t  seq;
    /* the map of people by the rules, written down once more, naively */
    struct { int64_t id; int anon, user, trust; bool stands; } joins[JOINS];
    int      n_joins;
    bool     user[ACTORS];
    uint8_t  flags[ACTORS];
} World;

static uint64_t rnd(World *w, uint64_t below)
{
    w->x ^= w->x << 13, w->x ^= w->x >> 7, w->x ^= w->x << 17;
    return (w->x >> 11) % below;
}
static void sql_run(World *w, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(w->db, sql, NULL, NULL, &why) != SQLITE_OK) print_error("%s\n%s\n", why, sql);
    assert_null(why);
}

/* ---- people by the rules ---- */

static int parent_of(const World *w, int a)
{
    for (int i = 0; i < w->n_joins; i++) if (w->joins[i].stands && w->joins[i].anon == a) return w->joins[i].user;
    return -1;
}
static int root_of(const World *w, int a)
{
    for (int p; (p = parent_of(w, a)) >= 0;) a = p;
    return a;
}
static void model_join(World *w, int64_t id, int anon, int user, int trust)
{
    int of_user = 0;
    if (anon == user || parent_of(w, anon) == user) return;
    for (int i = 0; i < w->n_joins; i++)
        of_user += w->joins[i].stands && w->joins[i].user == user && w->joins[i].trust < 2;
    bool may = parent_of(w, anon) < 0 && root_of(w, user) != anon &&
        (trust >= 2 || (!w->user[anon] && of_user < JOINS_PUBLIC_MAX));
    w->user[user] = true;
    if (!may) return;
    assert_true(w->n_joins < JOINS);
    w->joins[w->n_joins].id = id, w->joins[w->n_joins].anon = anon, w->joins[w->n_joins].user = user;
    w->joins[w->n_joins].trust = trust, w->joins[w->n_joins++].stands = true;
}
static void write_people(World *w)
{
    char sql[200];
    sql_run(w, "DELETE FROM person");
    for (int a = 0; a < ACTORS; a++) {
        uint8_t flags = 0;
        for (int b = 0; b < ACTORS; b++) if (root_of(w, b) == root_of(w, a)) flags |= w->flags[b];
        snprintf(sql, sizeof sql, "INSERT INTO person VALUES (%d, %d, %d)", a, root_of(w, a),
            (flags & SCAN_LEFT_OUT) != 0);
        sql_run(w, sql);
    }
}

/* ---- random entries, into both ---- */

static void sql_prop(World *w, const Prop *p)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(w->db, "INSERT INTO prop VALUES (?,?,?,?)", -1, &s, NULL), SQLITE_OK);
    for (size_t i = 0; i < (p->kind == PROP_LIST ? p->list.n : 1); i++) {
        static const char *const kinds[] = { "", "bool", "num", "num", "str", "item" };
        sqlite3_bind_int64(s, 1, w->seq);
        sqlite3_bind_text(s, 2, p->name.p, (int)p->name.n, SQLITE_STATIC);
        sqlite3_bind_text(s, 3, kinds[p->kind], -1, SQLITE_STATIC);
        if (p->kind == PROP_BOOL) sqlite3_bind_int(s, 4, p->b);
        if (p->kind == PROP_INT) sqlite3_bind_int64(s, 4, p->i);
        if (p->kind == PROP_DOUBLE) sqlite3_bind_double(s, 4, p->d);
        if (p->kind == PROP_STR) sqlite3_bind_text(s, 4, p->s.n ? p->s.p : "", (int)p->s.n, SQLITE_STATIC);
        if (p->kind == PROP_LIST) sqlite3_bind_text(s, 4, p->list.p[i].p, (int)p->list.p[i].n, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(s), SQLITE_DONE);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
}
static Prop random_value(World *w, int which)
{
    static const double doubles[] = { 19.99, 0.5, 1, -0.0, 1e300, 100.25, 3 };
    static const int64_t ints[] = { 0, 1, 3, -5, INT64_MAX, INT64_MIN, 9007199254740993, 100 };
    static Str tags[8][3];
    static char longs[8][1200];
    static int turn;
    Prop p = { .name = str_z(PROPS[which]), .kind = PROP_STR };
    turn = (turn + 1) % 8;
    switch (which == 0 ? (int)rnd(w, 5) : which) {
    case 1: p.s = str_z(CITIES[rnd(w, COUNT(CITIES))]); break;
    case 2:
        if (rnd(w, 2)) p.kind = PROP_INT, p.i = ints[rnd(w, COUNT(ints))];
        else p.kind = PROP_DOUBLE, p.d = doubles[rnd(w, COUNT(doubles))];
        break;
    case 3:
        p.kind = PROP_LIST;
        p.list.n = 1 + rnd(w, 3);
        for (size_t i = 0; i < p.list.n; i++) tags[turn][i] = str_z(PLANS[rnd(w, COUNT(PLANS))]);
        p.list.p = tags[turn];
        break;
    case 4:
        if (which == 0) {
            p.kind = rnd(w, 2) ? PROP_BOOL : PROP_NULL;
            p.b = rnd(w, 2);
            break;
        }
        for (size_t i = 0; i < sizeof longs[turn]; i++) longs[turn][i] = (char)('a' + (i < 3 ? rnd(w, 3) : i % 3));
        p.s = (Str){ longs[turn], 200 + rnd(w, 1000) };
        break;
    default: p.s = str_z(PLANS[rnd(w, COUNT(PLANS))]); break;
    }
    return p;
}
static int64_t random_time(World *w)
{
    int64_t day = INT64_C(1704067200000) + ((int64_t)rnd(w, 100) - 20) * 86400000;      /* around 2024-01-01 */
    switch (rnd(w, 4)) {
    case 0: return day;                                    /* on a boundary, and often the same */
    case 1: return day + 16 * 3600000;                     /* the boundary in Shanghai */
    case 2: return day - 1;
    default: return day + (int64_t)rnd(w, 86400000);
    }
}
static Entry random_event(World *w, Prop *props)
{
    Entry e = { .kind = ENTRY_EVENT };
    int actor = (int)rnd(w, ACTORS);
    char sql[300];
    e.event = (Event){ .source = (uint16_t)(1 + rnd(w, 3)), .trust = (uint8_t)rnd(w, 4),
        .actor = rig_key((uint64_t)actor),
        .name = str_z(NAMES[rnd(w, COUNT(NAMES))]), .time = random_time(w), .props = props };
    e.event.received = e.event.time + (int64_t)rnd(w, 100000);
    if (rnd(w, 15) == 0) e.event.flags = (uint8_t)(1 << rnd(w, 4));
    w->seq++;
    for (int i = 0; i < (int)COUNT(PROPS); i++) {
        if (rnd(w, 3) == 0) continue;
        props[e.event.n_props] = random_value(w, i);
        if (props[e.event.n_props].kind != PROP_NULL) sql_prop(w, &props[e.event.n_props]);
        e.event.n_props++;
    }
    snprintf(sql, sizeof sql, "INSERT INTO event VALUES (%lld, %d, '%.*s', %lld, %d)", (long long)w->seq, actor,
        (int)e.event.name.n, e.event.name.p, (long long)e.event.time,
            (e.event.flags & (EVENT_SERVICE | EVENT_TEST | EVENT_BOT)) != 0);
    sql_run(w, sql);
    return e;
}
static Entry random_other(World *w)
{
    int a = (int)rnd(w, ACTORS), b = (int)rnd(w, ACTORS);
    uint8_t trust = rnd(w, 3) == 0 ? TRUST_SECRET : TRUST_PUBLIC;
    Entry e = { .kind = ENTRY_JOIN };
    w->seq++;
    switch (rnd(w, 4)) {
    case 0:
        e.kind = ENTRY_UNJOIN;
        e.unjoin = (Unjoin){ .id = w->seq, .join = w->n_joins ? w->joins[rnd(w, (uint64_t)w->n_joins)].id : 1 };
        for (int i = 0; i < w->n_joins; i++) if (w->joins[i].id == e.unjoin.join) w->joins[i].stands = false;
        return e;
    case 1:
        e.kind = ENTRY_FLAG;
        e.flag = (Flag){ .actor = rig_key((uint64_t)a), .set = (uint8_t)(1 << rnd(w, 5)),
            .clear = (uint8_t)(31 & ~(1 << rnd(w, 5))) };
        w->flags[a] = (uint8_t)((w->flags[a] | e.flag.set) & ~e.flag.clear);
        return e;
    default:
        e.join = (Join){ .id = w->seq, .anon = rig_key((uint64_t)a), .user = rig_key((uint64_t)b), .trust = trust };
        model_join(w, w->seq, a, b, trust);
        return e;
    }
}
static void some_entries(Cx *cx, World *w, int n)
{
    static Prop props[16][COUNT(PROPS)];
    Entry e[16];
    for (int done = 0; done < n;) {
        size_t k = 1 + rnd(w, 8);                          /* random_value() keeps 8 texts */
        for (size_t i = 0; i < k; i++) {
            bool event = rnd(w, 8) != 0;
            if (event) k = i + 1;
            e[i] = event ? random_event(w, props[i]) : random_other(w);
        }
        rig_append(cx, &w->rig, e, k);
        done += (int)k;
    }
}

/* ---- random questions, in both languages ---- */

typedef struct Asked { char json[TEXT], where[TEXT], label[200]; bool trend, people,
    first_time; int intervals; const char *unit; int step; char from[40], to[80]; } Asked;
static void add(char *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(char *to, const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(to);
    va_start(ap, fmt);
    vsnprintf(to + n, TEXT - n, fmt, ap);
    va_end(ap);
    assert_true(strlen(to) < TEXT - 1);
}
static void value_text(World *w, bool text_only, char json[100], char sql[100], const char **kind)
{
    int i;
    *kind = "str";
    switch (text_only ? 0 : rnd(w, 5)) {
    case 0: case 1:
        i = (int)rnd(w, COUNT(PLANS) + COUNT(CITIES));
        snprintf(json, 100, "\"%s\"", i < (int)COUNT(PLANS) ? PLANS[i] : CITIES[i - (int)COUNT(PLANS)]);
        snprintf(sql, 100, "'%s'", i < (int)COUNT(PLANS) ? PLANS[i] : CITIES[i - (int)COUNT(PLANS)]);
        return;
    case 2: snprintf(json, 100, "%s", rnd(w, 2) ? "19.99" : "1"); snprintf(sql, 100, "%s", json); *kind = "num"; return;
    case 3: snprintf(json, 100, "%s", rnd(w, 2) ? "9007199254740993" : "-5"); snprintf(sql, 100, "%s", json); *kind =
        "num"; return;
    default: i = (int)rnd(w, 2); snprintf(json, 100, "%s", i ? "true" : "false"); snprintf(sql, 100, "%d", i); *kind =
        "bool"; return;
    }
}
static void random_filter(World *w, char *json, char *where)
{
    static const char *const ops[] = { "is", "is_not", "contains", "lt", "le", "gt", "ge", "set", "not_set" };
    static const char *const signs[] = { "=", "=", "", "<", "<=", ">", ">=" };
    const char *prop = PROPS[rnd(w, COUNT(PROPS))], *kind;
    char value[100], sql[100];
    size_t op = rnd(w, COUNT(ops));
    do value_text(w, op == 2, value, sql, &kind); while (op >= 3 && op <= 6 && strcmp(kind, "bool") == 0);
    add(json, "{\"prop\":\"%s\",\"op\":\"%s\"", prop, ops[op]);
    if (op < 7) add(json, ",\"value\":%s", value);
    add(json, "}");
    add(where, " AND %s EXISTS (SELECT 1 FROM prop p WHERE p.seq = e.seq AND p.name = '%s'", op == 1 || op == 8 ?
        "NOT" : "", prop);
    if (op == 2)
        add(where, " AND ((p.kind = 'str' AND instr(p.value, %s) > 0) OR (p.kind = 'str' AND %s = '') OR (p.kind = "
            "'item' AND p.value = %s))", sql, sql, sql);
    else if (op < 7) add(where, " AND p.kind = '%s' AND p.value %s %s", kind, signs[op], sql);
    add(where, ")");
}
static void random_matcher(World *w, char *json, char *where)
{
    size_t name = rnd(w, COUNT(NAMES) + 1);
    char value[100], sql[100];
    const char *kind, *prop = PROPS[rnd(w, COUNT(PROPS))];
    add(json, "{");
    add(where, "(1");
    if (name < COUNT(NAMES)) add(json, "\"name\":\"%s\"", NAMES[name]), add(where, " AND e.name = '%s'", NAMES[name]);
    if (rnd(w, 3) == 0) {
        value_text(w, false, value, sql, &kind);
        add(json, "%s\"props\":{\"%s\":%s}", name < COUNT(NAMES) ? "," : "", prop, value);
        add(where, " AND EXISTS (SELECT 1 FROM prop p WHERE p.seq = e.seq AND p.name = '%s' AND p.kind = '%s' AND "
            "p.value = %s)", prop, kind, sql);
    }
    add(json, "}");
    add(where, ")");
}
/* The label of the period of an event's time, as SQL; the zones have no DST, for SQLite knows none. */
static void axis(World *w, Asked *q)
{
    static const char *const periods[] = { "hour", "day", "week", "month" };
    static const char *const units[] = { "hours", "days", "days", "months" };
    size_t p = rnd(w, 4);
    bool china = rnd(w, 2), sunday = rnd(w, 2);
    const char *local = china ? "(e.time / 1000 + 28800), 'unixepoch'" : "(e.time / 1000), 'unixepoch'";
    q->unit = units[p];
    q->step = p == 2 ? 7 : 1;
    if (p == 0) snprintf(q->label, sizeof q->label, "strftime('%%Y-%%m-%%d %%H:00:00', %s)", local);
    if (p == 1) snprintf(q->label, sizeof q->label, "strftime('%%Y-%%m-%%d 00:00:00', %s)", local);
    if (p == 2)
        snprintf(q->label, sizeof q->label, "strftime('%%Y-%%m-%%d 00:00:00', %s, '%s', '-6 days')", local, sunday ?
            "weekday 6" : "weekday 0");
    if (p == 3) snprintf(q->label, sizeof q->label, "strftime('%%Y-%%m-01 00:00:00', %s)", local);
    add(q->json, "\"period\":\"%s\",\"timezone\":\"%s\",\"week_start\":\"%s\"", periods[p], china ?
        "Asia/Shanghai" : "UTC", sunday ? "sunday" : "monday");
    snprintf(q->from, sizeof q->from, "20%02d-%02d-%02d", rnd(w, 4) ? 24 : 23, rnd(w, 2) ? 1 : 12,
        (int)(1 + rnd(w, 28)));
}
static void filters(World *w, Asked *q)
{
    if (rnd(w, 2)) return;
    add(q->json, ",\"filter\":[");
    random_filter(w, q->json, q->where);
    if (rnd(w, 2)) add(q->json, ","), random_filter(w, q->json, q->where);
    add(q->json, "]");
}
static int cell(void *arg, int n, char **values, char **names)
{
    int64_t **next = arg;
    (void)n, (void)names;
    *(*next)++ = strtoll(values[0], NULL, 10);
    return 0;
}
static void sql_cells(World *w, const char *sql, int64_t *ret, size_t n)
{
    int64_t *next = ret;
    char *why = NULL;
    if (sqlite3_exec(w->db, sql, cell, &next, &why) != SQLITE_OK) print_error("%s\n%s\n", why, sql);
    assert_null(why);
    assert_int_equal(next - ret, n);
}
static const char CHOSEN[] = "CREATE TEMP TABLE chosen AS SELECT p.root, e.time, p.out, %s AS label, %s AS start, "
    "%s AS back "
    "FROM event e JOIN person p ON p.actor = e.actor WHERE NOT e.hidden %s";
static void same_values(const Asked *q, const Answer *a, const int64_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a->values[i] != want[i])
            print_error("%s\nwhere %s\nvalue %zu of %zu: %lld, SQL says %lld\n", q->json, q->where, i, n,
                (long long)a->values[i], (long long)want[i]);
        assert_int_equal(a->values[i], want[i]);
    }
}
static void same_counts(World *w, const Asked *q, const Answer *a, const char *range)
{
    char sql[TEXT] = "";
    int64_t counts[3];
    add(sql, "SELECT count(*) FROM chosen WHERE (start OR back) AND NOT out AND %s UNION ALL "
        "SELECT count(DISTINCT root) FROM chosen WHERE (start OR back) AND NOT out AND %s UNION ALL "
        "SELECT count(DISTINCT root) FROM chosen WHERE (start OR back) AND out AND %s", range, range, range);
    sql_cells(w, sql, counts, 3);
    if (a->events_read != counts[0] || a->people != counts[1] || a->left_out != counts[2]) print_error("%s\n", q->json);
    assert_int_equal(a->events_read, counts[0]);
    assert_int_equal(a->people, counts[1]);
    assert_int_equal(a->left_out, counts[2]);
}
static void grid_table(World *w, const Asked *q, const char *first, size_t n)
{
    char sql[40 * TEXT] = "CREATE TEMP TABLE grid AS ";
    size_t at = strlen(sql);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(sql + at, sizeof sql - at, "%s SELECT %zu AS i, datetime('%s', '+%zu %s') AS label",
            i ? " UNION ALL" : "", i, first, i * (size_t)q->step, q->unit);
    sql_run(w, sql);
}
static void local_text(const Answer *a, char ret[40])
{
    Civil c = zone_civil(a->zone, a->starts[0]);
    snprintf(ret, 40, "%04d-%02d-%02d %02d:00:00", c.year, c.month, c.day, c.hour);
}
static void ask_trend(Cx *cx, World *w)
{
    Asked q = { .json = "{\"kind\":\"trend\",", .trend = true };
    char sql[3 * TEXT], range[200], match[TEXT] = "", first[40];
    int64_t want[ASK_PERIODS_MAX];
    Answer a;
    axis(w, &q);
    q.people = rnd(w, 2);
    snprintf(q.to, sizeof q.to, "%.7s-%02dT%02d:30", q.from, 28, (int)rnd(w, 24));
    if (strcmp(q.from, q.to) >= 0) return;
    if (strstr(q.json, "hour")) snprintf(q.to, sizeof q.to, "%sT23:10", q.from);
    add(q.json, ",\"measure\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"event\":", q.people ? "people" : "count", q.from,
        q.to);
    random_matcher(w, q.json, match);
    filters(w, &q);
    add(q.json, "}");
    ok(ask_state(cx, w->rig.s, str_z(q.json), &a));
    int64_t from = a.starts[0], to = from;
    assert_true(zone_parse(a.zone, str_z(q.from), &from) && zone_parse(a.zone, str_z(q.to), &to));
    snprintf(range, sizeof range, "time >= %lld AND time < %lld", (long long)from, (long long)to);
    snprintf(sql, sizeof sql, CHOSEN, q.label, match, "0", q.where);
    sql_run(w, sql);
    local_text(&a, first);
    grid_table(w, &q, first, a.n);
    snprintf(sql, sizeof sql, "SELECT count(%s) FROM grid g LEFT JOIN chosen c ON c.label = g.label AND start AND "
        "NOT out AND %s GROUP BY g.i ORDER BY g.i",
        q.people ? "DISTINCT root" : "root", range);
    sql_cells(w, sql, want, a.n);
    same_values(&q, &a, want, a.n);
    same_counts(w, &q, &a, range);
    sql_run(w, "DROP TABLE chosen; DROP TABLE grid");
}
static void ask_retention(Cx *cx, World *w)
{
    enum { MOST = 14 };
    Asked q = { .json = "{\"kind\":\"retention\"," };
    char sql[4 * TEXT], range[200], start[TEXT] = "", back[TEXT] = "", first[40];
    int64_t want[MOST * (MOST + 1) / 2];
    Answer a;
    axis(w, &q);
    q.first_time = rnd(w, 2);
    q.intervals = (int)(1 + rnd(w, MOST));
    add(q.json, ",\"mode\":\"%s\",\"first_interval\":\"%s\",\"intervals\":%d,\"start_event\":", q.first_time ?
        "first_time" : "recurring", q.from, q.intervals);
    random_matcher(w, q.json, start);
    add(q.json, ",\"return_event\":");
    random_matcher(w, q.json, back);
    filters(w, &q);
    add(q.json, "}");
    ok(ask_state(cx, w->rig.s, str_z(q.json), &a));
    snprintf(range, sizeof range, "time >= %lld AND time < %lld", (long long)a.starts[0], (long long)a.starts[a.n]);
    snprintf(sql, sizeof sql, CHOSEN, q.label, start, back, q.where);
    sql_run(w, sql);
    local_text(&a, first);
    grid_table(w, &q, first, a.n);
    snprintf(sql, sizeof sql, q.first_time
        ? "CREATE TEMP TABLE s AS SELECT DISTINCT root, g.i FROM chosen c JOIN grid g USING (label) WHERE start "
            "AND NOT out AND time = "
          "(SELECT min(d.time) FROM chosen d WHERE d.start AND d.root = c.root)"
        : "CREATE TEMP TABLE s AS SELECT DISTINCT root, g.i FROM chosen c JOIN grid g USING (label) WHERE start "
            "AND NOT out");
    sql_run(w, sql);
    sql_run(w, "CREATE TEMP TABLE r AS SELECT DISTINCT root, g.i FROM chosen c JOIN grid g USING (label) WHERE "
        "back AND NOT out");
    sql_cells(w, "SELECT CASE b.i - a.i WHEN 0 THEN (SELECT count(*) FROM s WHERE s.i = a.i) "
        "ELSE (SELECT count(*) FROM s JOIN r USING (root) WHERE s.i = a.i AND r.i = b.i) END "
        "FROM grid a JOIN grid b ON b.i >= a.i ORDER BY a.i, b.i", want, a.n * (a.n + 1) / 2);
    same_values(&q, &a, want, a.n * (a.n + 1) / 2);
    same_counts(w, &q, &a, range);
    sql_run(w, "DROP TABLE chosen; DROP TABLE grid; DROP TABLE s; DROP TABLE r");
}

/* ---- every event comes back whole ---- */

typedef struct Lines { char **p; size_t n, cap; World *w; } Lines;
static void line_add(Lines *l, Str s)
{
    if (l->n == l->cap) l->p = mem_grow(l->p, (l->cap = l->cap ? l->cap * 2 : 64) * sizeof *l->p);
    l->p[l->n] = mem_get(s.n + 1);
    memcpy(l->p[l->n++], s.p, s.n);
}
static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static int by_name(const void *a, const void *b) { return str_cmp(((const Prop *)a)->name, ((const Prop *)b)->name); }
static Str event_text(Cx *cx, int64_t root, const Event *e)
{
    Prop props[COUNT(PROPS)];
    size_t n = 0;
    Buf b = buf_new(cx->arena, 1 << 16);
    for (size_t i = 0; i < e->n_props; i++) if (e->props[i].kind != PROP_NULL) props[n++] = e->props[i];
    if (n) qsort(props, n, sizeof *props, by_name);
    buf_i64(&b, root), buf_addz(&b, " "), buf_add(&b, e->name), buf_addz(&b, " "), buf_i64(&b, e->time),
        buf_addz(&b, " ");
    buf_i64(&b, e->source), buf_addz(&b, "/"), buf_i64(&b, e->trust), buf_addz(&b, "/"), buf_i64(&b, e->flags);
    buf_hex(&b, (Str){ (const char *)&e->actor, sizeof e->actor });
    for (size_t i = 0; i < n; i++) {
        buf_addz(&b, ";"), buf_add(&b, props[i].name), buf_addz(&b, "="), buf_i64(&b, props[i].kind), buf_addz(&b, ":");
        if (props[i].kind == PROP_BOOL) buf_i64(&b, props[i].b);
        if (props[i].kind == PROP_INT) buf_i64(&b, props[i].i);
        if (props[i].kind == PROP_DOUBLE) buf_hex(&b, (Str){ (const char *)&props[i].d, 8 });
        if (props[i].kind == PROP_STR) buf_add(&b, props[i].s);
        for (size_t k = 0; props[i].kind == PROP_LIST && k < props[i].list.n; k++)
            buf_add(&b, props[i].list.p[k]), buf_addz(&b, ",");
    }
    assert_false(b.bad);
    return buf_str(&b);
}
static int actor_of(Hash128 key)
{
    for (int a = 0; a < ACTORS; a++) if (rig_key((uint64_t)a).a == key.a) return a;
    return -1;
}
static Status take_line(Cx *cx, void *arg, uint32_t root, uint32_t actor, const Event *e)
{
    Lines *l = arg;
    (void)root, (void)actor;
    line_add(l, event_text(cx, root_of(l->w, actor_of(e->actor)), e));
    return ST_OK;
}
static void lines_done(Lines *l)
{
    for (size_t i = 0; i < l->n; i++) mem_free(l->p[i]);
    mem_free(l->p);
}
static void all_events_are_there(Cx *cx, World *w)
{
    Lines got = { .w = w }, want = { .w = w };
    Snapshot snap;
    Cx own = test_cx();
    ok(snapshot_take(&own, w->rig.s, &snap));
    ok(scan_rows(&own, &snap, INT64_MIN, INT64_MAX, false, take_line, &got));
    snapshot_done(&own, &snap);
    for (size_t i = 0; i < w->rig.n; i++)
        for (size_t at = 0, used; at < w->rig.log[i].n; at += used) {
            Entry e;
            ok(entry_get(&own, (Str){ w->rig.log[i].p + at, w->rig.log[i].n - at }, &e, &used));
            if (e.kind == ENTRY_EVENT) line_add(&want, event_text(&own, root_of(w, actor_of(e.event.actor)), &e.event));
        }
    assert_int_equal(got.n, want.n);
    qsort(got.p, got.n, sizeof *got.p, by_text);
    qsort(want.p, want.n, sizeof *want.p, by_text);
    for (size_t i = 0; i < got.n; i++) assert_string_equal(got.p[i], want.p[i]);
    lines_done(&got);
    lines_done(&want);
    arena_free(own.arena);
    (void)cx;
}
static void roots_agree(World *w)
{
    for (int a = 0; a < ACTORS; a++)
        assert_int_equal(actor_of(person_root(w->rig.s, rig_key((uint64_t)a))), root_of(w, a));
}
static void timelines_agree(Cx *cx, World *w)
{
    int64_t want[8], before = random_time(w);
    char sql[300];
    const Event *got;
    size_t n;
    int a = (int)rnd(w, ACTORS);
    Hash128 root = person_root(w->rig.s, rig_key((uint64_t)a));
    assert_int_equal(actor_of(root), root_of(w, a));
    ok(person_timeline(cx, w->rig.s, root, before, 5, &got, &n));
    uint8_t flags = 0;
    for (int b = 0; b < ACTORS; b++) if (root_of(w, b) == root_of(w, a)) flags |= w->flags[b];
    if (flags & PERSON_ERASED) {
        assert_int_equal(n, 0);
        return;
    }
    snprintf(sql, sizeof sql, "SELECT time FROM event e JOIN person p USING (actor) WHERE root = %d AND time < "
        "%lld ORDER BY time DESC LIMIT 5", root_of(w, a), (long long)before);
    sql_cells(w, sql, want, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(got[i].time, want[i]);
}
static void one_world(Cx *cx, uint64_t seed, int steps)
{
    static World w;
    w = (World){ .x = seed * 7919 + 12345 };
    rig_open(cx, &w.rig, test_dir());
    assert_int_equal(sqlite3_open(":memory:", &w.db), SQLITE_OK);
    sql_run(&w, "CREATE TABLE event (seq INTEGER PRIMARY KEY, actor INT, name TEXT, time INT, hidden INT);"
        "CREATE TABLE prop (seq INT, name TEXT, kind TEXT, value); CREATE INDEX prop_seq ON prop (seq, name);"
        "CREATE TABLE person (actor INTEGER PRIMARY KEY, root INT, out INT)");
    for (int i = 0; i < steps; i++) {
        some_entries(cx, &w, (int)(1 + rnd(&w, 60)));
        int op = (int)rnd(&w, 8);
        switch (op) {
        case 0: case 1: case 2: assert_int_not_equal(rig_flush(cx, &w.rig), ST_IO); break;
        case 3: case 4: { Status st = rig_merge(cx, &w.rig); assert_true(st == ST_OK || st == ST_NOT_FOUND); break; }
        case 5: rig_reopen(cx, &w.rig); break;
        default: break;
        }
        roots_agree(&w);
        write_people(&w);
        ask_trend(cx, &w);
        ask_retention(cx, &w);
        timelines_agree(cx, &w);
        if (i % 8 == 7) all_events_are_there(cx, &w);
        arena_reset(cx->arena);
    }
    sqlite3_close(w.db);
    rig_done(&w.rig);
}
TEST(random_worlds_answer_as_plain_sql_does)
{
    for (uint64_t seed = 1; seed <= 6; seed++) one_world(cx, seed, 40);
}
