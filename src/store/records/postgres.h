/* postgres: records on a server that several nodes share, through libpq.
 *
 * As many connections that read (read-only by default, a transaction a statement) as connections that write
 * (SERIALIZABLE), made when first needed and again when lost. Private to this folder. */
#ifndef LIUKE_POSTGRES_H
#define LIUKE_POSTGRES_H
#include <libpq-fe.h>
#include "store/records/engine.h"
#include "store/records/pool.h"
#include "store/records/statement.h"

typedef struct PostgresDb {
    Db         base;
    PGconn    *conn;                              /* NULL: not connected yet */
    Statements statements;
    uint64_t   named;                             /* the last prepared statement's number */
    bool       hopeless;                          /* BUSY, but running the function again now would not help */
} PostgresDb;
typedef struct Postgres {
    Records     base;
    char       *conninfo;
    Pool        readers, writers;
    int         n;
    PostgresDb *db;                               /* n that read, then n that write */
} Postgres;

extern const Engine postgres_engine;
Status postgres_open(Cx *, const RecordsConfig *, Records **ret) MUST_USE;
/* Connected, after it may have been lost; BUSY when the server cannot be reached. */
Status postgres_connect(Cx *, PostgresDb *) MUST_USE;
/* The Status of a result, with why; clears it. OK for a command or rows. NULL: the connection broke. */
Status postgres_said(Cx *, PostgresDb *, PGresult *);
Status postgres_tx(Cx *, TxFn *, void *arg) MUST_USE;

Status  postgres_query(Cx *, Db *, Sql, const Bind *, size_t, Rows **ret) MUST_USE;
Status  postgres_next(Rows *) MUST_USE;
void    postgres_end(Rows *);
int64_t postgres_changed(const Rows *);
int64_t postgres_i64(Rows *, int col);
double  postgres_double(Rows *, int col);
Str     postgres_str(Rows *, int col);
Str     postgres_bytes(Rows *, int col);
bool    postgres_null(Rows *, int col);
void    postgres_forget(PostgresDb *);            /* what was prepared on a connection that is gone */
#endif
