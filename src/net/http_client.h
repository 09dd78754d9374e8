/* http_client: outgoing HTTP on libcurl with a guard.
 *
 * The name is resolved once, every address checked, and the connection pinned to what was
 * checked; private, loopback, link-local and other special ranges are refused unless the
 * configuration lists the host or range (guard.h). Bytes, time and redirects are capped (limits.h); each redirect
 * passes the guard again, and never leads from https to http. Only http and https. Calls block: NET queue and jobs
 * only. Cost: one connection a call; bodies are asked for uncompressed. */
#ifndef LIUKE_HTTP_CLIENT_H
#define LIUKE_HTTP_CLIENT_H
#include "base/arena.h"

/* allow: "10.0.0.0/8", "127.0.0.1", "hooks.example". */
typedef struct NetConfig { const char *const *allow; size_t n_allow; } NetConfig;
/* Once; copies. INVALID "net_allow" bad_range. Counts for smtp.h too: a mail relay on a private address
 * must be listed. */
Status net_start(Cx *, const NetConfig *) MUST_USE;
void   net_stop(void);           /* when no call is running */

typedef struct HttpHeader { Str name, value; } HttpHeader;
typedef struct HttpCall {
    Str method, url, body;       /* upper-case method; a url without user name or password */
    const HttpHeader *headers; size_t n_headers;
    int64_t timeout_ms;          /* redirects and name look-up included; 0 or more: NET_SECONDS_MAX */
    size_t  max_bytes;           /* of the reply's body; 0 or more: NET_REPLY_BYTES_MAX */
    bool    no_redirects;        /* a 3xx is then the reply */
} HttpCall;
/* retry_after in seconds, 0: not said. us: the whole call. */
typedef struct HttpReply { int code; Str body; Str content_type; int64_t retry_after; int64_t us; } HttpReply;
/* OK also for 4xx and 5xx replies. DENIED "url" net_private; INVALID "url" bad_url, "method" or "headers" bad_text;
 * IO with the reason in plain words; LIMITED net_too_large or net_redirects; BUSY net_timeout.
 * 303, and 301 and 302 after a POST, go on as GET. To another origin only Accept, Accept-Language and Content-Type
 * go along, so that no secret does. */
Status http_call(Cx *, const HttpCall *, HttpReply *ret) MUST_USE;
#endif
