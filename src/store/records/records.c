#include "store/records/records.h"
#include "store/records/engine.h"
#include "store/records/migrate.h"
#include "store/records/postgres.h"
#include "store/records/sqlite.h"

Status records_open_with(Cx *cx, const RecordsConfig *config, const Migration *list, size_t n, Records **ret)
{
    Records *before = cx->records, *r = NULL;
    if (config->postgres) TRY(postgres_open(cx, config, &r));
    else if (config->sqlite) TRY(sqlite_open(cx, config, &r));
    else return fail(cx, ST_BUG, "records: neither SQLite nor PostgreSQL named");
    cx->records = r;
    Status st = migrate_run(cx, list, n);
    cx->records = before;
    if (st == ST_OK) *ret = r;
    else records_close(r);
    return st;
}
Status records_open(Cx *cx, const RecordsConfig *config, Records **ret)
{
    return records_open_with(cx, config, migrate_list, migrate_list_n, ret);
}
void records_close(Records *r) { if (r) r->engine->close(r); }
bool records_is_postgres(const Records *r) { return r->engine == &postgres_engine; }
void records_done(Cx *cx)
{
    Db *db = cx->db;
    if (!db || db->writes) return;                /* inside a transaction there is nothing to give back */
    cx->db = NULL;
    rows_end_all(db);
    db->records->engine->take_back(db);
}
Status records_version(Cx *cx, int *ret)
{
    int64_t n;
    TRY(db_i64(cx, SQL("SELECT coalesce(max(number), 0) FROM schema_migration"), NO_BINDS, &n));
    *ret = (int)n;
    return ST_OK;
}
