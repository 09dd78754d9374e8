#include "store/events/seen.h"
#include "base/arena.h"
#include <string.h>

enum { SHARDS = 1024, BUCKET = 6, LINE = 64, FULL_OF_100 = 85, FIRST = 2, TOP = 48 };
/* One line of the cache. over: some key that belongs here stands in a bucket after it. */
typedef struct Bucket { uint64_t low[BUCKET]; uint16_t high[BUCKET]; uint8_t n, over; } Bucket;
_Static_assert(sizeof(Bucket) == LINE, "a bucket is a line of the cache");
typedef struct Shard { Bucket *p; void *heap; uint32_t cap, n; } Shard;
struct Seen { Shard shards[SHARDS]; int64_t n; size_t bytes; };

Seen *seen_new(void) { return mem_get(sizeof(Seen)); }
void seen_free(Seen *s)
{
    if (!s) return;
    for (size_t i = 0; i < SHARDS; i++) mem_free(s->shards[i].heap);
    mem_free(s);
}
int64_t seen_count(const Seen *s) { return s->n; }
size_t seen_bytes(const Seen *s) { return sizeof *s + s->bytes; }

static size_t shard_of(Hash128 k) { return (size_t)(k.a & (SHARDS - 1)); }
static uint32_t home_of(uint64_t low, uint32_t cap) { return (uint32_t)((low >> 32) * cap >> 32); }
static uint16_t high_of(Hash128 k) { return (uint16_t)(k.a >> TOP); }
void seen_prefetch(const Seen *s, Hash128 k)
{
    const Shard *h = &s->shards[shard_of(k)];
    if (h->cap) __builtin_prefetch(h->p + home_of(k.b, h->cap));
}
static bool bucket_has(const Bucket *b, uint64_t low, uint16_t high)
{
    for (uint32_t i = 0; i < b->n; i++) if (b->low[i] == low && b->high[i] == high) return true;
    return false;
}
bool seen_has(const Seen *s, Hash128 k)
{
    const Shard *h = &s->shards[shard_of(k)];
    if (!h->cap) return false;
    for (uint32_t i = home_of(k.b, h->cap);; i = i + 1 == h->cap ? 0 : i + 1) {
        if (bucket_has(&h->p[i], k.b, high_of(k))) return true;
        if (!h->p[i].over) return false;
    }
}
static void put(Bucket *p, uint32_t cap, uint64_t low, uint16_t high)
{
    uint32_t i = home_of(low, cap);
    for (; p[i].n == BUCKET; i = i + 1 == cap ? 0 : i + 1) p[i].over = 1;
    p[i].low[p[i].n] = low;
    p[i].high[p[i].n++] = high;
}
/* By a quarter; a shard at a time, so that no key waits for all of them. */
static bool grow(Seen *s, Shard *h)
{
    uint32_t cap = h->cap ? h->cap + h->cap / 4 + 1 : FIRST;
    char *heap = mem_get((size_t)cap * sizeof(Bucket) + LINE);
    if (!heap) return false;
    Bucket *p = (Bucket *)(void *)(heap + (LINE - (uintptr_t)heap % LINE) % LINE);
    for (uint32_t i = 0; i < h->cap; i++)
        for (uint32_t k = 0; k < h->p[i].n; k++) put(p, cap, h->p[i].low[k], h->p[i].high[k]);
    s->bytes += (size_t)(cap - h->cap) * sizeof *p + (h->heap ? 0 : LINE);
    mem_free(h->heap);
    *h = (Shard){ .p = p, .heap = heap, .cap = cap, .n = h->n };
    return true;
}
bool seen_add(Seen *s, Hash128 k)
{
    Shard *h = &s->shards[shard_of(k)];
    if (seen_has(s, k)) return true;
    if (((uint64_t)h->n + 1) * 100 > (uint64_t)h->cap * BUCKET * FULL_OF_100 && !grow(s, h)) return false;
    put(h->p, h->cap, k.b, high_of(k));
    h->n++;
    s->n++;
    return true;
}
