/* dedupe: the exact set of message keys an event is checked against, and its files.
 *
 * In memory an open-addressing table of whole 128-bit keys in 1024 shards that grow one by one, so that no append
 * waits for a big rehash: 22 bytes a key. Each log file has a file of its keys, wal-<start>.ids, made
 * when the log file is full; it lets a start load the window without reading the log, and outlives the log file.
 * Not thread safe: the log holds its lock around every call but the files'. */
#ifndef LIUKE_DEDUPE_H
#define LIUKE_DEDUPE_H
#include "base/crypto.h"
#include "base/fs.h"

typedef struct Dedupe Dedupe;
typedef enum DedupeIs { DEDUPE_NEW, DEDUPE_SAME, DEDUPE_NO_MEM } DedupeIs;
Dedupe  *dedupe_new(void);                        /* NULL: no memory */
void     dedupe_free(Dedupe *);
DedupeIs dedupe_add(Dedupe *, Hash128);           /* not the zero key */
void     dedupe_remove(Dedupe *, Hash128);        /* fine when it is not there */
void     dedupe_prefetch(const Dedupe *, Hash128);        /* any thread, without the lock */
int64_t  dedupe_count(const Dedupe *);

typedef struct DedupeFile { int64_t n, newest; } DedupeFile;      /* keys; when the newest was appended, ms */
Status dedupe_write(Cx *, Fs, const char *dir, const char *name, const Hash128 *, size_t n, int64_t newest) MUST_USE;
/* Gives the keys in pieces (NULL: reads the head alone), each checked before; ret is set once the head is read.
 * IO: damaged; sound pieces before that were given. */
typedef Status DedupeEach(Cx *, void *arg, const Hash128 *, size_t n);
Status dedupe_read(Cx *, Fs, const char *dir, const char *name, DedupeEach *, void *arg, DedupeFile *ret) MUST_USE;
#endif
