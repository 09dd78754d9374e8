#include "store/events/fold.h"

void fold_trend_count(Fold *f, const int64_t *times, const uint8_t *codes, size_t n)
{
    size_t p = 0;
    (void)codes;
    for (size_t i = 0; i < n; i++) {
        if (times[i] < f->grid->starts[0]) continue;
        p = fold_period(f->grid, p, times[i]);
        if (p == f->grid->n) return;
        f->values[p]++;
    }
}
void fold_trend_people(Fold *f, const int64_t *times, const uint8_t *codes, size_t n)
{
    size_t p = 0, last = SIZE_MAX;
    (void)codes;
    for (size_t i = 0; i < n; i++) {
        if (times[i] < f->grid->starts[0]) continue;
        p = fold_period(f->grid, p, times[i]);
        if (p == f->grid->n) return;
        f->values[p] += p != last;
        last = p;
    }
}
