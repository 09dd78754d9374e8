#include "tests/smtp_fake.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool give(SmtpFake *f, int fd, const char *what)
{
    if (!what) return true;
    if (*what == '!') return false;
    if (strcmp(what, "flood") == 0)
        for (int i = 0; i < 20000 && !f->stop; i++)
            if (send(fd, "250-and another line of it\r\n", 28, MSG_NOSIGNAL) != 28) return false;
    return send(fd, what, strlen(what), MSG_NOSIGNAL) > 0;
}
static const char *reply_to(SmtpFake *f, const char *line, bool *in_data)
{
    if (*in_data) {
        if (strcmp(line, ".\r\n") != 0) return "";
        *in_data = false;
        if (f->dot && strncmp(f->dot, "250", 3) == 0) f->taken++;
        return f->dot;
    }
    if (strncmp(line, "EHLO", 4) == 0 || strncmp(line, "HELO", 4) == 0) return f->ehlo;
    if (strncmp(line, "RCPT", 4) == 0) return f->rcpt;
    if (strncmp(line, "QUIT", 4) == 0) return f->quit;
    if (strncmp(line, "DATA", 4) != 0) return "250 ok\r\n";
    *in_data = f->data && strncmp(f->data, "354", 3) == 0;
    return f->data;
}
static void converse(SmtpFake *f, int fd)
{
    char line[2048];
    size_t n = 0;
    bool in_data = false;
    if (!give(f, fd, f->greeting)) return;
    while (recv(fd, line + n, 1, 0) == 1) {
        if (line[n++] != '\n' && n < sizeof line - 1) continue;
        line[n] = 0;
        n = 0;
        size_t had = strlen(f->seen);
        snprintf(f->seen + had, sizeof f->seen - had, "%s", line);
        const char *what = reply_to(f, line, &in_data);
        if (what && !*what) continue;
        if (!give(f, fd, what)) return;
    }
}
static void *fake_serve(void *arg)
{
    SmtpFake *f = arg;
    while (!f->stop) {
        int fd = accept(f->listener, NULL, NULL);
        struct timeval patience = { .tv_sec = 30 };
        if (fd < 0) break;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        converse(f, fd);
        close(fd);
    }
    return NULL;
}
SmtpFake smtp_fake(void)
{
    return (SmtpFake){ .greeting = "220 hello\r\n", .ehlo = "250-fake\r\n250 SIZE\r\n", .rcpt = "250 ok\r\n",
        .data = "354 go on\r\n", .dot = "250 2.0.0 queued\r\n", .quit = "221 bye\r\n" };
}
void smtp_fake_start(SmtpFake *f)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t n = sizeof at;
    inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(f->listener, 4), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&at, &n), 0);
    f->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&f->thread, NULL, fake_serve, f), 0);
}
void smtp_fake_stop(SmtpFake *f)
{
    f->stop = true;
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->listener);
}
