/* commands: what `liuke WORD` does. Each returns the exit code: 0 done, 1 it could not be done, 2 the words are
 * wrong. */
#ifndef LIUKE_COMMANDS_H
#define LIUKE_COMMANDS_H
#include "main/instance.h"

int command_serve(Cx *, const Config *);
int command_ask(Cx *, const Config *);
int command_case(Cx *, const Config *);
int command_import(Cx *, const Config *);
int command_export(Cx *, const Config *);
int command_recover(Cx *, const Config *);
int command_source(Cx *, const Config *);
int command_complain(const Cx *, Lang);      /* print cx->why on standard error; 1 */
#endif
