#include "flow/ingest.h"
#include "base/limits.h"
#include "base/metric.h"
#include "flow/ingest_plan.h"
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
/* What one call works with and the next one finds warm. */
typedef struct Scratch { Arena *arena; IngestPlans *plans; } Scratch;
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
    Scratch scratch[SCRATCH_KEPT];           /* not lent at the moment */
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
static void scratch_free(Scratch s)
{
    arena_free(s.arena);
    ingest_plan_free(s.plans);
}
void ingest_free(Ingest *in)
{
    if (!in) return;
    for (size_t i = 0; i < in->n_scratch; i++) scratch_free(in->scratch[i]);
    pthread_mutex_destroy(&in->noting);
    pthread_mutex_destroy(&in->lending);
    mem_free(in);
}

/* What a body is parsed into dies before the reply waits for its commit: a request that waits holds little, and the
 * same few pages are used again and again. */
static Status scratch_lend(Cx *cx, Ingest *in, Scratch *ret)
{
    Scratch s = { 0 };
    pthread_mutex_lock(&in->lending);
    if (in->n_scratch) s = in->scratch[--in->n_scratch];
    pthread_mutex_unlock(&in->lending);
    if (!s.arena) s = (Scratch){ arena_new_sized(CX_ARENA_MAX, SCRATCH_FIRST), ingest_plan_new() };
    if (s.arena && s.plans) {
        *ret = s;
        return ST_OK;
    }
    scratch_free(s);
    return fail(cx, ST_NO_MEM, "ingest");
}
static void scratch_back(Ingest *in, Scratch s)
{
    arena_reset(s.arena);
    pthread_mutex_lock(&in->lending);
    bool kept = in->n_scratch < SCRATCH_KEPT;
    if (kept) in->scratch[in->n_scratch++] = s;
    pthread_mutex_unlock(&in->lending);
    if (!kept) scratch_free(s);
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

typedef struct Body {
    const JsonNode **nodes; size_t n_nodes;  /* the events */
    Batch b;                                 /* of those that are kept */
    IngestPlans *plans;
    Cx *reply;                               /* whose arena outlives the scratch one: refusals are kept in it */
    IngestRefusal *refused; size_t n_refused;
    size_t unconsented;
} Body;
static Status list_events(Cx *cx, const IngestCall *call, const JsonNode *body, Body *b)
{
    const JsonNode *list = call->batch ? json_get(body, S("batch")) : body;
    bool good = body->kind == JSON_OBJECT && list && (!call->batch || list->kind == JSON_ARRAY);

    if (!good) return refuse(cx, ST_INVALID, S("batch"), MSG_bad_batch, NO_PARAMS);
    b->n_nodes = call->batch ? list->n : 1;
    if (b->n_nodes > INGEST_BATCH_EVENTS)
        return refuse(cx, ST_INVALID, S("batch"), MSG_too_many,
            PARAMS({ .name = "max", .value = INGEST_BATCH_EVENTS }));
    b->nodes = ARENA_MANY(cx->arena, const JsonNode *, b->n_nodes);
    if (!b->nodes) return fail(cx, ST_NO_MEM, "ingest");
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
static Status refuse_event(Cx *cx, Ingest *in, const IngestEnvelope *env, Body *b, size_t index)
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
static Status read_events(Cx *cx, Ingest *in, const IngestEnvelope *given, Body *b)
{
    IngestEnvelope env = *given;
    ingest_plan_begin(b->plans);
    TRY(batch_start(cx, b->n_nodes, (size_t)given->bytes / 4, &b->b));
    for (size_t i = 0; i < b->n_nodes; i++) {
        IngestAdded added;
        Status st = ingest_plan_add(cx, b->plans, &env, b->nodes[i], &b->b, &added);
        if ((st == ST_INVALID || st == ST_LIMITED) && !added.whole) {
            TRY(refuse_event(cx, in, &env, b, i));
            continue;
        }
        TRY(st);
        b->unconsented += added.n == 0;
        if (added.sealed) env.addr = (Str){ 0 };
    }
    return ST_OK;
}
/* Some names are past the source's limit: the events that carry one are refused, the others stay. Those refused before
 * are so already, in order. */
static Status read_named(Cx *cx, Ingest *in, const IngestEnvelope *given, Body *b)
{
    IngestEnvelope env = *given;
    size_t was = b->n_refused, before = 0;
    TRY(batch_start(cx, b->n_nodes, b->b.n, &b->b));
    for (size_t i = 0; i < b->n_nodes; i++) {
        IngestRead r;
        if (before < was && b->refused[before].index == i) {
            before++;
            continue;
        }
        TRY(ingest_event_read(cx, &env, b->nodes[i], &r));
        Status st = events_names(cx, in->events, r.entries, r.n);
        if (st == ST_LIMITED) {
            TRY(refuse_event(cx, in, &env, b, i));
            continue;
        }
        TRY(st);
        for (size_t k = 0; k < r.n; k++) TRY(batch_add(cx, &b->b, &r.entries[k], NULL));
        if (r.n && env.trust < TRUST_SECRET && r.entries[r.n - 1].event.sealed.n) env.addr = (Str){ 0 };
    }
    return ST_OK;
}
static Status append(Cx *cx, Ingest *in, const IngestEnvelope *env, Body *b, IngestResult *r, EventsDone *done,
    void *arg)
{
    size_t n = b->b.n_items;
    bool *same = ARENA_MANY(cx->arena, bool, n);
    if (!same) return fail(cx, ST_NO_MEM, "ingest");
    Status st = n ? events_append_batch(cx, in->events, &b->b, same, done, arg) : ST_OK;
    if (st == ST_LIMITED) {
        TRY(read_named(cx, in, env, b));
        n = b->b.n_items;
        st = n ? events_append_batch(cx, in->events, &b->b, same, done, arg) : ST_OK;
    }
    TRY(st);
    for (size_t i = 0; i < n; i++) r->repeated += same[i];
    r->kept = n - r->repeated;
    metric_add(&m_kept, (int64_t)r->kept);
    metric_add(&m_same, (int64_t)r->repeated);
    if (n == 0) done(arg, ST_OK);
    return ST_OK;
}
static const JsonNode *object_or_null(const JsonNode *v) { return v && v->kind == JSON_OBJECT ? v : NULL; }
static Status run(Cx *cx, Cx *reply, Ingest *in, IngestPlans *plans, const IngestCall *call, IngestResult *ret,
    EventsDone *done, void *arg)
{
    const JsonNode *body;
    Body b = { .reply = reply, .plans = plans };
    IngestEnvelope env = { .keys = in->keys, .type = call->type, .addr = call->addr, .user_agent = call->user_agent,
        .text = call->body.p, .bytes = call->body.n };
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
    Scratch s;
    TRY(scratch_lend(cx, in, &s));
    own.arena = s.arena;
    Status st = run(&own, cx, in, s.plans, call, ret, done, arg);
    if (st != ST_OK) {
        cx->why = own.why;
        if (!keep_why(cx, &cx->why)) st = fail(cx, ST_NO_MEM, "ingest");
    }
    scratch_back(in, s);
    return st;
}
