#!/bin/bash
# build: one of the build folders, set up when it is not there.
#   tools/build.sh asan|release|tsan|clang [NINJA-TARGET...]    release: liuke alone unless told otherwise
# asan: what the tests run; release: what people run; tsan: the threads; clang: the other compiler, and libFuzzer.
set -eu
cd "$(dirname "$0")/.."
kind=${1:?asan, release, tsan or clang}
shift
dir=build/$kind log=build/$kind.log
mkdir -p build
# The same objects serve every checkout of this machine.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

options() {
    case $kind in
        asan) echo "-Dfault=true -Db_sanitize=address,undefined -Doptimization=1 -Ddebug=true
            -Dc_args=-fno-sanitize-recover=undefined" ;;
        tsan) echo "-Dfault=true -Db_sanitize=thread -Doptimization=1 -Ddebug=true" ;;
        clang) echo "-Dfault=true -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
            -Ddebug=true" ;;
        release) echo "--buildtype=release -Db_lto=true" ;;
        *) echo "build: no kind $kind" >&2; return 1 ;;
    esac
}
[ "$kind" = clang ] && export CC='ccache clang'
# The tests need the fault seam, which a release has not.
[ "$kind" != release ] || [ $# -gt 0 ] || set -- liuke
opts=$(options)
if [ ! -f "$dir/build.ninja" ]; then
    rm -rf "$dir"
    meson setup "$dir" $opts >"$log" 2>&1 || { tail -20 "$log" >&2; exit 1; }
fi
if ! ninja -C "$dir" "$@" >"$log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\] (Compiling|Linking|Generating)' "$log" | tail -40 >&2
    echo "build: $dir failed" >&2
    exit 1
fi
