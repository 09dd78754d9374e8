/* records: SQL records, one text for two engines (SQLite, PostgreSQL). Callers cannot tell which.
 *
 * Parameters are $1..$n, bound by name. A write that must hold together is a TxFn given to
 * tx_run(); everything else reads, on a read-only connection that the Cx takes at its first
 * query and gives back in records_done(). Only the owner noun names its tables.
 *
 * SQLite: WAL, synchronous FULL, one writer thread that runs TxFns under a savepoint each and commits
 * them in groups (TX_GROUP_MAX functions or TX_GROUP_WAIT_US); callers are answered after COMMIT.
 * PostgreSQL: a pool, SERIALIZABLE, run again on 40001 and 40P01.
 * Each statement outside tx_run() sees the newest state, but not while other Rows of the same Cx are open.
 * A NULL takes its type from the context: not "$1 IS NULL" alone. -0.0 may come back as 0.0.
 * Memory: what rows_*() return lives until the next rows_next() unless copied; rows_keep() copies. */
#ifndef LIUKE_RECORDS_H
#define LIUKE_RECORDS_H
#include "base/arena.h"

typedef struct RecordsConfig {
    const char *sqlite;          /* path of the database file, or NULL */
    const char *sqlite_vfs;      /* NULL: the default; the crash ring names its own */
    const char *postgres;        /* libpq conninfo; set: PostgreSQL is used */
    int         readers;         /* read-only connections; 0: 4 */
} RecordsConfig;

/* Open, and bring the schema up to date (numbered, checksummed, each in a transaction). INVALID with a text
 * for the operator when the data was written by a newer version or a migration's text has changed. */
Status records_open(Cx *, const RecordsConfig *, Records **ret) MUST_USE;
void   records_close(Records *);                 /* NULL is fine; waits for the writer */
void   records_done(Cx *);                       /* give back what the Cx still holds; at its end */
bool   records_is_postgres(const Records *);     /* for doctor and tests only */
Status records_version(Cx *, int *ret) MUST_USE; /* number of the newest migration applied */

typedef struct Sql { const char *sqlite, *postgres; } Sql;
#define SQL(lit) ((Sql){ "" lit "", "" lit "" })  /* a literal or it does not compile */

typedef enum BindKind { B_NULL, B_I64, B_DOUBLE, B_STR, B_BYTES } BindKind;
typedef struct Bind { BindKind kind; int64_t i; double d; Str s; } Bind;
static inline Bind b_null(void)       { return (Bind){ .kind = B_NULL }; }
static inline Bind b_i64(int64_t v)   { return (Bind){ .kind = B_I64, .i = v }; }
static inline Bind b_double(double v) { return (Bind){ .kind = B_DOUBLE, .d = v }; }
static inline Bind b_str(Str v)       { return (Bind){ .kind = B_STR, .s = v }; }      /* text: valid UTF-8, no NUL */
static inline Bind b_bytes(Str v)     { return (Bind){ .kind = B_BYTES, .s = v }; }    /* BLOB / BYTEA */
#define BINDS(...) LIST(Bind, __VA_ARGS__)
#define NO_BINDS NULL, 0

/* Run a statement that returns no rows; only inside a TxFn. CONFLICT: a unique, foreign key or CHECK constraint
 * said no. BUG: a NOT NULL column, a wrong type, SQL that is not. */
Status db_run(Cx *, Sql, const Bind *, size_t) MUST_USE;
Status db_run_count(Cx *, Sql, const Bind *, size_t, int64_t *ret_rows) MUST_USE;   /* rows changed */

typedef struct Rows Rows;
Status  rows_open(Cx *, Sql, const Bind *, size_t, Rows **ret) MUST_USE;
Status  rows_next(Rows *) MUST_USE;              /* OK: a row; NOT_FOUND: no more */
int64_t rows_i64(Rows *, int col);               /* NULL: 0 */
double  rows_double(Rows *, int col);
Str     rows_str(Rows *, int col);               /* NULL: .p == NULL */
Str     rows_bytes(Rows *, int col);
bool    rows_null(Rows *, int col);
Status  rows_keep(Rows *, int col, Str *ret) MUST_USE;   /* rows_str or rows_bytes, copied into the arena */
void    rows_done(Rows **);
#define AUTO_ROWS AUTO(rows_done) Rows *
/* The one number of a one-row answer; NOT_FOUND without a row. */
Status  db_i64(Cx *, Sql, const Bind *, size_t, int64_t *ret) MUST_USE;

/* The work of one transaction: SQL and arithmetic only; no hashing, network, file or wait. It may be run
 * again from the start after everything it did was rolled back, so it touches only arg, arena and transaction. */
typedef Status TxFn(Cx *, void *arg);
/* Run fn and commit; any Status but OK rolls back and is returned. fn is run again while it or the engine says
 * BUSY, TX_RUNS_MAX times at most. BUSY also when COMMIT fails: nothing is written, the caller may try again.
 * After a statement failed every later one of the transaction fails: to meet a unique key on purpose, write
 * ON CONFLICT and look at db_run_count(). IO "unknown": PostgreSQL was lost during COMMIT.
 * BUG: inside another tx_run(); fn said OK although a statement had failed. */
Status tx_run(Cx *, TxFn *, void *arg) MUST_USE;
#endif
