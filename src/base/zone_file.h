/* zone_file: TZif files (RFC 8536, versions 1 to 4) into a list of offset changes. Only zone.c uses it.
 *
 * The rule of the footer is unrolled for 400 years past the last change in the file: after that
 * the calendar, and so the rule, repeats to the day. */
#ifndef LIUKE_ZONE_FILE_H
#define LIUKE_ZONE_FILE_H
#include "base/base.h"

enum { ZONE_CHANGES_MAX = 4000 };
#define ZONE_PERIOD INT64_C(12622780800)          /* 400 years in seconds */

/* off[i] s east of UTC holds from at[i] (s) to at[i + 1]; off[0] before at[1], at[0] means nothing. */
typedef struct ZoneChanges {
    size_t  n;                                    /* >= 1 */
    int64_t repeats;                              /* s: from here the 400 years before repeat; 0: nothing does */
    int64_t at[ZONE_CHANGES_MAX];
    int32_t off[ZONE_CHANGES_MAX];
} ZoneChanges;

bool zone_file_read(Str bytes, ZoneChanges *ret); /* false: not a TZif file we can follow; then *ret is rubbish */
#endif
