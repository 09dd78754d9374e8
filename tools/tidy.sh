#!/bin/bash
# tidy: clang-tidy over the C files that changed.
#   tools/tidy.sh [--all] [TREE]     --all: over every file
# Changed: since the merge base with main, or since the commit before where that is HEAD itself; what is
# not committed counts too.
set -u
all=false
[ "${1:-}" = --all ] && { all=true; shift; }
cd "${1:-$(dirname "$0")/..}" || exit 1
build=${LIUKE_BUILD:-build/asan}
[ -f "$build/compile_commands.json" ] || { echo "tidy: $build has no compile_commands.json; build it first"; exit 1; }

base() {
    local head at
    head=$(git rev-parse HEAD)
    at=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null)
    if [ -z "$at" ] || [ "$at" = "$head" ]; then at=$(git rev-parse -q --verify HEAD~1); fi
    echo "$at"
}
# Only sources that are part of the build: the others have no flags to be read with.
changed() {
    if $all || ! git rev-parse -q --verify HEAD >/dev/null 2>&1 || [ -z "$(base)" ]; then
        find src tests bench -name '*.c' 2>/dev/null
    else
        git diff --name-only --diff-filter=d "$(base)" -- '*.c'
        git ls-files --others --exclude-standard -- '*.c'
    fi | sort -u | while read -r f; do
        grep -qF "$f\"" "$build/compile_commands.json" && echo "$f"
    done
}

files=$(changed)
[ -n "$files" ] || { echo "tidy: no C file changed"; exit 0; }
out=$(mktemp)
trap 'rm -f "$out"' EXIT
# -Werror is the compiler's business; gcc's flags that clang does not know are not worth a word.
echo "$files" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" \
    --extra-arg=-Wno-error --extra-arg=-Wno-unknown-warning-option >"$out" 2>/dev/null
rc=$?
if [ $rc -ne 0 ]; then
    mkdir -p build/logs
    sed -E "s#^([^ :]*/)?\.\./(src|tests|bench)/#\2/#; s#$PWD/##g" "$out" >build/logs/tidy.txt
    grep -E ': (error|warning): ' build/logs/tidy.txt
    echo "tidy: $(grep -cE ': (error|warning): ' "$out") findings; how it gets there is in build/logs/tidy.txt"
    exit 1
fi
echo "tidy: $(echo "$files" | wc -l) files"
