#!/bin/sh
# embed.sh FILE.sql ...: C source of migrate_list, the files in the order given. NNNN_name.sql is number NNNN.
set -eu
echo '#include "store/records/migrate.h"'
for f; do
    n=$(basename "$f" .sql)
    echo "static const unsigned char text_${n%%_*}[] = {"
    od -An -v -tu1 "$f" | sed 's/\([0-9][0-9]*\)/\1,/g'
    echo '};'
done
echo 'const Migration migrate_list[] = {'
for f; do
    n=$(basename "$f" .sql)
    number=$(echo "${n%%_*}" | sed 's/^0*//')
    echo "    { $number, \"${n#*_}\", { (const char *)text_${n%%_*}, sizeof text_${n%%_*} } },"
done
echo '};'
echo 'const size_t migrate_list_n = COUNT(migrate_list);'
