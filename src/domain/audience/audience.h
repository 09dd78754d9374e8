/* audience: who is meant. One JSON expression over traits, lists and behaviour, one parser, and two evaluators that a
 * property test holds equal: everyone (a set of people), and this person now (a bool).
 *
 * The language is docs/guide/en/audience.md: groups {"all":[…]}, {"any":[…]}, {"not":…} of terms. A term speaks of a
 * person ({"trait":…}, {"in":"seg_…"}, {"did":{…}}, …) or of a single event ({"prop":…}); a filter of a question may
 * mix both, an audience speaks of people only, a "where" of events only. Other nouns add terms by an AudienceTerm.
 *
 * "now" is a parameter everywhere; no event later than it counts. Windows are either exact spans back from now
 * ("within", "before") or calendar periods of the scope's zone ("calendar"), or dates local to it ("from", "to").
 * People left out of analysis (SCAN_LEFT_OUT) are in no audience, also not under "not", except those whom the
 * expression names by {"flag":…}; the events of those are not looked at.
 *
 * Memory: an Audience lives in cx->arena and points into the JSON text. It is read-only after parsing: any thread. */
#ifndef LIUKE_AUDIENCE_H
#define LIUKE_AUDIENCE_H
#include "base/clock.h"
#include "base/shape.h"
#include "store/events/scan.h"

/* A term of another noun: {"<name>": {…}}, decoded by its shape before anything else. */
typedef struct AudienceTerm {
    const char  *name;
    const Shape *takes;
    bool         timed;          /* may change with the clock alone */
    /* Put everybody it holds of into the set, which is empty and has room for every root. */
    Status (*everyone)(Cx *, const Snapshot *, const void *in, int64_t now, PeopleSet *ret);
    Status (*person)(Cx *, const Snapshot *, const void *in, int64_t now, uint32_t root, bool *ret);
} AudienceTerm;
typedef struct AudienceScope {
    const Zone *zone;
    int         week_start;      /* 0 Sunday, 1 Monday */
    const AudienceTerm *terms; size_t n_terms;
    int64_t     self;            /* id of the segment whose expression this is: it may not contain itself; 0: none */
} AudienceScope;
typedef enum AudienceSpeaks { AUDIENCE_OF_PEOPLE = 1, AUDIENCE_OF_EVENTS = 2, AUDIENCE_OF_BOTH = 3 } AudienceSpeaks;
typedef struct Audience Audience;

/* INVALID names the path of the wrong part, beginning with `field`: "filter.all[1].did.times.ge". A list stands for
 * "all" of its items. {"in":…} needs cx->records: a live segment is read in its place (CONFLICT segment_cycle), a
 * frozen one is looked up when asked. The scope's zone and terms live as long as the Audience. */
Status audience_parse(Cx *, const AudienceScope *, Str json, const char *field, AudienceSpeaks,
    const Audience **ret) MUST_USE;
Status audience_parse_node(Cx *, const AudienceScope *, const JsonNode *, const char *field, AudienceSpeaks,
    const Audience **ret) MUST_USE;
/* Several audiences of people in one, for audience_person_each(). ret_bad: those that cannot be read any more. */
Status audience_parse_many(Cx *, const AudienceScope *, const Str *json, size_t n, const Audience **ret,
    bool *ret_bad) MUST_USE;
bool   audience_timed(const Audience *);         /* people may come and go by the clock alone, without an event */
/* Ids of the segments it names itself, each once; those inside of these are not among them. */
void   audience_names(const Audience *, const int64_t **ret, size_t *ret_n);

/* Everybody it holds of at `now`; *ret is on the heap. Behaviour costs one scan of the snapshot for every
 * SELECTOR_MATCHERS different events. run may be NULL. */
Status audience_everyone(Cx *, const Snapshot *, const Audience *, int64_t now, ScanRun *, PeopleSet *ret) MUST_USE;
/* Does it hold of this person? The same terms over this person's events alone. A number that is no root: false. */
Status audience_person(Cx *, const Snapshot *, const Audience *, int64_t now, uint32_t root, bool *ret) MUST_USE;
/* The same of each that audience_parse_many() read, in one scan: n answers; false of bad ones. */
Status audience_person_each(Cx *, const Snapshot *, const Audience *, int64_t now, uint32_t root, bool *ret) MUST_USE;
/* All people that an audience can be of, before any term: *ret is on the heap. */
Status audience_known(Cx *, const Snapshot *, const Audience *, PeopleSet *ret) MUST_USE;

/* A filter as the scan takes it: an event counts when `where` holds of it and its person is in `who`. */
typedef struct AudienceFilter {
    const Where     *where;      /* NULL: of every event */
    const PeopleSet *who;        /* NULL: everybody */
    PeopleSet       *sets; size_t n_sets;        /* what both point into; audience_filter_done() frees */
} AudienceFilter;
Status audience_filter(Cx *, const Snapshot *, const Audience *, int64_t now, ScanRun *, AudienceFilter *ret) MUST_USE;
void   audience_filter_done(AudienceFilter *);
#endif
