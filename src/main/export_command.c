#include "api/event_out.h"
#include "base/html.h"
#include "base/limits.h"
#include "main/caller.h"
#include "main/commands.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct Export { const App *app; FILE *to; Arena *rows; int64_t n; } Export;
static Status row(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    Export *x = arg;
    Buf b = buf_new(x->rows, 1 << 20);
    JsonW w = { .b = &b };
    (void)root;
    event_out_event(&w, x->app, e, EVENT_PROPS_MAX, PROP_TEXT_BYTES_MAX);
    buf_addc(&b, '\n');
    if (b.bad) return fail(cx, ST_NO_MEM, "export");
    if (fwrite(b.p, 1, b.n, x->to) != b.n) return fail(cx, ST_IO, "cannot write: %s", strerror(errno));
    arena_reset(x->rows);
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
static Status from_folder(Cx *cx, const Config *c, const App *app, FILE *to)
{
    Export x = { .app = app, .to = to, .rows = arena_new(CX_ARENA_MAX) };
    int64_t from, until;
    if (!x.rows) return fail(cx, ST_NO_MEM, "export");
    Status st = time_option(cx, app, c->from, "from", INT64_MIN, &from);
    if (st == ST_OK) st = time_option(cx, app, c->to, "to", INT64_MAX, &until);
    if (st == ST_OK) st = events_scan(cx, app->events, from, until, row, &x);
    arena_free(x.rows);
    if (st == ST_OK) fprintf(stderr, cx->lang == LANG_ZH ? "导出 %lld 个事件\n" : "%lld events "
                                                            "exported\n", (long long)x.n);
    return st;
}
static Status from_server(Cx *cx, const Config *c, Caller *caller, FILE *to)
{
    Buf path = buf_new(cx->arena, 1000);
    Html h = { .b = &path };
    buf_addz(&path, "/api/1/export?from=");
    html_url(&h, str_z(c->from));
    buf_addz(&path, "&to=");
    html_url(&h, str_z(c->to));
    if (path.bad) return refuse(cx, ST_INVALID, S("from"), MSG_bad_time, NO_PARAMS);
    return caller_download(cx, caller, buf_str(&path), to);
}
int command_export(Cx *cx, const Config *c)
{
    Caller *caller;
    FILE *to = c->out ? fopen(c->out, "we") : stdout;

    if (!to) {
        (void)fail(cx, ST_IO, "cannot write %s: %s", c->out, strerror(errno));
        return command_complain(cx, cx->lang);
    }
    Status st = caller_open_known(cx, c, &caller);
    if (st == ST_OK) {
        const App *app = caller_app(caller);
        st = app ? from_folder(cx, c, app, to) : from_server(cx, c, caller, to);
        caller_close(caller);
    }
    if (fflush(to) != 0 && st == ST_OK) st = fail(cx, ST_IO, "cannot write: %s", strerror(errno));
    if (c->out) fclose(to);
    return st == ST_OK ? 0 : command_complain(cx, cx->lang);
}
