#include "store/events/fold_window_funnel.h"

#define NEVER (INT64_MIN / 2)
typedef struct Level { int64_t anchor, last; } Level;      /* anchor NEVER: not held */
typedef struct Search {
    size_t   n;
    int64_t  window;
    unsigned modes;
    const uint32_t *mask;
    Level    level[FOLD_WINDOW_CONDITIONS];    /* [c]: condition c met by a chain */
    Level    before[FOLD_WINDOW_CONDITIONS];   /* ONCE: as they were before this time */
    size_t   from, to;           /* ONCE: the events of this time */
} Search;

static unsigned deepest(const Search *s)
{
    unsigned ret = 0;
    for (unsigned c = 0; c < s->n; c++) if (s->level[c].anchor != NEVER) ret = c + 1;
    return ret;
}
/* ---- ONCE: events of one time are given to conditions of a chain so that each serves one ---- */

typedef struct Pairing { const Search *s; size_t of[FOLD_WINDOW_CONDITIONS]; } Pairing;     /* SIZE_MAX: none yet */

/* An event for condition c; others may have to change theirs. asked: conditions already asked to. */
static bool give(Pairing *p, size_t c, uint32_t *asked)
{
    for (size_t i = p->s->from; i < p->s->to; i++) {
        size_t owner = 0;
        if (!(p->s->mask[i] >> c & 1)) continue;
        while (owner < p->s->n && p->of[owner] != i) owner++;
        if (owner < p->s->n) {
            if (*asked >> owner & 1) continue;
            *asked |= UINT32_C(1) << owner;
            if (!give(p, owner, asked)) continue;
        }
        p->of[c] = i;
        return true;
    }
    return false;
}
static bool each_its_own(const Search *s, size_t first, size_t last)
{
    Pairing p = { .s = s };
    for (size_t c = 0; c < s->n; c++) p.of[c] = SIZE_MAX;
    for (size_t c = first; c <= last; c++) {
        uint32_t asked = UINT32_C(1) << c;
        if (!give(&p, c, &asked)) return false;
    }
    return true;
}
/* The chain with the latest start that reaches condition c at this time; false: none does. */
static bool chain_once(const Search *s, size_t c, int64_t t, int64_t *ret)
{
    bool one = s->modes & WINDOW_INCREASE;
    for (size_t from = one ? c : 0; from <= c; from++) {   /* conditions from .. c are met now */
        int64_t anchor = from ? s->before[from - 1].anchor : t;
        if (anchor == NEVER || t - anchor > s->window || !each_its_own(s, from, c)) continue;
        *ret = anchor;
        return true;
    }
    return false;
}
static bool chain(const Search *s, size_t c, int64_t t, int64_t *ret)
{
    const Level *held = &s->level[c - 1];
    if (s->modes & WINDOW_ONCE) return chain_once(s, c, t, ret);
    *ret = held->anchor;
    return held->anchor != NEVER && t - held->anchor <= s->window && (!(s->modes & WINDOW_INCREASE) || held->last < t);
}
/* One event meets condition c. false: the search ends here. */
static bool meet(Search *s, size_t c, int64_t t)
{
    int64_t anchor;
    if (c == 0) {
        s->level[0] = (Level){ t, t };
        return true;
    }
    if (s->modes & WINDOW_DEDUPLICATION && s->level[c].anchor != NEVER) return false;
    if (s->modes & WINDOW_ORDER && s->level[0].anchor != NEVER && s->level[c - 1].anchor == NEVER) return false;
    if (chain(s, c, t, &anchor)) s->level[c] = (Level){ anchor, t };
    return s->level[s->n - 1].anchor == NEVER;
}
static bool one_time(Search *s, int64_t t)
{
    for (size_t c = 0; c < s->n; c++) s->before[c] = s->level[c];
    if (s->modes & WINDOW_ORDER && s->level[0].anchor != NEVER)      /* who meets none comes before all conditions */
        for (size_t i = s->from; i < s->to; i++) if (!s->mask[i]) return false;
    for (size_t c = 0; c < s->n; c++)
        for (size_t i = s->from; i < s->to; i++) if (s->mask[i] >> c & 1 && !meet(s, c, t)) return false;
    return true;
}
unsigned fold_window_funnel(size_t n_conditions, int64_t window, unsigned modes, size_t n, const int64_t *time,
    const uint32_t *mask)
{
    Search s = { .n = n_conditions, .window = window, .modes = modes, .mask = mask };
    if (n_conditions == 0) return 0;
    for (size_t c = 0; c < s.n; c++) s.level[c].anchor = NEVER;
    for (; s.from < n; s.from = s.to) {
        for (s.to = s.from + 1; s.to < n && time[s.to] == time[s.from];) s.to++;
        if (!one_time(&s, time[s.from])) break;
    }
    return deepest(&s);
}
