#include "tests/records_world.h"
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The world of the running test; what a failed test left is cleared by the next one. */
static struct {
    bool made, forced;
    WorldEngine engine;
    Records *records;
    char dir[64], path[96], schema[40], conninfo[600];
} world;

static WorldEngine engine_now(void)
{
    const char *named = getenv("LIUKE_TEST_DB");
    if (world.forced) return world.engine;
    return named && strcmp(named, "postgres") == 0 ? WORLD_POSTGRES : WORLD_SQLITE;
}
bool world_on_postgres(void) { return engine_now() == WORLD_POSTGRES; }
static const char *server(void)
{
    const char *conninfo = getenv("LIUKE_TEST_PG");
    if (!conninfo) test_skip("LIUKE_TEST_PG names no PostgreSQL");
    return conninfo;
}
static void pg_say(const char *verb)
{
    char text[100];
    PGconn *c = PQconnectdb(server());
    if (PQstatus(c) != CONNECTION_OK) print_error("LIUKE_TEST_PG: %s", PQerrorMessage(c));
    assert_int_equal(PQstatus(c), CONNECTION_OK);
    snprintf(text, sizeof text, "SET client_min_messages = error; %s SCHEMA %s%s", verb, world.schema,
             *verb == 'D' ? " CASCADE" : "");
    PGresult *r = PQexec(c, text);
    assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    PQclear(r);
    PQfinish(c);
}
static void drop_files(void)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char path[120];
    for (size_t i = 0; i < COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", world.path, ends[i]);
        unlink(path);
    }
    rmdir(world.dir);
}
static void clear(void)
{
    if (!world.made) return;
    world.made = false;
    records_close(world.records);
    world.records = NULL;
    if (world.schema[0]) pg_say("DROP");
    else drop_files();
}
RecordsConfig world_records_config(void)
{
    static int n;
    clear();
    world.schema[0] = 0;
    if (!world_on_postgres()) {
        snprintf(world.dir, sizeof world.dir, "/tmp/liuke-records-XXXXXX");
        assert_non_null(mkdtemp(world.dir));
        snprintf(world.path, sizeof world.path, "%s/留客.db", world.dir);
        world.made = true;
        return (RecordsConfig){ .sqlite = world.path };
    }
    const char *at = server();
    snprintf(world.schema, sizeof world.schema, "t_%d_%d", (int)getpid(), ++n);
    pg_say("CREATE");
    world.made = true;
    snprintf(world.conninfo, sizeof world.conninfo, "%s options='-c search_path=%s'", at, world.schema);
    return (RecordsConfig){ .postgres = world.conninfo };
}
Records *world_records(Cx *cx)
{
    RecordsConfig config = world_records_config();
    ok(records_open(cx, &config, &world.records));
    cx->records = world.records;
    return world.records;
}
Records *world_records_on(Cx *cx, WorldEngine engine)
{
    if (engine == WORLD_POSTGRES) (void)server();
    world.forced = true;
    world.engine = engine;
    return world_records(cx);
}
Cx world_records_cx(const Cx *of)
{
    Cx cx = test_cx();
    cx.records = of->records;
    return cx;
}
void world_records_cx_done(Cx *cx)
{
    records_done(cx);
    arena_free(cx->arena);
}
void world_records_done(Cx *cx)
{
    if (cx->records) records_done(cx);
    cx->records = NULL;
    clear();
}
bool world_records_wanted(WorldEngine engine)
{
    const char *named = getenv("LIUKE_TEST_DB");
    return !named || (strcmp(named, "postgres") == 0) == (engine == WORLD_POSTGRES);
}
void world_records_run(Cx *cx, WorldEngine engine, void (*body)(Cx *))
{
    world_records_on(cx, engine);
    body(cx);
    world_records_done(cx);
    world.forced = false;
}
