#include "store/events/query.h"
#include "base/buf.h"
#include "store/events/groups.h"
#include <string.h>

enum { NUMBER_BYTES = 64 };

static Status number(Cx *cx, uint8_t kind, uint64_t value, Str *ret)
{
    Buf b = buf_new(cx->arena, NUMBER_BYTES);
    double d;
    memcpy(&d, &value, sizeof d);
    if (kind == PROP_INT) buf_i64(&b, (int64_t)value);
    else buf_double(&b, d);
    *ret = buf_str(&b);
    return b.bad ? fail(cx, ST_NO_MEM, "query: a group's name") : ST_OK;
}
Status query_group(Cx *cx, const QueryScope *q, const GroupKey *key, QueryGroup *ret)
{
    *ret = (QueryGroup){ 0 };
    for (size_t i = 0; i < q->n_breakdown; i++) {
        switch ((PropKind)key->kind[i]) {
        case PROP_NULL:
            break;
        case PROP_BOOL:
            ret->value[i] = key->value[i] ? S("true") : S("false");
            break;
        case PROP_STR: case PROP_LIST:
            ret->value[i] = scan_text(q->texts, key->value[i]);
            break;
        case PROP_INT: case PROP_DOUBLE:
            TRY(number(cx, key->kind[i], key->value[i], &ret->value[i]));
            break;
        }
    }
    return ST_OK;
}
