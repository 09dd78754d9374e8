#include "store/records/sqlite.h"
#include "base/fault.h"
#include "base/limits.h"
#include <stdio.h>

typedef struct SqliteRows { Rows base; sqlite3_stmt *st; Statement *kept; int64_t changed; } SqliteRows;

static SqliteDb *db_of(Db *db) { return (SqliteDb *)db; }
static sqlite3_stmt *st_of(const Rows *r) { return ((const SqliteRows *)r)->st; }

static Status constraint(int rc)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE: case SQLITE_CONSTRAINT_PRIMARYKEY: case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_FOREIGNKEY: case SQLITE_CONSTRAINT_CHECK:
        return ST_CONFLICT;
    default:
        return ST_BUG;                            /* NOT NULL and wrong types are ours to prevent */
    }
}
Status sqlite_said(Cx *cx, const SqliteDb *db, int rc)
{
    int kind = rc & 0xff;                         /* rc is an extended code */
    Status st = kind == SQLITE_CONSTRAINT ? constraint(rc)
              : kind == SQLITE_BUSY || kind == SQLITE_LOCKED ? ST_BUSY
              : kind == SQLITE_NOMEM ? ST_NO_MEM
              : kind == SQLITE_ERROR || kind == SQLITE_READONLY || kind == SQLITE_MISUSE || kind == SQLITE_RANGE
                ? ST_BUG
              : ST_IO;
    return fail(cx, st, "sqlite %d: %s", rc, sqlite3_errmsg(db->h));
}
/* By name, because SQLite numbers $n in order of appearance. */
static Status bind(Cx *cx, SqliteDb *db, sqlite3_stmt *st, const Bind *b, size_t n)
{
    if ((size_t)sqlite3_bind_parameter_count(st) != n)
        return fail(cx, ST_BUG, "%zu parameters given: %s", n, sqlite3_sql(st));
    for (size_t i = 0; i < n; i++) {
        char name[24];
        const char *p = b[i].s.p ? b[i].s.p : "";
        snprintf(name, sizeof name, "$%zu", i + 1);
        int at = sqlite3_bind_parameter_index(st, name), rc = SQLITE_OK;
        if (at == 0) return fail(cx, ST_BUG, "no %s in: %s", name, sqlite3_sql(st));
        switch (b[i].kind) {
        case B_NULL:   rc = sqlite3_bind_null(st, at); break;
        case B_I64:    rc = sqlite3_bind_int64(st, at, b[i].i); break;
        case B_DOUBLE: rc = sqlite3_bind_double(st, at, b[i].d); break;
        case B_STR:    rc = sqlite3_bind_text64(st, at, p, b[i].s.n, SQLITE_TRANSIENT, SQLITE_UTF8); break;
        case B_BYTES:  rc = sqlite3_bind_blob64(st, at, p, b[i].s.n, SQLITE_TRANSIENT); break;
        }
        if (rc != SQLITE_OK) return sqlite_said(cx, db, rc);
    }
    return ST_OK;
}
static void drop(void *made) { sqlite3_finalize(made); }
/* The connection's own prepared statement, or one for this use only while all of its set are busy. */
static Status prepare(Cx *cx, SqliteDb *db, const char *text, SqliteRows *r)
{
    Statement *s = statement_find(&db->statements, text);
    if (s && s->text == text) r->st = s->made;
    else {
        int rc = sqlite3_prepare_v3(db->h, text, -1, s ? SQLITE_PREPARE_PERSISTENT : 0, &r->st, NULL);
        if (rc != SQLITE_OK) return sqlite_said(cx, db, rc);
        if (s) {
            sqlite3_finalize(s->made);
            s->made = r->st;
            s->text = text;
        }
    }
    r->kept = s;
    if (s) s->busy = true;
    return ST_OK;
}
static void end(Rows *rows)
{
    SqliteRows *r = (SqliteRows *)rows;
    if (!r->kept) {
        sqlite3_finalize(r->st);
        return;
    }
    sqlite3_reset(r->st);
    sqlite3_clear_bindings(r->st);
    r->kept->busy = false;
}
static Status next(Rows *r)
{
    SqliteDb *db = db_of(r->db);
    int rc = sqlite3_step(st_of(r));
    if (rc == SQLITE_ROW) return ST_OK;
    r->ended = true;
    return rc == SQLITE_DONE ? ST_NOT_FOUND : sqlite_said(r->cx, db, rc);
}
static Status query(Cx *cx, Db *base, Sql sql, const Bind *b, size_t n, Rows **ret)
{
    SqliteDb *db = db_of(base);
    SqliteRows *r = ARENA_NEW(cx->arena, SqliteRows);
    if (!r) return fail(cx, ST_NO_MEM, "rows");
    TRY(prepare(cx, db, sql.sqlite, r));
    r->base.cx = cx;
    r->base.db = base;
    Status st = bind(cx, db, r->st, b, n);
    if (st == ST_OK) st = next(&r->base);
    if (st != ST_OK && st != ST_NOT_FOUND) {
        end(&r->base);
        return st;
    }
    r->base.has_row = st == ST_OK;
    r->changed = sqlite3_changes64(db->h);
    *ret = &r->base;
    return ST_OK;
}
static int64_t changed(const Rows *r) { return ((const SqliteRows *)r)->changed; }
static Status script(Cx *cx, Db *base, Str text)
{
    SqliteDb *db = db_of(base);
    const char *p = text.p, *end_of = text.p + text.n;
    while (p < end_of) {
        sqlite3_stmt *st = NULL;
        int rc = sqlite3_prepare_v2(db->h, p, (int)(end_of - p), &st, &p);
        if (rc == SQLITE_OK && !st) return ST_OK; /* only white space and comments were left */
        if (rc == SQLITE_OK && fault_hit(FAULT_DB)) rc = SQLITE_IOERR;
        if (rc == SQLITE_OK) while ((rc = sqlite3_step(st)) == SQLITE_ROW) {}
        Status said = rc == SQLITE_OK || rc == SQLITE_DONE ? ST_OK : sqlite_said(cx, db, rc);
        sqlite3_finalize(st);
        TRY(said);
    }
    return ST_OK;
}
Status sqlite_order(Cx *cx, SqliteDb *db, const char *text)
{
    SqliteRows r = { 0 };
    if (fault_hit(FAULT_DB)) return fail(cx, ST_IO, "%s: fault", text);
    TRY(prepare(cx, db, text, &r));
    int rc = sqlite3_step(r.st);
    Status st = rc == SQLITE_DONE ? ST_OK : sqlite_said(cx, db, rc);
    end(&r.base);
    return st;
}

static int64_t column_i64(Rows *r, int col) { return sqlite3_column_int64(st_of(r), col); }
static double column_real(Rows *r, int col) { return sqlite3_column_double(st_of(r), col); }
static bool column_null(Rows *r, int col) { return sqlite3_column_type(st_of(r), col) == SQLITE_NULL; }
/* .p NULL only for NULL: SQLite itself gives no pointer for an empty blob. */
static Str column_text(Rows *r, int col)
{
    if (column_null(r, col)) return (Str){ 0 };
    const char *p = (const char *)sqlite3_column_text(st_of(r), col);
    return (Str){ p ? p : "", (size_t)sqlite3_column_bytes(st_of(r), col) };
}
static Str column_bytes(Rows *r, int col)
{
    if (column_null(r, col)) return (Str){ 0 };
    const char *p = sqlite3_column_blob(st_of(r), col);
    return (Str){ p ? p : "", (size_t)sqlite3_column_bytes(st_of(r), col) };
}

static Status connect(Cx *cx, const RecordsConfig *config, bool writes, SqliteDb *db)
{
    int flags = (writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(config->sqlite, &db->h, flags, config->sqlite_vfs);
    if (!db->h) return fail(cx, ST_NO_MEM, "open %s", config->sqlite);
    if (rc != SQLITE_OK) return fail(cx, ST_IO, "open %s: %s", config->sqlite, sqlite3_errmsg(db->h));
    db->base.writes = writes;
    sqlite3_extended_result_codes(db->h, 1);
    sqlite3_busy_timeout(db->h, RECORDS_WAIT_MS);
    Str pragmas = writes ? S("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
                             "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
                         : S("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF");
    return script(cx, &db->base, pragmas);
}
/* A file system that cannot do WAL leaves another mode standing, without an error. */
static Status check_wal(Cx *cx, SqliteDb *db)
{
    SqliteRows r = { .base = { .cx = cx, .db = &db->base } };
    TRY(prepare(cx, db, "PRAGMA journal_mode", &r));
    Status st = next(&r.base);
    if (st == ST_OK && !str_is(column_text(&r.base, 0), "wal"))
        st = fail(cx, ST_IO, "this file system cannot hold SQLite's write-ahead log");
    end(&r.base);
    return st;
}
static void disconnect(SqliteDb *db)
{
    statement_drop_all(&db->statements, drop);
    sqlite3_close_v2(db->h);
}
static void sqlite_close(Records *base)
{
    Sqlite *s = (Sqlite *)base;
    sqlite_writer_stop(s->writer);
    for (int i = 0; i < s->n_readers; i++) disconnect(&s->reader[i]);
    disconnect(&s->writes);                       /* last, so that it may empty the write-ahead log */
    pool_stop(&s->pool);
    mem_free(s);
}
static Status connect_all(Cx *cx, const RecordsConfig *config, Sqlite *s)
{
    s->writes.base.records = &s->base;
    TRY(connect(cx, config, true, &s->writes));
    TRY(check_wal(cx, &s->writes));
    for (int i = 0; i < s->n_readers; i++) {
        s->reader[i].base.records = &s->base;
        TRY(connect(cx, config, false, &s->reader[i]));
        pool_give(&s->pool, &s->reader[i].base);
    }
    return sqlite_writer_start(cx, &s->writes, &s->writer);
}
Status sqlite_open(Cx *cx, const RecordsConfig *config, Records **ret)
{
    int n = config->readers ? config->readers : RECORDS_READERS;
    Sqlite *s = mem_get(sizeof *s + (size_t)n * sizeof(SqliteDb));
    if (!s) return fail(cx, ST_NO_MEM, "records");
    s->base.engine = &sqlite_engine;
    s->n_readers = n;
    pool_start(&s->pool);
    Status st = connect_all(cx, config, s);
    if (st == ST_OK) *ret = &s->base;
    else sqlite_close(&s->base);
    return st;
}
static Status lend(Cx *cx, Db **ret) { return pool_take(cx, &((Sqlite *)cx->records)->pool, ret); }
static void take_back(Db *db) { pool_give(&((Sqlite *)db->records)->pool, db); }

static const Word words[] = { { "BIGINT", "INTEGER" }, { "DOUBLE", "REAL" }, { "BYTES", "BLOB" }, { 0 } };
const Engine sqlite_engine = {
    .close = sqlite_close, .tx = sqlite_writer_run, .lend = lend, .take_back = take_back, .script = script,
    .query = query, .next = next, .end = end, .changed = changed, .i64 = column_i64, .real = column_real,
    .str = column_text, .bytes = column_bytes, .null = column_null, .words = words, .lock_first = "", .lock = "",
};
