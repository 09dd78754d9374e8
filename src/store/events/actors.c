#include "store/events/actors.h"
#include "base/arena.h"
#include <string.h>
#include <xxhash.h>

enum { PAGE_BITS = 14, PAGE_KEYS = 1 << PAGE_BITS, PAGES = 1 << (32 - PAGE_BITS), FRAME_KEYS = 1 << 16,
    SLOTS_FIRST = 1024 };
static const uint32_t FRAME_MAGIC = 0x314b414c;            /* "LAK1" */

typedef struct FrameHead { uint32_t magic, n; uint64_t keys_check, check; } FrameHead;   /* stored, then n keys */

struct Actors {
    Fs       fs;
    char    *path, *dir;
    Hash128 *page[PAGES];                                 /* pages never move: readers need no lock */
    uint32_t n, n_slots, *slots;                          /* slot: number + 1; 0: empty */
    int64_t  end;                                         /* bytes of the file that count */
    int64_t  pending_end;
    uint32_t written;                                     /* keys in them */
    bool     damaged;
};

uint32_t actors_count(const Actors *a) { return a->n; }
uint32_t actors_counted(const Actors *a) { return a->written; }
bool     actors_damaged(const Actors *a) { return a->damaged; }
Hash128  actors_key(const Actors *a, uint32_t i) { return a->page[i >> PAGE_BITS][i & (PAGE_KEYS - 1)]; }

static uint32_t *slot_of(const Actors *a, Hash128 k)
{
    for (uint32_t i = (uint32_t)(k.a ^ k.b >> 7) & (a->n_slots - 1);; i = (i + 1) & (a->n_slots - 1)) {
        if (a->slots[i] == 0) return a->slots + i;
        Hash128 got = actors_key(a, a->slots[i] - 1);
        if (got.a == k.a && got.b == k.b) return a->slots + i;
    }
}
static Status slots_grow(Cx *cx, Actors *a)
{
    if (a->n < a->n_slots / 2) return ST_OK;
    uint32_t *old = a->slots, n_old = a->n_slots, n = n_old ? n_old * 2 : SLOTS_FIRST;
    uint32_t *slots = mem_get((size_t)n * sizeof *slots);
    if (!slots) return fail(cx, ST_NO_MEM, "actors: %u slots", n);
    a->slots = slots;
    a->n_slots = n;
    for (uint32_t i = 0; i < n_old; i++)
        if (old[i]) *slot_of(a, actors_key(a, old[i] - 1)) = old[i];
    mem_free(old);
    return ST_OK;
}
static Status key_add(Cx *cx, Actors *a, Hash128 k)
{
    Hash128 **page = &a->page[a->n >> PAGE_BITS];
    if (a->n == UINT32_MAX - 1) return fail(cx, ST_LIMITED, "actors: numbers are used up");
    if (!*page && !(*page = mem_get(sizeof(Hash128) * PAGE_KEYS))) return fail(cx, ST_NO_MEM, "actors: a page");
    (*page)[a->n & (PAGE_KEYS - 1)] = k;
    return ST_OK;
}
bool actors_find(const Actors *a, Hash128 k, uint32_t *ret)
{
    uint32_t *slot = a->n_slots ? slot_of(a, k) : NULL;
    if (!slot || *slot == 0) return false;
    *ret = *slot - 1;
    return true;
}
Status actors_number(Cx *cx, Actors *a, Hash128 k, uint32_t *ret)
{
    TRY(slots_grow(cx, a));
    uint32_t *slot = slot_of(a, k);
    if (*slot == 0) {
        TRY(key_add(cx, a, k));
        *slot = ++a->n;
    }
    *ret = *slot - 1;
    return ST_OK;
}

static uint64_t head_check(const FrameHead *h) { return XXH3_64bits(h, offsetof(FrameHead, check)); }
static Status lost(Cx *cx, Actors *a, uint32_t n)
{
    a->damaged = true;
    for (uint32_t i = 0; i < n; i++, a->n++) TRY(key_add(cx, a, (Hash128){ 0, 0 }));
    return ST_OK;
}
static Status frame_keys(Cx *cx, Actors *a, const Hash128 *keys, uint32_t n)
{
    uint32_t number;
    for (uint32_t i = 0; i < n; i++) {
        if (actors_find(a, keys[i], &number)) TRY(lost(cx, a, 1));     /* twice: only after damage */
        else TRY(actors_number(cx, a, keys[i], &number));
    }
    return ST_OK;
}
static Status frame_read(Cx *cx, Actors *a, FsFile *f, Hash128 *room, uint32_t counted)
{
    FrameHead h;
    size_t got;
    uint32_t left = counted - a->n;
    TRY(a->fs.ops->pread(cx, f, &h, sizeof h, a->end, &got));
    if (got < sizeof h || h.magic != FRAME_MAGIC || h.check != head_check(&h) || h.n == 0 || h.n > FRAME_KEYS ||
        h.n > left)
        return lost(cx, a, left);                         /* where the next frame begins is not known */
    TRY(a->fs.ops->pread(cx, f, room, h.n * sizeof *room, a->end + (int64_t)sizeof h, &got));
    a->end += (int64_t)(sizeof h + h.n * sizeof *room);
    if (got < h.n * sizeof *room || XXH3_64bits(room, h.n * sizeof *room) != h.keys_check) return lost(cx, a, h.n);
    return frame_keys(cx, a, room, h.n);
}
static Status file_read(Cx *cx, Actors *a, uint32_t counted)
{
    FsFile *f;
    if (counted == 0) return ST_OK;
    Status st = a->fs.ops->open(cx, a->fs.self, a->path, FS_READ, &f);
    if (st == ST_NOT_FOUND) return lost(cx, a, counted);
    TRY(st);
    Hash128 *room = mem_get(sizeof *room * FRAME_KEYS);
    st = room ? ST_OK : fail(cx, ST_NO_MEM, "actors: a frame");
    while (st == ST_OK && a->n < counted) st = frame_read(cx, a, f, room, counted);
    mem_free(room);
    int64_t size;
    if (st == ST_OK) st = a->fs.ops->size(cx, f, &size);
    if (st == ST_OK && a->damaged && size > a->end) a->end = size;     /* never write over what may be mended by hand */
    a->fs.ops->close(f);
    return st;
}
static char *heap_text(const char *z)
{
    char *p = mem_get(strlen(z) + 1);
    return p ? memcpy(p, z, strlen(z) + 1) : NULL;
}
Status actors_open(Cx *cx, Fs fs, const char *dir, int64_t counted, Actors **ret)
{
    const char *path;
    TRY(fs_path(cx, dir, "actors", "", &path));
    if (counted < 0 || counted >= UINT32_MAX) return fail(cx, ST_IO, "manifest: %lld actors", (long long)counted);
    Actors *a = mem_get(sizeof *a);
    if (!a) return fail(cx, ST_NO_MEM, "actors");
    a->fs = fs;
    a->path = heap_text(path);
    a->dir = heap_text(dir);
    Status st = a->path && a->dir ? slots_grow(cx, a) : fail(cx, ST_NO_MEM, "actors: path");
    if (st == ST_OK) st = file_read(cx, a, (uint32_t)counted);
    if (st != ST_OK) {
        actors_close(a);
        return st;
    }
    a->written = a->n;
    a->pending_end = a->end;
    *ret = a;
    return ST_OK;
}
void actors_close(Actors *a)
{
    if (!a) return;
    for (size_t i = 0; i < PAGES && a->page[i]; i++) mem_free(a->page[i]);
    mem_free(a->slots);
    mem_free(a->path);
    mem_free(a->dir);
    mem_free(a);
}
static Status frame_write(Cx *cx, Actors *a, FsFile *f, uint32_t from, uint32_t n, char *room)
{
    FrameHead h = { .magic = FRAME_MAGIC, .n = n };
    Hash128 *keys = (Hash128 *)(void *)(room + sizeof h);
    size_t bytes = sizeof h + n * sizeof *keys;
    for (uint32_t i = 0; i < n; i++) keys[i] = actors_key(a, from + i);
    h.keys_check = XXH3_64bits(keys, n * sizeof *keys);
    h.check = head_check(&h);
    memcpy(room, &h, sizeof h);
    TRY(a->fs.ops->pwrite(cx, f, (Str){ room, bytes }, a->pending_end));
    a->pending_end += (int64_t)bytes;
    return ST_OK;
}
static Status file_open(Cx *cx, Actors *a, FsFile **ret)
{
    Status st = a->fs.ops->open(cx, a->fs.self, a->path, FS_WRITE, ret);
    if (st != ST_NOT_FOUND) return st;
    TRY(a->fs.ops->open(cx, a->fs.self, a->path, FS_CREATE, ret));
    st = a->fs.ops->sync_dir(cx, a->fs.self, a->dir);
    if (st != ST_OK) a->fs.ops->close(*ret);
    return st;
}
Status actors_write(Cx *cx, Actors *a, uint32_t upto)
{
    FsFile *f;
    if (upto <= a->written) return ST_OK;
    TRY(file_open(cx, a, &f));
    a->pending_end = a->end;
    char *room = mem_get(sizeof(FrameHead) + sizeof(Hash128) * FRAME_KEYS);
    Status st = room ? ST_OK : fail(cx, ST_NO_MEM, "actors: a frame");
    for (uint32_t at = a->written, n; st == ST_OK && at < upto; at += n) {
        n = upto - at < FRAME_KEYS ? upto - at : FRAME_KEYS;
        st = frame_write(cx, a, f, at, n, room);
    }
    if (st == ST_OK) st = a->fs.ops->sync(cx, f);
    mem_free(room);
    a->fs.ops->close(f);
    return st;
}
void actors_commit(Actors *a, uint32_t upto)
{
    if (upto <= a->written) return;
    a->end = a->pending_end;
    a->written = upto;
}
