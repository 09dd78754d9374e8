/* app: what the handlers work on, made once at the start and read by every thread. */
#ifndef LIUKE_APP_H
#define LIUKE_APP_H
#include "domain/source/source.h"
#include "flow/ingest.h"
#include "http/http.h"
#include "store/events/asks.h"
#include "store/events/events.h"

/* until staff exist: whoever holds the admin token, or this folder's owner on its socket */
enum { MAY_STAFF = 1u << 1 };

typedef struct Live Live;                    /* api/live_api.c */
struct App {
    Events      *events;
    Keys        *keys;
    SourceCache *sources;
    Ingest      *ingest;
    struct Imports *imports;
    Asks        *asks;
    Live        *live;
    uint8_t      admin_hash[32];             /* SHA-256 of the admin token */
    Str          product, zone, public_url;  /* of the settings */
    bool         smtp;                       /* false: mails stay in the test outbox */
};

/* Every table of this program, for http_start(), http_serve() and the OpenAPI document. */
const RouteTable *api_tables(size_t *ret_n);
Status api_who(Cx *, Req *);                 /* HttpConfig.who */
Status api_owner(Cx *, Req *);               /* the same behind the lock of the folder: its owner may do everything */

Status live_start(Cx *, App *) MUST_USE;     /* the thread that tells open event streams of new events */
void   live_stop(App *);
void   export_wait(void);                    /* until no export reads the store any more; after http_stop() */

extern const Route segment_routes[], ask_routes[], source_routes[], live_routes[], people_routes[], page_routes[],
    import_routes[], mail_routes[], export_routes[], system_routes[], audience_routes[];
extern const size_t segment_routes_n, ask_routes_n, source_routes_n, live_routes_n, people_routes_n, page_routes_n,
    import_routes_n, mail_routes_n, export_routes_n, system_routes_n, audience_routes_n;
#endif
