#include "api/app.h"

/* Sizes of other files' arrays are no constants in C, so the list is made before main() begins. */
enum { TABLES = 11 };
static RouteTable tables[TABLES];
__attribute__((constructor)) static void list_tables(void)
{
    const RouteTable all[TABLES] = {
        { segment_routes, segment_routes_n }, { ask_routes, ask_routes_n },       { source_routes, source_routes_n },
        { live_routes, live_routes_n },       { people_routes, people_routes_n }, { page_routes, page_routes_n },
        { import_routes, import_routes_n },   { mail_routes, mail_routes_n },     { system_routes, system_routes_n },
        { export_routes, export_routes_n },   { audience_routes, audience_routes_n },
    };
    for (size_t i = 0; i < TABLES; i++) tables[i] = all[i];
}
const RouteTable *api_tables(size_t *ret_n)
{
    *ret_n = TABLES;
    return tables;
}
