#include "main/instance.h"
#include "base/id.h"
#include "base/limits.h"
#include "flow/import.h"
#include "net/http_client.h"
#include "store/records/setting.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static Status path_in(Cx *cx, const Config *c, const char *name, const char **ret)
{
    size_t n = strlen(c->data) + strlen(name) + 2;
    char *p = arena_get(cx->arena, n);
    if (!p) return fail(cx, ST_NO_MEM, "path");
    snprintf(p, n, "%s/%s", c->data, name);
    *ret = p;
    return ST_OK;
}
static Status take_lock(Cx *cx, Instance *in)
{
    const char *path;
    if (mkdir(in->config->data, 0700) == 0) in->fresh = true;
    else if (errno != EEXIST)
        return refuse(cx, ST_IO, S("data"), MSG_no_folder,
            PARAMS({ .name = "folder", .text = str_z(in->config->data) }));
    TRY(path_in(cx, in->config, "lock", &path));
    in->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (in->lock < 0)
        return refuse(cx, ST_IO, S("data"), MSG_no_folder,
            PARAMS({ .name = "folder", .text = str_z(in->config->data) }));
    if (flock(in->lock, LOCK_EX | LOCK_NB) == 0) return ST_OK;
    return refuse(cx, ST_CONFLICT, S("data"), MSG_folder_in_use,
        PARAMS({ .name = "folder", .text = str_z(in->config->data) }));
}

typedef struct First { Str key_id, admin, zone, product, lang; const uint8_t *admin_hash; } First;
static Status first_tx(Cx *cx, void *arg)
{
    First *f = arg;
    Buf hash = buf_new(cx->arena, 64);
    buf_hex(&hash, (Str){ (const char *)f->admin_hash, 32 });
    if (hash.bad) return fail(cx, ST_NO_MEM, "first start");
    TRY(setting_put(cx, S("key_id"), f->key_id));
    TRY(setting_put(cx, S("admin_hash"), buf_str(&hash)));
    TRY(setting_put(cx, S("zone"), f->zone));
    TRY(setting_put(cx, S("product"), f->product));
    return setting_put(cx, S("lang"), f->lang);
}
static Str key_id(Cx *cx, const Keys *keys)
{
    Buf b = buf_new(cx->arena, 32);
    uint64_t id = keys_id(keys);
    buf_hex(&b, (Str){ (const char *)&id, sizeof id });
    return buf_str(&b);
}
static Str machine_zone(Cx *cx)
{
    char link[256];
    ssize_t n = readlink("/etc/localtime", link, sizeof link - 1);
    const char *at = n > 0 ? (link[n] = 0, strstr(link, "zoneinfo/")) : NULL;
    const Zone *z;
    return at && zone_get(cx, str_z(at + 9), &z) == ST_OK ? arena_str(cx->arena, str_z(at + 9)) : S("UTC");
}
/* At once, whatever becomes of this start: nothing tells them again. Other commands' output stays as it is. */
static void tell_once(const Cx *cx, const Instance *in)
{
    const Config *c = in->config;
    bool china = c->zone && strcmp(c->zone, "Asia/Shanghai") == 0;       /* as the greeting decides it */
    bool zh = c->lang ? strcmp(c->lang, "zh") == 0 : china || cx->lang == LANG_ZH;
    FILE *to = c->n_words && strcmp(c->words[0], "serve") == 0 ? stdout : stderr;
    fprintf(to, zh ? "liuke 首次启动\n  管理令牌 %.*s（只显示这一次，用它登录控制台）\n"
                   : "liuke starts for the first time\n"
                     "  admin token %.*s (shown only this once; signs you in to the console)\n",
        (int)in->admin_token.n, in->admin_token.p);
    if (in->recovery.n)
        fprintf(to, zh ? "  恢复码   %.*s（请抄下来另存：密钥文件 %s 丢失后只能靠它）\n"
                       : "  recovery  %.*s (write it down: without the key file %s only this opens the data)\n",
            (int)in->recovery.n, in->recovery.p, c->key_file);
    fflush(to);
}
/* Settings that the first start writes; later starts check that the key file is the right one. */
static Status settings(Cx *cx, Instance *in)
{
    const Config *c = in->config;
    uint8_t hash[32];
    Str id = key_id(cx, in->app.keys), known = { 0 };
    Status st = setting_get(cx, S("key_id"), &known);

    if (st == ST_OK && !str_eq(known, id))
        return refuse(cx, ST_INVALID, S("key_file"), MSG_wrong_key,
            PARAMS({ .name = "file", .text = str_z(c->key_file) }));
    if (st == ST_OK) return ST_OK;
    if (st != ST_NOT_FOUND) return st;
    in->fresh = true;
    in->admin_token = crypto_token(cx->arena, 24);
    if (!in->admin_token.p) return fail(cx, ST_NO_MEM, "first start");
    crypto_sha256(in->admin_token, hash);
    First f = { .key_id = id, .admin_hash = hash, .zone = c->zone ? str_z(c->zone) : machine_zone(cx),
                .product = str_z(c->product ? c->product : "liuke"), .lang = c->lang ? str_z(c->lang) : S("") };
    const Zone *z;
    TRY(zone_get(cx, f.zone, &z));
    TRY(tx_run(cx, first_tx, &f));
    tell_once(cx, in);
    return ST_OK;
}
static Status unhex(Cx *cx, Str text, uint8_t ret[32])
{
    for (size_t i = 0; text.n == 64 && i < 64; i++) {
        const char *at = memchr("0123456789abcdef", text.p[i], 16);
        if (!at) return fail(cx, ST_IO, "the admin hash is damaged");
        ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (at - "0123456789abcdef"));
    }
    return text.n == 64 ? ST_OK : fail(cx, ST_IO, "the admin hash is damaged");
}
static Status load_settings(Cx *cx, Instance *in)
{
    Str lang, hash;
    TRY(setting_get(cx, S("zone"), &in->app.zone));
    TRY(setting_get(cx, S("product"), &in->app.product));
    TRY(setting_get(cx, S("lang"), &lang));
    TRY(setting_get(cx, S("admin_hash"), &hash));
    if (in->config->lang) lang = str_z(in->config->lang);
    in->lang = str_is(lang, "zh") || (lang.n == 0 && str_is(in->app.zone, "Asia/Shanghai")) ? LANG_ZH : LANG_EN;
    in->app.public_url = str_z(in->config->public_url);
    return unhex(cx, hash, in->app.admin_hash);
}
typedef struct Own { SourceDraft draft; Source source; } Own;
static Status own_tx(Cx *cx, void *arg)
{
    Own *own = arg;
    return source_ensure(cx, &own->draft, &own->source);
}
/* The source that liuke's own events carry: no key of it is ever told. */
static Status own_source(Cx *cx, Instance *in)
{
    Own own = { .draft = { .name = S("liuke"), .kind = SOURCE_LIUKE, .consent = CONSENT_OFF } };
    TRY(source_draft_keys(cx, &own.draft));
    TRY(tx_run(cx, own_tx, &own));
    in->own_source = own.source.number;
    if (!in->config->demo) return ST_OK;
    Own demo = { .draft = { .name = S("一页书"), .kind = SOURCE_WEB, .consent = CONSENT_ASSUMED,
        .consent_reason = S("demo") } };
    TRY(source_draft_keys(cx, &demo.draft));
    TRY(tx_run(cx, own_tx, &demo));
    in->demo_source = demo.source.number;
    return ST_OK;
}
static Status mail_settings(Cx *cx, Instance *in)
{
    const Config *c = in->config;
    in->mail = (MailJob){ .keys = in->app.keys, .from = str_z(c->mail_from), .from_name = in->app.product };
    Str rest = str_z(c->smtp), host = str_cut(&rest, ':');
    int64_t port = 25;
    if (rest.n && (!str_i64(rest, &port) || port < 1 || port > 65535))
        return refuse(cx, ST_INVALID, S("smtp"), MSG_out_of_range,
                      PARAMS({ .name = "min", .value = 1 }, { .name = "max", .value = 65535 }));
    if (host.n && in->mail.from.n == 0) return refuse(cx, ST_INVALID, S("mail_from"), MSG_required, NO_PARAMS);
    in->mail.server = (SmtpServer){ .host = host, .port = (int)port, .user = str_z(c->smtp_user),
        .password = str_z(c->smtp_password),
                                    .tls = port == 465 ? SMTP_TLS_IMPLICIT : port == 587 ?
                                        SMTP_TLS_STARTTLS : SMTP_TLS_NONE };
    in->app.smtp = host.n > 0;
    return ST_OK;
}
static Status outgoing(Cx *cx, const Config *c)
{
    enum { ALLOW_MAX = 64 };
    const char *allow[ALLOW_MAX];
    Str rest = str_z(c->allow_private);
    size_t n = 0;
    while (rest.n && n < ALLOW_MAX) {
        Str one = arena_str(cx->arena, str_trim(str_cut(&rest, ',')));
        if (one.n) allow[n++] = one.p;
    }
    return net_start(cx, &(NetConfig){ .allow = allow, .n_allow = n });
}
static Status open_stores(Cx *cx, Instance *in)
{
    const Config *c = in->config;
    const char *db, *events;

    TRY(path_in(cx, c, "records.db", &db));
    TRY(path_in(cx, c, "events", &events));
    bool empty = access(db, F_OK) != 0 && access(events, F_OK) != 0;       /* only then may a key be made */
    TRY(keys_open(cx, c->key_file, empty, &in->app.keys, &in->recovery));
    TRY(records_open(cx, &(RecordsConfig){ .sqlite = db, .postgres = c->postgres }, &in->records));
    cx->records = in->records;
    Status st = settings(cx, in);
    /* made a moment ago, for records that have another */
    if (st == ST_INVALID && in->recovery.n) (void)unlink(c->key_file);
    TRY(st);
    TRY(load_settings(cx, in));
    Str zone = arena_str(cx->arena, in->app.zone);
    if (!zone.p) return fail(cx, ST_NO_MEM, "zone");
    TRY(events_open(cx, &(EventsConfig){ .fs = fs_posix(), .dir = events, .zone = zone.p }, &in->app.events));
    TRY(own_source(cx, in));
    TRY(outgoing(cx, c));
    TRY(mail_settings(cx, in));
    TRY(source_cache_new(cx, &in->app.sources));
    TRY(source_cache_load(cx, in->app.sources));
    TRY(import_sessions_new(cx, in->app.events, &in->app.imports));
    TRY(asks_new(cx, ASK_KEPT_BYTES, &in->app.asks));
    return ingest_new(cx, in->app.events, in->app.keys, in->app.sources, &in->app.ingest);
}
Status instance_open(Cx *cx, const Config *c, Instance *in)
{
    *in = (Instance){ .config = c, .lock = -1 };
    TRY(crypto_start(cx));
    Status st = take_lock(cx, in);
    if (st == ST_OK) st = open_stores(cx, in);
    records_done(cx);
    if (st != ST_OK) instance_close(in);
    return st;
}
void instance_close(Instance *in)
{
    net_stop();
    ingest_free(in->app.ingest);
    import_sessions_free(in->app.imports);
    asks_free(in->app.asks);
    events_close(in->app.events);
    source_cache_free(in->app.sources);
    records_close(in->records);
    keys_close(in->app.keys);
    if (in->lock >= 0) close(in->lock);
    *in = (Instance){ .lock = -1 };
}
