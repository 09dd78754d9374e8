/* events: the behaviour store. What is appended is durable when acknowledged, and every question
 * reads a snapshot of everything acknowledged before it.
 *
 *     append → wal (group commit, fsync) → tail → segment (flush) → bigger segment (merge)
 *     ask    → snapshot → per lane: selectors → fold → merge results → answer
 *
 * An actor is one anonymous or known id (128-bit keyed hash); a person owns one or more actors, and is
 * named by one of them, its root. Joining and undoing change the actor → person map, never stored events.
 * The stored forms are drawn in docs/storage.md. Any thread may call anything here. */
#ifndef LIUKE_EVENTS_H
#define LIUKE_EVENTS_H
#include "base/clock.h"
#include "base/crypto.h"
#include "base/fs.h"

typedef struct Events Events;
typedef struct EventsConfig {
    Fs          fs;
    const char *dir;             /* made when missing */
    const char *zone;            /* the product's day, for stored bitmaps; NULL: UTC */
    size_t      tail_bytes;      /* flush when the tail holds more; 0: 64 MiB */
    bool        quiet;           /* no threads of its own but the log's: tests call events_flush() and events_merge() */
    size_t      log_file_bytes;  /* 0: LOG_FILE_BYTES; tests roll sooner */
} EventsConfig;

typedef enum PropKind { PROP_NULL, PROP_BOOL, PROP_INT, PROP_DOUBLE, PROP_STR, PROP_LIST } PropKind;   /* stored */
typedef struct Prop {
    Str     name;                /* dotted for nested objects */
    uint8_t kind;
    union { bool b; int64_t i; double d; Str s; struct { const Str *p; size_t n; } list; };
} Prop;

enum { TRUST_PUBLIC, TRUST_SESSION, TRUST_SECRET, TRUST_LIUKE };             /* stored; decisions: trust of an event */
enum { EVENT_SERVICE = 1, EVENT_TEST = 2, EVENT_BOT = 4, EVENT_IMPORT = 8 }; /* stored flags */

typedef struct Event {
    uint16_t source;             /* number of the source, 1.. */
    uint8_t  trust, flags;
    Hash128  actor;
    Hash128  message;            /* key of (source, message id); zero: not checked for sameness */
    Str      name;
    int64_t  time;               /* when it happened, corrected */
    int64_t  received, claimed, sent;   /* our clock; the client's two; 0: unknown */
    const Prop *props; size_t n_props;
    Str      sealed;             /* kept in the log only (the raw address, sealed); may be empty */
} Event;

/* anon → user. Evaluated in log order, so that a replay decides the same: takes effect only if anon is
 * nobody else's and the user has fewer than JOINS_PUBLIC_MAX public ones; else anon is marked shared. */
typedef struct Join { int64_t id; Hash128 anon, user; int64_t time; uint8_t trust; } Join;
typedef struct Unjoin { int64_t id, join; int64_t time; } Unjoin;
enum { PERSON_ERASED = 1, PERSON_NO_ANALYTICS = 2, PERSON_NO_PERSONALISATION = 4, PERSON_STAFF = 8, PERSON_BOT = 16 };
typedef struct Flag { Hash128 actor; uint8_t set, clear; int64_t time; } Flag;

typedef enum EntryKind { ENTRY_EVENT = 1, ENTRY_JOIN, ENTRY_UNJOIN, ENTRY_FLAG } EntryKind;             /* stored */
typedef struct Entry { EntryKind kind; union { Event event; Join join; Unjoin unjoin; Flag flag; }; } Entry;

/* Opens, recovers a torn tail of the log, replays what segments do not hold. */
Status events_open(Cx *, const EventsConfig *, Events **ret) MUST_USE;
void   events_close(Events *);                   /* commits what waits; NULL is fine */

/* One call is one frame: after a power cut all of it is there or none. An event whose message key is in the
 * window is dropped and ret_same[i] set (ret_same may be NULL). done runs once on the log's thread when all of it, and
 * any original it repeats, is durable (OK) or was not written (IO; NO_MEM, BUSY where that was why). On a Status
 * other than OK done is not called. BUSY: the queue is full (also with a full tail). LIMITED event_names / prop_names
 * with .field naming it: past a source's limit (nothing of this call is written). Cost: one hash probe and one copy
 * per event. */
typedef void EventsDone(void *arg, Status);
Status events_append(Cx *, Events *, const Entry *, size_t n, bool *ret_same, EventsDone *, void *arg) MUST_USE;
struct Batch;                                    /* batch.h */
Status events_append_batch(Cx *, Events *, const struct Batch *, bool *ret_same, EventsDone *, void *arg) MUST_USE;
/* Take the names of these entries, as an append does before it writes: LIMITED says which one is too many. For who
 * wants to know one by one. */
Status events_names(Cx *, Events *, const Entry *, size_t n) MUST_USE;
/* blocks until durable */
Status events_append_wait(Cx *, Events *, const Entry *, size_t n, bool *ret_same) MUST_USE;

/* Read durable entries in log order from a position (0: the oldest kept). Slices live during the call.
 * each returns OK to go on; NOT_FOUND stops without error, and that entry comes again. ret_next is where to go on
 * from; equal to from: nothing new. */
typedef Status EventsEach(Cx *, void *arg, int64_t pos, const Entry *);
Status events_read(Cx *, Events *, int64_t from, EventsEach *, void *arg, int64_t *ret_next) MUST_USE;
/* The same with events' properties left out (n_props 0), at a third of the cost. */
Status events_read_heads(Cx *, Events *, int64_t from, EventsEach *, void *arg, int64_t *ret_next) MUST_USE;
int64_t events_end(Events *);                    /* position after the last durable entry */
bool   events_wait(Events *, int64_t past, int64_t timeout_ms);   /* until events_end() > past; false: time-out */
void   events_keep_from(Events *, int64_t pos);  /* log files before it may go (when flushed and old enough) */

Status events_flush(Cx *, Events *) MUST_USE;    /* the tail into segments, now; nothing to do is OK */
Status events_merge(Cx *, Events *) MUST_USE;    /* one merge step where one is due; NOT_FOUND: none is */

typedef struct EventsStats {
    int64_t events, actors, people, segments, segment_bytes, tail_events, log_bytes, oldest, newest, window_ids,
        quarantined;
} EventsStats;
Status events_stats(Cx *, Events *, EventsStats *ret) MUST_USE;

/* Grows whenever an answer could be another: something was appended, imported, flushed or merged. */
int64_t events_version(Events *);
Hash128 events_root(Events *, Hash128 actor);    /* the person's root; the actor itself when joined to nothing */
Status events_actors(Cx *, Events *, Hash128 root, const Hash128 **ret, size_t *ret_n) MUST_USE;   /* all of a person */
/* A person's events, newest first, before a time, at most limit; slices live in the arena. */
Status events_timeline(Cx *, Events *, Hash128 root, int64_t before, size_t limit, const Event **ret,
    size_t *ret_n) MUST_USE;
/* Every event of a snapshot, by lane, person and time; root is the person's. For export. NOT_FOUND from each stops. */
typedef Status EventsRow(Cx *, void *arg, Hash128 root, const Event *);
Status events_scan(Cx *, Events *, int64_t from, int64_t to, EventsRow *, void *arg) MUST_USE;
#endif
