/* smtp: send one mail on libcurl, with the server's answer kept word for word (capped) for the delivery log.
 *
 * Builds the MIME message itself through curl_mime (text and html, UTF-8, RFC 2047 headers, Message-ID, Date);
 * refuses CR, LF and NUL in every header value. */
#ifndef LIUKE_SMTP_H
#define LIUKE_SMTP_H
#include "base/arena.h"

typedef enum SmtpTls { SMTP_TLS_NONE, SMTP_TLS_STARTTLS, SMTP_TLS_IMPLICIT } SmtpTls;
typedef struct SmtpServer {
    Str host; int port; SmtpTls tls; Str user, password; Str ca_file;   /* empty ca_file: the system's */
    Str helo;                    /* empty: this host's name */
} SmtpServer;
typedef struct Mail { Str from, from_name, to, subject, text, html, message_id, reply_to; } Mail;
typedef struct SmtpReply { int code; Str text; bool retry; } SmtpReply;   /* code 0: no answer; retry: 4xx, time-out, no connection */
/* OK: the server took it. IO: it did not; *ret says why and whether another try makes sense (written in both cases). */
Status smtp_send(Cx *, const SmtpServer *, const Mail *, SmtpReply *ret) MUST_USE;
#endif
