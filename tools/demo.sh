#!/bin/bash
# demo: liuke with a small simulated product, 一页书 (a reading app), played into an empty folder.
#   tools/demo.sh [DIR] [serve's options]     build/demo, emptied at every start; another DIR is kept between runs
# It prints the addresses and the token to sign in with; Ctrl-C ends it. Mails stay in the console's test outbox.
set -eu
cd "$(dirname "$0")/.."
dir=build/demo
case ${1:-} in
    '' | -*) rm -rf build/demo ;;
    *) dir=$1; shift ;;
esac
mkdir -p "$dir"
exec build/release/liuke serve --demo --data "$dir/data" --zone Asia/Shanghai --product 一页书 "$@"
