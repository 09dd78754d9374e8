#include "base/buf.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#undef fail                      /* what base.h tells the analyzer of them is not their name */
#undef refuse

#define M(id, zh, en) _Static_assert(sizeof(zh) > 1 && sizeof(en) > 1, "both texts of " #id);
#include "base/messages.def"
#undef M
_Static_assert((int)MSG_bug == (int)ST_BUG, "the first messages are the statuses");

static const struct { const char *code, *text[LANGS_]; } messages[] = {
#define M(id, zh, en) { #id, { zh, en } },
#include "base/messages.def"
#undef M
};
const char *msg_code(Msg m) { return messages[m].code; }
const char *msg_text(Msg m, Lang lang) { return messages[m].text[lang]; }

Status fail(Cx *cx, Status st, const char *fmt, ...)
{
    va_list ap;
    cx->why = (Why){ .st = st, .msg = (Msg)st };
    va_start(ap, fmt);
    vsnprintf(cx->why.log, sizeof cx->why.log, fmt, ap);
    va_end(ap);
    return st;
}
static void keep_field(Why *why, Str field)
{
    size_t n = field.n < sizeof why->field ? field.n : sizeof why->field - 1;
    while (n && n < field.n && ((unsigned char)field.p[n] & 0xc0) == 0x80) n--;   /* whole characters */
    if (n) memcpy(why->field, field.p, n);
    why->field[n] = 0;
}
Status refuse(Cx *cx, Status st, Str field, Msg msg, const Param *p, size_t n)
{
    assert(n <= PARAMS_MAX);
    cx->why = (Why){ .st = st, .msg = msg, .n_params = n };
    keep_field(&cx->why, field);
    if (n) memcpy(cx->why.params, p, n * sizeof *p);
    return st;
}
static void param(Buf *b, Str name, const Why *why)
{
    for (size_t i = 0; i < why->n_params; i++) {
        const Param *p = &why->params[i];
        if (!str_is(name, p->name)) continue;
        if (p->text.p) buf_add(b, p->text);
        else buf_i64(b, p->value);
    }
}
void buf_msg(Buf *b, Lang lang, const Why *why)
{
    for (const char *p = msg_text(why->msg, lang), *end; *p; p = end)
        if (*p == '{' && (end = strchr(p, '}'))) {
            param(b, (Str){ p + 1, (size_t)(end - p - 1) }, why);
            end++;
        } else {
            end = p + 1 + strcspn(p + 1, "{");
            buf_add(b, (Str){ p, (size_t)(end - p) });
        }
}
