#include "store/events/query_findings.h"
#include "base/arena.h"
#include "base/limits.h"
#include "store/events/breakdown.h"
#include "store/events/fold_findings.h"
#include <string.h>

enum { MIN_PEOPLE = 30 };
static const double MIN_SUPPORT = 0.01, Q_MOST = 0.05;
/* Of a group the level that is told. rank: its strength as a number that breakdown_keep() can order; 0: none is. */
typedef struct Best { double q; size_t level; int64_t rank; } Best;
/* From the tallies to the rows. Bytes: what was taken of the run. */
typedef struct Choice {
    const FindingsQuery *q;
    const FoldFindings *f;
    QueryScope names;
    SharesLook *looks; size_t n_looks;
    Best    *best;
    int64_t *rank;
    size_t   bytes;
} Choice;

static bool large(const FindingsQuery *q, const FoldFindings *f, int64_t did)
{
    int64_t least = q->min_people > 0 ? q->min_people : MIN_PEOPLE;
    double support = q->min_support > 0 ? q->min_support : MIN_SUPPORT;
    return did >= least && f->people - did >= least && (double)did >= support * (double)f->people;
}
static Shares compare(const FoldFindings *f, size_t group, size_t level)
{
    const FoldFindingsTally *t = &f->tallies[group];
    return shares_compare(t->stayed[level], t->did[level], f->stayed - t->stayed[level], f->people - t->did[level]);
}
/* Greater numbers for greater ones, all above 0: the bits of doubles in (-2, 2) ascend with their size. */
static int64_t rank_of(double strength)
{
    double size = strength < 0 ? -strength : strength;
    int64_t bits;
    memcpy(&bits, &size, sizeof bits);
    return (INT64_C(1) << 62) + (strength < 0 ? -bits : bits);
}
static void look(Choice *c)
{
    for (size_t i = 0; i < c->f->groups.n * FOLD_FINDINGS_LEVELS; i++) {
        size_t group = i / FOLD_FINDINGS_LEVELS, level = i % FOLD_FINDINGS_LEVELS;
        if (!large(c->q, c->f, c->f->tallies[group].did[level])) continue;
        if (c->looks) c->looks[c->n_looks] = (SharesLook){ compare(c->f, group, level).p, i };
        c->n_looks++;
    }
}
/* In the order of q, at equal ones of levels: the first of the strongest stays. */
static void choose(Choice *c)
{
    double most = c->q->q_most > 0 ? c->q->q_most : Q_MOST;
    for (size_t i = 0; i < c->n_looks && c->looks[i].p <= most; i++) {
        size_t group = c->looks[i].which / FOLD_FINDINGS_LEVELS, level = c->looks[i].which % FOLD_FINDINGS_LEVELS;
        Shares s = compare(c->f, group, level);
        double strength = shares_strength(&s);
        int64_t rank = rank_of(strength);
        Best *b = &c->best[group];
        if (most < 1 && strength <= 0) continue;
        if (rank > b->rank) *b = (Best){ c->looks[i].p, level, rank };
    }
    for (size_t i = 0; i < c->f->groups.n; i++) c->rank[i] = c->best[i].rank;
}
static FindingsRow row_of(const Choice *c, size_t group, const QueryGroup *text)
{
    const FoldFindings *f = c->f;
    const FoldFindingsTally *t = &f->tallies[group];
    const Best *b = &c->best[group];
    FindingsRow r = { .event = text->value[0], .value = text->value[1],
        .valued = f->groups.keys[group].kind[1] != PROP_NULL, .level = fold_findings_level(b->level),
        .did = t->did[b->level], .did_stayed = t->stayed[b->level], .shares = compare(f, group, b->level), .q = b->q };
    r.without = f->people - r.did;
    r.without_stayed = f->stayed - r.did_stayed;
    r.support = (double)r.did / (double)f->people;
    return r;
}
static Status rows_of(Cx *cx, const Choice *c, FindingsAnswer *ret)
{
    Breakdown kept;
    TRY(breakdown_keep(cx, &c->names, c->f->groups.keys, c->rank, c->f->groups.n, &kept));
    FindingsRow *rows = ARENA_MANY(cx->arena, FindingsRow, kept.n + 1);
    if (!rows) return fail(cx, ST_NO_MEM, "findings: the answer");
    for (size_t i = 0; i < kept.n; i++) rows[i] = row_of(c, kept.group[i], &kept.text[i]);
    for (size_t i = 0; i < c->f->groups.n; i++) ret->found += c->rank[i] != 0;
    ret->looks = c->n_looks;
    ret->rows = rows;
    ret->n_rows = kept.n;
    return ST_OK;
}
static Status take_room(Cx *cx, Choice *c)
{
    size_t n = c->f->groups.n + 1;
    look(c);
    size_t bytes = (c->n_looks + 1) * sizeof *c->looks + n * (sizeof *c->best + 2 * sizeof *c->rank);
    TRY(scan_bytes(cx, c->q->scope.run, (ptrdiff_t)bytes));
    c->bytes = bytes;
    c->looks = mem_get((c->n_looks + 1) * sizeof *c->looks);
    c->best = mem_get(n * sizeof *c->best);
    c->rank = mem_get(n * sizeof *c->rank);
    if (!c->looks || !c->best || !c->rank) return fail(cx, ST_NO_MEM, "findings: %zu looks", c->n_looks);
    memset(c->best, 0, n * sizeof *c->best);
    c->n_looks = 0;
    return ST_OK;
}
static Status answer(Cx *cx, const FindingsQuery *q, const FoldFindings *f, const QueryScope *names,
    FindingsAnswer *ret)
{
    Choice c = { .q = q, .f = f, .names = *names };
    ret->people = f->people, ret->stayed = f->stayed, ret->unfinished = f->unfinished;
    ret->candidates = f->groups.n;
    Status st = take_room(cx, &c);
    if (st == ST_OK) {
        look(&c);
        shares_adjust(c.looks, c.n_looks);
        choose(&c);
        st = rows_of(cx, &c, ret);
    }
    (void)!scan_bytes(NULL, q->scope.run, -(ptrdiff_t)c.bytes);
    mem_free(c.looks);
    mem_free(c.best);
    mem_free(c.rank);
    return st;
}

/* ---- the people of a cell ---- */

/* The value with the cell's text that most people have: 1 and "1" read alike. */
static Status find_value(Cx *cx, const FoldFindings *f, const QueryScope *names, const FindingsRow *row, GroupKey *key)
{
    int64_t best = 0;
    GroupKey found = { .kind = { UINT8_MAX } };            /* nobody has it */
    Cx scratch = { .arena = arena_new(CX_ARENA_MAX), .now = cx->now };
    Status st = scratch.arena ? ST_OK : fail(cx, ST_NO_MEM, "findings: a value");
    for (size_t i = 0; st == ST_OK && i < f->groups.n; i++) {
        const GroupKey *k = &f->groups.keys[i];
        QueryGroup text;
        if (k->value[0] != key->value[0] || k->kind[1] == PROP_NULL || f->tallies[i].did[0] <= best) continue;
        arena_reset(scratch.arena);
        if (query_group(&scratch, names, k, &text) != ST_OK) st = fail(cx, ST_NO_MEM, "findings: a value");
        else if (str_eq(text.value[1], row->value)) found = *k, best = f->tallies[i].did[0];
    }
    arena_free(scratch.arena);
    *key = found;
    return st;
}
static Status find_level(Cx *cx, FindingsLevel want, size_t *ret)
{
    for (size_t i = 0; i < FOLD_FINDINGS_LEVELS; i++) {
        FindingsLevel l = fold_findings_level(i);
        if (l.days != want.days || l.least != want.least) continue;
        *ret = i;
        return ST_OK;
    }
    return refuse(cx, ST_INVALID, S("cell.level"), MSG_out_of_range, PARAMS({ "min", 1, { 0 } },
        { "max", want.days ? 3 : 5, { 0 } }));
}
static Status people(Cx *cx, const Snapshot *snap, const FindingsQuery *q, const QueryScope *names, const Grid *grid,
    const FoldFindings *first, size_t level)
{
    FoldFindingsWanted wanted = { .key = { .kind = { PROP_STR } }, .level = level };
    const FindingsRow *row = &q->cell->row;
    FoldFindings f;
    ScanCount count;
    TRY(scan_text_code(cx, q->scope.texts, row->event, &wanted.key.value[0]));
    if (row->valued) TRY(find_value(cx, first, names, row, &wanted.key));
    Status st = fold_findings_run(cx, snap, q, grid, &wanted, &f, &count);
    fold_findings_done(&f);
    return st;
}

/* ---- the question ---- */

static Status between(Cx *cx, Str field, int64_t value, int64_t min, int64_t max)
{
    if (value >= min && value <= max) return ST_OK;
    return refuse(cx, ST_INVALID, field, MSG_out_of_range, PARAMS({ "min", min, { 0 } }, { "max", max, { 0 } }));
}
static Status check(Cx *cx, const FindingsQuery *q, size_t *ret_level)
{
    TRY(between(cx, S("early"), q->early, 1, FINDINGS_EARLY_MAX));
    TRY(between(cx, S("stay_from"), q->stay_from, q->early, FINDINGS_STAY_MAX));
    TRY(between(cx, S("stay_to"), q->stay_to, q->stay_from, FINDINGS_STAY_MAX));
    *ret_level = 0;
    return q->cell && q->people ? find_level(cx, q->cell->row.level, ret_level) : ST_OK;
}
/* The days of the starts, and so many more that the last start has all of its own; two for 24-hour days, which end
 * within a day, and days may have 23 hours. */
static Status days(Cx *cx, const FindingsQuery *q, Grid *ret)
{
    const Zone *zone = q->scope.zone;
    const int64_t *some;
    size_t n, more = (size_t)q->stay_to + (q->from_event ? 2 : 0);
    TRY(zone_grid(cx, zone, PERIOD_DAY, 0, q->from, q->to, ASK_PERIODS_MAX, &some, &n));
    int64_t *starts = ARENA_MANY(cx->arena, int64_t, n + more + 1);
    if (!starts) return fail(cx, ST_NO_MEM, "findings: the days");
    memcpy(starts, some, (n + 1) * sizeof *starts);
    for (size_t i = 0; i < more; i++) starts[n + i + 1] = zone_next(zone, PERIOD_DAY, 0, starts[n + i]);
    *ret = (Grid){ n + more, starts };
    return ST_OK;
}
Status query_findings_run(Cx *cx, const Snapshot *snap, const FindingsQuery *q, FindingsAnswer *ret)
{
    QueryScope names = q->scope;
    FindingsAnswer a = { 0 };
    FoldFindings f;
    ScanCount count;
    Grid grid;
    size_t level;
    names.breakdown[0] = (ScanSlot){ .kind = SLOT_NAME };
    if (q->prop) names.breakdown[1] = *q->prop;
    names.n_breakdown = FOLD_FINDINGS_KEYS;
    TRY(check(cx, q, &level));
    if (q->from < q->to) {
        TRY(days(cx, q, &grid));
        Status st = fold_findings_run(cx, snap, q, &grid, NULL, &f, &count);
        a.count = (QueryCount){ .events = count.events, .people = count.people, .left_out = count.left_out };
        if (st == ST_OK) st = answer(cx, q, &f, &names, &a);
        if (st == ST_OK && q->cell && q->people) st = people(cx, snap, q, &names, &grid, &f, level);
        fold_findings_done(&f);
        if (st != ST_OK) return st;
    }
    *ret = a;
    return ST_OK;
}
