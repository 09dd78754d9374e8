/* metric: counters, gauges and histograms for /metrics (Prometheus text format 0.0.4).
 *
 * Metrics are static objects (or live as long as the process) that register themselves on first
 * use: metric_add(&m, 0) at start shows one that has not happened yet. Adding is one relaxed
 * atomic. Labels are text as it stands between the braces, e.g. `queue="db"`; metric_label() makes
 * it from a value that is not a literal. Metrics of one name share kind and help.
 *
 *     static Metric refused = METRIC(METRIC_COUNTER, "liuke_ingest_refused_total",
 *                                    "reason=\"too_long\"", "events refused at ingest"); */
#ifndef LIUKE_METRIC_H
#define LIUKE_METRIC_H
#include "base/buf.h"
#include <stdatomic.h>

typedef enum MetricKind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } MetricKind;
enum { METRIC_BUCKETS = 16 };                 /* microseconds: 50 · 2^i, the last is +Inf */
typedef struct Metric {
    MetricKind kind;
    const char *name, *labels, *help;
    _Atomic int64_t value;                    /* histogram: the sum in microseconds */
    _Atomic int64_t bucket[METRIC_BUCKETS];
    _Atomic int registered;
    struct Metric *next;
} Metric;
#define METRIC(k, n, l, h) { .kind = (k), .name = (n), .labels = (l), .help = (h) }

void metric_add(Metric *, int64_t);
void metric_set(Metric *, int64_t);
void metric_us(Metric *, int64_t us);         /* one observation of a histogram, shown in seconds */
void metric_label(Buf *, const char *name, Str value);   /* name="value", escaped */
void metric_write(Buf *);                     /* all of them, sorted by name, then labels; one HELP and TYPE a name */
#endif
