/* import_row: one row of a file becomes one event. Used by import only. */
#ifndef LIUKE_IMPORT_ROW_H
#define LIUKE_IMPORT_ROW_H
#include "base/csv.h"
#include "flow/import.h"

enum { MAP_TARGETS_MAX = 64, IMPORT_ACCESS_CELLS = 10 };
typedef enum MapTarget { MAP_TIME, MAP_EVENT, MAP_USER, MAP_ANON, MAP_MESSAGE, MAP_PROP, MAP_TARGETS_ } MapTarget;
typedef struct MapItem { MapTarget target; Str prop; Str column; bool constant; } MapItem;
typedef struct ImportMap { MapItem items[MAP_TARGETS_MAX]; size_t n; bool no_props; } ImportMap;
/* INVALID "map" bad_map with the part that is wrong. */
Status import_map_read(Cx *, Str text, Str format, ImportMap *ret) MUST_USE;

bool   import_row_personal(Str column);         /* one that tells who somebody is: its cells are sealed */

bool   import_map_has(const ImportMap *, MapTarget);

/* An event, and the two ids of the row where it has both (else empty): they are one person. message: the row's id of
 * its message; empty: it has none. */
typedef struct ImportEvent { Event e; Str anon, user, message; } ImportEvent;
typedef struct ImportCells { const Str *names; size_t n_names; const Str *cells; size_t n; } ImportCells;
typedef struct ImportRowCx { const ImportDeps *deps; const ImportMap *map; int source; } ImportRowCx;
Status import_row_cells(Cx *, const ImportRowCx *, const ImportCells *, ImportEvent *ret) MUST_USE;
Status import_row_json(Cx *, const ImportRowCx *, Str line, ImportEvent *ret) MUST_USE;
/* A line of an access log in the common or combined form, as cells under import_access_names. */
Status import_row_access(Cx *, Str line, Str ret[IMPORT_ACCESS_CELLS]) MUST_USE;
extern const Str import_access_names[IMPORT_ACCESS_CELLS];
#endif
