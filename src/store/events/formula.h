/* formula: arithmetic over series: A / B * 100. A is the first series, B the second; + - * / and brackets. */
#ifndef LIUKE_FORMULA_H
#define LIUKE_FORMULA_H
#include "base/base.h"

enum { FORMULA_BYTES_MAX = 200, FORMULA_STEPS = 100, FORMULA_DEPTH = 16 };
/* 's' a series, '#' a number, '~' minus one value */
typedef struct FormulaStep { char op; uint8_t series; double number; } FormulaStep;
typedef struct Formula { size_t n; FormulaStep steps[FORMULA_STEPS]; } Formula;       /* in reverse Polish order */
/* INVALID formula_wrong with the place; a letter past n_series is wrong, too. */
Status formula_read(Cx *, Str text, Str field, size_t n_series, Formula *ret) MUST_USE;
/* A series without a value (has[i] false), and a division by zero, have none: false. */
bool   formula_value(const Formula *, const double *values, const bool *has, double *ret);
#endif
