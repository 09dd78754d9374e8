#include "base/json.h"
#include "main/caller.h"
#include "main/commands.h"
#include <stdio.h>
#include <string.h>

static void str_out(const JsonNode *o, Str key, int wide)
{
    Str s = json_str_of(json_get(o, key));
    printf("%-*.*s ", wide, (int)s.n, s.p ? s.p : "");
}
static Status add(Cx *cx, const Config *c, Caller *caller)
{
    Buf b = buf_new(cx->arena, 4096);
    JsonW w = { .b = &b };
    CallerReply rep;
    const JsonNode *o;

    jsonw_open(&w, '{');
    jsonw_key(&w, S("name"));    jsonw_str(&w, str_z(c->words[2]));
    jsonw_key(&w, S("kind"));    jsonw_str(&w, str_z(c->kind ? c->kind : "web"));
    jsonw_key(&w, S("consent")); jsonw_str(&w, str_z(c->consent ? c->consent : "ask"));
    jsonw_key(&w, S("consent_reason")); jsonw_str(&w, str_z(c->reason));
    jsonw_close(&w, '}');
    if (b.bad) return refuse(cx, ST_INVALID, S("name"), MSG_too_long, PARAMS({ .name = "max", .value = 4000 }));
    TRY(caller_call(cx, caller, "POST", S("/api/1/sources"), buf_str(&b), &rep));
    TRY(json_parse(cx, rep.body, &o));
    str_out(o, S("name"), 0);
    printf("\n  public key ");
    str_out(o, S("public_key"), 0);
    printf("\n  secret key ");
    str_out(o, S("secret_key"), 0);
    putchar('\n');
    return ST_OK;
}
static Status list(Cx *cx, Caller *caller)
{
    CallerReply rep;
    const JsonNode *o;

    TRY(caller_call(cx, caller, "GET", S("/api/1/sources"), (Str){ 0 }, &rep));
    TRY(json_parse(cx, rep.body, &o));
    const JsonNode *items = json_get(o, S("items")), *item = json_first(items);
    for (uint32_t i = 0; item && i < items->n; i++, item = json_next(item)) {
        str_out(item, S("name"), 20);
        str_out(item, S("kind"), 8);
        str_out(item, S("consent"), 8);
        str_out(item, S("public_key"), 0);
        putchar('\n');
    }
    return ST_OK;
}
int command_source(Cx *cx, const Config *c)
{
    Caller *caller;
    bool adding = c->n_words == 3 && strcmp(c->words[1], "add") == 0;
    bool listing = c->n_words == 2 && strcmp(c->words[1], "list") == 0;

    if (!adding && !listing) {
        fprintf(stderr, "liuke source add NAME [--kind web|app|server] [--consent ask|assumed|off] [--reason TEXT]\n"
                        "liuke source list\n");
        return 2;
    }
    if (caller_open(cx, c, &caller) != ST_OK) return command_complain(cx, cx->lang);
    Status st = adding ? add(cx, c, caller) : list(cx, caller);
    caller_close(caller);
    return st == ST_OK ? 0 : command_complain(cx, cx->lang);
}
