/* setting: named texts that the console edits. Sealed values are sealed by the caller.
 *
 * Tables: setting. */
#ifndef LIUKE_SETTING_H
#define LIUKE_SETTING_H
#include "store/records/records.h"

Status setting_get(Cx *, Str name, Str *ret) MUST_USE;    /* NOT_FOUND: never set */
Status setting_put(Cx *, Str name, Str value) MUST_USE;   /* in the caller's transaction */
Status setting_drop(Cx *, Str name) MUST_USE;             /* in the caller's transaction; OK when there is none */
#endif
