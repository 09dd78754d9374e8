#include "domain/audience/audience_saved.h"
#include "base/arena.h"
#include "base/limits.h"
#include "domain/audience/audience_in.h"
#include <string.h>

const char *const audience_sorts[] = { "live", "frozen", NULL };
#define COLUMNS "id, name, kind, expression, version, created, changed, members, counted"

static Bind actor_bind(const Hash128 *a) { return b_bytes((Str){ (const char *)a, sizeof *a }); }

/* ---- rows ---- */

static Status row(Rows *r, AudienceSaved *a)
{
    *a = (AudienceSaved){ .id = rows_i64(r, 0), .kind = (AudienceSort)rows_i64(r, 2), .version = rows_i64(r, 4),
        .created = rows_i64(r, 5), .changed = rows_i64(r, 6), .members = rows_i64(r, 7), .counted = rows_i64(r, 8) };
    TRY(rows_keep(r, 1, &a->name));
    return rows_keep(r, 3, &a->expression);
}
static Status one(Rows *r, AudienceSaved *ret)
{
    AudienceSaved a;
    TRY(rows_next(r));
    TRY(row(r, &a));
    *ret = a;
    return ST_OK;
}
static Status many(Cx *cx, Rows *r, size_t limit, const AudienceSaved **ret, size_t *ret_n)
{
    AudienceSaved *all = ARENA_MANY(cx->arena, AudienceSaved, limit + 1);
    size_t n = 0;
    Status st = ST_OK;
    if (!all) return fail(cx, ST_NO_MEM, "segments");
    while (n < limit && (st = rows_next(r)) == ST_OK) TRY(row(r, &all[n++]));
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret = all;
    *ret_n = n;
    return ST_OK;
}
static Status not_found(Cx *cx) { return refuse(cx, ST_NOT_FOUND, S("id"), MSG_segment_unknown, NO_PARAMS); }
Status audience_get(Cx *cx, int64_t id, AudienceSaved *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM audience WHERE id = $1"), BINDS(b_i64(id)), &r));
    Status st = one(r, ret);
    return st == ST_NOT_FOUND ? not_found(cx) : st;
}
Status audience_list(Cx *cx, int64_t before, size_t limit, const AudienceSaved **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM audience WHERE id < $1 ORDER BY id DESC LIMIT $2"),
        BINDS(b_i64(before), b_i64((int64_t)limit)), &r));
    return many(cx, r, limit, ret, ret_n);
}
Status audience_live(Cx *cx, const AudienceSaved **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM audience WHERE kind = 1 ORDER BY id LIMIT $1"),
        BINDS(b_i64(AUDIENCES_MAX)), &r));
    return many(cx, r, AUDIENCES_MAX, ret, ret_n);
}
Status audience_due(Cx *cx, int64_t before, AudienceSaved *ret)
{
    AUTO_ROWS r = NULL;
    TRY(rows_open(cx, SQL("SELECT " COLUMNS " FROM audience WHERE counted = 0 OR (kind = 1 AND counted < $1) "
                          "ORDER BY counted, id LIMIT 1"), BINDS(b_i64(before)), &r));
    return one(r, ret);
}

/* ---- changes ---- */

/* Both of two edits at once may have seen no cycle; the transactions, one after the other, see it. */
static Status uses_add(Cx *cx, const AudienceDraft *d)
{
    int64_t n;
    for (size_t i = 0; i < d->n_names; i++)
        TRY(db_run(cx, SQL("INSERT INTO audience_use(audience, uses) VALUES ($1, $2)"),
            BINDS(b_i64(d->id), b_i64(d->names[i]))));
    TRY(db_i64(cx, SQL("WITH RECURSIVE reach(id) AS (SELECT uses FROM audience_use WHERE audience = $1 UNION "
                       "SELECT u.uses FROM audience_use u JOIN reach r ON u.audience = r.id) "
                       "SELECT count(*) FROM reach WHERE id = $1"), BINDS(b_i64(d->id)), &n));
    if (n == 0) return ST_OK;
    return refuse(cx, ST_CONFLICT, S("expression"), MSG_segment_cycle,
        PARAMS({ .name = "name", .text = d->name }));
}
static Status name_free(Cx *cx, const AudienceDraft *d)
{
    int64_t n;
    TRY(db_i64(cx, SQL("SELECT count(*) FROM audience WHERE name = $1 AND id <> $2"),
        BINDS(b_str(d->name), b_i64(d->id)), &n));
    return n ? refuse(cx, ST_CONFLICT, S("name"), MSG_segment_taken, NO_PARAMS) : ST_OK;
}
Status audience_add(Cx *cx, const AudienceDraft *d)
{
    int64_t n;
    TRY(db_i64(cx, SQL("SELECT count(*) FROM audience"), NO_BINDS, &n));
    if (n >= AUDIENCES_MAX)
        return refuse(cx, ST_LIMITED, S("name"), MSG_too_many, PARAMS({ .name = "max", .value = AUDIENCES_MAX }));
    TRY(name_free(cx, d));
    TRY(db_run(cx, SQL("INSERT INTO audience(" COLUMNS ") VALUES ($1, $2, $3, $4, 1, $5, $5, 0, 0)"),
        BINDS(b_i64(d->id), b_str(d->name), b_i64(d->kind), b_str(d->expression), b_i64(cx->now))));
    return uses_add(cx, d);
}
static Status version_check(Cx *cx, const AudienceSaved *a, int64_t version)
{
    return a->version == version ? ST_OK : refuse(cx, ST_CONFLICT, S("version"), MSG_segment_changed, NO_PARAMS);
}
Status audience_change(Cx *cx, const AudienceDraft *d)
{
    AudienceSaved old;
    TRY(audience_get(cx, d->id, &old));
    TRY(version_check(cx, &old, d->version));
    bool same = str_eq(old.expression, d->expression);
    if (!same && old.kind == AUDIENCE_FROZEN)
        return refuse(cx, ST_INVALID, S("expression"), MSG_segment_frozen, NO_PARAMS);
    TRY(name_free(cx, d));
    TRY(db_run(cx, SQL("UPDATE audience SET name = $2, expression = $3, version = version + 1, changed = $4, "
                       "counted = $5 WHERE id = $1"),
        BINDS(b_i64(d->id), b_str(d->name), b_str(d->expression), b_i64(cx->now), b_i64(same ? old.counted : 0))));
    if (same) return ST_OK;
    TRY(db_run(cx, SQL("DELETE FROM audience_use WHERE audience = $1"), BINDS(b_i64(d->id))));
    TRY(uses_add(cx, d));
    /* those that contain it have other people now, too */
    return db_run(cx, SQL("WITH RECURSIVE above(id) AS (SELECT audience FROM audience_use WHERE uses = $1 UNION "
                          "SELECT u.audience FROM audience_use u JOIN above a ON u.uses = a.id) "
                          "UPDATE audience SET counted = 0 WHERE kind = 1 AND id IN (SELECT id FROM above)"),
                  BINDS(b_i64(d->id)));
}
static Status use_check(Cx *cx, int64_t id)
{
    AUTO_ROWS r = NULL;
    Str name;
    TRY(rows_open(cx, SQL("SELECT a.name FROM audience_use u JOIN audience a ON a.id = u.audience WHERE u.uses = $1 "
                          "ORDER BY a.name LIMIT 1"), BINDS(b_i64(id)), &r));
    Status st = rows_next(r);
    if (st == ST_NOT_FOUND) return ST_OK;
    TRY(st);
    TRY(rows_keep(r, 0, &name));
    return refuse(cx, ST_CONFLICT, S("id"), MSG_segment_in_use, PARAMS({ .name = "name", .text = name }));
}
Status audience_drop(Cx *cx, int64_t id, int64_t version)
{
    AudienceSaved old;
    TRY(audience_get(cx, id, &old));
    TRY(version_check(cx, &old, version));
    TRY(use_check(cx, id));
    TRY(db_run(cx, SQL("DELETE FROM audience_use WHERE audience = $1"), BINDS(b_i64(id))));
    TRY(db_run(cx, SQL("DELETE FROM audience_stay WHERE audience = $1"), BINDS(b_i64(id))));
    return db_run(cx, SQL("DELETE FROM audience WHERE id = $1"), BINDS(b_i64(id)));
}

/* ---- stays ---- */

Status audience_enter(Cx *cx, const AudienceStay *s, bool *ret)
{
    int64_t n;
    TRY(db_run_count(cx, SQL("INSERT INTO audience_stay(audience, gone, actor, entered) SELECT id, 0, $2, $3 "
                             "FROM audience WHERE id = $1 ON CONFLICT (audience, gone, actor) DO NOTHING"),
        BINDS(b_i64(s->audience), actor_bind(&s->actor), b_i64(s->entered)), &n));
    *ret = n > 0;
    return ST_OK;
}
/* Twice in one ms: the second stay has left no trace of its own. */
Status audience_leave(Cx *cx, const AudienceStay *s, bool *ret)
{
    int64_t n;
    TRY(db_run(cx, SQL("INSERT INTO audience_stay(audience, gone, actor, entered) SELECT audience, $3, actor, entered "
                       "FROM audience_stay WHERE audience = $1 AND gone = 0 AND actor = $2 "
                       "ON CONFLICT (audience, gone, actor) DO NOTHING"),
        BINDS(b_i64(s->audience), actor_bind(&s->actor), b_i64(s->gone))));
    TRY(db_run_count(cx, SQL("DELETE FROM audience_stay WHERE audience = $1 AND gone = 0 AND actor = $2"),
        BINDS(b_i64(s->audience), actor_bind(&s->actor)), &n));
    *ret = n > 0;
    return ST_OK;
}
Status audience_told(Cx *cx, int64_t id, int64_t version, int64_t members, int64_t counted)
{
    return db_run(cx, SQL("UPDATE audience SET members = members + $3, counted = CASE WHEN $4 = 0 OR version <> $2 "
                          "THEN counted ELSE $4 END WHERE id = $1"),
        BINDS(b_i64(id), b_i64(version), b_i64(members), b_i64(counted)));
}
Status audience_recount(Cx *cx)
{
    return db_run(cx, SQL("UPDATE audience SET counted = 1 WHERE kind = 1 AND counted > 1"), NO_BINDS);
}
static Status stay_rows(Cx *cx, Rows *r, size_t limit, bool named, const AudienceStay **ret, size_t *ret_n)
{
    AudienceStay *all = ARENA_MANY(cx->arena, AudienceStay, limit + 1);
    size_t n = 0;
    Status st = ST_OK;
    if (!all) return fail(cx, ST_NO_MEM, "stays");
    while (n < limit && (st = rows_next(r)) == ST_OK) {
        all[n] = (AudienceStay){ .audience = rows_i64(r, 0), .gone = rows_i64(r, 1), .entered = rows_i64(r, 3) };
        Str actor = rows_bytes(r, 2);
        if (actor.n != sizeof all[n].actor) continue;
        memcpy(&all[n].actor, actor.p, actor.n);
        if (named) TRY(rows_keep(r, 4, &all[n].name));
        n++;
    }
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    *ret = all;
    *ret_n = n;
    return ST_OK;
}
/* Statements are literals, so actors are asked for in lots of this many; the last lot repeats its first. */
enum { LOT = 16, LIVES_MAX = 200 };
#define LOT_IN "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
static void lot_binds(const Hash128 *actors, size_t n, Bind ret[LOT])
{
    for (size_t i = 0; i < LOT; i++) ret[i] = actor_bind(&actors[i < n ? i : 0]);
}
static Status lot_stays(Cx *cx, const Hash128 *actors, size_t n, const AudienceStay **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    Bind binds[LOT];
    lot_binds(actors, n, binds);
    TRY(rows_open(cx, SQL("SELECT audience, gone, actor, entered FROM audience_stay WHERE gone = 0 AND actor IN "
                          LOT_IN), binds, LOT, &r));
    return stay_rows(cx, r, n * AUDIENCES_MAX, false, ret, ret_n);
}
Status audience_stays(Cx *cx, const Hash128 *actors, size_t n, const AudienceStay **ret, size_t *ret_n)
{
    AudienceStay *all = NULL;
    size_t total = 0, cap = 0;
    for (size_t i = 0; i < n; i += LOT) {
        const AudienceStay *some;
        size_t k;
        TRY(lot_stays(cx, actors + i, n - i < LOT ? n - i : LOT, &some, &k));
        if (total + k > cap) {
            AudienceStay *more = ARENA_MANY(cx->arena, AudienceStay, cap = (total + k) * 2 + 64);
            if (!more) return fail(cx, ST_NO_MEM, "stays");
            if (total) memcpy(more, all, total * sizeof *all);
            all = more;
        }
        if (k) memcpy(all + total, some, k * sizeof *some);
        total += k;
    }
    *ret = all;
    *ret_n = total;
    return ST_OK;
}
Status audience_people(Cx *cx, int64_t id, const Hash128 *after, size_t limit, const AudienceStay **ret, size_t *ret_n)
{
    AUTO_ROWS r = NULL;
    Bind from = after ? actor_bind(after) : b_bytes(S(""));
    TRY(rows_open(cx, SQL("SELECT audience, gone, actor, entered FROM audience_stay WHERE audience = $1 AND gone = 0 "
                          "AND actor > $2 ORDER BY actor LIMIT $3"),
        BINDS(b_i64(id), from, b_i64((int64_t)limit)), &r));
    return stay_rows(cx, r, limit, false, ret, ret_n);
}
Status audience_history(Cx *cx, const Hash128 *actors, size_t n, const AudienceStay **ret, size_t *ret_n)
{
    AudienceStay *all = ARENA_MANY(cx->arena, AudienceStay, LIVES_MAX);
    size_t total = 0;
    if (!all) return fail(cx, ST_NO_MEM, "stays");
    for (size_t i = 0; i < n && total < LIVES_MAX; i += LOT) {
        AUTO_ROWS r = NULL;
        Bind binds[LOT];
        const AudienceStay *some;
        size_t k;
        lot_binds(actors + i, n - i < LOT ? n - i : LOT, binds);
        TRY(rows_open(cx, SQL("SELECT s.audience, s.gone, s.actor, s.entered, a.name FROM audience_stay s "
                              "JOIN audience a ON a.id = s.audience WHERE s.actor IN " LOT_IN " ORDER BY s.entered "
                              "DESC, s.audience LIMIT 200"), binds, LOT, &r));
        TRY(stay_rows(cx, r, LIVES_MAX - total, true, &some, &k));
        if (k) memcpy(all + total, some, k * sizeof *some);
        total += k;
    }
    *ret = all;
    *ret_n = total;
    return ST_OK;
}
Status audience_erase(Cx *cx, const Hash128 *actors, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        TRY(db_run(cx, SQL("UPDATE audience SET members = members - 1 WHERE id IN (SELECT audience FROM audience_stay "
                           "WHERE actor = $1 AND gone = 0)"), BINDS(actor_bind(&actors[i]))));
        TRY(db_run(cx, SQL("DELETE FROM audience_stay WHERE actor = $1"), BINDS(actor_bind(&actors[i]))));
    }
    return ST_OK;
}

/* ---- as a term ---- */

Status audience_frozen(Cx *cx, const Snapshot *snap, int64_t list, PeopleSet *ret)
{
    AUTO_ROWS r = NULL;
    Hash128 key;
    uint32_t actor;
    Status st;
    TRY(rows_open(cx, SQL("SELECT actor FROM audience_stay WHERE audience = $1 AND gone = 0"), BINDS(b_i64(list)), &r));
    while ((st = rows_next(r)) == ST_OK) {
        Str bytes = rows_bytes(r, 0);
        if (bytes.n != sizeof key) continue;
        memcpy(&key, bytes.p, sizeof key);
        if (!snapshot_actor(snap, key, &actor)) continue;
        uint32_t root = joins_root(snap->people, actor);
        if (root < ret->n) people_set_add(ret, root);
    }
    return st == ST_NOT_FOUND ? ST_OK : st;
}
Status audience_frozen_has(Cx *cx, const Snapshot *snap, int64_t list, uint32_t root, bool *ret)
{
    const PeopleView *v = snap->people;
    Hash128 actors[LOT] = { snapshot_key(snap, root) };
    Bind binds[LOT + 1];
    size_t n = 1, i = 0;
    int64_t found = 0;
    binds[LOT] = b_i64(list);
    do {
        for (; i < v->n_link && n < LOT; i++) {
            uint32_t anon = (uint32_t)(v->link[i] >> 32);
            if (joins_root(v, anon) == root && anon != root) actors[n++] = snapshot_key(snap, anon);
        }
        if (!n) break;
        lot_binds(actors, n, binds);
        TRY(db_i64(cx, SQL("SELECT count(*) FROM audience_stay WHERE audience = $17 AND gone = 0 AND actor IN " LOT_IN),
            binds, LOT + 1, &found));
        n = 0;
    } while (!found && i < v->n_link);
    *ret = found > 0;
    return ST_OK;
}
