/* records_world: fresh, migrated records for a test, on either engine.
 *
 *     BOTH(a_name_is_kept) { cx->records ... }
 *
 * makes two tests, a_name_is_kept_on_sqlite and ..._on_postgres. LIUKE_TEST_DB=sqlite or postgres keeps one of
 * them. PostgreSQL needs LIUKE_TEST_PG, a conninfo whose user may create schemas; each test gets its own. */
#ifndef LIUKE_RECORDS_WORLD_H
#define LIUKE_RECORDS_WORLD_H
#include "tests/test.h"
#include "store/records/records.h"

typedef enum WorldEngine { WORLD_SQLITE, WORLD_POSTGRES } WorldEngine;

/* Where records of the current test are: a new file in a directory of its own, or a new schema. Opens nothing. */
RecordsConfig world_records_config(void);
/* Open them, and set cx->records. Freed by world_records_done(), or at the next test's call. */
Records *world_records(Cx *);
Records *world_records_on(Cx *, WorldEngine);
Cx   world_records_cx(const Cx *);                /* one more Cx on the same records; world_records_cx_done() it */
void world_records_cx_done(Cx *);
void world_records_done(Cx *);                    /* records_done, close, and drop the file or schema */
bool world_on_postgres(void);
/* BOTH's own: is the engine wanted; run on it, or skip where it is not there. */
bool world_records_wanted(WorldEngine);
void world_records_run(Cx *, WorldEngine, void (*body)(Cx *));

/* Both engines; the body gets a Cx with cx->records open. */
#define BOTH(id) \
    static void id(Cx *cx); \
    static void id##_sqlite(Cx *cx) { world_records_run(cx, WORLD_SQLITE, id); } \
    static void id##_postgres(Cx *cx) { world_records_run(cx, WORLD_POSTGRES, id); } \
    __attribute__((constructor)) static void id##_add(void) \
    { \
        if (world_records_wanted(WORLD_SQLITE)) test_add(#id "_on_sqlite", id##_sqlite); \
        if (world_records_wanted(WORLD_POSTGRES)) test_add(#id "_on_postgres", id##_postgres); \
    } \
    static void id(Cx *cx)
#endif
