#include "main/commands.h"
#include <stdio.h>
#include <string.h>

static int named(const char *const *names, const char *text, int otherwise)
{
    for (int i = 0; text && names[i]; i++) if (strcmp(names[i], text) == 0) return i + 1;
    return text ? -1 : otherwise;
}
typedef struct Adding { SourceDraft draft; Source source; } Adding;
static Status add_tx(Cx *cx, void *arg)
{
    Adding *a = arg;
    return source_add(cx, &a->draft, &a->source);
}
static Status add(Cx *cx, const Config *c)
{
    int kind = named(source_kinds, c->kind, SOURCE_WEB), consent = named(source_consents, c->consent, CONSENT_ASK);
    Adding a = { .draft = { .name = str_z(c->words[2]), .consent_reason = str_z(c->reason), .kind = (SourceKind)kind,
                            .consent = (SourceConsent)consent } };

    if (kind < 0)
        return refuse(cx, ST_INVALID, S("kind"), MSG_not_one_of,
            PARAMS({ .name = "names", .text = S("web, app, server") }));
    if (consent < 0)
        return refuse(cx, ST_INVALID, S("consent"), MSG_not_one_of,
            PARAMS({ .name = "names", .text = S("ask, assumed, off") }));
    TRY(source_draft_keys(cx, &a.draft));
    TRY(tx_run(cx, add_tx, &a));
    printf("%.*s\n  public key %.*s\n  secret key %.*s\n", (int)a.source.name.n, a.source.name.p,
           (int)a.source.public_key.n, a.source.public_key.p, (int)a.draft.secret_key.n, a.draft.secret_key.p);
    return ST_OK;
}
static Status list(Cx *cx)
{
    const Source *all;
    size_t n;
    TRY(source_list(cx, &all, &n));
    for (size_t i = 0; i < n; i++)
        printf("%3d  %-20.*s %-8s %-8s %.*s\n", all[i].number, (int)all[i].name.n, all[i].name.p,
            source_kinds[all[i].kind - 1],
               source_consents[all[i].consent - 1], (int)all[i].public_key.n, all[i].public_key.p);
    return ST_OK;
}
int command_source(Cx *cx, const Config *c)
{
    Instance in;
    bool adding = c->n_words == 3 && strcmp(c->words[1], "add") == 0, listing = c->n_words == 2 &&
        strcmp(c->words[1], "list") == 0;

    if (!adding && !listing) {
        fprintf(stderr, "liuke source add NAME [--kind web|app|server] [--consent ask|assumed|off] [--reason "
                        "TEXT] | liuke source list\n");
        return 2;
    }
    if (instance_open(cx, c, &in) != ST_OK) return command_complain(cx, cx->lang);
    Status st = adding ? add(cx, c) : list(cx);
    records_done(cx);
    instance_close(&in);
    return st == ST_OK ? 0 : command_complain(cx, cx->lang);
}
