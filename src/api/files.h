/* files: what the program carries inside itself, made from web/ by tools/embed_files.sh. */
#ifndef LIUKE_FILES_H
#define LIUKE_FILES_H
#include "base/base.h"

typedef struct EmbeddedFile { const char *name; Str bytes; } EmbeddedFile;
const EmbeddedFile *files_find(const char *name);    /* NULL: none */
#endif
