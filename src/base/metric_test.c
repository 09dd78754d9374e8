#include "tests/test.h"
#include "base/metric.h"
#include <pthread.h>
#include <string.h>

static Metric refused_long = METRIC(METRIC_COUNTER, "t_refused_total", "reason=\"too_long\"",
                                    "events\\refused\nat \"ingest\"");
static Metric refused_bad = METRIC(METRIC_COUNTER, "t_refused_total", "reason=\"bad\"",
                                   "events\\refused\nat \"ingest\"");
static Metric depth = METRIC(METRIC_GAUGE, "t_depth", NULL, NULL);
static Metric wait_db = METRIC(METRIC_HISTOGRAM, "t_wait_seconds", "queue=\"db\"", "time in a queue");
static Metric wait_plain = METRIC(METRIC_HISTOGRAM, "t_plain_seconds", "", "h");
static Metric racing = METRIC(METRIC_COUNTER, "t_racing_total", NULL, NULL);

static Str lines_of(Buf *b, const char *name)     /* the lines that speak of one name */
{
    Buf got = buf_new(b->a, 1 << 16);
    Str rest = buf_str(b);
    while (rest.n) {
        Str line = str_cut(&rest, '\n'), at = line;
        if (str_starts(at, S("# HELP ")) || str_starts(at, S("# TYPE "))) at = (Str){ at.p + 7, at.n - 7 };
        if (!str_starts(at, str_z(name))) continue;
        buf_add(&got, line);
        buf_addc(&got, '\n');
    }
    return buf_str(&got);
}
TEST(metrics_are_written_with_one_head_a_name_and_sorted_labels)
{
    Buf b = buf_new(cx->arena, 1 << 16);
    metric_add(&refused_long, 2);
    metric_add(&refused_bad, 0);
    metric_add(&refused_long, 3);
    metric_set(&depth, -4);
    metric_write(&b);
    assert_false(b.bad);
    assert_str(lines_of(&b, "t_refused_total"),
               "# HELP t_refused_total events\\\\refused\\nat \"ingest\"\n# TYPE t_refused_total counter\n"
               "t_refused_total{reason=\"bad\"} 0\nt_refused_total{reason=\"too_long\"} 5\n");
    assert_str(lines_of(&b, "t_depth"), "# TYPE t_depth gauge\nt_depth -4\n");
    assert_true(memmem(b.p, b.n, "t_depth", 7) < memmem(b.p, b.n, "t_refused_total", 15));
    assert_true(b.p[b.n - 1] == '\n');
}
TEST(a_histogram_has_cumulative_buckets_in_seconds)
{
    static const int64_t us[] = { 0, 50, 51, 100, 819200, 819201, 10000000 };
    Buf b = buf_new(cx->arena, 1 << 16);
    for (size_t i = 0; i < COUNT(us); i++) metric_us(&wait_db, us[i]);
    metric_us(&wait_plain, 1500000);
    metric_write(&b);
    assert_str(lines_of(&b, "t_wait_seconds"),
        "# HELP t_wait_seconds time in a queue\n# TYPE t_wait_seconds histogram\n"
        "t_wait_seconds_bucket{queue=\"db\",le=\"0.00005\"} 2\n" "t_wait_seconds_bucket{queue=\"db\",le=\"0.0001\"} 4\n"
        "t_wait_seconds_bucket{queue=\"db\",le=\"0.0002\"} 4\n" "t_wait_seconds_bucket{queue=\"db\",le=\"0.0004\"} 4\n"
        "t_wait_seconds_bucket{queue=\"db\",le=\"0.0008\"} 4\n" "t_wait_seconds_bucket{queue=\"db\",le=\"0.0016\"} 4\n"
        "t_wait_seconds_bucket{queue=\"db\",le=\"0.0032\"} 4\n" "t_wait_seconds_bucket{queue=\"db\",le=\"0.0064\"} 4\n"
        "t_wait_seconds_bucket{queue=\"db\",le=\"0.0128\"} 4\n" "t_wait_seconds_bucket{queue=\"db\",le=\"0.0256\"} 4\n"
        "t_wait_seconds_bucket{queue=\"db\",le=\"0.0512\"} 4\n" "t_wait_seconds_bucket{queue=\"db\",le=\"0.1024\"} 4\n"
        "t_wait_seconds_bucket{queue=\"db\",le=\"0.2048\"} 4\n" "t_wait_seconds_bucket{queue=\"db\",le=\"0.4096\"} 4\n"
        "t_wait_seconds_bucket{queue=\"db\",le=\"0.8192\"} 5\n" "t_wait_seconds_bucket{queue=\"db\",le=\"+Inf\"} 7\n"
        "t_wait_seconds_sum{queue=\"db\"} 11.638602\n" "t_wait_seconds_count{queue=\"db\"} 7\n");
    Str plain = lines_of(&b, "t_plain_seconds");
    Str end = S("t_plain_seconds_bucket{le=\"+Inf\"} 1\nt_plain_seconds_sum 1.5\nt_plain_seconds_count 1\n");
    assert_true(plain.n > end.n && str_eq((Str){ plain.p + plain.n - end.n, end.n }, end));
}
TEST(a_label_made_from_a_value_is_escaped)
{
    Buf b = buf_new(cx->arena, 100);
    metric_label(&b, "source", S("a\"b\\c\nd 网站"));
    assert_str(buf_str(&b), "source=\"a\\\"b\\\\c\\nd 网站\"");
}
static void *add_many(void *arg)
{
    for (int i = 0; i < 10000; i++) metric_add(&racing, 1);
    return arg;
}
TEST(threads_that_meet_in_one_metric_lose_nothing_and_enrol_it_once)
{
    pthread_t t[4];
    Buf b = buf_new(cx->arena, 1 << 16);
    for (size_t i = 0; i < COUNT(t); i++) assert_int_equal(pthread_create(&t[i], NULL, add_many, NULL), 0);
    for (size_t i = 0; i < COUNT(t); i++) pthread_join(t[i], NULL);
    metric_write(&b);
    assert_str(lines_of(&b, "t_racing_total"), "# TYPE t_racing_total counter\nt_racing_total 40000\n");
}
#ifdef LIUKE_FAULT
TEST(writing_metrics_without_memory_makes_the_buffer_bad)
{
    Buf b = buf_new(cx->arena, 1 << 16);
    metric_set(&depth, 1);
    fault_arm(FAULT_ALLOC, 0);
    metric_write(&b);
    fault_arm(FAULT_ALLOC, -1);
    assert_true(b.bad);
}
#endif
