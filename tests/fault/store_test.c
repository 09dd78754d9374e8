/* The folder: opening it, flushing and merging what came in. */
#include "tests/fault/fault_flow.h"
#include <stdio.h>
#include <string.h>

enum { EVENTS = 24 };
static void send_some(World *w, int from, int n)
{
    char body[400];
    for (int i = from; i < from + n; i++) {
        snprintf(body, sizeof body, "{\"batch\":[{\"type\":\"%s\",\"event\":\"Open %d\",\"userId\":\"u%d\","
            "\"anonymousId\":\"a%d\","
                 "\"messageId\":\"m%d\",\"timestamp\":\"2023-%02d-05T01:00:00Z\","
                 "\"properties\":{\"plan\":\"p%d\",\"n\":%d}}]}",
                 i % 4 ? "track" : "identify", i % 3, i % 5, i, i, 10 + i % 2, i % 7, i * 1000);
        call(w, .method = "POST", .path = "/v1/batch", .key = w->sk.p, .body = body);
        expect(w, 200, "success");
    }
}
static int64_t segments(World *w)
{
    EventsStats s = { 0 };
    Cx *cx = w->cx;
    ok(events_stats(cx, w->app.events, &s));
    return s.segments;
}
/* Every event once, whatever holds it; none again when it is sent again. */
static Status count_row(Cx *cx, void *arg, Hash128 root, const Event *e)
{
    (void)cx; (void)root;
    *(int64_t *)arg += e->name.n > 0;
    return ST_OK;
}
static void all_there(World *w, bool done)
{
    int64_t n = 0;
    Cx *cx = w->cx;
    ok(events_scan(cx, w->app.events, INT64_MIN, INT64_MAX, count_row, &n));
    assert_int_equal(n, EVENTS);
    assert_int_equal(world_events(w), EVENTS);
    if (!done) return;
    send_some(w, 0, 3);
    assert_int_equal(world_events(w), EVENTS);
}

static void before_flush(World *w) { send_some(w, 0, EVENTS); }
static Status flush(World *w)
{
    flow_arm(w);
    return flow_disarm(w, events_flush(w->cx, w->app.events));
}
static void is_flushed(World *w, bool done)
{
    all_there(w, done);
    if (done) assert_int_equal(segments(w), 2);            /* of two months, or of none */
}
FLOW(a_flush_keeps_every_event, .before = before_flush, .act = flush, .check = is_flushed)

static void before_merge(World *w)
{
    Cx *cx = w->cx;
    for (int i = 0; i < 4; i++) {
        send_some(w, i * EVENTS / 4, EVENTS / 4);
        ok(events_flush(cx, w->app.events));
    }
    assert_int_equal(segments(w), 8);
}
static Status merge(World *w)
{
    flow_arm(w);
    Status st = ST_OK;
    while (st == ST_OK) st = events_merge(w->cx, w->app.events);
    return flow_disarm(w, st == ST_NOT_FOUND ? ST_OK : st);
}
static void is_merged(World *w, bool done)
{
    all_there(w, done);
    if (done) assert_int_equal(segments(w), 2);
}
FLOW(a_merge_keeps_every_event, .before = before_merge, .act = merge, .check = is_merged)

/* A start that fails leaves the folder as it was: the next one finds all of it. */
static void closed(World *w)
{
    Cx *cx = w->cx;
    send_some(w, 0, EVENTS / 2);
    ok(events_flush(cx, w->app.events));
    send_some(w, EVENTS / 2, EVENTS / 2);
    fault_world_stop(w);
}
static Status start(World *w)
{
    if (w->app.events) return ST_OK;
    flow_arm(w);
    return flow_disarm(w, fault_world_start(w));
}
static void is_started(World *w, bool done)
{
    if (!done) return;
    all_there(w, done);
}
FLOW(a_start_that_fails_harms_nothing, .before = closed, .act = start, .check = is_started)
