#!/bin/sh
# node: the Node.js that runs the tests: the machine's own if it is 20 or newer, else the one that npm's
# lock file in tools/node pins (Debian 12's own is 18).
#   tools/node.sh ARGS...          --new-enough: only say whether the machine's own will do
cd_node=$(cd "$(dirname "$0")" && pwd)/node/node_modules
new_enough() {
    v=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null </dev/null) && [ "$v" -ge 20 ]
}
if [ "${1:-}" = --new-enough ]; then new_enough; exit; fi
if new_enough; then exec node "$@"; fi
for own in "$cd_node"/node-linux-*/bin/node; do
    [ -x "$own" ] && exec "$own" "$@"
done
echo "node: neither Node 20 nor tools/node/node_modules here; ./dev test installs it" >&2
exit 1
