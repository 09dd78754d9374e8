#include "store/events/dict.h"
#include "base/arena.h"
#include <string.h>
#include <xxhash.h>

struct DictPage { DictPage *next; size_t used, size; char bytes[]; };
enum { PAGE_BYTES = 16384, SLOTS_FIRST = 64 };

static uint32_t *slot_of(const Dict *d, Str s)
{
    size_t i = (size_t)XXH3_64bits(s.p, s.n) & (d->n_slots - 1);
    while (d->slots[i] && !str_eq(d->texts[d->slots[i] - 1], s)) i = (i + 1) & (d->n_slots - 1);
    return d->slots + i;
}
bool dict_find(const Dict *d, Str s, uint32_t *ret)
{
    uint32_t *slot = d->n_slots ? slot_of(d, s) : NULL;
    if (!slot || *slot == 0) return false;
    *ret = *slot - 1;
    return true;
}
static Status grow(Cx *cx, Dict *d)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : SLOTS_FIRST / 2;
        Str *texts = mem_grow(d->texts, cap * sizeof *texts);
        if (!texts) return fail(cx, ST_NO_MEM, "dict: %zu texts", cap);
        d->texts = texts;
        d->cap = cap;
    }
    if (d->n < d->n_slots / 2) return ST_OK;
    size_t n = d->n_slots ? d->n_slots * 2 : SLOTS_FIRST;
    uint32_t *slots = mem_get(n * sizeof *slots);
    if (!slots) return fail(cx, ST_NO_MEM, "dict: %zu slots", n);
    mem_free(d->slots);
    d->slots = slots;
    d->n_slots = n;
    for (uint32_t i = 0; i < d->n; i++) *slot_of(d, d->texts[i]) = i + 1;
    return ST_OK;
}
static char *room(Dict *d, size_t n)
{
    DictPage *p = d->pages;
    if (!p || p->size - p->used < n) {
        size_t size = n > PAGE_BYTES ? n : PAGE_BYTES;
        p = mem_get(sizeof *p + size);
        if (!p) return NULL;
        p->size = size;
        p->next = d->pages;
        d->pages = p;
    }
    p->used += n;
    return p->bytes + p->used - n;
}
Status dict_add(Cx *cx, Dict *d, Str s, uint32_t *ret)
{
    if (dict_find(d, s, ret)) return ST_OK;
    TRY(grow(cx, d));
    char *p = room(d, s.n);
    if (!p) return fail(cx, ST_NO_MEM, "dict: a text of %zu bytes", s.n);
    if (s.n) memcpy(p, s.p, s.n);
    d->texts[d->n] = (Str){ p, s.n };
    *slot_of(d, s) = (uint32_t)(d->n + 1);
    d->bytes += s.n;
    *ret = (uint32_t)d->n++;
    return ST_OK;
}
void dict_done(Dict *d)
{
    for (DictPage *p = d->pages, *next; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    mem_free(d->texts);
    mem_free(d->slots);
    *d = (Dict){ 0 };
}
