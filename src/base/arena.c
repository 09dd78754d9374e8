#include "base/arena.h"
#include "base/fault.h"
#include <stdlib.h>
#include <string.h>

typedef struct Block { struct Block *next; size_t used, size; _Alignas(16) char bytes[]; } Block;
struct Arena { Block *head; size_t total, cap, given, first, failures; };
enum { BLOCK_BYTES = 8192 };

Arena *arena_new_sized(size_t cap, size_t first)
{
    Arena *a = mem_get(sizeof *a);
    if (a) *a = (Arena){ .cap = cap, .first = first };
    return a;
}
Arena *arena_new(size_t cap) { return arena_new_sized(cap, BLOCK_BYTES); }
static void free_blocks(Block *b, const Block *end)
{
    for (Block *next; b != end; b = next) {
        next = b->next;
        free(b);
    }
}
void arena_free(Arena *a)
{
    if (!a) return;
    free_blocks(a->head, NULL);
    free(a);
}
void arena_reset(Arena *a)
{
    Block *first = a->head;
    while (first && first->next) first = first->next;
    free_blocks(a->head, first);
    a->head = first;
    a->total = a->given = a->failures = 0;
    if (!first) return;
    first->used = 0;
    a->total = first->size;
}
/* Doubling blocks keep the number of mallocs logarithmic in what a request uses. */
static Block *block_add(Arena *a, size_t n)
{
    size_t size = a->head ? a->head->size * 2 : a->first, left = a->cap - a->total;
    if (size > left) size = left;
    if (size < n) size = n;
    if (size > left) return NULL;
    Block *b = malloc(sizeof *b + size);
    if (!b) return NULL;
    b->next = a->head;
    b->used = 0;
    b->size = size;
    a->head = b;
    a->total += size;
    return b;
}
void *arena_raw(Arena *a, size_t n)
{
    bool fits = !fault_hit(FAULT_ALLOC) && n <= SIZE_MAX / 2;
    n = (n + 15) & ~(size_t)15;
    Block *b = a->head;
    if (fits && (!b || b->size - b->used < n)) b = block_add(a, n);
    if (!fits || !b) {
        a->failures++;
        return NULL;
    }
    void *p = b->bytes + b->used;
    b->used += n;
    a->given += n;
    return p;
}
void *arena_get(Arena *a, size_t n)
{
    void *p = arena_raw(a, n);
    return p ? memset(p, 0, n) : NULL;
}
size_t arena_used(const Arena *a) { return a->given; }
size_t arena_failures(const Arena *a) { return a->failures; }
Str arena_str(Arena *a, Str s)
{
    char *p = arena_raw(a, s.n + 1);
    if (!p) return (Str){ 0 };
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return (Str){ p, s.n };
}

void *mem_get(size_t n) { return fault_hit(FAULT_ALLOC) ? NULL : calloc(1, n ? n : 1); }
void *mem_grow(void *p, size_t n) { return fault_hit(FAULT_ALLOC) ? NULL : realloc(p, n ? n : 1); }
void  mem_free(void *p) { free(p); }
