#include "store/events/bulk_ids.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include <string.h>

enum { WRITER_ARENA = 64 << 20, WORDS_FIRST = 4096, KEYS_FIRST = 4096, TEXT_COSTS = 32, SORT_COSTS = 2 * 16 };

struct Bulk {
    Events    *events;
    State     *state;
    BulkConfig config;
    Dict       names, props;     /* dict_add() only with the lock: the writer reads them */
    Seen      *seen;             /* of the filling thread */
    BulkBatch  batch[2];
    int        filling;
    pthread_mutex_t lock;        /* guards what follows */
    pthread_cond_t  change;
    pthread_t  writer;
    bool       has_writer, end, busy;        /* busy: the other batch is being written */
    Status     st;               /* of the batches since it was told last */
    Why        why;
    ManifestMark durable;
};

/* ---- a batch ---- */

static void batch_clear(BulkBatch *b)
{
    for (size_t i = 0; i < b->n_cols; i++) {
        dict_done(&b->cols[i].texts);
        b->cols[i] = (BulkCol){ 0 };
    }
    b->n = b->n_words = b->n_keys = b->bytes = 0;
}
void bulk_batch_done(BulkBatch *b)
{
    batch_clear(b);
    mem_free(b->cols);
    mem_free(b->words);
    mem_free(b->keys);
    *b = (BulkBatch){ 0 };
}
static bool grow(void *pp, size_t n, size_t size)
{
    void **p = pp, *bigger = mem_grow(*p, n * size);
    if (bigger) *p = bigger;
    return bigger != NULL;
}
static Status words_grow(Cx *cx, BulkBatch *b)
{
    size_t cap = b->cap ? b->cap * 2 : WORDS_FIRST;
    if (!grow(&b->words, cap, sizeof *b->words)) return fail(cx, ST_NO_MEM, "bulk: %zu words", cap);
    b->cap = cap;
    return ST_OK;
}
static inline Status words_room(Cx *cx, BulkBatch *b, size_t n)
{
    return b->cap - b->n_words >= n ? ST_OK : words_grow(cx, b);
}
Status bulk_batch_key(Cx *cx, BulkBatch *b, Hash128 key)
{
    if (b->n_keys == b->cap_keys) {
        size_t cap = b->cap_keys ? b->cap_keys * 2 : KEYS_FIRST;
        Hash128 *keys = mem_grow(b->keys, cap * sizeof *keys);
        if (!keys) return fail(cx, ST_NO_MEM, "bulk: %zu message ids", cap);
        b->keys = keys;
        b->cap_keys = cap;
    }
    b->keys[b->n_keys++] = key;
    return ST_OK;
}
static Status cols_reach(Cx *cx, BulkBatch *b, size_t n)
{
    if (n <= b->n_cols) return ST_OK;
    if (!grow(&b->cols, n, sizeof *b->cols)) return fail(cx, ST_NO_MEM, "bulk: %zu properties", n);
    memset(b->cols + b->n_cols, 0, (n - b->n_cols) * sizeof *b->cols);
    b->n_cols = n;
    return ST_OK;
}

/* ---- the writer ---- */

/* The other batch, written or failed. The lock is held. */
static void write_one(Bulk *b)
{
    BulkBatch *batch = &b->batch[!b->filling];
    Cx cx = { .arena = arena_new(WRITER_ARENA), .now = clock_now() };
    bool lost = b->st != ST_OK;              /* one before it failed: this one must not count without it */
    pthread_mutex_unlock(&b->lock);
    BulkWrite w = { .events = b->events, .state = b->state, .config = &b->config, .names = &b->names,
        .props = &b->props, .lock = &b->lock };
    Status st = lost ? ST_IO : cx.arena ? bulk_write(&cx, &w, batch) : fail(&cx, ST_NO_MEM, "bulk: a writer");
    pthread_mutex_lock(&b->lock);
    if (st == ST_OK) {
        b->durable = batch->mark;
    } else if (!lost) {
        b->st = st;
        b->why = cx.why;
        b->why.n_params = 0;                 /* their texts go with the arena */
    }
    batch_clear(batch);
    arena_free(cx.arena);
    b->busy = false;
    pthread_cond_broadcast(&b->change);
}
static void *write_all(void *arg)
{
    Bulk *b = arg;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (!b->busy && !b->end) pthread_cond_wait(&b->change, &b->lock);
        if (!b->busy) break;
        write_one(b);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* ---- the face ---- */

static ManifestMark mark_of(State *s, int64_t import)
{
    ManifestMark ret = { .import = import };
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_marks; i++) if (s->marks[i].import == import) ret = s->marks[i];
    pthread_mutex_unlock(&s->lock);
    return ret;
}
Status bulk_open(Cx *cx, Events *e, const BulkConfig *c, Bulk **ret, ManifestMark *ret_mark)
{
    TRY(events_settle(cx, e));
    Bulk *b = mem_get(sizeof *b);
    if (!b) return fail(cx, ST_NO_MEM, "bulk");
    *b = (Bulk){ .events = e, .state = events_state(e), .config = *c };
    b->durable = *ret_mark = mark_of(b->state, c->import);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->change, NULL);
    b->has_writer = pthread_create(&b->writer, NULL, write_all, b) == 0;
    if (!b->has_writer) {
        bulk_close(b);
        return fail(cx, ST_NO_MEM, "bulk: a thread");
    }
    *ret = b;
    return ST_OK;
}
void bulk_close(Bulk *b)
{
    if (!b) return;
    pthread_mutex_lock(&b->lock);
    b->end = true;
    pthread_cond_broadcast(&b->change);
    pthread_mutex_unlock(&b->lock);
    if (b->has_writer) pthread_join(b->writer, NULL);
    for (int i = 0; i < 2; i++) bulk_batch_done(&b->batch[i]);
    seen_free(b->seen);
    dict_done(&b->names);
    dict_done(&b->props);
    pthread_cond_destroy(&b->change);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}
/* A name new to this import counts against its source's limit as an event with it would. */
static Status number_of(Cx *cx, Bulk *b, Dict *d, Str text, bool prop, uint32_t *ret)
{
    if (dict_find(d, text, ret)) return ST_OK;
    Prop p = { .name = text };
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = b->config.source, .name = prop ? S("$import") : text,
        .props = &p, .n_props = prop } };
    TRY(state_names(cx, b->state, &e, 1));
    pthread_mutex_lock(&b->lock);
    Status st = dict_add(cx, d, text, ret);
    pthread_mutex_unlock(&b->lock);
    return st;
}
Status bulk_name(Cx *cx, Bulk *b, Str name, uint32_t *ret) { return number_of(cx, b, &b->names, name, false, ret); }
Status bulk_prop(Cx *cx, Bulk *b, Str name, uint32_t *ret) { return number_of(cx, b, &b->props, name, true, ret); }
Status bulk_actor(Cx *cx, Bulk *b, Hash128 key, uint32_t *ret)
{
    pthread_mutex_lock(&b->state->lock);
    Status st = actors_number(cx, b->state->actors, key, ret);
    pthread_mutex_unlock(&b->state->lock);
    return st;
}
Status bulk_row(Cx *cx, Bulk *b, int64_t time, uint32_t actor, uint32_t name)
{
    BulkBatch *t = &b->batch[b->filling];
    TRY(words_room(cx, t, ROW_HEAD));
    uint32_t *row = t->words + t->n_words;
    row[ROW_TIME] = (uint32_t)(uint64_t)time;
    row[ROW_TIME + 1] = (uint32_t)((uint64_t)time >> 32);
    row[ROW_ACTOR] = actor;
    row[ROW_NAME] = name;
    row[ROW_WORDS] = ROW_HEAD;
    t->row = t->n_words;
    t->n_words += ROW_HEAD;
    t->n++;
    return ST_OK;
}
static Status cell(Cx *cx, BulkBatch *t, uint32_t prop, uint8_t kind, uint64_t value)
{
    BulkCol *c = &t->cols[prop];
    bool wide = value > UINT32_MAX;
    TRY(words_room(cx, t, CELL_WORDS_MAX));
    if (c->row == t->n) t->words[c->at] &= ~(uint32_t)(BULK_WIDE - 1);     /* the one before is none: PROP_NULL */
    c->row = t->n;
    c->at = t->n_words;
    uint32_t *at = t->words + t->n_words, n = wide ? CELL_WORDS_MAX : CELL_WORDS_MAX - 1;
    at[0] = prop << 8 | (wide ? BULK_WIDE : 0) | kind;
    at[1] = (uint32_t)value;
    if (wide) at[2] = (uint32_t)(value >> 32);
    t->n_words += n;
    t->words[t->row + ROW_WORDS] += n;
    return ST_OK;
}
Status bulk_value(Cx *cx, Bulk *b, uint32_t prop, uint8_t kind, uint64_t value)
{
    BulkBatch *t = &b->batch[b->filling];
    TRY(cols_reach(cx, t, (size_t)prop + 1));
    return cell(cx, t, prop, kind, value);
}
bool bulk_text_find(const Bulk *b, uint32_t prop, Str text, uint32_t *ret)
{
    const BulkBatch *t = &b->batch[b->filling];
    return prop < t->n_cols && dict_find(&t->cols[prop].texts, text, ret);
}
Status bulk_text_number(Cx *cx, Bulk *b, uint32_t prop, Str text, uint32_t *ret)
{
    BulkBatch *t = &b->batch[b->filling];
    TRY(cols_reach(cx, t, (size_t)prop + 1));
    Dict *d = &t->cols[prop].texts;
    size_t had = d->n;
    TRY(dict_add(cx, d, text, ret));
    if (d->n > had) t->bytes += text.n + TEXT_COSTS;
    return ST_OK;
}
Status bulk_text(Cx *cx, Bulk *b, uint32_t prop, Str text)
{
    uint32_t number;
    TRY(bulk_text_number(cx, b, prop, text, &number));
    return cell(cx, &b->batch[b->filling], prop, PROP_STR, number);
}
static Status put_prop(Cx *cx, Bulk *b, uint32_t number, const Prop *p)
{
    uint64_t bits = p->kind == PROP_BOOL ? p->b : (uint64_t)p->i;
    if (p->kind == PROP_STR) return bulk_text(cx, b, number, p->s);
    return p->kind == PROP_NULL ? ST_OK : bulk_value(cx, b, number, p->kind, bits);
}
Status bulk_event(Cx *cx, Bulk *b, const Event *e)
{
    uint32_t actor, name, numbers[EVENT_PROPS_MAX];
    TRY(bulk_name(cx, b, e->name, &name));
    for (size_t i = 0; i < e->n_props; i++) TRY(bulk_prop(cx, b, e->props[i].name, &numbers[i]));
    TRY(bulk_actor(cx, b, e->actor, &actor));
    TRY(bulk_row(cx, b, e->time, actor, name));
    for (size_t i = 0; i < e->n_props; i++) TRY(put_prop(cx, b, numbers[i], &e->props[i]));
    return ST_OK;
}
Status bulk_messages(Cx *cx, Bulk *b)
{
    if (b->seen) return ST_OK;
    Seen *seen = seen_new();
    Status st = seen ? bulk_ids_load(cx, b->state, b->config.source, seen) : fail(cx, ST_NO_MEM, "bulk: message ids");
    if (st == ST_OK) b->seen = seen;
    else seen_free(seen);
    return st;
}
bool bulk_message_seen(const Bulk *b, Hash128 key) { return seen_has(b->seen, key); }
void bulk_message_soon(const Bulk *b, Hash128 key) { seen_prefetch(b->seen, key); }
Status bulk_message_add(Cx *cx, Bulk *b, Hash128 key)
{
    TRY(bulk_batch_key(cx, &b->batch[b->filling], key));
    return seen_add(b->seen, key) ? ST_OK : fail(cx, ST_NO_MEM, "bulk: message ids");
}
Status bulk_mark(Cx *cx, Events *e, int64_t import, ManifestMark *ret)
{
    TRY(events_settle(cx, e));
    *ret = mark_of(events_state(e), import);
    return ST_OK;
}
size_t bulk_rows(const Bulk *b) { return b->batch[b->filling].n; }
bool   bulk_full(const Bulk *b)
{
    const BulkBatch *t = &b->batch[b->filling];
    size_t bytes = t->bytes + t->n_words * sizeof *t->words + t->n_keys * sizeof *t->keys + t->n * SORT_COSTS;
    return t->n >= BULK_ROWS || bytes >= BULK_BYTES;
}
static void forget(Bulk *b) { batch_clear(&b->batch[b->filling]); }

/* The lock is held. */
static Status told(Cx *cx, Bulk *b, ManifestMark *ret_durable)
{
    while (b->busy) pthread_cond_wait(&b->change, &b->lock);
    *ret_durable = b->durable;
    Status st = b->st;
    if (st != ST_OK) cx->why = b->why;
    b->st = ST_OK;
    return st;
}
Status bulk_commit(Cx *cx, Bulk *b, const ManifestMark *mark, ManifestMark *ret_durable)
{
    pthread_mutex_lock(&b->lock);
    Status st = told(cx, b, ret_durable);
    if (st == ST_OK) {
        b->batch[b->filling].mark = *mark;
        b->batch[b->filling].received = cx->now;
        b->filling = !b->filling;
        b->busy = true;
        pthread_cond_broadcast(&b->change);
    }
    pthread_mutex_unlock(&b->lock);
    if (st != ST_OK) forget(b);
    return st;
}
Status bulk_wait(Cx *cx, Bulk *b, ManifestMark *ret_durable)
{
    pthread_mutex_lock(&b->lock);
    Status st = told(cx, b, ret_durable);
    pthread_mutex_unlock(&b->lock);
    if (st != ST_OK) forget(b);
    return st;
}
