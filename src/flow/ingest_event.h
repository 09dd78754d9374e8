/* ingest_event: one JSON object of the tracking API becomes one event and perhaps a join. Used by ingest only. */
#ifndef LIUKE_INGEST_EVENT_H
#define LIUKE_INGEST_EVENT_H
#include "base/json.h"
#include "flow/ingest.h"

typedef struct IngestEnvelope {
    const Keys   *keys;
    const Source *source;
    uint8_t trust, flags;
    Str     type;                /* the path's, or empty */
    Str     addr, subnet, user_agent;
    int64_t sent;                /* of the envelope or header; 0: none */
    const JsonNode *context;     /* merged into each event, whose own wins; may be NULL */
    const char *text;            /* what was parsed: an event's size is its node's len */
} IngestEnvelope;
enum { INGEST_ENTRIES_MAX = 3 };                 /* an alias by a secret key: two joins and the event */
/* *ret_n entries in ret; 0 with OK: dropped for want of consent. */
Status ingest_event_read(Cx *, const IngestEnvelope *, const JsonNode *, Entry ret[INGEST_ENTRIES_MAX],
    size_t *ret_n) MUST_USE;
/* A time as clients write it: ISO 8601 or epoch ms, until the year 9999. */
bool   ingest_event_time(const JsonNode *, int64_t *ret);
Str    ingest_event_message_id(const JsonNode *);
Str    ingest_event_name(const JsonNode *);
#endif
