#include "tests/test.h"
#include "base/buf.h"
#include "base/fs.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *in(Cx *cx, const char *dir, const char *name)
{
    const char *path = NULL;
    ok(fs_path(cx, dir, name, "", &path));
    return path;
}
TEST(a_file_keeps_what_is_written_anywhere_in_it)
{
    Fs fs = fs_posix();
    FsFile *f, *again;
    char got[32];
    size_t n;
    int64_t size;
    struct stat st;
    const char *path = in(cx, test_dir(), "留客.bin");

    assert_int_equal(fs.ops->open(cx, fs.self, path, FS_READ, &f), ST_NOT_FOUND);
    ok(fs.ops->open(cx, fs.self, path, FS_CREATE, &f));
    assert_int_equal(fs.ops->open(cx, fs.self, path, FS_CREATE, &again), ST_IO);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ok(fs.ops->pwrite(cx, f, S("world"), 6));
    ok(fs.ops->pwrite(cx, f, S("hello "), 0));
    ok(fs.ops->sync(cx, f));
    ok(fs.ops->size(cx, f, &size));
    assert_int_equal(size, 11);
    ok(fs.ops->pread(cx, f, got, sizeof got, 3, &n));
    assert_str(((Str){ got, n }), "lo world");
    ok(fs.ops->pread(cx, f, got, sizeof got, 11, &n));
    assert_int_equal(n, 0);
    ok(fs.ops->truncate(cx, f, 5));
    ok(fs.ops->truncate(cx, f, 7));
    ok(fs.ops->pread(cx, f, got, sizeof got, 0, &n));
    assert_true(str_eq((Str){ got, n }, S("hello\0\0")));
    fs.ops->close(f);
    assert_int_equal(fs.ops->open(cx, fs.self, test_dir(), FS_WRITE, &f), ST_IO);
    assert_int_equal(fs.ops->open(cx, fs.self, test_dir(), FS_READ, &f), ST_IO);
}
TEST(a_map_shows_the_size_at_its_time_and_an_empty_file_maps_to_nothing)
{
    Fs fs = fs_posix();
    FsFile *f;
    const void *p, *q;
    size_t n, m;

    ok(fs.ops->open(cx, fs.self, in(cx, test_dir(), "m"), FS_CREATE, &f));
    ok(fs.ops->map(cx, f, &p, &n));
    assert_int_equal(n, 0);
    assert_non_null(p);
    fs.ops->unmap(f, p, n);
    ok(fs.ops->pwrite(cx, f, S("abc"), 0));
    ok(fs.ops->map(cx, f, &p, &n));
    ok(fs.ops->pwrite(cx, f, S("d"), 3));
    ok(fs.ops->map(cx, f, &q, &m));
    assert_str(((Str){ p, n }), "abc");
    assert_str(((Str){ q, m }), "abcd");
    fs.ops->unmap(f, p, n);
    fs.ops->unmap(f, q, m);
    fs.ops->close(f);
}
typedef struct Seen { Buf b; const char *dir; bool drop; } Seen;
static Status see(Cx *cx, void *arg, Str name)
{
    Seen *s = arg;
    buf_add(&s->b, name);
    buf_addc(&s->b, ' ');
    if (str_is(name, "stop")) return fail(cx, ST_BUSY, "enough");
    return s->drop ? fs_posix().ops->unlink(cx, NULL, in(cx, s->dir, name.p)) : ST_OK;
}
TEST(a_directory_lists_its_names_in_order_and_may_be_emptied_meanwhile)
{
    static const char *const names[] = { "b", "Z", "a", "é", "aa" };
    Fs fs = fs_posix();
    const char *dir = in(cx, test_dir(), "d");
    Seen s = { .b = buf_new(cx->arena, 100), .dir = dir };

    assert_int_equal(fs.ops->list(cx, fs.self, dir, see, &s), ST_NOT_FOUND);
    ok(fs.ops->mkdir(cx, fs.self, dir));
    ok(fs.ops->mkdir(cx, fs.self, dir));
    ok(fs.ops->list(cx, fs.self, dir, see, &s));
    assert_int_equal(s.b.n, 0);
    for (size_t i = 0; i < COUNT(names); i++) ok(fs_replace(cx, fs, dir, names[i], S("")));
    assert_int_equal(fs.ops->mkdir(cx, fs.self, in(cx, dir, "a")), ST_IO);
    s.drop = true;
    ok(fs.ops->list(cx, fs.self, dir, see, &s));
    assert_str(buf_str(&s.b), "Z a aa b é ");
    s.b.n = 0;
    ok(fs.ops->list(cx, fs.self, dir, see, &s));
    assert_int_equal(s.b.n, 0);
    ok(fs_replace(cx, fs, dir, "stop", S("")));
    ok(fs_replace(cx, fs, dir, "zz", S("")));
    assert_int_equal(fs.ops->list(cx, fs.self, dir, see, &s), ST_BUSY);
    assert_str(buf_str(&s.b), "stop ");
    assert_int_equal(fs.ops->unlink(cx, fs.self, in(cx, dir, "none")), ST_NOT_FOUND);
    assert_int_equal(fs.ops->sync_dir(cx, fs.self, in(cx, dir, "none")), ST_NOT_FOUND);
}
TEST(reading_a_whole_file_stops_at_its_maximum)
{
    Str got;
    const char *dir = test_dir();
    ok(fs_replace(cx, fs_posix(), dir, "f", S("12345")));
    ok(fs_read_all(cx, fs_posix(), in(cx, dir, "f"), 5, &got));
    assert_str(got, "12345");
    assert_int_equal(fs_read_all(cx, fs_posix(), in(cx, dir, "f"), 4, &got), ST_IO);
    assert_int_equal(fs_read_all(cx, fs_posix(), in(cx, dir, "g"), 4, &got), ST_NOT_FOUND);
    ok(fs_replace(cx, fs_posix(), dir, "f", S("")));
    ok(fs_read_all(cx, fs_posix(), in(cx, dir, "f"), 0, &got));
    assert_int_equal(got.n, 0);
}
#ifdef LIUKE_FAULT
/* Fail the n-th operation of one kind until a replace goes through without meeting it. */
static void replace_with_faults(Cx *cx, FaultKind kind, const char *dir)
{
    Str got;
    for (long n = 0;; n++) {
        ok(fs_replace(cx, fs_posix(), dir, "f", S("old")));
        fault_arm(kind, n);
        Status st = fs_replace(cx, fs_posix(), dir, "f", S("new"));
        bool fired = fault_fired(kind);
        fault_arm(kind, -1);
        ok(fs_read_all(cx, fs_posix(), in(cx, dir, "f"), 10, &got));
        assert_true(str_is(got, "old") || str_is(got, "new"));
        assert_true(fired ? st == ST_IO || st == ST_NO_MEM : st == ST_OK);
        if (st == ST_OK) assert_str(got, "new");
        if (!fired) break;
        assert_true(cx->why.log[0]);
        assert_in_range(n, 0, 20);
    }
}
TEST(a_replace_that_fails_anywhere_leaves_old_or_new)
{
    const char *dir = test_dir();
    replace_with_faults(cx, FAULT_WRITE, dir);
    replace_with_faults(cx, FAULT_SYNC, dir);
    replace_with_faults(cx, FAULT_RENAME, dir);
    replace_with_faults(cx, FAULT_ALLOC, dir);
}
TEST(a_failed_write_leaves_half_of_its_bytes)
{
    Fs fs = fs_posix();
    FsFile *f;
    int64_t size;
    ok(fs.ops->open(cx, fs.self, in(cx, test_dir(), "h"), FS_CREATE, &f));
    fault_arm(FAULT_WRITE, 0);
    assert_int_equal(fs.ops->pwrite(cx, f, S("12345678"), 0), ST_IO);
    ok(fs.ops->size(cx, f, &size));
    assert_int_equal(size, 4);
    fault_arm(FAULT_WRITE, -1);
    fs.ops->close(f);
}
#endif
