/* sqlite: records in one file: one writer, a few readers that it never waits for.
 *
 * WAL, synchronous FULL, foreign keys on. sqlite.c holds connections and statements, sqlite_writer.c the thread
 * that runs and commits. Private to this folder. */
#ifndef LIUKE_SQLITE_H
#define LIUKE_SQLITE_H
#include <sqlite3.h>
#include "store/records/engine.h"
#include "store/records/pool.h"
#include "store/records/statement.h"

typedef struct SqliteDb { Db base; sqlite3 *h; Statements statements; } SqliteDb;
typedef struct SqliteWriter SqliteWriter;
typedef struct Sqlite {
    Records       base;
    Pool          pool;
    SqliteDb      writes;
    SqliteWriter *writer;
    int           n_readers;
    SqliteDb      reader[];
} Sqlite;

extern const Engine sqlite_engine;
Status sqlite_open(Cx *, const RecordsConfig *, Records **ret) MUST_USE;
Status sqlite_said(Cx *, const SqliteDb *, int rc);       /* the Status of a result code, with why */
/* One of the transaction's own statements, with the statement fault. */
Status sqlite_order(Cx *, SqliteDb *, const char *text) MUST_USE;

Status sqlite_writer_start(Cx *, SqliteDb *, SqliteWriter **ret) MUST_USE;
void   sqlite_writer_stop(SqliteWriter *);                /* after what is waiting; NULL is fine */
Status sqlite_writer_run(Cx *, TxFn *, void *arg) MUST_USE;
#endif
