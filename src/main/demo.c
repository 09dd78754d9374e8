#include "main/demo.h"
#include "base/id.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DAYS = 28, A_DAY = 240, SESSIONS_MAX = DAYS, ENTRIES_MAX = 512, LIVE_SLOTS = 120 };
static const int64_t DAY_MS = 86400000;
static const char *const titles[] = { "小王子", "三体", "活着", "围城", "边城", "呐喊", "平凡的世界", "百年孤独",
    "人间词话", "浮生六记" };
static const char *const topics[] = { "童话", "科幻", "小说", "小说", "小说", "小说", "小说", "小说", "诗词", "散文" };
static const char *const channels[] = { "search", "friend", "weibo", "newsletter" };
static const char *const devices[] = { "phone", "phone", "phone", "desktop", "tablet" };

/* splitmix64 (Steele, Lea, Flood 2014): a good stream from any seed. */
static uint64_t next(uint64_t *s)
{
    uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
static double chance(uint64_t *s) { return (double)(next(s) >> 11) * 0x1p-53; }
static size_t pick(uint64_t *s, size_t n) { return (size_t)(next(s) % n); }

typedef struct Visitor {
    uint64_t rng;
    char anon[32], user[32];
    Hash128 actor, known;
    bool signed_up;
    const char *channel, *device;
} Visitor;
typedef struct Play {
    Cx *cx;
    Instance *in;
    Entry entries[ENTRIES_MAX];
    size_t n;
    int source;
    const char *who;             /* with serial: the key of the next event */
    int64_t serial;
} Play;

static Status send(Play *p)
{
    if (p->n == 0) return ST_OK;
    TRY(events_append_wait(p->cx, p->in->app.events, p->entries, p->n, NULL));
    p->n = 0;
    return ST_OK;
}
/* The key is of who and which of theirs it is, so that the same story told twice is one story. */
static Hash128 key_of(Play *p)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%s/%lld", p->who, (long long)p->serial++);
    return keys_message(p->in->app.keys, p->source, (Str){ text, (size_t)n });
}
static Status tell(Play *p, const Visitor *v, const char *name, int64_t at, const Prop *props, size_t n)
{
    Prop *own = ARENA_MANY(p->cx->arena, Prop, n + 2);
    if (!own) return fail(p->cx, ST_NO_MEM, "demo");
    if (n) memcpy(own, props, n * sizeof *own);
    own[n] = (Prop){ .name = S("$utm_source"), .kind = PROP_STR, .s = str_z(v->channel) };
    own[n + 1] = (Prop){ .name = S("device"), .kind = PROP_STR, .s = str_z(v->device) };
    p->entries[p->n++] = (Entry){ .kind = ENTRY_EVENT, .event = { .source = (uint16_t)p->source,
        .actor = v->signed_up ? v->known : v->actor, .message = key_of(p), .name = str_z(name),
        .time = at, .received = at, .claimed = at, .props = own, .n_props = n + 2 } };
    return p->n + 4 < ENTRIES_MAX ? ST_OK : send(p);
}
static Status read_book(Play *p, Visitor *v, int64_t *at)
{
    size_t book = pick(&v->rng, COUNT(titles));
    int64_t chapters = 1 + (int64_t)pick(&v->rng, 4);
    Prop opened[] = { { .name = S("title"), .kind = PROP_STR, .s = str_z(titles[book]) },
        { .name = S("topic"), .kind = PROP_STR, .s = str_z(topics[book]) } };

    TRY(tell(p, v, "Book Opened", *at += 20000, opened, COUNT(opened)));
    for (int64_t c = 1; c <= chapters; c++) {
        int64_t seconds = 60 + (int64_t)pick(&v->rng, 500);
        Prop read[] = { opened[0], { .name = S("chapter"), .kind = PROP_INT, .i = c },
            { .name = S("seconds"), .kind = PROP_INT, .i = seconds } };
        TRY(tell(p, v, "Chapter Read", *at += seconds * 1000, read, COUNT(read)));
    }
    return chance(&v->rng) < 0.1 ? tell(p, v, "Shared", *at += 5000, opened, COUNT(opened)) : ST_OK;
}
static void join(Play *p, const Visitor *v, int64_t id, int64_t at)
{
    p->entries[p->n++] = (Entry){ .kind = ENTRY_JOIN,
        .join = { .id = id, .anon = v->actor, .user = v->known, .time = at } };
}
static Status session(Play *p, Visitor *v, int64_t at)
{
    size_t pages = 1 + pick(&v->rng, 4);
    for (size_t i = 0; i < pages; i++) {
        char *path = arena_get(p->cx->arena, 32);
        if (!path) return fail(p->cx, ST_NO_MEM, "demo");
        snprintf(path, 32, i ? "/book/%zu" : "/", pick(&v->rng, COUNT(titles)));
        Prop page = { .name = S("$path"), .kind = PROP_STR, .s = str_z(path) };
        TRY(tell(p, v, "$pageview", at += 15000 + (int64_t)pick(&v->rng, 60000), &page, 1));
    }
    if (!v->signed_up && chance(&v->rng) < 0.38) {
        join(p, v, (int64_t)(next(&v->rng) >> 2), at);
        v->signed_up = true;
        TRY(tell(p, v, "Signed Up", at += 30000, NULL, 0));
    }
    return v->signed_up || chance(&v->rng) < 0.3 ? read_book(p, v, &at) : ST_OK;
}
/* Who comes back on day k: the curve bends down as k^-0.55, higher for those who left their information. */
static bool returns(Visitor *v, int k) { return chance(&v->rng) < (v->signed_up ? 0.42 : 0.10) * pow(k, -0.55); }

static Status visitor(Play *p, int64_t born_day, int index, int64_t until)
{
    Visitor v = { .rng = (uint64_t)born_day * 1000003u + (uint64_t)index };
    const Keys *keys = p->in->app.keys;

    int a = snprintf(v.anon, sizeof v.anon, "demo-a-%lld-%d", (long long)born_day, index);
    int u = snprintf(v.user, sizeof v.user, "demo-u-%lld-%d", (long long)born_day, index);
    v.actor = keys_actor(keys, S("anon"), (Str){ v.anon, (size_t)a });
    v.known = keys_actor(keys, S("user"), (Str){ v.user, (size_t)u });
    v.channel = channels[pick(&v.rng, COUNT(channels))];
    v.device = devices[pick(&v.rng, COUNT(devices))];
    p->who = v.anon;
    p->serial = 0;
    for (int k = 0; k < SESSIONS_MAX; k++) {
        int64_t at = (born_day + k) * DAY_MS + 8 * 3600000 + (int64_t)pick(&v.rng, 14 * 3600000);
        bool comes = k == 0 || returns(&v, k);
        if (at + 3600000 > until) break;
        if (comes) TRY(session(p, &v, at));
    }
    return ST_OK;
}
static Status history(Cx *cx, Play *p, int64_t day)
{
    int64_t born = cx->now / DAY_MS - DAYS + day;
    int visitors = A_DAY + (int)(born % 7 < 2 ? 80 : 0);
    for (int i = 0; i < visitors; i++) TRY(visitor(p, born, i, cx->now));
    return send(p);
}
/* Who may be here today: the first half are new, the others came before. One slot a day is one visitor, so that an
 * afternoon of the demo does not make everybody come back. */
static void todays(Play *p, Visitor *v, size_t slot)
{
    int64_t today = p->cx->now / DAY_MS, born = today;
    size_t index = 10000 + slot;
    uint64_t rng = (uint64_t)today * 7919u + slot;

    if (slot >= LIVE_SLOTS / 2) {
        born -= 1 + (int64_t)pick(&rng, DAYS / 2);
        index = pick(&rng, A_DAY);
    }
    int a = snprintf(v->anon, sizeof v->anon, "demo-a-%lld-%zu", (long long)born, index);
    int u = snprintf(v->user, sizeof v->user, "demo-u-%lld-%zu", (long long)born, index);
    v->actor = keys_actor(p->in->app.keys, S("anon"), (Str){ v->anon, (size_t)a });
    v->known = keys_actor(p->in->app.keys, S("user"), (Str){ v->user, (size_t)u });
    v->channel = channels[pick(&rng, COUNT(channels))];
    v->device = devices[pick(&rng, COUNT(devices))];
}
/* Signing up has a key of its own, so that a visitor does it once however often chance says so. */
static Status live_signup(Play *p, Visitor *v)
{
    p->who = v->anon;
    p->serial = -1;
    join(p, v, id_new(p->cx), p->cx->now);
    return tell(p, v, "Signed Up", p->cx->now, NULL, 0);
}
static Status live(Cx *cx, Play *p)
{
    uint64_t rng = (uint64_t)cx->now;
    Visitor v = { 0 };
    size_t slot = pick(&rng, LIVE_SLOTS), book = pick(&rng, COUNT(titles));
    double what = chance(&rng);
    int64_t now = cx->now;
    char path[32];

    todays(p, &v, slot);
    if (slot < LIVE_SLOTS / 2 && what < 0.04) TRY(live_signup(p, &v));
    int n = snprintf(path, sizeof path, "/book/%zu", book);
    Prop page = { .name = S("$path"), .kind = PROP_STR, .s = { path, (size_t)n } };
    Prop props[] = { { .name = S("title"), .kind = PROP_STR, .s = str_z(titles[book]) },
        { .name = S("topic"), .kind = PROP_STR, .s = str_z(topics[book]) },
        { .name = S("seconds"), .kind = PROP_INT, .i = 60 + (int64_t)pick(&rng, 500) } };
    p->who = "live";
    p->serial = now;
    if (what < 0.55) TRY(tell(p, &v, "$pageview", now, &page, 1));
    else if (what < 0.75) TRY(tell(p, &v, "Book Opened", now, props, 2));
    else TRY(tell(p, &v, what < 0.95 ? "Chapter Read" : "Shared", now, props, what < 0.95 ? 3 : 2));
    return send(p);
}
Status demo_step(Cx *cx, Instance *in)
{
    Play *p = ARENA_NEW(cx->arena, Play);
    if (!p) return fail(cx, ST_NO_MEM, "demo");
    *p = (Play){ .cx = cx, .in = in, .source = in->demo_source };
    if (in->demo_day < DAYS) {
        TRY(history(cx, p, in->demo_day));
        in->demo_day++;
        return ST_OK;
    }
    TRY(live(cx, p));
    return ST_NOT_FOUND;                          /* and again after the job's pause */
}
