#include "base/csv.h"
#include "base/html.h"
#include "base/json.h"
#include "base/limits.h"
#include "domain/import/import.h"
#include "main/caller.h"
#include "main/commands.h"
#include "main/gunzip.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };
typedef struct Run {
    const Config *c;
    Caller *caller;
    const char *path, *name;     /* name: of the file inside, without its folder */
    int fd, rejects;
    int64_t size, at, started_at, kept, repeated, rejected;
    int64_t began;               /* clock_mono() */
    char id[32];
    char *piece;
    char rejects_path[1100];
} Run;
static volatile sig_atomic_t interrupted;
static void interrupt(int sig) { (void)sig; interrupted = 1; }

static void query(Buf *b, const char *key, const char *value, bool first)
{
    Html h = { .b = b };
    if (!value) return;
    buf_addc(b, first ? '?' : '&');
    buf_addz(b, key);
    buf_addc(b, '=');
    html_url(&h, str_z(value));
}
/* Of the file inside: "clicks.csv.gz" is clicks.csv, packed or not. */
static const char *base_name(Cx *cx, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    if (n <= 3 || strcmp(name + n - 3, ".gz") != 0) return name;
    Str plain = arena_str(cx->arena, (Str){ name, n - 3 });
    return plain.p ? plain.p : name;
}
static const char *guess_format(const Config *c, const char *path)
{
    size_t n = strlen(path);
    if (c->format) return c->format;
    if (n > 7 && (strcmp(path + n - 7, ".ndjson") == 0 || strcmp(path + n - 6, ".jsonl") == 0)) return "ndjson";
    if (n > 4 && strcmp(path + n - 4, ".log") == 0) return "access";
    return "csv";
}
static int64_t number_of(const JsonNode *o, Str key)
{
    const JsonNode *v = json_get(o, key);
    return v && v->kind == JSON_INT ? v->i : 0;
}
static Status begin(Cx *cx, Run *run)
{
    Buf b = buf_new(cx->arena, HTTP_URL_MAX);
    CallerReply rep;
    const JsonNode *o;
    ssize_t n = pread(run->fd, run->piece, IMPORT_FIRST_BYTES, 0);

    if (n < 0) return fail(cx, ST_IO, "cannot read the file: %s", strerror(errno));
    buf_addz(&b, "/api/1/imports");
    query(&b, "source", run->c->source ? run->c->source : run->name, true);
    query(&b, "name", run->name, false);
    query(&b, "format", guess_format(run->c, run->name), false);
    query(&b, "map", run->c->map, false);
    query(&b, "columns", run->c->columns, false);
    if (run->c->as_new) query(&b, "as_new", "true", false);
    if (b.bad) return refuse(cx, ST_INVALID, S("map"), MSG_too_long, PARAMS({ .name = "max", .value = HTTP_URL_MAX }));
    TRY(caller_call(cx, run->caller, "POST", buf_str(&b), (Str){ run->piece, (size_t)n }, &rep));
    TRY(json_parse(cx, rep.body, &o));
    snprintf(run->id, sizeof run->id, "%.*s", (int)json_str_of(json_get(o, S("id"))).n,
        json_str_of(json_get(o, S("id"))).p);
    run->at = run->started_at = number_of(o, S("done"));
    return ST_OK;
}
static void progress(const Run *run, bool end)
{
    int64_t ms = clock_mono() - run->began + 1, bytes = run->at - run->started_at;
    double rate = (double)(run->kept + run->repeated) * 1000 / (double)ms;
    int64_t left = bytes ? (run->size - run->at) * ms / bytes / 1000 : 0;
    if (!isatty(2) && !end) return;
    fprintf(stderr, "\r%5.1f%%  %lld rows  %.0f rows/s  %lld rejected  %llds left   ", run->size ?
        100.0 * (double)run->at / (double)run->size : 100.0,
            (long long)(run->kept + run->repeated), rate, (long long)run->rejected, (long long)left);
    if (end) fputc('\n', stderr);
}
static Status write_rejects(Cx *cx, Run *run, const JsonNode *list)
{
    static const Str keys[] = { S_INIT("line"), S_INIT("code"), S_INIT("field"), S_INIT("message"), S_INIT("raw") };
    const JsonNode *item = json_first(list);
    Buf b = buf_new(cx->arena, 64 << 20);

    if (!item) return ST_OK;
    if (run->rejects < 0) {
        run->rejects = open(run->rejects_path, O_WRONLY | O_CREAT | O_CLOEXEC | (run->started_at ? O_APPEND : O_TRUNC),
            0600);
        if (run->rejects < 0) return fail(cx, ST_IO, "cannot write %s: %s", run->rejects_path, strerror(errno));
        if (!run->started_at) buf_addz(&b, "line,code,field,message,row\r\n");
    }
    for (uint32_t i = 0; i < list->n; i++, item = json_next(item)) {
        for (size_t k = 0; k < COUNT(keys); k++) {
            char number[24];
            const JsonNode *v = json_get(item, keys[k]);
            if (v && v->kind == JSON_INT) snprintf(number, sizeof number, "%lld", (long long)v->i);
            csv_cell(&b, v && v->kind == JSON_INT ? str_z(number) : json_str_of(v), k == 0, true);
        }
        buf_addz(&b, "\r\n");
    }
    if (b.bad || write(run->rejects, b.p, b.n) != (ssize_t)b.n)
        return fail(cx, ST_IO, "cannot write %s", run->rejects_path);
    return ST_OK;
}
static Status piece(Cx *cx, Run *run, size_t want, size_t *ret_used)
{
    Buf b = buf_new(cx->arena, 200);
    CallerReply rep;
    const JsonNode *o;
    ssize_t n = pread(run->fd, run->piece, want, run->at);

    if (n < 0) return fail(cx, ST_IO, "cannot read the file: %s", strerror(errno));
    if (n == 0 && run->at < run->size)           /* it was longer when we began */
        return refuse(cx, ST_CONFLICT, S("file"), MSG_import_shrunk, NO_PARAMS);
    bool last = run->at + n >= run->size;
    buf_addz(&b, "/api/1/imports/");
    buf_addz(&b, run->id);
    buf_addz(&b, "/rows?at=");
    buf_i64(&b, run->at);
    if (last) buf_addz(&b, "&last=true");
    TRY(caller_call(cx, run->caller, "POST", buf_str(&b), (Str){ run->piece, (size_t)n }, &rep));
    TRY(json_parse(cx, rep.body, &o));
    int64_t done = number_of(json_get(o, S("import")), S("done"));
    run->kept += number_of(o, S("kept"));
    run->repeated += number_of(o, S("repeated"));
    TRY(write_rejects(cx, run, json_get(o, S("rejects"))));
    run->rejected += (int64_t)(json_get(o, S("rejects")) ? json_get(o, S("rejects"))->n : 0);
    *ret_used = (size_t)(done - run->at);
    run->at = done;
    return ST_OK;
}
static Status all_pieces(Cx *cx, Run *run)
{
    size_t used = 0;
    if (run->at > run->size) return refuse(cx, ST_CONFLICT, S("file"), MSG_import_changed, NO_PARAMS);
    while (run->at < run->size && !interrupted) {
        Cx one = { .arena = arena_new(256 << 20), .lang = cx->lang, .now = clock_now(), .records = cx->records };
        if (!one.arena) return fail(cx, ST_NO_MEM, "import");
        Status st = piece(&one, run, PIECE, &used);
        /* a row longer than a piece */
        if (st == ST_OK && used == 0) st = piece(&one, run, IMPORT_PIECE_BYTES, &used);
        if (st == ST_OK && used == 0 && run->at < run->size)
            st = refuse(&one, ST_INVALID, S("row"), MSG_csv_row_long,
                PARAMS({ .name = "max", .value = IMPORT_ROW_BYTES_MAX }));
        cx->why = one.why;
        cx->why.n_params = 0;
        if (st != ST_OK && one.why.log[0] == 0) {
            Buf text = buf_new(cx->arena, 600);
            buf_msg(&text, cx->lang, &one.why);
            snprintf(cx->why.log, sizeof cx->why.log, "%.*s", (int)text.n, text.p ? text.p : "");
        }
        records_done(&one);
        arena_free(one.arena);
        TRY(st);
        progress(run, false);
    }
    return ST_OK;
}
static Status unpacked(Cx *cx, Run *run, struct stat *st)
{
    int plain;
    if (!gunzip_is(run->fd)) return ST_OK;
    TRY(gunzip_open(cx, run->fd, run->c->data, &plain));
    close(run->fd);
    run->fd = plain;
    return fstat(plain, st) == 0 ? ST_OK : fail(cx, ST_IO, "cannot read the unpacked file: %s", strerror(errno));
}
static Status import_file(Cx *cx, Run *run)
{
    struct stat st;
    run->fd = open(run->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);       /* a pipe without a writer is no file */
    if (run->fd < 0)
        return refuse(cx, ST_NOT_FOUND, S("file"), MSG_no_file, PARAMS({ .name = "file", .text = str_z(run->path) }));
    if (fstat(run->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return refuse(cx, ST_INVALID, S("file"), MSG_no_file, PARAMS({ .name = "file", .text = str_z(run->path) }));
    TRY(unpacked(cx, run, &st));
    run->size = st.st_size;
    (void)posix_fadvise(run->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    run->piece = arena_get(cx->arena, IMPORT_PIECE_BYTES);
    if (!run->piece) return fail(cx, ST_NO_MEM, "import");
    snprintf(run->rejects_path, sizeof run->rejects_path, "%s.rejects.csv", run->c->out ? run->c->out : run->name);
    TRY(begin(cx, run));
    run->began = clock_mono();
    return all_pieces(cx, run);
}
static void summary(const Cx *cx, const Run *run)
{
    bool zh = cx->lang == LANG_ZH;
    printf(zh ? "导入 %lld 个事件，%lld 行此前已导入，%lld 行未通过%s%s\n" : "%lld events imported, %lld rows were there already, "
                                                            "%lld rejected%s%s\n",
           (long long)run->kept, (long long)run->repeated, (long long)run->rejected,
           run->rejected ? (zh ? "，见 " : "; see ") : "", run->rejected ? run->rejects_path : "");
    if (interrupted) printf(zh ? "已中断；再次运行同一命令会从这里继续\n" : "interrupted; the same command goes on from here\n");
}
int command_import(Cx *cx, const Config *c)
{
    Run run = { .c = c, .fd = -1, .rejects = -1 };
    struct sigaction act = { .sa_handler = interrupt };

    if (c->n_words != 2) {
        fprintf(stderr, "liuke import FILE --map time=COLUMN,event=COLUMN,user=COLUMN [--format "
                        "csv|columns|ndjson|access] [--source NAME] [--columns a,b,c] [--as-new]\n");
        return 2;
    }
    run.path = c->words[1];
    run.name = base_name(cx, run.path);
    sigaction(SIGINT, &act, NULL);
    Status st = caller_open(cx, c, &run.caller);
    if (st != ST_OK) return command_complain(cx, cx->lang);
    st = import_file(cx, &run);
    caller_close(run.caller);
    if (run.fd >= 0) close(run.fd);
    if (run.rejects >= 0) close(run.rejects);
    if (st != ST_OK) return command_complain(cx, cx->lang);
    progress(&run, true);
    summary(cx, &run);
    return interrupted ? 130 : 0;
}
