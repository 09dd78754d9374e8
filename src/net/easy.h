/* easy: a libcurl handle that can only go where the guard has been.
 *
 * The name is pinned to the judged addresses, and the socket callback refuses every
 * other one, so that neither a second look-up nor a setting forgotten here leads elsewhere. No proxy,
 * cookie, netrc or redirect of libcurl's own; TLS 1.2 or newer with the peer verified. */
#ifndef LIUKE_EASY_H
#define LIUKE_EASY_H
#include <curl/curl.h>
#include "net/guard.h"

typedef struct Easy {
    CURL *curl;
    struct curl_slist *pin, *headers;
    const GuardTarget *target;
    bool strayed;                /* the socket callback had to say no */
    char said[CURL_ERROR_SIZE];  /* libcurl's words about the failure */
} Easy;
#define AUTO_EASY AUTO(easy_done) Easy

/* protocols: "http,https". deadline: clock_mono() ms, for all of it. The Easy must not move, the target must stay. */
Status easy_open(Cx *, const GuardTarget *, const char *protocols, int64_t deadline, Easy *ret) MUST_USE;
void   easy_done(Easy *);
Status easy_header(Cx *, Easy *, const char *line) MUST_USE;   /* copied; given to CURLOPT_HTTPHEADER by the caller */
/* libcurl's words, or its name for the error. Lives as long as the Easy. */
const char *easy_why(const Easy *, CURLcode);
Str easy_version(void);          /* "liuke/0.1.0" */

/* setopt fails for want of memory only, in what this program sets. */
#define EASY_SET(cx, e, option, value) do { \
    if (curl_easy_setopt((e)->curl, (option), (value)) != CURLE_OK) \
        return fail((cx), ST_NO_MEM, "libcurl: %s", #option); \
    } while (0)
#endif
