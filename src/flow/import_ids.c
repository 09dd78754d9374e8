#include "flow/import_ids.h"
#include "base/arena.h"
#include <string.h>
#include <xxhash.h>

enum { INLINE = 23, LONG = 255, SLOTS_FIRST = 1024, IDS_BYTES = 96 << 20 };
/* n: of the text; 0: empty; LONG: long_p and long_n say where it is, on the heap. */
typedef struct ImportId {
    uint32_t check, actor;
    union { struct { uint8_t n; char text[INLINE]; }; struct { uint8_t n_; uint32_t long_n; char *long_p; }; };
} ImportId;
_Static_assert(sizeof(ImportId) == 32, "two slots a line of the cache");

uint64_t import_ids_hash(Str s) { return XXH3_64bits(s.p, s.n); }
void import_ids_soon(const ImportIds *ids, uint64_t hash)
{
    if (ids->cap) __builtin_prefetch(ids->slots + (hash & (ids->cap - 1)));
}
static bool same(const ImportId *i, uint32_t check, Str s)
{
    if (i->check != check) return false;
    if (i->n != LONG) return i->n == s.n && memcmp(i->text, s.p, s.n) == 0;
    return i->long_n == s.n && memcmp(i->long_p, s.p, s.n) == 0;
}
bool import_ids_find(const ImportIds *ids, uint64_t hash, Str s, uint32_t *ret)
{
    if (ids->cap == 0 || s.n == 0) return false;
    for (size_t i = hash & (ids->cap - 1); ids->slots[i].n; i = (i + 1) & (ids->cap - 1)) {
        if (!same(&ids->slots[i], (uint32_t)(hash >> 32), s)) continue;
        *ret = ids->slots[i].actor;
        return true;
    }
    return false;
}
static ImportId *empty_slot(ImportId *slots, size_t cap, uint64_t hash)
{
    size_t i = hash & (cap - 1);
    while (slots[i].n) i = (i + 1) & (cap - 1);
    return slots + i;
}
static Str text_of(const ImportId *i)
{
    return i->n == LONG ? (Str){ i->long_p, i->long_n } : (Str){ i->text, i->n };
}
static Status grow(Cx *cx, ImportIds *ids)
{
    if (ids->n * 4 < ids->cap * 3) return ST_OK;
    size_t cap = ids->cap ? ids->cap * 2 : SLOTS_FIRST;
    ImportId *slots = mem_get(cap * sizeof *slots);
    if (!slots) return fail(cx, ST_NO_MEM, "import: %zu ids", cap);
    for (size_t i = 0; i < ids->cap; i++)
        if (ids->slots[i].n) *empty_slot(slots, cap, import_ids_hash(text_of(&ids->slots[i]))) = ids->slots[i];
    mem_free(ids->slots);
    ids->bytes += (cap - ids->cap) * sizeof *slots;
    ids->slots = slots;
    ids->cap = cap;
    return ST_OK;
}
Status import_ids_add(Cx *cx, ImportIds *ids, uint64_t hash, Str s, uint32_t actor)
{
    ImportId id = { .check = (uint32_t)(hash >> 32), .actor = actor, .n = s.n > INLINE ? LONG : (uint8_t)s.n };
    if (ids->bytes > IDS_BYTES || (ids->bytes > IDS_BYTES / 2 && ids->n * 4 >= ids->cap * 3)) import_ids_done(ids);
    TRY(grow(cx, ids));
    if (id.n == LONG) {
        id.long_n = (uint32_t)s.n;
        id.long_p = mem_get(s.n);
        if (!id.long_p) return fail(cx, ST_NO_MEM, "import: an id of %zu bytes", s.n);
        ids->bytes += s.n;
    }
    memcpy(id.n == LONG ? id.long_p : id.text, s.p, s.n);
    *empty_slot(ids->slots, ids->cap, hash) = id;
    ids->n++;
    return ST_OK;
}
void import_ids_done(ImportIds *ids)
{
    for (size_t i = 0; i < ids->cap; i++) if (ids->slots[i].n == LONG) mem_free(ids->slots[i].long_p);
    mem_free(ids->slots);
    *ids = (ImportIds){ 0 };
}
