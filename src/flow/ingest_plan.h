/* ingest_plan: events of a shape met before, read by what was learnt from it. Used by ingest only.
 *
 * ingest_event_read() asks of every key what it means. A plan is its answer for one shape: these keys in this order,
 * with these kinds of values, give these properties. An event that fits it step by step needs no such question, and
 * in a call that holds another of its shape it is told as the differences from that one (batch.h). What an event
 * becomes does not depend on whether there was a plan: what fits none, or is refused, is read in the plain way.
 *
 * Not thread safe: one for each call at a time. Memory: at most PLANS plans of some KiB, on the heap. */
#ifndef LIUKE_INGEST_PLAN_H
#define LIUKE_INGEST_PLAN_H
#include "flow/ingest_event.h"
#include "store/events/batch.h"

typedef struct IngestPlans IngestPlans;
IngestPlans *ingest_plan_new(void);              /* NULL: no memory */
void   ingest_plan_free(IngestPlans *);          /* NULL is fine */
void   ingest_plan_begin(IngestPlans *);         /* another call, another Batch */
/* Adds the event to the batch, with what joins it makes. *ret_n entries, 0: dropped for want of consent. *ret_sealed:
 * the address was sealed beside it. INVALID, LIMITED: the event is refused and nothing was added; what else comes from
 * the batch itself is about the whole call (NO_MEM, or *ret_whole). */
typedef struct IngestAdded { size_t n; bool sealed, whole; } IngestAdded;
Status ingest_plan_add(Cx *, IngestPlans *, const IngestEnvelope *, const JsonNode *event, Batch *,
    IngestAdded *ret) MUST_USE;
#endif
