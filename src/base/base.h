/* base: the vocabulary every other layer speaks. No SQL, no sockets.
 *
 * Everywhere: time is int64_t ms since 1970 UTC, an id is an int64_t from
 * id_new() and text like "per_..." only in JSON, money is int64_t minor units. */
#ifndef LIUKE_BASE_H
#define LIUKE_BASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE    __attribute__((warn_unused_result))
#define PRINTF(a, b) __attribute__((format(printf, a, b)))
#define AUTO(fn)    __attribute__((cleanup(fn)))
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LIST(T, ...) (const T[]){ __VA_ARGS__ }, sizeof((const T[]){ __VA_ARGS__ }) / sizeof(T)

/* A borrowed run of bytes: never NUL-terminated by promise, never owned. */
typedef struct Str { const char *p; size_t n; } Str;
#define S(lit) ((Str){ "" lit "", sizeof(lit) - 1 })      /* literals only */
#define S_INIT(lit) { "" lit "", sizeof(lit) - 1 }        /* the same in a static initialiser */
Str  str_z(const char *z);                   /* NULL: the empty Str */
bool str_is(Str, const char *z);
bool str_eq(Str, Str);
int  str_cmp(Str, Str);                      /* bytewise, as memcmp, the shorter first */
bool str_starts(Str, Str prefix);
Str  str_trim(Str);                          /* without ASCII white space at both ends */
Str  str_cut(Str *rest, char at);            /* what stands before at; *rest is what follows, or empty */
bool str_i64(Str, int64_t *ret);             /* all of it a decimal int64, or false */

typedef enum Status {
    ST_OK, ST_INVALID, ST_UNKNOWN_WHO, ST_DENIED, ST_NOT_FOUND, ST_CONFLICT,
    ST_LIMITED, ST_BUSY, ST_NO_MEM, ST_IO, ST_BUG,
    ST_MAX_
} Status;

/* What a person may be told: MSG_x is error code "x" and two texts in messages.def. */
typedef enum Msg {
#define M(id, zh, en) MSG_##id,
#include "base/messages.def"
#undef M
    MSG_MAX_
} Msg;
typedef enum Lang { LANG_ZH, LANG_EN, LANGS_ } Lang;

/* A message's parameter: a number, or text where text.p is set. */
typedef struct Param { const char *name; int64_t value; Str text; } Param;   /* name: static */
enum { PARAMS_MAX = 4 };
#define PARAMS(...) LIST(Param, __VA_ARGS__)
#define NO_PARAMS NULL, 0

/* Why the last call failed: fixed size, so that saying "no memory" needs none. */
typedef struct Why {
    Status st;
    Msg    msg;
    char   field[72];            /* empty: about no field; cut at the end, on a whole character */
    Param  params[PARAMS_MAX];   /* text lives in the Cx's arena or is static */
    size_t n_params;
    char   log[200];             /* for the log, never for the client */
} Why;

typedef struct Arena   Arena;    /* base/arena.h */
typedef struct Records Records;  /* store/records/records.h */
typedef struct Db      Db;

/* One request, one job or one test: passed first, never shared by two threads. */
typedef struct Cx {
    Arena   *arena;
    Records *records;            /* NULL where no records are needed */
    Db      *db;                 /* the connection in use; the records' own business */
    int64_t  now;                /* fixed for the whole request */
    int64_t  request;            /* id for the log's lines; 0 outside a request */
    Lang     lang;
    Why      why;
} Cx;

/* fail: a fault of ours, text for the log.  refuse: the caller's, told by msg; field is
 * copied.  Both leave the reason in cx->why and return the Status. */
Status fail(Cx *, Status, const char *fmt, ...) PRINTF(3, 4);
Status refuse(Cx *, Status, Str field, Msg, const Param *, size_t);
#ifdef __clang_analyzer__        /* which cannot see that they return what they are given, never OK */
#define fail(cx, st, ...)   (fail(cx, st, __VA_ARGS__), (st))
#define refuse(cx, st, ...) (refuse(cx, st, __VA_ARGS__), (st))
#endif
#define TRY(e) do { Status try_ = (e); if (try_ != ST_OK) return try_; } while (0)

const char *status_name(Status);             /* "OK", "INVALID" ... for logs and metrics */
const char *msg_code(Msg);                   /* "too_long" */
const char *msg_text(Msg, Lang);             /* with {params} still in it */
#endif
