#include "tests/fault/fault_world.h"
#include "base/limits.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static char model[64], folder[64];                     /* one of each: a process runs one world at a time */
static char public_key[80], secret_key[80];
static Cx own;

static void path_in(char ret[120], const char *dir, const char *name) { snprintf(ret, 120, "%s/%s", dir, name); }
static void new_folder(char ret[64])
{
    struct stat st;
    const char *base = stat("/dev/shm", &st) == 0 && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(ret, 64, "%s/liuke-fault-%d-XXXXXX", base, (int)getpid());
    assert_non_null(mkdtemp(ret));
}
static void copy(const char *name)
{
    char from[120], to[120];
    struct stat st = { 0 };
    path_in(from, model, name);
    path_in(to, folder, name);
    int a = open(from, O_RDONLY | O_CLOEXEC), b = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(a >= 0 && b >= 0 && fstat(a, &st) == 0);
    assert_int_equal(sendfile(b, a, NULL, (size_t)st.st_size), st.st_size);
    close(a);
    close(b);
}
static Status open_events(World *w)
{
    char dir[120];
    path_in(dir, folder, "events");
    return events_open(w->cx, &(EventsConfig){ .fs = fs_posix(), .dir = dir, .quiet = true }, &w->app.events);
}
static Status open_all(World *w)
{
    char db[120], key[120];
    Str recovery;
    Cx *cx = w->cx;
    path_in(db, folder, "records.db");
    path_in(key, folder, "liuke.key");
    TRY(keys_open(cx, key, false, &w->app.keys, &recovery));
    TRY(records_open(cx, &(RecordsConfig){ .sqlite = db, .readers = 1 }, &cx->records));
    TRY(open_events(w));
    TRY(source_cache_new(cx, &w->app.sources));
    TRY(source_cache_load(cx, w->app.sources));
    TRY(import_sessions_new(cx, w->app.events, &w->app.imports));
    TRY(asks_new(cx, 1 << 20, &w->app.asks));
    return ingest_new(cx, w->app.events, w->app.keys, w->app.sources, &w->app.ingest);
}
Status fault_world_start(World *w)
{
    Status st = open_all(w);
    if (st == ST_OK) w->http.records = w->cx->records;
    else fault_world_stop(w);
    return st;
}
void fault_world_stop(World *w)
{
    if (w->cx->records) records_done(w->cx);
    ingest_free(w->app.ingest);
    import_sessions_free(w->app.imports);
    w->app.imports = NULL;
    asks_free(w->app.asks);
    w->app.asks = NULL;
    events_close(w->app.events);
    source_cache_free(w->app.sources);
    records_close(w->cx->records);
    keys_close(w->app.keys);
    w->app.ingest = NULL;
    w->app.events = NULL;
    w->app.sources = NULL;
    w->app.keys = NULL;
    w->cx->records = NULL;
}
void fault_world_events(World *w, bool open)
{
    Cx *cx = w->cx;
    if (open) {
        ok(open_events(w));
        ok(import_sessions_new(cx, w->app.events, &w->app.imports));
        ok(asks_new(cx, 1 << 20, &w->app.asks));
        ok(ingest_new(cx, w->app.events, w->app.keys, w->app.sources, &w->app.ingest));
        return;
    }
    ingest_free(w->app.ingest);
    import_sessions_free(w->app.imports);
    w->app.imports = NULL;
    asks_free(w->app.asks);
    w->app.asks = NULL;
    events_close(w->app.events);
    w->app.ingest = NULL;
    w->app.events = NULL;
}

typedef struct Adding { SourceDraft draft; Source source; } Adding;
static Status add_tx(Cx *cx, void *arg)
{
    Adding *a = arg;
    return source_add(cx, &a->draft, &a->source);
}
static void remove_folders(void)
{
    test_remove(model);
    if (folder[0]) test_remove(folder);
}
static void make_model(void)
{
    char db[120], key[120];
    Cx c = test_cx(), *cx = &c;
    Keys *keys;
    Str recovery;
    Adding a = { .draft = { .name = S("web"), .kind = SOURCE_WEB, .consent = CONSENT_ASSUMED,
        .consent_reason = S("tests") } };

    new_folder(model);
    atexit(remove_folders);
    path_in(db, model, "records.db");
    path_in(key, model, "liuke.key");
    ok(crypto_start(cx));
    ok(keys_open(cx, key, true, &keys, &recovery));
    ok(records_open(cx, &(RecordsConfig){ .sqlite = db }, &cx->records));
    ok(source_draft_keys(cx, &a.draft));
    ok(tx_run(cx, add_tx, &a));
    snprintf(public_key, sizeof public_key, "%.*s", (int)a.draft.public_key.n, a.draft.public_key.p);
    snprintf(secret_key, sizeof secret_key, "%.*s", (int)a.draft.secret_key.n, a.draft.secret_key.p);
    keys_close(keys);
    records_done(cx);
    records_close(cx->records);
    arena_free(c.arena);
}
/* What a failed test left open goes with the process; its folder goes here, or at the end. */
void fault_world_open(World *w)
{
    if (!model[0]) make_model();
    if (folder[0]) test_remove(folder);
    own = test_cx();
    *w = (World){ .cx = &own };
    new_folder(folder);
    copy("records.db");
    copy("liuke.key");
    w->pk = str_z(public_key);
    w->sk = str_z(secret_key);
    crypto_sha256(S("admin"), w->app.admin_hash);
    w->app.product = S("一页书");
    w->app.zone = S("Asia/Shanghai");
    w->http = (HttpConfig){ .app = &w->app, .lang = LANG_EN, .who = api_who };
    w->http.tables = api_tables(&w->http.n_tables);
    Cx *cx = w->cx;
    ok(fault_world_start(w));
}
void fault_world_close(World *w)
{
    fault_world_stop(w);
    arena_free(w->cx->arena);
    test_remove(folder);
    folder[0] = 0;
}
