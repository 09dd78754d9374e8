#include "base/metric.h"
#include <stdlib.h>
#include <string.h>

static _Atomic(Metric *) all;                     /* only ever pushed to: readers need no lock */

static void enrol(Metric *m)
{
    if (atomic_load_explicit(&m->registered, memory_order_relaxed)) return;
    if (atomic_exchange(&m->registered, 1)) return;
    m->next = atomic_load(&all);
    while (!atomic_compare_exchange_weak(&all, &m->next, m)) { }
}
void metric_add(Metric *m, int64_t n)
{
    enrol(m);
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}
void metric_set(Metric *m, int64_t v)
{
    enrol(m);
    atomic_store_explicit(&m->value, v, memory_order_relaxed);
}
static int64_t bound_us(int i) { return INT64_C(50) << i; }
void metric_us(Metric *m, int64_t us)
{
    int i = 0;
    while (i < METRIC_BUCKETS - 1 && us > bound_us(i)) i++;
    metric_add(m, us);
    atomic_fetch_add_explicit(&m->bucket[i], 1, memory_order_relaxed);
}
void metric_label(Buf *b, const char *name, Str value)
{
    buf_addz(b, name);
    buf_add(b, S("=\""));
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\n') buf_add(b, S("\\n"));
        else {
            if (c == '"' || c == '\\') buf_addc(b, '\\');
            buf_addc(b, c);
        }
    }
    buf_addc(b, '"');
}
static void add_help(Buf *b, const char *p)       /* here a quote stays as it is */
{
    for (; *p; p++) {
        if (*p == '\n') buf_add(b, S("\\n"));
        else if (*p == '\\') buf_add(b, S("\\\\"));
        else buf_addc(b, *p);
    }
}
static void add_head(Buf *b, const Metric *m)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    if (m->help && *m->help) {
        buf_add(b, S("# HELP "));
        buf_addz(b, m->name);
        buf_addc(b, ' ');
        add_help(b, m->help);
        buf_addc(b, '\n');
    }
    buf_add(b, S("# TYPE "));
    buf_addz(b, m->name);
    buf_addc(b, ' ');
    buf_addz(b, kinds[m->kind]);
    buf_addc(b, '\n');
}
static void add_seconds(Buf *b, int64_t us)       /* exact: no binary fraction in between */
{
    char t[7] = ".000000";
    uint64_t u = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    size_t n = 7;
    for (uint64_t rest = u % 1000000, i = 6; i > 0; i--, rest /= 10) t[i] = (char)('0' + rest % 10);
    while (n > 1 && t[n - 1] == '0') n--;
    if (us < 0) buf_addc(b, '-');
    buf_i64(b, (int64_t)(u / 1000000));
    if (n > 1) buf_add(b, (Str){ t, n });
}
/* name suffix {labels, le} and the space before the value; bound < 0: no le. */
static void add_name(Buf *b, const Metric *m, const char *suffix, int bound)
{
    bool labels = m->labels && *m->labels;
    buf_addz(b, m->name);
    buf_addz(b, suffix);
    if (labels || bound >= 0) {
        buf_addc(b, '{');
        if (labels) buf_addz(b, m->labels);
        if (labels && bound >= 0) buf_addc(b, ',');
        if (bound >= 0) buf_add(b, S("le=\""));
        if (bound == METRIC_BUCKETS - 1) buf_add(b, S("+Inf"));
        else if (bound >= 0) add_seconds(b, bound_us(bound));
        if (bound >= 0) buf_addc(b, '"');
        buf_addc(b, '}');
    }
    buf_addc(b, ' ');
}
static void add_histogram(Buf *b, Metric *m)
{
    int64_t count = 0;
    for (int i = 0; i < METRIC_BUCKETS; i++) {
        count += atomic_load_explicit(&m->bucket[i], memory_order_relaxed);
        add_name(b, m, "_bucket", i);
        buf_i64(b, count);
        buf_addc(b, '\n');
    }
    add_name(b, m, "_sum", -1);
    add_seconds(b, atomic_load_explicit(&m->value, memory_order_relaxed));
    buf_addc(b, '\n');
    add_name(b, m, "_count", -1);                 /* equals the +Inf bucket even while others add */
    buf_i64(b, count);
    buf_addc(b, '\n');
}
static int by_name(const void *a, const void *b)
{
    const Metric *x = *(Metric *const *)a, *y = *(Metric *const *)b;
    int c = strcmp(x->name, y->name);
    return c ? c : strcmp(x->labels ? x->labels : "", y->labels ? y->labels : "");
}
void metric_write(Buf *b)
{
    Metric *first = atomic_load(&all);
    size_t n = 0, i = 0;
    for (const Metric *m = first; m; m = m->next) n++;
    if (n == 0) return;
    Metric **sorted = mem_get(n * sizeof *sorted);
    if (!sorted) {
        b->bad = true;
        return;
    }
    for (Metric *m = first; m; m = m->next) sorted[i++] = m;
    qsort(sorted, n, sizeof *sorted, by_name);
    for (i = 0; i < n; i++) {
        Metric *m = sorted[i];
        if (i == 0 || strcmp(sorted[i - 1]->name, m->name) != 0) add_head(b, m);
        if (m->kind == METRIC_HISTOGRAM) {
            add_histogram(b, m);
            continue;
        }
        add_name(b, m, "", -1);
        buf_i64(b, atomic_load_explicit(&m->value, memory_order_relaxed));
        buf_addc(b, '\n');
    }
    mem_free(sorted);
}
