#include "net/guard.h"
#include "base/clock.h"
#include "base/limits.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Every address is judged as 16 bytes; IPv4 as ::ffff:a.b.c.d. */
typedef struct Ip { uint8_t b[16]; } Ip;
typedef struct Range { Ip ip; int bits; } Range;
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static struct {
    size_t n_ranges, n_names;
    Range  range[NET_ALLOW_MAX];
    char   name[NET_ALLOW_MAX][GUARD_HOST_MAX + 1];
} allow;

#define V4(a, b, c, d, bits) { { { [10] = 0xff, [11] = 0xff, a, b, c, d } }, 96 + (bits) }
static const Range not_public4[] = {          /* IANA's special-purpose registry, and Azure's host address */
    V4(0, 0, 0, 0, 8),       V4(10, 0, 0, 0, 8),      V4(100, 64, 0, 0, 10),  V4(127, 0, 0, 0, 8),
    V4(169, 254, 0, 0, 16),  V4(172, 16, 0, 0, 12),   V4(192, 0, 0, 0, 24),   V4(192, 0, 2, 0, 24),
    V4(192, 88, 99, 0, 24),  V4(192, 168, 0, 0, 16),  V4(198, 18, 0, 0, 15),  V4(198, 51, 100, 0, 24),
    V4(203, 0, 113, 0, 24),  V4(224, 0, 0, 0, 4),     V4(240, 0, 0, 0, 4),    V4(168, 63, 129, 16, 32),
};
static const Range global6 = { { { 0x20 } }, 3 };
static const Range not_public6[] = {          /* inside 2000::/3: protocol assignments, documentation, 6to4 */
    { { { 0x20, 0x01 } }, 23 }, { { { 0x20, 0x01, 0x0d, 0xb8 } }, 32 },
    { { { 0x20, 0x02 } }, 16 }, { { { 0x3f, 0xff } }, 20 },
};
static const Range nat64 = { { { 0, 0x64, 0xff, 0x9b } }, 96 };

static bool inside(const Range *r, const Ip *ip)
{
    size_t whole = (size_t)r->bits / 8;
    int left = r->bits % 8;
    if (memcmp(r->ip.b, ip->b, whole) != 0) return false;
    return left == 0 || ((r->ip.b[whole] ^ ip->b[whole]) >> (8 - left)) == 0;
}
static bool inside_any(const Range *r, size_t n, const Ip *ip)
{
    for (size_t i = 0; i < n; i++) if (inside(&r[i], ip)) return true;
    return false;
}
static Ip from4(const void *four)
{
    Ip ip;
    memcpy(ip.b, mapped, sizeof mapped);
    memcpy(ip.b + 12, four, 4);
    return ip;
}
static Ip of(const struct sockaddr *sa)
{
    Ip ip = { 0 };
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        return from4(&in.sin_addr);
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        memcpy(ip.b, &in6.sin6_addr, sizeof ip.b);
    }
    return ip;                                /* any other family: ::, which is not public */
}
static bool is_public(const Ip *ip)
{
    if (memcmp(ip->b, mapped, sizeof mapped) == 0)
        return !inside_any(not_public4, COUNT(not_public4), ip);
    if (inside(&nat64, ip)) {
        Ip behind = from4(ip->b + 12);
        return is_public(&behind);
    }
    return inside(&global6, ip) && !inside_any(not_public6, COUNT(not_public6), ip);
}
bool guard_is_public(const struct sockaddr *sa)
{
    Ip ip = of(sa);
    return is_public(&ip);
}

static bool parse_ip(const char *text, Ip *ret, bool *ret_four)
{
    struct in_addr in;
    *ret_four = inet_pton(AF_INET, text, &in) == 1;
    if (*ret_four) {
        *ret = from4(&in);
        return true;
    }
    return inet_pton(AF_INET6, text, ret->b) == 1;
}
static bool is_name(Str s)
{
    if (s.n == 0 || s.n > GUARD_HOST_MAX) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '.' && c != '_') return false;
    }
    return true;
}
static bool allow_one(const char *entry)
{
    char text[64];
    Str rest = str_z(entry), ip_text = str_cut(&rest, '/');
    int64_t bits = -1;
    bool four;
    Range r = { 0 };

    if (ip_text.n && ip_text.n < sizeof text) {
        memcpy(text, ip_text.p, ip_text.n);
        text[ip_text.n] = 0;
        if (parse_ip(text, &r.ip, &four)) {
            bits = four ? 32 : 128;
            if (strchr(entry, '/') && (!str_i64(rest, &bits) || bits < 0 || bits > (four ? 32 : 128))) return false;
            r.bits = (int)bits + (four ? 96 : 0);
            allow.range[allow.n_ranges++] = r;
            return true;
        }
    }
    /* "10.0.0" or "300.1.1.1" is a mistyped range, not a name: no top-level domain ends in a digit. */
    Str name = str_z(entry);
    if (!is_name(name) || (name.p[name.n - 1] >= '0' && name.p[name.n - 1] <= '9')) return false;
    memcpy(allow.name[allow.n_names++], entry, name.n + 1);
    return true;
}
Status guard_allow(Cx *cx, const char *const *entries, size_t n)
{
    allow.n_ranges = allow.n_names = 0;
    if (n > NET_ALLOW_MAX)
        return refuse(cx, ST_INVALID, S("net_allow"), MSG_too_many, PARAMS({ .name = "max", .value = NET_ALLOW_MAX }));
    for (size_t i = 0; i < n; i++) {
        if (allow_one(entries[i])) continue;
        allow.n_ranges = allow.n_names = 0;
        return refuse(cx, ST_INVALID, S("net_allow"), MSG_bad_range,
                      PARAMS({ .name = "range", .text = str_z(entries[i]) }));
    }
    return ST_OK;
}

static bool name_allowed(const char *host)
{
    for (size_t i = 0; i < allow.n_names; i++) if (strcasecmp(allow.name[i], host) == 0) return true;
    return false;
}
Status guard_judge(Cx *cx, const struct addrinfo *list, GuardTarget *t)
{
    bool named = name_allowed(t->host);
    t->n = 0;
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        Ip ip = of(a->ai_addr);
        if (!named && !is_public(&ip) && !inside_any(allow.range, allow.n_ranges, &ip))
            return refuse(cx, ST_DENIED, S("url"), MSG_net_private, NO_PARAMS);
        if (t->n == GUARD_ADDRESSES_MAX) continue;        /* judged all the same */
        memset(&t->at[t->n], 0, sizeof t->at[t->n]);
        memcpy(&t->at[t->n++], a->ai_addr, a->ai_addrlen);
    }
    if (t->n == 0) return fail(cx, ST_IO, "%s has no address", t->host);
    return ST_OK;
}

/* getaddrinfo() knows no deadline, so it runs on a thread of its own that outlives an impatient caller;
 * whoever comes last frees the lookup. */
typedef struct Lookup {
    pthread_mutex_t lock;
    pthread_cond_t  told;
    bool done, abandoned;
    int  error;
    char host[GUARD_HOST_MAX + 1], port[8];
    struct addrinfo *list;
} Lookup;
static _Atomic int lookups;

static void lookup_free(Lookup *l)
{
    if (l->list) freeaddrinfo(l->list);
    pthread_cond_destroy(&l->told);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}
static int look(const char *host, const char *port, int flags, struct addrinfo **ret)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV };
    return getaddrinfo(host, port, &hints, ret);
}
static void *lookup_thread(void *arg)
{
    Lookup *l = arg;
    struct addrinfo *list = NULL;
    int error = look(l->host, l->port, 0, &list);

    pthread_mutex_lock(&l->lock);
    l->list = error ? NULL : list;
    l->error = error;
    l->done = true;
    bool mine = l->abandoned;
    pthread_cond_signal(&l->told);
    pthread_mutex_unlock(&l->lock);
    if (mine) lookup_free(l);
    lookups--;
    return NULL;
}
static Lookup *lookup_start(const char *host, const char *port)
{
    pthread_t thread;
    pthread_condattr_t mono;
    Lookup *l = mem_get(sizeof *l);
    if (!l) return NULL;
    snprintf(l->host, sizeof l->host, "%s", host);
    snprintf(l->port, sizeof l->port, "%s", port);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&l->told, &mono);
    pthread_condattr_destroy(&mono);
    if (pthread_create(&thread, NULL, lookup_thread, l) != 0) {
        lookup_free(l);
        return NULL;
    }
    pthread_detach(thread);
    return l;
}
/* True: answered, and the lookup is the caller's. False: given up, and it frees itself. */
static bool lookup_wait(Lookup *l, int64_t deadline)
{
    struct timespec ts = { deadline / 1000, deadline % 1000 * 1000000 };
    int late = 0;

    pthread_mutex_lock(&l->lock);
    while (!l->done && late != ETIMEDOUT) late = pthread_cond_timedwait(&l->told, &l->lock, &ts);
    bool done = l->done;
    l->abandoned = !done;
    pthread_mutex_unlock(&l->lock);
    return done;
}
static Status resolve_name(Cx *cx, GuardTarget *t, const char *port, int64_t deadline)
{
    if (lookups++ >= NET_LOOKUPS_MAX) {
        lookups--;
        return fail(cx, ST_BUSY, "%d names are being resolved already", NET_LOOKUPS_MAX);
    }
    Lookup *l = lookup_start(t->host, port);
    if (!l) {
        lookups--;
        return fail(cx, ST_NO_MEM, "no memory or thread to resolve a name");
    }
    if (!lookup_wait(l, deadline))
        return refuse(cx, ST_BUSY, S("url"), MSG_net_timeout, NO_PARAMS);
    Status st = l->error ? fail(cx, ST_IO, "the name %s does not resolve: %s", t->host, gai_strerror(l->error))
                         : guard_judge(cx, l->list, t);
    lookup_free(l);
    return st;
}
Status guard_resolve(Cx *cx, Str host, int port, int64_t deadline, GuardTarget *ret)
{
    GuardTarget t = { .port = port };
    struct addrinfo *list = NULL;
    char port_text[8];

    if (host.n == 0 || host.n > GUARD_HOST_MAX || memchr(host.p, 0, host.n) || port < 1 || port > 65535)
        return refuse(cx, ST_INVALID, S("url"), MSG_bad_url, NO_PARAMS);
    memcpy(t.host, host.p, host.n);
    snprintf(port_text, sizeof port_text, "%d", port);
    if (look(t.host, port_text, AI_NUMERICHOST, &list) == 0) {
        t.literal = true;
        Status st = guard_judge(cx, list, &t);
        freeaddrinfo(list);
        TRY(st);
    } else
        TRY(resolve_name(cx, &t, port_text, deadline));
    *ret = t;
    return ST_OK;
}

static in_port_t port_of(const struct sockaddr *sa)
{
    in_port_t port;
    static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port), "one place");
    memcpy(&port, (const char *)sa + offsetof(struct sockaddr_in, sin_port), sizeof port);
    return port;
}
bool guard_has(const GuardTarget *t, const struct sockaddr *sa)
{
    Ip want = of(sa);
    for (size_t i = 0; i < t->n; i++) {
        const struct sockaddr *have = (const struct sockaddr *)&t->at[i];
        Ip ip = of(have);
        if (have->sa_family == sa->sa_family && port_of(have) == port_of(sa) && memcmp(&ip, &want, sizeof ip) == 0)
            return true;
    }
    return false;
}
void guard_text(const GuardTarget *t, size_t n, char ret[64])
{
    char text[INET6_ADDRSTRLEN] = "";
    Ip ip = of((const struct sockaddr *)&t->at[n]);
    bool four = t->at[n].ss_family == AF_INET;

    inet_ntop(four ? AF_INET : AF_INET6, four ? ip.b + 12 : ip.b, text, sizeof text);
    snprintf(ret, 64, four ? "%s" : "[%s]", text);
}
