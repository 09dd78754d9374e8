#!/bin/bash
# check: every check of the code that is not a test. The build is not started here: ./dev check builds first.
#   tools/check.sh [--all] [TREE]      --all: clang-tidy over every file
set -u
here=$(cd "$(dirname "$0")" && pwd)
tidy=
[ "${1:-}" = --all ] && { tidy=--all; shift; }
tree=${1:-$here/..}
passed=0 failed=0
one() {
    local name=$1 start=$EPOCHREALTIME out rc
    shift
    out=$("$@" 2>&1); rc=$?
    if [ $rc -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    [ $rc -eq 0 ] || echo "-- $name"
    echo "$out"
    awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { if (b - a > 10) printf "   (%.0f s)\n", b - a }'
}
one layers   "$here/layers.sh" "$tree"
one prefixes "$here/prefixes.py" "$tree"
one banned   "$here/banned.py" "$tree"
one format   "$here/format.py" "$tree"
one sizes    "$here/sizes.py" "$tree"
one dead     "$here/dead.py" "$tree"
one links    "$here/links.py" "$tree"
one limits   "$here/limits.py" "$tree"
one shell    "$here/shell.sh" "$tree"
one clang    "$here/clang.py" "$tree"
one tidy     "$here/tidy.sh" $tidy "$tree"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
