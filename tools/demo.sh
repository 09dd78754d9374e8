#!/bin/bash
# demo: liuke on a folder of its own, with nothing configured.
#   tools/demo.sh [DIR]        build/demo unless told otherwise; kept between runs
set -eu
cd "$(dirname "$0")/.."
dir=${1:-build/demo}
mkdir -p "$dir"
exec build/release/liuke serve --data "$dir"
