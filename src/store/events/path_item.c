#include "store/events/path_item.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include <string.h>

enum { FIRST = 1024, NO_ITEM = 1, NUMBER_BYTES = 32 };
static const uint64_t ITEM_MAX = (UINT64_C(1) << PATH_ITEM_BITS) - 1;

static Status room_for(PathItems *p, size_t n)
{
    size_t to = p->cap ? p->cap : FIRST;
    if (n <= p->cap) return ST_OK;
    while (to < n) to *= 2;
    TRY(scan_bytes(NULL, p->run, (ptrdiff_t)((to - p->cap) * sizeof *p->item)));
    p->bytes += (to - p->cap) * sizeof *p->item;
    uint32_t *item = mem_grow(p->item, to * sizeof *item);
    if (!item) return ST_NO_MEM;
    memset(item + p->cap, 0, (to - p->cap) * sizeof *item);
    p->item = item;
    p->cap = to;
    return ST_OK;
}
static Status text_item(PathItems *p, Str s, uint32_t *ret)
{
    uint64_t code;
    Cx cx = { 0 };
    *ret = PATH_ITEM_NONE;
    if (s.n == 0) return ST_OK;
    TRY(scan_text_code(&cx, p->texts, s, &code));
    if (code > ITEM_MAX) return ST_LIMITED;
    *ret = (uint32_t)code;
    return ST_OK;
}
static Status number_item(PathItems *p, uint8_t kind, uint64_t value, uint32_t *ret)
{
    Buf b = buf_new(NULL, NUMBER_BYTES);
    double d;
    memcpy(&d, &value, sizeof d);
    if (kind == PROP_INT) buf_i64(&b, (int64_t)value);
    if (kind == PROP_DOUBLE) buf_double(&b, d);
    if (kind == PROP_BOOL) buf_addz(&b, value ? "true" : "false");
    Status st = b.bad ? ST_NO_MEM : text_item(p, buf_str(&b), ret);
    buf_done(&b);
    return st;
}
static Status known_text(PathItems *p, uint64_t code, uint32_t *ret)
{
    Str s = scan_text(p->texts, code);
    TRY(room_for(p, code + 1));
    if (p->names) {
        if (code > ITEM_MAX) return ST_LIMITED;
        if (s.n && s.p[0] != '$') *ret = (uint32_t)code;
    } else if (s.n <= PROP_TEXT_BYTES_MAX) {
        TRY(text_item(p, path_url(p->url, s, p->room), ret));
    }
    p->item[code] = *ret == PATH_ITEM_NONE ? NO_ITEM : *ret + PATH_ITEM_FIRST;
    return ST_OK;
}
Status path_item_new(PathItems *p, uint8_t kind, uint64_t value, uint32_t *ret)
{
    *ret = PATH_ITEM_NONE;
    if (kind == PROP_STR) return known_text(p, value, ret);
    return kind == PROP_NULL || kind == PROP_LIST ? ST_OK : number_item(p, kind, value, ret);
}
Status path_item_all_init(Cx *cx, PathItems *p, ScanTexts *texts, ScanRun *run, const PathUrl *url, bool names)
{
    *p = (PathItems){ .texts = texts, .run = run, .url = url, .names = names };
    p->room = mem_get(PROP_TEXT_BYTES_MAX + 1);
    return p->room ? ST_OK : fail(cx, ST_NO_MEM, "items");
}
void path_item_all_done(PathItems *p)
{
    Status given = scan_bytes(NULL, p->run, -(ptrdiff_t)p->bytes);     /* cannot fail */
    (void)given;
    mem_free(p->item);
    mem_free(p->room);
    *p = (PathItems){ 0 };
}
