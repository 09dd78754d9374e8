#include "domain/import/import.h"
#include <string.h>

enum { IMPORTS_MAX = 200 };
#define COLUMNS "id, source, name, hash, hashed, format, map, head, done, line, kept, rejected, changed"

static Status row(Rows *r, Import *m)
{
    *m = (Import){ .id = rows_i64(r, 0), .source = rows_i64(r, 1), .hashed = rows_i64(r, 4), .done = rows_i64(r, 8),
        .line = rows_i64(r, 9),
                   .kept = rows_i64(r, 10), .rejected = rows_i64(r, 11), .changed = rows_i64(r, 12) };
    Str hash = rows_bytes(r, 3);
    if (hash.n == 32) memcpy(m->hash, hash.p, 32);
    TRY(rows_keep(r, 2, &m->name));
    TRY(rows_keep(r, 5, &m->format));
    TRY(rows_keep(r, 6, &m->map));
    return rows_keep(r, 7, &m->head);
}
static Status many(Cx *cx, Rows *r, const Import **ret, size_t *ret_n)
{
    Import *all = ARENA_MANY(cx->arena, Import, IMPORTS_MAX);
    size_t n = 0;
    Status st = ST_OK;
    if (!all) return fail(cx, ST_NO_MEM, "import list");
    while (n < IMPORTS_MAX && (st = rows_next(r)) == ST_OK) TRY(row(r, &all[n++]));
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret = all;
    *ret_n = n;
    return ST_OK;
}
Status import_of_source(Cx *cx, int64_t source, const Import **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM import WHERE source = $1 ORDER BY id DESC LIMIT 200"),
        BINDS(b_i64(source)), &r));
    return many(cx, r, ret, ret_n);
}
Status import_list(Cx *cx, int64_t before, size_t limit, const Import **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM import WHERE id < $1 ORDER BY id DESC LIMIT $2"),
        BINDS(b_i64(before), b_i64((int64_t)limit)), &r));
    return many(cx, r, ret, ret_n);
}
Status import_get(Cx *cx, int64_t id, Import *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM import WHERE id = $1"), BINDS(b_i64(id)), &r));
    Status st = rows_next(r);
    if (st == ST_NOT_FOUND) return refuse(cx, ST_NOT_FOUND, S("id"), MSG_not_found, NO_PARAMS);
    TRY(st);
    return row(r, ret);
}
Status import_add(Cx *cx, const Import *m)
{
    return db_run(cx, SQL("INSERT INTO import(" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
                                                        "$12, $13)"),
                  BINDS(b_i64(m->id), b_i64(m->source), b_str(m->name), b_bytes((Str){ (const char *)m->hash, 32 }),
                      b_i64(m->hashed), b_str(m->format),
                        b_str(m->map), b_str(m->head), b_i64(m->done), b_i64(m->line), b_i64(m->kept),
                            b_i64(m->rejected), b_i64(cx->now)));
}
Status import_save(Cx *cx, const Import *m)
{
    return db_run(cx, SQL("UPDATE import SET hash = $2, hashed = $3, head = $4, done = $5, line = $6, kept = $7, "
                          "rejected = $8, changed = $9, format = $10, map = $11 WHERE id = $1"),
                  BINDS(b_i64(m->id), b_bytes((Str){ (const char *)m->hash, 32 }), b_i64(m->hashed), b_str(m->head),
                      b_i64(m->done), b_i64(m->line),
                        b_i64(m->kept), b_i64(m->rejected), b_i64(cx->now), b_str(m->format), b_str(m->map)));
}
