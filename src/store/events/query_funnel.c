#include "store/events/query_funnel.h"
#include "base/arena.h"
#include "store/events/breakdown.h"

/* ---- what is asked ---- */

static Status past(Cx *cx, Str field, int64_t min, int64_t max)
{
    return refuse(cx, ST_INVALID, field, MSG_out_of_range, PARAMS({ "min", min, { 0 } }, { "max", max, { 0 } }));
}
static Status many(Cx *cx, Str field, int64_t max)
{
    return refuse(cx, ST_INVALID, field, MSG_too_many, PARAMS({ "max", max, { 0 } }));
}
static Status check_steps(Cx *cx, const FunnelQuery *q)
{
    bool any = q->order == FUNNEL_UNORDERED;
    if (q->n_steps == 0) return refuse(cx, ST_INVALID, S("steps"), MSG_required, NO_PARAMS);
    if (q->n_steps > FUNNEL_STEPS_MAX) return many(cx, S("steps"), FUNNEL_STEPS_MAX);
    for (size_t i = 0; i < q->n_steps; i++) {
        if (q->steps[i].optional && (i == 0 || any))
            return refuse(cx, ST_INVALID, S("optional"), MSG_funnel_optional, NO_PARAMS);
        if (q->steps[i].window && (i == 0 || any || q->steps[i].window < 0))
            return refuse(cx, ST_INVALID, S("window"), MSG_funnel_step_window, NO_PARAMS);
    }
    return ST_OK;
}
static Status check(Cx *cx, const FunnelQuery *q)
{
    int64_t last = (int64_t)q->n_steps - 1;
    TRY(check_steps(cx, q));
    if (q->n_exclusions > FUNNEL_EXCLUSIONS_MAX) return many(cx, S("exclusions"), FUNNEL_EXCLUSIONS_MAX);
    for (size_t i = 0; i < q->n_exclusions; i++)
        if (q->exclusions[i].from_step >= q->exclusions[i].to_step || q->exclusions[i].to_step >= q->n_steps)
            return refuse(cx, ST_INVALID, S("exclusions"), MSG_funnel_between, PARAMS({ "max", last, { 0 } }));
    if (q->convert && (q->from_step >= q->to_step || q->to_step >= q->n_steps))
        return refuse(cx, ST_INVALID, S("time_to_convert"), MSG_funnel_between, PARAMS({ "max", last, { 0 } }));
    if (q->bins > FUNNEL_BINS_MAX) return past(cx, S("bins"), 1, FUNNEL_BINS_MAX);
    if (q->touch == FUNNEL_AT_STEP && q->touch_step >= q->n_steps) return past(cx, S("attribution"), 0, last);
    if (q->window < 0) return past(cx, S("window"), 0, INT64_MAX);
    if (q->to <= q->from) return refuse(cx, ST_INVALID, S("to"), MSG_empty_range, NO_PARAMS);
    return ST_OK;
}
static Matcher *add_matcher(Selector *sel, const Matcher *m)
{
    sel->matchers[sel->n_matchers] = *m;
    return &sel->matchers[sel->n_matchers++];
}
static Status selector_of(Cx *cx, const FunnelQuery *q, Selector **ret)
{
    Selector *sel = ARENA_NEW(cx->arena, Selector);
    if (!sel) return fail(cx, ST_NO_MEM, "funnel");
    sel->filter = q->scope.filter;
    sel->hide = QUERY_HIDE;
    for (size_t i = 0; i < q->n_steps; i++) add_matcher(sel, &q->steps[i].event);
    for (size_t i = 0; i < q->n_exclusions; i++) add_matcher(sel, &q->exclusions[i].event);
    if (q->order == FUNNEL_STRICT) add_matcher(sel, &(Matcher){ .any = true });
    *ret = sel;
    return ST_OK;
}
static void wants_of(const FunnelQuery *q, FunnelWants *w)
{
    FunnelRules *r = &w->rules;
    *w = (FunnelWants){ .entries = q->entries, .times = q->times, .convert = q->convert, .from_step = q->from_step,
        .to_step = q->to_step, .n_keys = q->scope.n_breakdown, .touch = q->touch, .touch_step = q->touch_step,
        .hold = q->hold.n > 0, .run = q->scope.run };
    *r = (FunnelRules){ .n = q->n_steps, .order = q->order, .window = q->window, .to = q->to,
        .n_spoils = q->n_exclusions };
    for (size_t i = 0; i < q->n_steps; i++) {
        r->step_window[i] = q->steps[i].window;
        r->by_step |= q->steps[i].window != 0;
        if (q->steps[i].optional) r->optional |= UINT32_C(1) << i;
    }
    for (size_t x = 0; x < q->n_exclusions; x++)
        for (size_t level = q->exclusions[x].from_step + 1; level <= q->exclusions[x].to_step; level++)
            r->spoils[x] |= UINT32_C(1) << level;
}
typedef struct Asked {
    const Snapshot *snap;
    const FunnelQuery *q;
    Selector *sel;
    ScanSlot  slots[QUERY_BREAKDOWNS + 1];
    FunnelWants wants;
} Asked;
static Status ask(Cx *cx, Asked *a, FoldFunnel *fold, ScanCount *ret)
{
    const FunnelQuery *q = a->q;
    int64_t past = q->to > INT64_MAX - q->window ? INT64_MAX : q->to + q->window;
    ScanPlan plan = { .sel = a->sel, .slots = a->slots, .n_slots = q->scope.n_breakdown + (q->hold.n > 0),
        .texts = q->scope.texts, .who = q->scope.who, .from = q->from, .to = past, .count_from = q->from,
        .run = q->scope.run };
    TRY(fold_funnel_init(cx, fold, &a->wants));
    return scan_fold(cx, a->snap, &plan, &fold->fold, ret);
}

/* The groups that are rows, the most people first; some: how many have anybody. */
static Status rank(Cx *cx, const Asked *a, const FoldFunnel *f, Breakdown *ret, size_t *some)
{
    size_t n = f->groups.n;
    int64_t *people = ARENA_MANY(cx->arena, int64_t, n + 1);
    if (!people) return fail(cx, ST_NO_MEM, "funnel: %zu groups", n);
    *some = 0;
    for (size_t g = 0; g < n; g++) {
        people[g] = fold_funnel_people(f, g, 0);
        *some += people[g] > 0;
    }
    return breakdown_keep(cx, &a->q->scope, f->groups.keys, people, n, ret);
}

/* ---- times ---- */

static void swap(int64_t *a, int64_t *b)
{
    int64_t t = *a;
    *a = *b;
    *b = t;
}
/* The k-th smallest; v is reordered: those before it are not larger. */
static int64_t select_kth(int64_t *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        size_t mid = low + (high - low) / 2, i = low, j = high;
        int64_t x = v[low] < v[mid] ? (v[mid] < v[high] ? v[mid] : v[low] < v[high] ? v[high] : v[low])
            : (v[low] < v[high] ? v[low] : v[mid] < v[high] ? v[high] : v[mid]);
        for (;;) {
            while (v[i] < x) i++;
            while (v[j] > x) j--;
            if (i >= j) break;
            swap(&v[i++], &v[j--]);
        }
        if (k <= j) high = j;
        else low = j + 1;
    }
    return v[k];
}
static double median_of(int64_t *v, size_t n)
{
    int64_t high = select_kth(v, n, n / 2), low = high;
    if (n % 2 == 0) {
        low = v[0];
        for (size_t i = 1; i < n / 2; i++) if (v[i] > low) low = v[i];
    }
    return ((double)low + (double)high) / 2;
}
static double average_of(const int64_t *v, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i];
    return (double)sum / (double)n;
}
static Status histogram(Cx *cx, const FunnelQuery *q, const int64_t *v, size_t n, FunnelRow *row)
{
    int64_t min = v[0], max = v[0], bins = (int64_t)q->bins;
    for (size_t i = 0; i < n; i++) {
        if (v[i] < min) min = v[i];
        if (v[i] > max) max = v[i];
    }
    if (!bins) {
        while (bins * bins * bins < (int64_t)n && bins < FUNNEL_BINS_MAX) bins++;
        if (!bins) bins = 1;
    }
    int64_t width = (max - min + bins * 1000 - 1) / (bins * 1000) * 1000;       /* whole seconds, rounded up */
    if (!width) width = 60000;
    row->n_bins = (size_t)bins + 1;
    row->bins = ARENA_MANY(cx->arena, FunnelBin, row->n_bins);
    if (!row->bins) return fail(cx, ST_NO_MEM, "funnel: bins");
    for (int64_t i = 0; i <= bins; i++) row->bins[i].from_ms = (double)(min + i * width);
    for (size_t i = 0; i < n; i++) row->bins[(v[i] - min) / width].people++;
    return ST_OK;
}
static Status time_row(Cx *cx, const FunnelQuery *q, size_t step, int64_t *v, size_t n, FunnelRow *row)
{
    if (n == 0) return ST_OK;
    if (step > 0) {
        FunnelStep *s = &row->steps[step];
        s->timed = (int64_t)n;
        s->average_ms = average_of(v, n);
        s->median_ms = median_of(v, n);
        return ST_OK;
    }
    row->converted = (int64_t)n;
    row->average_ms = average_of(v, n);
    return histogram(cx, q, v, n, row);
}
/* Times of one step, by groups: v at first[g] .. first[g + 1]. place: of each group's row, SIZE_MAX: none. */
static Status time_step(Cx *cx, const Asked *a, const FoldFunnel *f, size_t step, const size_t *place, FunnelRow *rows)
{
    const FunnelTimes *t = &f->times[step];
    size_t groups = fold_funnel_groups(f);
    ptrdiff_t bytes = (ptrdiff_t)((t->n + groups + 2) * sizeof(int64_t));
    Status st = scan_bytes(cx, a->q->scope.run, bytes);
    if (st != ST_OK) return st;
    int64_t *v = mem_get((t->n + 1) * sizeof *v);
    size_t *first = mem_get((groups + 2) * sizeof *first);
    if (!v || !first) st = fail(cx, ST_NO_MEM, "funnel: %zu times", t->n);
    if (st == ST_OK) {
        for (size_t i = 0; i < t->n; i++) first[(t->group ? t->group[i] : 0) + 2]++;
        for (size_t g = 2; g < groups + 2; g++) first[g] += first[g - 1];
        for (size_t i = 0; i < t->n; i++) v[first[(t->group ? t->group[i] : 0) + 1]++] = fold_funnel_ms(t, i);
    }
    for (size_t g = 0; st == ST_OK && g < groups; g++)
        if (place[g] != SIZE_MAX)
            st = time_row(cx, a->q, step, v + first[g], first[g + 1] - first[g], &rows[place[g]]);
    mem_free(v);
    mem_free(first);
    Status given = scan_bytes(cx, a->q->scope.run, -bytes);
    return st == ST_OK ? given : st;
}

/* ---- the answer ---- */

/* groups: of the fold, in the order of rows; names may be NULL. */
static Status write_rows(Cx *cx, const Asked *a, const FoldFunnel *f, const uint32_t *groups, const QueryGroup *names,
    size_t n, FunnelAnswer *ret)
{
    size_t all = fold_funnel_groups(f);
    size_t *place = ARENA_MANY(cx->arena, size_t, all + 1);
    ret->rows = ARENA_MANY(cx->arena, FunnelRow, n + 1);
    if (!place || !ret->rows) return fail(cx, ST_NO_MEM, "funnel: %zu rows", n);
    for (size_t g = 0; g < all; g++) place[g] = SIZE_MAX;
    ret->n = n;
    for (size_t i = 0; i < n; i++) {
        if (names) ret->rows[i].group = names[i];
        if (groups[i] < all) place[groups[i]] = i;
        for (size_t s = 0; s < a->q->n_steps; s++) ret->rows[i].steps[s].people = fold_funnel_people(f, groups[i], s);
    }
    for (size_t s = 0; s < a->q->n_steps; s++)
        if (s ? a->q->times : a->q->convert) TRY(time_step(cx, a, f, s, place, ret->rows));
    return ST_OK;
}
static void give_people(const FoldFunnel *f, const FunnelQuery *q)
{
    if (q->people && f->wants->pick) people_set_or(q->people, &f->picked);
}
static Status one_row(Cx *cx, Asked *a, FunnelAnswer *ret, ScanCount *count)
{
    static const uint32_t only = 0;
    FoldFunnel fold;
    Status st = ask(cx, a, &fold, count);
    if (st == ST_OK) st = write_rows(cx, a, &fold, &only, NULL, 1, ret);
    if (st == ST_OK) give_people(&fold, a->q);
    fold.fold.done(&fold.fold);
    return st;
}
/* Once more with the rows known: then "other" is one group, in which a person counts once, and a cell has a number. */
static Status again(Cx *cx, Asked *a, const GroupKey *keep, const Breakdown *b, bool other, FunnelAnswer *ret)
{
    size_t n = b->n + other;
    uint32_t *groups = ARENA_MANY(cx->arena, uint32_t, n + 1);
    QueryGroup *names = ARENA_MANY(cx->arena, QueryGroup, n + 1);
    FunnelPick pick;
    ScanCount count;
    FoldFunnel fold;
    if (!groups || !names) return fail(cx, ST_NO_MEM, "funnel: %zu rows", n);
    for (uint32_t i = 0; i < n; i++) {
        groups[i] = i;
        names[i] = i < b->n ? b->text[i] : (QueryGroup){ .other = true };
    }
    a->wants.keep = keep;
    a->wants.n_keep = b->n;
    if (a->wants.pick) {
        pick = *a->wants.pick;
        pick.group = UINT32_MAX;
        for (uint32_t i = 0; i < n; i++)
            if (breakdown_same(&a->q->scope, &names[i], &a->q->cell->group)) pick.group = i;
        a->wants.pick = &pick;
    }
    Status st = ask(cx, a, &fold, &count);
    if (st == ST_OK) st = write_rows(cx, a, &fold, groups, names, n, ret);
    if (st == ST_OK) give_people(&fold, a->q);
    fold.fold.done(&fold.fold);
    return st;
}
static Status rows_by_group(Cx *cx, Asked *a, FunnelAnswer *ret, ScanCount *count)
{
    const FunnelPick *pick = a->wants.pick;
    size_t some = 0;
    Breakdown b = { 0 };
    FoldFunnel fold;
    a->wants.pick = NULL;
    Status st = ask(cx, a, &fold, count);
    if (st == ST_OK) st = rank(cx, a, &fold, &b, &some);
    bool once = st == ST_OK && !pick && b.n == some;
    GroupKey *keep = st == ST_OK && !once ? ARENA_MANY(cx->arena, GroupKey, b.n + 1) : NULL;
    if (st == ST_OK && !once && !keep) st = fail(cx, ST_NO_MEM, "funnel: %zu rows", b.n);
    for (size_t i = 0; keep && i < b.n; i++) keep[i] = fold.groups.keys[b.group[i]];
    if (once) st = write_rows(cx, a, &fold, b.group, b.text, b.n, ret);
    fold.fold.done(&fold.fold);
    a->wants.pick = pick;
    return once || st != ST_OK ? st : again(cx, a, keep, &b, some > b.n, ret);
}
Status query_funnel_run(Cx *cx, const Snapshot *snap, const FunnelQuery *q, FunnelAnswer *ret)
{
    Asked a = { .snap = snap, .q = q };
    FunnelPick pick;
    ScanCount count = { 0 };
    *ret = (FunnelAnswer){ .n_steps = q->n_steps };
    TRY(check(cx, q));
    TRY(selector_of(cx, q, &a.sel));
    wants_of(q, &a.wants);
    for (size_t i = 0; i < q->scope.n_breakdown; i++) a.slots[i] = q->scope.breakdown[i];
    if (q->hold.n) a.slots[q->scope.n_breakdown] = (ScanSlot){ .kind = SLOT_PROP, .name = q->hold };
    if (q->scope.n_breakdown || q->hold.n) TRY(scan_text_code(cx, q->scope.texts, S(""), &a.wants.empty));
    if (q->cell && q->people) {
        pick = (FunnelPick){ .who = q->cell->who, .step = q->cell->step, .low = q->cell->low, .high = q->cell->high };
        a.wants.pick = &pick;
        a.wants.n_roots = q->people->n;
    }
    TRY(q->scope.n_breakdown ? rows_by_group(cx, &a, ret, &count) : one_row(cx, &a, ret, &count));
    ret->count = (QueryCount){ .events = count.events, .people = count.people, .left_out = count.left_out };
    return ST_OK;
}
