#include "store/records/engine.h"
#include "base/fault.h"

Status db_run_count(Cx *cx, Sql sql, const Bind *b, size_t n, int64_t *ret)
{
    AUTO_ROWS r = NULL;
    if (!cx->db || !cx->db->writes) return fail(cx, ST_BUG, "a write outside tx_run");
    TRY(rows_open(cx, sql, b, n, &r));
    if (!r->ended) return fail(cx, ST_BUG, "a statement that was to return no rows returned some");
    *ret = r->db->records->engine->changed(r);
    return ST_OK;
}
Status db_run(Cx *cx, Sql sql, const Bind *b, size_t n)
{
    int64_t changed;
    return db_run_count(cx, sql, b, n, &changed);
}
Status db_i64(Cx *cx, Sql sql, const Bind *b, size_t n, int64_t *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, sql, b, n, &r));
    Status st = rows_next(r);
    if (st == ST_NOT_FOUND) return fail(cx, st, "no row: %.150s", sql.sqlite);
    if (st != ST_OK) return st;
    *ret = rows_i64(r, 0);
    return ST_OK;
}
Status db_script(Cx *cx, Str text)
{
    Db *db = cx->db;
    Status st = fault_hit(FAULT_DB) ? fail(cx, ST_IO, "script: fault")
              : db->records->engine->script(cx, db, text);
    if (st != ST_OK && !db->broken) db->broken = st;
    return st;
}
