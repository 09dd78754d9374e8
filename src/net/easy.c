#include "net/easy.h"
#include "base/clock.h"
#include "base/limits.h"
#include <sys/socket.h>

Str easy_version(void) { return S("liuke/" LIUKE_VERSION); }

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    Easy *e = arg;
    (void)purpose;
    if (!guard_has(e->target, &a->addr)) {
        e->strayed = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}
static Status pin(Cx *cx, Easy *e)
{
    const GuardTarget *t = e->target;
    Buf b = buf_new(cx->arena, GUARD_HOST_MAX + 16 + GUARD_ADDRESSES_MAX * 64);

    buf_addz(&b, t->host);
    buf_addc(&b, ':');
    buf_i64(&b, t->port);
    for (size_t i = 0; i < t->n; i++) {
        char text[64];
        guard_text(t, i, text);
        buf_addc(&b, i ? ',' : ':');
        buf_addz(&b, text);
    }
    buf_addc(&b, 0);
    e->pin = b.bad ? NULL : curl_slist_append(NULL, b.p);
    if (!e->pin) return fail(cx, ST_NO_MEM, "no memory for an address list");
    EASY_SET(cx, e, CURLOPT_RESOLVE, e->pin);
    return ST_OK;
}
Status easy_open(Cx *cx, const GuardTarget *t, const char *protocols, int64_t deadline, Easy *e)
{
    int64_t left = deadline - clock_mono();

    *e = (Easy){ .target = t, .curl = curl_easy_init() };
    if (!e->curl) return fail(cx, ST_NO_MEM, "no memory for a connection");
    if (left < 1) left = 1;                   /* 0 would mean for ever */
    EASY_SET(cx, e, CURLOPT_ERRORBUFFER, e->said);
    EASY_SET(cx, e, CURLOPT_PROTOCOLS_STR, protocols);
    EASY_SET(cx, e, CURLOPT_PROXY, "");       /* also none from the environment */
    EASY_SET(cx, e, CURLOPT_NOSIGNAL, 1L);
    EASY_SET(cx, e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    EASY_SET(cx, e, CURLOPT_FOLLOWLOCATION, 0L);
    EASY_SET(cx, e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    EASY_SET(cx, e, CURLOPT_TIMEOUT_MS, (long)left);
    EASY_SET(cx, e, CURLOPT_CONNECTTIMEOUT_MS, (long)(left < NET_CONNECT_MS ? left : NET_CONNECT_MS));
    EASY_SET(cx, e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    EASY_SET(cx, e, CURLOPT_OPENSOCKETDATA, e);
    return t->literal ? ST_OK : pin(cx, e);
}
void easy_done(Easy *e)
{
    if (e->curl) curl_easy_cleanup(e->curl);
    curl_slist_free_all(e->pin);
    curl_slist_free_all(e->headers);
    *e = (Easy){ 0 };
}
Status easy_header(Cx *cx, Easy *e, const char *line)
{
    struct curl_slist *more = curl_slist_append(e->headers, line);
    if (!more) return fail(cx, ST_NO_MEM, "no memory for a header");
    e->headers = more;
    return ST_OK;
}
const char *easy_why(const Easy *e, CURLcode code) { return e->said[0] ? e->said : curl_easy_strerror(code); }
