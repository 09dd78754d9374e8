/* ingest_event: one JSON object of the tracking API becomes one event and perhaps joins. Used by ingest only. */
#ifndef LIUKE_INGEST_EVENT_H
#define LIUKE_INGEST_EVENT_H
#include "flow/ingest.h"
#include "flow/props.h"

typedef struct IngestEnvelope {
    const Keys   *keys;
    const Source *source;
    uint8_t trust, flags;
    Str     type;                /* the path's, or empty */
    Str     addr, subnet, user_agent;
    int64_t sent;                /* of the envelope or header; 0: none */
    const JsonNode *context;     /* merged into each event, whose own wins; may be NULL */
    const char *text; size_t bytes;      /* what was parsed: an event's size is its node's len */
} IngestEnvelope;
#define INGEST_SUBNET S("$subnet")               /* the property that holds env->subnet */

/* What stands at the top of an event; NULL: absent or null. */
typedef enum IngestMember {
    INGEST_USER, INGEST_ANON, INGEST_PREVIOUS, INGEST_GROUP, INGEST_MESSAGE, INGEST_EVENT, INGEST_NAME, INGEST_CATEGORY,
    INGEST_TYPE, INGEST_TIMESTAMP, INGEST_ORIGINAL, INGEST_SENT, INGEST_CONTEXT, INGEST_PROPERTIES, INGEST_TRAITS,
    INGEST_CHANNEL, INGEST_MEMBERS_
} IngestMember;
typedef struct IngestItem { const JsonNode *of[INGEST_MEMBERS_ + 1]; } IngestItem;     /* the last: anything else */
typedef enum IngestType {
    INGEST_T_TRACK, INGEST_T_IDENTIFY, INGEST_T_PAGE, INGEST_T_SCREEN, INGEST_T_GROUP, INGEST_T_ALIAS, INGEST_TYPES_
} IngestType;

enum { INGEST_ENTRIES_MAX = 3 };                 /* an alias by a secret key: two joins and the event */
typedef struct IngestRead {
    Entry      entries[INGEST_ENTRIES_MAX];
    size_t     n;                /* 0: dropped for want of consent; the event is the last */
    IngestItem item;
    IngestType type;
    Props      props;
} IngestRead;
Status ingest_event_read(Cx *, const IngestEnvelope *, const JsonNode *, IngestRead *ret) MUST_USE;
/* All but the properties, the flags and what is sealed; name: only where it is not set yet. */
Status ingest_event_head(Cx *, const IngestEnvelope *, IngestType, const IngestItem *, Event *,
    bool *ret_consented) MUST_USE;
bool   ingest_event_bot(const IngestEnvelope *, const JsonNode *context);
Status ingest_event_seal_addr(Cx *, const IngestEnvelope *, Str *ret) MUST_USE;
/* A time as clients write it: ISO 8601 or epoch ms, until the year 9999. */
bool   ingest_event_time(const JsonNode *, int64_t *ret);
Str    ingest_event_message_id(const JsonNode *);
Str    ingest_event_name(const JsonNode *);
#endif
