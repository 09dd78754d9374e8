#include "store/events/presence_moved.h"
#include "base/arena.h"
#include "base/limits.h"
#include <string.h>
#include <xxhash.h>

enum { CHAINS = 4096 };
struct PresenceKeep {
    pthread_mutex_t lock;
    PresenceCol *chains[CHAINS], *newest, *oldest;
    size_t bytes;                /* of columns */
    PresenceMoved *moved;
    size_t moved_rows;
};

PresenceKeep *presence_keep_new(void)
{
    PresenceKeep *k = mem_get(sizeof *k);
    if (k) pthread_mutex_init(&k->lock, NULL);
    return k;
}
void presence_col_done(PresenceCol *c)
{
    if (c && --c->refs == 0) mem_free(c);
}
void presence_keep_free(PresenceKeep *k)
{
    if (!k) return;
    for (PresenceCol *c = k->newest, *next; c; c = next) {
        next = c->older;
        presence_col_done(c);
    }
    for (PresenceMoved *m = k->moved, *next; m; m = next) {
        next = m->next;
        presence_moved_done(m);
    }
    pthread_mutex_destroy(&k->lock);
    mem_free(k);
}
static bool same(const PresenceKey *a, const PresenceKey *b)
{
    return a->segment == b->segment && a->from == b->from && a->to == b->to && a->name == b->name && a->hide == b->hide;
}
static PresenceCol **chain_of(PresenceKeep *k, const PresenceKey *key)
{
    return &k->chains[XXH3_64bits(key, sizeof *key) % CHAINS];
}
static void unlink_col(PresenceKeep *k, PresenceCol *c)
{
    if (c->newer) c->newer->older = c->older;
    else k->newest = c->older;
    if (c->older) c->older->newer = c->newer;
    else k->oldest = c->newer;
    c->newer = c->older = NULL;
}
static void link_newest(PresenceKeep *k, PresenceCol *c)
{
    c->older = k->newest;
    if (k->newest) k->newest->newer = c;
    else k->oldest = c;
    k->newest = c;
}
static PresenceCol *find(PresenceKeep *k, const PresenceKey *key)
{
    PresenceCol *c = *chain_of(k, key);
    while (c && !same(&c->key, key)) c = c->chain;
    return c;
}
PresenceCol *presence_keep_find(PresenceKeep *k, const PresenceKey *key)
{
    pthread_mutex_lock(&k->lock);
    PresenceCol *c = find(k, key);
    if (c) {
        unlink_col(k, c);
        link_newest(k, c);
        c->refs++;
    }
    pthread_mutex_unlock(&k->lock);
    return c;
}
PresenceCol *presence_col_new(const PresenceKey *key, uint32_t pieces, size_t so_far)
{
    size_t bytes = sizeof(PresenceCol) + (size_t)PRESENCE_LANES * pieces * PRESENCE_PIECE_WORDS * sizeof(uint64_t);
    if (so_far + bytes > PRESENCE_KEEP_BYTES) return NULL;
    PresenceCol *c = mem_get(bytes);
    if (!c) return NULL;
    c->key = *key;
    c->pieces = pieces;
    c->bytes = bytes;
    c->refs = 1;
    return c;
}
static void drop_oldest(PresenceKeep *k)
{
    PresenceCol *c = k->oldest, **at = chain_of(k, &c->key);
    while (*at != c) at = &(*at)->chain;
    *at = c->chain;
    unlink_col(k, c);
    k->bytes -= c->bytes;
    presence_col_done(c);
}
void presence_keep_add(PresenceKeep *k, PresenceCol *c)
{
    pthread_mutex_lock(&k->lock);
    if (!find(k, &c->key)) {                               /* somebody else may have asked the same meanwhile */
        PresenceCol **chain = chain_of(k, &c->key);
        c->chain = *chain;
        *chain = c;
        link_newest(k, c);
        c->refs++;
        k->bytes += c->bytes;
        while (k->bytes > PRESENCE_KEEP_BYTES) drop_oldest(k);
    }
    pthread_mutex_unlock(&k->lock);
}
size_t presence_keep_bytes(PresenceKeep *k)
{
    pthread_mutex_lock(&k->lock);
    size_t n = k->bytes;
    pthread_mutex_unlock(&k->lock);
    return n;
}

/* ---- moved people ---- */

PresenceMoved *presence_keep_moved(PresenceKeep *k, int64_t segment, uint64_t moves)
{
    pthread_mutex_lock(&k->lock);
    PresenceMoved *m = k->moved;
    while (m && (m->segment != segment || m->moves != moves)) m = m->next;
    if (m) m->refs++;
    pthread_mutex_unlock(&k->lock);
    return m;
}
static void drop_moved(PresenceKeep *k, PresenceMoved **at)
{
    PresenceMoved *m = *at;
    *at = m->next;
    k->moved_rows -= m->n;
    presence_moved_done(m);
}
void presence_keep_add_moved(PresenceKeep *k, PresenceMoved *m)
{
    if (m->n > PRESENCE_MOVED_MAX) return;
    pthread_mutex_lock(&k->lock);
    for (PresenceMoved **at = &k->moved; *at;) {
        if ((*at)->segment == m->segment) drop_moved(k, at);
        else at = &(*at)->next;
    }
    while (k->moved && k->moved_rows + m->n > PRESENCE_MOVED_MAX) {       /* the oldest stands last */
        PresenceMoved **at = &k->moved;
        while ((*at)->next) at = &(*at)->next;
        drop_moved(k, at);
    }
    m->next = k->moved;
    k->moved = m;
    k->moved_rows += m->n;
    m->refs++;
    pthread_mutex_unlock(&k->lock);
}
