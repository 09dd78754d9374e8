/* statement: prepared statements kept per connection, found by the address of their text.
 *
 * Every Sql is made from a literal, so an address stands for its text. Private to this folder. */
#ifndef LIUKE_STATEMENT_H
#define LIUKE_STATEMENT_H
#include "base/base.h"

enum { STATEMENT_SETS = 64, STATEMENT_WAYS = 4 };
typedef struct Statement { const char *text; void *made; uint64_t used; bool busy; } Statement;
typedef struct Statements { uint64_t tick; Statement slot[STATEMENT_SETS][STATEMENT_WAYS]; } Statements;

/* The slot of this text, or the least recently used one of its set: then .text is another's or NULL, and the
 * caller drops .made and puts its own there. NULL: all of the set are busy. */
Statement *statement_find(Statements *, const char *text);
void       statement_drop_all(Statements *, void (*drop)(void *made));   /* drop NULL: only forget */
#endif
