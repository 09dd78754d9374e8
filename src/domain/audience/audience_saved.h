/* audience_saved: segments: audiences with a name, kept in the records.
 *
 * A frozen one is the people it held when it was made. A live one holds whoever its expression holds of. Every stay of
 * a person in a segment is a row with the times it began and ended, kept up by flow/audience_step; a person is named
 * by the root actor of that time.
 *
 * Tables:  audience, audience_use, audience_stay (nobody else reads or writes them).
 * Memory:  every Str in a returned value lives in cx->arena. */
#ifndef LIUKE_AUDIENCE_SAVED_H
#define LIUKE_AUDIENCE_SAVED_H
#include "domain/audience/audience.h"
#include "store/records/records.h"

#define AUDIENCE_PREFIX "seg"
typedef enum AudienceSort { AUDIENCE_LIVE = 1, AUDIENCE_FROZEN = 2 } AudienceSort;       /* stored */
extern const char *const audience_sorts[];       /* "live" at AUDIENCE_LIVE - 1 …, NULL-terminated */
typedef struct AudienceSaved {
    int64_t id, created, changed, version, members;
    int64_t counted;             /* when its people were last counted as a whole; 0: never yet */
    AudienceSort kind;
    Str     name, expression;
} AudienceSaved;
Status audience_get(Cx *, int64_t id, AudienceSaved *ret) MUST_USE;            /* NOT_FOUND */
/* Newest first, ids below `before`; at most limit. */
Status audience_list(Cx *, int64_t before, size_t limit, const AudienceSaved **ret, size_t *ret_n) MUST_USE;
Status audience_live(Cx *, const AudienceSaved **ret, size_t *ret_n) MUST_USE;  /* all live ones */
/* The one whose people wait longest to be counted as a whole: never yet, or a live one last before then. NOT_FOUND. */
Status audience_due(Cx *, int64_t before, AudienceSaved *ret) MUST_USE;

/* All of these in a transaction. names: as audience_names() gave them. */
typedef struct AudienceDraft {
    int64_t id, version;         /* change: the version it is meant for */
    AudienceSort kind;
    Str name, expression;
    const int64_t *names; size_t n_names;
} AudienceDraft;
/* CONFLICT "name" taken; LIMITED too_many past AUDIENCES_MAX; CONFLICT "expression" segment_cycle. */
Status audience_add(Cx *, const AudienceDraft *) MUST_USE;
/* The same, and CONFLICT "version" segment_changed, INVALID "expression" segment_frozen, NOT_FOUND. */
Status audience_change(Cx *, const AudienceDraft *) MUST_USE;
/* Its stays too. CONFLICT "id" segment_in_use; NOT_FOUND. */
Status audience_drop(Cx *, int64_t id, int64_t version) MUST_USE;

typedef struct AudienceStay {
    int64_t audience, entered, gone;             /* gone 0: still there */
    Hash128 actor;
    Str     name;                /* the segment's; of audience_history() only */
} AudienceStay;
/* In a transaction. Open a stay; *ret: it was not open. End it, or move it to another root; *ret: it was open. */
Status audience_enter(Cx *, const AudienceStay *, bool *ret) MUST_USE;
Status audience_leave(Cx *, const AudienceStay *, bool *ret) MUST_USE;
/* In a transaction. members changes by so much; counted is kept when 0. Of another version: nothing happens. */
Status audience_told(Cx *, int64_t id, int64_t version, int64_t members, int64_t counted) MUST_USE;
/* Everybody's again: all live ones are to be counted as a whole. */
Status audience_recount(Cx *) MUST_USE;
/* Open stays of these actors, n at most AUDIENCE_STEP_PEOPLE. */
Status audience_stays(Cx *, const Hash128 *actors, size_t n, const AudienceStay **ret, size_t *ret_n) MUST_USE;
/* Open stays of a segment by actor, after one (NULL: from the first). */
Status audience_people(Cx *, int64_t id, const Hash128 *after, size_t limit, const AudienceStay **ret,
    size_t *ret_n) MUST_USE;
/* Every stay of a person's actors, newest first, at most 200. */
Status audience_history(Cx *, const Hash128 *actors, size_t n, const AudienceStay **ret, size_t *ret_n) MUST_USE;
/* The right to be forgotten, for this noun: in a transaction. */
Status audience_erase(Cx *, const Hash128 *actors, size_t n) MUST_USE;
#endif
