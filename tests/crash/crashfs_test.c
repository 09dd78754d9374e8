#include "tests/crash/crashfs.h"
#include "tests/test.h"
#include "base/buf.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static uint64_t row;
static size_t pick(size_t below)                  /* a fixed pseudo-random row */
{
    row = row * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((row >> 33) % below);
}
static FsFile *opened(Cx *cx, Fs fs, const char *path, FsMode mode)
{
    FsFile *f = NULL;
    ok(fs.ops->open(cx, fs.self, path, mode, &f));
    return f;
}
static Str contents(Cx *cx, Fs fs, const char *path)              /* .p NULL: no such file */
{
    Str s = { 0 };
    Status st = fs_read_all(cx, fs, path, 1 << 20, &s);
    assert_true(st == ST_OK || st == ST_NOT_FOUND);
    return s;
}

/* The same random calls on the simulation and on the real thing. */

enum { PATH_BYTES = 256 };
typedef struct Pair { Fs fs[2]; char root[2][64]; FsFile *f[4][2]; } Pair;
static void paths(const Pair *p, const char *name, char ret[2][PATH_BYTES])
{
    for (int i = 0; i < 2; i++) snprintf(ret[i], PATH_BYTES, "%s/%s", p->root[i], name);
}
static void same_name_call(Cx *cx, Pair *p)
{
    static const char *const names[] = { "a", "b", "d/a", "d/留", "e", "none/x", "d" };
    char x[2][PATH_BYTES], y[2][PATH_BYTES];
    Status st[2] = { ST_OK, ST_OK };
    size_t what = pick(7);
    FsMode mode = (FsMode)pick(3);
    FsFile *got[2] = { NULL, NULL };
    paths(p, names[pick(COUNT(names))], x);
    paths(p, names[pick(COUNT(names))], y);
    for (int i = 0; i < 2; i++) {
        Fs fs = p->fs[i];
        if (what == 0) st[i] = fs.ops->rename(cx, fs.self, x[i], y[i]);
        else if (what == 1) st[i] = fs.ops->unlink(cx, fs.self, x[i]);
        else if (what == 2) st[i] = fs.ops->mkdir(cx, fs.self, x[i]);
        else if (what == 3) st[i] = fs.ops->sync_dir(cx, fs.self, p->root[i]);
        else st[i] = fs.ops->open(cx, fs.self, x[i], mode, &got[i]);
    }
    if (st[0] != st[1])
        print_error("%zu %s %s: %s, really %s\n", what, x[0], y[0], status_name(st[0]), status_name(st[1]));
    assert_int_equal(st[0], st[1]);
    if (!got[0]) return;
    size_t slot = pick(4);
    for (int i = 0; i < 2; i++) {
        if (p->f[slot][i]) p->fs[i].ops->close(p->f[slot][i]);
        p->f[slot][i] = got[i];
    }
}
static void same_file_call(Cx *cx, Pair *p)
{
    char text[3000], read[2][3000];
    size_t slot = pick(4), what = pick(5), n = pick(sizeof text), at = pick(5000), k[2] = { 0 };
    int64_t size[2] = { 0 };
    Status st[2] = { ST_OK, ST_OK };
    if (!p->f[slot][0]) return;
    memset(text, (int)('a' + pick(26)), n);
    for (int i = 0; i < 2; i++) {
        Fs fs = p->fs[i];
        FsFile *f = p->f[slot][i];
        const void *m = NULL;
        if (what == 0) st[i] = fs.ops->pwrite(cx, f, (Str){ text, n }, (int64_t)at);
        else if (what == 1) st[i] = fs.ops->truncate(cx, f, (int64_t)at);
        else if (what == 2) st[i] = fs.ops->sync(cx, f);
        else if (what == 3) ok(fs.ops->pread(cx, f, read[i], n, (int64_t)at, &k[i]));
        else ok(fs.ops->map(cx, f, &m, &k[i]));
        if (m && k[i]) memcpy(read[i], m, k[i] = k[i] < sizeof text ? k[i] : sizeof text);
        if (m) fs.ops->unmap(f, m, k[i]);
        ok(fs.ops->size(cx, f, &size[i]));
    }
    if (what == 1 && st[0] == ST_IO && st[1] == ST_IO) return;
    assert_int_equal(st[0], st[1]);
    assert_int_equal(size[0], size[1]);
    assert_int_equal(k[0], k[1]);
    assert_memory_equal(read[0], read[1], k[0]);
}
static Status note(Cx *cx, void *arg, Str name)
{
    (void)cx;
    buf_add(arg, name);
    buf_addc(arg, '\n');
    return ST_OK;
}
TEST(without_a_cut_it_behaves_as_a_real_file_system)
{
    Pair p = { .fs = { crashfs_new(1), fs_posix() }, .root = { "/", "" } };
    snprintf(p.root[1], sizeof p.root[1], "%s", test_dir());
    row = 7;
    for (int round = 0; round < 6000; round++) {
        if (round % 3 == 0) same_name_call(cx, &p);
        else same_file_call(cx, &p);
        if (round % 50 == 0) arena_reset(cx->arena);
    }
    Buf b[2] = { buf_new(cx->arena, 1000), buf_new(cx->arena, 1000) };
    char x[2][PATH_BYTES];
    for (int i = 0; i < 2; i++) {
        paths(&p, "d", x);
        ok(p.fs[i].ops->list(cx, p.fs[i].self, p.root[i], note, &b[i]));
        (void)!p.fs[i].ops->list(cx, p.fs[i].self, x[i], note, &b[i]);
        for (size_t slot = 0; slot < 4; slot++)
            if (p.f[slot][i]) p.fs[i].ops->close(p.f[slot][i]);
    }
    assert_true(b[0].n > 0 && str_eq(buf_str(&b[0]), buf_str(&b[1])));
    crashfs_free(p.fs[0]);
}
TEST(what_was_synced_stays_and_what_was_not_goes)
{
    Fs fs = crashfs_new(1);
    FsFile *f = opened(cx, fs, "/f", FS_CREATE), *g = opened(cx, fs, "/g", FS_CREATE);
    ok(fs.ops->pwrite(cx, f, S("synced"), 0));
    ok(fs.ops->sync(cx, f));
    ok(fs.ops->pwrite(cx, f, S("SYN lost"), 0));
    ok(fs.ops->pwrite(cx, g, S("g"), 0));
    ok(fs.ops->sync_dir(cx, fs.self, "/"));
    ok(fs.ops->mkdir(cx, fs.self, "/d"));
    ok(fs.ops->rename(cx, fs.self, "/g", "/h"));
    ok(fs.ops->pwrite(cx, g, S("still open"), 0));
    ok(fs.ops->unlink(cx, fs.self, "/f"));
    assert_null(contents(cx, fs, "/f").p);
    assert_str(contents(cx, fs, "/h"), "still open");
    crashfs_cut(fs, CRASH_LOSE);
    assert_str(contents(cx, fs, "/f"), "synced");
    assert_str(contents(cx, fs, "/g"), "");
    assert_true(!crashfs_exists(fs, "/d") && !crashfs_exists(fs, "/h"));
    assert_int_equal(fs.ops->pwrite(cx, f, S("x"), 0), ST_IO);      /* a handle from before */
    assert_int_equal(fs.ops->sync(cx, g), ST_IO);
    fs.ops->close(f);
    fs.ops->close(g);
    f = opened(cx, fs, "/f", FS_WRITE);
    ok(fs.ops->pwrite(cx, f, S("now"), 0));
    ok(fs.ops->unlink(cx, fs.self, "/g"));
    fs.ops->close(f);
    crashfs_cut(fs, CRASH_KEEP);
    assert_str(contents(cx, fs, "/f"), "nowced");
    assert_false(crashfs_exists(fs, "/g"));
    assert_int_equal(crashfs_syncs(fs), 2);
    crashfs_free(fs);
}
/* A synced 2,000 bytes of '.', then A over the first sector and a half, B after the end, cut, C: what a cut left. */
static Str one_cut(Cx *cx, uint64_t seed, CrashMode mode)
{
    char text[2000];
    Fs fs = crashfs_new(seed);
    FsFile *f = opened(cx, fs, "/f", FS_CREATE);
    memset(text, '.', sizeof text);
    ok(fs.ops->pwrite(cx, f, (Str){ text, sizeof text }, 0));
    ok(fs.ops->sync(cx, f));
    ok(fs.ops->sync_dir(cx, fs.self, "/"));
    memset(text, 'A', 768);
    ok(fs.ops->pwrite(cx, f, (Str){ text, 768 }, 0));
    memset(text, 'B', 1000);
    ok(fs.ops->pwrite(cx, f, (Str){ text, 1000 }, 2000));
    ok(fs.ops->truncate(cx, f, 2500));
    memset(text, 'C', 300);
    ok(fs.ops->pwrite(cx, f, (Str){ text, 300 }, 100));
    fs.ops->close(f);
    crashfs_cut(fs, mode);
    Str left = contents(cx, fs, "/f");
    crashfs_free(fs);
    return left;
}
static size_t run(Str s, size_t at, char c)       /* how many c from at on */
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] == c) n++;
    return n;
}
TEST(a_prefix_of_the_writes_is_left_and_one_later_write_may_be_torn_at_any_byte)
{
    int kept[5] = { 0 }, torn = 0, gap = 0;
    for (uint64_t seed = 0; seed < 400; seed++, arena_reset(cx->arena)) {
        Str s = one_cut(cx, seed, CRASH_PREFIX);
        size_t a = run(s, 0, 'A'), b = run(s, 2000, 'B'), c = run(s, 100, 'C'), tail = 100 + c;
        bool has_a = s.p[767] == 'A' || (a == 100 && c);              /* C lies within A */
        assert_true(s.n >= 2000 && s.n <= 3000 && s.n - 2000 == b);   /* no byte past the end that nobody wrote */
        assert_true(c == 0 || c <= 300);
        if (c == 300 && b == 500 && has_a) kept[4]++;
        else if (b == 500 && a + c > 0) kept[3]++;
        else if (b == 1000 && has_a) kept[2]++;
        else if (a == 768 && b == 0) kept[1]++;
        else if (a == 0 && b == 0 && c == 0) kept[0]++;
        torn += (a > 0 && a < 768 && c == 0) || (b > 0 && b < 1000 && b != 500) || (c > 0 && c < 300);
        gap += (a == 0 && b > 0) || (s.p[0] == '.' && c > 0) || (b == 0 && c > 0);
        assert_true(tail <= 400);
    }
    for (size_t i = 0; i < COUNT(kept); i++) assert_in_range(kept[i], 10, 300);
    assert_in_range(torn, 50, 390);
    assert_in_range(gap, 20, 300);                /* a later write without an earlier one */
}
TEST(sectors_are_whole_and_each_is_of_its_own_moment)
{
    int out_of_order = 0, sizes[3] = { 0 };
    for (uint64_t seed = 0; seed < 400; seed++, arena_reset(cx->arena)) {
        Str s = one_cut(cx, seed, CRASH_SECTORS);
        size_t n = s.n == 2000 ? 0 : s.n == 3000 ? 1 : 2;
        assert_true(s.n == 2000 || s.n == 2500 || s.n == 3000);
        sizes[n]++;
        size_t a = run(s, 0, 'A'), dots = run(s, 0, '.');
        assert_true(a == 100 || a == 512 || a == 768 || dots == 512 || dots == 2000);
        assert_true(a == 100 ? run(s, 100, 'C') == 300 && run(s, 400, 'A') >= 112 : run(s, 100, 'C') == 0);
        assert_true(run(s, 512, 'A') == 256 || run(s, 512, '.') >= 1488);
        assert_int_equal(run(s, 768, '.') + 768 >= 1536, true);
        for (size_t from = 2048; from < s.n; from += SIZE_MAX / 2) {  /* past the old end: written or zero */
            size_t whole = s.n - from < 452 ? s.n - from : 452;
            assert_true(run(s, from, 'B') >= whole || run(s, from, 0) >= whole);
        }
        out_of_order += dots == 512 && run(s, 512, 'A') == 256;
        out_of_order += a > 0 && s.p[512] == '.';
    }
    for (size_t i = 0; i < COUNT(sizes); i++) assert_in_range(sizes[i], 40, 250);
    assert_in_range(out_of_order, 40, 390);
}
TEST(names_are_lost_from_a_random_point_and_never_in_the_middle)
{
    int kept[6] = { 0 };
    for (uint64_t seed = 0; seed < 300; seed++) {
        static const char *const names[] = { "/d/0", "/d/1", "/d/2", "/d/3", "/d/4" };
        Fs fs = crashfs_new(seed);
        size_t n = 0;
        ok(fs.ops->mkdir(cx, fs.self, "/d"));
        ok(fs.ops->sync_dir(cx, fs.self, "/"));
        for (size_t i = 0; i < COUNT(names); i++) fs.ops->close(opened(cx, fs, names[i], FS_CREATE));
        crashfs_cut(fs, seed % 2 ? CRASH_PREFIX : CRASH_SECTORS);
        while (n < COUNT(names) && crashfs_exists(fs, names[n])) n++;
        for (size_t i = n; i < COUNT(names); i++) assert_false(crashfs_exists(fs, names[i]));
        kept[n]++;
        crashfs_free(fs);
    }
    for (size_t i = 0; i < COUNT(kept); i++) assert_in_range(kept[i], 20, 100);
}
/* A replace under every cut; after OK only the new contents will do. How many times they were not there. */
static int broken_replaces(Cx *cx, long stop, long skip)
{
    int broken = 0;
    for (uint64_t seed = 0; seed < 60; seed++, arena_reset(cx->arena)) {
        Fs fs = crashfs_new(seed);
        ok(fs_replace(cx, fs, "/", "f", S("old contents")));
        crashfs_stop_after(fs, stop);
        crashfs_skip_sync(fs, skip);
        Status st = fs_replace(cx, fs, "/", "f", S("the new contents"));
        assert_int_equal(st, stop < 0 || stop > 5 ? ST_OK : ST_IO);
        crashfs_cut(fs, (CrashMode)(seed % (CRASH_ANY + 1)));
        Str left = contents(cx, fs, "/f");
        broken += !(str_is(left, "the new contents") || (st != ST_OK && str_is(left, "old contents")));
        ok(fs_replace(cx, fs, "/", "f", S("after")));                 /* whatever is left does not stand in the way */
        assert_str(contents(cx, fs, "/f"), "after");
        crashfs_free(fs);
    }
    return broken;
}
TEST(a_replace_survives_a_cut_at_every_change_and_needs_each_of_its_syncs)
{
    Fs fs = crashfs_new(0);
    ok(fs_replace(cx, fs, "/", "f", S("x")));
    assert_int_equal(crashfs_changes(fs), 6);     /* unlink, create, write, sync, rename, sync */
    assert_int_equal(crashfs_syncs(fs), 2);
    crashfs_free(fs);
    for (long stop = -1; stop < 7; stop++) assert_int_equal(broken_replaces(cx, stop, 0), 0);
    assert_in_range(broken_replaces(cx, -1, 1), 5, 59);
    assert_in_range(broken_replaces(cx, -1, 2), 5, 59);
}
TEST(the_change_that_meets_the_cut_may_have_happened)
{
    int written = 0, synced = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        Fs fs = crashfs_new(seed);
        FsFile *f = opened(cx, fs, "/f", FS_CREATE);
        char byte;
        size_t n;
        ok(fs.ops->sync_dir(cx, fs.self, "/"));
        if (seed % 2) ok(fs.ops->pwrite(cx, f, S("x"), 0));
        crashfs_stop_after(fs, 0);
        if (seed % 2) assert_int_equal(fs.ops->sync(cx, f), ST_IO);
        else assert_int_equal(fs.ops->pwrite(cx, f, S("x"), 0), ST_IO);
        assert_int_equal(fs.ops->pread(cx, f, &byte, 1, 0, &n), ST_IO);
        assert_int_equal(fs.ops->unlink(cx, fs.self, "/f"), ST_IO);
        fs.ops->close(f);
        crashfs_cut(fs, seed % 2 ? CRASH_LOSE : CRASH_KEEP);
        *(seed % 2 ? &synced : &written) += str_is(contents(cx, fs, "/f"), "x");
        crashfs_free(fs);
    }
    assert_int_equal(written, 50);
    assert_in_range(synced, 10, 40);
}
TEST(a_seed_gives_the_same_cut_again)
{
    for (uint64_t seed = 0; seed < 50; seed++)
        assert_true(str_eq(one_cut(cx, seed, CRASH_ANY), one_cut(cx, seed, CRASH_ANY)));
}
static void *append_many(void *arg)
{
    Cx cx = test_cx();
    Fs fs = *(Fs *)arg;
    FsFile *f = NULL;
    if (fs.ops->open(&cx, fs.self, "/f", FS_WRITE, &f) != ST_OK) return arg;
    for (int i = 0; i < 500; i++)
        if (fs.ops->pwrite(&cx, f, S("x"), i) != ST_OK || fs.ops->sync(&cx, f) != ST_OK) return arg;
    fs.ops->close(f);
    arena_free(cx.arena);
    return NULL;
}
TEST(threads_may_share_it)
{
    pthread_t t[4];
    void *bad = NULL;
    Fs fs = crashfs_new(1);
    fs.ops->close(opened(cx, fs, "/f", FS_CREATE));
    ok(fs.ops->sync_dir(cx, fs.self, "/"));
    for (size_t i = 0; i < COUNT(t); i++) assert_int_equal(pthread_create(&t[i], NULL, append_many, &fs), 0);
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    crashfs_cut(fs, CRASH_LOSE);
    assert_int_equal(contents(cx, fs, "/f").n, 500);
    assert_int_equal(crashfs_syncs(fs), 2001);
    crashfs_free(fs);
}
