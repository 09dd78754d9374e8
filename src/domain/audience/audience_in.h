/* audience_in: an expression parsed: a tree whose behaviour terms stand in a table of their own, planned into scans. */
#ifndef LIUKE_AUDIENCE_IN_H
#define LIUKE_AUDIENCE_IN_H
#include "domain/audience/behaviour.h"

typedef enum AudienceKind {
    AUDIENCE_ALL, AUDIENCE_ANY, AUDIENCE_NOT, AUDIENCE_PROP, AUDIENCE_TRAIT, AUDIENCE_FLAG, AUDIENCE_MEMBERS,
    AUDIENCE_BEHAVIOUR, AUDIENCE_TERM
} AudienceKind;
typedef struct AudienceNode {
    AudienceKind kind;
    uint8_t  speaks;             /* AudienceSpeaks of it and of all below it; an empty group: 0 */
    struct AudienceNode *kids; size_t n;         /* ALL, ANY: n; NOT: one */
    union {
        struct { Pred pred; size_t trait; };     /* PROP, TRAIT: number in Audience.traits */
        uint8_t flag;            /* PERSON_* */
        int64_t list;
        size_t  behaviour;       /* number in Audience.behaviours */
        struct { const AudienceTerm *term; const void *in; };
    };
} AudienceNode;

/* Behaviours that share one scan. */
typedef struct AudienceScan {
    Selector sel;
    ScanSlot slots[SCAN_SLOTS]; size_t n_slots;
    size_t   first, end;         /* numbers of behaviours */
} AudienceScan;
struct Audience {
    AudienceScope scope;
    AudienceNode  root;
    Behaviour   **behaviours; size_t n_behaviours, cap;
    AudienceScan *scans; size_t n_scans;
    uint8_t       reach;         /* flags of SCAN_LEFT_OUT that the expression names */
    uint8_t      *reaches;       /* of audience_parse_many(): the same of each */
    Str          *traits; size_t n_traits, traits_cap;     /* each once */
    bool          timed;
    int64_t      *names; size_t n_names;
};

/* The tree as a Where. people(): gives the set of a node that speaks of people alone; NULL: there are none. */
typedef Status AudienceSetOf(Cx *, void *arg, const AudienceNode *, const PeopleSet **ret);
Status audience_where(Cx *, const AudienceNode *, AudienceSetOf *, void *arg, Where *ret) MUST_USE;
/* Give the behaviours their scans: their bits and slots. */
Status audience_plan(Cx *, Audience *) MUST_USE;
/* Everybody without the flags that hide, but those that the expression names; room for every root. */
Status audience_frozen(Cx *, const Snapshot *, int64_t list, PeopleSet *ret) MUST_USE;       /* adds its members */
Status audience_frozen_has(Cx *, const Snapshot *, int64_t list, uint32_t root, bool *ret) MUST_USE;
#endif
