#include "domain/audience/behaviour.h"
#include <math.h>

/* ---- windows ---- */

AudienceRange behaviour_range(const AudienceScope *scope, const AudienceWindow *w, int64_t now)
{
    AudienceRange r = { .from = w->from, .to = w->to < now + 1 ? w->to : now + 1 };
    if (w->within) r.from = now - w->within + 1;
    if (w->before) r.to = now - w->before + 1;
    if (!w->periods) return r;
    r.from = zone_floor(scope->zone, w->period, scope->week_start, now);
    for (int64_t i = 1; i < w->periods; i++)
        r.from = zone_floor(scope->zone, w->period, scope->week_start, r.from - 1);
    return r;
}
bool behaviour_timed(const Behaviour *b)
{
    return b->kind == BEHAVIOUR_SILENT || b->window.within || b->window.before || b->window.periods;
}
int64_t behaviour_from(const Behaviour *b, AudienceRange r)
{
    bool all = b->kind == BEHAVIOUR_FIRST || b->kind == BEHAVIOUR_SILENT || (b->kind == BEHAVIOUR_DID && b->n > 1);
    return all ? INT64_MIN : r.from;
}
/* The first event at t or later. */
static size_t at_or_after(const Span *s, int64_t t)
{
    size_t lo = 0, hi = s->n;
    if (s->n == 0 || s->time[0] >= t) return 0;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->time[mid] < t) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

/* ---- did ---- */

/* Whole numbers are added exactly, others with what each addition lost (Neumaier). */
__extension__ typedef __int128 Whole;
typedef struct Total { Whole whole; double sum, lost; } Total;
static void add_number(Total *t, uint8_t kind, uint64_t value)
{
    double d;
    if (kind == PROP_INT) t->whole += (int64_t)value;
    if (kind != PROP_DOUBLE) return;
    __builtin_memcpy(&d, &value, sizeof d);
    double sum = t->sum + d;
    t->lost += fabs(t->sum) >= fabs(d) ? (t->sum - sum) + d : (d - sum) + t->sum;
    t->sum = sum;
}
static bool sum_holds(const Behaviour *b, const Total *t)
{
    long double v = (long double)t->whole + (long double)t->sum + (long double)t->lost;
    return (!b->above || v >= (long double)b->ge) && (!b->below || v <= (long double)b->le) &&
        (!b->over || v > (long double)b->gt) && (!b->under || v < (long double)b->lt);
}
/* Where events begin to count: after the one they are "since"; past the end where there is none. */
static size_t since(const Behaviour *b, const Span *s, int64_t now)
{
    size_t end = at_or_after(s, now + 1), found = s->n;
    for (size_t i = 0; i < end; i++) {
        if (!(s->mask[i] & b->bit[1])) continue;
        found = i + 1;
        if (b->since_first) break;
    }
    return found;
}
static bool did_holds(const Behaviour *b, const AudienceScope *scope, AudienceRange r, int64_t now, const Span *s)
{
    size_t i = at_or_after(s, r.from), end = at_or_after(s, r.to);
    int64_t times = 0, days = 0, day_end = INT64_MIN;
    Total total = { 0 };
    if (b->n > 1) {
        size_t after = since(b, s, now);
        i = i > after ? i : after;
    }
    for (; i < end; i++) {
        if (!(s->mask[i] & b->bit[0])) continue;
        times++;
        if (b->with_sum) add_number(&total, s->cols[b->slot].kind[i], s->cols[b->slot].value[i]);
        if (!b->with_days || s->time[i] < day_end) continue;
        days++;
        day_end = zone_next(scope->zone, PERIOD_DAY, scope->week_start, s->time[i]);
    }
    return times >= b->times_min && times <= b->times_max && (!b->with_days ||
        (days >= b->days_min && days <= b->days_max)) && (!b->with_sum || sum_holds(b, &total));
}

/* ---- first, last, in order ---- */

static bool edge_holds(const Behaviour *b, AudienceRange r, int64_t now, const Span *s)
{
    size_t end = at_or_after(s, now + 1), found = end;
    for (size_t i = 0; i < end; i++) {
        size_t at = b->kind == BEHAVIOUR_FIRST ? i : end - 1 - i;
        if (!(s->mask[at] & b->bit[0])) continue;
        found = at;
        break;
    }
    return found < end && s->time[found] >= r.from && s->time[found] < r.to;
}
/* Of every step, the latest begin of a chain that has come so far: a later one can only do better. */
static bool sequence_holds(const Behaviour *b, AudienceRange r, const Span *s)
{
    int64_t begin[AUDIENCE_STEPS_MAX];
    bool reached[AUDIENCE_STEPS_MAX] = { false };
    size_t end = at_or_after(s, r.to);
    for (size_t i = at_or_after(s, r.from); i < end; i++) {
        for (size_t k = b->n; k-- > 1;) {         /* from the last: an event is one step of a chain */
            if (!(s->mask[i] & b->bit[k]) || !reached[k - 1]) continue;
            if (b->span != INT64_MAX && s->time[i] - begin[k - 1] > b->span) continue;
            begin[k] = begin[k - 1];
            reached[k] = true;
        }
        if (s->mask[i] & b->bit[0]) begin[0] = s->time[i], reached[0] = true;
        if (reached[b->n - 1]) return true;
    }
    return false;
}

/* ---- silent ---- */

static int64_t day_number(const Zone *z, int64_t ms)
{
    Civil c = zone_civil(z, ms);
    return clock_days(c.year, c.month, c.day);
}
static void put_in_order(int64_t *gaps, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && gaps[k - 1] > gaps[k]; k--) {
            int64_t g = gaps[k];
            gaps[k] = gaps[k - 1];
            gaps[k - 1] = g;
        }
}
/* The gaps between active days, the newest AUDIENCE_GAPS_MAX; *ret_day and *ret_time: the last day and event. */
static size_t gaps_of(const Behaviour *b, const AudienceScope *scope, int64_t now, const Span *s, int64_t *gaps,
    int64_t *ret_day, int64_t *ret_time)
{
    size_t n = 0;
    int64_t day_start = INT64_MAX, last = 0;
    for (size_t i = at_or_after(s, now + 1); i-- > 0 && n < AUDIENCE_GAPS_MAX;) {
        if (!(s->mask[i] & b->bit[0]) || s->time[i] >= day_start) continue;
        int64_t day = day_number(scope->zone, s->time[i]);
        if (day_start == INT64_MAX) *ret_day = day, *ret_time = s->time[i];
        else gaps[n++] = last - day;
        last = day;
        day_start = zone_floor(scope->zone, PERIOD_DAY, scope->week_start, s->time[i]);
    }
    return n;
}
static bool silent_holds(const Behaviour *b, const AudienceScope *scope, int64_t now, const Span *s)
{
    int64_t gaps[AUDIENCE_GAPS_MAX], day = 0, time = 0;
    size_t n = gaps_of(b, scope, now, s, gaps, &day, &time);
    if (n < AUDIENCE_GAPS_MIN) return false;
    put_in_order(gaps, n);
    size_t low = (n - 1) / 2, high = n / 2;
    double usual = (double)(gaps[low] + gaps[high]) / 2;
    return (double)(day_number(scope->zone, now) - day) > b->usual * usual && now - time >= b->at_least;
}

bool behaviour_holds(const Behaviour *b, const AudienceScope *scope, AudienceRange r, int64_t now, const Span *s)
{
    switch (b->kind) {
    case BEHAVIOUR_DID:      return did_holds(b, scope, r, now, s);
    case BEHAVIOUR_SEQUENCE: return sequence_holds(b, r, s);
    case BEHAVIOUR_SILENT:   return silent_holds(b, scope, now, s);
    case BEHAVIOUR_FIRST:
    case BEHAVIOUR_LAST:     break;
    }
    return edge_holds(b, r, now, s);
}
