/* migrate: bring the schema up to date. Private to this folder.
 *
 * sql/NNNN_name.sql, numbered from 1 without gaps, applied in order, each in a transaction with its row in
 * schema_migration. Forward only: a file that has been released is never changed (its checksum is kept).
 * Files are written once for both engines; whole words outside quotes and comments are replaced:
 *
 *     BIGINT  INTEGER        BIGINT               so that a BIGINT PRIMARY KEY is SQLite's own row id
 *     DOUBLE  REAL           DOUBLE PRECISION
 *     BYTES   BLOB           BYTEA
 *     TEXT    TEXT           TEXT COLLATE "C"     text sorts by its bytes on both
 *     STRICT  STRICT         (nothing)            after every table's closing parenthesis
 *
 * Tables: schema_migration. */
#ifndef LIUKE_MIGRATE_H
#define LIUKE_MIGRATE_H
#include "store/records/engine.h"

extern const Migration migrate_list[];            /* made from sql/ by tools/embed.sh */
extern const size_t    migrate_list_n;

/* INVALID records_newer or records_changed when what was applied is not the beginning of the list. */
Status migrate_run(Cx *, const Migration *, size_t) MUST_USE;
/* The text with the engine's words, in the arena. */
Status migrate_text(Cx *, Str text, const Word *, Str *ret) MUST_USE;
#endif
