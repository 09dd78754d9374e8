#!/bin/sh
# layers: fail if a file includes a header its layer may not know.
#   tools/layers.sh [TREE]
# One line per layer, lowest first: this table is the architecture, and meson.build links by the
# same one. Nouns of src/domain never include one another; neither do src/store's parts.
cd "${1:-$(dirname "$0")/..}" || exit 1
T=$(mktemp) || exit 1
trap 'rm -f "$T"' EXIT
cat >"$T" <<'EOF'
base
store  base
net    base
domain base store net
flow   base store net domain
http   base
api    base store domain flow http
job    base store net domain flow
main   base store net domain flow http api job
EOF
find src -name '*.[ch]' | sort | xargs awk -v table="$T" '
BEGIN { while ((getline l < table) > 0) { n = split(l, f, " "); for (i = 1; i <= n; i++) ok[f[1], f[i]] = 1 } }
FNR == 1 { n = split(FILENAME, me, "/"); test = FILENAME ~ /_test\.[ch]$/; files++ }
/^[ \t]*#[ \t]*include[ \t]*"/ {
    s = $0; sub(/^[^"]*"/, "", s); sub(/".*/, "", s); m = split(s, to, "/")
    if (test && to[1] == "tests") next
    if (m == 1) { bad("include \"" s "\" by its path from src"); next }
    if (!((me[2], to[1]) in ok)) bad(me[2] " may not include " s)
    else if (me[2] != to[1] || me[3] == to[2]) next
    else if (me[2] == "domain") bad("nouns of domain meet only in flow, not by " s)
    else if (me[2] == "store") bad("the parts of store meet only above it, not by " s)
}
function bad(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; rc = 1 }
END {
    if (!files) { print "layers: found nothing to look at"; rc = 1 }
    else if (!rc) print "layers: " files " files"
    exit rc
}'
