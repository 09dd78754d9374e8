#include "http/serve.h"
#include <pthread.h>
#include <string.h>

/* Eight buckets share a row; a newcomer takes the place of the one that was quiet longest. With 16,384 buckets an
 * attacker needs that many addresses to make a client's count be forgotten, and then forgets only counts. */
enum { ROWS = 2048, WAYS = 8 };
typedef struct Bucket { uint64_t key; int64_t at; double tokens; } Bucket;
static Bucket table[ROWS][WAYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* FNV-1a: a spread over rows, nothing that must resist forging. */
static uint64_t hash(const Route *route, Str addr)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)(uintptr_t)route;
    for (size_t i = 0; i < addr.n; i++) h = (h ^ (unsigned char)addr.p[i]) * UINT64_C(1099511628211);
    h = (h ^ (h >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (h ^ (h >> 32)) | 1;
}
static Bucket *find(Bucket *row, uint64_t key)
{
    Bucket *oldest = row;
    for (Bucket *b = row; b < row + WAYS; b++) {
        if (b->key == key) return b;
        if (b->at < oldest->at) oldest = b;
    }
    *oldest = (Bucket){ 0 };
    return oldest;
}
/* An IPv6 client has a /64 to itself: the text before the fourth colon stands for it. */
static Str client_of(Str addr)
{
    size_t colons = 0;
    for (size_t i = 0; i < addr.n; i++)
        if (addr.p[i] == ':' && ++colons == 4) return (Str){ addr.p, i };
    return addr;
}
bool rate_take(const Route *route, Str addr, int64_t now)
{
    uint64_t key = hash(route, client_of(addr));
    size_t at = (size_t)(key >> 1) % ROWS;
    double most = route->rate, per_ms = most / (route->rate_seconds > 0 ? route->rate_seconds * 1000.0 : 1000.0);

    pthread_mutex_lock(&lock);
    Bucket *b = find(table[at], key);
    if (b->key != key) *b = (Bucket){ .key = key, .at = now, .tokens = most };
    if (now > b->at) b->tokens += (double)(now - b->at) * per_ms;
    if (b->tokens > most) b->tokens = most;
    if (now > b->at) b->at = now;
    bool fine = b->tokens >= 1;
    if (fine) b->tokens -= 1;
    pthread_mutex_unlock(&lock);
    return fine;
}
