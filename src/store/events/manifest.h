/* manifest: the one file that says which segments count and up to where the log is in them.
 *
 * Written whole by fs_replace(), so that after a power cut the old or the new one stands. */
#ifndef LIUKE_MANIFEST_H
#define LIUKE_MANIFEST_H
#include "store/events/events.h"

typedef struct ManifestSegment {
    int64_t  id;                 /* file name seg-<id>.lks */
    int32_t  month;              /* year * 12 + month - 1, UTC of event time */
    int32_t  level;              /* 0: flushed, 1: merged */
    int64_t  events, bytes, first, last;   /* first, last: event time */
    uint64_t check;              /* XXH3 of the file's header, to tell a foreign file */
} ManifestSegment;
/* How far an import has come whose rows go straight into segments: they count together with this. */
typedef struct ManifestMark { int64_t import, done, line, kept, rejected; } ManifestMark;
/* A file of message ids of rows that were imported from a source: ids-<id>. Ascending in age: the newest last. */
typedef struct ManifestIds { int64_t id, source, n, newest; } ManifestIds;   /* keys; when the newest was written, ms */
typedef struct Manifest {
    int64_t flushed;             /* log position: everything before it is in the segments */
    int64_t next_id;
    int64_t actors;              /* length in actors of the actor file that counts */
    int64_t map_id;              /* number of the map file (joins, flags) that goes with it; 0: none yet */
    ManifestSegment *segments; size_t n;
    ManifestMark *marks; size_t n_marks;
    ManifestIds *ids; size_t n_ids;
} Manifest;
Status manifest_read(Cx *, Fs, const char *dir, Manifest *ret) MUST_USE;      /* no file: an empty one */
Status manifest_write(Cx *, Fs, const char *dir, const Manifest *) MUST_USE;
#endif
