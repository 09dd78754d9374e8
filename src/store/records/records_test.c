#include "tests/records_world.h"
#include "base/limits.h"
#include "store/records/migrate.h"
#include "store/records/setting.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static Status kinds_tx(Cx *cx, void *arg)
{
    (void)arg;
    return db_script(cx, world_on_postgres()
        ? S("CREATE TABLE k(id BIGINT PRIMARY KEY, d DOUBLE PRECISION, t TEXT COLLATE \"C\" UNIQUE, b BYTEA, "
            "of BIGINT REFERENCES k(id), CHECK (id >= 0)); CREATE INDEX k_of ON k(of)")
        : S("CREATE TABLE k(id INTEGER PRIMARY KEY, d REAL, t TEXT UNIQUE, b BLOB, "
            "of INTEGER REFERENCES k(id), CHECK (id >= 0)) STRICT; CREATE INDEX k_of ON k(of)"));
}
typedef struct Row { int64_t id; Bind d, t, b, of; } Row;
static Status row_tx(Cx *cx, void *arg)
{
    Row *r = arg;
    return db_run(cx, SQL("INSERT INTO k(of, b, t, d, id) VALUES ($5, $4, $3, $2, $1)"),
                  BINDS(b_i64(r->id), r->d, r->t, r->b, r->of));
}
static Status put(Cx *cx, int64_t id, const char *text)
{
    Row r = { .id = id, .t = text ? b_str(str_z(text)) : b_null() };
    return tx_run(cx, row_tx, &r);
}
static int64_t count(Cx *cx)
{
    int64_t n = -1;
    ok(db_i64(cx, SQL("SELECT count(*) FROM k"), NO_BINDS, &n));
    return n;
}

BOTH(every_kind_of_value_comes_back_as_it_went_in)
{
    static const int64_t numbers[] = { 0, 1, INT64_MAX, 255, 256, 1 << 30, INT64_C(1) << 53 };
    static const double doubles[] = { 0.1, -1.5, 1e308, 5e-324, 3, INFINITY, 1.0 / 3 };
    static const char *const texts[] = { "", "留客 🧧 e\xcc\x81", "a'b\"c\\d$1", "\xf4\x8f\xbf\xbf", " ", "NULL", "x\ny" };
    ok(tx_run(cx, kinds_tx, NULL));
    for (size_t i = 0; i < COUNT(numbers); i++) {
        Row in = { numbers[i], b_double(doubles[i]), b_str(str_z(texts[i])),
                   b_bytes((Str){ "\0\xff\0a", i % 5 }), b_i64(numbers[0]) };
        AUTO_ROWS r = NULL;
        Str kept, none;
        ok(tx_run(cx, row_tx, &in));
        ok(rows_open(cx, SQL("SELECT id, d, t, b, of, NULL, id > 0 FROM k WHERE id = $1"),
                     BINDS(b_i64(numbers[i])), &r));
        ok(rows_next(r));
        assert_true(rows_i64(r, 0) == numbers[i] && rows_i64(r, 4) == 0);
        double back = rows_double(r, 1);
        assert_memory_equal(&back, &doubles[i], sizeof back);
        assert_str(rows_str(r, 2), texts[i]);
        assert_non_null(rows_str(r, 2).p);
        assert_true(str_eq(rows_bytes(r, 3), in.b.s) && rows_bytes(r, 3).p);
        ok(rows_keep(r, 3, &kept));
        ok(rows_keep(r, 5, &none));
        assert_true(!rows_null(r, 0) && rows_null(r, 5) && !none.p);
        assert_true(!rows_str(r, 5).p && !rows_bytes(r, 5).p && rows_i64(r, 5) == 0 && rows_double(r, 5) == 0);
        assert_int_equal(rows_i64(r, 6), numbers[i] > 0);
        assert_int_equal(rows_next(r), ST_NOT_FOUND);
        assert_int_equal(rows_next(r), ST_NOT_FOUND);
        assert_true(str_eq(kept, in.b.s));
    }
    int64_t sum;
    ok(db_i64(cx, SQL("SELECT sum(id) FROM k WHERE id < 1000"), NO_BINDS, &sum));
    assert_int_equal(sum, 512);
    ok(db_i64(cx, SQL("SELECT min(id) FROM k WHERE id > $1 AND t <> $2"), BINDS(b_i64(1), b_str(S("x"))), &sum));
    assert_int_equal(sum, 255);
    assert_int_equal(db_i64(cx, SQL("SELECT id FROM k WHERE id = $1"), BINDS(b_i64(77)), &sum), ST_NOT_FOUND);
}
BOTH(a_null_may_stand_where_a_value_stood_before)
{
    ok(tx_run(cx, kinds_tx, NULL));
    for (int64_t i = 0; i < 6; i++) {
        Row r = { i, i & 1 ? b_double(0.5) : b_null(), i & 1 ? b_null() : b_str((Str){ &"abcdef"[i], 1 }),
                  i & 2 ? b_bytes(S("\0")) : b_null(), i > 3 ? b_i64(3) : b_null() };
        ok(tx_run(cx, row_tx, &r));
    }
    int64_t n;
    ok(db_i64(cx, SQL("SELECT count(d) * 1000 + count(t) * 100 + count(b) * 10 + count(of) FROM k"), NO_BINDS, &n));
    assert_int_equal(n, 3322);
}
static Status table_tx(Cx *cx, void *arg)
{
    Str text;
    TRY(migrate_text(cx, str_z(arg), cx->records->engine->words, &text));
    return db_script(cx, text);
}
BOTH(text_sorts_by_its_bytes)
{
    static const char *const sorted[] = { "B", "a", "b", "é", "中", "🧧" };
    char make[] = "CREATE TABLE w(t TEXT NOT NULL) STRICT;"
                  "INSERT INTO w(t) VALUES ('b'), ('🧧'), ('a'), ('中'), ('B'), ('é')";
    AUTO_ROWS r = NULL;
    ok(tx_run(cx, table_tx, make));
    ok(rows_open(cx, SQL("SELECT t FROM w ORDER BY t"), NO_BINDS, &r));
    for (size_t i = 0; i < COUNT(sorted); i++) {
        ok(rows_next(r));
        assert_str(rows_str(r, 0), sorted[i]);
    }
}
static Status conflicts_tx(Cx *cx, void *arg)
{
    (void)arg;
    Status st = db_run(cx, SQL("INSERT INTO k(id, t) VALUES (2, 'one')"), NO_BINDS);
    assert_int_equal(st, ST_CONFLICT);
    assert_int_equal(db_run(cx, SQL("INSERT INTO k(id, t) VALUES (3, 'three')"), NO_BINDS), ST_CONFLICT);
    return ST_OK;
}
BOTH(a_unique_foreign_or_check_constraint_is_a_conflict_and_ends_the_transaction)
{
    ok(tx_run(cx, kinds_tx, NULL));
    ok(put(cx, 1, "one"));
    assert_int_equal(put(cx, 1, "two"), ST_CONFLICT);
    assert_int_equal(put(cx, 2, "one"), ST_CONFLICT);
    assert_int_equal(put(cx, -1, "minus"), ST_CONFLICT);
    Row orphan = { .id = 9, .of = b_i64(5) };
    assert_int_equal(tx_run(cx, row_tx, &orphan), ST_CONFLICT);
    assert_int_equal(count(cx), 1);
    assert_int_equal(tx_run(cx, conflicts_tx, NULL), ST_BUG);
    assert_int_equal(count(cx), 1);
}
static Status counts_tx(Cx *cx, void *arg)
{
    int64_t *n = arg;
    TRY(db_run_count(cx, SQL("INSERT INTO k(id) VALUES (1), (2), (3)"), NO_BINDS, &n[0]));
    TRY(db_run_count(cx, SQL("UPDATE k SET d = 1 WHERE id > $1"), BINDS(b_i64(1)), &n[1]));
    TRY(db_run_count(cx, SQL("INSERT INTO k(id) VALUES (3) ON CONFLICT(id) DO NOTHING"), NO_BINDS, &n[2]));
    return db_run_count(cx, SQL("DELETE FROM k"), NO_BINDS, &n[3]);
}
BOTH(a_write_tells_how_many_rows_it_changed)
{
    int64_t n[4];
    ok(tx_run(cx, kinds_tx, NULL));
    ok(tx_run(cx, counts_tx, n));
    assert_true(n[0] == 3 && n[1] == 2 && n[2] == 0 && n[3] == 3);
}
static Status refuses_tx(Cx *cx, void *arg)
{
    (void)arg;
    TRY(db_run(cx, SQL("INSERT INTO k(id) VALUES (1)"), NO_BINDS));
    return refuse(cx, ST_INVALID, S("name"), MSG_required, NO_PARAMS);
}
static Status nested_tx(Cx *cx, void *arg)
{
    Cx other = *cx;
    other.db = NULL;
    assert_int_equal(tx_run(cx, refuses_tx, arg), ST_BUG);
    assert_int_equal(tx_run(&other, refuses_tx, arg), ST_BUG);
    return ST_OK;
}
static Status rows_tx(Cx *cx, void *arg)
{
    (void)arg;
    return db_run(cx, SQL("SELECT 1"), NO_BINDS);
}
BOTH(a_refusal_in_a_transaction_leaves_nothing_and_keeps_its_reason)
{
    ok(tx_run(cx, kinds_tx, NULL));
    assert_int_equal(tx_run(cx, refuses_tx, NULL), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_required);
    assert_string_equal(cx->why.field, "name");
    assert_int_equal(count(cx), 0);
}
BOTH(what_is_not_allowed_is_a_bug_of_ours)
{
    AUTO_ROWS r = NULL;
    ok(tx_run(cx, kinds_tx, NULL));
    ok(tx_run(cx, nested_tx, NULL));
    assert_int_equal(tx_run(cx, rows_tx, NULL), ST_BUG);
    assert_int_equal(db_run(cx, SQL("INSERT INTO k(id) VALUES (1)"), NO_BINDS), ST_BUG);
    assert_int_equal(count(cx), 0);
    assert_int_equal(db_run(cx, SQL("DELETE FROM k"), NO_BINDS), ST_BUG);
    assert_int_equal(rows_open(cx, SQL("INSERT INTO k(id) VALUES (1) RETURNING id"), NO_BINDS, &r), ST_BUG);
    assert_int_equal(rows_open(cx, SQL("SELEC"), NO_BINDS, &r), ST_BUG);
    assert_int_equal(rows_open(cx, SQL("SELECT id FROM k WHERE id = $1"), NO_BINDS, &r), ST_BUG);
    assert_int_equal(count(cx), 0);
    Cx none = test_cx();
    assert_int_equal(rows_open(&none, SQL("SELECT 1"), NO_BINDS, &r), ST_BUG);
    assert_int_equal(tx_run(&none, rows_tx, NULL), ST_BUG);
    arena_free(none.arena);
}
static Status busy_tx(Cx *cx, void *arg)
{
    ++*(int *)arg;
    TRY(db_run(cx, SQL("INSERT INTO k(id) VALUES (1)"), NO_BINDS));
    return fail(cx, ST_BUSY, "not now");
}
BOTH(a_function_that_says_busy_is_run_again_a_few_times_on_a_clean_slate)
{
    int runs = 0;
    ok(tx_run(cx, kinds_tx, NULL));
    assert_int_equal(tx_run(cx, busy_tx, &runs), ST_BUSY);
    assert_int_equal(runs, TX_RUNS_MAX);
    assert_int_equal(count(cx), 0);
}
static Status sees_tx(Cx *cx, void *arg)
{
    AUTO_ROWS r = NULL;
    TRY(db_run(cx, SQL("INSERT INTO k(id) VALUES (41)"), NO_BINDS));
    TRY(rows_open(cx, SQL("UPDATE k SET id = id + 1 RETURNING id"), NO_BINDS, &r));
    TRY(rows_next(r));
    *(int64_t *)arg = rows_i64(r, 0);
    return ST_OK;
}
BOTH(a_caller_reads_what_it_wrote_inside_and_right_after)
{
    int64_t got = 0;
    ok(tx_run(cx, kinds_tx, NULL));
    assert_int_equal(count(cx), 0);               /* its reader is taken before the write */
    ok(tx_run(cx, sees_tx, &got));
    assert_int_equal(got, 42);
    for (int64_t i = 100; i < 200; i++) {
        ok(put(cx, i, NULL));
        ok(db_i64(cx, SQL("SELECT max(id) FROM k"), NO_BINDS, &got));
        assert_int_equal(got, i);
    }
}
static Status leaves_open_tx(Cx *cx, void *arg)
{
    Rows *r;
    (void)arg;
    TRY(rows_open(cx, SQL("SELECT id FROM k"), NO_BINDS, &r));
    TRY(rows_next(r));
    return db_run(cx, SQL("INSERT INTO k(id) VALUES (1000)"), NO_BINDS);
}
BOTH(rows_left_open_end_with_their_transaction_or_cx)
{
    Rows *r;
    ok(tx_run(cx, kinds_tx, NULL));
    ok(put(cx, 1, NULL));
    ok(put(cx, 2, NULL));
    ok(tx_run(cx, leaves_open_tx, NULL));
    ok(rows_open(cx, SQL("SELECT id FROM k ORDER BY id"), NO_BINDS, &r));
    ok(rows_next(r));
    records_done(cx);
    records_done(cx);
    rows_done(&r);
    rows_done(&r);
    assert_int_equal(count(cx), 3);
}
BOTH(the_same_text_may_be_open_twice)
{
    int n = 0;
    ok(tx_run(cx, kinds_tx, NULL));
    for (int64_t i = 0; i < 8; i++) ok(put(cx, i, NULL));
    Rows *all[12];
    for (size_t i = 0; i < COUNT(all); i++) {
        ok(rows_open(cx, SQL("SELECT id FROM k ORDER BY id"), NO_BINDS, &all[i]));
        for (size_t k = 0; k <= i && k < 8; k++) ok(rows_next(all[i]));
    }
    for (size_t i = 0; i < COUNT(all); i++) {
        n += rows_i64(all[i], 0) == (int64_t)(i < 8 ? i : 7);
        rows_done(&all[i]);
    }
    assert_int_equal(n, COUNT(all));
}
static Status zone_tx(Cx *cx, void *value)
{
    return value ? setting_put(cx, S("zone"), str_z(value)) : setting_drop(cx, S("zone"));
}
BOTH(settings_keep_their_last_value)
{
    Str got;
    char first[] = "Asia/Shanghai", last[] = "欧洲/柏林";
    assert_int_equal(setting_get(cx, S("zone"), &got), ST_NOT_FOUND);
    ok(tx_run(cx, zone_tx, first));
    ok(tx_run(cx, zone_tx, last));
    ok(setting_get(cx, S("zone"), &got));
    assert_str(got, last);
    ok(tx_run(cx, zone_tx, NULL));
    ok(tx_run(cx, zone_tx, NULL));
    assert_int_equal(setting_get(cx, S("zone"), &got), ST_NOT_FOUND);
}
#ifdef LIUKE_FAULT
static Status pair_tx(Cx *cx, void *arg)
{
    int64_t n;
    (void)arg;
    TRY(db_i64(cx, SQL("SELECT count(*) FROM k"), NO_BINDS, &n));
    TRY(db_run(cx, SQL("INSERT INTO k(id) VALUES ($1)"), BINDS(b_i64(n))));
    return db_run(cx, SQL("INSERT INTO k(id) VALUES ($1)"), BINDS(b_i64(n + 1)));
}
/* Fail the n-th operation of one kind until a transaction does not meet it. */
static void pairs_with_faults(Cx *cx, FaultKind kind)
{
    int64_t before = count(cx);
    for (long n = 0;; n++) {
        fault_arm(kind, n);
        Status st = tx_run(cx, pair_tx, NULL);
        bool fired = fault_fired(kind);
        fault_arm(kind, -1);
        if (kind == FAULT_AGAIN || !fired) assert_int_equal(st, ST_OK);
        else assert_true(st == ST_IO || st == ST_BUSY || st == ST_NO_MEM);
        assert_true(st == ST_OK || cx->why.log[0]);
        assert_int_equal(count(cx), before + (st == ST_OK ? 2 : 0));
        before = count(cx);
        if (!fired) break;
        assert_in_range(n, 0, 50);
    }
}
BOTH(a_transaction_that_fails_anywhere_leaves_nothing)
{
    ok(tx_run(cx, kinds_tx, NULL));
    pairs_with_faults(cx, FAULT_DB);
    pairs_with_faults(cx, FAULT_ALLOC);
    pairs_with_faults(cx, FAULT_AGAIN);
}
#endif
