/* fuzz: what a fuzz target gives and gets.
 *
 * A target is a file with LLVMFuzzerTestOneInput(), which checks what must hold of any bytes with FUZZ_CHECK(),
 * and fuzz_seeds, inputs that reach its corners. It is linked twice: with driver.c, which the ordinary tests
 * run (the files of tests/fuzz/corpus/<target>, the seeds, and seeded random mutations of both), and in a
 * clang build with -Dfuzz=true with libFuzzer. What libFuzzer finds becomes a file of the corpus. See README.md. */
#ifndef LIUKE_FUZZ_H
#define LIUKE_FUZZ_H
#include <stdlib.h>
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const Str fuzz_seeds[];
extern const size_t fuzz_n_seeds;
#define FUZZ_SEEDS(...) \
    const Str fuzz_seeds[] = { __VA_ARGS__ }; \
    const size_t fuzz_n_seeds = COUNT(fuzz_seeds)
#define FUZZ_CHECK(e) do { if (!(e)) abort(); } while (0)

/* An empty Cx with a fixed clock, its arena kept from call to call. */
Cx fuzz_cx(void);
#endif
