#include "base/arena.h"
#include "base/limits.h"
#include "tests/fuzz/fuzz.h"

Cx fuzz_cx(void)
{
    static Arena *arena;
    if (!arena) arena = arena_new(CX_ARENA_MAX);
    FUZZ_CHECK(arena);
    arena_reset(arena);
    return (Cx){ .arena = arena, .now = INT64_C(1700000000000), .lang = LANG_EN };
}
