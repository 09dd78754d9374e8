/* case_rig: a reader of the worked cases of the reference: JSON between "```json" and "```" under a heading. */
#ifndef LIUKE_CASE_RIG_H
#define LIUKE_CASE_RIG_H
#include "base/fs.h"
#include "base/json.h"
#include "store/events/state_rig_test.h"

static inline const JsonNode *case_read(Cx *cx, const char *heading)
{
    const JsonNode *ret;
    Str all;
    ok(fs_read_all(cx, fs_posix(), test_shared("stats/retention-analytics.md"), 1 << 20, &all));
    const char *p = strstr(all.p, heading), *from = p ? strstr(p, "```json\n") : NULL;
    const char *end = from ? strstr(from + 8, "```") : NULL;
    assert_non_null(end);
    ok(json_parse(cx, (Str){ from + 8, (size_t)(end - from - 8) }, &ret));
    return ret;
}
static inline Hash128 case_user(Str user)
{
    uint64_t h = 1469598103934665603U;
    for (size_t i = 0; i < user.n; i++) h = (h ^ (uint8_t)user.p[i]) * 1099511628211U;
    return (Hash128){ h, ~h };
}
static inline int64_t case_time(const JsonNode *n)
{
    int64_t t;
    assert_true(clock_parse(json_str_of(n), &t));
    return t;
}
static inline void case_load(Cx *cx, Rig *r, const JsonNode *c)
{
    const JsonNode *people = json_get(c, S("people")), *events = json_get(c, S("events"));
    const JsonNode *p = people ? json_first(people) : NULL, *n = json_first(events);
    int64_t id = 0;
    for (uint32_t i = 0; p && i < people->n; i++, p = json_next(p)) {
        const JsonNode *ids = json_get(p, S("distinct_ids")), *d = json_first(ids);
        Str first = json_str_of(d);
        for (uint32_t k = 0; k < ids->n; k++, d = json_next(d)) {
            Entry e = { .kind = ENTRY_JOIN, .join = { .id = ++id, .trust = TRUST_SECRET } };
            e.join.anon = case_user(json_str_of(d));
            e.join.user = case_user(first);
            if (k) rig_append(cx, r, &e, 1);
        }
    }
    for (uint32_t i = 0; i < events->n; i++, n = json_next(n)) {
        Entry e = { .kind = ENTRY_EVENT, .event = { .source = 1, .trust = TRUST_SECRET } };
        const JsonNode *props = json_get(n, S("props")), *key = props && props->n ? json_first(props) : NULL;
        Prop prop = { 0 };
        e.event.actor = case_user(json_str_of(json_get(n, S("user"))));
        e.event.name = json_str_of(json_get(n, S("event")));
        e.event.time = e.event.received = case_time(json_get(n, S("time")));
        if (key) {
            const JsonNode *v = json_next(key);
            prop = (Prop){ .name = key->s, .kind = v->kind == JSON_STR ? PROP_STR : PROP_INT };
            if (v->kind == JSON_STR) prop.s = v->s;
            else prop.i = v->i;
            e.event.props = &prop, e.event.n_props = 1;
        }
        rig_append(cx, r, &e, 1);
    }
}
#endif
