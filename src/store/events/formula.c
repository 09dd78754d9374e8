#include "store/events/formula.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader { Cx *cx; Str text, field; size_t at, n_series, depth; Formula *out; } Reader;

static Status wrong(Reader *r)
{
    return refuse(r->cx, ST_INVALID, r->field, MSG_formula_wrong, PARAMS({ "at", (int64_t)r->at + 1, { 0 } }));
}
static Status put(Reader *r, FormulaStep s)
{
    if (r->out->n == FORMULA_STEPS)
        return refuse(r->cx, ST_INVALID, r->field, MSG_too_many, PARAMS({ "max", FORMULA_STEPS, { 0 } }));
    r->out->steps[r->out->n++] = s;
    return ST_OK;
}
static char peek(Reader *r)
{
    while (r->at < r->text.n && r->text.p[r->at] == ' ') r->at++;
    return r->at < r->text.n ? r->text.p[r->at] : 0;
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
/* Digits and a point: no exponent, no sign. */
static Status number(Reader *r)
{
    double v = 0, unit = 1;
    for (; r->at < r->text.n && is_digit(r->text.p[r->at]); r->at++) v = v * 10 + (r->text.p[r->at] - '0');
    if (r->at < r->text.n && r->text.p[r->at] == '.') {
        if (++r->at == r->text.n || !is_digit(r->text.p[r->at])) return wrong(r);
        for (; r->at < r->text.n && is_digit(r->text.p[r->at]); r->at++) {
            v = v * 10 + (r->text.p[r->at] - '0');
            unit *= 10;
        }
    }
    return put(r, (FormulaStep){ .op = '#', .number = v / unit });
}
static Status sum(Reader *);
static Status value(Reader *r)
{
    char c = peek(r);
    if (is_digit(c)) return number(r);
    if (c == '-') {
        r->at++;
        if (++r->depth > FORMULA_DEPTH) return wrong(r);
        TRY(value(r));
        r->depth--;
        return put(r, (FormulaStep){ .op = '~' });
    }
    if (c == '(') {
        r->at++;
        if (++r->depth > FORMULA_DEPTH) return wrong(r);
        TRY(sum(r));
        r->depth--;
        if (peek(r) != ')') return wrong(r);
        r->at++;
        return ST_OK;
    }
    int series = c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? c - 'A' : -1;
    if (series < 0 || (size_t)series >= r->n_series) return wrong(r);
    r->at++;
    return put(r, (FormulaStep){ .op = 's', .series = (uint8_t)series });
}
static Status chain(Reader *r, Status (*part)(Reader *), char one, char other)
{
    TRY(part(r));
    for (char c; (c = peek(r)) == one || c == other;) {
        r->at++;
        TRY(part(r));
        TRY(put(r, (FormulaStep){ .op = c }));
    }
    return ST_OK;
}
static Status product(Reader *r) { return chain(r, value, '*', '/'); }
static Status sum(Reader *r) { return chain(r, product, '+', '-'); }
Status formula_read(Cx *cx, Str text, Str field, size_t n_series, Formula *ret)
{
    Reader r = { .cx = cx, .text = text, .field = field, .n_series = n_series, .out = ret };
    *ret = (Formula){ 0 };
    if (text.n > FORMULA_BYTES_MAX)
        return refuse(cx, ST_INVALID, field, MSG_too_long, PARAMS({ "max", FORMULA_BYTES_MAX, { 0 } }));
    TRY(sum(&r));
    return peek(&r) ? wrong(&r) : ST_OK;
}
static double apply(char op, double a, double b)
{
    switch (op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    default:  return a / b;
    }
}
bool formula_value(const Formula *f, const double *values, const bool *has, double *ret)
{
    double stack[FORMULA_STEPS];
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const FormulaStep *s = &f->steps[i];
        if (s->op == '#') {
            stack[n++] = s->number;
        } else if (s->op == 's') {
            if (!has[s->series]) return false;
            stack[n++] = values[s->series];
        } else if (s->op == '~') {
            stack[n - 1] = -stack[n - 1];
        } else {
            if (s->op == '/' && stack[n - 1] == 0) return false;
            stack[n - 2] = apply(s->op, stack[n - 2], stack[n - 1]);
            n--;
        }
    }
    *ret = n ? stack[0] : 0;
    return n > 0 && isfinite(*ret);
}
