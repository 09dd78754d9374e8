/* http_client: outgoing HTTP on libcurl with a guard.
 *
 * The name is resolved once, every address checked, and the connection pinned to what was
 * checked; private, loopback, link-local and other special ranges are refused unless the
 * configuration lists the host or range. Bytes, time and redirects are capped (limits.h); each redirect passes
 * the guard again. Only http and https. Calls block: NET queue and jobs only. */
#ifndef LIUKE_HTTP_CLIENT_H
#define LIUKE_HTTP_CLIENT_H
#include "base/arena.h"

typedef struct NetConfig { const char *const *allow; size_t n_allow; } NetConfig;   /* "10.0.0.0/8", "127.0.0.1", "hooks.example" */
Status net_start(Cx *, const NetConfig *) MUST_USE;   /* once; copies */
void   net_stop(void);

typedef struct HttpHeader { Str name, value; } HttpHeader;
typedef struct HttpCall {
    Str method, url, body;
    const HttpHeader *headers; size_t n_headers;
    int64_t timeout_ms;          /* 0: NET_SECONDS_MAX */
    size_t  max_bytes;           /* 0: NET_REPLY_BYTES_MAX */
    bool    no_redirects;
} HttpCall;
typedef struct HttpReply { int code; Str body; Str content_type; int64_t retry_after; int64_t us; } HttpReply;
/* OK also for 4xx and 5xx replies. DENIED "url" net_private; INVALID "url" bad_url; IO with the reason in plain words;
 * LIMITED net_too_large; BUSY on time-out. */
Status http_call(Cx *, const HttpCall *, HttpReply *ret) MUST_USE;
#endif
