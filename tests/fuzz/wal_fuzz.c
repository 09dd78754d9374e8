/* Of any bytes, read as entries, as a frame and as a log file: each decoding ends, stays inside, and what it
 * accepts comes
 * back the same after being written again. The first byte chooses how the rest is used. */
#include <string.h>
#include "base/arena.h"
#include "store/events/frame.h"
#include "store/events/walread.h"
#include "tests/fuzz/fuzz.h"

FUZZ_SEEDS(
    S_INIT("\0\x20\0\0\0\3\0\0\0" "idididid" "joinjoin" "timetime"),
    S_INIT("\1\x20\0\0\0\4\7\1\0" "actoractoractor!" "timetime"),
    S_INIT("\2\x2e\0\0\0\1\0\0\2\1\0\2\0" "receivedactoractoractor!" "\2\2\2ab\4\1p\1x\2\1q\5"),
    S_INIT("\2\x18\0\0\0\xff\2\0\0"),
    S_INIT("\2\x2e\0\0\0\1\0\0\2\1\0\2\0" "receivedactoractoractor!" "\2\2ab\4\1p\1x\2\1q\5"
           "\x1e\0\0\0\5\x30\x2e\0\0" "actoractoractor!" "\4\3\4\1y\2\7"),
    S_INIT("\1\x35\0\0\0\1\3\4\1\1\0\0\0" "receivedactoractoractor!" "messagemessage!!" "\0"));

/* ---- the bytes as the only file there is ---- */

static Str disk;
static Status mem_open(Cx *cx, void *self, const char *path, FsMode mode, FsFile **ret)
{
    (void)cx; (void)self; (void)path; (void)mode;
    *ret = (FsFile *)(void *)&disk;
    return ST_OK;
}
static void mem_close(FsFile *f) { (void)f; }
static Status mem_size(Cx *cx, FsFile *f, int64_t *ret)
{
    (void)cx; (void)f;
    *ret = (int64_t)disk.n;
    return ST_OK;
}
static Status mem_pread(Cx *cx, FsFile *f, void *to, size_t n, int64_t at, size_t *ret_n)
{
    (void)cx; (void)f;
    FUZZ_CHECK(at >= 0);
    *ret_n = (size_t)at >= disk.n ? 0 : disk.n - (size_t)at < n ? disk.n - (size_t)at : n;
    if (*ret_n) memcpy(to, disk.p + at, *ret_n);
    return ST_OK;
}
static void read_file(Cx *cx, Str bytes, int64_t start)
{
    static const FsOps ops = { .open = mem_open, .close = mem_close, .size = mem_size, .pread = mem_pread };
    WalRead r;
    Frame f;
    int64_t last = start - 1;
    disk = bytes;
    if (walread_open(cx, (Fs){ .ops = &ops }, "x", start, start, INT64_MAX, &r) != ST_OK) return;
    for (;;) {
        Status st = walread_next(cx, &r, &f);
        if (st == ST_OK) {
            FUZZ_CHECK(f.pos > last && f.end > f.pos && r.pos == f.end && f.end <= start + (int64_t)bytes.n);
            last = f.pos;
        } else if (walread_resync(cx, &r) != ST_OK) break;
    }
    walread_close(&r);
}

/* ---- entries ---- */

static Str encode(Cx *cx, const Entry *e)
{
    size_t n = entry_size(e);
    char *p = arena_raw(cx->arena, n);
    if (p) FUZZ_CHECK(entry_put(p, e) == p + n);
    return (Str){ p, n };
}
static void one_entry(Cx *cx, const EntryHead *h)
{
    Str bytes = h->bytes;
    Entry e, again;
    size_t used;
    Status st = entry_get(cx, bytes, &e, &used);
    FUZZ_CHECK(st == ST_OK || st == ST_IO || st == ST_NO_MEM);
    if (st != ST_OK) return;
    FUZZ_CHECK(h->size == used && used == bytes.n && h->kind == e.kind);
    if (e.kind == ENTRY_FORM) return;
    Str once = encode(cx, &e), twice;
    if (!once.p || entry_get(cx, once, &again, &used) == ST_NO_MEM) return;
    FUZZ_CHECK(used == once.n);
    twice = encode(cx, &again);
    FUZZ_CHECK(!twice.p || str_eq(once, twice));
}
static void walk(Cx *cx, Str bytes)
{
    EntryRun run = entry_run(bytes);
    EntryHead h;
    while (entry_next(&run, &h)) {
        FUZZ_CHECK(h.size && run.before + run.left.n == bytes.n && h.bytes.p + h.size == run.left.p);
        one_entry(cx, &h);
    }
}
/* The entries that are there, sealed: whole as they are, damaged after any one byte changed. */
static void seal(Cx *cx, Str bytes, int64_t pos)
{
    EntryRun run = entry_run(bytes);
    EntryHead h;
    Frame f;
    uint32_t n = 0;
    while (entry_next(&run, &h)) n++;
    size_t size = run.before;
    char *p = n ? arena_raw(cx->arena, size + FRAME_SEAL) : NULL;
    if (!p) return;
    memcpy(p, bytes.p, size);
    frame_seal(p, size, n, pos);
    FUZZ_CHECK(frame_get((Str){ p, size + FRAME_SEAL }, pos, &f) == FRAME_WHOLE && f.n == n && f.entries.n == size);
    FUZZ_CHECK(frame_get((Str){ p, size + FRAME_SEAL }, pos + 1, &f) != FRAME_WHOLE);
    for (size_t i = 0; i < size + FRAME_SEAL; i += 1 + size / 64) {
        p[i] ^= 1;
        FUZZ_CHECK(frame_get((Str){ p, size + FRAME_SEAL }, pos, &f) != FRAME_WHOLE);
        p[i] ^= 1;
    }
    read_file(cx, (Str){ p, size + FRAME_SEAL }, pos);
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Cx cx = fuzz_cx();
    Frame f;
    if (size < 2 || !cx.arena) return 0;
    Str bytes = { (const char *)data + 1, size - 1 };
    int64_t pos = (int64_t)data[0] << (data[0] % 40);
    walk(&cx, bytes);
    FrameIs is = frame_get(bytes, pos, &f);
    FUZZ_CHECK(is != FRAME_WHOLE || (f.pos == pos && f.entries.n < bytes.n));
    seal(&cx, bytes, pos);
    read_file(&cx, bytes, pos);
    return 0;
}
