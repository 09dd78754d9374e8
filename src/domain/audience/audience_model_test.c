/* Both evaluators against a naive model: random logs with joins, undos, flags, late and future events, traits that
 * change with and without trust, in several segments and a tail, and random expressions. */
#include "domain/audience/audience.h"
#include "store/events/state_rig_test.h"
#include <stdio.h>
#include <sys/stat.h>

enum { ACTORS = 24, EVENTS = 4000, KIDS = 3, TEXT = 32768, DAY = 86400000, HOUR = 3600000 };
static const char *const NAMES[] = { "open", "购买", "view", "x" };
static const char *const PLANS[] = { "free", "pro", "企业版", "1" };
static const int64_t BASE = INT64_C(1704067200000);       /* 2024-01-01 */

typedef struct Ev { int actor, name, plan, trust; bool identify, hidden, with_price, whole, with_level; int64_t time;
    double price; int64_t level; int list; } Ev;
typedef struct World {
    uint64_t x;
    Rig  rig;
    Ev   ev[EVENTS];
    int  n;
    int64_t joins[EVENTS];
    int  n_joins;
    int64_t id;
} World;
static uint64_t rnd(World *w, uint64_t below)
{
    w->x ^= w->x << 13, w->x ^= w->x >> 7, w->x ^= w->x << 17;
    return (w->x >> 11) % below;
}

/* ---- entries ---- */

static Entry random_event(World *w, Prop props[4], Str items[2])
{
    assert_true(w->n < EVENTS);
    Ev *v = &w->ev[w->n++];
    *v = (Ev){ .actor = (int)rnd(w, ACTORS), .name = (int)rnd(w, COUNT(NAMES)), .plan = (int)rnd(w, 5) - 1,
        .trust = (int)rnd(w, 4), .identify = rnd(w, 5) == 0, .hidden = rnd(w, 12) == 0, .with_price = rnd(w, 3) > 0,
        .whole = rnd(w, 2), .with_level = rnd(w, 2), .level = (int64_t)rnd(w, 4), .list = (int)rnd(w, 4) };
    v->time = BASE + (int64_t)rnd(w, 60) * DAY;
    if (rnd(w, 2)) v->time += (int64_t)rnd(w, 24) * HOUR;
    else if (rnd(w, 2)) v->time += (int64_t)rnd(w, 1440) * 60000;
    else if (rnd(w, 2)) v->time += 16 * HOUR;              /* midnight in Shanghai */
    v->price = (double)(int64_t)rnd(w, 400) / 4 - 20;
    if (v->whole) v->price = (double)(int64_t)v->price;
    Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = (uint8_t)v->trust,
        .flags = v->hidden ? EVENT_TEST : 0, .actor = rig_key((uint64_t)v->actor), .time = v->time,
        .received = v->time, .name = str_z(v->identify ? "$identify" : NAMES[v->name]), .props = props } };
    size_t n = 0;
    if (v->plan >= 0) props[n++] = (Prop){ .name = S("plan"), .kind = PROP_STR, .s = str_z(PLANS[v->plan]) };
    if (v->with_price && v->whole) props[n++] = (Prop){ .name = S("price"), .kind = PROP_INT, .i = (int64_t)v->price };
    if (v->with_price && !v->whole) props[n++] = (Prop){ .name = S("price"), .kind = PROP_DOUBLE, .d = v->price };
    if (v->with_level) props[n++] = (Prop){ .name = S("level"), .kind = PROP_INT, .i = v->level };
    if (v->list) {
        items[0] = str_z(PLANS[v->list]);
        items[1] = S("a\"b");
        props[n++] = (Prop){ .name = S("tags"), .kind = PROP_LIST, .list = { items, 2 } };
    }
    e.event.n_props = n;
    return e;
}
static Entry random_other(World *w)
{
    Entry e = { .kind = ENTRY_JOIN };
    int a = (int)rnd(w, ACTORS), b = (int)rnd(w, ACTORS);
    w->id++;
    switch (rnd(w, 5)) {
    case 0:
        e.kind = ENTRY_UNJOIN;
        e.unjoin = (Unjoin){ .id = w->id, .join = w->n_joins ? w->joins[rnd(w, (uint64_t)w->n_joins)] : 1 };
        return e;
    case 1:
        e.kind = ENTRY_FLAG;
        e.flag = (Flag){ .actor = rig_key((uint64_t)a), .set = (uint8_t)(1 << rnd(w, 5)), .clear = 31 };
        e.flag.clear = (uint8_t)(31 & ~e.flag.set);
        if (rnd(w, 3)) e.flag.set = 0, e.flag.clear = 31;
        return e;
    default:
        e.join = (Join){ .id = w->id, .anon = rig_key((uint64_t)a), .user = rig_key((uint64_t)b),
            .trust = rnd(w, 3) ? TRUST_PUBLIC : TRUST_SECRET };
        w->joins[w->n_joins++] = w->id;
        return e;
    }
}
static void grow(Cx *cx, World *w, int n)
{
    for (int i = 0; i < n; i++) {
        Prop props[4];
        Str items[2];
        Entry e = rnd(w, 25) ? random_event(w, props, items) : random_other(w);
        rig_append(cx, &w->rig, &e, 1);
    }
}

/* ---- expressions, as a tree, as JSON, and what they mean ---- */

typedef enum Kind { ALL, ANY, NOT, TRAIT, FLAG, DID, FIRST, LAST, SEQUENCE, SILENT, SEEN, KINDS } Kind;
typedef struct Where_ { int op, value; bool not; } Where_;        /* op 0: none */
typedef struct Match { int name; Where_ where; } Match;           /* name -1: any */
typedef struct X {
    Kind kind;
    struct X *kids[KIDS];
    int n, op, value, trait, flag;
    Match m[8];                                  /* three of them used */
    int within, before, calendar, unit;          /* within and before in hours */
    int from, to;                                /* days after BASE, Shanghai; -1: open */
    int times_ge, times_le, days_ge, sum_op, sum, since;          /* -1: not asked; since 1 last, 2 first */
    int span, usual, at_least;
} X;
static void add(char *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(char *to, const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(to);
    va_start(ap, fmt);
    vsnprintf(to + n, TEXT - n, fmt, ap);
    va_end(ap);
    assert_true(strlen(to) < TEXT - 1);
}
static Match random_match(World *w)
{
    return (Match){ .name = (int)rnd(w, 5) - 1, .where = { (int)rnd(w, 5), (int)rnd(w, 4), rnd(w, 4) == 0 } };
}
static X *random_x(Cx *cx, World *w, int depth)
{
    X *x = ARENA_NEW(cx->arena, X);
    x->kind = depth ? (Kind)rnd(w, KINDS) : (Kind)(TRAIT + rnd(w, KINDS - TRAIT));
    x->op = (int)rnd(w, 8), x->value = (int)rnd(w, 4), x->trait = (int)rnd(w, 3), x->flag = (int)rnd(w, 4);
    for (int i = 0; i < 3; i++) x->m[i] = random_match(w);
    x->within = rnd(w, 3) == 0 ? (int)(1 + rnd(w, 24 * 40)) : 0;
    x->before = rnd(w, 4) == 0 ? (int)(1 + rnd(w, 24 * 20)) : 0;
    if (x->within && x->before >= x->within) x->before = 0;
    x->calendar = !x->within && rnd(w, 4) == 0 ? (int)(1 + rnd(w, 20)) : 0;
    x->unit = (int)rnd(w, 2);
    x->from = !x->within && !x->calendar && rnd(w, 3) == 0 ? (int)rnd(w, 30) : -1;
    x->to = !x->before && rnd(w, 4) == 0 ? 30 + (int)rnd(w, 30) : -1;
    x->times_ge = rnd(w, 2) ? (int)rnd(w, 4) : -1;
    x->times_le = rnd(w, 3) == 0 ? 3 + (int)rnd(w, 3) : -1;
    x->days_ge = rnd(w, 4) == 0 ? (int)rnd(w, 4) : -1;
    x->sum_op = rnd(w, 3) ? 0 : (int)(1 + rnd(w, 4));
    x->sum = (int)rnd(w, 120) - 20;
    x->since = rnd(w, 4) ? 0 : (int)(1 + rnd(w, 2));
    x->span = rnd(w, 2) ? (int)(1 + rnd(w, 24 * 10)) : 0;
    x->usual = (int)(1 + rnd(w, 4)), x->at_least = rnd(w, 2) ? (int)(1 + rnd(w, 10)) : 0;
    x->n = x->kind == NOT ? 1 : x->kind == SEQUENCE ? (int)(2 + rnd(w, 2)) : (int)rnd(w, KIDS) + (x->kind == ANY);
    for (int i = 0; i < x->n && x->kind <= NOT; i++) x->kids[i] = random_x(cx, w, depth - 1);
    return x;
}
static void json_where(char *to, const Where_ *q)
{
    if (!q->op) return;
    add(to, ",\"where\":");
    if (q->not) add(to, "{\"not\":");
    if (q->op == 1) add(to, "{\"prop\":\"plan\",\"op\":\"is\",\"value\":\"%s\"}", PLANS[q->value]);
    if (q->op == 2) add(to, "{\"prop\":\"price\",\"op\":\"ge\",\"value\":%d}", q->value * 20);
    if (q->op == 3) add(to, "{\"prop\":\"plan\",\"op\":\"in\",\"value\":[\"pro\",\"%s\"]}", PLANS[q->value]);
    if (q->op == 4)
        add(to, "{\"any\":[{\"prop\":\"tags\",\"op\":\"contains\",\"value\":\"%s\"},{\"prop\":\"level\",\"op\":"
            "\"not_set\"}]}", PLANS[q->value]);
    if (q->not) add(to, "}");
}
static void json_match(char *to, const Match *m)
{
    if (m->name >= 0) add(to, "\"event\":\"%s\"", NAMES[m->name]);
    if (m->name >= 0 || !m->where.op) json_where(to, &m->where);
    else {
        char where[TEXT] = "";
        json_where(where, &m->where);
        add(to, "%s", where + 1);
    }
}
static void comma(char *to) { if (to[strlen(to) - 1] != '{') add(to, ","); }
static void json_window(char *to, const X *x)
{
    if (x->within) comma(to), add(to, "\"within\":[%d,\"hour\"]", x->within);
    if (x->calendar) comma(to), add(to, "\"calendar\":[%d,\"%s\"]", x->calendar, x->unit ? "day" : "week");
    if (x->before) comma(to), add(to, "\"before\":[%d,\"hour\"]", x->before);
    if (x->from >= 0) comma(to), add(to, "\"from\":\"2024-01-%02d\"", x->from + 1);
    if (x->to >= 30) comma(to), add(to, "\"to\":\"2024-02-%02dT12:00\"", x->to - 30 + 1 > 28 ? 28 : x->to - 30 + 1);
}
static void json_did(char *to, const X *x)
{
    static const char *const ops[] = { "", "ge", "gt", "le", "lt" };
    add(to, "{\"did\":{");
    json_match(to, &x->m[0]);
    json_window(to, x);
    if (x->times_ge >= 0 || x->times_le >= 0) comma(to), add(to, "\"times\":{");
    if (x->times_ge >= 0) add(to, "\"ge\":%d", x->times_ge);
    if (x->times_le >= 0) comma(to), add(to, "\"le\":%d", x->times_le);
    if (x->times_ge >= 0 || x->times_le >= 0) add(to, "}");
    if (x->days_ge >= 0) comma(to), add(to, "\"days\":{\"ge\":%d}", x->days_ge);
    if (x->sum_op) comma(to), add(to, "\"sum\":{\"prop\":\"price\",\"%s\":%d}", ops[x->sum_op], x->sum);
    if (x->since) {
        comma(to);
        add(to, "\"since\":{\"%s\":{", x->since == 1 ? "last" : "first");
        json_match(to, &x->m[1]);
        add(to, "}}");
    }
    add(to, "}}");
}
static void json_trait(char *to, const X *x)
{
    static const char *const ops[] = { "is", "is_not", "set", "not_set", "contains", "in", "ge", "lt" };
    static const char *const traits[] = { "plan", "level", "tags" };
    add(to, "{\"trait\":\"%s\",\"op\":\"%s\"", traits[x->trait], ops[x->op]);
    bool text = x->trait != 1 || x->op == 4;
    if (x->op == 5) add(to, ",\"value\":[\"%s\",\"x\"]", PLANS[x->value]);
    else if (x->op != 2 && x->op != 3 && text) add(to, ",\"value\":\"%s\"", PLANS[x->value]);
    else if (x->op != 2 && x->op != 3) add(to, ",\"value\":%d", x->value);
    add(to, "}");
}
static const char *const FLAGS[] = { "no_analytics", "no_personalisation", "staff", "bot" };
static void json(char *to, const X *x)
{
    switch (x->kind) {
    case ALL: case ANY:
        add(to, x->kind == ALL ? "{\"all\":[" : "{\"any\":[");
        for (int i = 0; i < x->n; i++) {
            if (i) add(to, ",");
            json(to, x->kids[i]);
        }
        add(to, "]}");
        return;
    case NOT:
        add(to, "{\"not\":");
        json(to, x->kids[0]);
        add(to, "}");
        return;
    case TRAIT: json_trait(to, x); return;
    case FLAG: add(to, "{\"flag\":\"%s\"}", FLAGS[x->flag]); return;
    case DID: json_did(to, x); return;
    case FIRST: case LAST:
        add(to, x->kind == FIRST ? "{\"first\":{" : "{\"last\":{");
        json_match(to, &x->m[0]);
        json_window(to, x);
        add(to, "}}");
        return;
    case SEEN:
        add(to, x->unit ? "{\"first_seen\":{" : "{\"last_seen\":{");
        json_window(to, x);
        add(to, "}}");
        return;
    case SEQUENCE:
        add(to, "{\"sequence\":{\"steps\":[");
        for (int i = 0; i < x->n; i++) {
            add(to, i ? ",{" : "{");
            json_match(to, &x->m[i]);
            add(to, "}");
        }
        add(to, "]");
        if (x->span) add(to, ",\"span\":[%d,\"hour\"]", x->span);
        json_window(to, x);
        add(to, "}}");
        return;
    default:
        add(to, "{\"silent\":{");
        json_match(to, &x->m[0]);
        comma(to);
        add(to, "\"usual\":%d", x->usual);
        if (x->at_least) add(to, ",\"at_least\":[%d,\"day\"]", x->at_least);
        add(to, "}}");
    }
}

/* ---- the model ---- */

typedef struct Person { const Ev *ev[EVENTS]; int n; bool hidden, erased; uint8_t flags; const Ev *id[EVENTS]; int n_id;
    int64_t now; } Person;
static int64_t day_of(int64_t t) { return (t + 8 * HOUR) / DAY; }
static bool match(const Match *m, const Ev *v)
{
    bool holds = true;
    if (m->name >= 0 && (v->identify || v->name != m->name)) return false;
    const char *plan = v->plan < 0 ? "" : PLANS[v->plan];
    if (m->where.op == 1) holds = strcmp(plan, PLANS[m->where.value]) == 0;
    if (m->where.op == 2) holds = v->with_price && v->price >= m->where.value * 20;
    if (m->where.op == 3) holds = strcmp(plan, "pro") == 0 || strcmp(plan, PLANS[m->where.value]) == 0;
    if (m->where.op == 4) holds = (v->list && v->list == m->where.value) || !v->with_level;
    return m->where.op && m->where.not ? !holds : holds;
}
static bool inside(const X *x, int64_t t, int64_t now)
{
    int64_t local = BASE - 8 * HOUR;
    if (x->within && t <= now - (int64_t)x->within * HOUR) return false;
    if (x->before && t > now - (int64_t)x->before * HOUR) return false;
    if (x->calendar && x->unit && day_of(t) <= day_of(now) - x->calendar) return false;
    /* 1970-01-05 was a Monday: day 4 */
    if (x->calendar && !x->unit && (day_of(t) + 3) / 7 <= (day_of(now) + 3) / 7 - x->calendar) return false;
    if (x->from >= 0 && t < local + (int64_t)x->from * DAY) return false;
    int to = x->to - 30 + 1 > 28 ? 28 : x->to - 30 + 1;
    if (x->to >= 30 && t >= local + (int64_t)(31 + to - 1) * DAY + 12 * HOUR) return false;
    return true;
}
static bool model_did(const X *x, const Person *p)
{
    int times = 0, days = 0, after = -1;
    int64_t seen[EVENTS];
    double sum = 0;
    if (x->since) {
        int found = -1;
        for (int i = 0; i < p->n; i++)
            if (match(&x->m[1], p->ev[i]) && (found < 0 || x->since == 1)) found = i;
        after = found < 0 ? p->n : found;
    }
    for (int i = after + 1; i < p->n; i++) {
        const Ev *v = p->ev[i];
        bool new_day = true;
        if (!match(&x->m[0], v) || !inside(x, v->time, p->now)) continue;
        times++;
        if (v->with_price) sum += v->price;
        for (int k = 0; k < days; k++) new_day &= seen[k] != day_of(v->time);
        if (new_day) seen[days++] = day_of(v->time);
    }
    bool holds = true;
    int least = x->times_ge >= 0 ? x->times_ge : x->times_le >= 0 || x->days_ge == 0 ? 0 : 1;
    holds &= times >= least && (x->times_le < 0 || times <= x->times_le);
    holds &= x->days_ge < 0 || days >= x->days_ge;
    if (x->sum_op == 1) holds &= sum >= x->sum;
    if (x->sum_op == 2) holds &= sum > x->sum;
    if (x->sum_op == 3) holds &= sum <= x->sum;
    if (x->sum_op == 4) holds &= sum < x->sum;
    return holds;
}
static bool model_edge(const X *x, const Person *p, bool first, bool any)
{
    const Ev *found = NULL;
    for (int i = 0; i < p->n; i++)
        if ((any || match(&x->m[0], p->ev[i])) && (!found || !first)) found = p->ev[i];
    return found && inside(x, found->time, p->now);
}
static bool chain(const X *x, const Person *p, int step, int from, int64_t begin)
{
    for (int i = from; i < p->n; i++) {
        const Ev *v = p->ev[i];
        if (!match(&x->m[step], v) || !inside(x, v->time, p->now)) continue;
        if (step && x->span && v->time - begin > (int64_t)x->span * HOUR) continue;
        if (step + 1 == x->n || chain(x, p, step + 1, i + 1, step ? begin : v->time)) return true;
    }
    return false;
}
static bool model_silent(const X *x, const Person *p)
{
    int64_t gaps[EVENTS], last_day = -1, last = 0;
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        if (!match(&x->m[0], p->ev[i])) continue;
        int64_t d = day_of(p->ev[i]->time);
        if (last_day >= 0 && d != last_day) gaps[n++] = d - last_day;
        last_day = d;
        last = p->ev[i]->time;
    }
    if (n < 3) return false;
    assert_true(n <= 100);
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++)
            if (gaps[k] < gaps[i]) { int64_t g = gaps[i]; gaps[i] = gaps[k]; gaps[k] = g; }
    int half = n / 2;
    double median = n % 2 ? (double)gaps[half] : (double)(gaps[half] + gaps[half - 1]) / 2;
    return (double)(day_of(p->now) - last_day) > x->usual * median && p->now - last >= (int64_t)x->at_least * DAY;
}
static bool ev_has(const Ev *v, int trait)
{
    return trait == 0 ? v->plan >= 0 : trait == 1 ? v->with_level : v->list > 0;
}
static bool model_trait(const X *x, const Person *p)
{
    const Ev *best = NULL;
    for (int i = 0; i < p->n_id; i++) {
        const Ev *v = p->id[i];
        if (ev_has(v, x->trait) && (!best || v->trust > 0 || best->trust == 0)) best = v;
    }
    bool is = false, in = false, contains = false, ge = false, lt = false;
    const char *want = PLANS[x->value];
    if (best && x->trait == 0) {
        const char *plan = PLANS[best->plan];
        is = in = strcmp(plan, want) == 0;
        in |= strcmp(plan, "x") == 0;
        contains = strstr(plan, want) != NULL;
        ge = strcmp(plan, want) >= 0, lt = !ge;
    }
    if (best && x->trait == 1) is = best->level == x->value, ge = best->level >= x->value, lt = !ge;
    if (best && x->trait == 2) contains = best->list == x->value;
    switch (x->op) {
    case 0: return is;
    case 1: return !is;
    case 2: return best;
    case 3: return !best;
    case 4: return contains;
    case 5: return in;
    case 6: return ge;
    default: return lt;
    }
}
static bool model(const X *x, const Person *p)
{
    static const uint8_t flags[] = { PERSON_NO_ANALYTICS, PERSON_NO_PERSONALISATION, PERSON_STAFF, PERSON_BOT };
    bool holds = x->kind == ALL;
    switch (x->kind) {
    case ALL: for (int i = 0; i < x->n; i++) holds &= model(x->kids[i], p); return holds;
    case ANY: for (int i = 0; i < x->n; i++) holds |= model(x->kids[i], p); return holds;
    case NOT: return !model(x->kids[0], p);
    case TRAIT: return model_trait(x, p);
    case FLAG: return p->flags & flags[x->flag];
    case DID: return model_did(x, p);
    case FIRST: case LAST: return model_edge(x, p, x->kind == FIRST, false);
    case SEEN: return model_edge(x, p, x->unit, true);
    case SEQUENCE: return chain(x, p, 0, 0, 0);
    default: return model_silent(x, p);
    }
}
static uint8_t named(const X *x)
{
    static const uint8_t flags[] = { PERSON_NO_ANALYTICS, 0, PERSON_STAFF, PERSON_BOT };
    uint8_t all = x->kind == FLAG ? flags[x->flag] : 0;
    for (int i = 0; i < x->n && x->kind <= NOT; i++) all |= named(x->kids[i]);
    return all;
}
/* In order of time, equal ones as the log has them. */
static void put(const Ev **all, int *n, const Ev *v)
{
    int k = (*n)++;
    for (; k > 0 && all[k - 1]->time > v->time; k--) all[k] = all[k - 1];
    all[k] = v;
}
static void person_of(const World *w, const Snapshot *snap, uint32_t root, int64_t now, Person *p)
{
    uint32_t number;
    *p = (Person){ .now = now, .flags = joins_flags(snap->people, root) };
    if (p->flags & SCAN_LEFT_OUT) return;
    for (int i = 0; i < w->n; i++) {
        const Ev *v = &w->ev[i];
        if (v->hidden || !snapshot_actor(snap, rig_key((uint64_t)v->actor), &number)) continue;
        if (joins_root(snap->people, number) != root) continue;
        if (v->identify) put(p->id, &p->n_id, v);
        if (v->time <= now) put(p->ev, &p->n, v);
    }
}
static AudienceScope scope(Cx *cx)
{
    AudienceScope s = { .week_start = 1 };
    ok(zone_get(cx, S("Asia/Shanghai"), &s.zone));
    return s;
}
static int compare(Cx *cx, World *w, const Snapshot *snap, const X *x, const char *text, int64_t now)
{
    static Person p;
    const Audience *a;
    PeopleSet all;
    AudienceScope s = scope(cx);
    int members = 0;
    Status st = audience_parse(cx, &s, str_z(text), "e", AUDIENCE_OF_PEOPLE, &a);
    if (st == ST_INVALID && cx->why.msg == MSG_empty_range) return 0;
    if (st == ST_INVALID) print_error("%s\n", text);
    ok(st);
    ok(audience_everyone(cx, snap, a, now, NULL, &all));
    for (uint32_t root = 0; root < snap->actors; root++) {
        bool one, want = false, many = people_set_has(&all, root);
        ok(audience_person(cx, snap, a, now, root, &one));
        person_of(w, snap, root, now, &p);
        if (joins_root(snap->people, root) == root && !(p.flags & SCAN_LEFT_OUT & ~named(x))) want = model(x, &p);
        if (one != want || many != want)
            print_error("%s\nnow %lld, person %u: model %d, everyone %d, person %d\n", text, (long long)now, root, want,
                many, one);
        assert_int_equal(many, want);
        assert_int_equal(one, want);
        members += want;
    }
    people_set_done(&all);
    return members;
}
static void one_world(Cx *cx, uint64_t seed, int rounds, int *ret_members)
{
    static World w;
    w = (World){ .x = seed * UINT64_C(0x9E3779B97F4A7C15) + 1 };
    char *path = arena_get(cx->arena, strlen(test_dir()) + 50);
    snprintf(path, strlen(test_dir()) + 50, "%s/w%d", test_dir(), (int)seed);
    assert_int_equal(mkdir(path, 0700), 0);
    rig_open(cx, &w.rig, path);
    for (int i = 0; i < rounds; i++) {
        Cx own = test_cx();
        Snapshot snap;
        grow(cx, &w, 1 + (int)rnd(&w, 60));
        if (rnd(&w, 3) == 0) (void)!rig_flush(cx, &w.rig);
        if (rnd(&w, 6) == 0) (void)!rig_merge(cx, &w.rig);
        ok(snapshot_take(&own, w.rig.s, &snap));
        for (int k = 0; k < 6; k++) {
            static char text[TEXT];
            const X *x = random_x(&own, &w, (int)rnd(&w, 4));
            text[0] = 0;
            json(text, x);
            *ret_members += compare(&own, &w, &snap, x, text,
                BASE + (int64_t)(rnd(&w, 2) ? rnd(&w, 70 * 24) * 60 : rnd(&w, 70 * 1440)) * 60000);
        }
        snapshot_done(&own, &snap);
        arena_free(own.arena);
    }
    rig_done(&w.rig);
}
TEST(everyone_and_one_person_and_the_naive_model_agree)
{
    int members = 0;
    const char *more = getenv("LIUKE_ROUNDS");
    int64_t worlds = 4;
    if (more) assert_true(str_i64(str_z(more), &worlds));
    for (int64_t i = 0; i < worlds; i++) one_world(cx, (uint64_t)i + 1, 30, &members);
    assert_true(members > 1000);                  /* the expressions are of somebody */
}
