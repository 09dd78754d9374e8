#include "tests/records_world.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/metric.h"
#include "store/records/migrate.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 16, TRANSFERS = 10000, ACCOUNTS = 10, START = 1000 };

static Status accounts_tx(Cx *cx, void *arg)
{
    Str text;
    (void)arg;
    TRY(migrate_text(cx, S("CREATE TABLE account(id BIGINT PRIMARY KEY, points BIGINT NOT NULL) STRICT;"
                           "CREATE TABLE done(id BIGINT PRIMARY KEY, points BIGINT NOT NULL) STRICT"),
                     cx->records->engine->words, &text));
    TRY(db_script(cx, text));
    for (int64_t i = 0; i < ACCOUNTS; i++)
        TRY(db_run(cx, SQL("INSERT INTO account(id, points) VALUES ($1, $2)"), BINDS(b_i64(i), b_i64(START))));
    return ST_OK;
}
typedef struct Transfer { int64_t id, from, to, points; atomic_int *runs; } Transfer;
/* Reads, then writes what it computed: lost updates would show in the sum. */
static Status transfer_tx(Cx *cx, void *arg)
{
    Transfer *t = arg;
    int64_t from, to;
    atomic_fetch_add(t->runs, 1);
    TRY(db_run(cx, SQL("INSERT INTO done(id, points) VALUES ($1, $2)"), BINDS(b_i64(t->id), b_i64(t->points))));
    TRY(db_i64(cx, SQL("SELECT points FROM account WHERE id = $1"), BINDS(b_i64(t->from)), &from));
    TRY(db_i64(cx, SQL("SELECT points FROM account WHERE id = $1"), BINDS(b_i64(t->to)), &to));
    from -= t->points;
    to += t->points;
    TRY(db_run(cx, SQL("UPDATE account SET points = $2 WHERE id = $1"), BINDS(b_i64(t->from), b_i64(from))));
    return db_run(cx, SQL("UPDATE account SET points = $2 WHERE id = $1"), BINDS(b_i64(t->to), b_i64(to)));
}
typedef struct Crowd { const Cx *of; atomic_int next, runs, busy, wrong; atomic_bool stop; } Crowd;
static void *transfers(void *arg)
{
    Crowd *c = arg;
    Cx cx = world_records_cx(c->of);
    for (int i; (i = atomic_fetch_add(&c->next, 1)) < TRANSFERS;) {
        Transfer t = { i, i % ACCOUNTS, (i * 7 + 3) % ACCOUNTS, i % 13, &c->runs };
        Status st;
        if (t.to == t.from) t.to = (t.to + 1) % ACCOUNTS;
#ifdef LIUKE_FAULT
        if (i % 50 == 0) fault_arm(FAULT_AGAIN, 3);
#endif
        while ((st = tx_run(&cx, transfer_tx, &t)) == ST_BUSY) atomic_fetch_add(&c->busy, 1);
        if (st != ST_OK) atomic_fetch_add(&c->wrong, 1);
        arena_reset(cx.arena);
    }
    world_records_cx_done(&cx);
    return NULL;
}
BOTH(ten_thousand_crossing_transfers_keep_the_sum_and_happen_once_each)
{
    pthread_t thread[THREADS];
    Crowd crowd = { .of = cx };
    int64_t n;
    ok(tx_run(cx, accounts_tx, NULL));
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&thread[i], NULL, transfers, &crowd), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
#ifdef LIUKE_FAULT
    fault_arm(FAULT_AGAIN, -1);
    assert_true(crowd.runs > TRANSFERS);
#endif
    print_message("  %d runs, %d busy\n", crowd.runs, crowd.busy);
    assert_int_equal(crowd.wrong, 0);
    ok(db_i64(cx, SQL("SELECT sum(points) FROM account"), NO_BINDS, &n));
    assert_int_equal(n, ACCOUNTS * START);
    ok(db_i64(cx, SQL("SELECT count(*) FROM done"), NO_BINDS, &n));
    assert_int_equal(n, TRANSFERS);
    int64_t want[ACCOUNTS];
    for (int a = 0; a < ACCOUNTS; a++) want[a] = START;
    for (int i = 0; i < TRANSFERS; i++) {
        int from = i % ACCOUNTS, to = (i * 7 + 3) % ACCOUNTS;
        want[from] -= i % 13;
        want[to == from ? (to + 1) % ACCOUNTS : to] += i % 13;
    }
    for (int a = 0; a < ACCOUNTS; a++) {
        ok(db_i64(cx, SQL("SELECT points FROM account WHERE id = $1"), BINDS(b_i64(a)), &n));
        assert_int_equal(n, want[a]);
    }
}

/* Adds one to account 0; a reader of another thread holds its rows open all the while. */
static Status add_tx(Cx *cx, void *arg)
{
    (void)arg;
    return db_run(cx, SQL("UPDATE account SET points = points + 1 WHERE id = 0"), NO_BINDS);
}
BOTH(a_reader_never_blocks_the_writer_and_sees_one_state)
{
    AUTO_ROWS r = NULL;
    int64_t sum = 0, now;
    ok(tx_run(cx, accounts_tx, NULL));
    ok(rows_open(cx, SQL("SELECT points FROM account ORDER BY id DESC"), NO_BINDS, &r));
    ok(rows_next(r));
    Cx other = world_records_cx(cx);
    for (int i = 0; i < 100; i++) ok(tx_run(&other, add_tx, NULL));
    ok(db_i64(&other, SQL("SELECT points FROM account WHERE id = 0"), NO_BINDS, &now));
    assert_int_equal(now, START + 100);
    world_records_cx_done(&other);
    do sum += rows_i64(r, 0);
    while (rows_next(r) == ST_OK);
    assert_int_equal(sum, ACCOUNTS * START);
}
static void *read_late(void *arg)
{
    Cx cx = world_records_cx(arg);
    int64_t n;
    Status st = db_i64(&cx, SQL("SELECT 1"), NO_BINDS, &n);
    world_records_cx_done(&cx);
    return st == ST_OK ? arg : NULL;
}
BOTH(whoever_finds_no_connection_waits_for_one)
{
    Cx all[RECORDS_READERS];
    pthread_t thread;
    void *got;
    int64_t n;
    for (int i = 0; i < RECORDS_READERS; i++) {
        all[i] = world_records_cx(cx);
        ok(db_i64(&all[i], SQL("SELECT 1"), NO_BINDS, &n));
    }
    assert_int_equal(pthread_create(&thread, NULL, read_late, cx), 0);
    ok(tx_run(cx, accounts_tx, NULL));            /* the writer needs none of them */
    for (int i = 0; i < RECORDS_READERS; i++) world_records_cx_done(&all[i]);
    pthread_join(thread, &got);
    assert_non_null(got);
}

static int64_t metric_now(Cx *cx, const char *name)
{
    Buf b = buf_new(cx->arena, 1 << 20);
    metric_write(&b);
    Str all = buf_str(&b);
    int64_t sum = 0, n;
    while (all.n) {
        Str line = str_cut(&all, '\n');
        if (str_starts(line, str_z(name)) && str_is(str_cut(&line, ' '), name) && str_i64(line, &n)) sum += n;
    }
    return sum;
}
static void *adds(void *arg)
{
    Cx cx = world_records_cx(arg);
    for (int i = 0; i < 100; i++) if (tx_run(&cx, add_tx, NULL) != ST_OK) arg = NULL;
    world_records_cx_done(&cx);
    return arg;
}
TEST(transactions_that_wait_together_are_committed_together)
{
    pthread_t thread[THREADS];
    int64_t n;
    void *got;
    if (world_on_postgres()) test_skip("SQLite alone commits in groups");
    world_records(cx);
    ok(tx_run(cx, accounts_tx, NULL));
    int64_t commits = metric_now(cx, "liuke_records_commits_total"), txs = metric_now(cx, "liuke_records_tx_total");
    for (int i = 0; i < 10; i++) ok(tx_run(cx, add_tx, NULL));
    assert_int_equal(metric_now(cx, "liuke_records_commits_total") - commits, 10);   /* alone: nobody to wait for */
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&thread[i], NULL, adds, cx), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], &got);
        assert_non_null(got);
    }
    commits = metric_now(cx, "liuke_records_commits_total") - commits - 10;
    txs = metric_now(cx, "liuke_records_tx_total") - txs - 10;
    print_message("  %d transactions in %d commits\n", (int)txs, (int)commits);
    assert_int_equal(txs, 1600);
    assert_in_range(commits, 1, 800);
    ok(db_i64(cx, SQL("SELECT points FROM account WHERE id = 0"), NO_BINDS, &n));
    assert_int_equal(n, START + 1610);
    world_records_done(cx);
}

/* A function that ends the outer transaction, as SQLite itself does after some errors. */
static Status ends_tx(Cx *cx, void *arg)
{
    (void)arg;
    TRY(add_tx(cx, NULL));
    return db_run(cx, SQL("ROLLBACK"), NO_BINDS);
}
static void *ends(void *arg)
{
    Crowd *c = arg;
    Cx cx = world_records_cx(c->of);
    while (!c->stop) if (tx_run(&cx, ends_tx, NULL) == ST_OK) atomic_fetch_add(&c->wrong, 1);
    world_records_cx_done(&cx);
    return NULL;
}
static void *adds_again(void *arg)
{
    Crowd *c = arg;
    Cx cx = world_records_cx(c->of);
    for (int i = 0; i < 50; i++) {
        Status st;
        while ((st = tx_run(&cx, add_tx, NULL)) == ST_BUSY) atomic_fetch_add(&c->busy, 1);
        if (st != ST_OK) atomic_fetch_add(&c->wrong, 1);
    }
    world_records_cx_done(&cx);
    return NULL;
}
BOTH(a_transaction_that_is_given_up_takes_nobody_with_it_who_was_told_ok)
{
    pthread_t bad, good[4];
    Crowd crowd = { .of = cx };
    int64_t n;
    ok(tx_run(cx, accounts_tx, NULL));
    assert_int_equal(tx_run(cx, ends_tx, NULL), ST_BUG);
    assert_int_equal(pthread_create(&bad, NULL, ends, &crowd), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&good[i], NULL, adds_again, &crowd), 0);
    for (int i = 0; i < 4; i++) pthread_join(good[i], NULL);
    crowd.stop = true;
    pthread_join(bad, NULL);
    assert_int_equal(crowd.wrong, 0);
    ok(db_i64(cx, SQL("SELECT points FROM account WHERE id = 0"), NO_BINDS, &n));
    assert_int_equal(n, START + 200);
}
#ifdef LIUKE_FAULT
static void *adds_under_faults(void *arg)
{
    Crowd *c = arg;
    Cx cx = world_records_cx(c->of);
    for (int i = 0; i < 50; i++) {
        if (tx_run(&cx, add_tx, NULL) == ST_OK) atomic_fetch_add(&c->runs, 1);
        else atomic_fetch_add(&c->busy, 1);
        fault_arm(FAULT_DB, i % 11);
    }
    world_records_cx_done(&cx);
    return NULL;
}
BOTH(what_was_answered_is_what_was_kept_also_when_commits_fail)
{
    pthread_t thread[8];
    Crowd crowd = { .of = cx };
    int64_t n;
    ok(tx_run(cx, accounts_tx, NULL));
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&thread[i], NULL, adds_under_faults, &crowd), 0);
    for (int i = 0; i < 8; i++) pthread_join(thread[i], NULL);
    fault_arm(FAULT_DB, -1);
    assert_int_equal(crowd.runs + crowd.busy, 400);
    assert_in_range(crowd.busy, 1, 399);
    ok(db_i64(cx, SQL("SELECT points FROM account WHERE id = 0"), NO_BINDS, &n));
    assert_int_equal(n, START + crowd.runs);
}
#endif

/* Ends every other connection of this program's, as a restart of the server would. */
static void cut_connections(Cx *cx)
{
    int64_t n;
    ok(db_i64(cx, SQL("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                      "AND application_name = 'liuke' AND datname = current_database()"), NO_BINDS, &n));
    assert_in_range(n, 1, 100);
}
static Status cut_tx(Cx *cx, void *arg)
{
    int *runs = arg;
    ++*runs;
    TRY(add_tx(cx, NULL));
    int64_t n;
    if (db_i64(cx, SQL("SELECT count(pg_terminate_backend(pg_backend_pid()))"), NO_BINDS, &n) == ST_OK) ++*runs;
    return add_tx(cx, NULL);
}
TEST(a_lost_connection_is_busy_once_and_then_replaced)
{
    Cx other;
    int runs = 0;
    int64_t n;
    if (!getenv("LIUKE_TEST_PG")) test_skip("LIUKE_TEST_PG names no PostgreSQL");
    world_records_on(cx, WORLD_POSTGRES);
    ok(tx_run(cx, accounts_tx, NULL));
    assert_int_equal(tx_run(cx, cut_tx, &runs), ST_BUSY);
    assert_int_equal(runs, 1);
    ok(tx_run(cx, add_tx, NULL));
    other = world_records_cx(cx);
    ok(db_i64(&other, SQL("SELECT points FROM account WHERE id = 0"), NO_BINDS, &n));
    cut_connections(cx);
    ok(db_i64(&other, SQL("SELECT points FROM account WHERE id = 0"), NO_BINDS, &n));   /* was idle: nothing lost */
    assert_int_equal(n, START + 1);
    ok(tx_run(cx, add_tx, NULL));
    world_records_cx_done(&other);
    world_records_done(cx);
}
/* The server goes while it does the COMMIT: a trigger put off until then ends its own connection. */
static Status falls_tx(Cx *cx, void *arg)
{
    (void)arg;
    return db_script(cx, S("CREATE FUNCTION falls() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN "
                           "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $f$; "
                           "CREATE CONSTRAINT TRIGGER falls AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED "
                           "FOR EACH ROW EXECUTE FUNCTION falls()"));
}
TEST(a_connection_lost_during_commit_is_not_said_to_have_done_nothing)
{
    if (!getenv("LIUKE_TEST_PG")) test_skip("LIUKE_TEST_PG names no PostgreSQL");
    world_records_on(cx, WORLD_POSTGRES);
    ok(tx_run(cx, accounts_tx, NULL));
    ok(tx_run(cx, falls_tx, NULL));
    assert_int_equal(tx_run(cx, add_tx, NULL), ST_IO);
    assert_non_null(strstr(cx->why.log, "unknown"));
    world_records_done(cx);
}
TEST(a_server_that_is_not_there_is_busy_and_says_so)
{
    RecordsConfig config = { .postgres = "host=127.0.0.1 port=1 user=nobody dbname=none" };
    Records *r = NULL;
    assert_int_equal(records_open(cx, &config, &r), ST_BUSY);
    assert_non_null(strstr(cx->why.log, "PostgreSQL"));
    assert_null(r);
}
