/* props: JSON values flattened into an event's properties (decisions: properties).
 *
 * Objects become dotted names down to PROP_DEPTH_MAX, anything deeper and lists of objects become JSON text. Every
 * text is scrubbed.
 * Used by ingest and import. */
#ifndef LIUKE_PROPS_H
#define LIUKE_PROPS_H
#include "base/json.h"
#include "store/events/events.h"

typedef struct Props {
    Prop    *p;
    const JsonNode **from;       /* the value each was made of; NULL: of none */
    size_t   n, cap;
    size_t   layer;              /* where the newest layer starts */
    uint64_t seen[4];            /* a bit for each name: most names need no search */
    bool   (*unwanted)(Str key); /* of a nested member: left out; NULL: none is */
    const JsonNode *node;        /* the value at work */
    int      scrubbed;
    bool     repeated;           /* some name came twice */
} Props;
/* Of a name given twice the last counts within a layer, and what earlier layers said stays. */
void   props_layer(Props *);
/* One more; name must live as long as the Cx. INVALID too_many, too_long, bad_text with the property's name as the
 * field. */
Status props_add(Cx *, Props *, Str name, Prop value) MUST_USE;
Status props_add_str(Cx *, Props *, Str name, Str value) MUST_USE;          /* scrubbed; empty ones too */
Status props_add_node(Cx *, Props *, Str name, const JsonNode *) MUST_USE;  /* flattened under name */
/* The value such a property has, PROP_NULL for null; an object becomes text. */
Status props_value(Cx *, Props *, Str name, const JsonNode *, Prop *ret) MUST_USE;
bool   props_has(const Props *, Str name);
#endif
