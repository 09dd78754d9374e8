/* import_session: files being read at this moment: rows taken in that are not durable yet live here. Used by import
 * only.
 *
 * A session is opened by the first piece of a file and closed by its last, by a failure, or when nobody came with
 * the next piece for a while. What it had taken in and not stored is read again then: the mark beside the stored rows
 * says from where. */
#ifndef LIUKE_IMPORT_SESSION_H
#define LIUKE_IMPORT_SESSION_H
#include "flow/import.h"
#include "store/events/bulk.h"
#include "store/events/dict.h"

enum { IMPORT_SECRET_BYTES = 144 };
typedef struct ImportSession {
    struct ImportSession *next;
    bool    busy;                /* somebody reads a piece */
    int64_t used;                /* clock_mono() of the last piece */
    Arena  *arena;               /* as long as the session */
    Import  m;                   /* with all that was taken in */
    int     source;              /* number of the source */
    Bulk   *bulk;
    ManifestMark durable;
    struct ImportFast *fast;     /* NULL: rows take the general way */
    bool    fast_known;          /* it was tried */
    bool    messages;            /* rows have message ids */
    uint8_t secret[IMPORT_SECRET_BYTES];     /* of their hashes */
    bool    told;                /* records know its head */
    Dict    joined;              /* anon, 0x1f, user: pairs that the log has been told of */
} ImportSession;
/* Busy from now on. BUSY: another piece of it is being read. */
Status import_session_take(Cx *, Imports *, int64_t id, ImportSession **ret) MUST_USE;
/* Has the log heard that these two are one? */
bool   import_session_joined(const ImportSession *, Str anon, Str user);
Status import_session_join(Cx *, ImportSession *, Str anon, Str user) MUST_USE;   /* it has now */
/* For a map with message ids, before the first row. CONFLICT "source" while another session of the source has them:
 * each
 * knows only what it has read itself and what is stored. */
Status import_session_messages(Cx *, Imports *, const Keys *, ImportSession *) MUST_USE;
Hash128 import_session_message(const ImportSession *, Str id);   /* its key */
/* Records learn the head of the file before any of its rows is stored. */
Status import_session_tell(Cx *, ImportSession *) MUST_USE;
/* All taken in so far is handed over to be stored; wait: and durable. Records hear how far it has come. */
Status import_session_store(Cx *, ImportSession *, bool wait) MUST_USE;
void   import_session_give(Imports *, ImportSession *);          /* no longer busy */
void   import_session_drop(Imports *, ImportSession *);
/* Where the import stands by what is stored: records may not have heard of the last of it. */
Status import_session_stored(Cx *, Imports *, Import *) MUST_USE;
/* And with what is taken in and not stored yet: where the next piece begins. */
void   import_session_place(Imports *, Import *);
#endif
