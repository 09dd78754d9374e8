/* json_bench: the reader's speed on a batch of 100 tracking events (43 kB), one core.
 *   json-bench [FILE]      GB/s of processor time by every way of scanning: the median of 15 rounds of 100 ms.
 *                          FILE: that text instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/json.h"
#include "base/json_index.h"
#include "base/limits.h"

enum { ROUNDS = 15, EVENTS = 100 };
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static void event(JsonW *w, int i)
{
    static const char *const names[] = { "Product Viewed", "Signed Up", "Cart Updated", "Order Completed" };
    char text[64];
    jsonw_open(w, '{');
    jsonw_key(w, S("timestamp")); jsonw_time(w, INT64_C(1795302958643) + i);
    jsonw_key(w, S("integrations")); jsonw_open(w, '{'); jsonw_close(w, '}');
    jsonw_key(w, S("event")); jsonw_str(w, str_z(names[i % 4]));
    jsonw_key(w, S("type")); jsonw_str(w, S("track"));
    jsonw_key(w, S("properties"));
    jsonw_open(w, '{');
    jsonw_key(w, S("plan")); jsonw_str(w, i % 3 ? S("free") : S("pro"));
    jsonw_key(w, S("price")); jsonw_double(w, 19.5 + i);
    jsonw_key(w, S("count")); jsonw_i64(w, i * 7);
    jsonw_close(w, '}');
    snprintf(text, sizeof text, "user-%d", i * 7919);
    jsonw_key(w, S("userId")); jsonw_str(w, str_z(text));
    snprintf(text, sizeof text, "%08x-8a9b-4e5f-1c2d-%012x", i * 2654435 + 99, i * 65537);
    jsonw_key(w, S("anonymousId")); jsonw_str(w, str_z(text));
    jsonw_key(w, S("context"));
    jsonw_open(w, '{');
    jsonw_key(w, S("library"));
    jsonw_open(w, '{');
    jsonw_key(w, S("name")); jsonw_str(w, S("@segment/analytics-node"));
    jsonw_key(w, S("version")); jsonw_str(w, S("3.1.0"));
    jsonw_close(w, '}');
    jsonw_close(w, '}');
    snprintf(text, sizeof text, "node-next-%lld-%08x-1c2d-4e5f-8a9b-%012x", 1795302958643LL + i, i * 2654435 + 77,
             i * 40503);
    jsonw_key(w, S("messageId")); jsonw_str(w, str_z(text));
    jsonw_key(w, S("_metadata"));
    jsonw_open(w, '{');
    jsonw_key(w, S("nodeVersion")); jsonw_str(w, S("v20.20.2"));
    jsonw_key(w, S("jsRuntime")); jsonw_str(w, S("node"));
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}
static Str batch(Buf *b)
{
    JsonW w = { .b = b };
    jsonw_open(&w, '{');
    jsonw_key(&w, S("batch"));
    jsonw_open(&w, '[');
    for (int i = 0; i < EVENTS; i++) event(&w, i);
    jsonw_close(&w, ']');
    jsonw_key(&w, S("writeKey")); jsonw_str(&w, S("WK123"));
    jsonw_key(&w, S("sentAt")); jsonw_time(&w, INT64_C(1795302958647));
    jsonw_close(&w, '}');
    return buf_str(b);
}
static Str file(Buf *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(b->p = malloc(JSON_TEXT_MAX), 1, JSON_TEXT_MAX, f) : 0;
    if (f) fclose(f);
    return (Str){ b->p, n };
}
static int by_value(const void *a, const void *b) { return *(const double *)a > *(const double *)b ? 1 : -1; }
static double speed(Cx *cx, Str text, uint32_t *ret_nodes)
{
    double got[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        const JsonNode *n = NULL;
        double start = seconds(), took;
        long times = 0;
        do {
            for (int i = 0; i < 20; i++, times++) {
                arena_reset(cx->arena);
                if (json_parse(cx, text, &n) != ST_OK) return 0;
            }
            took = seconds() - start;
        } while (took < 0.1);
        *ret_nodes = n->skip;
        got[r] = (double)times * (double)text.n / took / 1e9;
    }
    qsort(got, ROUNDS, sizeof *got, by_value);
    return got[ROUNDS / 2];
}
int main(int argc, char **argv)
{
    static const struct { JsonIndexKind kind; const char *name; } ways[] = {
        { JSON_INDEX_AVX512, "avx512" }, { JSON_INDEX_AVX2, "avx2" }, { JSON_INDEX_SSE2, "sse2" },
        { JSON_INDEX_PLAIN, "plain words" } };
    Arena *a = arena_new(64 << 20);
    Buf b = buf_new(NULL, 1 << 20);
    Cx cx = { .arena = a };
    Str text = argc > 1 ? file(&b, argv[1]) : batch(&b);
    if (!a || b.bad || text.n == 0) return 1;
    for (size_t i = 0; i < COUNT(ways); i++) {
        uint32_t nodes = 0;
        if (!json_index_use(ways[i].kind)) continue;
        double v = speed(&cx, text, &nodes);
        printf("%-12s %6.2f GB/s (%zu bytes, %u nodes)\n", ways[i].name, v, text.n, nodes);
    }
    buf_done(&b);
    arena_free(a);
    return 0;
}
