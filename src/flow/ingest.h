/* ingest: the tracking API's bodies become durable events (Segment's specification).
 *
 * One bad event is named and refused, the rest are kept. Personal values never reach the log in plain: personal
 * traits are sealed beside the event (only a secret key's are believed), every other text is scrubbed of addresses
 * and phone numbers.
 * Nothing here waits: the reply is given by later when the group of events is durable. */
#ifndef LIUKE_INGEST_H
#define LIUKE_INGEST_H
#include "domain/source/source.h"
#include "store/events/events.h"

/* Times the store takes: years 1 to 9999. */
#define INGEST_TIME_FIRST (-INT64_C(62135596800000))
#define INGEST_TIME_LAST  INT64_C(253402300799999)

typedef struct Ingest Ingest;                    /* counters and the newest refusals, for the console */
Status ingest_new(Cx *, Events *, const Keys *, SourceCache *, Ingest **ret) MUST_USE;
void   ingest_free(Ingest *);

typedef struct IngestCall {
    Str  key;                    /* of the Authorization header or the query; empty: the body's writeKey */
    Str  type;                   /* "track" … when the path says it; empty: each event says so itself */
    bool batch;                  /* {"batch":[…]}, else one event */
    Str  body;
    Str  addr;                   /* the client's address, for public keys */
    Str  user_agent;
    Str  sent_at;                /* SentAt header; may be empty */
} IngestCall;
typedef struct IngestRefusal { size_t index; Str message_id; Why why; } IngestRefusal;
typedef struct IngestResult {
    size_t kept, repeated, unconsented;
    const IngestRefusal *refused; size_t n_refused;
} IngestResult;
/* done as in events_append(), also when nothing was left to write. UNKNOWN_WHO: no or a wrong key; INVALID: a body
 * that is no
 * batch at all; BUSY: try again. On a Status other than OK done is not called. */
Status ingest_run(Cx *, Ingest *, const IngestCall *, IngestResult *ret, EventsDone *, void *arg) MUST_USE;

/* Which ids name nobody ("null", "0", "anonymous" …), and the actor behind a good one. INVALID placeholder_id,
 * too_long, bad_text. */
Status ingest_actor(Cx *, const Keys *, const char *kind, Str id, Str field, Hash128 *ret) MUST_USE;

typedef struct IngestNote { int64_t at; int source; Msg code; Str field, event; } IngestNote;
/* The newest refusals of every source, newest first; copies in the arena. */
Status ingest_notes(Cx *, Ingest *, const IngestNote **ret, size_t *ret_n) MUST_USE;
typedef struct IngestCount { int source; Msg code; int64_t n; } IngestCount;
Status ingest_counts(Cx *, Ingest *, const IngestCount **ret, size_t *ret_n) MUST_USE;   /* since the start */
#endif
