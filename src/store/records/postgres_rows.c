#include "store/records/postgres.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Answers come as text: a sum() is NUMERIC, whose binary form is a bother. Parameters go as binary of a type
 * that is said, so that nothing is guessed from the context. */
enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25, OID_FLOAT8 = 701 };

typedef struct Prepared { char name[24]; size_t n; Oid types[]; } Prepared;
typedef struct Bytes { char *p; int n; } Bytes;    /* room for the longest value of a bytea column, and this row's */
typedef struct PgRows { Rows base; PGresult *res; int at; Bytes *decoded; } PgRows;
typedef struct Params { const char **value; int *length, *format; Oid *type; } Params;

static PgRows *of(Rows *r) { return (PgRows *)r; }

void postgres_forget(PostgresDb *db) { statement_drop_all(&db->statements, mem_free); }
static void big_endian(uint64_t v, unsigned char to[8])
{
    for (int i = 0; i < 8; i++) to[i] = (unsigned char)(v >> (56 - 8 * i));
}
static Status params(Cx *cx, const Bind *b, size_t n, Params *ret)
{
    static const Oid oid[] = { [B_NULL] = 0, [B_I64] = OID_INT8, [B_DOUBLE] = OID_FLOAT8,
                               [B_STR] = OID_TEXT, [B_BYTES] = OID_BYTEA };
    unsigned char (*room)[8] = arena_get(cx->arena, n * 8);
    ret->value = ARENA_MANY(cx->arena, const char *, n);
    ret->length = ARENA_MANY(cx->arena, int, n);
    ret->format = ARENA_MANY(cx->arena, int, n);
    ret->type = ARENA_MANY(cx->arena, Oid, n);
    if (!room || !ret->value || !ret->length || !ret->format || !ret->type) return fail(cx, ST_NO_MEM, "parameters");
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = (uint64_t)b[i].i;
        bool number = b[i].kind == B_I64 || b[i].kind == B_DOUBLE;
        if (b[i].kind == B_DOUBLE) memcpy(&bits, &b[i].d, 8);
        if (b[i].s.n > INT32_MAX) return fail(cx, ST_BUG, "parameter $%zu is too long", i + 1);
        big_endian(bits, room[i]);
        ret->type[i] = oid[b[i].kind];
        ret->format[i] = 1;
        ret->length[i] = number ? 8 : (int)b[i].s.n;
        ret->value[i] = b[i].kind == B_NULL ? NULL : number ? (const char *)room[i] : b[i].s.p ? b[i].s.p : "";
    }
    return ST_OK;
}
/* A NULL fits any type; once another kind was seen, its type stays. */
static bool fits(const Prepared *p, const Oid *types, size_t n)
{
    if (p->n != n) return false;
    for (size_t i = 0; i < n; i++) if (types[i] && types[i] != p->types[i]) return false;
    return true;
}
static Status put_away(Cx *cx, PostgresDb *db, Statement *s)
{
    char text[64];
    Prepared *old = s->made;
    if (!old) return ST_OK;
    snprintf(text, sizeof text, "DEALLOCATE %s", old->name);
    s->text = s->made = NULL;
    mem_free(old);
    return postgres_said(cx, db, PQexec(db->conn, text));
}
static Status prepare(Cx *cx, PostgresDb *db, const char *text, const Oid *types, size_t n, const Prepared **ret)
{
    Statement *s = statement_find(&db->statements, text);
    Prepared *old = s->text == text ? s->made : NULL;
    if (old && fits(old, types, n)) {
        *ret = old;
        return ST_OK;
    }
    Prepared *p = mem_get(sizeof *p + n * sizeof *p->types);
    if (!p) return fail(cx, ST_NO_MEM, "statement");
    p->n = n;
    for (size_t i = 0; i < n; i++) p->types[i] = types[i] || !old || old->n != n ? types[i] : old->types[i];
    snprintf(p->name, sizeof p->name, "s%llu", (unsigned long long)++db->named);
    Status st = put_away(cx, db, s);
    if (st == ST_OK) st = postgres_said(cx, db, PQprepare(db->conn, p->name, text, (int)n, p->types));
    if (st != ST_OK) {
        mem_free(p);
        return st;
    }
    s->text = text;
    s->made = p;
    *ret = p;
    return ST_OK;
}
static Status run(Cx *cx, PostgresDb *db, const char *text, const Params *p, size_t n, PGresult **ret)
{
    const Prepared *made;
    TRY(prepare(cx, db, text, p->type, n, &made));
    PGresult *res = PQexecPrepared(db->conn, made->name, (int)n, p->value, p->length, p->format, 0);
    ExecStatusType kind = PQresultStatus(res);
    if (kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK) return postgres_said(cx, db, res);
    *ret = res;
    return ST_OK;
}
/* Room for bytea now, when there is still somebody to tell that there is none. */
static Status make_room(Cx *cx, PgRows *r)
{
    int cols = PQnfields(r->res), rows = PQntuples(r->res);
    r->decoded = ARENA_MANY(cx->arena, Bytes, (size_t)cols);
    if (!r->decoded) return fail(cx, ST_NO_MEM, "rows");
    for (int c = 0; c < cols; c++) {
        int longest = 0;
        if (PQftype(r->res, c) != OID_BYTEA) continue;
        for (int i = 0; i < rows; i++)
            if (PQgetlength(r->res, i, c) > longest) longest = PQgetlength(r->res, i, c);
        if (!(r->decoded[c].p = arena_raw(cx->arena, (size_t)longest / 2 + 1))) return fail(cx, ST_NO_MEM, "bytes");
    }
    return ST_OK;
}
static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }
static void decode(const char *hex, int n, Bytes *to)
{
    to->n = 0;
    for (int i = 2; i + 1 < n; i += 2) to->p[to->n++] = (char)(digit(hex[i]) << 4 | digit(hex[i + 1]));   /* after \x */
}
Status postgres_next(Rows *rows)
{
    PgRows *r = of(rows);
    if (++r->at >= PQntuples(r->res)) {
        rows->ended = true;
        return ST_NOT_FOUND;
    }
    for (int c = 0; c < PQnfields(r->res); c++)
        if (r->decoded[c].p) decode(PQgetvalue(r->res, r->at, c), PQgetlength(r->res, r->at, c), &r->decoded[c]);
    return ST_OK;
}
Status postgres_query(Cx *cx, Db *base, Sql sql, const Bind *b, size_t n, Rows **ret)
{
    PostgresDb *db = (PostgresDb *)base;
    Params p;
    PgRows *r = ARENA_NEW(cx->arena, PgRows);
    if (!r) return fail(cx, ST_NO_MEM, "rows");
    TRY(params(cx, b, n, &p));
    Status st = run(cx, db, sql.postgres, &p, n, &r->res);
    if (st == ST_BUSY && !base->writes) {         /* a read may be asked again, on a new connection if need be */
        TRY(postgres_connect(cx, db));
        st = run(cx, db, sql.postgres, &p, n, &r->res);
    }
    if (st != ST_OK) return st;
    st = make_room(cx, r);
    if (st != ST_OK) {
        PQclear(r->res);
        return st;
    }
    r->at = -1;
    r->base.has_row = postgres_next(&r->base) == ST_OK;
    *ret = &r->base;
    return ST_OK;
}
void postgres_end(Rows *r) { PQclear(of(r)->res); }
int64_t postgres_changed(const Rows *r)
{
    int64_t n = 0;
    (void)str_i64(str_z(PQcmdTuples(((const PgRows *)r)->res)), &n);
    return n;
}
static const char *value(Rows *rows, int col) { return PQgetvalue(of(rows)->res, of(rows)->at, col); }
bool postgres_null(Rows *rows, int col) { return PQgetisnull(of(rows)->res, of(rows)->at, col); }
int64_t postgres_i64(Rows *r, int col)
{
    int64_t n = 0;
    if (PQftype(of(r)->res, col) == OID_BOOL) return *value(r, col) == 't';
    Str text = str_z(value(r, col));
    (void)str_i64(str_cut(&text, '.'), &n);       /* NUMERIC: as SQLite, what is before the point */
    return n;
}
double postgres_double(Rows *r, int col) { return strtod(value(r, col), NULL); }
Str postgres_str(Rows *r, int col)
{
    if (postgres_null(r, col)) return (Str){ 0 };
    return (Str){ value(r, col), (size_t)PQgetlength(of(r)->res, of(r)->at, col) };
}
Str postgres_bytes(Rows *r, int col)
{
    const Bytes *d = &of(r)->decoded[col];
    if (!d->p || postgres_null(r, col)) return postgres_str(r, col);
    return (Str){ d->p, (size_t)d->n };
}
