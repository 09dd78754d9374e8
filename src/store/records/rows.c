#include "store/records/engine.h"
#include "base/fault.h"

static Status query(Cx *cx, Sql sql, const Bind *b, size_t n, Rows **ret)
{
    if (fault_hit(FAULT_DB)) return fail(cx, ST_IO, "statement: fault");
    TRY(cx->db->records->engine->query(cx, cx->db, sql, b, n, ret));
    Rows *r = *ret;
    r->cx = cx;
    r->db = cx->db;
    r->next = cx->db->open;
    cx->db->open = r;
    return ST_OK;
}
/* PostgreSQL refuses every statement after one that failed; here both do, so that no TxFn works on one engine only. */
static Status noted(Rows *r, Status st)
{
    if (st != ST_OK && st != ST_NOT_FOUND && !r->db->broken) r->db->broken = st;
    return st;
}
Status rows_open(Cx *cx, Sql sql, const Bind *b, size_t n, Rows **ret)
{
    Rows *r;
    if (!cx->db && !cx->records) return fail(cx, ST_BUG, "a query without records");
    if (!cx->db) TRY(cx->records->engine->lend(cx, &cx->db));
    Db *db = cx->db;
    if (db->writes && db->broken) return fail(cx, db->broken, "an earlier statement of this transaction failed");
    Status st = query(cx, sql, b, n, &r);
    if (st == ST_OK) *ret = r;
    else if (!db->broken) db->broken = st;
    return st;
}
Status rows_next(Rows *r)
{
    if (r->has_row) {
        r->has_row = false;
        return ST_OK;
    }
    if (r->ended) return ST_NOT_FOUND;
    if (fault_hit(FAULT_DB)) return noted(r, fail(r->cx, ST_IO, "next row: fault"));
    return noted(r, r->db->records->engine->next(r));
}
void rows_done(Rows **rows)
{
    Rows *r = *rows;
    *rows = NULL;
    if (!r || !r->db) return;                     /* the transaction or the Cx ended before it */
    for (Rows **at = &r->db->open; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    r->db->records->engine->end(r);
    r->db = NULL;
}
void rows_end_all(Db *db)
{
    while (db->open) {
        Rows *r = db->open;
        rows_done(&r);
    }
}
int64_t rows_i64(Rows *r, int col) { return r->db->records->engine->i64(r, col); }
double  rows_double(Rows *r, int col) { return r->db->records->engine->real(r, col); }
Str     rows_str(Rows *r, int col) { return r->db->records->engine->str(r, col); }
Str     rows_bytes(Rows *r, int col) { return r->db->records->engine->bytes(r, col); }
bool    rows_null(Rows *r, int col) { return r->db->records->engine->null(r, col); }
Status rows_keep(Rows *r, int col, Str *ret)
{
    if (rows_null(r, col)) {
        *ret = (Str){ 0 };
        return ST_OK;
    }
    Str copy = arena_str(r->cx->arena, rows_bytes(r, col));
    if (!copy.p) return fail(r->cx, ST_NO_MEM, "keep column %d", col);
    *ret = copy;
    return ST_OK;
}
