#include "store/events/segment.h"
#include "base/arena.h"
#include <string.h>

Prop segment_value(const BlockProp *p, uint32_t i, Str *items)
{
    Prop v = { .kind = p->kind[i] };
    switch ((PropKind)v.kind) {
    case PROP_NULL:   break;
    case PROP_BOOL:   v.b = p->value[i] != 0; break;
    case PROP_INT:    v.i = (int64_t)p->value[i]; break;
    case PROP_DOUBLE: memcpy(&v.d, &p->value[i], sizeof v.d); break;
    case PROP_STR:    v.s = segment_text(p, p->value[i]); break;
    case PROP_LIST: {
        uint32_t first = p->list_first[p->value[i]], n = p->list_first[p->value[i] + 1] - first;
        for (uint32_t k = 0; k < n; k++) items[k] = segment_text(p, p->items[first + k]);
        v.list.p = items;
        v.list.n = n;
        break;
    }
    }
    return v;
}
size_t segment_longest_list(const BlockProp *p)
{
    size_t most = 0;
    for (uint32_t i = 0; i < p->n_lists; i++) {
        size_t n = p->list_first[i + 1] - p->list_first[i];
        most = n > most ? n : most;
    }
    return most;
}
Status segment_events(Cx *cx, Block *b, BlockEvents *ret)
{
    TRY(segment_block_actors(cx, b));
    TRY(segment_block_names(cx, b));
    TRY(segment_block_received(cx, b));
    *ret = (BlockEvents){ .b = b };
    ret->ids = mem_get(((size_t)b->seg->n_props + 1) * sizeof *ret->ids);
    size_t n = ret->ids ? segment_block_props(b, ret->ids, b->seg->n_props) : 0;
    ret->props = ret->ids ? mem_get((n + 1) * sizeof *ret->props) : NULL;
    Status st = ret->props ? ST_OK : fail(cx, ST_NO_MEM, "segment: properties");
    for (; st == ST_OK && ret->n < n; ret->n++) {
        st = segment_block_prop(cx, b, ret->ids[ret->n], &ret->props[ret->n]);
        if (st != ST_OK) break;
    }
    if (st != ST_OK) segment_events_done(ret);
    return st;
}
void segment_events_done(BlockEvents *e)
{
    for (size_t i = 0; i < e->n; i++) segment_prop_done(&e->props[i]);
    mem_free(e->props);
    mem_free(e->ids);
    *e = (BlockEvents){ 0 };
}
static Status prop_of(Cx *cx, const BlockEvents *e, size_t k, uint32_t i, Prop *ret)
{
    const BlockProp *p = &e->props[k];
    Str *items = NULL;
    if (p->kind[i] == PROP_LIST) {
        uint32_t l = (uint32_t)p->value[i];
        items = ARENA_MANY(cx->arena, Str, p->list_first[l + 1] - p->list_first[l]);
        if (!items) return fail(cx, ST_NO_MEM, "segment: a list");
    }
    *ret = segment_value(p, i, items);
    ret->name = e->b->seg->props[e->ids[k]];
    return ST_OK;
}
Status segment_event(Cx *cx, const BlockEvents *e, uint32_t i, Event *ret)
{
    const Block *b = e->b;
    const Origin *o = &b->seg->origins[b->origin[i]];
    size_t n = 0;
    for (size_t k = 0; k < e->n; k++) n += e->props[k].kind[i] != PROP_NULL;
    Prop *props = ARENA_MANY(cx->arena, Prop, n);
    if (!props) return fail(cx, ST_NO_MEM, "segment: an event");
    *ret = (Event){ .source = o->source, .trust = o->trust, .flags = o->flags, .name = b->seg->names[b->name[i]],
        .time = b->time[i], .received = b->received[i], .props = props, .n_props = n };
    n = 0;
    for (size_t k = 0; k < e->n; k++)
        if (e->props[k].kind[i] != PROP_NULL) TRY(prop_of(cx, e, k, i, &props[n++]));
    return ST_OK;
}
