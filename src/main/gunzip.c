#include "main/gunzip.h"
#include "base/arena.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 32 << 10, GZIP_ONLY = 16 + MAX_WBITS };
typedef struct Unpacking { int from, to; int64_t at; z_stream z; unsigned char in[PIECE], out[PIECE]; } Unpacking;

bool gunzip_is(int fd)
{
    unsigned char head[2];
    return pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head && head[0] == 0x1f && head[1] == 0x8b;
}
static Status damaged(Cx *cx) { return refuse(cx, ST_INVALID, S("file"), MSG_bad_encoding, NO_PARAMS); }
static Status write_out(Cx *cx, Unpacking *u)
{
    const unsigned char *p = u->out;
    size_t n = PIECE - u->z.avail_out;
    while (n) {
        ssize_t got = write(u->to, p, n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(cx, ST_IO, "cannot unpack the file: %s", strerrordesc_np(errno));
        p += got;
        n -= (size_t)got;
    }
    return ST_OK;
}
static Status read_in(Cx *cx, Unpacking *u)
{
    ssize_t n = pread(u->from, u->in, PIECE, u->at);
    if (n < 0) return fail(cx, ST_IO, "cannot read the file: %s", strerrordesc_np(errno));
    u->at += n;
    u->z.next_in = u->in;
    u->z.avail_in = (unsigned)n;
    return ST_OK;
}
/* One member after another; the file must end where one does. */
static Status unpack(Cx *cx, Unpacking *u)
{
    bool whole = true;
    for (;;) {
        if (u->z.avail_in == 0) TRY(read_in(cx, u));
        if (u->z.avail_in == 0) return whole ? ST_OK : damaged(cx);
        if (whole && inflateReset(&u->z) != Z_OK) return damaged(cx);
        u->z.next_out = u->out;
        u->z.avail_out = PIECE;
        int rc = inflate(&u->z, Z_NO_FLUSH);
        if (rc == Z_MEM_ERROR) return fail(cx, ST_NO_MEM, "gunzip");
        if (rc != Z_OK && rc != Z_STREAM_END) return damaged(cx);
        TRY(write_out(cx, u));
        whole = rc == Z_STREAM_END;
    }
}
Status gunzip_open(Cx *cx, int fd, const char *dir, int *ret_fd)
{
    char path[1100];
    Unpacking *u = arena_get(cx->arena, sizeof *u);
    if (!u) return fail(cx, ST_NO_MEM, "gunzip");
    u->from = fd;
    snprintf(path, sizeof path, "%s/import-XXXXXX", dir);
    u->to = mkostemp(path, O_CLOEXEC);
    if (u->to < 0) return fail(cx, ST_IO, "cannot unpack the file into %s: %s", dir, strerrordesc_np(errno));
    (void)unlink(path);
    Status st = inflateInit2(&u->z, GZIP_ONLY) == Z_OK ? unpack(cx, u) : fail(cx, ST_NO_MEM, "gunzip");
    (void)inflateEnd(&u->z);
    if (st != ST_OK) close(u->to);
    else *ret_fd = u->to;
    return st;
}
