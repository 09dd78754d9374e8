#include "flow/ingest.h"
#include "base/limits.h"
#include "base/metric.h"
#include "flow/ingest_event.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

static Metric m_kept = METRIC(METRIC_COUNTER, "liuke_ingest_kept_total", "",
    "entries written to the log by the tracking API");
static Metric m_same = METRIC(METRIC_COUNTER, "liuke_ingest_repeated_total", "",
    "events dropped because their message id had been seen");
static Metric m_refused = METRIC(METRIC_COUNTER, "liuke_ingest_refused_total", "",
    "events refused, with reasons under the source");
static Metric m_unconsented = METRIC(METRIC_COUNTER, "liuke_ingest_unconsented_total", "",
    "events counted and dropped for want of consent");

enum { NOTES = 256, COUNTS = 256, NOTE_TEXT = 72, SCRATCH_KEPT = 8, SCRATCH_FIRST = 1 << 20 };
typedef struct Note { int64_t at; int source; Msg code; char field[NOTE_TEXT], event[NOTE_TEXT]; } Note;
struct Ingest {
    Events *events;
    const Keys *keys;
    SourceCache *sources;
    pthread_mutex_t noting;
    Note notes[NOTES];           /* a ring: the newest at (noted - 1) % NOTES */
    int64_t noted;
    IngestCount counts[COUNTS];
    size_t n_counts;
    pthread_mutex_t lending;
    Arena *scratch[SCRATCH_KEPT];            /* not lent at the moment */
    size_t n_scratch;
};

Status ingest_new(Cx *cx, Events *ev, const Keys *keys, SourceCache *sources, Ingest **ret)
{
    Ingest *in = mem_get(sizeof *in);
    if (!in) return fail(cx, ST_NO_MEM, "ingest_new");
    in->events = ev;
    in->keys = keys;
    in->sources = sources;
    pthread_mutex_init(&in->noting, NULL);
    pthread_mutex_init(&in->lending, NULL);
    *ret = in;
    return ST_OK;
}
void ingest_free(Ingest *in)
{
    if (!in) return;
    for (size_t i = 0; i < in->n_scratch; i++) arena_free(in->scratch[i]);
    pthread_mutex_destroy(&in->noting);
    pthread_mutex_destroy(&in->lending);
    mem_free(in);
}

/* What a body is parsed into dies before the reply waits for its commit: a request that waits holds little, and the
 * same few pages are used again and again. */
static Arena *scratch_lend(Ingest *in)
{
    Arena *a = NULL;
    pthread_mutex_lock(&in->lending);
    if (in->n_scratch) a = in->scratch[--in->n_scratch];
    pthread_mutex_unlock(&in->lending);
    return a ? a : arena_new_sized(CX_ARENA_MAX, SCRATCH_FIRST);
}
static void scratch_back(Ingest *in, Arena *a)
{
    arena_reset(a);
    pthread_mutex_lock(&in->lending);
    bool kept = in->n_scratch < SCRATCH_KEPT;
    if (kept) in->scratch[in->n_scratch++] = a;
    pthread_mutex_unlock(&in->lending);
    if (!kept) arena_free(a);
}

static void keep_text(char to[NOTE_TEXT], Str s)
{
    size_t n = s.n < NOTE_TEXT ? s.n : NOTE_TEXT - 1;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80) n--;
    if (n) memcpy(to, s.p, n);
    to[n] = 0;
}
static void count(Ingest *in, int source, Msg code)
{
    size_t i = 0;
    while (i < in->n_counts && (in->counts[i].source != source || in->counts[i].code != code)) i++;
    if (i == COUNTS) return;
    if (i == in->n_counts) in->counts[in->n_counts++] = (IngestCount){ .source = source, .code = code };
    in->counts[i].n++;
}
static void note(Cx *cx, Ingest *in, int source, Str event)
{
    metric_add(&m_refused, 1);
    pthread_mutex_lock(&in->noting);
    Note *n = &in->notes[in->noted++ % NOTES];
    n->at = cx->now;
    n->source = source;
    n->code = cx->why.msg;
    keep_text(n->field, str_z(cx->why.field));
    keep_text(n->event, event);
    count(in, source, n->code);
    pthread_mutex_unlock(&in->noting);
}
Status ingest_notes(Cx *cx, Ingest *in, const IngestNote **ret, size_t *ret_n)
{
    IngestNote *all = ARENA_MANY(cx->arena, IngestNote, NOTES);
    size_t n = 0;
    if (!all) return fail(cx, ST_NO_MEM, "ingest_notes");
    pthread_mutex_lock(&in->noting);
    for (int64_t i = in->noted; i-- > 0 && n < NOTES; n++) {
        const Note *from = &in->notes[i % NOTES];
        all[n] = (IngestNote){ .at = from->at, .source = from->source, .code = from->code,
                               .field = arena_str(cx->arena, str_z(from->field)),
                                   .event = arena_str(cx->arena, str_z(from->event)) };
        if (!all[n].field.p || !all[n].event.p) break;
    }
    pthread_mutex_unlock(&in->noting);
    *ret = all;
    *ret_n = n;
    return ST_OK;
}
Status ingest_counts(Cx *cx, Ingest *in, const IngestCount **ret, size_t *ret_n)
{
    IngestCount *all = ARENA_MANY(cx->arena, IngestCount, COUNTS);
    if (!all) return fail(cx, ST_NO_MEM, "ingest_counts");
    pthread_mutex_lock(&in->noting);
    *ret_n = in->n_counts;
    memcpy(all, in->counts, in->n_counts * sizeof *all);
    pthread_mutex_unlock(&in->noting);
    *ret = all;
    return ST_OK;
}

/* 203.0.113.9 → 203.0.113.0, 2001:db8:1:2::9 → 2001:db8:1::: what may stand in segments. */
static Str subnet_of(Cx *cx, Str addr)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char raw[16];
    if (addr.n == 0 || addr.n >= sizeof text) return (Str){ 0 };
    memcpy(text, addr.p, addr.n);
    text[addr.n] = 0;
    int family = memchr(addr.p, ':', addr.n) ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, raw) != 1) return (Str){ 0 };
    size_t keep = family == AF_INET ? 3 : 6, all = family == AF_INET ? 4 : 16;
    memset(raw + keep, 0, all - keep);
    return inet_ntop(family, raw, text, sizeof text) ? arena_str(cx->arena, str_z(text)) : (Str){ 0 };
}
static Status authorise(Cx *cx, Ingest *in, const IngestCall *call, const JsonNode *body, IngestEnvelope *env)
{
    Str given = json_str_of(json_get(body, S("writeKey"))), key = call->key.n ? call->key : given;
    bool secret = false;

    if (given.n && call->key.n && !crypto_same(given, call->key))
        return refuse(cx, ST_UNKNOWN_WHO, S("writeKey"), MSG_key_mismatch, NO_PARAMS);
    env->source = source_by_key(in->sources, key, &secret);
    if (!env->source) return refuse(cx, ST_UNKNOWN_WHO, S("writeKey"), MSG_bad_key, NO_PARAMS);
    env->trust = secret ? TRUST_SECRET : TRUST_PUBLIC;
    env->flags = env->source->test ? EVENT_TEST : 0;
    return ST_OK;
}

typedef struct Batch {
    Entry  *entries; size_t n;               /* of all kept events */
    size_t *owner;                           /* entries[i] came from the owner[i]-th event of the body */
    const JsonNode **nodes; size_t n_nodes;
    Cx *reply;                               /* whose arena outlives the scratch one: refusals are kept in it */
    IngestRefusal *refused; size_t n_refused;
    size_t unconsented;
} Batch;
static Status list_events(Cx *cx, const IngestCall *call, const JsonNode *body, Batch *b)
{
    const JsonNode *list = call->batch ? json_get(body, S("batch")) : body;
    bool good = body->kind == JSON_OBJECT && list && (!call->batch || list->kind == JSON_ARRAY);

    if (!good) return refuse(cx, ST_INVALID, S("batch"), MSG_bad_batch, NO_PARAMS);
    b->n_nodes = call->batch ? list->n : 1;
    if (b->n_nodes > INGEST_BATCH_EVENTS)
        return refuse(cx, ST_INVALID, S("batch"), MSG_too_many,
            PARAMS({ .name = "max", .value = INGEST_BATCH_EVENTS }));
    size_t most = b->n_nodes * INGEST_ENTRIES_MAX;
    b->nodes = ARENA_MANY(cx->arena, const JsonNode *, b->n_nodes);
    b->entries = arena_raw(cx->arena, most * sizeof *b->entries);
    b->owner = arena_raw(cx->arena, most * sizeof *b->owner);
    if (!b->nodes || !b->entries || !b->owner) return fail(cx, ST_NO_MEM, "ingest");
    const JsonNode *e = call->batch ? json_first(list) : body;
    for (size_t i = 0; i < b->n_nodes; i++, e = json_next(e)) b->nodes[i] = e;
    return ST_OK;
}
static bool keep_why(Cx *cx, Why *why)
{
    for (size_t i = 0; i < why->n_params; i++) {
        Param *p = &why->params[i];
        if (p->text.p && !(p->text = arena_str(cx->arena, p->text)).p) return false;
    }
    return true;
}
static Status refuse_event(Cx *cx, Ingest *in, const IngestEnvelope *env, Batch *b, size_t index)
{
    IngestRefusal r = { .index = index, .why = cx->why };
    if (!b->refused) b->refused = ARENA_MANY(b->reply->arena, IngestRefusal, b->n_nodes);
    r.message_id = arena_str(b->reply->arena, ingest_event_message_id(b->nodes[index]));
    if (!b->refused || !r.message_id.p || !keep_why(b->reply, &r.why)) return fail(cx, ST_NO_MEM, "ingest");
    note(cx, in, env->source->number, ingest_event_name(b->nodes[index]));
    b->refused[b->n_refused++] = r;
    return ST_OK;
}
/* The address is sealed once, beside the first event that is written: all of a frame came from there. */
static Status read_events(Cx *cx, Ingest *in, const IngestEnvelope *given, Batch *b)
{
    IngestEnvelope env = *given;
    for (size_t i = 0; i < b->n_nodes; i++) {
        size_t n = 0;
        Status st = ingest_event_read(cx, &env, b->nodes[i], b->entries + b->n, &n);
        if (st == ST_INVALID || st == ST_LIMITED) {
            TRY(refuse_event(cx, in, &env, b, i));
            continue;
        }
        TRY(st);
        b->unconsented += n == 0;
        for (size_t k = 0; k < n; k++) b->owner[b->n + k] = i;
        b->n += n;
        if (n && env.trust < TRUST_SECRET && b->entries[b->n - 1].event.sealed.n) env.addr = (Str){ 0 };
    }
    return ST_OK;
}
/* A long name was cut where it stands in a Why. */
static bool is_name(Str s, Str name)
{
    enum { CUT = sizeof((Why *)0)->field - 4 };
    return str_eq(s, name) || (name.n >= CUT && str_starts(s, name));
}
static bool names(const Entry *e, Str name)
{
    if (e->kind != ENTRY_EVENT) return false;
    if (is_name(e->event.name, name)) return true;
    for (size_t i = 0; i < e->event.n_props; i++) if (is_name(e->event.props[i].name, name)) return true;
    return false;
}
/* A name past the source's limit: the events that carry it are refused, the others stay. */
static Status drop_named(Cx *cx, Ingest *in, const IngestEnvelope *env, Batch *b)
{
    Why why = cx->why;
    Str name = str_z(why.field);
    size_t kept = 0, last = SIZE_MAX, was = b->n;

    for (size_t i = 0; i < b->n; i++) {
        size_t first = i, end = i;
        bool hit = false;
        while (end < b->n && b->owner[end] == b->owner[first]) hit |= names(&b->entries[end++], name);
        if (hit && b->owner[first] != last) {
            cx->why = why;
            TRY(refuse_event(cx, in, env, b, last = b->owner[first]));
        }
        for (; !hit && first < end; first++, kept++) {
            b->entries[kept] = b->entries[first];
            b->owner[kept] = b->owner[first];
        }
        i = end - 1;
    }
    b->n = kept;
    return kept < was ? ST_OK : fail(cx, ST_BUG, "a refused name that no entry has");
}
static Status append(Cx *cx, Ingest *in, const IngestEnvelope *env, Batch *b, IngestResult *r, EventsDone *done,
    void *arg)
{
    bool *same = ARENA_MANY(cx->arena, bool, b->n);
    if (!same) return fail(cx, ST_NO_MEM, "ingest");
    Status st;
    while ((st = b->n ? events_append(cx, in->events, b->entries, b->n, same, done, arg) : ST_OK) == ST_LIMITED)
        TRY(drop_named(cx, in, env, b));
    TRY(st);
    for (size_t i = 0; i < b->n; i++) r->repeated += same[i];
    r->kept = b->n - r->repeated;
    metric_add(&m_kept, (int64_t)r->kept);
    metric_add(&m_same, (int64_t)r->repeated);
    if (b->n == 0) done(arg, ST_OK);
    return ST_OK;
}
static const JsonNode *object_or_null(const JsonNode *v) { return v && v->kind == JSON_OBJECT ? v : NULL; }
static Status run(Cx *cx, Cx *reply, Ingest *in, const IngestCall *call, IngestResult *ret, EventsDone *done,
    void *arg)
{
    const JsonNode *body;
    Batch b = { .reply = reply };
    IngestEnvelope env = { .keys = in->keys, .type = call->type, .addr = call->addr, .user_agent = call->user_agent,
        .text = call->body.p };
    IngestResult r = { 0 };

    if (call->body.n > INGEST_BATCH_BYTES)
        return refuse(cx, ST_INVALID, S("batch"), MSG_too_long, PARAMS({ .name = "max", .value = INGEST_BATCH_BYTES }));
    TRY(json_parse(cx, call->body, &body));
    TRY(authorise(cx, in, call, body, &env));
    TRY(list_events(cx, call, body, &b));
    if (!ingest_event_time(json_get(body, S("sentAt")), &env.sent) && !clock_parse(call->sent_at, &env.sent))
        env.sent = 0;
    if (call->batch) env.context = object_or_null(json_get(body, S("context")));
    if (env.trust < TRUST_SECRET) env.subnet = subnet_of(cx, call->addr);
    TRY(read_events(cx, in, &env, &b));
    metric_add(&m_unconsented, (int64_t)b.unconsented);
    TRY(append(cx, in, &env, &b, &r, done, arg));
    r.unconsented = b.unconsented;
    r.refused = b.refused;
    r.n_refused = b.n_refused;
    *ret = r;
    return ST_OK;
}
Status ingest_run(Cx *cx, Ingest *in, const IngestCall *call, IngestResult *ret, EventsDone *done, void *arg)
{
    Cx own = *cx;
    own.arena = scratch_lend(in);
    if (!own.arena) return fail(cx, ST_NO_MEM, "ingest");
    Status st = run(&own, cx, in, call, ret, done, arg);
    if (st != ST_OK) {
        cx->why = own.why;
        if (!keep_why(cx, &cx->why)) st = fail(cx, ST_NO_MEM, "ingest");
    }
    scratch_back(in, own.arena);
    return st;
}
