#include "api/event_out.h"
#include "base/limits.h"
#include "main/commands.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct Export { Cx *cx; const App *app; FILE *to; int64_t n; } Export;
static Status row(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    Export *x = arg;
    Buf b = buf_new(cx->arena, 1 << 20);
    JsonW w = { .b = &b };
    (void)root;
    event_out_event(&w, x->app, e, EVENT_PROPS_MAX, PROP_TEXT_BYTES_MAX);
    if (b.bad) return fail(cx, ST_NO_MEM, "export");
    buf_addc(&b, '\n');
    if (fwrite(b.p, 1, b.n, x->to) != b.n) return fail(cx, ST_IO, "cannot write: %s", strerror(errno));
    x->n++;
    return ST_OK;
}
static Status time_option(Cx *cx, const App *app, const char *text, const char *name, int64_t otherwise, int64_t *ret)
{
    const Zone *z;
    *ret = otherwise;
    if (!text) return ST_OK;
    TRY(zone_get(cx, app->zone, &z));
    return zone_parse(z, str_z(text), ret) ? ST_OK : refuse(cx, ST_INVALID, str_z(name), MSG_bad_time, NO_PARAMS);
}
static Status run(Cx *cx, const Config *c, Export *x)
{
    int64_t from, to;
    TRY(time_option(cx, x->app, c->from, "from", INT64_MIN, &from));
    TRY(time_option(cx, x->app, c->to, "to", INT64_MAX, &to));
    x->to = c->out ? fopen(c->out, "we") : stdout;
    if (!x->to) return fail(cx, ST_IO, "cannot write %s: %s", c->out, strerror(errno));
    Status st = events_scan(cx, x->app->events, from, to, row, x);
    if (fflush(x->to) != 0 && st == ST_OK) st = fail(cx, ST_IO, "cannot write: %s", strerror(errno));
    if (c->out) fclose(x->to);
    return st;
}
int command_export(Cx *cx, const Config *c)
{
    Instance in;
    if (instance_open(cx, c, &in) != ST_OK) return command_complain(cx, cx->lang);
    Export x = { .cx = cx, .app = &in.app };
    Status st = run(cx, c, &x);
    instance_close(&in);
    if (st != ST_OK) return command_complain(cx, cx->lang);
    fprintf(stderr, cx->lang == LANG_ZH ? "导出 %lld 个事件\n" : "%lld events exported\n", (long long)x.n);
    return 0;
}
