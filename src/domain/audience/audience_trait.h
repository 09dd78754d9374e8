/* audience_trait: a person's traits as they are now. */
#ifndef LIUKE_AUDIENCE_TRAIT_H
#define LIUKE_AUDIENCE_TRAIT_H
#include "domain/audience/audience.h"

/* Everybody's traits, read when first asked for. */
typedef struct AudienceTraits {
    Cx *cx;
    const Snapshot *snap;
    ScanRun     *run;
    ScanTexts   *texts;
    const Str   *names; size_t n;
    TraitColumn *columns;        /* of each; .kind NULL: not read yet */
} AudienceTraits;
Status audience_trait_open(Cx *, const Snapshot *, ScanRun *, const Str *names, size_t n, AudienceTraits *ret) MUST_USE;
/* Adds those whose trait number i is so. */
Status audience_trait_everyone(AudienceTraits *, size_t i, const Pred *, PeopleSet *ret) MUST_USE;
void   audience_trait_done(AudienceTraits *);
/* All of one person's; .kind PROP_NULL: has none. In the arena. */
Status audience_trait_person(Cx *, const Snapshot *, const Str *names, size_t n, uint32_t root, Prop *ret) MUST_USE;
#endif
