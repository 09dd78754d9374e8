/* log: one JSON line an entry to standard error or a file. Libraries never log:
 * the request loop, the job loop and main do, once, with the request's id.
 * Never a personal value: callers pass ids, codes, counts and fixed words.
 *
 *     {"time":"2026-11-22T14:05:00.123Z","level":"info","event":"start","port":8080}
 *
 * A line is one write() of at most 4 kB: what does not fit is left out, the line stays JSON. Bytes that are
 * not UTF-8 become U+FFFD. Needs no memory, keeps errno, any thread may call. */
#ifndef LIUKE_LOG_H
#define LIUKE_LOG_H
#include "base/base.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;
typedef struct LogField { const char *key; int64_t value; Str text; } LogField;   /* text where text.p is set */

void log_start(int fd, LogLevel least);       /* default: standard error, INFO */
void log_line(LogLevel, const char *event, const LogField *, size_t);
#define LOG(level, event, ...) log_line((level), (event), LIST(LogField, __VA_ARGS__))
void log_why(LogLevel, const char *event, const Cx *);   /* request id, status, code, field (if it is a
                                               * name of ours, not a key the caller made up), why.log */
#endif
