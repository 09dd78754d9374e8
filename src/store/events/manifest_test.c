#include "tests/test.h"
#include "base/fs.h"
#include "store/events/manifest.h"
#include <string.h>

TEST(a_manifest_comes_back_whole_or_is_called_damaged)
{
    ManifestSegment rows[3] = { { 1, 24000, 0, 10, 20, -5, INT64_MAX, 7 }, { 2, -1, 1, 0, 0, 0, 0, UINT64_MAX },
        { 3, 1, 1, 1, 1, 1, 1, 1 } };
    Manifest m = { .flushed = 1 << 30, .next_id = 4, .actors = 99, .map_id = 5, .segments = rows, .n = 3,
        .marks = (ManifestMark[]){ { 7, 1 << 20, 300, 298, 2 }, { 8, 1, 1, 1, 0 } }, .n_marks = 2,
        .ids = (ManifestIds[]){ { 4, 3, 1000, 1709251200000 } }, .n_ids = 1 }, got;
    const char *dir = test_dir(), *path;
    Fs fs = fs_posix();
    Str text;
    ok(manifest_read(cx, fs, dir, &got));
    assert_int_equal(got.n + (size_t)got.flushed, 0);
    ok(manifest_write(cx, fs, dir, &(Manifest){ .flushed = 3 }));
    ok(manifest_write(cx, fs, dir, &m));
    ok(manifest_read(cx, fs, dir, &got));
    assert_int_equal(got.flushed, m.flushed);
    assert_int_equal(got.next_id, 4);
    assert_int_equal(got.actors, 99);
    assert_int_equal(got.map_id, 5);
    assert_int_equal(got.n, 3);
    for (size_t i = 0; i < 3; i++) {
        const ManifestSegment *a = got.segments + i, *b = rows + i;
        assert_true(a->id == b->id && a->month == b->month && a->level == b->level && a->events == b->events);
        assert_true(a->bytes == b->bytes && a->first == b->first && a->last == b->last && a->check == b->check);
    }
    assert_int_equal(got.n_marks, 2);
    assert_memory_equal(got.marks, m.marks, 2 * sizeof *m.marks);
    assert_int_equal(got.n_ids, 1);
    assert_memory_equal(got.ids, m.ids, sizeof *m.ids);
    ok(fs_path(cx, dir, "manifest", "", &path));
    ok(fs_read_all(cx, fs, path, 1 << 20, &text));
    char *copy = arena_raw(cx->arena, text.n);
    assert_non_null(copy);
    for (size_t i = 0; i < text.n; i++) {
        memcpy(copy, text.p, text.n);
        copy[i] ^= 0x10;
        ok(fs_replace(cx, fs, dir, "manifest", (Str){ copy, text.n }));
        assert_int_equal(manifest_read(cx, fs, dir, &got), ST_IO);
        ok(fs_replace(cx, fs, dir, "manifest", (Str){ text.p, i }));
        assert_int_equal(manifest_read(cx, fs, dir, &got), ST_IO);
    }
}
