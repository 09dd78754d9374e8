#include "store/events/dedupe.h"
#include "base/arena.h"
#include "store/events/le.h"
#include <stdatomic.h>
#include <xxhash.h>

enum { SHARDS = 1024, SHARD_FIRST = 8, PIECE_KEYS = 4096 };
/* Atomic for dedupe_prefetch() only, which looks from outside the lock and reads nothing through the pointer. */
typedef struct Shard { _Atomic(Hash128 *) slots; _Atomic uint32_t cap; uint32_t n; } Shard;
struct Dedupe { int64_t n; Shard shards[SHARDS]; };

/* Keys are keyed hashes already, but a caller may number its own: mix. */
static uint64_t mixed(Hash128 k)
{
    uint64_t h = (k.a ^ k.b * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}
static size_t shard_of(uint64_t h) { return (size_t)(h & (SHARDS - 1)); }
static uint32_t slot_of(uint64_t h, uint32_t cap) { return (uint32_t)((h >> 32) * cap >> 32); }
static bool same(Hash128 a, Hash128 b) { return a.a == b.a && a.b == b.b; }
static bool empty(Hash128 a) { return (a.a | a.b) == 0; }
static uint32_t next_slot(uint32_t i, uint32_t cap) { return i + 1 == cap ? 0 : i + 1; }

Dedupe *dedupe_new(void) { return mem_get(sizeof(Dedupe)); }
void dedupe_free(Dedupe *d)
{
    if (!d) return;
    for (size_t i = 0; i < SHARDS; i++) mem_free(d->shards[i].slots);
    mem_free(d);
}
int64_t dedupe_count(const Dedupe *d) { return d->n; }
void dedupe_prefetch(const Dedupe *d, Hash128 k)
{
    uint64_t h = mixed(k);
    const Shard *s = d->shards + shard_of(h);
    uint32_t cap = atomic_load_explicit(&s->cap, memory_order_relaxed);
    if (cap) __builtin_prefetch(atomic_load_explicit(&s->slots, memory_order_relaxed) + slot_of(h, cap));
}
static Hash128 *slots_of(const Shard *s) { return atomic_load_explicit(&s->slots, memory_order_relaxed); }
static uint32_t cap_of(const Shard *s) { return atomic_load_explicit(&s->cap, memory_order_relaxed); }
/* The slot that holds k, or the empty one where it belongs. */
static uint32_t find(const Hash128 *slots, uint32_t cap, uint64_t h, Hash128 k)
{
    uint32_t i = slot_of(h, cap);
    while (!empty(slots[i]) && !same(slots[i], k)) i = next_slot(i, cap);
    return i;
}
/* By a third: at most 3/4 full, 22 bytes a key on average. */
static bool grow(Shard *s)
{
    uint32_t was = cap_of(s), cap = was ? was + was / 3 + 1 : SHARD_FIRST;
    Hash128 *old = slots_of(s), *slots = cap > was ? mem_get(cap * sizeof *slots) : NULL;
    if (!slots) return false;
    for (uint32_t i = 0; i < was; i++)
        if (!empty(old[i])) slots[find(slots, cap, mixed(old[i]), old[i])] = old[i];
    atomic_store_explicit(&s->slots, slots, memory_order_relaxed);
    atomic_store_explicit(&s->cap, cap, memory_order_relaxed);
    mem_free(old);
    return true;
}
DedupeIs dedupe_add(Dedupe *d, Hash128 k)
{
    uint64_t h = mixed(k);
    Shard *s = d->shards + shard_of(h);
    uint32_t cap = cap_of(s), i = cap ? find(slots_of(s), cap, h, k) : 0;
    if (cap && !empty(slots_of(s)[i])) return DEDUPE_SAME;
    if ((uint64_t)(s->n + 1) * 4 > (uint64_t)cap * 3) {
        if (!grow(s)) return DEDUPE_NO_MEM;
        i = find(slots_of(s), cap_of(s), h, k);
    }
    slots_of(s)[i] = k;
    s->n++;
    d->n++;
    return DEDUPE_NEW;
}
/* Linear probing without tombstones: what follows moves up unless its own slot lies behind the hole. */
void dedupe_remove(Dedupe *d, Hash128 k)
{
    uint64_t h = mixed(k);
    Shard *s = d->shards + shard_of(h);
    Hash128 *slots = slots_of(s);
    uint32_t cap = cap_of(s);
    if (!cap) return;
    uint32_t hole = find(slots, cap, h, k), i = hole;
    if (empty(slots[hole])) return;
    for (;;) {
        i = next_slot(i, cap);
        if (empty(slots[i])) break;
        uint32_t home = slot_of(mixed(slots[i]), cap);
        if (hole <= i ? hole < home && home <= i : hole < home || home <= i) continue;
        slots[hole] = slots[i];
        hole = i;
    }
    slots[hole] = (Hash128){ 0 };
    s->n--;
    d->n--;
}

/* "liukeids" version 0 | n newest | check of the head | pieces: up to 4096 keys and their check, seeded with its
 * number */
static const char magic[8] = { 'l', 'i', 'u', 'k', 'e', 'i', 'd', 's' };
enum { VERSION = 1, AT_N = 16, AT_NEWEST = 24, AT_CHECK = 32, HEAD = 40, PIECE_BYTES = PIECE_KEYS * 16 + 8 };

static uint64_t check_of(const char *keys, size_t n, int64_t piece)
{
    return XXH3_64bits_withSeed(keys, n * sizeof(Hash128), (XXH64_hash_t)piece);
}
static Status pieces_write(Cx *cx, Fs fs, FsFile *f, char *piece, const Hash128 *keys, size_t n, int64_t newest)
{
    memset(piece, 0, HEAD);
    memcpy(piece, magic, sizeof magic);
    le_put32(piece + 8, VERSION);
    le_put64(piece + AT_N, n);
    le_put64(piece + AT_NEWEST, (uint64_t)newest);
    le_put64(piece + AT_CHECK, XXH3_64bits(piece, AT_CHECK));
    TRY(fs.ops->pwrite(cx, f, (Str){ piece, HEAD }, 0));
    for (int64_t i = 0; n; i++) {
        size_t k = n < PIECE_KEYS ? n : PIECE_KEYS;
        memcpy(piece, keys, k * sizeof *keys);
        le_put64(piece + k * sizeof *keys, check_of(piece, k, i));
        TRY(fs.ops->pwrite(cx, f, (Str){ piece, k * sizeof *keys + 8 }, HEAD + i * PIECE_BYTES));
        keys += k;
        n -= k;
    }
    return fs.ops->sync(cx, f);
}
static Status write_all(Cx *cx, Fs fs, const char *tmp, const Hash128 *keys, size_t n, int64_t newest)
{
    FsFile *f;
    char *piece = mem_get(PIECE_BYTES);
    if (!piece) return fail(cx, ST_NO_MEM, "message ids");
    Status st = fs.ops->open(cx, fs.self, tmp, FS_CREATE, &f);
    if (st == ST_OK) {
        st = pieces_write(cx, fs, f, piece, keys, n, newest);
        fs.ops->close(f);
    }
    mem_free(piece);
    return st;
}
Status dedupe_write(Cx *cx, Fs fs, const char *dir, const char *name, const Hash128 *keys, size_t n, int64_t newest)
{
    const char *path, *tmp;
    TRY(fs_path(cx, dir, name, "", &path));
    TRY(fs_path(cx, dir, name, ".tmp", &tmp));
    Status st = fs.ops->unlink(cx, fs.self, tmp);         /* what a crash may have left */
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    TRY(write_all(cx, fs, tmp, keys, n, newest));
    TRY(fs.ops->rename(cx, fs.self, tmp, path));
    return fs.ops->sync_dir(cx, fs.self, dir);
}
static Status pieces_read(Cx *cx, Fs fs, FsFile *f, char *piece, int64_t left, DedupeEach *each, void *arg)
{
    for (int64_t i = 0; left > 0; i++) {
        size_t n = left < PIECE_KEYS ? (size_t)left : PIECE_KEYS, bytes = n * sizeof(Hash128), got;
        TRY(fs.ops->pread(cx, f, piece, bytes + 8, HEAD + i * PIECE_BYTES, &got));
        if (got != bytes + 8 || le_get64(piece + bytes) != check_of(piece, n, i))
            return fail(cx, ST_IO, "ids: damaged");
        TRY(each(cx, arg, (const Hash128 *)(const void *)piece, n));
        left -= (int64_t)n;
    }
    return ST_OK;
}
static Status file_read(Cx *cx, Fs fs, FsFile *f, DedupeEach *each, void *arg, DedupeFile *ret)
{
    char head[HEAD];
    size_t got;
    TRY(fs.ops->pread(cx, f, head, HEAD, 0, &got));
    if (got != HEAD || memcmp(head, magic, sizeof magic) != 0 || le_get32(head + 8) != VERSION ||
        le_get64(head + AT_CHECK) != XXH3_64bits(head, AT_CHECK)) return fail(cx, ST_IO, "ids: damaged head");
    *ret = (DedupeFile){ .n = (int64_t)le_get64(head + AT_N), .newest = (int64_t)le_get64(head + AT_NEWEST) };
    if (!each) return ST_OK;
    char *piece = mem_get(PIECE_BYTES);
    if (!piece) return fail(cx, ST_NO_MEM, "message ids");
    Status st = pieces_read(cx, fs, f, piece, ret->n, each, arg);
    mem_free(piece);
    return st;
}
Status dedupe_read(Cx *cx, Fs fs, const char *dir, const char *name, DedupeEach *each, void *arg, DedupeFile *ret)
{
    const char *path;
    FsFile *f;
    TRY(fs_path(cx, dir, name, "", &path));
    TRY(fs.ops->open(cx, fs.self, path, FS_READ, &f));
    Status st = file_read(cx, fs, f, each, arg, ret);
    fs.ops->close(f);
    return st;
}
