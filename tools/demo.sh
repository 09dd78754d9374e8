#!/bin/bash
# demo: liuke on a folder of its own with a small simulated product played into it.
#   tools/demo.sh [DIR] [serve's options]     build/demo unless told otherwise; kept between runs
set -eu
cd "$(dirname "$0")/.."
dir=build/demo
case ${1:-} in '' | -*) ;; *) dir=$1; shift ;; esac
mkdir -p "$dir"
exec build/release/liuke serve --demo --data "$dir/data" --zone Asia/Shanghai --product 一页书 "$@"
