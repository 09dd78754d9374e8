/* One case of the exchange format: events in, a question asked, the answer in the form of "expected". */
#include "domain/audience/question_of.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/fold_window_funnel.h"
#include <math.h>
#include <string.h>
#include <xxhash.h>

enum { CASE_BYTES = 16 << 20, PEOPLE_MAX = 100000 };
typedef struct CaseUser { Hash128 key; Str name; } CaseUser;
struct QuestionCase {
    const JsonNode *doc, *query, *expected;
    Str       kind;
    Entry    *entries; size_t n, cap;
    CaseUser *users; size_t n_users, users_cap;
    bool      traits;            /* people have properties: told by events that are not the case's own */
};

/* ---- the file ---- */

static Hash128 key_of(Str user)
{
    XXH128_hash_t h = XXH3_128bits(user.p, user.n);
    return (Hash128){ h.high64 | 1, h.low64 };
}
static Status wrong(Cx *cx, const char *field, const char *want)
{
    return refuse(cx, ST_INVALID, str_z(field), MSG_wrong_type, PARAMS({ "want", 0, str_z(want) }));
}
static Status add_entry(Cx *cx, QuestionCase *c, const Entry *e)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 256;
        Entry *all = ARENA_MANY(cx->arena, Entry, cap);
        if (!all) return fail(cx, ST_NO_MEM, "case: events");
        if (c->n) memcpy(all, c->entries, c->n * sizeof *all);
        c->entries = all;
        c->cap = cap;
    }
    c->entries[c->n++] = *e;
    return ST_OK;
}
static Status add_user(Cx *cx, QuestionCase *c, Str name)
{
    Hash128 key = key_of(name);
    for (size_t i = 0; i < c->n_users; i++) if (c->users[i].key.b == key.b) return ST_OK;
    if (c->n_users == c->users_cap) {
        size_t cap = c->users_cap ? c->users_cap * 2 : 64;
        CaseUser *all = ARENA_MANY(cx->arena, CaseUser, cap);
        if (!all) return fail(cx, ST_NO_MEM, "case: people");
        if (c->n_users) memcpy(all, c->users, c->n_users * sizeof *all);
        c->users = all;
        c->users_cap = cap;
    }
    c->users[c->n_users++] = (CaseUser){ key, name };
    return ST_OK;
}
static Status read_props(Cx *cx, const JsonNode *o, const char *field, Event *e)
{
    size_t n = o && o->kind == JSON_OBJECT ? o->n : 0;
    Prop *props = ARENA_MANY(cx->arena, Prop, n + 1);
    const JsonNode *key = n ? json_first(o) : NULL;
    if (!props) return fail(cx, ST_NO_MEM, "case: properties");
    for (size_t i = 0; i < n; i++) {
        const JsonNode *v = json_next(key);
        Prop *p = &props[i];
        *p = (Prop){ .name = key->s };
        switch ((JsonKind)v->kind) {
        case JSON_NULL:   p->kind = PROP_NULL; break;
        case JSON_BOOL:   p->kind = PROP_BOOL, p->b = v->b; break;
        case JSON_INT:    p->kind = PROP_INT, p->i = v->i; break;
        case JSON_DOUBLE: p->kind = PROP_DOUBLE, p->d = v->d; break;
        case JSON_STR:    p->kind = PROP_STR, p->s = v->s; break;
        default: return wrong(cx, field, "text, number, true, false, null");
        }
        key = json_next(v);
    }
    e->props = props;
    e->n_props = n;
    return ST_OK;
}
static Status read_event(Cx *cx, QuestionCase *c, const JsonNode *v)
{
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET } };
    Str user = json_str_of(json_get(v, S("user"))), time = json_str_of(json_get(v, S("time")));
    e.event.name = json_str_of(json_get(v, S("event")));
    if (user.n == 0 || e.event.name.n == 0) return wrong(cx, "events", "user, event, time");
    if (!clock_parse(time, &e.event.time)) return question_refuse(cx, "events[].time", MSG_bad_time);
    e.event.actor = key_of(user);
    e.event.received = e.event.time;
    TRY(add_user(cx, c, user));
    TRY(read_props(cx, json_get(v, S("props")), "events[].props", &e.event));
    return add_entry(cx, c, &e);
}
/* A person's other ids are joined to it, its properties are what it said of itself. */
static Status read_person(Cx *cx, QuestionCase *c, const JsonNode *v)
{
    Str id = json_str_of(json_get(v, S("id")));
    const JsonNode *ids = json_get(v, S("distinct_ids")), *one = ids ? json_first(ids) : NULL;
    const JsonNode *props = json_get(v, S("props"));
    if (id.n == 0) return wrong(cx, "people", "id");
    TRY(add_user(cx, c, id));
    for (size_t i = 0; one && i < ids->n; i++, one = json_next(one)) {
        Str other = json_str_of(one);
        if (str_eq(other, id)) continue;
        Entry join = { .kind = ENTRY_JOIN, .join = { .id = (int64_t)c->n + 1, .anon = key_of(other), .user = key_of(id),
            .trust = TRUST_SECRET } };
        TRY(add_entry(cx, c, &join));
    }
    if (!props || props->kind != JSON_OBJECT || props->n == 0) return ST_OK;
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET, .actor = key_of(id),
        .name = S("$identify") } };
    c->traits = true;
    TRY(read_props(cx, props, "people[].props", &e.event));
    return add_entry(cx, c, &e);
}
Status question_case_read(Cx *cx, Str json, QuestionCase **ret)
{
    QuestionCase *c = ARENA_NEW(cx->arena, QuestionCase);
    if (!c) return fail(cx, ST_NO_MEM, "case");
    TRY(json_parse(cx, json, &c->doc));
    c->kind = json_str_of(json_get(c->doc, S("kind")));
    c->query = json_get(c->doc, S("query"));
    c->expected = json_get(c->doc, S("expected"));
    if (c->kind.n == 0) return question_refuse(cx, "kind", MSG_required);
    if (!c->query || c->query->kind != JSON_OBJECT) return wrong(cx, "query", "object");
    const JsonNode *events = json_get(c->doc, S("events")), *people = json_get(c->doc, S("people"));
    const JsonNode *e = events && events->kind == JSON_ARRAY ? json_first(events) : NULL;
    const JsonNode *p = people && people->kind == JSON_ARRAY ? json_first(people) : NULL;
    for (size_t i = 0; p && i < people->n; i++, p = json_next(p)) TRY(read_person(cx, c, p));
    *ret = c;
    if (str_is(c->kind, "window_funnel")) return ST_OK;
    for (size_t i = 0; e && i < events->n; i++, e = json_next(e)) TRY(read_event(cx, c, e));
    return ST_OK;
}
const Entry *question_case_entries(const QuestionCase *c, size_t *ret_n)
{
    *ret_n = c->n;
    return c->entries;
}

/* ---- its query in our form ---- */

static void term(JsonW *w, const char *word, Str name, const JsonNode *value)
{
    jsonw_open(w, '{');
    question_key_str(w, str_z(word), name);
    question_key_str(w, S("op"), S("is"));
    jsonw_key(w, S("value")), jsonw_node(w, value);
    jsonw_close(w, '}');
}
static void terms(JsonW *w, const char *word, const JsonNode *o, bool not)
{
    const JsonNode *key = o && o->kind == JSON_OBJECT ? json_first(o) : NULL;
    for (size_t i = 0; key && i < o->n; i++) {
        const JsonNode *v = json_next(key);
        if (not) jsonw_open(w, '{'), jsonw_key(w, S("not"));
        term(w, word, key->s, v);
        if (not) jsonw_close(w, '}');
        key = json_next(v);
    }
}
static void write_filter(JsonW *w, const QuestionCase *c)
{
    static const JsonNode identify = { .kind = JSON_STR, .skip = 1, .s = S_INIT("$identify") };
    const JsonNode *f = json_get(c->query, S("filter"));
    if (!f && !c->traits) return;
    jsonw_key(w, S("filter"));
    jsonw_open(w, '{');
    jsonw_key(w, S("all"));
    jsonw_open(w, '[');
    terms(w, "prop", json_get(f, S("event_props")), false);
    terms(w, "trait", json_get(f, S("person_props")), false);
    terms(w, "trait", json_get(f, S("person_props_not")), true);
    if (c->traits) {                                       /* what tells of the people is no event of the case */
        jsonw_open(w, '{'), jsonw_key(w, S("not"));
        term(w, "prop", S("$event"), &identify);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_close(w, '}');
}
static void write_breakdown(JsonW *w, const JsonNode *b)
{
    const JsonNode *limit = json_get(b, S("limit")), *touch = json_get(b, S("attribution"));
    Str type = json_str_of(json_get(b, S("type")));
    jsonw_key(w, S("breakdown"));
    jsonw_open(w, '[');
    jsonw_open(w, '{');
    if (type.n) question_key_str(w, S("type"), type);
    question_key_str(w, S("prop"), json_str_of(json_get(b, S("prop"))));
    jsonw_close(w, '}');
    jsonw_close(w, ']');
    question_key_i64(w, S("breakdown_limit"), limit && limit->kind == JSON_INT ? limit->i : BREAKDOWN_VALUES_MAX);
    if (touch) question_key_str(w, S("attribution"), json_str_of(touch));
}
typedef struct CaseCell { bool set; size_t step; const QueryGroup *group; } CaseCell;
static void write_cell(JsonW *w, const CaseCell *cell)
{
    if (!cell->set) return;
    jsonw_key(w, S("cell"));
    jsonw_open(w, '{');
    question_key_i64(w, S("step"), (int64_t)cell->step);
    if (cell->group && cell->group->other) jsonw_key(w, S("other")), jsonw_bool(w, true);
    if (cell->group && !cell->group->other) {
        jsonw_key(w, S("group"));
        jsonw_open(w, '[');
        jsonw_str(w, cell->group->value[0]);
        jsonw_close(w, ']');
    }
    jsonw_close(w, '}');
}
static Status question_text(Cx *cx, const QuestionCase *c, const CaseCell *cell, Str *ret)
{
    Buf b = buf_new(cx->arena, CASE_BYTES);
    JsonW w = { .b = &b };
    const JsonNode *key = json_first(c->query);
    jsonw_open(&w, '{');
    question_key_str(&w, S("kind"), c->kind);
    for (size_t i = 0; i < c->query->n; i++) {
        const JsonNode *v = json_next(key);
        if (str_is(key->s, "breakdown") && v->kind == JSON_OBJECT) write_breakdown(&w, v);
        else if (!str_is(key->s, "filter") && v->kind != JSON_NULL) jsonw_key(&w, key->s), jsonw_node(&w, v);
        key = json_next(v);
    }
    write_filter(&w, c);
    write_cell(&w, cell);
    jsonw_close(&w, '}');
    *ret = buf_str(&b);
    return b.bad ? fail(cx, ST_NO_MEM, "case: the question") : ST_OK;
}
static Status ask(Cx *cx, const Snapshot *snap, const QuestionCase *c, const CaseCell *cell, Question **ret)
{
    AudienceScope scope = { .week_start = 0 };             /* the format's own defaults: UTC, Sunday */
    Str text;
    TRY(zone_get(cx, S("UTC"), &scope.zone));
    TRY(question_text(cx, c, cell, &text));
    TRY(question_read(cx, &scope, text, ret));
    return question_run(cx, snap, NULL, *ret);
}

/* ---- the answer in its form ---- */

static Str label(const QueryGroup *g) { return g->other ? S("__other__") : g->value[0]; }
static void write_retention_table(JsonW *w, const RetentionAnswer *a, const RetentionTable *t)
{
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n; i++) {
        size_t n = a->columns - (a->triangle ? i : 0);
        jsonw_open(w, '[');
        for (size_t k = 0; k < n; k++) jsonw_i64(w, t->cells[query_retention_row(a, i) + k]);
        jsonw_close(w, ']');
    }
    jsonw_close(w, ']');
}
static void write_retention(JsonW *w, const Question *q)
{
    const RetentionAnswer *a = &q->retention.a;
    if (q->retention.q.scope.n_breakdown == 0) {
        write_retention_table(w, a, &a->tables[0]);
        return;
    }
    jsonw_open(w, '{');
    for (size_t i = 0; i < a->n_tables; i++) {
        jsonw_key(w, label(&a->tables[i].group));
        write_retention_table(w, a, &a->tables[i]);
    }
    jsonw_close(w, '}');
}
static void write_lifecycle(JsonW *w, const Question *q)
{
    static const Str names[] = { S_INIT("new"), S_INIT("returning"), S_INIT("resurrecting"), S_INIT("dormant") };
    const LifecycleAnswer *a = &q->lifecycle.a;
    jsonw_open(w, '{');
    for (size_t s = 0; s < LIFECYCLE_STATES; s++) {
        jsonw_key(w, names[s]);
        jsonw_open(w, '[');
        for (size_t i = 0; i < a->n; i++) {
            int64_t v = a->n_tables ? a->tables[0].state[s][i] : 0;
            jsonw_i64(w, s == LIFECYCLE_DORMANT ? -v : v);
        }
        jsonw_close(w, ']');
    }
    jsonw_close(w, '}');
}
static void write_stickiness(JsonW *w, const Question *q)
{
    const StickinessAnswer *a = &q->stickiness.a;
    jsonw_open(w, '[');
    for (size_t i = 0; i < a->n; i++) jsonw_i64(w, a->n_tables ? a->tables[0].exactly[i] : 0);
    jsonw_close(w, ']');
}
static void write_reached(JsonW *w, const QuestionCase *c, const Question *q)
{
    jsonw_open(w, '[');
    for (size_t i = 0; i < q->n_behind; i++)
        for (size_t k = 0; k < c->n_users; k++)
            if (c->users[k].key.a == q->behind[i].a && c->users[k].key.b == q->behind[i].b)
                jsonw_str(w, c->users[k].name);
    jsonw_close(w, ']');
}
static Status write_number_key(Cx *cx, JsonW *w, size_t n)
{
    Buf b = buf_new(cx->arena, 24);
    buf_i64(&b, (int64_t)n);
    jsonw_key(w, buf_str(&b));
    return b.bad ? fail(cx, ST_NO_MEM, "case") : ST_OK;
}
static Status write_all_reached(Cx *cx, JsonW *w, const Snapshot *snap, const QuestionCase *c, const Question *q,
    const FunnelRow *row)
{
    jsonw_key(w, S("reached"));
    jsonw_open(w, '{');
    for (size_t k = 0; k < q->funnel.a.n_steps; k++) {
        Question *one = NULL;
        CaseCell cell = { .set = true, .step = k, .group = q->funnel.q.scope.n_breakdown ? &row->group : NULL };
        Status st = row->steps[k].people ? ask(cx, snap, c, &cell, &one) : ST_NOT_FOUND;
        if (st == ST_OK) {
            TRY(write_number_key(cx, w, k + 1));
            write_reached(w, c, one);
        }
        question_done(one);
        if (st != ST_NOT_FOUND) TRY(st);
    }
    jsonw_close(w, '}');
    return ST_OK;
}
static void write_seconds(JsonW *w, const char *key, const FunnelRow *row, size_t n, bool median)
{
    jsonw_key(w, str_z(key));
    jsonw_open(w, '[');
    for (size_t k = 1; k < n; k++) {
        const FunnelStep *s = &row->steps[k];
        if (s->timed) jsonw_double(w, (median ? s->median_ms : s->average_ms) / 1000);
        else jsonw_null(w);
    }
    jsonw_close(w, ']');
}
static Status write_funnel_row(Cx *cx, JsonW *w, const Snapshot *snap, const QuestionCase *c, const Question *q,
    const FunnelRow *row)
{
    size_t n = q->funnel.a.n_steps;
    jsonw_open(w, '{');
    if (q->funnel.q.convert) {
        jsonw_key(w, S("bins"));
        jsonw_open(w, '[');
        for (size_t i = 0; i < row->n_bins; i++) {
            jsonw_open(w, '[');
            jsonw_double(w, row->bins[i].from_ms / 1000);
            jsonw_i64(w, row->bins[i].people);
            jsonw_close(w, ']');
        }
        jsonw_close(w, ']');
        jsonw_key(w, S("average")), jsonw_double(w, row->average_ms / 1000);
    } else {
        jsonw_key(w, S("counts"));
        jsonw_open(w, '[');
        for (size_t k = 0; k < n; k++) jsonw_i64(w, row->steps[k].people);
        jsonw_close(w, ']');
        write_seconds(w, "avg_seconds", row, n, false);
        write_seconds(w, "median_seconds", row, n, true);
        TRY(write_all_reached(cx, w, snap, c, q, row));
    }
    jsonw_close(w, '}');
    return ST_OK;
}
static Status write_funnel(Cx *cx, JsonW *w, const Snapshot *snap, const QuestionCase *c, const Question *q)
{
    const FunnelAnswer *a = &q->funnel.a;
    if (q->funnel.q.scope.n_breakdown == 0) return write_funnel_row(cx, w, snap, c, q, &a->rows[0]);
    jsonw_open(w, '{');
    for (size_t i = 0; i < a->n; i++) {
        jsonw_key(w, label(&a->rows[i].group));
        TRY(write_funnel_row(cx, w, snap, c, q, &a->rows[i]));
    }
    jsonw_close(w, '}');
    return ST_OK;
}
static bool meets(const JsonNode *condition, int64_t v)
{
    Str op = json_str_of(json_get(condition, S("op")));
    const JsonNode *than = json_get(condition, S("v"));
    int64_t t = than && than->kind == JSON_INT ? than->i : 0;
    return str_is(op, "le") ? v <= t : str_is(op, "ge") ? v >= t : v == t;
}
static unsigned modes_of(const JsonNode *list)
{
    static const char *const names[] = { "strict_deduplication", "strict_order", "strict_increase", "strict_once" };
    const JsonNode *m = list && list->kind == JSON_ARRAY ? json_first(list) : NULL;
    unsigned ret = 0;
    for (size_t i = 0; m && i < list->n; i++, m = json_next(m))
        for (unsigned k = 0; k < COUNT(names); k++) if (str_is(json_str_of(m), names[k])) ret |= 1U << k;
    return ret;
}
static int64_t number_of(const JsonNode *v) { return v && v->kind == JSON_INT ? v->i : 0; }
static Status window_funnel(Cx *cx, const QuestionCase *c, JsonW *w)
{
    const JsonNode *conditions = json_get(c->query, S("conditions")), *events = json_get(c->doc, S("events"));
    if (!conditions || conditions->kind != JSON_ARRAY || conditions->n > FOLD_WINDOW_CONDITIONS || !events ||
        events->kind != JSON_ARRAY)
        return wrong(cx, "query.conditions", "array");
    int64_t *time = ARENA_MANY(cx->arena, int64_t, (size_t)events->n + 1);
    uint32_t *mask = ARENA_MANY(cx->arena, uint32_t, (size_t)events->n + 1);
    if (!time || !mask) return fail(cx, ST_NO_MEM, "case: events");
    const JsonNode *e = json_first(events);
    size_t n = 0;
    for (size_t i = 0; i < events->n; i++, e = json_next(e), n++) {
        int64_t t = number_of(json_get(e, S("t"))), v = number_of(json_get(e, S("value")));
        uint32_t m = 0;
        const JsonNode *cond = json_first(conditions);
        for (size_t k = 0; k < conditions->n; k++, cond = json_next(cond)) m |= (uint32_t)meets(cond, v) << k;
        size_t at = n;                                     /* in order of time, as they came where that is equal */
        for (; at && time[at - 1] > t; at--) time[at] = time[at - 1], mask[at] = mask[at - 1];
        time[at] = t;
        mask[at] = m;
    }
    jsonw_i64(w, fold_window_funnel(conditions->n, number_of(json_get(c->query, S("window"))),
        modes_of(json_get(c->query, S("modes"))), n, time, mask));
    return ST_OK;
}
static Status write_answer(Cx *cx, JsonW *w, const Snapshot *snap, const QuestionCase *c, const Question *q)
{
    switch (q->kind) {
    case QUESTION_RETENTION:  write_retention(w, q); return ST_OK;
    case QUESTION_LIFECYCLE:  write_lifecycle(w, q); return ST_OK;
    case QUESTION_STICKINESS: write_stickiness(w, q); return ST_OK;
    case QUESTION_FUNNEL:     return write_funnel(cx, w, snap, c, q);
    case QUESTION_PATHS:      question_paths_case(w, q); return ST_OK;
    default: return refuse(cx, ST_INVALID, S("kind"), MSG_not_one_of,
        PARAMS({ "names", 0, S("retention, funnel, lifecycle, stickiness, paths, window_funnel") }));
    }
}

/* ---- is it the one expected? ---- */

static bool same(const JsonNode *want, const JsonNode *got, bool set);
static bool is_number(const JsonNode *v) { return v->kind == JSON_INT || v->kind == JSON_DOUBLE; }
static bool same_number(const JsonNode *a, const JsonNode *b)
{
    if (a->kind == JSON_INT && b->kind == JSON_INT) return a->i == b->i;
    double x = a->kind == JSON_INT ? (double)a->i : a->d, y = b->kind == JSON_INT ? (double)b->i : b->d;
    return fabs(x - y) <= 1e-6 * fmax(fabs(x), fabs(y));
}
static bool holds_item(const JsonNode *list, const JsonNode *one)
{
    const JsonNode *v = json_first(list);
    for (size_t i = 0; v && i < list->n; i++, v = json_next(v)) if (same(one, v, false)) return true;
    return false;
}
static bool same_list(const JsonNode *want, const JsonNode *got, bool set)
{
    const JsonNode *a = json_first(want), *b = json_first(got);
    if (want->n != got->n) return false;
    for (size_t i = 0; i < want->n; i++, a = json_next(a), b = json_next(b))
        if (set ? !holds_item(got, a) : !same(a, b, false)) return false;
    return true;
}
/* Only what is expected is looked at; null is not asserted. */
static bool same(const JsonNode *want, const JsonNode *got, bool set)
{
    if (want->kind == JSON_NULL) return true;
    if (!got) return want->kind == JSON_ARRAY && want->n == 0 && set;
    if (is_number(want) && is_number(got)) return same_number(want, got);
    if (want->kind != got->kind) return false;
    if (want->kind == JSON_STR) return str_eq(want->s, got->s);
    if (want->kind == JSON_BOOL) return want->b == got->b;
    if (want->kind == JSON_ARRAY) return same_list(want, got, set);
    const JsonNode *key = json_first(want);
    for (size_t i = 0; i < want->n; i++) {
        const JsonNode *v = json_next(key);
        if (!same(v, json_get(got, key->s), set || str_is(key->s, "reached"))) return false;
        key = json_next(v);
    }
    return true;
}
/* Results by value: one that was not expected is a difference, too. */
static bool nothing_more(const QuestionCase *c, const JsonNode *got)
{
    if (!json_get(c->query, S("breakdown")) || got->kind != JSON_OBJECT) return true;
    return c->expected->kind == JSON_OBJECT && got->n == c->expected->n;
}
Status question_case_run(Cx *cx, const Snapshot *snap, QuestionCase *c, Buf *ret, bool *ret_same)
{
    JsonW w = { .b = ret };
    Question *q = NULL;
    const JsonNode *got;
    Status st = ST_OK;
    if (str_is(c->kind, "window_funnel")) {
        st = window_funnel(cx, c, &w);
    } else {
        st = ask(cx, snap, c, &(CaseCell){ 0 }, &q);
        if (st == ST_OK) st = write_answer(cx, &w, snap, c, q);
    }
    question_done(q);
    TRY(st);
    if (ret->bad) return fail(cx, ST_NO_MEM, "case: the answer");
    TRY(json_parse(cx, buf_str(ret), &got));
    *ret_same = !c->expected || (same(c->expected, got, false) && nothing_more(c, got));
    return ST_OK;
}
