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
n=$((n + $(ls tools/*.py tests/*/*.py 2>/dev/null | wc -l)))
python3 - tools/*.py tests/*/*.py <<'EOF' || rc=1
import ast, sys
for path in filter(lambda p: "*" not in p, sys.argv[1:]):
    try:
        ast.parse(open(path, encoding="utf-8").read(), path)
    except SyntaxError as e:
        print(f"{path}:{e.lineno}: {e.msg}")
        sys.exit(1)
EOF
[ $n -gt 0 ] || rc=1
[ $rc -eq 0 ] && echo "shell: $n scripts"
exit $rc
