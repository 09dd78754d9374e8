/* engine: what SQLite and PostgreSQL each bring to records. Private to this folder.
 *
 * records.c, rows.c, db.c and tx.c hold what is the same for both: who may write, what a failed
 * statement means for its transaction, faults, and the lending of read-only connections. */
#ifndef LIUKE_ENGINE_H
#define LIUKE_ENGINE_H
#include "store/records/records.h"

typedef struct Word { const char *word, *means; } Word;   /* {0} ends a list */
typedef struct Engine {
    void    (*close)(Records *);
    Status  (*tx)(Cx *, TxFn *, void *arg);
    Status  (*lend)(Cx *, Db **ret);              /* a read-only connection; BUSY after RECORDS_WAIT_MS */
    void    (*take_back)(Db *);
    Status  (*script)(Cx *, Db *, Str text);      /* statements separated by ; without parameters */
    /* Run the statement and have its first row ready, or *ret ended. On failure nothing stays open. */
    Status  (*query)(Cx *, Db *, Sql, const Bind *, size_t, Rows **ret);
    Status  (*next)(Rows *);                      /* as rows_next() */
    void    (*end)(Rows *);
    int64_t (*changed)(const Rows *);             /* rows the statement changed; before end() */
    int64_t (*i64)(Rows *, int col);
    double  (*real)(Rows *, int col);
    Str     (*str)(Rows *, int col);
    Str     (*bytes)(Rows *, int col);
    bool    (*null)(Rows *, int col);
    const Word *words;                            /* what migrations' words mean here */
    const char *lock_first, *lock;                /* scripts that keep other nodes from migrating: before and after
                                                   * schema_migration exists; "" for none */
} Engine;

struct Records { const Engine *engine; };
struct Db {
    Records *records;
    Db      *next;                                /* in a pool */
    Rows    *open;                                /* what must be ended before the connection is reused */
    bool     writes;
    Status   broken;                              /* what the first failed statement of this run said */
};
struct Rows { Cx *cx; Db *db; Rows *next; bool has_row, ended; };   /* has_row: fetched, not yet handed out */

typedef struct Migration { int number; const char *name; Str text; } Migration;
/* As records_open(), with another list of migrations, for tests. */
Status records_open_with(Cx *, const RecordsConfig *, const Migration *, size_t, Records **ret) MUST_USE;
void   rows_end_all(Db *);
Status db_script(Cx *, Str text) MUST_USE;        /* only inside a TxFn */
/* Run fn once on this connection; the engine then commits (OK) or rolls back. cx->db is as before after it.
 * BUSY asks for another run. */
Status tx_call(Cx *, Db *, TxFn *, void *arg) MUST_USE;
void   tx_committed(void);                        /* counts a COMMIT */
#endif
