#include "tests/crash/crashfs.h"
#include "base/arena.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512 };
typedef struct Bytes { char *p; size_t n, cap; } Bytes;
typedef struct Change { bool resize; size_t at, n; char *p; } Change;      /* resize: to at bytes */
typedef struct Node Node;
typedef struct Entry { char *name; Node *node; } Entry;
typedef struct Names { Entry *p; size_t n, cap; } Names;
/* One change of a directory: name disappears, then node (if any) appears as to. Both may be NULL. */
typedef struct NameChange { char *name, *to; Node *node; } NameChange;
struct Node {
    Node *next;                               /* all nodes, reachable or not */
    bool is_dir;
    Bytes now, synced;                        /* a file's */
    Change *changes;
    Names names, synced_names;                /* a directory's */
    NameChange *name_changes;
    size_t n, cap;                            /* of either changes */
};
typedef struct Sim {
    pthread_mutex_t lock;
    Node *root, *all;
    uint64_t seed;
    unsigned age;                             /* power cuts so far: files opened before are dead */
    long changes, syncs, left, skip;
    bool dark;
} Sim;
struct FsFile { Sim *sim; Node *node; unsigned age; bool writes; };

static void *must(void *p)                    /* a test without memory is over */
{
    if (!p) abort();
    return p;
}
static char *copy(const char *p, size_t n)
{
    char *c = must(malloc(n + 1));
    if (n) memcpy(c, p, n);
    c[n] = 0;
    return c;
}
static Sim *hold(Sim *s)
{
    pthread_mutex_lock(&s->lock);
    return s;
}
static void release(Sim **s) { pthread_mutex_unlock(&(*s)->lock); }
#define HOLD(sim) AUTO(release) Sim *s = hold(sim)

static uint64_t draw(Sim *s, uint64_t below)  /* 0..below - 1, by splitmix64 */
{
    uint64_t z = s->seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % below;
}

/* Contents and names, and one change made to them. */

static void bytes_resize(Bytes *b, size_t n)
{
    if (n > b->cap) {
        b->cap = n + n / 2 + 64;
        b->p = must(realloc(b->p, b->cap));
    }
    if (n > b->n) memset(b->p + b->n, 0, n - b->n);
    b->n = n;
}
static void bytes_put(Bytes *b, const char *p, size_t n, size_t at)
{
    if (n == 0) return;
    if (at + n > b->n) bytes_resize(b, at + n);
    memcpy(b->p + at, p, n);
}
static void apply(Bytes *b, const Change *c)
{
    if (c->resize) bytes_resize(b, c->at);
    else bytes_put(b, c->p, c->n, c->at);
}
static size_t names_find(const Names *l, Str name)
{
    size_t i = 0;
    while (i < l->n && !str_is(name, l->p[i].name)) i++;
    return i;
}
static void names_drop(Names *l, const char *name)
{
    size_t i = names_find(l, str_z(name));
    if (i == l->n) return;
    free(l->p[i].name);
    l->p[i] = l->p[--l->n];
}
static void names_add(Names *l, const char *name, Node *node)
{
    if (l->n == l->cap) {
        l->cap = l->cap * 2 + 8;
        l->p = must(realloc(l->p, l->cap * sizeof *l->p));
    }
    l->p[l->n++] = (Entry){ copy(name, strlen(name)), node };
}
static void apply_name(Names *l, const NameChange *c)
{
    if (c->name) names_drop(l, c->name);
    if (!c->to) return;
    names_drop(l, c->to);
    names_add(l, c->to, c->node);
}
static void names_clear(Names *l)
{
    while (l->n) free(l->p[--l->n].name);
}
static void forget_changes(Node *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (!d->is_dir) {
            free(d->changes[i].p);
            continue;
        }
        free(d->name_changes[i].name);
        free(d->name_changes[i].to);
    }
    d->n = 0;
}
static void change(Node *f, Change c)
{
    if (f->n == f->cap) {
        f->cap = f->cap * 2 + 8;
        f->changes = must(realloc(f->changes, f->cap * sizeof *f->changes));
    }
    f->changes[f->n++] = c;
    apply(&f->now, &c);
}
static void change_names(Node *d, const char *name, const char *to, Node *node)
{
    NameChange c = { name ? copy(name, strlen(name)) : NULL, to ? copy(to, strlen(to)) : NULL, node };
    if (d->n == d->cap) {
        d->cap = d->cap * 2 + 8;
        d->name_changes = must(realloc(d->name_changes, d->cap * sizeof *d->name_changes));
    }
    d->name_changes[d->n++] = c;
    apply_name(&d->names, &c);
}
static void make_durable(Node *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->is_dir) apply_name(&d->synced_names, &d->name_changes[i]);
        else apply(&d->synced, &d->changes[i]);
    }
    forget_changes(d);
}
static Node *node_new(Sim *s, bool is_dir)
{
    Node *d = must(calloc(1, sizeof *d));
    d->is_dir = is_dir;
    d->next = s->all;
    return s->all = d;
}

/* The power. */

/* Before each change: IO when the power is gone; *ret_last when it goes during this one. */
static Status powered(Cx *cx, Sim *s, bool *ret_last)
{
    if (s->dark) return fail(cx, ST_IO, "the power is off");
    if (!ret_last) return ST_OK;
    s->changes++;
    *ret_last = s->dark = s->left == 0;
    if (s->left > 0) s->left--;
    return ST_OK;
}
static Status done(Cx *cx, bool last) { return last ? fail(cx, ST_IO, "the power went") : ST_OK; }

static void cut_prefix(Sim *s, Node *f)
{
    size_t keep = draw(s, f->n + 1);
    for (size_t i = 0; i < keep; i++) apply(&f->synced, &f->changes[i]);
    if (keep == f->n) return;
    const Change *torn = &f->changes[keep + draw(s, f->n - keep)];
    if (!torn->resize) bytes_put(&f->synced, torn->p, draw(s, torn->n + 1), torn->at);
}
/* What the first v changes leave in the sector at from. */
static void sector_as_of(const Node *f, size_t v, size_t from, char sector[SECTOR])
{
    memset(sector, 0, SECTOR);
    size_t had = from < f->synced.n ? f->synced.n - from : 0;
    if (had) memcpy(sector, f->synced.p + from, had < SECTOR ? had : SECTOR);
    for (size_t i = 0; i < v; i++) {
        const Change *c = &f->changes[i];
        size_t low = c->at > from ? c->at - from : 0;
        size_t end = c->resize || c->at + c->n > from + SECTOR ? SECTOR : c->at + c->n > from ? c->at + c->n - from : 0;
        if (low >= end) continue;
        if (c->resize) memset(sector + low, 0, end - low);
        else memcpy(sector + low, c->p + (from + low - c->at), end - low);
    }
}
static size_t size_as_of(const Node *f, size_t v)
{
    size_t n = f->synced.n;
    for (size_t i = 0; i < v; i++) {
        const Change *c = &f->changes[i];
        if (c->resize) n = c->at;
        else if (c->n && c->at + c->n > n) n = c->at + c->n;
    }
    return n;
}
static void cut_sectors(Sim *s, Node *f)
{
    Bytes left = { 0 };
    char sector[SECTOR];
    if (f->n == 0) return;
    bytes_resize(&left, size_as_of(f, draw(s, f->n + 1)));
    for (size_t from = 0; from < left.n; from += SECTOR) {
        sector_as_of(f, draw(s, f->n + 1), from, sector);
        memcpy(left.p + from, sector, left.n - from < SECTOR ? left.n - from : SECTOR);
    }
    free(f->synced.p);
    f->synced = left;
}
static void cut_node(Sim *s, Node *d, CrashMode mode)
{
    if (mode == CRASH_ANY) mode = (CrashMode)draw(s, CRASH_ANY);
    if (mode == CRASH_KEEP) {
        make_durable(d);
    } else if (mode != CRASH_LOSE && d->is_dir) {
        size_t keep = draw(s, d->n + 1);
        for (size_t i = 0; i < keep; i++) apply_name(&d->synced_names, &d->name_changes[i]);
    } else if (mode == CRASH_PREFIX) {
        cut_prefix(s, d);
    } else if (mode == CRASH_SECTORS) {
        cut_sectors(s, d);
    }
    forget_changes(d);
    names_clear(&d->names);
    for (size_t i = 0; i < d->synced_names.n; i++)
        names_add(&d->names, d->synced_names.p[i].name, d->synced_names.p[i].node);
    d->now.n = 0;
    bytes_resize(&d->now, d->synced.n);
    if (d->synced.n) memcpy(d->now.p, d->synced.p, d->synced.n);
}
void crashfs_cut(Fs fs, CrashMode mode)
{
    HOLD(fs.self);
    for (Node *d = s->all; d; d = d->next) cut_node(s, d, mode);
    s->age++;
    s->dark = false;
    s->left = -1;
}
void crashfs_stop_after(Fs fs, long n)
{
    HOLD(fs.self);
    s->left = n;
}
void crashfs_skip_sync(Fs fs, long nth)
{
    HOLD(fs.self);
    s->skip = nth;
}
long crashfs_changes(Fs fs)
{
    HOLD(fs.self);
    return s->changes;
}
long crashfs_syncs(Fs fs)
{
    HOLD(fs.self);
    return s->syncs;
}

/* Paths. */

/* NULL: not there. *ret_stop, if wanted, is the last node on the way that is. */
static Node *walk(Sim *s, Str path, Node **ret_stop)
{
    Node *d = s->root;
    while (d && path.n) {
        Str part = str_cut(&path, '/');
        if (part.n == 0 || str_is(part, ".")) continue;
        if (ret_stop) *ret_stop = d;
        size_t i = names_find(&d->names, part);
        d = d->is_dir && i < d->names.n ? d->names.p[i].node : NULL;
    }
    if (d && ret_stop) *ret_stop = d;
    return d;
}
static Node *at_path(Sim *s, const char *path) { return walk(s, str_z(path), NULL); }
static bool is_below(Node *top, const Node *d)       /* or the same */
{
    bool found = top == d;
    for (size_t i = 0; !found && i < top->names.n; i++) found = is_below(top->names.p[i].node, d);
    return found;
}
/* The directory that path is or would be in, and its name there; NULL: no such directory. */
static Node *parent(Sim *s, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    Node *d = walk(s, (Str){ path, slash ? (size_t)(slash - path) : 0 }, NULL);
    return d && d->is_dir && **ret_name ? d : NULL;
}
bool crashfs_exists(Fs fs, const char *path)
{
    HOLD(fs.self);
    return at_path(s, path) != NULL;
}
static Status missing(Cx *cx, Sim *s, const char *what, const char *path)
{
    Node *stop = s->root;
    (void)walk(s, str_z(path), &stop);
    if (!stop->is_dir) return fail(cx, ST_IO, "%s %s: ENOTDIR", what, path);
    return fail(cx, ST_NOT_FOUND, "%s %s: ENOENT", what, path);
}

static Status sim_open(Cx *cx, void *self, const char *path, FsMode mode, FsFile **ret)
{
    HOLD(self);
    const char *name;
    bool last = false;
    Node *d = parent(s, path, &name), *f = at_path(s, path);
    TRY(powered(cx, s, mode == FS_CREATE ? &last : NULL));
    if (!d || (!f && mode != FS_CREATE)) return missing(cx, s, "open", path);
    if (f && (mode == FS_CREATE || f->is_dir))
        return fail(cx, ST_IO, "open %s: %s", path, f->is_dir ? "EISDIR" : "EEXIST");
    if (!f) change_names(d, NULL, name, f = node_new(s, false));
    TRY(done(cx, last));
    *ret = must(calloc(1, sizeof **ret));
    **ret = (FsFile){ .sim = s, .node = f, .age = s->age, .writes = mode != FS_READ };
    return ST_OK;
}
static void sim_close(FsFile *f) { free(f); }
static Status usable(Cx *cx, const FsFile *f, bool *ret_last)
{
    if (f->age != f->sim->age) return fail(cx, ST_IO, "a file opened before the power cut");
    if (ret_last && !f->writes) return fail(cx, ST_IO, "a file opened for reading");
    return powered(cx, f->sim, ret_last);
}
static Status sim_pwrite(Cx *cx, FsFile *f, Str text, int64_t at)
{
    HOLD(f->sim);
    bool last = false;
    TRY(usable(cx, f, &last));
    if (at < 0) return fail(cx, ST_IO, "write at %lld", (long long)at);
    if (text.n) change(f->node, (Change){ .at = (size_t)at, .n = text.n, .p = copy(text.p, text.n) });
    (void)s;
    return done(cx, last);
}
static Status sim_pread(Cx *cx, FsFile *f, void *to, size_t n, int64_t at, size_t *ret_n)
{
    HOLD(f->sim);
    const Bytes *b = &f->node->now;
    TRY(usable(cx, f, NULL));
    if (at < 0) return fail(cx, ST_IO, "read at %lld", (long long)at);
    size_t left = (uint64_t)at < b->n ? b->n - (size_t)at : 0;
    if (n > left) n = left;
    if (n) memcpy(to, b->p + at, n);
    *ret_n = n;
    (void)s;
    return ST_OK;
}
static Status sync_node(Cx *cx, Sim *s, Node *d, bool last)
{
    s->syncs++;
    bool skip = s->skip > 0 && --s->skip == 0;
    if (!skip && (!last || draw(s, 2))) make_durable(d);
    return done(cx, last);
}
static Status sim_sync(Cx *cx, FsFile *f)
{
    HOLD(f->sim);
    bool last = false;
    if (f->age != s->age) return fail(cx, ST_IO, "a file opened before the power cut");
    TRY(powered(cx, s, &last));
    return sync_node(cx, s, f->node, last);
}
static Status sim_size(Cx *cx, FsFile *f, int64_t *ret)
{
    HOLD(f->sim);
    TRY(usable(cx, f, NULL));
    *ret = (int64_t)f->node->now.n;
    (void)s;
    return ST_OK;
}
static Status sim_truncate(Cx *cx, FsFile *f, int64_t size)
{
    HOLD(f->sim);
    bool last = false;
    TRY(usable(cx, f, &last));
    if (size < 0) return fail(cx, ST_IO, "truncate to %lld", (long long)size);
    change(f->node, (Change){ .resize = true, .at = (size_t)size });
    (void)s;
    return done(cx, last);
}
static Status sim_rename(Cx *cx, void *self, const char *from, const char *to)
{
    HOLD(self);
    const char *name, *to_name;
    bool last = false;
    Node *d = parent(s, from, &name), *to_d = parent(s, to, &to_name);
    Node *node = at_path(s, from), *old = at_path(s, to);
    TRY(powered(cx, s, &last));
    if (!d) return missing(cx, s, "rename", from);
    if (!to_d) return missing(cx, s, "rename", to);
    if (!node) return missing(cx, s, "rename", from);
    if (old == node) return done(cx, last);
    if (is_below(node, to_d)) return fail(cx, ST_IO, "rename %s to %s: EINVAL", from, to);
    if (old && (old->is_dir != node->is_dir || old->names.n))
        return fail(cx, ST_IO, "rename %s to %s: EEXIST", from, to);
    change_names(to_d, d == to_d ? name : NULL, to_name, node);
    if (d != to_d) change_names(d, name, NULL, NULL);
    return done(cx, last);
}
static Status sim_unlink(Cx *cx, void *self, const char *path)
{
    HOLD(self);
    const char *name;
    bool last = false;
    Node *d = parent(s, path, &name), *f = at_path(s, path);
    TRY(powered(cx, s, &last));
    if (!d || !f) return missing(cx, s, "unlink", path);
    if (f->is_dir) return fail(cx, ST_IO, "unlink %s: EISDIR", path);
    change_names(d, name, NULL, NULL);
    return done(cx, last);
}
static Status sim_mkdir(Cx *cx, void *self, const char *path)
{
    HOLD(self);
    const char *name;
    bool last = false;
    Node *d = parent(s, path, &name), *there = at_path(s, path);
    TRY(powered(cx, s, &last));
    if (there) return there->is_dir ? done(cx, last) : fail(cx, ST_IO, "mkdir %s: EEXIST", path);
    if (!d) return missing(cx, s, "mkdir", path);
    change_names(d, NULL, name, node_new(s, true));
    return done(cx, last);
}
static Status sim_sync_dir(Cx *cx, void *self, const char *path)
{
    HOLD(self);
    bool last = false;
    Node *d = at_path(s, path);
    TRY(powered(cx, s, &last));
    if (!d) return missing(cx, s, "sync", path);
    if (!d->is_dir) return fail(cx, ST_IO, "sync %s: ENOTDIR", path);
    return sync_node(cx, s, d, last);
}
static int by_bytes(const void *a, const void *b) { return str_cmp(*(const Str *)a, *(const Str *)b); }
static Status names_copy(Cx *cx, Sim *sim, const char *path, Str **ret, size_t *ret_n)
{
    HOLD(sim);
    Node *d = at_path(s, path);
    TRY(powered(cx, s, NULL));
    if (!d) return missing(cx, s, "open", path);
    if (!d->is_dir) return fail(cx, ST_IO, "open %s: ENOTDIR", path);
    Str *names = ARENA_MANY(cx->arena, Str, d->names.n);
    for (size_t i = 0; names && i < d->names.n; i++) {
        names[i] = arena_str(cx->arena, str_z(d->names.p[i].name));
        if (!names[i].p) names = NULL;
    }
    if (!names) return fail(cx, ST_NO_MEM, "list %s", path);
    if (d->names.n) qsort(names, d->names.n, sizeof *names, by_bytes);
    *ret = names;
    *ret_n = d->names.n;
    return ST_OK;
}
static Status sim_list(Cx *cx, void *self, const char *path, FsEach *each, void *arg)
{
    Str *names = NULL;
    size_t n = 0;
    TRY(names_copy(cx, self, path, &names, &n));
    for (size_t i = 0; i < n; i++) TRY(each(cx, arg, names[i]));      /* unlocked: it may call back */
    return ST_OK;
}
static Status sim_map(Cx *cx, FsFile *f, const void **ret, size_t *ret_n)
{
    HOLD(f->sim);
    TRY(usable(cx, f, NULL));
    *ret_n = f->node->now.n;
    *ret = copy(f->node->now.p, f->node->now.n);
    (void)s;
    return ST_OK;
}
static void sim_unmap(FsFile *f, const void *p, size_t n)
{
    (void)f; (void)n;
    free((void *)(uintptr_t)p);
}
Fs crashfs_new(uint64_t seed)
{
    static const FsOps ops = {
        .open = sim_open, .close = sim_close, .pwrite = sim_pwrite, .pread = sim_pread, .sync = sim_sync,
        .size = sim_size, .truncate = sim_truncate, .rename = sim_rename, .unlink = sim_unlink,
        .mkdir = sim_mkdir, .sync_dir = sim_sync_dir, .list = sim_list, .map = sim_map, .unmap = sim_unmap,
    };
    Sim *s = must(calloc(1, sizeof *s));
    pthread_mutex_init(&s->lock, NULL);
    s->seed = seed;
    s->left = -1;
    s->root = node_new(s, true);
    return (Fs){ .ops = &ops, .self = s };
}
void crashfs_free(Fs fs)
{
    Sim *s = fs.self;
    for (Node *d = s->all, *next; d; d = next) {
        next = d->next;
        forget_changes(d);
        names_clear(&d->names);
        names_clear(&d->synced_names);
        free(d->names.p);
        free(d->synced_names.p);
        free(d->now.p);
        free(d->synced.p);
        free(d->changes);
        free(d->name_changes);
        free(d);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}
