/* audience_step: live segments follow the log, and tell of who comes and goes.
 *
 * A consumer of the log: whoever an entry is about is looked at again, against all live segments at once; the stays
 * that change are written together with the position. Asking "is this person in it now?" again gives the same answer,
 * so nothing is lost or told twice by doing so once too often. Beside that each segment is counted as a whole when it
 * is new, was edited, when persons were taken apart, and every AUDIENCE_REFRESH_MS: windows pass without an event, and
 * imported history stands in no log.
 *
 * A stay that begins or ends is told by a row in the outbox: $segment_entered, $segment_left, with the properties
 * segment and name, as service events. The first count of a segment tells nothing: its people came with it.
 *
 * Tables:  position, its own row. */
#ifndef LIUKE_AUDIENCE_STEP_H
#define LIUKE_AUDIENCE_STEP_H
#include "domain/audience/audience.h"

/* One step: at most AUDIENCE_STEP_PEOPLE people, or one segment as a whole. NOT_FOUND: nothing to do. */
Status audience_step(Cx *, Events *, const AudienceScope *) MUST_USE;
#endif
