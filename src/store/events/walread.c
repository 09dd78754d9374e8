#include "store/events/walread.h"
#include "base/arena.h"
#include <string.h>

enum { WINDOW = 128 << 10 };

Status walread_open(Cx *cx, Fs fs, const char *path, int64_t start, int64_t from, int64_t limit, WalRead *ret)
{
    WalRead r = { .fs = fs, .start = start, .pos = from, .at = from, .limit = limit };
    int64_t size;
    TRY(fs.ops->open(cx, fs.self, path, FS_READ, &r.file));
    Status st = fs.ops->size(cx, r.file, &size);
    if (st != ST_OK) {
        fs.ops->close(r.file);
        return st;
    }
    if (r.limit > start + size) r.limit = start + size;
    *ret = r;
    return ST_OK;
}
void walread_close(WalRead *r)
{
    if (r->file) r->fs.ops->close(r->file);
    mem_free(r->buf);
    *r = (WalRead){ 0 };
}
static Str held(const WalRead *r)
{
    if (r->pos < r->at || r->pos >= r->at + (int64_t)r->n) return (Str){ 0 };
    return (Str){ r->buf + (r->pos - r->at), r->n - (size_t)(r->pos - r->at) };
}
/* Makes held() at least want bytes, or all there are up to limit. A disk that cannot be read gives less. */
static Status fill(Cx *cx, WalRead *r, size_t want)
{
    int64_t left = r->limit - r->pos;
    if (left < 0) left = 0;
    if (want > (uint64_t)left) want = (size_t)left;
    Str have = held(r);
    if (have.n >= want) return ST_OK;
    size_t cap = want > WINDOW ? want : WINDOW, got = 0;
    if (r->cap < cap) {
        char *p = mem_get(cap);
        if (!p) return fail(cx, ST_NO_MEM, "log window of %zu", cap);
        if (have.n) memcpy(p, have.p, have.n);
        mem_free(r->buf);
        r->buf = p;
        r->cap = cap;
    } else if (have.n) memmove(r->buf, have.p, have.n);
    size_t more = (uint64_t)left < r->cap ? (size_t)left - have.n : r->cap - have.n;
    r->at = r->pos;
    r->n = have.n;
    if (r->fs.ops->pread(cx, r->file, r->buf + have.n, more, r->pos - r->start + (int64_t)have.n, &got) != ST_OK) {
        r->broken = true;
        got = 0;
    }
    r->n += got;
    return ST_OK;
}
Status walread_next(Cx *cx, WalRead *r, Frame *ret)
{
    for (size_t want = WINDOW;; want *= 2) {
        if (want > FRAME_MAX) want = FRAME_MAX;
        TRY(fill(cx, r, want));
        Str have = held(r);
        r->is = frame_get(have, r->pos, ret);
        if (r->is == FRAME_SHORT && have.n >= want && want < FRAME_MAX) continue;
        if (r->is != FRAME_INSIDE) break;
        if (ret->pos < r->start) {
            r->is = FRAME_DAMAGED;
            break;
        }
        r->pos = ret->pos;                        /* strictly earlier: this ends */
    }
    if (r->is != FRAME_WHOLE) return ST_NOT_FOUND;
    r->pos = ret->end;
    return ST_OK;
}
/* The frame that a seal says it closes: does it hold, and begin behind bad? */
static Status whole_at(Cx *cx, WalRead *r, int64_t pos, int64_t bad, bool *ret)
{
    Frame f;
    *ret = false;
    if (pos <= bad) return ST_OK;
    r->pos = pos;
    Status st = walread_next(cx, r, &f);
    if (st == ST_NOT_FOUND) return ST_OK;
    *ret = st == ST_OK && f.pos == pos;
    r->pos = pos;
    return st;
}
Status walread_resync(Cx *cx, WalRead *r)
{
    int64_t bad = r->pos, from = bad + 1, begins;
    bool whole;
    size_t at;
    while (from + FRAME_SEAL <= r->limit) {
        r->pos = from;
        TRY(fill(cx, r, WINDOW));
        Str have = held(r);
        if (!frame_find(have, 0, from, &at, &begins)) {
            from += have.n >= FRAME_SEAL ? (int64_t)have.n - FRAME_SEAL + 1 : WINDOW;
            continue;
        }
        from += (int64_t)at + 1;
        TRY(whole_at(cx, r, begins, bad, &whole));
        if (whole) return ST_OK;
    }
    r->pos = bad;
    return ST_NOT_FOUND;
}
