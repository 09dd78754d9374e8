/* smtp_fake: a scripted SMTP server of one thread on 127.0.0.1, for failures that a real server does not show. */
#ifndef LIUKE_SMTP_FAKE_H
#define LIUKE_SMTP_FAKE_H
#include "tests/test.h"
#include <pthread.h>

/* What is said after the connection, each command and the final dot. NULL: nothing; "!": closes;
 * "flood": without end. */
typedef struct SmtpFake {
    pthread_t thread;
    int listener, port;
    const char *greeting, *ehlo, *rcpt, *data, *dot, *quit;
    _Atomic bool stop;
    _Atomic int  taken;          /* mails answered with 250 */
    char seen[16384];            /* what the client said, cut; read it when the server is stopped */
} SmtpFake;

SmtpFake smtp_fake(void);        /* takes everything; change what is said before the start */
void smtp_fake_start(SmtpFake *);
void smtp_fake_stop(SmtpFake *);
#endif
