/* mail_job: send what is due in the mail outbox.
 *
 * One run takes mails one by one, each under a lease of its own, so that any number of threads and nodes may
 * run it at once; it stops early when the trouble is the server's and not the mail's. */
#ifndef LIUKE_MAIL_JOB_H
#define LIUKE_MAIL_JOB_H
#include "domain/message/message.h"
#include "net/smtp.h"

typedef struct MailJob {
    const Keys *keys;
    SmtpServer server;           /* host empty: no mail server, what is due becomes a test mail */
    Str from, from_name, reply_to;
} MailJob;
/* At most MAIL_RUN_MAX mails,
    MAIL_SECONDS_MAX each. *ret_sent counts also when it fails. A mail whose sending or settling
 * could not be written down stays queued and goes out again under the same Message-ID. Blocks: a thread of the jobs. */
Status mail_job_run(Cx *, const MailJob *, int *ret_sent) MUST_USE;
#endif
