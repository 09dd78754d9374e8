#include "flow/import_session.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "domain/audience/audience_saved.h"
#include "flow/import_fast.h"
#include <pthread.h>
#include <string.h>
#include <xxhash.h>

enum { SESSION_BYTES = 256 << 20, JOINED_BYTES = 64 << 20, IDLE_MS = 10000 };
struct Imports {
    pthread_mutex_t lock;
    Events        *events;
    ImportSession *open;
};

Status import_sessions_new(Cx *cx, Events *e, Imports **ret)
{
    Imports *all = mem_get(sizeof *all);
    if (!all) return fail(cx, ST_NO_MEM, "imports");
    pthread_mutex_init(&all->lock, NULL);
    all->events = e;
    *ret = all;
    return ST_OK;
}
static void session_done(ImportSession *s)
{
    bulk_close(s->bulk);
    import_fast_done(s->fast);
    dict_done(&s->joined);
    arena_free(s->arena);
    mem_free(s);
}
static ManifestMark taken_in(const ImportSession *s)
{
    return (ManifestMark){ s->m.id, s->m.done, s->m.line, s->m.kept, s->m.rejected };
}
/* The program ends: what was taken in need not be read again. When this fails it is. */
static void last_store(ImportSession *s)
{
    Cx cx = { .arena = arena_new(1 << 20), .now = clock_now() };
    ManifestMark mark = taken_in(s);
    Status st = cx.arena && !s->busy ? bulk_commit(&cx, s->bulk, &mark, &s->durable) : ST_BUSY;
    if (st == ST_OK) st = bulk_wait(&cx, s->bulk, &s->durable);
    (void)st;
    arena_free(cx.arena);
}
void import_sessions_free(Imports *all)
{
    if (!all) return;
    for (ImportSession *s = all->open, *next; s; s = next) {
        next = s->next;
        last_store(s);
        session_done(s);
    }
    pthread_mutex_destroy(&all->lock);
    mem_free(all);
}
static ImportSession *find(const Imports *all, int64_t id)
{
    ImportSession *s = all->open;
    while (s && s->m.id != id) s = s->next;
    return s;
}
static void stands_at(Import *m, const ManifestMark *k)
{
    m->done = k->done;
    m->line = k->line;
    m->kept = k->kept;
    m->rejected = k->rejected;
}
Status import_session_stored(Cx *cx, Imports *all, Import *m)
{
    ManifestMark mark;
    TRY(bulk_mark(cx, all->events, m->id, &mark));
    stands_at(m, &mark);
    return ST_OK;
}
void import_session_place(Imports *all, Import *m)
{
    pthread_mutex_lock(&all->lock);
    const ImportSession *s = find(all, m->id);
    ManifestMark mark = s ? taken_in(s) : (ManifestMark){ 0 };
    pthread_mutex_unlock(&all->lock);
    if (s) stands_at(m, &mark);
}
static Status keep_texts(Cx *cx, ImportSession *s)
{
    Str *texts[] = { &s->m.name, &s->m.format, &s->m.map, &s->m.head };
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t n = texts[i]->n;
        *texts[i] = arena_str(s->arena, *texts[i]);
        if (n && !texts[i]->p) return fail(cx, ST_NO_MEM, "import");
    }
    return ST_OK;
}
static Status open_session(Cx *cx, Imports *all, int64_t id, ImportSession *s)
{
    Source source;
    s->arena = arena_new(SESSION_BYTES);
    if (!s->arena) return fail(cx, ST_NO_MEM, "import");
    TRY(import_get(cx, id, &s->m));
    TRY(source_get(cx, s->m.source, &source));
    s->source = source.number;
    TRY(keep_texts(cx, s));
    BulkConfig c = { .import = id, .source = (uint16_t)source.number, .trust = TRUST_SECRET, .flags = EVENT_IMPORT };
    TRY(bulk_open(cx, all->events, &c, &s->bulk, &s->durable));
    stands_at(&s->m, &s->durable);
    return ST_OK;
}
Status import_session_take(Cx *cx, Imports *all, int64_t id, ImportSession **ret)
{
    pthread_mutex_lock(&all->lock);
    ImportSession *s = find(all, id);
    bool busy = s && s->busy;
    if (s) s->busy = true;
    pthread_mutex_unlock(&all->lock);
    if (busy) return fail(cx, ST_BUSY, "import: another piece is being read");
    *ret = s;
    if (s) return ST_OK;
    s = mem_get(sizeof *s);
    if (!s) return fail(cx, ST_NO_MEM, "import");
    s->busy = true;
    Status st = open_session(cx, all, id, s);
    pthread_mutex_lock(&all->lock);
    bool first = st == ST_OK && !find(all, id);
    if (first) {
        s->next = all->open;
        all->open = s;
    }
    pthread_mutex_unlock(&all->lock);
    if (first) *ret = s;
    else session_done(s);
    return st != ST_OK || first ? st : fail(cx, ST_BUSY, "import: another piece is being read");
}
enum { PAIR_MAX = 2 * ID_BYTES_MAX + 1 };
static Str pair(char to[PAIR_MAX], Str anon, Str user)
{
    memcpy(to, anon.p, anon.n);
    to[anon.n] = '\x1f';
    memcpy(to + anon.n + 1, user.p, user.n);
    return (Str){ to, anon.n + 1 + user.n };
}
bool import_session_joined(const ImportSession *s, Str anon, Str user)
{
    char text[PAIR_MAX];
    uint32_t n;
    return anon.n <= ID_BYTES_MAX && user.n <= ID_BYTES_MAX && dict_find(&s->joined, pair(text, anon, user), &n);
}
Status import_session_join(Cx *cx, ImportSession *s, Str anon, Str user)
{
    char text[PAIR_MAX];
    uint32_t n;
    if (s->joined.bytes > JOINED_BYTES) dict_done(&s->joined);   /* told again: that changes nothing */
    return dict_add(cx, &s->joined, pair(text, anon, user), &n);
}
static bool take_source(Imports *all, ImportSession *s)
{
    bool taken = false;
    pthread_mutex_lock(&all->lock);
    for (const ImportSession *o = all->open; o; o = o->next)
        taken |= o != s && o->messages && o->m.source == s->m.source;
    s->messages = !taken;
    pthread_mutex_unlock(&all->lock);
    return !taken;
}
Status import_session_messages(Cx *cx, Imports *all, const Keys *keys, ImportSession *s)
{
    Hash128 part;
    if (s->messages) return ST_OK;
    if (!take_source(all, s)) return refuse(cx, ST_CONFLICT, S("source"), MSG_import_reading, NO_PARAMS);
    for (char i = 0; i < (char)(IMPORT_SECRET_BYTES / sizeof part); i++) {
        part = keys_message(keys, s->m.source, (Str){ (char[]){ 'i', 'd', 's', i }, 4 });
        memcpy(s->secret + (size_t)i * sizeof part, &part, sizeof part);
    }
    return bulk_messages(cx, s->bulk);
}
/* Not the log's key of (source, id): that costs several times as much, and nobody compares the two. */
Hash128 import_session_message(const ImportSession *s, Str id)
{
    XXH128_hash_t h = XXH3_128bits_withSecret(id.p, id.n, s->secret, sizeof s->secret);
    return (Hash128){ h.low64, h.high64 };
}
/* Imported history stands in no log: live segments are counted anew. */
static Status save_tx(Cx *cx, void *arg)
{
    TRY(import_save(cx, arg));
    return audience_recount(cx);
}
/* Records are told what is durable; when they cannot be, the mark knows better. */
Status import_session_tell(Cx *cx, ImportSession *s)
{
    Import m = s->m;
    m.done = s->durable.done;
    m.line = s->durable.line;
    m.kept = s->durable.kept;
    m.rejected = s->durable.rejected;
    TRY(tx_run(cx, save_tx, &m));
    s->told = true;
    return ST_OK;
}
Status import_session_store(Cx *cx, ImportSession *s, bool wait)
{
    ManifestMark mark = taken_in(s);
    int64_t before = s->durable.done;
    TRY(bulk_commit(cx, s->bulk, &mark, &s->durable));
    if (wait) TRY(bulk_wait(cx, s->bulk, &s->durable));
    return s->durable.done > before || wait ? import_session_tell(cx, s) : ST_OK;
}
void import_session_give(Imports *all, ImportSession *s)
{
    pthread_mutex_lock(&all->lock);
    s->used = clock_mono();
    s->busy = false;
    pthread_mutex_unlock(&all->lock);
}
void import_session_drop(Imports *all, ImportSession *s)
{
    pthread_mutex_lock(&all->lock);
    for (ImportSession **at = &all->open; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    pthread_mutex_unlock(&all->lock);
    session_done(s);
}
/* One that nobody goes on with: busy, to be stored and dropped. */
static ImportSession *idle_one(Imports *all)
{
    pthread_mutex_lock(&all->lock);
    ImportSession *s = all->open;
    while (s && (s->busy || clock_mono() - s->used < IDLE_MS)) s = s->next;
    if (s) s->busy = true;
    pthread_mutex_unlock(&all->lock);
    return s;
}
Status import_sessions_step(Cx *cx, Imports *all)
{
    ImportSession *s = idle_one(all);
    if (!s) return ST_NOT_FOUND;
    Status st = import_session_store(cx, s, true);
    import_session_drop(all, s);
    return st;
}
