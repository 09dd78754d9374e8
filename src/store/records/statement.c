#include "store/records/statement.h"

Statement *statement_find(Statements *all, const char *text)
{
    Statement *set = all->slot[((uint64_t)(uintptr_t)text * 0x9e3779b97f4a7c15u) >> 58], *oldest = NULL;
    for (Statement *s = set; s < set + STATEMENT_WAYS; s++) {
        if (s->busy) continue;
        if (s->text == text) {
            s->used = ++all->tick;
            return s;
        }
        if (!oldest || s->used < oldest->used) oldest = s;
    }
    if (oldest) oldest->used = ++all->tick;
    return oldest;
}
void statement_drop_all(Statements *all, void (*drop)(void *made))
{
    for (size_t i = 0; i < STATEMENT_SETS; i++)
        for (size_t j = 0; j < STATEMENT_WAYS; j++) {
            Statement *s = &all->slot[i][j];
            if (drop && s->made) drop(s->made);
            *s = (Statement){ 0 };
        }
}
