#include "store/events/selector_in.h"
#include "base/arena.h"
#include <stdlib.h>
#include <string.h>

static bool text_in(Str s, Str part) { return part.n == 0 || (s.n && memmem(s.p, s.n, part.p, part.n)); }
static bool is_number(uint8_t kind) { return kind == PROP_INT || kind == PROP_DOUBLE; }
/* A long double holds every int64 and every double exactly. */
static long double number_of(const Prop *p) { return p->kind == PROP_INT ? (long double)p->i : (long double)p->d; }
static bool same(const Prop *a, const Prop *b)
{
    if (is_number(a->kind) && is_number(b->kind)) return number_of(a) == number_of(b);
    if (a->kind != b->kind) return false;
    switch ((PropKind)a->kind) {
    case PROP_NULL: return true;
    case PROP_BOOL: return a->b == b->b;
    case PROP_STR:  return str_eq(a->s, b->s);
    default:        return false;
    }
}
static bool contains(const Prop *p, const Prop *v)
{
    if (v->kind != PROP_STR) return false;
    if (p->kind == PROP_STR) return text_in(p->s, v->s);
    for (size_t i = 0; p->kind == PROP_LIST && i < p->list.n; i++) if (str_eq(p->list.p[i], v->s)) return true;
    return false;
}
static bool in_order(Op op, int c) { return op == OP_LT ? c < 0 : op == OP_LE ? c <= 0 : op == OP_GT ? c > 0 : c >= 0; }
static bool ordered(Op op, const Prop *p, const Prop *v)
{
    if (p->kind == PROP_STR && v->kind == PROP_STR) return in_order(op, str_cmp(p->s, v->s));
    if (!is_number(p->kind) || !is_number(v->kind)) return false;
    long double a = number_of(p), b = number_of(v);
    if (!(a <= b) && !(a >= b)) return false;
    return in_order(op, (a > b) - (a < b));
}
static bool one_of(const Prop *p, const Prop *v)
{
    if (p->kind != PROP_STR || v->kind != PROP_LIST) return false;
    for (size_t i = 0; i < v->list.n; i++) if (str_eq(p->s, v->list.p[i])) return true;
    return false;
}
bool selector_holds(const Pred *q, const Prop *p)
{
    static const Prop missing = { .kind = PROP_NULL };
    if (!p) p = &missing;
    switch (q->op) {
    case OP_IS:       return same(p, &q->value);
    case OP_IS_NOT:   return !same(p, &q->value);
    case OP_CONTAINS: return contains(p, &q->value);
    case OP_SET:      return p->kind != PROP_NULL;
    case OP_NOT_SET:  return p->kind == PROP_NULL;
    case OP_IN:       return one_of(p, &q->value);
    default:          return ordered(q->op, p, &q->value);
    }
}

/* ---- made ready ---- */

static int by_text(const void *a, const void *b) { return str_cmp(*(const Str *)a, *(const Str *)b); }
bool selector_takes(const SelectorNode *n, const Prop *p)
{
    if (n->pred->op != OP_IN) return selector_holds(n->pred, p);
    return p->kind == PROP_STR && n->n_in && bsearch(&p->s, n->in, n->n_in, sizeof *n->in, by_text);
}
static Status number_prop(Cx *cx, SelectorPlan *plan, Str name, int32_t *ret)
{
    *ret = str_is(name, "$event") ? SELECTOR_EVENT : str_is(name, "$source") ? SELECTOR_SOURCE :
        str_is(name, "$trust") ? SELECTOR_TRUST : 0;
    if (*ret < 0) return ST_OK;
    for (size_t i = 0; i < plan->n_props; i++) {
        if (!str_eq(plan->props[i], name)) continue;
        *ret = (int32_t)i;
        return ST_OK;
    }
    if (plan->n_props == SELECTOR_PREDS + SELECTOR_MORE) return fail(cx, ST_BUG, "selector: too many properties");
    *ret = (int32_t)plan->n_props;
    plan->props[plan->n_props++] = name;
    return ST_OK;
}
Status selector_plan_prop(Cx *cx, SelectorPlan *plan, Str name, int32_t *ret)
{
    TRY(number_prop(cx, plan, name, ret));
    if (*ret >= 0) plan->valued[*ret] = true;
    plan->origins |= *ret == SELECTOR_SOURCE || *ret == SELECTOR_TRUST;
    return ST_OK;
}
static Status too_many(Cx *cx, int64_t max)
{
    return refuse(cx, ST_INVALID, S("filter"), MSG_too_many, PARAMS({ "max", max, { 0 } }));
}
static Status plan_pred(Cx *cx, SelectorPlan *plan, SelectorNode *to)
{
    if (plan->n_preds == SELECTOR_PREDS) return too_many(cx, SELECTOR_PREDS);
    to->number = (uint32_t)plan->n_preds++;
    TRY(number_prop(cx, plan, to->pred->prop, &to->prop));
    if (to->prop == SELECTOR_SOURCE || to->prop == SELECTOR_TRUST) plan->origins = true;
    if (to->pred->op != OP_IN || to->pred->value.kind != PROP_LIST) return ST_OK;
    to->n_in = to->pred->value.list.n;
    Str *in = ARENA_MANY(cx->arena, Str, to->n_in + 1);
    if (!in) return fail(cx, ST_NO_MEM, "selector: %zu texts", to->n_in);
    if (to->n_in) memcpy(in, to->pred->value.list.p, to->n_in * sizeof *in);
    if (to->n_in) qsort(in, to->n_in, sizeof *in, by_text);
    to->in = in;
    return ST_OK;
}
static Status plan_node(Cx *cx, SelectorPlan *plan, const Where *w, int depth, SelectorNode *to)
{
    if (depth == SELECTOR_DEPTH) return too_many(cx, SELECTOR_DEPTH);
    *to = (SelectorNode){ .kind = w->kind, .n = w->n, .pred = &w->pred, .people = w->people };
    if (w->kind == WHERE_PEOPLE) plan->people = true;
    if (w->kind == WHERE_PEOPLE) return ST_OK;
    if (w->kind == WHERE_PRED) return plan_pred(cx, plan, to);
    SelectorNode *kids = ARENA_MANY(cx->arena, SelectorNode, w->n + 1);
    if (!kids) return fail(cx, ST_NO_MEM, "selector: %zu parts", w->n);
    for (size_t i = 0; i < w->n; i++) TRY(plan_node(cx, plan, &w->kids[i], depth + 1, &kids[i]));
    to->kids = kids;
    return ST_OK;
}
static Status plan_tree(Cx *cx, SelectorPlan *plan, const Where *w, const SelectorNode **ret)
{
    SelectorNode *root = w ? ARENA_NEW(cx->arena, SelectorNode) : NULL;
    *ret = root;
    if (!w) return ST_OK;
    return root ? plan_node(cx, plan, w, 0, root) : fail(cx, ST_NO_MEM, "selector");
}
Status selector_plan(Cx *cx, const Selector *sel, SelectorPlan *ret)
{
    SelectorPlan p = { .sel = sel, .props = ARENA_MANY(cx->arena, Str, SELECTOR_PREDS + SELECTOR_MORE),
        .valued = ARENA_MANY(cx->arena, bool, SELECTOR_PREDS + SELECTOR_MORE) };
    if (!p.props || !p.valued) return fail(cx, ST_NO_MEM, "selector");
    if (sel->n_matchers > SELECTOR_MATCHERS) return fail(cx, ST_BUG, "selector: %zu matchers", sel->n_matchers);
    TRY(plan_tree(cx, &p, sel->filter, &p.filter));
    for (size_t m = 0; m < sel->n_matchers; m++) {
        TRY(plan_tree(cx, &p, sel->matchers[m].where, &p.where[m]));
        if (p.where[m] || p.filter) p.needs |= UINT32_C(1) << m;
    }
    *ret = p;
    return ST_OK;
}

/* ---- single events ---- */

uint32_t selector_name(const Selector *sel, Str name)
{
    uint32_t ret = 0;
    for (size_t m = 0; m < sel->n_matchers; m++)
        if (sel->matchers[m].any || str_eq(sel->matchers[m].name, name)) ret |= UINT32_C(1) << m;
    return ret;
}
Prop selector_value(const Event *e, Str name, int32_t prop)
{
    switch (prop) {
    case SELECTOR_EVENT:  return (Prop){ .kind = PROP_STR, .s = e->name };
    case SELECTOR_SOURCE: return (Prop){ .kind = PROP_INT, .i = e->source };
    case SELECTOR_TRUST:  return (Prop){ .kind = PROP_INT, .i = e->trust };
    default: break;
    }
    for (size_t i = 0; i < e->n_props; i++)
        if (e->props[i].kind != PROP_NULL && str_eq(e->props[i].name, name)) return e->props[i];
    return (Prop){ .kind = PROP_NULL };
}
static bool takes(const SelectorPlan *plan, const SelectorNode *n, const Event *e, uint32_t root)
{
    bool all = n->kind == WHERE_ALL;
    switch (n->kind) {
    case WHERE_PRED: {
        Prop p = selector_value(e, n->pred->prop, n->prop);
        return selector_takes(n, &p);
    }
    case WHERE_PEOPLE: return people_set_has(n->people, root);
    case WHERE_NOT:    return !takes(plan, n->kids, e, root);
    case WHERE_ALL: case WHERE_ANY: break;
    }
    for (size_t i = 0; i < n->n; i++) if (takes(plan, &n->kids[i], e, root) != all) return !all;
    return all;
}
uint32_t selector_event(const SelectorPlan *plan, const Event *e, uint32_t root, uint32_t named)
{
    if (named && plan->filter && !takes(plan, plan->filter, e, root)) return 0;
    for (size_t m = 0; m < plan->sel->n_matchers; m++)
        if ((named >> m & 1) && plan->where[m] && !takes(plan, plan->where[m], e, root)) named &= ~(UINT32_C(1) << m);
    return named;
}
