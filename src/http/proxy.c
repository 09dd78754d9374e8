#include "http/proxy.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_v4(Ip ip) { return memcmp(ip.b, v4_prefix, sizeof v4_prefix) == 0; }
static Ip from_v4(const void *four)
{
    Ip ip;
    memcpy(ip.b, v4_prefix, sizeof v4_prefix);
    memcpy(ip.b + 12, four, 4);
    return ip;
}
Ip proxy_ip(const struct sockaddr *sa)
{
    Ip ip = { { 0 } };
    if (sa->sa_family == AF_INET) return from_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
    if (sa->sa_family == AF_INET6) memcpy(ip.b, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    return ip;
}
bool proxy_parse(Str s, Ip *ret)
{
    char z[IP_TEXT_MAX];
    uint8_t b[16];
    if (s.n == 0 || s.n >= sizeof z || memchr(s.p, 0, s.n)) return false;
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    if (inet_pton(AF_INET, z, b) == 1) *ret = from_v4(b);
    else if (inet_pton(AF_INET6, z, b) == 1) memcpy(ret->b, b, 16);
    else return false;
    return true;
}
size_t proxy_text(Ip ip, char ret[IP_TEXT_MAX])
{
    const char *z = is_v4(ip) ? inet_ntop(AF_INET, ip.b + 12, ret, IP_TEXT_MAX)
                              : inet_ntop(AF_INET6, ip.b, ret, IP_TEXT_MAX);
    if (!z) ret[0] = 0;
    return strlen(ret);
}
static bool inside(const IpRange *r, Ip ip)
{
    size_t whole = (size_t)r->bits / 8;
    unsigned rest = (unsigned)r->bits % 8;
    if (memcmp(r->net.b, ip.b, whole) != 0) return false;
    return rest == 0 || ((r->net.b[whole] ^ ip.b[whole]) & (0xff00u >> rest) & 0xff) == 0;
}
bool proxy_trusts(const ProxySet *set, Ip ip)
{
    for (size_t i = 0; i < set->n; i++)
        if (inside(&set->ranges[i], ip)) return true;
    return false;
}
static bool range_parse(Str s, IpRange *ret)
{
    Str rest = s, head = str_cut(&rest, '/');
    int64_t bits = 128;
    if (!proxy_parse(head, &ret->net)) return false;
    bool v4 = memchr(head.p, ':', head.n) == NULL;
    if (head.n != s.n) {
        if (!str_i64(rest, &bits) || bits < 0 || bits > (v4 ? 32 : 128) || *rest.p == '-') return false;
        if (v4) bits += 96;
    }
    ret->bits = (int)bits;
    return true;
}
Status proxy_open(Cx *cx, const char *const *texts, size_t n, ProxySet *ret)
{
    *ret = (ProxySet){ .n = 0 };
    if (n > PROXIES_MAX)
        return refuse(cx, ST_INVALID, S("trusted_proxies"), MSG_too_many,
            PARAMS({ .name = "max", .value = PROXIES_MAX }));
    for (size_t i = 0; i < n; i++)
        if (!range_parse(str_trim(str_z(texts[i])), &ret->ranges[ret->n++]))
            return refuse(cx, ST_INVALID, S("trusted_proxies"), MSG_bad_proxy, NO_PARAMS);
    return ST_OK;
}
/* "1.2.3.4", "1.2.3.4:5678", "2001:db8::1", "[2001:db8::1]:443" */
static bool hop_parse(Str s, Ip *ret)
{
    if (proxy_parse(s, ret)) return true;
    if (s.n && *s.p == '[') {
        const char *e = memchr(s.p, ']', s.n);
        return e && proxy_parse((Str){ s.p + 1, (size_t)(e - s.p) - 1 }, ret);
    }
    Str rest = s, head = str_cut(&rest, ':');
    return proxy_parse(head, ret);
}
Ip proxy_client(const ProxySet *set, Ip peer, Str list)
{
    Ip ip = peer, hop;
    while (list.n && proxy_trusts(set, ip)) {
        const char *comma = memrchr(list.p, ',', list.n);
        Str last = comma ? (Str){ comma + 1, list.n - (size_t)(comma + 1 - list.p) } : list;
        if (!hop_parse(str_trim(last), &hop)) break;
        ip = hop;
        list.n = comma ? (size_t)(comma - list.p) : 0;
    }
    return ip;
}
