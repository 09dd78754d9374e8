/* caller: the API for the command line. A running server is asked over the folder's socket; without one the folder
 * is opened
 * here and the same routes run in this process. */
#ifndef LIUKE_CALLER_H
#define LIUKE_CALLER_H
#include "main/instance.h"
#include <stdio.h>

typedef struct Caller Caller;
Status caller_open(Cx *, const Config *, Caller **ret) MUST_USE;
/* The same, but a folder that is not there is refused, not made: for questions. NOT_FOUND. */
Status caller_open_known(Cx *, const Config *, Caller **ret) MUST_USE;
void   caller_close(Caller *);
typedef struct CallerReply { int code; Str body; } CallerReply;
/* path with its query. An error document of the API becomes the Status it stands for, with its code, field and
 * message in cx->why.log. */
Status caller_call(Cx *, Caller *, const char *method, Str path, Str body, CallerReply *ret) MUST_USE;
/* The folder open in this process, for what is too large to pass through a reply; NULL: a server has it. */
const App *caller_app(const Caller *);
/* GET from the running server, into a file as it comes. */
Status caller_download(Cx *, Caller *, Str path, FILE *to) MUST_USE;
#endif
