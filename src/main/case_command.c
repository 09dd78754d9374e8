/* liuke case FILE: one case of the exchange format into an empty folder of its own, its answer, and whether it is the
 * one expected. */
#include "base/fs.h"
#include "base/limits.h"
#include "domain/audience/question.h"
#include "main/commands.h"
#include "store/events/snapshot.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Status read_file(Cx *cx, const char *path, Str *ret)
{
    Status st = fs_read_all(cx, fs_posix(), path, JSON_TEXT_MAX, ret);
    if (st == ST_NOT_FOUND)
        return refuse(cx, ST_NOT_FOUND, S("file"), MSG_no_file, PARAMS({ .name = "file", .text = str_z(path) }));
    return st;
}
static Status run(Cx *cx, Events *e, QuestionCase *c, Buf *answer, bool *ret_same)
{
    Snapshot snap;
    size_t n;
    const Entry *entries = question_case_entries(c, &n);
    for (size_t i = 0, k; i < n; i += k) {
        k = n - i < 1000 ? n - i : 1000;
        TRY(events_append_wait(cx, e, entries + i, k, NULL));
    }
    TRY(snapshot_take(cx, events_state(e), &snap));
    Status st = question_case_run(cx, &snap, c, answer, ret_same);
    snapshot_done(cx, &snap);
    return st;
}
static void remove_all(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));) {
        char path[600];
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        if (f->d_type == DT_DIR) remove_all(path);
        else unlink(path);
    }
    if (d) closedir(d);
    rmdir(dir);
}
static Status in_folder(Cx *cx, const char *file, bool *ret_same)
{
    char dir[] = "/tmp/liuke-case-XXXXXX";
    QuestionCase *c;
    Str text;
    Events *e = NULL;
    Buf answer = buf_new(cx->arena, JSON_TEXT_MAX);
    TRY(read_file(cx, file, &text));
    TRY(question_case_read(cx, text, &c));
    if (!mkdtemp(dir)) return fail(cx, ST_IO, "cannot make a folder in /tmp: %s", strerror(errno));
    EventsConfig config = { .fs = fs_posix(), .dir = dir, .quiet = true };
    Status st = events_open(cx, &config, &e);
    if (st == ST_OK) st = run(cx, e, c, &answer, ret_same);
    events_close(e);
    remove_all(dir);
    TRY(st);
    printf("%.*s\n", (int)answer.n, answer.p);
    return ST_OK;
}
int command_case(Cx *cx, const Config *c)
{
    bool same = false;
    if (c->n_words != 2) {
        fprintf(stderr, "liuke case FILE\n");
        return 2;
    }
    if (in_folder(cx, c->words[1], &same) != ST_OK) return command_complain(cx, cx->lang);
    if (same) return 0;
    fprintf(stderr, cx->lang == LANG_ZH ? "liuke: 与 expected 不同\n" : "liuke: differs from expected\n");
    return 1;
}
