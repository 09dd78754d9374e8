#include "store/events/fold_findings.h"
#include "base/arena.h"
#include <string.h>

enum { START = 1, BACK = 2, EARLY = 4, DAY_MS = 86400000 };
static const FindingsLevel LEVELS[FOLD_FINDINGS_LEVELS] = { { false, 1 }, { false, 2 }, { false, 3 }, { false, 5 },
    { true, 2 }, { true, 3 } };
/* Where the last event's key was: most events in a row are of one name. */
typedef struct Last { GroupKey key; uint32_t group; bool known; } Last;
/* One person's. */
typedef struct Story { int64_t start; size_t day; bool stayed; Last name, value; } Story;

FindingsLevel fold_findings_level(size_t i) { return LEVELS[i]; }

static Status room(FoldFindings *f)
{
    if (f->groups.n <= f->cap) return ST_OK;
    size_t cap = f->groups.n * 2 + 64;
    size_t more = (cap - f->cap) * (sizeof *f->tallies + sizeof *f->touched + 2 * sizeof *f->groups.keys);
    TRY(scan_bytes(NULL, f->q->scope.run, (ptrdiff_t)more));
    f->bytes += more;
    FoldFindingsTally *tallies = mem_grow(f->tallies, cap * sizeof *tallies);
    if (tallies) f->tallies = tallies;
    uint32_t *touched = mem_grow(f->touched, cap * sizeof *touched);
    if (touched) f->touched = touched;
    if (!tallies || !touched) return ST_NO_MEM;
    memset(tallies + f->cap, 0, (cap - f->cap) * sizeof *tallies);
    f->cap = cap;
    return ST_OK;
}
static Status group_of(FoldFindings *f, Last *last, const GroupKey *key)
{
    const GroupKey *was = &last->key;
    if (last->known && was->value[0] == key->value[0] && was->value[1] == key->value[1] &&
        was->kind[1] == key->kind[1]) return ST_OK;
    last->known = false;
    TRY(groups_add(&f->groups, key, &last->group));
    TRY(room(f));
    last->key = *key;
    last->known = true;
    return ST_OK;
}
static Status use(FoldFindings *f, Last *last, const GroupKey *key, size_t day)
{
    TRY(group_of(f, last, key));
    FoldFindingsTally *t = &f->tallies[last->group];
    if (t->days == 0) f->touched[f->n_touched++] = last->group;
    t->days |= UINT64_C(1) << day;
    t->times += t->times < UINT32_MAX;
    return ST_OK;
}
static bool reaches(const FoldFindingsTally *t, size_t level)
{
    uint32_t n = LEVELS[level].days ? (uint32_t)__builtin_popcountll(t->days) : t->times;
    return n >= LEVELS[level].least;
}
static void into_people(const FoldFindings *f, uint32_t root, bool stayed)
{
    const FindingsQuery *q = f->q;
    if (!f->wanted || root >= q->people->n) return;
    uint32_t group = groups_find(&f->groups, &f->wanted->key);
    bool did = group != UINT32_MAX && reaches(&f->tallies[group], f->wanted->level);
    if (did != q->cell->did || stayed != q->cell->stayed) return;
    __atomic_fetch_or(&q->people->bits[root / 64], UINT64_C(1) << (root % 64), __ATOMIC_RELAXED);
}
static void person_end(FoldFindings *f, bool stayed)
{
    f->people++;
    f->stayed += stayed;
    for (size_t k = 0; k < f->n_touched; k++) {
        FoldFindingsTally *t = &f->tallies[f->touched[k]];
        for (size_t level = 0; level < FOLD_FINDINGS_LEVELS; level++) {
            bool did = reaches(t, level);
            t->did[level] += did;
            t->stayed[level] += did && stayed;
        }
        t->days = 0;
        t->times = 0;
    }
    f->n_touched = 0;
}
/* Her start; false: she has none, or her last day has not ended. */
static bool begin(FoldFindings *f, const Span *s, Story *ret)
{
    const FindingsQuery *q = f->q;
    size_t i = 0;
    while (i < s->n && (!(s->mask[i] & START) || s->time[i] < q->from)) i++;
    if (i == s->n || s->time[i] >= q->to) return false;
    *ret = (Story){ .start = s->time[i], .day = fold_period(f->grid, 0, s->time[i]) };
    int64_t end = q->from_event ? ret->start + ((int64_t)q->stay_to + 1) * DAY_MS
                                : f->grid->starts[ret->day + q->stay_to + 1];
    if (end <= f->now) return true;
    f->unfinished++;
    return false;
}
static bool early(const FindingsQuery *q, uint32_t mask)
{
    if (!(mask & EARLY)) return false;
    if (mask & START && !q->start.any && !q->keep_start) return false;
    return !(mask & BACK) || q->back.any || q->keep_back;
}
/* By time alone: events at the moment of the start are after it, in whatever order the log has them. */
static Status take(FoldFindings *f, const Span *s)
{
    const FindingsQuery *q = f->q;
    Story story;
    if (!begin(f, s, &story)) return ST_OK;
    size_t p = story.day;
    for (size_t i = 0; i < s->n; i++) {
        if (s->time[i] < story.start) continue;
        p = q->from_event ? 0 : fold_period(f->grid, p, s->time[i]);
        size_t day = q->from_event ? (size_t)((s->time[i] - story.start) / DAY_MS) : p - story.day;
        if (day > q->stay_to) break;
        story.stayed |= s->mask[i] & BACK && day >= q->stay_from;
        if (day >= q->early || !early(q, s->mask[i])) continue;
        GroupKey key = groups_key_at(s->cols, 1, i);
        TRY(use(f, &story.name, &key, day));
        if (!q->prop || s->cols[1].kind[i] == PROP_NULL) continue;
        key = groups_key_at(s->cols, FOLD_FINDINGS_KEYS, i);
        TRY(use(f, &story.value, &key, day));
    }
    into_people(f, s->root, story.stayed);
    person_end(f, story.stayed);
    return ST_OK;
}
static void person(Fold *fold, const Span *s) { fold->st = take((FoldFindings *)fold, s); }
static Status merge_tallies(FoldFindings *f, const FoldFindings *from)
{
    f->people += from->people, f->stayed += from->stayed, f->unfinished += from->unfinished;
    for (uint32_t i = 0; i < from->groups.n; i++) {
        const FoldFindingsTally *t = &from->tallies[i];
        uint32_t group;
        TRY(groups_add(&f->groups, &from->groups.keys[i], &group));
        TRY(room(f));
        for (size_t level = 0; level < FOLD_FINDINGS_LEVELS; level++) {
            f->tallies[group].did[level] += t->did[level];
            f->tallies[group].stayed[level] += t->stayed[level];
        }
    }
    return ST_OK;
}
static void merge(Fold *fold, Fold *from)
{
    if (fold->st == ST_OK) fold->st = merge_tallies((FoldFindings *)fold, (const FoldFindings *)from);
}
void fold_findings_done(FoldFindings *f)
{
    (void)!scan_bytes(NULL, f->q->scope.run, -(ptrdiff_t)f->bytes);
    groups_done(&f->groups);
    mem_free(f->tallies);
    mem_free(f->touched);
}
static void done(Fold *fold)
{
    fold_findings_done((FoldFindings *)fold);
    mem_free(fold);
}
static Status fork(Cx *cx, const Fold *fold, Fold **ret)
{
    const FoldFindings *from = (const FoldFindings *)fold;
    FoldFindings *f = mem_get(sizeof *f);
    if (!f) return fail(cx, ST_NO_MEM, "findings: a thread");
    *f = (FoldFindings){ .fold = from->fold, .q = from->q, .grid = from->grid, .now = from->now,
        .wanted = from->wanted, .groups = { .n_keys = FOLD_FINDINGS_KEYS } };
    *ret = &f->fold;
    return ST_OK;
}
Status fold_findings_run(Cx *cx, const Snapshot *snap, const FindingsQuery *q, const Grid *grid,
    const FoldFindingsWanted *wanted, FoldFindings *ret, ScanCount *ret_count)
{
    Selector sel = { .matchers = { q->start, q->back, q->event }, .n_matchers = 3, .filter = q->scope.filter,
        .hide = QUERY_HIDE };
    ScanSlot slots[FOLD_FINDINGS_KEYS] = { { .kind = SLOT_NAME } };
    if (q->prop) slots[1] = *q->prop;
    ScanPlan plan = { .sel = &sel, .slots = slots, .n_slots = q->prop ? 2 : 1, .texts = q->scope.texts,
        .who = q->scope.who, .from = q->from, .to = grid->starts[grid->n], .count_from = q->from,
        .run = q->scope.run };
    *ret = (FoldFindings){ .fold = { .person = person, .fork = fork, .merge = merge, .done = done }, .q = q,
        .grid = grid, .now = cx->now, .wanted = wanted, .groups = { .n_keys = FOLD_FINDINGS_KEYS } };
    return scan_fold(cx, snap, &plan, &ret->fold, ret_count);
}
