/* driver: a fuzz target without libFuzzer.
 *   fuzz-x [FILE-OR-FOLDER...]     the corpus (FUZZ_CORPUS when nothing is named), the seeds, and mutations of both
 *   fuzz-x --seeds FOLDER          write the seeds there, for libFuzzer to begin with
 * FUZZ_RUNS=n: n mutations instead of 20,000, or of 1,000,000 with LIUKE_LONG set. The same n gives the same inputs.
 * Inputs run in child processes, so that one that crashes is counted, kept in a file, and the rest still run. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/fuzz/fuzz.h"

enum { INPUTS_MAX = 4096, INPUT_MAX = 1 << 20, MUTANT_MAX = 1 << 16, BATCH = 1000 };
typedef struct Input { char *p; size_t n; } Input;
static Input inputs[INPUTS_MAX];              /* corpus and seeds */
static long n_inputs, n_mutants;

static void add_input(const void *p, size_t n)
{
    char *copy = malloc(n ? n : 1);
    if (!copy || n_inputs == INPUTS_MAX) return;
    if (n) memcpy(copy, p, n);
    inputs[n_inputs++] = (Input){ copy, n };
}
static bool add_file(const char *path)
{
    static char text[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    add_input(text, n);
    return true;
}
static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }
static bool add_path(const char *path)
{
    struct stat st;
    struct dirent **names;
    char full[4096];
    bool good = true;
    if (stat(path, &st) != 0) return false;
    if (!S_ISDIR(st.st_mode)) return add_file(path);
    int n = scandir(path, &names, visible, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(full, sizeof full, "%s/%s", path, names[i]->d_name);
        good = add_file(full) && good;
        free(names[i]);
    }
    if (n >= 0) free(names);
    return good && n >= 0;
}

static uint64_t state;
static uint64_t next_random(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
static size_t below(size_t n) { return n ? (size_t)(next_random() % n) : 0; }
/* Put n bytes of `what` in place of `gone` bytes at i. */
static size_t splice(char *to, size_t size, size_t i, size_t gone, const char *what, size_t n)
{
    if (gone > size - i) gone = size - i;
    if (size - gone + n > MUTANT_MAX) return size;
    memmove(to + i + n, to + i + gone, size - i - gone);
    if (n) memmove(to + i, what, n);
    return size - gone + n;
}
static size_t mutate_once(char *to, size_t size)
{
    static const char spice[] = "\"\\{}[],:;=&%+-. \t\r\n\0\x01\x7f\x80\xc2\xe4\xed\xf0\xff" "019eEtfnu/<@";
    const Input *other = &inputs[below((size_t)n_inputs)];
    size_t i = below(size + 1), from = below(other->n + 1), run = below(9);
    char byte = spice[below(sizeof spice - 1)];
    switch (below(7)) {
    case 0: return splice(to, size, i, 1, &byte, 1);
    case 1: return splice(to, size, i, 0, &byte, 1);
    case 2: return splice(to, size, i, below(9), "", 0);
    case 3: byte = (char)next_random(); return splice(to, size, i, 1, &byte, 1);
    case 4: return splice(to, size, i, run, other->p + from, below(other->n - from + 1));
    case 5: if (i < size) to[i] = (char)(to[i] ^ (1 << below(8))); return size;
    default: run = below(size - i + 1) % 64; return splice(to, size, i + run, 0, to + i, run);
    }
}
/* Input number i: first what was given, then mutants, each made from its own number. */
static Input make(long i)
{
    static char text[MUTANT_MAX + 64];
    if (i < n_inputs) return inputs[i];
    state = (uint64_t)i;
    const Input *base = &inputs[below((size_t)n_inputs)];
    size_t n = base->n < MUTANT_MAX ? base->n : MUTANT_MAX;
    if (n) memcpy(text, base->p, n);
    for (size_t times = 1 + below(8); times; times--) n = mutate_once(text, n);
    return (Input){ text, n };
}
static void run_one(long i)
{
    Input in = make(i);
    uint8_t *exact = malloc(in.n ? in.n : 1);                   /* a look past the end is seen */
    if (!exact) _exit(3);
    if (in.n) memcpy(exact, in.p, in.n);
    LLVMFuzzerTestOneInput(exact, in.n);
    free(exact);
}
static bool run_apart(long from, long to)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(300);                                             /* a loop that never ends fails too */
        for (long i = from; i < to; i++) run_one(i);
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
static void keep(const char *dir, const char *name, Input in)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f) return;
    fwrite(in.p, 1, in.n, f);
    fclose(f);
    printf("kept %s (%zu bytes)\n", path, in.n);
}
static long find_failures(long from, long to)
{
    long failed = 0;
    char name[64];
    for (long i = from; i < to && failed < 10; i++) {
        if (run_apart(i, i + 1)) continue;
        failed++;
        snprintf(name, sizeof name, "crash-%s-%ld", FUZZ_NAME, i);
        keep("/tmp", name, make(i));
    }
    return failed ? failed : 1;                                 /* only together: still a failure */
}
static int write_seeds(const char *dir)
{
    char name[64];
    for (size_t i = 0; i < fuzz_n_seeds; i++) {
        snprintf(name, sizeof name, "seed-%zu", i);
        keep(dir, name, (Input){ (char *)(uintptr_t)fuzz_seeds[i].p, fuzz_seeds[i].n });
    }
    return 0;
}
int main(int argc, char **argv)
{
    const char *runs = getenv("FUZZ_RUNS");
    long failed = 0, all;
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) return write_seeds(argv[2]);
    for (int i = 1; i < argc; i++)
        if (!add_path(argv[i])) {
            printf("cannot read %s\n0 passed, 1 failed\n", argv[i]);
            return 1;
        }
    if (argc == 1) (void)add_path(FUZZ_CORPUS);                 /* there may be none yet */
    for (size_t i = 0; i < fuzz_n_seeds; i++) add_input(fuzz_seeds[i].p, fuzz_seeds[i].n);
    n_mutants = runs ? strtol(runs, NULL, 10) : getenv("LIUKE_LONG") ? 1000000 : 20000;
    all = n_inputs + n_mutants;
    for (long i = 0; i < all && failed < 10; i += BATCH) {
        long to = all - i < BATCH ? all : i + BATCH;
        if (!run_apart(i, to)) failed += find_failures(i, to);
    }
    printf("%ld passed, %ld failed\n", all - failed, failed);
    return failed != 0;
}
