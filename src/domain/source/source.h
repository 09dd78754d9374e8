/* source: where events come from (web, iOS, server, an import), each with its own keys.
 *
 * A public key (pk_…) authorises writing events only and is no secret; a secret key (sk_…) is
 * shown once and kept as a SHA-256. Numbers are small, dense and never reused, because every stored
 * event carries one. The cache answers "whose key is this?" without a query, for the socket threads.
 *
 * Tables:  source (nobody else reads or writes it).
 * Memory:  what a query returns lives in cx->arena; what the cache returns lives as long as the cache. */
#ifndef LIUKE_SOURCE_H
#define LIUKE_SOURCE_H
#include "base/shape.h"
#include "store/records/records.h"

/* stored */
typedef enum SourceKind { SOURCE_WEB = 1, SOURCE_APP, SOURCE_SERVER, SOURCE_IMPORT, SOURCE_LIUKE } SourceKind;
typedef enum SourceConsent { CONSENT_ASK = 1, CONSENT_ASSUMED, CONSENT_OFF } SourceConsent;   /* stored */
extern const char *const source_kinds[];         /* "web" at SOURCE_WEB - 1 …, NULL-terminated */
extern const char *const source_consents[];

typedef struct Source {
    int64_t id, created;
    int     number;              /* 1.. */
    SourceKind kind;
    SourceConsent consent;
    bool    test;                /* its events are marked as test data */
    bool    archived;            /* its keys are refused */
    Str     name, consent_reason, public_key;
} Source;

typedef struct SourceDraft {
    Str name, consent_reason;
    SourceKind kind;
    SourceConsent consent;       /* CONSENT_ASSUMED needs a reason */
    bool test;
    Str public_key, secret_key;  /* source_draft_keys() */
    uint8_t secret_hash[32];
} SourceDraft;
/* Random keys, outside the transaction. */
Status source_draft_keys(Cx *, SourceDraft *) MUST_USE;
/* In a transaction. CONFLICT "name" taken; LIMITED too_many past SOURCES_MAX. */
Status source_add(Cx *, const SourceDraft *, Source *ret) MUST_USE;
/* Keep the one with this name or add it: for imports and liuke's own. In a transaction. */
Status source_ensure(Cx *, const SourceDraft *, Source *ret) MUST_USE;
Status source_get(Cx *, int64_t id, Source *ret) MUST_USE;
Status source_list(Cx *, const Source **ret, size_t *ret_n) MUST_USE;

typedef struct SourceCache SourceCache;
Status source_cache_new(Cx *, SourceCache **ret) MUST_USE;
void   source_cache_free(SourceCache *);
Status source_cache_load(Cx *, SourceCache *) MUST_USE;      /* again after every change but source_cache_put() */
/* All that can fail of telling the cache of a new source, before its transaction; put it after, or drop it. */
typedef struct SourceRoom SourceRoom;
Status source_cache_room(Cx *, const SourceDraft *, SourceRoom **ret) MUST_USE;
void   source_cache_put(SourceCache *, SourceRoom *, const Source *);
void   source_cache_drop(SourceRoom *);
/* NULL: no such key, or its source is archived. *ret_secret: it was the secret one. */
const Source *source_by_key(SourceCache *, Str key, bool *ret_secret);
const Source *source_by_number(SourceCache *, int number);
#endif
