#include "base/log.h"
#include "base/clock.h"
#include "base/id.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A line is built on the stack: logging "no memory" must need none. A value that does not
 * fit is cut and the line closed properly; TAIL bytes are kept back for that. */
enum { LINE_MAX_BYTES = 4096, TAIL = 16 };
typedef struct Line { size_t n; char p[LINE_MAX_BYTES]; } Line;

static _Atomic int log_fd = STDERR_FILENO;
static _Atomic int log_least = LOG_INFO;

void log_start(int fd, LogLevel least)
{
    log_fd = fd;
    log_least = (int)least;
}
static size_t room(const Line *l) { return l->n < LINE_MAX_BYTES - TAIL ? LINE_MAX_BYTES - TAIL - l->n : 0; }
static bool add(Line *l, const char *p, size_t n)
{
    if (n > room(l)) return false;
    memcpy(l->p + l->n, p, n);
    l->n += n;
    return true;
}
/* Length of the well-formed UTF-8 character at s, 0 if it is none (overlong, surrogate, cut). */
static size_t utf8_at(Str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (n == 0 || n > s.n) return 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)s.p[i] & 0xc0) != 0x80) return 0;
    unsigned char d = n > 1 ? (unsigned char)s.p[1] : 0;
    bool low = (c == 0xe0 && d < 0xa0) || (c == 0xf0 && d < 0x90);
    bool high = (c == 0xed && d >= 0xa0) || (c == 0xf4 && d >= 0x90);
    return low || high ? 0 : n;
}
static bool add_char(Line *l, const char *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char c = (unsigned char)*p;
    if (n == 0) return add(l, "\\ufffd", 6);
    if (c == '"' || c == '\\') return add(l, (char[]){ '\\', *p }, 2);
    if (c < 0x20 || c == 0x7f) return add(l, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
    return add(l, p, n);
}
static void add_text(Line *l, Str s)
{
    bool more = add(l, "\"", 1);
    for (size_t n; more && s.n; s.p += n, s.n -= n) {
        size_t good = utf8_at(s);
        more = add_char(l, s.p, good);
        n = good ? good : 1;
    }
    l->p[l->n++] = '"';                           /* from TAIL */
}
static void add_i64(Line *l, int64_t v)
{
    char t[24], *p = t + sizeof t;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do *--p = (char)('0' + u % 10); while (u /= 10);
    if (v < 0) *--p = '-';
    add(l, p, (size_t)(t + sizeof t - p));
}
static void add_field(Line *l, const LogField *f)
{
    size_t key = strlen(f->key);
    if (key + 32 > room(l)) return;      /* key, colon and a number fit, or nothing */
    add(l, ",\"", 2);
    add(l, f->key, key);
    add(l, "\":", 2);
    if (f->text.p) add_text(l, f->text);
    else add_i64(l, f->value);
}
/* One write() a line, so that lines of two threads do not mix. */
static void put(const Line *l)
{
    for (size_t at = 0; at < l->n;) {
        ssize_t n = write(log_fd, l->p + at, l->n - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;                       /* nobody is left to tell */
        at += (size_t)n;
    }
}
void log_line(LogLevel level, const char *event, const LogField *f, size_t n)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    char time[32];
    Line l = { 0 };
    int was = errno;
    if ((int)level < log_least) return;
    clock_rfc3339(clock_now(), time);
    add(&l, "{\"time\":", 8);
    add_text(&l, str_z(time));
    add(&l, ",\"level\":", 9);
    add_text(&l, str_z(names[level]));
    add(&l, ",\"event\":", 9);
    add_text(&l, str_z(event));
    for (size_t i = 0; i < n; i++) add_field(&l, &f[i]);
    memcpy(l.p + l.n, "}\n", 2);
    l.n += 2;
    put(&l);
    errno = was;
}
/* A field's path may hold a key the caller made up, such as an address: only what looks like
 * a name of ours is written. */
static bool field_is_ours(const Why *why)
{
    if (why->msg == MSG_unknown_field || why->msg == MSG_duplicate_field) return false;
    for (const char *p = why->field; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("_.[]", *p))) return false;
    return why->field[0];
}
void log_why(LogLevel level, const char *event, const Cx *cx)
{
    const Why *why = &cx->why;
    char id[ID_TEXT_MAX + 1];
    LogField f[5];
    size_t n = 0;
    if (cx->request) f[n++] = (LogField){ .key = "request", .text = { id, id_text("req", cx->request, id) } };
    f[n++] = (LogField){ .key = "status", .text = str_z(status_name(why->st)) };
    f[n++] = (LogField){ .key = "code", .text = str_z(msg_code(why->msg)) };
    if (field_is_ours(why)) f[n++] = (LogField){ .key = "field", .text = str_z(why->field) };
    if (why->log[0]) f[n++] = (LogField){ .key = "why", .text = str_z(why->log) };
    log_line(level, event, f, n);
}
