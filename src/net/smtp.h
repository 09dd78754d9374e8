/* smtp: send one mail on libcurl, with the server's answer kept word for word (capped) for the delivery log.
 *
 * Builds the MIME message itself through curl_mime (text and html, UTF-8, RFC 2047 headers, Message-ID, Date);
 * refuses CR, LF and NUL in every header value. The server's name passes the guard (guard.h): a relay on a
 * private address must be listed under net_allow. One connection a mail,
     at most MAIL_SECONDS_MAX. Blocks: jobs only. */
#ifndef LIUKE_SMTP_H
#define LIUKE_SMTP_H
#include "base/arena.h"

typedef enum SmtpTls { SMTP_TLS_NONE, SMTP_TLS_STARTTLS, SMTP_TLS_IMPLICIT } SmtpTls;
typedef struct SmtpServer {
    Str host; int port; SmtpTls tls; Str user, password; Str ca_file;   /* empty ca_file: the system's;
    no user: no login */
    Str helo;                    /* empty: this host's name */
    int64_t timeout_ms;          /* for the whole mail; 0 or more: MAIL_SECONDS_MAX */
} SmtpServer;
/* from, to, reply_to: addresses in ASCII. message_id: "<left@right>". text or html may be empty,
    reply_to and from_name too. */
typedef struct Mail { Str from, from_name, to, subject, text, html, message_id, reply_to; } Mail;
/* code: the deciding answer's, 0: none came. text: that answer, valid UTF-8 on one line; libcurl's words without one.
 * It may hold addresses: scrub before storing. retry: 4xx, time-out, no connection, no TLS, and a refusal that is
 * about us (greeting, login) and not about this mail. reason: one of MSG_mail_*, MSG_ok when sent. */
typedef struct SmtpReply { int code; Str text; bool retry; Msg reason; } SmtpReply;
/* OK: the server took it. IO: it did not; *ret says why and whether another try makes sense (written in every case).
 * INVALID "from", "to", "subject", "message_id" ... bad_email, bad_text, too_long or too_large;
 DENIED "host" net_private;
 * NO_MEM. After an IO the mail may have arrived all the same (its last answer was lost): keep the message_id. */
Status smtp_send(Cx *, const SmtpServer *, const Mail *, SmtpReply *ret) MUST_USE;
#endif
