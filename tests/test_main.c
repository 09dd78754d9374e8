#include "tests/test.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/limits.h"

enum { TESTS_MAX = 2000 };
static struct { const char *name; void (*run)(Cx *); } all[TESTS_MAX];
static struct CMUnitTest chosen[TESTS_MAX];
static int n_all, n_skipped;
static char dir[64];

void test_add(const char *name, void (*run)(Cx *))
{
    if (n_all == TESTS_MAX) __builtin_trap();
    all[n_all].name = name;
    all[n_all++].run = run;
}
Cx test_cx(void)
{
    return (Cx){ .arena = arena_new(CX_ARENA_MAX), .now = TEST_NOW_SECONDS * INT64_C(1000), .lang = LANG_EN };
}
void test_skip(const char *why)
{
    const char *ci = getenv("CI");
    printf("  skipped: %s\n", why);
    if (ci && strcmp(ci, "true") == 0) {
        print_error("with CI=true nothing may be skipped: %s\n", why);
        assert_true(false);
    }
    n_skipped++;
    skip();
}
static int rm(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st; (void)flag; (void)ftw;
    return remove(path);
}
void test_remove(const char *path) { nftw(path, rm, 16, FTW_DEPTH | FTW_PHYS); }
static void drop_dir(void)
{
    if (dir[0]) test_remove(dir);
    dir[0] = 0;
}
const char *test_dir(void)
{
    drop_dir();
    snprintf(dir, sizeof dir, "/tmp/liuke-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}
const char *test_shared(const char *path)
{
    static char full[512];
    const char *root = getenv("LIUKE_SHARED");
    snprintf(full, sizeof full, "%s/%s", root ? root : "../shared", path);
    if (access(full, R_OK) != 0) test_skip("the shared data is not beside this checkout");
    return full;
}
static Cx the_cx;                             /* freed in the teardown, so that a failed test leaks nothing */
static int teardown(void **state)
{
    (void)state;
    arena_free(the_cx.arena);
    drop_dir();
    return 0;
}
static void run_one(void **state)
{
    the_cx = test_cx();
    assert_non_null(the_cx.arena);
    (*(void (**)(Cx *))*state)(&the_cx);
}
static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) if (strstr(name, argv[i])) return true;
    return argc == 1;
}
int main(int argc, char **argv)
{
    size_t n = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < n_all; i++)
        if (wanted(all[i].name, argc, argv))
            chosen[n++] = (struct CMUnitTest){ all[i].name, run_one, NULL, teardown, &all[i].run };
    int failed = _cmocka_run_group_tests("liuke", chosen, n, NULL, NULL);
    if (n_skipped) printf("%d passed, %d failed, %d skipped\n", (int)n - failed - n_skipped, failed, n_skipped);
    else printf("%d passed, %d failed\n", (int)n - failed, failed);
    return failed != 0;
}
