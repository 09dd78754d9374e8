#include "base/arena.h"
#include "base/limits.h"
#include "store/events/breakdown.h"
#include "store/events/fold_sessions.h"
#include <stdlib.h>

enum { GAP = 30 * 60000, LIMIT = 50, PAGE_KEYS = GROUPS_KEYS - 1 };
static const int64_t PAST = 86400000;

typedef struct Asked {
    const Snapshot *snap;
    const QueryScope *scope;
    Selector *sel;
    ScanSlot  slots[SCAN_SLOTS];
    size_t    n_slots;
    SessionsWants wants;
    Grid      grid;
    ScanCount count;
} Asked;

static Status check(Cx *cx, int64_t from, int64_t to, int64_t gap)
{
    if (to <= from) return refuse(cx, ST_INVALID, S("to"), MSG_empty_range, NO_PARAMS);
    if (gap < 0)
        return refuse(cx, ST_INVALID, S("session_gap"), MSG_out_of_range,
            PARAMS({ "min", 1, { 0 } }, { "max", INT64_MAX, { 0 } }));
    return ST_OK;
}
/* A matcher that takes nothing stands for what is not asked. */
static Status asked_of(Cx *cx, const Snapshot *snap, const QueryScope *scope, const Matcher *view, const Matcher *click,
    const Matcher *dwell, Asked *a)
{
    Selector *sel = ARENA_NEW(cx->arena, Selector);
    if (!sel) return fail(cx, ST_NO_MEM, "sessions");
    if (!scope->texts) return fail(cx, ST_BUG, "sessions: nowhere to keep texts");
    *sel = (Selector){ .filter = scope->filter, .hide = QUERY_HIDE, .n_matchers = 4 };
    sel->matchers[0] = *view;
    if (click) sel->matchers[1] = *click;
    if (dwell) sel->matchers[2] = *dwell;
    sel->matchers[3].any = true;
    *a = (Asked){ .snap = snap, .scope = scope, .sel = sel };
    for (size_t i = 0; i < scope->n_breakdown; i++) a->slots[a->n_slots++] = scope->breakdown[i];
    return scan_text_code(cx, scope->texts, S(""), &a->wants.empty);
}
static void range(SessionsWants *w, int64_t from, int64_t to, int64_t gap)
{
    w->from = from;
    w->to = to;
    w->gap = gap ? gap : GAP;
}
static Status ask(Cx *cx, Asked *a, FoldSessions *f)
{
    const SessionsWants *w = &a->wants;
    ScanPlan plan = { .sel = a->sel, .slots = a->slots, .n_slots = a->n_slots, .texts = a->scope->texts,
        .who = a->scope->who, .count_from = w->from, .run = a->scope->run,
        .from = w->from < INT64_MIN + w->gap ? INT64_MIN : w->from - w->gap,   /* whether one goes on from before */
        .to = w->to > INT64_MAX - PAST ? INT64_MAX : w->to + PAST };
    TRY(fold_sessions_init(cx, f, w));
    return scan_fold(cx, a->snap, &plan, &f->fold, &a->count);
}

/* ---- sessions ---- */

static void fill_row(const FoldSessions *f, size_t row, SessionsRow *ret)
{
    if (row >= f->n_rows) return;
    const int64_t *n = f->rows[row].n;
    ret->people = n[SESSIONS_PEOPLE];
    ret->sessions = n[SESSIONS_COUNT];
    ret->events = n[SESSIONS_EVENTS];
    ret->views = n[SESSIONS_VIEWS];
    ret->bounces = n[SESSIONS_BOUNCES];
    ret->length_ms = n[SESSIONS_LENGTH];
}
static Status write_sessions(Cx *cx, const Asked *a, const FoldSessions *f, const Breakdown *b, bool other,
    SessionsAnswer *ret)
{
    size_t periods = a->grid.n, n = b ? b->n + other : 1;
    ret->rows = ARENA_MANY(cx->arena, SessionsRow, n + 1);
    if (!ret->rows) return fail(cx, ST_NO_MEM, "sessions: %zu rows", n);
    ret->n = n;
    for (size_t i = 0; i < n; i++) {
        size_t row = b && !f->wants->keep ? b->group[i] : i;
        int64_t *by = ARENA_MANY(cx->arena, int64_t, periods + 1);
        if (!by) return fail(cx, ST_NO_MEM, "sessions: periods");
        for (size_t p = 0; row < f->n_rows && p < periods; p++) by[p] = f->periods[row * periods + p];
        ret->rows[i].by_period = by;
        if (b && i < b->n) ret->rows[i].group = b->text[i];
        else ret->rows[i].group.other = b != NULL;
        fill_row(f, row, &ret->rows[i]);
    }
    return ST_OK;
}
static void give_people(const FoldSessions *f, PeopleSet *people)
{
    if (f->wants->picks) people_set_or(people, &f->people);
}
static Status sessions_again(Cx *cx, Asked *a, const SessionsQuery *q, const GroupKey *keys, const Breakdown *b,
    bool other, SessionsAnswer *ret)
{
    GroupKey *keep = ARENA_MANY(cx->arena, GroupKey, b->n + 1);
    QueryGroup rest = { .other = true };
    FoldSessions f;
    if (!keep) return fail(cx, ST_NO_MEM, "sessions: %zu rows", b->n);
    for (size_t i = 0; i < b->n; i++) keep[i] = keys[b->group[i]];
    a->wants.keep = keep;
    a->wants.n_keep = b->n;
    if (q->cell && q->people) {
        for (size_t i = 0; i < b->n; i++)
            if (breakdown_same(&q->scope, &b->text[i], &q->cell->group)) a->wants.pick = &keep[i];
        a->wants.picks = a->wants.pick || breakdown_same(&q->scope, &rest, &q->cell->group);
        a->wants.picked = q->cell->bounced ? SESSIONS_BOUNCES : SESSIONS_COUNT;
        a->wants.n_roots = q->people->n;
    }
    Status st = ask(cx, a, &f);
    if (st == ST_OK) st = write_sessions(cx, a, &f, b, other, ret);
    if (st == ST_OK) give_people(&f, q->people);
    f.fold.done(&f.fold);
    return st;
}
static Status sessions_by_group(Cx *cx, Asked *a, const SessionsQuery *q, SessionsAnswer *ret)
{
    FoldSessions f;
    Breakdown b = { 0 };
    bool behind = q->cell && q->people;
    size_t some = 0;
    Status st = ask(cx, a, &f);
    int64_t *people = st == ST_OK ? ARENA_MANY(cx->arena, int64_t, f.n_rows + 1) : NULL;
    GroupKey *keys = people ? ARENA_MANY(cx->arena, GroupKey, f.n_rows + 1) : NULL;
    if (st == ST_OK && !keys) st = fail(cx, ST_NO_MEM, "sessions: %zu groups", f.n_rows);
    for (size_t r = 0; st == ST_OK && r < f.n_rows; r++) {
        people[r] = f.rows[r].n[SESSIONS_PEOPLE];
        keys[r] = f.groups.keys[r];
        some += people[r] > 0;
    }
    if (st == ST_OK) st = breakdown_keep(cx, a->scope, keys, people, f.n_rows, &b);
    bool once = st == ST_OK && !behind && b.n == some;
    if (once) st = write_sessions(cx, a, &f, &b, false, ret);
    f.fold.done(&f.fold);
    return once || st != ST_OK ? st : sessions_again(cx, a, q, keys, &b, some > b.n, ret);
}
static Status sessions_in_one(Cx *cx, Asked *a, const SessionsQuery *q, SessionsAnswer *ret)
{
    static const GroupKey only = { { 0 }, { 0 } };
    FoldSessions f;
    if (q->cell && q->people) {
        a->wants.picks = true;
        a->wants.pick = &only;
        a->wants.picked = q->cell->bounced ? SESSIONS_BOUNCES : SESSIONS_COUNT;
        a->wants.n_roots = q->people->n;
    }
    Status st = ask(cx, a, &f);
    if (st == ST_OK) st = write_sessions(cx, a, &f, NULL, false, ret);
    if (st == ST_OK) give_people(&f, q->people);
    f.fold.done(&f.fold);
    return st;
}
Status query_sessions_run(Cx *cx, const Snapshot *snap, const SessionsQuery *q, SessionsAnswer *ret)
{
    Asked a;
    *ret = (SessionsAnswer){ 0 };
    TRY(check(cx, q->from, q->to, q->gap));
    TRY(asked_of(cx, snap, &q->scope, &q->view, NULL, NULL, &a));
    range(&a.wants, q->from, q->to, q->gap);
    if (q->scope.zone) {
        TRY(zone_grid(cx, q->scope.zone, q->scope.period, q->scope.week_start, q->from, q->to, ASK_PERIODS_MAX,
            &a.grid.starts, &a.grid.n));
        a.wants.grid = &a.grid;
    }
    a.wants.n_keys = q->scope.n_breakdown;
    a.wants.texts = q->scope.texts;
    a.wants.run = q->scope.run;
    TRY(q->scope.n_breakdown ? sessions_by_group(cx, &a, q, ret) : sessions_in_one(cx, &a, q, ret));
    ret->starts = a.grid.starts;
    ret->n_periods = a.grid.n;
    ret->count = (QueryCount){ .events = a.count.events, .people = a.count.people, .left_out = a.count.left_out };
    while (ret->count.finished < a.grid.n && a.grid.starts[ret->count.finished + 1] <= cx->now) ret->count.finished++;
    return ST_OK;
}

/* ---- pages ---- */

static int by_views(const void *a, const void *b)
{
    const PagesRow *x = a, *y = b;
    if (x->views != y->views) return x->views > y->views ? -1 : 1;
    int order = str_cmp(x->page, y->page);
    for (size_t i = 0; !order && i < PAGE_KEYS; i++) order = str_cmp(x->group.value[i], y->group.value[i]);
    return order;
}
static Status page_row(Cx *cx, const Asked *a, const FoldSessions *f, size_t r, PagesRow *ret)
{
    const int64_t *n = f->rows[r].n;
    const GroupKey *key = &f->groups.keys[r];
    *ret = (PagesRow){ .people = n[SESSIONS_PEOPLE], .views = n[SESSIONS_VIEWS], .entered = n[SESSIONS_ENTERED],
        .left = n[SESSIONS_LEFT], .bounced = n[SESSIONS_BOUNCES], .clicks = n[SESSIONS_CLICKS],
        .clicked = n[SESSIONS_CLICKED], .measured = n[SESSIONS_MEASURED], .sum = f->rows[r].sum + f->rows[r].rest,
        .page = scan_text(a->scope->texts, key->value[a->wants.n_keys]) };
    return query_group(cx, a->scope, key, &ret->group);
}
/* The rows with the most views: how many the last of them has is known before any text is made. */
static int more_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}
static Status write_pages(Cx *cx, const Asked *a, const FoldSessions *f, size_t limit, PagesAnswer *ret)
{
    int64_t *views = ARENA_MANY(cx->arena, int64_t, f->n_rows + 1), least = 0;
    size_t n = 0;
    if (!views) return fail(cx, ST_NO_MEM, "pages: %zu rows", f->n_rows);
    for (size_t r = 0; r < f->n_rows; r++) views[r] = f->rows[r].n[SESSIONS_VIEWS];
    qsort(views, f->n_rows, sizeof *views, more_first);
    if (f->n_rows > limit) least = views[limit - 1];
    for (size_t r = 0; r < f->n_rows; r++) n += f->rows[r].n[SESSIONS_VIEWS] >= least;
    ret->rows = ARENA_MANY(cx->arena, PagesRow, n + 1);
    if (!ret->rows) return fail(cx, ST_NO_MEM, "pages: %zu rows", n);
    for (size_t r = 0; r < f->n_rows; r++)
        if (f->rows[r].n[SESSIONS_VIEWS] >= least) TRY(page_row(cx, a, f, r, &ret->rows[ret->n++]));
    qsort(ret->rows, ret->n, sizeof *ret->rows, by_views);
    if (ret->n > limit) ret->n = limit;
    ret->all = f->n_rows;
    return ST_OK;
}
/* The row that a cell means, as its group's key; NULL: there is none. */
static Status find_row(Cx *cx, const Asked *a, const FoldSessions *f, const PagesCell *cell, const GroupKey **ret)
{
    *ret = NULL;
    for (size_t r = 0; r < f->n_rows && !*ret; r++) {
        PagesRow row;
        if (!str_eq(scan_text(a->scope->texts, f->groups.keys[r].value[a->wants.n_keys]), cell->page)) continue;
        TRY(page_row(cx, a, f, r, &row));
        if (!breakdown_same(a->scope, &row.group, &cell->group)) continue;
        GroupKey *key = ARENA_NEW(cx->arena, GroupKey);
        if (!key) return fail(cx, ST_NO_MEM, "pages");
        *key = f->groups.keys[r];
        *ret = key;
    }
    return ST_OK;
}
static Status pages_behind(Cx *cx, Asked *a, const PagesQuery *q, const GroupKey *pick)
{
    static const SessionsNumber of[] = { [PAGES_VIEWED] = SESSIONS_VIEWS, [PAGES_ENTERED] = SESSIONS_ENTERED,
        [PAGES_LEFT] = SESSIONS_LEFT, [PAGES_BOUNCED] = SESSIONS_BOUNCES, [PAGES_CLICKED] = SESSIONS_CLICKED };
    FoldSessions f;
    a->wants.picks = true;
    a->wants.pick = pick;
    a->wants.picked = of[q->cell->who];
    a->wants.n_roots = q->people->n;
    Status st = ask(cx, a, &f);
    if (st == ST_OK) give_people(&f, q->people);
    f.fold.done(&f.fold);
    return st;
}
static Status check_pages(Cx *cx, const PagesQuery *q)
{
    TRY(check(cx, q->from, q->to, q->gap));
    if (q->prop.n == 0) return refuse(cx, ST_INVALID, S("prop"), MSG_required, NO_PARAMS);
    if (q->scope.n_breakdown > PAGE_KEYS)
        return refuse(cx, ST_INVALID, S("breakdown"), MSG_too_many, PARAMS({ "max", PAGE_KEYS, { 0 } }));
    if (q->limit > PATHS_EDGES_MAX)
        return refuse(cx, ST_INVALID, S("limit"), MSG_out_of_range,
            PARAMS({ "min", 1, { 0 } }, { "max", PATHS_EDGES_MAX, { 0 } }));
    return ST_OK;
}
Status query_pages_run(Cx *cx, const Snapshot *snap, const PagesQuery *q, PagesAnswer *ret)
{
    const GroupKey *pick = NULL;
    FoldSessions f;
    Asked a;
    *ret = (PagesAnswer){ 0 };
    TRY(check_pages(cx, q));
    TRY(asked_of(cx, snap, &q->scope, &q->view, &q->click, q->measure.n ? &q->dwell : NULL, &a));
    range(&a.wants, q->from, q->to, q->gap);
    a.slots[a.n_slots++] = (ScanSlot){ .kind = SLOT_PROP, .name = q->prop };
    if (q->measure.n) a.slots[a.n_slots++] = (ScanSlot){ .kind = SLOT_PROP, .name = q->measure };
    a.wants.pages = true;
    a.wants.measured = q->measure.n > 0;
    a.wants.n_keys = q->scope.n_breakdown;
    a.wants.url = &q->url;
    a.wants.texts = q->scope.texts;
    a.wants.run = q->scope.run;
    Status st = ask(cx, &a, &f);
    if (st == ST_OK) st = write_pages(cx, &a, &f, q->limit ? q->limit : LIMIT, ret);
    if (st == ST_OK && q->cell && q->people) st = find_row(cx, &a, &f, q->cell, &pick);
    f.fold.done(&f.fold);
    if (st == ST_OK && pick) st = pages_behind(cx, &a, q, pick);
    ret->count = (QueryCount){ .events = a.count.events, .people = a.count.people, .left_out = a.count.left_out };
    return st;
}
