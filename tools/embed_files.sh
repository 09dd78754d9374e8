#!/bin/sh
# embed_files.sh FILE ...: C source of files_find(), each file under its own name.
set -eu
echo '#include "api/files.h"'
echo '#include <string.h>'
n=0
for f; do
    echo "static const unsigned char file_$n[] = {"
    od -An -v -tu1 "$f" | sed 's/\([0-9][0-9]*\)/\1,/g'
    echo '};'
    n=$((n + 1))
done
echo 'static const EmbeddedFile all[] = {'
n=0
for f; do
    echo "    { \"$(basename "$f")\", { (const char *)file_$n, sizeof file_$n } },"
    n=$((n + 1))
done
cat <<'C'
};
const EmbeddedFile *files_find(const char *name)
{
    for (size_t i = 0; i < COUNT(all); i++)
        if (strcmp(all[i].name, name) == 0) return &all[i];
    return NULL;
}
C
