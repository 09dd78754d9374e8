#include "store/events/batch.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/entry.h"
#include <string.h>

enum { BYTES_FIRST = 1024, ITEMS_FIRST = 8, WHOLE_FIRST = 8 };
static const uint32_t NONE = UINT32_MAX;

/* The old place stays in the arena: doubling keeps that below what is in use. */
static bool bigger(Cx *cx, void **p, size_t n, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) return true;
    size_t most = *cap * 2 > need ? *cap * 2 : need;
    void *to = arena_raw(cx->arena, most * size);
    if (!to) return false;
    if (n) memcpy(to, *p, n * size);
    *p = to;
    *cap = most;
    return true;
}
Status batch_start(Cx *cx, size_t entries, size_t bytes, Batch *ret)
{
    Batch b = { .p = NULL };
    bool good = bigger(cx, (void **)&b.p, 0, &b.cap, bytes > BYTES_FIRST ? bytes : BYTES_FIRST, 1) &&
        bigger(cx, (void **)&b.items, 0, &b.cap_items, entries > ITEMS_FIRST ? entries : ITEMS_FIRST, sizeof *b.items);
    if (!good) return fail(cx, ST_NO_MEM, "a batch of %zu", entries);
    *ret = b;
    return ST_OK;
}
static Status no_mem(Cx *cx, const Batch *b) { return fail(cx, ST_NO_MEM, "a batch of %zu entries", b->n_items); }
/* Room for an entry of size bytes and its item. */
static Status room(Cx *cx, Batch *b, size_t size)
{
    if (b->n + size > LOG_FRAME_MAX)
        return refuse(cx, ST_INVALID, S("batch"), MSG_too_large, PARAMS({ "max", LOG_FRAME_MAX, { 0 } }));
    if (!bigger(cx, (void **)&b->p, b->n, &b->cap, b->n + size, 1)) return no_mem(cx, b);
    if (!bigger(cx, (void **)&b->items, b->n_items, &b->cap_items, b->n_items + 1, sizeof *b->items))
        return no_mem(cx, b);
    return ST_OK;
}
static Status whole_add(Cx *cx, Batch *b, const Entry *e, uint32_t at)
{
    if (b->n_whole == b->cap_whole) {
        size_t cap = b->cap_whole ? b->cap_whole * 2 : WHOLE_FIRST;
        Entry *whole = arena_raw(cx->arena, cap * sizeof *whole);
        uint32_t *places = arena_raw(cx->arena, cap * sizeof *places);
        if (!whole || !places) return no_mem(cx, b);
        if (b->n_whole) memcpy(whole, b->whole, b->n_whole * sizeof *whole);
        if (b->n_whole) memcpy(places, b->whole_at, b->n_whole * sizeof *places);
        b->whole = whole;
        b->whole_at = places;
        b->cap_whole = cap;
    }
    b->whole[b->n_whole] = *e;
    b->whole_at[b->n_whole++] = at;
    return ST_OK;
}
Status batch_add(Cx *cx, Batch *b, const Entry *e, uint32_t *ret_model)
{
    bool event = e->kind == ENTRY_EVENT;
    size_t size = entry_size(e);
    if (size == 0) return fail(cx, ST_BUG, "an entry of kind %d", (int)e->kind);
    if (event && e->event.n_props > EVENT_PROPS_MAX)
        return refuse(cx, ST_INVALID, S("properties"), MSG_too_many, PARAMS({ "max", EVENT_PROPS_MAX, { 0 } }));
    TRY(room(cx, b, size));
    if (event) TRY(whole_add(cx, b, e, (uint32_t)b->n));
    BatchItem item = { .at = (uint32_t)b->n, .model = event ? (uint32_t)b->n_whole - 1 : NONE };
    if (event) item.message = e->event.message;
    if (ret_model) *ret_model = item.model;
    b->items[b->n_items++] = item;
    b->n = (size_t)(entry_put(b->p + b->n, e) - b->p);
    return ST_OK;
}
/* Another name counts against the source's limit like those of whole events. */
static Status name_add(Cx *cx, Batch *b, const Event *model, Str name)
{
    if (str_eq(name, model->name) || (b->name.p && str_eq(name, b->name))) return ST_OK;
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = model->source, .name = name } };
    TRY(whole_add(cx, b, &e, NONE));
    b->name = name;
    return ST_OK;
}
Status batch_like(Cx *cx, Batch *b, uint32_t model, const Event *e, const uint8_t *which)
{
    const Event *like = &b->whole[model].event;
    size_t size = entry_like_size(like, e);
    TRY(room(cx, b, size));
    TRY(name_add(cx, b, like, e->name));
    like = &b->whole[model].event;
    b->items[b->n_items++] = (BatchItem){ .message = e->message, .at = (uint32_t)b->n, .model = model };
    b->n = (size_t)(entry_like_put(b->p + b->n, b->n - b->whole_at[model], like, e, which) - b->p);
    return ST_OK;
}
