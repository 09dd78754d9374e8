#include "store/records/setting.h"

Status setting_get(Cx *cx, Str name, Str *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT value FROM setting WHERE name = $1"), BINDS(b_str(name)), &r));
    Status st = rows_next(r);
    if (st == ST_NOT_FOUND) return fail(cx, st, "setting %.*s", (int)name.n, name.p);
    if (st != ST_OK) return st;
    return rows_keep(r, 0, ret);
}
Status setting_put(Cx *cx, Str name, Str value)
{
    return db_run(cx, SQL("INSERT INTO setting(name, value) VALUES ($1, $2) "
                          "ON CONFLICT(name) DO UPDATE SET value = excluded.value"), BINDS(b_str(name), b_str(value)));
}
Status setting_drop(Cx *cx, Str name)
{
    return db_run(cx, SQL("DELETE FROM setting WHERE name = $1"), BINDS(b_str(name)));
}
