#include "http/turn.h"
#include <string.h>
#include <zlib.h>
#include "base/limits.h"

static Status too_large(Cx *cx, size_t max)
{
    return refuse(cx, ST_INVALID, S(""), MSG_too_large, PARAMS({ .name = "max", .value = (int64_t)max }));
}
/* As large as was announced when that is modest: an announcement alone must not reserve much. */
Status body_add(Turn *t, const char *p, size_t n)
{
    if (n > t->body_max - t->body_n) return too_large(&t->cx, t->body_max);
    if (t->body_n + n > t->body_cap) {
        size_t cap = t->body_cap ? t->body_cap * 2 : 2048;
        if (cap < t->announced && t->announced <= BODY_KEPT) cap = t->announced;
        while (cap < t->body_n + n) cap *= 2;
        char *body = mem_grow(t->body, cap);
        if (!body) return fail(&t->cx, ST_NO_MEM, "a body of %zu bytes", t->body_n + n);
        t->body = body;
        t->body_cap = cap;
    }
    memcpy(t->body + t->body_n, p, n);
    t->body_n += n;
    return ST_OK;
}
Status body_finish(Turn *t)
{
    t->rq.body = (Str){ t->body_n ? t->body : "", t->body_n };
    if (!t->encoding.p) return ST_OK;
    return body_decode(&t->cx, t->encoding, t->rq.body, t->body_max, &t->rq.body);
}
static Status damaged(Cx *cx) { return refuse(cx, ST_INVALID, S(""), MSG_bad_encoding, NO_PARAMS); }

/* The ratio says bomb, the maximum says too large: both before the memory is taken. */
static Status inflate_all(Cx *cx, z_stream *z, size_t packed, size_t max, Buf *b)
{
    enum { PIECE = 16 << 10, FREE_BYTES = 64 << 10 };
    char piece[PIECE];
    int rc = Z_OK;
    while (rc == Z_OK) {
        z->next_out = (unsigned char *)piece;
        z->avail_out = PIECE;
        rc = inflate(z, Z_NO_FLUSH);
        size_t n = PIECE - z->avail_out;
        if (rc == Z_MEM_ERROR) return fail(cx, ST_NO_MEM, "inflate");
        if (rc != Z_OK && rc != Z_STREAM_END) return damaged(cx);
        if (b->n + n > max) return too_large(cx, max);
        if (b->n + n > FREE_BYTES && b->n + n > packed * HTTP_GZIP_RATIO_MAX)
            return too_large(cx, packed * HTTP_GZIP_RATIO_MAX);
        buf_add(b, (Str){ piece, n });
        if (b->bad) return fail(cx, ST_NO_MEM, "a body of %zu bytes", b->n + n);
    }
    return z->avail_in ? damaged(cx) : ST_OK;  /* something after the end of the stream */
}
static Status gunzip(Cx *cx, Str packed, size_t max, Str *ret)
{
    enum { GZIP_ONLY = 15 + 16 };
    z_stream z = { 0 };
    Buf b = buf_new(cx->arena, max);
    if (inflateInit2(&z, GZIP_ONLY) != Z_OK) return fail(cx, ST_NO_MEM, "inflate");
    z.next_in = (unsigned char *)(uintptr_t)packed.p;      /* zlib reads it only */
    z.avail_in = (unsigned)packed.n;
    Status st = packed.n <= UINT32_MAX ? inflate_all(cx, &z, packed.n, max, &b) : too_large(cx, max);
    inflateEnd(&z);
    if (st == ST_OK) *ret = b.n ? buf_str(&b) : S("");
    return st;
}
Status body_decode(Cx *cx, Str encoding, Str packed, size_t max, Str *ret)
{
    Str e = str_trim(encoding);
    if (e.n == 0 || req_same(e, "identity")) {
        *ret = packed;
        return ST_OK;
    }
    if (!req_same(e, "gzip") && !req_same(e, "x-gzip")) return damaged(cx);
    return gunzip(cx, packed, max, ret);
}
