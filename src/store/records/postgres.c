#include "store/records/postgres.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/metric.h"
#include <string.h>
#include <time.h>
#include <stdio.h>

static Metric connects = METRIC(METRIC_COUNTER, "liuke_records_connects_total", "", "connections made to PostgreSQL");

static PostgresDb *db_of(Db *db) { return (PostgresDb *)db; }
static Postgres *records_of(const Db *db) { return (Postgres *)db->records; }

static bool one_of(const char *state, const char *const *list)
{
    for (; *list; list++) if (strncmp(state, *list, strlen(*list)) == 0) return true;
    return false;
}
static Status status_of(PostgresDb *db, const char *state)
{
    static const char *const again[] = { "40001", "40P01", "55P03", NULL };
    static const char *const stale[] = { "0A000", "26000", NULL };      /* another node changed the tables */
    static const char *const later[] = { "57", "53300", NULL };   /* too slow, stopping, full */
    static const char *const conflict[] = { "23505", "23503", "23514", NULL };
    static const char *const ours[] = { "42", "22", "23", "25", "08P01", NULL };
    if (one_of(state, again)) return ST_BUSY;
    if (one_of(state, stale)) {
        PQreset(db->conn);
        postgres_forget(db);
        return ST_BUSY;
    }
    if (one_of(state, later)) {
        db->hopeless = true;
        return ST_BUSY;
    }
    return one_of(state, conflict) ? ST_CONFLICT : one_of(state, ours) ? ST_BUG : ST_IO;
}
Status postgres_said(Cx *cx, PostgresDb *db, PGresult *r)
{
    ExecStatusType kind = PQresultStatus(r);
    if (kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK || kind == PGRES_EMPTY_QUERY) {
        PQclear(r);
        return ST_OK;
    }
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    Status st = fail(cx, ST_IO, "postgres %s: %.160s", state ? state : "-", r ? PQresultErrorMessage(r) : "no memory");
    if (PQstatus(db->conn) != CONNECTION_OK) {
        db->hopeless = true;
        st = ST_BUSY;
    } else if (state) st = status_of(db, state);
    cx->why.st = st;
    cx->why.msg = (Msg)st;
    PQclear(r);
    return st;
}
static void silent(void *arg, const PGresult *r) { (void)arg; (void)r; }
/* In SERIALIZABLE whoever waited for a row that then was changed must start over anyway, and a deadlock is noticed
 * only after a second: so waits for locks are short. */
static Status set_up(Cx *cx, PostgresDb *db)
{
    char text[400];
    const char *encoding = PQparameterStatus(db->conn, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return fail(cx, ST_INVALID, "the PostgreSQL database must be in UTF8, not %s", encoding ? encoding : "?");
    const char *isolation = db->base.writes ? "serializable" : "read committed";
    snprintf(text, sizeof text, "SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %d; "
             "SET lock_timeout = %d; SET client_encoding = 'UTF8'; SET bytea_output = 'hex'; "
             "SET extra_float_digits = 1; SET default_transaction_isolation = '%s'; "
             "SET default_transaction_read_only = %s", RECORDS_QUERY_MS, RECORDS_QUERY_MS, RECORDS_LOCK_MS,
             isolation, db->base.writes ? "off" : "on");
    return postgres_said(cx, db, PQexec(db->conn, text));
}
Status postgres_connect(Cx *cx, PostgresDb *db)
{
    if (db->conn && PQstatus(db->conn) == CONNECTION_OK) return ST_OK;
    PQfinish(db->conn);
    postgres_forget(db);
    metric_add(&connects, 1);
    db->conn = PQconnectdbParams((const char *const[]){ "connect_timeout", "application_name", "dbname", NULL },
                                 (const char *const[]){ "5", "liuke", records_of(&db->base)->conninfo, NULL }, 1);
    if (!db->conn) return fail(cx, ST_NO_MEM, "PostgreSQL connection");
    if (PQstatus(db->conn) != CONNECTION_OK)
        return fail(cx, ST_BUSY, "PostgreSQL: %.180s", PQerrorMessage(db->conn));
    PQsetNoticeReceiver(db->conn, silent, NULL);
    Status st = set_up(cx, db);
    if (st == ST_OK) return ST_OK;
    PQfinish(db->conn);
    db->conn = NULL;
    return st;
}

static Status order(Cx *cx, PostgresDb *db, const char *text)
{
    if (fault_hit(FAULT_DB)) return fail(cx, ST_IO, "%s: fault", text);
    return postgres_said(cx, db, PQexec(db->conn, text));
}
/* A connection that broke while nobody used it is noticed here, where a second try loses nothing. */
static Status begin(Cx *cx, PostgresDb *db)
{
    TRY(postgres_connect(cx, db));
    Status st = order(cx, db, "BEGIN");
    if (st != ST_BUSY || PQstatus(db->conn) == CONNECTION_OK) return st;
    TRY(postgres_connect(cx, db));
    return order(cx, db, "BEGIN");
}
static void roll_back(Cx *cx, PostgresDb *db)
{
    Why why = cx->why;                            /* what went wrong first is what the caller is told */
    if (PQstatus(db->conn) == CONNECTION_OK) PQclear(PQexec(db->conn, "ROLLBACK"));
    cx->why = why;
}
static Status commit(Cx *cx, PostgresDb *db)
{
    if (fault_hit(FAULT_DB)) {
        roll_back(cx, db);
        db->hopeless = true;
        return fail(cx, ST_BUSY, "COMMIT: fault");
    }
    if (PQtransactionStatus(db->conn) == PQTRANS_IDLE) return fail(cx, ST_BUG, "a TxFn ended its transaction");
    Status st = postgres_said(cx, db, PQexec(db->conn, "COMMIT"));
    if (PQstatus(db->conn) != CONNECTION_OK)      /* BUSY would promise that nothing was written */
        return fail(cx, ST_IO, "the connection broke during COMMIT: whether it was done is unknown");
    if (st == ST_OK) tx_committed();
    return st;
}
static Status run_once(Cx *cx, PostgresDb *db, TxFn *fn, void *arg)
{
    TRY(begin(cx, db));
    db->hopeless = false;
    Status st = tx_call(cx, &db->base, fn, arg);
    if (st == ST_OK) return commit(cx, db);
    roll_back(cx, db);
    return st;
}
/* Two that met once would meet again after the same wait. */
static void wait_some(int run)
{
    uint64_t x = (uint64_t)clock_mono_us() * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)&run;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    nanosleep(&(struct timespec){ .tv_nsec = (long)((x >> 33) % (1000000u << run)) }, NULL);
}
Status postgres_tx(Cx *cx, TxFn *fn, void *arg)
{
    Postgres *p = (Postgres *)cx->records;
    Db *base;
    TRY(pool_take(cx, &p->writers, &base));
    PostgresDb *db = db_of(base);
    db->hopeless = false;
    Status st = run_once(cx, db, fn, arg);
    for (int i = 1; i < TX_RUNS_MAX && st == ST_BUSY && !db->hopeless; i++) {
        wait_some(i);
        st = run_once(cx, db, fn, arg);
    }
    pool_give(&p->writers, base);
    return st;
}
static Status script(Cx *cx, Db *base, Str text)
{
    PostgresDb *db = db_of(base);
    Str z = arena_str(cx->arena, text);
    if (!z.p) return fail(cx, ST_NO_MEM, "script");
    return postgres_said(cx, db, PQexec(db->conn, z.p));
}

static void postgres_close(Records *base)
{
    Postgres *p = (Postgres *)base;
    for (int i = 0; p->db && i < 2 * p->n; i++) {
        postgres_forget(&p->db[i]);
        PQfinish(p->db[i].conn);
    }
    pool_stop(&p->readers);
    pool_stop(&p->writers);
    mem_free(p->db);
    mem_free(p->conninfo);
    mem_free(p);
}
static Status fill(Cx *cx, Postgres *p, const char *conninfo)
{
    size_t n = strlen(conninfo) + 1;
    p->conninfo = mem_get(n);
    p->db = mem_get(2 * (size_t)p->n * sizeof *p->db);
    if (!p->conninfo || !p->db) return fail(cx, ST_NO_MEM, "records");
    memcpy(p->conninfo, conninfo, n);
    for (int i = 0; i < 2 * p->n; i++) {
        p->db[i].base.records = &p->base;
        p->db[i].base.writes = i >= p->n;
        pool_give(i < p->n ? &p->readers : &p->writers, &p->db[i].base);
    }
    return ST_OK;
}
Status postgres_open(Cx *cx, const RecordsConfig *config, Records **ret)
{
    Postgres *p = mem_get(sizeof *p);
    if (!p) return fail(cx, ST_NO_MEM, "records");
    p->base.engine = &postgres_engine;
    p->n = config->readers ? config->readers : RECORDS_READERS;
    pool_start(&p->readers);
    pool_start(&p->writers);
    Status st = fill(cx, p, config->postgres);
    if (st == ST_OK) *ret = &p->base;
    else postgres_close(&p->base);
    return st;
}
static Status lend(Cx *cx, Db **ret)
{
    Pool *pool = &((Postgres *)cx->records)->readers;
    Db *db;
    TRY(pool_take(cx, pool, &db));
    Status st = postgres_connect(cx, db_of(db));
    if (st == ST_OK) *ret = db;
    else pool_give(pool, db);
    return st;
}
static void take_back(Db *db) { pool_give(&records_of(db)->readers, db); }

static const Word words[] = { { "DOUBLE", "DOUBLE PRECISION" }, { "BYTES", "BYTEA" }, { "TEXT", "TEXT COLLATE \"C\"" },
                              { "STRICT", "" }, { 0 } };
const Engine postgres_engine = {
    .close = postgres_close, .tx = postgres_tx, .lend = lend, .take_back = take_back, .script = script,
    .query = postgres_query, .next = postgres_next, .end = postgres_end, .changed = postgres_changed,
    .i64 = postgres_i64, .real = postgres_double, .str = postgres_str, .bytes = postgres_bytes,
    .null = postgres_null, .words = words,
    .lock_first = "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7811887842351)",
    .lock = "SET LOCAL lock_timeout = 0; LOCK TABLE schema_migration IN EXCLUSIVE MODE",
};
