/* test: cmocka under one TEST() per behaviour; names are sentences.
 *
 * A test registers itself, gets a fresh Cx (arena, fixed clock, English) that is freed even
 * when it fails, and asserts with cmocka's assert_*(). test_skip() ends a test that cannot run here,
 * with a line saying why; with CI=true that is a failure. The last line of a binary is
 * "N passed, N failed"; arguments filter by part of a name. */
#ifndef LIUKE_TEST_H
#define LIUKE_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail                                   /* base.h has its own */
#include "base/arena.h"
#include "base/base.h"
#include "base/fault.h"

enum { TEST_NOW_SECONDS = 1700000000 };       /* 2023-11-14T22:13:20Z, every Cx's clock */

void test_add(const char *name, void (*run)(Cx *));
void test_skip(const char *why);              /* does not return */
Cx   test_cx(void);                           /* one more, for a second thread; arena_free() its arena */
const char *test_dir(void);                   /* an empty directory of this test's own, removed afterwards */
void test_remove(const char *dir);            /* with all that is in it */
const char *test_shared(const char *path);    /* a file under ../shared, or the test is skipped */
#define TEST(id) \
    static void id(Cx *cx); \
    __attribute__((constructor)) static void id##_add(void) { test_add(#id, id); } \
    static void id(Cx *cx)

/* Expect OK; on another Status print why, then fail. */
#define ok(e) do { Status ok_ = (e); \
    if (ok_ != ST_OK) print_error("%s: %s %s [%s] %s\n", #e, status_name(ok_), msg_code(cx->why.msg), \
        cx->why.field, cx->why.log); \
    assert_int_equal(ok_, ST_OK); } while (0)
#define assert_str(got, want) do { Str got_ = (got), want_ = str_z(want); \
    if (!str_eq(got_, want_)) print_error("got %.*s, want %s\n", (int)got_.n, got_.p ? got_.p : "", want_.p); \
    assert_true(str_eq(got_, want_)); } while (0)
#endif
