#!/bin/bash
# shell: every script parses.
#   tools/shell.sh [TREE]
cd "${1:-$(dirname "$0")/..}" || exit 1
rc=0 n=0
for f in dev .ci/run tools/*.sh tests/*/*.sh bench/*.sh; do
    [ -f "$f" ] || continue
    n=$((n + 1))
    bash -n "$f" || rc=1
done
for f in tools/*.py tests/*/*.py; do
    [ -f "$f" ] || continue
    n=$((n + 1))
    python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$f" 2>&1 | sed -n '/File/,$p'
    [ "${PIPESTATUS[0]}" -eq 0 ] || rc=1
done
[ $n -gt 0 ] || rc=1
[ $rc -eq 0 ] && echo "shell: $n scripts"
exit $rc
