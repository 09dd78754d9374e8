/* import: rows of a file (CSV, columns, NDJSON, access log) become durable events, each once.
 *
 * A row's message key is made of the file's hash and the row's offset, so a piece read again after a crash adds
 * nothing; two equal
 * rows are two events. A piece is journalled after its events are durable.
 *
 * The map says what columns mean: "time=timestamp,event=eventType,user=personId". Targets: time, event, user,
 * anon, message, prop.NAME. A row with a message id that its source has had is a repeat. A
 * value in single quotes is a constant (event='purchase'). Columns that no target names become properties of their
 * own name, unless
 * the map ends in "props=none". A time is epoch seconds or ms, ISO 8601 with or without zone, YYYYMMDD, or an
 * access log's. */
#ifndef LIUKE_FLOW_IMPORT_H
#define LIUKE_FLOW_IMPORT_H
#include "domain/import/import.h"
#include "domain/source/source.h"
#include "flow/ingest.h"

typedef struct ImportSpec {
    Str  source;                 /* name; made when missing */
    Str  name;                   /* of the file */
    Str  format;                 /* "csv", "columns" (separated by white space), "ndjson", "access" */
    Str  map;
    Str  columns;                /* comma separated names, for a file without a head; empty: its first row */
    Str  first;                  /* the file's first bytes: IMPORT_FIRST_BYTES or all */
    bool as_new;
} ImportSpec;
/* zone: of times without one */
typedef struct ImportDeps { Events *events; const Keys *keys; const Zone *zone; struct Imports *imports; } ImportDeps;

/* Files being read now: what was taken in of them and is not durable yet. */
typedef struct Imports Imports;
Status import_sessions_new(Cx *, Events *, Imports **ret) MUST_USE;
void   import_sessions_free(Imports *);                  /* before events_close(); NULL is fine */
/* One step: stores what nobody went on with for some seconds. NOT_FOUND: nothing to do. */
Status import_sessions_step(Cx *, Imports *) MUST_USE;

/* Known or new: ret->done is where to go on. INVALID "map" or "format"; CONFLICT "file" import_changed. */
Status flow_import_begin(Cx *, const ImportDeps *, const ImportSpec *, Import *ret) MUST_USE;

enum { IMPORT_RAW_BYTES = 2000 };                /* of a rejected row that are told */
/* raw: a slice of the piece */
typedef struct ImportReject { int64_t line, at; Msg code; Str field, message, raw; } ImportReject;
typedef struct ImportResult {
    Import  import;              /* with this piece */
    int64_t durable;             /* bytes of the file that are stored; the rest is when the last piece is */
    size_t  kept, repeated;
    const ImportReject *rejects; size_t n_rejects;
} ImportResult;
/* The piece of the file that starts at import.done; last: nothing follows. Whole rows are taken, the rest comes
 * again with the next piece: also what follows when more rows are rejected than one reply can tell. CONFLICT "at"
 * when it is not where the import stands (somebody else goes on with it). */
Status flow_import_rows(Cx *, const ImportDeps *, int64_t id, int64_t at, Str piece, bool last,
    ImportResult *ret) MUST_USE;
#endif
