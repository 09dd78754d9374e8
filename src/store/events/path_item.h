/* path_item: values and names as items: numbers of texts, addresses made one first. Each text is looked at once for
 * each thread; one thread's. */
#ifndef LIUKE_PATH_ITEM_H
#define LIUKE_PATH_ITEM_H
#include "store/events/events.h"
#include "store/events/path_url.h"
#include "store/events/scan.h"

#define PATH_ITEM_NONE UINT32_MAX
enum { PATH_ITEM_BITS = 29, PATH_ITEM_FIRST = 2 };
typedef struct PathItems {
    ScanTexts *texts;
    ScanRun   *run;
    const PathUrl *url;          /* of values */
    bool       names;            /* they are names: with a leading '$' none */
    uint32_t  *item; size_t cap; /* by text: item + PATH_ITEM_FIRST; 1: none; 0: not yet known */
    char      *room;
    size_t     bytes;            /* told to the run */
} PathItems;
Status path_item_all_init(Cx *, PathItems *, ScanTexts *, ScanRun *, const PathUrl *, bool names) MUST_USE;
void   path_item_all_done(PathItems *);
/* Without a why: for folds. */
Status path_item_new(PathItems *, uint8_t kind, uint64_t value, uint32_t *ret) MUST_USE;
/* PATH_ITEM_NONE: a missing value, an empty text, a list. */
static inline Status path_item(PathItems *p, uint8_t kind, uint64_t value, uint32_t *ret)
{
    if (kind != PROP_STR || value >= p->cap || p->item[value] == 0) return path_item_new(p, kind, value, ret);
    *ret = p->item[value] - PATH_ITEM_FIRST;
    return ST_OK;
}
#endif
