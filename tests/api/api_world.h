/* api_world: the whole of liuke behind its routes, in this process: records on either engine, an events folder of
 * its own, keys,
 * one web source and its keys. Requests go through http_serve(): guard, decoding, handler, error documents. */
#ifndef LIUKE_API_WORLD_H
#define LIUKE_API_WORLD_H
#include "api/app.h"
#include "flow/import.h"
#include "tests/records_world.h"

/* Armed while http_serve() runs, and only then; fired says whether it was met. */
typedef struct WorldFault { FaultKind kind; long at; bool fired; } WorldFault;
typedef struct World {
    Cx  *cx;
    App  app;
    HttpConfig http;
    Str  pk, sk;                 /* keys of the source "web" (consent assumed) */
    Res  res;
    WorldFault *fault;           /* NULL: none */
} World;
/* A test with a World on each engine. */
#define API(id) \
    static void id(World *w); \
    BOTH(id##_) { World w_; world_open(&w_, cx); id(&w_); world_close(&w_); } \
    static void id(World *w)
void world_open(World *, Cx *);
void world_close(World *);
void world_again(World *);       /* close and open the events folder: what a restart does */

typedef struct Call {
    const char *method, *path;   /* with its query */
    const char *body;
    Str   raw;                   /* instead of body */
    const char *key;             /* write key: sent as Basic authorization */
    bool  staff;                 /* sent with the admin token */
    const char *type, *encoding, *origin, *agent, *match;       /* match: If-Match */
    const char *addr;            /* the client's; NULL: 203.0.113.9 */
} Call;
/* Sends it; the reply is in w->res. A reply of a route with .gives is checked against that shape. */
void world_call(World *, Call);
#define call(w, ...) world_call((w), (Call){ __VA_ARGS__ })
Str  world_body(const World *);
/* The last reply must have this code and contain part. */
void world_expect(World *, int code, const char *part);
#define expect(w, code, part) world_expect((w), (code), (part))
/* The last reply parsed; NULL path parts end: world_node(w, "items", NULL). */
const JsonNode *world_node(World *, const char *key);
int64_t world_events(World *);   /* how many the store holds */
#endif
