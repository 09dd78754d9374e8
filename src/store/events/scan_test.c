/* The scan against a naive walk over the same log: every person's chosen events, their masks and values, one by one.
 * Joins, undos, late events, flags, several segments and the tail; everybody, some, and one person at a time. */
#include "store/events/scan.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "store/events/groups.h"
#include "store/events/query.h"
#include "store/events/state_rig_test.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACTORS = 60, LINES = 1 << 20 };
static const char *const NAMES[] = { "open", "页面浏览", "buy 😀", "$identify", "x", "y", "z" };
static const char *const PROPS[] = { "plan", "城市", "price", "tags", "long", "never" };
static const char *const TEXTS[] = { "free", "pro", "1", "", "北京", "上海", "true" };
static const int64_t START = INT64_C(1704067200000), DAY = 86400000;

typedef struct World { uint64_t x; Rig rig; int64_t join_id; bool joins; } World;
static uint64_t rnd(World *w, uint64_t below)
{
    w->x ^= w->x << 13, w->x ^= w->x >> 7, w->x ^= w->x << 17;
    return (w->x >> 11) % below;
}
static Str text_of(World *w) { return str_z(TEXTS[rnd(w, COUNT(TEXTS))]); }
static Prop random_value(World *w, Cx *cx, int which)
{
    static const double doubles[] = { 19.99, 0.5, 1, -0.0, 1e300, 3 };
    static const int64_t ints[] = { 0, 1, 3, -5, INT64_MAX, INT64_MIN, 9007199254740993 };
    Prop p = { .name = str_z(PROPS[which]), .kind = PROP_STR };
    switch (rnd(w, 8) ? which : (int)rnd(w, 5)) {
    case 2:
        p.kind = rnd(w, 2) ? PROP_INT : PROP_DOUBLE;
        if (p.kind == PROP_INT) p.i = ints[rnd(w, COUNT(ints))];
        else p.d = doubles[rnd(w, COUNT(doubles))];
        return p;
    case 3: {
        Str *items = ARENA_MANY(cx->arena, Str, 4);
        p.kind = PROP_LIST;
        p.list.n = rnd(w, 4);
        for (size_t i = 0; i < p.list.n; i++) items[i] = text_of(w);
        p.list.p = items;
        return p;
    }
    case 4: {                                              /* beyond any dictionary: long, and of its own kind */
        char *long_text = arena_get(cx->arena, 700);
        p.s.n = 200 + rnd(w, 500);
        for (size_t i = 0; i < p.s.n; i++) long_text[i] = (char)('a' + (i < 4 ? rnd(w, 26) : i % 26));
        p.s.p = long_text;
        return p;
    }
    case 0:
        if (rnd(w, 3) == 0) {
            p.kind = PROP_BOOL;
            p.b = rnd(w, 2);
            return p;
        }
        break;
    default: break;
    }
    p.s = text_of(w);
    return p;
}
static int64_t random_time(World *w)
{
    int64_t day = START + ((int64_t)rnd(w, 70) - 20) * DAY;
    return rnd(w, 3) ? day + (int64_t)rnd(w, (uint64_t)DAY) : day + 1;       /* often the same */
}
static Entry random_entry(World *w, Cx *cx)
{
    Entry e = { .kind = ENTRY_EVENT };
    Hash128 a = rig_key(rnd(w, ACTORS)), b = rig_key(rnd(w, ACTORS));
    switch (w->joins ? rnd(w, 40) : 3 + rnd(w, 40)) {
    case 0: case 1:
        e.kind = ENTRY_JOIN;
        e.join = (Join){ .id = ++w->join_id, .anon = a, .user = b, .trust = rnd(w, 3) ? TRUST_PUBLIC : TRUST_SECRET };
        return e;
    case 2:
        e.kind = ENTRY_UNJOIN;
        e.unjoin = (Unjoin){ .id = 1000000 + w->join_id, .join = 1 + (int64_t)rnd(w, (uint64_t)w->join_id + 1) };
        return e;
    case 3:
        if (rnd(w, 4)) break;
        e.kind = ENTRY_FLAG;
        e.flag = (Flag){ .actor = a, .set = (uint8_t)(1 << rnd(w, 5)), .clear = (uint8_t)(1 << rnd(w, 5)) };
        return e;
    default: break;
    }
    Prop *props = ARENA_MANY(cx->arena, Prop, COUNT(PROPS));
    e.event = (Event){ .source = (uint16_t)(1 + rnd(w, 3)), .trust = (uint8_t)rnd(w, 4), .actor = a,
        .name = str_z(NAMES[rnd(w, COUNT(NAMES))]), .time = random_time(w), .props = props };
    if (str_is(e.event.name, "$identify")) e.event.time += 1 + (int64_t)rnd(w, (uint64_t)DAY - 2);
    e.event.received = e.event.time + 1000;
    if (rnd(w, 15) == 0) e.event.flags = (uint8_t)(1 << rnd(w, 4));
    for (int i = 0; i + 1 < (int)COUNT(PROPS); i++)
        if (rnd(w, 2)) props[e.event.n_props++] = random_value(w, cx, i);
    return e;
}

/* ---- what is asked ---- */

static Where random_pred(World *w, Cx *cx)
{
    static const char *const more[] = { "$event", "$source", "$trust" };
    Where q = { .kind = WHERE_PRED };
    size_t p = rnd(w, COUNT(PROPS) + COUNT(more));
    q.pred.prop = str_z(p < COUNT(PROPS) ? PROPS[p] : more[p - COUNT(PROPS)]);
    q.pred.op = (Op)rnd(w, OP_IN + 1);
    q.pred.value = random_value(w, cx, (int)rnd(w, 3));
    if (q.pred.value.kind == PROP_LIST || p >= COUNT(PROPS)) {
        q.pred.value.kind = PROP_INT;
        q.pred.value.i = (int64_t)rnd(w, 4);
        if (p == COUNT(PROPS)) q.pred.value.kind = PROP_STR, q.pred.value.s = str_z(NAMES[rnd(w, COUNT(NAMES))]);
    }
    if (q.pred.op == OP_CONTAINS && q.pred.value.kind != PROP_STR) q.pred.op = OP_IS_NOT;
    if (q.pred.op == OP_IN) {
        Str *in = ARENA_MANY(cx->arena, Str, 3);
        for (int i = 0; i < 3; i++) in[i] = text_of(w);
        q.pred.value.kind = PROP_LIST;
        q.pred.value.list.p = in;
        q.pred.value.list.n = rnd(w, 4);
    }
    return q;
}
static Where random_where(World *w, Cx *cx, const PeopleSet *set, int depth)
{
    Where q = { .kind = (WhereKind)rnd(w, 5), .people = set };
    if (depth == 0 || q.kind == WHERE_PRED) return random_pred(w, cx);
    if (q.kind == WHERE_PEOPLE) return q;
    q.n = q.kind == WHERE_NOT ? 1 : rnd(w, 4);
    Where *kids = ARENA_MANY(cx->arena, Where, 4);
    for (size_t i = 0; i < q.n; i++) kids[i] = random_where(w, cx, set, depth - 1);
    q.kids = kids;
    return q;
}
/* Lengthens: numbers of texts must not depend on what the text is. */
static Status loud(Cx *cx, Str s, Str *ret)
{
    Buf b = buf_new(cx->arena, 4096);
    buf_addz(&b, "!");
    buf_add(&b, s.n > 3 ? (Str){ s.p, 3 } : s);
    *ret = buf_str(&b);
    return b.bad ? fail(cx, ST_NO_MEM, "test") : ST_OK;
}
typedef struct Asked { Selector sel; ScanSlot slots[SCAN_SLOTS]; ScanPlan plan; PeopleSet who; } Asked;
static const Where *some_where(World *w, Cx *cx, const PeopleSet *set)
{
    Where *q = ARENA_NEW(cx->arena, Where);
    *q = random_where(w, cx, set, 3);
    return q;
}
static void random_question(World *w, Cx *cx, const Snapshot *snap, ScanTexts *texts, Asked *q)
{
    static const char *const props[] = { "plan", "城市", "price", "tags", "long", "never", "$event", "$source",
        "$trust" };
    *q = (Asked){ .sel = { .n_matchers = rnd(w, 8) ? 1 + rnd(w, 4) : SELECTOR_MATCHERS } };
    ok(people_set_new(cx, snap->actors, &q->who));
    for (uint32_t i = 0; i < snap->actors; i++) if (rnd(w, 2)) people_set_add(&q->who, i);
    for (size_t m = 0; m < q->sel.n_matchers; m++) {
        q->sel.matchers[m] = (Matcher){ .any = rnd(w, 4) == 0, .name = str_z(NAMES[rnd(w, COUNT(NAMES))]) };
        if (rnd(w, 2)) q->sel.matchers[m].where = some_where(w, cx, &q->who);
    }
    if (rnd(w, 3) == 0) q->sel.filter = some_where(w, cx, &q->who);
    if (rnd(w, 2)) q->sel.hide = QUERY_HIDE;
    q->plan = (ScanPlan){ .sel = &q->sel, .slots = q->slots, .texts = texts, .from = INT64_MIN, .to = INT64_MAX,
        .threads = 1 + (int)rnd(w, 2) };
    q->plan.n_slots = rnd(w, 2) ? rnd(w, 4) : 0;
    for (size_t k = 0; k < q->plan.n_slots; k++) {
        q->slots[k] = (ScanSlot){ (SlotKind)rnd(w, 3), str_z(props[rnd(w, COUNT(props))]), rnd(w, 4) ? NULL : loud };
        if (q->slots[k].kind == SLOT_TRAIT) q->slots[k].name = str_z(PROPS[rnd(w, COUNT(PROPS))]);
    }
    if (rnd(w, 2)) q->plan.who = &q->who;
    if (rnd(w, 2)) q->plan.from = random_time(w), q->plan.to = q->plan.from + (int64_t)rnd(w, 40) * DAY;
    q->plan.count_from = rnd(w, 2) ? random_time(w) : q->plan.from;
}

/* ---- a fold that writes down what it was given ---- */

typedef struct Line { uint32_t root; char *text; } Line;
typedef struct Recorder { Fold fold; Line *lines; size_t n; const ScanPlan *plan; bool joins; Cx cx; } Recorder;
static void value_text(Buf *b, ScanTexts *texts, uint8_t kind, uint64_t value)
{
    buf_i64(b, kind), buf_addz(b, ":");
    if (kind == PROP_STR || kind == PROP_LIST) buf_add(b, scan_text(texts, value));
    else buf_hex(b, (Str){ (const char *)&value, sizeof value });
}
static int by_text(const void *a, const void *b) { return str_cmp(*(const Str *)a, *(const Str *)b); }
/* Whose events came together by a join have no order among equal times: no file keeps it. */
static void sort_lines(Cx *cx, char *text)
{
    Str rest = str_z(arena_str(cx->arena, str_z(text)).p), *lines = ARENA_MANY(cx->arena, Str, rest.n + 1);
    size_t n = 0;
    while (rest.n) lines[n++] = str_cut(&rest, '\n');
    if (n) qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++) {
        if (lines[i].n) memcpy(text, lines[i].p, lines[i].n);
        text += lines[i].n;
        *text++ = '\n';
    }
}
static void line_add(Recorder *r, uint32_t root, const Buf *b)
{
    assert_false(b->bad);
    r->lines = realloc(r->lines, (r->n + 1) * sizeof *r->lines);
    char *text = calloc(1, b->n + 1);
    if (b->n) memcpy(text, b->p, b->n);
    if (r->joins) sort_lines(&r->cx, text);
    r->lines[r->n++] = (Line){ root, text };
}
static void record(Fold *f, const Span *s)
{
    Recorder *r = (Recorder *)f;
    arena_reset(r->cx.arena);
    Buf b = buf_new(r->cx.arena, LINES);
    for (size_t i = 0; i < s->n; i++) {
        assert_true(i == 0 || s->time[i - 1] <= s->time[i]);
        buf_i64(&b, s->time[i]), buf_addz(&b, " "), buf_i64(&b, s->mask[i]);
        for (size_t k = 0; k < r->plan->n_slots; k++) {
            buf_addz(&b, " ");
            value_text(&b, r->plan->texts, s->cols[k].kind[i], s->cols[k].value[i]);
        }
        buf_addz(&b, "\n");
    }
    line_add(r, s->root, &b);
}
static Status record_fork(Cx *cx, const Fold *f, Fold **ret)
{
    Recorder *r = calloc(1, sizeof *r);
    (void)cx;
    r->fold = *f;
    r->plan = ((const Recorder *)f)->plan;
    r->joins = ((const Recorder *)f)->joins;
    r->cx = test_cx();
    *ret = &r->fold;
    return ST_OK;
}
static void record_merge(Fold *to, Fold *from)
{
    Recorder *a = (Recorder *)to, *b = (Recorder *)from;
    a->lines = realloc(a->lines, (a->n + b->n + 1) * sizeof *a->lines);
    if (b->n) memcpy(a->lines + a->n, b->lines, b->n * sizeof *b->lines);
    a->n += b->n;
    b->n = 0;
}
static void record_close(Recorder *r)
{
    for (size_t i = 0; i < r->n; i++) free(r->lines[i].text);
    free(r->lines);
    arena_free(r->cx.arena);
}
static void record_done(Fold *f)
{
    record_close((Recorder *)f);
    free(f);
}
static Recorder recorder(const ScanPlan *plan, bool joins)
{
    return (Recorder){ .fold = { record, record_fork, record_merge, record_done, ST_OK }, .plan = plan,
        .joins = joins, .cx = test_cx() };
}
static int by_root(const void *a, const void *b)
{
    const Line *x = a, *y = b;
    return (x->root > y->root) - (x->root < y->root);
}

/* ---- the naive walk ---- */

typedef struct Seen { Event e; uint32_t root; } Seen;
typedef struct Naive { Seen *p; size_t n; } Naive;
static int by_root_and_time(const void *a, const void *b)
{
    const Seen *x = a, *y = b;
    if (x->root != y->root) return x->root < y->root ? -1 : 1;
    if (x->e.time != y->e.time) return x->e.time < y->e.time ? -1 : 1;
    return x->e.claimed < y->e.claimed ? -1 : 1;           /* here: the place in the log */
}
static Naive all_events(Cx *cx, World *w, const Snapshot *snap)
{
    Naive ret = { 0 };
    for (size_t i = 0; i < w->rig.n; i++)
        for (size_t at = 0, used; at < w->rig.log[i].n; at += used) {
            Entry e;
            uint32_t actor;
            ok(entry_get(cx, (Str){ w->rig.log[i].p + at, w->rig.log[i].n - at }, &e, &used));
            if (e.kind != ENTRY_EVENT) continue;
            assert_true(snapshot_actor(snap, e.event.actor, &actor));
            ret.p = realloc(ret.p, (ret.n + 1) * sizeof *ret.p);
            e.event.claimed = (int64_t)ret.n;
            ret.p[ret.n++] = (Seen){ e.event, joins_root(snap->people, actor) };
        }
    if (ret.n) qsort(ret.p, ret.n, sizeof *ret.p, by_root_and_time);
    return ret;
}
static const Prop *prop_of(const Event *e, Str name, Prop *room)
{
    *room = (Prop){ .kind = PROP_INT };
    if (str_is(name, "$event")) room->kind = PROP_STR, room->s = e->name;
    else if (str_is(name, "$source")) room->i = e->source;
    else if (str_is(name, "$trust")) room->i = e->trust;
    else room = NULL;
    for (size_t i = 0; !room && i < e->n_props; i++)
        if (str_eq(e->props[i].name, name) && e->props[i].kind != PROP_NULL) return &e->props[i];
    return room;
}
static bool holds(const Where *q, const Seen *s)
{
    Prop room;
    switch (q->kind) {
    case WHERE_PRED:   return selector_holds(&q->pred, prop_of(&s->e, q->pred.prop, &room));
    case WHERE_PEOPLE: return people_set_has(q->people, s->root);
    case WHERE_NOT:    return !holds(q->kids, s);
    case WHERE_ALL:
        for (size_t i = 0; i < q->n; i++) if (!holds(&q->kids[i], s)) return false;
        return true;
    case WHERE_ANY:
        for (size_t i = 0; i < q->n; i++) if (holds(&q->kids[i], s)) return true;
        return false;
    }
    return false;
}
static uint32_t mask_of(const Asked *q, const Seen *s)
{
    uint32_t mask = 0;
    if (s->e.flags & q->sel.hide) return 0;
    if (s->e.time < q->plan.from || s->e.time >= q->plan.to) return 0;
    if (q->plan.who && !people_set_has(q->plan.who, s->root)) return 0;
    if (q->sel.filter && !holds(q->sel.filter, s)) return 0;
    for (size_t m = 0; m < q->sel.n_matchers; m++) {
        const Matcher *x = &q->sel.matchers[m];
        if ((x->any || str_eq(x->name, s->e.name)) && (!x->where || holds(x->where, s))) mask |= UINT32_C(1) << m;
    }
    return mask;
}
static const Prop *trait_of(const Naive *all, uint32_t root, Str name)
{
    const Prop *ret = NULL;
    bool trusted = false;
    for (size_t i = 0; i < all->n; i++) {
        Prop room;
        const Seen *s = &all->p[i];
        const Prop *p = prop_of(&s->e, name, &room);
        if (s->root != root || !p || !str_is(s->e.name, "$identify") || (s->e.flags & QUERY_HIDE)) continue;
        if (trusted && s->e.trust == TRUST_PUBLIC) continue;
        ret = p;
        trusted |= s->e.trust != TRUST_PUBLIC;
    }
    return ret;
}
static void naive_value(Cx *cx, Buf *b, const Prop *p, bool is_loud)
{
    uint64_t value = 0;
    buf_i64(b, p ? p->kind : PROP_NULL), buf_addz(b, ":");
    if (p && p->kind == PROP_STR) {
        Str s = p->s;
        if (is_loud) ok(loud(cx, s, &s));
        buf_add(b, s);
        return;
    }
    if (p && p->kind == PROP_LIST) {
        JsonW w = { .b = b };
        jsonw_open(&w, '[');
        for (size_t i = 0; i < p->list.n; i++) jsonw_str(&w, p->list.p[i]);
        jsonw_close(&w, ']');
        return;
    }
    if (p && p->kind == PROP_BOOL) value = p->b;
    else if (p && p->kind == PROP_DOUBLE) memcpy(&value, &p->d, sizeof value);
    else if (p) value = (uint64_t)p->i;
    buf_hex(b, (Str){ (const char *)&value, sizeof value });
}
static void naive_line(Cx *cx, const Naive *all, const Asked *q, const Seen *s, uint32_t mask, Buf *b)
{
    buf_i64(b, s->e.time), buf_addz(b, " "), buf_i64(b, mask);
    for (size_t k = 0; k < q->plan.n_slots; k++) {
        Prop room;
        const ScanSlot *slot = &q->slots[k];
        buf_addz(b, " ");
        naive_value(cx, b, slot->kind == SLOT_TRAIT ? trait_of(all, s->root, slot->name) :
            prop_of(&s->e, slot->kind == SLOT_NAME ? S("$event") : slot->name, &room), slot->map != NULL);
    }
    buf_addz(b, "\n");
}
/* Everybody's lines into r, by root, and the counts. */
static void naive_walk(Cx *cx, const Snapshot *snap, const Naive *all, const Asked *q, Recorder *r, ScanCount *count)
{
    *count = (ScanCount){ 0 };
    for (size_t i = 0, end; i < all->n; i = end) {
        uint32_t root = all->p[i].root;
        bool out = joins_flags(snap->people, root) & SCAN_LEFT_OUT;
        int64_t counted = 0, chosen = 0;
        Buf b = buf_new(NULL, LINES);
        for (end = i; end < all->n && all->p[end].root == root; end++) {
            uint32_t mask = mask_of(q, &all->p[end]);
            if (!mask) continue;
            chosen++;
            counted += all->p[end].e.time >= q->plan.count_from;
            if (!out) naive_line(cx, all, q, &all->p[end], mask, &b);
        }
        if (chosen && !out) line_add(r, root, &b);
        count->left_out += out && counted;
        count->events += out ? 0 : counted;
        count->people += !out && counted;
        buf_done(&b);
    }
}
static void same_text(const char *got, const char *want)
{
    size_t i = 0, line = 0;
    for (; got[i] && got[i] == want[i]; i++) if (got[i] == '\n') line = i + 1;
    if (got[i] != want[i])
        print_error("got  %.*s\nwant %.*s\n", (int)strcspn(got + line, "\n"), got + line,
            (int)strcspn(want + line, "\n"), want + line);
    assert_true(got[i] == want[i]);
}
static void same_lines(const Recorder *got, const Recorder *want)
{
    for (size_t i = 0; i < got->n && i < want->n; i++) {
        assert_int_equal(got->lines[i].root, want->lines[i].root);
        same_text(got->lines[i].text, want->lines[i].text);
    }
    assert_int_equal(got->n, want->n);
}
static void one_by_one(Cx *cx, const Snapshot *snap, const Asked *q, const Recorder *want)
{
    size_t at = 0;
    for (uint32_t root = 0; root < snap->actors; root++) {
        Recorder one = recorder(&q->plan, want->joins);
        ok(scan_person(cx, snap, &q->plan, root, &one.fold));
        bool there = at < want->n && want->lines[at].root == root;
        assert_int_equal(one.n, there);
        if (there) same_text(one.lines[0].text, want->lines[at++].text);
        record_close(&one);
    }
    assert_int_equal(at, want->n);
}
static void one_question(Cx *cx, World *w)
{
    Snapshot snap;
    Asked q;
    ScanTexts *texts;
    ScanCount count, naive;
    ScanRun run = { .deadline = INT64_MAX };
    ok(snapshot_take(cx, w->rig.s, &snap));
    ok(scan_texts_new(cx, &texts));
    random_question(w, cx, &snap, texts, &q);
    q.plan.run = &run;
    Recorder got = recorder(&q.plan, w->joins), want = recorder(&q.plan, w->joins);
    Naive all = all_events(cx, w, &snap);
    naive_walk(cx, &snap, &all, &q, &want, &naive);
    ok(scan_fold(cx, &snap, &q.plan, &got.fold, &count));
    if (got.n) qsort(got.lines, got.n, sizeof *got.lines, by_root);
    same_lines(&got, &want);
    assert_int_equal(count.events, naive.events);
    assert_int_equal(count.people, naive.people);
    assert_int_equal(count.left_out, naive.left_out);
    assert_true(run.done <= run.of);
    if (rnd(w, 4) == 0) one_by_one(cx, &snap, &q, &want);
    record_close(&got);
    record_close(&want);
    free(all.p);
    people_set_done(&q.who);
    scan_texts_done(texts);
    snapshot_done(cx, &snap);
}
static void one_trait(Cx *cx, World *w)
{
    Snapshot snap;
    ScanTexts *texts;
    TraitColumn c;
    Str name = str_z(PROPS[rnd(w, COUNT(PROPS))]);
    ok(snapshot_take(cx, w->rig.s, &snap));
    ok(scan_texts_new(cx, &texts));
    ok(scan_trait(cx, &snap, name, texts, NULL, &c));
    Naive all = all_events(cx, w, &snap);
    assert_int_equal(c.n, snap.actors);
    for (uint32_t root = 0; root < c.n; root++) {
        Buf got = buf_new(cx->arena, 8192), want = buf_new(cx->arena, 8192);
        bool out = joins_flags(snap.people, root) & SCAN_LEFT_OUT;
        value_text(&got, texts, c.kind[root], c.value[root]);
        naive_value(cx, &want, out ? NULL : trait_of(&all, root, name), false);
        assert_true(str_eq(buf_str(&got), buf_str(&want)));
    }
    scan_trait_done(&c);
    free(all.p);
    scan_texts_done(texts);
    snapshot_done(cx, &snap);
}
static void some_entries(Cx *cx, World *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Entry e = random_entry(w, cx);
        rig_append(cx, &w->rig, &e, 1);
    }
}
static void one_world(Cx *cx, uint64_t seed, int steps)
{
    static World w;
    w = (World){ .x = seed * 7919 + 12345, .joins = seed % 2 };
    rig_open(cx, &w.rig, test_dir());
    for (int i = 0; i < steps; i++) {
        some_entries(cx, &w, 1 + rnd(&w, 120));
        switch (rnd(&w, 7)) {
        case 0: case 1: case 2: assert_int_not_equal(rig_flush(cx, &w.rig), ST_IO); break;
        case 3: { Status st = rig_merge(cx, &w.rig); assert_true(st == ST_OK || st == ST_NOT_FOUND); break; }
        case 4: rig_reopen(cx, &w.rig); break;
        default: break;
        }
        arena_reset(cx->arena);
        for (int k = 0; k < 3; k++) {
            one_question(cx, &w);
            arena_reset(cx->arena);
        }
        one_trait(cx, &w);
        arena_reset(cx->arena);
    }
    rig_done(&w.rig);
}
TEST(a_scan_gives_each_person_what_a_naive_walk_finds)
{
    for (uint64_t seed = 1; seed <= 4; seed++) one_world(cx, seed, 14);
}

/* ---- stopped, late, too large ---- */

typedef struct Slow { Fold fold; ScanRun *run; int64_t people; int what; } Slow;
static void slow_person(Fold *f, const Span *s)
{
    Slow *w = (Slow *)f;
    w->people += s->n > 0;
    if (w->what == 1 && w->people == 3) w->run->stop = true;
    if (w->what == 2) f->st = scan_bytes(NULL, w->run, 1000);
}
static Status slow_fork(Cx *cx, const Fold *f, Fold **ret)
{
    Slow *w = mem_get(sizeof *w);
    if (!w) return fail(cx, ST_NO_MEM, "test");
    *w = *(const Slow *)f;
    *ret = &w->fold;
    return ST_OK;
}
static void slow_merge(Fold *to, Fold *from) { ((Slow *)to)->people += ((Slow *)from)->people; }
static void slow_done(Fold *f) { mem_free(f); }
static long fault_at = -1;
static Status slow_ask(Cx *cx, World *w, ScanRun *run, int what, int64_t *ret_people)
{
    static const Selector any = { .matchers = { { .any = true } }, .n_matchers = 1 };
    Slow fold = { { slow_person, slow_fork, slow_merge, slow_done, ST_OK }, run, 0, what };
    ScanPlan plan = { .sel = &any, .from = INT64_MIN, .to = INT64_MAX, .run = run, .threads = 2 };
    ScanCount count;
    Snapshot snap;
    ok(snapshot_take(cx, w->rig.s, &snap));
    fault_arm(FAULT_ALLOC, fault_at);
    Status st = scan_fold(cx, &snap, &plan, &fold.fold, &count);
    fault_arm(FAULT_ALLOC, -1);
    snapshot_done(cx, &snap);
    *ret_people = fold.people;
    return st;
}
static void big_world(Cx *cx, World *w)
{
    *w = (World){ .x = 77, .joins = true };
    rig_open(cx, &w->rig, test_dir());
    for (int i = 0; i < 6; i++) {
        some_entries(cx, w, 500);
        ok(rig_flush(cx, &w->rig));
        arena_reset(cx->arena);
    }
}
TEST(a_question_that_is_stopped_late_or_too_large_says_so)
{
    static World w;
    int64_t people;
    big_world(cx, &w);
    ScanRun late = { .deadline = clock_mono() - 1 };
    assert_int_equal(slow_ask(cx, &w, &late, 0, &people), ST_LIMITED);
    assert_int_equal(cx->why.msg, MSG_question_time);
    assert_string_equal(cx->why.field, "time");
    ScanRun before = { .stop = true };
    assert_int_equal(slow_ask(cx, &w, &before, 0, &people), ST_LIMITED);
    assert_int_equal(cx->why.msg, MSG_question_stopped);
    ScanRun large = { .bytes_max = 5500 };
    assert_int_equal(slow_ask(cx, &w, &large, 2, &people), ST_LIMITED);
    assert_int_equal(cx->why.msg, MSG_question_memory);
    assert_string_equal(cx->why.field, "memory");
    assert_true(large.bytes <= 5500);
    ScanRun fine = { .deadline = clock_mono() + 100000, .bytes_max = 1 << 20 };
    ok(slow_ask(cx, &w, &fine, 2, &people));
    assert_true(people > 5);
    assert_int_equal(fine.bytes, people * 1000);
    assert_int_equal(fine.done, fine.of);
    rig_done(&w.rig);
}
TEST(a_scan_fails_cleanly_at_every_allocation)
{
    static World w;
    int64_t people;
    big_world(cx, &w);
    some_entries(cx, &w, 50);
    int n = 0;
    for (; n < 4000; n++) {
        ScanRun run = { .stop = false };
        fault_at = n;
        Status st = slow_ask(cx, &w, &run, 0, &people);
        if (st == ST_OK) break;
        assert_int_equal(st, ST_NO_MEM);
        assert_int_equal(people, 0);
    }
    fault_at = -1;
    assert_true(n > 10 && n < 4000);
    rig_done(&w.rig);
}

/* ---- the small parts ---- */

TEST(texts_have_one_number_whoever_asks)
{
    ScanTexts *t;
    uint64_t code, again;
    char text[32];
    ok(scan_texts_new(cx, &t));
    for (uint64_t i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "文字%d", (int)i);
        ok(scan_text_code(cx, t, i == 4999 ? S("") : str_z(text), &code));
        assert_int_equal(code, i);
    }
    for (uint64_t i = 0; i < 4999; i += 97) {
        snprintf(text, sizeof text, "文字%d", (int)i);
        assert_str(scan_text(t, i), text);
        ok(scan_text_code(cx, t, str_z(text), &again));
        assert_int_equal(again, i);
    }
    assert_int_equal(scan_text(t, 4999).n, 0);
    scan_texts_done(t);
}
TEST(sets_of_people_meet_join_and_part)
{
    PeopleSet a, b;
    ok(people_set_new(cx, 1000, &a));
    ok(people_set_new(cx, 1000, &b));
    for (uint32_t i = 0; i < 1000; i++) {
        if (i % 2 == 0) people_set_add(&a, i);
        if (i % 3 == 0) people_set_add(&b, i);
    }
    assert_true(people_set_has(&a, 998) && !people_set_has(&a, 999) && !people_set_has(&a, 1000));
    assert_false(people_set_has(&a, UINT32_MAX));
    assert_int_equal(people_set_count(&a), 500);
    people_set_minus(&a, &b);
    assert_int_equal(people_set_count(&a), 333);
    people_set_or(&a, &b);
    assert_int_equal(people_set_count(&a), 667);
    people_set_and(&a, &b);
    assert_int_equal(people_set_count(&a), 334);
    people_set_done(&a);
    people_set_done(&b);
}
static uint64_t bits_of(double d)
{
    uint64_t v;
    memcpy(&v, &d, sizeof v);
    return v;
}
TEST(groups_number_combinations_and_a_whole_double_is_its_int)
{
    Groups g = { 0 };
    uint32_t n, again;
    (void)cx;
    for (uint64_t i = 0; i < 3000; i++) {
        GroupKey k = { { PROP_INT, PROP_STR, 0 }, { i / 3, i % 3, 0 } };
        assert_int_equal(groups_add(&g, &k, &n), ST_OK);
        assert_int_equal(n, i);
        k.kind[0] = PROP_DOUBLE;
        k.value[0] = bits_of((double)(i / 3));
        assert_int_equal(groups_add(&g, &k, &again), ST_OK);
        assert_int_equal(again, i);
    }
    GroupKey half = { { PROP_DOUBLE, PROP_STR, 0 }, { bits_of(0.5), 0, 0 } }, big = half, none = { { 0 }, { 0 } };
    big.value[0] = bits_of(1e300);
    assert_int_equal(groups_add(&g, &half, &n), ST_OK);
    assert_int_equal(n, 3000);
    assert_int_equal(groups_add(&g, &big, &n), ST_OK);
    assert_int_equal(n, 3001);
    assert_int_equal(groups_add(&g, &none, &n), ST_OK);
    assert_int_equal(n, 3002);
    groups_done(&g);
}
TEST(a_group_is_named_for_people)
{
    ScanTexts *t;
    uint64_t text;
    QueryGroup group;
    ok(scan_texts_new(cx, &t));
    ok(scan_text_code(cx, t, S("北京"), &text));
    QueryScope q = { .texts = t, .n_breakdown = 3 };
    ok(query_group(cx, &q, &(GroupKey){ { PROP_STR, PROP_BOOL, PROP_NULL }, { text, 1, 0 } }, &group));
    assert_str(group.value[0], "北京");
    assert_str(group.value[1], "true");
    assert_int_equal(group.value[2].n, 0);
    ok(query_group(cx, &q, &(GroupKey){ { PROP_INT, PROP_DOUBLE, PROP_INT }, { 0, bits_of(19.5), (uint64_t)-7 } },
        &group));
    assert_str(group.value[0], "0");
    assert_str(group.value[1], "19.5");
    assert_str(group.value[2], "-7");
    scan_texts_done(t);
}
