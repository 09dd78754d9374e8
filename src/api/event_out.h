/* event_out: how an event and whose it is are written in replies. */
#ifndef LIUKE_EVENT_OUT_H
#define LIUKE_EVENT_OUT_H
#include "api/app.h"

void event_out_person(JsonW *, const App *, Hash128 actor);      /* "vis_" and the root in 32 hex digits */
bool event_out_parse(Str, Hash128 *ret);
/* {"name","time","received","source","person","trust","service","props"}; at most max_props of them. */
void event_out_event(JsonW *, const App *, const Event *, size_t max_props, size_t max_text);
extern const Shape event_out_shape;
#endif
